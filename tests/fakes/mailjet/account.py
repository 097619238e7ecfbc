"""A Mailjet account on a stage, and short ways to call it."""

from __future__ import annotations

import asyncio
import io
import json
import re
from base64 import b64encode
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fakes.mailjet import FakeMailjet, MailjetSettings
from tests.support.fakes import Receiver, Stage, stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from fakes.kit import MailMessage, Surroundings

ADA = {"Email": "ada@example.org", "Name": "Ada"}
SHOP = {"Email": "shop@example.com", "Name": "Shop"}
HTML = '<html><body><p>Hello Ada</p><a href="https://shop.example.com/?a=1">Look</a></body></html>'
KEY = (MailjetSettings().api_key, MailjetSettings().secret_key)


@dataclass(frozen=True)
class Answer:
    status: int
    reason: str
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def data(self) -> list[dict[str, Any]]:
        return list(self.json["Data"])


@dataclass
class Account:
    stage: Stage
    fake: FakeMailjet
    receiver: Receiver

    @property
    def mails(self) -> list[MailMessage]:
        return self.stage.recorder.mails

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        auth: tuple[str, str] | None = KEY,
        **options: Any,
    ) -> Answer:
        """Call the API; a body that is not bytes is sent as JSON."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **options.pop("headers", {})}
        if auth is not None:
            headers["Authorization"] = "Basic " + b64encode(":".join(auth).encode()).decode()
        url = self.stage.network.url("api.mailjet.com") + path
        async with self.stage.session.request(
            method, url, data=data and io.BytesIO(data), headers=headers, **options
        ) as response:
            text = await response.text()
            return Answer(response.status, str(response.reason), response.headers, text)

    async def send(self, *messages: Mapping[str, Any], **root: Any) -> Answer:
        return await self.call("POST", "/v3.1/send", {"Messages": [*messages], **root})

    async def send_one(self, **properties: Any) -> int:
        """Send one mail, wait until it has arrived or failed, and give its MessageID."""
        answer = await self.send(message(**properties))
        assert answer.status == 200, answer.text
        await asyncio.sleep(0.01)
        return int(answer.json["Messages"][0]["To"][0]["MessageID"])

    async def hook(
        self, event: str, *, version: int = 1, url: str = "https://receiver.test/mj", **more: Any
    ) -> int:
        """Register a webhook and give its ID."""
        body = {"EventType": event, "Url": url, "Version": version, **more}
        answer = await self.call("POST", "/v3/REST/eventcallbackurl", body)
        assert answer.status == 201, answer.text
        return int(answer.data[0]["ID"])

    async def visit(self, url: str, method: str = "GET", **headers: str) -> Answer:
        """Do what a recipient's mail client does; redirects are not followed."""
        async with self.stage.session.request(
            method, url, headers={"User-Agent": "Thunderbird", **headers}, allow_redirects=False
        ) as response:
            text = (await response.read()).decode("latin-1")
            return Answer(response.status, str(response.reason), response.headers, text)

    def events(self) -> list[Any]:
        """Give the JSON of every request the receiver got, in order."""
        return [json.loads(body) for _, _, _, body in self.receiver.requests]


@asynccontextmanager
async def account(**settings: Any) -> AsyncIterator[Account]:
    """Open an account whose webhooks can go to `https://receiver.test`."""
    receiver = Receiver()
    made: list[FakeMailjet] = []

    def make(surroundings: Surroundings) -> FakeMailjet:
        made.append(FakeMailjet(surroundings, MailjetSettings(**settings)))
        return made[0]

    async with stage(make, receiver=receiver) as opened:
        yield Account(opened, made[0], receiver)


def message(**properties: Any) -> dict[str, Any]:
    """Build a message that is fine; a property given as None is left out."""
    whole = {"From": SHOP, "To": [ADA], "Subject": "Hello", "HTMLPart": HTML, **properties}
    return {name: value for name, value in whole.items() if value is not None}


def pixel(mail: MailMessage) -> str:
    found = re.search(r'<img src="([^"]+)"', mail.html)
    assert found is not None, mail.html
    return found[1]


def links(mail: MailMessage) -> list[str]:
    return re.findall(r'<a href="([^"]+)"', mail.html)
