"""Settings that are changed while the account is in use: at once for everybody, undone by reset, kept by snapshots."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from dataclasses import fields
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, get_args, get_type_hints

import pytest

from contracts import VENDORS
from fakes.kit.account_settings import show_settings
from tests.support.controls import controlled

if TYPE_CHECKING:
    from tests.support.controls import Controlled


async def change(on: Controlled, **settings: Any) -> dict[str, Any]:
    status, account = await on.ask("PATCH", "/account", {"settings": settings})
    assert status == 200, account
    return dict(account["settings"])


async def call(on: Controlled, method: str, url: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    async with on.stage.session.request(method, url, json=body, headers=headers) as response:
        text = await response.text()
        is_json = "json" in response.headers.get("Content-Type", "")
        return response.status, json.loads(text) if is_json and text else text


def basic(user: str, password: str = "") -> str:
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


def another(name: str, value: Any, settings: Any) -> Any:
    """Give another value than a setting has, as JSON has it."""
    literals = [
        choice
        for kind in (get_type_hints(type(settings))[name], *get_args(get_type_hints(type(settings))[name]))
        if getattr(kind, "__origin__", None) is Literal
        for choice in get_args(kind)
    ]
    if literals:
        return next(choice for choice in literals if choice != value)
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str):
        return f"{value}x"
    if isinstance(value, list):
        return [*value, *(value[:1] or ["no_user_anon_id"])] if name != "deferral_waits_s" else [1.0]
    return 7


@pytest.mark.parametrize("vendor", VENDORS)
async def test_every_setting_can_be_changed_and_comes_back(vendor: str) -> None:
    async with controlled(vendor) as on:
        before = (await on.ask("GET", "/account"))[1]
        free = {
            name: another(name, value, on.fake.settings)
            for name, value in before["settings"].items()
            if name not in before["fixed"]
        }
        assert free.keys() | before["fixed"].keys() == {each.name for each in fields(on.fake.settings)}
        for name, value in free.items():
            document = (await on.ask("GET", "/snapshot"))[1]

            changed = await change(on, **{name: value})

            assert changed == {**document["settings"], name: value}
            assert show_settings(on.fake.settings) == changed
        assert (await on.ask("PUT", "/snapshot", document))[0] == 204
        assert (await on.ask("GET", "/account"))[1]["settings"] == document["settings"]
        assert document["settings"] != before["settings"]

        assert (await on.ask("POST", "/reset"))[0] == 204
        assert (await on.ask("GET", "/account"))[1] == before


@pytest.mark.parametrize("vendor", VENDORS)
async def test_settings_of_one_account_are_not_those_of_another(vendor: str) -> None:
    async with controlled(vendor) as on:
        given = on.fake.settings
        other = type(on.fake)(on.stage.surroundings(), given)
        name, value = next(
            (name, value)
            for name, value in show_settings(given).items()
            if isinstance(value, str) and name not in on.vendor.fixed
        )

        await change(on, **{name: f"{value}x"})

        assert show_settings(other.settings)[name] == value


async def test_mailmodo_takes_a_new_key_plan_and_sender_at_once() -> None:
    async with controlled("mailmodo") as on:
        url = f"{on.stage.url('api.mailmodo.com')}/api/v1/campaigns"
        old = on.fake.settings.api_key
        await change(on, api_key="AAAAAAA-BBBBBBB-CCCCCCC-DDDDDDD", bad_key_status=403)
        assert (await call(on, "GET", url, mmApiKey=old))[0] == 403
        assert (await call(on, "GET", url, mmApiKey="AAAAAAA-BBBBBBB-CCCCCCC-DDDDDDD"))[0] == 200
        assert (await on.ask("GET", "/account"))[1]["credentials"] == {
            "api_key": "AAAAAAA-BBBBBBB-CCCCCCC-DDDDDDD"
        }

        await change(on, api_key=old, plan="Lite", sender_email="new@brand.example")
        statuses = [(await call(on, "GET", url, mmApiKey=old))[0] for _ in range(20)]
        assert statuses.count(429) >= 15
        await on.ask("POST", "/collections/templates", {"name": "T"})
        made = (
            await on.ask("POST", "/collections/campaigns", {"name": "c", "template": "T", "subject": "s"})
        )[1]
        assert made["sender_email"] == "new@brand.example"


async def test_clevertap_takes_new_limits_at_once() -> None:
    async with controlled("clevertap") as on:
        url = on.stage.url(on.fake.host)
        keys = {
            "X-CleverTap-Account-Id": on.fake.settings.account_id,
            "X-CleverTap-Passcode": on.fake.settings.passcode,
        }
        record = {"type": "event", "identity": "u1", "evtName": "Seen", "evtData": {"a": 1, "b": 2}}

        async def upload() -> tuple[int, Any]:
            return await call(on, "POST", f"{url}/1/upload", {"d": [record]}, **keys)

        at = on.stage.now()
        assert (await upload())[1]["status"] == "success"
        assert on.stage.now() - at == timedelta(seconds=0.05)

        await change(on, upload_takes_s=0, max_event_properties=1)
        at = on.stage.now()
        assert (await upload())[1]["unprocessed"][0]["code"] == 522
        assert on.stage.now() == at
        assert on.fake._at_once

        await change(on, upload_takes_s=2, max_uploads=0, passcode="new")
        assert not on.fake._at_once
        assert (await upload())[0] == 401
        keys["X-CleverTap-Passcode"] = "new"
        assert (await upload())[0] == 429


async def test_who_was_let_in_without_waiting_is_asked_again_once_settings_change() -> None:
    async with controlled("clevertap") as on:
        url, settings = on.stage.url(on.fake.host), on.fake.settings
        keys = {"X-CleverTap-Account-Id": settings.account_id, "X-CleverTap-Passcode": settings.passcode}
        record = {"type": "event", "identity": "u1", "evtName": "Seen"}
        found = []
        for passcode in (settings.passcode, "another", settings.passcode):
            await change(on, upload_takes_s=0, passcode=passcode)
            for _ in range(2):
                status, _ = await call(on, "POST", f"{url}/1/upload", {"d": [record]}, **keys)
                found.append(status)
        assert found == [200, 200, 401, 401, 200, 200]


async def test_segment_takes_a_new_rate_and_window_at_once() -> None:
    async with controlled("segment") as on:
        source = on.fake.state.add_source("web")
        url = f"{on.stage.url(on.fake.host)}/v1/track"
        body = {"userId": "u1", "event": "Seen", "messageId": "m-1"}
        headers = {"Authorization": basic(source.write_key)}
        await change(on, requests_per_second=1)
        assert [(await call(on, "POST", url, body, **headers))[0] for _ in range(2)] == [200, 429]

        await change(on, requests_per_second=None, dedup_window=1)
        await asyncio.sleep(2)
        before = len(on.fake.state.debugger("web"))
        assert (await call(on, "POST", url, body, **headers))[0] == 200
        assert len(on.fake.state.debugger("web")) == before + 1


WEBHOOKS = "/v1/reporting_webhooks"


async def use_mailmodo(on: Controlled) -> int:
    url = f"{on.stage.url('api.mailmodo.com')}/api/v1/campaigns"
    return (await call(on, "GET", url, mmApiKey=on.fake.settings.api_key))[0]


async def use_segment(on: Controlled) -> int:
    [source] = on.fake.state.sources
    body = {"userId": "u1", "event": "Seen"}
    url = f"{on.stage.url(on.fake.host)}/v1/track"
    return (await call(on, "POST", url, body, Authorization=basic(source.write_key)))[0]


async def use_mailjet(on: Controlled) -> int:
    account = on.fake.settings
    message = {
        "From": {"Email": "a@example.com"},
        "To": [{"Email": "b@example.com"}],
        "Subject": "s",
        "TextPart": "t",
    }
    url = f"{on.stage.url(on.fake.host)}/v3.1/send"
    keys = basic(account.api_key, account.secret_key)
    return (await call(on, "POST", url, {"Messages": [message]}, Authorization=keys))[0]


async def use_customerio(on: Controlled) -> int:
    url = f"{on.stage.url('api.customer.io')}{WEBHOOKS}"
    return (await call(on, "GET", url, Authorization=f"Bearer {on.fake.settings.app_api_key}"))[0]


@pytest.mark.parametrize(
    ("vendor", "limit", "calls", "use"),
    [
        ("mailmodo", {"requests_per_s": 2}, 2, use_mailmodo),
        ("segment", {"requests_per_second": 2}, 2, use_segment),
        ("mailjet", {"send_calls_per_10_s": 2}, 2, use_mailjet),
        ("customerio", {"has_rate_limits": True}, 10, use_customerio),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_is_left_of_a_rate_is_part_of_a_snapshot(
    vendor: str, limit: dict[str, Any], calls: int, use: Any
) -> None:
    async with controlled(vendor) as on:
        if vendor == "segment":
            on.fake.state.add_source("web")
        await change(on, **limit)
        if vendor == "mailmodo":  # its bucket fills up from the moment there is a limit
            on.fake._tokens = 2.0
        on.control.keep_baseline()
        assert [await use(on) for _ in range(calls + 1)] == [200] * calls + [429]
        document = json.loads(json.dumps((await on.ask("GET", "/snapshot"))[1]))

        assert (await on.ask("POST", "/reset"))[0] == 204
        assert await use(on) == 200
        assert (await on.ask("PUT", "/snapshot", document))[0] == 204
        assert await use(on) == 429


@pytest.mark.parametrize(
    ("vendor", "settings", "status", "message"),
    [
        ("mailmodo", {"plann": "Pro"}, 400, "settings.plann: found a setting that there is not, did you mean plan?"),
        ("mailmodo", {"zzz": 1}, 400, "settings.zzz: found a setting that there is not, wanted one of api_key, "),
        ("mailmodo", {"requests_per_s": True}, 400, "settings.requests_per_s: found true, wanted a whole number"),
        ("mailmodo", {"plan": "Gold"}, 400, 'settings.plan: found "Gold", wanted "Lite" or "Pro" or "Max"'),
        ("mailmodo", {"webhook_tries": "5"}, 400, 'settings.webhook_tries: found "5", wanted a whole number'),
        ("mailmodo", {"webhook_timeout_s": -1}, 400, "settings.webhook_timeout_s: found -1, wanted a number from 0 to 31622400"),
        ("mailmodo", {"api_key": "a\nb"}, 400, 'settings.api_key: found "a\\nb", wanted up to 1000 characters'),
        ("mailmodo", {"api_key": ""}, 400, 'settings.api_key: found "", wanted text that is not empty'),
        ("clevertap", {"passcode": ""}, 400, 'settings.passcode: found "", wanted text that is not empty'),
        ("mailmodo", {"account_id": "x"}, 409, 'settings.account_id: found "x", wanted "6f1d3c52'),
        ("mailmodo", {}, 400, "settings"),
        ("clevertap", {"region": "eu1"}, 409, "an account lives where it was made"),
        ("clevertap", {"system_control_group": 5}, 409, "make one in the collection control_groups"),
        ("clevertap", {"utc_offset": 90_000}, 400, "settings.utc_offset: found 90000, wanted a number from -50400 to 50400"),
        ("clevertap", {"webhooks_at_once": 0}, 400, "wanted a number from 1 to"),
        ("customerio", {"deferral_waits_s": [1, -1]}, 400, "settings.deferral_waits_s[1]: found -1"),
        ("customerio", {"site_id": "ok", "mode": "id_only"}, 409, "settings.mode"),
        ("mailjet", {"senders": ["*@example.com", 5]}, 400, "settings.senders[1]: found 5, wanted text"),
        ("segment", {"dedup_window": "1 day"}, 400, 'settings.dedup_window: found "1 day", wanted seconds'),
    ],
)  # fmt: skip
async def test_a_change_that_makes_no_sense_changes_nothing(
    vendor: str, settings: dict[str, Any], status: int, message: str
) -> None:
    async with controlled(vendor) as on:
        before = (await on.ask("GET", "/account"))[1]

        found, answer = await on.ask("PATCH", "/account", {"settings": settings})

        assert (found, message in answer["error"]["message"]) == (status, True), answer
        assert (await on.ask("GET", "/account"))[1] == before


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"api_key": "x"}, "$.settings: found api_key, wanted"),
        ({"retry_after_s": "soon"}, "settings.retry_after_s"),
        ({"account_id": "x"}, "settings.account_id"),
    ],
)
async def test_a_snapshot_with_settings_that_cannot_be_is_refused(
    settings: dict[str, Any], message: str
) -> None:
    async with controlled("mailmodo") as on:
        document = (await on.ask("GET", "/snapshot"))[1]
        is_whole = len(settings) == 1 and "api_key" not in settings
        wrong = {**document, "settings": {**document["settings"], **settings} if is_whole else settings}

        status, answer = await on.ask("PUT", "/snapshot", wrong)

        assert (status, message in answer["error"]["message"]) == (400, True), answer
        assert (await on.ask("GET", "/snapshot"))[1]["settings"] == document["settings"]
