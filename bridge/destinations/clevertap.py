"""CleverTap: custom events on the profile that a trigger named.

At least once, record by record: the vendor answers 200 with `partial` when it refused some, and stores twice what
it is sent twice. Every record has a fixed `ts`, so a repeat is at least the same event.
Source: vendor notes CleverTap 4, 5, 6; Mailmodo 6 and choices 15 to 18.
"""

from __future__ import annotations

import re
from dataclasses import replace
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
from bridge.engagement import is_address
from bridge.texts import storable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bridge.engagement import Engagement
    from bridge.settings import Settings
    from bridge.store import Delivery

__all__ = [
    "NAME",
    "UPLOAD",
    "CleverTapDestination",
    "answers_beside",
    "choose_profile",
    "clean",
    "clean_event",
    "clean_key",
    "fitted",
    "short",
]

NAME: Final = "clevertap"
UPLOAD: Final = "upload"

_FORBIDDEN: Final = str.maketrans("", "", "%><!|&.:;$'\"\\")
_LONGEST_NAME: Final = 512
_LONGEST_KEY: Final = 120
_LONGEST_VALUE: Final = 512
_MOST_PROPERTIES: Final = 100
"""Per event, as accounts have it unless the vendor raises it; beyond, the event is refused. Source: vendor notes CleverTap 4."""
_PURCHASE: Final = "Charged"
_MOST_RECORDS: Final = 1000
_MOST_IN_FLIGHT: Final = 15
_OBJECT_ID: Final = re.compile(
    r"(?:__|_w_|-|~).*|[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
)
_RECORD_NUMBER: Final = re.compile(r"record number\s*:\s*(\d+)", re.IGNORECASE)
_TRANSIENT: Final = (555,)
"""Codes of a record that may pass later: 555 is the vendor's "other server error"."""
_STATUSES: Final = (401, 403, 429, 500, 503)
"""Codes of a whole upload that say nothing about its records."""


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


def answers_beside(answers: Mapping[str, Any], there: Mapping[str, Any]) -> dict[str, Any]:
    """Give one property per answer, scalar and short, without hiding what is there already.

    Args:
        answers: By question.
        there: The properties beside which they stand.
    """
    found: dict[str, Any] = {}
    for question, answer in answers.items():
        value = scalar(answer)
        if value is None or len(there) + len(found) >= _MOST_PROPERTIES:
            continue
        name = clean_key(str(question)) or "answer"
        number = 1
        key = name
        while key in there or key in found:
            number += 1
            key = f"{cut(name, _LONGEST_KEY - 4)} {number}"
        found[key] = short(value)
    return found


def clean(text: str) -> str:
    """Drop the characters that names of events and properties must not have.

    Source: CleverTap docs, "Platform considerations".
    """
    return " ".join(text.translate(_FORBIDDEN).split())


def clean_event(name: str) -> str:
    """Give the name under which CleverTap keeps an event."""
    return clean(name)[:_LONGEST_NAME]


def clean_key(name: str) -> str:
    """Give the name under which CleverTap keeps a property."""
    return cut(clean(name), _LONGEST_KEY)


def short(value: Any) -> Any:
    """Cut a text to what CleverTap takes as a value; anything else stays."""
    return cut(value, _LONGEST_VALUE) if isinstance(value, str) else value


def fitted(record: Mapping[str, Any]) -> dict[str, Any]:
    """Give a record as the vendor keeps it, whatever table it was made by; one that fits already is the same.

    Only the items of a purchase may be nested.
    Source: vendor notes CleverTap 4, "Events".
    """
    name = clean_event(str(record.get("evtName") or ""))
    data = record.get("evtData")
    given = dict(data) if isinstance(data, dict) else {}
    nested = {"Items": given.pop("Items")} if name == _PURCHASE and "Items" in given else {}
    fit = {**record, "evtName": name, "evtData": answers_beside(given, nested) | nested}
    if not name:
        del fit["evtName"]
    return fit


class CleverTapDestination:
    """Uploads events in batches and settles each."""

    name = NAME

    def __init__(self, settings: Settings) -> None:
        self.is_on = bool(settings.clevertap_account_id)
        self.limits = Limits(
            records=min(settings.clevertap_batch_records, _MOST_RECORDS),
            concurrency=min(settings.clevertap_concurrency, _MOST_IN_FLIGHT),
            linger_s=settings.batch_linger_s,
            event_types=settings.clevertap_event_types,
        )
        self.guarantees = {UPLOAD: Guarantee.AT_LEAST_ONCE}
        self._url = f"{settings.clevertap_url}/1/upload"
        self._headers = {
            "X-CleverTap-Account-Id": settings.clevertap_account_id,
            "X-CleverTap-Passcode": settings.clevertap_passcode,
            "Content-Type": "application/json; charset=utf-8",
        }

    def event_type(self, delivery: Delivery) -> str:
        """Give the event's name without spaces, case and what it drops: by this CleverTap tells types apart.

        Source: vendor notes CleverTap 4, "Events": `SignUp` and `Sign Up` are one event.
        """
        record = parse_object(delivery.body) or {}
        return storable(clean_event(str(record.get("evtName", "")))).replace(" ", "").lower()

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
        if answer["status"] == "fail" and (status := status_inside(answer)):
            return all_alike(deliveries, judge_status(replace(end, status=status), Guarantee.AT_LEAST_ONCE))
        return judge_records(deliveries, answer)


def status_inside(answer: Mapping[str, Any]) -> int | None:
    """Give the HTTP status that a refusal of the whole means, though it came with 200; None for one that means none.

    Source: vendor notes CleverTap 3: many failures come as 200 with `status: fail` and the status as `code`.
    """
    code = answer.get("code")
    return code if isinstance(code, int) and code in _STATUSES and not answer.get("unprocessed") else None


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
