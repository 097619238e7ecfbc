"""CleverTap's server API of 2026 (`/1/upload` and what reads it back), its webhooks, campaigns and journeys.

Source: developer.clevertap.com/docs and the user documentation of January 2026, filled in from recorded
exchanges; `contracts/clevertap.yaml` says which fact comes from where.
"""

from fakes.clevertap.app import FakeCleverTap
from fakes.clevertap.authentication import OAuth
from fakes.clevertap.campaigns import (
    CampaignStatistics,
    Channel,
    ContentFormat,
    DropReason,
    EmailCampaign,
    PushCampaign,
    SmsCampaign,
    WebhookCampaign,
    WebPushCampaign,
    WhatsAppCampaign,
)
from fakes.clevertap.client_assertion import ClientAssertion
from fakes.clevertap.control import CleverTapControl
from fakes.clevertap.control_groups import Control
from fakes.clevertap.errors import WebhookRefused
from fakes.clevertap.filters import Where
from fakes.clevertap.goals import Conversion
from fakes.clevertap.limits import Cadence, CampaignLimits, ChannelLimits, DoNotDisturb
from fakes.clevertap.linked_content import LinkedContent
from fakes.clevertap.nodes import (
    Action,
    ChangeProfile,
    Exit,
    Goal,
    Inaction,
    IntelliNode,
    Journey,
    JourneyTrigger,
    Link,
    Listed,
    Message,
    OnTheDate,
    Past,
)
from fakes.clevertap.rules import (
    CameFrom,
    Did,
    DidNot,
    External,
    InSegment,
    OnDate,
    SawPage,
    SawPages,
    Trigger,
)
from fakes.clevertap.segments import Behaviour, Segment
from fakes.clevertap.settings import CleverTapSettings, Region

__all__ = [
    "Action",
    "Behaviour",
    "Cadence",
    "CameFrom",
    "CampaignLimits",
    "CampaignStatistics",
    "ChangeProfile",
    "Channel",
    "ChannelLimits",
    "CleverTapControl",
    "CleverTapSettings",
    "ClientAssertion",
    "ContentFormat",
    "Control",
    "Conversion",
    "Did",
    "DidNot",
    "DoNotDisturb",
    "DropReason",
    "EmailCampaign",
    "Exit",
    "External",
    "FakeCleverTap",
    "Goal",
    "InSegment",
    "Inaction",
    "IntelliNode",
    "Journey",
    "JourneyTrigger",
    "Link",
    "LinkedContent",
    "Listed",
    "Message",
    "OAuth",
    "OnDate",
    "OnTheDate",
    "Past",
    "PushCampaign",
    "Region",
    "SawPage",
    "SawPages",
    "Segment",
    "SmsCampaign",
    "Trigger",
    "WebPushCampaign",
    "WebhookCampaign",
    "WebhookRefused",
    "WhatsAppCampaign",
    "Where",
]
