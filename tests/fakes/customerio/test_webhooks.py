import asyncio
import hashlib
import hmac
import json

import pytest
from aiohttp import web

from fakes.customerio import CustomerIoSettings, FakeCustomerIo, WorkspaceMode, sign
from fakes.customerio.gojson import dump
from fakes.customerio.webhooks import retry_wait_s
from fakes.kit import Failure
from simulator.loop import VirtualLoop
from tests.fakes.customerio.account import Account, account, pixel
from tests.support.fakes import START, Receiver, stage

# The vendor notes' vector, checked against two independent receivers; `\u0026` is six characters.
VECTOR = (
    b'{"data":{"campaign_id":7,"customer_id":"u-1","delivery_id":"RAECAAGLz-VoAAABAgMEBQYHCAk=",'
    b'"href":"https://shop.example/?a=1\\u0026b=2","identifiers":{"cio_id":"a3000001","email":"ann@example.com",'
    b'"id":"u-1"},"link_id":4,"recipient":"ann@example.com","subject":"Hi"},'
    b'"event_id":"01HF7YAT000000000000000001","metric":"clicked","object_type":"email","timestamp":1700000000}'
)


def test_the_signature_is_the_vendors():
    assert len(VECTOR) == 369
    assert sign(VECTOR, timestamp=1700000005, key="local-signing-key") == (
        "0ddf1fe4b9ab931f5b2a10e62df4caa04d9d546f2bffb1fa46ecefbd570a3670"
    )


def test_json_is_written_as_go_writes_it():
    assert dump(json.loads(VECTOR)) == VECTOR
    assert (
        dump({"b": "<a>&", "a": ["é", None, True]})
        == '{"a":["é",null,true],"b":"\\u003ca\\u003e\\u0026"}'.encode()
    )


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 410, 429, 500, 502, 521])
def test_the_listed_statuses_wait_an_hour(status):
    assert retry_wait_s(Failure(1, status, "", 0), window_s=604_800) == 3600


@pytest.mark.parametrize("error", ["refused", "reset", "dns"])
def test_connection_errors_wait_an_hour(error):
    assert retry_wait_s(Failure(1, None, error, 0), window_s=604_800) == 3600


@pytest.mark.parametrize(("status", "error"), [(503, ""), (None, "timeout"), (302, "")])
def test_everything_else_doubles_from_ten_seconds_to_an_hour(status, error):
    waits = [
        retry_wait_s(Failure(attempt, status, error, 0), window_s=604_800) for attempt in (1, 2, 3, 9, 10, 99)
    ]

    assert waits == [10, 20, 40, 2560, 3600, 3600]


def test_after_seven_days_it_is_given_up():
    assert retry_wait_s(Failure(9, 500, "", 604_800 - 3600), window_s=604_800) == 3600
    assert retry_wait_s(Failure(9, 500, "", 604_800 - 3599), window_s=604_800) is None


async def test_a_webhook_carries_a_signature_over_its_raw_body():
    receiver = Receiver()
    async with account(receiver=receiver) as shop:
        await shop.subscribe(events=["email_sent"])

        await shop.send()
        await asyncio.sleep(1)

        method, path, headers, body = receiver.requests[0]
        assert (method, path) == ("POST", "/cio")
        assert headers["Content-Type"] == "application/json"
        assert headers["User-Agent"] == "Customer.io Web Hooks 1.0"
        assert headers["X-CIO-Timestamp"] == str(int(START.timestamp()))
        key = shop.fake.settings.webhook_signing_key.encode()
        wanted = hmac.new(key, b"v0:" + headers["X-CIO-Timestamp"].encode() + b":" + body, hashlib.sha256)
        assert headers["X-CIO-Signature"] == wanted.hexdigest()
        assert body == dump(json.loads(body))
        shop.recorder.check()


async def test_a_retry_repeats_the_body_under_a_fresh_signature():
    receiver = Receiver()
    receiver.answer = lambda attempt: web.Response(status=503 if attempt < 3 else 200)
    async with account(receiver=receiver) as shop:
        await shop.subscribe(events=["email_sent"])

        await shop.send()
        await asyncio.sleep(60)

        assert len({body for *_, body in receiver.requests}) == 1
        stamps = [
            int(headers["X-CIO-Timestamp"]) - int(START.timestamp()) for _, _, headers, _ in receiver.requests
        ]
        assert stamps == [0, 10, 30]
        assert len({headers["X-CIO-Signature"] for _, _, headers, _ in receiver.requests}) == 3
        assert [each.attempt for each in shop.recorder.webhooks()] == [1, 2, 3]
        shop.recorder.check()


