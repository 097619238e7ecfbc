"""What the notes on CleverTap show word for word, with their section: whole answers, not parts of them.

Whatever the notes show as code and is more than a word stands in an example here, or in `BESIDES` with the reason.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections import Counter
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import pytest
from aiohttp import web

from contracts import load_contract
from fakes.clevertap import CleverTapSettings, ContentFormat, Did, DidNot, SmsCampaign, WebhookCampaign
from fakes.clevertap.records import RESERVED_EVENTS
from fakes.clevertap.segments import Behaviour, Segment
from fakes.clevertap.webhooks import WebhookTemplate
from tests.fakes.clevertap.account import (
    HOOK,
    NOW_TS,
    PHONE,
    Account,
    account,
    event,
    person,
    sms,
    with_people,
    with_webhook,
)
from tests.fakes.clevertap.examples import (
    ACCOUNT,
    EMAIL,
    EXAMPLES,
    OPENED,
    SMS,
    SUCCESS,
    UNPUBLISHED,
    Example,
    device,
    headers,
)
from tests.support.notes import Like, compare, marked, needs_notes, parts, says, unsaid

if TYPE_CHECKING:
    from collections.abc import Mapping

VENDOR: Final = "clevertap"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"{example.section} {example.shows}"[:60])
async def test_request_is_answered_as_shown(example: Example) -> None:
    method, path, body = example.request
    async with account(example.settings) as ct:
        await example.given(ct)

        answer = await ct.call(
            method,
            path,
            body=body,
            headers=None if example.headers is None else dict(example.headers),
            host=example.host,
        )

        asked = None if isinstance(body, bytes) else body
        assert answer == example.answer
        assert not [text for text in example.shows if not says(text, answer[1], asked)]


# What takes more than one request


async def get(ct: Account, path: str) -> Any:
    _, answer = await ct.call("GET", path)
    return answer


async def post(ct: Account, path: str, **body: Any) -> Any:
    _, answer = await ct.call("POST", path, body=body)
    return answer


@pytest.mark.shows("2", "application/json; charset=utf-8", "content-type: application/json;charset=utf-8")
@pytest.mark.shows("15", "content-type: application/json;charset=utf-8")
async def test_media_types() -> None:
    sent = {**headers(), "Content-Type": "application/json; charset=utf-8"}
    async with account() as ct:
        async with ct.stage.session.post(ct.url("/1/upload"), data=b'{"d":[]}', headers=sent) as answer:
            body = await answer.read()

        shown = {name.lower(): value for name, value in answer.headers.items()}
        assert f"content-type: {shown['content-type']}" == "content-type: application/json;charset=utf-8"
        assert body == b'{"status":"success","processed":0,"unprocessed":[]}'
        assert len('{ "status" : "fail" , "error" : "Account ID is not valid" , "code" : 401}') == 73


@pytest.mark.shows("3", "An unknown error occurred")
async def test_fault_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    async with account() as ct:

        def fail(_email: str) -> None:
            raise RuntimeError("the fake's own fault")

        monkeypatch.setattr(ct.fake.state, "profile_by_email", fail)

        assert await ct.call("GET", "/1/profile.json?email=a@example.com") == (
            500,
            {"status": "fail", "error": "An unknown error occurred", "code": 500},
        )
        ct.stage.recorder.errors.clear()


@pytest.mark.shows("3", '{"status":"fail","error":"Too many concurrent requests","code":429}')
@pytest.mark.parametrize(
    ("limit", "request_"),
    [
        (15, ("POST", "/1/upload", {"d": []})),
        (3, ("POST", "/1/counts/events.json", OPENED)),
        (3, ("POST", "/1/targets/list.json", {"from": 20260301, "to": 20260302})),
        (3, ("POST", "/1/message/report.json", {"from": "20260301", "to": "20260302"})),
        (3, ("POST", "/1/delete/profiles.json", {"identity": "x"})),
        (3, ("POST", "/1/demerge/profiles.json", {"identities": ["x"]})),
        (3, ("POST", "/1/send/externaltrigger.json", {})),
    ],
)
async def test_calls_in_flight(limit: int, request_: tuple[str, str, Any]) -> None:
    method, path, body = request_
    async with account() as ct:
        answers = await asyncio.gather(*(ct.call(method, path, body=body) for _ in range(limit + 1)))

        refused = (429, {"status": "fail", "error": "Too many concurrent requests", "code": 429})
        assert Counter(status for status, _ in answers)[429] == 1
        assert refused in answers
        for exchange in ct.stage.recorder.exchanges:
            assert not [name for name in exchange.response_headers if "limit" in name.lower()]
            assert "Retry-After" not in exchange.response_headers


@pytest.mark.shows("2", "MM Email Opened")
@pytest.mark.shows("6", "user_id = hello@mailmodo.com")
async def test_sample_of_mailmodo_creates_a_person_by_identity() -> None:
    """The seed's `user_id = hello@mailmodo.com` is an identity and no objectId."""
    async with account() as ct:
        await ct.upload(event("MM Email Opened", identity="hello@mailmodo.com"))

        record = (await get(ct, "/1/profile.json?identity=hello@mailmodo.com"))["record"]
        assert (record["identity"], list(record["events"])) == ("hello@mailmodo.com", ["MM Email Opened"])
        assert await get(ct, "/1/profile.json?objectId=hello@mailmodo.com") == SUCCESS


