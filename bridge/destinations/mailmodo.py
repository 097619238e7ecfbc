"""Mailmodo: one e-mail per trigger, contacts from identify calls, custom events from track calls.

A trigger must never happen twice: the vendor has no idempotency key, so a second call is a second e-mail. The rest
may be repeated. The vendor may answer 200 with `success: false`, so the body is judged, not the status.
Source: vendor notes Mailmodo 1, 2.1, 2.3, 2.12, 5.2; Segment's page of the Mailmodo destination.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

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
from bridge.destinations.values import cut, flatten, snake_case
from bridge.texts import key_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bridge.settings import Settings
    from bridge.store import Delivery

__all__ = [
    "ADD_EVENT",
    "ADD_TO_LIST",
    "NAME",
    "PATHS",
    "TRIGGER",
    "MailmodoDestination",
    "contact_data",
    "is_enabled",
    "match_key",
    "trigger_path",
]

NAME: Final = "mailmodo"
TRIGGER: Final = "triggerCampaign"
ADD_TO_LIST: Final = "addToList"
ADD_EVENT: Final = "addEvent"

_LONGEST_LINE: Final = 150
_FIELDS: Final = {
    "title": "designation",
    "zip": "postal_code",
    "zipcode": "postal_code",
    "postalcode": "postal_code",
    "postal_code": "postal_code",
    "firstname": "first_name",
    "first_name": "first_name",
    "lastname": "last_name",
    "last_name": "last_name",
}
"""Segment's reserved traits that Mailmodo calls otherwise, by their name in lower case."""


PATHS: Final = {ADD_TO_LIST: "/api/v1/addToList", ADD_EVENT: "/api/v1/addEvent"}
"""Paths of the calls that are about no campaign."""


def is_enabled(integrations: Mapping[str, Any], name: str = "Mailmodo") -> bool:
    """Read an `integrations` object: the destination's own entry, else `All`, else yes.

    Source: Segment docs, "Filtering data: the integrations object".
    """
    if name in integrations:
        return integrations[name] not in (False, None)
    return integrations.get("All", integrations.get("all", True)) is not False


def match_key(campaign: str, email: str) -> str:
    """Name a send of a campaign to an address, as a trigger and later activity know it."""
    return key_of(f"mailmodo|{campaign}|{email.lower()}")


def trigger_path(campaign: str) -> str:
    """Give the path that triggers a campaign."""
    return f"/api/v1/triggerCampaign/{quote(campaign, safe='')}"


def contact_data(traits: Mapping[str, Any]) -> dict[str, Any]:
    """Map traits: reserved ones to Mailmodo's names, the address in parts, others in snake_case; flat, without null."""
    data: dict[str, Any] = {}
    for name, value in traits.items():
        lower = name.lower()
        if lower in ("email", "createdat", "created_at", "timezone") or value is None:
            continue
        if lower == "address":
            data |= _address(value)
        elif lower == "company" and isinstance(value, dict):
            data |= _company(value)
        elif lower == "age":
            data["age"] = _whole(value)
        else:
            data |= flatten({_FIELDS.get(lower) or snake_case(name): value})
    data["postal_code"] = _postal_code(data.get("postal_code"))
    return {key: value for key, value in data.items() if value is not None}


def _postal_code(value: object) -> str | int | None:
    """Give a postal code as the vendor takes it: a text or a whole number; yes and no are none."""
    if isinstance(value, bool):
        return None
    return value if isinstance(value, (str, int)) or value is None else str(value)


def _address(value: object) -> dict[str, Any]:
    """Split an address; a street of more than 150 characters goes on in the second line.

    Source: vendor notes Mailmodo 5.2 (RudderStack's destination).
    """
    if isinstance(value, str):
        return _lines(value)
    if not isinstance(value, dict):
        return {}
    parts: dict[str, Any] = {}
    for name, part in value.items():
        lower = str(name).lower()
        if lower == "street" and isinstance(part, str):
            parts |= _lines(part)
        elif lower in ("city", "state", "country"):
            parts |= flatten({lower: part})
        else:
            parts |= flatten({_FIELDS.get(lower) or f"address_{snake_case(str(name))}": part})
    return parts


