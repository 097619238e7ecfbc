"""What happens to a message after its call was answered 200."""

from __future__ import annotations

import asyncio
import copy
import re
from typing import TYPE_CHECKING, Any

import pytest

from fakes.segment import Stage
from tests.fakes.segment.support import KEY, track, workspace

if TYPE_CHECKING:
    from collections.abc import Mapping


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("track", {"event": "Seen"}, "no_user_anon_id"),
        ("track", {"event": "Seen", "userId": None, "anonymousId": None}, "no_user_anon_id"),
        ("track", {"event": "Seen", "userId": ""}, "id_not_string"),
        ("track", {"event": "Seen", "userId": 7}, "id_not_string"),
        ("identify", {"userId": "u1", "anonymousId": ["a"]}, "id_not_string"),
        ("track", {"userId": "u1"}, "event_not_defined"),
        ("track", {"userId": "u1", "event": None}, "event_not_defined"),
        ("track", {"userId": "u1", "event": 5}, "event_not_string"),
        ("track", track(properties=[1]), "properties_not_object"),
        ("page", {"userId": "u1", "properties": "x"}, "properties_not_object"),
        ("identify", {"userId": "u1", "traits": "x"}, "traits_not_object"),
        ("group", {"userId": "u1", "groupId": "g1", "traits": 1}, "traits_not_object"),
        ("page", {"userId": "u1", "name": ""}, "name_not_string"),
        ("screen", {"userId": "u1", "name": 1}, "name_not_string"),
        ("page", {"userId": "u1", "category": 1}, "category_not_string"),
        ("track", track(context="x"), "bad_request"),
        ("track", track(integrations=[]), "bad_request"),
        ("batch", {"batch": [{"userId": "u1"}]}, "bad_request"),
        ("batch", {"batch": [{"userId": "u1", "type": ["track"]}]}, "bad_request"),
        ("batch", {"batch": ["track"]}, "bad_request"),
        ("batch", {"batch": [{"userId": "u1", "type": "delete"}]}, "bad_request"),
    ],
)
async def test_defective_message_is_answered_200_and_discarded_with_its_code(path, body, code):
    async with workspace() as world:
        answer = await world.post(f"/v1/{path}", body)

        assert (answer.status, await answer.json()) == (200, {"success": True})
        assert world.codes == [code]
        assert world.events == []
        world.check(sent=False)


@pytest.mark.parametrize(
    ("context", "code"),
    [
        ({}, "consent_categorypreferences_should_exist"),
        ({"consent": {"categoryPreferences": "all"}}, "consent_categorypreferences_fields_should_be_object"),
        (
            {"consent": {"categoryPreferences": {"ads": "yes"}}},
            "consent_categorypreferences_fields_should_be_bool",
        ),
        (
            {"consent": {"categoryPreferences": {"ads": True}}, "device": {"advertisingId": 1}},
            "device_advertisingid_should_be_string",
        ),
        (
            {"consent": {"categoryPreferences": {"ads": True}, "version": "2"}},
            "consent_version_should_be_number",
        ),
    ],
)
async def test_consent_event_needs_preferences(context, code):
    async with workspace() as world:
        await world.post("/v1/track", track(event="Segment Consent Preference Updated", context=context))
        await world.post("/v1/track", track(event="Another Event", context=context))

        assert world.codes == [code]
        assert [event["event"] for event in world.events] == ["Another Event"]
        world.check()


async def test_bad_message_does_not_lose_its_batch_mates():
    async with workspace() as world:
        batch = [track(messageId="m1"), {"type": "track", "event": "Seen"}, track(messageId="m3")]

        await world.post("/v1/batch", {"batch": batch})

        assert [event["messageId"] for event in world.events] == ["m3", "m1"]
        (discarded,) = world.facts("message_discarded")
        assert discarded.details["code"] == "no_user_anon_id"
        assert discarded.details["batch_code"] == "multi_user_error"
        world.check(sent=False)


async def test_batch_of_nothing_but_bad_messages_ends_empty():
    async with workspace() as world:
        await world.post("/v1/batch", {"batch": [{"type": "track", "event": "Seen"}]})

        (discarded,) = world.facts("message_discarded")
        assert discarded.details["batch_code"] == "empty_batch_result"
        world.check(sent=False)


