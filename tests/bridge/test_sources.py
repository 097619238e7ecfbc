"""Proof, reading and dedup keys of the five sources."""

from __future__ import annotations

import hmac
import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from multidict import CIMultiDict

from bridge import Kind, Settings, SourceName, Unauthentic, Unreadable
from bridge.engagement import Engagement, engagement_id, instant_from_iso, instant_from_unix, is_address, iso
from bridge.errors import InletOff
from bridge.ingest import read_pieces
from bridge.sources import Incoming, make_sources
from bridge.sources.customerio import sign
from bridge.sources.segment import sign as segment_sign
from bridge.sources.segment import signed_part
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

SOURCES = make_sources(Settings.from_mapping(SETTINGS))

VECTOR = (
    b'{"data":{"campaign_id":7,"customer_id":"u-1","delivery_id":"RAECAAGLz-VoAAABAgMEBQYHCAk=",'
    b'"href":"https://shop.example/?a=1\\u0026b=2","identifiers":{"cio_id":"a3000001","email":"ann@example.com","id":"u-1"},'
    b'"link_id":4,"recipient":"ann@example.com","subject":"Hi"},"event_id":"01HF7YAT000000000000000001",'
    b'"metric":"clicked","object_type":"email","timestamp":1700000000}'
)
VECTOR_SIGNATURE = "0ddf1fe4b9ab931f5b2a10e62df4caa04d9d546f2bffb1fa46ecefbd570a3670"


SEGMENT_VECTOR = (
    '{"type":"track","event":"Email Opened","userId":"u1","messageId":"m1","timestamp":"2026-01-01T00:00:00.000Z",'
    '"receivedAt":"2026-01-01T00:00:00.000Z","context":{},"properties":{"x":1,"u":"é/\\""}}'
).encode()
SEGMENT_SIGNATURE = "47bb00d3586616d9f6b8e299c46da2e4de8e3d66"
"""Made by the published code of Segment's destination. Source: vendor notes Segment 15.2."""


def incoming(
    body: object,
    *,
    headers: dict[str, str] | None = None,
    at: datetime = START,
    secret: str = "",
    where: str = "",
) -> Incoming:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Incoming(headers=CIMultiDict(headers or {}), body=raw, received_at=at, secret=secret, where=where)


def basic(text: str) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(text.encode()).decode()}


def read_one(name: SourceName, body: object, **more: Any) -> Engagement:
    (reading,) = SOURCES[name].read(incoming(body, **more))
    assert reading.engagement is not None
    return reading.engagement


def keys(name: SourceName, body: object, **more: Any) -> list[str]:
    return [reading.dedup_key for reading in SOURCES[name].read(incoming(body, **more))]


# Proof


def test_vendor_notes_signature_vector_is_reproduced():
    assert len(VECTOR) == 369
    assert sign("local-signing-key", "1700000005", VECTOR) == VECTOR_SIGNATURE


@pytest.mark.parametrize("prefix", ["", "v0="])
def test_customerio_signature_is_taken_bare_and_with_its_version(prefix: str):
    at = datetime.fromtimestamp(1700000010, UTC)
    headers = {"X-CIO-Timestamp": "1700000005", "X-CIO-Signature": prefix + VECTOR_SIGNATURE}

    SOURCES[SourceName.CUSTOMERIO].authenticate(incoming(VECTOR, headers=headers, at=at))


@pytest.mark.parametrize("off_s", [-600, 600])
def test_customerio_signature_holds_for_600_seconds_either_way(off_s: int):
    at = datetime.fromtimestamp(1700000005 + off_s, UTC)
    headers = {"X-CIO-Timestamp": "1700000005", "X-CIO-Signature": VECTOR_SIGNATURE}

    SOURCES[SourceName.CUSTOMERIO].authenticate(incoming(VECTOR, headers=headers, at=at))

    late = at + timedelta(seconds=1 if off_s > 0 else -1)
    with pytest.raises(Unauthentic, match="600 s off"):
        SOURCES[SourceName.CUSTOMERIO].authenticate(incoming(VECTOR, headers=headers, at=late))


