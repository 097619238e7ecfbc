"""From a draft to mails on their way, and from what becomes of them to events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from fakes.kit import COMPLAINT_HEADER, MailMessage, current_cause, draw_uuid
from fakes.mailjet.drafts import Address
from fakes.mailjet.mail import fill, render_html, unsubscribe_path
from fakes.mailjet.state import Contact, EventType, HistoryRow, Message, MessageStatus, Template
from fakes.mailjet.webhooks import build_event

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from random import Random

    from fakes.kit import Fake, MailReply
    from fakes.mailjet.drafts import Draft
    from fakes.mailjet.settings import MailjetSettings
    from fakes.mailjet.state import MailjetState
    from fakes.mailjet.webhooks import EventSender

__all__ = ["Dispatcher", "Position", "Rendered", "classify", "render"]

_HISTORY_WORDS: Final = {
    EventType.SENT: "sent",
    EventType.OPEN: "opened",
    EventType.CLICK: "clicked",
    EventType.BOUNCE: "bounced",
    EventType.BLOCKED: "blocked",
    EventType.SPAM: "spam",
    EventType.UNSUB: "unsub",
}
_ENHANCED: Final = {
    "1.1": ("recipient", "user unknown"),
    "1.2": ("domain", "invalid domain"),
    "1.10": ("domain", "no mail host"),
    "2.1": ("recipient", "mailbox inactive"),
    "2.2": ("recipient", "quota exceeded"),
    "4.4": ("domain", "no mail host"),
    "7.1": ("domain", "relay/access denied"),
}
_BASIC: Final = {
    421: ("system", "connection issue"),
    450: ("domain", "greylisted"),
    451: ("domain", "greylisted"),
    452: ("recipient", "quota exceeded"),
    550: ("recipient", "user unknown"),
    551: ("recipient", "user unknown"),
    552: ("recipient", "quota exceeded"),
    554: ("spam", "content blocked"),
}


def classify(code: int, text: str) -> tuple[str, str]:
    """Sort a mail host's refusal into Mailjet's `error_related_to` and `error`.

    Args:
        code: SMTP reply code, 400 or above.
        text: The host's words; an enhanced status code in front (RFC 3463) decides.
    """
    word = text.split(" ", 1)[0]
    _, _, detail = word.partition(".")
    if word.startswith("4.7"):
        return ("domain", "greylisted")
    if word[:2] in ("4.", "5.") and detail in _ENHANCED:
        return _ENHANCED[detail]
    if word.startswith("5.7"):
        return ("spam", "policy issue")
    return _BASIC.get(code, ("system", "protocol issue" if code >= 500 else "system issue"))


@dataclass(frozen=True, slots=True)
class Position:
    """One recipient of one message as the answer lists it.

    Attributes:
        address: As asked for.
        message_id: `MessageID`; 0 in sandbox mode.
        message_uuid: `MessageUUID`; empty in sandbox mode.
    """

    address: Address
    message_id: int = 0
    message_uuid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A draft with template and variables filled in, not yet tracked.

    Attributes:
        draft: What was asked for.
        sender: `From`, of the draft or of its template.
    """

    draft: Draft
    sender: Address
    subject: str
    html: str
    text: str


def render(draft: Draft, template: Template | None) -> Rendered:
    """Fill a draft in; the draft's own parts go before the template's.

    Raises:
        VariableMissing: A variable has neither a value nor a default, and the draft does not bear it.
    """
    stored = template or Template(name="")

    def filled(part: str) -> str:
        if not draft.is_templated:
            return part
        return fill(part, draft.variables, is_lenient=draft.delivers_template_errors)

    return Rendered(
        draft=draft,
        sender=draft.sender or Address(stored.sender_email, stored.sender_name),
        subject=filled(draft.subject or stored.subject),
        html=filled(draft.html or stored.html),
        text=filled(draft.text or stored.text),
    )