async def test_later_events_queue_behind_a_failing_one():
    receiver = Receiver()

    def refuse_once(_attempt):
        paths = [path for _, path, *_ in receiver.requests]
        return web.Response(status=401 if paths[-1] == "/cio" and paths.count("/cio") == 1 else 200)

    receiver.answer = refuse_once
    async with account(receiver=receiver) as shop:
        await shop.subscribe(events=["email_drafted", "email_sent", "email_delivered"])
        await shop.subscribe(events=["email_sent"], endpoint="https://receiver.test/other")

        await shop.send()
        await asyncio.sleep(3599)
        before = sorted(path for _, path, *_ in receiver.requests)
        await asyncio.sleep(2)

        assert before == ["/cio", "/other"]
        sent = [json.loads(body)["metric"] for _, path, _, body in receiver.requests if path == "/cio"]
        assert sent == ["drafted", "drafted", "sent", "delivered"]
        shop.recorder.check()


async def test_a_receiver_that_takes_more_than_four_seconds_is_tried_again():
    receiver = Receiver()

    async def dawdle(request):
        receiver.requests.append((request.method, request.path, dict(request.headers), await request.read()))
        await asyncio.sleep(5 if len(receiver.requests) == 1 else 3)
        return web.Response()

    receiver.app = web.Application()
    receiver.app.router.add_post("/cio", dawdle)
    async with account(receiver=receiver) as shop:
        await shop.subscribe(events=["email_sent"])

        await shop.send()
        await asyncio.sleep(60)

        first, second = shop.recorder.webhooks()
        assert (first.status, first.error, second.status) == (None, "timeout", 200)
        assert (second.started_at - first.started_at).total_seconds() == pytest.approx(14)
        shop.recorder.check()


async def test_nobody_listening_is_tried_hourly_for_seven_days():
    async with account() as shop:
        await shop.subscribe(events=["email_sent"], endpoint="https://nobody.test/")

        await shop.send()
        await asyncio.sleep(10 * 86_400)

        tries = shop.recorder.webhooks()
        assert len(tries) == 7 * 24 + 1
        assert (tries[-1].started_at - tries[0].started_at).total_seconds() == pytest.approx(7 * 86_400)
        shop.recorder.check()


async def test_a_webhook_that_is_pointed_elsewhere_takes_its_queue_along():
    receiver = Receiver()
    async with account(receiver=receiver) as shop:
        body = {
            "name": "bridge",
            "endpoint": "https://nobody.test/",
            "events": ["email_sent", "email_delivered"],
        }
        created = await shop.app("POST", "/v1/reporting_webhooks", json=body)
        await shop.send()
        await asyncio.sleep(60)

        moved = {**body, "endpoint": "https://receiver.test/cio"}
        await shop.app("PUT", f"/v1/reporting_webhooks/{created.json['id']}", json=moved)
        await asyncio.sleep(4000)

        assert [json.loads(body)["metric"] for *_, body in receiver.requests] == ["sent", "delivered"]
        shop.recorder.check()


async def test_a_deleted_webhook_gets_nothing_more():
    receiver = Receiver()
    receiver.answer = lambda _attempt: web.Response(status=503)
    async with account(receiver=receiver) as shop:
        webhook_id = await shop.subscribe()
        await shop.send()
        await asyncio.sleep(1)

        await shop.app("DELETE", f"/v1/reporting_webhooks/{webhook_id}")
        await asyncio.sleep(86_400)

        assert len(receiver.requests) <= 2
        shop.recorder.check()


async def test_an_id_only_workspace_names_people_by_id_alone():
    receiver = Receiver()
    async with account(CustomerIoSettings(mode=WorkspaceMode.ID_ONLY), receiver=receiver) as shop:
        await shop.subscribe(events=["email_opened"])
        await shop.identify("u-1", email="ann@example.com")
        await shop.send()
        await asyncio.sleep(1)

        await shop.call("GET", pixel(shop.recorder.mails[0]))
        await asyncio.sleep(1)

        assert shop.events()[0]["data"]["identifiers"] == {"id": "u-1"}
        assert shop.recorder.facts_of("opened")[0].subject == "ann@example.com"
        shop.recorder.check()


async def test_a_webhook_is_caused_by_the_exchange_that_made_it_true():
    receiver = Receiver()
    async with account(receiver=receiver) as shop:
        await shop.subscribe(events=["email_opened"])
        await shop.send()
        await asyncio.sleep(1)

        await shop.call("GET", pixel(shop.recorder.mails[0]))
        await asyncio.sleep(1)

        fetched = next(each for each in shop.recorder.exchanges if each.operation == "openPixel")
        assert shop.recorder.webhooks("emailOpened")[0].cause == fetched.id
        assert shop.recorder.facts_of("opened")[0].cause == fetched.id


def test_equal_seeds_send_equal_bytes_and_others_do_not():
    def play(seed: int) -> list[tuple[str, bytes]]:
        receiver = Receiver()

        async def send() -> None:
            async with stage(receiver=receiver) as opened:
                fake = FakeCustomerIo(opened.surroundings(seed))
                await opened.put_up(fake)
                shop = Account(opened, fake)
                await shop.subscribe()
                await shop.send()
                await asyncio.sleep(1)
                await fake.stop()

        loop = VirtualLoop()
        loop.run_until_complete(send())
        loop.close()
        return [(headers["X-CIO-Signature"], body) for _, _, headers, body in receiver.requests]

    assert len(play(7)) == 3
    assert play(7) == play(7)
    assert play(7) != play(8)
