import asyncio
import base64
import json
from typing import Any

import pytest

from fakes.customerio import CustomerIoSettings, Region, WorkspaceMode
from tests.fakes.customerio.account import Account, account, message
from tests.support.fakes import START, Receiver

NOW = int(START.timestamp())
REFUSED_JSON = {"meta": {"errors": ["invalid JSON"]}}
ULID = "01HF7YAT000000000000000001"


async def shown(shop: Account, who: str = "u-1", kind: str = "id") -> Any:
    answer = await shop.app("GET", f"/v1/customers/{who}/attributes", params={"id_type": kind})
    return answer.json["customer"] if answer.status == 200 else answer.status


async def test_identify_creates_then_updates_and_answers_an_empty_object():
    async with account() as shop:
        first = await shop.identify("u-1", email="Ann@example.com", plan="free", age=30, is_vip=True)
        await shop.identify("u-1", plan="", age=31)

        assert (first.status, first.body) == (200, b"{}\n")
        customer = await shown(shop)
        assert customer["identifiers"] == {"email": "Ann@example.com", "id": "u-1", "cio_id": "a3000001"}
        assert customer["attributes"] == {
            "id": "u-1", "email": "Ann@example.com", "cio_id": "a3000001", "age": "31", "is_vip": "true",
        }  # fmt: skip
        assert [fact.details["is_new"] for fact in shop.recorder.facts_of("person_stored")] == [True, False]
        assert shop.recorder.facts_of("person_stored")[0].subject == "ann@example.com"
        shop.recorder.check()


async def test_answers_have_the_headers_that_were_seen_live():
    async with account() as shop:
        answer = await shop.identify("u-1")

        assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
        assert answer.headers["Content-Length"] == "3"
        assert answer.headers["Cache-Control"] == "no-cache, no-store, must-revalidate, max-age=0"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Status"] == "200 OK"
        assert answer.headers["Via"] == "1.1 google"
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


@pytest.mark.parametrize("path", ["/auth", "/api/v1/accounts/region"])
@pytest.mark.parametrize("authorization", ["", "Basic", "Basic !!", "Basic eDp5", "Bearer abc"])
async def test_wrong_credentials_are_unauthorized(path, authorization):
    async with account() as shop:
        answer = await shop.call(
            "GET", f"https://track.customer.io{path}", headers={"Authorization": authorization}
        )

        assert (answer.status, answer.json) == (401, {"meta": {"error": "Unauthorized request"}})
        shop.recorder.check()


async def test_good_credentials_are_nice():
    async with account() as shop:
        answer = await shop.track("GET", "/auth")

        assert answer.json == {"meta": {"message": "nice credentials."}}
        shop.recorder.check()


async def test_the_region_is_told_on_either_regions_host():
    async with account(CustomerIoSettings(region=Region.EU)) as shop:
        us = await shop.track("GET", "/api/v1/accounts/region")

        assert us.json == {"url": "https://track-eu.customer.io", "region": "eu", "environment_id": 3}
        shop.recorder.check()


async def test_the_other_regions_track_host_redirects_and_its_app_host_refuses():
    async with account(CustomerIoSettings(region=Region.EU)) as shop:
        tracked = await shop.identify("a%2Fb", plan="x")
        asked = await shop.app("GET", "/v1/messages")

        assert tracked.status == 307
        assert tracked.headers["Location"] == "https://track-eu.customer.io/api/v1/customers/a%2Fb"
        assert asked.status == 401
        assert len(shop.fake.state.people) == 0
        shop.recorder.check()


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ({"myAttribute": "x" * 1001}, "value for attribute 'myAttribute' cannot be longer than 1000 bytes"),
        ({"myAttribute": "é" * 501}, "value for attribute 'myAttribute' cannot be longer than 1000 bytes"),
        ({"n" * 151: 1}, "attribute name cannot be longer than 150 bytes"),
        ({"id": "x" * 151}, "id cannot be longer than 150 bytes"),
        ({f"a{n}": n for n in range(301)}, "cannot have more than 300 attributes"),
    ],
)
async def test_limits_are_refused_with_a_pretty_printed_list(said, text):
    async with account() as shop:
        answer = await shop.track("PUT", "/api/v1/customers/u-1", json=said)

        assert answer.status == 400
        assert answer.body.decode() == json.dumps({"meta": {"errors": [text]}}, indent=2) + "\n"
        assert len(shop.fake.state.people) == 0
        shop.recorder.check(sent=False)


