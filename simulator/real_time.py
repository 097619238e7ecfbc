"""The one place where the simulator asks the wall clock: for servers that live among real clients."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["wall_clock"]


def wall_clock() -> datetime:
    """Give the real instant, as an aware UTC point."""
    return datetime.now(UTC)
