"""Sending to named people; the bodies are the vendor's samples, with our people."""

from __future__ import annotations

import gc
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from fakes.clevertap import CleverTapSettings, Did, External, WebhookCampaign
from fakes.clevertap.running import RunningCampaign
from tests.fakes.clevertap.account import HOOK, PHONE, Account, account, person, sms
from tests.fakes.clevertap.test_hostile_input import anything

if TYPE_CHECKING:
    from fakes.kit import PhoneMessage

ASHA = "asha@example.com"
QUEUED = {"status": "success", "message": "Added to queue for processing"}
TO = {"Email": [ASHA]}
CONTENTS: dict[str, Any] = {
    "push": {"title": "Welcome", "body": "Hello {{ Profile.Name }}!"},
    "webpush": {"title": "Hi!", "body": "How are you doing today, {{ Profile.Name }}?"},
    "email": {"subject": "Welcome", "body": "<div>Your HTML content</div>", "sender_name": "CleverTap"},
    "sms": {"body": "Sms body"},
    "whatsapp": {
        "template_name": "welcome",
        "locale": "en",
        "body": {"replacements": ["{{ Profile.Name }}"]},
    },
}


async def with_asha(ct: Account) -> None:
    await ct.upload(
        person(Name="Asha", Phone=PHONE) | {"objectId": "__a1", "FBID": "f1", "GPID": "g1"},
        {"type": "token", "objectId": "__a1", "tokenData": {"id": "app-token", "type": "fcm"}},
        {"type": "event", "objectId": "web1", "evtName": "A", "evtData": {}},
        {"type": "profile", "objectId": "web1", "profileData": {"identity": ASHA}},
        {
            "type": "token",
            "objectId": "web1",
            "tokenData": {"id": "web-token", "type": "chrome", "keys": {"p256dh": "k", "auth": "a"}},
        },
    )


def call_body(mode: str, **fields: Any) -> dict[str, Any]:
    provider = {"provider_nick_name": "Provider 1"} if mode in ("email", "sms", "whatsapp") else {}
    return {"to": TO, "content": CONTENTS[mode], **provider, **fields}


async def send(ct: Account, mode: str, **fields: Any) -> Any:
    status, answer = await ct.call("POST", f"/1/send/{mode}.json", body=call_body(mode, **fields))
    assert status == 200
    await ct.settle()
    return answer


def texts(ct: Account) -> list[PhoneMessage]:
    return ct.stage.recorder.texts


@pytest.mark.parametrize(
    ("mode", "recipient", "title", "text"),
    [
        pytest.param(
            "push",
            "app-token",
            "Welcome",
            "Hello Asha!",
            marks=pytest.mark.proves("clevertap", "sendPush"),
        ),
        pytest.param(
            "webpush",
            "web-token",
            "Hi!",
            "How are you doing today, Asha?",
            marks=pytest.mark.proves("clevertap", "sendWebPush"),
        ),
        pytest.param("sms", PHONE, "", "Sms body", marks=pytest.mark.proves("clevertap", "sendSms")),
        pytest.param(
            "whatsapp", PHONE, "", "welcome | Asha", marks=pytest.mark.proves("clevertap", "sendWhatsApp")
        ),
    ],
)
async def test_named_person_gets_the_message(mode: str, recipient: str, title: str, text: str) -> None:
    async with account() as ct:
        await with_asha(ct)

        assert await send(ct, mode, tag_group="my tag group", respect_frequency_caps=False) == QUEUED

        [message] = texts(ct)
        assert (message.channel, message.recipient, message.title, message.text) == (
            mode,
            recipient,
            title,
            text,
        )
        [sent] = ct.facts(f"{mode}_sent")
        assert (sent.subject, sent.details["campaign"]) == (ASHA, "my tag group")
        record = await ct.profile(ASHA)
        assert record["events"]["Notification Sent"]["count"] == 1
        ct.stage.recorder.check()


