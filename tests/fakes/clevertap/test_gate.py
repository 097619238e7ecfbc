from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from fakes.clevertap import CleverTapSettings, Region
from fakes.kit import FaultRule, RateLimit
from tests.fakes.clevertap.account import Account, account, event

GOOD = CleverTapSettings()


def headers(account_id: str | None = GOOD.account_id, passcode: str | None = GOOD.passcode) -> dict[str, str]:
    given = {"X-CleverTap-Account-Id": account_id, "X-CleverTap-Passcode": passcode}
    return {name: value for name, value in given.items() if value is not None}


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        (headers(account_id=None), "12 digit account ID mandatory"),
        (headers(account_id=""), "12 digit account ID mandatory"),
        (headers(account_id="4RZ-86K"), "12 digit account ID mandatory"),
        (headers(account_id="AAA-AAA-AAAA"), "Invalid Credentials"),
        (headers(passcode=None), "Invalid Credentials"),
        (headers(passcode="WRONG"), "Invalid Credentials"),
    ],
)
@pytest.mark.answers("clevertap", 1)
async def test_wrong_credentials_are_401_in_todays_words(sent: dict[str, str], text: str) -> None:
    async with account() as ct:
        status, answer = await ct.call("POST", "/1/upload", body={"d": [event()]}, headers=sent)

        assert (status, answer) == (401, {"status": "fail", "error": text, "code": 401})
        assert ct.fake.state.profiles == ()
        ct.stage.recorder.check()


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        (headers(account_id="AAA-AAA-AAAA"), "Account ID is not valid"),
        (headers(passcode="WRONG"), "Passcode Invalid"),
    ],
)
@pytest.mark.answers("clevertap", 1)
async def test_older_texts_come_back_on_demand(sent: dict[str, str], text: str) -> None:
    async with account(CleverTapSettings(legacy_auth_errors=True)) as ct:
        status, answer = await ct.call("POST", "/1/upload", body={"d": []}, headers=sent)

        assert (status, answer["error"]) == (401, text)
        ct.stage.recorder.check()


@pytest.mark.parametrize("region", list(Region))
async def test_account_is_let_in_by_its_own_region_only(region: Region) -> None:
    async with account(CleverTapSettings(region=region)) as ct:
        taken = [
            host
            for host in ct.fake.hosts
            if (await ct.call("POST", "/1/upload", body={"d": []}, host=host))[0] == 200
        ]

        wanted = (
            ["api.clevertap.com", "eu1.api.clevertap.com"]
            if region == "eu1"
            else [f"{region}.api.clevertap.com"]
        )
        assert taken == wanted
        assert ct.fake.host == wanted[0]
        ct.stage.recorder.check()


def test_unknown_region_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="mars"):
        CleverTapSettings(region="mars")


@pytest.mark.proves("clevertap", "connect")
@pytest.mark.answers("clevertap", 2)
async def test_connect_tells_a_partner_whether_the_credentials_are_right() -> None:
    async with account() as ct:
        assert await ct.call("GET", "/v1/connect?partner=Mailmodo") == (200, {"status": "success"})
        status, _ = await ct.call("GET", "/v1/connect?partner=Mailmodo", headers=headers(passcode="x"))
        assert status == 401
        ct.stage.recorder.check()


@pytest.mark.answers("clevertap", 2)
async def test_connect_wants_the_partner() -> None:
    async with account() as ct:
        status, _ = await ct.call("GET", "/v1/connect")

        assert status == 400


@pytest.mark.parametrize("path", ["/", "/1/nothing", "/2/upload", "/1/upload/", "/1/UPLOAD"])
@pytest.mark.answers("clevertap", 14)
async def test_unknown_path_is_200_with_nothing_in_it(path: str) -> None:
    async with account() as ct:
        assert await ct.call("GET", path, headers={}) == (200, None)


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/1/upload"), ("POST", "/1/profile.json"), ("DELETE", "/1/events.json")]
)
@pytest.mark.answers("clevertap", 14)
async def test_wrong_method_on_a_known_path_is_405(method: str, path: str) -> None:
    async with account() as ct:
        status, answer = await ct.call(method, path)

        assert (status, answer) == (405, {"status": "fail", "error": "Method Not Allowed", "code": 405})


