"""Reading back: profile and event records, query filters, and exports page by page behind opaque cursors."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final, NotRequired, TypedDict
from urllib.parse import quote, unquote

from fakes.clevertap.errors import bad_date_range, incorrect_usage, invalid_event, still_in_progress
from fakes.clevertap.profiles import PREDEFINED_KEYS, Profile, StoredEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from random import Random

    from fakes.clevertap.settings import CleverTapSettings
    from fakes.clevertap.state import CleverTapState

__all__ = [
    "Exports",
    "Page",
    "ProfileDetail",
    "event_record",
    "profile_record",
    "select_events",
    "select_profiles",
]

MAX_BATCH: Final = 5000
_CURSOR_BYTES: Final = 1200
_MULTIPLE: Final = 23
_EVENT_LIFE: Final = timedelta(hours=4)
_EVENT_IDLE: Final = timedelta(hours=1)
_PROFILE_LIFE: Final = timedelta(days=4)

Record = dict[str, Any]


class Page(TypedDict):
    """One answer of an export; the last has no `next_cursor`, that of an empty range no `records`."""

    status: str
    records: NotRequired[list[Record]]
    next_cursor: NotRequired[str]
    previous_cursor: NotRequired[str]


@dataclass(frozen=True, slots=True)
class ProfileDetail:
    """Which parts of a profile record are wanted: app fields, event summary, custom properties."""

    app: bool = True
    events: bool = True
    profile: bool = True


def profile_record(profile: Profile, detail: ProfileDetail = ProfileDetail()) -> Record:
    """Write a profile as `profile.json` shows it. Source: CleverTap/clevertap-support-snippets."""
    record: Record = {}
    properties = profile.properties
    for key, value in (
        ("identity", profile.identity),
        ("email", profile.email),
        ("name", properties.get("Name")),
        ("phone", properties.get("Phone")),
    ):
        if value not in (None, ""):
            record[key] = value
    if detail.profile:
        record["profileData"] = {
            key: value for key, value in properties.items() if key not in PREDEFINED_KEYS
        }
    if detail.events:
        record["events"] = profile.event_summary()
    if detail.app:
        record["platformInfo"] = [
            {
                "platform": device.platform,
                "objectId": device.object_id,
                "ls": int(device.last_seen_at.timestamp()),
                **({"push_token": device.push_token} if device.push_token else {}),
            }
            for device in profile.devices
        ]
    return record


def event_record(profile: Profile, event: StoredEvent, *, utc_offset: timedelta) -> Record:
    """Write one event as `events.json` shows it; `ts` is `yyyyMMddHHmmss` in the account's time zone."""
    device = profile.device
    person = profile_record(profile, ProfileDetail(app=False))
    at = datetime.fromtimestamp(event.ts, UTC).astimezone(timezone(utc_offset))
    return {
        "profile": {"objectId": device.object_id, "platform": device.platform, **person},
        "ts": int(at.strftime("%Y%m%d%H%M%S")),
        "event_props": dict(event.properties),
        "session_props": {},
    }


def select_events(
    state: CleverTapState, query: Any, *, utc_offset: timedelta
) -> Sequence[tuple[Profile, StoredEvent]]:
    """Find the events a query asks for, the oldest first.

    Args:
        state: Where to look.
        query: The query body: `event_name`, `from` and `to` (`YYYYMMDD`, both included), optional
            `event_properties` and `common_profile_properties.profile_fields`.
        utc_offset: The account's time zone, in which days begin.

    Raises:
        CleverTapError: The query is not one, the event is unknown, or the range is empty by mistake.
    """
    if not isinstance(query, dict):
        raise incorrect_usage()
    name, start, end = query.get("event_name"), _day(query.get("from")), _day(query.get("to"))
    if not isinstance(name, str) or not name or start is None or end is None:
        raise incorrect_usage()
    if query.keys() - {"event_name", "from", "to", "event_properties", "common_profile_properties"}:
        raise incorrect_usage()
    if start > end:
        raise bad_date_range()
    if not state.knows_event(name):
        raise invalid_event(name)
    about_event = _filters(query.get("event_properties", []))
    common = query.get("common_profile_properties", {})
    if not isinstance(common, dict) or common.keys() - {"profile_fields"}:
        raise incorrect_usage()
    about_profile = _filters(common.get("profile_fields", []))
    zone = timezone(utc_offset)
    first_ts = start.replace(tzinfo=zone).timestamp()
    last_ts = (end.replace(tzinfo=zone) + timedelta(days=1)).timestamp()
    found = [
        (profile, event)
        for profile, event in state.events_named(name)
        if first_ts <= event.ts < last_ts
        and all(fits(event.properties) for fits in about_event)
        and all(fits(profile.properties) for fits in about_profile)
    ]
    return sorted(found, key=lambda pair: (pair[1].ts, pair[1].number))


def select_profiles(state: CleverTapState, query: Any, *, utc_offset: timedelta) -> Sequence[Profile]:
    """Find the profiles that did what a query asks for, the oldest first.

    Raises:
        CleverTapError: As for `select_events`.
    """
    found = {profile.number: profile for profile, _ in select_events(state, query, utc_offset=utc_offset)}
    return [found[number] for number in sorted(found)]


def _day(value: Any) -> datetime | None:
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if len(text) != 8 or not text.isascii() or not text.isdigit():
        return None
    try:
        # Far ends of the calendar cannot be moved into a time zone.
        return datetime.strptime(text, "%Y%m%d") if "1970" <= text[:4] <= "9000" else None  # noqa: DTZ007 - the account's zone is put on by the caller
    except ValueError:
        return None


