"""The bridge as a web application: five inlets, a health page, and the dispatchers behind them."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from aiohttp import ClientSession, web

from bridge.delivery import Dispatcher
from bridge.destinations import Guarantee, make_destinations
from bridge.engagement import SourceName, unix_ms
from bridge.errors import StoreUnavailable, Unauthentic, UnsupportedCall
from bridge.ingest import Ingest
from bridge.routing import Router
from bridge.sending import Sender
from bridge.sources import Incoming, make_sources
from bridge.store import OPEN, Counts, SqliteStore
from bridge.telemetry import Telemetry
from bridge.tracing import NO_SPANS, open_spans

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime
    from random import Random

    from bridge.destinations import Destination
    from bridge.settings import Settings
    from bridge.sources import Source
    from bridge.store import Store
    from bridge.telemetry import WebhookSeen

__all__ = ["ROUTES", "Bridge"]

_log: Final = logging.getLogger("bridge")
_RETRY_AFTER_S: Final = 5

ROUTES: Final = {
    "receiveCleverTapTrigger": ("/sources/clevertap/{secret}/campaigns/{campaignId}", SourceName.CLEVERTAP),
    "receiveMailmodoActivity": ("/sources/mailmodo/{secret}", SourceName.MAILMODO),
    "receiveMailjetEvents": ("/sources/mailjet", SourceName.MAILJET),
    "receiveCustomerIoEvent": ("/sources/customerio", SourceName.CUSTOMERIO),
    "receiveSegmentEvent": ("/sources/segment", SourceName.SEGMENT),
}
"""Path and source of each inlet, by the contract's `operationId`."""


