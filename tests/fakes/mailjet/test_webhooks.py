from __future__ import annotations

import asyncio
from base64 import b64decode
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from fakes.kit import MailReply
from tests.fakes.mailjet.account import Account, account, links, message, pixel

if TYPE_CHECKING:
    from fakes.kit import Exchange

DAY_S = 24 * 3600
COMMON = [
    "event",
    "time",
    "MessageID",
    "Message_GUID",
    "email",
    "mj_campaign_id",
    "mj_contact_id",
    "customcampaign",
]
TAIL = ["CustomID", "Payload"]
ALL = ("sent", "open", "click", "bounce", "blocked", "spam", "unsub")


def failing(mailjet: Account, status: int = 500) -> None:
    mailjet.receiver.answer = lambda _attempt: web.Response(status=status)


def recovering(mailjet: Account) -> None:
    mailjet.receiver.answer = lambda _attempt: web.Response()


async def test_sent_event_has_the_fields_and_order_of_the_guide():
    async with account() as mailjet:
        await mailjet.hook("sent")

        message_id = await mailjet.send_one(
            CustomCampaign="welcome", CustomID="order-17", EventPayload='{"user_id":"u1"}'
        )

        [event] = mailjet.events()
        assert list(event) == [*COMMON, "mj_message_id", "smtp_reply", *TAIL]
        guid = event.pop("Message_GUID")
        assert event == {
            "event": "sent",
            "time": 1772422200,
            "MessageID": message_id,
            "email": "ada@example.org",
            "mj_campaign_id": 7001,
            "mj_contact_id": 1,
            "customcampaign": "welcome",
            "mj_message_id": str(message_id),
            "smtp_reply": "sent (250 2.0.0 OK)",
            "CustomID": "order-17",
            "Payload": '{"user_id":"u1"}',
        }
        assert mailjet.fake.state.messages[message_id].uuid == guid
        mailjet.stage.recorder.check()


async def test_sent_event_of_later_captures_has_the_bare_reply_and_no_mj_message_id():
    async with account(adds_message_id_text=False, wraps_smtp_reply=False) as mailjet:
        await mailjet.hook("sent")

        await mailjet.send_one()

        [event] = mailjet.events()
        assert list(event) == [*COMMON, "smtp_reply", *TAIL]
        assert event["smtp_reply"] == "250 2.0.0 OK"
        assert (event["CustomID"], event["Payload"], event["customcampaign"], event["mj_campaign_id"]) == (
            "",
            "",
            "",
            0,
        )
        mailjet.stage.recorder.check()


async def test_open_click_and_unsub_events_tell_who_came():
    async with account() as mailjet:
        for event in ("open", "click", "unsub"):
            await mailjet.hook(event)
        await mailjet.send_one()
        [mail] = mailjet.mails
        visitor = {"X-Forwarded-For": "203.0.113.9"}

        await mailjet.visit(pixel(mail), **visitor)
        await mailjet.visit(links(mail)[0], **visitor)
        await mailjet.visit(links(mail)[1], **visitor)
        await asyncio.sleep(1)

        opened, clicked, unsubscribed = mailjet.events()
        visit = {"ip": "203.0.113.9", "geo": "US", "agent": "Thunderbird"}
        assert list(opened) == [*COMMON, *TAIL, "ip", "geo", "agent"]
        assert {name: opened[name] for name in visit} == visit
        assert list(clicked) == [*COMMON, *TAIL, "url", "ip", "geo", "agent"]
        assert clicked["url"] == "https://shop.example.com/?a=1"
        assert list(unsubscribed) == [*COMMON, *TAIL, "mj_list_id", "ip", "geo", "agent"]
        assert (unsubscribed["mj_list_id"], unsubscribed["agent"]) == (0, "Thunderbird")
        mailjet.stage.recorder.check()


