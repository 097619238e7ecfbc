"""Breaks connections from the server's side, before an answer or in the middle of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from fakes.kit.request import Request

__all__ = ["break_off", "send_part"]


def break_off(request: Request) -> NoReturn:
    """Break the connection before an answer; the server takes the error for a client that has left.

    Raises:
        ConnectionResetError: Always.
    """
    if request.transport is not None:
        request.transport.abort()
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
