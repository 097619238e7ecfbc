from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from fakes.kit import Cut, Delay, Down, Duplicate, RateLimit, Reorder, Reset, Status, WrongCredentials
from simulator.journal import EntryKind, Note
from simulator.problems import ScenarioInvalid
from simulator.reports import write_json_lines
from simulator.run import Options
from simulator.scenario_reader import read_scenario
from tests.support.stories import RECEIPT, SURVEY, changed, played, scenario_of, text_of

STORY = """\
scenario: A story
starts: 2026-03-02T09:00:00Z
lasts: 2 days
accounts:
  mailjet:
    messages: [{name: hello, subject: Hello}]
  segment: {}
people: {count: 3}
journey:
  - {at: 0 h, mailjet: send hello}
faults:
  - FAULT
"""


def faults_of(text: str) -> Any:
    return read_scenario(STORY.replace("FAULT", text), "story.yaml").faults


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{mailjet: down}", Down()),
        ("{mailjet: down refusing connections}", Down(connections="refused")),
        ("{mailjet: down resetting connections}", Down(connections="reset")),
        ("{mailjet: delay 2 s}", Delay(2)),
        ("{mailjet: delay 2 to 20 s, handled: false}", Delay(2, 20, is_handled=False)),
        ("{mailjet: status 502, handled: true}", Status(502, is_handled=True)),
        ("{mailjet: reset}", Reset()),
        ("{mailjet: cut}", Cut()),
        ("{mailjet: cut 25 %}", Cut(0.25)),
        ("{mailjet: duplicate after 1 min}", Duplicate(60)),
        ("{mailjet: reorder within 30 s}", Reorder(30)),
        ("{mailjet: rate limit 1 min}", RateLimit(60)),
        ("{mailjet: wrong credentials}", WrongCredentials()),
    ],
)
def test_every_fault_can_be_written(text: str, fault: Any) -> None:
    (spec,) = faults_of(text)

    assert spec.rule.fault == fault
    assert (spec.at_s, spec.lasts_s, spec.rule.share, spec.rule.first, spec.rule.last) == (
        0,
        None,
        1,
        1,
        None,
    )


def test_a_fault_says_with_which_messages_and_when() -> None:
    (spec,) = faults_of(
        "{mailjet: status 503, at: 2 h, lasts: 6 h, on: [sendV31, calls], caller: app, calls: 2..5, share: 20 %, name: bad day}"
    )

    rule = spec.rule
    assert (spec.at_s, spec.lasts_s) == (7200, 21600)
    assert (rule.on, rule.caller, rule.first, rule.last) == (("sendV31", "calls"), "app", 2, 5)
    assert (rule.share, rule.describe()) == (0.2, "bad day")


@pytest.mark.parametrize(("calls", "wanted"), [("3", (3, 3)), ("2..", (2, None)), ("2..5", (2, 5))])
def test_calls_are_counted(calls: str, wanted: tuple[int, int | None]) -> None:
    (spec,) = faults_of(f"{{mailjet: reset, calls: {calls}}}")

    assert (spec.rule.first, spec.rule.last) == wanted


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{mailjet: dwon}", "12:15: faults[0].mailjet: found `dwon`, wanted a fault; did you mean `down`?"),
        ("{mailjet: rate limt}", "did you mean `rate limit`?"),
        ("{mailjet: delay}", "12:15: faults[0].mailjet: found `delay`; write `delay 2 s` or `delay 2 to 20 s`"),
        ("{mailjet: status 200}", "found 200, wanted a status from 400 to 599; write `status 503`"),
        ("{mailjet: status many}", "found `status many`; write `status 503`"),
        ("{mailjet: down often}", "found `down often`; write `down`, `down refusing connections` or"),
        ("{mailjet: down refusing connections, calls: 2}", "a connection is refused before anything is asked"),
        ("{mailjet: down, handled: true}", "faults[0].handled: means nothing for `down`; drop it"),
        ("{mailjet: reset, on: sendv31}", "12:26: faults[0].on: fault `reset`: mailjet has no operation or webhook 'sendv31'; did you mean `sendV31`?"),
        ("{mailjet: cut, on: webhooks}", "befalls calls only, and 'webhooks' is a webhook"),
        ("{mailjet: reset, on: webhooks, caller: bridge}", "is a webhook, which has no caller"),
        ("{mailjet: reset, calls: 5..2}", "12:29: faults[0].calls: found `5..2`, wanted a number from 1 on"),
        ("{mailjet: reset, share: 120 %}", "faults[0].share"),
        ("{mailjet: reset, share: 0 %}", "a share of 0"),
        ("{mailjet: reset, at: 3 days}", "which is not before the end; the scenario lasts 2 d"),
        ("{mailjet: reset, lasts: 0 s}", "found no time at all"),
        ("{clevertap: reset}", "12:17: faults[0].clevertap: clevertap takes no part in this scenario; add it under `accounts`"),
        ("{mailjet: reset, segment: down}", "`mailjet` and `segment` contradict each other"),
        ("{mailjet: reset, when: 2 h}", "faults[0].when: is not a word of the format"),
        ("{at: 1 h}", "wanted `clevertap` or `mailmodo`"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_told_with_its_place(text: str, problem: str) -> None:
    with pytest.raises(ScenarioInvalid) as refused:
        faults_of(text)

    assert problem in str(refused.value), str(refused.value)
    assert str(refused.value).startswith("story.yaml:12:")


# In a world


def survey(*faults: dict[str, Any], people: int = 6) -> Any:
    return changed(SURVEY, faults=list(faults), people={**SURVEY["people"], "count": people}, expect=[])


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault",
    [
        {"mailmodo": "down", "at": "0 h", "lasts": "6 h"},
        {"mailmodo": "down resetting connections", "at": "0 h", "lasts": "6 h", "on": "webhooks"},
        {"mailmodo": "rate limit 10 s", "on": "triggerCampaign", "calls": "1..4"},
        {"mailmodo": "wrong credentials", "lasts": "1 h"},
        {"mailmodo": "duplicate", "on": "webhooks"},
        {"mailmodo": "reorder within 1 min", "on": "webhooks"},
        {"mailmodo": "reset", "on": "activity", "calls": "1..3", "handled": True},
        {"clevertap": "down", "at": "2 h", "lasts": "6 h"},
        {"clevertap": "status 500", "on": "upload", "caller": "bridge", "share": "40 %"},
        {"clevertap": "reset", "on": "upload", "caller": "bridge", "share": "30 %"},
        {"clevertap": "delay 1 to 5 s", "on": "upload", "caller": "bridge"},
        {"clevertap": "duplicate", "on": "customBody"},
    ],
    ids=lambda fault: " ".join(map(str, fault.values())),
)
def test_the_ledger_balances_through_a_fault(fault: dict[str, Any]) -> None:
    result, journal = played(survey(fault))

    struck = [exchange for exchange in journal.exchanges() if exchange.fault]
    assert struck
    assert result.ledger.findings == ()
    assert result.violations == ()
    assert result.errors == ()


