"""What a mail looks like to the people and mail clients who read it."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from fakes.mailmodo import Template
from tests.fakes.mailmodo.account import open_account


class Page(HTMLParser):
    """Every start tag with its attributes, and the text of links."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.links: dict[str, str] = {}
        self._href = ""
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._href = dict(attrs).get("href") or "" if tag == "a" else ""

    def handle_data(self, data: str) -> None:
        if self._href:
            self.links[data] = self._href
            self._href = ""

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


async def test_html_part_greets_links_and_ends_with_the_pixel() -> None:
    async with open_account() as mailmodo:
        mail = await mailmodo.mail(data={"first_name": "Asha"})
        base = mailmodo.url("")

        page = Page(mail.html)

        assert "<p>Hello Asha,</p>" in mail.html
        assert list(page.links) == ["Read more", "Your plan", "Answer in your browser", "Unsubscribe"]
        link_id = next(iter(mailmodo.survey.template.links))
        assert page.links["Read more"] == f"{base}/l/{mail.id}/{link_id}?part=html"
        assert page.links["Answer in your browser"] == f"{base}/f/{mail.id}/{mailmodo.form_id}"
        assert page.links["Unsubscribe"] == f"{base}/u/{mail.id}"
        assert page.tags[-1] == (
            "img",
            {"src": f"{base}/o/{mail.id}.gif?part=html", "width": "1", "height": "1", "alt": ""},
        )


async def test_greeting_without_a_first_name_names_nobody() -> None:
    async with open_account() as mailmodo:
        mail = await mailmodo.mail()

        assert "<p>Hello,</p>" in mail.html


async def test_amp_part_is_what_amp4email_asks_for() -> None:
    async with open_account() as mailmodo:
        mail = await mailmodo.mail()
        assert mail.amp is not None

        page = Page(mail.amp)

        assert mail.amp.startswith(
            '<!doctype html>\n<html ⚡4email data-css-strict>\n<head>\n<meta charset="utf-8">'
        )
        assert "<style amp4email-boilerplate>body{visibility:hidden}</style>" in mail.amp
        scripts = {
            script.get("custom-element") or script.get("custom-template"): script
            for script in page.named("script")
        }
        assert scripts[None]["src"] == "https://cdn.ampproject.org/v0.js"
        assert scripts["amp-form"]["src"] == "https://cdn.ampproject.org/v0/amp-form-0.1.js"
        assert scripts["amp-mustache"]["src"] == "https://cdn.ampproject.org/v0/amp-mustache-0.2.js"
        assert page.named("form") == [
            {"method": "post", "action-xhr": mailmodo.url(f"/api/v1/f/{mailmodo.form_id}")}
        ]
        assert '<div submit-success><template type="amp-mustache">' in mail.amp
        assert '<div submit-error><template type="amp-mustache">' in mail.amp
        assert page.named("img") == []
        [pixel] = page.named("amp-img")
        assert pixel == {
            "src": mailmodo.url(f"/o/{mail.id}.gif?part=amp"),
            "width": "1",
            "height": "1",
            "alt": "",
        }
        assert page.links["Read more"].endswith("?part=amp")


async def test_amp_form_has_a_field_per_element_and_says_whose_it_is() -> None:
    async with open_account() as mailmodo:
        mail = await mailmodo.mail()

        inputs = Page(mail.amp or "").named("input")

        hidden = {field["name"]: field["value"] for field in inputs if field["type"] == "hidden"}
        assert hidden["ref"] == mail.id
        assert hidden["recipientEmail"] == "asha@example.com"
        assert hidden["formId"] == mailmodo.form_id
        assert (hidden["next-step-id"], hidden["total-steps"]) == ("success", "1")
        score = [field for field in inputs if field.get("name") == mailmodo.element("score")]
        assert [field["value"] for field in score] == [str(number) for number in range(11)]
        assert {field["type"] for field in score} == {"radio"}
        assert all("required" in field for field in score)
        assert [field["type"] for field in inputs if field.get("name") == mailmodo.element("why")] == ["text"]
        days = [field for field in inputs if field.get("name") == mailmodo.element("days")]
        assert {field["type"] for field in days} == {"checkbox"}
        stars = [field["value"] for field in inputs if field.get("name") == mailmodo.element("stars")]
        assert stars == ["1", "2", "3", "4", "5"]


