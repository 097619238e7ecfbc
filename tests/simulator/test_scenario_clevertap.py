"""Campaigns, segments, journeys and limits as a scenario declares them: what is built, and what is told."""

from __future__ import annotations

from copy import deepcopy
from datetime import time, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from fakes.clevertap import (
    Action,
    Cadence,
    CampaignLimits,
    ChangeProfile,
    ChannelLimits,
    Control,
    Conversion,
    Did,
    DidNot,
    DoNotDisturb,
    EmailCampaign,
    Exit,
    External,
    FakeCleverTap,
    Inaction,
    InSegment,
    IntelliNode,
    JourneyTrigger,
    Link,
    Message,
    OnDate,
    OnTheDate,
    Past,
    PushCampaign,
    SmsCampaign,
    WebPushCampaign,
    Where,
)
from simulator.clevertap_setup import campaign_of, journey_of, set_up_control_groups, set_up_segments
from simulator.problems import ScenarioInvalid
from tests.support.fakes import stage
from tests.support.stories import SURVEY, changed, scenario_of

if TYPE_CHECKING:
    from fakes.clevertap.campaigns import Campaign
    from simulator.scenario import Scenario

NODES: dict[str, Any] = {
    "bought": {"did": "Bought", "where": {"kind": "big"}, "then": {"yes": "silent"}},
    "silent": {
        "did": "MM Email Opened",
        "did_not": ["MM Email Form Submitted", "Called"],
        "within": "2 h",
        "constant": "campaign_name",
        "gives_up_after": "1 day",
        "then": {"yes": {"to": "note", "after": "10 min"}, "no": "mark", "timeout": "half"},
    },
    "note": {"send": "note", "listens_for": "1 day", "then": {"clicked": "mark", "unreachable": "pro"}},
    "mark": {"set": {"Stage": "asked"}, "then": {"next": "birthday"}},
    "half": {"split": {"a": "25 %", "b": "75 %"}, "then": {"a": "out", "b": "note"}},
    "pro": {"segment": "pros", "gives_up_after": "2 h"},
    "birthday": {"date": "Renews", "before": "1 day", "then": {"yes": "out"}},
    "out": {"exit": True},
}
CAMPAIGNS: list[dict[str, Any]] = [
    {"name": "note", "channel": "push", "title": "Hi", "text": "Look", "link": "shop://x"},
    {"name": "web", "channel": "webpush", "text": "Look", "when": {"segment": "pros"}},
    {
        "name": "news",
        "channel": "email",
        "subject": "News",
        "text": "<p>Hi</p>",
        "when": {"date": "Renews", "later": "1 day", "of": "Booked"},
        "limits": {"throttle": 500, "gap": "1 h", "cap": 1000, "quiet": "22:00 to 07:00", "discards": True},
    },
    {"name": "code", "channel": "sms", "text": "Code", "when": {"external": True}},
    {
        "name": "big",
        "channel": "sms",
        "text": "Big",
        "when": {"did": "Bought", "where": {"kind": "big"}, "delay": "5 min"},
    },
    {
        "name": "again",
        "channel": "sms",
        "text": "Again",
        "when": {"did_not": "Paid", "within": "1 h", "after": "Bought", "constant": "order"},
    },
]
SEGMENTS = [
    {"name": "pros", "has": {"Plan": "pro"}, "did": ["Bought", "Paid"], "within": "7 days", "at_least": 2},
    {"name": "quiet", "did_not": "Bought"},
]
LIMITS = {"sms": {"throttle": 200, "gap": "15 min", "most": 3, "within": "7 days"}}
JOURNEY = {
    "name": "follow-up",
    "nodes": NODES,
    "goals": ["Paid", {"segment": "quiet"}],
    "re_entry": True,
    "ends_after": "9 days",
}
CT: dict[str, Any] = {
    "utc_offset": "+05:30",
    "campaigns": CAMPAIGNS,
    "segments": SEGMENTS,
    "limits": LIMITS,
    "journeys": [JOURNEY],
}


def story(**changes: Any) -> dict[str, Any]:
    made = changed(SURVEY, accounts__clevertap=deepcopy(CT), **deepcopy(changes))
    made["journey"] = [{"at": "0 h", "clevertap": "event Bought"}]
    made["expect"] = made["expect"] if "expect" in changes else []
    return made


def problems(**changes: Any) -> list[str]:
    with pytest.raises(ScenarioInvalid) as caught:
        scenario_of(story(**changes))
    return [str(problem) for problem in caught.value.problems]


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


