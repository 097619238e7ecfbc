"""A reset over the control API forgets journeys and bulk triggers too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fakes.mailmodo import Entry, EntryKind, FakeMailmodo, Template, Wait
from tests.support.controls import controlled

if TYPE_CHECKING:
    from tests.support.controls import Controlled


async def call(on: Controlled, path: str, body: dict[str, Any]) -> tuple[int, Any]:
    url = on.stage.url("api.mailmodo.com") + path
    headers = {"mmApiKey": on.fake.settings.api_key}
    async with on.stage.session.post(url, json=body, headers=headers) as response:
        return response.status, await response.json()


async def test_a_restored_account_has_its_journeys_and_bulk_triggers_and_nobody_on_the_way() -> None:
    async with controlled("mailmodo") as on:
        fake = on.fake
        assert isinstance(fake, FakeMailmodo)
        journey = fake.journeys.add("Welcome", entry=Entry(EntryKind.API), cards=[Wait(3600)])
        fake.state.add_template(Template(name="News"))
        campaign = fake.state.add_campaign(name="news", template="News", subject="News")
        vips = fake.state.open_list("VIPs")
        bulk = f"/api/v1/bulktriggerCampaign/{campaign.id}"
        assert (await call(on, bulk, {"listId": vips.id}))[0] == 200
        _, snapshot = await on.ask("GET", "/snapshot")
        start = f"/hooks/start/{journey.id}"
        assert (await call(on, start, {"email": "asha@example.com"}))[0] == 200

        assert (await on.ask("POST", "/reset"))[0] == 204
        assert (await call(on, start, {"email": "asha@example.com"}))[0] == 400, "the journey is gone"
        assert (await on.ask("PUT", "/snapshot", snapshot))[0] == 204

        assert (await call(on, start, {"email": "asha@example.com"}))[0] == 200, "nobody is on the way"
        assert (await call(on, bulk, {"listId": vips.id}))[0] == 400, "within 24 hours"
