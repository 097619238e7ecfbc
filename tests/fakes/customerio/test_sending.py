import asyncio
import base64
import io
import json
import re
from datetime import timedelta

import pytest

from fakes.customerio import CustomerIoSettings
from fakes.kit import MailReply
from tests.fakes.customerio.account import account, links, message, pixel
from tests.support.fakes import START, Receiver


async def test_a_sent_message_is_drafted_sent_and_delivered_in_that_order():
    receiver = Receiver()
    async with account(receiver=receiver) as shop:
        await shop.subscribe()
        await shop.identify("u-1", email="Ann@example.com", first_name="Ann")

        delivery_id = await shop.send()
        await asyncio.sleep(1)

        assert shop.metrics() == ["drafted", "sent", "delivered"]
        assert [
            fact.kind for fact in shop.recorder.facts_of("drafted", "sent", "delivered")
        ] == shop.metrics()
        event = shop.events()[2]
        assert event["object_type"] == "email"
        assert event["timestamp"] == int(START.timestamp())
        assert event["data"] == {
            "customer_id": "u-1",
            "delivery_id": delivery_id,
            "identifiers": {"id": "u-1", "email": "Ann@example.com", "cio_id": "a3000001"},
            "recipient": "ann@example.com",
            "subject": "Hi Ann",
        }
        fact = shop.recorder.facts_of("delivered")[0]
        assert fact.subject == "ann@example.com"
        assert fact.details == {**event["data"], "event_id": event["event_id"]}
        shop.recorder.check()


async def test_the_answer_names_the_delivery_and_the_second_it_was_queued():
    async with account() as shop:
        answer = await shop.app("POST", "/v1/send/email", json=message())

        raw = base64.urlsafe_b64decode(answer.json["delivery_id"])
        assert answer.json["queued_at"] == int(START.timestamp())
        assert raw[:4] == bytes([0x44, 3, 2, 0])
        assert abs(int.from_bytes(raw[4:10], "big") - START.timestamp() * 1000) < 1000
        assert len(raw) == 20
        shop.recorder.check()


async def test_mail_greets_links_and_can_be_left_and_complained_about():
    async with account() as shop:
        await shop.identify("u-1", email="ann@example.com", first_name="Ann")
        delivery_id = await shop.send(
            body_plain="Hello {{customer.first_name}}", body_amp="<html amp4email></html>"
        )
        await asyncio.sleep(1)

        (mail,) = shop.recorder.mails
        assert (mail.id, mail.sender, mail.recipient) == (
            delivery_id,
            "Shop <news@example.com>",
            "ann@example.com",
        )
        assert "Hello Ann" in mail.html
        assert (mail.text, mail.amp) == ("Hello Ann", "<html amp4email></html>")
        tracked, leave = links(mail)
        assert re.fullmatch(r"https://e\.customeriomail\.com/e/c/[A-Za-z0-9_-]+/[0-9a-f]{64}", tracked)
        assert leave == f"https://track.customer.io/unsubscribe/{delivery_id}"
        assert ">Unsubscribe</a>" in mail.html
        assert mail.html.endswith('width="1" height="1" alt="" /></body>')
        assert pixel(mail).startswith("https://e.customeriomail.com/e/o/")
        assert mail.headers["List-Unsubscribe"] == f"<{leave}>"
        assert mail.headers["CIO-Delivery-ID"] == delivery_id
        assert mail.headers["X-Complaint-URL"].startswith("https://e.customeriomail.com/")
        sending = next(e for e in shop.recorder.exchanges if e.operation == "sendEmail")
        assert mail.cause == sending.id
        shop.recorder.check()


async def test_a_tracked_link_says_where_it_leads_as_go_would_write_it():
    async with account() as shop:
        await shop.identify("u-1", first_name="Ann")
        delivery_id = await shop.send()
        await asyncio.sleep(1)

        payload = links(shop.recorder.mails[0])[0].split("/")[-2]
        decoded = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)).decode()
        assert decoded == (
            f'{{"email_id":"{delivery_id}","href":"https://shop.example/?a=1\\u0026b=2",'
            '"internal":"a3000001","link_id":1}'
        )


