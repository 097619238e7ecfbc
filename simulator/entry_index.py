"""Which entries of a journal are of which kind, about whom, and how many: numbers by what is asked for."""

from __future__ import annotations

from array import array
from collections import Counter
from typing import TYPE_CHECKING, TypeVar

from fakes.kit.exchange import Exchange, Fact
from simulator.entry import EntryKind

if TYPE_CHECKING:
    from simulator.entry import Entry

__all__ = ["EntryIndex"]

_Key = TypeVar("_Key")


class EntryIndex:
    """Fed one entry at a time, in the order in which they were recorded.

    Attributes:
        by_kind: Every entry's number, by its kind.
        operations: Numbers of exchanges, by contract and operation.
        facts: Numbers of facts, by vendor and kind.
        facts_about: Numbers of facts, by subject in lower case.
        counts: How many there are, by vendor, name and what it is: `fact`, `operation` or `webhook`.
    """

    def __init__(self) -> None:
        self.by_kind: dict[EntryKind, array[int]] = {kind: array("q") for kind in EntryKind}
        self.operations: dict[tuple[str, str], array[int]] = {}
        self.facts: dict[tuple[str, str], array[int]] = {}
        self.facts_about: dict[str, array[int]] = {}
        self.counts: Counter[tuple[str, str, str]] = Counter()

    def learn(self, number: int, entry: Entry) -> None:
        """Take in one entry."""
        self.by_kind[entry.kind].append(number)
        payload = entry.payload
        if isinstance(payload, Exchange):
            _index(self.operations, (payload.contract, payload.operation)).append(number)
            self.counts[payload.contract, payload.operation, payload.kind] += 1
        elif isinstance(payload, Fact):
            _index(self.facts, (payload.vendor, payload.kind)).append(number)
            _index(self.facts_about, payload.subject.lower()).append(number)
            self.counts[payload.vendor, _event_of(payload), "fact"] += 1


def _index(index: dict[_Key, array[int]], key: _Key) -> array[int]:
    found = index.get(key)
    if found is None:
        found = index[key] = array("q")
    return found


def _event_of(fact: Fact) -> str:
    """Name a fact for counting: a stored event and an accepted message by their own names too."""
    if fact.kind.endswith("event_stored"):
        name = fact.details.get("name")
    elif fact.kind == "message_accepted":
        name = fact.details.get("event") or fact.details.get("type")
    else:
        return fact.kind
    return f"{fact.kind}: {name}" if name else fact.kind
