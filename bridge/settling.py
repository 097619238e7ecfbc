"""What becomes of a delivery after an attempt: verdicts of destinations become settlements for the store."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from bridge.destinations import Guarantee, Verdict, What
from bridge.store import Settlement, State
from bridge.texts import code_of, storable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from random import Random

    from bridge.settings import Settings
    from bridge.store import Delivery

__all__ = ["Settler", "back_off_s"]

_log: Final = logging.getLogger("bridge.delivery")
_LONGEST_REASON: Final = 300
"""Characters: parts of it are a vendor's own words."""
_NO_CAMPAIGN: Final = "No campaign Found"
"""What Mailmodo says of a campaign that is gone, with whatever status. Source: vendor notes Mailmodo 2.1."""
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


class Settler:
    """Decides for the deliveries of one destination."""

    def __init__(
        self, name: str, guarantees: Mapping[str, Guarantee], *, settings: Settings, random: Random
    ) -> None:
        self._name = name
        self._guarantees = guarantees
        self._settings = settings
        self._random = random
        self._reported_404: set[str] = set()

    def settle(
        self, deliveries: Sequence[Delivery], verdicts: Sequence[Verdict], *, now_ms: int
    ) -> list[Settlement]:
        """Carry verdicts out.

        One draw for the whole call: what was sent together is tried again together.
        """
        wait_s = back_off_s(
            deliveries[0].attempts, longest_s=self._settings.longest_wait_s, random=self._random
        )
        return [
            self._settlement(delivery, verdict, wait_s=wait_s, now_ms=now_ms)
            for delivery, verdict in zip(deliveries, verdicts, strict=True)
        ]

    def hand_back(self, deliveries: Sequence[Delivery], *, now_ms: int) -> list[Settlement]:
        """Give back what was not sent: it stays due."""
        return [Settlement(delivery=each, state=State.PENDING, due_ms=now_ms) for each in deliveries]

    def settle_unknown(self, deliveries: Sequence[Delivery], reason: str, *, now_ms: int) -> list[Settlement]:
        """Settle what may have arrived: what may be repeated is tried again, the rest is uncertain."""
        verdicts = [
            Verdict(What.UNCERTAIN if self.is_never_twice(each) else What.RETRY, reason)
            for each in deliveries
        ]
        return self.settle(deliveries, verdicts, now_ms=now_ms)

    def is_never_twice(self, delivery: Delivery) -> bool:
        """Say whether a second attempt could do a second time what a first had done."""
        return self._guarantees.get(delivery.operation) is Guarantee.NEVER_TWICE

    def asked_s(self, verdicts: Sequence[Verdict]) -> float | None:
        """Say how long the vendor asks to be left alone; it is asked again after the longest pause anyway."""
        waits = [each.wait_s for each in verdicts if each.what is What.RETRY and each.wait_s is not None]
        return min(max(waits), self._settings.longest_pause_s) if waits else None

    def _settlement(self, delivery: Delivery, verdict: Verdict, *, wait_s: float, now_ms: int) -> Settlement:
        what, reason = verdict.what, storable(verdict.reason)[:_LONGEST_REASON]
        if what is What.DELIVERED:
            return Settlement(delivery=delivery, state=State.DELIVERED, reason=reason)
        if what is What.PAUSE:
            return Settlement(delivery=delivery, state=State.PENDING, reason=reason, due_ms=now_ms)
        if what is What.UNCERTAIN and self._is_held(delivery):
            self._say("a delivery is uncertain", delivery, reason)
            return Settlement(delivery=delivery, state=State.UNCERTAIN, reason=reason)
        if what in (What.DEAD, What.HALVE):
            return self._bury(delivery, reason)
        asked_s = self.asked_s((verdict,))
        # Never sooner than the back-off: a vendor that says 0, or a moment that has passed, would be asked without pause.
        due_ms = now_ms + int(max(wait_s, asked_s or 0.0) * 1000)
        is_old = due_ms - delivery.created_ms > self._settings.age_limit_s * 1000
        is_tired = 0 < self._settings.attempt_limit <= delivery.attempts
        if is_old or is_tired:
            return self._bury(delivery, f"expired, last {reason}")
        return Settlement(delivery=delivery, state=State.PENDING, reason=reason, due_ms=due_ms)

    def _is_held(self, delivery: Delivery) -> bool:
        """Say whether an unknown end keeps a delivery as it is; a setting lets triggers be tried again.

        For a repeatable operation the end is unknown only where an answer was read and names no record: to send
        the batch again would repeat every record that was taken, each time.
        """
        return not self.is_never_twice(delivery) or self._settings.mailmodo_uncertain != "retry"

    def _bury(self, delivery: Delivery, reason: str) -> Settlement:
        """Make a delivery dead, and say so; one that its campaign's absence killed, once per campaign."""
        is_gone = reason.startswith(("http_404", "http_410")) or _NO_CAMPAIGN in reason
        if not is_gone or delivery.path not in self._reported_404:
            self._say("a delivery is dead", delivery, reason)
        if is_gone:
            self._reported_404.add(delivery.path)
        return Settlement(delivery=delivery, state=State.DEAD, reason=reason)

    def _say(self, event: str, delivery: Delivery, reason: str) -> None:
        """Log something about a delivery, whose number finds it in the store."""
        fields: dict[str, Any] = {
            "destination": self._name,
            "delivery_id": delivery.seq,
            "operation": delivery.operation,
        }
        _log.warning(event, extra=fields | ({"reason": code_of(reason)} if reason else {}))
