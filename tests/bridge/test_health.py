"""Pages for machines: whether the bridge is ready, and what it counted."""

from __future__ import annotations

import asyncio
import re
import sys
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bridge.metrics import METRICS
from bridge.store import SqliteStore
from contracts.extras import install_command
from tests.bridge.rig import activity, clevertap_answer, mailjet_event, rig
from tests.bridge.test_delivery import cut_off, silent
from tests.bridge.test_logs import everything_happens

if TYPE_CHECKING:
    from prometheus_client import Metric

    from tests.bridge.rig import Rig


async def metrics(made: Rig) -> dict[str, Metric]:
    status, text = await made.get("/metrics")
    assert status == 200
    return {family.name: family for family in text_string_to_metric_families(text)}


def values(family: Metric, suffix: str = "") -> dict[tuple[str, ...], float]:
    return {
        tuple(sample.labels.values()): sample.value
        for sample in family.samples
        if sample.name == family.name + suffix
    }


async def test_a_bridge_is_ready_as_long_as_it_takes_webhooks():
    async with rig() as made:
        assert await made.get("/readyz") == (200, {"status": "ready"})

        await made.bridge.stop()
        status, answer = await made.get("/readyz")

        assert status == 503
        assert answer == {"status": "not ready", "reason": "the bridge is not taking webhooks now"}


async def test_a_bridge_whose_store_became_read_only_is_not_ready_until_it_can_write_again():
    async with rig() as made:
        store = made.bridge._store
        assert isinstance(store, SqliteStore)
        assert store._open is not None
        store._open.execute("PRAGMA query_only = ON")

        async with made.session.get("https://bridge.test/readyz") as response:
            assert response.status == 503
            assert response.headers["Retry-After"] == "5"
            assert (await response.json())["reason"] == "nothing can be stored now"

        store._open.execute("PRAGMA query_only = OFF")
        assert (await made.get("/readyz"))[0] == 200


async def test_a_ready_check_leaves_nothing_behind():
    async with rig() as made:
        await made.get("/readyz")

        assert await made.bridge._store.pauses() == {}


async def test_metrics_tell_what_was_counted_and_what_stands_in_the_store():
    async with rig() as made:
        made.clevertap.script.append(clevertap_answer(2, (2, 512)))
        made.mailmodo.script += [cut_off, silent]
        await made.trigger(email="asha@example.com", trigger_id="t-1")
        await made.trigger(email="asha@example.com", trigger_id="t-1")
        await made.trigger(email="ravi@example.com")
        for number in range(2):
            await made.activity(activity(id_=f"a-{number}"))
        await made.mailjet([mailjet_event(email="")])
        await asyncio.sleep(7)

        found = await metrics(made)

        assert values(found["bridge_ingest"], "_total") == {
            ("clevertap", "known"): 1,
            ("clevertap", "stored"): 2,
            ("mailjet", "stored"): 1,
            ("mailmodo", "stored"): 2,
        }
        assert values(found["bridge_duplicates"], "_total") == {("clevertap",): 1}
        rows = values(found["bridge_rows"])
        assert rows["clevertap", "delivered"] == 1
        assert rows["clevertap", "dead"] == 1
        assert rows["mailmodo", "uncertain"] == 1
        assert rows["mailmodo", "claimed"] == 1
        assert values(found["bridge_oldest_pending_seconds"]) == {("mailmodo",): pytest.approx(7, abs=0.1)}
        assert values(found["bridge_uncertain_rows"]) == {("mailmodo",): 1}
        assert values(found["bridge_deliveries"], "_total")["clevertap", "dead"] == 1
        assert values(found["bridge_partial_records"], "_total") == {("clevertap",): 1}
        assert values(found["bridge_delivery_seconds"], "_count") == {("clevertap",): 1, ("mailmodo",): 1}
        assert values(found["bridge_commit_seconds"], "_count") == {(): 6}


async def test_a_bridge_that_saw_nothing_publishes_every_metric():
    async with rig() as made:
        found = await metrics(made)

    kinds = {name: kind for name, (kind, _labels, _help) in METRICS.items()}
    assert {name.removesuffix("_total") for name in kinds} == set(found)
    assert all(found[name.removesuffix("_total")].type == kind for name, kind in kinds.items())
    assert all(family.documentation for family in found.values())


@pytest.mark.slow
async def test_no_label_ever_holds_an_address_an_id_or_a_url(monkeypatch: pytest.MonkeyPatch):
    async with rig(max_body_bytes=10_000) as made:
        await everything_happens(made, monkeypatch)
        found = await metrics(made)

    labels = {
        (name, value)
        for family in found.values()
        for sample in family.samples
        for name, value in sample.labels.items()
    }
    assert {name for name, _value in labels} == {
        *(label for _kind, names, _help in METRICS.values() for label in names),
        "le",
    }
    for name, value in labels:
        assert name == "le" or re.fullmatch(r"[a-z_]*(/[a-z]+)?", value), (name, value)


async def test_metrics_without_their_library_say_what_to_install(monkeypatch: pytest.MonkeyPatch):
    async with rig() as made:
        monkeypatch.setitem(sys.modules, "prometheus_client", None)

        status, answer = await made.get("/metrics")

        assert status == 501
        assert install_command("metrics") in answer["message"]


async def test_a_stopped_bridge_still_publishes_what_it_counted():
    async with rig() as made:
        await made.trigger(email="asha@example.com")
        await made.bridge.stop()

        assert values((await metrics(made))["bridge_ingest"], "_total") == {("clevertap", "stored"): 1}
