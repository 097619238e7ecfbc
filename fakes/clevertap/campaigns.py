"""Campaigns as the dashboard knows them: what is sent through which channel, to whom, and how often."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from math import isfinite
from typing import TYPE_CHECKING, Final

from fakes.clevertap.control_groups import Control
from fakes.clevertap.limits import CampaignLimits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fakes.clevertap.goals import Conversion
    from fakes.clevertap.rules import Trigger

__all__ = [
    "VARIABLES",
    "Campaign",
    "CampaignStatistics",
    "Channel",
    "ContentFormat",
    "DropReason",
    "EmailCampaign",
    "PushCampaign",
    "SmsCampaign",
    "WebPushCampaign",
    "WebhookCampaign",
    "WhatsAppCampaign",
]

VARIABLES: Final = (
    "identity", "all_identities", "email", "phone", "name", "objectId", "profileData", "systemProfileData",
    "event_properties", "session_props", "push_token", "key_values",
)  # fmt: skip
"""What can be ticked in the editor of a webhook's default body."""

_NO_LIMITS: Final = CampaignLimits()
_USUAL_CONTROL: Final = Control()


class Channel(StrEnum):
    """How a campaign reaches people."""

    WEBHOOK = "webhook"
    SMS = "sms"
    PUSH = "push"
    EMAIL = "email"
    WEB_PUSH = "webpush"
    WHATSAPP = "whatsapp"


class ContentFormat(StrEnum):
    """What a webhook campaign's body is."""

    JSON = "json"
    TEXT = "text"


class DropReason(StrEnum):
    """Why somebody who qualified gets nothing; what stands in CleverTap's statistics is written as there."""

    ABORTED = "LiquidLogicAborted"
    UNREACHABLE = "Unreachable"
    UNSUBSCRIBED = "Unsubscribed"
    UNDELIVERED = "Undelivered"
    INVALID_BODY = "Invalid JSON body"
    INVALID_URL = "Invalid Webhook URL"
    DISPATCH_FAILED = "Webhook Dispatch Failed"
    FREQUENCY_CAP = "Frequency Cap"
    THROTTLED = "Throttle Limit"
    DO_NOT_DISTURB = "DND Hours"
    TARGETING_CAP = "Targeting Cap"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookCampaign:
    """A campaign that calls a webhook for everybody who qualifies.

    Attributes:
        name: Unique in the account.
        webhook: Name of the template.
        body: Custom Body: text with Liquid, or a mapping that is dumped to JSON text first; rendered, then
            parsed. None sends the default body.
        when: Who qualifies; None for a campaign that is launched.
        key_values: Custom pairs of the default body; values may hold Liquid.
        content_format: Of the body.
        url_values: Pairs that become query parameters of the URL; values may hold Liquid.
        variables: Which profile variables of the default body are ticked; None for all.
        limits: How fast and how often it sends.
        control: Who gets nothing, to be compared with.
        conversion: What it is for; None counts nothing.
    """

    name: str
    webhook: str
    body: Mapping[str, object] | str | None = None
    when: Trigger | None = None
    key_values: Mapping[str, str] = field(default_factory=dict)
    content_format: ContentFormat = ContentFormat.JSON
    url_values: Mapping[str, str] = field(default_factory=dict)
    variables: tuple[str, ...] | None = None
    limits: CampaignLimits = _NO_LIMITS
    control: Control = _USUAL_CONTROL
    conversion: Conversion | None = None

    def __post_init__(self) -> None:
        unknown = [name for name in self.variables or () if name not in VARIABLES]
        if unknown:
            raise ValueError(f"variables {', '.join(unknown)}, wanted some of {', '.join(VARIABLES)}")

    @property
    def channel(self) -> Channel:
        """Always `webhook`."""
        return Channel.WEBHOOK


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsCampaign:
    """A campaign that sends a text message.

    Attributes:
        name: Unique in the account.
        text: May hold Liquid; addresses in it become short links that are tracked.
        when: Who qualifies; None for a campaign that is launched.
        limits: How fast and how often it sends.
        control: Who gets nothing, to be compared with.
        conversion: What it is for; None counts nothing.
    """

    name: str
    text: str
    when: Trigger | None = None
    limits: CampaignLimits = _NO_LIMITS
    control: Control = _USUAL_CONTROL
    conversion: Conversion | None = None

    @property
    def channel(self) -> Channel:
        """Always `sms`."""
        return Channel.SMS


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatsAppCampaign:
    """A campaign that sends a WhatsApp message to the person's phone.

    Attributes:
        name: Unique in the account.
        text: May hold Liquid; of a template, its name and what fills it.
        when: Who qualifies; None for a campaign that is launched.
        limits: How fast and how often it sends.
        control: Who gets nothing, to be compared with.
        conversion: What it is for; None counts nothing.
    """

    name: str
    text: str
    when: Trigger | None = None
    limits: CampaignLimits = _NO_LIMITS
    control: Control = _USUAL_CONTROL
    conversion: Conversion | None = None

    @property
    def channel(self) -> Channel:
        """Always `whatsapp`."""
        return Channel.WHATSAPP


