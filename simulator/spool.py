"""Keeps the entries of a journal: the latest in memory, older ones in a temporary file."""

from __future__ import annotations

import os
import pickle
import tempfile
from array import array
from dataclasses import fields
from itertools import islice
from operator import attrgetter
from typing import IO, TYPE_CHECKING, Any, Final

from fakes.kit.exchange import Exchange, Fact
from simulator.entry import Entry, EntryKind, Note, Step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.entry import Fields

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
_MAKERS: Final[tuple[tuple[EntryKind, Any], ...]] = (
    (EntryKind.EXCHANGE, Exchange._make),
    (EntryKind.FACT, Fact._make),
    (EntryKind.STEP, lambda values: Step(**dict(zip(_STEP, values, strict=True)))),
    (EntryKind.NOTE, lambda values: Note(**dict(zip(_NOTE, values, strict=True)))),
)


class Spool:
    """Entries by number, bounded in memory.

    Past `memory_entries` the oldest ones go to a file, a batch at a time: what the entries of a batch share, such as
    names and headers, is written once. An entry then costs the file's bytes and 4 bytes of memory. The file has no
    name, only this process can read it, and it is gone once it is closed or the process ends.
    """

    def __init__(self, memory_entries: int) -> None:
        self._memory_entries = memory_entries
        self._recent: dict[int, Fields] = {}
        self._batch_of = array("i")
        self._batches = array("q")
        self._file: IO[bytes] | None = None
        self._end = 0
        self._read_batches: dict[int, dict[int, Entry]] = {}
        self._spooled = 0

    @property
    def count(self) -> int:
        """How many entries there are."""
        return self._spooled + len(self._recent)

    @property
    def spooled(self) -> int:
        """How many entries are in the file."""
        return self._spooled

    def put(self, number: int, fields: Fields) -> None:
        """Keep an entry under its number, counted from 1; it is made of its fields when it is asked for."""
        self._recent[number] = fields
        if len(self._recent) > self._memory_entries:
            self._write()

    def get(self, number: int) -> Entry | None:
        """Give the entry with this number; None when there is none (yet)."""
        found = self._recent.get(number)
        if found is not None:
            return Entry._make(found)
        batch = self._batch_of[number] if 0 <= number < len(self._batch_of) else _ABSENT
        return None if batch == _ABSENT else self._read(batch)[number]

    def numbers(self) -> Iterator[int]:
        """Give the number of every entry, lowest first; those put meanwhile may or may not be among them."""
        batch_of, recent = self._batch_of, self._recent
        highest = max(recent, default=0)
        for number in range(1, max(highest + 1, len(batch_of))):
            if number in recent or (number < len(batch_of) and batch_of[number] != _ABSENT):
                yield number

    def since(self, position: int) -> Iterator[tuple[int, Entry]]:
        """Give the entries in the order in which they were put, with their numbers, from a position on."""
        # Every batch is full but perhaps the last: memory is at its limit whenever one is written.
        first, skipped = divmod(position, self._batch_size)
        for batch in range(first, len(self._batches)):
            yield from islice(self._read(batch).items(), skipped, None)
            skipped = 0
        recent = tuple(self._recent.items())
        for number, made_of in islice(recent, max(0, position - self._spooled), None):
            yield number, Entry._make(made_of)

    def close(self) -> None:
        """Remove the file; entries in it can no longer be read."""
        if self._file is not None:
            self._file.close()
            self._file = None
        self._batch_of = array("i")
        self._batches = array("q")
        self._read_batches.clear()

    @property
    def _batch_size(self) -> int:
        return min(_BATCH, self._memory_entries + 1)

    def _write(self) -> None:
        """Move the oldest entries to the file: those first put, as a dictionary keeps them."""
        if self._file is None:
            # Unbuffered: a batch is a piece worth writing, and it can be read back at once.
            self._file = tempfile.TemporaryFile(prefix="journeylab-", buffering=0)  # noqa: SIM115 - open until `close`
        recent, batch_of = self._recent, self._batch_of
        numbers = list(islice(recent, self._batch_size))
        packed = pickle.dumps(
            [_pack(number, recent.pop(number)) for number in numbers], protocol=pickle.HIGHEST_PROTOCOL
        )
        missing = max(numbers) + 1 - len(batch_of)
        if missing > 0:
            batch_of.extend([_ABSENT] * missing)
        for number in numbers:
            batch_of[number] = len(self._batches)
        self._batches.append(self._end)
        self._spooled += len(numbers)
        self._end += self._file.write(len(packed).to_bytes(4, "little") + packed)

    def _read(self, batch: int) -> dict[int, Entry]:
        """Give a batch; those read last are kept, as neighbours are mostly wanted together."""
        found = self._read_batches.pop(batch, None)
        if found is None:
            if self._file is None:
                raise ValueError("the journal is closed; entries that it had spooled are gone")
            descriptor, offset = self._file.fileno(), self._batches[batch]
            length = int.from_bytes(os.pread(descriptor, 4, offset), "little")
            packed = pickle.loads(os.pread(descriptor, length, offset + 4))  # noqa: S301 - only this process writes the file
            found = {number: _unpack(*parts) for number, *parts in packed}
            if len(self._read_batches) >= _READ_BATCHES:
                del self._read_batches[next(iter(self._read_batches))]
        self._read_batches[batch] = found
        return found


def _pack(number: int, fields: Fields) -> tuple[Any, ...]:
    identity, at, _, payload, causes = fields
    code, values = _VALUES[type(payload)]
    return number, identity, at, causes, code, values(payload)


def _unpack(identity: str, at: Any, causes: tuple[str, ...], code: int, values: Any) -> Entry:
    kind, make = _MAKERS[code]
    return Entry(identity, at, kind, make(values), causes)
