"""CleverTap over HTTP: parse, ask state, render; and the dashboard's part, which has no API."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar, Final

from aiohttp import web

from fakes.clevertap.campaigns import (
    FIRST_CAMPAIGN_ID,
    Campaign,
    CampaignStatistics,
    WebhookCampaign,
    WebhookTemplate,
)
from fakes.clevertap.counting import Counting
from fakes.clevertap.errors import (
    CampaignExists,
    CleverTapError,
    RecordFault,
    UnknownCampaign,
    UnknownWebhook,
    WebhookRefused,
    malformed_request,
    method_not_allowed,
    too_many_requests,
)
from fakes.clevertap.gate import Gate, Group
from fakes.clevertap.reading import Reading
from fakes.clevertap.records import EventRecord, ProfileRecord
from fakes.clevertap.running import Qualification, RunningCampaign
from fakes.clevertap.sending import Sender
from fakes.clevertap.settings import REGION_HOSTS, CleverTapSettings, Region
from fakes.clevertap.state import CleverTapState
from fakes.clevertap.triggers import Triggers
from fakes.clevertap.webhooks import make_request, retry_policy, test_body, to_bytes
from fakes.clevertap.wire import json_answer, parse
from fakes.kit import Call, Fake, VendorError, WebhookSender, current_cause

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

    from fakes.clevertap.profiles import Profile, StoredEvent
    from fakes.clevertap.state import Stored
    from fakes.kit import Surroundings

__all__ = ["FakeCleverTap"]

_MAX_RECORDS: Final = 1000
_MAX_AUDIENCE: Final = 1000
_YES: Final = ("1", "true")
_DEFAULTS: Final = CleverTapSettings()


class FakeCleverTap(Fake):
    """One CleverTap account, on the API hosts of all regions; only its own region lets it in.

    Facts, by kind, all with the e-mail address as subject where one is known:
        `profile_stored`     {object_id, identity, is_new}
        `event_stored`       {name, ts, properties, object_id, addressed_by: {kind, value}, source}, at its own time
        `profile_refused`, `event_refused`, `token_refused`  {code, error, name}
        `campaign_qualified` {campaign, channel}
        `webhook_sent`, `webhook_failed`  {campaign, status, attempts}
        `sms_sent`, `push_sent`  {campaign, text, recipient}
        `message_dropped`    {campaign, reason}

    Attributes:
        state: Profiles and events.
        settings: As it was made.
    """

    vendor: ClassVar[str] = "clevertap"

    def __init__(self, surroundings: Surroundings, settings: CleverTapSettings = _DEFAULTS) -> None:
        # First of all what the handlers are bound to.
        self.settings = settings
        self.state = CleverTapState(settings, now=surroundings.now, random=surroundings.random)
        self._gate = Gate(settings)
        self._reading = Reading(self.state, settings, gate=self._gate, surroundings=surroundings)
        self._counting = Counting(self.state, settings, gate=self._gate, surroundings=surroundings)
        super().__init__(surroundings)
        self._sender = Sender(self, settings, self)
        self._triggers = Triggers(
            self._sender.put,
            now=surroundings.now,
            freshness=(settings.freshness_back, settings.freshness_ahead),
        )
        self._webhooks: dict[str, WebhookTemplate] = {}
        self._campaigns: dict[str, RunningCampaign] = {}

    @property
    def host(self) -> str:
        """The API host of the account's region."""
        return REGION_HOSTS[Region(self.settings.region)][0]

    @property
    def hosts(self) -> tuple[str, ...]:
        """The API hosts of every region, the account's own first."""
        return (self.host, *(host for host in self.contract.hosts if host != self.host))

    async def stop(self) -> None:
        """End waits and sends under way, and close connections."""
        self._triggers.stop()
        await super().stop()

    # The dashboard's part.

    async def add_webhook(
        self,
        name: str,
        *,
        url: str,
        method: str = "POST",
        headers: Mapping[str, str] | None = None,
        basic: tuple[str, str] | None = None,
    ) -> None:
        """Save a webhook under Settings > Channels > Webhooks.

        Args:
            name: What campaigns call it by.
            url: Where to; may hold Liquid.
            method: `POST`, `GET`, `PUT` or `DELETE`.
            headers: Sent with every request.
            basic: User and password for Basic authentication.

        Raises:
            WebhookRefused: The test call was not answered 200, so nothing is saved.
            ValueError: No such method.
        """
        if method not in ("POST", "GET", "PUT", "DELETE"):
            raise ValueError(f"webhook {name!r}: method {method!r}, wanted POST, GET, PUT or DELETE")
        template = WebhookTemplate(
            name=name, url=url, method=method, headers=dict(headers or {}), basic=basic
        )
        request = make_request(template, "templateTest", url=url, body=to_bytes(test_body()))
        outcome = await WebhookSender(self).send(request, retry_policy(self.settings, is_test=True))
        if not outcome.is_delivered:
            raise WebhookRefused(url, outcome.status)
        self._webhooks[name] = template

    def add_campaign(self, campaign: Campaign) -> int:
        """Publish a campaign and give its id (`targetId`).

        Raises:
            CampaignExists: Its name is taken.
            UnknownWebhook: It calls a webhook that was not saved.
            InvalidTemplate: A text of it is not Liquid.
        """
        if campaign.name in self._campaigns:
            raise CampaignExists(f"there is a campaign {campaign.name!r} already")
        template = None
        if isinstance(campaign, WebhookCampaign):
            template = self._webhooks.get(campaign.webhook)
            if template is None:
                raise UnknownWebhook(
                    f"campaign {campaign.name!r}: no webhook {campaign.webhook!r}; "
                    f"there are {', '.join(self._webhooks) or 'none'}"
                )
        number = FIRST_CAMPAIGN_ID + len(self._campaigns)
        running = RunningCampaign(number, campaign, self.settings.render_dollar_names, template)
        self._campaigns[campaign.name] = running
        self._triggers.add(running)
        return number

    async def launch(self, name: str, audience: Collection[str] | None = None) -> int:
        """Run a campaign now for everybody, or for those with one of the e-mail addresses; say for how many.

        People are taken in the order in which their profiles came to be; sending goes on in the background.

        Raises:
            UnknownCampaign: No campaign of that name.
        """
        wanted = None if audience is None else {email.lower() for email in audience}
        people = [profile for profile in self.state.profiles if wanted is None or profile.email in wanted]
        self._send(self._running(name), people)
        return len(people)

    def statistics(self, name: str) -> CampaignStatistics:
        """Give a campaign's numbers so far.

        Raises:
            UnknownCampaign: No campaign of that name.
        """
        return self._running(name).statistics

    def _running(self, name: str) -> RunningCampaign:
        try:
            return self._campaigns[name]
        except KeyError:
            known = ", ".join(self._campaigns) or "none"
            raise UnknownCampaign(f"no campaign {name!r}; there are {known}") from None

    def _send(self, running: RunningCampaign, people: Sequence[Profile], *, external: Any = None) -> None:
        cause = current_cause.get()
        size = self.settings.broadcast_size if running.is_broadcast else 1
        for start in range(0, len(people), size):
            group = tuple(people[start : start + size])
            self._sender.put(Qualification(running, group, external=external or {}, cause=cause))

    # What campaigns hand back.

    def raise_event(self, profile: Profile, name: str, properties: Mapping[str, Any]) -> None:
        """Store one of CleverTap's own events on a profile, now, and let it trigger what it triggers."""
        event = self.state.store_system_event(profile, name, properties)
        self._tell_event(profile.current, event, event.name, {"kind": "objectId", "value": profile.object_id})
        self._triggers.event_stored(profile.current, event)

    def webhook_taken(self, profile: Profile, campaign: str) -> None:
        """Start the time of those who wait for the webhook of a campaign."""
        self._triggers.webhook_taken(profile, campaign)

    # The API.

    def handlers(self) -> Mapping[str, Callable[[Call], Awaitable[web.Response]]]:
        """Bind the contract's operations."""
        return {
            "upload": self._upload,
            "getProfile": self._reading.get_profile,
            "startEventExport": self._reading.start_event_export,
            "getEvents": self._reading.get_events,
            "startProfileExport": self._reading.start_profile_export,
            "getProfiles": self._reading.get_profiles,
            "connect": self._connect,
            "sendExternalTrigger": self._send_external_trigger,
            **self._counting.handlers(),
        }

    def answer_unknown(self, call: Call, *, methods: tuple[str, ...]) -> web.Response:  # noqa: ARG002 - the kit's shape
        """Answer 405 for a known path, else 200 with nothing in it, as observed."""
        return self.render_error(method_not_allowed()) if methods else web.Response(status=200)

    def render_error(self, error: VendorError) -> web.Response:
        """Put an error into CleverTap's envelope."""
        if not isinstance(error, CleverTapError):
            error = CleverTapError(500, "An unknown error occurred")
        return json_answer(
            {"status": "fail", "error": error.message, "code": error.code}, status=error.status
        )

    def rate_limit_error(self) -> VendorError:
        """Make the refusal of a call too many at once."""
        return too_many_requests()

    async def _upload(self, call: Call) -> web.Response:
        with self._gate.enter(call, Group.UPLOADS):
            body = parse(call.content)
            records = body.get("d") if isinstance(body, dict) else None
            if not isinstance(records, list) or len(records) > _MAX_RECORDS:
                raise malformed_request()
            is_dry = call.query.get("dryRun", "").lower() in _YES
            unprocessed = []
            for number, record in enumerate(records, start=1):
                try:
                    self._take(record, is_dry=is_dry)
                except RecordFault as fault:
                    unprocessed.append(self._refuse(record, fault, number=number, is_dry=is_dry))
            processed = len(records) - len(unprocessed)
            # Stored first, answered later: whoever gives up waiting does not know what became of it.
            if self.settings.upload_takes_s:
                await asyncio.sleep(self.settings.upload_takes_s)
        status = "success" if not unprocessed else "partial" if processed else "fail"
        return json_answer({"status": status, "processed": processed, "unprocessed": unprocessed})

    def _take(self, record: Any, *, is_dry: bool) -> None:
        checked = self.state.check(record)
        if is_dry:
            return
        stored = self.state.store(checked)
        profile = stored.profile
        if stored.is_new or isinstance(checked, ProfileRecord):
            self._tell_profile(stored)
        if isinstance(checked, EventRecord) and stored.event is not None:
            self._tell_event(profile, stored.event, checked.name, checked.address.first)
            self._triggers.event_stored(profile, stored.event)
        if stored.is_bad_merge:
            self.raise_event(profile, "Identity Error", {})

    def _refuse(self, record: Any, fault: RecordFault, *, number: int, is_dry: bool) -> dict[str, Any]:
        text = fault.text(number)
        entry = {"status": "fail", "code": int(fault.code), "error": text, "record": fault.echo or record}
        if not is_dry:
            fields = record if isinstance(record, dict) else {}
            kind = fields.get("type")
            kind = kind if kind in ("profile", "token") else "event"
            subject = fields.get("identity", fields.get("objectId", ""))
            name = fields.get("evtName", "")
            self.tell(f"{kind}_refused", str(subject).lower(), code=int(fault.code), error=text, name=name)
        return entry

    def _tell_profile(self, stored: Stored) -> None:
        profile = stored.profile
        self.tell(
            "profile_stored",
            profile.subject,
            object_id=profile.object_id,
            identity=profile.identity,
            is_new=stored.is_new,
        )

    def _tell_event(
        self, profile: Profile, event: StoredEvent, name: str, addressed_by: Mapping[str, str]
    ) -> None:
        self.tell(
            "event_stored",
            profile.subject,
            at=event.at,
            name=name,
            ts=event.ts,
            properties=event.properties,
            object_id=profile.object_id,
            addressed_by=addressed_by,
            source=event.source,
        )

    async def _connect(self, call: Call) -> web.Response:
        with self._gate.enter(call, Group.QUERIES):
            await asyncio.sleep(self.settings.query_takes_s)
        if not call.query.get("partner"):
            raise malformed_request()
        return json_answer({"status": "success"})

    async def _send_external_trigger(self, call: Call) -> web.Response:
        with self._gate.enter(call, Group.QUERIES):
            await asyncio.sleep(self.settings.query_takes_s)
            body = parse(call.content)
            if not isinstance(body, dict) or not isinstance(body.get("to"), dict):
                raise malformed_request()
            external = body.get("ExternalTrigger", {})
            wanted = str(body.get("campaign_id", ""))
            running = next((one for one in self._campaigns.values() if str(one.id) == wanted), None)
            if running is None or not isinstance(external, dict):
                raise CleverTapError(
                    200, "Invalid campaign id" if running is None else "Invalid ExternalTrigger", 400
                )
            self._send(running, self._addressed(body["to"]), external=external)
        return json_answer({"status": "success", "message": "Added to queue for processing"})

    def _addressed(self, to: Mapping[str, Any]) -> list[Profile]:
        """Find the people of `to`, each once, in the order given; unknown ones are passed over."""
        finders = {
            "identity": self.state.profile_by_identity,
            "email": self.state.profile_by_email,
            "objectid": self.state.profile_by_object_id,
        }
        found: dict[int, Profile] = {}
        asked = 0
        for kind, values in to.items():
            find = finders.get(kind.lower())
            if find is None or not isinstance(values, list):
                raise malformed_request()
            asked += len(values)
            for profile in map(find, map(str, values)):
                if profile is not None:
                    found.setdefault(profile.number, profile)
        if asked > _MAX_AUDIENCE:
            raise malformed_request()
        return list(found.values())
