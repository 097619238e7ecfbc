from __future__ import annotations

import asyncio
import json
from itertools import pairwise

import pytest
from aiohttp import web

from fakes.clevertap import (
    CleverTapSettings,
    ContentFormat,
    Did,
    EmailCampaign,
    PushCampaign,
    SmsCampaign,
    WebhookCampaign,
    WebhookRefused,
)
from fakes.clevertap.errors import InvalidTemplate, UnknownWebhook
from fakes.clevertap.webhooks import WebhookTemplate
from tests.fakes.clevertap.account import (
    BODY,
    HOOK,
    account,
    event,
    person,
    with_people,
    with_webhook,
)


@pytest.mark.proves("clevertap", "templateTest")
@pytest.mark.answers("clevertap", 21, 22, 23)
async def test_template_is_saved_after_a_test_call_that_is_answered_200() -> None:
    async with account() as ct:
        await ct.fake.add_webhook("mailmodo", url=HOOK, headers={"X-Token": "t"}, basic=("me", "secret"))

        [(method, path, headers, body)] = ct.receiver.requests
        assert (method, path) == ("POST", "/hook")
        assert headers["Content-Type"] == "application/json"
        assert headers["User-Agent"] == "CleverTap-Webhook-Fake/1"
        assert headers["X-Token"] == "t"
        assert headers["Authorization"] == "Basic bWU6c2VjcmV0"
        sent = json.loads(body)
        assert (sent["is_test"], sent["targetId"], sent["key_values"]) == (True, 1234, {"key": "value"})
        assert len(sent["profiles"]) == 5
        assert set(sent["profiles"][0]) == {"Identity", "Email", "push_token"}
        ct.stage.recorder.check()


@pytest.mark.parametrize("status", [201, 204, 302, 404, 500])
@pytest.mark.answers("clevertap", 23)
async def test_template_is_refused_when_the_test_call_gets_anything_but_200(status: int) -> None:
    async with account(CleverTapSettings(webhook_any_2xx=True)) as ct:
        ct.receiver.answer = lambda _: web.Response(status=status)

        with pytest.raises(WebhookRefused, match=str(status)):
            await ct.fake.add_webhook("mailmodo", url=HOOK)

        assert len(ct.receiver.requests) == 1
        with pytest.raises(UnknownWebhook, match="mailmodo"):
            ct.fake.add_campaign(WebhookCampaign(name="ask", webhook="mailmodo"))


async def test_template_is_refused_when_nobody_answers() -> None:
    async with account() as ct:
        with pytest.raises(WebhookRefused, match="no answer"):
            await ct.fake.add_webhook("mailmodo", url="https://nowhere.test/hook")


@pytest.mark.proves("clevertap", "customBody")
async def test_launched_campaign_sends_the_rendered_body_to_everybody_in_order() -> None:
    async with account() as ct:
        await with_people(ct, "asha", "ravi")
        await with_webhook(ct)

        count = await ct.fake.launch("ask")
        await ct.settle()

        ids = {profile.email: profile.object_id for profile in ct.fake.state.profiles}
        assert count == 2
        assert ct.bodies() == [
            {
                "email": f"{name}@example.com",
                "clevertap_id": ids[f"{name}@example.com"],
                "data": {"first_name": name.title()},
            }
            for name in ("asha", "ravi")
        ]
        assert [(fact.subject, fact.details) for fact in ct.facts("webhook_sent")] == [
            ("asha@example.com", {"campaign": "ask", "status": 200, "attempts": 1}),
            ("ravi@example.com", {"campaign": "ask", "status": 200, "attempts": 1}),
        ]
        assert ct.fake.statistics("ask").sent == 2
        ct.stage.recorder.check()


async def test_audience_narrows_a_launch() -> None:
    async with account() as ct:
        await with_people(ct, "asha", "ravi", "mina")
        await with_webhook(ct)

        count = await ct.fake.launch(
            "ask", audience=["Mina@example.com", "asha@example.com", "ghost@example.com"]
        )
        await ct.settle()

        assert count == 2
        assert [body["email"] for body in ct.bodies()] == ["asha@example.com", "mina@example.com"]


@pytest.mark.proves("clevertap", "customBody")
async def test_seeds_own_body_is_rendered() -> None:
    body = '{"email": "${user_email}", "data": {"first_name": "${first_name}", "subscription_plan": "${plan_type}"}}'
    async with account() as ct:
        await ct.upload(person(Name="Asha Rao", plan_type="pro"))
        await with_webhook(ct, body=body)

        await ct.fake.launch("ask")
        await ct.settle()

        assert ct.bodies() == [
            {"email": "asha@example.com", "data": {"first_name": "Asha", "subscription_plan": "pro"}}
        ]


