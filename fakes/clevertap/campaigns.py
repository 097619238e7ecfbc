"""Campaigns as the dashboard knows them: what is sent through which channel, and who qualifies when."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

__all__ = [
    "Campaign",
    "CampaignStatistics",
    "Channel",
    "ContentFormat",
    "Did",
    "DidNot",
    "DropReason",
    "PushCampaign",
    "SmsCampaign",
    "Trigger",
    "WebhookCampaign",
    "WebhookTemplate",
]


class Channel(StrEnum):
    """How a campaign reaches people."""

    WEBHOOK = "webhook"
    SMS = "sms"
    PUSH = "push"


class ContentFormat(StrEnum):
    """What a webhook campaign's body is."""

    JSON = "json"
    TEXT = "text"


class DropReason(StrEnum):
    """Why somebody who qualified gets nothing; the first and the last two stand in CleverTap's statistics."""

    ABORTED = "LiquidLogicAborted"
    UNREACHABLE = "Unreachable"
    UNSUBSCRIBED = "Unsubscribed"
    UNDELIVERED = "Undelivered"
    INVALID_BODY = "Invalid JSON body"
    INVALID_URL = "Invalid Webhook URL"
    DISPATCH_FAILED = "Webhook Dispatch Failed"


@dataclass(frozen=True, slots=True)
class Did:
    """Live, single action: everybody who does something qualifies at once.

    Attributes:
        event: Name of the event, compared as CleverTap compares names.
    """

    event: str


@dataclass(frozen=True, slots=True)
class DidNot:
    """Live, inaction within a time: somebody did A, then not B.

    The time starts when A arrives. While it runs, a further A starts no second one. It is judged at its end: B
    counts when its own time lies between that of A and the end, and it has arrived by then.

    Attributes:
        event: B, the event that must not happen.
        within: How long to wait for it.
        after: A: an event's name, or the name of a webhook campaign; then A is the moment in which that
            campaign's webhook was taken for the person.
        constant: The property that must be the same in A and B ("constant event property"); empty for none.
    """

    event: str
    within: timedelta
    after: str
    constant: str = ""


Trigger = Did | DidNot
"""Who qualifies for a live campaign. A campaign without one is launched, or triggered by the API."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookTemplate:
    """One webhook under Settings > Channels > Webhooks.

    Attributes:
        name: What campaigns call it by.
        url: Where to; may hold Liquid.
        method: `POST`, `GET`, `PUT` or `DELETE`.
        headers: Sent with every request.
        basic: User and password for Basic authentication.
    """

    name: str
    url: str
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)
    basic: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookCampaign:
    """A campaign that calls a webhook for everybody who qualifies.

    Attributes:
        name: Unique in the account.
        webhook: Name of the template.
        body: Custom Body: text with Liquid, or a mapping that is dumped to JSON text first; rendered, then
            parsed. None sends the default body.
        when: Who qualifies live; None for a campaign that is launched.
        key_values: Custom pairs of the default body; values may hold Liquid.
        content_format: Of the body.
    """

    name: str
    webhook: str
    body: Mapping[str, object] | str | None = None
    when: Trigger | None = None
    key_values: Mapping[str, str] = field(default_factory=dict)
    content_format: ContentFormat = ContentFormat.JSON

    @property
    def channel(self) -> Channel:
        """Always `webhook`."""
        return Channel.WEBHOOK


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsCampaign:
    """A campaign that sends a text message.

    Attributes:
        name: Unique in the account.
        text: May hold Liquid.
        when: Who qualifies live; None for a campaign that is launched.
    """

    name: str
    text: str
    when: Trigger | None = None

    @property
    def channel(self) -> Channel:
        """Always `sms`."""
        return Channel.SMS


@dataclass(frozen=True, slots=True, kw_only=True)
class PushCampaign:
    """A campaign that sends a push notification to the device seen last.

    Attributes:
        name: Unique in the account.
        text: May hold Liquid.
        when: Who qualifies live; None for a campaign that is launched.
    """

    name: str
    text: str
    when: Trigger | None = None

    @property
    def channel(self) -> Channel:
        """Always `push`."""
        return Channel.PUSH


Campaign = WebhookCampaign | SmsCampaign | PushCampaign

FIRST_CAMPAIGN_ID: Final = 1502369473
"""Where campaign ids (`targetId`) start; the number is from the vendor's sample payload."""


@dataclass(slots=True)
class CampaignStatistics:
    """What became of everybody who qualified.

    Attributes:
        qualified: How many did, repetitions counted.
        sent: Taken by the receiver or the phone network.
        failed: Sent in vain, or not at all.
        errors: `failed` by reason, as the dashboard's "Errors" lists them.
    """

    qualified: int = 0
    sent: int = 0
    failed: int = 0
    errors: dict[str, int] = field(default_factory=dict)

    def count_failure(self, reason: DropReason) -> None:
        """Count one person who got nothing."""
        self.failed += 1
        self.errors[reason.value] = self.errors.get(reason.value, 0) + 1
