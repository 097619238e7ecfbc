"""The store in one SQLite file, with nothing but the standard library.

There is one connection and one writer. Calls run on the loop itself, without threads, so that a world in virtual
time is the same every time.
"""

from __future__ import annotations

import sqlite3
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from bridge.engagement import unix_ms
from bridge.errors import StoreUnavailable
from bridge.store.base import Counts, Delivery, State, StoredDelivery
from bridge.store.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from bridge.store.base import Identity, Intake, Outcome, Planner, Settlement

__all__ = ["SqliteStore"]


_KNOW_KEY: Final = """
INSERT INTO dedup_keys (source, dedup_key, inbox_seq, expires_ms) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (source, dedup_key) DO UPDATE SET inbox_seq = ?3, expires_ms = ?4 WHERE expires_ms <= ?5
"""
_COUNT_REPEAT: Final = """
UPDATE inbox SET repeats = repeats + 1
WHERE seq = (SELECT inbox_seq FROM dedup_keys WHERE source = ? AND dedup_key = ?)
"""
_ADD_INBOX: Final = """
INSERT INTO inbox (seq, source, dedup_key, engagement_id, kind, place, received_ms, outcomes, raw)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_ADD_DELIVERY: Final = """
INSERT INTO deliveries
    (inbox_seq, destination, operation, path, lane, body, state, reason, is_open, is_head, created_ms, due_ms)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_REMEMBER: Final = """
INSERT INTO identities (user_id, email, address, identified_ms, inbox_seq) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (user_id, email) DO UPDATE SET address = ?3, identified_ms = ?4, inbox_seq = ?5
WHERE identified_ms <= ?4
"""
_IS_LANE_BUSY: Final = """
SELECT 1 FROM deliveries WHERE destination = ? AND lane = ? AND is_open = 1 AND lane <> '' LIMIT 1
"""
_CLAIM: Final = """
UPDATE deliveries
SET state = 'claimed', fence = fence + 1, attempts = attempts + 1, started_ms = ?1, lease_ms = ?2
WHERE seq IN (
    SELECT seq FROM deliveries
    WHERE destination = ?3 AND state = 'pending' AND is_head = 1 AND due_ms <= ?1
    ORDER BY due_ms, seq LIMIT ?4
)
RETURNING seq, destination, operation, path, body, lane, attempts, created_ms, fence
"""
_SETTLE: Final = """
UPDATE deliveries
SET state = ?1, reason = ?2, is_open = ?3, due_ms = ?4, lease_ms = NULL, settled_ms = ?5
WHERE seq = ?6 AND fence = ?7 AND state = 'claimed'
"""
_PROMOTE: Final = """
UPDATE deliveries SET is_head = 1
WHERE seq = (
    SELECT seq FROM deliveries WHERE destination = ? AND lane = ? AND is_open = 1 AND lane <> '' ORDER BY seq LIMIT 1
)
"""


