import asyncio
from typing import Any

import pytest

from fakes.kit import MailMessage
from tests.fakes.customerio.account import Account, account, links, pixel
from tests.support.fakes import Receiver

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


async def delivered(shop: Account, **fields: Any) -> MailMessage:
    """Send Ann a message and give it, as it lies in her inbox."""
    await shop.identify("u-1", email="ann@example.com", first_name="Ann")
    await shop.send(**fields)
    await asyncio.sleep(1)
    return shop.recorder.mails[-1]


async def test_fetching_the_pixel_is_an_open():
    receiver = Receiver()
    async with account(receiver=receiver) as shop:
        await shop.subscribe(events=["email_opened"])
        mail = await delivered(shop)

        answer = await shop.call("GET", pixel(mail), headers={"User-Agent": FIREFOX})
        await asyncio.sleep(1)

        assert (answer.status, answer.headers["Content-Type"], answer.body[:6]) == (
            200,
            "image/gif",
            b"GIF89a",
        )
        (event,) = shop.events()
        assert event["data"].keys() == {"customer_id", "delivery_id", "identifiers", "recipient", "subject"}
        (fact,) = shop.recorder.facts_of("opened")
        assert (fact.subject, fact.details["is_repeat"]) == ("ann@example.com", False)
        shop.recorder.check()


@pytest.mark.parametrize(
    ("user_agent", "flags"),
    [
        (FIREFOX, {}),
        ("Mozilla/5.0", {"prefetched": True, "proxied": True}),
        ("Mozilla/5.0 (Windows NT 5.1) Firefox/11.0 (via ggpht.com GoogleImageProxy)", {"proxied": True}),
        ("BarracudaCentral scanner", {"prefetched": True}),
    ],
)
async def test_opens_by_proxies_and_machines_are_flagged(user_agent, flags):
    receiver = Receiver()
    async with account(receiver=receiver) as shop:
        await shop.subscribe(events=["email_opened"])
        mail = await delivered(shop)

        await shop.call("GET", pixel(mail), headers={"User-Agent": user_agent})
        await asyncio.sleep(1)

        data = shop.events()[0]["data"]
        assert {name: data[name] for name in ("prefetched", "proxied", "synthetic") if name in data} == flags
        shop.recorder.check()


async def test_following_a_link_leads_on_and_is_a_click_after_a_synthetic_open():
    receiver = Receiver()
    async with account(receiver=receiver) as shop:
        await shop.subscribe(events=["email_opened", "email_clicked"])
        mail = await delivered(shop)

        answer = await shop.call("GET", links(mail)[0], headers={"User-Agent": FIREFOX})
        await asyncio.sleep(1)

        assert (answer.status, answer.headers["Location"]) == (302, "https://shop.example/?a=1&b=2")
        opened, clicked = shop.events()
        assert (opened["metric"], opened["data"]["synthetic"]) == ("opened", True)
        assert clicked["metric"] == "clicked"
        assert (clicked["data"]["href"], clicked["data"]["link_id"]) == ("https://shop.example/?a=1&b=2", 1)
        assert "machine" not in clicked["data"]
        assert opened["event_id"] != clicked["event_id"]
        shop.recorder.check()


async def test_a_target_with_odd_characters_is_escaped_in_the_redirect():
    async with account() as shop:
        mail = await delivered(
            shop, body='<a href="https://a.example/café?q=a b&#13;&#10;Set-Cookie: x">go</a>'
        )

        answer = await shop.call("GET", links(mail)[0])

        assert (answer.status, answer.headers["Location"]) == (
            302,
            "https://a.example/caf%C3%A9?q=a%20b%0D%0ASet-Cookie:%20x",
        )
        assert shop.recorder.facts_of("clicked")[0].details["href"].endswith("b\r\nSet-Cookie: x")
        shop.recorder.check()


async def test_a_click_after_an_open_brings_no_synthetic_open():
    receiver = Receiver()
    async with account(receiver=receiver) as shop:
        await shop.subscribe(events=["email_opened", "email_clicked"], full_resolution=True)
        mail = await delivered(shop)

        await shop.call("GET", pixel(mail))
        await shop.call("GET", links(mail)[0], headers={"User-Agent": "SafeLinks scanner"})
        await asyncio.sleep(1)

        assert shop.metrics() == ["opened", "clicked"]
        assert shop.events()[1]["data"]["machine"] is True
        shop.recorder.check()


async def test_only_the_first_open_and_click_are_told_unless_resolution_is_full():
    receiver = Receiver()
    async with account(receiver=receiver) as shop:
        await shop.subscribe(endpoint="https://receiver.test/first")
        await shop.subscribe(endpoint="https://receiver.test/every", full_resolution=True)
        mail = await delivered(shop)
        receiver.requests.clear()

        for _ in range(2):
            await shop.call("GET", pixel(mail))
            await shop.call("GET", links(mail)[0])
        await asyncio.sleep(1)

        counts = {
            path: sum(1 for each in receiver.requests if each[1] == path) for path in ("/first", "/every")
        }
        assert counts == {"/first": 2, "/every": 4}
        assert [fact.details["is_repeat"] for fact in shop.recorder.facts_of("opened")] == [False, True]
        shop.recorder.check()


