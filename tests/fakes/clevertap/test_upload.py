from __future__ import annotations

import time
from typing import Any

import pytest

from fakes.clevertap import CleverTapSettings
from fakes.clevertap.records import RESERVED_EVENTS
from tests.fakes.clevertap.account import NOW_TS, account, event, person
from tests.support.controls import controlled


@pytest.mark.proves("clevertap", "upload")
async def test_all_stored_is_success_with_nothing_unprocessed() -> None:
    async with account() as ct:
        answer = await ct.upload(person(), event(), event("MM Email Form Submitted"))

        assert answer == {"status": "success", "processed": 3, "unprocessed": []}
        ct.stage.recorder.check()


@pytest.mark.answers("clevertap", 27)
async def test_answers_are_compact_json_with_the_recorded_media_type() -> None:
    async with account() as ct:
        await ct.upload(event())

        [exchange] = ct.stage.recorder.exchanges
        assert exchange.response_body == b'{"status":"success","processed":1,"unprocessed":[]}'
        assert exchange.response_headers["Content-Type"] == "application/json;charset=utf-8"


async def test_some_stored_is_partial_and_names_the_record() -> None:
    async with account() as ct:
        bad = event(evtName="")
        answer = await ct.upload(event(), bad, event())

        assert answer == {
            "status": "partial",
            "processed": 2,
            "unprocessed": [
                {
                    "status": "fail",
                    "code": 509,
                    "error": "Event Name is incorrect. ErrorCode: 509 - Event name is mandatory. "
                    "Skipped record number : 2",
                    "record": bad,
                }
            ],
        }
        assert len(ct.facts("event_stored")) == 2
        ct.stage.recorder.check(sent=False)


@pytest.mark.parametrize(
    ("data", "code", "text"),
    [
        ({"Email": "asha"}, 515, "Profile data is incorrect. Email is not valid.Skipped record number : 1"),
        (
            {"Phone": "223"},
            516,
            "Profile data is incorrect. Phone number is not valid.Skipped record number : 1",
        ),
        (
            {"Phone": "+44+441234"},
            516,
            "Profile data is incorrect. Phone number is not valid.Skipped record number : 1",
        ),
        (
            {"Employed": "X"},
            517,
            "Profile data is incorrect. Employed needs to be Y/N.Skipped record number : 1",
        ),
        (
            {"Education": "None"},
            518,
            "Profile data is incorrect. Education needs to be School/College/Graduate..Skipped record number : 1",
        ),
        (
            {"Married": "Maybe"},
            519,
            "Profile data is incorrect. Married needs to be Y/N.Skipped record number : 1",
        ),
        ({"Age": "old"}, 520, "Profile data is incorrect. Age is invalid.Skipped record number : 1"),
    ],
)
async def test_predefined_property_is_refused_in_the_recorded_words(
    data: dict[str, Any], code: int, text: str
) -> None:
    async with account() as ct:
        assert await ct.refusal({"type": "profile", "identity": "5", "profileData": data}) == (code, text)
        ct.stage.recorder.check(sent=False)


@pytest.mark.parametrize(
    "ts", [0, -5, "0", 1772422200000, "1772422200000", "2026-03-02T03:30:00Z", 1.5, True, []]
)
@pytest.mark.answers("clevertap", 8)
async def test_timestamp_that_is_no_unix_second_is_525(ts: Any) -> None:
    async with account() as ct:
        assert await ct.refusal(event(ts=ts)) == (
            525,
            "Timestamp should be present in the Unix Epoch format. Skipped record number : 1",
        )


async def test_nested_event_data_is_512_and_names_the_field() -> None:
    async with account() as ct:
        code, text = await ct.refusal(event(evtData={"answers": {"score": 9}}))

        assert code == 512
        assert text == (
            "Event data is incorrect. 512 - Only Items can have a nested structure, "
            "incorrect nested structure for field : answers.Skipped record number : 1"
        )


