"""The table in memory: rows, the gates before them, and the bodies behind them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jinja2.runtime import Context

    from bridge.engagement import Engagement, Kind, SourceName
    from bridge.routing.bodies import Body
    from bridge.routing.expressions import Compiled

__all__ = ["ANYWHERE", "Check", "Gate", "Route", "Table"]

ANYWHERE: Final = "*"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that a gate looks at.

    Attributes:
        reason: Why the gate is shut when it does not hold.
        is_quarantine: Whether what it refuses is kept for a person instead of filtered.
    """

    reason: str
    is_quarantine: bool = False


@dataclass(frozen=True, slots=True)
class Gate:
    """What must hold for a row to apply.

    Attributes:
        name: As rows name it.
        says: In words, to follow "if".
        checks: What is looked at, in order.
        first_false: Gives the number of the first check that does not hold, or how many there are.
    """

    name: str
    says: str
    checks: tuple[Check, ...]
    first_false: Compiled = field(repr=False)

    def shut_by(self, context: Context) -> Check | None:
        """Ask the gate: give the check that shuts it, or None when it is open."""
        index: int = self.first_false(context)
        return self.checks[index] if index < len(self.checks) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One row.

    Attributes:
        source: Who reports.
        kind: What happened.
        where: By which inlet; anything for any.
        destination: Who is told; for Segment, under which source's write key.
        call: What is called there.
        gate: What must hold; None when nothing must.
        event: The event's name as it stands in the file; empty where the call has none of its own.
        template: The name of the body.
        at: File and line.
        event_name: The event's name where it is an expression.
        campaign: Which campaign a trigger is of.
        body: Makes the record.
    """

    source: SourceName
    kind: Kind
    where: str
    destination: str
    call: str
    gate: Gate | None
    event: str
    template: str
    at: str
    event_name: Compiled | None = field(repr=False)
    campaign: Compiled | None = field(repr=False)
    body: Body = field(repr=False)

    def __str__(self) -> str:
        return f"row {self.source} {self.kind} {self.where}"

    def name_in(self, context: Context) -> str:
        """Give the event's name for an engagement, without spaces that an empty expression leaves."""
        if self.event_name is None:
            return self.event
        return " ".join(str(self.event_name(context)).split())


class Table:
    """All rows.

    Attributes:
        rows: In the order of the file.
        text: What it was read from; two of the same text are the same.
    """

    def __init__(self, rows: Sequence[Route], text: str) -> None:
        self.rows = tuple(rows)
        self.text = text
        by_kind: dict[tuple[str, str], list[Route]] = {}
        for row in rows:
            by_kind.setdefault((row.source, row.kind), []).append(row)
        self._by_kind: Mapping[tuple[str, str], tuple[Route, ...]] = {
            key: tuple(each) for key, each in by_kind.items()
        }

    def routes_for(self, engagement: Engagement) -> tuple[Route, ...]:
        """Select the rows of an engagement, gates not yet asked."""
        rows = self._by_kind.get((engagement.source, engagement.kind), ())
        return tuple([row for row in rows if row.where in (ANYWHERE, engagement.where)])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Table) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)
