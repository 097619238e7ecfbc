"""Everybody by their own clock; the examples are those of the vendor's page on delivery options."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, time, timedelta, timezone
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, available_timezones

import pytest

from fakes.clevertap import (
    CampaignLimits,
    ChannelLimits,
    CleverTapSettings,
    DoNotDisturb,
    InSegment,
    Journey,
    JourneyTrigger,
    Link,
    Message,
    Segment,
    SmsCampaign,
    WebhookCampaign,
    Where,
)
from fakes.clevertap.local_time import LocalRun, at_their_time, zone_of
from fakes.clevertap.profiles import Profile
from tests.fakes.clevertap.account import HOOK, PHONE, Account, account, person
from tests.fakes.clevertap.test_targets import create, post
from tests.support.controls import controlled

if TYPE_CHECKING:
    from datetime import tzinfo

CENTRAL = timedelta(hours=-6)
"""The marketer's account; in March before the 8th, so that the United States have winter time."""
DAYS = ("2026-03-02", "2026-03-08", "2026-03-29", "2026-10-25", "2026-11-01")
HOURS = (2, 12)
ZONES = {"east": "America/New_York", "central": "America/Chicago", "west": "America/Los_Angeles"}


def all_clocks() -> list[str]:
    """Name a zone for every clock that differs from the others on one of the days that are looked at."""
    found: dict[tuple[object, ...], str] = {}
    for name in sorted(available_timezones()):
        offsets = tuple(
            datetime.fromisoformat(f"{day} {hour:02}:30").replace(tzinfo=ZoneInfo(name)).utcoffset()
            for day in DAYS
            for hour in HOURS
        )
        found.setdefault(offsets, name)
    return list(found.values())


def living(zone: object) -> Profile:
    return Profile(1, properties={"Timezone": zone})


async def with_americans(ct: Account, **more: str) -> None:
    zones = ZONES | more
    await ct.upload(*(person(f"{name}@example.com", Phone=PHONE, Tz=zone) for name, zone in zones.items()))


def got(ct: Account) -> dict[str, str]:
    """Give when each got their message, by the account's clock."""
    there = timezone(ct.fake.settings.utc_offset)
    texts = ct.stage.recorder.texts
    assert len(texts) == len({text.email for text in texts})
    return {
        text.email.partition("@")[0]: text.sent_at.astimezone(there).strftime("%d %H:%M") for text in texts
    }


def lunch(at: str, **more: Any) -> SmsCampaign:
    when = InSegment("all", at=datetime.fromisoformat(f"2026-03-{at}-06:00"), in_local_time=True, **more)
    return SmsCampaign(name="lunch", text="Hungry?", when=when)


# Where a clock is


@pytest.mark.parametrize(
    ("zone", "hours"),
    [
        ("Asia/Kolkata", 5.5),
        ("Asia/Kathmandu", 5.75),
        ("UTC", 0),
        ("+05:30", 5.5),
        ("-0330", -3.5),
        ("GMT+5:30", 5.5),
        ("UTC-08:00", -8),
        ("gmt+14", 14),
        (" +09:00 ", 9),
    ],
)
def test_zone_is_a_name_or_a_distance_from_utc(zone: str, hours: float) -> None:
    at = datetime(2026, 3, 2, tzinfo=UTC)

    assert zone_of(living(zone), CENTRAL).utcoffset(at) == timedelta(hours=hours)


@pytest.mark.parametrize(
    "zone",
    [None, "", 5.5, True, ["+01:00"], "+15:00", "+24:00", "+05:61", "Mars/Olympus", "../etc/passwd", "America",
     "/etc/localtime", "GMT+٣", "x" * 5000],
)  # fmt: skip
def test_whoever_has_no_known_zone_lives_where_the_account_is(zone: object) -> None:
    assert zone_of(living(zone), CENTRAL) == timezone(CENTRAL)


def test_the_name_in_webhooks_comes_before_that_of_the_app() -> None:
    both = Profile(1, properties={"Tz": "Asia/Tokyo", "Timezone": "nowhere"})

    assert zone_of(both, CENTRAL) == ZoneInfo("Asia/Tokyo")


