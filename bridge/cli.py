"""The command line: serve, explain a captured webhook, count."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from aiohttp import web

from bridge.app import Bridge
from bridge.commands import explain_command, settings_command
from bridge.configuration import shown
from bridge.errors import SettingsInvalid, StoreUnavailable
from bridge.logs import configure
from bridge.real_environment import RANDOM, now
from bridge.settings import Settings, table
from bridge.store import SqliteStore

if TYPE_CHECKING:
    from bridge.configuration import Row
    from bridge.store import Counts

__all__ = ["main"]

_BAD_INPUT: Final = 2


class _WithTable(click.Group):
    """A command whose help ends with every setting."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_epilog(ctx, formatter)
        with formatter.section("Settings (file, or environment variable)"):
            formatter.write_dl([(row.name, _described(row)) for row in table()])


def _described(row: Row) -> str:
    unit = f" {row.unit}" if row.unit else ""
    return f"{row.help} [{row.variable}; default: {shown(row, quote='')}{unit}]"


@click.group(cls=_WithTable, invoke_without_command=True)
@click.option("--settings", "file", type=click.Path(path_type=Path), help="TOML file with settings.")
@click.pass_context
def main(context: click.Context, file: Path | None) -> None:
    """Carry webhooks between e-mail and engagement vendors.

    Without a command the bridge is served until SIGTERM or Ctrl-C.

    Example: python -m bridge --settings bridge.toml
    """
    try:
        context.obj = Settings.load(file)
    except SettingsInvalid as error:
        for problem in error.problems:
            click.echo(f"error: {problem}", err=True)
        sys.exit(_BAD_INPUT)
    if context.invoked_subcommand is None:
        configure(context.obj)
        for line in Settings.misspelt_variables():
            click.echo(f"warning: {line}", err=True)
        sys.exit(asyncio.run(_serve(context.obj)))


main.add_command(explain_command)
main.add_command(settings_command)


@main.command("counts")
@click.pass_obj
def counts_command(settings: Settings) -> None:
    """Count what was accepted and what became of it; exit 1 when the two differ.

    Example: python -m bridge --settings bridge.toml counts
    """
    try:
        counts = asyncio.run(_count(settings))
    except StoreUnavailable as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(_BAD_INPUT)
    for name, number in counts.as_dict().items():
        click.echo(f"{name:12} {number:>10}")
    sys.exit(0 if counts.is_balanced else 1)


async def _count(settings: Settings) -> Counts:
    store = SqliteStore(settings.store_path)
    await store.open(is_serving=False)
    try:
        return await store.counts()
    finally:
        await store.close()


async def _serve(settings: Settings) -> int:
    """Serve until a signal, then stop without losing anything."""
    bridge = Bridge(settings, now=now, random=RANDOM)
    loop = asyncio.get_running_loop()
    is_over = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, is_over.set)
    try:
        await bridge.start()
    except StoreUnavailable as error:
        click.echo(f"error: store_path: {error}", err=True)
        return _BAD_INPUT
    # URLs hold secrets: no access log.
    runner = web.AppRunner(bridge.app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, settings.host, settings.port)
        await site.start()
    except OSError as error:
        await bridge.stop()
        await runner.cleanup()
        click.echo(
            f"error: host and port: cannot listen on {settings.host}:{settings.port}: {error.strerror}",
            err=True,
        )
        return _BAD_INPUT
    port = runner.addresses[0][1]
    click.echo(f"bridge listens on http://{settings.host}:{port}")
    sys.stdout.flush()
    await is_over.wait()
    await bridge.stop()
    await runner.cleanup()
    return 0