def _filters(wanted: Any) -> list[Callable[[Mapping[str, Any]], bool]]:
    if not isinstance(wanted, list):
        raise incorrect_usage()
    return [_filter(item) for item in wanted]


def _filter(item: Any) -> Callable[[Mapping[str, Any]], bool]:
    if not isinstance(item, dict) or not isinstance(item.get("name"), str):
        raise incorrect_usage()
    operator = item.get("operator", "equals")
    test = _OPERATORS.get(operator) if isinstance(operator, str) else None
    if test is None:
        raise incorrect_usage()
    name, value = item["name"], item.get("value")
    return lambda properties: test(properties.get(name), value)


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _compare(known: Any, wanted: Any, test: Callable[[float, float], bool]) -> bool:
    one, other = _number(known), _number(wanted)
    return one is not None and other is not None and test(one, other)


def _equals(known: Any, wanted: Any) -> bool:
    if isinstance(wanted, list):
        return any(_equals(known, item) for item in wanted)
    return known is not None and (known == wanted or str(known).lower() == str(wanted).lower())


def _contains(known: Any, wanted: Any) -> bool:
    return known is not None and str(wanted).lower() in str(known).lower()


_OPERATORS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "equals": _equals,
    "not_equals": lambda known, wanted: not _equals(known, wanted),
    "contains": _contains,
    "does_not_contain": lambda known, wanted: not _contains(known, wanted),
    "exists": lambda known, _: known is not None,
    "does_not_exist": lambda known, _: known is None,
    "greater_than": lambda known, wanted: _compare(known, wanted, lambda one, other: one > other),
    "greater_than_equals": lambda known, wanted: _compare(known, wanted, lambda one, other: one >= other),
    "less_than": lambda known, wanted: _compare(known, wanted, lambda one, other: one < other),
    "less_than_equals": lambda known, wanted: _compare(known, wanted, lambda one, other: one <= other),
}
"""Source: CleverTap/clevertap-support-snippets, query language."""


@dataclass(slots=True, eq=False)
class _Export:
    """One export under way: its records are found when it starts, and written page by page."""

    rows: Sequence[Any]
    write: Callable[[Any], Record]
    size: int
    created_at: datetime
    used_at: datetime
    is_events: bool
    cursors: dict[int, str] = field(default_factory=dict)
    polls: dict[int, int] = field(default_factory=dict)


class Exports:
    """Every export whose cursors still live."""

    def __init__(self, settings: CleverTapSettings, *, now: Callable[[], datetime], random: Random) -> None:
        self._settings = settings
        self._now = now
        self._random = random
        self._by_cursor: dict[str, tuple[_Export, int]] = {}

    def open(
        self, rows: Sequence[Any], write: Callable[[Any], Record], *, batch_size: int, is_events: bool
    ) -> str:
        """Start an export and give its first cursor, already percent-encoded.

        Args:
            rows: What it goes over.
            write: Turns one row into a record.
            batch_size: Ceiling of a page, 1 to 5000.
            is_events: Events live shorter than profiles: 4 hours, 1 hour without use, against 4 days.
        """
        self._forget_dead()
        size = min(batch_size, MAX_BATCH)
        if self._settings.export_multiples_of_23:
            size = size - size % _MULTIPLE if size >= _MULTIPLE else MAX_BATCH
        now = self._now()
        return self._cursor(_Export(rows, write, size, now, now, is_events), 0)

    def page(self, cursor: str, *, is_events: bool) -> Page:
        """Give the page behind a cursor; the same page can be asked for again.

        Args:
            cursor: As it stands in the query, still percent-encoded.
            is_events: Whether it was sent to `events.json`.

        Raises:
            CleverTapError: Unknown, dead or encoded twice; or the page is still being prepared.
        """
        # Decoding once forgives clients that write unreserved characters plainly, not a second encoding.
        export, number = self._by_cursor.get(unquote(cursor), (None, 0))
        if export is None or export.is_events is not is_events or self._is_dead(export):
            raise incorrect_usage()
        export.used_at = self._now()
        asked = export.polls.get(number, 0)
        export.polls[number] = asked + 1
        if asked < self._settings.export_polls:
            raise still_in_progress()
        start = number * export.size
        page: Page = {"status": "success"}
        if export.rows:
            page["records"] = [export.write(row) for row in export.rows[start : start + export.size]]
        if start + export.size < len(export.rows):
            page["next_cursor"] = self._cursor(export, number + 1)
        if number:
            page["previous_cursor"] = self._cursor(export, number - 1)
        return page

    def _cursor(self, export: _Export, number: int) -> str:
        known = export.cursors.get(number)
        if known is None:
            text = b64encode(self._random.randbytes(_CURSOR_BYTES)).decode()
            self._by_cursor[text] = (export, number)
            known = export.cursors[number] = quote(text, safe="")
        return known

    def _is_dead(self, export: _Export) -> bool:
        now = self._now()
        if export.is_events:
            return now - export.created_at > _EVENT_LIFE or now - export.used_at > _EVENT_IDLE
        return now - export.created_at > _PROFILE_LIFE

    def _forget_dead(self) -> None:
        dead = [text for text, (export, _) in self._by_cursor.items() if self._is_dead(export)]
        for text in dead:
            del self._by_cursor[text]
