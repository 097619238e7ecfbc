"""What an effect must carry: properties by event, as the vendors' documents have them.

Written from the documents and the fakes' ground truth, never from a bridge: names, limits and translations stand
here a second time on purpose. Each function gives a `Wanted`: what must be there, what may be there but then with
this value, and whether the documents list everything. See `docs/explanations/ledger.md`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from simulator.diagnosis import ANYTHING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "Trigger",
    "Wanted",
    "answers_wanted",
    "clean_name",
    "clevertap_wanted",
    "contact_wanted",
    "custom_event_wanted",
    "customerio_wanted",
    "mailjet_wanted",
    "mailmodo_wanted",
    "payload_user_id",
    "read_trigger",
    "segment_values",
]

CONTEXT_EMAIL: Final = "context.traits.email"
"""How findings call the address in a Segment message's context."""

ALL_INTEGRATIONS: Final = "integrations.All"
"""How findings call a Segment message's switch for all destinations; `false` hides it from everybody."""

_MAILMODO_PROPERTIES: Final = (
    "email_id", "email_subject", "email_type", "template_id", "template_name", "campaign_id", "campaign_name",
    "campaign_type", "campaign_trigger_source", "apple_privacy_open", "link_id", "link_url", "form_id",
    "form_name", "submission_type", "reason", "is_hard_bounce",
)  # fmt: skip
"""All that Mailmodo sends to Segment. Source: Segment docs, "Mailmodo Source", event properties."""

_CLEVERTAP_LEAVES_OPEN: Final = ("email_id", "campaign_trigger_source", "link_id")
"""Those of them that an `MM …` event may do without; the page lists "and so on"."""

_LONGEST_VALUE: Final = 512
_MOST_PROPERTIES: Final = 256
_FORBIDDEN: Final = "%><!|&.:;$'\"\\"

_MAILJET_FIELDS: Final = ("hard_bounce", "blocked", "error", "error_related_to", "comment", "source")
_CUSTOMERIO_NOT_DATA: Final = ("identifiers", "event_id", "is_repeat", "variables")
_TRAITS_ELSEWHERE: Final = ("email", "createdat", "created_at", "timezone", "address", "company", "age")
_RESERVED_TRAITS: Final = {
    "firstname": "first_name",
    "lastname": "last_name",
    "title": "designation",
    "zip": "postal_code",
    "zipcode": "postal_code",
    "postalcode": "postal_code",
}
"""Traits that Mailmodo calls otherwise. Source: vendor notes Mailmodo 5.2 (RudderStack's destination)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Properties of one event; the attributes are those of `Due`."""

    values: Mapping[str, Any] = field(default_factory=dict)
    also: Mapping[str, Any] = field(default_factory=dict)
    is_closed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """What CleverTap's rendered body asks for.

    Attributes:
        email: Whom to write to; empty when the body names nobody.
        clevertap_id: What activity must come back with; empty when the body has none.
        data: The personalisation, scalars only.
    """

    email: str = ""
    clevertap_id: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


def read_trigger(body: bytes) -> Trigger:
    """Read the body of a webhook campaign's request.

    Source: Mailmodo help, "CleverTap": `email`, a `data` object, and a `clevertap_id` property.
    """
    try:
        parsed = json.loads(body)
    except ValueError:
        return Trigger()
    if not isinstance(parsed, dict):
        return Trigger()
    fields = {str(key).lower(): value for key, value in parsed.items()}
    profiles = fields.get("profiles")
    if isinstance(profiles, list) and len(profiles) == 1 and isinstance(profiles[0], dict):
        profile = {str(key).lower(): value for key, value in profiles[0].items()}
        return Trigger(email=_text(profile.get("email")).lower(), clevertap_id=_text(profile.get("objectid")))
    found = fields.get("data")
    data: Mapping[str, Any] = found if isinstance(found, dict) else {}
    inner = {key: value for key, value in data.items() if key.lower() != "clevertap_id"}
    of_data = next((value for key, value in data.items() if key.lower() == "clevertap_id"), None)
    return Trigger(
        email=_text(fields.get("email")).lower(),
        clevertap_id=_text(fields.get("clevertap_id")) or _text(of_data),
        data={key: value for key, value in inner.items() if _is_scalar(value)},
    )


