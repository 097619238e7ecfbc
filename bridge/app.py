"""The bridge as a web application: inlets of five vendors, pages for operators, and the dispatchers behind them."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from aiohttp import ClientSession, TCPConnector, web

from bridge.admin import Admin
from bridge.answers import answer, unavailable
from bridge.delivery import Dispatcher
from bridge.desk import Desk, empty_line
from bridge.destinations import Guarantee, make_destinations
from bridge.engagement import SourceName
from bridge.errors import BodyTooLarge, InletOff, StoreUnavailable, Unauthentic
from bridge.health import Health, View
from bridge.housekeeping import Housekeeper
from bridge.ingest import Ingest
from bridge.routing import Router, load_table
from bridge.sending import USER_AGENT, Sender
from bridge.settings import table
from bridge.sources import Incoming, make_sources
from bridge.store import Counts, make_store
from bridge.tally import Reload
from bridge.telemetry import Telemetry
from bridge.texts import storable
from bridge.tracing import NO_SPANS, open_spans
from bridge.unpacking import unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime
    from random import Random

    from bridge.destinations import Destination
    from bridge.settings import Settings
    from bridge.sources import Source
    from bridge.telemetry import WebhookSeen

__all__ = ["ROUTES", "Bridge"]

_log: Final = logging.getLogger("bridge")

ROUTES: Final = {
    "receiveCleverTapTrigger": ("/sources/clevertap/{secret}/campaigns/{campaignId}", SourceName.CLEVERTAP),
    "receiveCleverTapTriggerWithBasic": ("/sources/clevertap/campaigns/{campaignId}", SourceName.CLEVERTAP),
    "receiveMailmodoActivity": ("/sources/mailmodo/{secret}", SourceName.MAILMODO),
    "receiveMailjetEvents": ("/sources/mailjet", SourceName.MAILJET),
    "receiveCustomerIoEvent": ("/sources/customerio", SourceName.CUSTOMERIO),
    "receiveSegmentEvent": ("/sources/segment", SourceName.SEGMENT),
    "receiveSegmentWebhook": ("/sources/segment/{secret}", SourceName.SEGMENT),
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

        Raises:
            SettingsInvalid: The routing table is wrong.
        """
        self._now = now
        self._random = random
        self._store = make_store(settings)
        self._store.listen(self._wake, self._repaused)
        self.telemetry = Telemetry(open_spans() if settings.tracing else NO_SPANS)
        self._table = load_table(settings.routing_file)
        self._take_up(settings)
        self._dispatchers: dict[str, Dispatcher] = {}
        self._housekeeper = Housekeeper(
            self._store,
            settings=lambda: self.settings,
            never_twice=lambda: self._never_twice,
            now=now,
            wake=self._wake_all,
        )
        self._session: ClientSession | None = None
        self._is_taking = False
        self._busy = 0
        self._is_quiet = asyncio.Event()
        self._is_quiet.set()
        self._last_counts = Counts()
        self._started_at: datetime | None = None
        self._changing = asyncio.Lock()
        self.app = self._make_app()

    async def start(self) -> None:
        """Open the store, settle what a former process left, and deliver what is due.

        Raises:
            StoreUnavailable: The store cannot be opened.
        """
        await self._store.open()
        try:
            await self._housekeeper.start()
        except BaseException:
            await self._store.close()
            raise
        headers = {"User-Agent": USER_AGENT}
        self._session = ClientSession(headers=headers)
        self._fresh = ClientSession(connector=TCPConnector(force_close=True), headers=headers)
        self._start_dispatchers(self._session)
        self._started_at = self._now()
        self._is_taking = True

    def _take_up(self, settings: Settings) -> None:
        """Make all that follows from settings alone."""
        self.settings = settings
        self._sources = make_sources(settings)
        self._destinations = make_destinations(settings)
        self._never_twice = _never_twice(self._destinations.values())
        router = Router(settings, self._destinations, table=self._table)
        self._ingest = Ingest(self._store, router, wake=self._wake, telemetry=self.telemetry)
        self._desk = Desk(
            self._store,
            ingest=self._ingest,
            sources=self._sources,
            destinations=self._destinations,
            now=self._now,
            wake=self._wake,
        )

    def _start_dispatchers(self, session: ClientSession) -> None:
        sender = Sender(session, self._fresh, settings=self.settings, now=self._now)
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

    async def _stop_dispatchers(self) -> None:
        grace_s = self.settings.stop_grace_s
        await asyncio.gather(*(dispatcher.stop(grace_s=grace_s) for dispatcher in self._dispatchers.values()))

    async def reload(self, settings: Settings) -> None:
        """Take up new settings while webhooks go on being taken; calls in flight end under the old ones.

        What needs a restart stays as it is, and the log says so.

        Raises:
            SettingsInvalid: The routing table is wrong; nothing is changed.
        """
        table_ = load_table(settings.routing_file)
        async with self._changing:
            old = self.settings
            changed = [row for row in table() if getattr(old, row.name) != getattr(settings, row.name)]
            kept = [row.name for row in changed if row.needs_restart]
            taken = [row.name for row in changed if not row.needs_restart]
            for name in kept:
                _log.warning("a changed setting needs a restart", extra={"setting": name})
            is_rerouted, self._table = table_ != self._table, table_
            self._take_up(replace(settings, **{name: getattr(old, name) for name in kept}))
            if self._session is not None and taken:
                await self._stop_dispatchers()
                self._start_dispatchers(self._session)
            told = [*taken, *(["the routing table"] if is_rerouted else [])]
            _log.info("settings were read again", extra={"changed": " ".join(told) or "nothing"})
            self.telemetry.tally.add_reload(Reload(at=self._now(), needs_restart=tuple(kept)))

    def refuse_reload(self, *problems: str) -> None:
        """Remember that settings could not be read again and stay as they were, and why; `status` shows it."""
        self.telemetry.tally.add_reload(Reload(at=self._now(), problems=problems))

    async def stop(self) -> None:
        """Refuse webhooks, finish calls in flight, hand back what was not sent, and close the store."""
        self._is_taking = False
        async with self._changing:
            if self._session is not None:
                await self._stop(self._session)

    async def _stop(self, session: ClientSession) -> None:
        # Side by side: whoever supervises the process allows for one grace, not for two.
        await asyncio.gather(self._stop_dispatchers(), self._wait_for_webhooks())
        await session.close()
        await self._fresh.close()
        self._session = None
        await self._housekeeper.stop()
        with suppress(StoreUnavailable):
            self._last_counts = await self._store.counts()
        await self._store.close()

    async def _wait_for_webhooks(self) -> None:
        with suppress(TimeoutError):  # one whose body never ends is cut off by the store's end
            await asyncio.wait_for(self._is_quiet.wait(), self.settings.stop_grace_s)

    async def counts(self) -> Counts:
        """Count what was accepted and what became of it; after a stop, as it was then.

        Raises:
            StoreUnavailable: The store cannot be read.
        """
        if self._session is None:
            return self._last_counts
        return await self._store.counts()

    async def status(self) -> dict[str, Any]:
        """Say how the bridge does, for an operator.

        Raises:
            StoreUnavailable: The store cannot be read.
        """
        found = await self._desk.status()
        began, reload = self._started_at, self.telemetry.tally.last_reload
        found |= {
            "state": "taking" if self._is_taking else "stopping",
            "running_s": round((self._now() - began).total_seconds(), 3) if began else 0.0,
            "sources": self._source_lines(),
            "reload": reload.as_dict() if reload else None,
        }
        lines = found["destinations"]
        for name, dispatcher in self._dispatchers.items():
            line = lines.setdefault(name, empty_line())
            reason = dispatcher.pause_reason
            line |= {"state": "paused" if reason else "open", "reason": reason}
        for name in lines.keys() - self._dispatchers.keys():
            lines[name]["state"] = "off"
        return found

    def _source_lines(self) -> dict[str, dict[str, Any]]:
        """Say of each source whether it is on, and what was answered since the start."""
        lines: dict[str, dict[str, Any]] = {}
        for name, source in self._sources.items():
            answers = {
                verdict: number
                for (about, verdict), number in self.telemetry.tally.ingest.items()
                if about == name
            }
            stored, known = answers.pop("stored", 0), answers.pop("known", 0)
            refused = sum(answers.values())
            lines[name] = {"on": source.is_on, "stored": stored, "known": known, "refused": refused}
        return lines

    def _look(self) -> View:
        reasons = {name: dispatcher.pause_reason for name, dispatcher in self._dispatchers.items()}
        return View(self._is_taking, self._last_counts, reasons)

    def _make_app(self) -> web.Application:
        app = web.Application(
            client_max_size=self.settings.max_body_bytes,
            handler_args={"auto_decompress": False},  # signatures cover what was sent
        )
        for path, source in ROUTES.values():
            app.router.add_post(path, self._inlet(source))
        Health(self._look, store=self._store, telemetry=self.telemetry, now=self._now).add_to(app)
        Admin(
            token=lambda: self.settings.admin_token,
            desk=lambda: self._desk if self._session else None,
            status=self.status,
        ).add_to(app)
        app.router.add_route("*", r"/{path:[\s\S]*}", _unknown)  # a path may have an encoded line break
        return app

    def _wake(self, destination: str) -> None:
        dispatcher = self._dispatchers.get(destination)
        if dispatcher is not None:  # none yet for a destination that a reload is turning on: it starts awake
            dispatcher.wake()

    def _repaused(self, destination: str) -> None:
        dispatcher = self._dispatchers.get(destination)
        if dispatcher is not None:
            dispatcher.repaused()

    def _wake_all(self) -> None:
        for dispatcher in self._dispatchers.values():
            dispatcher.wake()

    def _inlet(self, name: SourceName) -> Callable[[web.Request], Any]:
        async def receive(request: web.Request) -> web.Response:
            with self.telemetry.webhook(name) as seen:
                return await self._receive(self._sources[name], request, seen)

        return receive

    async def _receive(self, source: Source, request: web.Request, seen: WebhookSeen) -> web.Response:
        if not self._is_taking:
            seen.answered("unavailable")
            return unavailable("the bridge is not taking webhooks now")
        if not source.is_on:
            seen.answered("source_off")
            return answer(404, message=f"source {source.name} is not set up")
        self._busy += 1
        self._is_quiet.clear()
        try:
            where = storable(request.match_info.get("campaignId", ""))
            incoming = Incoming(
                headers=request.headers,
                body=await request.read(),
                received_at=self._now(),
                secret=request.match_info.get("secret", ""),
                where=where,
            )
            source.authenticate(incoming)
            if encoding := request.headers.get("Content-Encoding"):
                body = unpack(incoming.body, encoding, largest=self.settings.max_body_bytes)
                incoming = replace(incoming, body=body)
            is_new = await self._ingest.take(source, incoming)
        except InletOff as error:
            seen.answered("source_off")
            return answer(404, message=str(error))
        except Unauthentic as error:
            seen.answered("unauthentic")
            return answer(401, message=str(error))
        except (web.HTTPRequestEntityTooLarge, BodyTooLarge):
            seen.answered("too_large")
            return answer(413, message=f"more than {self.settings.max_body_bytes} bytes")
        except (web.RequestPayloadError, ConnectionError):
            seen.answered("broken_off")  # whoever hangs up is no error of the bridge
            return answer(400, message="the body broke off")
        except StoreUnavailable as error:
            seen.answered("unavailable")
            _log.error("nothing can be stored", extra={"reason": str(error)})
            return unavailable("nothing can be stored now")
        finally:
            self._busy -= 1
            if not self._busy:
                self._is_quiet.set()
        self._housekeeper.touch()
        new = sum(is_new)
        seen.answered("stored" if new else "known", stored=new, known=len(is_new) - new)
        return answer(200, stored=new, known=len(is_new) - new)


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
    return answer(404, message=f"nothing at {request.method} {request.path.split('/')[1][:40] or '/'}")
