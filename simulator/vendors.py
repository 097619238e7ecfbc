"""All the fakes of a world, with their accounts, and the wiring between them and the bridge.

What a customer clicks together in five dashboards is done here: API keys into the bridge's settings, webhook
URLs into each vendor, templates and campaigns into their accounts.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from fakes.clevertap import (
    CleverTapSettings,
    FakeCleverTap,
    Region,
    WebhookRefused,
)
from fakes.customerio import CustomerIoSettings, FakeCustomerIo
from fakes.kit import ACTOR_HEADER
from fakes.mailjet import FakeMailjet, MailjetSettings
from fakes.mailmodo import FakeMailmodo, Form, Link, MailmodoSettings, Question, Template
from fakes.segment import FakeSegment, SegmentSettings
from simulator.clevertap_setup import campaign_of, journey_of, set_up_control_groups, set_up_segments
from simulator.errors import SimulatorError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    import aiohttp

    from fakes.kit import Fake, Surroundings
    from fakes.mailmodo import Campaign
    from simulator.clevertap_specs import CampaignSpec
    from simulator.network import Network
    from simulator.scenario import Accounts, TemplateSpec, Vendor

__all__ = ["SENDER_EMAIL", "SetupFailed", "Vendors", "basic_auth", "mailmodo_campaign"]

SENDER_EMAIL: Final = "hello@example.com"
"""From address of whatever Mailjet and Customer.io send."""

_SECRETS: Final = {
    "clevertap_webhook_secret": "ct-9f3b62d07a41",
    "mailmodo_webhook_secret": "mm-4c81e5b29d06",
    "mailjet_webhook_password": "mj-70d2c95e1fb8",
    "segment_destination_api_key": "SEGM3NT-D3ST1NA-T10NK3Y-F0RT3ST",
}
_MAILJET_USER: Final = "journeylab"
_MAILJET_EVENTS: Final = ("sent", "open", "click", "bounce", "blocked", "spam", "unsub")
_CUSTOMERIO_EVENTS: Final = (
    "email_drafted", "email_sent", "email_delivered", "email_opened", "email_clicked", "email_bounced",
    "email_dropped", "email_spammed", "email_failed", "email_unsubscribed", "customer_unsubscribed",
)  # fmt: skip
_SOURCES: Final = ("mailmodo", "mailjet", "customerio")


class SetupFailed(SimulatorError):
    """A vendor refused what the scenario wants to set up there."""


@dataclass(frozen=True, slots=True)
class Vendors:
    """The fakes that take part; the others are None."""

    clevertap: FakeCleverTap | None
    customerio: FakeCustomerIo | None
    mailjet: FakeMailjet | None
    mailmodo: FakeMailmodo | None
    segment: FakeSegment | None
    accounts: Accounts

    @classmethod
    def make(cls, accounts: Accounts, surroundings: Callable[[str], Surroundings]) -> Vendors:
        """Make the fakes that a scenario uses.

        Args:
            accounts: What is set up there.
            surroundings: Gives each fake its own, by vendor.
        """
        used = accounts.used
        region = Region(accounts.clevertap_region)
        return cls(
            clevertap=FakeCleverTap(
                surroundings("clevertap"),
                CleverTapSettings(
                    region=region, utc_offset=timedelta(seconds=accounts.clevertap_utc_offset_s)
                ),
            )
            if "clevertap" in used
            else None,
            customerio=FakeCustomerIo(surroundings("customerio"), CustomerIoSettings())
            if "customerio" in used
            else None,
            mailjet=FakeMailjet(
                surroundings("mailjet"),
                MailjetSettings(
                    track_opens=accounts.mailjet_track_opens, track_clicks=accounts.mailjet_track_clicks
                ),
            )
            if "mailjet" in used
            else None,
            mailmodo=FakeMailmodo(surroundings("mailmodo"), MailmodoSettings())
            if "mailmodo" in used
            else None,
            segment=FakeSegment(surroundings("segment"), SegmentSettings(region=accounts.segment_region))
            if "segment" in used
            else None,
            accounts=accounts,
        )

    def all(self) -> Mapping[Vendor, Fake]:
        """Give the fakes that take part, by vendor, in alphabetical order."""
        fakes: dict[Vendor, Fake | None] = {
            "clevertap": self.clevertap,
            "customerio": self.customerio,
            "mailjet": self.mailjet,
            "mailmodo": self.mailmodo,
            "segment": self.segment,
        }
        return {vendor: fake for vendor, fake in fakes.items() if fake is not None}

    async def start(self, network: Network) -> None:
        """Serve and start every fake, and set up the accounts that need no bridge."""
        for fake in self.all().values():
            await network.serve(fake.make_server, fake.hosts)
            await fake.start()
        if self.mailmodo is not None:
            _fill_mailmodo(self.mailmodo, self.accounts)
        if self.segment is not None:
            for source in dict.fromkeys(("web", *self.accounts.segment_sources, *_SOURCES)):
                self.segment.state.add_source(source, write_key=_write_key(source))

    async def stop(self) -> None:
        """Stop every fake."""
        for fake in self.all().values():
            await fake.stop()

    def bridge_settings(self, network: Network) -> dict[str, object]:
        """Give the settings that connect a bridge with these accounts."""
        settings: dict[str, object] = {"store_path": ":memory:"}
        if self.clevertap is not None:
            settings |= {
                "clevertap_url": network.url(self.clevertap.host),
                "clevertap_account_id": self.clevertap.settings.account_id,
                "clevertap_passcode": self.clevertap.settings.passcode,
                "clevertap_webhook_secret": _SECRETS["clevertap_webhook_secret"],
            }
        if self.mailmodo is not None:
            settings |= {
                "mailmodo_url": network.url(self.mailmodo.hosts[0]),
                "mailmodo_api_key": self.mailmodo.settings.api_key,
                "mailmodo_webhook_secret": _SECRETS["mailmodo_webhook_secret"],
            }
        if self.mailjet is not None:
            settings |= {
                "mailjet_webhook_user": _MAILJET_USER,
                "mailjet_webhook_password": _SECRETS["mailjet_webhook_password"],
            }
        if self.customerio is not None:
            settings["customerio_signing_keys"] = [self.customerio.settings.webhook_signing_key]
        if self.segment is not None:
            settings |= {
                "segment_url": network.url(self.segment.host),
                "segment_destination_api_key": _SECRETS["segment_destination_api_key"],
                **{
                    f"segment_write_key_{name}": self.segment.state.source(name).write_key
                    for name in _SOURCES
                },
            }
        return settings

    def secrets(self) -> dict[str, str]:
        """Give every secret of these accounts by name, for masking."""
        found = dict(_SECRETS)
        if self.clevertap is not None:
            found["clevertap passcode"] = self.clevertap.settings.passcode
        if self.mailmodo is not None:
            found["mailmodo api key"] = self.mailmodo.settings.api_key
        if self.mailjet is not None:
            found["mailjet secret key"] = self.mailjet.settings.secret_key
        if self.customerio is not None:
            found["customerio track api key"] = self.customerio.settings.track_api_key
            found["customerio app api key"] = self.customerio.settings.app_api_key
            found["customerio signing key"] = self.customerio.settings.webhook_signing_key
        if self.segment is not None:
            found |= {
                f"segment write key {source.slug}": source.write_key for source in self.segment.state.sources
            }
        return found

    async def connect(
        self, bridge_url: str, *, session: aiohttp.ClientSession, network: Network, starts: datetime
    ) -> None:
        """Point every vendor's webhooks at the bridge, and set up what needs it.

        Args:
            bridge_url: Where it is.
            session: The customer's own client.
            network: What connects everybody.
            starts: When the scenario does.

        Raises:
            SetupFailed: A vendor or the bridge refuses.
        """
        if self.mailmodo is not None:
            self.mailmodo.set_activity_webhook(
                f"{bridge_url}/sources/mailmodo/{_SECRETS['mailmodo_webhook_secret']}"
            )
        if self.clevertap is not None:
            await self._add_clevertap_campaigns(self.clevertap, bridge_url, starts)
        if self.mailjet is not None:
            await self._register_at_mailjet(self.mailjet, bridge_url, session, network)
        if self.customerio is not None:
            await self._register_at_customerio(self.customerio, bridge_url, session, network)
        if self.segment is not None and self.accounts.has_mailmodo_destination:
            url = f"{bridge_url}/sources/segment"
            key = _SECRETS["segment_destination_api_key"]
            self.segment.state.add_destination("web", name="Mailmodo", url=url, api_key=key)

    async def _add_clevertap_campaigns(self, fake: FakeCleverTap, bridge_url: str, starts: datetime) -> None:
        set_up_control_groups(fake, self.accounts.control_groups)
        set_up_segments(fake, self.accounts.segments, self.accounts.channel_limits)
        for spec in self.accounts.campaigns:
            if spec.channel == "webhook":
                await self._add_webhook(fake, spec, bridge_url)
            fake.add_campaign(campaign_of(spec, starts=starts))
        for journey in self.accounts.journeys:
            fake.dashboard.add_journey(journey_of(journey))

    async def _add_webhook(self, fake: FakeCleverTap, spec: CampaignSpec, bridge_url: str) -> None:
        if self.mailmodo is None:
            raise SetupFailed(f"campaign {spec.name!r} calls Mailmodo, which takes no part in the scenario")
        campaign = mailmodo_campaign(self.mailmodo, spec.calls)
        if spec.via == "mailmodo":
            url = self.mailmodo.trigger_url(campaign)
        else:
            url = f"{bridge_url}/sources/clevertap/{_SECRETS['clevertap_webhook_secret']}/campaigns/{campaign.id}"
        try:
            await fake.add_webhook(spec.name, url=url)
        except WebhookRefused as error:
            raise SetupFailed(
                f"CleverTap campaign {spec.name!r}: {error}; a bridge of your own that has no such inlet needs a "
                "scenario without webhook campaigns, or `via: mailmodo`"
            ) from error

    async def _register_at_mailjet(
        self, fake: FakeMailjet, bridge_url: str, session: aiohttp.ClientSession, network: Network
    ) -> None:
        parts = urlsplit(bridge_url)
        userinfo = f"{_MAILJET_USER}:{_SECRETS['mailjet_webhook_password']}"
        target = f"{parts.scheme}://{userinfo}@{parts.netloc}/sources/mailjet"
        url = f"{network.url(fake.hosts[0])}/v3/REST/eventcallbackurl"
        for event in _MAILJET_EVENTS:
            body = {"EventType": event, "Url": target, "Version": self.accounts.mailjet_event_version}
            await _post(session, url, body, auth=(fake.settings.api_key, fake.settings.secret_key))

    async def _register_at_customerio(
        self, fake: FakeCustomerIo, bridge_url: str, session: aiohttp.ClientSession, network: Network
    ) -> None:
        url = f"{network.url('api.customer.io')}/v1/reporting_webhooks"
        body = {
            "name": "bridge",
            "endpoint": f"{bridge_url}/sources/customerio",
            "events": list(_CUSTOMERIO_EVENTS),
            "full_resolution": True,
        }
        await _post(session, url, body, bearer=fake.settings.app_api_key)


def basic_auth(user: str, password: str) -> str:
    """Give the `Authorization` header of Basic authentication."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _write_key(source: str) -> str:
    """Give a source its write key: 32 alphanumerics that depend on nothing but its name."""
    return base64.b32encode(hashlib.sha256(f"write key of {source}".encode()).digest()).decode()[:32]


