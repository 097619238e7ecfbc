"""The command line: serve, explain a captured webhook, count."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from aiohttp import web

from bridge.app import Bridge
from bridge.destinations import make_destinations
from bridge.engagement import SourceName
from bridge.errors import SettingsInvalid, StoreUnavailable, UnsupportedCall
from bridge.ingest import make_intakes, read_pieces
from bridge.real_environment import RANDOM, now
from bridge.routing import Router, explain
from bridge.settings import Settings, table
from bridge.sources import Incoming, make_sources
from bridge.store import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.store import Counts

__all__ = ["main"]

_BAD_INPUT: Final = 2


class _WithTable(click.Group):
    """A command whose help ends with every setting."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_epilog(ctx, formatter)
        with formatter.section("Settings (file, or environment variable)"):
            formatter.write_dl([(row.name, _described(row)) for row in table()])


def _described(row: Any) -> str:
    default = "none" if row.default in ("", ()) else f"{row.default}{f' {row.unit}' if row.unit else ''}"
    return f"{row.help} [{row.variable}; default: {default}]"


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
        click.echo(f"error: {error}", err=True)
        sys.exit(_BAD_INPUT)
    if context.invoked_subcommand is None:
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
        sys.exit(asyncio.run(_serve(context.obj)))


@main.command("explain")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--source", type=click.Choice([str(name) for name in SourceName]), help="Who sent it; else guessed."
)
@click.option(
    "--campaign", default="CAMPAIGN", show_default=True, help="The campaign in a CleverTap webhook's URL."
)
@click.option("--user", default="", help="Pretend that Segment identified every address as this user.")
@click.pass_obj
def explain_command(settings: Settings, file: Path, source: str | None, campaign: str, user: str) -> None:
    """Show which rows of the routing table match a captured webhook, and the calls that they make.

    Example: python -m bridge explain captured.json --source mailmodo --user u-1
    """
    body = file.read_bytes()
    name = SourceName(source) if source else _guess(body)
    reader = make_sources(settings)[name]
    incoming = Incoming(headers={}, body=body, received_at=now(), where=campaign)
    # Destinations without credentials are explained too: the question is what the table says.
    router = Router(settings, (*make_destinations(settings), "clevertap", "mailmodo", *_SEGMENT))
    try:
        readings = read_pieces(reader, incoming)
    except UnsupportedCall as error:
        click.echo(f"answered 501: {error}")
        return
    for intake in make_intakes(reader, incoming, readings):
        for line in explain(router, intake, _Pretended(user)):
            click.echo(line)


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


_SEGMENT: Final = tuple(f"segment/{name}" for name in SourceName)


class _Pretended:
    """Identities for an explanation: everybody is the same user, or nobody is known."""

    def __init__(self, user: str) -> None:
        self._user = user

    def user_of(self, email: str) -> str | None:
        return self._user if self._user and email else None

    def address_of(self, user_id: str) -> str | None:
        return f"{user_id}@example.com" if self._user else None


def _guess(body: bytes) -> SourceName:
    """Guess who sent a body from the fields that only one of them has."""
    try:
        data = json.loads(body)
    except ValueError:
        return SourceName.CLEVERTAP
    first = data[0] if isinstance(data, list) and data else data
    fields = first if isinstance(first, dict) else {}
    marks: tuple[tuple[SourceName, Callable[[dict[str, Any]], bool]], ...] = (
        (SourceName.MAILMODO, lambda fields: "occurred_at" in fields),
        (SourceName.CUSTOMERIO, lambda fields: "metric" in fields or "event_type" in fields),
        (SourceName.MAILJET, lambda fields: "event" in fields and "time" in fields),
        (SourceName.SEGMENT, lambda fields: "type" in fields and "messageId" in fields),
    )
    return next((name for name, fits in marks if fits(fields)), SourceName.CLEVERTAP)


async def _count(settings: Settings) -> Counts:
    store = SqliteStore(settings.store_path)
    await store.open()
    try:
        return store.counts()
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
