"""The vendors' own Python libraries, unmodified, against `serve` in a process of its own, through the bridge."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from customerio import APIClient, CustomerIO, SendEmailRequest
from mailjet_rest import Client as MailjetClient
from segment.analytics.client import Client as SegmentClient

from tests.support.command import ROOT, running
from tests.support.http import call, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def served() -> Iterator[dict[str, Any]]:
    with running(str(ROOT / "run_sim.py"), "serve", "--json", "--port", "0") as process:
        found: dict[str, Any] = json.loads(process.line())
        yield found
        ended = process.stop()
        assert (ended.code, ended.err) == (0, "")


def tracked(served: dict[str, Any], source: str, who: str) -> set[str]:
    """Give the names of the events that a Segment source has of somebody."""
    url = f"{served['segment']['url']}/journeylab/sources/{source}/debugger"
    _status, page = call("GET", url)
    return {
        event.get("event", event["type"])
        for event in page["events"]
        if who in (event.get("userId"), event.get("anonymousId"))
    }


def test_segments_library_makes_a_contact_and_a_custom_event_at_mailmodo(served: dict[str, Any]) -> None:
    segment, mailmodo = served["segment"], served["mailmodo"]
    failures: list[Any] = []
    client = SegmentClient(
        segment["write_keys"]["web"], host=segment["url"], on_error=lambda *about: failures.append(about)
    )

    client.identify("u-lena", {"email": "lena@example.com", "firstName": "Lena", "plan": "pro"})
    client.flush()
    contact = f"{mailmodo['url']}/api/v1/getContactDetails?email=lena%40example.com"
    assert eventually(lambda: call("GET", contact, mmApiKey=mailmodo["api_key"])[0] == 200)
    client.track("u-lena", "Product Viewed", {"product_id": "p-7"})
    client.flush()
    client.join()

    assert failures == []
    assert eventually(lambda: tracked(served, "web", "u-lena") == {"identify", "Product Viewed"})
    overview = f"{served['bridge']['url']}/healthz"
    assert eventually(lambda: call("GET", overview)[1]["counts"]["delivered"] >= 2)


def test_mailjets_library_sends_and_segment_hears_of_it(served: dict[str, Any]) -> None:
    account = served["mailjet"]
    message = {
        "From": {"Email": "hello@example.com", "Name": "Journeylab"},
        "To": [{"Email": "ben@example.com", "Name": "Ben"}],
        "Subject": "Your receipt",
        "TextPart": "Thank you.",
    }
    auth = (account["api_key"], account["secret_key"])

    with (
        MailjetClient(auth=auth, version="v3.1", api_url=account["url"]) as sending,
        MailjetClient(auth=auth, version="v3", api_url=account["url"]) as reading,
    ):
        answer = sending.send.create(data={"Messages": [message]})
        webhooks = reading.eventcallbackurl.get().json()

    assert answer.status_code == 200
    assert answer.json()["Messages"][0]["Status"] == "success"
    assert {hook["EventType"] for hook in webhooks["Data"]} >= {
        "sent",
        "open",
        "click",
        "bounce",
        "spam",
        "unsub",
    }
    assert eventually(lambda: tracked(served, "mailjet", "ben@example.com")) == {"Email Delivered"}


def test_customerios_library_sends_to_somebody_it_has_identified(served: dict[str, Any]) -> None:
    account = served["customerio"]
    with CustomerIO(account["site_id"], account["track_api_key"], retries=0) as track:
        track.base_url = f"{account['url']}/api/v1"  # the library has no switch for plain HTTP
        track.identify("u-eve", email="eve@example.com", first_name="Eve")
        track.track("u-eve", "signed up", {"plan": "pro"})
    request = SendEmailRequest(
        to="eve@example.com",
        _from="hello@example.com",
        subject="Welcome",
        body="<p>Welcome</p>",
        identifiers={"id": "u-eve"},
    )

    with APIClient(account["app_api_key"], url=account["url"], retries=0) as app:
        answer = app.send_email(request)

    assert answer["delivery_id"]
    assert eventually(lambda: tracked(served, "customerio", "u-eve")) == {"Email Delivered"}
