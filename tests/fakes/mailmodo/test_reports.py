"""Custom events, campaigns, their counters, templates."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from fakes.mailmodo import MailmodoSettings
from fakes.mailmodo.errors import NO_CAMPAIGN
from tests.fakes.mailmodo.account import open_account


@pytest.mark.proves("mailmodo", "addEvent")
async def test_custom_event_keeps_its_own_time() -> None:
    async with open_account() as mailmodo:
        body = {
            "email": "asha@example.com",
            "event_name": "Order Completed",
            "ts": 1772400000,
            "event_properties": {"total": 18.99, "gift": False, "sku": "A1"},
        }

        status, answer = await mailmodo.call("POST", "/api/v1/addEvent", body)

        assert (status, answer) == (200, {"success": True, "ref": answer["ref"]})
        assert UUID(answer["ref"]).version == 4
        [stored] = mailmodo.recorder.facts_of("custom_event_stored")
        assert stored.at == datetime.fromtimestamp(1772400000, UTC)
        assert stored.details == {
            "name": "Order Completed",
            "ts": 1772400000,
            "properties": body["event_properties"],
            "ref": answer["ref"],
        }
        [event] = mailmodo.fake.state.custom_events
        assert (event.email, event.name) == ("asha@example.com", "Order Completed")
        mailmodo.recorder.check()


async def test_custom_event_without_a_time_happens_now() -> None:
    async with open_account() as mailmodo:
        await mailmodo.call("POST", "/api/v1/addEvent", {"email": "asha@example.com", "event_name": "Seen"})

        [stored] = mailmodo.recorder.facts_of("custom_event_stored")
        assert stored.details["ts"] == int(mailmodo.stage.now().timestamp())
        mailmodo.recorder.check()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"email": "nobody"}, "The provided email is not a valid email id"),
        ({"event_name": " "}, 'event_name" is required'),
        ({"event_properties": {"a": [1]}}, 'event_properties.a" must be one of [string, number, boolean]'),
        ({"ts": "soon"}, 'ts" must be a valid timestamp in seconds'),
        ({"ts": 1772400000000}, 'ts" must be a valid timestamp in seconds'),
        ({"ts": -1}, 'ts" must be a valid timestamp in seconds'),
        ({"event_properties": {"a": None}}, 'event_properties.a" must be one of [string, number, boolean]'),
        ({"event_properties": {"a": []}}, 'event_properties.a" must be one of [string, number, boolean]'),
    ],
)
async def test_wrong_custom_event_is_refused_with_a_message_alone(
    fields: dict[str, Any], message: str
) -> None:
    async with open_account() as mailmodo:
        body = {"email": "asha@example.com", "event_name": "Seen", **fields}

        assert await mailmodo.call("POST", "/api/v1/addEvent", body) == (400, {"message": message})
        assert mailmodo.fake.state.custom_events == []
        mailmodo.recorder.check(sent=False)


@pytest.mark.proves("mailmodo", "getCampaigns")
async def test_campaigns_come_newest_first_and_by_type() -> None:
    async with open_account() as mailmodo:
        await asyncio.sleep(60)
        bulk = mailmodo.fake.state.add_campaign(
            name="bulk", template="News", subject="News", campaign_type="CONTACT_LIST"
        )

        _, everything = await mailmodo.call("GET", "/api/v1/campaigns")
        _, triggered = await mailmodo.call("GET", "/api/v1/campaigns?type=TRIGGERED")

        assert [row["campaignName"] for row in everything["campaigns"]] == ["bulk", "news-march", "nps-march"]
        assert everything["campaigns"][0]["id"] == bulk.id
        assert triggered["campaigns"][-1] == {
            "campaignType": "TRIGGERED",
            "templateId": mailmodo.survey.template.id,
            "scheduledAt": 1772422200000,
            "id": mailmodo.survey.id,
            "campaignName": "nps-march",
            "status": "Triggered",
            "emailType": "AMP",
            "senderEmail": "hello@brand.example",
            "subjects": ["How are we doing, ${first_name}?"],
            "createdAt": 1772422200000,
            "triggerAppName": "CleverTap",
        }
        assert len(triggered["campaigns"]) == 2
        mailmodo.recorder.check()


@pytest.mark.proves("mailmodo", "getCampaignReport")
async def test_report_counts_what_happened_on_the_days_asked_for() -> None:
    async with open_account() as mailmodo:
        mail = await mailmodo.mail()
        await mailmodo.get(mailmodo.url(f"/o/{mail.id}.gif?part=html"))
        await asyncio.sleep(86_400)
        await mailmodo.get(mailmodo.url(f"/o/{mail.id}.gif?part=amp"))

        whole = await mailmodo.report()
        second = await mailmodo.report(fromDate="2026-03-03", toDate="2026-03-03")

        assert (whole["scheduled"], whole["sent"], whole["delivered"], whole["opens"]) == (1, 1, 1, 2)
        assert (second["sent"], second["opens"], second["ampOpens"], second["htmlOpens"]) == (0, 1, 1, 0)
        assert whole["createdAt"] == "2026-03-02T03:30:00.000Z"
        assert whole["campaignId"] == mailmodo.survey.id
        mailmodo.recorder.check()


async def test_report_without_a_body_and_with_a_wrong_one() -> None:
    async with open_account() as mailmodo:
        path = f"/api/v1/campaignReports/{mailmodo.survey.id}"

        async with mailmodo.stage.session.post(
            mailmodo.url(path), headers={"mmApiKey": mailmodo.fake.settings.api_key}
        ) as response:
            assert response.status == 200
        status, answer = await mailmodo.call("POST", path, {"fromDate": "2 March"})

        assert (status, answer["message"]) == (400, 'fromDate" must be in YYYY-MM-DD format')
        mailmodo.recorder.check(sent=False)


@pytest.mark.answers("mailmodo", 9)
async def test_report_of_an_unknown_campaign_is_refused() -> None:
    async with open_account() as mailmodo:
        path = "/api/v1/campaignReports/7b2ba29e-1ea4-5b26-a5a1-3e9ef3cc11c4"

        status, answer = await mailmodo.call("POST", path, {})

        assert (status, answer["success"]) == (400, False)
        mailmodo.recorder.check()


@pytest.mark.proves("mailmodo", "getAllTemplates")
async def test_templates_list_their_variables() -> None:
    async with open_account() as mailmodo:
        _, answer = await mailmodo.call("GET", "/api/v1/getAllTemplates")

        survey = answer["templateDetails"][0]
        assert (survey["name"], survey["format"], survey["type"]) == ("NPS Survey", "AMP", "Promotional")
        assert survey["personalization_data"] == ["${first_name}", "${plan}"]
        assert survey["created_at"] == "2026-03-02T03:30:00.000Z"
        assert (survey["state"], survey["is_uploaded"]) == ("Active", False)
        mailmodo.recorder.check()


async def test_a_draft_is_listed_and_triggered_only_once_it_is_enabled() -> None:
    async with open_account() as mailmodo:
        state = mailmodo.fake.state
        draft = state.set_draft(mailmodo.survey, is_draft=True)

        status, answer = await mailmodo.call("GET", "/api/v1/campaigns")
        assert status == 200
        assert [one["status"] for one in answer["campaigns"]] == ["Triggered", "Draft"]
        assert (await mailmodo.report(draft))["status"] == "Draft"
        refused = await mailmodo.call(
            "POST", f"/api/v1/triggerCampaign/{draft.id}", {"email": "asha@example.com"}
        )
        assert refused == (400, {"success": False, "message": NO_CAMPAIGN})
        by_url = await mailmodo.post(mailmodo.fake.trigger_url(draft), json={"email": "asha@example.com"})
        assert by_url.status == 400

        state.set_draft(draft, is_draft=False)
        await mailmodo.trigger()
        assert (await mailmodo.report())["status"] == "Triggered"
        mailmodo.recorder.check()


@pytest.mark.parametrize(
    "day", ["2026-3-2", "2026-02-30", "20260302", " 2026-03-02", "٢٠٢٦-03-02", "2026-W10-1"]
)
async def test_a_day_is_written_in_one_way_only(day: str) -> None:
    """Source: OA-camp, `YYYY-MM-DD`."""
    async with open_account() as mailmodo:
        for name in ("fromDate", "toDate"):
            path = f"/api/v1/campaignReports/{mailmodo.survey.id}"
            status, answer = await mailmodo.call("POST", path, {name: day})

            assert (status, answer["message"]) == (400, f'{name}" must be in YYYY-MM-DD format')
        mailmodo.recorder.check(sent=False)


async def test_what_is_not_in_every_row_of_the_vendors_examples_can_be_left_out() -> None:
    """Source: OA-contact, `contacts_count` is absent on 3 of 41 lists; OA-camp, `senderEmail` on 1.4 % of the rows."""
    async with open_account(MailmodoSettings(leave_out_optional=True)) as mailmodo:
        await mailmodo.call("POST", "/api/v1/addToList", {"email": "asha@example.com", "listName": "all"})

        _, lists = await mailmodo.call("GET", "/api/v1/getAllContactLists")
        _, campaigns = await mailmodo.call("GET", "/api/v1/campaigns")

        assert [each.keys() for each in lists["listDetails"]] == [
            {"id", "name", "created_at", "type", "last_updated_at"}
        ]
        assert not [row for row in campaigns["campaigns"] if "senderEmail" in row]
        assert (await mailmodo.report())["senderEmail"] == "hello@brand.example"
        mailmodo.recorder.check()
