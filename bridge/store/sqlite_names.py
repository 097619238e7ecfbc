"""Names of event types in use, on an SQLite connection inside a transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.store.records import Admission

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

__all__ = ["admit_names", "count_names"]


def admit_names(
    connection: sqlite3.Connection, destination: str, names: Sequence[str], *, limit: int, now_ms: int
) -> Admission:
    """Admit names, see `Store.admit_names`."""
    used = count_names(connection).get(destination, 0)
    admitted: set[str] = set()
    for name in names:
        found = connection.execute(
            "SELECT 1 FROM event_names WHERE destination = ? AND name = ?", (destination, name)
        ).fetchone()
        if found is None:
            if limit and used >= limit:
                continue
            connection.execute("INSERT INTO event_names VALUES (?, ?, ?)", (destination, name, now_ms))
            used += 1
        admitted.add(name)
    return Admission(frozenset(admitted), used)


def count_names(connection: sqlite3.Connection) -> dict[str, int]:
    """Count names, see `Store.count_names`."""
    rows = connection.execute(
        "SELECT destination, count(*) FROM event_names GROUP BY destination ORDER BY destination"
    )
    return dict(rows.fetchall())
