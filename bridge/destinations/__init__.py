"""The vendors that the bridge writes to, one module each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.destinations.base import Answer, Call, Destination, Failed, Guarantee, Limits, Verdict, What
from bridge.destinations.calls import CALLS
from bridge.destinations.clevertap import CleverTapDestination
from bridge.destinations.mailmodo import MailmodoDestination
from bridge.destinations.segment import SegmentDestination
from bridge.engagement import SourceName

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.settings import Settings

__all__ = [
    "CALLS",
    "Answer",
    "Call",
    "Destination",
    "Failed",
    "Guarantee",
    "Limits",
    "Verdict",
    "What",
    "make_destinations",
]


def make_destinations(settings: Settings) -> Mapping[str, Destination]:
    """Make the destinations that have credentials, by name."""
    every: tuple[Destination, ...] = (
        CleverTapDestination(settings),
        MailmodoDestination(settings),
        SegmentDestination(settings, SourceName.MAILMODO, settings.segment_write_key_mailmodo),
        SegmentDestination(settings, SourceName.MAILJET, settings.segment_write_key_mailjet),
        SegmentDestination(settings, SourceName.CUSTOMERIO, settings.segment_write_key_customerio),
    )
    return {destination.name: destination for destination in every if destination.is_on}
