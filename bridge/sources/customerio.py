"""Customer.io's signed reporting webhooks, in today's format and in the one before 2020.

The sender waits 4 s, and one webhook that is not answered 2xx holds all later ones for up to 7 days; an unknown
metric or an odd shape is therefore stored like any other.
Source: vendor notes Customer.io 6; docs.customer.io, "Reporting webhooks".
"""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import timedelta
from email.utils import parseaddr
from typing import TYPE_CHECKING, Any, Final

from bridge.engagement import (
    Engagement,
    Failure,
    Kind,
    Link,
    Message,
    Recipient,
    SourceName,
    engagement_id,
    instant_from_unix,
    is_address,
)
from bridge.errors import Unauthentic, Unreadable
from bridge.sources.base import Reading, canonical, digest, is_one_of, parse_json, text_of

if TYPE_CHECKING:
    from bridge.settings import Settings
    from bridge.sources.base import Incoming

__all__ = ["KINDS", "CustomerIoSource", "sign"]

_ONE_ADDRESS: Final = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^,])+')
"""What stands between the commas of a list of recipients; those in quotes are part of a name."""

KINDS: Final = {
    "sent": Kind.SENT,
    "delivered": Kind.DELIVERED,
    "opened": Kind.OPENED,
    "clicked": Kind.LINK_CLICKED,
    "unsubscribed": Kind.UNSUBSCRIBED,
    "bounced": Kind.BOUNCED,
    "spammed": Kind.MARKED_AS_SPAM,
}


def sign(key: str, timestamp: str, body: bytes) -> str:
    """Give the signature of a body sent at a time: HMAC-SHA256 over `v0:<timestamp>:<body>`, in hex."""
    return hmac.new(key.encode(), b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256).hexdigest()


class CustomerIoSource:
    """Reads reporting webhooks."""

    name = SourceName.CUSTOMERIO
    dedup_window = timedelta(days=8)

    def __init__(self, settings: Settings) -> None:
        self._keys = settings.customerio_signing_keys
        self._tolerance_s = settings.customerio_tolerance_s
        self.is_on = bool(self._keys)

    def authenticate(self, incoming: Incoming) -> None:
        """Check the signature under every live key, and that it is of now."""
        timestamp = incoming.headers.get("X-CIO-Timestamp", "")
        given = (
            incoming.headers.get("X-CIO-Signature", "").removeprefix("v0=").encode("utf-8", "surrogateescape")
        )
        if not given or not (timestamp.isascii() and timestamp.isdigit()):
            raise Unauthentic("wanted X-CIO-Timestamp and X-CIO-Signature")
        if not is_one_of(given, [sign(key, timestamp, incoming.body).encode() for key in self._keys]):
            raise Unauthentic("the signature fits none of the signing keys")
        if abs(incoming.received_at.timestamp() - int(timestamp)) > self._tolerance_s:
            raise Unauthentic(f"the signature is more than {self._tolerance_s:g} s off")

    def read(self, incoming: Incoming) -> tuple[Reading, ...]:
        """Read one event, whichever format it has."""
        event = parse_json(incoming.body)
        if not isinstance(event, dict):
            raise Unreadable("wanted an event as a JSON object")
        key = text_of(event.get("event_id")) or digest(canonical(event))
        engagement = read_event(event, incoming, engagement_id(self.name, key))
        return (Reading(dedup_key=key, raw=incoming.body, engagement=engagement),)


def read_event(event: dict[str, Any], incoming: Incoming, id_: str) -> Engagement:
    """Turn one event into an engagement; its `data` stays whole in `extras`, less the identifiers.

    Raises:
        Unreadable: It has no time.
    """
    raw = event.get("data")
    data: dict[str, Any] = raw if isinstance(raw, dict) else {}
    identifiers = data.get("identifiers")
    identifiers = identifiers if isinstance(identifiers, dict) else {}
    return Engagement(
        id=id_,
        source=SourceName.CUSTOMERIO,
        kind=kind_of(event, data),
        occurred_at=instant_from_unix(event.get("timestamp")),
        received_at=incoming.received_at,
        recipient=Recipient(
            email=address_of(data, identifiers),
            user_id=text_of(identifiers.get("id")) or text_of(data.get("customer_id")) or "",
            contact_id=text_of(identifiers.get("cio_id")) or "",
        ),
        message=Message(
            id=text_of(data.get("delivery_id")) or text_of(data.get("email_id")),
            subject=text_of(data.get("subject")),
            template_id=text_of(data.get("template_id")),
            campaign_id=text_of(data.get("campaign_id")),
            campaign_name=text_of(data.get("campaign_name")),
        ),
        link=Link(id=text_of(data.get("link_id")), url=text_of(data.get("href"))),
        failure=Failure(reason=text_of(data.get("failure_message"))),
        extras={key: value for key, value in data.items() if key != "identifiers"},
    )


def kind_of(event: dict[str, Any], data: dict[str, Any]) -> Kind:
    """Say what happened.

    `email` and `unsubscribed` come in two shapes: of a message, and of the person, whose attribute changed. The
    second follows from the first and is `other`; it has no delivery.
    """
    if "event_type" in event:
        channel, _, metric = str(event["event_type"]).partition("_")
        is_message = channel == "email"
    else:
        channel = str(event.get("object_type") or event.get("object_type_type") or "")
        metric = str(event.get("metric"))
        is_message = channel == "email" and bool(data.get("delivery_id"))
    return KINDS.get(metric, Kind.OTHER) if is_message else Kind.OTHER


def address_of(data: dict[str, Any], identifiers: dict[str, Any]) -> str:
    """Find the e-mail address: never a phone number or a Slack channel, first of a list, without display name."""
    for value in (identifiers.get("email"), data.get("recipient"), data.get("email_address")):
        if not isinstance(value, str):
            continue
        if is_address(value):
            return value
        # One by one: newer Pythons refuse a whole list for one address that cannot be read, older ones do not.
        for part in _ONE_ADDRESS.findall(value):
            _name, address = parseaddr(part)
            if is_address(address):
                return address
    return ""
