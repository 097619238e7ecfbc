"""Every way in which a call can end, and what becomes of the delivery: the table of docs/explanations/bridge.md."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

import pytest
from aiohttp import web

from bridge.engagement import unix_ms
from bridge.errors import StoreUnavailable
from bridge.housekeeping import Housekeeper
from bridge.settings import Settings
from bridge.store import State
from tests.bridge.rig import START, activity, identify, mailjet_event, rig, track
from tests.bridge.test_delivery import activities, cut_off

if TYPE_CHECKING:
    from pathlib import Path

    from bridge.store import Store
    from tests.bridge.rig import Rig


async def reason_of(made: Rig, state: State) -> str:
    (found,) = await made.bridge._store.deliveries(state)
    return found.reason


# Refused as a whole


@pytest.mark.parametrize("status", [400, 413, 422])
@pytest.mark.parametrize("culprit", [0, 3, 6])
async def test_a_refused_batch_is_halved_down_to_its_culprit_whoever_it_is(status: int, culprit: int):
    def refuse(body: dict[str, Any]) -> web.Response:
        times = [message["timestamp"] for message in body["batch"]]
        wrong = f"2023-11-14T22:13:2{culprit}.000Z"
        return web.json_response({"success": True}, status=status if wrong in times else 200)

    async with rig() as made:
        made.segment.usual = refuse
        await made.mailjet([mailjet_event(time=1700000000 + index) for index in range(7)])
        counts = await made.settle()

        assert (counts.delivered, counts.dead) == (6, 1)
        assert await reason_of(made, State.DEAD) == f"http_{status}"
        assert len(made.segment.requests) <= 1 + 2 * 3


async def test_clevertap_batches_are_halved_too():
    def refuse(body: dict[str, Any]) -> web.Response:
        if any(record["objectId"] == "__2" for record in body["d"]):
            return web.json_response(
                {"status": "fail", "error": "Malformed request", "code": 400}, status=400
            )
        return web.json_response({"status": "success", "processed": len(body["d"]), "unprocessed": []})

    async with rig() as made:
        made.clevertap.usual = refuse
        await activities(made, 4)
        counts = await made.settle()

        assert (counts.delivered, counts.dead) == (3, 1)


async def test_a_trigger_is_never_halved_nor_sent_again_after_a_400():
    async with rig() as made:
        made.mailmodo.script.append(400)
        await made.trigger(email="asha@example.com")
        counts = await made.settle(100)

        assert (counts.dead, len(made.mailmodo.requests)) == (1, 1)


async def test_a_half_that_is_told_to_wait_stops_the_other_half():
    async with rig() as made:
        made.segment.script += [400, web.Response(status=429, headers={"Retry-After": "60"})]
        await made.mailjet([mailjet_event(time=1700000000 + index) for index in range(4)])
        counts = await made.settle(30)
        assert (counts.pending, len(made.segment.requests)) == (4, 2)

        counts = await made.settle(60)

        assert counts.delivered == 4
        assert len(made.segment.requests) == 3


async def test_a_half_counts_as_a_call_of_the_rate():
    async with rig(segment_rate_per_s=1) as made:
        made.segment.script.append(413)
        await made.mailjet([mailjet_event(time=1700000000 + index) for index in range(4)])
        counts = await made.settle(10)

        assert counts.delivered == 4
        times = [request.at_s for request in made.segment.requests]
        assert len(times) == 3
        assert all(later - earlier >= 1.0 for earlier, later in pairwise(times))


# Time asked for


@pytest.mark.parametrize("asked", ["99999999", "Fri, 31 Dec 2100 00:00:00 GMT"])
async def test_a_pause_without_end_is_asked_again_after_the_longest(asked: str):
    async with rig(longest_pause_s=600) as made:
        made.segment.script.append(web.Response(status=429, headers={"Retry-After": asked}))
        await made.mailjet(mailjet_event())
        counts = await made.settle(700)

        assert counts.delivered == 1
        assert made.segment.requests[1].at_s == pytest.approx(600, abs=0.2)


async def test_a_pause_outlasts_a_restart(tmp_path: Path):
    path = str(tmp_path / "bridge.sqlite3")
    async with rig(store_path=path) as made:
        made.segment.script.append(web.Response(status=503, headers={"Retry-After": "300"}))
        await made.mailjet(mailjet_event())
        await made.settle(10)
        await made.bridge.stop()
        await made.bridge.start()
        await made.mailjet(mailjet_event("click"))
        counts = await made.settle(200)
        assert (counts.pending, len(made.segment.requests)) == (2, 1)

        counts = await made.settle(100)

        assert counts.delivered == 2
        assert made.segment.requests[1].at_s == pytest.approx(300, abs=0.2)


async def test_after_a_restart_refused_credentials_are_probed_with_one_record(tmp_path: Path):
    async with rig(store_path=str(tmp_path / "bridge.sqlite3")) as made:
        made.clevertap.script.extend([401, 401])
        await activities(made, 3)
        await made.settle(10)
        await made.bridge.stop()
        await made.bridge.start()
        counts = await made.settle(10)
        assert counts.pending == 3
        assert [len(body["d"]) for body in made.clevertap.bodies] == [3, 1]

        counts = await made.settle(100)

        assert counts.delivered == 3
        assert [len(body["d"]) for body in made.clevertap.bodies] == [3, 1, 1, 2]
        assert await made.bridge._store.pauses() == {}


def later(seconds: float, status: int) -> Any:
    async def reply(_request: web.Request) -> web.Response:
        await asyncio.sleep(seconds)
        return web.json_response({"success": status == 200}, status=status)

    return reply


async def test_credentials_refused_by_calls_that_were_under_way_together_are_refused_once():
    """Else eight calls in flight would put the first probe off as eight refused probes do: for a quarter of an hour."""
    async with rig(mailmodo_rate_per_s=0) as made:
        made.mailmodo.script.extend([later(1, 401)] * 8)
        for number in range(10):
            await made.trigger(email=f"p{number}@example.com")
        counts = await made.settle(29)
        assert (counts.pending, len(made.mailmodo.requests)) == (10, 8)

        counts = await made.settle(5)

        assert counts.delivered == 10
        assert made.mailmodo.requests[8].at_s == pytest.approx(31, abs=0.2)


async def test_a_call_that_was_let_in_before_credentials_were_refused_proves_nothing():
    async with rig(mailmodo_rate_per_s=0) as made:
        made.mailmodo.script.extend([later(1, 401), later(2, 200)])
        for number in range(2):
            await made.trigger(email=f"p{number}@example.com")
        await made.settle(3)
        await made.trigger(email="asha@example.com")
        counts = await made.settle(20)
        assert (counts.pending, counts.delivered, len(made.mailmodo.requests)) == (2, 1, 2)

        counts = await made.settle(20)

        assert counts.delivered == 3


async def test_a_probe_that_takes_long_is_waited_for_without_looking_again(tmp_path: Path):
    async with rig(store_path=str(tmp_path / "bridge.sqlite3")) as made:
        made.clevertap.script.extend([401, later(20, 200)])
        await activities(made, 3)
        await made.settle(31)
        dispatcher = made.bridge._dispatchers["clevertap"]
        assert (len(dispatcher._in_flight), dispatcher._timer) == (1, None)

        counts = await made.settle(30)

        assert counts.delivered == 3


# Given up


async def test_a_delivery_that_failed_too_often_is_dead():
    async with rig(attempt_limit=4) as made:
        made.clevertap.usual = lambda _body: web.json_response({}, status=500)
        await activities(made, 1)
        counts = await made.settle(2000)

        assert counts.dead == 1
        assert len(made.clevertap.requests) == 4
        assert await reason_of(made, State.DEAD) == "expired, last http_500"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_never_followed(status: int):
    async with rig() as made:
        elsewhere = {"Location": "https://in1.api.clevertap.com/elsewhere"}
        for vendor in (made.mailmodo, made.segment, made.clevertap):
            vendor.script.append(web.Response(status=status, headers=elsewhere))
        await made.trigger(email="asha@example.com")
        await made.mailjet(mailjet_event())
        await activities(made, 1)
        counts = await made.settle(100)

        assert counts.dead == 3
        assert {each.reason for each in await made.bridge._store.deliveries(State.DEAD)} == {f"http_{status}"}
        for vendor in (made.mailmodo, made.segment, made.clevertap):
            assert len(vendor.requests) == 1


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (404, "Campaign not found"),
        (410, "Campaign not found"),
        *[
            (status, "No campaign Found for the campaignId in Trigger URL, Please check apiKey or campaignId")
            for status in (200, 400)
        ],
    ],
)
async def test_a_campaign_that_is_gone_kills_its_triggers_only_and_says_so_once(
    caplog: pytest.LogCaptureFixture, status: int, message: str
):
    def gone(_body: object) -> web.Response:
        return web.json_response({"success": False, "message": message}, status=status)

    async with rig() as made:
        made.mailmodo.usual = gone
        for number in range(3):
            await made.trigger("gone", email=f"p{number}@example.com")
        await made.settle()
        made.mailmodo.usual = lambda _body: web.json_response({"success": True})
        await made.trigger("there", email="asha@example.com")
        counts = await made.settle()

        assert (counts.dead, counts.delivered) == (3, 1)
        assert sum("delivery is dead" in record.message for record in caplog.records) == 1


# Never twice, reconciled


async def uncertain(made: Rig, email: str = "asha@example.com") -> None:
    made.mailmodo.script.append(cut_off)
    await made.trigger("c-1", email=email)
    assert (await made.settle()).uncertain == 1


async def test_a_sent_activity_proves_an_uncertain_trigger():
    async with rig(mailmodo_uncertain="reconcile") as made:
        await uncertain(made)
        await made.activity(
            activity("Email Sent", email="Asha@example.com", occurred_at="2026-03-02T03:30:05Z")
        )
        counts = await made.settle(90_000)

        assert (counts.uncertain, counts.delivered) == (0, 1)
        assert len(made.mailmodo.requests) == 1
        assert (await reason_of(made, State.DELIVERED)).startswith("confirmed")


async def test_a_proof_that_comes_before_the_end_of_the_call_counts():
    async def slow_cut(request: web.Request) -> web.Response:
        await asyncio.sleep(5)
        return await cut_off(request)

    async with rig(mailmodo_uncertain="reconcile") as made:
        made.mailmodo.script.append(slow_cut)
        await made.trigger("c-1", email="asha@example.com")
        await asyncio.sleep(1)
        await made.activity(activity("Email Sent", occurred_at="2026-03-02T03:30:01Z"))
        counts = await made.settle(60)

        assert (counts.uncertain, counts.delivered) == (0, 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"event": "Email Sent", "email": "other@example.com"},
        {"event": "Email Sent", "properties": {"campaign_id": "c-2"}},
        {"event": "Email Sent", "occurred_at": "2026-03-02T03:29:59Z"},
        # An open may be of an earlier send of the same campaign.
        {"event": "Email Opened"},
    ],
)
async def test_what_proves_nothing_leaves_a_trigger_uncertain(changes: dict[str, Any]):
    event = changes.pop("event")
    async with rig(mailmodo_uncertain="reconcile") as made:
        await uncertain(made)
        await made.activity(activity(event, **{"occurred_at": "2026-03-02T03:30:05Z", **changes}))
        counts = await made.settle(90_000)

        assert counts.uncertain == 1
        assert len(made.mailmodo.requests) == 1


async def test_a_trigger_whose_claim_passed_on_is_not_sent():
    """Between the claim and the call the lease ends, as it does in a process that was frozen."""
    async with rig() as made:
        store = made.bridge._store
        claim, lapses = store.claim, 1

        async def claim_and_lapse(destination: str, limit: int, **more: Any) -> Any:
            nonlocal lapses
            claimed = await claim(destination, limit, **more)
            if claimed and lapses:
                lapses -= 1
                await store.recover((), retry=False, now_ms=unix_ms(made.now()) + 10**9)
                await store.claim(destination, limit, now_ms=unix_ms(made.now()) + 10**9, lease_ms=1)
                await store.recover((), retry=False, now_ms=unix_ms(made.now()) + 2 * 10**9)
            return claimed

        store.claim = claim_and_lapse  # type: ignore[method-assign]  # this one store
        await made.trigger(email="asha@example.com")
        await asyncio.sleep(10)
        assert made.mailmodo.requests == []


async def test_hold_takes_no_proof():
    async with rig() as made:
        await uncertain(made)
        await made.activity(activity("Email Sent", occurred_at="2026-03-02T03:30:05Z"))

        assert (await made.settle()).uncertain == 1


# The store while calls are under way


def fail_at_first(
    made: Rig, method: str, errors: list[Exception], *, monkeypatch: pytest.MonkeyPatch
) -> list[Exception]:
    """Have a method of the store raise these, one a call, before it works; gives what is left of them."""
    works = getattr(made.bridge._store, method)

    async def failing(*arguments: Any, **more: Any) -> Any:
        if errors:
            raise errors.pop()
        return await works(*arguments, **more)

    monkeypatch.setattr(made.bridge._store, method, failing)
    return errors


async def test_a_store_that_fails_when_a_call_has_ended_is_asked_until_it_takes_the_end(
    monkeypatch: pytest.MonkeyPatch,
):
    async with rig() as made:
        failures = fail_at_first(
            made, "settle", [StoreUnavailable("disk full") for _ in range(3)], monkeypatch=monkeypatch
        )
        await made.trigger(email="asha@example.com")
        await made.mailjet(mailjet_event())
        counts = await made.settle(20)

        assert failures == []
        assert (counts.delivered, counts.uncertain, counts.pending) == (2, 0, 0)
        assert len(made.mailmodo.requests) == len(made.segment.requests) == 1


async def test_a_fault_of_one_round_does_not_end_delivery(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    async with rig() as made:
        faults: list[Exception] = [RuntimeError("nobody expected this") for _ in range(3)]
        fail_at_first(made, "claim", faults, monkeypatch=monkeypatch)
        await made.trigger(email="asha@example.com")
        counts = await made.settle(20)

        assert (len(faults), counts.delivered, counts.pending) == (0, 1, 0)
        assert "nobody expected this" in caplog.text


async def test_a_fault_of_one_round_does_not_end_housekeeping(caplog: pytest.LogCaptureFixture):
    asked = []

    class Shared:
        """As much of a store that bridges share as is looked after."""

        is_shared = True

        async def recover(self, never_twice: object, *, retry: bool, now_ms: int) -> int:
            asked.append(now_ms)
            if len(asked) == 2:
                raise RuntimeError("nobody expected this")
            return 0

        async def release(self, never_twice: object, *, retry: bool, now_ms: int) -> int:
            return 0

    keeper = Housekeeper(
        cast("Store", Shared()),
        settings=lambda: Settings.from_mapping({"lease_s": 2.0}),
        never_twice=lambda: (),
        now=lambda: START,
        wake=lambda: None,
    )
    await keeper.start()
    await asyncio.sleep(3.5)
    await keeper.stop()

    assert len(asked) == 4
    assert "nobody expected this" in caplog.text


async def test_what_waits_long_for_its_call_keeps_its_lease():
    """Sixteen calls in a row of 20 s each take longer than the lease of 60 s; nothing is sent twice."""

    async def slow(_request: web.Request) -> web.Response:
        await asyncio.sleep(20)
        return web.json_response({"success": True})

    async with rig(lease_s=60, segment_batch_bytes=500, segment_concurrency=1) as made:
        made.segment.script.extend([slow] * 40)
        await made.mailjet([mailjet_event(time=1700000000 + index) for index in range(16)])
        for _ in range(40):
            await asyncio.sleep(15)
            await made.bridge._store.recover((), retry=False, now_ms=unix_ms(made.now()))
            made.bridge._wake_all()
        counts = await made.settle()

        assert counts.delivered == 16
        assert len(made.segment.records) == 16


# Order


async def test_a_dead_identify_does_not_hold_what_follows_it():
    async with rig() as made:
        made.mailmodo.script.append(400)
        await made.identify("u-1", "asha@example.com")
        await made.from_segment(track("u-1"))
        counts = await made.settle()

        assert (counts.dead, counts.delivered) == (1, 1)


async def test_a_hundred_people_keep_their_own_order_under_failures():
    async with rig() as made:
        made.mailmodo.script.extend([503, 200, 500, 429, 200] * 20)
        for number in range(100):
            email = f"p{number}@example.com"
            await made.from_segment(identify(f"u-{number}", email=email))
            await made.from_segment(track(f"u-{number}", id_=f"t-{number}"))
        counts = await made.settle(600)

        assert counts.delivered == 200
        taken: dict[str, list[str]] = {}
        for request in made.mailmodo.requests:
            taken.setdefault(request.body["email"], []).append(request.path.rpartition("/")[2])
        for calls in taken.values():
            assert calls == sorted(calls, key=lambda call: call == "addEvent")


# Sizes


async def test_an_event_too_large_for_segment_is_quarantined_and_harms_no_other():
    async with rig() as made:
        await made.mailjet([mailjet_event(), mailjet_event("click", Payload="x" * 33_000)])
        counts = await made.settle()

        assert (counts.delivered, counts.quarantined) == (1, 1)
        assert await reason_of(made, State.QUARANTINED) == "segment_event_too_large"


async def test_settings_cannot_exceed_what_vendors_allow():
    async with rig(
        segment_batch_messages=10_000,
        segment_batch_bytes=10**9,
        clevertap_batch_records=10_000,
        clevertap_concurrency=99,
    ) as made:
        limits = {name: each._limits for name, each in made.bridge._dispatchers.items()}

        assert (limits["clevertap"].records, limits["clevertap"].concurrency) == (1000, 15)
        assert limits["segment/mailjet"].records == 2500
        assert limits["segment/mailjet"].record_bytes + len('{"batch":[]}') == 512_000