async def test_what_just_fits_is_taken():
    async with account() as shop:
        answer = await shop.identify("i" * 150, **{"n" * 150: "x" * 1000, **{f"a{n}": n for n in range(299)}})

        assert answer.status == 200
        shop.recorder.check()


async def test_a_too_long_id_in_the_path_is_refused():
    async with account() as shop:
        answer = await shop.identify("i" * 151)

        assert (answer.status, answer.json) == (
            400,
            {"meta": {"errors": ["id cannot be longer than 150 bytes"]}},
        )
        shop.recorder.check()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/api/v1/customers/u-1"),
        ("POST", "/api/v1/customers/u-1/events"),
        ("POST", "/api/v1/events"),
        ("PUT", "/api/v1/customers/u-1/devices"),
        ("POST", "/api/v1/merge_customers"),
        ("POST", "/api/v1/metrics"),
    ],
)
@pytest.mark.parametrize(
    "body",
    [
        b"{", b"\xff", b"[" * 100_000, b'{"a":' * 70 + b"1" + b"}" * 70, b'{"a": NaN}', b'{"a": 1e400}', b"[]", b"5",
        b'{"name": "\\ud800", "a": "\\ud800"}', b'{"name": null, "device": null, "primary": null}',
        b'{"name": {}, "device": [], "primary": [], "metric": {}, "delivery_id": []}', b'{"a": ' + b"9" * 5000 + b"}",
        b'{"name": "x", "timestamp": 1e300, "data": 5, "type": [], "id": {}}', b'{"\\ud800": 1, "name": "x"}',
    ],
)  # fmt: skip
async def test_no_body_is_too_odd_to_be_answered(method, path, body):
    async with account() as shop:
        answer = await shop.track(method, path, data=body)

        assert answer.status in {200, 400}
        assert answer.status == 200 or list(answer.json) == ["meta"]
        shop.recorder.check(sent=False)


@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"'])
async def test_a_body_that_is_no_object_is_a_400_with_a_list(body):
    async with account() as shop:
        answer = await shop.track("PUT", "/api/v1/customers/u-1", data=body)

        assert answer.status == 400
        assert len(answer.json["meta"]["errors"]) == 1


async def test_people_are_found_by_id_by_email_without_case_and_by_cio_id():
    async with account() as shop:
        await shop.identify("u-1", email="Ann@Example.com")
        await shop.identify("ann%40example.COM", a=1)
        await shop.identify("cio_a3000001", b=2)

        assert len(shop.fake.state.people) == 1
        assert (await shown(shop))["attributes"]["a"] == "1"
        assert (await shown(shop, "cio_a3000001", "cio_id"))["attributes"]["b"] == "2"
        assert (await shown(shop, "ANN@example.com", "email"))["id"] == "u-1"
        shop.recorder.check()


async def test_an_encoded_slash_stays_in_the_identifier():
    async with account() as shop:
        await shop.identify("team%2Fann", a=1)

        assert next(iter(shop.fake.state.people)).id == "team/ann"
        shop.recorder.check()


async def test_in_an_id_only_workspace_an_address_in_the_path_is_an_id():
    async with account(CustomerIoSettings(mode=WorkspaceMode.ID_ONLY)) as shop:
        await shop.identify("ann@example.com")

        assert next(iter(shop.fake.state.people)).id == "ann@example.com"
        shop.recorder.check()


async def test_an_email_person_receives_the_id_of_a_later_identify():
    async with account() as shop:
        await shop.identify("ann@example.com", plan="free")
        await shop.identify("u-1", email="ann@example.com")

        assert len(shop.fake.state.people) == 1
        assert (await shown(shop))["attributes"]["plan"] == "free"
        shop.recorder.check()


async def test_two_different_people_in_one_identify_are_not_merged_but_answered_200():
    async with account() as shop:
        await shop.identify("u-1")
        await shop.identify("u-2")

        answer = await shop.identify("u-1", id="u-2", plan="x")

        assert answer.status == 200
        assert len(shop.fake.state.people) == 2
        assert shop.fake.state.people.failures == ["id: 'u-2' belongs to another person"]
        shop.recorder.check()