class SqliteStore:
    """Inbox, outbox and identities in one file; `:memory:` keeps them as long as it is open."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._open: sqlite3.Connection | None = None
        self._writer = Writer(path)

    async def open(self) -> None:
        """Open the file, and run the migrations that it lacks. One process at a time serves a file."""
        try:
            connection = sqlite3.connect(self._path, isolation_level=None, timeout=1.0)
        except sqlite3.Error as error:
            raise StoreUnavailable(f"cannot open {self._path}: {error}") from error
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            _migrate(connection)
        except sqlite3.Error as error:
            connection.close()
            raise StoreUnavailable(f"cannot open {self._path}: {error}") from error
        self._open = connection
        self._writer.begin(connection)

    async def close(self) -> None:
        """Commit what is queued and close the file."""
        self._writer.end()
        if self._open is not None:
            self._open.close()
            self._open = None

    async def take_in(self, intakes: Sequence[Intake], planner: Planner) -> tuple[bool, ...]:
        """Store pieces with their outcomes, see `Store.take_in`."""

        def work(connection: sqlite3.Connection) -> tuple[bool, ...]:
            return tuple([_take_in_one(connection, intake, planner) for intake in intakes])

        return await self._writer.submit(work)

    async def claim(
        self, destination: str, limit: int, *, now_ms: int, lease_ms: int
    ) -> tuple[Delivery, ...]:
        """Claim what is due, see `Store.claim`."""

        def work(connection: sqlite3.Connection) -> tuple[Delivery, ...]:
            rows = connection.execute(_CLAIM, (now_ms, now_ms + lease_ms, destination, limit)).fetchall()
            rows.sort()  # RETURNING promises no order; seq is the first column
            return tuple([_delivery(row) for row in rows])

        return await self._writer.submit(work)

    async def settle(self, settlements: Sequence[Settlement], *, now_ms: int) -> int:
        """Settle attempts, see `Store.settle`."""
        return await self._writer.submit(
            lambda connection: sum([_settle_one(connection, s, now_ms) for s in settlements])
        )

    async def recover(self, never_twice: Collection[str], *, retry: bool, now_ms: int) -> int:
        """Settle claims left behind, see `Store.recover`. One process owns the file, so every claim is one."""
        marks = ", ".join("?" * len(never_twice)) or "''"

        def work(connection: sqlite3.Connection) -> int:
            held = 0
            if not retry:
                held = connection.execute(
                    f"UPDATE deliveries SET state = 'uncertain', reason = 'stopped in flight', is_open = 0,"  # noqa: S608 - only question marks are put in
                    f" lease_ms = NULL, settled_ms = ? WHERE state = 'claimed' AND operation IN ({marks})",
                    (now_ms, *never_twice),
                ).rowcount
            freed = connection.execute(
                "UPDATE deliveries SET state = 'pending', lease_ms = NULL, due_ms = ? WHERE state = 'claimed'",
                (now_ms,),
            ).rowcount
            return held + freed

        return await self._writer.submit(work)

    async def next_due_ms(self, destination: str) -> int | None:
        """Say when the next delivery is due, see `Store.next_due_ms`."""
        row = self._read(
            "SELECT due_ms FROM deliveries WHERE destination = ? AND state = 'pending' AND is_head = 1"
            " ORDER BY due_ms, seq LIMIT 1",
            destination,
        )
        return int(row[0][0]) if row else None

    def counts(self) -> Counts:
        """Count, see `Store.counts`."""
        ((accepted, repeats),) = self._read(
            "SELECT coalesce(sum(outcomes + repeats), 0), coalesce(sum(repeats), 0) FROM inbox"
        )
        states = dict(self._read("SELECT state, count(*) FROM deliveries GROUP BY state"))
        return Counts(
            accepted=accepted,
            delivered=states.get(State.DELIVERED, 0),
            pending=states.get(State.PENDING, 0) + states.get(State.CLAIMED, 0),
            dead=states.get(State.DEAD, 0),
            uncertain=states.get(State.UNCERTAIN, 0),
            filtered=states.get(State.FILTERED, 0),
            quarantined=states.get(State.QUARANTINED, 0),
            duplicate=repeats,
        )

    async def waiting(self) -> dict[str, int]:
        """Count what is open by destination, see `Store.waiting`."""
        return dict(
            self._read(
                "SELECT destination, count(*) FROM deliveries WHERE is_open = 1 GROUP BY destination ORDER BY 1"
            )
        )

    async def deliveries(self, *states: State, limit: int = 100) -> tuple[StoredDelivery, ...]:
        """List deliveries, see `Store.deliveries`."""
        wanted = states or tuple(State)
        marks = ", ".join("?" * len(wanted))
        rows = self._read(
            f"SELECT d.seq, i.engagement_id, i.source, i.kind, d.destination, d.operation, d.state, d.reason, d.attempts"  # noqa: S608 - only question marks are put in
            f" FROM deliveries d JOIN inbox i ON i.seq = d.inbox_seq WHERE d.state IN ({marks}) ORDER BY d.seq LIMIT ?",
            *wanted,
            limit,
        )
        return tuple(
            StoredDelivery(
                seq=row[0],
                engagement_id=row[1],
                source=row[2],
                kind=row[3],
                destination=row[4],
                operation=row[5],
                state=State(row[6]),
                reason=row[7],
                attempts=row[8],
            )
            for row in rows
        )

    def _read(self, statement: str, *values: object) -> list[Any]:
        if self._open is None:
            raise StoreUnavailable(f"{self._path} is not open")
        try:
            return self._open.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise StoreUnavailable(str(error)) from error


class _KnownIdentities:
    """Identities as the transaction sees them, its own writes included."""

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def user_of(self, email: str) -> str | None:
        row = self._connection.execute(
            "SELECT user_id FROM identities WHERE email = ? ORDER BY identified_ms DESC, inbox_seq DESC LIMIT 1",
            (email.lower(),),
        ).fetchone()
        return str(row[0]) if row else None

    def address_of(self, user_id: str) -> str | None:
        row = self._connection.execute(
            "SELECT address FROM identities WHERE user_id = ? ORDER BY identified_ms DESC, inbox_seq DESC LIMIT 1",
            (user_id,),
        ).fetchone()
        return str(row[0]) if row else None


def _take_in_one(connection: sqlite3.Connection, intake: Intake, planner: Planner) -> bool:
    received_ms = unix_ms(intake.received_at)
    last = connection.execute("SELECT seq FROM inbox ORDER BY seq DESC LIMIT 1").fetchone()
    seq = last[0] + 1 if last else 1
    known = connection.execute(
        _KNOW_KEY, (intake.source, intake.dedup_key, seq, unix_ms(intake.expires_at), received_ms)
    )
    if known.rowcount == 0:
        connection.execute(_COUNT_REPEAT, (intake.source, intake.dedup_key))
        return False
    plan = planner(intake, _KnownIdentities(connection))
    engagement = intake.engagement
    connection.execute(
        _ADD_INBOX,
        (
            seq,
            intake.source,
            intake.dedup_key,
            engagement.id if engagement else "",
            engagement.kind if engagement else "",
            intake.where,
            received_ms,
            len(plan.outcomes),
            intake.raw,
        ),
    )
    for outcome in plan.outcomes:
        _add_delivery(connection, outcome, seq, received_ms)
    if plan.identity is not None:
        _remember(connection, plan.identity, seq)
    return True


def _add_delivery(connection: sqlite3.Connection, outcome: Outcome, inbox_seq: int, now_ms: int) -> None:
    is_open = outcome.state is State.PENDING
    is_head = is_open
    if is_open and outcome.lane:
        busy = connection.execute(_IS_LANE_BUSY, (outcome.destination, outcome.lane)).fetchone()
        is_head = busy is None
    connection.execute(
        _ADD_DELIVERY,
        (
            inbox_seq,
            outcome.destination,
            outcome.operation,
            outcome.path,
            outcome.lane,
            outcome.body,
            outcome.state,
            outcome.reason,
            is_open,
            is_head,
            now_ms,
            now_ms,
        ),
    )


def _remember(connection: sqlite3.Connection, identity: Identity, inbox_seq: int) -> None:
    """Remember an address; one that arrives late does not replace a later one."""
    connection.execute(
        _REMEMBER,
        (
            identity.user_id,
            identity.email.lower(),
            identity.email,
            unix_ms(identity.identified_at),
            inbox_seq,
        ),
    )


def _settle_one(connection: sqlite3.Connection, settlement: Settlement, now_ms: int) -> int:
    delivery = settlement.delivery
    is_open = settlement.state is State.PENDING
    settled_ms = None if is_open else now_ms
    changed = connection.execute(
        _SETTLE,
        (
            settlement.state,
            settlement.reason,
            is_open,
            settlement.due_ms,
            settled_ms,
            delivery.seq,
            delivery.fence,
        ),
    ).rowcount
    if changed and delivery.lane and not is_open:
        connection.execute(_PROMOTE, (delivery.destination, delivery.lane))
    return changed


def _delivery(row: tuple[Any, ...]) -> Delivery:
    seq, destination, operation, path, body, lane, attempts, created_ms, fence = row
    return Delivery(
        seq=seq,
        destination=destination,
        operation=operation,
        path=path,
        body=body,
        lane=lane,
        attempts=attempts,
        created_ms=created_ms,
        fence=fence,
    )


def _migrate(connection: sqlite3.Connection) -> None:
    """Run the numbered scripts that this file has not seen; `user_version` remembers the last."""
    ((version,),) = connection.execute("PRAGMA user_version").fetchall()
    scripts = sorted(
        (
            entry
            for entry in files("bridge.store").joinpath("migrations").iterdir()
            if entry.name.endswith(".sql")
        ),
        key=lambda entry: entry.name,
    )
    for script in scripts:
        number = int(script.name.partition("_")[0])
        if number > version:
            connection.executescript(
                f"BEGIN IMMEDIATE;\n{script.read_text(encoding='utf-8')}\nPRAGMA user_version = {number};\nCOMMIT;"
            )