def campaigns_of(scenario: Scenario) -> list[Campaign]:
    return [campaign_of(spec, starts=scenario.starts) for spec in scenario.accounts.campaigns]


def test_campaigns_become_those_of_the_dashboard() -> None:
    note, web, news, code, big, again = campaigns_of(scenario_of(story()))

    assert note == PushCampaign(name="note", title="Hi", text="Look", link="shop://x")
    assert web == WebPushCampaign(name="web", text="Look", when=InSegment("pros"))
    assert news == EmailCampaign(
        name="news",
        subject="News",
        text="<p>Hi</p>",
        when=OnDate("Renews", hours(24), "Booked"),
        limits=CampaignLimits(
            throttle=500,
            gap=hours(1),
            targeting_cap=1000,
            do_not_disturb=DoNotDisturb(time(22), time(7), discards=True),
        ),
    )
    assert code.when == External()
    assert big.when == Did("Bought", (Where("kind", "big"),), timedelta(minutes=5))
    assert again.when == DidNot("Paid", hours(1), after="Bought", constant="order")


def test_journey_becomes_that_of_the_dashboard() -> None:
    [spec] = scenario_of(story()).accounts.journeys

    made = journey_of(spec)

    assert (made.name, made.entry, made.re_entry, made.ends_after) == (
        "follow-up",
        "bought",
        True,
        hours(216),
    )
    assert [(goal.event, goal.segment) for goal in made.goals] == [("Paid", ""), ("", "quiet")]
    assert made.nodes == {
        "bought": Action(event="Bought", where=(Where("kind", "big"),), paths={"yes": Link("silent")}),
        "silent": Inaction(
            did="MM Email Opened",
            did_not=("MM Email Form Submitted", "Called"),
            within=hours(2),
            constant="campaign_name",
            gives_up_after=hours(24),
            paths={
                "yes": Link("note", timedelta(minutes=10)),
                "no": Link("mark"),
                "timeout": Link("half"),
            },
        ),
        "note": Message(
            campaign="note",
            listens_for=hours(24),
            paths={"clicked": Link("mark"), "unreachable": Link("pro")},
        ),
        "mark": ChangeProfile(properties={"Stage": "asked"}, paths={"next": Link("birthday")}),
        "half": IntelliNode(shares={"a": 0.25, "b": 0.75}, paths={"a": Link("out"), "b": Link("note")}),
        "pro": Past(segment="pros", gives_up_after=hours(2)),
        "birthday": OnTheDate(property="Renews", offset=hours(-24), paths={"yes": Link("out")}),
        "out": Exit(),
    }
    trigger = {"begin": {"trigger": True}}
    [triggered] = scenario_of(
        story(accounts__clevertap__journeys=[{"name": "j", "nodes": trigger}])
    ).accounts.journeys
    assert journey_of(triggered).nodes == {"begin": JourneyTrigger()}


COMPARED: dict[str, Any] = {
    "control_groups": [{"share": "5 %"}, {"name": "loyal", "share": "2.5 %"}],
    "campaigns": [
        {
            "name": "offer",
            "channel": "sms",
            "text": "Offer",
            "when": {
                "segment": "pros",
                "at": "1 day 9 h",
                "every": "7 days",
                "in_local_time": True,
                "catches_up": False,
            },
            "limits": {"quiet": "22:00 to 07:00", "in_local_time": True},
            "control": {"system": False, "groups": ["loyal"], "share": "7 %"},
            "conversion": {
                "event": "Paid",
                "within": "3 days",
                "where": {"kind": "web"},
                "revenue": "amount",
            },
        },
        {"name": "plain", "channel": "sms", "text": "Plain", "conversion": {"event": "Paid"}},
    ],
    "journeys": [
        {
            "name": "welcome",
            "in_local_time": True,
            "control": {"share": "20 %"},
            "nodes": {
                "begin": {"did": "Bought", "then": {"yes": "now"}},
                "now": {"send": "plain", "in_account_time": True},
            },
        }
    ],
}


def compared(**changes: Any) -> dict[str, Any]:
    """Change what has local time, control groups and conversions."""
    made = {f"accounts__clevertap__{key}": value for key, value in deepcopy(COMPARED).items()}
    return {**made, **{f"accounts__clevertap__{key}": value for key, value in changes.items()}}


def offer(**fields: Any) -> dict[str, Any]:
    """Replace fields of the campaign that is compared."""
    return compared(campaigns=[{**COMPARED["campaigns"][0], **fields}, COMPARED["campaigns"][1]])


