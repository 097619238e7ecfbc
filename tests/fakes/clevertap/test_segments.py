from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.clevertap import Behaviour, CleverTapSettings, InSegment, Segment, SmsCampaign, Where
from fakes.clevertap.errors import UnknownSegment
from fakes.clevertap.operators import OPERATORS
from tests.fakes.clevertap.account import (
    NOW_TS,
    Account,
    account,
    event,
    person,
    sms,
    with_people,
)

DAY = 86400


def members(ct: Account, name: str) -> list[str]:
    segments = ct.fake.dashboard.segments
    return [one.properties["Name"] for one in ct.fake.state.profiles if segments.contains(name, one)]


async def orders(ct: Account, **by_name: list[tuple[int, dict[str, Any]]]) -> None:
    """Upload `Ordered` events: for each name how many days ago, and with what."""
    await with_people(ct, *by_name)
    await ct.upload(
        *(
            event("Ordered", identity=f"{name}@example.com", ts=NOW_TS - days * DAY, evtData=data)
            for name, given in by_name.items()
            for days, data in given
        )
    )


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        (Behaviour(did_any_of=("Ordered",)), ["Asha", "Ravi"]),
        (Behaviour(did_any_of=("ordered",), is_done=False), ["Mina"]),
        (Behaviour(did_any_of=("Paid", "Ordered")), ["Asha", "Ravi"]),
        (Behaviour(did_any_of=("Ordered",), within=timedelta(days=5)), ["Asha"]),
        (Behaviour(did_any_of=("Ordered",), is_done=False, within=timedelta(days=5)), ["Ravi", "Mina"]),
        (Behaviour(did_any_of=("Ordered",), at_least=2), ["Asha"]),
        (Behaviour(did_any_of=("Ordered",), at_most=1), ["Ravi"]),
        (Behaviour(did_any_of=("Ordered",), where=(Where("price", 10, "greater_than"),)), ["Ravi"]),
        (Behaviour(did_any_of=("Ordered",), measure="total", of="price", at_least=20), ["Ravi"]),
        # Asha's second order has no price and counts as 0: 8 in all, 4 on average.
        (Behaviour(did_any_of=("Ordered",), measure="total", of="price", at_least=8), ["Asha", "Ravi"]),
        (Behaviour(did_any_of=("Ordered",), measure="average", of="price", at_least=4.1), ["Ravi"]),
        (Behaviour(did_any_of=("Ordered",), measure="average", of="price", at_least=4), ["Asha", "Ravi"]),
        (Where("Name", "asha"), ["Asha"]),
        (Where("name", ["Asha", "Mina"]), ["Asha", "Mina"]),
    ],
)
async def test_past_behaviour_counts_sums_and_averages(rule: Any, wanted: list[str]) -> None:
    async with account() as ct:
        await orders(ct, asha=[(1, {"price": 8}), (9, {})], ravi=[(8, {"price": 20})], mina=[])
        ct.fake.dashboard.add_segment(Segment(name="s", rules=(rule,)))

        assert members(ct, "s") == wanted


async def test_segments_combine_by_and_or_include_and_exclude() -> None:
    async with account() as ct:
        await orders(ct, asha=[(1, {})], ravi=[(1, {})], mina=[])
        board = ct.fake.dashboard
        board.put_into_list("vip", ["mina@example.com", "ghost@example.com"])
        ordered, named = Behaviour(did_any_of=("Ordered",)), Where("Name", "Asha")
        board.add_segment(Segment(name="both", rules=(ordered, named)))
        board.add_segment(Segment(name="any", rules=(named, Where("Name", "Mina")), matches="any"))
        board.add_segment(Segment(name="with", rules=(named,), includes=("vip",)))
        board.add_segment(Segment(name="only", includes=("vip",)))
        board.add_segment(Segment(name="without", rules=(ordered,), excludes=("both",)))
        board.add_segment(Segment(name="everyone"))

        assert members(ct, "both") == ["Asha"]
        assert members(ct, "any") == ["Asha", "Mina"]
        assert members(ct, "with") == ["Asha", "Mina"]
        assert members(ct, "only") == ["Mina"]
        assert members(ct, "without") == ["Ravi"]
        assert members(ct, "everyone") == ["Asha", "Ravi", "Mina"]


async def test_membership_of_a_list_is_an_event_on_the_profile() -> None:
    async with account() as ct:
        await with_people(ct, "asha")
        board = ct.fake.dashboard

        counts = [board.put_into_list("vip", ["asha@example.com"]) for _ in range(2)]
        counts += [board.take_off_list("vip", ["asha@example.com"]) for _ in range(2)]

        assert counts == [1, 0, 1, 0]
        assert [fact.details["properties"] for fact in ct.facts("event_stored")] == [
            {"Segment Name": "vip", "Change": "Entered"},
            {"Segment Name": "vip", "Change": "Exited"},
        ]


