"""Contacts and their lists, over the API."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from fakes.mailmodo.errors import STATIC_SEGMENT, UNKNOWN_ADDRESS, MailmodoError, failure, reason, validation
from fakes.mailmodo.journeys import EntryKind
from fakes.mailmodo.personalisation import as_text
from fakes.mailmodo.reading import Body, is_email, read_body, read_moment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from fakes.kit import Call, Fake
    from fakes.kit.server import Handler
    from fakes.mailmodo.errors import Refuse
    from fakes.mailmodo.journeys import Entered
    from fakes.mailmodo.settings import MailmodoSettings
    from fakes.mailmodo.state import Contact, ContactList, State

__all__ = ["Contacts", "contact_details", "list_details"]

_STORED: Final = {"success": True, "message": "The contact is successfully added/updated"}
_EMAIL_TYPES: Final = ("Promotional", "Transactional")
_LARGEST_BATCH: Final = 100
_WHOLE_NUMBERS: Final = ("age",)
_DAYS: Final = ("birthday", "anniversary_date")


class Contacts:
    """Handles what is done to contacts and lists."""

    def __init__(self, fake: Fake, *, state: State, settings: MailmodoSettings, entered: Entered) -> None:
        self._fake = fake
        self._state = state
        self._settings = settings
        self._entered = entered
        self._is_batch_running = False

    def handlers(self) -> Mapping[str, Handler]:
        """Give the handlers; all want the key."""
        return {
            "addToList": self.add_to_list,
            "addToListBatch": self.add_batch,
            "removeFromList": self.remove_from_list,
            "getAllContactLists": self.get_lists,
            "getContactDetails": self.get_contact,
            "unsubscribeContact": self.unsubscribe,
            "resubscribeContact": self.resubscribe,
            "updateSubscription": self.update_subscription,
            "archiveContact": self.archive,
        }

    async def add_to_list(self, call: Call) -> web.Response:
        """Create or update one contact and put it on a list."""
        body = read_body(call, validation)
        email = body.email()
        name = body.text("listName")
        body.optional_text("timezone")
        body.flat_object("data")
        _moments(body)
        contact = self._store(body, self._open_list(name), email=email, via="addToList")
        self._entered(EntryKind.LIST, name, contact)  # a batch lets nobody in (OA-contact)
        return web.json_response(_STORED)

    async def add_batch(self, call: Call) -> web.Response:
        """Create or update up to 100 contacts, and say which of them were refused."""
        body = read_body(call, validation)
        name = body.text("listName")
        values = body.fields.get("values")
        if not isinstance(values, list) or not values:
            raise validation('values" must contain at least 1 items')
        if len(values) > _LARGEST_BATCH:
            raise validation(f'values" must contain less than or equal to {_LARGEST_BATCH} items')
        _refuse_duplicates(values)
        self._refuse_second_batch()
        contact_list = self._open_list(name)
        await self._take_time()
        warnings: list[dict[str, str]] = []
        errors = [error for value in values if (error := self._add_one(value, contact_list, warnings))]
        if not errors:
            return web.json_response(
                {"message": "All contacts were added to the list", "listId": contact_list.id}
            )
        answer = {
            "message": "Some contacts were not added to the list",
            "errors": errors,
            "warnings": warnings,
            "listId": contact_list.id,
        }
        return web.json_response(answer, status=207)

    async def remove_from_list(self, call: Call) -> web.Response:
        """Take a contact off a list; the contact stays."""
        body = read_body(call, reason)
        email, name = body.email(), body.text("listName")
        contact_list = self._state.list_named(name)
        if contact_list is None:
            raise reason("list does not exists")
        if email not in contact_list.members:
            raise reason("contact does not exist in list")
        del contact_list.members[email]
        contact_list.updated_at = self._fake.surroundings.now()
        self._fake.tell("contact_unlisted", email, list_name=name)
        return web.json_response({"message": "User has been successfully removed from list"})

    async def get_lists(self, call: Call) -> web.Response:  # noqa: ARG002 - every handler takes the call
        """Give every list, in no pages."""
        details = [list_details(found) for found in self._state.lists.values()]
        if self._settings.leave_out_optional:
            for each in details:
                del each["contacts_count"]  # absent on 3 of the 41 lists of OA-contact's example
        return web.json_response({"listDetails": details})

    async def get_contact(self, call: Call) -> web.Response:
        """Give all that is known of a contact."""
        body = Body(call.query, validation)
        return web.json_response(contact_details(self._known(body.email())))

    async def unsubscribe(self, call: Call) -> web.Response:
        """Suppress an address, known or not."""
        email = read_body(call, validation).email()
        before = self._state.contacts.get(email)
        if before is not None and before.is_unsubscribed:  # an archived contact is not brought back by it
            message = "The email ID is already present in the suppression list."
            return web.json_response({"success": True, "message": message})
        contact, is_new = self._state.store_contact(email, {})
        contact.is_unsubscribed = True
        contact.unsubscribe_reason = "Unsubscribed through the API"
        self._fake.tell("contact_unsubscribed", email, is_new=is_new)
        return web.json_response(_STORED)

    async def resubscribe(self, call: Call) -> web.Response:
        """Take an address off the suppression list; a bounce or complaint keeps it blocked."""
        email = read_body(call, reason).email()
        contact = self._known(email, reason)
        contact.is_unsubscribed = False
        contact.unsubscribe_reason = ""
        contact.unsubscribed_types.clear()
        self._fake.tell("contact_resubscribed", email)
        return web.json_response({"message": "The email ID is successfully Subscribed"})

    async def update_subscription(self, call: Call) -> web.Response:
        """Choose which kinds of mail a contact wants."""
        body = read_body(call, reason)
        email = body.email()
        wanted, unwanted = _email_types(body, "reSubscribeTo"), _email_types(body, "unsubscribeFrom")
        contact = self._known(email, reason)
        if contact.is_unsubscribed:
            raise reason("Contact is unsubscribed from all emails")
        left = {*contact.unsubscribed_types, *unwanted}.difference(wanted)
        contact.unsubscribed_types = [name for name in _EMAIL_TYPES if name in left]
        answer = {
            "message": "Subscription update is successful",
            "currentUnsubscribedEmailTypes": contact.unsubscribed_types,
        }
        return web.json_response(answer)

    async def archive(self, call: Call) -> web.Response:
        """Delete a contact."""
        contact = self._known(read_body(call, validation).email())
        self._state.archive(contact)
        self._fake.tell("contact_archived", contact.email)
        return web.json_response({"success": True, "message": "The contact is successfully deleted"})

    def _known(self, email: str, refuse: Refuse = failure) -> Contact:
        contact = self._state.contact(email)
        if contact is None:
            raise refuse(UNKNOWN_ADDRESS)
        return contact

    def _open_list(self, name: str) -> ContactList:
        contact_list = self._state.open_list(name)
        if contact_list.is_segment:
            raise failure(STATIC_SEGMENT)
        return contact_list

    def _add_one(
        self, value: object, contact_list: ContactList, warnings: list[dict[str, str]]
    ) -> dict[str, str] | None:
        """Add one contact; give why it was not, or add what else is wrong with it to the warnings."""
        fields = value if isinstance(value, dict) else {}
        if not is_email(fields.get("email")):
            return {
                "email": as_text(fields.get("email") or ""),
                "failure reason": 'email" is invalid. Enter a valid email!',
            }
        body = Body(fields, validation)
        email = body.email()
        try:
            body.optional_text("timezone")
            body.flat_object("data")
            _moments(body)
        except MailmodoError as error:
            return {"email": email, "failure reason": error.message}
        unfit = _unfit(body.optional_object("data"))
        warnings += [{"email": email, "warning": f'{name}" {wanted}'} for name, wanted in unfit.items()]
        self._store(body, contact_list, email=email, via="addToList/batch")
        return None

    def _store(self, body: Body, contact_list: ContactList, *, email: str, via: str) -> Contact:
        given = body.optional_object("data")
        unfit = _unfit(given)
        data = {name: value for name, value in given.items() if name not in unfit}
        contact, is_new = self._state.store_contact(email, data)
        contact.timezone = str(body.fields.get("timezone") or contact.timezone)
        for name, moment in _moments(body).items():
            setattr(contact, name, moment)
        self._state.add_to_list(contact, contact_list)
        self._fake.tell(
            "contact_stored", email, list_name=contact_list.name, data=data, is_new=is_new, via=via
        )
        return contact

    def _refuse_second_batch(self) -> None:
        """Refuse a batch beside another, before anything is done for it. Source: OA-contact."""
        if self._is_batch_running:
            raise failure("Another batch is being processed, please try again later", status=429)

    async def _take_time(self) -> None:
        """Be at work for as long as is set."""
        self._is_batch_running = True
        try:
            await asyncio.sleep(self._settings.batch_takes_s)
        finally:
            self._is_batch_running = False


def contact_details(contact: Contact) -> dict[str, Any]:
    """Give all that is known of a contact, as the API does. Source: OA-contact."""
    details: dict[str, Any] = {
        "contactIdentifier": contact.id,
        "email": contact.email,
        "data": contact.data,
        "blocked": bool(contact.blocked_reason),
        "unsubscribed": contact.is_unsubscribed,
        "unsubscribedEmailTypes": contact.unsubscribed_types,
    }
    if contact.blocked_reason:
        details["blockedReason"] = contact.blocked_reason
    if contact.is_unsubscribed:
        details["unsubscribeReason"] = contact.unsubscribe_reason
    return details


def list_details(found: ContactList) -> dict[str, Any]:
    """Give what the API tells of a list. Source: OA-contact, Airbyte's source-mailmodo."""
    return {
        "id": found.id,
        "name": found.name,
        "created_at": _seven_digits(found.created_at),
        "contacts_count": len(found.members),
        "type": "DYNAMIC" if found.is_segment else "STATIC",
        "last_updated_at": _seven_digits(found.updated_at),
    }