@pytest.mark.answers("clevertap", 16, 18)
async def test_webhook_is_tried_three_times_fifteen_seconds_apart() -> None:
    async with account() as ct:
        await with_people(ct, "asha")
        await with_webhook(ct)
        ct.receiver.answer = lambda _: web.Response(status=400)

        await ct.fake.launch("ask")
        await ct.settle(60)

        tries = ct.stage.recorder.webhooks("customBody")
        assert [exchange.attempt for exchange in tries] == [1, 2, 3]
        gaps = [(later.started_at - earlier.ended_at).total_seconds() for earlier, later in pairwise(tries)]
        assert gaps == pytest.approx([15, 15], abs=0.01)
        assert len({exchange.request_body for exchange in tries}) == 1
        assert ct.fake.statistics("ask").errors == {"Webhook Dispatch Failed": 1}
        [failed] = ct.facts("webhook_failed")
        assert failed.details == {"campaign": "ask", "status": 400, "attempts": 3}
        assert ct.facts("event_stored") == []
        ct.stage.recorder.check()


@pytest.mark.answers("clevertap", 17)
async def test_only_200_is_success_unless_the_account_takes_every_2xx() -> None:
    for any_2xx, attempts in ((False, 3), (True, 1)):
        async with account(CleverTapSettings(webhook_any_2xx=any_2xx)) as ct:
            await with_people(ct, "asha")
            await with_webhook(ct)
            ct.receiver.answer = lambda _: web.Response(status=202)

            await ct.fake.launch("ask")
            await ct.settle(60)

            assert len(ct.stage.recorder.webhooks("customBody")) == attempts


@pytest.mark.answers("clevertap", 16)
async def test_slow_receiver_times_out_after_five_seconds_and_gets_it_again() -> None:
    seen: list[float] = []

    async def slow(request: web.Request) -> web.Response:
        is_test = b"is_test" in await request.read()
        seen.append(asyncio.get_running_loop().time())
        await asyncio.sleep(0 if is_test or len(seen) > 2 else 60)
        return web.Response(text="ok")

    app = web.Application()
    app.router.add_post("/slow", slow)
    async with account() as ct:
        await ct.stage.network.serve(app, ["slow.test"])
        await with_people(ct, "asha")
        await ct.fake.add_webhook("slow", url="https://slow.test/slow")
        ct.fake.add_campaign(WebhookCampaign(name="ask", webhook="slow", body=BODY))

        await ct.fake.launch("ask")
        await ct.settle(120)

        tries = ct.stage.recorder.webhooks("customBody")
        assert [(exchange.error, exchange.status) for exchange in tries] == [("timeout", None), ("", 200)]
        assert seen[2] - seen[1] == pytest.approx(20, abs=0.1)
        assert ct.facts("webhook_sent")[0].details["attempts"] == 2


async def test_body_that_is_no_json_once_rendered_is_dropped() -> None:
    async with account() as ct:
        await with_people(ct, "asha")
        await with_webhook(ct, body='{"visits": {{ Profile.visits }}}')

        await ct.fake.launch("ask")
        await ct.settle()

        assert ct.bodies() == []
        assert [fact.details["reason"] for fact in ct.facts("message_dropped")] == ["Invalid JSON body"]


async def test_aborted_message_is_dropped_and_counted() -> None:
    async with account() as ct:
        await with_people(ct, "asha", "ravi")
        await with_webhook(
            ct, body='{% if Profile.Name == "Ravi" %}{% abort %}{% endif %}{"e": "{{ Profile.Email }}"}'
        )

        await ct.fake.launch("ask")
        await ct.settle()

        assert ct.bodies() == [{"e": "asha@example.com"}]
        [fact] = ct.facts("message_dropped")
        assert (fact.subject, fact.details) == (
            "ravi@example.com",
            {"campaign": "ask", "reason": "LiquidLogicAborted"},
        )
        assert ct.fake.statistics("ask").errors == {"LiquidLogicAborted": 1}


@pytest.mark.answers("clevertap", 22)
async def test_text_body_goes_as_plain_text_and_template_headers_win() -> None:
    for headers, wanted in (({}, "text/plain; charset=utf-8"), ({"content-type": "text/csv"}, "text/csv")):
        async with account() as ct:
            await with_people(ct, "asha")
            await ct.fake.add_webhook("plain", url=HOOK, headers=headers)
            ct.fake.add_campaign(
                WebhookCampaign(
                    name="ask", webhook="plain", body='"{{ Profile.Name }}', content_format=ContentFormat.TEXT
                )
            )

            await ct.fake.launch("ask")
            await ct.settle()

            *_, sent, body = ct.receiver.requests[-1]
            assert (sent.get("Content-Type") or sent.get("content-type"), body) == (wanted, b'"Asha')
            ct.stage.recorder.check()