@pytest.mark.parametrize(
    ("record", "code"),
    [
        ({"type": "profile", "identity": "5", "profileData": {"Gender": "X"}}, 514),
        ({"type": "event", "evtName": "A", "evtData": {}}, 523),
        ({"type": "event", "identity": "", "evtName": "A", "evtData": {}}, 523),
        ({"type": "alias", "identity": "5"}, 524),
        ({"identity": "5"}, 524),
        ("event", 524),
        (None, 524),
        ({"type": "event", "objectId": "has space", "evtName": "A", "evtData": {}}, 526),
        ({"type": "event", "identity": "5", "evtData": {}}, 509),
        ({"type": "event", "identity": "5", "evtName": "$%&", "evtData": {}}, 509),
        ({"type": "event", "identity": "5", "evtName": None, "evtData": {}}, 509),
        ({"type": "event", "identity": "5", "evtName": "A", "evtData": [1]}, 512),
        ({"type": "event", "identity": "5", "evtName": "A", "evtData": {"l": [1]}}, 512),
        ({"type": "event", "identity": "5", "evtName": "A", "evtData": {"Items": [{"a": 1}]}}, 512),
        ({"type": "event", "identity": "5", "evtName": "Charged", "evtData": {"Items": [{"a": {}}]}}, 512),
        (
            {"type": "event", "identity": "5", "evtName": "A", "evtData": {f"k{n}": n for n in range(257)}},
            522,
        ),
        ({"type": "profile", "identity": "5"}, 555),
        ({"type": "profile", "identity": "5", "profileData": {"Email": ["a@example.com"]}}, 515),
        ({"type": "profile", "identity": "5", "profileData": {"Phone": 919876543210}}, 516),
        ({"type": "token", "identity": "5", "tokenData": {"id": "t", "type": "fcm"}}, 530),
        ({"type": "token", "objectId": "a b", "tokenData": {"id": "t", "type": "fcm"}}, 530),
        ({"type": "token", "objectId": "__a"}, 531),
        ({"type": "token", "objectId": "__a", "tokenData": {"id": "t", "type": "pigeon"}}, 531),
        ({"type": "token", "objectId": "__a", "tokenData": {"type": "fcm"}}, 532),
        ({"type": "token", "objectId": "__a", "tokenData": {"id": "t"}}, 533),
        ({"type": "token", "objectId": "__a", "tokenData": {"id": "t", "type": "apns"}}, 534),
        ({"type": "token", "objectId": "ab", "tokenData": {"id": "t", "type": "chrome"}}, 535),
    ],
)
@pytest.mark.answers("clevertap", 4)
async def test_record_is_refused_with_its_code(record: Any, code: int) -> None:
    async with account() as ct:
        found, text = await ct.refusal(record)

        assert found == code
        assert text.endswith("Skipped record number : 1")
        assert ct.fake.state.profiles == ()
        ct.stage.recorder.check(sent=False)


@pytest.mark.parametrize("name", [*RESERVED_EVENTS, "notification sent", "NotificationSent"])
@pytest.mark.answers("clevertap", 26)
async def test_reserved_event_name_is_513_however_it_is_written(name: str) -> None:
    async with account() as ct:
        code, _ = await ct.refusal(event(name))

        assert code == 513


@pytest.mark.answers("clevertap", 26)
async def test_other_system_event_names_are_taken() -> None:
    async with account() as ct:
        answer = await ct.upload(event("App Installed"), event("Charged", evtData={"Items": [{"sku": "a"}]}))

        assert answer["processed"] == 2
        ct.stage.recorder.check()


async def test_discarded_event_is_528_however_it_is_capitalised() -> None:
    async with account() as ct:
        ct.fake.state.discard_event("Sign Up")

        code, _ = await ct.refusal(event("signUP"))

        assert code == 528


async def test_one_record_reports_only_its_first_fault_in_the_recorded_order() -> None:
    faults = {"Email": "x", "Phone": "1", "Employed": "x", "Education": "x", "Married": "x", "Age": "x"}
    good = {
        "Email": "a@example.com",
        "Phone": "+35922333232",
        "Employed": "Y",
        "Education": "School",
        "Married": "N",
    }
    async with account() as ct:
        seen = []
        for key in (None, *good):
            if key is not None:
                faults[key] = good[key]
            code, _ = await ct.refusal(
                {"type": "profile", "identity": "5", "ts": 0 if key is None else 1, "profileData": faults}
            )
            seen.append(code)

        assert seen == [525, 516, 517, 518, 519, 520]


async def test_echo_shows_the_phone_as_a_number_once_it_has_passed() -> None:
    data = {"identity": 8, "Phone": "+35922333232", "Age": "x"}
    async with account() as ct:
        answer = await ct.upload({"type": "profile", "identity": "5", "profileData": data})

        assert answer["unprocessed"][0]["record"]["profileData"] == {
            "identity": "8",
            "Phone": 35922333232,
            "Age": "x",
        }


