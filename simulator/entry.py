"""What a journal is made of: one entry for each exchange, fact, step and note."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from contracts import Violation
    from fakes.kit.exchange import Exchange, Fact

__all__ = ["Entry", "EntryKind", "Fields", "Note", "Step", "entry_id", "entry_number", "settled"]


_LAST_PADDED: Final = 99_999


class EntryKind(StrEnum):
    """What an entry records."""

    EXCHANGE = "exchange"
    FACT = "fact"
    STEP = "step"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Something that a person or the scenario did, or that reached a person.

    Attributes:
        id: The journal's id for it.
        at: When.
        actor: A person's e-mail address, or `scenario`.
        verb: What, in words: `open`, `receive mail`, `launch`.
        details: JSON values; `receive mail` has `subject`, `html`, `amp` and `vendor`.
        cause: Id of the journal entry that made the actor do it; empty for a beginning.
    """

    id: str
    at: datetime
    actor: str
    verb: str
    details: Mapping[str, Any] = field(default_factory=dict)
    cause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something about the run itself: a failure inside a fake, a process that was started.

    Attributes:
        id: The journal's id for it.
        at: When.
        text: One line.
        details: JSON values.
    """

    id: str
    at: datetime
    text: str
    details: Mapping[str, Any] = field(default_factory=dict)


class Entry(NamedTuple):
    """One line of the journal; a named tuple as what it holds, and for the same reason.

    Attributes:
        id: `e000001`, `e000002`, …; an effect has a higher one than its cause.
        at: When it began, or was learnt: an aware UTC instant. A fact's own time is `payload.at`.
        kind: What `payload` is.
        payload: The record itself.
        causes: Ids of the entries that caused it, as known when it was recorded. `Journal.causes` may know more.
    """

    id: str
    at: datetime
    kind: EntryKind
    payload: Exchange | Fact | Step | Note
    causes: tuple[str, ...] = ()


Fields = tuple["str", "datetime", EntryKind, "Exchange | Fact | Step | Note", "tuple[str, ...]"]
"""The fields of an entry that nobody has asked for yet."""


def entry_id(number: int) -> str:
    """Give the id of the entry with this number, counted from 1."""
    # Zeros in front take twice as long, and there are hundreds of thousands of ids without.
    return f"e{number}" if number > _LAST_PADDED else f"e{number:06d}"


def entry_number(identity: str) -> int:
    """Give the number behind an id; 0 for what is no id of a journal entry."""
    digits = identity[1:]
    return int(digits) if identity[:1] == "e" and digits.isascii() and digits.isdigit() else 0


def settled(exchange: Exchange, violations: tuple[Violation, ...]) -> Exchange:
    """Give an exchange with its final verdict and with headers that its sender can no longer change."""
    if (
        type(exchange.request_headers) is dict
        and type(exchange.response_headers) is dict
        and violations is exchange.violations
    ):
        return exchange
    return exchange._replace(
        request_headers=_plain(exchange.request_headers),
        response_headers=_plain(exchange.response_headers),
        violations=violations,
    )


def _plain(headers: Mapping[str, str]) -> Mapping[str, str]:
    return headers if type(headers) is dict else dict(headers.items())
