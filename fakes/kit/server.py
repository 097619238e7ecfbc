"""The part that all fakes share: from a request to the handler of its operation, and to the observer.

Handlers are bound to the contract's operations by `operationId`. An operation without a handler, or a handler
without an operation, fails when the fake is made. Each exchange is judged and handed to the observer.
"""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qsl

from aiohttp import ClientSession, web

from contracts import Judge, Violation, load_contract
from contracts.validation import NO_CONTRACT
from fakes.kit.errors import UnboundOperation, VendorError
from fakes.kit.exchange import ACTOR_HEADER, CAUSE_HEADER, Exchange, Fact, current_cause

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping
    from datetime import datetime

    from contracts import Operation
    from contracts.catalog import Match
    from fakes.kit.surroundings import Surroundings

    Handler = Callable[["Call"], Awaitable[web.Response]]

__all__ = ["Call", "Fake"]

_LARGEST_BODY = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Call:
    """One request as a handler sees it.

    Attributes:
        request: The request itself, for headers and the rest.
        body: Raw bytes.
        path: Path parameters, decoded.
        exchange_id: The journal's id for this exchange.
    """

    request: web.Request
    body: bytes
    path: Mapping[str, str]
    exchange_id: str

    @property
    def query(self) -> Mapping[str, str]:
        """Query parameters; the first of a repeated one."""
        return self.request.query

    @property
    def headers(self) -> Mapping[str, str]:
        """Request headers; names compare without case."""
        return self.request.headers

    def json(self) -> Any:
        """Parse the body as JSON.

        Raises:
            ValueError: It is not JSON.
        """
        return json.loads(self.body)

    def form(self) -> dict[str, str]:
        """Parse the body as a classic form post; the last of a repeated field."""
        return dict(self.form_items())

    def form_items(self) -> list[tuple[str, str]]:
        """Parse the body as a classic form post, every field in order."""
        return parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True)


