from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from simulator.diagnosis import ANYTHING, Diagnosis, Times
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
        ("clevertap", -0.999, []),
        ("clevertap", -1.0, [FindingKind.EARLY]),
        ("clevertap", 0.001, [FindingKind.LATE]),
        ("segment/mailjet", -0.000_9, []),
        ("segment/mailjet", -0.001, [FindingKind.EARLY]),
        ("segment/mailjet", 0.000_1, [FindingKind.LATE]),
        ("mailmodo campaign", 86_400, []),
        ("mailmodo campaign", -86_400, []),
        ("elsewhere", 0, []),
        ("elsewhere", 0.000_001, [FindingKind.LATE]),
        ("clevertap", -7200, [FindingKind.EARLY]),
    ],
)
def test_an_effect_may_be_earlier_by_what_its_account_cuts_off_and_never_later(
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
         "'MM Email Opened' at clevertap arrived with no score, wanted 9"),
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


def test_properties_beyond_what_is_due_are_welcome_where_no_document_lists_them_all() -> None:
    assert found([due(values={"score": 9})], [effect(values={"score": 9, "extra": 1})]) == []


def test_properties_beyond_what_the_documents_list_are_altered() -> None:
    ((kind, _who, text),) = found(
        [due(values={"score": 9}, is_closed=True)], [effect(values={"score": 9, "extra": 1, "none": None})]
    )

    assert (kind, text) == (
        FindingKind.ALTERED,
        "'MM Email Opened' at clevertap arrived with extra 1, which belongs to no such event",
    )


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, []),
        ({"list_id": 7}, []),
        ({"list_id": "7"}, []),
        ({"list_id": None}, []),
        ({"note": "whatever"}, []),
        ({"list_id": 8}, ["'MM Email Opened' at clevertap arrived with list_id 8 instead of 7"]),
    ],
)
def test_a_property_that_may_be_there_must_be_right_when_it_is(
    values: dict[str, Any], words: list[str]
) -> None:
    wanted = due(also={"list_id": 7, "note": ANYTHING}, is_closed=True)

    assert [text for _kind, _who, text in found([wanted], [effect(values=values)])] == words


def test_true_is_not_one() -> None:
    assert len(found([due(values={"is_hard": True})], [effect(values={"is_hard": 1})])) == 1


class TestManyAtOnce:
    """What is wrong with everybody in the same way is said of everybody in the same way."""

    PEOPLE = tuple(f"p{number}@example.com" for number in range(400))

    def dues(self) -> list[Due]:
        return [
            due(who, seconds=60 + number * 0.9, values={"campaign": "nps"})
            for number, who in enumerate(self.PEOPLE)
        ]

    @pytest.mark.parametrize(("off_s", "kind"), [(2, FindingKind.LATE), (-3600, FindingKind.EARLY)])
    def test_a_uniform_shift_is_only_ever_a_shift(self, off_s: float, kind: FindingKind) -> None:
        carried = [
            effect(who, seconds=int(60 + number * 0.9) + off_s, values={"campaign": "nps"})
            for number, who in enumerate(self.PEOPLE)
        ]

        assert {(one, who) for one, who, _text in found(self.dues(), carried)} == {
            (kind, who) for who in self.PEOPLE
        }

    def test_several_events_of_one_person_are_shifted_alike(self) -> None:
        dues = [due(seconds=seconds) for seconds in (0, 10, 20)]

        texts = [text for *_, text in found(dues, [effect(seconds=seconds) for seconds in (9, 19, 29)])]

        assert len(texts) == 3
        assert all(text.endswith("carries a time that is 9 s late") for text in texts)

    def test_people_who_swapped_events_are_misrouted_although_each_has_one_at_another_time(self) -> None:
        dues = [due(ASHA, values={"score": 1}), due(RAVI, seconds=900, values={"score": 2})]
        effects = [effect(RAVI, values={"score": 1}), effect(ASHA, seconds=900, values={"score": 2})]

        assert sorted(found(dues, effects)) == [
            (FindingKind.MISROUTED, ASHA, f"'MM Email Opened' at clevertap went to {RAVI} instead of {ASHA}"),
            (FindingKind.MISROUTED, RAVI, f"'MM Email Opened' at clevertap went to {ASHA} instead of {RAVI}"),
        ]

    def test_a_mail_to_the_wrong_person_does_not_take_the_place_of_their_own(self) -> None:
        dues = [due(who, "nps", account="mailmodo campaign", values={"id": who}) for who in (ASHA, RAVI)]
        effects = [
            effect(RAVI, "nps", account="mailmodo campaign", values={"id": who}) for who in (ASHA, RAVI)
        ]

        assert [(kind, who) for kind, who, _text in found(dues, effects)] == [(FindingKind.MISROUTED, ASHA)]

    def test_what_differs_besides_is_said_too(self) -> None:
        wanted = due(values={"score": 9}, known_at=at(90))

        assert found([wanted], [effect(values={})])[0][2] == (
            "'MM Email Opened' at clevertap was there 29 s before its cause, with no score, wanted 9"
        )
        assert found([wanted], [effect(seconds=120, values={})])[0][2] == (
            "'MM Email Opened' at clevertap carries a time that is 1 min late, with no score, wanted 9"
        )

    def test_a_bridge_that_is_wrong_about_everybody_costs_no_more_than_one_that_is_right(self) -> None:
        """Counts comparisons rather than seconds: the work grows with the number of events, not its square."""

        def compared(count: int) -> int:
            dues = [due(f"p{number}@example.com", seconds=number * 3) for number in range(count)]
            wrong = [effect("nobody@example.com", seconds=number * 3 + 3600) for number in range(count)]
            asked = 0

            class Counting(Times):
                def fit(self, due: Due, effect: Effect) -> bool:
                    nonlocal asked
                    asked += 1
                    return super().fit(due, effect)

            Diagnosis(Counting(TOLERANCE_S), []).settle(dues, wrong)
            return asked

        assert compared(800) <= 2.5 * max(compared(400), 1)


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
