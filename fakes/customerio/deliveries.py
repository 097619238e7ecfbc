"""Messages on their way to people: what was asked for, and how far each delivery came.

Source: vendor's App OpenAPI (2022) for transactional messages and deliveries, docs.customer.io for metrics.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

__all__ = ["Delivery", "Metric", "Outgoing", "TransactionalMessage", "draw_delivery_id"]

_FIRST_BYTE: Final = 0x44
_KIND: Final = 2
_CHANNEL_EMAIL: Final = 0


class Metric(StrEnum):
    """What can be true of a delivery, or (`subscribed`, `unsubscribed`) of a person."""

    DRAFTED = "drafted"
    ATTEMPTED = "attempted"
    SENT = "sent"
    DELIVERED = "delivered"
    OPENED = "opened"
    CLICKED = "clicked"
    CONVERTED = "converted"
    UNSUBSCRIBED = "unsubscribed"
    SUBSCRIBED = "subscribed"
    BOUNCED = "bounced"
    DROPPED = "dropped"
    DEFERRED = "deferred"
    SPAMMED = "spammed"
    FAILED = "failed"
    UNDELIVERABLE = "undeliverable"


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionalMessage:
    """A template that `/v1/send/email` names by number or by trigger name.

    Attributes:
        id: Its number.
        name: Its name, which is also its trigger name; compared without case.
        subject: Liquid.
        body: Liquid, HTML.
        sender: `from`, display name allowed.
        body_plain: Liquid, plain text; may be empty.
        body_amp: Liquid, AMP4EMAIL; may be empty.
        reply_to: Address for answers; may be empty.
        preheader: Liquid; may be empty.
        description: What it is for.
        send_to_unsubscribed: Default for requests that do not say.
        tracked: Default for requests that do not say.
        queue_draft: Default for requests that do not say.
        created_at: Unix seconds.
    """

    id: int
    name: str
    subject: str
    body: str
    sender: str
    body_plain: str = ""
    body_amp: str = ""
    reply_to: str = ""
    preheader: str = ""
    description: str = ""
    send_to_unsubscribed: bool = True
    tracked: bool = True
    queue_draft: bool = False
    created_at: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One accepted request to send, template and overrides already put together, Liquid not yet rendered.

    Attributes:
        recipients: Bare addresses of `to`.
        copies: Bare addresses of `cc` and `bcc`.
        to: `to` as it was written.
        data: What Liquid sees as `trigger`.
        headers: Custom headers.
    """

    recipients: tuple[str, ...]
    copies: tuple[str, ...]
    to: str
    sender: str
    subject: str
    body: str
    body_plain: str
    body_amp: str
    reply_to: str
    preheader: str
    data: Mapping[str, Any]
    headers: Mapping[str, str]
    tracked: bool
    send_to_unsubscribed: bool
    queue_draft: bool
    send_at: int | None


@dataclass(slots=True)
class Delivery:
    """One message to one person.

    Attributes:
        id: The delivery id.
        cio_id: Whose it is.
        customer_id: Their id when it was made; empty without one.
        email: Their address when it was made; empty without one.
        recipient: Bare addresses, comma-separated.
        transactional_message_id: Its template's number, or None for one written in the request.
        created_at: Unix seconds.
        is_draft: Whether it waits in the drafts.
        subject: Rendered.
        html: Rendered and tracked.
        headers: Custom headers.
        metrics: When each metric was first reached, unix seconds.
        counts: How often each was reached, machines apart: `human_opened`, `prefetch_clicked`, ….
        links: Tracked links, by number from 1, as `link_id`.
        failure_message: Why it did not arrive.
    """

    id: str
    cio_id: str
    customer_id: str
    email: str
    recipient: str
    transactional_message_id: int | None
    created_at: int
    is_draft: bool = False
    subject: str = ""
    html: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    metrics: dict[Metric, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    links: dict[str, int] = field(default_factory=dict)
    failure_message: str | None = None

    def reach(self, metric: Metric, at: int) -> bool:
        """Note a metric; True when it is the first of its kind."""
        if metric in self.metrics:
            return False
        self.metrics[metric] = at
        return True

    def count(self, name: str) -> None:
        """Count one more of a kind."""
        self.counts[name] = self.counts.get(name, 0) + 1

    @property
    def subject_address(self) -> str:
        """The person's e-mail address in lower case; the recipient's when they have none."""
        return (self.email or self.recipient.partition(",")[0]).lower()


def draw_delivery_id(now_s: float, random: Random, *, workspace_id: int) -> str:
    """Draw a delivery id: 0x44, workspace as varint, kind, channel, a ULID; URL-safe base64, padded.

    Source: decoded public fixtures, as worked out in the vendor notes; inferred.
    """
    head = bytes([_FIRST_BYTE, *_varint(workspace_id), _KIND, _CHANNEL_EMAIL])
    ulid = int(now_s * 1000).to_bytes(6, "big") + random.randbytes(10)
    return base64.urlsafe_b64encode(head + ulid).decode()


def _varint(value: int) -> list[int]:
    parts = []
    while value >= 0x80:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return [*parts, value]
