"""Whatever comes in, the pipeline ends in an outcome, and what it takes can be delivered."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import Judge, load_contract
from fakes.segment import Message, SegmentSettings, SegmentState
from fakes.segment.destinations import find_filter, find_unknown_integrations
from fakes.segment.edge import read_batch, read_object, read_pixel
from fakes.segment.errors import TrackingRefused
from fakes.segment.message import subject_of, wants_ip
from fakes.segment.webhooks import make_request

NAMES = (
    "type",
    "userId",
    "anonymousId",
    "event",
    "messageId",
    "timestamp",
    "sentAt",
    "context",
    "integrations",
    "traits",
    "properties",
    "name",
    "category",
    "_metadata",
    "library",
    "email",
    "direct",
    "All",
    "Mailmodo",
    "bundled",
    "writeKey",
    "batch",
)
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(
        [
            "track",
            "identify",
            "page",
            "2026-03-02T03:30:00Z",
            "0001-01-01",
            "9999-12-31T23:59:59-12:00",
            "analytics.js",
        ]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=8),
    max_leaves=25,
)
JUDGE = Judge(load_contract("segment"))
MESSAGES = st.dictionaries(st.sampled_from(NAMES), ANYTHING, max_size=12).map(
    lambda fields: {"type": "track", "event": "x", "userId": "u1", "writeKey": "k" * 32, **fields}
)


@pytest.mark.slow
@settings(deadline=None)
@given(
    envelope=st.fixed_dictionaries(
        {"batch": st.lists(ANYTHING | MESSAGES, max_size=3) | ANYTHING},
        optional={"context": ANYTHING, "integrations": ANYTHING, "sentAt": ANYTHING, "writeKey": ANYTHING},
    )
)
def test_any_batch_is_taken_apart_and_what_is_taken_keeps_the_contract(envelope: dict[str, Any]) -> None:
    state = SegmentState(SegmentSettings(), random=Random(7))
    state.add_source("Website", write_key="k" * 32)
    destination = state.add_destination("Website", url="https://x", api_key="k")
    body = json.dumps(envelope).encode()

    for arrival in read_batch(read_object(body), body, header_key="k" * 32):
        wants_ip(arrival.fields)
        subject_of(arrival.fields)
        outcome = state.take(arrival, received_at=datetime(2026, 3, 2, tzinfo=UTC), ip="1.1.1.1")
        if isinstance(outcome, Message):
            find_filter(destination, outcome.event)
            find_unknown_integrations(outcome.event, [])
            delivered = json.loads(make_request(destination, outcome.event).body)
            assert JUDGE.value("/components/schemas/EnrichedEvent", delivered) == ()


@settings(deadline=None)
@given(body=st.binary(max_size=60) | st.text(alphabet='{}[]":,\\u0d8eE+-.', max_size=60).map(str.encode))
def test_any_bytes_are_an_object_or_refused(body: bytes) -> None:
    with suppress(TrackingRefused):
        assert json.dumps(read_object(body), ensure_ascii=False).encode()


@settings(deadline=None)
@given(
    pairs=st.lists(
        st.tuples(st.text(alphabet="ab.", max_size=9) | st.just("data"), st.text(max_size=9)), max_size=6
    )
)
def test_any_query_is_a_message_or_refused(pairs: list[tuple[str, str]]) -> None:
    with suppress(TrackingRefused):
        assert isinstance(read_pixel(pairs), dict)
