"""Activity webhooks: their exact shape, and how often they are tried."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from aiohttp import web

from fakes.kit import MailReply
from fakes.mailmodo import MailmodoSettings
from tests.fakes.mailmodo.account import open_account
from tests.support.fakes import Receiver

if TYPE_CHECKING:
    from tests.fakes.mailmodo.account import Account

COMMON = {
    "email_id",
    "email_subject",
    "email_type",
    "template_id",
    "template_name",
    "campaign_id",
    "campaign_name",
    "campaign_type",
    "campaign_trigger_source",
}


async def live_through_everything(mailmodo: Account) -> None:
    """Have one mail opened, clicked, answered, left and complained of, and another one bounce."""
    mail = await mailmodo.mail(clevertap_id="ct-1", data={"first_name": "Asha"})
    link = next(iter(mailmodo.survey.template.links))
    await mailmodo.get(mailmodo.url(f"/o/{mail.id}.gif?part=amp"))
    await mailmodo.get(mailmodo.url(f"/l/{mail.id}/{link}?part=amp"))
    await mailmodo.post(
        mailmodo.url(f"/api/v1/f/{mailmodo.form_id}"), data={"ref": mail.id, mailmodo.element("score"): "9"}
    )
    await mailmodo.get(mailmodo.url(f"/u/{mail.id}"))
    await mailmodo.post(mailmodo.url(f"/c/{mail.id}"))
    mailmodo.recorder.replies["gone@example.com"] = MailReply(550, "5.1.1 no such user")
    await mailmodo.mail("gone@example.com")
    await mailmodo.settle()


def bodies(receiver: Receiver) -> list[dict[str, Any]]:
    return [json.loads(body) for _, _, _, body in receiver.requests]


@pytest.mark.proves("mailmodo", "activity")
async def test_every_activity_is_posted_once_with_its_documented_properties() -> None:
    receiver = Receiver()
    async with open_account(receiver=receiver) as mailmodo:
        await live_through_everything(mailmodo)

        extra = {body["event"]: set(body["properties"]) - COMMON for body in bodies(receiver)}
        assert extra == {
            "Email Sent": set(),
            "Email Opened": {"apple_privacy_open"},
            "Link Clicked": {"link_id", "link_url"},
            "Email Form Submitted": {"form_id", "form_name", "submission_type"},
            "Email Unsubscribed": {"reason"},
            "Email Marked as Spam": set(),
            "Email Bounced": {"reason", "is_hard_bounce"},
        }
        assert len(receiver.requests) == 7
        assert all(set(body["properties"]) >= COMMON for body in bodies(receiver))
        assert {(method, path) for method, path, _, _ in receiver.requests} == {("POST", "/activity")}
        assert {headers["Content-Type"] for _, _, headers, _ in receiver.requests} == {"application/json"}
        mailmodo.recorder.check()


@pytest.mark.proves("mailmodo", "activity")
@pytest.mark.answers("mailmodo", 21)
async def test_body_says_who_what_when_and_of_which_mail() -> None:
    receiver = Receiver()
    async with open_account(receiver=receiver) as mailmodo:
        mail = await mailmodo.mail(clevertap_id="ct-1", data={"first_name": "Asha"})
        [body] = bodies(receiver)
        contact = mailmodo.fake.state.contacts["asha@example.com"]

        assert body == {
            "id": body["id"],
            "event": "Email Sent",
            "occurred_at": "2026-03-02T03:30:00.000Z",
            "email": "asha@example.com",
            "contact_id": contact.id,
            "ref": mail.id,
            "clevertap_id": "ct-1",
            "properties": {
                "email_id": contact.id,
                "email_subject": "How are we doing, Asha?",
                "email_type": "AMP",
                "template_id": mailmodo.survey.template.id,
                "template_name": "NPS Survey",
                "campaign_id": mailmodo.survey.id,
                "campaign_name": "nps-march",
                "campaign_type": "TRIGGERED",
                "campaign_trigger_source": "CleverTap",
            },
        }
        versions = [UUID(body["id"]).version, UUID(contact.id).version, UUID(mailmodo.survey.id).version]
        assert versions == [4, 5, 5]
        mailmodo.recorder.check()


async def test_answers_come_by_question_and_only_with_a_form() -> None:
    receiver = Receiver()
    async with open_account(receiver=receiver) as mailmodo:
        await live_through_everything(mailmodo)

        answers = {body["event"]: body["answers"] for body in bodies(receiver) if "answers" in body}
        assert answers == {"Email Form Submitted": {"score": "9"}}
        mailmodo.recorder.check()


async def test_facts_say_what_the_webhooks_say() -> None:
    receiver = Receiver()
    async with open_account(receiver=receiver) as mailmodo:
        await live_through_everything(mailmodo)

        facts = {
            fact.details["activity_id"]: fact
            for fact in mailmodo.recorder.facts
            if "activity_id" in fact.details
        }
        assert len(facts) == 7
        for body in bodies(receiver):
            fact = facts[body["id"]]
            assert fact.subject == body["email"]
            assert fact.details["clevertap_id"] == body["clevertap_id"]
            assert body["properties"].items() <= fact.details.items()
            assert fact.details.get("answers") == body.get("answers")
        mailmodo.recorder.check()


async def test_webhook_names_the_persons_own_request_as_its_cause() -> None:
    receiver = Receiver()
    async with open_account(receiver=receiver) as mailmodo:
        mail = await mailmodo.mail()
        await mailmodo.get(mailmodo.url(f"/o/{mail.id}.gif?part=amp"))
        await mailmodo.settle()

        [pixel] = [exchange for exchange in mailmodo.recorder.exchanges if exchange.operation == "openPixel"]
        opened = mailmodo.recorder.webhooks("activity")[-1]
        assert opened.cause == pixel.id
        mailmodo.recorder.check()


@pytest.mark.answers("mailmodo", 22)
@pytest.mark.bounds("mailmodo", "7: 10 s timeout, success = 2xx, 5 tries")
async def test_webhook_is_tried_five_times_with_doubling_waits() -> None:
    receiver = Receiver()
    receiver.answer = lambda _: web.Response(status=503)
    async with open_account(receiver=receiver) as mailmodo:
        await mailmodo.mail()

        tries = mailmodo.recorder.webhooks("activity")
        waits = [later.started_at - earlier.ended_at for earlier, later in pairwise(tries)]
        assert [exchange.attempt for exchange in tries] == [1, 2, 3, 4, 5]
        assert [round(wait.total_seconds()) for wait in waits] == [10, 20, 40, 80]
        assert len({exchange.request_body for exchange in tries}) == 1
        [failed] = mailmodo.recorder.facts_of("webhook_failed")
        assert (failed.details["status"], failed.details["attempts"]) == (503, 5)
        mailmodo.recorder.check()


@pytest.mark.parametrize(
    ("status", "tries"), [(200, 1), (204, 1), (302, 1), (400, 1), (401, 1), (429, 2), (500, 2)]
)
@pytest.mark.answers("mailmodo", 22)
async def test_only_429_and_5xx_are_tried_again(status: int, tries: int) -> None:
    receiver = Receiver()
    receiver.answer = lambda attempt: web.Response(status=status if attempt == 1 else 200)
    async with open_account(receiver=receiver) as mailmodo:
        await mailmodo.mail()

        assert len(receiver.requests) == tries
        is_lost = bool(mailmodo.recorder.facts_of("webhook_failed"))
        assert is_lost is (status in (302, 400, 401))
        mailmodo.recorder.check()


@pytest.mark.answers("mailmodo", 22)
async def test_receiver_that_says_nothing_is_given_ten_seconds_a_try() -> None:
    async def hang(request: web.Request) -> web.Response:
        await asyncio.sleep(3600)
        return web.Response()

    receiver = Receiver()
    receiver.app = web.Application()
    receiver.app.router.add_post("/activity", hang)
    async with open_account(MailmodoSettings(webhook_tries=2), receiver=receiver) as mailmodo:
        await mailmodo.mail()

        tries = mailmodo.recorder.webhooks("activity")
        assert [(exchange.error, exchange.ended_at - exchange.started_at) for exchange in tries] == [
            ("timeout", timedelta(seconds=10))
        ] * 2
        mailmodo.recorder.check()


async def test_a_url_that_makes_no_sense_is_tried_and_written_down() -> None:
    async with open_account() as mailmodo:
        mailmodo.fake.set_activity_webhook("http://[::1")

        await mailmodo.mail()
        await mailmodo.settle()
        await asyncio.sleep(600)

        tries = [each for each in mailmodo.recorder.exchanges if each.operation == "activity"]
        assert [(each.url, each.status, each.error) for each in tries] == [("http://[::1", None, "reset")] * 5
        mailmodo.recorder.check()


async def test_without_a_url_nothing_is_posted() -> None:
    async with open_account() as mailmodo:
        await live_through_everything(mailmodo)

        assert mailmodo.recorder.webhooks() == []
        assert len(mailmodo.recorder.facts_of("email_opened")) == 1
        mailmodo.recorder.check()
