"""The plan's rate, and what a call above it is told."""

from __future__ import annotations

import pytest

from fakes.mailmodo import MailmodoSettings
from tests.fakes.mailmodo.account import open_account


@pytest.mark.parametrize(
    ("settings", "limit"),
    [
        (MailmodoSettings(), None),
        (MailmodoSettings(plan="Lite"), 5),
        (MailmodoSettings(plan="Pro"), 10),
        (MailmodoSettings(plan="Max"), 50),
        (MailmodoSettings(plan="Max", requests_per_s=2), 2),
    ],
)
@pytest.mark.answers("mailmodo", 4)
@pytest.mark.bounds("mailmodo", "1: 5 / 10 / 50 requests per second (Lite / Pro / Max)")
async def test_the_plan_limits_the_calls_of_a_second(settings: MailmodoSettings, limit: int | None) -> None:
    async with open_account(settings) as mailmodo:
        statuses = [(await mailmodo.call("GET", "/api/v1/getAllTemplates"))[0] for _ in range(60)]

    assert statuses.count(200) == (limit or 60)
    assert set(statuses[limit:]) <= {429} or limit is None


@pytest.mark.parametrize(("seconds", "header"), [(1, "1"), (3, "3"), (None, None)])
@pytest.mark.answers("mailmodo", 4)
async def test_a_refused_call_is_told_to_wait_or_told_nothing(
    seconds: int | None, header: str | None
) -> None:
    settings = MailmodoSettings(requests_per_s=1, retry_after_s=seconds)
    async with open_account(settings) as mailmodo:
        await mailmodo.call("GET", "/api/v1/campaigns")

        status, answer = await mailmodo.call("GET", "/api/v1/campaigns")

        assert (status, answer) == (429, {"success": False, "message": "Too many requests"})
        assert mailmodo.recorder.exchanges[-1].response_headers.get("Retry-After") == header
        mailmodo.recorder.check()


async def test_each_key_of_the_account_has_a_rate_of_its_own() -> None:
    """Source: the rates are per key, and an account may have several, each with all it may do."""
    keys = ("SECOND0-SECOND0-SECOND0-SECOND0", MailmodoSettings().api_key)
    async with open_account(MailmodoSettings(plan="Lite", more_api_keys=keys[:1])) as mailmodo:
        statuses = {
            key: [
                (await mailmodo.call("GET", "/api/v1/campaigns", headers={"mmApiKey": key}))[0]
                for _ in range(6)
            ]
            for key in keys
        }

        assert statuses == dict.fromkeys(keys, [200] * 5 + [429])
        status, answer = await mailmodo.call(
            "GET", "/api/v1/campaigns", headers={"mmApiKey": keys[0].lower()}
        )
        assert (status, answer["Error"]) == (401, "Invalid mmApiKey")
        mailmodo.recorder.check()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "campaigns", 200),
        ("POST", "campaignReports/{id}", 200),
        ("GET", "getAllTemplates", 401),
        ("GET", "getAllContactLists", 401),
        ("POST", "triggerCampaign/{id}", 401),
    ],
)
async def test_only_campaign_data_takes_the_key_in_the_query(method: str, path: str, status: int) -> None:
    """Source: OA-camp alone declares it there."""
    async with open_account() as mailmodo:
        url = mailmodo.url(f"/api/v1/{path.format(id=mailmodo.survey.id)}")
        query = {"mmApiKey": mailmodo.fake.settings.api_key}

        async with mailmodo.stage.session.request(method, url, params=query) as response:
            assert response.status == status
