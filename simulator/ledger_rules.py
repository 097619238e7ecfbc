"""The rules of the ledger: which effects an engagement must have, and where.

Written from the vendors' documented integrations, not from any bridge's mapping: names, identities, gates and
times stand here a second time on purpose, so that a bridge cannot be wrong in both places at once.

Sources: the integration pages of Segment (Mailmodo source and destination, Mailjet source, Customer.io source)
and CleverTap (Mailmodo); see `docs/explanations/ledger.md`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from fakes.kit import Exchange, Fact
from simulator.ledger import Due, Effect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from simulator.journal import Journal

__all__ = ["RULES", "TOLERANCE_S", "LedgerContext", "dues", "effects", "engagement_webhooks"]

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
_SEGMENT_VALUES: Final = (
    "email_id", "email_subject", "email_type", "template_id", "template_name", "campaign_id", "campaign_name",
    "campaign_type", "campaign_trigger_source", "apple_privacy_open", "link_id", "link_url", "form_id",
    "form_name", "submission_type", "reason", "is_hard_bounce",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class LedgerContext:
    """What the rules must know of the scenario besides the journal.

    Attributes:
        triggers: Name of the Mailmodo campaign by name of the CleverTap campaign that calls it.
        bridge: How the journal calls the bridge as a sender.
    """

    triggers: Mapping[str, str]
    bridge: str = "bridge"


def dues(journal: Journal, context: LedgerContext) -> list[Due]:
    """Derive every effect that must be there, in the order in which its engagement became known."""
    book = _Book(context)
    found: list[Due] = []
    for entry in journal.fact_entries():
        fact = entry.payload
        if isinstance(fact, Fact):
            found += book.dues_of(entry.id, fact, known_at=entry.at)
    return found


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

    def __init__(self, context: LedgerContext) -> None:
        self._context = context
        self._object_ids: dict[str, str] = {}
        self._profiles: dict[str, str] = {}
        self._user_ids: dict[str, str] = {}
        self._emails: dict[str, str] = {}
        self._messages: dict[str, Fact] = {}
        self._rules: dict[str, Callable[[str, Fact, datetime], Iterator[Due]]] = {
            "clevertap": self._clevertap,
            "mailmodo": self._mailmodo,
            "mailjet": self._mailjet,
            "customerio": self._customerio,
            "segment": self._segment,
        }

    def dues_of(self, entry: str, fact: Fact, *, known_at: datetime) -> Iterator[Due]:
        rule = self._rules.get(fact.vendor)
        return rule(entry, fact, known_at) if rule else iter(())

    def _clevertap(self, entry: str, fact: Fact, known_at: datetime) -> Iterator[Due]:
        object_id = str(fact.details.get("object_id", ""))
        if object_id:
            self._object_ids[fact.subject] = object_id
            self._profiles[object_id] = fact.subject
        campaign = self._context.triggers.get(str(fact.details.get("campaign", "")))
        if fact.kind == "webhook_sent" and campaign:
            yield Due(
                rule=RULES["trigger"],
                account="mailmodo campaign",
                name=campaign,
                subject=fact.subject,
                at=fact.at,
                values={"clevertap_id": self._object_ids.get(fact.subject)},
                person=fact.subject,
                entry=entry,
                cause=fact.cause,
                # The receiver may act on a webhook before its sender knows that it was taken.
                known_at=datetime.min.replace(tzinfo=known_at.tzinfo),
            )

    def _mailmodo(self, entry: str, fact: Fact, known_at: datetime) -> Iterator[Due]:
        details = fact.details
        clevertap_id = details.get("clevertap_id")
        name = _MAILMODO_TO_CLEVERTAP.get(fact.kind)
        if name and clevertap_id and details.get("campaign_trigger_source") == "CleverTap":
            subject = self._profiles.get(str(clevertap_id), str(clevertap_id))
            common: dict[str, Any] = {"account": "clevertap", "subject": subject, "at": fact.at}
            common |= {"person": fact.subject, "entry": entry, "cause": fact.cause, "known_at": known_at}
            values = {"campaign_name": details.get("campaign_name")}
            yield Due(rule=RULES["activity"], name=name, values=values, **common)
            if fact.kind == "form_submitted":
                detailed = f"MM {_clean_name(str(details.get('template_name')))} Form Submitted"
                yield Due(
                    rule=RULES["answers"], name=detailed, values=_flat(details.get("answers")), **common
                )
        event = _MAILMODO_TO_SEGMENT.get(fact.kind)
        user_id = self._user_ids.get(fact.subject)
        if event and user_id:
            wanted = {key: details[key] for key in _SEGMENT_VALUES if details.get(key) is not None}
            yield self._segment_due("mailmodo", event, f"user {user_id}", fact, entry, known_at, wanted)

    def _mailjet(self, entry: str, fact: Fact, known_at: datetime) -> Iterator[Due]:
        event = _MAILJET_TO_SEGMENT.get(fact.kind)
        if event:
            user_id = self._user_ids.get(fact.subject) or _payload_user_id(fact.details.get("Payload"))
            subject = f"user {user_id}" if user_id else f"anonymous {fact.subject}"
            wanted = {"email_id": str(fact.details.get("MessageID"))}
            if fact.kind == "click":
                wanted["link_url"] = str(fact.details.get("url"))
            yield self._segment_due("mailjet", event, subject, fact, entry, known_at, wanted)

    def _customerio(self, entry: str, fact: Fact, known_at: datetime) -> Iterator[Due]:
        event = _CUSTOMERIO_TO_SEGMENT.get(fact.kind)
        if event and fact.details.get("delivery_id"):
            user_id = (fact.details.get("identifiers") or {}).get("id") or fact.details.get("customer_id")
            subject = f"user {user_id}" if user_id else f"anonymous {fact.subject}"
            wanted = {"email_id": str(fact.details["delivery_id"])}
            if fact.kind == "clicked":
                wanted["link_url"] = str(fact.details.get("href"))
            yield self._segment_due("customerio", event, subject, fact, entry, known_at, wanted)

    def _segment(self, entry: str, fact: Fact, known_at: datetime) -> Iterator[Due]:  # noqa: ARG002 - as the others
        """The Mailmodo destination: only what Segment handed over and the partner took."""
        if fact.kind == "message_accepted":
            self._messages[str(fact.details.get("message_id"))] = fact
        if fact.kind != "message_delivered" or fact.details.get("destination") != "Mailmodo":
            return
        message = self._messages[str(fact.details.get("message_id"))]
        details = message.details
        user_id = str(details.get("user_id") or "")
        # The partner may act on a message before Segment knows that it was taken.
        common: dict[str, Any] = {
            "at": message.at,
            "entry": entry,
            "cause": fact.cause,
            "known_at": message.at,
        }
        if details.get("type") == "identify":
            email = str((details.get("traits") or {}).get("email") or "").lower()
            if not email:
                return  # dropped: an identify without an e-mail
            if user_id:
                self._user_ids[email] = user_id
                self._emails[user_id] = email
            yield Due(
                rule=RULES["identify"],
                account="mailmodo contact",
                name="contact",
                subject=email,
                person=email,
                **common,
            )
        elif details.get("type") == "track" and user_id in self._emails:  # else dropped: an unknown user
            email = self._emails[user_id]
            name = str(details.get("event"))
            yield Due(
                rule=RULES["track"],
                account="mailmodo event",
                name=name,
                subject=email,
                person=email,
                **common,
            )

    def _segment_due(
        self,
        source: str,
        event: str,
        subject: str,
        fact: Fact,
        entry: str,
        known_at: datetime,
        values: Mapping[str, Any],
    ) -> Due:
        return Due(
            rule=RULES[source],
            account=f"segment/{source}",
            name=event,
            subject=subject,
            at=fact.at,
            values=values,
            person=fact.subject,
            entry=entry,
            cause=fact.cause,
            known_at=known_at,
        )


def _clevertap_effect(entry: str, fact: Fact, recorded_at: datetime) -> Effect:
    properties = fact.details.get("properties") or {}
    return _effect(
        "clevertap", str(fact.details.get("name")), fact.subject, entry, fact, recorded_at, properties
    )


def _segment_effect(entry: str, fact: Fact, recorded_at: datetime) -> Effect:
    user_id, anonymous_id = fact.details.get("user_id"), fact.details.get("anonymous_id")
    subject = f"user {user_id}" if user_id else f"anonymous {anonymous_id}"
    name = str(fact.details.get("event") or fact.details.get("type"))
    account = f"segment/{fact.details.get('source')}"
    return _effect(account, name, subject, entry, fact, recorded_at, fact.details.get("properties") or {})


def _campaign_effect(entry: str, fact: Fact, recorded_at: datetime) -> Effect:
    name = str(fact.details.get("campaign_name"))
    return _effect("mailmodo campaign", name, fact.subject, entry, fact, recorded_at, fact.details)


def _contact_effect(entry: str, fact: Fact, recorded_at: datetime) -> Effect | None:
    if not fact.details.get("list_name"):
        return None  # a trigger stores its recipient as well; that is the trigger's own effect
    return _effect("mailmodo contact", "contact", fact.subject, entry, fact, recorded_at, {})


def _custom_event_effect(entry: str, fact: Fact, recorded_at: datetime) -> Effect:
    properties = fact.details.get("properties") or {}
    return _effect(
        "mailmodo event", str(fact.details.get("name")), fact.subject, entry, fact, recorded_at, properties
    )


_EFFECTS: Final[Mapping[tuple[str, str], Callable[[str, Fact, datetime], Effect | None]]] = {
    ("clevertap", "event_stored"): _clevertap_effect,
    ("segment", "message_accepted"): _segment_effect,
    ("mailmodo", "campaign_triggered"): _campaign_effect,
    ("mailmodo", "contact_stored"): _contact_effect,
    ("mailmodo", "custom_event_stored"): _custom_event_effect,
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


def _payload_user_id(payload: object) -> str:
    """A `user_id` that the sender put into Mailjet's EventPayload."""
    try:
        parsed = json.loads(str(payload)) if payload else {}
    except ValueError:
        return ""
    return str(parsed.get("user_id") or parsed.get("userId") or "") if isinstance(parsed, dict) else ""


def _clean_name(name: str) -> str:
    """Drop the characters that CleverTap does not take in event names.

    Source: CleverTap user docs, "Platform considerations".
    """
    return " ".join("".join(character for character in name if character not in "%><!|&.:;$'\"\\").split())


def _flat(answers: object) -> dict[str, Any]:
    if not isinstance(answers, dict):
        return {}
    return {
        _clean_name(key): value
        for key, value in answers.items()
        if isinstance(value, str | int | float | bool)
    }


def engagement_webhooks(journal: Journal, receiver: str) -> Mapping[str, list[Exchange]]:
    """Index the webhooks to the bridge by what caused them."""
    found: dict[str, list[Exchange]] = {}
    for exchange in journal.exchanges(kind="webhook"):
        if exchange.receiver == receiver and exchange.cause:
            found.setdefault(exchange.cause, []).append(exchange)
    return found
