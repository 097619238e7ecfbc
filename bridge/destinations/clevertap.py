"""CleverTap: custom events on the profile that a trigger named.

At least once, record by record: the vendor answers 200 with `partial` when it refused some, and stores twice what
it is sent twice. Every record has a fixed `ts`, so a repeat is at least the same event.
Source: vendor notes CleverTap 4, 5, 6; Mailmodo 6 and choices 15 to 18.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Literal

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
from bridge.destinations.values import cut, scalar
from bridge.engagement import Kind, is_address

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.engagement import Engagement
    from bridge.settings import Settings
    from bridge.store import Delivery

__all__ = [
    "NAME",
    "UPLOAD",
    "CleverTapDestination",
    "choose_profile",
    "clean",
    "event_data",
    "event_name",
    "event_record",
    "event_ts",
]

NAME: Final = "clevertap"
UPLOAD: Final = "upload"

_FORBIDDEN: Final = str.maketrans("", "", "%><!|&.:;$'\"\\")
_LONGEST_KEY: Final = 120
_LONGEST_VALUE: Final = 512
_LONGEST_NAME: Final = 512
_MOST_PROPERTIES: Final = 100
"""Per event, as accounts have it unless the vendor raises it; beyond, the event is refused. Source: vendor notes CleverTap 4."""
_MOST_RECORDS: Final = 1000
_MOST_IN_FLIGHT: Final = 15
_OBJECT_ID: Final = re.compile(
    r"(?:__|_w_|-|~).*|[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
)
_RECORD_NUMBER: Final = re.compile(r"record number\s*:\s*(\d+)", re.IGNORECASE)
_TRANSIENT: Final = (555,)
"""Codes of a record that may pass later: 555 is the vendor's "other server error"."""


def event_record(engagement: Engagement, template: str, *, id_as: str) -> dict[str, Any]:
    """Map an engagement to one record of `/1/upload`.

    Args:
        engagement: What happened.
        template: The event's name, with `<Template Name>` where the template's name goes.
        id_as: `shape`, `objectId` or `identity`, from the settings.
    """
    return {
        "type": "event",
        choose_profile(engagement, id_as=id_as): engagement.recipient.clevertap_id,
        "evtName": event_name(engagement, template),
        "evtData": event_data(engagement, with_answers="<Template Name>" in template),
        "ts": event_ts(engagement),
        "$source": "Mailmodo",
    }


def event_name(engagement: Engagement, template: str) -> str:
    """Name the event; a template's name loses the characters that CleverTap does not take."""
    if "<Template Name>" not in template:
        return template
    message = engagement.message
    room = _LONGEST_NAME - len(template)
    name = cut(clean(message.template_name or "") or clean(message.template_id or ""), room)
    return " ".join(template.replace("<Template Name>", name).split())


def event_ts(engagement: Engagement) -> int:
    """Give the event's own time in UNIX seconds; it is the same at every attempt."""
    return int(engagement.occurred_at.timestamp())


def choose_profile(engagement: Engagement, *, id_as: str) -> Literal["objectId", "identity"]:
    """Say what the trigger's `clevertap_id` is: CleverTap's own id of a device, or an identity of the person.

    Source: vendor notes CleverTap 6 (shapes of objectId), Mailmodo choice 16.
    """
    if id_as == "objectId":
        return "objectId"
    value = engagement.recipient.clevertap_id
    if id_as == "identity" or is_address(value) or not _OBJECT_ID.fullmatch(value):
        return "identity"
    return "objectId"


def event_data(engagement: Engagement, *, with_answers: bool) -> dict[str, Any]:
    """Give the properties: those of the campaign, those of this kind, and the answers where they are wanted.

    Source: vendor notes Mailmodo, choice 17 (Segment's names in snake_case).
    """
    message = engagement.message
    data: dict[str, Any] = {
        "campaign_id": message.campaign_id,
        "campaign_name": message.campaign_name,
        "campaign_type": message.campaign_type,
        "email_subject": message.subject,
        "email_type": message.type,
        "template_id": message.template_id,
        "template_name": message.template_name,
    }
    if engagement.kind is Kind.OPENED:
        data["apple_privacy_open"] = engagement.client.apple_privacy_open
    elif engagement.kind is Kind.LINK_CLICKED:
        data["link_url"] = engagement.link.url
    elif engagement.kind is Kind.FORM_SUBMITTED:
        form = engagement.form
        data |= {"form_id": form.id, "form_name": form.name, "submission_type": form.submission_type}
    elif engagement.kind is Kind.BOUNCED:
        data |= {"reason": engagement.failure.reason, "is_hard_bounce": engagement.failure.is_hard}
    elif engagement.kind is Kind.UNSUBSCRIBED:
        data["reason"] = engagement.failure.reason
    data = {key: _short(value) for key, value in data.items() if value is not None}
    if with_answers:
        _add_answers(data, engagement)
    return data


