"""The half of an asyncio loop that deals with connections, over a wire in memory instead of the machine's sockets."""

from __future__ import annotations

import asyncio
import weakref
from typing import TYPE_CHECKING, Any, NoReturn

from simulator import clients
from simulator.errors import NotVirtual
from simulator.wire import HTTPS_PORT, MemoryServer, TlsStandIn, Wire

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from simulator.names import Address, AddressInfo
    from simulator.transport import MemoryTransport

__all__ = ["WiredLoop"]

_TLS_OF_THE_PORT = TlsStandIn()


class WiredLoop(asyncio.BaseEventLoop):
    """Serves name resolution, servers and connections from memory, so that any asyncio client or server works.

    No TLS is spoken. A server on port 443 sees what it would behind TLS (aiohttp: `request.scheme` is https),
    and so does one that was given a TLS context.

    Attributes:
        wire: Names, listeners and latencies.
    """

    def __init__(self) -> None:
        super().__init__()
        self.wire = Wire(self)
        self._targets: weakref.WeakKeyDictionary[socket.socket, tuple[MemoryServer, Address]]
        self._targets = weakref.WeakKeyDictionary()
        clients.lead_back(self)

    def close(self) -> None:
        """Close for good, and forget every listener."""
        if self.is_closed():
            return
        super().close()
        self.wire.close()
        clients.release(self)

    # Names.

    async def getaddrinfo(  # type: ignore[override]  # asyncio's may be IPv6 too
        self,
        host: str | bytes | None,
        port: str | bytes | int | None,
        *,
        family: int = 0,
        type: int = 0,  # noqa: A002 - asyncio's name
        proto: int = 0,  # noqa: ARG002 - asyncio's; the kind of socket says it already
        flags: int = 0,
    ) -> list[AddressInfo]:
        """Resolve a name of this network, or take an IPv4 literal.

        Raises:
            socket.gaierror: The name is unknown.
        """
        await asyncio.sleep(0)  # a resolver never answers without giving others a turn
        return self.wire.names.resolve(host, port, family=family, kind=type, flags=flags)

    async def getnameinfo(self, sockaddr: Any, flags: int = 0) -> tuple[str, str]:
        """Give name and port of an address, both as text."""
        await asyncio.sleep(0)
        return self.wire.names.describe(sockaddr[0], sockaddr[1], flags=flags)

    # Connections.

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        """Reach a listener for a socket. The socket stays idle; `create_connection` takes over where it leads.

        Raises:
            ConnectionRefusedError: Nobody listens there.
        """
        target = await self._find(address[0], address[1])
        self._targets[sock] = (await self.wire.reach(target), target)

    async def create_connection(  # type: ignore[override]  # asyncio's has overloads and options of real sockets
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        host: str | bytes | None = None,
        port: str | int | None = None,
        *,
        ssl: Any = None,
        sock: socket.socket | None = None,
        local_addr: tuple[str, int] | None = None,
        **_tuning: Any,
    ) -> tuple[MemoryTransport, asyncio.BaseProtocol]:
        """Connect to a host and port, or take over a socket from `sock_connect`.

        Args:
            protocol_factory: As asyncio's.
            host: A name of this network, or an IPv4 literal.
            port: A number or a service name.
            ssl: Anything true makes `sslcontext` known to the transport; no TLS is spoken.
            sock: A socket that `sock_connect` connected; it is closed, for nothing goes through it.
            local_addr: Address and port to come from; port 0 takes the next.

        Raises:
            socket.gaierror: The name is unknown.
            ConnectionRefusedError: Nobody listens there.
        """
        clients.lead_anyio()
        tls = None if not ssl else _TLS_OF_THE_PORT if ssl is True else ssl
        if sock is not None:
            if host is not None or port is not None:
                raise ValueError("host/port and sock can not be specified at the same time")
            server, address = self._take_over(sock)
            own = _bound_address(sock)
            sock.close()
        else:
            address = await self._find(host, port)
            own = local_addr
            server = await self.wire.reach(address)
        return await self.wire.connect(server, address, protocol_factory, own=own, tls=tls)

    async def create_server(  # type: ignore[override]  # as above
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        host: str | Sequence[str] | None = None,
        port: int | str | None = None,
        *,
        ssl: Any = None,
        sock: socket.socket | None = None,
        start_serving: bool = True,
        **_tuning: Any,
    ) -> MemoryServer:
        """Listen at a name of this network, an address, several of them, or everywhere (127.0.0.1 then).

        Args:
            protocol_factory: As asyncio's.
            host: A name has to be known already (`wire.names.address_of` makes it so).
            port: 0 or None takes a free one.
            ssl: Anything true is shown to the protocols as `sslcontext`.
            sock: Refused: it would be real.
            start_serving: Whether to take connections at once.

        Raises:
            NotVirtual: A socket was given.
            OSError: An address is in use.
        """
        if sock is not None:
            raise NotVirtual("create_server(sock=…)")
        addresses = self.wire.addresses_to_bind(host, int(port or 0))
        tls = ssl or (_TLS_OF_THE_PORT if port == HTTPS_PORT else None)
        server = MemoryServer(self.wire, addresses, protocol_factory, tls=tls)
        if start_serving:
            await server.start_serving()
        return server

    async def start_tls(  # type: ignore[override]  # only this loop's own transports come here
        self,
        transport: MemoryTransport,
        protocol: asyncio.BaseProtocol,
        sslcontext: Any,
        **_tuning: Any,
    ) -> MemoryTransport:
        """Go over to TLS, which is not spoken: from now on the transport shows the context."""
        await asyncio.sleep(0)
        transport.show_tls(sslcontext)
        transport.set_protocol(protocol)
        return transport

    async def _find(self, host: str | bytes | None, port: str | bytes | int | None) -> Address:
        if isinstance(host, str) and self.wire.names.is_address(host) and isinstance(port, int):
            return host, port  # as most clients ask, after having resolved the name themselves
        return (await self.getaddrinfo(host, port))[0][4]

    def _take_over(self, sock: socket.socket) -> tuple[MemoryServer, Address]:
        target = self._targets.pop(sock, None)
        if target is None:
            raise NotVirtual("create_connection(sock=…) with a socket that sock_connect did not connect")
        return target


def _bound_address(sock: socket.socket) -> Address | None:
    """Give where a client bound its socket to before it connected, if it did."""
    host, port = sock.getsockname()[:2]
    return (host, port) if port else None


def _refusing(what: str) -> Callable[..., NoReturn]:
    def refuse(_loop: WiredLoop, *_args: Any, **_options: Any) -> NoReturn:
        raise NotVirtual(what)

    refuse.__name__ = what
    refuse.__doc__ = "Refuse: it is for what is real.\n\n    Raises:\n        NotVirtual: Always."
    return refuse


# asyncio's own answer is a `NotImplementedError` without a word, or a real socket.
for _name in (
    "add_reader",
    "add_writer",
    "connect_accepted_socket",
    "connect_read_pipe",
    "connect_write_pipe",
    "create_datagram_endpoint",
    "create_unix_connection",
    "create_unix_server",
    "sock_accept",
    "sock_recv",
    "sock_recv_into",
    "sock_recvfrom",
    "sock_sendall",
    "sock_sendto",
    "subprocess_exec",
    "subprocess_shell",
):
    setattr(WiredLoop, _name, _refusing(_name))
