"""Locks on things that are no rows yet: a lane, a match key, a duty that one process at a time does.

A lane's head is decided by looking at rows that another transaction may just be adding or settling, so whoever adds
to a lane or settles in it holds the lane's lock. All locks of a transaction are taken at once and in order, before
the rows: two transactions cannot wait for each other.
"""

from __future__ import annotations

from enum import IntEnum
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

    from asyncpg import Connection, Record
    from asyncpg.pool import PoolConnectionProxy

__all__ = ["CLAIMERS", "Duty", "Session", "lane_lock", "lock", "match_lock", "names_lock"]

Session: TypeAlias = "Connection[Record] | PoolConnectionProxy[Record]"
"""A connection, from the pool or not."""

CLAIMERS: Final = 0x4A4C43
"""First half of the lock that a serving process holds for as long as it is connected; the second is its number."""


class Duty(IntEnum):
    """What one process at a time does."""

    MIGRATE = 0x4A4C0001
    EXPIRE = 0x4A4C0002


async def lock(session: Session, keys: Iterable[int]) -> None:
    """Hold these locks until the transaction ends."""
    ordered = sorted(set(keys))
    if ordered:
        await session.execute(
            "SELECT pg_advisory_xact_lock(key) FROM unnest($1::bigint[]) AS each(key)", ordered
        )


def lane_lock(destination: str, lane: str) -> int:
    """Name the lock of a lane."""
    return _number(f"lane\0{destination}\0{lane}")


def match_lock(match_key: str) -> int:
    """Name the lock of a match key."""
    return _number(f"match\0{match_key}")


def names_lock(destination: str) -> int:
    """Name the lock of the names in use at a destination."""
    return _number(f"names\0{destination}")


def _number(name: str) -> int:
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)
