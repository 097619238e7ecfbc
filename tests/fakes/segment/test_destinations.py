"""Which messages go to a destination, how they are handed over, and what happens when they are not taken."""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode, b64encode
from itertools import pairwise

import pytest
from aiohttp import web

from fakes.segment import FilterCode, MessageType, Stage
from fakes.segment.destinations import Destination, accepted_types, find_filter
from fakes.segment.webhooks import encode, sign
from tests.fakes.segment.support import track, workspace

FOUR_HOURS = 4 * 3600


def make_destination(name: str) -> Destination:
    return Destination(
        name=name, source="Website", url="https://x", api_key="k", accepts=accepted_types(name)
    )


@pytest.mark.parametrize(
    ("integrations", "code"),
    [
        ({}, None),
        ({"All": True}, None),
        ({"Mailmodo": True}, None),
        ({"Mailmodo": {"list": "a"}}, None),
        ({"Mailmodo": None}, None),
        ({"All": False, "Mailmodo": True}, None),
        ({"All": False, "Mailmodo": {}}, None),
        ({"All": False}, FilterCode.INTEGRATIONS_OBJECT),
        ({"all": False}, FilterCode.INTEGRATIONS_OBJECT),
        ({"Mailmodo": False}, FilterCode.INTEGRATIONS_OBJECT),
        ({"All": False, "mailmodo": True}, FilterCode.INTEGRATIONS_OBJECT),
        ({"All": False, "Mailjet": True}, FilterCode.INTEGRATIONS_OBJECT),
    ],
)
def test_integrations_object_decides(integrations, code):
    assert find_filter(make_destination("Mailmodo"), track(integrations=integrations)) == code


def test_alias_is_not_subject_to_the_integrations_object():
    everything = make_destination("Webhooks")

    assert find_filter(everything, {"type": "alias", "integrations": {"All": False}}) is None


def test_salesforce_must_be_asked_for():
    salesforce = make_destination("Salesforce")

    assert find_filter(salesforce, track(integrations={})) is FilterCode.INTEGRATIONS_OBJECT
    assert find_filter(salesforce, track(integrations={"Salesforce": True})) is None


def test_what_the_browser_delivered_is_not_delivered_again():
    event = track(integrations={}, _metadata={"bundled": ["Mailmodo"], "unbundled": []})

    assert find_filter(make_destination("Mailmodo"), event) is FilterCode.SENT_CLIENT_SIDE
    assert find_filter(make_destination("Webhooks"), event) is None


@pytest.mark.parametrize(
    ("name", "accepted"),
    [("Mailmodo", {"identify", "track"}), ("Mailjet", {"identify"}), ("Webhooks", set(MessageType))],
)
def test_destination_takes_the_types_of_its_catalogue_page(name, accepted):
    destination = make_destination(name)

    found = {
        kind for kind in MessageType if find_filter(destination, {"type": kind, "integrations": {}}) is None
    }

    assert found == accepted


def test_signature_is_the_published_one():
    body = (
        '{"type":"track","event":"Email Opened","userId":"u1","messageId":"m1",'
        '"timestamp":"2026-01-01T00:00:00.000Z","receivedAt":"2026-01-01T00:00:00.000Z",'
        '"context":{},"properties":{"x":1,"u":"é/\\""}}'
    ).encode()

    assert len(body) == 195
    assert encode(json.loads(body)) == body
    assert sign("s3cret", body) == "47bb00d3586616d9f6b8e299c46da2e4de8e3d66"


async def settle(seconds: float = 1) -> None:
    await asyncio.sleep(seconds)


async def test_event_is_handed_over_as_a_subscription_webhook():
    async with workspace() as world:
        world.connect(settings={"listId": "é1", "sharedSecret": "s3cret"})

        await world.post(
            "/v1/identify",
            {"userId": "u1", "messageId": "m1", "traits": {"email": "Asha@Example.com", "city": "Pünë"}},
        )
        await settle()

        ((method, path, headers, body),) = world.receiver.requests
        assert (method, path) == ("POST", "/hook")
        assert json.loads(body) == world.events[0]
        assert "Pünë".encode() in body
        sent = {
            name: value
            for name, value in headers.items()
            if name not in ("Host", "Content-Length", "Accept-Encoding")
        }
        assert sent == {
            "Authorization": "Basic " + b64encode(b"mm-key:").decode(),
            "User-Agent": "Segment.io/1.0",
            "Content-Type": "application/json",
            "Cache-Control": "no-cache",
            "Accept": "*/*",
            "X-Segment-Settings": b64encode('{"listId":"é1"}'.encode()).decode(),
            "X-Signature": sign("s3cret", body),
        }
        (fact,) = world.facts("message_delivered")
        assert fact.subject == "asha@example.com"
        assert fact.details["destination"] == "Mailmodo"
        assert (fact.details["status"], fact.details["attempts"], fact.details["message_id"]) == (
            200,
            1,
            "m1",
        )
        assert fact.cause == world.stage.recorder.webhooks()[0].cause == "e1"
        world.check()


