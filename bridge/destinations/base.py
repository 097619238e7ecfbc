"""What every destination does: turn claimed records into one call, and judge its end record by record.

A call ends in an answer, or in a failure before or after the request left. What that means for each record is a
verdict; delivery carries verdicts out and knows no vendor.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from bridge.store import Delivery

__all__ = [
    "Answer",
    "Call",
    "Destination",
    "Failed",
    "Guarantee",
    "Limits",
    "Verdict",
    "What",
    "all_alike",
    "judge_failure",
    "judge_status",
    "parse_object",
    "wait_asked_s",
]

_EPOCH_FROM: Final = 1_000_000_000
"""From here on a number of seconds is a moment and no waiting time."""


class Guarantee(StrEnum):
    """What a destination's operation bears."""

    AT_LEAST_ONCE = "at least once"
    NEVER_TWICE = "never twice"


class Failed(StrEnum):
    """How a call can end without an answer."""

    BEFORE_SENDING = "not sent"
    AFTER_SENDING = "no answer"


class What(StrEnum):
    """What is to happen with a record."""

    DELIVERED = "delivered"
    RETRY = "retry"
    PAUSE = "pause"
    HALVE = "halve"
    UNCERTAIN = "uncertain"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to happen with one record, and why.

    Attributes:
        reason: Why; the vendor's reference when it is delivered.
        wait_s: How long the vendor asks to be left alone; None when it does not say.
    """

    what: What
    reason: str = ""
    wait_s: float | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request.

    Attributes:
        is_fresh: Whether it wants a connection of its own. One that was kept alive may be closed by the vendor at the
            very moment that it is used, which looks like a request that may have arrived.
    """

    url: str
    headers: Mapping[str, str]
    body: bytes
    method: str = "POST"
    is_fresh: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer; names of headers compare without case.

    Attributes:
        at: When it came.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How a vendor wants to be called.

    Attributes:
        records: Records per call.
        record_bytes: Bytes of all records of a call.
        concurrency: Calls in flight.
        rate_per_s: Calls per second; 0 is no limit.
        linger_s: How long a batch waits for company, in seconds.
        event_types: Different types of event that the account may have; 0 is no limit.
    """

    records: int = 1
    record_bytes: int = 16 * 1024 * 1024
    concurrency: int = 1
    rate_per_s: float = 0.0
    linger_s: float = 0.0
    event_types: int = 0


class Destination(Protocol):
    """One vendor account that the bridge writes to."""

    @property
    def name(self) -> str:
        """As deliveries name it."""
        ...

    @property
    def is_on(self) -> bool:
        """Whether there are credentials for it."""
        ...

    @property
    def limits(self) -> Limits:
        """How the vendor wants to be called."""
        ...

    @property
    def guarantees(self) -> Mapping[str, Guarantee]:
        """What each of its operations bears."""
        ...

    def event_type(self, delivery: Delivery) -> str:
        """Name the type of event that a record is, as the vendor tells types apart; empty where it counts none."""
        ...

    def call(self, deliveries: Sequence[Delivery]) -> Call:
        """Make the call that hands these records over."""
        ...

    def judge(self, deliveries: Sequence[Delivery], end: Answer | Failed) -> Sequence[Verdict]:
        """Say for each record what the end of the call means."""
        ...


def all_alike(deliveries: Sequence[Delivery], verdict: Verdict) -> list[Verdict]:
    """Give every record the same verdict."""
    return [verdict] * len(deliveries)


def judge_failure(failed: Failed, guarantee: Guarantee) -> Verdict:
    """Judge a call without an answer: the vendor may have acted once the request had left."""
    if failed is Failed.AFTER_SENDING and guarantee is Guarantee.NEVER_TWICE:
        return Verdict(What.UNCERTAIN, failed)
    return Verdict(What.RETRY, failed)


def judge_status(answer: Answer, guarantee: Guarantee) -> Verdict:
    """Judge an answer that is not 2xx, as all vendors mean it.

    408, 500, 502 and 504 do not tell whether the vendor had acted: for what must never happen twice they are as
    unclear as no answer. 425, 429 and 503 say that it had not.
    """
    status = answer.status
    reason = f"http_{status}"
    if status in (401, 403):
        return Verdict(What.PAUSE, reason)
    if status in (400, 413, 422):
        return Verdict(What.HALVE, reason)
    if status in (425, 429, 503):
        return Verdict(What.RETRY, reason, wait_asked_s(answer))
    if status == 408 or status >= 500:
        if guarantee is Guarantee.NEVER_TWICE:
            return Verdict(What.UNCERTAIN, reason)
        return Verdict(What.RETRY, reason, wait_asked_s(answer))
    return Verdict(What.DEAD, reason)


def wait_asked_s(answer: Answer) -> float | None:
    """Read how long the vendor asks to be left alone.

    `Retry-After` is seconds or an HTTP date; `X-RateLimit-Reset` is seconds, or a moment in UNIX seconds.

    Source: RFC 9110, 10.2.3; Segment docs, "HTTP API: rate limits".
    """
    now = answer.at
    for name in ("Retry-After", "X-RateLimit-Reset"):
        value = answer.headers.get(name, "").strip()
        if not value:
            continue
        try:
            seconds = float(value)
        except ValueError:
            try:
                seconds = (parsedate_to_datetime(value) - now).total_seconds()
            except (ValueError, TypeError, OverflowError):
                continue
        else:
            if seconds >= _EPOCH_FROM:
                seconds -= now.timestamp()
        if seconds == seconds and seconds != float("inf"):  # noqa: PLR0124 - not a number is not itself
            return max(0.0, seconds)
    return None


def parse_object(body: bytes) -> dict[str, Any] | None:
    """Parse an answer as a JSON object; None when it is none."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
