"""Whatever is sent, the answer is the vendor's own refusal: never a crash, never silence."""

from __future__ import annotations

import json

import pytest

from contracts import load_contract
from fakes.mailmodo import Entry, EntryKind, Form, Question, Template
from tests.fakes.mailmodo.account import open_account

CONTRACT = load_contract("mailmodo")
WITH_JSON = [
    operation.id
    for operation in CONTRACT.of_kind("operation")
    if "application/json" in json.dumps(operation.spec.get("requestBody", {}))
    or operation.spec.get("requestBody", {}).get("$ref", "").endswith(("Trigger", "EmailOnly"))
]
BODIES = {
    "no JSON": b"{",
    "nothing": b"",
    "a list": b"[]",
    "null": b"null",
    "a number": b"1e999",
    "bad UTF-8": b'{"email": "\xff"}',
    "deep": b"[" * 100_000,
    "deep object": b'{"email":' * 5_000,
    "deep value": b'{"email": "a@example.com", "listName": "l", "data": {"a": '
    + b"[" * 500
    + b"]" * 500
    + b"}}",
    "huge number": b'{"email": "a@example.com", "event_name": "e", "ts": ' + b"9" * 4000 + b"}",
    "more digits than are read": b'{"email": "a@example.com", "ts": ' + b"9" * 5000 + b"}",
    "not a number": b'{"email": "a@example.com", "event_name": "e", "ts": NaN}',
    "nulls": b'{"email": null, "listName": null, "data": null, "values": null, "campaignId": null}',
    "wrong types": b'{"email": {}, "listName": [], "data": "x", "values": {}, "campaignId": {"a": 1}}',
    "odd values": b'{"email": "a@example.com", "listName": "l", "values": [null, [], {"email": {"a": 1}}]}',
    "zero byte": b'{"email": "a@example.com\\u0000", "listName": "\\u0000"}',
}


def test_every_operation_with_a_json_body_is_tried() -> None:
    assert len(WITH_JSON) == 17


@pytest.mark.parametrize("text", [b"", b"\\ud800"], ids=["plain", "half a pair"])
async def test_no_depth_of_nesting_breaks_what_is_done_with_it(text: bytes) -> None:
    """A value that can be read must be written, too: into a mail, a contact, a fact."""
    async with open_account() as mailmodo:
        headers = {"mmApiKey": mailmodo.fake.settings.api_key, "Content-Type": "application/json"}
        url = mailmodo.url(f"/api/v1/triggerCampaign/{mailmodo.survey.id}")
        statuses = set()
        for depth in (1, 100, 300, *range(450, 1000, 50)):
            value = b"[" * depth + b'"%s"' % text + b"]" * depth
            body = b'{"email": "a@example.com", "data": {"plan": %s}, "campaign_data": {"first_name": %s}}'
            async with mailmodo.stage.session.post(
                url, data=body % (value, value), headers=headers
            ) as response:
                statuses.add(response.status)
            await mailmodo.settle()
            assert (await mailmodo.call("GET", "/api/v1/getContactDetails?email=a@example.com"))[0] == 200

        assert statuses <= {200, 400}
        mailmodo.recorder.check(sent=False)


@pytest.mark.parametrize(
    "address",
    [
        "a\0b@example.com", "a\x1bb@example.com", "a\x7f@example.com", "a\u200bb@example.com", "a\u202e@example.com",
        ".a@example.com", "a.@example.com", "a..b@example.com", "a@-example.com", "a@example-.com", "a@example..com",
        "a@.com", "a@example.c", "a@1.2.3.4", "a b@example.com", "a@b@example.com", "@example.com", "a@", "a",
        f"{'a' * 65}@example.com", f"a@{'b' * 64}.com", f"a@{'b.' * 130}com", "a@example.com\r\nBcc: b@example.com",
        "<a@example.com>", "Asha <a@example.com>", "a@example.com,b@example.com", "${a}@example.com",
    ],
)  # fmt: skip
async def test_what_no_mail_can_be_addressed_to_is_no_address(address: str) -> None:
    async with open_account() as mailmodo:
        status, answer = await mailmodo.call(
            "POST", "/api/v1/addToList", {"email": address, "listName": "all"}
        )

        assert (status, answer["message"]) == (400, "The provided email is not a valid email id")


@pytest.mark.parametrize(
    "address",
    [
        "o'neill+x@example.com",
        "ä.ö@bücher.example",
        "a@xn--bcher-kva.example",
        " A@Example.COM ",
        f"{'a' * 64}@example.com",
    ],
)
async def test_unusual_addresses_are_addresses(address: str) -> None:
    async with open_account() as mailmodo:
        status, _ = await mailmodo.call("POST", "/api/v1/addToList", {"email": address, "listName": "all"})

        assert (status, list(mailmodo.fake.state.contacts)) == (200, [address.strip().lower()])
        mailmodo.recorder.check()


