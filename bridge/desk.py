"""What an operator asks of a bridge's store, and does to it: look, requeue, discard, decide, replay, count.

The admin API answers with it inside a running bridge; the command line uses it on the store itself when no bridge
runs. Everything it gives is ready to be written as JSON.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from bridge.engagement import SourceName, unix_ms
from bridge.sources import Incoming
from bridge.store import OPEN, State

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence

    from bridge.destinations import Destination
    from bridge.ingest import Ingest
    from bridge.sources import Source
    from bridge.store import Standing, Store, StoredDelivery

__all__ = ["RESOLUTIONS", "Desk", "Selection", "empty_line", "sum_up_destinations"]

_PAGE: Final = 500
_DISCARDABLE: Final = (State.PENDING, State.DEAD, State.UNCERTAIN, State.QUARANTINED)

RESOLUTIONS: Final = {
    "delivered": (State.DELIVERED, "an operator found that it had its effect"),
    "retry": (State.PENDING, "an operator found that it had no effect"),
    "discarded": (State.FILTERED, "discarded by an operator"),
}
"""What an uncertain delivery may be decided to be: its new state, and the reason."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which deliveries are meant.

    Attributes:
        ids: These; None for all that fit the rest.
        destination: Whose; empty for any.
        reason: How their reason begins; empty for any.
    """

    ids: tuple[int, ...] | None = None
    destination: str = ""
    reason: str = ""


class Desk:
    """An operator's view of one store."""

    def __init__(
        self,
        store: Store,
        *,
        ingest: Ingest,
        sources: Mapping[SourceName, Source],
        destinations: Mapping[str, Destination],
        now: Callable[[], datetime],
        wake: Callable[[str], None],
    ) -> None:
        self._store = store
        self._ingest = ingest
        self._sources = sources
        self._event_types = {
            name: each.limits.event_types for name, each in destinations.items() if each.limits.event_types
        }
        self._now = now
        self._wake = wake

    async def status(self) -> dict[str, Any]:
        """Say what stands in the store, by destination, and which destinations are left alone."""
        counts, standings = await self._store.counts(), await self._store.standings()
        pauses, now_ms = await self._store.pauses(), self._now_ms()
        used = await self._store.count_names()
        destinations = sum_up_destinations(standings, now_ms=now_ms)
        for name, pause in pauses.items():
            if pause.probes or pause.until_ms > now_ms:
                destinations.setdefault(name, empty_line()).update(state="paused", reason=pause.reason)
        return {
            "state": "not running",
            "counts": counts.as_dict(),
            "balanced": counts.is_balanced,
            "destinations": destinations,
            "event_types": {
                name: {"used": used.get(name, 0), "limit": limit}
                for name, limit in sorted(self._event_types.items())
            },
        }

    async def find(
        self,
        states: Collection[State],
        *,
        destination: str = "",
        reason: str = "",
        after: int = 0,
        limit: int,
    ) -> dict[str, Any]:
        """List deliveries by number, from one page to the next."""
        found: list[dict[str, Any]] = []
        async for each in self._walk(states, destination=destination, reason=reason, after=after):
            if len(found) == limit:
                return {"deliveries": found, "next_after": found[-1]["id"] if found else after}
            found.append(_row(each))
        return {"deliveries": found, "next_after": None}

    async def show(self, delivery_id: int) -> dict[str, Any] | None:
        """Show all that is known of a delivery, what it would send and the webhook it comes from included."""
        file = await self._store.delivery(delivery_id)
        if file is None:
            return None
        return {
            **_row(file.delivery),
            "path": file.path,
            "lane": file.lane,
            "received_at": _instant(file.received_ms),
            "where": file.where,
            "body": _readable(file.body),
            "webhook": _readable(file.raw),
        }

    async def requeue(self, selection: Selection) -> dict[str, Any]:
        """Send dead deliveries again, with new attempts and a new age."""
        return await self._move((State.DEAD,), selection, to=State.PENDING, reason="requeued by an operator")

    async def discard(self, selection: Selection, states: Collection[State] = ()) -> dict[str, Any]:
        """Give deliveries up for good.

        Args:
            selection: Which.
            states: In which states; by number they may be in any but delivered and filtered.
        """
        wanted = tuple(states) or (_DISCARDABLE if selection.ids is not None else (State.DEAD,))
        return await self._move(wanted, selection, to=State.FILTERED, reason="discarded by an operator")

    async def resolve(self, selection: Selection, resolution: str) -> dict[str, Any]:
        """Decide what became of uncertain deliveries, see `RESOLUTIONS`."""
        to, reason = RESOLUTIONS[resolution]
        return await self._move((State.UNCERTAIN,), selection, to=to, reason=reason)

    async def replay(self, selection: Selection) -> dict[str, Any]:
        """Read and plan anew what is quarantined, as today's code and settings would.

        Returns:
            How many webhooks' pieces were replayed, how many outcomes came of them, which ids were left alone because
            they are not quarantined, and how many are quarantined still.
        """
        pieces: dict[int, int] = {}
        chosen = await self._choose((State.QUARANTINED,), selection)
        for each in chosen:
            pieces.setdefault(each.inbox_seq, each.seq)
        outcomes = 0
        for inbox_seq, delivery_id in pieces.items():
            file = await self._store.delivery(delivery_id)
            if file is None:
                continue
            incoming = Incoming(
                headers={},
                body=file.raw,
                received_at=datetime.fromtimestamp(file.received_ms / 1000, UTC),
                where=file.where,
            )
            source = self._sources[SourceName(file.delivery.source)]
            outcomes += await self._ingest.replay(inbox_seq, source, incoming, now_ms=self._now_ms()) or 0
        left = sorted(set(selection.ids or ()) - {each.seq for each in chosen})
        standings = await self._store.standings(State.QUARANTINED)
        return {
            "replayed": len(pieces),
            "outcomes": outcomes,
            "left": left,
            "still_quarantined": sum([each.number for each in standings]),
        }

    async def conserve(self) -> dict[str, Any]:
        """Check that everything accepted is accounted for, and that nothing in the store is damaged."""
        counts = await self._store.counts()
        damage = list(await self._store.check())
        return {"counts": counts.as_dict(), "balanced": counts.is_balanced, "damage": damage}

    async def _move(
        self, states: Collection[State], selection: Selection, *, to: State, reason: str
    ) -> dict[str, Any]:
        chosen = await self._choose(states, selection)
        moved: list[int] = []
        for begin in range(0, len(chosen), _PAGE):
            page = [each.seq for each in chosen[begin : begin + _PAGE]]
            moved += await self._store.move(page, of=states, to=to, reason=reason, now_ms=self._now_ms())
        if to is State.PENDING:
            are_moved = set(moved)
            for name in sorted({each.destination for each in chosen if each.seq in are_moved}):
                self._wake(name)
        left = sorted(set(selection.ids or [each.seq for each in chosen]) - set(moved))
        return {"moved": len(moved), "left": left}

    async def _choose(self, states: Collection[State], selection: Selection) -> Sequence[StoredDelivery]:
        """Find what is meant, before anything is changed."""
        if selection.ids is None:
            return [
                each
                async for each in self._walk(
                    states, destination=selection.destination, reason=selection.reason
                )
            ]
        found = [await self._store.delivery(each) for each in dict.fromkeys(selection.ids)]
        return [file.delivery for file in found if file is not None and file.delivery.state in states]

    async def _walk(
        self, states: Collection[State], *, destination: str = "", reason: str = "", after: int = 0
    ) -> AsyncIterator[StoredDelivery]:
        while True:
            page = await self._store.deliveries(
                *states, destination=destination or None, after_seq=after, limit=_PAGE
            )
            for each in page:
                if each.reason.startswith(reason):
                    yield each
            if len(page) < _PAGE:
                return
            after = page[-1].seq

    def _now_ms(self) -> int:
        return unix_ms(self._now())


