"""Forms and rows for blocks that come with a trigger."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fakes.mailmodo import Block
from tests.fakes.mailmodo.account import NEWS, Account, open_account

ELEMENTS: list[dict[str, Any]] = [
    {"type": "single-line", "inputType": "text", "elementId": "element6ehxt3", "title": "Name", "required": True,
     "placeholder": "Your name", "properties": {"border-color": "#000", "border-width": "1px"}},
    {"type": "single-select", "inputType": "radio", "elementId": "elementaaaaaa", "title": "Size",
     "choices": ["S", "M"], "otherOptionEnabled": True},
    {"type": "multi-select", "inputType": "checkbox", "elementId": "elementbbbbbb", "title": "Days", "choices": ["Mon", "Tue"]},
    {"type": "rating", "inputType": "star", "elementId": "elementcccccc", "title": "Stars", "maxRating": 3},
    {"type": "nps", "inputType": "box", "elementId": "elementdddddd", "title": "Score"},
    {"type": "date-picker", "inputType": "date", "elementId": "elementeeeeee", "title": "When"},
]  # fmt: skip


def form(mailmodo: Account, **changes: Any) -> dict[str, Any]:
    step = {"stepId": "step7tr7n2", "buttonText": "Send it", "btnRequired": True, "elements": ELEMENTS}
    return {"formId": mailmodo.form_id, "steps": [step, {"stepId": "success"}], **changes}


async def submit(mailmodo: Account, mail_id: str, **answers: str) -> int:
    fields = {"ref": mail_id, "element6ehxt3": "Asha", **answers}
    return (await mailmodo.post(mailmodo.url(f"/api/v1/f/{mailmodo.form_id}"), data=fields)).status


class TestForms:
    async def test_the_mail_shows_the_form_that_came_along(self) -> None:
        async with open_account() as mailmodo:
            mail = await mailmodo.mail(forms=[form(mailmodo)])

            assert mail.amp is not None
            for shown in (
                '<input type="text" name="element6ehxt3" placeholder="Your name" required>',
                '<input type="radio" name="elementaaaaaa" value="S">',
                '<input type="text" name="elementaaaaaa">',
                '<input type="checkbox" name="elementbbbbbb" value="Tue">',
                '<input type="radio" name="elementcccccc" value="3">',
                '<input type="radio" name="elementdddddd" value="10">',
                '<input type="date" name="elementeeeeee">',
                '<input type="submit" value="Send it">',
            ):
                assert shown in mail.amp, shown
            assert 'value="4"> 4' not in mail.amp.partition("Stars")[2].partition("</fieldset>")[0]
            mailmodo.recorder.check()

    async def test_other_mails_keep_the_templates_form(self) -> None:
        async with open_account() as mailmodo:
            await mailmodo.mail(forms=[form(mailmodo)])
            mail = await mailmodo.mail("ravi@example.com")

            assert mail.amp is not None
            assert "element6ehxt3" not in mail.amp
            assert mailmodo.element("score") in mail.amp

    async def test_answers_come_back_under_its_titles(self) -> None:
        async with open_account() as mailmodo:
            mail = await mailmodo.mail(forms=[form(mailmodo)])

            status = await submit(mailmodo, mail.id, elementaaaaaa="XL", elementeeeeee="2026-03-08")

            (fact,) = mailmodo.recorder.facts_of("form_submitted")
            assert status == 200
            assert fact.details["answers"] == {"Name": "Asha", "Size": "XL", "When": "2026-03-08"}
            page = await mailmodo.get(mailmodo.url(f"/f/{mail.id}/{mailmodo.form_id}"))
            assert "element6ehxt3" in await page.text()

    @pytest.mark.parametrize(
        "answers",
        [
            {"element6ehxt3": ""},
            {"elementbbbbbb": "Sun"},
            {"elementcccccc": "4"},
            {"elementeeeeee": "8 March"},
        ],
    )
    async def test_answers_that_do_not_fit_are_refused(self, answers: dict[str, str]) -> None:
        async with open_account() as mailmodo:
            mail = await mailmodo.mail(forms=[form(mailmodo)])

            assert await submit(mailmodo, mail.id, **answers) == 400

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"formId": "formzzzzzz"}, 'forms[0].formId" is not a form of the template'),
            ({"steps": []}, 'forms[0].steps" must end with the step "success"'),
            ({"steps": [{"stepId": "success"}]}, 'forms[0].steps" must contain a step before "success"'),
            ({"steps": [{"stepId": "s", "elements": []}, {"stepId": "success"}]},
             'forms[0].steps[0].elements" must contain at least 1 items'),
            ({"steps": [{"stepId": "s", "elements": [{"type": "slider"}]}, {"stepId": "success"}]},
             'forms[0].steps[0].elements[0].type" must be one of [single-line, single-select, multi-select, rating, nps, date-picker]'),
            ({"steps": [{"stepId": "s", "elements": [ELEMENTS[0], ELEMENTS[0]]}, {"stepId": "success"}]},
             'forms[0].steps" has an elementId twice'),
            ({"steps": [{"stepId": "s", "elements": [{**ELEMENTS[0], "elementId": 'element"x'}]}, {"stepId": "success"}]},
             'forms[0].steps[0].elements[0].elementId" must look like element6ehxt3'),
            ({"steps": [{"stepId": "s", "elements": [{**ELEMENTS[1], "choices": []}]}, {"stepId": "success"}]},
             'forms[0].steps[0].elements[0].choices" must be an array of strings'),
            ({"steps": [{"stepId": "s", "elements": [{**ELEMENTS[3], "maxRating": 99}]}, {"stepId": "success"}]},
             'forms[0].steps[0].elements[0].maxRating" must be a number from 1 to 10'),
        ],
    )  # fmt: skip
    async def test_a_form_that_cannot_be_shown_is_refused_in_the_triggers_envelope(
        self, changes: dict[str, Any], message: str
    ) -> None:
        async with open_account() as mailmodo:
            body = {"email": "asha@example.com", "forms": [form(mailmodo, **changes)]}

            outcome = await mailmodo.call("POST", f"/api/v1/triggerCampaign/{mailmodo.survey.id}", body)

            assert outcome == (400, {"Status": "400", "message": message, "errors": []})
            assert mailmodo.fake.state.contacts == {}
            mailmodo.recorder.check(sent=False)

    @pytest.mark.parametrize(
        ("title", "said"), [("Thanks, it helps.", "Thanks, it helps."), (None, "Thank you!")]
    )
    async def test_the_last_step_says_what_its_element_is_called(self, title: str | None, said: str) -> None:
        async with open_account() as mailmodo:
            element = {"type": "success", "elementId": "element000000", "title": title}
            steps = [
                {"stepId": "step7tr7n2", "elements": ELEMENTS[:1]},
                {"stepId": "success", "elements": [element]},
            ]
            mail = await mailmodo.mail(forms=[{"formId": mailmodo.form_id, "steps": steps}])
            fields = {"ref": mail.id, ELEMENTS[0]["elementId"]: "9"}

            inside = await mailmodo.post(mailmodo.url(f"/api/v1/f/{mailmodo.form_id}"), data=fields)
            page = await mailmodo.post(mailmodo.url(f"/f/{mail.id}/{mailmodo.form_id}"), data=fields)

            assert (await inside.json())["message"].startswith(said)
            assert said in await page.text()

    @pytest.mark.parametrize(
        ("elements", "message"),
        [
            (5, 'forms[0].steps[1].elements" must be an array of objects'),
            ([{"title": 5}], 'forms[0].steps[1].elements[0].title" must be a string'),
        ],
    )
    async def test_a_last_step_that_cannot_be_shown_is_refused(self, elements: Any, message: str) -> None:
        async with open_account() as mailmodo:
            steps = [
                {"stepId": "step7tr7n2", "elements": ELEMENTS[:1]},
                {"stepId": "success", "elements": elements},
            ]
            body = {"email": "asha@example.com", "forms": [{"formId": mailmodo.form_id, "steps": steps}]}

            status, answer = await mailmodo.call(
                "POST", f"/api/v1/triggerCampaign/{mailmodo.survey.id}", body
            )

            assert (status, answer["message"]) == (400, message)


class TestBlocks:
    async def trigger(self, mailmodo: Account, **fields: Any) -> tuple[int, Any]:
        template = replace(
            NEWS,
            name="Shop",
            email_type="AMP",
            blocks=(Block("product", "<b>${title}</b> for ${first_name}"),),
        )
        stored = mailmodo.fake.state.add_template(template)
        campaign = mailmodo.fake.state.add_campaign(name="shop", template="Shop", subject="Shop")
        (block_id,) = stored.blocks
        if "rows" in fields:
            fields["blocks"] = [{"blockId": block_id, "data": fields.pop("rows")}]
        body = {"email": "asha@example.com", "data": {"first_name": "Asha"}, **fields}
        outcome = await mailmodo.call("POST", f"/api/v1/triggerCampaign/{campaign.id}", body)
        await mailmodo.settle()
        return outcome

    async def test_a_block_stands_once_for_each_row(self) -> None:
        async with open_account() as mailmodo:
            await self.trigger(mailmodo, rows=[{"title": "Pen & ink"}, {"title": "${first_name}"}])

            (mail,) = mailmodo.mails
            for part in (mail.html, mail.amp or ""):
                assert (
                    "<div><b>Pen &amp; ink</b> for Asha</div>\n<div><b>${first_name}</b> for Asha</div>"
                    in part
                )
            mailmodo.recorder.check()

    async def test_without_rows_it_is_left_out(self) -> None:
        async with open_account() as mailmodo:
            await self.trigger(mailmodo)

            assert "<b>" not in mailmodo.mails[0].html

    @pytest.mark.parametrize(
        ("blocks", "message"),
        [
            ([{"blockId": "blockzzzzzz", "data": []}], 'blocks[0].blockId" is not a block of the template'),
            ([{"data": []}], 'blocks[0].blockId" is required'),
            (["x"], 'blocks" must be an array of objects'),
        ],
    )
    async def test_a_block_that_cannot_be_filled_is_refused(self, blocks: Any, message: str) -> None:
        async with open_account() as mailmodo:
            status, answer = await self.trigger(mailmodo, blocks=blocks)

            assert (status, answer["message"]) == (400, message)
            assert mailmodo.mails == []