def test_customerio_takes_any_live_key():
    source = make_sources(Settings.from_mapping({"customerio_signing_keys": ["old", "new"]}))[
        SourceName.CUSTOMERIO
    ]
    for key in ("old", "new"):
        headers = {"X-CIO-Timestamp": "1772422200", "X-CIO-Signature": sign(key, "1772422200", b"{}")}
        source.authenticate(incoming(b"{}", headers=headers))

    headers = {"X-CIO-Timestamp": "1772422200", "X-CIO-Signature": sign("gone", "1772422200", b"{}")}
    with pytest.raises(Unauthentic, match="none of the signing keys"):
        source.authenticate(incoming(b"{}", headers=headers))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-CIO-Timestamp": "1700000005"},
        {"X-CIO-Signature": VECTOR_SIGNATURE},
        {"X-CIO-Timestamp": "soon", "X-CIO-Signature": VECTOR_SIGNATURE},
        {"X-CIO-Timestamp": "1700000006", "X-CIO-Signature": VECTOR_SIGNATURE},
        {"X-CIO-Timestamp": "1700000005", "X-CIO-Signature": "é" * 64},
        # Bytes that are no UTF-8, as the server reads them from a header.
        {"X-CIO-Timestamp": "1700000005", "X-CIO-Signature": b"\xff\xfe".decode("utf-8", "surrogateescape")},
    ],
)
def test_customerio_without_a_fitting_signature_is_refused(headers: dict[str, str]):
    at = datetime.fromtimestamp(1700000005, UTC)

    with pytest.raises(Unauthentic):
        SOURCES[SourceName.CUSTOMERIO].authenticate(incoming(VECTOR, headers=headers, at=at))


def test_customerio_signature_covers_the_raw_bytes():
    at = datetime.fromtimestamp(1700000005, UTC)
    headers = {"X-CIO-Timestamp": "1700000005", "X-CIO-Signature": VECTOR_SIGNATURE}

    with pytest.raises(Unauthentic):
        SOURCES[SourceName.CUSTOMERIO].authenticate(
            incoming(json.dumps(json.loads(VECTOR)).encode(), headers=headers, at=at)
        )


@pytest.mark.parametrize(
    ("name", "right"), [(SourceName.MAILJET, "mailjet:mj-secret"), (SourceName.SEGMENT, "destination-key:")]
)
def test_basic_credentials_are_demanded(name: SourceName, right: str):
    SOURCES[name].authenticate(incoming(b"", headers=basic(right)))

    for wrong in (
        basic(right + "x"),
        basic(""),
        {},
        {"Authorization": "Basic ***"},
        {"Authorization": "Bearer x"},
    ):
        with pytest.raises(Unauthentic):
            SOURCES[name].authenticate(incoming(b"", headers=wrong))


@pytest.mark.parametrize(
    ("name", "right"), [(SourceName.CLEVERTAP, "ct-secret"), (SourceName.MAILMODO, "mm-secret")]
)
def test_the_secret_in_the_url_is_demanded(name: SourceName, right: str):
    SOURCES[name].authenticate(incoming(b"", secret=right))

    for wrong in ("", "x", "é"):
        with pytest.raises(Unauthentic):
            SOURCES[name].authenticate(incoming(b"", secret=wrong))