@pytest.mark.proves("clevertap", "sendEmail")
async def test_named_person_gets_the_mail() -> None:
    async with account() as ct:
        await with_asha(ct)

        assert await send(ct, "email") == QUEUED

        [mail] = ct.stage.recorder.mails
        assert (mail.sender, mail.recipient, mail.subject) == (
            "CleverTap <news@example.com>",
            ASHA,
            "Welcome",
        )
        assert "<div>Your HTML content</div>" in mail.html
        ct.stage.recorder.check()


@pytest.mark.parametrize(
    "to",
    [
        {"FBID": ["f1"]},
        {"GPID": ["g1"]},
        {"Email": [ASHA.upper()]},
        {"Identity": [ASHA]},
        {"objectId": ["__a1", "web1"]},
        {"identity": [ASHA], "email": [ASHA], "fbid": ["f1"], "gpid": ["g1"], "objectid": ["__a1"]},
        {"Identity": ["nobody", ASHA]},
    ],
)
async def test_person_named_in_any_way_and_any_case_gets_one(to: dict[str, Any]) -> None:
    async with account() as ct:
        await with_asha(ct)

        assert await send(ct, "sms", to=to) == QUEUED

        assert len(texts(ct)) == 1
        ct.stage.recorder.check()


async def test_what_is_said_for_a_platform_goes_with_the_push() -> None:
    platforms = {
        "windows": {"deep_link": "https://windows.example.com", "key": "value_windows"},
        "android": {"deep_link": "https://example.com/a", "key": "value_android", "default_sound": True},
    }
    async with account() as ct:
        await with_asha(ct)
        await ct.fake.add_webhook("hook", url=HOOK)
        await send(
            ct,
            "push",
            content=CONTENTS["push"] | {"platform_specific": platforms},
            pa_webhook_name="hook",
        )

        assert (await ct.stage.session.get(texts(ct)[0].tap_url, allow_redirects=False)).headers[
            "Location"
        ] == "https://example.com/a"
        [body] = ct.bodies()
        assert body["profiles"][0]["payload"]["key_values"] == {"key": "value_android"}
        ct.stage.recorder.check(sent=False)


async def test_nobody_is_sent_to_who_cannot_be_reached() -> None:
    async with account() as ct:
        await ct.upload(person("b@example.com"), person("c@example.com", Phone=PHONE, **{"MSG-sms": False}))

        await send(ct, "sms", to={"Identity": ["b@example.com", "c@example.com", "d@example.com"]})

        assert [(fact.subject, fact.details["reason"]) for fact in ct.facts("message_dropped")] == [
            ("b@example.com", "Unreachable"),
            ("c@example.com", "Unsubscribed"),
        ]
        assert texts(ct) == []


@pytest.mark.parametrize(
    ("mode", "fields"),
    [
        ("push", {"content": {"title": "x"}}),
        ("push", {"content": {"body": "x"}}),
        ("push", {"content": {"title": "x", "body": "x", "platform_specific": []}}),
        ("push", {"content": {"title": "x", "body": "x", "platform_specific": {"ios": 1}}}),
        ("push", {"content": None}),
        ("push", {"content": {"title": "x", "body": "{{ x"}}),
        ("push", {"pa_webhook_name": "none"}),
        ("webpush", {"content": {"title": 5, "body": "x"}}),
        ("sms", {"content": {"body": " "}}),
        ("sms", {"provider_nick_name": ""}),
        ("sms", {"respect_frequency_caps": "no"}),
        ("sms", {"tag_group": 7}),
        ("email", {"content": {"subject": "x", "body": "x"}}),
        ("email", {"provider_nick_name": None}),
        ("whatsapp", {"message_id": "longer than 8"}),
        ("whatsapp", {"content": {"locale": "en"}}),
        ("whatsapp", {"content": {"template_name": "t", "body": {"replacements": "x"}}}),
    ],
)
@pytest.mark.bounds("clevertap", "10: at most 8 characters")
async def test_content_that_is_none_is_refused_as_two_hundred(mode: str, fields: dict[str, Any]) -> None:
    async with account() as ct:
        await with_asha(ct)

        answer = await send(ct, mode, **fields)

        assert (answer["status"], answer["code"]) == ("fail", 400)
        assert answer["error"]
        assert texts(ct) == []
        ct.stage.recorder.check(sent=False)


