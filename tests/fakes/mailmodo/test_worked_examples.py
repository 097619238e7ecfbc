"""What the notes on Mailmodo show word for word, with their section: whole answers, not parts of them.

Whatever the notes show as code and is more than a word stands in an example here, or in `BESIDES` with the reason.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest
from aiohttp import web

from fakes.clevertap import FakeCleverTap
from fakes.kit import MailReply
from fakes.mailmodo import (
    ActivityName,
    CallWebhook,
    Entry,
    EntryKind,
    FakeMailmodo,
    Form,
    MailmodoSettings,
    Question,
    SendEmail,
)
from fakes.segment import FakeSegment
from tests.fakes.mailmodo.account import SURVEY, open_account
from tests.fakes.mailmodo.examples import EMAIL, EXAMPLES, NOW, UUID4, UUID5, Example, filled, names
from tests.support.fakes import Receiver, stage
from tests.support.notes import Like, compare, has_keys, marked, needs_notes, says, unsaid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fakes.kit import Surroundings
    from tests.fakes.mailmodo.account import Account

VENDOR: Final = "mailmodo"
SENDER: Final = "hello@brand.example"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"{example.section} {example.request[:2]}")
async def test_request_is_answered_as_shown(example: Example) -> None:
    async with open_account(example.settings) as mailmodo:
        by_name = names(mailmodo)

        async def ask(method: str, path: str, body: Any) -> tuple[int, Any]:
            key = mailmodo.fake.settings.api_key if example.key is None else example.key
            headers = {**({"mmApiKey": key} if key else {}), **dict(example.headers)}
            url = mailmodo.url(filled(path, by_name))
            async with mailmodo.stage.session.request(
                method, url, json=filled(body, by_name), headers=headers
            ) as response:
                return response.status, await response.json()

        for method, path, body in example.given:
            await ask(method, path, body)
            await asyncio.sleep(1)
        method, path, body = example.request
        status, answer = await ask(method, path, body)
        await asyncio.sleep(1)

        wanted_status, wanted = example.answer
        if wanted.get("campaignId"):
            wanted = filled(wanted, by_name)
        assert (status, answer) == (wanted_status, wanted)
        assert not [text for text in example.shows if not says(text, answer, body)]
        assert not [text for text in example.keys if not has_keys(text, answer, body)]


# 1: conventions


@pytest.mark.shows("1", "mmApiKey: <key>", "in: query")
@pytest.mark.parametrize("name", ["mmApiKey", "mmapikey", "MMAPIKEY"])
async def test_key_in_the_header(name: str) -> None:
    """One file says `in: query`, and lists the header all the same: both are taken."""
    async with open_account() as mailmodo:
        key = mailmodo.fake.settings.api_key

        async with mailmodo.stage.session.get(
            mailmodo.url("/api/v1/campaigns"), headers={name: key}
        ) as response:
            assert response.status == 200
        async with mailmodo.stage.session.get(mailmodo.url(f"/api/v1/campaigns?mmApiKey={key}")) as response:
            assert response.status == 200


KEY: Final = "[A-Z0-9]{7}(-[A-Z0-9]{7}){3}"


@pytest.mark.shows("1", KEY)
def test_form_of_a_key() -> None:
    assert re.fullmatch(KEY, MailmodoSettings().api_key)


@pytest.mark.shows("1", "Content-Type: application/json", "${name}", "failure reason")
async def test_content_and_variables() -> None:
    async with open_account() as mailmodo:
        mail = await mailmodo.mail(data={"first_name": "Asha", "plan": "pro"})
        body = {"listName": "VIPs", "values": [{"email": "x@y"}]}
        _, refused = await mailmodo.call("POST", "/api/v1/addToList/batch", body)

        assert (mail.subject, "You are on pro, Asha." in mail.html) == ("How are we doing, Asha?", True)
        assert "failure reason" in refused["errors"][0]
        for exchange in mailmodo.recorder.exchanges:
            content_type = f"Content-Type: {exchange.response_headers['Content-Type']}"
            assert content_type.startswith("Content-Type: application/json")


@pytest.mark.shows("2.13", 'creationSource: "JOURNEY_CAMPAIGN"')
async def test_campaign_of_a_journey() -> None:
    async with open_account() as mailmodo:
        mailmodo.fake.state.add_campaign(
            name="welcome", template="News", subject="Hello", trigger_app="Journey"
        )

        _, answer = await mailmodo.call("GET", "/api/v1/campaigns?type=TRIGGERED")

        assert answer["campaigns"][0] == {
            "campaignType": "TRIGGERED",
            "templateId": UUID4,
            "scheduledAt": 1772422200000,
            "id": UUID5,
            "campaignName": "welcome",
            "status": "Triggered",
            "emailType": "HTML",
            "senderEmail": SENDER,
            "subjects": ["Hello"],
            "createdAt": 1772422200000,
            "creationSource": "JOURNEY_CAMPAIGN",
        }
        assert answer["campaigns"][-1]["triggerAppName"] == "CleverTap"


TEMPLATES: Final = (
    '{"templateDetails": [{id, name, created_at, updated_at, format, type, personalization_data[], thumbnail_url, '
    "created_by, state, is_uploaded}]}"
)


@pytest.mark.shows("2.15", TEMPLATES, '["${first_name}"]')
async def test_templates() -> None:
    async with open_account() as mailmodo:
        mailmodo.fake.state.add_template(
            replace(SURVEY, name="Yours", body="${first_name}", links=(), form=None)
        )

        _, answer = await mailmodo.call("GET", "/api/v1/getAllTemplates")

        by_name = {each["name"]: each for each in answer["templateDetails"]}
        assert has_keys(TEMPLATES, answer)
        assert by_name["NPS Survey"]["personalization_data"] == ["${first_name}", "${plan}"]
        assert by_name["Yours"] == {
            "id": UUID4,
            "name": "Yours",
            "created_at": NOW,
            "updated_at": NOW,
            "format": "AMP",
            "type": "Promotional",
            "personalization_data": ["${first_name}"],
            "thumbnail_url": Like(".*"),
            "created_by": Like(".+"),
            "state": "Active",
            "is_uploaded": False,
        }


# 3: webhooks


class Hook:
    """An account whose journeys and forms call a receiver."""

    def __init__(self, mailmodo: Account, receiver: Receiver) -> None:
        self.mailmodo = mailmodo
        self.receiver = receiver
        mailmodo.fake.set_activity_webhook(None)
        self.url = mailmodo.stage.url("receiver.test") + "/hook"

    def journey(self, kind: EntryKind, name: str = "", *cards: Any) -> Any:
        cards = cards or (CallWebhook(self.url),)
        return self.mailmodo.fake.journeys.add("Welcome", entry=Entry(kind, name), cards=cards)

    async def bodies(self) -> list[dict[str, Any]]:
        await self.mailmodo.settle()
        return [json.loads(body) for *_, body in self.receiver.requests]


def wrapper(journey: Any, source: str, **more: Any) -> dict[str, Any]:
    data = {
        "email": EMAIL,
        "userId": UUID4,
        "journeyId": journey.id,
        "triggerSource": source,
        "data": {},
        "eventProperty": {},
    }
    return {"triggerData": {**data, **more}}


@pytest.mark.shows(
    "3.1",
    "Manual Add To List",
    "Dashboard-change in property: first_name",
    "New Custom Event Trigger - <Event name>",
    "{}",
)
async def test_bodies_of_the_webhook_card() -> None:
    receiver = Receiver()
    async with open_account(receiver=receiver) as mailmodo:
        hook = Hook(mailmodo, receiver)
        csv = hook.journey(EntryKind.CSV)
        listed = hook.journey(EntryKind.LIST, "VIPs")
        changed = hook.journey(EntryKind.PROPERTY, "first_name")
        paid = hook.journey(EntryKind.EVENT, "Paid")
        api = hook.journey(EntryKind.API)

        mailmodo.fake.journeys.add_people(csv, [EMAIL], file="f-1")
        await mailmodo.call("POST", "/api/v1/addToList", {"email": EMAIL, "listName": "VIPs"})
        mailmodo.fake.change_property(EMAIL, name="first_name", value="Asha")
        await mailmodo.call(
            "POST",
            "/api/v1/addEvent",
            {"email": EMAIL, "event_name": "Paid", "event_properties": {"amount": 829, "is_gift": False}},
        )
        await mailmodo.call("POST", f"/hooks/start/{api.id}", {"email": EMAIL, "data": {"plan": "pro"}})

        bodies = await hook.bodies()
        assert bodies == [
            wrapper(csv, "CsvList", triggerDetails=f"file:{csv.id}/f-1"),
            wrapper(listed, "Manual Add To List"),
            wrapper(changed, "Dashboard-change in property: first_name"),
            wrapper(
                paid, "New Custom Event Trigger - Paid", eventProperty={"amount": "829", "is_gift": "false"}
            ),
            wrapper(api, "Api", data={"plan": "pro"}),
        ]
        assert len({body["triggerData"]["userId"] for body in bodies}) == 1
        assert [rudderstack(body)["event"] for body in bodies] == [
            body["triggerData"]["triggerSource"] for body in bodies
        ]


@pytest.mark.shows("3.1", 'eventData: {"type": "html"}')
@pytest.mark.parametrize("part", ["amp", "html"])
async def test_body_of_a_card_after_an_email_card(part: str) -> None:
    receiver = Receiver()
    async with open_account(receiver=receiver) as mailmodo:
        hook = Hook(mailmodo, receiver)
        campaign = mailmodo.fake.state.add_campaign(
            name="welcome", template="NPS Survey", subject="Hello", trigger_app="Journey"
        )
        card = SendEmail(campaign, ActivityName.OPENED, 3600)
        journey = hook.journey(EntryKind.API, "", card, CallWebhook(hook.url))
        await mailmodo.call("POST", f"/hooks/start/{journey.id}", {"email": EMAIL})
        await asyncio.sleep(60)
        [mail] = mailmodo.mails
        await mailmodo.get(mailmodo.url(f"/o/{mail.id}.gif?part={part}"))

        [body] = await hook.bodies()
        assert body == {
            **wrapper(journey, "Api"),
            "eventData": {"type": part},
            "lastCampaignEmailRef": mail.id,
            "lastCampaignId": campaign.id,
        }
        assert part != "html" or says('eventData: {"type": "html"}', body)


RECORDED: Final = 'recordedAt {ts (unix s), date "YYYY-MM-DD", hour, minute}'


@pytest.mark.shows("3.1", "form submission", RECORDED)
@pytest.mark.shows(
    "3.2", '"recommend": "9"', "recordedAt{...}", "recipientData {email, first_name?, ...contact properties}"
)
@pytest.mark.parametrize("source", ["amp", "web"])
async def test_bodies_of_a_submission(source: str) -> None:
    """To the card: under `formSubmissionData`; to the URL of the form: flat, with what the server adds.

    `ts` is in unix seconds, `date` is YYYY-MM-DD; `recipientData` has the contact's properties.
    """
    receiver = Receiver()
    async with open_account(receiver=receiver) as mailmodo:
        hook = Hook(mailmodo, receiver)
        questions = {
            "How likely is it?": Question(kind="scale", low=0, high=10, field="recommend"),
            "days": Question(kind="choices", choices=("Mon", "Tue")),
        }
        form = Form("nps", questions, export_url=hook.url)
        mailmodo.fake.state.add_template(replace(SURVEY, name="Exported", form=form))
        campaign = mailmodo.fake.state.add_campaign(name="exported", template="Exported", subject="Hello")
        journey = hook.journey(EntryKind.FORM, "nps")
        await mailmodo.call(
            "POST", f"/api/v1/triggerCampaign/{campaign.id}", {"email": EMAIL, "data": {"first_name": "Asha"}}
        )
        await mailmodo.settle()
        mail, stored = mailmodo.mails[-1], campaign.template.form
        assert stored is not None
        recommend, days = (element.id for element in stored.elements)
        path = f"/api/v1/f/{stored.id}" if source == "amp" else f"/f/{mail.id}/{stored.id}"
        fields = [("ref", mail.id), (recommend, "9"), (days, "Mon"), (days, "Tue")]
        await mailmodo.post(mailmodo.url(path), data=fields)

        bodies = await hook.bodies()
        exported = next(body for body in bodies if "triggerData" not in body)
        carded = next(body for body in bodies if "triggerData" in body)
        answers = {
            "fuuid": Like(r"\d{5}"),
            "next-step-id": "success",
            "total-steps": "1",
            "responseId": UUID4,
            "recipientEmail": EMAIL,
            "formId": stored.id,
            # 03:30 UTC is 09:00 where the account is, at UTC+5:30.
            "recordedAt": {"ts": 1772422200, "date": "2026-03-02", "hour": 9, "minute": 0},
            "submissionSource": source,
            recommend: "9",
            days: ["Mon", "Tue"],
        }
        assert len(bodies) == 2
        assert carded == wrapper(journey, "form submission", formSubmissionData=answers)
        exported_answers = {name: value for name, value in answers.items() if name != recommend}
        assert exported == {
            **exported_answers,
            "recommend": "9",
            "recipientData": {"email": EMAIL, "first_name": "Asha"},
            "campaignId": campaign.id,
            "campaignName": "exported",
        }
        assert [rudderstack(body)["event"] for body in (carded, exported)] == [
            "form submission",
            "Form Submitted",
        ]
        assert (
            rudderstack(carded)["originalTimestamp"]
            == rudderstack(exported)["originalTimestamp"]
            == 1772422200
        )


def rudderstack(body: Mapping[str, Any]) -> dict[str, Any]:
    """Make of a webhook what RudderStack's source makes: section 3.3."""
    data = body.get("triggerData", {})
    email = data.get("email") or body.get("recipientData", {}).get("email") or body.get("recipientEmail")
    if not email:
        raise ValueError("Missing essential fields from Mailmodo")
    recorded = body.get("recordedAt") or data.get("formSubmissionData", {}).get("recordedAt") or {}
    return {
        "type": "track",
        "event": data.get("triggerSource") or "Form Submitted",
        "anonymousId": hashlib.sha256(email.encode()).hexdigest(),
        "context": {
            "traits": {"email": email, **body.get("recipientData", {})},
            "externalId": [{"type": "mailmodoUserId", "id": data.get("userId")}],
            "integration": {"name": "Mailmodo", "version": "1.0.0"},
        },
        "originalTimestamp": recorded.get("ts"),
    }


