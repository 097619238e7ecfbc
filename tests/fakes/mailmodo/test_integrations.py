"""What "Test and Save" does, against the other vendors' fakes over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fakes.clevertap import CleverTapSettings, FakeCleverTap
from fakes.mailmodo import FakeMailmodo, SetupOutcome
from fakes.segment import FakeSegment, SegmentSettings
from tests.support.fakes import stage

if TYPE_CHECKING:
    from fakes.kit import Surroundings

ACCOUNT = CleverTapSettings()


@pytest.mark.parametrize(
    ("passcode", "is_saved"),
    [
        pytest.param(ACCOUNT.passcode, True, marks=pytest.mark.proves("mailmodo", "clevertap:upload")),
        ("WRO-NGP-ASSC", False),
    ],
)
@pytest.mark.answers("mailmodo", 16)
async def test_clevertap_gets_one_sample_open_of_hello_at_mailmodo(*, passcode: str, is_saved: bool) -> None:
    """Source: CleverTap docs, "Mailmodo"."""
    made: list[Any] = []

    def make(surroundings: Surroundings) -> FakeMailmodo:
        made.append(FakeMailmodo(surroundings))
        return made[0]  # type: ignore[no-any-return]  # the list holds only what was put in above

    async with stage(make, lambda surroundings: FakeCleverTap(surroundings, ACCOUNT)) as opened:
        outcome = await made[0].integrations.test_clevertap(
            host="in1.api.clevertap.com", project_id=ACCOUNT.account_id, passcode=passcode
        )

        stored = [(fact.details["name"], fact.subject) for fact in opened.recorder.facts_of("event_stored")]
        assert outcome == (
            SetupOutcome(True, "Setup successful") if is_saved else SetupOutcome(False, "answered 401")
        )
        assert stored == ([("MM Email Opened", "hello@mailmodo.com")] if is_saved else [])
        (exchange,) = opened.recorder.exchanges
        assert exchange.sender == "mailmodo"
        opened.recorder.check()


@pytest.mark.parametrize("region", ["us", "eu"])
@pytest.mark.proves("mailmodo", "segment:track")
@pytest.mark.answers("mailmodo", 20)
async def test_segment_gets_one_sample_open(region: Any) -> None:
    """Source: Segment docs, "Mailmodo Source"."""
    made: list[Any] = []

    def make(surroundings: Surroundings) -> FakeMailmodo:
        made.append(FakeMailmodo(surroundings))
        return made[0]  # type: ignore[no-any-return]  # the list holds only what was put in above

    def make_segment(surroundings: Surroundings) -> FakeSegment:
        made.append(FakeSegment(surroundings, SegmentSettings(region=region)))
        return made[1]  # type: ignore[no-any-return]  # as above

    async with stage(make, make_segment) as opened:
        key = made[1].state.add_source("mailmodo").write_key

        outcome = await made[0].integrations.test_segment(write_key=key, region=region)

        (fact,) = opened.recorder.facts_of("message_accepted")
        assert outcome == SetupOutcome(True, "Setup successful")
        assert (fact.details["event"], fact.details["source"]) == ("Email Opened", "mailmodo")
        opened.recorder.check()


@pytest.mark.parametrize("arm", ["virtual", "loopback"])
@pytest.mark.answers("mailmodo", 20, without_wire=True)
async def test_nobody_there_is_told(arm: str) -> None:
    """On loopback only what is served has an address at all: a region that is not served has none."""
    made: list[Any] = []

    def make(surroundings: Surroundings) -> FakeMailmodo:
        made.append(FakeMailmodo(surroundings))
        return made[0]  # type: ignore[no-any-return]  # the list holds only what was put in above

    async with stage(make):
        integrations = made[0].integrations
        clevertap = {"host": "in1.api.clevertap.com", "project_id": "p", "passcode": "p"}

        outcomes = [
            await integrations.test_segment(write_key="k"),
            await integrations.test_clevertap(**clevertap),
        ]

        assert outcomes == [SetupOutcome(False, "no answer")] * 2
        assert integrations.saved == []
