"""What a customer clicks together in CleverTap's dashboard, from a scenario's account."""

from __future__ import annotations

from dataclasses import replace
from datetime import time, timedelta
from typing import TYPE_CHECKING, Any

from fakes.clevertap import (
    Action,
    Behaviour,
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
    Goal,
    Inaction,
    InSegment,
    IntelliNode,
    Journey,
    JourneyTrigger,
    Link,
    Message,
    OnDate,
    OnTheDate,
    Past,
    PushCampaign,
    Segment,
    SmsCampaign,
    WebhookCampaign,
    WebPushCampaign,
    Where,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from fakes.clevertap import FakeCleverTap, Trigger
    from fakes.clevertap.campaigns import Campaign
    from fakes.clevertap.nodes import Node
    from simulator.clevertap_specs import (
        CampaignSpec,
        ChannelLimitsSpec,
        ControlGroupSpec,
        ControlSpec,
        ConversionSpec,
        JourneySpec,
        LimitsSpec,
        NodeSpec,
        SegmentSpec,
        When,
    )

__all__ = ["campaign_of", "journey_of", "set_up_control_groups", "set_up_segments"]


def set_up_control_groups(fake: FakeCleverTap, groups: Iterable[ControlGroupSpec]) -> None:
    """Make an account's control groups of everybody."""
    for spec in groups:
        fake.dashboard.control_groups.make(spec.percent, spec.name)


def set_up_segments(
    fake: FakeCleverTap, segments: tuple[SegmentSpec, ...], limits: Mapping[str, ChannelLimitsSpec]
) -> None:
    """Make an account's segments, and set the limits of its channels."""
    for spec in segments:
        fake.dashboard.add_segment(_segment(spec))
    for channel, limit in limits.items():
        cadences = () if limit.most is None else (Cadence(limit.most, _time(limit.within_s)),)
        fake.dashboard.limit_channel(
            channel, ChannelLimits(throttle=limit.throttle, gap=_time_or_none(limit.gap_s), cadences=cadences)
        )


def campaign_of(spec: CampaignSpec, *, starts: datetime) -> Campaign:
    """Make a campaign; that of a webhook calls the template of its own name.

    Args:
        spec: What the scenario says.
        starts: When the scenario does, which its times count from.
    """
    about: Any = {
        "name": spec.name,
        "when": _trigger(spec.when, starts),
        "limits": _limits(spec.limits),
        "control": _control(spec.control),
        "conversion": None if spec.conversion is None else _conversion(spec.conversion),
    }
    match spec.channel:
        case "webhook":
            return WebhookCampaign(webhook=spec.name, body=spec.body, **about)
        case "sms":
            return SmsCampaign(text=spec.text, **about)
        case "email":
            return EmailCampaign(subject=spec.title, text=spec.text, **about)
        case "webpush":
            return WebPushCampaign(title=spec.title, text=spec.text, link=spec.link, **about)
    return PushCampaign(title=spec.title, text=spec.text, link=spec.link, **about)


def journey_of(spec: JourneySpec) -> Journey:
    """Make a journey."""
    goals = (
        *(Goal(name=event, event=event) for event in spec.goals),
        *(Goal(name=segment, segment=segment) for segment in spec.goal_segments),
    )
    return Journey(
        name=spec.name,
        nodes={node.name: _node(node) for node in spec.nodes},
        goals=goals,
        re_entry=spec.re_entry,
        ends_after=_time_or_none(spec.ends_after_s),
        in_local_time=spec.in_local_time,
        control=_control(spec.control),
    )


def _node(spec: NodeSpec) -> Node:
    paths = {path: Link(link.to, _time(link.after_s)) for path, link in spec.then.items()}
    if spec.send:
        message = Message(campaign=spec.send, in_account_time=spec.in_account_time, paths=paths)
        return replace(message, listens_for=_time(spec.listens_for_s)) if spec.listens_for_s else message
    if spec.sets:
        return ChangeProfile(properties=spec.sets, paths=paths)
    if spec.splits:
        return IntelliNode(shares=spec.splits, paths=paths)
    if spec.is_exit:
        return Exit()
    when = spec.when
    if when is None:
        return JourneyTrigger(paths=paths)
    gives_up_after = _time_or_none(spec.gives_up_after_s)
    if when.did_not:
        return Inaction(
            did=when.did,
            did_not=when.did_not,
            within=_time(when.within_s),
            constant=when.constant,
            where=_where(when.where),
            gives_up_after=gives_up_after,
            paths=paths,
        )
    if when.did:
        return Action(event=when.did, where=_where(when.where), gives_up_after=gives_up_after, paths=paths)
    if when.segment:
        return Past(segment=when.segment, gives_up_after=gives_up_after, paths=paths)
    return OnTheDate(property=when.date, offset=_time(when.offset_s), paths=paths)


def _trigger(when: When | None, starts: datetime) -> Trigger | None:
    if when is None:
        return None
    where, delay = _where(when.where), _time(when.delay_s)
    if when.did:
        return Did(when.did, where, delay)
    if when.did_not:
        [event] = when.did_not
        return DidNot(event, _time(when.within_s), when.after, when.constant, where, delay)
    if when.segment:
        at = None if when.at_s is None else starts + _time(when.at_s)
        return InSegment(
            when.segment,
            at=at,
            every=_time_or_none(when.every_s),
            in_local_time=when.in_local_time,
            catches_up=when.catches_up,
        )
    if when.date:
        return OnDate(when.date, _time(when.offset_s), when.of)
    return External()


def _segment(spec: SegmentSpec) -> Segment:
    within = _time_or_none(spec.within_s)
    rules: list[Behaviour | Where] = []
    if spec.did:
        rules.append(Behaviour(did_any_of=spec.did, within=within, at_least=spec.at_least))
    if spec.did_not:
        rules.append(Behaviour(did_any_of=spec.did_not, is_done=False, within=within))
    return Segment(name=spec.name, rules=(*rules, *_where(spec.has)))


def _limits(spec: LimitsSpec) -> CampaignLimits:
    quiet = None
    if spec.quiet is not None:
        start, end = (time(second // 3600, second % 3600 // 60) for second in spec.quiet)
        quiet = DoNotDisturb(start, end, discards=spec.discards, in_local_time=spec.in_local_time)
    return CampaignLimits(
        throttle=spec.throttle,
        gap=_time_or_none(spec.gap_s),
        targeting_cap=spec.cap,
        do_not_disturb=quiet,
    )


def _control(spec: ControlSpec) -> Control:
    return Control(system=spec.system, groups=spec.groups, share=spec.percent)


def _conversion(spec: ConversionSpec) -> Conversion:
    conversion = Conversion(event=spec.event, where=_where(spec.where), revenue=spec.revenue)
    return replace(conversion, within=_time(spec.within_s)) if spec.within_s else conversion


def _where(properties: Mapping[str, Any]) -> tuple[Where, ...]:
    return tuple(Where(name, value) for name, value in properties.items())


def _time(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def _time_or_none(seconds: float) -> timedelta | None:
    return timedelta(seconds=seconds) if seconds else None
