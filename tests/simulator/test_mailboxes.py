from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from fakes.kit import ACTOR_HEADER, CAUSE_HEADER, COMPLAINT_HEADER, MailMessage, PhoneMessage
from simulator.journal import Journal
from simulator.loop import VirtualLoop
from simulator.mailboxes import Mailboxes
from simulator.network import VirtualNetwork
from simulator.people import Person
from simulator.phones import Phones
from simulator.quantities import Delay
from simulator.scenario import Deed
from tests.support.fakes import START

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

AMP = """<form action-xhr="https://mm.example/form"><label>score</label>
<input type="radio" name="q1" value="9"></form>
<a href="https://mm.example/l/shop">Shop</a><img src="https://mm.example/o/amp">"""
HTML = """<a href="https://mm.example/l/shop">Shop</a><a href="https://mm.example/l/sale">Big sale</a>
<a href="https://mm.example/page">Answer the survey</a>
<a href="https://mm.example/u">Unsubscribe</a><img src="https://mm.example/o/1"><img src="https://mm.example/o/2">"""
PAGE = """<form action="/form"><label>score</label><input type="radio" name="q1" value="9"></form>"""


def seen_by(person: dict[str, Any], **changes: Any) -> Person:
    settings: dict[str, Any] = {
        "name": "Asha Rao",
        "email": "asha@example.com",
        "phone": "+915550000001",
        "user_id": None,
        "client": "amp",
        "mailbox": "ok",
        "is_named": True,
        "deeds": {habit: Deed(Delay(after, after), *more) for habit, (after, *more) in person.items()},
        "habits": {},
        "properties": {},
        "random": Random(1),
    }
    return Person(**(settings | changes))


def mail(**changes: Any) -> MailMessage:
    settings: dict[str, Any] = {
        "id": "m1",
        "vendor": "mailmodo",
        "sender": "us@example.com",
        "recipient": "Asha@Example.com",
        "subject": "Hello",
        "html": HTML,
        "amp": AMP,
        "headers": {
            COMPLAINT_HEADER: "https://mm.example/spam",
            "List-Unsubscribe": "<https://mm.example/lu>",
        },
        "sent_at": START,
        "cause": "e000001",
    }
    return MailMessage(**(settings | changes))


@dataclass
class Post:
    """Mailboxes, what the vendor saw of the people, and when."""

    mailboxes: Mailboxes
    journal: Journal
    requests: list[tuple[float, str, str, dict[str, str], str]]
    network: VirtualNetwork

    def seen(self) -> list[tuple[float, str, str]]:
        return [(round(at), method, path) for at, method, path, _headers, _body in self.requests]

    def verbs(self) -> list[str]:
        return [step.verb for step in self.journal.steps()]


@asynccontextmanager
async def posted(*people: Person, **settings: Any) -> AsyncIterator[Post]:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    requests: list[tuple[float, str, str, dict[str, str], str]] = []

    def now() -> datetime:
        return START + timedelta(seconds=loop.time())

    async def take(request: web.Request) -> web.Response:
        body = await request.text()
        requests.append((loop.time(), request.method, request.path, dict(request.headers), body))
        if request.path == "/page":
            return web.Response(text=PAGE, content_type="text/html")
        if request.path == "/steps" and "q2" not in body:
            number = 2 if body else 1
            return web.Response(
                text=PAGE.replace("/form", "").replace("q1", f"q{number}"), content_type="text/html"
            )
        if request.path.startswith("/l/"):
            raise web.HTTPFound("https://shop.example/")
        return web.Response(text="ok")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", take)
    network = VirtualNetwork(loop)
    await network.serve(app, ["mm.example"])
    journal = Journal(now)
    mailboxes = Mailboxes(people, journal, **settings)
    try:
        yield Post(mailboxes, journal, requests, network)
    finally:
        await mailboxes.close()
        await network.close()


class TestArrival:
    async def test_mail_is_taken_and_recorded(self) -> None:
        async with posted(seen_by({})) as post:
            reply = await post.mailboxes.deliver(mail())

            (step,) = post.journal.steps("receive mail")
        assert reply.code == 250
        assert (step.actor, step.cause) == ("asha@example.com", "e000001")
        assert (step.details["subject"], step.details["html"], step.details["amp"]) == ("Hello", HTML, AMP)

    @pytest.mark.parametrize(("mailbox", "code"), [("hard", 550), ("soft", 452)])
    async def test_mail_bounces_where_it_cannot_be_taken(self, mailbox: str, code: int) -> None:
        async with posted(seen_by({"open": (1,)}, mailbox=mailbox)) as post:
            reply = await post.mailboxes.deliver(mail())
            await asyncio.sleep(60)

            assert reply.code == code
            assert post.verbs() == []
            assert post.requests == []

    async def test_an_address_nobody_has_is_refused(self) -> None:
        async with posted(seen_by({})) as post:
            reply = await post.mailboxes.deliver(mail(recipient="nobody@example.com"))

        assert (reply.code, reply.is_permanent_failure) == (550, True)

    async def test_an_open_house_takes_mail_for_anybody(self) -> None:
        async with posted(everybody_exists=True) as post:
            reply = await post.mailboxes.deliver(mail(recipient="nobody@example.com"))

            assert reply.is_accepted
            assert [step.actor for step in post.journal.steps("receive mail")] == ["nobody@example.com"]