@pytest.mark.shows(
    "4",
    "MM Email Opened",
    "MM Email Link Clicked",
    "MM Email Form Submitted",
    "MM <Template Name> Form Submitted",
    "MM Email Bounced",
    "MM Email Unsubscribed",
    "MM Email Marked as Spam",
)
@pytest.mark.shows("14.3", "MM Email Opened", "MM Email Form Submitted")
async def test_events_of_mailmodo_are_stored_under_their_names() -> None:
    names = [
        "MM Email Opened",
        "MM Email Link Clicked",
        "MM Email Form Submitted",
        "MM NPS Survey Form Submitted",
        "MM Email Bounced",
        "MM Email Unsubscribed",
        "MM Email Marked as Spam",
    ]
    async with account() as ct:
        answer = await ct.upload(*(event(name, evtData={"campaign_name": "nps"}) for name in names))

        assert answer == {"status": "success", "processed": 7, "unprocessed": []}
        assert list((await ct.profile(EMAIL))["events"]) == names


FORBIDDEN: Final = "% > < ! | & . : ; $ ' \" \\"


@pytest.mark.shows("4", FORBIDDEN)
@pytest.mark.parametrize("character", [*FORBIDDEN.split(), "#"])
@pytest.mark.answers("clevertap", 7)
async def test_forbidden_characters_are_taken_out_of_names(character: str) -> None:
    """Section 15, row 7: stripped and accepted, as the SDKs do; `#` only from the keys of profiles."""
    async with account() as ct:
        await ct.upload(
            event(f"A{character}B", evtData={f"k{character}": 1}), person(**{f"p{character}": "v"})
        )

        kept = "" if character in FORBIDDEN.split() else character
        [stored] = ct.facts("event_stored")
        assert (stored.details["name"], stored.details["properties"]) == (f"A{kept}B", {f"k{kept}": 1})
        assert (await ct.profile(EMAIL))["profileData"] == {"p": "v"}


@pytest.mark.shows("4", "Sign Up")
async def test_names_without_case_and_blanks() -> None:
    async with account() as ct:
        await ct.upload(event("SignUp"), event("Sign Up"))
        assert (await ct.profile(EMAIL))["events"]["SignUp"]["count"] == 2

        ct.fake.state.discard_event("Sign Up")
        assert (await ct.refusal(event("SIGNUP")))[0] == 528


@pytest.mark.shows(
    "4",
    '{"$set":[…]}',
    '{"$add":[…]}',
    '{"$remove":[…]}',
    '{"$delete":true}',
    '{"$incr":n}',
    '{"$decr":n}',
)
@pytest.mark.parametrize(
    ("before", "change", "after"),
    [
        (["a"], {"$set": ["b", "c"]}, ["b", "c"]),
        (["a"], {"$add": ["b"]}, ["a", "b"]),
        (None, {"$add": ["b"]}, ["b"]),
        (7, {"$add": ["b"]}, ["7", "b"]),
        (["a", "b"], {"$remove": ["a"]}, ["b"]),
        ("a", {"$remove": ["b"]}, ["a"]),
        (["a"], {"$remove": ["a"]}, None),
        ("a", {"$delete": True}, None),
        ("a", {"$delete": 1}, None),
        (5, {"$incr": 2}, 7),
        (None, {"$incr": 2}, 2),
        (5, {"$decr": 2}, 3),
        (["a"], ["b"], ["b"]),
        (None, [str(n) for n in range(101)], [str(n) for n in range(1, 101)]),
    ],
)
@pytest.mark.answers("clevertap", 10)
@pytest.mark.bounds("clevertap", "4: at most 100, each at most 512; when full the oldest go first")
async def test_operators(before: Any, change: Any, after: Any) -> None:
    async with account() as ct:
        if before is not None:
            await ct.upload(person(key=before))
        await ct.upload(person(key=change))

        assert (await ct.profile(EMAIL))["profileData"].get("key") == after


@pytest.mark.shows("4", "apns gcm fcm wns mpns chrome")
@pytest.mark.parametrize(
    ("kind", "object_id", "platform"),
    [
        ("apns", "-i", "iOS"),
        ("gcm", "__a", "Android"),
        ("fcm", "__a", "Android"),
        ("wns", "~w", "Windows"),
        ("mpns", "~w", "Windows"),
        ("chrome", "d" * 32, "Web"),
    ],
)
async def test_tokens_by_type(kind: str, object_id: str, platform: str) -> None:
    """Each of `apns gcm fcm wns mpns chrome` fits the devices whose objectId says so."""
    keys = {"keys": {"p256dh": "k", "auth": "a"}} if kind == "chrome" else {}
    token = {"type": "token", "objectId": object_id, "tokenData": {"id": "t", "type": kind, **keys}}
    async with account() as ct:
        assert (await ct.upload(token))["processed"] == 1

        [shown] = (await get(ct, f"/1/profile.json?objectId={object_id}"))["record"]["platformInfo"]
        assert (shown["platform"], shown["push_token"]) == (platform, "t")


