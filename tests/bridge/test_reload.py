"""New settings while the bridge runs: webhooks go on, calls end under the old settings, nothing is lost or doubled."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from aiohttp import web

from bridge import service
from bridge.errors import Problem, SettingsInvalid
from tests.bridge.rig import START, rig
from tests.bridge.test_health import metrics

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.bridge.rig import Rig


async def slow(_request: web.Request) -> web.Response:
    await asyncio.sleep(5)
    return web.json_response({"success": True, "message": "ok", "ref": "r-1"})


def changed(made: Rig, **changes: Any) -> Any:
    return replace(made.bridge.settings, **changes)


async def test_a_call_in_flight_ends_and_webhooks_are_taken_meanwhile():
    async with rig() as made:
        made.mailmodo.script.append(slow)
        await made.trigger("first", email="asha@example.com")
        await asyncio.sleep(1)
        reload = asyncio.ensure_future(made.bridge.reload(changed(made, mailmodo_api_key="another-key")))
        await asyncio.sleep(1)

        assert not reload.done()
        assert (await made.trigger("second", email="ravi@example.com"))[0] == 200
        await reload
        counts = await made.settle()

        assert (counts.delivered, counts.uncertain) == (2, 0)
        assert [request.headers["mmApiKey"] for request in made.mailmodo.requests] == [
            "AAAAAAA-BBBBBBB-CCCCCCC-DDDDDDD",
            "another-key",
        ]


async def test_a_webhooks_secret_is_rotated_without_a_stop():
    async with rig() as made:
        await made.bridge.reload(changed(made, clevertap_webhook_secret="next-secret"))

        assert (await made.trigger(email="asha@example.com"))[0] == 401
        path = "/sources/clevertap/next-secret/campaigns/c-1"
        assert (await made.post(path, {"email": "asha@example.com"}))[0] == 200


async def test_the_admin_token_is_rotated_without_a_stop():
    async with rig() as made:
        await made.bridge.reload(changed(made, admin_token="the-next-admin-token"))

        assert (await made.ask("/admin/status"))[0] == 401
        assert (await made.ask("/admin/status", token="the-next-admin-token"))[0] == 200


async def test_new_credentials_end_a_pause_at_once():
    async with rig() as made:
        made.mailmodo.script.append(401)
        await made.trigger(email="asha@example.com")
        await made.settle()
        assert (await made.get("/healthz"))[1]["destinations"]["mailmodo"]["state"] == "paused"

        await made.bridge.reload(changed(made, mailmodo_api_key="the-right-key"))

        assert (await made.settle()).delivered == 1


async def test_a_destination_is_turned_off_and_on_and_what_waits_for_it_is_kept():
    async with rig() as made:
        key = made.bridge.settings.mailmodo_api_key
        made.mailmodo.script.append(503)
        await made.trigger(email="asha@example.com")
        await made.settle(seconds=0.01)

        await made.bridge.reload(changed(made, mailmodo_api_key=""))
        assert (await made.settle(seconds=60)).pending == 1
        await made.bridge.reload(changed(made, mailmodo_api_key=key))

        assert (await made.settle(seconds=60)).delivered == 1


async def test_what_needs_a_restart_stays_and_the_log_says_so(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO, logger="bridge")
    async with rig() as made:
        await made.bridge.reload(changed(made, port=1, store_path="elsewhere", lease_s=7.0))

        assert (made.bridge.settings.port, made.bridge.settings.store_path) == (8080, ":memory:")
        assert made.bridge.settings.lease_s == 7.0
        said = [
            (record.getMessage(), getattr(record, "setting", getattr(record, "changed", "")))
            for record in caplog.records
        ]
        assert said == [
            ("a changed setting needs a restart", "port"),
            ("a changed setting needs a restart", "store_path"),
            ("settings were read again", "lease_s"),
        ]
        reload = (await made.ask("/admin/status"))[1]["reload"]
        assert (reload["verdict"], reload["needs_restart"]) == ("taken", ["port", "store_path"])


async def test_settings_that_were_refused_are_shown_until_others_are_taken_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setattr(service, "configure", lambda _settings: None)
    table = tmp_path / "routing.yaml"
    table.write_text("extends: nothing\n")
    async with rig() as made:
        ends: list[Any] = [
            SettingsInvalid(Problem("a.toml:1:1", "port", "'x'", "a number"), Problem("b", "c", "d", "e")),
            changed(made, routing_file=str(table)),
            changed(made, clevertap_webhook_secret="next-secret"),
        ]

        def read_again() -> Any:
            if isinstance(end := ends.pop(0), Exception):
                raise end
            return end

        asked = asyncio.Event()
        task = asyncio.ensure_future(service._reload_whenever(asked, made.bridge, read_again))
        told: list[tuple[list[str], dict[str, float]]] = []
        while ends:
            asked.set()
            await asyncio.sleep(1)
            found = await metrics(made)
            seen = {
                sample.name + "".join(sample.labels.values()): sample.value
                for name, family in found.items()
                if "reload" in name
                for sample in family.samples
                if not sample.name.endswith("_created")
            }
            told.append(((await made.ask("/admin/status"))[1]["reload"]["problems"], seen))
        task.cancel()

        first, second, third = told
        assert first[0] == ["a.toml:1:1: port: found 'x', wanted a number", "b: c: found d, wanted e"]
        assert second[0][0].startswith(f"{table}:1:")
        assert third[0] == []
        start = START.timestamp()
        for number, (_problems, seen) in enumerate(told):
            taken = int(number == 2)
            assert seen.pop("bridge_reloads_totaltaken", 0) == taken
            assert seen == {
                "bridge_reloads_totalrefused": number + 1 - taken,
                "bridge_reload_refused": 1 - taken,
                "bridge_last_reload_seconds": start + number,
            }


async def test_a_reload_that_a_stop_overtakes_leaves_nothing_running():
    async with rig() as made:
        made.mailmodo.script.append(slow)
        await made.trigger(email="asha@example.com")
        await asyncio.sleep(1)
        reload = asyncio.ensure_future(made.bridge.reload(changed(made, mailmodo_rate_per_s=5.0)))
        await asyncio.sleep(1)

        await asyncio.gather(reload, made.bridge.stop())

        assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("bridge:")]
        assert (await made.bridge.counts()).delivered == 1


async def test_a_stopped_bridge_takes_new_settings_for_its_next_start():
    async with rig() as made:
        await made.bridge.stop()
        await made.bridge.reload(changed(made, clevertap_webhook_secret="next-secret"))
        await made.bridge.start()

        path = "/sources/clevertap/next-secret/campaigns/c-1"
        assert (await made.post(path, {"email": "asha@example.com"}))[0] == 200


async def test_a_reload_that_fails_in_a_way_that_nobody_thought_of_is_not_the_last(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(service, "configure", lambda _settings: None)
    async with rig() as made:
        ends: list[Any] = [RuntimeError("odd"), changed(made, clevertap_webhook_secret="next-secret")]

        def read_again() -> Any:
            if isinstance(end := ends.pop(0), Exception):
                raise end
            return end

        asked = asyncio.Event()
        task = asyncio.ensure_future(service._reload_whenever(asked, made.bridge, read_again))
        assert (await made.bridge.status())["reload"] is None
        told = []
        for _ in range(2):
            asked.set()
            await asyncio.sleep(1)
            told.append((await made.ask("/admin/status"))[1]["reload"])
        task.cancel()

        assert told == [
            {
                "at": "2026-03-02T03:30:00.000Z",
                "verdict": "refused",
                "problems": ["they could not be read: RuntimeError; see the log"],
                "needs_restart": [],
            },
            {"at": "2026-03-02T03:30:01.000Z", "verdict": "taken", "problems": [], "needs_restart": []},
        ]
        assert made.bridge.settings.clevertap_webhook_secret == "next-secret"
    assert "settings could not be read again, and stay as they were" in caplog.messages