async def in_flight(ct: Account, count: int, method: str, path: str, *, body: Any = None) -> list[int]:
    answers = await asyncio.gather(*(ct.call(method, path, body=body) for _ in range(count)))
    return [status for status, _ in answers]


@pytest.mark.answers("clevertap", 15)
@pytest.mark.bounds("clevertap", "3: (15 each) | 15 |")
async def test_sixteenth_upload_in_flight_is_429() -> None:
    async with account() as ct:
        statuses = await in_flight(ct, 16, "POST", "/1/upload", body={"d": [event()]})

        assert sorted(statuses) == [200] * 15 + [429]
        assert len(ct.facts("event_stored")) == 15
        [refused] = [exchange for exchange in ct.stage.recorder.exchanges if exchange.status == 429]
        assert refused.response_body == b'{"status":"fail","error":"Too many concurrent requests","code":429}'
        assert "Retry-After" not in refused.response_headers
        assert await in_flight(ct, 15, "POST", "/1/upload", body={"d": []}) == [200] * 15
        ct.stage.recorder.check()


@pytest.mark.answers("clevertap", 15)
@pytest.mark.bounds("clevertap", "3: lists, catalog | 3 |")
async def test_fourth_query_in_flight_is_429_whatever_it_asks() -> None:
    async with account() as ct:
        *queries, upload = await asyncio.gather(
            ct.call("GET", "/1/profile.json?email=a@example.com"),
            ct.call("GET", "/v1/connect?partner=Mailmodo"),
            ct.call("GET", "/1/profile.json?identity=a"),
            ct.call("GET", "/1/profile.json?identity=b"),
            ct.call("POST", "/1/upload", body={"d": []}),
        )

        assert sorted(status for status, _ in queries) == [200, 200, 200, 429]
        assert upload[0] == 200
        ct.stage.recorder.check()


async def test_refusal_says_what_was_recorded_in_2018() -> None:
    """Byte for byte the recording has spaces; what it says, and under which media type, is the same."""
    recorded = '{ "status" : "fail" , "error" : "Account ID is not valid" , "code" : 401}'
    async with account(CleverTapSettings(legacy_auth_errors=True)) as ct:
        _, answer = await ct.call(
            "POST", "/1/upload", body={"d": []}, headers=headers(account_id="AAA-AAA-AAAA")
        )

        [exchange] = ct.stage.recorder.exchanges
        assert len(recorded) == 73
        assert answer == json.loads(recorded)
        assert exchange.response_headers["Content-Type"] == "application/json;charset=utf-8"


async def test_fault_of_the_server_is_told_in_the_recorded_words(monkeypatch: pytest.MonkeyPatch) -> None:
    async with account() as ct:

        def fail(_email: str) -> None:
            raise RuntimeError("the fake's own fault")

        monkeypatch.setattr(ct.fake.state, "profile_by_email", fail)
        status, answer = await ct.call("GET", "/1/profile.json?email=a@example.com")

        assert (status, answer) == (
            500,
            {"status": "fail", "error": "An unknown error occurred", "code": 500},
        )
        assert [str(error) for error in ct.stage.recorder.errors] == ["the fake's own fault"]
        ct.stage.recorder.errors.clear()


async def test_a_limit_by_fault_is_the_vendors_own_and_says_not_when_to_come_back() -> None:
    async with account() as ct:
        ct.fake.faults.install(FaultRule(fault=RateLimit(30), on=("upload",)))

        status, answer = await ct.call("POST", "/1/upload", body={"d": [event()]})

        [exchange] = ct.stage.recorder.exchanges
        assert status == 429
        assert answer == {"status": "fail", "error": "Too many concurrent requests", "code": 429}
        assert "Retry-After" not in exchange.response_headers
