"""What is seen of a bridge from outside: counts, spans, and a log line for each webhook and each delivery.

Ingest and delivery report here what they do, with one object per webhook and per call; they know nothing of metrics
or traces.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final, Self

from bridge.destinations import Failed, What
from bridge.tally import Tally
from bridge.texts import code_of
from bridge.tracing import NO_SPANS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from types import TracebackType

    from bridge.destinations import Answer, Verdict
    from bridge.store import Delivery
    from bridge.tracing import Span, Spans

__all__ = ["CallSeen", "Telemetry", "WebhookSeen"]

_ingest_log: Final = logging.getLogger("bridge.ingest")
_delivery_log: Final = logging.getLogger("bridge.delivery")
_MOST_IDS: Final = 32
"""A span names so many deliveries of a batch; the log names all."""


class Telemetry:
    """Sees what a bridge does.

    Attributes:
        tally: What was counted.
    """

    def __init__(self, spans: Spans = NO_SPANS) -> None:
        self.tally = Tally()
        self._spans = spans

    def webhook(self, source: str) -> WebhookSeen:
        """Look at one webhook; to be entered when it arrives and left when it is answered."""
        return WebhookSeen(source, self.tally, self._spans.webhook(source))

    def call(self, destination: str, deliveries: Sequence[Delivery]) -> CallSeen:
        """Look at one call; to be entered before it and left when every record has a verdict."""
        return CallSeen(destination, deliveries, self.tally, self._spans.call(destination))

    def committed(self, seconds: float) -> None:
        """Count how long it took to store a webhook."""
        self.tally.commits.add(seconds)

    def refused_types(self, destination: str, number: int) -> None:
        """Count deliveries that would have been an event type too many."""
        self.tally.refused_types[destination] += number

    def paused(self, destination: str, cause: str) -> None:
        """Count that a destination is left alone.

        Args:
            destination: Which.
            cause: `credentials`, or `asked` when the vendor wants to be left alone for a while.
        """
        self.tally.pauses[destination, cause] += 1


class _Seen:
    """Something with a beginning and an end, inside a span."""

    __slots__ = ("_context", "_span", "_tally")

    def __init__(self, tally: Tally, context: AbstractContextManager[Span | None]) -> None:
        self._tally = tally
        self._context = context
        self._span: Span | None = None

    def __enter__(self) -> Self:
        self._span = self._context.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._context.__exit__(kind, error, trace)

    def _describe(self, **attributes: Any) -> None:
        if self._span is not None:
            self._span.set_attributes({f"bridge.{name}": value for name, value in attributes.items()})


class WebhookSeen(_Seen):
    """One webhook, from its arrival to its answer."""

    __slots__ = ("_source",)

    def __init__(self, source: str, tally: Tally, context: AbstractContextManager[Span | None]) -> None:
        super().__init__(tally, context)
        self._source = source

    def answered(self, verdict: str, *, stored: int = 0, known: int = 0) -> None:
        """Say how it ended: `stored`, `known`, or why it was not taken."""
        self._tally.ingest[self._source, verdict] += 1
        if known:
            self._tally.duplicates[self._source] += known
        self._describe(verdict=verdict, stored=stored, known=known)
        if _ingest_log.isEnabledFor(logging.DEBUG):
            fields = {"source": self._source, "verdict": verdict, "stored": stored, "known": known}
            _ingest_log.debug("a webhook was answered", extra=fields)


class CallSeen(_Seen):
    """One call to a destination, from its first byte to its verdicts."""

    __slots__ = ("_began_s", "_deliveries", "_destination")

    def __init__(
        self,
        destination: str,
        deliveries: Sequence[Delivery],
        tally: Tally,
        context: AbstractContextManager[Span | None],
    ) -> None:
        super().__init__(tally, context)
        self._destination = destination
        self._deliveries = deliveries
        self._began_s = asyncio.get_running_loop().time()

    def ended(self, end: Answer | Failed) -> None:
        """Say how the call ended."""
        self._tally.add_call(self._destination, asyncio.get_running_loop().time() - self._began_s)
        self._describe(
            end=end.value if isinstance(end, Failed) else str(end.status),
            records=len(self._deliveries),
            operation=self._deliveries[0].operation,
            delivery_ids=[each.seq for each in self._deliveries[:_MOST_IDS]],
        )

    def judged(self, verdicts: Sequence[Verdict]) -> None:
        """Say what became of each record."""
        records = self._tally.records
        for verdict in verdicts:
            records[self._destination, verdict.what] += 1
        delivered = sum([each.what is What.DELIVERED for each in verdicts])
        if 0 < delivered < len(verdicts):
            self._tally.partial[self._destination] += len(verdicts) - delivered
        self._describe(delivered=delivered)
        if _delivery_log.isEnabledFor(logging.DEBUG):
            for delivery, verdict in zip(self._deliveries, verdicts, strict=True):
                fields = {
                    "delivery_id": delivery.seq,
                    "destination": self._destination,
                    "operation": delivery.operation,
                    "attempt": delivery.attempts,
                    "verdict": str(verdict.what),
                    "reason": code_of(verdict.reason),
                }
                _delivery_log.debug("a delivery was attempted", extra=fields)
