"""The store in a Postgres database, which several bridges may share; extra `postgres`.

Webhooks that come in together are committed together, as in SQLite. Everything else has a connection of its own from
the pool.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import asyncpg

from bridge.errors import StoreUnavailable
from bridge.store import (
    postgres_intake,
    postgres_names,
    postgres_outbox,
    postgres_pauses,
    postgres_reports,
    postgres_turns,
)
from bridge.store.batcher import Batcher
from bridge.store.postgres_link import Link
from bridge.store.records import State

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Sequence

    from bridge.store.postgres_intake import Wish
    from bridge.store.postgres_locks import Session
    from bridge.store.records import (
        Admission,
        Counts,
        Delivery,
        DeliveryFile,
        Intake,
        Pause,
        Planner,
        Settlement,
        Standing,
        StoredDelivery,
        Turns,
    )

__all__ = ["PostgresStore"]

_T = TypeVar("_T")
_LARGEST_BATCH: Final = 256
_TRIES: Final = 5
"""How often a transaction that met another head-on is tried."""
_CONFLICTS: Final = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)


class PostgresStore:
    """Inbox, outbox and identities in the schema `bridge` of one database."""

    is_shared = True

    def __init__(self, url: str, *, is_synchronous: bool = True) -> None:
        """Make a store; nothing is touched yet.

        Args:
            url: `postgresql://user:password@host/database`.
            is_synchronous: Whether a commit waits for the disk. Without it, a power cut loses what was accepted.
        """
        self._link = Link(url, is_synchronous=is_synchronous)
        self._intake: Batcher[Wish, tuple[bool, ...]] = Batcher(
            self._take_in, weight=lambda wish: len(wish[0]), largest=_LARGEST_BATCH
        )

    async def open(self, *, is_serving: bool = True) -> None:
        """Connect, and run the migrations that the database lacks, see `Store.open`."""
        await self._link.open(is_serving=is_serving)

    async def close(self) -> None:
        """Commit what is queued and disconnect."""
        await self._intake.finish()
        await self._link.close()

    def listen(self, wake: Callable[[str], None], repaused: Callable[[str], None]) -> None:
        """Hear what other bridges change, see `Store.listen`."""
        self._link.listen(wake, repaused)

    async def take_in(self, intakes: Sequence[Intake], planner: Planner) -> tuple[bool, ...]:
        """Store pieces with their outcomes, see `Store.take_in`."""
        return await self._intake.submit((intakes, planner))

    async def claim(
        self, destination: str, limit: int, *, now_ms: int, lease_ms: int
    ) -> tuple[Delivery, ...]:
        """Claim what is due, see `Store.claim`."""
        claimed = await self._claim(destination, limit, under=None, now_ms=now_ms, lease_ms=lease_ms)
        return claimed or ()

    async def claim_under(
        self, pause: Pause | None, destination: str, limit: int, *, now_ms: int, lease_ms: int
    ) -> tuple[Delivery, ...] | None:
        """Claim what is due if no other pause is kept, see `SharedPauses.claim_under`."""
        under = postgres_pauses.version(pause)
        return await self._claim(destination, limit, under=under, now_ms=now_ms, lease_ms=lease_ms)

    async def _claim(
        self, destination: str, limit: int, *, under: list[int] | None, now_ms: int, lease_ms: int
    ) -> tuple[Delivery, ...] | None:
        return await self._write(
            lambda session: postgres_outbox.claim(
                session,
                destination,
                limit,
                claimer=self._link.claimer,
                under=under,
                now_ms=now_ms,
                lease_ms=lease_ms,
            ),
            is_one=True,
        )

    async def start(
        self, deliveries: Sequence[Delivery], *, now_ms: int, lease_ms: int
    ) -> tuple[Delivery, ...]:
        """Commit that attempts begin, see `Store.start`."""
        return await self._write(
            lambda session: postgres_outbox.start(session, deliveries, now_ms=now_ms, lease_ms=lease_ms),
            is_one=True,
        )

    async def settle(self, settlements: Sequence[Settlement], *, now_ms: int) -> int:
        """Settle attempts, see `Store.settle`."""
        return await self._write(
            lambda session: postgres_outbox.settle(session, settlements, now_ms=now_ms),
            is_one=postgres_outbox.is_plain(settlements),
        )

    async def release(self, never_twice: Collection[str], *, retry: bool, now_ms: int) -> int:
        """End this store's claims, see `Store.release`."""
        return await self._end_claims(never_twice, is_own=True, retry=retry, now_ms=now_ms)

    async def recover(self, never_twice: Collection[str], *, retry: bool, now_ms: int) -> int:
        """End claims left behind, see `Store.recover`. A process lives as long as it holds its lock."""
        return await self._end_claims(never_twice, is_own=False, retry=retry, now_ms=now_ms)

    async def _end_claims(
        self, never_twice: Collection[str], *, is_own: bool, retry: bool, now_ms: int
    ) -> int:
        return await self._write(
            lambda session: postgres_outbox.end_claims(
                session,
                never_twice,
                claimer=self._link.claimer,
                is_own=is_own,
                retry=retry,
                now_ms=now_ms,
            )
        )

    async def next_due_ms(self, destination: str) -> int | None:
        """Say when the next delivery is due, see `Store.next_due_ms`."""
        async with self._link.session() as session:
            due_ms: int | None = await session.fetchval(
                "SELECT due_ms FROM deliveries WHERE destination = $1 AND state = 'pending' AND is_head = 1"
                " ORDER BY due_ms, seq LIMIT 1",
                destination,
            )
            return due_ms

    async def pauses(self) -> dict[str, Pause]:
        """Give pauses, see `Store.pauses`."""
        async with self._link.session() as session:
            return await postgres_pauses.pauses(session)

    async def set_pause(self, destination: str, pause: Pause | None) -> None:
        """Keep or end a pause, see `Store.set_pause`."""
        async with self._link.session() as session:
            await postgres_pauses.set_pause(session, destination, pause)

    async def change_pause(self, destination: str, *, old: Pause | None, new: Pause | None) -> bool:
        """Keep or end a pause that is still as the caller knows it, see `SharedPauses.change_pause`."""
        return await self._write(
            lambda session: postgres_pauses.change_pause(
                session, destination, old=old, new=new, claimer=self._link.claimer
            ),
            is_one=True,
        )

    async def admit_names(
        self, destination: str, names: Sequence[str], *, limit: int, now_ms: int
    ) -> Admission:
        """Keep names in use, see `Store.admit_names`."""
        return await self._write(
            lambda session: postgres_names.admit_names(
                session, destination, names, limit=limit, now_ms=now_ms
            )
        )

    async def count_names(self) -> dict[str, int]:
        """Count names in use, see `Store.count_names`."""
        async with self._link.session() as session:
            return await postgres_names.count_names(session)

    async def take_turns(self, destination: str, wanted: int, *, most: int, window_ms: int) -> Turns:
        """Take turns, see `SharedTurns.take_turns`."""
        return await self._write(
            lambda session: postgres_turns.take_turns(
                session, destination, wanted, most=most, window_ms=window_ms
            ),
            is_one=True,
        )

    async def give_turns_back(self, destination: str, number: int, *, at_ms: int) -> None:
        """Give turns back, see `SharedTurns.give_turns_back`."""
        await self._write(
            lambda session: postgres_turns.give_turns_back(session, destination, number, at_ms=at_ms),
            is_one=True,
        )

    async def counts(self) -> Counts:
        """Count, see `Store.counts`."""
        async with self._link.session() as session:
            return await postgres_reports.count(session)

    async def standings(self, *states: State) -> tuple[Standing, ...]:
        """Count by destination and state, see `Store.standings`."""
        async with self._link.session() as session:
            return await postgres_reports.stand(session, states)

    async def deliveries(
        self, *states: State, destination: str | None = None, after_seq: int = 0, limit: int = 100
    ) -> tuple[StoredDelivery, ...]:
        """List deliveries, see `Store.deliveries`."""
        async with self._link.session() as session:
            return await postgres_reports.list_deliveries(
                session, states, destination=destination, after_seq=after_seq, limit=limit
            )

    async def delivery(self, seq: int) -> DeliveryFile | None:
        """Show one delivery, see `Store.delivery`."""
        async with self._link.session() as session:
            return await postgres_reports.show_delivery(session, seq)

    async def move(
        self, seqs: Sequence[int], *, of: Collection[State], to: State, reason: str, now_ms: int
    ) -> tuple[int, ...]:
        """Change states by hand, see `Store.move`."""

        async def work(session: Session) -> tuple[int, ...]:
            moved, destinations = await postgres_outbox.move(
                session, seqs, of=set(of) - {State.CLAIMED}, to=to, reason=reason, now_ms=now_ms
            )
            if to is State.PENDING:
                await postgres_outbox.tell(session, destinations, claimer=self._link.claimer)
            return moved

        return await self._write(work)

    async def replay(
        self, inbox_seq: int, intakes: Sequence[Intake], planner: Planner, *, now_ms: int
    ) -> int | None:
        """Plan quarantined outcomes anew, see `Store.replay`."""

        async def work(session: Session) -> int | None:
            return await postgres_intake.replay(
                session, inbox_seq, (intakes, planner), claimer=self._link.claimer, now_ms=now_ms
            )

        return await self._write(work)

    async def expire(
        self, *, settled_before_ms: int, dead_before_ms: int, now_ms: int, limit: int = 1000
    ) -> int:
        """Delete what is old, see `Store.expire`."""
        return await self._write(
            lambda session: postgres_reports.expire(
                session,
                settled_before_ms=settled_before_ms,
                dead_before_ms=dead_before_ms,
                now_ms=now_ms,
                limit=limit,
            )
        )

    async def check(self) -> tuple[str, ...]:
        """Look for damage, see `Store.check`."""
        async with self._link.session() as session:
            return await postgres_reports.check(session)

    async def _write(self, work: Callable[[Session], Awaitable[_T]], *, is_one: bool = False) -> _T:
        """Do work in a transaction, again where it met another transaction head-on; one statement is its own."""
        lend = self._link.session if is_one else self._link.transaction
        for _ in range(_TRIES):
            try:
                async with lend() as session:
                    return await work(session)
            except _CONFLICTS:
                continue
        raise StoreUnavailable("other transactions are in the way")

    async def _take_in(self, wishes: Sequence[Wish]) -> list[tuple[bool, ...] | Exception]:
        """Store what several callers want; the one that breaks the transaction is found by trying each alone."""

        async def work(session: Session) -> list[tuple[bool, ...] | Exception]:
            return [*await postgres_intake.take_in(session, wishes, claimer=self._link.claimer)]

        try:
            return await self._write(work)
        except StoreUnavailable as error:
            return [error] * len(wishes)
        except Exception as error:  # noqa: BLE001 - handed to the caller
            if len(wishes) == 1:
                return [error]
        return [end for wish in wishes for end in await self._take_in([wish])]
