"""Inbox rows with their outcomes, identities and evidence, on an SQLite connection inside a transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bridge.engagement import unix_ms
from bridge.store.records import Outcome, State
from bridge.store.sqlite_outbox import confirm

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from bridge.store.records import Identity, Intake, Plan, Planner

__all__ = ["replay", "take_in"]

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
    (inbox_seq, destination, operation, path, lane, body, state, reason, is_open, is_head, created_ms, due_ms,
     settled_ms, match_key)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_REMEMBER: Final = """
INSERT INTO identities (user_id, email, address, identified_ms, inbox_seq) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (user_id, email) DO UPDATE SET address = ?3, identified_ms = ?4, inbox_seq = ?5
WHERE identified_ms <= ?4
"""
_IS_LANE_BUSY: Final = """
SELECT 1 FROM deliveries WHERE destination = ? AND lane = ? AND is_open = 1 AND lane <> '' LIMIT 1
"""
_REREAD: Final = """
UPDATE inbox SET outcomes = outcomes - ?1 + ?2, engagement_id = ?3, kind = ?4 WHERE seq = ?5
"""


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


def take_in(connection: sqlite3.Connection, intakes: Sequence[Intake], planner: Planner) -> tuple[bool, ...]:
    """Store pieces, see `Store.take_in`."""
    return tuple([_take_in_one(connection, intake, planner) for intake in intakes])


def replay(
    connection: sqlite3.Connection,
    inbox_seq: int,
    intakes: Sequence[Intake],
    planner: Planner,
    *,
    now_ms: int,
) -> int | None:
    """Plan the quarantined outcomes of a piece anew, see `Store.replay`."""
    piece = connection.execute("SELECT source, dedup_key FROM inbox WHERE seq = ?", (inbox_seq,)).fetchone()
    gone = connection.execute(
        "DELETE FROM deliveries WHERE inbox_seq = ? AND state = 'quarantined' RETURNING destination",
        (inbox_seq,),
    ).fetchall()
    if piece is None or not gone:
        return None
    destinations = {destination for (destination,) in gone}
    outcomes: list[Outcome] = []
    engagement = None
    added = 0
    for intake in intakes:
        if (intake.source, intake.dedup_key) != piece:
            if _take_in_one(connection, intake, planner):
                added += 1
            continue
        plan = planner(intake, _KnownIdentities(connection))
        engagement = intake.engagement
        # Outcomes that the piece has already at other destinations are left as they are.
        outcomes += [each for each in plan.outcomes if "" in destinations or each.destination in destinations]
        _learn(connection, plan, inbox_seq, now_ms)
    if not outcomes:
        outcomes = [Outcome(state=State.FILTERED, reason=f"replayed as {len(intakes)} pieces")]
    else:
        added += len(outcomes)
    for outcome in outcomes:
        _add_delivery(connection, outcome, inbox_seq, now_ms)
    told = (engagement.id, engagement.kind) if engagement else ("", "")
    connection.execute(_REREAD, (len(gone), len(outcomes), *told, inbox_seq))
    return added


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
    _learn(connection, plan, seq, received_ms)
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
            None if is_open else now_ms,
            outcome.match_key,
        ),
    )


def _learn(connection: sqlite3.Connection, plan: Plan, inbox_seq: int, now_ms: int) -> None:
    """Remember whom a piece makes known and what it proves."""
    if plan.identity is not None:
        _remember(connection, plan.identity, inbox_seq)
    for evidence in plan.evidence:
        confirm(connection, evidence, inbox_seq, now_ms=now_ms)


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
