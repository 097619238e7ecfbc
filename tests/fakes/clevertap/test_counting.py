from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

import pytest

from fakes.clevertap import CleverTapSettings
from tests.fakes.clevertap.account import NOW_TS, Account, account, event, person
from tests.fakes.clevertap.test_hostile_input import anything

QUERY = {"event_name": "Charged", "from": 20260301, "to": 20260303}
DAY_S = 86400


async def post(ct: Account, path: str, **fields: Any) -> Any:
    status, answer = await ct.call("POST", path, body=QUERY | fields)
    assert status == 200
    return answer


async def bought(ct: Account, *amounts: Any, email: str = "asha@example.com", **fields: Any) -> None:
    await ct.upload(
        *(event("Charged", identity=email, evtData={"Amount": amount}, **fields) for amount in amounts)
    )


@pytest.mark.proves("clevertap", "countEvents", "countProfiles")
@pytest.mark.answers("clevertap", 13)
async def test_events_and_the_people_behind_them_are_counted() -> None:
    async with account() as ct:
        await bought(ct, 1, 2, 3)
        await bought(ct, 1, email="ravi@example.com")
        big = [{"name": "Amount", "operator": "greater_than", "value": 1}]

        assert await post(ct, "/1/counts/events.json") == {"status": "success", "count": 4}
        assert await post(ct, "/1/counts/profiles.json") == {"status": "success", "count": 2}
        assert (await post(ct, "/1/counts/events.json", event_properties=big))["count"] == 2
        assert (await post(ct, "/1/counts/profiles.json", event_properties=big))["count"] == 1
        ct.stage.recorder.check()


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        pytest.param("/1/counts/events.json", {}, marks=pytest.mark.proves("clevertap", "pollEventCount")),
        pytest.param(
            "/1/counts/profiles.json", {}, marks=pytest.mark.proves("clevertap", "pollProfileCount")
        ),
        pytest.param(
            "/1/counts/top.json",
            {"groups": {"g": {"property_type": "event_properties", "name": "Amount"}}},
            marks=pytest.mark.proves("clevertap", "pollTopValues"),
        ),
        pytest.param(
            "/1/counts/trends.json",
            {"groups": {"g": {"trend_type": "daily"}}},
            marks=pytest.mark.proves("clevertap", "pollTrends"),
        ),
    ],
)
@pytest.mark.answers("clevertap", 13)
async def test_answer_is_polled_by_its_request_id_where_counts_take_time(
    path: str, fields: dict[str, Any]
) -> None:
    async with account(CleverTapSettings(async_counts=True, count_polls=2)) as ct:
        await bought(ct, 5)
        first = await post(ct, path, **fields)
        polls = [await ct.call("GET", f"{path}?req_id={first['req_id']}") for _ in range(3)]

        assert first == {"status": "partial", "req_id": first["req_id"]}
        assert [answer["status"] for _, answer in polls] == ["partial", "success", "success"]
        assert polls[0][1] == first
        ct.stage.recorder.check()


@pytest.mark.parametrize("req_id", ["1", "0", "nonsense", "", "9" * 40])
async def test_unknown_request_id_is_refused(req_id: str) -> None:
    async with account(CleverTapSettings(async_counts=True)) as ct:
        await bought(ct, 5)
        await post(ct, "/1/counts/events.json")

        status, answer = await ct.call("GET", f"/1/counts/events.json?req_id={req_id}")

        assert (status, answer) == (200, {"status": "fail", "error": "Invalid request id", "code": 400})


async def test_request_id_is_of_its_own_call_and_grows_old() -> None:
    async with account(CleverTapSettings(async_counts=True, count_polls=1)) as ct:
        await bought(ct, 5)
        number = (await post(ct, "/1/counts/events.json"))["req_id"]

        _, elsewhere = await ct.call("GET", f"/1/counts/profiles.json?req_id={number}")
        _, in_time = await ct.call("GET", f"/1/counts/events.json?req_id={number}")
        await ct.settle(3700)
        _, late = await ct.call("GET", f"/1/counts/events.json?req_id={number}")

        assert in_time == {"status": "success", "count": 1}
        assert elsewhere["error"] == late["error"] == "Invalid request id"
        ct.stage.recorder.check()


