"""Mailmodo tells what a contact did: one activity, exported form or pass of a journey per webhook.

The vendor signs nothing, so a secret in the URL is the proof. It publishes no payload for activities.
Source: vendor notes Mailmodo 3.4, 5.1, 6; event names from Segment's Mailmodo source page.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from bridge.engagement import (
    Client,
    Engagement,
    Failure,
    Form,
    Kind,
    Link,
    Message,
    Recipient,
    SourceName,
    engagement_id,
    instant_from_iso,
)
from bridge.errors import Unreadable
from bridge.sources.base import Reading, check_secret, leftovers, live, parse_json, text_of
from bridge.sources.mailmodo_forms import is_form, is_journey, read_form, read_journey

if TYPE_CHECKING:
    from bridge.settings import Settings
    from bridge.sources.base import Incoming

__all__ = ["ACTIVITY", "KINDS", "MailmodoSource"]

ACTIVITY: Final = "activity"
"""Where an activity comes from, for the routing table."""

KINDS: Final = {
    "Email Sent": Kind.SENT,
    "Email Opened": Kind.OPENED,
    "Link Clicked": Kind.LINK_CLICKED,
    "Email Form Submitted": Kind.FORM_SUBMITTED,
    "Email Marked as Spam": Kind.MARKED_AS_SPAM,
    "Email Bounced": Kind.BOUNCED,
    "Email Unsubscribed": Kind.UNSUBSCRIBED,
}

_TOP: Final = (
    "id",
    "event",
    "occurred_at",
    "email",
    "contact_id",
    "ref",
    "clevertap_id",
    "properties",
    "answers",
)
_PROPERTIES: Final = (
    "email_id",
    "email_subject",
    "email_type",
    "template_id",
    "template_name",
    "campaign_id",
    "campaign_name",
    "campaign_type",
    "campaign_trigger_source",
    "apple_privacy_open",
    "link_id",
    "link_url",
    "form_id",
    "form_name",
    "submission_type",
    "reason",
    "is_hard_bounce",
)


class MailmodoSource:
    """Reads activity webhooks."""

    name = SourceName.MAILMODO
    dedup_window = timedelta(days=7)

    def __init__(self, settings: Settings) -> None:
        self._secrets = live(settings.mailmodo_webhook_secret, settings.mailmodo_webhook_secret_old)
        self.is_on = bool(settings.mailmodo_webhook_secret)

    def authenticate(self, incoming: Incoming) -> None:
        """Compare the secret in the URL."""
        check_secret(incoming.secret, self._secrets)

    def read(self, incoming: Incoming) -> tuple[Reading, ...]:
        """Read one activity, form or pass, by its shape."""
        data = parse_json(incoming.body)
        if not isinstance(data, dict):
            raise Unreadable("wanted an activity as a JSON object")
        if is_journey(data):
            return (read_journey(data, incoming),)
        if is_form(data):
            return (read_form(data, incoming),)
        key = dedup_key(data)
        engagement = read_activity(data, incoming, engagement_id(self.name, key))
        return (Reading(dedup_key=key, raw=incoming.body, engagement=engagement),)


def dedup_key(data: dict[str, Any]) -> str:
    """Give the vendor's id of the activity; without one, what makes it this one, to the second."""
    if activity_id := text_of(data.get("id")):
        return activity_id
    properties = _object(data.get("properties"))
    parts = (
        properties.get("email_id") or data.get("email"),
        properties.get("campaign_id"),
        data.get("event"),
        properties.get("link_id"),
        str(data.get("occurred_at"))[:19],
    )
    return "|".join(str(part or "") for part in parts)


def read_activity(data: dict[str, Any], incoming: Incoming, id_: str) -> Engagement:
    """Turn one activity into an engagement.

    Raises:
        Unreadable: It has no time.
    """
    properties = _object(data.get("properties"))
    return Engagement(
        id=id_,
        source=SourceName.MAILMODO,
        kind=KINDS.get(str(data.get("event")), Kind.OTHER),
        occurred_at=instant_from_iso(data.get("occurred_at")),
        received_at=incoming.received_at,
        recipient=Recipient(
            email=(text_of(data.get("email")) or "").strip(),
            clevertap_id=text_of(data.get("clevertap_id")) or "",
            contact_id=text_of(data.get("contact_id")) or "",
        ),
        message=Message(
            id=text_of(properties.get("email_id")),
            ref=text_of(data.get("ref")),
            subject=text_of(properties.get("email_subject")),
            type=text_of(properties.get("email_type")),
            template_id=text_of(properties.get("template_id")),
            template_name=text_of(properties.get("template_name")),
            campaign_id=text_of(properties.get("campaign_id")),
            campaign_name=text_of(properties.get("campaign_name")),
            campaign_type=text_of(properties.get("campaign_type")),
            trigger_source=text_of(properties.get("campaign_trigger_source")),
        ),
        link=Link(id=text_of(properties.get("link_id")), url=text_of(properties.get("link_url"))),
        form=Form(
            id=text_of(properties.get("form_id")),
            name=text_of(properties.get("form_name")),
            submission_type=text_of(properties.get("submission_type")),
            answers=_object(data.get("answers")),
        ),
        failure=Failure(
            reason=text_of(properties.get("reason")), is_hard=_flag(properties.get("is_hard_bounce"))
        ),
        where=ACTIVITY,
        client=Client(apple_privacy_open=_flag(properties.get("apple_privacy_open"))),
        extras=_extras(data, properties),
    )


def _extras(data: dict[str, Any], properties: dict[str, Any]) -> dict[str, Any]:
    extras = leftovers(data, _TOP)
    if unknown := leftovers(properties, _PROPERTIES):
        extras["properties"] = unknown
    if data.get("event") not in KINDS:
        extras["event"] = data.get("event")
    return extras


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _flag(value: object) -> bool | None:
    """Read a flag; the vendor does not say whether it is a boolean or its text."""
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower())
    return value if isinstance(value, bool) else None
