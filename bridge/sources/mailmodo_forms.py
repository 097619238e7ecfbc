"""Mailmodo's two documented webhooks: the export of a form, and the webhook card of a journey.

Both are plain JSON without a proof of their own. A form's answers stand beside the fields that the vendor adds; a
journey wraps them in `triggerData`, and tells of passes that no form caused, too.
Source: vendor notes Mailmodo 3.1 to 3.4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bridge.engagement import (
    Engagement,
    Form,
    Kind,
    Message,
    Recipient,
    SourceName,
    engagement_id,
    instant_from_unix,
)
from bridge.sources.base import Reading, canonical, digest, leftovers, text_of

if TYPE_CHECKING:
    from datetime import datetime

    from bridge.sources.base import Incoming

__all__ = ["FORM", "JOURNEY", "is_form", "is_journey", "read_form", "read_journey"]

FORM: Final = "form"
"""Where a form export comes from, for the routing table."""
JOURNEY: Final = "journey"
"""Where the webhook card of a journey comes from, for the routing table."""

_FORM_FIELDS: Final = (
    "fuuid",
    "next-step-id",
    "total-steps",
    "responseId",
    "recipientEmail",
    "formId",
    "recordedAt",
    "submissionSource",
    "recipientData",
    "campaignId",
    "campaignName",
)


def is_form(data: dict[str, Any]) -> bool:
    """Say whether a body is the export of a form."""
    return "responseId" in data and "event" not in data


def is_journey(data: dict[str, Any]) -> bool:
    """Say whether a body comes from the webhook card of a journey."""
    return isinstance(data.get("triggerData"), dict)


def read_form(data: dict[str, Any], incoming: Incoming) -> Reading:
    """Read an exported form; a response is the same in all its repeats, and another at each step.

    Raises:
        Unreadable: It has a time that is none.
    """
    key = f"{FORM}|{_form_key(data)}"
    person = _object(data.get("recipientData"))
    email = text_of(person.get("email")) or text_of(data.get("recipientEmail")) or ""
    extras: dict[str, Any] = {
        name: data[name] for name in ("fuuid", "next-step-id", "total-steps") if name in data
    }
    if properties := leftovers(person, ("email", "clevertap_id")):
        extras["recipientData"] = properties
    engagement = Engagement(
        id=engagement_id(SourceName.MAILMODO, key),
        source=SourceName.MAILMODO,
        kind=Kind.FORM_SUBMITTED,
        occurred_at=_recorded_at(data, incoming),
        received_at=incoming.received_at,
        recipient=Recipient(email=email.strip(), clevertap_id=text_of(person.get("clevertap_id")) or ""),
        message=Message(
            campaign_id=text_of(data.get("campaignId")), campaign_name=text_of(data.get("campaignName"))
        ),
        form=_form(data),
        where=FORM,
        extras=extras,
    )
    return Reading(dedup_key=key, raw=incoming.body, engagement=engagement)


def read_journey(data: dict[str, Any], incoming: Incoming) -> Reading:
    """Read one pass of a contact through a journey's webhook card.

    Only a form gives it an id. Another pass with the same content is the same within an hour: the vendor documents no
    repeats, and a person may pass again.

    Raises:
        Unreadable: It has a time that is none.
    """
    wrapper: dict[str, Any] = data["triggerData"]
    form = _object(wrapper.get("formSubmissionData"))
    journey = text_of(wrapper.get("journeyId")) or ""
    if form.get("responseId"):
        key = f"{JOURNEY}|{journey}|{_form_key(form)}"
    else:
        key = f"{JOURNEY}|{digest(canonical(data))}|{incoming.received_at:%Y-%m-%dT%H}"
    email = text_of(wrapper.get("email")) or text_of(form.get("recipientEmail")) or ""
    own = _object(wrapper.get("data"))
    engagement = Engagement(
        id=engagement_id(SourceName.MAILMODO, key),
        source=SourceName.MAILMODO,
        kind=Kind.FORM_SUBMITTED if form else Kind.OTHER,
        occurred_at=_recorded_at(form, incoming),
        received_at=incoming.received_at,
        recipient=Recipient(
            email=email.strip(),
            clevertap_id=text_of(own.get("clevertap_id")) or "",
            contact_id=text_of(wrapper.get("userId")) or "",
        ),
        message=Message(
            ref=text_of(data.get("lastCampaignEmailRef")),
            type=text_of(_object(data.get("eventData")).get("type")),
            campaign_id=text_of(data.get("lastCampaignId")),
            trigger_source=text_of(wrapper.get("triggerSource")),
        ),
        form=_form(form) if form else Form(),
        where=JOURNEY,
        extras={
            **leftovers(data, ("triggerData", "eventData", "lastCampaignEmailRef", "lastCampaignId")),
            **leftovers(wrapper, ("email", "userId", "triggerSource", "formSubmissionData")),
        },
    )
    return Reading(dedup_key=key, raw=incoming.body, engagement=engagement)


def _form_key(form: dict[str, Any]) -> str:
    names = ("responseId", "formId", "next-step-id")
    return "|".join([text_of(form.get(name)) or "" for name in names])


def _form(form: dict[str, Any]) -> Form:
    """Read what was submitted: every field that the vendor did not add is an answer."""
    submission = text_of(form.get("submissionSource"))
    return Form(
        id=text_of(form.get("formId")),
        submission_type=submission.upper() if submission else None,
        answers=leftovers(form, _FORM_FIELDS),
    )


def _recorded_at(form: dict[str, Any], incoming: Incoming) -> datetime:
    """Read when it was submitted, from `ts` alone: date, hour and minute are of the account's time zone."""
    recorded = _object(form.get("recordedAt"))
    return instant_from_unix(recorded["ts"]) if "ts" in recorded else incoming.received_at


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
