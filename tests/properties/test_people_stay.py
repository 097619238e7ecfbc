"""People keep name, habits and answers when others are added or taken away."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.people import Person, make_people
from simulator.quantities import Delay, Share
from simulator.scenario import Habit, NamedPerson, PeopleSpec

HABITS = {
    "open": Habit(Share(0.6), Delay(60, 6000, is_log_normal=True)),
    "submit": Habit(Share(0.5, "open"), Delay(60, 600)),
}


def people(count: int, seed: int, named: tuple[str, ...] = ()) -> tuple[Person, ...]:
    made = tuple(NamedPerson(name, f"{name}@example.com", "", None, "", "", {}, {}) for name in named)
    spec = PeopleSpec(
        count + len(named), "en_IN", 0.8, {"amp": 0.7, "html": 0.2, "apple": 0.1}, 0.05, 0.05, HABITS, made
    )
    return make_people(spec, seed)


def shown(person: Person) -> tuple[Any, ...]:
    drawn = [person.intend() for _ in range(3)]
    return (person.name, person.email, person.phone, person.user_id, person.client, person.mailbox, drawn)


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(st.integers(1, 20), st.integers(0, 20), st.integers(0, 2**32))
def test_adding_people_changes_nobody_else(count: int, more: int, seed: int) -> None:
    before = [shown(one) for one in people(count, seed)]

    after = [shown(one) for one in people(count + more, seed)]

    assert after[:count] == before


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(st.integers(1, 10), st.sets(st.sampled_from(["ada", "ben", "cleo"])), st.integers(0, 2**32))
def test_naming_somebody_changes_nobody_else(count: int, named: set[str], seed: int) -> None:
    before = {one.email: shown(one) for one in people(count, seed)}
    everybody = {one.email: shown(one) for one in people(count, seed, tuple(sorted(named)))}

    assert {email: everybody[email] for email in before} == before
    if named:
        (alone,) = people(0, seed, (min(named),))
        assert everybody[alone.email] == shown(alone)


@settings(max_examples=25, deadline=None)
@given(st.permutations(["ada", "ben", "cleo"]), st.integers(0, 2**32))
def test_the_order_of_the_named_does_not_matter(order: list[str], seed: int) -> None:
    def by_name(names: list[str]) -> dict[str, tuple[Any, ...]]:
        return {one.email: shown(one) for one in people(0, seed, tuple(names))}

    assert by_name(order) == by_name(sorted(order))
