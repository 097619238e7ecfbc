"""Act, snapshot, act more, restore: the vendor's own API then reads as it did at the snapshot, whatever was done.

The document goes through JSON text, as if it had been stored in a repository meanwhile.
"""

from __future__ import annotations

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from contracts import VENDORS
from simulator.loop import VirtualLoop, run
from tests.support.controls import controlled

if TYPE_CHECKING:
    from tests.support.controls import Controlled

pytestmark = pytest.mark.slow

EMAILS = ["ada@example.com", "Bob@example.com", "cem@example.com"]
WORDS = st.sampled_from(["plan", "city", "$dict", "Ünï", "x" * 200])
VALUES = st.one_of(
    st.booleans(), st.integers(-(2**40), 2**40), st.text(max_size=5), st.floats(-1e6, 1e6), st.none(),
    st.lists(st.text(max_size=3), max_size=2),
)  # fmt: skip
PROPERTIES = st.dictionaries(WORDS, VALUES, max_size=3)
WHO = st.sampled_from(EMAILS)
PLENTY = settings(max_examples=12, deadline=None, phases=[Phase.explicit, Phase.generate])

Act = tuple[Any, ...]

MAILMODO = st.one_of(
    st.tuples(st.just("trigger"), WHO, PROPERTIES),
    st.tuples(st.just("list"), WHO, st.sampled_from(["beta", "vip"])),
    st.tuples(st.just("event"), WHO, PROPERTIES),
    st.tuples(st.just("unsubscribe"), WHO),
    st.tuples(st.just("open"), st.integers(0, 5)),
    st.tuples(st.just("wait"), st.integers(1, 90_000)),
)
CLEVERTAP = st.one_of(
    st.tuples(st.just("profile"), WHO, st.sampled_from(["u1", "u2", None]), PROPERTIES),
    st.tuples(st.just("event"), WHO, st.sampled_from(["Bought", "Asked", "Survey Due"]), PROPERTIES),
    st.tuples(st.just("launch"), st.lists(WHO, max_size=2)),
    st.tuples(st.just("wait"), st.integers(1, 90_000)),
)


class Mailmodo:
    """Does things to a Mailmodo account through its API, and reads all of it back."""

    def __init__(self, on: Controlled) -> None:
        self.on = on
        self.campaign = ""

    async def set_up(self) -> None:
        on = self.on
        await on.ask("POST", "/collections/templates", {"name": "NPS", "body": "<p>${plan}</p>"})
        made = await on.ask(
            "POST", "/collections/campaigns", {"name": "nps", "template": "NPS", "subject": "Hi"}
        )
        assert made[0] == 201, made
        self.campaign = made[1]["id"]

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"mmApiKey": self.on.fake.settings.api_key}
        url = self.on.stage.url("api.mailmodo.com") + path
        async with self.on.stage.session.request(method, url, json=body, headers=headers) as response:
            return response.status, await response.text(errors="replace")

    async def act(self, act: Act) -> None:
        match act:
            case ("trigger", email, data):
                await self.call(
                    "POST", f"/api/v1/triggerCampaign/{self.campaign}", {"email": email, "data": data}
                )
            case ("list", email, name):
                await self.call("POST", "/api/v1/addToList", {"email": email, "listName": name})
            case ("event", email, properties):
                body = {"email": email, "event_name": "Seen", "event_properties": properties}
                await self.call("POST", "/api/v1/addEvent", body)
            case ("unsubscribe", email):
                await self.call("POST", "/api/v1/contacts/unsubscribe", {"email": email})
            case ("open", number) if number < len(self.on.stage.recorder.mails):
                mail = self.on.stage.recorder.mails[number]
                await self.call("GET", f"/o/{mail.id}.gif")
            case ("wait", seconds):
                await asyncio.sleep(seconds)

    async def open_cursors(self) -> None:
        """Do nothing: no list of Mailmodo has pages."""

    async def read(self) -> Any:
        contacts = [
            await self.call("GET", f"/api/v1/getContactDetails?email={email.replace('@', '%40')}")
            for email in EMAILS
        ]
        lists = await self.call("GET", "/api/v1/getAllContactLists")
        report = await self.call("POST", f"/api/v1/campaignReports/{self.campaign}", {})
        templates = await self.call("GET", "/api/v1/getAllTemplates")
        return contacts, lists, await self.call("GET", "/api/v1/campaigns"), report, templates


