"""Keeps calls per second below what a vendor allows, in whatever second one looks at.

A bridge with a store of its own counts its calls by itself. Bridges that share a store share the vendor's rate, too:
they take their turns from the store.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from bridge.store import SharedTurns

if TYPE_CHECKING:
    from bridge.store import Store

__all__ = ["LocalPacer", "Pace", "Pacer", "SharedPacer", "Taken", "make_pacer"]

_MARGIN_MS: Final = 50
"""Between turns that are taken and calls that arrive lies a way that is not always equally long."""


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
        self.most = max(1, int(rate_per_s))
        self.window_s = self.most / rate_per_s if rate_per_s > 0 else 0.0
        self._calls: deque[float] = deque()

    def free(self, now_s: float) -> int | None:
        """Say how many calls may start now; None is no limit."""
        if not self.window_s:
            return None
        while self._calls and self._calls[0] <= now_s - self.window_s:
            self._calls.popleft()
        return self.most - len(self._calls)

    def spend(self, calls: int, now_s: float) -> None:
        """Count calls that start now."""
        if self.window_s:
            self._calls.extend([now_s] * calls)

    def unspend(self, calls: int, at_s: float) -> None:
        """Count calls no more that were counted at an instant and did not start."""
        kept: deque[float] = deque()
        while self._calls and calls:
            call = self._calls.pop()
            if call == at_s:
                calls -= 1
            else:
                kept.appendleft(call)
        self._calls += kept

    def wait_s(self, now_s: float) -> float:
        """Say how long to wait for the next call; 0 when it may start now."""
        if self.free(now_s) != 0:
            return 0.0
        return self._calls[0] + self.window_s - now_s


@dataclass(frozen=True, slots=True)
class Taken:
    """Turns that were taken together.

    Attributes:
        number: How many.
        at: When, by the clock of whoever counts them.
    """

    number: int
    at: float


class Pacer(Protocol):
    """Gives turns at one destination; each call needs one."""

    @property
    def is_shared(self) -> bool:
        """Whether others take turns from the same place, so that one asks only when there is something to send."""
        ...

    async def take(self, calls: int) -> Taken:
        """Take turns for so many calls, as many as there are.

        Raises:
            StoreUnavailable: They are kept in the store, and it cannot be asked.
        """
        ...

    async def give_back(self, taken: Taken, calls: int) -> None:
        """Give back so many of the turns that were taken together; others may have been taken since.

        Raises:
            StoreUnavailable: They are kept in the store, and it cannot be told; they are lost then.
        """
        ...

    def wait_s(self) -> float:
        """Say how long to wait for the next turn; 0 when there may be one now."""
        ...


def make_pacer(store: Store, destination: str, rate_per_s: float) -> Pacer:
    """Make the pacer of a destination: one that is shared where its store is."""
    if rate_per_s and isinstance(store, SharedTurns):
        return SharedPacer(store, destination, rate_per_s)
    return LocalPacer(rate_per_s)


class LocalPacer:
    """Turns that nobody else takes."""

    is_shared = False

    def __init__(self, rate_per_s: float) -> None:
        self._pace = Pace(rate_per_s)

    async def take(self, calls: int) -> Taken:
        """Take turns, see `Pacer.take`."""
        now_s = _loop_s()
        free = self._pace.free(now_s)
        granted = calls if free is None else max(0, min(calls, free))
        self._pace.spend(granted, now_s)
        return Taken(granted, now_s)

    async def give_back(self, taken: Taken, calls: int) -> None:
        """Give turns back, see `Pacer.give_back`."""
        self._pace.unspend(calls, taken.at)

    def wait_s(self) -> float:
        """Say how long to wait, see `Pacer.wait_s`."""
        return self._pace.wait_s(_loop_s())


class SharedPacer:
    """Turns that all bridges on one store take from it, by its clock."""

    is_shared = True

    def __init__(self, store: SharedTurns, destination: str, rate_per_s: float) -> None:
        self._store = store
        self._destination = destination
        pace = Pace(rate_per_s)
        self._most = pace.most
        self._window_ms = round(pace.window_s * 1000) + _MARGIN_MS
        self._free_s = 0.0

    async def take(self, calls: int) -> Taken:
        """Take turns, see `Pacer.take`."""
        turns = await self._store.take_turns(
            self._destination, calls, most=self._most, window_ms=self._window_ms
        )
        self._free_s = _loop_s() + turns.wait_ms / 1000
        return Taken(turns.granted, turns.at_ms)

    async def give_back(self, taken: Taken, calls: int) -> None:
        """Give turns back, see `Pacer.give_back`."""
        self._free_s = 0.0
        await self._store.give_turns_back(self._destination, calls, at_ms=int(taken.at))

    def wait_s(self) -> float:
        """Say how long to wait, see `Pacer.wait_s`; somebody else may be first then."""
        return max(0.0, self._free_s - _loop_s())


def _loop_s() -> float:
    return asyncio.get_running_loop().time()
