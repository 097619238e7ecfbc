"""What a world is built to test: the bridge, in one of four kinds behind one small interface.

- the built-in bridge, in the same process and on the world's clock;
- a Python `module:factory` of the user's own, likewise;
- a command, started as a process with URLs and credentials in its environment;
- a URL where something is already up.

The last two are beyond the world's clock, so they need the live arm.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import os
import shlex
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlsplit

import aiohttp

from simulator.errors import SimulatorError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from random import Random

    from aiohttp import web

    from simulator.network import Network

__all__ = ["BRIDGE_HOST", "BridgeUnusable", "SystemUnderTest", "make_system_under_test"]

BRIDGE_HOST: Final = "bridge.test"
_STARTS_WITHIN_S: Final = 30.0


class BridgeUnusable(SimulatorError):
    """What was given as `--bridge` cannot be started or reached."""


class SystemUnderTest(Protocol):
    """A bridge that can be started and stopped.

    Attributes:
        needs_real_network: Whether it lives outside the process and so outside virtual time.
    """

    needs_real_network: bool

    async def start(self, network: Network, settings: Mapping[str, object]) -> str:
        """Start it with these settings; give its base URL.

        Args:
            network: Where an in-process bridge is served.
            settings: As in `docs/reference/bridge-settings.md`, by name.

        Raises:
            BridgeUnusable: It does not start.
        """
        ...

    async def stop(self) -> None:
        """Stop it as its operator would."""
        ...

    async def counts(self) -> Mapping[str, int]:
        """Say how many messages it accepted and what became of them; empty when it does not tell."""
        ...


class _Application(Protocol):
    """What a `module:factory` must return."""

    app: web.Application

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


def make_system_under_test(what: str, *, now: Callable[[], datetime], random: Random) -> SystemUnderTest:
    """Read `--bridge`: empty or `builtin`, `module:factory`, `http://…`, or a command.

    Raises:
        BridgeUnusable: It is none of these.
    """
    if what in ("", "builtin"):
        return InProcessBridge(_built_in, now=now, random=random)
    if what.startswith(("http://", "https://")):
        return RunningBridge(_check_url(what))
    module, colon, name = what.partition(":")
    if (
        colon
        and " " not in what
        and all(part.isidentifier() for part in module.split("."))
        and name.isidentifier()
    ):
        return InProcessBridge(_load_factory(module, name), now=now, random=random, name=what)
    return CommandBridge(_split_command(what))


def _built_in(settings: Mapping[str, object], *, now: Callable[[], datetime], random: Random) -> _Application:
    from bridge import Bridge, Settings  # noqa: PLC0415 - only worlds that use it pay for loading it

    return Bridge(Settings.from_mapping(settings), now=now, random=random)


def _load_factory(module: str, name: str) -> Callable[..., _Application]:
    wanted = (
        "wanted a function (settings, *, now, random) that returns an object with `app`, `start` and `stop`"
    )
    if "" not in sys.path:
        sys.path.insert(0, "")  # as `python -m` does: the user's module lies where they stand
    try:
        factory = getattr(importlib.import_module(module), name)
    except AttributeError:
        raise BridgeUnusable(f"--bridge {module}:{name}: `{module}` has no `{name}`; {wanted}") from None
    except Exception as error:  # whatever somebody else's module raises, it cannot be used
        reason = str(error) if isinstance(error, ImportError) else f"{type(error).__name__}: {error}"
        raise BridgeUnusable(f"--bridge {module}:{name}: cannot import `{module}`: {reason}") from error
    if not callable(factory):
        raise BridgeUnusable(f"--bridge {module}:{name}: `{name}` is no function; {wanted}")
    made: Callable[..., _Application] = factory
    return made


async def _start_or_stop(bridge: _Application) -> None:
    """Start a bridge; one that is interrupted on the way, or fails, is stopped."""
    try:
        await bridge.start()
    except BaseException:
        with suppress(Exception):  # the reason why it did not start is the one to tell
            await bridge.stop()
        raise


def _check_url(url: str) -> str:
    parts = urlsplit(url)
    try:
        if parts.hostname and parts.port != 0:
            return url.rstrip("/")
    except ValueError:
        pass  # a port that is no number; told below
    raise BridgeUnusable(f"--bridge {url}: wanted an address such as http://127.0.0.1:8080")


def _split_command(what: str) -> list[str]:
    try:
        command = shlex.split(what)
    except ValueError as error:
        raise BridgeUnusable(f"--bridge {what}: cannot be read as a command: {error}") from None
    if not command:
        raise BridgeUnusable("--bridge: is empty; wanted builtin, MODULE:FACTORY, a command, or a URL")
    return command


@dataclass
class InProcessBridge:
    """A bridge in this process, served on the world's network and living on its clock."""

    factory: Callable[..., Any]
    now: Callable[[], datetime]
    random: Random
    name: str = "builtin"
    needs_real_network: bool = False
    _running: Any = None

    async def start(self, network: Network, settings: Mapping[str, object]) -> str:
        """Make it, serve it, start it."""
        try:
            running = self.factory(settings, now=self.now, random=self.random)
            await network.serve(running.app, [BRIDGE_HOST])
            await _start_or_stop(running)
        except SimulatorError:
            raise  # the network's own; it says what is wrong
        except Exception as error:  # whatever somebody else's bridge raises, it cannot be used
            reason = f"{type(error).__name__}: {error}"
            raise BridgeUnusable(f"--bridge {self.name}: cannot be started: {reason}") from error
        self._running = running
        return network.url(BRIDGE_HOST)

    async def stop(self) -> None:
        """Stop it gracefully."""
        if self._running is not None:
            await self._running.stop()

    async def counts(self) -> Mapping[str, int]:
        """Ask it, when it can tell."""
        tell = getattr(self._running, "counts", None)
        told = tell() if tell else {}
        return dict(await told if inspect.isawaitable(told) else told)


