"""The AMP part of every mail keeps the AMP project's own rules for AMP4EMAIL."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.mailmodo import Block, Form, Link, Question, Template
from fakes.mailmodo.templates import QuestionKind
from simulator.loop import VirtualLoop, run
from tests.fakes.mailmodo.account import open_account
from tests.fakes.mailmodo.test_dynamic import ELEMENTS
from tests.support.amp4email import amp_violations

if TYPE_CHECKING:
    from tests.fakes.mailmodo.account import Account

BASE = "https://api.mailmodo.com"
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=30)


async def amp_of(mailmodo: Account, template: Template, **fields: object) -> str:
    """Send a mail of a template and give its AMP part, with https as in production; AMP allows nothing else."""
    mailmodo.fake.state.add_template(template)
    campaign = mailmodo.fake.state.add_campaign(name=template.name, template=template.name, subject="Hello")
    path = f"/api/v1/triggerCampaign/{campaign.id}"
    status, answer = await mailmodo.call("POST", path, {"email": "asha@example.com", **fields})
    assert status == 200, answer
    await mailmodo.settle()
    amp = mailmodo.mails[-1].amp
    assert amp is not None
    return amp.replace(mailmodo.url(""), BASE)


async def survey(mailmodo: Account) -> str:
    mail = await mailmodo.mail(data={"first_name": "Asha", "plan": "Pro"})
    return (mail.amp or "").replace(mailmodo.url(""), BASE)


async def test_survey_is_valid_amp4email() -> None:
    async with open_account() as mailmodo:
        assert amp_violations(await survey(mailmodo)) == []


async def test_amp_mail_without_a_form_is_valid_amp4email() -> None:
    async with open_account() as mailmodo:
        assert amp_violations(await amp_of(mailmodo, Template(name="Plain", email_type="AMP"))) == []


async def test_a_form_of_several_steps_and_links_in_a_body_are_valid_amp4email() -> None:
    further = ({"colour": Question(kind="choice", choices=("red", "blue"))}, {"day": Question(kind="date")})
    template = Template(
        name="Long",
        email_type="AMP",
        form=Form("long", {"why": Question()}, further=further),
        body='<p>See <a href="https://brand.example/a?b=1&amp;c=${plan}">the <b>offer</b></a>.</p>',
    )
    async with open_account() as mailmodo:
        amp = await amp_of(mailmodo, template, data={"plan": "a&b"})

    assert amp.count("<form") == 3
    assert amp.count("/l/") == 1
    assert amp_violations(amp) == []


async def test_form_and_rows_that_come_with_a_trigger_are_valid_amp4email() -> None:
    template = Template(
        name="Order",
        email_type="AMP",
        form=Form("any", {"why": Question()}),
        blocks=(Block("items", "<p>${item} costs ${price}</p>"),),
    )
    async with open_account() as mailmodo:
        stored = mailmodo.fake.state.add_template(template)
        assert stored.form is not None
        steps = [{"stepId": "step7tr7n2", "buttonText": "Go", "elements": ELEMENTS}, {"stepId": "success"}]
        block = {"blockId": next(iter(stored.blocks)), "data": [{"item": "Tea & <Cake>", "price": "3"}, {}]}
        campaign = mailmodo.fake.state.add_campaign(name="order", template=stored, subject="Order")
        body = {
            "email": "asha@example.com",
            "forms": [{"formId": stored.form.id, "steps": steps}],
            "blocks": [block],
        }
        status, answer = await mailmodo.call("POST", f"/api/v1/triggerCampaign/{campaign.id}", body)
        assert status == 200, answer
        await mailmodo.settle()
        amp = (mailmodo.mails[-1].amp or "").replace(mailmodo.url(""), BASE)

    assert amp.count("costs") == 2
    assert "element6ehxt3" in amp
    assert amp_violations(amp) == []


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(
    question=st.builds(
        Question,
        kind=st.sampled_from(get_args(QuestionKind)),
        is_required=st.booleans(),
        choices=st.lists(TEXTS, min_size=1, max_size=4).map(tuple),
    ),
    title=TEXTS.filter(str.strip),
    value=TEXTS,
)
def test_no_question_and_no_value_makes_a_mail_invalid(question: Question, title: str, value: str) -> None:
    template = Template(
        name="Any",
        email_type="AMP",
        form=Form("any", {title: question}),
        links=(Link(title, "https://brand.example/?q=${value}"),),
        body="<p>${value} and ${first_name}</p>",
    )

    async def write() -> str:
        async with open_account() as mailmodo:
            return await amp_of(
                mailmodo, template, data={"first_name": value}, campaign_data={"value": value}
            )

    assert amp_violations(run(write(), loop_factory=VirtualLoop)) == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("<!doctype html>", "", "html doctype is missing"),
        ("<html ⚡4email", "<html", "<HTML> must be marked as ⚡4email"),
        ('<meta charset="utf-8">', "", "meta charset=utf-8 is missing"),
        (
            '<script async src="https://cdn.ampproject.org/v0.js"></script>',
            "",
            "amphtml engine v0.js script is missing",
        ),
        ("body{visibility:hidden}", "body{display:none}", "head > style[amp4email-boilerplate] is missing"),
        ("fieldset{border:0", "fieldset{border:0!important", "must not contain !\\s*important"),
        ("body{font-family", "@import url(x);body{font-family", "must not contain @import"),
        ("<amp-img", '<img src="https://x.example/a.gif"><amp-img', "<IMG> is not allowed"),
        ('width="1" height="1"', "", "may not have the layout CONTAINER"),
        ('method="post"', 'method="post" action="https://x.example"', "may not have 'action'"),
        (f'action-xhr="{BASE}', 'action-xhr="http://x.example', "may not have action-xhr='http://x.example"),
        (
            '<script async custom-element="amp-form" src="https://cdn.ampproject.org/v0/amp-form-0.1.js"></script>',
            "",
            "needs the extension amp-form",
        ),
        (
            "<style amp4email",
            '<script async custom-element="amp-list" src="https://cdn.ampproject.org/v0/amp-list-0.1.js"></script>\n<style amp4email',
            "the extension amp-list is loaded and not used",
        ),
        ("<body>", "<body><script>alert(1)</script>", "script type=application/ld+json"),
        ("<body>", '<body><p onclick="x()">a</p>', "may not have 'onclick'"),
        ("<body>", '<body><a href="javascript:x()">a</a>', "may not have href='javascript:x()'"),
        ("<body>", '<body><p style="position:fixed;zoom:2">a</p>', "may not have style="),
        ("<body>", '<body><iframe src="https://x.example"></iframe>', "<IFRAME> is not allowed"),
        ("<body>", "<body></p>", "</p> closes nothing that is open there"),
        ("<body>", "<body><div>", "</body> closes nothing that is open there"),
        ('type="text"', 'type="password"', "may not have type='password'"),
        (
            "<p>{{message}}",
            '<template type="amp-mustache"></template><p>{{message}}',
            "must not stand below TEMPLATE",
        ),
    ],
)
async def test_the_judge_of_amp_sees_what_is_wrong(old: str, new: str, problem: str) -> None:
    """A validator that finds nothing proves nothing; each of these must be found."""
    async with open_account() as mailmodo:
        amp = await survey(mailmodo)
    assert old in amp

    found = amp_violations(amp.replace(old, new, 1))

    assert [text for text in found if problem in text], found