@pytest.mark.parametrize(
    ("name", "settings", "proofs"),
    [
        (
            SourceName.CLEVERTAP,
            {"clevertap_webhook_secret": "new", "clevertap_webhook_secret_old": "old"},
            lambda secret: ({"secret": secret}, {"headers": basic(f"anybody:{secret}")}),
        ),
        (
            SourceName.MAILMODO,
            {"mailmodo_webhook_secret": "new", "mailmodo_webhook_secret_old": "old"},
            lambda secret: ({"secret": secret},),
        ),
        (
            SourceName.MAILJET,
            {
                "mailjet_webhook_user": "m",
                "mailjet_webhook_password": "new",
                "mailjet_webhook_password_old": "old",
            },
            lambda secret: ({"headers": basic(f"m:{secret}")},),
        ),
        (
            SourceName.SEGMENT,
            {"segment_destination_api_key": "new", "segment_destination_api_key_old": "old"},
            lambda secret: ({"headers": basic(f"{secret}:")},),
        ),
    ],
)
def test_two_secrets_are_live_while_one_is_rotated(name: SourceName, settings: dict[str, str], proofs: Any):
    source = make_sources(Settings.from_mapping(settings))[name]

    for secret in ("new", "old"):
        for proof in proofs(secret):
            source.authenticate(incoming(b"{}", **proof))
    for secret in ("gone", "", "newold"):
        for proof in proofs(secret):
            with pytest.raises(Unauthentic):
                source.authenticate(incoming(b"{}", **proof))


def test_every_live_secret_is_compared_whichever_fits(monkeypatch: pytest.MonkeyPatch):
    """How long a comparison takes must not tell which secret fits, nor how much of one."""
    compared: list[tuple[bytes, bytes]] = []
    compare = hmac.compare_digest

    def count(first: bytes, second: bytes) -> bool:
        compared.append((first, second))
        return compare(first, second)

    monkeypatch.setattr("bridge.sources.base.hmac.compare_digest", count)
    settings = Settings.from_mapping(
        {
            **SETTINGS,
            "mailmodo_webhook_secret_old": "old",
            "clevertap_webhook_secret_old": "old",
            "mailjet_webhook_password_old": "old",
            "segment_destination_api_key_old": "old",
            "customerio_signing_keys": ["local-signing-key", "old"],
        }
    )
    sources = make_sources(settings)
    stamp = str(int(START.timestamp()))
    for name, proof in {
        SourceName.MAILMODO: {"secret": "mm-secret"},
        SourceName.CLEVERTAP: {"secret": "ct-secret"},
        SourceName.MAILJET: {"headers": basic("mailjet:mj-secret")},
        SourceName.SEGMENT: {"headers": basic("destination-key:")},
        SourceName.CUSTOMERIO: {
            "headers": {
                "X-CIO-Timestamp": stamp,
                "X-CIO-Signature": sign("local-signing-key", stamp, b"{}"),
            }
        },
    }.items():
        compared.clear()
        sources[name].authenticate(incoming(b"{}", **proof))  # type: ignore[arg-type]  # a table of keywords
        assert len(compared) == 2, name


def test_a_source_without_its_proof_is_off():
    assert not any(source.is_on for source in make_sources(Settings()).values())


# Mailmodo


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ("Email Sent", Kind.SENT),
        ("Email Opened", Kind.OPENED),
        ("Link Clicked", Kind.LINK_CLICKED),
        ("Email Form Submitted", Kind.FORM_SUBMITTED),
        ("Email Marked as Spam", Kind.MARKED_AS_SPAM),
        ("Email Bounced", Kind.BOUNCED),
        ("Email Unsubscribed", Kind.UNSUBSCRIBED),
        ("Email Recycled", Kind.OTHER),
    ],
)
def test_mailmodo_activities_have_their_kind(event: str, kind: Kind):
    assert read_one(SourceName.MAILMODO, activity(event)).kind is kind


def test_mailmodo_activity_is_read_whole():
    body = activity("Email Form Submitted", colour="blue", properties={"moon": "full"})

    engagement = read_one(SourceName.MAILMODO, body)

    assert engagement.id == engagement_id(SourceName.MAILMODO, "a-1")
    assert iso(engagement.occurred_at) == "2026-03-02T03:29:58.250Z"
    assert engagement.received_at == START
    assert engagement.recipient.email == "asha@example.com"
    assert engagement.recipient.clevertap_id == OBJECT_ID
    assert engagement.message.template_name == "NPS Survey"
    assert engagement.message.trigger_source == "CleverTap"
    assert engagement.form.answers == {"score": 9, "why": "Fast"}
    assert engagement.extras == {"colour": "blue", "properties": {"moon": "full"}}