JOURNEY = {
    "name": "welcome",
    "re_entry": True,
    "nodes": {
        "start": {"type": "Action", "event": "Asked", "paths": {"yes": {"to": "quiet", "after": 60}}},
        "quiet": {
            "type": "Inaction",
            "did": "Asked",
            "did_not": ["Bought"],
            "within": 3600,
            "gives_up_after": 86400,
            "paths": {"yes": {"to": "thank"}, "no": {"to": "mark"}, "timeout": {"to": "thank"}},
        },
        "thank": {"type": "Message", "campaign": "thanks", "paths": {"sent": {"to": "mark", "after": 300}}},
        "mark": {"type": "ChangeProfile", "properties": {"welcomed": True}, "paths": {"next": {"to": "out"}}},
        "out": {"type": "Exit"},
    },
    "goals": [{"name": "bought", "event": "Bought"}],
}


BY_API = {
    "name": "By API",
    "target_mode": "sms",
    "provider_nick_name": "Provider 1",
    "segment": "all",
    "content": {"body": "Hi {{ Profile.Name }}"},
}


class CleverTap:
    """Does things to a CleverTap account through its API, and reads all of it back."""

    def __init__(self, on: Controlled) -> None:
        self.on = on
        self.cursors: list[str] = []

    async def set_up(self) -> None:
        on = self.on
        on.receiver.answer = lambda _number: web.Response(text="ok")
        url = f"{on.stage.url('receiver.test')}/hook"
        assert (await on.ask("POST", "/collections/webhooks", {"name": "hook", "url": url}))[0] == 201
        for campaign in (
            {"name": "ask", "channel": "webhook", "webhook": "hook", "body": {"who": "{{ Profile.Email }}"}},
            {"name": "due", "channel": "webhook", "webhook": "hook", "when": {"type": "Did", "event": "Survey Due"}},
            {
                "name": "late", "channel": "sms", "text": "Hello?",
                "when": {"type": "DidNot", "event": "Bought", "within": 7200, "after": "Asked"},
            },
        ):  # fmt: skip
            assert (await on.ask("POST", "/collections/campaigns", campaign))[0] == 201
        thanks = {"name": "thanks", "channel": "sms", "text": "Thank you", "limits": {"throttle": 200}}
        assert (await on.ask("POST", "/collections/campaigns", thanks))[0] == 201
        status, answer = await on.ask("POST", "/collections/journeys", JOURNEY)
        assert status == 201, answer
        later = (on.stage.now() + timedelta(days=2)).strftime("%Y%m%d %H:%M")
        by_api = {**BY_API, "when": {"type": "later", "delivery_date_time": [later]}}
        status, text = await self.call("POST", "/1/targets/create.json", by_api)
        assert json.loads(text)["status"] == "success", text

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        account = self.on.fake.settings
        headers = {"X-CleverTap-Account-Id": account.account_id, "X-CleverTap-Passcode": account.passcode}
        url = self.on.stage.url(self.on.fake.host) + path
        async with self.on.stage.session.request(method, url, json=body, headers=headers) as response:
            return response.status, await response.text(errors="replace")

    async def act(self, act: Act) -> None:
        now = int(self.on.stage.now().timestamp())
        match act:
            case ("profile", email, identity, properties):
                data = {**properties, "Email": email, "Phone": "+15550100"}
                record = {"type": "profile", "identity": identity or email, "profileData": data}
                await self.call("POST", "/1/upload", {"d": [record]})
            case ("event", email, name, properties):
                record = {
                    "type": "event",
                    "identity": email,
                    "evtName": name,
                    "evtData": properties,
                    "ts": now,
                }
                await self.call("POST", "/1/upload", {"d": [record]})
            case ("launch", emails):
                await self.on.ask("POST", "/campaigns/ask/launch", {"emails": emails})
            case ("wait", seconds):
                await asyncio.sleep(seconds)

    async def open_cursors(self) -> None:
        """Begin an export, page by page; its cursors are drawn now, and known to whoever was given them."""
        today = self.on.stage.now()
        for email in EMAILS[:2]:
            await self.act(("event", email, "Sold", {}))
        days = {"from": int(f"{today - timedelta(days=30):%Y%m%d}"), "to": int(f"{today:%Y%m%d}")}
        _, text = await self.call("POST", "/1/profiles.json?batch_size=1", {"event_name": "Sold", **days})
        cursor = json.loads(text)["cursor"]
        while cursor:
            self.cursors.append(f"/1/profiles.json?cursor={cursor}")
            cursor = json.loads((await self.call("GET", self.cursors[-1]))[1]).get("next_cursor")

    async def read(self) -> Any:
        profiles = [
            await self.call("GET", f"/1/profile.json?{kind}={who.replace('@', '%40')}")
            for kind, who in (
                ("email", EMAILS[0]),
                ("email", EMAILS[1]),
                ("email", EMAILS[2]),
                ("identity", "u1"),
            )
        ]
        campaigns = (await self.on.ask("GET", "/collections/campaigns"))[1]
        journeys = (await self.on.ask("GET", "/collections/journeys"))[1]
        pages = [await self.call("GET", cursor) for cursor in self.cursors]
        return profiles, campaigns, journeys, pages, len(self.on.fake.dashboard._triggers)


