"""What one Mailjet account knows: contacts, messages with their history, campaigns, templates and webhooks."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

__all__ = [
    "FIRST_MESSAGE_ID",
    "STATE_IDS",
    "CallbackStatus",
    "CallbackVersion",
    "Campaign",
    "Contact",
    "EventCallbackUrl",
    "EventType",
    "HistoryRow",
    "MailjetState",
    "Message",
    "MessageStatus",
    "Template",
]

FIRST_MESSAGE_ID: Final = 2**60
"""Real ids are of this size; starting here shows every client that reads them as floating point numbers."""

STATE_IDS: Final[Mapping[str, int]] = {
    error: number
    for number, error in enumerate(
        (
            "user unknown",
            "mailbox inactive",
            "quota exceeded",
            "invalid domain",
            "no mail host",
            "relay/access denied",
            "sender blocked",
            "content blocked",
            "policy issue",
            "system issue",
            "protocol issue",
            "connection issue",
            "greylisted",
            "preblocked",
            "duplicate in campaign",
            "spam preblocked",
            "bad or empty template",
            "error in template language",
            "typofix",
            "blacklisted",
            "spam reporter",
        ),
        start=1,
    )
}
"""Ids of `/messagestate`, in the vendor's order."""


class EventType(StrEnum):
    """The seven events, as webhooks spell them."""

    SENT = "sent"
    OPEN = "open"
    CLICK = "click"
    BOUNCE = "bounce"
    BLOCKED = "blocked"
    SPAM = "spam"
    UNSUB = "unsub"


class MessageStatus(StrEnum):
    """`Status` of a message."""

    QUEUED = "queued"
    SENT = "sent"
    OPENED = "opened"
    CLICKED = "clicked"
    SPAM = "spam"
    UNSUB = "unsub"
    BLOCKED = "blocked"
    HARD_BOUNCED = "hardbounced"
    SOFT_BOUNCED = "softbounced"


_TRANSITIONS: Final[Mapping[MessageStatus, tuple[MessageStatus, ...]]] = {
    MessageStatus.QUEUED: (
        MessageStatus.SENT,
        MessageStatus.BLOCKED,
        MessageStatus.HARD_BOUNCED,
        MessageStatus.SOFT_BOUNCED,
    ),
    MessageStatus.SENT: (
        MessageStatus.OPENED,
        MessageStatus.CLICKED,
        MessageStatus.UNSUB,
        MessageStatus.SPAM,
    ),
    MessageStatus.OPENED: (MessageStatus.CLICKED, MessageStatus.UNSUB, MessageStatus.SPAM),
    MessageStatus.CLICKED: (MessageStatus.UNSUB, MessageStatus.SPAM),
    MessageStatus.UNSUB: (MessageStatus.SPAM,),
}


class CallbackStatus(StrEnum):
    """`Status` of a webhook; `dead` once its URL is suspended."""

    ALIVE = "alive"
    DEAD = "dead"


class CallbackVersion(IntEnum):
    """`Version` of a webhook: one event a request, or an array of all of the last second."""

    SINGLE = 1
    GROUPED = 2


@dataclass(slots=True, kw_only=True)
class Contact:
    """One address the account has met.

    Attributes:
        is_preblocked: A hard bounce has been seen; nothing is handed to a mail host again.
        is_spam_complaining: The contact has marked a message as spam; further ones are blocked.
        unsubscribed_at: When the contact last used a message's unsubscribe link.
    """

    id: int
    email: str
    name: str
    created_at: datetime
    is_excluded: bool = False
    exclusion_changed_at: datetime | None = None
    delivered_count: int = 0
    is_preblocked: bool = False
    is_spam_complaining: bool = False
    last_activity_at: datetime | None = None
    last_update_at: datetime | None = None
    unsubscribed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One row of a message's history: past tense, unlike the webhook's word."""

    event: str
    at: datetime
    comment: str = ""
    state: str = ""
    user_agent: str = ""


@dataclass(slots=True, kw_only=True)
class Message:
    """One mail to one contact.

    Attributes:
        id: `MessageID`, a 64-bit number.
        uuid: `MessageUUID` of the answer, `Message_GUID` of events.
        token: Names the message in tracked URLs.
        payload: `EventPayload`, given back in events.
        campaign_id: 0 without `CustomCampaign`.
        size: Bytes of its parts.
        is_final_failure: Whether it bounced for good.
        state: Why it bounced or was blocked, one of `STATE_IDS`.
    """

    id: int
    uuid: str
    token: str
    contact: Contact
    sender: str
    sender_id: int
    subject: str
    arrived_at: datetime
    custom_id: str = ""
    payload: str = ""
    campaign_id: int = 0
    custom_campaign: str = ""
    has_html: bool = False
    has_text: bool = False
    tracks_opens: bool = False
    tracks_clicks: bool = False
    attachment_count: int = 0
    attempt_count: int = 0
    size: int = 0
    status: MessageStatus = MessageStatus.QUEUED
    is_final_failure: bool = False
    state: str = ""
    history: list[HistoryRow] = field(default_factory=list)

    def move_to(self, status: MessageStatus) -> bool:
        """Take a later status; an earlier one, or one out of order, changes nothing and gives False."""
        if status not in _TRANSITIONS.get(self.status, ()):
            return False
        self.status = status
        return True

    def has_seen(self, event: str) -> bool:
        """Say whether the history has a row of this kind."""
        return any(row.event == event for row in self.history)


@dataclass(slots=True, kw_only=True)
class Campaign:
    """What `CustomCampaign` names; made when first named.

    Attributes:
        contact_ids: Contacts it has reached, for `DeduplicateCampaign`.
    """

    id: int
    name: str
    contact_ids: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A stored template; `{{var:…}}` in it is filled when a send turns `TemplateLanguage` on.

    Attributes:
        name: Also what `Mj-TemplateID` of v3 may give.
        subject: Used when the send gives none.
        sender_email: Used when the send has no `From`; empty when the template carries none.
    """

    name: str
    subject: str = ""
    html: str = ""
    text: str = ""
    sender_email: str = ""
    sender_name: str = ""


