"""Claims and their ends, on a Postgres connection inside a transaction."""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from bridge.store.postgres_locks import CLAIMERS, lane_lock, lock, match_lock
from bridge.store.records import OPEN, Delivery, Settlement, State

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from bridge.store.postgres_locks import Session
    from bridge.store.records import Evidence

__all__ = ["claim", "confirm", "end_claims", "is_plain", "move", "settle", "start", "tell"]

_NUMBER: Final = attrgetter("seq")
_COLUMNS: Final = (
    "seq, destination, operation, path, body, lane, attempts, created_ms, fence, lease_ms, match_key"
)
_NONE: Final = ", ".join(["NULL"] * 11)
_CLAIM: Final = f"""
WITH hasty AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true)), pause AS MATERIALIZED (
    SELECT $6::bigint[] IS NULL OR $6 = coalesce(
        (SELECT ARRAY[until_ms, probes] FROM pauses WHERE destination = $3), '{{}}'
    ) AS is_known
), due AS MATERIALIZED (
    SELECT seq AS due_seq FROM deliveries
    WHERE destination = $3 AND state = 'pending' AND is_head = 1 AND due_ms <= $1 AND (SELECT is_known FROM pause)
    ORDER BY due_ms, seq LIMIT $4 FOR UPDATE SKIP LOCKED
), claimed AS (
UPDATE deliveries
SET state = 'claimed', fence = greatest(fence + 1, (extract(epoch FROM statement_timestamp()) * 1000000)::bigint), attempts = attempts + 1, started_ms = NULL, lease_ms = $2, claimed_by = $5
FROM due, hasty WHERE seq = due_seq
RETURNING {_COLUMNS}
)
SELECT {_COLUMNS} FROM claimed
UNION ALL SELECT {_NONE} FROM pause WHERE NOT is_known
"""  # noqa: S608 - constants
_START: Final = """
UPDATE deliveries d SET started_ms = $1, lease_ms = $2
FROM unnest($3::bigint[], $4::bigint[]) AS held(seq, fence)
WHERE d.seq = held.seq AND d.fence = held.fence AND d.state = 'claimed'
RETURNING d.seq
"""
# A claim whose lease was renewed since it was looked at is a living one.
_SETTLE: Final = """
UPDATE deliveries d
SET state = e.state, reason = coalesce(e.reason, d.reason), is_open = e.is_open, due_ms = e.due_ms, lease_ms = NULL,
    settled_ms = e.settled_ms
FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::smallint[], $6::bigint[], $7::bigint[], $8::bigint[])
    AS e(seq, fence, state, reason, is_open, due_ms, settled_ms, lease_ms)
WHERE d.seq = e.seq AND d.fence = e.fence AND d.state = 'claimed' AND (e.lease_ms IS NULL OR d.lease_ms = e.lease_ms)
RETURNING d.seq
"""
_PROMOTE: Final = """
UPDATE deliveries SET is_head = 1 WHERE seq IN (
    SELECT DISTINCT ON (d.destination, d.lane) d.seq
    FROM deliveries d JOIN unnest($1::text[], $2::text[]) AS l(destination, lane)
        ON d.destination = l.destination AND d.lane = l.lane
    WHERE d.is_open = 1 AND d.lane <> '' AND NOT EXISTS (
        SELECT 1 FROM deliveries h
        WHERE h.destination = d.destination AND h.lane = d.lane AND h.is_open = 1 AND h.lane <> '' AND h.is_head = 1
    )
    ORDER BY d.destination, d.lane, d.seq
)
"""
_UNSTICK: Final = """
UPDATE deliveries SET due_ms = $1 WHERE seq IN (
    SELECT seq FROM deliveries WHERE is_open = 1 AND state = 'pending' AND created_ms > $1 FOR UPDATE SKIP LOCKED
)
"""
_CONFIRM: Final = """
UPDATE deliveries SET state = 'delivered', reason = $1, settled_ms = $2
WHERE seq = (
    SELECT seq FROM deliveries WHERE match_key = $3 AND match_key <> '' AND state = 'uncertain' AND created_ms <= $4
    ORDER BY seq LIMIT 1
)
RETURNING seq
"""
_KEEP_EVIDENCE: Final = """
INSERT INTO evidence (match_key, at_ms) VALUES ($1, $2)
ON CONFLICT (match_key) DO UPDATE SET at_ms = greatest(evidence.at_ms, $2)
"""
_USE_EVIDENCE: Final = "DELETE FROM evidence WHERE match_key = $1 AND at_ms >= $2 RETURNING at_ms"
_REQUEUE: Final = """
UPDATE deliveries d
SET state = 'pending', reason = $1, is_open = 1, attempts = 0, created_ms = $2, due_ms = $2, started_ms = NULL,
    settled_ms = NULL,
    is_head = (lane = '' OR NOT EXISTS (
        SELECT 1 FROM deliveries o
        WHERE o.destination = d.destination AND o.lane = d.lane AND o.is_open = 1 AND o.lane <> ''
    ))::int
WHERE seq = $3
"""
_FINISH: Final = "UPDATE deliveries SET state = $1, reason = $2, is_open = 0, settled_ms = $3 WHERE seq = $4"
_CLAIMS: Final = f"SELECT {_COLUMNS}, started_ms FROM deliveries WHERE is_open = 1 AND state = 'claimed' AND"  # noqa: S608 - constants
_IS_GONE: Final = f"""
NOT EXISTS (
    SELECT 1 FROM pg_locks
    WHERE locktype = 'advisory' AND classid = {CLAIMERS} AND objid = claimed_by AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
)
"""  # noqa: S608 - a constant


