"""The bridge as vendors meet it."""

from __future__ import annotations

import asyncio
import json
import zlib
from typing import Any

import pytest

from bridge import app as bridge_app
from bridge.admin import ADMIN_ROUTES
from bridge.sources.customerio import sign as customerio_sign
from bridge.sources.segment import sign as segment_sign
from bridge.sources.segment import signed_part
from bridge.store import SqliteStore, State
from contracts import Judge, load_contract
from tests.bridge.rig import Rig, activity, customerio_event, identify, mailjet_event, rig, track
from tests.bridge.test_mailmodo_forms import FORM, JOURNEY

PATHS = {
    "receiveCleverTapTrigger": "/sources/clevertap/ct-secret/campaigns/camp-1",
    "receiveCleverTapTriggerWithBasic": "/sources/clevertap/campaigns/camp-1",
    "receiveMailmodoActivity": "/sources/mailmodo/mm-secret",
    "receiveMailjetEvents": "/sources/mailjet",
    "receiveCustomerIoEvent": "/sources/customerio",
    "receiveSegmentEvent": "/sources/segment",
    "receiveSegmentWebhook": "/sources/segment/sg-secret",
}


def test_every_operation_of_the_contract_is_served_under_its_path():
    operations = {operation.id: operation.path for operation in load_contract("bridge").of_kind("operation")}

    inlets = {name: path for name, (path, _source) in bridge_app.ROUTES.items()}
    admin = {name: path for name, (_method, path) in ADMIN_ROUTES.items()}
    assert operations == inlets | admin | {"health": "/healthz", "ready": "/readyz", "metrics": "/metrics"}


async def test_every_path_that_is_served_is_in_the_contract():
    async with rig() as made:
        served = {resource.canonical for resource in made.bridge.app.router.resources()}

    assert served - {"/{path}"} == {
        operation.path for operation in load_contract("bridge").of_kind("operation")
    }


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("receiveCleverTapTrigger", {"email": "a@b.co", "clevertap_id": "x", "data": {}}),
        ("receiveCleverTapTrigger", {"is_test": True, "profiles": []}),
        ("receiveMailmodoActivity", activity("Email Form Submitted")),
        ("receiveMailjetEvents", mailjet_event()),
        ("receiveMailjetEvents", [mailjet_event("click")]),
        ("receiveCustomerIoEvent", customerio_event()),
        ("receiveSegmentEvent", identify("u-1", email="a@b.co")),
        ("receiveSegmentEvent", track()),
        ("receiveSegmentWebhook", [track()]),
        ("receiveMailmodoActivity", FORM),
        ("receiveMailmodoActivity", JOURNEY),
    ],
)
def test_usual_webhooks_keep_the_contract(operation: str, body: object):
    judge = Judge(load_contract("bridge"))

    found = judge.request(
        judge.contract.operation(operation),
        query={},
        content_type="application/json",
        body=json.dumps(body).encode(),
    )

    assert found == ()


async def test_one_webhook_of_every_source_is_stored():
    async with rig() as made:
        assert await made.trigger(email="a@b.co") == (200, {"stored": 1, "known": 0})
        assert await made.activity(activity()) == (200, {"stored": 1, "known": 0})
        assert await made.mailjet([mailjet_event(), mailjet_event("click")]) == (
            200,
            {"stored": 2, "known": 0},
        )
        assert await made.customerio(customerio_event()) == (200, {"stored": 1, "known": 0})
        assert await made.from_segment(identify("u-1", email="a@b.co")) == (200, {"stored": 1, "known": 0})
        counts = await made.settle()

        assert counts.accepted == 7  # the activity has two outcomes
        assert counts.pending == 0


async def test_every_inlet_of_segment_and_clevertap_takes_its_proof():
    async with rig(segment_signing_secrets=["s3cret"]) as made:
        basic = await made.post("/sources/clevertap/campaigns/c-1", {"email": "a@b.co"}, user="x:ct-secret")
        raw = json.dumps([identify("u-1", email="a@b.co"), track("u-1")], separators=(",", ":")).encode()
        signed = {"X-Signature": segment_sign("s3cret", signed_part(raw))}
        webhook = await made.post("/sources/segment/sg-secret", raw, headers=signed)
        unsigned = await made.post("/sources/segment/sg-secret", raw)
        counts = await made.settle()

        assert basic == (200, {"stored": 1, "known": 0})
        assert webhook == (200, {"stored": 2, "known": 0})
        assert unsigned[0] == 401
        assert counts.delivered == 3


async def test_a_repeated_webhook_is_answered_200_and_delivered_once():
    async with rig() as made:
        for _ in range(3):
            assert (await made.mailjet(mailjet_event()))[0] == 200
            assert (await made.customerio(customerio_event()))[0] == 200
        counts = await made.settle()

        assert len(made.segment.records) == 2
        assert counts.duplicate == 4


