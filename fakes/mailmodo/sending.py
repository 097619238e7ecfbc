"""Triggered campaigns: from the call, through the mail, to what the recipient's server says."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from aiohttp import web

from fakes.kit import current_cause, draw_uuid
from fakes.mailmodo.dynamic import read_blocks, read_form_variant
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
    from fakes.mailmodo.state import Contact, State

__all__ = ["Sending", "details_of", "scheduled"]

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
        return {
            "triggerCampaign": self.trigger_by_path,
            "triggerCampaignByBody": self.trigger_by_body,
            "triggerTemplateEmail": self.trigger_template,
        }

    def open_handlers(self) -> Mapping[str, Handler]:
        """Give the handlers that want no key."""
        return {"triggerCampaignByToken": self.trigger_by_token}

    async def trigger_by_path(self, call: Call) -> web.Response:
        """Send one mail of the campaign named in the path."""
        return self._trigger(self.campaign(call.path["campaignId"]), read_body(call, trigger_failure))

    async def trigger_by_body(self, call: Call) -> web.Response:
        """Send one mail of the campaign named in the body. Source: SUP-trig."""
        body = read_body(call, trigger_failure)
        return self._trigger(self.campaign(body.fields.get("campaignId")), body)

    async def trigger_template(self, call: Call) -> web.Response:
        """Send one mail of a template, in a campaign that is made for it; the call that came before campaigns had ids.

        Source: one old code base for path and fields; its answers are those of a trigger, which is a guess.
        """
        template = self._state.templates.get(call.path["templateId"])
        if template is None:
            raise failure("No template found for the templateId")
        body = read_body(call, trigger_failure)
        address = Body(body.fields, self._refuse_address)
        asked: dict[str, Any] = {
            "email": address.email("toEmail"),
            "fromName": body.optional_text("senderName"),
            "subject": body.text("subject"),
            "replyTo": body.optional_text("replyTo"),
            "data": body.optional_object("data"),
        }
        sender = address.email("senderEmail") if body.optional_text("senderEmail") else ""
        name = body.optional_text("campaignName") or template.name
        campaign = self._state.template_campaign(
            name, template, subject=asked["subject"], sender_email=sender
        )
        return self._trigger(campaign, Body(asked, trigger_failure), via="triggerTemplateEmail")

    async def trigger_by_token(self, call: Call) -> web.Response:
        """Send one mail of the campaign whose own URL is called; the token stands for the key."""
        campaign = self.campaign(call.path["campaignId"])
        if campaign.token != call.path["token"]:
            raise failure(NO_CAMPAIGN)
        body = read_body(call, trigger_failure)
        if body.fields.get("is_test") is True:
            # CleverTap saves a webhook only when its test call, which names nobody, is answered 200.
            return web.json_response(scheduled(draw_uuid(self._fake.surroundings.random)))
        return self._trigger(campaign, body)

    def campaign(self, campaign_id: object) -> Campaign:
        """Find a campaign that can be triggered.

        Raises:
            MailmodoError: There is none of that id.
        """
        campaign = self._state.campaigns.get(campaign_id) if isinstance(campaign_id, str) else None
        if campaign is None or not campaign.is_triggerable:
            raise failure(NO_CAMPAIGN)
        return campaign

    def write(self, campaign: Campaign, contact: Contact, values: Values, **changes: Any) -> Send:
        """Make the mail of a campaign for a contact, and count it as scheduled; `hand_over` sends it.

        Args:
            campaign: What is sent.
            contact: To whom.
            values: What fills the variables.
            changes: What differs from the campaign: `subject` unrendered, the others as in `Send`.
        """
        random = self._fake.surroundings.random
        own: dict[str, Any] = {
            "ref": draw_uuid(random),
            "response_id": draw_uuid(random),
            "from_name": campaign.sender_name,
            "reply_to": campaign.reply_to,
            "clevertap_id": None,
            "form": campaign.template.form,
        }
        subject = changes.pop("subject", "")
        text = Text.of(subject) if subject else campaign.subject
        send = Send(
            campaign=campaign,
            contact=contact,
            values=values,
            subject=text.fill(values).translate(_NO_LINE_BREAKS),
            **{**own, **changes},
        )
        self._state.add_send(send)
        self._state.tally(campaign).count(self._fake.surroundings.now(), "scheduled")
        return send

    def _trigger(self, campaign: Campaign, body: Body, *, via: str = "triggerCampaign") -> web.Response:
        email = Body(body.fields, self._refuse_address).email()
        data = body.optional_object("data")
        campaign_data = body.optional_object("campaign_data")
        changes: dict[str, Any] = {
            "subject": body.optional_text("subject"),
            "from_name": body.optional_text("fromName") or campaign.sender_name,
            "reply_to": body.optional_text("replyTo") or campaign.reply_to,
            "clevertap_id": _clevertap_id(body.fields, data),
            "form": read_form_variant(body, campaign.template),
        }
        known = self._state.contact(email)
        filled = Values(campaign_data, data, known.data if known else {"email": email})
        changes["blocks"] = read_blocks(body, campaign.template, values=filled)
        list_name = body.optional_text("addToList")
        contact_list = self._state.list_for_trigger(list_name) if list_name else None
        if contact_list is not None and contact_list.is_segment:
            raise failure(STATIC_SEGMENT)

        contact, is_new = self._state.store_contact(email, data)
        if contact_list is not None:
            self._state.add_to_list(contact, contact_list)
        send = self.write(campaign, contact, Values(campaign_data, data, contact.data), **changes)
        if is_new or data or contact_list is not None:
            name = contact_list.name if contact_list is not None else None
            self._fake.tell("contact_stored", email, list_name=name, data=data, is_new=is_new, via=via)
        self._fake.tell("campaign_triggered", email, **details_of(send), data=data)
        self._fake.spawn(self.hand_over(send), name=f"send {send.ref}")
        answer = scheduled(send.ref)
        if contact_list is not None:
            answer["listId"] = contact_list.id
        return web.json_response(answer)

    async def hand_over(self, send: Send) -> None:
        """Send a mail after the settings' delay."""
        await self.wait()
        await self.deliver(send)

    async def wait(self) -> None:
        """Let the settings' delay pass."""
        if self._settings.send_delay_s > 0:
            await asyncio.sleep(self._settings.send_delay_s)

    async def deliver(self, send: Send) -> None:
        """Send a mail, unless its contact gets none, and record what the recipient's server says."""
        surroundings = self._fake.surroundings
        contact = send.contact
        suppression = contact.suppression(send.campaign.template.template.type)
        if suppression:
            self._state.tally(send.campaign).count(surroundings.now(), "blocked")
            self._fake.tell("email_suppressed", contact.email, **details_of(send), reason=suppression)
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


def scheduled(ref: str) -> dict[str, Any]:
    """Give the answer to every trigger. Source: OA-send."""
    return {"success": True, "message": "Email scheduled successfully", "ref": ref}


def details_of(send: Send) -> dict[str, Any]:
    """Give what facts say of a mail."""
    return {**campaign_properties(send), "ref": send.ref, "clevertap_id": send.clevertap_id}


def _clevertap_id(fields: Mapping[str, Any], data: Mapping[str, Any]) -> str | None:
    """Find the id that leads activities back to a CleverTap profile; where it stands is not published."""
    for value in (fields.get("clevertap_id"), data.get("clevertap_id")):
        if (isinstance(value, (str, int)) and not isinstance(value, bool)) and str(value):
            return str(value)
    return None
