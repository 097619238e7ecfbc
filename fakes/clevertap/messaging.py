"""SMS, push, web push and e-mail: from a person who qualified to their phone or inbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, Protocol

from fakes.clevertap.campaigns import Channel, DropReason, EmailCampaign, PushCampaign, WebPushCampaign
from fakes.clevertap.liquid_values import Occasion
from fakes.clevertap.tracking import campaign_properties
from fakes.kit import COMPLAINT_HEADER, MailMessage, PhoneMessage, current_cause, draw_uuid

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta
    from typing import Any

    from fakes.clevertap.campaigns import Campaign
    from fakes.clevertap.profiles import Profile
    from fakes.clevertap.running import Qualification, RunningCampaign
    from fakes.clevertap.settings import CleverTapSettings
    from fakes.clevertap.tracking import SentMessage, Tracking
    from fakes.kit import Fake

__all__ = ["Dropped", "Messenger", "SystemEvents", "can_reach", "occasion_of"]

_KINDS: Final[Mapping[Channel, Literal["sms", "push", "webpush", "whatsapp"]]] = {
    Channel.SMS: "sms",
    Channel.PUSH: "push",
    Channel.WEB_PUSH: "webpush",
    Channel.WHATSAPP: "whatsapp",
}


class SystemEvents(Protocol):
    """Where the events go that CleverTap raises itself."""

    def raise_event(self, profile: Profile, name: str, properties: Mapping[str, Any]) -> None:
        """Store a system event on a profile, now, and let it trigger what it triggers."""
        ...

    def message_sent(self, profile: Profile, running: RunningCampaign) -> None:
        """Note that somebody got a message, over any channel."""
        ...

    def webhook_taken(self, profile: Profile, campaign: str) -> None:
        """Note that a webhook campaign's request for a profile was answered with success."""
        ...


class Dropped(Exception):
    """Somebody who qualified gets nothing.

    Attributes:
        reason: Why.
    """

    def __init__(self, reason: DropReason) -> None:
        super().__init__(reason)
        self.reason = reason


def occasion_of(
    qualification: Qualification, profile: Profile, fake: Fake, utc_offset: timedelta
) -> Occasion:
    """Say what texts are rendered for."""
    event = qualification.event
    return Occasion(
        profile=profile,
        at=fake.surroundings.now(),
        utc_offset=utc_offset,
        event_name=event.name if event else "",
        event=event.properties if event else {},
        external=qualification.external,
        constant=qualification.constant,
        linked=qualification.linked,
    )