@pytest.mark.parametrize(
    ("limit", "count", "stored"), [(256, 256, 1), (256, 257, 0), (100, 100, 1), (100, 101, 0)]
)
@pytest.mark.answers("clevertap", 5)
@pytest.mark.bounds("clevertap", "4: Properties per event: 256")
async def test_properties_an_event_may_have(limit: int, count: int, stored: int) -> None:
    """Section 15, row 5: 256, or the 100 of today in a strict account."""
    settings = (
        ACCOUNT if limit == ACCOUNT.max_event_properties else CleverTapSettings(max_event_properties=limit)
    )
    async with account(settings) as ct:
        answer = await ct.upload(event(evtData={f"k{n}": n for n in range(count)}))

        assert answer["processed"] == stored


@pytest.mark.answers("clevertap", 6)
@pytest.mark.bounds("clevertap", "4: Key length 120 characters, value length 512")
async def test_longest_key_and_value() -> None:
    """Section 15, row 6: cut, stored, and told in the error stream."""
    async with account() as ct:
        await ct.upload(event(evtData={"k" * 121: "v" * 513}))

        [stored] = ct.facts("event_stored")
        assert stored.details["properties"] == {"k" * 120: "v" * 512}
        assert len(ct.fake.state.error_stream) == 1


OWN: Final = "( ) ! : @ $ _ -"


@pytest.mark.shows("6", OWN)
async def test_own_object_ids() -> None:
    async with account() as ct:
        for character in OWN.split():
            assert (await ct.upload(event(identity="", objectId=f"_w_a{character}")))["processed"] == 1
        for character in "*/ ":
            assert (await ct.refusal(event(objectId=f"a{character}b")))[0] == 526


@pytest.mark.shows("6", "Identity Error")
async def test_two_identities_on_one_profile() -> None:
    async with account() as ct:
        await ct.upload(person("one@example.com"), person("two@example.com"))
        await ct.upload(person("one@example.com", identity="two@example.com"))

        assert list((await ct.profile("one@example.com"))["events"]) == ["Identity Error"]


@pytest.mark.shows("7", "status: fail", 'error: "Request still in progress, please retry later"', "code: 2")
async def test_page_that_is_being_prepared() -> None:
    async with account(CleverTapSettings(export_polls=1)) as ct:
        await ct.upload(event())
        cursor = (await post(ct, "/1/events.json", **OPENED))["cursor"]

        first = await get(ct, f"/1/events.json?cursor={cursor}")
        second = await get(ct, f"/1/events.json?cursor={cursor}")

        texts = ("status: fail", 'error: "Request still in progress, please retry later"', "code: 2")
        assert first == {
            "status": "fail",
            "error": "Request still in progress, please retry later",
            "code": 2,
        }
        assert all(says(text, first) for text in texts)
        assert len(second["records"]) == 1
        assert sorted(second) == ["records", "status"]


OPERATORS: Final = (
    "equals not_equals contains does_not_contain exists does_not_exist greater_than greater_than_equals "
    "less_than less_than_equals"
)


@pytest.mark.shows("7", OPERATORS)
async def test_operators_of_queries() -> None:
    """On scores of 3, 9 and none; who has none is not equal to 9 either."""
    found = {"equals": 1, "not_equals": 2, "contains": 1, "does_not_contain": 2, "exists": 2, "does_not_exist": 1,
             "greater_than": 0, "greater_than_equals": 1, "less_than": 1, "less_than_equals": 2}  # fmt: skip
    counts = {}
    async with account() as ct:
        await ct.upload(event(evtData={"score": 3}), event(evtData={"score": 9}), event())
        for operator in OPERATORS.split():
            only = [{"name": "score", "operator": operator, "value": 9}]
            counts[operator] = (await post(ct, "/1/counts/events.json", **OPENED, event_properties=only))[
                "count"
            ]

    assert counts == found


BREAKDOWNS: Final = "user_type session_source browser os device new"
USER_TYPES: Final = "new repeat addressable customer"
SESSION_SOURCES: Final = "direct others search social email unavailable"
DEVICES: Final = "desktop mobile tablet"


@pytest.mark.shows("8", BREAKDOWNS, USER_TYPES, SESSION_SOURCES, DEVICES)
async def test_who_is_active() -> None:
    async with account() as ct:
        await ct.upload(event())

        answer = await post(ct, "/1/now.json", **dict.fromkeys(BREAKDOWNS.split(), True))

        assert list(answer["user_type"]) == USER_TYPES.split()
        assert list(answer["session_source"]) == SESSION_SOURCES.split()
        assert list(answer["device"]) == DEVICES.split()
        assert (answer["count"], answer["last_processed_ts"]) == (1, NOW_TS)
        assert set(BREAKDOWNS.split()) < set(answer)


@pytest.mark.shows(
    "10",
    '{{ ExternalTrigger.key | default: "…" }}',
    '{"to":{"identity":[…]|"email":[…]|"objectId":[…]},"campaign_id":<int>,"ExternalTrigger":{k:v}}',
)
@pytest.mark.parametrize("kind", ["identity", "email", "objectId"])
async def test_external_trigger_fills_its_values_in(kind: str) -> None:
    async with account() as ct:
        await ct.upload(person(Phone=PHONE) | {"objectId": "__a"})
        number = ct.fake.add_campaign(
            SmsCampaign(
                name="code",
                text='{{ ExternalTrigger.key | default: "…" }} {{ ExternalTrigger.none | default: "-" }} '
                "{% for item in ExternalTrigger.items %}{{ item.n }}{% endfor %}",
            )
        )
        values = {"key": "X7", "items": [{"n": 1}, {"n": 2}]}
        to = {kind: ["__a" if kind == "objectId" else EMAIL]}

        await post(ct, "/1/send/externaltrigger.json", to=to, campaign_id=number, ExternalTrigger=values)
        await ct.settle()

        assert [text.text for text in ct.stage.recorder.texts] == ["X7 - 12"]


