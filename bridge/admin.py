"""The admin API: what an operator asks and decides, behind a bearer token.

It is off while no token is set. Answers hold what webhooks said about people, so that the token is worth as much as
the store itself.
"""

from __future__ import annotations

import hmac
import json
from typing import TYPE_CHECKING, Any, Final

from bridge.answers import answer, unavailable
from bridge.desk import RESOLUTIONS, Selection
from bridge.errors import BridgeError, StoreUnavailable
from bridge.store import State
from bridge.texts import storable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp import web

    from bridge.desk import Desk

    _Handler = Callable[[web.Request, Desk], Awaitable[web.Response]]

__all__ = ["ADMIN_ROUTES", "Admin"]

_MOST_LISTED: Final = 1000
_USUALLY_LISTED: Final = 100

ADMIN_ROUTES: Final = {
    "adminStatus": ("GET", "/admin/status"),
    "adminListDeliveries": ("GET", "/admin/deliveries"),
    "adminShowDelivery": ("GET", "/admin/deliveries/{deliveryId}"),
    "adminRequeue": ("POST", "/admin/requeue"),
    "adminDiscard": ("POST", "/admin/discard"),
    "adminResolve": ("POST", "/admin/resolve"),
    "adminReplay": ("POST", "/admin/replay"),
    "adminConserve": ("GET", "/admin/conserve"),
}
"""Method and path of each operation, by the contract's `operationId`."""


class _Misasked(BridgeError):
    """A question that cannot be answered as it was asked; the message says what was found and wanted."""


class Admin:
    """Answers an operator's questions."""

    def __init__(
        self,
        *,
        token: Callable[[], str],
        desk: Callable[[], Desk | None],
        status: Callable[[], Awaitable[dict[str, Any]]],
    ) -> None:
        """Answer for a bridge.

        Args:
            token: Gives the token that is wanted now; an empty one when the API is off.
            desk: Gives the desk; None while the bridge is stopped.
            status: Says how the running bridge does.
        """
        self._token = token
        self._desk = desk
        self._status = status

    def add_to(self, app: web.Application) -> None:
        """Add every operation."""
        handlers: dict[str, _Handler] = {
            "adminStatus": self._show_status,
            "adminListDeliveries": _list,
            "adminShowDelivery": _show,
            "adminRequeue": _requeue,
            "adminDiscard": _discard,
            "adminResolve": _resolve,
            "adminReplay": _replay,
            "adminConserve": _conserve,
        }
        for operation, (method, path) in ADMIN_ROUTES.items():
            app.router.add_route(method, path, self._guarded(handlers[operation]))

    def _guarded(self, handler: _Handler) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            token = self._token()
            if not token:
                return answer(404, message="the admin API is off; set admin_token to turn it on")
            scheme, _, given = request.headers.get("Authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not hmac.compare_digest(
                given.strip().encode("utf-8", "surrogateescape"), token.encode()
            ):
                return answer(401, {"WWW-Authenticate": "Bearer"}, message="wanted the admin token as bearer")
            desk = self._desk()
            if desk is None:
                return unavailable("the bridge is stopped")
            try:
                return await handler(request, desk)
            except _Misasked as error:
                return answer(400, message=str(error))
            except StoreUnavailable:
                return unavailable("the store is not available now")

        return handle

    async def _show_status(self, _request: web.Request, _desk: Desk) -> web.Response:
        return answer(200, **await self._status())


async def _list(request: web.Request, desk: Desk) -> web.Response:
    query = request.query
    return answer(
        200,
        **await desk.find(
            _states(query.getall("state", [])),
            destination=storable(query.get("destination", "")),
            reason=query.get("reason", ""),
            after=_number("after", query.get("after", "0"), least=0),
            limit=min(_number("limit", query.get("limit", str(_USUALLY_LISTED)), least=1), _MOST_LISTED),
        ),
    )


async def _show(request: web.Request, desk: Desk) -> web.Response:
    delivery_id = _number("deliveryId", request.match_info["deliveryId"], least=1)
    found = await desk.show(delivery_id)
    return (
        answer(404, message=f"there is no delivery {delivery_id}") if found is None else answer(200, **found)
    )


async def _requeue(request: web.Request, desk: Desk) -> web.Response:
    body = await _read(request, "ids", "all", "destination", "reason")
    return answer(200, **await desk.requeue(_selection(body)))


async def _discard(request: web.Request, desk: Desk) -> web.Response:
    body = await _read(request, "ids", "all", "destination", "reason", "states")
    return answer(200, **await desk.discard(_selection(body), _states(body.get("states", []))))


async def _resolve(request: web.Request, desk: Desk) -> web.Response:
    body = await _read(request, "ids", "all", "destination", "reason", "as")
    resolution = body.get("as")
    if resolution not in RESOLUTIONS:
        raise _Misasked(f"as: found {resolution!r}, wanted {' or '.join(RESOLUTIONS)}")
    return answer(200, **await desk.resolve(_selection(body), resolution))


async def _replay(request: web.Request, desk: Desk) -> web.Response:
    body = await _read(request, "ids", "all", "destination", "reason")
    return answer(200, **await desk.replay(_selection(body)))


async def _conserve(_request: web.Request, desk: Desk) -> web.Response:
    return answer(200, **await desk.conserve())


async def _read(request: web.Request, *known: str) -> dict[str, Any]:
    try:
        body = json.loads(await request.read())
    except (ValueError, RecursionError):
        raise _Misasked("the body: found no JSON, wanted an object of JSON") from None
    if not isinstance(body, dict):
        raise _Misasked(f"the body: found {type(body).__name__}, wanted an object of JSON")
    for name in body:
        if name not in known:
            raise _Misasked(f"{name}: found a name that is not known here, wanted one of {', '.join(known)}")
    return body


def _selection(body: dict[str, Any]) -> Selection:
    ids = body.get("ids")
    if ids is not None:
        if not isinstance(ids, list) or not all(type(each) is int and 0 < each < 2**63 for each in ids):
            raise _Misasked("ids: wanted a list of numbers of deliveries")
        return Selection(ids=tuple(ids))
    texts = {name: body.get(name, "") for name in ("destination", "reason")}
    for name, text in texts.items():
        if not isinstance(text, str):
            raise _Misasked(f"{name}: found {text!r}, wanted a text")
    if body.get("all") is not True and not any(texts.values()):
        raise _Misasked('the body: wanted "ids", "destination" or "reason", or "all": true for every one')
    return Selection(destination=storable(texts["destination"]), reason=storable(texts["reason"]))


def _states(names: Any) -> tuple[State, ...]:
    if not isinstance(names, list):
        raise _Misasked(f"states: found {names!r}, wanted a list of states")
    try:
        return tuple(State(name) for name in names)
    except ValueError as error:
        raise _Misasked(f"state: {error}, wanted one of {', '.join(State)}") from None


def _number(name: str, text: str, *, least: int) -> int:
    if text.isascii() and text.isdigit() and len(text) < 19 and int(text) >= least:
        return int(text)
    raise _Misasked(f"{name}: found {text!r}, wanted a whole number from {least} on")
