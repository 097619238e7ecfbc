"""Whatever is sent, the answer is the vendor's own refusal: never a crash, never silence."""

from __future__ import annotations

import json

import pytest

from contracts import load_contract
from fakes.mailmodo import Entry, EntryKind
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
    assert len(WITH_JSON) == 16


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
