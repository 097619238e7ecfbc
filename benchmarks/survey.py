"""The survey journey beside bare aiohttp, on the same virtual loop and in the same run.

    python benchmarks/survey.py

Prints how long the 200-person scenario takes with contracts, journal and ledger on, how many exchanges a second
that is, and how many a bare aiohttp client and server manage that only pass the same number of small JSON bodies.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from pathlib import Path

import aiohttp
from aiohttp import web
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent.parent))

from simulator.loop import VirtualLoop, run
from simulator.network import VirtualNetwork
from simulator.run import Options, play_scenario
from simulator.scenario_reader import load_scenario

ROUNDS = 5
CLIENTS = 8


def survey() -> tuple[float, int]:
    """Play the scenario once; give seconds and exchanges."""
    scenario = load_scenario(Path(__file__).parent.parent / "scenarios" / "survey_follow_up.yaml")
    began = time.perf_counter()
    result = play_scenario(scenario, Options())
    assert result.is_kept
    return time.perf_counter() - began, result.exchanges


def bare(exchanges: int) -> float:
    """Pass as many small JSON bodies through aiohttp alone; give seconds."""

    async def answer(request: web.Request) -> web.Response:
        await request.json()
        return web.json_response({"success": True})

    async def main() -> float:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        network = VirtualNetwork(loop)
        network.set_latency(Options().latency_s)
        app = web.Application()
        app.router.add_post("/", answer)
        await network.serve(app, ["bare.test"])
        async with aiohttp.ClientSession() as session:

            async def client(count: int) -> None:
                for number in range(count):
                    async with session.post("https://bare.test/", json={"number": number}) as response:
                        await response.json()

            began = time.perf_counter()
            await asyncio.gather(*(client(exchanges // CLIENTS) for _ in range(CLIENTS)))
            spent = time.perf_counter() - began
        await network.close()
        return spent

    return run(main(), loop_factory=VirtualLoop)


def main() -> None:
    """Measure alternately, so that a busy machine slows both, and print medians."""
    survey()
    journeys, bares, exchanges = [], [], 0
    for _ in range(ROUNDS):
        spent, exchanges = survey()
        journeys.append(spent)
        bares.append(bare(exchanges))
    journey_s, bare_s = statistics.median(journeys), statistics.median(bares)
    table = Table(title=f"survey_follow_up.yaml, {exchanges:,} exchanges, median of {ROUNDS} rounds")
    for column in ("what", "seconds", "exchanges/s", "ratio"):
        table.add_column(column, justify="left" if column == "what" else "right")
    table.add_row(
        "the journey, everything on",
        f"{journey_s:.2f}",
        f"{exchanges / journey_s:,.0f}",
        f"{bare_s / journey_s:.2f}",
    )
    table.add_row("bare aiohttp client and server", f"{bare_s:.2f}", f"{exchanges / bare_s:,.0f}", "1.00")
    Console().print(table)


if __name__ == "__main__":
    main()
