"""`doctor` against the vendors' fakes, well and broken in every way that it looks for."""

from __future__ import annotations

import asyncio
import os
import re
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from click.testing import CliRunner

from bridge import Settings
from bridge.cli import main
from bridge.doctor import Finding, Grade, examine
from bridge.real_environment import now
from bridge.store import SqliteStore
from simulator.loop import VirtualLoop
from simulator.network import VirtualNetwork
from simulator.scenario_reader import read_scenario
from simulator.world import World

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime
    from pathlib import Path

ACCOUNTS = """
scenario: Accounts
starts: 2026-03-02T03:30:00Z
lasts: 1 day
accounts:
  clevertap: {}
  mailmodo: {}
  mailjet: {}
  customerio: {}
  segment: {sources: [web, mailmodo, mailjet, customerio], destination: Mailmodo}
people: {count: 1}
journey:
  - {at: 0 h, segment: identify}
"""


@asynccontextmanager
async def opened(tmp_path: Path, **changes: Any) -> AsyncIterator[tuple[World, Settings]]:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    network = VirtualNetwork(loop)
    # A fake's web server tells the machine's own time in `Date`, so that this world's time is the same.
    scenario = replace(read_scenario(ACCOUNTS, "accounts"), journey=(), starts=now())
    async with World(scenario, seed=1, network=network) as world:
        usual = {"store_path": f"{tmp_path}/bridge.sqlite3", "admin_token": "x" * 16}
        given = world.vendors.bridge_settings(network) | usual | changes
        yield world, Settings.from_mapping(given)


async def findings(
    settings: Settings, clock: Callable[[], datetime] = now, *, sends_events: bool = False
) -> dict[str, Finding]:
    store = SqliteStore(settings.store_path)
    found = [each async for each in examine(settings, store, now=clock, sends_events=sends_events)]
    assert len({each.what for each in found}) == len(found)
    return {each.what: each for each in found}


def problems(found: dict[str, Finding]) -> list[str]:
    return [each.what for each in found.values() if each.grade is Grade.PROBLEM]


async def test_all_is_well_with_the_fakes_and_nothing_stays_there(tmp_path: Path):
    async with opened(tmp_path) as (world, settings):
        before = _state(world)
        found = await findings(settings)

        assert problems(found) == []
        assert list(found) == [
            "sources",
            "destinations",
            "store",
            "clevertap events",
            "clevertap",
            "mailmodo",
            "segment/mailmodo",
            "segment/mailjet",
            "segment/customerio",
            "clock",
        ]
        assert found["clevertap"].words == "https://in1.api.clevertap.com takes the credentials"
        assert found["clock"].words == "agrees with the vendors'"
        assert found["clevertap events"].words == "0 of 512 event types were sent"
        assert _state(world) == before


async def test_a_store_is_not_made_by_looking(tmp_path: Path):
    """It would belong to whoever looks, and the bridge could not write it."""
    async with opened(tmp_path) as (_world, settings):
        found = await findings(settings)

    assert found["store"].grade is Grade.OK
    assert found["store"].words.endswith("is not there yet; the bridge makes it when it starts")
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - a Path would block here, says another rule


@pytest.mark.parametrize(
    ("used", "grade", "words"),
    [
        (8, Grade.OK, "8 of 10 event types were sent"),
        (9, Grade.NOTE, "beyond, whatever has a new name is dead"),
        (10, Grade.PROBLEM, "send fewer names, or have the vendor allow more"),
    ],
)
async def test_event_types_are_compared_with_what_the_account_may_have(
    tmp_path: Path, used: int, grade: Grade, words: str
):
    async with opened(tmp_path, clevertap_event_types=10) as (_world, settings):
        store = SqliteStore(settings.store_path)
        await store.open()
        await store.admit_names("clevertap", [f"n-{number}" for number in range(used)], limit=0, now_ms=1)
        await store.close()

        found = (await findings(settings))["clevertap events"]

        assert found.grade is grade
        assert words in found.words


async def test_sample_events_arrive_where_a_person_would_look_for_them(tmp_path: Path):
    async with opened(tmp_path) as (world, settings):
        found = await findings(settings, sends_events=True)
        await asyncio.sleep(5)

        assert problems(found) == []
        assert _state(world) == (["hello@mailmodo.com"], ["Email Opened"] * 3)


def _state(world: World) -> tuple[list[str], list[str]]:
    """Give who has the sample event at CleverTap, and which events Segment's debuggers show."""
    clevertap, segment = world.vendors.clevertap, world.vendors.segment
    assert clevertap is not None
    assert segment is not None
    shown = [
        str(event["event"])
        for name in ("mailmodo", "mailjet", "customerio")
        for event in segment.state.debugger(name)
    ]
    return [profile.identity for profile, _event in clevertap.state.events_named("MM Email Opened")], shown


