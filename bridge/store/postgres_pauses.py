"""Pauses of destinations that several bridges share, on a Postgres connection.

Who goes by a pause that has changed in the meantime can neither claim under it nor replace it: a claim and a change
each name the pause that they know, in the statement itself. Other bridges are told of a change at its commit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bridge.store.records import Pause

if TYPE_CHECKING:
    from bridge.store.postgres_locks import Session

__all__ = ["change_pause", "pauses", "set_pause", "version"]

_LOOK: Final = "SELECT destination, until_ms, reason, probes FROM pauses ORDER BY destination"
_SET: Final = """
INSERT INTO pauses VALUES ($1, $2, $3, $4)
ON CONFLICT (destination) DO UPDATE SET until_ms = $2, reason = $3, probes = $4
"""
_END: Final = "DELETE FROM pauses WHERE destination = $1"
_TOLD: Final = "SELECT pg_notify('bridge_pause', $2) FROM changed"
_MAKE: Final = f"""
WITH changed AS (
    INSERT INTO pauses VALUES ($1, $3, $4, $5) ON CONFLICT (destination) DO NOTHING RETURNING destination
) {_TOLD}
"""  # noqa: S608 - a constant
_REPLACE: Final = f"""
WITH changed AS (
    UPDATE pauses SET until_ms = $3, reason = $4, probes = $5
    WHERE destination = $1 AND until_ms = $6 AND probes = $7 RETURNING destination
) {_TOLD}
"""  # noqa: S608 - a constant
_REMOVE: Final = f"""
WITH changed AS (
    DELETE FROM pauses WHERE destination = $1 AND until_ms = $3 AND probes = $4 RETURNING destination
) {_TOLD}
"""  # noqa: S608 - a constant


def version(pause: Pause | None) -> list[int]:
    """Give what tells a pause from the one before it."""
    return [] if pause is None else [pause.until_ms, pause.probes]


async def pauses(session: Session) -> dict[str, Pause]:
    """Give pauses, see `Store.pauses`."""
    rows = await session.fetch(_LOOK)
    return {row["destination"]: Pause(row["until_ms"], row["reason"], row["probes"]) for row in rows}


async def set_pause(session: Session, destination: str, pause: Pause | None) -> None:
    """Keep or end a pause, see `Store.set_pause`."""
    if pause is None:
        await session.execute(_END, destination)
    else:
        await session.execute(_SET, destination, pause.until_ms, pause.reason, pause.probes)


async def change_pause(
    session: Session, destination: str, *, old: Pause | None, new: Pause | None, claimer: int
) -> bool:
    """Change a pause that nobody else has changed, see `SharedPauses.change_pause`."""
    about = (destination, f"{claimer} {destination}")
    if new is None:
        if old is None:
            rows = await session.fetch("SELECT 1 FROM pauses WHERE destination = $1", destination)
            return not rows
        return bool(await session.fetch(_REMOVE, *about, *version(old)))
    wanted = (*about, new.until_ms, new.reason, new.probes)
    if old is None:
        return bool(await session.fetch(_MAKE, *wanted))
    return bool(await session.fetch(_REPLACE, *wanted, *version(old)))
