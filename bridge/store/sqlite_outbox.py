"""Claims and their ends, on an SQLite connection inside a transaction."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from bridge.store.records import OPEN, Delivery, State

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Sequence

    from bridge.store.records import Evidence, Settlement

__all__ = ["claim", "confirm", "end_claims", "move", "settle", "start"]

_CLAIM: Final = """
UPDATE deliveries
SET state = 'claimed', fence = fence + 1, attempts = attempts + 1, started_ms = NULL, lease_ms = ?2, claimed_by = ?5
WHERE seq IN (
    SELECT seq FROM deliveries
    WHERE destination = ?3 AND state = 'pending' AND is_head = 1 AND due_ms <= ?1
    ORDER BY due_ms, seq LIMIT ?4
)
RETURNING seq, destination, operation, path, body, lane, attempts, created_ms, fence, lease_ms, match_key
"""
_START: Final = """
UPDATE deliveries SET started_ms = ?1, lease_ms = ?2 WHERE seq = ?3 AND fence = ?4 AND state = 'claimed'
"""
_SETTLE: Final = """
UPDATE deliveries
SET state = ?1, reason = ?2, is_open = ?3, due_ms = ?4, lease_ms = NULL, settled_ms = ?5
WHERE seq = ?6 AND fence = ?7 AND state = 'claimed'
"""
_PROMOTE: Final = """
UPDATE deliveries SET is_head = 1
WHERE seq = (
    SELECT seq FROM deliveries WHERE destination = ?1 AND lane = ?2 AND is_open = 1 AND lane <> '' ORDER BY seq LIMIT 1
) AND NOT EXISTS (
    SELECT 1 FROM deliveries WHERE destination = ?1 AND lane = ?2 AND is_open = 1 AND lane <> '' AND is_head = 1
)
"""
_CLAIMS: Final = """
SELECT seq, destination, operation, path, body, lane, attempts, created_ms, fence, lease_ms, match_key, started_ms
FROM deliveries WHERE state = 'claimed' AND
"""
_HAND_BACK: Final = """
UPDATE deliveries SET state = 'pending', lease_ms = NULL, due_ms = ? WHERE seq = ?
"""
_UNSTICK: Final = """
UPDATE deliveries SET due_ms = ?1 WHERE is_open = 1 AND state = 'pending' AND created_ms > ?1
"""
_CONFIRM: Final = """
UPDATE deliveries SET state = 'delivered', reason = ?1, settled_ms = ?2
WHERE seq = (
    SELECT seq FROM deliveries WHERE match_key = ?3 AND match_key <> '' AND state = 'uncertain' AND created_ms <= ?4
    ORDER BY seq LIMIT 1
)
"""
_KEEP_EVIDENCE: Final = """
INSERT INTO evidence (match_key, at_ms) VALUES (?1, ?2)
ON CONFLICT (match_key) DO UPDATE SET at_ms = max(at_ms, ?2)
"""
_USE_EVIDENCE: Final = "DELETE FROM evidence WHERE match_key = ? AND at_ms >= ?"
_REQUEUE: Final = """
UPDATE deliveries
SET state = 'pending', reason = ?1, is_open = 1, attempts = 0, created_ms = ?2, due_ms = ?2, started_ms = NULL,
    settled_ms = NULL,
    is_head = lane = '' OR NOT EXISTS (
        SELECT 1 FROM deliveries o
        WHERE o.destination = deliveries.destination AND o.lane = deliveries.lane AND o.is_open = 1 AND o.lane <> ''
    )
