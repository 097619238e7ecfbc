"""Campaigns by API; bodies and answers are the vendor's samples where there is one."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

import pytest

from fakes.clevertap import Behaviour, ChannelLimits, CleverTapSettings, Segment, SmsCampaign
from tests.fakes.clevertap.account import HOOK, NOW_TS, PHONE, Account, account, event, person
from tests.fakes.clevertap.test_hostile_input import anything

DAYS = {"from": 20260301, "to": 20260331}
SMS: dict[str, Any] = {
    "name": "My Sms API campaign",
    "target_mode": "sms",
    "provider_nick_name": "Provider 1",
    "segment": "all",
    "content": {"body": "Hi {{ Profile.Name }}"},
    "when": "now",
}
UNDONE = {"error": "This target hasn't been completed", "status": "fail"}


async def create(ct: Account, body: dict[str, Any] = SMS, **fields: Any) -> Any:
    status, answer = await ct.call("POST", "/1/targets/create.json", body=body | fields)
    assert status == 200
    return answer


async def post(ct: Account, path: str, **body: Any) -> Any:
    status, answer = await ct.call("POST", f"/1/{path}.json", body=body)
    assert status == 200
    return answer


async def with_people(ct: Account, *names: str) -> None:
    await ct.upload(*(person(f"{name}@example.com", Name=name.title(), Phone=PHONE) for name in names))


def sent(ct: Account) -> list[str]:
    return [fact.subject.partition("@")[0] for fact in ct.facts("sms_sent")]


@pytest.mark.proves("clevertap", "createTarget", "listTargets", "getTargetResult")
async def test_campaign_goes_to_everybody_at_once_and_its_result_is_what_happened() -> None:
    async with account() as ct:
        await with_people(ct, "asha", "ravi")
        await ct.upload(person("noor@example.com"))

        made = await create(ct, labels=["onboarding", "marketing"])
        await ct.settle()
        result = await post(ct, "targets/result", id=made["id"])
        listed = await post(ct, "targets/list", **DAYS)

        assert made == {"status": "success", "id": made["id"], "estimates": {"web": 2}}
        assert sent(ct) == ["asha", "ravi"]
        assert [text.text for text in ct.stage.recorder.texts] == ["Hi Asha", "Hi Ravi"]
        assert result == {"status": "success", "result": {"sent": 2, "clicked": 0}}
        assert listed == {
            "status": "success",
            "targets": [
                {"id": made["id"], "name": SMS["name"], "scheduled_on": 202603020330, "status": "completed"}
            ],
        }
        ct.stage.recorder.check()


async def test_clicks_are_counted_in_the_result() -> None:
    async with account() as ct:
        await with_people(ct, "asha")
        made = await create(ct, content={"body": "See https://example.com/offer"})
        await ct.settle()
        address = ct.stage.recorder.texts[0].text.removeprefix("See ")
        await ct.stage.session.get(address, allow_redirects=False)

        assert (await post(ct, "targets/result", id=str(made["id"])))["result"] == {"sent": 1, "clicked": 1}
        ct.stage.recorder.check()


@pytest.mark.proves("clevertap", "createTarget")
async def test_push_is_estimated_by_platform_as_in_the_vendors_sample() -> None:
    body = {
        "name": "My API Campaign",
        "estimate_only": True,
        "where": {
            "event_name": "App Opened",
            "from": 20260301,
            "to": 20260303,
            "common_profile_properties": {"profile_fields": [{"Key": "Customer Type", "value": "Platinum"}]},
        },
        "content": {
            "title": "Hi!",
            "body": "How are you doing today?",
            "platform_specific": {"ios": {"deep_link": "example.com", "badge_count": 1, "Key": "Value_ios"}},
        },
        "devices": ["android", "ios", "windows"],
        "when": "now",
    }
    async with account() as ct:
        for object_id, kind in (("__a", "fcm"), ("__b", "fcm"), ("-c", "apns"), ("d", "fcm")):
            await ct.upload(
                {"type": "profile", "objectId": object_id, "profileData": {"Customer Type": "Platinum"}},
                {"type": "token", "objectId": object_id, "tokenData": {"id": object_id, "type": kind}},
                {"type": "event", "objectId": object_id, "evtName": "App Opened", "evtData": {}},
            )

        answer = await create(ct, body)
        await ct.settle()

        assert answer == {"status": "success", "estimates": {"android": 2, "ios": 1, "windows": 0}}
        assert ct.facts("push_sent", "campaign_created") == []
        assert (await post(ct, "targets/list", **DAYS))["targets"] == []
        ct.stage.recorder.check()


async def test_web_push_is_estimated_by_browser_and_mail_by_where_people_are() -> None:
    async with account() as ct:
        for name in ("a", "b"):
            keys = {"p256dh": "k", "auth": "a"}
            await ct.upload(
                person(f"{name}@example.com") | {"objectId": name},
                {
                    "type": "token",
                    "objectId": name,
                    "tokenData": {"id": name, "type": "chrome", "keys": keys},
                },
            )
        web_push: dict[str, Any] = {"target_mode": "webpush", "content": {"title": "Hi!", "body": "x"}}
        mail: dict[str, Any] = {
            "target_mode": "email",
            "content": {"subject": "s", "body": "b", "sender_name": "n"},
        }

        assert await create(ct, **web_push, estimate_only=True) == {
            "status": "success",
            "estimates": {"chrome": 2},
        }
        assert await create(ct, **mail, estimate_only=True) == {"status": "success", "estimates": {"web": 2}}
        ct.stage.recorder.check(sent=False)


@pytest.mark.parametrize(
    ("mode", "content", "kind"),
    [
        ("push", {"title": "t", "body": "b"}, "push_sent"),
        ("Push", {"title": "t", "body": "b"}, "push_sent"),
        ("webpush", {"title": "t", "body": "b"}, "webpush_sent"),
        ("email", {"subject": "s", "body": "b", "sender_name": "n"}, "email_sent"),
        ("sms", {"body": "b"}, "sms_sent"),
        ("whatsapp", {"template_name": "welcome", "locale": "en"}, "whatsapp_sent"),
        ("webhook", {"webhook_name": "hook", "body": {"e": "{{ Profile.Email }}"}}, "webhook_sent"),
        ("notificationinbox", {"title": "t", "body": "b"}, ""),
    ],
)
async def test_campaign_goes_through_the_channel_of_its_mode(
    mode: str, content: dict[str, Any], kind: str
) -> None:
    async with account() as ct:
        await ct.upload(
            person(Phone=PHONE) | {"objectId": "__a"},
            {"type": "token", "objectId": "__a", "tokenData": {"id": "app", "type": "fcm"}},
            {"type": "profile", "objectId": "web", "profileData": {"identity": "asha@example.com"}},
            {
                "type": "token",
                "objectId": "web",
                "tokenData": {"id": "browser", "type": "chrome", "keys": {"p256dh": "k", "auth": "a"}},
            },
        )
        await ct.fake.add_webhook("hook", url=HOOK)

        made = await create(ct, target_mode=mode, content=content)
        await ct.settle()

        assert [fact.kind for fact in ct.facts(*([kind] if kind else ["push_sent"]))] == (
            [kind] if kind else []
        )
        result = await post(ct, "targets/result", id=made["id"])
        assert result["result"]["sent"] == (1 if kind else 0)
        assert ct.bodies() == ([{"e": "asha@example.com"}] if mode == "webhook" else [])
        ct.stage.recorder.check()


async def test_devices_limit_a_push() -> None:
    async with account() as ct:
        for object_id, kind in (("__a", "fcm"), ("-c", "apns")):
            await ct.upload(
                event(objectId=object_id, identity=object_id),
                {"type": "token", "objectId": object_id, "tokenData": {"id": object_id, "type": kind}},
            )

        await create(ct, target_mode="push", content={"title": "t", "body": "b"}, devices=["ios"])
        await ct.settle()

        assert [text.recipient for text in ct.stage.recorder.texts] == ["-c"]


@pytest.mark.parametrize(
    "when",
    [
        "20260303 09:15",
        {"type": "later", "delivery_date_time": "20260303 09:15", "delivery_timezone": "account"},
        {"type": "later", "delivery_date_time": ["20260303 09:15"]},
    ],
)
async def test_scheduled_campaign_waits_for_its_time_in_the_accounts_zone(when: Any) -> None:
    """It is 09:00 in India on 2 March: a day and a quarter of an hour to go."""
    async with account(CleverTapSettings(utc_offset=timedelta(hours=5, minutes=30))) as ct:
        await with_people(ct, "asha")
        made = await create(ct, when=when)
        await ct.upload(person("late@example.com", Phone=PHONE))
        await ct.settle(86400)
        early = (
            sent(ct),
            await post(ct, "targets/result", id=made["id"]),
            await post(ct, "targets/list", **DAYS),
        )
        await ct.settle(1000)

        assert early[:2] == ([], UNDONE)
        assert early[2]["targets"][0]["status"] == "scheduled"
        assert early[2]["targets"][0]["scheduled_on"] == 202603030915
        assert sent(ct) == ["asha", "late"]
        assert ct.facts("sms_sent")[0].at.timestamp() == NOW_TS + 86400 + 900
        assert (await post(ct, "targets/result", id=made["id"]))["result"]["sent"] == 2
        ct.stage.recorder.check()


async def test_campaign_may_run_on_several_dates() -> None:
    when = {"type": "later", "delivery_date_time": ["20260304 10:00", "20260303 10:00", "20260303 10:00"]}
    async with account() as ct:
        await with_people(ct, "asha")
        made = await create(ct, when=when)
        await ct.settle(1.5 * 86400)
        between = await post(ct, "targets/result", id=made["id"])
        await ct.settle(86400)

        assert between == UNDONE
        assert len(sent(ct)) == 2
        assert (await post(ct, "targets/result", id=made["id"]))["result"]["sent"] == 2
        [row] = (await post(ct, "message/report", **DAYS))["messages"]
        assert row["delivery"] == "multiple_dates"
        ct.stage.recorder.check()


@pytest.mark.parametrize(
    ("when", "days"),
    [
        ({"repeats_every": 2, "repeat_type": "day", "end_by_occurrences": 3}, [2, 4, 6]),
        ({"repeats_every": 1, "repeat_type": "day", "end_by_date": "20260305"}, [2, 3, 4, 5]),
        ({"repeats_every": 1, "repeat_type": "week", "end_by_date": "20260320 00:00"}, [2, 9, 16]),
        (
            {"repeat_type": "week", "repeat_on_days_of_week": [2, 6], "end_by_occurrences": 4},
            [2, 6, 9, 13],
        ),
        (
            {
                "repeats_every": 2,
                "repeat_type": "week",
                "repeat_on_days_of_week": [1, 3],
                "end_by_date": "20260318",
            },
            [3, 15, 17],
        ),
        ({"start_time": "20260307 08:00", "end_by_occurrences": 1}, [7]),
    ],
)
async def test_recurring_campaign_runs_on_its_days(when: dict[str, Any], days: list[int]) -> None:
    """2 March 2026 is a Monday; days of the week count from 1, Sunday."""
    async with account() as ct:
        await with_people(ct, "asha")
        made = await create(ct, when={"type": "recurring", **when})
        await ct.settle(28 * 86400)

        assert [fact.at.day for fact in ct.facts("sms_sent")] == days
        assert (await post(ct, "targets/result", id=made["id"]))["result"]["sent"] == len(days)
        ct.stage.recorder.check()


@pytest.mark.parametrize(
    "when",
    [
        None,
        "later",
        "20260301 09:00",
        "20261341 09:00",
        "20260303 9:00",
        [],
        {},
        {"type": "later"},
        {"type": "later", "delivery_date_time": []},
        {"type": "later", "delivery_date_time": "20260303 09:00", "delivery_timezone": "moon"},
        {"type": "recurring", "repeats_every": 0},
        {"type": "recurring", "repeat_type": "year"},
        {"type": "recurring", "repeat_on_days_of_week": [8]},
        {"type": "recurring", "end_by_date": "20260201"},
        {"type": "recurring", "end_by_occurrences": True},
        {"type": "recurring", "shoe_size": 43},
    ],
)
async def test_time_that_is_none_or_past_is_refused(when: Any) -> None:
    async with account() as ct:
        await with_people(ct, "asha")

        answer = await create(ct, when=when)

        assert (answer["status"], answer["code"]) == ("fail", 400)
        assert (await post(ct, "targets/list", **DAYS))["targets"] == []
        ct.stage.recorder.check(sent=False)


@pytest.mark.proves("clevertap", "stopTarget")
async def test_stopped_campaign_sends_nothing_more() -> None:
    async with account() as ct:
        await with_people(ct, "asha")
        made = await create(ct, when={"type": "recurring", "repeat_type": "day"})
        await ct.settle(1.5 * 86400)
        running = (await post(ct, "targets/list", **DAYS))["targets"][0]["status"]

        answer = await post(ct, "targets/stop", id=made["id"])
        again = await post(ct, "targets/stop", id=made["id"])
        await ct.settle(5 * 86400)

        assert running == "running"
        assert answer == {"status": "success"}
        assert again == {"status": "fail", "error": "This target has already been stopped", "code": 400}
        assert len(sent(ct)) == 2
        assert (await post(ct, "targets/list", **DAYS))["targets"][0]["status"] == "stopped"
        assert (await post(ct, "targets/result", id=made["id"]))["result"]["sent"] == 2
        assert [fact.kind for fact in ct.facts("campaign_created", "campaign_stopped")] == [
            "campaign_created",
            "campaign_stopped",
        ]
        ct.stage.recorder.check()


async def test_draft_is_not_sent_and_can_be_stopped() -> None:
    async with account() as ct:
        await with_people(ct, "asha")
        made = await create(ct, draft=True, skip_estimate=True)
        await ct.settle(10)

        assert made == {"status": "success", "id": made["id"]}
        assert sent(ct) == []
        assert (await post(ct, "targets/list", **DAYS))["targets"][0]["status"] == "draft"
        assert await post(ct, "targets/result", id=made["id"]) == UNDONE
        assert await post(ct, "targets/stop", id=made["id"]) == {"status": "success"}
        ct.stage.recorder.check()


@pytest.mark.proves("clevertap", "listSegments")
async def test_campaign_is_for_who_is_in_the_segment_when_it_runs() -> None:
    async with account() as ct:
        await with_people(ct, "asha", "ravi", "noor")
        ct.fake.dashboard.add_segment(Segment(name="Openers", rules=(Behaviour(did_any_of=("A",)),)))
        ct.fake.dashboard.put_into_list("VIP", ["noor@example.com"])
        listed = await post(ct, "segments/list", page=1, limit=1)
        rest = await post(ct, "segments/list", page=2, limit=1)
        for when, segment in (
            ("20260302 12:00", listed["segments"][0]["id"]),
            ("now", rest["segments"][0]["id"]),
        ):
            await create(ct, when=when, segment=segment)
        await ct.upload(event("A", identity="ravi@example.com"))
        await ct.settle(10 * 3600)

        assert listed == {
            "status": "success",
            "segments": [{"id": 1, "name": "Openers"}],
            "total_count": 2,
            "total_pages": 2,
        }
        assert rest["segments"] == [{"id": 2, "name": "VIP"}]
        assert sent(ct) == ["noor", "ravi"]
        ct.stage.recorder.check()


@pytest.mark.parametrize("page", [{"page": 0}, {"limit": 501}, {"page": "1"}, {"page": True}])
async def test_page_of_segments_that_is_none_is_malformed(page: dict[str, Any]) -> None:
    async with account() as ct:
        status, _ = await ct.call("POST", "/1/segments/list.json", body=page)

        assert status == 400


async def test_frequency_caps_hold_unless_the_call_says_otherwise() -> None:
    async with account() as ct:
        await with_people(ct, "asha")
        ct.fake.dashboard.limit_channel("sms", ChannelLimits(gap=timedelta(days=1)))
        caps: list[dict[str, Any]] = [{}, {"respect_frequency_caps": True}, {"respect_frequency_caps": False}]
        for respects in caps:
            await create(ct, **respects)
            await ct.settle()

        assert len(sent(ct)) == 2
        assert [fact.details["reason"] for fact in ct.facts("message_dropped")] == ["Frequency Cap"]


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": None},
        {"target_mode": "pigeon"},
        {"target_mode": 5},
        {"segment": "some"},
        {"segment": 1},
        {"segment": True},
        {"where": {"event_name": "A", **DAYS}},
        {"devices": ["fridge"]},
        {"devices": "ios"},
        {"labels": [1]},
        {"estimate_only": "yes"},
        {"conversion": []},
        {"conversion": {"event_name": 5}},
        {"content": {}},
        {"content": {"body": "{{ x"}},
        {"provider_nick_name": None},
        {"target_mode": "webhook", "content": {"webhook_name": "none"}},
        {"target_mode": "webhook", "content": {"webhook_name": "none", "body": 5}},
        {"target_mode": "webhook", "content": {"webhook_name": "none", "key_values": {"a": 1}}},
    ],
)
async def test_campaign_that_makes_no_sense_is_refused(fields: dict[str, Any]) -> None:
    async with account() as ct:
        await with_people(ct, "asha")

        answer = await create(ct, **fields)

        assert (answer["status"], answer["code"]) == ("fail", 400)
        await ct.settle()
        assert sent(ct) == []
        ct.stage.recorder.check(sent=False)


async def test_query_of_a_campaign_is_checked_when_it_is_made() -> None:
    body = {key: value for key, value in SMS.items() if key != "segment"}
    async with account() as ct:
        wrong = await create(ct, body, where={"event_name": "Uninstalled", **DAYS})
        neither = await create(ct, body)

        assert wrong == {"status": "fail", "error": '["Invalid event : Uninstalled"]', "code": 400}
        assert neither["status"] == "fail"


@pytest.mark.bounds("clevertap", "3: 3 requests per second")
async def test_fourth_campaign_in_a_second_is_429() -> None:
    async with account(CleverTapSettings(query_takes_s=0.01)) as ct:
        statuses = [
            (await ct.call("POST", "/1/targets/create.json", body=SMS | {"estimate_only": True}))[0]
            for _ in range(4)
        ]
        await ct.settle(1)
        later, _ = await ct.call("POST", "/1/targets/create.json", body=SMS | {"estimate_only": True})

        assert statuses == [200, 200, 200, 429]
        assert later == 200
        ct.stage.recorder.check()


async def test_list_shows_the_dashboards_campaigns_where_the_account_does() -> None:
    for shows in (False, True):
        async with account(CleverTapSettings(list_dashboard_campaigns=shows)) as ct:
            number = ct.fake.add_campaign(SmsCampaign(name="nudge", text="Hi"))

            listed = await post(ct, "targets/list", **DAYS)

            assert [target["id"] for target in listed["targets"]] == ([number] if shows else [])
            ct.stage.recorder.check()


@pytest.mark.parametrize("path", ["result", "stop"])
@pytest.mark.parametrize("number", [None, 1, "x", True, [], "9" * 50, -1])
async def test_unknown_campaign_is_refused(path: str, number: Any) -> None:
    async with account() as ct:
        answer = await post(ct, f"targets/{path}", id=number)

        assert answer == {"status": "fail", "error": "Invalid target id", "code": 400}


async def test_runs_to_come_end_with_the_fake() -> None:
    async with account() as ct:
        await with_people(ct, "asha")
        await create(ct, when="20260303 09:00")
        await ct.fake.stop()
        await ct.settle(5 * 86400)

        assert sent(ct) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
async def test_campaigns_are_asked_for_with_anything(seed: int) -> None:
    random = Random(seed)
    keys = [
        "name",
        "target_mode",
        "where",
        "segment",
        "content",
        "when",
        "devices",
        "labels",
        "conversion",
        "id",
    ]
    async with account(CleverTapSettings(query_takes_s=0, max_creates_per_s=None)) as ct:
        await with_people(ct, "asha")
        for _ in range(10):
            body = SMS | {key: anything(random) for key in random.sample(keys, 2)}
            body |= random.choice([{}, DAYS, {"when": {"type": "recurring", "start_time": anything(random)}}])
            for path in ("targets/create", "targets/list", "targets/result", "targets/stop", "segments/list"):
                status, answer = await ct.call("POST", f"/1/{path}.json", body=body)
                assert status in (200, 400)
                assert answer["status"] in ("success", "fail")
        await ct.settle(5)
        ct.stage.recorder.check(sent=False)


async def with_three_devices(ct: Account) -> None:
    """Asha has two phones and a tablet, the Android phone seen last; nobody has the fourth."""
    for object_id, kind in (("__a", "fcm"), ("-i", "apns"), ("~w", "wns"), ("__b", "fcm")):
        await ct.upload(
            person() | {"objectId": object_id},
            {"type": "token", "objectId": object_id, "tokenData": {"id": object_id, "type": kind}},
        )
        await ct.settle(60)


@pytest.mark.parametrize(
    ("fields", "recipients", "estimates"),
    [
        ({}, ["__b"], {"android": 1}),
        ({"send_to_all_devices": False}, ["__b"], {"android": 1}),
        (
            {"send_to_all_devices": True},
            ["__b", "~w", "-i", "__a"],
            {"android": 2, "ios": 1, "windows": 1},
        ),
        ({"devices": ["ios", "windows"]}, ["~w"], {"ios": 0, "windows": 1}),
        (
            {"devices": ["android"], "send_to_all_devices": True},
            ["__b", "__a"],
            {"android": 2},
        ),
    ],
)
async def test_push_goes_to_the_device_seen_last_or_to_all(
    fields: dict[str, Any], recipients: list[str], estimates: dict[str, int]
) -> None:
    async with account() as ct:
        await with_three_devices(ct)

        content = {"title": "t", "body": "b"}
        made = await create(ct, target_mode="push", content=content, **fields)
        await ct.settle()

        assert [text.recipient for text in ct.stage.recorder.texts] == recipients
        assert made["estimates"] == estimates
        result = await post(ct, "targets/result", id=made["id"])
        assert result["result"]["sent"] == 1  # a person, on however many devices
        ct.stage.recorder.check()


async def test_each_device_of_a_push_is_seen_and_tapped_by_itself() -> None:
    async with account() as ct:
        await with_three_devices(ct)
        content = {"title": "t", "body": "b"}
        made = await create(ct, target_mode="push", content=content, send_to_all_devices=True)
        await ct.settle()

        for text in ct.stage.recorder.texts[:3]:
            await ct.stage.session.get(text.tap_url, allow_redirects=False)

        result = await post(ct, "targets/result", id=made["id"])
        assert result["result"] == {"sent": 1, "clicked": 3}


@pytest.mark.parametrize(
    ("fields", "known"),
    [
        (["identities"], {"identity", "all_identities", "objectId", "email", "phone", "key_values"}),
        (["tokens"], {"push_token", "key_values"}),
        (
            ["profile-attributes", "tokens"],
            {"name", "profileData", "systemProfileData", "push_token", "key_values"},
        ),
        ([], {"key_values"}),
    ],
)
async def test_webhook_campaign_in_the_words_of_the_page(fields: list[str], known: set[str]) -> None:
    async with account() as ct:
        await ct.upload(
            person(Name="Asha", Phone=PHONE) | {"objectId": "__a"},
            {"type": "token", "objectId": "__a", "tokenData": {"id": "app", "type": "fcm"}},
        )
        await ct.fake.add_webhook("hook", url=HOOK)
        body = {
            "name": "c", "target_mode": "webhook", "segment": "all", "when": "now", "webhook_endpoint_name": "hook",
            "webhook_fields": fields, "webhook_key_value": {"k": "v"},
        }  # fmt: skip

        made = await post(ct, "targets/create", **body)
        await ct.settle()

        [sent_body] = ct.bodies()
        assert (sent_body["targetId"], sent_body["key_values"]) == (made["id"], {"k": "v"})
        assert [set(entry) for entry in sent_body["profiles"]] == [known]
        for wrong in (
            {"webhook_fields": ["all"]},
            {"webhook_fields": "tokens"},
            {"webhook_fields": [1]},
            {"webhook_key_value": {"k": 1}},
            {"webhook_endpoint_name": "none"},
            {"webhook_endpoint_name": 5},
        ):
            answer = await post(ct, "targets/create", **(body | wrong))
            assert (answer["status"], answer["code"]) == ("fail", 400)
            await ct.settle(1)
        ct.stage.recorder.check(sent=False)
