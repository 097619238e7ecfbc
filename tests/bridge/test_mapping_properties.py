"""Whatever a vendor sends: the same input gives the same calls, and every call keeps the receiver's limits."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge import Settings, SourceName
from bridge.destinations import make_destinations
from bridge.destinations.values import cut, flatten, snake_case
from bridge.ingest import make_intakes, read_pieces
from bridge.routing import Router, load_table
from bridge.sources import Incoming, make_sources
from bridge.store import Plan, State
from tests.bridge.rig import (
    SETTINGS,
    START,
    activity,
    customerio_event,
    identify,
    judge_call,
    mailjet_event,
    track,
)

MADE = Settings.from_mapping(SETTINGS)
ROUTER = Router(MADE, make_destinations(MADE), table=load_table(""))
RECONCILING = Router(
    replace(MADE, mailmodo_uncertain="reconcile"), make_destinations(MADE), table=load_table("")
)
SOURCES = make_sources(MADE)
FORBIDDEN = set("%><!|&.:;$'\"\\")

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=700)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=200), inner, max_size=4),
    max_leaves=12,
)
objects = st.dictionaries(st.text(max_size=200), values, max_size=12)


class Everybody:
    """Everybody is known."""

    def user_of(self, email: str) -> str | None:
        return f"user of {email}"

    def address_of(self, user_id: str) -> str | None:
        return f"{len(user_id)}@example.com"


def plans(source: SourceName, body: object) -> list[Plan]:
    incoming = Incoming(headers={}, body=json.dumps(body).encode(), received_at=START, where="camp-1")
    reader = SOURCES[source]
    intakes = make_intakes(reader, incoming, read_pieces(reader, incoming))
    return [ROUTER.plan(intake, Everybody()) for intake in intakes]


def records(source: SourceName, body: object) -> list[tuple[str, Any]]:
    return [
        (outcome.destination, json.loads(outcome.body))
        for plan in plans(source, body)
        for outcome in plan.outcomes
        if outcome.state is State.PENDING
    ]


@given(
    answers=objects,
    properties=objects,
    event=st.sampled_from(["Email Form Submitted", "Email Bounced", "Link Clicked"]),
)
@settings(max_examples=150, deadline=None)
def test_clevertap_records_keep_the_vendors_limits(
    answers: dict[str, Any], properties: dict[str, Any], event: str
):
    body = activity(event, properties=properties | {"campaign_trigger_source": "CleverTap"}, answers=answers)

    found = [
        record for destination, record in records(SourceName.MAILMODO, body) if destination == "clevertap"
    ]

    assert found
    for record in found:
        assert 0 < len(record["evtName"]) <= 512
        assert not FORBIDDEN & set(record["evtName"])
        assert len(record["evtData"]) <= 100
        for key, value in record["evtData"].items():
            assert 0 < len(key.encode()) <= 120
            assert not FORBIDDEN & set(key)
            assert isinstance(value, (str, int, float, bool))
            assert not isinstance(value, str) or len(value.encode()) <= 512


@given(traits=objects, properties=objects)
@settings(max_examples=150, deadline=None)
def test_mailmodo_gets_flat_scalars(traits: dict[str, Any], properties: dict[str, Any]):
    identified = records(SourceName.SEGMENT, identify("u-1", **{**traits, "email": "a@b.co"}))
    tracked = records(SourceName.SEGMENT, track("u-1") | {"properties": properties})

    for _destination, record in identified + tracked:
        for value in (record.get("data") or record.get("event_properties") or {}).values():
            assert isinstance(value, (str, int, float, bool))


def _is_storable(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= each <= "\udfff" for each in text)


hostile = st.text(st.characters(), max_size=3) | st.sampled_from(
    ["\ud800", "\0", "\0" * 9, "x" * 9000, "é" * 9000]
)
"""Whatever JSON can hold as a text, half a surrogate pair included."""


@given(first=hostile, second=hostile, third=hostile)
@settings(max_examples=150, deadline=None)
def test_no_text_of_a_vendor_is_one_that_a_store_refuses(first: str, second: str, third: str):
    """Postgres takes neither NUL nor half a surrogate pair, and no key of more than 2704 bytes."""
    named = activity("Email Sent", id_=first, email=second)
    named["properties"] |= {"campaign_id": third, "template_name": third}
    bodies: list[tuple[SourceName, object]] = [
        (SourceName.MAILMODO, named),
        (SourceName.MAILMODO, {key: value for key, value in named.items() if key != "id"}),
        (SourceName.CLEVERTAP, {"email": f"{first}@b.co", "trigger_id": second, "clevertap_id": third}),
        (SourceName.CUSTOMERIO, customerio_event() | {"event_id": first, "metric": second}),
        (SourceName.MAILJET, mailjet_event(first, email=second, time=third)),
        (SourceName.SEGMENT, identify(first, id_=second or "-", email=third)),
        (SourceName.SEGMENT, track(first) | {"messageId": second, "timestamp": third}),
    ]
    for source, body in bodies:
        incoming = Incoming(headers={}, body=json.dumps(body).encode(), received_at=START, where="camp-1")
        for intake in make_intakes(SOURCES[source], incoming, read_pieces(SOURCES[source], incoming)):
            plan = RECONCILING.plan(intake, Everybody())
            keys = [intake.dedup_key, *[each.match_key for each in plan.evidence]]
            for outcome in plan.outcomes:
                keys += [outcome.lane, outcome.match_key]
                assert _is_storable(outcome.reason)
                assert _is_storable(outcome.path)
            if plan.identity is not None:
                keys += [plan.identity.user_id, plan.identity.email]
            assert all(_is_storable(key) and len(key.encode()) <= 1024 for key in keys)
            assert _is_storable(intake.problem)
            assert intake.engagement is None or _is_storable(intake.engagement.kind)


@given(source=st.sampled_from(SourceName), body=objects | st.lists(objects, max_size=3) | values)
@settings(max_examples=300, deadline=None)
def test_any_json_has_an_outcome_for_every_piece_and_nothing_raises(source: SourceName, body: object):
    if source is SourceName.SEGMENT and isinstance(body, dict):
        body = {**body, "type": "track"}

    for plan in plans(source, body):
        assert plan.outcomes
        for outcome in plan.outcomes:
            assert outcome.body if outcome.state is State.PENDING else outcome.reason
            assert not outcome.reason.startswith("mapping:")


@given(changes=objects, index=st.integers(0, 4))
@settings(max_examples=150, deadline=None)
def test_the_same_input_gives_the_same_calls(changes: dict[str, Any], index: int):
    source, body = (
        (SourceName.MAILMODO, activity("Email Form Submitted", answers=changes)),
        (SourceName.MAILJET, {**mailjet_event(), **changes}),
        (
            SourceName.CUSTOMERIO,
            customerio_event("clicked", **{f"x{key}": value for key, value in changes.items()}),
        ),
        (SourceName.SEGMENT, identify("u-1", **{**changes, "email": "a@b.co"})),
        (SourceName.CLEVERTAP, {"email": "a@b.co", "data": changes}),
    )[index]

    assert plans(source, body) == plans(source, body)


@given(
    changes=objects,
    kind=st.sampled_from(["activity", "mailjet", "customerio", "identify", "track", "trigger"]),
)
@settings(max_examples=300, deadline=None)
def test_every_call_keeps_the_contract_of_whoever_gets_it(changes: dict[str, Any], kind: str):
    source, body = {
        "activity": (SourceName.MAILMODO, activity("Email Form Submitted", answers=changes)),
        "mailjet": (SourceName.MAILJET, {**changes, **mailjet_event("bounce")}),
        "customerio": (
            SourceName.CUSTOMERIO,
            customerio_event("clicked", **{f"x{key}": value for key, value in changes.items()}),
        ),
        "identify": (SourceName.SEGMENT, identify("u-1", **{**changes, "email": "a@b.co"})),
        "track": (SourceName.SEGMENT, track("u-1") | {"properties": changes}),
        "trigger": (SourceName.CLEVERTAP, {"email": "a@b.co", "data": changes}),
    }[kind]

    for plan in plans(source, body):
        for outcome in plan.outcomes:
            assert outcome.state is State.PENDING
            vendor = outcome.destination.partition("/")[0]
            path = {"clevertap": "/1/upload", "segment": "/v1/batch"}.get(vendor, outcome.path)
            wrap = {"clevertap": b'{"d":[%b]}', "segment": b'{"batch":[%b]}'}.get(vendor, b"%b")
            assert judge_call(vendor, path, "application/json", wrap % outcome.body) == ()


@given(text=st.text(), limit=st.integers(0, 20))
def test_cutting_keeps_a_prefix_of_whole_characters(text: str, limit: int):
    short = cut(text, limit)

    assert text.startswith(short)
    assert len(short.encode("utf-8", "replace")) <= limit


@given(value=objects)
def test_flattening_twice_changes_nothing(value: dict[str, Any]):
    flat = flatten(value)

    assert flatten(flat) == flat


@given(name=st.text(min_size=1))
def test_snake_case_twice_changes_nothing(name: str):
    assert snake_case(snake_case(name)) == snake_case(name)


def test_half_characters_and_numbers_that_are_none_do_no_harm():
    body = b'{"event":"open","time":1700000060,"email":"\\ud800@b.co","CustomID":"\\udfff","Payload":NaN,"mj_campaign_id":1e999}'
    incoming = Incoming(headers={}, body=body, received_at=START)
    reader = SOURCES[SourceName.MAILJET]

    (intake,) = make_intakes(reader, incoming, read_pieces(reader, incoming))
    (outcome,) = ROUTER.plan(intake, Everybody()).outcomes

    record = json.loads(outcome.body)
    assert record["context"]["traits"]["email"] == "\ufffd@b.co"  # never an address of somebody else
    assert record["properties"] == {"custom_id": "?"}


def test_snake_case_of_usual_names():
    names = {
        "favouriteColour": "favourite_colour",
        "Favourite Colour": "favourite_colour",
        "HTTPCode": "http_code",
    }

    assert {name: snake_case(name) for name in names} == names
