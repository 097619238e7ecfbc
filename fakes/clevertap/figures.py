"""Figures of the analytic calls: top values of properties, trends over time, and who is active now."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from math import floor, isfinite, log10
from typing import TYPE_CHECKING, Any, Final

from fakes.clevertap.conditions import PROPERTY_KINDS, person_values
from fakes.clevertap.errors import bad_date_range, incorrect_usage, invalid_group
from fakes.clevertap.profiles import folded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from fakes.clevertap.profiles import Profile, StoredEvent
    from fakes.clevertap.queries import Query

    Pairs = Sequence[tuple[Profile, StoredEvent]]

__all__ = ["now_figures", "top_figures", "trend_figures"]

_MOST_GROUPS: Final = 5
_DEFAULT_TOP: Final = 10
_MOST_TOP: Final = 100
_RANGES: Final = 10
_LONGEST_TREND: Final = timedelta(days=366)
_ACTIVE_S: Final = 300


def _groups(groups: Any, *, keys: frozenset[str]) -> dict[str, dict[str, Any]]:
    """Check groups; `status` cannot be the name of one, because it stands beside them in the answer."""
    if not isinstance(groups, dict) or not groups or "status" in groups:
        raise invalid_group()
    if not all(isinstance(group, dict) and not group.keys() - keys for group in groups.values()):
        raise invalid_group()
    return groups


def top_figures(groups: Any, pairs: Pairs, now: datetime) -> dict[str, Any]:
    """Count the values of properties over events; for each group, by data type.

    Source: CleverTap/clevertap-support-snippets, `sample_top_*`; ten ranges for numbers are that sample's, too.

    Args:
        groups: By name: `property_type`, `name`, optional `top_n` (1 to 100) and `order` (`asc` or `desc`).
        pairs: The events, each with who did it.
        now: For ages.

    Raises:
        CleverTapError: A group is none, or nobody has the property.
    """
    known = _groups(groups, keys=frozenset({"property_type", "name", "top_n", "order"}))
    return {name: _top(group, pairs, now) for name, group in known.items()}


def _top(group: Mapping[str, Any], pairs: Pairs, now: datetime) -> dict[str, dict[str, int]]:
    kind, name = group.get("property_type"), group.get("name")
    most, order = group.get("top_n", _DEFAULT_TOP), group.get("order", "desc")
    if kind not in ("event_properties", "session_properties", *PROPERTY_KINDS) or not isinstance(name, str):
        raise invalid_group()
    if not isinstance(most, int) or isinstance(most, bool) or not 1 <= most <= _MOST_TOP:
        raise invalid_group()
    if order not in ("asc", "desc"):
        raise invalid_group()
    by_type: dict[str, list[Any]] = {}
    for value in _values(kind, name, pairs, now):
        by_type.setdefault(_data_type(value), []).append(value)
    if pairs and not by_type:
        raise invalid_group()
    return {
        data_type: _first(_counted(values), most, is_rising=order == "asc")
        for data_type, values in sorted(by_type.items())
    }


def _values(kind: str, name: str, pairs: Pairs, now: datetime) -> Iterator[Any]:
    for profile, event in pairs:
        if kind == "event_properties":
            value = event.properties.get(name)
        elif kind == "session_properties":
            return
        else:
            value = person_values(kind, profile, now).get(name)
        if isinstance(value, list):
            yield from (item for item in value if not isinstance(item, dict | list))
        elif value is not None and not isinstance(value, dict):
            yield value


def _data_type(value: Any) -> str:
    if isinstance(value, bool):
        return "BOOL"
    if isinstance(value, int | float):
        return "NUMBER"
    return "DATE" if str(value).startswith("$D_") else "STR"


def _counted(values: Sequence[Any]) -> Counter[str]:
    """Count values; numbers of which there are many kinds by ten ranges of one width."""
    first = values[0]
    if isinstance(first, bool):
        return Counter("true" if value else "false" for value in values)
    if not isinstance(first, int | float) or len(set(values)) <= _RANGES:
        return Counter(str(value) for value in values)
    width, numbers = _width(values)
    bins = Counter(floor(number / width) for number in numbers)
    return Counter(
        {f"{_plain(place * width)}-{_plain((place + 1) * width)}": count for place, count in bins.items()}
    )


def _width(values: Sequence[Any]) -> tuple[float, list[float]]:
    """Find a round width of which ten cover the values; a number that no double holds counts as the largest."""
    limit = 1e300
    numbers = [float(max(-limit, min(limit, value))) for value in values]
    span = max(numbers) - min(numbers)
    # Not so narrow that a double could not tell one range from the next.
    least = max(1e-300, max(map(abs, numbers)) * 1e-9)
    power = 10.0 ** floor(log10(max(span / _RANGES, least)))
    width = next(power * step for step in (1, 2, 5, 10) if span / (power * step) <= _RANGES)
    return width, numbers


def _plain(number: float) -> str:
    return f"{number:.12g}"


def _first(counts: Counter[str], most: int, *, is_rising: bool) -> dict[str, int]:
    """Take the most frequent; with `asc` they are shown from the rarest of them on."""
    chosen = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:most]
    return dict(sorted(chosen, key=lambda item: (item[1], item[0]))) if is_rising else dict(chosen)


def trend_figures(
    body: Mapping[str, Any], query: Query, pairs: Pairs, *, utc_offset: timedelta
) -> dict[str, Any]:
    """Count events by day, week or month; every period of the range is there, with 0 where nothing happened.

    Source: CleverTap/clevertap-support-snippets, `sample_trends_*`.

    Args:
        body: Has `groups`: by name, `trend_type`; optional `unique` and `sum_event_prop`.
        query: Its range.
        pairs: The events, each with who did it.
        utc_offset: The account's time zone.

    Raises:
        CleverTapError: A group is none, there are more than five, or the range is longer than a year.
    """
    groups = _groups(body.get("groups"), keys=frozenset({"trend_type"}))
    periods = {name: _period(group.get("trend_type")) for name, group in groups.items()}
    if len(groups) > _MOST_GROUPS:
        raise invalid_group()
    is_unique, summed = body.get("unique", False), body.get("sum_event_prop")
    if not isinstance(is_unique, bool) or not (summed is None or (isinstance(summed, str) and summed)):
        raise incorrect_usage()
    start, end = query.start, query.end
    if start is None or end is None:
        raise incorrect_usage()
    if end - start > _LONGEST_TREND:
        raise bad_date_range()
    days = [start + timedelta(days=number) for number in range((end - start).days + 1)]
    zone = timezone(utc_offset)
    at = [datetime.fromtimestamp(event.ts, UTC).astimezone(zone) for _, event in pairs]
    found = {}
    for name, period in periods.items():
        buckets: dict[str, list[tuple[Profile, StoredEvent]]] = {period(day): [] for day in days}
        for moment, pair in zip(at, pairs, strict=True):
            buckets[period(moment)].append(pair)
        found[name] = {key: _measure(inside, is_unique, summed) for key, inside in buckets.items()}
    return found


def _period(kind: Any) -> Callable[[datetime], str]:
    if not isinstance(kind, str) or kind not in _PERIODS:
        raise invalid_group()
    return _PERIODS[kind]


def _measure(pairs: Pairs, is_unique: bool, summed: str | None) -> float:  # noqa: FBT001 - one of a trend's two options
    if summed is not None:
        return _total(event.properties.get(summed) for _, event in pairs)
    return len({profile.number for profile, _ in pairs}) if is_unique else len(pairs)


def _total(values: Iterable[Any]) -> float:
    """Sum numbers up; what is none counts as 0, and a sum that no double holds is left out."""
    total: float = 0
    for value in values:
        if isinstance(value, int | float) and not isinstance(value, bool):
            try:
                after = total + value
                total = after if isfinite(after) else total
            except OverflowError:
                continue
    return total


def _week(day: datetime) -> str:
    """Count weeks from 1 January, the last being the 52nd: so the vendor's sample has 24 to 31 December in 201652."""
    return f"{day:%Y}{min(52, (day.timetuple().tm_yday - 1) // 7 + 1):02}"


