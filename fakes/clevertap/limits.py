"""How fast and how often campaigns may send: throttle, frequency caps, do-not-disturb hours.

Source: CleverTap user docs, `messaging-frequency-caps`; the throttle counts messages in five minutes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Final

__all__ = ["Cadence", "CampaignLimits", "ChannelLimits", "DoNotDisturb"]

THROTTLE_WINDOW: Final = timedelta(minutes=5)
THROTTLE_GIVES_UP: Final = timedelta(days=3)
_LEAST_THROTTLE: Final = 100
_LEAST_CAP: Final = 100
_CHANNEL_GAPS: Final = (timedelta(minutes=15), timedelta(days=7))
_CAMPAIGN_GAPS: Final = (timedelta(minutes=5), timedelta(days=30))


@dataclass(frozen=True, slots=True)
class DoNotDisturb:
    """Hours of the day in which a campaign sends nothing.

    Attributes:
        start: When they begin.
        end: When they end; earlier than `start` when they go over midnight.
        discards: Whether messages are thrown away; if not, they wait for the end.
        in_local_time: Whether they are hours of each person's own clock; if not, of the account's.
    """

    start: time
    end: time
    discards: bool = False
    in_local_time: bool = False

    def __post_init__(self) -> None:
        if self.start == self.end:
            raise ValueError(f"do-not-disturb hours from {self.start} to {self.end}, wanted two times of day")

    def ends_at(self, at: datetime, zone: tzinfo) -> datetime | None:
        """Say until when an instant is disturbed where a clock shows the time of a zone; None when it is not."""
        there = at.astimezone(zone)
        clock = there.time()
        goes_over_midnight = self.end < self.start
        is_inside = (
            clock >= self.start or clock < self.end if goes_over_midnight else self.start <= clock < self.end
        )
        if not is_inside:
            return None
        day = there + timedelta(days=1) if goes_over_midnight and clock >= self.start else there
        end = self.end
        ends = day.replace(hour=end.hour, minute=end.minute, second=end.second, microsecond=0)
        return ends.astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Cadence:
    """At most so many messages of a channel to one person in so much time."""

    messages: int
    within: timedelta

    def __post_init__(self) -> None:
        if self.messages < 1 or self.within <= timedelta(0):
            raise ValueError(
                f"cadence of {self.messages} messages in {self.within}, wanted at least 1 in some time"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelLimits:
    """Limits of all campaigns of a channel together, under Settings > Campaign limits.

    Attributes:
        throttle: Messages in five minutes, over 100; None for as fast as it goes.
        gap: Least time between two messages to one person, 15 minutes to 7 days; None for none.
        cadences: At most so many messages in so much time; every one holds.
    """

    throttle: int | None = None
    gap: timedelta | None = None
    cadences: tuple[Cadence, ...] = ()

    def __post_init__(self) -> None:
        _check_throttle(self.throttle)
        _check_gap(self.gap, _CHANNEL_GAPS, "channel")


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignLimits:
    """Limits of one campaign.

    Attributes:
        throttle: Messages in five minutes, over 100; None for as fast as it goes.
        gap: Least time between two messages to one person, 5 minutes to 30 days; None sends every time.
        targeting_cap: Messages in all, at least 100; None for no end.
        do_not_disturb: Hours in which nothing is sent.
        respects_caps: Whether the channel's gap and cadences hold for it.
    """

    throttle: int | None = None
    gap: timedelta | None = None
    targeting_cap: int | None = None
    do_not_disturb: DoNotDisturb | None = None
    respects_caps: bool = True

    def __post_init__(self) -> None:
        _check_throttle(self.throttle)
        _check_gap(self.gap, _CAMPAIGN_GAPS, "campaign")
        if self.targeting_cap is not None and self.targeting_cap < _LEAST_CAP:
            raise ValueError(f"targeting cap {self.targeting_cap}, wanted at least {_LEAST_CAP}")


def _check_throttle(throttle: int | None) -> None:
    if throttle is not None and throttle <= _LEAST_THROTTLE:
        raise ValueError(f"throttle {throttle} in five minutes, wanted more than {_LEAST_THROTTLE}")


def _check_gap(gap: timedelta | None, ends: tuple[timedelta, timedelta], whose: str) -> None:
    if gap is not None and not ends[0] <= gap <= ends[1]:
        raise ValueError(f"gap of {gap} between messages of a {whose}, wanted {ends[0]} to {ends[1]}")