@pytest.mark.parametrize(
    ("changes", "what", "words"),
    [
        ({"mailmodo_api_key": "wrong"}, "mailmodo", "check the credentials"),
        ({"clevertap_passcode": "wrong"}, "clevertap", "check the credentials"),
        ({"mailmodo_url": "https://nobody.test"}, "mailmodo", "cannot be reached"),
        ({"mailmodo_url": "https://api.mailmodo.com/elsewhere"}, "mailmodo", "answered 404"),
        ({"segment_write_key_mailjet": "x"}, "segment/mailjet", "answered 400: Invalid writeKey"),
        ({"store_path": "no/such/folder/b.sqlite3"}, "store", "there is no folder no/such/folder"),
        ({"store_path": ":memory:"}, "store", "loses everything at a restart"),
    ],
)
async def test_what_is_wrong_is_found_and_nothing_else_is_blamed(
    tmp_path: Path, changes: dict[str, Any], what: str, words: str
):
    async with opened(tmp_path, **changes) as (_world, settings):
        found = await findings(settings)

        assert problems(found) == [what]
        assert words in found[what].words
        assert "wrong" not in found[what].words


@pytest.mark.parametrize(("off_s", "words"), [(90, r"\b9[0-5] s ahead of"), (-3600, r"\b3[56]\d\d s behind")])
async def test_a_clock_that_is_off_is_found(tmp_path: Path, off_s: int, words: str):
    async with opened(tmp_path) as (_world, settings):
        found = await findings(settings, lambda: now() + timedelta(seconds=off_s))

        assert problems(found) == ["clock"]
        assert re.search(words, found["clock"].words)


@pytest.mark.parametrize(
    ("text", "grade", "words"),
    [
        ("extends: default\n", Grade.OK, "routing.yaml has 31 rows"),
        ("", Grade.PROBLEM, "routing.yaml has no row: nobody is told anything"),
        ("rowz: []\n", Grade.PROBLEM, "routing.yaml:1:1: rowz: found a key that is not known here"),
        (
            "rowz: []\ngatez: {}\n",
            Grade.PROBLEM,
            "did you mean rows?; 1 more: `python -m bridge routing` says all",
        ),
    ],
)
async def test_a_routing_table_of_ones_own_is_read(tmp_path: Path, text: str, grade: Grade, words: str):
    (tmp_path / "routing.yaml").write_text(text)
    async with opened(tmp_path, routing_file=str(tmp_path / "routing.yaml")) as (_world, settings):
        found = await findings(settings)

        assert problems(found) == (["routing"] if grade is Grade.PROBLEM else [])
        assert found["routing"].grade is grade
        assert words in found["routing"].words


async def test_a_plain_url_of_a_host_elsewhere_is_found(tmp_path: Path):
    async with opened(tmp_path, segment_url="http://api.segment.io") as (_world, settings):
        assert "segment_url" in problems(await findings(settings))


async def test_a_vendor_that_answers_200_with_a_refusal_is_a_problem(tmp_path: Path):
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    network = VirtualNetwork(loop)

    async def refuse(_request: web.Request) -> web.Response:
        return web.json_response({"success": False, "message": "Invalid key for asha@example.com"})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", refuse)
    await network.serve(app, ["api.mailmodo.com"])
    settings = Settings.from_mapping(
        {"mailmodo_api_key": "k", "mailmodo_webhook_secret": "s", "store_path": f"{tmp_path}/b.sqlite3"}
    )
    try:
        found = await findings(settings)
    finally:
        await network.close()

    assert found["mailmodo"].grade is Grade.PROBLEM
    assert found["mailmodo"].words == "https://api.mailmodo.com answered 200"
    assert found["admin_token"].grade is Grade.NOTE


async def test_damage_in_the_store_is_found(tmp_path: Path):
    store = SqliteStore(f"{tmp_path}/bridge.sqlite3")
    await store.open()
    assert store._open is not None
    store._open.execute(
        "INSERT INTO inbox (seq, source, dedup_key, engagement_id, kind, place, received_ms, outcomes, raw)"
        " VALUES (1, 'mailjet', 'k', '', '', '', 0, 2, x'00')"
    )
    await store.close()
    async with opened(tmp_path) as (_world, settings):
        found = await findings(settings)

    assert problems(found) == ["store"]
    assert "outcomes" in found["store"].words


@pytest.mark.slow
def test_the_command_prints_a_line_each_and_exits_1_when_something_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    file = tmp_path / "bridge.toml"
    file.write_text(
        f'store_path = "{tmp_path}/b.sqlite3"\n[mailmodo]\napi_key = "hush-hush"\nurl = "http://127.0.0.1:9"\n'
    )
    monkeypatch.setenv("BRIDGE_MAILMODO_APIKEY", "x")

    result = CliRunner().invoke(main, ["--settings", str(file), "doctor"])
    as_json = CliRunner().invoke(main, ["--settings", str(file), "doctor", "--json"])

    assert result.exit_code == as_json.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0].startswith("problem  settings")
    assert "did you mean BRIDGE_MAILMODO_API_KEY?" in lines[0]
    assert "problem  sources              none is on" in result.stdout
    assert "ok       destinations         mailmodo" in result.stdout
    assert (
        "problem  mailmodo             http://127.0.0.1:9 cannot be reached: Connect call failed"
        in result.stdout
    )
    assert lines[-1] == "3 problems"
    assert '"grade": "problem"' in as_json.stdout
    assert "hush" not in result.stdout
