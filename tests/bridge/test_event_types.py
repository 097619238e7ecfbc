"""The guard on the number of event types: what would be one too many is dead, and somebody is told in time."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from prometheus_client.parser import text_string_to_metric_families

from bridge import Settings
from bridge.destinations.clevertap import CleverTapDestination
from bridge.store import Delivery, State
from tests.bridge.rig import SETTINGS, activity, rig

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.bridge.rig import Rig


async def submit(made: Rig, template: str, number: int = 0) -> None:
    """Have somebody answer the form of a template, which has an event of its own."""
    body = activity("Email Form Submitted", properties={"template_name": template}, id=f"{template} {number}")
    assert (await made.activity(body))[0] == 200


def names(made: Rig) -> list[str]:
    return [record["evtName"] for record in made.clevertap.records]


async def dead(made: Rig) -> list[str]:
    return [each.reason for each in await made.bridge._store.deliveries(State.DEAD)]


async def test_a_name_that_would_be_one_too_many_is_dead_and_the_others_are_delivered():
    async with rig(clevertap_event_types=3) as made:
        for template in ("One", "Two", "Three", "One", "o n e"):
            await submit(made, template, len(names(made)))
        await made.settle()

        sent = set(names(made))
        assert sent == {
            "MM Email Form Submitted",
            "MM One Form Submitted",
            "MM Two Form Submitted",
            "MM o n e Form Submitted",
        }
        assert await dead(made) == ["event_types_full"]
        _status, status = await made.ask("/admin/status")
        assert status["event_types"] == {"clevertap": {"used": 3, "limit": 3}}
        _status, text = await made.get("/metrics")
        families = {each.name: each for each in text_string_to_metric_families(text)}
        (used,), (refused,) = (
            [
                (sample.labels, sample.value)
                for sample in families[name].samples
                if not sample.name.endswith("_created")
            ]
            for name in ("bridge_event_types", "bridge_event_types_refused")
        )
        assert used == ({"destination": "clevertap"}, 3)
        assert refused == ({"destination": "clevertap"}, 1)


async def test_what_is_dead_goes_out_when_it_is_requeued_after_the_limit_was_raised():
    async with rig(clevertap_event_types=1) as made:
        await submit(made, "One")
        await made.settle()
        await made.ask("/admin/requeue", {"all": True})
        assert (await made.settle()).dead == 1

        await made.bridge.reload(replace(made.bridge.settings, clevertap_event_types=2))
        await made.ask("/admin/requeue", {"all": True})
        await made.settle()

        assert await dead(made) == []
        assert names(made) == ["MM Email Form Submitted", "MM One Form Submitted"]


async def test_the_names_outlast_a_restart(tmp_path: Path):
    path = str(tmp_path / "bridge.sqlite3")
    async with rig(store_path=path, clevertap_event_types=2) as made:
        await submit(made, "One")
        await made.settle()
    async with rig(store_path=path, clevertap_event_types=2) as made:
        await submit(made, "One", 1)
        await submit(made, "Two")
        await made.settle()

        assert names(made) == ["MM Email Form Submitted", "MM One Form Submitted", "MM Email Form Submitted"]
        assert await dead(made) == ["event_types_full"]


async def test_a_batch_that_is_refused_whole_is_halved_though_some_of_it_was_dead_before():
    async with rig(clevertap_event_types=2) as made:
        made.clevertap.script.append(400)
        for template in ("One", "Two"):
            await submit(made, template)
        counts = await made.settle()

        assert (counts.delivered, counts.dead) == (3, 1)


async def test_the_log_warns_while_there_is_room_left(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.WARNING, logger="bridge")
    async with rig(clevertap_event_types=10) as made:
        for number in range(8):
            await submit(made, f"T{number}")
            await made.settle()
        said = [
            (vars(record)["used"], vars(record)["limit"])
            for record in caplog.records
            if record.getMessage() == "an account has little room for event types"
        ]

        assert said == [(9, 10)]
        assert await dead(made) == []


async def test_without_a_limit_nothing_is_counted():
    async with rig(clevertap_event_types=0) as made:
        await submit(made, "One")
        await made.settle()

        assert await made.bridge._store.count_names() == {}
        assert (await made.ask("/admin/status"))[1]["event_types"] == {}


def test_types_are_told_apart_as_the_vendor_does_without_case_spaces_and_what_it_drops():
    destination = CleverTapDestination(Settings.from_mapping(SETTINGS))

    def type_of(body: bytes) -> str:
        delivery: Any = Delivery(
            seq=1, destination="clevertap", operation="upload", path="", body=body, lane="", attempts=1,
            created_ms=0, fence=1,
        )  # fmt: skip
        return destination.event_type(delivery)

    assert type_of(b'{"evtName":"Sign Up"}') == type_of(b'{"evtName":"SIGNUP"}') == "signup"
    assert type_of(b'{"evtName":"Sign-Up: 5%"}') == type_of(b'{"evtName":"sign-up 5"}') == "sign-up5"
    assert type_of(b"{}") == type_of(b"[") == ""


def test_the_default_is_what_the_vendor_allows():
    assert Settings().clevertap_event_types == 512
