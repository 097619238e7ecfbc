from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from fakes.kit.exchange import Fact
from simulator.expectations import Witness, judge_expectations
from simulator.journal import Journal
from simulator.people import Person
from tests.support.fakes import START
from tests.support.stories import SURVEY, changed, scenario_of

if TYPE_CHECKING:
    from simulator.result import ExpectationResult

ASHA, RAVI = "asha@example.com", "ravi@example.com"
STORY = changed(
    SURVEY,
    people__named=[{"name": "Asha", "email": ASHA}, {"name": "Ravi", "email": RAVI}],
    people__habits=None,
    accounts__segment={},
)


def person(email: str, user_id: str | None) -> Person:
    return Person(email, email, "", user_id, "amp", "ok", True, {}, {}, {}, Random(1))


class Story:
    """A finished run that went as told."""

    def __init__(self) -> None:
        self.clock = [START]
        self.journal = Journal(lambda: self.clock[0])

    def tell(self, vendor: str, kind: str, subject: str = ASHA, at_h: float = 1.0, **details: Any) -> None:
        at = START + timedelta(hours=at_h)
        self.journal.fact(Fact(vendor=vendor, kind=kind, subject=subject, at=at, details=details))

    def had(self, name: str, subject: str = ASHA, at_h: float = 1.0, **properties: Any) -> None:
        self.tell("clevertap", "event_stored", subject, at_h, name=name, properties=properties)

    def judge(self, expectation: Any, *, is_complete: bool = True) -> ExpectationResult:
        scenario = scenario_of(STORY, expect=[expectation])
        people = [person(ASHA, "u-asha"), person(RAVI, "u-ravi"), person("noor@example.com", None)]
        witness = Witness(self.journal, people, START)
        (result,) = judge_expectations(scenario.expect, witness, is_complete=is_complete)
        return result


@pytest.fixture
def story() -> Story:
    return Story()


def of_asha(**changes: Any) -> dict[str, Any]:
    return {"clevertap.profile": "Asha", "has": "MM Email Opened", **changes}


class TestHas:
    @pytest.mark.parametrize(
        "changes",
        [
            {},
            {"once": True},
            {"times": 1},
            {"within": "1 h"},
            {"at": "1 h"},
            {"at": "59 min ± 1 min"},
            {"with": {"score": 9}},
            {"with": {"score": "9", "ok": True}},
        ],
    )
    def test_what_happened_as_expected_passes_with_its_evidence(
        self, story: Story, changes: dict[str, Any]
    ) -> None:
        story.had("MM Email Opened", score=9, ok=True)

        result = story.judge(of_asha(**changes))

        assert (result.passed, result.message, result.evidence) == (True, "", ("e000001",))
        assert result.where.startswith("story.yaml:")

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"times": 2}, "found it once, wanted exactly 2: MM Email Opened at 1 h"),
            ({"within": "59 min"}, "found at another time: MM Email Opened at 1 h"),
            ({"at": "2 h ± 1 min"}, "found at another time: MM Email Opened at 1 h"),
            ({"with": {"score": 8}}, "found with other values: score is 9, wanted 8"),
            ({"with": {"ok": False}}, "found with other values: ok is True, wanted False"),
            ({"with": {"ok": "True"}}, "found with other values: ok is True, wanted 'True'"),
            ({"with": {"why": None, "plan": "pro"}}, "found with other values: plan is None, wanted 'pro'"),
        ],
    )
    def test_what_happened_otherwise_is_shown_as_it_was(
        self, story: Story, changes: dict[str, Any], message: str
    ) -> None:
        story.had("MM Email Opened", score=9, ok=True)

        result = story.judge(of_asha(**changes))

        assert (result.passed, result.message) == (False, message)
        assert result.evidence == ("e000001",)

    def test_once_means_once_even_when_only_one_is_in_time(self, story: Story) -> None:
        story.had("MM Email Opened")
        story.had("MM Email Opened", at_h=30)

        assert story.judge(of_asha(once=True, within="2 h")).message == (
            "found it 2 times, wanted exactly 1: MM Email Opened at 1 h, MM Email Opened at 1 d 6 h"
        )
        assert story.judge(of_asha(within="2 h")).passed

    def test_absence_shows_the_persons_other_events(self, story: Story) -> None:
        for number in range(6):
            story.had(f"Other {number}")
        story.had("MM Email Opened", RAVI)

        assert story.judge(of_asha()).message == (
            f"not found; {ASHA} has Other 2 at 1 h, Other 3 at 1 h, Other 4 at 1 h, Other 5 at 1 h"
        )

    def test_absence_from_somebody_without_events_shows_who_has_it(self, story: Story) -> None:
        story.had("MM Email Opened", RAVI)

        result = story.judge(of_asha())

        assert result.message == f"not found on {ASHA}; found on {RAVI}"
        assert result.evidence == ("e000001",)

    def test_absence_everywhere_says_so(self, story: Story) -> None:
        assert story.judge(of_asha()).message == f"not found, on nobody; {ASHA} has nothing at all"


