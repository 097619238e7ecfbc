from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import pytest

from fakes.kit import MailReply
from fakes.mailjet import Template
from tests.fakes.mailjet.account import ADA, HTML, SHOP, account, message

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


async def test_accepted_message_is_answered_in_the_recorded_shape():
    async with account() as mailjet:
        answer = await mailjet.send(message(CustomID="order-17", Cc=[{"Email": "bob@example.org"}]))

        assert answer.status == 200
        assert answer.headers["Content-Type"] == "application/json; charset=UTF-8"
        assert UUID.fullmatch(answer.headers["X-Mj-Request-Guid"])
        [sent] = answer.json["Messages"]
        assert list(sent) == ["Status", "CustomID", "To", "Cc", "Bcc"]
        assert (sent["Status"], sent["CustomID"], sent["Bcc"]) == ("success", "order-17", [])
        [to], [cc] = sent["To"], sent["Cc"]
        assert list(to) == ["Email", "MessageUUID", "MessageID", "MessageHref"]
        assert to["MessageID"] == 2**60
        assert cc["MessageID"] == 2**60 + 1
        assert to["MessageHref"] == f"https://api.mailjet.com/v3/REST/message/{2**60}"
        assert UUID.fullmatch(to["MessageUUID"])
        assert ": " not in answer.text
        mailjet.stage.recorder.check()


async def test_message_ids_do_not_survive_a_floating_point_number():
    async with account() as mailjet:
        await mailjet.send_one()
        second = await mailjet.send_one()

        assert int(float(second)) != second
        mailjet.stage.recorder.check()


async def test_every_recipient_gets_a_mail_of_their_own():
    async with account() as mailjet:
        await mailjet.send_one(Cc=[{"Email": "bob@example.org"}], Bcc=[{"Email": "eve@example.org"}])

        assert [mail.recipient for mail in mailjet.mails] == [
            "ada@example.org",
            "bob@example.org",
            "eve@example.org",
        ]
        assert len({mail.id for mail in mailjet.mails}) == 3
        mailjet.stage.recorder.check()


async def test_address_named_twice_gets_two_ids_and_one_mail():
    async with account() as mailjet:
        answer = await mailjet.send(message(Cc=[{"Email": "ADA@example.org"}]))
        await asyncio.sleep(1)

        sent = answer.json["Messages"][0]
        assert sent["To"][0]["MessageID"] != sent["Cc"][0]["MessageID"]
        assert len(mailjet.mails) == 1
        mailjet.stage.recorder.check()


async def test_sandbox_mode_validates_and_sends_nothing():
    async with account() as mailjet:
        answer = await mailjet.send(message(), SandboxMode=True)
        await asyncio.sleep(1)

        [to] = answer.json["Messages"][0]["To"]
        assert (to["MessageUUID"], to["MessageID"]) == ("", 0)
        assert to["MessageHref"].endswith("/v3/REST/message/0")
        assert mailjet.mails == []
        assert mailjet.fake.state.contacts == {}
        assert (await mailjet.send(message(To=[]), SandboxMode=True)).status == 400
        mailjet.stage.recorder.check(sent=False)


@pytest.mark.parametrize("spelling", ["SandBoxMode", "sandboxmode", "SANDBOXMODE"])
async def test_property_names_compare_without_case(spelling):
    async with account() as mailjet:
        lower = {name.lower(): value for name, value in message(To=[{"email": "ada@example.org"}]).items()}

        answer = await mailjet.call("POST", "/v3.1/send", {"messages": [lower], spelling: True})

        assert answer.json["Messages"][0]["To"][0]["MessageID"] == 0
        mailjet.stage.recorder.check(sent=False)


async def test_mixed_batch_answers_400_and_sends_the_good_ones():
    async with account() as mailjet:
        bad = message(To=[{"Email": "ada@example..com"}])
        answer = await mailjet.send(message(), bad, message(To=[{"Email": "bob@example.org"}]))
        await asyncio.sleep(1)

        assert answer.status == 400
        assert [one["Status"] for one in answer.json["Messages"]] == ["success", "error", "success"]
        refused = answer.json["Messages"][1]
        assert list(refused) == ["Status", "Errors"]
        [error] = refused["Errors"]
        assert list(error) == ["ErrorIdentifier", "ErrorCode", "StatusCode", "ErrorMessage", "ErrorRelatedTo"]
        assert UUID.fullmatch(error.pop("ErrorIdentifier"))
        assert error == {
            "ErrorCode": "mj-0013",
            "StatusCode": 400,
            "ErrorMessage": '"ada@example..com" is an invalid email address.',
            "ErrorRelatedTo": ["To[0].Email"],
        }
        assert [mail.recipient for mail in mailjet.mails] == ["ada@example.org", "bob@example.org"]
        mailjet.stage.recorder.check(sent=False)


