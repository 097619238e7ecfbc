"""Requests and answers that the notes on CleverTap show, row by row; what takes more is in `test_worked_examples`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from fakes.clevertap import CleverTapSettings
from tests.fakes.clevertap.account import NOW_TS, PHONE, Account, event, person, sms, with_people
from tests.support.notes import AnyNumber, Like

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    Given = Callable[[Account], Awaitable[object]]

EMAIL: Final = "asha@example.com"
OPENED: Final = {"event_name": "MM Email Opened", "from": 20260301, "to": 20260303}
SUCCESS: Final = {"status": "success"}
MALFORMED: Final = {"status": "fail", "error": "Malformed request", "code": 400}
SMS: Final = {
    "name": "a",
    "target_mode": "sms",
    "provider_nick_name": "p",
    "segment": "all",
    "content": {"body": "b"},
}
ACCOUNT: Final = CleverTapSettings()


async def nothing(ct: Account) -> None:
    """An account in which nobody has done anything."""


async def opened(ct: Account) -> None:
    await ct.upload(person(), event(), event())


async def discarded(ct: Account) -> None:
    ct.fake.state.discard_event("SignUp")


async def not_done(ct: Account) -> None:
    await ct.call("POST", "/1/targets/create.json", body={**SMS, "when": "20260401 10:00"})


async def done(ct: Account) -> None:
    await with_people(ct, "asha")
    await ct.call("POST", "/1/targets/create.json", body={**SMS, "when": "now"})
    await ct.settle()


async def external(ct: Account) -> None:
    await with_people(ct, "asha")
    sms(ct)


async def asked(ct: Account) -> None:
    await opened(ct)
    await ct.call("POST", "/1/counts/events.json", body=OPENED)


def headers(account_id: str = ACCOUNT.account_id, passcode: str = ACCOUNT.passcode) -> dict[str, str]:
    return {"X-CleverTap-Account-Id": account_id, "X-CleverTap-Passcode": passcode}


def unauthorised(text: str) -> tuple[int, Any]:
    return 401, {"status": "fail", "error": text, "code": 401}


@dataclass(frozen=True, slots=True)
class Example:
    """One request and its answer.

    Attributes:
        section: Of the notes.
        shows: Word for word what the notes show and this request or answer has.
        request: Method, path and body.
        answer: Status and body, whole.
        given: What happened before.
        settings: Of the account.
        headers: Instead of the account's credentials.
        host: Instead of the account's own region.
    """

    section: str
    shows: tuple[str, ...]
    request: tuple[str, str, Any]
    answer: tuple[int, Any]
    given: Given = nothing
    settings: CleverTapSettings = field(default=ACCOUNT)
    headers: Mapping[str, str] | None = None
    host: str = ""


def skipped(
    section: str, record: Any, code: int, text: str | Like, *, shows: str = "", echo: Any = None
) -> Example:
    """An upload of one record that is not stored, and all that is said of it."""
    entry = {"status": "fail", "code": code, "error": text, "record": record if echo is None else echo}
    answer = {"status": "fail", "processed": 0, "unprocessed": [entry]}
    return Example(section, (shows,) if shows else (), ("POST", "/1/upload", {"d": [record]}), (200, answer))


def profile(**data: Any) -> dict[str, Any]:
    return {"type": "profile", "identity": "5", "profileData": data}


def device(**token: Any) -> dict[str, Any]:
    return {"type": "token", "objectId": "__a", "tokenData": token}


UNPUBLISHED: Final = Like(r"[A-Z][a-z]+( [a-zA-Z]+)* is incorrect\. \S.*\.Skipped record number : 1")
"""Section 15, row 4: the pattern of texts that nobody published."""

CHECKS: Final = [
    Example(
        "2",
        ("12 digit account ID mandatory",),
        ("POST", "/1/upload", {"d": []}),
        unauthorised("12 digit account ID mandatory"),
        headers=given_headers,
    )
    for given_headers in (
        {"X-CleverTap-Passcode": ACCOUNT.passcode},
        headers(account_id=""),
        headers(account_id="4RZ-86K-9W7"),
    )
]

NO_JSON: Final[tuple[Any, ...]] = (b'{"d": [,]}', b'{"d": [] /* all */}', b"")
NO_UPLOAD: Final[tuple[Any, ...]] = (b'{"d": [', {"events": []})

EXAMPLES: Final = [
    *CHECKS,
    Example(
        "2",
        (
            "Account ID is not valid",
            '{ "status" : "fail" , "error" : "Account ID is not valid" , "code" : 401}',
        ),
        ("GET", "/1/profile.json?email=a@example.com", None),
        unauthorised("Account ID is not valid"),
        settings=CleverTapSettings(legacy_auth_errors=True),
        headers=headers(account_id="AAA-AAA-AAAA"),
    ),
    Example(
        "2",
        ("Passcode Invalid",),
        ("GET", "/1/profile.json?email=a@example.com", None),
        unauthorised("Passcode Invalid"),
        settings=CleverTapSettings(legacy_auth_errors=True),
        headers=headers(passcode="AAA-AAA-AAAA"),
    ),
    *(
        Example(
            "2",
            ("Invalid Credentials",),
            ("GET", "/1/profile.json?email=a@example.com", None),
            unauthorised("Invalid Credentials"),
            headers=headers(**wrong),
        )
        for wrong in (
            {"account_id": "AAA-AAA-AAAA"},
            {"passcode": "AAA-AAA-AAAA"},
            {"account_id": "AAA-AAA-AAAA", "passcode": ""},
        )
    ),
    Example(
        "2",
        ("Invalid Credentials",),
        ("POST", "/1/upload", {"d": []}),
        unauthorised("Invalid Credentials"),
        host="us1.api.clevertap.com",
    ),
    Example("2", ('{"status":"success"}',), ("GET", "/v1/connect?partner=Mailmodo", None), (200, SUCCESS)),
    Example(
        "2",
        (),
        ("GET", "/v1/connect?partner=Mailmodo", None),
        unauthorised("Invalid Credentials"),
        headers=headers(passcode="x"),
    ),
    Example(
        "3",
        ('{"status":"fail","error":<text>,"code":<number>}', '["Invalid event : Uninstalled"]'),
        ("POST", "/1/counts/events.json", {**OPENED, "event_name": "Uninstalled"}),
        (200, {"status": "fail", "error": '["Invalid event : Uninstalled"]', "code": 400}),
    ),
    *(
        Example(
            "3",
            ('{"status":"fail","error":"Malformed request","code":400}',),
            ("POST", "/1/upload", body),
            (400, MALFORMED),
        )
        for body in NO_JSON
    ),
    *(
        Example(
            "3",
            ("Method Not Allowed",),
            (method, path, None),
            (405, {"status": "fail", "error": "Method Not Allowed", "code": 405}),
        )
        for method, path in (
            ("GET", "/1/upload"),
            ("POST", "/1/profile.json"),
            ("GET", "/1/targets/list.json"),
        )
    ),
    Example("3", (), ("GET", "/1/nothing.json", None), (200, None)),
    Example(
        "4",
        ("status: success", "processed: N", "unprocessed: []", "{}"),
        ("POST", "/1/upload", {"d": [event(evtData={}), person(), event(evtData={"n": 1})]}),
        (200, {"status": "success", "processed": 3, "unprocessed": []}),
    ),
    Example(
        "4",
        (
            "status: partial",
            "processed: k",
            "unprocessed: [entries]",
            '{"status":"fail","code":<n>,"error":"<text>","record":{…the record…}}',
        ),
        ("POST", "/1/upload", {"d": [event(), event(evtName=""), event()]}),
        (
            200,
            {
                "status": "partial",
                "processed": 2,
                "unprocessed": [
                    {
                        "status": "fail",
                        "code": 509,
                        "error": "Event Name is incorrect. ErrorCode: 509 - Event name is mandatory. "
                        "Skipped record number : 2",
                        "record": event(evtName=""),
                    }
                ],
            },
        ),
    ),
    Example(
        "4",
        ("status: fail", "processed: 0", "unprocessed: [entries]"),
        ("POST", "/1/upload?dryRun=1", {"d": [{"identity": "5"}]}),
        (
            200,
            {
                "status": "fail",
                "processed": 0,
                "unprocessed": [
                    {"status": "fail", "code": 524, "error": UNPUBLISHED, "record": {"identity": "5"}}
                ],
            },
        ),
    ),
    *(
        Example("4", ("Malformed request",), ("POST", "/1/upload", body), (400, MALFORMED))
        for body in NO_UPLOAD
    ),
    skipped(
        "4",
        {"type": "event", "identity": "5", "evtData": {}},
        509,
        "Event Name is incorrect. ErrorCode: 509 - Event name is mandatory. Skipped record number : 1",
        shows="Event Name is incorrect. ErrorCode: 509 - Event name is mandatory. Skipped record number : N",
    ),
    skipped(
        "4",
        event(evtData={"answers": {"score": 9}}),
        512,
        "Event data is incorrect. 512 - Only Items can have a nested structure, incorrect nested structure for "
        "field : answers.Skipped record number : 1",
        shows="Event data is incorrect. 512 - Only Items can have a nested structure, incorrect nested structure "
        "for field : <key>.Skipped record number : N",
    ),
    *(
        skipped(
            "4",
            profile(**data),
            code,
            f"Profile data is incorrect. {text}.Skipped record number : 1",
            shows=f"Profile data is incorrect. {text}.Skipped record number : N",
            echo=profile(**{**data, **echo}),
        )
        for data, code, text, echo in (
            ({"Email": "asha"}, 515, "Email is not valid", {}),
            ({"Phone": "223"}, 516, "Phone number is not valid", {}),
            ({"Phone": "+44+441234"}, 516, "Phone number is not valid", {}),
            ({"Employed": "X"}, 517, "Employed needs to be Y/N", {}),
            ({"Education": "None"}, 518, "Education needs to be School/College/Graduate.", {}),
            ({"Married": "Maybe"}, 519, "Married needs to be Y/N", {}),
            ({"Age": "old"}, 520, "Age is invalid", {}),
            # As recorded: the phone that has passed is echoed as a number, and the inner identity as a text.
            (
                {"identity": 8, "Phone": "+35922333232", "Age": "x"},
                520,
                "Age is invalid",
                {"identity": "8", "Phone": 35922333232},
            ),
        )
    ),
    *(
        skipped(
            "4",
            event(ts=ts),
            525,
            "Timestamp should be present in the Unix Epoch format. Skipped record number : 1",
            shows="Timestamp should be present in the Unix Epoch format. Skipped record number : N",
        )
        for ts in (0, 1772422200000, "2026-03-02T03:30:00Z")
    ),
    *(
        skipped("5", record, code, UNPUBLISHED)
        for record, code in (
            (event("App Launched"), 513),
            (profile(Gender="X"), 514),
            (event(evtData={f"k{n}": n for n in range(257)}), 522),
            ({"type": "event", "evtName": "A", "evtData": {}}, 523),
            ({"type": "alias", "identity": "5"}, 524),
            ({"type": "event", "objectId": "has space", "evtName": "A", "evtData": {}}, 526),
            ({"type": "token", "identity": "5", "tokenData": {"id": "t", "type": "fcm"}}, 530),
            ({"type": "token", "objectId": "__a"}, 531),
            (device(type="fcm"), 532),
            (device(id="t"), 533),
            (device(id="t", type="apns"), 534),
            ({"type": "token", "objectId": "ab", "tokenData": {"id": "t", "type": "chrome"}}, 535),
            ({"type": "profile", "identity": "5"}, 555),
        )
    ),
    Example(
        "7",
        ('{"status":"success","record":{…}}',),
        ("GET", f"/1/profile.json?email={EMAIL}", None),
        (
            200,
            {
                "status": "success",
                "record": {
                    "identity": EMAIL,
                    "email": EMAIL,
                    "profileData": {},
                    "events": {"MM Email Opened": {"count": 2, "first_seen": NOW_TS, "last_seen": NOW_TS}},
                    "platformInfo": [{"platform": "Web", "objectId": Like("[0-9a-f]{32}"), "ls": NOW_TS}],
                },
            },
        ),
        given=opened,
    ),
    *(
        Example("7", ('{"status":"success"}',), ("GET", f"/1/profile.json?{query}", None), (200, SUCCESS))
        for query in ("email=x@example.com", "identity=x", "objectId=__x")
    ),
    Example(
        "7",
        ('{"status":"success","cursor":"…"}',),
        ("POST", "/1/events.json?batch_size=50", OPENED),
        (200, {"status": "success", "cursor": Like(r"([\w.~-]|%[0-9A-F]{2}){1500,2400}")}),
        given=opened,
    ),
    Example(
        "7",
        ("Incorrect Usage",),
        ("GET", "/1/events.json?cursor=%2525", None),
        (200, {"status": "fail", "error": "Incorrect Usage", "code": 400}),
    ),
    Example(
        "7",
        ("Invalid event : <name>",),
        ("POST", "/1/profiles.json", {**OPENED, "event_name": "Nothing"}),
        (200, {"status": "fail", "error": '["Invalid event : Nothing"]', "code": 400}),
    ),
    replace(skipped("5", event("sign up"), 528, UNPUBLISHED), given=discarded),
    Example(
        "5",
        (),
        ("POST", "/1/events.json", {**OPENED, "to": 20260101}),
        (200, {"status": "fail", "error": Like(".+"), "code": 4002}),
        given=opened,
    ),
    *(
        Example(
            "8",
            ('{"status":"success","count":n}',),
            ("POST", f"/1/counts/{what}.json", OPENED),
            (200, {"status": "success", "count": count}),
            given=opened,
        )
        for what, count in (("events", 2), ("profiles", 1))
    ),
    *(
        Example(
            "8",
            ('{"status":"partial","req_id":<number>}',),
            ("POST", f"/1/counts/{what}.json", OPENED),
            (200, {"status": "partial", "req_id": AnyNumber()}),
            given=opened,
            settings=CleverTapSettings(async_counts=True),
        )
        for what in ("events", "profiles")
    ),
    Example(
        "8",
        ("Invalid request id",),
        ("GET", "/1/counts/events.json?req_id=7", None),
        (200, {"status": "fail", "error": "Invalid request id", "code": 400}),
        given=asked,
        settings=CleverTapSettings(async_counts=True),
    ),
    *(
        Example(
            "8",
            ("Invalid group",),
            ("POST", "/1/counts/trends.json", {**OPENED, "groups": groups}),
            (200, {"status": "fail", "error": "Invalid group", "code": 400}),
            given=opened,
        )
        for groups in (
            {"g": {"trend_type": "hourly"}},
            {f"g{n}": {"trend_type": "daily"} for n in range(6)},
        )
    ),
    *(
        Example("9", ('{"status":"success"}',), ("POST", path, body), (200, SUCCESS), given=opened)
        for path, body in (
            ("/1/delete/profiles.json", {"identity": EMAIL}),
            ("/1/delete/profiles.json", {"identity": [EMAIL], "guid": ["__a"]}),
            ("/1/demerge/profiles.json", {"identities": [EMAIL]}),
        )
    ),
    *(
        Example("9", (), ("POST", path, body), (400, MALFORMED))
        for path, body in (
            ("/1/delete/profiles.json", {"identity": ["x"] * 101}),
            ("/1/demerge/profiles.json", {"identities": ["x"] * 101}),
            ("/1/subscribe", {"d": [{}] * 1001}),
            ("/1/disassociate", {"d": [{}] * 1001}),
        )
    ),
    Example(
        "9",
        (),
        ("POST", "/1/subscribe", {"d": [{"type": "email", "value": EMAIL, "status": "Unsubscribe"}]}),
        (200, {"status": "success", "processed": 1, "unprocessed": []}),
        given=opened,
    ),
    Example(
        "9",
        ("type: phone",),
        ("POST", "/1/disassociate", {"d": [{"type": "phone", "value": PHONE}]}),
        (200, {"status": "success", "processed": 1, "unprocessed": []}),
        given=lambda ct: ct.upload(event(identity=PHONE)),
    ),
    *(
        Example(
            "10",
            ('{"status":"success","message":"Added to queue for processing"}',),
            ("POST", f"/1/send/{mode}.json", {"to": {key: [EMAIL]}, "content": content, **more}),
            (200, {"status": "success", "message": "Added to queue for processing"}),
            given=opened,
        )
        for mode, content, more in (
            ("push", {"title": "t", "body": "b"}, {}),
            ("webpush", {"title": "t", "body": "b"}, {}),
            ("sms", {"body": "b"}, {"provider_nick_name": "p"}),
            ("email", {"subject": "s", "body": "b", "sender_name": "n"}, {"provider_nick_name": "p"}),
            ("whatsapp", {"template_name": "w", "message_id": "12345678"}, {"provider_nick_name": "p"}),
        )
        for key in ("Email", "email", "Identity", "identity")
    ),
    Example(
        "10",
        ('{"status":"fail","error":…,"code":…}',),
        ("POST", "/1/send/sms.json", {"to": {"Email": [EMAIL]}, "content": {"body": "b"}}),
        (200, {"status": "fail", "error": Like(".+"), "code": 400}),
        given=opened,
    ),
    *(
        Example(
            "10",
            ("status: success",),
            (
                "POST",
                "/1/send/externaltrigger.json",
                {"to": {kind: [EMAIL]}, "campaign_id": number, "ExternalTrigger": {"k": "v"}},
            ),
            (200, {"status": "success", "message": Like(".+")}),
            given=external,
        )
        for kind in ("identity", "email", "objectId")
        for number in (1502369473, "1502369473")
    ),
    Example(
        "10",
        ("status: fail",),
        ("POST", "/1/send/externaltrigger.json", {"to": {"identity": [EMAIL]}, "campaign_id": 7}),
        (200, {"status": "fail", "error": Like(".+"), "code": 400}),
        given=external,
    ),
    Example(
        "11",
        ('{"status":"success","result":{"sent":n,"clicked":n,…}}',),
        ("POST", "/1/targets/result.json", {"id": 1502369473}),
        (200, {"status": "success", "result": {"sent": 1, "clicked": 0}}),
        given=done,
    ),
    Example(
        "11",
        ('{"status":"fail","error":"This target hasn\'t been completed"}',),
        ("POST", "/1/targets/result.json", {"id": 1502369473}),
        (200, {"status": "fail", "error": "This target hasn't been completed"}),
        given=not_done,
    ),
    Example(
        "11",
        ('{"status":"success"}',),
        ("POST", "/1/targets/stop.json", {"id": 1502369473}),
        (200, SUCCESS),
        given=not_done,
    ),
    Example(
        "15",
        ("12 digit account ID mandatory",),
        ("GET", "/v1/connect?partner=Mailmodo", None),
        unauthorised("12 digit account ID mandatory"),
        headers={},
    ),
    Example(
        "15",
        ("Invalid Credentials",),
        ("GET", "/v1/connect?partner=Mailmodo", None),
        unauthorised("Invalid Credentials"),
        headers=headers(passcode=""),
    ),
    Example("15", ("Malformed request",), ("GET", "/v1/connect", None), (400, MALFORMED)),
    Example("15", ("Malformed request",), ("POST", "/1/upload", {"d": None}), (400, MALFORMED)),
    Example(
        "15",
        ("d: []",),
        ("POST", "/1/upload", {"d": []}),
        (200, {"status": "success", "processed": 0, "unprocessed": []}),
    ),
    Example(
        "15", ('{"status":"success"}',), ("GET", "/1/profile.json?objectId=-nobody", None), (200, SUCCESS)
    ),
    skipped(
        "15",
        profile(Gender="male"),
        514,
        UNPUBLISHED,
        shows="<Area> is incorrect. <short reason>.Skipped record number : N",
    ),
]