def clevertap_wanted(details: Mapping[str, Any]) -> Wanted:
    """Say what an `MM …` event carries: what applies of Mailmodo's documented properties, and nothing else.

    Source: Mailmodo help, "CleverTap" ("campaign name, subject line, campaign type, email type and so on"); vendor
    notes Mailmodo, choice 17; CleverTap docs, "Upload events" (values of at most 512 bytes).
    """
    known = {name: _fit(value) for name, value in _mailmodo_properties(details).items()}
    return Wanted(
        values={name: value for name, value in known.items() if name not in _CLEVERTAP_LEAVES_OPEN},
        also={name: known[name] for name in _CLEVERTAP_LEAVES_OPEN if name in known},
        is_closed=True,
    )


def answers_wanted(details: Mapping[str, Any]) -> Wanted:
    """Say what `MM <Template Name> Form Submitted` carries: the answers, and the same properties beside them.

    An answer that is a list or an object may be written in any way, since CleverTap takes scalars. Nothing can be
    said of questions that CleverTap would call alike, or like one of the properties.
    """
    common = clevertap_wanted(details)
    answers = details.get("answers")
    named = [(clean_name(str(question)), answer) for question, answer in dict(answers or {}).items()]
    names = [name for name, _answer in named]
    taken = {*common.values, *common.also, *_MAILMODO_PROPERTIES, "", *_repeated(names)}
    is_plain = not taken.intersection(names) and len(named) + len(taken) <= _MOST_PROPERTIES
    known = {name: answer for name, answer in named if name not in taken and answer is not None}
    values = {name: _fit(answer) for name, answer in known.items() if _is_scalar(answer)}
    also = {name: ANYTHING for name in known if name not in values}
    return Wanted(
        values=values if is_plain else {},
        also={**common.values, **common.also, **also},
        is_closed=is_plain,
    )


def mailmodo_wanted(details: Mapping[str, Any], email: str) -> Wanted:
    """Say what a Mailmodo activity carries at Segment: the documented properties that apply, and no other.

    Source: Segment docs, "Mailmodo Source", event properties.
    """
    return Wanted(
        values=_mailmodo_properties(details),
        also={CONTEXT_EMAIL: email, ALL_INTEGRATIONS: True},
        is_closed=True,
    )


def mailjet_wanted(details: Mapping[str, Any], email: str) -> Wanted:
    """Say what a Mailjet event carries at Segment: the Email spec's properties; its own beside them may be any.

    Source: Segment docs, "Email spec"; vendor notes Mailjet 9.3 (ids as text, none for 0).
    """
    values = {"email_id": str(details.get("MessageID")), CONTEXT_EMAIL: email}
    if details.get("mj_campaign_id"):
        values["campaign_id"] = str(details["mj_campaign_id"])
    if details.get("customcampaign"):
        values["campaign_name"] = str(details["customcampaign"])
    if details.get("event") == "click" or "url" in details:
        values["link_url"] = str(details.get("url"))
    also = {name: details[name] for name in _MAILJET_FIELDS if name in details}
    for name, source in (("custom_id", "CustomID"), ("payload", "Payload"), ("list_id", "mj_list_id")):
        if details.get(source):
            also[name] = details[source]
    return Wanted(values=values, also={**also, ALL_INTEGRATIONS: True})


