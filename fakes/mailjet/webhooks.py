"""The Event API: what an event looks like, and how Mailjet hands events to the URLs registered for them.

Mailjet guide, "Event API": only 200 acknowledges; a failed request is tried again every 30 s until 24 h after the
first failure, unless a new event is generated meanwhile; then the URL is suspended and the backup URL takes over.
"""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit, urlunsplit

from fakes.kit import Failure, Lane, RetryPolicy, WebhookRequest, WebhookSender
from fakes.mailjet.state import CallbackVersion, EventType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fakes.kit import Fake
    from fakes.mailjet.settings import MailjetSettings
    from fakes.mailjet.state import EventCallbackUrl, MailjetState, Message

__all__ = ["EventSender", "Payload", "build_event", "sample_event", "split_credentials"]

Payload = dict[str, Any]

_USER_AGENT: Final = "Mailjet-Event-API"
_SAMPLE_GUID: Final = "00000000-0000-4000-8000-000000000000"


def build_event(
    event_type: EventType, message: Message, *, time: int, extras: Mapping[str, object]
) -> Payload:
    """Build an event; its keys stand in the order of the guide.

    Args:
        event_type: What happened.
        message: To which message.
        time: When, in unix seconds.
        extras: The fields of this type of event, in order.
    Source: Mailjet guide "Event API", event types.
    """
    tail = {"CustomID": message.custom_id, "Payload": message.payload}
    return {
        "event": event_type.value,
        "time": time,
        "MessageID": message.id,
        "Message_GUID": message.uuid,
        "email": message.contact.email,
        "mj_campaign_id": message.campaign_id,
        "mj_contact_id": message.contact.id,
        "customcampaign": message.custom_campaign,
        # `sent` alone puts its own fields before CustomID and Payload.
        **({**extras, **tail} if event_type is EventType.SENT else {**tail, **extras}),
    }


def sample_event(event_type: EventType, *, time: int) -> Payload:
    """Build the made-up event that a webhook's test sends; no message is behind it."""
    visit: dict[str, object] = {"ip": "203.0.113.1", "geo": "FR", "agent": "Mozilla/5.0"}
    extras: dict[EventType, dict[str, object]] = {
        EventType.SENT: {"smtp_reply": "sent (250 2.0.0 OK)"},
        EventType.OPEN: visit,
        EventType.CLICK: {"url": "https://www.example.com/", **visit},
        EventType.BOUNCE: {
            "blocked": False,
            "hard_bounce": True,
            "error_related_to": "recipient",
            "error": "user unknown",
        },
        EventType.BLOCKED: {"error_related_to": "mailjet", "error": "preblocked"},
        EventType.SPAM: {"source": "JMRPP"},
        EventType.UNSUB: {"mj_list_id": 1, **visit},
    }
    return {
        "event": event_type.value,
        "time": time,
        "MessageID": 0,
        "Message_GUID": _SAMPLE_GUID,
        "email": "test@example.com",
        "mj_campaign_id": 0,
        "mj_contact_id": 0,
        "customcampaign": "",
        "CustomID": "",
        "Payload": "",
        **extras[event_type],
    }


def split_credentials(url: str) -> tuple[str, dict[str, str]]:
    """Take `user:pass@` out of a URL and give it as the header it becomes."""
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return url, {}
    credentials, _, host = parts.netloc.rpartition("@")
    user, _, password = credentials.partition(":")
    coded = b64encode(f"{unquote(user)}:{unquote(password)}".encode()).decode()
    return urlunsplit(parts._replace(netloc=host)), {"Authorization": f"Basic {coded}"}


@dataclass(slots=True)
class _Queue:
    """What waits for one URL.

    Attributes:
        window_began_s: Loop time of the first failure, or of a later event's birth; None while all is well.
        gathering: Events of the version 2 batch that is still open; None when none is.
    """

    url: str
    lane: Lane
    window_began_s: float | None = None
    gathering: list[Payload] | None = field(default=None)