NO_CONTENT = 'At least "HTMLPart", "TextPart" or "TemplateID" must be provided.'
ATTACHED = {"ContentType": "text/plain", "Filename": "a.txt", "Base64Content": "QQ=="}


@pytest.mark.parametrize(
    ("properties", "code", "text", "related_to"),
    [
        ({"HTMLPart": None}, "send-0003", NO_CONTENT, ["TextPart", "HTMLPart", "TemplateID"]),
        ({"From": None}, "mj-0003", "Missing mandatory property.", ["From"]),
        ({"To": None}, "mj-0003", "Missing mandatory property.", ["To"]),
        ({"To": [{"Name": "Ada"}]}, "mj-0003", "Missing mandatory property.", ["To[0].Email"]),
        ({"To": "ada@example.org"}, "mj-0004", 'Type mismatch. Expected type "array of emails".', ["To"]),
        ({"To": []}, "mj-0007", None, ["To"]),
        ({"To": [{"Email": ""}]}, "mj-0013", '"" is an invalid email address.', ["To[0].Email"]),
        ({"Bcc": [ADA, {"Email": "x"}]}, "mj-0013", '"x" is an invalid email address.', ["Bcc[1].Email"]),
        ({"From": {"Email": "x@"}}, "mj-0013", '"x@" is an invalid email address.', ["From.Email"]),
        ({"TemplateID": "welcome"}, "mj-0004", None, ["TemplateID"]),
        ({"Subject": 5}, "mj-0004", None, ["Subject"]),
        (
            {"Subject": "x" * 256},
            "mj-0006",
            "Characters limit exceeded for the property. Max allowed - 255.",
            ["Subject"],
        ),
        (
            {"URLTags": "x" * 257},
            "mj-0006",
            "Characters limit exceeded for the property. Max allowed - 256.",
            ["URLTags"],
        ),
        (
            {"TrackOpens": "yes"},
            "mj-0005",
            'Value "yes" is invalid. Allowed values are: account_default, disabled, enabled.',
            ["TrackOpens"],
        ),
        ({"TrackClicks": "no"}, "mj-0005", None, ["TrackClicks"]),
        ({"Priority": 4}, "mj-0005", 'Value "4" is invalid. Allowed values are: 0, 1, 2, 3.', ["Priority"]),
        ({"Attachments": [ATTACHED] * 51}, "mj-0008", None, ["Attachments"]),
        ({"Attachments": [{**ATTACHED, "Filename": ""}]}, "mj-0012", None, ["Attachments[0].Filename"]),
        ({"Headers": {"x-mailer": "me"}}, "send-0011", None, ['Headers["x-mailer"]']),
        ({"DeduplicateCampaign": True}, "send-0012", None, ["CustomCampaign", "DeduplicateCampaign"]),
        ({"MonitoringCategory": "none"}, "send-0013", None, ["MonitoringCategory"]),
        ({"TemplateErrorDeliver": True}, "send-0016", None, ["TemplateLanguage"]),
        ({"TemplateErrorReporting": SHOP}, "send-0016", None, ["TemplateLanguage"]),
    ],
)
async def test_faulty_message_is_refused(
    properties: dict[str, Any], code: str, text: str | None, related_to: list[str]
):
    async with account() as mailjet:
        answer = await mailjet.send(message(**properties))

        assert answer.status == 400
        [error] = answer.json["Messages"][0]["Errors"]
        assert (error["ErrorCode"], error["ErrorRelatedTo"], error["StatusCode"]) == (code, related_to, 400)
        assert text in (None, error["ErrorMessage"])
        assert mailjet.mails == []
        mailjet.stage.recorder.check(sent=False)


