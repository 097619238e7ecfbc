"""What people look at on the website sets off live campaigns."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from fakes.clevertap import CameFrom, Did, SawPage, SawPages, SmsCampaign
from fakes.clevertap.settings import MESSAGE_HOSTS, Region
from tests.fakes.clevertap.account import PHONE, Account, account, person
from tests.fakes.clevertap.test_targets import post

if TYPE_CHECKING:
    from fakes.clevertap import Trigger

BROWSER = "0123456789abcdef0123456789abcdef"
SHOP = "https://shop.example"


async def with_browser(ct: Account, when: Trigger) -> None:
    await ct.upload(person(Phone=PHONE) | {"objectId": BROWSER})
    ct.fake.add_campaign(SmsCampaign(name="m", text="Hi", when=when))


async def look(ct: Account, url: str, referrer: str = "", device: str = BROWSER) -> None:
    query = urlencode({"u": url} | ({"r": referrer} if referrer else {}))
    address = ct.url(f"/p/{device}?{query}", MESSAGE_HOSTS[Region.INDIA])
    async with ct.stage.session.get(address) as answer:
        assert (answer.status, answer.content_type) == (200, "image/gif")


def sent_after(ct: Account) -> list[int]:
    began = ct.facts("profile_stored")[0].at
    return [round((text.sent_at - began).total_seconds()) for text in ct.stage.recorder.texts]


def raised(ct: Account) -> list[tuple[str, dict[str, Any]]]:
    return [
        (fact.details["name"], dict(fact.details["properties"]))
        for fact in ct.facts("event_stored")
        if "Campaign Id" not in fact.details["properties"]
    ]


@pytest.mark.parametrize(
    ("rule", "count"),
    [
        (SawPage("/sale"), 2),
        (SawPage(f"{SHOP}/sale", is_whole=True), 1),
        (SawPage("/nothing"), 0),
        (CameFrom("search.example"), 1),
        (CameFrom("elsewhere"), 0),
        (SawPages(1), 1),
        (SawPages(3), 1),
        (SawPages(5), 0),
    ],
)
@pytest.mark.proves("clevertap", "trackPage")
async def test_page_referrer_and_page_count_set_off_a_campaign(rule: Trigger, count: int) -> None:
    async with account() as ct:
        await with_browser(ct, rule)

        await look(ct, f"{SHOP}/", "https://search.example/?q=shoes")
        await look(ct, f"{SHOP}/sale", f"{SHOP}/")
        await look(ct, f"{SHOP}/sale?size=9", "https://search.example/")  # inside the session it is no entry
        await look(ct, f"{SHOP}/cart")
        await ct.settle()

        assert ct.fake.statistics("m").sent == count
        [message] = (await post(ct, "message/report", **{"from": "20260301", "to": "20260303"}))["messages"]
        assert message["delivery"] == "action"
        ct.stage.recorder.check()


@pytest.mark.parametrize(("pause_s", "sessions"), [(1200, 1), (1201, 2)])
async def test_session_ends_after_twenty_minutes_without_a_page(pause_s: float, sessions: int) -> None:
    async with account() as ct:
        await with_browser(ct, SawPages(1))

        await look(ct, f"{SHOP}/")
        await ct.settle(pause_s)
        await look(ct, f"{SHOP}/", "https://news.example/")
        await ct.settle()

        assert ct.fake.statistics("m").sent == sessions
        assert [name for name, _ in raised(ct)] == ["Web Session Started"] * sessions


async def test_delay_passes_before_the_message() -> None:
    async with account() as ct:
        await with_browser(ct, SawPage("/sale", delay=timedelta(minutes=10)))

        await look(ct, f"{SHOP}/sale")
        await ct.settle(700)

        assert sent_after(ct) == [600]


async def test_session_and_campaign_in_an_address_are_system_events_that_set_off_more() -> None:
    async with account() as ct:
        await with_browser(ct, Did("UTM Visited"))

        await look(ct, f"{SHOP}/?utm_source=mail&utm_campaign=march&x=1", "https://mail.example/")
        await ct.settle()

        assert raised(ct) == [
            ("Web Session Started", {"Referrer": "https://mail.example/"}),
            ("UTM Visited", {"utm_source": "mail", "utm_campaign": "march"}),
        ]
        assert ct.fake.statistics("m").sent == 1


@pytest.mark.parametrize("device", ["nobody", "x" * 3000, "%00", "__other"])
async def test_browser_that_nobody_has_changes_nothing(device: str) -> None:
    async with account() as ct:
        await with_browser(ct, SawPages(1))

        await look(ct, f"{SHOP}/", device=device)
        await ct.settle()

        assert (raised(ct), len(ct.fake.state.profiles)) == ([], 1)


@pytest.mark.parametrize(
    "url", ["http://[", "x" * 5000, f"{SHOP}/?" + "a=1&" * 500, "\x00", f"{SHOP}/?utm_source="]
)
async def test_address_that_is_none_is_a_page_all_the_same(url: str) -> None:
    async with account() as ct:
        await with_browser(ct, SawPages(1))

        await look(ct, url)
        await ct.settle()

        assert ct.fake.statistics("m").sent == 1
        assert [name for name, _ in raised(ct)] == ["Web Session Started"]


async def test_browser_that_was_just_used_is_the_device_seen_last() -> None:
    async with account() as ct:
        await ct.upload(person(Phone=PHONE) | {"objectId": BROWSER})
        await ct.settle(60)
        await ct.upload(person() | {"objectId": "__phone"})
        await ct.settle(60)

        await look(ct, f"{SHOP}/")

        [profile] = ct.fake.state.profiles
        assert profile.object_id == BROWSER


def test_page_count_is_at_least_one() -> None:
    with pytest.raises(ValueError, match="page count of 0"):
        SawPages(0)