@pytest.mark.parametrize("day", DAYS)
@pytest.mark.parametrize("hour", HOURS)
@pytest.mark.parametrize("catches_up", [False, True])
def test_everybody_is_reached_once_when_their_clock_shows_the_time(
    day: str, hour: int, *, catches_up: bool
) -> None:
    """Over every clock there is, on days on which some change too; who is past it at the start is not, or later."""
    clock = datetime.fromisoformat(f"{day} {hour:02}:30")
    people = [living(zone) for zone in all_clocks()]
    since = clock.replace(tzinfo=UTC)
    run = LocalRun(clock, since, catches_up=catches_up, utc_offset=CENTRAL)

    reached: dict[int, datetime] = {}
    number = 0
    while (wave := run.wave(number)) is not None:
        for profile in run.reached(people, wave):
            assert id(profile) not in reached
            reached[id(profile)] = wave.until
        number += 1

    for profile in people:
        zone: tzinfo = zone_of(profile, CENTRAL)
        on_time = clock.replace(tzinfo=zone).astimezone(UTC)
        next_day = (clock + timedelta(days=1)).replace(tzinfo=zone).astimezone(UTC)
        wanted = on_time if on_time >= since else next_day if catches_up else None
        assert reached.get(id(profile)) == wanted, zone


@pytest.mark.parametrize(
    "zone", sorted({*ZONES.values(), "Asia/Kolkata", "Pacific/Kiritimati", "Etc/GMT+12"})
)
def test_next_time_is_within_a_day_and_shows_the_accounts_clock(zone: str) -> None:
    for hour in range(48):
        now = datetime(2026, 3, 7, 0, 5, 7, tzinfo=UTC) + timedelta(hours=hour)

        at = at_their_time(now, living(zone), CENTRAL)

        assert now <= at <= now + timedelta(days=1, hours=1)
        shown = now.astimezone(timezone(CENTRAL)).time()
        is_skipped = zone.startswith("America") and at.date().day == 8 and shown.hour == 2
        assert is_skipped or at.astimezone(ZoneInfo(zone)).time() == shown


# Campaigns of the dashboard


@pytest.mark.parametrize(
    ("more", "east"), [({}, {"east": "03 11:00"}), ({"catches_up": False}, {})], ids=["next day", "drop"]
)
async def test_lunch_goes_from_zone_to_zone_and_who_is_past_it_gets_it_tomorrow_or_never(
    more: dict[str, bool], east: dict[str, str]
) -> None:
    """Published at 11:30 Central for 12:00: in the east it is half past twelve already."""
    async with account(CleverTapSettings(utc_offset=CENTRAL)) as ct:
        await with_americans(ct, nowhere="")
        ct.fake.dashboard.add_segment(Segment(name="all"))
        await ct.settle((14 * 60 - 1) * 60)  # from 21:30 of the day before
        ct.fake.add_campaign(lunch("02 12:00", **more))
        await ct.settle(3 * 86400)

        assert got(ct) == {"central": "02 12:00", "nowhere": "02 12:00", "west": "02 14:00"} | east


async def test_marketer_in_san_francisco_reaches_the_east_first() -> None:
    async with account(CleverTapSettings(utc_offset=timedelta(hours=-8))) as ct:
        await with_americans(ct)
        ct.fake.dashboard.add_segment(Segment(name="all"))
        at = datetime.fromisoformat("2026-03-02 20:00-08:00")
        when = InSegment("all", at=at, in_local_time=True)
        ct.fake.add_campaign(SmsCampaign(name="m", text="Hi", when=when))
        await ct.settle(2 * 86400)

        assert got(ct) == {"east": "02 17:00", "central": "02 18:00", "west": "02 20:00"}


async def test_segment_is_asked_when_it_is_time_where_a_person_is() -> None:
    async with account(CleverTapSettings(utc_offset=CENTRAL)) as ct:
        await with_americans(ct)
        ct.fake.dashboard.add_segment(Segment(name="all", rules=(Where("Plan", "pro"),)))
        ct.fake.add_campaign(lunch("03 12:00"))
        await ct.settle(86400 + 13.75 * 3600)  # it is 11:15 in the account
        await ct.upload(*(person(f"{name}@example.com", Plan="pro") for name in ("east", "west")))
        await ct.upload(person("late@example.com", Plan="pro", Phone=PHONE, Tz="America/Denver"))
        await ct.settle(86400)

        assert got(ct) == {"late": "03 13:00", "west": "03 14:00"}