def when(**fields: Any) -> dict[str, Any]:
    """Replace when that campaign runs."""
    return offer(when=fields)


def test_local_time_control_groups_and_conversions_become_those_of_the_dashboard() -> None:
    scenario = scenario_of(story(**compared()))

    sent, plain = campaigns_of(scenario)
    [welcome] = map(journey_of, scenario.accounts.journeys)

    assert sent == SmsCampaign(
        name="offer",
        text="Offer",
        when=InSegment(
            "pros",
            at=scenario.starts + hours(33),
            every=hours(168),
            in_local_time=True,
            catches_up=False,
        ),
        limits=CampaignLimits(do_not_disturb=DoNotDisturb(time(22), time(7), in_local_time=True)),
        control=Control(system=False, groups=("loyal",), share=7),
        conversion=Conversion(
            event="Paid", within=hours(72), where=(Where("kind", "web"),), revenue="amount"
        ),
    )
    assert plain == SmsCampaign(name="plain", text="Plain", conversion=Conversion(event="Paid"))
    assert (welcome.in_local_time, welcome.control) == (True, Control(share=20))
    assert welcome.nodes["now"] == Message(campaign="plain", in_account_time=True)


async def test_control_groups_are_made_in_their_order() -> None:
    groups = scenario_of(story(**compared())).accounts.control_groups
    async with stage(FakeCleverTap) as opened:
        fake = FakeCleverTap(opened.surroundings())

        set_up_control_groups(fake, groups)

        made = fake.dashboard.control_groups.all
    assert [(group.name, group.share) for group in made] == [("System Control Group", 5), ("loyal", 2.5)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (compared(control_groups=[{"share": "7 %"}]), "control_groups[0]: found a control group of 7 % of everybody, wanted 2 to 5 %"),
        (compared(control_groups=[{"share": "60 % of open"}]), "control_groups[0].share: found a share of `open`, wanted a share of everyone"),
        (compared(control_groups=[{"name": "x", "share": "3 %"}]), "control_groups[0]: found a control group 'x' before there is a system"),
        (compared(control_groups=[{"share": "3 %"}] * 2), "control_groups[1]: there is a control group 'System Control Group' already"),
        (compared(control_groups=[{"name": "x"}]), "control_groups[0]: `share` is missing"),
        (compared(control_groups=[]), "control.groups[0]: found `loyal`, wanted a custom control group; there is none; add it under"),
        (offer(control={"groups": ["loyl"]}), "campaigns[0].control.groups[0]: found `loyl`, wanted a custom control group; did you mean `loyal`?"),
        (offer(control={"share": "1 %"}), "campaigns[0].control.share: found a control group of 1 % of those who qualify, wanted 2 to 99 %"),
        (offer(control={"sytem": False}), "campaigns[0].control.sytem: is not a word of the format; did you mean `system`?"),
        (offer(control={"share": 10}), "campaigns[0].control.share: found `10`, wanted a share such as `60 %`"),
        (offer(conversion={"within": "1 day"}), "campaigns[0].conversion: `event` is missing"),
        (offer(conversion={"event": "Paid", "within": "soon"}), "campaigns[0].conversion.within: found `soon`, wanted a duration"),
        (offer(limits={"in_local_time": True}), "campaigns[0].limits.in_local_time: says whose clock the quiet hours are of, and there are none"),
        (when(did="Bought", at="1 h"), "campaigns[0].when.at: says nothing without `segment`"),
        (when(segment="pros", every="1 h"), "campaigns[0].when.every: says nothing without `at`; add when it runs first"),
        (when(segment="pros", in_local_time=True), "campaigns[0].when.in_local_time: says nothing without `at`"),
        (when(segment="pros", at="1 h", catches_up=False), "campaigns[0].when.catches_up: says nothing without `in_local_time`"),
        (when(segment="pros", at="0 h"), "campaigns[0].when.at: found `0 h`, when nobody is known yet; wanted a time after the start"),
        (when(segment="pros", at="noon"), "campaigns[0].when.at: found `noon`"),
        (compared(journeys=[COMPARED["journeys"][0] | {"in_local_time": False}]), "nodes.now.in_account_time: takes a message out of local time, which"),
        (compared(journeys=[COMPARED["journeys"][0] | {"control": {"groups": ["x"]}}]), "journeys[0].control.groups[0]: found `x`, wanted a custom"),
        (compared(journeys=[{"name": "j", "in_local_time": True, "nodes": {"bought": {"did": "x", "in_account_time": True}}}]), "nodes.bought.in_account_time: says nothing at a node of this kind"),
    ],
)  # fmt: skip
def test_comparison_that_does_not_fit_is_told_with_its_place(changes: dict[str, Any], message: str) -> None:
    told = problems(**changes)

    assert any(message in problem for problem in told), told


