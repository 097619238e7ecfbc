"""The summary that a run ends with on a console, and the progress shown until then.

Meaning never hangs on colour, lines fit 80 columns, and what goes to a file or a pipe has no control codes.
"""

from __future__ import annotations

import re
from collections import defaultdict
from contextlib import contextmanager
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

from rich.padding import Padding
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from simulator.reports.wording import VENDOR_NAMES, counted, describe, span, vendor_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from rich.console import Console

    from simulator.journal import Journal
    from simulator.result import BrokenMessage, Finding, RunResult

__all__ = ["progress", "render_summary"]

_MOST_GROUPS: Final = 8
_MOST_FINDINGS: Final = 12
_MOST_ALIKE: Final = 6
_MOST_EVIDENCE: Final = 4
_REFRESH_S: Final = 0.1
_INDEX: Final = re.compile(r"\[\d+\]")


def render_summary(
    result: RunResult, journal: Journal, console: Console, *, files: Sequence[Path] = ()
) -> None:
    """Print what happened, what it is worth, and where to read on.

    Args:
        result: What the run came to.
        journal: Its journal, for the entries that are shown as evidence.
        console: Where to print.
        files: Reports that were written, to be named at the end.
    """
    _Summary(result, journal, console).render(files)


@contextmanager
def progress(console: Console, total_s: float) -> Iterator[Callable[[float], None]]:
    """Show a bar over virtual time while the block runs; nothing where the console is no terminal.

    Yields:
        A function to call with the virtual seconds lived through so far, as often as one likes.
    """
    if not console.is_terminal:
        yield lambda _to_s: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TextColumn("{task.fields[since]}"),
    )
    total = span(total_s)
    # No refresh thread: the run itself redraws, at most ten times a second.
    with Progress(*columns, console=console, auto_refresh=False, transient=True, expand=True) as bar:
        task = bar.add_task("virtual time", total=max(total_s, 1e-9), since=f"0 s of {total}")
        drawn_at = console.get_time()

        def advance(to_s: float) -> None:
            nonlocal drawn_at
            reached_s = min(to_s, total_s)
            if console.get_time() - drawn_at >= _REFRESH_S:
                drawn_at = console.get_time()
                bar.update(task, completed=reached_s, since=f"{span(reached_s)} of {total}", refresh=True)

        bar.refresh()
        yield advance


