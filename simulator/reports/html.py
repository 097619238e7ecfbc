"""Writes the report that opens in a browser: one file that needs nothing else, not even a network."""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter, defaultdict
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from simulator.entry import entry_id, entry_number
from simulator.reports.records import instant, record
from simulator.reports.story import LANES, Story
from simulator.reports.wording import counted, describe, span, vendor_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from simulator.entry import Entry
    from simulator.journal import Journal
    from simulator.result import BrokenMessage, RunResult

__all__ = ["write_html"]

_MOST_FINDINGS: Final = 200
_MOST_KINDS: Final = 60
_MOST_EVIDENCE: Final = 12
_LEFT_OUT: Final = frozenset({"id", "at", "kind", "t"})


def write_html(result: RunResult, journal: Journal, path: Path, *, most_entries: int = 20_000) -> None:
    """Write the report of one run.

    It loads nothing, runs only its own script (a content security policy sees to that), and hides secrets.

    Args:
        result: What the run came to.
        journal: Its journal.
        path: Where to.
        most_entries: How many entries are embedded. In a larger run evidence comes first, then people with
            problems, then the others; sums and counts always cover the whole run.
    """
    script, style = _asset("report.js"), _asset("report.css")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    page = _environment().get_template("report.html.j2")
    text = page.render(
        result=result,
        digest=digest,
        script=Markup(script),  # noqa: S704 - our own file
        style=Markup(style),  # noqa: S704 - our own file
        data=Markup(_island(_data(result, journal, most_entries))),  # noqa: S704 - escaped for a script element
        most_findings=_MOST_FINDINGS,
        most_kinds=_MOST_KINDS,
        broken=_broken_groups(result.violations),
        nearest=lambda evidence: _nearest(journal, evidence),
        masked=journal.masking.text,
        started_at=instant(result.started_at),
        ended_at=instant(result.ended_at),
        since=lambda at: span((at - journal.started_at).total_seconds()),
        vendor_name=vendor_name,
    )
    path.write_text(text, encoding="utf-8", newline="\n", errors="backslashreplace")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("simulator.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["span"] = span
    environment.filters["counted"] = counted
    return environment


def _asset(name: str) -> str:
    return (resources.files("simulator.reports") / "templates" / name).read_text(encoding="utf-8")


def _island(data: dict[str, Any]) -> str:
    """Write JSON that cannot end, or change the meaning of, the script element around it."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _data(result: RunResult, journal: Journal, most_entries: int) -> dict[str, Any]:
    story = Story(journal, result.virtual_s)
    troubles = _troubles(result, journal)
    people = sorted(journal.people(), key=lambda email: (-troubles[email], email))
    chosen = _chosen(result, journal, people, most_entries)
    pool = _Pool()
    masked = journal.masking.text
    entries = [
        _compact(journal, entry, story, pool)
        for number in chosen
        if (entry := journal.by_id(entry_id(number)))
    ]
    return {
        "start": instant(result.started_at),
        "span": result.virtual_s,
        "lanes": [{"id": lane, "name": LANES[lane]} for lane in story.lanes],
        "groups": [
            story.describe(group) | {"label": masked(group.arrow.label), "about": masked(group.arrow.about)}
            for group in story.ordered_groups()
        ],
        "people": [
            {
                "email": masked(email),
                "marks": dict(sorted(story.marks.get(email, Counter()).items())),
                "problems": troubles[email],
                "entries": [entry_number(entry.id) for entry in journal.of_person(email)],
            }
            for email in people
        ],
        "entries": entries,
        "left_out": len(journal) - len(entries),
        "pool": pool.texts,
    }


class _Pool:
    """Keeps each header line and longer text once; entries refer to it by number."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._numbers: dict[str, int] = {}

    def number(self, text: str) -> int:
        known = self._numbers.get(text)
        if known is None:
            known = self._numbers[text] = len(self.texts)
            self.texts.append(text)
        return known


def _compact(journal: Journal, entry: Entry, story: Story, pool: _Pool) -> dict[str, Any]:
    """Give an entry's record with its place in the drawing; what is empty is left out."""
    found = record(journal, entry)
    for side in ("request", "response"):
        if side in found:
            message = found[side]
            message["headers"] = [
                pool.number(f"{name}: {value}") for name, value in message["headers"].items()
            ]
            if "text" in message:
                message["text"] = pool.number(message["text"])
    compact = {
        "n": entry_number(entry.id),
        "t": found["t"],
        "kind": found["kind"],
        **{
            key: value for key, value in found.items() if key not in _LEFT_OUT and value not in ("", [], None)
        },
    }
    arrow = story.arrow(entry)
    if arrow is not None:
        compact |= {"a": arrow.source, "b": arrow.target, "label": journal.masking.text(arrow.label)}
        if arrow.about:
            compact["about"] = journal.masking.text(arrow.about)
        if arrow.is_failed:
            compact["failed"] = True
    return compact


def _troubles(result: RunResult, journal: Journal) -> Counter[str]:
    """Count per person the findings, violations and failed expectations that concern them."""
    troubles: Counter[str] = Counter()
    for finding in result.ledger.findings:
        troubles[finding.subject.lower()] += 1
    for broken in result.violations:
        troubles.update(journal.people_of(broken.entry))
    for expectation in result.expectations:
        if not expectation.passed:
            troubles.update(
                {email for identity in expectation.evidence for email in journal.people_of(identity)}
            )
    return troubles


def _chosen(result: RunResult, journal: Journal, people: list[str], most: int) -> list[int]:
    if len(journal) <= most:
        return [entry_number(entry.id) for entry in journal]
    chosen: set[int] = set()
    for identity in _evidence(result):
        chosen.update(entry_number(entry.id) for entry in journal.chain(identity))
    for email in people:
        if len(chosen) >= most:
            break
        chosen.update(entry_number(entry.id) for entry in journal.of_person(email))
    return sorted(chosen)


def _evidence(result: RunResult) -> Iterator[str]:
    """Give the ids that the page links to before anybody is chosen."""
    for expectation in result.expectations:
        yield from expectation.evidence[:_MOST_EVIDENCE]
    for finding in result.ledger.findings[:_MOST_FINDINGS]:
        yield from finding.evidence[:_MOST_EVIDENCE]
    for group in _broken_groups(result.violations)[:_MOST_KINDS]:
        yield group[0].entry


def _nearest(journal: Journal, evidence: tuple[str, ...]) -> list[tuple[str, str]]:
    """Give id and one line for each piece of evidence that the journal has."""
    entries = (journal.by_id(identity) for identity in evidence[:_MOST_EVIDENCE])
    return [(entry.id, describe(journal, entry).removeprefix(entry.id).strip()) for entry in entries if entry]


def _broken_groups(violations: tuple[BrokenMessage, ...]) -> list[list[BrokenMessage]]:
    groups: dict[tuple[str, str, str, str], list[BrokenMessage]] = defaultdict(list)
    for broken in violations:
        groups[broken.contract, broken.operation, broken.where, broken.path].append(broken)
    return sorted(groups.values(), key=len, reverse=True)