async def test_null_ids_and_names_are_absent():
    async with workspace() as world:
        await world.post("/v1/page", {"userId": "u1", "anonymousId": None, "name": None, "category": None})

        (event,) = world.events
        assert {"anonymousId", "name", "category"}.isdisjoint(event)
        assert event["userId"] == "u1"
        world.check()


async def test_switched_off_source_and_locked_workspace_drop_everything():
    async with workspace() as world:
        world.fake.state.set_source_enabled("Website", is_enabled=False)
        await world.post("/v1/track", track())
        world.fake.state.set_source_enabled("Website", is_enabled=True)
        world.fake.state.is_locked = True
        await world.post("/v1/track", track())

        assert world.codes == ["source_disabled", "locked_workspace"]
        assert world.events == []
        world.check()


async def test_same_message_id_is_taken_once_whatever_it_carries():
    async with workspace() as world:
        await world.post("/v1/track", track(messageId="m1"))
        again = await world.post(
            "/v1/identify", {"userId": "u2", "messageId": "m1", "traits": {"email": "A@b.example"}}
        )

        assert (again.status, await again.json()) == (200, {"success": True})
        assert len(world.events) == 1
        (duplicate,) = world.facts("message_duplicate")
        assert duplicate.subject == "a@b.example"
        assert duplicate.details == {
            "source": "Website",
            "type": "identify",
            "event": None,
            "message_id": "m1",
        }
        world.check()


async def test_message_ids_are_remembered_across_sources():
    async with workspace() as world:
        other = world.fake.state.add_source("Other")

        await world.post("/v1/track", track(messageId="m1"))
        await world.post("/v1/track", track(messageId="m1"), key=other.write_key)

        assert world.fake.state.debugger("Other") == []
        world.check()


async def test_message_id_is_forgotten_after_24_hours():
    async with workspace() as world:
        await world.post("/v1/track", track(messageId="m1"))
        await asyncio.sleep(24 * 3600 - 1)
        await world.post("/v1/track", track(messageId="m1"))
        await asyncio.sleep(2)
        await world.post("/v1/track", track(messageId="m1"))

        assert len(world.events) == 2
        assert len(world.facts("message_duplicate")) == 1
        world.check()


async def test_discarded_message_does_not_use_up_its_message_id():
    async with workspace() as world:
        await world.post("/v1/track", {"messageId": "m1", "event": "Seen"})
        await world.post("/v1/track", track(messageId="m1"))

        assert len(world.events) == 1
        world.check(sent=False)


@pytest.mark.parametrize("message_id", [None, "", 7])
async def test_message_without_a_usable_id_is_given_one(message_id):
    async with workspace() as world:
        for _ in range(2):
            await world.post("/v1/track", track(messageId=message_id))

        ids = {event["messageId"] for event in world.events}
        assert len(ids) == 2
        assert all(re.fullmatch(r"api-[A-Za-z0-9]{27}", each) for each in ids)
        world.check(sent=False)


async def test_clock_of_the_sender_is_corrected():
    async with workspace() as world:
        # The stage begins at 03:30:00 by the server's clock; the sender's is three hours ahead.
        await world.post(
            "/v1/batch",
            {
                "batch": [track(timestamp="2026-03-02T06:29:58.250Z")],
                "sentAt": "2026-03-02T06:30:00.000000+00:00",
            },
        )

        (event,) = world.events
        assert event["originalTimestamp"] == "2026-03-02T06:29:58.250Z"
        assert event["sentAt"] == "2026-03-02T06:30:00.000Z"
        assert event["receivedAt"] == "2026-03-02T03:30:00.000Z"
        assert event["timestamp"] == "2026-03-02T03:29:58.250Z"
        (accepted,) = world.facts("message_accepted")
        assert accepted.at.isoformat() == "2026-03-02T03:29:58.250000+00:00"
        assert accepted.details["timestamp"] == event["timestamp"]
        world.check()