async def test_segments_and_limits_are_set_up() -> None:
    accounts = scenario_of(story()).accounts
    async with stage(FakeCleverTap) as opened:
        fake = FakeCleverTap(opened.surroundings())

        set_up_segments(fake, accounts.segments, accounts.channel_limits)

        board = fake.dashboard
        assert board.segments._segments["pros"].rules[1] == Where("Plan", "pro")
        assert not board.segments._segments["quiet"].rules[0].is_done  # type: ignore[union-attr]  # a behaviour
        wanted = ChannelLimits(throttle=200, gap=hours(0.25), cadences=(Cadence(3, hours(168)),))
        assert list(board.pacer._channels.values()) == [wanted]
    assert accounts.clevertap_utc_offset_s == 5.5 * 3600


def node(**changes: Any) -> dict[str, Any]:
    """Change nodes of the journey; None takes one out."""
    nodes = {**NODES, **changes}
    return {
        "accounts__clevertap__journeys": [
            {"name": "follow-up", "nodes": {key: one for key, one in nodes.items() if one is not None}}
        ]
    }


def campaign(**fields: Any) -> dict[str, Any]:
    """Replace the push campaign's fields."""
    return {"accounts__clevertap__campaigns__0": CAMPAIGNS[0] | fields}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (node(note={"send": "noet"}), "nodes.note.send: found `noet`, wanted a CleverTap campaign; did you mean `note`?"),
        (node(note={"send": "big"}), "campaign `big` has a `when` and fires by itself; drop `when`, or the node"),
        (node(pro={"segment": "prso"}), "nodes.pro.segment: found `prso`, wanted a segment; did you mean `pros`?"),
        (node(out=None), "then.a: found `out`, wanted a node of this journey"),
        (node(note={"send": "note", "then": {"opened": "out"}}), "found `opened`, wanted a path out of this node"),
        (node(out={"send": "note", "then": {"clicked": "half"}}), "goes round in a circle"),
        (node(silent={"did": "x", "did_not": "y"}), "`did_not` needs a time; add `within: 2 h`"),
        (node(bought={"did": "x", "within": "2 h"}), "nodes.bought.within: says nothing at a node of this kind; drop it"),
        (node(note={"send": "note", "gives_up_after": "2 h"}), "gives_up_after: says nothing at a node of this kind"),
        (node(out={"exit": True, "where": {"a": 1}}), "where: says nothing at a node of this kind"),
        (node(bought={"send": "note"}), "is the first node, by which people enter, and waits for nothing"),
        (node(bought={"send": "note", "did": "x"}), "`did` and `send` contradict each other; keep one of them"),
        (node(bought={"then": {"yes": "note"}}), "nodes.bought: wanted `did` or `segment` or `date` or `trigger`"),
        (node(birthday={"date": "x", "before": "1 h", "later": "1 h"}), "`before` and `later` contradict each other"),
        ({"accounts__clevertap__journeys": [JOURNEY, JOURNEY]}, "`follow-up` stands here for a second time"),
        ({"accounts__clevertap__journeys": [JOURNEY | {"name": "note"}]}, "`note` is the name of a campaign too"),
        ({"accounts__clevertap__journeys": [JOURNEY | {"goals": [{"segment": "x"}]}]}, "goals[0].segment: found `x`, wanted a segment"),
        ({"accounts__clevertap__journeys": [JOURNEY | {"goals": list("abcd")}]}, "goals: found"),
        (campaign(when={"segment": "prso"}), "when.segment: found `prso`, wanted a segment; did you mean `pros`?"),
        (campaign(limits={"throttle": 100}), "limits.throttle: found a throttle 100 in five minutes, wanted more than 100"),
        (campaign(limits={"gap": "1 min"}), "limits.gap: found a gap of 0:01:00 between messages of a campaign"),
        (campaign(limits={"cap": 9}), "limits.cap: found a targeting cap 9, wanted at least 100"),
        (campaign(limits={"quiet": "late"}), "limits.quiet: found `late`, wanted hours of the day such as"),
        (campaign(limits={"quiet": "7:00 to 25:00"}), "wanted hours of the day such as"),
        (campaign(limits={"quiet": "07:00 to 07:00"}), "wanted hours of the day such as"),
        (campaign(text="Hi {{ Profile.Nmae }}"), "campaigns[0].text: found `Profile.Nmae`, which no profile has"),
        (campaign(when={"did_not": "Paid", "within": "0 s", "after": "Bought"}), "when.within: found `0 s`, wanted time in which it may still be done"),
        (node(silent={"did": "x", "did_not": "y", "within": "0 min"}), "nodes.silent.within: found `0 min`"),
        (node(half={"split": {"a": "0 %", "b": "0 %"}}), "nodes.half.split: sends nobody anywhere; give a path more than 0 %"),
        (campaign(text="{% capture x %}{% endcapture %}"), "campaigns[0].text: found `{% capture x %}{% endcapture %}`, which is no Liquid that can be read"),
        (campaign(title="{{ x"), "campaigns[0].title: found `{{ x`, which is no Liquid"),
        (campaign(link="{{ Profiel.Name }}"), "campaigns[0].link: found `Profiel`"),
        (campaign(channel="email"), "`subject` is missing; add `subject: …` (its subject)"),
        ({"accounts__clevertap__limits": {"sms": {"gap": "1 min"}}}, "limits.sms.gap: found a gap of 0:01:00"),
        ({"accounts__clevertap__limits": {"sms": {"throttle": 5}}}, "limits.sms.throttle: found a throttle 5"),
        ({"accounts__clevertap__utc_offset": "IST"}, "wanted the account's time zone, such as +05:30"),
        ({"accounts__clevertap__segments__1": {"name": "q", "within": "1 h", "has": {"a": 1}}}, "there is none; add `did`"),
        ({"accounts__clevertap__segments__1": {"name": "q", "at_least": 2, "has": {"a": 1}}}, "counts what was `did`"),
        ({"people__named__0__taps": {"on": "noet", "after": "1 h"}}, "named[0].taps.on: found `noet`, wanted a CleverTap campaign to phones"),
        ({"people__named__0__taps": "1 h", "people__named__0__views": "2 h"}, "`taps` comes before `views`"),
        ({"people__named__0__taps": "1 h", "people__named__0__views": "never"}, "`views: never` and `taps` contradict"),
        ({"people__habits": {"tap": {"share": "10 % of view"}}}, "there is no habit `view`; add `view: {share: 60 %}`"),
        ({"people__habits": {"view": {"share": "10 %"}, "tap": {"share": "20 %"}}}, "but only 10 % look at their messages"),
        ({"people__habits": {"view": {"share": "10 % of view"}}}, "found a share of itself"),
        ({"expect": [{"person": "Asha", "took": "follow-pu/note sent"}]}, "wanted a CleverTap journey; did you mean `follow-up`?"),
        ({"expect": [{"person": "Asha", "took": "follow-up/noet sent"}]}, "wanted a node of `follow-up`; did you mean `note`?"),
        ({"expect": [{"person": "Asha", "took": "follow-up/note opened"}]}, "wanted a path out of `note`"),
        ({"expect": [{"person": "Asha", "got": "email nwes"}]}, "wanted a CleverTap campaign on the channel email; did you mean `news`?"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told_with_its_place(changes: dict[str, Any], message: str) -> None:
    told = problems(**changes)

    assert any(message in problem for problem in told), told


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("launch code", "campaign `code` has a `when` and fires by itself; say `trigger code`"),
        ("launch follow-up", "wanted a CleverTap campaign, or a journey that begins with `trigger: true`"),
        ("trigger big", "say `when: {external: true}`, or drop the step"),
        ("trigger x", "found `x`, wanted a CleverTap campaign"),
        ("launch web", "campaign `web` has a `when` and fires by itself; drop `when` or the step"),
    ],
)
def test_steps_that_nothing_answers_are_told(step: str, message: str) -> None:
    made = story(accounts__clevertap__campaigns__1__when={"segment": "pros", "at": "1 h"})
    made["journey"] = [{"at": "0 h", "clevertap": step}]

    with pytest.raises(ScenarioInvalid) as caught:
        scenario_of(made)

    assert message in str(caught.value)


def test_campaign_for_a_segment_is_launched_by_a_step() -> None:
    made = story()
    made["journey"] = [{"at": "0 h", "clevertap": "launch web"}, {"at": "0 h", "clevertap": "trigger code"}]

    assert [step.noun for step in scenario_of(made).journey] == ["web", "code"]


def test_a_reason_to_abort_is_liquid_that_can_be_read() -> None:
    text = '{% if Event.x %}{% abort "no plan" %}{% endif %}Hi'

    assert scenario_of(story(**campaign(text=text))).accounts.campaigns[0].text == text