class EventSender:
    """Hands events to webhooks: strictly in order for each URL, whichever rows share it."""

    def __init__(self, fake: Fake, state: MailjetState, settings: MailjetSettings) -> None:
        self._fake = fake
        self._state = state
        self._settings = settings
        self._sender = WebhookSender(fake)
        self._queues: dict[str, _Queue] = {}

    def publish(self, event: Payload) -> None:
        """Queue an event for the webhook of its type; without one it is gone."""
        row = self._state.callback_for(EventType(event["event"]))
        if row is None:
            return
        queue = self._queues.get(row.url)
        if queue is None:
            queue = self._queues[row.url] = _Queue(
                row.url, Lane(self._fake, f"events for {split_credentials(row.url)[0]}")
            )
        if queue.window_began_s is not None:
            queue.window_began_s = asyncio.get_running_loop().time()
        if row.version is CallbackVersion.SINGLE:
            queue.lane.put(partial(self._deliver, queue, (event,), is_grouped=False))
        elif queue.gathering is None:
            queue.gathering = [event]
            self._fake.spawn(
                self._close_batch(queue), name=f"gather events for {split_credentials(row.url)[0]}"
            )
        else:
            queue.gathering.append(event)

    def clear(self) -> None:
        """Forget what waits, once nothing is at work any more."""
        self._queues.clear()

    def waiting(self, url: str) -> int:
        """Say how many requests wait for a URL, the one under way not counted."""
        queue = self._queues.get(url)
        return 0 if queue is None else len(queue.lane)

    async def test(self, row: EventCallbackUrl, *, time: int) -> None:
        """Send a made-up event to a webhook, once."""
        once = RetryPolicy(
            timeout_s=self._settings.webhook_timeout_s, is_success=_is_taken, wait_s=lambda _: None
        )
        event = sample_event(row.event_type, time=time)
        is_grouped = row.version is CallbackVersion.GROUPED
        await self._sender.send(_request(row.url, (event,), is_grouped=is_grouped), once)

    async def _close_batch(self, queue: _Queue) -> None:
        await asyncio.sleep(self._settings.batch_window_s)
        events, queue.gathering = queue.gathering or [], None
        limit = self._settings.batch_limit or len(events)
        for start in range(0, len(events), limit):
            batch = tuple(events[start : start + limit])
            queue.lane.put(partial(self._deliver, queue, batch, is_grouped=True))

    async def _deliver(self, queue: _Queue, events: Sequence[Payload], *, is_grouped: bool) -> None:
        if self._state.uses_url(queue.url):
            policy = RetryPolicy(
                timeout_s=self._settings.webhook_timeout_s,
                is_success=_is_taken,
                wait_s=partial(self._wait_s, queue),
            )
            outcome = await self._sender.send(_request(queue.url, events, is_grouped=is_grouped), policy)
            queue.window_began_s = None
            if outcome.is_delivered:
                return
            self._state.suspend(queue.url)
        # The URL is suspended, or no webhook points at it any more: whatever stands in for it gets what waited.
        for event in events:
            self.publish(event)

    def _wait_s(self, queue: _Queue, _failure: Failure) -> float | None:
        now_s = asyncio.get_running_loop().time()
        if queue.window_began_s is None:
            queue.window_began_s = now_s
        is_over = now_s - queue.window_began_s >= self._settings.webhook_window_s
        return None if is_over or not self._state.uses_url(queue.url) else self._settings.webhook_retry_s


def _is_taken(status: int) -> bool:
    return status == 200


def _request(url: str, events: Sequence[Payload], *, is_grouped: bool) -> WebhookRequest:
    address, credentials = split_credentials(url)
    body = json.dumps(list(events) if is_grouped else events[0], separators=(",", ":"), ensure_ascii=False)
    headers = {"Content-Type": "application/json", "User-Agent": _USER_AGENT, **credentials}
    return WebhookRequest(
        webhook="eventGroup" if is_grouped else "event",
        url=address,
        body=body.encode(),
        headers=lambda: headers,
    )
