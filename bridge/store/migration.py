"""The numbered SQL scripts that bring a store's schema up to date."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

__all__ = ["Migration", "migrations"]


@dataclass(frozen=True, slots=True)
class Migration:
    """One script; a schema remembers the number of the last that it has seen."""

    number: int
    name: str
    script: str


def migrations(dialect: str) -> tuple[Migration, ...]:
    """Give the scripts for `sqlite` or `postgres`, in order."""
    folder = files("bridge.store").joinpath("migrations", dialect)
    found = [
        Migration(int(entry.name.partition("_")[0]), entry.name, entry.read_text(encoding="utf-8"))
        for entry in folder.iterdir()
        if entry.name.endswith(".sql")
    ]
    return tuple(sorted(found, key=lambda each: each.number))
