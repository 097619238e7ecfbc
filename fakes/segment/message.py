"""One message: what is wrong with it, whom it is about, and the canonical event that Segment makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from fakes.segment.errors import DiscardCode
from fakes.segment.timestamps import correct_skew, iso, parse_instant, to_milliseconds

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

__all__ = ["Defect", "Message", "MessageType", "enrich", "find_defect", "subject_of", "wants_ip"]


class MessageType(StrEnum):
    """The six calls of the Segment spec."""

    IDENTIFY = "identify"
    TRACK = "track"
    PAGE = "page"
    SCREEN = "screen"
    GROUP = "group"
    ALIAS = "alias"


@dataclass(frozen=True, slots=True)
class Defect:
    """Why a message cannot be processed: the pipeline's code, and words for people."""

    code: DiscardCode
    message: str


@dataclass(frozen=True, slots=True)
class Message:
    """A message that was taken in.

    Attributes:
        source: Name of the source that its write key belongs to.
        at: When it happened, by the server's clock; an aware UTC instant in whole milliseconds.
        event: The canonical enriched event, keys in alphabetical order.
    """

    source: str
    at: datetime
    event: Mapping[str, Any]


_ABSENT_WHEN_NULL: Final = ("userId", "anonymousId", "name", "category", "properties", "traits")
_WITH_PROPERTIES: Final = frozenset({MessageType.TRACK, MessageType.PAGE, MessageType.SCREEN})
_WITH_TRAITS: Final = frozenset({MessageType.IDENTIFY, MessageType.GROUP})
_TYPES: Final = frozenset(MessageType)
_CLIENT_LIBRARIES: Final = (
    "analytics.js",
    "analytics-android",
    "analytics-flutter",
    "analytics-ios",
    "analytics-kotlin",
    "analytics-react-native",
    "analytics-swift",
    "@segment/analytics-react-native",
)
_UNKNOWN_LIBRARY: Final = {"name": "unknown", "version": "unknown"}
_CONSENT_EVENT: Final = "Segment Consent Preference Updated"


def find_defect(fields: object) -> Defect | None:
    """Say why the pipeline cannot process a message; None when it can.

    JSON `null` for an id, a name or a category is the same as leaving it out: the Python library sends it.

    Source: segment-docs, `delivery-overview-discards.html`; texts from the former debug endpoint.
    """
    kind = fields.get("type") if isinstance(fields, dict) else None
    if not isinstance(fields, dict) or not isinstance(kind, str) or kind not in _TYPES:
        return Defect(DiscardCode.BAD_REQUEST, "Invalid message: no object with a known type")
    user_id, anonymous_id = fields.get("userId"), fields.get("anonymousId")
    if user_id is None and anonymous_id is None:
        return Defect(DiscardCode.NO_USER_ANON_ID, "Missing userId or anonymousId")
    if not (_is_text(user_id) and _is_text(anonymous_id)):
        return Defect(DiscardCode.ID_NOT_STRING, "userId and anonymousId must be strings")
    for name in ("context", "integrations"):
        if not _is_object(fields.get(name)):
            return Defect(DiscardCode.BAD_REQUEST, f"{name} must be an object")
    if kind in _WITH_PROPERTIES and not _is_object(fields.get("properties")):
        return Defect(DiscardCode.PROPERTIES_NOT_OBJECT, "properties must be an object")
    if kind in _WITH_TRAITS and not _is_object(fields.get("traits")):
        return Defect(DiscardCode.TRAITS_NOT_OBJECT, "traits must be an object")
    if kind == MessageType.TRACK:
        return _find_event_defect(fields)
    if kind in _WITH_PROPERTIES:
        return _find_name_defect(fields)
    return None


