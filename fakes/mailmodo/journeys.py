"""Journeys as a marketer draws them: how contacts enter, and the cards that they pass one after the other.

Mailmodo publishes the calls that start and abort a journey and the webhook card; what cards there are besides is
known only from its editor, so the three here are the least that lets those be used.

Source: OA-journey, SUP-jour, SUP-hook.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from fakes.mailmodo.personalisation import as_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fakes.mailmodo.campaigns import Campaign
    from fakes.mailmodo.state import Contact, Send
    from fakes.mailmodo.webhooks import ActivityName, Part

__all__ = [
    "CallWebhook",
    "Card",
    "Entered",
    "Entry",
    "EntryKind",
    "Instance",
    "Journey",
    "SendEmail",
    "Wait",
    "journey_payload",
]


class EntryKind(Enum):
    """How a contact enters a journey; the value is its `triggerSource`. Source: SUP-hook, RS-src tests."""

    API = "Api"
    CSV = "CsvList"
    LIST = "Manual Add To List"
    PROPERTY = "Dashboard-change in property: {name}"
    FORM = "form submission"
    EVENT = "New Custom Event Trigger - {name}"


class Entered(Protocol):
    """Is told of what may let a contact into a journey."""

    def __call__(self, kind: EntryKind, name: str, contact: Contact, /, **given: Any) -> None:
        """Let the contact into every journey that begins with it."""
        ...


@dataclass(frozen=True, slots=True)
class Entry:
    """How contacts enter.

    Attributes:
        kind: Over the API, by a file, onto a list, by a changed property, an answered form, or a custom event.
        name: Of the list, the property, the form or the event; empty for the other two.
        step: After which step of a form, from 1; None for the last.
    """

    kind: EntryKind
    name: str = ""
    step: int | None = None

    @property
    def trigger_source(self) -> str:
        """What webhooks say of it."""
        return self.kind.value.format(name=self.name)


@dataclass(frozen=True, slots=True)
class Wait:
    """A card that lets time pass."""

    seconds: float


@dataclass(frozen=True, slots=True)
class SendEmail:
    """A card that sends a mail, and may let pass only who opens, clicks or answers it.

    Attributes:
        campaign: One whose trigger app is `Journey`.
        until: What the contact must do to go on; None to go on at once.
        within_s: Seconds until whoever has not done so leaves the journey.
    """

    campaign: Campaign
    until: ActivityName | None = None
    within_s: float = 7 * 86400.0


@dataclass(frozen=True, slots=True)
class CallWebhook:
    """A card that posts to a URL each time a contact passes it."""

    url: str


Card: TypeAlias = Wait | SendEmail | CallWebhook


@dataclass(frozen=True, slots=True)
class Journey:
    """A published journey; the id is a version 4 UUID."""

    id: str
    name: str
    entry: Entry
    cards: tuple[Card, ...]


@dataclass(slots=True, kw_only=True)
class Instance:
    """One contact on the way through one journey.

    Attributes:
        ref: UUID by which it is aborted.
        journey: Which.
        contact: Who.
        data: Given at entry.
        event_properties: Of the custom event that brought the contact in.
        submission: The answers that did.
        file: The file that did.
        last_send: The mail of the last e-mail card passed.
        part: In which part of that mail the contact did what let it pass.
    """

    ref: str
    journey: Journey
    contact: Contact
    data: Mapping[str, Any] = field(default_factory=dict)
    event_properties: Mapping[str, Any] = field(default_factory=dict)
    submission: Mapping[str, Any] | None = None
    file: str = ""
    last_send: Send | None = None
    part: Part | None = None


def journey_payload(instance: Instance) -> dict[str, Any]:
    """Give the body that the webhook card posts. Source: SUP-hook; RS-src tests (recorded bodies)."""
    trigger: dict[str, Any] = {
        "email": instance.contact.email,
        "userId": instance.contact.user_id,
        "journeyId": instance.journey.id,
        "triggerSource": instance.journey.entry.trigger_source,
        "data": dict(instance.data),
        "eventProperty": {name: as_text(value) for name, value in instance.event_properties.items()},
    }
    if instance.file:
        trigger["triggerDetails"] = f"file:{instance.journey.id}/{instance.file}"
    if instance.submission is not None:
        trigger["formSubmissionData"] = dict(instance.submission)
    payload: dict[str, Any] = {"triggerData": trigger}
    if instance.last_send is not None:
        if instance.part is not None:
            payload["eventData"] = {"type": instance.part}
        payload["lastCampaignEmailRef"] = instance.last_send.ref
        payload["lastCampaignId"] = instance.last_send.campaign.id
    return payload
