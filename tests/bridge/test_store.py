"""The store, alone."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from bridge.engagement import Engagement, Kind, Recipient, SourceName
from bridge.errors import StoreUnavailable
from bridge.store import (
    Delivery,
    Identities,
    Identity,
    Intake,
    Outcome,
    Plan,
    Planner,
    Settlement,
    SqliteStore,
    State,
)
from tests.bridge.rig import START

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

NOW_MS = int(START.timestamp() * 1000)


@asynccontextmanager
async def opened(path: object = ":memory:") -> AsyncIterator[SqliteStore]:
    store = SqliteStore(str(path))
    await store.open()
    try:
        yield store
    finally:
        await store.close()


def piece(key: str = "k-1", *, at: datetime = START, window: timedelta = timedelta(days=1)) -> Intake:
    engagement = Engagement(
        id=f"id of {key}",
        source=SourceName.MAILMODO,
        kind=Kind.OPENED,
        occurred_at=at,
        received_at=at,
        recipient=Recipient(),
    )
    return Intake(
        source=SourceName.MAILMODO,
        dedup_key=key,
        raw=b"{}",
        where="",
        received_at=at,
        expires_at=at + window,
        engagement=engagement,
    )


def record(*, lane: str = "", destination: str = "d", operation: str = "op") -> Outcome:
    return Outcome(state=State.PENDING, destination=destination, operation=operation, body=b"{}", lane=lane)


def always(*outcomes: Outcome, identity: Identity | None = None) -> Planner:
    return lambda _intake, _identities: Plan(outcomes, identity)


async def add(store: SqliteStore, *keys: str, lane: str = "", operation: str = "op") -> None:
    await store.take_in([piece(key) for key in keys], always(record(lane=lane, operation=operation)))


async def claim(store: SqliteStore, limit: int = 10, *, at_ms: int = NOW_MS) -> tuple[Delivery, ...]:
    return await store.claim("d", limit, now_ms=at_ms, lease_ms=1000)


async def end(
    store: SqliteStore, *deliveries: Delivery, state: State = State.DELIVERED, due_ms: int = 0
) -> int:
    settlements = [Settlement(delivery=each, state=state, due_ms=due_ms) for each in deliveries]
    return await store.settle(settlements, now_ms=NOW_MS)


async def test_a_repeat_within_its_window_is_counted_and_nothing_else():
    async with opened() as store:
        first = await store.take_in([piece(), piece()], always(record()))
        again = await store.take_in([piece(at=START + timedelta(hours=23))], always(record()))

        counts = store.counts()
        assert (first, again) == ((True, False), (False,))
        assert (counts.accepted, counts.pending, counts.duplicate) == (3, 1, 2)
        assert counts.is_balanced


async def test_a_key_is_new_again_after_its_window():
    async with opened() as store:
        await store.take_in([piece()], always(record()))
        (is_new,) = await store.take_in([piece(at=START + timedelta(days=1))], always(record()))

        assert is_new
        assert store.counts().pending == 2


async def test_equal_keys_of_two_sources_are_two():
    async with opened() as store:
        other = Intake(
            source=SourceName.MAILJET,
            dedup_key="k-1",
            raw=b"",
            where="",
            received_at=START,
            expires_at=START + timedelta(days=1),
            engagement=None,
        )

        assert await store.take_in([piece(), other], always(record())) == (True, True)


async def test_claims_are_oldest_first_and_nobody_elses():
    async with opened() as store:
        await add(store, "a", "b", "c")

        first, second = await claim(store, 2), await claim(store, 2)

        assert [each.seq for each in first] == [1, 2]
        assert [each.seq for each in second] == [3]
        assert await store.claim("other", 5, now_ms=NOW_MS, lease_ms=1) == ()


async def test_what_is_not_due_is_not_claimed():
    async with opened() as store:
        await add(store, "a")
        await end(store, *await claim(store), state=State.PENDING, due_ms=NOW_MS + 500)

        assert await store.next_due_ms("d") == NOW_MS + 500
        assert await claim(store, at_ms=NOW_MS + 499) == ()
        (again,) = await claim(store, at_ms=NOW_MS + 500)
        assert again.attempts == 2


async def test_a_late_worker_changes_nothing():
    async with opened() as store:
        await add(store, "a")
        (stale,) = await claim(store)
        await store.recover((), retry=False, now_ms=NOW_MS)
        (fresh,) = await claim(store)

        assert await end(store, stale, state=State.DEAD) == 0
        assert await end(store, fresh) == 1
        assert await end(store, fresh, state=State.DEAD) == 0
        assert store.counts().delivered == 1


async def test_a_lane_is_handed_out_one_at_a_time_in_order():
    async with opened() as store:
        await add(store, "a", "b", lane="x")
        await add(store, "c", lane="y")

        heads = await claim(store)
        assert [each.seq for each in heads] == [1, 3]
        assert await claim(store) == ()
        await end(store, heads[0])
        assert [each.seq for each in await claim(store)] == [2]


async def test_a_blocked_lane_holds_only_itself():
    async with opened() as store:
        await add(store, "a", "b", lane="x")
        (head,) = await claim(store)
        await end(store, head, state=State.PENDING, due_ms=NOW_MS + 1000)
        await add(store, "c", lane="x")
        await add(store, "d", lane="y")

        assert [each.seq for each in await claim(store)] == [4]
        assert [each.seq for each in await claim(store, at_ms=NOW_MS + 1000)] == [1]


@pytest.mark.parametrize("state", [State.DEAD, State.UNCERTAIN])
async def test_a_lane_goes_on_after_one_that_failed_for_good(state: State):
    async with opened() as store:
        await add(store, "a", "b", lane="x")
        await end(store, *await claim(store), state=state)

        assert [each.seq for each in await claim(store)] == [2]


async def test_a_lane_that_ran_dry_starts_anew():
    async with opened() as store:
        await add(store, "a", lane="x")
        await end(store, *await claim(store))
        await add(store, "b", lane="x")

        assert [each.seq for each in await claim(store)] == [2]


@pytest.mark.parametrize(("retry", "uncertain", "pending"), [(False, 1, 1), (True, 0, 2)])
async def test_claims_left_behind_are_settled_by_what_their_operation_bears(
    tmp_path: Path,
    retry: bool,  # noqa: FBT001 - a table
    uncertain: int,
    pending: int,
):
    async with opened(tmp_path / "b.sqlite3") as store:
        await add(store, "a", operation="once")
        await add(store, "b", operation="often")
        await claim(store)

    async with opened(tmp_path / "b.sqlite3") as store:
        assert await store.recover(["once"], retry=retry, now_ms=NOW_MS) == 2
        counts = store.counts()
        assert (counts.uncertain, counts.pending) == (uncertain, pending)
        assert len(await claim(store)) == pending


async def test_identities_are_the_last_for_the_address_and_for_the_user():
    seen: list[tuple[str | None, str | None]] = []

    def look(_intake: Intake, known: Identities) -> Plan:
        seen.append((known.user_of("A@b.co"), known.address_of("u-1")))
        return Plan((record(),))

    def learn(user_id: str, email: str, minute: int) -> Planner:
        return always(record(), identity=Identity(user_id, email, START + timedelta(minutes=minute)))

    async with opened() as store:
        await store.take_in([piece("0")], look)
        await store.take_in([piece("1")], learn("u-1", "a@b.co", 1))
        await store.take_in([piece("2")], look)
        await store.take_in([piece("3")], learn("u-2", "A@B.co", 2))
        await store.take_in([piece("4")], learn("u-1", "New@b.co", 3))
        await store.take_in([piece("5")], look)
        await store.take_in([piece("6")], learn("u-1", "a@b.co", 0))  # arrives late
        await store.take_in([piece("7")], look)

    assert seen == [(None, None), ("u-1", "a@b.co"), ("u-2", "New@b.co"), ("u-2", "New@b.co")]


async def test_pieces_of_one_transaction_see_what_earlier_ones_made_known():
    found: list[str | None] = []

    def planner(intake: Intake, known: Identities) -> Plan:
        found.append(known.user_of("a@b.co"))
        return Plan((record(),), Identity("u-1", "a@b.co", START) if intake.dedup_key == "1" else None)

    async with opened() as store:
        await asyncio.gather(store.take_in([piece("1")], planner), store.take_in([piece("2")], planner))

    assert found == [None, "u-1"]


async def test_writes_of_one_turn_share_a_transaction():
    commits: list[str] = []
    async with opened() as store:
        assert store._open is not None
        store._open.set_trace_callback(lambda text: commits.append(text) if text == "COMMIT" else None)

        await asyncio.gather(*(add(store, f"k-{number}") for number in range(50)))

        assert len(commits) == 1
        assert store.counts().pending == 50


async def test_a_write_that_fails_takes_no_other_with_it():
    def broken(_intake: Intake, _identities: Identities) -> Plan:
        raise LookupError("a planner should not raise")

    async with opened() as store:
        results = await asyncio.gather(
            add(store, "a"), store.take_in([piece("b")], broken), add(store, "c"), return_exceptions=True
        )

        assert isinstance(results[1], LookupError)
        assert store.counts().pending == 2


async def test_nothing_half_done_is_left_when_the_disk_is_full(tmp_path: Path):
    async with opened(tmp_path / "b.sqlite3") as store:
        await add(store, "a")
        assert store._open is not None
        ((pages,),) = store._open.execute("PRAGMA page_count").fetchall()
        store._open.execute(f"PRAGMA max_page_count = {pages}")
        large = Outcome(state=State.PENDING, destination="d", body=b"x" * 100_000)

        with pytest.raises(StoreUnavailable, match="full"):
            await store.take_in([piece("b")], always(record(), large))

        counts = store.counts()
        assert (counts.accepted, counts.pending) == (1, 1)
        store._open.execute(f"PRAGMA max_page_count = {pages + 1000}")
        assert await store.take_in([piece("b")], always(record(), large)) == (True,)


async def test_a_closed_store_says_so():
    store = SqliteStore(":memory:")

    with pytest.raises(StoreUnavailable, match="not open"):
        store.counts()
    with pytest.raises(StoreUnavailable, match="not open"):
        await add(store, "a")


async def test_a_path_that_is_no_store_says_so(tmp_path: Path):
    (tmp_path / "text").write_text("this is no database, and long enough to be looked at as one" * 20)

    with pytest.raises(StoreUnavailable, match="cannot open"):
        await SqliteStore(str(tmp_path / "text")).open()
    with pytest.raises(StoreUnavailable, match="cannot open"):
        await SqliteStore(str(tmp_path / "none" / "b.sqlite3")).open()


async def test_opening_again_keeps_everything(tmp_path: Path):
    async with opened(tmp_path / "b.sqlite3") as store:
        await add(store, "a")
    async with opened(tmp_path / "b.sqlite3") as store:
        assert store.counts().pending == 1
        assert await store.take_in([piece("a")], always(record())) == (False,)


async def test_the_file_is_written_ahead_and_synchronised_fully(tmp_path: Path):
    async with opened(tmp_path / "b.sqlite3") as store:
        assert store._open is not None
        assert store._open.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert store._open.execute("PRAGMA synchronous").fetchone() == (2,)


async def test_deliveries_can_be_looked_at_by_state():
    async with opened() as store:
        await add(store, "a", "b")
        first, _second = await claim(store)
        await end(store, first, state=State.DEAD)

        (dead,) = await store.deliveries(State.DEAD)
        assert (dead.engagement_id, dead.destination, dead.state) == ("id of a", "d", State.DEAD)
        assert len(await store.deliveries()) == 2
        assert await store.waiting() == {"d": 1}


async def test_a_lost_delivery_unbalances_the_books(tmp_path: Path):
    path = tmp_path / "b.sqlite3"
    async with opened(path) as store:
        await add(store, "a")
        with sqlite3.connect(path) as thief:
            thief.execute("DELETE FROM deliveries")
        thief.close()

        assert not store.counts().is_balanced