def enrich(
    fields: Mapping[str, Any],
    *,
    source: str,
    project_id: str,
    write_key: str,
    received_at: datetime,
    message_id: str,
    ip: str,
) -> Message:
    """Make the canonical enriched event of a message without defects.

    Adds `channel`, `originalTimestamp`, `projectId`, `receivedAt`, `version`, `writeKey`, the corrected
    `timestamp`, `context.library` where the sender named none and `context.ip` where it is asked for. All else
    comes through untouched.

    Args:
        fields: The message as it came in.
        source: Name of its source.
        project_id: Id of its source.
        write_key: The key it came with.
        received_at: When the edge took it.
        message_id: Its own, or the one that was assigned.
        ip: IPv4 address of the sender, where it is to be filled in; else empty.

    Source: segment-docs, `partners/spec.md`; segmentio/library-e2e-tester, `checker.go`.
    """
    event = dict(fields)
    for name in _ABSENT_WHEN_NULL:
        if name in event and event[name] is None:
            del event[name]
    received = to_milliseconds(received_at)
    sent = parse_instant(event.pop("sentAt", None))
    original = parse_instant(event.get("timestamp"))
    at = (
        received
        if original is None
        else to_milliseconds(correct_skew(original, sent=sent, received=received))
    )
    if sent is not None:
        event["sentAt"] = iso(sent)
    context = dict(fields.get("context") or {})
    if not context.get("library"):
        context["library"] = _UNKNOWN_LIBRARY
    if ip and "ip" not in context:
        context["ip"] = ip
    event["channel"] = "client" if _is_client_side(context) else "server"
    event["context"] = context
    event["integrations"] = event.get("integrations") or {}
    if event["type"] in _WITH_PROPERTIES:
        event.setdefault("properties", {})
    elif event["type"] in _WITH_TRAITS:
        event.setdefault("traits", {})
    event["messageId"] = message_id
    event["originalTimestamp"] = iso(received if original is None else original)
    event["projectId"] = project_id
    event["receivedAt"] = iso(received)
    event["timestamp"] = iso(at)
    event["version"] = 2
    event["writeKey"] = write_key
    return Message(source, at, dict(sorted(event.items())))


def subject_of(fields: object) -> str:
    """Say whom a message is about: their e-mail address where it has one, else an id, in lower case."""
    if not isinstance(fields, dict):
        return ""
    context = fields.get("context")
    candidates = (
        _email(context.get("traits")) if isinstance(context, dict) else None,
        _email(fields.get("traits")),
        fields.get("userId"),
        fields.get("anonymousId"),
    )
    return next((found.lower() for found in candidates if isinstance(found, str) and found), "")


def wants_ip(fields: object) -> bool:
    """Say whether the server fills in `context.ip`: for client-side libraries, and where `context.direct` is set.

    Source: segment-docs, `connections/spec/common.md`, "Context".
    """
    context = fields.get("context") if isinstance(fields, dict) else None
    return isinstance(context, dict) and (context.get("direct") is True or _is_client_side(context))


def _find_event_defect(fields: Mapping[str, Any]) -> Defect | None:
    event = fields.get("event")
    if event is None or event == "":
        return Defect(DiscardCode.EVENT_NOT_DEFINED, "Missing event key for track call")
    if not isinstance(event, str):
        return Defect(DiscardCode.EVENT_NOT_STRING, "Event must be a string")
    return _find_consent_defect(fields) if event == _CONSENT_EVENT else None


def _find_name_defect(fields: Mapping[str, Any]) -> Defect | None:
    if not _is_text(fields.get("name")):
        return Defect(DiscardCode.NAME_NOT_STRING, "name must be a string")
    if not _is_text(fields.get("category")):
        return Defect(DiscardCode.CATEGORY_NOT_STRING, "category must be a string")
    return None


def _find_consent_defect(fields: Mapping[str, Any]) -> Defect | None:
    context = fields.get("context") or {}
    consent = context.get("consent")
    device = context.get("device")
    code = _find_preferences_defect(consent.get("categoryPreferences") if isinstance(consent, dict) else None)
    if code is None and isinstance(device, dict) and not isinstance(device.get("advertisingId", ""), str):
        code = DiscardCode.CONSENT_ADVERTISING_ID
    if code is None and isinstance(consent, dict) and type(consent.get("version", 0)) not in (int, float):
        code = DiscardCode.CONSENT_VERSION
    return Defect(code, code.replace("_", " ")) if code else None


def _find_preferences_defect(preferences: object) -> DiscardCode | None:
    if preferences is None:
        return DiscardCode.CONSENT_MISSING
    if not isinstance(preferences, dict):
        return DiscardCode.CONSENT_NOT_OBJECT
    if not all(isinstance(value, bool) for value in preferences.values()):
        return DiscardCode.CONSENT_NOT_BOOL
    return None


def _is_text(value: object) -> bool:
    return value is None or (isinstance(value, str) and value != "")


def _is_object(value: object) -> bool:
    return value is None or isinstance(value, dict)


def _email(traits: object) -> object:
    return traits.get("email") if isinstance(traits, dict) else None


def _is_client_side(context: Mapping[str, Any]) -> bool:
    library = context.get("library")
    name = library.get("name") if isinstance(library, dict) else None
    return isinstance(name, str) and name in _CLIENT_LIBRARIES
