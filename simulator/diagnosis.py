"""Says of what does not fit in the ledger what it was meant to be.

An effect that fits no due is compared with the dues that nothing fits. The fewer of person, name, time and values
differ, the likelier the two belong together; every step looks things up, so a bridge that is wrong about everybody
costs no more than one that is right.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import inf
from typing import TYPE_CHECKING, Any, Final

from simulator.quantities import format_duration
from simulator.result import Finding, FindingKind

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence

__all__ = ["ANYTHING", "Diagnosis", "Due", "Effect", "Times", "differences", "spell"]

ANYTHING: Final = object()
"""Stands for the value of a property that may be there and carry what it likes."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_MOST_PAIRS: Final = 10_000
_MOST_TRIED: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """An effect that must be there.

    Attributes:
        rule: The rule that asks for it.
        account: Where it must be: `clevertap`, `segment/mailjet`, `mailmodo campaign`, …
        name: The event's name there.
        subject: The person it must be on, as that account addresses them.
        at: The time it must carry.
        values: Properties it must carry, exactly.
        also: Properties it may carry, but then only with this value, however it is written (`7` for "7").
        is_closed: Whether the vendors' documents list all properties, so that any other is wrong.
        person: The person's address, for messages.
        entry: Journal entry of the engagement.
        cause: Journal entry in which the engagement happened.
        known_at: When the engagement happened; no effect may be recorded before.
    """

    rule: str
    account: str
    name: str
    subject: str
    at: datetime
    values: Mapping[str, Any] = field(default_factory=dict)
    also: Mapping[str, Any] = field(default_factory=dict)
    is_closed: bool = False
    person: str
    entry: str
    cause: str
    known_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """An effect that the bridge made.

    Attributes:
        account, name, subject, at: As in `Due`.
        values: Properties it carries.
        person: The address of whoever it landed on.
        entry: Journal entry of the fact.
        cause: The exchange that brought it.
        recorded_at: When it arrived.
    """

    account: str
    name: str
    subject: str
    at: datetime
    values: Mapping[str, Any]
    person: str
    entry: str
    cause: str
    recorded_at: datetime


class Times:
    """How exactly each account keeps time."""

    def __init__(self, tolerance_s: Mapping[str, float]) -> None:
        self._tolerance_s = tolerance_s

    def of(self, account: str) -> float:
        """Give the seconds below which an account cuts times off."""
        found = self._tolerance_s.get(account)
        return self._tolerance_s.get(account.partition("/")[0], 0.0) if found is None else found

    def fit(self, due: Due, effect: Effect) -> bool:
        """Say whether the effect carries the engagement's time, as its account keeps it."""
        if due.at == effect.at:
            return True
        tolerance_s = self.of(due.account)
        return tolerance_s == inf or 0 <= (due.at - effect.at).total_seconds() < tolerance_s

    def slot(self, account: str, at: datetime) -> int:
        """Give the stretch of time that an instant falls into.

        An engagement whose time an effect carries falls into the effect's stretch or into the next.
        """
        tolerance_s = self.of(account)
        if tolerance_s == inf:
            return 0
        return (at - _EPOCH) // _MICROSECOND // max(1, round(tolerance_s * 1e6))


def differences(due: Due, effect: Effect) -> list[str]:
    """Say in words how an effect's values differ from what is due."""
    found, also = effect.values, due.also
    said = [
        f"{name} {found[name]!r} instead of {wanted!r}" if name in found else f"no {name}, wanted {wanted!r}"
        for name, wanted in due.values.items()
        if name not in found
        or found[name] != wanted
        or isinstance(found[name], bool) != isinstance(wanted, bool)
    ]
    for name, value in found.items():
        if name in due.values or value is None:
            continue
        if name in also:
            wanted = also[name]
            if wanted is not ANYTHING and value != wanted and str(value) != str(wanted):
                said.append(f"{name} {value!r} instead of {wanted!r}")
        elif due.is_closed:
            said.append(f"{name} {value!r}, which belongs to no such event")
    return said


def spell(due: Due) -> str:
    """Name what is due in a message."""
    return f"{due.name!r} at {due.account}"


