"""The command line: serve, or ask and decide what an operator asks and decides."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from bridge.commands import COMMANDS
from bridge.configuration import shown
from bridge.errors import SettingsInvalid
from bridge.logs import configure
from bridge.service import serve
from bridge.settings import Settings, table

if TYPE_CHECKING:
    from bridge.configuration import Row

__all__ = ["main"]

_BAD_INPUT: Final = 2


class _WithTable(click.Group):
    """A command whose help ends with every setting, and which tells what is wrong with them."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run it; what is wrong with settings or the routing table is said, and ends it with code 2."""
        try:
            return super().invoke(ctx)
        except SettingsInvalid as error:
            for problem in error.problems:
                click.echo(f"error: {problem}", err=True)
            sys.exit(_BAD_INPUT)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_epilog(ctx, formatter)
        with formatter.section("Settings (file, or environment variable)"):
            formatter.write_dl([(row.name, _described(row)) for row in table()])


def _described(row: Row) -> str:
    unit = f" {row.unit}" if row.unit else ""
    return f"{row.help} [{row.variable}; default: {shown(row, quote='')}{unit}]"


@click.group(
    cls=_WithTable,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "--settings",
    "file",
    type=click.Path(path_type=Path),
    envvar="BRIDGE_SETTINGS",
    help="TOML file with settings.  [env: BRIDGE_SETTINGS]",
)
@click.pass_context
def main(context: click.Context, file: Path | None) -> None:
    """Carry webhooks between e-mail and engagement vendors.

    Without a command the bridge is served until SIGTERM or Ctrl-C; SIGHUP makes it read its settings again. Exit
    codes: 0 well, 1 something asks for attention, 2 bad input or nobody to ask.

    Example: python -m bridge --settings bridge.toml
    """
    context.obj = Settings.load(file)
    if context.invoked_subcommand is None:
        configure(context.obj)
        for line in Settings.misspelt_variables():
            click.echo(f"warning: {line}", err=True)
        sys.exit(asyncio.run(serve(context.obj, read_again=lambda: Settings.load(file))))


for _command in COMMANDS:
    main.add_command(_command)
