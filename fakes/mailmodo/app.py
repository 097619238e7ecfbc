"""The fake itself: which handler answers what, who may ask, and how it says no."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from aiohttp import web

from fakes.kit import Fake, VendorError
from fakes.mailmodo.activities import Activities
from fakes.mailmodo.bulk import Bulk
from fakes.mailmodo.contacts import Contacts
from fakes.mailmodo.engagement import Engagement
from fakes.mailmodo.errors import (
    NOT_FOUND,
    CampaignNotSendable,
    MailmodoError,
    bad_key,
    failure,
    too_many_requests,
)
from fakes.mailmodo.integrations import Integrations
from fakes.mailmodo.journey_runs import Journeys
from fakes.mailmodo.journeys import EntryKind
from fakes.mailmodo.reports import Reports
from fakes.mailmodo.sending import Sending
from fakes.mailmodo.settings import MailmodoSettings
from fakes.mailmodo.sign_ups import SignUps
from fakes.mailmodo.state import TEMPLATE_TRIGGER, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from fakes.kit import Call, Surroundings
    from fakes.kit.server import Handler
    from fakes.mailmodo.campaigns import Campaign
    from fakes.mailmodo.state import SignUpForm

__all__ = ["FakeMailmodo", "SetupSteps"]

_DEFAULTS = MailmodoSettings()
_KEYED_APPS = ("Rest API", "RestAPI")
"""Trigger apps that call the REST API; both spellings are in the sample data of OA-camp."""


@dataclass(frozen=True, slots=True)
class SetupSteps:
    """What the dashboard shows under "Show Setup Steps".

    Attributes:
        webhook_url: What the other vendor must call.
        json_body: What it must post; every value is a `${variable}` to replace.
        headers: What the call must carry beside `Content-Type: application/json`.
    Source: CleverTap docs, "Mailmodo"; SUP-trig for campaigns that the REST API triggers.
    """

    webhook_url: str
    json_body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Bucket:
    """What is left of a key's rate, and since when."""

    tokens: float
    at: datetime


