"""Segments by past behaviour, custom lists, and who is in them.

Source: CleverTap user docs, `segments`, `segment-rules`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from fakes.clevertap.errors import UnknownSegment
from fakes.clevertap.filters import Where, all_hold, number_of
from fakes.clevertap.profiles import folded
from fakes.clevertap.spans import check_span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime, timedelta

    from fakes.clevertap.profiles import Profile, StoredEvent

__all__ = ["Behaviour", "Segment", "Segments"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What somebody did, or did not do, in the past.

    Attributes:
        did_any_of: Names of events; one of them is enough.
        is_done: Whether it must have been done; False for "have not done".
        within: Looks back so far; None for all time.
        where: Conditions on the events' properties.
        measure: What is compared: how often, or the total or average of a property. Missing values count as 0.
        of: The property that is summed up.
        at_least: Lower end of the measure.
        at_most: Upper end; None for none.
    """

    did_any_of: tuple[str, ...]
    is_done: bool = True
    within: timedelta | None = None
    where: tuple[Where, ...] = ()
    measure: Literal["count", "total", "average"] = "count"
    of: str = ""
    at_least: float = 1
    at_most: float | None = None

    def __post_init__(self) -> None:
        check_span("behaviour within", self.within)
        if not self.did_any_of:
            raise ValueError("a behaviour without an event, wanted at least one name")
        if (self.measure == "count") is bool(self.of):
            raise ValueError(
                f"measure {self.measure!r} of property {self.of!r}, wanted a count, or a property's total"
            )

    def holds(self, profile: Profile, now: datetime) -> bool:
        """Say whether somebody behaved so."""
        names = {folded(name) for name in self.did_any_of}
        since_ts = None if self.within is None else (now - self.within).timestamp()
        done = [
            event
            for event in profile.events
            if folded(event.name) in names
            and (since_ts is None or event.ts >= since_ts)
            and all_hold(self.where, event.properties)
        ]
        measured = self._measured(done)
        is_inside = measured >= self.at_least and (self.at_most is None or measured <= self.at_most)
        return is_inside is self.is_done

    def _measured(self, done: Sequence[StoredEvent]) -> float:
        if self.measure == "count":
            return len(done)
        total = sum(number_of(event.properties.get(self.of)) for event in done)
        return total if self.measure == "total" else total / len(done) if done else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """People by what they did and what is known of them.

    Attributes:
        name: Unique in the account, among segments and lists.
        rules: Behaviours, and conditions on profile properties.
        matches: Whether all rules must hold, or any.
        includes: Names of segments whose members are in it too (OR).
        excludes: Names of segments whose members are not in it, whatever else holds.
    """

    name: str
    rules: tuple[Behaviour | Where, ...] = ()
    matches: Literal["all", "any"] = "all"
    includes: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()


class Segments:
    """Every segment and custom list of an account.

    Args:
        now: The world's time; "the past N days" end in it.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._segments: dict[str, Segment] = {}
        self._lists: dict[str, dict[int, Profile]] = {}

    def add(self, segment: Segment) -> None:
        """Add a segment.

        Raises:
            ValueError: The name is taken.
            UnknownSegment: It includes or excludes what there is not.
        """
        self._check_free(segment.name)
        for name in (*segment.includes, *segment.excludes):
            self.check(name)
        self._segments[segment.name] = segment

    def put_into_list(self, name: str, people: Iterable[Profile]) -> list[Profile]:
        """Put people into a custom list, new or not; give those who were not in it.

        Raises:
            ValueError: There is a segment of that name.
        """
        if name in self._segments:
            self._check_free(name)
        members = self._lists.setdefault(name, {})
        added = [profile for profile in people if not self._is_listed(members, profile)]
        members.update((profile.number, profile) for profile in added)
        return added

    def take_off_list(self, name: str, people: Iterable[Profile]) -> list[Profile]:
        """Take people off a custom list; give those who were on it."""
        self.check(name)
        members = self._lists.get(name, {})
        gone = [profile for profile in people if self._is_listed(members, profile)]
        for profile in gone:
            for number in (profile.number, *profile.absorbed):
                members.pop(number, None)
        return gone

    @property
    def names(self) -> Sequence[str]:
        """Every segment, then every list, in the order in which they were made."""
        return (*self._segments, *self._lists)

    def check(self, name: str) -> None:
        """Make sure that there is a segment or list of that name.

        Raises:
            UnknownSegment: There is none.
        """
        if name not in self._segments and name not in self._lists:
            known = ", ".join((*self._segments, *self._lists)) or "none"
            raise UnknownSegment(f"no segment {name!r}; there are {known}")

    def contains(self, name: str, profile: Profile) -> bool:
        """Say whether somebody is in a segment or list now.

        Raises:
            UnknownSegment: There is none of that name.
        """
        profile = profile.current
        segment = self._segments.get(name)
        if segment is None:
            self.check(name)
            return self._is_listed(self._lists[name], profile)
        if any(self.contains(other, profile) for other in segment.excludes):
            return False
        if any(self.contains(other, profile) for other in segment.includes):
            return True
        held = (self._holds(rule, profile) for rule in segment.rules)
        # A segment of nothing but inclusions has nobody else.
        return bool(segment.rules or not segment.includes) and (
            all(held) if segment.matches == "all" else any(held)
        )

    def _holds(self, rule: Behaviour | Where, profile: Profile) -> bool:
        if isinstance(rule, Behaviour):
            return rule.holds(profile, self._now())
        return rule.holds(profile.properties)

    def _check_free(self, name: str) -> None:
        if name in self._segments or name in self._lists:
            raise ValueError(f"there is a segment {name!r} already")

    @staticmethod
    def _is_listed(members: dict[int, Profile], profile: Profile) -> bool:
        return any(number in members for number in (profile.number, *profile.absorbed))
