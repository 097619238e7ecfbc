"""Pages for machines that look after a bridge: alive, ready, and how it does."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from bridge.answers import RETRY_AFTER_S, answer, unavailable
from bridge.desk import sum_up_destinations
from bridge.engagement import unix_ms
from bridge.errors import ExtraMissing, StoreUnavailable
from bridge.metrics import CONTENT_TYPE, expose
from bridge.store import OPEN, Pause

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from bridge.store import Counts, Store
    from bridge.telemetry import Telemetry

__all__ = ["Health", "View"]

_log: Final = logging.getLogger("bridge")
_PROBE: Final = "readyz"
"""A pause under this name is written and taken back: no destination is called so."""


@dataclass(frozen=True, slots=True)
class View:
    """How a bridge does.

    Attributes:
        is_taking: Whether webhooks are taken.
        last_counts: The counts when it last stopped.
        pause_reasons: Why each destination is left alone; an empty text when it is not.
    """

    is_taking: bool
    last_counts: Counts
    pause_reasons: Mapping[str, str]


class Health:
    """Answers `/healthz`, `/readyz` and `/metrics`."""

    def __init__(
        self, look: Callable[[], View], *, store: Store, telemetry: Telemetry, now: Callable[[], datetime]
    ) -> None:
        self._look = look
        self._store = store
        self._telemetry = telemetry
        self._now = now
        self._was_ready = True

    def add_to(self, app: web.Application) -> None:
        """Add the pages."""
        app.router.add_get("/healthz", self._health)
        app.router.add_get("/readyz", self._ready)
        app.router.add_get("/metrics", self._metrics)

    async def _health(self, _request: web.Request) -> web.Response:
        view = self._look()
        if not view.is_taking:
            return _stopped(view)
        try:
            counts, standings = await self._store.counts(), await self._store.standings(*OPEN)
        except StoreUnavailable:
            return _stopped(view)
        lines = sum_up_destinations(standings, now_ms=unix_ms(self._now()))
        destinations = {
            name: {
                "state": "paused" if reason else "open",
                "reason": reason,
                "pending": lines[name]["pending"] if name in lines else 0,
            }
            for name, reason in view.pause_reasons.items()
        }
        is_well = counts.is_balanced and all(each["state"] == "open" for each in destinations.values())
        return answer(
            200, status="ok" if is_well else "degraded", counts=counts.as_dict(), destinations=destinations
        )

    async def _ready(self, _request: web.Request) -> web.Response:
        """Say whether webhooks are taken and can be stored: something is really written, and taken back."""
        if not self._look().is_taking:
            return _not_ready("the bridge is not taking webhooks now")
        try:
            await self._store.set_pause(_PROBE, Pause(reason="written by /readyz"))
            await self._store.set_pause(_PROBE, None)
        except StoreUnavailable as error:
            if self._was_ready:
                _log.error("not ready: nothing can be stored", extra={"reason": str(error)})
            self._was_ready = False
            return _not_ready("nothing can be stored now")
        self._was_ready = True
        return answer(200, status="ready")

    async def _metrics(self, _request: web.Request) -> web.Response:
        try:
            standings: Any = ()
            event_types: Mapping[str, int] = {}
            if self._look().is_taking:
                standings, event_types = await self._store.standings(), await self._store.count_names()
            text = expose(
                self._telemetry.tally, standings, event_types=event_types, now_ms=unix_ms(self._now())
            )
        except StoreUnavailable:
            return unavailable("the store cannot be read now")
        except ExtraMissing as error:
            return answer(501, message=str(error))
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE})


def _stopped(view: View) -> web.Response:
    return answer(
        503, {"Retry-After": str(RETRY_AFTER_S)}, status="stopped", counts=view.last_counts.as_dict()
    )


def _not_ready(reason: str) -> web.Response:
    return answer(503, {"Retry-After": str(RETRY_AFTER_S)}, status="not ready", reason=reason)