async def test_daily_runs_overlap_and_each_reaches_everybody_once_a_day() -> None:
    async with account(CleverTapSettings(utc_offset=CENTRAL)) as ct:
        await with_americans(ct, samoa="Pacific/Apia", baker="Etc/GMT+12")
        ct.fake.dashboard.add_segment(Segment(name="all"))
        ct.fake.add_campaign(lunch("03 12:00", every=timedelta(days=1)))
        await ct.settle(8 * 86400)

        for name, zone in (ZONES | {"samoa": "Pacific/Apia", "baker": "Etc/GMT+12"}).items():
            at = [text.sent_at for text in ct.stage.recorder.texts if text.email == f"{name}@example.com"]
            shown = [each.astimezone(ZoneInfo(zone)).strftime("%d %H:%M") for each in at]
            assert len(shown) >= 6
            # On the 8th clocks are put forward in America.
            assert shown == [f"{day:02} 12:00" for day in range(3, 3 + len(shown))]


async def test_throttle_does_not_take_anybody_away_from_their_time() -> None:
    async with account(CleverTapSettings(utc_offset=CENTRAL)) as ct:
        names = [f"p{n}@example.com" for n in range(150)]
        await ct.upload(*(person(name, Phone=PHONE) for name in names))
        ct.fake.dashboard.limit_channel("sms", ChannelLimits(throttle=101))
        ct.fake.dashboard.add_segment(Segment(name="all"))
        ct.fake.add_campaign(lunch("02 12:00"))
        await ct.settle(2 * 86400)

        assert set(got(ct).values()) == {"02 12:00"}
        assert len(ct.stage.recorder.texts) == 150


# Campaigns by API


async def test_delivery_in_the_users_time_zone_follows_the_sun() -> None:
    when = {"type": "later", "delivery_date_time": "20260303 09:15", "delivery_timezone": "user"}
    async with account(CleverTapSettings(utc_offset=CENTRAL)) as ct:
        await with_americans(ct, india="Asia/Kolkata")
        made = await create(ct, when=when)
        await ct.settle(60)
        begun = await post(ct, "targets/list", **{"from": 20260301, "to": 20260331})
        await ct.settle(1.5 * 86400)
        early = await post(ct, "targets/result", id=made["id"])
        await ct.settle(86400)

        assert begun["targets"][0]["status"] == "scheduled"
        assert got(ct) == {
            "india": "02 21:45",
            "east": "03 08:15",
            "central": "03 09:15",
            "west": "03 11:15",
        }
        assert early["error"] == "This target hasn't been completed"
        assert (await post(ct, "targets/result", id=made["id"]))["result"]["sent"] == 4
        ct.stage.recorder.check()


async def test_whoever_is_past_the_time_gets_it_on_the_next_day() -> None:
    when = {"type": "later", "delivery_date_time": "20260301 22:00", "delivery_timezone": "user"}
    async with account(CleverTapSettings(utc_offset=CENTRAL)) as ct:
        await with_americans(ct, india="Asia/Kolkata")
        await create(ct, when=when)  # at 21:30; in the east it is half past ten
        await ct.settle(2 * 86400)

        assert got(ct) == {
            "central": "01 22:00",
            "west": "02 00:00",
            "india": "02 10:30",
            "east": "02 21:00",
        }


async def test_recurring_campaign_in_the_users_time_zone_runs_its_days_and_can_be_stopped() -> None:
    when = {
        "type": "recurring",
        "repeat_type": "day",
        "start_time": "20260303 09:00",
        "end_by_occurrences": 3,
        "delivery_timezone": "user",
    }
    async with account(CleverTapSettings(utc_offset=CENTRAL)) as ct:
        await with_americans(ct)
        first = await create(ct, when=when)
        second = await create(ct, when=when)
        await ct.settle(2 * 86400)
        await post(ct, "targets/stop", id=second["id"])
        await ct.settle(4 * 86400)

        report = await post(ct, "message/report", **{"from": "20260301", "to": "20260331"})
        assert [(each["message id"], each["sent"], each["status"]) for each in report["messages"]] == [
            (first["id"], 9, "completed"),
            (second["id"], 3, "stopped"),
        ]


