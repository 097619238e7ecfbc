"""Reading back: profile and event records, and exports page by page behind opaque cursors."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final, NotRequired, TypedDict
from urllib.parse import quote, unquote

from fakes.clevertap.errors import incorrect_usage, still_in_progress
from fakes.clevertap.profiles import PREDEFINED_KEYS, Profile, StoredEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

    from fakes.clevertap.settings import CleverTapSettings

__all__ = ["MAX_BATCH", "Exports", "Page", "ProfileDetail", "event_records", "profile_record"]

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


def event_records(rows: Sequence[tuple[Profile, StoredEvent]], *, utc_offset: timedelta) -> list[Record]:
    """Write events as `events.json` shows them; `ts` is `yyyyMMddHHmmss` in the account's time zone."""
    zone = timezone(utc_offset)
    # Everybody is summed up once: for each of their events it would take the square of their number.
    people: dict[int, Record] = {}
    records: list[Record] = []
    for named, event in rows:
        profile = named.current
        person = people.get(profile.number)
        if person is None:
            device = profile.device
            person = people[profile.number] = {
                "objectId": device.object_id,
                "platform": device.platform,
                "id": profile.number,
                **profile_record(profile, ProfileDetail(app=False)),
            }
        at = datetime.fromtimestamp(event.ts, UTC).astimezone(zone)
        records.append(
            {
                "profile": person,
                "ts": int(at.strftime("%Y%m%d%H%M%S")),
                "event_props": dict(event.properties),
                "session_props": {},
            }
        )
    return records


@dataclass(slots=True, eq=False)
class _Export:
    """One export under way: its records are found when it starts, and written page by page."""

    rows: Sequence[Any]
    write: Callable[[Sequence[Any]], list[Record]]
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
        self,
        rows: Sequence[Any],
        write: Callable[[Sequence[Any]], list[Record]],
        *,
        batch_size: int,
        is_events: bool,
    ) -> str:
        """Start an export and give its first cursor, already percent-encoded.

        Args:
            rows: What it goes over.
            write: Turns the rows of a page into records.
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
            page["records"] = export.write(export.rows[start : start + export.size])
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
