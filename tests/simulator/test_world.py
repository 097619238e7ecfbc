from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import aiohttp
import httpx
import pytest

from simulator.loop import VirtualLoop
from simulator.network import VirtualNetwork
from simulator.system_under_test import BridgeUnusable
from simulator.vendors import SetupFailed
from simulator.world import World
from tests.support.stories import RECEIPT, SURVEY, played, scenario_of

if TYPE_CHECKING:
    from simulator.scenario import Scenario


def world_of(scenario: Scenario, **settings: Any) -> World:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    usual: dict[str, Any] = {"seed": 1, "network": VirtualNetwork(loop)}
    return World(scenario, **(usual | settings))


async def test_an_open_world_serves_vendors_and_bridge_under_their_real_names() -> None:
    async with world_of(scenario_of(SURVEY)) as world, aiohttp.ClientSession() as session:
        assert world.bridge_url == "https://bridge.test"
        async with session.get("https://bridge.test/healthz") as response:
            assert response.status == 200
        async with session.get("https://api.mailmodo.com/api/v1/nothing") as response:
            assert response.status == 404
        async with httpx.AsyncClient() as client:
            answer = await client.post("https://in1.api.clevertap.com/1/upload", json={"d": []})
        assert answer.status_code == 401


async def test_vendors_that_take_no_part_do_not_exist() -> None:
    async with world_of(scenario_of(RECEIPT)), aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorDNSError):
            await session.get("https://api.mailmodo.com/")


async def test_time_begins_with_the_scenario_and_passes_with_the_loop() -> None:
    await asyncio.sleep(1000)
    scenario = scenario_of(RECEIPT)
    async with world_of(scenario) as world:
        begin = world.now()
        assert begin - scenario.starts < timedelta(seconds=5)
        await asyncio.sleep(90)
        assert world.now() - begin == timedelta(seconds=90)
        assert world.now().tzinfo is UTC

        await world.play()

        assert world.elapsed_s == pytest.approx(86_400 + 120, abs=1)


async def test_progress_is_told_now_and_then_and_at_the_end() -> None:
    told: list[float] = []
    async with world_of(scenario_of(RECEIPT)) as world:
        await world.play(told.append)

    assert told == sorted(told)
    assert 20 <= len(told) <= 26
    assert told[-1] == 86_400


async def test_steps_happen_at_their_time_whatever_their_order_in_the_file() -> None:
    steps = [
        {"at": "2 h", "mailjet": "send receipt", "for": "Ben"},
        {"at": "1 h", "mailjet": "send receipt", "for": "Ada"},
    ]
    async with world_of(scenario_of(RECEIPT, journey=steps)) as world:
        await world.play()
        found = [(step.at, step.details["people"]) for step in world.journal.steps("mailjet: send receipt")]

    start = datetime(2026, 3, 2, 8, tzinfo=UTC)
    assert found == [(start + timedelta(hours=1), 1), (start + timedelta(hours=2), 1)]


async def test_two_worlds_side_by_side_share_nothing() -> None:
    """Both serve the same names one after the other on one loop; nothing of the first is left in the second."""
    counts = []
    for _ in range(2):
        async with world_of(scenario_of(RECEIPT)) as world:
            await world.play()
            counts.append((len(world.journal), world.journal.counts()))
        await asyncio.sleep(10)

    assert counts[0] == counts[1]


async def test_a_world_that_cannot_open_leaves_nothing_running() -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    network = VirtualNetwork(loop)
    broken = world_of(scenario_of(RECEIPT), network=network, bridge="tests.support.bridges:fails_to_start")
    with pytest.raises(BridgeUnusable, match="fails_to_start: cannot be started: RuntimeError: out of order"):
        await broken.__aenter__()

    async with world_of(scenario_of(RECEIPT), network=network):
        pass
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


async def test_secrets_are_masked_wherever_the_journal_is_written() -> None:
    async with world_of(scenario_of(SURVEY)) as world:
        key = world.vendors.mailmodo.settings.api_key if world.vendors.mailmodo else ""

        assert key
        assert key not in world.journal.masking.text(f"mmApiKey: {key}")


async def test_secrets_are_masked_in_what_is_said_of_a_failure_too() -> None:
    """A bridge that lacks the inlet refuses CleverTap's test call, and the refusal quotes its secret address."""
    world = world_of(scenario_of(SURVEY), bridge="tests.support.bridges:deaf")

    with pytest.raises(SetupFailed) as refusal:
        await world.__aenter__()

    assert "/sources/clevertap/[masked: clevertap_webhook_secret]/campaigns/" in str(refusal.value)
    assert "ct-9f3b62d07a41" not in str(refusal.value)


def test_messages_that_could_not_be_made_break_the_run() -> None:
    """Only when it is filled in does this body turn out to be no JSON."""
    body = '{"email": {{ Profile.Email }}, "data": {}}'

    result, _ = played(SURVEY, accounts__clevertap__campaigns__0__body=body, expect=[])

    assert not result.is_kept
    assert [error for error in result.errors if "'ask' sent nothing to 3 people" in error] == list(
        result.errors
    )
    assert len(result.errors) == 1


async def test_webhooks_to_the_bridge_are_judged_by_the_bridges_contract() -> None:
    async with world_of(scenario_of(RECEIPT, lasts="10 min"), bridge="tests.support.bridges:deaf") as world:
        await world.play()
        broken = {violation.where for violation in world.journal.violations()}

    assert "response.status" in broken


async def test_receivers_are_called_by_name() -> None:
    async with world_of(scenario_of(RECEIPT)) as world:
        await world.play()
        receivers = {exchange.receiver for exchange in world.journal.exchanges()}

    assert receivers == {"bridge", "mailjet", "segment"}


async def test_a_webhook_url_that_makes_no_sense_breaks_off_nothing() -> None:
    async with world_of(scenario_of(SURVEY)) as world:
        assert world.vendors.mailmodo is not None
        world.vendors.mailmodo.set_activity_webhook("http://[::1")
        await world.play()

        tried = [each for each in world.journal.exchanges() if each.operation == "activity"]

    assert {(each.receiver, each.url, each.error) for each in tried} == {("", "http://[::1", "reset")}
    assert world.journal.errors == []
