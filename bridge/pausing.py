"""When a destination is left alone: because its vendor asks for time, or because it refuses our credentials.

A pause is kept in the store: a bridge that starts again does not knock at once on a door that was shut, and bridges
that share a store do not knock one after the other.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from bridge.store import Pause, SharedPauses

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.settings import Settings
    from bridge.store import Delivery, Store
    from bridge.telemetry import Telemetry

__all__ = ["Pausing"]

_log: Final = logging.getLogger("bridge.delivery")
_FIRST_PROBE_S: Final = 30.0
_DOUBLINGS: Final = 30


class Pausing:
    """The pause of one destination."""

    def __init__(self, name: str, *, store: Store, settings: Settings, telemetry: Telemetry) -> None:
        self._name = name
        self._store = store
        self._shared = store if isinstance(store, SharedPauses) else None
        self._settings = settings
        self._telemetry = telemetry
        self._pause = Pause()
        self._kept: Pause | None = None
        """As it was last seen in the store; what could not be kept holds in this process all the same."""
        self._is_stale = False
        self._lock = asyncio.Lock()
        self._longest_ms = int(1000 * max(settings.longest_pause_s, settings.longest_wait_s, _FIRST_PROBE_S))
        self._probe_ms = min(
            self._longest_ms, int(1000 * (settings.request_timeout_s + settings.connect_timeout_s))
        )

    @property
    def is_probing(self) -> bool:
        """Whether credentials were refused last: one call at a time is tried, after a wait."""
        return self._pause.probes > 0

    @property
    def is_probe_shared(self) -> bool:
        """Whether the next call is a probe for all bridges on the store, which one of them makes."""
        return self.is_probing and self._shared is not None

    @property
    def probes(self) -> int:
        """How often credentials were refused in a row; what a call begins under says whether it is a probe."""
        return self._pause.probes

    def until_ms(self, now_ms: int) -> int:
        """Say when the destination may be called again; 0 when it may now.

        A pause that seems longer than any can be was made under a clock that has been set back: it is over.
        """
        left_ms = self._pause.until_ms - now_ms
        return self._pause.until_ms if 0 < left_ms <= self._longest_ms else 0

    def reason(self, now_ms: int) -> str:
        """Say why it is left alone; empty when it is not."""
        return self._pause.reason if self.is_probing or self.until_ms(now_ms) else ""

    async def load(self) -> None:
        """Take up what a former process left, or this one before its settings changed.

        Where credentials were refused, one probe goes out at once: they may be others now.

        Raises:
            StoreUnavailable: The store cannot be read.
        """
        async with self._lock:
            await self._read()
        if self._pause.probes:
            self._pause = replace(self._pause, until_ms=0)

    def repaused(self) -> None:
        """Take to heart that another bridge has changed the pause: it is read before the next claim."""
        self._is_stale = True

    async def catch_up(self) -> None:
        """Read the pause if another bridge has changed it.

        Raises:
            StoreUnavailable: The store cannot be read.
        """
        if not self._is_stale:
            return
        before = self._pause.reason
        async with self._lock:
            await self._read()
        if self._pause.reason != before:
            _log.info(
                "another bridge has changed the pause of a destination",
                extra={"destination": self._name, "reason": self._pause.reason},
            )

    async def look_again(self) -> None:
        """Read the pause where another bridge may have ended it unheard: nothing is due here that would find it out.

        Raises:
            StoreUnavailable: The store cannot be read.
        """
        if self.is_probe_shared:
            self.repaused()
            await self.catch_up()

    async def claim(self, limit: int, *, now_ms: int, lease_ms: int) -> tuple[Delivery, ...] | None:
        """Claim deliveries; None when another bridge has changed the pause, which is read again before the next.

        Raises:
            StoreUnavailable: The store cannot be written.
        """
        if self._shared is None:
            return await self._store.claim(self._name, limit, now_ms=now_ms, lease_ms=lease_ms)
        claimed = await self._shared.claim_under(
            self._kept, self._name, limit, now_ms=now_ms, lease_ms=lease_ms
        )
        if claimed is None:
            self._is_stale = True
        return claimed

    async def take_probe(self, *, now_ms: int) -> bool:
        """Say whether the next probe is this bridge's to make; for as long as one may take, no other makes one.

        Raises:
            StoreUnavailable: The store cannot be written.
        """
        if self._shared is None or not self.is_probing:
            return True
        async with self._lock:
            mine = replace(self._pause, until_ms=now_ms + self._probe_ms)
            if await self._shared.change_pause(self._name, old=self._kept, new=mine):
                self._kept = mine
                return True
            await self._read()
        return False

    async def give_probe_back(self, *, now_ms: int) -> None:
        """Let another bridge make the probe: there is nothing here to make it with.

        Raises:
            StoreUnavailable: The store cannot be written; the others wait for as long as a probe may take.
        """
        if self.is_probe_shared:
            await self._change(lambda pause: replace(pause, until_ms=now_ms) if pause.probes else pause)

    async def pause_for_credentials(self, reason: str, *, probes: int, now_ms: int) -> None:
        """Leave it alone until a probe passes: refused credentials are no fault of the event.

        Args:
            reason: What the vendor said.
            probes: What `probes` was when the call began: of several that were under way at once, one counts.
            now_ms: The instant.

        Raises:
            StoreUnavailable: It is paused, and that could not be kept.
        """
        if not self._pause.probes:
            _log.error(
                "a destination is paused; check its credentials",
                extra={"destination": self._name, "reason": reason},
            )
            self._telemetry.paused(self._name, "credentials")

        def paused(pause: Pause) -> Pause:
            if pause.probes > probes:
                return pause
            wait_s = min(self._settings.longest_wait_s, _FIRST_PROBE_S * 2 ** min(pause.probes, _DOUBLINGS))
            return Pause(now_ms + int(wait_s * 1000), reason, pause.probes + 1)

        await self._change(paused)

    async def pause_as_asked(self, wait_s: float, reason: str, *, now_ms: int) -> None:
        """Leave it alone for as long as its vendor asks; one that asks for less than it did changes nothing.

        Raises:
            StoreUnavailable: It is paused, and that could not be kept.
        """
        until_ms = now_ms + int(wait_s * 1000)
        if until_ms <= max(now_ms, self.until_ms(now_ms)):
            return
        self._telemetry.paused(self._name, "asked")

        def paused(pause: Pause) -> Pause:
            is_longer = until_ms < pause.until_ms <= now_ms + self._longest_ms
            return pause if is_longer else Pause(until_ms, reason, pause.probes)

        await self._change(paused)

    async def resume(self, *, probes: int) -> None:
        """End a pause for credentials after a probe that was let in; what began before the pause proves nothing.

        Raises:
            StoreUnavailable: It goes on, and that could not be kept.
        """
        if self._pause.probes and probes:
            _log.info("a destination takes deliveries again", extra={"destination": self._name})
            await self._change(lambda pause: Pause() if pause.probes <= probes else pause)

    async def _change(self, change: Callable[[Pause], Pause]) -> None:
        """Change the pause in this process at once, and in the store on top of what other bridges made of it."""
        self._pause = change(self._pause)
        async with self._lock:
            while True:
                self._pause = change(self._pause)
                new = None if self._pause == Pause() else self._pause
                if new == self._kept:
                    return
                if self._shared is None:
                    await self._store.set_pause(self._name, new)
                elif not await self._shared.change_pause(self._name, old=self._kept, new=new):
                    await self._read()
                    continue
                self._kept = new
                return

    async def _read(self) -> None:
        """Read what is kept; where it is what was known, what holds in this process stays."""
        self._is_stale = False
        try:
            kept = (await self._store.pauses()).get(self._name)
        except BaseException:
            self._is_stale = True
            raise
        if kept != self._kept:
            self._kept, self._pause = kept, kept or Pause()
