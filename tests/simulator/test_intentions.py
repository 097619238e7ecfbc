"""Snapshots of the control API keep what people have in mind with what they got, and give it back."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from fakes.kit import ACTOR_HEADER
from simulator.controls import serve_controls
from simulator.journal import Step
from simulator.loop import VirtualLoop
from simulator.network import VirtualNetwork
from simulator.vendors import basic_auth
from simulator.world import World
from tests.support.stories import RECEIPT, scenario_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from simulator.journal import Journal

HOUR = 3600.0
STORY: dict[str, Any] = {
    **RECEIPT,
    "accounts": {
        **RECEIPT["accounts"],
        "clevertap": {
            "campaigns": [
                {"name": "note", "channel": "push", "text": "Look", "link": "https://shop.example/x"}
            ]
        },
    },
    "people": {
        "named": [
            {
                "name": "Ada", "user_id": "u-ada", "email": "ada@example.com", "client": "apple", "push": True,
                "opens": "after 1 h", "unsubscribes": "after 3 h", "views": "after 1 h", "taps": "after 2 h",
            },
            {"name": "Ben", "email": "ben@example.com", "opens": "after 1 h"},
        ]
    },
}  # fmt: skip


@dataclass
class On:
    """An open world with control APIs."""

    world: World
    session: aiohttp.ClientSession

    @property
    def journal(self) -> Journal:
        return self.world.journal

    async def ask(self, vendor: str, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        url = f"https://control.{vendor}.test{path}"
        async with self.session.request(method, url, json=body) as response:
            text = await response.text()
            return response.status, json.loads(text) if text else None

    async def snapshot(self, vendor: str = "mailjet") -> dict[str, Any]:
        status, document = await self.ask(vendor, "GET", "/snapshot")
        assert status == 200
        found: dict[str, Any] = document
        return found

    async def restore(self, document: dict[str, Any]) -> None:
        assert await self.ask(document["vendor"], "PUT", "/snapshot", document) == (204, None)

    async def send(self, *people: str) -> None:
        mailjet = self.world.vendors.mailjet
        assert mailjet is not None
        auth = basic_auth(mailjet.settings.api_key, mailjet.settings.secret_key)
        messages = [
            {"From": {"Email": "hello@example.com"}, "To": [{"Email": f"{one}@example.com"}], "Subject": "Hi",
             "HTMLPart": '<a href="[[UNSUB_LINK_EN]]">x</a>'}
            for one in people
        ]  # fmt: skip
        headers = {"Authorization": auth, ACTOR_HEADER: "app"}
        url, body = "https://api.mailjet.com/v3.1/send", {"Messages": messages}
        async with self.session.post(url, json=body, headers=headers) as response:
            assert response.status == 200, await response.text()
        await asyncio.sleep(1)

    def verbs(self, person: str = "ada@example.com") -> list[tuple[str, float]]:
        """What somebody did, and how many hours after the start."""
        starts = self.world.scenario.starts
        return [
            (step.verb, round((step.at - starts) / timedelta(hours=1), 1))
            for step in self.journal.steps(person=person)
            if not step.verb.startswith("receive")
        ]


@asynccontextmanager
async def opened() -> AsyncIterator[On]:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    network = VirtualNetwork(loop)
    async with (
        World(scenario_of(STORY), seed=1, network=network) as world,
        aiohttp.ClientSession() as session,
    ):
        await serve_controls(world.vendors, network, links={})
        yield On(world, session)
        assert world.mailboxes.errors == world.phones.errors == world.journal.errors == []


async def test_what_people_have_in_mind_is_part_of_a_snapshot() -> None:
    async with opened() as on:
        await on.send("ada", "ben")
        ada, ben = (await on.snapshot())["people"]["mail"]

        assert (ada["person"], ada["is_seen"], ada["message"]["subject"]) == ("ada@example.com", False, "Hi")
        acts = ["load images by privacy proxy", "open", "unsubscribe"]
        assert [act["does"] for act in ada["acts"]] == acts
        assert [act["does"] for act in ben["acts"]] == ["open"]

        await asyncio.sleep(60)  # the proxy has loaded the images
        ada, _ = (await on.snapshot())["people"]["mail"]
        assert (ada["is_seen"], [act["does"] for act in ada["acts"]]) == (True, acts[1:])

        await asyncio.sleep(4 * HOUR)
        assert (await on.snapshot())["people"] == {"mail": [], "phones": []}


async def test_what_was_to_be_done_is_done_at_its_time_and_once() -> None:
    async with opened() as on:
        await on.send("ben")
        before = await on.snapshot()
        await asyncio.sleep(HOUR / 2)
        await on.restore(before)
        assert (await on.snapshot())["people"] == before["people"]

        await asyncio.sleep(4 * HOUR)

        assert on.verbs("ben@example.com") == [("open", 1.0)]
        [step] = on.journal.steps("open")
        received = on.journal.by_id(step.cause)
        assert received is not None
        assert isinstance(received.payload, Step)
        assert received.payload.verb == "receive mail"


async def test_what_was_done_meanwhile_is_done_again_as_at_the_vendor() -> None:
    async with opened() as on:
        await on.send("ben")
        before = await on.snapshot()
        await asyncio.sleep(2 * HOUR)
        assert len(on.journal.facts("mailjet", "open")) == 1

        await on.restore(before)
        await asyncio.sleep(HOUR)

        assert on.verbs("ben@example.com") == [("open", 1.0), ("open", 2.0)]  # overdue, and so at once
        assert len(on.journal.facts("mailjet", "open")) == 2


async def test_a_vendor_that_is_reset_leaves_nothing_to_open_and_others_alone() -> None:
    async with opened() as on:
        await on.send("ada", "ben")
        clevertap = on.world.vendors.clevertap
        assert clevertap is not None
        await tapping(on)
        assert (await on.ask("mailjet", "POST", "/reset"))[0] == 204
        assert (await on.snapshot())["people"] == {"mail": [], "phones": []}

        await asyncio.sleep(5 * HOUR)

        assert on.verbs("ben@example.com") == []
        assert on.verbs() == [("look at push", 1.0), ("tap push", 2.0)]


async def tapping(on: On) -> None:
    """Let a push reach Ada's phone."""
    clevertap = on.world.vendors.clevertap
    assert clevertap is not None
    settings = clevertap.settings
    headers = {
        "X-CleverTap-Account-Id": settings.account_id,
        "X-CleverTap-Passcode": settings.passcode,
        ACTOR_HEADER: "app",
    }
    device = {"id": "phone-of-ada", "type": "fcm"}
    records = [
        {"type": "profile", "identity": "u-ada", "profileData": {"Email": "ada@example.com"}},
        {"type": "profile", "identity": "u-ada", "objectId": "__ada", "profileData": {}},
        {"type": "token", "objectId": "__ada", "tokenData": device},
    ]
    url = "https://in1.api.clevertap.com/1/upload"
    async with on.session.post(url, json={"d": records}, headers=headers) as response:
        assert (await response.json())["status"] == "success"
    await clevertap.launch("note")
    await asyncio.sleep(1)


