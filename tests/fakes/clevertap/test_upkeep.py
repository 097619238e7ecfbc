from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

import pytest

from fakes.clevertap import CleverTapSettings, Did, DidNot
from tests.fakes.clevertap.account import PHONE, Account, account, event, person, sms
from tests.fakes.clevertap.test_hostile_input import anything

DAY_S = 86400
ASHA = "asha@example.com"
TYPE_TEXT = "Type is incorrect. Type needs to be event/profile.Skipped record number : "


async def post(ct: Account, path: str, body: Any) -> Any:
    status, answer = await ct.call("POST", path, body=body)
    assert status == 200
    return answer


async def names(ct: Account) -> list[str]:
    return [profile.subject for profile in ct.fake.state.profiles]


@pytest.mark.parametrize(
    ("body", "left"),
    [
        ({"identity": ASHA}, ["ravi@example.com"]),
        ({"identity": [ASHA, "ravi@example.com", "nobody"]}, []),
        ({"guid": "__a1"}, ["ravi@example.com"]),
        ({"guid": ["__a1", "__nobody"], "identity": ASHA}, ["ravi@example.com"]),
        ({"identity": "nobody"}, [ASHA, "ravi@example.com"]),
    ],
)
@pytest.mark.proves("clevertap", "deleteProfiles")
@pytest.mark.bounds("clevertap", "9: about 48 hours")
async def test_profiles_are_deleted_two_days_later(body: Any, left: list[str]) -> None:
    async with account() as ct:
        await ct.upload(person() | {"objectId": "__a1"}, person("ravi@example.com"))

        assert await post(ct, "/1/delete/profiles.json", body) == {"status": "success"}
        await ct.settle(47 * 3600)
        before = await names(ct)
        await ct.settle(2 * 3600)

        assert before == [ASHA, "ravi@example.com"]
        assert await names(ct) == left
        ct.stage.recorder.check()


async def test_whoever_returns_after_being_deleted_is_new() -> None:
    query = {"event_name": "MM Email Opened", "from": 20260301, "to": 20260310}
    async with account(CleverTapSettings(delete_after=timedelta(hours=1))) as ct:
        await ct.upload(person(Phone=PHONE, plan="pro") | {"FBID": "f1", "GPID": "g1"}, event())
        await post(ct, "/1/delete/profiles.json", {"identity": ASHA})
        await ct.settle(3700)

        assert await ct.profile(ASHA) is None
        assert await post(ct, "/1/counts/events.json", query) == {"status": "success", "count": 0}
        [deleted] = ct.facts("profile_deleted")
        assert deleted.subject == ASHA

        ct.stage.recorder.facts.clear()
        await ct.upload(event(FBID="f1"))

        assert [fact.details["is_new"] for fact in ct.facts("profile_stored")] == [True]
        [profile] = ct.fake.state.profiles
        assert (profile.properties, len(profile.events)) == ({}, 1)
        ct.stage.recorder.check()


async def test_nothing_is_sent_to_whom_is_deleted() -> None:
    async with account(CleverTapSettings(delete_after=timedelta(hours=1))) as ct:
        sms(ct, DidNot("B", timedelta(hours=2), after="A"))
        sms(ct, Did("A", delay=timedelta(hours=2)), name="late")
        await ct.upload(person(Phone=PHONE), event("A"))
        await post(ct, "/1/delete/profiles.json", {"identity": ASHA})
        await ct.settle(3 * 3600)

        assert ct.facts("sms_sent", "campaign_qualified") == []
        assert ct.stage.recorder.texts == []


async def test_profile_merged_before_it_is_deleted_goes_with_the_one_that_took_it_over() -> None:
    async with account() as ct:
        await ct.upload(person(), person("two@example.com"))
        await post(ct, "/1/delete/profiles.json", {"identity": ["two@example.com", ASHA]})
        await ct.upload(person(identity="two@example.com"))
        await ct.settle(49 * 3600)

        assert ct.fake.state.profiles == ()
        assert len(ct.facts("profile_deleted")) == 1
        ct.stage.recorder.check()


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"identity": []},
        {"identity": None},
        {"guid": {"a": 1}},
        {"identity": [["x"]]},
        {"identity": [str(n) for n in range(101)]},
    ],
)
@pytest.mark.bounds("clevertap", "9: 100 values each")
async def test_delete_wants_one_to_a_hundred_values(body: Any) -> None:
    async with account() as ct:
        status, answer = await ct.call("POST", "/1/delete/profiles.json", body=body)

        assert (status, answer) == (400, {"status": "fail", "error": "Malformed request", "code": 400})


