"""Places where a store may keep its data, and small things to put into one."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from bridge.engagement import Engagement, Kind, Recipient, SourceName
from bridge.store import Identity, Intake, Outcome, Plan, Settlement, SqliteStore, State
from bridge.store.postgres import PostgresStore
from tests.bridge.rig import START

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

    from bridge.store import Delivery, Evidence, Planner, Store

NOW_MS = int(START.timestamp() * 1000)
LEASE_MS = 1000


class Place(Protocol):
    """Where a store keeps its data; every store made here sees the same."""

    def store(self) -> Store: ...


@dataclass(frozen=True)
class SqlitePlace:
    path: str

    def store(self) -> SqliteStore:
        return SqliteStore(self.path)


@dataclass(frozen=True)
class PostgresPlace:
    url: str

    def store(self) -> PostgresStore:
        return PostgresStore(self.url)


@asynccontextmanager
async def opened(place: Place, *, is_serving: bool = True) -> AsyncIterator[Store]:
    """Open a store; at the end its books must balance and nothing be damaged."""
    store = place.store()
    await store.open(is_serving=is_serving)
    try:
        yield store
        assert await store.check() == ()
    finally:
        await store.close()


def piece(
    key: str = "k-1",
    *,
    at: datetime = START,
    window: timedelta = timedelta(days=1),
    source: SourceName = SourceName.MAILMODO,
    is_readable: bool = True,
) -> Intake:
    engagement = Engagement(
        id=f"id of {key}",
        source=source,
        kind=Kind.OPENED,
        occurred_at=at,
        received_at=at,
        recipient=Recipient(),
    )
    return Intake(
        source=source,
        dedup_key=key,
        raw=f"raw {key}".encode(),
        where="here",
        received_at=at,
        expires_at=at + window,
        engagement=engagement if is_readable else None,
    )


def record(*, lane: str = "", destination: str = "d", operation: str = "op", match_key: str = "") -> Outcome:
    return Outcome(
        state=State.PENDING,
        destination=destination,
        operation=operation,
        path="/p",
        body=b"{}",
        lane=lane,
        match_key=match_key,
    )


def not_sent(state: State, *, destination: str = "", reason: str = "why") -> Outcome:
    return Outcome(state=state, destination=destination, reason=reason)


def always(
    *outcomes: Outcome, identity: Identity | None = None, evidence: tuple[Evidence, ...] = ()
) -> Planner:
    return lambda _intake, _identities: Plan(outcomes, identity, evidence)


async def add(store: Store, *keys: str, lane: str = "", operation: str = "op", match_key: str = "") -> None:
    outcome = record(lane=lane, operation=operation, match_key=match_key)
    await store.take_in([piece(key) for key in keys], always(outcome))


async def claim(store: Store, limit: int = 10, *, at_ms: int = NOW_MS) -> tuple[Delivery, ...]:
    return await store.claim("d", limit, now_ms=at_ms, lease_ms=LEASE_MS)


async def end(
    store: Store,
    *deliveries: Delivery,
    state: State = State.DELIVERED,
    due_ms: int = 0,
    at_ms: int = NOW_MS,
    reason: str = "",
) -> int:
    settlements = [
        Settlement(delivery=each, state=state, due_ms=due_ms, reason=reason) for each in deliveries
    ]
    return await store.settle(settlements, now_ms=at_ms)


async def seqs(store: Store, *states: State) -> list[int]:
    return [each.seq for each in await store.deliveries(*states)]
