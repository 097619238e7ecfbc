"""What the account tells of itself: campaigns, their reports, templates; and the custom events it takes."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from fakes.mailmodo.errors import failure, reason, validation
from fakes.mailmodo.journeys import EntryKind
from fakes.mailmodo.reading import Body, read_body
from fakes.mailmodo.webhooks import iso_ms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fakes.kit import Call, Fake
    from fakes.kit.server import Handler
    from fakes.mailmodo.campaigns import Campaign
    from fakes.mailmodo.journeys import Entered
    from fakes.mailmodo.settings import MailmodoSettings
    from fakes.mailmodo.state import State
    from fakes.mailmodo.templates import StoredTemplate

__all__ = ["Reports"]

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LATEST_TS = 253_402_300_799


class Reports:
    """Handles custom events, campaigns, reports and templates."""

    def __init__(self, fake: Fake, *, state: State, settings: MailmodoSettings, entered: Entered) -> None:
        self._fake = fake
        self._state = state
        self._settings = settings
        self._entered = entered

    def handlers(self) -> Mapping[str, Handler]:
        """Give the handlers; all want the key."""
        return {
            "addEvent": self.add_event,
            "getCampaigns": self.get_campaigns,
            "getCampaignReport": self.get_report,
            "getAllTemplates": self.get_templates,
        }

    async def add_event(self, call: Call) -> web.Response:
        """Store a custom event; a new address becomes a contact."""
        body = read_body(call, reason)
        email, name = body.email(), body.text("event_name")
        properties = body.flat_object(
            "event_properties", with_nulls=False
        )  # OA-event: these three types only
        ts = self._ts(body)
        contact, is_new = self._state.store_contact(email, {})
        if is_new:
            self._fake.tell("contact_stored", email, list_name=None, data={}, is_new=True, via="addEvent")
        event = self._state.add_event(email, name, ts=ts, properties=properties)
        at = datetime.fromtimestamp(ts, UTC)
        self._fake.tell(
            "custom_event_stored", email, at=at, name=name, ts=ts, properties=properties, ref=event.ref
        )
        self._entered(EntryKind.EVENT, name, contact, event_properties=properties)
        return web.json_response({"success": True, "ref": event.ref})

    async def get_campaigns(self, call: Call) -> web.Response:
        """Give the campaigns, newest first; one type only when the query asks for it."""
        wanted = call.query.get("type")
        found = [campaign for campaign in self._state.campaigns.values() if wanted in (None, campaign.type)]
        rows = [_campaign(campaign) for campaign in reversed(found)]
        if self._settings.leave_out_optional:
            for row in rows:
                del row["senderEmail"]  # missing on about 1.4 % of OA-camp's rows
        return web.json_response({"campaigns": rows})

    async def get_report(self, call: Call) -> web.Response:
        """Give a campaign's counters, within days when the body names them."""
        body = read_body(call, validation) if call.body.strip() else Body({}, validation)
        first, last = _day(body, "fromDate"), _day(body, "toDate")
        campaign = self._state.campaigns.get(call.path["campaignId"])
        if campaign is None:
            raise failure("No campaign Found for the campaignId, Please check apiKey or campaignId")
        if campaign.type == "CONTACT_LIST":
            first = last = None
        report: dict[str, Any] = {
            "campaignId": campaign.id,
            "campaignType": campaign.type,
            "campaignName": campaign.name,
            "status": campaign.status,
            "senderEmail": campaign.sender_email,
            "subjects": [campaign.subject.source],
            "createdAt": iso_ms(campaign.created_at),
            "scheduledAt": iso_ms(campaign.sent_at or campaign.created_at),
        }
        return web.json_response({**report, **self._state.tally(campaign).between(first, last)})

    async def get_templates(self, call: Call) -> web.Response:  # noqa: ARG002 - every handler takes the call
        """Give the active templates."""
        details = [self._template(template) for template in self._state.templates.values()]
        return web.json_response({"templateDetails": details})

    def _template(self, template: StoredTemplate) -> dict[str, Any]:
        created_at = iso_ms(template.created_at)
        return {
            "id": template.id,
            "name": template.name,
            "created_at": created_at,
            "updated_at": created_at,
            "format": template.template.email_type,
            "type": template.template.type,
            "personalization_data": [f"${{{name}}}" for name in template.personalisation],
            "thumbnail_url": f"https://manage.mailmodo.com/thumbnails/{template.id}.png",
            "created_by": self._settings.account_id,
            "state": "Active",
            "is_uploaded": False,
        }

    def _ts(self, body: Body) -> int:
        ts = body.fields.get("ts")
        if ts is None:
            return int(self._fake.surroundings.now().timestamp())
        if isinstance(ts, bool) or not isinstance(ts, (int, float)) or not 0 <= ts <= _LATEST_TS:
            raise body.refuse('ts" must be a valid timestamp in seconds')
        return int(ts)


def _campaign(campaign: Campaign) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "campaignType": campaign.type,
        "templateId": campaign.template.id,
        "scheduledAt": _epoch_ms(campaign.sent_at or campaign.created_at),
        "id": campaign.id,
        "campaignName": campaign.name,
        "status": campaign.status,
        "emailType": campaign.template.template.email_type,
        "senderEmail": campaign.sender_email,
        "subjects": [campaign.subject.source],
        "createdAt": _epoch_ms(campaign.created_at),
    }
    if campaign.is_of_journey:
        answer["creationSource"] = "JOURNEY_CAMPAIGN"
    elif campaign.type == "TRIGGERED":
        answer["triggerAppName"] = campaign.trigger_app
    return answer


def _epoch_ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _day(body: Body, name: str) -> date | None:
    text = body.optional_text(name)
    if not text:
        return None
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise body.refuse(f'{name}" must be in YYYY-MM-DD format')
