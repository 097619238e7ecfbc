from __future__ import annotations

from typing import Any

import pytest

from simulator.errors import SimulatorError
from simulator.result import FindingKind
from simulator.run import Options, play_scenario
from simulator.system_under_test import BridgeUnusable
from tests.support.stories import RECEIPT, SURVEY, played, scenario_of

OPENED = {"segment.user": "Ada", "has": "Email Opened", "once": True, "within": "1 h 1 min"}


def test_a_story_that_goes_well_is_kept() -> None:
    result, journal = played(RECEIPT, expect=[OPENED])

    assert result.is_kept
    assert (result.scenario_title, result.scenario_path, result.people) == ("A receipt", "story.yaml", 2)
    assert result.exchanges == len(journal.exchanges()) > 5
    assert result.virtual_s == pytest.approx(86_520, abs=1)
    assert 0 < result.real_s < 10
    assert [expectation.passed for expectation in result.expectations] == [True]
    assert result.is_complete
    assert result.errors == ()
    assert result.violations == ()


def test_the_ledger_has_the_rules_of_the_vendors_that_take_part() -> None:
    receipt, _ = played(RECEIPT)
    survey, _ = played(SURVEY, expect=[])

    assert [rule.name for rule in receipt.ledger.rules] == ["Mailjet event → Segment event"]
    assert [(rule.expected, rule.met) for rule in receipt.ledger.rules] == [(3, 3)]
    assert len(survey.ledger.rules) == 3
    assert survey.ledger.is_balanced


def test_the_ledger_can_be_left_out() -> None:
    result, _ = played(RECEIPT, Options(ledger=False, bridge="tests.support.bridges:swallows"))

    assert (result.ledger.is_on, result.ledger.findings) == (False, ())


def test_a_bridge_that_hands_nothing_over_loses_everything() -> None:
    result, _ = played(RECEIPT, Options(bridge="tests.support.bridges:swallows"), expect=[OPENED])

    assert not result.is_kept
    assert {finding.kind for finding in result.ledger.findings} == {FindingKind.LOST}
    assert {finding.subject for finding in result.ledger.findings} == {"ada@example.com", "ben@example.com"}
    assert [expectation.passed for expectation in result.expectations] == [False]


def test_the_seed_is_the_scenarios_unless_said() -> None:
    assert played(RECEIPT, seed=5)[0].seed == 5
    assert played(RECEIPT, Options(seed=0), seed=5)[0].seed == 0


def test_calls_of_the_bridge_are_caused_by_the_webhooks_whose_engagements_they_carry() -> None:
    _result, journal = played(RECEIPT)

    for call in journal.exchanges(sender="bridge", receiver="segment"):
        causes = [journal.by_id(cause) for cause in journal.causes(call.id)]
        assert causes
        assert {getattr(cause.payload, "receiver", "") for cause in causes if cause} == {"bridge"}


@pytest.mark.slow
def test_latency_is_how_long_a_message_travels() -> None:
    fast, _ = played(RECEIPT, Options(latency_s=0))
    _slow, journal = played(RECEIPT, Options(latency_s=2))

    assert fast.is_kept
    (send,) = journal.exchanges(operation="sendV31", sender="app")
    (event, *_rest) = journal.exchanges(kind="webhook", receiver="bridge")
    assert (event.ended_at - event.started_at).total_seconds() >= 4
    assert send.started_at >= _slow.started_at


@pytest.mark.slow
def test_on_real_sockets_the_same_comes_of_it() -> None:
    virtual, _ = played(RECEIPT, Options(), lasts="2 h")
    live, journal = played(RECEIPT, Options(arm="live", speed=100_000), lasts="2 h")

    assert live.is_kept
    assert live.ledger.rules == virtual.ledger.rules
    assert live.real_s < 15
    assert journal.is_complete


@pytest.mark.parametrize("bridge", ["http://127.0.0.1:9", "python -m bridge"])
def test_a_bridge_outside_the_process_cannot_live_in_virtual_time(bridge: str) -> None:
    with pytest.raises(BridgeUnusable, match=r"cannot live in virtual time; add `--arm"):
        play_scenario(scenario_of(RECEIPT), Options(bridge=bridge))


def test_a_failure_inside_a_fake_is_an_error_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    from fakes.segment import FakeSegment  # noqa: PLC0415 - broken here only

    def tell(*_arguments: Any, **_details: Any) -> None:
        raise ZeroDivisionError("inside the fake")

    monkeypatch.setattr(FakeSegment, "tell", tell)

    result, _ = played(RECEIPT, lasts="10 min")

    assert not result.is_kept
    assert any("inside the fake" in error for error in result.errors)


def test_one_problem_of_many_steps_is_told_as_itself() -> None:
    messages = [{"name": "receipt", "subject": "x" * 300}]
    steps = [{"at": "0 h", "mailjet": "send receipt"}] * 3

    with pytest.raises(SimulatorError, match="was answered 400"):
        played(RECEIPT, accounts__mailjet__messages=messages, journey=steps)
