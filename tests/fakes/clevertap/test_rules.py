from __future__ import annotations

from datetime import timedelta

import pytest

from fakes.clevertap import Did, DidNot, External, OnDate, SmsCampaign, Where
from fakes.clevertap.errors import NotLaunchable
from tests.fakes.clevertap.account import NOW_TS, PHONE, Account, account, event, person, sms, with_people

DAY = 86400


def sent_after(ct: Account) -> list[int]:
    return [round(one.sent_at.timestamp() - NOW_TS) for one in ct.stage.recorder.texts]


async def test_live_campaign_looks_at_the_events_properties() -> None:
    async with account() as ct:
        await with_people(ct, "asha")
        sms(ct, Did("Ordered", where=(Where("price", 10, "greater_than_equals"),)))

        for price in (9, 10, "12", None):
            await ct.upload(event("Ordered", evtData={} if price is None else {"price": price}))
        await ct.settle()

        assert len(ct.stage.recorder.texts) == 2


async def test_inaction_looks_at_the_properties_of_a() -> None:
    async with account() as ct:
        await with_people(ct, "asha", "ravi")
        sms(ct, DidNot("Paid", timedelta(hours=1), after="Ordered", where=(Where("kind", "big"),)))

        await ct.upload(
            event("Ordered", evtData={"kind": "small"}),
            event("Ordered", identity="ravi@example.com", evtData={"kind": "big"}),
        )
        await ct.settle(4000)

        assert [text.email for text in ct.stage.recorder.texts] == ["ravi@example.com"]


async def test_delay_comes_after_qualifying() -> None:
    async with account() as ct:
        await with_people(ct, "asha")
        sms(ct, Did("Ordered", delay=timedelta(hours=3)), name="later")
        sms(ct, DidNot("Paid", timedelta(hours=1), after="Ordered", delay=timedelta(hours=4)), name="last")

        await ct.upload(event("Ordered"))
        assert ct.facts("campaign_qualified") == []
        await ct.settle(6 * 3600)

        assert [one.campaign for one in ct.stage.recorder.texts] == ["later", "last"]
        assert sent_after(ct) == [3 * 3600, 5 * 3600]
        assert {one.cause for one in ct.stage.recorder.texts} == {ct.stage.recorder.exchanges[-1].id}


@pytest.mark.parametrize("days", [-1, 0, 2])
async def test_date_of_an_event_sends_at_a_distance_from_it(days: int) -> None:
    async with account() as ct:
        await with_people(ct, "asha", "ravi")
        sms(ct, OnDate("departs", timedelta(days=days), event="Booked"), "Off on {{ Event.departs }}")

        await ct.upload(
            event("Booked", evtData={"departs": f"$D_{NOW_TS + 3 * DAY}"}),
            event("Booked", identity="ravi@example.com", evtData={"departs": "soon"}),
        )
        await ct.settle(8 * DAY)

        assert sent_after(ct) == [(3 + days) * DAY]
        assert ct.stage.recorder.texts[0].text == "Off on 2026-03-05 03:30:00"


async def test_date_of_a_profile_moves_with_the_property() -> None:
    async with account() as ct:
        await ct.upload(
            person("asha@example.com", Phone=PHONE, Renews=f"$D_{NOW_TS + 5 * DAY}"),
            person("ravi@example.com", Phone=PHONE, Renews=f"$D_{NOW_TS - DAY}"),
            person("mina@example.com", Phone=PHONE),
        )
        sms(ct, OnDate("Renews", timedelta(days=-1)))

        await ct.settle(DAY)
        await ct.upload(person("asha@example.com", Renews=f"$D_{NOW_TS + 7 * DAY}"))
        await ct.upload(person("mina@example.com", Renews=f"$D_{NOW_TS + 3 * DAY}"))
        await ct.settle(9 * DAY)

        assert [one.email for one in ct.stage.recorder.texts] == ["mina@example.com", "asha@example.com"]
        assert sent_after(ct) == [2 * DAY, 6 * DAY]


async def test_date_that_is_taken_back_sends_nothing() -> None:
    async with account() as ct:
        await ct.upload(person(Phone=PHONE, Renews=f"$D_{NOW_TS + 5 * DAY}"))
        sms(ct, OnDate("Renews"))

        await ct.upload(person(Renews={"$delete": True}))
        await ct.settle(9 * DAY)

        assert ct.stage.recorder.texts == []


async def test_campaign_for_the_api_is_sent_by_nothing_else() -> None:
    async with account() as ct:
        await with_people(ct, "asha")
        number = ct.fake.add_campaign(SmsCampaign(name="code", text="Code", when=External()))

        with pytest.raises(NotLaunchable, match="code"):
            await ct.fake.launch("code")
        await ct.call(
            "POST",
            "/1/send/externaltrigger.json",
            body={"to": {"email": ["asha@example.com"]}, "campaign_id": number},
        )
        await ct.settle()

        assert len(ct.stage.recorder.texts) == 1
