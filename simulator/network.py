"""Networks that apps are served on: in memory, or real sockets on this machine, behind one interface.

In the virtual network the vendors' real host names are the fakes, over http and https. On loopback each app
has a port of its own, and code under test is told the URL.
"""

from __future__ import annotations

import asyncio
import errno
import logging
from typing import TYPE_CHECKING, Protocol

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from simulator.errors import HostTaken, HostUnknown, PortTaken
from simulator.loopback_listener import LoopbackListener
from simulator.wire import HTTPS_PORT, acting_as

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from simulator.wire import MemoryServer
    from simulator.wired import WiredLoop

    App = web.Application | Callable[..., web.Server]
    """What is served: an application, or what makes a server with aiohttp's options (`Fake.make_server`)."""

__all__ = ["LoopbackNetwork", "Network", "VirtualNetwork", "acting_as"]

_HTTP_PORT = 80
_KEEPALIVE_S = 3600.0
_SHUTDOWN_S = 1.0


def _is_ours(record: logging.LogRecord) -> bool:
    """Tell what goes wrong here from a client that speaks no HTTP: it is told so, and nobody else wants a traceback."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


_log = logging.getLogger("aiohttp.server.journeylab")  # a child of the one that it would be
_log.addFilter(_is_ours)


class Network(Protocol):
    """Where apps are served and found."""

    async def serve(self, app: App, hosts: Sequence[str]) -> None:
        """Serve an app under host names, the main one first; `close` is its pair.

        Raises:
            HostTaken: One of the names is served already.
            PortTaken: A wanted port of this machine is in use.
        """

    def url(self, host: str) -> str:
        """Give the base URL of a host, without a trailing slash.

        Raises:
            HostUnknown: No app is served under the name, and only serving gives it a URL.
        """

    def shut(self, host: str) -> None:
        """Have connections refused by whoever is served under a name, under all its names; open ones go on.

        Raises:
            HostUnknown: No app is served under the name.
        """

    def reopen(self, host: str) -> None:
        """Undo `shut`.

        Raises:
            HostUnknown: No app is served under the name.
        """

    async def close(self) -> None:
        """Stop serving; requests under way get a second to end."""


class VirtualNetwork:
    """Serves apps in memory on a virtual loop, under the host names that production code uses.

    What an app does, and what its handlers begin, happens on its main host (see `acting_as`).

    Args:
        loop: The loop; several networks may share it.
    """

    def __init__(self, loop: WiredLoop) -> None:
        self._wire = loop.wire
        self._runners: list[web.BaseRunner] = []
        self._servers: dict[str, list[MemoryServer]] = {}

    async def serve(self, app: App, hosts: Sequence[str]) -> None:
        """Serve an app under host names, on ports 80 and 443.

        Raises:
            HostTaken: One of the names is served already.
        """
        addresses = [self._wire.names.address_of(host) for host in hosts]
        for host, address in zip(hosts, addresses, strict=True):
            if self._wire.listener_at((address, HTTPS_PORT)) or self._wire.listener_at((address, _HTTP_PORT)):
                raise HostTaken(host)
        with acting_as(hosts[0]):
            runner = await _set_up(app, self._runners)
            servers = []
            for address in addresses:
                for port in (_HTTP_PORT, HTTPS_PORT):
                    await web.TCPSite(runner, address, port).start()
                    server = self._wire.listener_at((address, port))
                    assert server is not None  # noqa: S101 - it was started in the line above
                    servers.append(server)
        self._servers.update(dict.fromkeys(hosts, servers))

    def url(self, host: str) -> str:
        """Give the base URL of a host: `https://` and its name."""
        return f"https://{host}"

    def set_latency(
        self, latency_s: float, *, sender: str | None = None, receiver: str | None = None
    ) -> None:
        """Set how long bytes travel from one host to another, at once and for open connections too.

        Args:
            latency_s: Seconds, 0 or more.
            sender: Name of the host they leave; None for any.
            receiver: Name of the host they reach; None for any.

        Raises:
            ValueError: It is negative or no number.
        """
        self._wire.links.set_latency(latency_s, sender=sender, receiver=receiver)

    def shut(self, host: str) -> None:
        """Have connections refused by whoever is served under a name; open ones go on.

        Raises:
            HostUnknown: No app is served under the name.
        """
        for server in self._servers_of(host):
            server.stop_serving()

    def reopen(self, host: str) -> None:
        """Undo `shut`.

        Raises:
            HostUnknown: No app is served under the name.
        """
        for server in self._servers_of(host):
            server.resume_serving()

    def _servers_of(self, host: str) -> list[MemoryServer]:
        try:
            return self._servers[host]
        except KeyError:
            raise HostUnknown(host, list(self._servers)) from None

    async def close(self) -> None:
        """Stop serving; requests under way get a second to end. The names stay known: they refuse connections."""
        self._servers.clear()
        await _clean_up(self._runners)


class LoopbackNetwork:
    """Serves apps on real sockets of this machine, one port each.

    Args:
        host: The address to listen at.
        ports: Wanted ports by the main host name of an app; others get any free one.
    """

    def __init__(self, host: str = "127.0.0.1", ports: Mapping[str, int] | None = None) -> None:
        self._host = host
        self._ports = dict(ports or {})
        self._listeners: dict[str, LoopbackListener] = {}
        self._runners: list[web.BaseRunner] = []

    async def serve(self, app: App, hosts: Sequence[str]) -> None:
        """Serve an app on one port for all its host names.

        Raises:
            HostTaken: One of the names is served already.
            PortTaken: The wanted port is in use.
        """
        for host in hosts:
            if host in self._listeners:
                raise HostTaken(host)
        wanted = self._ports.get(hosts[0], 0)
        with acting_as(hosts[0]):
            runner = await _set_up(app, self._runners)
            server = runner.server
            assert server is not None  # noqa: S101 - a runner that is set up has one
            try:
                listener = LoopbackListener(server, self._host, wanted)
                await listener.start()
            except OSError as error:
                if error.errno not in {errno.EADDRINUSE, errno.EACCES}:
                    raise
                raise PortTaken(hosts[0], address=self._host, port=wanted) from error
        self._listeners.update(dict.fromkeys(hosts, listener))

    def url(self, host: str) -> str:
        """Give the base URL of a host: the address and port of its app.

        Raises:
            HostUnknown: No app is served under the name.
        """
        listener = self._listener_of(host)
        return f"http://{listener.host}:{listener.port}"

    def shut(self, host: str) -> None:
        """Have connections refused by whoever is served under a name; open ones go on.

        Raises:
            HostUnknown: No app is served under the name.
        """
        self._listener_of(host).shut()

    def reopen(self, host: str) -> None:
        """Undo `shut`.

        Raises:
            HostUnknown: No app is served under the name.
        """
        self._listener_of(host).reopen()

    def _listener_of(self, host: str) -> LoopbackListener:
        try:
            return self._listeners[host]
        except KeyError:
            raise HostUnknown(host, list(self._listeners)) from None

    async def close(self) -> None:
        """Stop serving; requests under way get a second to end."""
        listeners = dict.fromkeys(self._listeners.values())
        self._listeners.clear()
        for listener in listeners:
            await listener.close()
        await _clean_up(self._runners)


async def _set_up(app: App, runners: list[web.BaseRunner]) -> web.BaseRunner:
    # The journal is the log, Ctrl-C belongs to whoever runs the world, and idle connections cost nothing.
    runner: web.BaseRunner
    if isinstance(app, web.Application):
        runner = web.AppRunner(
            app,
            access_log=None,
            logger=_log,
            handle_signals=False,
            keepalive_timeout=_KEEPALIVE_S,
            shutdown_timeout=_SHUTDOWN_S,
        )
    else:
        server = app(access_log=None, logger=_log, keepalive_timeout=_KEEPALIVE_S)
        runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=_SHUTDOWN_S)
    runners.append(runner)
    await runner.setup()
    return runner


async def _clean_up(runners: list[web.BaseRunner]) -> None:
    # Side by side: each may wait its second, and apps call each other while they end.
    ending = [runner.cleanup() for runner in runners]
    runners.clear()
    await asyncio.gather(*ending)
