"""The network in memory: who listens where, and how connections come about."""

from __future__ import annotations

import asyncio
import errno
import os
from contextlib import contextmanager
from contextvars import Context, ContextVar, copy_context
from typing import TYPE_CHECKING, Any

from simulator.link import Link, Links
from simulator.names import EVERYWHERE, LOCALHOST, LOOPBACK, Address, Names, plain, unknown_host
from simulator.socket_stand_in import SocketStandIn
from simulator.transport import MemoryTransport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


__all__ = ["HTTPS_PORT", "MemoryServer", "TlsStandIn", "Wire", "acting_as"]

HTTPS_PORT = 443
_FIRST_EPHEMERAL_PORT = 49152
_PORTS = 65536

_actor: ContextVar[str] = ContextVar("actor", default=LOCALHOST)


@contextmanager
def acting_as(name: str) -> Iterator[None]:
    """Say on which host the code inside runs: connections it opens come from there.

    Tasks started inside keep the name. A pooled connection keeps the name under which it was opened.
    """
    token = _actor.set(name)
    try:
        yield
    finally:
        _actor.reset(token)


class TlsStandIn:
    """Stands where a server looks for its TLS context to learn that a request came by https."""


class MemoryServer(asyncio.AbstractServer):
    """Listens on one or more addresses in memory; what `create_server` gives."""

    def __init__(
        self,
        wire: Wire,
        addresses: Sequence[Address],
        factory: Callable[[], asyncio.BaseProtocol],
        *,
        tls: object,
    ) -> None:
        self._wire = wire
        self._addresses = tuple(addresses)
        self._factory = factory
        self._tls = tls
        # Connections run in the context of who listens, as with real sockets, never in that of who connects.
        self._context: Context = copy_context()
        self._open: dict[MemoryTransport, None] = {}  # a dict keeps order; `close_clients` is observable
        self._done: asyncio.Event = asyncio.Event()
        self._is_closed = False

    @property
    def sockets(self) -> tuple[SocketStandIn, ...]:
        """Stand-ins for the listening sockets; none once closed."""
        if self._is_closed:
            return ()
        return tuple(self._wire.socket_at(address) for address in self._addresses)

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """Give the loop it listens on."""
        return self._wire.loop

    def is_serving(self) -> bool:
        """Say whether it takes connections."""
        return not self._is_closed and all(self._wire.listener_at(a) is self for a in self._addresses)

    async def start_serving(self) -> None:
        """Take connections; does nothing when it does already.

        Raises:
            OSError: An address is in use.
        """
        self.resume_serving()

    def stop_serving(self) -> None:
        """Refuse connections until `resume_serving`; open ones go on."""
        self._wire.unlisten(self)

    def resume_serving(self) -> None:
        """Undo `stop_serving`; does nothing once closed.

        Raises:
            OSError: An address is in use.
        """
        if not self._is_closed:
            self._wire.listen(self._addresses, self)

    async def serve_forever(self) -> None:
        """Take connections until cancelled."""
        await self.start_serving()
        try:
            await self._wire.loop.create_future()
        finally:
            self.close()

    def close(self) -> None:
        """Take no more connections; open ones go on."""
        if self._is_closed:
            return
        self._is_closed = True
        self._wire.unlisten(self)
        if not self._open:
            self._done.set()

    def close_clients(self) -> None:
        """Close every open connection."""
        for transport in list(self._open):
            transport.close()

    def abort_clients(self) -> None:
        """Abort every open connection."""
        for transport in list(self._open):
            transport.abort()

    async def wait_closed(self) -> None:
        """Wait until it is closed and its last connection is over, as CPython 3.12 and later do."""
        await self._done.wait()

    def accept(self, link: Link, *, own: Address, peer: Address) -> MemoryTransport:
        """Make this side of a new connection; its protocol is made and told in the server's own context."""
        context = self._context.copy()
        extra: dict[str, Any] = {}
        if self._tls is not None:
            extra["sslcontext"] = self._tls
        transport = self._wire.transport(link, context, own=own, peer=peer, extra=extra, on_lost=self._forget)
        self._open[transport] = None
        self._wire.loop.call_soon(self._begin, transport, context=context)
        return transport

    def _begin(self, transport: MemoryTransport) -> None:
        transport.start(self._factory())

    def _forget(self, transport: MemoryTransport) -> None:
        self._open.pop(transport, None)
        if self._is_closed and not self._open:
            self._done.set()


