"""From an engagement to the call that it becomes: names, properties, identity, gates."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from bridge import Settings, SourceName
from bridge.configuration.document import read_document
from bridge.destinations import CALLS, make_destinations
from bridge.ingest import make_intakes
from bridge.routing import DEFAULT_NAME, Router, default_text, explain, load_table
from bridge.sources import Incoming, make_sources
from bridge.store import Intake, Outcome, Plan, State
from tests.bridge.rig import (
    OBJECT_ID,
    SETTINGS,
    START,
    activity,
    customerio_event,
    identify,
    mailjet_event,
    track,
)


class Known:
    """Identities as a test wants them."""

    def __init__(self, **users: str) -> None:
        self._users = users

    def user_of(self, email: str) -> str | None:
        return next((user for user, address in self._users.items() if address == email.lower()), None)

    def address_of(self, user_id: str) -> str | None:
        return self._users.get(user_id)


NOBODY = Known()
TABLE = load_table("")
ASHA = Known(u1="asha@example.com")


def intake_of(source: SourceName, body: object, *, where: str = "", **settings: object) -> Intake:
    made = Settings.from_mapping({**SETTINGS, **settings})
    reader = make_sources(made)[source]
    incoming = Incoming(headers={}, body=json.dumps(body).encode(), received_at=START, where=where)
    (intake,) = make_intakes(reader, incoming, reader.read(incoming))
    return intake


def plan(
    source: SourceName, body: object, known: Known = NOBODY, *, where: str = "", **settings: object
) -> Plan:
    made = Settings.from_mapping({**SETTINGS, **settings})
    router = Router(made, make_destinations(made), table=TABLE)
    return router.plan(intake_of(source, body, where=where, **settings), known)


def to(destination: str, made: Plan) -> list[Outcome]:
    return [outcome for outcome in made.outcomes if outcome.destination == destination]


def sent(destination: str, made: Plan) -> list[Any]:
    return [json.loads(outcome.body) for outcome in to(destination, made) if outcome.state is State.PENDING]


def reasons(made: Plan) -> set[tuple[str, str]]:
    return {
        (outcome.destination, outcome.reason)
        for outcome in made.outcomes
        if outcome.state is not State.PENDING
    }


# Mailmodo to Segment

SEVEN = {
    "Email Sent": set(),
    "Email Opened": {"apple_privacy_open"},
    "Link Clicked": {"link_id", "link_url"},
    "Email Form Submitted": {"form_id", "form_name", "submission_type"},
    "Email Marked as Spam": set(),
    "Email Bounced": {"reason", "is_hard_bounce"},
    "Email Unsubscribed": {"reason"},
}
COMMON = {
    "email_id",
    "email_subject",
    "email_type",
    "template_id",
    "template_name",
    "campaign_id",
    "campaign_name",
    "campaign_type",
    "campaign_trigger_source",
}


@pytest.mark.parametrize("event", list(SEVEN))
def test_mailmodo_activity_becomes_the_track_of_the_same_name(event: str):
    body = activity(event)

    (message,) = sent("segment/mailmodo", plan(SourceName.MAILMODO, body, ASHA))

    assert message == {
        "type": "track",
        "event": event,
        "userId": "u1",
        "messageId": message["messageId"],
        "timestamp": "2026-03-02T03:29:58.250Z",
        "properties": body["properties"],
        "context": {
            "integration": {"name": "mailmodo", "version": "1.0.0"},
            "traits": {"email": "asha@example.com"},
        },
    }
    assert set(message["properties"]) == COMMON | SEVEN[event]


def test_all_seventeen_documented_properties_are_reached():
    assert len(COMMON.union(*SEVEN.values())) == 17


@pytest.mark.answers("mailmodo", 19, without_wire=True)
def test_mailmodo_activity_of_somebody_never_identified_is_not_told_to_segment():
    made = plan(SourceName.MAILMODO, activity(), NOBODY)

    assert sent("segment/mailmodo", made) == []
    assert ("segment/mailmodo", "not_identified") in reasons(made)


def test_mailmodo_properties_that_do_not_apply_stay_out():
    body = activity(
        "Email Sent", properties={"link_url": "https://x.example/", "reason": "none", "mood": "good"}
    )

    (message,) = sent("segment/mailmodo", plan(SourceName.MAILMODO, body, ASHA))

    assert set(message["properties"]) == COMMON


def test_message_id_is_the_same_for_the_same_activity():
    first, again = (sent("segment/mailmodo", plan(SourceName.MAILMODO, activity(), ASHA)) for _ in range(2))
    (other,) = sent("segment/mailmodo", plan(SourceName.MAILMODO, activity(id_="a-2"), ASHA))

    assert first == again
    assert other["messageId"] != first[0]["messageId"]


# Mailmodo to CleverTap


@pytest.mark.parametrize(
    ("event", "names"),
    [
        ("Email Sent", []),
        ("Email Opened", ["MM Email Opened"]),
        ("Link Clicked", ["MM Email Link Clicked"]),
        ("Email Form Submitted", ["MM Email Form Submitted", "MM NPS Survey Form Submitted"]),
        ("Email Bounced", ["MM Email Bounced"]),
        ("Email Unsubscribed", ["MM Email Unsubscribed"]),
        ("Email Marked as Spam", ["MM Email Marked as Spam"]),
    ],
)
def test_mailmodo_activity_becomes_clevertap_events(event: str, names: list[str]):
    records = sent("clevertap", plan(SourceName.MAILMODO, activity(event)))

    assert [record["evtName"] for record in records] == names
    for record in records:
        assert record["type"] == "event"
        assert record["objectId"] == OBJECT_ID
        assert record["ts"] == 1772422198
        assert record["$source"] == "Mailmodo"
        assert record["evtData"]["campaign_name"] == "nps-march"
        assert record["evtData"]["email_subject"] == "How are we doing, Asha?"


@pytest.mark.answers("mailmodo", 17, without_wire=True)
def test_form_answers_are_properties_of_the_templates_own_event():
    plain, detailed = sent("clevertap", plan(SourceName.MAILMODO, activity("Email Form Submitted")))

    assert "score" not in plain["evtData"]
    assert detailed["evtData"]["score"] == 9
    assert detailed["evtData"]["why"] == "Fast"
    assert detailed["evtData"]["form_name"] == "nps"


@pytest.mark.answers("mailmodo", 17, without_wire=True)
def test_answers_are_scalar_clean_and_cut_and_hide_nothing():
    answers = {
        "Why? (max. 5)": "é" * 400,
        "tags": ["a", "b"],
        "form_name": "mine",
        "a.b": 1,
        "ab": 2,
        "none": None,
        "deep": {"x": [1, {}]},
        "k" * 200: True,
        "$.:": 0.5,
    }

    _plain, detailed = sent(
        "clevertap", plan(SourceName.MAILMODO, activity("Email Form Submitted", answers=answers))
    )

    data = detailed["evtData"]
    assert data["Why? (max 5)"] == "é" * 256
    assert data["tags"] == "a, b"
    assert data["form_name"] == "nps"
    assert data["form_name 2"] == "mine"
    assert (data["ab"], data["ab 2"]) == (1, 2)
    assert "none" not in data
    assert data["deep"] == '{"x":[1,{}]}'
    assert data["k" * 120] is True
    assert data["answer"] == 0.5


def test_template_names_lose_what_clevertap_does_not_take():
    body = activity("Email Form Submitted", properties={"template_name": 'R&D: "Q1"  <NPS>'})

    _plain, detailed = sent("clevertap", plan(SourceName.MAILMODO, body))

    assert detailed["evtName"] == "MM RD Q1 NPS Form Submitted"
    assert detailed["evtData"]["template_name"] == 'R&D: "Q1"  <NPS>'


@pytest.mark.parametrize(
    ("clevertap_id", "addressed_by"),
    [
        (OBJECT_ID, "objectId"),
        ("01234567-89ab-cdef-0123-456789abcdef", "objectId"),
        ("__a1b2c3", "objectId"),
        ("_w_custom", "objectId"),
        ("-ios", "objectId"),
        ("~win", "objectId"),
        ("hello@mailmodo.com", "identity"),
        ("__odd@example.com", "identity"),
        ("customer-17", "identity"),
        ("+919820098200", "identity"),
    ],
)
@pytest.mark.answers("clevertap", 28, without_wire=True)
def test_profile_is_named_by_what_the_id_looks_like(clevertap_id: str, addressed_by: str):
    (record,) = sent("clevertap", plan(SourceName.MAILMODO, activity(clevertap_id=clevertap_id)))

    assert record[addressed_by] == clevertap_id
    assert ("objectId" in record) != ("identity" in record)


@pytest.mark.parametrize("forced", ["objectId", "identity"])
@pytest.mark.answers("mailmodo", 16, without_wire=True)
def test_a_setting_forces_how_profiles_are_named(forced: str):
    (record,) = sent("clevertap", plan(SourceName.MAILMODO, activity(), clevertap_id_as=forced))

    assert record[forced] == OBJECT_ID


@pytest.mark.parametrize("trigger_source", ["Rest API", "Journey", None])
@pytest.mark.answers("mailmodo", 18, without_wire=True)
def test_activity_of_other_triggers_does_not_go_to_clevertap(trigger_source: str | None):
    made = plan(SourceName.MAILMODO, activity(properties={"campaign_trigger_source": trigger_source}))

    assert sent("clevertap", made) == []
    assert ("clevertap", "not_from_clevertap") in reasons(made)


@pytest.mark.parametrize("clevertap_id", [None, ""])
@pytest.mark.answers("mailmodo", 15, without_wire=True)
def test_activity_without_a_clevertap_id_does_not_go_to_clevertap(clevertap_id: str | None):
    made = plan(SourceName.MAILMODO, activity(clevertap_id=clevertap_id))

    assert sent("clevertap", made) == []
    assert ("clevertap", "no_clevertap_id") in reasons(made)


# CleverTap to Mailmodo


def test_clevertap_trigger_becomes_a_campaign_trigger():
    body = {
        "email": "asha@example.com",
        "clevertap_id": OBJECT_ID,
        "data": {"first_name": "Asha", "plan": {"name": "pro"}},
    }

    (outcome,) = plan(SourceName.CLEVERTAP, body, where="camp/1").outcomes

    assert (outcome.operation, outcome.path) == ("triggerCampaign", "/api/v1/triggerCampaign/camp%2F1")
    assert json.loads(outcome.body) == {
        "email": "asha@example.com",
        "data": {"first_name": "Asha", "plan_name": "pro", "clevertap_id": OBJECT_ID},
    }


def test_documented_options_of_a_trigger_pass():
    body = {
        "email": "a@b.co",
        "Subject": "Hi",
        "replyTo": "r@b.co",
        "fromName": "Us",
        "addToList": "New",
        "campaign_data": {"code": 7},
        "unknown": 1,
    }

    (record,) = sent("mailmodo", plan(SourceName.CLEVERTAP, body, where="c"))

    assert record == {
        "email": "a@b.co",
        "data": {},
        "subject": "Hi",
        "replyTo": "r@b.co",
        "fromName": "Us",
        "addToList": "New",
        "campaign_data": {"code": 7},
    }


@pytest.mark.parametrize(
    ("email", "state", "reason"),
    [
        ("${user_email}", State.QUARANTINED, "placeholder_instead_of_address"),
        ("nobody", State.FILTERED, "bad_address"),
        ("", State.FILTERED, "bad_address"),
        (None, State.FILTERED, "bad_address"),
        (7, State.FILTERED, "bad_address"),
    ],
)
def test_a_trigger_without_a_good_address_sends_nothing(email: object, state: State, reason: str):
    (outcome,) = plan(SourceName.CLEVERTAP, {"email": email, "data": {}}, where="c").outcomes

    assert (outcome.state, outcome.reason) == (state, reason)


def test_the_test_call_sends_nothing():
    made = plan(SourceName.CLEVERTAP, {"is_test": True, "profiles": [{"Email": "a@b.co"}] * 5}, where="c")

    assert [(outcome.state, outcome.reason) for outcome in made.outcomes] == [(State.FILTERED, "test_call")]


# Segment to Mailmodo


def test_identify_with_an_address_becomes_a_contact():
    body = identify(
        "u-1", email="bob@example.com", firstName="Bob", lastName="Dole", company="Initech", employees=234
    )

    made = plan(SourceName.SEGMENT, body)

    (outcome,) = made.outcomes
    assert (outcome.operation, outcome.path, outcome.lane) == (
        "addToList",
        "/api/v1/addToList",
        "bob@example.com",
    )
    assert json.loads(outcome.body) == {
        "email": "bob@example.com",
        "listName": "Segment",
        "data": {"first_name": "Bob", "last_name": "Dole", "company": "Initech", "employees": 234},
    }
    assert made.identity is not None
    assert (made.identity.user_id, made.identity.email) == ("u-1", "bob@example.com")


def test_reserved_traits_have_mailmodos_names_and_others_are_snake_case():
    body = identify(
        "u-1",
        email="bob@example.com",
        title="CTO",
        age="42",
        birthday="1984-01-01",
        gender="M",
        phone="+1",
        description="x",
        createdAt="2026-01-01T00:00:00Z",
        timezone="Asia/Kolkata",
        address={"street": "s" * 160, "city": "Pune", "state": "MH", "country": "IN", "postalCode": "411001"},
        company={"name": "Initech", "industry": "IT", "employee_count": 7},
        favouriteColour="blue",
        order_completed_last_30days=True,
        removed=False,
        tags=["a", "b"],
        prefs={"dark": True},
        nothing=None,
    )

    (record,) = sent("mailmodo", plan(SourceName.SEGMENT, body))

    assert record["created_at"] == "2026-01-01T00:00:00Z"
    assert record["timezone"] == "Asia/Kolkata"
    assert record["data"] == {
        "designation": "CTO",
        "age": 42,
        "birthday": "1984-01-01",
        "gender": "M",
        "phone": "+1",
        "description": "x",
        "address1": "s" * 150,
        "address2": "s" * 10,
        "city": "Pune",
        "state": "MH",
        "country": "IN",
        "postal_code": "411001",
        "company": "Initech",
        "industry": "IT",
        "company_employee_count": 7,
        "favourite_colour": "blue",
        "order_completed_last_30days": True,
        "removed": False,
        "tags": "a, b",
        "prefs_dark": True,
    }


@pytest.mark.parametrize(
    "traits", [{}, {"email": ""}, {"email": None}, {"email": 7.5e300 * 1e300}, {"email": {"a": 1}}]
)
def test_identify_without_an_address_is_dropped(traits: dict[str, Any]):
    if isinstance(traits.get("email"), float):
        traits = {"email": []}
    made = plan(SourceName.SEGMENT, identify("u-1", **traits))

    assert reasons(made) == {("mailmodo", "no_email")}
    assert made.identity is None


def test_the_list_is_a_setting():
    (record,) = sent(
        "mailmodo", plan(SourceName.SEGMENT, identify("u-1", email="a@b.co"), mailmodo_list_name="Web")
    )

    assert record["listName"] == "Web"


def test_track_of_a_known_user_becomes_a_custom_event():
    body = track(
        "u1", price=18.99, name="Monopoly", cart={"items": [{"sku": 1}], "size": 1}, gone=None, tags=["x"]
    )

    (outcome,) = plan(SourceName.SEGMENT, body, ASHA).outcomes

    assert (outcome.operation, outcome.path, outcome.lane) == (
        "addEvent",
        "/api/v1/addEvent",
        "asha@example.com",
    )
    assert json.loads(outcome.body) == {
        "email": "asha@example.com",
        "event_name": "Product Viewed",
        "ts": 1772422170,
        "event_properties": {
            "price": 18.99,
            "name": "Monopoly",
            "cart_items": '[{"sku":1}]',
            "cart_size": 1,
            "tags": "x",
        },
    }


@pytest.mark.parametrize("user_id", ["stranger", "", None])
def test_track_of_an_unknown_user_is_dropped(user_id: str | None):
    assert reasons(plan(SourceName.SEGMENT, track(user_id), ASHA)) == {("mailmodo", "unknown_user")}


@pytest.mark.parametrize(
    ("integrations", "is_taken"),
    [
        ({}, True),
        ({"All": True}, True),
        ({"All": False}, False),
        ({"all": False}, False),
        ({"All": False, "Mailmodo": True}, True),
        ({"All": False, "Mailmodo": {"option": 1}}, True),
        ({"Mailmodo": False}, False),
        ({"mailmodo": False}, True),
        ({"Mailjet": False}, True),
    ],
)
def test_the_integrations_object_is_honoured(integrations: dict[str, Any], is_taken: bool):  # noqa: FBT001 - a table
    identified = plan(SourceName.SEGMENT, {**identify("u-1", email="a@b.co"), "integrations": integrations})
    tracked = plan(SourceName.SEGMENT, {**track("u1"), "integrations": integrations}, ASHA)

    assert bool(sent("mailmodo", identified)) is is_taken
    assert bool(sent("mailmodo", tracked)) is is_taken
    assert (identified.identity is not None) is is_taken


# Mailjet to Segment


@pytest.mark.parametrize(
    ("event", "name"),
    [
        ("sent", "Email Delivered"),
        ("open", "Email Opened"),
        ("click", "Email Link Clicked"),
        ("unsub", "Email Unsubscribed"),
        ("bounce", "Email Bounced"),
        ("spam", "Email Marked as Spam"),
    ],
)
def test_mailjet_events_have_segments_names(event: str, name: str):
    (message,) = sent("segment/mailjet", plan(SourceName.MAILJET, mailjet_event(event)))

    assert message["event"] == name
    assert message["anonymousId"] == "ada@example.com"
    assert "userId" not in message
    assert message["timestamp"] == "2023-11-14T22:14:20.000Z"


@pytest.mark.parametrize("event", ["blocked", "invented"])
def test_mailjet_blocked_has_no_event(event: str):
    assert reasons(plan(SourceName.MAILJET, mailjet_event(event))) == {("", "no_route")}


def test_mailjet_click_is_mapped_to_the_email_spec():
    body = mailjet_event("click", url="https://x.example/", ip="203.0.113.9", geo="FR", agent="Mozilla/5.0")

    (message,) = sent("segment/mailjet", plan(SourceName.MAILJET, body))

    assert message["properties"] == {
        "email_id": "1152921509597813712",
        "campaign_id": "7257",
        "campaign_name": "welcome",
        "custom_id": "order-17",
        "link_url": "https://x.example/",
    }
    assert message["context"] == {
        "integration": {"name": "mailjet", "version": "1.0.0"},
        "traits": {"email": "ada@example.com"},
        "mailjet": {"contact_id": "4", "message_guid": "23ba1150-6546-4e6d-b896-34713f0374ea"},
        "ip": "203.0.113.9",
        "userAgent": "Mozilla/5.0",
        "location": {"country": "FR"},
    }


def test_mailjet_bounce_keeps_its_reason_and_empty_fields_stay_out():
    body = mailjet_event(
        "bounce",
        mj_campaign_id=0,
        customcampaign="",
        CustomID="",
        blocked=False,
        hard_bounce=True,
        error_related_to="recipient",
        error="user unknown",
        comment="550 5.1.1 no such user",
    )

    (message,) = sent("segment/mailjet", plan(SourceName.MAILJET, body))

    assert message["properties"] == {
        "email_id": "1152921509597813712",
        "hard_bounce": True,
        "blocked": False,
        "error": "user unknown",
        "error_related_to": "recipient",
        "comment": "550 5.1.1 no such user",
    }


def test_mailjet_unsubscription_and_complaint_keep_list_and_source():
    (gone,) = sent(
        "segment/mailjet", plan(SourceName.MAILJET, mailjet_event("unsub", mj_list_id=1, geo="EUR"))
    )
    (spam,) = sent("segment/mailjet", plan(SourceName.MAILJET, mailjet_event("spam", source="JMRPP")))

    assert gone["properties"]["list_id"] == "1"
    assert "location" not in gone["context"]
    assert spam["properties"]["source"] == "JMRPP"


@pytest.mark.parametrize(
    ("known", "payload", "identity"),
    [
        (Known(u9="ada@example.com"), '{"user_id":"p1"}', {"userId": "u9"}),
        (NOBODY, '{"user_id":"p1"}', {"userId": "p1"}),
        (NOBODY, '{"userId":17}', {"userId": "17"}),
        (NOBODY, "{broken", {"anonymousId": "ada@example.com"}),
        (NOBODY, '{"user_id":{}}', {"anonymousId": "ada@example.com"}),
        (NOBODY, "plain", {"anonymousId": "ada@example.com"}),
    ],
)
def test_mailjet_identity_is_segments_then_the_payloads_then_the_address(
    known: Known, payload: str, identity: dict[str, str]
):
    (message,) = sent("segment/mailjet", plan(SourceName.MAILJET, mailjet_event(Payload=payload), known))

    assert {key: message[key] for key in ("userId", "anonymousId") if key in message} == identity


def test_mailjet_event_of_nobody_is_dropped():
    body = mailjet_event()
    del body["email"]

    assert reasons(plan(SourceName.MAILJET, body)) == {("segment/mailjet", "no_identity")}


# Customer.io to Segment


@pytest.mark.parametrize(
    ("metric", "name"),
    [
        ("delivered", "Email Delivered"),
        ("opened", "Email Opened"),
        ("clicked", "Email Link Clicked"),
        ("unsubscribed", "Email Unsubscribed"),
        ("bounced", "Email Bounced"),
        ("spammed", "Email Marked as Spam"),
    ],
)
def test_customerio_metrics_have_segments_names(metric: str, name: str):
    (message,) = sent("segment/customerio", plan(SourceName.CUSTOMERIO, customerio_event(metric)))

    assert message["event"] == name
    assert message["userId"] == "u-1"
    assert message["timestamp"] == "2023-11-14T22:13:20.000Z"
    assert message["integrations"] == {"Customer.io": False}
    assert message["context"] == {
        "integration": {"name": "customer.io", "version": "1.0.0"},
        "traits": {"email": "ann@example.com"},
    }


@pytest.mark.parametrize(
    "metric", ["drafted", "sent", "converted", "dropped", "failed", "deferred", "attempted"]
)
def test_customerio_metrics_outside_the_six_are_dropped(metric: str):
    assert reasons(plan(SourceName.CUSTOMERIO, customerio_event(metric))) == {("", "no_route")}


RAW = {
    "campaign_id": 7,
    "customer_id": "u-1",
    "delivery_id": "RAECAAGLz-VoAAABAgMEBQYHCAk=",
    "recipient": "ann@example.com",
    "subject": "Hi",
    "href": "https://shop.example/?a=1&b=2",
    "link_id": 4,
}
SPEC = {
    "email_id": "RAECAAGLz-VoAAABAgMEBQYHCAk=",
    "email_subject": "Hi",
    "campaign_id": "7",
    "link_id": "4",
    "link_url": "https://shop.example/?a=1&b=2",
}


@pytest.mark.parametrize(("names", "properties"), [("raw", RAW), ("spec", SPEC), ("both", {**RAW, **SPEC})])
def test_customerio_properties_are_the_webhooks_the_specs_or_both(names: str, properties: dict[str, Any]):
    body = customerio_event("clicked", href="https://shop.example/?a=1&b=2", link_id=4, journey_id=None)

    (message,) = sent(
        "segment/customerio", plan(SourceName.CUSTOMERIO, body, customerio_property_names=names)
    )

    assert message["properties"] == properties


def test_customerio_bounce_keeps_its_reason():
    body = customerio_event("bounced", failure_message="550 no such user")

    (message,) = sent("segment/customerio", plan(SourceName.CUSTOMERIO, body))

    assert message["properties"]["reason"] == message["properties"]["failure_message"] == "550 no such user"


@pytest.mark.parametrize(
    ("identifiers", "customer_id", "identity"),
    [
        ({"id": "u-1", "email": "ann@example.com"}, "old", {"userId": "u-1"}),
        ({"id": None, "email": "ann@example.com"}, "c-1", {"userId": "c-1"}),
        ({"id": None, "email": "ann@example.com"}, "", {"anonymousId": "ann@example.com"}),
    ],
)
def test_customerio_identity_is_the_persons_id_else_the_address(
    identifiers: dict[str, str], customer_id: str, identity: dict[str, str]
):
    body = customerio_event(identifiers=identifiers, customer_id=customer_id)

    (message,) = sent("segment/customerio", plan(SourceName.CUSTOMERIO, body, Known(u9="ann@example.com")))

    assert {key: message[key] for key in ("userId", "anonymousId") if key in message} == identity


def test_customerio_event_of_nobody_is_dropped():
    body = customerio_event(identifiers={}, customer_id="", recipient="#general")

    assert reasons(plan(SourceName.CUSTOMERIO, body)) == {("segment/customerio", "no_identity")}


# The table


def test_no_message_has_a_sent_at():
    messages = [
        *sent("segment/mailmodo", plan(SourceName.MAILMODO, activity(), ASHA)),
        *sent("segment/mailjet", plan(SourceName.MAILJET, mailjet_event())),
        *sent("segment/customerio", plan(SourceName.CUSTOMERIO, customerio_event())),
    ]

    assert len(messages) == 3
    assert all("sentAt" not in message for message in messages)


def test_everything_that_the_shipped_table_defines_is_used_and_no_row_stands_twice():
    rows = [(row.source, row.kind, row.where, row.destination, row.event) for row in TABLE.rows]
    defined = read_document(default_text(), DEFAULT_NAME).data

    assert len(set(rows)) == len(rows)
    assert {row.template for row in TABLE.rows} == set(defined["templates"])
    assert {row.gate.name for row in TABLE.rows if row.gate} == set(defined["gates"])
    assert {row.call for row in TABLE.rows} == set(CALLS)


def test_a_destination_without_credentials_filters():
    made = plan(SourceName.MAILJET, mailjet_event(), segment_write_key_mailjet="")

    assert reasons(made) == {("segment/mailjet", "destination_is_off")}


def test_a_mapping_that_raises_quarantines(monkeypatch: pytest.MonkeyPatch):
    def broken(*_args: object, **_more: object) -> str:
        raise KeyError("mended later")

    monkeypatch.setattr("bridge.destinations.segment.choose_identity", broken)

    (outcome,) = plan(SourceName.MAILJET, mailjet_event()).outcomes

    assert outcome.state is State.QUARANTINED
    assert outcome.reason == "mapping: KeyError: 'mended later'"


@pytest.mark.parametrize(
    ("function", "replacement", "seen"),
    [
        ("segment.choose_identity", lambda *_: {"userId": "wrong"}, ("userId", "wrong")),
        ("clevertap.choose_profile", lambda *_, **__: "identity", ("identity", OBJECT_ID)),
    ],
)
def test_whose_an_event_is_is_decided_in_one_place(
    monkeypatch: pytest.MonkeyPatch, function: str, replacement: Any, seen: tuple[str, object]
):
    monkeypatch.setattr(f"bridge.destinations.{function}", replacement)

    made = plan(SourceName.MAILMODO, activity(), ASHA)

    records = sent("segment/mailmodo" if function.startswith("segment") else "clevertap", made)
    assert [record[seen[0]] for record in records] == [seen[1]]


def test_rows_are_selected_in_one_place(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("bridge.routing.table.Table.routes_for", lambda _table, _engagement: ())

    assert reasons(plan(SourceName.MAILMODO, activity(), ASHA)) == {("", "no_route")}


def test_explain_shows_rows_gates_and_calls():
    settings = Settings.from_mapping(SETTINGS)
    router = Router(settings, make_destinations(settings), table=TABLE)

    lines = explain(router, intake_of(SourceName.MAILMODO, activity()), NOBODY)

    assert lines[0].startswith("mailmodo opened at 2026-03-02T03:29:58.250000+00:00 id ")
    first, second = [row for row in TABLE.rows if (row.source, row.kind) == ("mailmodo", "opened")]
    assert default_text().splitlines()[int(first.at.split(":")[1]) - 1] == "  - source: mailmodo"
    assert lines[1:3] == [
        f"  row mailmodo opened activity ({first.at}) -> segment/mailmodo as 'Email Opened', if Segment identified this address before",
        "     filtered: not_identified",
    ]
    assert (
        lines[3]
        == f"  row mailmodo opened activity ({second.at}) -> clevertap as 'MM Email Opened', if a CleverTap trigger that brought a clevertap_id"
    )
    assert lines[4].startswith('     upload {"type":"event","objectId"')


def test_explain_says_when_nothing_matches():
    settings = Settings.from_mapping(SETTINGS)
    router = Router(settings, make_destinations(settings), table=TABLE)
    intake = intake_of(SourceName.MAILJET, mailjet_event("blocked"))

    assert explain(router, intake, NOBODY)[1] == "  no row matches: filtered, no_route"
    assert explain(router, replace(intake, engagement=None, problem="odd"), NOBODY) == ["quarantined: odd"]
