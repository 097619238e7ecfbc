"""What people and metrics ask of the store, its upkeep, and the search for damage; on a Postgres connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bridge.store.postgres_locks import Duty
from bridge.store.records import OPEN, Counts, DeliveryFile, Standing, State, StoredDelivery
from bridge.store.sqlite_reports import FINDINGS, sum_up

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asyncpg import Record

    from bridge.store.postgres_locks import Session

__all__ = ["check", "count", "expire", "list_deliveries", "show_delivery", "stand"]

_LISTED: Final = """
SELECT d.seq, d.inbox_seq, i.engagement_id, i.source, i.kind, d.destination, d.operation, d.state, d.reason, d.attempts,
       d.created_ms, d.due_ms, d.settled_ms
"""
_JOINED: Final = "FROM deliveries d JOIN inbox i ON i.seq = d.inbox_seq"
_OLD: Final = """
SELECT i.seq FROM inbox i
WHERE i.received_ms <= $1
    AND i.seq <> (SELECT max(seq) FROM inbox)
    AND i.seq <> coalesce((SELECT inbox_seq FROM deliveries ORDER BY seq DESC LIMIT 1), 0)
    AND NOT EXISTS (
        SELECT 1 FROM deliveries d WHERE d.inbox_seq = i.seq AND NOT (
            d.state IN ('delivered', 'filtered') AND coalesce(d.settled_ms, d.created_ms) <= $1
            OR d.state = 'dead' AND coalesce(d.settled_ms, d.created_ms) <= $2
        )
    )
    AND NOT EXISTS (
        SELECT 1 FROM dedup_keys k
        WHERE k.source = i.source AND k.dedup_key = i.dedup_key AND k.inbox_seq = i.seq AND k.expires_ms > $3
    )
ORDER BY i.received_ms LIMIT $4
"""
_RETIRE: Final = """
INSERT INTO retired (state, number) VALUES ($1, $2)
ON CONFLICT (state) DO UPDATE SET number = retired.number + excluded.number
"""


async def count(session: Session) -> Counts:
    """Count, see `Store.counts`: rows, and what retention deleted of them. One statement sees one state."""
    rows = await session.fetch(
        "SELECT 'accepted' AS state, coalesce(sum(outcomes + repeats), 0)::bigint AS number FROM inbox"
        " UNION ALL SELECT 'duplicate', coalesce(sum(repeats), 0)::bigint FROM inbox"
        " UNION ALL SELECT state, count(*) FROM deliveries GROUP BY state"
        " UNION ALL SELECT state, number FROM retired"
    )
    return sum_up([(row["state"], row["number"]) for row in rows])


async def stand(session: Session, states: Sequence[State]) -> tuple[Standing, ...]:
    """Count by destination and state, see `Store.standings`."""
    wanted = [str(each) for each in states or tuple(State)]
    is_open = "is_open = 1 AND" if OPEN.issuperset(wanted) else ""
    rows = await session.fetch(
        "SELECT destination, state, count(*) AS number, min(created_ms) AS oldest_ms FROM deliveries"  # noqa: S608 - a constant is put in
        f" WHERE {is_open} state = ANY($1::text[]) GROUP BY destination, state"
        ' ORDER BY destination COLLATE "C", state COLLATE "C"',
        wanted,
    )
    return tuple(
        [Standing(row["destination"], State(row["state"]), row["number"], row["oldest_ms"]) for row in rows]
    )


async def list_deliveries(
    session: Session, states: Sequence[State], *, destination: str | None, after_seq: int, limit: int
) -> tuple[StoredDelivery, ...]:
    """List deliveries, see `Store.deliveries`."""
    rows = await session.fetch(
        f"{_LISTED} {_JOINED} WHERE d.state = ANY($1::text[]) AND d.seq > $2"
        " AND ($3::text IS NULL OR d.destination = $3) ORDER BY d.seq LIMIT $4",
        [str(each) for each in states or tuple(State)],
        after_seq,
        destination,
        limit,
    )
    return tuple([_stored(row) for row in rows])


async def show_delivery(session: Session, seq: int) -> DeliveryFile | None:
    """Show one delivery, see `Store.delivery`."""
    row = await session.fetchrow(
        f"{_LISTED}, d.path, d.lane, d.body, d.match_key, i.dedup_key, i.place, i.raw, i.received_ms"
        f" {_JOINED} WHERE d.seq = $1",
        seq,
    )
    if row is None:
        return None
    return DeliveryFile(
        delivery=_stored(row),
        path=row["path"],
        lane=row["lane"],
        body=row["body"],
        match_key=row["match_key"],
        dedup_key=row["dedup_key"],
        where=row["place"],
        raw=row["raw"],
        received_ms=row["received_ms"],
    )


async def expire(
    session: Session, *, settled_before_ms: int, dead_before_ms: int, now_ms: int, limit: int
) -> int:
    """Delete what is old, see `Store.expire`; where another process is doing it, nothing."""
    if not await session.fetchval("SELECT pg_try_advisory_xact_lock($1)", int(Duty.EXPIRE)):
        return 0
    old = [row["seq"] for row in await session.fetch(_OLD, settled_before_ms, dead_before_ms, now_ms, limit)]
    gone = {
        row["state"]: row["number"]
        for row in await session.fetch(
            "WITH gone AS (DELETE FROM deliveries WHERE inbox_seq = ANY($1::bigint[]) RETURNING state)"
            " SELECT state, count(*) AS number FROM gone GROUP BY state",
            old,
        )
    }
    pieces = await session.fetchrow(
        "WITH gone AS (DELETE FROM inbox WHERE seq = ANY($1::bigint[]) RETURNING outcomes, repeats)"
        " SELECT coalesce(sum(outcomes + repeats), 0)::bigint AS accepted,"
        " coalesce(sum(repeats), 0)::bigint AS duplicate FROM gone",
        old,
    )
    gone |= dict(pieces or {})
    await session.executemany(_RETIRE, sorted(each for each in gone.items() if each[1]))
    await session.execute("DELETE FROM dedup_keys WHERE expires_ms <= $1", now_ms)
    await session.execute("DELETE FROM evidence WHERE at_ms <= $1", settled_before_ms)
    return len(old)


async def check(session: Session) -> tuple[str, ...]:
    """Look for damage, see `Store.check`."""
    found: list[str] = []
    for what, statement in FINDINGS:
        number = await session.fetchval(statement)
        if number:
            found.append(f"{what}: {number}")
    counts = await count(session)
    if not counts.is_balanced:
        found.append(f"counts that do not balance: {counts.as_dict()}")
    return tuple(found)


def _stored(row: Record) -> StoredDelivery:
    return StoredDelivery(
        seq=row["seq"],
        inbox_seq=row["inbox_seq"],
        engagement_id=row["engagement_id"],
        source=row["source"],
        kind=row["kind"],
        destination=row["destination"],
        operation=row["operation"],
        state=State(row["state"]),
        reason=row["reason"],
        attempts=row["attempts"],
        created_ms=row["created_ms"],
        due_ms=row["due_ms"],
        settled_ms=row["settled_ms"],
    )
