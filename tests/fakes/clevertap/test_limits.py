from __future__ import annotations

from datetime import UTC, datetime, time, timedelta, timezone
from typing import Any

import pytest

from fakes.clevertap import (
    Cadence,
    CampaignLimits,
    ChannelLimits,
    Did,
    DoNotDisturb,
    DropReason,
    SmsCampaign,
    WebhookCampaign,
)
from fakes.clevertap.pacing import Pacer
from fakes.clevertap.running import Qualification
from tests.fakes.clevertap.account import (
    BODY,
    HOOK,
    PHONE,
    Account,
    account,
    event,
    person,
    with_people,
)

NIGHT = DoNotDisturb(time(22), time(7))
NOW = 3 * 3600 + 1800
"""The stage begins at 03:30 UTC."""


def nudge(ct: Account, **limits: Any) -> None:
    ct.fake.add_campaign(SmsCampaign(name="nudge", text="Hi", limits=CampaignLimits(**limits)))


async def many(ct: Account, count: int) -> None:
    await ct.upload(*(person(f"p{n}@example.com", Phone=PHONE) for n in range(count)))


def since_start(ct: Account) -> list[float]:
    began = ct.stage.recorder.exchanges[0].started_at
    return [(text.sent_at - began).total_seconds() for text in ct.stage.recorder.texts]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: CampaignLimits(throttle=100), "throttle 100"),
        (lambda: ChannelLimits(throttle=7), "more than 100"),
        (lambda: CampaignLimits(gap=timedelta(minutes=4)), "0:05:00 to 30 days"),
        (lambda: CampaignLimits(gap=timedelta(days=31)), "31 days"),
        (lambda: ChannelLimits(gap=timedelta(minutes=14)), "0:15:00 to 7 days"),
        (lambda: ChannelLimits(gap=timedelta(days=8)), "8 days"),
        (lambda: CampaignLimits(targeting_cap=99), "at least 100"),
        (lambda: Cadence(0, timedelta(days=1)), "at least 1"),
        (lambda: DoNotDisturb(time(7), time(7)), "07:00:00"),
    ],
)
@pytest.mark.bounds(
    "clevertap",
    "12.5: a limit above 100 is asked for",
    "12.5: 15 minutes to 7 days; per campaign 5 minutes to 30 days",
    '12.5: "targeting cap" at least 100',
    without_wire=True,
)
def test_limits_that_the_dashboard_does_not_take_say_what_it_takes(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


async def test_throttle_sends_so_many_in_five_minutes_and_the_rest_in_the_next() -> None:
    async with account() as ct:
        await many(ct, 310)
        nudge(ct, throttle=150)

        await ct.fake.launch("nudge")
        assert len(ct.fake.dashboard.pacer) == 160
        await ct.settle(700)

        windows = [round(at) // 300 for at in since_start(ct)]
        assert [windows.count(window) for window in (0, 1, 2)] == [150, 150, 10]
        assert ct.fake.statistics("nudge").sent == 310


async def test_channel_throttle_holds_for_all_campaigns_together() -> None:
    async with account() as ct:
        await many(ct, 101)
        ct.fake.dashboard.limit_channel("sms", ChannelLimits(throttle=101))
        for name in ("one", "two"):
            ct.fake.add_campaign(SmsCampaign(name=name, text="Hi"))

        await ct.fake.launch("one")
        await ct.fake.launch("two")
        await ct.settle(200)
        assert {text.campaign for text in ct.stage.recorder.texts} == {"one"}
        await ct.settle(200)

        assert len(ct.stage.recorder.texts) == 202


@pytest.mark.bounds("clevertap", "12.5: what is not sent by the third day is dropped")
async def test_what_is_not_sent_by_the_third_day_is_dropped() -> None:
    async with account() as ct:
        await many(ct, 1)
        nudge(ct, throttle=101)
        [profile] = ct.fake.state.profiles
        running = ct.fake.dashboard.running("nudge")
        sent: list[Qualification] = []
        dropped: list[DropReason] = []
        pacer = Pacer(
            sent.append,
            lambda _, reason: dropped.append(reason),
            now=ct.stage.now,
            utc_offset=lambda: timedelta(0),
        )

        for _ in range(870):
            pacer.admit(Qualification(running, (profile,) * 101))
        await ct.settle(4 * 86400)

        # Three days have 864 windows of five minutes, and the first begins at once.
        assert (len(sent), dropped) == (865, [DropReason.THROTTLED] * 5)


async def test_gap_of_a_campaign_keeps_repetitions_away() -> None:
    async with account() as ct:
        await with_people(ct, "asha", "ravi")
        ct.fake.add_campaign(
            SmsCampaign(
                name="nudge", text="Hi", when=Did("Paid"), limits=CampaignLimits(gap=timedelta(hours=1))
            )
        )

        for wait_s in (0, 3500, 200):
            await ct.settle(wait_s)
            await ct.upload(event("Paid"))
        await ct.upload(event("Paid", identity="ravi@example.com"))
        await ct.settle()

        assert [text.email for text in ct.stage.recorder.texts] == [
            "asha@example.com",
            "asha@example.com",
            "ravi@example.com",
        ]
        assert ct.fake.statistics("nudge").errors == {"Frequency Cap": 1}
        assert [fact.details["reason"] for fact in ct.facts("message_dropped")] == ["Frequency Cap"]


async def test_gap_and_cadence_of_a_channel_hold_over_campaigns_that_respect_them() -> None:
    async with account() as ct:
        await with_people(ct, "asha")
        limits = ChannelLimits(gap=timedelta(minutes=15), cadences=(Cadence(2, timedelta(days=1)),))
        ct.fake.dashboard.limit_channel("sms", limits)
        for name in ("one", "two", "three"):
            ct.fake.add_campaign(SmsCampaign(name=name, text="Hi"))
        ct.fake.add_campaign(
            SmsCampaign(name="urgent", text="Hi", limits=CampaignLimits(respects_caps=False))
        )

        for name, wait_s in (("one", 60), ("two", 900), ("two", 900), ("three", 60), ("urgent", 60)):
            await ct.fake.launch(name)
            await ct.settle(wait_s)
        await ct.settle(86400)
        await ct.fake.launch("three")
        await ct.settle()

        assert [text.campaign for text in ct.stage.recorder.texts] == ["one", "two", "urgent", "three"]


async def test_targeting_cap_ends_a_campaign() -> None:
    async with account() as ct:
        await many(ct, 103)
        nudge(ct, targeting_cap=100)

        await ct.fake.launch("nudge")
        await ct.settle()

        assert len(ct.stage.recorder.texts) == 100
        assert ct.fake.statistics("nudge").errors == {"Targeting Cap": 3}


@pytest.mark.parametrize(
    ("clock", "quiet", "until"),
    [
        ("21:59", NIGHT, None),
        ("22:00", NIGHT, "2026-03-03 07:00"),
        ("06:59", NIGHT, "2026-03-02 07:00"),
        ("07:00", NIGHT, None),
        ("12:30", DoNotDisturb(time(12), time(13)), "2026-03-02 13:00"),
        ("13:00", DoNotDisturb(time(12), time(13)), None),
    ],
)
def test_hours_of_the_day_are_those_of_the_account(
    clock: str, quiet: DoNotDisturb, until: str | None
) -> None:
    offset = timedelta(hours=5, minutes=30)
    at = datetime.fromisoformat(f"2026-03-02 {clock}").replace(tzinfo=UTC) - offset

    found = quiet.ends_at(at, timezone(offset))

    assert (found and (found + offset).strftime("%Y-%m-%d %H:%M")) == until


@pytest.mark.parametrize(("discards", "errors"), [(False, {}), (True, {"DND Hours": 1})])
async def test_do_not_disturb_delays_to_its_end_or_discards(
    *, discards: bool, errors: dict[str, int]
) -> None:
    async with account() as ct:
        await with_people(ct, "asha")
        nudge(ct, do_not_disturb=DoNotDisturb(time(22), time(7), discards=discards))

        await ct.fake.launch("nudge")
        await ct.settle(86400)

        assert since_start(ct) == pytest.approx([] if discards else [7 * 3600 - NOW], abs=1)
        assert ct.fake.statistics("nudge").errors == errors


async def test_do_not_disturb_holds_for_webhook_campaigns() -> None:
    async with account() as ct:
        await with_people(ct, "asha")
        await ct.fake.add_webhook("hook", url=HOOK)
        ct.fake.add_campaign(
            WebhookCampaign(
                name="ask", webhook="hook", body=BODY, limits=CampaignLimits(do_not_disturb=NIGHT)
            )
        )

        await ct.fake.launch("ask")
        await ct.settle(60)
        assert ct.bodies() == []
        await ct.settle(4 * 3600)

        assert len(ct.bodies()) == 1


async def test_broadcast_keeps_out_only_those_who_are_capped() -> None:
    async with account() as ct:
        await with_people(ct, "asha", "ravi")
        await ct.fake.add_webhook("hook", url=HOOK)
        ct.fake.add_campaign(
            WebhookCampaign(name="ask", webhook="hook", limits=CampaignLimits(gap=timedelta(days=1)))
        )

        await ct.fake.launch("ask", ["asha@example.com"])
        await ct.settle()
        await ct.fake.launch("ask")
        await ct.settle()

        assert [[one["email"] for one in body["profiles"]] for body in ct.bodies()] == [
            ["asha@example.com"],
            ["ravi@example.com"],
        ]


async def test_one_persons_hours_of_rest_hold_up_nobody_else_under_a_throttle() -> None:
    async with account() as ct:
        zones = {"east": "+10:00", "home": "+00:00", "east2": "+10:00", "home2": "+00:00"}
        await ct.upload(
            *(person(f"{name}@example.com", Phone=PHONE, Timezone=zone) for name, zone in zones.items())
        )
        noon = DoNotDisturb(time(13), time(14), in_local_time=True)
        nudge(ct, throttle=101, do_not_disturb=noon)

        await ct.fake.launch("nudge")
        await ct.settle(3600)

        hours = {text.email.partition("@")[0]: f"{text.sent_at:%H:%M}" for text in ct.stage.recorder.texts}
        assert hours == {"home": "03:30", "home2": "03:30", "east": "04:00", "east2": "04:00"}


async def test_throttle_holds_at_the_end_of_the_hours_of_rest_too() -> None:
    async with account() as ct:
        await many(ct, 303)
        # From 03:34, so that what the throttle leaves for 03:35 and 03:40 comes into it.
        nudge(ct, throttle=101, do_not_disturb=DoNotDisturb(time(3, 34), time(8)))

        await ct.fake.launch("nudge")
        await ct.settle(6 * 3600)

        minutes = [f"{text.sent_at:%H:%M}" for text in ct.stage.recorder.texts]
        assert {minute: minutes.count(minute) for minute in minutes} == {
            "03:30": 101,
            "08:00": 101,
            "08:05": 101,
        }


@pytest.mark.parametrize(("own", "all_together"), [(101, 400), (400, 101), (150, 101), (101, 101)])
async def test_two_throttles_hold_both(own: int, all_together: int) -> None:
    async with account() as ct:
        await many(ct, 300)
        ct.fake.dashboard.limit_channel("sms", ChannelLimits(throttle=all_together))
        nudge(ct, throttle=own)
        ct.fake.add_campaign(SmsCampaign(name="other", text="Hi"))

        await ct.fake.launch("other")
        await ct.fake.launch("nudge")
        await ct.settle(3600)

        texts = ct.stage.recorder.texts
        assert len(texts) == 600
        for limit, chosen in (
            (own, [each for each in texts if each.campaign == "nudge"]),
            (all_together, texts),
        ):
            windows: dict[datetime, int] = {}
            for text in sorted(chosen, key=lambda each: each.sent_at):
                known = next((at for at in windows if at <= text.sent_at < at + timedelta(seconds=299)), None)
                windows[known or text.sent_at] = windows.get(known or text.sent_at, 0) + 1
            assert max(windows.values()) <= limit


async def test_a_channels_new_throttle_holds_at_once() -> None:
    async with account() as ct:
        await many(ct, 110)
        nudge(ct)
        for throttle in (101, 105):
            ct.fake.dashboard.limit_channel("sms", ChannelLimits(throttle=throttle))
            ct.stage.recorder.texts.clear()
            await ct.fake.launch("nudge")
            await ct.settle(200)
            assert len(ct.stage.recorder.texts) == throttle
            await ct.settle(400)


@pytest.mark.bounds("clevertap", '12.5: "targeting cap" at least 100')
async def test_who_cannot_be_reached_takes_nobody_elses_place_under_a_cap() -> None:
    async with account() as ct:
        nobody = [{"type": "profile", "identity": f"n{number}", "profileData": {}} for number in range(60)]
        silent = [person(f"s{number}@example.com", Phone=PHONE, **{"MSG-sms": False}) for number in range(60)]
        await ct.upload(*nobody, *silent)
        await many(ct, 101)
        nudge(ct, targeting_cap=100)

        await ct.fake.launch("nudge")
        await ct.settle()

        statistics = ct.fake.statistics("nudge")
        assert (statistics.qualified, statistics.sent) == (221, 100)
        assert statistics.errors == {"Unreachable": 60, "Unsubscribed": 60, "Targeting Cap": 1}
