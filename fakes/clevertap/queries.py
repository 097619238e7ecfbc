"""The query language: which events, and which people, an export, a count or a campaign is about.

Source: CleverTap/clevertap-support-snippets, query language.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

from fakes.clevertap.conditions import compare, on_person, on_properties
from fakes.clevertap.errors import bad_date_range, incorrect_usage, invalid_events
from fakes.clevertap.profiles import folded
from fakes.clevertap.records import RESERVED_EVENTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fakes.clevertap.profiles import Profile, StoredEvent
    from fakes.clevertap.state import CleverTapState

__all__ = ["Query", "parse_day", "parse_range", "read_query"]

_SYSTEM_EVENTS: Final = (
    *RESERVED_EVENTS,
    "Charged",
    "App Installed",
    "Web Session Started",
    "Session Concluded",
    "Channel Unsubscribed",
    "Channel Subscribed",
    "Push Impressions",
    "Webhook Delivered",
    "Segment Membership Change",
    "State Transitioned",
    "Notification Failed",
)
"""Names that every account knows. Source: CleverTap user docs, `events` and `platform-considerations`."""

_KNOWN: Final = frozenset(folded(name) for name in _SYSTEM_EVENTS)
_BLOCK: Final = frozenset({"event_name", "from", "to", "event_properties", "session_properties"})
_COUNTED: Final = _BLOCK | {"operator", "value"}


@dataclass(frozen=True, slots=True)
class _Block:
    """Events of one name, in a range of days, with conditions."""

    name: str
    first_ts: float
    end_ts: float
    about_event: tuple[Callable[[Mapping[str, Any]], bool], ...]
    about_session: tuple[Callable[[Mapping[str, Any]], bool], ...]

    def fits(self, event: StoredEvent) -> bool:
        """Say whether an event of the name is meant."""
        return (
            self.first_ts <= event.ts < self.end_ts
            and all(test(event.properties) for test in self.about_event)
            # Events that come through the API belong to no session.
            and all(test({}) for test in self.about_session)
        )

    def count(self, profile: Profile) -> int:
        """Say how often somebody did it."""
        return sum(self.fits(event) for event in profile.events_named(self.name))


@dataclass(frozen=True, slots=True)
class Query:
    """A query, read and checked against the account.

    Attributes:
        block: The event it is about; None when it only has an `advanced_query`.
        about_person: Conditions on who did it.
        start: First day, at its beginning in the account's time zone; None without `block`.
        end: Last day, likewise.
    """

    block: _Block | None
    about_person: tuple[Callable[[Profile], bool], ...]
    start: datetime | None = None
    end: datetime | None = None

    def events(self, state: CleverTapState) -> Sequence[tuple[Profile, StoredEvent]]:
        """Find the events that are asked for, the oldest first.

        Raises:
            CleverTapError: The query names no event.
        """
        if self.block is None:
            raise incorrect_usage()
        judged: dict[int, bool] = {}
        found = []
        for profile, event in state.events_named(self.block.name):
            if not self.block.fits(event):
                continue
            if profile.number not in judged:
                judged[profile.number] = self._is_meant(profile)
            if judged[profile.number]:
                found.append((profile, event))
        return sorted(found, key=lambda pair: (pair[1].ts, pair[1].number))

    def profiles(self, state: CleverTapState) -> Sequence[Profile]:
        """Find the people who are asked for, the oldest profile first."""
        if self.block is None:
            return [profile for profile in state.profiles if self._is_meant(profile)]
        found = {profile.number: profile for profile, _ in self.events(state)}
        return [found[number] for number in sorted(found)]

    def _is_meant(self, profile: Profile) -> bool:
        return all(test(profile) for test in self.about_person)


def read_query(
    query: Any,
    state: CleverTapState,
    *,
    utc_offset: timedelta,
    now: datetime,
    besides: frozenset[str] = frozenset(),
) -> Query:
    """Read a query body.

    Args:
        query: `event_name`, `from`, `to` (`YYYYMMDD`, both included) with optional `event_properties`,
            `session_properties`, `common_profile_properties` and `advanced_query`; the last may also stand alone.
        state: Knows which events there are.
        utc_offset: The account's time zone, in which days begin.
        now: For ages.
        besides: Keys which the call has beside the query.

    Raises:
        CleverTapError: It is none, an event is unknown, or the range ends before it starts.
    """
    if not isinstance(query, dict):
        raise incorrect_usage()
    query = {key: value for key, value in query.items() if key not in besides}
    if query.keys() - _BLOCK - {"common_profile_properties", "advanced_query"}:
        raise incorrect_usage()
    zone = timezone(utc_offset)
    tests = list(on_person(query.get("common_profile_properties", {}), now))
    named: list[str] = []
    block = None
    start = end = None
    if query.keys() & _BLOCK or "advanced_query" not in query:
        start, end = parse_range(query.get("from"), query.get("to"), zone)
        block = _read_block({key: query[key] for key in query.keys() & _BLOCK}, zone, named)
    if "advanced_query" in query:
        tests += _advanced(query["advanced_query"], zone, named)
    unknown = [
        name for name in dict.fromkeys(named) if folded(name) not in _KNOWN and not state.knows_event(name)
    ]
    if unknown:
        raise invalid_events(unknown)
    return Query(block, tuple(tests), start, end)


def _read_block(block: Any, zone: timezone, named: list[str]) -> _Block:
    if not isinstance(block, dict) or block.keys() - _BLOCK:
        raise incorrect_usage()
    name = block.get("event_name")
    if not isinstance(name, str) or not folded(name):
        raise incorrect_usage()
    start, end = parse_range(block.get("from"), block.get("to"), zone)
    named.append(name)
    return _Block(
        name,
        start.timestamp(),
        (end + timedelta(days=1)).timestamp(),
        on_properties(block.get("event_properties", [])),
        on_properties(block.get("session_properties", [])),
    )


def _advanced(wanted: Any, zone: timezone, named: list[str]) -> list[Callable[[Profile], bool]]:
    if not isinstance(wanted, dict) or not wanted or wanted.keys() - {"did_all", "did_any", "did_none"}:
        raise incorrect_usage()
    tests = [_did([block], block, zone, named) for block in _list(wanted.get("did_all", []))]
    if "did_any" in wanted:
        any_of = wanted["did_any"]
        if not isinstance(any_of, dict) or any_of.keys() - {"any_events", "operator", "value"}:
            raise incorrect_usage()
        blocks = _list(any_of.get("any_events"))
        if not blocks:
            raise incorrect_usage()
        tests.append(_did(blocks, any_of, zone, named))
    undone = [_did([block], {}, zone, named) for block in _list(wanted.get("did_none", []))]
    return [*tests, lambda profile: not any(did(profile) for did in undone)]


def _did(blocks: Sequence[Any], counted: Any, zone: timezone, named: list[str]) -> Callable[[Profile], bool]:
    """Say who did one of some events as often as is asked; at least once when nothing is asked."""
    read = []
    for block in blocks:
        if not isinstance(block, dict) or block.keys() - _COUNTED:
            raise incorrect_usage()
        read.append(_read_block({key: block[key] for key in block.keys() & _BLOCK}, zone, named))
    operator: Any = "greater_than_equals"
    value: Any = 1
    if isinstance(counted, dict) and "operator" in counted:
        operator, value = counted["operator"], counted.get("value")
        compare(operator, 0, value)
    return lambda profile: compare(operator, sum(block.count(profile) for block in read), value)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise incorrect_usage()
    return value


def parse_range(start: Any, end: Any, zone: timezone) -> tuple[datetime, datetime]:
    """Read `from` and `to`, each as the beginning of that day.

    Raises:
        CleverTapError: One is no day, or they are the wrong way round.
    """
    first, last = parse_day(start, zone), parse_day(end, zone)
    if first is None or last is None:
        raise incorrect_usage()
    if first > last:
        raise bad_date_range()
    return first, last


def parse_day(value: Any, zone: timezone) -> datetime | None:
    """Read a day, `YYYYMMDD` as number or text; None when it is none."""
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if len(text) != 8 or not text.isascii() or not text.isdigit():
        return None
    # Far ends of the calendar cannot be moved into a time zone.
    if not "1970" <= text[:4] <= "9000":
        return None
    try:
        return datetime.strptime(text, "%Y%m%d").replace(tzinfo=zone)
    except ValueError:
        return None
