"""A connection as aiohttp serves it, that never answers in aiohttp's name.

What cannot be read as HTTP, aiohttp answers with a page of its own, and with its own name on everything. A vendor does
neither. Nor may a request wait for ever for the rest of a body that turned out to be none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from aiohttp import web
from aiohttp.http import SERVER_SOFTWARE, RawRequestMessage
from aiohttp.http_exceptions import ContentEncodingError, HttpProcessingError

if TYPE_CHECKING:
    from aiohttp.streams import StreamReader

__all__ = ["MalformedBody", "Refusing", "UsualConnection", "UsualRequest", "read_body", "refuse"]


class MalformedBody(Exception):
    """The body's chunks cannot be read, or end too early: there is no request."""


class Refusing(Protocol):
    """Whoever answers what is no request."""

    def answer_malformed(self) -> bytes:
        """Refuse what cannot be read as HTTP; the connection is closed after it."""


class UsualRequest(web.BaseRequest):
    """A request whose answer does not name aiohttp."""

    async def _prepare_hook(self, response: web.StreamResponse) -> None:
        # aiohttp's own place for a last look at the headers; it has put its name there a moment ago.
        if response.headers.get("Server") == SERVER_SOFTWARE:
            del response.headers["Server"]


class UsualConnection(web.RequestHandler):
    """One connection that aiohttp serves.

    Args:
        server: Whose it is.
        refusing: Answers what is no request.
        options: What `aiohttp.web.Server` takes besides.
    """

    def __init__(self, server: web.Server, refusing: Refusing, **options: Any) -> None:
        super().__init__(server, **options)
        self._refusing = refusing
        self._reading: StreamReader | None = None

    def reads(self, payload: StreamReader) -> None:
        """Take note of the body that is read now."""
        self._reading = payload

    def data_received(self, data: bytes) -> None:
        """Read on; a body that turns out to be unreadable ends at once."""
        super().data_received(data)
        # aiohttp lines the refusal up behind the request, which would wait for the rest of its body for ever.
        is_refused = bool(self._messages) and not isinstance(self._messages[-1][0], RawRequestMessage)
        if is_refused and self._reading is not None and not self._reading.is_eof():
            self._reading.set_exception(MalformedBody())

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Refuse what is no HTTP as the vendor would; leave what went wrong here to aiohttp."""
        if isinstance(exc, HttpProcessingError):
            return refuse(request, self._refusing)
        return super().handle_error(request, status, exc, message)

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Tell what went wrong here, and not what a client has sent."""
        if not isinstance(kw.get("exc_info"), (web.RequestPayloadError, MalformedBody)):
            super().log_exception(*args, **kw)


async def read_body(request: web.BaseRequest) -> bytes:
    """Read a body; one that is not the gzip it says, or is beyond all limits, reads as empty.

    The handler then refuses it in the vendor's own words, where aiohttp would answer 500 or 413 in its own.

    Raises:
        MalformedBody: Its chunks cannot be read.
    """
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        return b""
    except web.RequestPayloadError as error:
        if isinstance(error.__cause__, ContentEncodingError):
            return b""
        raise MalformedBody from error


def refuse(request: web.BaseRequest, refusing: Refusing) -> web.Response:
    """Answer that this is no request, and close the connection.

    aiohttp finds that it cannot write what is given here any more, and lets it be.
    """
    if request.transport is not None:
        request.transport.write(refusing.answer_malformed())
        request.transport.close()
    return web.Response()
