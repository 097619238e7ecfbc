"""Segment: what contacts did with e-mail, as track calls of the vendor's own source.

At least once: Segment drops repeats by `messageId`, which is the engagement's id, and `timestamp` is the event's own
time. `sentAt` stays out, so that Segment does not correct the time for a clock that is right.
Source: Segment's pages of the three sources; vendor notes Segment 5, 6, 13, Mailjet 9.3, Customer.io 7.5.
"""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any, Final

from bridge.destinations.base import (
    Answer,
    Call,
    Failed,
    Guarantee,
    Limits,
    Verdict,
    What,
    all_alike,
    judge_failure,
    judge_status,
    parse_object,
)
from bridge.destinations.values import snake_case
from bridge.engagement import Kind, SourceName, is_address, iso

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.engagement import Engagement
    from bridge.settings import Settings
    from bridge.store import Delivery, Identities

__all__ = [
    "LARGEST_EVENT",
    "TRACK",
    "SegmentDestination",
    "choose_identity",
    "customerio_track",
    "destination_name",
    "event_name",
    "event_time",
    "mailjet_track",
    "mailmodo_form_track",
    "mailmodo_track",
]

TRACK: Final = "track"
LARGEST_EVENT: Final = 32_768
"""Bytes of an event. Source: vendor notes Segment 7."""
_MOST_MESSAGES: Final = 2_500
_LARGEST_BATCH: Final = 512_000 - len('{"batch":[]}')
"""Source: vendor notes Segment 7; the vendor rejects what is beyond."""
_ALIASES: Final = (
    "email_id",
    "email_subject",
    "campaign_id",
    "campaign_name",
    "link_id",
    "link_url",
    "reason",
)


def destination_name(source: SourceName) -> str:
    """Name the destination of a source's events: each has a write key, and so a dispatcher, of its own."""
    return f"segment/{source}"


def event_name(engagement: Engagement, template: str) -> str:  # noqa: ARG001 - destinations name events alike
    """Name the event; Segment's names do not depend on the engagement."""
    return template


def event_time(engagement: Engagement) -> str:
    """Give the event's own time; it is the same at every attempt."""
    return iso(engagement.occurred_at)


def choose_identity(engagement: Engagement, identities: Identities) -> dict[str, str]:
    """Say whose event it is: `userId` where one is known, else the address as `anonymousId`, else nothing.

    Mailmodo's contacts are known by Segment's identify alone. Customer.io knows the person's id itself. For Mailjet
    the last identify of the address counts, then a `user_id` in the message's own payload.

    Source: Segment's pages of the Mailjet and Customer.io sources; vendor notes Mailmodo choice 19, Mailjet row 21.
    """
    email = engagement.recipient.email
    if engagement.source is SourceName.CUSTOMERIO:
        user_id = engagement.recipient.user_id
    else:
        user_id = (identities.user_of(email) if email else None) or ""
        if not user_id and engagement.source is SourceName.MAILJET:
            user_id = _payload_user(engagement.extras.get("Payload"))
    if user_id:
        return {"userId": user_id}
    if engagement.source is SourceName.MAILMODO:
        return {}
    return {"anonymousId": email} if email else {}


def mailmodo_track(engagement: Engagement, event: str, identity: dict[str, str]) -> dict[str, Any]:
    """Map a Mailmodo activity: the documented properties that apply to its kind."""
    message = engagement.message
    properties: dict[str, Any] = {
        "email_id": message.id,
        "email_subject": message.subject,
        "email_type": message.type,
        "template_id": message.template_id,
        "template_name": message.template_name,
        "campaign_id": message.campaign_id,
        "campaign_name": message.campaign_name,
        "campaign_type": message.campaign_type,
        "campaign_trigger_source": message.trigger_source,
    }
    if engagement.kind is Kind.OPENED:
        properties["apple_privacy_open"] = engagement.client.apple_privacy_open
    elif engagement.kind is Kind.LINK_CLICKED:
        properties |= {"link_id": engagement.link.id, "link_url": engagement.link.url}
    elif engagement.kind is Kind.FORM_SUBMITTED:
        form = engagement.form
        properties |= {"form_id": form.id, "form_name": form.name, "submission_type": form.submission_type}
    elif engagement.kind is Kind.BOUNCED:
        properties |= {"reason": engagement.failure.reason, "is_hard_bounce": engagement.failure.is_hard}
    elif engagement.kind is Kind.UNSUBSCRIBED:
        properties["reason"] = engagement.failure.reason
    context = {
        "integration": {"name": "mailmodo", "version": "1.0.0"},
        "traits": {"email": engagement.recipient.email},
    }
    return _track(engagement, event, identity, properties=_present(properties), context=context)


def mailmodo_form_track(engagement: Engagement, event: str, identity: dict[str, str]) -> dict[str, Any]:
    """Map an exported form: each answer under its question, beside what the vendor says of the submission."""
    form, message, extras = engagement.form, engagement.message, engagement.extras
    properties: dict[str, Any] = {
        **form.answers,
        "campaign_id": message.campaign_id,
        "campaign_name": message.campaign_name,
        "campaign_trigger_source": message.trigger_source,
        "form_id": form.id,
        "submission_type": form.submission_type,
        "step": extras.get("next-step-id"),
    }
    context = {
        "integration": {"name": "mailmodo", "version": "1.0.0"},
        "traits": {"email": engagement.recipient.email},
    }
    return _track(engagement, event, identity, properties=_present(properties), context=context)