async def test_member_of_a_list_stays_one_when_profiles_merge() -> None:
    async with account() as ct:
        await ct.upload(person("old@example.com", identity="c1"))
        await ct.upload({"type": "event", "objectId": "__a1", "evtName": "Seen", "evtData": {}})
        board = ct.fake.dashboard
        young = ct.fake.state.profiles[1]
        board.segments.put_into_list("vip", [young])

        await ct.upload({"type": "profile", "objectId": "__a1", "profileData": {"identity": "c1"}})

        [merged] = ct.fake.state.profiles
        assert merged.absorbed == (young.number,)
        assert board.segments.contains("vip", merged)
        assert board.take_off_list("vip", ["c1"]) == 1
        assert not board.segments.contains("vip", merged)


async def test_names_that_are_taken_or_unknown_are_refused() -> None:
    async with account() as ct:
        board = ct.fake.dashboard
        board.add_segment(Segment(name="s"))
        with pytest.raises(ValueError, match="'s' already"):
            board.add_segment(Segment(name="s"))
        with pytest.raises(ValueError, match="'s' already"):
            board.put_into_list("s", [])
        with pytest.raises(UnknownSegment, match="'x'; there are s"):
            board.add_segment(Segment(name="t", excludes=("x",)))
        with pytest.raises(UnknownSegment, match="'x'"):
            sms(ct, InSegment("x"))
        with pytest.raises(UnknownSegment, match="'x'"):
            board.take_off_list("x", [])


@pytest.mark.parametrize(
    "make",
    [
        lambda: Behaviour(did_any_of=()),
        lambda: Behaviour(did_any_of=("a",), measure="total"),
        lambda: Behaviour(did_any_of=("a",), of="price"),
        lambda: Where("a", 1, "resembles"),
    ],
)
def test_rules_that_make_no_sense_are_refused(make: Any) -> None:
    with pytest.raises(ValueError, match="wanted"):
        make()


@pytest.mark.slow
@given(st.sampled_from(sorted(OPERATORS)), st.one_of(st.none(), st.text(), st.integers(), st.booleans()))
def test_operators_come_in_pairs_of_which_one_holds(operator: str, value: Any) -> None:
    """Whatever a property holds, `X` and `not X` never agree."""
    opposites = {
        "equals": "not_equals",
        "contains": "does_not_contain",
        "exists": "does_not_exist",
    }
    properties = {} if value is None else {"p": value}
    if operator in opposites:
        holds = Where("p", "1", operator).holds(properties)
        assert Where("p", "1", opposites[operator]).holds(properties) is not holds
    if operator.startswith(("greater", "less")) and value is None:
        assert not Where("p", 1, operator).holds(properties)


async def test_campaign_for_a_segment_is_judged_afresh_at_every_run() -> None:
    async with account() as ct:
        await orders(ct, asha=[(1, {})], ravi=[])
        ct.fake.dashboard.add_segment(
            Segment(name="buyers", rules=(Behaviour(did_any_of=("Ordered",), within=timedelta(days=30)),))
        )
        sms(ct, InSegment("buyers"))

        assert await ct.fake.launch("nudge") == 1
        await ct.upload(event("Ordered", identity="ravi@example.com"))
        assert await ct.fake.launch("nudge") == 2
        assert await ct.fake.launch("nudge", ["ravi@example.com"]) == 1
        await ct.settle()

        assert [text.email.partition("@")[0] for text in ct.stage.recorder.texts] == [
            "asha", "asha", "ravi", "ravi",
        ]  # fmt: skip


async def test_campaign_for_a_segment_runs_by_its_schedule() -> None:
    async with account(CleverTapSettings()) as ct:
        await with_people(ct, "asha")
        board = ct.fake.dashboard
        board.put_into_list("vip", ["asha@example.com"])
        start = ct.stage.now()
        for name, at, every in (
            ("once", timedelta(hours=1), None),
            ("daily", timedelta(hours=2), timedelta(days=1)),
            ("missed", timedelta(hours=-1), None),
        ):
            when = InSegment("vip", at=start + at, every=every)
            ct.fake.add_campaign(SmsCampaign(name=name, text="Hi", when=when))

        await ct.settle(2.5 * DAY)

        assert [(one.campaign, round((one.sent_at - start).total_seconds())) for one in ct.stage.recorder.texts] == [
            ("once", 3600),
            ("daily", 7200),
            ("daily", 7200 + DAY),
            ("daily", 7200 + 2 * DAY),
        ]  # fmt: skip
