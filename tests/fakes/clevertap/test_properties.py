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
@pytest.mark.bounds(
    "clevertap", "4: at most 100, each at most 512; when full the oldest go first", without_wire=True
)
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
        await ct.upload(person(a=1, b=2, c=3, d=4))

        assert (await ct.profile("asha@example.com"))["profileData"] == {"a": 1, "b": 2, "c": 3}
        assert "no room for property d" in ct.fake.state.error_stream[0]


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


@pytest.mark.bounds("clevertap", "4: Custom keys per profile: 256")
async def test_predefined_keys_take_no_room_from_custom_ones() -> None:
    async with account() as ct:
        custom: dict[str, Any] = {f"k{number}": number for number in range(257)}
        await ct.upload(person(Name="Asha", Phone="+919876543210", Gender="F", **{"MSG-sms": True} | custom))
        gone: dict[str, Any] = {"none1": {"$delete": True}, "none2": {"$remove": ["a"]}, "none3": None}
        await ct.upload(person(**gone, Age=33))

        [profile] = ct.fake.state.profiles
        assert [key for key in profile.properties if key.startswith("k")] == [f"k{n}" for n in range(256)]
        assert (profile.properties["Age"], profile.properties["MSG-sms"]) == (33, True)
        assert list(ct.fake.state.error_stream) == [f"profile {profile.object_id}: no room for property k256"]


async def test_room_that_is_made_is_used() -> None:
    async with account(CleverTapSettings(max_profile_properties=1)) as ct:
        await ct.upload(person(a=1), person(a={"$delete": True}), person(b=2))

        [profile] = ct.fake.state.profiles
        assert profile.properties == {"Email": "asha@example.com", "b": 2}


@pytest.mark.answers("clevertap", 6)
async def test_what_a_profile_keeps_otherwise_stands_in_the_error_stream() -> None:
    async with account() as ct:
        long = "v" * 513
        more: dict[str, Any] = {"k" * 121: 1, "a.b": 2, "list": [long], "more": {"$add": ["a", long]}}
        await ct.upload(person(**more, one=long))

        [profile] = ct.fake.state.profiles
        who = f"profile {profile.object_id}: "
        assert list(ct.fake.state.error_stream) == [
            f"{who}{'k' * 121} not stored as it was sent",
            f"{who}a.b not stored as it was sent",
            f"{who}value of list cut to 512 characters",
            f"{who}value of more cut to 512 characters",
            f"{who}value of one cut to 512 characters",
        ]
        assert profile.properties["more"] == ["a", "v" * 512]


@pytest.mark.parametrize("value", ["3", None, True, [1], {"n": 1}])
async def test_no_number_is_neither_added_nor_taken_away(value: Any) -> None:
    async with account() as ct:
        await ct.upload(person(had=5), person(had={"$incr": value}, new={"$decr": value}))

        [profile] = ct.fake.state.profiles
        assert profile.properties == {"Email": "asha@example.com", "had": 5}
