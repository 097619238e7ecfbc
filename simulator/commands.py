"""What `run`, `list` and `new` do, once their arguments are read."""

from __future__ import annotations

import sys
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from simulator.errors import SimulatorError
from simulator.output import PipeConsole
from simulator.problems import ScenarioInvalid
from simulator.reports import progress, render_summary, write_html, write_json_lines, write_junit
from simulator.run import play_scenario
from simulator.scenario_reader import load_scenario, schema_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from rich.console import Console

    from simulator.journal import Journal
    from simulator.result import RunResult
    from simulator.run import Options
    from simulator.scenario import Scenario

__all__ = ["ReportUnwritable", "RunCommand", "find_scenarios", "summarise_scenario", "write_starter"]

_STARTER: Final = """\
# yaml-language-server: $schema=./scenario.schema.json
# Proves: say here in one sentence what this story proves.
scenario: My first story
starts: 2026-03-02T09:00:00Z
lasts: 1 day

accounts:
  mailjet:
    messages:
      - {name: hello, subject: "Hello ${first_name}", body: Nice to meet you., links: {Shop: "https://shop.example"}}
  segment: {}

people:
  count: 20
  habits:
    open: {share: 60 %, after: {median: 1 h, p95: 10 h}}
    click: {share: 30 % of open, after: 1 to 5 min}
  named:
    - {name: Ada, email: ada@example.com, opens: after 1 h, clicks: {link: Shop, after: 1 h 1 min}}

journey:
  - {at: 0 h, mailjet: send hello}

expect:
  - {segment.user: Ada, has: Email Opened, once: true, within: 1 h 1 min}
  - {segment.user: Ada, has: Email Link Clicked, once: true, with: {link_url: "https://shop.example"}}
  - "{{ segment('Email Delivered').count == people.count }}"
"""


class ReportUnwritable(SimulatorError):
    """A report cannot be written where it should go."""


@dataclass(slots=True)
class RunCommand:
    """Plays scenarios one after the other, prints what came of each, and writes the reports.

    Attributes:
        options: How each is played.
        report: Folder for HTML reports and journals; None for none.
        junit: File for all scenarios together; None for none.
        quiet: Print one line per scenario.
    """

    options: Options
    report: Path | None
    junit: Path | None
    quiet: bool
    _console: Console = field(default_factory=lambda: PipeConsole(highlight=False))
    _results: list[RunResult] = field(default_factory=list)
    _journals: list[Journal] = field(default_factory=list)
    _stems: Counter[str] = field(default_factory=Counter)

    def run(self, scenarios: Iterable[Scenario], *, fail: Callable[[object], None]) -> bool:
        """Play them all; say whether all were kept.

        Args:
            scenarios: What to play.
            fail: Ends the program with a message when the input does not fit.
        """
        try:
            self._make_folders()
            for scenario in scenarios:
                self._play(scenario)
            self._write_junit()
        except SimulatorError as error:
            fail(error)
        except KeyboardInterrupt:
            self._write_junit()
            click.echo(self._say_interrupted(), err=True)
            sys.exit(130)
        return all(result.is_kept for result in self._results)

    def _say_interrupted(self) -> str:
        if not self._results:
            return "interrupted; nothing was finished"
        if self.report is None and self.junit is None:
            return "interrupted; what was finished is told above"
        return "interrupted; reports of what was finished are written"

    def _play(self, scenario: Scenario) -> None:
        written: list[Path] = []

        def report(result: RunResult, journal: Journal) -> None:
            self._results.append(result)
            self._journals.append(journal)
            written.extend(self._write(result, journal))
            if self.quiet:
                self._console.print(_one_line(result), soft_wrap=True)
            else:
                render_summary(result, journal, self._console, files=written)

        with progress(PipeConsole(stderr=True), scenario.lasts_s) as advance:
            play_scenario(scenario, self.options, progress=advance, then=report)

    def _make_folders(self) -> None:
        """Find out that reports cannot be written before anything is played, not after."""
        with _writing(self.report or Path()):
            if self.report is not None:
                self.report.mkdir(parents=True, exist_ok=True)
        if self.junit is not None:
            with _writing(self.junit.parent):
                self.junit.parent.mkdir(parents=True, exist_ok=True)

    def _write(self, result: RunResult, journal: Journal) -> list[Path]:
        if self.report is None:
            return []
        stem = self._free_stem(Path(result.scenario_path).stem)
        html, lines = self.report / f"{stem}.html", self.report / f"{stem}.jsonl"
        with _writing(html):
            write_html(result, journal, html)
        with _writing(lines):
            write_json_lines(journal, lines)
        return [html, lines]

    def _free_stem(self, stem: str) -> str:
        """Name the reports of a scenario; files of one name in two folders must not overwrite each other's."""
        self._stems[stem] += 1
        return stem if self._stems[stem] == 1 else f"{stem}-{self._stems[stem]}"

    def _write_junit(self) -> None:
        if self.junit is not None and self._results:
            with _writing(self.junit):
                write_junit(self._results, self.junit, journals=self._journals)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ReportUnwritable(f"{error.filename or path}: cannot be written: {error.strerror}") from error


def _one_line(result: RunResult) -> str:
    failed = sum(1 for expectation in result.expectations if not expectation.passed)
    parts = []
    if failed:
        parts.append(f"{failed} of {len(result.expectations)} expectations broken")
    if result.violations:
        parts.append(f"{len(result.violations)} contract violations")
    if result.ledger.findings:
        parts.append(f"{len(result.ledger.findings)} ledger findings")
    if result.errors:
        parts.append(f"{len(result.errors)} errors")
    verdict = "kept" if result.is_kept else "broken: " + ", ".join(parts)
    return f"{result.scenario_path}: {verdict} ({result.exchanges} exchanges, {result.real_s:.2f} s)"


def find_scenarios(folder: str | None) -> list[Path]:
    """Find scenario files: in a folder, in `scenarios/` here, or those that come with the package."""
    if folder is not None:
        return sorted(Path(folder).glob("*.yaml"))
    shipped = Path(__file__).parent / "examples"
    for candidate in (Path("scenarios"), shipped, Path(__file__).parent.parent / "scenarios"):
        found = sorted(candidate.glob("*.yaml"))
        if found:
            return found
    return []


def summarise_scenario(path: Path) -> str:
    """Describe a scenario in one line: its file, title, people and length."""
    from simulator.quantities import format_duration  # noqa: PLC0415 - only this command needs it

    try:
        scenario = load_scenario(path)
    except ScenarioInvalid as error:
        return f"{path}  cannot be read: {error.problems[0]}"
    people = f"{scenario.people.count} people"
    return f"{path}  {scenario.title} ({people}, {format_duration(scenario.lasts_s)})"


def write_starter(path: Path) -> list[Path]:
    """Write a small scenario that runs as it is, and beside it the schema from which editors complete it.

    The schema is named relative to the scenario, so that both can be committed and moved. One that is there
    already stays as it is.

    Returns:
        What was written.

    Raises:
        OSError: It cannot be written.
    """
    path.write_text(_STARTER, encoding="utf-8")
    schema = path.parent / "scenario.schema.json"
    if schema.exists():
        return [path]
    schema.write_text(schema_text(), encoding="utf-8")
    return [path, schema]
