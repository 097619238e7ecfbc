"""Campaigns and their counters."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import date, datetime

    from fakes.mailmodo.personalisation import Text
    from fakes.mailmodo.templates import StoredTemplate

__all__ = ["COUNTERS", "Campaign", "CampaignType", "CounterName", "Tally"]

CampaignType = Literal["TRIGGERED", "CONTACT_LIST"]
CounterName = Literal[
    "bounced",
    "complaints",
    "submission",
    "unsubscribed",
    "blocked",
    "scheduled",
    "sent",
    "delivered",
    "clicks",
    "ampClicks",
    "htmlClicks",
    "ampOpens",
    "htmlOpens",
    "opens",
]

COUNTERS: tuple[CounterName, ...] = (
    "bounced",
    "complaints",
    "submission",
    "unsubscribed",
    "blocked",
    "scheduled",
    "sent",
    "delivered",
    "clicks",
    "ampClicks",
    "htmlClicks",
    "ampOpens",
    "htmlOpens",
    "opens",
)
"""The counters of a campaign's report, in the report's order. Source: OA-camp."""

_JOURNEY = "Journey"
"""What `campaign_trigger_source` says of a journey's mail. Source: SEG-src."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """A template with a subject and a sender, ready to be triggered.

    Attributes:
        id: UUID, version 5. Source: OA-camp sample data.
        token: The only secret of the campaign's own trigger URL.
        name: Shown in the dashboard.
        template: What it sends.
        subject: Split at its variables.
        trigger_app: What the dashboard calls whoever triggers it; `campaign_trigger_source` of its activities.
        sender_email: From address.
        sender_name: From name.
        reply_to: Reply-to address; empty for none.
        type: `TRIGGERED`, or `CONTACT_LIST` for a bulk campaign.
        created_at: When it was made.
        is_draft: Whether it was saved and not enabled yet.
        sent_at: When a bulk campaign went out; None as long as it has not.
        is_under_way: Whether it is going out.
    """

    id: str
    token: str
    name: str
    template: StoredTemplate
    subject: Text
    trigger_app: str
    sender_email: str
    sender_name: str
    reply_to: str
    type: CampaignType
    created_at: datetime
    is_draft: bool = False
    sent_at: datetime | None = None
    is_under_way: bool = False

    @property
    def is_of_journey(self) -> bool:
        """Whether a journey sends it, and nobody else."""
        return self.trigger_app == _JOURNEY

    @property
    def is_triggerable(self) -> bool:
        """Whether mail can be triggered; not from a bulk campaign (OA-send), nor a draft or a journey's (a guess)."""
        return self.type == "TRIGGERED" and not self.is_of_journey and not self.is_draft

    @property
    def status(self) -> Literal["Draft", "Triggered", "Accepted", "Processing", "Processed"]:
        """What the list of campaigns says. Source: OA-camp sample data; which means what is inferred."""
        if self.is_draft:
            return "Draft"
        if self.type == "TRIGGERED":
            return "Triggered"
        if self.sent_at is None:
            return "Accepted"
        return "Processing" if self.is_under_way else "Processed"


class Tally:
    """What happened to a campaign's mail, counted by UTC day."""

    def __init__(self) -> None:
        self._days: dict[date, Counter[str]] = {}

    def count(self, at: datetime, *names: CounterName) -> None:
        """Count something once under each of the names."""
        day = at.date()
        counter = self._days.get(day)
        if counter is None:
            counter = self._days[day] = Counter()
        for name in names:
            counter[name] += 1

    def between(self, first: date | None, last: date | None) -> dict[CounterName, int]:
        """Add up the days from `first` to `last`, both included; None leaves that end open."""
        days = [
            counter
            for day, counter in self._days.items()
            if (first is None or day >= first) and (last is None or day <= last)
        ]
        return {name: sum(counter[name] for counter in days) for name in COUNTERS}
