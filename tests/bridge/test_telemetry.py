"""What is counted and traced of webhooks and calls."""

from __future__ import annotations

import asyncio
import re
import sys
from random import Random
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from bridge import Bridge, Settings
from bridge.errors import ExtraMissing
from bridge.tally import Spread
from contracts.extras import install_command
from tests.bridge.rig import START, activity, clevertap_answer, identify, mailjet_event, rig, track
from tests.bridge.test_delivery import cut_off

if TYPE_CHECKING:
    from collections.abc import Iterator


async def test_every_answer_to_a_webhook_is_counted_by_source_and_verdict():
    async with rig(max_body_bytes=10_000) as made:
        for _ in range(2):
            await made.trigger(email="asha@example.com", trigger_id="t-1")
        await made.mailjet([mailjet_event(), mailjet_event(), mailjet_event("click")])
        await made.post("/sources/mailmodo/wrong", activity())
        await made.post("/sources/mailmodo/mm-secret", b"x" * 10_001)
        await made.from_segment({"type": "page", "messageId": "p"})
        await made.settle()
        await made.bridge.stop()
        await made.activity(activity())
        await made.bridge.start()

        tally = made.bridge.telemetry.tally
        assert tally.ingest == {
            ("clevertap", "stored"): 1,
            ("clevertap", "known"): 1,
            ("mailjet", "stored"): 1,
            ("mailmodo", "unauthentic"): 1,
            ("mailmodo", "too_large"): 1,
            ("segment", "stored"): 1,
            ("mailmodo", "unavailable"): 1,
        }
        assert tally.duplicates == {"clevertap": 1, "mailjet": 1}
        assert sum(tally.commits.buckets) == 4


async def test_a_source_that_is_off_is_counted():
    async with rig(mailmodo_webhook_secret="") as made:
        assert (await made.activity(activity()))[0] == 404

        assert made.bridge.telemetry.tally.ingest == {("mailmodo", "source_off"): 1}


async def test_every_attempt_is_counted_by_destination_and_verdict_and_partial_answers_by_record():
    async with rig() as made:
        made.clevertap.script.append(clevertap_answer(3, (2, 512)))
        made.mailmodo.script += [cut_off, 429, 401]
        for number in range(3):
            await made.activity(activity(id_=f"a-{number}"))
        await made.settle()
        await made.trigger(email="asha@example.com")
        await made.settle()
        await made.trigger(email="ravi@example.com")
        await made.settle(seconds=600)

        tally = made.bridge.telemetry.tally
        assert tally.records == {
            ("clevertap", "delivered"): 2,
            ("clevertap", "dead"): 1,
            ("mailmodo", "uncertain"): 1,
            ("mailmodo", "retry"): 1,
            ("mailmodo", "pause"): 1,
            ("mailmodo", "delivered"): 1,
        }
        assert tally.partial == {"clevertap": 1}
        assert tally.pauses == {("mailmodo", "credentials"): 1}
        assert {name: sum(spread.buckets) for name, spread in tally.calls.items()} == {
            "clevertap": 1,
            "mailmodo": 4,
        }


async def test_a_destination_that_asks_for_time_is_a_pause():
    async with rig() as made:
        made.mailmodo.script.append(make_busy)
        await made.trigger(email="asha@example.com")
        await made.settle(seconds=60)

        assert made.bridge.telemetry.tally.pauses == {("mailmodo", "asked"): 1}


async def make_busy(_request: object) -> object:
    return web.json_response({}, status=429, headers={"Retry-After": "30"})


async def test_commit_and_call_take_the_time_that_passes_in_the_world():
    async with rig() as made:
        made.mailmodo.script.append(take_two_seconds)
        await made.trigger(email="asha@example.com")
        await made.settle(seconds=10)

        spread = made.bridge.telemetry.tally.calls["mailmodo"]
        assert spread.total_s == pytest.approx(2.0, abs=0.01)
        assert spread.buckets[spread.bounds.index(2.5)] == 1


async def take_two_seconds(_request: object) -> object:
    await asyncio.sleep(2)
    return web.json_response({"success": True, "message": "ok", "ref": "r-1"})


@given(st.lists(st.floats(0, 100)))
def test_a_spread_puts_each_into_the_first_bucket_that_holds_it(values: list[float]):
    spread = Spread((0.5, 1.0, 30.0))

    for value in values:
        spread.add(value)

    assert spread.buckets == [
        sum(value <= 0.5 for value in values),
        sum(0.5 < value <= 1.0 for value in values),
        sum(1.0 < value <= 30.0 for value in values),
        sum(value > 30.0 for value in values),
    ]
    assert spread.total_s == pytest.approx(sum(values))


# Tracing


@pytest.fixture(scope="module")
def exporter() -> InMemorySpanExporter:
    """The process has one tracer provider, which cannot be set twice."""
    made = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(made))
    trace.set_tracer_provider(provider)
    return made


@pytest.fixture
def spans(exporter: InMemorySpanExporter) -> Iterator[InMemorySpanExporter]:
    exporter.clear()
    yield exporter
    exporter.clear()


async def test_webhooks_and_calls_are_spans_without_anything_personal(spans: InMemorySpanExporter):
    async with rig(tracing=True) as made:
        made.clevertap.script.append(clevertap_answer(2, (2, 512)))
        for number in range(2):
            await made.activity(activity(id_=f"a-{number}"))
        await made.identify("u-1", "asha@example.com")
        await made.from_segment(track("u-1"))
        await made.from_segment(identify("u-1", email="asha@example.com"))
        await made.settle()

    found = {span.name: span for span in spans.get_finished_spans()}
    assert set(found) == {"webhook mailmodo", "webhook segment", "deliver clevertap", "deliver mailmodo"}
    upload = found["deliver clevertap"]
    assert upload.kind is trace.SpanKind.CLIENT
    assert upload.attributes is not None
    assert dict(upload.attributes) == {
        "bridge.destination": "clevertap",
        "bridge.end": "200",
        "bridge.records": 2,
        "bridge.operation": "upload",
        "bridge.delivery_ids": (2, 4),
        "bridge.delivered": 1,
    }
    assert found["webhook mailmodo"].kind is trace.SpanKind.SERVER
    assert dict(found["webhook segment"].attributes or {})["bridge.verdict"] in ("stored", "known")
    assert "asha" not in "".join(span.to_json() for span in spans.get_finished_spans())


async def test_without_the_setting_there_are_no_spans(spans: InMemorySpanExporter):
    async with rig() as made:
        await made.activity(activity())
        await made.settle()

    assert spans.get_finished_spans() == ()


def test_tracing_without_its_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "opentelemetry", None)

    with pytest.raises(ExtraMissing, match=re.escape(install_command("tracing"))):
        Bridge(Settings.from_mapping({"tracing": True}), now=lambda: START, random=Random(7))
