"""Writes answers down as the bytes that go over the wire."""

from __future__ import annotations

from email.utils import format_datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from aiohttp import web

__all__ = ["AnswerWriter", "body_of"]

_MOST_HEADS: Final = 256
_WITHOUT_BODY: Final = (204, 304)


class AnswerWriter:
    """Writes plain answers; heads that are alike are written once.

    Args:
        now: The world's time, for the `Date` header.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._second: datetime | None = None
        self._date = ""
        self._heads: dict[tuple[int, str, tuple[tuple[str, str], ...]], str] = {}

    def write(self, response: web.Response, at: datetime | None = None) -> bytes:
        """Give an answer as bytes.

        Args:
            response: The answer.
            at: When it is given, if the caller has looked at the clock already.
        """
        second = (at or self._now()).replace(microsecond=0)
        if second != self._second:
            self._second, self._date = second, f"Date: {format_datetime(second, usegmt=True)}\r\n\r\n"
        body = body_of(response)
        length = "" if response.status in _WITHOUT_BODY else f"Content-Length: {len(body)}\r\n"
        return f"{self._head(response)}{length}{self._date}".encode() + body

    def _head(self, response: web.Response) -> str:
        key = (response.status, response.reason, tuple(response.headers.items()))
        head = self._heads.get(key)
        if head is None:
            if len(self._heads) >= _MOST_HEADS:
                self._heads.clear()
            head = self._heads[key] = _make_head(*key)
        return head


def body_of(response: web.Response) -> bytes:
    """Give the bytes of an answer's body."""
    return response.body if isinstance(response.body, bytes) else b""


def _make_head(status: int, reason: str, headers: tuple[tuple[str, str], ...]) -> str:
    lines = [f"HTTP/1.1 {status} {reason}"]
    lines += [f"{name}: {value}" for name, value in headers if name.lower() != "content-length"]
    for line in lines:
        if "\r" in line or "\n" in line:
            raise ValueError(f"a header must be one line, got {line!r}")
    return "".join(f"{line}\r\n" for line in lines)