@pytest.mark.parametrize("damage", [lambda url: url[:-1] + "x", lambda url: url.replace("/e/c/", "/e/c/A")])
async def test_a_link_that_was_tampered_with_leads_nowhere(damage):
    async with account() as shop:
        mail = await delivered(shop)

        answer = await shop.call("GET", damage(links(mail)[0]))

        assert answer.status == 404
        assert "Location" not in answer.headers
        assert shop.recorder.facts_of("clicked") == []
        shop.recorder.check()


@pytest.mark.parametrize(
    "payload", ["x", "e30", "%FF%FE", "eyJlbWFpbF9pZCI6MX0", "W10", "====", "eyJlbWFpbF9pZCI6Im5vYm9keSJ9"]
)
async def test_a_pixel_of_nobody_is_a_pixel_all_the_same(payload):
    async with account() as shop:
        answer = await shop.call("GET", f"https://e.customeriomail.com/e/o/{payload}")

        assert answer.status == 200
        assert shop.recorder.facts_of("opened") == []
        shop.recorder.check()


async def test_the_unsubscribe_link_unsubscribes_the_person_and_tells_both_ways():
    receiver = Receiver()
    async with account(receiver=receiver) as shop:
        await shop.subscribe(events=["email_unsubscribed", "customer_unsubscribed"])
        mail = await delivered(shop)

        first = await shop.call("GET", links(mail)[-1])
        await shop.call("GET", links(mail)[-1])
        await asyncio.sleep(1)

        assert first.status == 200
        assert b"You have been unsubscribed" in first.body
        by_message, by_person = shop.events()
        assert (by_message["object_type"], by_message["metric"]) == ("email", "unsubscribed")
        assert by_message["data"]["delivery_id"] == mail.id
        assert (by_person["object_type"], by_person["metric"]) == ("email", "unsubscribed")
        assert by_person["data"] == {
            "customer_id": "u-1",
            "email_address": "ann@example.com",
            "identifiers": {"id": "u-1", "email": "ann@example.com", "cio_id": "a3000001"},
        }
        shown = await shop.app("GET", "/v1/customers/u-1/attributes")
        assert shown.json["customer"]["unsubscribed"] is True
        kinds = [fact.kind for fact in shop.recorder.facts_of("unsubscribed", "customer_unsubscribed")]
        assert kinds == ["unsubscribed", "customer_unsubscribed"]
        shop.recorder.check()


@pytest.mark.parametrize(
    "options",
    [
        {"json": {"unsubscribe": True}},
        {
            "headers": {"Content-Type": "application/x-www-form-urlencoded"},
            "data": "List-Unsubscribe=One-Click",
        },
    ],
)
async def test_unsubscribing_by_post_works_as_json_and_as_one_click(options):
    async with account() as shop:
        mail = await delivered(shop)

        answer = await shop.call("POST", f"https://track.customer.io/unsubscribe/{mail.id}", **options)

        assert (answer.status, answer.body) == (200, b"{}\n")
        assert len(shop.recorder.facts_of("unsubscribed")) == 1
        shop.recorder.check()


@pytest.mark.parametrize("data", ["{}", '{"unsubscribe": "yes"}', "[", "[]", ""])
async def test_unsubscribing_by_post_must_be_meant(data):
    async with account() as shop:
        mail = await delivered(shop)

        answer = await shop.call("POST", f"https://track.customer.io/unsubscribe/{mail.id}", data=data)

        assert (answer.status, answer.json) == (400, {"meta": {"errors": ["unsubscribe must be true"]}})
        assert shop.recorder.facts_of("unsubscribed") == []
        shop.recorder.check(sent=False)


async def test_an_unknown_delivery_cannot_be_left():
    async with account() as shop:
        page = await shop.call("GET", "https://track.customer.io/unsubscribe/RAEC")
        posted = await shop.call(
            "POST", "https://track.customer.io/unsubscribe/RAEC", json={"unsubscribe": True}
        )

        assert (page.status, posted.status) == (404, 200)
        shop.recorder.check()


async def test_a_complaint_is_a_spam_mark_once_and_ends_mail_to_that_address():
    receiver = Receiver()
    async with account(receiver=receiver) as shop:
        await shop.subscribe(events=["email_spammed", "email_dropped"])
        mail = await delivered(shop)

        answers = [await shop.call("POST", mail.headers["X-Complaint-URL"]) for _ in range(2)]
        await shop.send()
        await asyncio.sleep(1)

        assert [answer.status for answer in answers] == [204, 204]
        assert shop.metrics() == ["spammed", "dropped"]
        shop.recorder.check()


async def test_what_a_deleted_person_does_is_told_with_an_empty_customer_id():
    receiver = Receiver()
    async with account(receiver=receiver) as shop:
        await shop.subscribe(events=["email_opened"])
        mail = await delivered(shop)
        await shop.track("DELETE", "/api/v1/customers/u-1")

        await shop.call("GET", pixel(mail))
        await asyncio.sleep(1)

        data = shop.events()[0]["data"]
        assert data["customer_id"] == ""
        assert data["identifiers"]["email"] == "ann@example.com"
        shop.recorder.check()
