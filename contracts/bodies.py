"""Reads the body of a message as its media type says, once, however often it is asked for."""

from __future__ import annotations

import json
from math import isinf
from typing import Any, Final
from urllib.parse import parse_qsl

__all__ = ["Body", "read_form", "read_json"]

_UNREAD: Final = object()


class Body:
    """A body, and the value that it holds when it is JSON.

    A handler and a judge who look at the same body share the parsing. The value is theirs in turn: whoever changes
    it comes last.

    Attributes:
        raw: The bytes.
    """

    __slots__ = ("_value", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._value: Any = _UNREAD

    def json(self) -> Any:
        """Give the value, see `read_json`.

        Raises:
            ValueError: It is not JSON.
        """
        if self._value is _UNREAD:
            self._value = read_json(self.raw)
        return self._value

    def read_as(self, media_type: str) -> Any:
        """Give what it holds: JSON's value, a form's fields, or text.

        Args:
            media_type: Without parameters, lower case.

        Raises:
            ValueError: It is not of that type.
        """
        if media_type.endswith("json"):
            return self.json()
        if media_type == "application/x-www-form-urlencoded":
            return read_form(self.raw)
        return self.raw.decode("utf-8", "replace")


def read_json(raw: bytes) -> Any:
    """Parse JSON as RFC 8259 has it: UTF-8, no NaN, no number beyond a double. A byte order mark is passed over.

    Raises:
        ValueError: It is not JSON, or nested too deep to read.
    """
    try:
        text = raw.decode()
        try:
            value, end = _DECODER.raw_decode(text)
        except json.JSONDecodeError:
            end = -1
        # White space around it, or a byte order mark, is rare.
        return value if end == len(text) else _DECODER.decode(text.removeprefix("\ufeff"))
    except RecursionError:
        raise ValueError("nested too deep") from None


def read_form(raw: bytes) -> dict[str, str | list[str]]:
    """Read a form post; a field that comes twice is a list."""
    fields: dict[str, str | list[str]] = {}
    for name, value in parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True):
        known = fields.get(name)
        if known is None:
            fields[name] = value
        else:
            fields[name] = [*known, value] if isinstance(known, list) else [known, value]
    return fields


def _finite(text: str) -> float:
    number = float(text)
    if isinf(number):
        raise ValueError(f"{text} is beyond what a double holds")
    return number


def _refuse_constant(name: str) -> None:
    """Refuse `NaN` and `Infinity`, which Python reads and JSON does not have."""
    raise ValueError(name)


_DECODER: Final = json.JSONDecoder(parse_float=_finite, parse_constant=_refuse_constant)
