"""What the edge refuses, and what it takes without looking."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from fakes.segment import SegmentSettings
from tests.fakes.segment.support import KEY, basic, track, workspace

SINGLE = ("identify", "track", "page", "screen", "group", "alias")
SHORT = {"i": "identify", "t": "track", "p": "page", "s": "screen", "g": "group", "a": "alias"}


def a_message_for(kind: str) -> dict[str, Any]:
    more = {"track": {"event": "Seen"}, "group": {"groupId": "g1"}, "alias": {"previousId": "u0"}}
    return {"userId": "u1", **more.get(kind, {})}


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("kind", SINGLE)
async def test_each_call_has_a_route_with_and_without_a_slash(kind, slash):
    async with workspace() as world:
        answer = await world.post(f"/v1/{kind}{slash}", a_message_for(kind))

        assert answer.status == 200
        assert await answer.read() == b'{"success": true}'
        assert answer.content_type == "application/json"
        assert [event["type"] for event in world.events] == [kind]
        world.check()


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize(("letter", "kind"), SHORT.items())
async def test_browsers_use_the_first_letter_and_plain_text(letter, kind, slash):
    async with workspace() as world:
        body = {**a_message_for(kind), "writeKey": KEY}

        answer = await world.post(
            f"/v1/{letter}{slash}", body, key="", headers={"Content-Type": "text/plain"}
        )

        assert answer.status == 200
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert [event["type"] for event in world.events] == [kind]
        world.check()


@pytest.mark.parametrize("path", ["/v1/batch", "/v1/batch/", "/v1/import", "/v1/import/", "/v1/b", "/v1/b/"])
async def test_batches_come_by_any_of_their_names(path):
    async with workspace() as world:
        answer = await world.post(path, {"batch": [track(messageId="m1"), track(messageId="m2")]})

        assert answer.status == 200
        assert [event["messageId"] for event in world.events] == ["m2", "m1"]
        world.check()


async def test_gzipped_body_is_taken():
    async with workspace() as world:
        body = gzip.compress(json.dumps({"batch": [track()]}).encode())

        answer = await world.post("/v1/batch", body, headers={"Content-Encoding": "gzip"})

        assert answer.status == 200
        assert len(world.events) == 1
        world.check()


async def test_body_that_is_not_the_gzip_it_says_is_refused():
    async with workspace() as world:
        answer = await world.post("/v1/batch", b"no gzip", headers={"Content-Encoding": "gzip"})

        assert answer.status == 400
        world.check(sent=False)


@pytest.mark.parametrize("colon", [":", ""])
async def test_basic_header_works_with_and_without_its_colon(colon):
    async with workspace() as world:
        answer = await world.post("/v1/track", track(), key="", headers=basic(KEY, colon=colon))

        assert answer.status == 200
        assert len(world.events) == 1
        world.check()


async def test_key_in_the_body_wins_over_the_header():
    async with workspace() as world:
        other = world.fake.state.add_source("Other")

        await world.post("/v1/track", track(writeKey=other.write_key))

        assert world.events == []
        assert len(world.fake.state.debugger("Other")) == 1
        world.check()


async def test_own_key_of_a_message_wins_over_its_envelope_and_the_header():
    async with workspace() as world:
        envelope, own = (world.fake.state.add_source(name) for name in ("Envelope", "Own"))
        batch = [track(messageId="m1"), track(messageId="m2", writeKey=own.write_key)]

        await world.post("/v1/batch", {"batch": batch, "writeKey": envelope.write_key})

        assert [e["messageId"] for e in world.fake.state.debugger("Envelope")] == ["m1"]
        assert [e["messageId"] for e in world.fake.state.debugger("Own")] == ["m2"]
        assert world.events == []
        world.check()


async def test_unknown_key_is_answered_200_and_the_message_is_lost():
    async with workspace() as world:
        answer = await world.post("/v1/track", track(), key="x" * 32)

        assert (answer.status, await answer.json()) == (200, {"success": True})
        assert world.codes == ["unknown_source"]
        assert world.events == []
        world.check()


@pytest.mark.parametrize("key", ["abc123", ""])
@pytest.mark.parametrize(("path", "body"), [("/v1/track", track()), ("/v1/batch", {"batch": [track()]})])
async def test_short_or_missing_key_is_refused(key, path, body):
    async with workspace() as world:
        answer = await world.post(path, body, key=key)

        assert answer.status == 400
        assert set(await answer.json()) == {"success", "code", "message", "error"}
        assert (await answer.json())["message"] == ("Invalid writeKey" if key else "Missing writeKey")
        assert world.codes == []
        world.check(sent=False)


@pytest.mark.parametrize("header", ["Basic !!!", "Basic", "Bearer abcdefgh", "Basic /w=="])
async def test_unreadable_authorization_is_no_key(header):
    async with workspace() as world:
        answer = await world.post("/v1/track", track(), key="", headers={"Authorization": header})

        assert answer.status == 400
        world.check(sent=False)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b"null",
        b'{"userId": "\xff"}',
        b"\xef\xbb\xbf{}",
        b'{"userId": "u1", "event": "x", "properties": {"n": NaN}}',
        b'{"userId": "u1", "event": "x", "properties": {"n": 1e999}}',
        b'{"userId": "u1", "n": ' + b"9" * 5000 + b"}",
        b'{"a":' * 300 + b"1" + b"}" * 300,
        b'{"a":' * 4000 + b"1" + b"}" * 4000,
    ],
)
@pytest.mark.parametrize("path", ["/v1/track", "/v1/batch"])
async def test_what_is_not_a_json_object_is_refused(path, body):
    async with workspace() as world:
        answer = await world.post(path, body)

        assert answer.status == 400
        assert await answer.json() == {
            "success": False,
            "code": "invalid_json",
            "message": "Invalid JSON",
            "error": "Invalid JSON",
        }
        assert world.events == []
        world.check(sent=False)


async def test_half_a_surrogate_pair_is_replaced_so_that_it_can_be_delivered():
    async with workspace() as world:
        world.connect()

        await world.post(
            "/v1/track",
            b'{"userId": "u1", "event": "x", "properties": {"a": "\\ud800", "b": "\\ud83d\\ude00"}}',
        )

        assert world.events[0]["properties"] == {"a": "\ufffd", "b": "\U0001f600"}
        world.check()


def padded(size: int, **fields: object) -> bytes:
    """A track call of exactly so many bytes."""
    text = json.dumps(track(properties={"pad": ""}, **fields))
    return text.replace('"pad": ""', '"pad": "' + "x" * (size - len(text)) + '"').encode()


async def test_single_call_may_have_32_kb_and_no_more():
    async with workspace() as world:
        fits = await world.post("/v1/track", padded(32 * 1024))
        exceeds = await world.post("/v1/track", padded(32 * 1024 + 1))

        assert (fits.status, exceeds.status) == (200, 400)
        assert (await exceeds.json())["message"] == "Exceed payload limit"
        assert len(world.events) == 1
        world.check()


async def test_large_message_in_a_batch_does_not_take_its_mates_with_it():
    async with workspace() as world:
        batch = [
            track(messageId="m1"),
            track(messageId="m2", properties={"pad": "x" * 33000}),
            track(messageId="m3"),
        ]

        answer = await world.post("/v1/batch", {"batch": batch})

        assert answer.status == 200
        assert [event["messageId"] for event in world.events] == ["m3", "m1"]
        assert world.codes == ["bad_request"]
        world.check()


async def test_batch_may_have_500_kb_and_no_more():
    async with workspace() as world:
        messages = [track(properties={"pad": "x" * 30000}) for _ in range(17)]
        fits = json.dumps({"batch": messages}).encode()
        padding = b" " * (512_000 - len(fits))

        statuses = [
            (await world.post("/v1/batch", body)).status for body in (fits + padding, fits + padding + b" ")
        ]

        assert statuses == [200, 400]
        assert len(world.events) == 17
        world.check()


async def test_limit_of_a_batch_counts_after_gunzip():
    async with workspace() as world:
        body = gzip.compress(b'{"batch": []' + b" " * 512_000 + b"}")

        answer = await world.post("/v1/batch", body, headers={"Content-Encoding": "gzip"})

        assert answer.status == 400
        world.check(sent=False)


@pytest.mark.slow
async def test_more_than_2500_messages_are_answered_200_and_lost():
    async with workspace() as world:
        taken = await world.post("/v1/batch", {"batch": [track() for _ in range(2500)]})
        lost = await world.post("/v1/batch", {"batch": [track() for _ in range(2501)]})

        assert (taken.status, lost.status) == (200, 200)
        assert len(world.facts("message_accepted")) == 2500
        assert world.codes == ["bad_request"] * 2501
        world.check(sent=False)


@pytest.mark.parametrize("body", [{"batch": []}, {}, {"batch": None}, {"batch": {"type": "track"}}])
async def test_empty_batch_is_answered_200(body):
    async with workspace() as world:
        answer = await world.post("/v1/batch", body)

        assert answer.status == 200
        assert world.codes == ["empty_batch"]
        world.check(sent=False)


async def test_other_region_is_answered_200_and_the_message_is_lost():
    async with workspace(SegmentSettings(region="eu")) as world:
        wrong = await world.post("/v1/track", track(), base="https://api.segment.io")
        right = await world.post("/v1/track", track(), base="https://events.eu1.segmentapis.com")

        assert (wrong.status, right.status) == (200, 200)
        assert world.fake.host == "events.eu1.segmentapis.com"
        assert world.codes == ["unknown_source"]
        assert len(world.events) == 1
        world.check()


@pytest.mark.parametrize("arm", ["loopback"])
async def test_on_loopback_any_host_name_is_the_workspaces_own(arm):
    async with workspace(SegmentSettings(region="eu")) as world:
        await world.post("/v1/track", track())

        assert len(world.events) == 1
        world.check()


async def test_strict_workspace_refuses_the_codes_it_is_told_to():
    async with workspace(
        SegmentSettings(refused_codes=frozenset({"unknown_source", "no_user_anon_id"}))
    ) as world:
        unknown = await world.post("/v1/track", track(), key="x" * 32)
        nameless = await world.post("/v1/track", {"event": "Seen"})
        untold = await world.post("/v1/track", {"userId": "u1"})

        assert (unknown.status, nameless.status, untold.status) == (400, 400, 200)
        assert (await nameless.json())["code"] == "no_user_anon_id"
        world.check(sent=False)


async def test_beyond_its_rate_the_edge_says_when_to_come_back():
    async with workspace(SegmentSettings(requests_per_second=2)) as world:
        answers = [await world.post("/v1/track", track()) for _ in range(3)]

        assert [answer.status for answer in answers] == [200, 200, 429]
        assert answers[2].headers["Retry-After"] == "1"
        assert answers[2].headers["X-RateLimit-Reset"] == "1"
        world.check()


@pytest.mark.parametrize("path", ["/v1/t", "/v1/batch", "/v1/track/"])
async def test_preflight_allows_any_origin(path):
    async with workspace() as world:
        url = world.stage.network.url("api.segment.io") + path

        answer = await world.stage.session.options(url, headers={"Origin": "https://shop.example"})

        assert answer.status == 204
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Access-Control-Allow-Headers"] == "authorization, content-type, x-retry-count"
        world.check()


async def test_unknown_routes_answer_in_the_same_envelope():
    async with workspace() as world:
        missing = await world.post("/v2/track", track())
        wrong_method = await world.get("api.segment.io", "/v1/track")

        assert (missing.status, wrong_method.status) == (404, 405)
        assert (await missing.json())["success"] is False
        assert world.stage.recorder.errors == []


async def test_metrics_of_the_browser_library_are_taken():
    async with workspace() as world:
        body = {"series": [{"type": "Counter", "metric": "analytics_js.invoke", "value": 1, "tags": {}}]}

        answer = await world.post("/v1/m", body, key="", headers={"Content-Type": "text/plain"})

        assert answer.status == 200
        assert world.events == []
        world.check()
