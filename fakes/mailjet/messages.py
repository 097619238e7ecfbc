"""`/v3/REST/message` and `/v3/REST/messagehistory`: what became of each mail."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fakes.mailjet.errors import RestError
from fakes.mailjet.rest import Filters, Row, answer_list, answer_one, date_text, read_integer, read_key
from fakes.mailjet.state import STATE_IDS, MessageStatus

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from aiohttp import web

    from fakes.kit import Call
    from fakes.mailjet.state import MailjetState, Message

__all__ = ["MessageHandlers"]

_STATUS_NUMBERS = {
    1: MessageStatus.QUEUED,
    2: MessageStatus.SENT,
    3: MessageStatus.OPENED,
    4: MessageStatus.CLICKED,
    6: MessageStatus.SPAM,
    7: MessageStatus.UNSUB,
    8: MessageStatus.BLOCKED,
    9: MessageStatus.SOFT_BOUNCED,
    10: MessageStatus.HARD_BOUNCED,
}
_BOUNCED = (MessageStatus.HARD_BOUNCED, MessageStatus.SOFT_BOUNCED)
_TRANSACTIONAL = 1


class MessageHandlers:
    """Handlers of the message resources."""

    def __init__(self, state: MailjetState) -> None:
        self._state = state

    def handlers(self) -> Mapping[str, Callable[[Call], Awaitable[web.Response]]]:
        """Give the handlers by `operationId`."""
        return {
            "listMessages": self._list,
            "getMessage": self._get,
            "getMessageHistory": self._history,
        }

    async def _list(self, call: Call) -> web.Response:
        filters = Filters(call.query)
        rows = [
            self._row(message, filters)
            for message in self._state.messages.values()
            if self._passes(message, filters)
        ]
        return answer_list(rows, filters, sortable={"ID": True, "ArrivedAt": True})

    async def _get(self, call: Call) -> web.Response:
        message = self._find(call)
        if message is None:
            raise RestError(404, "Object not found")
        return answer_one(self._row(message, Filters(call.query)))

    async def _history(self, call: Call) -> web.Response:
        message = self._find(call)
        rows = [
            {
                "Comment": row.comment,
                "EventAt": int(row.at.timestamp()),
                "EventType": row.event,
                "State": row.state,
                "Useragent": row.user_agent,
                "UseragentID": 0,
            }
            for row in (message.history if message else ())
        ]
        return answer_list(rows, Filters(call.query), sortable={})

    def _find(self, call: Call) -> Message | None:
        number = read_integer(read_key(call))
        return None if number is None else self._state.messages.get(number)

    def _passes(self, message: Message, filters: Filters) -> bool:
        contact = message.contact
        numbers = (
            (filters.integer("Campaign", "CampaignID"), message.campaign_id),
            (filters.integer("Contact", "ContactID"), contact.id),
            (filters.integer("FromID", "Sender", "SenderID"), message.sender_id),
            (filters.integer("FromType"), _TRANSACTIONAL),
            (filters.integer("MessageState"), STATE_IDS.get(message.state, 0)),
            (filters.integer("Destination"), self._state.destination_id(contact.email)),
        )
        texts = (
            (filters.text("ContactAlt"), contact.email),
            (filters.text("CustomID"), message.custom_id),
            (filters.text("From"), message.sender),
            (filters.text("FromDomain"), message.sender.rpartition("@")[2]),
        )
        return (
            all(wanted is None or wanted == found for wanted, found in numbers)
            and all(wanted is None or wanted.lower() == found.lower() for wanted, found in texts)
            and _has_status(message, filters.text("MessageStatus"))
            and _arrived_within(message, filters)
        )

    def _row(self, message: Message, filters: Filters) -> Row:
        row: Row = {
            "ArrivedAt": date_text(message.arrived_at),
            "AttachmentCount": message.attachment_count,
            "AttemptCount": message.attempt_count,
            "CampaignID": message.campaign_id,
            "ContactAlt": message.contact.email if filters.flag("ShowContactAlt") else "",
            "ContactID": message.contact.id,
            "CustomID": message.custom_id,
            "Delay": 0,
            "DestinationID": self._state.destination_id(message.contact.email),
            "FilterTime": 0,
            "ID": message.id,
            "IsClickTracked": message.tracks_clicks,
            "IsHTMLPartIncluded": message.has_html,
            "IsOpenTracked": message.tracks_opens,
            "IsTextPartIncluded": message.has_text,
            "IsUnsubTracked": message.has_html,
            "MessageSize": message.size,
            "SenderID": message.sender_id,
            "SpamassassinScore": 0,
            "SpamassRules": "",
            "StateID": STATE_IDS.get(message.state),
            "StatePermanent": message.is_final_failure,
            "Status": message.status.value,
            "Subject": message.subject if filters.flag("ShowSubject") else "",
            "UUID": message.uuid,
        }
        if not filters.flag("ShowCustomID"):
            del row["CustomID"]
        if row["StateID"] is None:
            del row["StateID"]
        return row


def _has_status(message: Message, wanted: str | None) -> bool:
    """`MessageStatus` is a number, or one of the status words; 0 is everything processed, 5 either bounce."""
    number = read_integer(wanted)
    if wanted is None or number == 0:
        return True
    if number == 5 or wanted.lower() == "bounce":
        return message.status in _BOUNCED
    return message.status == (wanted.lower() if number is None else _STATUS_NUMBERS.get(number))


def _arrived_within(message: Message, filters: Filters) -> bool:
    since, until = _instant(filters.text("FromTS")), _instant(filters.text("ToTS"))
    return (since is None or message.arrived_at >= since) and (until is None or message.arrived_at <= until)


def _instant(text: str | None) -> datetime | None:
    """Read unix seconds, or RFC 3339 where no zone means UTC; anything else counts as not given."""
    number = read_integer(text)
    try:
        at = datetime.fromtimestamp(number, UTC) if number is not None else datetime.fromisoformat(text or "")
    except (ValueError, OverflowError, OSError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
