"""Exchanges per second of a bare aiohttp client and server: the virtual loop beside TCP on loopback.

Run by hand: python benchmarks/network.py [exchanges]
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from typing import TYPE_CHECKING

from aiohttp import ClientSession, TCPConnector, web

from simulator.loop import LiveLoop, VirtualLoop, run
from simulator.network import LoopbackNetwork, Network, VirtualNetwork

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

PEOPLE = 50
ROUNDS = 3


async def echo(request: web.Request) -> web.Response:
    return web.Response(body=await request.read(), content_type="application/json")


async def measure(exchanges: int, *, keeps: bool) -> float:
    """Give exchanges per second, over kept connections or with a new one for each."""
    loop = asyncio.get_running_loop()
    network: Network = VirtualNetwork(loop) if isinstance(loop, VirtualLoop) else LoopbackNetwork()
    app = web.Application()
    app.router.add_post("/echo", echo)
    await network.serve(app, ["echo.test"])
    url = network.url("echo.test") + "/echo"
    async with ClientSession(connector=TCPConnector(force_close=not keeps)) as session:

        async def person(number: int) -> None:
            for _ in range(exchanges // PEOPLE):
                async with session.post(url, json={"person": number}) as response:
                    assert response.status == 200
                    await response.read()

        began = time.perf_counter()
        await asyncio.gather(*[person(number) for number in range(PEOPLE)])
        took_s = time.perf_counter() - began
    await network.close()
    return exchanges / took_s


def best(make: Callable[[], Coroutine[None, None, float]], loop: type[asyncio.AbstractEventLoop]) -> float:
    rates = []
    for _ in range(ROUNDS):
        gc.collect()
        rates.append(run(make(), loop_factory=loop))
    return max(rates)


def main() -> None:
    exchanges = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    loopback = best(lambda: measure(exchanges, keeps=True), LiveLoop)
    loopback_fresh = best(lambda: measure(exchanges, keeps=False), LiveLoop)
    kept = best(lambda: measure(exchanges, keeps=True), VirtualLoop)
    fresh = best(lambda: measure(exchanges, keeps=False), VirtualLoop)
    print(f"{'exchanges/s':<22} {'TCP loopback':>14} {'in memory':>14} {'ratio':>7}")
    print(f"{'kept connections':<22} {loopback:>14,.0f} {kept:>14,.0f} {kept / loopback:>7.2f}")
    print(
        f"{'a connection each':<22} {loopback_fresh:>14,.0f} {fresh:>14,.0f} {fresh / loopback_fresh:>7.2f}"
    )


if __name__ == "__main__":
    main()
