"""Triggered campaigns: from the call, through the mail, to what the recipient's server says."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from aiohttp import web

from fakes.kit import current_cause, draw_uuid
from fakes.mailmodo.errors import NO_CAMPAIGN, STATIC_SEGMENT, failure, trigger_failure, validation
from fakes.mailmodo.mail import MailRoom
from fakes.mailmodo.personalisation import Text, Values
from fakes.mailmodo.reading import Body, read_body
from fakes.mailmodo.state import Send
from fakes.mailmodo.webhooks import ActivityName, campaign_properties

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fakes.kit import Call, Fake
    from fakes.kit.server import Handler
    from fakes.mailmodo.activities import Activities
    from fakes.mailmodo.campaigns import Campaign
    from fakes.mailmodo.errors import MailmodoError
    from fakes.mailmodo.settings import MailmodoSettings
    from fakes.mailmodo.state import State

__all__ = ["Sending"]

_NO_LINE_BREAKS = str.maketrans({"\r": " ", "\n": " ", "\0": " "})


class Sending:
    """Handles triggers and sends the mail behind them."""

    def __init__(
        self, fake: Fake, *, state: State, settings: MailmodoSettings, activities: Activities
    ) -> None:
        self._fake = fake
        self._state = state
        self._settings = settings
        self._activities = activities
        self._mail_room = MailRoom()

    def handlers(self) -> Mapping[str, Handler]:
        """Give the handlers that want the key."""
        return {"triggerCampaign": self.trigger_by_path, "triggerCampaignByBody": self.trigger_by_body}

    def open_handlers(self) -> Mapping[str, Handler]:
        """Give the handlers that want no key."""
        return {"triggerCampaignByToken": self.trigger_by_token}

    async def trigger_by_path(self, call: Call) -> web.Response:
        """Send one mail of the campaign named in the path."""
        return self._trigger(self._campaign(call.path["campaignId"]), read_body(call, trigger_failure))

    async def trigger_by_body(self, call: Call) -> web.Response:
        """Send one mail of the campaign named in the body. Source: SUP-trig."""
        body = read_body(call, trigger_failure)
        return self._trigger(self._campaign(body.fields.get("campaignId")), body)

    async def trigger_by_token(self, call: Call) -> web.Response:
        """Send one mail of the campaign whose own URL is called; the token stands for the key."""
        campaign = self._campaign(call.path["campaignId"])
        if campaign.token != call.path["token"]:
            raise failure(NO_CAMPAIGN)
        body = read_body(call, trigger_failure)
        if body.fields.get("is_test") is True:
            # CleverTap saves a webhook only when its test call, which names nobody, is answered 200.
            ref = draw_uuid(self._fake.surroundings.random)
            return web.json_response({"success": True, "message": "Email scheduled successfully", "ref": ref})
        return self._trigger(campaign, body)

    def _campaign(self, campaign_id: object) -> Campaign:
        campaign = self._state.campaigns.get(campaign_id) if isinstance(campaign_id, str) else None
        if campaign is None or not campaign.is_triggerable:
            raise failure(NO_CAMPAIGN)
        return campaign

    def _trigger(self, campaign: Campaign, body: Body) -> web.Response:
        email = Body(body.fields, self._refuse_address).email()
        data = body.optional_object("data")
        campaign_data = body.optional_object("campaign_data")
        subject = body.optional_text("subject")
        from_name = body.optional_text("fromName") or campaign.sender_name
        reply_to = body.optional_text("replyTo") or campaign.reply_to
        list_name = body.optional_text("addToList")
        contact_list = self._state.list_for_trigger(list_name) if list_name else None
        if contact_list is not None and contact_list.is_segment:
            raise failure(STATIC_SEGMENT)

        contact, is_new = self._state.store_contact(email, data)
        if contact_list is not None:
            self._state.add_to_list(contact, contact_list)
        values = Values(campaign_data, data, contact.data)
        random = self._fake.surroundings.random
        send = Send(
            ref=draw_uuid(random),
            response_id=draw_uuid(random),
            campaign=campaign,
            contact=contact,
            values=values,
            subject=(Text.of(subject) if subject else campaign.subject)
            .fill(values)
            .translate(_NO_LINE_BREAKS),
            from_name=from_name,
            reply_to=reply_to,
            clevertap_id=_clevertap_id(body.fields, data),
        )
        self._state.add_send(send)
        self._state.tally(campaign).count(self._fake.surroundings.now(), "scheduled")
        if is_new or data or contact_list is not None:
            name = contact_list.name if contact_list is not None else None
            self._fake.tell(
                "contact_stored", email, list_name=name, data=data, is_new=is_new, via="triggerCampaign"
            )
        self._fake.tell("campaign_triggered", email, **_details(send), data=data)
        self._fake.spawn(self._send(send), name=f"send {send.ref}")
        answer = {"success": True, "message": "Email scheduled successfully", "ref": send.ref}
        if contact_list is not None:
            answer["listId"] = contact_list.id
        return web.json_response(answer)

    async def _send(self, send: Send) -> None:
        if self._settings.send_delay_s > 0:
            await asyncio.sleep(self._settings.send_delay_s)
        surroundings = self._fake.surroundings
        contact = send.contact
        suppression = contact.suppression(send.campaign.template.template.type)
        if suppression:
            self._state.tally(send.campaign).count(surroundings.now(), "blocked")
            self._fake.tell("email_suppressed", contact.email, **_details(send), reason=suppression)
            return
        mail = self._mail_room.write(
            send,
            base_url=surroundings.url_of(self._fake.hosts[0]),
            sent_at=surroundings.now(),
            cause=current_cause.get(),
        )
        reply = await surroundings.mail_host.deliver(mail)
        if reply.is_accepted:
            self._activities.record(ActivityName.SENT, send, counters=("sent", "delivered"))
            return
        reason = f"{reply.code} {reply.text}".strip()
        if reply.is_permanent_failure:
            contact.blocked_reason = f"Hard bounce: {reason}"
        self._activities.record(
            ActivityName.BOUNCED,
            send,
            counters=("bounced",),
            reason=reason,
            is_hard_bounce=reply.is_permanent_failure,
        )

    def _refuse_address(self, message: str) -> MailmodoError:
        """Refuse a bad address: OA-form shows the text under 200, the other operations under 400."""
        return (
            failure(message, status=200)
            if self._settings.invalid_email_status == 200
            else validation(message)
        )


def _clevertap_id(fields: Mapping[str, Any], data: Mapping[str, Any]) -> str | None:
    """Find the id that leads activities back to a CleverTap profile; where it stands is not published."""
    for value in (fields.get("clevertap_id"), data.get("clevertap_id")):
        if (isinstance(value, (str, int)) and not isinstance(value, bool)) and str(value):
            return str(value)
    return None


def _details(send: Send) -> dict[str, Any]:
    return {**campaign_properties(send), "ref": send.ref, "clevertap_id": send.clevertap_id}
