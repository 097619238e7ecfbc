"""Keeps the entries of a journal: the latest in memory, older ones in a temporary file."""

from __future__ import annotations

import os
import pickle
import struct
import tempfile
from array import array
from collections import deque
from dataclasses import fields
from operator import attrgetter
from typing import IO, TYPE_CHECKING, Any, Final

from fakes.kit.exchange import Exchange, Fact
from simulator.entry import Entry, EntryKind, Note, Step

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Spool"]

_ABSENT: Final = -1
_LENGTH: Final = struct.Struct("<I")

# Packed as plain tuples: pickling a slotted dataclass itself takes four times as long.
_CLASSES: Final = (Exchange, Fact, Step, Note)
_NAMES: Final = tuple(tuple(field.name for field in fields(made)) for made in _CLASSES)
_VALUES: Final = {made: (code, attrgetter(*_NAMES[code])) for code, made in enumerate(_CLASSES)}


class Spool:
    """Entries by number, bounded in memory.

    Past `memory_entries` each new entry sends the oldest one to a file; an entry then costs the file's
    bytes and 8 bytes of memory. The file has no name, only this process can read it, and it is gone once
    it is closed or the process ends.
    """

    def __init__(self, memory_entries: int) -> None:
        self._memory_entries = memory_entries
        self._recent: dict[int, Entry] = {}
        self._order: deque[int] = deque()
        self._offsets = array("q")
        self._file: IO[bytes] | None = None
        self._end = 0
        self._is_dirty = False
        self.count = 0

    @property
    def spooled(self) -> int:
        """How many entries are in the file."""
        return self.count - len(self._recent)

    def put(self, number: int, entry: Entry) -> None:
        """Keep an entry under its number, counted from 1."""
        self._recent[number] = entry
        self._order.append(number)
        self.count += 1
        if len(self._order) > self._memory_entries:
            oldest = self._order.popleft()
            self._write(oldest, self._recent.pop(oldest))

    def get(self, number: int) -> Entry | None:
        """Give the entry with this number; None when there is none (yet)."""
        found = self._recent.get(number)
        if found is not None:
            return found
        if not 0 <= number < len(self._offsets) or self._offsets[number] == _ABSENT:
            return None
        return self._read(self._offsets[number])

    def numbers(self) -> Iterator[int]:
        """Give the number of every entry, lowest first; those put meanwhile may or may not be among them."""
        highest = max(self._recent, default=0)
        for number in range(1, max(highest + 1, len(self._offsets))):
            if number in self._recent or (number < len(self._offsets) and self._offsets[number] != _ABSENT):
                yield number

    def close(self) -> None:
        """Remove the file; entries in it can no longer be read."""
        if self._file is not None:
            self._file.close()
            self._file = None
        self._offsets = array("q")

    def _write(self, number: int, entry: Entry) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="journeylab-")  # noqa: SIM115 - open until `close`
        packed = _pack(entry)
        if number >= len(self._offsets):
            self._offsets.extend([_ABSENT] * (number + 1 - len(self._offsets)))
        self._offsets[number] = self._end
        self._file.write(_LENGTH.pack(len(packed)))
        self._file.write(packed)
        self._end += _LENGTH.size + len(packed)
        self._is_dirty = True

    def _read(self, offset: int) -> Entry:
        if self._file is None:
            raise ValueError("the journal is closed; entries that it had spooled are gone")
        if self._is_dirty:
            self._file.flush()
            self._is_dirty = False
        descriptor = self._file.fileno()
        (length,) = _LENGTH.unpack(os.pread(descriptor, _LENGTH.size, offset))
        return _unpack(os.pread(descriptor, length, offset + _LENGTH.size))


def _pack(entry: Entry) -> bytes:
    code, values = _VALUES[type(entry.payload)]
    plain = (entry.id, entry.at, str(entry.kind), entry.causes, code, values(entry.payload))
    return pickle.dumps(plain, protocol=pickle.HIGHEST_PROTOCOL)


def _unpack(packed: bytes) -> Entry:
    identity, at, kind, causes, code, values = pickle.loads(packed)  # noqa: S301 - only this process writes the file
    made: Any = _CLASSES[code]
    payload = made(**dict(zip(_NAMES[code], values, strict=True)))
    return Entry(identity, at, EntryKind(kind), payload, causes)
