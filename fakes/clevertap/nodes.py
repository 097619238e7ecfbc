"""What journeys are made of: segment, engagement and controller nodes, links between them, and goals.

Source: CleverTap user docs, `journey-components`, `journeys faqs`, `setup-journey`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from math import inf
from typing import TYPE_CHECKING, Any, ClassVar, Final

from fakes.clevertap.control_groups import Control
from fakes.clevertap.errors import InvalidJourney
from fakes.clevertap.spans import check_span, check_word

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fakes.clevertap.filters import Where

__all__ = [
    "Action",
    "ChangeProfile",
    "Exit",
    "Goal",
    "Inaction",
    "IntelliNode",
    "Journey",
    "JourneyTrigger",
    "Link",
    "Listed",
    "Message",
    "Node",
    "OnTheDate",
    "Past",
]

_NOTHING: Final = timedelta(0)
_MOST_GOALS: Final = 3
_USUAL_CONTROL: Final = Control()


@dataclass(frozen=True, slots=True)
class Link:
    """The way to the next node.

    Attributes:
        to: Name of the node.
        after: How long a person sleeps on the way.
    """

    to: str
    after: timedelta = _NOTHING

    def __post_init__(self) -> None:
        check_span("after", self.after, may_be_none=True)


Paths = dict[str, Link]


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Segment node: somebody does something.

    Attributes:
        event: What they do.
        where: Conditions on the event's properties.
        gives_up_after: Node time-out, looked at once an hour; None waits as long as the journey lasts.
        paths: `yes`, `timeout`.
    """

    can_begin: ClassVar[bool] = True
    known_paths: ClassVar[tuple[str, ...]] = ("yes", "timeout")
    event: str
    where: tuple[Where, ...] = ()
    gives_up_after: timedelta | None = None
    paths: Mapping[str, Link] = field(default_factory=Paths)

    def __post_init__(self) -> None:
        check_word("event", self.event)
        check_span("gives_up_after", self.gives_up_after)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inaction:
    """Segment node: somebody does A, and then not B within a time.

    Attributes:
        did: A.
        did_not: B; of several, one that did not happen is enough (they are joined by OR).
        within: How long B may take.
        constant: The property that must be the same in A and B; empty for none.
        where: Conditions on the properties of A.
        gives_up_after: Node time-out: how long A may take; None as long as the journey lasts.
        paths: `yes` (A and no B within the time), `no` (A and B, or A came too late), `timeout` (A never came).
    """

    can_begin: ClassVar[bool] = True
    known_paths: ClassVar[tuple[str, ...]] = ("yes", "no", "timeout")
    did: str
    did_not: tuple[str, ...]
    within: timedelta
    constant: str = ""
    where: tuple[Where, ...] = ()
    gives_up_after: timedelta | None = None
    paths: Mapping[str, Link] = field(default_factory=Paths)

    def __post_init__(self) -> None:
        check_word("did", self.did)
        if not self.did_not:
            raise ValueError("did_not is empty, wanted at least one event")
        for event in self.did_not:
            check_word("did_not", event)
        check_span("within", self.within)
        check_span("gives_up_after", self.gives_up_after)


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """Segment node: somebody is in a segment by past behaviour.

    As an entry it is looked at when the journey is published, and then at 00:00 of the account.

    Attributes:
        segment: Its name.
        gives_up_after: Node time-out, looked at once an hour.
        paths: `yes`, `timeout`.
    """

    can_begin: ClassVar[bool] = True
    known_paths: ClassVar[tuple[str, ...]] = ("yes", "timeout")
    segment: str
    gives_up_after: timedelta | None = None
    paths: Mapping[str, Link] = field(default_factory=Paths)

    def __post_init__(self) -> None:
        check_span("gives_up_after", self.gives_up_after)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """Segment node: somebody is on a custom list.

    Attributes:
        segment: Name of the list.
        gives_up_after: Node time-out, looked at once an hour.
        paths: `yes`, `timeout`.
    """

    can_begin: ClassVar[bool] = True
    known_paths: ClassVar[tuple[str, ...]] = ("yes", "timeout")
    segment: str
    gives_up_after: timedelta | None = None
    paths: Mapping[str, Link] = field(default_factory=Paths)

    def __post_init__(self) -> None:
        check_span("gives_up_after", self.gives_up_after)