DRIVERS: dict[str, Any] = {"mailmodo": Mailmodo, "clevertap": CleverTap}


async def settled(on: Controlled) -> None:
    while on.fake.under_way:  # noqa: ASYNC110 - a count has no event to wait on
        await asyncio.sleep(0.01)


def dues(document: Any) -> list[datetime]:
    """Find when each timer of a snapshot is due."""
    return [datetime.fromisoformat(due) for due in re.findall(r'"\$timer": "([^"]+)"', json.dumps(document))]


async def go_back(vendor: str, before: list[Act], after: list[Act]) -> None:
    async with controlled(vendor) as on:
        driver = DRIVERS[vendor](on)
        await driver.set_up()
        for act in before:
            await driver.act(act)
        await settled(on)
        await driver.open_cursors()
        document = json.loads(json.dumps((await on.ask("GET", "/snapshot"))[1]))
        assert document["under_way"] == 0
        reads = await driver.read()
        soonest = min(dues(document), default=datetime.max.replace(tzinfo=UTC))
        for act in after:
            await driver.act(act)
        await settled(on)

        assert (await on.ask("PUT", "/snapshot", document))[0] == 204

        again = (await on.ask("GET", "/snapshot"))[1]
        if on.stage.now() < soonest:  # else waits that are overdue go off at once, as they must
            assert json.dumps(again["state"]) == json.dumps(document["state"])
            assert await driver.read() == reads
        await settled(on)
        for act in after:  # and it works on
            await driver.act(act)
        await settled(on)
        on.stage.recorder.check(sent=False)


@pytest.mark.parametrize(("vendor", "acts"), [("mailmodo", MAILMODO), ("clevertap", CLEVERTAP)])
def test_a_restored_vendor_reads_as_at_the_snapshot(vendor: str, acts: st.SearchStrategy[Act]) -> None:
    some = st.lists(acts, max_size=6)

    @PLENTY
    @given(some, some)
    def holds(before: list[Act], after: list[Act]) -> None:
        run(go_back(vendor, before, after), loop_factory=VirtualLoop)

    holds()


async def test_somebody_who_is_waited_for_is_waited_for_again() -> None:
    async with controlled("clevertap") as on:
        driver = CleverTap(on)
        await driver.set_up()
        await driver.act(("profile", "ada@example.com", None, {}))
        await driver.act(("event", "ada@example.com", "Asked", {}))
        document = (await on.ask("GET", "/snapshot"))[1]
        assert (await on.ask("POST", "/reset"))[0] == 204
        await asyncio.sleep(3600)
        assert (await on.ask("PUT", "/snapshot", document))[0] == 204
        assert len(on.fake.dashboard._triggers) == 1

        await asyncio.sleep(3599)
        assert on.stage.recorder.texts == []
        await asyncio.sleep(2)

        assert [text.text for text in on.stage.recorder.texts] == ["Hello?"]
        on.stage.recorder.check()


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_document_with_anything_wrong_in_it_changes_nothing(vendor: str) -> None:
    @PLENTY
    @given(st.data())
    def holds(data: st.DataObject) -> None:
        async def main() -> None:
            async with controlled(vendor) as on:
                before = on.vendor.take()
                document = json.loads(json.dumps(before))
                node, key = data.draw(st.sampled_from(list(_places(document["state"]))))
                node[key] = data.draw(
                    st.sampled_from([{"$ref": 999}, {"$type": "os:system"}, {"$enum": ["x", "y"]}])
                )

                status, _ = await on.ask("PUT", "/snapshot", document)

                assert status == 400
                assert on.vendor.take()["state"] == before["state"]

        run(main(), loop_factory=VirtualLoop)

    holds()


def _places(node: Any) -> Any:
    """Give every place in a document, as what holds it and the key there; words of the form itself left out."""
    pairs = (
        list(node.items())
        if isinstance(node, dict)
        else list(enumerate(node))
        if isinstance(node, list)
        else []
    )
    for key, inside in pairs:
        if not str(key).startswith("$"):
            yield node, key
            yield from _places(inside)
