"""Reads the heads of plain requests; what a client sends again and again is read once."""

from __future__ import annotations

import re
from typing import Final

from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from fakes.kit.request import Head

__all__ = ["Heads"]

_MOST: Final = 512
_LONGEST: Final = 8190
"""Bytes of one head. aiohttp takes no longer line, and says what becomes of the others."""
_MOST_LINES: Final = 100
_PLAIN: Final = re.compile(
    rb"(?:GET|POST|PUT|PATCH|DELETE|OPTIONS) /[\x21\x24-\x7e]* HTTP/1\.1\r\n"
    rb"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[ \t]*(?:[\x21-\x7e]+(?:[ \t]+[\x21-\x7e]+)*)?[ \t]*\r\n)*\r\n"
)
"""RFC 9112 without what is rare: no old line folding, no bytes beyond ASCII, no `#` or `"` in the target."""

_UNUSUAL: Final = ("Transfer-Encoding", "Content-Encoding", "Expect", "Upgrade")


class Heads:
    """The heads that were read, by their bytes.

    Args:
        scheme: Of the connections that they come by.
    """

    def __init__(self, scheme: str = "http") -> None:
        self._scheme = scheme
        self._known: dict[bytes, Head | None] = {}

    def read(self, data: bytes) -> Head | None:
        """Read the head of a request.

        Args:
            data: Up to the empty line and with it.

        Returns:
            None when it is anything but plain: another server must see to it.
        """
        try:
            return self._known[data]
        except KeyError:
            pass
        if len(data) > _LONGEST:
            return None
        if len(self._known) >= _MOST:
            self._known.clear()
        head = self._known[data] = _read(data, self._scheme)
        return head

    def forget(self) -> None:
        """Read all heads anew from now on, with what others know of them."""
        self._known.clear()


def _read(data: bytes, scheme: str) -> Head | None:
    if not _PLAIN.fullmatch(data):
        return None
    first, *lines = data.decode("ascii").split("\r\n")[:-2]
    if len(lines) > _MOST_LINES:
        return None
    method, target, _version = first.split(" ")
    headers: CIMultiDict[str] = CIMultiDict()
    for line in lines:
        name, _, value = line.partition(":")
        headers.add(name, value.strip(" \t"))
    length = headers.getall("Content-Length", ["0"])
    if (
        any(name in headers for name in _UNUSUAL)
        or headers.get("Connection", "keep-alive").lower() != "keep-alive"
        or len(headers.getall("Host", [])) != 1
        or len(length) != 1
        or not length[0].isdigit()
    ):
        return None
    url = URL(target, encoded=True)
    proxy = CIMultiDictProxy(headers)
    return Head(method, target, url=url, headers=proxy, scheme=scheme, content_length=int(length[0]))
