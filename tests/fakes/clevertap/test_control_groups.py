"""Who is kept out to be compared with, and who does what a campaign is for."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from fakes.clevertap import (
    CleverTapSettings,
    Control,
    Conversion,
    Did,
    Journey,
    JourneyTrigger,
    Link,
    Message,
    SmsCampaign,
    WebhookCampaign,
    Where,
)
from tests.fakes.clevertap.account import HOOK, NOW_TS, PHONE, Account, account, event, person
from tests.fakes.clevertap.test_targets import create, post
from tests.support.controls import controlled

if TYPE_CHECKING:
    from fakes.clevertap.control_groups import ControlGroups
from fakes.clevertap.errors import UnknownControlGroup

SYSTEM, CAMPAIGN = "System Control Group", "Campaign Control Group"
DAYS = {"from": "20260301", "to": "20260331"}


async def many(ct: Account, count: int, first: int = 0) -> None:
    await ct.upload(*(person(f"p{n}@example.com", Phone=PHONE) for n in range(first, first + count)))


def campaign(ct: Account, name: str = "m", **more: Any) -> None:
    ct.fake.add_campaign(SmsCampaign(name=name, text="Hi", **more))


def kept(ct: Account, name: str = "m") -> set[str]:
    return {fact.subject for fact in ct.facts("kept_as_control") if fact.details.get("campaign") == name}


def got(ct: Account, name: str = "m") -> set[str]:
    return {text.email for text in ct.stage.recorder.texts if text.campaign == name}


@pytest.mark.parametrize("share", [2, 50, 99])
async def test_campaigns_own_group_is_a_share_of_those_who_qualify_and_stays_the_same(share: float) -> None:
    async with account() as ct:
        await many(ct, 300)
        campaign(ct, control=Control(share=share))
        campaign(ct, "other", control=Control(share=share))
        for name in ("m", "m", "other"):
            await ct.fake.launch(name)
            await ct.settle(60)

        counts = ct.fake.statistics("m")
        # Five standard deviations of three hundred draws.
        assert abs(len(kept(ct)) - 3 * share) < 5 * (3 * share * (1 - share / 100)) ** 0.5
        assert kept(ct).isdisjoint(got(ct))
        assert len(kept(ct) | got(ct)) == 300
        assert (counts.qualified, counts.sent, counts.controlled[CAMPAIGN]) == (
            600,
            2 * len(got(ct)),
            2 * len(kept(ct)),
        )
        assert counts.is_settled
        assert kept(ct, "other") != kept(ct)


async def test_system_group_gets_no_campaign_unless_one_leaves_it_in_and_new_people_are_drawn_too() -> None:
    async with account(CleverTapSettings(system_control_group=5)) as ct:
        await many(ct, 600)
        campaign(ct)
        campaign(ct, "receipt", control=Control(system=False))
        await ct.fake.launch("m")
        await ct.fake.launch("receipt")
        await ct.settle(60)
        first = kept(ct)
        await many(ct, 600, first=600)
        await ct.fake.launch("m")
        await ct.settle(60)

        assert len(got(ct, "receipt")) == 600
        assert 5 < len(first) < 60
        assert first < kept(ct)
        assert 20 < len(kept(ct)) < 110
        assert len(kept(ct) | got(ct)) == 1200
        assert set(ct.fake.statistics("m").controlled) == {SYSTEM}


async def test_system_group_gets_nothing_from_the_api_either_unless_it_is_named() -> None:
    async with account(CleverTapSettings(system_control_group=5)) as ct:
        await many(ct, 600)
        await create(ct)
        await ct.settle(60)
        [out, *_] = sorted(kept(ct, "My Sms API campaign"))
        send = {"to": {"email": [out]}, "content": {"body": "Hi"}, "provider_nick_name": "p"}
        await post(ct, "send/sms", **send)
        await ct.settle(60)

        report = await post(ct, "message/report", **DAYS)
        assert got(ct, "API sms") == {out}
        assert out not in got(ct, "My Sms API campaign")
        assert report["messages"][0]["status"] == "completed"
        assert report["messages"][0]["control_group"][SYSTEM]["qualified"] == len(
            kept(ct, "My Sms API campaign")
        )
        ct.stage.recorder.check()


async def test_custom_group_is_kept_out_where_it_is_named() -> None:
    async with account() as ct:
        await many(ct, 900)
        groups = ct.fake.dashboard.control_groups
        groups.make(2)
        groups.make(5, "Christmas")
        campaign(ct, control=Control(groups=("Christmas",)))
        campaign(ct, "other")
        await ct.fake.launch("m")
        await ct.fake.launch("other")
        await ct.settle(60)

        counts = ct.fake.statistics("m").controlled
        assert set(counts) == {SYSTEM, "Christmas"}
        assert counts["Christmas"] > counts[SYSTEM] > 0
        assert kept(ct, "other") < kept(ct)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda _: Control(share=1.9), "1.9 % of those who qualify, wanted 2 to 99 %"),
        (lambda _: Control(share=100), "wanted 2 to 99"),
        (lambda groups: groups.make(1), "1 % of everybody, wanted 2 to 5 %"),
        (lambda groups: groups.make(6), "wanted 2 to 5"),
        (lambda groups: groups.make(3, "x"), "wanted that first"),
        (lambda groups: [groups.make(3) for _ in range(2)], "already"),
        (lambda groups: [groups.make(3)] + [groups.make(2, f"x{n}") for n in range(11)], "at most 10"),
    ],
)
async def test_control_group_that_there_cannot_be_is_refused(make: Any, words: str) -> None:
    async with account() as ct:
        groups: ControlGroups = ct.fake.dashboard.control_groups
        with pytest.raises(ValueError, match=words):
            make(groups)


async def test_campaign_and_journey_name_only_groups_that_there_are() -> None:
    async with account() as ct:
        with pytest.raises(UnknownControlGroup, match="no custom control group 'x'"):
            campaign(ct, control=Control(groups=("x",)))
        journey = Journey(name="j", nodes={"entry": JourneyTrigger()}, control=Control(groups=("x",)))
        with pytest.raises(UnknownControlGroup, match="no custom control group 'x'"):
            ct.fake.dashboard.add_journey(journey)

        assert ct.fake.dashboard.campaigns == ()


async def test_broadcast_goes_without_the_control_group() -> None:
    async with account(CleverTapSettings(broadcast_size=100)) as ct:
        await many(ct, 300)
        await ct.fake.add_webhook("hook", url=HOOK)
        ct.fake.add_campaign(WebhookCampaign(name="m", webhook="hook", control=Control(share=50)))
        await ct.fake.launch("m")
        await ct.settle(60)

        shown = {one["email"] for body in ct.bodies() for one in body["profiles"]}
        assert len(ct.bodies()) == 3
        assert shown.isdisjoint(kept(ct))
        assert len(shown) + len(kept(ct)) == 300


async def test_journey_keeps_its_group_out_at_the_entry_and_its_campaigns_nobody() -> None:
    async with account(CleverTapSettings(system_control_group=5)) as ct:
        await many(ct, 600)
        campaign(ct)
        nodes: dict[str, Any] = {
            "entry": JourneyTrigger(paths={"yes": Link("m")}),
            "m": Message(campaign="m"),
        }
        ct.fake.dashboard.add_journey(Journey(name="j", nodes=nodes, control=Control(share=40)))

        entered = ct.fake.dashboard.trigger_journey("j")
        again = ct.fake.dashboard.trigger_journey("j")
        await ct.settle(60)

        counts = ct.fake.dashboard.journeys.statistics("j")
        assert set(counts.controlled) == {SYSTEM, "Journey Control Group"}
        assert again == 0  # neither those who were in it nor those who were kept out
        assert entered == counts.entered == ct.fake.statistics("m").sent == 600 - counts.controlled.total()
        assert not ct.fake.statistics("m").controlled


# Conversions


async def paid(ct: Account, name: str, **data: Any) -> None:
    await ct.upload(event("Charged", identity=f"{name}@example.com", evtData=data))


async def test_conversion_is_counted_once_within_its_time_after_the_message() -> None:
    async with account() as ct:
        await many(ct, 5)
        goal = Conversion(
            event="Charged",
            within=timedelta(days=1),
            where=(Where("Plan", "pro"),),
            revenue="Amount",
        )
        campaign(ct, conversion=goal)
        await paid(ct, "p0", Plan="pro", Amount=1000)  # before the message
        await ct.settle(60)
        await ct.fake.launch("m")
        await ct.settle(3600)
        await paid(ct, "p1", Plan="pro", Amount=10)
        await paid(ct, "p1", Plan="pro", Amount=10)  # a second time
        await paid(ct, "p2", Plan="free", Amount=10)
        await paid(ct, "p3", Plan="pro")
        await ct.upload(event("Charged", identity="p4@example.com", ts=NOW_TS - 5, evtData={"Plan": "pro"}))
        await ct.settle(86400)
        await paid(ct, "p4", Plan="pro", Amount=10)  # too late

        counts = ct.fake.statistics("m")
        assert (counts.sent, counts.converted, counts.revenue) == (5, 2, 10)


async def test_control_group_converts_without_a_message() -> None:
    async with account() as ct:
        await many(ct, 200)
        campaign(ct, conversion=Conversion(event="Charged", revenue="Amount"), control=Control(share=50))
        await ct.fake.launch("m")
        await ct.settle(60)
        for name in (*sorted(got(ct))[:7], *sorted(kept(ct))[:3]):
            await paid(ct, name.partition("@")[0], Amount=2)

        counts = ct.fake.statistics("m")
        assert (counts.converted, counts.revenue) == (7, 14)
        assert (counts.control_converted, counts.control_revenue) == ({CAMPAIGN: 3}, {CAMPAIGN: 6})
        facts = [fact for fact in ct.facts("converted") if fact.details["campaign"] == "m"]
        assert {fact.subject for fact in facts if fact.details["group"]} == set(sorted(kept(ct))[:3])
        assert {fact.subject for fact in facts if not fact.details["group"]} == set(sorted(got(ct))[:7])
        assert {fact.details["revenue"] for fact in facts} == {2}


async def test_each_message_of_a_live_campaign_begins_the_time_anew() -> None:
    async with account() as ct:
        await many(ct, 1)
        campaign(ct, when=Did("Looked"), conversion=Conversion(event="Charged", within=timedelta(hours=1)))
        for wait_s in (0, 3000, 3000):
            await ct.settle(wait_s)
            await ct.upload(event("Looked", identity="p0@example.com"))
            await ct.settle(1)
        await ct.settle(3000)
        await paid(ct, "p0")
        await paid(ct, "p0")

        assert (ct.fake.statistics("m").sent, ct.fake.statistics("m").converted) == (3, 1)
        assert len(ct.fake.dashboard.conversions._goals) == 1


async def test_conversion_of_a_campaign_by_api_stands_in_the_report() -> None:
    async with account() as ct:
        await many(ct, 3)
        await create(ct, conversion={"event_name": "Charged"})
        await ct.settle(60)
        await paid(ct, "p0")
        await paid(ct, "p2")

        [message] = (await post(ct, "message/report", **DAYS))["messages"]
        assert (message["conversion_event"], message["converted"], message["sent"]) == ("Charged", 2, 3)
        assert "control_group" not in message
        ct.stage.recorder.check()


async def test_who_did_not_convert_in_time_is_forgotten() -> None:
    async with account() as ct:
        await many(ct, 50)
        campaign(ct, conversion=Conversion(event="Charged", within=timedelta(hours=1)))
        await ct.fake.launch("m")
        await ct.settle(2 * 3600)
        await ct.fake.launch("m", ["p7@example.com"])
        await ct.settle(1)

        [goal] = ct.fake.dashboard.conversions._goals.values()
        assert len(goal.open) == 1


async def test_groups_and_conversion_times_are_part_of_a_snapshot_and_of_the_control_api() -> None:
    async with controlled("clevertap") as on:
        people = [person(f"p{n}@example.com", Phone=PHONE) for n in range(100)]
        settings = on.fake.settings
        headers = {"X-CleverTap-Account-Id": settings.account_id, "X-CleverTap-Passcode": settings.passcode}
        url = on.stage.url(on.fake.host) + "/1/upload"

        async def upload(*records: Any) -> None:
            async with on.stage.session.post(url, json={"d": records}, headers=headers) as response:
                assert (await response.json(content_type=None))["status"] == "success"

        await upload(*people)
        body = {
            "name": "m",
            "channel": "sms",
            "text": "Hi",
            "control": {"share": 50},
            "conversion": {"event": "Charged"},
        }
        lost = await on.ask("POST", "/collections/campaigns", body | {"control": {"groups": ["x"]}})
        assert lost[0] == 409
        assert "no custom control group 'x'" in str(lost[1])
        status, _ = await on.ask("POST", "/collections/campaigns", body)
        assert status == 201
        await on.fake.launch("m")
        document = json.loads(json.dumps((await on.ask("GET", "/snapshot"))[1]))
        before = on.fake.statistics("m").controlled[CAMPAIGN]
        assert (await on.ask("POST", "/reset"))[0] == 204
        assert (await on.ask("PUT", "/snapshot", document))[0] == 204

        await on.fake.launch("m")
        await upload(*(event("Charged", identity=one["identity"]) for one in people))

        counts = on.fake.statistics("m")
        assert counts.controlled[CAMPAIGN] == 2 * before
        assert counts.control_converted[CAMPAIGN] == before


async def test_groups_are_made_and_shown_by_the_control_api() -> None:
    async with controlled("clevertap") as on:
        path = "/collections/control_groups"
        early = await on.ask("POST", path, {"share": 3, "name": "Christmas"})
        for body in ({"share": 2.5}, {"share": 3, "name": "Christmas"}):
            assert (await on.ask("POST", path, body))[0] == 201
        again = await on.ask("POST", path, {"share": 4})
        wrong = await on.ask("POST", path, {"share": 50, "name": "big"})

        assert (early[0], again[0], wrong[0]) == (409, 409, 409)
        assert "wanted that first" in early[1]["error"]["message"]
        assert "wanted 2 to 5 %" in wrong[1]["error"]["message"]
        assert (await on.ask("GET", path))[1]["items"] == [
            {"share": 2.5, "name": SYSTEM},
            {"share": 3, "name": "Christmas"},
        ]


@pytest.mark.parametrize("word", ["conversion", "conversion_goal"])
@pytest.mark.parametrize(
    ("time", "within_s"), [("1D", 86400), ("2h", 7200), ("90M", 5400), ("10d", 864000), (None, 7 * 86400)]
)
async def test_conversion_time_of_a_campaign_by_api_is_the_one_that_was_said(
    word: str, time: str | None, within_s: int
) -> None:
    async with account() as ct:
        await many(ct, 4)
        goal: dict[str, Any] = {
            "event_name": "Charged",
            "filter_type": {
                "event_property": [{"property_name": "Plan", "operator": "equals", "property_value": "pro"}],
                "first_time": "yes",
                "day_of_week": [1, 7],
            },
            "revenue_property": "Amount",
        }
        await create(ct, **{word: goal | ({} if time is None else {"conversion_time": time})})
        await ct.settle(5)
        await ct.settle(within_s - 30)
        await paid(ct, "p0", Plan="pro", Amount=5)
        await paid(ct, "p1", Plan="free", Amount=7)
        await paid(ct, "p2", Plan="pro", Amount="NaN")
        await ct.settle(60)
        await paid(ct, "p3", Plan="pro", Amount=9)

        [message] = (await post(ct, "message/report", **DAYS))["messages"]
        assert (message["converted"], message["revenue"]) == (2, 5)
        ct.stage.recorder.check()


@pytest.mark.parametrize(
    "wrong",
    [
        {"conversion_time": "0D"},
        {"conversion_time": "D"},
        {"conversion_time": "1W"},
        {"conversion_time": "99999D"},
        {"conversion_time": 1},
        {"revenue_property": 5},
        {"filter_type": []},
        {"filter_type": {"event_property": {}}},
        {"filter_type": {"event_property": [5]}},
        {"filter_type": {"event_property": [{"property_name": 5}]}},
        {"filter_type": {"event_property": [{"property_name": "a", "operator": "is"}]}},
        {"filter_type": {"event_property": [{"property_name": "a", "operator": []}]}},
    ],
)
async def test_conversion_that_cannot_be_read_makes_no_campaign(wrong: dict[str, Any]) -> None:
    async with account() as ct:
        body = {
            "name": "c",
            "segment": "all",
            "when": "now",
            "content": {"title": "t", "body": "b"},
            "conversion_goal": {"event_name": "Charged"} | wrong,
        }
        status, answer = await ct.call("POST", "/1/targets/create.json", body=body)

        assert (status, answer["status"], answer["code"]) == (200, "fail", 400)
        assert (await post(ct, "message/report", **DAYS))["messages"] == []


async def test_revenue_stays_a_number_whatever_was_paid() -> None:
    async with account() as ct:
        await many(ct, 4)
        await create(ct, conversion_goal={"event_name": "Charged", "revenue_property": "Amount"})
        await ct.settle(5)
        for name, amount in (("p0", 1e308), ("p1", 1e308), ("p2", "Infinity"), ("p3", "1e999")):
            await paid(ct, name, Amount=amount)

        [message] = (await post(ct, "message/report", **DAYS))["messages"]
        assert (message["converted"], message["revenue"]) == (4, 1e308)
