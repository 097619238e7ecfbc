"""The segment editor and the query language compare alike."""

from __future__ import annotations

import pytest

from fakes.clevertap import Where
from fakes.clevertap.conditions import on_properties
from fakes.clevertap.operators import OPERATORS

KNOWN = (None, "", "Gold", ["Gold", "Blue"], 0, 7, 7.0, "7", True, "x")
WANTED = (None, "gold", ["gold", "x"], 7, "7", [1, 9], [9, 1], [1], True)


@pytest.mark.parametrize("operator", OPERATORS)
def test_segment_and_query_agree_whatever_is_compared(operator: str) -> None:
    for known in KNOWN:
        for wanted in WANTED:
            properties = {} if known is None else {"Plan": known}
            [condition] = on_properties([{"name": "Plan", "operator": operator, "value": wanted}])

            assert Where("Plan", wanted, operator).holds(properties) is condition(properties), (known, wanted)


@pytest.mark.parametrize(
    ("known", "operator", "wanted", "holds"),
    [
        (["Gold", "Blue"], "equals", "blue", True),
        (["Gold", "Blue"], "not_equals", "blue", False),
        ("Gold", "greater_than", -1, False),  # what is no number is no zero either
        ("Gold", "less_than", 1, False),
        (True, "greater_than", 0, False),
        ("7", "greater_than_equals", 7, True),
        (7, "between", [1, 9], True),
        (7, "between", [9, 1], False),
        (None, "not_equals", "x", True),
        (None, "does_not_exist", None, True),
    ],
)
def test_values_are_compared(known: object, operator: str, wanted: object, *, holds: bool) -> None:
    properties = {} if known is None else {"Plan": known}

    assert Where("Plan", wanted, operator).holds(properties) is holds


def test_unknown_operator_is_refused_with_what_there_is() -> None:
    with pytest.raises(ValueError, match="operator 'like', wanted one of equals"):
        Where("Plan", "x", "like")
