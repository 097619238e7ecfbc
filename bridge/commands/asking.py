"""Where an operator's command finds its bridge: at a URL, where the settings say, or in the store itself.

A running bridge is asked over its admin API. Where none runs, the store is opened directly, and is then this
command's alone as long as it changes something.
"""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import click

from bridge.admin import ADMIN_ROUTES
from bridge.desk import Desk
from bridge.destinations import make_destinations
from bridge.errors import BridgeError, StoreUnavailable
from bridge.ingest import Ingest
from bridge.real_environment import now
from bridge.routing import Router, load_table
from bridge.sources import make_sources
from bridge.store import file_of, make_store
from bridge.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from bridge.desk import Selection
    from bridge.settings import Settings

__all__ = ["BAD_INPUT", "AskFailed", "RemoteDesk", "ask", "bridge_options"]

BAD_INPUT: Final = 2
_TIMEOUT: Final = aiohttp.ClientTimeout(total=60, connect=5)


class AskFailed(BridgeError):
    """A bridge cannot be asked; the message says why and what to do."""


class RemoteDesk:
    """A running bridge, asked over its admin API; see `Desk` for what each question means."""

    def __init__(self, session: aiohttp.ClientSession, url: str, token: str) -> None:
        self._session = session
        self._url = url.rstrip("/")
        self._token = token

    async def status(self) -> dict[str, Any]:
        """Ask how it does."""
        return await self._ask("adminStatus")

    async def find(
        self, states: tuple[str, ...], *, destination: str = "", reason: str = "", after: int = 0, limit: int
    ) -> dict[str, Any]:
        """Ask for a page of deliveries."""
        query = [("state", state) for state in states]
        query += [
            ("destination", destination),
            ("reason", reason),
            ("after", str(after)),
            ("limit", str(limit)),
        ]
        return await self._ask("adminListDeliveries", query=query)

    async def show(self, delivery_id: int) -> dict[str, Any] | None:
        """Ask for one delivery."""
        try:
            return await self._ask("adminShowDelivery", delivery_id=delivery_id)
        except _NotThere:
            return None

    async def requeue(self, selection: Selection) -> dict[str, Any]:
        """Have dead deliveries sent again."""
        return await self._ask("adminRequeue", body=_body(selection))

    async def discard(self, selection: Selection, states: tuple[str, ...] = ()) -> dict[str, Any]:
        """Have deliveries given up."""
        return await self._ask(
            "adminDiscard", body=_body(selection) | ({"states": list(states)} if states else {})
        )

    async def resolve(self, selection: Selection, resolution: str) -> dict[str, Any]:
        """Decide what became of uncertain deliveries."""
        return await self._ask("adminResolve", body=_body(selection) | {"as": resolution})

    async def replay(self, selection: Selection) -> dict[str, Any]:
        """Have quarantined webhooks read anew."""
        return await self._ask("adminReplay", body=_body(selection))

    async def conserve(self) -> dict[str, Any]:
        """Ask whether the books balance."""
        return await self._ask("adminConserve")

    async def _ask(
        self,
        operation: str,
        *,
        query: list[tuple[str, str]] | None = None,
        body: dict[str, Any] | None = None,
        delivery_id: int = 0,
    ) -> dict[str, Any]:
        method, path = ADMIN_ROUTES[operation]
        url = self._url + path.replace("{deliveryId}", str(delivery_id))
        headers = {"Authorization": f"Bearer {self._token}"}
        try:
            async with self._session.request(
                method, url, params=query, json=body, headers=headers, timeout=_TIMEOUT
            ) as response:
                text = await response.read()
                status = response.status
        except (aiohttp.ClientError, TimeoutError) as error:
            raise AskFailed(
                f"{self._url}: no answer ({str(error) or 'timed out'}); is a bridge running there?"
            ) from error
        try:
            found = json.loads(text)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise AskFailed(f"{self._url}: answered {status} as no bridge does; is that its URL?")
        if status == 200:
            return found
        message = str(found.get("message", "no reason given"))
        if status == 404 and delivery_id and "there is no delivery" in message:
            raise _NotThere(message)
        hint = "; set admin_token or BRIDGE_ADMIN_TOKEN to the bridge's own" if status == 401 else ""
        raise AskFailed(f"{self._url}: answered {status}: {message}{hint}")