@pytest.mark.proves("clevertap", "demergeProfiles")
@pytest.mark.bounds("clevertap", "9: runs 04:00-07:00 account time")
async def test_demerged_devices_have_profiles_of_their_own_without_identity_from_four_in_the_morning() -> (
    None
):
    """It is 03:30 UTC, 09:00 in India: the next 04:00 there is 19 hours away."""
    async with account(CleverTapSettings(utc_offset=timedelta(hours=5, minutes=30))) as ct:
        await ct.upload(
            person(Phone=PHONE, city="Pune") | {"objectId": "__a1"},
            {"type": "event", "objectId": "-i1", "evtName": "A", "evtData": {}},
        )
        await ct.upload({"type": "profile", "objectId": "-i1", "profileData": {"identity": ASHA}})
        assert await post(ct, "/1/demerge/profiles.json", {"identities": [ASHA]}) == {"status": "success"}
        await ct.settle(18.9 * 3600)
        assert len(ct.fake.state.profiles) == 1
        await ct.settle(0.2 * 3600)

        android, ios = ct.fake.state.profiles
        assert [device.object_id for device in android.devices + ios.devices] == ["__a1", "-i1"]
        assert (android.identities, ios.identities) == ([], [])
        assert await ct.profile(ASHA) is None
        _, answer = await ct.call("GET", "/1/profile.json?objectId=__a1")
        assert answer["record"]["profileData"] == {"city": "Pune"}
        assert ct.facts("profile_demerged")[0].details == {"object_ids": ["__a1", "-i1"]}
        ct.stage.recorder.check()


@pytest.mark.parametrize(
    "body",
    [{}, {"identities": ASHA}, {"identities": []}, {"identities": ["x"] * 101}, {"identities": [True]}],
)
async def test_demerge_wants_a_list_of_one_to_a_hundred(body: Any) -> None:
    async with account() as ct:
        status, _ = await ct.call("POST", "/1/demerge/profiles.json", body=body)

        assert status == 400


@pytest.mark.parametrize(
    ("record", "channel", "name"),
    [
        ({"type": "email", "value": "ASHA@example.com"}, "email", "Email"),
        ({"type": "phone", "value": PHONE}, "sms", "SMS"),
        ({"type": "whatsapp", "value": PHONE}, "whatsapp", "WhatsApp"),
    ],
)
@pytest.mark.proves("clevertap", "subscribe")
async def test_subscription_of_a_channel_goes_off_and_on(
    record: dict[str, str], channel: str, name: str
) -> None:
    async with account() as ct:
        await ct.upload(person(Phone=PHONE))
        [profile] = ct.fake.state.profiles
        seen = []
        for status in ("Unsubscribe", "Unsubscribe", "Resubscribe"):
            answer = await post(ct, "/1/subscribe", {"d": [{**record, "status": status}]})
            assert answer == {"status": "success", "processed": 1, "unprocessed": []}
            seen.append(profile.is_subscribed(channel))

        assert seen == [False, False, True]
        assert [fact.details for fact in ct.facts("subscription_changed")] == [
            {"channel": channel, "is_subscribed": False},
            {"channel": channel, "is_subscribed": True},
        ]
        assert [(e.name, e.properties) for e in profile.events] == [
            ("Channel Unsubscribed", {"Channel": name}),
            ("Channel Subscribed", {"Channel": name}),
        ]
        record_now = await ct.profile(ASHA)
        assert record_now["profileData"] == {f"MSG-{channel}": True}
        ct.stage.recorder.check()


@pytest.mark.proves("clevertap", "subscribe")
async def test_everybody_with_the_number_is_unsubscribed_as_property_or_as_identity() -> None:
    async with account() as ct:
        await ct.upload(person(Phone=PHONE), person("ravi@example.com", Phone=PHONE), event(identity=PHONE))
        await post(ct, "/1/subscribe", {"d": [{"type": "phone", "value": PHONE, "status": "Unsubscribe"}]})

        assert [profile.is_subscribed("sms") for profile in ct.fake.state.profiles] == [False] * 3


