"""Breaks connections from the server's side, before an answer or in the middle of one."""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    import asyncio

    from fakes.kit.request import Request

__all__ = ["break_off", "reset", "send_part"]

_NO_LINGER: Final = struct.pack("ii", 1, 0)


def reset(transport: asyncio.WriteTransport) -> None:
    """Break a connection so that the other end sees a reset, and not an end such as an idle connection has."""
    own = transport.get_extra_info("socket")
    if own is not None:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    transport.abort()


def break_off(request: Request) -> NoReturn:
    """Break the connection before an answer; the server takes the error for a client that has left.

    Raises:
        ConnectionResetError: Always.
    """
    if request.transport is not None:
        reset(request.transport)
    raise ConnectionResetError("a fault broke the connection")


def send_part(request: Request, written: bytes, share: float) -> NoReturn:
    """Promise the whole answer, send it up to a share of its body, and break the connection.

    Raises:
        ConnectionResetError: Always.
    """
    if request.transport is not None:
        head, end, body = written.partition(b"\r\n\r\n")
        request.transport.write(head + end + body[: int(len(body) * share)])
        request.transport.close()
    raise ConnectionResetError("a fault cut the body")
