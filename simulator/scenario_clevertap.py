"""The CleverTap account of a scenario: campaigns, segments, journeys and limits, built and checked."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from fakes.clevertap import CampaignLimits, ChannelLimits
from simulator.clevertap_specs import (
    CampaignSpec,
    ChannelLimitsSpec,
    LimitsSpec,
    SegmentSpec,
    When,
)
from simulator.problems import did_you_mean
from simulator.scenario_comparison import ComparisonBuilder
from simulator.scenario_nodes import build_journeys

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from simulator.clevertap_specs import ControlGroupSpec, JourneySpec
    from simulator.problem_collector import Path, ProblemCollector
    from simulator.scenario import TriggeredCampaignSpec

__all__ = ["CleverTapBuilder", "utc_offset_s"]

_OFFSET: Final = re.compile(r"([+-])(\d{2}):(\d{2})")


class CleverTapBuilder:
    """Builds what stands under `accounts.clevertap`.

    Args:
        data: What stands there.
        triggered: Mailmodo's campaigns, which webhook campaigns call.
        collector: Told what is wrong.
    """

    def __init__(
        self,
        data: Mapping[str, Any],
        triggered: Sequence[TriggeredCampaignSpec],
        collector: ProblemCollector,
    ) -> None:
        self._data = data
        self._triggered = triggered
        self._collector = collector
        self._at: Path = ("accounts", "clevertap")
        groups = data.get("control_groups") or ()
        self.comparison = ComparisonBuilder((*self._at, "control_groups"), groups, collector)

    def control_groups(self) -> tuple[ControlGroupSpec, ...]:
        """Build the control groups of everybody."""
        return self.comparison.groups()

    def segments(self) -> tuple[SegmentSpec, ...]:
        """Build the segments."""
        items = self._data.get("segments") or ()
        at = (*self._at, "segments")
        self._collector.unique(at, [item["name"] for item in items])
        return tuple(self._segment((*at, index), item) for index, item in enumerate(items))

    def campaigns(self) -> tuple[CampaignSpec, ...]:
        """Build the campaigns."""
        items = self._data.get("campaigns") or ()
        at = (*self._at, "campaigns")
        self._collector.unique(at, [item["name"] for item in items])
        return tuple(self._campaign((*at, index), item) for index, item in enumerate(items))

    def journeys(self, campaigns: Sequence[CampaignSpec]) -> tuple[JourneySpec, ...]:
        """Build the journeys over the campaigns there are."""
        return build_journeys(
            (*self._at, "journeys"), self._data.get("journeys") or (), self, campaigns, self._collector
        )

    def limits(self) -> Mapping[str, ChannelLimitsSpec]:
        """Build the limits of channels."""
        return {
            channel: self._channel_limits((*self._at, "limits", channel), item)
            for channel, item in (self._data.get("limits") or {}).items()
        }

    def when(self, path: Path, data: Mapping[str, Any]) -> When:
        """Build what a campaign fires on, or a segment node waits for."""
        after = data.get("after", "")
        self._check_after((*path, "after"), after)
        segment = data.get("segment", "")
        if segment:
            self.known_segment((*path, "segment"), segment)
        self._check_run(path, data)
        before_s = self._collector.duration((*path, "before"), data.get("before"))
        later_s = self._collector.duration((*path, "later"), data.get("later"))
        if before_s and later_s:
            self._collector.note((*path, "later"), "`before` and `later` contradict each other", "keep one")
        did_not = data.get("did_not", ())
        within_s = self._collector.duration((*path, "within"), data.get("within"))
        if did_not and data.get("within") and within_s == 0:
            problem = f"found `{data['within']}`, wanted time in which it may still be done"
            self._collector.note((*path, "within"), problem, "write how long, such as `2 days`")
        return When(
            did=data.get("did", ""),
            did_not=(did_not,) if isinstance(did_not, str) else tuple(did_not),
            within_s=within_s,
            after=after,
            constant=data.get("constant", ""),
            where=dict(data.get("where") or {}),
            delay_s=self._collector.duration((*path, "delay"), data.get("delay")),
            segment=segment,
            at_s=self._run_at((*path, "at"), data["at"]) if "at" in data else None,
            every_s=self._collector.duration((*path, "every"), data.get("every")),
            in_local_time=data.get("in_local_time", False),
            catches_up=data.get("catches_up", True),
            date=data.get("date", ""),
            of=data.get("of", ""),
            offset_s=later_s - before_s,
            is_external=data.get("external", False),
        )

    def known_segment(self, path: Path, name: str) -> None:
        """Note a segment that there is not."""
        names = [item["name"] for item in self._data.get("segments") or ()]
        self._collector.known(
            path, name, among=names, what="a segment", add_under="accounts.clevertap.segments"
        )

    def _run_at(self, path: Path, text: str) -> float:
        problems = len(self._collector.problems)
        at_s = self._collector.duration(path, text)
        if not at_s and len(self._collector.problems) == problems:
            problem = f"found `{text}`, when nobody is known yet; wanted a time after the start"
            self._collector.note(path, problem, "such as `1 h`")
        return at_s

    def _check_run(self, path: Path, data: Mapping[str, Any]) -> None:
        """Find words of a run that there is not."""
        for word, needed, hint in (
            (
                "at",
                "segment",
                "it says when everybody in a `segment` is reached; drop it, or add the segment",
            ),
            ("every", "at", "add when it runs first, `at: 1 day`"),
            ("in_local_time", "at", "add when it runs by the account's clock, `at: 1 day`"),
            ("catches_up", "in_local_time", "add `in_local_time: true`, or drop it"),
        ):
            if data.get(word) is not None and needed not in data:
                self._collector.note((*path, word), f"says nothing without `{needed}`", hint)

    def _segment(self, path: Path, item: Mapping[str, Any]) -> SegmentSpec:
        did, did_not = item.get("did", ()), item.get("did_not", ())
        if "at_least" in item and not did:
            self._collector.note((*path, "at_least"), "counts what was `did`, and there is none", "add `did`")
        if "within" in item and not did and not did_not:
            problem = "says how far back to look for an event, and there is none"
            self._collector.note((*path, "within"), problem, "add `did` or `did_not`")
        return SegmentSpec(
            name=item["name"],
            did=(did,) if isinstance(did, str) else tuple(did),
            did_not=(did_not,) if isinstance(did_not, str) else tuple(did_not),
            within_s=self._collector.duration((*path, "within"), item.get("within")),
            at_least=item.get("at_least", 1),
            has=dict(item.get("has") or {}),
        )

    def _campaign(self, path: Path, item: Mapping[str, Any]) -> CampaignSpec:
        calls = str(item.get("calls", "")).removeprefix("mailmodo/")
        if calls:
            self._check_called((*path, "calls"), calls)
        when = item.get("when")
        return CampaignSpec(
            name=item["name"],
            channel=item["channel"],
            calls=calls,
            via=item.get("via", "bridge"),
            body=item.get("body", ""),
            text=item.get("text", ""),
            when=None if when is None else self.when((*path, "when"), when),
            title=item.get("subject") or item.get("title", ""),
            link=item.get("link", ""),
            limits=self._limits((*path, "limits"), item.get("limits") or {}),
            control=self.comparison.control((*path, "control"), item.get("control")),
            conversion=self.comparison.conversion((*path, "conversion"), item.get("conversion")),
        )

    def _check_called(self, path: Path, name: str) -> None:
        """Find a call of what there is not, or of a campaign whose activities would never come back."""
        self._collector.known(
            path,
            name,
            among=[campaign.name for campaign in self._triggered],
            what="a Mailmodo campaign",
            add_under="accounts.mailmodo.campaigns",
        )
        for campaign in self._triggered:
            if campaign.name == name and campaign.trigger_app != "CleverTap":
                self._collector.note(
                    path,
                    f"CleverTap calls `{name}`, whose `trigger_app` is {campaign.trigger_app}: what people do "
                    "with the mail would never come back to CleverTap",
                    f"add `trigger_app: CleverTap` to `{name}` under `accounts.mailmodo.campaigns`",
                )

    def _check_after(self, path: Path, after: str) -> None:
        items = self._data.get("campaigns") or ()
        webhooks = [item["name"] for item in items if item["channel"] == "webhook"]
        if after and after not in webhooks:
            # A near miss of a campaign's name is a slip; anything else is taken as an event's name.
            hint = did_you_mean(after, webhooks)
            if hint.startswith("did"):
                self._collector.note(path, f"found `{after}`, which is no webhook campaign", hint)

    def _limits(self, path: Path, data: Mapping[str, Any]) -> LimitsSpec:
        gap_s = self._collector.duration((*path, "gap"), data.get("gap"))
        self._judge((*path, "gap"), lambda: CampaignLimits(gap=_time(gap_s)))
        self._judge((*path, "throttle"), lambda: CampaignLimits(throttle=data.get("throttle")))
        self._judge((*path, "cap"), lambda: CampaignLimits(targeting_cap=data.get("cap")))
        quiet = self._quiet((*path, "quiet"), data["quiet"]) if "quiet" in data else None
        if data.get("in_local_time") and "quiet" not in data:
            problem = "says whose clock the quiet hours are of, and there are none"
            self._collector.note((*path, "in_local_time"), problem, "add `quiet: 22:00 to 07:00`, or drop it")
        return LimitsSpec(
            throttle=data.get("throttle"),
            gap_s=gap_s,
            cap=data.get("cap"),
            quiet=quiet,
            discards=data.get("discards", False),
            in_local_time=data.get("in_local_time", False),
        )

    def _channel_limits(self, path: Path, data: Mapping[str, Any]) -> ChannelLimitsSpec:
        gap_s = self._collector.duration((*path, "gap"), data.get("gap"))
        self._judge((*path, "gap"), lambda: ChannelLimits(gap=_time(gap_s)))
        self._judge((*path, "throttle"), lambda: ChannelLimits(throttle=data.get("throttle")))
        return ChannelLimitsSpec(
            throttle=data.get("throttle"),
            gap_s=gap_s,
            most=data.get("most"),
            within_s=self._collector.duration((*path, "within"), data.get("within")),
        )

    def _judge(self, path: Path, make: Callable[[], object]) -> None:
        """Let CleverTap's own rules say what it does not take."""
        try:
            make()
        except ValueError as error:
            self._collector.note(path, f"found a {error}")

    def _quiet(self, path: Path, text: str) -> tuple[int, int] | None:
        start, _, end = text.partition(" to ")
        hours = [_seconds(part) for part in (start, end)]
        if hours[0] is None or hours[1] is None or hours[0] == hours[1]:
            self._collector.note(path, f"found `{text}`, wanted hours of the day such as `22:00 to 07:00`")
            return None
        return hours[0], hours[1]


def utc_offset_s(text: str) -> int:
    """Read a time zone, `+05:30`."""
    found = _OFFSET.fullmatch(text)
    if found is None:
        return 0
    seconds = int(found[2]) * 3600 + int(found[3]) * 60
    return seconds if found[1] == "+" else -seconds


def _seconds(clock: str) -> int | None:
    hours, _, minutes = clock.strip().partition(":")
    if not (hours.isdigit() and minutes.isdigit() and int(hours) < 24 and int(minutes) < 60):
        return None
    return int(hours) * 3600 + int(minutes) * 60


def _time(seconds: float) -> timedelta | None:
    return timedelta(seconds=seconds) if seconds else None
