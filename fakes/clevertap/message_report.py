"""Handler of the message report: every campaign, of the dashboard and of the API, with its numbers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

from fakes.clevertap.campaigns import Channel
from fakes.clevertap.errors import malformed_request
from fakes.clevertap.gate import Gate, Group
from fakes.clevertap.queries import parse_range
from fakes.clevertap.rules import CameFrom, Did, DidNot, External, InSegment, OnDate, SawPage, SawPages
from fakes.clevertap.target import TargetStatus
from fakes.clevertap.wire import json_answer, parse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from aiohttp import web

    from fakes.clevertap.dashboard import Account, Dashboard
    from fakes.clevertap.named_sends import NamedSends
    from fakes.clevertap.running import RunningCampaign
    from fakes.clevertap.targets import Targets
    from fakes.kit import Call

__all__ = ["MessageReport"]

_FILTERS: Final = ("channel", "delivery", "status", "message_type", "label")
_SECONDS_PER_DAY: Final = 0.85
"""Measured: 0.7 s for one day, 26 s for thirty. Source: leanderp/clevertap-mcp."""

_CHANNELS: Final = {
    Channel.PUSH: ("push", "Push"),
    Channel.EMAIL: ("email", "Email"),
    Channel.SMS: ("sms", "SMS"),
    Channel.WEB_PUSH: ("browser", "Browser"),
    Channel.WEBHOOK: ("webhooks", "Webhooks"),
    Channel.WHATSAPP: ("whatsapp", "WhatsApp"),
}
"""By channel: what the filter calls it, and how the report shows it."""


@dataclass(frozen=True, slots=True)
class _Row:
    running: RunningCampaign
    name: str
    delivery: str
    status: str
    starts_at: datetime
    labels: tuple[str, ...] = ()

    @property
    def facets(self) -> dict[str, tuple[str, ...]]:
        """What filters look at."""
        return {
            "channel": (_CHANNELS[self.running.campaign.channel][0],),
            "delivery": (self.delivery,),
            "status": (self.status,),
            "message_type": ("single",),
            "label": self.labels,
        }

    def show(self, zone: timezone, *, is_daily: bool) -> dict[str, Any]:
        counts = self.running.statistics
        shown = {
            "message id": self.running.id,
            "message_name": self.name,
            "channel": _CHANNELS[self.running.campaign.channel][1],
            "delivery": self.delivery,
            "start_date": self.starts_at.astimezone(zone).strftime("%d %b, %Y %H:%M:%S"),
            "status": self.status,
            "message_type": "single",
            "labels": list(self.labels),
            "sent": counts.sent,
            "viewed": counts.viewed,
            "clicked": counts.clicked,
            "errors": dict(counts.errors),
        }
        conversion = self.running.campaign.conversion
        if conversion is not None:
            shown |= {"conversion_event": conversion.event, "converted": counts.converted}
            if conversion.revenue:
                shown["revenue"] = counts.revenue
        if counts.controlled:
            shown["control_group"] = {
                group: {"qualified": qualified, "converted": counts.control_converted[group]}
                for group, qualified in sorted(counts.controlled.items())
            }
        if is_daily:
            days = sorted(counts.trend.items())
            shown["daily"] = {day.replace("-", ""): {"sent": sent} for day, sent in days}
        return shown


class MessageReport:
    """Reports on whatever was sent.

    Args:
        account: Whose.
        gate: Lets calls in.
        dashboard: Gives the dashboard once there is one: handlers are bound before.
        targets: The campaigns of the API.
        sends: What was sent to named people.
    """

    def __init__(
        self,
        account: Account,
        gate: Gate,
        dashboard: Callable[[], Dashboard],
        *,
        targets: Targets,
        sends: NamedSends,
    ) -> None:
        self._account = account
        self._gate = gate
        self._dashboard = dashboard
        self._targets = targets
        self._sends = sends

    def handlers(self) -> Mapping[str, Callable[[Call], Awaitable[web.Response]]]:
        """Bind the contract's operations."""
        return {"getMessageReport": self._report}

    async def _report(self, call: Call) -> web.Response:
        with self._gate.enter(call, Group.QUERIES):
            settings = self._account.settings
            await asyncio.sleep(settings.query_takes_s)
            body = parse(call.content)
            if not isinstance(body, dict):
                raise malformed_request()
            zone = timezone(settings.utc_offset)
            first, last = parse_range(body.get("from"), body.get("to"), zone)
            wanted = {key: _texts(body[key]) for key in _FILTERS if key in body}
            is_daily = body.get("daily", False)
            if not isinstance(is_daily, bool):
                raise malformed_request()
            if settings.slow_message_report:
                await asyncio.sleep(((last - first).days + 1) * _SECONDS_PER_DAY)
        found = [
            row.show(zone, is_daily=is_daily)
            for row in self._rows()
            if first <= row.starts_at < last + timedelta(days=1)
            and all(set(values) & set(row.facets[key]) for key, values in wanted.items())
        ]
        return json_answer({"status": "success", "total_results": len(found), "messages": found})

    def _rows(self) -> Iterator[_Row]:
        """Go through all that sends, the oldest campaign first."""
        for running in self._dashboard().campaigns:
            if running.published_at is not None:
                delivery, status = _dashboard_kind(running)
                yield _Row(running, running.campaign.name, delivery, status, running.published_at)
        for target in self._targets.all:
            schedule, status = target.schedule, target.status
            several = "multiple_dates" if schedule.later else "one_time"
            if status is not TargetStatus.DRAFT:
                yield _Row(
                    target.running,
                    target.name,
                    "recurring" if schedule.is_recurring else several,
                    status.value,
                    schedule.first,
                    target.labels,
                )
        for running in self._sends.sent:
            if running.published_at is not None:
                yield _Row(running, running.campaign.name, "api", _settled(running), running.published_at)


_DELIVERIES: Final[Mapping[type, str]] = {
    Did: "action",
    SawPage: "action",
    CameFrom: "action",
    SawPages: "action",
    DidNot: "inaction",
    OnDate: "property_time",
    External: "api",
}
"""How live campaigns are delivered, by what sets them off."""


def _dashboard_kind(running: RunningCampaign) -> tuple[str, str]:
    """Say how a campaign of the dashboard is delivered, and where it is in its life."""
    rule = running.campaign.when
    live = _DELIVERIES.get(type(rule))
    if live is None and isinstance(rule, InSegment) and rule.every is not None:
        live = "recurring"
    if running.is_stopped:
        return live or "one_time", TargetStatus.STOPPED.value
    if live is not None:
        return live, TargetStatus.RUNNING.value
    if not running.statistics.qualified:
        return "one_time", TargetStatus.SCHEDULED.value
    return "one_time", _settled(running)


def _settled(running: RunningCampaign) -> str:
    return (TargetStatus.COMPLETED if running.statistics.is_settled else TargetStatus.RUNNING).value


def _texts(values: Any) -> list[str]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise malformed_request()
    return values
