"""A fake Segment workspace: tracking API version 1, debugger, Delivery Overview, subscription webhooks.

API version: tracking API `v1`, as documented in segmentio/segment-docs of 2025-11-07 and as the official
libraries call it (Python 2.4.0, Node 3.1.0, browser 1.84.3, Ruby 2.5.0, Java 2026-06).

    fake = FakeSegment(surroundings, SegmentSettings(region="eu"))
    source = fake.state.add_source("Mailmodo Campaigns")
    fake.state.add_destination(source.name, name="Mailmodo", url="https://…", api_key="…")
"""

from fakes.segment.app import FakeSegment
from fakes.segment.control import SegmentControl
from fakes.segment.destinations import Destination
from fakes.segment.errors import DeliveryCode, DiscardCode, FilterCode, Stage, UnknownSource
from fakes.segment.message import Message, MessageType
from fakes.segment.settings import Region, SegmentSettings
from fakes.segment.state import SegmentState, Source, Tally

__all__ = [
    "DeliveryCode",
    "Destination",
    "DiscardCode",
    "FakeSegment",
    "FilterCode",
    "Message",
    "MessageType",
    "Region",
    "SegmentControl",
    "SegmentSettings",
    "SegmentState",
    "Source",
    "Stage",
    "Tally",
    "UnknownSource",
]
