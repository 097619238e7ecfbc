"""Campaigns at work: renders for each person who qualified, sends through the channel, counts what became of it."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from contracts.bodies import read_json
from fakes.clevertap.authentication import OAuth, Tokens
from fakes.clevertap.campaigns import (
    VARIABLES,
    Channel,
    ContentFormat,
    DropReason,
    PushCampaign,
    WebhookCampaign,
)
from fakes.clevertap.errors import WebhookRefused
from fakes.clevertap.linked_content import LinkedContents
from fakes.clevertap.liquid_text import MessageAborted
from fakes.clevertap.messaging import Dropped, Messenger, SystemEvents, occasion_of
from fakes.clevertap.tracking import campaign_properties
from fakes.clevertap.webhooks import (
    default_body,
    make_request,
    post_action_body,
    profile_entry,
    retry_policy,
    test_body,
    to_bytes,
)
from fakes.kit import RetryPolicy, WebhookSender, current_cause

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fakes.clevertap.liquid_values import Occasion
    from fakes.clevertap.profiles import Profile
    from fakes.clevertap.running import Qualification, RunningCampaign
    from fakes.clevertap.settings import CleverTapSettings
    from fakes.clevertap.tracking import Tracking
    from fakes.clevertap.webhooks import WebhookTemplate
    from fakes.kit import Fake

__all__ = ["Sender"]


class _Pool:
    """Works off qualifications in their order, so many at once."""

    def __init__(self, sender: Sender, name: str, settings: CleverTapSettings) -> None:
        self._sender = sender
        self._name = name
        self._settings = settings
        self._working = 0
        self._waiting: deque[Qualification] = deque()
        sender.fake.when_cut_off(self.clear)

    def put(self, qualification: Qualification) -> None:
        self._waiting.append(qualification)
        if self._working < self._settings.webhooks_at_once:
            self._working += 1
            self._sender.fake.spawn(self._work(), name=self._name)

    def clear(self) -> None:
        self._waiting.clear()
        self._working = 0

    async def _work(self) -> None:
        try:
            while self._waiting:
                qualification = self._waiting.popleft()
                current_cause.set(qualification.cause)
                await self._sender.deliver(qualification)
        finally:
            self._working -= 1


class Sender:
    """Sends what people qualified for; webhooks and messages to people do not wait for each other.

    Attributes:
        linked_contents: What texts may read from elsewhere.
    """

    def __init__(
        self,
        fake: Fake,
        settings: CleverTapSettings,
        events: SystemEvents,
        *,
        tracking: Tracking,
        template_of: Callable[[str], WebhookTemplate | None],
    ) -> None:
        self.fake = fake
        self._settings = settings
        self._events = events
        self._template_of = template_of
        self._tokens = Tokens(fake, settings)
        self._messenger = Messenger(fake, events, tracking, settings)
        self._webhooks = WebhookSender(fake)
        self.linked_contents = LinkedContents(fake)
        self._pools = {channel: _Pool(self, f"{channel.value} campaign", settings) for channel in Channel}

    async def test(self, template: WebhookTemplate) -> None:
        """Make the test call of a template that is about to be saved.

        Raises:
            WebhookRefused: It was not answered 200.
        """
        request = make_request(
            template, "templateTest", url=template.url, body=to_bytes(test_body()), tokens=self._tokens
        )
        outcome = await self._webhooks.send(request, retry_policy(self._settings, is_test=True))
        if not outcome.is_delivered:
            raise WebhookRefused(template.url, outcome.status)

    def put(self, qualification: Qualification) -> None:
        """Have somebody's message sent once those before it are under way."""
        self._pools[qualification.running.campaign.channel].put(qualification)

    async def deliver(self, qualification: Qualification) -> None:
        """Send one message and count what became of it; who was deleted meanwhile gets nothing."""
        gone = tuple(profile for profile in qualification.profiles if profile.current.is_deleted)
        if gone:
            self.drop(replace(qualification, profiles=gone), DropReason.UNREACHABLE)
            living = tuple(profile for profile in qualification.profiles if profile not in gone)
            if not living:
                return
            qualification = replace(qualification, profiles=living)
        try:
            if names := qualification.running.linked:
                occasion = self._occasion(qualification, qualification.profiles[0].current)
                linked = await self.linked_contents.fetch(names, occasion)
                qualification = replace(qualification, linked=linked)
            if qualification.running.campaign.channel is Channel.WEBHOOK:
                await self._send_webhook(qualification)
            else:
                await self._send_message(qualification)
        except MessageAborted:
            self.drop(qualification, DropReason.ABORTED)
        except Dropped as dropped:
            self.drop(qualification, dropped.reason)

    def drop(self, qualification: Qualification, reason: DropReason) -> None:
        """Count people who get nothing."""
        running = qualification.running
        is_unreachable = reason in (DropReason.UNREACHABLE, DropReason.UNSUBSCRIBED)
        for profile in qualification.profiles:
            running.statistics.count_failure(reason)
            self.fake.tell(
                "message_dropped",
                profile.current.subject,
                campaign=running.campaign.name,
                reason=reason.value,
            )
            qualification.tell(profile, "unreachable" if is_unreachable else "failed")

    def _occasion(self, qualification: Qualification, profile: Profile) -> Occasion:
        return occasion_of(qualification, profile, self.fake, self._settings.utc_offset)

    def _count_sent(self, running: RunningCampaign, profile: Profile) -> None:
        there = self.fake.surroundings.now() + self._settings.utc_offset
        running.statistics.count_sent(there.date().isoformat())
        self._events.message_sent(profile, running)

    # Messages to people

    async def _send_message(self, qualification: Qualification) -> None:
        running, profile = qualification.running, qualification.profiles[0].current
        shown = await self._messenger.send(qualification)
        self._count_sent(running, profile)
        self._messenger.note_sent(profile, running)
        qualification.tell(profile, "sent")
        qualification.tell(profile, "delivered")
        campaign = running.campaign
        if isinstance(campaign, PushCampaign) and campaign.post_action_webhook:
            await self._call_after_push(qualification, campaign, shown)

    async def _call_after_push(
        self, qualification: Qualification, campaign: PushCampaign, shown: Mapping[str, str]
    ) -> None:
        template = self._template_of(campaign.post_action_webhook)
        if template is None:
            return
        running, profile = qualification.running, qualification.profiles[0].current
        occasion = self._occasion(qualification, profile)
        pairs = {key: text.render(occasion) for key, text in running.key_values.items()}
        body = post_action_body(
            running.id, profile, title=shown["title"], body=shown["body"], key_values=pairs
        )
        request = make_request(
            template, "postAction", url=template.url, body=to_bytes(body), tokens=self._tokens
        )
        await self._webhooks.send(request, self._policy_for(template))

    # Webhooks

    def _policy_for(self, template: WebhookTemplate) -> RetryPolicy:
        auth = template.auth
        if isinstance(auth, OAuth):
            return retry_policy(self._settings, refused=partial(self._tokens.forget, auth))
        return retry_policy(self._settings)

    async def _send_webhook(self, qualification: Qualification) -> None:
        running = qualification.running
        campaign, template = running.campaign, running.template
        if not isinstance(campaign, WebhookCampaign) or template is None:
            raise TypeError(f"campaign {campaign.name!r} calls no webhook")
        occasion = self._occasion(qualification, qualification.profiles[0].current)
        url = _with_pairs(running.url.render(occasion), running, occasion)
        if not _is_web_address(url):
            raise Dropped(DropReason.INVALID_URL)
        webhook, body = self._body(qualification, occasion)
        request = make_request(
            template,
            webhook,
            url=url,
            body=body,
            tokens=self._tokens,
            content_format=campaign.content_format,
        )
        now = self.fake.surroundings.now
        tried_at = now()

        def headers() -> Mapping[
            str, str
        ]:  # made anew for each try, so that they tell when the last one began
            nonlocal tried_at
            tried_at = now()
            return request.headers()

        outcome = await self._webhooks.send(replace(request, headers=headers), self._policy_for(template))
        # From here on the webhook itself is the cause of what follows, not what made us send it.
        current_cause.set(outcome.exchange_id or qualification.cause)
        took = now() - tried_at
        kind = "webhook_sent" if outcome.is_delivered else "webhook_failed"
        for profile in qualification.profiles:
            self.fake.tell(
                kind,
                profile.current.subject,
                campaign=campaign.name,
                status=outcome.status,
                attempts=outcome.attempts,
            )
            if not outcome.is_delivered:
                running.statistics.count_failure(DropReason.DISPATCH_FAILED)
                qualification.tell(profile, "failed")
                continue
            self._count_sent(running, profile.current)
            self._note_delivered(profile.current, running, took_ms=int(took.total_seconds() * 1000))
            qualification.tell(profile, "sent")

    def _note_delivered(self, profile: Profile, running: RunningCampaign, *, took_ms: int) -> None:
        if self._settings.webhook_delivered_events:
            properties = campaign_properties(running) | {"mp_processing_time_ms": took_ms}
            self._events.raise_event(profile, "Webhook Delivered", properties)
        self._events.webhook_taken(profile, running.campaign.name)

    def _body(self, qualification: Qualification, occasion: Occasion) -> tuple[str, bytes]:
        """Give the webhook's name in the contract, and its body."""
        running = qualification.running
        campaign = running.campaign
        if not isinstance(campaign, WebhookCampaign):
            raise TypeError(f"campaign {campaign.name!r} calls no webhook")
        if campaign.body is None:
            return self._default_body(qualification, campaign)
        raw = running.text.render(occasion).encode("utf-8", "replace")
        if campaign.content_format is ContentFormat.JSON:
            try:
                read_json(raw)
            except ValueError:
                raise Dropped(DropReason.INVALID_BODY) from None
        return "customBody", raw

    def _default_body(self, qualification: Qualification, campaign: WebhookCampaign) -> tuple[str, bytes]:
        running = qualification.running
        entries = []
        pairs: dict[str, str] = {}
        for profile in qualification.profiles:
            occasion = self._occasion(qualification, profile.current)
            pairs = {key: text.render(occasion) for key, text in running.key_values.items()}
            entries.append(
                profile_entry(
                    profile.current,
                    now=self.fake.surroundings.now(),
                    event=qualification.event,
                    key_values=pairs,
                    has_capitals=self._settings.capitalised_keys,
                    ticked=VARIABLES if campaign.variables is None else campaign.variables,
                )
            )
        if running.is_broadcast:
            body = default_body(running.id, campaign.key_values, entries)
            return "defaultBroadcast", to_bytes(body)
        return "defaultBody", to_bytes(default_body(running.id, pairs, entries[0]))


def _with_pairs(url: str, running: RunningCampaign, occasion: Occasion) -> str:
    """Append the URL key-value pairs as query parameters."""
    pairs = [
        f"{quote(key, safe='')}={quote(text.render(occasion), safe='')}"
        for key, text in running.url_values.items()
    ]
    if not pairs:
        return url
    return f"{url}{'&' if '?' in url else '?'}{'&'.join(pairs)}"


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
