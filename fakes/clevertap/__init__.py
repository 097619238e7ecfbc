"""CleverTap's server API of 2026 (`/1/upload` and what reads it back), its webhooks, and its campaigns.

Source: developer.clevertap.com/docs and the user documentation of January 2026, filled in from recorded
exchanges; `contracts/clevertap.yaml` says which fact comes from where.
"""

from fakes.clevertap.app import FakeCleverTap
from fakes.clevertap.campaigns import (
    CampaignStatistics,
    ContentFormat,
    Did,
    DidNot,
    DropReason,
    PushCampaign,
    SmsCampaign,
    Trigger,
    WebhookCampaign,
)
from fakes.clevertap.errors import WebhookRefused
from fakes.clevertap.settings import CleverTapSettings, Region

__all__ = [
    "CampaignStatistics",
    "CleverTapSettings",
    "ContentFormat",
    "Did",
    "DidNot",
    "DropReason",
    "FakeCleverTap",
    "PushCampaign",
    "Region",
    "SmsCampaign",
    "Trigger",
    "WebhookCampaign",
    "WebhookRefused",
]
