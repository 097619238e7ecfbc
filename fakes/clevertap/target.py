"""A campaign that was made by API: what it is, and where it is in its life."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from fakes.clevertap.timers import Timers

if TYPE_CHECKING:
    from datetime import datetime

    from fakes.clevertap.running import RunningCampaign
    from fakes.clevertap.schedules import Schedule

__all__ = ["Target", "TargetStatus"]


class TargetStatus(StrEnum):
    """Where a campaign is in its life."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    RUNNING = "running"
    STOPPED = "stopped"
    COMPLETED = "completed"


@dataclass(slots=True, eq=False)
class Target:
    """A campaign that was made by API.

    Attributes:
        running: What sends it.
        name: As the call named it.
        mode: Its `target_mode`.
        schedule: When it runs.
        made_at: When the call came.
        where: The query of whom it is for; None when a segment says so.
        segment: Name of the segment; None for everybody.
        devices: On which platforms, for a push; empty for any.
        is_draft: Whether it only lies there.
        labels: As given.
        next_at: When it runs next; None when it does not.
        runs: How often it has run.
        timers: Of the next run, and of runs under way.
    """

    running: RunningCampaign
    name: str
    mode: str
    schedule: Schedule
    made_at: datetime
    where: Any = None
    segment: str | None = None
    devices: tuple[str, ...] = ()
    is_draft: bool = False
    labels: tuple[str, ...] = ()
    next_at: datetime | None = None
    runs: int = 0
    timers: Timers = field(default_factory=Timers)

    @property
    def status(self) -> TargetStatus:
        """Where it is in its life: completed when everybody who qualified got it, or did not."""
        if self.is_draft:
            return TargetStatus.DRAFT
        if self.running.is_stopped:
            return TargetStatus.STOPPED
        if not self.runs:
            return TargetStatus.SCHEDULED
        is_under_way = self.next_at is not None or len(self.timers) > 0
        is_done = not is_under_way and self.running.statistics.is_settled
        return TargetStatus.COMPLETED if is_done else TargetStatus.RUNNING
