from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from fakes.kit import ACTOR_HEADER, CAUSE_HEADER, PhoneMessage
from simulator.journal import Journal
from simulator.loop import VirtualLoop
from simulator.network import VirtualNetwork
from simulator.people import Person
from simulator.phones import Phones
from simulator.quantities import Delay, Share
from simulator.scenario import Deed, Habit
from tests.support.fakes import START

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

VIEW, TAP = "https://ct.example/v/1", "https://ct.example/c/1"
AT = Delay(60, 60)


def someone(**changes: Any) -> Person:
    settings: dict[str, Any] = {
        "name": "Asha Rao",
        "email": "asha@example.com",
        "phone": "+915550000001",
        "user_id": None,
        "client": "amp",
        "mailbox": "ok",
        "is_named": True,
        "deeds": {},
        "habits": {},
        "properties": {},
        "random": Random(1),
    }
    return Person(**(settings | changes))


def push(**changes: Any) -> PhoneMessage:
    settings: dict[str, Any] = {
        "id": "p1",
        "vendor": "clevertap",
        "channel": "push",
        "recipient": "token",
        "email": "asha@example.com",
        "title": "Hello",
        "text": "Look!",
        "view_url": VIEW,
        "tap_url": TAP,
        "campaign": "note",
        "sent_at": START,
        "cause": "e000009",
    }
    return PhoneMessage(**(settings | changes))


def sms(text: str, **changes: Any) -> PhoneMessage:
    return push(
        channel="sms", recipient="+915550000001", text=text, title="", view_url="", tap_url="", **changes
    )


class Pocket:
    def __init__(self, phones: Phones, journal: Journal) -> None:
        self.phones = phones
        self.journal = journal
        self.requests: list[tuple[float, str, dict[str, str]]] = []

    def seen(self) -> list[tuple[float, str]]:
        return [(round(at), path) for at, path, _ in self.requests]

    def verbs(self) -> list[str]:
        return [step.verb for step in self.journal.steps()]


@asynccontextmanager
async def pocket(*people: Person) -> AsyncIterator[Pocket]:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)

    def now() -> datetime:
        return START + timedelta(seconds=loop.time())

    async def take(request: web.Request) -> web.Response:
        opened.requests.append((loop.time(), request.path_qs, dict(request.headers)))
        return web.Response(status=302, headers={"Location": "https://shop.example/"})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", take)
    network = VirtualNetwork(loop)
    await network.serve(app, ["ct.example"])
    journal = Journal(now)
    opened = Pocket(Phones(people, journal), journal)
    try:
        yield opened
    finally:
        await opened.phones.close()
        await network.close()


async def test_scripted_person_looks_and_taps_at_their_times() -> None:
    deeds = {"view": Deed(Delay(60, 60)), "tap": Deed(Delay(90, 90))}
    async with pocket(someone(deeds=deeds)) as held:
        assert await held.phones.deliver(push())
        await asyncio.sleep(200)

        assert held.seen() == [(60, "/v/1"), (90, "/c/1")]
        assert held.verbs() == ["receive push", "look at push", "tap push"]
        assert held.phones.errors == []
        received, looked, tapped = held.journal.steps()
        assert (received.cause, looked.cause, tapped.cause) == ("e000009", received.id, received.id)
        for step, (_, _, headers) in zip((looked, tapped), held.requests, strict=True):
            assert headers[ACTOR_HEADER] == "asha@example.com"
            assert headers[CAUSE_HEADER] == step.id


async def test_whoever_taps_has_looked_first() -> None:
    async with pocket(someone(deeds={"tap": Deed(AT)})) as held:
        await held.phones.deliver(push())
        await asyncio.sleep(100)

        assert held.seen() == [(60, "/v/1"), (60, "/c/1")]


@pytest.mark.parametrize(("on", "taps"), [("note", 1), ("other", 0), ("", 1)])
async def test_deed_may_be_meant_for_one_campaign(on: str, taps: int) -> None:
    async with pocket(someone(deeds={"tap": Deed(AT, on=on)})) as held:
        await held.phones.deliver(push())
        await asyncio.sleep(100)

        assert held.verbs().count("tap push") == taps


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("See https://ct.example/c/9?l=1. Bye", "/c/9?l=1"),
        ("https://ct.example/c/9, or https://ct.example/c/8", "/c/9"),
    ],
)
async def test_first_link_of_an_sms_is_followed_and_looking_tells_nobody(text: str, path: str) -> None:
    async with pocket(someone(deeds={"tap": Deed(AT)})) as held:
        await held.phones.deliver(sms(text))
        await asyncio.sleep(100)

        assert held.seen() == [(60, path)]
        assert held.verbs() == ["receive sms", "look at sms", "tap sms"]


async def test_sms_without_a_link_is_tapped_in_vain() -> None:
    async with pocket(someone(deeds={"tap": Deed(AT)})) as held:
        await held.phones.deliver(sms("Hi"))
        await asyncio.sleep(100)

        assert held.seen() == []
        assert held.verbs()[-1] == "look for a link in vain in sms"


async def test_scripted_person_without_phone_deeds_does_nothing_on_the_phone() -> None:
    habits = {"view": Habit(Share(1), AT), "tap": Habit(Share(1), AT)}
    async with pocket(someone(deeds={"open": Deed(AT)}, habits=habits)) as held:
        await held.phones.deliver(push())
        await asyncio.sleep(1000)

        assert held.verbs() == ["receive push"]


@pytest.mark.parametrize(
    ("habits", "views", "taps"),
    [
        ({"view": Habit(Share(0.5), AT)}, 500, 0),
        ({"tap": Habit(Share(0.3), AT)}, 300, 300),
        ({"view": Habit(Share(0.5), AT), "tap": Habit(Share(0.5, "view"), AT)}, 500, 250),
        ({"view": Habit(Share(0.5), AT), "tap": Habit(Share(0.25), AT)}, 500, 250),
        ({}, 0, 0),
    ],
)
def test_habits_are_shares_of_everyone_or_of_those_who_look(
    habits: dict[str, Habit], views: int, taps: int
) -> None:
    done = [
        {intent.habit for intent in someone(habits=habits, phone_random=Random(n)).intend_on_phone("x")}
        for n in range(1000)
    ]

    assert sum(bool(one) for one in done) == pytest.approx(views, abs=50)
    assert sum("tap" in one for one in done) == pytest.approx(taps, abs=50)


def test_phone_and_mail_do_not_shift_each_other() -> None:
    habits = {"open": Habit(Share(0.5), Delay(1, 99)), "view": Habit(Share(1), Delay(1, 99))}
    alone, both = (someone(habits=habits, random=Random(5), phone_random=Random(6)) for _ in range(2))

    both.intend_on_phone("x")

    assert both.intend() == alone.intend()


async def test_nobody_acts_once_the_phones_are_closed() -> None:
    async with pocket(someone(deeds={"tap": Deed(AT)})) as held:
        await held.phones.deliver(push())
        await held.phones.close()
        assert await held.phones.deliver(push())
        await asyncio.sleep(200)

        assert held.seen() == []
        assert held.verbs() == ["receive push", "receive push"]


async def test_what_fails_while_somebody_acts_is_kept() -> None:
    async with pocket(someone(deeds={"tap": Deed(AT)})) as held:
        await held.phones.deliver(push(tap_url="https://nowhere.example/"))
        await asyncio.sleep(200)

        (error,) = held.phones.errors
        assert "nowhere.example" in str(error)
