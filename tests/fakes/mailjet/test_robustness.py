"""Whatever is sent, the answer is one that the contract knows, and nothing breaks inside."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.fakes.mailjet.account import account, message

ODD: list[Any] = [
    None,
    True,
    0,
    -1,
    10**30,
    1e308,
    "",
    " ",
    "é\u202e\x00\r\nX: y",
    "x" * 10_000,
    [],
    [None],
    [[]],
    ["a"],
    [{}],
    {},
    {"": None},
    {"Email": {}},
    {"Email": "a\r\nb@x.test", "Name": 5},
    {"a": {"b": {"c": [1, {"d": "e"}]}}},
]
PROPERTIES = (
    "From", "Sender", "To", "Cc", "Bcc", "ReplyTo", "Subject", "TextPart", "HTMLPart", "TemplateID",
    "TemplateLanguage", "TemplateErrorReporting", "TemplateErrorDeliver", "Variables", "Attachments",
    "InlinedAttachments", "Priority", "CustomCampaign", "DeduplicateCampaign", "TrackOpens", "TrackClicks",
    "CustomID", "EventPayload", "MonitoringCategory", "URLTags", "Headers",
)  # fmt: skip
V3_PROPERTIES = (
    "FromEmail", "FromName", "Sender", "Recipients", "To", "Cc", "Bcc", "Subject", "Text-part", "Html-part",
    "Mj-TemplateID", "Mj-TemplateLanguage", "Mj-TemplateErrorDeliver", "Mj-campaign", "Mj-deduplicatecampaign",
    "Mj-trackopen", "Mj-trackclick", "Mj-CustomID", "Mj-EventPayLoad", "Headers", "Vars", "Messages",
)  # fmt: skip


@pytest.mark.parametrize("name", PROPERTIES)
async def test_odd_value_in_a_message_never_breaks_the_fake(name: str):
    async with account() as mailjet:
        for odd in ODD:
            whole = {**message(TemplateLanguage=True), name: odd}
            for root in ({"Messages": [whole]}, {"Messages": [message()], "Globals": {name: odd}}):
                answer = await mailjet.call("POST", "/v3.1/send", {**root, "AdvanceErrorHandling": True})
                assert answer.status in (200, 400, 403) or answer.reason.startswith("Cannot convert"), odd
        await asyncio.sleep(1)

        mailjet.stage.recorder.check(sent=False)


@pytest.mark.parametrize("name", V3_PROPERTIES)
async def test_odd_value_in_a_v3_message_never_breaks_the_fake(name: str):
    async with account() as mailjet:
        flat = {"FromEmail": "shop@example.com", "To": "ada@example.org", "Text-part": "x"}
        for odd in ODD:
            answer = await mailjet.call("POST", "/v3/send", {**flat, name: odd})
            assert answer.status in (200, 400) or answer.reason.startswith("Cannot convert"), odd
        await asyncio.sleep(1)

        mailjet.stage.recorder.check(sent=False)


@pytest.mark.parametrize(
    "name", ["EventType", "Url", "Version", "IsBackup", "Status", "ID", "APIKeyID", "é\r\n"]
)
async def test_odd_value_in_a_webhook_never_breaks_the_fake(name: str):
    async with account() as mailjet:
        await mailjet.hook("open")
        for odd in ODD:
            for method, path in (("POST", ""), ("PUT", "/501")):
                body = {"EventType": "sent", "Url": "https://receiver.test", name: odd}
                answer = await mailjet.call(method, f"/v3/REST/eventcallbackurl{path}", body)
                assert answer.status in (200, 201, 304, 400), odd

        mailjet.stage.recorder.check(sent=False)


@pytest.mark.parametrize("name", ["Email", "Name", "IsExcludedFromCampaigns", "ID"])
async def test_odd_value_in_a_contact_never_breaks_the_fake(name: str):
    async with account() as mailjet:
        for number, odd in enumerate(ODD):
            for method, path in (("POST", ""), ("PUT", "/1")):
                body = {"Email": f"p{number}@example.org", name: odd} if method == "POST" else {name: odd}
                answer = await mailjet.call(method, f"/v3/REST/contact{path}", body)
                assert answer.status in (200, 201, 304, 400, 404), odd

        mailjet.stage.recorder.check(sent=False)


@pytest.mark.parametrize("resource", ["contact", "message", "messagehistory", "eventcallbackurl"])
@pytest.mark.parametrize("key", ["0", "-1", "9" * 40, "%00", "%FF@%FF.x", "٣", "a|b|c", "%2F", "x" * 4000])
async def test_odd_key_never_breaks_the_fake(resource: str, key: str):
    async with account() as mailjet:
        answer = await mailjet.call("GET", f"/v3/REST/{resource}/{key}")

        assert answer.status in (200, 400, 404)
        mailjet.stage.recorder.check(sent=False)


@pytest.mark.parametrize("value", ["", "-5", "1e9", "9" * 40, "é", "true", "%00"])
async def test_odd_filter_never_breaks_the_fake(value: str):
    names = (
        "Limit",
        "Offset",
        "Sort",
        "countOnly",
        "FromTS",
        "MessageStatus",
        "Version",
        "Backup",
        "Campaign",
    )
    async with account() as mailjet:
        await mailjet.send_one()
        for resource in ("contact", "message", "eventcallbackurl"):
            for name in names:
                answer = await mailjet.call("GET", f"/v3/REST/{resource}?{name}={value}")
                assert answer.status == 200

        mailjet.stage.recorder.check(sent=False)