MODES: Final = "push email sms webpush whatsapp webhook notificationinbox"
CONTENTS: Final[Mapping[str, Any]] = {
    "push": {"title": "t", "body": "b"},
    "email": {"subject": "s", "body": "b", "sender_name": "n"},
    "sms": {"body": "b"},
    "webpush": {"title": "t", "body": "b"},
    "whatsapp": {"template_name": "w"},
    "webhook": {"webhook_name": "hook", "body": {"a": 1}},
    "notificationinbox": {"title": "t", "body": "b"},
}


@pytest.mark.shows("11", MODES)
async def test_modes_of_campaigns() -> None:
    async with account(CleverTapSettings(max_creates_per_s=None)) as ct:
        await ct.fake.add_webhook("hook", url=HOOK)
        made = [
            await post(
                ct,
                "/1/targets/create.json",
                **{**SMS, "target_mode": mode, "content": CONTENTS[mode]},
                when="now",
            )
            for mode in MODES.split()
        ]
        other = await post(ct, "/1/targets/create.json", **{**SMS, "target_mode": "fax"}, when="now")

    assert [answer["status"] for answer in made] == ["success"] * 7
    assert len({answer["id"] for answer in made}) == 7
    assert other == {"status": "fail", "error": Like(".+"), "code": 400}


STATUSES: Final = "scheduled running stopped completed"


@pytest.mark.shows("11", '"YYYYMMDD HH:MM"', STATUSES, "message id")
async def test_campaign_at_a_time_of_the_account() -> None:
    """`YYYYMMDD HH:MM`; a campaign that recurs is running between its times."""
    recurring = {"type": "recurring", "repeats_every": 1, "repeat_type": "day", "end_by_occurrences": 3}
    async with account(CleverTapSettings(utc_offset=timedelta(hours=5, minutes=30))) as ct:
        await with_people(ct, "asha")
        ids = {
            name: (await post(ct, "/1/targets/create.json", **{**SMS, "name": name}, when=when)).get("id")
            for name, when in (("now", "now"), ("at", "20260302 10:00"), ("often", recurring))
        }
        await ct.settle(2)
        ids["off"] = (
            await post(ct, "/1/targets/create.json", **{**SMS, "name": "off"}, when="20260401 10:00")
        )["id"]
        await post(ct, "/1/targets/stop.json", id=ids["off"])

        before = await statuses(ct)
        await ct.settle(3600)
        after = await statuses(ct)

        assert before == {"now": "completed", "at": "scheduled", "often": "running", "off": "stopped"}
        assert after == {"now": "completed", "at": "completed", "often": "running", "off": "stopped"}
        assert set(after.values()) | set(before.values()) == set(STATUSES.split())
        report = await post(ct, "/1/message/report.json", **{"from": "20260301", "to": "20260430"})
        assert [one["message id"] for one in report["messages"]] == list(ids.values())
        listed = await post(ct, "/1/targets/list.json", **{"from": 20260301, "to": 20260430})
        assert {one["name"]: one["id"] for one in listed["targets"]} == ids
        assert all(set(one) == {"id", "name", "scheduled_on", "status"} for one in listed["targets"])


async def statuses(ct: Account) -> dict[str, str]:
    answer = await post(ct, "/1/message/report.json", **{"from": "20260301", "to": "20260430"})
    return {one["message_name"]: one["status"] for one in answer["messages"]}


CHANNELS: Final = (
    "push email sms browser inapp webhooks whatsapp audiences web_pop_up web_exit_intent web_native_display "
    "web_inbox"
)
DELIVERIES: Final = "one_time inaction action recurring property_time api multiple_dates"
TYPES: Final = "single ab message_on_user_property"


@pytest.mark.shows("11", CHANNELS, DELIVERIES, TYPES)
async def test_filters_of_the_message_report() -> None:
    found = {}
    async with account() as ct:
        sms(ct, Did("A"), name="did")
        sms(ct, DidNot("B", timedelta(hours=1), after="A"), name="did not")
        for key, words in (("channel", CHANNELS), ("delivery", DELIVERIES), ("message_type", TYPES)):
            for word in words.split():
                answer = await post(
                    ct, "/1/message/report.json", **{"from": "20260301", "to": "20260331", key: [word]}
                )
                if answer["total_results"]:
                    found[word] = [one["message_name"] for one in answer["messages"]]

    assert found == {
        "sms": ["did", "did not"],
        "action": ["did"],
        "inaction": ["did not"],
        "single": ["did", "did not"],
    }


# Bounds


