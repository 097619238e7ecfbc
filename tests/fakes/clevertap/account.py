"""One CleverTap account on a stage, called as a client calls it."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fakes.clevertap import CleverTapSettings, FakeCleverTap, SmsCampaign, WebhookCampaign
from tests.support.fakes import START, Receiver, Stage, stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fakes.clevertap import Trigger
    from fakes.kit import Fact

NOW_TS = int(START.timestamp())
HOOK = "https://receiver.test/hook"
BODY = {
    "email": "{{ Profile.Email }}",
    "clevertap_id": "{{ Profile.objectId }}",
    "data": {"first_name": "{{ Profile.Name }}"},
}
PHONE = "+919876543210"


@dataclass
class Account:
    stage: Stage
    fake: FakeCleverTap
    receiver: Receiver

    @property
    def headers(self) -> dict[str, str]:
        settings = self.fake.settings
        return {"X-CleverTap-Account-Id": settings.account_id, "X-CleverTap-Passcode": settings.passcode}

    def url(self, path: str, host: str = "") -> str:
        return self.stage.network.url(host or self.fake.host) + path

    async def call(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        headers: dict[str, str] | None = None,
        host: str = "",
    ) -> tuple[int, Any]:
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        sent = {**(self.headers if headers is None else headers)}
        if data is not None:
            sent["Content-Type"] = "application/json"
        async with self.stage.session.request(
            method, self.url(path, host), data=data, headers=sent
        ) as response:
            text = await response.text()
            return response.status, json.loads(text) if text else None

    async def upload(self, *records: Any, query: str = "") -> Any:
        status, answer = await self.call("POST", f"/1/upload{query}", body={"d": list(records)})
        assert status == 200
        return answer

    async def refusal(self, record: Any) -> tuple[int, str]:
        """Upload one bad record and give its code and text."""
        answer = await self.upload(record)
        assert (answer["status"], answer["processed"]) == ("fail", 0)
        [entry] = answer["unprocessed"]
        return entry["code"], entry["error"]

    async def profile(self, email: str) -> Any:
        _, answer = await self.call("GET", f"/1/profile.json?email={email}")
        return answer.get("record")

    async def settle(self, seconds: float = 1) -> None:
        """Let virtual time run, so that what goes on in the background ends."""
        await asyncio.sleep(seconds)

    def facts(self, *kinds: str) -> list[Fact]:
        return self.stage.recorder.facts_of(*kinds)

    def bodies(self) -> list[Any]:
        """Give the bodies that the receiver got, without the test call."""
        found = [json.loads(body) for *_, body in self.receiver.requests]
        return [body for body in found if not (isinstance(body, dict) and body.get("is_test"))]


@asynccontextmanager
async def account(settings: CleverTapSettings | None = None) -> AsyncIterator[Account]:
    made: list[FakeCleverTap] = []

    def make(surroundings: Any) -> FakeCleverTap:
        made.append(FakeCleverTap(surroundings, settings or CleverTapSettings()))
        return made[0]

    receiver = Receiver()
    async with stage(make, receiver=receiver) as opened:
        yield Account(opened, made[0], receiver)
        # Whatever the test was about: the fake's own answers and webhooks keep its contract.
        opened.recorder.check(sent=False)


def event(name: str = "MM Email Opened", **fields: Any) -> dict[str, Any]:
    return {"type": "event", "identity": "asha@example.com", "evtName": name, "evtData": {}} | fields


def person(email: str = "asha@example.com", **data: Any) -> dict[str, Any]:
    return {"type": "profile", "identity": email, "profileData": {"Email": email} | data}


async def with_webhook(ct: Account, when: Trigger | None = None, **campaign: Any) -> None:
    await ct.fake.add_webhook("mailmodo", url=HOOK)
    ct.fake.add_campaign(
        WebhookCampaign(name="ask", webhook="mailmodo", when=when, **({"body": BODY} | campaign))
    )


async def with_people(ct: Account, *names: str) -> None:
    await ct.upload(*(person(f"{name}@example.com", Name=name.title(), Phone=PHONE) for name in names))


def sms(
    ct: Account, when: Trigger | None = None, text: str = "Hi @Profile - Name!", name: str = "nudge"
) -> None:
    ct.fake.add_campaign(SmsCampaign(name=name, text=text, when=when))
