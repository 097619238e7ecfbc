"""Writes a journal as JSON Lines, one entry a line, and reads it back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from simulator.errors import SimulatorError
from simulator.reports.records import record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from simulator.journal import Journal

__all__ = ["UnreadableJournal", "read_json_lines", "write_json_lines"]


class UnreadableJournal(SimulatorError):
    """A line of a journal file is not an entry.

    Attributes:
        path: The file.
        line: Which line, from 1.
    """

    def __init__(self, path: Path, line: int, reason: str) -> None:
        super().__init__(f"{path}:{line}: {reason}; wanted one JSON object with id, kind and at")
        self.path = path
        self.line = line


def write_json_lines(journal: Journal, path: Path) -> int:
    """Write every entry, lowest id first, and give how many there were.

    Equal runs give equal bytes: keys keep their order, and nothing depends on the machine or the day.
    """
    written = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for entry in journal:
            line = json.dumps(record(journal, entry), ensure_ascii=False, separators=(",", ":"))
            # A lone surrogate (JSON may smuggle one in) cannot be written as UTF-8; its escape can.
            file.write(line.encode("utf-8", "backslashreplace").decode("utf-8") + "\n")
            written += 1
    return written


def read_json_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Read the entries of a journal file, one at a time; see `records.record` for their shape.

    Raises:
        UnreadableJournal: A line is not an entry.
    """
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                found = json.loads(line)
            except ValueError as error:
                raise UnreadableJournal(path, number, f"no JSON ({error})") from error
            if not isinstance(found, dict) or not {"id", "kind", "at"} <= found.keys():
                raise UnreadableJournal(path, number, "no journal entry")
            yield found