async def test_bounce_event_and_blocked_event_after_it():
    async with account() as mailjet:
        await mailjet.hook("bounce")
        await mailjet.hook("blocked")
        mailjet.stage.recorder.replies["ada@example.org"] = MailReply(550, "5.1.1 no such user")

        await mailjet.send_one()
        await mailjet.send_one()

        bounced, blocked = mailjet.events()
        extras = ["blocked", "hard_bounce", "error_related_to", "error", "comment"]
        assert list(bounced) == [*COMMON, *TAIL, *extras]
        assert [bounced[name] for name in extras] == [
            True,
            True,
            "recipient",
            "user unknown",
            "550 5.1.1 no such user",
        ]
        assert list(blocked) == [*COMMON, *TAIL, "error_related_to", "error"]
        assert (blocked["error_related_to"], blocked["error"]) == ("mailjet", "preblocked")
        assert len(mailjet.mails) == 1
        mailjet.stage.recorder.check()


async def test_soft_bounce_blocks_nobody():
    async with account() as mailjet:
        await mailjet.hook("bounce")
        mailjet.stage.recorder.replies["ada@example.org"] = MailReply(452, "4.2.2 mailbox full")

        await mailjet.send_one()
        await mailjet.send_one()

        first, second = mailjet.events()
        assert (first["blocked"], first["hard_bounce"], first["error"]) == (False, False, "quota exceeded")
        assert second["event"] == "bounce"
        mailjet.stage.recorder.check()


async def test_spam_mark_is_reported_once_and_blocks_what_follows():
    async with account() as mailjet:
        await mailjet.hook("spam")
        await mailjet.hook("blocked")
        await mailjet.send_one()
        complaint_url = mailjet.mails[0].headers["X-Complaint-URL"]

        first = await mailjet.visit(complaint_url, "POST")
        await mailjet.visit(complaint_url, "POST")
        await mailjet.send_one()

        assert first.status == 204
        spam, blocked = mailjet.events()
        assert list(spam) == [*COMMON, *TAIL, "source"]
        assert spam["source"] == "JMRPP"
        assert (blocked["error_related_to"], blocked["error"]) == ("recipient", "spam reporter")
        assert len(mailjet.mails) == 1
        mailjet.stage.recorder.check()


async def test_version_1_sends_one_object_a_request():
    async with account() as mailjet:
        await mailjet.hook("sent")

        await mailjet.send(message(), message(To=[{"Email": "bob@example.org"}]))
        await asyncio.sleep(5)

        assert [event["email"] for event in mailjet.events()] == ["ada@example.org", "bob@example.org"]
        assert {e.operation for e in mailjet.stage.recorder.webhooks()} == {"event"}
        mailjet.stage.recorder.check()


async def test_version_2_sends_what_happened_in_one_second_as_one_array_of_mixed_types():
    async with account() as mailjet:
        await mailjet.hook("sent", version=2)
        await mailjet.hook("open", version=2)
        await mailjet.send_one()

        await mailjet.visit(pixel(mailjet.mails[0]))
        await asyncio.sleep(1.5)
        await mailjet.visit(pixel(mailjet.mails[0]))
        await asyncio.sleep(1.5)

        together, alone = mailjet.events()
        assert [event["event"] for event in together] == ["sent", "open"]
        assert [event["event"] for event in alone] == ["open"]
        mailjet.stage.recorder.check()


async def test_version_2_keeps_different_urls_apart():
    async with account() as mailjet:
        await mailjet.hook("sent", version=2)
        await mailjet.hook("open", version=2, url="https://receiver.test/other")
        await mailjet.send_one()

        await mailjet.visit(pixel(mailjet.mails[0]))
        await asyncio.sleep(2)

        assert [path for _, path, _, _ in mailjet.receiver.requests] == ["/mj", "/other"]
        mailjet.stage.recorder.check()


async def test_batch_limit_splits_a_group():
    async with account(batch_limit=2) as mailjet:
        await mailjet.hook("sent", version=2)

        await mailjet.send(*(message(To=[{"Email": f"p{n}@example.org"}]) for n in range(5)))
        await asyncio.sleep(2)

        assert [len(group) for group in mailjet.events()] == [2, 2, 1]
        mailjet.stage.recorder.check()