class Wire:
    """Owns everything that connections of one loop share.

    Every name, whether it serves or only calls, gets the next address of 10.0.0.0/8 when first seen;
    `localhost` is 127.0.0.1, and there is only one. Ports of callers count up from 49152 per address.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.names = Names()
        self.links = Links()
        self._listeners: dict[Address, MemoryServer] = {}
        self._next_ports: dict[str, int] = {}
        self._quiet_pipe: tuple[int, int] | None = None

    # Listeners.

    def free_port(self, address: str) -> int:
        """Give the next port of an address on which nobody listens."""
        for _ in range(_PORTS - _FIRST_EPHEMERAL_PORT):
            port = self._next_ports.get(address, _FIRST_EPHEMERAL_PORT)
            self._next_ports[address] = port + 1 if port + 1 < _PORTS else _FIRST_EPHEMERAL_PORT
            if (address, port) not in self._listeners:
                return port
        raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))

    def listener_at(self, address: Address) -> MemoryServer | None:
        """Give who listens at an address; listening everywhere means 127.0.0.1."""
        host, port = address
        found = self._listeners.get((host, port))
        if found is None and host in {LOOPBACK, EVERYWHERE}:
            found = self._listeners.get((EVERYWHERE, port)) or self._listeners.get((LOOPBACK, port))
        return found

    def listen(self, addresses: Sequence[Address], server: MemoryServer) -> None:
        """Let a server take connections at some addresses.

        Raises:
            OSError: Another server listens at one of them.
        """
        for address in addresses:
            if self._listeners.get(address, server) is not server:
                reason = os.strerror(errno.EADDRINUSE).lower()
                raise OSError(
                    errno.EADDRINUSE, f"error while attempting to bind on address {address!r}: {reason}"
                )
        self._listeners.update(dict.fromkeys(addresses, server))

    def unlisten(self, server: MemoryServer) -> None:
        """Undo `listen`."""
        self._listeners = {
            address: other for address, other in self._listeners.items() if other is not server
        }

    def addresses_to_bind(self, host: str | Sequence[str] | None, port: int) -> list[Address]:
        """Give the addresses for what `create_server` was asked for; port 0 takes a free one.

        Raises:
            socket.gaierror: A name is unknown.
        """
        bound: list[Address] = []
        for name in [host] if host is None or isinstance(host, str) else host:
            address = self.names.find_address(name) if name else EVERYWHERE
            if address is None:
                raise unknown_host()
            bound.append((address, port or self.free_port(address)))
        return bound

    # Connections.

    async def reach(self, address: Address) -> MemoryServer:
        """Go to whoever listens at an address, in the time that takes.

        Raises:
            ConnectionRefusedError: Nobody listens there.
        """
        there, back = self._links_to(address)
        await asyncio.sleep(
            there.latency_s
        )  # 0 s too: a connection is never made without giving others a turn
        server = self.listener_at(address)
        if server is None:
            if back.latency_s:
                await asyncio.sleep(back.latency_s)
            raise ConnectionRefusedError(
                errno.ECONNREFUSED, f"Connect call failed {address!r}"
            )  # asyncio's text
        return server

    async def connect(
        self,
        server: MemoryServer,
        address: Address,
        factory: Callable[[], asyncio.BaseProtocol],
        *,
        own: Address | None,
        tls: object,
    ) -> tuple[MemoryTransport, asyncio.BaseProtocol]:
        """Make both sides of a connection to a server that was reached."""
        there, back = self._links_to(address)
        here = self.names.address_of(_actor.get())
        own = (own[0] if own else here, (own and own[1]) or self.free_port(here))
        extra: dict[str, Any] = {"sslcontext": tls} if tls is not None else {}
        client = self.transport(there, copy_context(), own=own, peer=address, extra=extra)
        MemoryTransport.pair(client, server.accept(back, own=address, peer=own))
        if back.latency_s:
            try:
                await asyncio.sleep(back.latency_s)
            except asyncio.CancelledError:
                client.abort()
                raise
        protocol = factory()
        client.start(protocol)
        return client, protocol

    def transport(
        self,
        link: Link,
        context: Context,
        *,
        own: Address,
        peer: Address,
        extra: dict[str, Any],
        on_lost: Callable[[MemoryTransport], None] | None = None,
    ) -> MemoryTransport:
        """Make one end of a connection, with a stand-in for its socket."""
        transport = MemoryTransport(self.loop, link, context, extra=extra, on_lost=on_lost)
        stand_in = SocketStandIn(own, peer, quiet_fd=self.quiet_fd, is_readable=transport.has_unread)
        extra.update(peername=peer, sockname=own, socket=stand_in)
        return transport

    def socket_at(self, address: Address) -> SocketStandIn:
        """Make a stand-in for a listening socket."""
        return SocketStandIn(address, None, quiet_fd=self.quiet_fd, is_readable=bool)

    def quiet_fd(self) -> int:
        """Give the one descriptor that is never readable; opened when first asked for."""
        if self._quiet_pipe is None:
            self._quiet_pipe = os.pipe()
        return self._quiet_pipe[0]

    def close(self) -> None:
        """Forget every listener."""
        self._listeners.clear()
        if self._quiet_pipe is not None:
            for descriptor in self._quiet_pipe:
                os.close(descriptor)
            self._quiet_pipe = None

    def _links_to(self, address: Address) -> tuple[Link, Link]:
        here, there = plain(_actor.get()), self.names.name_of(address[0])
        return self.links.link(here, there), self.links.link(there, here)
