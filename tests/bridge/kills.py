"""A bridge in a process of its own that dies and comes back, between vendors that count."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from base64 import b64encode
from collections import Counter
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import ClientError, ClientSession, ClientTimeout, web

from bridge.engagement import iso
from tests.bridge.rig import SETTINGS, activity, clevertap_answer, identify, track

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable


ROOT = Path(__file__).parents[2]
_PATIENCE_S = 60.0
"""Real seconds without any progress, after which something that must come about does not."""
_FIRST_OPEN = datetime(2026, 3, 2, 3, 0, 0, 250_000, tzinfo=UTC)
"""When the first person opened their e-mail; each further one did so a second later."""


@dataclass
class Vendors:
    """All destinations in one server; what arrives is counted as the vendor would know it again."""

    triggers: Counter[str] = field(default_factory=Counter)
    contacts: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    uploads: Counter[str] = field(default_factory=Counter)
    messages: Counter[str] = field(default_factory=Counter)
    url: str = ""
    wait_s: float = 0.0
    kills_at: str = ""
    victim: Bridge | None = None

    async def take(self, request: web.Request) -> web.Response:
        body = json.loads(await request.read())
        path = request.path
        answer: web.Response = web.json_response({"success": True, "ref": "r-1"})
        if path == "/1/upload":
            answer = clevertap_answer(len(body["d"]))
        self.count(path, body)
        if self.kills_at and self.kills_at in path and self.victim is not None:
            self.victim.kill()  # it has sent, and hears no answer
        await asyncio.sleep(self.wait_s)
        return answer

    def count(self, path: str, body: Any) -> None:
        """Count the records of a call, each by what tells it from all others: whose it is is always part of that."""
        if "/triggerCampaign/" in path:
            self.triggers[body["email"]] += 1
        elif path.endswith("/addToList"):
            self.contacts[body["email"]] += 1
        elif path.endswith("/addEvent"):
            self.events[f"{body['email']} {body['event_name']}"] += 1
        elif path == "/1/upload":
            self.uploads.update(
                f"{each.get('objectId') or each['identity']} {each['evtName']} {each['ts']}"
                for each in body["d"]
            )
        elif path == "/v1/batch":
            self.messages.update(each["messageId"] for each in body["batch"])

    @property
    def counters(self) -> dict[str, Counter[str]]:
        """What came, by operation."""
        return {
            "triggerCampaign": self.triggers,
            "addToList": self.contacts,
            "addEvent": self.events,
            "upload": self.uploads,
            "track": self.messages,
        }

    @property
    def total(self) -> int:
        """How many records came."""
        return sum(seen.total() for seen in self.counters.values())


@dataclass
class Webhook:
    """A webhook that its vendor sends until it is taken."""

    path: str
    body: Any
    user: str = ""
    is_taken: bool = False


@dataclass
class Bridge:
    """One process."""

    process: asyncio.subprocess.Process
    url: str = ""

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            self.process.kill()

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    async def end(self) -> int:
        async with asyncio.timeout(_PATIENCE_S):
            return await self.process.wait()


@dataclass
class Town:
    """Vendors, webhooks that they have to say, and the bridges that come and go."""

    folder: Path
    store: dict[str, Any]
    vendors: Vendors
    session: ClientSession
    changes: dict[str, Any] = field(default_factory=dict)
    bridges: list[Bridge] = field(default_factory=list)

    async def start(
        self, point: str = "never", operation: str = "track", *, clock_s: float = 0, is_awaited: bool = True
    ) -> Bridge:
        """Start a bridge that will die at a point; wait until it listens, or is dead."""
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        settings = {
            **SETTINGS,
            "port": 0,  # one that was looked for before could be somebody else's by now
            "clevertap_url": self.vendors.url,
            "mailmodo_url": self.vendors.url,
            "segment_url": self.vendors.url,
            "lease_s": 1.5,
            "batch_linger_s": 0.0,
            "mailmodo_rate_per_s": 0.0,
            "longest_wait_s": 0.1,
            **self.store,
            **self.changes,
        }
        for name, value in settings.items():
            text = ",".join(value) if isinstance(value, list) else str(value)
            environment[f"BRIDGE_{name.upper()}"] = text
        log = (self.folder / "bridge.log").open("ab")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.bridge.killing", point, operation, str(clock_s),
            cwd=ROOT, env=environment, stdout=asyncio.subprocess.PIPE, stderr=log,
        )  # fmt: skip
        log.close()
        bridge = Bridge(process)
        self.bridges.append(bridge)
        if is_awaited:
            assert process.stdout is not None
            async with asyncio.timeout(_PATIENCE_S):
                line = await process.stdout.readline()
            found = re.search(r"http://\S+", line.decode())
            assert found, (self.folder / "bridge.log").read_text()
            bridge.url = found[0]
        return bridge

    async def post(self, webhooks: Iterable[Webhook], bridge: Bridge, *, again: bool = False) -> None:
        """Send what is not taken yet, or all of it, in order."""
        for webhook in webhooks:
            if webhook.is_taken and not again:
                continue
            headers = {"Authorization": "Basic " + b64encode(webhook.user.encode()).decode()}
            try:
                async with self.session.post(
                    bridge.url + webhook.path, json=webhook.body, headers=headers if webhook.user else {}
                ) as response:
                    webhook.is_taken |= response.status == 200
            except (ClientError, OSError, TimeoutError):
                continue  # as a vendor it will try again

    async def settled(self, bridge: Bridge) -> dict[str, int]:
        """Wait until nothing is pending, and give the counts.

        How much there is to hand over depends on how fast the machine took it in, so that patience is for each step:
        it is over when nothing more is settled.
        """
        loop = asyncio.get_running_loop()
        least: int | None = None
        async with asyncio.timeout(_PATIENCE_S) as patience:
            while True:
                async with self.session.get(f"{bridge.url}/healthz") as response:
                    counts: dict[str, int] = (await response.json())["counts"]
                if counts["pending"] == 0:
                    return counts
                if least is None or counts["pending"] < least:
                    least = counts["pending"]
                    patience.reschedule(loop.time() + _PATIENCE_S)
                await asyncio.sleep(0.02)

    async def ended(self) -> None:
        for bridge in self.bridges:
            if bridge.process.returncode is None:
                bridge.signal(signal.SIGCONT)
                bridge.kill()
                await bridge.end()


@asynccontextmanager
async def town(folder: Path, store: dict[str, Any], **changes: Any) -> AsyncIterator[Town]:
    vendors = Vendors()
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_route("*", "/{path:.*}", vendors.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    vendors.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with ClientSession(timeout=ClientTimeout(total=_PATIENCE_S)) as session:
        made = Town(folder, store, vendors, session, changes)
        try:
            yield made
        finally:
            await made.ended()
            await runner.cleanup()


def story(number: int, *, run: str = "") -> list[Webhook]:
    """Give what vendors say of one person: it leads to every operation once, and to the message of an activity.

    No two people of any runs share an address or an id, and no two of one run the instant of an activity.
    """
    name = f"{run}-{number}" if run else str(number)
    email = f"p{name}@example.com"
    object_id = blake2b(name.encode(), digest_size=16).hexdigest()
    return [
        Webhook(
            "/sources/segment",
            identify(f"u-{name}", id_=f"i-{name}", email=email),
            user="destination-key:",
        ),
        Webhook(
            "/sources/segment",
            track(f"u-{name}", id_=f"t-{name}", event=f"Viewed {name}"),
            user="destination-key:",
        ),
        Webhook(
            "/sources/clevertap/ct-secret/campaigns/camp-1",
            {"email": email, "clevertap_id": object_id, "trigger_id": f"tr-{name}", "data": {}},
        ),
        Webhook(
            "/sources/mailmodo/mm-secret",
            activity(
                "Email Opened",
                id_=f"a-{name}",
                email=email,
                clevertap_id=object_id,
                occurred_at=iso(_FIRST_OPEN + timedelta(seconds=number)),
            ),
        ),
    ]