@pytest.mark.parametrize(
    "to",
    [
        None,
        [],
        {},
        {"Email": []},
        {"Email": ASHA},
        {"Email": [None]},
        {"Shoe": ["43"]},
        {"Identity": [str(n) for n in range(600)], "Email": [f"{n}@example.com" for n in range(401)]},
    ],
)
@pytest.mark.parametrize(
    "path", ["/1/send/sms.json", "/1/send/externaltrigger.json", "/2/send/externaltrigger.json"]
)
@pytest.mark.bounds(
    "clevertap", "10: up to 1000 people per call", "10: Up to 1000 people per call in the public senders"
)
async def test_to_names_one_to_a_thousand_people(path: str, to: Any) -> None:
    async with account() as ct:
        body = call_body("sms", to=to, campaign_id=1, campaign_id_list=[1])

        status, answer = await ct.call("POST", path, body=body)

        assert (status, answer["error"]) == (400, "Malformed request")


@pytest.mark.parametrize(
    "endless",
    [
        "{% for a in (1..10000000) %}{% for b in (1..10000000) %}x{% endfor %}{% endfor %}",
        "{% for a in (1..1000000000000) %}x{% endfor %}",
        "{% assign x = 'aaaaaaaaaa' %}" + "{% assign x = x | append: x %}" * 40 + "{{ x }}",
        "{% assign x = 99999 %}" + "{% assign x = x | times: x %}" * 40 + "{{ x }}",
        "{{ (1..1000000000) | join: ',' }}",
        "{{ (1..100000000000000000000000) | reverse | first }}",
        "{% tablerow a in (1..10000000) %}x{% endtablerow %}",
    ],
)
async def test_text_that_never_ends_has_an_end(endless: str) -> None:
    async with account() as ct:
        await with_asha(ct)

        assert await send(ct, "sms", content={"body": f"Hello {endless}"}) == QUEUED

        [message] = texts(ct)
        assert message.text.startswith("Hello ")
        assert len(message.text) < 250_000
        ct.stage.recorder.check()


@pytest.mark.proves("clevertap", "sendExternalTriggers")
async def test_up_to_five_campaigns_are_triggered_at_once() -> None:
    trigger = {"to": {"identity": [ASHA]}, "ExternalTrigger": {"otp": "1234", "items": [{"n": 1}]}}
    async with account() as ct:
        await with_asha(ct)
        await ct.fake.add_webhook("hook", url=HOOK)
        numbers = [
            ct.fake.add_campaign(
                WebhookCampaign(
                    name=str(n),
                    webhook="hook",
                    body={"n": n, "otp": "{{ ExternalTrigger.otp }}"},
                    when=External(),
                )
            )
            for n in range(5)
        ]
        path = "/2/send/externaltrigger.json"

        _, answer = await ct.call(
            "POST", path, body=trigger | {"campaign_id_list": [*numbers[:4], str(numbers[4])]}
        )
        await ct.settle()

        assert answer == QUEUED
        assert ct.bodies() == [{"n": n, "otp": "1234"} for n in range(5)]
        ct.stage.recorder.check()