@pytest.mark.parametrize(
    ("fields", "original", "corrected"),
    [
        ({}, "2026-03-02T03:30:00.000Z", "2026-03-02T03:30:00.000Z"),
        ({"sentAt": "2026-03-02T06:30:00Z"}, "2026-03-02T03:30:00.000Z", "2026-03-02T03:30:00.000Z"),
        ({"timestamp": "2025-12-24T18:00:00Z"}, "2025-12-24T18:00:00.000Z", "2025-12-24T18:00:00.000Z"),
        ({"timestamp": "yesterday"}, "2026-03-02T03:30:00.000Z", "2026-03-02T03:30:00.000Z"),
        (
            {"timestamp": "2026-03-09T00:00:00Z", "sentAt": "soon"},
            "2026-03-09T00:00:00.000Z",
            "2026-03-09T00:00:00.000Z",
        ),
    ],
)
async def test_without_both_times_there_is_nothing_to_correct(fields, original, corrected):
    async with workspace() as world:
        await world.post("/v1/track", track(**fields))

        (event,) = world.events
        assert (event["originalTimestamp"], event["timestamp"]) == (original, corrected)
        world.check(sent=False)


async def test_all_messages_of_a_call_are_received_at_one_instant():
    async with workspace() as world:
        await asyncio.sleep(1.2345)

        await world.post("/v1/batch", {"batch": [track() for _ in range(5)]})

        assert {event["receivedAt"] for event in world.events} == {"2026-03-02T03:30:01.234Z"}
        world.check()


IGNORED = {
    "messageId",
    "timestamp",
    "receivedAt",
    "sentAt",
    "originalTimestamp",
    "channel",
    "version",
    "projectId",
    "writeKey",
    "_metadata",
}


