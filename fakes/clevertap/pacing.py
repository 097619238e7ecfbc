"""Holds campaigns to their limits: what may go now, what goes later, what never goes.

A message passes do-not-disturb hours, then the throttle, then the caps, which look at what the person has got by
the moment in which it would go. Which of them CleverTap asks first is not documented.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import deque
from dataclasses import dataclass, field, replace
from datetime import timezone
from functools import partial
from typing import TYPE_CHECKING

from fakes.clevertap.campaigns import Channel, DropReason
from fakes.clevertap.limits import THROTTLE_GIVES_UP, THROTTLE_WINDOW, CampaignLimits, ChannelLimits
from fakes.clevertap.local_time import zone_of
from fakes.clevertap.messaging import can_reach
from fakes.clevertap.timers import Timers

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta, tzinfo

    from fakes.clevertap.profiles import Profile
    from fakes.clevertap.running import Qualification, RunningCampaign

__all__ = ["Pacer"]

_NONE_FOR_CAMPAIGN = CampaignLimits()
_NONE_FOR_CHANNEL = ChannelLimits()


@dataclass(slots=True)
class _Throttle:
    """So many in a window; what does not fit gets a place in one of the next.

    A window begins with a message that none is open for, also in the future: what waits for the morning takes no place
    from what goes now. Windows never overlap.
    """

    limit: int
    starts: list[datetime] = field(default_factory=list)
    used: dict[datetime, int] = field(default_factory=dict)
    skipped: dict[datetime, datetime] = field(default_factory=dict)

    def begin_anew(self, now: datetime) -> None:
        """Forget windows that are all over."""
        if self.starts and self.starts[-1] + THROTTLE_WINDOW <= now:
            self.starts.clear()
            self.used.clear()
            self.skipped.clear()

    def earliest(self, at: datetime, count: int) -> datetime:
        """Give the first moment, not before another, at which so many may go."""
        began = start = self._window_at(at)
        while start is not None and self.used[start] >= self.limit:
            at = self.skipped.get(start, start + THROTTLE_WINDOW)
            start = self._window_at(at)
        if began is not None and began != start:
            self.skipped[began] = at  # full for ever: nobody need look there again
        while start is not None and self.used[start] + count > self.limit:
            at = start + THROTTLE_WINDOW
            start = self._window_at(at)
        return at if start is None else max(at, start)

    def book(self, at: datetime, count: int) -> None:
        start = self._window_at(at)
        if start is None:
            insort(self.starts, at)
            self.used[at] = 0
            start = at
        self.used[start] += count

    def _window_at(self, at: datetime) -> datetime | None:
        """Give the window that is open at a moment, or else one that begins before a new one would be over."""
        place = bisect_right(self.starts, at)
        if place and at < self.starts[place - 1] + THROTTLE_WINDOW:
            return self.starts[place - 1]
        if place < len(self.starts) and self.starts[place] < at + THROTTLE_WINDOW:
            return self.starts[place]
        return None


class Pacer:
    """Lets messages of campaigns through as their limits allow.

    Args:
        release: Takes what may be sent now.
        drop: Is told of people who get nothing, and why.
        now: The world's time.
        utc_offset: The account's time zone, for hours of the day.
    """

    def __init__(
        self,
        release: Callable[[Qualification], None],
        drop: Callable[[Qualification, DropReason], None],
        *,
        now: Callable[[], datetime],
        utc_offset: Callable[[], timedelta],
    ) -> None:
        self._release = release
        self._drop = drop
        self._now = now
        self._utc_offset = utc_offset
        self._channels: dict[Channel, ChannelLimits] = {}
        self._throttles: dict[Channel | int, _Throttle] = {}
        self._sent: dict[tuple[Channel | int, int], deque[datetime]] = {}
        self._totals: dict[int, int] = {}
        self._waiting = Timers()

    def __len__(self) -> int:
        """How many requests wait for their time."""
        return len(self._waiting)

    def limit_channel(self, channel: Channel, limits: ChannelLimits) -> None:
        """Hold every campaign of a channel to limits from now on."""
        self._channels[channel] = limits

    def stop(self) -> None:
        """Forget what waits."""
        self._waiting.stop()

    def admit(self, qualification: Qualification) -> None:
        """Let a message go, now or later, or drop it."""
        campaign = qualification.running.campaign
        channel = self._channels.get(campaign.channel, _NONE_FOR_CHANNEL)
        if campaign.limits == _NONE_FOR_CAMPAIGN and channel is _NONE_FOR_CHANNEL:
            self._release(qualification)
            return
        for each in self._apart(qualification):
            self._admit(each, channel)

    def _apart(self, qualification: Qualification) -> list[Qualification]:
        """Take people apart whose clocks differ, where that matters."""
        quiet = qualification.running.campaign.limits.do_not_disturb
        if quiet is None or not quiet.in_local_time or len(qualification.profiles) == 1:
            return [qualification]
        groups: dict[tzinfo, list[Profile]] = {}
        for profile in qualification.profiles:
            groups.setdefault(zone_of(profile.current, self._utc_offset()), []).append(profile)
        return [replace(qualification, profiles=tuple(people)) for people in groups.values()]

    def _admit(self, qualification: Qualification, channel: ChannelLimits) -> None:
        now, count = self._now(), len(qualification.profiles)
        throttles = self._throttles_of(qualification, channel)
        at: datetime | None = now
        before = None
        # Each may put it into the other's way: a throttle into the hours of rest, their end into a full window.
        while at is not None and at != before and at - now <= THROTTLE_GIVES_UP:
            before = at
            at = self._undisturbed(qualification, at)
            if at is not None:
                for throttle in throttles:
                    at = throttle.earliest(at, count)
        if at is None:
            self._drop(qualification, DropReason.DO_NOT_DISTURB)
        elif at - now > THROTTLE_GIVES_UP:
            self._drop(qualification, DropReason.THROTTLED)
        else:
            for throttle in throttles:
                throttle.book(at, count)
            if at <= now:
                self._pass(qualification)
            else:
                self._waiting.add(at - now, partial(self._pass, qualification))

    def _undisturbed(self, qualification: Qualification, at: datetime) -> datetime | None:
        """Give the next instant outside do-not-disturb hours; None when they discard the message."""
        campaign = qualification.running.campaign
        quiet = campaign.limits.do_not_disturb
        # The hours hold for webhook campaigns, but not for webhook nodes in journeys.
        if quiet is None or (qualification.is_journey and campaign.channel is Channel.WEBHOOK):
            return at
        zone: tzinfo = timezone(self._utc_offset())
        if quiet.in_local_time:
            zone = zone_of(qualification.profiles[0].current, self._utc_offset())
        until = quiet.ends_at(at, zone)
        if until is None:
            return at
        return None if quiet.discards else until

    def _throttles_of(self, qualification: Qualification, channel: ChannelLimits) -> list[_Throttle]:
        if qualification.is_unthrottled:
            return []
        running, now = qualification.running, self._now()
        found = []
        for key, limit in (
            (running.id, running.campaign.limits.throttle),
            (running.campaign.channel, channel.throttle),
        ):
            if limit is not None:
                throttle = self._throttles.setdefault(key, _Throttle(limit))
                throttle.limit = limit  # that of a channel may be set anew
                throttle.begin_anew(now)
                found.append(throttle)
        return found

    def _pass(self, qualification: Qualification) -> None:
        kept: list[Profile] = []
        dropped: dict[DropReason, list[Profile]] = {}
        for profile in qualification.profiles:
            # Who cannot be reached gets nothing, which uses up nobody's caps, the campaign's neither.
            is_reached = can_reach(qualification.running.campaign, profile.current)
            reason = self._barred(qualification.running, profile.current) if is_reached else None
            if not is_reached:
                kept.append(profile)
            elif reason is None:
                self._count(qualification.running, profile.current)
                kept.append(profile)
            else:
                dropped.setdefault(reason, []).append(profile)
        for reason, people in dropped.items():
            self._drop(replace(qualification, profiles=tuple(people)), reason)
        if kept:
            self._release(replace(qualification, profiles=tuple(kept)) if dropped else qualification)

    def _barred(self, running: RunningCampaign, profile: Profile) -> DropReason | None:
        campaign, now = running.campaign, self._now()
        limits = campaign.limits
        if limits.targeting_cap is not None and self._totals.get(running.id, 0) >= limits.targeting_cap:
            return DropReason.TARGETING_CAP
        if limits.gap is not None and self._sent_since(running.id, profile, now - limits.gap):
            return DropReason.FREQUENCY_CAP
        channel = self._channels.get(campaign.channel)
        if channel is None or not limits.respects_caps:
            return None
        if channel.gap is not None and self._sent_since(campaign.channel, profile, now - channel.gap):
            return DropReason.FREQUENCY_CAP
        for cadence in channel.cadences:
            if self._sent_since(campaign.channel, profile, now - cadence.within) >= cadence.messages:
                return DropReason.FREQUENCY_CAP
        return None

    def _sent_since(self, key: Channel | int, profile: Profile, since: datetime) -> int:
        numbers = (profile.number, *profile.absorbed)
        return sum(at > since for number in numbers for at in self._sent.get((key, number), ()))

    def _count(self, running: RunningCampaign, profile: Profile) -> None:
        now, limits = self._now(), running.campaign.limits
        channel = self._channels.get(running.campaign.channel)
        self._totals[running.id] = self._totals.get(running.id, 0) + 1
        if limits.gap is not None:
            self._remember(running.id, profile, now - limits.gap)
        if channel is not None and (channel.gap or channel.cadences):
            spans = [cadence.within for cadence in channel.cadences]
            longest = max([*spans, channel.gap or THROTTLE_WINDOW])
            self._remember(running.campaign.channel, profile, now - longest)

    def _remember(self, key: Channel | int, profile: Profile, since: datetime) -> None:
        moments = self._sent.setdefault((key, profile.number), deque())
        while moments and moments[0] <= since:
            moments.popleft()
        moments.append(self._now())
