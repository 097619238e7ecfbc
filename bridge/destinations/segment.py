"""Segment: what contacts did with e-mail, as track calls of the vendor's own source.

At least once: Segment drops repeats by `messageId`, which is the engagement's id, and `timestamp` is the event's own
time. `sentAt` stays out, so that Segment does not correct the time for a clock that is right.
Source: Segment's pages of the three sources; vendor notes Segment 5, 6, 13, Mailjet 9.3, Customer.io 7.5.
"""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Final

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
from bridge.engagement import SourceName

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
    "destination_name",
]

TRACK: Final = "track"
LARGEST_EVENT: Final = 32_768
"""Bytes of an event. Source: vendor notes Segment 7."""
_MOST_MESSAGES: Final = 2_500
_LARGEST_BATCH: Final = 512_000 - len('{"batch":[]}')
"""Source: vendor notes Segment 7; the vendor rejects what is beyond."""


def destination_name(source: SourceName) -> str:
    """Name the destination of a source's events: each has a write key, and so a dispatcher, of its own."""
    return f"segment/{source}"


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

    def event_type(self, _delivery: Delivery) -> str:
        """Nothing: the vendor counts no types of event."""
        return ""

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
