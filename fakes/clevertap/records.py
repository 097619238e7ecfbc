"""One record of an upload: checked in CleverTap's order, then clean and typed.

The recordings show the order timestamp, e-mail, phone, employed, education, married, age, and that a record
reports only its first fault. Where the others stand among them is not known.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, NotRequired, TypedDict

from fakes.clevertap.errors import Code, RecordFault
from fakes.clevertap.local_time import ZONE_KEYS
from fakes.clevertap.profiles import folded, is_email, platform_of
from fakes.clevertap.properties import clean_name, cut

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from fakes.clevertap.settings import CleverTapSettings

__all__ = [
    "RESERVED_EVENTS",
    "Address",
    "AddressKind",
    "EventRecord",
    "ProfileRecord",
    "TokenRecord",
    "UploadRecord",
    "check_record",
    "is_phone",
]

RESERVED_EVENTS: Final = (
    "Notification Sent",
    "Notification Viewed",
    "Notification Clicked",
    "Notification Delivered",
    "Notification Replied",
    "UTM Visited",
    "App Launched",
    "App Uninstalled",
    "App Version Changed",
    "Stayed",
    "Reply Sent",
    "Experiment Rendered",
    "Reachable By",
    "Identity Reset",
    "Identity Set",
    "Identity Error",
)
"""System events that cannot be uploaded. Source: CleverTap user docs, `platform-considerations`."""

_RESERVED: Final = frozenset(folded(name) for name in RESERVED_EVENTS)
_CHARGED: Final = folded("Charged")
_new: Final = tuple.__new__  # makes a named tuple in half the time that it takes to read its arguments
_NESTED: Final = (dict, list)
_MAX_ITEMS: Final = 256
_AFTER_LAST_TS: Final = 10_000_000_000
"""UNIX seconds; thirteen digits are milliseconds, which are refused."""

_OBJECT_ID: Final = re.compile(r"(?:_w_|__h|__|-h|-|~h|~)?[A-Za-z0-9()!:@$_-]{1,64}")
"""A prefix by the kind of device, and what a server, an SDK or an app chose. Source: clevertap-web-sdk."""
_PHONE: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_TOKENS: Final = {
    "apns": ("iOS",),
    "gcm": ("Android",),
    "fcm": ("Android",),
    "wns": ("Windows",),
    "mpns": ("Windows",),
    "chrome": ("Web",),
}


class UploadRecord(TypedDict):
    """One entry of `d` as it stands on the wire."""

    type: str
    identity: NotRequired[str]
    objectId: NotRequired[str]
    FBID: NotRequired[str]
    GPID: NotRequired[str]
    ts: NotRequired[int | str]
    evtName: NotRequired[str]
    evtData: NotRequired[dict[str, Any]]
    profileData: NotRequired[dict[str, Any]]
    tokenData: NotRequired[dict[str, Any]]


AddressKind = Literal["objectId", "identity", "FBID", "GPID"]
"""By what a record names its profile."""

_ADDRESS_KINDS: Final[tuple[AddressKind, ...]] = ("objectId", "identity", "FBID", "GPID")
"""In the order in which they are looked up."""


class Address(NamedTuple):
    """By what a record names its profile.

    Attributes:
        by: Every identifier given, in the order of lookup.
    """

    by: tuple[tuple[AddressKind, str], ...]

    @property
    def first(self) -> dict[str, str]:
        """The identifier looked up first, for facts: `kind` and `value`."""
        kind, value = self.by[0]
        return {"kind": kind, "value": value}

    def get(self, kind: AddressKind) -> str:
        """Give one identifier; empty when it is absent."""
        for known, value in self.by:
            if known == kind:
                return value
        return ""


class EventRecord(NamedTuple):
    """An event to store; `ts` is in UNIX seconds, `cut` names the properties whose key or value was cut or changed."""

    address: Address
    ts: int
    name: str
    properties: dict[str, Any]
    source: str
    cut: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProfileRecord:
    """Changes to a profile; `identity` is a further one to bind to it, empty without; `cut` as of an event."""

    address: Address
    ts: int
    changes: dict[str, Any]
    identity: str
    cut: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """A device token to store."""

    address: Address
    token: str


def is_phone(text: str) -> bool:
    """Say whether a text is a phone number: `+`, country code, digits. Source: recorded exchanges of 2018."""
    return _PHONE.fullmatch(text) is not None


def check_record(
    record: Any,
    *,
    now: Callable[[], datetime],
    settings: CleverTapSettings,
    discarded: Collection[str] = (),
) -> EventRecord | ProfileRecord | TokenRecord:
    """Check one entry of `d`.

    Args:
        record: Any JSON value.
        now: Asked for records without `ts`.
        settings: Limits of the account.
        discarded: Folded names of events that were discarded in the dashboard.

    Raises:
        RecordFault: It is skipped; holds the first fault only.
    """
    if not isinstance(record, dict):
        raise RecordFault(Code.TYPE)
    kind = record.get("type")
    if kind not in ("event", "profile", "token"):
        raise RecordFault(Code.TYPE)
    address = _address(record)
    if record.get("objectId") not in (None, "") and not _OBJECT_ID.fullmatch(address.get("objectId")):
        raise RecordFault(Code.TOKEN_OBJECT_ID if kind == "token" else Code.OBJECT_ID)
    if not address.by:
        raise RecordFault(Code.TOKEN_OBJECT_ID if kind == "token" else Code.IDENTIFIER)
    ts = record.get("ts")
    if type(ts) is not int or not 0 < ts < _AFTER_LAST_TS:
        ts = _timestamp(ts, now=now, accept_iso=settings.accept_iso_ts)
    if kind == "event":
        return _event(record, address=address, ts=ts, settings=settings, discarded=discarded)
    return _token(record, address) if kind == "token" else _profile(record, address, ts=ts)


def _address(record: Mapping[str, Any]) -> Address:
    found = []
    for kind in _ADDRESS_KINDS:
        value = record.get(kind)
        if value is None or isinstance(value, bool):
            continue
        # A number is taken as its text: clients send numeric customer ids unquoted.
        text = value if isinstance(value, str) else str(value) if isinstance(value, int) else ""
        if text.strip():
            found.append((kind, text.lower() if kind == "objectId" else text))
    return _new(Address, (tuple(found),))


def _timestamp(value: Any, *, now: Callable[[], datetime], accept_iso: bool) -> int:
    if value is None:
        return int(now().timestamp())
    if isinstance(value, str) and accept_iso and not value.isdigit():
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            raise RecordFault(Code.TIMESTAMP) from None
        # Without a zone it is UTC, as in what JavaScript writes, and not the zone of the machine.
        value = int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())
    elif isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 10:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < _AFTER_LAST_TS:
        raise RecordFault(Code.TIMESTAMP)
    return value


def _event(
    record: Mapping[str, Any],
    *,
    address: Address,
    ts: int,
    settings: CleverTapSettings,
    discarded: Collection[str],
) -> EventRecord:
    given = record.get("evtName")
    name = clean_name(given) if isinstance(given, str) else ""
    if not name:
        raise RecordFault(Code.EVENT_NAME)
    known = folded(name)
    if known in _RESERVED:
        raise RecordFault(Code.EVENT_RESERVED, name)
    if known in discarded:
        raise RecordFault(Code.EVENT_DISCARDED, name)
    data = record.get("evtData")
    if data is not None and not isinstance(data, dict):
        raise RecordFault(Code.EVENT_STRUCTURE, "evtData")
    properties, changed = _event_properties(data or {}, may_have_items=known == _CHARGED)
    if len(properties) > settings.max_event_properties:
        raise RecordFault(Code.TOO_MANY_PROPERTIES)
    source = record.get("$source")
    source = source if isinstance(source, str) else ""
    return _new(EventRecord, (address, ts, name, properties, source, changed))


def _event_properties(
    data: Mapping[str, Any], *, may_have_items: bool
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Clean the properties of an event, and name those that are not stored as they were sent."""
    properties: dict[str, Any] = {}
    changed: list[str] = []
    for key, value in data.items():
        stored = value
        if isinstance(value, str):
            stored = cut(value)
        elif isinstance(value, _NESTED):
            if not (may_have_items and key == "Items" and _are_items(value)):
                raise RecordFault(Code.EVENT_STRUCTURE, key)
            stored = [_event_properties(item, may_have_items=False)[0] for item in value]
        elif value is None:
            continue
        name = clean_name(key)
        if name:
            properties[name] = stored
        if name != key or (stored is not value and stored != value):
            changed.append(key)
    return properties, tuple(changed)