async def test_message_data_is_liquids_trigger():
    async with account() as shop:
        await shop.send(
            subject="Order {{ trigger.order.id }}",
            body="{% for item in trigger.items %}[{{ item | upcase }}]{% endfor %}{{ trigger.missing }}"
            "{{ 'now' | date: '%Y-%m-%d' }} {% unsubscribe_url %}",
            message_data={"order": {"id": 17}, "items": ["a", "b"]},
        )
        await asyncio.sleep(1)

        (mail,) = shop.recorder.mails
        assert mail.subject == "Order 17"
        assert mail.html.startswith("[A][B]2026-03-02 https://track.customer.io/unsubscribe/R")
        assert "Unsubscribe</a>" not in mail.html
        shop.recorder.check()


@pytest.mark.parametrize(
    "body",
    [
        "{% if %}",
        "{{ x | nonesuch }}",
        "{% for i in (1..99999999) %}{{ i }}{% endfor %}",
        "{{ 1 | divided_by: 0 }}",
        "{" * 100_000,
        "{% raw %}" * 50_000,
    ],
)
async def test_liquid_that_cannot_be_rendered_fails_the_delivery(body):
    receiver = Receiver()
    async with account(receiver=receiver) as shop:
        await shop.subscribe()

        await shop.send(body=body)
        await asyncio.sleep(1)

        assert shop.metrics() == ["failed"]
        assert shop.events()[0]["data"]["failure_message"].startswith("Liquid error: ")
        assert shop.recorder.mails == []
        shop.recorder.check()


async def test_untracked_mail_keeps_its_links_and_has_no_pixel():
    async with account() as shop:
        await shop.send(tracked=False)
        await asyncio.sleep(1)

        (mail,) = shop.recorder.mails
        assert links(mail)[0] == "https://shop.example/?a=1&amp;b=2"
        assert "<img" not in mail.html
        shop.recorder.check()


async def test_links_that_ask_for_it_and_addresses_are_not_tracked():
    async with account(CustomerIoSettings(adds_unsubscribe_footer=False)) as shop:
        body = """<a class="big untracked" href='https://a.example/'>a</a><a href="mailto:b@example.com">b</a><a name="c">c</a>"""
        await shop.send(body=body, preheader="Just for {{ customer.id }}")
        await asyncio.sleep(1)

        (mail,) = shop.recorder.mails
        hidden, rest = mail.html.split("</div>")
        assert hidden.endswith(">Just for u-1")
        assert rest.startswith(body + "<img ")
        shop.recorder.check()


async def test_a_template_is_found_by_number_and_by_name_and_overridden_field_by_field():
    async with account() as shop:
        receipt = shop.fake.state.add_transactional_message(
            "Receipt", subject="Your receipt", body="<p>Hello {{customer.id}}</p>", sender="shop@example.com"
        )

        who = {"to": "ann@example.com", "identifiers": {"id": "u-1"}}
        for fields in (
            {**who, "transactional_message_id": receipt.id},
            {**who, "transactional_message_id": "RECEIPT", "subject": "Again"},
            {**who, "transactional_message_id": str(receipt.id)},
        ):
            answer = await shop.app("POST", "/v1/send/email", json=fields)
            assert answer.status == 200
        await asyncio.sleep(1)

        assert [mail.subject for mail in shop.recorder.mails] == ["Your receipt", "Again", "Your receipt"]
        assert {mail.sender for mail in shop.recorder.mails} == {"shop@example.com"}
        assert shop.recorder.facts_of("sent")[0].details["transactional_message_id"] == receipt.id
        shop.recorder.check()


