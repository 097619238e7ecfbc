"""Kills at any moment, under load; a bridge that is frozen and thawed; a clock set back; a day said twice."""

from __future__ import annotations

import asyncio
import json
import signal
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from bridge import Settings
from bridge.destinations import make_destinations
from bridge.engagement import SourceName
from bridge.ingest import make_intakes, read_pieces
from bridge.routing import Router, load_table
from bridge.sources import Incoming, make_sources
from bridge.store import Delivery, State
from tests.bridge.kills import Town, Vendors, Webhook, story, town
from tests.bridge.rig import SETTINGS, START

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bridge.store import Intake, Outcome
    from tests.bridge.kills import Bridge

_SENDERS = 4


@pytest.fixture
def arm() -> str:
    return "loopback"


class _Mapping:
    """What the bridge makes of a webhook, without a bridge."""

    def __init__(self) -> None:
        settings = Settings.from_mapping(SETTINGS)
        self._sources = make_sources(settings)
        self._destinations = make_destinations(settings)
        self._router = Router(settings, self._destinations, table=load_table(""))

    def user_of(self, email: str) -> str:
        """Everybody was identified before."""
        return email

    def address_of(self, user_id: str) -> str:
        """Everybody was identified before, with one address."""
        return f"p{user_id.removeprefix('u-')}@example.com"

    def read(self, webhook: Webhook) -> tuple[Intake, tuple[Outcome, ...]]:
        """Read a webhook of one piece, and plan it."""
        _, _, name, *rest = webhook.path.split("/")
        source = self._sources[SourceName(name)]
        incoming = Incoming(
            headers={},
            body=json.dumps(webhook.body).encode(),
            received_at=START,
            where=rest[-1] if rest else "",
        )
        (intake,) = make_intakes(source, incoming, read_pieces(source, incoming))
        return intake, self._router.plan(intake, self).outcomes

    def call(self, outcome: Outcome) -> tuple[str, Any]:
        """Give path and body of the call that hands an outcome over."""
        delivery = Delivery(
            seq=1, destination=outcome.destination, operation=outcome.operation, path=outcome.path,
            body=outcome.body, lane=outcome.lane, attempts=1, created_ms=0, fence=1,
        )  # fmt: skip
        call = self._destinations[outcome.destination].call([delivery])
        return urlsplit(call.url).path, json.loads(call.body)


