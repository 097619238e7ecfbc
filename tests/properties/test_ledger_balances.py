"""A perfect bridge balances; one that is wrong about one thing is found to be wrong about that one thing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from simulator.ledger import Due, Effect, balance
from simulator.result import Finding, FindingKind
from tests.support.fakes import START

pytestmark = pytest.mark.slow
PEOPLE = [f"{name}@example.com" for name in ("asha", "ravi", "noor", "uma")]
NAMES = ["MM Email Opened", "MM Email Link Clicked", "MM Email Form Submitted"]
TOLERANCE_S = {"clevertap": 1.0, "segment": 0.001}


@st.composite
def days(draw: st.DrawFn) -> list[Due]:
    """Draw what happened: engagements of some people at least ten seconds apart, two accounts each."""
    moments = draw(st.lists(st.integers(0, 500), min_size=1, max_size=12, unique=True))
    made = []
    for number, moment in enumerate(moments):
        who, name = draw(st.sampled_from(PEOPLE)), draw(st.sampled_from(NAMES))
        at = START + timedelta(seconds=moment * 10)
        accounts = draw(st.sampled_from([("clevertap",), ("clevertap", "segment/mailmodo")]))
        made += [
            Due(
                rule=account,
                account=account,
                name=name,
                subject=who,
                at=at,
                values={"number": number},
                person=who,
                entry=f"due {number}",
                cause=f"e{number}",
                known_at=at,
            )
            for account in accounts
        ]
    return made


def effect_of(due: Due, **changes: object) -> Effect:
    made = Effect(
        account=due.account,
        name=due.name,
        subject=due.subject,
        at=due.at,
        values={**due.values, "more": True},
        person=due.person,
        entry=f"effect of {due.entry}",
        cause="",
        recorded_at=due.known_at + timedelta(seconds=1),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def findings(dues: list[Due], effects: list[Effect]) -> list[Finding]:
    return list(balance(dues, effects, tolerance_s=TOLERANCE_S).result.findings)


@given(days(), st.randoms(use_true_random=False), st.integers(-999, 0))
def test_a_perfect_bridge_balances_in_whatever_order_it_delivers(
    dues: list[Due], random: object, off: int
) -> None:
    effects = [
        effect_of(due, at=due.at + timedelta(milliseconds=off))
        if due.account == "clevertap"
        else effect_of(due)
        for due in dues
    ]
    random.shuffle(effects)  # type: ignore[attr-defined]

    balanced = balance(dues, effects, tolerance_s=TOLERANCE_S)

    assert balanced.result.is_balanced
    assert len(balanced.matches) == len(dues)
    assert sum(rule.met for rule in balanced.result.rules) == len(dues)


@given(days(), st.data())
def test_one_wrong_thing_is_one_finding_of_the_right_kind(dues: list[Due], data: st.DataObject) -> None:
    wrong = data.draw(st.sampled_from(dues))
    break_ = data.draw(
        st.sampled_from(["drop", "repeat", "move", "rename", "delay", "hasten", "alter", "presage"])
    )
    right = effect_of(wrong)
    if break_ == "drop":
        instead, kind = [], FindingKind.LOST
    elif break_ == "repeat":
        instead, kind = [right, right], FindingKind.DOUBLED
    elif break_ == "move":
        other = data.draw(st.sampled_from([who for who in PEOPLE if who != wrong.subject]))
        instead, kind = [replace(right, subject=other, person=other)], FindingKind.MISROUTED
    elif break_ == "rename":
        name = data.draw(st.sampled_from(["Opened", *(name for name in NAMES if name != wrong.name)]))
        instead, kind = [replace(right, name=name)], FindingKind.MISNAMED
    elif break_ in ("delay", "hasten"):
        seconds = data.draw(st.integers(1, 400)) * 10 + 5  # never onto another engagement
        sign, kind = (1, FindingKind.LATE) if break_ == "delay" else (-1, FindingKind.EARLY)
        instead = [replace(right, at=right.at + timedelta(seconds=sign * seconds))]
    elif break_ == "alter":
        instead, kind = [replace(right, values={"number": -1})], FindingKind.ALTERED
    else:
        instead, kind = [replace(right, recorded_at=wrong.at - timedelta(seconds=2))], FindingKind.PREMATURE
    effects = [effect for due in dues for effect in (instead if due is wrong else [effect_of(due)])]
    shuffled = data.draw(st.permutations(effects))

    (finding,) = findings(dues, list(shuffled))

    assert finding.kind is kind
    assert finding.subject == wrong.person
    assert wrong.name in finding.text
    assert finding.evidence[0] == wrong.entry


@given(days(), st.integers(10_001, 20_000), st.sampled_from(PEOPLE))
def test_what_follows_from_nothing_is_invented(dues: list[Due], seconds: int, who: str) -> None:
    fresh = replace(
        effect_of(dues[0]), subject=who, person=who, name="Paid", at=START + timedelta(seconds=seconds)
    )

    (finding,) = findings(dues, [*(effect_of(due) for due in dues), fresh])

    assert (finding.kind, finding.subject) == (FindingKind.INVENTED, who)


@given(days(), days())
def test_the_sum_of_findings_never_hides_a_difference(dues: list[Due], others: list[Due]) -> None:
    """Whatever the effects are: it balances only if they are the ones that are due."""

    def keys(items: list[Due]) -> list[tuple[str, ...]]:
        return sorted((due.account, due.name, due.subject, str(due.at), str(due.values)) for due in items)

    assume(keys(dues) != keys(others))

    assert findings(dues, [effect_of(due) for due in others]) != []
