"""Hands deliveries over: one dispatcher per destination claims, sends and settles.

A dispatcher sleeps until it is woken: by ingest, by the end of a call, or by one timer set to the next moment at
which something is due. It never polls, so that a bridge with nothing to do has nothing pending.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Any, Final, TypeVar

from bridge.destinations import Failed, Verdict, What
from bridge.engagement import unix_ms
from bridge.errors import StoreUnavailable
from bridge.event_types import REASON as FULL
from bridge.event_types import EventTypes
from bridge.pacing import make_pacer
from bridge.pausing import Pausing
from bridge.settling import Settler

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime
    from random import Random

    from bridge.destinations import Destination
    from bridge.sending import Sender
    from bridge.settings import Settings
    from bridge.store import Delivery, Settlement, Store
    from bridge.telemetry import Telemetry

__all__ = ["Dispatcher"]

_log: Final = logging.getLogger("bridge.delivery")
_STORE_RETRY_S: Final = 1.0
T = TypeVar("T")


class Dispatcher:
    """Everything that goes to one destination goes through here."""

    def __init__(
        self,
        destination: Destination,
        *,
        store: Store,
        sender: Sender,
        settings: Settings,
        now: Callable[[], datetime],
        random: Random,
        telemetry: Telemetry,
    ) -> None:
        self._telemetry = telemetry
        self._destination = destination
        self._limits = destination.limits
        self._store = store
        self._sender = sender
        self._lease_ms = int(settings.lease_s * 1000)
        self._now = now
        self._wake = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._in_flight: set[asyncio.Task[None]] = set()
        self._pausing = Pausing(destination.name, store=store, settings=settings, telemetry=telemetry)
        self._event_types = EventTypes(destination, store=store, now=now)
        self._pacer = make_pacer(store, destination.name, destination.limits.rate_per_s)
        self._settler = Settler(destination.name, destination.guarantees, settings=settings, random=random)
        self._is_more_due = False
        self._is_stopping = False
        self._run_task: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        """The destination's name."""
        return self._destination.name

    @property
    def pause_reason(self) -> str:
        """Why the destination is left alone at the moment; empty when it is not."""
        return self._pausing.reason(self._now_ms())

    def start(self) -> None:
        """Begin with whatever is due."""
        self._run_task = asyncio.get_running_loop().create_task(
            self._run(), name=f"bridge: deliver to {self.name}"
        )
        self.wake()

    def wake(self) -> None:
        """Look for due deliveries soon."""
        self._wake.set()

    def repaused(self) -> None:
        """Read the pause again soon: another bridge has changed it."""
        self._pausing.repaused()
        self.wake()

    async def stop(self, *, grace_s: float) -> None:
        """Claim nothing more, let calls in flight end, and cut off those that take longer than the grace."""
        self._is_stopping = True
        self.wake()
        if self._run_task is not None:
            await self._run_task
        self._disarm()
        if self._in_flight:
            _done, late = await asyncio.wait(self._in_flight, timeout=grace_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _run(self) -> None:
        linger_s = self._limits.linger_s
        is_loaded = False
        while True:
            await self._wake.wait()
            self._disarm()
            if linger_s and not self._pausing.is_probing and not self._is_stopping:
                await asyncio.sleep(linger_s)
            # Cleared after the linger: whoever woke us meanwhile is served by this round.
            self._wake.clear()
            if self._is_stopping:
                return
            try:
                if not is_loaded:
                    await self._pausing.load()
                    is_loaded = True
                await self._fill()
                await self._arm()
            except StoreUnavailable as error:
                self._complain(error)
                self._wake_later()
            except Exception:  # noqa: BLE001 - a fault of one round must not end all delivery
                _log.exception("a round of deliveries failed", extra={"destination": self.name})
                self._wake_later()

    def _wake_later(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(_STORE_RETRY_S, self.wake)

    async def _fill(self) -> None:
        """Claim and send until every slot is taken or nothing is due."""
        limits = self._limits
        while not self._is_stopping:
            await self._pausing.catch_up()
            slots = self._free_slots()
            if slots == 0:
                return
            is_asked_first = self._pacer.is_shared or self._pausing.is_probe_shared
            if is_asked_first and not self._is_more_due and not await self._is_due():
                await self._pausing.look_again()
                return
            if not await self._pausing.take_probe(now_ms=self._now_ms()):
                continue
            # Turns come before claims: what is claimed has to be sent soon.
            taken = await self._pacer.take(slots if limits.records == 1 else 1)
            turns = taken.number
            if turns == 0:
                return
            limit = turns if limits.records == 1 else limits.records
            if self._pausing.is_probing:
                limit = 1
            found = await self._pausing.claim(limit, now_ms=self._now_ms(), lease_ms=self._lease_ms)
            claimed = found or ()
            self._is_more_due = len(claimed) == limit
            groups = [[(each,)] for each in claimed] if limits.records == 1 else [self._split(claimed)]
            calls = len(groups) if claimed else 0
            for group in groups[:calls]:
                self._spawn(group)
            if calls < turns:
                await self._pacer.give_back(taken, turns - calls)
            if found == ():
                await self._pausing.give_probe_back(now_ms=self._now_ms())
                return

    def _free_slots(self) -> int:
        """Say how many calls may be in flight beside those that are: none in a pause, one as a probe."""
        if self._pausing.until_ms(self._now_ms()):
            return 0
        if self._pausing.is_probing:
            return 0 if self._in_flight else 1
        return max(0, self._limits.concurrency - len(self._in_flight))

    async def _is_due(self) -> bool:
        due_ms = await self._store.next_due_ms(self.name)
        return due_ms is not None and due_ms <= self._now_ms()

    def _split(self, claimed: Sequence[Delivery]) -> list[tuple[Delivery, ...]]:
        """Split claimed records into calls that keep the vendor's size limit."""
        groups: list[tuple[Delivery, ...]] = []
        group: list[Delivery] = []
        size = 0
        for delivery in claimed:
            if group and size + len(delivery.body) > self._limits.record_bytes:
                groups.append(tuple(group))
                group, size = [], 0
            group.append(delivery)
            size += len(delivery.body) + 1
        return [*groups, tuple(group)]

    def _spawn(self, groups: Sequence[Sequence[Delivery]]) -> None:
        task = asyncio.get_running_loop().create_task(self._attempt(groups), name=f"bridge: call {self.name}")
        self._in_flight.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._in_flight.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a delivery could not be settled", extra={"destination": self.name}, exc_info=error)
        self.wake()

    async def _attempt(self, groups: Sequence[Sequence[Delivery]]) -> None:
        """Make one call after the other; halves of a refused batch come next, in its place."""
        waiting = deque(groups)
        sent: Sequence[Delivery] = ()
        try:
            sent = waiting.popleft()
            waiting.extendleft(reversed(await self._hand_over(sent)))
            while waiting:
                sent = ()
                await self._take_turn()
                if self._is_stopping or self._pausing.until_ms(self._now_ms()):
                    break  # the call before this one was told to stop
                sent = await self._renew(waiting.popleft())
                waiting.extendleft(reversed(await self._hand_over(sent)))
            await self._settle(self._settler.hand_back(_join(waiting), now_ms=self._now_ms()))
        except asyncio.CancelledError:
            # Cut off by a stop that could not wait: the group that was on its way may have arrived.
            now_ms = self._now_ms()
            unknown = self._settler.settle_unknown(sent, "stopped in flight", now_ms=now_ms) if sent else []
            await self._settle([*unknown, *self._settler.hand_back(_join(waiting), now_ms=now_ms)])
            raise

    async def _take_turn(self) -> None:
        while True:
            if (await self._persist(lambda: self._pacer.take(1))).number:
                return
            await asyncio.sleep(self._pacer.wait_s())

    async def _renew(self, deliveries: Sequence[Delivery]) -> Sequence[Delivery]:
        """Keep the claim of what had to wait for other calls; what has passed to somebody else is left to them."""
        if deliveries[0].lease_ms - self._now_ms() > self._lease_ms / 2:
            return deliveries
        return await self._start(deliveries)

    async def _hand_over(self, deliveries: Sequence[Delivery]) -> Sequence[Sequence[Delivery]]:
        """Make one call and settle every record; give the halves of a batch that was refused as a whole."""
        deliveries = await self._sort_out(deliveries)
        if any(self._settler.is_never_twice(each) for each in deliveries):
            # Committed before the first byte leaves; what has passed to somebody else meanwhile is not sent.
            deliveries = await self._start(deliveries)
        if not deliveries:
            return ()
        probes = self._pausing.probes
        with self._telemetry.call(self.name, deliveries) as seen:
            end = await self._sender.send(self._destination.call(deliveries))
            seen.ended(end)
            try:
                verdicts = self._destination.judge(deliveries, end)
            except Exception:  # noqa: BLE001 - a judge that fails must not lose what was sent: the answer counts as none
                _log.exception("an answer could not be judged", extra={"destination": self.name})
                await self._settle(
                    self._settler.settle_unknown(
                        deliveries, "answer could not be judged", now_ms=self._now_ms()
                    )
                )
                return ()
            seen.judged(verdicts)
        if verdicts[0].what is What.HALVE and len(deliveries) > 1:
            middle = len(deliveries) // 2
            return deliveries[:middle], deliveries[middle:]
        await self._pause_or_resume(verdicts, probes=probes, is_answered=not isinstance(end, Failed))
        await self._settle(self._settler.settle(deliveries, verdicts, now_ms=self._now_ms()))
        return ()

    async def _sort_out(self, deliveries: Sequence[Delivery]) -> Sequence[Delivery]:
        """Bury what would be an event type too many for the account; give the rest."""
        passed, refused = await self._persist(lambda: self._event_types.sort_out(deliveries))
        if refused:
            self._telemetry.refused_types(self.name, len(refused))
            verdicts = [Verdict(What.DEAD, FULL)] * len(refused)
            await self._settle(self._settler.settle(refused, verdicts, now_ms=self._now_ms()))
        return passed

    async def _pause_or_resume(self, verdicts: Sequence[Verdict], *, probes: int, is_answered: bool) -> None:
        now_ms = self._now_ms()
        refused = next((each for each in verdicts if each.what is What.PAUSE), None)
        asked_s = self._settler.asked_s(verdicts)
        try:
            if refused is not None:
                await self._pausing.pause_for_credentials(refused.reason, probes=probes, now_ms=now_ms)
            elif is_answered:
                await self._pausing.resume(probes=probes)
            if asked_s is not None:
                reason = next(each.reason for each in verdicts if each.wait_s is not None)
                await self._pausing.pause_as_asked(asked_s, reason, now_ms=now_ms)
        except StoreUnavailable as error:  # it holds in this process all the same
            self._complain(error)

    async def _start(self, deliveries: Sequence[Delivery]) -> Sequence[Delivery]:
        return await self._persist(
            lambda: self._store.start(deliveries, now_ms=self._now_ms(), lease_ms=self._lease_ms)
        )

    async def _settle(self, settlements: Sequence[Settlement]) -> None:
        if settlements:
            await self._persist(lambda: self._store.settle(settlements, now_ms=self._now_ms()))

    async def _persist(self, change: Callable[[], Awaitable[T]]) -> T:
        """Change the store, however long it is not available; a stop does not wait for it."""
        while True:
            try:
                return await change()
            except StoreUnavailable as error:
                if self._is_stopping:
                    raise
                self._complain(error)
            await asyncio.sleep(_STORE_RETRY_S)

    def _complain(self, error: StoreUnavailable) -> None:
        fields: dict[str, Any] = {"destination": self.name, "reason": str(error)}
        _log.error("the store is not available", extra=fields)

    async def _arm(self) -> None:
        """Set the one timer to the next moment at which something can be done; none when a call's end will wake us."""
        most = 1 if self._pausing.is_probing else self._limits.concurrency
        if self._is_stopping or len(self._in_flight) >= most:
            return
        due_ms = await self._store.next_due_ms(self.name)
        if due_ms is None:
            return
        now_ms = self._now_ms()
        wait_ms = max(due_ms, self._pausing.until_ms(now_ms)) - now_ms
        # At least a millisecond: instants are whole milliseconds, and a timer that fires early would spin.
        wait_s = max(wait_ms / 1000, self._pacer.wait_s(), 0.001)
        self._timer = asyncio.get_running_loop().call_later(wait_s, self.wake)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _now_ms(self) -> int:
        return unix_ms(self._now())


def _join(groups: Sequence[Sequence[Delivery]] | deque[Sequence[Delivery]]) -> list[Delivery]:
    return [each for group in groups for each in group]
