"""Keeps calls per second below what a vendor allows, in whatever second one looks at."""

from __future__ import annotations

from collections import deque

__all__ = ["Pace"]


class Pace:
    """Counts the calls of the last second.

    A bucket of tokens would let through twice the rate when it is full: its content, and what flows in meanwhile.
    Instants are those of a clock that never goes back.
    """

    def __init__(self, rate_per_s: float) -> None:
        """Make a pace.

        Args:
            rate_per_s: Calls per second; 0 is no limit. One below 1 is one call in so many seconds.
        """
        self._most = max(1, int(rate_per_s))
        self._window_s = self._most / rate_per_s if rate_per_s > 0 else 0.0
        self._calls: deque[float] = deque()

    def free(self, now_s: float) -> int | None:
        """Say how many calls may start now; None is no limit."""
        if not self._window_s:
            return None
        while self._calls and self._calls[0] <= now_s - self._window_s:
            self._calls.popleft()
        return self._most - len(self._calls)

    def spend(self, calls: int, now_s: float) -> None:
        """Count calls that start now."""
        if self._window_s:
            self._calls.extend([now_s] * calls)

    def wait_s(self, now_s: float) -> float:
        """Say how long to wait for the next call; 0 when it may start now."""
        if self.free(now_s) != 0:
            return 0.0
        return self._calls[0] + self._window_s - now_s