class _Summary:
    def __init__(self, result: RunResult, journal: Journal, console: Console) -> None:
        self._result = result
        self._journal = journal
        self._console = console
        plain = console.options.ascii_only
        self._yes, self._no, self._dot = ("+", "x", "-") if plain else ("✓", "✗", "·")

    def render(self, files: Sequence[Path]) -> None:
        self._title()
        self._numbers()
        self._counts()
        self._expectations()
        self._ledger()
        self._violations()
        self._errors()
        self._files(files)
        self._verdict()

    def _title(self) -> None:
        result = self._result
        self._console.print()
        self._line(Text(self._masked(result.scenario_title), style="bold"), indent=0)
        self._path(Text(f"{result.scenario_path}  seed {result.seed}", style="dim"))

    def _numbers(self) -> None:
        result = self._result
        self._console.print()
        rate = f", {result.exchanges / result.real_s:,.0f} a second" if result.real_s > 0 else ""
        faster = f", {result.virtual_s / result.real_s:,.0f} times as fast" if result.real_s > 0 else ""
        grid = Table.grid(padding=(0, 2))
        grid.add_column(style="dim", no_wrap=True)
        grid.add_column()
        grid.add_row("people", f"{result.people:,}")
        grid.add_row("time", f"{span(result.virtual_s)} lived in {span(round(result.real_s, 2))}{faster}")
        grid.add_row("exchanges", f"{result.exchanges:,}{rate}")
        if not result.is_complete:
            grid.add_row("journal", "incomplete: messages were still under way when the run ended")
        self._console.print(Padding(grid, (0, 0, 0, 2), expand=False), highlight=False)

    def _counts(self) -> None:
        by_vendor: dict[str, tuple[list[tuple[str, int]], list[tuple[str, int]]]] = {}
        for count in self._result.counts:
            facts, messages = by_vendor.setdefault(count.vendor, ([], []))
            if count.kind == "fact":
                facts.append((count.event, count.count))
            else:
                name = count.event or "unknown to the contract"
                messages.append((f"{name} (webhook)" if count.kind == "webhook" else name, count.count))
        if not by_vendor:
            return
        self._heading("What happened")
        table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="dim")
        table.add_column("vendor", no_wrap=True)
        table.add_column("became true", overflow="fold")
        table.add_column("", justify="right", no_wrap=True)
        table.add_column("messages", overflow="fold")
        table.add_column("", justify="right", no_wrap=True)
        order = list(VENDOR_NAMES)
        for vendor in sorted(by_vendor, key=lambda name: (order.index(name) if name in order else 99, name)):
            facts, messages = by_vendor[vendor]
            for index, (fact, message) in enumerate(zip_longest(facts, messages, fillvalue=("", 0))):
                table.add_row(
                    Text(vendor_name(vendor) if index == 0 else ""),
                    Text(fact[0].replace("_", " ")),
                    f"{fact[1]:,}" if fact[0] else "",
                    Text(message[0]),
                    f"{message[1]:,}" if message[0] else "",
                )
            table.add_section()
        self._console.print(Padding(table, (0, 0, 0, 2), expand=False), highlight=False)

    def _expectations(self) -> None:
        expectations = self._result.expectations
        kept = sum(expectation.passed for expectation in expectations)
        self._heading(
            "Expectations", f"{kept} of {len(expectations)} hold" if expectations else "none written"
        )
        for expectation in expectations:
            self._verdict_line(expectation.text, is_good=expectation.passed)
            if not expectation.passed:
                self._line(Text(self._masked(expectation.message)), indent=6)
                self._line(Text(expectation.where, style="dim"), indent=6)
                self._evidence(expectation.evidence)

    def _ledger(self) -> None:
        ledger = self._result.ledger
        if not ledger.is_on:
            self._heading("Ledger", "switched off")
            return
        effects = sum(rule.met for rule in ledger.rules)
        balance = f"balanced, {counted(effects, 'effect')} where they should be"
        self._heading("Ledger", balance if ledger.is_balanced else counted(len(ledger.findings), "finding"))
        if ledger.note:
            self._line(Text(self._masked(ledger.note)), indent=4)
        for rule in ledger.rules:
            self._verdict_line(
                f"{rule.name}: {rule.met:,} of {rule.expected:,}", is_good=rule.met == rule.expected
            )
        alike: dict[tuple[str, str], list[Finding]] = defaultdict(list)
        for finding in ledger.findings:
            alike[finding.kind, finding.text].append(finding)
        for findings in list(alike.values())[:_MOST_FINDINGS]:
            self._findings(findings)
        hidden = sum(len(findings) for findings in list(alike.values())[_MOST_FINDINGS:])
        self._more(hidden, "finding")

    def _findings(self, findings: Sequence[Finding]) -> None:
        """Show the first of findings that differ only in whom and when in full, then whom else it concerns."""
        first = findings[0]
        text = Text.assemble(
            (f"{first.kind} ", "bold red"),
            (self._masked(first.subject), "bold"),
            f" at {self._since(first)}: ",
        )
        self._line(text.append(self._masked(first.text)), indent=4)
        self._evidence(first.evidence)
        if len(findings) > 1:
            others = [
                f"{finding.subject} at {self._since(finding)}" for finding in findings[1 : _MOST_ALIKE + 1]
            ]
            hidden = len(findings) - 1 - len(others)
            rest = f" and {hidden:,} more" if hidden else ""
            self._line(Text(self._masked(f"likewise {', '.join(others)}{rest}")), indent=6)

    def _since(self, finding: Finding) -> str:
        return f"+{span((finding.at - self._journal.started_at).total_seconds())}"

    def _violations(self) -> None:
        violations = self._result.violations
        if not violations:
            self._heading("Contracts", f"{counted(self._result.exchanges, 'exchange')} judged, none broken")
            return
        groups: dict[tuple[str, str, str], list[BrokenMessage]] = defaultdict(list)
        for broken in violations:
            groups[
                broken.contract, broken.operation, f"{broken.where} {_INDEX.sub('[*]', broken.path)}"
            ].append(broken)
        self._heading("Contracts", counted(len(violations), "violation"))
        for (contract, operation, place), found in list(groups.items())[:_MOST_GROUPS]:
            name = (
                f"{vendor_name(contract)} {operation or 'unknown operation'}, {place}: {len(found):,} times"
            )
            self._verdict_line(name, is_good=False)
            first = found[0]
            self._line(Text(self._masked(f"got {first.got}, wanted {first.wanted}")), indent=6)
            if first.source:
                self._line(Text(f"source: {first.source}", style="dim"), indent=6)
            self._evidence((first.entry,))
        self._more(len(groups) - _MOST_GROUPS, "kind", "kinds")

    def _errors(self) -> None:
        if self._result.errors:
            self._heading("Errors inside testbed or bridge", str(len(self._result.errors)))
            for error in self._result.errors[:_MOST_FINDINGS]:
                self._verdict_line(error, is_good=False)
            self._more(len(self._result.errors) - _MOST_FINDINGS, "error")

    def _files(self, files: Sequence[Path]) -> None:
        if files:
            self._heading("Reports")
            for file in files:
                self._path(Text(f"    {file}"))

    def _verdict(self) -> None:
        result = self._result
        self._console.print()
        if result.is_kept:
            self._line(
                Text(f"{self._yes} kept: everything that should have happened did", style="bold green"),
                indent=0,
            )
            return
        failed = sum(not expectation.passed for expectation in result.expectations)
        reasons = [
            counted(number, noun)
            for number, noun in (
                (failed, "failed expectation"),
                (len(result.ledger.findings), "ledger finding"),
                (len(result.violations), "contract violation"),
                (len(result.errors), "error"),
            )
            if number
        ]
        self._line(Text(f"{self._no} broken: {', '.join(reasons)}", style="bold red"), indent=0)

    def _heading(self, name: str, text: str = "") -> None:
        self._console.print()
        self._line(Text.assemble((name, "bold"), f"  {text}" if text else ""), indent=2)

    def _verdict_line(self, text: str, *, is_good: bool) -> None:
        grid = Table.grid(padding=(0, 1))
        grid.add_column(no_wrap=True, style="green" if is_good else "bold red")
        grid.add_column(overflow="fold")
        grid.add_row(self._yes if is_good else self._no, Text(self._masked(text)))
        self._console.print(Padding(grid, (0, 0, 0, 4), expand=False), highlight=False)

    def _evidence(self, evidence: tuple[str, ...]) -> None:
        for identity in evidence[:_MOST_EVIDENCE]:
            entry = self._journal.by_id(identity)
            if entry is not None:
                self._line(Text(f"{self._dot} {describe(self._journal, entry)}", style="dim"), indent=6)
        self._more(len(evidence) - _MOST_EVIDENCE, "entry", "entries")

    def _more(self, left: int, noun: str, plural: str = "") -> None:
        if left > 0:
            self._line(
                Text(f"and {counted(left, 'more ' + noun, 'more ' + (plural or noun + 's'))}", style="dim"),
                indent=6,
            )

    def _line(self, text: Text, *, indent: int) -> None:
        self._console.print(Padding(text, (0, 0, 0, indent), expand=False), highlight=False)

    def _path(self, text: Text) -> None:
        """Print a line with a path, which cannot be copied once it is broken over lines."""
        self._console.print(text, soft_wrap=True, highlight=False)

    def _masked(self, text: str) -> str:
        return self._journal.masking.text(text)