@pytest.mark.answers("clevertap", 8)
async def test_timestamp_may_be_a_digit_string_and_defaults_to_now() -> None:
    async with account() as ct:
        await ct.upload(event(ts=str(NOW_TS - 60)), event())

        assert [fact.details["ts"] for fact in ct.facts("event_stored")] == [NOW_TS - 60, NOW_TS]
        ct.stage.recorder.check()


@pytest.mark.answers("clevertap", 8)
async def test_iso_timestamp_is_taken_where_the_account_does() -> None:
    async with account(CleverTapSettings(accept_iso_ts=True)) as ct:
        await ct.upload(event(ts="2026-03-02T03:00:00.000Z"))

        assert ct.facts("event_stored")[0].details["ts"] == NOW_TS - 1800
        ct.stage.recorder.check(sent=False)


async def test_dry_run_answers_alike_and_stores_nothing() -> None:
    async with account() as ct:
        answer = await ct.upload(event(), event(evtName=""), query="?dryRun=1")

        assert (answer["status"], answer["processed"]) == ("partial", 1)
        assert ct.fake.state.profiles == ()
        assert ct.stage.recorder.facts == []


@pytest.mark.proves("clevertap", "upload")
async def test_dry_run_zero_is_a_real_upload() -> None:
    async with account() as ct:
        await ct.upload(event(), query="?dryRun=0")

        assert len(ct.facts("event_stored")) == 1
        ct.stage.recorder.check()


@pytest.mark.answers("clevertap", 3)
async def test_empty_list_is_success_with_nothing_processed() -> None:
    async with account() as ct:
        assert await ct.upload() == {"status": "success", "processed": 0, "unprocessed": []}
        ct.stage.recorder.check()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"{}",
        b'{"d": {}}',
        b'{"d": null}',
        b'{"d": [], /* comment */ }',
        b"\xff\xfe",
        b'{"d": [{"type": "event", "identity": "5", "evtName": "A", "evtData": {"x": NaN}}]}',
        b'{"d": [{"type": "event", "identity": "5", "evtName": "A", "evtData": {"x": 1e999}}]}',
        b'{"d": [{"type": "event", "identity": "\\ud800", "evtName": "A", "evtData": {}}]}',
        b'{"d":' + b"[" * 100_000,
        pytest.param(b'{"d": [' + b",".join([b"{}"] * 1001) + b"]}", marks=pytest.mark.slow),
    ],
)
@pytest.mark.answers("clevertap", 3)
@pytest.mark.bounds("clevertap", "4: up to **1000** records")
async def test_body_that_is_no_upload_is_a_malformed_request(body: bytes) -> None:
    async with account() as ct:
        status, answer = await ct.call("POST", "/1/upload", body=body)

        assert (status, answer) == (400, {"status": "fail", "error": "Malformed request", "code": 400})
        ct.stage.recorder.check(sent=False)


@pytest.mark.proves("clevertap", "upload")
@pytest.mark.bounds("clevertap", "4: up to **1000** records")
async def test_a_thousand_records_are_taken_in_one_call() -> None:
    async with account() as ct:
        answer = await ct.upload(*(event(identity=str(n)) for n in range(1000)))

        assert answer["processed"] == 1000
        ct.stage.recorder.check()


async def test_huge_numbers_are_kept_and_shown() -> None:
    async with account() as ct:
        await ct.upload(event(evtData={"n": 10**400, "x": 1e308}))

        assert (await ct.profile("asha@example.com"))["events"]["MM Email Opened"]["count"] == 1
        assert ct.facts("event_stored")[0].details["properties"] == {"n": 10**400, "x": 1e308}


@pytest.mark.answers("clevertap", 6, 7)
async def test_forbidden_characters_are_stripped_and_long_values_cut() -> None:
    async with account() as ct:
        await ct.upload(event("MM: Email; Opened!", evtData={"a.b": "x" * 600, "nothing": None}))

        [fact] = ct.facts("event_stored")
        assert fact.details["name"] == "MM Email Opened"
        assert fact.details["properties"] == {"ab": "x" * 512}


