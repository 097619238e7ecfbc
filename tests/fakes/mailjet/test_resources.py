from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.mailjet.account import account, message, pixel

HOOKS = "/v3/REST/eventcallbackurl"
CONTACTS = "/v3/REST/contact"
MESSAGES = "/v3/REST/message"


async def test_created_webhook_is_answered_in_the_recorded_spacing():
    async with account() as mailjet:
        body = {"EventType": "click", "Url": "https://u:p@hooks.example.com/mj", "Version": 2}

        answer = await mailjet.call("POST", HOOKS, body)

        assert (answer.status, answer.reason) == (201, "Created")
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.text == (
            '{ "Count" : 1, "Data" : [{ "APIKeyID" : 1234, "EventType" : "click", "ID" : 501, "IsBackup" : false, '
            r'"Status" : "alive", "Url" : "https:\/\/u:p@hooks.example.com\/mj", "Version" : 2 }], "Total" : 1 }'
        )
        mailjet.stage.recorder.check()


async def test_webhook_defaults_are_open_version_1_primary():
    async with account() as mailjet:
        answer = await mailjet.call("POST", HOOKS, {"Url": "https://hooks.example.com"})

        [row] = answer.data
        assert (row["EventType"], row["Version"], row["IsBackup"]) == ("open", 1, False)
        mailjet.stage.recorder.check()


async def test_webhook_is_read_changed_and_removed():
    async with account() as mailjet:
        hook = await mailjet.hook("sent")
        path = f"{HOOKS}/{hook}"

        read = await mailjet.call("GET", path)
        unchanged = await mailjet.call("PUT", path, {"Version": "1"})
        changed = await mailjet.call("PUT", path, {"Version": 2})
        removed = await mailjet.call("DELETE", path)
        gone = await mailjet.call("GET", path)

        assert read.data[0]["ID"] == hook
        assert (unchanged.status, unchanged.reason, unchanged.text) == (304, "Content not changed", "")
        assert (changed.status, changed.data[0]["Version"]) == (200, 2)
        assert (removed.status, removed.reason, removed.text) == (204, "No content", "")
        assert removed.headers["Content-Type"] == "application/json"
        assert (gone.status, gone.reason) == (404, "Object not found")
        assert gone.text == '{ "ErrorInfo" : "", "ErrorMessage" : "Object not found", "StatusCode" : 404 }'
        mailjet.stage.recorder.check()


@pytest.mark.parametrize("key", ["open|false", "open%7Cfalse", "OPEN%7cFALSE"])
async def test_webhook_is_addressed_by_its_unique_key(key: str):
    async with account() as mailjet:
        await mailjet.hook("sent")
        hook = await mailjet.hook("open")

        answer = await mailjet.call("GET", f"{HOOKS}/{key}")

        assert answer.data[0]["ID"] == hook
        mailjet.stage.recorder.check()


