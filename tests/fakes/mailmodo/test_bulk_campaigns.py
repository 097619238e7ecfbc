"""Bulk campaigns, which a marketer sends: nothing triggers them, and their mail says so."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from fakes.mailmodo import Campaign, CampaignNotSendable, MailmodoSettings
from tests.fakes.mailmodo.account import open_account
from tests.support.fakes import Receiver

if TYPE_CHECKING:
    from tests.fakes.mailmodo.account import Account

ASHA, RAVI, NOOR = "asha@example.com", "ravi@example.com", "noor@example.com"


async def bulk_campaign(mailmodo: Account) -> Campaign:
    """Make one, and three contacts of whom one wants no mail and one is archived."""
    for email in (ASHA, RAVI, NOOR):
        contact = {"email": email, "listName": "all", "data": {"first_name": email[:4].title()}}
        await mailmodo.call("POST", "/api/v1/addToList", contact)
    await mailmodo.call("POST", "/api/v1/contacts/unsubscribe", {"email": RAVI})
    await mailmodo.call("DELETE", "/api/v1/contacts", {"email": NOOR})
    return mailmodo.fake.state.add_campaign(
        name="bulk", template="NPS Survey", subject="Hello ${first_name}", campaign_type="CONTACT_LIST"
    )


async def row(mailmodo: Account) -> dict[str, Any]:
    _, answer = await mailmodo.call("GET", "/api/v1/campaigns?type=CONTACT_LIST")
    [found] = answer["campaigns"]
    return dict(found)


async def test_it_goes_to_every_contact_once_and_is_processed() -> None:
    async with open_account(MailmodoSettings(send_delay_s=5)) as mailmodo:
        campaign = await bulk_campaign(mailmodo)
        before = await row(mailmodo)

        assert mailmodo.fake.send_bulk_campaign(campaign) == 2
        during = await row(mailmodo)
        await mailmodo.settle()
        after = await row(mailmodo)

        assert [each["status"] for each in (before, during, after)] == ["Accepted", "Processing", "Processed"]
        assert "triggerAppName" not in after
        assert [(mail.recipient, mail.subject) for mail in mailmodo.mails] == [(ASHA, "Hello Asha")]
        report = await mailmodo.report(campaign)
        assert (report["scheduled"], report["sent"], report["blocked"]) == (2, 1, 1)
        with pytest.raises(CampaignNotSendable, match="'bulk' is Processed"):
            mailmodo.fake.send_bulk_campaign(campaign)
        mailmodo.recorder.check()


async def test_its_report_takes_no_notice_of_days() -> None:
    """Source: OA-camp."""
    async with open_account() as mailmodo:
        campaign = await bulk_campaign(mailmodo)
        mailmodo.fake.send_bulk_campaign(campaign, [ASHA])
        await mailmodo.settle()

        report = await mailmodo.report(campaign, fromDate="2020-01-01", toDate="2020-01-02")

        assert (report["campaignType"], report["sent"]) == ("CONTACT_LIST", 1)


async def test_its_activities_name_no_trigger() -> None:
    """Source: SEG-src, `campaign_trigger_source` is of triggered campaigns only."""
    receiver = Receiver()
    async with open_account(receiver=receiver) as mailmodo:
        campaign = await bulk_campaign(mailmodo)
        mailmodo.fake.send_bulk_campaign(campaign, [ASHA, "new@example.com"])
        await mailmodo.mail(ASHA)

        sent = [json.loads(raw)["properties"] for *_, raw in receiver.requests]
        kinds = [(each["campaign_type"], "campaign_trigger_source" in each) for each in sent]
        assert sorted(kinds) == [("CONTACT_LIST", False), ("CONTACT_LIST", False), ("TRIGGERED", True)]
        mailmodo.recorder.check()


async def test_a_triggered_campaign_is_not_sent_by_hand() -> None:
    async with open_account() as mailmodo:
        with pytest.raises(CampaignNotSendable, match="'nps-march' is Triggered"):
            mailmodo.fake.send_bulk_campaign(mailmodo.survey, [ASHA])

        assert mailmodo.fake.state.contacts == {}
