"""Journeys at work: who enters, which path they take, when they leave.

Source: CleverTap user docs, `create-a-journey`, `journeys faqs`, `personalization-in-journeys-across-nodes`.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta, timezone
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from fakes.clevertap.control_groups import JOURNEY_GROUP
from fakes.clevertap.errors import InvalidJourney, UnknownJourney
from fakes.clevertap.filters import all_hold
from fakes.clevertap.nodes import Action, Inaction, Journey, JourneyTrigger, Listed, Message, OnTheDate, Past
from fakes.clevertap.profiles import folded
from fakes.clevertap.stations import Stations
from fakes.clevertap.timers import Timers
from fakes.clevertap.visits import RunningJourney, Visit, Waits, numbers_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from fakes.clevertap.nodes import Goal
    from fakes.clevertap.profiles import Profile, StoredEvent
    from fakes.clevertap.visits import JourneyHost, JourneyStatistics

__all__ = ["Journeys"]

_DAY: Final = timedelta(days=1)


class Journeys:
    """Every published journey of an account."""

    def __init__(self, host: JourneyHost) -> None:
        self._host = host
        self._now: Callable[[], datetime] = host.surroundings.now
        self._running: dict[str, RunningJourney] = {}
        self._waits = Waits()
        self._stations = Stations(host, self._waits, self.leave)
        self._entries: dict[str, list[RunningJourney]] = {}
        self._goals: dict[str, list[tuple[RunningJourney, Goal]]] = {}
        self._dates: list[RunningJourney] = []
        self._timers = Timers()
        self._midnight: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """How many people are in a journey."""
        return sum(len(running.visits) for running in self._running.values())

    def __contains__(self, name: object) -> bool:
        return name in self._running

    def stop(self) -> None:
        """Forget everybody."""
        for running in self._running.values():
            for visit in running.visits.values():
                visit.timers.stop()
        self._timers.stop()
        if self._midnight is not None:
            self._midnight.cancel()

    def publish(self, journey: Journey) -> None:
        """Publish a journey.

        Raises:
            InvalidJourney: Its name is taken, or a campaign of it fires by itself.
            UnknownCampaign: A node sends a campaign that there is not.
            UnknownControlGroup: It is held against a custom control group that there is not.
            UnknownSegment: A node or goal is about a segment that there is not.
        """
        if journey.name in self._running:
            raise InvalidJourney(f"there is a journey {journey.name!r} already")
        self._check(journey)
        running = self._running[journey.name] = RunningJourney(journey)
        for goal in journey.goals:
            if goal.event:
                self._goals.setdefault(folded(goal.event), []).append((running, goal))
        if journey.ends_after is not None:
            self._timers.add(journey.ends_after, partial(self._end, running))
        is_nightly = any(isinstance(node, Past) for node in journey.nodes.values())
        if is_nightly or any(goal.segment for goal in journey.goals):
            self._await_midnight()
        self._open_entry(running)

    def statistics(self, name: str) -> JourneyStatistics:
        """Give a journey's numbers so far.

        Raises:
            UnknownJourney: No journey of that name.
        """
        return self._find(name).statistics

    def trigger(self, name: str, people: Iterable[Profile]) -> int:
        """Send people into a journey that begins with a journey trigger; say how many entered.

        Raises:
            UnknownJourney: No journey of that name.
            InvalidJourney: It begins otherwise.
        """
        running = self._find(name)
        if not isinstance(_entry(running), JourneyTrigger):
            raise InvalidJourney(f"journey {name!r} begins with a segment of its own; nobody can be sent in")
        return sum(self._enter(running, profile) for profile in people)

    # What happens in the account

    def event_stored(self, profile: Profile, event: StoredEvent, key: str) -> None:
        """Let an event end journeys, move people on, and bring people in, in this order; its key is its folded name."""
        if key not in self._goals and key not in self._waits and key not in self._entries:
            return
        for running, goal in self._goals.get(key, ()):
            visit = running.visit_of(profile)
            is_meant = visit is not None and event.ts >= visit.entered_ts
            if visit is not None and is_meant and all_hold(goal.where, event.properties):
                self._reach(visit, goal)
        for wait in self._waits.of(key, profile):
            wait.seen(event)
        for running in self._entries.get(key, ()):
            entry = _entry(running)
            where = entry.where if isinstance(entry, Action | Inaction) else ()
            if self._stations.is_fresh(event) and all_hold(where, event.properties):
                self._enter(running, profile, event)

    def profile_stored(self, profile: Profile) -> None:
        """Start the wait for a date that stands in a profile."""
        for running in self._dates:
            self._enter(running, profile)

    def members_added(self, name: str, people: Iterable[Profile]) -> None:
        """Bring in those who were put on a custom list, and move on those who waited for it."""
        added = list(people)
        for running in self._running.values():
            entry = _entry(running)
            if isinstance(entry, Listed) and entry.segment == name:
                for profile in added:
                    self._enter(running, profile)
        self._stations.look_at_segments(Listed)

    # In and out

    def _enter(self, running: RunningJourney, profile: Profile, event: StoredEvent | None = None) -> bool:
        profile = profile.current
        if not running.may_enter(profile):
            return False
        now_ts = int(self._now().timestamp())
        entry = _entry(running)
        if isinstance(entry, OnTheDate) and not self._stations.is_ahead(entry, profile):
            return False
        if self._is_kept_out(running, profile):
            return False
        visit = Visit(running, profile, profile.number, min(now_ts, event.ts) if event else now_ts)
        running.visits[visit.number] = visit
        running.has_entered.update(numbers_of(profile))
        running.statistics.entered += 1
        self._host.tell("journey_entered", profile.subject, journey=running.journey.name)
        self._stations.begin(visit, event)
        return True

    def _is_kept_out(self, running: RunningJourney, profile: Profile) -> bool:
        name = running.journey.name
        group = self._host.control_groups.group_of(
            profile, running.journey.control, own=f"journey {name}", label=JOURNEY_GROUP
        )
        if not group:
            return False
        running.has_entered.update(numbers_of(profile))
        running.statistics.controlled[group] += 1
        self._host.tell("kept_as_control", profile.subject, journey=name, group=group)
        return True

    def leave(self, visit: Visit, reason: str, **details: str) -> None:
        """Take somebody out of a journey; whatever they wait for is forgotten."""
        if visit.is_over:
            return
        visit.is_over = True
        for wait in tuple(visit.waits):
            self._waits.remove(wait)
        visit.timers.stop()
        running = visit.running
        del running.visits[visit.number]
        running.statistics.left[reason] += 1
        subject = visit.profile.current.subject
        self._host.tell("journey_left", subject, journey=running.journey.name, reason=reason, **details)

    def _reach(self, visit: Visit, goal: Goal) -> None:
        visit.running.statistics.goals[goal.name] += 1
        self.leave(visit, "goal", goal=goal.name)

    def _end(self, running: RunningJourney) -> None:
        running.is_over = True
        for visit in tuple(running.visits.values()):
            self.leave(visit, "timeout")

    def _open_entry(self, running: RunningJourney) -> None:
        match _entry(running):
            case Action(event=event):
                self._entries.setdefault(folded(event), []).append(running)
            case Inaction(did=did):
                self._entries.setdefault(folded(did), []).append(running)
            case Past() | Listed():
                self._let_members_in(running)
            case OnTheDate():
                self._dates.append(running)
                for profile in self._host.profiles:
                    self._enter(running, profile)

    def _let_members_in(self, running: RunningJourney) -> None:
        entry = _entry(running)
        if isinstance(entry, Past | Listed):
            for profile in self._host.profiles:
                if running.may_enter(profile) and self._host.segments.contains(entry.segment, profile):
                    self._enter(running, profile)

    # Time

    def _await_midnight(self) -> None:
        if self._midnight is not None and not self._midnight.cancelled():
            return
        self._set_midnight()

    def _set_midnight(self) -> None:
        there = self._now().astimezone(timezone(self._host.settings.utc_offset))
        midnight = there.replace(hour=0, minute=0, second=0, microsecond=0) + _DAY
        left_s = (midnight - there).total_seconds()
        self._midnight = asyncio.get_running_loop().call_later(left_s, self._strike_midnight)

    def _strike_midnight(self) -> None:
        """Judge past behaviour: goals, nodes that wait for it, and entries."""
        for running in self._running.values():
            for goal in running.journey.goals:
                if not goal.segment:
                    continue
                for visit in tuple(running.visits.values()):
                    if not visit.is_over and self._host.segments.contains(goal.segment, visit.profile):
                        self._reach(visit, goal)
        self._stations.look_at_segments(Past)
        for running in self._running.values():
            if isinstance(_entry(running), Past):
                self._let_members_in(running)
        self._set_midnight()

    # Checks

    def _find(self, name: str) -> RunningJourney:
        try:
            return self._running[name]
        except KeyError:
            known = ", ".join(self._running) or "none"
            raise UnknownJourney(f"no journey {name!r}; there are {known}") from None

    def _check(self, journey: Journey) -> None:
        self._host.control_groups.check(journey.control)
        for name, node in journey.nodes.items():
            if isinstance(node, Message):
                campaign = self._host.running(node.campaign).campaign
                if campaign.when is not None:
                    raise InvalidJourney(
                        f"journey {journey.name!r}, node {name!r}: campaign {node.campaign!r} has a `when` "
                        "and fires by itself"
                    )
            elif isinstance(node, Past | Listed):
                self._host.segments.check(node.segment)
        for goal in journey.goals:
            if goal.segment:
                self._host.segments.check(goal.segment)


def _entry(running: RunningJourney) -> Any:
    return running.journey.nodes[running.journey.entry]