async def test_personalised_url_is_rendered_and_a_bad_one_counted() -> None:
    async with account() as ct:
        await with_people(ct, "asha")
        await ct.fake.add_webhook("own", url=HOOK + "?to={{ Profile.Phone }}")
        ct.fake.add_campaign(WebhookCampaign(name="good", webhook="own", body="{}"))
        webhooks = ct.fake.dashboard._webhooks
        webhooks["bad"] = WebhookTemplate(name="bad", url="{{ Profile.Name }}")
        ct.fake.add_campaign(WebhookCampaign(name="bad", webhook="bad", body="{}"))

        await ct.fake.launch("good")
        await ct.fake.launch("bad")
        await ct.settle()

        assert ct.receiver.requests[-1][1] == "/hook?to=%2B919876543210"
        assert ct.fake.statistics("bad").errors == {"Invalid Webhook URL": 1}


@pytest.mark.proves("clevertap", "defaultBroadcast")
@pytest.mark.answers("clevertap", 19, 20)
async def test_default_body_is_a_broadcast_in_batches() -> None:
    async with account(CleverTapSettings(broadcast_size=2)) as ct:
        await with_people(ct, "asha", "ravi", "mina")
        await with_webhook(ct, body=None, key_values={"source": "march"})

        await ct.fake.launch("ask")
        await ct.settle()

        assert [[entry["email"] for entry in body["profiles"]] for body in ct.bodies()] == [
            ["asha@example.com", "ravi@example.com"],
            ["mina@example.com"],
        ]
        assert ct.bodies()[0]["key_values"] == {"source": "march"}
        entry = ct.bodies()[0]["profiles"][0]
        assert entry["objectId"] == ct.fake.state.profiles[0].object_id
        assert entry["systemProfileData"]["smsSubscription"] == "Subscribed"
        assert len(ct.facts("webhook_sent")) == 3
        ct.stage.recorder.check()


@pytest.mark.proves("clevertap", "defaultBody")
@pytest.mark.answers("clevertap", 20)
async def test_default_body_with_liquid_pairs_is_one_object_per_person() -> None:
    async with account(CleverTapSettings(capitalised_keys=True)) as ct:
        await with_people(ct, "asha", "ravi")
        await with_webhook(ct, body=None, key_values={"name": "{{ Profile.Name }}"})

        await ct.fake.launch("ask")
        await ct.settle()

        assert [(body["profiles"]["Email"], body["profiles"]["Key_values"]) for body in ct.bodies()] == [
            ("asha@example.com", {"name": "Asha"}),
            ("ravi@example.com", {"name": "Ravi"}),
        ]
        ct.stage.recorder.check()


async def test_webhooks_in_flight_are_bounded_and_start_in_order() -> None:
    async with account(CleverTapSettings(webhooks_at_once=2)) as ct:
        await with_people(ct, *(f"p{n}" for n in range(7)))
        await with_webhook(ct)

        await ct.fake.launch("ask")
        workers = len(ct.fake._tasks)
        await ct.settle()

        assert workers == 2
        assert [body["email"] for body in ct.bodies()] == [f"p{n}@example.com" for n in range(7)]


async def test_taken_webhook_is_an_event_on_the_profile_caused_by_it() -> None:
    async with account() as ct:
        await with_people(ct, "asha")
        await with_webhook(ct)

        await ct.fake.launch("ask")
        await ct.settle()

        [fact] = ct.facts("event_stored")
        assert (fact.subject, fact.details["name"], fact.details["source"]) == (
            "asha@example.com",
            "Webhook Delivered",
            "system",
        )
        assert fact.details["properties"]["Campaign Name"] == "ask"
        assert fact.cause == ct.stage.recorder.webhooks("customBody")[0].id
        assert (await ct.profile("asha@example.com"))["events"]["Webhook Delivered"]["count"] == 1


async def test_live_campaign_calls_the_webhook_with_the_events_properties() -> None:
    async with account() as ct:
        await with_people(ct, "asha")
        await with_webhook(
            ct, Did("Signed Up"), body='{"plan": "{{ Event.plan }}", "old": "@signed up - plan"}'
        )

        await ct.upload(event("SignedUp", evtData={"plan": "pro"}))
        await ct.settle()

        assert ct.bodies() == [{"plan": "pro", "old": "pro"}]
        [upload] = [
            exchange for exchange in ct.stage.recorder.exchanges if b"SignedUp" in exchange.request_body
        ]
        assert ct.stage.recorder.webhooks("customBody")[0].cause == upload.id
        ct.stage.recorder.check()