class TestDeeds:
    async def test_opening_fetches_every_image_of_the_part_that_is_shown(self) -> None:
        async with posted(seen_by({"open": (60,)}, client="html")) as post:
            await post.mailboxes.deliver(mail())
            await asyncio.sleep(120)

            assert post.seen() == [(60, "GET", "/o/1"), (60, "GET", "/o/2")]

    async def test_amp_is_shown_to_those_who_can_see_it(self) -> None:
        async with posted(seen_by({"open": (60,)})) as post:
            await post.mailboxes.deliver(mail())
            await asyncio.sleep(120)

            assert post.seen() == [(60, "GET", "/o/amp")]

    async def test_requests_say_who_acts_and_why_and_with_which_client(self) -> None:
        async with posted(seen_by({"open": (60,)}, client="html")) as post:
            await post.mailboxes.deliver(mail())
            await asyncio.sleep(120)
            (step,) = post.journal.steps("open")
            (receipt,) = post.journal.steps("receive mail")

            headers = post.requests[0][3]
            assert headers[ACTOR_HEADER] == "asha@example.com"
            assert headers[CAUSE_HEADER] == step.id
            assert step.cause == receipt.id
            assert "Thunderbird" in headers["User-Agent"]

    async def test_a_click_opens_first_and_follows_the_link_but_not_the_redirect(self) -> None:
        async with posted(seen_by({"click": (60, "big SALE")}, client="html")) as post:
            await post.mailboxes.deliver(mail())
            await asyncio.sleep(120)

            assert [path for _at, _method, path in post.seen()] == ["/o/1", "/o/2", "/l/sale"]

    @pytest.mark.parametrize(("wanted", "path"), [("", "/l/shop"), ("https://mm.example/l/sale", "/l/sale")])
    async def test_a_link_is_chosen_by_text_or_address_or_is_the_first(self, wanted: str, path: str) -> None:
        async with posted(seen_by({"open": (1,), "click": (60, wanted)}, client="html")) as post:
            await post.mailboxes.deliver(mail())
            await asyncio.sleep(120)

            assert post.seen()[-1] == (60, "GET", path)

    async def test_a_mail_without_links_is_searched_in_vain(self) -> None:
        async with posted(seen_by({"click": (60,)})) as post:
            await post.mailboxes.deliver(mail(amp="<a href='https://mm.example/u'>Unsubscribe</a>"))
            await asyncio.sleep(120)

            assert post.verbs() == ["receive mail", "open", "look for a link in vain"]

    async def test_an_answer_is_posted_from_the_mail_as_a_form(self) -> None:
        async with posted(seen_by({"submit": (60, "", {"score": 9})})) as post:
            await post.mailboxes.deliver(mail())
            await asyncio.sleep(120)

            _at, method, path, headers, body = post.requests[-1]
            assert (method, path, body) == ("POST", "/form", "q1=9")
            assert headers["Content-Type"] == "application/x-www-form-urlencoded"

    async def test_without_amp_the_answer_is_given_on_the_forms_page(self) -> None:
        async with posted(seen_by({"submit": (60,)}, client="html")) as post:
            await post.mailboxes.deliver(mail())
            await asyncio.sleep(120)

            assert [(m, path) for _at, m, path in post.seen()][-2:] == [("GET", "/page"), ("POST", "/form")]
            assert post.verbs()[-2:] == ["open the form's page", "answer"]

    @pytest.mark.parametrize("html", ["<p>no form</p>", "<a href='https://mm.example/x'>Survey</a>"])
    async def test_a_form_that_is_not_there_is_searched_in_vain(self, html: str) -> None:
        async with posted(seen_by({"submit": (60,)}, client="html")) as post:
            await post.mailboxes.deliver(mail(html=html))
            await asyncio.sleep(120)

            assert post.verbs()[-1] == "look for a form in vain"
            assert post.mailboxes.errors == []

    async def test_unsubscribing_follows_the_link_of_the_mail(self) -> None:
        async with posted(seen_by({"unsubscribe": (60,)}, client="html")) as post:
            await post.mailboxes.deliver(mail())
            await asyncio.sleep(120)

            assert post.seen()[-1] == (60, "GET", "/u")

    async def test_unsubscribing_from_a_mail_without_link_uses_its_header(self) -> None:
        async with posted(seen_by({"unsubscribe": (60,)})) as post:
            await post.mailboxes.deliver(mail())
            await asyncio.sleep(120)

            assert post.seen()[-1] == (60, "GET", "/lu")

    async def test_marking_as_spam_tells_the_vendor_without_opening(self) -> None:
        async with posted(seen_by({"mark_as_spam": (60,)})) as post:
            await post.mailboxes.deliver(mail())
            await asyncio.sleep(120)

            assert post.seen() == [(60, "POST", "/spam")]

    async def test_a_second_look_loads_no_images_again(self) -> None:
        async with posted(
            seen_by({"open": (60,), "click": (90,), "unsubscribe": (120,)}, client="html")
        ) as post:
            await post.mailboxes.deliver(mail())
            await asyncio.sleep(180)

            assert [path for _at, _method, path in post.seen()] == ["/o/1", "/o/2", "/l/shop", "/u"]

    async def test_every_mail_is_read_anew(self) -> None:
        async with posted(seen_by({"open": (60,)})) as post:
            await post.mailboxes.deliver(mail())
            await post.mailboxes.deliver(mail(id="m2"))
            await asyncio.sleep(180)

            assert len(post.requests) == 2


