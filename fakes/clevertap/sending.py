"""Campaigns at work: renders for each person who qualified, sends through the channel, counts what became of it."""

from __future__ import annotations

import json
from collections import deque
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from fakes.clevertap.campaigns import Channel, ContentFormat, DropReason, WebhookCampaign
from fakes.clevertap.liquid_text import MessageAborted
from fakes.clevertap.liquid_values import Occasion
from fakes.clevertap.webhooks import default_body, make_request, profile_entry, retry_policy, to_bytes
from fakes.kit import PhoneMessage, WebhookSender, current_cause, draw_uuid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fakes.clevertap.profiles import Profile
    from fakes.clevertap.running import Qualification, RunningCampaign
    from fakes.clevertap.settings import CleverTapSettings
    from fakes.kit import Fake

__all__ = ["Sender", "SystemEvents"]


class SystemEvents(Protocol):
    """Where the events go that CleverTap raises itself."""

    def raise_event(self, profile: Profile, name: str, properties: Mapping[str, Any]) -> None:
        """Store a system event on a profile, now, and let it trigger what it triggers."""
        ...

    def webhook_taken(self, profile: Profile, campaign: str) -> None:
        """Note that a webhook campaign's request for a profile was answered with success."""
        ...


class _Dropped(Exception):
    def __init__(self, reason: DropReason) -> None:
        super().__init__(reason)
        self.reason = reason


class _Pool:
    """Works off qualifications in their order, so many at once."""

    def __init__(self, sender: Sender, name: str, *, at_once: int) -> None:
        self._sender = sender
        self._name = name
        self._free = at_once
        self._waiting: deque[Qualification] = deque()

    def put(self, qualification: Qualification) -> None:
        self._waiting.append(qualification)
        if self._free:
            self._free -= 1
            self._sender.fake.spawn(self._work(), name=self._name)

    async def _work(self) -> None:
        try:
            while self._waiting:
                qualification = self._waiting.popleft()
                current_cause.set(qualification.cause)
                await self._sender.deliver(qualification)
        finally:
            self._free += 1


