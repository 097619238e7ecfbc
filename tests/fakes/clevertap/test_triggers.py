from __future__ import annotations

import json
from datetime import timedelta

import pytest
from aiohttp import web

from fakes.clevertap import (
    CleverTapSettings,
    Did,
    DidNot,
    OnDate,
)
from tests.fakes.clevertap.account import (
    NOW_TS,
    PHONE,
    account,
    event,
    person,
    sms,
    with_people,
    with_webhook,
)


@pytest.mark.parametrize(("age", "count"), [(0, 1), (7199, 1), (7201, 0), (-119, 1), (-125, 0)])
@pytest.mark.answers("clevertap", 25)
async def test_old_and_future_events_are_stored_but_trigger_nothing(age: int, count: int) -> None:
    async with account() as ct:
        await with_people(ct, "asha")
        sms(ct, Did("Signed Up"))
        sms(ct, DidNot("Paid", timedelta(hours=1), after="Signed Up"), name="later")

        await ct.upload(event("Signed Up", ts=NOW_TS - age))
        await ct.settle(7200)

        names = [fact.details["name"] for fact in ct.facts("event_stored")]
        assert names == ["Signed Up"] + ["Notification Sent", "Notification Delivered"] * 2 * count
        assert [text.campaign for text in ct.stage.recorder.texts] == ["nudge", "later"][: 2 * count]


async def test_inaction_sends_after_the_time_to_those_who_did_not() -> None:
    async with account() as ct:
        await with_people(ct, "asha", "ravi")
        sms(ct, DidNot("MM Email Form Submitted", timedelta(days=2), after="MM Email Opened"))

        await ct.upload(event(), event(identity="ravi@example.com"))
        opened = ct.stage.recorder.exchanges[-1]
        await ct.settle(3000)
        await ct.upload(event("MM Email Form Submitted"))
        await ct.settle(2 * 86400)

        [text] = ct.stage.recorder.texts
        assert (text.recipient, text.email, text.text, text.campaign) == (
            PHONE,
            "ravi@example.com",
            "Hi Ravi!",
            "nudge",
        )
        assert (text.sent_at - opened.started_at).total_seconds() == pytest.approx(2 * 86400)
        assert text.cause == opened.id
        assert [fact.cause for fact in ct.facts("campaign_qualified", "sms_sent")] == [opened.id] * 2
        assert ct.fake.statistics("nudge").sent == 1
        ct.stage.recorder.check()


async def test_inaction_may_start_when_a_campaigns_webhook_was_taken() -> None:
    async with account() as ct:
        await with_people(ct, "asha", "ravi", "mina")
        await with_webhook(ct)
        sms(ct, DidNot("MM Email Form Submitted", timedelta(days=2), after="ask"))
        ct.receiver.answer = lambda _: web.Response(
            status=500 if b"mina" in ct.receiver.requests[-1][3] else 200
        )

        await ct.fake.launch("ask")
        await ct.settle(60)
        await ct.upload(event("MM Email Form Submitted"))
        await ct.settle(3 * 86400)

        [text] = ct.stage.recorder.texts
        hooks = {
            json.loads(hook.request_body)["email"]: hook for hook in ct.stage.recorder.webhooks("customBody")
        }
        assert text.email == "ravi@example.com"
        assert text.cause == hooks["ravi@example.com"].id
        assert (text.sent_at - hooks["ravi@example.com"].ended_at).total_seconds() == pytest.approx(2 * 86400)
        ct.stage.recorder.check()


@pytest.mark.parametrize(
    ("ts", "count"),
    [(-1, 1), (0, 0), (3600, 0), (3 * 3600 + 10, 1)],
    ids=["before A", "with A", "inside", "after the end"],
)
async def test_inaction_looks_at_the_events_own_time(ts: int, count: int) -> None:
    async with account() as ct:
        await with_people(ct, "asha")
        sms(ct, DidNot("Paid", timedelta(hours=3), after="Ordered"))

        await ct.upload(event("Ordered", ts=NOW_TS))
        await ct.settle(3 * 3600 - 60)
        await ct.upload(event("Paid", ts=NOW_TS + ts))
        await ct.settle(120)

        assert len(ct.stage.recorder.texts) == count


async def test_late_arrival_does_not_undo_a_message() -> None:
    async with account() as ct:
        await with_people(ct, "asha")
        sms(ct, DidNot("Paid", timedelta(hours=1), after="Ordered"))

        await ct.upload(event("Ordered"))
        await ct.settle(3700)
        await ct.upload(event("Paid", ts=NOW_TS + 600))

        assert len(ct.stage.recorder.texts) == 1


