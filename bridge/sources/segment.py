"""Segment's events, by its Mailmodo destination or by a webhook destination.

The first sends one enriched event per request with Basic `<api key>:`. Both webhook destinations, classic and
Actions, may sign what they send, but of a batch only the first event: a secret in the URL is demanded as well.
Source: vendor notes Segment 15.1 to 15.3 and 16.1; segment-docs, "Build webhooks" and "Webhooks destination".
"""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from bridge.engagement import Engagement, Kind, Recipient, SourceName, engagement_id, instant_from_iso
from bridge.errors import InletOff, Unauthentic, Unreadable
from bridge.sources.base import (
    Reading,
    canonical,
    check_basic,
    check_secret,
    digest,
    is_one_of,
    live,
    parse_json,
    text_of,
)

if TYPE_CHECKING:
    from bridge.settings import Settings
    from bridge.sources.base import Incoming

__all__ = ["KINDS", "SegmentSource", "sign", "signed_part"]

KINDS: Final = {"identify": Kind.CONTACT_IDENTIFIED, "track": Kind.CUSTOM_TRACKED}


class SegmentSource:
    """Reads what Segment sends to the Mailmodo destination and to webhook destinations."""

    name = SourceName.SEGMENT
    dedup_window = timedelta(days=7)

    def __init__(self, settings: Settings) -> None:
        keys = (settings.segment_destination_api_key, settings.segment_destination_api_key_old)
        self._credentials = live(*[f"{key}:" for key in keys if key])
        self._secrets = live(settings.segment_webhook_secret, settings.segment_webhook_secret_old)
        self._signing_secrets = settings.segment_signing_secrets
        self.is_on = bool(settings.segment_destination_api_key or settings.segment_webhook_secret)

    def authenticate(self, incoming: Incoming) -> None:
        """Compare the API key that stands as user name; on a webhook's URL, its secret and the signature."""
        if not (self._secrets if incoming.secret else self._credentials):
            raise InletOff("this inlet of Segment is not set up")
        if not incoming.secret:
            check_basic(incoming.headers, self._credentials)
            return
        check_secret(incoming.secret, self._secrets)
        if not self._signing_secrets:
            return
        given = incoming.headers.get("X-Signature", "").encode("utf-8", "surrogateescape")
        signed = signed_part(incoming.body)
        if not is_one_of(given, [sign(secret, signed).encode() for secret in self._signing_secrets]):
            raise Unauthentic("X-Signature is missing, or fits none of the signing secrets")

    def read(self, incoming: Incoming) -> tuple[Reading, ...]:
        """Read one event; an array is read as several."""
        data = parse_json(incoming.body)
        if isinstance(data, list):
            return tuple(self._piece(event, incoming, canonical(event)) for event in data)
        return (self._piece(data, incoming, incoming.body),)

    def _piece(self, event: Any, incoming: Incoming, raw: bytes) -> Reading:
        key = text_of(event.get("messageId")) if isinstance(event, dict) else None
        key = key or digest(canonical(event))
        try:
            engagement = read_event(event, incoming, engagement_id(self.name, key))
        except Unreadable as error:
            return Reading(dedup_key=key, raw=raw, engagement=None, problem=str(error))
        return Reading(dedup_key=key, raw=raw, engagement=engagement)


def sign(secret: str, body: bytes) -> str:
    """Give a webhook destination's signature: HMAC-SHA1 of the body as sent, in hex."""
    return hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()


def signed_part(body: bytes) -> bytes:
    """Give the bytes that a signature covers: all of them, or those of the first event of an array."""
    text = body.decode("utf-8", "surrogateescape")
    inside = text.lstrip()
    if not inside.startswith("["):
        return body
    inside = inside[1:].lstrip()
    try:
        _event, end = _DECODER.raw_decode(inside)
    except (ValueError, RecursionError):
        return body
    return inside[:end].encode("utf-8", "surrogateescape")


_DECODER: Final = json.JSONDecoder()


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
            "type": event["type"],
            "event": text_of(event.get("event")),
            "traits": traits,
            "properties": _object(event.get("properties")),
            "integrations": _object(event.get("integrations")),
            "context": _object(event.get("context")),
        },
    )


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
