from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.problems import ScenarioInvalid
from simulator.scenario_reader import read_scenario
from tests.support.stories import SURVEY, changed, text_of

pytestmark = pytest.mark.slow
PATHS = st.sampled_from(
    ["people.count", "seed", "lasts", "journey.0.at", "people.named.0.opens", "accounts.clevertap", "expect"]
) | st.lists(
    st.sampled_from(["people", "count", "0", "9", "", "journey", "x", "-1"]), min_size=1, max_size=4
).map(".".join)
VALUES = st.sampled_from(
    ["3", "2 days", "never", "[]", "{}", "null", "[", "{a: 1, a: 2}", "\t", ""]
) | st.text(max_size=6)


@given(st.integers(1, 500), st.integers(0, 99))
def test_an_override_is_as_if_it_stood_in_the_file(count: int, seed: int) -> None:
    overridden = read_scenario(
        text_of(SURVEY), "story.yaml", overrides=[("people.count", str(count)), ("seed", str(seed))]
    )

    written = read_scenario(text_of(changed(SURVEY, people__count=count, seed=seed)), "story.yaml")
    assert (overridden.people, overridden.seed, overridden.accounts) == (
        written.people,
        seed,
        written.accounts,
    )


@given(st.lists(st.tuples(PATHS, VALUES), max_size=3))
def test_no_override_whatever_ends_in_anything_but_a_pointed_message(
    overrides: list[tuple[str, str]],
) -> None:
    try:
        read_scenario(text_of(SURVEY), "story.yaml", overrides=overrides)
    except ScenarioInvalid as error:
        messages = [problem.message for problem in error.problems]
    else:
        messages = ["read"]
    assert messages
    assert all(messages)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=4),
        lambda below: (
            st.lists(below, max_size=3) | st.dictionaries(st.sampled_from([*SURVEY, "x"]), below, max_size=4)
        ),
        max_leaves=10,
    )
)
def test_no_document_whatever_ends_in_anything_but_a_pointed_message(data: Any) -> None:
    text = json.dumps({**SURVEY, **data} if isinstance(data, dict) else data)

    try:
        read_scenario(text, "story.yaml")
    except ScenarioInvalid as error:
        messages = [problem.message for problem in error.problems]
    else:
        messages = ["read"]
    assert messages
    assert all(messages)
