"""A fake on a network, with everything it says recorded: what tests of fakes start from."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

from aiohttp import ClientSession, web

from fakes.kit import Surroundings
from fakes.kit.mail import MailReply
from simulator.loop import VirtualLoop
from simulator.network import LoopbackNetwork, Network, VirtualNetwork

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from fakes.kit import Exchange, Fact, Fake, MailMessage, PhoneMessage

START = datetime(2026, 3, 2, 3, 30, tzinfo=UTC)


class Pulse:
    """Beats whenever something happens; whoever waits for a condition looks again at every beat."""

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] = []

    def beat(self) -> None:
        """Tell whoever waits that something has happened."""
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def until(self, condition: Callable[[], object], *, patience_s: float = 10) -> None:
        """Wait until a condition holds; `TimeoutError` when it never does."""
        async with asyncio.timeout(patience_s):
            while not condition():
                beat = asyncio.get_running_loop().create_future()
                self._waiting.append(beat)
                await beat


@dataclass
class Recorder:
    """An observer, mail host and phone network that keeps everything."""

    exchanges: list[Exchange] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
    mails: list[MailMessage] = field(default_factory=list)
    texts: list[PhoneMessage] = field(default_factory=list)
    replies: dict[str, MailReply] = field(default_factory=dict)
    pulse: Pulse = field(default_factory=Pulse)
    _next: int = 0

    def open_entry(self) -> str:
        self._next += 1
        self.pulse.beat()
        return f"e{self._next}"

    def exchange(self, exchange: Exchange) -> None:
        self.exchanges.append(exchange)
        self.pulse.beat()

    def fact(self, fact: Fact) -> None:
        self.facts.append(fact)
        self.pulse.beat()

    def failed(self, error: BaseException) -> None:
        self.errors.append(error)

    async def deliver(self, message: Any) -> Any:
        """Take a mail or a phone message; mail is refused where `replies` says so."""
        if hasattr(message, "html"):
            self.mails.append(message)
            return self.replies.get(message.recipient, MailReply())
        self.texts.append(message)
        return True

    def facts_of(self, *kinds: str) -> list[Fact]:
        return [fact for fact in self.facts if fact.kind in kinds]

    def webhooks(self, name: str = "") -> list[Exchange]:
        return [e for e in self.exchanges if e.kind == "webhook" and name in ("", e.operation)]

    def check(self, *, sent: bool = True) -> None:
        """Fail on any error inside a fake, and on any answer or webhook that breaks its contract.

        Args:
            sent: Whether requests of the test itself must keep the contract too.
        """
        for error in self.errors:
            raise error
        broken = [
            f"{e.operation or e.url}: {violation}"
            for e in self.exchanges
            for violation in e.violations
            if sent or e.kind == "webhook" or violation.where.startswith("response")
        ]
        assert broken == []


class Receiver:
    """A web server of the test's own that keeps what it gets and answers as told."""

    def __init__(self) -> None:
        self.pulse = Pulse()
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.answer: Callable[[int], web.Response] = lambda _attempt: web.Response(text="ok")
        self.app = web.Application()
        self.app.router.add_route("*", "/{path:.*}", self._take)

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.requests.append((request.method, request.path_qs, dict(request.headers), body))
        self.pulse.beat()
        return self.answer(len(self.requests))


@dataclass
class Stage:
    """A network with fakes on it, a client, and what was recorded."""

    network: Network
    session: ClientSession
    recorder: Recorder
    now: Callable[[], datetime]

    def surroundings(self, seed: int = 7) -> Surroundings:
        return Surroundings(
            now=self.now,
            random=Random(seed),
            observer=self.recorder,
            mail_host=self.recorder,
            phone_network=self.recorder,
            url_of=self.network.url,
            door=self.network,
        )

    def url(self, host: str) -> str:
        """Give the base URL of a host on this arm; the test's own server is `receiver.test`."""
        return self.network.url(host)

    async def put_up(self, fake: Fake) -> None:
        """Serve a fake under its host names and start it."""
        await self.network.serve(fake.make_server, fake.hosts)
        await fake.start()


@asynccontextmanager
async def stage(
    *fakes: Callable[[Surroundings], Fake], receiver: Receiver | None = None
) -> AsyncIterator[Stage]:
    """Open a stage on the running loop.

    A receiver is there before the fakes are made, at `stage.url("receiver.test")`; in virtual time that is
    `https://receiver.test`.
    """
    loop = asyncio.get_running_loop()
    network: Network = VirtualNetwork(loop) if isinstance(loop, VirtualLoop) else LoopbackNetwork()
    recorder = Recorder()

    def now() -> datetime:
        return START + timedelta(seconds=loop.time())

    async with ClientSession() as session:
        made = Stage(network, session, recorder, now)
        if receiver is not None:
            receiver.pulse = recorder.pulse
            await network.serve(receiver.app, ["receiver.test"])
        started = [make(made.surroundings()) for make in fakes]
        for fake in started:
            await made.put_up(fake)
        try:
            yield made
        finally:
            for fake in started:
                await fake.stop()
            await network.close()
