"""Coroutine tests run on a loop of their own: virtual time unless the test asks for `arm` with real sockets."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING

import pytest

from simulator.loop import VirtualLoop

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def arm() -> str:
    """Which network a test runs on: `virtual`, or `loopback` where a test parametrises it."""
    return "virtual"


@pytest.fixture
def loop(arm: str) -> Iterator[asyncio.AbstractEventLoop]:
    made: asyncio.AbstractEventLoop = VirtualLoop() if arm == "virtual" else asyncio.new_event_loop()
    yield made
    made.close()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    loop = pyfuncitem.funcargs["loop"]
    assert isinstance(loop, asyncio.AbstractEventLoop)
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    try:
        loop.run_until_complete(pyfuncitem.obj(**arguments))
    finally:
        loop.run_until_complete(_cancel_leftovers())
        loop.run_until_complete(loop.shutdown_asyncgens())
    return True


async def _cancel_leftovers() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj) and "loop" not in item.fixturenames:
            item.fixturenames.append("loop")
