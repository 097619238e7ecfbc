"""Where mail and text messages go: the recipient's mail host and phone network.

A fake hands over what it rendered and gets the answer a real server would give. In a world the people's
inboxes stand behind these protocols; nothing here knows of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

__all__ = [
    "COMPLAINT_HEADER",
    "Inboxes",
    "MailHost",
    "MailMessage",
    "MailReply",
    "PhoneMessage",
    "PhoneNetwork",
]

COMPLAINT_HEADER: Final = "X-Complaint-URL"
"""Mail header with the URL that stands in for the vendor's feedback loop: the recipient's mail host posts
there (empty body) when the person presses "spam". Real feedback loops are ARF mails to an agreed address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailMessage:
    """One rendered e-mail on its way to one recipient.

    Attributes:
        id: The vendor's id for this message to this recipient.
        vendor: Who sends it.
        sender: From address.
        recipient: To address.
        subject: Rendered.
        html: HTML part, with pixel, tracked links and unsubscribe link where tracking is on.
        amp: AMP4EMAIL part, or None.
        text: Plain text part; may be empty.
        headers: Further headers, `List-Unsubscribe` and `COMPLAINT_HEADER` among them.
        sent_at: When it was handed over.
        cause: Id of the journal entry that made the vendor send it.
    """

    id: str
    vendor: str
    sender: str
    recipient: str
    subject: str
    html: str
    amp: str | None = None
    text: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    sent_at: datetime
    cause: str = ""


@dataclass(frozen=True, slots=True)
class MailReply:
    """What the recipient's server says at the end of the SMTP dialogue.

    Attributes:
        code: 250 taken, 4xx try later, 5xx refused for good.
        text: The server's words, without the code: `5.1.1 no such user`.
    """

    code: int = 250
    text: str = "2.0.0 OK"

    @property
    def is_accepted(self) -> bool:
        """Whether the server took the message."""
        return self.code < 400

    @property
    def is_permanent_failure(self) -> bool:
        """Whether trying again is pointless (a hard bounce)."""
        return self.code >= 500


class MailHost(Protocol):
    """Takes mail for every recipient there is."""

    async def deliver(self, message: MailMessage) -> MailReply:
        """Hand one message over; an address nobody has is refused with 550."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneMessage:
    """One SMS, WhatsApp message, push or web push notification on its way to one person.

    Attributes:
        id: The vendor's id for it.
        vendor: Who sends it.
        channel: How it travels.
        recipient: Phone number for an SMS and for WhatsApp, device token for a push.
        email: E-mail address on the vendor's profile; empty when there is none.
        title: Rendered; empty for an SMS.
        text: Rendered.
        view_url: What the device calls when it shows the message; empty when nothing tells.
        tap_url: What the device calls when the message is tapped; an SMS has links in its text instead.
        campaign: Name of the campaign that sends it.
        sent_at: When it was handed over.
        cause: Id of the journal entry that made the vendor send it.
    """

    id: str
    vendor: str
    channel: Literal["sms", "push", "webpush", "whatsapp"]
    recipient: str
    email: str = ""
    title: str = ""
    text: str
    view_url: str = ""
    tap_url: str = ""
    campaign: str = ""
    sent_at: datetime
    cause: str = ""


class PhoneNetwork(Protocol):
    """Takes messages for every phone there is."""

    async def deliver(self, message: PhoneMessage) -> bool:
        """Hand one message over; False when nobody has that number or token."""
        ...


@runtime_checkable
class Inboxes(Protocol):
    """A mail host or phone network behind which people have messages that they have not done with."""

    def intentions(self, vendor: str, now: datetime) -> list[dict[str, Any]]:
        """Write down what people still have in mind with a vendor's messages."""
        ...

    def prepare(
        self, vendor: str, plans: Sequence[dict[str, Any]], now: datetime, path: str
    ) -> Callable[[], None]:
        """Read what they are to have in mind; calling what is given makes it so, and drops what they had.

        Args:
            vendor: Whose messages.
            plans: What `intentions` gave.
            now: The world's instant.
            path: Where the plans stand, for what is told.

        Raises:
            SnapshotInvalid: They are not of these people; nothing is changed.
        """
        ...
