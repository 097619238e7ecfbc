"""What happens to a person at each node of a journey, and on the links between them."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from fakes.clevertap.filters import all_hold
from fakes.clevertap.liquid_values import date_of
from fakes.clevertap.local_time import at_their_time
from fakes.clevertap.nodes import (
    Action,
    ChangeProfile,
    Exit,
    Inaction,
    IntelliNode,
    Listed,
    Message,
    OnTheDate,
    Past,
)
from fakes.clevertap.profiles import folded
from fakes.clevertap.running import Qualification
from fakes.clevertap.visits import Wait
from fakes.kit import current_cause

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from datetime import datetime

    from fakes.clevertap.nodes import Node
    from fakes.clevertap.profiles import Profile, StoredEvent
    from fakes.clevertap.visits import JourneyHost, Visit, Waits

__all__ = ["Stations"]

_HOUR_S: Final = 3600
_NOTHING: Final = timedelta(0)
_EVENT_LASTS: Final = timedelta(hours=24)
"""An event's values can be used in messages over links that sleep no longer than this."""


class Stations:
    """Moves people from node to node.

    Args:
        host: The account.
        waits: Everybody who waits for an event.
        leave: Takes somebody out of their journey, with a reason.
    """

    def __init__(self, host: JourneyHost, waits: Waits, leave: Callable[[Visit, str], None]) -> None:
        self._host = host
        self._now: Callable[[], datetime] = host.surroundings.now
        self._waits = waits
        self._leave = leave
        self._looking: dict[tuple[Visit, str], Past | Listed] = {}

    def is_fresh(self, event: StoredEvent) -> bool:
        """Say whether an event is young enough for a journey."""
        # In whole seconds, as the event's own time is.
        settings, now_ts = self._host.settings, int(self._now().timestamp())
        back, ahead = settings.journey_freshness_back, settings.freshness_ahead
        return now_ts - back.total_seconds() <= event.ts <= now_ts + ahead.total_seconds()

    def is_ahead(self, node: OnTheDate, profile: Profile) -> bool:
        """Say whether a person's date is still to come."""
        date = date_of(profile.properties.get(node.property))
        return date is not None and date + node.offset >= self._now()

    def begin(self, visit: Visit, event: StoredEvent | None) -> None:
        """Put somebody at the entry of their journey, whose condition they meet already."""
        name = visit.running.journey.entry
        node = visit.running.journey.nodes[name]
        visit.open += 1
        if isinstance(node, Inaction) and event is not None:
            self._watch(visit, name, node, event)
        elif isinstance(node, OnTheDate):
            self._arrive(visit, name, None, is_after_action=False)
        else:
            self._go(visit, name, "yes", event)

    def look_at_segments(self, kind: type[Past | Listed]) -> None:
        """Move on whoever waits to be in a segment and is."""
        for (visit, name), node in tuple(self._looking.items()):
            if visit.is_over:
                del self._looking[visit, name]
            elif isinstance(node, kind) and self._host.segments.contains(node.segment, visit.profile):
                del self._looking[visit, name]
                self._go(visit, name, "yes", None)

    # Links

    def _go(self, visit: Visit, name: str, path: str, event: StoredEvent | None) -> None:
        """Leave a node for good, by one of its paths."""
        self._follow(visit, name, path, event)
        self._close(visit)

    def _follow(self, visit: Visit, name: str, path: str, event: StoredEvent | None) -> None:
        """Take a path; after a message, others may still be taken."""
        if visit.is_over:
            return
        journey = visit.running.journey
        visit.running.statistics.paths[f"{name} {path}"] += 1
        subject = visit.profile.current.subject
        self._host.tell("journey_path", subject, journey=journey.name, node=name, path=path)
        node = journey.nodes[name]
        link = node.paths.get(path)
        if link is None:
            return
        visit.open += 1
        if link.after <= _NOTHING:
            self._arrive(visit, link.to, event, is_after_action=isinstance(node, Action))
            return
        kept = event if link.after <= _EVENT_LASTS else None
        visit.timers.add(link.after, partial(self._arrive, visit, link.to, kept, is_after_action=False))

    def _close(self, visit: Visit) -> None:
        visit.open -= 1
        if not visit.open and not visit.is_over:
            self._leave(visit, "end")

    # Nodes

    def _arrive(self, visit: Visit, name: str, event: StoredEvent | None, *, is_after_action: bool) -> None:
        node: Node = visit.running.journey.nodes[name]
        match node:
            case Message():
                self._send_in_time(visit, name, node, event, is_unthrottled=is_after_action)
            case Action():
                self._await_action(visit, name, node)
            case Inaction():
                self._await_first(visit, name, node)
            case Past() | Listed():
                self._look(visit, name, node)
            case OnTheDate():
                self._await_date(visit, name, node)
            case ChangeProfile():
                self._host.change_profile(visit.profile.current, dict(node.properties))
                self._go(visit, name, "next", event)
            case IntelliNode():
                paths = sorted(node.shares)
                weights = [node.shares[path] for path in paths]
                self._go(visit, name, self._host.surroundings.random.choices(paths, weights)[0], event)
            case Exit():
                self._leave(visit, "exit")
            case _:
                self._go(visit, name, "yes", event)

    def _send_in_time(
        self, visit: Visit, name: str, node: Message, event: StoredEvent | None, *, is_unthrottled: bool
    ) -> None:
        if not visit.running.journey.in_local_time or node.in_account_time:
            self._send(visit, name, node, event, is_unthrottled=is_unthrottled)
            return
        now = self._now()
        left = at_their_time(now, visit.profile.current, self._host.settings.utc_offset) - now
        # A throttle would take people away from their time. Source: user docs, `messaging-frequency-caps`.
        send = partial(self._send, visit, name, node, event, is_unthrottled=True)
        if left > _NOTHING:
            visit.timers.add(left, send)
        else:
            send()

    def _send(
        self, visit: Visit, name: str, node: Message, event: StoredEvent | None, *, is_unthrottled: bool
    ) -> None:
        taken: set[str] = set()
        awaited = {"viewed", "clicked"} & node.paths.keys()

        def outcome(_profile: Profile, path: str) -> None:
            if visit.is_over or path in taken:
                return
            taken.add(path)
            if path in ("sent", "failed", "unreachable") or path in node.paths:
                self._follow(visit, name, path, event)
            is_settled = path in ("failed", "unreachable") or (path == "sent" and not awaited)
            if is_settled or (path in awaited and awaited <= taken):
                self._finish(visit, timers)
            elif path == "sent":
                timers.append(visit.timers.add(node.listens_for, partial(self._close, visit)))

        timers: list[asyncio.TimerHandle] = []
        self._host.qualify(
            Qualification(
                self._host.running(node.campaign),
                (visit.profile.current,),
                event,
                cause=current_cause.get(),
                outcome=outcome,
                is_journey=True,
                is_unthrottled=is_unthrottled,
            )
        )

    def _finish(self, visit: Visit, timers: list[asyncio.TimerHandle]) -> None:
        for timer in timers:
            visit.timers.cancel(timer)
        self._close(visit)

    def _await_action(self, visit: Visit, name: str, node: Action) -> None:
        start_ts = int(self._now().timestamp())

        def seen(event: StoredEvent) -> None:
            if event.ts >= start_ts and self.is_fresh(event) and all_hold(node.where, event.properties):
                self._waits.remove(wait)
                self._go(visit, name, "yes", event)

        wait = Wait(visit, (folded(node.event),), seen)
        self._waits.add(wait)
        if node.gives_up_after is not None:
            due = self._next_hour(node.gives_up_after)
            wait.timer = visit.timers.add(due, partial(self._time_out, visit, name, wait))

    def _await_first(self, visit: Visit, name: str, node: Inaction) -> None:
        """Wait for A of an inaction node in the middle of a journey."""
        start_ts = int(self._now().timestamp())

        def seen(event: StoredEvent) -> None:
            if event.ts < start_ts or not all_hold(node.where, event.properties):
                return
            self._waits.remove(wait)
            if self.is_fresh(event):
                self._watch(visit, name, node, event)
            else:
                self._go(visit, name, "no", None)  # A is known too late to say what did not follow

        wait = Wait(visit, (folded(node.did),), seen)
        self._waits.add(wait)
        if node.gives_up_after is not None:
            act = partial(self._time_out, visit, name, wait)
            wait.timer = visit.timers.add(node.gives_up_after, act)

    def _watch(self, visit: Visit, name: str, node: Inaction, first: StoredEvent) -> None:
        """Wait out the time in which B may follow A."""
        now_ts = int(self._now().timestamp())
        start_ts, end_ts = min(now_ts, first.ts), now_ts + int(node.within.total_seconds())
        constant = first.properties.get(node.constant) if node.constant else None
        missing = {folded(event) for event in node.did_not}

        def note(event: StoredEvent) -> None:
            is_same = not node.constant or event.properties.get(node.constant) == constant
            if start_ts <= event.ts <= end_ts and is_same and event.number != first.number:
                missing.discard(folded(event.name))

        def seen(event: StoredEvent) -> None:
            note(event)
            if not missing:
                self._waits.remove(wait)
                # What B says can be used nowhere: only what leaves by "yes" has an event.
                self._go(visit, name, "no", None)

        def end() -> None:
            for event in visit.profile.current.events:
                if folded(event.name) in missing:
                    note(event)
            self._waits.remove(wait)
            self._go(visit, name, "yes" if missing else "no", first if missing else None)

        wait = Wait(visit, tuple(sorted(missing)), seen)
        self._waits.add(wait)
        wait.timer = visit.timers.add(node.within, end)

    def _look(self, visit: Visit, name: str, node: Past | Listed) -> None:
        if self._host.segments.contains(node.segment, visit.profile):
            self._go(visit, name, "yes", None)
            return
        self._looking[visit, name] = node
        if node.gives_up_after is not None:

            def give_up() -> None:
                if self._looking.pop((visit, name), None) is not None:
                    self._go(visit, name, "timeout", None)

            visit.timers.add(self._next_hour(node.gives_up_after), give_up)

    def _await_date(self, visit: Visit, name: str, node: OnTheDate) -> None:
        date = date_of(visit.profile.current.properties.get(node.property))
        if date is None or date + node.offset < self._now():
            self._go(visit, name, "no", None)
            return
        left = date + node.offset - self._now()
        visit.timers.add(left, partial(self._go, visit, name, "yes", None))

    def _time_out(self, visit: Visit, name: str, wait: Wait) -> None:
        self._waits.remove(wait)
        self._go(visit, name, "timeout", None)

    def _next_hour(self, after: timedelta) -> timedelta:
        """Give the time to the first full hour of the account, at which node time-outs are looked at."""
        offset_s = self._host.settings.utc_offset.total_seconds()
        due = (self._now() + after).timestamp() + offset_s
        hours = -(-due // _HOUR_S)
        return timedelta(seconds=hours * _HOUR_S - offset_s - self._now().timestamp())
