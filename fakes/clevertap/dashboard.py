"""The dashboard's part of an account, which has no API: webhooks, campaigns, segments, limits, journeys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from fakes.clevertap.campaigns import (
    FIRST_CAMPAIGN_ID,
    Campaign,
    CampaignStatistics,
    Channel,
    PushCampaign,
    WebhookCampaign,
)
from fakes.clevertap.comparison import Comparison
from fakes.clevertap.control_groups import ControlGroups
from fakes.clevertap.conversions import Conversions
from fakes.clevertap.errors import CampaignExists, NotLaunchable, UnknownCampaign, UnknownWebhook
from fakes.clevertap.journeys import Journeys
from fakes.clevertap.pacing import Pacer
from fakes.clevertap.profiles import folded
from fakes.clevertap.rules import External, InSegment
from fakes.clevertap.running import Qualification, RunningCampaign
from fakes.clevertap.runs import Runs
from fakes.clevertap.segments import Segment, Segments
from fakes.clevertap.sending import Sender
from fakes.clevertap.triggers import Triggers
from fakes.clevertap.webhooks import WebhookTemplate
from fakes.kit import current_cause

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import timedelta

    from fakes.clevertap.authentication import Basic, OAuth
    from fakes.clevertap.limits import ChannelLimits
    from fakes.clevertap.linked_content import LinkedContent
    from fakes.clevertap.nodes import Journey
    from fakes.clevertap.profiles import Profile, StoredEvent
    from fakes.clevertap.rules import PageView
    from fakes.clevertap.settings import CleverTapSettings
    from fakes.clevertap.state import CleverTapState
    from fakes.clevertap.tracking import Tracking
    from fakes.kit import Fake

__all__ = ["Account", "Dashboard"]


class Account(Protocol):
    """What the dashboard works on."""

    settings: CleverTapSettings
    state: CleverTapState

    def change_profile(self, profile: Profile, changes: Mapping[str, Any]) -> None:
        """Set properties of a profile from inside the account."""
        ...

    def raise_event(self, profile: Profile, name: str, properties: Mapping[str, Any]) -> None:
        """Store a system event on a profile, now, and let it trigger what it triggers."""
        ...


class Dashboard:
    """Everything that is clicked together, and what runs by it.

    Attributes:
        segments: Segments and custom lists.
        control_groups: The system and the custom control groups; `make` makes one.
        conversions: Who may still reach the goal of a campaign.
        pacer: Holds campaigns to their limits.
        journeys: The published journeys.
        settings: The account's.
        surroundings: The fake's.
    """

    def __init__(self, fake: Fake, account: Account, tracking: Tracking) -> None:
        settings = account.settings
        self._webhooks: dict[str, WebhookTemplate] = {}
        self._campaigns: dict[str, RunningCampaign] = {}
        self._prepared = 0
        self._account = account
        self._fake = fake
        self.settings = settings
        self.surroundings = fake.surroundings
        self.tell = fake.tell
        self.change_profile = account.change_profile
        now = fake.surroundings.now
        self.segments = Segments(now)
        self.conversions = Conversions(now, fake.tell)
        self.control_groups = ControlGroups(fake.surroundings.random)
        if settings.system_control_group is not None:
            self.control_groups.make(settings.system_control_group)
        self._comparison = Comparison(fake.tell, self.control_groups, self.conversions)
        self._sender = Sender(
            fake,
            settings,
            self,
            tracking=tracking,
            template_of=self._webhooks.get,
        )

        def utc_offset() -> timedelta:  # settings change while the account is in use
            return settings.utc_offset

        self.pacer = Pacer(self._sender.put, self._sender.drop, now=now, utc_offset=utc_offset)
        self._triggers = Triggers(
            self.qualify, now=now, freshness=lambda: (settings.freshness_back, settings.freshness_ahead)
        )
        self.journeys = Journeys(self)
        self._runs = Runs(
            fake, utc_offset=utc_offset, account=account.state, members=self._members, send=self.send
        )

    def stop(self) -> None:
        """End every wait."""
        self._triggers.stop()
        self.pacer.stop()
        self.journeys.stop()

    @property
    def profiles(self) -> Sequence[Profile]:
        """Every living profile, the oldest first."""
        return self._account.state.profiles

    # Webhooks and campaigns

    async def add_webhook(
        self,
        name: str,
        *,
        url: str,
        method: str = "POST",
        headers: Mapping[str, str] | None = None,
        auth: Basic | OAuth | None = None,
    ) -> None:
        """Save a webhook under Settings > Channels > Webhooks.

        Args:
            name: What campaigns call it by.
            url: Where to; may hold Liquid.
            method: `POST`, `GET`, `PUT` or `DELETE`.
            headers: Sent with every request.
            auth: How CleverTap proves itself.

        Raises:
            WebhookRefused: The test call was not answered 200, so nothing is saved.
            InvalidTemplate: What stands in the URL is not Liquid.
            ValueError: No such method.
        """
        if method not in ("POST", "GET", "PUT", "DELETE"):
            raise ValueError(f"webhook {name!r}: method {method!r}, wanted POST, GET, PUT or DELETE")
        template = WebhookTemplate(name=name, url=url, method=method, headers=dict(headers or {}), auth=auth)
        await self._sender.test(template)
        self._webhooks[name] = template

    def add_campaign(self, campaign: Campaign) -> int:
        """Publish a campaign and give its id (`targetId`).

        Raises:
            CampaignExists: Its name is taken.
            UnknownWebhook: It calls a webhook that was not saved.
            UnknownSegment: It is for a segment that there is not.
            InvalidTemplate: A text of it is not Liquid.
            UnknownControlGroup: It is held against a custom control group that there is not.
        """
        if campaign.name in self._campaigns:
            raise CampaignExists(f"there is a campaign {campaign.name!r} already")
        rule = campaign.when
        if isinstance(rule, InSegment):
            self.segments.check(rule.segment)
        self.control_groups.check(campaign.control)
        running = self.prepare(campaign)
        self._campaigns[campaign.name] = running
        self._triggers.add(running)
        self._runs.schedule(running)
        for profile in self._account.state.profiles:
            self._triggers.profile_stored(profile)
        return running.id

    def prepare(self, campaign: Campaign) -> RunningCampaign:
        """Compile a campaign, and give it its id, without publishing it: the API sends what is not in the dashboard.

        Raises:
            UnknownWebhook: It calls a webhook that was not saved.
            InvalidTemplate: A text of it is not Liquid.
        """
        template = None
        if isinstance(campaign, WebhookCampaign):
            template = self._webhook(campaign, campaign.webhook)
        elif isinstance(campaign, PushCampaign) and campaign.post_action_webhook:
            self._webhook(campaign, campaign.post_action_webhook)
        running = RunningCampaign(
            FIRST_CAMPAIGN_ID + self._prepared,
            campaign,
            self.settings.render_dollar_names,
            template,
            published_at=self.surroundings.now(),
            escapes_json=self.settings.escape_json_values,
        )
        self._prepared += 1
        return running

    @property
    def campaigns(self) -> Sequence[RunningCampaign]:
        """Every published campaign, the oldest first."""
        return tuple(self._campaigns.values())

    def resume_schedules(self) -> None:
        """Let every campaign run by its schedule again, from now on, after background work was cut off."""
        for running in self._campaigns.values():
            self._runs.schedule(running)

    def _webhook(self, campaign: Campaign, name: str) -> WebhookTemplate:
        template = self._webhooks.get(name)
        if template is None:
            known = ", ".join(self._webhooks) or "none"
            raise UnknownWebhook(f"campaign {campaign.name!r}: no webhook {name!r}; there are {known}")
        return template

    def launch(self, name: str, audience: Collection[str] | None = None) -> int:
        """Run a campaign now for everybody, or for those with one of the e-mail addresses; say for how many.

        A campaign for a segment goes to those who are in it at this moment. People are taken in the order in which
        their profiles came to be; sending goes on in the background.

        Raises:
            UnknownCampaign: No campaign of that name.
            NotLaunchable: Only the API can trigger it.
        """
        running = self.running(name)
        if isinstance(running.campaign.when, External):
            raise NotLaunchable(
                f"campaign {name!r} cannot be launched: only the external trigger API sends it"
            )
        wanted = None if audience is None else {email.lower() for email in audience}
        people = [profile for profile in self._members(running) if wanted is None or profile.email in wanted]
        self.send(running, people)
        return len(people)

    def running(self, name: str) -> RunningCampaign:
        """Find a published campaign.

        Raises:
            UnknownCampaign: No campaign of that name.
        """
        try:
            return self._campaigns[name]
        except KeyError:
            known = ", ".join(self._campaigns) or "none"
            raise UnknownCampaign(f"no campaign {name!r}; there are {known}") from None

    def running_by_id(self, campaign_id: str) -> RunningCampaign | None:
        """Find a published campaign by its `targetId`."""
        return next((one for one in self._campaigns.values() if str(one.id) == campaign_id), None)

    def statistics(self, name: str) -> CampaignStatistics:
        """Give a campaign's numbers so far.

        Raises:
            UnknownCampaign: No campaign of that name.
        """
        return self.running(name).statistics

    def limit_channel(self, channel: Channel | str, limits: ChannelLimits) -> None:
        """Set the limits of a channel, under Settings > Campaign limits."""
        self.pacer.limit_channel(Channel(channel), limits)

    def add_linked_content(self, content: LinkedContent) -> None:
        """Add an API under Settings > Linked Content; see `LinkedContents.add`."""
        self._sender.linked_contents.add(content)

    # Segments

    def add_segment(self, segment: Segment) -> None:
        """Add a segment by past behaviour and properties."""
        self.segments.add(segment)

    def put_into_list(self, name: str, identities: Iterable[str]) -> int:
        """Put people into a custom list or API segment; say how many are new in it.

        Args:
            name: Of the list, which is made if there is none.
            identities: E-mail addresses or other identities; unknown ones are passed over.
        """
        added = self.segments.put_into_list(name, self._found(identities))
        for profile in added:
            self._tell_membership(profile, name, "Entered")
        self.journeys.members_added(name, added)
        return len(added)

    def take_off_list(self, name: str, identities: Iterable[str]) -> int:
        """Take people off a custom list or API segment; say how many were on it.

        Raises:
            UnknownSegment: No list of that name.
        """
        gone = self.segments.take_off_list(name, self._found(identities))
        for profile in gone:
            self._tell_membership(profile, name, "Exited")
        return len(gone)

    def _found(self, identities: Iterable[str]) -> list[Profile]:
        found = (self._account.state.profile_by_identity(identity) for identity in identities)
        return [profile for profile in found if profile is not None]

    def _tell_membership(self, profile: Profile, name: str, change: str) -> None:
        properties = {"Segment Name": name, "Change": change}
        self._account.raise_event(profile, "Segment Membership Change", properties)

    def _members(self, running: RunningCampaign, among: Sequence[Profile] | None = None) -> list[Profile]:
        rule = running.campaign.when
        people = self._account.state.profiles if among is None else among
        if not isinstance(rule, InSegment):
            return list(people)
        return [profile for profile in people if self.segments.contains(rule.segment, profile)]

    # Journeys

    def add_journey(self, journey: Journey) -> None:
        """Publish a journey; see `Journeys.publish`."""
        self.journeys.publish(journey)

    def trigger_journey(self, name: str, audience: Collection[str] | None = None) -> int:
        """Send everybody, or those with one of the e-mail addresses, into a journey; say how many entered."""
        wanted = None if audience is None else {email.lower() for email in audience}
        people = [profile for profile in self.profiles if wanted is None or profile.email in wanted]
        return self.journeys.trigger(name, people)

    # What makes messages go

    def send(
        self,
        running: RunningCampaign,
        people: Sequence[Profile],
        *,
        external: Any = None,
        is_unthrottled: bool = False,
    ) -> None:
        """Let people qualify for a campaign now."""
        cause = current_cause.get()
        size = self.settings.broadcast_size if running.is_broadcast else 1
        for start in range(0, len(people), size):
            group = tuple(people[start : start + size])
            self.qualify(
                Qualification(
                    running, group, external=external or {}, cause=cause, is_unthrottled=is_unthrottled
                )
            )

    def qualify(self, qualification: Qualification) -> None:
        """Count people who qualified, and send as the limits allow."""
        campaign = qualification.running.campaign
        is_anyone_gone = any(profile.current.is_deleted for profile in qualification.profiles)
        if is_anyone_gone or qualification.running.is_stopped:
            return
        qualification.running.statistics.qualified += len(qualification.profiles)
        for profile in qualification.profiles:
            self._fake.tell(
                "campaign_qualified",
                profile.current.subject,
                campaign=campaign.name,
                channel=campaign.channel.value,
            )
        # A journey keeps people out where they would enter it.
        left_in = qualification if qualification.is_journey else self._comparison.left_in(qualification)
        if left_in is not None:
            self.pacer.admit(left_in)

    def event_stored(self, profile: Profile, event: StoredEvent) -> None:
        """Set off what an event sets off."""
        key = folded(event.name)
        self.conversions.event_stored(profile, event, key)
        self._triggers.event_stored(profile, event, key)
        self.journeys.event_stored(profile, event, key)

    def page_viewed(self, profile: Profile, view: PageView) -> None:
        """Set off what a page of the website sets off."""
        self._triggers.page_viewed(profile, view)

    def profile_stored(self, profile: Profile) -> None:
        """Set off, later, what a profile's dates set off."""
        self._triggers.profile_stored(profile)
        self.journeys.profile_stored(profile)

    def raise_event(self, profile: Profile, name: str, properties: Mapping[str, Any]) -> None:
        """Store a system event on a profile, now, and let it trigger what it triggers."""
        self._account.raise_event(profile, name, properties)

    def message_sent(self, profile: Profile, running: RunningCampaign) -> None:
        """Begin the time in which somebody may convert."""
        self.conversions.begin(running, profile)

    def webhook_taken(self, profile: Profile, campaign: str) -> None:
        """Start the time of those who wait for the webhook of a campaign."""
        self._triggers.webhook_taken(profile, campaign)