async def test_second_webhook_of_a_kind_is_refused_and_a_backup_is_not():
    async with account() as mailjet:
        await mailjet.hook("open")
        backup = await mailjet.hook("open", IsBackup="true")
        body = {"EventType": "open", "Url": "https://hooks.example.com"}

        second = await mailjet.call("POST", HOOKS, body)
        turned = await mailjet.call("PUT", f"{HOOKS}/{backup}", {"IsBackup": False})

        expected = (
            'MJ18 A EventCallbackURL resource with value "open|false" for EventType|Backup already exists.'
        )
        assert [(a.status, a.json["ErrorMessage"]) for a in (second, turned)] == [(400, expected)] * 2
        mailjet.stage.recorder.check()


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "MJ08 Property Url is invalid: a value is required"),
        ({"Url": None}, "MJ08 Property Url is invalid: a value is required"),
        ({"Url": "ftp://x"}, "MJ08 Property Url is invalid: an http or https URL is expected"),
        ({"Url": "https://x:99999"}, "MJ08 Property Url is invalid: Port out of range 0-65535"),
        ({"Url": ["https://x.test"]}, "MJ08 Property Url is invalid: a string is expected"),
        (
            {"Url": "https://x.test", "Version": 3},
            "MJ08 Property Version is invalid: 3 is not a version, 1 or 2 is expected",
        ),
        (
            {"Url": "https://x.test", "EventType": "typofix"},
            'MJ08 Property EventType is invalid: "typofix" is not an event type',
        ),
        (
            {"Url": "https://x.test", "IsBackup": "maybe"},
            "MJ08 Property IsBackup is invalid: a boolean is expected",
        ),
        ({"Url": "https://x.test", "ID": 5}, 'MJ19 Setting a value for property "ID" is not allowed'),
        (
            {"Uri": "https://x.test"},
            'Invalid json input: object ""->"TEventCallbackURL" has no property "Uri"',
        ),
    ],
)
async def test_bad_webhook_is_refused(body: dict[str, Any], text: str):
    async with account() as mailjet:
        answer = await mailjet.call("POST", HOOKS, body)

        assert (answer.status, answer.json["ErrorMessage"], answer.json["StatusCode"]) == (400, text, 400)
        assert answer.reason == text
        mailjet.stage.recorder.check(sent=False)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "Invalid json input: unexpected end of stream at stream position 0 ...|..."),
        (b'{"Url": }', 'Invalid json input: unexpected "}" at stream position 8 ...{"Url": |}...'),
        (
            b'[{"Url": "x"}]',
            'Invalid json input: expected "{", but found "[" at stream position 1 ...|[{"Url": "...',
        ),
        (b"\xff", "Invalid json input: invalid UTF-8 at stream position 0"),
        (b"[" * 100_000, "Invalid json input: value out of range"),
        (b"1" * 5000, "Invalid json input: value out of range"),
    ],
)
async def test_bad_json_is_refused_with_the_place(body: bytes, text: str):
    async with account() as mailjet:
        answer = await mailjet.call("POST", HOOKS, body)

        assert (answer.status, answer.json["ErrorMessage"]) == (400, text)
        mailjet.stage.recorder.check(sent=False)


async def test_list_gives_ten_rows_and_total_repeats_the_page_unless_asked():
    async with account() as mailjet:
        for number in range(12):
            await mailjet.call("POST", CONTACTS, {"Email": f"p{number}@example.org"})

        plain = await mailjet.call("GET", CONTACTS)
        counted = await mailjet.call("GET", CONTACTS, params={"limit": "1", "countrecords": "1"})
        only = await mailjet.call("GET", CONTACTS, params={"countOnly": "1"})
        everything = await mailjet.call("GET", CONTACTS, params={"Limit": "0"})
        tail = await mailjet.call("GET", CONTACTS, params={"Offset": "10"})

        assert [
            (a.json["Count"], len(a.data), a.json["Total"]) for a in (plain, counted, only, everything, tail)
        ] == [
            (10, 10, 10),
            (1, 1, 12),
            (12, 0, 12),
            (12, 12, 12),
            (2, 2, 2),
        ]
        mailjet.stage.recorder.check()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("Sort=Email", ["ann@x.test", "bob@x.test", "cy@x.test"]),
        ("Sort=Email+DESC", ["cy@x.test", "bob@x.test", "ann@x.test"]),
        ("sort=id%20desc", ["cy@x.test", "ann@x.test", "bob@x.test"]),
        ("Sort=Name", ["bob@x.test", "ann@x.test", "cy@x.test"]),
        ("IsExcludedFromCampaigns=true", ["ann@x.test"]),
        ("Limit=1&Limit=3", ["bob@x.test"]),
        ("NoSuchFilter=7&Limit=many", ["bob@x.test", "ann@x.test", "cy@x.test"]),
    ],
)
async def test_list_is_sorted_and_filtered(query: str, expected: list[str]):
    async with account() as mailjet:
        for email in ("bob@x.test", "ann@x.test", "cy@x.test"):
            body = {"Email": email, "IsExcludedFromCampaigns": email.startswith("ann")}
            await mailjet.call("POST", CONTACTS, body)

        answer = await mailjet.call("GET", f"{CONTACTS}?{query}")

        assert [row["Email"] for row in answer.data] == expected
        mailjet.stage.recorder.check(sent=False)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("EventType=click", ["click"]),
        ("EventType=1", ["click"]),
        ("EventType=7", ["sent"]),
        ("Backup=true", ["open"]),
        ("Version=2", ["click"]),
        ("Status=dead", []),
        ("Sort=ID+DESC", ["sent", "click", "open"]),
    ],
)
async def test_webhooks_are_filtered_by_word_or_number(query: str, expected: list[str]):
    async with account() as mailjet:
        await mailjet.hook("sent")
        await mailjet.hook("click", version=2)
        await mailjet.hook("open", IsBackup=True)

        answer = await mailjet.call("GET", f"{HOOKS}?{query}")

        assert [row["EventType"] for row in answer.data] == expected
        mailjet.stage.recorder.check()