async def test_a_set_identifier_changes_only_through_the_cio_id():
    async with account() as shop:
        await shop.identify("u-1", email="ann@example.com")
        await shop.identify("u-1", email="new@example.com")
        refused = (await shown(shop))["identifiers"]["email"]
        await shop.identify("cio_a3000001", email="new@example.com", id="u-9")

        assert refused == "ann@example.com"
        assert (await shown(shop, "u-9"))["identifiers"]["email"] == "new@example.com"
        assert await shown(shop, "u-1") == 404
        assert len(shop.fake.state.people.failures) == 1
        shop.recorder.check()


async def test_an_email_may_change_by_id_where_the_workspace_allows_it():
    async with account(CustomerIoSettings(can_change_email_by_id=True)) as shop:
        await shop.identify("u-1", email="ann@example.com")
        await shop.identify("u-1", email="new@example.com")

        assert (await shown(shop))["identifiers"]["email"] == "new@example.com"
        assert (await shop.app("GET", "/v1/customers", params={"email": "ann@example.com"})).json == {
            "results": []
        }
        shop.recorder.check()


async def test_update_only_and_unknown_cio_ids_create_nobody():
    async with account() as shop:
        answers = [await shop.identify("u-1", _update=True), await shop.identify("cio_ffff0001", a=1)]

        assert [answer.status for answer in answers] == [200, 200]
        assert len(shop.fake.state.people) == 0
        shop.recorder.check()


async def test_a_timestamp_orders_racing_updates():
    async with account() as shop:
        await shop.identify("u-1", plan="new", _timestamp=NOW - 10)
        await shop.identify("u-1", plan="old", _timestamp=NOW - 20)

        assert (await shown(shop))["attributes"]["plan"] == "new"
        assert (await shown(shop))["timestamps"]["plan"] == NOW - 10
        shop.recorder.check()


async def test_one_topic_is_chosen_by_its_dotted_path():
    async with account() as shop:
        await shop.identify(
            "u-1", cio_subscription_preferences={"topics": {"topic_1": True, "topic_2": True}}
        )
        await shop.identify("u-1", **{"cio_subscription_preferences.topics.topic_1": False})

        said = json.loads((await shown(shop))["attributes"]["cio_subscription_preferences"])
        assert said == {"topics": {"topic_1": False, "topic_2": True}}
        shop.recorder.check()


async def test_the_unsubscribed_attribute_tells_when_it_flips():
    receiver = Receiver()
    async with account(receiver=receiver) as shop:
        await shop.subscribe()
        for value in (False, True, True, False):
            await shop.identify("u-1", email="ann@example.com", unsubscribed=value)
        await asyncio.sleep(1)

        told = [(event["object_type"], event["metric"]) for event in shop.events()]
        assert told == [("customer", "unsubscribed"), ("customer", "subscribed")]
        shop.recorder.check()


async def test_a_deleted_person_may_come_back_as_somebody_new():
    async with account() as shop:
        await shop.identify("u-1", plan="free")
        await shop.track("DELETE", "/api/v1/customers/u-1", json={})
        gone = await shown(shop)
        await shop.identify("u-1")

        assert gone == 404
        assert (await shown(shop))["identifiers"]["cio_id"] == "a3000002"
        assert "plan" not in (await shown(shop))["attributes"]
        shop.recorder.check()


async def test_suppression_blocks_every_identifier_until_each_is_freed():
    async with account() as shop:
        await shop.identify("u-1", email="ann@example.com")
        await shop.track("POST", "/api/v1/customers/u-1/suppress", json={})
        for who in ("u-1", "ANN@example.com"):
            assert (await shop.identify(who, a=1)).status == 200
            assert (
                await shop.track("POST", f"/api/v1/customers/{who}/events", json={"name": "x"})
            ).status == 200
        blocked = len(shop.fake.state.people)
        await shop.track("POST", "/api/v1/customers/u-1/unsuppress")
        await shop.identify("u-1")

        assert blocked == 0
        assert len(shop.fake.state.people) == 1
        assert shop.recorder.facts_of("event_stored") == []
        shop.recorder.check()