async def test_message_may_have_several_faults():
    async with account() as mailjet:
        answer = await mailjet.send(message(From=None, To=[{"Email": "x"}], HTMLPart=None))

        codes = [error["ErrorCode"] for error in answer.json["Messages"][0]["Errors"]]
        assert codes == ["mj-0003", "mj-0013", "send-0003"]
        mailjet.stage.recorder.check(sent=False)


@pytest.mark.parametrize(
    ("body", "code", "related_to"),
    [
        (b"{", "mj-0002", None),
        (b"", "mj-0002", None),
        (b"[]", "mj-0002", None),
        (b"null", "mj-0002", None),
        (b'{"Messages": [1]}', "mj-0002", None),
        (b'{"Messages": {}}', "mj-0002", None),
        (b'{"Messages": [{}], "SandboxMode": "yes"}', "mj-0002", None),
        (b'{"Messages": [{}], "Globals": []}', "mj-0002", None),
        (b'{"Messages": [{"Priority": NaN}]}', "mj-0002", None),
        (b"\xff\xfe{", "mj-0002", None),
        (b'{"Messages": [{"Variables": ' + b"[" * 100_000, "mj-0002", None),
        (b"{}", "mj-0003", ["Messages"]),
        (b'{"Messages": null}', "mj-0003", ["Messages"]),
        (b'{"Messages": []}', "mj-0007", ["Messages"]),
    ],
)
async def test_unreadable_request_is_refused_as_a_whole(body: bytes, code: str, related_to: list[str] | None):
    async with account() as mailjet:
        answer = await mailjet.call("POST", "/v3.1/send", body)

        assert answer.status == 400
        assert "Messages" not in answer.json
        assert (answer.json["ErrorCode"], answer.json.get("ErrorRelatedTo")) == (code, related_to)
        if code == "mj-0002":
            assert (
                answer.json["ErrorMessage"]
                == "Malformed JSON, please review the syntax and properties types."
            )
        mailjet.stage.recorder.check(sent=False)


@pytest.mark.parametrize(
    "messages",
    [
        [message(To=[{"Email": f"p{n}@example.org"}]) for n in range(51)],
        [message(To=[ADA] * 17, Cc=[ADA] * 17, Bcc=[ADA] * 17)],
        [message(To=[ADA] * 26), message(To=[ADA] * 25)],
    ],
    ids=["fifty-one messages", "one message", "two messages"],
)
async def test_more_than_fifty_recipients_are_refused_over_the_whole_request(messages: list[dict[str, Any]]):
    async with account() as mailjet:
        answer = await mailjet.send(*messages)

        body = answer.json
        assert UUID.fullmatch(body.pop("ErrorIdentifier"))
        assert (answer.status, body) == (
            400,
            {
                "ErrorCode": "send-0015",
                "StatusCode": 400,
                "ErrorMessage": "Total number of recipients exceeded. Max allowed - 50.",
                "ErrorRelatedTo": ["To", "Bcc", "Cc"],
            },
        )
        assert mailjet.mails == []
        mailjet.stage.recorder.check(sent=False)


async def test_fifty_recipients_are_taken():
    async with account() as mailjet:
        answer = await mailjet.send(message(To=[{"Email": f"p{n}@example.org"} for n in range(50)]))
        await asyncio.sleep(1)

        assert answer.status == 200
        assert len(mailjet.mails) == 50
        mailjet.stage.recorder.check()