async def test_without_a_shared_secret_nothing_is_signed():
    async with workspace() as world:
        world.connect()

        await world.post("/v1/track", track())
        await settle()

        ((_, _, headers, _),) = world.receiver.requests
        assert "X-Signature" not in headers
        assert b64decode(headers["X-Segment-Settings"]) == b"{}"
        world.check()


async def test_only_identify_and_track_reach_mailmodo():
    async with workspace() as world:
        world.connect()
        kinds = {
            "page": {},
            "screen": {},
            "group": {"groupId": "g"},
            "alias": {"previousId": "p"},
            "track": {"event": "x"},
            "identify": {},
        }

        for kind, more in kinds.items():
            await world.post(f"/v1/{kind}", {"userId": "u1", **more})
        await settle()

        assert [json.loads(body)["type"] for *_, body in world.receiver.requests] == ["track", "identify"]
        filtered = [(fact.details["type"], fact.details["code"]) for fact in world.facts("message_filtered")]
        assert filtered == [(kind, "UNSUPPORTED_EVENT_TYPE") for kind in ("page", "screen", "group", "alias")]
        world.check()


async def test_filtered_and_unknown_names_are_counted_and_the_debugger_still_shows_the_event():
    async with workspace() as world:
        world.connect()

        await world.post("/v1/track", track(integrations={"All": False, "mailmodo": True}))
        await settle()

        assert world.receiver.requests == []
        filtered = [
            (fact.details["destination"], fact.details["code"]) for fact in world.facts("message_filtered")
        ]
        assert filtered == [
            ("mailmodo", "UNKNOWN_INTEGRATION"),
            ("Mailmodo", "FILTERED_BY_INTEGRATIONS_OBJECT"),
        ]
        assert len(world.events) == 1
        world.check()


async def test_one_flag_covers_every_instance_and_disabled_ones_get_nothing():
    async with workspace() as world:
        world.connect(settings={"n": 1})
        world.connect(settings={"n": 2})
        world.connect(settings={"n": 3}, is_enabled=False)

        await world.post("/v1/track", track(messageId="m1"))
        await world.post("/v1/track", track(messageId="m2", integrations={"Mailmodo": False}))
        await settle()

        reached = [
            (json.loads(body)["messageId"], json.loads(b64decode(h["X-Segment-Settings"]))["n"])
            for _, _, h, body in world.receiver.requests
        ]
        assert sorted(reached) == [("m1", 1), ("m1", 2)]
        world.check()


async def test_destination_gets_only_what_its_own_source_took():
    async with workspace() as world:
        world.connect()
        other = world.fake.state.add_source("Other")

        await world.post("/v1/track", track(), key=other.write_key)
        await settle()

        assert world.receiver.requests == []
        world.check()


async def test_duplicate_is_delivered_once():
    async with workspace() as world:
        world.connect()

        for _ in range(3):
            await world.post("/v1/track", track(messageId="m1"))
        await settle()

        assert len(world.receiver.requests) == 1
        world.check()


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "BAD_REQUEST"),
        (401, "401"),
        (403, "403"),
        (404, "404"),
        (501, "UNSUPPORTED_EVENT_TYPE"),
        (307, "307"),
    ],
)
async def test_final_refusal_is_not_tried_again(status, code):
    async with workspace() as world:
        world.connect()
        world.receiver.answer = lambda _: web.json_response({"message": "no"}, status=status)

        await world.post("/v1/track", track())
        await settle(FOUR_HOURS)

        assert len(world.receiver.requests) == 1
        (fact,) = world.facts("delivery_failed")
        assert (fact.details["code"], fact.details["status"], fact.details["attempts"]) == (code, status, 1)
        assert fact.details["destination"] == "Mailmodo"
        world.check()