def _add_answers(data: dict[str, Any], engagement: Engagement) -> None:
    """Add one property per answer, without hiding one that is there already."""
    for question, answer in engagement.form.answers.items():
        value = scalar(answer)
        if value is None or len(data) >= _MOST_PROPERTIES:
            continue
        name = cut(clean(str(question)), _LONGEST_KEY) or "answer"
        number = 1
        key = name
        while key in data:
            number += 1
            key = f"{cut(name, _LONGEST_KEY - 4)} {number}"
        data[key] = _short(value)


def clean(text: str) -> str:
    """Drop the characters that names of events and properties must not have.

    Source: CleverTap docs, "Platform considerations".
    """
    return " ".join(text.translate(_FORBIDDEN).split())


def _short(value: Any) -> Any:
    return cut(value, _LONGEST_VALUE) if isinstance(value, str) else value


class CleverTapDestination:
    """Uploads events in batches and settles each."""

    name = NAME

    def __init__(self, settings: Settings) -> None:
        self.is_on = bool(settings.clevertap_account_id)
        self.limits = Limits(
            records=min(settings.clevertap_batch_records, _MOST_RECORDS),
            concurrency=min(settings.clevertap_concurrency, _MOST_IN_FLIGHT),
            linger_s=settings.batch_linger_s,
        )
        self.guarantees = {UPLOAD: Guarantee.AT_LEAST_ONCE}
        self._url = f"{settings.clevertap_url}/1/upload"
        self._headers = {
            "X-CleverTap-Account-Id": settings.clevertap_account_id,
            "X-CleverTap-Passcode": settings.clevertap_passcode,
            "Content-Type": "application/json; charset=utf-8",
        }

    def call(self, deliveries: Sequence[Delivery]) -> Call:
        """Put records into one upload."""
        body = b'{"d":[' + b",".join([delivery.body for delivery in deliveries]) + b"]}"
        return Call(self._url, self._headers, body)

    def judge(self, deliveries: Sequence[Delivery], end: Answer | Failed) -> list[Verdict]:
        """Settle each record by the answer's `unprocessed` list.

        A 200 that is not the vendor's answer (it answers 200 with nothing on an unknown path) proves nothing:
        try again.
        """
        if isinstance(end, Failed):
            return all_alike(deliveries, judge_failure(end, Guarantee.AT_LEAST_ONCE))
        if not 200 <= end.status < 300:
            return all_alike(deliveries, judge_status(end, Guarantee.AT_LEAST_ONCE))
        answer = parse_object(end.body)
        if answer is None or answer.get("status") not in ("success", "partial", "fail"):
            return all_alike(deliveries, Verdict(What.RETRY, "unreadable answer"))
        return judge_records(deliveries, answer)


def judge_records(deliveries: Sequence[Delivery], answer: dict[str, Any]) -> list[Verdict]:
    """Give each record its verdict from a readable answer."""
    entries = answer.get("unprocessed")
    entries = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    if answer["status"] == "success" and not entries:
        return all_alike(deliveries, Verdict(What.DELIVERED))
    if answer["status"] == "fail" and not entries:
        return all_alike(deliveries, Verdict(What.HALVE, _reason(answer)))
    verdicts: dict[int, Verdict] = {}
    is_clear = True
    for entry in entries:
        index = _find_record(deliveries, entry, verdicts)
        if index is None:
            is_clear = False
            continue
        what = What.RETRY if entry.get("code") in _TRANSIENT else What.DEAD
        verdicts[index] = Verdict(what, _reason(entry))
    # An entry that fits no record leaves open which of the others it means.
    rest = Verdict(What.DELIVERED) if is_clear else Verdict(What.UNCERTAIN, "the answer names no record")
    return [verdicts.get(index, rest) for index in range(len(deliveries))]


def _find_record(
    deliveries: Sequence[Delivery], entry: dict[str, Any], taken: dict[int, Verdict]
) -> int | None:
    """Find the record that an entry means: by its number, else by the record that it repeats."""
    if len(deliveries) == 1:
        return 0
    found = _RECORD_NUMBER.search(str(entry.get("error", "")))
    if found and 1 <= int(found[1]) <= len(deliveries) and int(found[1]) - 1 not in taken:
        return int(found[1]) - 1
    echo = entry.get("record")
    for index, delivery in enumerate(deliveries):
        if index not in taken and parse_object(delivery.body) == echo:
            return index
    return None


def _reason(entry: dict[str, Any]) -> str:
    code = entry.get("code")
    return f"clevertap_{code}" if isinstance(code, int) else "clevertap_refused"