class Bridge:
    """One customer's bridge.

    Serve `app`, then `start`; `stop` undoes it. A stopped bridge can be started again.

    Attributes:
        app: The web application; it answers 503 while the bridge is not started.
        settings: What it was told.
        telemetry: What is seen of it.
    """

    def __init__(self, settings: Settings, *, now: Callable[[], datetime], random: Random) -> None:
        """Make a bridge.

        Args:
            settings: What it is told.
            now: The time, an aware UTC instant.
            random: Where chance comes from: the jitter of back-off.
        """
        self.settings = settings
        self._now = now
        self._random = random
        self._sources = make_sources(settings)
        self._destinations = make_destinations(settings)
        self._router = Router(settings, self._destinations)
        self._store: Store = SqliteStore(settings.store_path)
        self._never_twice = _never_twice(self._destinations.values())
        self._is_retried = settings.mailmodo_uncertain == "retry"
        self.telemetry = Telemetry(open_spans() if settings.tracing else NO_SPANS)
        self._ingest = Ingest(self._store, self._router, wake=self._wake, telemetry=self.telemetry)
        self._dispatchers: dict[str, Dispatcher] = {}
        self._session: ClientSession | None = None
        self._is_taking = False
        self._busy = 0
        self._is_quiet = asyncio.Event()
        self._is_quiet.set()
        self._last_counts = Counts()
        self.app = self._make_app()

    async def start(self) -> None:
        """Open the store, settle what a former process left, and deliver what is due.

        Raises:
            StoreUnavailable: The store cannot be opened.
        """
        await self._store.open()
        left = await self._store.recover(
            self._never_twice, retry=self._is_retried, now_ms=unix_ms(self._now())
        )
        if left:
            _log.warning("deliveries were in flight when the bridge last ended", extra={"deliveries": left})
        self._session = ClientSession()
        sender = Sender(self._session, self.settings, self._now)
        self._dispatchers = {
            name: Dispatcher(
                destination,
                store=self._store,
                sender=sender,
                settings=self.settings,
                now=self._now,
                random=self._random,
                telemetry=self.telemetry,
            )
            for name, destination in self._destinations.items()
        }
        for dispatcher in self._dispatchers.values():
            dispatcher.start()
        self._is_taking = True

    async def stop(self) -> None:
        """Refuse webhooks, finish calls in flight, hand back what was not sent, and close the store."""
        if self._session is None:
            return
        self._is_taking = False
        grace_s = self.settings.stop_grace_s
        await asyncio.gather(*(dispatcher.stop(grace_s=grace_s) for dispatcher in self._dispatchers.values()))
        with suppress(TimeoutError):  # a webhook whose body never ends is cut off by the store's end
            await asyncio.wait_for(self._is_quiet.wait(), grace_s)
        await self._session.close()
        self._session = None
        with suppress(StoreUnavailable):  # whoever opens it next finds the claims
            await self._store.release(self._never_twice, retry=self._is_retried, now_ms=unix_ms(self._now()))
            self._last_counts = await self._store.counts()
        await self._store.close()

    async def counts(self) -> Counts:
        """Count what was accepted and what became of it; after a stop, as it was then.

        Raises:
            StoreUnavailable: The store cannot be read.
        """
        if self._session is None:
            return self._last_counts
        return await self._store.counts()

    def _make_app(self) -> web.Application:
        app = web.Application(client_max_size=self.settings.max_body_bytes)
        for path, source in ROUTES.values():
            app.router.add_post(path, self._inlet(source))
        app.router.add_get("/healthz", self._health)
        app.router.add_route("*", "/{path:.*}", _unknown)
        return app

    def _wake(self, destination: str) -> None:
        self._dispatchers[destination].wake()

    def _inlet(self, name: SourceName) -> Callable[[web.Request], Any]:
        async def receive(request: web.Request) -> web.Response:
            with self.telemetry.webhook(name) as seen:
                return await self._receive(self._sources[name], request, seen)

        return receive

    async def _receive(self, source: Source, request: web.Request, seen: WebhookSeen) -> web.Response:
        if not self._is_taking:
            seen.answered("unavailable")
            return _unavailable("the bridge is not taking webhooks now")
        if not source.is_on:
            seen.answered("source_off")
            return _answer(404, message=f"source {source.name} is not set up")
        self._busy += 1
        self._is_quiet.clear()
        try:
            incoming = Incoming(
                headers=request.headers,
                body=await request.read(),
                received_at=self._now(),
                secret=request.match_info.get("secret", ""),
                where=request.match_info.get("campaignId", ""),
            )
            source.authenticate(incoming)
            is_new = await self._ingest.take(source, incoming)
        except Unauthentic as error:
            seen.answered("unauthentic")
            return _answer(401, message=str(error))
        except UnsupportedCall as error:
            seen.answered("unsupported")
            return _answer(501, message=str(error))
        except web.HTTPRequestEntityTooLarge:
            seen.answered("too_large")
            return _answer(413, message=f"more than {self.settings.max_body_bytes} bytes")
        except StoreUnavailable as error:
            seen.answered("unavailable")
            _log.error("nothing can be stored", extra={"reason": str(error)})
            return _unavailable("nothing can be stored now")
        finally:
            self._busy -= 1
            if not self._busy:
                self._is_quiet.set()
        new = sum(is_new)
        seen.answered("stored" if new else "known", stored=new, known=len(is_new) - new)
        return _answer(200, stored=new, known=len(is_new) - new)

    async def _health(self, _request: web.Request) -> web.Response:
        if not self._is_taking:
            return _answer(
                503,
                {"Retry-After": str(_RETRY_AFTER_S)},
                status="stopped",
                counts=self._last_counts.as_dict(),
            )
        try:
            counts, standings = await self._store.counts(), await self._store.standings(*OPEN)
        except StoreUnavailable:
            return _answer(
                503,
                {"Retry-After": str(_RETRY_AFTER_S)},
                status="stopped",
                counts=self._last_counts.as_dict(),
            )
        waiting: Counter[str] = Counter()
        for each in standings:
            waiting[each.destination] += each.number
        destinations = {
            name: {
                "state": "paused" if dispatcher.pause_reason else "open",
                "reason": dispatcher.pause_reason,
                "pending": waiting[name],
            }
            for name, dispatcher in self._dispatchers.items()
        }
        is_well = counts.is_balanced and all(each["state"] == "open" for each in destinations.values())
        return _answer(
            200, status="ok" if is_well else "degraded", counts=counts.as_dict(), destinations=destinations
        )


def _never_twice(destinations: Iterable[Destination]) -> tuple[str, ...]:
    """Name the operations that must not be repeated when their end is unknown."""
    return tuple(
        sorted(
            operation
            for destination in destinations
            for operation, guarantee in destination.guarantees.items()
            if guarantee is Guarantee.NEVER_TWICE
        )
    )


async def _unknown(request: web.Request) -> web.Response:
    return _answer(404, message=f"nothing at {request.method} {request.path.split('/')[1][:40] or '/'}")


def _unavailable(message: str) -> web.Response:
    return _answer(503, {"Retry-After": str(_RETRY_AFTER_S)}, message=message)


def _answer(status: int, headers: dict[str, str] | None = None, /, **body: Any) -> web.Response:
    return web.Response(
        body=json.dumps(body, separators=(",", ":")).encode(),
        status=status,
        headers=headers,
        content_type="application/json",
    )
