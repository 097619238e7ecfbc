"""`/v3/REST/eventcallbackurl`: where webhooks go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from fakes.mailjet.errors import RestError
from fakes.mailjet.rest import (
    Filters,
    Row,
    Schema,
    answer_list,
    answer_one,
    no_content,
    not_changed,
    read_flag,
    read_integer,
    read_key,
)
from fakes.mailjet.state import CallbackStatus, CallbackVersion, EventCallbackUrl, EventType

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from aiohttp import web

    from fakes.kit import Call, Fake
    from fakes.mailjet.state import MailjetState
    from fakes.mailjet.webhooks import EventSender

__all__ = ["CallbackHandlers"]

_FILTER_NUMBERS = {
    "1": "click",
    "2": "bounce",
    "3": "spam",
    "4": "blocked",
    "5": "unsub",
    "6": "open",
    "7": "sent",
}


def _read_event_type(value: Any) -> EventType:
    try:
        return EventType(str(value).lower())
    except ValueError:
        raise ValueError(f'"{value}" is not an event type') from None


def _read_url(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a string is expected")  # noqa: TRY004 - the reader's contract is ValueError
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or any(char.isspace() for char in value):
        raise ValueError("an http or https URL is expected")
    _ = parts.port  # raises ValueError when it is no port
    return value


def _read_version(value: Any) -> CallbackVersion:
    try:
        return CallbackVersion(read_integer(value) or 0)
    except ValueError:
        raise ValueError(f"{value} is not a version, 1 or 2 is expected") from None


def _read_is_backup(value: Any) -> bool:
    flag = read_flag(value)
    if flag is None:
        raise ValueError("a boolean is expected")
    return flag


def _read_status(value: Any) -> CallbackStatus:
    try:
        return CallbackStatus(str(value).lower())
    except ValueError:
        raise ValueError(f'"{value}" is not a status') from None


_SCHEMA = Schema(
    "TEventCallbackURL",
    {
        "EventType": _read_event_type,
        "Url": _read_url,
        "Version": _read_version,
        "IsBackup": _read_is_backup,
        # Read and checked, but only a new URL revives a webhook and only failures end it.
        "Status": _read_status,
    },
    ("ID", "APIKeyID"),
)


class CallbackHandlers:
    """Handlers of the webhook resource."""

    def __init__(self, fake: Fake, state: MailjetState, events: EventSender, *, api_key_id: int) -> None:
        self._fake = fake
        self._state = state
        self._events = events
        self._api_key_id = api_key_id

    def handlers(self) -> Mapping[str, Callable[[Call], Awaitable[web.Response]]]:
        """Give the handlers by `operationId`."""
        return {
            "listEventCallbackUrls": self._list,
            "createEventCallbackUrl": self._create,
            "getEventCallbackUrl": self._get,
            "updateEventCallbackUrl": self._update,
            "deleteEventCallbackUrl": self._delete,
            "testEventCallbackUrl": self._test,
        }

    async def _list(self, call: Call) -> web.Response:
        filters = Filters(call.query)
        event_type = filters.text("EventType")
        wanted = {
            "EventType": None if event_type is None else _FILTER_NUMBERS.get(event_type, event_type.lower()),
            "IsBackup": filters.flag("Backup", "IsBackup"),
            "Status": filters.text("Status"),
            "Version": filters.integer("Version"),
        }
        rows = [
            row
            for row in map(_row, self._state.callbacks.values())
            if all(value is None or row[name] == value for name, value in wanted.items())
        ]
        return answer_list(rows, filters, sortable={"ID": False})

    async def _create(self, call: Call) -> web.Response:
        given = _SCHEMA.read(call.body, {"ID": None, "APIKeyID": self._api_key_id})
        if "Url" not in given:
            raise RestError(400, "MJ08 Property Url is invalid: a value is required")
        row = EventCallbackUrl(
            id=0,
            api_key_id=self._api_key_id,
            event_type=given.get("EventType", EventType.OPEN),
            url=given["Url"],
            version=given.get("Version", CallbackVersion.SINGLE),
            is_backup=given.get("IsBackup", False),
        )
        self._refuse_second(row)
        return answer_one(_row(self._state.add_callback(row)), status=201)

    async def _get(self, call: Call) -> web.Response:
        return answer_one(_row(self._find(call)))

    async def _update(self, call: Call) -> web.Response:
        row = self._find(call)
        given = _SCHEMA.read(call.body, _row(row))
        changed = EventCallbackUrl(
            id=row.id,
            api_key_id=row.api_key_id,
            event_type=given.get("EventType", row.event_type),
            url=given.get("Url", row.url),
            version=given.get("Version", row.version),
            is_backup=given.get("IsBackup", row.is_backup),
            status=row.status,
        )
        if changed.url != row.url:
            changed.status = CallbackStatus.ALIVE
        if changed == row:
            return not_changed()
        self._refuse_second(changed)
        self._state.callbacks[row.id] = changed
        return answer_one(_row(changed))

    async def _delete(self, call: Call) -> web.Response:
        del self._state.callbacks[self._find(call).id]
        return no_content()

    async def _test(self, call: Call) -> web.Response:
        row = self._find(call)
        time = int(self._fake.surroundings.now().timestamp())
        self._fake.spawn(self._events.test(row, time=time), name=f"test of webhook {row.id}")
        return answer_one(_row(row), status=201)

    def _find(self, call: Call) -> EventCallbackUrl:
        row = self._state.callback_by_key(read_key(call))
        if row is None:
            raise RestError(404, "Object not found")
        return row

    def _refuse_second(self, row: EventCallbackUrl) -> None:
        other = self._state.callback_by_key(row.key)
        if other is not None and other.id != row.id:
            message = f'MJ18 A EventCallbackURL resource with value "{row.key}" for EventType|Backup already exists.'
            raise RestError(400, message)


def _row(row: EventCallbackUrl) -> Row:
    return {
        "APIKeyID": row.api_key_id,
        "EventType": row.event_type.value,
        "ID": row.id,
        "IsBackup": row.is_backup,
        "Status": row.status.value,
        "Url": row.url,
        "Version": int(row.version),
    }