def _are_items(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) <= _MAX_ITEMS
        and all(
            isinstance(item, dict) and not any(isinstance(inner, dict | list) for inner in item.values())
            for item in value
        )
    )


def _profile(record: Mapping[str, Any], address: Address, *, ts: int) -> ProfileRecord:
    data = record.get("profileData")
    if not isinstance(data, dict):
        raise RecordFault(Code.OTHER, "Profile data is incorrect. Profile data is mandatory")
    _check_predefined(record, data)
    for key in _NEVER_NESTED:
        if isinstance(data.get(key), dict | list) and not _is_delete(data[key]):
            raise RecordFault(Code.OTHER, f"Profile data is incorrect. {key} cannot be nested")
    identity = data.get("identity", data.get("Identity"))
    changes = {}
    changed = []
    for key, value in data.items():
        if key in ("identity", "Identity"):
            continue
        name = clean_name(key, is_profile=True)
        if name:
            changes[name] = value
        if name != key:
            changed.append(key)
    is_text = isinstance(identity, str | int) and not isinstance(identity, bool)
    return ProfileRecord(address, ts, changes, str(identity) if is_text else "", tuple(changed))


def _check_predefined(record: Mapping[str, Any], data: Mapping[str, Any]) -> None:
    echo: dict[str, object] = {}
    for key, code, is_valid in _PREDEFINED:
        value = data.get(key)
        if value is None or _is_delete(value):
            continue
        if code is Code.AGE and "identity" in data:
            # Recorded: at this check the inner identity has become a text.
            echo["identity"] = str(data["identity"])
        if not is_valid(value):
            raise RecordFault(code, key, echo={**record, "profileData": {**data, **echo}} if echo else None)
        if key == "Phone":
            # Recorded: once the phone has passed, the echoed record shows it as a number.
            echo["Phone"] = int(str(value)[1:])