async def test_auto_create_makes_a_template_of_a_name():
    async with account() as shop:
        await shop.send(transactional_message_id="Fresh", auto_create=True)

        assert [each.name for each in shop.fake.state.messages.values()] == ["Fresh"]
        shop.recorder.check()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"to": None}, 'Missing required field: "to"'),
        ({"to": ""}, 'Missing required field: "to"'),
        ({"identifiers": None}, 'Missing required field: "identifiers"'),
        ({"body": None}, 'Missing required field: "body"'),
        ({"subject": None}, 'Missing required field: "subject"'),
        ({"from": None}, 'Missing required field: "from"'),
        ({"transactional_message_id": 99}, '"transactional_message_id" not found'),
        ({"transactional_message_id": "nobody"}, '"transactional_message_id" not found'),
        ({"transactional_message_id": True}, '"transactional_message_id" must be an integer or a string'),
        ({"from": "x@elsewhere.test"}, '"from" address domain has not been verified'),
        ({"from": "nobody"}, '"from" is not a valid email address'),
        ({"to": "not an address"}, '"to" is not a valid email address'),
        ({"to": ",".join(f"p{n}@example.com" for n in range(16))}, '"to", "cc" and "bcc" cannot contain more than 15 recipients'),
        ({"identifiers": {"id": "a", "email": "a@example.com"}}, '"identifiers" must contain exactly one of "id", "email" or "cio_id"'),
        ({"identifiers": {}}, '"identifiers" must contain exactly one of "id", "email" or "cio_id"'),
        ({"identifiers": {"cio_id": "ffffffff"}}, '"identifiers.cio_id" not found'),
        ({"identifiers": "u-1"}, '"identifiers" must be an object'),
        ({"tracked": "yes"}, '"tracked" must be a boolean'),
        ({"message_data": []}, '"message_data" must be an object'),
        ({"send_at": "soon"}, '"send_at" must be a unix timestamp'),
        ({"send_at": 4102444800}, '"send_at" cannot be more than 90 days in the future'),
        ({"headers": 5}, '"headers" must be an object or a JSON string of name and value pairs'),
        ({"headers": "{"}, '"headers" must be an object or a JSON string of name and value pairs'),
        ({"headers": {"X-A": "a\r\nBcc: x"}}, '"headers" must be an object or a JSON string of name and value pairs'),
        ({"attachments": {"a.txt": "%%"}}, 'attachment "a.txt" is not base64 encoded'),
        ({"attachments": {"a.txt": 5}}, 'attachment "a.txt" is not base64 encoded'),
    ],
)  # fmt: skip
async def test_what_is_wrong_with_a_request_is_said_in_one_text(change, text):
    async with account() as shop:
        answer = await shop.app("POST", "/v1/send/email", json={**message(), **change})

        assert (answer.status, answer.json) == (400, {"meta": {"error": text}})
        assert shop.fake.state.deliveries == {}
        shop.recorder.check(sent=False)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe{}", b"[" * 100_000])
async def test_a_body_that_is_no_json_object_is_refused(body):
    async with account() as shop:
        answer = await shop.app("POST", "/v1/send/email", data=body)

        assert answer.status == 400
        assert answer.json == {
            "meta": {"error": "Request entity must be JSON encoded and not exceed 2048 KB"}
        }
        shop.recorder.check(sent=False)


async def test_a_body_of_more_than_two_megabytes_is_refused():
    async with account() as shop:
        answer = await shop.app("POST", "/v1/send/email", data=io.BytesIO(b"{}" + b" " * 2_100_000))

        assert answer.status == 400
        assert answer.json["meta"]["error"].endswith("not exceed 2048 KB")


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Ref": "7"},
        '[{"name": "X-Ref", "value": "7"}]',
        [{"name": "X-Ref", "value": "7"}],
        '{"X-Ref": "7"}',
    ],
)
async def test_headers_come_as_an_object_or_as_name_value_pairs(headers):
    async with account() as shop:
        await shop.send(headers=headers)
        await asyncio.sleep(1)

        assert shop.recorder.mails[0].headers["X-Ref"] == "7"
        shop.recorder.check()


