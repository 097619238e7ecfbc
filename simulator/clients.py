"""Client libraries that reach past the loop are led back to it while a virtual loop is open.

* anyio (and so httpx) speaks TLS itself, over the bytes of a connection. No TLS is spoken in memory, so the
  one call that would begin it gives back connections in memory as they are. All others go through untouched.
* aiohttp resolves names with aiodns where that is installed, which asks real name servers. Connectors made
  on a virtual loop get aiohttp's other resolver, which asks the loop.
* aiohttp's connector keeps idle connections for 15 s by the machine's clock. On a virtual loop they would be
  kept for ever, be looked at every 15 s for days, and then be used in the very moment in which the server
  gives them up. There it asks the loop.
* Clients that read `HTTPS_PROXY` and its like from the environment would ask a proxy that does not exist in
  memory. Meanwhile `no_proxy=*` tells them to go straight to where they are sent.

All of it is undone when the last virtual loop closes.
"""

from __future__ import annotations

import asyncio
import functools
import os
import sys
import threading
from typing import TYPE_CHECKING, Any

from aiohttp import connector
from aiohttp.resolver import ThreadedResolver

from simulator.socket_stand_in import SocketStandIn

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["lead_anyio", "lead_back", "release"]

_connector: Any = connector  # the name that is exchanged there is not exported
_lock = threading.Lock()  # loops may be opened and closed in different threads
_open: set[asyncio.AbstractEventLoop] = set()
_undo: dict[str, Callable[[], None]] = {}


def lead_back(loop: asyncio.AbstractEventLoop) -> None:
    """Lead clients of a virtual loop back to it. `release` is its pair."""
    with _lock:
        _open.add(loop)
        if "names" not in _undo and _connector.DefaultResolver is not ThreadedResolver:
            _undo["names"] = _lead_names()
        if "idle" not in _undo:
            _undo["idle"] = _lead_idle_time()
        if "proxies" not in _undo:
            _undo["proxies"] = _lead_past_proxies()


def release(loop: asyncio.AbstractEventLoop) -> None:
    """Undo `lead_back` for a loop; the last one puts everything back."""
    with _lock:
        _open.discard(loop)
        while _undo and not _open:
            _undo.popitem()[1]()


def lead_anyio() -> None:
    """Lead anyio's TLS back, if somebody has imported anyio: called for every new connection of a virtual loop."""
    if "anyio" in _undo or "anyio.streams.tls" not in sys.modules:
        return
    with _lock:
        if _open and "anyio" not in _undo:
            _undo["anyio"] = _wrap_anyio(sys.modules["anyio.streams.tls"].TLSStream)


def _wrap_anyio(tls_stream: Any) -> Callable[[], None]:
    from anyio.abc import SocketAttribute  # noqa: PLC0415 - an optional dependency, and imported by somebody else

    original = tls_stream.__dict__["wrap"]

    async def wrap(cls: type[Any], /, transport_stream: Any, **options: Any) -> Any:
        if isinstance(transport_stream.extra(SocketAttribute.raw_socket, None), SocketStandIn):  # noqa: S610 - not Django's
            return transport_stream
        return await original.__get__(None, cls)(transport_stream, **options)

    tls_stream.wrap = classmethod(wrap)
    return functools.partial(setattr, tls_stream, "wrap", original)


def _lead_names() -> Callable[[], None]:
    original = _connector.DefaultResolver

    def resolver(loop: asyncio.AbstractEventLoop | None = None, *args: Any, **options: Any) -> Any:
        is_virtual = (loop or asyncio.get_running_loop()) in _open
        return ThreadedResolver(loop) if is_virtual else original(loop, *args, **options)

    _connector.DefaultResolver = resolver
    return functools.partial(setattr, _connector, "DefaultResolver", original)


def _lead_idle_time() -> Callable[[], None]:
    original = _connector.monotonic

    def monotonic() -> float:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return float(original())
        return loop.time() if loop in _open else float(original())

    _connector.monotonic = monotonic
    return functools.partial(setattr, _connector, "monotonic", original)


def _lead_past_proxies() -> Callable[[], None]:
    original = os.environ.get("no_proxy")

    def undo() -> None:
        if original is None:
            os.environ.pop("no_proxy", None)
        else:
            os.environ["no_proxy"] = original

    os.environ["no_proxy"] = "*"  # the lower-case name has precedence everywhere
    return undo
