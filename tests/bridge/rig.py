"""A bridge on a virtual network, between vendors that answer as told."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections import deque
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random
from typing import TYPE_CHECKING, Any

from aiohttp import ClientSession, web

from bridge import Bridge, Settings
from bridge.sources.customerio import sign
from contracts import Judge, load_contract
from simulator.loop import VirtualLoop
from simulator.network import VirtualNetwork

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from bridge import Counts
    from contracts import Violation

START = datetime(2026, 3, 2, 3, 30, tzinfo=UTC)
OBJECT_ID = "0123456789abcdef0123456789abcdef"

ADMIN_TOKEN = "an-admin-token-of-a-test"

SETTINGS: dict[str, Any] = {
    "store_path": ":memory:",
    "admin_token": ADMIN_TOKEN,
    "clevertap_account_id": "ZWW-WWW-WWRZ",
    "clevertap_passcode": "pass",
    "clevertap_webhook_secret": "ct-secret",
    "mailmodo_api_key": "AAAAAAA-BBBBBBB-CCCCCCC-DDDDDDD",
    "mailmodo_webhook_secret": "mm-secret",
    "mailjet_webhook_user": "mailjet",
    "mailjet_webhook_password": "mj-secret",
    "customerio_signing_keys": ["local-signing-key"],
    "segment_destination_api_key": "destination-key",
    "segment_webhook_secret": "sg-secret",
    "segment_write_key_mailmodo": "write-mailmodo",
    "segment_write_key_mailjet": "write-mailjet",
    "segment_write_key_customerio": "write-customerio",
}


@dataclass
class Request:
    """What a vendor got, and when."""

    at_s: float
    path: str
    headers: Mapping[str, str]
    body: Any


@dataclass
class Vendor:
    """A vendor that keeps what it gets and answers from a script, then as it usually does.

    What it gets must keep its contract.
    """

    name: str
    usual: Callable[[Any], web.Response]
    script: deque[Any] = field(default_factory=deque)
    requests: list[Request] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        body = json.loads(raw)
        self.violations += judge_call(self.name, request.path, request.headers["Content-Type"], raw)
        now_s = asyncio.get_running_loop().time()
        self.requests.append(Request(now_s, request.path, dict(request.headers), body))
        if not self.script:
            return self.usual(body)
        reply = self.script.popleft()
        if isinstance(reply, int):
            return web.json_response({"message": "told to"}, status=reply)
        if isinstance(reply, web.Response):
            return reply
        answer = await reply(request)
        assert isinstance(answer, web.StreamResponse)
        return answer

    @property
    def bodies(self) -> list[Any]:
        return [request.body for request in self.requests]

    @property
    def records(self) -> list[Any]:
        """Every record of every batch."""
        return [record for body in self.bodies for record in (body.get("d") or body.get("batch") or [])]


@dataclass
class Rig:
    bridge: Bridge
    clevertap: Vendor
    mailmodo: Vendor
    segment: Vendor
    session: ClientSession
    network: VirtualNetwork
    now: Callable[[], datetime]
    judge: Judge

    async def post(
        self, path: str, body: object, *, headers: Mapping[str, str] | None = None, user: str = ""
    ) -> tuple[int, Any]:
        """Post to the bridge; its answer must keep its contract."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", **(headers or {})}
        if user:
            sent["Authorization"] = "Basic " + b64encode(user.encode()).decode()
        async with self.session.post(f"https://bridge.test{path}", data=raw, headers=sent) as response:
            return response.status, self.judged("POST", path, response, await response.read())

    async def get(self, path: str) -> tuple[int, Any]:
        async with self.session.get(f"https://bridge.test{path}") as response:
            return response.status, self.judged("GET", path, response, await response.read())

    async def ask(self, path: str, body: object = None, *, token: str = ADMIN_TOKEN) -> tuple[int, Any]:
        """Ask the admin API: with a body it is a POST. Its answer must keep its contract."""
        method = "GET" if body is None else "POST"
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        url = f"https://bridge.test{path}"
        async with self.session.request(method, url, data=data, headers=headers) as response:
            path = path.partition("?")[0]
            return response.status, self.judged(method, path, response, await response.read())

    def judged(self, method: str, path: str, response: Any, body: bytes) -> Any:
        match = self.judge.contract.match(method, path)
        if match is not None:
            found = self.judge.response(
                match.operation,
                status=response.status,
                content_type=response.headers["Content-Type"],
                body=body,
            )
            assert found == ()
        return json.loads(body) if response.content_type == "application/json" else body.decode()

    async def trigger(self, campaign: str = "camp-1", **body: Any) -> tuple[int, Any]:
        return await self.post(f"/sources/clevertap/ct-secret/campaigns/{campaign}", body)

    async def activity(self, body: object) -> tuple[int, Any]:
        return await self.post("/sources/mailmodo/mm-secret", body)

    async def mailjet(self, body: object) -> tuple[int, Any]:
        return await self.post("/sources/mailjet", body, user="mailjet:mj-secret")

    async def customerio(
        self, body: object, *, key: str = "local-signing-key", age_s: int = 0
    ) -> tuple[int, Any]:
        raw = json.dumps(body).encode()
        stamp = str(int(self.now().timestamp()) - age_s)
        headers = {"X-CIO-Timestamp": stamp, "X-CIO-Signature": sign(key, stamp, raw)}
        return await self.post("/sources/customerio", raw, headers=headers)

    async def from_segment(self, body: object) -> tuple[int, Any]:
        return await self.post("/sources/segment", body, user="destination-key:")

    async def identify(self, user_id: str, email: str, **traits: Any) -> None:
        status, _answer = await self.from_segment(identify(user_id, email=email, **traits))
        assert status == 200

    async def settle(self, seconds: float = 1.0) -> Counts:
        """Let virtual time pass, then demand that the books balance."""
        await asyncio.sleep(seconds)
        counts = await self.bridge.counts()
        assert counts.is_balanced, counts
        return counts