@pytest.mark.slow
@pytest.mark.parametrize("vendor", ["mailmodo", "clevertap"])
def test_the_ledger_balances_through_hours_without_a_server(vendor: str) -> None:
    result, journal = played(survey({vendor: "down refusing connections", "at": "0 h", "lasts": "6 h"}))

    (note,) = [entry.payload for entry in journal.entries(EntryKind.NOTE) if isinstance(entry.payload, Note)]
    began, ended = (datetime.fromisoformat(str(note.details[word])) for word in ("from", "until"))
    times = [one.started_at for one in journal.exchanges(contract=vendor)]
    assert ended - began == timedelta(hours=6)
    prepared = began + timedelta(seconds=1)  # accounts are set up before anything goes wrong
    assert [at for at in times if prepared < at < ended] == []
    assert max(times) > ended
    assert result.ledger.findings == ()
    assert result.violations == ()
    assert result.errors == ()


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["cut", "delay 40 to 90 s", "reset"])
def test_an_upload_that_was_taken_and_not_answered_is_doubled_and_never_lost(fault: str) -> None:
    """CleverTap uploads are delivered at least once, and CleverTap drops no repetition."""
    handled = {"handled": True} if fault == "reset" else {}
    rule = {"clevertap": fault, "on": "upload", "caller": "bridge", "calls": "1..2", **handled}
    result, _ = played(survey(rule))

    assert {finding.kind.value for finding in result.ledger.findings} == {"doubled"}


@pytest.mark.slow
def test_an_ambiguous_trigger_is_never_repeated_and_told_as_lost() -> None:
    """The connection breaks before Mailmodo works: nobody can know, so there is no second try."""
    result, journal = played(survey({"mailmodo": "reset", "on": "triggerCampaign", "calls": 1}))

    assert len(journal.exchanges(contract="mailmodo", operation="triggerCampaign")) == 6
    assert [finding.kind.value for finding in result.ledger.findings] == ["lost"]


@pytest.mark.slow
def test_people_whose_click_is_lost_go_on() -> None:
    result, journal = played(survey({"mailmodo": "reset", "on": ["openPixel"], "caller": "people"}))

    assert journal.steps("get no answer")
    assert journal.facts("mailmodo", "email_opened") == []
    assert result.is_kept


@pytest.mark.slow
def test_the_customers_application_calls_again_when_a_vendor_is_busy() -> None:
    story = changed(
        RECEIPT,
        faults=[
            {"mailjet": "down", "lasts": "10 min"},
            {"mailjet": "down refusing connections", "at": "9 min", "lasts": "1 min"},
            {"mailjet": "rate limit 5 s", "at": "10 min", "calls": 1},
        ],
    )
    result, journal = played(story)

    statuses = [
        one.status for one in journal.exchanges(contract="mailjet", operation="sendV31", sender="app")
    ]
    assert statuses[-2:] == [429, 200]
    assert statuses[0] == 503
    assert result.ledger.findings == ()


@pytest.mark.slow
def test_equal_seeds_have_equal_journals_through_faults_and_others_do_not(tmp_path: Any) -> None:
    story = survey(
        {"clevertap": "status 503", "on": "upload", "caller": "bridge", "share": "50 %"},
        {"mailmodo": "delay 1 to 9 s"},
    )

    def bytes_of(seed: int) -> bytes:
        _, journal = played(story, Options(seed=seed))
        write_json_lines(journal, tmp_path / "journal.jsonl")
        return bytes((tmp_path / "journal.jsonl").read_bytes())

    assert bytes_of(1) == bytes_of(1)
    assert bytes_of(1) != bytes_of(2)


@pytest.mark.slow
def test_the_journal_says_what_goes_wrong_and_when() -> None:
    _, journal = played(survey({"mailmodo": "down", "at": "1 h", "lasts": "2 h", "name": "the outage"}))

    (note,) = [entry.payload for entry in journal.entries(EntryKind.NOTE) if isinstance(entry.payload, Note)]
    assert note.text == "fault at mailmodo: the outage"
    assert note.details["from"] == "2026-03-02T04:30:00+00:00"
    assert note.details["until"] == "2026-03-02T06:30:00+00:00"


def test_a_story_with_faults_is_a_text_like_any_other() -> None:
    assert scenario_of(changed(RECEIPT, faults=[{"segment": "down"}])).faults
    assert "faults" in text_of(changed(RECEIPT, faults=[]))
