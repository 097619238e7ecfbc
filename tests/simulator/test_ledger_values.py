from __future__ import annotations

import json
from typing import Any

import pytest

from simulator.diagnosis import ANYTHING
from simulator.ledger_values import (
    Trigger,
    answers_wanted,
    clean_name,
    clevertap_wanted,
    contact_wanted,
    custom_event_wanted,
    customerio_wanted,
    mailjet_wanted,
    mailmodo_wanted,
    read_trigger,
    segment_values,
)

ASHA = "asha@example.com"
ACTIVITY = {
    "email_id": "e1",
    "campaign_name": "nps",
    "template_name": "Survey",
    "ip": "1.2.3.4",
    "reason": None,
}


class TestTriggers:
    @pytest.mark.parametrize(
        ("body", "wanted"),
        [
            ({"email": " Asha@Example.com ", "clevertap_id": "_o1"}, Trigger(email=ASHA, clevertap_id="_o1")),
            ({"EMAIL": ASHA, "data": {"clevertap_id": "_o1", "n": 1, "deep": {}}},
             Trigger(email=ASHA, clevertap_id="_o1", data={"n": 1})),
            ({"profiles": [{"email": ASHA, "objectId": "_o1"}]}, Trigger(email=ASHA, clevertap_id="_o1")),
            ({"email": True}, Trigger()),
            (["no", "object"], Trigger()),
        ],
    )  # fmt: skip
    def test_what_a_body_asks_for(self, body: object, wanted: Trigger) -> None:
        assert read_trigger(json.dumps(body).encode()) == wanted

    def test_what_is_no_json_asks_for_nothing(self) -> None:
        assert read_trigger(b"{") == Trigger()


class TestCleverTap:
    def test_documented_properties_are_wanted_and_no_others_are_right(self) -> None:
        wanted = clevertap_wanted(ACTIVITY)

        assert wanted.values == {"campaign_name": "nps", "template_name": "Survey"}
        assert (wanted.also, wanted.is_closed) == ({"email_id": "e1"}, True)

    def test_texts_are_cut_at_512_bytes_between_characters(self) -> None:
        cut = clevertap_wanted({"campaign_name": "é" * 300}).values["campaign_name"]

        assert cut == "é" * 256

    def test_answers_are_wanted_beside_what_every_event_carries(self) -> None:
        wanted = answers_wanted(
            {**ACTIVITY, "answers": {"score": 9, "why?": "Fast", "tags": ["a"], "none": None}}
        )

        assert wanted.values == {"score": 9, "why?": "Fast"}
        assert wanted.also == {
            "campaign_name": "nps",
            "template_name": "Survey",
            "email_id": "e1",
            "tags": ANYTHING,
        }
        assert wanted.is_closed

    @pytest.mark.parametrize("answers", [{"a.b": 1, "ab": 2}, {"campaign_name": "mine"}, {"$": 1}])
    def test_nothing_is_said_of_questions_that_clevertap_cannot_tell_apart(
        self, answers: dict[str, int]
    ) -> None:
        wanted = answers_wanted({**ACTIVITY, "answers": answers})

        assert (wanted.values, wanted.is_closed) == ({}, False)

    @pytest.mark.parametrize(
        ("name", "clean"), [("NPS: Survey! $1", "NPS Survey 1"), ("a  b", "a b"), ("%", "")]
    )
    def test_names_lose_what_clevertap_does_not_take(self, name: str, clean: str) -> None:
        assert clean_name(name) == clean


class TestSegment:
    def test_mailmodos_properties_are_all_there_are(self) -> None:
        wanted = mailmodo_wanted(ACTIVITY, ASHA)

        assert wanted.values == {"email_id": "e1", "campaign_name": "nps", "template_name": "Survey"}
        assert wanted.also == {"context.traits.email": ASHA, "integrations.All": True}
        assert wanted.is_closed

    @pytest.mark.parametrize(
        ("details", "more"),
        [
            ({}, {}),
            ({"mj_campaign_id": 0, "customcampaign": ""}, {}),
            ({"mj_campaign_id": 7, "customcampaign": "c"}, {"campaign_id": "7", "campaign_name": "c"}),
            ({"event": "click", "url": "https://a.example"}, {"link_url": "https://a.example"}),
        ],
    )
    def test_mailjets_ids_are_text_and_none_for_zero(
        self, details: dict[str, Any], more: dict[str, str]
    ) -> None:
        wanted = mailjet_wanted({"MessageID": 2**60, **details}, ASHA)

        assert wanted.values == {"email_id": str(2**60), "context.traits.email": ASHA, **more}
        assert not wanted.is_closed

    def test_a_mailjet_bounce_that_tells_its_reason_tells_the_right_one(self) -> None:
        wanted = mailjet_wanted(
            {"MessageID": 1, "hard_bounce": True, "error": "user unknown", "CustomID": "c"}, ASHA
        )

        assert wanted.also == {
            "hard_bounce": True, "error": "user unknown", "custom_id": "c", "integrations.All": True,
        }  # fmt: skip

    def test_customerios_subject_and_link_have_segments_names(self) -> None:
        details = {"delivery_id": "d", "subject": "Hi", "href": "https://a.example", "failure_message": "no"}

        wanted = customerio_wanted(details, ASHA)

        assert wanted.values == {
            "email_id": "d", "email_subject": "Hi", "link_url": "https://a.example", "context.traits.email": ASHA,
        }  # fmt: skip
        assert wanted.also["reason"] == "no"

    def test_an_accepted_message_shows_the_address_and_the_switch_for_all_destinations(self) -> None:
        details = {
            "properties": {"a": 1},
            "context": {"traits": {"email": "Asha@Example.com"}},
            "integrations": {"All": False},
        }

        assert segment_values(details) == {"a": 1, "context.traits.email": ASHA, "integrations.All": False}
        assert segment_values({"properties": None, "context": None}) == {}


class TestMailmodo:
    def test_reserved_traits_have_mailmodos_names(self) -> None:
        wanted = contact_wanted(
            {
                "email": ASHA,
                "firstName": "Asha",
                "zip": "1",
                "plan": "pro",
                "teamSize": 3,
                "address": {},
                "age": 3,
            }
        )

        assert wanted.values == {"first_name": "Asha", "plan": "pro"}
        assert wanted.also == {"postal_code": "1", "zip": "1", "teamSize": 3}

    @pytest.mark.parametrize(
        ("properties", "values", "is_closed"),
        [({"a": 1, "b": None}, {"a": 1}, True), ({"a": 1, "deep": {"b": 2}}, {"a": 1}, False)],
    )
    def test_a_custom_event_has_the_tracks_properties(
        self, properties: dict[str, Any], values: dict[str, Any], *, is_closed: bool
    ) -> None:
        wanted = custom_event_wanted(properties)

        assert (wanted.values, wanted.is_closed) == (values, is_closed)