@asynccontextmanager
async def rig(**changes: object) -> AsyncIterator[Rig]:
    """Put up a bridge with every source and destination on."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    network = VirtualNetwork(loop)
    clevertap = Vendor("clevertap", lambda body: clevertap_answer(len(body["d"])))
    mailmodo = Vendor(
        "mailmodo", lambda _body: web.json_response({"success": True, "message": "ok", "ref": "r-1"})
    )
    segment = Vendor("segment", lambda _body: web.json_response({"success": True}))
    for vendor, host in (
        (clevertap, "in1.api.clevertap.com"),
        (mailmodo, "api.mailmodo.com"),
        (segment, "api.segment.io"),
    ):
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", vendor.take)
        await network.serve(app, [host])

    def now() -> datetime:
        return START + timedelta(seconds=loop.time())

    bridge = Bridge(Settings.from_mapping({**SETTINGS, **changes}), now=now, random=Random(7))
    await network.serve(bridge.app, ["bridge.test"])
    await bridge.start()
    async with ClientSession() as session:
        try:
            yield Rig(
                bridge, clevertap, mailmodo, segment, session, network, now, Judge(load_contract("bridge"))
            )
        finally:
            await bridge.stop()
            await network.close()
        assert clevertap.violations + mailmodo.violations + segment.violations == []


@cache
def judge_of(vendor: str) -> Judge:
    return Judge(load_contract(vendor))


def judge_call(vendor: str, path: str, content_type: str, body: bytes) -> tuple[Violation, ...]:
    """Judge a call by the contract of the vendor that gets it."""
    judge = judge_of(vendor)
    match = judge.contract.match("POST", path)
    assert match is not None, path
    return judge.request(match.operation, query={}, content_type=content_type, body=body)


def clevertap_answer(records: int, *refused: tuple[int, int]) -> web.Response:
    """Answer an upload as CleverTap does; `refused` is (record number, code)."""
    entries = [
        {"status": "fail", "code": code, "error": f"Event data is incorrect.Skipped record number : {number}"}
        for number, code in refused
    ]
    status = "success" if not refused else "fail" if len(refused) == records else "partial"
    return web.json_response({"status": status, "processed": records - len(refused), "unprocessed": entries})


def activity(event: str = "Email Opened", *, id_: str = "a-1", **changes: Any) -> dict[str, Any]:
    """Give an activity of a CleverTap trigger; `changes` go to the top, or to `properties` when named there."""
    properties: dict[str, Any] = {
        "email_id": "e-1",
        "email_subject": "How are we doing, Asha?",
        "email_type": "AMP",
        "template_id": "t-1",
        "template_name": "NPS Survey",
        "campaign_id": "c-1",
        "campaign_name": "nps-march",
        "campaign_type": "TRIGGERED",
        "campaign_trigger_source": "CleverTap",
    }
    of_kind: dict[str, dict[str, Any]] = {
        "Email Opened": {"apple_privacy_open": False},
        "Link Clicked": {"link_id": "l-1", "link_url": "https://shop.example.com/?a=1"},
        "Email Form Submitted": {"form_id": "f-1", "form_name": "nps", "submission_type": "AMP"},
        "Email Bounced": {"reason": "550 5.1.1 no such user", "is_hard_bounce": True},
        "Email Unsubscribed": {"reason": "link"},
    }
    properties |= of_kind.get(event, {})
    body: dict[str, Any] = {
        "id": id_,
        "event": event,
        "occurred_at": "2026-03-02T03:29:58.250Z",
        "email": "asha@example.com",
        "contact_id": "k-1",
        "ref": "r-1",
        "clevertap_id": OBJECT_ID,
        "properties": properties | changes.pop("properties", {}),
    }
    if event == "Email Form Submitted":
        body["answers"] = {"score": 9, "why": "Fast"}
    return body | changes


def identify(user_id: str | None = "u-1", *, id_: str = "", **traits: object) -> dict[str, Any]:
    return {
        "type": "identify",
        "messageId": id_ or f"i-{user_id}-{traits.get('email')}",
        "userId": user_id,
        "timestamp": "2026-03-02T03:29:00.000Z",
        "traits": traits,
        "integrations": {},
        "context": {},
    }


def track(
    user_id: str | None = "u-1", *, event: str = "Product Viewed", id_: str = "t-1", **properties: object
) -> dict[str, Any]:
    return {
        "type": "track",
        "messageId": id_,
        "userId": user_id,
        "event": event,
        "timestamp": "2026-03-02T03:29:30.000Z",
        "properties": properties,
        "integrations": {},
        "context": {},
    }


def mailjet_event(event: str = "open", **changes: object) -> dict[str, Any]:
    return {
        "event": event,
        "time": 1700000060,
        "MessageID": 1152921509597813712,
        "Message_GUID": "23ba1150-6546-4e6d-b896-34713f0374ea",
        "email": "ada@example.com",
        "mj_campaign_id": 7257,
        "mj_contact_id": 4,
        "customcampaign": "welcome",
        "CustomID": "order-17",
        "Payload": "",
        **changes,
    }


def customerio_event(metric: str = "opened", **data: object) -> dict[str, Any]:
    return {
        "event_id": f"01HF7YAT0000000000000000{metric[:2].upper()}",
        "object_type": "email",
        "metric": metric,
        "timestamp": 1700000000,
        "data": {
            "campaign_id": 7,
            "customer_id": "u-1",
            "delivery_id": "RAECAAGLz-VoAAABAgMEBQYHCAk=",
            "identifiers": {"cio_id": "a3000001", "email": "ann@example.com", "id": "u-1"},
            "recipient": "ann@example.com",
            "subject": "Hi",
            **data,
        },
    }
