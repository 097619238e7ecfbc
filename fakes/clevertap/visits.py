"""A journey that runs, the people in it, and what each of them waits for."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from fakes.clevertap.timers import Timers

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence

    from fakes.clevertap.control_groups import ControlGroups
    from fakes.clevertap.nodes import Journey
    from fakes.clevertap.profiles import Profile, StoredEvent
    from fakes.clevertap.running import Qualification, RunningCampaign
    from fakes.clevertap.segments import Segments
    from fakes.clevertap.settings import CleverTapSettings
    from fakes.kit import Surroundings

__all__ = ["JourneyHost", "JourneyStatistics", "RunningJourney", "Visit", "Wait", "Waits", "numbers_of"]


class JourneyHost(Protocol):
    """What journeys need of the account; `tell` is that of the fake."""

    settings: CleverTapSettings
    surroundings: Surroundings
    segments: Segments
    control_groups: ControlGroups
    tell: Callable[..., None]

    @property
    def profiles(self) -> Sequence[Profile]:
        """Every living profile, the oldest first."""
        ...

    def running(self, name: str) -> RunningCampaign:
        """Find a published campaign."""
        ...

    def qualify(self, qualification: Qualification) -> None:
        """Let somebody qualify for a campaign."""
        ...

    def change_profile(self, profile: Profile, changes: dict[str, Any]) -> None:
        """Set properties of a profile."""
        ...


@dataclass(slots=True)
class JourneyStatistics:
    """What became of everybody who entered.

    Attributes:
        entered: How many did, repetitions counted.
        left: By reason: `end`, `exit`, `goal`, `timeout`.
        goals: How many reached each goal.
        paths: How many took each path, `node path`.
        controlled: Who would have entered and was kept out, by control group.
    """

    entered: int = 0
    left: Counter[str] = field(default_factory=Counter)
    goals: Counter[str] = field(default_factory=Counter)
    paths: Counter[str] = field(default_factory=Counter)
    controlled: Counter[str] = field(default_factory=Counter)

    @property
    def active(self) -> int:
        """How many are in the journey now."""
        return self.entered - self.left.total()


@dataclass(slots=True, eq=False)
class RunningJourney:
    """A published journey.

    Attributes:
        journey: As it was published.
        statistics: What became of everybody who entered.
        visits: Who is in it, by number of the profile.
        has_entered: Numbers of all who ever were.
        is_over: Whether its time is out.
    """

    journey: Journey
    statistics: JourneyStatistics = field(default_factory=JourneyStatistics)
    visits: dict[int, Visit] = field(default_factory=dict)
    has_entered: set[int] = field(default_factory=set)
    is_over: bool = False

    def visit_of(self, profile: Profile) -> Visit | None:
        """Find somebody who is in the journey."""
        if not self.visits:
            return None
        return next((self.visits[number] for number in numbers_of(profile) if number in self.visits), None)

    def may_enter(self, profile: Profile) -> bool:
        """Say whether somebody may come in: once, unless re-entry is allowed, and only after leaving."""
        if self.is_over or self.visit_of(profile) is not None:
            return False
        return self.journey.re_entry or self.has_entered.isdisjoint(numbers_of(profile))


@dataclass(slots=True, eq=False)
class Visit:
    """One person in one journey. They can be at several nodes at once, after a message with several paths.

    Attributes:
        number: Of the profile when it came in.
        entered_ts: When, in UNIX seconds; what lies before is no goal.
        open: At how many places they are.
        timers: What runs for them.
        waits: What they wait for.
    """

    running: RunningJourney
    profile: Profile
    number: int
    entered_ts: int
    open: int = 0
    timers: Timers = field(default_factory=Timers)
    waits: set[Wait] = field(default_factory=set)
    is_over: bool = False


@dataclass(slots=True, eq=False)
class Wait:
    """Somebody at a node that waits for events.

    Attributes:
        keys: Names of the events, as names are compared.
        seen: Called with each of them.
        timer: Ends the wait; None when nothing does.
    """

    visit: Visit
    keys: tuple[str, ...]
    seen: Callable[[StoredEvent], None]
    timer: asyncio.TimerHandle | None = None


class Waits:
    """Everybody who waits for an event, by its name and by person."""

    def __init__(self) -> None:
        self._by_key: dict[str, dict[int, list[Wait]]] = {}

    def __contains__(self, key: str) -> bool:
        return key in self._by_key

    def add(self, wait: Wait) -> None:
        """Begin to wait."""
        wait.visit.waits.add(wait)
        for key in wait.keys:
            self._by_key.setdefault(key, {}).setdefault(wait.visit.number, []).append(wait)

    def remove(self, wait: Wait) -> None:
        """Stop waiting; a second time does nothing."""
        if wait not in wait.visit.waits:
            return
        wait.visit.waits.discard(wait)
        if wait.timer is not None:
            wait.visit.timers.cancel(wait.timer)
        for key in wait.keys:
            people = self._by_key[key]
            people[wait.visit.number].remove(wait)
            if not people[wait.visit.number]:
                del people[wait.visit.number]
            if not people:
                del self._by_key[key]

    def of(self, key: str, profile: Profile) -> list[Wait]:
        """Give what somebody waits for under an event's name."""
        people = self._by_key.get(key)
        if not people:
            return []
        return [wait for number in numbers_of(profile) for wait in people.get(number, ())]


def numbers_of(profile: Profile) -> tuple[int, ...]:
    """Give the numbers under which a profile may be known: its own, and those it took over."""
    return (profile.number, *profile.absorbed)
