"""The real clock and real chance; a world hands in its own instead. Nothing else in the bridge asks for either."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random, SystemRandom
from typing import Final

__all__ = ["RANDOM", "now"]

RANDOM: Final[Random] = SystemRandom()


def now() -> datetime:
    """Give the wall clock's time, an aware UTC instant."""
    return datetime.now(UTC)  # noqa: TID251 - this is the one place that implements the real clock
