"""Bridges that share a database leave a vendor alone together, and knock once for all of them."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import pytest
from aiohttp import ClientSession, web

from bridge import Bridge, Settings
from bridge.pausing import Pausing
from bridge.store import Pause, SharedPauses, SqliteStore
from bridge.store.postgres import PostgresStore
from bridge.store.postgres_link import Link
from bridge.telemetry import Telemetry
from bridge.tracing import NO_SPANS
from tests.bridge.rig import START
from tests.bridge.stores import LEASE_MS, NOW_MS, PostgresPlace, add, opened
from tests.bridge.test_cli import served
from tests.bridge.test_operating import trigger, wait_until
from tests.bridge.test_shared_turns import mailmodo

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from bridge.delivery import Dispatcher

_PATIENCE_S = 30.0


@pytest.fixture
def arm() -> str:
    return "loopback"


@dataclass
class Clock:
    """The time of all bridges of a test: it moves when the test says so."""

    at: datetime = START

    def __call__(self) -> datetime:
        return self.at

    @property
    def ms(self) -> int:
        return int(self.at.timestamp() * 1000)

    def move(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass
class Mailmodo:
    """Answers as told, and as usual once nothing more is told; an answer waits while the door is shut."""

    clock: Clock
    script: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    calls_ms: list[int] = field(default_factory=list)
    door: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, request: web.Request) -> web.Response:
        await request.read()
        self.calls_ms.append(self.clock.ms)
        status, headers = self.script.pop(0) if self.script else (200, {})
        await self.door.wait()
        return web.json_response({"success": status == 200, "ref": "r"}, status=status, headers=headers)


@dataclass
class Pair:
    """Two bridges on one database, with one vendor."""

    vendor: Mailmodo
    clock: Clock
    bridges: list[Bridge]
    urls: list[str]
    session: ClientSession

    @property
    def dispatchers(self) -> list[Dispatcher]:
        return [bridge._dispatchers["mailmodo"] for bridge in self.bridges]

    async def tell(self, people: int) -> None:
        """Have so many people's triggers come in, by turns at both bridges."""
        for number in range(people):
            url = f"{self.urls[number % 2]}/sources/clevertap/ct-secret/campaigns/c-1"
            body = {"email": f"p{number}@example.com", "trigger_id": f"{self.clock.ms} {number}"}
            async with self.session.post(url, json=body) as response:
                assert response.status == 200

    def wake(self) -> None:
        for dispatcher in self.dispatchers:
            dispatcher.wake()

    async def resting(self) -> None:
        """Wait until both have looked at what is due, and decided to wait for a time or for the end of a call."""
        await until(lambda: all(_rests(each) for each in self.dispatchers))

    async def left_alone(self, reason: str) -> None:
        """Wait until both know why the vendor is left alone."""
        await until(lambda: [each.pause_reason for each in self.dispatchers] == [reason] * 2)
        await self.resting()

    async def delivered(self, number: int) -> None:
        async with asyncio.timeout(_PATIENCE_S):
            while (await self.bridges[0].counts()).delivered < number:  # noqa: ASYNC110 - a count in the store
                await asyncio.sleep(0.01)


def _rests(dispatcher: Dispatcher) -> bool:
    is_waiting = dispatcher._timer is not None or bool(dispatcher._in_flight)
    return is_waiting and not dispatcher._wake.is_set() and not dispatcher._pausing._lock.locked()


async def until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(_PATIENCE_S):
        while not what():  # noqa: ASYNC110 - what a dispatcher thinks has no event
            await asyncio.sleep(0.01)


@asynccontextmanager
async def pair(url: str, *script: tuple[int, dict[str, str]]) -> AsyncIterator[Pair]:
    clock = Clock()
    vendor = Mailmodo(clock, [*script])
    vendor.door.set()
    app = web.Application()
    app.router.add_post("/{path:.*}", vendor.take)
    runners: list[web.AppRunner] = []

    async def serve(application: web.Application) -> str:
        runner = web.AppRunner(application, access_log=None)
        runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    settings = Settings.from_mapping(
        {
            "store_dsn": url,
            "clevertap_webhook_secret": "ct-secret",
            "mailmodo_api_key": "key",
            "mailmodo_url": await serve(app),
            "mailmodo_rate_per_s": 0.0,
        }
    )
    bridges = [Bridge(settings, now=clock, random=Random(number)) for number in range(2)]
    urls = [await serve(bridge.app) for bridge in bridges]
    for bridge in bridges:
        await bridge.start()
    async with ClientSession() as session:
        try:
            yield Pair(vendor, clock, bridges, urls, session)
        finally:
            vendor.door.set()
            for bridge in bridges:
                await bridge.stop()
            for runner in runners:
                await runner.cleanup()


