from __future__ import annotations

import pytest

from simulator.documents import Position
from simulator.problems import Problem, ScenarioInvalid, did_you_mean, spell_path


@pytest.mark.parametrize(
    ("found", "known", "hint"),
    [
        ("opne", ["open", "click"], "did you mean `open`?"),
        ("OPEN", ["open", "click"], "did you mean `open`?"),
        ("asha", ["Asha", "Ravi"], "did you mean `Asha`?"),
        ("zzz", ["open", "click"], "there are `open`, `click`"),
        ("zzz", ["open"], "there is `open`"),
        ("zzz", ["open", "open"], "there is `open`"),
        ("zzz", [], ""),
        (7, ["open"], "there is `open`"),
        ("zzz", [f"n{number}" for number in range(13)], "there are `n0`, `n1`"),
    ],
)
def test_what_was_meant_is_guessed_or_else_the_choice_shown(
    found: object, known: list[str], hint: str
) -> None:
    assert did_you_mean(found, known).startswith(hint)


def test_a_long_choice_is_cut_short() -> None:
    assert did_you_mean("zzz", [f"n{number}" for number in range(13)]).endswith("`n11`, …")


def test_paths_are_spelt_as_people_do() -> None:
    assert spell_path(("journey", 0, "clevertap")) == "journey[0].clevertap"
    assert spell_path((0, "a")) == "[0].a"
    assert spell_path(()) == ""


def test_a_problem_says_where_what_and_what_to_do() -> None:
    where = Position("story.yaml", 3, 8)

    assert str(Problem(where, "lasts", "found `x`", "write `2 days`")) == (
        "story.yaml:3:8: lasts: found `x`; write `2 days`"
    )
    assert str(Problem(where, "", "is empty")) == "story.yaml:3:8: is empty"


def test_problems_are_told_in_the_order_of_the_file() -> None:
    late, early = (Problem(Position("s", line, 1), "", f"line {line}") for line in (9, 2))

    error = ScenarioInvalid([late, early])

    assert error.problems == (early, late)
    assert str(error) == "s:2:1: line 2\ns:9:1: line 9"