@pytest.mark.slow
@pytest.mark.bounds("clevertap", "4: At most 512 event types per account")
async def test_event_types_of_an_account() -> None:
    async with account() as ct:
        answer = await ct.upload(*(event(f"E{n}") for n in range(513)), event("E0"))

        assert (answer["processed"], [one["code"] for one in answer["unprocessed"]]) == (513, [555])


@pytest.mark.bounds("clevertap", "4: 256 items on the server page")
@pytest.mark.parametrize(("count", "stored"), [(256, 1), (257, 0)])
async def test_items_of_a_purchase(count: int, stored: int) -> None:
    async with account() as ct:
        answer = await ct.upload(event("Charged", evtData={"Items": [{"n": n} for n in range(count)]}))

        assert answer["processed"] == stored
        assert [one["code"] for one in answer["unprocessed"]] == [512] * (1 - stored)


@pytest.mark.bounds("clevertap", "4: Custom keys per profile: 256")
async def test_keys_of_a_profile() -> None:
    async with account() as ct:
        await ct.upload(
            {"type": "profile", "identity": EMAIL, "profileData": {f"k{n}": n for n in range(257)}}
        )

        kept = (await get(ct, f"/1/profile.json?identity={EMAIL}"))["record"]["profileData"]
        assert list(kept) == [f"k{n}" for n in range(256)]


@pytest.mark.bounds("clevertap", "6: 1-64 characters")
@pytest.mark.parametrize(("length", "stored"), [(1, 1), (64, 1), (65, 0)])
@pytest.mark.parametrize("prefix", ["_w_", "__", "-", "~"])
async def test_length_of_an_own_object_id(prefix: str, length: int, stored: int) -> None:
    async with account() as ct:
        answer = await ct.upload(event(objectId=prefix + "x" * length))

        assert answer["processed"] == stored
        assert [one["code"] for one in answer["unprocessed"]] == [526] * (1 - stored)


@pytest.mark.slow
@pytest.mark.bounds("clevertap", "7: (max 5000)")
async def test_size_of_a_page() -> None:
    async with account() as ct:
        for start in range(0, 5001, 1000):
            await ct.upload(*(event() for _ in range(start, min(start + 1000, 5001))))
        cursor = (await post(ct, "/1/events.json?batch_size=9999", **OPENED))["cursor"]
        sizes = []
        while cursor:
            page = await get(ct, f"/1/events.json?cursor={cursor}")
            sizes.append(len(page["records"]))
            cursor = page.get("next_cursor", "")

    assert sizes == [5000, 1]


@pytest.mark.bounds("clevertap", "8: (1-100, default 10)")
@pytest.mark.parametrize(("asked", "shown"), [({}, 10), ({"top_n": 1}, 1), ({"top_n": 100}, 100)])
async def test_values_that_are_shown(asked: dict[str, int], shown: int) -> None:
    group = {"property_type": "event_properties", "name": "kind", **asked}
    async with account() as ct:
        await ct.upload(*(event(evtData={"kind": f"v{n}"}) for n in range(101)))

        answer = await post(ct, "/1/counts/top.json", **OPENED, groups={"g": group})

    assert len(answer["g"]["STR"]) == shown


# Webhooks


@pytest.mark.shows(
    "12.1",
    "is_test: true",
    "targetId: 1234",
    'key_values: {"key":"value"}',
    "Authorization: Basic base64(user:password)",
)
async def test_call_when_a_template_is_saved() -> None:
    async with account() as ct:
        await ct.fake.add_webhook("hook", url=HOOK, basic=("user", "password"))

        [(method, _, sent, body)] = ct.receiver.requests
        tested = json.loads(body)
        entry = {"Identity": Like(".+"), "Email": Like(".+"), "push_token": Like(".+")}
        assert tested == {
            "is_test": True,
            "targetId": 1234,
            "key_values": {"key": "value"},
            "profiles": [entry] * 5,
        }
        assert len({json.dumps(one) for one in tested["profiles"]}) == 1
        assert all(
            says(text, tested) for text in ("is_test: true", "targetId: 1234", 'key_values: {"key":"value"}')
        )
        assert (method, sent["Authorization"]) == (
            "POST",
            f"Basic {base64.b64encode(b'user:password').decode()}",
        )


SILENT: Final[dict[str, Any]] = {"MSG-sms": False}


@pytest.mark.shows("12.3", "CT Source")
@pytest.mark.parametrize("is_broadcast", [True, False])
async def test_default_body(*, is_broadcast: bool) -> None:
    """A list for a broadcast; one object where the URL is personalised, a pair has Liquid or somebody did something."""
    pairs = {"a": "@Profile - Name"} if is_broadcast else {"a": "{{ Profile.Name }}"}
    async with account() as ct:
        await ct.upload(
            person(Name="Asha", Phone=PHONE, plan="pro", Timezone="Asia/Kolkata", Age=30, **SILENT)
            | {"objectId": "__a"},
            device(id="t", type="fcm"),
        )
        await with_webhook(ct, None if is_broadcast else Did("Bought"), body=None, key_values=pairs)
        number = 1502369473

        await (
            ct.fake.launch("ask")
            if is_broadcast
            else ct.upload(event("Bought", evtData={"n": 1, "at": "$D_1"}))
        )
        await ct.settle()

        entry = {
            "identity": EMAIL,
            "all_identities": [EMAIL],
            "email": EMAIL,
            "phone": PHONE,
            "name": "Asha",
            "objectId": "__a",
            "profileData": {"plan": "pro"},
            "systemProfileData": {
                "webPushSubscription": "Unsubscribed",
                "mobilePushSubscription": "Subscribed",
                "emailSubscription": "Subscribed",
                "smsSubscription": "Unsubscribed",
                "whatsappSubscription": "Subscribed",
                "timezone": "Asia/Kolkata",
                "age": 30,
            },
            "push_token": "t",
            "key_values": {"a": "Asha"},
        }
        if not is_broadcast:
            entry["event_properties"] = {"n": 1, "at": "$D_1", "CT Source": "API"}
            entry["session_props"] = {}
        [body] = ct.bodies()
        assert body == {
            "targetId": number,
            "key_values": pairs if is_broadcast else {"a": "Asha"},
            "profiles": [entry] if is_broadcast else entry,
        }


