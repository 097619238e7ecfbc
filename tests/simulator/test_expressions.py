from __future__ import annotations

from typing import Any

import pytest

from simulator.expressions import NAMES, ExpressionInvalid, Group, compile_expression, evaluate

ASHA, RAVI, NOOR = "asha@example.com", "ravi@example.com", "noor@example.com"


def names(**changes: Any) -> dict[str, Any]:
    everybody = Group({ASHA: (0.0,), RAVI: (0.0,), NOOR: (0.0,)})
    made: dict[str, Any] = {name: Group({}) for name in NAMES}
    return made | {
        "people": everybody,
        "opened": Group({ASHA: (10.0, 100_000.0), RAVI: (20.0,)}),
        "submitted": Group({ASHA: (90_000.0,)}),
        "sms": lambda name: Group({NOOR: (1.0,)} if name == "nudge" else {}),
        **changes,
    }


class TestGroups:
    def test_people_are_counted_once_and_happenings_each(self) -> None:
        opened = names()["opened"]

        assert (opened.count, opened.total, len(opened)) == (2, 3, 2)
        assert list(opened) == [ASHA, RAVI]

    def test_within_keeps_what_happened_early_enough(self) -> None:
        opened = names()["opened"].within("1 day")

        assert (opened.count, opened.total) == (2, 2)
        assert names()["submitted"].within("1 day").count == 0
        assert names()["submitted"].within("25 h").count == 1

    def test_groups_subtract_meet_and_join(self) -> None:
        people, opened, submitted = (names()[name] for name in ("people", "opened", "submitted"))

        assert list(people - opened) == [NOOR]
        assert list(opened & submitted) == [ASHA]
        assert list(submitted | opened) == [ASHA, RAVI]
        assert (submitted | opened).total == 4

    def test_groups_are_equal_when_the_same_people_are_in_them(self) -> None:
        opened = names()["opened"]

        assert opened == Group({RAVI: (), ASHA: ()})
        assert opened != names()["submitted"]
        assert opened != 2
        assert hash(opened) == hash(Group({RAVI: (), ASHA: ()}))

    def test_a_group_shows_a_few_of_its_people(self) -> None:
        assert str(names()["submitted"]) == f"1 people ({ASHA})"
        assert str(Group({f"p{n}@x": () for n in range(7)})) == "7 people (p0@x, p1@x, p2@x, p3@x, p4@x, …)"


@pytest.mark.parametrize(
    "text",
    [
        "opened.count == 2",
        "sms('nudge').count == (people - opened).count",
        "sms('other').total == 0",
        "'asha@example.com' in opened",
        "opened.count > submitted.count and people.count == 3",
        "people | length == 3",
        "not submitted.count > 5",
        "(opened | list)[0] == 'asha@example.com'",
    ],
)
def test_true_expressions_are_true(text: str) -> None:
    assert evaluate(text, names()) == (True, "")


@pytest.mark.parametrize(
    ("text", "sides"),
    [
        ("opened.count == people.count", "opened.count is 2, people.count is 3"),
        ("opened.count >= 3", "opened.count is 2"),
        ("opened.count != 2", "opened.count is 2"),
        ("opened - opened", "it came to 0 people ()"),
        ("not (opened.count == 2)", "it came to False"),
        ("sms('a == b').count > 7", "sms('a == b').count is 0"),
        ("opened.count>3", "it came to False"),
    ],
)
def test_false_expressions_show_what_stood_on_both_sides(text: str, sides: str) -> None:
    assert evaluate(text, names()) == (False, sides)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("opened.count ==", "which is no expression"),
        ("{{ 1 }}", "which is no expression"),
        ("", "which is no expression"),
        ("opend.count", "found `opend` in an expression, which is not known"),
    ],
)
def test_what_is_no_expression_is_refused_before_anything_runs(text: str, message: str) -> None:
    with pytest.raises(ExpressionInvalid, match=message):
        compile_expression(text)


def test_a_misspelt_name_is_guessed() -> None:
    with pytest.raises(ExpressionInvalid) as refusal:
        compile_expression("opend.count")

    assert refusal.value.hint == "did you mean `opened`?"


@pytest.mark.parametrize(
    "text",
    [
        "opened.cuont == 3",
        "opened.count / submitted.within('1 s').count > 1",
        "opened.within('soon').count == 1",
        "opened.count < 'three'",
        "sms.count == 1",
        "(opened | list)[9]",
        "opened.__class__.__mro__[1].__subclasses__()",
        "sms()",
    ],
)
def test_an_expression_that_cannot_be_computed_is_told_and_not_crashed_upon(text: str) -> None:
    with pytest.raises(ExpressionInvalid, match="cannot be computed"):
        evaluate(text, names())