async def claim(
    session: Session,
    destination: str,
    limit: int,
    *,
    claimer: int,
    under: Sequence[int] | None = None,
    now_ms: int,
    lease_ms: int,
) -> tuple[Delivery, ...] | None:
    """Claim what is due and nobody else is claiming, see `Store.claim`; None where another pause is kept.

    The commit does not wait for the disk, and a crash of the database may take a claim back. So a fence is no count of
    claims: whoever claims the row next would get the number of the lost claim, whose holder, still alive, could then
    start a second attempt beside the first. It is the moment of the claim.
    """
    rows = await session.fetch(_CLAIM, now_ms, now_ms + lease_ms, destination, limit, claimer, under)
    if rows and rows[0]["seq"] is None:
        return None
    return tuple(sorted([Delivery.of_row(row) for row in rows], key=_NUMBER))


async def start(
    session: Session, deliveries: Sequence[Delivery], *, now_ms: int, lease_ms: int
) -> tuple[Delivery, ...]:
    """Commit that attempts begin, see `Store.start`."""
    until_ms = now_ms + lease_ms
    seqs, fences = [each.seq for each in deliveries], [each.fence for each in deliveries]
    held = {row["seq"] for row in await session.fetch(_START, now_ms, until_ms, seqs, fences)}
    return tuple(replace(each, lease_ms=until_ms) for each in deliveries if each.seq in held)


def is_plain(settlements: Iterable[Settlement]) -> bool:
    """Say whether to settle these takes one statement, which is its own transaction: no lane and no proof is touched."""
    return not any(
        (each.delivery.lane and each.state is not State.PENDING)
        or (each.delivery.match_key and each.state is State.UNCERTAIN)
        for each in settlements
    )


async def settle(session: Session, settlements: Sequence[Settlement], *, now_ms: int) -> int:
    """Settle attempts, see `Store.settle`."""
    return await _settle([(each, each.reason, None) for each in settlements], session=session, now_ms=now_ms)


async def end_claims(
    session: Session,
    never_twice: Collection[str],
    *,
    claimer: int,
    is_own: bool,
    retry: bool,
    now_ms: int,
) -> int:
    """End claims: all of this claimer, or those of processes that are gone and those whose lease is over."""
    if is_own:
        rows = await session.fetch(f"{_CLAIMS} claimed_by = $1", claimer)
    else:
        rows = await session.fetch(f"{_CLAIMS} (lease_ms <= $1 OR {_IS_GONE})", now_ms)
        await session.execute(_UNSTICK, now_ms)
    ends: list[tuple[Settlement, str | None, int | None]] = []
    for row in rows:
        *columns, started_ms = row
        delivery = Delivery.of_row(columns)
        if started_ms is not None and delivery.operation in never_twice and not retry:
            end = Settlement(delivery=delivery, state=State.UNCERTAIN)
            ends.append((end, "stopped in flight", delivery.lease_ms))
        else:
            end = Settlement(delivery=delivery, state=State.PENDING, due_ms=now_ms)
            ends.append((end, None, delivery.lease_ms))
    return await _settle(ends, session=session, now_ms=now_ms)