def test_mailmodo_activity_without_an_id_is_known_by_what_it_is_to_the_second():
    first = activity(id_="")
    same = {**first, "occurred_at": "2026-03-02T03:29:58.900Z"}
    other = {**first, "occurred_at": "2026-03-02T03:29:59.000Z"}

    assert keys(SourceName.MAILMODO, first) == keys(SourceName.MAILMODO, same)
    assert keys(SourceName.MAILMODO, first) != keys(SourceName.MAILMODO, other)


@pytest.mark.parametrize(
    ("found", "read"),
    [(True, True), (False, False), ("true", True), ("False", False), ("?", None), (1, None)],
)
def test_mailmodo_flags_are_read_as_booleans_or_their_text(found: object, read: bool | None):  # noqa: FBT001 - a table
    engagement = read_one(SourceName.MAILMODO, activity(properties={"apple_privacy_open": found}))

    assert engagement.client.apple_privacy_open is read


# Mailjet


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ("sent", Kind.DELIVERED),
        ("open", Kind.OPENED),
        ("click", Kind.LINK_CLICKED),
        ("bounce", Kind.BOUNCED),
        ("spam", Kind.MARKED_AS_SPAM),
        ("unsub", Kind.UNSUBSCRIBED),
        ("blocked", Kind.OTHER),
    ],
)
def test_mailjet_events_have_their_kind(event: str, kind: Kind):
    assert read_one(SourceName.MAILJET, mailjet_event(event)).kind is kind


def test_mailjet_message_id_beyond_double_precision_stays_exact():
    assert read_one(SourceName.MAILJET, mailjet_event()).message.id == "1152921509597813712"


def test_mailjet_array_and_object_give_the_same_keys_however_events_are_regrouped():
    first, second = mailjet_event(), mailjet_event("click", url="https://x.example/")

    together = keys(SourceName.MAILJET, [first, second])

    assert together == keys(SourceName.MAILJET, first) + keys(SourceName.MAILJET, second)
    assert together == keys(SourceName.MAILJET, [dict(reversed(first.items())), second])
    assert len(set(together)) == 2


def test_mailjet_empty_array_has_no_pieces():
    assert keys(SourceName.MAILJET, []) == []


def test_one_unreadable_mailjet_event_does_not_stop_the_others():
    readings = SOURCES[SourceName.MAILJET].read(incoming([mailjet_event(), {"event": "open"}, 7]))

    assert [reading.engagement is not None for reading in readings] == [True, False, False]
    assert "UNIX seconds" in readings[1].problem


# Customer.io


@pytest.mark.parametrize(
    ("metric", "kind"),
    [
        ("delivered", Kind.DELIVERED),
        ("opened", Kind.OPENED),
        ("clicked", Kind.LINK_CLICKED),
        ("unsubscribed", Kind.UNSUBSCRIBED),
        ("bounced", Kind.BOUNCED),
        ("spammed", Kind.MARKED_AS_SPAM),
        ("drafted", Kind.OTHER),
        ("invented", Kind.OTHER),
    ],
)
def test_customerio_metrics_have_their_kind_in_both_formats(metric: str, kind: Kind):
    legacy = {
        "event_type": f"email_{metric}",
        "event_id": "01C9",
        "timestamp": 1522339032,
        "data": {"email_id": "ZI6a", "email_address": "Ann <ann@example.com>", "customer_id": "u-1"},
    }

    assert read_one(SourceName.CUSTOMERIO, customerio_event(metric)).kind is kind
    assert read_one(SourceName.CUSTOMERIO, legacy).kind is kind
    assert read_one(SourceName.CUSTOMERIO, legacy).recipient.email == "ann@example.com"


