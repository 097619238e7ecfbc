"""Campaigns for a segment that run by a schedule of the dashboard: by the account's clock, or by everybody's own."""

from __future__ import annotations

import asyncio
from datetime import timezone
from typing import TYPE_CHECKING

from fakes.clevertap.local_time import LocalRun
from fakes.clevertap.rules import InSegment
from fakes.kit import current_cause

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime, timedelta
    from typing import Protocol

    from fakes.clevertap.profiles import Profile
    from fakes.clevertap.running import RunningCampaign
    from fakes.clevertap.state import CleverTapState
    from fakes.kit import Fake

    class Members(Protocol):
        """Gives who is in the segment of a campaign now, of everybody or among some."""

        def __call__(
            self, running: RunningCampaign, among: Sequence[Profile] | None = None
        ) -> list[Profile]: ...

    class Send(Protocol):
        """Lets people qualify for a campaign now."""

        def __call__(
            self, running: RunningCampaign, people: Sequence[Profile], *, is_unthrottled: bool = False
        ) -> None: ...


__all__ = ["Runs"]


class Runs:
    """Runs what has a schedule, in the background.

    Args:
        fake: Whose background it is.
        utc_offset: The account's time zone, asked at every run.
        account: Knows everybody.
        members: Asked at every run.
        send: Told whom a run is for.
    """

    def __init__(
        self,
        fake: Fake,
        *,
        utc_offset: Callable[[], timedelta],
        account: CleverTapState,
        members: Members,
        send: Send,
    ) -> None:
        self._fake = fake
        self._utc_offset = utc_offset
        self._account = account
        self._members = members
        self._send = send

    def schedule(self, running: RunningCampaign) -> None:
        """Run a campaign by its schedule from now on; one without any is left alone."""
        rule = running.campaign.when
        if isinstance(rule, InSegment) and rule.at is not None:
            self._fake.spawn(
                self._run_by_schedule(running, rule), name=f"schedule of {running.campaign.name}"
            )

    async def _run_by_schedule(self, running: RunningCampaign, rule: InSegment) -> None:
        at = rule.at
        while at is not None:
            if rule.in_local_time:
                await self._begin_local(running, rule, at)
            elif at >= self._fake.surroundings.now():
                await self._sleep_until(at)
                current_cause.set("")
                self._send(running, self._members(running))
            at = at + rule.every if rule.every else None

    async def _begin_local(self, running: RunningCampaign, rule: InSegment, at: datetime) -> None:
        """Begin a run that takes more than a day; the next may begin before it is through."""
        clock = at.astimezone(timezone(self._utc_offset())).replace(tzinfo=None)
        since = running.published_at or self._fake.surroundings.now()
        run = LocalRun(clock, since, catches_up=rule.catches_up, utc_offset=self._utc_offset())
        await self._sleep_until(run.begins_at)
        self._fake.spawn(self._run_locally(running, run), name=f"run of {running.campaign.name}")

    async def _run_locally(self, running: RunningCampaign, run: LocalRun) -> None:
        number = 0
        while (wave := run.wave(number)) is not None:
            number += 1
            if wave.until < self._fake.surroundings.now():
                continue
            await self._sleep_until(wave.until)
            current_cause.set("")
            # Who is in the segment is asked when it is time where they are.
            if people := self._members(running, run.reached(self._account.profiles, wave)):
                # A throttle would take them away from their time. Source: user docs, `messaging-frequency-caps`.
                self._send(running, people, is_unthrottled=True)

    async def _sleep_until(self, at: datetime) -> None:
        await asyncio.sleep(max(0.0, (at - self._fake.surroundings.now()).total_seconds()))
