"""Balances what should have followed from each engagement against what did.

The rules (`simulator.ledger_rules`) say, from the fakes' own ground truth and independently of any bridge,
which effects an engagement must have. Here they are matched with the effects there are: none lost, none
doubled, none invented, none altered, none on the wrong person, under the wrong name, at the wrong time, or before
its cause. What does not fit is settled by `simulator.diagnosis`.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.diagnosis import Diagnosis, Due, Effect, Times, differences, spell
from simulator.quantities import format_duration
from simulator.result import Finding, FindingKind, LedgerResult, LedgerRule

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["Balance", "Due", "Effect", "balance"]


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
        tolerance_s: By account (or its part before the slash): by less than how many seconds an effect's time may
            lie before its engagement's, because the account cuts times off there; infinity where it keeps none.
            Zero where nothing is said. No account moves a time on, so an effect is never later.
        rules: Rules that apply even when nothing was due under them, in the order of the report.
    """
    times = Times(tolerance_s)
    findings: list[Finding] = []
    matches: list[tuple[Due, Effect]] = []
    met: dict[str, int] = defaultdict(int)
    left_dues, left_effects = _match(dues, effects, times, matches)
    for due, effect in matches:
        finding = _judge(due, effect)
        if finding is None:
            met[due.rule] += 1
        else:
            findings.append(finding)
    diagnosis = Diagnosis(times, matches)
    findings += diagnosis.settle(left_dues, left_effects)
    expected: dict[str, int] = dict.fromkeys(rules, 0)
    for due in dues:
        expected[due.rule] = expected.get(due.rule, 0) + 1
    found = tuple(sorted(findings, key=lambda finding: (finding.at, finding.subject, finding.kind)))
    lines = tuple(LedgerRule(name=name, expected=count, met=met[name]) for name, count in expected.items())
    return Balance(LedgerResult(rules=lines, findings=found), (*matches, *diagnosis.matches))


def _match(
    dues: Sequence[Due], effects: Sequence[Effect], times: Times, matches: list[tuple[Due, Effect]]
) -> tuple[list[Due], list[Effect]]:
    """Pair what agrees in place, name, person and time; give what is left on both sides."""
    waiting: dict[tuple[str, str, str], list[Due]] = defaultdict(list)
    for due in dues:
        waiting[due.account, due.name, due.subject].append(due)
    altered: list[Effect] = []
    for effect in effects:
        candidates = waiting[effect.account, effect.name, effect.subject]
        for due in candidates:
            if times.fit(due, effect) and not differences(due, effect):
                candidates.remove(due)
                matches.append((due, effect))
                break
        else:
            altered.append(effect)
    left_effects: list[Effect] = []
    for effect in altered:  # what agrees in its values too has found its due by now
        candidates = waiting[effect.account, effect.name, effect.subject]
        fitting = [due for due in candidates if times.fit(due, effect)]
        if fitting:
            due = min(fitting, key=lambda due: len(differences(due, effect)))
            candidates.remove(due)
            matches.append((due, effect))
        else:
            left_effects.append(effect)
    left = {id(due) for candidates in waiting.values() for due in candidates}
    return [due for due in dues if id(due) in left], left_effects


def _judge(due: Due, effect: Effect) -> Finding | None:
    """Say what is wrong with an effect that is where and when it should be."""
    differs = "; ".join(differences(due, effect))
    if effect.recorded_at < due.known_at:
        early = format_duration((due.known_at - effect.recorded_at).total_seconds())
        kind, text = FindingKind.PREMATURE, f"{spell(due)} was there {early} before its cause"
        text += f", with {differs}" if differs else ""
    elif differs:
        kind, text = FindingKind.ALTERED, f"{spell(due)} arrived with {differs}"
    else:
        return None
    return Finding(kind=kind, subject=due.person, text=text, at=due.at, evidence=(due.entry, effect.entry))
