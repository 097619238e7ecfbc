from __future__ import annotations

from typing import Any

import pytest

from fakes.clevertap import CleverTapSettings
from fakes.clevertap.properties import apply, clean_name
from tests.fakes.clevertap.account import account, person


@pytest.mark.parametrize(
    ("before", "change", "after"),
    [
        ({}, {"$set": ["a", "b", "a"]}, ["a", "b"]),
        ({"k": ["a"]}, {"$set": ["b"]}, ["b"]),
        ({"k": ["a"]}, {"$add": ["b"]}, ["a", "b"]),
        ({}, {"$add": ["b"]}, ["b"]),
        ({"k": 7}, {"$add": ["b"]}, ["7", "b"]),
        ({"k": ["a", "b"]}, {"$remove": ["a"]}, ["b"]),
        ({"k": "a"}, {"$remove": ["b"]}, ["a"]),
        ({"k": ["a"]}, {"$remove": ["a"]}, None),
        ({"k": "x"}, {"$delete": True}, None),
        ({"k": "x"}, {"$delete": 1}, None),
        ({"k": 5}, {"$incr": 2}, 7),
        ({}, {"$incr": 2}, 2),
        ({"k": 5}, {"$decr": 2.5}, 2.5),
        ({}, {"$decr": 1}, -1),
        ({"k": "text"}, {"$incr": 1}, 1),
        ({"k": 1e308}, {"$incr": 1e308}, 1e308),
        ({"k": 1.5}, {"$incr": 10**400}, 1.5),
        ({}, {"nested": {"deep": 1}}, {"nested": {"deep": 1}}),
        ({"k": ["a"]}, ["b", "b", 3], ["b", "3"]),
        ({}, ["x"] * 3 + [str(n) for n in range(100)], [str(n) for n in range(100)]),
        ({}, "y" * 600, "y" * 512),
        ({"k": "kept"}, None, "kept"),
        ({}, True, True),
        ({}, 12.5, 12.5),
    ],
)
@pytest.mark.bounds("clevertap", "4: at most 100, each at most 512; when full the oldest go first")
def test_value_changes_a_property(before: dict[str, Any], change: Any, after: Any) -> None:
    properties = dict(before)

    apply(properties, {"k": change})

    assert properties.get("k") == after


def test_category_lists_are_not_turned_into_texts() -> None:
    properties: dict[str, Any] = {}

    apply(properties, {"category-unsubscribe": [1, 1]})

    assert properties == {"category-unsubscribe": [1, 1]}


def test_names_lose_what_is_forbidden_and_profile_keys_the_hash_too() -> None:
    assert clean_name("a%>b<!|c&.:;$'\"\\d#") == "abcd#"
    assert clean_name("a#b", is_profile=True) == "ab"
    assert clean_name("x" * 200) == "x" * 120


async def test_surplus_properties_are_dropped_and_logged() -> None:
    async with account(CleverTapSettings(max_profile_properties=3)) as ct:
        await ct.upload(person(a=1, b=2, c=3))

        assert (await ct.profile("asha@example.com"))["profileData"] == {"a": 1, "b": 2}
        assert "no room for property c" in ct.fake.state.error_stream[0]


async def test_operators_work_over_the_wire() -> None:
    async with account() as ct:
        await ct.upload(person(visits={"$incr": 3}, tags={"$add": ["x"]}))
        await ct.upload(person(visits={"$decr": 1}, tags={"$add": ["y"]}, Age="30"))

        assert (await ct.profile("asha@example.com"))["profileData"] == {
            "visits": 2,
            "tags": ["x", "y"],
            "Age": "30",
        }
        ct.stage.recorder.check()
