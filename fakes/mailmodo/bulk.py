"""Mail to many at once: bulk triggers over the API, and the bulk campaigns that a marketer sends. Source: OA-send."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from aiohttp import web

from fakes.kit import draw_uuid
from fakes.mailmodo.errors import failure, trigger_failure
from fakes.mailmodo.personalisation import Values
from fakes.mailmodo.reading import read_body
from fakes.mailmodo.sending import scheduled

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fakes.kit import Call, Fake
    from fakes.kit.server import Handler
    from fakes.mailmodo.campaigns import Campaign
    from fakes.mailmodo.sending import Sending
    from fakes.mailmodo.state import Contact, Send, State

__all__ = ["Bulk"]

_SAME_LIST_AGAIN: Final = timedelta(hours=24)
"""For how long the same campaign cannot go to the same list under the same key. Source: OA-send."""


class Bulk:
    """Handles bulk triggers, and sends bulk campaigns."""

    def __init__(self, fake: Fake, *, state: State, sending: Sending) -> None:
        self._fake = fake
        self._state = state
        self._sending = sending

    def handlers(self) -> Mapping[str, Handler]:
        """Give the handlers; all want the key."""
        return {"bulkTriggerCampaign": self.trigger}

    async def trigger(self, call: Call) -> web.Response:
        """Send a mail of the campaign to every contact of a list."""
        campaign = self._sending.campaign(call.path["campaignId"])
        body = read_body(call, trigger_failure)
        contact_list = self._state.lists.get(body.text("listId"))
        subject = body.optional_text("subject")
        key = body.optional_text("idempotencyKey")
        campaign_data = body.optional_object("campaign_data")
        if contact_list is None:
            raise failure("No list found for the listId")
        now = self._fake.surroundings.now()
        triggers = self._state.bulk_triggers
        before = triggers.get((campaign.id, contact_list.id, key))
        if before is not None and now - before < _SAME_LIST_AGAIN:
            raise failure(
                "This campaign was sent to this list within the last 24 hours, please use a new idempotencyKey"
            )
        # Without a key nothing lifts the rule, whatever key the mail before had: "" keeps the latest of all.
        triggers[campaign.id, contact_list.id, key] = triggers[campaign.id, contact_list.id, ""] = now
        ref = draw_uuid(self._fake.surroundings.random)
        self._fake.tell(
            "bulk_triggered",
            contact_list.name,
            campaign_id=campaign.id,
            campaign_name=campaign.name,
            contacts=len(contact_list.members),
            ref=ref,
        )
        sends = [
            self._sending.write(campaign, contact, Values(campaign_data, contact.data), subject=subject)
            for email in contact_list.members
            if (contact := self._state.contact(email)) is not None
        ]
        self._fake.spawn(self._hand_over(sends), name=f"bulk {ref}")
        return web.json_response(scheduled(ref))

    def send(self, campaign: Campaign, emails: Iterable[str] | None) -> int:
        """Send a bulk campaign, as the dashboard does; say to how many contacts.

        Args:
            campaign: One of the type `CONTACT_LIST` that has not gone out.
            emails: Whom to; everybody in the account when None.
        """
        found = [*self._state.contacts.values()] if emails is None else map(self._known, emails)
        contacts = {contact.email: contact for contact in found if not contact.is_archived}
        now = self._fake.surroundings.now()
        campaign = self._state.change_campaign(campaign, is_draft=False, sent_at=now, is_under_way=True)
        self._fake.tell(
            "bulk_campaign_sent",
            campaign.name,
            campaign_id=campaign.id,
            campaign_name=campaign.name,
            contacts=len(contacts),
        )
        sends = [self._sending.write(campaign, each, Values(each.data)) for each in contacts.values()]
        self._fake.spawn(self._send_all(campaign, sends), name=f"bulk campaign {campaign.id}")
        return len(sends)

    def _known(self, email: str) -> Contact:
        contact, is_new = self._state.store_contact(email.strip(), {})
        if is_new:
            self._fake.tell(
                "contact_stored", contact.email, list_name=None, data={}, is_new=True, via="dashboard"
            )
        return contact

    async def _send_all(self, campaign: Campaign, sends: Iterable[Send]) -> None:
        await self._hand_over(sends)
        self._state.change_campaign(campaign, is_under_way=False)

    async def _hand_over(self, sends: Iterable[Send]) -> None:
        await self._sending.wait()
        for send in sends:
            await self._sending.deliver(send)