class FakeMailmodo(Fake):
    """A Mailmodo account, reached at `api.mailmodo.com`.

    Attributes:
        settings: Credentials and open questions.
        state: The account; templates, campaigns and sign-up forms are made there, as the dashboard would.
        journeys: Journeys are published there.
        integrations: "Test and Save" for Segment and CleverTap.
    """

    vendor = "mailmodo"

    def __init__(self, surroundings: Surroundings, settings: MailmodoSettings = _DEFAULTS) -> None:
        self.settings = settings = replace(settings)  # its own: the control API may change them
        self.state = State(settings, now=surroundings.now, random=surroundings.random)
        self._activities = Activities(self, state=self.state, settings=settings)
        parts: dict[str, Any] = {"state": self.state, "settings": settings}
        self._sending = Sending(self, activities=self._activities, **parts)
        self.journeys = Journeys(self, sending=self._sending, activities=self._activities, **parts)
        self._bulk = Bulk(self, state=self.state, sending=self._sending)
        self.integrations = Integrations(self)
        self._buckets: dict[str, _Bucket] = {}
        super().__init__(surroundings)
        self.when_cut_off(self.journeys.forget_running)

    def handlers(self) -> Mapping[str, Handler]:
        """Give the handler of every operation."""
        sending, entered = self._sending, self.journeys.entered
        contacts = Contacts(self, state=self.state, settings=self.settings, entered=entered)
        reports = Reports(self, state=self.state, settings=self.settings, entered=entered)
        engagement = Engagement(self, state=self.state, activities=self._activities)
        sign_ups = SignUps(self, state=self.state, settings=self.settings)
        keyed = {
            **sending.handlers(),
            **self._bulk.handlers(),
            **contacts.handlers(),
            **reports.handlers(),
            **self.journeys.handlers(),
        }
        return {
            **{
                operation_id: self._with_key(handler, in_query=self._takes_key_in_query(operation_id))
                for operation_id, handler in keyed.items()
            },
            **sending.open_handlers(),
            **engagement.handlers(),
            **sign_ups.handlers(),
        }

    def answer_unknown(self, call: Call, *, methods: tuple[str, ...]) -> web.Response:  # noqa: ARG002
        """Answer 404 in the envelope that the live service was seen to use, for a wrong method too."""
        return web.json_response(NOT_FOUND, status=404)

    def render_error(self, error: VendorError) -> web.Response:
        """Put an error into the envelope it was made with; one that is not ours into the general one."""
        if not isinstance(error, MailmodoError):
            error = failure(error.message, status=error.status)
        return web.json_response(error.body, status=error.status, headers=error.headers)

    def rate_limit_error(self) -> VendorError:
        """Make the refusal of a call above the plan's rate."""
        return too_many_requests(self.settings.retry_after_s)

    def set_activity_webhook(self, url: str | None) -> None:
        """Say where activity webhooks go; None for nowhere."""
        self._activities.url = url

    def trigger_url(self, campaign: Campaign) -> str:
        """Give the campaign's own trigger URL, which wants no key."""
        base_url = self.surroundings.url_of(self.hosts[0])
        return f"{base_url}/api/v1/at/c/{campaign.token}/{campaign.id}"

    def setup_steps(self, campaign: Campaign) -> SetupSteps:
        """Give what the dashboard offers for copying into whatever triggers the campaign.

        The REST API is called with the key; every other trigger app on the campaign's own URL without it. That all
        apps but CleverTap are offered the same body is a guess.
        """
        names = dict.fromkeys((*campaign.subject.names, *campaign.template.personalisation))
        body: dict[str, Any] = {"email": "${user_email}"}
        if campaign.trigger_app == "CleverTap":
            body["clevertap_id"] = "${clevertap_id}"
        body["data"] = {name: f"${{{name}}}" for name in names if name != "email"}
        base_url = self.surroundings.url_of(self.hosts[0])
        if campaign.trigger_app == TEMPLATE_TRIGGER:
            url = f"{base_url}/api/v1/triggerTemplateEmail/t/{campaign.template.id}"
            body = {"toEmail": body["email"], "subject": campaign.subject.source, "data": body["data"]}
            own = {"senderEmail": campaign.sender_email, "campaignName": campaign.name}
            return SetupSteps(url, {**body, **own}, {"mmApiKey": self.settings.api_key})
        if campaign.trigger_app in _KEYED_APPS:
            url = f"{base_url}/api/v1/triggerCampaign/{campaign.id}"
            return SetupSteps(url, body, {"mmApiKey": self.settings.api_key})
        return SetupSteps(self.trigger_url(campaign), body)

    def send_bulk_campaign(self, campaign: Campaign, emails: Iterable[str] | None = None) -> int:
        """Send a campaign of the type `CONTACT_LIST` once, as the dashboard does; say to how many contacts.

        Args:
            campaign: Which; one that has gone out already is not sent again.
            emails: Whom to; everybody in the account when None.

        Raises:
            CampaignNotSendable: It is triggered, or has gone out.
        """
        campaign = self.state.campaigns[campaign.id]
        if campaign.type != "CONTACT_LIST" or campaign.sent_at is not None:
            raise CampaignNotSendable(
                f"campaign {campaign.name!r} is {campaign.status}; wanted one of the type CONTACT_LIST "
                "that has not gone out"
            )
        return self._bulk.send(campaign, emails)

    def sign_up_url(self, form: SignUpForm) -> str:
        """Give the URL that an embedded sign-up form posts to."""
        return f"{self.surroundings.url_of(self.hosts[0])}/api/v1/at/f/{form.token}/{form.id}"

    def change_property(self, email: str, *, name: str, value: str | float | bool) -> None:
        """Change a contact's property in the dashboard, which may let the contact into a journey."""
        contact, is_new = self.state.store_contact(email, {name: value})
        self.tell(
            "contact_stored",
            contact.email,
            list_name=None,
            data={name: value},
            is_new=is_new,
            via="dashboard",
        )
        self.journeys.entered(EntryKind.PROPERTY, name, contact)

    def _takes_key_in_query(self, operation_id: str) -> bool:
        security = self.contract.operation(operation_id).spec.get("security", ())
        return any("mmApiKeyInQuery" in scheme for scheme in security)

    def _with_key(self, handler: Handler, *, in_query: bool) -> Handler:
        async def checked(call: Call) -> web.Response:
            key = call.headers.get("mmApiKey") or (call.query.get("mmApiKey") if in_query else "")
            if not key:
                raise bad_key("mmApiKey is missing", status=self.settings.bad_key_status)
            if key != self.settings.api_key and key not in self.settings.more_api_keys:
                raise bad_key("Invalid mmApiKey", status=self.settings.bad_key_status)
            self._check_rate(key)
            return await handler(call)

        return checked

    def _check_rate(self, key: str) -> None:
        """Take one of the key's tokens; its bucket holds a second's worth, which is a guess. Source: pricing page."""
        rate = self.settings.rate_limit
        if rate is None:
            return
        now = self.surroundings.now()
        bucket = self._buckets.setdefault(key, _Bucket(float(rate), now))
        bucket.tokens = min(float(rate), bucket.tokens + (now - bucket.at).total_seconds() * rate)
        bucket.at = now
        if bucket.tokens < 1.0:
            raise too_many_requests(self.settings.retry_after_s)
        bucket.tokens -= 1.0
