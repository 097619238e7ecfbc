"""`doctor`: whatever would keep the bridge from working, one line each."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Final

import click

from bridge.commands.printing import print_json
from bridge.doctor import Finding, Grade, examine
from bridge.real_environment import now
from bridge.settings import Settings
from bridge.store import make_store

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["doctor_command"]

_COLOURS: Final = {Grade.OK: "green", Grade.NOTE: "yellow", Grade.PROBLEM: "red"}


@click.command("doctor")
@click.option(
    "--test-events",
    is_flag=True,
    help="Send the vendors' documented sample events, which stay in the accounts.  [default: nothing stays]",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
@click.pass_obj
def doctor_command(settings: Settings, /, *, test_events: bool, as_json: bool) -> None:
    """Check settings, store, clock and every vendor; exit 1 when something is wrong.

    Example: python -m bridge --settings bridge.toml doctor
    """
    findings = [Finding(Grade.PROBLEM, "settings", line) for line in Settings.misspelt_variables()]
    show: Callable[[Finding], None] = (lambda _finding: None) if as_json else _print
    for finding in findings:
        show(finding)
    findings += asyncio.run(_examine(settings, sends_events=test_events, show=show))
    problems = sum(finding.grade is Grade.PROBLEM for finding in findings)
    if as_json:
        print_json([{"grade": each.grade, "what": each.what, "found": each.words} for each in findings])
    else:
        verdict = f"{problems} problem{'' if problems == 1 else 's'}" if problems else "all well"
        click.secho(f"\n{verdict}", fg="red" if problems else "green")
    sys.exit(1 if problems else 0)


async def _examine(
    settings: Settings, *, sends_events: bool, show: Callable[[Finding], None]
) -> list[Finding]:
    findings = []
    async for finding in examine(settings, make_store(settings), now=now, sends_events=sends_events):
        show(finding)
        findings.append(finding)
    return findings


def _print(finding: Finding) -> None:
    grade = click.style(f"{finding.grade:8}", fg=_COLOURS[finding.grade])
    click.echo(f"{grade} {finding.what:20} {finding.words}")
