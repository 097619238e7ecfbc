"""CleverTap's part of the control API: webhooks, campaigns, segments and journeys, as its dashboard has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, get_args

from fakes.clevertap.authentication import Basic, OAuth
from fakes.clevertap.campaigns import Campaign
from fakes.clevertap.control_groups import ControlGroup
from fakes.clevertap.errors import NotLaunchable, UnknownCampaign
from fakes.clevertap.linked_content import LinkedContent
from fakes.clevertap.nodes import Journey
from fakes.clevertap.segments import Segment
from fakes.kit import Collection, ControlRefused, FakeError, Root, VendorControl, read_value, show_value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fakes.clevertap.app import FakeCleverTap
    from fakes.clevertap.running import RunningCampaign
    from fakes.clevertap.visits import RunningJourney
    from fakes.clevertap.webhooks import WebhookTemplate
    from fakes.kit.account_settings import Bounds

__all__ = ["CleverTapControl"]

Json = dict[str, Any]


class CleverTapControl(VendorControl):
    """What can be shown and done in a CleverTap account."""

    fixed: ClassVar[Mapping[str, str]] = {
        "region": "an account lives where it was made",
        "system_control_group": "a group is drawn once; make one in the collection control_groups",
    }
    bounds: ClassVar[Mapping[str, Bounds]] = {
        "utc_offset": (-14 * 3600, 14 * 3600),
        "webhooks_at_once": (1, 100_000),
        "broadcast_size": (1, 100_000),
    }

    def __init__(self, fake: FakeCleverTap) -> None:
        super().__init__(fake, fake.settings)
        self._fake = fake

    def credentials(self) -> Json:
        """Account id and passcode."""
        settings = self._fake.settings
        return {"account_id": settings.account_id, "passcode": settings.passcode}

    def roots(self) -> Mapping[str, Root]:
        """Profiles and events, what was clicked together, the numbers of it, and everybody who is waited for."""
        fake, dashboard = self._fake, self._fake.dashboard
        sender, journeys = dashboard._sender, dashboard.journeys  # noqa: SLF001 - parts of one fake
        return {
            "account": Root(fake.state),
            "numbers": Root(dashboard, only=("_prepared",)),
            "exports": Root(fake._reading._exports, only=("_by_cursor",)),  # noqa: SLF001 - as above
            "counts": Root(fake._counting, only=("_pending",)),  # noqa: SLF001 - as above
            "pages": Root(fake._pages, only=("_sessions",)),  # noqa: SLF001 - as above
            "upkeep": Root(fake._upkeep, only=("_waits",)),  # noqa: SLF001 - as above
            "targets": Root(fake._targets, only=("_targets", "_made_at")),  # noqa: SLF001 - as above
            "sends": Root(fake._sends, only=("_sent",)),  # noqa: SLF001 - as above
            "webhooks": Root(dashboard._webhooks),  # noqa: SLF001 - as above
            "campaigns": Root(dashboard._campaigns),  # noqa: SLF001 - as above
            "segments": Root(dashboard.segments),
            "control_groups": Root(dashboard.control_groups, without=("_random",)),
            "conversions": Root(dashboard.conversions, without=("_now", "_tell")),
            "pacer": Root(dashboard.pacer, without=("_release", "_drop", "_utc_offset")),
            "triggers": Root(dashboard._triggers, without=("_qualify", "_freshness")),  # noqa: SLF001 - as above
            "journeys": Root(journeys, without=("_host", "_waits", "_stations")),
            "waits": Root(journeys._waits),  # noqa: SLF001 - as above
            "stations": Root(journeys._stations, only=("_looking",)),  # noqa: SLF001 - as above
            "linked": Root(sender.linked_contents, only=("_contents",)),
            "messages": Root(fake._tracking, only=("_messages",)),  # noqa: SLF001 - as above
            "messenger": Root(sender._messenger, only=("_bounced",)),  # noqa: SLF001 - as above
        }

    def live(self) -> dict[str, object]:
        """Name the parts of the running fake that waits refer to."""
        dashboard = self._fake.dashboard
        return {
            **super().live(),
            "dashboard": dashboard,
            "sender": dashboard._sender,  # noqa: SLF001 - parts of one fake
            "upkeep": self._fake._upkeep,  # noqa: SLF001 - as above
            "targets": self._fake._targets,  # noqa: SLF001 - as above
        }

    async def put(self, document: Json) -> None:
        """Make the account what it was; what runs by schedule runs on."""
        await super().put(document)
        self._fake.dashboard.resume_schedules()

    def collections(self) -> Mapping[str, Collection]:
        """What the dashboard lets a marketer create."""
        return {
            "webhooks": Collection(self._show_webhooks, self._create_webhook, "CleverTapWebhook"),
            "campaigns": Collection(self._show_campaigns, self._create_campaign, "CleverTapCampaign"),
            "segments": Collection(self._show_segments, self._create_segment, "CleverTapSegment"),
            "journeys": Collection(self._show_journeys, self._create_journey, "CleverTapJourney"),
            "control_groups": Collection(
                self._show_control_groups, self._create_control_group, "CleverTapControlGroup"
            ),
            "linked_contents": Collection(
                self._show_linked_contents, self._create_linked_content, "CleverTapLinkedContent"
            ),
            "discarded_events": Collection(
                self._show_discarded_events, self._discard_event, "CleverTapDiscardedEvent"
            ),
        }

    async def launch(self, name: str, emails: Sequence[str] | None) -> int:
        """Launch a campaign."""
        try:
            return await self._fake.launch(name, emails)
        except UnknownCampaign as error:
            raise ControlRefused(404, "unknown_campaign", str(error)) from error
        except NotLaunchable as error:
            raise ControlRefused(409, "not_launchable", str(error)) from error

    def _show_webhooks(self) -> list[Json]:
        return [_show_webhook(template) for template in self._fake.dashboard._webhooks.values()]  # noqa: SLF001 - as above

    async def _create_webhook(self, body: Json) -> Json:
        auth = read_value(Basic | OAuth, body["auth"], "webhook.auth") if body.get("auth") else None
        try:
            await self._fake.dashboard.add_webhook(
                body["name"],
                url=body["url"],
                method=body.get("method", "POST"),
                headers=body.get("headers"),
                auth=auth,
            )
        except FakeError as error:
            raise ControlRefused(409, "webhook_refused", str(error)) from error
        return _show_webhook(self._fake.dashboard._webhooks[body["name"]])  # noqa: SLF001 - two parts of one fake

    def _show_campaigns(self) -> list[Json]:
        return [_show_campaign(running) for running in self._fake.dashboard._campaigns.values()]  # noqa: SLF001 - as above

    async def _create_campaign(self, body: Json) -> Json:
        try:
            self._fake.add_campaign(_campaign(body))
        except ControlRefused:
            raise
        except FakeError as error:
            raise ControlRefused(409, "campaign_refused", str(error)) from error
        return _show_campaign(self._fake.dashboard._campaigns[body["name"]])  # noqa: SLF001 - two parts of one fake

    def _show_segments(self) -> list[Json]:
        return [_untyped(segment) for segment in self._fake.dashboard.segments._segments.values()]  # noqa: SLF001 - as above

    async def _create_segment(self, body: Json) -> Json:
        segment = read_value(Segment, body, "segment")
        try:
            self._fake.dashboard.add_segment(segment)
        except (FakeError, ValueError) as error:
            raise ControlRefused(409, "segment_refused", str(error)) from error
        return _untyped(segment)

    def _show_control_groups(self) -> list[Json]:
        return [_untyped(group) for group in self._fake.dashboard.control_groups.all]

    async def _create_control_group(self, body: Json) -> Json:
        group = read_value(ControlGroup, body, "control_group")
        try:
            self._fake.dashboard.control_groups.make(group.share, group.name)
        except ValueError as error:
            raise ControlRefused(409, "control_group_refused", str(error)) from error
        return _untyped(group)

    def _show_linked_contents(self) -> list[Json]:
        return [_untyped(content) for content in self._fake.dashboard._sender.linked_contents.all]  # noqa: SLF001 - as above

    async def _create_linked_content(self, body: Json) -> Json:
        content = read_value(LinkedContent, body, "linked_content")
        try:
            self._fake.dashboard.add_linked_content(content)
        except (FakeError, ValueError) as error:
            raise ControlRefused(409, "linked_content_refused", str(error)) from error
        return _untyped(content)

    def _show_discarded_events(self) -> list[Json]:
        return [{"name": name} for name in self._fake.state.discarded_events]

    async def _discard_event(self, body: Json) -> Json:
        self._fake.state.discard_event(body["name"])
        return {"name": body["name"]}

    def _show_journeys(self) -> list[Json]:
        return [_show_journey(running) for running in self._fake.dashboard.journeys._running.values()]  # noqa: SLF001 - as above

    async def _create_journey(self, body: Json) -> Json:
        try:
            self._fake.dashboard.add_journey(read_value(Journey, body, "journey"))
        except ControlRefused:
            raise
        except FakeError as error:
            raise ControlRefused(409, "journey_refused", str(error)) from error
        return _show_journey(self._fake.dashboard.journeys._running[body["name"]])  # noqa: SLF001 - as above


def _campaign(body: Json) -> Campaign:
    kinds = {_channel(kind): kind for kind in get_args(Campaign)}
    kind = kinds.get(body["channel"])
    if kind is None:
        wanted = " or ".join(kinds)
        raise ControlRefused(
            400, "bad_request", f"campaign.channel: found {body['channel']}, wanted {wanted}"
        )
    made: Campaign = read_value(kind, {name: body[name] for name in body if name != "channel"}, "campaign")
    return made


def _channel(kind: Any) -> str:
    """Say over which channel a kind of campaign goes; it is the same for all of a kind."""
    return str(kind.channel.fget(None).value)


def _show_webhook(template: WebhookTemplate) -> Json:
    return _untyped(template)


def _show_campaign(running: RunningCampaign) -> Json:
    campaign = running.campaign
    shown = {"id": running.id, "channel": campaign.channel.value, **_untyped(campaign)}
    return {**shown, "statistics": _untyped(running.statistics)}


def _show_journey(running: RunningJourney) -> Json:
    shown = {**_untyped(running.journey), "inside": len(running.visits), "is_over": running.is_over}
    return {**shown, "statistics": _untyped(running.statistics)}


def _untyped(value: object) -> Json:
    """Show something whose type is known from where it stands."""
    shown = show_value(value)
    return {name: inside for name, inside in shown.items() if name != "type"}