async def test_html_template_has_no_amp_part_and_no_form() -> None:
    async with open_account() as mailmodo:
        await mailmodo.call(
            "POST", f"/api/v1/triggerCampaign/{mailmodo.news.id}", {"email": "asha@example.com"}
        )
        await mailmodo.settle()

        [mail] = mailmodo.mails
        assert mail.amp is None
        assert list(Page(mail.html).links) == ["Read on", "Unsubscribe"]


async def test_amp_template_without_a_form_loads_no_form_script() -> None:
    async with open_account() as mailmodo:
        mailmodo.fake.state.add_template(Template(name="Plain AMP", email_type="AMP"))
        plain = mailmodo.fake.state.add_campaign(name="plain", template="Plain AMP", subject="Plain")

        await mailmodo.call("POST", f"/api/v1/triggerCampaign/{plain.id}", {"email": "asha@example.com"})
        await mailmodo.settle()

        amp = mailmodo.mails[0].amp or ""
        assert "amp-form" not in amp
        assert "<form" not in amp
        assert "<amp-img" in amp


async def test_values_are_escaped_in_html_and_left_alone_in_the_subject() -> None:
    async with open_account() as mailmodo:
        mail = await mailmodo.mail(data={"first_name": '<b>"A" & B</b>'})

        assert mail.subject == 'How are we doing, <b>"A" & B</b>?'
        for part in (mail.html, mail.amp or ""):
            assert "<b>" not in part
            assert "&lt;b&gt;&quot;A&quot; &amp; B&lt;/b&gt;" in part


async def test_value_that_looks_like_a_variable_is_not_filled_in_again() -> None:
    async with open_account() as mailmodo:
        mail = await mailmodo.mail(data={"first_name": "${plan}", "plan": "Gold"})

        assert "You are on Gold, ${plan}." in mail.html


async def test_half_a_surrogate_pair_can_still_be_sent_as_mail() -> None:
    async with open_account() as mailmodo:
        raw = b'{"email": "asha@example.com", "data": {"first_name": "\\ud83d"}}'

        response = await mailmodo.post(
            mailmodo.fake.trigger_url(mailmodo.survey), data=raw, headers={"Content-Type": "application/json"}
        )
        await mailmodo.settle()

        assert response.status == 200
        assert "Hello \N{REPLACEMENT CHARACTER}," in mailmodo.mails[0].html
        mailmodo.mails[0].html.encode()
        mailmodo.recorder.check(sent=False)


async def test_headers_carry_one_click_unsubscribe_and_where_to_complain() -> None:
    async with open_account() as mailmodo:
        mail = await mailmodo.mail()

        assert mail.headers == {
            "From": '"Brand" <hello@brand.example>',
            "List-Unsubscribe": f"<{mailmodo.url('')}/u/{mail.id}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "X-Complaint-URL": f"{mailmodo.url('')}/c/{mail.id}",
        }
        assert mail.sender == "hello@brand.example"


async def test_ids_have_the_documented_shapes() -> None:
    async with open_account() as mailmodo:
        form = mailmodo.survey.template.form
        assert form is not None

        assert re.fullmatch("form[0-9a-z]{6}", form.id)
        assert re.fullmatch("step[0-9a-z]{6}", form.steps[0].id)
        assert all(re.fullmatch("element[0-9a-z]{6}", element.id) for element in form.elements)
        assert re.fullmatch("[A-Za-z0-9]{10}", mailmodo.survey.token)
        assert re.fullmatch("[A-Z0-9]{7}(-[A-Z0-9]{7}){3}", mailmodo.fake.settings.api_key)


async def test_equal_seeds_write_equal_mails() -> None:
    written = []
    for _ in range(2):
        async with open_account() as mailmodo:
            written.append(await mailmodo.mail(data={"first_name": "Asha"}))

    assert (written[0].html, written[0].amp, written[0].headers) == (
        written[1].html,
        written[1].amp,
        written[1].headers,
    )


async def test_unknown_template_is_named_with_those_that_are_there() -> None:
    async with open_account() as mailmodo:
        with pytest.raises(Exception, match="no template 'NSP'; the account has 'NPS Survey', 'News'"):
            mailmodo.fake.state.add_campaign(name="x", template="NSP", subject="x")
