from __future__ import annotations

import asyncio
import re

import pytest

from tests.fakes.mailjet.account import HTML, account, links, pixel

TRACK = "https://xkw6j.mjt.lu"


async def test_mail_is_tracked_as_the_vendor_does():
    async with account() as mailjet:
        await mailjet.send_one(ReplyTo={"Email": "help@example.com"}, Headers={"X-Shop": "1"})

        [mail] = mailjet.mails
        link, unsubscribe = links(mail)
        assert re.fullmatch(rf"{TRACK}/oo/[\w-]+/[0-9a-f]{{8}}/e\.gif", pixel(mail))
        assert re.fullmatch(
            rf"{TRACK}/lnk/[\w-]+/1/[\w-]{{22}}/aHR0cHM6Ly9zaG9wLmV4YW1wbGUuY29tLz9hPTE", link
        )
        assert mail.html.index("Unsubscribe") < mail.html.index("<img") < mail.html.index("</body>")
        assert mail.html.endswith('border="0"></body></html>')
        assert mail.headers["List-Unsubscribe"] == f"<{unsubscribe}>"
        assert (mail.headers["From"], mail.headers["Reply-To"], mail.headers["X-Shop"]) == (
            "Shop <shop@example.com>",
            "help@example.com",
            "1",
        )
        mailjet.stage.recorder.check()


async def test_pixel_answers_a_gif_and_every_fetch_is_an_open():
    async with account() as mailjet:
        message_id = await mailjet.send_one()
        [mail] = mailjet.mails

        answers = [await mailjet.visit(pixel(mail)) for _ in range(2)]

        assert {answer.headers["Content-Type"] for answer in answers} == {"image/gif"}
        assert answers[0].text.startswith("GIF89a")
        opens = mailjet.stage.recorder.facts_of("open")
        assert [fact.subject for fact in opens] == ["ada@example.org"] * 2
        assert opens[0].details["MessageID"] == message_id
        assert mailjet.fake.state.messages[message_id].status == "opened"
        mailjet.stage.recorder.check()


async def test_link_redirects_to_its_own_url():
    async with account() as mailjet:
        message_id = await mailjet.send_one(URLTags="utm_source=mail&x=1")
        [mail] = mailjet.mails

        answer = await mailjet.visit(links(mail)[0])

        assert (answer.status, answer.headers["Location"]) == (
            302,
            "https://shop.example.com/?a=1&utm_source=mail&x=1",
        )
        [fact] = mailjet.stage.recorder.facts_of("click")
        assert fact.details["url"] == "https://shop.example.com/?a=1&utm_source=mail&x=1"
        assert mailjet.fake.state.messages[message_id].status == "clicked"
        mailjet.stage.recorder.check()


async def test_unsubscribe_page_unsubscribes_once_and_other_mail_goes_on():
    async with account() as mailjet:
        await mailjet.send_one()
        unsubscribe = links(mailjet.mails[0])[-1]

        page = await mailjet.visit(unsubscribe)
        await mailjet.visit(unsubscribe)
        await mailjet.send_one()

        assert (page.status, "unsubscribed" in page.text) == (200, True)
        assert len(mailjet.stage.recorder.facts_of("unsub")) == 1
        assert mailjet.stage.recorder.facts_of("click") == []
        assert len(mailjet.mails) == 2
        contact = await mailjet.call("GET", "/v3/REST/contact/ada@example.org")
        assert contact.data[0]["UnsubscribedAt"] == "2026-03-02T03:30:00Z"
        mailjet.stage.recorder.check()


async def test_one_click_unsubscribe_names_the_header_as_agent():
    async with account() as mailjet:
        await mailjet.send_one()
        url = mailjet.mails[0].headers["List-Unsubscribe"].strip("<>")

        await mailjet.visit(url, "POST")

        [fact] = mailjet.stage.recorder.facts_of("unsub")
        assert fact.details["agent"] == "List-Unsubscribe"
        mailjet.stage.recorder.check()


@pytest.mark.parametrize(
    ("account_setting", "asked", "is_tracked"),
    [
        (True, None, True),
        (True, "account_default", True),
        (True, "disabled", False),
        (False, None, False),
        (False, "enabled", True),
    ],
)
async def test_messages_setting_beats_the_accounts(
    *, account_setting: bool, asked: str | None, is_tracked: bool
):
    async with account(track_opens=account_setting, track_clicks=account_setting) as mailjet:
        message_id = await mailjet.send_one(TrackOpens=asked, TrackClicks=asked)

        [mail] = mailjet.mails
        assert ("/oo/" in mail.html, "/lnk/" in mail.html) == (is_tracked, is_tracked)
        message = mailjet.fake.state.messages[message_id]
        assert (message.tracks_opens, message.tracks_clicks) == (is_tracked, is_tracked)
        mailjet.stage.recorder.check()


async def test_text_mail_is_not_tracked_even_if_asked():
    async with account() as mailjet:
        message_id = await mailjet.send_one(HTMLPart=None, TextPart="Hello", TrackOpens="enabled")

        [mail] = mailjet.mails
        assert (mail.html, mail.text) == ("", "Hello")
        assert mailjet.fake.state.messages[message_id].tracks_opens is False
        mailjet.stage.recorder.check()


async def test_mail_that_places_its_unsubscribe_link_gets_no_second_one():
    async with account() as mailjet:
        await mailjet.send_one(HTMLPart='<a href="[[UNSUB_LINK_EN]]">Leave</a>')

        assert len(links(mailjet.mails[0])) == 1
        await mailjet.visit(links(mailjet.mails[0])[0])
        assert len(mailjet.stage.recorder.facts_of("unsub")) == 1
        mailjet.stage.recorder.check()


async def test_account_may_leave_the_unsubscribe_link_to_the_sender():
    async with account(adds_unsubscribe_link=False) as mailjet:
        await mailjet.send_one(HTMLPart=HTML)

        assert "Unsubscribe" not in mailjet.mails[0].html
        mailjet.stage.recorder.check()


async def test_forged_urls_do_nothing():
    async with account() as mailjet:
        await mailjet.send_one()
        token = links(mailjet.mails[0])[-1].rpartition("/")[2]
        target = "aHR0cHM6Ly9ldmlsLnRlc3Qv"
        forged = [
            f"{TRACK}/oo/{token}/00000000/e.gif",
            f"{TRACK}/oo/nobody/00000000/e.gif",
            f"{TRACK}/lnk/{token}/1/{'A' * 22}/{target}",
            f"{TRACK}/lnk/{token}/1/{'A' * 22}/%FF",
            f"{TRACK}/unsub/nobody",
        ]

        answers = [await mailjet.visit(url) for url in forged]

        assert [answer.status for answer in answers] == [404] * len(forged)
        assert (await mailjet.visit(f"{TRACK}/complaint/nobody", "POST")).status == 404
        assert not mailjet.stage.recorder.facts_of("open", "click", "unsub", "spam")
        mailjet.stage.recorder.check(sent=False)


async def test_facts_carry_what_the_webhook_says():
    async with account() as mailjet:
        for event in ("sent", "open"):
            await mailjet.hook(event)
        await mailjet.send_one(To=[{"Email": "Ada@Example.org"}])
        await mailjet.visit(pixel(mailjet.mails[0]))
        await asyncio.sleep(1)

        facts = mailjet.stage.recorder.facts_of("sent", "open")
        assert [dict(fact.details) for fact in facts] == mailjet.events()
        assert {fact.subject for fact in facts} == {"ada@example.org"}
        assert [int(fact.at.timestamp()) for fact in facts] == [event["time"] for event in mailjet.events()]
        mailjet.stage.recorder.check()
