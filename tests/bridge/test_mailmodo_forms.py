"""Mailmodo's form exports and journey webhooks: their shapes, keys, and where they go."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from bridge import Kind, Settings, SourceName
from bridge.engagement import Engagement, iso
from bridge.ingest import read_pieces
from bridge.sources import make_sources
from bridge.store import State
from tests.bridge.rig import OBJECT_ID, SETTINGS, START, rig
from tests.bridge.test_sources import incoming

SOURCE = make_sources(Settings.from_mapping(SETTINGS))[SourceName.MAILMODO]
RECORDED_AT = {"ts": 1657097786, "date": "2022-07-06", "hour": 14, "minute": 26}
"""The sample of the vendor notes: 08:56 UTC is given as 14:26 in the account's time zone."""

FORM: dict[str, Any] = {
    "fuuid": "10101",
    "next-step-id": "success",
    "total-steps": "2",
    "responseId": "7d1f0f5e-0f2c-4a6c-9b1e-3f3a0a5b6c7d",
    "recipientEmail": "asha@example.com",
    "formId": "f-1",
    "recordedAt": RECORDED_AT,
    "submissionSource": "amp",
    "recommend": "9",
    "reasons": ["price", "speed"],
    "recipientData": {"email": "asha@example.com", "first_name": "Asha", "clevertap_id": OBJECT_ID},
    "campaignId": "c-1",
    "campaignName": "nps-march",
}

JOURNEY: dict[str, Any] = {
    "triggerData": {
        "email": "asha@example.com",
        "userId": "8a0d7c0a-37a5-4a7e-8d9f-0b8a3e1c2d4f",
        "journeyId": "j-1",
        "triggerSource": "form submission",
        "data": {},
        "eventProperty": {},
        "formSubmissionData": {
            key: value
            for key, value in FORM.items()
            if key not in ("recipientData", "campaignId", "campaignName")
        },
    },
    "eventData": {"type": "html"},
    "lastCampaignEmailRef": "r-1",
    "lastCampaignId": "c-1",
}

EVENT: dict[str, Any] = {
    "triggerData": {
        "email": "asha@example.com",
        "userId": "8a0d7c0a-37a5-4a7e-8d9f-0b8a3e1c2d4f",
        "journeyId": "j-1",
        "triggerSource": "New Custom Event Trigger - Product Viewed",
        "data": {},
        "eventProperty": {"price": "829", "is_new": "false"},
    }
}


def read(body: dict[str, Any]) -> Engagement:
    (reading,) = SOURCE.read(incoming(body))
    assert reading.engagement is not None
    return reading.engagement


def key(body: dict[str, Any], **more: Any) -> str:
    (reading,) = SOURCE.read(incoming(body, **more))
    return reading.dedup_key


def test_a_form_export_is_read_whole():
    engagement = read(FORM)

    assert (engagement.kind, engagement.where) == (Kind.FORM_SUBMITTED, "form")
    assert iso(engagement.occurred_at) == "2022-07-06T08:56:26.000Z"
    assert engagement.recipient.email == "asha@example.com"
    assert engagement.recipient.clevertap_id == OBJECT_ID
    assert (engagement.message.campaign_id, engagement.message.campaign_name) == ("c-1", "nps-march")
    assert (engagement.form.id, engagement.form.submission_type) == ("f-1", "AMP")
    assert engagement.form.answers == {"recommend": "9", "reasons": ["price", "speed"]}
    assert engagement.extras == {
        "fuuid": "10101",
        "next-step-id": "success",
        "total-steps": "2",
        "recipientData": {"first_name": "Asha"},
    }


def test_a_form_without_contact_data_or_time_is_read_all_the_same():
    bare = {"responseId": "r", "formId": "f", "recipientEmail": " asha@example.com ", "q": "a"}

    engagement = read(bare)

    assert engagement.recipient.email == "asha@example.com"
    assert engagement.occurred_at == START
    assert engagement.form.answers == {"q": "a"}