@pytest.mark.parametrize("numbers", [[], [1] * 6, [1], None, ["x"], [None], [True]])
@pytest.mark.bounds("clevertap", "10: up to 5 campaigns")
async def test_list_of_campaigns_that_is_none_sends_nothing(numbers: Any) -> None:
    async with account() as ct:
        await with_asha(ct)
        sms(ct)
        known = ct.fake.dashboard.running("nudge").id
        listed = [*numbers, known] if numbers and len(numbers) < 6 else numbers

        _, answer = await ct.call(
            "POST", "/2/send/externaltrigger.json", body={"to": TO, "campaign_id_list": listed}
        )
        await ct.settle()

        assert (answer["status"], answer["code"]) == ("fail", 400)
        assert texts(ct) == []
        ct.stage.recorder.check(sent=False)


async def test_live_campaign_is_not_triggered_from_outside() -> None:
    async with account() as ct:
        await with_asha(ct)
        sms(ct, Did("A"))
        number = ct.fake.dashboard.running("nudge").id

        _, answer = await ct.call(
            "POST", "/1/send/externaltrigger.json", body={"to": TO, "campaign_id": number}
        )

        assert answer == {"status": "fail", "error": "Invalid campaign id", "code": 400}
        ct.stage.recorder.check()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
async def test_sends_are_asked_for_with_anything(seed: int) -> None:
    random = Random(seed)
    keys = [
        "to",
        "content",
        "tag_group",
        "provider_nick_name",
        "campaign_id",
        "campaign_id_list",
        "ExternalTrigger",
    ]
    paths = [*(f"1/send/{mode}" for mode in CONTENTS), "1/send/externaltrigger", "2/send/externaltrigger"]
    async with account(CleverTapSettings(query_takes_s=0)) as ct:
        await with_asha(ct)
        for _ in range(8):
            for path in paths:
                body = call_body(random.choice(list(CONTENTS)))
                body |= {key: anything(random) for key in random.sample(keys, 2)}
                status, answer = await ct.call("POST", f"/{path}.json", body=body)
                assert status in (200, 400)
                assert answer["status"] in ("success", "fail")
        await ct.settle()
        ct.stage.recorder.check(sent=False)


async def test_sends_of_a_tag_group_are_one_campaign_in_the_report() -> None:
    """The vendor's page on reports: statistics of "message via identity" are consolidated."""
    async with account() as ct:
        await with_asha(ct)
        for text in ("one", "two https://example.com/x", "three"):
            await send(ct, "sms", tag_group="otp", content={"body": text})
        await send(ct, "sms", content={"body": "four"})
        await send(ct, "push", tag_group="otp")
        for message in texts(ct)[:3]:
            if "/c/" in message.text:
                address = message.text.split()[-1]
                await ct.stage.session.get(address, allow_redirects=False)

        days = {"from": "20260301", "to": "20260303"}
        _, report = await ct.call("POST", "/1/message/report.json", body=days)

        assert [
            (one["message_name"], one["channel"], one["sent"], one["clicked"], one["status"])
            for one in report["messages"]
        ] == [
            ("otp", "SMS", 3, 1, "completed"),
            ("API sms", "SMS", 1, 0, "completed"),
            ("otp", "Push", 1, 0, "completed"),
        ]
        ct.stage.recorder.check()


def running_campaigns() -> int:
    gc.collect()
    return sum(isinstance(one, RunningCampaign) for one in gc.get_objects())


async def test_texts_of_what_was_sent_are_not_kept() -> None:
    async with account(CleverTapSettings(query_takes_s=0)) as ct:
        await with_asha(ct)
        of_other_tests = running_campaigns()
        for number in range(60):
            await send(ct, "sms", tag_group="otp", content={"body": f"Your code is {number}"})

        assert len(texts(ct)) == 60
        assert running_campaigns() - of_other_tests < 10


async def test_of_very_many_tag_groups_the_latest_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fakes.clevertap.named_sends._MOST_TAGS", 5)
    async with account() as ct:
        await with_asha(ct)
        for number in range(8):
            await send(ct, "sms", tag_group=f"t{number}")

        assert [one.campaign.name for one in ct.fake._sends.sent] == ["t3", "t4", "t5", "t6", "t7"]
