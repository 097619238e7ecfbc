"""What people and metrics ask of the store, its upkeep, and the search for damage; on an SQLite connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bridge.store.records import OPEN, Counts, DeliveryFile, Standing, State, StoredDelivery

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

__all__ = ["FINDINGS", "check", "count", "expire", "list_deliveries", "show_delivery", "stand", "sum_up"]

_LISTED: Final = """
SELECT d.seq, d.inbox_seq, i.engagement_id, i.source, i.kind, d.destination, d.operation, d.state, d.reason, d.attempts,
       d.created_ms, d.due_ms, d.settled_ms
"""
_SHOWN: Final = f"""{_LISTED}, d.path, d.lane, d.body, d.match_key, i.dedup_key, i.place, i.raw, i.received_ms
FROM deliveries d JOIN inbox i ON i.seq = d.inbox_seq WHERE d.seq = ?
"""
# Never the newest piece or that of the newest delivery: their numbers would be given out again.
_OLD: Final = """
SELECT i.seq FROM inbox i
WHERE i.received_ms <= ?1
    AND i.seq <> (SELECT max(seq) FROM inbox)
    AND i.seq <> coalesce((SELECT inbox_seq FROM deliveries ORDER BY seq DESC LIMIT 1), 0)
    AND NOT EXISTS (
        SELECT 1 FROM deliveries d WHERE d.inbox_seq = i.seq AND NOT (
            d.state IN ('delivered', 'filtered') AND coalesce(d.settled_ms, d.created_ms) <= ?1
            OR d.state = 'dead' AND coalesce(d.settled_ms, d.created_ms) <= ?2
        )
    )
    AND NOT EXISTS (
        SELECT 1 FROM dedup_keys k
        WHERE k.source = i.source AND k.dedup_key = i.dedup_key AND k.inbox_seq = i.seq AND k.expires_ms > ?3
    )