def _unfit(data: Mapping[str, Any]) -> dict[str, str]:
    """Say which known properties are of another type than theirs, and what they must be; they are left out."""
    unfit = {}
    for name, value in data.items():
        if value is None:
            continue
        if name in _WHOLE_NUMBERS and (isinstance(value, bool) or not isinstance(value, int)):
            unfit[name] = "must be a number"
        elif name in _DAYS and read_moment(value) is None:
            unfit[name] = "must be a valid date"
    return unfit


def _moments(body: Body) -> dict[str, datetime]:
    """Give the times that a caller knows of a contact, by their names, which are also the contact's."""
    found = {name: body.optional_moment(name) for name in ("created_at", "last_open", "last_click")}
    return {name: moment for name, moment in found.items() if moment is not None}


def _refuse_duplicates(values: Sequence[object]) -> None:
    given = [value.get("email") for value in values if isinstance(value, dict)]
    emails = [email.strip().lower() for email in given if isinstance(email, str) and email.strip()]
    for email, count in Counter(emails).items():
        if count > 1:
            raise validation(f"email should be unique in values. Found duplicates for '{email}'")


def _email_types(body: Body, name: str) -> list[str]:
    value = body.fields.get(name)
    if not isinstance(value, list):
        raise body.refuse(f'{name}" must be an array')
    unknown = [as_text(item) for item in value if item not in _EMAIL_TYPES]
    if unknown:
        message = f"Invalid channels found: {', '.join(unknown)}. Please choose a correct channel"
        raise MailmodoError(400, message, body={"message": message, "validChannels": list(_EMAIL_TYPES)})
    return value


def _seven_digits(at: datetime) -> str:
    """Write an instant as `2021-12-09T05:11:56.2950000Z`. Source: OA-contact."""
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond:06}0Z"