class TestLacks:
    def test_what_never_happened_passes(self, story: Story) -> None:
        story.had("MM Email Opened", RAVI)

        assert story.judge({"clevertap.profile": "Asha", "lacks": "MM Email Opened"}).passed

    def test_what_happened_is_shown(self, story: Story) -> None:
        story.had("MM Email Opened")

        result = story.judge({"clevertap.profile": "Asha", "lacks": "MM Email Opened"})

        assert (result.passed, result.message) == (False, "found it once: MM Email Opened at 1 h")

    def test_what_happened_otherwise_is_not_what_was_meant(self, story: Story) -> None:
        story.had("MM Email Opened", score=9)

        for changes in ({"with": {"score": 8}}, {"within": "30 min"}):
            assert story.judge({"clevertap.profile": "Asha", "lacks": "MM Email Opened", **changes}).passed

    def test_nothing_is_said_to_have_never_happened_on_an_incomplete_record(self, story: Story) -> None:
        result = story.judge({"clevertap.profile": "Asha", "lacks": "MM Email Opened"}, is_complete=False)

        assert not result.passed
        assert "the record is not complete" in result.message


class TestTexts:
    def test_texts_and_mails_are_known_by_campaign_and_by_how_the_subject_begins(self, story: Story) -> None:
        story.tell("clevertap", "sms_sent", campaign="nudge", at_h=24)
        story.journal.step("receive mail", ASHA, details={"subject": "How are we doing, Asha?"})

        assert story.judge({"person": "Asha", "got": "sms nudge", "once": True, "at": "1 day"}).passed
        assert story.judge({"person": "Asha", "got": "mail How are we"}).passed
        assert story.judge({"clevertap.profile": "Asha", "got": "sms nudge"}).passed
        assert not story.judge({"person": "Asha", "got": "mail are we"}).passed
        assert not story.judge({"person": "Asha", "got_no": "sms nudge"}).passed
        assert story.judge({"person": "Ravi", "got_no": "sms nudge"}).passed


class TestOtherRecords:
    def test_segments_users_are_found_by_id_or_by_address_and_by_source(self, story: Story) -> None:
        common: dict[str, Any] = {
            "event": "Email Opened",
            "source": "mailjet",
            "properties": {"email_id": "7"},
        }
        story.tell("segment", "message_accepted", "u-asha", user_id="u-asha", **common)
        story.tell("segment", "message_accepted", RAVI, anonymous_id=RAVI, **common)

        asha = {"segment.user": "Asha", "has": "Email Opened"}
        assert story.judge({**asha, "source": "mailjet", "with": {"userId": "u-asha", "email_id": 7}}).passed
        assert not story.judge({**asha, "source": "customerio"}).passed
        ravi = {"segment.user": "Ravi", "has": "Email Opened", "with": {"anonymousId": RAVI, "userId": None}}
        assert story.judge(ravi).passed

    def test_an_identify_is_known_by_its_type_and_traits(self, story: Story) -> None:
        story.tell("segment", "message_accepted", type="identify", user_id="u-asha", traits={"plan": "pro"})

        assert story.judge({"segment.user": "Asha", "has": "identify", "with": {"plan": "pro"}}).passed

    def test_mailmodos_contacts_have_custom_events_and_are_contacts(self, story: Story) -> None:
        story.tell("mailmodo", "contact_stored", data={"plan": "pro"})
        story.tell("mailmodo", "custom_event_stored", name="Paid", properties={"total": 3})

        assert story.judge({"mailmodo.contact": "Asha", "has": "contact", "with": {"plan": "pro"}}).passed
        assert story.judge({"mailmodo.contact": "Asha", "has": "Paid", "with": {"total": "3"}}).passed


class TestExpressions:
    @pytest.mark.parametrize(
        "expression",
        [
            "people.count == 3",
            "sent.count == 2 and opened.total == 3 and opened.count == 2",
            "clicked.count == bounced.count == submitted.count == unsubscribed.count == marked_as_spam.count == 0",
            "sms('nudge').count == 1 and push('nudge').count == 0",
            "clevertap('MM Email Opened').total == 1",
            "segment('Email Opened').count == 1",
            "mailmodo('Paid').count == contacts.count",
            "(people - sent).count == 1",
            "opened.within('90 min').count == 1",
        ],
    )
    def test_groups_are_who_the_journal_says(self, story: Story, expression: str) -> None:
        story.tell("mailmodo", "email_sent")
        story.tell("mailjet", "sent", RAVI)
        story.tell("mailmodo", "email_opened")
        story.tell("customerio", "opened", RAVI, at_h=2)
        story.tell("customerio", "opened", RAVI, at_h=3)
        story.tell("clevertap", "sms_sent", campaign="nudge")
        story.had("MM Email Opened")
        story.tell("segment", "message_accepted", event="Email Opened", user_id="u-asha")
        story.tell("mailmodo", "contact_stored")
        story.tell("mailmodo", "custom_event_stored", name="Paid")

        result = story.judge("{{ " + expression + " }}")

        assert result.passed, result.message

    def test_a_false_one_shows_both_sides(self, story: Story) -> None:
        result = story.judge("{{ opened.count == people.count }}")

        assert (result.passed, result.message) == (False, "opened.count is 0, people.count is 3")

    def test_one_that_cannot_be_computed_fails_with_the_reason(self, story: Story) -> None:
        result = story.judge("{{ people.count / opened.count > 1 }}")

        assert not result.passed
        assert "division by zero" in result.message