@pytest.fixture(params=["heard", "lost"])
def hints(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Whether a bridge hears at once of another's pause: nothing may depend on it."""
    hear: Any = Link._hear

    def hear_what_is_due(self: Link, connection: Any, process: int, channel: str, payload: object) -> None:
        if channel == "bridge_due":
            hear(self, connection, process, channel, payload)

    if request.param == "lost":
        monkeypatch.setattr(Link, "_hear", hear_what_is_due)
    return str(request.param)


@pytest.mark.slow
async def test_time_that_a_vendor_asked_one_bridge_for_is_given_by_all(database_url: str, hints: str):
    async with pair(database_url, (429, {"Retry-After": "120"})) as made:
        await made.tell(1)
        await until(lambda: "http_429" in [each.pause_reason for each in made.dispatchers])
        await until(lambda: not any(each._in_flight for each in made.dispatchers))
        made.clock.move(1)
        await made.tell(6)
        await made.left_alone("http_429")
        made.clock.move(118.5)
        made.wake()
        await made.resting()
        assert made.vendor.calls_ms == [NOW_MS]

        made.clock.move(0.5)
        made.wake()
        await made.delivered(7)

        assert len(made.vendor.calls_ms) == 8
        assert {each - NOW_MS for each in made.vendor.calls_ms[1:]} == {120_000}


@pytest.mark.slow
async def test_refused_credentials_are_probed_once_for_all_and_the_end_is_for_all(
    database_url: str, hints: str
):
    refused: tuple[int, dict[str, str]] = (401, {})
    async with pair(database_url, refused, refused) as made:
        await made.tell(1)
        await until(lambda: "http_401" in [each.pause_reason for each in made.dispatchers])
        made.clock.move(1)
        await made.tell(6)
        await made.left_alone("http_401")
        assert len(made.vendor.calls_ms) == 1

        for wait_s, probes in ((29, 2), (60, 3)):  # the first probe is refused, the second is let in
            made.vendor.door.clear()
            made.clock.move(wait_s)
            for _ in range(3):  # however often they look, one call goes out
                made.wake()
                await until(lambda probes=probes: len(made.vendor.calls_ms) >= probes)  # type: ignore[misc]  # mypy knows no defaults here
                await made.resting()
            assert len(made.vendor.calls_ms) == probes
            made.vendor.door.set()
            if probes == 2:
                await until(lambda: not any(each._in_flight for each in made.dispatchers))
                made.wake()
                await made.left_alone("http_401")
        # Only once the one that probed has learnt it can the other find that the pause is over, instead of probing, too.
        await until(lambda: "" in [each.pause_reason for each in made.dispatchers])
        if hints == "lost":  # who did not hear of the end finds it when the probe would have to be over
            made.clock.move(41)
            made.wake()
        await made.delivered(7)
        made.wake()
        await until(lambda: [each.pause_reason for each in made.dispatchers] == [""] * 2)

        assert len(made.vendor.calls_ms) == 1 + 2 + 6
        assert await made.bridges[0]._store.pauses() == {}


def pausing(store: Any) -> Pausing:
    return Pausing("d", store=store, settings=Settings(), telemetry=Telemetry(NO_SPANS))


@pytest.mark.slow
async def test_a_probe_whose_bridge_dies_is_made_by_another(database_url: str):
    place = PostgresPlace(database_url)
    async with opened(place) as one, opened(place) as two:
        first, second = pausing(one), pausing(two)
        await first.pause_for_credentials("http_401", probes=0, now_ms=NOW_MS)
        second.repaused()
        await second.catch_up()
        due_ms = second.until_ms(NOW_MS)
        assert due_ms == first.until_ms(NOW_MS) == NOW_MS + 30_000

        assert await first.take_probe(now_ms=due_ms)
        assert not await second.take_probe(now_ms=due_ms)
        again_ms = second.until_ms(due_ms)
        assert again_ms == due_ms + 40_000  # no call takes longer
        assert await second.take_probe(now_ms=again_ms)

        # The first lives after all, and its probe passes: nobody has learnt otherwise since.
        await first.resume(probes=1)
        assert await one.pauses() == {}
        await second.pause_for_credentials("http_401", probes=1, now_ms=again_ms)
        assert (await two.pauses())["d"] == Pause(again_ms + 30_000, "http_401", 1)


@pytest.mark.slow
async def test_the_longer_of_two_pauses_holds_whoever_met_it(database_url: str):
    place = PostgresPlace(database_url)
    async with opened(place) as one, opened(place) as two:
        first, second = pausing(one), pausing(two)
        await first.pause_as_asked(600, "http_429", now_ms=NOW_MS)
        await second.pause_as_asked(5, "http_503", now_ms=NOW_MS)  # it has not heard yet

        assert await one.pauses() == {"d": Pause(NOW_MS + 600_000, "http_429")}
        assert second.until_ms(NOW_MS) == NOW_MS + 600_000

        await second.pause_as_asked(900, "http_503", now_ms=NOW_MS)
        await first.pause_as_asked(700, "http_429", now_ms=NOW_MS)

        assert await one.pauses() == {"d": Pause(NOW_MS + 900_000, "http_503")}
        assert first.until_ms(NOW_MS) == NOW_MS + 900_000


@pytest.mark.slow
async def test_nothing_is_claimed_and_nothing_changed_under_a_pause_that_is_not_the_one_kept(
    database_url: str,
):
    async with opened(PostgresPlace(database_url)) as opened_store:
        store: Any = opened_store
        kept, other = Pause(NOW_MS + 5, "http_429"), Pause(NOW_MS + 6, "http_429")
        await add(store, "k-1")

        async def claim(under: Pause | None) -> int | None:
            found = await store.claim_under(under, "d", 1, now_ms=NOW_MS, lease_ms=LEASE_MS)
            return None if found is None else len(found)

        assert await store.change_pause("d", old=None, new=kept)
        for wrong in (None, other, Pause(kept.until_ms, kept.reason, 1)):
            assert await claim(wrong) is None
            for new in (None, other):
                assert not await store.change_pause("d", old=wrong, new=new) or new == wrong is None
        assert await store.pauses() == {"d": kept}
        assert await store.change_pause("d", old=kept, new=other)
        assert await store.change_pause("d", old=other, new=None)
        assert not await store.change_pause("d", old=other, new=None)
        assert await claim(other) is None
        assert [await claim(None), await claim(None)] == [1, 0]


def test_pauses_are_shared_where_the_store_is():
    assert isinstance(PostgresStore("postgresql://nobody@localhost/none"), SharedPauses)
    assert not isinstance(SqliteStore(":memory:"), SharedPauses)


@pytest.mark.slow
def test_two_processes_on_one_postgres_leave_a_vendor_alone_together(tmp_path: Path, database_url: str):
    asked_s = 2

    def settings_file(name: str, port: int) -> Path:
        file = tmp_path / f"{name}.toml"
        file.write_text(
            f'port = 0\nstore_dsn = "{database_url}"\nadmin_token = "an-admin-token-of-a-test"\nlog_format = "json"\n'
            f'[clevertap]\nwebhook_secret = "c"\n[mailmodo]\napi_key = "{name}"\nurl = "http://127.0.0.1:{port}"\n'
            "rate_per_s = 0\n"
        )
        return file

    with mailmodo() as vendor:
        vendor.refusals = [{"Retry-After": str(asked_s)}]
        files = [settings_file(name, vendor.server_port) for name in ("key-a", "key-b")]
        with served(files[0]) as (_one, one), served(files[1]) as (_two, two):
            trigger(one, body=b'{"email": "first@example.com"}')
            wait_until(lambda: all(_is_paused(url) for url in (one, two)))
            for number in range(6):
                trigger((one, two)[number % 2], body=b'{"email": "p%d@example.com"}' % number)
            with vendor.called:
                assert vendor.called.wait_for(lambda: len(vendor.calls) == 8, timeout=60)
            wait_until(lambda: not any(_is_paused(url) for url in (one, two)))

    (first_s, _key), *others = sorted(vendor.calls)
    assert all(at_s - first_s >= asked_s for at_s, _key in others)


def _is_paused(url: str) -> bool:
    with urlopen(f"{url}/healthz") as answer:
        return bool(json.load(answer)["destinations"]["mailmodo"]["state"] == "paused")