def test_customerio_event_of_the_person_is_not_one_of_a_message():
    body = customerio_event("unsubscribed")
    body["data"] = {"customer_id": "u-1", "email_address": "ann@example.com", "identifiers": {"id": "u-1"}}

    assert read_one(SourceName.CUSTOMERIO, body).kind is Kind.OTHER


def test_customerio_misspelt_channel_key_is_understood():
    body = customerio_event()
    body["object_type_type"] = body.pop("object_type")

    assert read_one(SourceName.CUSTOMERIO, body).kind is Kind.OPENED


def test_customerio_sms_is_no_email():
    body = {**customerio_event("clicked"), "object_type": "sms"}

    assert read_one(SourceName.CUSTOMERIO, body).kind is Kind.OTHER


@pytest.mark.parametrize(
    ("identifiers", "recipient", "email"),
    [
        ({"email": "ann@example.com"}, "other@example.com", "ann@example.com"),
        ({"id": "u-1"}, "ann@example.com", "ann@example.com"),
        ({"id": "u-1"}, "Ann <ann@example.com>, bob@example.com", "ann@example.com"),
        ({"id": "u-1"}, "ann@example.com,bob@example.com", "ann@example.com"),
        ({"id": "u-1"}, "ann@@example.com, bob@example.com", "bob@example.com"),
        ({"id": "u-1"}, '"Roe, Ann" <ann@example.com>', "ann@example.com"),
        ({"id": "u-1"}, "+15551234567", ""),
        ({"id": "u-1"}, "#general", ""),
    ],
)
def test_customerio_address_is_an_address_or_nothing(identifiers: dict[str, str], recipient: str, email: str):
    engagement = read_one(
        SourceName.CUSTOMERIO, customerio_event(identifiers=identifiers, recipient=recipient)
    )

    assert engagement.recipient.email == email


def test_customerio_key_is_the_event_id():
    assert keys(SourceName.CUSTOMERIO, VECTOR) == ["01HF7YAT000000000000000001"]


# Segment


def test_segment_identify_and_track_are_read():
    identified = read_one(SourceName.SEGMENT, identify("u-1", email=" asha@example.com ", plan="pro"))
    tracked = read_one(SourceName.SEGMENT, track("u-1", price=18.99))

    assert (identified.kind, identified.recipient.email, identified.recipient.user_id) == (
        Kind.CONTACT_IDENTIFIED,
        "asha@example.com",
        "u-1",
    )
    assert tracked.kind is Kind.CUSTOM_TRACKED
    assert tracked.extras["event"] == "Product Viewed"
    assert iso(tracked.occurred_at) == "2026-03-02T03:29:30.000Z"


@pytest.mark.parametrize("kind", ["page", "screen", "group", "alias", "delete"])
def test_segment_call_of_another_type_is_kept(kind: str):
    engagement = read_one(SourceName.SEGMENT, {"type": kind, "messageId": "m", "timestamp": None})

    assert (engagement.kind, engagement.extras["type"]) == (Kind.OTHER, kind)


def test_segment_webhook_needs_the_secret_in_its_url_and_a_signature_once_one_is_set():
    settings = Settings.from_mapping(
        {
            "segment_destination_api_key": "sk",
            "segment_webhook_secret": "sw",
            "segment_webhook_secret_old": "sv",
            "segment_signing_secrets": ["s3cret"],
        }
    )
    source = make_sources(settings)[SourceName.SEGMENT]
    signed = {"X-Signature": SEGMENT_SIGNATURE}

    for secret in ("sw", "sv"):
        source.authenticate(incoming(SEGMENT_VECTOR, secret=secret, headers=signed))
    for secret, headers, body in (
        ("sx", signed, SEGMENT_VECTOR),
        ("sw", {}, SEGMENT_VECTOR),
        ("sw", {"X-Signature": "é"}, SEGMENT_VECTOR),
        ("sw", signed, SEGMENT_VECTOR + b" "),
        ("", signed, SEGMENT_VECTOR),
    ):
        with pytest.raises(Unauthentic):
            source.authenticate(incoming(body, secret=secret, headers=headers))


