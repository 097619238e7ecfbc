"""The canonical event: what a contact did with a message, whoever reports it.

Sources turn their vendor's webhooks into engagements; routing and destinations read nothing else. Vendor ids are
texts, because Mailjet's exceed 2^53. What no field holds goes to `extras`, never away.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid5

from bridge.errors import Unreadable
from bridge.texts import storable

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "Client",
    "Engagement",
    "Failure",
    "Form",
    "Kind",
    "Link",
    "Message",
    "Recipient",
    "SourceName",
    "engagement_id",
    "instant_from_iso",
    "instant_from_unix",
    "is_address",
    "iso",
    "unix_ms",
]

_NAMESPACE: Final = UUID("6c1f4a52-6b0e-5d0c-9a43-2f1c51c0f5b7")
_NOT_IN_ADDRESSES: Final = r"@\s<>\"(),:;\[\]\\${}\x00-\x1f\x7f\ufffd"
_ADDRESS: Final = re.compile(f"[^{_NOT_IN_ADDRESSES}]+@[^{_NOT_IN_ADDRESSES}]+\\.[^{_NOT_IN_ADDRESSES}.]+")
_LATEST_UNIX: Final = 253_402_300_799  # 9999-12-31T23:59:59Z, the last second that a datetime holds


class SourceName(StrEnum):
    """The vendors that the bridge receives from."""

    CLEVERTAP = "clevertap"
    MAILMODO = "mailmodo"
    MAILJET = "mailjet"
    CUSTOMERIO = "customerio"
    SEGMENT = "segment"


class Kind(StrEnum):
    """What happened; closed: whatever is none of these is `other`."""

    SENT = "sent"
    DELIVERED = "delivered"
    OPENED = "opened"
    LINK_CLICKED = "link_clicked"
    FORM_SUBMITTED = "form_submitted"
    BOUNCED = "bounced"
    UNSUBSCRIBED = "unsubscribed"
    MARKED_AS_SPAM = "marked_as_spam"
    CAMPAIGN_TRIGGERED = "campaign_triggered"
    CONTACT_IDENTIFIED = "contact_identified"
    CUSTOM_TRACKED = "custom_tracked"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Whom it is about; what the source does not know is empty.

    Attributes:
        email: The address as the source wrote it, without display name.
        user_id: The customer's own id of the person.
        clevertap_id: CleverTap's id of the person, as a trigger brought it.
        contact_id: The source vendor's own id of the contact.
    """

    email: str = ""
    user_id: str = ""
    clevertap_id: str = ""
    contact_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """The message that the contact did something with; None where the source does not say.

    Attributes:
        id: The vendor's id of it; for Mailmodo the id of the address, which it calls `email_id`.
        guid: A second, universally unique id, where the vendor has one.
        ref: The id that the vendor gave to the send, where it has one.
        trigger_source: What triggered the campaign: `CleverTap`, `Rest API`, `Journey`.
    """

    id: str | None = None
    guid: str | None = None
    ref: str | None = None
    subject: str | None = None
    type: str | None = None
    template_id: str | None = None
    template_name: str | None = None
    campaign_id: str | None = None
    campaign_name: str | None = None
    campaign_type: str | None = None
    trigger_source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """The link that was clicked."""

    id: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """The form that was submitted.

    Attributes:
        submission_type: `AMP` or `WEB`.
        answers: By question, as the vendor gives them.
    """

    id: str | None = None
    name: str | None = None
    submission_type: str | None = None
    answers: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a message was not taken, or not wanted.

    Attributes:
        reason: In the vendor's words.
        is_hard: Whether trying again is pointless.
        is_blocked: Whether the vendor will no longer send to this address.
    """

    reason: str | None = None
    is_hard: bool | None = None
    is_blocked: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """What the contact acted with.

    Attributes:
        country: Two letters.
        apple_privacy_open: Whether Apple's proxy opened the mail, which says nothing about the person.
    """

    ip: str | None = None
    agent: str | None = None
    country: str | None = None
    apple_privacy_open: bool | None = None


_NO_MESSAGE: Final = Message()
_NO_LINK: Final = Link()
_NO_FORM: Final = Form()
_NO_FAILURE: Final = Failure()
_NO_CLIENT: Final = Client()


@dataclass(frozen=True, slots=True, kw_only=True)
class Engagement:
    """What a contact did with a message.

    Attributes:
        id: UUIDv5 of source and dedup key: the same webhook always gives the same id.
        source: Who reports it.
        kind: What happened.
        occurred_at: When it happened, an aware UTC instant.
        received_at: When the bridge was told.
        recipient: Whom it is about.
        message: Which message.
        link: Which link, for clicks.
        form: Which form with which answers, for submissions.
        failure: Why, for bounces, blocks and unsubscriptions.
        client: With what, for opens and clicks.
        where: The campaign in the webhook's URL, for triggers.
        extras: The vendor's own fields, in its own words and types, that no field above holds exactly.
    """

    id: str
    source: SourceName
    kind: Kind
    occurred_at: datetime
    received_at: datetime
    recipient: Recipient
    message: Message = _NO_MESSAGE
    link: Link = _NO_LINK
    form: Form = _NO_FORM
    failure: Failure = _NO_FAILURE
    client: Client = _NO_CLIENT
    where: str = ""
    extras: Mapping[str, Any] = field(default_factory=dict)


def engagement_id(source: SourceName, dedup_key: str) -> str:
    """Give the id of the engagement that a source reports under a dedup key."""
    return str(uuid5(_NAMESPACE, storable(f"{source}:{dedup_key}")))


def is_address(text: str) -> bool:
    """Say whether a text can be an e-mail address; a placeholder such as `${user_email}` cannot."""
    return (
        len(text) <= 254 and _ADDRESS.fullmatch(text) is not None
    )  # 254: RFC 5321, 4.5.3.1.3 less the brackets


def instant_from_unix(value: object) -> datetime:
    """Read UNIX seconds, as a number or as digits.

    Raises:
        Unreadable: It is neither, or out of range.
    """
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= _LATEST_UNIX:
        raise Unreadable(f"wanted a time in UNIX seconds, found {str(value)[:60]!r}")
    return datetime.fromtimestamp(value, UTC)


def instant_from_iso(value: object) -> datetime:
    """Read an ISO 8601 time; one without an offset is taken as UTC.

    Raises:
        Unreadable: It is not one.
    """
    try:
        read = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        read = None
    if read is None:
        raise Unreadable(f"wanted an ISO 8601 time, found {str(value)[:60]!r}")
    if read.tzinfo is None:
        return read.replace(tzinfo=UTC)
    try:
        return read.astimezone(UTC)
    except OverflowError as error:
        raise Unreadable(f"wanted an ISO 8601 time, found {value!r}") from error


def unix_ms(instant: datetime) -> int:
    """Give an instant in UNIX milliseconds, rounded down."""
    return int(instant.timestamp() * 1000)


def iso(instant: datetime) -> str:
    """Write an instant as vendors do: UTC, milliseconds, `Z`."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
