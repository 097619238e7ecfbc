"""What can be set about the fake workspace: its region, what its edge refuses, and how it delivers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

__all__ = ["REGION_OF_HOST", "TRACKING_HOSTS", "Region", "SegmentSettings"]


class Region(StrEnum):
    """Where a workspace keeps its data, fixed when it is made."""

    US = "us"
    EU = "eu"


TRACKING_HOSTS: Final = {Region.US: "api.segment.io", Region.EU: "events.eu1.segmentapis.com"}
"""The tracking host of each region."""

REGION_OF_HOST: Final = {
    "api.segment.io": Region.US,
    "api.segment.com": Region.US,
    "events.eu1.segmentapis.com": Region.EU,
}
"""The region that each tracking host takes data for; any other host name serves the workspace's own region."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentSettings:
    """One Segment workspace. Defaults are what production is thought to do.

    Attributes:
        region: `us` or `eu`. A message sent to the other region's host is answered 200 and lost.
        workspace: Slug of the workspace, in the address of its debugger pages.
        shortest_write_key: Write keys with fewer characters are answered 400; longer unknown ones 200.
        refused_codes: Discard codes that are answered 400 instead of silently dropping the message, for
            instance `{"unknown_source", "no_user_anon_id"}`. Production refuses none.
        dedup_window: How long a `messageId` is remembered, by the time of receipt.
        requests_per_second: Calls per second after which the edge answers 429; None never does.
        delivery_timeout_s: Seconds that a destination has to answer.
        delivery_window: How long after the first attempt a delivery may still be tried again.
        delivery_attempts: Attempts before a delivery is given up, the first one included.

    Source: segment-docs, `http-api`, `rate-limits.md`, `guides/duplicate-data.md`, `destinations/index.md`.
    """

    region: Region | str = Region.US
    workspace: str = "journeylab"
    shortest_write_key: int = 7
    refused_codes: frozenset[str] = frozenset()
    dedup_window: timedelta = timedelta(hours=24)
    requests_per_second: int | None = None
    delivery_timeout_s: float = 5.0
    delivery_window: timedelta = timedelta(hours=4)
    delivery_attempts: int = 10
