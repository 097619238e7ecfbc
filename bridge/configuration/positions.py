"""Where in a TOML file each key and each value stands, which the standard library's parser does not tell.

The text has been parsed before, so that it is known to be well-formed: the scan only has to find statements and step
over their values.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Place", "find_places"]

_KEY_PART: Final = re.compile(r"\s*(?:\"((?:[^\"\\]|\\.)*)\"|'([^']*)'|([\w-]+))[ \t]*(\.)?")
_BLANK: Final = re.compile(r"(?:\s|#[^\n]*)*")
_STRING: Final = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'', re.DOTALL
)
_OPEN: Final = "[{"
_CLOSE: Final = "]}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a key and its value begin: line and column, both counted from 1."""

    key: tuple[int, int]
    value: tuple[int, int]


def find_places(text: str) -> Mapping[str, Place]:
    """Find every key of a well-formed TOML text; tables and dots become `_`, as in the names of settings."""
    return dict(_statements(text))


def _statements(text: str) -> Iterator[tuple[str, Place]]:
    table = ""
    at = _skip_blank(text, 0)
    while at < len(text):
        if text[at] == "[":
            begin = at + 1 + text.startswith("[[", at)
            name, after = _read_key(text, begin)
            table = f"{name}_"
            yield name, Place(_position(text, begin), _position(text, begin))
            at = _skip_blank(text, text.index("]", after) + 1)
            if text.startswith("]", at):
                at = _skip_blank(text, at + 1)
            continue
        yield from _pair(text, at, table)
        at = _skip_blank(text, _after_pair(text, at))


def _pair(text: str, at: int, prefix: str) -> Iterator[tuple[str, Place]]:
    """Give a key with its value, and those inside an inline table."""
    name, after = _read_key(text, at)
    value = _value_begin(text, after)
    yield prefix + name, Place(_position(text, at), _position(text, value))
    if text[value] == "{":
        inside = _skip_blank(text, value + 1)
        while text[inside] != "}":
            yield from _pair(text, inside, f"{prefix}{name}_")
            inside = _skip_blank(text, _after_pair(text, inside))
            if text[inside] == ",":
                inside = _skip_blank(text, inside + 1)


def _after_pair(text: str, at: int) -> int:
    _, after = _read_key(text, at)
    return _after_value(text, _value_begin(text, after))


def _value_begin(text: str, after: int) -> int:
    begin = text.index("=", after) + 1
    while text[begin] in " \t":
        begin += 1
    return begin


def _after_value(text: str, at: int) -> int:
    """Step over a value: a string, brackets with what is in them, or a bare word."""
    depth = 0
    while at < len(text):
        string = _STRING.match(text, at)
        if string:
            at = string.end()
        elif text[at] == "#":
            at = _line_end(text, at)
            continue
        elif text[at] in _OPEN:
            depth += 1
            at += 1
        elif text[at] in _CLOSE:
            if depth == 0:
                return at
            depth -= 1
            at += 1
        elif depth == 0 and text[at] in ",\n":
            return at
        else:
            at += 1
            continue
        if depth == 0:
            return at
    return at


def _read_key(text: str, at: int) -> tuple[str, int]:
    parts: list[str] = []
    while True:
        found = _KEY_PART.match(text, at)
        if found is None:
            return "_".join(parts), at
        parts.append(next(part for part in found.groups()[:3] if part is not None))
        at = found.end()
        if found[4] is None:
            return "_".join(parts), at


def _skip_blank(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _position(text: str, at: int) -> tuple[int, int]:
    begin = text.rfind("\n", 0, at) + 1
    return text.count("\n", 0, at) + 1, at - begin + 1
