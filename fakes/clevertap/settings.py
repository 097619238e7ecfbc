"""One account of the fake: where it lives, what it accepts, and how patient it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

__all__ = ["MESSAGE_HOSTS", "REGION_HOSTS", "CleverTapSettings", "Region"]


class Region(StrEnum):
    """Where an account lives; a call to another region's host is an authentication failure."""

    EUROPE = "eu1"
    INDIA = "in1"
    SINGAPORE = "sg1"
    UNITED_STATES = "us1"
    INDONESIA = "aps3"
    MIDDLE_EAST = "mec1"


REGION_HOSTS: Final = {
    Region.EUROPE: ("api.clevertap.com", "eu1.api.clevertap.com"),
    Region.INDIA: ("in1.api.clevertap.com",),
    Region.SINGAPORE: ("sg1.api.clevertap.com",),
    Region.UNITED_STATES: ("us1.api.clevertap.com",),
    Region.INDONESIA: ("aps3.api.clevertap.com",),
    Region.MIDDLE_EAST: ("mec1.api.clevertap.com",),
}
"""API hosts by region, the published one first. Source: CleverTap docs, `common-api-components`."""

MESSAGE_HOSTS: Final = {region: f"{region.value}.clevertap-prod.com" for region in Region}
"""Hosts that apps and the links in messages talk to; not the API. Source: clevertap-web-sdk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CleverTapSettings:
    """What can differ from one CleverTap account to the next.

    Attributes:
        region: One of `Region`, or its value.
        account_id: Project ID, `XXX-XXX-XXXX`.
        passcode: The account's passcode.
        user_passcodes: Those of its users, where the administrator gave them their own.
        utc_offset: The account's time zone: dates in exports and Liquid are in it.
        legacy_auth_errors: Bring back the two texts of 2018 to 2023 for a wrong account and a wrong passcode.
        accept_iso_ts: Take ISO 8601 text as `ts`; the documentation knows UNIX seconds only.
        max_event_properties: Properties an event may have before it is refused with 522.
        max_profile_properties: Properties of its own a profile may have; what is beyond is dropped.
        max_event_types: Event names an account may have.
        system_control_group: Percent of everybody that no campaign and no journey reaches, 2 to 5; None for no such group.
        upload_takes_s: Seconds from the arrival of an upload to its answer.
        query_takes_s: The same for every other call.
        max_uploads: Uploads in flight before the next is answered 429.
        max_queries: The same for everything else together.
        webhook_timeout_s: Seconds a receiver of webhooks has.
        webhook_retries: Tries after the first.
        webhook_spacing_s: Seconds between tries.
        webhook_any_2xx: Take every 2xx as success, not only 200.
        webhooks_at_once: Webhooks in flight; the others wait in the order in which people qualified.
        broadcast_size: Profiles in one request of a campaign with the default body.
        capitalised_keys: Write default bodies with capital first letters, as one sample of the vendor's does.
        webhook_delivered_events: Store the system event `Webhook Delivered` when a webhook was taken.
        render_dollar_names: Replace `${name}` in templates; off, the text stays as it is.
        escape_json_values: Escape values inside the JSON strings of a Custom Body; off, a quote in a name breaks it.
        delete_after: How long it takes until a profile is deleted that is to be.
        freshness_back: How old an event may be and still trigger a live campaign.
        freshness_ahead: How far in the future, likewise.
        journey_freshness_back: How old an event may be and still move anybody in a journey.
        export_multiples_of_23: Pages of exports as once measured: multiples of 23, smaller sizes unlimited.
        max_creates_per_s: Campaigns made by API in a second before the next is answered 429; None for no end.
        list_dashboard_campaigns: Show the dashboard's campaigns in the list of those made by API, as the page says
            and nobody has seen.
        slow_message_report: Let the message report take as long as it was measured to, almost a second for a day.
        async_counts: Answer counts, top values and trends with `partial` and a `req_id` to poll.
        count_polls: How often a `req_id` is polled until the result is there.
        export_polls: How often each page of an export first answers "still in progress".
    """

    region: Region | str = Region.INDIA
    account_id: str = "4RZ-86K-9W7Z"
    passcode: str = "QAB-KZE-AXUL"
    user_passcodes: tuple[str, ...] = ()
    utc_offset: timedelta = timedelta(0)
    legacy_auth_errors: bool = False
    accept_iso_ts: bool = False
    max_event_properties: int = 256
    max_profile_properties: int = 256
    max_event_types: int = 512
    system_control_group: float | None = None
    upload_takes_s: float = 0.05
    query_takes_s: float = 0.2
    max_uploads: int = 15
    max_queries: int = 3
    webhook_timeout_s: float = 5.0
    webhook_retries: int = 2
    webhook_spacing_s: float = 15.0
    webhook_any_2xx: bool = False
    webhooks_at_once: int = 50
    broadcast_size: int = 100
    capitalised_keys: bool = False
    webhook_delivered_events: bool = True
    render_dollar_names: bool = True
    escape_json_values: bool = True
    delete_after: timedelta = timedelta(hours=48)
    freshness_back: timedelta = timedelta(hours=2)
    freshness_ahead: timedelta = timedelta(minutes=2)
    journey_freshness_back: timedelta = timedelta(minutes=60)
    export_multiples_of_23: bool = False
    export_polls: int = 0
    max_creates_per_s: int | None = 3
    list_dashboard_campaigns: bool = False
    slow_message_report: bool = False
    async_counts: bool = False
    count_polls: int = 2

    def __post_init__(self) -> None:
        if self.region not in REGION_HOSTS:
            raise ValueError(f"CleverTap region {self.region!r}, wanted one of {', '.join(Region)}")