def _fill_mailmodo(fake: FakeMailmodo, accounts: Accounts) -> None:
    for template in accounts.templates:
        fake.state.add_template(_template(template))
    for campaign in accounts.triggered_campaigns:
        fake.state.add_campaign(
            name=campaign.name,
            template=campaign.template,
            subject=campaign.subject,
            trigger_app=campaign.trigger_app,
        )


def _template(spec: TemplateSpec) -> Template:
    questions = {name: _question(question) for name, question in spec.questions.items()}
    words: dict[str, Any] = {"body": f"<p>{spec.body}</p>"} if spec.body else {}
    return Template(
        name=spec.name,
        email_type="AMP" if spec.email_type == "AMP" else "HTML",
        form=Form(spec.form_name, questions) if questions else None,
        links=tuple(Link(name, url) for name, url in spec.links.items()),
        type="Transactional" if spec.type == "Transactional" else "Promotional",
        **words,
    )


def _question(question: tuple[int, int] | str | tuple[str, ...]) -> Question:
    if question == "text":
        return Question(kind="text")
    if len(question) == 2 and isinstance(question[0], int):
        return Question(kind="scale", low=int(question[0]), high=int(question[1]))
    return Question(kind="choice", choices=tuple(str(choice) for choice in question))


def mailmodo_campaign(fake: FakeMailmodo, name: str) -> Campaign:
    """Find a campaign that a scenario speaks of.

    Raises:
        SetupFailed: There is none of that name.
    """
    campaign = fake.state.campaign_by_name(name)
    if campaign is None:
        raise SetupFailed(f"Mailmodo has no campaign {name!r}")
    return campaign


async def _post(
    session: aiohttp.ClientSession,
    url: str,
    body: Mapping[str, object],
    *,
    auth: tuple[str, str] | None = None,
    bearer: str = "",
) -> None:
    headers = {ACTOR_HEADER: "app"}
    if bearer:
        headers["Authorization"] = f"Bearer {bearer}"
    if auth:
        headers["Authorization"] = basic_auth(*auth)
    async with session.post(url, json=body, headers=headers) as response:
        if response.status >= 300:
            text = await response.text()
            raise SetupFailed(f"{url} answered {response.status} to {json.dumps(body)}: {text}")