@pytest.mark.proves("clevertap", "getTopValues")
async def test_top_values_as_in_the_vendors_sample() -> None:
    """Numbers come by range, texts by value, and `asc` shows the rarest of the chosen first."""
    async with account() as ct:
        for place in range(10):
            await bought(ct, *(100 * place + n for n in range(1, 11 - place)), email="a@example.com")
        await ct.upload(
            person("gold@example.com", **{"Customer Type": "Gold"}),
            person("silver@example.com", **{"Customer Type": "Silver"}),
            person("iron@example.com", **{"Customer Type": "Iron"}),
        )
        for email, times in (("gold@example.com", 5), ("silver@example.com", 10), ("iron@example.com", 1)):
            await ct.upload(*(event("Charged", identity=email) for _ in range(times)))

        answer = await post(
            ct,
            "/1/counts/top.json",
            groups={
                "foo": {"property_type": "event_properties", "name": "Amount"},
                "bar": {
                    "property_type": "profile_fields",
                    "name": "Customer Type",
                    "top_n": 2,
                    "order": "asc",
                },
            },
        )

        assert answer == {
            "status": "success",
            "foo": {
                "NUMBER": {
                    "0-100": 10, "100-200": 9, "200-300": 8, "300-400": 7, "400-500": 6,
                    "500-600": 5, "600-700": 4, "700-800": 3, "800-900": 2, "900-1000": 1,
                }
            },
            "bar": {"STR": {"Gold": 5, "Silver": 10}},
        }  # fmt: skip
        assert list(answer["bar"]["STR"]) == ["Gold", "Silver"]
        ct.stage.recorder.check()


async def test_top_values_go_by_data_type() -> None:
    async with account() as ct:
        await bought(ct, "many", 3, 3, True, "$D_1456765200", 10**400)

        answer = await post(
            ct, "/1/counts/top.json", groups={"g": {"property_type": "event_properties", "name": "Amount"}}
        )

        assert answer["g"] == {
            "BOOL": {"true": 1},
            "DATE": {"$D_1456765200": 1},
            "NUMBER": {"3": 2, str(10**400): 1},
            "STR": {"many": 1},
        }
        ct.stage.recorder.check()


async def test_many_numbers_beyond_every_double_are_still_ranges() -> None:
    async with account() as ct:
        await bought(ct, *(10**400 + n for n in range(11)), *(10**300 + n for n in range(11)))

        answer = await post(
            ct, "/1/counts/top.json", groups={"g": {"property_type": "event_properties", "name": "Amount"}}
        )

        assert sum(answer["g"]["NUMBER"].values()) == 22
        ct.stage.recorder.check()


@pytest.mark.parametrize(
    "groups",
    [
        None,
        [],
        {},
        {"g": None},
        {"status": {"property_type": "event_properties", "name": "Amount"}},
        {"g": {"property_type": "event_properties"}},
        {"g": {"property_type": "shoe_size", "name": "Amount"}},
        {"g": {"property_type": "event_properties", "name": "Nothing"}},
        {"g": {"property_type": "session_properties", "name": "utm_source"}},
        {"g": {"property_type": "event_properties", "name": "Amount", "top_n": 101}},
        {"g": {"property_type": "event_properties", "name": "Amount", "order": "random"}},
    ],
)
@pytest.mark.bounds("clevertap", "8: (1-100, default 10)")
async def test_bad_group_of_top_values_is_refused(groups: Any) -> None:
    async with account() as ct:
        await bought(ct, 5)

        answer = await post(ct, "/1/counts/top.json", groups=groups)

        assert answer == {"status": "fail", "error": "Invalid group", "code": 400}
        ct.stage.recorder.check(sent=False)


@pytest.mark.proves("clevertap", "getTrends")
async def test_trends_as_in_the_vendors_sample() -> None:
    """Ten a day from 24 December 2016 to 3 January 2017, by day, by week and by month."""
    async with account() as ct:
        first_ts = 1482537600 + 3600
        await ct.upload(
            *(event("Charged", ts=first_ts + day * DAY_S + n) for day in range(11) for n in range(10))
        )
        groups = {
            "foo": {"trend_type": "daily"},
            "bar": {"trend_type": "weekly"},
            "foobar": {"trend_type": "monthly"},
        }

        answer = await post(
            ct, "/1/counts/trends.json", **{"from": 20161224, "to": 20170103}, unique=False, groups=groups
        )

        days = [*range(20161224, 20161232), 20170101, 20170102, 20170103]
        assert answer == {
            "status": "success",
            "foo": {str(day): 10 for day in days},
            "bar": {"201652": 80, "201701": 30},
            "foobar": {"201612": 80, "201701": 30},
        }
        ct.stage.recorder.check()


