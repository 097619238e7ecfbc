"""When a destination is left alone: because its vendor asks for time, or because it refuses our credentials.

A pause is kept in the store: a bridge that starts again does not knock at once on a door that was shut.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from bridge.store import Pause

if TYPE_CHECKING:
    from bridge.settings import Settings
    from bridge.store import Store
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
        self._settings = settings
        self._telemetry = telemetry
        self._pause = Pause()
        self._longest_ms = int(1000 * max(settings.longest_pause_s, settings.longest_wait_s, _FIRST_PROBE_S))

    @property
    def is_probing(self) -> bool:
        """Whether credentials were refused last: one call at a time is tried, after a wait."""
        return self._pause.probes > 0

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
        pause = (await self._store.pauses()).get(self._name, Pause())
        self._pause = replace(pause, until_ms=0) if pause.probes else pause

    async def pause_for_credentials(self, reason: str, *, now_ms: int) -> None:
        """Leave it alone until a probe passes: refused credentials are no fault of the event.

        Raises:
            StoreUnavailable: It is paused, and that could not be kept.
        """
        probes = self._pause.probes
        if not probes:
            _log.error(
                "a destination is paused; check its credentials",
                extra={"destination": self._name, "reason": reason},
            )
            self._telemetry.paused(self._name, "credentials")
        wait_s = min(self._settings.longest_wait_s, _FIRST_PROBE_S * 2 ** min(probes, _DOUBLINGS))
        await self._set(Pause(now_ms + int(wait_s * 1000), reason, probes + 1))

    async def pause_as_asked(self, wait_s: float, reason: str, *, now_ms: int) -> None:
        """Leave it alone for as long as its vendor asks; one that asks for less than it did changes nothing.

        Raises:
            StoreUnavailable: It is paused, and that could not be kept.
        """
        until_ms = now_ms + int(wait_s * 1000)
        if until_ms > max(now_ms, self.until_ms(now_ms)):
            self._telemetry.paused(self._name, "asked")
            await self._set(Pause(until_ms, reason, self._pause.probes))

    async def resume(self) -> None:
        """End a pause for credentials after a call that was let in.

        Raises:
            StoreUnavailable: It goes on, and that could not be kept.
        """
        if self._pause.probes:
            _log.info("a destination takes deliveries again", extra={"destination": self._name})
            await self._set(None)

    async def _set(self, pause: Pause | None) -> None:
        self._pause = pause or Pause()
        await self._store.set_pause(self._name, pause)
