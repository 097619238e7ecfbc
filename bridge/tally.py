"""What a bridge has counted since it started: plain numbers in memory, cheap enough to be kept always.

How they are published is in `bridge.metrics`. A label is a name out of a small closed set: never an address, an id or
a URL.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bridge.engagement import iso

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["Reload", "Spread", "Tally"]

_COMMIT_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 3.0)
_CALL_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Spread:
    """How long something took, as often as it happened.

    Attributes:
        bounds: Upper bounds in seconds; one more bucket takes the rest.
        buckets: How many ended up in each.
        total_s: All of them together, in seconds.
    """

    __slots__ = ("bounds", "buckets", "total_s")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.buckets = [0] * (len(bounds) + 1)
        self.total_s = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        self.buckets[bisect_left(self.bounds, seconds)] += 1
        self.total_s += seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Reload:
    """What became of settings that were to be read again.

    Attributes:
        at: When.
        problems: Why they were refused, and stay as they were; none when they were taken up.
        needs_restart: Changed settings that stay as they were until a restart.
    """

    at: datetime
    problems: tuple[str, ...] = ()
    needs_restart: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Give it as the admin API does."""
        return {
            "at": iso(self.at),
            "verdict": "refused" if self.problems else "taken",
            "problems": list(self.problems),
            "needs_restart": list(self.needs_restart),
        }


class Tally:
    """Everything that is counted.

    Attributes:
        ingest: Webhooks by (source, verdict).
        commits: Seconds to commit a webhook.
        duplicates: Pieces of webhooks that had come before, by source.
        records: Records that were handed over, by (destination, verdict).
        calls: Seconds that a call took, by destination.
        pauses: How often a destination was left alone, by (destination, cause).
        partial: Records that were refused in a call that took others, by destination.
        refused_types: Records that would have been an event type too many, by destination.
        reloads: How often settings were read again, by verdict.
        last_reload: The last time; None when they were not read again since the start.
    """

    __slots__ = (
        "calls",
        "commits",
        "duplicates",
        "ingest",
        "last_reload",
        "partial",
        "pauses",
        "records",
        "refused_types",
        "reloads",
    )

    def __init__(self) -> None:
        self.ingest: Counter[tuple[str, str]] = Counter()
        self.commits = Spread(_COMMIT_S)
        self.duplicates: Counter[str] = Counter()
        self.records: Counter[tuple[str, str]] = Counter()
        self.calls: dict[str, Spread] = {}
        self.pauses: Counter[tuple[str, str]] = Counter()
        self.partial: Counter[str] = Counter()
        self.refused_types: Counter[str] = Counter()
        self.reloads: Counter[str] = Counter()
        self.last_reload: Reload | None = None

    def add_reload(self, reload: Reload) -> None:
        """Count that settings were read again, and keep how it went."""
        self.reloads["refused" if reload.problems else "taken"] += 1
        self.last_reload = reload

    def add_call(self, destination: str, seconds: float) -> None:
        """Count a call."""
        spread = self.calls.get(destination)
        if spread is None:
            spread = self.calls[destination] = Spread(_CALL_S)
        spread.add(seconds)
