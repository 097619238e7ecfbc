"""What the API began and has not ended is part of a snapshot of the account."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from yarl import URL

from tests.fakes.clevertap.account import PHONE, event, person
from tests.fakes.clevertap.test_targets import SMS
from tests.support.controls import controlled

if TYPE_CHECKING:
    from tests.support.controls import Controlled

QUERY = {"event_name": "MM Email Opened", "from": 20260301, "to": 20260303}


async def call(on: Controlled, method: str, path: str, body: Any = None) -> Any:
    settings = on.fake.settings
    headers = {"X-CleverTap-Account-Id": settings.account_id, "X-CleverTap-Passcode": settings.passcode}
    url = URL(on.stage.url(on.fake.host) + path, encoded=True)
    async with on.stage.session.request(method, url, json=body, headers=headers) as response:
        return await response.json(content_type=None)


async def test_exports_schedules_and_deletions_go_on_where_they_were() -> None:
    async with controlled("clevertap") as on:
        people = [person("asha@example.com", Phone=PHONE), person("ravi@example.com", Phone=PHONE)]
        await call(on, "POST", "/1/upload", {"d": [*people, event()]})
        cursor = (await call(on, "POST", "/1/events.json", QUERY))["cursor"]
        when = {"type": "recurring", "repeat_type": "day", "end_by_occurrences": 3}
        target = (await call(on, "POST", "/1/targets/create.json", SMS | {"when": when}))["id"]
        await call(on, "POST", "/1/delete/profiles.json", {"identity": "ravi@example.com"})
        await call(on, "POST", "/1/demerge/profiles.json", {"identities": ["asha@example.com"]})
        await asyncio.sleep(1)
        document = json.loads(json.dumps((await on.ask("GET", "/snapshot"))[1]))
        page = await call(on, "GET", f"/1/events.json?cursor={cursor}")
        report = await call(on, "POST", "/1/message/report.json", {"from": 20260301, "to": 20260303})

        assert (await on.ask("POST", "/reset"))[0] == 204
        assert (await call(on, "POST", "/1/targets/result.json", {"id": target}))[
            "error"
        ] == "Invalid target id"
        await asyncio.sleep(600)
        assert (await on.ask("PUT", "/snapshot", document))[0] == 204

        assert await call(on, "GET", f"/1/events.json?cursor={cursor}") == page
        assert await call(on, "POST", "/1/message/report.json", {"from": 20260301, "to": 20260303}) == report
        on.stage.recorder.texts.clear()
        await asyncio.sleep(86400)
        assert len(on.stage.recorder.texts) == 1  # who is demerged at four has no number any more
        await asyncio.sleep(2 * 86400)

        assert [profile.email for profile in on.fake.state.profiles] == [""]
        assert (await call(on, "POST", "/1/targets/result.json", {"id": target}))["status"] == "success"
        made = await call(on, "POST", "/1/targets/create.json", SMS)
        assert made["id"] > target
        on.stage.recorder.check()
