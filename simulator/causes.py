"""Keeps which entry caused which, asking again for causes that were not known at once."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from fakes.kit.exchange import Exchange
from simulator.entry import entry_number

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.entry import Entry
    from simulator.spool import Spool

    CauseFinder = Callable[[Exchange], tuple[str, ...]]

__all__ = ["Causes"]


class Causes:
    """Causes and effects of the entries in a spool, by number."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._effects: dict[int, array[int]] = {}
        self._late: dict[int, tuple[str, ...]] = {}
        self._unknown = array("q")
        self._asked_at = 0

    def learn(self, number: int, entry: Entry) -> None:
        """Take in a new entry with the causes that it names."""
        if entry.causes:
            self._link(number, entry.causes)
        elif isinstance(entry.payload, Exchange):
            self._unknown.append(number)

    def ask(self, finder: CauseFinder | None) -> None:
        """Ask for the causes of exchanges that named none; once only while nothing new was recorded."""
        if finder is None or not self._unknown or self._asked_at == self._spool.count:
            return
        self._asked_at = self._spool.count
        still = array("q")
        for number in self._unknown:
            entry = self._spool.get(number)
            causes = finder(entry.payload) if entry and isinstance(entry.payload, Exchange) else ()
            if causes:
                self._late[number] = causes
                self._link(number, causes)
            else:
                still.append(number)
        self._unknown = still

    def of(self, number: int) -> tuple[str, ...]:
        """Give the ids of an entry's causes."""
        late = self._late.get(number)
        if late is not None:
            return late
        entry = self._spool.get(number)
        return entry.causes if entry is not None else ()

    def effects(self, number: int) -> list[int]:
        """Give the numbers of an entry's direct effects, lowest first."""
        return sorted(self._effects.get(number, ()))

    def _link(self, number: int, causes: tuple[str, ...]) -> None:
        for cause in causes:
            known = self._effects.get(entry_number(cause))
            if known is None:
                known = self._effects[entry_number(cause)] = array("q")
            known.append(number)
