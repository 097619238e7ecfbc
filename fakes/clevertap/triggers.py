"""Who qualifies by themselves: at once for what they did, later for what they did not do, or on their date."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from fakes.clevertap.filters import all_hold
from fakes.clevertap.liquid_values import date_of
from fakes.clevertap.profiles import folded
from fakes.clevertap.rules import CameFrom, Did, DidNot, OnDate, SawPage, SawPages
from fakes.clevertap.running import Qualification
from fakes.clevertap.timers import Timers
from fakes.clevertap.visits import numbers_of
from fakes.kit import current_cause

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from fakes.clevertap.profiles import Profile, StoredEvent
    from fakes.clevertap.rules import PageView
    from fakes.clevertap.running import RunningCampaign

__all__ = ["Triggers"]

_Key = tuple[str, int, str]
_NOTHING = timedelta(0)


@dataclass(frozen=True, slots=True)
class _Wait:
    """One person's time in which B may still happen."""

    running: RunningCampaign
    rule: DidNot
    profile: Profile
    event: StoredEvent | None
    start_ts: int
    constant: Any


class Triggers:
    """The live campaigns, by what sets them off.

    A wait is one timer of the loop, no task; its context keeps the cause that started it.

    Args:
        qualify: Takes everybody who qualifies.
        now: The world's time.
        freshness: How old, and how far in the future, an event may be and still set something off.
    """

    def __init__(
        self,
        qualify: Callable[[Qualification], None],
        *,
        now: Callable[[], datetime],
        freshness: Callable[[], tuple[timedelta, timedelta]],
    ) -> None:
        self._qualify = qualify
        self._now = now
        self._freshness = freshness
        self._actions: dict[str, list[tuple[RunningCampaign, Did]]] = {}
        self._inactions: dict[str, list[tuple[RunningCampaign, DidNot]]] = {}
        self._after_campaigns: dict[str, list[tuple[RunningCampaign, DidNot]]] = {}
        self._waits: dict[_Key, asyncio.TimerHandle] = {}
        self._dates: dict[str, list[tuple[RunningCampaign, OnDate]]] = {}
        self._profile_dates: list[tuple[RunningCampaign, OnDate]] = []
        self._delays = Timers()
        self._web: list[tuple[RunningCampaign, SawPage | CameFrom | SawPages]] = []

    def __len__(self) -> int:
        """How many people are waited for."""
        return len(self._waits)

    def add(self, running: RunningCampaign) -> None:
        """Let a campaign be set off from now on; a launched one has nothing to set it off."""
        rule = running.campaign.when
        if isinstance(rule, Did):
            self._actions.setdefault(folded(rule.event), []).append((running, rule))
        elif isinstance(rule, DidNot):
            self._inactions.setdefault(folded(rule.after), []).append((running, rule))
            self._after_campaigns.setdefault(rule.after, []).append((running, rule))
        elif isinstance(rule, OnDate) and rule.event:
            self._dates.setdefault(folded(rule.event), []).append((running, rule))
        elif isinstance(rule, OnDate):
            self._profile_dates.append((running, rule))
        elif isinstance(rule, SawPage | CameFrom | SawPages):
            self._web.append((running, rule))

    def stop(self) -> None:
        """Forget every wait."""
        for handle in self._waits.values():
            handle.cancel()
        self._waits.clear()
        self._delays.stop()

    def event_stored(self, profile: Profile, event: StoredEvent, key: str) -> None:
        """Set off what an event sets off; an old one, or one from the future, nothing. Its key is its folded name."""
        if (
            key not in self._actions and key not in self._inactions and key not in self._dates
        ) or not self._is_fresh(event):
            return
        for running, action in self._actions.get(key, ()):
            # A message's own system event must not send the next message.
            is_own = event.properties.get("Campaign Id") == running.id
            if not is_own and all_hold(action.where, event.properties):
                qualification = Qualification(running, (profile,), event, cause=current_cause.get())
                self._hand_over(qualification, action.delay)
        for running, rule in self._inactions.get(key, ()):
            if all_hold(rule.where, event.properties):
                self._start(running, rule, profile, event=event)
        for running, on_date in self._dates.get(key, ()):
            self._set_date(running, on_date, profile, properties=event.properties, event=event)

    def profile_stored(self, profile: Profile) -> None:
        """Start, or move, the time of those who wait for a date of a profile."""
        for running, rule in self._profile_dates:
            self._set_date(running, rule, profile, properties=profile.properties)

    def page_viewed(self, profile: Profile, view: PageView) -> None:
        """Set off what a page sets off."""
        for running, rule in self._web:
            if rule.is_met(view):
                self._hand_over(Qualification(running, (profile,), cause=current_cause.get()), rule.delay)

    def webhook_taken(self, profile: Profile, campaign: str) -> None:
        """Set off what waits for the webhook of a campaign."""
        for running, rule in self._after_campaigns.get(campaign, ()):
            self._start(running, rule, profile, event=None)

    def _is_fresh(self, event: StoredEvent) -> bool:
        now_ts = int(self._now().timestamp())  # in whole seconds, as the event's own time is
        back, ahead = self._freshness()
        return now_ts - back.total_seconds() <= event.ts <= now_ts + ahead.total_seconds()

    def _start(
        self, running: RunningCampaign, rule: DidNot, profile: Profile, *, event: StoredEvent | None
    ) -> None:
        constant = event.properties.get(rule.constant) if event and rule.constant else None
        key = (running.campaign.name, profile.number, repr(constant))
        if any(each in self._waits for each in _keys(key, profile)):
            return
        # `ts` has whole seconds: an event within the second in which the time starts belongs to it.
        now_ts = int(self._now().timestamp())
        start_ts = min(now_ts, event.ts) if event else now_ts
        wait = _Wait(running, rule, profile, event, start_ts, constant)
        loop = asyncio.get_running_loop()
        self._waits[key] = loop.call_later(rule.within.total_seconds(), self._end, key, wait)

    def _end(self, key: _Key, wait: _Wait) -> None:
        del self._waits[key]
        profile = wait.profile.current
        # Of two people who became one, the first whose time ends has ended it for the other.
        self._forget(key, profile)
        wanted = folded(wait.rule.event)
        end_ts = int(self._now().timestamp())
        for event in reversed(profile.events):
            if (
                wait.start_ts <= event.ts <= end_ts
                and folded(event.name) == wanted
                and (not wait.rule.constant or event.properties.get(wait.rule.constant) == wait.constant)
            ):
                return
        qualification = Qualification(
            wait.running, (profile,), wait.event, constant=wait.constant, cause=current_cause.get()
        )
        self._hand_over(qualification, wait.rule.delay)

    def _forget(self, key: _Key, profile: Profile) -> None:
        for each in _keys(key, profile):
            if (handle := self._waits.pop(each, None)) is not None:
                handle.cancel()

    def _hand_over(self, qualification: Qualification, delay: timedelta) -> None:
        """Let somebody qualify, after the delay that the campaign asks for."""
        if delay <= _NOTHING:
            self._qualify(qualification)
        else:
            self._delays.add(delay, partial(self._qualify, qualification))

    def _set_date(
        self,
        running: RunningCampaign,
        rule: OnDate,
        profile: Profile,
        *,
        properties: Mapping[str, Any],
        event: StoredEvent | None = None,
    ) -> None:
        """Wait for a person's date; a later value of a profile's property replaces the earlier one."""
        key = (running.campaign.name, profile.number, str(event.number) if event else "date")
        self._forget(key, profile)
        date = date_of(properties.get(rule.property))
        if date is None:
            return
        left_s = (date + rule.offset - self._now()).total_seconds()
        if left_s < 0:
            return  # the date is past, and nobody is told afterwards

        def come() -> None:
            del self._waits[key]
            self._qualify(Qualification(running, (profile.current,), event, cause=current_cause.get()))

        self._waits[key] = asyncio.get_running_loop().call_later(left_s, come)


def _keys(key: _Key, profile: Profile) -> list[_Key]:
    """Give the keys under which somebody may be waited for, as themselves and as those who were merged into them."""
    campaign, _, constant = key
    return [(campaign, number, constant) for number in numbers_of(profile)]
