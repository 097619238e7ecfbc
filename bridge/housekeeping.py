"""What a bridge does beside its work: end claims that nobody will settle, and delete what is old.

In a store that is shared this goes by the clock, because another bridge may die while this one has nothing to do. In
a store of its own it goes along with the webhooks that come in: an idle bridge leaves nothing behind, and one with
nothing to do should have nothing pending.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from bridge.engagement import unix_ms
from bridge.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime

    from bridge.settings import Settings
    from bridge.store import Store

__all__ = ["Housekeeper"]

_log: Final = logging.getLogger("bridge.housekeeping")
_DAY_MS: Final = 86_400_000
_EXPIRE_EVERY_MS: Final = 3_600_000
_EXPIRE_AT_ONCE: Final = 500
"""Pieces deleted in one transaction: others wait for it."""
_LONGEST_S: Final = 15.0
"""A shared store is looked after at least this often."""


class Housekeeper:
    """Looks after one store while a bridge serves it."""

    def __init__(
        self,
        store: Store,
        *,
        settings: Callable[[], Settings],
        never_twice: Callable[[], Collection[str]],
        now: Callable[[], datetime],
        wake: Callable[[], None],
    ) -> None:
        """Make a housekeeper.

        Args:
            store: What it looks after.
            settings: How long things are kept; asked each time, because they can be reloaded.
            never_twice: See `Store.recover`.
            now: The time.
            wake: Called when claims were ended, so that something may be due.
        """
        self._store = store
        self._settings = settings
        self._never_twice = never_twice
        self._now = now
        self._wake = wake
        self._task: asyncio.Task[None] | None = None
        self._recovered_ms = self._expired_ms = 0

    async def start(self) -> None:
        """End what a former process left, and look after a shared store from now on.

        Raises:
            StoreUnavailable: The store cannot be read or written.
        """
        self._expired_ms = unix_ms(self._now())
        await self._recover()
        if self._store.is_shared:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="bridge: housekeeping")

    async def stop(self) -> None:
        """Do nothing more, and hand back all claims."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        try:
            await self._store.release(
                self._never_twice(), retry=self._is_retried, now_ms=unix_ms(self._now())
            )
        except StoreUnavailable as error:
            # Whoever starts next finds them.
            _log.warning("claims could not be handed back", extra={"reason": str(error)})

    def touch(self) -> None:
        """Do what is due, when it is time; to be called when webhooks come in."""
        now_ms = unix_ms(self._now())
        is_due = (
            now_ms - self._recovered_ms >= self._settings().lease_s * 1000
            or now_ms - self._expired_ms >= _EXPIRE_EVERY_MS
            or now_ms < self._recovered_ms  # the clock was set back, and what waits is due far ahead
        )
        if is_due and self._task is None:
            self._task = asyncio.get_running_loop().create_task(
                self._keep_house(), name="bridge: housekeeping"
            )
            self._task.add_done_callback(self._done)

    @property
    def _is_retried(self) -> bool:
        return self._settings().mailmodo_uncertain == "retry"

    def _done(self, task: asyncio.Task[None]) -> None:
        if self._task is task:
            self._task = None

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(min(_LONGEST_S, self._settings().lease_s / 2))
            await self._keep_house()

    async def _keep_house(self) -> None:
        try:
            await self._recover()
            if unix_ms(self._now()) - self._expired_ms >= _EXPIRE_EVERY_MS:
                await self._expire()
        except StoreUnavailable as error:
            _log.warning("the store could not be looked after", extra={"reason": str(error)})
        except Exception:  # noqa: BLE001 - a fault of one round must not leave claims of the dead for ever
            _log.exception("the store could not be looked after")

    async def _recover(self) -> None:
        self._recovered_ms = unix_ms(self._now())
        left = await self._store.recover(
            self._never_twice(), retry=self._is_retried, now_ms=self._recovered_ms
        )
        if left:
            _log.warning(
                "deliveries had been claimed by a process that is gone or too slow",
                extra={"deliveries": left},
            )
            self._wake()

    async def _expire(self) -> None:
        self._expired_ms = now_ms = unix_ms(self._now())
        if not self._settings().keep_days:
            return
        gone = _EXPIRE_AT_ONCE
        while gone >= _EXPIRE_AT_ONCE:
            gone = await self._store.expire(
                settled_before_ms=now_ms - int(self._settings().keep_days * _DAY_MS),
                dead_before_ms=now_ms - int(self._settings().keep_dead_days * _DAY_MS),
                now_ms=now_ms,
                limit=_EXPIRE_AT_ONCE,
            )