@pytest.mark.parametrize("authorization", [None, "Bearer wrong", "Basic abc", "Bearer", "Bearer \u00e9"])
async def test_a_wrong_key_is_unauthorized(authorization):
    async with account() as shop:
        headers = {"Authorization": authorization} if authorization else {}

        answer = await shop.call(
            "POST", "https://api.customer.io/v1/send/email", json=message(), headers=headers
        )

        assert (answer.status, answer.json) == (401, {"meta": {"error": "Unauthorized request"}})
        shop.recorder.check()


async def test_sending_is_served_on_the_track_host_too():
    async with account() as shop:
        headers = {"Authorization": f"Bearer {shop.fake.settings.app_api_key}"}

        answer = await shop.call(
            "POST", "https://track.customer.io/v1/send/email", json=message(), headers=headers
        )

        assert answer.status == 200
        shop.recorder.check()


@pytest.mark.parametrize("path", ["/v1/send/emial", "/v1/send/email/"])
async def test_a_misspelt_send_path_is_405(path):
    async with account() as shop:
        answer = await shop.app("POST", path, json=message())

        assert answer.status == 405
        assert list(answer.json) == ["meta"]


async def test_a_workspace_that_may_not_send_is_403():
    async with account(CustomerIoSettings(is_sending_allowed=False)) as shop:
        answer = await shop.app("POST", "/v1/send/email", json=message())

        assert answer.status == 403
        shop.recorder.check()


async def test_rate_limits_are_kept_where_they_are_switched_on():
    async with account(CustomerIoSettings(has_rate_limits=True)) as shop:
        statuses = [(await shop.app("POST", "/v1/send/email", json=message())).status for _ in range(101)]
        await asyncio.sleep(1)
        later = await shop.app("POST", "/v1/send/email", json=message())

        assert statuses == [200] * 100 + [429]
        assert later.status == 200
        shop.recorder.check()


async def test_a_refused_address_bounces_and_gets_no_mail_again():
    receiver = Receiver()
    async with account(receiver=receiver) as shop:
        await shop.subscribe()
        shop.recorder.replies["ann@example.com"] = MailReply(550, "5.1.1 no such user")

        await shop.send()
        await asyncio.sleep(1)
        await shop.send()
        await asyncio.sleep(1)

        assert shop.metrics() == ["drafted", "sent", "bounced", "drafted", "dropped"]
        assert shop.events()[2]["data"]["failure_message"] == "550 5.1.1 no such user"
        assert "suppression list" in shop.events()[4]["data"]["failure_message"]
        assert len(shop.recorder.mails) == 1
        shop.recorder.check()


async def test_mail_that_is_put_off_is_tried_again_and_may_arrive():
    receiver = Receiver()
    async with account(receiver=receiver) as shop:
        await shop.subscribe()
        shop.recorder.replies["ann@example.com"] = MailReply(451, "4.7.1 greylisted")

        await shop.send()
        await asyncio.sleep(60)
        del shop.recorder.replies["ann@example.com"]
        await asyncio.sleep(300)

        assert shop.metrics() == ["drafted", "sent", "deferred", "delivered"]
        assert shop.events()[2]["data"]["failure_message"] == "451 4.7.1 greylisted"
        shop.recorder.check()


async def test_mail_that_is_put_off_for_good_bounces():
    receiver = Receiver()
    async with account(receiver=receiver) as shop:
        await shop.subscribe()
        shop.recorder.replies["ann@example.com"] = MailReply(452, "4.2.2 mailbox full")

        await shop.send()
        await asyncio.sleep(7200)

        assert shop.metrics() == ["drafted", "sent", "deferred", "deferred", "deferred", "bounced"]
        shop.recorder.check()


async def test_a_suppressed_person_is_dropped_with_their_former_identifiers():
    receiver = Receiver()
    async with account(receiver=receiver) as shop:
        await shop.subscribe()
        await shop.identify("u-1", email="ann@example.com")
        await shop.track("POST", "/api/v1/customers/u-1/suppress")

        await shop.send()
        await asyncio.sleep(1)

        assert shop.metrics() == ["drafted", "dropped"]
        assert shop.events()[1]["data"]["identifiers"] == {
            "id": "u-1",
            "email": "ann@example.com",
            "cio_id": "a3000001",
        }
        assert shop.events()[1]["data"]["customer_id"] == ""
        assert shop.recorder.mails == []
        shop.recorder.check()


