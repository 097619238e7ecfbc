"""Who is known to a workspace: people, what is said about them, their devices and events.

Source of every rule: vendor's Track OpenAPI (2026) unless a comment says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from fakes.customerio.reading import Identifier, IdentifierKind, is_address, seconds
from fakes.customerio.settings import WorkspaceMode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fakes.customerio.settings import CustomerIoSettings

__all__ = ["Device", "Identified", "People", "Person", "StoredEvent"]

_MERGE_WINDOW_S: Final = 30 * 86_400
_RESERVED: Final = frozenset({"_timestamp", "_update", "cio_id", "email", "id", "identifiers"})


@dataclass(frozen=True, slots=True)
class Device:
    """One device of a person: token, platform, when it was last used (unix s), further attributes."""

    id: str
    platform: str
    last_used: int
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """One event: its name without outer blanks, type, unix seconds, data, and the ULID it came with, if any."""

    name: str
    type: str
    timestamp: int
    data: Mapping[str, Any]
    id: str | None = None
    anonymous_id: str | None = None


@dataclass(slots=True)
class Person:
    """A person; `cio_id` never changes.

    Attributes:
        cio_id: The vendor's own id.
        id: The workspace's id for them.
        email: Address as last spelt.
        attributes: Everything else that was said about them.
        timestamps: When each attribute was set, unix seconds.
        devices: By token.
        events: Oldest first.
    """

    cio_id: str
    id: str | None = None
    email: str | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    timestamps: dict[str, int] = field(default_factory=dict)
    devices: dict[str, Device] = field(default_factory=dict)
    events: list[StoredEvent] = field(default_factory=list)

    @property
    def is_unsubscribed(self) -> bool:
        """Whether the `unsubscribed` attribute says so."""
        return self.attributes.get("unsubscribed") in (True, "true", 1)

    @property
    def subject(self) -> str:
        """The e-mail address in lower case; without one the id, else the cio_id."""
        return self.email.lower() if self.email else self.id or self.cio_id

    def said(self) -> dict[str, Any]:
        """Give all attributes, identifiers among them, as Liquid's `customer` sees them."""
        named = {"id": self.id, "email": self.email, "cio_id": self.cio_id}
        return {**self.attributes, **{name: value for name, value in named.items() if value is not None}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Identified:
    """What came of an identify.

    Attributes:
        person: Who it was about; None when it was ignored.
        is_new: Whether they were created.
        failures: Attribute Update Failures that the workspace's log shows; the caller gets 200 all the same.
        subscribed: True or False when the `unsubscribed` attribute flipped.
    """

    person: Person | None
    is_new: bool = False
    failures: tuple[str, ...] = ()
    subscribed: bool | None = None


class People:
    """All people of a workspace, found by any of their identifiers."""

    def __init__(self, settings: CustomerIoSettings) -> None:
        self._settings = settings
        self._by_cio_id: dict[str, Person] = {}
        self._by_id: dict[str, Person] = {}
        self._by_email: dict[str, Person] = {}
        self._suppressed: dict[Identifier, Person] = {}
        self._anonymous: dict[str, list[StoredEvent]] = {}
        self._event_ids: set[str] = set()
        self._created = 0
        self.failures: list[str] = []

    def __iter__(self) -> Iterator[Person]:
        return iter(self._by_cio_id.values())

    def __len__(self) -> int:
        return len(self._by_cio_id)

    @property
    def takes_email(self) -> bool:
        """Whether an e-mail address identifies a person here."""
        return self._settings.mode is WorkspaceMode.EMAIL_OR_ID

    def find(self, identifier: Identifier) -> Person | None:
        """Find a person; None when nobody, or a deleted or suppressed person, has that identifier."""
        if identifier.kind is IdentifierKind.CIO_ID:
            return self._by_cio_id.get(identifier.value)
        if identifier.kind is IdentifierKind.EMAIL:
            return self._by_email.get(identifier.value.lower()) if self.takes_email else None
        return self._by_id.get(identifier.value)

    def find_cio(self, cio_id: str) -> Person | None:
        """Find a person by cio_id."""
        return self._by_cio_id.get(cio_id)

    def with_email(self, email: str) -> list[Person]:
        """Find everybody with an address; more than one only where e-mail does not identify."""
        wanted = email.lower()
        if self.takes_email:
            return [self._by_email[wanted]] if wanted in self._by_email else []
        return [person for person in self if person.email and person.email.lower() == wanted]

    def suppressed(self, identifier: Identifier) -> Person | None:
        """Give who was blocked under an identifier; None when it is free."""
        return self._suppressed.get(_folded(identifier))

    def create(self, identifier: Identifier, *, now_s: int) -> Person:
        """Make a person who has one identifier; nobody may have it yet."""
        person = self._fresh()
        person.timestamps["_created_in_customerio_at"] = now_s
        self._by_cio_id[person.cio_id] = person
        self._name(person, identifier, now_s)
        return person

    def identify(self, identifier: Identifier, said: Mapping[str, Any], *, now_s: int) -> Identified:
        """Create or update a person, with the identifiers in the path and in the body weighed as documented."""
        named = [identifier, *_identifiers_in(said)]
        if any(self.suppressed(each) for each in named):
            return Identified(person=None)
        person = self.find(identifier) or self._adopt(identifier, named[1:])
        is_new = person is None
        if person is None:
            if identifier.kind is IdentifierKind.CIO_ID:
                return Identified(person=None)
            if said.get("_update") is True:
                return self._failed(None, [f"{identifier.value}: no such person to update"])
            person = self.create(identifier, now_s=now_s)
        failures = [
            failure
            for each in named
            if (failure := self._give(person, each, by=identifier, now_s=now_s)) is not None
        ]
        if "email" in said and said["email"] not in (None, "") and not is_address(str(said["email"])):
            failures.append(f"email: {said['email']!r} is not an address")
        was_unsubscribed = person.is_unsubscribed
        self._say(person, said, now_s=now_s)
        flipped = None if person.is_unsubscribed == was_unsubscribed else not person.is_unsubscribed
        done = self._failed(person, failures)
        return Identified(person=person, is_new=is_new, failures=done.failures, subscribed=flipped)

    def set_attribute(self, person: Person, name: str, value: object, *, now_s: int) -> None:
        """Set one attribute, as the vendor's own pages do."""
        person.attributes[name] = value
        person.timestamps[name] = now_s

    def delete(self, person: Person) -> None:
        """Forget a person; the same identifiers may come back as somebody new."""
        self._by_cio_id.pop(person.cio_id, None)
        if person.id is not None and self._by_id.get(person.id) is person:
            del self._by_id[person.id]
        if person.email is not None and self._by_email.get(person.email.lower()) is person:
            del self._by_email[person.email.lower()]

    def suppress(self, identifier: Identifier) -> Person:
        """Delete a person and block every identifier they had; an unknown identifier is blocked by itself."""
        person = self.find(identifier) or self.suppressed(identifier)
        if person is None:
            person = self._fresh()
            person.id = identifier.value if identifier.kind is IdentifierKind.ID else None
            person.email = identifier.value if identifier.kind is IdentifierKind.EMAIL else None
        self.delete(person)
        self._suppressed[_folded(identifier)] = person
        if person.id is not None:
            self._suppressed[Identifier(IdentifierKind.ID, person.id)] = person
        if person.email is not None and self.takes_email:
            self._suppressed[Identifier(IdentifierKind.EMAIL, person.email.lower())] = person
        return person

    def unsuppress(self, identifier: Identifier) -> None:
        """Free an identifier; the person does not come back."""
        self._suppressed.pop(_folded(identifier), None)

    def add_event(self, person: Person, event: StoredEvent) -> bool:
        """Store an event; False when its ULID was seen before."""
        if not self._is_first(event):
            return False
        person.events.append(event)
        return True

    def add_anonymous_event(self, event: StoredEvent) -> bool:
        """Keep an event until somebody turns out to be that anonymous visitor; False when it is a repeat."""
        if not self._is_first(event):
            return False
        self._anonymous.setdefault(event.anonymous_id or "", []).append(event)
        return True

    def merge(self, primary: Person, secondary: Person, *, now_s: int) -> None:
        """Fill the primary's gaps from the secondary, take over its last 30 days, and delete it."""
        for name, value in secondary.attributes.items():
            if name not in primary.attributes:
                self.set_attribute(primary, name, value, now_s=now_s)
        recent = [event for event in secondary.events if event.timestamp > now_s - _MERGE_WINDOW_S]
        primary.events = sorted([*primary.events, *recent], key=lambda event: event.timestamp)
        primary.devices = {**secondary.devices, **primary.devices}
        self.delete(secondary)
        for identifier in _identifiers_in({"id": secondary.id, "email": secondary.email}):
            self._give(primary, identifier, by=identifier, now_s=now_s)

    def _fresh(self) -> Person:
        self._created += 1
        return Person(f"{0xA0 + self._settings.workspace_id:x}{self._created:06x}")

    def _adopt(self, identifier: Identifier, others: list[Identifier]) -> Person | None:
        """Find who a new path identifier belongs to by what the body says, if they lack one of its kind."""
        if identifier.kind is IdentifierKind.CIO_ID:
            return None
        for other in others:
            person = self.find(other)
            if person is not None and getattr(person, identifier.kind) is None:
                return person
        return None

    def _give(self, person: Person, identifier: Identifier, *, by: Identifier, now_s: int) -> str | None:
        """Give a person an identifier, or say why they may not have it."""
        known = getattr(person, identifier.kind)
        if identifier.kind is IdentifierKind.CIO_ID or known == identifier.value:
            return None
        is_email = identifier.kind is IdentifierKind.EMAIL
        owner = self.find(identifier)
        if owner is not None and owner is not person:
            return f"{identifier.kind}: {identifier.value!r} belongs to another person"
        is_same = is_email and known is not None and known.lower() == identifier.value.lower()
        may_change = (
            by.kind is IdentifierKind.CIO_ID
            or is_same
            or (is_email and (self._settings.can_change_email_by_id or not self.takes_email))
        )
        if known is not None and not may_change:
            return f"{identifier.kind}: is set to {known!r} and may change only through the cio_id"
        self._name(person, identifier, now_s)
        return None

    def _name(self, person: Person, identifier: Identifier, now_s: int) -> None:
        if identifier.kind is IdentifierKind.ID:
            if person.id is not None:
                del self._by_id[person.id]
            person.id = identifier.value
            self._by_id[identifier.value] = person
        elif identifier.kind is IdentifierKind.EMAIL:
            if person.email is not None:
                self._by_email.pop(person.email.lower(), None)
            person.email = identifier.value
            if self.takes_email:
                self._by_email[identifier.value.lower()] = person
        person.timestamps[identifier.kind.value] = now_s

    def _say(self, person: Person, said: Mapping[str, Any], *, now_s: int) -> None:
        said_at = seconds(said.get("_timestamp"))
        for name, value in said.items():
            if name in _RESERVED or (said_at is not None and said_at < person.timestamps.get(name, 0)):
                continue
            if name.startswith("cio_subscription_preferences.topics."):
                self._choose_topic(person, name.rpartition(".")[2], value)
            elif value is None or value == "":
                person.attributes.pop(name, None)
                person.timestamps.pop(name, None)
            else:
                self.set_attribute(person, name, value, now_s=now_s if said_at is None else said_at)
        anonymous_id = said.get("anonymous_id")
        if isinstance(anonymous_id, str) and anonymous_id:
            # Events of the last 30 days become the person's own.
            waiting = self._anonymous.pop(anonymous_id, [])
            person.events += [event for event in waiting if event.timestamp > now_s - _MERGE_WINDOW_S]

    def _choose_topic(self, person: Person, topic: str, value: object) -> None:
        known = person.attributes.get("cio_subscription_preferences")
        preferences = dict(known) if isinstance(known, dict) else {}
        topics = preferences.get("topics")
        preferences["topics"] = {**(topics if isinstance(topics, dict) else {}), topic: value}
        person.attributes["cio_subscription_preferences"] = preferences

    def _is_first(self, event: StoredEvent) -> bool:
        if event.id is None:
            return True
        if event.id in self._event_ids:
            return False
        self._event_ids.add(event.id)
        return True

    def _failed(self, person: Person | None, failures: list[str]) -> Identified:
        self.failures += failures
        return Identified(person=person, failures=tuple(failures))


def _folded(identifier: Identifier) -> Identifier:
    is_email = identifier.kind is IdentifierKind.EMAIL
    return Identifier(identifier.kind, identifier.value.lower()) if is_email else identifier


def _identifiers_in(said: Mapping[str, Any]) -> list[Identifier]:
    """Find the identifiers in a body; numbers count as their digits, what is unfit is left out."""
    found = []
    person_id, email = said.get("id"), said.get("email")
    if isinstance(person_id, str | int) and not isinstance(person_id, bool) and person_id != "":
        found.append(Identifier(IdentifierKind.ID, str(person_id)))
    if isinstance(email, str) and is_address(email):
        found.append(Identifier(IdentifierKind.EMAIL, email))
    return found
