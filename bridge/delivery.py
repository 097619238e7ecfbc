"""Hands deliveries over: one dispatcher per destination claims, sends and settles.

A dispatcher sleeps until it is woken: by ingest, by the end of a call, or by one timer set to the next moment at
which something is due. It never polls, so that a bridge with nothing to do has nothing pending.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bridge.destinations import Failed, Guarantee, Verdict, What
from bridge.engagement import unix_ms
from bridge.errors import StoreUnavailable
from bridge.store import Settlement, State

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from random import Random

    from bridge.destinations import Destination
    from bridge.sending import Sender
    from bridge.settings import Settings
    from bridge.store import Delivery, Store
    from bridge.telemetry import Telemetry

__all__ = ["Dispatcher", "back_off_s"]

_log: Final = logging.getLogger("bridge.delivery")
_FIRST_PROBE_S: Final = 30.0
_STORE_RETRY_S: Final = 1.0
_DOUBLINGS: Final = 30
"""More would change nothing: the wait is capped long before."""


def back_off_s(failures: int, *, longest_s: float, random: Random) -> float:
    """Draw the wait before the next attempt, between 0 and 1 s doubled at every failure.

    Args:
        failures: Attempts already failed, 1 after the first.
        longest_s: Cap of the range.
        random: Where chance comes from.
    """
    return random.uniform(0.0, min(longest_s, float(2 ** min(failures - 1, _DOUBLINGS))))


@dataclass(slots=True)
class _Pause:
    """Until when a destination is left alone, and why.

    Attributes:
        probes: How often credentials were refused in a row; 0 when the vendor only asked for time.
    """

    until_ms: int = 0
    reason: str = ""
    probes: int = 0


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
        self._store = store
        self._sender = sender
        self._settings = settings
        self._now = now
        self._random = random
        self._wake = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._in_flight: set[asyncio.Task[None]] = set()
        self._pause = _Pause()
        self._tokens = max(1.0, destination.limits.rate_per_s)
        self._tokens_ms = 0
        self._is_stopping = False
        self._run_task: asyncio.Task[None] | None = None
        self._reported_404: set[str] = set()

    @property
    def name(self) -> str:
        """The destination's name."""
        return self._destination.name

    @property
    def pause_reason(self) -> str:
        """Why the destination is left alone at the moment; empty when it is not."""
        return self._pause.reason if self._pause.probes or self._pause.until_ms > self._now_ms() else ""

    def start(self) -> None:
        """Begin with whatever is due."""
        self._run_task = asyncio.get_running_loop().create_task(
            self._run(), name=f"bridge: deliver to {self.name}"
        )
        self.wake()

    def wake(self) -> None:
        """Look for due deliveries soon."""
        self._wake.set()

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
        linger_s = self._destination.limits.linger_s
        while True:
            await self._wake.wait()
            self._disarm()
            if linger_s and not self._pause.probes and not self._is_stopping:
                await asyncio.sleep(linger_s)
            # Cleared after the linger: whoever woke us meanwhile is served by this round.
            self._wake.clear()
            if self._is_stopping:
                return
            try:
                await self._fill()
                await self._arm()
            except StoreUnavailable as error:
                self._say(logging.ERROR, "the store is not available", reason=str(error))
                self._timer = asyncio.get_running_loop().call_later(_STORE_RETRY_S, self.wake)

    async def _fill(self) -> None:
        """Claim and send until every slot is taken or nothing is due."""
        limits = self._destination.limits
        while not self._is_stopping:
            slots = self._free_slots()
            if slots == 0:
                return
            limit = slots if limits.records == 1 else limits.records
            if self._pause.probes:
                limit = 1
            claimed = await self._store.claim(
                self.name, limit, now_ms=self._now_ms(), lease_ms=int(self._settings.lease_s * 1000)
            )
            if not claimed:
                return
            if limits.records == 1:
                self._spend(len(claimed))
                for delivery in claimed:
                    self._spawn([(delivery,)])
            else:
                self._spend(1)
                self._spawn(self._split(claimed))

    def _free_slots(self) -> int:
        """Say how many calls may start now: none in a pause, one as a probe, else what limits leave."""
        if self._pause.until_ms > self._now_ms():
            return 0
        slots = self._destination.limits.concurrency - len(self._in_flight)
        if self._pause.probes:
            return 0 if self._in_flight else 1
        return max(0, min(slots, self._whole_tokens()))

    def _whole_tokens(self) -> int:
        """Fill the bucket of calls per second and say how many are in it."""
        rate = self._destination.limits.rate_per_s
        if rate <= 0:
            return self._destination.limits.concurrency
        now_ms = self._now_ms()
        self._tokens = min(max(1.0, rate), self._tokens + (now_ms - self._tokens_ms) * rate / 1000)
        self._tokens_ms = now_ms
        return int(self._tokens)

    def _spend(self, calls: int) -> None:
        if self._destination.limits.rate_per_s > 0:
            self._tokens -= calls

    def _split(self, claimed: Sequence[Delivery]) -> list[tuple[Delivery, ...]]:
        """Split claimed records into calls that keep the vendor's size limit."""
        groups: list[tuple[Delivery, ...]] = []
        group: list[Delivery] = []
        size = 0
        for delivery in claimed:
            if group and size + len(delivery.body) > self._destination.limits.record_bytes:
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
        waiting = list(groups)
        try:
            while waiting:
                if self._pause.until_ms > self._now_ms():
                    break  # the call before this one was told to stop
                await self._hand_over(waiting[0])
                del waiting[0]
            if waiting:
                await self._settle_alike([each for group in waiting for each in group], What.PAUSE)
        except asyncio.CancelledError:
            # Cut off by a stop that could not wait: the group that was on its way may have arrived.
            await self._settle_unknown(waiting[0] if waiting else (), "stopped in flight")
            await self._settle_alike([each for group in waiting[1:] for each in group], What.PAUSE)
            raise

    async def _hand_over(self, deliveries: Sequence[Delivery]) -> None:
        """Make one call and settle every record; a batch refused as a whole is halved."""
        if any(self._is_never_twice(each) for each in deliveries):
            # Committed before the first byte leaves; what has passed to somebody else meanwhile is not sent.
            deliveries = await self._store.start(
                deliveries, now_ms=self._now_ms(), lease_ms=int(self._settings.lease_s * 1000)
            )
            if not deliveries:
                return
        with self._telemetry.call(self.name, deliveries) as seen:
            end = await self._sender.send(self._destination.call(deliveries))
            seen.ended(end)
            try:
                verdicts = self._destination.judge(deliveries, end)
            except Exception:  # noqa: BLE001 - a judge that fails must not lose what was sent: the answer counts as none
                _log.exception("an answer could not be judged", extra={"destination": self.name})
                await self._settle_unknown(deliveries, "answer could not be judged")
                return
            seen.judged(verdicts)
        if verdicts[0].what is What.HALVE and len(deliveries) > 1:
            middle = len(deliveries) // 2
            await self._hand_over(deliveries[:middle])
            await self._hand_over(deliveries[middle:])
            return
        if not isinstance(end, Failed) and any(each.what is not What.PAUSE for each in verdicts):
            self._resume()
        await self._settle(deliveries, verdicts)

    async def _settle(self, deliveries: Sequence[Delivery], verdicts: Sequence[Verdict]) -> None:
        # One draw for the whole call: what was sent together is tried again together.
        wait_s = back_off_s(
            deliveries[0].attempts, longest_s=self._settings.longest_wait_s, random=self._random
        )
        settlements = [
            self._settlement(delivery, verdict, wait_s)
            for delivery, verdict in zip(deliveries, verdicts, strict=True)
        ]
        refused = next((each for each in verdicts if each.what is What.PAUSE), None)
        if refused is not None:
            self._pause_for_credentials(refused.reason)
        await self._store.settle(settlements, now_ms=self._now_ms())

    async def _settle_alike(self, deliveries: Sequence[Delivery], what: What, reason: str = "") -> None:
        """Settle without an answer; `PAUSE` hands back what was not sent."""
        if deliveries:
            settlements = [self._settlement(each, Verdict(what, reason), 0.0) for each in deliveries]
            await self._store.settle(settlements, now_ms=self._now_ms())

    async def _settle_unknown(self, deliveries: Sequence[Delivery], reason: str) -> None:
        """Settle what may have arrived: what may be repeated is tried again, the rest is uncertain."""
        verdicts = [
            Verdict(What.UNCERTAIN if self._is_never_twice(each) else What.RETRY, reason)
            for each in deliveries
        ]
        if deliveries:
            await self._settle(deliveries, verdicts)

    def _settlement(self, delivery: Delivery, verdict: Verdict, wait_s: float) -> Settlement:
        what = verdict.what
        if what is What.DELIVERED:
            return Settlement(delivery=delivery, state=State.DELIVERED, reason=verdict.reason)
        if what is What.PAUSE:
            return Settlement(
                delivery=delivery, state=State.PENDING, reason=verdict.reason, due_ms=self._now_ms()
            )
        if what is What.UNCERTAIN and self._is_held(delivery):
            self._say(logging.WARNING, "a delivery is uncertain", delivery, reason=verdict.reason)
            return Settlement(delivery=delivery, state=State.UNCERTAIN, reason=verdict.reason)
        if what in (What.DEAD, What.HALVE):
            self._report_dead(delivery, verdict.reason)
            return Settlement(delivery=delivery, state=State.DEAD, reason=verdict.reason)
        if verdict.wait_s is not None:
            wait_s = verdict.wait_s
            self._pause_as_asked(wait_s, verdict.reason)
        due_ms = self._now_ms() + int(wait_s * 1000)
        if due_ms - delivery.created_ms > self._settings.age_limit_s * 1000:
            reason = f"expired, last {verdict.reason}"
            self._report_dead(delivery, reason)
            return Settlement(delivery=delivery, state=State.DEAD, reason=reason)
        return Settlement(delivery=delivery, state=State.PENDING, reason=verdict.reason, due_ms=due_ms)

    def _is_held(self, delivery: Delivery) -> bool:
        """Say whether an unknown end keeps a delivery for a person; a setting lets triggers be tried again.

        For a repeatable operation the end is unknown only where an answer was read and names no record: to send
        the batch again would repeat every record that was taken, each time.
        """
        if self._is_never_twice(delivery):
            return self._settings.mailmodo_uncertain == "hold"
        return True

    def _is_never_twice(self, delivery: Delivery) -> bool:
        return self._destination.guarantees.get(delivery.operation) is Guarantee.NEVER_TWICE

    def _report_dead(self, delivery: Delivery, reason: str) -> None:
        """Log a dead delivery; one that its campaign's absence killed, once per campaign."""
        if reason.startswith(("http_404", "http_410")):
            if delivery.path in self._reported_404:
                return
            self._reported_404.add(delivery.path)
        self._say(logging.WARNING, "a delivery is dead", delivery, reason=reason)

    def _say(self, level: int, event: str, delivery: Delivery | None = None, *, reason: str = "") -> None:
        """Log something about the destination or one of its deliveries, whose number finds it in the store."""
        fields: dict[str, Any] = {"destination": self.name}
        if delivery is not None:
            fields |= {"delivery_id": delivery.seq, "operation": delivery.operation}
        _log.log(level, event, extra=fields | ({"reason": reason} if reason else {}))

    def _pause_for_credentials(self, reason: str) -> None:
        """Leave the destination alone until a probe passes: refused credentials are no fault of the event."""
        if not self._pause.probes:
            self._say(logging.ERROR, "a destination is paused; check its credentials", reason=reason)
            self._telemetry.paused(self.name, "credentials")
        wait_s = min(self._settings.longest_wait_s, _FIRST_PROBE_S * 2 ** min(self._pause.probes, _DOUBLINGS))
        self._pause = _Pause(self._now_ms() + int(wait_s * 1000), reason, self._pause.probes + 1)

    def _pause_as_asked(self, wait_s: float, reason: str) -> None:
        until_ms = self._now_ms() + int(wait_s * 1000)
        if until_ms > self._pause.until_ms:
            self._telemetry.paused(self.name, "asked")
            self._pause = _Pause(until_ms, reason, self._pause.probes)

    def _resume(self) -> None:
        """End a pause after a call that was let in."""
        if self._pause.probes:
            self._say(logging.INFO, "a destination takes deliveries again")
            self._pause = _Pause()

    async def _arm(self) -> None:
        """Set the one timer to the next moment at which something can be done; none when a call's end will wake us."""
        if self._is_stopping or len(self._in_flight) >= self._destination.limits.concurrency:
            return
        due_ms = await self._store.next_due_ms(self.name)
        if due_ms is None:
            return
        now_ms = self._now_ms()
        due_ms = max(due_ms, self._pause.until_ms)
        rate = self._destination.limits.rate_per_s
        if rate > 0 and self._tokens < 1:
            due_ms = max(due_ms, now_ms + int((1 - self._tokens) * 1000 / rate) + 1)
        # At least a millisecond: instants are whole milliseconds, and a timer that fires early would spin.
        wait_s = max(due_ms - now_ms, 1) / 1000
        self._timer = asyncio.get_running_loop().call_later(wait_s, self.wake)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _now_ms(self) -> int:
        return unix_ms(self._now())