async def test_credentials_in_the_url_become_basic_auth():
    async with account() as mailjet:
        await mailjet.hook("sent", url="https://us%40er:p%3Aw@receiver.test/mj")

        await mailjet.send_one()

        [(method, path, headers, _)] = mailjet.receiver.requests
        assert (method, path, headers["Content-Type"]) == ("POST", "/mj", "application/json")
        scheme, _, coded = headers["Authorization"].partition(" ")
        assert (scheme, b64decode(coded)) == ("Basic", b"us@er:p:w")
        assert "@receiver" not in mailjet.stage.recorder.webhooks()[0].url
        mailjet.stage.recorder.check()


async def test_anything_but_200_is_tried_again_every_30_seconds_with_the_same_body():
    async with account() as mailjet:
        await mailjet.hook("sent")
        mailjet.receiver.answer = lambda attempt: web.Response(status=[201, 204, 302, 200][attempt - 1])
        began = mailjet.stage.now()

        await mailjet.send_one()
        await asyncio.sleep(300)

        tries = mailjet.stage.recorder.webhooks("event")
        assert [(e.attempt, e.status) for e in tries] == [(1, 201), (2, 204), (3, 302), (4, 200)]
        assert [round((e.started_at - began).total_seconds()) for e in tries] == [0, 30, 60, 90]
        assert len({body for _, _, _, body in mailjet.receiver.requests}) == 1
        mailjet.stage.recorder.check()


async def test_try_times_out_after_10_seconds():
    async with account() as mailjet:
        await mailjet.hook("sent")

        async def stall(request: web.Request) -> web.Response:
            await asyncio.sleep(60 if len(tries()) == 0 else 0)
            return web.Response()

        def tries() -> list[Exchange]:
            return mailjet.stage.recorder.webhooks("event")

        slow = web.Application()
        slow.router.add_post("/mj", stall)
        await mailjet.stage.network.serve(slow, ["slow.test"])
        row = mailjet.fake.state.callback_by_key("sent|false")
        assert row is not None
        row.url = "https://slow.test/mj"

        await mailjet.send_one()
        await asyncio.sleep(100)

        assert [(e.error, e.status) for e in tries()] == [("timeout", None), ("", 200)]
        assert round((tries()[1].started_at - tries()[0].started_at).total_seconds()) == 40
        mailjet.stage.recorder.check()


async def test_new_events_wait_behind_the_one_that_fails():
    async with account() as mailjet:
        await mailjet.hook("sent")
        await mailjet.hook("open")
        failing(mailjet)
        await mailjet.send_one()

        await mailjet.visit(pixel(mailjet.mails[0]))
        await asyncio.sleep(65)
        assert {event["event"] for event in mailjet.events()} == {"sent"}
        assert mailjet.fake.events.waiting("https://receiver.test/mj") == 1
        recovering(mailjet)
        await asyncio.sleep(60)

        assert [event["event"] for event in mailjet.events()][-2:] == ["sent", "open"]
        mailjet.stage.recorder.check()


@pytest.mark.slow
async def test_url_is_suspended_24_hours_after_its_first_failure_and_the_backup_takes_over():
    async with account() as mailjet:
        first = await mailjet.hook("sent")
        await mailjet.hook("sent", url="https://receiver.test/backup", IsBackup=True)
        mailjet.receiver.answer = lambda _attempt: web.Response(
            status=200 if mailjet.receiver.requests[-1][1] == "/backup" else 503
        )
        await mailjet.send_one()

        await asyncio.sleep(DAY_S - 60)
        assert mailjet.fake.state.callbacks[first].status == "alive"
        await asyncio.sleep(120)

        assert mailjet.fake.state.callbacks[first].status == "dead"
        paths = [path for _, path, _, _ in mailjet.receiver.requests]
        assert paths.count("/mj") == DAY_S // 30 + 1
        assert paths[-1] == "/backup"
        await mailjet.send_one()
        assert [path for _, path, _, _ in mailjet.receiver.requests][-1] == "/backup"
        assert paths.count("/backup") == 1
        mailjet.stage.recorder.check()


