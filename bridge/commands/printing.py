"""How answers are printed: tables for people, JSON for scripts."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Final

import click
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["count", "print_json", "print_table", "quantity", "span"]

_WIDTH: Final = 120
"""Of what is not printed to a terminal."""
_UNITS: Final = ((86_400, "d"), (3600, "h"), (60, "min"))


def print_json(value: object) -> None:
    """Print a value as JSON, for scripts."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(
    columns: Sequence[tuple[str, bool]], rows: Iterable[tuple[Sequence[object], str]], *, indent: int = 2
) -> None:
    """Print a table.

    Args:
        columns: Headings, and whether numbers stand below.
        rows: Cells, and the style of the row.
        indent: Spaces to the left.
    """
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for heading, is_number in columns:
        is_last = heading == columns[-1][0]
        table.add_column(
            heading, justify="right" if is_number else "left", overflow="fold", no_wrap=not is_last
        )
    for cells, style in rows:
        table.add_row(*[_cell(cell) for cell in cells], style=style)
    console = Console(file=sys.stdout, highlight=False, markup=False)
    if not console.is_terminal:
        console = Console(file=sys.stdout, highlight=False, markup=False, width=_WIDTH)
    with console.capture() as capture:
        console.print(table)
    for line in capture.get().splitlines():
        click.echo((" " * indent + line).rstrip())


def span(seconds: float | None) -> str:
    """Say how long something is, in its largest unit."""
    if seconds is None:
        return "·"
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"


def count(number: int) -> str:
    """Write a number with thousands apart; a point for none, so that what is there stands out."""
    return f"{number:,}" if number else "·"


def quantity(number: int, one: str, many: str = "") -> str:
    """Write a number with its noun."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _cell(value: Any) -> str:
    return count(value) if isinstance(value, int) and not isinstance(value, bool) else str(value)