class Diagnosis:
    """Settles what is left on both sides once everything that fits is paired.

    Attributes:
        matches: The pairs that belong together although something besides values is wrong with them.
    """

    def __init__(self, times: Times, matched: Iterable[tuple[Due, Effect]]) -> None:
        self.matches: list[tuple[Due, Effect]] = []
        self._times = times
        self._matched: dict[tuple[str, str, str], list[Due]] = defaultdict(list)
        for due, _effect in matched:
            self._matched[due.account, due.name, due.subject].append(due)
        self._dues: dict[int, Due] = {}
        self._effects: dict[int, Effect] = {}
        self._findings: list[Finding] = []

    def settle(self, dues: Iterable[Due], effects: Iterable[Effect]) -> list[Finding]:
        """Explain every due and every effect that is left, each once."""
        self._dues, self._effects = dict(enumerate(dues)), dict(enumerate(effects))
        for is_same in (True, False):  # whatever carries the very values that are due goes first
            self._settle_repeats(is_same=is_same)
            self._settle_shifted(is_same=is_same)
            self._settle_moved(is_same=is_same)
            self._settle_renamed(is_same=is_same)
        for effect in self._effects.values():
            text = f"{effect.name!r} at {effect.account} follows from nothing"
            who = effect.person or effect.subject
            self._find(FindingKind.INVENTED, who, text, at=effect.at, evidence=(effect.entry,))
        for due in self._dues.values():
            text = f"{spell(due)} is missing"
            self._find(FindingKind.LOST, due.person, text, at=due.at, evidence=(due.entry,))
        return self._findings

    def _settle_repeats(self, *, is_same: bool) -> None:
        """Find effects that stand where another of the same engagement already is."""
        for number, effect in list(self._effects.items()):
            for due in self._matched.get((effect.account, effect.name, effect.subject), ()):
                if self._times.fit(due, effect) and (not differences(due, effect)) is is_same:
                    text = f"{spell(due)} arrived once more{_with(due, effect)}"
                    evidence = (due.entry, effect.entry)
                    self._find(FindingKind.DOUBLED, due.person, text, at=effect.at, evidence=evidence)
                    del self._effects[number]
                    break

    def _settle_shifted(self, *, is_same: bool) -> None:
        """Find the same event on the same person at another time; so that all of them differ as little as can be."""
        groups = self._group(
            lambda due: (due.account, due.name, due.subject),
            lambda effect: ((effect.account, effect.name, effect.subject),),
            is_same=is_same,
        )
        for dues, effects in groups:
            for due_number, effect_number in self._nearest(dues, effects):
                due, effect = self._dues[due_number], self._effects[effect_number]
                off_s = (effect.at - due.at).total_seconds()
                kind = FindingKind.LATE if off_s > 0 else FindingKind.EARLY
                text = f"{spell(due)} carries a time that is {format_duration(abs(off_s))} {kind.value}"
                self._settle(kind, due_number, effect_number, text)

    def _settle_moved(self, *, is_same: bool) -> None:
        """Find the same event at the same time on somebody else."""
        slots = self._slots
        groups = self._group(
            lambda due: (due.account, due.name, self._times.slot(due.account, due.at)),
            lambda effect: tuple((effect.account, effect.name, slot) for slot in slots(effect)),
            is_same=is_same,
        )
        for due_number, effect_number in self._in_order(groups):
            due, effect = self._dues[due_number], self._effects[effect_number]
            text = f"{spell(due)} went to {_other(effect, due)} instead of {_other(due, effect)}"
            self._settle(FindingKind.MISROUTED, due_number, effect_number, text)

    def _settle_renamed(self, *, is_same: bool) -> None:
        """Find another event at the same time on the same person."""
        slots = self._slots
        groups = self._group(
            lambda due: (due.account, due.subject, self._times.slot(due.account, due.at)),
            lambda effect: tuple((effect.account, effect.subject, slot) for slot in slots(effect)),
            is_same=is_same,
        )
        for due_number, effect_number in self._in_order(groups):
            due, effect = self._dues[due_number], self._effects[effect_number]
            text = f"{spell(due)} arrived as {effect.name!r}"
            self._settle(FindingKind.MISNAMED, due_number, effect_number, text)

    def _slots(self, effect: Effect) -> tuple[int, ...]:
        slot = self._times.slot(effect.account, effect.at)
        return (slot,) if self._times.of(effect.account) == inf else (slot, slot + 1)

    def _group(
        self,
        key_of: Callable[[Due], tuple[Hashable, ...]],
        keys_of: Callable[[Effect], Sequence[tuple[Hashable, ...]]],
        *,
        is_same: bool,
    ) -> list[tuple[list[int], list[int]]]:
        """Bring open dues and effects together that have a key in common, and their values too where that is asked."""
        names: dict[str, dict[tuple[str, ...], None]] = defaultdict(dict)
        dues: dict[tuple[Hashable, ...], list[int]] = defaultdict(list)
        for number, due in self._dues.items():
            wanted = tuple(due.values)
            names[due.account][wanted] = None
            dues[*key_of(due), _print(due.values, wanted) if is_same else ""].append(number)
        effects: dict[tuple[Hashable, ...], list[int]] = defaultdict(list)
        for number, effect in self._effects.items():
            prints = [_print(effect.values, wanted) for wanted in names[effect.account]] if is_same else [""]
            for key in keys_of(effect):
                for printed in prints:
                    if (*key, printed) in dues:
                        effects[*key, printed].append(number)
        return [(dues[key], found) for key, found in effects.items()]

    def _nearest(self, dues: list[int], effects: list[int]) -> Iterator[tuple[int, int]]:
        """Pair by time: in order where there are as many of both, else the nearest first."""
        effects = [number for number in effects if number in self._effects]
        dues = sorted(dues, key=lambda number: self._dues[number].at)
        effects.sort(key=lambda number: self._effects[number].at)
        if len(dues) == len(effects) or len(dues) * len(effects) > _MOST_PAIRS:
            yield from zip(dues, effects, strict=False)
            return
        apart = sorted(
            (abs(self._dues[due].at - self._effects[effect].at), due, effect)
            for due in dues
            for effect in effects
        )
        taken: set[tuple[str, int]] = set()
        for _apart, due, effect in apart:
            if ("due", due) not in taken and ("effect", effect) not in taken:
                taken |= {("due", due), ("effect", effect)}
                yield due, effect

    def _in_order(self, groups: Iterable[tuple[list[int], list[int]]]) -> Iterator[tuple[int, int]]:
        """Pair what carries the same time, first with first."""
        for dues, effects in groups:
            waiting = deque(number for number in dues if number in self._dues)
            for effect in effects:
                if effect not in self._effects:
                    continue
                for _ in range(min(len(waiting), _MOST_TRIED)):
                    due = waiting.popleft()
                    if self._times.fit(self._dues[due], self._effects[effect]):
                        yield due, effect
                        break
                    waiting.append(due)

    def _settle(self, kind: FindingKind, due_number: int, effect_number: int, text: str) -> None:
        due, effect = self._dues.pop(due_number), self._effects.pop(effect_number)
        self.matches.append((due, effect))
        evidence = (due.entry, effect.entry)
        self._find(kind, due.person, text + _with(due, effect), at=due.at, evidence=evidence)

    def _find(
        self, kind: FindingKind, subject: str, text: str, *, at: datetime, evidence: tuple[str, ...]
    ) -> None:
        self._findings.append(Finding(kind=kind, subject=subject, text=text, at=at, evidence=evidence))


def _print(values: Mapping[str, Any], names: tuple[str, ...]) -> str:
    """Give a text that is the same for the same values under some names."""
    return repr([values.get(name) for name in names])


def _other(one: Due | Effect, than: Due | Effect) -> str:
    """Name whom something is on; by the account's own address where both belong to the same person."""
    if one.person and one.person != than.person:
        return one.person
    return one.subject


def _with(due: Due, effect: Effect) -> str:
    differs = differences(due, effect)
    return f", with {'; '.join(differs)}" if differs else ""