async def test_an_unsubscribed_person_gets_transactional_mail_unless_told_otherwise():
    receiver = Receiver()
    async with account(receiver=receiver) as shop:
        await shop.identify("u-1", unsubscribed=True)
        await shop.subscribe()

        await shop.send()
        await shop.send(send_to_unsubscribed=False)
        await asyncio.sleep(1)

        assert len(shop.recorder.mails) == 1
        assert shop.metrics().count("undeliverable") == 1
        shop.recorder.check()


async def test_send_at_waits_and_a_past_one_does_not():
    async with account() as shop:
        later = START + timedelta(days=2)
        await shop.send(send_at=int(later.timestamp()))
        await shop.send(send_at=1)
        await asyncio.sleep(1)
        soon = len(shop.recorder.mails)
        await asyncio.sleep(2 * 86_400)

        assert soon == 1
        assert shop.recorder.mails[1].sent_at == later
        shop.recorder.check()


async def test_a_queued_draft_is_only_drafted():
    async with account() as shop:
        await shop.send(queue_draft=True)
        await asyncio.sleep(1)

        assert [fact.kind for fact in shop.recorder.facts_of("drafted", "sent")] == ["drafted"]
        assert shop.recorder.mails == []
        shop.recorder.check()


async def test_copies_go_to_every_address_and_one_server_that_takes_it_is_enough():
    async with account() as shop:
        shop.recorder.replies["ann@example.com"] = MailReply(550, "5.1.1 no such user")

        await shop.send(to='"Ann, A." <ann@example.com>, bob@example.com', cc="cy@example.com")
        await asyncio.sleep(1)

        assert [mail.recipient for mail in shop.recorder.mails] == [
            "ann@example.com",
            "bob@example.com",
            "cy@example.com",
        ]
        assert (
            shop.recorder.facts_of("delivered")[0].details["recipient"] == "ann@example.com,bob@example.com"
        )
        assert shop.recorder.facts_of("bounced") == []
        shop.recorder.check()


async def test_content_goes_to_webhooks_that_want_it():
    receiver = Receiver()
    async with account(receiver=receiver) as shop:
        await shop.subscribe(events=["email_sent"], with_content=True)
        await shop.subscribe(events=["email_sent"])

        await shop.send(headers={"X-Ref": "7"})
        await asyncio.sleep(1)

        with_content, without = sorted(shop.events(), key=lambda event: -len(event["data"]))
        assert with_content["data"]["headers"] == {"X-Ref": ["7"]}
        assert with_content["data"]["content"] == shop.recorder.mails[0].html
        assert "content" not in without["data"]
        assert with_content["event_id"] == without["event_id"]
        shop.recorder.check()


async def test_an_unknown_person_is_created_by_sending_to_them():
    async with account() as shop:
        await shop.send(identifiers={"email": "New@example.com"}, to="new@example.com")

        (fact,) = shop.recorder.facts_of("person_stored")
        assert (fact.subject, fact.details["is_new"]) == ("new@example.com", True)
        shop.recorder.check()


async def test_odd_but_valid_text_is_carried_as_it_is():
    receiver = Receiver()
    async with account(receiver=receiver) as shop:
        await shop.subscribe(events=["email_sent"])

        await shop.app(
            "POST",
            "/v1/send/email",
            data=json.dumps({**message(), "subject": "a<b & c>d \U0001f600 \ud800 \u2028x"}),
        )
        await asyncio.sleep(1)

        body = receiver.requests[0][3]
        assert b"a\\u003cb \\u0026 c\\u003ed \xf0\x9f\x98\x80 \xef\xbf\xbd" in body
        shop.recorder.check(sent=False)
