"""The vendors that the bridge receives from, one module each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.engagement import SourceName
from bridge.sources.base import Incoming, Reading, Source
from bridge.sources.clevertap import CleverTapSource
from bridge.sources.customerio import CustomerIoSource
from bridge.sources.mailjet import MailjetSource
from bridge.sources.mailmodo import MailmodoSource
from bridge.sources.segment import SegmentSource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.settings import Settings

__all__ = ["Incoming", "Reading", "Source", "make_sources"]


def make_sources(settings: Settings) -> Mapping[SourceName, Source]:
    """Make all five sources; those without a proof in the settings are off."""
    return {
        SourceName.CLEVERTAP: CleverTapSource(settings),
        SourceName.MAILMODO: MailmodoSource(settings),
        SourceName.MAILJET: MailjetSource(settings),
        SourceName.CUSTOMERIO: CustomerIoSource(settings),
        SourceName.SEGMENT: SegmentSource(settings),
    }