class _NotThere(AskFailed):
    """There is no delivery of that number."""


def bridge_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of a command that asks a bridge: where it is, and how to print."""
    command = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")(command)
    return click.option(
        "--url",
        envvar="BRIDGE_URL",
        default="",
        metavar="URL",
        help="A running bridge. Without it: the one at the settings' host and port; if none answers, the store itself."
        "  [env: BRIDGE_URL]",
    )(command)


def ask(
    settings: Settings,
    url: str,
    question: Callable[[Desk | RemoteDesk], Awaitable[dict[str, Any] | None]],
    *,
    changes: bool = False,
) -> dict[str, Any] | None:
    """Ask a bridge, or its store, one question; end the program with code 2 when that is not possible.

    Args:
        settings: Where the bridge and its store are, and the token.
        url: A bridge's URL; empty to look for it.
        question: What is asked.
        changes: Whether the question changes something.
    """

    async def run() -> dict[str, Any] | None:
        async with _open(settings, url, changes=changes) as desk:
            return await question(desk)

    try:
        return asyncio.run(run())
    except (AskFailed, StoreUnavailable) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(BAD_INPUT)


@asynccontextmanager
async def _open(settings: Settings, url: str, *, changes: bool) -> AsyncIterator[Desk | RemoteDesk]:
    async with aiohttp.ClientSession() as session:
        if url and not settings.admin_token:
            raise AskFailed(
                f"{url}: wanted a token; set admin_token or BRIDGE_ADMIN_TOKEN to the bridge's own"
            )
        if not url and settings.admin_token:
            url = await _find(session, settings)
        if url:
            yield RemoteDesk(session, url, settings.admin_token)
            return
    store = make_store(settings)
    if (why := _why_nothing_to_see(settings)) is not None:
        raise AskFailed(f"store: {why}; give --url, or the settings of a bridge that has run")
    # What changes a store that only one bridge can serve claims it, so that no bridge serves it meanwhile.
    is_alone = changes and not store.is_shared
    try:
        await store.open(is_serving=is_alone)
    except StoreUnavailable as error:
        if is_alone and "another bridge" in str(error):
            raise AskFailed(
                f"{error.__cause__ or error}: ask that bridge: give it an admin_token, and this command the same and --url"
            ) from error
        raise
    try:
        sources, destinations = make_sources(settings), make_destinations(settings)
        ingest = Ingest(
            store,
            Router(settings, destinations, table=load_table(settings.routing_file)),
            wake=_nobody,
            telemetry=Telemetry(),
        )
        yield Desk(store, ingest=ingest, sources=sources, destinations=destinations, now=now, wake=_nobody)
    finally:
        await store.close()


def _why_nothing_to_see(settings: Settings) -> str | None:
    """Say why a store cannot be looked into; None when it can. A look must not make one that is empty."""
    if settings.store_dsn:
        return None
    file = file_of(settings)
    if file is None:
        return "no bridge answers, and store_path is :memory:, which nobody else can see"
    return None if file.exists() else f"no bridge answers, and there is no {file}"


def _nobody(_destination: str) -> None:
    """No dispatcher runs here; a bridge looks for itself when it starts, and a shared store tells it."""


async def _find(session: aiohttp.ClientSession, settings: Settings) -> str:
    """Find a bridge where the settings would have one listen; empty when nothing answers there."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)  # noqa: S104 - not bound to
    url = f"http://{host}:{settings.port}"
    if not settings.port:
        return ""
    try:
        async with session.get(f"{url}/admin/status", timeout=aiohttp.ClientTimeout(total=5)):
            return url
    except (aiohttp.ClientError, TimeoutError):
        return ""


def _body(selection: Selection) -> dict[str, Any]:
    if selection.ids is not None:
        return {"ids": list(selection.ids)}
    given = {"destination": selection.destination, "reason": selection.reason}
    return {name: text for name, text in given.items() if text} or {"all": True}