class TestPrivacyProxy:
    async def test_the_proxy_opens_every_mail_soon_and_under_its_own_name(self) -> None:
        async with posted(seen_by({}, client="apple")) as post:
            await post.mailboxes.deliver(mail())
            await asyncio.sleep(60)

            assert post.seen() == [(20, "GET", "/o/1"), (20, "GET", "/o/2")]
            assert {headers["User-Agent"] for _a, _m, _p, headers, _b in post.requests} == {"Mozilla/5.0"}

    async def test_the_persons_own_look_is_then_never_seen(self) -> None:
        async with posted(seen_by({"open": (3600,), "click": (3660,)}, client="apple")) as post:
            await post.mailboxes.deliver(mail())
            await asyncio.sleep(7200)

            assert [path for _at, _method, path in post.seen()] == ["/o/1", "/o/2", "/l/shop"]
            assert "AppleWebKit" in post.requests[-1][3]["User-Agent"]


class TestEnd:
    async def test_nobody_acts_after_closing_but_mail_is_still_taken(self) -> None:
        async with posted(seen_by({"open": (60,)})) as post:
            await post.mailboxes.deliver(mail())
            await post.mailboxes.close()
            reply = await post.mailboxes.deliver(mail(id="m2"))
            await asyncio.sleep(3600)

            assert reply.is_accepted
            assert post.requests == []
            assert post.verbs() == ["receive mail", "receive mail"]

    async def test_what_is_under_way_is_finished(self) -> None:
        async with posted(seen_by({"click": (60,)}, client="html")) as post:
            await post.mailboxes.deliver(mail())
            post.network.set_latency(10)
            await asyncio.sleep(75)
            assert len(post.requests) < 3
            await post.mailboxes.close()

            assert [path for _at, _method, path in post.seen()] == ["/o/1", "/o/2", "/l/shop"]

    async def test_a_vendor_that_cannot_be_reached_is_an_error_of_the_run(self) -> None:
        async with posted(seen_by({"open": (60,)})) as post:
            await post.mailboxes.deliver(mail(amp="<img src='https://nowhere.example/x'>"))
            await asyncio.sleep(120)

            (error,) = post.mailboxes.errors
        assert "nowhere.example" in str(error)


class TestPhones:
    def text(self, **changes: Any) -> PhoneMessage:
        settings: dict[str, Any] = {
            "id": "s1",
            "vendor": "clevertap",
            "channel": "sms",
            "recipient": "+915550000001",
            "text": "Hi",
            "campaign": "nudge",
            "sent_at": START,
            "cause": "e000009",
        }
        return PhoneMessage(**(settings | changes))

    @pytest.mark.parametrize(
        ("changes", "taken"),
        [
            ({}, True),
            ({"channel": "push", "recipient": "token", "email": "asha@example.com"}, True),
            ({"recipient": "+10"}, False),
        ],
    )
    async def test_texts_reach_a_number_or_else_the_person(self, changes: Any, taken: bool) -> None:  # noqa: FBT001
        journal = Journal(lambda: START)

        assert await Phones([seen_by({})], journal).deliver(self.text(**changes)) is taken

        received = [(step.verb, step.actor, step.cause) for step in journal.steps()]
        channel = changes.get("channel", "sms")
        assert received == ([(f"receive {channel}", "asha@example.com", "e000009")] if taken else [])


STEPS = """<form action-xhr="https://mm.example/form"><label>score</label><input type="radio" name="q1" value="9"></form>
<form action-xhr="https://mm.example/form"><label>score</label><input type="radio" name="q2" value="9"></form>
<form action-xhr="https://mm.example/other"><input type="text" name="q3"></form>"""


@pytest.mark.parametrize(("client", "path"), [("amp", "/form"), ("html", "/steps")])
async def test_a_form_of_several_steps_is_answered_to_its_end_and_no_other(client: str, path: str) -> None:
    async with posted(seen_by({"submit": (60,)}, client=client)) as post:
        await post.mailboxes.deliver(mail(amp=STEPS, html=HTML.replace("/page", "/steps")))
        await asyncio.sleep(100)

    posts = [(path, body) for _, method, path, _, body in post.requests if method == "POST"]
    assert posts == [(path, "q1=9"), (path, "q2=9")]
    assert post.verbs().count("answer") == 2
