"""Turns at destinations that several bridges share, on a Postgres connection.

Every bridge counts its calls in one row of the destination, so that all of them together keep its rate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bridge.store.records import Turns

if TYPE_CHECKING:
    from bridge.store.postgres_locks import Session

__all__ = ["give_turns_back", "take_turns"]

# Nobody waits for the disk: turns that a power cut forgets are turns of a second that is long over then.
_TAKE: Final = """
SELECT turns.* FROM set_config('synchronous_commit', 'off', true), take_turns($1, $2, $3, $4) AS turns
"""
_GIVE_BACK: Final = """
WITH hasty AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
UPDATE paces SET calls = ARRAY(
    SELECT call_ms FROM (
        SELECT call_ms, row_number() OVER (PARTITION BY call_ms) AS nth FROM unnest(calls) AS past(call_ms)
    ) AS numbered
    WHERE call_ms <> $2 OR nth > $3
    ORDER BY call_ms
)
WHERE destination = $1 AND EXISTS (SELECT 1 FROM hasty)
"""


async def take_turns(session: Session, destination: str, wanted: int, *, most: int, window_ms: int) -> Turns:
    """Take turns, see `SharedTurns.take_turns`."""
    (row,) = await session.fetch(_TAKE, destination, wanted, most, window_ms)
    return Turns(row["granted"], row["at_ms"], row["wait_ms"])


async def give_turns_back(session: Session, destination: str, number: int, *, at_ms: int) -> None:
    """Give turns back, see `SharedTurns.give_turns_back`."""
    await session.execute(_GIVE_BACK, destination, at_ms, number)
