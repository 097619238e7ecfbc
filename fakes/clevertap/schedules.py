"""When a campaign of the API runs: now, at given times, or again and again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from fakes.clevertap.errors import refused

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Schedule", "read_schedule"]

_MOST_TIMES: Final = 100
_MOST_STEPS: Final = 1000
_KEYS: Final = frozenset(
    {
        "type",
        "delivery_date_time",
        "delivery_timezone",
        "repeats_every",
        "repeat_type",
        "start_time",
        "end_by_date",
        "end_by_occurrences",
        "repeat_on_days_of_week",
    }
)


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a campaign runs.

    Attributes:
        first: Its first run.
        later: Given times after that.
        step_days: Runs again so many days after the day of the first; 0 for not again.
        on_days: Days of the week on which a recurring campaign runs, 1 for Sunday; empty for every one.
        week_step: Runs in every so-manieth week.
        until: The day after the last one; None for no end.
        most: How often it runs at most; None for no end.
        is_local: Whether times are those of each person's own clock.
    """

    first: datetime
    later: tuple[datetime, ...] = ()
    step_days: int = 0
    on_days: frozenset[int] = frozenset()
    week_step: int = 1
    until: datetime | None = None
    most: int | None = None
    is_local: bool = False

    @property
    def is_recurring(self) -> bool:
        """Whether it runs again and again."""
        return self.step_days > 0

    def runs(self) -> Iterator[datetime]:
        """Give each run in its order; without end where there is none."""
        return islice(self._all(), self.most)

    def _all(self) -> Iterator[datetime]:
        yield self.first
        yield from self.later
        if not self.step_days:
            return
        start = self.first - timedelta(days=_weekday(self.first) - 1)
        at = self.first
        while True:
            try:
                at += timedelta(days=self.step_days)
            except OverflowError:
                return
            if self.until is not None and at >= self.until:
                return
            if self.on_days:
                is_week = (at - start).days // 7 % self.week_step == 0
                if _weekday(at) not in self.on_days or not is_week:
                    continue
            yield at


def _weekday(at: datetime) -> int:
    return at.isoweekday() % 7 + 1


def read_schedule(when: Any, *, now: datetime, utc_offset: timedelta) -> Schedule:
    """Read `when`.

    Source: Accio-Private/clevertap-mcp; `YYYYMMDD HH:MM` inside objects is its, too.

    Args:
        when: `now`, `YYYYMMDD HH:MM` in account time, or an object with a `type`.
        now: The world's time.
        utc_offset: The account's time zone.

    Raises:
        CleverTapError: It is none, or in the past.
    """
    zone = timezone(utc_offset)
    there = now.astimezone(zone)
    if when == "now":
        return Schedule(there)
    if isinstance(when, str):
        return Schedule(_moment(when, there))
    if (
        not isinstance(when, dict)
        or when.keys() - _KEYS
        or when.get("delivery_timezone", "account")
        not in (
            "user",
            "account",
        )
    ):
        raise _wrong()
    if when.get("type") == "now":
        return Schedule(there)
    if when.get("type") == "later":
        given = when.get("delivery_date_time")
        texts = given if isinstance(given, list) else [given]
        if not 1 <= len(texts) <= _MOST_TIMES:
            raise _wrong()
        first, *others = sorted({_moment(text, there) for text in texts})
        return Schedule(first, tuple(others), is_local=_is_local(when))
    if when.get("type") == "recurring":
        return replace(_recurring(when, there), is_local=_is_local(when))
    raise _wrong()


def _is_local(when: dict[str, Any]) -> bool:
    return bool(when.get("delivery_timezone") == "user")


def _recurring(when: dict[str, Any], now: datetime) -> Schedule:
    every, unit = _whole(when.get("repeats_every", 1)), when.get("repeat_type", "day")
    if unit not in ("day", "week"):
        raise _wrong()
    days = when.get("repeat_on_days_of_week", [])
    if not isinstance(days, list) or not all(type(day) is int and 1 <= day <= 7 for day in days):
        raise _wrong()
    given = when.get("start_time")
    first = now if given is None else _moment(given, now)
    most = when.get("end_by_occurrences")
    on_days = frozenset(days) if unit == "week" else frozenset()
    if on_days:
        first = next(at for at in (first + timedelta(days=n) for n in range(7)) if _weekday(at) in on_days)
    return Schedule(
        first,
        step_days=1 if on_days else every * (7 if unit == "week" else 1),
        on_days=on_days,
        week_step=every if on_days else 1,
        until=_end(when.get("end_by_date"), first),
        most=None if most is None else _whole(most),
    )


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= _MOST_STEPS:
        raise _wrong()
    return value


def _end(value: Any, first: datetime) -> datetime | None:
    if value is None:
        return None
    day = _read(value, "%Y%m%d", first) if isinstance(value, str) and len(value) == 8 else None
    end = _moment(value, first) if day is None else day + timedelta(days=1)
    if end <= first:
        raise _wrong()
    return end


def _moment(value: Any, now: datetime) -> datetime:
    """Read a time of the account, not before the current minute."""
    at = _read(value, "%Y%m%d %H:%M", now) if isinstance(value, str) and len(value) == 14 else None
    if at is None:
        raise _wrong()
    if at < now.replace(second=0, microsecond=0):
        raise refused("Scheduled time is in the past")
    return max(at, now)


def _read(text: str, layout: str, like: datetime) -> datetime | None:
    # Far ends of the calendar cannot be moved into a time zone.
    if not text.isascii() or not "1970" <= text[:4] <= "9000":
        return None
    try:
        return datetime.strptime(text, layout).replace(tzinfo=like.tzinfo)
    except ValueError:
        return None


def _wrong() -> Exception:
    return refused("Invalid when")