class Dispatcher:
    """Sends accepted messages and records what becomes of each."""

    def __init__(
        self,
        fake: Fake,
        state: MailjetState,
        settings: MailjetSettings,
        *,
        events: EventSender,
        track_host: str,
    ) -> None:
        self._fake = fake
        self._state = state
        self._settings = settings
        self._events = events
        self._track_host = track_host

    def number(self, addresses: Iterable[Address]) -> list[Position]:
        """Give each recipient the ids that the answer shows."""
        random = self._fake.surroundings.random
        return [Position(address, self._state.take_message_id(), draw_uuid(random)) for address in addresses]

    def send(self, rendered: Rendered, positions: Sequence[Position]) -> None:
        """Send one mail to each recipient, in the background; one named twice gets one mail."""
        seen: dict[str, None] = {}
        for position in positions:
            address = position.address.email.lower()
            if address not in seen:
                seen[address] = None
                message = self._store(rendered, position)
                self._fake.spawn(self._deliver(message, rendered), name=f"mail to {address}")

    def store_contact(self, address: Address, *, source: str, is_excluded: bool = False) -> Contact:
        """Store a contact that is not known yet, and tell of it.

        Args:
            address: Its address and name.
            source: `api` when asked for, `send` as the side effect of a message.
            is_excluded: `IsExcludedFromCampaigns`.
        """
        now = self._fake.surroundings.now()
        contact = self._state.add_contact(address.email, name=address.name, is_excluded=is_excluded, now=now)
        self._fake.tell(
            "contact_stored",
            contact.email.lower(),
            contact_id=contact.id,
            name=contact.name,
            source=source,
            is_new=True,
        )
        return contact

    def record(self, message: Message, event_type: EventType, extras: Mapping[str, object]) -> None:
        """Record an event of a message: history, contact, ground truth, webhook.

        Args:
            message: To which it happened.
            event_type: What.
            extras: The fields of this type of event, in the order of the guide.
        """
        time = int(self._fake.surroundings.now().timestamp())
        at = datetime.fromtimestamp(time, UTC)
        comment, agent = str(extras.get("comment", "")), str(extras.get("agent", ""))
        message.history.append(HistoryRow(_HISTORY_WORDS[event_type], at, comment, message.state, agent))
        message.contact.last_activity_at = at
        event = build_event(event_type, message, time=time, extras=extras)
        self._fake.tell(event_type.value, message.contact.email.lower(), at=at, **event)
        self._events.publish(event)

    def _store(self, rendered: Rendered, position: Position) -> Message:
        draft, settings = rendered.draft, self._settings
        address = position.address
        contact = self._state.contact_by_email(address.email) or self.store_contact(address, source="send")
        campaign = self._state.campaign_named(draft.custom_campaign) if draft.custom_campaign else None
        message = Message(
            id=position.message_id,
            uuid=position.message_uuid,
            token=_draw_token(self._fake.surroundings.random),
            contact=contact,
            sender=rendered.sender.email,
            sender_id=settings.sender_id(rendered.sender.email),
            subject=rendered.subject,
            arrived_at=self._fake.surroundings.now(),
            custom_id=draft.custom_id,
            payload=draft.payload,
            campaign_id=campaign.id if campaign else 0,
            custom_campaign=draft.custom_campaign,
            has_html=bool(rendered.html),
            has_text=bool(rendered.text),
            tracks_opens=bool(rendered.html) and _choose(draft.track_opens, settings.track_opens),
            tracks_clicks=bool(rendered.html) and _choose(draft.track_clicks, settings.track_clicks),
            attachment_count=draft.attachment_count,
            size=len(rendered.html.encode()) + len(rendered.text.encode()) + draft.attached_bytes,
        )
        self._state.add_message(message)
        return message

    async def _deliver(self, message: Message, rendered: Rendered) -> None:
        if (reason := self._reason_to_block(message, deduplicates=rendered.draft.deduplicates)) is not None:
            related_to, message.state = reason
            message.move_to(MessageStatus.BLOCKED)
            self.record(message, EventType.BLOCKED, {"error_related_to": related_to, "error": message.state})
            return
        message.attempt_count += 1
        reply = await self._fake.surroundings.mail_host.deliver(self._render(message, rendered))
        if reply.is_accepted:
            self._note_sent(message, reply)
        else:
            self._note_bounce(message, reply)

    def _reason_to_block(self, message: Message, *, deduplicates: bool) -> tuple[str, str] | None:
        """Say why a message is not even tried: `error_related_to` and `error`."""
        contact = message.contact
        if contact.is_spam_complaining:
            return ("recipient", "spam reporter")
        if contact.is_preblocked:
            return ("mailjet", "preblocked")
        if message.custom_campaign:
            reached = self._state.campaign_named(message.custom_campaign).contact_ids
            if deduplicates and contact.id in reached:
                return ("mailjet", "duplicate in campaign")
            reached.add(contact.id)
        return None

    def _note_sent(self, message: Message, reply: MailReply) -> None:
        message.move_to(MessageStatus.SENT)
        message.contact.delivered_count += 1
        line = f"{reply.code} {reply.text}"
        extras: dict[str, object] = (
            {"mj_message_id": str(message.id)} if self._settings.adds_message_id_text else {}
        )
        extras["smtp_reply"] = f"sent ({line})" if self._settings.wraps_smtp_reply else line
        self.record(message, EventType.SENT, extras)

    def _note_bounce(self, message: Message, reply: MailReply) -> None:
        is_hard = reply.is_permanent_failure
        related_to, message.state = classify(reply.code, reply.text)
        message.is_final_failure = is_hard
        message.move_to(MessageStatus.HARD_BOUNCED if is_hard else MessageStatus.SOFT_BOUNCED)
        message.contact.is_preblocked |= is_hard
        extras: dict[str, object] = {
            "blocked": is_hard,
            "hard_bounce": is_hard,
            "error_related_to": related_to,
            "error": message.state,
            "comment": f"{reply.code} {reply.text}",
        }
        self.record(message, EventType.BOUNCE, extras)

    def _render(self, message: Message, rendered: Rendered) -> MailMessage:
        draft = rendered.draft
        base_url = self._fake.surroundings.url_of(self._track_host)
        headers = {
            **draft.headers,
            "From": _shown(rendered.sender),
            **({"Reply-To": _shown(draft.reply_to)} if draft.reply_to else {}),
            "List-Unsubscribe": f"<{base_url}{unsubscribe_path(message.token)}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            COMPLAINT_HEADER: f"{base_url}/complaint/{message.token}",
        }
        html = ""
        if rendered.html:
            html = render_html(
                rendered.html,
                token=message.token,
                base_url=base_url,
                url_tags=draft.url_tags,
                has_pixel=message.tracks_opens,
                has_links=message.tracks_clicks,
                adds_unsubscribe=self._settings.adds_unsubscribe_link,
            )
        return MailMessage(
            id=str(message.id),
            vendor=self._fake.vendor,
            sender=rendered.sender.email,
            recipient=message.contact.email,
            subject=rendered.subject,
            html=html,
            text=rendered.text,
            headers=headers,
            sent_at=self._fake.surroundings.now(),
            cause=current_cause.get(),
        )


def _choose(asked: bool | None, account: bool) -> bool:  # noqa: FBT001 - a pair of settings, in order of precedence
    return account if asked is None else asked


def _shown(address: Address) -> str:
    return f"{address.name} <{address.email}>" if address.name else address.email


def _draw_token(random: Random) -> str:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return "".join(random.choices(alphabet, k=36))
