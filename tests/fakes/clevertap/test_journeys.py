from __future__ import annotations

from datetime import time, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from fakes.clevertap import (
    Action,
    CampaignLimits,
    ChangeProfile,
    CleverTapSettings,
    Did,
    DoNotDisturb,
    Exit,
    Goal,
    Inaction,
    IntelliNode,
    Journey,
    JourneyTrigger,
    Link,
    Listed,
    Message,
    OnTheDate,
    Past,
    PushCampaign,
    Segment,
    SmsCampaign,
    WebhookCampaign,
    Where,
)
from fakes.clevertap.errors import InvalidJourney, UnknownCampaign, UnknownJourney, UnknownSegment
from tests.fakes.clevertap.account import (
    BODY,
    HOOK,
    NOW_TS,
    PHONE,
    Account,
    account,
    event,
    person,
    sms,
    with_people,
)

if TYPE_CHECKING:
    from fakes.clevertap.nodes import Node

HOUR, DAY = 3600, 86400
OPENED, SUBMITTED = "MM Email Opened", "MM Email Form Submitted"


def texts(ct: Account, *names: str) -> None:
    for name in names:
        sms(ct, name=name, text=f"{name} @Profile - Name")


def got(ct: Account) -> list[tuple[str, str, int]]:
    """Give who got which text how many seconds after the start."""
    return [
        (one.email.partition("@")[0], one.campaign, round(one.sent_at.timestamp()) - NOW_TS)
        for one in ct.stage.recorder.texts
    ]


def paths(ct: Account, name: str = "") -> list[str]:
    found = ct.facts("journey_path")
    return [
        f"{fact.details['node']} {fact.details['path']}"
        for fact in found
        if not name or fact.subject == f"{name}@example.com"
    ]


def left(ct: Account) -> list[tuple[str, str]]:
    return [(fact.subject.partition("@")[0], fact.details["reason"]) for fact in ct.facts("journey_left")]


def to(node: str, **after: float) -> Link:
    return Link(node, timedelta(**after))


def inaction(**more: Any) -> Inaction:
    """A = opened, B = submitted, within two hours; each path to a message of its own."""
    settings: dict[str, Any] = {
        "did": OPENED,
        "did_not": (SUBMITTED,),
        "within": timedelta(hours=2),
        "paths": {"yes": to("remind"), "no": to("thank"), "timeout": to("call")},
    }
    return Inaction(**(settings | more))


MESSAGES = {name: Message(campaign=name) for name in ("remind", "thank", "call")}


def as_entry(ct: Account, **more: Any) -> None:
    texts(ct, *MESSAGES)
    ct.fake.dashboard.add_journey(Journey(name="j", nodes={"entry": inaction(**more), **MESSAGES}))


def after_signing_up(ct: Account, **more: Any) -> None:
    texts(ct, *MESSAGES)
    nodes: dict[str, Node] = {
        "entry": Action(event="Signed Up", paths={"yes": to("silent")}),
        "silent": inaction(**({"gives_up_after": timedelta(hours=5)} | more)),
        **MESSAGES,
    }
    ct.fake.dashboard.add_journey(Journey(name="j", nodes=nodes))


# The three paths out of an inaction node


async def test_inaction_node_has_three_ways_out() -> None:
    async with account() as ct:
        await with_people(ct, "asha", "ravi", "mina", "zoe")
        after_signing_up(ct)

        await ct.upload(*(event("Signed Up", identity=f"{n}@example.com") for n in ("asha", "ravi", "mina")))
        await ct.settle(HOUR)
        await ct.upload(event(OPENED), event(OPENED, identity="ravi@example.com"))
        await ct.settle(HOUR)
        await ct.upload(event(SUBMITTED, identity="ravi@example.com"))
        await ct.settle(6 * HOUR)

        assert [(who, what) for who, what, _ in got(ct)] == [
            ("ravi", "thank"),  # A and B: at once
            ("asha", "remind"),  # A and no B: when the time is out
            ("mina", "call"),  # A never came
        ]
        assert [round(at / HOUR) for *_, at in got(ct)] == [2, 3, 5]
        assert paths(ct, "asha") == ["entry yes", "silent yes", "remind sent"]
        assert paths(ct, "ravi") == ["entry yes", "silent no", "thank sent"]
        assert paths(ct, "mina") == ["entry yes", "silent timeout", "call sent"]
        assert sorted(left(ct)) == [("asha", "end"), ("mina", "end"), ("ravi", "end")]
        statistics = ct.fake.dashboard.journeys.statistics("j")
        assert (statistics.entered, statistics.active) == (3, 0)
        assert statistics.paths["silent yes"] == statistics.paths["silent no"] == 1
        ct.stage.recorder.check()