@pytest.mark.slow
async def test_attachments_beyond_15_mb_are_refused():
    async with account() as mailjet:
        big = {**ATTACHED, "Base64Content": "A" * (16 * 1024 * 1024 * 4 // 3)}

        answer = await mailjet.send(message(Attachments=[big]))

        assert (answer.status, answer.json["ErrorCode"]) == (400, "mj-0011")
        assert answer.json["ErrorMessage"] == "Input payload must be less than 15MB."
        mailjet.stage.recorder.check(sent=False)


async def test_null_variable_breaks_the_vendors_engine():
    async with account() as mailjet:
        answer = await mailjet.send(message(TemplateLanguage=True, Variables={"name": None}))

        assert (answer.status, answer.reason, answer.text) == (500, "Cannot convert data from Null value", "")
        mailjet.stage.recorder.check()


async def test_globals_are_merged_under_each_message():
    async with account() as mailjet:
        own = {
            "To": [ADA],
            "Variables": {"name": "Ada"},
            "Cc": [{"Email": "cc@example.org"}],
            "Subject": "Mine",
        }
        root = {
            "Globals": {
                "From": SHOP,
                "Subject": "Theirs",
                "HTMLPart": "<p>Hi {{var:name}} of {{var:city}}</p>",
                "TemplateLanguage": True,
                "variables": {"name": "nobody", "city": "Paris"},
                "Cc": [{"Email": "all@example.org"}],
            }
        }

        answer = await mailjet.send(own, {"To": [{"Email": "bob@example.org"}]}, **root)
        await asyncio.sleep(1)

        assert [cc["Email"] for cc in answer.json["Messages"][0]["Cc"]] == [
            "all@example.org",
            "cc@example.org",
        ]
        by_recipient = {mail.recipient: mail for mail in mailjet.mails}
        assert by_recipient["ada@example.org"].subject == "Mine"
        assert "Hi Ada of Paris" in by_recipient["ada@example.org"].html
        assert by_recipient["bob@example.org"].subject == "Theirs"
        assert "Hi nobody of Paris" in by_recipient["bob@example.org"].html
        mailjet.stage.recorder.check()


async def test_to_in_globals_is_ignored():
    async with account() as mailjet:
        answer = await mailjet.send({"From": SHOP, "TextPart": "x"}, Globals={"To": [ADA]})

        assert answer.json["Messages"][0]["Errors"][0]["ErrorRelatedTo"] == ["To"]
        mailjet.stage.recorder.check(sent=False)


async def test_unknown_sender_is_dropped_in_silence_unless_errors_are_asked_for():
    async with account() as mailjet:
        stranger = message(From={"Email": "x@elsewhere.test"})

        silent = await mailjet.send(stranger)
        loud = await mailjet.send(stranger, AdvanceErrorHandling=True)
        await asyncio.sleep(1)

        assert silent.status == 200
        message_id = silent.json["Messages"][0]["To"][0]["MessageID"]
        assert (await mailjet.call("GET", f"/v3/REST/message/{message_id}")).status == 404
        assert loud.status == 403
        [error] = loud.json["Messages"][0]["Errors"]
        assert (error["ErrorCode"], error["StatusCode"], error["ErrorRelatedTo"]) == (
            "send-0008",
            403,
            ["From"],
        )
        expected = '"x@elsewhere.test" is not an authorized sender email address for your account.'
        assert error["ErrorMessage"] == expected
        assert mailjet.mails == []
        assert mailjet.stage.recorder.facts == []
        mailjet.stage.recorder.check()


async def test_403_beside_a_success_is_a_400():
    async with account() as mailjet:
        stranger = message(From={"Email": "x@elsewhere.test"})

        answer = await mailjet.send(stranger, message(), AdvanceErrorHandling=True)

        assert answer.status == 400
        mailjet.stage.recorder.check()


async def test_unknown_template_is_dropped_in_silence_unless_errors_are_asked_for():
    async with account() as mailjet:
        templated = message(HTMLPart=None, TemplateID=12345)

        silent = await mailjet.send(templated)
        loud = await mailjet.send(templated, AdvanceErrorHandling=True)
        await asyncio.sleep(1)

        assert silent.status == 200
        assert loud.status == 400
        [error] = loud.json["Messages"][0]["Errors"]
        assert error["ErrorCode"] == "send-0010"
        assert error["ErrorMessage"] == 'Template id "12345" doesn\'t exist for your account.'
        assert error["ErrorRelatedTo"] == ["TemplateID"]
        assert mailjet.mails == []
        mailjet.stage.recorder.check()


async def test_template_carries_sender_subject_and_html():
    async with account() as mailjet:
        template = Template(
            name="welcome",
            subject="Hi {{var:name:you}}",
            html="<p>Hello {{var:name:you}}</p>",
            sender_email="t@example.com",
        )
        template_id = mailjet.fake.state.add_template(template)

        await mailjet.send_one(
            From=None, Subject=None, HTMLPart=None, TemplateID=template_id, TemplateLanguage=True
        )

        [mail] = mailjet.mails
        assert (mail.sender, mail.subject) == ("t@example.com", "Hi you")
        assert "<p>Hello you</p>" in mail.html
        both = await mailjet.send(message(TemplateID=template_id))
        assert both.json["Messages"][0]["Errors"][0]["ErrorCode"] == "send-0004"
        mailjet.stage.recorder.check()


async def test_missing_variable_stops_the_mail_unless_it_may_go_out():
    async with account() as mailjet:
        wanting = message(HTMLPart="<p>Hi {{var:name}}</p>", TemplateLanguage=True)

        silent = await mailjet.send(wanting)
        loud = await mailjet.send(wanting, AdvanceErrorHandling=True)
        await mailjet.send({**wanting, "TemplateErrorDeliver": True, "To": [{"Email": "bob@example.org"}]})
        await asyncio.sleep(1)

        assert (silent.status, loud.status) == (200, 400)
        assert [mail.recipient for mail in mailjet.mails] == ["bob@example.org"]
        assert "<p>Hi </p>" in mailjet.mails[0].html
        mailjet.stage.recorder.check()


async def test_variables_stay_as_they_are_without_template_language():
    async with account() as mailjet:
        await mailjet.send_one(HTMLPart="<p>Hi {{var:name:you}}</p>", Variables={"name": "Ada"})

        assert "Hi {{var:name:you}}" in mailjet.mails[0].html
        mailjet.stage.recorder.check()


async def test_sender_property_needs_approval():
    async with account() as mailjet:
        answer = await mailjet.send(message(Sender=SHOP))

        assert answer.status == 403
        assert answer.json["Messages"][0]["Errors"][0]["ErrorCode"] == "send-0006"
        mailjet.stage.recorder.check()

    async with account(may_set_sender=True) as mailjet:
        refused = await mailjet.send(message(Sender={"Email": "x@elsewhere.test"}))
        taken = await mailjet.send(message(Sender=SHOP))

        assert refused.json["Messages"][0]["Errors"][0]["ErrorCode"] == "send-0007"
        assert taken.status == 200
        mailjet.stage.recorder.check()


async def test_no_key_and_wrong_key_are_refused_differently():
    async with account() as mailjet:
        without = await mailjet.call("POST", "/v3.1/send", {"Messages": [message()]}, auth=None)
        wrong = await mailjet.call("POST", "/v3.1/send", {"Messages": [message()]}, auth=("a", "b"))

        assert (without.status, without.text, len(without.text)) == (401, '"Unauthorized"', 14)
        assert without.headers["Content-Type"] == "application/json; charset=UTF-8"
        assert UUID.fullmatch(without.headers["X-Mj-Request-Guid"])
        assert wrong.status == 401
        assert list(wrong.json) == ["ErrorIdentifier", "StatusCode", "ErrorMessage"]
        assert wrong.json["ErrorMessage"] == (
            "API key authentication/authorization failure. You may be unauthorized to access the API or your API key "
            "may be expired. Visit API keys management section to check your keys."
        )
        mailjet.stage.recorder.check()


async def test_unknown_recipient_becomes_a_contact():
    async with account() as mailjet:
        await mailjet.send_one()
        await mailjet.send_one()

        answer = await mailjet.call("GET", "/v3/REST/contact/ada@example.org")
        assert answer.data[0]["Name"] == "Ada"
        assert answer.data[0]["DeliveredCount"] == 2
        assert len(mailjet.stage.recorder.facts_of("contact_stored")) == 1
        mailjet.stage.recorder.check()


async def test_second_message_of_a_campaign_is_blocked_as_duplicate():
    async with account() as mailjet:
        await mailjet.hook("blocked")
        once = {"CustomCampaign": "welcome", "DeduplicateCampaign": True}

        await mailjet.send_one(**once)
        await mailjet.send_one(**once)

        assert len(mailjet.mails) == 1
        [event] = mailjet.events()
        assert (event["error_related_to"], event["error"]) == ("mailjet", "duplicate in campaign")
        assert (event["customcampaign"], event["mj_campaign_id"] > 0) == ("welcome", True)
        mailjet.stage.recorder.check()


async def test_rate_limit_answers_plain_text():
    async with account(send_calls_per_10_s=2) as mailjet:
        statuses = [(await mailjet.send(message(), SandboxMode=True)).status for _ in range(2)]
        refused = await mailjet.send(message())
        await asyncio.sleep(10)
        later = await mailjet.send(message(), SandboxMode=True)

        assert [*statuses, refused.status, later.status] == [200, 200, 429, 200]
        assert refused.text == "Rate limit exceeded"
        assert refused.headers["Content-Type"].startswith("text/html")
        assert "Retry-After" not in refused.headers
        mailjet.stage.recorder.check()


async def test_half_a_surrogate_pair_is_replaced():
    async with account() as mailjet:
        body = json.dumps({"Messages": [message(CustomID="x\ud800y")]}).encode()

        answer = await mailjet.call("POST", "/v3.1/send", body)

        assert answer.status == 200
        assert "\ud800" not in answer.json["Messages"][0]["CustomID"]
        mailjet.stage.recorder.check(sent=False)


async def test_refused_mail_is_not_reported_as_sent():
    async with account() as mailjet:
        mailjet.stage.recorder.replies["ada@example.org"] = MailReply(550, "5.1.1 no such user")

        await mailjet.send_one()

        assert [fact.kind for fact in mailjet.stage.recorder.facts] == ["contact_stored", "bounce"]
        mailjet.stage.recorder.check()


async def test_v3_send_answers_in_spaced_json():
    async with account() as mailjet:
        flat = {
            "FromEmail": "shop@example.com",
            "Subject": "Hello",
            "Html-part": HTML,
            "Recipients": [{"Email": "ada@example.org"}],
            "Mj-CustomID": "c",
            "Mj-EventPayLoad": "p",
        }

        answer = await mailjet.call("POST", "/v3/send", flat)
        await asyncio.sleep(1)

        uuid = answer.json["Sent"][0]["MessageUUID"]
        expected = (
            '{ "Sent" : [{ "Email" : "ada@example.org", "MessageID" : 1152921504606846976, '
            f'"MessageUUID" : "{uuid}" }}] }}\n'
        )
        assert (answer.status, answer.text) == (200, expected)
        [fact] = mailjet.stage.recorder.facts_of("sent")
        assert (fact.details["CustomID"], fact.details["Payload"]) == ("c", "p")
        mailjet.stage.recorder.check()


@pytest.mark.parametrize(
    ("changes", "phrase"),
    [
        ({"FromEmail": None}, "At least FromEmail or Sender must be provided"),
        ({"To": None}, 'Missing "To" or "Recipients" property'),
        ({"To": ", ".join(f"p{n}@example.org" for n in range(101))}, "Too many recipients in To"),
        ({"To": "ada@@example.org"}, "Invalid characters detected"),
        ({"Headers": "x"}, '"Headers" is not JSON object type'),
    ],
)
async def test_v3_send_refuses_in_the_reason_phrase_alone(changes: dict[str, Any], phrase: str):
    async with account() as mailjet:
        flat = {"FromEmail": "shop@example.com", "To": "Ada <ada@example.org>", "Text-part": "x", **changes}

        answer = await mailjet.call("POST", "/v3/send", {k: v for k, v in flat.items() if v is not None})

        assert (answer.status, answer.reason, answer.text) == (400, phrase, "")
        assert answer.headers["Content-Type"] == "text/html"
        mailjet.stage.recorder.check(sent=False)


async def test_v3_names_may_hold_commas_and_a_list_may_end_with_one():
    async with account() as mailjet:
        flat = {
            "FromEmail": "shop@example.com",
            "Text-part": "x",
            "To": '"Roe, Ann" <ann@example.org>, bob@example.org, ',
        }

        await mailjet.call("POST", "/v3/send", flat)
        await asyncio.sleep(1)

        assert sorted(mail.recipient for mail in mailjet.mails) == ["ann@example.org", "bob@example.org"]
        mailjet.stage.recorder.check()


async def test_v3_tracking_numbers_are_one_for_off_and_two_for_on():
    async with account(track_opens=False) as mailjet:
        flat = {"FromEmail": "shop@example.com", "To": "ada@example.org", "Html-part": HTML}

        await mailjet.call("POST", "/v3/send", {**flat, "Mj-trackopen": 2, "Mj-trackclick": 1})
        await asyncio.sleep(1)

        [mail] = mailjet.mails
        assert "/oo/" in mail.html
        assert "/lnk/" not in mail.html
        mailjet.stage.recorder.check()
