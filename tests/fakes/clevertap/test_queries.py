"""The query language over the wire; the samples are CleverTap's own, with our dates."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.clevertap.account import NOW_TS, Account, account, event, person

RANGE = {"from": 20260301, "to": 20260303}
A, B, C = "a@example.com", "b@example.com", "c@example.com"


async def who(ct: Account, **query: Any) -> list[str]:
    """Export the profiles that a query finds; say their addresses."""
    _, started = await ct.call("POST", "/1/profiles.json", body=query)
    page = await ct.call("GET", f"/1/profiles.json?cursor={started['cursor']}")
    _, counted = await ct.call("POST", "/1/counts/profiles.json", body=query)
    found = [
        record.get("email", record["platformInfo"][0]["objectId"]) for record in page[1].get("records", [])
    ]
    assert counted == {"status": "success", "count": len(found)}
    return found


async def did(ct: Account, email: str, name: str, times: int = 1, **data: Any) -> None:
    await ct.upload(*(event(name, identity=email, evtData=data) for _ in range(times)))


async def test_hybrid_query_of_the_vendors_sample() -> None:
    async with account() as ct:
        await ct.upload(*(person(email, language="fr") for email in (A, B)), person(C, language="en"))
        for email in (A, B, C):
            await did(ct, email, "Charged", Amount=100)
            await did(ct, email, "Added To Cart", 10, **{"Product name": "Model S"})
        await did(ct, B, "Added To Cart", 1, **{"Product name": "Model S"})

        found = await who(
            ct,
            event_name="Charged",
            **RANGE,
            event_properties=[{"name": "Amount", "operator": "equals", "value": 100}],
            common_profile_properties={
                "profile_fields": [{"name": "language", "operator": "equals", "value": "fr"}]
            },
            advanced_query={
                "did_none": [
                    {"event_name": "App Uninstalled", **RANGE},
                    {"event_name": "UTM Visited", **RANGE},
                ],
                "did_any": {
                    "any_events": [
                        {
                            "event_name": "Added To Cart",
                            **RANGE,
                            "event_properties": [
                                {"name": "Product name", "operator": "equals", "value": "Model S"}
                            ],
                        },
                        {"event_name": "App Launched", **RANGE},
                    ],
                    "operator": "equals",
                    "value": 10,
                },
            },
        )

        assert found == [A]
        ct.stage.recorder.check()


@pytest.mark.parametrize(
    ("advanced", "found"),
    [
        ({"did_all": [{"event_name": "X", **RANGE}]}, [A, B]),
        ({"did_all": [{"event_name": "X", **RANGE}, {"event_name": "Y", **RANGE}]}, [B]),
        ({"did_all": [{"event_name": "X", **RANGE, "operator": "equals", "value": 2}]}, [A]),
        ({"did_any": {"any_events": [{"event_name": "X", **RANGE}, {"event_name": "Y", **RANGE}]}}, [A, B, C]),
        ({"did_any": {"any_events": [{"event_name": "Y", **RANGE}], "operator": "between", "value": [1, 1]}}, [B, C]),
        ({"did_none": [{"event_name": "X", **RANGE}]}, [C]),
        ({"did_none": [{"event_name": "X", **RANGE}, {"event_name": "Y", **RANGE}]}, []),
        ({"did_none": [{"event_name": "X", "from": 20260228, "to": 20260301}]}, [A, B, C]),
        ({"did_all": [{"event_name": "X", **RANGE}], "did_none": [{"event_name": "Y", **RANGE}]}, [A]),
    ],
)  # fmt: skip
async def test_people_by_what_they_did(advanced: dict[str, Any], found: list[str]) -> None:
    async with account() as ct:
        await did(ct, A, "X", 2)
        await did(ct, B, "X")
        await did(ct, B, "Y")
        await did(ct, C, "Y")

        assert await who(ct, advanced_query=advanced) == found
        ct.stage.recorder.check()


@pytest.mark.parametrize(
    ("common", "found"),
    [
        ({"demographics": [{"name": "Education", "value": ["College", "Graduate"]}]}, [A]),
        ({"demographics": [{"name": "Gender", "value": "Female"}]}, [A]),
        ({"demographics": [{"name": "Gender", "value": "M"}]}, [B]),
        ({"demographics": [{"name": "Age", "operator": "between", "value": [25, 35]}]}, [A, B]),
        ({"technographics": [{"name": "Device", "operator": "equals", "value": ["Mobile", "Tablet"]}]}, [A]),
        ({"technographics": [{"name": "Platform", "value": "AndroidApp"}]}, [A]),
        ({"technographics": [{"name": "OS", "operator": "does_not_exist"}]}, []),
        ({"reachability": [{"name": "has_token", "value": "True"}]}, [A]),
        ({"reachability": [{"name": "has_token", "value": "False"}]}, [B, C]),
        ({"profile_fields": [{"Key": "Customer Type", "value": "Platinum"}]}, [C]),
        ({"app_fields": [{"name": "Make", "operator": "contains", "value": "Apple"}]}, []),
        ({"geo_fields": [["India", "Maharashtra", "Mumbai"], ["United States", "New York", "New York City"]]}, []),
        ({"geo_radius": [[35, 42.5, 5.2], [77.6, 76.2, 11]]}, []),
        ({"geo_fields": [], "profile_fields": []}, [A, B, C]),
        ({"demographics": [{"name": "Gender", "value": "F"}], "reachability": [{"name": "has_token", "value": "False"}]}, []),
    ],
)  # fmt: skip
async def test_people_by_what_they_are(common: dict[str, Any], found: list[str]) -> None:
    async with account() as ct:
        await ct.upload(
            person(A, Gender="F", Education="College", Age=30) | {"objectId": "__a"},
            {"type": "token", "objectId": "__a", "tokenData": {"id": "t", "type": "fcm"}},
            person(B, Gender="M", DOB=f"$D_{NOW_TS - 30 * 365 * 86400}"),
            person(C, **{"Customer Type": "Platinum"}),
        )
        for email in (A, B, C):
            await did(ct, email, "X")

        assert await who(ct, event_name="X", **RANGE, common_profile_properties=common) == found
        ct.stage.recorder.check()


@pytest.mark.parametrize(
    ("born", "found"),
    [
        (f"$D_{NOW_TS - 30 * 365 * 86400}", [A]),
        ("$D_-315619200", [A]),  # 1 January 1960
        ("$D_\u0663\u0663\u0663", []),  # digits, but not those of a date
        ("$D_\uff11\uff12", []),
        ("$D_", []),
        ("$D_1e9", []),
        ("$D_99999999999", []),
        ("1990-01-01", []),
    ],
)
async def test_age_follows_from_a_date_of_birth_that_is_one(born: str, found: list[str]) -> None:
    async with account() as ct:
        await ct.upload(person(A, DOB=born))
        await did(ct, A, "X")
        ages = {"demographics": [{"name": "Age", "operator": "between", "value": [20, 80]}]}

        assert await who(ct, event_name="X", **RANGE, common_profile_properties=ages) == found
        ct.stage.recorder.check(sent=False)


@pytest.mark.parametrize(
    ("session", "count"),
    [
        ([{"name": "first_time", "value": "True"}], 0),
        ([{"name": "utm_source", "operator": "does_not_exist"}], 1),
        ([], 1),
    ],
)
async def test_uploaded_events_belong_to_no_session(session: Any, count: int) -> None:
    async with account() as ct:
        await did(ct, A, "X")

        _, answer = await ct.call(
            "POST", "/1/counts/events.json", body={"event_name": "X", **RANGE, "session_properties": session}
        )

        assert answer["count"] == count
        ct.stage.recorder.check()


async def test_days_may_be_texts() -> None:
    async with account() as ct:
        await did(ct, A, "X")

        assert await who(ct, event_name="X", **{"from": "20260301", "to": "20260303"}) == [A]
        ct.stage.recorder.check()


async def test_every_unknown_event_is_listed_once() -> None:
    async with account() as ct:
        nobody = {"event_name": "Nobody's", **RANGE}

        _, answer = await ct.call(
            "POST",
            "/1/counts/profiles.json",
            body={"event_name": "Nothing", **RANGE, "advanced_query": {"did_none": [nobody, nobody]}},
        )

        assert answer["error"] == '["Invalid event : Nothing", "Invalid event : Nobody\'s"]'


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"event_name": "X"},
        {"advanced_query": {}},
        {"advanced_query": []},
        {"advanced_query": {"did_some": []}},
        {"advanced_query": {"did_all": {}}},
        {"advanced_query": {"did_all": [{}]}},
        {"advanced_query": {"did_all": [{"event_name": "X", **RANGE, "operator": "rhymes"}]}},
        {"advanced_query": {"did_any": {"any_events": []}}},
        {"advanced_query": {"did_any": []}},
        {"event_name": "X", **RANGE, "common_profile_properties": {"shoes": []}},
        {"event_name": "X", **RANGE, "common_profile_properties": {"geo_radius": [[1, 2]]}},
        {"event_name": "X", **RANGE, "common_profile_properties": {"geo_radius": [[1, 2, True]]}},
        {"event_name": "X", **RANGE, "common_profile_properties": {"geo_fields": ["India"]}},
        {"event_name": "X", **RANGE, "session_properties": {}},
        {"event_name": "X", **RANGE, "shoes": 1},
        {"event_name": "X", **RANGE, "event_properties": [{"value": 1}]},
    ],
)
async def test_query_that_is_none_is_refused(body: Any) -> None:
    async with account() as ct:
        await did(ct, A, "X")

        _, answer = await ct.call("POST", "/1/counts/profiles.json", body=body)

        assert answer == {"status": "fail", "error": "Incorrect Usage", "code": 400}
        ct.stage.recorder.check(sent=False)


async def test_events_cannot_be_exported_without_naming_one() -> None:
    async with account() as ct:
        await did(ct, A, "X")
        advanced = {"did_all": [{"event_name": "X", **RANGE}]}

        _, answer = await ct.call("POST", "/1/events.json", body={"advanced_query": advanced})

        assert answer["error"] == "Incorrect Usage"
