"""What people do with a mail, and what the account makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aiohttp import FormData

from fakes.mailmodo import Link, Template
from simulator.mail_client import read_html
from tests.fakes.mailmodo.account import open_account

if TYPE_CHECKING:
    from tests.fakes.mailmodo.account import Account

SENDER = "hello@brand.example"


def amp_fields(mailmodo: Account, ref: str, **answers: str) -> dict[str, str]:
    return {"ref": ref, **{mailmodo.element(question): answer for question, answer in answers.items()}}


@pytest.mark.proves("mailmodo", "openPixel")
@pytest.mark.answers("mailmodo", 24)
async def test_every_fetch_of_the_pixel_is_an_open_of_its_part() -> None:
    async with open_account() as mailmodo:
        mail = await mailmodo.mail()

        for part in ("amp", "html", "html"):
            response = await mailmodo.get(mailmodo.url(f"/o/{mail.id}.gif?part={part}"))
            assert (response.status, response.content_type) == (200, "image/gif")
            assert (await response.text("latin-1")).startswith("GIF89a")

        report = await mailmodo.report()
        assert (report["opens"], report["ampOpens"], report["htmlOpens"]) == (3, 1, 2)
        opened = mailmodo.recorder.facts_of("email_opened")
        assert [fact.details["apple_privacy_open"] for fact in opened] == [False] * 3
        assert len({fact.details["activity_id"] for fact in opened}) == 3
        mailmodo.recorder.check()


@pytest.mark.parametrize(
    ("agent", "is_private"), [("Mozilla/5.0", True), ("Mozilla/5.0 (Windows NT 10.0)", False)]
)
async def test_open_through_apples_proxy_is_flagged(agent: str, *, is_private: bool) -> None:
    async with open_account() as mailmodo:
        mail = await mailmodo.mail()

        await mailmodo.get(mailmodo.url(f"/o/{mail.id}.gif?part=html"), **{"User-Agent": agent})

        [opened] = mailmodo.recorder.facts_of("email_opened")
        assert opened.details["apple_privacy_open"] is is_private
        mailmodo.recorder.check()


async def test_unknown_pixel_is_a_pixel_and_no_open() -> None:
    async with open_account() as mailmodo:
        response = await mailmodo.get(mailmodo.url("/o/7b2ba29e-1ea4-4b26-a5a1-3e9ef3cc11c4.gif"))

        assert response.status == 200
        assert mailmodo.recorder.facts == []
        mailmodo.recorder.check()


@pytest.mark.proves("mailmodo", "followLink")
@pytest.mark.answers("mailmodo", 24)
async def test_click_redirects_and_is_just_a_click() -> None:
    async with open_account() as mailmodo:
        mail = await mailmodo.mail(data={"plan": "Gold & more"})
        more, plan = mailmodo.survey.template.links

        first = await mailmodo.get(mailmodo.url(f"/l/{mail.id}/{more}?part=html"))
        second = await mailmodo.get(mailmodo.url(f"/l/{mail.id}/{plan}?part=amp"))

        assert (first.status, first.headers["Location"]) == (302, "https://brand.example/more")
        assert second.headers["Location"] == "https://brand.example/plan?p=Gold%20%26%20more"
        clicked = mailmodo.recorder.facts_of("link_clicked")
        assert [(fact.details["link_id"], fact.details["link_url"]) for fact in clicked] == [
            (more, "https://brand.example/more"),
            (plan, "https://brand.example/plan?p=Gold%20%26%20more"),
        ]
        report = await mailmodo.report()
        assert (report["clicks"], report["ampClicks"], report["htmlClicks"], report["opens"]) == (2, 1, 1, 0)
        mailmodo.recorder.check()


@pytest.mark.parametrize(
    "path", ["/l/{ref}/linkzzzzzz", "/l/nope/linkzzzzzz", "/u/nope", "/f/{ref}/formzzzzzz"]
)
async def test_link_that_leads_nowhere_is_a_page_that_says_so(path: str) -> None:
    async with open_account() as mailmodo:
        mail = await mailmodo.mail()

        response = await mailmodo.get(mailmodo.url(path.format(ref=mail.id)))

        assert response.status == 404
        assert "not valid any more" in await response.text()
        assert {fact.kind for fact in mailmodo.recorder.facts} <= {
            "contact_stored",
            "campaign_triggered",
            "email_sent",
        }
        mailmodo.recorder.check(sent=False)


@pytest.mark.parametrize(
    "method",
    [
        pytest.param("GET", marks=pytest.mark.proves("mailmodo", "showUnsubscribePage")),
        pytest.param("POST", marks=pytest.mark.proves("mailmodo", "unsubscribeOneClick")),
    ],
)
@pytest.mark.answers("mailmodo", 24)
async def test_unsubscribing_counts_once(method: str) -> None:
    async with open_account() as mailmodo:
        mail = await mailmodo.mail()
        url = mail.headers["List-Unsubscribe"].strip("<>")

        for _ in range(2):
            if method == "GET":
                response = await mailmodo.get(url)
            else:
                response = await mailmodo.post(url, data={"List-Unsubscribe": "One-Click"})
            assert response.status == 200
            assert "asha@example.com will get no more mail" in await response.text()

        [left] = mailmodo.recorder.facts_of("unsubscribed")
        assert (
            left.details["reason"]
            == {"GET": "Clicked the unsubscribe link", "POST": "One-click unsubscribe"}[method]
        )
        assert (await mailmodo.report())["unsubscribed"] == 1
        _, contact = await mailmodo.call("GET", "/api/v1/getContactDetails?email=asha@example.com")
        assert (contact["unsubscribed"], contact["unsubscribeReason"]) == (True, left.details["reason"])
        mailmodo.recorder.check()


@pytest.mark.proves("mailmodo", "complain")
async def test_spam_mark_counts_once_and_blocks_the_contact() -> None:
    async with open_account() as mailmodo:
        mail = await mailmodo.mail()

        statuses = [(await mailmodo.post(mail.headers["X-Complaint-URL"])).status for _ in range(2)]

        assert statuses == [204, 204]
        assert len(mailmodo.recorder.facts_of("marked_as_spam")) == 1
        assert (await mailmodo.report())["complaints"] == 1
        _, contact = await mailmodo.call("GET", "/api/v1/getContactDetails?email=asha@example.com")
        assert (contact["blocked"], contact["blockedReason"]) == (True, "Marked as spam")
        mailmodo.recorder.check()


@pytest.mark.proves("mailmodo", "submitAmpForm")
@pytest.mark.answers("mailmodo", 23)
async def test_amp_form_is_stored_by_question() -> None:
    async with open_account() as mailmodo:
        mail = await mailmodo.mail(clevertap_id="ct-1")
        url = mailmodo.url(f"/api/v1/f/{mailmodo.form_id}")
        data = [*amp_fields(mailmodo, mail.id, score="9", why="Fast", colour="blue & green").items()]
        data += [(mailmodo.element("days"), "Mon"), (mailmodo.element("days"), "Wed")]

        response = await mailmodo.post(url, data=FormData(data), headers={"AMP-Email-Sender": SENDER})

        answer = await response.json()
        assert response.status == 200
        assert answer["success"] is True
        assert answer["responseId"]
        [submitted] = mailmodo.recorder.facts_of("form_submitted")
        assert submitted.subject == "asha@example.com"
        assert submitted.details["answers"] == {
            "score": "9",
            "why": "Fast",
            "colour": "blue & green",
            "days": ["Mon", "Wed"],
        }
        assert submitted.details["submission_type"] == "AMP"
        assert (submitted.details["form_id"], submitted.details["form_name"]) == (mailmodo.form_id, "nps")
        assert submitted.details["clevertap_id"] == "ct-1"
        assert (await mailmodo.report())["submission"] == 1
        mailmodo.recorder.check()


@pytest.mark.answers("mailmodo", 23)
async def test_amp_form_may_come_as_multipart() -> None:
    async with open_account() as mailmodo:
        mail = await mailmodo.mail()
        form = FormData(default_to_multipart=True)
        for name, value in amp_fields(mailmodo, mail.id, score="10", why="Füße").items():
            form.add_field(name, value)

        response = await mailmodo.post(mailmodo.url(f"/api/v1/f/{mailmodo.form_id}"), data=form)

        assert response.status == 200
        [submitted] = mailmodo.recorder.facts_of("form_submitted")
        assert submitted.details["answers"] == {"score": "10", "why": "Füße"}
        mailmodo.recorder.check()


@pytest.mark.proves("mailmodo", "submitAmpForm")
@pytest.mark.answers("mailmodo", 23)
async def test_amp_cors_version_2_names_the_sender() -> None:
    async with open_account() as mailmodo:
        mail = await mailmodo.mail()
        url = mailmodo.url(f"/api/v1/f/{mailmodo.form_id}")
        data = amp_fields(mailmodo, mail.id, score="9")

        allowed = await mailmodo.post(url, data=data, headers={"AMP-Email-Sender": SENDER})
        refused = await mailmodo.post(url, data=data, headers={"AMP-Email-Sender": "other@evil.example"})

        assert allowed.headers["AMP-Email-Allow-Sender"] == SENDER
        assert refused.status == 403
        assert (await refused.json())["success"] is False
        assert len(mailmodo.recorder.facts_of("form_submitted")) == 1
        mailmodo.recorder.check()


@pytest.mark.proves("mailmodo", "submitAmpForm")
@pytest.mark.answers("mailmodo", 23)
async def test_amp_cors_version_1_names_origin_and_sender() -> None:
    async with open_account() as mailmodo:
        mail = await mailmodo.mail()
        url = mailmodo.url(f"/api/v1/f/{mailmodo.form_id}")
        data = amp_fields(mailmodo, mail.id, score="9")
        headers = {"Origin": "https://mail.google.com"}

        allowed = await mailmodo.post(f"{url}?__amp_source_origin={SENDER}", data=data, headers=headers)
        refused = await mailmodo.post(
            f"{url}?__amp_source_origin=other@evil.example", data=data, headers=headers
        )

        assert allowed.headers["Access-Control-Allow-Origin"] == "https://mail.google.com"
        assert allowed.headers["AMP-Access-Control-Allow-Source-Origin"] == SENDER
        assert allowed.headers["Access-Control-Expose-Headers"] == "AMP-Access-Control-Allow-Source-Origin"
        assert refused.status == 403
        mailmodo.recorder.check()


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({}, "Please answer: score"),
        ({"why": "Fast"}, "Please answer: score"),
        ({"score": "11"}, "Please choose a valid answer: score"),
        ({"score": "nine"}, "Please choose a valid answer: score"),
        ({"score": "9", "colour": "mauve"}, "Please choose a valid answer: colour"),
        ({"score": "9", "stars": "6"}, "Please choose a valid answer: stars"),
    ],
)
async def test_wrong_answers_are_refused_with_words_for_the_mail_client(
    answers: dict[str, str], message: str
) -> None:
    async with open_account() as mailmodo:
        mail = await mailmodo.mail()
        url = mailmodo.url(f"/api/v1/f/{mailmodo.form_id}")

        response = await mailmodo.post(
            url, data=amp_fields(mailmodo, mail.id, **answers), headers={"AMP-Email-Sender": SENDER}
        )

        assert (response.status, await response.json()) == (400, {"success": False, "message": message})
        assert response.headers["AMP-Email-Allow-Sender"] == SENDER, "or the client could not show it"
        assert mailmodo.recorder.facts_of("form_submitted") == []
        mailmodo.recorder.check()


async def test_form_of_no_known_mail_is_refused() -> None:
    async with open_account() as mailmodo:
        ref = "7b2ba29e-1ea4-4b26-a5a1-3e9ef3cc11c4"
        url = mailmodo.url(f"/api/v1/f/{mailmodo.form_id}")

        response = await mailmodo.post(url, data=amp_fields(mailmodo, ref, score="9"))

        assert (response.status, await response.json()) == (
            400,
            {"success": False, "message": "Form not found"},
        )
        mailmodo.recorder.check()


@pytest.mark.proves("mailmodo", "showFormPage", "submitWebForm")
async def test_form_page_takes_the_same_answers_and_says_web() -> None:
    async with open_account() as mailmodo:
        mail = await mailmodo.mail()
        url = mailmodo.url(f"/f/{mail.id}/{mailmodo.form_id}")

        page = await mailmodo.get(url)
        refused = await mailmodo.post(url, data=amp_fields(mailmodo, mail.id, score="12"))
        taken = await mailmodo.post(url, data=amp_fields(mailmodo, mail.id, score="7"))

        assert f'<form method="post" action="{url}">' in await page.text()
        assert f'name="{mailmodo.element("score")}"' in await page.text()
        assert refused.status == 400
        assert "Please choose a valid answer: score" in await refused.text()
        assert taken.status == 200
        assert "Your response has been recorded" in await taken.text()
        [submitted] = mailmodo.recorder.facts_of("form_submitted")
        assert (submitted.details["submission_type"], submitted.details["answers"]) == ("WEB", {"score": "7"})
        assert mailmodo.recorder.facts_of("link_clicked", "email_opened") == []
        mailmodo.recorder.check()


BODY = """<p>See <a class='x' href='https://brand.example/a?b=1&amp;c=${plan}'>the <b>offer</b></a>, <a
  target="_blank" href="HTTPS://brand.example/${first_name}">yours</a> and <a href="${link}"><img src="x.png"></a>.
