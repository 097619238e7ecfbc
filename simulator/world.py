"""One world: everything that one run owns, and nothing outside it.

Seed, clock, network, people, fakes, the bridge under test, the journal. A world is opened, played and closed; two
worlds never share anything.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from contracts import Judge, Violation, load_contract
from contracts.validation import NO_CONTRACT
from fakes.kit import ACTOR_HEADER, Surroundings
from simulator.errors import SimulatorError
from simulator.journal import Journal
from simulator.ledger_rules import BROKEN_TEXTS
from simulator.loop import LiveLoop
from simulator.mailboxes import Mailboxes
from simulator.masking import Masking
from simulator.people import make_people, split_random
from simulator.phones import Phones
from simulator.steps import App
from simulator.system_under_test import make_system_under_test
from simulator.vendors import Vendors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from fakes.kit import Exchange
    from simulator.network import Network
    from simulator.people import Person
    from simulator.scenario import Scenario

__all__ = ["BRIDGE", "CLIENT", "MessagesDropped", "World"]

BRIDGE: Final = "bridge"
"""How the journal calls the system under test."""

CLIENT: Final = "client"
"""How it calls whoever else calls a vendor, where anybody may."""

_SETTLES_S: Final = 120.0
"""How long the bridge and the vendors have, once nobody acts any more, to hand over what is under way."""

_QUIET_S: Final = 1.5
"""On a real network, when nothing has been said for so long, nothing is under way any more."""

_PROGRESS_S: Final = 3600.0


class MessagesDropped(SimulatorError):
    """A campaign's text makes no message once it is filled in for somebody.

    Attributes:
        campaign: Name of the CleverTap campaign.
        count: How many people got nothing because of it.
    """

    def __init__(self, campaign: str, count: int) -> None:
        people = "1 person" if count == 1 else f"{count} people"
        super().__init__(
            f"CleverTap campaign {campaign!r} sent nothing to {people}: its body is no JSON, or its URL no URL, "
            "once it is filled in for them"
        )
        self.campaign = campaign
        self.count = count


class World:
    """Everything that one run owns. Open it on the loop that owns its time.

    Attributes:
        scenario: What is played.
        seed: Where all chance comes from.
        journal: What happened.
        people: Who lives in it.
        vendors: The fakes.
        network: What connects them.
        bridge_url: Base URL of the bridge, once open.
    """

    def __init__(
        self,
        scenario: Scenario,
        *,
        seed: int,
        network: Network,
        bridge: str = "",
        is_open_house: bool = False,
    ) -> None:
        """Make a world; nothing happens before it is opened.

        Args:
            scenario: What is played.
            seed: Where all chance comes from.
            network: What connects everybody.
            bridge: What is tested, as `--bridge` says it.
            is_open_house: Whether unknown addresses take mail, and a caller without a name is a client and not the
                bridge, as `serve` wants it for real clients.
        """
        self.scenario = scenario
        self.seed = seed
        self.network = network
        self.people: tuple[Person, ...] = make_people(scenario.people, seed)
        self._starts: datetime = scenario.starts.astimezone(UTC)
        self._instant: datetime
        self._instant_loop_s: float
        self._offset_s: float
        loop = asyncio.get_running_loop()
        self._moment: Callable[[], float] = getattr(loop, "moment", loop.time)
        self._count_from_now()
        self._caller = CLIENT if is_open_house else BRIDGE
        self.journal = Journal(self.now)
        self.mailboxes = Mailboxes(
            self.people,
            self.journal,
            everybody_exists=is_open_house,
            expects_faults=bool(scenario.faults),
        )
        self.phones = Phones(
            self.people,
            self.journal,
            everybody_exists=is_open_house,
            expects_faults=bool(scenario.faults),
        )
        self.vendors = Vendors.make(scenario.accounts, self._surroundings)
        self.journal.judges_for_receiver = _BridgeJudge(judges_answers=bridge in ("", "builtin"))
        self.bridge = make_system_under_test(bridge, now=self.now, random=split_random(seed, "bridge"))
        self.bridge_url = ""
        self._stack = AsyncExitStack()
        self._app: App | None = None

    async def __aenter__(self) -> Self:
        try:
            with self._masked():
                await self._open()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._close()

    async def _close(self) -> None:
        """Close everything, even when Ctrl-C comes meanwhile: then it is raised when all is closed."""
        closing = asyncio.get_running_loop().create_task(self._stack.aclose(), name="close the world")
        try:
            await asyncio.shield(closing)
        except asyncio.CancelledError:
            await closing
            raise

    def now(self) -> datetime:
        """The world's instant: its start plus what its loop has seen pass, to the microsecond."""
        loop_s = self._moment()
        if loop_s != self._instant_loop_s:  # asked a dozen times in a moment, and dates are dear
            self._instant = self._starts + timedelta(seconds=loop_s - self._offset_s)
            self._instant_loop_s = loop_s
        return self._instant

    def _count_from_now(self) -> None:
        """Make this moment the scenario's start."""
        self._offset_s = self._instant_loop_s = self._moment()
        self._instant = self._starts

    @property
    def elapsed_s(self) -> float:
        """Seconds since the scenario's start."""
        return (self.now() - self._starts).total_seconds()

    @property
    def is_busy(self) -> bool:
        """Whether a message is under way, or somebody is about to send one."""
        is_calling = self._app is not None and self._app.is_calling
        return is_calling or self.mailboxes.is_acting or self.phones.is_acting or not self.journal.is_complete

    async def play(self, progress: Callable[[float], None] = lambda _s: None) -> None:
        """Play the whole journey, let what is under way arrive, and stop.

        Args:
            progress: Told now and then how many seconds of the scenario have passed.
        """
        with self._masked():
            await self._play(progress)
        self._tell_dropped()

    async def _play(self, progress: Callable[[float], None]) -> None:
        assert self._app is not None  # noqa: S101 - a world is played only while it is open
        self._count_from_now()
        await self._app.prepare()
        self._install_faults()
        ticker = asyncio.create_task(self._tell(progress), name="progress")
        try:
            await self._do_all()
            await asyncio.sleep(max(0.0, self.scenario.lasts_s - self.elapsed_s))
        finally:
            ticker.cancel()
        await self.mailboxes.close()
        await self.phones.close()
        await self._settle()
        progress(self.scenario.lasts_s)

    def _install_faults(self) -> None:
        """Let what the scenario has go wrong be at work, each at its time."""
        fakes = self.vendors.all()
        for spec in self.scenario.faults:
            starts_at = self._starts + timedelta(seconds=spec.at_s)
            ends_at = None if spec.lasts_s is None else starts_at + timedelta(seconds=spec.lasts_s)
            rule = replace(spec.rule, starts_at=starts_at, ends_at=ends_at)
            fakes[spec.vendor].faults.install(rule)
            until = "" if ends_at is None else ends_at.isoformat()
            self.journal.note(
                f"fault at {spec.vendor}: {rule.describe()}",
                details={
                    "vendor": spec.vendor,
                    "from": starts_at.isoformat(),
                    "until": until,
                    "on": list(rule.on),
                },
            )

    @contextmanager
    def _masked(self) -> Iterator[None]:
        """Hide secrets in what the simulator says of its failures: URLs and answers may hold them."""
        try:
            yield
        except SimulatorError as error:
            error.args = tuple(self.journal.masking.value(list(error.args)))
            raise

    def _tell_dropped(self) -> None:
        """Tell of messages that CleverTap could not send because of what the scenario wrote into them."""
        dropped = Counter(
            str(fact.details["campaign"])
            for fact in self.journal.facts("clevertap", "message_dropped")
            if fact.details["reason"] in BROKEN_TEXTS
        )
        self.journal.errors += [MessagesDropped(campaign, count) for campaign, count in dropped.items()]

    async def _settle(self) -> None:
        """Let what is under way arrive: for a fixed time, or on a real network until nothing is said any more."""
        loop = asyncio.get_running_loop()
        if not isinstance(loop, LiveLoop):
            await asyncio.sleep(_SETTLES_S)
            return
        loop.is_busy = lambda: True  # what a bridge outside still has to hand over takes it real time
        deadline, recorded = loop.time() + _SETTLES_S, -1
        while loop.time() < deadline and (recorded < len(self.journal) or not self.journal.is_complete):
            recorded = len(self.journal)
            await asyncio.sleep(_QUIET_S)

    async def _do_all(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for index, step in enumerate(self.scenario.journey):
                    group.create_task(self._do(index, step), name=f"step {step.where}")
        except BaseExceptionGroup as failures:
            # The first failure cancelled the other steps; it is the one to tell.
            raise _first(failures) from failures

    async def _do(self, index: int, step: Any) -> None:
        assert self._app is not None  # noqa: S101 - a world is played only while it is open
        await asyncio.sleep(max(0.0, step.at_s - self.elapsed_s))
        await self._app.do(step, index)

    async def _tell(self, progress: Callable[[float], None]) -> None:
        while True:
            await asyncio.sleep(_PROGRESS_S)
            progress(self.elapsed_s)

    async def _open(self) -> None:
        # aiohttp's cache wakes whoever waits for the same name in the order of a set, which differs from run to run.
        connector = aiohttp.TCPConnector(use_dns_cache=False)
        session = await self._stack.enter_async_context(
            aiohttp.ClientSession(connector=connector, headers={ACTOR_HEADER: "app"})
        )
        self._stack.push_async_callback(self.network.close)
        self._stack.callback(self.journal.close)
        self._stack.push_async_callback(self.vendors.stop)  # Ctrl-C may come while they start
        await self.vendors.start(self.network)
        self.journal.masking = Masking(self.vendors.secrets())
        self._stack.push_async_callback(self.mailboxes.close)
        self._stack.push_async_callback(self.phones.close)
        settings = self.vendors.bridge_settings(self.network)
        if self.bridge.needs_real_network:
            # Its clock is the wall's and not the world's: a signature's age means nothing to it.
            settings["customerio_tolerance_s"] = 1e12
        self.bridge_url = await self.bridge.start(self.network, settings)
        self._stack.push_async_callback(self.bridge.stop)
        await self.vendors.connect(
            self.bridge_url, session=session, network=self.network, starts=self._starts
        )
        self._app = App(
            scenario=self.scenario,
            seed=self.seed,
            people=self.people,
            vendors=self.vendors,
            network=self.network,
            session=session,
            journal=self.journal,
            now=self.now,
        )

    def _surroundings(self, vendor: str) -> Surroundings:
        return Surroundings(
            now=self.now,
            random=split_random(self.seed, vendor),
            fault_random=split_random(self.seed, f"faults/{vendor}"),
            observer=self.journal,
            mail_host=self.mailboxes,
            phone_network=self.phones,
            url_of=self.network.url,
            caller=self._caller,
            door=self.network,
            receiver_of=self._name_of,
        )

    def _name_of(self, url: str) -> str:
        """Name the receiver of a webhook: the bridge, a vendor, or else the host."""
        authority = _authority(url)
        if authority == _authority(self.bridge_url):
            return BRIDGE
        for vendor, fake in self.vendors.all().items():
            if authority == _authority(self.network.url(fake.hosts[0])):
                return vendor
        return authority


def _authority(url: str) -> str:
    """Host and port of a URL, without the credentials that may stand before them; nothing for what is no URL."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2]
    except ValueError:
        return ""


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _is_honest_refusal(exchange: Exchange) -> bool:
    """Whether the receiver says when to come again; what is lost by it is the ledger's to find."""
    has_date = any(name.lower() == "retry-after" for name in exchange.response_headers)
    return exchange.status in (429, 503) and has_date


class _BridgeJudge:
    """Judges webhooks to the bridge by the bridge's own contract, besides their sender's.

    What a bridge answers is its own business as long as its vendors take it; only the built-in one has said more.
    """

    def __init__(self, *, judges_answers: bool) -> None:
        self._judges_answers = judges_answers
        self._contract = load_contract("bridge")
        self._judge = Judge(self._contract)

    def __call__(self, exchange: Exchange) -> tuple[Violation, ...]:
        if exchange.receiver != BRIDGE or exchange.status is None:
            return ()
        path = URL(exchange.url).raw_path
        match = self._contract.match(exchange.method, path)
        if match is None:
            return (NO_CONTRACT(exchange.method, path),)
        asked = self._judge.request(
            match.operation,
            query={},
            content_type=exchange.request_headers.get("Content-Type", ""),
            body=exchange.request_body,
        )
        if not self._judges_answers:
            if exchange.status < 300 or _is_honest_refusal(exchange):
                return asked
            wanted = "a 2xx, or the vendor sends it again and again"
            return (*asked, Violation("response.status", "$", str(exchange.status), wanted))
        answered = self._judge.response(
            match.operation,
            status=exchange.status,
            content_type=exchange.response_headers.get("Content-Type", ""),
            body=exchange.response_body,
        )
        return asked + answered