ORDER BY i.received_ms LIMIT ?4
"""
_RETIRE: Final = """
INSERT INTO retired (state, number) VALUES (?1, ?2) ON CONFLICT (state) DO UPDATE SET number = number + ?2
"""
FINDINGS: Final = (
    (
        "pieces whose outcomes are not all there",
        "SELECT count(*) FROM inbox i WHERE i.outcomes <> (SELECT count(*) FROM deliveries d WHERE d.inbox_seq = i.seq)",
    ),
    (
        "deliveries without their piece",
        "SELECT count(*) FROM deliveries d WHERE NOT EXISTS (SELECT 1 FROM inbox i WHERE i.seq = d.inbox_seq)",
    ),
    (
        "deliveries whose state and openness differ",
        "SELECT count(*) FROM deliveries WHERE (state IN ('pending', 'claimed')) <> (is_open = 1)",
    ),
    (
        "lanes without exactly one head",
        "SELECT count(*) FROM (SELECT 1 FROM deliveries WHERE is_open = 1 AND lane <> '' GROUP BY destination, lane HAVING sum(is_head) <> 1) AS lanes",
    ),
    (
        "open deliveries of no lane that are no head",
        "SELECT count(*) FROM deliveries WHERE is_open = 1 AND lane = '' AND is_head = 0",
    ),
    (
        "claims without a lease",
        "SELECT count(*) FROM deliveries WHERE state = 'claimed' AND lease_ms IS NULL",
    ),
    (
        "live keys without their piece",
        "SELECT count(*) FROM dedup_keys k WHERE NOT EXISTS (SELECT 1 FROM inbox i WHERE i.seq = k.inbox_seq)",
    ),
)
"""What must never be found, as a count that is 0; the same statements hold for both implementations."""


def count(connection: sqlite3.Connection) -> Counts:
    """Count, see `Store.counts`: rows, and what retention deleted of them. One statement sees one state."""
    rows = connection.execute(
        "SELECT 'accepted', coalesce(sum(outcomes + repeats), 0) FROM inbox"
        " UNION ALL SELECT 'duplicate', coalesce(sum(repeats), 0) FROM inbox"
        " UNION ALL SELECT state, count(*) FROM deliveries GROUP BY state"
        " UNION ALL SELECT state, number FROM retired"
    ).fetchall()
    return sum_up(rows)


def sum_up(rows: Sequence[tuple[str, int]]) -> Counts:
    """Make counts of numbers by state; a state may come several times."""
    numbers: dict[str, int] = {}
    for state, number in rows:
        name = State.PENDING if state == State.CLAIMED else state
        numbers[name] = numbers.get(name, 0) + number
    return Counts(**numbers)


def stand(connection: sqlite3.Connection, states: Sequence[State]) -> tuple[Standing, ...]:
    """Count by destination and state, see `Store.standings`."""
    wanted = states or tuple(State)
    is_open = "is_open = 1 AND " if OPEN.issuperset(wanted) else ""
    rows = connection.execute(
        f"SELECT destination, state, count(*), min(created_ms) FROM deliveries"  # noqa: S608 - only question marks are put in
        f" WHERE {is_open}state IN ({_marks(wanted)}) GROUP BY destination, state ORDER BY destination, state",
        wanted,
    )
    return tuple([Standing(row[0], State(row[1]), row[2], row[3]) for row in rows])


def list_deliveries(
    connection: sqlite3.Connection,
    states: Sequence[State],
    *,
    destination: str | None,
    after_seq: int,
    limit: int,
) -> tuple[StoredDelivery, ...]:
    """List deliveries, see `Store.deliveries`."""
    wanted = states or tuple(State)
    rows = connection.execute(
        f"{_LISTED} FROM deliveries d JOIN inbox i ON i.seq = d.inbox_seq"
        f" WHERE d.state IN ({_marks(wanted)}) AND d.seq > ? AND (? IS NULL OR d.destination = ?) ORDER BY d.seq LIMIT ?",
        (*wanted, after_seq, destination, destination, limit),
    )
    return tuple([_stored(row) for row in rows])


def show_delivery(connection: sqlite3.Connection, seq: int) -> DeliveryFile | None:
    """Show one delivery, see `Store.delivery`."""
    row = connection.execute(_SHOWN, (seq,)).fetchone()
    if row is None:
        return None
    path, lane, body, match_key, dedup_key, where, raw, received_ms = row[13:]
    return DeliveryFile(
        delivery=_stored(row),
        path=path,
        lane=lane,
        body=body,
        match_key=match_key,
        dedup_key=dedup_key,
        where=where,
        raw=raw,
        received_ms=received_ms,
    )


def expire(
    connection: sqlite3.Connection, *, settled_before_ms: int, dead_before_ms: int, now_ms: int, limit: int
) -> int:
    """Delete what is old, see `Store.expire`."""
    old = connection.execute(_OLD, (settled_before_ms, dead_before_ms, now_ms, limit)).fetchall()
    gone: dict[str, int] = {"accepted": 0, "duplicate": 0}
    for piece in old:
        ((outcomes, repeats),) = connection.execute(
            "DELETE FROM inbox WHERE seq = ? RETURNING outcomes, repeats", piece
        ).fetchall()
        gone["accepted"] += outcomes + repeats
        gone["duplicate"] += repeats
        for (state,) in connection.execute(
            "DELETE FROM deliveries WHERE inbox_seq = ? RETURNING state", piece
        ).fetchall():
            gone[state] = gone.get(state, 0) + 1
    connection.executemany(_RETIRE, [each for each in gone.items() if each[1]])
    connection.execute("DELETE FROM dedup_keys WHERE expires_ms <= ?", (now_ms,))
    connection.execute("DELETE FROM evidence WHERE at_ms <= ?", (settled_before_ms,))
    return len(old)


def check(connection: sqlite3.Connection) -> tuple[str, ...]:
    """Look for damage, see `Store.check`."""
    found = [f"file: {text}" for (text,) in connection.execute("PRAGMA integrity_check") if text != "ok"]
    if found:
        return tuple(found)  # of a damaged file nothing else can be said
    for what, statement in FINDINGS:
        ((number,),) = connection.execute(statement).fetchall()
        if number:
            found.append(f"{what}: {number}")
    counts = count(connection)
    if not counts.is_balanced:
        found.append(f"counts that do not balance: {counts.as_dict()}")
    return tuple(found)


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


def _stored(row: Sequence[Any]) -> StoredDelivery:
    return StoredDelivery(
        seq=row[0],
        inbox_seq=row[1],
        engagement_id=row[2],
        source=row[3],
        kind=row[4],
        destination=row[5],
        operation=row[6],
        state=State(row[7]),
        reason=row[8],
        attempts=row[9],
        created_ms=row[10],
        due_ms=row[11],
        settled_ms=row[12],
    )
