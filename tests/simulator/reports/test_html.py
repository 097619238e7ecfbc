from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from simulator.reports import write_html
from tests.support.browser import browse
from tests.support.sample_run import API_KEY, PASSCODE, PATH_SECRET, sample_run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.sample_run import SampleRun

NASTY = "</script><script>alert(1)</script><!-- \u2028 \u2029 &amp; ]]>"


class Page(HTMLParser):
    """What a page has: elements with their attributes, and the text of its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self._script: dict[str, str | None] | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._script = dict(attrs) if tag == "script" else None

    def handle_data(self, data: str) -> None:
        if self._script is not None:
            self.scripts.append((self._script, data))
            self._script = None


def report(run: SampleRun, path: Path, **settings: Any) -> str:
    write_html(run.result, run.journal, path, **settings)
    return path.read_text(encoding="utf-8")


def data_of(text: str) -> dict[str, Any]:
    island = next(script for attributes, script in Page(text).scripts if attributes.get("id") == "data")
    data = json.loads(island)
    assert isinstance(data, dict)
    return data


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "report.html"


def test_report_loads_nothing_from_anywhere(path: Path) -> None:
    page = Page(report(sample_run(), path))

    for tag, attributes in page.elements:
        assert tag not in {"link", "img", "iframe", "object", "embed"}
        assert not attributes.keys() & {"src", "href", "action", "onclick", "onload"}
    policy = next(a["content"] for t, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'")


def test_policy_allows_this_script_and_no_other(path: Path) -> None:
    text = report(sample_run(), path)

    page = Page(text)
    (script,) = [script for attributes, script in page.scripts if "type" not in attributes]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in text


def test_header_tells_verdict_and_numbers(path: Path) -> None:
    kept, broken = report(sample_run(), path), report(sample_run(broken=True), path)

    assert "✓ Kept" in kept
    assert "<dd>3 of 3</dd>" in kept
    assert "balanced" in kept
    assert "✗ Broken" in broken
    assert "2 findings" in broken
    assert "10 violations" in broken


def test_failures_link_to_their_entries_and_people(path: Path) -> None:
    run = sample_run(broken=True)
    page = Page(report(run, path))

    linked = {attributes.get("data-entry") for _tag, attributes in page.elements}
    assert run.result.violations[0].entry in linked
    assert set(run.result.expectations[0].evidence) <= linked
    assert "kabir@example.com" in {attributes.get("data-person") for _tag, attributes in page.elements}


def test_only_those_who_took_part_have_a_lifeline(path: Path) -> None:
    data = data_of(report(sample_run(), path))

    assert [lane["name"] for lane in data["lanes"]] == [
        "Scenario",
        "CleverTap",
        "Bridge",
        "Mailmodo",
        "People",
    ]


def test_sequence_counts_what_everybody_sent(path: Path) -> None:
    run = sample_run()
    data = data_of(report(run, path))

    groups = {(group["a"], group["b"], group["label"]): group for group in data["groups"]}
    opened = groups["mailmodo", "bridge", "Email Opened"]
    assert len(opened["members"]) == sum(opened["bins"]) == len(run.journal.facts("mailmodo", "email_opened"))
    assert groups["scenario", "clevertap", "launch ask"]["members"] == [1]
    assert groups["mailmodo", "people", "mail"]["first"] == 2
    assert [group["first"] for group in data["groups"]] == sorted(group["first"] for group in data["groups"])


def test_every_entry_is_there_in_full(path: Path) -> None:
    run = sample_run(broken=True)
    data = data_of(report(run, path))

    assert len(data["entries"]) == len(run.journal)
    assert data["left_out"] == 0
    broken = next(entry for entry in data["entries"] if entry.get("violations"))
    assert broken["request"]["json"]["d"][0]["ts"] == "soon"
    assert broken["causes"]
    headers = [data["pool"][number] for number in broken["request"]["headers"]]
    assert "Host: in1.api.clevertap.com" in headers


def test_people_with_problems_come_first_with_all_that_concerns_them(path: Path) -> None:
    run = sample_run(broken=True)
    people = data_of(report(run, path))["people"]

    assert people[0]["email"] == "asha@example.com"
    assert people[0]["problems"] == 3
    assert people[0]["marks"]["form submitted"] == 1
    assert len(people[0]["entries"]) == len(run.journal.of_person("asha@example.com"))
    assert len(people) == 20


def test_large_run_keeps_evidence_and_whole_people(path: Path) -> None:
    run = sample_run(people=60, broken=True)
    data = data_of(report(run, path, most_entries=100))

    kept = {entry["n"] for entry in data["entries"]}
    assert 100 <= len(kept) < 400
    assert data["left_out"] == len(run.journal) - len(kept)
    assert int(run.result.violations[0].entry[1:]) in kept
    assert set(data["people"][0]["entries"]) <= kept
    assert sum(len(group["members"]) for group in data["groups"]) > 400


def test_nothing_that_was_sent_can_break_out_of_the_page(path: Path) -> None:
    run = sample_run()
    run.journal.step("receive mail", "asha@example.com", details={"subject": NASTY, "html": NASTY})
    expectation = replace(run.result.expectations[0], text=NASTY, passed=False, message=NASTY)
    run.result = replace(run.result, scenario_title=NASTY, expectations=(expectation,), errors=(NASTY,))

    text = report(run, path)

    assert "<script>alert" not in text
    assert len([tag for tag, _attributes in Page(text).elements if tag == "script"]) == 2
    island = text.partition('id="data">')[2].partition("</script>")[0]
    assert not re.search("[<>&\u2028\u2029]", island)
    assert data_of(text)["entries"][-1]["details"]["html"] == NASTY


def test_no_secret_reaches_the_file(path: Path) -> None:
    run = sample_run(broken=True)
    expectation = replace(run.result.expectations[0], message=f"sent {API_KEY}")
    run.result = replace(run.result, expectations=(expectation,), errors=(f"with {PASSCODE}",))

    text = report(run, path)

    for secret in (API_KEY, PASSCODE, PATH_SECRET):
        assert secret not in text


def test_two_hundred_people_stay_within_five_megabytes(path: Path) -> None:
    report(sample_run(people=200), path)

    assert path.stat().st_size < 5_000_000


def test_equal_runs_give_equal_reports(path: Path) -> None:
    assert report(sample_run(broken=True), path) == report(sample_run(broken=True), path)


def open_report(path: Path, fragment: str, profile: Path) -> str:
    """Open the report in a browser and give the page as its script left it."""
    page = browse(path.as_uri() + (f"#{fragment}" if fragment else ""), profile)
    assert 'data-ready="true"' in page
    return page


@pytest.mark.slow
def test_browser_draws_journey_and_people(path: Path, tmp_path: Path) -> None:
    report(sample_run(broken=True), path)

    page = open_report(path, "", tmp_path / "profile")

    assert '<svg width="' in page.partition('id="overview"')[2][:200]
    assert page.count('class="head"') == 5
    assert f"{chr(0xD7)}20" in page
    person = page.partition('id="person"')[2]
    assert "<h3>asha@example.com</h3>" in person
    assert "MM Email Opened (upload)" in person
    assert "min later" in person
    assert page.count('role="option"') == 20


@pytest.mark.slow
def test_browser_shows_one_persons_exact_sequence(path: Path, tmp_path: Path) -> None:
    report(sample_run(broken=True), path)

    page = open_report(path, f"person={quote('kabir@example.com')}&sequence", tmp_path / "profile")

    person = page.partition('id="person"')[2]
    assert "<h3>kabir@example.com</h3>" in person
    assert "Bridge → CleverTap: MM Email Bounced (upload)" in person


@pytest.mark.slow
def test_browser_shows_a_message_in_full_with_what_is_wrong(path: Path, tmp_path: Path) -> None:
    run = sample_run(broken=True)
    report(run, path)

    page = open_report(path, run.result.violations[0].entry, tmp_path / "profile")

    drawer = page.partition('id="drawer"')[2].partition("</aside>")[0]
    assert '<mark title="$.d[0].ts">"soon"</mark>' in drawer
    assert "wanted <code>type integer</code>" in drawer
    assert "Host: in1.api.clevertap.com" in drawer
    assert "Why it happened" in drawer
    assert "Scenario → CleverTap: launch ask" in drawer


@pytest.mark.slow
def test_browser_shows_a_mail_without_running_or_loading_anything(path: Path, tmp_path: Path) -> None:
    run = sample_run()
    html = "<p>Hello</p><img src='https://pixel.test/o'><script>console.error('ran')</script>"
    mail = run.journal.step("receive mail", "asha@example.com", details={"subject": NASTY, "html": html})
    report(run, path)

    page = browse_expecting_blocked(path, mail, tmp_path / "profile")

    assert 'sandbox=""' in page
    assert "srcdoc=" in page


def browse_expecting_blocked(path: Path, fragment: str, profile: Path) -> str:
    """Open the report where the browser is to complain that it blocked something, and nothing else."""
    with pytest.MonkeyPatch.context() as patch:
        complaints: list[str] = []
        run = subprocess.run

        def listening(*arguments: Any, **settings: Any) -> Any:
            done = run(*arguments, **settings)
            complaints.extend(line for line in done.stderr.splitlines() if "CONSOLE" in line)
            done.stderr = ""
            return done

        patch.setattr(subprocess, "run", listening)
        page = open_report(path, fragment, profile)
    assert complaints
    assert all("Blocked script" in line or "Content Security Policy" in line for line in complaints)
    return page