class Sender:
    """Sends what people qualified for; webhooks and phone messages do not wait for each other."""

    def __init__(self, fake: Fake, settings: CleverTapSettings, events: SystemEvents) -> None:
        self.fake = fake
        self._settings = settings
        self._events = events
        self._policy = retry_policy(settings)
        self._webhooks = WebhookSender(fake)
        self._pools = {
            Channel.WEBHOOK: _Pool(self, "webhook campaign", at_once=settings.webhooks_at_once),
            Channel.SMS: _Pool(self, "SMS campaign", at_once=settings.webhooks_at_once),
            Channel.PUSH: _Pool(self, "push campaign", at_once=settings.webhooks_at_once),
        }

    def put(self, qualification: Qualification) -> None:
        """Have somebody's message sent once those before it are under way."""
        campaign = qualification.running.campaign
        qualification.running.statistics.qualified += len(qualification.profiles)
        for profile in qualification.profiles:
            self.fake.tell(
                "campaign_qualified",
                profile.current.subject,
                campaign=campaign.name,
                channel=campaign.channel.value,
            )
        self._pools[campaign.channel].put(qualification)

    async def deliver(self, qualification: Qualification) -> None:
        """Send one message and count what became of it."""
        try:
            if qualification.running.campaign.channel is Channel.WEBHOOK:
                await self._send_webhook(qualification)
            else:
                await self._send_to_phone(qualification)
        except MessageAborted:
            self._count_dropped(qualification, DropReason.ABORTED)
        except _Dropped as dropped:
            self._count_dropped(qualification, dropped.reason)

    def _count_dropped(self, qualification: Qualification, reason: DropReason) -> None:
        running = qualification.running
        for profile in qualification.profiles:
            running.statistics.count_failure(reason)
            self.fake.tell(
                "message_dropped",
                profile.current.subject,
                campaign=running.campaign.name,
                reason=reason.value,
            )

    def _occasion(self, qualification: Qualification, profile: Profile) -> Occasion:
        event = qualification.event
        return Occasion(
            profile=profile,
            at=self.fake.surroundings.now(),
            utc_offset=self._settings.utc_offset,
            event_name=event.name if event else "",
            event=event.properties if event else {},
            external=qualification.external,
            constant=qualification.constant,
        )

    async def _send_to_phone(self, qualification: Qualification) -> None:
        running, profile = qualification.running, qualification.profiles[0].current
        campaign = running.campaign
        is_sms = campaign.channel is Channel.SMS
        recipient = profile.phone if is_sms else profile.push_token
        if not profile.is_subscribed(campaign.channel.value):
            raise _Dropped(DropReason.UNSUBSCRIBED)
        if not recipient:
            raise _Dropped(DropReason.UNREACHABLE)
        text = running.text.render(self._occasion(qualification, profile))
        surroundings = self.fake.surroundings
        message = PhoneMessage(
            id=draw_uuid(surroundings.random),
            vendor=self.fake.vendor,
            channel="sms" if is_sms else "push",
            recipient=recipient,
            email=profile.email,
            text=text,
            campaign=campaign.name,
            sent_at=surroundings.now(),
            cause=current_cause.get(),
        )
        if not await surroundings.phone_network.deliver(message):
            raise _Dropped(DropReason.UNDELIVERED)
        running.statistics.sent += 1
        kind = "sms_sent" if is_sms else "push_sent"
        self.fake.tell(kind, profile.subject, campaign=campaign.name, text=text, recipient=recipient)
        self._events.raise_event(
            profile, "Notification Sent", {"Campaign Id": running.id, "Campaign Name": campaign.name}
        )

    async def _send_webhook(self, qualification: Qualification) -> None:
        running = qualification.running
        campaign, template = running.campaign, running.template
        if not isinstance(campaign, WebhookCampaign) or template is None:
            raise TypeError(f"campaign {campaign.name!r} calls no webhook")
        occasion = self._occasion(qualification, qualification.profiles[0].current)
        url = running.url.render(occasion)
        if not _is_web_address(url):
            raise _Dropped(DropReason.INVALID_URL)
        webhook, body = self._body(qualification, occasion)
        request = make_request(template, webhook, url=url, body=body, content_format=campaign.content_format)
        began_at = self.fake.surroundings.now()
        outcome = await self._webhooks.send(request, self._policy)
        # From here on the webhook itself is the cause of what follows, not what made us send it.
        current_cause.set(outcome.exchange_id or qualification.cause)
        took = self.fake.surroundings.now() - began_at
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
                continue
            running.statistics.sent += 1
            self._note_delivered(profile.current, running, took_ms=int(took.total_seconds() * 1000))

    def _note_delivered(self, profile: Profile, running: RunningCampaign, *, took_ms: int) -> None:
        if self._settings.webhook_delivered_events:
            self._events.raise_event(
                profile,
                "Webhook Delivered",
                {
                    "Campaign Id": running.id,
                    "Campaign Name": running.campaign.name,
                    "mp_processing_time_ms": took_ms,
                },
            )
        self._events.webhook_taken(profile, running.campaign.name)

    def _body(self, qualification: Qualification, occasion: Occasion) -> tuple[str, bytes]:
        """Give the webhook's name in the contract, and its body."""
        running = qualification.running
        campaign = running.campaign
        if not isinstance(campaign, WebhookCampaign) or campaign.body is None:
            return self._default_body(qualification)
        text = running.text.render(occasion)
        if campaign.content_format is ContentFormat.JSON:
            try:
                json.loads(text)
            except (ValueError, RecursionError):
                raise _Dropped(DropReason.INVALID_BODY) from None
        return "customBody", text.encode("utf-8", "replace")

    def _default_body(self, qualification: Qualification) -> tuple[str, bytes]:
        running = qualification.running
        entries = []
        pairs: dict[str, str] = {}
        for profile in qualification.profiles:
            occasion = self._occasion(qualification, profile.current)
            pairs = {key: text.render(occasion) for key, text in running.key_values.items()}
            entries.append(
                profile_entry(
                    profile.current,
                    event=qualification.event,
                    key_values=pairs,
                    has_capitals=self._settings.capitalised_keys,
                )
            )
        if running.is_broadcast:
            campaign = running.campaign
            shown = campaign.key_values if isinstance(campaign, WebhookCampaign) else {}
            return "defaultBroadcast", to_bytes(default_body(running.id, shown, entries))
        return "defaultBody", to_bytes(default_body(running.id, pairs, entries[0]))


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