async def test_bad_subscriptions_are_named_one_by_one() -> None:
    records: list[Any] = [
        {"type": "pigeon", "value": PHONE, "status": "Unsubscribe"},
        {"type": "email", "value": "asha", "status": "Unsubscribe"},
        {"type": "phone", "value": ASHA, "status": "Unsubscribe"},
        {"type": "phone", "value": PHONE, "status": "Pause"},
        None,
        {"type": "email", "value": "nobody@example.com", "status": "Unsubscribe"},
    ]
    async with account() as ct:
        answer = await post(ct, "/1/subscribe", {"d": records})

        assert (answer["status"], answer["processed"]) == ("partial", 1)
        assert [entry["code"] for entry in answer["unprocessed"]] == [524, 515, 516, 555, 524]
        assert [entry["record"] for entry in answer["unprocessed"]] == records[:5]
        assert answer["unprocessed"][4]["error"] == TYPE_TEXT + "5"
        ct.stage.recorder.check(sent=False)


@pytest.mark.proves("clevertap", "disassociate")
async def test_phone_that_is_an_identity_is_disassociated() -> None:
    async with account() as ct:
        await ct.upload(
            event(identity=PHONE), {"type": "profile", "identity": PHONE, "profileData": {"Phone": PHONE}}
        )
        await ct.upload({"type": "profile", "identity": PHONE, "profileData": {"identity": "customer-1"}})

        answer = await post(ct, "/1/disassociate", {"d": [{"type": "phone", "value": PHONE}]})

        [profile] = ct.fake.state.profiles
        assert answer == {"status": "success", "processed": 1, "unprocessed": []}
        assert (profile.identities, profile.phone) == (["customer-1"], "")
        assert await ct.call("GET", f"/1/profile.json?identity=%2B{PHONE[1:]}") == (
            200,
            {"status": "success"},
        )
        assert ct.facts("phone_disassociated")[0].details == {"phone": PHONE}
        ct.stage.recorder.check()


async def test_phone_that_is_no_identity_is_not_disassociated() -> None:
    async with account() as ct:
        await ct.upload(person(Phone=PHONE))

        answer = await post(
            ct,
            "/1/disassociate",
            {
                "d": [
                    {"type": "phone", "value": PHONE},
                    {"type": "email", "value": ASHA},
                    {"type": "phone", "value": "1"},
                ]
            },
        )

        assert (answer["status"], answer["processed"]) == ("fail", 0)
        assert [entry["code"] for entry in answer["unprocessed"]] == [555, 524, 516]
        assert (await ct.profile(ASHA))["phone"] == PHONE
        ct.stage.recorder.check(sent=False)


@pytest.mark.parametrize("path", ["/1/subscribe", "/1/disassociate"])
@pytest.mark.parametrize("body", [{}, [], {"d": {}}, {"d": [{}] * 1001}])
async def test_what_is_no_list_of_at_most_a_thousand_is_malformed(path: str, body: Any) -> None:
    async with account() as ct:
        status, answer = await ct.call("POST", path, body=body)

        assert (status, answer["error"]) == (400, "Malformed request")


async def test_what_is_to_be_done_later_ends_with_the_fake() -> None:
    async with account() as ct:
        await ct.upload(person())
        await post(ct, "/1/delete/profiles.json", {"identity": ASHA})
        await post(ct, "/1/demerge/profiles.json", {"identities": [ASHA]})
        await ct.fake.stop()
        await ct.settle(5 * DAY_S)

        assert await names(ct) == [ASHA]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
async def test_upkeep_is_asked_for_with_anything(seed: int) -> None:
    random = Random(seed)
    keys = ["d", "identity", "guid", "identities"]
    async with account(CleverTapSettings(delete_after=timedelta(0))) as ct:
        await ct.upload(person())
        for _ in range(12):
            body = {key: anything(random) for key in random.sample(keys, 2)}
            if random.random() < 0.5:
                body["d"] = [
                    {key: random.choice([anything(random), PHONE]) for key in ("type", "value", "status")}
                    for _ in range(3)
                ]
            for path in ("delete/profiles.json", "demerge/profiles.json", "subscribe", "disassociate"):
                status, answer = await ct.call("POST", f"/1/{path}", body=body)
                assert status in (200, 400)
                assert answer["status"] in ("success", "partial", "fail")
        ct.stage.recorder.check(sent=False)