WHERE seq = ?3
"""
_FINISH: Final = """
UPDATE deliveries SET state = ?1, reason = ?2, is_open = 0, settled_ms = ?3 WHERE seq = ?4
"""


def claim(
    connection: sqlite3.Connection, destination: str, limit: int, *, claimer: int, now_ms: int, lease_ms: int
) -> tuple[Delivery, ...]:
    """Claim what is due, see `Store.claim`."""
    rows = connection.execute(_CLAIM, (now_ms, now_ms + lease_ms, destination, limit, claimer)).fetchall()
    rows.sort()  # RETURNING promises no order; seq is the first column
    return tuple([Delivery.of_row(row) for row in rows])


def start(
    connection: sqlite3.Connection, deliveries: Sequence[Delivery], *, now_ms: int, lease_ms: int
) -> tuple[Delivery, ...]:
    """Commit that attempts begin, see `Store.start`."""
    until_ms = now_ms + lease_ms
    return tuple(
        [
            replace(each, lease_ms=until_ms)
            for each in deliveries
            if connection.execute(_START, (now_ms, until_ms, each.seq, each.fence)).rowcount
        ]
    )


def settle(connection: sqlite3.Connection, settlements: Sequence[Settlement], *, now_ms: int) -> int:
    """Settle attempts, see `Store.settle`; in order of their numbers, as evidence is used up."""
    ordered = sorted(settlements, key=lambda each: each.delivery.seq)
    return sum([_settle_one(connection, each, now_ms) for each in ordered])


def end_claims(
    connection: sqlite3.Connection,
    never_twice: Collection[str],
    *,
    claimer: int,
    is_own: bool,
    retry: bool,
    now_ms: int,
) -> int:
    """End claims: all of this claimer, or those of others and those whose lease is over."""
    if is_own:
        rows = connection.execute(f"{_CLAIMS} claimed_by = ?", (claimer,)).fetchall()
    else:
        rows = connection.execute(
            f"{_CLAIMS} (claimed_by <> ? OR lease_ms <= ?)", (claimer, now_ms)
        ).fetchall()
        connection.execute(_UNSTICK, (now_ms,))
    for *columns, started_ms in rows:
        delivery = Delivery.of_row(columns)
        if started_ms is not None and delivery.operation in never_twice and not retry:
            _end(connection, delivery, State.UNCERTAIN, "stopped in flight", now_ms)
        else:
            connection.execute(_HAND_BACK, (now_ms, delivery.seq))
    return len(rows)


def confirm(connection: sqlite3.Connection, evidence: Evidence, inbox_seq: int, *, now_ms: int) -> None:
    """Settle an uncertain delivery that a piece proves, or keep the proof for one that becomes uncertain."""
    changed = connection.execute(
        _CONFIRM, (_confirmed(inbox_seq), now_ms, evidence.match_key, evidence.at_ms)
    ).rowcount
    if not changed:
        connection.execute(_KEEP_EVIDENCE, (evidence.match_key, evidence.at_ms))


def move(
    connection: sqlite3.Connection,
    seqs: Sequence[int],
    *,
    of: Collection[State],
    to: State,
    reason: str,
    now_ms: int,
) -> tuple[int, ...]:
    """Change states by hand, see `Store.move`."""
    moved = []
    for seq in seqs:
        row = connection.execute(
            "SELECT state, destination, lane, is_head FROM deliveries WHERE seq = ?", (seq,)
        ).fetchone()
        if row is None or row[0] not in of:
            continue
        state, destination, lane, _is_head = row
        moved.append(seq)
        if to is State.PENDING:
            if state not in OPEN:
                connection.execute(_REQUEUE, (reason, now_ms, seq))
            continue
        connection.execute(_FINISH, (to, reason, now_ms, seq))
        if state in OPEN and lane:
            connection.execute(_PROMOTE, (destination, lane))
    return tuple(moved)


def _settle_one(connection: sqlite3.Connection, settlement: Settlement, now_ms: int) -> int:
    delivery = settlement.delivery
    if settlement.state is State.PENDING:
        values = (State.PENDING, settlement.reason, True, settlement.due_ms, None)
        return connection.execute(_SETTLE, (*values, delivery.seq, delivery.fence)).rowcount
    return _end(connection, delivery, settlement.state, settlement.reason, now_ms)


def _end(connection: sqlite3.Connection, delivery: Delivery, state: State, reason: str, now_ms: int) -> int:
    """Give a claimed delivery a final state; the next of its lane becomes its head."""
    values = (state, reason, False, delivery.created_ms, now_ms, delivery.seq, delivery.fence)
    changed = connection.execute(_SETTLE, values).rowcount
    if not changed:
        return 0
    if state is State.UNCERTAIN and delivery.match_key:
        proof = connection.execute(_USE_EVIDENCE, (delivery.match_key, delivery.created_ms)).rowcount
        if proof:
            connection.execute(_FINISH, (State.DELIVERED, "confirmed before its end", now_ms, delivery.seq))
    if delivery.lane:
        connection.execute(_PROMOTE, (delivery.destination, delivery.lane))
    return changed


def _confirmed(inbox_seq: int) -> str:
    return f"confirmed by piece {inbox_seq}"