def comparable(event: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what Segment's own end-to-end tester leaves out."""
    kept = {name: value for name, value in event.items() if name not in IGNORED and value != {}}
    context = {name: value for name, value in kept.get("context", {}).items() if name != "library"}
    return {**kept, "context": context} if context else {n: v for n, v in kept.items() if n != "context"}


@pytest.mark.parametrize(
    "message",
    [
        track(
            properties={
                "Referrer Name": "x",
                "nested": {"list": [1, {"deep": None}]},
                "price": 18.99,
                "none": None,
            },
            integrations={"All": False, "Mailmodo": {"list": "a"}, "Google Analytics": True},
            context={
                "ip": "8.8.8.8",
                "my own": {"key": [1]},
                "traits": {"email": "a@b.example"},
                "campaign": {},
            },
            odd={"top": ["level"]},
        ),
        {"type": "identify", "userId": "u1", "traits": {"email": "a@b.example", "address": {"city": "Pune"}}},
        {
            "type": "page",
            "anonymousId": "a1",
            "name": "Home",
            "category": "Docs",
            "properties": {"url": "https://x"},
        },
        {"type": "screen", "anonymousId": "a1", "name": "Home"},
        {"type": "group", "userId": "u1", "groupId": "g1", "traits": {"plan": "Pro"}},
        {"type": "alias", "userId": "u2", "previousId": "u1"},
    ],
)
async def test_what_the_sender_said_comes_through_untouched(message):
    async with workspace() as world:
        sent = copy.deepcopy(message)

        await world.post("/v1/batch", {"batch": [message], "writeKey": KEY}, key="")

        assert comparable(world.events[0]) == comparable(sent)
        world.check()


async def test_event_is_enriched_in_its_canonical_shape():
    async with workspace() as world:
        await world.post(
            "/v1/track",
            {"event": "Email Opened", "anonymousId": "a1", "writeKey": KEY, "messageId": "m1"},
            key="",
        )

        (event,) = world.events
        assert event == {
            "anonymousId": "a1",
            "channel": "server",
            "context": {"library": {"name": "unknown", "version": "unknown"}},
            "event": "Email Opened",
            "integrations": {},
            "messageId": "m1",
            "originalTimestamp": "2026-03-02T03:30:00.000Z",
            "projectId": world.source.id,
            "properties": {},
            "receivedAt": "2026-03-02T03:30:00.000Z",
            "timestamp": "2026-03-02T03:30:00.000Z",
            "type": "track",
            "version": 2,
            "writeKey": KEY,
        }
        assert list(event) == sorted(event)
        world.check()


async def test_context_and_integrations_of_the_envelope_go_into_each_message():
    async with workspace() as world:
        await world.post(
            "/v1/batch",
            {
                "context": {"locale": "en-IN", "ip": "1.1.1.1"},
                "integrations": {"All": False, "Mailmodo": True},
                "batch": [
                    track(messageId="m1"),
                    track(messageId="m2", context={"ip": "2.2.2.2"}, integrations={"Mailmodo": False}),
                ],
            },
        )

        second, first = world.events
        assert (first["context"]["locale"], first["context"]["ip"]) == ("en-IN", "1.1.1.1")
        assert first["integrations"] == {"All": False, "Mailmodo": True}
        assert (second["context"]["locale"], second["context"]["ip"]) == ("en-IN", "2.2.2.2")
        assert second["integrations"] == {"All": False, "Mailmodo": False}
        world.check()


@pytest.mark.parametrize("arm", ["loopback"])
@pytest.mark.parametrize(
    ("context", "channel", "ip"),
    [
        ({"library": {"name": "analytics.js", "version": "npm:next-1.84.3"}}, "client", "127.0.0.1"),
        ({"library": {"name": "analytics.js"}, "ip": "9.9.9.9"}, "client", "9.9.9.9"),
        ({"library": {"name": "analytics-python", "version": "2.4.0"}}, "server", None),
        ({"direct": True}, "server", "127.0.0.1"),
        ({"library": "odd"}, "server", None),
    ],
)
async def test_address_is_filled_in_for_browsers_and_on_request(arm, context, channel, ip):
    async with workspace() as world:
        await world.post("/v1/track", track(context=context))

        (event,) = world.events
        assert (event["channel"], event["context"].get("ip")) == (channel, ip)
        world.check(sent=False)


@pytest.mark.parametrize(
    ("message", "subject"),
    [
        (track(context={"traits": {"email": "Asha@Example.com"}}), "asha@example.com"),
        ({"type": "identify", "userId": "U1", "traits": {"email": "Ravi@Example.com"}}, "ravi@example.com"),
        (track(userId=None, anonymousId="Mia@Example.com"), "mia@example.com"),
        (track(userId="U7", context={"traits": {"email": 5}}), "u7"),
    ],
)
async def test_fact_names_the_person_by_their_address(message, subject):
    async with workspace() as world:
        await world.post("/v1/batch", {"batch": [message]})

        (fact,) = world.facts("message_accepted")
        assert fact.subject == subject
        assert fact.cause == "e1"
        world.check(sent=False)


async def test_fact_of_an_accepted_message_tells_it_all():
    async with workspace() as world:
        await world.post(
            "/v1/track",
            track(
                messageId="m1",
                properties={"email_id": "e1"},
                context={"ip": "1.1.1.1"},
                integrations={"All": True},
            ),
        )

        (fact,) = world.facts("message_accepted")
        assert fact.details == {
            "source": "Website",
            "type": "track",
            "event": "Email Opened",
            "message_id": "m1",
            "user_id": "u1",
            "anonymous_id": None,
            "timestamp": "2026-03-02T03:30:00.000Z",
            "properties": {"email_id": "e1"},
            "context": {"ip": "1.1.1.1", "library": {"name": "unknown", "version": "unknown"}},
            "integrations": {"All": True},
        }
        world.check()


async def test_overview_counts_every_end():
    async with workspace() as world:
        await world.post("/v1/batch", {"batch": [track(), {"type": "track", "event": "Seen"}]})
        await world.post("/v1/track", track(), key="x" * 32)

        counts = {(tally.stage, tally.code): count for tally, count in world.fake.state.tallies("Website")}
        assert counts == {
            (Stage.SUCCESSFULLY_RECEIVED, ""): 1,
            (Stage.FAILED_ON_INGEST, "no_user_anon_id"): 1,
            (Stage.FAILED_ON_INGEST, "multi_user_error"): 1,
        }
        world.check(sent=False)
