"""`/v3/REST/contact`: read, create, change; v3 has no deletion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fakes.mailjet.drafts import Address, is_email
from fakes.mailjet.errors import RestError
from fakes.mailjet.rest import (
    Filters,
    Row,
    Schema,
    answer_list,
    answer_one,
    date_text,
    not_changed,
    read_flag,
    read_integer,
    read_key,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from aiohttp import web

    from fakes.kit import Call, Fake
    from fakes.mailjet.dispatch import Dispatcher
    from fakes.mailjet.state import Contact, MailjetState

__all__ = ["ContactHandlers"]


def _read_text(value: Any) -> str:
    if isinstance(value, (dict, list)):
        raise ValueError("a string is expected")  # noqa: TRY004 - the reader's contract is ValueError
    return str(value)


def _read_flag(value: Any) -> bool:
    flag = read_flag(value)
    if flag is None:
        raise ValueError("a boolean is expected")
    return flag


_READ_ONLY = (
    "ID",
    "CreatedAt",
    "DeliveredCount",
    "ExclusionFromCampaignsUpdatedAt",
    "IsOptInPending",
    "IsSpamComplaining",
    "LastActivityAt",
    "LastUpdateAt",
    "UnsubscribedAt",
    "UnsubscribedBy",
)
_WRITABLE: dict[str, Callable[[Any], Any]] = {"Name": _read_text, "IsExcludedFromCampaigns": _read_flag}
_NEW = Schema("TContact", {"Email": _read_text, **_WRITABLE}, _READ_ONLY)
_CHANGED = Schema("TContact", _WRITABLE, ("Email", *_READ_ONLY))


class ContactHandlers:
    """Handlers of the contact resource."""

    def __init__(self, fake: Fake, state: MailjetState, dispatcher: Dispatcher) -> None:
        self._fake = fake
        self._state = state
        self._dispatcher = dispatcher

    def handlers(self) -> Mapping[str, Callable[[Call], Awaitable[web.Response]]]:
        """Give the handlers by `operationId`."""
        return {
            "listContacts": self._list,
            "createContact": self._create,
            "getContact": self._get,
            "updateContact": self._update,
        }

    async def _list(self, call: Call) -> web.Response:
        filters = Filters(call.query)
        excluded = filters.flag("IsExcludedFromCampaigns")
        campaign_id = filters.integer("Campaign", "CampaignID")
        reached = None if campaign_id is None else self._state.contacts_of(campaign_id)
        rows = [
            _row(contact)
            for contact in self._state.contacts.values()
            if (excluded is None or contact.is_excluded is excluded)
            and (reached is None or contact.id in reached)
        ]
        sortable = {"ID": True, "Email": True, "DeliveredCount": True, "CreatedAt": True}
        return answer_list(rows, filters, sortable=sortable)

    async def _create(self, call: Call) -> web.Response:
        given = _NEW.read(call.body)
        email = given.get("Email", "")
        _check_address(email)
        if (known := self._state.contact_by_email(email)) is not None:
            raise RestError(
                400, f'MJ18 A Contact resource with value "{known.email}" for Email already exists.'
            )
        address = Address(email, given.get("Name", ""))
        is_excluded = given.get("IsExcludedFromCampaigns", False)
        contact = self._dispatcher.store_contact(address, source="api", is_excluded=is_excluded)
        return answer_one(_row(contact), status=201)

    async def _get(self, call: Call) -> web.Response:
        return answer_one(_row(self._find(call)))

    async def _update(self, call: Call) -> web.Response:
        contact = self._find(call)
        given = _CHANGED.read(call.body, _row(contact))
        name = given.get("Name", contact.name)
        is_excluded = given.get("IsExcludedFromCampaigns", contact.is_excluded)
        if (name, is_excluded) == (contact.name, contact.is_excluded):
            return not_changed()
        now = self._fake.surroundings.now()
        if is_excluded != contact.is_excluded:
            contact.exclusion_changed_at = now
        contact.name, contact.is_excluded, contact.last_update_at = name, is_excluded, now
        self._fake.tell(
            "contact_stored",
            contact.email.lower(),
            contact_id=contact.id,
            name=contact.name,
            source="api",
            is_new=False,
        )
        return answer_one(_row(contact))

    def _find(self, call: Call) -> Contact:
        key = read_key(call)
        number = read_integer(key)
        if number is None:
            _check_address(key)
        contact = self._state.contact_by_email(key) if number is None else self._state.contacts.get(number)
        if contact is None:
            raise RestError(404, "Object not found")
        return contact


def _check_address(email: str) -> None:
    if "@" not in email:
        raise RestError(400, f'Invalid email address "{email}", reason: "No @ character in mail"')
    if not is_email(email):
        raise RestError(400, f'Invalid email address "{email}", reason: "Invalid characters in mail"')


def _row(contact: Contact) -> Row:
    return {
        "CreatedAt": date_text(contact.created_at),
        "DeliveredCount": contact.delivered_count,
        "Email": contact.email,
        "ExclusionFromCampaignsUpdatedAt": date_text(contact.exclusion_changed_at),
        "ID": contact.id,
        "IsExcludedFromCampaigns": contact.is_excluded,
        "IsOptInPending": False,
        "IsSpamComplaining": contact.is_spam_complaining,
        "LastActivityAt": date_text(contact.last_activity_at),
        "LastUpdateAt": date_text(contact.last_update_at),
        "Name": contact.name,
        "UnsubscribedAt": date_text(contact.unsubscribed_at),
        "UnsubscribedBy": "",
    }