class Fake(ABC):
    """A stateful stand-in for one vendor.

    A subclass names its vendor, binds handlers, and says how the vendor answers what it does not know.
    Serve `app` on a network for every name in `hosts`, then `start`; `stop` undoes it.
    """

    vendor: ClassVar[str]

    def __init__(self, surroundings: Surroundings) -> None:
        self.surroundings = surroundings
        self.contract = load_contract(self.vendor)
        self.judge = Judge(self.contract)
        self._handlers = dict(self.handlers())
        self._check_bindings()
        self._tasks: set[asyncio.Task[None]] = set()
        self._session: ClientSession | None = None
        self.app = web.Application(client_max_size=_LARGEST_BODY)
        self.app.router.add_route("*", "/{path:.*}", self._serve)

    @property
    def hosts(self) -> tuple[str, ...]:
        """Host names under which the vendor is reached, the main one first."""
        return self.contract.hosts

    @property
    def session(self) -> ClientSession:
        """The client for outgoing webhooks; there from `start` to `stop`."""
        if self._session is None:
            raise RuntimeError(f"fake {self.vendor} is not started")
        return self._session

    @abstractmethod
    def handlers(self) -> Mapping[str, Handler]:
        """Give the handler of every operation in the contract, by `operationId`."""

    @abstractmethod
    def answer_unknown(self, call: Call, *, methods: tuple[str, ...]) -> web.Response:
        """Answer a request that no operation fits.

        Args:
            call: The request.
            methods: With which methods the path is known; empty for an unknown path.
        """

    @abstractmethod
    def render_error(self, error: VendorError) -> web.Response:
        """Put an error into the vendor's envelope."""

    def locate(self, method: str, raw_path: str) -> Match | None:
        """Find the operation a request is for; a vendor whose paths compare loosely overrides this.

        Args:
            method: Upper case.
            raw_path: As on the wire, still percent-encoded.
        """
        return self.contract.match(method, raw_path)

    async def start(self) -> None:
        """Begin background work; call on the loop that serves the fake."""
        self._session = ClientSession()

    async def stop(self) -> None:
        """End background work and close connections; what was under way is cut off."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None

    def spawn(self, work: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        """Run something beside the answer: a webhook, a later send. Its errors reach the observer."""
        task = asyncio.get_running_loop().create_task(self._guard(work), name=f"{self.vendor}: {name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def tell(self, kind: str, subject: str, /, *, at: datetime | None = None, **details: object) -> None:
        """Tell the observer a fact, with the exchange being handled as its cause."""
        self.surroundings.observer.fact(
            Fact(
                vendor=self.vendor,
                kind=kind,
                subject=subject,
                at=at or self.surroundings.now(),
                details=details,
                cause=current_cause.get(),
            )
        )

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - handed to whoever runs the world, who raises it
            self.surroundings.observer.failed(error)

    async def _serve(self, request: web.Request) -> web.Response:
        observer = self.surroundings.observer
        exchange_id = observer.open_entry()
        started_at = self.surroundings.now()
        current_cause.set(exchange_id)
        body = await _read(request)
        match = self.locate(request.method, request.rel_url.raw_path)
        call = Call(request, body, match.parameters if match else {}, exchange_id)
        response = await self._answer(call, match.operation if match else None)
        observer.exchange(
            Exchange(
                id=exchange_id,
                sender=request.headers.get(ACTOR_HEADER) or self.surroundings.caller,
                receiver=self.vendor,
                contract=self.vendor,
                operation=match.operation.id if match else "",
                kind="operation",
                method=request.method,
                url=str(request.url),
                request_headers=request.headers,
                request_body=body,
                status=response.status,
                response_headers=response.headers,
                response_body=_bytes(response),
                started_at=started_at,
                ended_at=self.surroundings.now(),
                cause=request.headers.get(CAUSE_HEADER, ""),
                violations=self._judge(call, match.operation if match else None, response),
            )
        )
        return response

    async def _answer(self, call: Call, operation: Operation | None) -> web.Response:
        try:
            if operation is None:
                return self.answer_unknown(call, methods=self.contract.methods(call.request.rel_url.raw_path))
            return await self._handlers[operation.id](call)
        except VendorError as error:
            return self.render_error(error)
        except Exception as error:  # noqa: BLE001 - handed to whoever runs the world, who raises it
            self.surroundings.observer.failed(error)
            return self.render_error(VendorError(500, "Internal Server Error"))

    def _judge(
        self, call: Call, operation: Operation | None, response: web.Response
    ) -> tuple[Violation, ...]:
        if operation is None:
            return (NO_CONTRACT(call.request.method, call.request.rel_url.raw_path),)
        asked = self.judge.request(
            operation,
            query=call.query,
            content_type=call.headers.get("Content-Type", ""),
            body=call.body,
        )
        answered = self.judge.response(
            operation,
            status=response.status,
            content_type=response.headers.get("Content-Type", ""),
            body=_bytes(response),
        )
        return asked + answered

    def _check_bindings(self) -> None:
        wanted = {operation.id for operation in self.contract.of_kind("operation")}
        without_handler = sorted(wanted - self._handlers.keys())
        without_operation = sorted(self._handlers.keys() - wanted)
        if without_handler or without_operation:
            raise UnboundOperation(
                f"fake {self.vendor}: operations without a handler: {', '.join(without_handler) or 'none'}; "
                f"handlers without an operation: {', '.join(without_operation) or 'none'}"
            )


async def _read(request: web.Request) -> bytes:
    """Read a body; one that is not the gzip it says, or is beyond all limits, reads as empty.

    The handler then refuses it in the vendor's own words, where aiohttp would answer 500 or 413 in its own.
    """
    try:
        return await request.read()
    except (web.RequestPayloadError, web.HTTPRequestEntityTooLarge):
        return b""


def _bytes(response: web.Response) -> bytes:
    return response.body if isinstance(response.body, bytes) else b""
