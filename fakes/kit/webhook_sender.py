"""Sends webhooks as vendors do: with a time-out, tries, waits, and strictly in order where the vendor says so."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import aiohttp

from contracts import VENDORS
from fakes.kit.befallen import Tried
from fakes.kit.exchange import ACTOR_HEADER, Exchange, current_cause

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from contracts import Violation
    from fakes.kit.faults import InstalledFault
    from fakes.kit.server import Fake

__all__ = ["Failure", "Lane", "RetryPolicy", "WebhookOutcome", "WebhookRequest", "WebhookSender"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRequest:
    """One webhook to send until it is taken or given up.

    Attributes:
        webhook: Its name in the vendor's contract.
        url: Where to.
        body: Raw bytes; the same at every try.
        headers: Made anew for each try, because a signature may cover the time of sending.
        method: Upper case.
        receiver: What the journal calls the receiver; when empty, what `Surroundings.receiver_of` says.
        prepare: Awaited before each try, for what `headers` needs and takes a call, such as a token.
    """

    webhook: str
    url: str
    body: bytes
    headers: Callable[[], Mapping[str, str]]
    method: str = "POST"
    receiver: str = ""
    prepare: Callable[[], Awaitable[None]] | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """A try that failed.

    Attributes:
        attempt: Which try it was, from 1.
        status: The answer's status, or None.
        error: `timeout`, `refused`, `reset` or `dns` when there was no answer.
        since_first_s: Seconds since the first try began.
    """

    attempt: int
    status: int | None
    error: str
    since_first_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How a vendor treats its webhooks.

    Attributes:
        timeout_s: How long one try may take.
        is_success: Which statuses end the tries.
        wait_s: Seconds to wait after a failure; None gives up.
    """

    timeout_s: float
    is_success: Callable[[int], bool]
    wait_s: Callable[[Failure], float | None]


@dataclass(frozen=True, slots=True)
class WebhookOutcome:
    """How it ended: taken or given up, after how many tries, with which last answer; the last try's journal id."""

    is_delivered: bool
    attempts: int
    status: int | None
    response_body: bytes = b""
    exchange_id: str = ""
    response_headers: Mapping[str, str] = field(default_factory=dict)


class WebhookSender:
    """Sends a fake's webhooks; each try is an exchange, judged by the vendor's own contract."""

    def __init__(self, fake: Fake) -> None:
        self._fake = fake

    async def send(self, request: WebhookRequest, policy: RetryPolicy) -> WebhookOutcome:
        """Send until the receiver takes it or the policy gives up. Redirects are not followed."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        attempt = 1
        while True:
            if request.prepare is not None:
                await request.prepare()
            tried = await self._try(request, attempt, policy.timeout_s)
            is_delivered = tried.status is not None and policy.is_success(tried.status)
            wait_s = None
            if not is_delivered:
                failure = Failure(attempt, tried.status, tried.error, loop.time() - began)
                wait_s = policy.wait_s(failure)
            if wait_s is None:
                return WebhookOutcome(
                    is_delivered,
                    attempt,
                    tried.status,
                    tried.body,
                    tried.exchange_id,
                    tried.headers,
                )
            await asyncio.sleep(wait_s)
            attempt += 1

    async def _try(self, request: WebhookRequest, attempt: int, timeout_s: float) -> Tried:
        one = _Try(self._fake, request, attempt=attempt, timeout_s=timeout_s)
        faults = self._fake.faults
        if faults.installed and (installed := faults.pick_for_webhook(request.webhook)):
            one.installed = installed
            return await installed.rule.fault.send(one)
        return await one.deliver()


class _Try:
    """One try of a webhook; what `fakes.kit.fault_kinds` asks of it."""

    installed: InstalledFault

    def __init__(self, fake: Fake, request: WebhookRequest, *, attempt: int, timeout_s: float) -> None:
        self._fake = fake
        self._request = request
        self._attempt = attempt
        self._timeout_s = timeout_s

    async def deliver(self, *, is_sent: bool = True, status: int | None = None, error: str = "") -> Tried:
        fake, request = self._fake, self._request
        cause = current_cause.get()
        exchange_id = fake.surroundings.observer.open_entry()
        started_at = fake.surroundings.now()
        headers = dict(request.headers())
        receiver = request.receiver or fake.surroundings.receiver_of(request.url)
        if receiver in VENDORS:
            headers[ACTOR_HEADER] = fake.vendor  # or the other fake would take it for the bridge
        tried = await self._send(headers) if is_sent else Tried(None)
        if status is not None or error:
            tried = Tried(status, error)
        installed = getattr(self, "installed", None)
        fake.record(
            Exchange(
                id=exchange_id,
                sender=fake.vendor,
                receiver=receiver,
                contract=fake.vendor,
                operation=request.webhook,
                kind="webhook",
                method=request.method,
                url=request.url,
                request_headers=headers,
                request_body=request.body,
                status=tried.status,
                response_headers=tried.headers,
                response_body=tried.body,
                started_at=started_at,
                ended_at=fake.surroundings.now(),
                attempt=self._attempt,
                error=tried.error,
                fault=installed.rule.describe() if installed is not None else "",
                cause=cause,
                violations=self._judge(headers),
            )
        )
        return replace(tried, exchange_id=exchange_id)

    def repeat(self, after_s: float) -> None:
        self._fake.spawn(self._deliver_again(after_s), name=f"repeated webhook {self._request.webhook}")

    async def _deliver_again(self, after_s: float) -> None:
        await asyncio.sleep(after_s)
        await self.deliver()

    async def _send(self, headers: Mapping[str, str]) -> Tried:
        request = self._request
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self._fake.session.request(
                    request.method, request.url, data=request.body, headers=headers, allow_redirects=False
                ) as response,
            ):
                body = await response.read()
                return Tried(response.status, headers=response.headers, body=body)
        except TimeoutError:
            return Tried(None, "timeout")
        except aiohttp.ClientConnectorDNSError:
            return Tried(None, "dns")
        except aiohttp.ClientConnectorError:
            return Tried(None, "refused")
        except (aiohttp.ClientError, ValueError):
            # The latter for a header that HTTP cannot carry, such as one with a person's property of two lines.
            return Tried(None, "reset")

    def _judge(self, headers: Mapping[str, str]) -> tuple[Violation, ...]:
        return self._fake.judge.request(
            self._fake.contract.operation(self._request.webhook),
            query={},
            content_type=headers.get("Content-Type", ""),
            body=self._request.body,
        )


class Lane:
    """Does pieces of work strictly one after the other, as a vendor's per-endpoint queue does."""

    def __init__(self, fake: Fake, name: str) -> None:
        self._fake = fake
        self._name = name
        self._waiting: deque[Callable[[], Awaitable[None]]] = deque()
        self._is_busy = False
        fake.when_cut_off(self.clear)

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, work: Callable[[], Awaitable[None]]) -> None:
        """Add a piece of work; it starts once everything before it is over."""
        cause = current_cause.get()

        async def with_cause() -> None:
            current_cause.set(cause)
            await work()

        self._waiting.append(with_cause)
        if not self._is_busy:
            self._is_busy = True
            self._fake.spawn(self._run(), name=self._name)

    def clear(self) -> None:
        """Forget what waits, once nothing is at work any more."""
        self._waiting.clear()
        self._is_busy = False

    async def _run(self) -> None:
        try:
            while self._waiting:
                await self._waiting.popleft()()
        finally:
            self._is_busy = False
