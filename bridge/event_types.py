"""Keeps an account below the number of event types that its vendor allows.

A vendor that counts event types has no room for a new one when the account is full, and an event of a kind that is
full is lost there. So the names that were sent are kept in the store, where they outlast a restart and all bridges on
one database share them; a name that would be one too many goes to the dead letters instead.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from bridge.engagement import unix_ms

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from bridge.destinations import Destination
    from bridge.store import Delivery, Store

__all__ = ["NEARLY_FULL", "REASON", "EventTypes"]

_log: Final = logging.getLogger("bridge.delivery")
REASON: Final = "event_types_full"
"""Why a delivery is dead that would have been one event type too many."""
NEARLY_FULL: Final = 0.9
"""From this part of the limit on a new name is worth a warning."""


class EventTypes:
    """The event types of one destination."""

    def __init__(self, destination: Destination, *, store: Store, now: Callable[[], datetime]) -> None:
        self._destination = destination
        self._limit = destination.limits.event_types
        self._store = store
        self._now = now
        # A name that was admitted stays so: nobody takes one away.
        self._known: set[str] = set()

    async def sort_out(self, deliveries: Sequence[Delivery]) -> tuple[Sequence[Delivery], Sequence[Delivery]]:
        """Split deliveries into those that may be sent, and those whose event type would be one too many.

        Raises:
            StoreUnavailable: It is not known.
        """
        if not self._limit:
            return deliveries, ()
        types = [self._destination.event_type(each) for each in deliveries]
        new = [name for name in dict.fromkeys(types) if name not in self._known]
        if new:
            await self._admit(new)
        passed = [each for each, name in zip(deliveries, types, strict=True) if name in self._known]
        if len(passed) == len(deliveries):
            return deliveries, ()
        return passed, [each for each, name in zip(deliveries, types, strict=True) if name not in self._known]

    async def _admit(self, names: Sequence[str]) -> None:
        admission = await self._store.admit_names(
            self._destination.name, names, limit=self._limit, now_ms=unix_ms(self._now())
        )
        self._known |= admission.names
        if admission.used >= self._limit * NEARLY_FULL:
            _log.warning(
                "an account has little room for event types",
                extra={
                    "destination": self._destination.name,
                    "used": admission.used,
                    "limit": self._limit,
                },
            )
