from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from simulator.reports import write_junit
from simulator.result import ExpectationResult, LedgerResult
from tests.support.sample_run import API_KEY, sample_run

if TYPE_CHECKING:
    from pathlib import Path

CONTRACTS = "every message keeps its contract"
LEDGER = "the ledger balances"
TESTBED = "testbed and bridge run without errors"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "junit.xml"


def read(path: Path) -> ET.Element:
    return ET.parse(path).getroot()


def case(root: ET.Element, name: str) -> ET.Element:
    return next(case for case in root.iter("testcase") if case.get("name") == name)


def test_kept_run_has_a_case_per_expectation_and_three_more(path: Path) -> None:
    run = sample_run()

    write_junit([run.result], path)

    root = read(path)
    (suite,) = root
    assert root.tag == "testsuites"
    assert (suite.tag, suite.get("name")) == ("testsuite", "Survey with an SMS to non-respondents")
    assert [suite.get(name) for name in ("tests", "failures", "errors", "skipped", "time")] == [
        "6",
        "0",
        "0",
        "0",
        "0.840",
    ]
    names = [case.get("name") for case in suite.iter("testcase")]
    assert names == [*(e.text for e in run.result.expectations), CONTRACTS, LEDGER, TESTBED]
    assert root.findall(".//failure") == root.findall(".//error") == []
    assert suite.find("properties/property[@name='seed']").get("value") == "7"  # type: ignore[union-attr]


def test_failures_name_message_place_and_nearest_entries(path: Path) -> None:
    run = sample_run(broken=True)

    write_junit([run.result], path, journals=[run.journal])

    root = read(path)
    assert [root.get(name) for name in ("tests", "failures", "errors", "time")] == ["6", "3", "0", "0.840"]
    late = case(root, run.result.expectations[0].text)
    assert (late.get("file"), late.get("line")) == ("scenarios/survey_follow_up.yaml", "41")
    failure = late.find("failure")
    assert failure is not None
    assert failure.get("message") == "it came 2 h 41 min after the launch, 35 min late"
    assert failure.text is not None
    assert "mailmodo form_submitted: asha@example.com" in failure.text


def test_violations_and_findings_fail_their_own_cases(path: Path) -> None:
    run = sample_run(broken=True)

    write_junit([run.result], path, journals=[run.journal])

    contracts = case(read(path), CONTRACTS).find("failure")
    ledger = case(read(path), LEDGER).find("failure")
    assert contracts is not None
    assert contracts.text is not None
    assert ledger is not None
    assert ledger.text is not None
    assert contracts.get("message") == f"{len(run.result.violations)} contract violations"
    assert 'clevertap upload, request.body $.d[0].ts: got "soon", wanted type integer' in contracts.text
    assert "lost: asha@example.com at 2026-03-02T" in ledger.text
    assert "doubled: kabir@example.com" in ledger.text


def test_failure_inside_the_testbed_is_an_error(path: Path) -> None:
    result = replace(sample_run().result, errors=("KeyError: 'template' in fake mailmodo",))

    write_junit([result], path)

    error = case(read(path), TESTBED).find("error")
    assert error is not None
    assert error.text == "KeyError: 'template' in fake mailmodo"
    assert read(path).get("errors") == "1"


def test_several_runs_add_up(path: Path) -> None:
    runs = [sample_run(), sample_run(broken=True)]

    write_junit([run.result for run in runs], path, journals=[run.journal for run in runs])

    root = read(path)
    assert len(root) == 2
    assert [root.get(name) for name in ("tests", "failures", "time")] == ["12", "3", "1.680"]


def test_ledger_that_was_off_passes_and_says_so(path: Path) -> None:
    result = replace(sample_run().result, ledger=LedgerResult(is_on=False))

    write_junit([result], path)

    assert case(read(path), LEDGER).findtext("system-out") == "the ledger was switched off for this run"


def test_characters_that_xml_cannot_hold_are_replaced(path: Path) -> None:
    expectation = ExpectationResult(
        text="a\x00b <&> \ud800 😀", where="x.yaml", passed=False, message="\x1b[31mred"
    )
    result = replace(sample_run().result, expectations=(expectation,))

    write_junit([result], path)

    failed = case(read(path), "a�b <&> � 😀")
    assert failed.get("file") == "x.yaml"
    assert failed.get("line") is None
    assert failed.find("failure").get("message") == "�[31mred"  # type: ignore[union-attr]


def test_many_violations_are_cut_with_their_number(path: Path) -> None:
    run = sample_run(broken=True)
    result = replace(run.result, violations=run.result.violations[:1] * 120)

    write_junit([result], path)

    failure = case(read(path), CONTRACTS).find("failure")
    assert failure is not None
    assert failure.text is not None
    assert failure.text.splitlines()[-1] == "… and 70 more lines"


def test_no_secret_reaches_the_file(path: Path) -> None:
    run = sample_run(broken=True)
    expectation = ExpectationResult(text="x", where="x.yaml:1:1", passed=False, message=f"sent {API_KEY}")
    result = replace(run.result, expectations=(expectation,), errors=(f"with {API_KEY}",))

    write_junit([result], path, journals=[run.journal])

    assert API_KEY not in path.read_text()