async def test_vendors_own_follow_up_is_push_then_sms_then_email() -> None:
    """Inaction (A, not B, 2 min) → Yes → push → 2 h → SMS → 2 h → email, with goal B."""
    async with account() as ct:
        await with_people(ct, "asha", "ravi")
        for name in ("asha", "ravi"):
            await ct.upload(
                person(f"{name}@example.com") | {"objectId": f"__{name}"},
                {"type": "token", "objectId": f"__{name}", "tokenData": {"id": name, "type": "fcm"}},
            )
        ct.fake.add_campaign(PushCampaign(name="push", text="Hi"))
        texts(ct, "sms", "email")
        nodes: dict[str, Node] = {
            "entry": Inaction(
                did="Cart", did_not=("Paid",), within=timedelta(minutes=2), paths={"yes": to("push")}
            ),
            "push": Message(campaign="push", paths={"sent": to("sms", hours=2)}),
            "sms": Message(campaign="sms", paths={"sent": to("email", hours=2)}),
            "email": Message(campaign="email"),
        }
        goals = (Goal(name="paid", event="Paid"),)
        ct.fake.dashboard.add_journey(Journey(name="cart", nodes=nodes, goals=goals))

        await ct.upload(event("Cart"), event("Cart", identity="ravi@example.com"))
        await ct.settle(3 * HOUR)
        await ct.upload(event("Paid", identity="ravi@example.com"))
        await ct.settle(DAY)

        assert [(who, what, round(at / 60)) for who, what, at in got(ct)] == [
            ("asha", "push", 2),
            ("ravi", "push", 2),
            ("asha", "sms", 122),
            ("ravi", "sms", 122),
            ("asha", "email", 242),
        ]
        assert left(ct) == [("ravi", "goal"), ("asha", "end")]
        assert ct.fake.dashboard.journeys.statistics("cart").goals == {"paid": 1}


@pytest.mark.parametrize(
    ("ts", "path"), [(-1, "yes"), (0, "no"), (HOUR, "no"), (2 * HOUR + 60, "yes")], ids=str
)
async def test_b_counts_by_its_own_time(ts: int, path: str) -> None:
    async with account() as ct:
        await with_people(ct, "asha")
        as_entry(ct)

        await ct.upload(event(OPENED, ts=NOW_TS))
        await ct.settle(2 * HOUR - 60)
        await ct.upload(event(SUBMITTED, ts=NOW_TS + ts))
        await ct.settle(120)

        assert paths(ct)[0] == f"entry {path}"


async def test_of_several_bs_one_that_did_not_happen_is_enough() -> None:
    async with account() as ct:
        await with_people(ct, "asha", "ravi")
        as_entry(ct, did_not=("Paid", SUBMITTED))

        await ct.upload(*(event(OPENED, identity=f"{name}@example.com") for name in ("asha", "ravi")))
        await ct.upload(event(SUBMITTED), event(SUBMITTED, identity="ravi@example.com"))
        await ct.upload(event("Paid", identity="ravi@example.com"))
        await ct.settle(3 * HOUR)

        assert [(who, what) for who, what, _ in got(ct)] == [("ravi", "thank"), ("asha", "remind")]


async def test_constant_property_keeps_answers_to_other_surveys_apart() -> None:
    async with account() as ct:
        await with_people(ct, "asha")
        as_entry(ct, constant="campaign_name")

        await ct.upload(event(OPENED, evtData={"campaign_name": "march"}))
        await ct.upload(event(SUBMITTED, evtData={"campaign_name": "april"}))
        await ct.settle(3 * HOUR)

        assert paths(ct) == ["entry yes", "remind sent"]


@pytest.mark.answers("clevertap", 25)
async def test_a_that_is_known_too_late_takes_the_no_path() -> None:
    async with account() as ct:
        await with_people(ct, "asha")
        after_signing_up(ct)

        await ct.upload(event("Signed Up"))
        await ct.settle(3 * HOUR)
        await ct.upload(event(OPENED, ts=NOW_TS + HOUR))

        assert paths(ct)[:2] == ["entry yes", "silent no"]


