"""Shuts a vendor's door while a rule says that connections are refused."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

__all__ = ["Outages"]


class Outages:
    """The outages of one fake, of which several may overlap.

    Args:
        shut: Has connections refused from now on, and cuts those that are open.
        reopen: Lets connections in again.
        now: The world's time.
    """

    def __init__(
        self, shut: Callable[[], None], reopen: Callable[[], None], *, now: Callable[[], datetime]
    ) -> None:
        self._shut = shut
        self._reopen = reopen
        self._now = now
        self._timers: dict[str, list[asyncio.TimerHandle]] = {}
        self._under_way: set[str] = set()

    def add(self, identity: str, starts_at: datetime | None, ends_at: datetime | None) -> None:
        """Let a rule's outage begin when its time comes, or at once when that is here."""
        loop, now = asyncio.get_running_loop(), self._now()
        timers = self._timers[identity] = []
        if starts_at is None or starts_at <= now:
            self._begin(identity)
        else:
            timers.append(loop.call_later((starts_at - now).total_seconds(), self._begin, identity))
        if ends_at is not None:
            timers.append(loop.call_later(max(0.0, (ends_at - now).total_seconds()), self._end, identity))

    def drop(self, identity: str) -> None:
        """End a rule's outage, whether it has begun or not."""
        for timer in self._timers.pop(identity, ()):
            timer.cancel()
        self._end(identity)

    def _begin(self, identity: str) -> None:
        if not self._under_way:
            self._shut()
        self._under_way.add(identity)

    def _end(self, identity: str) -> None:
        if identity in self._under_way:
            self._under_way.remove(identity)
            if not self._under_way:
                self._reopen()
