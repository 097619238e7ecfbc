"""The template's webhook integration: every submission, flat, with what the server adds."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from aiohttp import web

from fakes.mailmodo import CallWebhook, Campaign, Entry, EntryKind, Form, MailmodoSettings, Question
from fakes.mailmodo.submissions import Submission
from tests.fakes.mailmodo.account import SURVEY, Account, open_account
from tests.support.fakes import Receiver

UTC_AHEAD = MailmodoSettings(utc_offset_minutes=330)


def export_survey(mailmodo: Account) -> Campaign:
    """Add a survey whose form is exported."""
    mailmodo.fake.set_activity_webhook(None)
    assert SURVEY.form is not None
    form = Form("nps", SURVEY.form.questions, export_url=mailmodo.stage.url("receiver.test") + "/form")
    mailmodo.fake.state.add_template(replace(SURVEY, name="Exported", form=form))
    return mailmodo.fake.state.add_campaign(name="exported", template="Exported", subject="Hello")


async def answer(mailmodo: Account, campaign: Campaign, *, is_amp: bool = True) -> tuple[str, dict[str, str]]:
    await mailmodo.call(
        "POST",
        f"/api/v1/triggerCampaign/{campaign.id}",
        {"email": "asha@example.com", "data": {"first_name": "Asha"}},
    )
    await mailmodo.settle()
    mail, form = mailmodo.mails[-1], campaign.template.form
    assert form is not None
    ids = {element.name: element.id for element in form.elements}
    fields = [("ref", mail.id), (ids["score"], "9"), (ids["days"], "Mon"), (ids["days"], "Wed")]
    path = f"/api/v1/f/{form.id}" if is_amp else f"/f/{mail.id}/{form.id}"
    await mailmodo.post(mailmodo.url(path), data=fields)
    await mailmodo.settle()
    return form.id, ids


@pytest.mark.parametrize(("is_amp", "source"), [(True, "amp"), (False, "web")])
@pytest.mark.proves("mailmodo", "formExport")
async def test_a_submission_is_posted_as_recorded(*, is_amp: bool, source: str) -> None:
    """Source: RS-src tests, the form export; texts are strings, several choices are an array."""
    receiver = Receiver()
    async with open_account(UTC_AHEAD, receiver=receiver) as mailmodo:
        campaign = export_survey(mailmodo)

        form_id, ids = await answer(mailmodo, campaign, is_amp=is_amp)

        ((method, path, headers, raw),) = receiver.requests
        body = json.loads(raw)
        (fact,) = mailmodo.recorder.facts_of("form_submitted")
        recorded_at = body.pop("recordedAt")
        assert (method, path, headers["Content-Type"]) == ("POST", "/form", "application/json")
        assert len(body.pop("fuuid")) == 5
        assert len(body.pop("responseId")) == 36
        assert body == {
            "next-step-id": "success",
            "total-steps": "1",
            "recipientEmail": "asha@example.com",
            "formId": form_id,
            "submissionSource": source,
            ids["score"]: "9",
            ids["days"]: ["Mon", "Wed"],
            "recipientData": {"email": "asha@example.com", "first_name": "Asha"},
            "campaignId": campaign.id,
            "campaignName": "exported",
        }
        assert recorded_at["ts"] == int(fact.at.timestamp())
        # 03:30 UTC is 09:00 in India.
        assert (recorded_at["date"], recorded_at["hour"], recorded_at["minute"]) == ("2026-03-02", 9, 0)
        mailmodo.recorder.check()


async def test_a_field_that_has_a_name_is_exported_under_it() -> None:
    """Source: RS-src tests, `"recommend": "9"`; what the server adds is never covered by it. Journeys have ids."""
    receiver = Receiver()
    async with open_account(receiver=receiver) as mailmodo:
        mailmodo.fake.set_activity_webhook(None)
        url = mailmodo.stage.url("receiver.test")
        questions = {
            "How likely?": Question(kind="scale", field="recommend"),
            "Why?": Question(field="formId"),
            "Other": Question(),
        }
        form = Form("named", questions, export_url=url + "/form")
        mailmodo.fake.state.add_template(replace(SURVEY, name="Named", form=form))
        campaign = mailmodo.fake.state.add_campaign(name="named", template="Named", subject="Hello")
        entry, cards = Entry(EntryKind.FORM, "named"), (CallWebhook(url + "/journey"),)
        mailmodo.fake.journeys.add("named", entry=entry, cards=cards)
        mailmodo.survey = campaign
        mail = await mailmodo.mail()
        ids = [mailmodo.element(name) for name in questions]
        fields = {"ref": mail.id, **dict(zip(ids, ("9", "Fast", "No"), strict=True))}
        await mailmodo.post(mailmodo.url(f"/api/v1/f/{mailmodo.form_id}"), data=fields)
        await mailmodo.settle()

        bodies = {path: json.loads(raw) for _, path, _, raw in receiver.requests}
        exported, told = bodies["/form"], bodies["/journey"]["triggerData"]["formSubmissionData"]
        assert (exported["recommend"], exported["formId"], exported[ids[2]]) == ("9", mailmodo.form_id, "No")
        assert not {*ids[:2]} & exported.keys()
        assert [told[name] for name in ids] == ["9", "Fast", "No"]
        mailmodo.recorder.check()


async def test_local_times_are_those_of_the_recorded_body() -> None:
    """Source: RS-src tests; 1657097786 is 08:56 UTC and given as 14:26."""
    async with open_account() as mailmodo:
        mail = await mailmodo.mail()
        send, form = mailmodo.fake.state.sends[mail.id], mailmodo.survey.template.form
        assert form is not None
        submission = Submission(
            send=send,
            form=form,
            response_id=send.response_id,
            fuuid="12345",
            at=datetime.fromtimestamp(1657097786, UTC),
            answers={},
            type="AMP",
        )

        recorded_at = submission.data(utc_offset_minutes=330)["recordedAt"]

        assert recorded_at == {"ts": 1657097786, "date": "2022-07-06", "hour": 14, "minute": 26}


async def test_an_export_that_fails_is_tried_five_times_with_the_same_body() -> None:
    receiver = Receiver()
    receiver.answer = lambda _attempt: web.Response(status=503)
    async with open_account(receiver=receiver) as mailmodo:
        await answer(mailmodo, export_survey(mailmodo))

        bodies = {body for *_, body in receiver.requests}
        assert (len(receiver.requests), len(bodies)) == (5, 1)
        (fact,) = mailmodo.recorder.facts_of("form_export_failed")
        assert (fact.details["status"], fact.details["attempts"]) == (503, 5)