def _lines(text: str) -> dict[str, Any]:
    if len(text) <= _LONGEST_LINE:
        return {"address1": text}
    return {"address1": text[:_LONGEST_LINE], "address2": text[_LONGEST_LINE : 2 * _LONGEST_LINE]}


def _company(value: dict[str, Any]) -> dict[str, Any]:
    parts: dict[str, Any] = {}
    for name, part in value.items():
        key = {"name": "company", "industry": "industry"}.get(name) or f"company_{snake_case(str(name))}"
        parts |= flatten({key: part})
    return parts


def _whole(value: object) -> object:
    """Give an age as the whole number that Mailmodo wants, where it is one."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 3:
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, (int, str)) else None


class MailmodoDestination:
    """Makes one call per record."""

    name = NAME

    def __init__(self, settings: Settings) -> None:
        self.is_on = bool(settings.mailmodo_api_key)
        self.limits = Limits(
            concurrency=settings.mailmodo_concurrency, rate_per_s=settings.mailmodo_rate_per_s
        )
        self.guarantees = {
            TRIGGER: Guarantee.NEVER_TWICE,
            ADD_TO_LIST: Guarantee.AT_LEAST_ONCE,
            ADD_EVENT: Guarantee.AT_LEAST_ONCE,
        }
        self._url = settings.mailmodo_url
        self._headers = {"mmApiKey": settings.mailmodo_api_key, "Content-Type": "application/json"}

    def event_type(self, _delivery: Delivery) -> str:
        """Nothing: the vendor counts no types of event."""
        return ""

    def call(self, deliveries: Sequence[Delivery]) -> Call:
        """Make the call of the one record."""
        (delivery,) = deliveries
        is_fresh = self.guarantees[delivery.operation] is Guarantee.NEVER_TWICE
        return Call(self._url + delivery.path, self._headers, delivery.body, is_fresh=is_fresh)

    def judge(self, deliveries: Sequence[Delivery], end: Answer | Failed) -> list[Verdict]:
        """Judge the body of a 2xx, and keep the vendor's `ref`."""
        (delivery,) = deliveries
        guarantee = self.guarantees[delivery.operation]
        if isinstance(end, Failed):
            return [judge_failure(end, guarantee)]
        if not 200 <= end.status < 300:
            verdict = judge_status(end, guarantee)
            # A refusal of one record names the culprit: the record.
            return (
                [Verdict(What.DEAD, f"{verdict.reason} {_words(end)}".strip())]
                if verdict.what is What.HALVE
                else [verdict]
            )
        answer = parse_object(end.body)
        if answer is None:
            return [judge_failure(Failed.AFTER_SENDING, guarantee)]
        if answer.get("success") is False or answer.get("errors"):
            return [Verdict(What.DEAD, f"refused {_words(end)}".strip())]
        if answer.get("success") is not True:
            return [_judge_unclear(answer, guarantee)]
        ref = answer.get("ref")
        return all_alike(deliveries, Verdict(What.DELIVERED, f"ref {ref}" if isinstance(ref, str) else ""))


def _judge_unclear(answer: Mapping[str, Any], guarantee: Guarantee) -> Verdict:
    """Judge a 2xx that says neither yes nor no, which for what must never happen twice is no answer.

    `Error` alone is how the vendor refuses a key; with which status is not known.
    Source: vendor notes Mailmodo 1, "Error envelopes actually seen", 5.
    """
    if "Error" in answer:
        return Verdict(What.PAUSE, "refused_key")
    return Verdict(What.UNCERTAIN if guarantee is Guarantee.NEVER_TWICE else What.RETRY, "unclear answer")


def _words(answer: Answer) -> str:
    """Quote what the vendor says, which names no address."""
    body = parse_object(answer.body) or {}
    message = body.get("message")
    return cut(message, 120) if isinstance(message, str) and "@" not in message else ""
