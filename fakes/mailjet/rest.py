"""Conventions of v3 REST: envelope, paging, filters, dates, and properties given loosely typed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiohttp import web

from fakes.mailjet.codec import parse, spaced
from fakes.mailjet.errors import JsonRefused, RestError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from fakes.kit import Call

__all__ = [
    "Filters",
    "Row",
    "Schema",
    "answer_list",
    "answer_one",
    "date_text",
    "no_content",
    "not_changed",
    "read_flag",
    "read_integer",
    "read_key",
    "rest_response",
]

Row = dict[str, Any]

_DEFAULT_LIMIT = 10
_LARGEST_LIMIT = 1000
_LONGEST_REASON = 500
_TRUE = ("true", "1", "yes")
_FALSE = ("false", "0", "no", "")


def reason_phrase(text: str) -> str:
    """Make a text fit for the status line."""
    visible = "".join(char if " " <= char <= "~" else "?" for char in text)
    return visible[:_LONGEST_REASON]


def rest_response(value: Any, *, status: int = 200, reason: str | None = None) -> web.Response:
    """Answer JSON as the old engine does, with bare `application/json`."""
    return web.Response(
        status=status,
        reason=None if reason is None else reason_phrase(reason),
        body=spaced(value).encode(),
        headers={"Content-Type": "application/json"},
    )


def no_content() -> web.Response:
    """Answer a deletion: 204, still typed as JSON."""
    return web.Response(status=204, reason="No content", headers={"Content-Type": "application/json"})


def not_changed() -> web.Response:
    """Answer an update that changes nothing: 304 without a body."""
    return web.Response(status=304, reason="Content not changed")


def date_text(at: datetime | None) -> str:
    """Write an instant as `2026-03-02T03:30:00Z`; an unset one is empty."""
    return "" if at is None else at.strftime("%Y-%m-%dT%H:%M:%SZ")


def read_flag(value: Any) -> bool | None:
    """Read a boolean as loosely as the vendor does; None when it is none."""
    text = str(value).lower()
    if isinstance(value, (dict, list)) or text not in (*_TRUE, *_FALSE):
        return None
    return text in _TRUE


def read_integer(value: Any) -> int | None:
    """Read an integer as loosely as the vendor does; None when it is none."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return None
    text = str(value)
    return int(text) if text.isascii() and text.removeprefix("-").isdigit() and len(text) < 20 else None


def read_key(call: Call) -> str:
    """Give the key that the path addresses a row by."""
    return call.path["key"]


class Filters:
    """Query parameters: names compare without case, the first of a repeated one wins."""

    def __init__(self, query: Mapping[str, str]) -> None:
        self._values: dict[str, str] = {}
        for name, value in query.items():
            self._values.setdefault(name.lower(), value)

    def text(self, *names: str) -> str | None:
        """Give the value of a filter known under one of these names."""
        return next((self._values[name.lower()] for name in names if name.lower() in self._values), None)

    def integer(self, *names: str) -> int | None:
        """Give a filter's number; what is none counts as not given."""
        return read_integer(self.text(*names))

    def flag(self, *names: str) -> bool | None:
        """Give a filter's boolean; what is none counts as not given."""
        value = self.text(*names)
        return None if value is None else read_flag(value)


def answer_list(rows: Sequence[Row], filters: Filters, *, sortable: Mapping[str, bool]) -> web.Response:
    """Answer one page of rows in the envelope.

    Args:
        rows: All that the filters let through, in order of their ids.
        filters: `Limit` (default 10, at most 1000, 0 for 1000), `Offset`, `Sort`, `countRecords`, `countOnly`.
        sortable: Properties that `Sort` may name; True where `+DESC` is taken too.
    Source: Mailjet guide "Pagination"; `Total` repeats `Count` unless asked, as in mailjet-gem's cassettes.
    """
    rows = _sorted(rows, filters.text("Sort"), sortable)
    if filters.flag("countOnly"):
        return rest_response({"Count": len(rows), "Data": [], "Total": len(rows)})
    limit = filters.integer("Limit")
    if limit is None or limit < 0:
        limit = _DEFAULT_LIMIT
    limit = _LARGEST_LIMIT if limit == 0 else min(limit, _LARGEST_LIMIT)
    offset = max(0, filters.integer("Offset") or 0)
    page = rows[offset : offset + limit]
    total = len(rows) if filters.flag("countRecords") else len(page)
    return rest_response({"Count": len(page), "Data": page, "Total": total})


def answer_one(row: Row, *, status: int = 200) -> web.Response:
    """Answer one row in the envelope."""
    reason = "Created" if status == 201 else None
    return rest_response({"Count": 1, "Data": [row], "Total": 1}, status=status, reason=reason)


def _sorted(rows: Sequence[Row], order: str | None, sortable: Mapping[str, bool]) -> Sequence[Row]:
    name, _, direction = (order or "").replace("+", " ").partition(" ")
    known = next((known for known in sortable if known.lower() == name.lower()), None)
    if known is None:
        return rows
    is_descending = direction.strip().upper() == "DESC" and sortable[known]
    return sorted(rows, key=lambda row: row[known], reverse=is_descending)


@dataclass(frozen=True, slots=True)
class Schema:
    """The properties of a resource, as its input is read.

    Attributes:
        type_name: The vendor's name for it in errors about JSON, `TContact`.
        writable: Reader of each property that may be set; it gives the value, or raises `ValueError` with the reason.
        read_only: Properties that are only given out; setting one to what it is already passes.
    """

    type_name: str
    writable: Mapping[str, Callable[[Any], Any]]
    read_only: tuple[str, ...]

    def read(self, body: bytes, current: Row | None = None) -> Row:
        """Read a POST or PUT body.

        Args:
            body: Raw bytes.
            current: The row as it is, for a PUT.

        Returns:
            What is to be set, under the documented names, null values left out.

        Raises:
            RestError: The body is not a JSON object, or names or values in it cannot be set.
        """
        given = parse(body)
        if not isinstance(given, dict):
            shown = body.decode("utf-8", "replace").lstrip()[:10]
            raise JsonRefused(
                f'Invalid json input: expected "{{", but found "{shown[:1]}" at stream position 1 ...|{shown}...'
            )
        names = {name.lower(): name for name in (*self.writable, *self.read_only)}
        found: Row = {}
        for spelt, value in given.items():
            name = names.get(spelt.lower())
            if name is None:
                message = f'Invalid json input: object ""->"{self.type_name}" has no property "{spelt}"'
                raise RestError(400, message)
            if name in self.writable:
                if value is not None:
                    found[name] = self._value(name, value)
            elif current is None or value != current[name]:
                raise RestError(400, f'MJ19 Setting a value for property "{name}" is not allowed')
        return found

    def _value(self, name: str, value: Any) -> Any:
        try:
            return self.writable[name](value)
        except ValueError as error:
            raise RestError(400, f"MJ08 Property {name} is invalid: {error}") from error
