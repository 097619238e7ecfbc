from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from yarl import URL

from fakes.clevertap import CleverTapSettings
from tests.fakes.clevertap.account import NOW_TS, Account, account, event, person

QUERY = {"event_name": "MM Email Opened", "from": 20260301, "to": 20260303}


async def get(ct: Account, path: str) -> Any:
    """Ask with the path byte for byte, as curl does."""
    url = URL(ct.url(path), encoded=True)
    async with ct.stage.session.get(url, headers=ct.headers) as response:
        return await response.json(content_type=None)


async def pages(ct: Account, path: str, cursor: str) -> list[Any]:
    found = []
    while cursor:
        page = await get(ct, f"{path}?cursor={cursor}")
        found.append(page)
        cursor = page.get("next_cursor", "")
    return found


async def started(ct: Account, path: str = "/1/events.json", **fields: Any) -> str:
    _, answer = await ct.call("POST", path, body=QUERY | fields)
    return str(answer["cursor"])


@pytest.mark.proves("clevertap", "getProfile")
async def test_profile_shows_who_what_and_the_sum_of_events() -> None:
    async with account() as ct:
        await ct.upload(
            person(objectId=None, Name="Asha", Phone="+919876543210", plan="pro") | {"objectId": "__a1"},
            {"type": "token", "objectId": "__a1", "tokenData": {"id": "tok", "type": "fcm"}},
            event(ts=NOW_TS - 100),
            event(ts=NOW_TS - 300),
            event(ts=NOW_TS - 200),
        )

        record = await ct.profile("asha@example.com")

        assert record == {
            "identity": "asha@example.com",
            "email": "asha@example.com",
            "name": "Asha",
            "phone": "+919876543210",
            "profileData": {"plan": "pro"},
            "events": {
                "MM Email Opened": {"count": 3, "first_seen": NOW_TS - 300, "last_seen": NOW_TS - 100}
            },
            "platformInfo": [{"platform": "Android", "objectId": "__a1", "ls": NOW_TS, "push_token": "tok"}],
        }
        ct.stage.recorder.check(sent=False)


@pytest.mark.parametrize("query", ["email=ASHA@example.com", "identity=asha@example.com", "objectId=__a1"])
@pytest.mark.proves("clevertap", "getProfile")
async def test_profile_is_found_by_each_identifier(query: str) -> None:
    async with account() as ct:
        await ct.upload(person() | {"objectId": "__a1"})

        _, answer = await ct.call("GET", f"/1/profile.json?{query}")

        assert answer["record"]["email"] == "asha@example.com"
        ct.stage.recorder.check()


@pytest.mark.parametrize("query", ["email=x@example.com", "identity=x", "objectId=x"])
@pytest.mark.answers("clevertap", 11)
async def test_unknown_profile_is_success_without_a_record(query: str) -> None:
    async with account() as ct:
        assert await ct.call("GET", f"/1/profile.json?{query}") == (200, {"status": "success"})
        ct.stage.recorder.check()


async def test_profile_wants_an_identifier() -> None:
    async with account() as ct:
        status, _ = await ct.call("GET", "/1/profile.json")

        assert status == 400
        ct.stage.recorder.check()


@pytest.mark.proves("clevertap", "startEventExport", "getEvents")
async def test_events_come_page_by_page_until_there_is_no_next_cursor() -> None:
    async with account() as ct:
        await ct.upload(
            *(event(identity=f"p{n}@example.com", ts=NOW_TS - n, evtData={"n": n}) for n in range(5))
        )
        _, answer = await ct.call("POST", "/1/events.json?batch_size=2", body=QUERY)

        found = await pages(ct, "/1/events.json", answer["cursor"])

        assert [[record["event_props"]["n"] for record in page["records"]] for page in found] == [
            [4, 3],
            [2, 1],
            [0],
        ]
        assert ["previous_cursor" in page for page in found] == [False, True, True]
        ct.stage.recorder.check()


async def test_event_record_is_complete_and_in_the_accounts_time_zone() -> None:
    async with account(CleverTapSettings(utc_offset=timedelta(hours=5, minutes=30))) as ct:
        await ct.upload(person(Name="Asha", plan="pro") | {"objectId": "-i1"}, event(evtData={"score": 9}))

        [page] = await pages(ct, "/1/events.json", await started(ct))

        assert page["records"] == [
            {
                "profile": {
                    "objectId": "-i1",
                    "platform": "iOS",
                    "id": 1,
                    "identity": "asha@example.com",
                    "email": "asha@example.com",
                    "name": "Asha",
                    "profileData": {"plan": "pro"},
                    "events": {"MM Email Opened": {"count": 1, "first_seen": NOW_TS, "last_seen": NOW_TS}},
                },
                "ts": 20260302090000,
                "event_props": {"score": 9},
                "session_props": {},
            }
        ]
        ct.stage.recorder.check()