@pytest.mark.parametrize("path", PATHS.values())
async def test_no_proof_is_401_and_nothing_is_stored(path: str):
    async with rig() as made:
        status, answer = await made.post(path.replace("-secret", "-guess"), {"email": "a@b.co"})

        assert status == 401
        assert "secret" not in json.dumps(answer).replace("the secret in the URL is wrong", "")
        assert (await made.settle()).accepted == 0


@pytest.mark.parametrize("path", PATHS.values())
async def test_a_source_that_is_not_set_up_is_404(path: str):
    off = {
        "clevertap_webhook_secret": "",
        "mailmodo_webhook_secret": "",
        "mailjet_webhook_user": "",
        "mailjet_webhook_password": "",
        "customerio_signing_keys": [],
        "segment_destination_api_key": "",
        "segment_webhook_secret": "",
    }
    async with rig(**off) as made:
        assert (await made.post(path, {}))[0] == 404


@pytest.mark.parametrize(
    ("off", "path", "other"),
    [
        ("segment_destination_api_key", "/sources/segment", "/sources/segment/sg-guess"),
        ("segment_webhook_secret", "/sources/segment/sg-secret", "/sources/segment"),
    ],
)
async def test_an_inlet_that_is_not_set_up_is_404_though_another_of_its_source_is(
    off: str, path: str, other: str
):
    async with rig(**{off: ""}) as made:
        assert (await made.post(path, identify("u-1", email="a@b.co")))[0] == 404
        assert (await made.post(other, identify("u-1", email="a@b.co")))[0] == 401
        assert (await made.settle()).accepted == 0


@pytest.mark.parametrize(
    "path", ["/sources/unknown", "/", "/sources/mailmodo", "/sources/clevertap/ct-secret", "/a%0Ab", "/%0A"]
)
async def test_an_unknown_path_is_404(path: str):
    async with rig() as made:
        assert (await made.post(path, {}))[0] == 404


async def test_a_webhook_too_large_is_413():
    async with rig(max_body_bytes=100) as made:
        status, answer = await made.activity(activity())

        assert (status, answer) == (413, {"message": "more than 100 bytes"})
        assert (await made.settle()).accepted == 0


def _raw_bodies(made: Rig) -> list[bytes]:
    store = made.bridge._store
    assert isinstance(store, SqliteStore)
    assert store._open is not None
    return [raw for (raw,) in store._open.execute("SELECT raw FROM inbox")]


def _squeezed(body: bytes, wbits: int) -> bytes:
    squeezing = zlib.compressobj(wbits=wbits)
    return squeezing.compress(body) + squeezing.flush()


@pytest.mark.parametrize(
    ("encoding", "wbits"), [("gzip", 31), ("X-Gzip", 31), ("deflate", 15), ("deflate", -15)]
)
async def test_a_compressed_webhook_is_signed_as_it_was_sent_and_then_unpacked(encoding: str, wbits: int):
    async with rig() as made:
        plain = json.dumps(customerio_event()).encode()
        sent = _squeezed(plain, wbits)
        stamp = str(int(made.now().timestamp()))
        answers = [
            await made.post(
                "/sources/customerio",
                sent,
                headers={
                    "Content-Encoding": encoding,
                    "X-CIO-Timestamp": stamp,
                    "X-CIO-Signature": customerio_sign("local-signing-key", stamp, signed),
                },
            )
            for signed in (plain, sent)
        ]
        await made.settle()

        assert [status for status, _answer in answers] == [401, 200]
        assert [record["event"] for record in made.segment.records] == ["Email Opened"]


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", b"{}"),
        ("deflate", b"{}"),
        ("gzip", _squeezed(b"{}", 31)[:-4]),
        ("br", b"{}x"),
        ("none-such", b"{"),
    ],
)
async def test_a_body_that_cannot_be_unpacked_is_stored_as_it_came(encoding: str, body: bytes):
    async with rig() as made:
        status, answer = await made.post(
            "/sources/mailmodo/mm-secret", body, headers={"Content-Encoding": encoding}
        )
        counts = await made.settle()

        assert (status, answer) == (200, {"stored": 1, "known": 0})
        assert counts.quarantined == 1
        assert _raw_bodies(made) == [body]


async def test_a_sender_that_hangs_up_is_counted_and_no_error(caplog: pytest.LogCaptureFixture):
    async with rig() as made:
        _reader, writer = await asyncio.open_connection("bridge.test", 443)
        writer.write(
            b"POST /sources/mailmodo/mm-secret HTTP/1.1\r\nHost: bridge.test\r\nContent-Length: 9\r\n\r\n{"
        )
        await asyncio.sleep(1)
        writer.close()
        counts = await made.settle()

        assert counts.accepted == 0
        assert made.bridge.telemetry.tally.ingest == {("mailmodo", "broken_off"): 1}
        assert [record for record in caplog.records if record.levelname == "ERROR"] == []


