"""The bridge as a process: it listens, takes up new settings at SIGHUP, and ends without losing anything at SIGTERM."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from typing import TYPE_CHECKING, Final

import click
from aiohttp import web

from bridge.app import Bridge
from bridge.errors import ExtraMissing, SettingsInvalid, StoreUnavailable
from bridge.logs import configure
from bridge.real_environment import RANDOM, now
from bridge.routing import load_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.settings import Settings

__all__ = ["serve"]

_log: Final = logging.getLogger("bridge")
_BAD_INPUT: Final = 2


async def serve(settings: Settings, *, read_again: Callable[[], Settings]) -> int:
    """Serve until SIGTERM or Ctrl-C, and give the exit code.

    Args:
        settings: What the bridge is told.
        read_again: Reads the settings anew, at SIGHUP.
    """
    is_over = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, is_over.set)
    try:
        bridge = Bridge(settings, now=now, random=RANDOM)
        await bridge.start()
    except ExtraMissing as error:
        return _fail(f"tracing: {error}")
    except StoreUnavailable as error:
        return _fail(f"store: {error}")
    # URLs hold secrets: no access log. A request whose body never ends is cut off by the stop itself.
    runner = web.AppRunner(bridge.app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, settings.host, settings.port)
        await site.start()
    except OSError as error:
        await bridge.stop()
        await runner.cleanup()
        return _fail(
            f"host and port: cannot listen on {settings.host}:{settings.port}: {error.strerror or error}"
        )
    reload = asyncio.Event()
    loop.add_signal_handler(signal.SIGHUP, reload.set)
    reloading = loop.create_task(_reload_whenever(reload, bridge, read_again), name="bridge: reload")
    port = runner.addresses[0][1]
    click.echo(f"bridge listens on http://{settings.host}:{port}")
    sys.stdout.flush()
    _log.info("the bridge takes webhooks", extra={"host": settings.host, "port": port})
    await is_over.wait()
    _log.info("the bridge stops: it refuses webhooks and finishes what is in flight")
    reloading.cancel()
    # It listens on while it stops, so that vendors hear 503 and when to come back.
    await bridge.stop()
    await runner.cleanup()
    _log.info("the bridge has stopped")
    return 0


async def _reload_whenever(asked: asyncio.Event, bridge: Bridge, read_again: Callable[[], Settings]) -> None:
    """Take up new settings each time they are asked for; wrong ones change nothing."""
    while True:
        await asked.wait()
        asked.clear()
        try:
            settings = read_again()
            # What is wrong with it is told before anything is taken up. To compile it takes longer than a webhook
            # should wait, so that it is done beside; the reload finds it done.
            await asyncio.to_thread(load_table, settings.routing_file)
            configure(settings)
            await bridge.reload(settings)
        except SettingsInvalid as error:
            problems = [str(problem) for problem in error.problems]
            for problem in problems:
                _log.error("settings are wrong, and stay as they were", extra={"problem": problem})
            bridge.refuse_reload(*problems)
        except Exception as error:  # noqa: BLE001 - a reload that fails in any other way must not be the last
            _log.exception("settings could not be read again, and stay as they were")
            bridge.refuse_reload(f"they could not be read: {type(error).__name__}; see the log")


def _fail(message: str) -> int:
    click.echo(f"error: {message}", err=True)
    return _BAD_INPUT