@pytest.mark.proves("clevertap", "getEvents")
async def test_export_may_start_with_the_query_in_the_url_as_the_node_client_does() -> None:
    async with account() as ct:
        await ct.upload(event())

        answer = await get(ct, f"/1/events.json?batch_size=10&query={quote(json.dumps(QUERY))}")

        [page] = await pages(ct, "/1/events.json", answer["cursor"])
        assert len(page["records"]) == 1
        ct.stage.recorder.check()


@pytest.mark.answers("clevertap", 12)
async def test_cursor_is_long_percent_encoded_and_not_to_be_encoded_again() -> None:
    async with account() as ct:
        await ct.upload(event())
        cursor = await started(ct)

        answer = await get(ct, f"/1/events.json?cursor={quote(cursor)}")

        assert 1500 <= len(cursor) <= 2400
        assert "%" in cursor
        assert (answer["status"], answer["error"]) == ("fail", "Incorrect Usage")
        ct.stage.recorder.check()


async def test_cursor_keeps_its_place() -> None:
    async with account() as ct:
        await ct.upload(event(), event())
        _, answer = await ct.call("POST", "/1/events.json?batch_size=1", body=QUERY)

        first = await get(ct, f"/1/events.json?cursor={answer['cursor']}")
        again = await get(ct, f"/1/events.json?cursor={answer['cursor']}")

        assert first == again


@pytest.mark.parametrize(
    ("path", "waits", "status"),
    [
        ("/1/events.json", [3500], "success"),
        ("/1/events.json", [3700], "fail"),
        ("/1/events.json", [3500] * 4, "success"),
        ("/1/events.json", [3500] * 5, "fail"),
        ("/1/profiles.json", [3 * 86400], "success"),
        ("/1/profiles.json", [3 * 86400, 1.1 * 86400], "fail"),
    ],
)
@pytest.mark.answers("clevertap", 12)
@pytest.mark.bounds(
    "clevertap", "7: 4 hours after creation or after 1 hour without use; a profile cursor after 4 days"
)
async def test_cursor_lives_its_time(path: str, waits: list[float], status: str) -> None:
    async with account() as ct:
        await ct.upload(event())
        cursor = await started(ct, path)

        page: Any = {}
        for wait in waits:
            await ct.settle(wait)
            page = await get(ct, f"{path}?cursor={cursor}")

        assert page["status"] == status


async def test_cursor_of_one_export_is_none_of_the_other() -> None:
    async with account() as ct:
        await ct.upload(event())

        page = await get(ct, f"/1/profiles.json?cursor={await started(ct)}")

        assert page["error"] == "Incorrect Usage"


@pytest.mark.answers("clevertap", 12)
async def test_page_may_be_still_in_progress() -> None:
    async with account(CleverTapSettings(export_polls=1)) as ct:
        await ct.upload(event())
        cursor = await started(ct)

        first = await get(ct, f"/1/events.json?cursor={cursor}")
        second = await get(ct, f"/1/events.json?cursor={cursor}")

        assert first == {
            "status": "fail",
            "error": "Request still in progress, please retry later",
            "code": 2,
        }
        assert len(second["records"]) == 1
        ct.stage.recorder.check()


@pytest.mark.answers("clevertap", 12)
@pytest.mark.bounds("clevertap", "7: pages are multiples of 23, and a smaller number is treated as no limit")
async def test_pages_are_multiples_of_23_where_the_quirk_is_on() -> None:
    async with account(CleverTapSettings(export_multiples_of_23=True)) as ct:
        await ct.upload(*(event() for _ in range(60)))
        sizes = []
        for batch in (5, 30):
            _, answer = await ct.call("POST", f"/1/events.json?batch_size={batch}", body=QUERY)
            sizes.append(
                [len(page["records"]) for page in await pages(ct, "/1/events.json", answer["cursor"])]
            )

        assert sizes == [[60], [23, 23, 14]]


