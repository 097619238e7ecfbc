"""Takes webhooks in: read, plan, commit, and only then say so.

Nothing here touches the network. What is authentic is stored, whatever it says: a vendor that is answered 4xx for
one odd event may hold back all that follow.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from bridge.errors import Unreadable
from bridge.sources.base import Reading, digest
from bridge.store import Intake, State
from bridge.texts import key_of, storable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from bridge.routing import Router
    from bridge.sources import Incoming, Source
    from bridge.store import Identities, Plan, Store
    from bridge.telemetry import Telemetry

__all__ = ["Ingest", "make_intakes", "read_pieces", "unreadable"]

_log: Final = logging.getLogger("bridge.ingest")


def read_pieces(source: Source, incoming: Incoming) -> Sequence[Reading]:
    """Read an authentic webhook; what cannot be read is one piece that says why."""
    try:
        return source.read(incoming)
    except Unreadable as error:
        problem = str(error)
    except Exception as error:  # noqa: BLE001 - what is authentic is quarantined, and read again once mended
        _log.exception("a webhook could not be read", extra={"source": str(source.name)})
        problem = f"reader: {type(error).__name__}: {error}"
    return (unreadable(incoming, problem),)


def unreadable(incoming: Incoming, problem: str) -> Reading:
    """Make one piece of a whole webhook that cannot be read."""
    return Reading(
        dedup_key=digest(incoming.body), raw=incoming.body, engagement=None, problem=storable(problem)[:300]
    )


def make_intakes(source: Source, incoming: Incoming, readings: Sequence[Reading]) -> list[Intake]:
    """Make inbox rows of pieces."""
    expires_at = incoming.received_at + source.dedup_window
    return [
        Intake(
            source=source.name,
            dedup_key=key_of(reading.dedup_key),
            raw=reading.raw,
            where=incoming.where,
            received_at=incoming.received_at,
            expires_at=expires_at,
            engagement=reading.engagement,
            problem=storable(reading.problem),
        )
        for reading in readings
    ]


class Ingest:
    """Stores pieces with their outcomes, then wakes whoever has something to send."""

    def __init__(
        self, store: Store, router: Router, *, wake: Callable[[str], None], telemetry: Telemetry
    ) -> None:
        self._store = store
        self._router = router
        self._wake = wake
        self._telemetry = telemetry

    async def take(self, source: Source, incoming: Incoming) -> tuple[bool, ...]:
        """Take one authentic webhook, and say for each of its pieces whether it was new.

        Raises:
            StoreUnavailable: Nothing was stored.
        """
        intakes = make_intakes(source, incoming, read_pieces(source, incoming))
        if not intakes:
            return ()
        plan = _Planning(self._router)
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        is_new = await self._store.take_in(intakes, plan)
        self._telemetry.committed(loop.time() - began_s)
        self._wake_all(plan.woken)
        return is_new

    async def replay(self, inbox_seq: int, source: Source, incoming: Incoming, *, now_ms: int) -> int | None:
        """Read a quarantined piece again and plan it anew, see `Store.replay`.

        Raises:
            StoreUnavailable: Nothing was changed.
        """
        readings = read_pieces(source, incoming)
        plan = _Planning(self._router)
        intakes = make_intakes(source, incoming, readings)
        added = await self._store.replay(inbox_seq, intakes, plan, now_ms=now_ms)
        self._wake_all(plan.woken)
        return added

    def _wake_all(self, destinations: Iterable[str]) -> None:
        for destination in destinations:
            self._wake(destination)


class _Planning:
    """Plans pieces by the routing table, and remembers whose deliveries became due."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self.woken: dict[str, None] = {}

    def __call__(self, intake: Intake, identities: Identities, /) -> Plan:
        plan = self._router.plan(intake, identities)
        for outcome in plan.outcomes:
            if outcome.state is State.PENDING:
                self.woken[outcome.destination] = None
            elif outcome.state is State.QUARANTINED:
                _log.warning("a webhook is quarantined", extra={"source": str(intake.source)})
        return plan
