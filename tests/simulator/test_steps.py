from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from simulator.app_calls import StepFailed
from tests.support.stories import RECEIPT, SURVEY, changed, played

if TYPE_CHECKING:
    from simulator.journal import Journal

PEOPLE = {
    "count": 4,
    "named": [
        {"name": "Ada Byron", "properties": {"plan": "pro"}},
        {"name": "Ben", "user_id": None, "email": "ben@example.com"},
    ],
}
SEGMENT = changed(RECEIPT, people=PEOPLE, accounts={"segment": {}}, expect=[])


def sent(journal: Journal, operation: str) -> list[Any]:
    return [
        json.loads(exchange.request_body) for exchange in journal.exchanges(operation=operation, sender="app")
    ]


def journey(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"journey": [{"at": "1 h", **step} for step in steps]}


class TestPreparing:
    @pytest.mark.slow
    def test_profiles_are_uploaded_in_batches_of_a_hundred(self) -> None:
        _result, journal = played(SURVEY, people__count=205, people__habits=None, expect=[])

        batches = [batch["d"] for batch in sent(journal, "upload")]
        assert [len(batch) for batch in batches] == [100, 100, 5]
        assert batches[0][0] == {
            "type": "profile",
            "identity": "u-asha",
            "profileData": {
                "Name": "Asha",
                "Email": "asha@example.com",
                "Phone": batches[0][0]["profileData"]["Phone"],
            },
        }

    def test_nobody_is_uploaded_when_the_scenario_says_so(self) -> None:
        _result, journal = played(SURVEY, accounts__clevertap__profiles="none", expect=[])

        assert sent(journal, "upload") == []

    def test_customerios_people_are_identified_by_id_or_address(self) -> None:
        _result, journal = played(
            SEGMENT,
            accounts__customerio={},
            **journey({"customerio": "event Paid", "for": "named", "with": {"n": 1}}),
        )

        urls = {
            exchange.url.partition("/customers/")[2] for exchange in journal.exchanges(contract="customerio")
        }
        assert "u-ada-byron" in urls
        assert "ben@example.com/events" in urls
        assert {"name": "Paid", "data": {"n": 1}} in [
            json.loads(exchange.request_body) for exchange in journal.exchanges(contract="customerio")
        ]


class TestAudiences:
    @pytest.mark.parametrize(
        ("audience", "count"),
        [
            ("everyone", 4),
            ("named", 2),
            ("others", 2),
            ("Ben", 1),
            (["Ben", "Ada Byron"], 2),
            ("0 %", 0),
            ("100 %", 4),
        ],
    )
    def test_a_step_is_for_whom_it_says(self, audience: Any, count: int) -> None:
        _result, journal = played(SEGMENT, **journey({"segment": "identify", "for": audience}))

        assert sum(len(batch["batch"]) for batch in sent(journal, "batch")) == count
        (step,) = journal.steps("segment: identify")
        assert step.details["people"] == count

    @pytest.mark.slow
    def test_a_share_is_drawn_and_kept_when_others_are_added(self) -> None:
        def who(count: int) -> set[str]:
            _result, journal = played(
                SEGMENT, people__count=count, **journey({"segment": "identify", "for": "40 % of others"})
            )
            return {one["traits"]["email"] for batch in sent(journal, "batch") for one in batch["batch"]}

        few, many = who(60), who(120)

        assert 10 < len(few) < 40
        assert few < many

    def test_people_may_be_spread_over_a_while(self) -> None:
        _result, journal = played(SEGMENT, **journey({"segment": "track Paid", "over": "40 min"}))

        starts = [
            round(e.started_at.timestamp()) % 86_400 // 60 for e in journal.exchanges(operation="batch")
        ]
        assert starts == [540, 550, 560, 570]


