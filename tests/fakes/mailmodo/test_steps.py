"""Forms of several steps: posted one by one, from inside the mail or page by page, and what begins after a step."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fakes.mailmodo import CallWebhook, Entry, EntryKind, Form, Question, Template
from simulator.mail_client import read_html
from tests.fakes.mailmodo.account import open_account
from tests.fakes.mailmodo.test_dynamic import ELEMENTS
from tests.support.fakes import Receiver

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fakes.kit import MailMessage
    from fakes.mailmodo.templates import StoredForm
    from tests.fakes.mailmodo.account import Account

ASHA = "asha@example.com"
LONG = Template(
    name="Long",
    email_type="AMP",
    form=Form(
        "long",
        {"score": Question(kind="scale", is_required=True), "why": Question()},
        further=(
            {"colour": Question(kind="choice", choices=("red", "blue"))},
            {"days": Question(kind="text")},
        ),
    ),
)


class Scene:
    """A mail with a form of three steps, and journeys that begin after the first and after the last."""

    def __init__(self, mailmodo: Account, receiver: Receiver) -> None:
        self.mailmodo = mailmodo
        self.receiver = receiver
        stored = mailmodo.fake.state.add_template(LONG)
        mailmodo.survey = mailmodo.fake.state.add_campaign(name="long", template=stored, subject="Hi")
        mailmodo.fake.set_activity_webhook(None)
        assert stored.form is not None
        self.form: StoredForm = stored.form
        for name, step in (("first", 1), ("last", None)):
            url = f"{mailmodo.stage.url('receiver.test')}/{name}"
            entry = Entry(EntryKind.FORM, "long", step)
            mailmodo.fake.journeys.add(name, entry=entry, cards=(CallWebhook(url),))

    def fields(self, mail: MailMessage, number: int, **answers: str) -> dict[str, str]:
        ids = {element.name: element.id for element in self.form.elements}
        step = {"ref": mail.id, "next-step-id": self.form.step_after(number)}
        return {**step, **{ids[name]: value for name, value in answers.items()}}

    async def post(self, mail: MailMessage, number: int, **answers: str) -> tuple[int, Any]:
        url = self.mailmodo.url(f"/api/v1/f/{self.form.id}")
        async with self.mailmodo.stage.session.post(url, data=self.fields(mail, number, **answers)) as answer:
            return answer.status, await answer.json()

    async def told(self) -> list[tuple[str, dict[str, Any]]]:
        await self.mailmodo.settle()
        found = [(path, json.loads(body)) for _, path, _, body in self.receiver.requests]
        return [(path, body["triggerData"]["formSubmissionData"]) for path, body in found]


@asynccontextmanager
async def scene() -> AsyncIterator[Scene]:
    receiver = Receiver()
    async with open_account(receiver=receiver) as mailmodo:
        yield Scene(mailmodo, receiver)


async def test_every_step_is_a_form_that_names_the_next() -> None:
    async with scene() as on:
        mail = await on.mailmodo.mail()
        forms = read_html(mail.amp or "").forms

        nexts = [form.fields["next-step-id"].value for form in forms]
        assert nexts == [on.form.steps[1].id, on.form.steps[2].id, "success"]
        assert {form.fields["total-steps"].value for form in forms} == {"3"}
        assert [len(form.fields) - 6 for form in forms] == [2, 1, 1]
        assert (mail.amp or "").count("Step 2 of 3") == 1
        assert [step.button for step in on.form.steps] == ["Next", "Next", "Submit"]


async def test_a_journey_begins_after_an_intermediate_step_and_another_after_the_last() -> None:
    async with scene() as on:
        mail = await on.mailmodo.mail()
        ids = {element.name: element.id for element in on.form.elements}

        status, answer = await on.post(mail, 0, score="9", why="Fast")
        assert (status, answer["success"]) == (200, True)
        [(path, first)] = await on.told()
        assert path == "/first"
        assert (first["next-step-id"], first["total-steps"]) == (on.form.steps[1].id, "3")
        assert (first[ids["score"]], first[ids["why"]]) == ("9", "Fast")
        assert (await on.mailmodo.report())["submission"] == 0
        assert on.mailmodo.recorder.facts_of("form_submitted") == []

        assert (await on.post(mail, 1, colour="red"))[0] == 200
        assert len(await on.told()) == 1
        assert (await on.post(mail, 2, days="Mon"))[0] == 200
        [_, (path, last)] = await on.told()
        assert (path, last["next-step-id"]) == ("/last", "success")
        assert [last[ids[name]] for name in ("score", "why", "colour", "days")] == ["9", "Fast", "red", "Mon"]
        assert (await on.mailmodo.report())["submission"] == 1
        [fact] = on.mailmodo.recorder.facts_of("form_submitted")
        assert fact.details["answers"] == {"score": "9", "why": "Fast", "colour": "red", "days": "Mon"}
        steps = on.mailmodo.recorder.facts_of("form_step_submitted")
        assert [step.details["step"] for step in steps] == [1, 2]
        on.mailmodo.recorder.check(sent=False)


async def test_the_last_step_is_refused_while_an_earlier_one_lacks_a_required_answer() -> None:
    async with scene() as on:
        mail = await on.mailmodo.mail()

        assert await on.post(mail, 2, days="Mon") == (
            400,
            {"success": False, "message": "Please answer: score"},
        )
        assert (await on.post(mail, 0, why="x"))[1]["message"] == "Please answer: score"
        assert (await on.post(mail, 1, colour="green"))[1][
            "message"
        ] == "Please choose a valid answer: colour"
        assert await on.told() == []

        assert (await on.post(mail, 0, score="1"))[0] == 200
        assert (await on.post(mail, 2, days="Mon"))[0] == 200


async def test_the_web_fallback_leads_from_page_to_page() -> None:
    async with scene() as on:
        mail = await on.mailmodo.mail()
        url = on.mailmodo.url(f"/f/{mail.id}/{on.form.id}")
        async with on.mailmodo.stage.session.get(url) as answer:
            page = await answer.text()
        steps: tuple[tuple[dict[str, str], dict[str, str] | None], ...] = (
            ({"score": "7"}, {}),
            ({"colour": "blue"}, {"colour": "green"}),
            ({"days": "Tue"}, None),
        )
        for number, (answers, wrong) in enumerate(steps):
            [form] = read_html(page).forms
            assert form.fields["next-step-id"].value == on.form.step_after(number)
            if wrong is not None:
                fields = on.fields(mail, number, **wrong)
                async with on.mailmodo.stage.session.post(url, data=fields) as answer:
                    assert answer.status == 400
                    assert read_html(await answer.text()).forms[0].fields.keys() == form.fields.keys()
            async with on.mailmodo.stage.session.post(url, data=on.fields(mail, number, **answers)) as answer:
                page = await answer.text()
                assert answer.status == 200

        assert "Your response has been recorded" in page
        assert [(path, data["submissionSource"]) for path, data in await on.told()] == [
            ("/first", "web"),
            ("/last", "web"),
        ]


async def test_a_step_that_requires_nothing_may_be_left_blank() -> None:
    """Nothing in the mail or on the page keeps anybody from posting it."""
    async with scene() as on:
        mail = await on.mailmodo.mail()

        statuses = [
            (await on.post(mail, number, **answers))[0]
            for number, answers in enumerate(({"score": "9"}, {}, {}))
        ]

        assert statuses == [200, 200, 200]
        [fact] = on.mailmodo.recorder.facts_of("form_submitted")
        assert fact.details["answers"] == {"score": "9"}
        assert (await on.mailmodo.report())["submission"] == 1
        on.mailmodo.recorder.check(sent=False)


async def test_a_form_without_any_answer_is_refused_at_its_end() -> None:
    async with open_account() as mailmodo:
        form = Form("free", {"a": Question()}, further=({"b": Question()},))
        stored = mailmodo.fake.state.add_template(replace(LONG, name="Free", form=form))
        mailmodo.survey = mailmodo.fake.state.add_campaign(name="free", template=stored, subject="Hi")
        mail = await mailmodo.mail()
        assert stored.form is not None
        url = mailmodo.url(f"/api/v1/f/{stored.form.id}")

        answers = [
            await mailmodo.post(url, data={"ref": mail.id, "next-step-id": stored.form.step_after(number)})
            for number in (0, 1)
        ]

        assert [answer.status for answer in answers] == [200, 400]
        assert mailmodo.recorder.facts_of("form_submitted") == []


async def test_all_steps_of_a_mail_have_one_response_id() -> None:
    async with scene() as on:
        mail = await on.mailmodo.mail()

        answers = [
            await on.post(mail, 0, score="9"),
            await on.post(mail, 1, colour="red"),
            await on.post(mail, 2),
        ]

        assert len({answer["responseId"] for _, answer in answers}) == 1
        assert {data["responseId"] for _, data in await on.told()} == {answers[0][1]["responseId"]}


async def test_a_form_of_several_steps_may_come_with_a_trigger() -> None:
    async with open_account() as mailmodo:
        steps = [
            {"stepId": "step7tr7n2", "buttonText": "On", "elements": ELEMENTS[:1]},
            {"stepId": "step8aaaaa", "elements": ELEMENTS[1:2]},
            {"stepId": "success"},
        ]
        mail = await mailmodo.mail(forms=[{"formId": mailmodo.form_id, "steps": steps}])

        first, second = read_html(mail.amp or "").forms
        assert (first.fields["next-step-id"].value, second.fields["next-step-id"].value) == (
            "step8aaaaa",
            "success",
        )
        assert 'value="On"' in (mail.amp or "")
        mailmodo.recorder.check()


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (("step7tr7n2", "step7tr7n2"), 'forms[0].steps" has a stepId twice'),
        (("step7tr7n2", "two"), 'forms[0].steps[1].stepId" must look like step7tr7n2'),
    ],
)
async def test_steps_that_cannot_be_told_apart_are_refused(ids: tuple[str, str], message: str) -> None:
    async with open_account() as mailmodo:
        steps = [{"stepId": one, "elements": [element]} for one, element in zip(ids, ELEMENTS, strict=False)]
        body = {
            "email": ASHA,
            "forms": [{"formId": mailmodo.form_id, "steps": [*steps, {"stepId": "success"}]}],
        }

        status, answer = await mailmodo.call("POST", f"/api/v1/triggerCampaign/{mailmodo.survey.id}", body)

        assert (status, answer["message"]) == (400, message)
