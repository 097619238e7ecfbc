"""What goes into a store and comes out of it.

An inbox row is one piece of a webhook; a delivery is one record for one destination. Every piece has at least one
outcome, so nothing that was accepted can be missing from the count.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from bridge.engagement import Engagement, SourceName

__all__ = [
    "OPEN",
    "Admission",
    "Counts",
    "Delivery",
    "DeliveryFile",
    "Evidence",
    "Identities",
    "Identity",
    "Intake",
    "Outcome",
    "Pause",
    "Plan",
    "Planner",
    "Settlement",
    "Standing",
    "State",
    "StoredDelivery",
    "Turns",
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


OPEN: Final = frozenset({State.PENDING, State.CLAIMED})
"""States in which a delivery is still under way."""


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
        match_key: What later evidence of its effect would carry, see `Plan.evidence`; empty when nothing would.
    """

    state: State
    destination: str = ""
    operation: str = ""
    path: str = ""
    body: bytes = b""
    lane: str = ""
    reason: str = ""
    match_key: str = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """An address that Segment identified, and as whom."""

    user_id: str
    email: str
    identified_at: datetime


@dataclass(frozen=True, slots=True)
class Evidence:
    """Proof that a delivery had its effect.

    Attributes:
        match_key: The key of the delivery, see `Outcome.match_key`.
        at_ms: When it had its effect, UNIX milliseconds; only a delivery that came in before is proved.
    """

    match_key: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Plan:
    """All outcomes of one engagement, at least one, and what is to be remembered of it.

    Attributes:
        outcomes: What becomes of it.
        identity: Whom it makes known.
        evidence: What it proves. Each proof settles one delivery as delivered: one that is uncertain, or else one
            that becomes uncertain later.
    """

    outcomes: tuple[Outcome, ...]
    identity: Identity | None = None
    evidence: tuple[Evidence, ...] = ()


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
        lease_ms: Until when it belongs to its claimer, UNIX milliseconds.
        match_key: See `Outcome.match_key`.
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
    lease_ms: int = 0
    match_key: str = ""

    @classmethod
    def of_row(cls, row: Iterable[Any]) -> Delivery:
        """Make one of a row of a store, whose columns stand in the order of the fields."""
        seq, destination, operation, path, body, lane, attempts, created_ms, fence, lease_ms, match_key = row
        return cls(
            seq=seq,
            destination=destination,
            operation=operation,
            path=path,
            body=body,
            lane=lane,
            attempts=attempts,
            created_ms=created_ms,
            fence=fence,
            lease_ms=lease_ms,
            match_key=match_key,
        )


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
    """A delivery as people look at it in a list: without anything personal.

    Attributes:
        seq: Its number in the outbox.
        inbox_seq: The number of the piece that it comes from.
        created_ms: When it came in or was requeued, UNIX milliseconds.
        due_ms: When it is to be tried, UNIX milliseconds.
        settled_ms: When it got its final state; None while it is open.
    """

    seq: int
    inbox_seq: int
    engagement_id: str
    source: str
    kind: str
    destination: str
    operation: str
    state: State
    reason: str
    attempts: int
    created_ms: int
    due_ms: int
    settled_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFile:
    """All that is known of one delivery, and the piece of a webhook that it comes from.

    Attributes:
        delivery: The delivery as a list shows it.
        body: The record as it goes over the wire.
        where: Which inlet the piece came by, see `Intake.where`.
        raw: The piece as it came.
        received_ms: When the piece came, UNIX milliseconds.
    """

    delivery: StoredDelivery
    path: str
    lane: str
    body: bytes
    match_key: str
    dedup_key: str
    where: str
    raw: bytes
    received_ms: int


@dataclass(frozen=True, slots=True)
class Admission:
    """Which names may be used, see `Store.admit_names`.

    Attributes:
        names: Those that were in use already, or that there was room for.
        used: How many are in use now.
    """

    names: frozenset[str]
    used: int


@dataclass(frozen=True, slots=True)
class Turns:
    """Turns that were taken at a destination, see `SharedTurns.take_turns`.

    Attributes:
        granted: How many.
        at_ms: When, by the store's clock, UNIX milliseconds.
        wait_ms: How long it is until there may be more; 0 when there are some now.
    """

    granted: int
    at_ms: int
    wait_ms: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How many deliveries of a destination are in a state, and when the oldest of them came in.

    Attributes:
        destination: Empty for what goes nowhere.
        oldest_ms: UNIX milliseconds.
    """

    destination: str
    state: State
    number: int
    oldest_ms: int


@dataclass(frozen=True, slots=True)
class Pause:
    """Until when a destination is left alone, and why.

    Attributes:
        until_ms: UNIX milliseconds.
        probes: How often credentials were refused in a row; 0 when the vendor only asked for time.
    """

    until_ms: int = 0
    reason: str = ""
    probes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many outcomes were accepted, and what became of them; those that retention deleted included.

    A claimed one is still pending.
    """

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
