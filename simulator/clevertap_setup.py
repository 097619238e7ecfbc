"""What a customer clicks together in CleverTap's dashboard, from a scenario's account."""

from __future__ import annotations

from dataclasses import replace
from datetime import time, timedelta
from typing import TYPE_CHECKING

from fakes.clevertap import (
    Action,
    Behaviour,
    Cadence,
    CampaignLimits,
    ChangeProfile,
    ChannelLimits,
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
    from collections.abc import Mapping
    from typing import Any

    from fakes.clevertap import FakeCleverTap, Trigger
    from fakes.clevertap.campaigns import Campaign
    from fakes.clevertap.nodes import Node
    from simulator.clevertap_specs import (
        CampaignSpec,
        ChannelLimitsSpec,
        JourneySpec,
        LimitsSpec,
        NodeSpec,
        SegmentSpec,
        When,
    )

__all__ = ["campaign_of", "journey_of", "set_up_segments"]


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


def campaign_of(spec: CampaignSpec) -> Campaign:
    """Make a campaign; that of a webhook calls the template of its own name."""
    when, limits = _trigger(spec.when), _limits(spec.limits)
    match spec.channel:
        case "webhook":
            return WebhookCampaign(
                name=spec.name, webhook=spec.name, body=spec.body, when=when, limits=limits
            )
        case "sms":
            return SmsCampaign(name=spec.name, text=spec.text, when=when, limits=limits)
        case "email":
            return EmailCampaign(name=spec.name, subject=spec.title, text=spec.text, when=when, limits=limits)
        case "webpush":
            return WebPushCampaign(
                name=spec.name, title=spec.title, text=spec.text, link=spec.link, when=when, limits=limits
            )
    return PushCampaign(
        name=spec.name, title=spec.title, text=spec.text, link=spec.link, when=when, limits=limits
    )


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
    )


def _node(spec: NodeSpec) -> Node:
    paths = {path: Link(link.to, _time(link.after_s)) for path, link in spec.then.items()}
    if spec.send:
        message = Message(campaign=spec.send, paths=paths)
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


def _trigger(when: When | None) -> Trigger | None:
    if when is None:
        return None
    where, delay = _where(when.where), _time(when.delay_s)
    if when.did:
        return Did(when.did, where, delay)
    if when.did_not:
        [event] = when.did_not
        return DidNot(event, _time(when.within_s), when.after, when.constant, where, delay)
    if when.segment:
        return InSegment(when.segment)
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
        quiet = DoNotDisturb(start, end, discards=spec.discards)
    return CampaignLimits(
        throttle=spec.throttle,
        gap=_time_or_none(spec.gap_s),
        targeting_cap=spec.cap,
        do_not_disturb=quiet,
    )


def _where(properties: Mapping[str, Any]) -> tuple[Where, ...]:
    return tuple(Where(name, value) for name, value in properties.items())


def _time(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def _time_or_none(seconds: float) -> timedelta | None:
    return timedelta(seconds=seconds) if seconds else None
