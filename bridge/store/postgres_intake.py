"""Inbox rows with their outcomes, identities and evidence, on a Postgres connection inside a transaction.

A batch of pieces costs three statements, however many pieces it has, and a few more for lanes, repeats and evidence.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from bridge.engagement import unix_ms
from bridge.store.postgres_identities import KnownIdentities
from bridge.store.postgres_locks import lane_lock, lock, match_lock
from bridge.store.postgres_outbox import confirm
from bridge.store.records import Outcome, State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.store.postgres_locks import Session
    from bridge.store.records import Evidence, Intake, Plan, Planner

__all__ = ["Wish", "replay", "take_in"]

Wish = tuple["Sequence[Intake]", "Planner"]
"""Pieces that one caller wants stored, and who plans them."""

# Keys are entered in the order in which they are given: two transactions cannot wait for each other.
_KNOW_KEYS: Final = """
WITH numbered AS MATERIALIZED (
    SELECT place, nextval('inbox_seq_seq') AS seq FROM generate_series(1, $1::int) AS place
), known AS (
    INSERT INTO dedup_keys (source, dedup_key, inbox_seq, expires_ms)
    SELECT source, dedup_key, seq, expires_ms
    FROM unnest($2::text[], $3::text[], $4::int[], $5::bigint[]) WITH ORDINALITY
        AS new(source, dedup_key, place, expires_ms, nth) JOIN numbered USING (place)
    ORDER BY nth
    ON CONFLICT (source, dedup_key) DO UPDATE SET inbox_seq = excluded.inbox_seq, expires_ms = excluded.expires_ms
    WHERE dedup_keys.expires_ms <= (
        SELECT received_ms FROM unnest($4::int[], $6::bigint[]) AS mine(place, received_ms) JOIN numbered USING (place)
        WHERE seq = excluded.inbox_seq
    )
    RETURNING inbox_seq
)
SELECT seq, known.inbox_seq IS NOT NULL AS is_new FROM numbered LEFT JOIN known ON known.inbox_seq = seq ORDER BY place
"""
_COUNT_REPEATS: Final = """
UPDATE inbox SET repeats = repeats + again.number
FROM unnest($1::text[], $2::text[], $3::int[]) AS again(source, dedup_key, number)
    JOIN dedup_keys ON dedup_keys.source = again.source AND dedup_keys.dedup_key = again.dedup_key
WHERE inbox.seq = dedup_keys.inbox_seq
"""
_ADD_INBOX: Final = """
INSERT INTO inbox (seq, source, dedup_key, engagement_id, kind, place, received_ms, outcomes, raw)
SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::int[],
    $9::bytea[])
"""
_BUSY_LANES: Final = """
SELECT DISTINCT d.destination, d.lane
FROM deliveries d JOIN unnest($1::text[], $2::text[]) AS l(destination, lane)
    ON d.destination = l.destination AND d.lane = l.lane
WHERE d.is_open = 1 AND d.lane <> ''
"""
# Pieces with their deliveries, and word of them to other bridges at the commit: in one statement.
_ADD: Final = """
WITH piece AS (
    INSERT INTO inbox (seq, source, dedup_key, engagement_id, kind, place, received_ms, outcomes, raw)
    SELECT * FROM unnest($13::bigint[], $14::text[], $15::text[], $16::text[], $17::text[], $18::text[], $19::bigint[],
        $20::int[], $21::bytea[])
), told AS MATERIALIZED (
    SELECT count(pg_notify('bridge_due', word)) AS number FROM unnest($22::text[]) AS each(word)
)
INSERT INTO deliveries
    (inbox_seq, destination, operation, path, lane, match_key, body, state, reason, is_open, is_head, created_ms, due_ms,
     settled_ms)
SELECT inbox_seq, destination, operation, path, lane, match_key, body, state, reason, is_open, is_head, now_ms, now_ms,
    CASE WHEN is_open = 1 THEN NULL ELSE now_ms END
FROM told, unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bytea[], $8::text[],
    $9::text[], $10::smallint[], $11::smallint[], $12::bigint[]) WITH ORDINALITY
    AS new(inbox_seq, destination, operation, path, lane, match_key, body, state, reason, is_open, is_head, now_ms, nth)