def customerio_wanted(details: Mapping[str, Any], email: str) -> Wanted:
    """Say what a Customer.io event carries at Segment: the Email spec's properties; the webhook's own may stand beside.

    Source: Segment docs, "Email spec"; vendor notes Customer.io 7.5.
    """
    values = {"email_id": str(details.get("delivery_id")), CONTEXT_EMAIL: email}
    if details.get("subject"):
        values["email_subject"] = str(details["subject"])
    if details.get("href"):
        values["link_url"] = str(details["href"])
    also = {
        name: value
        for name, value in details.items()
        if name not in _CUSTOMERIO_NOT_DATA and _is_scalar(value)
    }
    if "failure_message" in details:
        also["reason"] = details["failure_message"]
    return Wanted(values=values, also={**also, ALL_INTEGRATIONS: True})


def contact_wanted(traits: Mapping[str, Any]) -> Wanted:
    """Say what a Mailmodo contact gets from an identify: reserved traits under Mailmodo's names, others as they are.

    A trait whose name has capitals may be written in snake_case or not: the page does not say.

    Source: Segment docs, "Mailmodo destination"; vendor notes Mailmodo 5.2.
    """
    values: dict[str, Any] = {}
    also: dict[str, Any] = {}
    for name, value in traits.items():
        lower = name.lower()
        if lower in _TRAITS_ELSEWHERE or not _is_scalar(value):
            continue
        if lower in ("firstname", "lastname"):
            values[_RESERVED_TRAITS[lower]] = value
        elif lower in _RESERVED_TRAITS:
            also |= {_RESERVED_TRAITS[lower]: value, name: value}
        elif lower == name and name.replace("_", "a").isalnum():
            values[name] = value
        else:
            also[name] = value
    return Wanted(values=values, also=also)


def custom_event_wanted(properties: Mapping[str, Any]) -> Wanted:
    """Say what a Mailmodo custom event carries: all properties of the track.

    Nothing says how what is nested is written; then anything else may stand beside the rest.

    Source: Segment docs, "Mailmodo destination".
    """
    known = {name: value for name, value in properties.items() if value is not None}
    values = {name: value for name, value in known.items() if _is_scalar(value)}
    return Wanted(values=values, is_closed=len(values) == len(known))


def segment_values(details: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give what of an accepted message is compared: its properties, and two things beside them."""
    values = dict(details.get("properties") or {})
    context, integrations = details.get("context"), details.get("integrations")
    traits = context.get("traits") if isinstance(context, dict) else None
    if isinstance(traits, dict) and "email" in traits:
        email = traits["email"]
        values[CONTEXT_EMAIL] = email.lower() if isinstance(email, str) else email
    if isinstance(integrations, dict) and "All" in integrations:
        values[ALL_INTEGRATIONS] = integrations["All"]
    return values


def payload_user_id(payload: object) -> str:
    """Read a `user_id` that the sender put into Mailjet's EventPayload."""
    try:
        parsed = json.loads(str(payload)) if payload else {}
    except ValueError:
        return ""
    return str(parsed.get("user_id") or parsed.get("userId") or "") if isinstance(parsed, dict) else ""


def clean_name(name: str) -> str:
    """Drop the characters that CleverTap does not take in names of events and properties.

    Source: CleverTap user docs, "Platform considerations".
    """
    return " ".join("".join(character for character in name if character not in _FORBIDDEN).split())


def _mailmodo_properties(details: Mapping[str, Any]) -> dict[str, Any]:
    return {name: details[name] for name in _MAILMODO_PROPERTIES if details.get(name) is not None}


def _repeated(names: list[str]) -> list[str]:
    return [name for index, name in enumerate(names) if name in names[:index]]


def _fit(value: Any) -> Any:
    """Cut a text to what a CleverTap property holds."""
    if not isinstance(value, str) or len(value) * 4 <= _LONGEST_VALUE:
        return value
    return value.encode("utf-8", "replace")[:_LONGEST_VALUE].decode("utf-8", "ignore")


def _is_scalar(value: object) -> bool:
    return isinstance(value, str | int | float | bool)


def _text(value: object) -> str:
    is_text = isinstance(value, str | int) and not isinstance(value, bool)
    return str(value).strip() if is_text else ""
