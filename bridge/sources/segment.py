"""Segment calls its Mailmodo destination: one enriched event per request, Basic `<api key>:`.

Source: vendor notes Segment 15.3 and 16.1; segment-docs, "Build webhooks" for partner destinations.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from bridge.engagement import Engagement, Kind, Recipient, SourceName, engagement_id, instant_from_iso
from bridge.errors import Unreadable, UnsupportedCall
from bridge.sources.base import Reading, canonical, check_basic, digest, parse_json, text_of

if TYPE_CHECKING:
    from bridge.settings import Settings
    from bridge.sources.base import Incoming

__all__ = ["KINDS", "SegmentSource"]

KINDS: Final = {"identify": Kind.CONTACT_IDENTIFIED, "track": Kind.CUSTOM_TRACKED}


class SegmentSource:
    """Reads what Segment sends to the Mailmodo destination."""

    name = SourceName.SEGMENT
    dedup_window = timedelta(days=7)

    def __init__(self, settings: Settings) -> None:
        self._api_key = settings.segment_destination_api_key
        self.is_on = bool(self._api_key)

    def authenticate(self, incoming: Incoming) -> None:
        """Compare the API key that stands as user name."""
        check_basic(incoming.headers, self._api_key, "")

    def read(self, incoming: Incoming) -> tuple[Reading, ...]:
        """Read one event; an array is read as several.

        Raises:
            UnsupportedCall: It is a single event that is neither an identify nor a track.
        """
        data = parse_json(incoming.body)
        if isinstance(data, list):
            return tuple(self._piece(event, incoming, canonical(event)) for event in data)
        kind = data.get("type") if isinstance(data, dict) else None
        if isinstance(kind, str) and kind not in KINDS:
            raise UnsupportedCall(f"{kind[:40]} calls are not supported; identify and track are")
        return (self._piece(data, incoming, incoming.body),)

    def _piece(self, event: Any, incoming: Incoming, raw: bytes) -> Reading:
        key = text_of(event.get("messageId")) if isinstance(event, dict) else None
        key = key or digest(canonical(event))
        try:
            engagement = read_event(event, incoming, engagement_id(self.name, key))
        except Unreadable as error:
            return Reading(dedup_key=key, raw=raw, engagement=None, problem=str(error))
        return Reading(dedup_key=key, raw=raw, engagement=engagement)


def read_event(event: Any, incoming: Incoming, id_: str) -> Engagement:
    """Turn one event into an engagement; traits, properties and the integrations object are extras.

    Raises:
        Unreadable: It is not an object, names no type, or has a time that is none.
    """
    if not isinstance(event, dict) or not isinstance(event.get("type"), str):
        raise Unreadable("wanted an event as a JSON object with a type")
    stamp = event.get("timestamp")
    traits = _object(event.get("traits"))
    return Engagement(
        id=id_,
        source=SourceName.SEGMENT,
        kind=KINDS.get(event["type"], Kind.OTHER),
        occurred_at=incoming.received_at if stamp is None else instant_from_iso(stamp),
        received_at=incoming.received_at,
        recipient=Recipient(
            email=(text_of(traits.get("email")) or "").strip(),
            user_id=text_of(event.get("userId")) or "",
        ),
        extras={
            "event": text_of(event.get("event")),
            "traits": traits,
            "properties": _object(event.get("properties")),
            "integrations": _object(event.get("integrations")),
            "context": _object(event.get("context")),
        },
    )


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
