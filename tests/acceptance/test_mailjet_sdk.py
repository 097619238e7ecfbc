"""The official Python client, unmodified, against the fake on real sockets."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from mailjet_rest import Client
from mailjet_rest.client import MailjetAuthError
from mailjet_rest.errors import DoesNotExistError, ValidationError

from fakes.mailjet import FakeMailjet, MailjetSettings
from tests.support.fakes import Receiver
from tests.support.serving import Served, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests

SETTINGS = MailjetSettings()
KEY = (SETTINGS.api_key, SETTINGS.secret_key)
MESSAGE = {
    "From": {"Email": "shop@example.com", "Name": "Shop"},
    "To": [{"Email": "ada@example.org", "Name": "Ada"}],
    "Subject": "Hello",
    "HTMLPart": '<p>Hello Ada</p><a href="https://shop.example.com/">Look</a>',
    "CustomID": "order-17",
}


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def served(receiver: Receiver) -> Iterator[Served]:
    with serving(FakeMailjet, receiver=receiver) as up:
        yield up


def client(served: Served, version: str, auth: tuple[str, str] = KEY) -> Client:
    return Client(auth=auth, version=version, api_url=served.url("api.mailjet.com"))


def sent_id(response: requests.Response) -> int:
    return int(response.json()["Messages"][0]["To"][0]["MessageID"])


def test_client_sends_and_reads_message_history_and_contact(served: Served):
    with client(served, "v3.1") as sending, client(served, "v3") as reading:
        response = sending.send.create(data={"Messages": [MESSAGE]})
        served.wait_until(lambda: served.recorder.facts_of("sent"))
        message_id = sent_id(response)
        message = reading.message.get(id=message_id, filters={"ShowSubject": True}).json()
        history = reading.messagehistory.get(id=message_id).json()
        contact = reading.contact.get(id="ada@example.org").json()
        contacts = reading.contact.get(filters={"limit": 5, "sort": "ID+DESC"}).json()

    assert response.status_code == 200
    assert response.json()["Messages"][0]["CustomID"] == "order-17"
    assert message_id > 2**53
    assert (message["Data"][0]["ID"], message["Data"][0]["Subject"]) == (message_id, "Hello")
    assert [row["EventType"] for row in history["Data"]] == ["sent"]
    assert (contact["Count"], contact["Data"][0]["Name"]) == (1, "Ada")
    assert [row["Email"] for row in contacts["Data"]] == ["ada@example.org"]
    served.recorder.check()


def test_client_manages_webhooks_and_they_are_sent(served: Served, receiver: Receiver):
    url = served.url("receiver.test") + "/mj"
    with client(served, "v3") as rest, client(served, "v3.1") as sending:
        created = rest.eventcallbackurl.create(data={"EventType": "open", "Url": url, "Version": 1})
        hook = created.json()["Data"][0]["ID"]
        listed = rest.eventcallbackurl.get(filters={"EventType": "open"})
        by_key = rest.eventcallbackurl.get(id="open|false")
        updated = rest.eventcallbackurl.update(id=hook, data={"EventType": "sent", "Version": 2})
        unchanged = rest.eventcallbackurl.update(id=hook, data={"Version": 2})
        message_id = sent_id(sending.send.create(data={"Messages": [MESSAGE]}))
        served.wait_until(lambda: receiver.requests)
        deleted = rest.eventcallbackurl.delete(id=hook)
        with pytest.raises(DoesNotExistError, match="Object not found"):
            rest.eventcallbackurl.get(id=hook)

    statuses = [created, listed, by_key, updated, unchanged, deleted]
    assert [response.status_code for response in statuses] == [201, 200, 200, 200, 304, 204]
    assert listed.json()["Data"] == by_key.json()["Data"] == created.json()["Data"]
    assert created.json()["Data"][0]["Url"] == url
    [event] = json.loads(receiver.requests[0][3])
    assert (event["event"], event["MessageID"], event["CustomID"]) == ("sent", message_id, "order-17")
    served.recorder.check()


def test_client_creates_and_updates_contacts(served: Served):
    with client(served, "v3") as rest:
        created = rest.contact.create(data={"Email": "bob@example.org"})
        updated = rest.contact.update(id="bob@example.org", data={"Name": "Bob"})
        with pytest.raises(ValidationError, match="MJ18 A Contact resource with value"):
            rest.contact.create(data={"Email": "bob@example.org"})
        with pytest.raises(MailjetAuthError, match="Operation not allowed"):
            rest.contact.delete(id=1)

    assert (created.status_code, updated.json()["Data"][0]["Name"]) == (201, "Bob")
    served.recorder.check(sent=False)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"To": [{"Email": "ada@example..com"}]}, '"ada@example..com" is an invalid email address.'),
        ({"HTMLPart": None}, 'At least "HTMLPart", "TextPart" or "TemplateID" must be provided.'),
    ],
)
def test_client_raises_on_a_refused_message(served: Served, change: dict[str, Any], text: str):
    with client(served, "v3.1") as sending, pytest.raises(ValidationError) as raised:
        sending.send.create(data={"Messages": [{**MESSAGE, **change}]})

    assert raised.value.status_code == 400
    assert text in str(raised.value)
    served.recorder.check(sent=False)


def test_client_raises_on_a_wrong_key_and_on_an_unauthorised_sender(served: Served):
    stranger = {**MESSAGE, "From": {"Email": "x@elsewhere.test"}}
    with (
        client(served, "v3.1", ("a", "b")) as wrong,
        pytest.raises(MailjetAuthError, match="authentication") as keyed,
    ):
        wrong.send.create(data={"Messages": [MESSAGE]})
    with client(served, "v3", ("a", "b")) as wrong, pytest.raises(MailjetAuthError):
        wrong.contact.get()
    with (
        client(served, "v3.1") as sending,
        pytest.raises(MailjetAuthError, match="not an authorized") as refused,
    ):
        sending.send.create(data={"Messages": [stranger], "AdvanceErrorHandling": True})

    assert (keyed.value.status_code, refused.value.status_code) == (401, 403)
    served.recorder.check()


def test_client_sends_by_the_older_api(served: Served):
    with client(served, "v3") as sending:
        data = {"FromEmail": "shop@example.com", "To": "ada@example.org", "Text-part": "Hello"}
        response = sending.send.create(data=data)
        served.wait_until(lambda: served.recorder.mails)

    assert [one["Email"] for one in response.json()["Sent"]] == ["ada@example.org"]
    assert served.recorder.mails[0].text == "Hello"
    served.recorder.check()
