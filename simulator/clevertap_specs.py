"""A scenario's CleverTap account as typed values: campaigns, segments, journeys, limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "CampaignSpec",
    "ChannelLimitsSpec",
    "ControlGroupSpec",
    "ControlSpec",
    "ConversionSpec",
    "JourneySpec",
    "LimitsSpec",
    "LinkSpec",
    "NodeSpec",
    "SegmentSpec",
    "When",
]


@dataclass(frozen=True, slots=True)
class ControlGroupSpec:
    """A control group of everybody: percent, and the name; the system group has the dashboard's own."""

    percent: float
    name: str


@dataclass(frozen=True, slots=True)
class ControlSpec:
    """Who is kept out of a campaign or a journey.

    Attributes:
        system: Whether the account's system group is.
        groups: Custom groups that are, too.
        percent: Percent of those who qualify that are, for this one alone; None for nobody.
    """

    system: bool = True
    groups: tuple[str, ...] = ()
    percent: float | None = None


@dataclass(frozen=True, slots=True)
class ConversionSpec:
    """What a campaign is for.

    Attributes:
        event: What counts as a conversion.
        within_s: How long after the message; zero for the fake's own.
        where: Properties that the event must have.
        revenue: The property that is summed up; empty for none.
    """

    event: str
    within_s: float = 0
    where: Mapping[str, Any] = field(default_factory=dict)
    revenue: str = ""


@dataclass(frozen=True, slots=True)
class When:
    """What makes a CleverTap campaign fire by itself, or what an entry or node of a journey waits for.

    Attributes:
        did: An event.
        did_not: Events of which one stays away.
        within_s: How long they may.
        after: What they should follow: an event, or a webhook campaign.
        constant: The property that must be the same in both.
        where: Properties that the event must have.
        delay_s: Waits so long after qualifying.
        segment: Name of a segment.
        at_s: When everybody in it is reached, in seconds after the start; None for a campaign that a step launches.
        every_s: Again so often after that; zero for once.
        in_local_time: Whether people are reached when their own clock shows what the account's shows then.
        catches_up: Whether who was past that time at the start is reached on the next day.
        date: Profile property, or property of the event `of`, that holds a date.
        of: The event whose date it is.
        offset_s: Seconds after the date; negative before it.
        is_external: Whether only the external trigger API sends it.
    """

    did: str = ""
    did_not: tuple[str, ...] = ()
    within_s: float = 0
    after: str = ""
    constant: str = ""
    where: Mapping[str, Any] = field(default_factory=dict)
    delay_s: float = 0
    segment: str = ""
    at_s: float | None = None
    every_s: float = 0
    in_local_time: bool = False
    catches_up: bool = True
    date: str = ""
    of: str = ""
    offset_s: float = 0
    is_external: bool = False


@dataclass(frozen=True, slots=True)
class LimitsSpec:
    """Limits of a campaign.

    Attributes:
        throttle: Messages in five minutes; None for no limit.
        gap_s: Least seconds between two messages to one person; zero for none.
        cap: Messages in all; None for no end.
        quiet: Do-not-disturb hours, from and to in seconds after midnight; None for none.
        discards: Whether quiet hours throw messages away.
        in_local_time: Whether quiet hours are those of each person's own clock.
    """

    throttle: int | None = None
    gap_s: float = 0
    cap: int | None = None
    quiet: tuple[int, int] | None = None
    discards: bool = False
    in_local_time: bool = False


@dataclass(frozen=True, slots=True)
class ChannelLimitsSpec:
    """Limits of a channel: as of a campaign, and at most so many messages in so many seconds."""

    throttle: int | None = None
    gap_s: float = 0
    most: int | None = None
    within_s: float = 0


@dataclass(frozen=True, slots=True)
class CampaignSpec:
    """A CleverTap campaign.

    Attributes:
        calls: Name of the Mailmodo campaign that a webhook campaign triggers.
        via: `bridge`, or `mailmodo` for the campaign's own trigger URL.
        body: Custom Body of a webhook campaign.
        text: Text of an SMS or push, HTML of an e-mail.
        when: None for a campaign that a step launches or a journey sends.
        title: Of a push, or the subject of an e-mail.
        link: Where a push leads.
        limits: How fast and how often it sends.
        control: Who gets nothing, to be compared with.
        conversion: What it is for; None counts nothing.
    """

    name: str
    channel: str
    calls: str
    via: str
    body: Mapping[str, Any] | str
    text: str
    when: When | None
    title: str = ""
    link: str = ""
    limits: LimitsSpec = field(default_factory=LimitsSpec)
    control: ControlSpec = field(default_factory=ControlSpec)
    conversion: ConversionSpec | None = None


@dataclass(frozen=True, slots=True)
class SegmentSpec:
    """People by past behaviour and properties; all that is said must hold.

    Attributes:
        did: Events of which one was done.
        did_not: Events of which none was done.
        within_s: How far back both look; zero for all time.
        at_least: How often `did`.
        has: Profile properties.
    """

    name: str
    did: tuple[str, ...] = ()
    did_not: tuple[str, ...] = ()
    within_s: float = 0
    at_least: int = 1
    has: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LinkSpec:
    """The way to the next node, and how many seconds of sleep are on it."""

    to: str
    after_s: float = 0


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """A node of a journey. One of `when`, `send`, `sets`, `splits`, `is_exit` and `is_trigger` says which kind.

    Attributes:
        when: A segment node waits for this.
        send: An engagement node sends this campaign.
        sets: A controller sets these profile properties.
        splits: A controller sends shares of people down these paths.
        is_exit: A controller takes people out.
        is_trigger: The entry for people whom a step sends in.
        gives_up_after_s: Node time-out; zero for none.
        listens_for_s: How long a message waits for views and clicks; zero for the fake's own.
        in_account_time: Whether a message of a journey in local time goes at once.
        then: Where each path leads.
    """

    name: str
    when: When | None = None
    send: str = ""
    sets: Mapping[str, Any] = field(default_factory=dict)
    splits: Mapping[str, float] = field(default_factory=dict)
    is_exit: bool = False
    is_trigger: bool = False
    gives_up_after_s: float = 0
    listens_for_s: float = 0
    in_account_time: bool = False
    then: Mapping[str, LinkSpec] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JourneySpec:
    """A journey; its first node is the entry.

    Attributes:
        goals: Events that end it for whoever does them.
        goal_segments: Segments that do so at midnight.
        ends_after_s: When it ends for everyone; zero for never.
        in_local_time: Whether messages go when each person's own clock shows what the account's shows.
        control: Who is kept out of it.
    """

    name: str
    nodes: tuple[NodeSpec, ...]
    goals: tuple[str, ...] = ()
    goal_segments: tuple[str, ...] = ()
    re_entry: bool = False
    ends_after_s: float = 0
    in_local_time: bool = False
    control: ControlSpec = field(default_factory=ControlSpec)

    @property
    def is_triggered(self) -> bool:
        """Whether a step sends people in."""
        return self.nodes[0].is_trigger
