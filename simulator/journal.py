"""The one record of a run: every exchange, fact and step, with cause and verdict.

Expectations, ledger, reports and dashboard only read it. Recording is on the path of every message, so an
entry costs a few microseconds; whatever takes longer (who an exchange concerns, late causes) waits for the
first question.
"""

from __future__ import annotations

import asyncio
from array import array
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from fakes.kit.exchange import Exchange, Fact
from simulator.causes import Causes
from simulator.entry import Entry, EntryKind, Note, Step, entry_id, entry_number, settled
from simulator.entry_index import EntryIndex
from simulator.involvement import Involvement
from simulator.masking import Masking
from simulator.result import BrokenMessage, EventCount
from simulator.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from contracts import Violation
    from simulator.causes import CauseFinder
    from simulator.entry import Fields

    ReceiverJudge = Callable[[Exchange], tuple[Violation, ...]]

__all__ = ["SCENARIO", "Entry", "EntryKind", "Journal", "Note", "Step"]

# A member of an enum is looked up by a function each time it is named.
_EXCHANGE: Final = EntryKind.EXCHANGE
_FACT: Final = EntryKind.FACT

SCENARIO: Final = "scenario"
"""The actor of what the scenario does itself."""


class Journal:
    """An append-only record that fakes tell (it is their `Observer`) and everybody else asks.

    Attributes:
        started_at: When it was opened; `t` in reports counts from here.
        masking: Hides the secrets; whoever writes entries out uses it.
        judges_for_receiver: Gives what the receiver's own contract finds wrong with a webhook; may be set late.
        cause_of: Gives the causes of an exchange that does not name one; may be set late. It is asked
            when the exchange is recorded and, while it gives none, again before causes are read.
        errors: Failures inside fakes, in order; whoever runs the world raises or reports them.
    """

    def __init__(
        self,
        now: Callable[[], datetime],
        secrets: Mapping[str, str] | None = None,
        *,
        judges_for_receiver: ReceiverJudge | None = None,
        cause_of: CauseFinder | None = None,
        memory_entries: int = 20_000,
    ) -> None:
        """Open an empty journal.

        Args:
            now: The world's time, an aware UTC instant.
            secrets: What must not leave the process, value by name.
            judges_for_receiver: See the attribute.
            cause_of: See the attribute.
            memory_entries: How many entries stay in memory at most; older ones go to a temporary file.
        """
        self._now = now
        self.started_at = now()
        self.masking = Masking(secrets or {})
        self.judges_for_receiver = judges_for_receiver
        self.cause_of = cause_of
        self.errors: list[BaseException] = []
        self._spool = Spool(memory_entries)
        self._last = 0
        self._open: dict[str, int] = {}
        self._appended = array("q")
        self._index = EntryIndex()
        self._broken = array("q")
        self._causes = Causes(self._spool)
        self._involvement = Involvement()
        self._waiters: list[tuple[Callable[[Entry], bool], asyncio.Future[Entry]]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the temporary file. Entries still in memory can be read; those in the file cannot."""
        self._spool.close()

    # Recording

    def open_entry(self) -> str:
        """Reserve the id of the next entry."""
        self._last += 1
        identity = entry_id(self._last)
        self._open[identity] = self._last
        return identity

    def exchange(self, exchange: Exchange) -> None:
        """Record an exchange under the id that was reserved for it.

        Raises:
            ValueError: Its id was not reserved here, or is taken.
        """
        identity = exchange.id
        number = self._open.pop(identity, 0)
        if not number:
            raise ValueError(f"{identity!r} is not a free id of this journal; reserve one with open_entry")
        violations = exchange.violations
        if self.judges_for_receiver is not None and exchange.kind == "webhook":
            violations += self.judges_for_receiver(exchange)
        kept = settled(exchange, violations)
        cause = kept.cause
        causes: tuple[str, ...] = (cause,) if cause else ()
        if not causes and self.cause_of is not None:
            causes = self.cause_of(kept)
        if violations:
            self._broken.append(number)
        fields = (identity, kept.started_at, _EXCHANGE, kept, causes)
        self._spool.put(number, fields)
        if self._waiters:
            self._show(fields)

    def fact(self, fact: Fact) -> None:
        """Record a fact."""
        self._last = number = self._last + 1
        cause = fact.cause
        causes = (cause,) if cause else ()
        fields = (entry_id(number), self._now(), _FACT, fact, causes)
        self._spool.put(number, fields)
        if self._waiters:
            self._show(fields)

    def step(
        self, verb: str, person: str = SCENARIO, *, details: Mapping[str, Any] | None = None, cause: str = ""
    ) -> str:
        """Record what a person or the scenario does, or what reaches a person.

        Args:
            verb: What, in words: `open`, `receive mail`.
            person: E-mail address, or `scenario`.
            details: JSON values.
            cause: Id of the entry that is the reason.

        Returns:
            The entry's id, to be named as the cause of what follows.
        """
        self._last += 1
        identity, at = entry_id(self._last), self._now()
        step = Step(id=identity, at=at, actor=person, verb=verb, details=details or {}, cause=cause)
        self._append(self._last, Entry(identity, at, EntryKind.STEP, step, (cause,) if cause else ()))
        return identity

    def note(self, text: str, *, details: Mapping[str, Any] | None = None) -> str:
        """Record something about the run itself; gives the entry's id."""
        self._last += 1
        identity, at = entry_id(self._last), self._now()
        note = Note(id=identity, at=at, text=text, details=details or {})
        self._append(self._last, Entry(identity, at, EntryKind.NOTE, note))
        return identity

    def failed(self, error: BaseException) -> None:
        """Record a programming error inside a fake; it is kept in `errors` as well."""
        self.errors.append(error)
        self.note(f"{type(error).__name__}: {error}", details={"error": type(error).__name__})

    # Asking

    def __len__(self) -> int:
        return self._spool.count

    def __iter__(self) -> Iterator[Entry]:
        """Give every entry, lowest id first: a cause comes before its effects."""
        return self._read(self._spool.numbers())

    @property
    def is_complete(self) -> bool:
        """Whether all that began is here: no exchange is still under way or was cut off."""
        return not self._open

    @property
    def unfinished(self) -> tuple[str, ...]:
        """Ids that were reserved for exchanges which have not ended."""
        return tuple(self._open)

    @property
    def spooled(self) -> int:
        """How many entries are no longer in memory."""
        return self._spool.spooled

    def by_id(self, identity: str) -> Entry | None:
        """Give the entry with this id; None when it is unknown or its exchange has not ended."""
        return self._spool.get(entry_number(identity))

    def entries(self, kind: EntryKind) -> Iterator[Entry]:
        """Give the entries of one kind, lowest id first."""
        self._catch_up()
        return self._read(sorted(self._index.by_kind[kind]))

    def exchanges(
        self,
        *,
        contract: str | None = None,
        operation: str | None = None,
        kind: Literal["operation", "webhook"] | None = None,
        sender: str | None = None,
        receiver: str | None = None,
    ) -> list[Exchange]:
        """Give the exchanges for which everything named holds, lowest id first."""
        self._catch_up()
        numbers: list[int] = []
        for (its_contract, its_operation), found in self._index.operations.items():
            if contract in (None, its_contract) and operation in (None, its_operation):
                numbers += found
        return [
            exchange
            for entry in self._read(sorted(numbers))
            if isinstance(exchange := entry.payload, Exchange)
            and kind in (None, exchange.kind)
            and sender in (None, exchange.sender)
            and receiver in (None, exchange.receiver)
        ]

    def facts(
        self, vendor: str | None = None, kind: str | None = None, *, subject: str | None = None
    ) -> list[Fact]:
        """Give the facts for which everything named holds, in the order in which they became known."""
        entries = self.fact_entries(vendor, kind, subject=subject)
        return [entry.payload for entry in entries if isinstance(entry.payload, Fact)]

    def fact_entries(
        self, vendor: str | None = None, kind: str | None = None, *, subject: str | None = None
    ) -> list[Entry]:
        """Give the same facts with their ids, which evidence is made of."""
        self._catch_up()
        if subject is not None:
            about = self._read(self._index.facts_about.get(subject.lower(), ()))
            return [entry for entry in about if _is_fact(entry, vendor, kind)]
        if vendor is not None and kind is not None:
            return list(self._read(self._index.facts.get((vendor, kind), ())))
        numbers: list[int] = []
        for (its_vendor, its_kind), found in self._index.facts.items():
            if vendor in (None, its_vendor) and kind in (None, its_kind):
                numbers += found
        return list(self._read(sorted(numbers)))

    def steps(self, verb: str | None = None, *, person: str | None = None) -> list[Step]:
        """Give the steps for which everything named holds, in order."""
        return [
            step
            for entry in self.entries(EntryKind.STEP)
            if isinstance(step := entry.payload, Step)
            and verb in (None, step.verb)
            and person in (None, step.actor)
        ]

    def people(self) -> tuple[str, ...]:
        """Give the e-mail address of everybody who acted or to whom something happened, sorted."""
        self._involve()
        return self._involvement.people()

    def of_person(self, email: str) -> list[Entry]:
        """Give everything that concerns a person: what they did, messages that name them, and what came of it."""
        self._involve()
        return list(self._read(self._involvement.of(email)))

    def people_of(self, identity: str) -> tuple[str, ...]:
        """Give whom an entry concerns, sorted."""
        self._involve()
        return self._involvement.people_in(entry_number(identity))

    def violations(self) -> list[BrokenMessage]:
        """Give every broken contract, in order."""
        return [
            BrokenMessage.of(entry.payload, violation)
            for entry in self._read(sorted(self._broken))
            if isinstance(entry.payload, Exchange)
            for violation in entry.payload.violations
        ]

    def counts(self) -> tuple[EventCount, ...]:
        """Give how often each fact, operation and webhook occurred, by vendor, kind and name."""
        self._catch_up()
        return tuple(
            EventCount(vendor=vendor, event=event, kind=kind, count=count)
            for (vendor, event, kind), count in sorted(
                self._index.counts.items(), key=lambda item: (item[0][0], item[0][2], item[0][1])
            )
        )

    def causes(self, identity: str) -> tuple[str, ...]:
        """Give the ids of what caused an entry; empty for a beginning and for what nobody can explain."""
        self._catch_up()
        self._causes.ask(self.cause_of)
        return self._causes.of(entry_number(identity))

    def caused_by(self, identity: str) -> list[Entry]:
        """Give the entries whose cause is this one, directly."""
        self._catch_up()
        self._causes.ask(self.cause_of)
        return list(self._read(self._causes.effects(entry_number(identity))))

    def chain(self, identity: str) -> list[Entry]:
        """Give the entry, then its cause, then the cause's cause, back to the root.

        Where an exchange has several causes (a batch), the first leads on.
        """
        chain: list[Entry] = []
        seen: set[str] = set()
        while identity and identity not in seen:
            seen.add(identity)
            entry = self.by_id(identity)
            if entry is None:
                break
            chain.append(entry)
            identity = next(iter(self.causes(identity)), "")
        return chain

    async def wait_for(self, predicate: Callable[[Entry], bool]) -> Entry:
        """Wait until an entry satisfies the predicate, and give it; at once if one already does.

        Nothing polls: each entry is shown to those who wait as it is recorded.
        """
        for entry in self:
            if predicate(entry):
                return entry
        future: asyncio.Future[Entry] = asyncio.get_running_loop().create_future()
        waiter = (predicate, future)
        self._waiters.append(waiter)
        try:
            return await future
        finally:
            self._waiters.remove(waiter)

    # Inside

    def _append(self, number: int, fields: Fields) -> None:
        self._spool.put(number, fields)
        if self._waiters:
            self._show(fields)

    def _catch_up(self) -> None:
        """Index what was recorded since the last question: recording costs no more than keeping the entry."""
        if len(self._appended) == self._spool.count:
            return
        for number, entry in self._spool.since(len(self._appended)):
            self._appended.append(number)
            self._index.learn(number, entry)
            self._causes.learn(number, entry)

    def _show(self, fields: Fields) -> None:
        entry = Entry._make(fields)
        for predicate, future in self._waiters:
            if future.done():
                continue
            try:
                if predicate(entry):
                    future.set_result(entry)
            except Exception as error:  # noqa: BLE001 - the predicate is the waiter's, and so is its error
                future.set_exception(error)

    def _read(self, numbers: Iterator[int] | list[int] | array[int] | tuple[int, ...]) -> Iterator[Entry]:
        for number in numbers:
            entry = self._spool.get(number)
            if entry is not None:
                yield entry

    def _involve(self) -> None:
        """Work out whom the entries concern that were recorded since the last question."""
        self._catch_up()
        self._causes.ask(self.cause_of)
        for number in sorted(self._appended[self._involvement.seen :]):
            entry = self._spool.get(number)
            if entry is not None:
                causes = [entry_number(cause) for cause in self._causes.of(number)]
                self._involvement.learn(number, entry, causes)


def _is_fact(entry: Entry, vendor: str | None, kind: str | None) -> bool:
    fact = entry.payload
    return isinstance(fact, Fact) and vendor in (None, fact.vendor) and kind in (None, fact.kind)
