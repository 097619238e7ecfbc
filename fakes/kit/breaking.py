"""Breaks connections from the server's side, before an answer or in the middle of one."""

from __future__ import annotations

from typing import NoReturn

from aiohttp import web

__all__ = ["body_of", "break_off", "send_part"]


def break_off(request: web.Request) -> NoReturn:
    """Break the connection before an answer; aiohttp takes the error for a client that has left.

    Raises:
        ConnectionResetError: Always.
    """
    if request.transport is not None:
        request.transport.abort()
    raise ConnectionResetError("a fault broke the connection")


async def send_part(request: web.Request, response: web.Response, share: float) -> web.StreamResponse:
    """Promise the whole body, send a part of it, and break the connection."""
    body = body_of(response)
    headers = {name: value for name, value in response.headers.items() if name.lower() != "content-length"}
    part = web.StreamResponse(status=response.status, reason=response.reason, headers=headers)
    part.content_length = len(body) or 1
    await part.prepare(request)
    await part.write(body[: int(len(body) * share)])
    if request.transport is not None:
        request.transport.close()
    raise ConnectionResetError("a fault cut the body")


def body_of(response: web.Response) -> bytes:
    """Give the bytes of an answer's body."""
    return response.body if isinstance(response.body, bytes) else b""