@pytest.mark.parametrize("between", [b"", b" ", b"\n  "])
def test_segment_signs_the_first_event_of_a_batch_alone(between: bytes):
    batch = between + b"[" + between + SEGMENT_VECTOR + between + b',{"type":"track","messageId":"m2"}]'

    assert segment_sign("s3cret", signed_part(batch)) == SEGMENT_SIGNATURE


@pytest.mark.parametrize("body", [b"", b"[", b"[]", b"[{", b"[" * 100_000, b"\xff", b"[\xff"])
def test_a_body_without_a_first_event_is_signed_whole(body: bytes):
    assert signed_part(body) == body


def test_a_segment_webhook_without_signing_secrets_needs_its_url_secret_only():
    source = make_sources(Settings.from_mapping({"segment_webhook_secret": "sw"}))[SourceName.SEGMENT]

    assert source.is_on
    source.authenticate(incoming(b"{}", secret="sw"))
    with pytest.raises(InletOff):  # an empty key is no key
        source.authenticate(incoming(b"{}", headers=basic(":")))


# CleverTap


def test_clevertap_trigger_is_read_with_keys_in_any_case():
    body = {"Email": " asha@example.com ", "CleverTap_ID": OBJECT_ID, "Data": {"first_name": "Asha"}}

    engagement = read_one(SourceName.CLEVERTAP, body, where="camp-1")

    assert engagement.kind is Kind.CAMPAIGN_TRIGGERED
    assert engagement.where == "camp-1"
    assert engagement.recipient.email == "asha@example.com"
    assert engagement.recipient.clevertap_id == OBJECT_ID
    assert engagement.extras["data"] == {"first_name": "Asha"}


def test_clevertap_id_is_read_at_the_top_and_then_in_data():
    inside = read_one(SourceName.CLEVERTAP, {"email": "a@b.co", "data": {"clevertap_id": "in", "x": 1}})
    both = read_one(
        SourceName.CLEVERTAP, {"email": "a@b.co", "clevertap_id": "top", "data": {"clevertap_id": "in"}}
    )

    assert inside.recipient.clevertap_id == "in"
    assert inside.extras["data"] == {"x": 1}
    assert both.recipient.clevertap_id == "top"


@pytest.mark.parametrize("as_list", [True, False])
def test_clevertap_default_body_is_one_trigger_per_profile(as_list: bool):  # noqa: FBT001 - a table
    profile = {
        "Email": "asha@example.com",
        "ObjectId": OBJECT_ID,
        "profileData": {"plan": "pro"},
        "key_values": {"k": "2"},
    }
    body = {"targetId": 12, "key_values": {"k": "1", "l": "3"}, "profiles": [profile] if as_list else profile}

    engagement = read_one(SourceName.CLEVERTAP, body, where="camp-1")

    assert engagement.recipient.email == "asha@example.com"
    assert engagement.recipient.clevertap_id == OBJECT_ID
    assert engagement.extras["data"] == {"plan": "pro", "k": "2", "l": "3"}


def test_clevertap_broadcast_profiles_have_keys_of_their_own():
    body = {"profiles": [{"email": "a@b.co"}, {"email": "c@d.co"}], "key_values": {}}

    found = keys(SourceName.CLEVERTAP, body, where="camp-1")

    assert len(set(found)) == 2


def test_each_piece_of_a_broadcast_can_be_read_again_alone():
    body = {"profiles": [{"email": "a@b.co"}, {"email": "c@d.co"}], "key_values": {"k": "1"}}
    source = SOURCES[SourceName.CLEVERTAP]
    readings = source.read(incoming(body, where="camp-1"))

    again = [source.read(incoming(reading.raw, where="camp-1"))[0] for reading in readings]

    assert [(each.dedup_key, each.engagement) for each in again] == [
        (each.dedup_key, each.engagement) for each in readings
    ]


