"""Writes answers down as the bytes that go over the wire."""

from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from aiohttp import web

    from contracts import Violation

__all__ = ["NO_ANSWER", "AnswerWriter", "Answered", "FixedAnswer", "body_of"]

_SECOND: Final = timedelta(seconds=1)
_MOST_HEADS: Final = 256
_WITHOUT_BODY: Final = (204, 304)


class Answered(NamedTuple):
    """What was answered.

    Attributes:
        status: None when there was no answer.
        headers: As sent; nobody changes them.
        body: Raw bytes.
        violations: Every way in which it breaks the contract.
    """

    status: int | None
    headers: Mapping[str, str]
    body: bytes
    violations: tuple[Violation, ...]


NO_ANSWER: Final = Answered(None, {}, b"", ())


class FixedAnswer:
    """An answer that one operation gives again and again: it is judged, recorded and put into bytes once.

    Args:
        response: The answer; nobody changes it.

    Attributes:
        body: Its body.
        answered: What the books say of it, once it was given.
        head: What goes over the wire before the date, once it was written.
    """

    __slots__ = ("answered", "body", "head", "response")

    def __init__(self, response: web.Response) -> None:
        self.response = response
        self.body = body_of(response)
        self.answered: Answered | None = None
        self.head = b""


class AnswerWriter:
    """Writes plain answers; heads that are alike are written once.

    Args:
        now: The world's time, for the `Date` header.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._second: datetime | None = None
        self._next_second: datetime
        self._date = b""
        self._heads: dict[tuple[int, str, tuple[tuple[str, str], ...]], str] = {}

    def write(self, response: web.Response, at: datetime | None = None) -> bytes:
        """Give an answer as bytes.

        Args:
            response: The answer.
            at: When it is given, if the caller has looked at the clock already.
        """
        return self._start(response).encode() + self._date_line(at or self._now()) + body_of(response)

    def write_fixed(self, answer: FixedAnswer, at: datetime) -> bytes:
        """Give an answer as bytes that is given again and again."""
        if not answer.head:
            answer.head = self._start(answer.response).encode()
        return b"".join((answer.head, self._date_line(at), answer.body))

    def _start(self, response: web.Response) -> str:
        if response.status in _WITHOUT_BODY:
            return self._head(response)
        return f"{self._head(response)}Content-Length: {len(body_of(response))}\r\n"

    def _date_line(self, at: datetime) -> bytes:
        # Dates are dear to cut and to write, and a second is long.
        if self._second is None or not self._second <= at < self._next_second:
            self._second = at.replace(microsecond=0)
            self._next_second = self._second + _SECOND
            self._date = f"Date: {format_datetime(self._second, usegmt=True)}\r\n\r\n".encode()
        return self._date

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
