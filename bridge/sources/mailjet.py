"""Mailjet's Event API: one event per webhook (version 1), or those of the last second (version 2).

The only proof that the vendor offers are Basic credentials in the URL.
Source: vendor notes Mailjet 8; dev.mailjet.com, "Event API".
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from bridge.engagement import (
    Client,
    Engagement,
    Failure,
    Kind,
    Link,
    Message,
    Recipient,
    SourceName,
    engagement_id,
    instant_from_unix,
)
from bridge.errors import Unreadable
from bridge.sources.base import Reading, canonical, check_basic, digest, leftovers, live, parse_json, text_of

if TYPE_CHECKING:
    from bridge.settings import Settings
    from bridge.sources.base import Incoming

__all__ = ["KINDS", "MailjetSource"]

KINDS: Final = {
    "sent": Kind.DELIVERED,
    "open": Kind.OPENED,
    "click": Kind.LINK_CLICKED,
    "bounce": Kind.BOUNCED,
    "spam": Kind.MARKED_AS_SPAM,
    "unsub": Kind.UNSUBSCRIBED,
}
"""`blocked` is missing on purpose: the message never reached a server, and Segment's source has no event for it."""

_HELD: Final = (
    "time",
    "MessageID",
    "Message_GUID",
    "email",
    "mj_campaign_id",
    "mj_contact_id",
    "customcampaign",
    "ip",
    "geo",
    "agent",
    "url",
    "hard_bounce",
    "blocked",
)


class MailjetSource:
    """Reads event webhooks of both versions."""

    name = SourceName.MAILJET
    dedup_window = timedelta(days=3)

    def __init__(self, settings: Settings) -> None:
        user = settings.mailjet_webhook_user
        passwords = (settings.mailjet_webhook_password, settings.mailjet_webhook_password_old)
        self.is_on = bool(user and settings.mailjet_webhook_password)
        self._credentials = live(*[f"{user}:{password}" for password in passwords if user and password])

    def authenticate(self, incoming: Incoming) -> None:
        """Compare the Basic credentials."""
        check_basic(incoming.headers, self._credentials)

    def read(self, incoming: Incoming) -> tuple[Reading, ...]:
        """Read an event or an array of them; one that cannot be read does not stop the others."""
        data = parse_json(incoming.body)
        return tuple(self._piece(event, incoming) for event in (data if isinstance(data, list) else [data]))

    def _piece(self, event: Any, incoming: Incoming) -> Reading:
        """Read one event; its key is the hash of its content, because retries regroup arrays."""
        raw = canonical(event)
        key = digest(raw)
        try:
            engagement = read_event(event, incoming, engagement_id(self.name, key))
        except Unreadable as error:
            return Reading(dedup_key=key, raw=raw, engagement=None, problem=str(error))
        return Reading(dedup_key=key, raw=raw, engagement=engagement)


def read_event(event: Any, incoming: Incoming, id_: str) -> Engagement:
    """Turn one event into an engagement.

    Raises:
        Unreadable: It is not an object, or has no time.
    """
    if not isinstance(event, dict):
        raise Unreadable("wanted an event as a JSON object")
    return Engagement(
        id=id_,
        source=SourceName.MAILJET,
        kind=KINDS.get(str(event.get("event")), Kind.OTHER),
        occurred_at=instant_from_unix(event.get("time")),
        received_at=incoming.received_at,
        recipient=Recipient(
            email=(text_of(event.get("email")) or "").strip(),
            contact_id=_non_zero(event.get("mj_contact_id")) or "",
        ),
        message=Message(
            id=_non_zero(event.get("MessageID")),
            guid=text_of(event.get("Message_GUID")),
            campaign_id=_non_zero(event.get("mj_campaign_id")),
            campaign_name=text_of(event.get("customcampaign")),
        ),
        link=Link(url=text_of(event.get("url"))),
        failure=Failure(
            reason=text_of(event.get("error")),
            is_hard=_flag(event, "hard_bounce"),
            is_blocked=_flag(event, "blocked"),
        ),
        client=Client(
            ip=text_of(event.get("ip")), agent=text_of(event.get("agent")), country=text_of(event.get("geo"))
        ),
        extras=leftovers(event, _HELD),
    )


def _non_zero(value: object) -> str | None:
    """Read an id; Mailjet writes 0 for none."""
    text = text_of(value)
    return None if text == "0" else text


def _flag(event: dict[str, Any], name: str) -> bool | None:
    value = event.get(name)
    return value if isinstance(value, bool) else None