def sum_up_destinations(standings: Sequence[Standing], *, now_ms: int) -> dict[str, dict[str, Any]]:
    """Say what stands where, by destination; what goes nowhere has no line."""
    found: dict[str, dict[str, Any]] = {}
    for each in standings:
        if not each.destination:
            continue
        line = found.setdefault(each.destination, empty_line())
        if each.state in OPEN:
            line["pending"] += each.number
            line["oldest_pending_s"] = max(
                line["oldest_pending_s"] or 0, round(max(0, now_ms - each.oldest_ms) / 1000, 3)
            )
        elif str(each.state) in line:
            line[str(each.state)] += each.number
    return found


def empty_line() -> dict[str, Any]:
    """Give the line of a destination where nothing stands."""
    return {
        "state": "open",
        "reason": "",
        "pending": 0,
        "oldest_pending_s": None,
        "delivered": 0,
        "dead": 0,
        "uncertain": 0,
        "quarantined": 0,
    }


def _row(each: StoredDelivery) -> dict[str, Any]:
    fields = {"id": each.seq, **asdict(each), "state": str(each.state)}
    del fields["seq"], fields["inbox_seq"]
    for name in ("created", "due", "settled"):
        instant_ms = fields.pop(f"{name}_ms")
        fields[f"{name}_at"] = None if instant_ms is None else _instant(instant_ms)
    return fields


def _instant(instant_ms: int) -> str:
    text = datetime.fromtimestamp(instant_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _readable(raw: bytes) -> Any:
    """Give bytes as the JSON that they are, else as text."""
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return raw.decode("utf-8", "replace")
