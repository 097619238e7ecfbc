"""A selector for a loop whose seconds are not the wall's."""

from __future__ import annotations

import selectors
from typing import Any

__all__ = ["ScaledSelector"]


class ScaledSelector(selectors.BaseSelector):
    """Waits on real sockets for a fraction of what it is asked to.

    Attributes:
        speed: Seconds of the asked time (the loop's) in one of the waited (the wall's).
    """

    def __init__(self) -> None:
        self._real = selectors.DefaultSelector()
        self.speed = 1.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait for at most a timeout of loop seconds."""
        return self._real.select(timeout if timeout is None else timeout / self.speed)

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """As the real one."""
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        """As the real one."""
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """As the real one."""
        return self._real.modify(fileobj, events, data)

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        """As the real one."""
        return self._real.get_key(fileobj)

    def get_map(self) -> Any:
        """As the real one."""
        return self._real.get_map()

    def close(self) -> None:
        """As the real one."""
        self._real.close()