async def test_event_names_are_one_without_case_and_spaces() -> None:
    async with account() as ct:
        await ct.upload(event("Sign Up"), event("signup"), event("SIGN UP"))

        record = await ct.profile("asha@example.com")
        assert {name: seen["count"] for name, seen in record["events"].items()} == {"Sign Up": 3}
        assert [fact.details["name"] for fact in ct.facts("event_stored")] == ["Sign Up", "signup", "SIGN UP"]


async def test_event_types_are_limited() -> None:
    async with account(CleverTapSettings(max_event_types=2)) as ct:
        answer = await ct.upload(event("A"), event("B"), event("C"), event("a"))

        assert answer["processed"] == 3
        assert [entry["code"] for entry in answer["unprocessed"]] == [555]


async def test_same_event_twice_is_stored_twice() -> None:
    async with account() as ct:
        await ct.upload(event(ts=NOW_TS), event(ts=NOW_TS))

        assert (await ct.profile("asha@example.com"))["events"]["MM Email Opened"]["count"] == 2


async def test_stored_event_is_told_with_its_own_time_and_address() -> None:
    async with account() as ct:
        await ct.upload(person())
        ct.stage.recorder.facts.clear()
        await ct.upload(event(ts=NOW_TS - 60, evtData={"score": 9}, **{"$source": "Bridge"}))

        [fact] = ct.facts("event_stored")
        profile = ct.fake.state.profile_by_email("asha@example.com")
        assert profile is not None
        assert (fact.subject, fact.at.timestamp()) == ("asha@example.com", NOW_TS - 60)
        assert fact.details == {
            "name": "MM Email Opened",
            "ts": NOW_TS - 60,
            "properties": {"score": 9},
            "object_id": profile.object_id,
            "addressed_by": {"kind": "identity", "value": "asha@example.com"},
            "source": "Bridge",
        }
        assert fact.cause == ct.stage.recorder.exchanges[-1].id
        assert ct.facts("profile_stored") == []


async def test_refused_event_is_told_with_its_code() -> None:
    async with account() as ct:
        await ct.upload(event("App Launched"))

        [fact] = ct.facts("event_refused")
        assert (fact.subject, fact.details["code"], fact.details["name"]) == (
            "asha@example.com",
            513,
            "App Launched",
        )


@pytest.mark.answers("clevertap", 6)
async def test_what_is_not_stored_as_sent_stands_in_the_error_stream() -> None:
    async with account() as ct:
        await ct.upload(event("Charged", evtData={"a.b": 1, "long": "x" * 600, "kept": 1}))

        assert list(ct.fake.state.error_stream) == [
            "event Charged: a.b not stored as it was sent",
            "event Charged: long not stored as it was sent",
        ]


async def test_items_of_a_purchase_are_cleaned_like_everything_else() -> None:
    async with account() as ct:
        await ct.upload(event("Charged", evtData={"Items": [{"a.b": "x" * 600, "n": 1}]}))

        assert ct.facts("event_stored")[0].details["properties"] == {"Items": [{"ab": "x" * 512, "n": 1}]}


@pytest.mark.parametrize("key", ["Name", "DOB", "Photo", "Timezone", "MSG-email"])
@pytest.mark.parametrize("value", [{"first": "Asha"}, ["Asha"]])
async def test_predefined_property_holds_no_object_and_no_list(key: str, value: Any) -> None:
    async with account() as ct:
        code, text = await ct.refusal({"type": "profile", "identity": "5", "profileData": {key: value}})

        assert code == 555
        assert text == f"Profile data is incorrect. {key} cannot be nested.Skipped record number : 1"
        ct.stage.recorder.check(sent=False)