async def test_an_event_is_stored_with_its_own_time():
    async with account() as shop:
        await shop.identify("u-1", email="ann@example.com")

        answer = await shop.track(
            "POST",
            "/api/v1/customers/u-1/events",
            json={"name": " bought ", "timestamp": NOW - 60, "data": {"n": 1}},
        )

        (fact,) = shop.recorder.facts_of("event_stored")
        assert (answer.status, answer.body) == (200, b"{}\n")
        assert (fact.subject, int(fact.at.timestamp())) == ("ann@example.com", NOW - 60)
        assert (fact.details["name"], fact.details["data"]) == ("bought", {"n": 1})
        shop.recorder.check()


async def test_an_event_with_a_known_ulid_is_ignored():
    async with account() as shop:
        for _ in range(2):
            await shop.track("POST", "/api/v1/customers/u-1/events", json={"name": "bought", "id": ULID})

        assert len(shop.recorder.facts_of("event_stored")) == 1
        shop.recorder.check()


@pytest.mark.parametrize(
    ("said", "texts"),
    [
        ({}, ["name is required"]),
        ({"name": "  "}, ["name is required"]),
        ({"name": 5}, ["name is required"]),
        ({"name": "x" * 101}, ["event name cannot be longer than 100 bytes"]),
        ({"name": "x", "type": "click"}, ["type must be one of event, page, screen"]),
        ({"name": "x", "id": "7"}, ["id must be a ULID"]),
        ({"name": "x", "data": []}, ["data must be an object"]),
        ({"name": "x", "data": {"a": "y" * 100_000}}, ["event data cannot be longer than 100000 bytes"]),
        ({"data": [], "id": 1}, ["name is required", "id must be a ULID", "data must be an object"]),
    ],
)
async def test_a_bad_event_is_refused_with_every_reason(said, texts):
    async with account() as shop:
        answer = await shop.track("POST", "/api/v1/customers/u-1/events", json=said)

        assert (answer.status, answer.json) == (400, {"meta": {"errors": texts}})
        shop.recorder.check(sent=False)


async def test_anonymous_events_become_the_persons_when_the_visitor_is_known():
    async with account() as shop:
        for at in (NOW - 40 * 86_400, NOW - 60):
            await shop.track(
                "POST", "/api/v1/events", json={"name": "seen", "anonymous_id": "v-1", "timestamp": at}
            )

        await shop.identify("u-1", anonymous_id="v-1")
        await shop.track("POST", "/api/v1/events", json={"name": "later", "anonymous_id": "v-1"})

        person = next(iter(shop.fake.state.people))
        assert [(event.name, event.timestamp) for event in person.events] == [
            ("seen", NOW - 60),
            ("later", NOW),
        ]
        shop.recorder.check()


async def test_devices_are_added_and_removed():
    async with account() as shop:
        device = {"id": "tok/en", "platform": "ios", "last_used": NOW, "attributes": {"os": "26"}}
        await shop.track("PUT", "/api/v1/customers/u-1/devices", json={"device": device})
        devices = (await shown(shop))["devices"]
        await shop.track("DELETE", "/api/v1/customers/u-1/devices/tok%2Fen")

        assert devices == [device]
        assert (await shown(shop))["devices"] == []
        shop.recorder.check()


@pytest.mark.parametrize(
    ("said", "texts"),
    [
        ({}, ["device is required"]),
        ({"device": {}}, ["device id is required", "device platform is required"]),
        ({"device": {"id": "t", "platform": "palm"}}, ["device platform must be ios or android"]),
    ],
)
async def test_a_bad_device_is_refused(said, texts):
    async with account() as shop:
        answer = await shop.track("PUT", "/api/v1/customers/u-1/devices", json=said)

        assert (answer.status, answer.json) == (400, {"meta": {"errors": texts}})
        shop.recorder.check(sent=False)


async def test_merging_fills_gaps_and_deletes_the_secondary():
    async with account() as shop:
        await shop.identify("u-1", plan="free")
        await shop.identify("u-2", email="ann@example.com", plan="pro", city="Pune")
        await shop.track("POST", "/api/v1/customers/u-2/events", json={"name": "bought"})

        sides = {"primary": {"id": "u-1"}, "secondary": {"email": "ann@example.com"}}
        answer = await shop.track("POST", "/api/v1/merge_customers", json=sides)

        assert answer.status == 200
        assert await shown(shop, "u-2") == 404
        said = (await shown(shop))["attributes"]
        assert (said["plan"], said["city"], said["email"]) == ("free", "Pune", "ann@example.com")
        assert [event.name for event in next(iter(shop.fake.state.people)).events] == ["bought"]
        shop.recorder.check()


