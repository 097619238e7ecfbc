"""Campaigns that are made by API, and what becomes of them: `/1/targets/*`, `/1/segments/list.json`."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta, timezone
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from fakes.clevertap.contents import MODES, prepare_content
from fakes.clevertap.control_groups import Control
from fakes.clevertap.errors import (
    incomplete_target,
    incorrect_usage,
    malformed_request,
    refused,
    too_many_requests,
)
from fakes.clevertap.local_time import LocalRun
from fakes.clevertap.queries import parse_range, read_query
from fakes.clevertap.reach import estimates, is_meant
from fakes.clevertap.schedules import read_schedule
from fakes.clevertap.target import Target, TargetStatus
from fakes.clevertap.wire import json_answer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from aiohttp import web

    from fakes.clevertap.dashboard import Account, Dashboard
    from fakes.clevertap.gate import Gate
    from fakes.clevertap.local_time import Wave
    from fakes.clevertap.profiles import Profile
    from fakes.kit import Call

__all__ = ["Targets"]

_SECOND: Final = timedelta(seconds=1)
_NOTHING: Final = timedelta(0)
_DEVICES: Final = ("android", "ios", "windows", "web", "chrome", "firefox", "safari")
_FLAGS: Final = ("estimate_only", "skip_estimate", "draft", "send_to_all_devices")
_MOST_SEGMENTS: Final = 500


class Targets:
    """The campaigns of the API.

    Args:
        account: Knows the people.
        gate: Lets calls in.
        dashboard: Gives the dashboard once there is one: handlers are bound before.
    """

    def __init__(self, account: Account, gate: Gate, dashboard: Callable[[], Dashboard]) -> None:
        self._account = account
        self._gate = gate
        self._dashboard = dashboard
        self._targets: dict[int, Target] = {}
        self._made_at: deque[datetime] = deque()

    def stop(self) -> None:
        """Forget runs to come."""
        for target in self._targets.values():
            target.timers.stop()

    def handlers(self) -> Mapping[str, Callable[[Call], Awaitable[web.Response]]]:
        """Bind the contract's operations."""
        return {
            "createTarget": self._create,
            "listTargets": self._list,
            "getTargetResult": self._result,
            "stopTarget": self._stop,
            "listSegments": self._list_segments,
        }

    @property
    def all(self) -> Sequence[Target]:
        """Every campaign, the oldest first."""
        return tuple(self._targets.values())

    @property
    def _now(self) -> datetime:
        return self._dashboard().surroundings.now()

    @property
    def _zone(self) -> timezone:
        return timezone(self._account.settings.utc_offset)

    # Making one

    async def _create(self, call: Call) -> web.Response:
        body = await self._gate.read(call)
        self._slow_down()
        flags = {key: body.get(key, False) for key in _FLAGS}
        if not all(isinstance(flag, bool) for flag in flags.values()):
            raise refused(f"{', '.join(_FLAGS)} need to be true/false")
        target = self._read(body, is_draft=flags["draft"])
        answer: dict[str, Any] = {"status": "success"}
        if not flags["estimate_only"]:
            answer["id"] = target.running.id
        if not flags["skip_estimate"]:
            answer["estimates"] = estimates(
                target.mode, self._meant(target), target.devices, to_all=flags["send_to_all_devices"]
            )
        if not flags["estimate_only"]:
            self._publish(target)
        return json_answer(answer)

    def _read(self, body: Mapping[str, Any], *, is_draft: bool) -> Target:
        """Read what a campaign is to be.

        Raises:
            CleverTapError: It is none.
        """
        name, mode = body.get("name"), body.get("target_mode", "push")
        if not isinstance(name, str) or not name.strip():
            raise refused("name is mandatory")
        mode = mode.lower() if isinstance(mode, str) else ""
        if mode not in MODES:
            raise refused("Invalid target_mode")
        devices = _texts(body, "devices")
        if not set(devices) <= set(_DEVICES):
            raise refused("Invalid devices")
        segment = self._audience(body)
        now, offset = self._now, self._account.settings.utc_offset
        schedule = read_schedule(body.get("when"), now=now, utc_offset=offset)
        labels = _texts(body, "labels")
        running = prepare_content(self._dashboard().prepare, mode, name, body=body, control=Control())
        return Target(
            running,
            name,
            mode,
            schedule,
            now,
            where=body.get("where"),
            segment=segment,
            devices=devices,
            is_draft=is_draft,
            labels=labels,
        )

    def _audience(self, body: Mapping[str, Any]) -> str | None:
        """Check whom a campaign is for, and give the name of the segment; None for everybody, or for a query."""
        if ("where" in body) is ("segment" in body):
            raise refused("One of where and segment is mandatory")
        if "segment" in body:
            return self._segment(body["segment"])
        if body["where"] is None:
            raise incorrect_usage()
        self._people(body["where"], None)  # what is wrong with it is wrong now
        return None

    def _slow_down(self) -> None:
        """Refuse more calls in a second than the page on creating campaigns allows."""
        most = self._account.settings.max_creates_per_s
        if most is None:
            return
        now = self._now
        while self._made_at and now - self._made_at[0] >= _SECOND:
            self._made_at.popleft()
        if len(self._made_at) >= most:
            raise too_many_requests()
        self._made_at.append(now)

    def _people(self, where: Any, segment: str | None) -> Sequence[Profile]:
        """Find whom a query or a segment means now."""
        state = self._account.state
        if where is not None:
            offset = self._account.settings.utc_offset
            return read_query(where, state, utc_offset=offset, now=self._now).profiles(state)
        if segment is None:
            return state.profiles
        segments = self._dashboard().segments
        return [profile for profile in state.profiles if segments.contains(segment, profile)]

    def _meant(self, target: Target) -> Sequence[Profile]:
        people = self._people(target.where, target.segment)
        return [profile for profile in people if is_meant(target.mode, profile, target.devices)]

    def _segment(self, wanted: Any) -> str | None:
        """Find a segment by its id; None for everybody."""
        if wanted == "all":
            return None
        names = self._dashboard().segments.names
        text = str(wanted) if isinstance(wanted, int | str) and not isinstance(wanted, bool) else ""
        if not text.isascii() or not text.isdigit() or len(text) > 9 or not 1 <= int(text) <= len(names):
            raise refused("Invalid segment")
        return names[int(text) - 1]

    # Its life

    def _publish(self, target: Target) -> None:
        self._targets[target.running.id] = target
        self._dashboard().tell(
            "campaign_created", "", campaign=target.name, id=target.running.id, mode=target.mode
        )
        if not target.is_draft:
            self._wait(target)

    def _wait(self, target: Target) -> None:
        target.next_at = next(islice(target.schedule.runs(), target.runs, None), None)
        if target.next_at is None:
            return
        run = self._local_run(target, target.next_at) if target.schedule.is_local else None
        left = (run.begins_at if run else target.next_at) - self._now
        if left > _NOTHING:
            target.timers.add(left, partial(self._run, target, run))
        else:
            self._run(target, run)

    def _run(self, target: Target, run: LocalRun | None) -> None:
        target.runs += 1
        if run is None:
            self._dashboard().send(target.running, self._meant(target))
        else:
            self._go_round(target, run, 0)
        self._wait(target)

    def _local_run(self, target: Target, at: datetime) -> LocalRun:
        offset = self._account.settings.utc_offset
        clock = at.astimezone(self._zone).replace(tzinfo=None)
        return LocalRun(clock, target.made_at, catches_up=True, utc_offset=offset)

    def _go_round(self, target: Target, run: LocalRun, number: int) -> None:
        """Wait for the next wave of a run that follows the sun."""
        wave = run.wave(number)
        while wave is not None and wave.until < self._now:
            number += 1
            wave = run.wave(number)
        if wave is not None:
            target.timers.add(wave.until - self._now, partial(self._reach, target, run, wave, number))

    def _reach(self, target: Target, run: LocalRun, wave: Wave, number: int) -> None:
        # Who qualifies is asked when it is time where they are.
        people = run.reached(self._account.state.profiles, wave)
        if people:
            meant = {profile.number for profile in self._meant(target)}
            people = [profile for profile in people if profile.number in meant]
            self._dashboard().send(target.running, people, is_unthrottled=True)
        self._go_round(target, run, number + 1)

    async def _stop(self, call: Call) -> web.Response:
        target = self._found(await self._gate.read(call))
        if target.status in (TargetStatus.COMPLETED, TargetStatus.STOPPED):
            raise refused(f"This target has already been {target.status}")
        target.is_draft = False
        target.running.is_stopped = True
        target.next_at = None
        target.timers.stop()
        self._dashboard().tell("campaign_stopped", "", campaign=target.name, id=target.running.id)
        return json_answer({"status": "success"})

    def _found(self, body: Mapping[str, Any]) -> Target:
        number = body.get("id")
        text = str(number) if isinstance(number, int | str) and not isinstance(number, bool) else ""
        is_number = text.isascii() and text.isdigit() and len(text) <= 18
        target = self._targets.get(int(text)) if is_number else None
        if target is None:
            raise refused("Invalid target id")
        return target

    # Reading

    async def _result(self, call: Call) -> web.Response:
        target = self._found(await self._gate.read(call))
        if target.status is not TargetStatus.COMPLETED and not target.running.is_stopped:
            raise incomplete_target()
        counts = target.running.statistics
        return json_answer({"status": "success", "result": {"sent": counts.sent, "clicked": counts.clicked}})

    async def _list(self, call: Call) -> web.Response:
        body = await self._gate.read(call)
        first, last = parse_range(body.get("from"), body.get("to"), self._zone)
        end = last + timedelta(days=1)
        listed = [
            self._entry(target.running.id, target.name, target.schedule.first, target.status)
            for target in self._targets.values()
            if first <= target.schedule.first < end
        ]
        if self._account.settings.list_dashboard_campaigns:
            listed += [
                self._entry(running.id, running.campaign.name, running.published_at, TargetStatus.RUNNING)
                for running in self._dashboard().campaigns
                if running.published_at is not None and first <= running.published_at < end
            ]
        return json_answer({"status": "success", "targets": sorted(listed, key=lambda one: int(one["id"]))})

    def _entry(self, number: int, name: str, at: datetime, status: TargetStatus) -> dict[str, Any]:
        scheduled_on = int(at.astimezone(self._zone).strftime("%Y%m%d%H%M"))
        return {"id": number, "name": name, "scheduled_on": scheduled_on, "status": status.value}

    async def _list_segments(self, call: Call) -> web.Response:
        body = await self._gate.read(call)
        page, limit = body.get("page", 1), body.get("limit", 100)
        for number, most in ((page, 10**9), (limit, _MOST_SEGMENTS)):
            if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= most:
                raise malformed_request()
        names = self._dashboard().segments.names
        start = (page - 1) * limit
        return json_answer(
            {
                "status": "success",
                "segments": [
                    {"id": start + place, "name": name}
                    for place, name in enumerate(names[start : start + limit], start=1)
                ],
                "total_count": len(names),
                "total_pages": max(1, -(-len(names) // limit)),
            }
        )


def _texts(body: Mapping[str, Any], key: str) -> tuple[str, ...]:
    values = body.get(key, [])
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise refused(f"{key} needs to be a list of texts")
    return tuple(values)
