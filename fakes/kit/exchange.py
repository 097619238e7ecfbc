"""What crosses a boundary, what happened at a vendor, and who is told of both.

An `Exchange` is one message with its answer and verdict. A `Fact` is the vendor's own ground truth: a mail
was opened, an event was stored, an SMS went out. Fakes hand both to an `Observer` and never look back.
Both are named tuples, because they are made for every message: a frozen dataclass of twenty fields takes three times
as long to make.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from contracts import Violation

__all__ = [
    "ACTOR_HEADER",
    "CAUSE_HEADER",
    "Exchange",
    "ExchangeKeeper",
    "Fact",
    "Observer",
    "actor_of",
    "current_cause",
]

ACTOR_HEADER: Final = "X-Journeylab-Actor"
"""Request header by which people and the scenario say who they are; a real client never sends it."""

CAUSE_HEADER: Final = "X-Journeylab-Cause"
"""Request header that names the journal entry which made a person or the scenario act."""

BRIDGE_AGENT: Final = "Journeylab-Bridge/"
"""How the `User-Agent` of the bridge begins, which says nothing else of who it is."""

_NO_DETAILS: Final[Mapping[str, Any]] = {}

current_cause: ContextVar[str] = ContextVar("current_cause", default="")
"""The journal entry being handled; tasks started meanwhile inherit it, so a webhook knows its cause."""


def actor_of(headers: Mapping[str, str]) -> str:
    """Say who sent a request, as far as its headers tell; empty when they do not.

    Args:
        headers: Names compare without case.
    """
    named = headers.get(ACTOR_HEADER, "")
    return named or ("bridge" if headers.get("User-Agent", "").startswith(BRIDGE_AGENT) else "")


class Exchange(NamedTuple):
    """One message that crossed a boundary, with its answer and verdict.

    Attributes:
        id: The journal's id for it, from `Observer.open_entry`.
        sender: Who sent it: a vendor, `bridge`, `client`, or a person's e-mail address.
        receiver: Who it was for: a vendor, or the host of a webhook's URL.
        contract: Whose contract judged it.
        operation: `operationId` or webhook name; empty when no contract knows the message.
        kind: `operation` when a vendor was called, `webhook` when it called.
        method: Upper case.
        url: Absolute.
        request_headers: As sent, names in their original case. A plain `dict` is handed over: nobody changes it.
        request_body: Raw bytes.
        status: The answer's status; None when there was no answer.
        response_headers: As received; the same holds.
        response_body: Raw bytes.
        started_at: When the request arrived, or was sent.
        ended_at: When the answer left, or arrived, or was given up.
        attempt: 1 for the first try of a webhook.
        error: Why there was no answer: `timeout`, `refused`, `reset`, …; empty otherwise.
        fault: The injected fault that touched it; empty otherwise.
        cause: Id of the journal entry that caused it; empty when unknown.
        violations: Every way in which it breaks its contract.
    """

    id: str
    sender: str
    receiver: str
    contract: str
    operation: str
    kind: Literal["operation", "webhook"]
    method: str
    url: str
    request_headers: Mapping[str, str]
    request_body: bytes
    status: int | None
    response_headers: Mapping[str, str]
    response_body: bytes
    started_at: datetime
    ended_at: datetime
    attempt: int = 1
    error: str = ""
    fault: str = ""
    cause: str = ""
    violations: tuple[Violation, ...] = ()


class Fact(NamedTuple):
    """Something that is now true at a vendor: the ground truth which the ledger counts.

    Attributes:
        vendor: Where it is true.
        kind: What happened, in the vendor's own closed set of words; see each fake's `facts`.
        subject: Whom it is about: the e-mail address where there is one, else the vendor's id.
        at: The event's own time, which may differ from when it was learnt.
        details: JSON values that identify and describe it.
        cause: Id of the journal entry in which it became true.
    """

    vendor: str
    kind: str
    subject: str
    at: datetime
    details: Mapping[str, Any] = _NO_DETAILS
    cause: str = ""


class Observer(Protocol):
    """Whoever wants to know: the journal in a world, a list in a test."""

    def open_entry(self) -> str:
        """Reserve the id of the next journal entry."""
        ...

    def exchange(self, exchange: Exchange) -> None:
        """Take one exchange, once it is over."""
        ...

    def fact(self, fact: Fact) -> None:
        """Take one fact, at once."""
        ...

    def failed(self, error: BaseException) -> None:
        """Take a programming error inside a fake; whoever runs the world raises it."""
        ...


class ExchangeKeeper(Protocol):
    """Whoever keeps a fake's own exchanges besides the observer: the control API."""

    def keep(self, exchange: Exchange) -> None:
        """Take one exchange, once it is over."""
        ...