@pytest.mark.shows("12.4", "Webhook Dispatch Failed", "Webhook Delivered", "Campaign Id")
@pytest.mark.shows("14.3", "Webhook Delivered")
@pytest.mark.parametrize("status", [200, 201, 204, 301, 404, 500])
@pytest.mark.answers("clevertap", 17, 18)
async def test_delivery_of_a_webhook(status: int) -> None:
    """Section 15, rows 16 to 18: only 200 is success; 5 s, two more tries, 15 s apart, after a 4xx as well."""
    async with account() as ct:
        await with_people(ct, "asha")
        await with_webhook(ct)
        ct.receiver.answer = lambda _: web.Response(status=status, headers={"Location": HOOK})

        await ct.fake.launch("ask")
        await ct.settle(60)

        tries = ct.stage.recorder.webhooks("customBody")
        events = [one.details for one in ct.facts("event_stored")]
        if status == 200:
            assert len(tries) == 1
            assert [one["name"] for one in events] == ["Webhook Delivered"]
            assert events[0]["properties"]["Campaign Id"] == 1502369473
            assert isinstance(events[0]["properties"]["mp_processing_time_ms"], int)
        else:
            assert [one.attempt for one in tries] == [1, 2, 3]
            assert len({one.request_body for one in tries}) == 1
            assert events == []
        failed = {} if status == 200 else {"Webhook Dispatch Failed": 1}
        assert ct.fake.statistics("ask").errors == failed


@pytest.mark.parametrize(
    ("settings", "tries", "gap_s"),
    [
        (ACCOUNT, 3, 20),
        (CleverTapSettings(webhook_timeout_s=3, webhook_retries=1, webhook_spacing_s=7), 2, 10),
        (CleverTapSettings(webhook_timeout_s=1, webhook_retries=0), 1, 0),
    ],
)
@pytest.mark.answers("clevertap", 16)
async def test_time_and_tries_of_a_webhook_are_settings(
    settings: CleverTapSettings, tries: int, gap_s: float
) -> None:
    """Section 15, row 16: 5 s for an answer, two retries, 15 s apart."""

    async def silent(request: web.Request) -> web.Response:
        await asyncio.sleep(0 if b"is_test" in await request.read() else 3600)
        return web.Response()

    app = web.Application()
    app.router.add_post("/slow", silent)
    async with account(settings) as ct:
        await ct.stage.network.serve(app, ["slow.test"])
        await with_people(ct, "asha")
        await ct.fake.add_webhook("slow", url="https://slow.test/slow")
        ct.fake.add_campaign(WebhookCampaign(name="ask", webhook="slow", body="{}"))

        await ct.fake.launch("ask")
        await ct.settle(120)

        made = ct.stage.recorder.webhooks("customBody")
        assert [one.error for one in made] == ["timeout"] * tries
        gaps = [(later.started_at - sooner.started_at).total_seconds() for sooner, later in pairwise(made)]
        assert gaps == pytest.approx([gap_s] * (tries - 1), abs=0.1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "sizes"), [(ACCOUNT, [100, 1]), (CleverTapSettings(broadcast_size=1), [1] * 101)]
)
@pytest.mark.answers("clevertap", 19)
async def test_people_in_one_request_of_a_broadcast(settings: CleverTapSettings, sizes: list[int]) -> None:
    """Section 15, row 19."""
    async with account(settings) as ct:
        await with_people(ct, *(f"p{n}" for n in range(101)))
        await with_webhook(ct, body=None)

        await ct.fake.launch("ask")
        await ct.settle()

        assert [len(body["profiles"]) for body in ct.bodies()] == sizes


@pytest.mark.shows("12.4", "Invalid Webhook URL")
async def test_webhook_without_an_address() -> None:
    async with account() as ct:
        await with_people(ct, "asha")
        ct.fake.dashboard._webhooks["hook"] = WebhookTemplate(name="hook", url="{{ Profile.callback }}")
        ct.fake.add_campaign(WebhookCampaign(name="ask", webhook="hook", body="{}"))

        await ct.fake.launch("ask")
        await ct.settle()

        assert ct.fake.statistics("ask").errors == {"Invalid Webhook URL": 1}


# Liquid