async def test_a_merge_without_a_primary_changes_nothing_and_one_without_sides_is_refused():
    async with account() as shop:
        await shop.identify("u-2")

        noop = await shop.track(
            "POST", "/api/v1/merge_customers", json={"primary": {"id": "x"}, "secondary": {"id": "u-2"}}
        )
        bad = await shop.track(
            "POST", "/api/v1/merge_customers", json={"primary": {"id": "x", "email": "a@b.c"}}
        )

        assert (noop.status, len(shop.fake.state.people)) == (200, 1)
        assert (bad.status, list(bad.json["meta"])) == (400, ["error"])
        shop.recorder.check(sent=False)


@pytest.mark.parametrize(
    ("metric", "extra", "told"),
    [
        ("delivered", {}, {}),
        ("opened", {}, {}),
        ("converted", {}, {}),
        ("spammed", {}, {}),
        ("bounced", {"reason": "550 gone"}, {"failure_message": "550 gone"}),
        ("dropped", {}, {"failure_message": "unknown"}),
        ("deferred", {"reason": "later"}, {"failure_message": "later"}),
        ("clicked", {"href": "https://a.example/"}, {"href": "https://a.example/", "link_id": 2}),
    ],
)
async def test_a_reported_metric_makes_the_matching_webhook(metric, extra, told):
    receiver = Receiver()
    async with account(receiver=receiver) as shop:
        delivery_id = await shop.send()
        await asyncio.sleep(1)
        await shop.subscribe()

        said = {
            "delivery_id": delivery_id,
            "metric": metric,
            "timestamp": NOW + 5,
            "recipient": "b@example.com",
            **extra,
        }
        answer = await shop.call("POST", "https://track.customer.io/api/v1/metrics", json=said)
        await asyncio.sleep(1)

        assert answer.status == 200
        event = shop.events()[-1]
        assert (event["metric"], event["timestamp"]) == (metric, NOW + 5)
        assert event["data"]["recipient"] == "b@example.com"
        assert told.items() <= event["data"].items()
        shop.recorder.check()


@pytest.mark.parametrize(
    "said", [{}, {"delivery_id": "x", "metric": "liked"}, {"delivery_id": "x", "metric": "opened", "href": 5}]
)
async def test_a_bad_metric_is_refused(said):
    async with account() as shop:
        answer = await shop.call("POST", "https://track.customer.io/api/v1/metrics", json=said)

        assert (answer.status, list(answer.json["meta"])) == (400, ["errors"])
        shop.recorder.check(sent=False)


async def test_unknown_paths_and_wrong_hosts_are_404():
    async with account() as shop:
        unknown = await shop.track("GET", "/api/v1/nothing")
        wrong_method = await shop.track("GET", "/api/v1/events")
        app_on_track = await shop.track("GET", "/v1/messages")
        track_on_app = await shop.app("PUT", "/api/v1/customers/u-1", json={})
        unknown_app = await shop.app("GET", "/v1/nothing")

        assert (unknown.status, unknown.json) == (404, {"meta": {"error": "not found"}})
        assert (wrong_method.status, wrong_method.headers["Allow"]) == (405, "POST")
        assert (app_on_track.status, track_on_app.status) == (404, 404)
        assert unknown_app.json == {"errors": [{"detail": "not found", "status": "404"}]}


@pytest.mark.parametrize("arm", ["virtual", "loopback"])
async def test_both_networks_take_a_person_and_a_message(arm):
    async with account() as shop:
        pair = base64.b64encode(
            f"{shop.fake.settings.site_id}:{shop.fake.settings.track_api_key}".encode()
        ).decode()
        people = shop.stage.network.url("track.customer.io") + "/api/v1/customers/u-1"
        send = shop.stage.network.url("api.customer.io") + "/v1/send/email"

        stored = await shop.call(
            "PUT", people, json={"plan": "x"}, headers={"Authorization": f"Basic {pair}"}
        )
        bearer = {"Authorization": f"Bearer {shop.fake.settings.app_api_key}"}
        sent = await shop.call("POST", send, json=message(), headers=bearer)

        assert (stored.status, sent.status) == (200, 200)
        shop.recorder.check()
