"""From the outbox to the vendor: batches, order, retries, pauses, and what must never happen twice."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from email.utils import format_datetime
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from bridge.settling import back_off_s
from bridge.store import Delivery, Settlement, State
from tests.bridge.rig import START, activity, clevertap_answer, identify, mailjet_event, rig, track

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bridge.rig import Rig


async def activities(made: Rig, number: int) -> None:
    for index in range(number):
        assert (
            await made.activity(
                activity(id_=f"a-{index}", email=f"p{index}@example.com", clevertap_id=f"__{index}")
            )
        )[0] == 200


async def silent(_request: web.Request) -> web.Response:
    await asyncio.sleep(3600)
    return web.Response()


async def cut_off(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


# Calls


async def test_records_go_to_clevertap_in_one_upload():
    async with rig() as made:
        await activities(made, 5)
        counts = await made.settle()

        (request,) = made.clevertap.requests
        assert request.path == "/1/upload"
        assert request.headers["X-CleverTap-Account-Id"] == "ZWW-WWW-WWRZ"
        assert request.headers["X-CleverTap-Passcode"] == "pass"
        assert [record["objectId"] for record in request.body["d"]] == ["__0", "__1", "__2", "__3", "__4"]
        assert counts.delivered == 5


async def test_uploads_hold_as_many_records_as_the_setting_says():
    async with rig(clevertap_batch_records=2) as made:
        await activities(made, 5)
        await made.settle()

        assert [len(body["d"]) for body in made.clevertap.bodies] == [2, 2, 1]


async def test_each_source_has_a_write_key_of_its_own_at_segment():
    async with rig() as made:
        await made.mailjet(mailjet_event())
        await made.identify("u-1", "asha@example.com")
        await made.activity(activity())
        await made.settle()

        sent = sorted(
            (
                request.path,
                request.headers["Authorization"],
                [message["context"]["integration"]["name"] for message in request.body["batch"]],
            )
            for request in made.segment.requests
        )
        assert sent == [
            ("/v1/batch", "Basic d3JpdGUtbWFpbG1vZG86", ["mailmodo"]),
            ("/v1/batch", "Basic d3JpdGUtbWFpbGpldDo=", ["mailjet"]),
        ]


async def test_segment_batches_keep_their_size():
    async with rig(segment_batch_bytes=2000) as made:
        await made.mailjet([mailjet_event(time=1700000000 + index) for index in range(20)])
        counts = await made.settle()

        assert counts.delivered == len(made.segment.records) == 20
        assert len(made.segment.bodies) == 5
        assert all(len(json.dumps(body, separators=(",", ":"))) <= 2030 for body in made.segment.bodies)


async def test_a_trigger_is_sent_with_its_key_and_its_ref_is_kept():
    async with rig() as made:
        await made.trigger("camp-1", email="asha@example.com", data={})
        await made.settle()

        (request,) = made.mailmodo.requests
        assert request.path == "/api/v1/triggerCampaign/camp-1"
        assert request.headers["mmApiKey"] == "AAAAAAA-BBBBBBB-CCCCCCC-DDDDDDD"
        (delivery,) = await made.bridge._store.deliveries(State.DELIVERED)
        assert delivery.reason == "ref r-1"


async def test_a_bridge_with_nothing_to_do_has_no_timer():
    async with rig() as made:
        await activities(made, 3)
        await made.trigger(email="asha@example.com")
        await made.settle(3600)

        assert all(dispatcher._timer is None for dispatcher in made.bridge._dispatchers.values())


async def test_calls_keep_the_rate_that_the_plan_allows():
    async with rig(mailmodo_rate_per_s=5) as made:
        for index in range(20):
            await made.trigger(email=f"p{index}@example.com")
        await made.settle(60)

        times = [request.at_s for request in made.mailmodo.requests]
        assert len(times) == 20
        # Whatever second one looks at: a call and the fifth after it are a second apart.
        assert all(later - earlier >= 1.0 for earlier, later in zip(times, times[5:], strict=False))
        assert times[-1] == pytest.approx(3.0, abs=0.1)


async def test_no_more_calls_are_in_flight_than_the_setting_says():
    in_flight: list[int] = [0]
    most = 0

    async def slow(_request: web.Request) -> web.Response:
        nonlocal most
        in_flight[0] += 1
        most = max(most, in_flight[0])
        await asyncio.sleep(1)
        in_flight[0] -= 1
        return web.json_response({"success": True})

    async with rig(mailmodo_concurrency=3) as made:
        made.mailmodo.script.extend([slow] * 10)
        for index in range(10):
            await made.trigger(email=f"p{index}@example.com")
        counts = await made.settle(10)

        assert most == 3
        assert counts.delivered == 10


# CleverTap, record by record


async def test_a_partial_answer_settles_each_record():
    async with rig() as made:
        made.clevertap.script.append(clevertap_answer(3, (2, 513)))
        await activities(made, 3)
        counts = await made.settle(100)

        assert (counts.delivered, counts.dead) == (2, 1)
        assert len(made.clevertap.requests) == 1
        (dead,) = await made.bridge._store.deliveries(State.DEAD)
        assert dead.reason == "clevertap_513"


async def test_a_record_that_may_pass_later_is_sent_again_alone():
    async with rig() as made:
        made.clevertap.script.append(clevertap_answer(3, (3, 555)))
        await activities(made, 3)
        counts = await made.settle(100)

        first, second = made.clevertap.bodies
        assert second["d"] == [first["d"][2]]
        assert counts.delivered == 3


async def test_a_refused_record_is_found_by_its_echo_when_no_number_is_given():
    async with rig() as made:

        async def echo(request: web.Request) -> web.Response:
            record = (await request.json())["d"][1]
            entry = {"status": "fail", "code": 528, "error": "discarded", "record": record}
            return web.json_response({"status": "partial", "processed": 2, "unprocessed": [entry]})

        made.clevertap.script.append(echo)
        await activities(made, 3)
        counts = await made.settle()

        assert (counts.delivered, counts.dead) == (2, 1)
        (dead,) = await made.bridge._store.deliveries(State.DEAD)
        assert dead.seq == 4  # each activity has two outcomes, the second of them for CleverTap


async def test_an_answer_that_names_no_record_is_not_repeated_over_and_over():
    entry = {"status": "fail", "code": 528, "error": "discarded"}
    async with rig() as made:
        made.clevertap.script.append(
            web.json_response({"status": "partial", "processed": 1, "unprocessed": [entry]})
        )
        await activities(made, 2)
        counts = await made.settle(100)

        assert counts.uncertain == 2
        assert len(made.clevertap.requests) == 1


async def test_a_200_that_is_not_clevertaps_answer_proves_nothing():
    async with rig() as made:
        made.clevertap.script.append(web.Response(text=""))
        await activities(made, 1)
        counts = await made.settle(100)

        assert len(made.clevertap.requests) == 2
        assert counts.delivered == 1


@pytest.mark.parametrize("code", [401, 403, 429, 500, 503])
async def test_a_refusal_of_the_whole_that_comes_with_200_kills_no_record(code: int):
    """Source: vendor notes CleverTap 3: many failures come as 200 with `status: fail`."""
    refusal = {"status": "fail", "error": "An unknown error occurred", "code": code}
    async with rig() as made:
        made.clevertap.script.extend([web.json_response(refusal) for _ in range(2)])
        await activities(made, 3)
        counts = await made.settle(0.5)
        state = (await made.get("/healthz"))[1]["destinations"]["clevertap"]["state"]
        assert (counts.dead, state) == (0, "paused" if code in (401, 403) else "open")

        counts = await made.settle(200)

        assert (counts.dead, counts.delivered) == (0, 3)


async def test_a_batch_refused_as_a_whole_is_halved_until_the_culprit_stands_alone():
    culprit = ""

    def refuse_the_fifth(body: dict[str, list[dict[str, object]]]) -> web.Response:
        nonlocal culprit
        ids = [str(message["messageId"]) for message in body["batch"]]
        culprit = culprit or ids[4]
        return web.json_response({"success": culprit not in ids}, status=400 if culprit in ids else 200)

    async with rig() as made:
        made.segment.usual = refuse_the_fifth
        await made.mailjet([mailjet_event(time=1700000000 + index) for index in range(8)])
        counts = await made.settle()

        assert [len(body["batch"]) for body in made.segment.bodies] == [8, 4, 4, 2, 1, 1, 2]
        assert (counts.delivered, counts.dead) == (7, 1)
        (dead,) = await made.bridge._store.deliveries(State.DEAD)
        assert (dead.engagement_id, dead.reason) == (culprit, "http_400")


# Trying again


def test_back_off_doubles_up_to_its_cap_and_is_drawn_from_zero():
    random = Random(1)
    drawn = {
        failures: [back_off_s(failures, longest_s=900, random=random) for _ in range(300)]
        for failures in (1, 2, 5, 11, 5000)
    }

    for failures, most in ((1, 1), (2, 2), (5, 16), (11, 900), (5000, 900)):
        assert 0 <= min(drawn[failures]) < most * 0.1
        assert most * 0.9 < max(drawn[failures]) <= most


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
async def test_what_may_be_repeated_is_tried_until_it_is_taken(status: int):
    async with rig() as made:
        made.clevertap.script.extend([status] * 4)
        await activities(made, 1)
        counts = await made.settle(60)

        assert len(made.clevertap.requests) == 5
        assert all(body == made.clevertap.bodies[0] for body in made.clevertap.bodies)
        assert counts.delivered == 1


@pytest.mark.parametrize("fault", [cut_off, silent])
async def test_a_connection_lost_on_the_way_is_tried_again_where_it_may_be(fault: object):
    async with rig() as made:
        made.segment.script.append(fault)
        await made.mailjet(mailjet_event())
        counts = await made.settle(60)

        assert len(made.segment.requests) == 2
        assert made.segment.bodies[0] == made.segment.bodies[1]
        assert counts.delivered == 1


async def test_a_delivery_too_old_is_dead():
    async with rig(age_limit_s=100) as made:
        made.clevertap.usual = lambda _body: web.json_response({}, status=500)
        await activities(made, 1)
        counts = await made.settle(2000)

        assert counts.dead == 1
        assert made.clevertap.requests[-1].at_s <= 100
        (dead,) = await made.bridge._store.deliveries(State.DEAD)
        assert dead.reason == "expired, last http_500"


@pytest.mark.parametrize("status", [301, 404, 410, 409])
async def test_some_answers_end_it(status: int):
    async with rig() as made:
        made.mailmodo.script.append(
            web.Response(status=status, headers={"Location": "https://api.mailmodo.com/x"})
        )
        await made.trigger(email="asha@example.com")
        counts = await made.settle(100)

        assert len(made.mailmodo.requests) == 1
        assert counts.dead == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"Retry-After": "120"},
        {"Retry-After": format_datetime(START + timedelta(seconds=120), usegmt=True)},
        {"X-RateLimit-Reset": "120"},
        {"X-RateLimit-Reset": str(int(START.timestamp()) + 120)},
    ],
)
async def test_retry_after_leaves_the_whole_destination_alone(headers: dict[str, str]):
    async with rig() as made:
        made.segment.script.append(web.Response(status=429, headers=headers))
        await made.mailjet(mailjet_event())
        await made.settle(10)
        await made.mailjet(mailjet_event("click"))
        await made.settle(100)
        assert len(made.segment.requests) == 1
        assert (await made.get("/healthz"))[1]["destinations"]["segment/mailjet"]["state"] == "paused"

        counts = await made.settle(20)

        assert counts.delivered == 2
        assert made.segment.requests[1].at_s == pytest.approx(120, abs=0.2)


@pytest.mark.parametrize(
    "asked",
    [
        "soon",
        "0",
        "-5",
        "nan",
        "1e400",
        format_datetime(START - timedelta(days=3), usegmt=True),
        "Sun, 06 Nov 1994 08:49:37 +999999999999",
        "Mon, 99 Foo 99999 99:99:99 GMT",
    ],
)
async def test_a_retry_after_that_says_nothing_is_ordinary_back_off(asked: str):
    """A moment that has passed least of all means to be asked again without pause, until the attempts are used up."""
    async with rig() as made:
        made.mailmodo.usual = lambda _body: web.Response(status=429, headers={"Retry-After": asked})
        await made.trigger(email="asha@example.com")
        counts = await made.settle(10)
        assert 2 <= len(made.mailmodo.requests) <= 15
        assert counts.pending == 1

        made.mailmodo.usual = lambda _body: web.json_response({"success": True})
        counts = await made.settle(1000)

        assert counts.delivered == 1


@pytest.mark.parametrize("status", [401, 403])
async def test_refused_credentials_pause_the_destination_and_a_probe_resumes_it(status: int):
    async with rig() as made:
        made.clevertap.script.extend([status] * 3)
        await activities(made, 3)
        await made.settle(10)
        await activities(made, 5)
        counts = await made.settle(1)
        assert (counts.pending, counts.dead) == (5, 0)
        assert len(made.clevertap.requests) == 1
        health = (await made.get("/healthz"))[1]
        assert health["status"] == "degraded"
        assert health["destinations"]["clevertap"] == {
            "state": "paused",
            "reason": f"http_{status}",
            "pending": 5,
        }

        counts = await made.settle(600)

        assert counts.delivered == 5
        sizes = [len(body["d"]) for body in made.clevertap.bodies]
        assert sizes == [3, 1, 1, 1, 4]
        times = [request.at_s for request in made.clevertap.requests]
        assert [round(later - earlier) for earlier, later in pairwise(times)] == [
            30,
            60,
            120,
            0,
        ]
        assert (await made.get("/healthz"))[1]["status"] == "ok"


async def test_a_pause_outlasts_the_age_limit_without_a_loss():
    async with rig(age_limit_s=100) as made:
        made.clevertap.script.extend([401] * 6)
        await activities(made, 2)
        counts = await made.settle(7200)

        assert counts.delivered == 2


# Never twice


@pytest.mark.parametrize("fault", [cut_off, silent, 408, 500, 502, 504])
async def test_a_trigger_whose_end_is_unknown_is_uncertain_and_never_sent_again(fault: object):
    async with rig() as made:
        made.mailmodo.script.append(fault)
        await made.trigger(email="asha@example.com")
        counts = await made.settle(90_000)

        assert len(made.mailmodo.requests) == 1
        assert counts.uncertain == 1


async def test_a_trigger_answered_with_half_a_body_is_uncertain():
    async with rig() as made:
        made.mailmodo.script.append(web.Response(text='{"success": tr'))
        await made.trigger(email="asha@example.com")
        counts = await made.settle(100)

        assert len(made.mailmodo.requests) == 1
        assert counts.uncertain == 1


@pytest.mark.parametrize("status", [425, 429, 503])
async def test_a_trigger_refused_before_acceptance_is_tried_again(status: int):
    async with rig() as made:
        made.mailmodo.script.extend([status] * 3)
        await made.trigger(email="asha@example.com")
        counts = await made.settle(60)

        assert len(made.mailmodo.requests) == 4
        assert counts.delivered == 1


@pytest.mark.parametrize("url", ["https://nowhere.example", "https://api.mailmodo.com:444"])
async def test_a_trigger_that_found_no_connection_stays_pending(url: str):
    async with rig(mailmodo_url=url) as made:
        await made.trigger(email="asha@example.com")
        counts = await made.settle(60)

        assert counts.pending == 1
        assert made.mailmodo.requests == []


async def test_a_setting_lets_uncertain_triggers_be_sent_again():
    async with rig(mailmodo_uncertain="retry") as made:
        made.mailmodo.script.append(cut_off)
        await made.trigger(email="asha@example.com")
        counts = await made.settle(60)

        assert len(made.mailmodo.requests) == 2
        assert counts.delivered == 1


@pytest.mark.parametrize("status", [200, 400])
async def test_a_trigger_that_the_vendor_refuses_is_dead_whatever_the_status(status: int):
    answer = {"success": False, "message": "The provided email is not a valid email id"}
    async with rig() as made:
        made.mailmodo.script.append(web.json_response(answer, status=status))
        await made.trigger(email="asha@example.com")
        counts = await made.settle(100)

        assert len(made.mailmodo.requests) == 1
        assert counts.dead == 1
        (dead,) = await made.bridge._store.deliveries(State.DEAD)
        assert dead.reason.endswith("The provided email is not a valid email id")


_NOT_ADDED = {
    "message": "Some contacts were not added to the list",
    "errors": [{"failure reason": "invalid"}],
}


@pytest.mark.parametrize("status", [200, 207])
@pytest.mark.parametrize(
    ("answer", "trigger", "contact"),
    [
        ({}, State.UNCERTAIN, State.PENDING),
        ({"success": None}, State.UNCERTAIN, State.PENDING),
        ({"message": "hm"}, State.UNCERTAIN, State.PENDING),
        ({"Error": "Invalid API key"}, State.PENDING, State.PENDING),
        (_NOT_ADDED, State.DEAD, State.DEAD),
    ],
)
async def test_a_2xx_of_mailmodo_that_does_not_say_yes_is_no_delivery(
    status: int, answer: dict[str, object], trigger: State, contact: State
):
    async with rig() as made:
        made.mailmodo.usual = lambda _body: web.json_response(answer, status=status)
        await made.trigger(email="asha@example.com")
        await made.settle(0.1)
        await made.identify("u-1", "ravi@example.com")
        await made.settle(0.1)

        found = {each.operation: each.state for each in await made.bridge._store.deliveries(*State)}
        health = (await made.get("/healthz"))[1]["destinations"]["mailmodo"]
        assert found == {"triggerCampaign": trigger, "addToList": contact}
        assert health["reason"] == ("refused_key" if "Error" in answer else "")


async def test_a_trigger_sent_twice_by_clevertap_is_one_email():
    async with rig() as made:
        answers = [
            await made.trigger(email="asha@example.com", data={"first_name": "Asha"}) for _ in range(3)
        ]
        counts = await made.settle(1)

        assert [answer for _status, answer in answers] == [
            {"stored": 1, "known": 0},
            *[{"stored": 0, "known": 1}] * 2,
        ]
        assert len(made.mailmodo.requests) == 1
        assert (counts.accepted, counts.delivered, counts.duplicate) == (3, 1, 2)


# Order


async def test_a_track_waits_for_the_identify_of_the_same_person_and_nobody_elses():
    async with rig() as made:
        made.mailmodo.script.append(503)
        await made.identify("u-1", "slow@example.com")
        await asyncio.sleep(0.01)
        await made.identify("u-2", "quick@example.com")
        await made.from_segment(track("u-1", id_="t-1"))
        await made.from_segment(track("u-2", id_="t-2"))
        counts = await made.settle(30)

        assert counts.delivered == 4
        order = [
            (request.path.rpartition("/")[2], request.body["email"]) for request in made.mailmodo.requests
        ]
        slow = [operation for operation, email in order if email == "slow@example.com"]
        assert slow == ["addToList", "addToList", "addEvent"]
        assert order.index(("addEvent", "quick@example.com")) < order.index(("addEvent", "slow@example.com"))


async def test_two_addresses_of_one_user_are_two_contacts_and_tracks_go_to_the_last():
    async with rig() as made:
        await made.from_segment(identify("u-1", email="old@example.com"))
        await made.from_segment(
            {**identify("u-1", email="new@example.com"), "timestamp": "2026-03-02T03:29:10Z"}
        )
        await made.from_segment(track("u-1"))
        await made.settle()

        assert [body["email"] for body in made.mailmodo.bodies if "listName" in body] == [
            "old@example.com",
            "new@example.com",
        ]
        assert [body["email"] for body in made.mailmodo.bodies if "event_name" in body] == ["new@example.com"]


async def test_activity_before_the_identify_is_not_told_and_after_it_is():
    async with rig() as made:
        await made.activity(activity(id_="early"))
        await made.identify("u-1", "Asha@Example.com")
        await made.activity(activity(id_="late"))
        await made.settle()

        (message,) = made.segment.records
        assert message["userId"] == "u-1"


# Stopping and starting


async def test_a_stop_finishes_what_is_in_flight_and_keeps_the_rest():
    async def slow(_request: web.Request) -> web.Response:
        await asyncio.sleep(5)
        return web.json_response({"success": True})

    async with rig(mailmodo_concurrency=1) as made:
        made.mailmodo.script.append(slow)
        await made.trigger(email="a@example.com")
        await made.trigger(email="b@example.com")
        await asyncio.sleep(1)
        stopping = asyncio.create_task(made.bridge.stop())
        await asyncio.sleep(0)
        status, answer = await made.trigger(email="c@example.com")
        await stopping

        assert (status, answer) == (503, {"message": "the bridge is not taking webhooks now"})
        counts = await made.bridge.counts()
        assert (counts.delivered, counts.pending, counts.uncertain) == (1, 1, 0)
        assert counts.is_balanced


async def test_a_stop_cuts_off_what_outlasts_its_grace():
    async with rig(stop_grace_s=2, request_timeout_s=30) as made:
        made.mailmodo.script.append(silent)
        made.clevertap.script.append(silent)
        await made.trigger(email="a@example.com")
        await activities(made, 2)
        await asyncio.sleep(1)
        await made.bridge.stop()

        counts = await made.bridge.counts()
        assert (counts.uncertain, counts.pending) == (1, 2)
        assert counts.is_balanced


async def test_a_stop_takes_one_grace_whatever_it_waits_for():
    async with rig(stop_grace_s=2, request_timeout_s=30) as made:
        made.mailmodo.script.append(silent)
        await made.trigger(email="a@example.com")
        _reader, writer = await asyncio.open_connection("bridge.test", 443)
        writer.write(b"POST /sources/mailmodo/mm-secret HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
        await asyncio.sleep(1)
        began_s = asyncio.get_running_loop().time()
        await made.bridge.stop()
        writer.close()

        assert asyncio.get_running_loop().time() - began_s == pytest.approx(2, abs=0.1)
        assert (await made.bridge.counts()).uncertain == 1


async def test_a_restart_on_the_same_file_goes_on(tmp_path: Path):
    path = str(tmp_path / "bridge.sqlite3")
    async with rig(store_path=path) as made:
        made.clevertap.usual = lambda _body: web.json_response({}, status=503)
        await activities(made, 3)
        counts = await made.settle(5)
        assert counts.pending == 3

    async with rig(store_path=path) as made:
        counts = await made.settle(1000)
        assert (counts.accepted, counts.delivered) == (6, 3)
        assert (await made.activity(activity(id_="a-0", email="p0@example.com")))[1] == {
            "stored": 0,
            "known": 1,
        }


async def test_a_trigger_started_before_a_crash_is_uncertain_after_it(tmp_path: Path):
    path = str(tmp_path / "bridge.sqlite3")
    async with rig(store_path=path, mailmodo_url="https://nowhere.example") as made:
        await made.trigger(email="a@example.com")
        await made.identify("u-1", "b@example.com")
        await asyncio.sleep(0.5)
        # As a crash leaves it: claimed, which commits that the attempt has started, and never settled.
        for name in list(made.bridge._dispatchers):
            await made.bridge._dispatchers[name].stop(grace_s=0)
        claimed = await made.bridge._store.claim(
            "mailmodo", 10, now_ms=int(made.now().timestamp() * 1000) + 10**9, lease_ms=1000
        )
        assert {delivery.operation for delivery in claimed} == {"triggerCampaign", "addToList"}
        await made.bridge._store.start(claimed, now_ms=0, lease_ms=1000)

    async with rig(store_path=path) as made:
        counts = await made.settle(100)

        assert (counts.uncertain, counts.delivered) == (1, 1)
        assert [request.path for request in made.mailmodo.requests] == ["/api/v1/addToList"]


async def test_the_attempt_is_committed_before_the_request_leaves(tmp_path: Path):
    states: list[str] = []
    async with rig(store_path=str(tmp_path / "bridge.sqlite3")) as made:

        async def look(_request: web.Request) -> web.Response:
            states.extend(each.state for each in await made.bridge._store.deliveries())
            return web.json_response({"success": True})

        made.mailmodo.script.append(look)
        await made.trigger(email="a@example.com")
        await made.settle()

    assert states == [State.CLAIMED]


async def test_a_settlement_after_the_claim_passed_on_changes_nothing():
    async with rig() as made:
        await made.trigger(email="a@example.com")
        await made.settle()
        stale = Delivery(
            seq=1,
            destination="mailmodo",
            operation="",
            path="",
            body=b"",
            lane="",
            attempts=1,
            created_ms=0,
            fence=0,
        )

        settled = await made.bridge._store.settle([Settlement(delivery=stale, state=State.DEAD)], now_ms=0)

        assert settled == 0
        assert (await made.bridge.counts()).delivered == 1


async def test_an_answer_that_cannot_be_judged_loses_nothing(monkeypatch: pytest.MonkeyPatch):
    def broken(*_args: object) -> None:
        raise KeyError("a judge with a fault")

    async with rig() as made:
        with monkeypatch.context() as patch:
            patch.setattr("bridge.destinations.clevertap.judge_records", broken)
            patch.setattr("bridge.destinations.mailmodo.parse_object", broken)
            await activities(made, 1)
            await made.trigger(email="a@example.com")
            await asyncio.sleep(0.1)
        counts = await made.settle(60)

        assert (counts.delivered, counts.uncertain) == (1, 1)
