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
    WebhookCampaign,
    WebhookRefused,
)
from fakes.clevertap.errors import UnknownWebhook
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
