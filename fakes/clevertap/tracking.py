"""What people do with a message: seen, followed, unsubscribed, complained of; all over HTTP.

An app's SDK, a mail client and a browser tell CleverTap so. Which addresses they call is not documented, so the
paths are a guess; the host is the one that the SDKs talk to.
"""

from __future__ import annotations

import re
from base64 import b64decode
from dataclasses import dataclass, field
from datetime import timedelta
from html import escape, unescape
from typing import TYPE_CHECKING, Any, Final, Protocol

from aiohttp import web

from fakes.clevertap.campaigns import Channel
from fakes.clevertap.settings import MESSAGE_HOSTS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from fakes.clevertap.profiles import Profile
    from fakes.clevertap.running import Outcome, RunningCampaign
    from fakes.clevertap.settings import Region
    from fakes.kit import Call, Surroundings

__all__ = ["CHANNEL_NAMES", "PIXEL", "MessageEvents", "SentMessage", "Tracking", "campaign_properties"]

CHANNEL_NAMES: Final = {
    Channel.WEBHOOK: "Webhook",
    Channel.SMS: "SMS",
    Channel.PUSH: "Mobile Push",
    Channel.EMAIL: "Email",
    Channel.WEB_PUSH: "Web Push",
    Channel.WHATSAPP: "WhatsApp",
}
PIXEL: Final = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
"""One transparent dot, a GIF."""
_LIVES: Final = timedelta(days=60)
"""How long a message is known by its addresses. CleverTap does not say; a guess: a mail's unsubscribe link must work for
30 days in the USA (15 U.S.C. 7704) and for 60 in Canada (CASL, section 11), and no conversion or node waits longer."""
_HREF: Final = re.compile(r"""(<a\s[^>]*?href=["'])(https?://[^"']+)""", re.IGNORECASE)
_ADDRESS: Final = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)]")


class MessageEvents(Protocol):
    """What the account does with what people do."""

    surroundings: Surroundings

    def raise_event(self, profile: Profile, name: str, properties: Mapping[str, Any]) -> None:
        """Store a system event on a profile, now, and let it trigger what it triggers."""
        ...

    def change_profile(self, profile: Profile, changes: Mapping[str, Any]) -> None:
        """Set properties of a profile."""
        ...


@dataclass(slots=True, eq=False)
class SentMessage:
    """One message to one person, from when it is rendered.

    Attributes:
        token: Stands in every address of it.
        profile: Whom it is for.
        running: The campaign that sends it.
        outcome: Is told when it is viewed or clicked.
        sent_ts: When it was rendered, in UNIX seconds.
        links: Where its links lead, in their order.
        is_viewed: Whether it was seen.
        is_clicked: Whether a link was followed.
    """

    token: str
    profile: Profile
    running: RunningCampaign
    outcome: Outcome | None = None
    sent_ts: int = 0
    links: list[str] = field(default_factory=list)
    is_viewed: bool = False
    is_clicked: bool = False


