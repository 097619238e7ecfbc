"""Names of event types in use, on a Postgres connection inside a transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bridge.store.postgres_locks import lock, names_lock
from bridge.store.records import Admission

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.store.postgres_locks import Session

__all__ = ["admit_names", "count_names"]

_ADMIT: Final = """
INSERT INTO event_names (destination, name, first_ms)
SELECT $1, name, $3 FROM unnest($2::text[]) AS new(name)
"""


async def admit_names(
    session: Session, destination: str, names: Sequence[str], *, limit: int, now_ms: int
) -> Admission:
    """Admit names, see `Store.admit_names`; one process at a time counts those of a destination."""
    await lock(session, [names_lock(destination)])
    rows = await session.fetch(
        "SELECT name FROM event_names WHERE destination = $1 AND name = ANY($2::text[])",
        destination,
        list(names),
    )
    known = {row["name"] for row in rows}
    used: int = await session.fetchval("SELECT count(*) FROM event_names WHERE destination = $1", destination)
    new = [name for name in dict.fromkeys(names) if name not in known]
    if limit:
        new = new[: max(0, limit - used)]
    if new:
        await session.execute(_ADMIT, destination, new, now_ms)
    return Admission(frozenset(known.union(new)), used + len(new))


async def count_names(session: Session) -> dict[str, int]:
    """Count names, see `Store.count_names`."""
    rows = await session.fetch(
        "SELECT destination, count(*) AS number FROM event_names GROUP BY destination"
        ' ORDER BY destination COLLATE "C"'
    )
    return {row["destination"]: row["number"] for row in rows}
