"""Activity webhooks: what a contact did with a mail, posted to one URL, an event a request.

Mailmodo publishes no payload for its activity feed, so the envelope is ours; the event names and the properties
are those it sends to Segment. Source: Segment docs, "Mailmodo Source".
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, NotRequired, TypedDict

from fakes.kit import RetryPolicy, WebhookRequest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from fakes.kit import Failure
    from fakes.mailmodo.settings import MailmodoSettings
    from fakes.mailmodo.state import Send
    from fakes.mailmodo.submissions import Submission

__all__ = [
    "Activity",
    "ActivityName",
    "Part",
    "activity_request",
    "campaign_properties",
    "iso_ms",
    "json_request",
    "retry_policy",
]


Part = Literal["amp", "html"]
"""Which part of a mail was shown."""


class ActivityName(StrEnum):
    """What a contact did, or what became of a mail. Source: Segment docs, "Mailmodo Source"."""

    SENT = "Email Sent"
    OPENED = "Email Opened"
    CLICKED = "Link Clicked"
    SUBMITTED = "Email Form Submitted"
    MARKED_AS_SPAM = "Email Marked as Spam"
    BOUNCED = "Email Bounced"
    UNSUBSCRIBED = "Email Unsubscribed"


class ActivityPayload(TypedDict):
    """The body of an activity webhook."""

    id: str
    event: str
    occurred_at: str
    email: str
    contact_id: str
    ref: str
    clevertap_id: str | None
    properties: Mapping[str, Any]
    answers: NotRequired[Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """One thing that happened to one mail.

    Attributes:
        id: UUID; receivers recognise a repeated webhook by it.
        name: What happened.
        at: When.
        send: To which mail.
        properties: In the documented snake case.
        submission: Only for a submitted form.
        part: Which part of the mail it happened in; None where that says nothing.
    """

    id: str
    name: ActivityName
    at: datetime
    send: Send
    properties: Mapping[str, Any]
    submission: Submission | None = None
    part: Part | None = None

    def payload(self) -> ActivityPayload:
        """Give the webhook's body."""
        payload = ActivityPayload(
            id=self.id,
            event=self.name.value,
            occurred_at=iso_ms(self.at),
            email=self.send.contact.email,
            contact_id=self.send.contact.id,
            ref=self.send.ref,
            clevertap_id=self.send.clevertap_id,
            properties=self.properties,
        )
        if self.submission is not None:
            payload["answers"] = self.submission.by_question
        return payload


def campaign_properties(send: Send) -> dict[str, Any]:
    """Give the properties that every activity has. Source: Segment docs, "Mailmodo Source", event properties."""
    campaign = send.campaign
    template = campaign.template
    properties = {
        "email_id": send.contact.id,
        "email_subject": send.subject,
        "email_type": template.template.email_type,
        "template_id": template.id,
        "template_name": template.name,
        "campaign_id": campaign.id,
        "campaign_name": campaign.name,
        "campaign_type": campaign.type,
    }
    if campaign.type == "TRIGGERED":  # "triggered only", says SEG-src
        properties["campaign_trigger_source"] = campaign.trigger_app
    return properties


def activity_request(activity: Activity, url: str) -> WebhookRequest:
    """Put an activity into a request."""
    return json_request("activity", url, activity.payload())


def json_request(webhook: str, url: str, payload: Mapping[str, Any]) -> WebhookRequest:
    """Put a payload into a request; no header signs it, as none of Mailmodo's webhooks is signed."""
    return WebhookRequest(
        webhook=webhook,
        url=url,
        body=json.dumps(payload).encode(),
        headers=lambda: {"Content-Type": "application/json"},
    )


def retry_policy(settings: MailmodoSettings) -> RetryPolicy:
    """Try again on 429, 5xx and silence, waiting twice as long each time; any other answer ends it.

    Nothing is published; this is a guess.
    """

    def wait_s(failure: Failure) -> float | None:
        status = failure.status
        is_worth_it = status is None or status == 429 or status >= 500
        if not is_worth_it or failure.attempt >= settings.webhook_tries:
            return None
        return settings.webhook_first_wait_s * 2.0 ** (failure.attempt - 1)

    return RetryPolicy(
        timeout_s=settings.webhook_timeout_s, is_success=lambda status: 200 <= status < 300, wait_s=wait_s
    )


def iso_ms(at: datetime) -> str:
    """Write an aware UTC instant as `2026-03-02T03:30:00.000Z`."""
    return at.isoformat(timespec="milliseconds")[:-6] + "Z"
