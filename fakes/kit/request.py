"""A request as it stood on the wire, whichever server has read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from multidict import CIMultiDict, CIMultiDictProxy

from fakes.kit.exchange import CAUSE_HEADER, actor_of

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping

    from aiohttp import web
    from yarl import URL

__all__ = ["Head", "Request", "scheme_of"]

_NO_QUERY: Final[Mapping[str, str]] = {}


class Head:
    """The request line and the headers: all that requests with the same one share, and worked out once for them.

    Args:
        method: Upper case.
        target: What stands between method and version: a path with its query, or an absolute URL.
        url: The target, parsed; relative.
        headers: Names compare without case.
        scheme: Of the connection, `http` or `https`.
        content_length: Bytes of the body that follows.

    Attributes:
        kept_headers: A copy for the record.
        query: Query parameters; the first of a repeated one.
        host: The `Host` header; empty when there is none.
        full_url: The absolute URL, as on the wire.
        actor: Who the caller says to be; empty for a stranger.
        cause: The journal entry that made the caller call; empty when it names none.
        known: What others have worked out from this head alone, by whoever did; it is theirs.
    """

    __slots__ = (
        "actor",
        "cause",
        "content_length",
        "full_url",
        "headers",
        "host",
        "kept_headers",
        "known",
        "method",
        "query",
        "target",
        "url",
    )

    def __init__(
        self,
        method: str,
        target: str,
        *,
        url: URL,
        headers: CIMultiDictProxy[str],
        scheme: str,
        content_length: int = 0,
    ) -> None:
        self.method = method
        self.target = target
        self.url = url
        self.headers = headers
        self.content_length = content_length
        self.kept_headers: Mapping[str, str] = dict(headers.items())
        self.query: Mapping[str, str] = url.query if url.raw_query_string else _NO_QUERY
        self.host = headers.get("Host", "")
        self.full_url = f"{scheme}://{self.host}{target}" if target.startswith("/") else target
        self.actor = actor_of(headers)
        self.cause = headers.get(CAUSE_HEADER, "")
        self.known: dict[object, Any] = {}


class Request:
    """One request, without its body.

    Attributes:
        head: Its request line and headers.
        transport: The connection it came by; None when that is gone.
    """

    __slots__ = ("head", "transport")

    def __init__(self, head: Head, transport: asyncio.Transport | None) -> None:
        self.head = head
        self.transport = transport

    @classmethod
    def of(cls, request: web.BaseRequest) -> Request:
        """Make one of aiohttp's."""
        headers = request.headers
        if not isinstance(headers, CIMultiDictProxy):
            headers = CIMultiDictProxy(CIMultiDict(headers))
        transport = request.transport
        head = Head(
            request.method,
            request.raw_path,
            url=request.rel_url,
            headers=headers,
            scheme=scheme_of(transport),
        )
        return cls(head, transport)

    @property
    def method(self) -> str:
        """The method, upper case."""
        return self.head.method

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers; names compare without case."""
        return self.head.headers

    @property
    def raw_path(self) -> str:
        """The target as on the wire, query included."""
        return self.head.target

    @property
    def rel_url(self) -> URL:
        """The target, parsed."""
        return self.head.url

    @property
    def path(self) -> str:
        """The path, decoded."""
        return unquote(self.head.url.raw_path)

    @property
    def path_qs(self) -> str:
        """Path and query."""
        return str(self.head.url)

    @property
    def query(self) -> Mapping[str, str]:
        """Query parameters; the first of a repeated one."""
        return self.head.query

    @property
    def host(self) -> str:
        """The `Host` header; empty when there is none."""
        return self.head.host

    @property
    def remote(self) -> str:
        """The address that the connection came from; empty when it is gone."""
        peer: Any = self.transport.get_extra_info("peername") if self.transport else None
        return str(peer[0]) if peer else ""

    @property
    def full_url(self) -> str:
        """The absolute URL, as on the wire."""
        return self.head.full_url


def scheme_of(transport: asyncio.BaseTransport | None) -> str:
    """Say by which scheme requests come over a connection: `http` or `https`."""
    is_secure = transport is not None and transport.get_extra_info("sslcontext") is not None
    return "https" if is_secure else "http"
