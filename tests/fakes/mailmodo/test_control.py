"""What the dashboard of Mailmodo offers, over the control API: what the vendor's API says must agree with it."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from fakes.clevertap import CleverTapSettings, FakeCleverTap
from fakes.segment import FakeSegment
from tests.support.controls import controlled

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.controls import Controlled

ASHA = "asha@example.com"
ACCOUNT = CleverTapSettings()


@asynccontextmanager
async def open_dashboard() -> AsyncIterator[Controlled]:
    async with controlled("mailmodo") as on:
        yield on
        on.stage.recorder.check(sent=False)


async def make(on: Controlled, collection: str, **body: Any) -> dict[str, Any]:
    status, made = await on.ask("POST", f"/collections/{collection}", body)
    assert status == 201, made
    shown = (await on.ask("GET", f"/collections/{collection}"))[1]["items"]
    assert made.items() >= shown[-1].items()
    return dict(made)


async def refused(on: Controlled, collection: str, **body: Any) -> tuple[int, str]:
    before = await on.ask("GET", f"/collections/{collection}")
    status, answer = await on.ask("POST", f"/collections/{collection}", body)
    assert await on.ask("GET", f"/collections/{collection}") == before
    return status, answer["error"]["message"]


async def call(on: Controlled, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    headers = {"mmApiKey": on.fake.settings.api_key}
    url = on.stage.url(on.fake.hosts[0]) + path
    async with on.stage.session.request(method, url, json=body, headers=headers) as response:
        return response.status, await response.json()


async def settle(on: Controlled) -> None:
    while on.fake._tasks:
        await asyncio.wait(set(on.fake._tasks))
        await asyncio.sleep(0)  # a finished task leaves the set one turn later


async def test_a_form_with_every_kind_of_question_is_exported_under_its_fields() -> None:
    async with open_dashboard() as on:
        questions = {
            "score": {"kind": "scale", "field": "recommend"},
            "why": {"kind": "text", "hint": "Because …"},
            "when": {"kind": "date"},
            "colour": {"kind": "choice", "choices": ["red"], "is_open": True},
        }
        url = on.stage.url("receiver.test") + "/export"
        form = {"name": "nps", "questions": questions, "export_url": url}
        template = await make(
            on, "templates", name="NPS", email_type="AMP", form=form, blocks={"row": "<b>${title}</b>"}
        )
        await make(on, "campaigns", name="nps", template="NPS", subject="Hi", trigger_app="CleverTap")
        _, steps = await on.ask("GET", "/campaigns/nps/setup-steps")
        (block,) = template["blocks"]
        body = {"email": ASHA, "blocks": [{"blockId": block, "data": [{"title": "Pen"}]}]}
        async with on.stage.session.post(steps["webhook_url"], json=body) as response:
            assert response.status == 200
        await settle(on)
        [mail] = on.stage.recorder.mails
        ids = {name: element for element, name in template["form"]["elements"].items()}
        answers = {"score": "9", "why": "Fast", "when": "2026-03-01", "colour": "mauve"}
        fields = {"ref": mail.id, **{ids[name]: answer for name, answer in answers.items()}}
        posted = on.stage.url(on.fake.hosts[0]) + f"/api/v1/f/{template['form']['id']}"
        async with on.stage.session.post(posted, data=fields) as response:
            assert response.status == 200
        await settle(on)

        assert "<b>Pen</b>" in mail.html
        assert 'placeholder="Because …"' in mail.html + (mail.amp or "")
        [export] = [json.loads(body) for _, path, _, body in on.receiver.requests if path == "/export"]
        assert export["recommend"] == "9"
        assert [export[ids[name]] for name in ("why", "when", "colour")] == ["Fast", "2026-03-01", "mauve"]


async def test_a_sign_up_form_is_made_and_used_by_its_url() -> None:
    async with open_dashboard() as on:
        form = await make(
            on, "sign_up_forms", name="Footer", list_name="News", origins=["https://brand.example"]
        )

        page = (await on.ask("GET", "/"))[1]
        assert form["url"] in page
        statuses = []
        for origin in ("https://brand.example", "https://evil.example"):
            headers = {"Origin": origin}
            async with on.stage.session.post(form["url"], json={"email": ASHA}, headers=headers) as response:
                statuses.append(response.status)

        assert statuses == [200, 403]
        [contact] = (await on.ask("GET", "/collections/contacts"))[1]["items"]
        assert (contact["email"], contact["lists"]) == (ASHA, ["News"])
        status, message = await refused(
            on, "sign_up_forms", name="x", list_name="y", origins=["brand.example/a"]
        )
        assert (status, "origins" in message) == (400, True)


async def test_contacts_and_lists_are_shown_as_the_api_gives_them() -> None:
    async with open_dashboard() as on:
        await call(on, "POST", "/api/v1/addToList", {"email": ASHA, "listName": "VIPs", "data": {"age": 31}})
        await call(on, "POST", "/api/v1/contacts/unsubscribe", {"email": ASHA})
        made = await make(on, "lists", name="best", emails=["ASHA@example.com"])

        _, details = await call(on, "GET", f"/api/v1/getContactDetails?email={ASHA}")
        _, lists = await call(on, "GET", "/api/v1/getAllContactLists")
        shown = (await on.ask("GET", "/collections/lists"))[1]["items"]
        [contact] = (await on.ask("GET", "/collections/contacts"))[1]["items"]
        assert contact == {**details, "name": ASHA, "lists": ["VIPs", "best"]}
        assert lists["listDetails"] == [
            {name: value for name, value in each.items() if name != "emails"} for each in shown
        ]
        assert (made["type"], made["emails"]) == ("DYNAMIC", [ASHA])
        status, answer = await call(on, "POST", "/api/v1/addToList", {"email": ASHA, "listName": "best"})
        assert (status, answer["message"]) == (400, "Cannot add users to static segmentation list")
        assert (await on.ask("GET", "/"))[0] == 200
        assert not {"contacts", "lists"} & (await on.ask("GET", "/index.json"))[1]["collections"].keys()
        assert (await refused(on, "lists", name="best"))[0] == 409
        assert (await refused(on, "lists", name="others", emails=["x@example.com"]))[0] == 409
        assert (await refused(on, "lists", name="others", emails=["nobody"]))[0] == 400


async def test_a_property_changed_by_hand_and_a_file_let_contacts_into_journeys() -> None:
    async with open_dashboard() as on:
        url = on.stage.url("receiver.test") + "/journey"
        cards = [{"type": "CallWebhook", "url": url}]
        await make(on, "journeys", name="changed", entry={"kind": "property", "name": "plan"}, cards=cards)
        by_file = await make(on, "journeys", name="file", entry={"kind": "csv"}, cards=cards)

        await make(on, "contacts", email=ASHA, data={"plan": "pro"})
        launched = await on.ask("POST", "/campaigns/file/launch", {"emails": ["ravi@example.com"]})
        wrong = [
            (await on.ask("POST", f"/campaigns/{name}/launch", body))[0]
            for name, body in (
                ("file", {}),
                ("changed", {"emails": [ASHA]}),
                ("file", {"emails": ["x"]}),
                ("no", {}),
            )
        ]
        await settle(on)

        assert launched == (200, {"people": 1})
        assert wrong == [409, 409, 400, 404]
        assert (await refused(on, "contacts", email="nobody", data={"plan": "x"}))[0] == 400
        told = [json.loads(body)["triggerData"] for *_, body in on.receiver.requests]
        assert [(one["email"], one["triggerSource"]) for one in told] == [
            (ASHA, "Dashboard-change in property: plan"),
            ("ravi@example.com", "CsvList"),
        ]
        assert told[1]["triggerDetails"].startswith(f"file:{by_file['id']}/")


async def test_a_bulk_campaign_is_sent_once_by_its_launch() -> None:
    async with open_dashboard() as on:
        await make(on, "templates", name="News")
        await make(on, "campaigns", name="bulk", template="News", subject="N", campaign_type="CONTACT_LIST")
        await call(on, "POST", "/api/v1/addToList", {"email": ASHA, "listName": "all"})

        launched = await on.ask("POST", "/campaigns/bulk/launch", {})
        again, answer = await on.ask("POST", "/campaigns/bulk/launch", {"emails": [ASHA]})
        await settle(on)

        assert (launched, again) == ((200, {"people": 1}), 409)
        assert "wanted one of the type CONTACT_LIST that has not gone out" in answer["error"]["message"]
        [shown] = (await on.ask("GET", "/collections/campaigns"))[1]["items"]
        assert (shown["status"], shown["report"]["sent"]) == ("Processed", 1)


@pytest.mark.parametrize("vendor", ["segment", "clevertap"])
async def test_test_and_save_saves_what_the_other_vendor_takes(vendor: str) -> None:
    async with open_dashboard() as on, AsyncExitStack() as at_the_end:
        segment = FakeSegment(on.stage.surroundings())
        clevertap = FakeCleverTap(on.stage.surroundings(), ACCOUNT)
        for fake in (segment, clevertap):
            await on.stage.put_up(fake)
            at_the_end.push_async_callback(fake.stop)
        right = {
            "segment": {"write_key": segment.state.add_source("mailmodo").write_key},
            "clevertap": {
                "host": "in1.api.clevertap.com",
                "project_id": ACCOUNT.account_id,
                "passcode": ACCOUNT.passcode,
            },
        }[vendor]
        wrong = {
            "segment": {"write_key": "k", "region": "eu"},
            "clevertap": {**right, "passcode": "WRO-NGP-ASSC"},
        }

        made = await make(on, "integrations", name=vendor, **right)
        await make(on, "integrations", name=vendor, **right)
        status, message = await refused(on, "integrations", name=vendor, **wrong[vendor])

        assert made["text"] == "Setup successful"
        assert len((await on.ask("GET", "/collections/integrations"))[1]["items"]) == 1
        assert (status, message.startswith(f"{vendor}: ")) == (409, True)
        shown = json.dumps(await on.ask("GET", "/index.json"))
        assert not [
            secret for name, secret in right.items() if name in ("write_key", "passcode") and secret in shown
        ]
        snapshot = (await on.ask("GET", "/snapshot"))[1]
        await on.ask("POST", "/reset")
        assert (await on.ask("GET", "/collections/integrations"))[1]["items"] == []
        await on.ask("PUT", "/snapshot", snapshot)
        assert len((await on.ask("GET", "/collections/integrations"))[1]["items"]) == 1


@pytest.mark.parametrize(
    "body",
    [
        {"name": "hubspot"},
        {"name": "segment"},
        {"name": "segment", "write_key": "k", "region": "mars"},
        {"name": "segment", "write_key": "a b"},
        {"name": "clevertap", "write_key": "k"},
        {"name": "clevertap", "host": "evil.example", "project_id": "p", "passcode": "p"},
        {"name": "clevertap", "host": "in1.api.clevertap.com", "project_id": "p\r\n", "passcode": "p"},
    ],
)
async def test_an_integration_that_makes_no_sense_calls_nobody(body: dict[str, Any]) -> None:
    async with open_dashboard() as on:
        assert (await refused(on, "integrations", **body))[0] == 400
        assert on.stage.recorder.exchanges == []
