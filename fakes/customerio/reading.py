"""Reads what callers send, however odd: JSON as a Go service takes it, identifiers, times, text sizes."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, NoReturn

__all__ = [
    "Identifier",
    "IdentifierKind",
    "instant",
    "is_address",
    "parse_addresses",
    "read_identifier",
    "read_json",
    "seconds",
    "size",
]

_DEEPEST: Final = 64
_LAST_SECOND: Final = 253_402_300_799
_ADDRESS = re.compile(r"[^\s@<>,;\"]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")


class IdentifierKind(StrEnum):
    """What names a person."""

    ID = "id"
    EMAIL = "email"
    CIO_ID = "cio_id"


@dataclass(frozen=True, slots=True)
class Identifier:
    """One name for a person: `id`, `email` (compared without case) or `cio_id`."""

    kind: IdentifierKind
    value: str


def read_identifier(text: str, *, takes_email: bool) -> Identifier:
    """Tell what a path segment names: `cio_…` a cio_id, an address an e-mail, anything else an id.

    Source: vendor's Track OpenAPI (2026).
    """
    if text.startswith("cio_") and len(text) > 4:
        return Identifier(IdentifierKind.CIO_ID, text[4:])
    if takes_email and is_address(text):
        return Identifier(IdentifierKind.EMAIL, text)
    return Identifier(IdentifierKind.ID, text)


def read_json(body: bytes) -> Any:
    """Parse JSON as strictly as Go's decoder; a lone surrogate becomes U+FFFD as it does there.

    Raises:
        ValueError: It is not JSON, holds a number outside a double, or nests deeper than 64.
    """
    text = body.decode("utf-8")
    try:
        value = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if text.count("[") + text.count("{") > _DEEPEST:
        _check_depth(value)
    return _without_surrogates(value) if "\\ud" in text.lower() else value


def seconds(value: object) -> int | None:
    """Read unix seconds, given as a number or digits; None for anything that is no such time."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 12:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LAST_SECOND:
        return None
    return int(value)


def instant(unix_s: int) -> datetime:
    """Give the instant of unix seconds."""
    return datetime.fromtimestamp(unix_s, UTC)


def size(value: object) -> int:
    """Count a value's bytes: of the text itself, or of the JSON that writes it."""
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return len(text.encode())


def is_address(text: str) -> bool:
    """Say whether text looks like one bare e-mail address."""
    return len(text) <= 320 and _ADDRESS.fullmatch(text) is not None


def parse_addresses(text: str) -> tuple[str, ...] | None:
    """Read a comma list of addresses, display names allowed; None when one of them is no address."""
    found = []
    for part in _split(text):
        address = part.strip()
        if address.endswith(">"):
            address = address[:-1].rpartition("<")[2].strip()
        if not is_address(address):
            return None
        found.append(address)
    return tuple(found)


def _split(text: str) -> list[str]:
    parts = [""]
    for index, piece in enumerate(text.split('"')):
        # Every second piece stands inside quotes, where a comma belongs to a display name.
        first, *others = [piece] if index % 2 else piece.split(",")
        parts[-1] += first
        parts += others
    return parts


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} does not fit a double")
    return value


def _check_depth(value: object) -> None:
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(_DEEPEST):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise ValueError("nested too deeply")


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    return value
