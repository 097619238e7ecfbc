"""A selector that knows when the wire has been quiet for a while."""

from __future__ import annotations

import selectors
import time
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    Ready = list[tuple[selectors.SelectorKey, int]]
    Hurry = Callable[[Callable[[float | None], bool], float | None], None]

__all__ = ["QuietSelector"]

QUIET_S: Final = 0.02
"""Real seconds without a sign of life after which the wire counts as quiet: longer than a process on the same
machine takes to go on after it has answered."""


class QuietSelector(selectors.BaseSelector):
    """Waits on real sockets, and hands the waits of a quiet wire to somebody who may shorten them.

    Args:
        hurry: Called with a function that waits (real seconds; says whether something came) and with the
            timeout that is left.
    """

    def __init__(self, hurry: Hurry) -> None:
        self._real = selectors.DefaultSelector()
        self._hurry = hurry
        self._quiet_at = 0.0

    def select(self, timeout: float | None = None) -> Ready:
        """Wait for a sign of life, or for a timeout of loop seconds."""
        if timeout is not None and timeout <= 0:
            return self._heard(self._real.select(0))
        rest = self._quiet_at - time.monotonic()
        if rest > 0:
            began = time.monotonic()
            ready = self._heard(self._real.select(rest if timeout is None else min(rest, timeout)))
            timeout = None if timeout is None else timeout - (time.monotonic() - began)
            if ready or (timeout is not None and timeout <= 0):
                return ready
        found: Ready = []

        def wait(real_s: float | None) -> bool:
            found.extend(self._heard(self._real.select(real_s)))
            return bool(found)

        self._hurry(wait, timeout)
        return found

    def _heard(self, ready: Ready) -> Ready:
        if ready:
            self._quiet_at = time.monotonic() + QUIET_S
        return ready

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
