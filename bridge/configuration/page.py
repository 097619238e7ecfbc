"""The table of settings for the reference page, and how a default is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.configuration.row import Row

__all__ = ["reference_table", "shown"]


def reference_table(rows: Sequence[Row]) -> str:
    """Write all settings as a table in Markdown."""
    lines = [
        "| Setting | Default | Unit | Meaning | Environment variable |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| `{row.name}` | {shown(row)} | {row.unit} | {_meaning(row)} | `{row.variable}` |" for row in rows
    ]
    return "\n".join(lines)


def shown(row: Row, *, quote: str = "`") -> str:
    """Show a default as people write it."""
    if row.default in ("", ()):
        return "none"
    text = str(row.default).lower() if row.type == "bool" else str(row.default)
    return f"{quote}{text}{quote}"


def _meaning(row: Row) -> str:
    notes = [row.help]
    if row.choices:
        notes.append(f"One of {', '.join(f'`{choice}`' for choice in row.choices)}.")
    if row.is_secret:
        notes.append("Secret.")
    if row.needs_restart:
        notes.append("*Restart.*")
    return " ".join(notes)
