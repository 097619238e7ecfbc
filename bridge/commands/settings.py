"""`settings`: every setting as it would be used now, and the JSON Schema of the settings file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from bridge.configuration import file_schema
from bridge.settings import table

if TYPE_CHECKING:
    from bridge.configuration import Row
    from bridge.settings import Settings

__all__ = ["settings_command"]


@click.command("settings")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of the file, for editors.")
@click.pass_obj
def settings_command(settings: Settings, /, *, schema: bool) -> None:
    """Show every setting as it would be used now; a secret is never shown.

    Example: python -m bridge --settings bridge.toml settings
    """
    if schema:
        click.echo(json.dumps(file_schema(table()), indent=2))
        return
    for row in table():
        click.echo(f"{row.name:32} {_value(row, getattr(settings, row.name))}")


def _value(row: Row, value: Any) -> str:
    if value in ("", ()):
        return "none"
    if row.is_secret:
        return "a secret" if isinstance(value, str) else f"{len(value)} secrets"
    text = str(value).lower() if row.type == "bool" else str(value)
    return f"{text} {row.unit}".rstrip()
