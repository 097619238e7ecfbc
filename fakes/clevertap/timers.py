"""What is to be done later: one timer of the loop for each thing, no task; a timer that went off is forgotten."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

__all__ = ["Timers"]


class Timers:
    """Timers that end together. Each keeps the cause that it was set in, as its context does."""

    def __init__(self) -> None:
        self._handles: set[asyncio.TimerHandle] = set()

    def __len__(self) -> int:
        """How many have not gone off yet."""
        return len(self._handles)

    def add(self, after: timedelta, act: Callable[[], None]) -> asyncio.TimerHandle:
        """Do something once a time is over; at the next turn of the loop when it is over already."""

        def go() -> None:
            self._handles.discard(handle)
            act()

        handle = asyncio.get_running_loop().call_later(max(0.0, after.total_seconds()), go)
        self._handles.add(handle)
        return handle

    def cancel(self, handle: asyncio.TimerHandle) -> None:
        """Forget one of them; a second time does nothing."""
        handle.cancel()
        self._handles.discard(handle)

    def stop(self) -> None:
        """Forget all of them."""
        for handle in self._handles:
            handle.cancel()
        self._handles.clear()
