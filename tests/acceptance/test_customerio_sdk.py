"""The vendor's own Python client, unmodified, against the fake on real sockets.

The Track client has no switch for plain HTTP, so it is pointed at the fake through its `base_url`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from customerio import APIClient, CustomerIO, CustomerIOException, SendEmailRequest

from fakes.customerio import CustomerIoSettings, FakeCustomerIo
from tests.support.fakes import Receiver
from tests.support.serving import serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.serving import Served

SETTINGS = CustomerIoSettings()


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def served(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving(FakeCustomerIo, receiver=receiver) as up:
        yield up


@pytest.fixture
def track(served: Served) -> Iterator[CustomerIO]:
    with CustomerIO(SETTINGS.site_id, SETTINGS.track_api_key, retries=0) as client:
        client.base_url = served.url("track.customer.io") + "/api/v1"
        yield client


@pytest.fixture
def app(served: Served) -> Iterator[APIClient]:
    with APIClient(SETTINGS.app_api_key, url=served.url("api.customer.io"), retries=0) as client:
        yield client


def test_people_events_and_devices(served: Served, track: CustomerIO) -> None:
    (fake,) = served.fakes
    assert isinstance(fake, FakeCustomerIo)

    assert (
        track.identify(
            "team/ann", email="ann@example.com", first_name="Ann", joined=datetime(2026, 1, 1, tzinfo=UTC)
        ).json()
        == {}
    )
    track.track("team/ann", "bought", {"sku": 7}, id="01HF7YAT000000000000000001", timestamp=1_700_000_000)
    track.track_anonymous("visitor-1", "seen", {"page": "/"})
    track.pageview("team/ann", "https://shop.example/", referrer="mail")
    track.backfill("team/ann", "signed up", 1_600_000_000, plan="free")
    track.add_device("team/ann", "token-1", "android", last_used=1_700_000_000)
    track.delete_device("team/ann", "token-1")
    track.identify("u-2")
    track.merge_customers("id", "team/ann", "id", "u-2")

    (person,) = fake.state.people
    assert (person.id, person.email, person.attributes["joined"]) == (
        "team/ann",
        "ann@example.com",
        1_767_225_600,
    )
    assert [(event.name, event.type) for event in person.events] == [
        ("signed up", "event"),
        ("bought", "event"),
        ("https://shop.example/", "page"),
    ]
    assert person.devices == {}
    served.recorder.check()


def test_suppressing_and_deleting(served: Served, track: CustomerIO) -> None:
    (fake,) = served.fakes
    assert isinstance(fake, FakeCustomerIo)
    track.identify("u-1")

    track.suppress("u-1")
    track.identify("u-1")
    suppressed = len(fake.state.people)
    track.unsuppress("u-1")
    track.identify("u-1")
    known = len(fake.state.people)
    track.delete("u-1")

    assert (suppressed, known, len(fake.state.people)) == (0, 1, 0)
    served.recorder.check()


def test_a_refusal_reaches_the_caller_as_the_clients_exception(served: Served, track: CustomerIO) -> None:
    with pytest.raises(
        CustomerIOException, match="value for attribute 'bio' cannot be longer than 1000 bytes"
    ):
        track.identify("u-1", bio="x" * 1001)

    stranger = CustomerIO("nobody", "nothing", retries=0)
    stranger.base_url = track.base_url
    with stranger, pytest.raises(CustomerIOException, match=r"401.*Unauthorized request"):
        stranger.identify("u-1")
    served.recorder.check(sent=False)


def test_a_message_is_sent_and_reported_by_signed_webhooks(
    served: Served, track: CustomerIO, app: APIClient, receiver: Receiver
) -> None:
    track.identify("u-1", email="ann@example.com", first_name="Ann")
    app.send_request(
        "POST",
        f"{app.url}/v1/reporting_webhooks",
        {
            "name": "bridge",
            "endpoint": served.url("receiver.test") + "/cio",
            "events": ["email_sent", "email_delivered"],
        },
    )
    request = SendEmailRequest(
        to="ann@example.com",
        identifiers={"id": "u-1"},
        _from="news@example.com",
        subject="Order {{ trigger.number }}",
        body="<p>Hello {{ customer.first_name }}</p>",
        message_data={"number": 17},
        headers={"X-Ref": "7"},
    )
    request.attach("order.txt", "seventeen")

    answer = app.send_email(request)
    served.wait_until(lambda: len(receiver.requests) == 2)

    assert answer.keys() == {"delivery_id", "queued_at"}
    (mail,) = served.recorder.mails
    assert (mail.subject, mail.headers["X-Ref"]) == ("Order 17", "7")
    assert "Hello Ann" in mail.html
    for _, _, headers, body in receiver.requests:
        message = b"v0:" + headers["X-CIO-Timestamp"].encode() + b":" + body
        wanted = hmac.new(SETTINGS.webhook_signing_key.encode(), message, hashlib.sha256).hexdigest()
        assert headers["X-CIO-Signature"] == wanted
    assert [json.loads(body)["metric"] for *_, body in receiver.requests] == ["sent", "delivered"]
    served.recorder.check()


def test_a_refused_message_reaches_the_caller(served: Served, app: APIClient) -> None:
    with pytest.raises(CustomerIOException, match=r'Missing required field: .*"body'):
        app.send_email(SendEmailRequest(to="ann@example.com", identifiers={"id": "u-1"}))
    served.recorder.check(sent=False)
