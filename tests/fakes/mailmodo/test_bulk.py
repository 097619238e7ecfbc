from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from fakes.mailmodo import MailmodoSettings
from tests.fakes.mailmodo.account import open_account

if TYPE_CHECKING:
    from tests.fakes.mailmodo.account import Account

PEOPLE = ("asha@example.com", "ravi@example.com", "noor@example.com")


async def fill_list(mailmodo: Account, *emails: str) -> str:
    for email in emails:
        await mailmodo.call(
            "POST",
            "/api/v1/addToList",
            {"email": email, "listName": "VIPs", "data": {"first_name": email.partition("@")[0].title()}},
        )
    _, answer = await mailmodo.call("GET", "/api/v1/getAllContactLists")
    return str(answer["listDetails"][0]["id"])


async def bulk(mailmodo: Account, list_id: str, /, **fields: Any) -> tuple[int, Any]:
    path = f"/api/v1/bulktriggerCampaign/{mailmodo.survey.id}"
    status, answer = await mailmodo.call("POST", path, {"listId": list_id, **fields})
    await mailmodo.settle()
    return status, answer


@pytest.mark.proves("mailmodo", "bulkTriggerCampaign")
async def test_everybody_on_the_list_gets_a_mail_with_their_own_values() -> None:
    async with open_account() as mailmodo:
        list_id = await fill_list(mailmodo, *PEOPLE)

        status, answer = await bulk(mailmodo, list_id, campaign_data={"plan": "pro"})

        assert (status, answer["success"], answer["message"]) == (200, True, "Email scheduled successfully")
        assert [mail.recipient for mail in mailmodo.mails] == list(PEOPLE)
        assert [mail.subject for mail in mailmodo.mails] == [
            "How are we doing, Asha?", "How are we doing, Ravi?", "How are we doing, Noor?",
        ]  # fmt: skip
        assert all("You are on pro" in mail.html for mail in mailmodo.mails)
        report = await mailmodo.report()
        assert (report["scheduled"], report["sent"]) == (3, 3)
        mailmodo.recorder.check()


@pytest.mark.answers("mailmodo", 11)
async def test_who_left_gets_nothing_and_is_counted_as_blocked() -> None:
    async with open_account() as mailmodo:
        list_id = await fill_list(mailmodo, *PEOPLE)
        await mailmodo.call("POST", "/api/v1/contacts/unsubscribe", {"email": PEOPLE[1]})

        await bulk(mailmodo, list_id)

        assert [mail.recipient for mail in mailmodo.mails] == [PEOPLE[0], PEOPLE[2]]
        report = await mailmodo.report()
        assert (report["scheduled"], report["sent"], report["blocked"]) == (3, 2, 1)


@pytest.mark.answers("mailmodo", 6)
@pytest.mark.bounds("mailmodo", "2.2: twice inside 24 h; a new unique value lifts that")
async def test_the_same_list_is_refused_for_24_hours_unless_the_key_is_new() -> None:
    async with open_account() as mailmodo:
        list_id = await fill_list(mailmodo, PEOPLE[0])

        outcomes = [(await bulk(mailmodo, list_id))[0], (await bulk(mailmodo, list_id))[0]]
        outcomes += [(await bulk(mailmodo, list_id, idempotencyKey="k1"))[0] for _ in range(2)]
        await asyncio.sleep(86_399)
        outcomes.append((await bulk(mailmodo, list_id))[0])
        await asyncio.sleep(1)
        outcomes.append((await bulk(mailmodo, list_id))[0])

        assert outcomes == [200, 400, 200, 400, 400, 200]
        assert len(mailmodo.mails) == 3
        mailmodo.recorder.check()


@pytest.mark.answers("mailmodo", 6)
@pytest.mark.parametrize("none", [{}, {"idempotencyKey": ""}, {"idempotencyKey": None}])
async def test_a_key_lifts_the_rule_once_and_not_for_what_comes_without_one(none: dict[str, Any]) -> None:
    async with open_account() as mailmodo:
        list_id = await fill_list(mailmodo, PEOPLE[0])

        outcomes = [(await bulk(mailmodo, list_id, idempotencyKey="k1"))[0]]
        outcomes.append((await bulk(mailmodo, list_id, **none))[0])
        outcomes.append((await bulk(mailmodo, list_id, idempotencyKey="k1", subject="Another"))[0])
        await asyncio.sleep(86_399)
        outcomes.append((await bulk(mailmodo, list_id, **none))[0])
        await asyncio.sleep(1)
        outcomes.append((await bulk(mailmodo, list_id, **none))[0])
        outcomes.append((await bulk(mailmodo, list_id, idempotencyKey="k1"))[0])

        assert outcomes == [200, 400, 400, 400, 200, 200]
        assert len(mailmodo.mails) == 3
        mailmodo.recorder.check(sent=False)


@pytest.mark.parametrize("list_id", ["7b2ba29e-1ea4-4b26-a5a1-3e9ef3cc11c4", ""])
async def test_an_unknown_list_is_refused_and_nothing_is_sent(list_id: str) -> None:
    async with open_account() as mailmodo:
        status, answer = await bulk(mailmodo, list_id)

        assert (status, mailmodo.mails) == (400, [])
        assert answer["message"] in ("No list found for the listId", 'listId" is required')
        mailmodo.recorder.check(sent=False)


async def test_a_bulk_campaign_cannot_be_triggered_in_bulk() -> None:
    """Source: OA-send."""
    async with open_account() as mailmodo:
        campaign = mailmodo.fake.state.add_campaign(
            name="bulk", template="News", subject="News", campaign_type="CONTACT_LIST"
        )
        list_id = await fill_list(mailmodo, PEOPLE[0])

        status, answer = await mailmodo.call(
            "POST", f"/api/v1/bulktriggerCampaign/{campaign.id}", {"listId": list_id}
        )

        assert status == 400
        assert answer["message"].startswith("No campaign Found for the campaignId")


async def test_the_settings_delay_passes_once_for_all() -> None:
    async with open_account(MailmodoSettings(send_delay_s=30)) as mailmodo:
        list_id = await fill_list(mailmodo, *PEOPLE)
        began = mailmodo.stage.now()

        await bulk(mailmodo, list_id)

        assert {(mail.sent_at - began).total_seconds() // 1 for mail in mailmodo.mails} == {30}
