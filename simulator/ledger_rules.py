"""The rules of the ledger: which effects an engagement must have, and where.

Written from the vendors' documented integrations, not from any bridge's mapping: names, identities, gates and
times stand here a second time on purpose, so that a bridge cannot be wrong in both places at once. What an effect
must carry is in `simulator.ledger_values`.

Sources: the integration pages of Segment (Mailmodo source and destination, Mailjet source, Customer.io source)
and CleverTap (Mailmodo); see `docs/explanations/ledger.md`.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from fakes.clevertap import DropReason
from fakes.kit import Exchange, Fact
from simulator.ledger import Due, Effect
from simulator.ledger_values import (
    Wanted,
    answers_wanted,
    clean_name,
    clevertap_wanted,
    contact_wanted,
    custom_event_wanted,
    customerio_wanted,
    mailjet_wanted,
    mailmodo_wanted,
    payload_user_id,
    read_trigger,
    segment_values,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from datetime import datetime

    from simulator.entry import Entry
    from simulator.journal import Journal

__all__ = ["BROKEN_TEXTS", "RULES", "TOLERANCE_S", "LedgerContext", "dues", "effects", "engagement_webhooks"]

RULES: Final = {
    "trigger": "CleverTap webhook campaign → one Mailmodo e-mail",
    "activity": "Mailmodo activity of a CleverTap campaign → MM event on the profile",
    "answers": "Mailmodo form answer → MM <Template Name> Form Submitted",
    "mailmodo": "Mailmodo activity of an identified contact → Segment event",
    "mailjet": "Mailjet event → Segment event",
    "customerio": "Customer.io event → Segment event",
    "identify": "Segment identify with an e-mail → Mailmodo contact",
    "track": "Segment track of a known user → Mailmodo custom event",
}

TOLERANCE_S: Final[Mapping[str, float]] = {
    "clevertap": 1.0,  # `ts` is whole seconds
    "segment": 0.001,  # timestamps are milliseconds
    "mailmodo campaign": float("inf"),  # a trigger carries no time of its own
    "mailmodo contact": float("inf"),  # neither does an upsert
    "mailmodo event": 1.0,  # `ts` is whole seconds
}

_MAILMODO_TO_CLEVERTAP: Final = {
    "email_opened": "MM Email Opened",
    "link_clicked": "MM Email Link Clicked",
    "form_submitted": "MM Email Form Submitted",
    "email_bounced": "MM Email Bounced",
    "unsubscribed": "MM Email Unsubscribed",
    "marked_as_spam": "MM Email Marked as Spam",
}
_MAILMODO_TO_SEGMENT: Final = {
    "email_sent": "Email Sent",
    "email_opened": "Email Opened",
    "link_clicked": "Link Clicked",
    "form_submitted": "Email Form Submitted",
    "email_bounced": "Email Bounced",
    "unsubscribed": "Email Unsubscribed",
    "marked_as_spam": "Email Marked as Spam",
}
_MAILJET_TO_SEGMENT: Final = {
    "sent": "Email Delivered",
    "open": "Email Opened",
    "click": "Email Link Clicked",
    "bounce": "Email Bounced",
    "unsub": "Email Unsubscribed",
    "spam": "Email Marked as Spam",
}
_CUSTOMERIO_TO_SEGMENT: Final = {
    "delivered": "Email Delivered",
    "opened": "Email Opened",
    "clicked": "Email Link Clicked",
    "bounced": "Email Bounced",
    "unsubscribed": "Email Unsubscribed",
    "spammed": "Email Marked as Spam",
}
BROKEN_TEXTS: Final = frozenset({DropReason.INVALID_BODY.value, DropReason.INVALID_URL.value})
"""CleverTap's reasons for sending nothing that are faults of a campaign's text; a mail is due all the same."""


@dataclass(frozen=True, slots=True)
class LedgerContext:
    """What the rules must know of the scenario besides the journal.

    Attributes:
        triggers: Name of the Mailmodo campaign by name of the CleverTap campaign that calls it.
        bridge: How the journal calls the bridge as a sender.
        mailmodo_sources: Segment sources whose events go to the Mailmodo destination.
    """

    triggers: Mapping[str, str]
    bridge: str = "bridge"
    mailmodo_sources: Collection[str] = ("web",)


def dues(journal: Journal, context: LedgerContext) -> list[Due]:
    """Derive every effect that must be there, in the order in which its engagement became known."""
    facts = [(entry, entry.payload) for entry in journal.fact_entries() if isinstance(entry.payload, Fact)]
    book = _Book(context, journal, [fact for _entry, fact in facts])
    for entry, fact in facts:
        book.read(entry, fact)
    return book.dues


def effects(journal: Journal, context: LedgerContext) -> list[Effect]:
    """Collect every effect that the bridge made, in the order in which it arrived."""
    found = []
    for entry in journal.fact_entries():
        fact = entry.payload
        if isinstance(fact, Fact) and (read := _EFFECTS.get((fact.vendor, fact.kind))) is not None:
            brought_by = journal.by_id(fact.cause) if fact.cause else None
            exchange = brought_by.payload if brought_by else None
            if isinstance(exchange, Exchange) and exchange.sender == context.bridge:
                made = read(entry.id, fact, entry.at)
                if made is not None:
                    found.append(made)
    return found


class _Book:
    """Goes through the facts in order and remembers what gates and identities need."""

    def __init__(self, context: LedgerContext, journal: Journal, facts: Iterable[Fact]) -> None:
        self._context = context
        self._journal = journal
        self._made: list[Due | None] = []
        self._object_ids: dict[str, str] = {}
        self._profiles: dict[str, str] = {}
        self._user_ids: dict[str, str] = {}
        self._emails: dict[str, tuple[str, str]] = {}
        self._triggers: dict[tuple[str, str], deque[int]] = defaultdict(deque)
        self._webhooks: dict[str, str] = {}
        self._segment_facts = _SegmentFacts(facts)
        self._rules: dict[str, Callable[[Entry, Fact], None]] = {
            "clevertap": self._clevertap,
            "mailmodo": self._mailmodo,
            "mailjet": self._mailjet,
            "customerio": self._customerio,
            "segment": self._segment,
        }

    @property
    def dues(self) -> list[Due]:
        return [due for due in self._made if due is not None]

    def read(self, entry: Entry, fact: Fact) -> None:
        rule = self._rules.get(fact.vendor)
        if rule is not None:
            rule(entry, fact)

    def _add(
        self, rule: str, entry: Entry, fact: Fact, wanted: Wanted, *, account: str, name: str, subject: str,
        **changes: Any,
    ) -> None:  # fmt: skip
        settings: dict[str, Any] = {
            "at": fact.at, "person": fact.subject, "entry": entry.id, "cause": fact.cause, "known_at": entry.at,
            "values": wanted.values, "also": wanted.also, "is_closed": wanted.is_closed,
        }  # fmt: skip
        settings |= changes
        self._made.append(Due(rule=RULES[rule], account=account, name=name, subject=subject, **settings))

    def _clevertap(self, entry: Entry, fact: Fact) -> None:
        """Webhook campaigns: whoever qualifies is due a mail, whatever the bridge answers."""
        object_id = str(fact.details.get("object_id", ""))
        if object_id:
            self._object_ids[fact.subject] = object_id
            self._profiles[object_id] = fact.subject
        name = str(fact.details.get("campaign", ""))
        campaign = self._context.triggers.get(name)
        if not campaign:
            return
        waiting = self._triggers[name, fact.subject]
        if fact.kind == "campaign_qualified":
            waiting.append(len(self._made))
            wanted = Wanted(values={"clevertap_id": self._object_ids.get(fact.subject)})
            where = {"account": "mailmodo campaign", "subject": fact.subject}
            self._add("trigger", entry, fact, wanted, name=campaign, **where)
        elif waiting and fact.kind in ("webhook_sent", "webhook_failed"):
            self._complete(waiting.popleft(), fact)
        elif waiting and fact.kind == "message_dropped":
            number = waiting.popleft()
            if str(fact.details.get("reason")) not in BROKEN_TEXTS:
                self._made[number] = None  # CleverTap's own rules kept it back: no webhook, so no mail

    def _complete(self, number: int, fact: Fact) -> None:
        """Take from the request itself what CleverTap asked for."""
        due, entry = self._made[number], self._journal.by_id(fact.cause)
        request = entry.payload if entry else None
        if due is None or not isinstance(request, Exchange) or request.kind != "webhook":
            return
        asked = read_trigger(request.request_body)
        values = {**due.values, **{f"data.{name}": value for name, value in asked.data.items()}}
        if asked.clevertap_id:
            values["clevertap_id"] = asked.clevertap_id
        self._made[number] = replace(due, subject=asked.email or due.subject, values=values, cause=fact.cause)

    def _mailmodo(self, entry: Entry, fact: Fact) -> None:
        details = fact.details
        clevertap_id = details.get("clevertap_id")
        name = _MAILMODO_TO_CLEVERTAP.get(fact.kind)
        if name and clevertap_id and details.get("campaign_trigger_source") == "CleverTap":
            subject = self._profiles.get(str(clevertap_id), str(clevertap_id))
            where: dict[str, Any] = {"account": "clevertap", "subject": subject}
            self._add("activity", entry, fact, clevertap_wanted(details), name=name, **where)
            if fact.kind == "form_submitted":
                detailed = f"MM {clean_name(str(details.get('template_name')))} Form Submitted"
                self._add("answers", entry, fact, answers_wanted(details), name=detailed, **where)
        event = _MAILMODO_TO_SEGMENT.get(fact.kind)
        user_id = self._user_ids.get(fact.subject)
        if event and user_id:
            wanted = mailmodo_wanted(details, fact.subject)
            self._add_at_segment("mailmodo", entry, fact, wanted, event=event, user_id=user_id)

    def _mailjet(self, entry: Entry, fact: Fact) -> None:
        event = _MAILJET_TO_SEGMENT.get(fact.kind)
        if event:
            user_id = self._user_ids.get(fact.subject) or payload_user_id(fact.details.get("Payload"))
            wanted = mailjet_wanted(fact.details, fact.subject)
            self._add_at_segment("mailjet", entry, fact, wanted, event=event, user_id=user_id)

    def _customerio(self, entry: Entry, fact: Fact) -> None:
        event = _CUSTOMERIO_TO_SEGMENT.get(fact.kind)
        if event and fact.details.get("delivery_id"):
            user_id = (fact.details.get("identifiers") or {}).get("id") or fact.details.get("customer_id")
            wanted = customerio_wanted(fact.details, fact.subject)
            self._add_at_segment("customerio", entry, fact, wanted, event=event, user_id=str(user_id or ""))

    def _add_at_segment(
        self, source: str, entry: Entry, fact: Fact, wanted: Wanted, *, event: str, user_id: str
    ) -> None:
        subject = f"user {user_id}" if user_id else f"anonymous {fact.subject}"
        self._add(source, entry, fact, wanted, account=f"segment/{source}", name=event, subject=subject)

    def _segment(self, entry: Entry, fact: Fact) -> None:
        """The Mailmodo destination: all that Segment accepted for it, whatever the partner answers."""
        details = fact.details
        message = str(details.get("message_id"))
        is_for_mailmodo = details.get("source") in self._context.mailmodo_sources
        if fact.kind != "message_accepted" or not is_for_mailmodo or message in self._segment_facts.filtered:
            return
        user_id = str(details.get("user_id") or "")
        if details.get("type") == "identify":
            traits = details.get("traits") or {}
            email = str(traits.get("email") or "").strip().lower()
            if not email:
                return  # dropped: an identify without an e-mail
            if user_id:
                self._user_ids[email] = user_id
                self._emails[user_id] = email, message
            rule, account, name = "identify", "mailmodo contact", "contact"
            wanted = contact_wanted(traits)
        elif details.get("type") == "track" and self._is_known(user_id, message):
            email, _identify = self._emails[user_id]
            rule, account, name = "track", "mailmodo event", str(details.get("event"))
            wanted = custom_event_wanted(details.get("properties") or {})
        else:
            return  # dropped: an unknown user, or neither identify nor track
        self._add(rule, entry, fact, wanted, account=account, name=name, subject=email, person=email)

    def _is_known(self, user_id: str, message: str) -> bool:
        """Say whether an identify made the user known; one that reached the partner after the track did not."""
        if user_id not in self._emails:
            return False
        _email, identify = self._emails[user_id]
        delivered = self._segment_facts.delivered
        return delivered.get(message, len(delivered)) >= delivered.get(identify, -1)


class _SegmentFacts:
    """What became of messages for the Mailmodo destination.

    Attributes:
        filtered: Messages that Segment kept from it.
        delivered: Messages that the partner took, with their place in that order.
    """

    def __init__(self, facts: Iterable[Fact]) -> None:
        self.filtered: set[str] = set()
        self.delivered: dict[str, int] = {}
        for fact in facts:
            if fact.vendor == "segment" and fact.details.get("destination") == "Mailmodo":
                message = str(fact.details.get("message_id"))
                if fact.kind == "message_filtered":
                    self.filtered.add(message)
                elif fact.kind == "message_delivered":
                    self.delivered.setdefault(message, len(self.delivered))


def _clevertap_effect(entry: str, fact: Fact, recorded_at: datetime) -> Effect | None:
    if fact.details.get("is_system"):
        return None  # CleverTap's own event, of a message that what the bridge brought set off
    properties = fact.details.get("properties") or {}
    return _effect(
        "clevertap", str(fact.details.get("name")), fact.subject, entry, fact, recorded_at, properties
    )


def _segment_effect(entry: str, fact: Fact, recorded_at: datetime) -> Effect:
    user_id, anonymous_id = fact.details.get("user_id"), fact.details.get("anonymous_id")
    subject = f"user {user_id}" if user_id else f"anonymous {anonymous_id}"
    name = str(fact.details.get("event") or fact.details.get("type"))
    account = f"segment/{fact.details.get('source')}"
    return _effect(account, name, subject, entry, fact, recorded_at, segment_values(fact.details))


def _campaign_effect(entry: str, fact: Fact, recorded_at: datetime) -> Effect:
    name = str(fact.details.get("campaign_name"))
    data = fact.details.get("data") or {}
    values = {f"data.{key}": value for key, value in data.items()}
    values["clevertap_id"] = fact.details.get("clevertap_id")
    return _effect("mailmodo campaign", name, fact.subject, entry, fact, recorded_at, values)


def _contact_effect(entry: str, fact: Fact, recorded_at: datetime) -> Effect | None:
    if not fact.details.get("list_name"):
        return None  # a trigger stores its recipient as well; that is the trigger's own effect
    data = fact.details.get("data") or {}
    return _effect("mailmodo contact", "contact", fact.subject, entry, fact, recorded_at, data)


def _custom_event_effect(entry: str, fact: Fact, recorded_at: datetime) -> Effect:
    properties = fact.details.get("properties") or {}
    return _effect(
        "mailmodo event", str(fact.details.get("name")), fact.subject, entry, fact, recorded_at, properties
    )


def _record_effect(entry: str, fact: Fact, recorded_at: datetime) -> Effect:
    """Read what no integration of these vendors does: whatever the bridge does so follows from nothing."""
    name = fact.kind.replace("_", " ")
    return _effect(fact.vendor, name, fact.subject, entry, fact, recorded_at, {})


_EFFECTS: Final[Mapping[tuple[str, str], Callable[[str, Fact, datetime], Effect | None]]] = {
    ("clevertap", "event_stored"): _clevertap_effect,
    ("segment", "message_accepted"): _segment_effect,
    ("mailmodo", "campaign_triggered"): _campaign_effect,
    ("mailmodo", "contact_stored"): _contact_effect,
    ("mailmodo", "custom_event_stored"): _custom_event_effect,
    ("clevertap", "profile_stored"): _record_effect,
    ("mailmodo", "contact_unlisted"): _record_effect,
    ("mailmodo", "contact_unsubscribed"): _record_effect,
    ("mailmodo", "contact_resubscribed"): _record_effect,
    ("mailmodo", "contact_archived"): _record_effect,
    ("mailjet", "contact_stored"): _record_effect,
    ("customerio", "person_stored"): _record_effect,
    ("customerio", "event_stored"): _record_effect,
}


def _effect(
    account: str,
    name: str,
    subject: str,
    entry: str,
    fact: Fact,
    recorded_at: datetime,
    values: Mapping[str, Any],
) -> Effect:
    return Effect(
        account=account,
        name=name,
        subject=subject,
        at=fact.at,
        values=values,
        person=fact.subject,
        entry=entry,
        cause=fact.cause,
        recorded_at=recorded_at,
    )


def engagement_webhooks(journal: Journal, receiver: str) -> Mapping[str, list[Exchange]]:
    """Index the webhooks to the bridge by what caused them."""
    found: dict[str, list[Exchange]] = {}
    for exchange in journal.exchanges(kind="webhook"):
        if exchange.receiver == receiver and exchange.cause:
            found.setdefault(exchange.cause, []).append(exchange)
    return found