# Entries


@pytest.mark.parametrize(("age", "count"), [(0, 1), (3599, 1), (3601, 0), (7000, 0), (-119, 1), (-125, 0)])
@pytest.mark.bounds("clevertap", "14.1: older than 60 minutes are ignored")
async def test_events_older_than_an_hour_bring_nobody_in(age: int, count: int) -> None:
    async with account() as ct:
        await with_people(ct, "asha")
        as_entry(ct)

        await ct.upload(event(OPENED, ts=NOW_TS - age))

        assert len(ct.facts("journey_entered")) == count
        assert len(ct.facts("event_stored")) == 1


async def test_conditions_decide_who_enters() -> None:
    async with account() as ct:
        await with_people(ct, "asha")
        texts(ct, "thank")
        nodes: dict[str, Node] = {
            "entry": Action(event="Ordered", where=(Where("kind", "big"),), paths={"yes": to("thank")}),
            "thank": Message(campaign="thank"),
        }
        ct.fake.dashboard.add_journey(Journey(name="j", nodes=nodes))

        await ct.upload(event("Ordered", evtData={"kind": "small"}))
        assert ct.facts("journey_entered") == []
        await ct.upload(event("Ordered", evtData={"kind": "big"}))

        assert len(ct.facts("journey_entered")) == 1


@pytest.mark.parametrize(("re_entry", "entered"), [(False, 1), (True, 2)])
async def test_person_enters_once_or_again_after_leaving(*, re_entry: bool, entered: int) -> None:
    async with account() as ct:
        await with_people(ct, "asha")
        ct.fake.dashboard.add_journey(
            Journey(name="j", nodes={"entry": inaction(paths={})}, re_entry=re_entry)
        )

        for wait_s in (HOUR, 2 * HOUR, 0):
            await ct.upload(event(OPENED))
            await ct.settle(wait_s)

        assert len(ct.facts("journey_entered")) == entered


async def test_past_behaviour_enters_at_publishing_and_then_at_midnight_of_the_account() -> None:
    offset = timedelta(hours=5, minutes=30)  # the stage begins at 09:00 there
    async with account(CleverTapSettings(utc_offset=offset)) as ct:
        await ct.upload(
            *(person(f"{n}@example.com", Plan=plan) for n, plan in (("asha", "pro"), ("ravi", "free")))
        )
        ct.fake.dashboard.add_segment(Segment(name="pros", rules=(Where("Plan", "pro"),)))
        ct.fake.dashboard.add_journey(Journey(name="j", nodes={"entry": Past(segment="pros")}))

        await ct.upload(person("ravi@example.com", Plan="pro"))
        await ct.settle(DAY)

        assert [
            (fact.subject, round(fact.at.timestamp() - NOW_TS)) for fact in ct.facts("journey_entered")
        ] == [("asha@example.com", 0), ("ravi@example.com", 15 * HOUR)]


async def test_custom_list_brings_in_its_members_and_whoever_joins() -> None:
    async with account() as ct:
        await with_people(ct, "asha", "ravi", "mina")
        board = ct.fake.dashboard
        board.put_into_list("vip", ["asha@example.com"])
        board.add_journey(Journey(name="j", nodes={"entry": Listed(segment="vip")}))

        board.put_into_list("vip", ["asha@example.com", "ravi@example.com"])

        assert [fact.subject for fact in ct.facts("journey_entered")] == [
            "asha@example.com",
            "ravi@example.com",
        ]