async def test_a_body_that_unpacks_to_too_much_is_413_and_without_a_proof_401():
    async with rig(max_body_bytes=1000) as made:
        bomb = _squeezed(b" " * 1_000_000, 31)[:1000]
        headers = {"Content-Encoding": "gzip"}

        assert (await made.post("/sources/mailmodo/mm-secret", bomb, headers=headers))[0] == 413
        assert (await made.post("/sources/mailmodo/wrong", bomb, headers=headers))[0] == 401
        assert (await made.settle()).accepted == 0


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[1", b"true"])
async def test_authentic_nonsense_is_stored_with_its_bytes_and_answered_200(body: bytes):
    async with rig() as made:
        status, answer = await made.post("/sources/mailmodo/mm-secret", body)
        counts = await made.settle()

        assert (status, answer) == (200, {"stored": 1, "known": 0})
        assert counts.quarantined == 1
        assert _raw_bodies(made) == [body]


async def test_a_mapping_that_raises_does_not_reach_the_vendor(monkeypatch: pytest.MonkeyPatch):
    def broken(*_args: object, **_more: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("bridge.destinations.clevertap.choose_profile", broken)
    async with rig() as made:
        assert (await made.activity(activity()))[0] == 200
        assert (await made.settle()).quarantined == 1


async def test_a_call_of_segment_that_goes_nowhere_is_stored_and_answered_200():
    async with rig() as made:
        answer = await made.from_segment({"type": "page", "messageId": "m-1"})

        assert answer == (200, {"stored": 1, "known": 0})
        assert (await made.settle()).filtered == 1
        (kept,) = await made.bridge._store.deliveries(State.FILTERED)
        assert kept.reason == "unsupported_type"


async def test_an_empty_mailjet_array_is_taken():
    async with rig() as made:
        assert await made.mailjet([]) == (200, {"stored": 0, "known": 0})


async def test_a_full_disk_is_503_with_retry_after_and_nothing_is_half_stored():
    async with rig() as made:
        store = made.bridge._store
        assert isinstance(store, SqliteStore)
        assert store._open is not None
        ((pages,),) = store._open.execute("PRAGMA page_count").fetchall()
        store._open.execute(f"PRAGMA max_page_count = {pages}")
        big = activity(properties={"campaign_name": "x" * 50_000})

        async with made.session.post("https://bridge.test/sources/mailmodo/mm-secret", json=big) as response:
            assert response.status == 503
            assert response.headers["Retry-After"] == "5"

        store._open.execute(f"PRAGMA max_page_count = {pages + 1000}")
        assert (await made.settle()).accepted == 0
        assert (await made.activity(big))[0] == 200


async def test_health_counts_and_names_destinations():
    async with rig() as made:
        await made.trigger(email="a@b.co")
        await made.trigger(email="${user_email}")
        await made.settle()

        status, health = await made.get("/healthz")

        assert status == 200
        assert health["status"] == "ok"
        assert health["counts"] == {
            "accepted": 2,
            "delivered": 1,
            "pending": 0,
            "dead": 0,
            "uncertain": 0,
            "filtered": 0,
            "quarantined": 1,
            "duplicate": 0,
        }
        assert list(health["destinations"]) == [
            "clevertap",
            "mailmodo",
            "segment/mailmodo",
            "segment/mailjet",
            "segment/customerio",
        ]


async def test_health_of_a_stopped_bridge_is_503_and_keeps_the_counts():
    async with rig() as made:
        await made.trigger(email="a@b.co")
        await made.settle()
        await made.bridge.stop()

        status, health = await made.get("/healthz")

        assert (status, health["status"], health["counts"]["delivered"]) == (503, "stopped", 1)
        assert dict(await made.bridge.counts()) == health["counts"]
        await made.bridge.stop()  # a second stop is harmless


async def test_a_bridge_can_be_started_again():
    async with rig() as made:
        await made.bridge.stop()
        await made.bridge.start()

        assert (await made.trigger(email="a@b.co"))[0] == 200
        assert (await made.settle()).delivered == 1


async def test_a_placeholder_is_quarantined_with_a_clear_reason():
    async with rig() as made:
        assert (await made.trigger(email="${user_email}", data={}))[0] == 200
        await made.settle()

        (stored,) = await made.bridge._store.deliveries(State.QUARANTINED)
        assert stored.reason == "placeholder_instead_of_address"
        assert made.mailmodo.requests == []


async def test_the_saved_webhooks_test_call_is_200_and_no_email():
    profile = {"Identity": "x", "Email": "test@example.com", "push_token": "y"}
    body: dict[str, Any] = {
        "is_test": True,
        "targetId": 1234,
        "key_values": {"key": "value"},
        "profiles": [profile] * 5,
    }
    async with rig() as made:
        assert await made.trigger(**body) == (200, {"stored": 1, "known": 0})
        assert await made.trigger(**body) == (200, {"stored": 0, "known": 1})
        await made.settle()

        assert made.mailmodo.requests == []