@pytest.mark.parametrize("key", ["1", "ada@example.org", "ADA%40example%2Eorg"])
async def test_contact_is_found_by_id_or_address(key: str):
    async with account() as mailjet:
        await mailjet.call("POST", CONTACTS, {"Email": "Ada@example.org", "Name": "Ada"})

        answer = await mailjet.call("GET", f"{CONTACTS}/{key}")

        [row] = answer.data
        assert list(row) == sorted(row)
        assert (row["Email"], row["Name"], row["CreatedAt"]) == (
            "Ada@example.org",
            "Ada",
            "2026-03-02T03:30:00Z",
        )
        assert (row["LastActivityAt"], row["UnsubscribedAt"], row["UnsubscribedBy"]) == ("", "", "")
        mailjet.stage.recorder.check()


async def test_contact_is_changed_and_unchanged():
    async with account() as mailjet:
        await mailjet.call("POST", CONTACTS, {"Email": "ada@example.org"})
        path = f"{CONTACTS}/ada@example.org"

        changed = await mailjet.call("PUT", path, {"Name": "Ada", "IsExcludedFromCampaigns": "true"})
        same = await mailjet.call("PUT", path, {"Name": "Ada", "ID": 1})

        [row] = changed.data
        assert (row["Name"], row["IsExcludedFromCampaigns"]) == ("Ada", True)
        assert row["ExclusionFromCampaignsUpdatedAt"] == row["LastUpdateAt"] == "2026-03-02T03:30:00Z"
        assert (same.status, same.text) == (304, "")
        assert [fact.details["is_new"] for fact in mailjet.stage.recorder.facts_of("contact_stored")] == [
            True,
            False,
        ]
        mailjet.stage.recorder.check()


@pytest.mark.parametrize(
    ("method", "key", "body", "status", "text"),
    [
        (
            "POST",
            "",
            {"Email": "ADA@example.org"},
            400,
            'MJ18 A Contact resource with value "ada@example.org" for Email already exists.',
        ),
        ("POST", "", {"Email": "x"}, 400, 'Invalid email address "x", reason: "No @ character in mail"'),
        ("POST", "", {}, 400, 'Invalid email address "", reason: "No @ character in mail"'),
        (
            "POST",
            "",
            {"firstname": "x"},
            400,
            'Invalid json input: object ""->"TContact" has no property "firstname"',
        ),
        (
            "PUT",
            "/1",
            {"LastActivityAt": "x"},
            400,
            'MJ19 Setting a value for property "LastActivityAt" is not allowed',
        ),
        ("PUT", "/1", {"Email": "b@x.test"}, 400, 'MJ19 Setting a value for property "Email" is not allowed'),
        ("GET", "/x", None, 400, 'Invalid email address "x", reason: "No @ character in mail"'),
        ("GET", "/2", None, 404, "Object not found"),
        ("GET", "/bob@example.org", None, 404, "Object not found"),
        ("DELETE", "/1", None, 401, "Operation not allowed"),
    ],
)
async def test_bad_contact_call_is_refused(method: str, key: str, body: object, status: int, text: str):
    async with account() as mailjet:
        await mailjet.call("POST", CONTACTS, {"Email": "ada@example.org"})

        answer = await mailjet.call(method, CONTACTS + key, body)

        assert (answer.status, answer.json["ErrorMessage"], answer.json["ErrorInfo"]) == (status, text, "")
        mailjet.stage.recorder.check(sent=False)