async def test_date_brings_people_in_before_it_and_moves_on_at_it() -> None:
    async with account() as ct:
        texts(ct, "remind")
        nodes: dict[str, Node] = {
            "entry": OnTheDate(property="Renews", offset=timedelta(days=-1), paths={"yes": to("remind")}),
            "remind": Message(campaign="remind"),
        }
        await ct.upload(
            person(Name="Asha", Phone=PHONE, Renews=f"$D_{NOW_TS + 3 * DAY}"), person("ravi@example.com")
        )
        ct.fake.dashboard.add_journey(Journey(name="j", nodes=nodes))
        await ct.upload(person("ravi@example.com", Phone=PHONE, Renews=f"$D_{NOW_TS + 2 * DAY}"))
        await ct.upload(person("mina@example.com", Phone=PHONE, Renews=f"$D_{NOW_TS - DAY}"))

        await ct.settle(5 * DAY)

        assert [(who, at // DAY) for who, _, at in got(ct)] == [("ravi", 1), ("asha", 2)]


async def test_journey_trigger_takes_whom_it_is_sent() -> None:
    async with account() as ct:
        await with_people(ct, "asha", "ravi")
        texts(ct, "thank")
        nodes: dict[str, Node] = {
            "entry": JourneyTrigger(paths={"yes": to("thank")}),
            "thank": Message(campaign="thank"),
        }
        board = ct.fake.dashboard
        board.add_journey(Journey(name="j", nodes=nodes))

        assert board.trigger_journey("j", ["Ravi@example.com"]) == 1
        assert board.trigger_journey("j") == 1
        await ct.settle()

        assert [who for who, *_ in got(ct)] == ["ravi", "asha"]


# Nodes in the middle


@pytest.mark.bounds("clevertap", "14.2: up to an hour late")
async def test_time_out_of_an_action_node_is_looked_at_once_an_hour() -> None:
    """The stage begins at 03:30; a time-out after 40 minutes is due at 04:10 and seen at 05:00."""
    async with account() as ct:
        await with_people(ct, "asha", "ravi")
        texts(ct, "thank", "call")
        nodes: dict[str, Node] = {
            "entry": Action(event="Signed Up", paths={"yes": to("paid")}),
            "paid": Action(
                event="Paid",
                gives_up_after=timedelta(minutes=40),
                paths={"yes": to("thank"), "timeout": to("call")},
            ),
            **{name: MESSAGES[name] for name in ("thank", "call")},
        }
        ct.fake.dashboard.add_journey(Journey(name="j", nodes=nodes))

        await ct.upload(event("Signed Up"), event("Signed Up", identity="ravi@example.com"))
        await ct.settle(HOUR)
        await ct.upload(event("Paid"))  # after the 40 minutes, but before anybody looks
        await ct.settle(DAY)

        assert [(who, what) for who, what, _ in got(ct)] == [("asha", "thank"), ("ravi", "call")]
        assert got(ct)[1][2] == pytest.approx(5400, abs=1)


async def test_time_out_of_an_inaction_node_is_kept_to_the_second() -> None:
    async with account() as ct:
        await with_people(ct, "asha")
        after_signing_up(ct, gives_up_after=timedelta(minutes=40))

        await ct.upload(event("Signed Up"))
        await ct.settle(DAY)

        assert [(what, at) for _, what, at in got(ct)] == [("call", 2400)]


async def test_past_behaviour_and_lists_in_the_middle_wait_for_membership() -> None:
    async with account() as ct:
        await with_people(ct, "asha", "ravi", "mina")
        board = ct.fake.dashboard
        board.put_into_list("vip", [])
        board.add_segment(Segment(name="pros", rules=(Where("Plan", "pro"),)))
        texts(ct, "thank", "call")
        nodes: dict[str, Node] = {
            "entry": Action(event="Signed Up", paths={"yes": to("vip")}),
            "vip": Listed(
                segment="vip",
                gives_up_after=timedelta(minutes=1),
                paths={"yes": to("thank"), "timeout": to("pro")},
            ),
            "pro": Past(
                segment="pros",
                gives_up_after=timedelta(days=2),
                paths={"yes": to("thank"), "timeout": to("call")},
            ),
            **{name: MESSAGES[name] for name in ("thank", "call")},
        }
        board.add_journey(Journey(name="j", nodes=nodes))

        await ct.upload(*(event("Signed Up", identity=f"{n}@example.com") for n in ("asha", "ravi", "mina")))
        board.put_into_list("vip", ["asha@example.com"])
        await ct.settle(2 * HOUR)
        await ct.upload(person("ravi@example.com", Plan="pro"))
        await ct.settle(3 * DAY)

        assert [(who, what) for who, what, _ in got(ct)] == [
            ("asha", "thank"),
            ("ravi", "thank"),
            ("mina", "call"),
        ]
        assert got(ct)[1][2] == 20 * HOUR + 1800  # midnight
        assert len(board.journeys) == 0


async def test_date_in_the_middle_has_a_way_for_those_without_one() -> None:
    async with account() as ct:
        await ct.upload(
            person(Name="Asha", Phone=PHONE, Renews=f"$D_{NOW_TS + DAY}"),
            person("ravi@example.com", Phone=PHONE),
        )
        texts(ct, "thank", "call")
        nodes: dict[str, Node] = {
            "entry": Action(event="Signed Up", paths={"yes": to("date")}),
            "date": OnTheDate(property="Renews", paths={"yes": to("thank"), "no": to("call")}),
            **{name: MESSAGES[name] for name in ("thank", "call")},
        }
        ct.fake.dashboard.add_journey(Journey(name="j", nodes=nodes))

        await ct.upload(event("Signed Up"), event("Signed Up", identity="ravi@example.com"))
        await ct.settle(2 * DAY)

        assert [(who, what, at // DAY) for who, what, at in got(ct)] == [
            ("ravi", "call", 0),
            ("asha", "thank", 1),
        ]


async def test_controllers_change_the_profile_split_and_force_people_out() -> None:
    async with account() as ct:
        await with_people(ct, *(f"p{n}" for n in range(40)))
        texts(ct, "thank")
        nodes: dict[str, Node] = {
            "entry": Action(event="Signed Up", paths={"yes": to("mark")}),
            "mark": ChangeProfile(
                properties={"Stage": "new", "Visits": {"$incr": 1}}, paths={"next": to("split")}
            ),
            "split": IntelliNode(shares={"a": 3, "b": 1}, paths={"a": to("out"), "b": to("thank")}),
            "out": Exit(),
            "thank": Message(campaign="thank"),
        }
        ct.fake.dashboard.add_journey(Journey(name="j", nodes=nodes))

        await ct.upload(*(event("Signed Up", identity=f"p{n}@example.com") for n in range(40)))
        await ct.settle()

        record = await ct.profile("p0@example.com")
        assert (record["profileData"]["Stage"], record["profileData"]["Visits"]) == ("new", 1)
        statistics = ct.fake.dashboard.journeys.statistics("j")
        assert 20 <= statistics.paths["split a"] < 40
        assert statistics.left == {"exit": statistics.paths["split a"], "end": len(ct.stage.recorder.texts)}
        assert statistics.left.total() == 40


# Engagement nodes


async def test_ways_out_of_a_message_follow_what_becomes_of_it() -> None:
    async with account() as ct:
        await with_people(ct, "asha", "ravi")
        await ct.upload(
            person("mina@example.com"), person("zoe@example.com", **{"Phone": PHONE, "MSG-sms": False})
        )
        texts(ct, "seen", "tapped", "lost")
        sms(ct, name="first", text="See https://shop.example")
        nodes: dict[str, Node] = {
            "entry": JourneyTrigger(paths={"yes": to("first")}),
            "first": Message(
                campaign="first",
                listens_for=timedelta(days=1),
                paths={"delivered": to("seen"), "clicked": to("tapped"), "unreachable": to("lost")},
            ),
            **{name: Message(campaign=name) for name in ("seen", "tapped", "lost")},
        }
        board = ct.fake.dashboard
        board.add_journey(Journey(name="j", nodes=nodes))

        board.trigger_journey("j")
        await ct.settle(HOUR)
        url = ct.stage.recorder.texts[0].text.removeprefix("See ")
        for _ in range(2):
            async with ct.stage.session.get(url, allow_redirects=False):
                pass
        await ct.settle()

        assert [(who, what) for who, what, _ in got(ct)] == [
            ("asha", "first"),
            ("ravi", "first"),
            ("asha", "seen"),
            ("ravi", "seen"),
            ("asha", "tapped"),
        ]
        assert paths(ct, "mina") == ["entry yes", "first unreachable", "lost unreachable"]
        assert paths(ct, "zoe") == ["entry yes", "first unreachable", "lost unreachable"]
        assert left(ct) == [("mina", "end"), ("zoe", "end"), ("asha", "end")]
        await ct.settle(DAY)
        assert left(ct)[-1] == ("ravi", "end")  # nobody listens for a click any longer


async def test_webhook_node_is_sent_or_failed() -> None:
    async with account() as ct:
        await with_people(ct, "asha", "ravi")
        texts(ct, "thank", "call")
        await ct.fake.add_webhook("hook", url=HOOK)
        ct.fake.add_campaign(WebhookCampaign(name="ask", webhook="hook", body=BODY))
        nodes: dict[str, Node] = {
            "entry": JourneyTrigger(paths={"yes": to("ask")}),
            "ask": Message(campaign="ask", paths={"sent": to("thank"), "failed": to("call")}),
            **{name: MESSAGES[name] for name in ("thank", "call")},
        }
        ct.receiver.answer = lambda _: web.Response(
            status=500 if b"ravi" in ct.receiver.requests[-1][3] else 200
        )
        ct.fake.dashboard.add_journey(Journey(name="j", nodes=nodes))

        ct.fake.dashboard.trigger_journey("j")
        await ct.settle(60)

        assert [(who, what) for who, what, _ in got(ct)] == [("asha", "thank"), ("ravi", "call")]
        asked = {one.request_body: one.id for one in ct.stage.recorder.webhooks("customBody")}
        assert [one.cause for one in ct.stage.recorder.texts] == [
            next(entry for body, entry in asked.items() if name in body) for name in (b"asha", b"ravi")
        ]


@pytest.mark.parametrize(("channel", "sent"), [("webhook", True), ("sms", False)])
async def test_do_not_disturb_holds_for_nodes_that_are_no_webhook(channel: str, *, sent: bool) -> None:
    """03:30 lies in the quiet hours."""
    async with account() as ct:
        await with_people(ct, "asha")
        limits = CampaignLimits(do_not_disturb=DoNotDisturb(time(22), time(7)))
        await ct.fake.add_webhook("hook", url=HOOK)
        ct.fake.add_campaign(
            WebhookCampaign(name="m", webhook="hook", body=BODY, limits=limits)
            if channel == "webhook"
            else SmsCampaign(name="m", text="Hi", limits=limits)
        )
        nodes: dict[str, Node] = {"entry": JourneyTrigger(paths={"yes": to("m")}), "m": Message(campaign="m")}
        ct.fake.dashboard.add_journey(Journey(name="j", nodes=nodes))

        ct.fake.dashboard.trigger_journey("j")
        await ct.settle(60)

        assert (ct.fake.statistics("m").sent == 1) is sent


@pytest.mark.parametrize(("sleep_s", "windows"), [(0, 1), (60, 2)])
async def test_throttle_does_not_hold_right_behind_an_action(sleep_s: int, windows: int) -> None:
    async with account() as ct:
        names = [f"p{n}" for n in range(150)]
        await with_people(ct, *names)
        ct.fake.add_campaign(SmsCampaign(name="m", text="Hi", limits=CampaignLimits(throttle=101)))
        nodes: dict[str, Node] = {
            "entry": Action(event="Signed Up", paths={"yes": to("m", seconds=sleep_s)}),
            "m": Message(campaign="m"),
        }
        ct.fake.dashboard.add_journey(Journey(name="j", nodes=nodes))

        await ct.upload(*(event("Signed Up", identity=f"{name}@example.com") for name in names))
        await ct.settle(900)

        assert len({at // 300 for *_, at in got(ct)}) == windows
        assert len(got(ct)) == 150


@pytest.mark.parametrize(("hours", "text"), [(24, "Plan: pro"), (24.1, "Plan: ")])
@pytest.mark.bounds("clevertap", "14.2: at most 24 hours of delay per node")
async def test_events_values_last_over_a_day_of_sleep(hours: float, text: str) -> None:
    async with account() as ct:
        await with_people(ct, "asha")
        sms(ct, name="m", text="Plan: {{ Event.plan }}")
        nodes: dict[str, Node] = {
            "entry": Action(event="Signed Up", paths={"yes": to("m", hours=hours)}),
            "m": Message(campaign="m"),
        }
        ct.fake.dashboard.add_journey(Journey(name="j", nodes=nodes))

        await ct.upload(event("Signed Up", evtData={"plan": "pro"}))
        await ct.settle(2 * DAY)

        assert [one.text for one in ct.stage.recorder.texts] == [text]


async def test_values_of_a_are_known_on_the_yes_path_of_an_inaction() -> None:
    async with account() as ct:
        await with_people(ct, "asha")
        sms(ct, name="m", text="Still open: {{ Event.campaign_name }}")
        nodes: dict[str, Node] = {"entry": inaction(paths={"yes": to("m")}), "m": Message(campaign="m")}
        ct.fake.dashboard.add_journey(Journey(name="j", nodes=nodes))

        await ct.upload(event(OPENED, evtData={"campaign_name": "march"}))
        await ct.settle(3 * HOUR)

        assert [one.text for one in ct.stage.recorder.texts] == ["Still open: march"]


# Ends


async def test_past_behaviour_goal_is_judged_at_midnight() -> None:
    async with account() as ct:
        await with_people(ct, "asha")
        ct.fake.dashboard.add_segment(Segment(name="pros", rules=(Where("Plan", "pro"),)))
        goals = (Goal(name="pro", segment="pros"),)
        ct.fake.dashboard.add_journey(
            Journey(name="j", nodes={"entry": inaction(paths={}, within=timedelta(days=5))}, goals=goals)
        )

        await ct.upload(event(OPENED), person(Plan="pro"))
        assert left(ct) == []
        await ct.settle(DAY)

        [fact] = ct.facts("journey_left")
        assert fact.details == {"journey": "j", "reason": "goal", "goal": "pro"}
        assert round(fact.at.timestamp() - NOW_TS) == 20 * HOUR + 1800


async def test_goal_that_was_reached_before_entering_is_none() -> None:
    async with account() as ct:
        await with_people(ct, "asha")
        goals = (Goal(name="paid", event="Paid", where=(Where("kind", "big"),)),)
        ct.fake.dashboard.add_journey(Journey(name="j", nodes={"entry": inaction(paths={})}, goals=goals))

        await ct.upload(event(OPENED))
        await ct.upload(event("Paid", ts=NOW_TS - 60, evtData={"kind": "big"}))
        await ct.upload(event("Paid", evtData={"kind": "small"}))
        assert left(ct) == []
        await ct.upload(event("Paid", evtData={"kind": "big"}))

        assert left(ct) == [("asha", "goal")]


async def test_journeys_time_out_ends_it_for_everyone() -> None:
    async with account() as ct:
        await with_people(ct, "asha", "ravi")
        texts(ct, *MESSAGES)
        ct.fake.dashboard.add_journey(
            Journey(name="j", nodes={"entry": inaction(), **MESSAGES}, ends_after=timedelta(hours=1))
        )

        await ct.upload(event(OPENED))
        await ct.settle(2 * HOUR)
        await ct.upload(event(OPENED, identity="ravi@example.com"))
        await ct.settle(3 * HOUR)

        assert left(ct) == [("asha", "timeout")]
        assert got(ct) == []
        assert len(ct.facts("journey_entered")) == 1


async def test_visit_survives_a_merge_of_profiles() -> None:
    async with account() as ct:
        await ct.upload(person("old@example.com", identity="c1", Phone=PHONE))
        goals = (Goal(name="paid", event="Paid"),)
        nodes: dict[str, Node] = {
            "entry": Action(event="Seen", paths={"yes": to("silent")}),
            "silent": inaction(),
            **MESSAGES,
        }
        texts(ct, *MESSAGES)
        ct.fake.dashboard.add_journey(Journey(name="j", nodes=nodes, goals=goals))

        await ct.upload({"type": "event", "objectId": "__a1", "evtName": "Seen", "evtData": {}})
        await ct.upload({"type": "profile", "objectId": "__a1", "profileData": {"identity": "c1"}})
        await ct.upload(event("Seen", identity="c1"), event(OPENED, identity="c1"))
        await ct.upload(event(SUBMITTED, identity="c1"))
        await ct.settle()

        assert len(ct.facts("journey_entered")) == 1
        assert [(who, what) for who, what, _ in got(ct)] == [("old", "thank")]


# Refusals


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Journey(name="j", nodes={}), "no node"),
        (lambda: Journey(name="j", nodes={"m": Message(campaign="x")}), "wanted a segment node"),
        (
            lambda: Journey(name="j", nodes={"e": Action(event="x", paths={"no": to("e")})}),
            "wanted one of yes",
        ),
        (lambda: Journey(name="j", nodes={"e": Action(event="x", paths={"yes": to("m")})}), "there are e"),
        (lambda: Journey(name="j", nodes={"e": Action(event="x", paths={"yes": to("e")})}), "e → e"),
        (
            lambda: Journey(
                name="j",
                nodes={"e": Action(event="x")},
                goals=tuple(Goal(name=str(n), event="y") for n in range(4)),
            ),
            "at most 3",
        ),
        (lambda: Goal(name="g"), "either an event or a segment"),
        (lambda: Goal(name="g", event="x", segment="y"), "either an event or a segment"),
    ],
)
def test_journey_whose_parts_do_not_fit_says_where(make: Any, words: str) -> None:
    with pytest.raises(InvalidJourney, match=words):
        make()


@pytest.mark.bounds("clevertap", "14.2: Goals: up to three", without_wire=True)
async def test_journey_is_published_only_over_what_there_is() -> None:
    async with account() as ct:
        board = ct.fake.dashboard

        def publish(name: str = "j", **nodes: Any) -> None:
            board.add_journey(Journey(name=name, nodes={"e": JourneyTrigger(), **nodes}))

        with pytest.raises(UnknownCampaign, match="'x'"):
            publish(m=Message(campaign="x"))
        with pytest.raises(UnknownSegment, match="'x'"):
            publish(p=Past(segment="x"))
        sms(ct, Did("Paid"))
        with pytest.raises(InvalidJourney, match="fires by itself"):
            publish(m=Message(campaign="nudge"))
        publish()
        with pytest.raises(InvalidJourney, match="already"):
            publish()
        with pytest.raises(UnknownJourney, match="'k'; there are j"):
            board.trigger_journey("k")
        board.add_journey(Journey(name="own", nodes={"e": Action(event="x")}))
        with pytest.raises(InvalidJourney, match="nobody can be sent in"):
            board.trigger_journey("own")


@pytest.mark.slow
async def test_thousands_of_visits_need_no_task_each_and_leave_nothing_behind() -> None:
    async with account(CleverTapSettings(upload_takes_s=0)) as ct:
        ct.fake.dashboard.add_journey(
            Journey(
                name="j",
                nodes={"entry": inaction(paths={})},
                goals=(Goal(name="done", event=SUBMITTED),),
            )
        )
        for start in range(0, 4_000, 1000):
            await ct.upload(*(event(OPENED, identity=f"p{start + n}@example.com") for n in range(1000)))
        journeys = ct.fake.dashboard.journeys
        assert (len(journeys), len(ct.fake._tasks)) == (4_000, 0)

        for start in range(0, 2_000, 1000):
            await ct.upload(*(event(SUBMITTED, identity=f"p{start + n}@example.com") for n in range(1000)))
        assert len(journeys) == 2_000
        await ct.settle(3 * HOUR)

        assert (len(journeys), journeys._waits._by_key) == (0, {})


@pytest.mark.parametrize("path", ["yes", "no"])
async def test_event_values_leave_an_inaction_node_by_yes_alone(path: str) -> None:
    async with account() as ct:
        await with_people(ct, "asha")
        sms(ct, name="say", text='{{ Event.score | default: "nothing" }}')
        waits = Inaction(
            did=OPENED,
            did_not=(SUBMITTED,),
            within=timedelta(hours=1),
            paths={"yes": to("say"), "no": to("say")},
        )
        ct.fake.dashboard.add_journey(Journey(name="j", nodes={"in": waits, "say": Message(campaign="say")}))

        await ct.upload(event(OPENED, evtData={"score": 3}))
        if path == "no":
            await ct.upload(event(SUBMITTED, evtData={"score": 9}))
        await ct.settle(HOUR + 1)

        assert [text.text for text in ct.stage.recorder.texts] == [{"yes": "3", "no": "nothing"}[path]]


@pytest.mark.parametrize("fraction", [0.0, 0.3, 0.9])
@pytest.mark.parametrize(("age_s", "enters"), [(3600, True), (3601, False), (-120, True), (-121, False)])
@pytest.mark.bounds("clevertap", "14.1: API events older than 60 minutes are ignored")
async def test_freshness_goes_by_whole_seconds_whatever_the_clock_shows(
    age_s: int, *, enters: bool, fraction: float
) -> None:
    async with account(CleverTapSettings(upload_takes_s=0)) as ct:
        await with_people(ct, "asha")
        sms(ct, name="live", text="Hi", when=Did(OPENED))
        ct.fake.dashboard.add_journey(Journey(name="j", nodes={"in": Action(event=OPENED)}))
        await ct.settle(10 + fraction)

        now_ts = int(ct.stage.now().timestamp())
        await ct.upload(event(OPENED, ts=now_ts - age_s))
        await ct.upload(event(OPENED, ts=now_ts - 7200), event(OPENED, ts=now_ts - 7201))
        await ct.settle()

        assert ct.fake.dashboard.journeys.statistics("j").entered == int(enters)
        # An hour is nothing to a live campaign, two hours are its end.
        assert len(ct.stage.recorder.texts) == 1 + int(age_s != -121)