def mailjet_track(engagement: Engagement, event: str, identity: dict[str, str]) -> dict[str, Any]:
    """Map a Mailjet event to the Email spec's names, with Mailjet's own beside them."""
    message, client, failure, extras = (
        engagement.message,
        engagement.client,
        engagement.failure,
        engagement.extras,
    )
    properties: dict[str, Any] = {
        "email_id": message.id,
        "campaign_id": message.campaign_id,
        "campaign_name": message.campaign_name,
        "custom_id": extras.get("CustomID") or None,
        "payload": extras.get("Payload") or None,
    }
    if engagement.kind is Kind.LINK_CLICKED:
        properties["link_url"] = engagement.link.url
    elif engagement.kind is Kind.UNSUBSCRIBED:
        list_id = extras.get("mj_list_id")
        properties["list_id"] = str(list_id) if list_id else None
    elif engagement.kind is Kind.BOUNCED:
        properties |= {
            "hard_bounce": failure.is_hard,
            "blocked": failure.is_blocked,
            "error": failure.reason,
            "error_related_to": extras.get("error_related_to") or None,
            "comment": extras.get("comment") or None,
        }
    elif engagement.kind is Kind.MARKED_AS_SPAM:
        properties["source"] = extras.get("source") or None
    context: dict[str, Any] = {
        "integration": {"name": "mailjet", "version": "1.0.0"},
        "traits": _present({"email": engagement.recipient.email or None}),
        "mailjet": _present(
            {"contact_id": engagement.recipient.contact_id or None, "message_guid": message.guid}
        ),
    }
    context |= _present({"ip": client.ip, "userAgent": client.agent})
    if client.country and len(client.country) == 2:
        context["location"] = {"country": client.country}
    return _track(engagement, event, identity, properties=_present(properties), context=context)


def customerio_track(
    engagement: Engagement, event: str, identity: dict[str, str], *, names: str
) -> dict[str, Any]:
    """Map a Customer.io event: the webhook's own fields, the Email spec's names for them, or both.

    Args:
        engagement: What happened.
        event: Its name.
        identity: Whose it is.
        names: `raw`, `spec` or `both`, from the settings.
    """
    properties: dict[str, Any] = {}
    if names != "spec":
        properties |= {
            snake_case(str(key)): value for key, value in engagement.extras.items() if key != "variables"
        }
    if names != "raw":
        message, link = engagement.message, engagement.link
        values = (
            message.id,
            message.subject,
            message.campaign_id,
            message.campaign_name,
            link.id,
            link.url,
            engagement.failure.reason,
        )
        properties |= _present(dict(zip(_ALIASES, values, strict=True)))
    email = engagement.recipient.email
    context = {
        "integration": {"name": "customer.io", "version": "1.0.0"},
        "traits": {"email": email} if is_address(email) else {},
    }
    message_ = _track(engagement, event, identity, properties=_present(properties), context=context)
    # Segment must not hand the event back to where it came from.
    message_["integrations"] = {"Customer.io": False}
    return message_


def _track(
    engagement: Engagement,
    event: str,
    identity: dict[str, str],
    *,
    properties: dict[str, Any],
    context: dict[str, Any],
) -> dict[str, Any]:
    return {
        "type": "track",
        "event": event_name(engagement, event),
        **identity,
        "messageId": engagement.id,
        "timestamp": event_time(engagement),
        "properties": properties,
        "context": context,
    }


def _present(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _payload_user(payload: object) -> str:
    """Read `user_id` or `userId` from a message's payload, where that is a JSON object."""
    if not isinstance(payload, str) or not payload.startswith("{"):
        return ""
    data = parse_object(payload.encode("utf-8", "replace")) or {}
    value = data.get("user_id") or data.get("userId")
    return str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""


class SegmentDestination:
    """Sends batches under the write key of one source."""

    def __init__(self, settings: Settings, source: SourceName, write_key: str) -> None:
        self.name = destination_name(source)
        self.is_on = bool(write_key)
        self.limits = Limits(
            records=min(settings.segment_batch_messages, _MOST_MESSAGES),
            record_bytes=min(settings.segment_batch_bytes, _LARGEST_BATCH),
            rate_per_s=settings.segment_rate_per_s,
            concurrency=settings.segment_concurrency,
            linger_s=settings.batch_linger_s,
        )
        self.guarantees = {TRACK: Guarantee.AT_LEAST_ONCE}
        self._url = f"{settings.segment_url}/v1/batch"
        self._headers = {
            "Authorization": "Basic " + b64encode(f"{write_key}:".encode()).decode(),
            "Content-Type": "application/json",
        }

    def call(self, deliveries: Sequence[Delivery]) -> Call:
        """Put messages into one batch."""
        body = b'{"batch":[' + b",".join([delivery.body for delivery in deliveries]) + b"]}"
        return Call(self._url, self._headers, body)

    def judge(self, deliveries: Sequence[Delivery], end: Answer | Failed) -> list[Verdict]:
        """Take 200 as the end of it: Segment says no more, and validates later."""
        if isinstance(end, Failed):
            return all_alike(deliveries, judge_failure(end, Guarantee.AT_LEAST_ONCE))
        if not 200 <= end.status < 300:
            return all_alike(deliveries, judge_status(end, Guarantee.AT_LEAST_ONCE))
        answer = parse_object(end.body)
        if answer is not None and answer.get("success") is False:
            return all_alike(deliveries, Verdict(What.HALVE, "segment_refused"))
        return all_alike(deliveries, Verdict(What.DELIVERED))
