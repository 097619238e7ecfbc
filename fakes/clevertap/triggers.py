"""Who qualifies for live campaigns: at once for what they did, later for what they did not do."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fakes.clevertap.campaigns import Did, DidNot
from fakes.clevertap.profiles import folded
from fakes.clevertap.running import Qualification
from fakes.kit import current_cause

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta

    from fakes.clevertap.profiles import Profile, StoredEvent
    from fakes.clevertap.running import RunningCampaign

__all__ = ["Triggers"]

_Key = tuple[str, int, str]


@dataclass(frozen=True, slots=True)
class _Wait:
    """One person's time in which B may still happen."""

    running: RunningCampaign
    rule: DidNot
    profile: Profile
    event: StoredEvent | None
    start_ts: int
    constant: Any


class Triggers:
    """The live campaigns, by what sets them off.

    A wait is one timer of the loop, no task; its context keeps the cause that started it.

    Args:
        qualify: Takes everybody who qualifies.
        now: The world's time.
        freshness: How old, and how far in the future, an event may be and still set something off.
    """

    def __init__(
        self,
        qualify: Callable[[Qualification], None],
        *,
        now: Callable[[], datetime],
        freshness: tuple[timedelta, timedelta],
    ) -> None:
        self._qualify = qualify
        self._now = now
        self._freshness = freshness
        self._actions: dict[str, list[tuple[RunningCampaign, Did]]] = {}
        self._inactions: dict[str, list[tuple[RunningCampaign, DidNot]]] = {}
        self._after_campaigns: dict[str, list[tuple[RunningCampaign, DidNot]]] = {}
        self._waits: dict[_Key, asyncio.TimerHandle] = {}

    def __len__(self) -> int:
        """How many people are waited for."""
        return len(self._waits)

    def add(self, running: RunningCampaign) -> None:
        """Let a campaign be set off from now on; a launched one has nothing to set it off."""
        rule = running.campaign.when
        if isinstance(rule, Did):
            self._actions.setdefault(folded(rule.event), []).append((running, rule))
        elif isinstance(rule, DidNot):
            self._inactions.setdefault(folded(rule.after), []).append((running, rule))
            self._after_campaigns.setdefault(rule.after, []).append((running, rule))

    def stop(self) -> None:
        """Forget every wait."""
        for handle in self._waits.values():
            handle.cancel()
        self._waits.clear()

    def event_stored(self, profile: Profile, event: StoredEvent) -> None:
        """Set off what an event sets off; an old one, or one from the future, nothing."""
        key = folded(event.name)
        if (key not in self._actions and key not in self._inactions) or not self._is_fresh(event):
            return
        for running, _rule in self._actions.get(key, ()):
            # A message's own system event must not send the next message.
            if event.properties.get("Campaign Id") != running.id:
                self._qualify(Qualification(running, (profile,), event, cause=current_cause.get()))
        for running, rule in self._inactions.get(key, ()):
            self._start(running, rule, profile, event=event)

    def webhook_taken(self, profile: Profile, campaign: str) -> None:
        """Set off what waits for the webhook of a campaign."""
        for running, rule in self._after_campaigns.get(campaign, ()):
            self._start(running, rule, profile, event=None)

    def _is_fresh(self, event: StoredEvent) -> bool:
        now_ts = self._now().timestamp()
        back, ahead = self._freshness
        return now_ts - back.total_seconds() <= event.ts <= now_ts + ahead.total_seconds()

    def _start(
        self, running: RunningCampaign, rule: DidNot, profile: Profile, *, event: StoredEvent | None
    ) -> None:
        constant = event.properties.get(rule.constant) if event and rule.constant else None
        key = (running.campaign.name, profile.number, repr(constant))
        if key in self._waits:
            return
        # `ts` has whole seconds: an event within the second in which the time starts belongs to it.
        now_ts = int(self._now().timestamp())
        start_ts = min(now_ts, event.ts) if event else now_ts
        wait = _Wait(running, rule, profile, event, start_ts, constant)
        loop = asyncio.get_running_loop()
        self._waits[key] = loop.call_later(rule.within.total_seconds(), self._end, key, wait)

    def _end(self, key: _Key, wait: _Wait) -> None:
        del self._waits[key]
        profile = wait.profile.current
        wanted = folded(wait.rule.event)
        end_ts = int(self._now().timestamp())
        for event in reversed(profile.events):
            if (
                wait.start_ts <= event.ts <= end_ts
                and folded(event.name) == wanted
                and (not wait.rule.constant or event.properties.get(wait.rule.constant) == wait.constant)
            ):
                return
        self._qualify(
            Qualification(
                wait.running, (profile,), wait.event, constant=wait.constant, cause=current_cause.get()
            )
        )
