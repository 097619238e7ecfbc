"""An unreadable, misspelt or contradictory scenario gets a message that says where, what, and what was meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from simulator.cli import main

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """\
scenario: A story
starts: 2026-03-02T09:00:00Z
lasts: 2 days
accounts:
  mailmodo:
    templates:
      - {name: NPS, form: {name: nps, questions: {score: 0..10}}}
    campaigns:
      - {name: nps, template: NPS, subject: Hello, trigger_app: CleverTap}
  clevertap:
    campaigns:
      - {name: ask, channel: webhook, calls: mailmodo/nps, body: {email: "{{ Profile.Email }}"}}
      - {name: nudge, channel: sms, text: Hi, when: {did_not: MM Email Form Submitted, within: 1 day, after: ask}}
people:
  count: 3
  habits:
    open: {share: 60 %, after: {median: 3 h, p95: 30 h}}
  named:
    - {name: Asha, email: asha@example.com, opens: after 2 h}
journey:
  - {at: 0 h, clevertap: launch ask}
expect:
  - {clevertap.profile: Asha, has: MM Email Opened}
  - "{{ sms('nudge').count <= people.count }}"
"""

MISTAKES = {
    "a tab": ("  count: 3", "\tcount: 3", "15:1: found a tab; YAML is indented with spaces"),
    "an open bracket": ("lasts: 2 days", "lasts: [2 days", "not well-formed YAML"),
    "a key twice": (
        "lasts: 2 days",
        "lasts: 2 days\nlasts: 3 days",
        "4:1: `lasts` stands here for a second time (first in line 3)",
    ),
    "an expression without quotes": (
        "\"{{ sms('nudge').count <= people.count }}\"",
        "{{ people.count }}",
        "an expression must stand in quotes",
    ),
    "Liquid in a body that cannot be read": (
        '"{{ Profile.Email }}"',
        '"{% if %}"',
        (
            "12:74: accounts.clevertap.campaigns[0].body.email: found `{% if %}`, which is no Liquid that can be read: "
            "missing expression; CleverTap would drop every message of the campaign"
        ),
    ),
    "Liquid in a body that does not close": (
        '"{{ Profile.Email }}"',
        '"{{ Profile.Email /"',
        "12:74: accounts.clevertap.campaigns[0].body.email: found `{{ Profile.Email /`, which is no Liquid",
    ),
    "Liquid in a text that cannot be read": (
        "text: Hi,",
        'text: "Hi {{ Profile.Name",',
        "13:43: accounts.clevertap.campaigns[1].text: found `Hi {{ Profile.Name`, which is no Liquid",
    ),
    "a misspelt filter": (
        "{{ Profile.Email }}",
        "{{ Profile.Email | downcas }}",
        "found the filter `downcas`, which Liquid does not have; did you mean `downcase`?",
    ),
    "a misspelt property in a body": (
        "{{ Profile.Email }}",
        "{{ Profile.Emial }}",
        (
            "12:74: accounts.clevertap.campaigns[0].body.email: found `Profile.Emial`, which no profile has; "
            "did you mean `Email`?"
        ),
    ),
    "a misspelt subject of Liquid": (
        "{{ Profile.Email }}",
        "{{ Profil.Email }}",
        "found `Profil`, which CleverTap's Liquid does not know; did you mean `Profile`?",
    ),
    "a misspelt variable in a subject": (
        "subject: Hello,",
        'subject: "Hello ${frist_name}",',
        (
            "9:45: accounts.mailmodo.campaigns[0].subject: found `${frist_name}`, for which its data has no value; "
            "did you mean `first_name`?"
        ),
    ),
    "a trigger app that sends activities elsewhere": (
        ", trigger_app: CleverTap",
        "",
        (
            "12:46: accounts.clevertap.campaigns[0].calls: CleverTap calls `nps`, whose `trigger_app` is Rest API: "
            "what people do with the mail would never come back to CleverTap; add `trigger_app: CleverTap` to `nps`"
        ),
    ),
    "no time at all": ("lasts: 2 days", "lasts: 0 s", "3:8: lasts: found no time at all, wanted a duration"),
    "more time than anybody waits": (
        "lasts: 2 days",
        "lasts: 1000000 weeks",
        "3:8: lasts: found `1000000 weeks`, wanted a duration of at most ten years",
    ),
    "a delay that nobody waits for": (
        "opens: after 2 h",
        "opens: after 600 weeks",
        "found `after 600 weeks`, wanted a duration of at most ten years",
    ),
    "a year that no vendor's timestamps have": (
        "starts: 2026-03-02T09:00:00Z",
        "starts: 9999-12-31T09:00:00Z",
        "2:9: starts: found the year 9999, wanted one from 1971 to 2199",
    ),
    "an alias inside of itself": (
        "{name: Asha, email",
        "&asha {name: Asha, properties: *asha, email",
        "found an alias inside of what it stands for",
    ),
    "a misspelt word": (
        "accounts:",
        "acounts:",
        "4:1: acounts: is not a word of the format; did you mean `accounts`?",
    ),
    "a misspelt habit": (
        "    open:",
        "    opne:",
        "people.habits.opne: is not a word of the format; did you mean `open`?",
    ),
    "a missing word": (
        "lasts: 2 days\n",
        "",
        "`lasts` is missing; add `lasts: …` (a duration such as `2 days`",
    ),
    "a misspelt verb": (
        "clevertap: launch ask",
        "clevertap: lanch ask",
        "wanted `launch CAMPAIGN` or `event NAME`; also `launch JOURNEY`, and `trigger CAMPAIGN` by the API; did you mean `launch ask`?",
    ),
    "an unknown campaign": (
        "launch ask",
        "launch aks",
        "found `aks`, wanted a CleverTap campaign; did you mean `ask`?",
    ),
    "an unknown template": (
        "template: NPS,",
        "template: NSP,",
        "found `NSP`, wanted a template; did you mean `NPS`?",
    ),
    "an unknown person": (
        "clevertap.profile: Asha",
        "clevertap.profile: Asja",
        "found `Asja`, which is nobody under `people.named`; did you mean `Asha`?",
    ),
    "a bad duration": (
        "lasts: 2 days",
        "lasts: 2 dyas",
        "3:8: lasts: found `2 dyas`, wanted a duration such as `2 days`",
    ),
    "a share over a hundred": (
        "share: 60 %",
        "share: 160 %",
        "found `160 %`, wanted a share from `0 %` to `100 %`",
    ),
    "a distribution upside down": (
        "p95: 30 h",
        "p95: 1 h",
        "wanted a median above zero and a p95 above the median",
    ),
    "a date that is none": ("2026-03-02T09", "2026-02-31T09", "wanted a real date and time"),
    "an unknown channel": (
        "channel: sms",
        "channel: smss",
        "found `smss`, wanted webhook, sms, push, webpush or email; did you mean `sms`?",
    ),
    "a step after the end": ("at: 0 h", "at: 3 days", "which is after the end; the scenario lasts 2 d"),
    "two vendors in a step": (
        "clevertap: launch ask}",
        "clevertap: launch ask, mailmodo: trigger nps}",
        "`clevertap` and `mailmodo` contradict each other; keep one of them",
    ),
    "deeds that contradict": (
        "opens: after 2 h}",
        "opens: never, submits: after 3 h}",
        "`opens: never` and `submits` contradict each other",
    ),
    "deeds in the wrong order": (
        "opens: after 2 h}",
        "opens: after 2 h, clicks: after 1 h}",
        "`clicks` comes before `opens`",
    ),
    "fewer people than names": (
        "- {name: Asha, email: asha@example.com, opens: after 2 h}",
        "- {name: A}\n    - {name: B}\n    - {name: C}\n    - {name: D}",
        "found 3, wanted at least 4, because so many people are named",
    ),
    "an unknown name in an expression": (
        "sms('nudge').count <=",
        "smss('nudge').count <=",
        "did you mean `sms`?",
    ),
    "an expression that is none": ("<= people.count", "<= people.", "which is no expression"),
    "a vendor that takes no part": (
        "clevertap.profile: Asha",
        "segment.user: Asha",
        "segment takes no part in this scenario; add it under `accounts`",
    ),
    "a number for a text": (
        "scenario: A story",
        "scenario: 7",
        "1:11: scenario: found `7`, wanted the story's title",
    ),
    "did and did not": (
        "when: {did_not:",
        "when: {did: X, did_not:",
        "`did` and `did_not` contradict each other",
    ),
    "an unknown locale": (
        "  count: 3",
        "  count: 3\n  locale: en_XX",
        "found `en_XX`, for which there are no names",
    ),
}


def _check(path: Path, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["check", str(path), *arguments])
    return result.exit_code, result.output


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda name: name.replace(" ", "-"))
def test_a_mistake_is_pointed_at_with_exit_code_2(mistake: str, tmp_path: Path) -> None:
    right, wrong, message = MISTAKES[mistake]
    assert right in GOOD
    path = tmp_path / "story.yaml"
    path.write_text(GOOD.replace(right, wrong, 1), encoding="utf-8")

    exit_code, output = _check(path)

    assert exit_code == 2
    assert message in output
    assert str(path) in output


def test_the_story_without_mistakes_passes(tmp_path: Path) -> None:
    path = tmp_path / "story.yaml"
    path.write_text(GOOD, encoding="utf-8")

    exit_code, output = _check(path)

    assert exit_code == 0
    assert "ok (3 people, 1 step, 2 expectations)" in output


def test_every_mistake_is_named_at_once(tmp_path: Path) -> None:
    path = tmp_path / "story.yaml"
    path.write_text(
        GOOD.replace("launch ask", "launch aks").replace("template: NPS", "template: NSP"), encoding="utf-8"
    )

    exit_code, output = _check(path)

    assert exit_code == 2
    assert "`aks`" in output
    assert "`NSP`" in output
    assert "2 problems" in output


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    exit_code, output = _check(tmp_path / "nothing.yaml")

    assert exit_code == 2
    assert "no such file" in output


def test_bytes_that_are_no_text_are_said_so(tmp_path: Path) -> None:
    path = tmp_path / "story.yaml"
    path.write_bytes(b"scenario: \xff\xfe")

    exit_code, output = _check(path)

    assert exit_code == 2
    assert "not UTF-8" in output


def test_an_empty_file_is_said_so(tmp_path: Path) -> None:
    path = tmp_path / "story.yaml"
    path.write_text("", encoding="utf-8")

    exit_code, output = _check(path)

    assert exit_code == 2
    assert "found nothing, wanted a mapping that begins with `scenario: TITLE`" in output


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("people.count", "wanted KEY=VALUE"),
        ("lasts=1000000weeks", "wanted a duration of at most ten years"),
        (
            "journey[0].at=3 days",
            "--set journey[0].at=3 days:1:1: journey[0].at: found `3 days`, which is after",
        ),
        (
            "people.habits.opne.share=3 %",
            "--set people.habits.opne.share=3 %:1:1: people.habits.opne: is not a word",
        ),
        ("journey[9].at=3 h", "wanted a number below 1 for an item of a list"),
        ("people.cuont=3", "did you mean `count`?"),
        ("people.count=many", "found `many`, wanted how many people"),
        ("scenario.title=3", "nothing can be set inside it"),
        ("journey.7.at=3 h", "wanted a number below 1 for an item of a list"),
    ],
)
def test_a_bad_override_is_pointed_at(override: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "story.yaml"
    path.write_text(GOOD, encoding="utf-8")

    result = CliRunner().invoke(main, ["run", str(path), "--no-report", "--set", override])

    assert result.exit_code == 2
    assert message in result.output
    assert override.partition("=")[0] in result.output