async def test_age_follows_from_the_date_of_birth_unless_it_is_said() -> None:
    async with account() as ct:
        await ct.fake.add_webhook("mailmodo", url=HOOK)
        ct.fake.add_campaign(
            WebhookCampaign(name="all", webhook="mailmodo", variables=("email", "systemProfileData"))
        )
        # 2 March 1990, 36 years before.
        await ct.upload(person(DOB="$D_636336000"), person("ravi@example.com", DOB="$D_636336000", Age=7))
        await ct.fake.launch("all")
        await ct.settle()

        [body] = ct.bodies()
        assert [entry["systemProfileData"]["age"] for entry in body["profiles"]] == [36, 7]


async def test_response_time_is_that_of_the_try_that_was_taken() -> None:
    async with account() as ct:
        await with_webhook(ct)
        await with_people(ct, "asha")
        answers = iter([503, 302, 200])
        ct.receiver.answer = lambda _attempt: web.Response(status=next(answers))
        await ct.fake.launch("ask")
        await ct.settle(60)

        [delivered] = ct.facts("event_stored")
        assert delivered.details["name"] == "Webhook Delivered"
        assert delivered.details["properties"]["mp_processing_time_ms"] < 1000


async def test_dollar_names_in_an_address_are_personalised_for_each_person() -> None:
    async with account() as ct:
        await ct.fake.add_webhook("mailmodo", url=f"{HOOK}?to=${{user_email}}")
        ct.fake.add_campaign(WebhookCampaign(name="all", webhook="mailmodo"))
        await with_people(ct, "asha", "ravi")
        ct.receiver.requests.clear()
        await ct.fake.launch("all")
        await ct.settle()

        assert [path for _, path, *_ in ct.receiver.requests] == [
            "/hook?to=asha@example.com",
            "/hook?to=ravi@example.com",
        ]
        assert [body["profiles"]["email"] for body in ct.bodies()] == ["asha@example.com", "ravi@example.com"]


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999"])
async def test_a_body_that_only_python_takes_for_json_is_not_sent(value: str) -> None:
    async with account() as ct:
        await with_webhook(ct, body='{"n": {{ Profile.n }}}')
        await ct.upload(person(n=value))
        await ct.fake.launch("ask")
        await ct.settle()

        assert ct.bodies() == []
        assert ct.fake.statistics("ask").errors == {"Invalid JSON body": 1}


async def test_quotes_in_a_comment_do_not_end_the_text_around_it() -> None:
    async with account() as ct:
        body = '{"n": "{% comment %}5" of rain for @Profile - Name{% endcomment %}{{ Profile.Name }}"}'
        await with_webhook(ct, body=body)
        await ct.upload(person(Name='Asha "Ash"'))
        await ct.fake.launch("ask")
        await ct.settle()

        assert ct.bodies() == [{"n": 'Asha "Ash"'}]


BROKEN = [
    "{{ Profile.Email", "{{ | }}", "{{ }}", "{{ Profile..x }}", "{% if x %}", "{% endif %}", "{% else %}", "{% assign %}",
    "{% for %}{% endfor %}", "{% if == %}{% endif %}", "{% if a && b %}{% endif %}", "{% nonsense %}", "{% capture x %}{% endcapture %}",
    "{% include 'x' %}", "{% render 'x' %}", "{% increment x %}", "{% case x", "{% if x %}{% endunless %}",
]  # fmt: skip


@pytest.mark.parametrize("text", BROKEN)
async def test_a_campaign_with_broken_liquid_is_not_published(text: str) -> None:
    async with account() as ct:
        await ct.fake.add_webhook("mailmodo", url=HOOK)
        for made in (
            WebhookCampaign(name="x", webhook="mailmodo", body=text),
            WebhookCampaign(name="x", webhook="mailmodo", key_values={"k": text}),
            SmsCampaign(name="x", text=text),
            PushCampaign(name="x", text="", title=text),
            EmailCampaign(name="x", subject=text, text=""),
        ):
            with pytest.raises(InvalidTemplate, match="campaign 'x': "):
                ct.fake.add_campaign(made)

        assert ct.fake.dashboard.campaigns == ()
        status, answer = await ct.call(
            "POST", "/1/send/sms.json",
            body={"to": {"identity": ["a"]}, "provider_nick_name": "p", "content": {"body": text}},
        )  # fmt: skip
        assert (status, answer["status"], answer["code"], "\n" in answer["error"]) == (
            200,
            "fail",
            400,
            False,
        )
        body = {
            "name": "x",
            "where": {"event_name": "Charged", "from": 20260301, "to": 20260302},
            "when": "now",
        }
        status, answer = await ct.call(
            "POST", "/1/targets/create.json", body={**body, "content": {"title": "t", "body": text}}
        )
        assert (status, answer["status"], answer["code"]) == (200, "fail", 400)
