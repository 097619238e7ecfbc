"""What tests of the fake Segment share: a workspace on a stage, and messages."""

from __future__ import annotations

import json
from base64 import b64encode
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fakes.segment import FakeSegment, SegmentSettings, Source
from tests.support.fakes import Receiver, Stage, stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from aiohttp import ClientResponse

    from fakes.kit import Fact, Surroundings

US = "https://api.segment.io"
KEY = "DmBXIN4JnwqBnTqXccTF0wBnLXNQmFtk"


def basic(key: str, *, colon: str = ":") -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"{key}{colon}".encode()).decode()}


def track(**fields: Any) -> dict[str, Any]:
    return {"type": "track", "event": "Email Opened", "userId": "u1", **fields}


@dataclass
class Workspace:
    """A fake Segment with one source on a stage."""

    stage: Stage
    fake: FakeSegment
    source: Source
    receiver: Receiver

    async def post(
        self,
        path: str,
        body: Any,
        *,
        key: str = KEY,
        base: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> ClientResponse:
        """Post JSON, or raw bytes, with a write key in the header unless it is empty."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", **(basic(key) if key else {}), **(headers or {})}
        url = (base or self.stage.network.url("api.segment.io")) + path
        response = await self.stage.session.post(url, data=data, headers=sent)
        await response.read()
        return response

    async def get(self, host: str, path: str) -> ClientResponse:
        response = await self.stage.session.get(self.stage.network.url(host) + path)
        await response.read()
        return response

    @property
    def events(self) -> list[Mapping[str, Any]]:
        """What the debugger shows, newest first."""
        return self.fake.state.debugger(self.source.name)

    @property
    def codes(self) -> list[str]:
        """Codes of the messages that were discarded, in order."""
        return [fact.details["code"] for fact in self.facts("message_discarded")]

    def facts(self, kind: str) -> list[Fact]:
        return self.stage.recorder.facts_of(kind)

    def check(self, *, sent: bool = True) -> None:
        self.stage.recorder.check(sent=sent)

    def connect(self, **options: Any) -> None:
        """Connect a destination that calls the receiver."""
        given = {
            "name": "Mailmodo",
            "url": self.stage.network.url("receiver.test") + "/hook",
            "api_key": "mm-key",
        }
        self.fake.state.add_destination(self.source.name, **{**given, **options})


@asynccontextmanager
async def workspace(settings: SegmentSettings | None = None) -> AsyncIterator[Workspace]:
    made: list[FakeSegment] = []

    def make(surroundings: Surroundings) -> FakeSegment:
        made.append(FakeSegment(surroundings, settings))
        return made[0]

    receiver = Receiver()
    async with stage(make, receiver=receiver) as on_stage:
        source = made[0].state.add_source("Website", write_key=KEY)
        yield Workspace(on_stage, made[0], source, receiver)
