"""Writes results as JUnit XML, which CI systems show beside the code."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from simulator.reports.records import instant
from simulator.reports.wording import counted, describe, span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from simulator.journal import Journal
    from simulator.masking import Masking
    from simulator.result import RunResult

__all__ = ["write_junit"]

_MOST_LINES = 50


def write_junit(results: Sequence[RunResult], path: Path, *, journals: Sequence[Journal] = ()) -> None:
    """Write one test suite a scenario: a case for each expectation, then contracts, ledger and testbed.

    Args:
        results: The runs, in the order in which they shall appear.
        path: Where to.
        journals: The journals of the same runs, in the same order; failures then show the nearest entries, and
            the journals' secrets are masked.
    """
    root = ET.Element("testsuites", name="journeylab")
    for index, result in enumerate(results):
        root.append(_suite(result, journals[index] if index < len(journals) else None))
    for attribute in ("tests", "failures", "errors"):
        root.set(attribute, str(sum(int(suite.get(attribute, "0")) for suite in root)))
    root.set("skipped", "0")
    root.set("time", f"{sum(result.real_s for result in results):.3f}")
    ET.indent(root)
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _suite(result: RunResult, journal: Journal | None) -> ET.Element:
    suite = ET.Element("testsuite", name=_clean(result.scenario_title), file=_clean(result.scenario_path))
    suite.set("timestamp", instant(result.started_at))
    suite.set("time", f"{result.real_s:.3f}")
    properties = ET.SubElement(suite, "properties")
    for name, value in (
        ("seed", str(result.seed)),
        ("people", str(result.people)),
        ("exchanges", str(result.exchanges)),
        ("virtual_time", span(result.virtual_s)),
    ):
        ET.SubElement(properties, "property", name=name, value=value)
    cases = list(_cases(result, journal))
    for case in cases:
        suite.append(case)
    suite.set("tests", str(len(cases)))
    suite.set("failures", str(sum(case.find("failure") is not None for case in cases)))
    suite.set("errors", str(sum(case.find("error") is not None for case in cases)))
    suite.set("skipped", "0")
    if journal is not None:
        _mask(suite, journal.masking)
    return suite


def _mask(suite: ET.Element, masking: Masking) -> None:
    for element in suite.iter():
        element.text = masking.text(element.text) if element.text else element.text
        for name, value in element.items():
            element.set(name, masking.text(value))


def _cases(result: RunResult, journal: Journal | None) -> Iterator[ET.Element]:
    for expectation in result.expectations:
        case = _case(result, expectation.text)
        path, line = _place(expectation.where)
        case.set("file", path)
        if line:
            case.set("line", line)
        if not expectation.passed:
            lines = [expectation.where, expectation.message, *_nearest(expectation.evidence, journal)]
            _fail(case, "failure", expectation.message or "did not hold", lines)
        yield case
    yield _contracts(result)
    yield _ledger(result, journal)
    case = _case(result, "testbed and bridge run without errors")
    if result.errors:
        _fail(case, "error", counted(len(result.errors), "error"), list(result.errors))
    yield case


def _contracts(result: RunResult) -> ET.Element:
    case = _case(result, "every message keeps its contract")
    if result.violations:
        lines = [
            f"{broken.entry} {broken.sender} → {broken.receiver} {broken}" for broken in result.violations
        ]
        _fail(case, "failure", counted(len(lines), "contract violation"), lines)
    return case


def _ledger(result: RunResult, journal: Journal | None) -> ET.Element:
    case = _case(result, "the ledger balances")
    if not result.ledger.is_on:
        ET.SubElement(case, "system-out").text = "the ledger was switched off for this run"
        return case
    if result.ledger.findings:
        lines = []
        for finding in result.ledger.findings:
            lines.append(f"{finding.kind}: {finding.subject} at {instant(finding.at)}: {finding.text}")
            lines += _nearest(finding.evidence, journal)
        _fail(case, "failure", counted(len(result.ledger.findings), "finding"), lines)
    return case


def _case(result: RunResult, name: str) -> ET.Element:
    title = _clean(result.scenario_title)
    return ET.Element("testcase", classname=title.replace(".", "·"), name=_clean(name), time="0")


def _fail(case: ET.Element, tag: str, message: str, lines: list[str]) -> None:
    left = len(lines) - _MOST_LINES
    shown = [*lines[:_MOST_LINES], f"… and {left} more lines"] if left > 0 else lines
    failure = ET.SubElement(case, tag, message=_clean(message), type=tag)
    failure.text = _clean("\n".join(line for line in shown if line))


def _nearest(evidence: tuple[str, ...], journal: Journal | None) -> list[str]:
    if journal is None:
        return [f"  see {identity}" for identity in evidence]
    entries = (journal.by_id(identity) for identity in evidence)
    return [f"  {describe(journal, entry)}" for entry in entries if entry is not None]


def _place(where: str) -> tuple[str, str]:
    """Split `file:line:column`; a file name may itself have colons."""
    path, line, column = [*where.rsplit(":", 2), "", ""][:3]
    return (_clean(path), line) if line.isdigit() and column.isdigit() else (_clean(where), "")


def _clean(text: str) -> str:
    """Replace what XML 1.0 cannot hold, even escaped."""
    return "".join(
        c if c in "\t\n\r" or " " <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c > "\uffff" else "�"
        for c in text
    )
