"""What people get on their devices and in their inboxes, and what CleverTap learns of what they do with it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from aiohttp import web

from fakes.clevertap import (
    CleverTapSettings,
    Did,
    EmailCampaign,
    PushCampaign,
    WebhookCampaign,
    WebPushCampaign,
)
from fakes.clevertap.errors import UnknownWebhook
from fakes.kit import COMPLAINT_HEADER, MailReply
from tests.fakes.clevertap.account import HOOK, PHONE, Account, account, event, person, sms, with_people

BROWSER = "0123456789abcdef0123456789abcdef"
KEYS = {"p256dh": "BK", "auth": "a1"}


async def with_devices(ct: Account) -> None:
    """Give Asha a phone with the app and a browser that takes notifications."""
    await ct.upload(
        person(Name="Asha", Phone=PHONE) | {"objectId": "__a1"},
        person() | {"objectId": BROWSER},
        {"type": "token", "objectId": "__a1", "tokenData": {"id": "phone", "type": "fcm"}},
        {
            "type": "token",
            "objectId": BROWSER,
            "tokenData": {"id": "browser", "type": "chrome", "keys": KEYS},
        },
    )


async def do(ct: Account, url: str, method: str = "GET") -> tuple[int, str]:
    """Call an address that stands in a message; give status and where it leads."""
    async with ct.stage.session.request(method, url, allow_redirects=False) as answer:
        await answer.read()
        return answer.status, answer.headers.get("Location", "")


def raised(ct: Account) -> list[tuple[str, str]]:
    return [
        (fact.details["name"], fact.details["properties"].get("Campaign Name", ""))
        for fact in ct.facts("event_stored")
        if fact.details.get("is_system")
    ]


async def test_link_in_an_sms_is_short_tracked_and_leads_where_it_led() -> None:
    async with account() as ct:
        await with_people(ct, "asha")
        sms(ct, text="Hi! See https://shop.example/a?x=1&y=2. Or http://b.example/, @Profile - Name.")

        await ct.fake.launch("nudge")
        await ct.settle()
        [message] = ct.stage.recorder.texts
        first, second = re.findall(r"https://in1\.clevertap-prod\.com/c/[0-9a-f]{16}\?l=\d", message.text)

        assert message.text == f"Hi! See {first}. Or {second}, Asha."
        assert await do(ct, first) == (302, "https://shop.example/a?x=1&y=2")
        assert await do(ct, second) == (302, "http://b.example/")
        assert raised(ct) == [
            ("Notification Sent", "nudge"),
            ("Notification Delivered", "nudge"),
            ("Notification Clicked", "nudge"),
            ("Notification Clicked", "nudge"),
        ]
        statistics = ct.fake.statistics("nudge")
        assert (statistics.sent, statistics.viewed, statistics.clicked) == (1, 0, 1)
        clicked = ct.facts("event_stored")[-1]
        assert clicked.details["properties"]["Link"] == "http://b.example/"
        assert clicked.cause == ct.stage.recorder.exchanges[-1].id
        ct.stage.recorder.check()


@pytest.mark.parametrize(
    ("campaign", "recipient", "kind"),
    [(PushCampaign, "phone", "push"), (WebPushCampaign, "browser", "webpush")],
)
@pytest.mark.proves("clevertap", "trackView", "trackClick")
async def test_push_goes_to_its_device_and_is_viewed_and_tapped(
    campaign: Any, recipient: str, kind: str
) -> None:
    async with account() as ct:
        await with_devices(ct)
        ct.fake.add_campaign(
            campaign(
                name="note",
                title="Hi @Profile - Name",
                text="Look!",
                link="https://shop.example/{{ Profile.Name }}",
            )
        )

        await ct.fake.launch("note")
        await ct.settle()
        [message] = ct.stage.recorder.texts

        assert (message.channel, message.recipient, message.title, message.text) == (
            kind,
            recipient,
            "Hi Asha",
            "Look!",
        )
        assert await do(ct, message.view_url) == (200, "")
        assert await do(ct, message.tap_url) == (302, "https://shop.example/Asha")
        assert [name for name, _ in raised(ct)] == [
            "Notification Sent",
            "Notification Viewed",
            "Notification Clicked",
        ]
        statistics = ct.fake.statistics("note")
        assert (statistics.viewed, statistics.clicked) == (1, 1)
        assert [fact.kind for fact in ct.facts("push_sent", "webpush_sent")] == [f"{kind}_sent"]
        ct.stage.recorder.check()


async def test_push_without_a_link_opens_the_app() -> None:
    async with account() as ct:
        await with_devices(ct)
        ct.fake.add_campaign(PushCampaign(name="note", text="Look!"))

        await ct.fake.launch("note")
        await ct.settle()

        assert await do(ct, ct.stage.recorder.texts[0].tap_url) == (200, "")
        assert raised(ct)[-1] == ("Notification Clicked", "note")
        ct.stage.recorder.check()


async def test_browser_is_no_phone() -> None:
    async with account() as ct:
        await with_devices(ct)
        await with_people(ct, "ravi")
        ct.fake.add_campaign(WebPushCampaign(name="web", text="Look!"))
        await ct.fake.add_webhook("hook", url=HOOK)
        ct.fake.add_campaign(WebhookCampaign(name="ask", webhook="hook"))

        await ct.fake.launch("web")
        await ct.fake.launch("ask")
        await ct.settle()

        assert ct.fake.statistics("web").errors == {"Unreachable": 1}
        subscriptions = [
            one["systemProfileData"]["webPushSubscription"] for one in ct.bodies()[0]["profiles"]
        ]
        assert subscriptions == ["Subscribed", "Unsubscribed"]
        ct.stage.recorder.check()


@pytest.mark.proves("clevertap", "trackView", "trackClick")
async def test_email_has_a_pixel_tracked_links_and_ways_out() -> None:
    async with account() as ct:
        await with_people(ct, "asha")
        ct.fake.add_campaign(
            EmailCampaign(
                name="news",
                subject="News for {{ Profile.Name }}",
                text='<p>Hi @Profile - Name</p><a class="b" href="https://shop.example/?a=1&amp;b=2">Shop</a>',
            )
        )

        await ct.fake.launch("news")
        await ct.settle()
        [mail] = ct.stage.recorder.mails

        assert (mail.recipient, mail.subject, mail.amp) == ("asha@example.com", "News for Asha", None)
        assert "<p>Hi Asha</p>" in mail.html
        [pixel] = re.findall(r'<img src="([^"]+)"', mail.html)
        link, leave = re.findall(r'href="([^"]+)"', mail.html)
        assert await do(ct, pixel) == (200, "")
        assert await do(ct, link.replace("&amp;", "&")) == (302, "https://shop.example/?a=1&b=2")
        assert mail.headers["List-Unsubscribe"] == f"<{leave}>"
        assert [name for name, _ in raised(ct)] == [
            "Notification Sent",
            "Notification Delivered",
            "Notification Viewed",
            "Notification Clicked",
        ]
        ct.stage.recorder.check()


@pytest.mark.parametrize(
    "how",
    [
        pytest.param("link", marks=pytest.mark.proves("clevertap", "unsubscribe")),
        pytest.param("spam", marks=pytest.mark.proves("clevertap", "complain")),
    ],
)
async def test_unsubscribing_and_complaining_stop_the_channel_once(how: str) -> None:
    async with account() as ct:
        await with_people(ct, "asha")
        ct.fake.add_campaign(EmailCampaign(name="news", subject="News", text="<p>Hi</p>"))
        await ct.fake.launch("news")
        await ct.settle()
        headers = ct.stage.recorder.mails[0].headers

        for _ in range(2):
            if how == "link":
                assert (await do(ct, headers["List-Unsubscribe"].strip("<>")))[0] == 200
            else:
                assert (await do(ct, headers[COMPLAINT_HEADER], "POST"))[0] == 200
        await ct.fake.launch("news")
        await ct.settle()

        assert [name for name, _ in raised(ct)].count("Channel Unsubscribed") == 1
        assert ct.facts("event_stored")[-1].details["properties"]["Channel"] == "Email"
        assert (await ct.profile("asha@example.com"))["profileData"]["MSG-email"] is False
        assert ct.fake.statistics("news").errors == {"Unsubscribed": 1}
        ct.stage.recorder.check()


@pytest.mark.parametrize(
    ("reply", "second"),
    [(MailReply(550, "5.1.1 no such user"), "Unreachable"), (MailReply(452, "4.2.2 full"), "Undelivered")],
)
async def test_mail_that_bounces_fails_and_a_hard_bounce_is_remembered(reply: MailReply, second: str) -> None:
    async with account() as ct:
        await with_people(ct, "asha")
        ct.stage.recorder.replies["asha@example.com"] = reply
        ct.fake.add_campaign(EmailCampaign(name="news", subject="News", text="<p>Hi</p>"))

        await ct.fake.launch("news")
        await ct.settle()
        await ct.fake.launch("news")
        await ct.settle()

        assert [fact.details["reason"] for fact in ct.facts("message_dropped")] == ["Undelivered", second]
        [*_, (name, _)] = raised(ct)
        assert name == "Notification Failed"
        assert ct.facts("email_sent") == []


async def test_what_a_person_does_sets_off_the_next_campaign() -> None:
    async with account() as ct:
        await with_devices(ct)
        ct.fake.add_campaign(PushCampaign(name="note", text="Look!"))
        sms(ct, Did("Notification Clicked"))

        await ct.fake.launch("note")
        await ct.settle()
        await do(ct, ct.stage.recorder.texts[0].tap_url)
        await ct.settle()

        assert [text.campaign for text in ct.stage.recorder.texts] == ["note", "nudge"]
        assert ct.stage.recorder.texts[1].cause == ct.stage.recorder.exchanges[-1].id


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v/x", 200),
        ("GET", "/c/x", 404),
        ("GET", "/c/x?l=9", 404),
        ("GET", "/u/x", 404),
        ("POST", "/f/x", 200),
    ],
)
async def test_unknown_message_changes_nothing(method: str, path: str, status: int) -> None:
    async with account() as ct:
        assert (await do(ct, ct.url(path, "in1.clevertap-prod.com"), method))[0] == status
        assert ct.stage.recorder.facts == []
        ct.stage.recorder.check()


@pytest.mark.parametrize("link", ["0", "2", "99999", "999999", "x"])
async def test_link_that_a_message_does_not_have_leads_nowhere(link: str) -> None:
    async with account() as ct:
        await with_people(ct, "asha")
        sms(ct, text="See https://shop.example")
        await ct.fake.launch("nudge")
        await ct.settle()
        [url] = re.findall(r"https://\S+", ct.stage.recorder.texts[0].text)

        assert await do(ct, url.replace("l=1", f"l={link}")) == (200, "")


@pytest.mark.proves("clevertap", "postAction")
async def test_post_action_webhook_follows_a_push() -> None:
    async with account() as ct:
        await with_devices(ct)
        await ct.fake.add_webhook("after", url=HOOK)
        number = ct.fake.add_campaign(
            PushCampaign(
                name="note",
                title="Hi",
                text="Look, {{ Profile.Name }}!",
                key_values={"who": "{{ Profile.Name }}"},
                post_action_webhook="after",
            )
        )

        await ct.fake.launch("note")
        await ct.settle()

        [profile] = ct.fake.state.profiles
        assert ct.bodies() == [
            {
                "targetId": number,
                "profiles": [
                    {
                        "identity": "asha@example.com",
                        "all_identities": ["asha@example.com"],
                        "objectId": profile.object_id,
                        "payload": {"title": "Hi", "body": "Look, Asha!", "key_values": {"who": "Asha"}},
                    }
                ],
            }
        ]
        with pytest.raises(UnknownWebhook, match="nothing"):
            ct.fake.add_campaign(PushCampaign(name="p", text="x", post_action_webhook="nothing"))
        ct.stage.recorder.check()


async def test_post_action_webhook_is_tried_again_like_any_other() -> None:
    async with account() as ct:
        await with_devices(ct)
        await ct.fake.add_webhook("after", url=HOOK)
        ct.fake.add_campaign(PushCampaign(name="note", text="Look!", post_action_webhook="after"))
        ct.receiver.answer = lambda _: web.Response(status=500)

        await ct.fake.launch("note")
        await ct.settle(60)

        assert [one.attempt for one in ct.stage.recorder.webhooks("postAction")] == [1, 2, 3]


async def test_ticked_variables_and_url_pairs_shape_the_default_body() -> None:
    async with account(CleverTapSettings()) as ct:
        await with_people(ct, "asha", "ravi")
        await ct.fake.add_webhook("hook", url=HOOK + "?v=1")
        ct.fake.add_campaign(
            WebhookCampaign(
                name="ask",
                webhook="hook",
                variables=("email", "push_token"),
                url_values={"who am i": "{{ Profile.Email }}", "src": "ct"},
            )
        )

        await ct.fake.launch("ask")
        await ct.settle()

        assert [path for _, path, _, body in ct.receiver.requests[1:]] == [
            f"/hook?v=1&who%20am%20i={name}@example.com&src=ct" for name in ("asha", "ravi")
        ]
        assert [body["profiles"] for body in ct.bodies()] == [
            {"email": "asha@example.com"},
            {"email": "ravi@example.com"},
        ]
        assert ct.fake.statistics("ask").trend == {"2026-03-02": 2}
        ct.stage.recorder.check()


async def test_system_events_are_told_apart_from_uploads_that_claim_to_be_some() -> None:
    async with account() as ct:
        await with_people(ct, "asha")

        await ct.upload(event("Webhook Delivered") | {"$source": "system"})

        [fact] = ct.facts("event_stored")
        assert "is_system" not in fact.details


async def test_addresses_of_a_message_are_known_for_sixty_days_and_then_forgotten() -> None:
    """How long is a guess; that what is kept has an end is not."""
    day_s = 86_400
    async with account() as ct:
        await with_people(ct, "asha")
        sms(ct, name="first", text="See https://shop.example/a")
        sms(ct, name="second", text="See https://shop.example/b")
        await ct.fake.launch("first")
        await ct.settle()
        [message] = ct.stage.recorder.texts
        [link] = re.findall(r"https://\S+", message.text)

        await ct.settle(59 * day_s)
        assert await do(ct, link) == (302, "https://shop.example/a")
        await ct.settle(2 * day_s)
        assert await do(ct, link) == (404, "")
        assert await do(ct, link.replace("/c/", "/v/").partition("?")[0]) == (200, "")
        assert await do(ct, link.replace("/c/", "/u/").partition("?")[0]) == (404, "")
        assert [name for name, _ in raised(ct)].count("Notification Clicked") == 1
        assert "Notification Viewed" not in [name for name, _ in raised(ct)]

        await ct.fake.launch("second")
        await ct.settle()
        kept = ct.fake._tracking._messages.values()
        assert [message.running.campaign.name for message in kept] == ["second"]
        ct.stage.recorder.check()
