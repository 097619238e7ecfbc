"""Coroutine tests run on a loop of their own: virtual time, unless the test's `arm` is another."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING

import pytest

from simulator.loop import LiveLoop, VirtualLoop, run
from tests.support.proving import unheld, unproved, watched

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

_PROXY_VARIABLES = ("all_proxy", "http_proxy", "https_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep clients from going through the machine's proxy: httpx and requests read it from the environment."""
    for name in _PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def arm() -> str:
    """Which network a test runs on: `virtual`, or `loopback` where a test or folder overrides this."""
    return "virtual"


@pytest.fixture
def loop(arm: str) -> Iterator[asyncio.AbstractEventLoop]:
    """The loop a coroutine test runs on; every one of them gets it, asked for or not."""
    made = VirtualLoop() if arm == "virtual" else LiveLoop()
    yield made
    made.close()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a coroutine test on its loop; leave other tests to pytest."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    loop = pyfuncitem.funcargs["loop"]
    assert isinstance(loop, asyncio.AbstractEventLoop)
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    run(pyfuncitem.obj(**arguments), loop_factory=lambda: loop)
    return True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every coroutine test the `loop` fixture."""
    for item in items:
        if (
            isinstance(item, pytest.Function)
            and inspect.iscoroutinefunction(item.obj)
            and "loop" not in item.fixturenames
        ):
            item.fixturenames.append("loop")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Fail a test that has passed without having done what its marks say: `proves`, `answers` and `bounds`."""
    marks = [mark.args for mark in item.iter_markers("proves")]
    holding = [mark for name in ("answers", "bounds") for mark in item.iter_markers(name)]
    if not marks and not holding:
        return (yield)
    with watched() as seen:
        yield
    if wrong := unheld(holding, seen):
        pytest.fail("; ".join(wrong))
    missing = [f"{vendor} {name}" for vendor, *names in marks for name in unproved(vendor, names, seen)]
    if missing:
        pytest.fail(f"marked to prove what it did not do, or not without a refusal: {', '.join(missing)}")
    return None