async def rendered(text: str, *, data: Mapping[str, Any] | None = None) -> str:
    """Give what a live campaign's text body becomes for Asha, who paid."""
    async with account() as ct:
        await ct.upload(
            person(Name="Asha Rao", plan_type="pro", since="$D_1685375700", visits=3, **(data or {}))
        )
        await with_webhook(ct, Did("Event Name"), body=text, content_format=ContentFormat.TEXT)
        await ct.upload(event("Event Name", evtData={"price": 499, "Property": "red"}))
        await ct.settle()
        return ct.receiver.requests[-1][3].decode()


@pytest.mark.shows(
    "13",
    '{{ Profile.Email | default: "x" }}',
    '{{ Event.price | default: "0" }}',
    '{{ ExternalTrigger.key | default: "" }}',
    '{{ ConstantEventProperty | default: "" }}',
    '@Profile - Email | default: "x"',
    '@Event Name - Property | default:"x"',
    "{{ Linked.ApiName.label }}",
    "2023-05-29 15:55:00",
    "May 29, 2023",
    '"{{ Profile.Email | default: "-" }}"',
    "{{ … }}",
    '"email": "${user_email}"',
    '"${first_name}"',
    '"${plan_type}"',
    "${…}",
    "${$ProfileID}",
)
@pytest.mark.shows("15", "@Profile - X", "${name}")
@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('{{ Profile.Email | default: "x" }} {{ Profile.none | default: "x" }}', f"{EMAIL} x"),
        ('{{ Event.price | default: "0" }} {{ Event.none | default: "0" }}', "499 0"),
        ('[{{ ExternalTrigger.key | default: "" }}]', "[]"),
        ('[{{ ConstantEventProperty | default: "" }}]', "[]"),
        ('@Profile - Email | default: "x"', EMAIL),
        ('@Profile - X | default: "x"', "x"),
        ('@Event Name - Property | default:"x"', "red"),
        ("[{{ Linked.ApiName.label }}]", "[]"),
        ("{{ Profile.since }}", "2023-05-29 15:55:00"),
        ("@Profile - since", "May 29, 2023"),
        (
            '{"e": "{{ Profile.Email | default: "-" }}", "n": {{ Profile.visits }}}',
            f'{{"e": "{EMAIL}", "n": 3}}',
        ),
        (
            '"email": "${user_email}" "${first_name}" "${plan_type}" "${name}"',
            f'"email": "{EMAIL}" "Asha" "pro" "Asha Rao"',
        ),
        ("${$ProfileID}", "${$ProfileID}"),
        ("{{ Profile.name }} {{ profile.Email }} {{ event.price }}", f"Asha Rao {EMAIL} 499"),
    ],
)
@pytest.mark.answers("clevertap", 24)
async def test_notation_renders(text: str, wanted: str) -> None:
    assert await rendered(text) == wanted


TAGS: Final = (
    "if elsif else unless case/when for break continue limit offset reversed tablerow assign raw comment"
)
COMPARISONS: Final = "== != > < >= <= and or contains"


@pytest.mark.shows("13", TAGS, COMPARISONS)
async def test_tags_and_comparisons() -> None:
    texts = {
        "{% if Profile.visits == 4 %}a{% elsif Profile.visits != 3 %}b{% else %}c{% endif %}": "c",
        "{% unless Profile.visits > 3 %}a{% endunless %}": "a",
        "{% case Profile.plan_type %}{% when 'free' %}a{% when 'pro' %}b{% endcase %}": "b",
        "{% for i in (1..9) %}{% if i == 2 %}{% continue %}{% endif %}{% if i >= 4 %}{% break %}{% endif %}{{ i }}{% endfor %}": "13",
        "{% for i in (1..9) reversed limit:2 offset:1 %}{{ i }}{% endfor %}": "32",
        "{% tablerow i in (1..2) %}{{ i }}{% endtablerow %}": '<tr class="row1">\n<td class="col1">1</td><td class="col2">2</td></tr>\n',
        "{% assign n = 5 %}{{ n }}{% raw %}{{ n }}{% endraw %}{% comment %}x{% endcomment %}": "5{{ n }}",
        "{% if Profile.Name contains 'Rao' and Profile.visits <= 3 or false %}a{% endif %}": "a",
        "{% if Profile.visits < 3 %}a{% endif %}.": ".",
    }
    used = " ".join(texts)
    assert not [word for word in re.split("[ /]", TAGS) if word not in used]
    assert not [word for word in COMPARISONS.split() if f" {word} " not in used]
    # One after the other in one text, with a line that no Liquid knows between them.
    assert (await rendered("\n--\n".join(texts))).split("\n--\n") == list(texts.values())


@pytest.mark.shows("13", "${user_email}")
@pytest.mark.answers("clevertap", 24)
async def test_literal_placeholder_goes_out_where_the_setting_is_off() -> None:
    async with account(CleverTapSettings(render_dollar_names=False)) as ct:
        await with_people(ct, "asha")
        await with_webhook(ct, body={"email": "${user_email}"})

        await ct.fake.launch("ask")
        await ct.settle()

        assert ct.bodies() == [{"email": "${user_email}"}]


