"""What every store must do; the same tests for each of them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from bridge.engagement import SourceName
from bridge.errors import StoreUnavailable
from bridge.store import Evidence, Identity, Pause, Plan, State
from tests.bridge.rig import START
from tests.bridge.stores import (
    LEASE_MS,
    NOW_MS,
    Place,
    PostgresPlace,
    SqlitePlace,
    add,
    always,
    claim,
    end,
    not_sent,
    opened,
    piece,
    record,
    seqs,
)

if TYPE_CHECKING:
    from pathlib import Path

    from bridge.store import Counts, Identities, Intake, Planner, Store

_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS


@pytest.fixture(params=["sqlite", "sqlite-threads", pytest.param("postgres", marks=pytest.mark.slow)])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def arm(kind: str) -> str:
    return "virtual" if kind == "sqlite" else "loopback"


@pytest.fixture
def place(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Place:
    if kind == "postgres":
        return PostgresPlace(request.getfixturevalue("database_url"))
    return SqlitePlace(str(tmp_path / "bridge.sqlite3"))


async def count(store: Store) -> Counts:
    counts = await store.counts()
    assert counts.is_balanced, counts
    return counts


class TestIntake:
    async def test_a_repeat_within_its_window_is_counted_and_nothing_else(self, place: Place):
        async with opened(place) as store:
            first = await store.take_in([piece(), piece()], always(record()))
            again = await store.take_in([piece(at=START + timedelta(hours=23))], always(record()))

            counts = await count(store)
            assert (first, again) == ((True, False), (False,))
            assert (counts.accepted, counts.pending, counts.duplicate) == (3, 1, 2)

    async def test_a_key_is_new_again_after_its_window(self, place: Place):
        async with opened(place) as store:
            await store.take_in([piece()], always(record()))
            (is_new,) = await store.take_in([piece(at=START + timedelta(days=1))], always(record()))

            assert is_new
            assert (await count(store)).pending == 2

    async def test_equal_keys_of_two_sources_are_two(self, place: Place):
        async with opened(place) as store:
            both = [piece(), piece(source=SourceName.MAILJET)]

            assert await store.take_in(both, always(record())) == (True, True)

    async def test_of_identities_that_come_together_the_last_is_kept_whatever_their_order(self, place: Place):
        def planner(intake: Intake, identities: Identities) -> Plan:
            seen.append((identities.user_of("a@x.example"), identities.address_of("u-1")))
            minute = int(intake.dedup_key)
            address = f"{'A' if minute % 2 else 'a'}@x.example"
            return Plan((record(),), Identity("u-1", address, START + timedelta(minutes=minute)))

        def only_look(_intake: Intake, identities: Identities) -> Plan:
            seen.append((identities.user_of("A@X.example"), identities.address_of("u-1")))
            return Plan((record(),))

        seen: list[tuple[str | None, str | None]] = []
        async with opened(place) as store:
            await store.take_in([piece(key) for key in ("2", "3", "1")], planner)
            await asyncio.gather(*(store.take_in([piece(key)], planner) for key in ("5", "4")))
            await store.take_in([piece("look")], only_look)

        assert seen[0] == (None, None)
        assert seen[-1] == ("u-1", "A@x.example")

    async def test_identities_are_the_last_for_the_address_and_for_the_user(self, place: Place):
        seen: dict[str, tuple[str | None, str | None]] = {}

        def look(intake: Intake, known: Identities) -> Plan:
            seen[intake.dedup_key] = (known.user_of("A@b.co"), known.address_of("u-1"))
            return Plan((record(),))

        def learn(user_id: str, email: str, minute: int) -> Planner:
            return always(record(), identity=Identity(user_id, email, START + timedelta(minutes=minute)))

        async with opened(place) as store:
            await store.take_in([piece("0")], look)
            await store.take_in([piece("1")], learn("u-1", "a@b.co", 1))
            await store.take_in([piece("2")], look)
            await store.take_in([piece("3")], learn("u-2", "A@B.co", 2))
            await store.take_in([piece("4")], learn("u-1", "New@b.co", 3))
            await store.take_in([piece("5")], look)
            await store.take_in([piece("6")], learn("u-1", "a@b.co", 0))  # arrives late
            await store.take_in([piece("7")], look)

        assert list(seen.values()) == [
            (None, None),
            ("u-1", "a@b.co"),
            ("u-2", "New@b.co"),
            ("u-2", "New@b.co"),
        ]

    async def test_pieces_taken_in_together_see_what_earlier_ones_made_known(self, place: Place):
        found: dict[str, str | None] = {}

        def planner(intake: Intake, known: Identities) -> Plan:
            found[intake.dedup_key] = known.user_of("a@b.co")
            return Plan((record(),), Identity("u-1", "a@b.co", START) if intake.dedup_key == "1" else None)

        async with opened(place) as store:
            await asyncio.gather(store.take_in([piece("1")], planner), store.take_in([piece("2")], planner))

        assert found == {"1": None, "2": "u-1"}

    async def test_a_write_that_fails_takes_no_other_with_it(self, place: Place):
        def broken(_intake: Intake, _identities: Identities) -> Plan:
            raise LookupError("a planner should not raise")

        async with opened(place) as store:
            results = await asyncio.gather(
                add(store, "a"), store.take_in([piece("b")], broken), add(store, "c"), return_exceptions=True
            )

            assert isinstance(results[1], LookupError)
            assert (await count(store)).pending == 2
            assert await store.take_in([piece("b")], always(record())) == (True,)

    async def test_what_is_not_sent_is_kept_with_its_reason(self, place: Place):
        async with opened(place) as store:
            outcomes = not_sent(State.FILTERED, reason="gate"), not_sent(State.QUARANTINED, reason="odd")
            await store.take_in([piece()], always(*outcomes))

            counts = await count(store)
            assert (counts.accepted, counts.filtered, counts.quarantined) == (2, 1, 1)
            assert [each.reason for each in await store.deliveries()] == ["gate", "odd"]
            assert await claim(store) == ()


class TestClaims:
    async def test_claims_are_oldest_first_and_nobody_elses(self, place: Place):
        async with opened(place) as store:
            await add(store, "a", "b", "c")

            first, second = await claim(store, 2), await claim(store, 2)

            assert [each.seq for each in first] == [1, 2]
            assert [each.seq for each in second] == [3]
            assert await store.claim("other", 5, now_ms=NOW_MS, lease_ms=1) == ()

    async def test_a_claim_tells_all_that_is_needed_to_send(self, place: Place):
        async with opened(place) as store:
            await add(store, "a", lane="x", match_key="m")
            (claimed,) = await claim(store)

            assert (claimed.destination, claimed.operation, claimed.path) == ("d", "op", "/p")
            assert (claimed.body, claimed.lane, claimed.match_key) == (b"{}", "x", "m")
            assert (claimed.attempts, claimed.created_ms) == (1, NOW_MS)
            assert claimed.lease_ms == NOW_MS + LEASE_MS

    async def test_what_is_not_due_is_not_claimed(self, place: Place):
        async with opened(place) as store:
            await add(store, "a")
            await end(store, *await claim(store), state=State.PENDING, due_ms=NOW_MS + 500)

            assert await store.next_due_ms("d") == NOW_MS + 500
            assert await claim(store, at_ms=NOW_MS + 499) == ()
            (again,) = await claim(store, at_ms=NOW_MS + 500)
            assert again.attempts == 2

    async def test_nothing_is_due_where_nothing_waits(self, place: Place):
        async with opened(place) as store:
            assert await store.next_due_ms("d") is None
            await add(store, "a")
            assert await store.next_due_ms("d") == NOW_MS
            await claim(store)
            assert await store.next_due_ms("d") is None

    async def test_what_is_tried_again_keeps_its_reason(self, place: Place):
        async with opened(place) as store:
            await add(store, "a")
            await end(store, *await claim(store), state=State.PENDING, reason="http_503")

            (waiting,) = await store.deliveries()
            assert (waiting.state, waiting.reason, waiting.settled_ms) == (State.PENDING, "http_503", None)

    async def test_a_late_worker_changes_nothing(self, place: Place):
        async with opened(place) as store:
            await add(store, "a")
            (stale,) = await claim(store)
            await store.recover((), retry=False, now_ms=NOW_MS + LEASE_MS)
            (fresh,) = await claim(store, at_ms=NOW_MS + LEASE_MS)

            assert await store.start([stale], now_ms=NOW_MS, lease_ms=LEASE_MS) == ()
            assert await end(store, stale, state=State.DEAD) == 0
            assert await end(store, fresh) == 1
            assert await end(store, fresh, state=State.DEAD) == 0
            assert (await count(store)).delivered == 1

    async def test_a_start_renews_the_lease_of_what_is_still_claimed(self, place: Place):
        async with opened(place) as store:
            await add(store, "a", "b")
            first, second = await claim(store)
            await end(store, second)

            held = await store.start([first, second], now_ms=NOW_MS + LEASE_MS, lease_ms=LEASE_MS)

            assert [(each.seq, each.lease_ms) for each in held] == [(first.seq, NOW_MS + 2 * LEASE_MS)]
            assert await store.recover((), retry=False, now_ms=NOW_MS + LEASE_MS) == 0
            assert await end(store, *held) == 1

    async def test_each_record_of_a_batch_has_its_own_end(self, place: Place):
        async with opened(place) as store:
            await add(store, "a", "b", "c", "d")
            claimed = await claim(store)
            for delivery, state in zip(
                claimed, (State.DELIVERED, State.DEAD, State.UNCERTAIN, State.PENDING), strict=True
            ):
                await end(store, delivery, state=state)

            counts = await count(store)
            assert (counts.delivered, counts.dead, counts.uncertain, counts.pending) == (1, 1, 1, 1)


class TestLanes:
    async def test_a_lane_is_handed_out_one_at_a_time_in_order(self, place: Place):
        async with opened(place) as store:
            await add(store, "a", "b", lane="x")
            await add(store, "c", lane="y")

            heads = await claim(store)
            assert [each.seq for each in heads] == [1, 3]
            assert await claim(store) == ()
            await end(store, heads[0])
            assert [each.seq for each in await claim(store)] == [2]

    async def test_a_blocked_lane_holds_only_itself(self, place: Place):
        async with opened(place) as store:
            await add(store, "a", "b", lane="x")
            (head,) = await claim(store)
            await end(store, head, state=State.PENDING, due_ms=NOW_MS + 1000)
            await add(store, "c", lane="x")
            await add(store, "d", lane="y")

            assert [each.seq for each in await claim(store)] == [4]
            assert [each.seq for each in await claim(store, at_ms=NOW_MS + 1000)] == [1]

    @pytest.mark.parametrize("state", [State.DEAD, State.UNCERTAIN])
    async def test_a_lane_goes_on_after_one_that_failed_for_good(self, place: Place, state: State):
        async with opened(place) as store:
            await add(store, "a", "b", lane="x")
            await end(store, *await claim(store), state=state)

            assert [each.seq for each in await claim(store)] == [2]

    async def test_a_lane_that_ran_dry_starts_anew(self, place: Place):
        async with opened(place) as store:
            await add(store, "a", lane="x")
            await end(store, *await claim(store))
            await add(store, "b", lane="x")

            assert [each.seq for each in await claim(store)] == [2]

    async def test_a_lane_goes_on_after_a_claim_that_was_left_behind(self, place: Place):
        async with opened(place) as store:
            await add(store, "a", "b", lane="x", operation="once")
            claimed = await claim(store)
            await store.start(claimed, now_ms=NOW_MS, lease_ms=LEASE_MS)
            await store.recover(["once"], retry=False, now_ms=NOW_MS + LEASE_MS)

            assert [each.seq for each in await claim(store)] == [2]


class TestRecovery:
    @pytest.mark.parametrize(
        ("operation", "is_started", "retry", "state"),
        [
            ("once", True, False, State.UNCERTAIN),
            ("once", False, False, State.PENDING),
            ("once", True, True, State.PENDING),
            ("often", True, False, State.PENDING),
            ("often", False, False, State.PENDING),
        ],
    )
    @pytest.mark.parametrize("how", ["restart", "lease", "release"])
    async def test_a_claim_left_behind_ends_as_its_operation_bears(
        self,
        place: Place,
        operation: str,
        is_started: bool,  # noqa: FBT001 - a table
        retry: bool,  # noqa: FBT001 - a table
        state: State,
        how: str,
    ):
        async with opened(place) as store:
            await add(store, "a", operation=operation)
            claimed = await claim(store)
            if is_started:
                await store.start(claimed, now_ms=NOW_MS, lease_ms=LEASE_MS)
            if how == "lease":
                assert await store.recover(["once"], retry=retry, now_ms=NOW_MS + LEASE_MS) == 1
            elif how == "release":
                assert await store.release(["once"], retry=retry, now_ms=NOW_MS) == 1

        async with opened(place) as store:
            left = await store.recover(["once"], retry=retry, now_ms=NOW_MS)
            assert left == (1 if how == "restart" else 0)
            await count(store)
            (found,) = await store.deliveries()
            assert found.state is state
            assert len(await claim(store, at_ms=NOW_MS + LEASE_MS)) == (1 if state is State.PENDING else 0)

    async def test_what_came_in_before_the_clock_was_set_back_is_due_at_once(self, place: Place):
        async with opened(place) as store:
            await add(store, "a", "b")
            await end(store, *await claim(store, 1), state=State.PENDING, due_ms=NOW_MS + 500)
            earlier = NOW_MS - 6 * _HOUR_MS

            assert await store.recover((), retry=False, now_ms=earlier) == 0
            assert await seqs(store) == [1, 2]
            assert len(await claim(store, at_ms=earlier)) == 2

    async def test_a_living_claim_is_not_recovered(self, place: Place):
        async with opened(place) as store:
            await add(store, "a")
            (claimed,) = await claim(store)

            assert await store.recover(["op"], retry=False, now_ms=NOW_MS + LEASE_MS - 1) == 0
            assert await end(store, claimed) == 1

    async def test_who_only_looks_disturbs_no_claim(self, place: Place):
        async with opened(place) as store:
            await add(store, "a", "b")
            claimed = await claim(store)

            async with opened(place, is_serving=False) as looking:
                assert (await looking.counts()).pending == 2

            assert await end(store, *claimed) == 2

    async def test_opening_again_keeps_everything(self, place: Place):
        async with opened(place) as store:
            await add(store, "a")
        async with opened(place) as store:
            assert (await count(store)).pending == 1
            assert await store.take_in([piece("a")], always(record())) == (False,)


class TestEvidence:
    async def test_a_later_proof_settles_the_oldest_uncertain_delivery_that_it_can_be_about(
        self, place: Place
    ):
        async with opened(place) as store:
            await add(store, "a", "b", match_key="m")
            await end(store, *await claim(store), state=State.UNCERTAIN)

            async def prove(key: str, match_key: str, at_ms: int) -> list[State]:
                proof = Evidence(match_key, at_ms)
                await store.take_in([piece(key)], always(not_sent(State.FILTERED), evidence=(proof,)))
                return [each.state for each in await store.deliveries() if each.destination == "d"]

            assert await prove("1", "other", NOW_MS) == [State.UNCERTAIN, State.UNCERTAIN]
            assert await prove("2", "m", NOW_MS - 1) == [
                State.UNCERTAIN,
                State.UNCERTAIN,
            ]  # of an earlier one
            assert await prove("3", "m", NOW_MS) == [State.DELIVERED, State.UNCERTAIN]
            assert await prove("4", "m", NOW_MS) == [State.DELIVERED, State.DELIVERED]
            await count(store)

    async def test_a_proof_that_came_first_settles_one_that_becomes_uncertain(self, place: Place):
        async with opened(place) as store:
            await add(store, "a", "b", match_key="m")
            first, second = await claim(store)
            proof = Evidence("m", NOW_MS + 10)
            await store.take_in([piece("p")], always(not_sent(State.FILTERED), evidence=(proof,)))

            await end(store, first, state=State.UNCERTAIN)
            await end(store, second, state=State.UNCERTAIN)

            assert await seqs(store, State.DELIVERED) == [1]
            assert await seqs(store, State.UNCERTAIN) == [2]

    async def test_a_proof_counts_at_recovery_too(self, place: Place):
        async with opened(place) as store:
            await add(store, "a", match_key="m")
            await store.start(await claim(store), now_ms=NOW_MS, lease_ms=LEASE_MS)
            proof = Evidence("m", NOW_MS)
            await store.take_in([piece("p")], always(not_sent(State.FILTERED), evidence=(proof,)))

            await store.recover(["op"], retry=False, now_ms=NOW_MS + LEASE_MS)

            assert await seqs(store, State.DELIVERED) == [1]


class TestPauses:
    async def test_a_pause_outlives_the_store_until_it_is_ended(self, place: Place):
        async with opened(place) as store:
            await store.set_pause("d", Pause(NOW_MS, "http_503", 0))
            await store.set_pause("d", Pause(NOW_MS + 1, "http_401", 2))
            await store.set_pause("e", Pause(NOW_MS, "http_429"))
        async with opened(place) as store:
            assert dict(await store.pauses()) == {
                "d": Pause(NOW_MS + 1, "http_401", 2),
                "e": Pause(NOW_MS, "http_429", 0),
            }
            await store.set_pause("d", None)
            await store.set_pause("none", None)
            assert list(await store.pauses()) == ["e"]


class TestLooking:
    async def test_standings_tell_number_and_oldest_by_destination_and_state(self, place: Place):
        async with opened(place) as store:
            await add(store, "a", "b")
            await store.take_in([piece("c", at=START + timedelta(seconds=1))], always(record()))
            await store.take_in([piece("e")], always(record(destination="e"), not_sent(State.FILTERED)))
            await claim(store, 1)

            rows = [
                (each.destination, each.state, each.number, each.oldest_ms)
                for each in await store.standings()
            ]
            assert rows == [
                ("", "filtered", 1, NOW_MS),
                ("d", "claimed", 1, NOW_MS),
                ("d", "pending", 2, NOW_MS),
                ("e", "pending", 1, NOW_MS),
            ]
            assert [each.number for each in await store.standings(State.PENDING)] == [2, 1]
            assert [each.number for each in await store.standings(State.FILTERED, State.PENDING)] == [1, 2, 1]

    async def test_deliveries_are_listed_by_state_and_destination_in_pages(self, place: Place):
        async with opened(place) as store:
            await add(store, "a", "b", "c")
            await store.take_in([piece("x")], always(record(destination="e")))
            first, _second, third = await claim(store)
            await end(store, first, third, state=State.DEAD)

            assert await seqs(store, State.DEAD) == [1, 3]
            assert await seqs(store) == [1, 2, 3, 4]
            assert [each.seq for each in await store.deliveries(State.DEAD, limit=1)] == [1]
            assert [each.seq for each in await store.deliveries(State.DEAD, after_seq=1)] == [3]
            assert [each.seq for each in await store.deliveries(destination="e")] == [4]

    async def test_a_delivery_is_shown_with_the_piece_that_it_comes_from(self, place: Place):
        async with opened(place) as store:
            await add(store, "a", lane="x", match_key="m")
            await end(store, *await claim(store), state=State.DEAD, reason="http_400", at_ms=NOW_MS + 7)

            shown = await store.delivery(1)

            assert shown is not None
            assert (shown.path, shown.lane, shown.body, shown.match_key) == ("/p", "x", b"{}", "m")
            assert (shown.dedup_key, shown.where, shown.raw) == ("a", "here", b"raw a")
            assert shown.received_ms == NOW_MS
            told = shown.delivery
            assert (told.engagement_id, told.source, told.kind) == ("id of a", "mailmodo", "opened")
            assert (told.state, told.reason, told.attempts) == (State.DEAD, "http_400", 1)
            assert (told.created_ms, told.settled_ms, told.inbox_seq) == (NOW_MS, NOW_MS + 7, 1)
            assert await store.delivery(2) is None


class TestMoving:
    async def test_a_requeued_delivery_starts_anew(self, place: Place):
        async with opened(place) as store:
            await add(store, "a", "b")
            first = await claim(store)
            await end(store, *first, state=State.DEAD)
            later = NOW_MS + _DAY_MS

            moved = await store.move(
                [1, 2, 99], of=[State.DEAD], to=State.PENDING, reason="mended", now_ms=later
            )

            assert moved == (1, 2)
            assert await store.next_due_ms("d") == later
            again = await claim(store, at_ms=later)
            assert [(each.attempts, each.created_ms) for each in again] == [(1, later), (1, later)]
            assert min(each.fence for each in again) > max(each.fence for each in first)

    async def test_one_in_another_state_is_left_alone(self, place: Place):
        async with opened(place) as store:
            await add(store, "a", "b", "c")
            first, second = await claim(store, 2)
            await end(store, first, state=State.UNCERTAIN)

            every = list(State)
            assert await store.move([1], of=[State.DEAD], to=State.PENDING, reason="", now_ms=NOW_MS) == ()
            assert await store.move([2], of=every, to=State.FILTERED, reason="", now_ms=NOW_MS) == ()
            assert await end(store, second) == 1

    @pytest.mark.parametrize("to", [State.DELIVERED, State.FILTERED, State.DEAD])
    async def test_what_is_decided_by_hand_is_settled_with_the_reason(self, place: Place, to: State):
        async with opened(place) as store:
            await add(store, "a")
            await end(store, *await claim(store), state=State.UNCERTAIN)

            await store.move([1], of=[State.UNCERTAIN], to=to, reason="by hand", now_ms=NOW_MS + 5)

            (found,) = await store.deliveries(to)
            assert (found.reason, found.settled_ms) == ("by hand", NOW_MS + 5)
            assert (await count(store)).as_dict()[to] == 1

    async def test_a_requeued_delivery_waits_for_the_head_of_its_lane(self, place: Place):
        async with opened(place) as store:
            await add(store, "a", "b", "c", lane="x")
            await end(store, *await claim(store), state=State.DEAD)
            (second,) = await claim(store)
            await store.move([1], of=[State.DEAD], to=State.PENDING, reason="", now_ms=NOW_MS)

            assert await claim(store) == ()
            await end(store, second)
            assert [each.seq for each in await claim(store)] == [1]

    async def test_a_requeued_delivery_of_an_empty_lane_is_its_head(self, place: Place):
        async with opened(place) as store:
            await add(store, "a", lane="x")
            await end(store, *await claim(store), state=State.DEAD)
            await store.move([1], of=[State.DEAD], to=State.PENDING, reason="", now_ms=NOW_MS)
            await add(store, "b", lane="x")

            assert [each.seq for each in await claim(store)] == [1]

    async def test_a_lane_keeps_its_head_when_one_that_waits_is_discarded(self, place: Place):
        async with opened(place) as store:
            await add(store, "a", "b", "c", lane="x")
            await end(store, *await claim(store), state=State.DEAD)
            await store.move([1], of=[State.DEAD], to=State.PENDING, reason="", now_ms=NOW_MS)
            await store.move([3], of=[State.PENDING], to=State.FILTERED, reason="", now_ms=NOW_MS)

            assert [each.seq for each in await claim(store)] == [2]

    async def test_a_lane_goes_on_after_its_head_is_discarded(self, place: Place):
        async with opened(place) as store:
            await add(store, "a", "b", lane="x")
            await store.move([1], of=[State.PENDING], to=State.FILTERED, reason="", now_ms=NOW_MS)

            assert [each.seq for each in await claim(store)] == [2]


class TestReplay:
    async def test_a_quarantined_piece_is_planned_anew_once(self, place: Place):
        async with opened(place) as store:
            await store.take_in([piece(is_readable=False)], always(not_sent(State.QUARANTINED)))

            assert await store.replay(1, [piece()], always(record(), record()), now_ms=NOW_MS) == 2
            assert await store.replay(1, [piece()], always(record(), record()), now_ms=NOW_MS) is None

            counts = await count(store)
            assert (counts.accepted, counts.pending, counts.quarantined) == (2, 2, 0)
            assert {each.engagement_id for each in await store.deliveries()} == {"id of k-1"}
            assert len(await claim(store)) == 2

    async def test_outcomes_that_were_not_quarantined_stay_as_they_are(self, place: Place):
        async with opened(place) as store:
            odd = not_sent(State.QUARANTINED, destination="e")
            await store.take_in([piece()], always(record(), odd))
            await end(store, *await claim(store))

            added = await store.replay(1, [piece()], always(record(), record(destination="e")), now_ms=NOW_MS)

            assert added == 1
            counts = await count(store)
            assert (counts.accepted, counts.delivered, counts.pending) == (2, 1, 1)

    async def test_one_that_is_still_unreadable_stays_quarantined(self, place: Place):
        async with opened(place) as store:
            planner = always(not_sent(State.QUARANTINED))
            await store.take_in([piece()], planner)

            assert await store.replay(1, [piece()], planner, now_ms=NOW_MS) == 1
            counts = await count(store)
            assert (counts.accepted, counts.quarantined) == (1, 1)

    async def test_bytes_that_are_now_several_pieces_are_taken_in_as_these(self, place: Place):
        async with opened(place) as store:
            await store.take_in([piece("whole")], always(not_sent(State.QUARANTINED)))
            await add(store, "2")

            added = await store.replay(1, [piece("1"), piece("2")], always(record()), now_ms=NOW_MS)

            assert added == 1
            counts = await count(store)
            assert (counts.filtered, counts.pending, counts.duplicate) == (1, 2, 1)

    async def test_nothing_is_replayed_where_nothing_is(self, place: Place):
        async with opened(place) as store:
            await add(store, "a")

            assert await store.replay(1, [piece("a")], always(record()), now_ms=NOW_MS) is None
            assert await store.replay(9, [piece("a")], always(record()), now_ms=NOW_MS) is None
            assert (await count(store)).pending == 1


class TestRetention:
    async def test_settled_pieces_go_whole_and_counts_stay(self, place: Place):
        async with opened(place) as store:
            await add(store, "a", "a", "b", "newest")
            await end(store, *await claim(store))
            before = await count(store)

            async def expire(now_ms: int) -> int:
                return await store.expire(settled_before_ms=NOW_MS, dead_before_ms=0, now_ms=now_ms)

            assert await expire(NOW_MS + _DAY_MS - 1) == 0  # their keys are in their window
            assert await expire(NOW_MS + _DAY_MS) == 2
            assert await count(store) == before
            assert await seqs(store) == [3]
            await add(store, "c")
            assert await seqs(store) == [3, 4]  # no number is given out again

    @pytest.mark.parametrize(
        ("state", "is_deleted"),
        [
            (State.DELIVERED, True),
            (State.FILTERED, True),
            (State.DEAD, False),
            (State.UNCERTAIN, False),
            (State.QUARANTINED, False),
            (State.PENDING, False),
            (State.CLAIMED, False),
        ],
    )
    async def test_what_somebody_must_look_at_is_kept(self, place: Place, state: State, *, is_deleted: bool):
        async with opened(place) as store:
            sent = not_sent(state) if state in (State.FILTERED, State.QUARANTINED) else record()
            await store.take_in([piece("a")], always(sent, not_sent(State.FILTERED)))
            claimed = await claim(store) if state is not State.PENDING else ()
            if state is not State.CLAIMED:
                await end(store, *claimed, state=state)
            await add(store, "newest")

            gone = await store.expire(
                settled_before_ms=NOW_MS, dead_before_ms=NOW_MS - 1, now_ms=NOW_MS + 2 * _DAY_MS
            )

            assert gone == int(is_deleted)
            await count(store)

    async def test_dead_ones_have_an_age_of_their_own(self, place: Place):
        async with opened(place) as store:
            await add(store, "a")
            await end(store, *await claim(store), state=State.DEAD)
            await add(store, "newest")

            assert (
                await store.expire(
                    settled_before_ms=NOW_MS, dead_before_ms=NOW_MS, now_ms=NOW_MS + 2 * _DAY_MS
                )
                == 1
            )
            assert (await count(store)).dead == 1

    async def test_a_run_deletes_no_more_than_it_is_told(self, place: Place):
        async with opened(place) as store:
            await add(store, *"abcdef")
            await end(store, *await claim(store))
            late = NOW_MS + 2 * _DAY_MS

            gone = [
                await store.expire(settled_before_ms=NOW_MS, dead_before_ms=0, now_ms=late, limit=2)
                for _ in range(4)
            ]

            assert gone == [2, 2, 1, 0]
            assert (await count(store)).delivered == 6


class TestNames:
    async def test_names_are_admitted_until_it_is_full_and_stay(self, place: Place):
        async with opened(place) as store:
            first = await store.admit_names("d", ["b", "a"], limit=3, now_ms=NOW_MS)
            second = await store.admit_names("d", ["d", "a", "c"], limit=3, now_ms=NOW_MS)
            lower = await store.admit_names("d", ["a", "b", "d", "e"], limit=1, now_ms=NOW_MS)
            other = await store.admit_names("e", ["d"], limit=1, now_ms=NOW_MS)

            assert (sorted(first.names), first.used) == (["a", "b"], 2)
            assert (sorted(second.names), second.used) == (["a", "d"], 3)
            assert (sorted(lower.names), lower.used) == (["a", "b", "d"], 3)
            assert (sorted(other.names), other.used) == (["d"], 1)
            assert await store.count_names() == {"d": 3, "e": 1}

    async def test_without_a_limit_all_are_counted(self, place: Place):
        async with opened(place) as store:
            admission = await store.admit_names(
                "d", [f"n-{number}" for number in range(600)], limit=0, now_ms=NOW_MS
            )

            assert (len(admission.names), admission.used) == (600, 600)

    async def test_names_outlast_a_restart_and_retention(self, place: Place):
        async with opened(place) as store:
            await store.admit_names("d", ["a", "b"], limit=2, now_ms=NOW_MS)
        async with opened(place) as store:
            late = NOW_MS + 1000 * _DAY_MS
            await store.expire(settled_before_ms=late, dead_before_ms=late, now_ms=late)
            again = await store.admit_names("d", ["b", "c"], limit=2, now_ms=late)

            assert (again.names, again.used) == (frozenset({"b"}), 2)

    async def test_two_processes_at_once_never_admit_more_than_there_is_room_for(self, place: Place):
        async with opened(place) as one, opened(place, is_serving=False) as two:
            found = await asyncio.gather(
                *(
                    (one if number % 2 else two).admit_names(
                        "d", [f"n-{number}", f"n-{number + 1}"], limit=10, now_ms=NOW_MS
                    )
                    for number in range(40)
                )
            )

            admitted = frozenset[str]().union(*(each.names for each in found))
            assert len(admitted) == 10
            assert max(each.used for each in found) == 10
            assert await one.count_names() == await two.count_names() == {"d": 10}


class TestTrouble:
    async def test_a_closed_store_says_so(self, place: Place):
        store = place.store()

        with pytest.raises(StoreUnavailable, match="not open"):
            await store.counts()
        with pytest.raises(StoreUnavailable, match="not open"):
            await add(store, "a")
        async with opened(place) as store:
            await add(store, "a")
        with pytest.raises(StoreUnavailable, match="not open"):
            await claim(store)
        with pytest.raises(StoreUnavailable, match="not open"):
            await store.next_due_ms("d")

    async def test_many_writes_at_once_are_each_done_once(self, place: Place):
        async with opened(place) as store:
            await asyncio.gather(*(add(store, f"k-{number % 200}") for number in range(400)))

            counts = await count(store)
            assert (counts.accepted, counts.pending, counts.duplicate) == (400, 200, 200)

    async def test_close_commits_what_is_queued(self, place: Place):
        store = place.store()
        await store.open()
        waiting = [asyncio.ensure_future(add(store, f"k-{number}")) for number in range(10)]
        await asyncio.sleep(0)
        await store.close()
        await asyncio.gather(*waiting)

        async with opened(place) as store:
            assert (await count(store)).pending == 10
