"""A web server for fakes: plain requests are served here, and everything else by aiohttp.

Nearly every client sends a request as one piece: a head without oddities, and its body. For such, what a server for
any request does (a task, a stream for the body, a stream for the answer) takes longer than a fake's own work. A
connection begins as a `Connection`; the first thing on it that is not plain makes it one of aiohttp's for good.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from aiohttp import web

from fakes.kit.breaking import reset
from fakes.kit.heads import Heads
from fakes.kit.request import Request, scheme_of
from fakes.kit.usual_connection import (
    MalformedBody,
    Refusing,
    UsualConnection,
    UsualRequest,
    read_body,
    refuse,
)

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from aiohttp.abc import AbstractStreamWriter
    from aiohttp.http import RawRequestMessage
    from aiohttp.streams import StreamReader

__all__ = ["LARGEST_BODY", "Answering", "HttpServer", "serve_for"]

LARGEST_BODY: Final = 64 * 1024 * 1024
"""Bytes; a larger one reads as empty."""

_END: Final = b"\r\n\r\n"
_END_LENGTH: Final = len(_END)


class Answering(Refusing, Protocol):
    """Whoever answers: a fake."""

    def answer_at_once(self, request: Request, body: bytes) -> bytes | None:
        """Answer without waiting for anything; None when there is something to wait for."""

    async def answer(self, request: Request, body: bytes) -> web.Response:
        """Answer.

        Raises:
            ConnectionResetError: There is no answer.
        """

    def to_bytes(self, response: web.Response) -> bytes:
        """Write an answer down."""


class HttpServer(web.Server):
    """Makes a protocol for each connection.

    Args:
        answering: Whoever answers.
        options: What `aiohttp.web.Server` takes besides.
    """

    def __init__(self, answering: Answering, **options: Any) -> None:
        super().__init__(self._serve, request_factory=self._make, **options)
        self.answering = answering
        self._options = options
        self._heads = {scheme: Heads(scheme) for scheme in ("http", "https")}
        self.open: dict[Connection, None] = {}

    def __call__(self) -> Any:
        """Make a protocol for a new connection."""
        return Connection(self)

    def heads_of(self, transport: asyncio.Transport) -> Heads:
        """Give the heads that were read from connections like this one."""
        return self._heads[scheme_of(transport)]

    def forget_heads(self) -> None:
        """Work out anew what is known of requests by their heads."""
        for heads in self._heads.values():
            heads.forget()

    def make_usual(self) -> asyncio.Protocol:
        """Make one of aiohttp's own."""
        loop = asyncio.get_running_loop()
        return UsualConnection(self, self.answering, loop=loop, **self._options)

    def pre_shutdown(self) -> None:
        """Take no more requests."""
        super().pre_shutdown()
        for connection in self.open:
            connection.close_when_idle()

    def cut(self) -> None:
        """Break every open connection at once; what is under way goes on, and nobody hears its answer."""
        transports = [connection.transport for connection in self.open]
        transports += [protocol.transport for protocol in self.connections]
        for transport in transports:
            if transport is not None:
                reset(transport)

    async def shutdown(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - the base class has it
        """Close every connection; requests under way get the time to end."""
        busy = [connection.task for connection in self.open if connection.task is not None]
        if busy:
            await asyncio.wait(busy, timeout=timeout)
        for connection in tuple(self.open):
            connection.abort()
        await super().shutdown(timeout)

    def _make(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: web.RequestHandler,
        writer: AbstractStreamWriter,
        task: asyncio.Task[None],
    ) -> web.BaseRequest:
        loop = asyncio.get_running_loop()
        if isinstance(protocol, UsualConnection):
            protocol.reads(payload)
        return UsualRequest(message, payload, protocol, writer, task, loop, client_max_size=LARGEST_BODY)

    async def _serve(self, request: web.BaseRequest) -> web.Response:
        # An application of aiohttp's does so by itself, its server alone does not.
        if request.headers.get("Expect", "").lower() == "100-continue" and request.transport is not None:
            request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if request.method == "CONNECT":  # a vendor is no proxy, and a 200 would be the beginning of a tunnel
            return refuse(request, self.answering)
        return await serve_for(self.answering, request)


class Connection(asyncio.Protocol):
    """One connection, as long as all that comes by it is plain.

    Args:
        server: Whose it is.

    Attributes:
        task: What answers the request that has to wait for something; None while there is none.
    """

    def __init__(self, server: HttpServer) -> None:
        self._server = server
        self._answering = server.answering
        self._transport: asyncio.Transport | None = None
        self._heads: Heads
        self._waiting = b""
        self._is_closing = False
        self.task: asyncio.Task[None] | None = None

    @property
    def transport(self) -> asyncio.Transport | None:
        """What carries it; None before and after."""
        return self._transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance
        self._heads = self._server.heads_of(self._transport)
        self._server.open[self] = None

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the base class has it
        """End; what is under way goes on, for the vendor does not see that nobody waits for its answer any more."""
        self._transport = None
        self._server.open.pop(self, None)

    def data_received(self, data: bytes) -> None:
        """Answer a request, or begin to."""
        if self.task is not None:
            self._waiting += data
            return
        end = data.find(_END) + _END_LENGTH
        head = self._heads.read(data[:end]) if end >= _END_LENGTH else None
        if head is None or len(data) != end + head.content_length:
            self._hand_over(data)
            return
        request, body = Request(head, self._transport), data[end:]
        answering = self._answering
        written = answering.answer_at_once(request, body)
        if written is not None:
            # It cannot have been lost meanwhile, as nothing was waited for; a fault that closes it comes by the other way.
            cast("asyncio.Transport", self._transport).write(written)
        else:
            loop = asyncio.get_running_loop()
            self.task = loop.create_task(self._answer(answering.answer(request, body)))

    def close_when_idle(self) -> None:
        """Close, after the answer that is under way."""
        self._is_closing = True
        if self.task is None and self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close now."""
        if self.task is not None:
            self.task.cancel()
        if self._transport is not None:
            self._transport.close()

    async def _answer(self, answering: Coroutine[Any, Any, web.Response]) -> None:
        try:
            response = await answering
            self._write(self._answering.to_bytes(response))
        except ConnectionResetError:
            if self._transport is not None:
                self._transport.close()
        finally:
            self.task = None
        if self._is_closing and self._transport is not None:
            self._transport.close()
        elif self._waiting:
            data, self._waiting = self._waiting, b""
            self.data_received(data)

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _hand_over(self, data: bytes) -> None:
        """Let aiohttp have the connection, with what has come by it since the last answer."""
        transport = self._transport
        if transport is None:
            return
        self._server.open.pop(self, None)
        usual = self._server.make_usual()
        transport.set_protocol(usual)
        usual.connection_made(transport)
        usual.data_received(data)


async def serve_for(answering: Answering, request: web.BaseRequest) -> web.Response:
    """Answer one of aiohttp's requests."""
    try:
        return await answering.answer(Request.of(request), await read_body(request))
    except MalformedBody:
        return refuse(request, answering)
    except ConnectionResetError:
        # The connection is broken already: aiohttp finds that it cannot write this, and lets it be.
        return web.Response()