async def test_message_shows_subject_address_and_custom_id_only_when_asked():
    async with account() as mailjet:
        message_id = await mailjet.send_one(CustomID="order-17", CustomCampaign="welcome", TextPart="x")

        plain = await mailjet.call("GET", f"{MESSAGES}/{message_id}")
        shown = await mailjet.call(
            "GET",
            f"{MESSAGES}/{message_id}",
            params={"ShowSubject": "true", "ShowContactAlt": "true", "showcustomid": "true"},
        )

        [row] = plain.data
        assert list(row) == sorted(row, key=str.lower)
        assert (row["ID"], row["Status"], row["Subject"], row["ContactAlt"]) == (message_id, "sent", "", "")
        assert "CustomID" not in row
        assert "StateID" not in row
        assert (row["IsOpenTracked"], row["IsClickTracked"], row["IsTextPartIncluded"]) == (True, True, True)
        [row] = shown.data
        assert (row["Subject"], row["ContactAlt"], row["CustomID"]) == (
            "Hello",
            "ada@example.org",
            "order-17",
        )
        mailjet.stage.recorder.check()


async def test_message_is_not_found_by_its_uuid():
    async with account() as mailjet:
        message_id = await mailjet.send_one()
        uuid = mailjet.fake.state.messages[message_id].uuid

        answer = await mailjet.call("GET", f"{MESSAGES}/{uuid}")

        assert (answer.status, answer.json["ErrorMessage"]) == (404, "Object not found")
        mailjet.stage.recorder.check()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("CustomID=one", ["one"]),
        ("Campaign=7001", ["two"]),
        ("ContactAlt=bob@example.org", ["two"]),
        ("Contact=1", ["one", "three"]),
        ("MessageStatus=3", ["one"]),
        ("MessageStatus=opened", ["one"]),
        ("MessageStatus=0", ["one", "two", "three"]),
        ("MessageStatus=bounce", []),
        ("From=shop@example.com", ["one", "two", "three"]),
        ("FromDomain=elsewhere.test", []),
        ("FromTS=2027-01-01T00:00:00", []),
        ("FromTS=1772422200", ["one", "two", "three"]),
        ("ToTS=1772422199", []),
        ("FromType=2", []),
        ("Sort=ID+DESC&Limit=1", ["three"]),
    ],
)
async def test_messages_are_filtered(query: str, expected: list[str]):
    async with account() as mailjet:
        await mailjet.send_one(CustomID="one")
        await mailjet.send_one(CustomID="two", CustomCampaign="c", To=[{"Email": "bob@example.org"}])
        await mailjet.send_one(CustomID="three")
        await mailjet.visit(pixel(mailjet.mails[0]))

        answer = await mailjet.call("GET", f"{MESSAGES}?{query}&ShowCustomID=true")

        assert [row["CustomID"] for row in answer.data] == expected
        mailjet.stage.recorder.check()


async def test_history_repeats_repeated_opens_in_the_past_tense():
    async with account() as mailjet:
        message_id = await mailjet.send_one()
        for _ in range(2):
            await mailjet.visit(pixel(mailjet.mails[0]))

        answer = await mailjet.call("GET", f"/v3/REST/messagehistory/{message_id}")
        unknown = await mailjet.call("GET", "/v3/REST/messagehistory/5")

        assert [row["EventType"] for row in answer.data] == ["sent", "opened", "opened"]
        assert (answer.data[1]["EventAt"], answer.data[1]["Useragent"]) == (1772422200, "Thunderbird")
        assert (unknown.status, unknown.text) == (200, '{ "Count" : 0, "Data" : [], "Total" : 0 }')
        mailjet.stage.recorder.check()


