"""Keeps the entries of a journal: the latest in memory, older ones in a temporary file."""

from __future__ import annotations

import os
import pickle
import tempfile
from array import array
from dataclasses import fields
from operator import attrgetter
from typing import IO, TYPE_CHECKING, Any, Final

from fakes.kit.exchange import Exchange, Fact
from simulator.entry import Entry, EntryKind, Note, Step

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Spool"]

_ABSENT: Final = -1
_BATCH: Final = 64
_READ_BATCHES: Final = 16

# Packed as plain tuples: pickling a slotted dataclass itself takes four times as long.

_STEP: Final = tuple(field.name for field in fields(Step))
_NOTE: Final = tuple(field.name for field in fields(Note))
_VALUES: Final[dict[type, tuple[int, Any]]] = {
    Exchange: (0, tuple),
    Fact: (1, tuple),
    Step: (2, attrgetter(*_STEP)),
    Note: (3, attrgetter(*_NOTE)),
}
_MAKERS: Final[tuple[Any, ...]] = (
    Exchange._make,
    Fact._make,
    lambda values: Step(**dict(zip(_STEP, values, strict=True))),
    lambda values: Note(**dict(zip(_NOTE, values, strict=True))),
)


class Spool:
    """Entries by number, bounded in memory.

    Past `memory_entries` the oldest ones go to a file, a batch at a time: what the entries of a batch share, such as
    names and headers, is written once. An entry then costs the file's bytes and 8 bytes of memory. The file has no
    name, only this process can read it, and it is gone once it is closed or the process ends.
    """

    def __init__(self, memory_entries: int) -> None:
        self._memory_entries = memory_entries
        self._recent: dict[int, Entry] = {}
        self._offsets = array("q")
        self._file: IO[bytes] | None = None
        self._end = 0
        self._read_batches: dict[int, dict[int, Entry]] = {}
        self.count = 0

    @property
    def spooled(self) -> int:
        """How many entries are in the file."""
        return self.count - len(self._recent)

    def put(self, number: int, entry: Entry) -> None:
        """Keep an entry under its number, counted from 1."""
        self._recent[number] = entry
        self.count += 1
        if len(self._recent) > self._memory_entries:
            self._write()

    def __contains__(self, number: int) -> bool:
        """Whether there is an entry with this number (yet)."""
        return number in self._recent or self._offset(number) != _ABSENT

    def get(self, number: int) -> Entry | None:
        """Give the entry with this number; None when there is none (yet)."""
        found = self._recent.get(number)
        if found is not None:
            return found
        offset = self._offset(number)
        return None if offset == _ABSENT else self._read(offset)[number]

    def numbers(self) -> Iterator[int]:
        """Give the number of every entry, lowest first; those put meanwhile may or may not be among them."""
        highest = max(self._recent, default=0)
        for number in range(1, max(highest + 1, len(self._offsets))):
            if number in self:
                yield number

    def close(self) -> None:
        """Remove the file; entries in it can no longer be read."""
        if self._file is not None:
            self._file.close()
            self._file = None
        self._offsets = array("q")
        self._read_batches.clear()

    def _offset(self, number: int) -> int:
        return self._offsets[number] if 0 <= number < len(self._offsets) else _ABSENT

    def _write(self) -> None:
        """Move the oldest entries to the file: those first put, as a dictionary keeps them."""
        if self._file is None:
            # Unbuffered: a batch is a piece worth writing, and it can be read back at once.
            self._file = tempfile.TemporaryFile(prefix="journeylab-", buffering=0)  # noqa: SIM115 - open until `close`
        recent, offsets = self._recent, self._offsets
        numbers = [number for number, _ in zip(recent, range(_BATCH), strict=False)]
        packed = pickle.dumps(
            [(number, *_pack(recent.pop(number))) for number in numbers], protocol=pickle.HIGHEST_PROTOCOL
        )
        missing = max(numbers) + 1 - len(offsets)
        if missing > 0:
            offsets.extend([_ABSENT] * missing)
        for number in numbers:
            offsets[number] = self._end
        self._file.write(len(packed).to_bytes(4, "little") + packed)
        self._end += 4 + len(packed)

    def _read(self, offset: int) -> dict[int, Entry]:
        """Give the batch at an offset; those read last are kept, as neighbours are mostly wanted together."""
        batch = self._read_batches.pop(offset, None)
        if batch is None:
            if self._file is None:
                raise ValueError("the journal is closed; entries that it had spooled are gone")
            descriptor = self._file.fileno()
            length = int.from_bytes(os.pread(descriptor, 4, offset), "little")
            packed = pickle.loads(os.pread(descriptor, length, offset + 4))  # noqa: S301 - only this process writes the file
            batch = {number: _unpack(*parts) for number, *parts in packed}
            if len(self._read_batches) >= _READ_BATCHES:
                del self._read_batches[next(iter(self._read_batches))]
        self._read_batches[offset] = batch
        return batch


def _pack(entry: Entry) -> tuple[Any, ...]:
    code, values = _VALUES[type(entry.payload)]
    return entry.id, entry.at, entry.kind.value, entry.causes, code, values(entry.payload)


def _unpack(identity: str, at: Any, kind: str, causes: tuple[str, ...], code: int, values: Any) -> Entry:
    return Entry(identity, at, EntryKind(kind), _MAKERS[code](values), causes)
