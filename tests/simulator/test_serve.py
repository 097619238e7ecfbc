from __future__ import annotations

import asyncio
import itertools
import shlex
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import ClientSession

from simulator.loop import VirtualLoop
from simulator.network import LoopbackNetwork, VirtualNetwork
from simulator.scenario_reader import read_scenario
from simulator.serve import ACCOUNTS, Printing, _print, credentials
from simulator.world import World
from tests.support.stories import RECEIPT, scenario_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from simulator.journal import Entry
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


@pytest.mark.parametrize("arm", ["virtual", "loopback"])
@pytest.mark.parametrize("is_open_house", [True, False])
async def test_whoever_calls_is_told_apart_from_the_bridge_where_anybody_may(
    arm: str, *, is_open_house: bool
) -> None:
    """The bridge answers a mail's webhook by a call to Segment; a stranger calls the same fake, plainly and by chunks."""
    loop = asyncio.get_running_loop()
    network = VirtualNetwork(loop) if isinstance(loop, VirtualLoop) else LoopbackNetwork()
    scenario = read_scenario(ACCOUNTS, "accounts of serve")
    async with World(scenario, seed=1, network=network, is_open_house=is_open_house) as world:
        found, journal = credentials(world), world.journal
        async with ClientSession() as session:
            mailmodo, headers = found["mailmodo"]["url"], {"mmApiKey": found["mailmodo"]["api_key"]}
            contact = {"email": "ada@example.com"}
            plain = await session.post(
                f"{mailmodo}/api/v1/addToList", json={"listName": "a", **contact}, headers=headers
            )
            chunked = await session.post(
                f"{mailmodo}/api/v1/addToList",
                data=_in_chunks(b'{"listName": "b", "email": "ada@example.com"}'),
                headers={**headers, "Content-Type": "application/json"},
            )
            segment, key = found["segment"]["url"], found["segment"]["write_keys"]["web"]
            identify = {"userId": "u1", "traits": contact, "writeKey": key}
            told = await session.post(f"{segment}/v1/identify", json=identify)
            async with asyncio.timeout(10):
                await journal.wait_for(_is_third_call_to_mailmodo())

    assert [plain.status, chunked.status, told.status] == [200, 200, 200]
    stranger = "client" if is_open_house else "bridge"
    lists = [call.sender for call in journal.exchanges(operation="addToList")]
    assert lists == [stranger, stranger, "bridge"]
    assert {call.sender for call in journal.exchanges(operation="identify", kind="operation")} == {stranger}


def _is_third_call_to_mailmodo() -> Callable[[Entry], bool]:
    numbers = itertools.count(1)

    def is_third(entry: Entry) -> bool:
        return getattr(entry.payload, "operation", "") == "addToList" and next(numbers) == 3

    return is_third


async def _in_chunks(body: bytes) -> AsyncIterator[bytes]:
    yield body[:5]
    yield body[5:]


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
