"""Conversions: who did what a campaign is for, within a time after it reached them, or passed them by as a control.

Source: CleverTap user docs, `campaign-reports` and the pages on creating messages: a goal is an event, filtered by its
properties, within the conversion time; revenue is the total of one property. When the time begins, and that each person
counts once for each message, are guesses.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fakes.clevertap.filters import all_hold, number_of
from fakes.clevertap.profiles import folded
from fakes.clevertap.visits import numbers_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from fakes.clevertap.goals import Conversion
    from fakes.clevertap.profiles import Profile, StoredEvent
    from fakes.clevertap.running import RunningCampaign

__all__ = ["Conversions"]


@dataclass(slots=True, eq=False)
class _Goal:
    """A campaign's conversion, and who may still reach it: since when, until when, and of which control group."""

    running: RunningCampaign
    conversion: Conversion
    open: OrderedDict[int, tuple[int, int, str]] = field(default_factory=OrderedDict)


class Conversions:
    """The goals of an account's campaigns, by the event that reaches them.

    Nobody is waited for by a timer: who did not convert in time is forgotten when others come.

    Args:
        now: The world's time.
        tell: Takes facts.
    """

    def __init__(self, now: Callable[[], datetime], tell: Callable[..., None]) -> None:
        self._now = now
        self._tell = tell
        self._goals: dict[int, _Goal] = {}
        self._by_event: dict[str, list[_Goal]] = {}

    def begin(self, running: RunningCampaign, profile: Profile, group: str = "") -> None:
        """Begin somebody's conversion time: a message was sent to them, or they were kept out by a control group."""
        conversion = running.campaign.conversion
        if conversion is None:
            return
        goal = self._goals.get(running.id)
        if goal is None:
            goal = self._goals[running.id] = _Goal(running, conversion)
            self._by_event.setdefault(folded(conversion.event), []).append(goal)
        now_ts = int(self._now().timestamp())
        while goal.open and next(iter(goal.open.values()))[1] < now_ts:
            goal.open.popitem(last=False)
        goal.open.pop(profile.number, None)
        goal.open[profile.number] = (now_ts, now_ts + int(conversion.within.total_seconds()), group)

    def event_stored(self, profile: Profile, event: StoredEvent, key: str) -> None:
        """Count an event that is somebody's conversion, once; its key is its folded name."""
        for goal in self._by_event.get(key, ()):
            number = next((one for one in numbers_of(profile) if one in goal.open), None)
            if number is None:
                continue
            since_ts, until_ts, group = goal.open[number]
            if since_ts <= event.ts <= until_ts and all_hold(goal.conversion.where, event.properties):
                del goal.open[number]
                revenue = number_of(event.properties.get(goal.conversion.revenue))
                goal.running.statistics.count_conversion(group, revenue)
                campaign = goal.running.campaign.name
                self._tell("converted", profile.subject, campaign=campaign, group=group, revenue=revenue)