@dataclass
class RunningBridge:
    """A bridge that somebody else runs; its operator gives it the URLs and credentials that `serve --env` prints."""

    url: str
    needs_real_network: bool = True

    async def start(self, network: Network, settings: Mapping[str, object]) -> str:  # noqa: ARG002 - it has its own
        """Check that something listens there."""
        parts = urlsplit(self.url)
        try:
            async with asyncio.timeout(5):
                default = 443 if parts.scheme == "https" else 80
                _, writer = await asyncio.open_connection(parts.hostname, parts.port or default)
                writer.close()
        except (OSError, TimeoutError) as error:
            raise BridgeUnusable(
                f"--bridge {self.url}: nothing answers there ({error}); start it first"
            ) from error
        return self.url

    async def stop(self) -> None:
        """Leave it running."""

    async def counts(self) -> Mapping[str, int]:
        """It does not tell."""
        return {}


@dataclass
class CommandBridge:
    """A bridge that is a command: started with `BRIDGE_…` in its environment, ended with SIGTERM."""

    command: list[str]
    needs_real_network: bool = True
    _process: asyncio.subprocess.Process | None = None

    async def start(self, network: Network, settings: Mapping[str, object]) -> str:  # noqa: ARG002 - it serves itself
        """Start the process and wait until its port answers."""
        port = _free_port()
        environment = {
            **os.environ,
            **{f"BRIDGE_{key.upper()}": _text(value) for key, value in settings.items()},
        }
        environment |= {"BRIDGE_HOST": "127.0.0.1", "BRIDGE_PORT": str(port)}
        try:
            self._process = await asyncio.create_subprocess_exec(*self.command, env=environment)
        except OSError as error:
            raise BridgeUnusable(
                f"--bridge {shlex.join(self.command)}: cannot be started: {error}"
            ) from error
        url = f"http://127.0.0.1:{port}"
        try:
            await self._wait_until_up(url)
        except BaseException:
            await self.stop()  # Ctrl-C while waiting must not leave the process behind
            raise
        return url

    async def _wait_until_up(self, url: str) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _STARTS_WITHIN_S
        async with aiohttp.ClientSession() as session:
            while True:
                if self._process is None or self._process.returncode is not None:
                    code = self._process.returncode if self._process else None
                    raise BridgeUnusable(f"--bridge {shlex.join(self.command)}: ended with exit code {code}")
                try:
                    async with session.get(f"{url}/healthz"):
                        return
                except aiohttp.ClientError:
                    if loop.time() > deadline:
                        raise BridgeUnusable(
                            f"--bridge {shlex.join(self.command)}: nothing answers at {url} within "
                            f"{_STARTS_WITHIN_S:.0f} s; it must listen on $BRIDGE_HOST:$BRIDGE_PORT"
                        ) from None
                    await asyncio.sleep(0.1)

    async def stop(self) -> None:
        """Ask it to end; insist after ten seconds."""
        if self._process is None or self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            async with asyncio.timeout(10):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def counts(self) -> Mapping[str, int]:
        """It does not tell."""
        return {}


def _free_port() -> int:
    import socket  # noqa: PLC0415 - only this kind needs it

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _text(value: object) -> str:
    return ",".join(str(item) for item in value) if isinstance(value, list | tuple) else str(value)
