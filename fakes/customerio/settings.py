"""What a Customer.io workspace is set up with: credentials, region, and the switches of its settings pages."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["CustomerIoSettings", "Region", "WorkspaceMode"]


class Region(StrEnum):
    """Where the account lives; each region has host names of its own."""

    US = "us"
    EU = "eu"


class WorkspaceMode(StrEnum):
    """What may identify a person in the workspace."""

    EMAIL_OR_ID = "email_or_id"
    ID_ONLY = "id_only"


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerIoSettings:
    """One workspace.

    Attributes:
        site_id: User name of the Track API.
        track_api_key: Password of the Track API.
        app_api_key: Bearer token of the App API.
        webhook_signing_key: Key under which every Reporting Webhook is signed; the vendor shows it in its
            pages only, never through the API.
        tracking_key: Key of the signatures at the end of tracked links.
        workspace_id: Number of the workspace; also part of every delivery id.
        region: `us` or `eu`.
        mode: Whether people are known by e-mail or id, or by id only.
        can_change_email_by_id: Whether an identify by id may replace an e-mail that is already set.
        verified_domains: Domains that `from` may use, subdomains included; empty allows all.
        is_sending_allowed: Whether the workspace may send; otherwise `/v1/send/email` answers 403.
        adds_unsubscribe_footer: Whether a mail without an unsubscribe link of its own gets one.
        empty_lists_are_null: Whether `reporting_webhooks` is `null` rather than `[]` when there are none.
        has_rate_limits: Whether the App API refuses more than 10 requests a second (100 for sending).
        webhook_timeout_s: How long a receiver may take.
        webhook_window_s: For how long a webhook is tried again.
        deferral_waits_s: Waits before mail that was put off (4xx) is tried again; then it bounces.
    """

    site_id: str = "6a1f0c9be4d87253aa90"
    track_api_key: str = "b3d94e07c1a2586fd04e"
    app_api_key: str = "5f2c81d07b9e46a3c0d8e1f4927ab365"
    webhook_signing_key: str = "c27e90b1d4f35a68e07c1b92ad43f5608e7d1c2b3a49586f7e0d1c2b3a495867"
    tracking_key: str = "8d0f3b6c21e94a57"
    workspace_id: int = 3
    region: Region = Region.US
    mode: WorkspaceMode = WorkspaceMode.EMAIL_OR_ID
    can_change_email_by_id: bool = False
    verified_domains: tuple[str, ...] = ("example.com",)
    is_sending_allowed: bool = True
    adds_unsubscribe_footer: bool = True
    empty_lists_are_null: bool = True
    has_rate_limits: bool = False
    webhook_timeout_s: float = 4.0
    webhook_window_s: float = 7 * 86_400.0
    deferral_waits_s: tuple[float, ...] = (300.0, 900.0, 3600.0)