@pytest.mark.parametrize("status", [408, 423, 429, 500, 502, 503])
async def test_passing_trouble_is_tried_again_with_the_same_body(status):
    async with workspace() as world:
        world.connect()
        world.receiver.answer = lambda attempt: web.Response(status=200 if attempt == 3 else status)

        await world.post("/v1/track", track())
        await settle(FOUR_HOURS)

        assert len(world.receiver.requests) == 3
        assert len({body for *_, body in world.receiver.requests}) == 1
        (fact,) = world.facts("message_delivered")
        assert fact.details["attempts"] == 3
        assert world.facts("delivery_failed") == []
        world.check()


@pytest.mark.parametrize(("status", "code"), [(500, "INTERNAL"), (429, "429"), (503, "503")])
async def test_delivery_is_given_up_after_ten_attempts_of_growing_distance(status, code):
    async with workspace() as world:
        world.connect()
        world.receiver.answer = lambda _: web.Response(status=status)

        await world.post("/v1/track", track())
        await settle(2 * FOUR_HOURS)

        tries = world.stage.recorder.webhooks("subscriptionWebhook")
        assert [each.attempt for each in tries] == list(range(1, 11))
        waits = [(b.started_at - a.ended_at).total_seconds() for a, b in pairwise(tries)]
        assert 60 <= waits[0] <= 180
        assert 120 <= waits[1] <= 360
        assert all(wait <= 1200.001 for wait in waits)
        assert waits[-1] == pytest.approx(1200)
        assert (tries[-1].started_at - tries[0].started_at).total_seconds() <= FOUR_HOURS
        (fact,) = world.facts("delivery_failed")
        assert fact.details["code"] == code
        world.check()


async def test_receiver_that_says_nothing_times_out_after_5_seconds():
    async with workspace() as world:
        world.connect()
        hold = asyncio.Event()

        async def hang(request: web.Request) -> web.StreamResponse:
            await hold.wait()
            return web.Response()

        silent = web.Application()
        silent.router.add_post("/hook", hang)
        await world.stage.network.serve(silent, ["silent.test"])
        world.connect(url="https://silent.test/hook", name="Webhooks")

        await world.post("/v1/track", track())
        await settle(FOUR_HOURS)
        hold.set()

        (fact,) = world.facts("delivery_failed")
        assert (fact.details["code"], fact.details["attempts"]) == ("ETIMEDOUT", 10)
        first = next(e for e in world.stage.recorder.webhooks() if e.error == "timeout")
        assert (first.ended_at - first.started_at).total_seconds() == pytest.approx(5)
        world.check()


async def test_unknown_host_is_not_found():
    async with workspace() as world:
        world.connect(url="https://nowhere.test/hook")

        await world.post("/v1/track", track())
        await settle(FOUR_HOURS)

        (fact,) = world.facts("delivery_failed")
        assert (fact.details["code"], fact.details["status"]) == ("ENOTFOUND", None)
        world.check()


async def test_slow_destination_holds_up_neither_the_edge_nor_other_events():
    async with workspace() as world:
        world.connect()
        world.receiver.answer = lambda attempt: web.Response(status=503 if attempt == 1 else 202)

        for number in (1, 2):
            await world.post("/v1/track", track(messageId=f"m{number}"))
        await settle()

        assert [json.loads(body)["messageId"] for *_, body in world.receiver.requests] == ["m1", "m2"]
        assert [fact.details["message_id"] for fact in world.facts("message_delivered")] == ["m2"]
        await settle(FOUR_HOURS)
        assert [fact.details["message_id"] for fact in world.facts("message_delivered")] == ["m2", "m1"]
        world.check()


async def test_overview_counts_deliveries_per_destination():
    async with workspace() as world:
        world.connect()
        world.receiver.answer = lambda attempt: web.Response(status=200 if attempt == 1 else 401)

        for integrations in ({}, {}, {"All": False}):
            await world.post("/v1/track", track(integrations=integrations))
        await settle()

        counts = {
            (tally.stage, tally.code): count
            for tally, count in world.fake.state.tallies("Website")
            if tally.destination == "Mailmodo"
        }
        assert counts == {
            (Stage.SUCCESSFUL_DELIVERY, ""): 1,
            (Stage.FAILED_DELIVERY, "401"): 1,
            (Stage.FILTERED_AT_DESTINATION, "FILTERED_BY_INTEGRATIONS_OBJECT"): 1,
        }
        world.check()
