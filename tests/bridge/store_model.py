"""What a store must do, said with dictionaries: slow, alone, and easy to believe."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bridge.store import OPEN, Counts, State

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

DAY_MS = 86_400_000


@dataclass
class Entry:
    """One delivery."""

    seq: int
    inbox: int
    destination: str
    operation: str
    lane: str
    match_key: str
    state: State
    created_ms: int
    due_ms: int
    settled_ms: int | None
    attempts: int = 0
    fence: int = 0
    claimer: int = 0
    lease_ms: int = 0
    is_started: bool = False


@dataclass
class Piece:
    """One inbox row."""

    key: str
    received_ms: int
    expires_ms: int
    repeats: int = 0


@dataclass
class Model:
    """A store whose every promise is a few lines."""

    entries: dict[int, Entry] = field(default_factory=dict)
    pieces: dict[int, Piece] = field(default_factory=dict)
    keys: dict[str, int] = field(default_factory=dict)
    heads: dict[tuple[str, str], int] = field(default_factory=dict)
    evidence: dict[str, int] = field(default_factory=dict)
    retired: dict[str, int] = field(default_factory=dict)
    names: dict[str, set[str]] = field(default_factory=dict)
    claimer: int = 1
    last_seq: int = 0
    last_inbox: int = 0

    def take_in(
        self, key: str, outcomes: Sequence[tuple[State, str, str, str, str]], *, now_ms: int, window_ms: int
    ) -> bool:
        known = self.keys.get(key)
        if known is not None and self.pieces[known].expires_ms > now_ms:
            self.pieces[known].repeats += 1
            return False
        self.last_inbox += 1
        self.pieces[self.last_inbox] = Piece(key, now_ms, now_ms + window_ms)
        self.keys[key] = self.last_inbox
        for outcome in outcomes:
            self.add(self.last_inbox, outcome, now_ms)
        return True

    def add(self, inbox: int, outcome: tuple[State, str, str, str, str], now_ms: int) -> None:
        state, destination, operation, lane, match_key = outcome
        self.last_seq += 1
        is_open = state is State.PENDING
        self.entries[self.last_seq] = Entry(
            self.last_seq,
            inbox,
            destination,
            operation,
            lane,
            match_key,
            state,
            now_ms,
            now_ms,
            None if is_open else now_ms,
        )
        if is_open and lane:
            self.heads.setdefault((destination, lane), self.last_seq)

    def prove(self, match_key: str, at_ms: int, *, now_ms: int) -> None:
        for entry in self._entries(State.UNCERTAIN):
            if entry.match_key == match_key and entry.created_ms <= at_ms:
                entry.state, entry.settled_ms = State.DELIVERED, now_ms
                return
        self.evidence[match_key] = max(at_ms, self.evidence.get(match_key, 0))

    def admit(self, destination: str, names: Sequence[str], limit: int) -> tuple[frozenset[str], int]:
        used = self.names.setdefault(destination, set())
        for name in names:
            if not limit or len(used) < limit:
                used.add(name)
        return frozenset(used.intersection(names)), len(used)

    def is_head(self, entry: Entry) -> bool:
        return not entry.lane or self.heads.get((entry.destination, entry.lane)) == entry.seq

    def due(self, destination: str) -> list[Entry]:
        waiting = [
            each
            for each in self._entries(State.PENDING)
            if each.destination == destination and self.is_head(each)
        ]
        return sorted(waiting, key=lambda each: (each.due_ms, each.seq))

    def claim(self, destination: str, limit: int, *, now_ms: int, lease_ms: int) -> list[Entry]:
        claimed = [each for each in self.due(destination) if each.due_ms <= now_ms][:limit]
        for each in claimed:
            each.state = State.CLAIMED
            each.attempts += 1
            each.claimer, each.lease_ms, each.is_started = self.claimer, now_ms + lease_ms, False
        return sorted(claimed, key=lambda each: each.seq)

    def holds(self, seq: int, fence: int) -> bool:
        entry = self.entries.get(seq)
        return entry is not None and entry.state is State.CLAIMED and entry.fence == fence

    def settle(self, seq: int, fence: int, state: State, *, due_ms: int, now_ms: int) -> int:
        if not self.holds(seq, fence):
            return 0
        entry = self.entries[seq]
        if state is State.PENDING:
            entry.state, entry.due_ms = state, due_ms
            return 1
        self._finish(entry, state, now_ms)
        entry.due_ms = entry.created_ms
        at_ms = self.evidence.get(entry.match_key) if entry.match_key else None
        if state is State.UNCERTAIN and at_ms is not None and at_ms >= entry.created_ms:
            del self.evidence[entry.match_key]
            entry.state = State.DELIVERED
        return 1

    def end_claims(self, never_twice: Collection[str], *, is_own: bool, retry: bool, now_ms: int) -> int:
        ended = [
            each
            for each in self._entries(State.CLAIMED)
            if (
                each.claimer == self.claimer
                if is_own
                else each.claimer != self.claimer or each.lease_ms <= now_ms
            )
        ]
        if not is_own:
            for each in self._entries(State.PENDING):
                if each.created_ms > now_ms:
                    each.due_ms = now_ms
        for each in ended:
            is_held = each.is_started and each.operation in never_twice and not retry
            state = State.UNCERTAIN if is_held else State.PENDING
            self.settle(each.seq, each.fence, state, due_ms=now_ms, now_ms=now_ms)
        return len(ended)

    def move(self, seqs: Sequence[int], of: Collection[State], to: State, *, now_ms: int) -> tuple[int, ...]:
        moved = []
        for seq in seqs:
            entry = self.entries.get(seq)
            if entry is None or entry.state not in of or entry.state is State.CLAIMED:
                continue
            moved.append(seq)
            if to is not State.PENDING:
                self._finish(entry, to, now_ms)
            elif entry.state not in OPEN:
                entry.state, entry.settled_ms, entry.attempts = to, None, 0
                entry.created_ms = entry.due_ms = now_ms
                if entry.lane:
                    self.heads.setdefault((entry.destination, entry.lane), seq)
        return tuple(moved)

    def expire(self, *, settled_before_ms: int, dead_before_ms: int, now_ms: int) -> int:
        newest = {max(self.pieces, default=0)}
        if self.entries:
            newest.add(self.entries[max(self.entries)].inbox)
        old = [
            inbox
            for inbox, piece in self.pieces.items()
            if inbox not in newest
            and piece.received_ms <= settled_before_ms
            and not (self.keys.get(piece.key) == inbox and piece.expires_ms > now_ms)
            and all(
                self._is_old(each, settled_before_ms, dead_before_ms)
                for each in self.entries.values()
                if each.inbox == inbox
            )
        ]
        for inbox in old:
            piece = self.pieces.pop(inbox)
            gone = [each for each in self.entries.values() if each.inbox == inbox]
            self._retire("accepted", len(gone) + piece.repeats)
            self._retire("duplicate", piece.repeats)
            for each in gone:
                self._retire(each.state, 1)
                del self.entries[each.seq]
        self.keys = {
            key: inbox
            for key, inbox in self.keys.items()
            if inbox in self.pieces and self.pieces[inbox].expires_ms > now_ms
        }
        self.evidence = {key: at_ms for key, at_ms in self.evidence.items() if at_ms > settled_before_ms}
        return len(old)

    def counts(self) -> Counts:
        numbers = dict(self.retired)
        for entry in self.entries.values():
            name = State.PENDING if entry.state is State.CLAIMED else entry.state
            numbers[name] = numbers.get(name, 0) + 1
        repeats = sum(piece.repeats for piece in self.pieces.values())
        numbers["accepted"] = numbers.get("accepted", 0) + len(self.entries) + repeats
        numbers["duplicate"] = numbers.get("duplicate", 0) + repeats
        return Counts(**numbers)

    def _finish(self, entry: Entry, state: State, now_ms: int) -> None:
        was_open = entry.state in OPEN
        entry.state, entry.settled_ms = state, now_ms
        lane = (entry.destination, entry.lane)
        if was_open and entry.lane and self.heads.get(lane) == entry.seq:
            del self.heads[lane]
            following = [each.seq for each in self._entries(*OPEN) if (each.destination, each.lane) == lane]
            if following:
                self.heads[lane] = min(following)

    def _entries(self, *states: State) -> list[Entry]:
        return [self.entries[seq] for seq in sorted(self.entries) if self.entries[seq].state in states]

    def _retire(self, name: str, number: int) -> None:
        if number:
            self.retired[name] = self.retired.get(name, 0) + number

    @staticmethod
    def _is_old(entry: Entry, settled_before_ms: int, dead_before_ms: int) -> bool:
        if entry.settled_ms is None:
            return False
        if entry.state is State.DEAD:
            return entry.settled_ms <= dead_before_ms
        return entry.state in (State.DELIVERED, State.FILTERED) and entry.settled_ms <= settled_before_ms