async def test_waiting_person_is_not_waited_for_twice_but_again_afterwards() -> None:
    async with account() as ct:
        await with_people(ct, "asha")
        sms(ct, DidNot("Paid", timedelta(hours=1), after="Ordered"))

        await ct.upload(event("Ordered"))
        await ct.settle(1800)
        await ct.upload(event("Ordered"))
        await ct.settle(1900)
        assert len(ct.stage.recorder.texts) == 1
        await ct.upload(event("Ordered"))
        await ct.settle(3700)

        assert len(ct.stage.recorder.texts) == 2


async def test_constant_property_judges_each_value_by_itself() -> None:
    async with account() as ct:
        await with_people(ct, "asha")
        when = DidNot("Answered", timedelta(hours=1), after="Asked", constant="survey")
        sms(ct, when, text="Still open: {{ ConstantEventProperty }}")

        await ct.upload(*(event("Asked", evtData={"survey": name}) for name in ("march", "april")))
        await ct.upload(event("Answered", evtData={"survey": "march"}))
        await ct.settle(3700)

        assert [text.text for text in ct.stage.recorder.texts] == ["Still open: april"]


async def test_wait_survives_a_merge_of_profiles() -> None:
    async with account() as ct:
        await ct.upload(person("old@example.com", identity="c1", Phone=PHONE))
        sms(ct, DidNot("Paid", timedelta(hours=1), after="Ordered"))
        await ct.upload({"type": "event", "objectId": "__a1", "evtName": "Ordered", "evtData": {}})
        await ct.upload({"type": "profile", "objectId": "__a1", "profileData": {"identity": "c1"}})
        await ct.settle(3700)

        assert [text.email for text in ct.stage.recorder.texts] == ["old@example.com"]


async def test_campaign_is_not_set_off_by_its_own_message() -> None:
    async with account() as ct:
        await with_people(ct, "asha")
        sms(ct, Did("Notification Sent"))
        sms(ct, name="first")

        await ct.fake.launch("first")
        await ct.settle()

        assert [text.campaign for text in ct.stage.recorder.texts] == ["first", "nudge"]


@pytest.mark.slow
async def test_twenty_thousand_waits_need_no_task_each() -> None:
    async with account(CleverTapSettings(upload_takes_s=0)) as ct:
        sms(ct, DidNot("Paid", timedelta(days=2), after="Ordered"))
        for start in range(0, 20_000, 1000):
            await ct.upload(*(event("Ordered", identity=f"p{start + n}@example.com") for n in range(1000)))

        assert len(ct.fake.dashboard._triggers) == 20_000
        assert len(ct.fake._tasks) == 0
        await ct.settle(2 * 86400 + 1)

        assert ct.fake.statistics("nudge").errors == {"Unreachable": 20_000}


@pytest.mark.parametrize("second_first", [False, True])
async def test_two_who_become_one_while_they_are_waited_for_are_reminded_once(*, second_first: bool) -> None:
    async with account() as ct:
        await with_people(ct, "asha")
        await ct.upload({"type": "profile", "objectId": "__z", "profileData": {"Phone": PHONE}})
        sms(ct, DidNot("B", timedelta(hours=1), "A"))
        acts = [event("A"), {"type": "event", "objectId": "__z", "evtName": "A", "evtData": {}}]
        for act in reversed(acts) if second_first else acts:
            await ct.upload(act)
            await ct.settle(600)
        await ct.upload(
            {"type": "profile", "objectId": "__z", "profileData": {"identity": "asha@example.com"}}
        )
        await ct.upload(event("A"))
        await ct.settle(3600 * 3)

        assert len(ct.fake.state.profiles) == 1
        assert len(ct.stage.recorder.texts) == 1
        assert len(ct.fake.dashboard._triggers) == 0

        await ct.upload(event("A"))
        await ct.settle(3600 * 3)
        assert len(ct.stage.recorder.texts) == 2


async def test_a_date_of_two_who_become_one_comes_once() -> None:
    async with account() as ct:
        await with_people(ct, "asha")
        sms(ct, OnDate("Renews"))
        date = {"Renews": f"$D_{NOW_TS + 3600}"}
        await ct.upload({"type": "profile", "objectId": "__z", "profileData": {"Phone": PHONE} | date})
        await ct.upload(
            {"type": "profile", "objectId": "__z", "profileData": {"identity": "asha@example.com"}}
        )
        await ct.settle(7200)

        assert [text.email for text in ct.stage.recorder.texts] == ["asha@example.com"]
        assert len(ct.fake.dashboard._triggers) == 0
