"""The store in one SQLite file, with nothing but the standard library.

One connection writes, behind a queue; another reads what is committed. Each has a thread of its own, except in a
virtual world, whose loop calls inline, so that a run is the same every time.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, TypeVar

from bridge.errors import StoreUnavailable
from bridge.store import sqlite_intake, sqlite_names, sqlite_outbox, sqlite_reports
from bridge.store.migration import migrations
from bridge.store.records import Pause, State
from bridge.store.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from bridge.store.records import (
        Admission,
        Counts,
        Delivery,
        DeliveryFile,
        Intake,
        Planner,
        Settlement,
        Standing,
        StoredDelivery,
    )

__all__ = ["SqliteStore"]

_T = TypeVar("_T")
_IN_MEMORY: Final = ":memory:"
_BUSY_S: Final = 1.0
"""How long opening and reading wait for another process that holds the file's lock."""


class SqliteStore:
    """Inbox, outbox and identities in one file; `:memory:` keeps them as long as it is open."""

    is_shared = False

    def __init__(self, path: str, *, is_synchronous: bool = True) -> None:
        """Make a store; nothing is touched yet.

        Args:
            path: The file.
            is_synchronous: Whether a commit waits for the disk. Without it, a power cut loses what was accepted.
        """
        self._path = path
        self._is_synchronous = is_synchronous
        self._writer = Writer(path)
        self._open: sqlite3.Connection | None = None
        self._reading: sqlite3.Connection | None = None
        self._read_thread: ThreadPoolExecutor | None = None
        self._claimer = 0
        self._lock: int | None = None

    async def open(self, *, is_serving: bool = True) -> None:
        """Open the file, and run the migrations that it lacks, see `Store.open`. One process at a time serves it."""
        try:
            if is_serving and self._path != _IN_MEMORY:
                self._lock = _lock(self._path)
            self._open = await self._writer.begin(self._connect)
            if self._path != _IN_MEMORY:
                self._read_thread = ThreadPoolExecutor(1, thread_name_prefix="bridge-store-reader")
                self._reading = await asyncio.get_running_loop().run_in_executor(
                    self._read_thread, _connect, self._path
                )
            if is_serving:
                self._claimer = await self._writer.submit(_draw_claimer)
        except (sqlite3.Error, OSError, StoreUnavailable) as error:
            await self.close()
            raise StoreUnavailable(f"cannot open {self._path}: {error}") from error

    async def close(self) -> None:
        """Commit what is queued and close the file."""
        await self._writer.end()
        self._open = None
        if self._read_thread is not None:
            if self._reading is not None:
                await asyncio.get_running_loop().run_in_executor(self._read_thread, self._reading.close)
            self._read_thread.shutdown(wait=False)
            self._reading = self._read_thread = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def listen(self, wake: Callable[[str], None], repaused: Callable[[str], None]) -> None:
        """Nobody else changes anything: one process serves the file."""

    async def take_in(self, intakes: Sequence[Intake], planner: Planner) -> tuple[bool, ...]:
        """Store pieces with their outcomes, see `Store.take_in`."""
        return await self._writer.submit(
            lambda connection: sqlite_intake.take_in(connection, intakes, planner), events=len(intakes)
        )

    async def claim(
        self, destination: str, limit: int, *, now_ms: int, lease_ms: int
    ) -> tuple[Delivery, ...]:
        """Claim what is due, see `Store.claim`."""
        return await self._writer.submit(
            lambda connection: sqlite_outbox.claim(
                connection, destination, limit, claimer=self._claimer, now_ms=now_ms, lease_ms=lease_ms
            ),
            events=limit,
        )

    async def start(
        self, deliveries: Sequence[Delivery], *, now_ms: int, lease_ms: int
    ) -> tuple[Delivery, ...]:
        """Commit that attempts begin, see `Store.start`."""
        return await self._writer.submit(
            lambda connection: sqlite_outbox.start(connection, deliveries, now_ms=now_ms, lease_ms=lease_ms),
            events=len(deliveries),
        )

    async def settle(self, settlements: Sequence[Settlement], *, now_ms: int) -> int:
        """Settle attempts, see `Store.settle`."""
        return await self._writer.submit(
            lambda connection: sqlite_outbox.settle(connection, settlements, now_ms=now_ms),
            events=len(settlements),
        )

    async def release(self, never_twice: Collection[str], *, retry: bool, now_ms: int) -> int:
        """End this store's claims, see `Store.release`."""
        return await self._end_claims(never_twice, is_own=True, retry=retry, now_ms=now_ms)

    async def recover(self, never_twice: Collection[str], *, retry: bool, now_ms: int) -> int:
        """End claims left behind, see `Store.recover`. One process serves the file, so others' claimers are gone."""
        return await self._end_claims(never_twice, is_own=False, retry=retry, now_ms=now_ms)

    async def _end_claims(
        self, never_twice: Collection[str], *, is_own: bool, retry: bool, now_ms: int
    ) -> int:
        return await self._writer.submit(
            lambda connection: sqlite_outbox.end_claims(
                connection, never_twice, claimer=self._claimer, is_own=is_own, retry=retry, now_ms=now_ms
            )
        )

    async def next_due_ms(self, destination: str) -> int | None:
        """Say when the next delivery is due, see `Store.next_due_ms`."""
        rows = await self._read(
            lambda connection: connection.execute(
                "SELECT due_ms FROM deliveries WHERE destination = ? AND state = 'pending' AND is_head = 1"
                " ORDER BY due_ms, seq LIMIT 1",
                (destination,),
            ).fetchall()
        )
        return int(rows[0][0]) if rows else None

    async def pauses(self) -> dict[str, Pause]:
        """Give pauses, see `Store.pauses`."""
        rows = await self._read(
            lambda connection: connection.execute(
                "SELECT destination, until_ms, reason, probes FROM pauses ORDER BY destination"
            ).fetchall()
        )
        return {destination: Pause(*values) for destination, *values in rows}

    async def set_pause(self, destination: str, pause: Pause | None) -> None:
        """Keep or end a pause, see `Store.set_pause`."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM pauses WHERE destination = ?", (destination,))
            if pause is not None:
                connection.execute(
                    "INSERT INTO pauses VALUES (?, ?, ?, ?)",
                    (destination, pause.until_ms, pause.reason, pause.probes),
                )

        await self._writer.submit(work)

    async def admit_names(
        self, destination: str, names: Sequence[str], *, limit: int, now_ms: int
    ) -> Admission:
        """Keep names in use, see `Store.admit_names`."""
        return await self._writer.submit(
            lambda connection: sqlite_names.admit_names(
                connection, destination, names, limit=limit, now_ms=now_ms
            )
        )

    async def count_names(self) -> dict[str, int]:
        """Count names in use, see `Store.count_names`."""
        return await self._read(sqlite_names.count_names)

    async def counts(self) -> Counts:
        """Count, see `Store.counts`."""
        return await self._read(sqlite_reports.count)

    async def standings(self, *states: State) -> tuple[Standing, ...]:
        """Count by destination and state, see `Store.standings`."""
        return await self._read(lambda connection: sqlite_reports.stand(connection, states))

    async def deliveries(
        self, *states: State, destination: str | None = None, after_seq: int = 0, limit: int = 100
    ) -> tuple[StoredDelivery, ...]:
        """List deliveries, see `Store.deliveries`."""
        return await self._read(
            lambda connection: sqlite_reports.list_deliveries(
                connection, states, destination=destination, after_seq=after_seq, limit=limit
            )
        )

    async def delivery(self, seq: int) -> DeliveryFile | None:
        """Show one delivery, see `Store.delivery`."""
        return await self._read(lambda connection: sqlite_reports.show_delivery(connection, seq))

    async def move(
        self, seqs: Sequence[int], *, of: Collection[State], to: State, reason: str, now_ms: int
    ) -> tuple[int, ...]:
        """Change states by hand, see `Store.move`."""
        return await self._writer.submit(
            lambda connection: sqlite_outbox.move(
                connection, seqs, of=set(of) - {State.CLAIMED}, to=to, reason=reason, now_ms=now_ms
            )
        )

    async def replay(
        self, inbox_seq: int, intakes: Sequence[Intake], planner: Planner, *, now_ms: int
    ) -> int | None:
        """Plan quarantined outcomes anew, see `Store.replay`."""
        return await self._writer.submit(
            lambda connection: sqlite_intake.replay(connection, inbox_seq, intakes, planner, now_ms=now_ms)
        )

    async def expire(
        self, *, settled_before_ms: int, dead_before_ms: int, now_ms: int, limit: int = 1000
    ) -> int:
        """Delete what is old, see `Store.expire`."""
        return await self._writer.submit(
            lambda connection: sqlite_reports.expire(
                connection,
                settled_before_ms=settled_before_ms,
                dead_before_ms=dead_before_ms,
                now_ms=now_ms,
                limit=limit,
            )
        )

    async def check(self) -> tuple[str, ...]:
        """Look for damage, see `Store.check`."""
        return await self._read(sqlite_reports.check)

    async def _read(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """Read what is committed: beside the writer where there is a file, else between two writes."""
        if self._open is None:
            raise StoreUnavailable(f"{self._path} is not open")
        if self._reading is None or self._read_thread is None:
            return await self._writer.submit(work)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._read_thread, work, self._reading)
        except sqlite3.Error as error:
            raise StoreUnavailable(str(error)) from error

    def _connect(self) -> sqlite3.Connection:
        connection = _connect(self._path)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {'FULL' if self._is_synchronous else 'OFF'}")
            _migrate(connection)
        except BaseException:
            connection.close()
            raise
        return connection


def _connect(path: str) -> sqlite3.Connection:
    # One thread at a time uses it, but not the one that opened it: a virtual world has no other, a test looks inside.
    return sqlite3.connect(path, isolation_level=None, timeout=_BUSY_S, check_same_thread=False)


def _lock(path: str) -> int:
    """Hold the file beside the store as long as it is served; the system lets go when the process dies."""
    lock = os.open(f"{path}-lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise StoreUnavailable(
            "another bridge serves it; stop that one, or give this one a store of its own"
        ) from error
    return lock


def _draw_claimer(connection: sqlite3.Connection) -> int:
    number = connection.execute("INSERT INTO claimers DEFAULT VALUES").lastrowid
    connection.execute("DELETE FROM claimers WHERE number < ?", (number,))
    return number or 0


def _migrate(connection: sqlite3.Connection) -> None:
    """Run the numbered scripts that this file has not seen; `user_version` remembers the last."""
    ((version,),) = connection.execute("PRAGMA user_version").fetchall()
    known = migrations("sqlite")
    if version > known[-1].number:
        raise StoreUnavailable(f"it is of a newer version: {version}; this one knows {known[-1].number}")
    for each in known:
        if each.number > version:
            connection.executescript(
                f"BEGIN IMMEDIATE;\n{each.script}\nPRAGMA user_version = {each.number};\nCOMMIT;"
            )