@pytest.mark.parametrize(
    "ts", ["1960-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "soon"]
)
async def test_iso_time_that_no_unix_second_of_ten_digits_says_is_525(ts: str) -> None:
    async with account(CleverTapSettings(accept_iso_ts=True)) as ct:
        assert (await ct.refusal(event(ts=ts)))[0] == 525


async def test_iso_time_without_a_zone_is_utc_wherever_the_fake_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        async with account(CleverTapSettings(accept_iso_ts=True)) as ct:
            await ct.upload(event(ts="2026-03-02T03:30:00"), event(ts="2026-03-02T09:00:00+05:30"))

            assert [fact.details["ts"] for fact in ct.facts("event_stored")] == [NOW_TS, NOW_TS]
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.bounds("clevertap", "4: At most 512 event types per account")
async def test_dry_run_counts_event_types_as_the_real_run_does() -> None:
    async with account(CleverTapSettings(max_event_types=3)) as ct:
        records = [
            event("A"),
            event("a "),
            event("B"),
            event(""),
            event("C"),
            event("D"),
            event("b"),
            event("E"),
        ]

        rehearsed = await ct.upload(*records, query="?dryRun=1")
        assert not ct.fake.state.event_names
        assert await ct.upload(*records) == rehearsed
        assert [entry["code"] for entry in rehearsed["unprocessed"]] == [509, 555, 555]
        assert [entry["error"][-1] for entry in rehearsed["unprocessed"]] == ["4", "6", "8"]
        assert list(ct.fake.state.event_names) == ["A", "B", "C"]


async def test_an_event_is_discarded_by_the_control_api_and_stays_so() -> None:
    async with controlled("clevertap") as on:
        settings = on.fake.settings
        auth = {"X-CleverTap-Account-Id": settings.account_id, "X-CleverTap-Passcode": settings.passcode}

        async def codes(*names: str) -> list[int]:
            url = on.stage.url(on.fake.host) + "/1/upload"
            body = {"d": [event(name) for name in names]}
            async with on.stage.session.post(url, json=body, headers=auth) as response:
                return [entry["code"] for entry in (await response.json())["unprocessed"]]

        assert await codes("Sign Up") == []
        made = await on.ask("POST", "/collections/discarded_events", {"name": "Sign Up"})
        assert made == (201, {"name": "Sign Up"})
        assert await codes("SignUp", "sign up", "SIGNUP.", "Signed Up") == [528, 528, 528]
        _, kept = await on.ask("GET", "/snapshot")
        assert (await on.ask("POST", "/reset"))[0] == 204
        assert await codes("SignUp") == []
        assert (await on.ask("PUT", "/snapshot", kept))[0] == 204
        assert await codes("SignUp") == [528]
        assert (await on.ask("GET", "/collections/discarded_events"))[1] == {"items": [{"name": "Sign Up"}]}
        for wrong in ({}, {"name": ""}, {"name": 5}, {"name": "a", "more": 1}):
            assert (await on.ask("POST", "/collections/discarded_events", wrong))[0] == 400


async def test_dry_run_says_of_every_fault_what_the_real_run_says() -> None:
    async with account() as ct:
        ct.fake.state.discard_event("Gone")
        token = {"type": "token", "objectId": "__t", "tokenData": {"id": "t", "type": "fcm"}}
        faults: list[Any] = [
            event(""), event("A", evtData={"a": {}}), event("Stayed"), person(Gender="X"), person(email="x"),
            person(Phone="223"), person(Employed="?"), person(Education="?"), person(Married="?"), person(Age="?"),
            event(evtData={f"k{n}": n for n in range(257)}), event(identity=""), event(type="?"), event(ts=0),
            event(objectId="a b"), event("g O n e"), token | {"objectId": "a b"}, token | {"tokenData": 5},
            token | {"tokenData": {"type": "fcm"}}, token | {"tokenData": {"id": "t"}},
            token | {"tokenData": {"id": "t", "type": "apns"}},
            token | {"objectId": "a" * 32, "tokenData": {"id": "t", "type": "chrome"}},
            {"type": "profile", "identity": "5"}, 5, None, [],
        ]  # fmt: skip
        records = [
            each for fault in faults for each in (event("Fine"), fault, token, person("b@example.com"))
        ]

        rehearsed = await ct.upload(*records, query="?dryRun=1")
        assert (ct.fake.state.profiles, ct.facts("event_stored", "event_refused", "profile_refused")) == (
            (),
            [],
        )
        real = await ct.upload(*records, query="?dryRun=0")

        assert rehearsed == real
        assert (real["status"], real["processed"]) == ("partial", 3 * len(faults))
        codes = [entry["code"] for entry in real["unprocessed"]]
        assert codes == [
            509, 512, 513, 514, 515, 516, 517, 518, 519, 520, 522, 523, 524, 525, 526, 528, 530, 531, 532, 533, 534,
            535, 555, 524, 524, 524,
        ]  # fmt: skip
        for place, entry in enumerate(real["unprocessed"]):
            assert entry["error"].endswith(f"kipped record number : {4 * place + 2}")
            assert entry["record"] == faults[place]