async def test_phones_are_kept_as_mailboxes_are() -> None:
    async with opened() as on:
        await tapping(on)
        await asyncio.sleep(1.5 * HOUR)
        before = await on.snapshot("clevertap")
        [plan] = before["people"]["phones"]
        assert (plan["is_seen"], [act["does"] for act in plan["acts"]]) == (True, ["tap"])
        assert before["people"]["mail"] == []
        await asyncio.sleep(HOUR)

        await on.restore(before)
        await asyncio.sleep(HOUR)

        assert on.verbs() == [("look at push", 1.0), ("tap push", 2.0), ("tap push", 2.5)]
        clicks = [fact for fact in on.journal.facts("clevertap", "event_stored") if "Clicked" in str(fact)]
        assert len(clicks) == 2


async def test_a_snapshot_of_another_run_knows_no_causes_of_this_one() -> None:
    async with opened() as on:
        await on.send("ben")
        before = await on.snapshot()
    async with opened() as on:
        await on.send("ada")
        await on.restore(before)
        await asyncio.sleep(2 * HOUR)

        assert [step.cause for step in on.journal.steps("open", person="ben@example.com")] == [""]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"person": "eve@example.com"}, "$.people.mail[0].person"),
        (
            {"acts": [{"does": "open", "due_at": "2026-12-31T23:59:60Z", "link": "", "answers": {}}]},
            "mail[0]",
        ),
        ({"acts": [{"does": "fly", "due_at": "2026-03-02T10:00:00Z", "link": "", "answers": {}}]}, "does"),
        ({"is_seen": "no"}, "is_seen"),
    ],
)
async def test_a_plan_that_makes_no_sense_is_refused_and_changes_nothing(
    change: dict[str, Any], told: str
) -> None:
    async with opened() as on:
        await on.send("ben")
        before = await on.snapshot()
        broken = json.loads(json.dumps(before))
        broken["people"]["mail"][0] |= change

        status, answer = await on.ask("mailjet", "PUT", "/snapshot", broken)

        assert status == 400
        assert told in json.dumps(answer)
        after = await on.snapshot()
        assert (after["people"], after["state"]) == (before["people"], before["state"])
