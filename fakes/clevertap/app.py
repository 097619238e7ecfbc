"""CleverTap over HTTP: parse, ask state, render; and the dashboard's part, which has no API."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

from aiohttp import web

from fakes.clevertap.authentication import Basic
from fakes.clevertap.counting import Counting
from fakes.clevertap.dashboard import Dashboard
from fakes.clevertap.errors import (
    CleverTapError,
    RecordFault,
    malformed_request,
    method_not_allowed,
    too_many_requests,
)
from fakes.clevertap.gate import Gate, Group
from fakes.clevertap.message_report import MessageReport
from fakes.clevertap.named_sends import NamedSends
from fakes.clevertap.pages import Pages
from fakes.clevertap.reading import Reading
from fakes.clevertap.records import EventRecord, ProfileRecord
from fakes.clevertap.settings import REGION_HOSTS, CleverTapSettings, Region
from fakes.clevertap.state import CleverTapState
from fakes.clevertap.targets import Targets
from fakes.clevertap.tracking import Tracking
from fakes.clevertap.upkeep import Upkeep, outcome
from fakes.clevertap.wire import json_answer, parse
from fakes.kit import Call, Fake, VendorError
from fakes.kit.answers import FixedAnswer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping

    from fakes.clevertap.authentication import OAuth
    from fakes.clevertap.campaigns import Campaign, CampaignStatistics
    from fakes.clevertap.profiles import Profile, StoredEvent
    from fakes.clevertap.rules import PageView
    from fakes.clevertap.state import Stored
    from fakes.kit import Surroundings

__all__ = ["FakeCleverTap"]

_MAX_RECORDS: Final = 1000
_YES: Final = ("1", "true")
_DEFAULTS: Final = CleverTapSettings()


class FakeCleverTap(Fake):
    """One CleverTap account, on the API hosts of all regions; only its own region lets it in.

    Facts, by kind, all with the e-mail address as subject where one is known:
        `profile_stored`     {object_id, identity, is_new}
        `event_stored`       {name, ts, properties, object_id, addressed_by: {kind, value}, source}, at its own time;
            CleverTap's own events also have {is_system}
        `profile_refused`, `event_refused`, `token_refused`  {code, error, name}
        `campaign_qualified` {campaign, channel}
        `webhook_sent`, `webhook_failed`  {campaign, status, attempts}
        `sms_sent`, `push_sent`, `webpush_sent`, `whatsapp_sent`  {campaign, text, recipient}
        `email_sent`         {campaign, subject, recipient}
        `message_dropped`    {campaign, reason}
        `kept_as_control`    {campaign or journey, group}
        `converted`          {campaign, group, revenue}; the group is empty for who got a message
        `journey_entered`    {journey}
        `journey_path`       {journey, node, path}
        `journey_left`       {journey, reason, goal}
        `subscription_changed` {channel, is_subscribed}
        `phone_disassociated` {phone}
        `campaign_created`   {campaign, id, mode}, `campaign_stopped` {campaign, id}, made by API
        `profile_deleted`    {object_id}
        `profile_demerged`   {object_ids}

    Attributes:
        state: Profiles and events.
        dashboard: What is clicked together: webhooks, campaigns, segments, journeys.
        settings: As it was made.
    """

    vendor: ClassVar[str] = "clevertap"
    says_when_to_retry: ClassVar[bool] = False

    def __init__(self, surroundings: Surroundings, settings: CleverTapSettings = _DEFAULTS) -> None:
        # First of all what the handlers are bound to.
        self.settings = settings = replace(settings)  # its own: the control API may change them
        self.state = CleverTapState(settings, now=surroundings.now, random=surroundings.random)
        self._gate = Gate(settings)
        self._reading = Reading(self.state, settings, gate=self._gate, surroundings=surroundings)
        self._counting = Counting(self.state, settings, gate=self._gate, surroundings=surroundings)
        self._tracking = Tracking(self, Region(settings.region))
        self._pages = Pages(self)
        self._upkeep = Upkeep(self, self._gate)
        self._sends = NamedSends(self, self._gate, lambda: self.dashboard)
        self._targets = Targets(self, self._gate, lambda: self.dashboard)
        self._report = MessageReport(
            self, self._gate, lambda: self.dashboard, targets=self._targets, sends=self._sends
        )
        self._all_processed: dict[int, FixedAnswer] = {}
        super().__init__(surroundings)
        self.dashboard = Dashboard(self, self, self._tracking)

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
        self.dashboard.stop()
        self._upkeep.stop()
        self._targets.stop()
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
        oauth: OAuth | None = None,
    ) -> None:
        """Save a webhook template, after its test call; see `Dashboard.add_webhook`."""
        auth = Basic(*basic) if basic else oauth
        await self.dashboard.add_webhook(name, url=url, method=method, headers=headers, auth=auth)

    def add_campaign(self, campaign: Campaign) -> int:
        """Publish a campaign and give its id (`targetId`); see `Dashboard.add_campaign`."""
        return self.dashboard.add_campaign(campaign)

    async def launch(self, name: str, audience: Collection[str] | None = None) -> int:
        """Run a campaign now, and say for how many; see `Dashboard.launch`."""
        return self.dashboard.launch(name, audience)

    def statistics(self, name: str) -> CampaignStatistics:
        """Give a campaign's numbers so far; see `Dashboard.statistics`."""
        return self.dashboard.statistics(name)

    # What campaigns hand back.

    def raise_event(self, profile: Profile, name: str, properties: Mapping[str, Any]) -> None:
        """Store one of CleverTap's own events on a profile, now, and let it trigger what it triggers."""
        if profile.current.is_deleted:
            return
        event = self.state.store_system_event(profile, name, properties)
        addressed_by = {"kind": "objectId", "value": profile.object_id}
        self._tell_event(profile.current, event, event.name, addressed_by, is_system=True)
        self.dashboard.event_stored(profile.current, event)

    def change_profile(self, profile: Profile, changes: Mapping[str, Any]) -> None:
        """Set properties of a profile from inside the account."""
        if profile.current.is_deleted:
            return
        self.state.set_properties(profile, changes)
        self.dashboard.profile_stored(profile.current)

    def page_viewed(self, profile: Profile, view: PageView) -> None:
        """Set off what a page of the website sets off."""
        self.dashboard.page_viewed(profile, view)

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
            **self._counting.handlers(),
            **self._tracking.handlers(),
            **self._pages.handlers(),
            **self._upkeep.handlers(),
            **self._sends.handlers(),
            **self._targets.handlers(),
            **self._report.handlers(),
        }

    def handlers_at_once(self) -> Mapping[str, Callable[[Call], web.Response | FixedAnswer]]:
        """Bind uploads, where they take no time."""
        return {} if self.settings.upload_takes_s else {"upload": self._upload_at_once}

    def answer_unknown(self, call: Call, *, methods: tuple[str, ...]) -> web.Response:  # noqa: ARG002 - the kit's shape
        """Answer 405 for a known path, else 200 with nothing in it, as observed."""
        return self.render_error(method_not_allowed()) if methods else web.Response(status=200)

    def render_error(self, error: VendorError) -> web.Response:
        """Put an error into CleverTap's envelope."""
        if not isinstance(error, CleverTapError):
            error = CleverTapError(500, "An unknown error occurred")
        envelope: dict[str, Any] = {"status": "fail", "error": error.message}
        if error.code:
            envelope["code"] = error.code
        return json_answer(envelope, status=error.status)

    def rate_limit_error(self) -> VendorError:
        """Make the refusal of a call too many at once."""
        return too_many_requests()

    def malformed_error(self) -> VendorError:
        """Make the refusal of what is no HTTP; that it is the one of what is no JSON is a guess."""
        return malformed_request()

    async def _upload(self, call: Call) -> web.Response:
        with self._gate.enter(call, Group.UPLOADS):
            answer = json_answer(outcome(*self._take_all(call)))
            # Stored first, answered later: whoever gives up waiting does not know what became of it.
            await asyncio.sleep(self.settings.upload_takes_s)
        return answer

    def _upload_at_once(self, call: Call) -> web.Response | FixedAnswer:
        self._gate.authorise_head(call)
        records, unprocessed = self._take_all(call)
        if unprocessed:
            return json_answer(outcome(records, unprocessed))
        answer = self._all_processed.get(records)
        if answer is None:
            answer = self._all_processed[records] = FixedAnswer(json_answer(outcome(records, [])))
        return answer

    def _take_all(self, call: Call) -> tuple[int, list[dict[str, Any]]]:
        """Take the records of an upload; give how many there were, and what is said of those that were skipped."""
        body = parse(call.content)
        records = body.get("d") if isinstance(body, dict) else None
        if not isinstance(records, list) or len(records) > _MAX_RECORDS:
            raise malformed_request()
        query = call.request.head.query
        is_dry = bool(query) and query.get("dryRun", "").lower() in _YES
        rehearsed: set[str] | None = set() if is_dry else None
        unprocessed = []
        for number, record in enumerate(records, start=1):
            try:
                self._take(record, rehearsed)
            except RecordFault as fault:
                unprocessed.append(self._refuse(record, fault, number=number, is_dry=is_dry))
        return len(records), unprocessed

    def _take(self, record: Any, rehearsed: set[str] | None) -> None:
        checked = self.state.check(record, rehearsed=rehearsed)
        if rehearsed is not None:
            return
        stored = self.state.store(checked)
        profile = stored.profile
        if stored.is_new or isinstance(checked, ProfileRecord):
            self._tell_profile(stored)
        if isinstance(checked, EventRecord) and stored.event is not None:
            self._tell_event(profile, stored.event, checked.name, checked.address.first)
            self.dashboard.event_stored(profile, stored.event)
        else:
            self.dashboard.profile_stored(profile)
        if stored.is_bad_merge:
            self.raise_event(profile, "Identity Error", {})

    def _refuse(self, record: Any, fault: RecordFault, *, number: int, is_dry: bool) -> dict[str, Any]:
        entry = fault.entry(record, number)
        if not is_dry:
            fields = record if isinstance(record, dict) else {}
            kind = fields.get("type")
            kind = kind if kind in ("profile", "token") else "event"
            subject = fields.get("identity", fields.get("objectId", ""))
            name = fields.get("evtName", "")
            self.tell(
                f"{kind}_refused", str(subject).lower(), code=entry["code"], error=entry["error"], name=name
            )
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
        self,
        profile: Profile,
        event: StoredEvent,
        name: str,
        addressed_by: Mapping[str, str],
        *,
        is_system: bool = False,
    ) -> None:
        details = {
            "name": name,
            "ts": event.ts,
            "properties": event.properties,
            "object_id": profile.object_id,
            "addressed_by": addressed_by,
            "source": event.source,
        }
        if is_system:
            details["is_system"] = True
        self.tell_details("event_stored", profile.subject, details, at=event.at)

    async def _connect(self, call: Call) -> web.Response:
        with self._gate.enter(call, Group.QUERIES):
            await asyncio.sleep(self.settings.query_takes_s)
        if not call.query.get("partner"):
            raise malformed_request()
        return json_answer({"status": "success"})
