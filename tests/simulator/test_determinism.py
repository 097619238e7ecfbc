"""Same seed, same trace, whatever Python's hash seed; another seed, another trace."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Five people play ping-pong with a server for two days: seeded waits, a shared client, time-outs, a name that is
# not there.
PROGRAM = """
import asyncio, hashlib, random, sys
import aiohttp
from aiohttp import web
from simulator.loop import VirtualLoop, run
from simulator.network import VirtualNetwork, acting_as

seed = int(sys.argv[1])
trace = []

async def ping(request):
    caller = request.transport.get_extra_info("peername")
    await asyncio.sleep(random.Random(f"{seed}/{request.path}").expovariate(1))
    trace.append((asyncio.get_running_loop().time(), request.path, caller))
    return web.json_response({"pong": request.path})

async def person(name, session):
    chance = random.Random(f"{seed}/{name}")
    loop = asyncio.get_running_loop()
    with acting_as(name):
        for turn in range(20):
            await asyncio.sleep(chance.expovariate(1 / 8640))
            host = "pong.test" if chance.random() < 0.9 else "nowhere.test"
            try:
                async with asyncio.timeout(3), session.get(f"https://{host}/{name}/{turn}") as response:
                    said = await response.text()
            except (aiohttp.ClientConnectorError, TimeoutError) as error:
                said = type(error).__name__
            trace.append((loop.time(), name, said))

async def main():
    app = web.Application()
    app.router.add_get("/{path:.*}", ping)
    network = VirtualNetwork(asyncio.get_running_loop())
    await network.serve(app, ["pong.test"])
    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*[person(name, session) for name in ("asha", "ravi", "mei", "tom", "zoe")])
    await network.close()

run(main(), loop_factory=lambda: VirtualLoop(latency_s=0.01))
print(len(trace), hashlib.sha256(repr(trace).encode()).hexdigest())
"""


def play(seed: int, *, hash_seed: int) -> str:
    result = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", PROGRAM, str(seed)],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": str(hash_seed)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert result.stderr == ""  # no resource left open, no exception nobody took
    return result.stdout


@pytest.mark.slow
def test_same_seed_gives_the_same_trace_in_fresh_processes_and_another_does_not() -> None:
    first, second, other = play(7, hash_seed=1), play(7, hash_seed=2), play(8, hash_seed=1)

    assert int(first.split()[0]) > 150
    assert first == second
    assert first != other
