from __future__ import annotations

from typing import Any

import pytest

from fakes.clevertap import (
    PushCampaign,
    SmsCampaign,
)
from fakes.clevertap.errors import CampaignExists, InvalidTemplate, UnknownCampaign
from tests.fakes.clevertap.account import (
    PHONE,
    account,
    person,
    sms,
    with_people,
)


async def test_sms_needs_a_phone_and_a_subscription() -> None:
    async with account() as ct:
        await ct.upload(person(), person("ravi@example.com", **{"Phone": PHONE, "MSG-sms": False}))
        sms(ct)

        await ct.fake.launch("nudge")
        await ct.settle()

        assert ct.stage.recorder.texts == []
        assert {fact.subject: fact.details["reason"] for fact in ct.facts("message_dropped")} == {
            "asha@example.com": "Unreachable",
            "ravi@example.com": "Unsubscribed",
        }
        assert ct.fake.statistics("nudge").failed == 2


async def test_sms_that_the_network_refuses_is_undelivered() -> None:
    async with account() as ct:
        await with_people(ct, "asha")
        sms(ct)

        async def refuse(_message: Any) -> bool:
            return False

        ct.stage.recorder.deliver = refuse  # type: ignore[assignment]
        await ct.fake.launch("nudge")
        await ct.settle()

        assert ct.fake.statistics("nudge").errors == {"Undelivered": 1}
        assert ct.facts("sms_sent") == []


async def test_sent_sms_is_told_and_is_an_event_on_the_profile() -> None:
    async with account() as ct:
        await with_people(ct, "asha")
        sms(ct)

        await ct.fake.launch("nudge")
        await ct.settle()

        [fact] = ct.facts("sms_sent")
        assert (fact.subject, fact.details) == (
            "asha@example.com",
            {"campaign": "nudge", "text": "Hi Asha!", "recipient": PHONE},
        )
        record = await ct.profile("asha@example.com")
        assert record["events"]["Notification Sent"]["count"] == 1


async def test_push_goes_to_the_device_seen_last() -> None:
    async with account() as ct:
        await ct.upload(person(Name="Asha") | {"objectId": "__a1"})
        await ct.upload({"type": "token", "objectId": "__a1", "tokenData": {"id": "android", "type": "fcm"}})
        await ct.upload(
            person() | {"objectId": "-i1"},
            {"type": "token", "objectId": "-i1", "tokenData": {"id": "ios", "type": "apns"}},
        )
        ct.fake.add_campaign(PushCampaign(name="push", text="Hi ${first_name}"))

        await ct.fake.launch("push")
        await ct.settle()

        [fact] = ct.facts("push_sent")
        assert fact.details == {"campaign": "push", "text": "Hi Asha", "recipient": "ios"}
        assert ct.stage.recorder.texts[0].channel == "push"


async def test_campaigns_have_unique_names_and_valid_liquid() -> None:
    async with account() as ct:
        sms(ct)
        with pytest.raises(CampaignExists, match="nudge"):
            sms(ct)
        with pytest.raises(InvalidTemplate, match="broken"):
            sms(ct, text="{{ x", name="broken")
        with pytest.raises(UnknownCampaign, match="nudge"):
            await ct.fake.launch("nothing")


@pytest.mark.proves("clevertap", "sendExternalTrigger")
async def test_external_trigger_sends_a_campaign_to_named_people() -> None:
    async with account() as ct:
        await with_people(ct, "asha", "ravi")
        campaign_id = ct.fake.add_campaign(
            SmsCampaign(name="code", text='Code {{ ExternalTrigger.code | default: "-" }}')
        )
        to = {"email": ["ravi@example.com", "ghost@example.com"], "identity": ["ravi@example.com"]}

        status, answer = await ct.call(
            "POST",
            "/1/send/externaltrigger.json",
            body={"to": to, "campaign_id": campaign_id, "ExternalTrigger": {"code": "X7"}},
        )
        await ct.settle()

        assert (status, answer) == (200, {"status": "success", "message": "Added to queue for processing"})
        assert [(text.email, text.text) for text in ct.stage.recorder.texts] == [
            ("ravi@example.com", "Code X7")
        ]
        ct.stage.recorder.check()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"to": []}, 400),
        ({"to": {"identity": "a"}, "campaign_id": 1502369473}, 400),
        ({"to": {"fax": ["a"]}, "campaign_id": 1502369473}, 400),
        ({"to": {"identity": ["a"] * 1001}, "campaign_id": "1502369473"}, 400),
        ({"to": {"identity": ["a"]}, "campaign_id": 7}, 200),
        ({"to": {"identity": ["a"]}, "campaign_id": 1502369473, "ExternalTrigger": []}, 200),
    ],
)
async def test_external_trigger_that_makes_no_sense_fails(body: dict[str, Any], status: int) -> None:
    async with account() as ct:
        sms(ct)

        found, answer = await ct.call("POST", "/1/send/externaltrigger.json", body=body)

        assert (found, answer["status"]) == (status, "fail")
        ct.stage.recorder.check(sent=False)