async def test_empty_range_has_no_records_at_all() -> None:
    async with account() as ct:
        await ct.upload(event())

        assert await pages(ct, "/1/events.json", await started(ct, to=20260301)) == [{"status": "success"}]
        ct.stage.recorder.check()


async def test_unknown_event_is_told_in_a_list_inside_a_text() -> None:
    async with account() as ct:
        status, answer = await ct.call("POST", "/1/events.json", body=QUERY | {"event_name": "Uninstalled"})

        assert status == 200
        assert answer == {"status": "fail", "error": '["Invalid event : Uninstalled"]', "code": 400}
        ct.stage.recorder.check()


async def test_reversed_dates_are_4002() -> None:
    async with account() as ct:
        _, answer = await ct.call("POST", "/1/events.json", body=QUERY | {"to": 20260101})

        assert answer["code"] == 4002
        ct.stage.recorder.check()


@pytest.mark.parametrize(
    "change",
    [
        {"from": None},
        {"from": "tomorrow"},
        {"to": 20261399},
        {"event_name": ""},
        {"event_name": 5},
        {"event_properties": {}},
        {"event_properties": [{"operator": "equals"}]},
        {"event_properties": [{"name": "n", "operator": "rhymes"}]},
        {"event_properties": [{"name": "n", "operator": []}]},
        {"common_profile_properties": []},
        {"advanced_query": {}},
    ],
)
async def test_query_that_is_none_is_incorrect_usage(change: dict[str, Any]) -> None:
    async with account() as ct:
        await ct.upload(event())

        _, answer = await ct.call("POST", "/1/events.json", body=QUERY | change)

        assert answer["error"] == "Incorrect Usage"
        ct.stage.recorder.check(sent=False)


@pytest.mark.parametrize("batch_size", ["0", "-1", "many", "9" * 50, ""])
async def test_batch_size_that_is_none_is_malformed(batch_size: str) -> None:
    async with account() as ct:
        await ct.upload(event())

        status, _ = await ct.call("POST", f"/1/events.json?batch_size={batch_size}", body=QUERY)

        assert status == 400


@pytest.mark.parametrize(
    ("operator", "value", "found"),
    [
        ("equals", 9, [9]),
        ("equals", ["9", 3], [3, 9]),
        ("not_equals", 9, [3, "many"]),
        ("contains", "AN", ["many"]),
        ("does_not_contain", "an", [3, 9]),
        ("exists", None, [3, 9, "many"]),
        ("does_not_exist", None, []),
        ("greater_than", 3, [9]),
        ("greater_than_equals", 3, [3, 9]),
        ("less_than", 9, [3]),
        ("less_than_equals", "9", [3, 9]),
    ],
)
async def test_filter_on_event_properties(operator: str, value: Any, found: list[Any]) -> None:
    async with account() as ct:
        await ct.upload(*(event(evtData={"score": score}) for score in (3, 9, "many")))
        only = [{"name": "score", "operator": operator, "value": value}]

        [page] = await pages(ct, "/1/events.json", await started(ct, event_properties=only))

        assert [record["event_props"]["score"] for record in page.get("records", [])] == found
        ct.stage.recorder.check()


@pytest.mark.proves("clevertap", "startProfileExport", "getProfiles")
async def test_profiles_that_did_it_are_exported_once_each() -> None:
    async with account() as ct:
        await ct.upload(
            person("a@example.com", plan="pro"), person("b@example.com", plan="free"), person("c@example.com")
        )
        await ct.upload(*(event(identity=f"{name}@example.com") for name in "baab"))
        only = {"profile_fields": [{"name": "plan", "operator": "equals", "value": "pro"}]}

        [everybody] = await pages(ct, "/1/profiles.json", await started(ct, "/1/profiles.json"))
        [pro] = await pages(
            ct, "/1/profiles.json", await started(ct, "/1/profiles.json", common_profile_properties=only)
        )

        assert [record["email"] for record in everybody["records"]] == ["a@example.com", "b@example.com"]
        assert [record["email"] for record in pro["records"]] == ["a@example.com"]
        ct.stage.recorder.check()


async def test_parts_of_exported_profiles_can_be_left_out() -> None:
    async with account() as ct:
        await ct.upload(event())

        cursor = await started(ct, "/1/profiles.json?app=false&events=false&profile=false")
        [page] = await pages(ct, "/1/profiles.json", cursor)

        assert page["records"] == [{"identity": "asha@example.com", "email": "asha@example.com"}]
        ct.stage.recorder.check()
