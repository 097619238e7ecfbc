"""A port of this machine on which connections are taken, or refused for a while as where nothing listens."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LoopbackListener"]

_BACKLOG: Final = 128


class LoopbackListener:
    """Listens at an address.

    Args:
        make_protocol: Makes what serves a connection.
        host: An IPv4 address of this machine.
        port: 0 takes a free one.

    Raises:
        OSError: The port is taken, or not to be had.
    """

    def __init__(self, make_protocol: Callable[[], asyncio.BaseProtocol], host: str, port: int) -> None:
        self._make_protocol = make_protocol
        self._socket = _bind(host, port)
        self.host = host
        self.port: int = self._socket.getsockname()[1]
        self._server: asyncio.Server | None = None
        self._starting: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take connections.

        Raises:
            OSError: Somebody else listens there.
        """
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(self._make_protocol, sock=self._socket, backlog=_BACKLOG)
        except OSError:
            self._socket.close()
            raise

    def shut(self) -> None:
        """Refuse connections from now on; open ones go on. Twice is the same as once."""
        if self._server is None and self._starting is None:
            return
        self._end_serving()
        # A bound port on which nobody listens refuses connections, and nobody else can take it meanwhile.
        self._socket = _bind(self.host, self.port)

    def reopen(self) -> None:
        """Take connections again: at once, though they are served from the next turn of the loop on."""
        if self._server is None and self._starting is None:
            self._socket.listen(_BACKLOG)
            self._starting = asyncio.get_running_loop().create_task(self._resume())

    async def close(self) -> None:
        """Stop listening for good; open connections go on."""
        starting = self._starting
        self._end_serving()
        if starting is not None:
            await asyncio.gather(starting, return_exceptions=True)

    async def _resume(self) -> None:
        await self.start()
        self._starting = None

    def _end_serving(self) -> None:
        if self._starting is not None:
            self._starting.cancel()
            self._starting = None
        if self._server is not None:
            self._server.close()
            self._server = None
        self._socket.close()


def _bind(host: str, port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        # As asyncio does by itself: a port whose last connections are dying may be taken again.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setblocking(False)
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound
