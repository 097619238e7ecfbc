"""Triggers: who may, what is rendered, who gets nothing, what the report says."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest

from fakes.kit import MailReply
from fakes.mailmodo import MailmodoSettings
from tests.fakes.mailmodo.account import open_account
from tests.support.fakes import Receiver

NO_CAMPAIGN = "No campaign Found for the campaignId in Trigger URL, Please check apiKey or campaignId"
INVALID_EMAIL = {
    "error": "ValidationError",
    "success": False,
    "status": "error",
    "message": "The provided email is not a valid email id",
}


@pytest.mark.proves("mailmodo", "triggerCampaign")
async def test_trigger_schedules_and_sends_one_mail() -> None:
    async with open_account() as mailmodo:
        path = f"/api/v1/triggerCampaign/{mailmodo.survey.id}"

        status, answer = await mailmodo.call(
            "POST", path, {"email": "Asha@example.com", "data": {"first_name": "Asha"}}
        )
        await mailmodo.settle()

        assert status == 200
        assert answer == {"success": True, "message": "Email scheduled successfully", "ref": answer["ref"]}
        assert UUID(answer["ref"]).version == 4
        [mail] = mailmodo.mails
        assert (mail.id, mail.recipient, mail.subject) == (
            answer["ref"],
            "asha@example.com",
            "How are we doing, Asha?",
        )
        assert [fact.kind for fact in mailmodo.recorder.facts] == [
            "contact_stored",
            "campaign_triggered",
            "email_sent",
        ]
        mailmodo.recorder.check()


@pytest.mark.proves("mailmodo", "triggerCampaignByBody")
async def test_campaign_may_be_named_in_the_body() -> None:
    async with open_account() as mailmodo:
        body = {"email": "asha@example.com", "campaignId": mailmodo.news.id}

        status, answer = await mailmodo.call("POST", "/api/v1/triggerCampaign", body)
        await mailmodo.settle()

        assert (status, answer["success"]) == (200, True)
        assert [mail.subject for mail in mailmodo.mails] == ["News"]
        mailmodo.recorder.check()


@pytest.mark.proves("mailmodo", "triggerCampaignByToken")
@pytest.mark.answers("mailmodo", 13)
async def test_own_trigger_url_wants_its_token_and_no_key() -> None:
    async with open_account() as mailmodo:
        url = mailmodo.fake.trigger_url(mailmodo.survey)
        wrong = url.replace(mailmodo.survey.token, "0000000000")

        taken = await mailmodo.post(url, json={"email": "asha@example.com"})
        refused = await mailmodo.post(wrong, json={"email": "asha@example.com"})
        await mailmodo.settle()

        assert (taken.status, refused.status) == (200, 400)
        assert await refused.json() == {"success": False, "message": NO_CAMPAIGN}
        assert len(mailmodo.mails) == 1
        mailmodo.recorder.check()


@pytest.mark.answers("mailmodo", 15)
async def test_setup_steps_offer_the_url_and_a_body_with_the_templates_variables() -> None:
    async with open_account() as mailmodo:
        steps = mailmodo.fake.setup_steps(mailmodo.survey)

        response = await mailmodo.post(steps.webhook_url, json=steps.json_body)

        assert steps.json_body == {
            "email": "${user_email}",
            "clevertap_id": "${clevertap_id}",
            "data": {"first_name": "${first_name}", "plan": "${plan}"},
        }
        assert response.status == 400, "a literal variable is no address"
        assert await response.json() == INVALID_EMAIL
        mailmodo.recorder.check(sent=False)


@pytest.mark.parametrize("app", ["Webhook", "Hubspot", "MoEngage", "Customer.io", "Zapier", "Intercom"])
async def test_setup_steps_of_other_apps_offer_the_campaigns_own_url(app: str) -> None:
    async with open_account() as mailmodo:
        campaign = mailmodo.fake.state.add_campaign(
            name=app, template="News", subject="News", trigger_app=app
        )
        steps = mailmodo.fake.setup_steps(campaign)

        response = await mailmodo.post(
            steps.webhook_url, json={**steps.json_body, "email": "asha@example.com"}, headers=steps.headers
        )

        assert (response.status, dict(steps.headers)) == (200, {})
        assert steps.json_body == {"email": "${user_email}", "data": {"first_name": "${first_name}"}}
        await mailmodo.settle()


@pytest.mark.parametrize("app", ["Rest API", "RestAPI"])
async def test_setup_steps_of_the_rest_api_offer_its_url_and_the_key(app: str) -> None:
    async with open_account() as mailmodo:
        campaign = mailmodo.fake.state.add_campaign(
            name=app, template="News", subject="News", trigger_app=app
        )
        steps = mailmodo.fake.setup_steps(campaign)
        body = {**steps.json_body, "email": "asha@example.com"}

        refused = await mailmodo.post(steps.webhook_url, json=body)
        taken = await mailmodo.post(steps.webhook_url, json=body, headers=steps.headers)

        assert steps.webhook_url == mailmodo.url(f"/api/v1/triggerCampaign/{campaign.id}")
        assert (refused.status, taken.status) == (401, 200)
        await mailmodo.settle()


@pytest.mark.parametrize(
    ("key", "message"), [("", "mmApiKey is missing"), ("AAAAAAA-AAAAAAA-AAAAAAA-AAAAAAA", "Invalid mmApiKey")]
)
@pytest.mark.answers("mailmodo", 1)
async def test_missing_or_wrong_key_is_answered_for_both_kinds_of_client(key: str, message: str) -> None:
    async with open_account() as mailmodo:
        url = mailmodo.url(f"/api/v1/triggerCampaign/{mailmodo.survey.id}")
        headers = {"mmapikey": key} if key else {}

        response = await mailmodo.post(url, json={"email": "asha@example.com"}, headers=headers)

        assert response.status == 401
        assert await response.json() == {"Error": message, "success": False, "message": message}
        mailmodo.recorder.check()


async def test_key_is_found_under_any_case_of_its_header() -> None:
    async with open_account() as mailmodo:
        async with mailmodo.stage.session.get(
            mailmodo.url("/api/v1/campaigns"), headers={"MMAPIKEY": mailmodo.fake.settings.api_key}
        ) as response:
            assert response.status == 200
        mailmodo.recorder.check()


@pytest.mark.answers("mailmodo", 1)
async def test_status_for_a_bad_key_can_be_set() -> None:
    async with open_account(MailmodoSettings(bad_key_status=403)) as mailmodo:
        status, _ = await mailmodo.call("GET", "/api/v1/campaigns", headers={"mmApiKey": "no"})

        assert status == 403
        mailmodo.recorder.check()


@pytest.mark.answers("mailmodo", 2)
async def test_unknown_campaign_and_bulk_campaign_cannot_be_triggered() -> None:
    async with open_account() as mailmodo:
        bulk = mailmodo.fake.state.add_campaign(
            name="bulk", template="News", subject="News", campaign_type="CONTACT_LIST"
        )
        unknown = "7b2ba29e-1ea4-5b26-a5a1-3e9ef3cc11c4"

        for campaign_id in (unknown, bulk.id):
            answer = await mailmodo.call(
                "POST", f"/api/v1/triggerCampaign/{campaign_id}", {"email": "a@example.com"}
            )
            assert answer == (400, {"success": False, "message": NO_CAMPAIGN})
        mailmodo.recorder.check()


@pytest.mark.parametrize(
    "email", ["${user_email}", "", None, 7, ["a@example.com"], "a@b", "a b@example.com", "@x.com"]
)
@pytest.mark.answers("mailmodo", 3)
async def test_bad_address_is_refused_as_a_validation_error(email: object) -> None:
    async with open_account() as mailmodo:
        path = f"/api/v1/triggerCampaign/{mailmodo.survey.id}"

        assert await mailmodo.call("POST", path, {"email": email}) == (400, INVALID_EMAIL)
        assert mailmodo.fake.state.contacts == {}
        mailmodo.recorder.check(sent=False)


@pytest.mark.answers("mailmodo", 3)
async def test_bad_address_may_be_answered_200_as_the_dynamic_form_document_shows() -> None:
    async with open_account(MailmodoSettings(invalid_email_status=200)) as mailmodo:
        path = f"/api/v1/triggerCampaign/{mailmodo.survey.id}"

        status, answer = await mailmodo.call("POST", path, {"email": "nobody"})

        assert (status, answer) == (200, {"success": False, "message": INVALID_EMAIL["message"]})
        mailmodo.recorder.check(sent=False)


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ({"data": "x"}, 'data" must be of type object'),
        ({"campaign_data": []}, 'campaign_data" must be of type object'),
        ({"subject": 3}, 'subject" must be a string'),
        ({"addToList": {}}, 'addToList" must be a string'),
    ],
)
async def test_wrong_field_is_refused_in_the_envelope_declared_for_triggers(field: Any, message: str) -> None:
    async with open_account() as mailmodo:
        path = f"/api/v1/triggerCampaign/{mailmodo.survey.id}"

        answer = await mailmodo.call("POST", path, {"email": "asha@example.com", **field})

        assert answer == (400, {"Status": "400", "message": message, "errors": []})
        mailmodo.recorder.check(sent=False)


async def test_value_comes_from_campaign_data_then_data_then_the_contact_then_nothing() -> None:
    async with open_account() as mailmodo:
        contact = {
            "email": "asha@example.com",
            "listName": "all",
            "data": {"first_name": "Stored", "plan": "Gold"},
        }
        await mailmodo.call("POST", "/api/v1/addToList", contact)

        from_contact = await mailmodo.mail()
        from_data = await mailmodo.mail(data={"first_name": "Data"})
        transient = await mailmodo.mail(data={"first_name": "Data"}, campaign_data={"first_name": "Campaign"})
        nothing = await mailmodo.mail("new@example.com")

        assert "You are on Gold, Stored." in from_contact.html
        assert "You are on Gold, Data." in from_data.html
        assert transient.subject == "How are we doing, Campaign?"
        assert "You are on Gold, Campaign." in transient.html
        assert "You are on , ." in nothing.html
        stored = mailmodo.fake.state.contact("asha@example.com")
        assert stored is not None
        assert stored.data["first_name"] == "Data", "data is stored, campaign_data is not"
        mailmodo.recorder.check()


async def test_numbers_and_booleans_are_rendered_as_a_browser_would_print_them() -> None:
    async with open_account() as mailmodo:
        mail = await mailmodo.mail(campaign_data={"first_name": True, "plan": 2.5})

        assert "You are on 2.5, true." in mail.html
        mailmodo.recorder.check()


async def test_subject_sender_name_and_reply_to_can_be_overridden() -> None:
    async with open_account() as mailmodo:
        mail = await mailmodo.mail(
            subject="Dear ${first_name}\r\nBcc: all@example.com",
            replyTo="desk@brand.example",
            fromName='The "Desk"',
            data={"first_name": "Asha"},
        )

        assert mail.subject == "Dear Asha  Bcc: all@example.com"
        assert mail.headers["Reply-To"] == "desk@brand.example"
        assert mail.headers["From"] == '"The \\"Desk\\"" <hello@brand.example>'
        [sent] = mailmodo.recorder.facts_of("email_sent")
        assert sent.details["email_subject"] == mail.subject
        mailmodo.recorder.check()


@pytest.mark.answers("mailmodo", 8)
async def test_trigger_adds_to_a_list_by_name_or_id_and_names_it() -> None:
    async with open_account() as mailmodo:
        path = f"/api/v1/triggerCampaign/{mailmodo.survey.id}"

        _, by_name = await mailmodo.call("POST", path, {"email": "a@example.com", "addToList": "march"})
        _, by_id = await mailmodo.call(
            "POST", path, {"email": "b@example.com", "addToList": by_name["listId"]}
        )

        assert by_name["listId"] == by_id["listId"]
        [march] = mailmodo.fake.state.lists.values()
        assert (march.name, list(march.members)) == ("march", ["a@example.com", "b@example.com"])
        mailmodo.recorder.check()


async def test_repeated_trigger_sends_again() -> None:
    async with open_account() as mailmodo:
        refs = [await mailmodo.trigger() for _ in range(2)]
        await mailmodo.settle()

        assert sorted(mail.id for mail in mailmodo.mails) == sorted(refs)
        assert len(set(refs)) == 2
        mailmodo.recorder.check()


@pytest.mark.answers("mailmodo", 15)
async def test_clevertap_id_is_read_at_the_top_then_inside_data() -> None:
    async with open_account() as mailmodo:
        await mailmodo.mail(clevertap_id="top", data={"clevertap_id": "inside"})
        await mailmodo.mail(data={"clevertap_id": "inside"})
        await mailmodo.mail()

        sent = mailmodo.recorder.facts_of("email_sent")
        assert [fact.details["clevertap_id"] for fact in sent] == ["top", "inside", None]
        mailmodo.recorder.check()


async def test_hard_bounce_is_reported_and_blocks_the_contact() -> None:
    receiver = Receiver()
    async with open_account(receiver=receiver) as mailmodo:
        mailmodo.recorder.replies["asha@example.com"] = MailReply(550, "5.1.1 no such user")

        await mailmodo.trigger()
        await mailmodo.settle()
        await mailmodo.trigger()
        await mailmodo.settle()

        assert len(mailmodo.mails) == 1
        [bounced] = mailmodo.recorder.facts_of("email_bounced")
        assert bounced.details["reason"] == "550 5.1.1 no such user"
        assert bounced.details["is_hard_bounce"] is True
        [suppressed] = mailmodo.recorder.facts_of("email_suppressed")
        assert suppressed.details["reason"] == "Hard bounce: 550 5.1.1 no such user"
        _, contact = await mailmodo.call("GET", "/api/v1/getContactDetails?email=asha@example.com")
        assert (contact["blocked"], contact["blockedReason"]) == (True, "Hard bounce: 550 5.1.1 no such user")
        report = await mailmodo.report()
        assert {name: report[name] for name in ("scheduled", "sent", "delivered", "bounced", "blocked")} == {
            "scheduled": 2,
            "sent": 0,
            "delivered": 0,
            "bounced": 1,
            "blocked": 1,
        }
        assert len(receiver.requests) == 1
        mailmodo.recorder.check()


async def test_soft_bounce_is_reported_and_blocks_nobody() -> None:
    async with open_account() as mailmodo:
        mailmodo.recorder.replies["asha@example.com"] = MailReply(452, "4.2.2 mailbox full")

        await mailmodo.mail()
        await mailmodo.mail()

        bounces = mailmodo.recorder.facts_of("email_bounced")
        assert [fact.details["is_hard_bounce"] for fact in bounces] == [False, False]
        assert len(mailmodo.mails) == 2
        mailmodo.recorder.check()


@pytest.mark.parametrize("way", ["api", "link", "spam", "type"])
@pytest.mark.answers("mailmodo", 11)
async def test_suppressed_contact_is_scheduled_and_gets_nothing(way: str) -> None:
    async with open_account() as mailmodo:
        mail = await mailmodo.mail()
        email = {"email": "asha@example.com"}
        if way == "api":
            await mailmodo.call("POST", "/api/v1/contacts/unsubscribe", email)
        elif way == "link":
            await mailmodo.get(mail.headers["List-Unsubscribe"].strip("<>"))
        elif way == "spam":
            await mailmodo.post(mail.headers["X-Complaint-URL"])
        else:
            choice = {**email, "reSubscribeTo": [], "unsubscribeFrom": ["Promotional"]}
            await mailmodo.call("POST", "/api/v1/contacts/updateSubscription", choice)

        ref = await mailmodo.trigger()
        await mailmodo.settle()

        assert len(mailmodo.mails) == 1
        [suppressed] = mailmodo.recorder.facts_of("email_suppressed")
        assert suppressed.details["ref"] == ref
        assert (
            suppressed.details["reason"]
            == {
                "api": "unsubscribed",
                "link": "unsubscribed",
                "spam": "Marked as spam",
                "type": "unsubscribed from Promotional",
            }[way]
        )
        assert (await mailmodo.report())["blocked"] == 1
        mailmodo.recorder.check()


async def test_resubscribed_contact_gets_mail_again() -> None:
    async with open_account() as mailmodo:
        await mailmodo.call("POST", "/api/v1/contacts/unsubscribe", {"email": "asha@example.com"})
        await mailmodo.call("POST", "/api/v1/contacts/resubscribe", {"email": "asha@example.com"})

        await mailmodo.mail()

        assert len(mailmodo.mails) == 1
        mailmodo.recorder.check()


async def test_mail_goes_out_after_the_delay_that_is_set() -> None:
    async with open_account(MailmodoSettings(send_delay_s=90)) as mailmodo:
        asked_at = mailmodo.stage.now()

        mail = await mailmodo.mail()

        assert mailmodo.recorder.exchanges[0].ended_at == asked_at, "the answer does not wait for the mail"
        assert (mail.sent_at - asked_at).total_seconds() == pytest.approx(90, abs=0.01)
        mailmodo.recorder.check()


async def test_mail_and_facts_name_the_trigger_as_their_cause() -> None:
    async with open_account() as mailmodo:
        await mailmodo.mail()

        [exchange] = mailmodo.recorder.exchanges
        assert mailmodo.mails[0].cause == exchange.id
        assert {fact.cause for fact in mailmodo.recorder.facts} == {exchange.id}
        mailmodo.recorder.check()


@pytest.mark.answers("mailmodo", 4)
async def test_calls_above_the_rate_are_refused_until_a_second_has_passed() -> None:
    async with open_account(MailmodoSettings(requests_per_s=5)) as mailmodo:
        statuses = [(await mailmodo.call("GET", "/api/v1/campaigns"))[0] for _ in range(6)]
        await asyncio.sleep(1)
        later, _ = await mailmodo.call("GET", "/api/v1/campaigns")

        assert statuses == [200] * 5 + [429]
        assert later == 200
        assert mailmodo.recorder.exchanges[5].response_headers["Retry-After"] == "1"
        mailmodo.recorder.check()
