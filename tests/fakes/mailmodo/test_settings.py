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