class Messenger:
    """Hands messages to phones and mail hosts, and raises what CleverTap then knows."""

    def __init__(
        self, fake: Fake, events: SystemEvents, tracking: Tracking, settings: CleverTapSettings
    ) -> None:
        self._fake = fake
        self._events = events
        self._tracking = tracking
        self._settings = settings
        self._bounced: set[str] = set()

    async def send(self, qualification: Qualification) -> Mapping[str, str]:
        """Send to one person, on one device or on all; give what was shown: `title`, `body`.

        Raises:
            Dropped: It cannot be sent, or nobody takes it.
            MessageAborted: The text says so.
        """
        running, profile = qualification.running, qualification.profiles[0].current
        channel = running.campaign.channel
        if not profile.is_subscribed(channel.value):
            raise Dropped(DropReason.UNSUBSCRIBED)
        recipients = [one for one in _recipients(running.campaign, profile) if one not in self._bounced]
        if not recipients:
            raise Dropped(DropReason.UNREACHABLE)
        occasion = occasion_of(qualification, profile, self._fake, self._settings.utc_offset)
        shown: Mapping[str, str] | None = None
        for recipient in recipients:
            # One device that does not take it is no failure while another does.
            try:
                shown = await self._send_one(qualification, occasion, recipient)
            except Dropped:
                if recipient == recipients[-1] and shown is None:
                    raise
        if shown is None:
            raise Dropped(DropReason.UNDELIVERED)
        return shown

    async def _send_one(
        self, qualification: Qualification, occasion: Occasion, recipient: str
    ) -> Mapping[str, str]:
        running = qualification.running
        message = self._tracking.open(occasion.profile, running, qualification.outcome)
        try:
            if running.campaign.channel is Channel.EMAIL:
                return await self._send_mail(message, running, occasion, recipient)
            return await self._send_to_device(message, running, occasion, recipient)
        except BaseException:
            self._tracking.forget(message)
            raise

    def note_sent(self, profile: Profile, running: RunningCampaign) -> None:
        """Raise what CleverTap knows of a message that was taken."""
        properties = campaign_properties(running)
        self._events.raise_event(profile, "Notification Sent", properties)
        if running.campaign.channel in (Channel.SMS, Channel.EMAIL, Channel.WHATSAPP):
            # The provider reports delivery; of a push only the app can tell, by showing it.
            self._events.raise_event(profile, "Notification Delivered", properties)

    async def _send_to_device(
        self, message: SentMessage, running: RunningCampaign, occasion: Occasion, recipient: str
    ) -> Mapping[str, str]:
        profile = message.profile
        surroundings, channel = self._fake.surroundings, running.campaign.channel
        text = running.text.render(occasion)
        title, view_url, tap_url = "", "", ""
        if channel in (Channel.SMS, Channel.WHATSAPP):
            text = self._tracking.shorten(message, text)
        else:
            title = running.title.render(occasion)
            view_url = self._tracking.view_url(message)
            tap_url = self._tracking.click_url(message, running.link.render(occasion))
        kind = _KINDS[channel]
        taken = await surroundings.phone_network.deliver(
            PhoneMessage(
                id=draw_uuid(surroundings.random),
                vendor=self._fake.vendor,
                channel=kind,
                recipient=recipient,
                email=profile.email,
                title=title,
                text=text,
                view_url=view_url,
                tap_url=tap_url,
                campaign=running.campaign.name,
                sent_at=surroundings.now(),
                cause=current_cause.get(),
            )
        )
        if not taken:
            raise Dropped(DropReason.UNDELIVERED)
        self._fake.tell(
            f"{kind}_sent",
            profile.subject,
            campaign=running.campaign.name,
            text=text,
            recipient=recipient,
        )
        return {"title": title, "body": text}

    async def _send_mail(
        self, message: SentMessage, running: RunningCampaign, occasion: Occasion, recipient: str
    ) -> Mapping[str, str]:
        profile = message.profile
        campaign, surroundings = running.campaign, self._fake.surroundings
        subject, html = running.title.render(occasion), running.text.render(occasion)
        reply = await surroundings.mail_host.deliver(
            MailMessage(
                id=draw_uuid(surroundings.random),
                vendor=self._fake.vendor,
                sender=campaign.sender if isinstance(campaign, EmailCampaign) else "",
                recipient=recipient,
                subject=subject,
                html=self._tracking.track_html(message, html),
                headers={
                    "List-Unsubscribe": f"<{self._tracking.unsubscribe_url(message)}>",
                    COMPLAINT_HEADER: self._tracking.complaint_url(message),
                },
                sent_at=surroundings.now(),
                cause=current_cause.get(),
            )
        )
        if not reply.is_accepted:
            if reply.is_permanent_failure:
                self._bounced.add(recipient)
            properties = campaign_properties(running) | {"Failure reason": f"{reply.code} {reply.text}"}
            self._events.raise_event(profile, "Notification Failed", properties)
            raise Dropped(DropReason.UNDELIVERED)
        self._fake.tell(
            "email_sent", profile.subject, campaign=campaign.name, subject=subject, recipient=recipient
        )
        return {"title": subject, "body": html}


def _recipients(campaign: Campaign, profile: Profile) -> list[str]:
    """Say where a campaign reaches somebody: one address or number, or one device or all of them."""
    match campaign:
        case PushCampaign():
            devices = profile.reachable(is_web=False, platforms=campaign.devices)
            return [each.push_token for each in (devices if campaign.to_all_devices else devices[:1])]
        case WebPushCampaign():
            devices = profile.reachable(is_web=True)
            return [each.push_token for each in (devices if campaign.to_all_devices else devices[:1])]
    found = profile.email if campaign.channel is Channel.EMAIL else profile.phone
    return [found] if found else []


def can_reach(campaign: Campaign, profile: Profile) -> bool:
    """Say whether somebody has what a campaign's channel needs, and has not unsubscribed from it."""
    if campaign.channel is Channel.WEBHOOK:
        return True
    return profile.is_subscribed(campaign.channel.value) and bool(_recipients(campaign, profile))
