from __future__ import annotations

import socket
import sys
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from simulator.network import LoopbackNetwork
from simulator.system_under_test import (
    BridgeUnusable,
    CommandBridge,
    InProcessBridge,
    RunningBridge,
    make_system_under_test,
)

if TYPE_CHECKING:
    from simulator.system_under_test import SystemUnderTest


def made(what: str) -> SystemUnderTest:
    return make_system_under_test(what, now=lambda: datetime(2026, 3, 2, tzinfo=UTC), random=Random(1))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class TestReading:
    @pytest.mark.parametrize(
        ("what", "kind", "is_real"),
        [
            ("", InProcessBridge, False),
            ("builtin", InProcessBridge, False),
            ("tests.support.bridges:real", InProcessBridge, False),
            ("http://127.0.0.1:8080/", RunningBridge, True),
            ("https://bridge.example", RunningBridge, True),
            ("python -m bridge", CommandBridge, True),
            ("./bridge", CommandBridge, True),
            ("C:/bridge --port:1", CommandBridge, True),
        ],
    )
    async def test_four_kinds_are_told_apart(self, what: str, kind: type, is_real: bool) -> None:  # noqa: FBT001
        bridge = made(what)

        assert isinstance(bridge, kind)
        assert bridge.needs_real_network is is_real
        assert await bridge.counts() == {}

    @pytest.mark.parametrize(
        ("what", "message"),
        [
            ("no_such_module:make", "--bridge no_such_module:make: cannot import `no_such_module`"),
            ("tests.support.bridges:nobody", "`tests.support.bridges` has no `nobody`; wanted a function"),
            ("tests.support.bridges:NO_FUNCTION", "`NO_FUNCTION` is no function"),
            ('python -m "bridge', "cannot be read as a command"),
            ("   ", "is empty"),
            ("http://", "wanted an address such as http://127.0.0.1:8080"),
            ("http://127.0.0.1:port", "wanted an address such as"),
            ("http://127.0.0.1:0", "wanted an address such as"),
            (
                "tests.support.broken_module:make",
                "cannot import `tests.support.broken_module`: ZeroDivisionError",
            ),
        ],
    )
    def test_what_is_none_of_them_is_refused(self, what: str, message: str) -> None:
        with pytest.raises(BridgeUnusable) as refusal:
            made(what)

        assert message in str(refusal.value)


class TestLoopback:
    """What lives outside the process is started and reached in real time."""

    @pytest.fixture
    def arm(self) -> str:
        return "loopback"

    async def test_an_in_process_bridge_is_served(self) -> None:
        network = LoopbackNetwork()
        bridge = made("tests.support.bridges:swallows")
        try:
            assert await bridge.start(network, {}) == network.url("bridge.test")
        finally:
            await bridge.stop()
            await network.close()

    async def test_an_address_where_nobody_listens_is_refused(self) -> None:
        url = f"http://127.0.0.1:{free_port()}"

        with pytest.raises(BridgeUnusable, match=f"--bridge {url}: nothing answers there .*; start it first"):
            await made(url).start(LoopbackNetwork(), {})

    async def test_an_address_that_is_up_is_taken_without_its_last_slash(self) -> None:
        network = LoopbackNetwork()
        inner = made("tests.support.bridges:swallows")
        url = await inner.start(network, {})
        try:
            bridge = made(f"{url}/")
            assert await bridge.start(network, {}) == url
            await bridge.stop()
        finally:
            await network.close()

    @pytest.mark.parametrize("name", ["fails_to_start", "NO_APP", "wants_more"])
    async def test_a_factory_that_does_not_come_up_is_refused(self, name: str) -> None:
        network = LoopbackNetwork()
        try:
            with pytest.raises(
                BridgeUnusable, match=f"--bridge tests.support.bridges:{name}: cannot be started: "
            ):
                await made(f"tests.support.bridges:{name}").start(network, {})
        finally:
            await network.close()

    @pytest.mark.parametrize(
        ("command", "message"),
        [
            ("./no-such-program", "cannot be started"),
            (f"{sys.executable} -c 'raise SystemExit(3)'", "ended with exit code 3"),
        ],
    )
    async def test_a_command_that_does_not_come_up_is_refused(self, command: str, message: str) -> None:
        with pytest.raises(BridgeUnusable, match=message):
            await made(command).start(LoopbackNetwork(), {})

    async def test_a_command_gets_settings_in_its_environment_and_is_stopped(self, tmp_path: Any) -> None:
        script = tmp_path / "bridge.py"
        script.write_text(
            "import http.server, os, pathlib\n"
            f"pathlib.Path({str(tmp_path / 'seen')!r}).write_text(os.environ['BRIDGE_KEYS'] + os.environ['BRIDGE_HOST'])\n"
            "class Answer(http.server.BaseHTTPRequestHandler):\n"
            "    def do_GET(self): self.send_response(204); self.end_headers()\n"
            "    def log_message(self, *_): pass\n"
            "http.server.HTTPServer(('127.0.0.1', int(os.environ['BRIDGE_PORT'])), Answer).serve_forever()\n"
        )
        bridge = made(f"{sys.executable} {script}")
        assert isinstance(bridge, CommandBridge)

        url = await bridge.start(LoopbackNetwork(), {"keys": ["a", "b"]})
        await bridge.stop()

        assert url.startswith("http://127.0.0.1:")
        assert (tmp_path / "seen").read_text() == "a,b127.0.0.1"
        assert bridge._process is not None
        assert bridge._process.returncode is not None
        await bridge.stop()  # once more does no harm