@pytest.mark.parametrize("escapes", [True, False])
@pytest.mark.answers("clevertap", 24)
async def test_quote_in_a_value_breaks_a_body_where_values_are_not_escaped(*, escapes: bool) -> None:
    """Section 15, row 24: escaped when the setting says so, which it does by default."""
    async with account(CleverTapSettings(escape_json_values=escapes)) as ct:
        await ct.upload(person(Name='Asha "Ash" Rao'), person("ravi@example.com", Name="Ravi"))
        await with_webhook(ct, body={"name": "{{ Profile.Name }}"})

        await ct.fake.launch("ask")
        await ct.settle()

        broken = [fact.subject for fact in ct.facts("message_dropped")]
        assert [body["name"] for body in ct.bodies()] == (['Asha "Ash" Rao', "Ravi"] if escapes else ["Ravi"])
        assert broken == ([] if escapes else [EMAIL])


# Qualification


@pytest.mark.shows("14.1", "have not done", "did any of")
async def test_rules_of_segments() -> None:
    async with account() as ct:
        await with_people(ct, "asha", "ravi", "mina")
        await ct.upload(event("A"), event("B", identity="ravi@example.com"))
        segments = ct.fake.dashboard
        segments.add_segment(Segment(name="did any of", rules=(Behaviour(did_any_of=("A", "B")),)))
        segments.add_segment(
            Segment(name="have not done", rules=(Behaviour(did_any_of=("A", "B"), is_done=False),))
        )

        assert {
            name: [
                one.properties["Name"]
                for one in ct.fake.state.profiles
                if segments.segments.contains(name, one)
            ]
            for name in ("did any of", "have not done")
        } == {"did any of": ["Asha", "Ravi"], "have not done": ["Mina"]}


@pytest.mark.shows("14.1", "Segment Membership Change")
async def test_list_by_api_tells_of_its_members() -> None:
    async with account() as ct:
        await with_people(ct, "asha")
        ct.fake.dashboard.put_into_list("vip", [EMAIL])

        assert list((await ct.profile(EMAIL))["events"]) == ["Segment Membership Change"]


@pytest.mark.parametrize(("age_s", "sent"), [(0, 1), (2 * 3600, 1), (2 * 3600 + 1, 0), (-120, 1), (-125, 0)])
@pytest.mark.answers("clevertap", 25)
@pytest.mark.bounds("clevertap", "14.1: between 2 hours in the past and 2 minutes in the future")
async def test_freshness_of_events_for_live_campaigns(age_s: int, sent: int) -> None:
    """Section 15, row 25; the event is stored all the same."""
    async with account(CleverTapSettings(upload_takes_s=0)) as ct:
        await with_people(ct, "asha")
        sms(ct, Did("A"))

        await ct.upload(event("A", ts=NOW_TS - age_s))
        await ct.settle()

        assert len(ct.stage.recorder.texts) == sent
        assert (await ct.profile(EMAIL))["events"]["A"]["count"] == 1


# Beside the notes


BESIDES: Final = {
    ("2", "connection: Close"): "how one connection of 2018 ended; clients of today are kept alive",
    ("4", '{"d":[ record, … ]}'): "the shape of every upload here",
    ("9", "MM …"): "an ellipsis for the events of section 4",
    ("12.6", "Export Request Id"): "of the export status alert, which is not sent: info.x-not-served",
    ("12.6", "Date and Time"): "of the export status alert, which is not sent: info.x-not-served",
}


def told() -> list[tuple[str, str]]:
    in_requests = [(each.section, text) for each in EXAMPLES for text in each.shows]
    return in_requests + [(section, text) for section, text, _ in marked(globals())]


@pytest.mark.slow
def test_marks_stand_on_tests_that_have_the_words() -> None:
    assert unsaid(globals()) == []


@needs_notes
def test_all_that_the_notes_show_is_in_an_example() -> None:
    assert compare(VENDOR, told(), BESIDES) == []


@needs_notes
def test_every_code_of_the_notes_is_in_an_example() -> None:
    text = dict(parts(VENDOR))
    listed = {
        int(code)
        for section in ("4", "5")
        for row in re.findall(r"^\| ([\d, ]+) \|", text[section], re.MULTILINE)
        for code in row.split(",")
    } | {int(code) for code in re.findall(r"`(\d+)`", text["5"].partition("Codes seen elsewhere")[2])}

    assert len(listed) > 20
    assert not listed - set(codes())


def codes() -> list[int]:
    """Give every number that an answer among the examples has as `code`."""
    answers = json.dumps([example.answer for example in EXAMPLES], default=repr)
    # The one that takes two requests is in `test_page_that_is_being_prepared`.
    return [2, *map(int, re.findall(r'"code": (\d+)', answers))]


@needs_notes
def test_reserved_names_regions_and_operators_are_those_of_the_notes() -> None:
    text = dict(parts(VENDOR))
    [reserved] = re.findall(r"cannot upload \(513\): ([^.]+)\.", " ".join(text["4"].split()))
    hosts = re.findall(r"^\| [^|]+ \| `([a-z0-9.]+)` \|", text["1"], re.MULTILINE)

    assert tuple(reserved.split(", ")) == RESERVED_EVENTS
    assert len(hosts) == 6
    assert set(hosts) <= set(load_contract(VENDOR).hosts)


@pytest.mark.parametrize("name", RESERVED_EVENTS)
async def test_reserved_name_is_refused(name: str) -> None:
    async with account() as ct:
        code, text = await ct.refusal(event(name))

        assert code == 513
        assert text == UNPUBLISHED
