from __future__ import annotations

import asyncio
import shlex
from typing import TYPE_CHECKING, Any

from simulator.loop import VirtualLoop
from simulator.network import VirtualNetwork
from simulator.scenario_reader import read_scenario
from simulator.serve import ACCOUNTS, Printing, _print, credentials
from simulator.world import World
from tests.support.stories import RECEIPT, scenario_of

if TYPE_CHECKING:
    import pytest

    from simulator.scenario import Scenario


async def found_in(scenario: Scenario) -> dict[str, dict[str, Any]]:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    async with World(scenario, seed=1, network=VirtualNetwork(loop), is_open_house=True) as world:
        return credentials(world)


async def test_everything_is_served_unless_a_scenario_says_less() -> None:
    everything = await found_in(read_scenario(ACCOUNTS, "accounts of serve"))

    assert list(everything) == ["clevertap", "mailmodo", "mailjet", "customerio", "segment", "bridge"]


async def test_vendors_that_take_no_part_are_not_told() -> None:
    assert list(await found_in(scenario_of(RECEIPT))) == ["mailjet", "segment", "bridge"]


async def test_credentials_are_the_same_every_time() -> None:
    scenario = read_scenario(ACCOUNTS, "accounts of serve")

    assert await found_in(scenario) == await found_in(scenario)


async def test_text_shows_every_credential_and_what_to_try(capsys: pytest.CaptureFixture[str]) -> None:
    found = await found_in(read_scenario(ACCOUNTS, "accounts of serve"))

    _print(found, Printing.TEXT)

    shown = capsys.readouterr().out
    for values in found.values():
        for value in values.values():
            assert all(str(one) in shown for one in (value.values() if isinstance(value, dict) else [value]))
    assert f"curl {found['bridge']['url']}/healthz" in shown


def test_exports_are_quoted_for_the_shell(capsys: pytest.CaptureFixture[str]) -> None:
    _print({"segment": {"url": "http://x/?a=1&b=$HOME", "write_keys": {"web": "it's"}}}, Printing.ENV)

    lines = capsys.readouterr().out.splitlines()
    assert [shlex.split(line)[1] for line in lines] == [
        "SEGMENT_URL=http://x/?a=1&b=$HOME",
        "SEGMENT_WRITE_KEY_WEB=it's",
    ]