class Tracking:
    """The messages of an account, by the token in their addresses.

    Nobody is waited for by a timer: who is too old is forgotten when others come, and answered as unknown before.
    """

    def __init__(self, events: MessageEvents, region: Region) -> None:
        self._events = events
        self._host = MESSAGE_HOSTS[region]
        self._messages: dict[str, SentMessage] = {}

    def open(self, profile: Profile, running: RunningCampaign, outcome: Outcome | None) -> SentMessage:
        """Begin to track a message."""
        surroundings = self._events.surroundings
        token = f"{surroundings.random.getrandbits(64):016x}"
        now_ts = int(surroundings.now().timestamp())
        self._forget_before(now_ts - _LIVES.total_seconds())
        # What is counted in another campaign is not kept for its messages: its texts would stay for ever.
        message = SentMessage(token, profile, running.lead or running, outcome, now_ts)
        self._messages[token] = message
        return message

    def _forget_before(self, ts: float) -> None:
        # They stand in the order in which they were sent, so that each is looked at once when its time is over.
        while self._messages:
            oldest = next(iter(self._messages.values()))
            if oldest.sent_ts >= ts:
                return
            del self._messages[oldest.token]

    def _find(self, call: Call) -> SentMessage | None:
        message = self._messages.get(call.path["message"])
        now_ts = self._events.surroundings.now().timestamp()
        if message is None or message.sent_ts < int(now_ts) - _LIVES.total_seconds():
            return None
        return message

    def forget(self, message: SentMessage) -> None:
        """Stop tracking a message that nobody took."""
        self._messages.pop(message.token, None)

    def view_url(self, message: SentMessage) -> str:
        """Give the address that is loaded when a message is shown."""
        return self._url(f"/v/{message.token}")

    def click_url(self, message: SentMessage, target: str) -> str:
        """Give the tracked address of a link; an empty target opens the app and leads nowhere."""
        if target:
            message.links.append(target)
        return self._url(f"/c/{message.token}" + (f"?l={len(message.links)}" if target else ""))

    def unsubscribe_url(self, message: SentMessage) -> str:
        """Give the address of the unsubscribe page."""
        return self._url(f"/u/{message.token}")

    def complaint_url(self, message: SentMessage) -> str:
        """Give the address that stands in for the mail host's feedback loop."""
        return self._url(f"/f/{message.token}")

    def shorten(self, message: SentMessage, text: str) -> str:
        """Put short links in place of the addresses in a text."""
        return _ADDRESS.sub(lambda found: self.click_url(message, found.group()), text)

    def track_html(self, message: SentMessage, html: str) -> str:
        """Make a mail's HTML: its links tracked, the unsubscribe link and the pixel at its end."""
        tracked = _HREF.sub(
            lambda found: found[1] + escape(self.click_url(message, unescape(found[2]))), html
        )
        unsubscribe, pixel = self.unsubscribe_url(message), self.view_url(message)
        return (
            f'<html><body>{tracked}<p><a href="{unsubscribe}">Unsubscribe</a></p>'
            f'<img src="{pixel}" width="1" height="1" alt=""></body></html>'
        )

    def handlers(self) -> Mapping[str, Callable[[Call], Awaitable[web.Response]]]:
        """Bind the contract's operations."""
        return {
            "trackView": self._viewed,
            "trackClick": self._clicked,
            "unsubscribe": self._unsubscribed,
            "complain": self._complained,
        }

    def _url(self, path: str) -> str:
        return self._events.surroundings.url_of(self._host) + path

    async def _viewed(self, call: Call) -> web.Response:
        if message := self._find(call):
            if not message.is_viewed:
                message.is_viewed = True
                message.running.statistics.viewed += 1
            self._raise(message, "Notification Viewed")
            _tell_outcome(message, "viewed")
        return web.Response(body=PIXEL, content_type="image/gif")

    async def _clicked(self, call: Call) -> web.Response:
        message = self._find(call)
        if message is None:
            return web.Response(status=404, text="Not found")
        number = call.query.get("l", "0")
        index = int(number) if number.isascii() and number.isdigit() and len(number) < 6 else 0
        target = message.links[index - 1] if 1 <= index <= len(message.links) else ""
        if not message.is_clicked:
            message.is_clicked = True
            message.running.statistics.clicked += 1
        self._raise(message, "Notification Clicked", **({"Link": target} if target else {}))
        _tell_outcome(message, "clicked")
        if not target:
            return web.Response(text="OK")
        return web.Response(status=302, headers={"Location": target})

    async def _unsubscribed(self, call: Call) -> web.Response:
        message = self._find(call)
        if message is None:
            return web.Response(status=404, text="Not found")
        self._unsubscribe(message)
        return web.Response(
            text="<html><body><p>You are unsubscribed.</p></body></html>", content_type="text/html"
        )

    async def _complained(self, call: Call) -> web.Response:
        if message := self._find(call):
            self._unsubscribe(message)
        return web.Response(text="OK")

    def _unsubscribe(self, message: SentMessage) -> None:
        channel = message.running.campaign.channel
        profile = message.profile.current
        if not profile.is_subscribed(channel.value):
            return
        self._events.change_profile(profile, {f"MSG-{channel.value}": False})
        self._raise(message, "Channel Unsubscribed", Channel=CHANNEL_NAMES[channel])

    def _raise(self, message: SentMessage, name: str, **more: Any) -> None:
        properties = campaign_properties(message.running) | more
        self._events.raise_event(message.profile.current, name, properties)


def campaign_properties(running: RunningCampaign) -> dict[str, Any]:
    """Give what CleverTap's events say of the campaign they are about."""
    campaign = running.campaign
    return {
        "Campaign Id": running.id,
        "Campaign Name": campaign.name,
        "Campaign Type": CHANNEL_NAMES[campaign.channel],
    }


def _tell_outcome(message: SentMessage, outcome: str) -> None:
    if message.outcome is not None:
        message.outcome(message.profile.current, outcome)