def test_a_clevertap_default_body_without_profiles_is_not_lost():
    with pytest.raises(Unreadable, match="at least one profile"):
        SOURCES[SourceName.CLEVERTAP].read(incoming({"targetId": 1, "profiles": []}))


@pytest.mark.parametrize("flag", [True, "true"])
def test_clevertap_test_call_is_no_trigger(flag: object):
    profile = {"Identity": "x", "Email": "test@example.com", "push_token": "y"}
    body = {"is_test": flag, "targetId": 1234, "key_values": {"key": "value"}, "profiles": [profile] * 5}

    engagement = read_one(SourceName.CLEVERTAP, body, where="camp-1")

    assert engagement.kind is Kind.OTHER


def test_clevertap_key_is_the_trigger_id_where_the_set_up_sends_one():
    first = {"email": "a@b.co", "trigger_id": "t-1", "data": {"at": 1}}
    again = {"email": "a@b.co", "trigger_id": "t-1", "data": {"at": 2}}
    other = {"email": "a@b.co", "trigger_id": "t-2", "data": {"at": 1}}

    assert keys(SourceName.CLEVERTAP, first) == keys(SourceName.CLEVERTAP, again)
    assert keys(SourceName.CLEVERTAP, first) != keys(SourceName.CLEVERTAP, other)


def test_clevertap_key_without_a_trigger_id_is_campaign_person_and_body():
    body = {"email": "a@b.co", "data": {"x": 1}}

    assert keys(SourceName.CLEVERTAP, body, where="c") == keys(
        SourceName.CLEVERTAP, dict(reversed(body.items())), where="c"
    )
    assert keys(SourceName.CLEVERTAP, body, where="c") != keys(SourceName.CLEVERTAP, body, where="d")
    assert keys(SourceName.CLEVERTAP, body, where="c") != keys(
        SourceName.CLEVERTAP, {**body, "data": {"x": 2}}, where="c"
    )


# All


@pytest.mark.parametrize("name", list(SourceName))
@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe\x00", b"[" * 100_000, b'"text"', b"null"])
def test_authentic_nonsense_is_one_piece_that_says_why(name: SourceName, body: bytes):
    (reading,) = read_pieces(SOURCES[name], incoming(body))

    assert reading.engagement is None
    assert reading.problem
    assert len(reading.raw) == len(body)


@pytest.mark.parametrize("value", [None, "", "soon", True, -1, 1e300, float("nan"), [], {}, "٣"])
def test_a_time_that_is_none_is_unreadable(value: object):
    with pytest.raises(Unreadable):
        instant_from_unix(value)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2026-03-02T03:30:00Z", "2026-03-02T03:30:00.000Z"),
        ("2026-03-02T09:00:00.1239+05:30", "2026-03-02T03:30:00.123Z"),
        ("2026-03-02T03:30:00.123456789Z", "2026-03-02T03:30:00.123Z"),
        ("2026-03-02T03:30:00", "2026-03-02T03:30:00.000Z"),
    ],
)
def test_iso_times_of_all_senders_are_read(text: str, wanted: str):
    assert iso(instant_from_iso(text)) == wanted


@pytest.mark.parametrize("value", [None, 1700000000, "yesterday", "0001-01-01T00:00:00+14:00"])
def test_an_iso_time_that_is_none_is_unreadable(value: object):
    with pytest.raises(Unreadable):
        instant_from_iso(value)


@pytest.mark.parametrize(
    "text", ["asha@example.com", "a.b+c@sub.example.co.in", "o'neil@example.com", "ü@example.de"]
)
def test_addresses_are_addresses(text: str):
    assert is_address(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "${user_email}",
        "asha",
        "asha@",
        "@example.com",
        "a@b",
        "a b@example.com",
        "a\0@example.com",
        "a\ufffd@example.com",
        "a@example.com\x7f",
        "a@b.c,d@e.f",
        "a@" + "b" * 260 + ".co",
    ],
)
def test_placeholders_and_scraps_are_no_addresses(text: str):
    assert not is_address(text)