ORDER BY nth
"""
_REREAD: Final = """
UPDATE inbox SET outcomes = outcomes - $1 + $2, engagement_id = $3, kind = $4 WHERE seq = $5
"""


@dataclass(slots=True)
class _Additions:
    """What a batch adds, gathered before it is written."""

    pieces: list[tuple[Any, ...]] = field(default_factory=list)
    deliveries: list[tuple[int, Outcome, int]] = field(default_factory=list)
    evidence: list[tuple[int, Evidence, int]] = field(default_factory=list)

    def add(self, plan: Plan, outcomes: Sequence[Outcome], inbox_seq: int, now_ms: int) -> None:
        self.deliveries += [(inbox_seq, outcome, now_ms) for outcome in outcomes]
        self.evidence += [(inbox_seq, evidence, now_ms) for evidence in plan.evidence]

    @property
    def destinations(self) -> set[str]:
        """Where something is due now."""
        return {
            outcome.destination for _seq, outcome, _now in self.deliveries if outcome.state is State.PENDING
        }


async def take_in(session: Session, wishes: Sequence[Wish], *, claimer: int) -> list[tuple[bool, ...]]:
    """Store pieces, see `Store.take_in`, and tell others than this claimer where something is due now."""
    known = KnownIdentities(session)
    additions = _Additions()
    pieces = [(intake, planner) for intakes, planner in wishes for intake in intakes]
    is_new = iter(await _take_in(session, pieces, known=known, additions=additions))
    await _write(session, additions, known=known, claimer=claimer)
    return [tuple(next(is_new) for _ in intakes) for intakes, _planner in wishes]


async def replay(session: Session, inbox_seq: int, wish: Wish, *, claimer: int, now_ms: int) -> int | None:
    """Plan the quarantined outcomes of a piece anew, see `Store.replay`, and tell others as `take_in` does."""
    piece = await session.fetchrow("SELECT source, dedup_key FROM inbox WHERE seq = $1 FOR UPDATE", inbox_seq)
    gone = await session.fetch(
        "DELETE FROM deliveries WHERE inbox_seq = $1 AND state = 'quarantined' RETURNING destination",
        inbox_seq,
    )
    if piece is None or not gone:
        return None
    known = KnownIdentities(session)
    additions = _Additions()
    intakes, planner = wish
    own = [each for each in intakes if (each.source, each.dedup_key) == tuple(piece)]
    others = [(each, planner) for each in intakes if (each.source, each.dedup_key) != tuple(piece)]
    added = sum(await _take_in(session, others, known=known, additions=additions))
    destinations = {row["destination"] for row in gone}
    outcomes: list[Outcome] = []
    engagement = None
    for intake in own:
        plan = await known.plan(planner, intake, inbox_seq)
        engagement = intake.engagement
        # Outcomes that the piece has already at other destinations are left as they are.
        wanted = [each for each in plan.outcomes if "" in destinations or each.destination in destinations]
        additions.add(plan, wanted, inbox_seq, now_ms)
        outcomes += wanted
    added += len(outcomes)
    if not outcomes:
        outcomes = [Outcome(state=State.FILTERED, reason=f"replayed as {len(intakes)} pieces")]
        additions.deliveries.append((inbox_seq, outcomes[0], now_ms))
    told = (engagement.id, str(engagement.kind)) if engagement else ("", "")
    await session.execute(_REREAD, len(gone), len(outcomes), *told, inbox_seq)
    await _write(session, additions, known=known, claimer=claimer)
    return added


async def _take_in(
    session: Session,
    pieces: Sequence[tuple[Intake, Planner]],
    *,
    known: KnownIdentities,
    additions: _Additions,
) -> list[bool]:
    """Store inbox rows and keys of pieces; say which were new."""
    is_new: list[bool] = []
    while len(is_new) < len(pieces):
        # A key may come twice; where its window has passed in between, the second is new: it waits for the next round.
        first: dict[tuple[str, str], int] = {}
        here: list[tuple[Intake, Planner]] = []
        for intake, planner in pieces[len(is_new) :]:
            place = first.setdefault((str(intake.source), intake.dedup_key), len(here))
            if place < len(here) and intake.received_at >= here[place][0].expires_at:
                break
            here.append((intake, planner))
        is_new += await _take_in_round(session, here, first=first, known=known, additions=additions)
    return is_new


async def _take_in_round(
    session: Session,
    pieces: Sequence[tuple[Intake, Planner]],
    *,
    first: dict[tuple[str, str], int],
    known: KnownIdentities,
    additions: _Additions,
) -> list[bool]:
    keys = sorted(first)
    intakes = [intake for intake, _planner in pieces]
    numbers = await session.fetch(
        _KNOW_KEYS,
        len(pieces),
        [source for source, _key in keys],
        [key for _source, key in keys],
        [first[key] + 1 for key in keys],
        [unix_ms(intakes[first[key]].expires_at) for key in keys],
        [unix_ms(intakes[first[key]].received_at) for key in keys],
    )
    is_new = [new for _seq, new in numbers]
    await known.fetch([intake for intake, new in zip(intakes, is_new, strict=True) if new])
    plans: list[tuple[Intake, int, Plan]] = []
    repeats: Counter[tuple[str, str]] = Counter()
    for (intake, planner), (seq, new) in zip(pieces, numbers, strict=True):
        if not new:
            repeats[str(intake.source), intake.dedup_key] += 1
            continue
        plan = await known.plan(planner, intake, seq)
        plans.append((intake, seq, plan))
        additions.add(plan, plan.outcomes, seq, unix_ms(intake.received_at))
    additions.pieces += _rows(plans)
    if repeats:
        # Those of a piece of this very batch are counted in its row.
        await _add_inbox(session, additions)
        again = sorted(repeats.items())
        await session.execute(
            _COUNT_REPEATS, [key[0] for key, _ in again], [key[1] for key, _ in again], [n for _, n in again]
        )
    return is_new


def _rows(plans: Sequence[tuple[Intake, int, Plan]]) -> list[tuple[Any, ...]]:
    return [
        (
            seq,
            str(intake.source),
            intake.dedup_key,
            intake.engagement.id if intake.engagement else "",
            str(intake.engagement.kind) if intake.engagement else "",
            intake.where,
            unix_ms(intake.received_at),
            len(plan.outcomes),
            intake.raw,
        )
        for intake, seq, plan in plans
    ]


async def _add_inbox(session: Session, additions: _Additions) -> None:
    if additions.pieces:
        await session.execute(_ADD_INBOX, *_columns(additions.pieces, 9))
        additions.pieces.clear()


def _columns(rows: Sequence[tuple[Any, ...]], number: int) -> list[Sequence[Any]]:
    return [*zip(*rows, strict=True)] if rows else [()] * number


async def _write(session: Session, additions: _Additions, *, known: KnownIdentities, claimer: int) -> None:
    """Write deliveries, identities and evidence, under the locks of all lanes and keys that they touch."""
    lanes = sorted(
        {
            (outcome.destination, outcome.lane)
            for _seq, outcome, _now in additions.deliveries
            if outcome.lane and outcome.state is State.PENDING
        }
    )
    await lock(
        session,
        [lane_lock(*lane) for lane in lanes]
        + [match_lock(evidence.match_key) for _seq, evidence, _now in additions.evidence],
    )
    busy: set[tuple[str, str]] = set()
    if lanes:
        found = await session.fetch(_BUSY_LANES, [lane[0] for lane in lanes], [lane[1] for lane in lanes])
        busy = {(row["destination"], row["lane"]) for row in found}
    rows = []
    for inbox_seq, outcome, now_ms in additions.deliveries:
        is_open = outcome.state is State.PENDING
        lane = (outcome.destination, outcome.lane)
        is_head = is_open and (not outcome.lane or lane not in busy)
        if is_open and outcome.lane:
            busy.add(lane)
        rows.append(
            (
                inbox_seq,
                outcome.destination,
                outcome.operation,
                outcome.path,
                outcome.lane,
                outcome.match_key,
                outcome.body,
                str(outcome.state),
                outcome.reason,
                int(is_open),
                int(is_head),
                now_ms,
            )
        )
    if rows:
        words = [f"{claimer} {each}" for each in sorted(additions.destinations)]
        await session.execute(_ADD, *_columns(rows, 12), *_columns(additions.pieces, 9), words)
    else:
        await _add_inbox(session, additions)
    await known.write()
    for inbox_seq, evidence, now_ms in additions.evidence:
        await confirm(session, evidence, inbox_seq, now_ms=now_ms)