@dataclass(frozen=True, slots=True, kw_only=True)
class OnTheDate:
    """Segment node: the date in a profile property has come.

    Attributes:
        property: Holds the date, `$D_<seconds>`.
        offset: After the date, or before it when negative.
        paths: `yes`, `no` (no date, or it is past).
    """

    can_begin: ClassVar[bool] = True
    known_paths: ClassVar[tuple[str, ...]] = ("yes", "no")
    property: str
    offset: timedelta = _NOTHING
    paths: Mapping[str, Link] = field(default_factory=Paths)

    def __post_init__(self) -> None:
        check_word("property", self.property)
        check_span("offset", abs(self.offset), may_be_none=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class JourneyTrigger:
    """Segment node: somebody is sent in by hand or by another journey.

    Attributes:
        paths: `yes`.
    """

    can_begin: ClassVar[bool] = True
    known_paths: ClassVar[tuple[str, ...]] = ("yes",)
    paths: Mapping[str, Link] = field(default_factory=Paths)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Engagement node: sends a campaign that has no `when` of its own.

    Attributes:
        campaign: Its name.
        listens_for: How long views and clicks are waited for.
        in_account_time: Whether it goes at once in a journey in local time too ("exclude this node from user
            timezone").
        paths: `sent`, `failed`, `unreachable`, `viewed`, `clicked`, `delivered`; of a webhook only the first two.
    """

    can_begin: ClassVar[bool] = False
    known_paths: ClassVar[tuple[str, ...]] = (
        "sent",
        "failed",
        "unreachable",
        "viewed",
        "clicked",
        "delivered",
    )
    campaign: str
    listens_for: timedelta = timedelta(days=7)
    in_account_time: bool = False
    paths: Mapping[str, Link] = field(default_factory=Paths)

    def __post_init__(self) -> None:
        check_span("listens_for", self.listens_for, may_be_none=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeProfile:
    """Controller: sets profile properties.

    Attributes:
        properties: Operators (`{"$incr": 1}`) work as in an upload.
        paths: `next`.
    """

    can_begin: ClassVar[bool] = False
    known_paths: ClassVar[tuple[str, ...]] = ("next",)
    properties: Mapping[str, Any]
    paths: Mapping[str, Link] = field(default_factory=Paths)


@dataclass(frozen=True, slots=True, kw_only=True)
class IntelliNode:
    """Controller: sends each person down one of several paths by fixed shares; it learns nothing.

    Attributes:
        shares: By path, in any unit.
        paths: Those of `shares`.
    """

    can_begin: ClassVar[bool] = False
    known_paths: ClassVar[tuple[str, ...]] = ()
    shares: Mapping[str, float]
    paths: Mapping[str, Link] = field(default_factory=Paths)

    def __post_init__(self) -> None:
        shares = tuple(self.shares.values())
        if not all(0 <= share < inf for share in shares) or not 0 < sum(shares) < inf:
            raise ValueError(f"shares {dict(self.shares)}, wanted at least one above 0 and none below")


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """Controller: force exit; whoever comes here leaves the journey."""

    can_begin: ClassVar[bool] = False
    known_paths: ClassVar[tuple[str, ...]] = ()
    paths: Mapping[str, Link] = field(default_factory=Paths)


Node = (
    Action
    | Inaction
    | Past
    | Listed
    | OnTheDate
    | JourneyTrigger
    | Message
    | ChangeProfile
    | IntelliNode
    | Exit
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """Whoever reaches it leaves the journey: an action at once, a past behaviour at 00:00.

    Attributes:
        name: Of the goal.
        event: The action; empty for a past behaviour.
        segment: Name of the segment by past behaviour.
        where: Conditions on the event's properties.
    """

    name: str
    event: str = ""
    segment: str = ""
    where: tuple[Where, ...] = ()

    def __post_init__(self) -> None:
        if bool(self.event) is bool(self.segment):
            raise InvalidJourney(f"goal {self.name!r}: wanted either an event or a segment")


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """A journey as it is published.

    Attributes:
        name: Unique in the account.
        nodes: By name; the first is the entry, a segment node.
        goals: At most three.
        re_entry: Whether somebody who left may enter again.
        ends_after: Journey time-out, from when it is published: then it ends for everyone; None for never.
        in_local_time: Whether messages go when each person's own clock shows what the account's shows as they come to
            the node; where that is past, on the next day.
        control: Who is kept out of it, to be compared with; campaigns in it keep nobody out themselves.

    Raises:
        InvalidJourney: The parts do not fit together.
    """

    name: str
    nodes: Mapping[str, Node]
    goals: tuple[Goal, ...] = ()
    re_entry: bool = False
    ends_after: timedelta | None = None
    in_local_time: bool = False
    control: Control = _USUAL_CONTROL

    def __post_init__(self) -> None:
        check_span("ends_after", self.ends_after)
        if not self.nodes:
            raise InvalidJourney(f"journey {self.name!r} has no node, wanted an entry at least")
        if not self.nodes[self.entry].can_begin:
            kind = type(self.nodes[self.entry]).__name__
            raise InvalidJourney(
                f"journey {self.name!r} begins with {kind} {self.entry!r}, wanted a segment node"
            )
        if len(self.goals) > _MOST_GOALS:
            raise InvalidJourney(
                f"journey {self.name!r} has {len(self.goals)} goals, wanted at most {_MOST_GOALS}"
            )
        for name, node in self.nodes.items():
            self._check_paths(name, node)
        self._check_order()

    @property
    def entry(self) -> str:
        """Name of the first node."""
        return next(iter(self.nodes))

    def _check_paths(self, name: str, node: Node) -> None:
        known = tuple(node.shares) if isinstance(node, IntelliNode) else node.known_paths
        for path, link in node.paths.items():
            if path not in known:
                raise InvalidJourney(
                    f"journey {self.name!r}, node {name!r}: path {path!r}, "
                    f"wanted one of {', '.join(known) or 'none'}"
                )
            if link.to not in self.nodes:
                raise InvalidJourney(
                    f"journey {self.name!r}, node {name!r}: path {path!r} leads to {link.to!r}; "
                    f"there are {', '.join(self.nodes)}"
                )

    def _check_order(self) -> None:
        """Refuse a journey that goes round in a circle."""
        done: set[str] = set()

        def follow(name: str, way: tuple[str, ...]) -> None:
            if name in way:
                raise InvalidJourney(f"journey {self.name!r} goes in a circle: {' → '.join((*way, name))}")
            if name in done:
                return
            for link in self.nodes[name].paths.values():
                follow(link.to, (*way, name))
            done.add(name)

        for name in self.nodes:
            follow(name, ())