@pytest.mark.slow
async def test_new_event_restarts_the_24_hours():
    async with account() as mailjet:
        hook = await mailjet.hook("sent")
        failing(mailjet)
        await mailjet.send_one()

        await asyncio.sleep(DAY_S - 100)
        await mailjet.send_one()
        await asyncio.sleep(DAY_S - 100)
        assert mailjet.fake.state.callbacks[hook].status == "alive"
        await asyncio.sleep(300)

        assert mailjet.fake.state.callbacks[hook].status == "dead"
        mailjet.stage.recorder.check()


@pytest.mark.slow
async def test_dead_webhook_gets_nothing_until_its_url_changes():
    async with account() as mailjet:
        hook = await mailjet.hook("sent")
        failing(mailjet)
        await mailjet.send_one()
        await asyncio.sleep(DAY_S + 60)
        recovering(mailjet)
        mailjet.receiver.requests.clear()
        path = f"/v3/REST/eventcallbackurl/{hook}"

        await mailjet.send_one()
        same = await mailjet.call("PUT", path, {"Url": "https://receiver.test/mj", "Status": "alive"})
        changed = await mailjet.call("PUT", path, {"Url": "https://receiver.test/new"})
        await mailjet.send_one()

        assert same.status == 304
        assert changed.data[0]["Status"] == "alive"
        assert [path for _, path, _, _ in mailjet.receiver.requests] == ["/new"]
        mailjet.stage.recorder.check()


async def test_what_waits_follows_the_webhook_to_its_new_url():
    async with account() as mailjet:
        hook = await mailjet.hook("sent", url="https://nowhere.test/mj")
        await mailjet.send_one()
        assert mailjet.stage.recorder.webhooks()[0].error == "dns"

        await mailjet.call("PUT", f"/v3/REST/eventcallbackurl/{hook}", {"Url": "https://receiver.test/mj"})
        await asyncio.sleep(60)

        assert [event["event"] for event in mailjet.events()] == ["sent"]
        mailjet.stage.recorder.check()


async def test_event_without_a_webhook_goes_nowhere():
    async with account() as mailjet:
        await mailjet.hook("open")
        await mailjet.hook("sent", url="https://receiver.test/backup", IsBackup=True)

        await mailjet.send_one()
        await asyncio.sleep(60)

        assert mailjet.receiver.requests == []
        assert len(mailjet.stage.recorder.facts_of("sent")) == 1
        mailjet.stage.recorder.check()


async def test_test_action_sends_a_made_up_event_of_every_type_once():
    async with account() as mailjet:
        failing(mailjet)
        for version, event in enumerate(ALL):
            hook = await mailjet.hook(event, version=version % 2 + 1)
            answer = await mailjet.call("POST", f"/v3/REST/eventcallbackurl/{hook}/test")
            assert answer.status == 201
        await asyncio.sleep(100)

        flat = [event[0] if isinstance(event, list) else event for event in mailjet.events()]
        assert [event["event"] for event in flat] == list(ALL)
        assert mailjet.stage.recorder.facts == []
        mailjet.stage.recorder.check()


async def test_webhook_names_the_exchange_that_caused_it():
    async with account() as mailjet:
        await mailjet.hook("sent")
        await mailjet.hook("open", version=2)
        await mailjet.send_one()
        await mailjet.visit(pixel(mailjet.mails[0]))
        await asyncio.sleep(2)

        by_operation = {e.operation: e for e in mailjet.stage.recorder.exchanges}
        assert by_operation["event"].cause == by_operation["sendV31"].id
        assert by_operation["eventGroup"].cause == by_operation["trackOpen"].id
        assert mailjet.mails[0].cause == by_operation["sendV31"].id
        assert mailjet.stage.recorder.facts_of("open")[0].cause == by_operation["trackOpen"].id
        mailjet.stage.recorder.check()
