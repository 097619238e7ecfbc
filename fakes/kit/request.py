"""A request as it stood on the wire, whichever server has read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import unquote

from multidict import CIMultiDict, CIMultiDictProxy

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping

    from aiohttp import web
    from yarl import URL

__all__ = ["Head", "Request"]

_NO_QUERY: Final[Mapping[str, str]] = {}


class Head(NamedTuple):
    """The request line and the headers.

    Attributes:
        method: Upper case.
        target: What stands between method and version: a path with its query, or an absolute URL.
        url: The target, parsed; relative.
        headers: Names compare without case.
        kept_headers: A copy for the record, shared between requests with the same head.
        content_length: Bytes of the body that follows.
    """

    method: str
    target: str
    url: URL
    headers: CIMultiDictProxy[str]
    kept_headers: Mapping[str, str]
    content_length: int = 0


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
        head = Head(request.method, request.raw_path, request.rel_url, headers, dict(headers.items()))
        return cls(head, request.transport)

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
        url = self.head.url
        return url.query if url.raw_query_string else _NO_QUERY

    @property
    def host(self) -> str:
        """The `Host` header; empty when there is none."""
        return self.head.headers.get("Host", "")

    @property
    def remote(self) -> str:
        """The address that the connection came from; empty when it is gone."""
        peer: Any = self.transport.get_extra_info("peername") if self.transport else None
        return str(peer[0]) if peer else ""

    @property
    def full_url(self) -> str:
        """The absolute URL, as on the wire."""
        target = self.head.target
        if not target.startswith("/"):
            return target
        is_secure = self.transport is not None and self.transport.get_extra_info("sslcontext") is not None
        return f"{'https' if is_secure else 'http'}://{self.host}{target}"