@pytest.fixture
def store_settings(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    if request.param == "postgres":
        return {"store_dsn": request.getfixturevalue("database_url")}
    return {"store_path": str(tmp_path / "bridge.sqlite3")}


@pytest.mark.parametrize(
    "numbers",
    [
        # The turns of a minute, an hour and a day.
        pytest.param([*range(65), *range(3595, 3665), *range(86_395, 86_465)], marks=pytest.mark.slow),
        # More people than any machine tells of between two hundred kills.
        pytest.param(range(10_000), marks=pytest.mark.long),
    ],
)
def test_no_two_people_are_ever_taken_for_one(numbers: Sequence[int]) -> None:
    """What a vendor counts by, and what the bridge knows repeats by, is each person's own, in every run."""
    runs = ("", "x", "1")  # of run `1` person 2 is not nobody's person 12
    mapping = _Mapping()
    vendors = Vendors()
    known: set[tuple[str, str]] = set()
    webhooks = [webhook for run in runs for number in numbers for webhook in story(number, run=run)]
    for webhook in webhooks:
        intake, outcomes = mapping.read(webhook)
        known.add((intake.source, intake.dedup_key))
        for outcome in outcomes:
            assert outcome.state is State.PENDING, outcome
            vendors.count(*mapping.call(outcome))

    people = len(runs) * len(numbers)
    assert len(known) == len(webhooks) == 4 * people
    for name, seen in vendors.counters.items():
        assert (len(seen), seen.total()) == (people, people), name


@pytest.mark.slow
@pytest.mark.parametrize("store_settings", ["sqlite", "postgres"], indirect=True)
async def test_kills_at_random_moments_lose_nothing_and_double_no_trigger(
    store_settings: dict[str, Any], tmp_path: Path
) -> None:
    await _kill_at_random(3 if "store_path" in store_settings else 2, store_settings, folder=tmp_path, seed=1)


@pytest.mark.long
@pytest.mark.parametrize("store_settings", ["sqlite", "postgres"], indirect=True)
async def test_two_hundred_kills_lose_nothing_and_double_no_trigger(
    store_settings: dict[str, Any], tmp_path: Path
) -> None:
    await _kill_at_random(200, store_settings, folder=tmp_path, seed=2)


async def _kill_at_random(kills: int, store: dict[str, Any], *, folder: Path, seed: int) -> None:
    random = Random(seed)
    numbers = count()
    open_stories: list[list[Webhook]] = []
    everything: list[list[Webhook]] = []
    async with town(folder, store) as made:
        for _ in range(kills):
            bridge = await made.start()
            senders = [
                asyncio.create_task(_tell(made, bridge, numbers, open_stories, everything))
                for _ in range(_SENDERS)
            ]
            await asyncio.sleep(random.uniform(0.0, 0.5))
            bridge.kill()
            assert await bridge.end() == -signal.SIGKILL
            await asyncio.gather(*senders)

        bridge = await made.start()
        for each in open_stories:
            await made.post(each, bridge)
        counts = await made.settled(bridge)
        _judge(made, people=len(everything), counts=counts)


async def _tell(
    made: Town,
    bridge: Bridge,
    numbers: Any,
    open_stories: list[list[Webhook]],
    everything: list[list[Webhook]],
) -> None:
    """Say one person's story after the other until nobody listens; first what was left open."""
    while bridge.process.returncode is None:
        if open_stories:
            told = open_stories.pop(0)
        else:
            told = story(next(numbers), run="x")
            everything.append(told)
        await made.post(told, bridge)
        if not all(webhook.is_taken for webhook in told):
            open_stories.append(told)
            return


def _judge(made: Town, *, people: int, counts: dict[str, int]) -> None:
    assert people > 0
    assert sum(counts.values()) == 2 * counts["accepted"]
    assert counts["dead"] == counts["quarantined"] == 0
    vendors = made.vendors
    for seen in (vendors.contacts, vendors.events, vendors.messages, vendors.uploads):
        assert len(seen) == people
    assert set(vendors.triggers.values()) <= {1}, vendors.triggers.most_common(3)
    assert len(vendors.triggers) >= people - counts["uncertain"]


@pytest.mark.slow
async def test_a_bridge_that_is_frozen_past_its_leases_and_thawed_doubles_no_trigger(
    database_url: str, tmp_path: Path
) -> None:
    async with town(tmp_path, {"store_dsn": database_url}, mailmodo_concurrency=4) as made:
        people = 30
        first, second = await made.start(), await made.start()
        stories = [story(number) for number in range(people)]
        made.vendors.wait_s = 0.05
        await asyncio.gather(
            *(made.post(told, (first, second)[number % 2]) for number, told in enumerate(stories[:20]))
        )
        first.signal(signal.SIGSTOP)
        for told in stories[20:]:
            await made.post(told, second)
        await made.settled(second)  # what the frozen one had claimed is ended, too

        first.signal(signal.SIGCONT)
        for told in stories:
            await made.post(told, first, again=True)
        counts = await made.settled(first)
        for bridge in (first, second):
            bridge.signal(signal.SIGTERM)
            assert await bridge.end() == 0

        _judge(made, people=people, counts=counts)


@pytest.mark.slow
async def test_two_bridges_share_the_work_of_one_database(database_url: str, tmp_path: Path) -> None:
    # Nobody dies: a claim that outlived a short lease because the machine was busy would be nobody's fault.
    async with town(tmp_path, {"store_dsn": database_url}, lease_s=300.0) as made:
        first, second = await made.start(), await made.start()
        stories = [story(number) for number in range(20)]
        await asyncio.gather(
            *(made.post(told, (first, second)[number % 2]) for number, told in enumerate(stories))
        )
        counts = await made.settled(second)

        _judge(made, people=20, counts=counts)
        assert counts["uncertain"] == 0
        for seen in (made.vendors.contacts, made.vendors.events, made.vendors.messages):
            assert set(seen.values()) == {1}


@pytest.mark.slow
async def test_a_clock_that_was_set_back_holds_nothing_up(tmp_path: Path) -> None:
    async with town(tmp_path, {"store_path": str(tmp_path / "bridge.sqlite3")}) as made:
        stories = [story(number) for number in range(3)]
        doomed = await made.start("claim before commit", "triggerCampaign")
        for told in stories:
            await made.post(told, doomed)
        assert await doomed.end() == -signal.SIGKILL

        bridge = await made.start(clock_s=-6 * 3600)
        for told in stories:
            await made.post(told, bridge)
            await made.post(told, bridge, again=True)
        counts = await made.settled(bridge)

        _judge(made, people=3, counts=counts)
        assert counts["uncertain"] == 0


@pytest.mark.slow
async def test_a_day_said_twice_again_delivers_nothing_new(tmp_path: Path) -> None:
    async with town(tmp_path, {"store_path": str(tmp_path / "bridge.sqlite3")}) as made:
        bridge = await made.start()
        stories = [story(number) for number in range(25)]
        for told in stories:
            await made.post(told, bridge)
        before = await made.settled(bridge)
        seen = made.vendors.total

        for _ in range(2):
            for told in stories:
                await made.post(told, bridge, again=True)
        after = await made.settled(bridge)

        assert made.vendors.total == seen
        assert after["duplicate"] - before["duplicate"] == 2 * 4 * 25
        assert after["delivered"] == before["delivered"]
        _judge(made, people=25, counts=after)
