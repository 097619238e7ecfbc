from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from simulator.reports import progress, render_summary
from simulator.result import Finding, FindingKind, LedgerResult
from tests.support.sample_run import API_KEY, START, SampleRun, sample_run

if TYPE_CHECKING:
    from simulator.result import RunResult


def printed(
    run: SampleRun, width: int = 80, *, result: RunResult | None = None, files: tuple[Path, ...] = ()
) -> str:
    out = io.StringIO()
    render_summary(result or run.result, run.journal, Console(file=out, width=width), files=files)
    return out.getvalue()


def test_kept_run_is_summed_up() -> None:
    text = printed(sample_run(), files=(Path("reports/report.html"),))

    assert "Survey with an SMS to non-respondents" in text
    assert "4 d lived in 0.84 s, 411,429 times as fast" in text
    assert "3 of 3 hold" in text
    assert "balanced" in text
    assert "none broken" in text
    assert "    reports/report.html\n" in text
    assert text.rstrip().endswith("✓ kept: everything that should have happened did")


def test_counts_are_given_per_vendor_for_facts_and_messages() -> None:
    text = printed(sample_run(), 120)

    lines = [line.split() for line in text.splitlines()]
    assert ["CleverTap", "event", "stored:", "MM", "Email", "Bounced", "1", "upload", "34"] in lines
    assert ["email", "sent", "19", "triggerCampaign", "20"] in lines
    assert any(line[-3:] == ["activity", "(webhook)", "34"] for line in lines)


def test_broken_run_says_what_for_whom_and_when() -> None:
    text = printed(sample_run(broken=True), 120)

    assert "✗ clevertap.profile asha@example.com has MM Email Form Submitted" in text
    assert "it came 2 h 41 min after the launch, 35 min late" in text
    assert "scenarios/survey_follow_up.yaml:41:5" in text
    assert "fact mailmodo form_submitted: asha@example.com" in text
    assert "lost asha@example.com at +" in text
    assert "doubled kabir@example.com at +9 s: MM Email Bounced is on the profile twice" in text
    assert "CleverTap upload, request.body $.d[*].ts: 10 times" in text
    assert 'got "soon", wanted type integer' in text
    assert text.rstrip().endswith("✗ broken: 1 failed expectation, 2 ledger findings, 10 contract violations")


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("broken", [False, True])
def test_lines_fit_and_have_no_control_codes_when_piped(width: int, broken: bool) -> None:  # noqa: FBT001 - a parameter
    text = printed(sample_run(broken=broken), width)

    assert max(len(line) for line in text.splitlines()) <= width
    assert "\x1b" not in text


def test_path_of_a_report_is_never_broken_over_lines() -> None:
    path = Path("reports") / ("x" * 120) / "report.html"

    assert f"    {path}\n" in printed(sample_run(), files=(path,))


def test_square_brackets_are_text_and_no_markup() -> None:
    run = sample_run()
    result = replace(run.result, scenario_title="[red]Stop[/red] [/]", errors=("[bold]boom",))

    text = printed(run, result=result)

    assert "[red]Stop[/red] [/]" in text
    assert "[bold]boom" in text


def test_long_lists_are_cut_with_their_number() -> None:
    run = sample_run()
    findings = tuple(
        Finding(kind=FindingKind.LATE, subject="asha@example.com", text=f"late {number}", at=START)
        for number in range(30)
    )
    result = replace(run.result, ledger=LedgerResult(findings=findings), errors=("boom",) * 13)

    text = printed(run, result=result)

    assert "and 18 more findings" in text
    assert "and 1 more error\n" in text


def test_switched_off_ledger_and_incomplete_journal_are_said() -> None:
    run = sample_run()
    result = replace(run.result, ledger=LedgerResult(is_on=False), is_complete=False, expectations=())

    text = printed(run, result=result)

    assert "Ledger  switched off" in text
    assert "incomplete" in text
    assert "none written" in text


def test_summary_stays_readable_where_only_ascii_can_be_printed() -> None:
    run = sample_run(broken=True)
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="replace")
    render_summary(run.result, run.journal, Console(file=out, width=80))
    out.flush()

    text = out.buffer.getvalue().decode("ascii")
    assert "x broken: 1 failed expectation" in text


def test_no_secret_is_printed() -> None:
    run = sample_run(broken=True)
    expectation = replace(run.result.expectations[0], message=f"sent {API_KEY}", text=f"uses {API_KEY}")
    result = replace(run.result, expectations=(expectation,), errors=(f"with {API_KEY}",))

    assert API_KEY not in printed(run, 200, result=result)


def test_progress_is_silent_where_there_is_no_terminal() -> None:
    out = io.StringIO()

    with progress(Console(file=out), 100) as advance:
        advance(50)
        advance(100)

    assert out.getvalue() == ""


def test_progress_on_a_terminal_tells_virtual_time_and_redraws_seldom() -> None:
    out = io.StringIO()
    clock = [0.0]
    console = Console(file=out, force_terminal=True, width=80, get_time=lambda: clock[0])

    with progress(console, 4 * 86_400) as advance:
        clock[0] += 1
        advance(2 * 86_400)
        drawn = len(out.getvalue())
        for _ in range(100):
            advance(3 * 86_400)
        assert len(out.getvalue()) == drawn
        clock[0] += 1
        advance(9 * 86_400)

    text = out.getvalue()
    assert "2 d of 4 d" in text
    assert "4 d of 4 d" in text
    assert "9 d" not in text


def test_findings_that_differ_only_in_whom_and_when_stand_together() -> None:
    run = sample_run()
    findings = tuple(
        Finding(kind=FindingKind.LOST, subject=f"p{number}@example.com", text="'MM X' is missing", at=START)
        for number in range(9)
    )
    result = replace(run.result, ledger=LedgerResult(findings=findings))

    text = " ".join(printed(run, result=result).split())

    assert text.count("is missing") == 1
    assert "lost p0@example.com at +0 s: 'MM X' is missing" in text
    assert "likewise p1@example.com at +0 s, p2@example.com at +0 s" in text
    assert "p6@example.com at +0 s and 2 more" in text
