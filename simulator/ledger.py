"""Balances what should have followed from each engagement against what did.

The rules (`simulator.ledger_rules`) say, from the fakes' own ground truth and independently of any bridge,
which effects an engagement must have. Here they are matched with the effects there are: none lost, none
doubled, none invented, none on the wrong person, under the wrong name, at the wrong time, or before its cause.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from simulator.quantities import format_duration
from simulator.result import Finding, FindingKind, LedgerResult, LedgerRule

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

__all__ = ["Balance", "Due", "Effect", "balance"]


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


@dataclass(frozen=True, slots=True)
class Balance:
    """The result, and which effect belongs to which engagement."""

    result: LedgerResult
    matches: tuple[tuple[Due, Effect], ...]


def balance(
    dues: Sequence[Due],
    effects: Sequence[Effect],
    *,
    tolerance_s: Mapping[str, float],
    rules: Iterable[str] = (),
) -> Balance:
    """Match dues with effects and name every difference.

    Args:
        dues: What must be there.
        effects: What is there.
        tolerance_s: By account (or its part before the slash): how far times may differ, in seconds,
            because the account keeps time no finer. Zero where nothing is said.
        rules: Rules that apply even when nothing was due under them, in the order of the report.
    """
    sheet = _Sheet(tolerance_s)
    left_dues, left_effects = sheet.match(dues, effects)
    sheet.diagnose(left_dues, left_effects)
    met: dict[str, int] = defaultdict(int)
    expected: dict[str, int] = dict.fromkeys(rules, 0)
    for due in dues:
        expected[due.rule] = expected.get(due.rule, 0) + 1
    for due, _effect in sheet.clean:
        met[due.rule] += 1
    found = tuple(sorted(sheet.findings, key=lambda finding: (finding.at, finding.subject, finding.kind)))
    lines = tuple(LedgerRule(name=name, expected=count, met=met[name]) for name, count in expected.items())
    return Balance(LedgerResult(rules=lines, findings=found), tuple(sheet.matches))


class _Sheet:
    def __init__(self, tolerance_s: Mapping[str, float]) -> None:
        self._tolerance_s = tolerance_s
        self.matches: list[tuple[Due, Effect]] = []
        self.clean: list[tuple[Due, Effect]] = []
        self.findings: list[Finding] = []

    def match(self, dues: Sequence[Due], effects: Sequence[Effect]) -> tuple[list[Due], list[Effect]]:
        """Pair what agrees in place, name, person and time; give what is left on both sides."""
        waiting: dict[tuple[str, str, str], list[Due]] = defaultdict(list)
        for due in dues:
            waiting[due.account, due.name, due.subject].append(due)
        left_effects = []
        for effect in effects:
            candidates = waiting[effect.account, effect.name, effect.subject]
            fitting = [due for due in candidates if self._is_same_time(due, effect)]
            if not fitting:
                left_effects.append(effect)
                continue
            # Two engagements may share a second; the one whose values agree is meant.
            due = min(fitting, key=lambda due: len(_differences(due, effect)))
            candidates.remove(due)
            self._pair(due, effect)
        left = {id(due) for candidates in waiting.values() for due in candidates}
        return [due for due in dues if id(due) in left], left_effects

    def diagnose(self, dues: list[Due], effects: list[Effect]) -> None:
        """Say of every effect that fits nothing what it was meant to be, then of every due that it is lost."""
        for effect in effects:
            self._diagnose(effect, dues)
        for due in dues:
            self._find(
                FindingKind.LOST, due.person, f"{_spell(due)} is missing", at=due.at, evidence=(due.entry,)
            )

    def _diagnose(self, effect: Effect, dues: list[Due]) -> None:
        near = [due for due in dues if due.account == effect.account]
        for due in near:
            if due.name == effect.name and due.subject != effect.subject and self._is_same_time(due, effect):
                text = f"{_spell(due)} went to {_other(effect, due)} instead of {_other(due, effect)}"
                self._settle(FindingKind.MISROUTED, due, effect, text, dues)
                return
        for due in near:
            if due.subject == effect.subject and due.name != effect.name and self._is_same_time(due, effect):
                if self._is_repeat(effect):
                    break
                self._settle(
                    FindingKind.MISNAMED, due, effect, f"{_spell(due)} arrived as {effect.name!r}", dues
                )
                return
        repeated = self._repeated(effect)
        if repeated is not None:
            text = f"{_spell(repeated)} arrived once more"
            evidence = (repeated.entry, effect.entry)
            self._find(FindingKind.DOUBLED, repeated.person, text, at=effect.at, evidence=evidence)
            return
        shifted = [due for due in near if due.subject == effect.subject and due.name == effect.name]
        if shifted:
            due = min(shifted, key=lambda due: abs(due.at - effect.at))
            off_s = (effect.at - due.at).total_seconds()
            kind = FindingKind.LATE if off_s > 0 else FindingKind.EARLY
            text = f"{_spell(due)} carries a time that is {format_duration(abs(off_s))} {kind.value}"
            self._settle(kind, due, effect, text, dues)
            return
        text = f"{effect.name!r} at {effect.account} follows from nothing"
        self._find(
            FindingKind.INVENTED,
            effect.person or effect.subject,
            text,
            at=effect.at,
            evidence=(effect.entry,),
        )

    def _pair(self, due: Due, effect: Effect) -> None:
        self.matches.append((due, effect))
        differences = _differences(due, effect)
        evidence = (due.entry, effect.entry)
        if differences:
            text = f"{_spell(due)} arrived with {'; '.join(differences)}"
            self._find(FindingKind.ALTERED, due.person, text, at=due.at, evidence=evidence)
        elif effect.recorded_at < due.known_at:
            early = format_duration((due.known_at - effect.recorded_at).total_seconds())
            text = f"{_spell(due)} was there {early} before its cause"
            self._find(FindingKind.PREMATURE, due.person, text, at=due.at, evidence=evidence)
        else:
            self.clean.append((due, effect))

    def _settle(self, kind: FindingKind, due: Due, effect: Effect, text: str, dues: list[Due]) -> None:
        dues.remove(due)
        self.matches.append((due, effect))
        self._find(kind, due.person, text, at=due.at, evidence=(due.entry, effect.entry))

    def _repeated(self, effect: Effect) -> Due | None:
        for due, _matched in self.matches:
            same = (due.account, due.name, due.subject) == (effect.account, effect.name, effect.subject)
            if same and self._is_same_time(due, effect):
                return due
        return None

    def _is_repeat(self, effect: Effect) -> bool:
        return self._repeated(effect) is not None

    def _is_same_time(self, due: Due, effect: Effect) -> bool:
        tolerance_s = self._tolerance_s.get(
            due.account, self._tolerance_s.get(due.account.partition("/")[0], 0.0)
        )
        return abs((effect.at - due.at).total_seconds()) <= tolerance_s

    def _find(
        self, kind: FindingKind, subject: str, text: str, *, at: datetime, evidence: tuple[str, ...]
    ) -> None:
        self.findings.append(Finding(kind=kind, subject=subject, text=text, at=at, evidence=evidence))


def _other(one: Due | Effect, than: Due | Effect) -> str:
    """Name whom something is on; by the account's own address where both belong to the same person."""
    if one.person and one.person != than.person:
        return one.person
    return one.subject


def _differences(due: Due, effect: Effect) -> list[str]:
    return [
        f"{name} {effect.values.get(name)!r} instead of {wanted!r}"
        for name, wanted in due.values.items()
        if effect.values.get(name) != wanted
    ]


def _spell(due: Due) -> str:
    return f"{due.name!r} at {due.account}"