@pytest.mark.parametrize(
    ("name", "value"), [("responseId", "other"), ("formId", "f-2"), ("next-step-id", "step-2")]
)
def test_a_response_is_the_same_until_response_form_or_step_is_another(name: str, value: str):
    again = {**FORM, "recommend": "10", "recordedAt": {**RECORDED_AT, "ts": RECORDED_AT["ts"] + 60}}  # type: ignore[operator]  # a number

    assert key(FORM) == key(again)
    assert key(FORM) != key({**FORM, name: value})


def test_a_journey_pass_of_a_form_is_a_submission():
    engagement = read(JOURNEY)

    assert (engagement.kind, engagement.where) == (Kind.FORM_SUBMITTED, "journey")
    assert iso(engagement.occurred_at) == "2022-07-06T08:56:26.000Z"
    assert engagement.recipient.contact_id == "8a0d7c0a-37a5-4a7e-8d9f-0b8a3e1c2d4f"
    assert (engagement.message.ref, engagement.message.campaign_id) == ("r-1", "c-1")
    assert engagement.message.trigger_source == "form submission"
    assert engagement.form.answers == {"recommend": "9", "reasons": ["price", "speed"]}
    assert engagement.extras == {"journeyId": "j-1", "data": {}, "eventProperty": {}}


def test_a_journey_pass_of_anything_else_is_kept_with_all_it_says():
    engagement = read(EVENT)

    assert (engagement.kind, engagement.where) == (Kind.OTHER, "journey")
    assert engagement.occurred_at == START
    assert engagement.message.trigger_source == "New Custom Event Trigger - Product Viewed"
    assert engagement.extras["eventProperty"] == {"price": "829", "is_new": "false"}


def test_passes_of_one_form_have_the_key_of_its_response_and_others_of_their_content():
    later = deepcopy(JOURNEY)
    later["triggerData"]["eventProperty"] = {"a": "b"}
    other = deepcopy(EVENT)
    other["triggerData"]["eventProperty"]["price"] = "830"

    assert key(JOURNEY) == key(later) != key(FORM)
    assert key(EVENT) == key(EVENT)
    assert key(EVENT) != key(other)
    assert key(EVENT) != key(EVENT, at=START.replace(hour=START.hour + 1))


@pytest.mark.parametrize(
    "body",
    [
        {"triggerData": {"formSubmissionData": {"responseId": "r", "recordedAt": {"ts": "soon"}}}},
        {"responseId": "r", "recordedAt": {"ts": None}},
        {"triggerData": None},
        {"triggerData": []},
    ],
)
def test_what_cannot_be_read_is_one_piece_that_says_why(body: dict[str, Any]):
    (reading,) = read_pieces(SOURCE, incoming(body))

    assert reading.engagement is None
    assert "time" in reading.problem


async def test_forms_go_to_segment_with_their_answers_for_identified_contacts_only():
    async with rig() as made:
        await made.activity({**FORM, "responseId": "before"})
        await made.identify("u-1", "asha@example.com")
        await made.activity(FORM)
        await made.activity(FORM)
        await made.activity(JOURNEY)
        await made.activity(EVENT)
        counts = await made.settle()

        first, second = made.segment.records
        assert (first["event"], first["userId"]) == ("Form Submitted", "u-1")
        assert first["timestamp"] == "2022-07-06T08:56:26.000Z"
        assert first["properties"] == {
            "recommend": "9",
            "reasons": ["price", "speed"],
            "campaign_id": "c-1",
            "campaign_name": "nps-march",
            "form_id": "f-1",
            "submission_type": "AMP",
            "step": "success",
        }
        assert second["event"] == "Form Submitted"
        assert second["properties"]["recommend"] == "9"
        # One repeat; the pass of a custom event has no row, and a form says nothing of a CleverTap trigger.
        assert (counts.duplicate, counts.filtered) == (1, 2)
        assert made.clevertap.requests == []
        reasons = [each.reason for each in await made.bridge._store.deliveries(State.FILTERED)]
        assert reasons == ["not_identified", "no_route"]