async def _settle(
    ends: Sequence[tuple[Settlement, str | None, int | None]], *, session: Session, now_ms: int
) -> int:
    """Settle in order of numbers; each with its reason, None to leave it, and the lease it must still have."""
    if not ends:
        return 0
    ends = sorted(ends, key=lambda end: end[0].delivery.seq)
    final = [end[0] for end in ends if end[0].state is not State.PENDING]
    await lock(
        session,
        [lane_lock(each.delivery.destination, each.delivery.lane) for each in final if each.delivery.lane]
        + [
            match_lock(each.delivery.match_key)
            for each in final
            if each.state is State.UNCERTAIN and each.delivery.match_key
        ],
    )
    rows = await session.fetch(
        _SETTLE,
        [end.delivery.seq for end, _reason, _lease in ends],
        [end.delivery.fence for end, _reason, _lease in ends],
        [str(end.state) for end, _reason, _lease in ends],
        [reason for _end, reason, _lease in ends],
        [int(end.state is State.PENDING) for end, _reason, _lease in ends],
        [
            end.due_ms if end.state is State.PENDING else end.delivery.created_ms
            for end, _reason, _lease in ends
        ],
        [None if end.state is State.PENDING else now_ms for end, _reason, _lease in ends],
        [lease for _end, _reason, lease in ends],
    )
    changed = {row["seq"] for row in rows}
    ended = [each.delivery for each in final if each.delivery.seq in changed]
    uncertain = {each.delivery.seq for each in final if each.state is State.UNCERTAIN}
    for delivery in ended:
        if delivery.seq in uncertain and delivery.match_key:
            proof = await session.fetchrow(_USE_EVIDENCE, delivery.match_key, delivery.created_ms)
            if proof is not None:
                await session.execute(
                    _FINISH, State.DELIVERED, "confirmed before its end", now_ms, delivery.seq
                )
    await _promote(session, {(each.destination, each.lane) for each in ended if each.lane})
    return len(changed)


async def confirm(session: Session, evidence: Evidence, inbox_seq: int, *, now_ms: int) -> None:
    """Settle an uncertain delivery that a piece proves, or keep the proof; the key's lock is held."""
    reason = f"confirmed by piece {inbox_seq}"
    found = await session.fetchrow(_CONFIRM, reason, now_ms, evidence.match_key, evidence.at_ms)
    if found is None:
        await session.execute(_KEEP_EVIDENCE, evidence.match_key, evidence.at_ms)


async def move(
    session: Session,
    seqs: Sequence[int],
    *,
    of: Collection[State],
    to: State,
    reason: str,
    now_ms: int,
) -> tuple[tuple[int, ...], set[str]]:
    """Change states by hand, see `Store.move`; gives the destinations, too."""
    look = "SELECT seq, state, destination, lane FROM deliveries WHERE seq = ANY($1::bigint[])"
    lanes = {(row["destination"], row["lane"]) for row in await session.fetch(look, list(seqs))}
    await lock(session, [lane_lock(*lane) for lane in lanes if lane[1]])
    rows: Mapping[int, Any] = {
        row["seq"]: row for row in await session.fetch(f"{look} ORDER BY seq FOR UPDATE", list(seqs))
    }
    moved: list[int] = []
    left: set[tuple[str, str]] = set()
    for seq in seqs:
        row = rows.get(seq)
        if row is None or row["state"] not in of:
            continue
        moved.append(seq)
        if to is State.PENDING:
            if row["state"] not in OPEN:
                await session.execute(_REQUEUE, reason, now_ms, seq)
            continue
        await session.execute(_FINISH, to, reason, now_ms, seq)
        if row["state"] in OPEN and row["lane"]:
            left.add((row["destination"], row["lane"]))
    await _promote(session, left)
    return tuple(moved), {rows[seq]["destination"] for seq in moved}


async def _promote(session: Session, lanes: Collection[tuple[str, str]]) -> None:
    """Make the first open delivery of each lane its head; the lanes' locks are held."""
    if lanes:
        ordered = sorted(lanes)
        await session.execute(_PROMOTE, [each[0] for each in ordered], [each[1] for each in ordered])


async def tell(session: Session, destinations: Iterable[str], *, claimer: int) -> None:
    """Tell other processes, at the commit, that something is due."""
    for destination in sorted(destinations):
        await session.execute("SELECT pg_notify('bridge_due', $1)", f"{claimer} {destination}")
