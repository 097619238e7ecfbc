"""Whatever is done to a store, in whatever order: it does what the dictionaries do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar

import asyncpg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from bridge.store import Evidence, Pause, Plan, Settlement, SqliteStore, State
from bridge.store.postgres import PostgresStore
from simulator.loop import LiveLoop, VirtualLoop
from tests.bridge.store_model import DAY_MS, Model
from tests.bridge.stores import NOW_MS, not_sent, piece, record

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Coroutine, Iterator
    from pathlib import Path

    from bridge.store import Delivery, Outcome, Store

_FINAL = [State.DELIVERED, State.DEAD, State.UNCERTAIN]
_ONCE = ("once",)
_outcomes = st.lists(
    st.tuples(
        st.sampled_from([State.PENDING] * 4 + [State.FILTERED, State.QUARANTINED]),
        st.sampled_from(["d", "e"]),
        st.sampled_from(["once", "often"]),
        st.sampled_from(["", "", "x", "y"]),
        st.sampled_from(["", "m", "n"]),
    ),
    min_size=1,
    max_size=3,
)


def _outcome(drawn: tuple[State, str, str, str, str]) -> Outcome:
    state, destination, operation, lane, match_key = drawn
    if state is not State.PENDING:
        return not_sent(state, destination=destination)
    return record(lane=lane, destination=destination, operation=operation, match_key=match_key)


def _plain(drawn: tuple[State, str, str, str, str]) -> tuple[State, str, str, str, str]:
    return drawn if drawn[0] is State.PENDING else (*drawn[:2], "", "", "")


class StoreMachine(RuleBasedStateMachine):
    """Does the same to a store and to the model, and compares."""

    loop: ClassVar[asyncio.AbstractEventLoop]

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.store: Store = self.place()
        self.now_ms = NOW_MS
        self.held: list[Delivery] = []
        self.do(self.store.open())

    def teardown(self) -> None:
        self.do(self.store.close())

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    def place(self) -> Store:
        raise NotImplementedError

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.now_ms / 1000, UTC)

    @rule(ms=st.sampled_from([1, 500, 1000, 5000, DAY_MS, -300, -DAY_MS]))
    def time_passes(self, ms: int) -> None:
        self.now_ms += ms  # also back: a clock may be set

    @rule(drawn=st.lists(st.tuples(st.sampled_from("abcdefgh"), _outcomes), min_size=1, max_size=4))
    def take_in(self, drawn: list[tuple[str, Any]]) -> None:
        first = dict(reversed(drawn))
        window = timedelta(seconds=2)

        def planner(intake: Any, _identities: Any) -> Plan:
            return Plan(tuple(_outcome(each) for each in first[intake.dedup_key]))

        got = self.do(
            self.store.take_in([piece(key, at=self.now, window=window) for key, _plan in drawn], planner)
        )
        wanted = tuple(
            self.model.take_in(key, [_plain(each) for each in first[key]], now_ms=self.now_ms, window_ms=2000)
            for key, _plan in drawn
        )
        assert got == wanted

    @rule(match_key=st.sampled_from("mn"), ms=st.sampled_from([-2000, 0, 10]), key=st.integers(0, 10**9))
    def proof_comes(self, match_key: str, ms: int, key: int) -> None:
        proof = Evidence(match_key, self.now_ms + ms)
        plan = Plan((not_sent(State.FILTERED),), evidence=(proof,))
        intake = piece(f"p{key}", at=self.now, window=timedelta(seconds=2))
        (is_new,) = self.do(self.store.take_in([intake], lambda _intake, _identities: plan))
        outcome = (State.FILTERED, "", "", "", "")
        assert is_new == self.model.take_in(f"p{key}", [outcome], now_ms=self.now_ms, window_ms=2000)
        if is_new:
            self.model.prove(match_key, proof.at_ms, now_ms=self.now_ms)

    @rule(destination=st.sampled_from("de"), limit=st.integers(1, 4))
    def claim(self, destination: str, limit: int) -> None:
        got = self.do(self.store.claim(destination, limit, now_ms=self.now_ms, lease_ms=1000))
        wanted = self.model.claim(destination, limit, now_ms=self.now_ms, lease_ms=1000)
        assert [(each.seq, each.attempts, each.created_ms) for each in got] == [
            (each.seq, each.attempts, each.created_ms) for each in wanted
        ]
        for each, entry in zip(got, wanted, strict=True):
            assert each.fence > entry.fence
            entry.fence = each.fence
        self.held += got

    @rule(data=st.data())
    def start(self, data: st.DataObject) -> None:
        chosen = self._some_held(data)
        got = self.do(self.store.start(chosen, now_ms=self.now_ms, lease_ms=1000))
        wanted = [each.seq for each in chosen if self.model.holds(each.seq, each.fence)]
        for seq in wanted:
            self.model.entries[seq].is_started = True
            self.model.entries[seq].lease_ms = self.now_ms + 1000
        assert [each.seq for each in got] == wanted

    @rule(data=st.data(), ms=st.sampled_from([0, 700]))
    def settle(self, data: st.DataObject, ms: int) -> None:
        chosen = self._some_held(data)
        states = [data.draw(st.sampled_from([State.PENDING, *_FINAL])) for _ in chosen]
        due_ms = self.now_ms + ms
        settlements = [
            Settlement(delivery=each, state=state, due_ms=due_ms)
            for each, state in zip(chosen, states, strict=True)
        ]
        got = self.do(self.store.settle(settlements, now_ms=self.now_ms))
        ordered = sorted(zip(chosen, states, strict=True), key=lambda pair: pair[0].seq)
        assert got == sum(
            self.model.settle(each.seq, each.fence, state, due_ms=due_ms, now_ms=self.now_ms)
            for each, state in ordered
        )

    @rule(retry=st.booleans(), is_own=st.booleans())
    def end_claims(self, *, retry: bool, is_own: bool) -> None:
        end = self.store.release if is_own else self.store.recover
        got = self.do(end(_ONCE, retry=retry, now_ms=self.now_ms))
        assert got == self.model.end_claims(_ONCE, is_own=is_own, retry=retry, now_ms=self.now_ms)

    @rule()
    def another_process_takes_over(self) -> None:
        self.do(self.store.close())
        self.store = self.place()
        self.do(self.store.open())
        self.model.claimer += 1

    @rule(
        seqs=st.lists(st.integers(1, 30), max_size=4, unique=True),
        of=st.sets(st.sampled_from(list(State)), min_size=1),
        to=st.sampled_from([State.PENDING, State.PENDING, State.FILTERED, State.DELIVERED, State.DEAD]),
    )
    def move(self, seqs: list[int], of: set[State], to: State) -> None:
        got = self.do(self.store.move(seqs, of=of, to=to, reason="by hand", now_ms=self.now_ms))
        assert got == self.model.move(seqs, of, to, now_ms=self.now_ms)

    @rule(days=st.sampled_from([0, 1]), dead_days=st.sampled_from([0, 3]))
    def expire(self, days: int, dead_days: int) -> None:
        before = {
            "settled_before_ms": self.now_ms - days * DAY_MS,
            "dead_before_ms": self.now_ms - dead_days * DAY_MS,
        }
        got = self.do(self.store.expire(**before, now_ms=self.now_ms))
        assert got == self.model.expire(**before, now_ms=self.now_ms)

    @rule(
        destination=st.sampled_from("de"),
        names=st.lists(st.sampled_from("uvwxyz"), max_size=4),
        limit=st.sampled_from([0, 1, 3, 4]),
    )
    def admit(self, destination: str, names: list[str], limit: int) -> None:
        got = self.do(self.store.admit_names(destination, names, limit=limit, now_ms=self.now_ms))
        assert (got.names, got.used) == self.model.admit(destination, names, limit)

    @rule(destination=st.sampled_from("de"), ms=st.integers(0, 5))
    def pause(self, destination: str, ms: int) -> None:
        pause = Pause(self.now_ms + ms, "told", ms) if ms else None
        self.do(self.store.set_pause(destination, pause))
        assert self.do(self.store.pauses()).get(destination) == pause

    @invariant()
    def both_say_the_same(self) -> None:
        stored = self.do(self.store.deliveries(limit=10_000))
        assert [(each.seq, each.state, each.attempts, each.due_ms, each.settled_ms) for each in stored] == [
            (each.seq, each.state, each.attempts, each.due_ms, each.settled_ms)
            for each in sorted(self.model.entries.values(), key=lambda each: each.seq)
        ]
        assert self.do(self.store.counts()) == self.model.counts()
        assert self.do(self.store.count_names()) == {
            name: len(self.model.names[name]) for name in "de" if self.model.names.get(name)
        }
        for destination in "de":
            due = self.model.due(destination)
            assert self.do(self.store.next_due_ms(destination)) == (due[0].due_ms if due else None)
        assert self.do(self.store.check()) == ()

    def _some_held(self, data: st.DataObject) -> list[Delivery]:
        """Choose claims, old and lost ones among them."""
        if not self.held:
            return []
        return data.draw(st.lists(st.sampled_from(self.held), max_size=4, unique_by=lambda each: each.seq))


class SqliteMachine(StoreMachine):
    """On a file of its own for every example."""

    folder: ClassVar[Path]
    number: ClassVar[count[int]]

    def __init__(self) -> None:
        self.path = str(self.folder / f"{next(self.number)}.sqlite3")
        super().__init__()

    def place(self) -> SqliteStore:
        return SqliteStore(self.path, is_synchronous=False)


class PostgresMachine(StoreMachine):
    """On one database, emptied for every example."""

    url: ClassVar[str]

    def __init__(self) -> None:
        self.do(_empty(self.url))
        super().__init__()

    def place(self) -> PostgresStore:
        return PostgresStore(self.url)


async def _empty(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("DROP SCHEMA IF EXISTS bridge CASCADE")
    await connection.close()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[type[StoreMachine]]:
    kind: type[StoreMachine]
    if request.param == "sqlite":
        loop: asyncio.AbstractEventLoop = VirtualLoop()
        kind = type("Here", (SqliteMachine,), {"loop": loop, "folder": tmp_path, "number": count()})
    else:
        loop = LiveLoop()
        kind = type(
            "Here", (PostgresMachine,), {"loop": loop, "url": request.getfixturevalue("database_url")}
        )
    yield kind
    loop.close()


@pytest.mark.slow
def test_a_store_does_what_the_model_does(machine: type[StoreMachine]) -> None:
    _run(machine, examples=15 if issubclass(machine, SqliteMachine) else 4, steps=25)


@pytest.mark.long
def test_a_store_does_what_the_model_does_in_long_runs(machine: type[StoreMachine]) -> None:
    _run(machine, examples=200, steps=40)


def _run(machine: type[StoreMachine], *, examples: int, steps: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