_PERIODS: Final[Mapping[str, Callable[[datetime], str]]] = {
    "daily": lambda day: f"{day:%Y%m%d}",
    "weekly": _week,
    "monthly": lambda day: f"{day:%Y%m}",
}

_BREAKDOWNS: Final = ("user_type", "session_source", "browser", "os", "device")
_KEYS: Final = {
    "user_type": ("new", "repeat", "addressable", "customer"),
    "session_source": ("direct", "others", "search", "social", "email", "unavailable"),
    "browser": ("others", "firefox", "chrome", "ie", "mobileapp"),
    "os": ("others", "android", "ios", "windows", "mac", "linux"),
    "device": ("desktop", "mobile", "tablet"),
}
"""Keys of each breakdown. Source: CleverTap/clevertap-support-snippets, `sample_now_response_full`."""


def now_figures(body: Any, profiles: Sequence[Profile], now: datetime) -> dict[str, Any]:
    """Count who did something in the last five minutes, with the breakdowns asked for.

    CleverTap's own events make nobody active. What a breakdown goes by is a guess where no app tells: see `_place`.

    Args:
        body: Optional booleans, one for each breakdown.
        profiles: Everybody.
        now: When.

    Raises:
        CleverTapError: The body is none.
    """
    if not isinstance(body, dict) or body.keys() - {*_BREAKDOWNS, "new"}:
        raise incorrect_usage()
    if not all(isinstance(value, bool) for value in body.values()):
        raise incorrect_usage()
    now_ts = int(now.timestamp())
    active = [profile for profile in profiles if _is_active(profile, now_ts)]
    found: dict[str, Any] = {"count": len(active)}
    asked = [name for name in _BREAKDOWNS if body.get(name)]
    found |= {name: _breakdown(name, active, now_ts) for name in asked}
    if body.get("new"):
        fresh = [profile for profile in active if _place("user_type", profile, now_ts) == "new"]
        found["new"] = {name: _breakdown(name, fresh, now_ts) for name in asked if name != "user_type"}
    return found | {"last_processed_ts": now_ts}


def _is_active(profile: Profile, now_ts: int) -> bool:
    for event in reversed(profile.events):
        if event.source != "system" and now_ts - _ACTIVE_S < event.ts <= now_ts:
            return True
        if event.arrived_at.timestamp() < now_ts - _ACTIVE_S:
            return False
    return False


def _breakdown(name: str, profiles: Sequence[Profile], now_ts: int) -> dict[str, int]:
    counts = Counter(_place(name, profile, now_ts) for profile in profiles)
    return {key: counts[key] for key in _KEYS[name]}


def _place(name: str, profile: Profile, now_ts: int) -> str:
    """Say where somebody belongs; customers have charged, the addressable have an identity."""
    platform = profile.device.platform
    if name == "user_type":
        if any(folded(event.name) == "charged" for event in profile.events):
            return "customer"
        if profile.identities or profile.email:
            return "addressable"
        first_ts = min(event.ts for event in profile.events)
        return "repeat" if now_ts - first_ts > _ACTIVE_S else "new"
    if name == "session_source":
        return "unavailable"
    if name == "browser":
        return "others" if platform == "Web" else "mobileapp"
    if name == "os":
        return {"Android": "android", "iOS": "ios", "Windows": "windows"}.get(platform, "others")
    return "desktop" if platform == "Web" else "mobile"
