"""The time of day where a person is: their own time zone, and a campaign that reaches everybody by their own clock.

Source: CleverTap user docs, `notification-delivery-options`: the zone is pushed under the key `Tz`; a campaign goes from
zone to zone, and who is past its time when it starts is dropped or gets it on the next day. How a zone is written is
not said: names of the tz database and distances from UTC are a guess, `Timezone` is the name in webhooks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fakes.clevertap.profiles import Profile

__all__ = ["ZONE_KEYS", "LocalRun", "Wave", "at_their_time", "zone_of"]

ZONE_KEYS: Final = ("Timezone", "Tz")
"""Properties of a profile that say where its clock is, the first one first."""

_DAY: Final = timedelta(days=1)
_STEP: Final = timedelta(minutes=15)
_EASTERNMOST: Final = timedelta(hours=14)
_WAVES_A_DAY: Final = int((_EASTERNMOST + timedelta(hours=12)) / _STEP) + 1
"""From UTC+14 to UTC-12; every zone in use is whole quarters of an hour away."""

_DISTANCE: Final = re.compile(
    r"(?:UTC|GMT)?\s*(?P<sign>[+-])(?P<hours>\d{1,2}):?(?P<minutes>[0-5]\d)?", re.ASCII | re.IGNORECASE
)
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+){0,2}", re.ASCII)
_LONGEST_NAME: Final = 40


def zone_of(profile: Profile, utc_offset: timedelta) -> tzinfo:
    """Give a person's time zone; the account's where theirs is not known."""
    for key in ZONE_KEYS:
        zone = _read(profile.properties.get(key))
        if zone is not None:
            return zone
    return timezone(utc_offset)


def _read(text: Any) -> tzinfo | None:
    return _zone(text) if isinstance(text, str) and len(text) <= _LONGEST_NAME else None


@lru_cache(maxsize=1024)
def _zone(text: str) -> tzinfo | None:
    if found := _DISTANCE.fullmatch(text.strip()):
        distance = timedelta(hours=int(found["hours"]), minutes=int(found["minutes"] or 0))
        if distance > _EASTERNMOST:
            return None
        return timezone(distance if found["sign"] == "+" else -distance)
    if not _NAME.fullmatch(text):
        return None
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def at_their_time(now: datetime, profile: Profile, utc_offset: timedelta) -> datetime:
    """Give the next instant at which a person's clock shows what the account's shows now.

    Source: as above, "User Timezone - Journeys": whose time of delivery has passed gets it on the next day.
    """
    clock = now.astimezone(timezone(utc_offset)).replace(tzinfo=None)
    zone = zone_of(profile, utc_offset)
    at = _instant(clock, zone)
    return at if at >= now else _instant(clock + _DAY, zone)


@lru_cache(maxsize=4096)
def _instant(clock: datetime, zone: tzinfo) -> datetime:
    return clock.replace(tzinfo=zone).astimezone(UTC)


class Wave(NamedTuple):
    """A quarter of an hour of a run: whoever's time lies in it is reached at its end."""

    after: datetime
    until: datetime
    is_next_day: bool


@dataclass(frozen=True, slots=True)
class LocalRun:
    """One run of a campaign that reaches everybody when their own clock shows its time.

    Attributes:
        clock: That time, of no zone.
        since: Since when the campaign is there; who was past the time by then has missed it.
        catches_up: Whether they get it a day later.
        utc_offset: The account's time zone, for those whose own is not known.
    """

    clock: datetime
    since: datetime
    catches_up: bool
    utc_offset: timedelta

    @property
    def begins_at(self) -> datetime:
        """When the first people can be reached, those farthest in the east."""
        return _instant(self.clock, timezone(_EASTERNMOST))

    def wave(self, number: int) -> Wave | None:
        """Give a wave, counted from 0; None when there is none of that number."""
        day, place = divmod(number, _WAVES_A_DAY)
        if day > (1 if self.catches_up and self.begins_at < self.since else 0):
            return None
        until = self.begins_at + day * _DAY + place * _STEP
        return Wave(until - _STEP, until, is_next_day=bool(day))

    def reached(self, people: Iterable[Profile], wave: Wave) -> list[Profile]:
        """Find whose time lies in a wave."""
        # Everybody is looked at in each of a hundred waves, so that it counts what each of them costs.
        judged: dict[tuple[str, str], bool] = {}
        first, second = ZONE_KEYS
        found = []
        for profile in people:
            properties = profile.properties
            key = (str(properties.get(first, "")), str(properties.get(second, "")))
            is_due = judged.get(key)
            if is_due is None:
                is_due = judged[key] = self._is_due(zone_of(profile, self.utc_offset), wave)
            if is_due:
                found.append(profile)
        return found

    def _is_due(self, zone: tzinfo, wave: Wave) -> bool:
        at = _instant(self.clock, zone)
        has_missed = at < self.since
        if wave.is_next_day:
            return has_missed and wave.after < _instant(self.clock + _DAY, zone) <= wave.until
        return not has_missed and wave.after < at <= wave.until
