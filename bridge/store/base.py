"""What the bridge asks of a store: take webhooks in, hand deliveries out, settle them, and count.

An inbox row is one piece of a webhook; a delivery is one record for one destination. Every piece has at least one
outcome, so nothing that was accepted can be missing from the count.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from bridge.engagement import Engagement, SourceName

__all__ = [
    "Counts",
    "Delivery",
    "Identities",
    "Identity",
    "Intake",
    "Outcome",
    "Plan",
    "Planner",
    "Settlement",
    "State",
    "Store",
    "StoredDelivery",
]


class State(StrEnum):
    """Where a delivery stands. All but the first two are final."""

    PENDING = "pending"
    CLAIMED = "claimed"
    DELIVERED = "delivered"
    DEAD = "dead"
    UNCERTAIN = "uncertain"
    FILTERED = "filtered"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What is to become of an engagement at one destination.

    Attributes:
        state: `pending` to be sent, `filtered` or `quarantined` with a reason.
        destination: Whose dispatcher sends it; empty when it goes nowhere.
        operation: What is called there.
        path: Path of the call, for destinations that take one record per call.
        body: The record as it goes over the wire, JSON in UTF-8.
        lane: Deliveries of one lane are sent strictly one after the other; empty for no order.
        reason: Why it is not sent.
    """

    state: State
    destination: str = ""
    operation: str = ""
    path: str = ""
    body: bytes = b""
    lane: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """An address that Segment identified, and as whom."""

    user_id: str
    email: str
    identified_at: datetime


@dataclass(frozen=True, slots=True)
class Plan:
    """All outcomes of one engagement, at least one, and what is to be remembered of it."""

    outcomes: tuple[Outcome, ...]
    identity: Identity | None = None


class Identities(Protocol):
    """Whom Segment identified so far."""

    def user_of(self, email: str) -> str | None:
        """Say as which user an address was last identified; case does not count."""
        ...

    def address_of(self, user_id: str) -> str | None:
        """Say with which address a user was last identified."""
        ...


class Planner(Protocol):
    """Decides what becomes of a piece; never raises."""

    def __call__(self, intake: Intake, identities: Identities, /) -> Plan:
        """Give every outcome."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """One piece of a webhook on its way into the inbox.

    Attributes:
        dedup_key: Pieces with the same key are the same, until it expires.
        expires_at: When the key is forgotten.
        engagement: None when the piece cannot be read.
        problem: Why it cannot.
    """

    source: SourceName
    dedup_key: str
    raw: bytes
    where: str
    received_at: datetime
    expires_at: datetime
    engagement: Engagement | None
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One claimed delivery; whoever holds its fence may settle it.

    Attributes:
        seq: Its number in the outbox.
        attempts: This one included.
        created_ms: When it came in, UNIX milliseconds.
        fence: Number of the claim; a later claim has a higher one.
    """

    seq: int
    destination: str
    operation: str
    path: str
    body: bytes
    lane: str
    attempts: int
    created_ms: int
    fence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """How one attempt ended.

    Attributes:
        state: `pending` to try again, or a final state.
        reason: Why it is not delivered; the vendor's reference when it is.
        due_ms: When to try again, UNIX milliseconds.
    """

    delivery: Delivery
    state: State
    reason: str = ""
    due_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDelivery:
    """A delivery as people look at it."""

    seq: int
    engagement_id: str
    source: str
    kind: str
    destination: str
    operation: str
    state: State
    reason: str
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many records were accepted, and what became of them. A claimed one is still pending."""

    accepted: int = 0
    delivered: int = 0
    pending: int = 0
    dead: int = 0
    uncertain: int = 0
    filtered: int = 0
    quarantined: int = 0
    duplicate: int = 0

    @property
    def is_balanced(self) -> bool:
        """Whether everything that was accepted is accounted for, once."""
        accounted: int = sum(self.as_dict().values()) - self.accepted
        return self.accepted == accounted

    def keys(self) -> tuple[str, ...]:
        """Name the counts; with `counts[name]` it makes `dict(counts)`."""
        return tuple(each.name for each in fields(self))

    def __getitem__(self, name: str) -> int:
        number: int = getattr(self, name)
        return number

    def as_dict(self) -> dict[str, int]:
        """Give the counts by name."""
        return {name: self[name] for name in self.keys()}


class Store(Protocol):
    """Keeps inbox, outbox and identities. What a call changed is committed when it returns.

    Every method raises `StoreUnavailable` when the store cannot be read or written.
    """

    async def open(self) -> None:
        """Open it, and bring its schema up to date."""
        ...

    async def close(self) -> None:
        """Finish what is queued and close it."""
        ...

    async def take_in(self, intakes: Sequence[Intake], planner: Planner) -> tuple[bool, ...]:
        """Store pieces with their outcomes in one transaction, and say which of them were new.

        The planner sees what every earlier piece made known. A repeat is counted, and nothing else.
        """
        ...

    async def claim(
        self, destination: str, limit: int, *, now_ms: int, lease_ms: int
    ) -> tuple[Delivery, ...]:
        """Claim deliveries that are due, oldest first, and commit that an attempt at each has started."""
        ...

    async def settle(self, settlements: Sequence[Settlement], *, now_ms: int) -> int:
        """Settle attempts in one transaction; one whose fence has passed changes nothing.

        Returns:
            How many were settled.
        """
        ...

    async def recover(self, never_twice: Collection[str], *, retry: bool, now_ms: int) -> int:
        """Settle claims that a former process left behind.

        Args:
            never_twice: Operations whose attempt may have succeeded: they become uncertain.
            retry: Whether those are tried again nevertheless.
            now_ms: UNIX milliseconds.

        Returns:
            How many claims there were.
        """
        ...

    async def next_due_ms(self, destination: str) -> int | None:
        """Say when the next delivery of a destination is due; None when nothing waits."""
        ...

    def counts(self) -> Counts:
        """Count what was accepted and what became of it, as committed; answered at once."""
        ...

    async def waiting(self) -> dict[str, int]:
        """Count what is not settled yet, by destination."""
        ...

    async def deliveries(self, *states: State, limit: int = 100) -> tuple[StoredDelivery, ...]:
        """List deliveries in some states, or in any, oldest first."""
        ...