@pytest.mark.parametrize("path", [HOOKS, f"{CONTACTS}/1", "/v3/REST/nonsense", "/v3/nonsense", "/v3/send"])
@pytest.mark.parametrize("auth", [None, ("a", "b")])
async def test_key_is_asked_for_before_the_path_is_looked_at(path: str, auth: tuple[str, str] | None):
    async with account() as mailjet:
        answer = await mailjet.call("GET", path, auth=auth)

        assert (answer.status, answer.text) == (401, "")
        assert answer.headers["Content-Type"] == "text/html"
        assert answer.headers["WWW-Authenticate"] == 'Basic realm="Provide an apiKey and secretKey"'
        mailjet.stage.recorder.check(sent=False)


@pytest.mark.parametrize("header", ["Basic", "Basic !!!", "Bearer abc", "Basic " + "gICA", ""])
async def test_malformed_authorization_is_a_wrong_key(header: str):
    async with account() as mailjet:
        old = await mailjet.call("GET", HOOKS, auth=None, headers={"Authorization": header})
        new = await mailjet.call(
            "POST", "/v3.1/send", {"Messages": [message()]}, auth=None, headers={"Authorization": header}
        )

        assert (old.status, new.status, new.json["StatusCode"]) == (401, 401, 401)
        mailjet.stage.recorder.check()


@pytest.mark.parametrize(
    "path", ["/v3/REST/EventCallbackURL", "/v3/rest/EVENTCALLBACKURL", "/v3/REST/eventcallbackurl"]
)
async def test_resource_names_compare_without_case(path: str):
    async with account() as mailjet:
        hook = await mailjet.hook("open")

        listed = await mailjet.call("GET", path)
        read = await mailjet.call("GET", f"{path}/{hook}")
        tested = await mailjet.call("POST", f"{path}/{hook}/TEST")

        assert [listed.status, read.status, tested.status] == [200, 200, 201]
        mailjet.stage.recorder.check()


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        (
            "GET",
            "/v3/REST/contacts",
            400,
            '{ "ErrorInfo" : "Bad Request", "ErrorMessage" : "Unknown resource: \\"contacts\\"", "StatusCode" : 400 }',
        ),
        (
            "GET",
            "/v3/wrongresourcepath",
            500,
            (
                '{ "ErrorInfo" : "EFPWebError", "ErrorMessage" : "Could not determine HTTP module for request '
                '\\"wrongresourcepath\\"", "StatusCode" : 500 }'
            ),
        ),
        (
            "OPTIONS",
            HOOKS,
            401,
            '{ "ErrorInfo" : "", "ErrorMessage" : "Operation not allowed", "StatusCode" : 401 }',
        ),
        (
            "GET",
            f"{HOOKS}/501/nonsense",
            404,
            '{ "ErrorInfo" : "", "ErrorMessage" : "Object not found", "StatusCode" : 404 }',
        ),
    ],
)
async def test_unknown_path_or_method_is_refused(method: str, path: str, status: int, body: str):
    async with account() as mailjet:
        answer = await mailjet.call(method, path)

        assert (answer.status, answer.text) == (status, body)
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]
        mailjet.stage.recorder.check(sent=False)


@pytest.mark.parametrize("path", ["/v3.1/REST/contact", "/", "/favicon.ico", "/v4/contacts/1"])
async def test_path_of_no_api_is_the_web_servers_404(path: str):
    async with account() as mailjet:
        answer = await mailjet.call("GET", path)

        assert (answer.status, "nginx" in answer.text) == (404, True)
        assert answer.headers["Content-Type"].startswith("text/html")
        mailjet.stage.recorder.check(sent=False)


async def test_get_on_send_is_refused_in_the_new_engines_envelope():
    async with account() as mailjet:
        answer = await mailjet.call("GET", "/v3.1/send")

        assert (answer.status, list(answer.json)) == (405, ["ErrorIdentifier", "StatusCode", "ErrorMessage"])
        mailjet.stage.recorder.check(sent=False)
