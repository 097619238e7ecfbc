"""Who qualifies for a campaign: at once, for staying silent, by the past, on a date, or when an API says so.

Source: CleverTap user docs, `segments` and `types-of-segments`; developer docs, `webhooks`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from fakes.clevertap.spans import check_span, check_word

if TYPE_CHECKING:
    from fakes.clevertap.filters import Where

__all__ = [
    "CameFrom",
    "Did",
    "DidNot",
    "External",
    "InSegment",
    "OnDate",
    "PageView",
    "SawPage",
    "SawPages",
    "Trigger",
]

_NOTHING = timedelta(0)


@dataclass(frozen=True, slots=True)
class Did:
    """Live, single action: everybody who does something qualifies at once.

    Attributes:
        event: Name of the event, compared as CleverTap compares names.
        where: Conditions on the event's properties.
        delay: Waits so long after qualifying.
    """

    event: str
    where: tuple[Where, ...] = ()
    delay: timedelta = _NOTHING

    def __post_init__(self) -> None:
        check_word("event", self.event)
        check_span("delay", self.delay, may_be_none=True)


@dataclass(frozen=True, slots=True)
class DidNot:
    """Live, inaction within a time: somebody did A, then not B.

    The time starts when A arrives. While it runs, a further A starts no second one. It is judged at its end: B
    counts when its own time lies between that of A and the end, and it has arrived by then.

    Attributes:
        event: B, the event that must not happen.
        within: How long to wait for it.
        after: A: an event's name, or the name of a webhook campaign; then A is the moment in which that
            campaign's webhook was taken for the person.
        constant: The property that must be the same in A and B ("constant event property"); empty for none.
        where: Conditions on the properties of A.
        delay: Waits so long after qualifying.
    """

    event: str
    within: timedelta
    after: str
    constant: str = ""
    where: tuple[Where, ...] = ()
    delay: timedelta = _NOTHING

    def __post_init__(self) -> None:
        check_word("event", self.event)
        check_word("after", self.after)
        check_span("within", self.within)
        check_span("delay", self.delay, may_be_none=True)


@dataclass(frozen=True, slots=True)
class InSegment:
    """Past behaviour or custom list: everybody who is in a segment when the campaign runs.

    Membership is judged afresh at every run.

    Attributes:
        segment: Name of the segment or list.
        at: When it runs; None for a campaign that is launched.
        every: Runs again so often after the first time; None for once.
        in_local_time: Whether `at` is the time on each person's own clock: it shows when it is `at` in the
            account's zone, and they are reached as it comes to be so where they are.
        catches_up: Whether who was past that time when the campaign was published gets it on the next day; if
            not, they do not get it.
    """

    segment: str
    at: datetime | None = None
    every: timedelta | None = None
    in_local_time: bool = False
    catches_up: bool = True

    def __post_init__(self) -> None:
        check_span("every", self.every)


@dataclass(frozen=True, slots=True)
class OnDate:
    """Live, on a date: at a distance from the date that stands in a property.

    Attributes:
        property: Holds the date, `$D_<seconds>`.
        offset: After the date, or before it when negative.
        event: Name of the event that has the property; empty for a property of the profile.
    """

    property: str
    offset: timedelta = _NOTHING
    event: str = ""

    def __post_init__(self) -> None:
        check_word("property", self.property)
        check_span("offset", abs(self.offset), may_be_none=True)


@dataclass(frozen=True, slots=True)
class External:
    """Only a call of the external trigger API sends the campaign."""


class PageView(NamedTuple):
    """One page that somebody looked at.

    Attributes:
        url: Of the page.
        referrer: Where the browser came from into the session; empty on later pages, and when it is not known.
        number: Which page of the session it is, from 1.
    """

    url: str
    referrer: str
    number: int


@dataclass(frozen=True, slots=True)
class SawPage:
    """Live, page visit: everybody who looks at a page of the website qualifies at once.

    Attributes:
        url: Part of its address, or all of it.
        is_whole: Whether it must be all of it.
        delay: Waits so long after qualifying.
    """

    url: str
    is_whole: bool = False
    delay: timedelta = _NOTHING

    def __post_init__(self) -> None:
        check_span("delay", self.delay, may_be_none=True)

    def is_met(self, view: PageView) -> bool:
        """Say whether a page is meant."""
        return view.url == self.url if self.is_whole else self.url in view.url


@dataclass(frozen=True, slots=True)
class CameFrom:
    """Live, referrer entry: everybody whose session on the website begins by a link from elsewhere.

    Attributes:
        referrer: Part of the address of the page with the link.
        delay: Waits so long after qualifying.
    """

    referrer: str
    delay: timedelta = _NOTHING

    def __post_init__(self) -> None:
        check_span("delay", self.delay, may_be_none=True)

    def is_met(self, view: PageView) -> bool:
        """Say whether a session began so."""
        return bool(view.referrer) and self.referrer in view.referrer


@dataclass(frozen=True, slots=True)
class SawPages:
    """Live, page count: everybody who comes to so many pages in one session, once a session.

    Attributes:
        count: How many.
        delay: Waits so long after qualifying.
    """

    count: int
    delay: timedelta = _NOTHING

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"page count of {self.count}, wanted at least 1")
        check_span("delay", self.delay, may_be_none=True)

    def is_met(self, view: PageView) -> bool:
        """Say whether it is that page."""
        return view.number == self.count


Trigger = Did | DidNot | InSegment | OnDate | External | SawPage | CameFrom | SawPages
"""Who qualifies for a campaign. One without any is launched, triggered by the API, or sent by a journey."""
