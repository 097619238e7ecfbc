"""The legacy call that sends a template without a campaign made before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fakes.mailmodo import MailmodoSettings
from tests.fakes.mailmodo.account import open_account
from tests.fakes.mailmodo.examples import NOBODY

if TYPE_CHECKING:
    from tests.fakes.mailmodo.account import Account

ASHA = "asha@example.com"
WHOLE = {
    "toEmail": "Asha@example.com",
    "senderEmail": "sales@brand.example",
    "senderName": "Sales",
    "subject": "Hello ${first_name}",
    "replyTo": "answers@brand.example",
    "data": {"first_name": "Asha", "plan": "pro"},
    "campaignName": "legacy",
}


async def send(mailmodo: Account, body: Any, template: str = "", **options: Any) -> tuple[int, Any]:
    path = f"/api/v1/triggerTemplateEmail/t/{template or mailmodo.survey.template.id}"
    answer = await mailmodo.call("POST", path, body, **options)
    await mailmodo.settle()
    return answer


@pytest.mark.proves("mailmodo", "triggerTemplateEmail")
async def test_a_template_is_sent_in_a_campaign_of_the_name_that_is_given() -> None:
    async with open_account() as mailmodo:
        status, answer = await send(mailmodo, WHOLE)
        again = await send(mailmodo, {**WHOLE, "subject": "Once more"})

        assert (status, answer["success"], answer["message"]) == (200, True, "Email scheduled successfully")
        assert again[1]["ref"] != answer["ref"]
        first, second = mailmodo.mails
        assert (first.id, first.recipient, first.sender) == (answer["ref"], ASHA, "sales@brand.example")
        assert (first.subject, second.subject) == ("Hello Asha", "Once more")
        assert first.headers["Reply-To"] == "answers@brand.example"
        assert "You are on pro, Asha." in first.html
        contact = mailmodo.fake.state.contact(ASHA)
        assert contact is not None
        assert contact.data == {"email": ASHA, **WHOLE["data"]}  # type: ignore[dict-item]  # of mixed values
        _, listed = await mailmodo.call("GET", "/api/v1/campaigns")
        [campaign] = [each for each in listed["campaigns"] if each["campaignName"] == "legacy"]
        assert (campaign["triggerAppName"], campaign["status"]) == ("TemplateTrigger", "Triggered")
        assert (campaign["senderEmail"], campaign["subjects"]) == ("sales@brand.example", [WHOLE["subject"]])
        report = await mailmodo.report(mailmodo.fake.state.campaigns[campaign["id"]])
        assert (report["scheduled"], report["sent"]) == (2, 2)
        mailmodo.recorder.check()


async def test_what_the_dashboard_offers_sends_it_again() -> None:
    async with open_account() as mailmodo:
        await send(mailmodo, WHOLE)
        campaign = mailmodo.fake.state.campaign_by_name("legacy")
        assert campaign is not None
        steps = mailmodo.fake.setup_steps(campaign)

        body = {**steps.json_body, "toEmail": ASHA, "data": WHOLE["data"]}
        headers = dict(steps.headers)
        async with mailmodo.stage.session.post(steps.webhook_url, json=body, headers=headers) as response:
            assert response.status == 200
        await mailmodo.settle()

        assert steps.json_body["toEmail"] == "${user_email}"
        assert [mail.subject for mail in mailmodo.mails] == ["Hello Asha"] * 2
        report = await mailmodo.report(campaign)
        assert report["sent"] == 2
        mailmodo.recorder.check()


async def test_what_is_not_given_is_the_accounts_and_the_templates() -> None:
    async with open_account() as mailmodo:
        status, _ = await send(mailmodo, {"toEmail": ASHA, "subject": "Hello"})

        campaign = mailmodo.fake.state.campaign_by_name("NPS Survey")
        assert campaign is not None
        assert (status, campaign.sender_email) == (200, mailmodo.fake.settings.sender_email)
        assert mailmodo.mails[0].sender == mailmodo.fake.settings.sender_email
        mailmodo.recorder.check()


async def test_another_sender_or_template_has_a_campaign_of_its_own() -> None:
    async with open_account() as mailmodo:
        before = len(mailmodo.fake.state.campaigns)
        for change in ({}, {"senderEmail": "other@brand.example"}, {}):
            await send(mailmodo, {**WHOLE, **change})
        await send(mailmodo, WHOLE, mailmodo.news.template.id)

        assert len(mailmodo.fake.state.campaigns) == before + 3
        mailmodo.recorder.check()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"toEmail": None}, "The provided email is not a valid email id"),
        ({"senderEmail": "x"}, "The provided email is not a valid email id"),
        ({"senderEmail": 5}, 'senderEmail" must be a string'),
        ({"subject": ""}, 'subject" is required'),
        ({"subject": []}, 'subject" must be a string'),
        ({"senderName": 1}, 'senderName" must be a string'),
        ({"replyTo": {}}, 'replyTo" must be a string'),
        ({"data": []}, 'data" must be of type object'),
        ({"campaignName": True}, 'campaignName" must be a string'),
    ],
)
async def test_a_wrong_call_is_refused_and_leaves_nothing(change: dict[str, Any], message: str) -> None:
    async with open_account() as mailmodo:
        before = list(mailmodo.fake.state.campaigns)

        status, answer = await send(mailmodo, {**WHOLE, **change})

        assert (status, answer["message"]) == (400, message)
        assert list(mailmodo.fake.state.campaigns) == before
        assert (mailmodo.fake.state.contacts, mailmodo.mails) == ({}, [])
        mailmodo.recorder.check(sent=False)


async def test_an_unknown_template_and_a_wrong_key_are_refused() -> None:
    async with open_account() as mailmodo:
        unknown = await send(mailmodo, WHOLE, NOBODY)
        status, _ = await send(mailmodo, WHOLE, headers={"mmApiKey": "wrong"})

        assert unknown == (400, {"success": False, "message": "No template found for the templateId"})
        assert status == 401
        mailmodo.recorder.check()


async def test_a_bad_address_may_be_answered_200_as_on_a_trigger() -> None:
    async with open_account(MailmodoSettings(invalid_email_status=200)) as mailmodo:
        status, answer = await send(mailmodo, {**WHOLE, "toEmail": "x"})

        assert (status, answer["success"]) == (200, False)