@pytest.mark.parametrize("operation_id", WITH_JSON)
async def test_bad_bodies_get_the_vendors_own_answers(operation_id: str) -> None:
    operation = CONTRACT.operation(operation_id)
    async with open_account() as mailmodo:
        form = mailmodo.fake.state.add_sign_up_form("Newsletter", list_name="News")
        journey = mailmodo.fake.journeys.add("Welcome", entry=Entry(EntryKind.API), cards=())
        path = operation.path.format(
            campaignId=mailmodo.survey.id,
            token=form.token if operation_id == "submitSignUpForm" else mailmodo.survey.token,
            formId=form.id,
            templateId=mailmodo.survey.template.id,
            journeyId=journey.id,
        )
        headers = {"mmApiKey": mailmodo.fake.settings.api_key, "Content-Type": "application/json"}
        for name, body in BODIES.items():
            async with mailmodo.stage.session.request(
                operation.method, mailmodo.url(path), data=body, headers=headers
            ) as response:
                assert response.status < 500, name
                json.loads(await response.read())
        await mailmodo.settle()

        mailmodo.recorder.check(sent=False)


@pytest.mark.parametrize(
    "content_type", ["text/plain", "multipart/form-data", "multipart/form-data; boundary=x", ""]
)
@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"--x\r\n\r\n", b"=&=&a", b"{}"])
async def test_bad_form_posts_are_refused(content_type: str, body: bytes) -> None:
    async with open_account() as mailmodo:
        mail = await mailmodo.mail()
        for path in (f"/api/v1/f/{mailmodo.form_id}?ref={mail.id}", f"/f/{mail.id}/{mailmodo.form_id}"):
            response = await mailmodo.post(
                mailmodo.url(path), data=body, headers={"Content-Type": content_type}
            )
            assert response.status == 400
        response = await mailmodo.post(
            mailmodo.url(f"/u/{mail.id}"), data=body, headers={"Content-Type": content_type}
        )
        assert response.status == 200

        mailmodo.recorder.check(sent=False)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/api/v1/nothing"),
        ("POST", "/v1/event/Seen"),
        ("PUT", "/api/v1/contacts"),
        ("GET", "/api/v1/triggerCampaign/7b2ba29e-1ea4-5b26-a5a1-3e9ef3cc11c4"),
        ("GET", "/api/v1/%ff"),
    ],
)
async def test_unrouted_path_is_answered_as_the_live_service_was_seen_to(method: str, path: str) -> None:
    async with open_account() as mailmodo:
        async with mailmodo.stage.session.request(method, mailmodo.url(path)) as response:
            answer = response.status, await response.json()

        assert answer == (404, {"error": "error", "message": "Some Internal Error Occurred: 404"})
        assert mailmodo.recorder.errors == []


@pytest.mark.parametrize(
    ("day", "status"),
    [("2026-03-02", 200), ("20260302", 400), ("2026-W10-1", 400), ("2026-02-30", 400), ("٢٠٢٦-03-02", 400)],
)
async def test_a_date_is_answered_as_the_field_of_a_form_writes_it(day: str, status: int) -> None:
    async with open_account() as mailmodo:
        form = Form("when", {"day": Question(kind="date")})
        stored = mailmodo.fake.state.add_template(Template(name="When", form=form))
        mailmodo.survey = mailmodo.fake.state.add_campaign(name="when", template=stored, subject="When?")
        mail = await mailmodo.mail()

        fields = {"ref": mail.id, mailmodo.element("day"): day}
        response = await mailmodo.post(mailmodo.url(f"/api/v1/f/{mailmodo.form_id}"), data=fields)

        assert response.status == status


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""]
)
@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("/api/v1/triggerCampaign", {"Status", "message", "errors"}),
        ("/api/v1/addToList", {"error", "success", "status", "message"}),
        ("/api/v1/addEvent", {"message"}),
        ("/hooks/abort/7b2ba29e-1ea4-4b26-a5a1-3e9ef3cc11c4", {"success", "status", "message"}),
    ],
)
async def test_a_post_must_say_that_it_is_json(path: str, keys: set[str], content_type: str) -> None:
    """Source: the vendor's documents declare the header as required on every POST."""
    async with open_account() as mailmodo:
        body = {
            "email": "a@example.com",
            "listName": "l",
            "event_name": "e",
            "campaignId": mailmodo.survey.id,
        }
        headers = {"mmApiKey": mailmodo.fake.settings.api_key, "Content-Type": content_type}

        async with mailmodo.stage.session.post(
            mailmodo.url(path), data=json.dumps(body), headers=headers
        ) as response:
            answer = await response.json()

        assert (response.status, answer["message"]) == (400, 'Content-Type" must be application/json')
        assert answer.keys() == keys
        assert mailmodo.fake.state.contacts == {}


@pytest.mark.parametrize(
    "content_type", ["application/json", "Application/JSON; charset=utf-8", "application/vnd.api+json"]
)
async def test_json_is_taken_by_any_of_its_names(content_type: str) -> None:
    async with open_account() as mailmodo:
        headers = {"mmapikey": mailmodo.fake.settings.api_key, "Content-Type": content_type}
        body = b'{"email": "a@example.com", "listName": "l"}'

        async with mailmodo.stage.session.post(
            mailmodo.url("/api/v1/addToList"), data=body, headers=headers
        ) as response:
            assert response.status == 200


async def test_a_delete_needs_no_content_type_for_its_body() -> None:
    """Source: OA-contact declares the header for POSTs alone."""
    async with open_account() as mailmodo:
        await mailmodo.call("POST", "/api/v1/addToList", {"email": "a@example.com", "listName": "l"})
        headers = {"mmApiKey": mailmodo.fake.settings.api_key}

        async with mailmodo.stage.session.delete(
            mailmodo.url("/api/v1/contacts"), data=b'{"email": "a@example.com"}', headers=headers
        ) as response:
            assert response.status == 200
