"""Tells a journal as a story between lifelines: who sends what to whom, and how often.

The HTML report draws it; here are the words and the sums, without any markup.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from fakes.kit.exchange import Exchange, Fact
from simulator.entry import Step, entry_number
from simulator.journal import SCENARIO
from simulator.reports.wording import VENDOR_NAMES, event_names

if TYPE_CHECKING:
    from simulator.entry import Entry
    from simulator.journal import Journal

__all__ = ["BINS", "LANES", "Arrow", "Group", "Story", "lane_of"]

PEOPLE: Final = "people"
BRIDGE: Final = "bridge"
LANES: Final = {
    SCENARIO: "Scenario",
    "clevertap": VENDOR_NAMES["clevertap"],
    "segment": VENDOR_NAMES["segment"],
    BRIDGE: "Bridge",
    "mailmodo": VENDOR_NAMES["mailmodo"],
    "mailjet": VENDOR_NAMES["mailjet"],
    "customerio": VENDOR_NAMES["customerio"],
    PEOPLE: "People",
}
"""Lifelines from left to right; the bridge stands between what it joins."""

BINS: Final = 72
"""Into how many equal parts the run is cut to show how a group spreads over time."""

_HOSTS: Final = {"customer.io": "customerio"} | {
    name: name for name in ("clevertap", "segment", "mailmodo", "mailjet")
}
_MOST_NAMES: Final = 2


@dataclass(frozen=True, slots=True)
class Arrow:
    """One entry as it is drawn.

    Attributes:
        source: Lane where it starts.
        target: Lane where it ends; the same for what happens in one place.
        label: What is said.
        about: The operation, verb or kind behind the label; empty when the label says it.
        is_broken: Whether it breaks a contract.
        is_failed: Whether it was refused or got no answer.
    """

    source: str
    target: str
    label: str
    about: str = ""
    is_broken: bool = False
    is_failed: bool = False


@dataclass(slots=True)
class Group:
    """Every arrow that says the same between the same two lanes."""

    arrow: Arrow
    first_s: float
    last_s: float
    bins: list[int] = field(default_factory=lambda: [0] * BINS)
    members: list[int] = field(default_factory=list)


class Story:
    """Lanes, groups and the people's marks of one run, gathered in one pass over its journal."""

    def __init__(self, journal: Journal, span_s: float) -> None:
        self._journal = journal
        self._span_s = max(span_s, 1e-9)
        self._lanes: set[str] = set()
        self.groups: dict[Arrow, Group] = {}
        self.marks: dict[str, Counter[str]] = {}
        for entry in journal:
            arrow = self.arrow(entry)
            if arrow is None:
                continue
            self._lanes |= {arrow.source, arrow.target}
            if isinstance(entry.payload, Fact):
                self._mark(entry.payload)
            elif arrow.source != arrow.target or not isinstance(entry.payload, Step):
                self._gather(arrow, entry)

    @property
    def lanes(self) -> list[str]:
        """Lanes that took part, from left to right."""
        return [lane for lane in LANES if lane in self._lanes]

    def ordered_groups(self) -> list[Group]:
        """Give the groups in the order in which they first occurred."""
        return sorted(self.groups.values(), key=lambda group: (group.first_s, group.members[0]))

    def arrow(self, entry: Entry) -> Arrow | None:
        """Say how an entry is drawn; a note is not."""
        payload = entry.payload
        if isinstance(payload, Exchange):
            return _exchange(payload)
        if isinstance(payload, Fact):
            name = (
                payload.details.get("name") or payload.details.get("event") or payload.details.get("campaign")
            )
            kind = payload.kind.replace("_", " ")
            return Arrow(
                lane_of(payload.vendor), lane_of(payload.vendor), f"{kind}: {name}" if name else kind
            )
        if isinstance(payload, Step):
            return self._step(payload, entry)
        return None

    def _step(self, step: Step, entry: Entry) -> Arrow:
        vendor = step.details.get("vendor")
        if step.actor == SCENARIO:
            about = step.details.get("campaign") or step.details.get("name") or ""
            target = lane_of(str(vendor)) if vendor else SCENARIO
            return Arrow(SCENARIO, target, f"{step.verb} {about}".strip())
        if step.verb.startswith("receive"):
            return Arrow(
                lane_of(str(vendor or self._origin(entry))), PEOPLE, step.verb.removeprefix("receive").strip()
            )
        return Arrow(PEOPLE, PEOPLE, step.verb)

    def _origin(self, entry: Entry) -> str:
        """Find who sent what reached a person: the vendor in whose exchange it began."""
        for cause in self._journal.chain(entry.id)[1:]:
            if isinstance(cause.payload, Exchange):
                return cause.payload.contract
            if isinstance(cause.payload, Fact):
                return cause.payload.vendor
        return SCENARIO

    def _mark(self, fact: Fact) -> None:
        if "@" in fact.subject:
            marks = self.marks.setdefault(fact.subject.lower(), Counter())
            marks[fact.kind.replace("_", " ")] += 1

    def _gather(self, arrow: Arrow, entry: Entry) -> None:
        since_s = (entry.at - self._journal.started_at).total_seconds()
        group = self.groups.get(arrow)
        if group is None:
            group = self.groups[arrow] = Group(arrow, since_s, since_s)
        group.first_s, group.last_s = min(group.first_s, since_s), max(group.last_s, since_s)
        group.bins[max(0, min(BINS - 1, int(since_s / self._span_s * BINS)))] += 1
        group.members.append(entry_number(entry.id))

    def describe(self, group: Group) -> dict[str, Any]:
        """Give a group as JSON for the report."""
        arrow = group.arrow
        return {
            "a": arrow.source,
            "b": arrow.target,
            "label": arrow.label,
            "about": arrow.about,
            "broken": arrow.is_broken,
            "failed": arrow.is_failed,
            "first": round(group.first_s, 3),
            "last": round(group.last_s, 3),
            "bins": group.bins,
            "members": group.members,
        }


def lane_of(name: str) -> str:
    """Give the lane of a sender or receiver: a vendor, a person, the scenario; any other host is the bridge."""
    if name in LANES:
        return name
    if "@" in name:
        return PEOPLE
    if name in ("app", "client"):  # the customer's own application, and whoever calls `serve`
        return SCENARIO
    return next((vendor for part, vendor in _HOSTS.items() if part in name), BRIDGE)


def _exchange(exchange: Exchange) -> Arrow:
    names = event_names(exchange.request_body)
    about = exchange.operation or f"{exchange.method} {urlsplit(exchange.url).path}"
    if not names:
        label, about = about, ""
    elif len(names) <= _MOST_NAMES:
        label = ", ".join(names)
    else:
        label = f"{names[0]} and {len(names) - 1} other kinds"
    return Arrow(
        lane_of(exchange.sender),
        lane_of(exchange.receiver),
        label,
        about,
        is_broken=bool(exchange.violations),
        is_failed=exchange.status is None or exchange.status >= 400,
    )
