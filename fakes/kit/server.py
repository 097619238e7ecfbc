"""The part that all fakes share: from a request to the handler of its operation, and to the observer.

Handlers are bound to the contract's operations by `operationId`. An operation without a handler, or a handler
without an operation, fails when the fake is made. Each exchange is judged and handed to the observer. A fault
rule may come between a request and its handler; where none is installed, nothing is looked at.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final

from aiohttp import ClientSession, TCPConnector, web

from contracts import Judge, Violation, load_contract
from contracts.bodies import Body
from fakes.kit.answers import AnswerWriter, FixedAnswer
from fakes.kit.bindings import check_bindings
from fakes.kit.books import Books
from fakes.kit.breaking import break_off, send_part
from fakes.kit.call import Call
from fakes.kit.errors import VendorError
from fakes.kit.exchange import Exchange, Fact, current_cause
from fakes.kit.fault_kinds import whole_seconds
from fakes.kit.faults import Faults
from fakes.kit.http_server import LARGEST_BODY, HttpServer, serve_for
from fakes.kit.outages import Outages
from fakes.kit.route import Route

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping
    from datetime import datetime

    from contracts import Operation
    from contracts.catalog import Match
    from fakes.kit.exchange import ExchangeKeeper
    from fakes.kit.faults import InstalledFault
    from fakes.kit.request import Request
    from fakes.kit.surroundings import Surroundings

    Handler = Callable[["Call"], Awaitable[web.Response]]

__all__ = ["Fake"]

_UNKNOWN: Final[Any] = object()


class Fake(ABC):
    """A stateful stand-in for one vendor.

    A subclass names its vendor, binds handlers, and says how the vendor answers what it does not know.
    Serve `app` on a network for every name in `hosts`, then `start`; `stop` undoes it.

    Attributes:
        says_when_to_retry: Whether the vendor's refusal of too many calls has a `Retry-After`.
        faults: What goes wrong on purpose.
        books: What is handed over of each call.
        keeper: Keeps exchanges for the control API; None as long as nobody asks for it.
    """

    vendor: ClassVar[str]
    says_when_to_retry: ClassVar[bool] = True

    def __init__(self, surroundings: Surroundings) -> None:
        self.surroundings = surroundings
        self._now = surroundings.now
        self._observer = surroundings.observer
        self.contract = load_contract(self.vendor)
        self.judge = Judge(self.contract)
        self._handlers = dict(self.handlers())
        check_bindings(self.contract, self._handlers)
        self.faults = self._make_faults()
        self.keeper: ExchangeKeeper | None = None
        self.books = Books(self.vendor, self.judge, surroundings)
        self._writer = AnswerWriter(surroundings.now)
        self._at_once = dict(self.handlers_at_once())
        self._tasks: set[asyncio.Task[None]] = set()
        self._when_cut_off: list[Callable[[], None]] = []
        self._session: ClientSession | None = None
        self._servers: list[HttpServer] = []
        self.app = web.Application(client_max_size=LARGEST_BODY)
        self.app.router.add_route("*", r"/{path:[\s\S]*}", partial(serve_for, self))

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

    def handlers_at_once(self) -> Mapping[str, Callable[[Call], web.Response | FixedAnswer]]:
        """Give plain functions for operations that never have to wait: their answers cost less.

        An answer that is always the same costs least as a `FixedAnswer` that belongs to this one operation.
        """
        return {}

    def take_up_settings(self) -> None:
        """Make anew what was made from settings, which have changed."""
        self._at_once = dict(self.handlers_at_once())
        for server in self._servers:
            server.forget_heads()

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

    def rate_limit_error(self) -> VendorError:
        """Make the vendor's own refusal of too many calls; a vendor with words of its own overrides this."""
        return VendorError(429, "Too Many Requests")

    def record(self, exchange: Exchange) -> None:
        """Hand over an exchange that has ended."""
        self.surroundings.observer.exchange(exchange)
        if self.keeper is not None:
            self.keeper.keep(exchange)

    def locate(self, method: str, raw_path: str) -> Match | None:
        """Find the operation a request is for; a vendor whose paths compare loosely overrides this.

        Args:
            method: Upper case.
            raw_path: As on the wire, still percent-encoded.
        """
        return self.contract.match(method, raw_path)

    async def start(self) -> None:
        """Begin background work; call on the loop that serves the fake."""
        # aiohttp's cache wakes whoever waits for the same name in the order of a set, which differs from run to run.
        self._session = ClientSession(connector=TCPConnector(use_dns_cache=False))

    @property
    def under_way(self) -> int:
        """How many pieces of work are at work beside the answers."""
        return len(self._tasks)

    async def cut_off(self) -> None:
        """End background work where it is."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for forget in self._when_cut_off:
            forget()

    def when_cut_off(self, forget: Callable[[], None]) -> None:
        """Have something called when background work is ended: a queue forgets what waits in it."""
        self._when_cut_off.append(forget)

    async def stop(self) -> None:
        """End background work and close connections; what was under way is cut off."""
        self.faults.end_outages()
        await self.cut_off()
        if self._session is not None:
            await self._session.close()
            self._session = None

    def spawn(self, work: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        """Run something beside the answer: a webhook, a later send. Its errors reach the observer."""
        task = asyncio.get_running_loop().create_task(self._guard(work), name=f"{self.vendor}: {name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(
            lambda _: work.close()
        )  # one that is cancelled before it began was never awaited
        return task

    def tell(self, kind: str, subject: str, /, *, at: datetime | None = None, **details: object) -> None:
        """Tell the observer a fact, with the exchange being handled as its cause."""
        self.tell_details(kind, subject, details, at=at)

    def tell_details(
        self, kind: str, subject: str, details: Mapping[str, object], *, at: datetime | None = None
    ) -> None:
        """Tell the observer a fact whose details stand in a mapping already; nobody changes it any more."""
        fields = (self.vendor, kind, subject, at or self._now(), details, current_cause.get())
        self._observer.fact(tuple.__new__(Fact, fields))  # in half the time that reading arguments takes

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - handed to whoever runs the world, who raises it
            self.surroundings.observer.failed(error)

    def answer_at_once(self, request: Request, body: bytes) -> bytes | None:
        """Answer a request whose handler has nothing to wait for; None for any other, which `answer` is for."""
        known = request.head.known
        route: Route | None = known.get(self, _UNKNOWN)
        if route is _UNKNOWN:
            route = known[self] = self._route(request)
        if route is None or self.faults.installed:
            return None
        started_at = self._now()
        exchange_id = self._observer.open_entry()
        call = Call(request, Body(body), route.path, exchange_id)
        asked = route.judge(call.content)
        cause = current_cause.set(exchange_id)
        try:
            answer = route.handler(call)
        except Exception as error:  # noqa: BLE001 - told apart there
            answer = self._answer_error(error)
        finally:
            current_cause.reset(cause)
        operation = route.operation
        if isinstance(answer, FixedAnswer):
            answered = answer.answered
            if answered is None:
                answered = answer.answered = self.books.answered(answer.response, operation)
            written = self._writer.write_fixed(answer, started_at)
        else:
            answered = self.books.answered(answer, operation)
            written = self._writer.write(answer, started_at)
        # Nothing was waited for: all of it happened at one instant.
        self.record(
            self.books.exchange(
                call, operation, answered, asked=asked, started_at=started_at, ended_at=started_at
            )
        )
        return written

    async def answer(self, request: Request, body: bytes) -> web.Response:
        """Answer a request.

        Raises:
            ConnectionResetError: A fault leaves it without one.
        """
        started_at = self.surroundings.now()
        match = self.locate(request.method, request.rel_url.raw_path)
        operation = match.operation if match else None
        call, asked = self._open(request, body, match)
        if self.faults.installed and (
            installed := self.faults.pick_for_call(operation, self.books.caller(call))
        ):
            return await _FaultedCall(self, call, operation, installed).serve(started_at, asked)
        response = await self._answer(call, operation)
        answered = self.books.answered(response, operation)
        self.record(self.books.exchange(call, operation, answered, asked=asked, started_at=started_at))
        return response

    def malformed_error(self) -> VendorError:
        """Make the refusal of what cannot be read as HTTP; a vendor with words of its own overrides this."""
        return VendorError(400, "Bad Request")

    def answer_malformed(self) -> bytes:
        """Refuse what cannot be read as HTTP; the connection is closed after it.

        It is nobody's call, so that nothing is recorded.
        """
        response = self.render_error(self.malformed_error())
        response.headers["Connection"] = "close"
        return self._writer.write(response)

    def to_bytes(self, response: web.Response) -> bytes:
        """Write an answer down."""
        return self._writer.write(response)

    def make_server(self, **options: Any) -> HttpServer:
        """Make a server for this fake; `app` is the same for who has an application to put it in.

        Args:
            options: What `aiohttp.web.Server` takes besides.
        """
        server = HttpServer(self, **options)
        self._servers.append(server)
        return server

    def _route(self, request: Request) -> Route | None:
        """Find who answers requests with this head, if that can be done at once."""
        match = self.locate(request.method, request.rel_url.raw_path) if self._at_once else None
        handler = self._at_once.get(match.operation.id) if match else None
        if match is None or handler is None:
            return None
        judge = self.books.judge_of(request, match.operation)
        return Route(handler, match.operation, match.parameters, judge)

    def _make_faults(self) -> Faults:
        surroundings, outages = self.surroundings, None
        if (door := surroundings.door) is not None:

            def shut() -> None:
                door.shut(self.hosts[0])
                for server in self._servers:
                    server.cut()

            outages = Outages(shut, lambda: door.reopen(self.hosts[0]), now=surroundings.now)
        return Faults(self.contract, now=surroundings.now, random=surroundings.fault_random, outages=outages)

    def _open(self, request: Request, body: bytes, match: Match | None) -> tuple[Call, tuple[Violation, ...]]:
        """Take a request in, and judge it before its handler, who may change the value that both read from it."""
        exchange_id = self.surroundings.observer.open_entry()
        current_cause.set(exchange_id)
        call = Call(request, Body(body), match.parameters if match else {}, exchange_id)
        return call, self.books.judge_request(call, match.operation if match else None)

    async def _answer(self, call: Call, operation: Operation | None) -> web.Response:
        try:
            if operation is None:
                return self.answer_unknown(call, methods=self.contract.methods(call.request.rel_url.raw_path))
            return await self._handlers[operation.id](call)
        except Exception as error:  # noqa: BLE001 - told apart there
            return self._answer_error(error)

    def _answer_error(self, error: Exception) -> web.Response:
        if isinstance(error, VendorError):
            return self.render_error(error)
        self.surroundings.observer.failed(error)  # whoever runs the world raises it
        return self.render_error(VendorError(500, "Internal Server Error"))


class _FaultedCall:
    """A call that a fault befalls; what `fakes.kit.fault_kinds` asks of it."""

    def __init__(
        self, fake: Fake, call: Call, operation: Operation | None, installed: InstalledFault
    ) -> None:
        self.installed = installed
        self._fake = fake
        self._call = call
        self._operation = operation

    async def serve(self, started_at: datetime, asked: tuple[Violation, ...]) -> web.Response:
        fake, call, operation = self._fake, self._call, self._operation
        answer = await self.installed.rule.fault.serve(self)
        response = answer.response
        # A vendor that publishes no 429 still has one here; what is no part of its contract is not judged by it.
        is_documented = response is not None and fake.books.documents(operation, response.status)
        is_judged = answer.is_vendors and is_documented
        fake.record(
            fake.books.exchange(
                call,
                operation,
                fake.books.answered(response, operation, is_judged=is_judged),
                asked=asked,
                started_at=started_at,
                error="" if answer.arrives is None and response is not None else "reset",
                fault=self.installed.rule.describe(),
            )
        )
        if response is None:
            break_off(call.request)
        if answer.arrives is not None:
            send_part(call.request, fake.to_bytes(response), answer.arrives)
        return response

    async def handle(self) -> web.Response:
        return await self._fake._answer(self._call, self._operation)  # noqa: SLF001 - one class in two parts

    async def handle_with_wrong_credentials(self) -> web.Response:
        wrong = self._call.with_wrong_credentials()
        return await self._fake._answer(wrong, self._operation)  # noqa: SLF001 - one class in two parts

    def refuse_for_rate(self, retry_after_s: float) -> web.Response:
        response = self._fake.render_error(self._fake.rate_limit_error())
        if self._fake.says_when_to_retry:
            response.headers["Retry-After"] = whole_seconds(retry_after_s)
        return response

    def repeat(self, after_s: float) -> None:
        self._fake.spawn(self._handle_again(after_s), name="repeated call")

    async def _handle_again(self, after_s: float) -> None:
        await asyncio.sleep(after_s)
        fake, first = self._fake, self._call
        body = Body(first.body)
        call = Call(first.request, body, first.path, fake.surroundings.observer.open_entry())
        current_cause.set(call.exchange_id)
        started_at = fake.surroundings.now()
        asked = fake.books.judge_request(call, self._operation)
        response = await fake._answer(call, self._operation)  # noqa: SLF001 - one class in two parts
        fake.record(
            fake.books.exchange(
                call,
                self._operation,
                fake.books.answered(response, self._operation),
                asked=asked,
                started_at=started_at,
                fault=self.installed.rule.describe(),
            )
        )