class TestVerbs:
    def test_identify_sends_traits_and_leaves_out_what_is_said(self) -> None:
        _result, journal = played(
            SEGMENT,
            **journey(
                {
                    "segment": "identify",
                    "for": "named",
                    "with": {"vip": True},
                    "without": ["email", "lastName"],
                }
            ),
        )

        ada, ben = sent(journal, "batch")[0]["batch"]
        assert ada["traits"] == {"firstName": "Ada", "plan": "pro", "vip": True}
        assert (ada["userId"], ben["anonymousId"]) == ("u-ada-byron", "anon-ben@example.com")
        assert "userId" not in ben

    def test_track_sends_the_event_with_the_moment_and_an_id_of_its_own(self) -> None:
        _result, journal = played(
            SEGMENT, **journey({"segment": "track Product Viewed", "with": {"price": 18.99}})
        )

        messages = sent(journal, "batch")[0]["batch"]
        assert {(one["event"], one["timestamp"]) for one in messages} == {
            ("Product Viewed", "2026-03-02T09:00:00.000Z")
        }
        assert messages[0]["properties"] == {"price": 18.99}
        assert len({one["messageId"] for one in messages}) == len(messages)

    def test_mailjet_sends_a_message_with_the_persons_name_and_id(self) -> None:
        _result, journal = played(RECEIPT, people=PEOPLE)

        messages = sent(journal, "sendV31")[0]["Messages"]
        assert (messages[0]["Subject"], messages[0]["CustomCampaign"]) == ("Thanks, Ada", "receipt")
        assert json.loads(messages[0]["EventPayload"]) == {"user_id": "u-ada-byron"}
        assert "EventPayload" not in messages[1]

    def test_text_that_looks_like_html_stays_text(self) -> None:
        _result, journal = played(
            RECEIPT,
            accounts__mailjet__messages=[
                {
                    "name": "receipt",
                    "subject": "x",
                    "body": "1 < 2 & ${name}",
                    "links": {"<b>": "https://a.example/?x=1&y=2"},
                }
            ],
        )

        html = sent(journal, "sendV31")[0]["Messages"][0]["HTMLPart"]
        assert "<p>1 &lt; 2 &amp; Ada</p>" in html
        assert '<a href="https://a.example/?x=1&amp;y=2">&lt;b&gt;</a>' in html

    def test_mailmodo_is_triggered_with_first_name_and_values(self) -> None:
        _result, journal = played(
            SURVEY, expect=[], **journey({"mailmodo": "trigger nps", "for": "Asha", "with": {"a": "b"}})
        )

        assert sent(journal, "triggerCampaign") == [
            {"email": "asha@example.com", "data": {"first_name": "Asha", "a": "b"}}
        ]

    def test_events_of_the_application_reach_clevertap_and_mailmodo(self) -> None:
        _result, journal = played(
            SURVEY,
            expect=[],
            accounts__clevertap__profiles="none",
            **journey(
                {"clevertap": "event Order Placed", "for": "Asha", "with": {"total": 3}},
                {"mailmodo": "event Order Placed", "for": "Asha", "with": {"total": 3}},
            ),
        )

        (record,) = sent(journal, "upload")[0]["d"]
        assert (record["evtName"], record["evtData"], record["identity"]) == (
            "Order Placed",
            {"total": 3},
            "u-asha",
        )
        (event,) = sent(journal, "addEvent")
        assert (event["event_name"], event["event_properties"]) == ("Order Placed", {"total": 3})
        assert event["ts"] == record["ts"]

    def test_a_launch_may_be_for_some(self) -> None:
        _result, journal = played(SURVEY, expect=[], **journey({"clevertap": "launch ask", "for": "Asha"}))

        assert [fact.subject for fact in journal.facts("clevertap", "webhook_sent")] == ["asha@example.com"]

    def test_everything_a_step_causes_leads_back_to_it(self) -> None:
        _result, journal = played(RECEIPT)

        (opened,) = journal.fact_entries("mailjet", "open")
        root = journal.chain(opened.id)[-1]
        assert getattr(root.payload, "verb", "") == "mailjet: send receipt"


def test_a_vendor_that_refuses_ends_the_run_with_its_own_words() -> None:
    messages = [{"name": "receipt", "subject": "x" * 300}]

    with pytest.raises(StepFailed, match=r"POST https://api\.mailjet\.com/v3\.1/send was answered 400"):
        played(RECEIPT, accounts__mailjet__messages=messages)


def test_credentials_are_the_accounts_own() -> None:
    _result, journal = played(RECEIPT)

    (exchange,) = journal.exchanges(operation="sendV31", sender="app")
    user, _, password = (
        base64.b64decode(exchange.request_headers["Authorization"].split()[1]).decode().partition(":")
    )
    assert user
    assert password
