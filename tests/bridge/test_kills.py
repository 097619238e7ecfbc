"""Whenever a bridge is killed, nothing is lost and no trigger happens twice.

Each case kills a bridge with SIGKILL at a point, for one operation and one store, starts it again as a supervisor
would, lets the vendors repeat what was not answered, and counts at the vendors' end.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bridge.engagement import iso
from bridge.real_environment import now
from bridge.settings import table
from bridge.store import SqliteStore
from bridge.store.postgres import PostgresStore
from tests.bridge.killing import PATHS
from tests.bridge.kills import Town, Webhook, story, town
from tests.bridge.rig import activity

if TYPE_CHECKING:
    from bridge.store import Store
    from tests.bridge.kills import Bridge

STORES = ("sqlite", "postgres")
OPERATIONS = tuple(PATHS)
POLICIES = next(row.choices for row in table() if row.name == "mailmodo_uncertain")
_PEOPLE = 2


@dataclass(frozen=True)
class Point:
    """Where a bridge dies.

    Attributes:
        name: As `tests.bridge.killing` knows it.
        left: What the store says after the kill.
        may_have_sent: Whether the call may have left, so far as the store can know.
        only: The operations that come by this point; none for all.
        how: What leads there: `work`, or a second life after the first was cut short.
    """

    name: str
    left: str
    may_have_sent: bool = False
    only: tuple[str, ...] = ()
    how: str = "work"


POINTS = (
    Point("take-in before commit", "nothing; the vendor had no answer and says it again"),
    Point("take-in after commit", "pending; the vendor says it again, a duplicate"),
    Point("claim before commit", "pending"),
    Point("claim after commit", "claimed, not started"),
    Point("start before commit", "claimed, not started", only=("triggerCampaign",)),
    Point("before the send", "claimed; a trigger started", may_have_sent=True),
    Point("request before answer", "claimed; a trigger started", may_have_sent=True),
    Point("answer before settle", "claimed; a trigger started", may_have_sent=True),
    Point("settle before commit", "claimed; a trigger started", may_have_sent=True),
    Point("settle after commit", "delivered"),
    Point("recovery before commit", "as before the recovery", may_have_sent=True, how="recovery"),
    Point("migration", "the version before", how="migration"),
    Point("retention before commit", "as before the deletion", how="retention"),
    Point("graceful stop", "all that was in flight is settled", how="stop"),
)
_BY_NAME = {point.name: point for point in POINTS}


@pytest.fixture
def arm() -> str:
    return "loopback"


def _cases() -> list[Any]:
    return [
        pytest.param(point, operation, policy, id=f"{point.name}, {operation}, {policy}".replace(" ", "-"))
        for point in POINTS
        for operation in OPERATIONS
        for policy in (POLICIES if operation == "triggerCampaign" else POLICIES[:1])
        if not point.only or operation in point.only
    ]


@pytest.fixture
def store_settings(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    if request.param == "postgres":
        return {"store_dsn": request.getfixturevalue("database_url")}
    return {"store_path": str(tmp_path / "bridge.sqlite3")}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("store_settings", "name"),
    [
        ("sqlite", "take-in before commit"),
        ("sqlite", "take-in after commit"),
        ("sqlite", "claim after commit"),
        ("sqlite", "before the send"),
        ("sqlite", "request before answer"),
        ("sqlite", "settle before commit"),
        ("sqlite", "recovery before commit"),
        ("sqlite", "migration"),
        ("postgres", "request before answer"),
        ("postgres", "settle before commit"),
    ],
    indirect=["store_settings"],
)
async def test_a_trigger_survives_a_kill(name: str, store_settings: dict[str, Any], tmp_path: Path) -> None:
    await kill_and_count(_BY_NAME[name], "triggerCampaign", "hold", folder=tmp_path, store=store_settings)


@pytest.mark.long
@pytest.mark.parametrize("store_settings", STORES, indirect=True)
@pytest.mark.parametrize(("point", "operation", "policy"), _cases())
async def test_the_whole_matrix(
    point: Point, operation: str, policy: str, store_settings: dict[str, Any], tmp_path: Path
) -> None:
    await kill_and_count(point, operation, policy, folder=tmp_path, store=store_settings)


async def kill_and_count(
    point: Point, operation: str, policy: str, *, folder: Path, store: dict[str, Any]
) -> None:
    """Play one cell of the matrix."""
    webhooks = [webhook for number in range(_PEOPLE) for webhook in story(number)]
    async with town(folder, store, mailmodo_uncertain=policy) as made:
        clock_s = await _die(point, operation, made, webhooks)

        bridge = await made.start(clock_s=clock_s)
        await made.post(webhooks, bridge)
        await made.post(webhooks, bridge, again=True)  # nothing new comes of what is known
        counts = await made.settled(bridge)
        repeats = _judge_vendors(made, folder=folder)
        if policy == "reconcile":
            counts = await _say_what_was_sent(made, bridge, clock_s=clock_s)
        bridge.signal(signal.SIGTERM)
        assert await bridge.end() == 0

        assert sum(counts.values()) == 2 * counts["accepted"]
        assert counts["dead"] == counts["quarantined"] == 0
        _judge_end(point, operation, policy, made, counts=counts, repeats=repeats)
        await _judge_store(store)


async def _die(point: Point, operation: str, made: Town, webhooks: list[Webhook]) -> float:
    """Bring a bridge to the point; give how far its clock is ahead by then."""
    if point.how == "work":
        doomed = await made.start(point.name, operation)
        if point.name == "request before answer":
            made.vendors.kills_at, made.vendors.victim = PATHS[operation], doomed
        await made.post(webhooks, doomed)
    elif point.how == "recovery":
        first = await made.start("before the send", operation)
        await made.post(webhooks, first)
        assert await first.end() == -signal.SIGKILL
        doomed = await made.start(point.name, operation, is_awaited=False)
    elif point.how == "migration":
        doomed = await made.start(point.name, operation, is_awaited=False)
    else:
        first = await made.start(point.name if point.how == "stop" else "never", operation)
        await made.post(webhooks, first)
        await made.settled(first)
        first.signal(signal.SIGTERM)
        if point.how == "stop":
            doomed = first
        else:
            assert await first.end() == 0
            clock_s = 40 * 86_400.0  # by now all of it is old
            doomed = await made.start(point.name, operation, clock_s=clock_s)
            await made.post(story(99), doomed)
            webhooks += story(99)
            del webhooks[: -len(story(99))]
            assert await doomed.end() == -signal.SIGKILL
            return clock_s
    assert await doomed.end() == -signal.SIGKILL
    made.vendors.kills_at = ""
    return 0.0


async def _say_what_was_sent(made: Town, bridge: Bridge, *, clock_s: float) -> dict[str, int]:
    """Let Mailmodo tell of every e-mail that it was triggered to send, and of no other; give the counts then."""
    at = now() + timedelta(seconds=clock_s)
    sent = [
        Webhook(
            "/sources/mailmodo/mm-secret",
            activity(
                "Email Sent",
                id_=f"sent-{email}",
                email=email,
                occurred_at=iso(at),
                properties={"campaign_id": "camp-1"},
            ),
        )
        for email in made.vendors.triggers
    ]
    await made.post(sent, bridge)
    assert all(webhook.is_taken for webhook in sent)
    return await made.settled(bridge)


def _judge_vendors(made: Town, *, folder: Path) -> dict[str, int]:
    """Demand that everything arrived, but for triggers; give how often something came again."""
    vendors = made.vendors
    people = len(vendors.contacts)
    assert people >= _PEOPLE, (folder / "bridge.log").read_text()
    for seen in (vendors.contacts, vendors.events, vendors.uploads, vendors.messages):
        assert len(seen) == people, seen
    return {
        "addToList": sum(vendors.contacts.values()) - people,
        "addEvent": sum(vendors.events.values()) - people,
        "upload": sum(vendors.uploads.values()) - people,
        "track": sum(vendors.messages.values()) - people,
        "triggerCampaign": sum(vendors.triggers.values()) - len(vendors.triggers),
    }


def _judge_end(
    point: Point, operation: str, policy: str, made: Town, *, counts: dict[str, int], repeats: dict[str, int]
) -> None:
    """Demand what the operation of the case bears, and that the others were not touched."""
    people = len(made.vendors.contacts)
    arrived = len(made.vendors.triggers)
    is_unclear = operation == "triggerCampaign" and point.may_have_sent
    # A trigger that the case is not about may have been on its way when the process died.
    is_shared = point.how == "retention" or (
        operation != "triggerCampaign" and point.how in ("work", "recovery")
    )
    if not is_unclear and not is_shared:
        assert counts["uncertain"] == 0
    assert arrived >= people - counts["uncertain"]
    if policy == "retry":
        assert arrived == people
        assert repeats["triggerCampaign"] <= (_PEOPLE if is_unclear else 0)
    else:
        assert repeats["triggerCampaign"] == 0, made.vendors.triggers
    if policy == "reconcile":  # what was sent is known to be; the rest is for a person to look at
        assert counts["uncertain"] == people - arrived
    elif policy == "hold" and is_unclear and point.how == "work":
        assert counts["uncertain"] >= 1
    allowed = _PEOPLE if point.may_have_sent else 0
    for name in ("addToList", "addEvent", "upload", "track"):
        # What shared the process with the case may have been on its way at that moment, too.
        assert repeats[name] <= max(allowed, _PEOPLE), (name, repeats)


async def _judge_store(settings: dict[str, Any]) -> None:
    store: Store = (
        PostgresStore(settings["store_dsn"])
        if "store_dsn" in settings
        else SqliteStore(settings["store_path"])
    )
    await store.open(is_serving=False)
    try:
        assert await store.check() == ()
        assert (await store.counts()).is_balanced
    finally:
        await store.close()


def table_of_points() -> str:
    """Write the table of the docs: what is left after each kill, and what the tests demand then."""
    lines = [
        "| Killed | What the store says then | Repeatable calls | Trigger, `hold` | Trigger, `retry` | Trigger, `reconcile` |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for point in POINTS:
        repeatable = "not reached" if point.only else "each arrives, at most once more"
        if not point.may_have_sent:
            once = "arrives once"
            again = "arrives once"
        else:
            once, again = "arrives at most once; `uncertain`", "arrives, at most once more"
        known = once.replace("`uncertain`", "`uncertain` unless it arrived")
        lines.append(f"| {point.name} | {point.left} | {repeatable} | {once} | {again} | {known} |")
    return "\n".join(lines)


def test_the_docs_show_the_points_as_they_are_tested() -> None:
    page = Path(__file__).parents[2] / "docs" / "explanations" / "bridge-proof.md"

    assert table_of_points() in page.read_text(encoding="utf-8")
