from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from simulator.ledger import Due, Effect, balance
from simulator.result import FindingKind
from tests.support.fakes import START

ASHA, RAVI = "asha@example.com", "ravi@example.com"
OPENED, CLICKED = "MM Email Opened", "MM Email Link Clicked"
TOLERANCE_S = {"clevertap": 1.0, "segment": 0.001, "mailmodo campaign": float("inf")}


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def due(subject: str = ASHA, name: str = OPENED, seconds: float = 60, **changes: Any) -> Due:
    settings: dict[str, Any] = {
        "rule": "activity",
        "account": "clevertap",
        "name": name,
        "subject": subject,
        "at": at(seconds),
        "person": subject,
        "entry": f"due/{subject}/{name}/{seconds}",
        "cause": "e1",
        "known_at": at(seconds),
    }
    return Due(**(settings | changes))


def effect(subject: str = ASHA, name: str = OPENED, seconds: float = 60, **changes: Any) -> Effect:
    settings: dict[str, Any] = {
        "account": "clevertap",
        "name": name,
        "subject": subject,
        "at": at(seconds),
        "values": {},
        "person": subject,
        "entry": f"effect/{subject}/{name}/{seconds}",
        "cause": "e2",
        "recorded_at": at(seconds + 1),
    }
    return Effect(**(settings | changes))


def found(dues: list[Due], effects: list[Effect], **settings: Any) -> list[tuple[FindingKind, str, str]]:
    result = balance(dues, effects, tolerance_s=TOLERANCE_S, **settings).result
    return [(finding.kind, finding.subject, finding.text) for finding in result.findings]


def test_effects_where_they_should_be_balance() -> None:
    balanced = balance(
        [due(), due(RAVI)], [effect(RAVI), effect()], tolerance_s=TOLERANCE_S, rules=["activity", "answers"]
    )

    assert balanced.result.is_balanced
    assert [(rule.name, rule.expected, rule.met) for rule in balanced.result.rules] == [
        ("activity", 2, 2),
        ("answers", 0, 0),
    ]
    assert [(one.subject, other.subject) for one, other in balanced.matches] == [(RAVI, RAVI), (ASHA, ASHA)]


def test_nothing_balances_with_nothing() -> None:
    assert found([], []) == []


@pytest.mark.parametrize(
    ("account", "off_s", "kinds"),
    [
        ("clevertap", 0.9, []),
        ("clevertap", -1.0, []),
        ("clevertap", 1.1, [FindingKind.LATE]),
        ("segment/mailjet", 0.001, []),
        ("segment/mailjet", 0.002, [FindingKind.LATE]),
        ("mailmodo campaign", 86_400, []),
        ("elsewhere", 0, []),
        ("elsewhere", 0.000_001, [FindingKind.LATE]),
        ("clevertap", -7200, [FindingKind.EARLY]),
    ],
)
def test_times_may_differ_as_far_as_the_account_keeps_them(
    account: str, off_s: float, kinds: list[FindingKind]
) -> None:
    carried = effect(account=account, at=at(60 + off_s))

    assert [kind for kind, *_ in found([due(account=account)], [carried])] == kinds


@pytest.mark.parametrize(
    ("dues", "effects", "kind", "subject", "text"),
    [
        ([due()], [], FindingKind.LOST, ASHA, "'MM Email Opened' at clevertap is missing"),
        ([due()], [effect(), effect()], FindingKind.DOUBLED, ASHA,
         "'MM Email Opened' at clevertap arrived once more"),
        ([due()], [effect(RAVI)], FindingKind.MISROUTED, ASHA,
         f"'MM Email Opened' at clevertap went to {RAVI} instead of {ASHA}"),
        ([due()], [effect(name="MM Open")], FindingKind.MISNAMED, ASHA,
         "'MM Email Opened' at clevertap arrived as 'MM Open'"),
        ([due()], [effect(seconds=3660)], FindingKind.LATE, ASHA,
         "'MM Email Opened' at clevertap carries a time that is 1 h late"),
        ([due()], [effect(seconds=0)], FindingKind.EARLY, ASHA,
         "'MM Email Opened' at clevertap carries a time that is 1 min early"),
        ([], [effect()], FindingKind.INVENTED, ASHA, "'MM Email Opened' at clevertap follows from nothing"),
        ([due(values={"score": 9})], [effect(values={"score": 8})], FindingKind.ALTERED, ASHA,
         "'MM Email Opened' at clevertap arrived with score 8 instead of 9"),
        ([due(values={"score": 9})], [effect()], FindingKind.ALTERED, ASHA,
         "'MM Email Opened' at clevertap arrived with score None instead of 9"),
        ([due(known_at=at(90))], [effect()], FindingKind.PREMATURE, ASHA,
         "'MM Email Opened' at clevertap was there 29 s before its cause"),
    ],
)  # fmt: skip
def test_every_kind_of_difference_is_named_once_for_whom_and_by_how_much(
    dues: list[Due], effects: list[Effect], kind: FindingKind, subject: str, text: str
) -> None:
    assert found(dues, effects) == [(kind, subject, text)]


def test_a_difference_is_shown_with_its_evidence_and_does_not_count_as_met() -> None:
    lost, late = due(RAVI), due()
    result = balance([lost, late], [effect(seconds=600)], tolerance_s=TOLERANCE_S).result

    assert [(finding.at, finding.evidence) for finding in result.findings] == [
        (late.at, (late.entry, "effect/asha@example.com/MM Email Opened/600")),
        (lost.at, (lost.entry,)),
    ]
    assert [(rule.expected, rule.met) for rule in result.rules] == [(2, 0)]


def test_properties_beyond_what_is_due_are_welcome() -> None:
    assert found([due(values={"score": 9})], [effect(values={"score": 9, "extra": 1})]) == []


def test_of_two_engagements_in_one_second_the_one_with_the_same_values_is_meant() -> None:
    dues = [due(values={"link": "a"}), due(values={"link": "b"})]
    effects = [effect(values={"link": "b"}), effect(values={"link": "a"})]

    assert found(dues, effects) == []


def test_differences_of_two_people_do_not_get_mixed_up() -> None:
    dues = [due(), due(RAVI), due(ASHA, CLICKED, 90), due(RAVI, CLICKED, 120)]
    effects = [effect(), effect(RAVI), effect(RAVI), effect(ASHA, "MM Click", 90)]

    assert sorted(kind for kind, *_ in found(dues, effects)) == [
        FindingKind.DOUBLED,
        FindingKind.LOST,
        FindingKind.MISNAMED,
    ]


def test_accounts_do_not_help_each_other_out() -> None:
    assert [kind for kind, *_ in found([due()], [effect(account="segment/mailmodo")])] == [
        FindingKind.INVENTED,
        FindingKind.LOST,
    ]


def test_somebody_without_an_address_is_called_by_what_the_account_knows() -> None:
    ((_kind, subject, _text),) = found([], [effect(person="", subject="_obj1")])

    assert subject == "_obj1"


def test_findings_come_in_the_order_of_time() -> None:
    dues = [due(seconds=seconds) for seconds in (300, 60, 180)]
    result = balance(dues, [], tolerance_s=TOLERANCE_S).result

    assert [finding.at for finding in result.findings] == [at(60), at(180), at(300)]
