"""`routing`: the rows of the routing table as they would be used now, the shipped table, and the file's JSON Schema."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from bridge.routing import default_text, describe, load_table, table_schema

if TYPE_CHECKING:
    from bridge.settings import Settings

__all__ = ["routing_command"]


@click.command("routing")
@click.option(
    "--default", "is_default", is_flag=True, help="Print the shipped table, to begin one's own with."
)
@click.option("--schema", is_flag=True, help="Print the JSON Schema of the file, for editors.")
@click.pass_obj
def routing_command(settings: Settings, /, *, is_default: bool, schema: bool) -> None:
    """Show every row of the routing table as it would be used now; exit 2 when something is wrong with it.

    Example: python -m bridge --settings bridge.toml routing
    """
    if is_default:
        click.echo(default_text(), nl=False)
        return
    if schema:
        click.echo(json.dumps(table_schema(), indent=2))
        return
    for row in load_table(settings.routing_file).rows:
        click.echo(describe(row))