@dataclass(slots=True, kw_only=True)
class EventCallbackUrl:
    """One webhook registration."""

    id: int
    api_key_id: int
    event_type: EventType
    url: str
    version: CallbackVersion = CallbackVersion.SINGLE
    is_backup: bool = False
    status: CallbackStatus = CallbackStatus.ALIVE

    @property
    def key(self) -> str:
        """The unique key by which a row can be addressed: `open|false`."""
        return f"{self.event_type}|{str(self.is_backup).lower()}"


class MailjetState:
    """Everything one API key owns; rows are kept in order of creation.

    Attributes:
        send_calls: When the latest calls came for which there is a limit, the oldest first.
    """

    def __init__(self) -> None:
        self.send_calls: deque[datetime] = deque()
        self.contacts: dict[int, Contact] = {}
        self.messages: dict[int, Message] = {}
        self.campaigns: dict[str, Campaign] = {}
        self.templates: dict[int, Template] = {}
        self.callbacks: dict[int, EventCallbackUrl] = {}
        self._contact_ids: dict[str, int] = {}
        self._tokens: dict[str, Message] = {}
        self._domains: dict[str, int] = {}
        self._next_message_id = FIRST_MESSAGE_ID
        self._next_callback_id = 501

    def contact_by_email(self, email: str) -> Contact | None:
        """Find a contact by address; addresses compare without case."""
        contact_id = self._contact_ids.get(email.lower())
        return None if contact_id is None else self.contacts[contact_id]

    def add_contact(self, email: str, *, name: str = "", is_excluded: bool = False, now: datetime) -> Contact:
        """Store a new contact; the address must not be known."""
        contact = Contact(
            id=len(self.contacts) + 1,
            email=email,
            name=name,
            created_at=now,
            is_excluded=is_excluded,
            exclusion_changed_at=now if is_excluded else None,
        )
        self.contacts[contact.id] = contact
        self._contact_ids[email.lower()] = contact.id
        return contact

    def take_message_id(self) -> int:
        """Give the next message id, whether or not a message comes of it."""
        self._next_message_id += 1
        return self._next_message_id - 1

    def add_message(self, message: Message) -> None:
        """Store a message under its id and its token."""
        self.messages[message.id] = message
        self._tokens[message.token] = message

    def message_by_token(self, token: str) -> Message | None:
        """Find the message a tracked URL names."""
        return self._tokens.get(token)

    def campaign_named(self, name: str) -> Campaign:
        """Find a campaign, or make it."""
        return self.campaigns.setdefault(name, Campaign(id=len(self.campaigns) + 7001, name=name))

    def add_template(self, template: Template) -> int:
        """Store a template; gives its `TemplateID`."""
        template_id = len(self.templates) + 100_001
        self.templates[template_id] = template
        return template_id

    def template_by_name(self, name: str) -> Template | None:
        """Find a template by name, as v3 allows."""
        return next((template for template in self.templates.values() if template.name == name), None)

    def destination_id(self, email: str) -> int:
        """Give the id of an address's domain."""
        domain = email.rpartition("@")[2].lower()
        return self._domains.setdefault(domain, len(self._domains) + 1)

    def add_callback(self, row: EventCallbackUrl) -> EventCallbackUrl:
        """Store a webhook registration; its id is assigned here."""
        row.id = self._next_callback_id
        self._next_callback_id += 1
        self.callbacks[row.id] = row
        return row

    def callback_by_key(self, key: str) -> EventCallbackUrl | None:
        """Find a webhook registration by id or by `EventType|IsBackup`."""
        if key.isascii() and key.isdigit() and len(key) < 20:
            return self.callbacks.get(int(key))
        return next((row for row in self.callbacks.values() if row.key == key.lower()), None)

    def callback_for(self, event_type: EventType) -> EventCallbackUrl | None:
        """Give the webhook that events of a type go to: the primary, or the backup once that one is dead."""
        rows = [row for row in self.callbacks.values() if row.event_type == event_type]
        primary = next((row for row in rows if not row.is_backup), None)
        if primary is None or primary.status is CallbackStatus.ALIVE:
            return primary
        return next((row for row in rows if row.is_backup and row.status is CallbackStatus.ALIVE), None)

    def uses_url(self, url: str) -> bool:
        """Say whether an alive webhook points at a URL."""
        return any(row.url == url and row.status is CallbackStatus.ALIVE for row in self.callbacks.values())

    def suspend(self, url: str) -> None:
        """Mark every webhook at a URL dead."""
        for row in self.callbacks.values():
            if row.url == url:
                row.status = CallbackStatus.DEAD

    def contacts_of(self, campaign_id: int) -> set[int]:
        """Give the ids of the contacts that a campaign has a message to."""
        return {
            message.contact.id for message in self.messages.values() if message.campaign_id == campaign_id
        }