@dataclass(frozen=True, slots=True, kw_only=True)
class PushCampaign:
    """A campaign that sends a push notification to the app seen last, or to every one.

    Attributes:
        name: Unique in the account.
        text: May hold Liquid.
        title: Likewise.
        link: Where a tap leads (deep link); may hold Liquid; empty opens the app.
        key_values: Custom pairs, for the app and for the post-action webhook.
        post_action_webhook: Name of the webhook template that is called after each push; empty for none.
        devices: Platforms, in lower case, on which it may arrive; empty for any.
        to_all_devices: Whether every device gets it; if not, the one seen last.
        when: Who qualifies; None for a campaign that is launched.
        limits: How fast and how often it sends.
        control: Who gets nothing, to be compared with.
        conversion: What it is for; None counts nothing.
    """

    name: str
    text: str
    title: str = ""
    link: str = ""
    key_values: Mapping[str, str] = field(default_factory=dict)
    post_action_webhook: str = ""
    devices: tuple[str, ...] = ()
    to_all_devices: bool = False
    when: Trigger | None = None
    limits: CampaignLimits = _NO_LIMITS
    control: Control = _USUAL_CONTROL
    conversion: Conversion | None = None

    @property
    def channel(self) -> Channel:
        """Always `push`."""
        return Channel.PUSH


@dataclass(frozen=True, slots=True, kw_only=True)
class WebPushCampaign:
    """A campaign that sends a push notification to the browser seen last, or to every one.

    Attributes:
        name: Unique in the account.
        text: May hold Liquid.
        title: Likewise.
        link: Where a click leads; may hold Liquid.
        to_all_devices: Whether every browser gets it; if not, the one seen last.
        when: Who qualifies; None for a campaign that is launched.
        limits: How fast and how often it sends.
        control: Who gets nothing, to be compared with.
        conversion: What it is for; None counts nothing.
    """

    name: str
    text: str
    title: str = ""
    link: str = ""
    to_all_devices: bool = False
    when: Trigger | None = None
    limits: CampaignLimits = _NO_LIMITS
    control: Control = _USUAL_CONTROL
    conversion: Conversion | None = None

    @property
    def channel(self) -> Channel:
        """Always `webpush`."""
        return Channel.WEB_PUSH


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailCampaign:
    """A campaign that sends an e-mail, with pixel, tracked links and unsubscribe link.

    Attributes:
        name: Unique in the account.
        subject: May hold Liquid.
        text: The HTML inside the body; may hold Liquid. Links in it are tracked.
        sender: From address.
        when: Who qualifies; None for a campaign that is launched.
        limits: How fast and how often it sends.
        control: Who gets nothing, to be compared with.
        conversion: What it is for; None counts nothing.
    """

    name: str
    subject: str
    text: str
    sender: str = "news@example.com"
    when: Trigger | None = None
    limits: CampaignLimits = _NO_LIMITS
    control: Control = _USUAL_CONTROL
    conversion: Conversion | None = None

    @property
    def channel(self) -> Channel:
        """Always `email`."""
        return Channel.EMAIL


Campaign = WebhookCampaign | SmsCampaign | PushCampaign | WebPushCampaign | EmailCampaign | WhatsAppCampaign

FIRST_CAMPAIGN_ID: Final = 1502369473
"""Where campaign ids (`targetId`) start; the number is from the vendor's sample payload."""


@dataclass(slots=True)
class CampaignStatistics:
    """What became of everybody who qualified.

    Attributes:
        qualified: How many did, repetitions counted.
        sent: Taken by the receiver, the phone network or the mail host; for webhooks "Webhooks streamed".
        viewed: Messages that were seen, each counted once.
        clicked: Messages whose link was followed, each counted once.
        failed: Sent in vain, or not at all.
        errors: `failed` by reason, as the dashboard's "Errors" lists them.
        trend: `sent` by day of the account, `YYYY-MM-DD` ("message trend").
        controlled: Who qualified and was kept out, by control group.
        converted: Who converted after a message, each message counted once.
        control_converted: Who converted without one, by control group.
        revenue: Total of the conversions' revenue property.
        control_revenue: Likewise, by control group.
    """

    qualified: int = 0
    sent: int = 0
    viewed: int = 0
    clicked: int = 0
    failed: int = 0
    errors: dict[str, int] = field(default_factory=dict)
    trend: Counter[str] = field(default_factory=Counter)
    controlled: Counter[str] = field(default_factory=Counter)
    converted: int = 0
    control_converted: Counter[str] = field(default_factory=Counter)
    revenue: float = 0.0
    control_revenue: dict[str, float] = field(default_factory=dict)

    @property
    def is_settled(self) -> bool:
        """Whether everybody who qualified got it, or did not."""
        return self.qualified == self.sent + self.failed + self.controlled.total()

    def count_conversion(self, group: str, revenue: float) -> None:
        """Count one person who converted, after a message or as one of a control group."""
        if group:
            self.control_converted[group] += 1
            self.control_revenue[group] = _sum(self.control_revenue.get(group, 0.0), revenue)
        else:
            self.converted += 1
            self.revenue = _sum(self.revenue, revenue)

    def count_failure(self, reason: DropReason) -> None:
        """Count one person who got nothing."""
        self.failed += 1
        self.errors[reason.value] = self.errors.get(reason.value, 0) + 1

    def count_sent(self, day: str) -> None:
        """Count one message that was taken."""
        self.sent += 1
        self.trend[day] += 1


def _sum(total: float, more: float) -> float:
    """Add up; what no double holds is left out."""
    return total + more if isfinite(total + more) else total