@pytest.mark.slow
async def test_run_that_follows_the_sun_goes_on_after_a_snapshot() -> None:
    when = {"type": "later", "delivery_date_time": "20260303 09:00", "delivery_timezone": "user"}
    async with controlled("clevertap") as on:
        settings = on.fake.settings
        headers = {"X-CleverTap-Account-Id": settings.account_id, "X-CleverTap-Passcode": settings.passcode}

        async def ask(path: str, body: Any) -> Any:
            url = on.stage.url(on.fake.host) + path
            async with on.stage.session.post(url, json=body, headers=headers) as response:
                return await response.json(content_type=None)

        people = [person(f"{name}@example.com", Phone=PHONE, Tz=zone) for name, zone in ZONES.items()]
        await ask("/1/upload", {"d": people})
        body = {
            "name": "x",
            "target_mode": "sms",
            "provider_nick_name": "p",
            "segment": "all",
            "content": {"body": "Hi"},
            "when": when,
        }
        await ask("/1/targets/create.json", body)
        await asyncio.sleep(86400 + 11 * 3600)  # 14:30 UTC: the east has it, the others wait
        document = json.loads(json.dumps((await on.ask("GET", "/snapshot"))[1]))
        assert [text.email for text in on.stage.recorder.texts] == ["east@example.com"]

        assert (await on.ask("POST", "/reset"))[0] == 204
        assert (await on.ask("PUT", "/snapshot", document))[0] == 204
        await asyncio.sleep(2 * 86400)

        assert [text.email for text in on.stage.recorder.texts] == [
            "east@example.com",
            "central@example.com",
            "west@example.com",
        ]


# Do-not-disturb hours


async def test_do_not_disturb_may_be_hours_of_each_persons_own_clock() -> None:
    """It is 03:30 UTC; the night is from 22:00 to 07:00."""
    async with account() as ct:
        await with_americans(ct, india="Asia/Kolkata")
        quiet = DoNotDisturb(time(22), time(7), in_local_time=True)
        limits = CampaignLimits(do_not_disturb=quiet)
        ct.fake.add_campaign(SmsCampaign(name="m", text="Hi", limits=limits))

        await ct.fake.launch("m")
        await ct.settle(86400)

        assert got(ct) == {
            "india": "02 03:30",
            "west": "02 03:30",
            "central": "02 03:30",
            "east": "02 12:00",
        }


async def test_broadcast_is_taken_apart_where_clocks_differ() -> None:
    async with account() as ct:
        await with_americans(ct)
        await ct.fake.add_webhook("hook", url=HOOK)
        quiet = DoNotDisturb(time(20), time(7), in_local_time=True)
        limits = CampaignLimits(do_not_disturb=quiet)
        ct.fake.add_campaign(WebhookCampaign(name="m", webhook="hook", limits=limits))

        await ct.fake.launch("m")
        await ct.settle(86400)

        assert [[one["email"] for one in body["profiles"]] for body in ct.bodies()] == [
            ["west@example.com"],
            ["east@example.com"],
            ["central@example.com"],
        ]


# Journeys


async def test_messages_of_a_journey_go_by_each_persons_clock_unless_a_node_is_excluded() -> None:
    """Sent in at 11:30 Central: in the west two hours later, in the east on the next day."""
    async with account(CleverTapSettings(utc_offset=CENTRAL)) as ct:
        await with_americans(ct)
        for name in ("lunch", "at once"):
            ct.fake.add_campaign(SmsCampaign(name=name, text=name))
        nodes: dict[str, Any] = {
            "entry": JourneyTrigger(paths={"yes": Link("first")}),
            "first": Message(campaign="lunch", paths={"sent": Link("second")}),
            "second": Message(campaign="at once", in_account_time=True),
        }
        ct.fake.dashboard.add_journey(Journey(name="j", nodes=nodes, in_local_time=True))
        await ct.settle(14 * 3600)
        ct.fake.dashboard.trigger_journey("j")
        await ct.settle(2 * 86400)

        there = timezone(CENTRAL)
        assert [
            (text.email.partition("@")[0], text.text, text.sent_at.astimezone(there).strftime("%d %H:%M"))
            for text in ct.stage.recorder.texts
        ] == [
            ("central", "lunch", "02 11:30"),
            ("central", "at once", "02 11:30"),
            ("west", "lunch", "02 13:30"),
            ("west", "at once", "02 13:30"),
            ("east", "lunch", "03 10:30"),
            ("east", "at once", "03 10:30"),
        ]
        assert len(ct.fake.dashboard.journeys) == 0


async def test_webhook_names_the_zone_whatever_it_was_uploaded_as() -> None:
    async with account() as ct:
        await ct.upload(person(Tz="Asia/Kolkata"))
        await ct.fake.add_webhook("hook", url=HOOK)
        ct.fake.add_campaign(WebhookCampaign(name="m", webhook="hook"))

        await ct.fake.launch("m")
        await ct.settle()

        [[profile]] = [body["profiles"] for body in ct.bodies()]
        assert profile["systemProfileData"]["timezone"] == "Asia/Kolkata"
        assert "Tz" not in profile["profileData"]