@pytest.mark.shows(
    "3.3",
    "Form Submitted",
    'context.externalId = [{type: "mailmodoUserId", id: triggerData.userId}]',
    'context.integration = {name: "Mailmodo", version: "1.0.0"}',
)
async def test_what_rudderstack_reads_is_in_a_webhook() -> None:
    """`Form Submitted` where no `triggerData` says how somebody entered."""
    receiver = Receiver()
    async with open_account(receiver=receiver) as mailmodo:
        hook = Hook(mailmodo, receiver)
        journey = hook.journey(EntryKind.API)
        await mailmodo.call("POST", f"/hooks/start/{journey.id}", {"email": EMAIL})

        [body] = await hook.bodies()
        contact = mailmodo.fake.state.contact(EMAIL)
        assert contact is not None
        made = rudderstack(body)
        assert made["context"] == {
            "traits": {"email": EMAIL},
            "externalId": [{"type": "mailmodoUserId", "id": contact.user_id}],
            "integration": {"name": "Mailmodo", "version": "1.0.0"},
        }
        assert len(made["anonymousId"]) == 64


# 4: the form inside the mail


@pytest.mark.shows(
    "4",
    "AMP-Email-Sender: <from address>",
    "Access-Control-Allow-Origin: <origin>",
    "AMP-Access-Control-Allow-Source-Origin: <sender>",
    "Access-Control-Expose-Headers: AMP-Access-Control-Allow-Source-Origin",
    '<form method="post" action-xhr="https://...">',
)
@pytest.mark.shows("7", '{"success": true, "message": ..., "responseId": ...}')
async def test_form_inside_a_mail() -> None:
    async with open_account() as mailmodo:
        mail = await mailmodo.mail()
        url = mailmodo.url(f"/api/v1/f/{mailmodo.form_id}")
        fields = {"ref": mail.id, mailmodo.element("score"): "9"}

        second = await mailmodo.post(url, data=fields, headers={"AMP-Email-Sender": SENDER})
        first = await mailmodo.post(
            f"{url}?__amp_source_origin={SENDER}", data=fields, headers={"Origin": "https://mail.google.com"}
        )
        other = await mailmodo.post(url, data=fields, headers={"AMP-Email-Sender": "x@evil.example"})

        assert mail.amp is not None
        assert re.search('<form method="post" action-xhr="https://[^"]+/api/v1/f/', mail.amp)
        assert "submit-success" in mail.amp
        assert "submit-error" in mail.amp
        assert second.headers["AMP-Email-Allow-Sender"] == SENDER
        assert {name: first.headers[name] for name in first.headers if "Access-Control" in name} == {
            "Access-Control-Allow-Origin": "https://mail.google.com",
            "AMP-Access-Control-Allow-Source-Origin": SENDER,
            "Access-Control-Expose-Headers": "AMP-Access-Control-Allow-Source-Origin",
        }
        answer = await second.json()
        assert answer == {"success": True, "message": Like(".+"), "responseId": UUID4}
        assert says('{"success": true, "message": ..., "responseId": ...}', answer)
        assert other.status == 403


