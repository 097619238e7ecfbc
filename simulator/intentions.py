"""What people still have in mind with messages they got, as a document, and back: their part of a vendor's snapshot."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from fakes.kit import MailMessage, PhoneMessage
from simulator.people import Intent

if TYPE_CHECKING:
    from collections.abc import Iterable

    from simulator.people import Person

__all__ = ["Message", "Visit", "read_act", "read_message", "show_plans"]

Json = dict[str, Any]
Message = MailMessage | PhoneMessage


class Visit(Protocol):
    """One person and one message that they got.

    Attributes:
        person: Who.
        message: What.
        cause: Id of the journal entry in which it arrived; empty when this journal has none.
        is_seen: Whether they have looked at it.
    """

    person: Person
    message: Any
    cause: str
    is_seen: bool

    async def act(self, intent: Intent) -> None:
        """Do what the person has in mind."""


def show_plans(planned: Iterable[tuple[Visit, Intent, float]], now: datetime) -> list[Json]:
    """Write down what people have in mind, one part for each message.

    Args:
        planned: Each act, and in how many seconds it is due.
        now: The world's instant.
    """
    by_visit: dict[int, Json] = {}
    for visit, intent, in_s in planned:
        plan = by_visit.setdefault(id(visit), _show_visit(visit))
        due_at = (now + timedelta(seconds=in_s)).isoformat()
        act = {"does": intent.habit, "due_at": due_at, "link": intent.link, "answers": dict(intent.answers)}
        plan["acts"].append(act)
    return list(by_visit.values())


def _show_visit(visit: Visit) -> Json:
    message = asdict(visit.message)
    message["sent_at"] = visit.message.sent_at.isoformat()
    shown = {"person": visit.person.email, "message": message, "cause": visit.cause}
    return {**shown, "is_seen": visit.is_seen, "acts": []}


def read_message(kind: type[Message], document: Json) -> Message:
    """Read a message that was written down; the contract of the control API has judged its shape."""
    return kind(**{**document, "sent_at": datetime.fromisoformat(document["sent_at"])})


def read_act(document: Json, now: datetime) -> Intent:
    """Read what somebody has in mind; what is overdue is done at once."""
    due_s = (datetime.fromisoformat(document["due_at"]) - now).total_seconds()
    return Intent(document["does"], max(0.0, due_s), document["link"], document["answers"])
