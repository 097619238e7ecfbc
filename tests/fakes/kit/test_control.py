"""The control API of every fake, called over HTTP as a test in any language calls it."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from contracts import VENDORS
from fakes.kit import Control, UnboundOperation
from tests.support.controls import controlled
from tests.support.pages import ROOT

if TYPE_CHECKING:
    from tests.support.controls import Controlled

TEMPLATE = {
    "name": "NPS",
    "email_type": "AMP",
    "form": {
        "name": "nps",
        "questions": {"score": {"kind": "scale", "low": 0, "high": 10}, "why": {"kind": "text"}},
    },
    "links": {"Shop": "https://shop.example"},
}
CAMPAIGN = {"name": "nps", "template": "NPS", "subject": "Hi ${first_name}", "trigger_app": "CleverTap"}


async def settled(on: Controlled) -> None:
    """Wait until nothing is under way in the fake."""
    while on.fake._tasks:
        await asyncio.wait(set(on.fake._tasks))
        await asyncio.sleep(0)  # a finished task leaves the set one turn later


async def call_vendor(
    on: Controlled, method: str, path: str, body: Any = None, **headers: str
) -> tuple[int, Any]:
    url = on.stage.url(on.fake.hosts[0]) + path
    async with on.stage.session.request(method, url, json=body, headers=headers) as response:
        is_json = "json" in response.headers.get("Content-Type", "")
        return response.status, json.loads(await response.text()) if is_json else None


@pytest.mark.parametrize("vendor", VENDORS)
async def test_every_fake_has_the_same_control_api(vendor: str) -> None:
    async with controlled(vendor) as on:
        status, account = await on.ask("GET", "/account")
        assert (status, account["vendor"]) == (200, vendor)
        assert account["credentials"]
        assert account["settings"]

        assert (await on.ask("GET", "/index.json"))[1]["account"] == account
        assert (await on.ask("GET", "/openapi.json"))[1]["info"]["title"] == "Control API of a fake"
        status, page = await on.ask("GET", "/")
        assert status == 200
        assert account["url"] in page
        assert (await on.ask("GET", "/faults"))[1] == {"faults": []}
        snapshot = (await on.ask("GET", "/snapshot"))[1]
        assert (await on.ask("PUT", "/snapshot", snapshot))[0] == 204
        assert (await on.ask("GET", "/snapshot"))[1]["state"] == snapshot["state"]
        assert (await on.ask("POST", "/reset"))[0] == 204
        on.stage.recorder.check()


@pytest.mark.parametrize("vendor", VENDORS)
async def test_no_path_of_the_control_api_is_on_the_vendors_host(vendor: str) -> None:
    async with controlled(vendor) as on:
        assert on.control.host not in on.fake.hosts
        for path in ("/account", "/snapshot", "/requests", "/faults"):
            url = on.stage.url(on.fake.hosts[0]) + path
            async with on.stage.session.get(url) as response:
                assert "credentials" not in await response.text()
        seen = (await on.ask("GET", "/requests"))[1]
        assert {one["operation"] for one in seen["requests"]} <= {"", "openPixel", "showRoot"}


async def test_mailmodo_is_set_up_and_shown_from_one_record() -> None:
    async with controlled("mailmodo") as on:
        assert (await on.ask("POST", "/collections/templates", TEMPLATE))[0] == 201
        status, made = await on.ask("POST", "/collections/campaigns", CAMPAIGN)
        assert status == 201
        hook = f"{on.stage.url('receiver.test')}/activity"
        assert (await on.ask("POST", "/collections/webhooks", {"url": hook}))[0] == 201

        status, steps = await on.ask("GET", "/campaigns/nps/setup-steps")
        assert status == 200
        body = {
            **steps["json_body"],
            "email": "ada@example.com",
            "clevertap_id": "ct-1",
            "data": {"first_name": "Ada"},
        }
        async with on.stage.session.post(steps["webhook_url"], json=body) as response:
            assert response.status == 200
        await settled(on)

        key = on.fake.settings.api_key
        _, campaigns = await call_vendor(on, "GET", "/api/v1/campaigns", mmApiKey=key)
        _, report = await call_vendor(on, "POST", f"/api/v1/campaignReports/{made['id']}", {}, mmApiKey=key)
        shown = (await on.ask("GET", "/collections/campaigns"))[1]["items"]
        webhook = json.loads(on.receiver.requests[0][3])
        assert [one["id"] for one in campaigns["campaigns"]] == [one["id"] for one in shown]
        assert shown[0]["report"]["sent"] == report["sent"] == 1
        assert webhook["properties"]["campaign_id"] == shown[0]["id"]
        assert webhook["event"] == "Email Sent"
        on.stage.recorder.check()


async def test_a_form_of_mailmodo_may_have_steps_and_a_journey_begin_after_one() -> None:
    async with controlled("mailmodo") as on:
        form = {**TEMPLATE["form"], "further": [{"colour": {"kind": "choice", "choices": ["red", "blue"]}}]}  # type: ignore[dict-item]  # an object
        status, made = await on.ask("POST", "/collections/templates", {**TEMPLATE, "form": form})
        assert (status, made["form"]["steps"]) == (201, [["score", "why"], ["colour"]])
        body = {"name": "early", "entry": {"kind": "form", "name": "nps", "step": 1}, "cards": []}

        status, journey = await on.ask("POST", "/collections/journeys", body)

        assert (status, journey["entry"]) == (201, {"kind": "form", "name": "nps", "step": 1})
        assert (
            await on.ask("POST", "/collections/journeys", {**body, "entry": {"kind": "form", "step": 0}})
        )[0] == 400


async def test_a_draft_of_mailmodo_is_enabled_by_its_launch() -> None:
    async with controlled("mailmodo") as on:
        await on.ask("POST", "/collections/templates", TEMPLATE)
        made = (await on.ask("POST", "/collections/campaigns", {**CAMPAIGN, "is_draft": True}))[1]
        assert made["status"] == "Draft"
        assert (await on.ask("GET", "/campaigns/nps/setup-steps"))[0] == 404
        status, refused = await on.ask("POST", "/campaigns/nps/launch", {"emails": ["a@example.com"]})
        assert (status, "sends nothing" in refused["error"]["message"]) == (409, True)

        assert await on.ask("POST", "/campaigns/nps/launch", {}) == (200, {"people": 0})

        assert (await on.ask("GET", "/campaigns/nps/setup-steps"))[0] == 200
        status, refused = await on.ask("POST", "/campaigns/nps/launch", {})
        assert (status, refused["error"]["message"]) == (409, "campaign 'nps' is Triggered; wanted a draft")


async def test_a_vendor_without_campaigns_launches_none() -> None:
    async with controlled("segment") as on:
        status, refused = await on.ask("POST", "/campaigns/nps/launch", {})

        assert (status, refused["error"]["code"]) == (404, "not_offered")


async def test_a_journey_of_mailmodo_is_created_started_and_comes_back() -> None:
    async with controlled("mailmodo") as on:
        await on.ask("POST", "/collections/templates", TEMPLATE)
        await on.ask(
            "POST", "/collections/campaigns", {**CAMPAIGN, "name": "hello", "trigger_app": "Journey"}
        )
        cards = [{"type": "Wait", "seconds": 60}, {"type": "SendEmail", "campaign": "hello"}]
        body = {"name": "welcome", "entry": {"kind": "api"}, "cards": cards}
        status, made = await on.ask("POST", "/collections/journeys", body)
        assert (status, made["entry"]["kind"]) == (201, "api")
        document = (await on.ask("GET", "/snapshot"))[1]
        assert (await on.ask("POST", "/reset"))[0] == 204
        assert (await on.ask("GET", "/collections/journeys"))[1] == {"items": []}
        assert (await on.ask("PUT", "/snapshot", document))[0] == 204

        key = on.fake.settings.api_key
        path = f"/hooks/start/{made['id']}"
        assert (await call_vendor(on, "POST", path, {"email": "ada@example.com"}, mmApiKey=key))[0] == 200
        await asyncio.sleep(61)

        assert [mail.recipient for mail in on.stage.recorder.mails] == ["ada@example.com"]
        status, refused = await on.ask(
            "POST", "/collections/journeys", {**body, "cards": [{"type": "SendEmail"}]}
        )
        assert (status, "no campaign" in refused["error"]["message"]) == (409, True)
        on.stage.recorder.check()


async def test_clevertap_is_set_up_launched_and_shown() -> None:
    async with controlled("clevertap") as on:
        hook = {"name": "ask", "url": f"{on.stage.url('receiver.test')}/ask"}
        assert (await on.ask("POST", "/collections/webhooks", hook))[0] == 201
        campaign = {
            "name": "ask",
            "channel": "webhook",
            "webhook": "ask",
            "body": {"email": "{{ Profile.Email }}"},
        }
        status, made = await on.ask("POST", "/collections/campaigns", campaign)
        assert (status, made["channel"]) == (201, "webhook")
        nudge = {
            "name": "nudge", "channel": "sms", "text": "Hello?",
            "when": {"type": "DidNot", "event": "Answered", "within": 3600, "after": "ask"},
        }  # fmt: skip
        status, shown = await on.ask("POST", "/collections/campaigns", nudge)
        assert (status, shown["when"]["within"]) == (201, 3600)
        record = {
            "type": "profile",
            "identity": "u1",
            "profileData": {"Email": "ada@example.com", "Phone": "+15550100"},
        }
        headers = {
            "X-CleverTap-Account-Id": on.fake.settings.account_id,
            "X-CleverTap-Passcode": on.fake.settings.passcode,
        }
        assert (await call_vendor(on, "POST", "/1/upload", {"d": [record]}, **headers))[0] == 200

        assert (await on.ask("POST", "/campaigns/ask/launch", {"emails": ["ada@example.com"]}))[1] == {
            "people": 1
        }
        await settled(on)
        await asyncio.sleep(3601)

        numbers = {
            one["name"]: one["statistics"]
            for one in (await on.ask("GET", "/collections/campaigns"))[1]["items"]
        }
        assert (numbers["ask"]["sent"], numbers["nudge"]["sent"]) == (1, 1)
        assert [text.text for text in on.stage.recorder.texts] == ["Hello?"]
        on.stage.recorder.check()


async def test_requests_are_kept_with_verdict_and_can_be_filtered() -> None:
    async with controlled("mailmodo") as on:
        key = on.fake.settings.api_key
        await call_vendor(on, "GET", "/api/v1/campaigns", mmApiKey=key)
        await call_vendor(on, "GET", "/api/v1/campaigns", mmApiKey="nonsense")
        await call_vendor(on, "POST", "/api/v1/addEvent", {"email": 5}, mmApiKey=key)
        await call_vendor(on, "GET", "/no/such/path")

        everything = (await on.ask("GET", "/requests"))[1]
        assert (everything["seen"], everything["kept"]) == (4, 4)
        first = everything["requests"][-1]
        assert (first["operation"], first["status"], first["violations"]) == ("getCampaigns", 200, [])

        async def count(query: str) -> int:
            return len((await on.ask("GET", f"/requests?{query}"))[1]["requests"])

        assert await count("operation=getCampaigns") == 2
        assert await count("status=401") == 1
        assert await count("status=4xx") == 3
        assert await count("status=none") == 0
        assert await count("broken=true") == 2
        assert await count("contains=no/such") == 1
        assert await count("kind=webhook") == 0
        assert await count("limit=2") == 2
        assert await count(f"after={first['id']}") == 3
        assert await count("faulted=true") == 0
        assert (await on.ask("DELETE", "/requests"))[0] == 204
        assert (await on.ask("GET", "/requests"))[1] == {"seen": 0, "kept": 0, "requests": []}


async def test_memory_of_requests_is_bounded() -> None:
    async with controlled("mailmodo") as on:
        big = {"email": "a@example.com", "data": {"text": "x" * 50_000}}
        for _ in range(3):
            await call_vendor(
                on, "POST", "/api/v1/triggerCampaign/none", big, mmApiKey=on.fake.settings.api_key
            )
        kept = (await on.ask("GET", "/requests"))[1]["requests"][0]["request"]
        assert len(kept["body"]) == 16_384
        assert kept["size"] > 50_000
        log = on.control.requests
        exchange = on.stage.recorder.exchanges[-1]
        for _ in range(1500):
            log.keep(exchange)
        assert (len(log), log.seen) == (1000, 1503)


async def test_faults_come_and_go() -> None:
    async with controlled("mailmodo") as on:
        key = on.fake.settings.api_key
        status, fault = await on.ask(
            "POST",
            "/faults",
            {"fault": "rate limit", "retry_after_s": 7, "on": ["getCampaigns"], "last": 1, "for_s": 60},
        )
        assert (status, fault["does"]) == (201, "rate limit, retry after 7 s")
        assert (await call_vendor(on, "GET", "/api/v1/campaigns", mmApiKey=key))[0] == 429
        assert (await call_vendor(on, "GET", "/api/v1/campaigns", mmApiKey=key))[0] == 200
        (shown,) = (await on.ask("GET", "/faults"))[1]["faults"]
        assert (shown["fitted"], shown["struck"]) == (2, 1)
        assert (await on.ask("GET", "/requests?faulted=true"))[1]["requests"][0]["fault"] == fault["does"]

        assert (await on.ask("DELETE", f"/faults/{fault['id']}"))[0] == 204
        assert (await on.ask("DELETE", f"/faults/{fault['id']}"))[0] == 404
        await on.ask("POST", "/faults", {"fault": "down"})
        assert (await call_vendor(on, "GET", "/api/v1/campaigns", mmApiKey=key))[0] == 503
        assert (await on.ask("DELETE", "/faults"))[0] == 204
        assert (await call_vendor(on, "GET", "/api/v1/campaigns", mmApiKey=key))[0] == 200
        on.stage.recorder.check()


@pytest.mark.parametrize(
    "rule",
    [
        {"fault": "delay", "seconds": 1, "to_seconds": 2, "handled": False},
        {"fault": "status", "status": 502, "retry_after_s": 3, "handled": True},
        {"fault": "reset", "handled": True},
        {"fault": "cut", "arrives": 0.25},
        {"fault": "duplicate", "seconds": 2.5},
        {"fault": "reorder", "seconds": 3},
        {"fault": "rate limit", "retry_after_s": 9},
        {"fault": "wrong credentials", "caller": "bridge", "share": 0.5, "first": 2, "last": 4},
        {"fault": "down", "status": 502, "on": ["webhooks"]},
        {"fault": "down", "connections": "refused"},
    ],
    ids=lambda rule: " ".join(map(str, rule.values())),
)
async def test_a_rule_is_shown_as_it_was_given(rule: dict[str, Any]) -> None:
    async with controlled("mailmodo") as on:
        shown = (await on.ask("POST", "/faults", rule))[1]["rule"]

        assert {name: shown[name] for name in rule} == rule


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("GET", "/nothing", None, 404, "openapi.json"),
        ("GET", "/not%0Ahing", None, 404, "openapi.json"),
        ("DELETE", "/%0A", None, 404, "openapi.json"),
        ("POST", "/account", {}, 405, "wanted GET"),
        ("GET", "/requests?statu=404", None, 400, "statu, which mean nothing"),
        ("GET", "/requests?status=999", None, 400, "request.query.status"),
        ("POST", "/faults", {"fault": "meteor"}, 400, "meteor"),
        ("POST", "/faults", {"fault": "down", "connections": "lost"}, 400, "connections"),
        ("POST", "/faults", {"fault": "down", "connections": "refused", "last": 2}, 400, "nothing can be picked"),
        ("POST", "/faults", {"fault": "delay"}, 400, "`seconds` is missing"),
        ("POST", "/faults", {"fault": "cut", "status": 500}, 400, "found `status`, wanted `arrives`"),
        ("POST", "/faults", {"fault": "reset", "on": ["upload"]}, 400, "no operation or webhook 'upload'"),
        ("POST", "/faults", {"fault": "reset", "for_s": 0}, 400, "not after its start"),
        ("DELETE", "/faults/f9", None, 404, "there are none"),
        ("GET", "/collections/moons", None, 404, "there are templates, campaigns, webhooks, journeys"),
        ("POST", "/collections/templates", {"nam": "x"}, 400, "name"),
        ("POST", "/collections/campaigns", CAMPAIGN, 409, "no template 'NPS'"),
        ("POST", "/collections/webhooks", {"url": "http://[::1"}, 400, "request.body $.url"),
        ("POST", "/collections/webhooks", {"url": "ftp://a.test/x"}, 400, "request.body $.url"),
        ("POST", "/collections/webhooks", {"url": "a.test/x"}, 400, "wanted pattern"),
        ("POST", "/collections/templates", {"name": "x", "form": {"name": "f", "questions": {"q": {"kind": "scale", "low": 5, "high": 5}}}}, 400, "`low` below `high`"),
        ("GET", "/campaigns/nps/setup-steps", None, 404, "there are some for none"),
        ("POST", "/campaigns/nps/launch", {}, 404, "no campaign 'nps'; there are none"),
        ("PUT", "/snapshot", {"vendor": "mailmodo"}, 400, "format"),
        ("PUT", "/snapshot", {"vendor": "segment", "format": 1, "taken_at": "2026-01-01T00:00:00Z", "under_way": 0, "settings": {}, "state": {}}, 400, "found segment, wanted mailmodo"),
        ("PUT", "/snapshot", {"vendor": "mailmodo", "format": 1, "taken_at": "2026-01-01T00:00:00Z", "under_way": 0, "settings": {}, "state": {"x": 1}}, 400, "$.settings: found nothing, wanted api_key"),
    ],
)  # fmt: skip
async def test_what_is_wrong_is_said_and_nothing_is_done(
    method: str, path: str, body: Any, status: int, message: str
) -> None:
    async with controlled("mailmodo") as on:
        before = on.vendor.take()["state"]

        found, answer = await on.ask(method, path, body)

        assert (found, message in answer["error"]["message"]) == (status, True), answer
        assert on.vendor.take()["state"] == before
        assert on.fake.faults.installed == []


async def test_a_snapshot_with_other_parts_is_refused() -> None:
    async with controlled("mailmodo") as on:
        document = (await on.ask("GET", "/snapshot"))[1]

        status, answer = await on.ask("PUT", "/snapshot", {**document, "state": {"x": 1}})

        assert (status, "$.state: found x, wanted the parts account" in answer["error"]["message"]) == (
            400,
            True,
        )
        assert (await on.ask("GET", "/snapshot"))[1]["state"] == document["state"]


@pytest.mark.parametrize(
    ("campaign", "message"),
    [
        ({"name": "x", "channel": "pigeon"}, "campaign.channel: found pigeon, wanted webhook or sms"),
        ({"name": "x", "channel": "sms"}, "campaign.text: found nothing"),
        ({"name": "x", "channel": "sms", "text": 5}, "$.text"),
        (
            {"name": "x", "channel": "sms", "text": "a", "when": {"type": "Dreamt"}},
            'campaign.when.type: found "Dreamt", wanted Did or',
        ),
        (
            {"name": "x", "channel": "sms", "text": "a", "when": {"type": "Did"}},
            "campaign.when.event: found nothing",
        ),
        ({"name": "x", "channel": "sms", "text": "a", "colour": "red"}, "campaign.colour"),
        ({"name": "x", "channel": "webhook", "webhook": "gone"}, "no webhook 'gone'"),
    ],
)
async def test_a_campaign_that_cannot_be_is_refused(campaign: dict[str, Any], message: str) -> None:
    async with controlled("clevertap") as on:
        status, answer = await on.ask("POST", "/collections/campaigns", campaign)

        assert status in (400, 409)
        assert message in answer["error"]["message"]
        assert (await on.ask("GET", "/collections/campaigns"))[1] == {"items": []}


@pytest.mark.parametrize("collection", ["webhooks", "linked_contents"])
@pytest.mark.parametrize("headers", [{"X": "a\nb"}, {"X": "a\0"}, {"X Y": "a"}, {"X\r": "a"}, {"": "a"}])
async def test_headers_that_http_cannot_carry_are_refused(collection: str, headers: dict[str, str]) -> None:
    async with controlled("clevertap") as on:
        body = {"name": "x", "url": "https://a.test/", "headers": headers}

        status, answer = await on.ask("POST", f"/collections/{collection}", body)

        assert status == 400
        assert "request.body $.headers" in answer["error"]["message"]
        assert (await on.ask("GET", f"/collections/{collection}"))[1] == {"items": []}


@pytest.mark.parametrize("url", ["ftp://a.test/", "a.test", "http://", "{{ Profile.Link }}"])
async def test_linked_content_is_asked_for_over_http(url: str) -> None:
    async with controlled("clevertap") as on:
        status, answer = await on.ask("POST", "/collections/linked_contents", {"name": "x", "url": url})

        assert status == 400
        assert "request.body $.url" in answer["error"]["message"]


@pytest.mark.parametrize("data", [b"", b"{", b'{"fault": NaN}', b'"text"', b"\xff\xfe", b"[" * 5000])
async def test_bytes_that_are_no_request_are_refused(data: bytes) -> None:
    async with controlled("segment") as on:
        status, answer = await on.ask("POST", "/faults", data=data)

        assert status == 400
        assert answer["error"]["code"] == "bad_request"


async def test_pages_of_other_sites_are_refused() -> None:
    async with controlled("segment") as on:
        status, answer = await on.ask("POST", "/reset", Origin="https://evil.example")

        assert (status, answer["error"]["code"]) == (403, "other_origin")


async def test_the_page_writes_what_it_shows_as_text() -> None:
    async with controlled("mailmodo") as on:
        await call_vendor(on, "POST", "/api/v1/addEvent?<script>alert(1)</script>", {"email": "<b>x</b>"})

        page = (await on.ask("GET", "/"))[1]

        assert "<script>alert(1)" not in page
        assert "&lt;b&gt;x&lt;/b&gt;" in page


async def test_a_fake_keeps_no_requests_unless_a_control_api_is_made() -> None:
    async with controlled("mailmodo") as on:
        assert on.fake.keeper is on.control.requests
        fresh = type(on.fake)(on.stage.surroundings())

        assert fresh.keeper is None


async def test_a_handler_too_few_fails_when_it_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    async with controlled("mailmodo") as on:
        contract = on.control._contract
        fewer = {name: one for name, one in contract.operations.items() if name != "reset"}
        monkeypatch.setattr(
            "fakes.kit.control.load_contract",
            lambda _name: type(
                "C",
                (),
                {"operations": fewer, "document": contract.document, "uri": contract.uri, "name": "control"},
            )(),
        )

        with pytest.raises(UnboundOperation, match="reset"):
            Control(on.vendor)


def test_the_page_is_part_of_the_package() -> None:
    assert (ROOT / "fakes" / "kit" / "templates" / "control.html.j2").exists()
