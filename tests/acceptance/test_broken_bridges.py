"""A bridge that is broken by hand makes `run` say what is missing, doubled, misrouted, misnamed or late.

The breaks are patches from outside; the bridge itself has no switch for them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from bridge.engagement import Engagement, Kind
from bridge.routing import Table
from bridge.routing.bodies import Body
from simulator.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable

SCENARIO = "scenarios/survey_follow_up.yaml"


def _run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["run", SCENARIO, "--people", "40", "--no-report", *arguments])
    return result.exit_code, re.sub(r"\s+", " ", result.output)


def _replace(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, wrap: Callable[[Any], Any]) -> None:
    monkeypatch.setattr(owner, name, wrap(getattr(owner, name)))


def _change_events(monkeypatch: pytest.MonkeyPatch, change: Callable[[dict[str, Any], Kind], None]) -> None:
    """Change what goes to CleverTap after it was made."""

    def wrap(make: Any) -> Any:
        def fill(body: Body, context: Any) -> dict[str, Any]:
            record: dict[str, Any] = make(body, context)
            if "evtName" in record:
                change(record, context["kind"])
            return record

        return fill

    _replace(monkeypatch, Body, "fill", wrap)


@pytest.mark.slow
def test_the_whole_bridge_passes() -> None:
    exit_code, output = _run()

    assert exit_code == 0
    assert "kept" in output


@pytest.mark.slow
def test_a_dropped_kind_of_event_is_missing_for_each_person(monkeypatch: pytest.MonkeyPatch) -> None:
    def drop(select: Any) -> Any:
        def routes_for(table: Table, engagement: Engagement) -> Any:
            return () if engagement.kind is Kind.LINK_CLICKED else select(table, engagement)

        return routes_for

    _replace(monkeypatch, Table, "routes_for", drop)

    exit_code, output = _run()

    assert exit_code == 1
    assert "lost chitra@example.com at +3 h 1 min: 'MM Email Link Clicked' at clevertap is missing" in output
    assert "MM Email Link Clicked, once: true" in output


@pytest.mark.slow
def test_an_event_sent_twice_is_doubled(monkeypatch: pytest.MonkeyPatch) -> None:
    def repeat(select: Any) -> Any:
        def routes_for(table: Table, engagement: Engagement) -> Any:
            routes = select(table, engagement)
            return (*routes, routes[-1]) if engagement.kind is Kind.MARKED_AS_SPAM else routes

        return routes_for

    _replace(monkeypatch, Table, "routes_for", repeat)

    exit_code, output = _run()

    assert exit_code == 1
    assert (
        "doubled sam@example.com at +31 min: 'MM Email Marked as Spam' at clevertap arrived once more"
        in output
    )


@pytest.mark.slow
def test_an_event_on_the_wrong_profile_is_misrouted(monkeypatch: pytest.MonkeyPatch) -> None:
    def misroute(record: dict[str, Any], kind: Kind) -> None:
        if kind is Kind.UNSUBSCRIBED:
            record.pop("objectId", None)
            record["identity"] = "ravi@example.com"

    _change_events(monkeypatch, misroute)

    exit_code, output = _run()

    assert exit_code == 1
    assert (
        "misrouted uma@example.com at +1 h 2 min: 'MM Email Unsubscribed' at clevertap went to ravi@example.com "
        "instead of uma@example.com" in output
    )


@pytest.mark.slow
def test_a_misnamed_event_is_told_with_both_names(monkeypatch: pytest.MonkeyPatch) -> None:
    def misname(record: dict[str, Any], _kind: Kind) -> None:
        record["evtName"] = record["evtName"].replace("MM Email Link Clicked", "MM Email Link Click")

    _change_events(monkeypatch, misname)

    exit_code, output = _run()

    assert exit_code == 1
    assert (
        "misnamed chitra@example.com at +3 h 1 min: 'MM Email Link Clicked' at clevertap arrived as 'MM Email Link Click'"
        in output
    )


@pytest.mark.slow
def test_a_shifted_timestamp_is_late_by_how_much(monkeypatch: pytest.MonkeyPatch) -> None:
    def shift(record: dict[str, Any], kind: Kind) -> None:
        record["ts"] += 3600 if kind is Kind.BOUNCED else 0

    _change_events(monkeypatch, shift)

    exit_code, output = _run()

    assert exit_code == 1
    assert "late noor@example.com" in output
    assert "'MM Email Bounced' at clevertap carries a time that is 1 h late" in output


@pytest.mark.slow
def test_a_broken_bridge_passes_when_the_ledger_is_off_and_nothing_is_expected_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What catches the break above is the ledger, not luck."""

    def shift(record: dict[str, Any], kind: Kind) -> None:
        record["ts"] += 3600 if kind is Kind.BOUNCED else 0

    _change_events(monkeypatch, shift)

    exit_code, _output = _run("--no-ledger")

    assert exit_code == 0