async def test_trend_may_count_people_or_sum_a_property_and_shows_days_without_events() -> None:
    async with account() as ct:
        await bought(ct, 5, 7.5, "x", True, 10**400)
        await bought(ct, 1, email="ravi@example.com")
        groups = {"g": {"trend_type": "daily"}}

        people = await post(ct, "/1/counts/trends.json", groups=groups, unique=True)
        total = await post(ct, "/1/counts/trends.json", groups=groups, sum_event_prop="Amount")

        assert people["g"] == {"20260301": 0, "20260302": 2, "20260303": 0}
        assert total["g"] == {"20260301": 0, "20260302": 13.5, "20260303": 0}
        ct.stage.recorder.check()


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"groups": {str(n): {"trend_type": "daily"} for n in range(6)}}, 400),
        ({"groups": {"g": {"trend_type": "yearly"}}}, 400),
        ({"groups": {"g": {}}}, 400),
        ({"groups": {"g": {"trend_type": "daily"}}, "unique": "yes"}, 400),
        ({"groups": {"g": {"trend_type": "daily"}}, "from": 20250101}, 4002),
    ],
)
@pytest.mark.bounds("clevertap", "8: at most one year and 5 groups")
async def test_bad_trend_is_refused(fields: dict[str, Any], code: int) -> None:
    async with account() as ct:
        await bought(ct, 5)

        answer = await post(ct, "/1/counts/trends.json", **fields)

        assert (answer["status"], answer["code"]) == ("fail", code)
        ct.stage.recorder.check(sent=False)


@pytest.mark.parametrize("path", ["events", "profiles", "top", "trends"])
async def test_unknown_event_is_told_in_the_recorded_words(path: str) -> None:
    async with account() as ct:
        groups = {} if path in ("events", "profiles") else {"groups": {"g": {"trend_type": "daily"}}}

        answer = await post(ct, f"/1/counts/{path}.json", event_name="Uninstalled", **groups)

        assert answer == {"status": "fail", "error": '["Invalid event : Uninstalled"]', "code": 400}


@pytest.mark.parametrize("name", ["App Uninstalled", "app launched", "Webhook Delivered", "Charged"])
async def test_system_events_are_known_to_every_account(name: str) -> None:
    async with account() as ct:
        assert await post(ct, "/1/counts/events.json", event_name=name) == {"status": "success", "count": 0}


@pytest.mark.proves("clevertap", "countActive")
@pytest.mark.bounds("clevertap", "8: active in the last five minutes")
async def test_active_people_are_those_of_the_last_five_minutes() -> None:
    async with account() as ct:
        await bought(ct, 5, email="now@example.com", ts=NOW_TS - 10)
        await bought(ct, 5, email="long@example.com", ts=NOW_TS - 400)
        await ct.upload({"type": "event", "objectId": "__new", "evtName": "A", "evtData": {}})
        await ct.upload({"type": "event", "objectId": "web1", "evtName": "A", "evtData": {}})

        body = dict.fromkeys(("user_type", "session_source", "browser", "os", "device", "new"), True)
        _, full = await ct.call("POST", "/1/now.json", body=body)
        _, plain = await ct.call("POST", "/1/now.json", body={})
        await ct.settle(600)
        _, later = await ct.call("POST", "/1/now.json")

        assert (plain["count"], later["count"]) == (3, 0)
        assert sorted(plain) == ["count", "last_processed_ts", "status"]
        assert full["user_type"] == {"new": 2, "repeat": 0, "addressable": 0, "customer": 1}
        assert full["browser"] == {"others": 2, "firefox": 0, "chrome": 0, "ie": 0, "mobileapp": 1}
        assert full["new"]["os"] == {"others": 1, "android": 1, "ios": 0, "windows": 0, "mac": 0, "linux": 0}
        assert sorted(full["new"]) == ["browser", "device", "os", "session_source"]
        ct.stage.recorder.check()


@pytest.mark.parametrize("body", [[], {"user_type": "yes"}, {"shoe_size": True}])
async def test_breakdown_that_is_none_is_refused(body: Any) -> None:
    async with account() as ct:
        _, answer = await ct.call("POST", "/1/now.json", body=body)

        assert answer["error"] == "Incorrect Usage"


async def test_days_of_counts_begin_in_the_accounts_time_zone() -> None:
    async with account(CleverTapSettings(utc_offset=timedelta(hours=5, minutes=30))) as ct:
        await bought(ct, 1, ts=NOW_TS - NOW_TS % DAY_S - 5 * 3600)

        answer = await post(ct, "/1/counts/trends.json", groups={"g": {"trend_type": "daily"}})

        assert answer["g"] == {"20260301": 0, "20260302": 1, "20260303": 0}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
async def test_figures_are_asked_for_with_anything(seed: int) -> None:
    random = Random(seed)
    keys = ["groups", "unique", "sum_event_prop", "advanced_query", "common_profile_properties", "operator"]
    async with account() as ct:
        await bought(ct, 1, "x")
        for _ in range(8):
            body = QUERY | {key: anything(random) for key in random.sample(keys, 3)}
            if random.random() < 0.5:
                body["groups"] = {"g": random.choice([{"trend_type": "daily"}, anything(random)])}
            for path in ("events", "profiles", "top", "trends"):
                status, answer = await ct.call("POST", f"/1/counts/{path}.json", body=body)
                assert status == 200
                assert answer["status"] in ("success", "fail")
        ct.stage.recorder.check(sent=False)
