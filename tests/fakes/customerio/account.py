"""One workspace on a stage, and a client with its credentials: what these tests start from."""

from __future__ import annotations

import base64
import json
import re
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fakes.customerio import CustomerIoSettings, FakeCustomerIo
from tests.support.fakes import stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fakes.kit import MailMessage
    from tests.support.fakes import Receiver, Recorder, Stage

EVERY_EMAIL_EVENT = [
    "email_drafted", "email_sent", "email_delivered", "email_opened", "email_clicked", "email_unsubscribed",
    "email_bounced", "email_dropped", "email_deferred", "email_spammed", "email_failed", "email_undeliverable",
    "email_converted", "customer_subscribed", "customer_unsubscribed",
]  # fmt: skip
BODY = (
    '<body><p>Hello {{ customer.first_name }}</p><a href="https://shop.example/?a=1&amp;b=2">Shop</a></body>'
)


@dataclass
class Answer:
    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Account:
    stage: Stage
    fake: FakeCustomerIo

    @property
    def recorder(self) -> Recorder:
        return self.stage.recorder

    async def call(self, method: str, url: str, **options: Any) -> Answer:
        """Call any URL, without credentials; `data` is sent as JSON, however little it is."""
        if isinstance(options.get("data"), str | bytes):
            options["headers"] = {"Content-Type": "application/json", **options.get("headers", {})}
        async with self.stage.session.request(method, url, allow_redirects=False, **options) as response:
            return Answer(response.status, response.headers, await response.read())

    async def track(self, method: str, path: str, **options: Any) -> Answer:
        settings = self.fake.settings
        pair = base64.b64encode(f"{settings.site_id}:{settings.track_api_key}".encode()).decode()
        headers = {"Authorization": f"Basic {pair}"}
        return await self.call(method, f"https://track.customer.io{path}", headers=headers, **options)

    async def app(self, method: str, path: str, **options: Any) -> Answer:
        headers = {"Authorization": f"Bearer {self.fake.settings.app_api_key}"}
        return await self.call(method, f"https://api.customer.io{path}", headers=headers, **options)

    async def identify(self, identifier: str, **attributes: Any) -> Answer:
        return await self.track("PUT", f"/api/v1/customers/{identifier}", json=attributes)

    async def subscribe(self, **options: Any) -> int:
        """Register a reporting webhook at the stage's receiver."""
        body = {
            "name": "bridge",
            "endpoint": "https://receiver.test/cio",
            "events": EVERY_EMAIL_EVENT,
            **options,
        }
        answer = await self.app("POST", "/v1/reporting_webhooks", json=body)
        assert answer.status == 200, answer.body
        return int(answer.json["id"])

    async def send(self, **fields: Any) -> str:
        """Send a message to Ann unless told otherwise; gives the delivery id."""
        answer = await self.app("POST", "/v1/send/email", json={**message(), **fields})
        assert answer.status == 200, answer.body
        return str(answer.json["delivery_id"])

    def events(self) -> list[dict[str, Any]]:
        """Give the bodies of all webhooks sent, tries that failed included."""
        return [json.loads(each.request_body) for each in self.recorder.webhooks()]

    def metrics(self) -> list[str]:
        return [event["metric"] for event in self.events()]


def message() -> dict[str, Any]:
    return {
        "to": "ann@example.com",
        "identifiers": {"id": "u-1"},
        "from": "Shop <news@example.com>",
        "subject": "Hi {{ customer.first_name }}",
        "body": BODY,
    }


def links(mail: MailMessage) -> list[str]:
    """Give the targets of all links, as a mail program would follow them."""
    return re.findall(r'<a\b[^>]*href="([^"]+)"', mail.html)


def pixel(mail: MailMessage) -> str:
    found = re.findall(r'<img src="([^"]+)"', mail.html)
    assert len(found) == 1
    return str(found[0])


@asynccontextmanager
async def account(
    settings: CustomerIoSettings | None = None, receiver: Receiver | None = None
) -> AsyncIterator[Account]:
    made: list[FakeCustomerIo] = []

    def make(surroundings: Any) -> FakeCustomerIo:
        made.append(FakeCustomerIo(surroundings, settings))
        return made[0]

    async with stage(make, receiver=receiver) as opened:
        yield Account(opened, made[0])