# 5 and 6: what contacts do, told to others

COMMON: Final = frozenset(
    {
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
)


@pytest.mark.shows(
    "5.1",
    "Email Sent",
    "Email Opened",
    "Link Clicked",
    "Email Form Submitted",
    "Email Marked as Spam",
    "Email Bounced",
    "Email Unsubscribed",
    "Email Delivered",
)
async def test_activities_and_their_properties() -> None:
    """Seven of them; there is no `Email Delivered`."""
    receiver = Receiver()
    async with open_account(receiver=receiver) as mailmodo:
        mail = await mailmodo.mail(data={"first_name": "Asha"})
        link = next(iter(mailmodo.survey.template.links))
        await mailmodo.get(mailmodo.url(f"/o/{mail.id}.gif?part=amp"), **{"User-Agent": "Mozilla/5.0"})
        await mailmodo.get(mailmodo.url(f"/l/{mail.id}/{link}?part=amp"))
        await mailmodo.post(
            mailmodo.url(f"/api/v1/f/{mailmodo.form_id}"),
            data={"ref": mail.id, mailmodo.element("score"): "9"},
        )
        await mailmodo.get(mailmodo.url(f"/u/{mail.id}"))
        await mailmodo.post(mailmodo.url(f"/c/{mail.id}"))
        mailmodo.recorder.replies["gone@example.com"] = MailReply(550, "5.1.1 no such user")
        await mailmodo.mail("gone@example.com")
        await mailmodo.settle()

        extra = {}
        for *_, raw in receiver.requests:
            body = json.loads(raw)
            properties = body["properties"]
            assert properties.keys() >= COMMON
            assert properties["campaign_type"] == "TRIGGERED"
            if body["event"] != "Email Sent":
                extra[body["event"]] = {name: properties[name] for name in properties if name not in COMMON}
        assert extra == {
            "Email Opened": {"apple_privacy_open": True},
            "Link Clicked": {"link_id": link, "link_url": "https://brand.example/more"},
            "Email Form Submitted": {
                "form_id": mailmodo.form_id,
                "form_name": "nps",
                "submission_type": "AMP",
            },
            "Email Unsubscribed": {"reason": Like(".+")},
            "Email Marked as Spam": {},
            "Email Bounced": {"reason": Like(".+"), "is_hard_bounce": True},
        }
        assert "Email Delivered" not in extra


@pytest.mark.shows(
    "5.1", 'base64(writeKey + ":")', 'context.integration = {"name": <slug>, "version": "1.0.0"}'
)
@pytest.mark.shows("7", "Email Opened")
async def test_sample_for_segment() -> None:
    """`Email Opened`, with Basic authentication by the writeKey alone, and `mailmodo` as the integration's name."""
    made: list[Any] = []

    def keep(fake: Any) -> Any:
        made.append(fake)
        return fake

    async with stage(lambda s: keep(FakeMailmodo(s)), lambda s: keep(FakeSegment(s))) as opened:
        mailmodo, segment = made
        key = segment.state.add_source("mailmodo").write_key

        outcome = await mailmodo.integrations.test_segment(write_key=key)

        [exchange] = opened.recorder.exchanges
        body = json.loads(exchange.request_body)
        assert outcome.text == "Setup successful"
        assert exchange.request_headers["Authorization"] == f"Basic {base64_of(f'{key}:')}"
        assert (body["event"], body["context"]["integration"]) == (
            "Email Opened",
            {"name": "mailmodo", "version": "1.0.0"},
        )


def base64_of(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.shows(
    "6",
    "user_id = hello@mailmodo.com",
    "MM Email Opened",
    '{"d": [{type: "event", evtName, evtData, ts, one of identity | objectId | FBID | GPID}]}',
)
@pytest.mark.shows("7", 'identity: "hello@mailmodo.com"')
async def test_sample_for_clevertap() -> None:
    """One event for user_id = hello@mailmodo.com, which is an identity, one of identity, objectId, FBID and GPID."""

    def make_clevertap(surroundings: Surroundings) -> FakeCleverTap:
        return FakeCleverTap(surroundings)

    made: list[FakeMailmodo] = []

    def make(surroundings: Surroundings) -> FakeMailmodo:
        made.append(FakeMailmodo(surroundings))
        return made[0]

    async with stage(make, make_clevertap) as opened:
        outcome = await made[0].integrations.test_clevertap(
            host="in1.api.clevertap.com", project_id="4RZ-86K-9W7Z", passcode="QAB-KZE-AXUL"
        )

        [exchange] = opened.recorder.exchanges
        assert outcome.text == "Setup successful"
        assert json.loads(exchange.request_body) == {
            "d": [
                {
                    "type": "event",
                    "identity": "hello@mailmodo.com",
                    "evtName": "MM Email Opened",
                    "evtData": {"email_subject": "Sample"},
                    "ts": 1772422200,
                }
            ]
        }


# 7: the choices


@pytest.mark.shows("7", '{"email": "...", "clevertap_id": "...", "data": {...}}')
async def test_body_that_the_dashboard_offers_to_clevertap() -> None:
    async with open_account() as mailmodo:
        steps = mailmodo.fake.setup_steps(mailmodo.survey)

        assert list(steps.json_body) == ["email", "clevertap_id", "data"]
        assert says('{"email": "...", "clevertap_id": "...", "data": {...}}', dict(steps.json_body))


@pytest.mark.shows("7", "Retry-After: 1", '{"success": false, "message": "Too many requests"}')
@pytest.mark.parametrize(("plan", "limit"), [("Lite", 5), ("Pro", 10), ("Max", 50)])
async def test_calls_above_the_plan(plan: Any, limit: int) -> None:
    async with open_account(MailmodoSettings(plan=plan)) as mailmodo:
        for _ in range(limit):
            assert (await mailmodo.call("GET", "/api/v1/campaigns"))[0] == 200

        refused = await mailmodo.call("GET", "/api/v1/campaigns")

        assert refused == (429, {"success": False, "message": "Too many requests"})
        shown = mailmodo.recorder.exchanges[-1].response_headers["Retry-After"]
        assert f"Retry-After: {shown}" == "Retry-After: 1"


@pytest.mark.shows("7", "Content-Type: application/json")
async def test_tries_of_a_webhook() -> None:
    """Row 22: five tries of the same body, with waits that double."""
    receiver = Receiver()
    receiver.answer = lambda _: web.Response(status=503)
    async with open_account(receiver=receiver) as mailmodo:
        await mailmodo.mail()

        tries = mailmodo.recorder.webhooks("activity")
        assert [one.attempt for one in tries] == [1, 2, 3, 4, 5]
        assert len({one.request_body for one in tries}) == 1
        for one in tries:
            assert f"Content-Type: {one.request_headers['Content-Type']}" == "Content-Type: application/json"


# Beside the notes


BESIDES: Final = {
    (
        "1",
        '{"message","errors":[{"email","failure reason"}],"warnings":[{"email","warning"}],"listId"}',
    ): "the keys alone of what 2.4 shows with values",
    (
        "2.4",
        "{listName (string, required), values: [{email (required), data?, plus the same optional keys as 2.3}]}",
    ): "says in words what every request of 2.4 has",
    ("2.11", "{}"): "the empty schema of a refusal; section 7 chooses its body",
    (
        "3.4",
        "sent, delivered, opened, clicked, bounced, complained, skipped, unsubscribed",
    ): "another product's",
    ("3.4", "{timestamp, emailId, status, contact, reason}"): "another product's",
    ("4", "AMP-Same-Origin: true"): "sent by AMP pages and not by mail clients, as the notes say",
    (
        "5.2",
        'Authorization: Basic base64(apiKey + ":")',
    ): "Segment's: tests/fakes/segment/test_destinations.py",
    ("5.2", "User-Agent: Segment.io/1.0"): "Segment's: tests/fakes/segment/test_destinations.py",
    **dict.fromkeys(
        (
            ("6", "MM Email Link Clicked"),
            ("6", "MM Email Form Submitted"),
            ("6", "MM <Template Name> Form Submitted"),
            ("6", "MM Email Bounced"),
            ("6", "MM Email Unsubscribed"),
            ("6", "MM Email Marked as Spam"),
            ("7", "MM <Template Name> Form Submitted"),
        ),
        "uploaded by the bridge: tests/bridge/test_routing.py and the ledger's rules",
    ),
}


def told() -> list[tuple[str, str]]:
    in_rows = [(each.section, text) for each in EXAMPLES for text in (*each.shows, *each.keys)]
    return in_rows + [(section, text) for section, text, _ in marked(globals())]


@pytest.mark.slow
def test_marks_stand_on_tests_that_have_the_words() -> None:
    assert unsaid(globals()) == []


@needs_notes
def test_all_that_the_notes_show_is_in_an_example() -> None:
    assert compare(VENDOR, told(), BESIDES) == []
