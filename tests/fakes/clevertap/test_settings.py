"""What can differ from one account to the next does what its description says."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from fakes.clevertap import Action, CleverTapSettings, Did, Journey
from tests.fakes.clevertap.account import NOW_TS, account, event, person, sms, with_people, with_webhook

if TYPE_CHECKING:
    from fakes.clevertap.nodes import Node


@pytest.mark.parametrize(
    ("passcode", "status"),
    [("QAB-KZE-AXUL", 200), ("USR-ONE-0001", 200), ("USR-TWO-0002", 200), ("USR-OLD-0003", 401), ("", 401)],
)
async def test_users_may_have_passcodes_of_their_own(passcode: str, status: int) -> None:
    async with account(CleverTapSettings(user_passcodes=("USR-ONE-0001", "USR-TWO-0002"))) as ct:
        headers = ct.headers | {"X-CleverTap-Passcode": passcode}

        found, _ = await ct.call("GET", "/1/profile.json?email=a@example.com", headers=headers)

        assert found == status


@pytest.mark.parametrize(("count", "code"), [(100, None), (101, 522)])
async def test_strict_account_takes_a_hundred_properties_of_an_event(count: int, code: int | None) -> None:
    async with account(CleverTapSettings(max_event_properties=100)) as ct:
        answer = await ct.upload(event(evtData={f"k{n}": n for n in range(count)}))

        assert [entry["code"] for entry in answer["unprocessed"]] == ([] if code is None else [code])


@pytest.mark.parametrize(("is_on", "names"), [(True, ["Webhook Delivered"]), (False, [])])
async def test_webhook_delivered_is_an_event_where_it_is_enabled(*, is_on: bool, names: list[str]) -> None:
    async with account(CleverTapSettings(webhook_delivered_events=is_on)) as ct:
        await with_people(ct, "asha")
        await with_webhook(ct)
        await ct.fake.launch("ask")
        await ct.settle()

        assert [fact.details["name"] for fact in ct.facts("event_stored")] == names


@pytest.mark.parametrize(("is_on", "email"), [(True, "asha@example.com"), (False, "${user_email}")])
async def test_dollar_names_stay_where_the_account_does_not_render_them(*, is_on: bool, email: str) -> None:
    async with account(CleverTapSettings(render_dollar_names=is_on)) as ct:
        await with_people(ct, "asha")
        await with_webhook(ct, body={"email": "${user_email}"})
        await ct.fake.launch("ask")
        await ct.settle()

        assert ct.bodies() == [{"email": email}]


@pytest.mark.parametrize(("age", "count"), [(0, 1), (590, 1), (610, 0), (-50, 1), (-70, 0)])
async def test_freshness_of_events_for_campaigns_is_the_accounts(age: int, count: int) -> None:
    settings = CleverTapSettings(freshness_back=timedelta(minutes=10), freshness_ahead=timedelta(minutes=1))
    async with account(settings) as ct:
        await with_people(ct, "asha")
        sms(ct, Did("Paid"))
        await ct.upload(event("Paid", ts=NOW_TS - age))
        await ct.settle()

        assert len(ct.stage.recorder.texts) == count


@pytest.mark.parametrize(("age", "count"), [(290, 1), (310, 0)])
async def test_freshness_of_events_for_journeys_is_the_accounts(age: int, count: int) -> None:
    async with account(CleverTapSettings(journey_freshness_back=timedelta(minutes=5))) as ct:
        await with_people(ct, "asha")
        nodes: dict[str, Node] = {"entry": Action(event="Paid")}
        ct.fake.dashboard.add_journey(Journey(name="j", nodes=nodes))
        await ct.upload(event("Paid", ts=NOW_TS - age))

        assert ct.fake.dashboard.journeys.statistics("j").entered == count


@pytest.mark.parametrize(("path", "most"), [("/1/upload", 2), ("/1/counts/profiles.json", 1)])
async def test_so_many_calls_are_in_flight_at_once(path: str, most: int) -> None:
    async with account(CleverTapSettings(max_uploads=2, max_queries=1)) as ct:
        body = (
            {"d": []} if path == "/1/upload" else {"event_name": "Charged", "from": 20260301, "to": 20260302}
        )

        answers = await asyncio.gather(*(ct.call("POST", path, body=body) for _ in range(5)))

        assert sorted(status for status, _ in answers) == [200] * most + [429] * (5 - most)


async def test_profiles_are_deleted_as_late_as_the_account_says() -> None:
    async with account(CleverTapSettings(delete_after=timedelta(minutes=1))) as ct:
        await ct.upload(person())
        await ct.call("POST", "/1/delete/profiles.json", body={"identity": "asha@example.com"})
        await ct.settle(61)

        assert ct.fake.state.profiles == ()


async def test_webhooks_are_as_patient_as_the_account_says() -> None:
    async with account(CleverTapSettings(webhook_retries=1, webhook_spacing_s=3)) as ct:
        await with_people(ct, "asha")
        await with_webhook(ct)
        ct.receiver.answer = lambda _: web.Response(status=503)
        await ct.fake.launch("ask")
        await ct.settle(30)

        first, second = ct.stage.recorder.webhooks("customBody")
        assert (second.started_at - first.started_at).total_seconds() == pytest.approx(3, abs=0.1)
        assert ct.fake.statistics("ask").errors == {"Webhook Dispatch Failed": 1}