def _is_delete(value: Any) -> bool:
    return isinstance(value, dict) and list(value) == ["$delete"]


def _one_of(*allowed: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and value in allowed


def _is_age(value: Any) -> bool:
    if isinstance(value, str):
        return value.isascii() and value.isdigit() and len(value) <= 3
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


_PREDEFINED: Final[tuple[tuple[str, Code, Callable[[Any], bool]], ...]] = (
    ("Email", Code.EMAIL, lambda value: isinstance(value, str) and is_email(value)),
    ("Phone", Code.PHONE, lambda value: isinstance(value, str) and is_phone(value)),
    ("Gender", Code.GENDER, _one_of("M", "F")),
    ("Employed", Code.EMPLOYED, _one_of("Y", "N")),
    ("Education", Code.EDUCATION, _one_of("School", "College", "Graduate")),
    ("Married", Code.MARRIED, _one_of("Y", "N")),
    ("Age", Code.AGE, _is_age),
)


_NEVER_NESTED: Final = (
    "Name",
    "DOB",
    "Photo",
    *ZONE_KEYS,
    "MSG-email",
    "MSG-push",
    "MSG-sms",
    "MSG-whatsapp",
)
"""Predefined keys without a check of their own; none may hold an object or a list. Source: clevertap-web-sdk."""


def _token(record: Mapping[str, Any], address: Address) -> TokenRecord:
    object_id = address.get("objectId")
    if not object_id:
        raise RecordFault(Code.TOKEN_OBJECT_ID)
    data = record.get("tokenData")
    if not isinstance(data, dict):
        raise RecordFault(Code.TOKEN_DATA, "tokenData")
    token, kind = data.get("id"), data.get("type")
    if not isinstance(token, str) or not token:
        raise RecordFault(Code.TOKEN_ID)
    if not kind:
        raise RecordFault(Code.TOKEN_TYPE)
    if not isinstance(kind, str) or kind not in _TOKENS:
        raise RecordFault(Code.TOKEN_DATA, "type")
    if platform_of(object_id) not in _TOKENS[kind]:
        raise RecordFault(Code.TOKEN_MISFIT)
    if kind == "chrome":
        keys = data.get("keys")
        if not isinstance(keys, dict) or not all(
            isinstance(keys.get(name), str) for name in ("p256dh", "auth")
        ):
            raise RecordFault(Code.TOKEN_KEYS)
    return TokenRecord(address, token)