<a href="mailto:a@brand.example">Write</a> <a href="#top">Up</a> <a name="top">here</a>
<abbr href="https://brand.example/no">no</abbr></p>"""


@pytest.mark.parametrize("part", ["html", "amp"])
async def test_links_inside_a_templates_own_body_are_tracked(part: str) -> None:
    async with open_account() as mailmodo:
        stored = mailmodo.fake.state.add_template(
            Template(
                name="Body",
                email_type="AMP",
                body=BODY,
                links=(Link("Below", "https://brand.example/below"),),
            )
        )
        mailmodo.survey = mailmodo.fake.state.add_campaign(name="body", template=stored, subject="Hi")
        data = {"plan": "a&b", "first_name": "Ásha", "link": "https://other.example/x"}
        mail = await mailmodo.mail(data=data)
        shown = mail.html if part == "html" else mail.amp or ""
        read = read_html(shown)
        tracked = [link for link in read.content_links() if "/l/" in link.url]

        assert [link.text for link in tracked] == ["the offer", "yours", "", "Below"]
        assert all(link.url.endswith(f"?part={part}") for link in tracked)
        for untouched in (
            'href="mailto:a@brand.example"',
            'href="#top"',
            '<abbr href="https://brand.example/no">',
        ):
            assert untouched in shown
        leads = [(await mailmodo.get(link.url)).headers["Location"] for link in tracked]
        assert leads == [
            "https://brand.example/a?b=1&c=a%26b",
            "HTTPS://brand.example/%C3%81sha",
            "https://other.example/x",
            "https://brand.example/below",
        ]
        report = await mailmodo.report()
        assert (report["clicks"], report[f"{part}Clicks"]) == (4, 4)
        told = [fact.details["link_id"] for fact in mailmodo.recorder.facts_of("link_clicked")]
        assert told == [*stored.body_links, *stored.links]
        mailmodo.recorder.check()


async def test_a_link_that_is_a_variable_without_a_value_leads_nowhere() -> None:
    async with open_account() as mailmodo:
        stored = mailmodo.fake.state.add_template(Template(name="Body", body='<a href="${link}">Go</a>'))
        mailmodo.survey = mailmodo.fake.state.add_campaign(name="body", template=stored, subject="Hi")
        mail = await mailmodo.mail()
        [link, _leave] = read_html(mail.html).links

        assert (await mailmodo.get(link.url)).status == 404
        assert mailmodo.recorder.facts_of("link_clicked") == []
