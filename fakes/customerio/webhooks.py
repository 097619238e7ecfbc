"""Reporting Webhooks: what they say, how they are signed, and how they are tried again.

Source: vendor's Reporting Webhooks OpenAPI (2026) and docs.customer.io, "Webhooks".
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any, Final

from fakes.customerio.gojson import dump
from fakes.customerio.settings import WorkspaceMode
from fakes.kit import Failure, Lane, RetryPolicy, WebhookRequest, WebhookSender, draw_ulid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fakes.customerio.deliveries import Delivery
    from fakes.customerio.people import Person
    from fakes.customerio.settings import CustomerIoSettings
    from fakes.customerio.state import ReportingWebhook, State
    from fakes.kit import Fake

__all__ = [
    "USER_AGENT",
    "Dispatcher",
    "customer_data",
    "identifiers_of",
    "message_data",
    "retry_wait_s",
    "sign",
]

USER_AGENT: Final = "Customer.io Web Hooks 1.0"
_HOUR_STATUSES: Final = frozenset({400, 401, 402, 403, 404, 405, 410, 429, 500, 502, 521})
# "server misbehaving" is how Go words a name server's failure.
_HOUR_ERRORS: Final = frozenset({"refused", "reset", "dns"})
_HOUR_S: Final = 3600.0
_FIRST_WAIT_S: Final = 10.0


def sign(body: bytes, *, timestamp: int, key: str) -> str:
    """Sign a webhook: lower-case hex of HMAC-SHA256 over `v0:<timestamp>:<raw body>`."""
    message = b"v0:%d:%s" % (timestamp, body)
    return hmac.new(key.encode(), message, hashlib.sha256).hexdigest()


def retry_wait_s(failure: Failure, *, window_s: float) -> float | None:
    """Say how long to wait after a failed try; None once the window (seven days) would be over.

    The listed statuses and connection errors wait one hour. All others begin at 10 s and double up to one
    hour; the vendor publishes no numbers for those, so they are a choice.
    """
    if failure.status in _HOUR_STATUSES or failure.error in _HOUR_ERRORS:
        wait_s = _HOUR_S
    else:
        wait_s = min(_FIRST_WAIT_S * 2 ** min(failure.attempt - 1, 16), _HOUR_S)
    return wait_s if failure.since_first_s + wait_s <= window_s else None


def identifiers_of(
    settings: CustomerIoSettings, *, person_id: str | None, email: str | None, cio_id: str
) -> dict[str, str | None]:
    """Build `identifiers` as the workspace's mode shapes it."""
    if settings.mode is WorkspaceMode.ID_ONLY:
        return {"id": person_id or ""}
    return {"id": person_id or None, "email": email or None, "cio_id": cio_id}


def message_data(
    delivery: Delivery, person: Person | None, extra: Mapping[str, Any], *, settings: CustomerIoSettings
) -> dict[str, Any]:
    """Build `data` of a message event.

    Args:
        delivery: What it is about.
        person: Whose it is; None when they were deleted, and then the deprecated `customer_id` is empty.
        extra: The metric's own keys.
        settings: The workspace's.
    """
    data: dict[str, Any] = {
        "customer_id": (person.id or "") if person else "",
        "delivery_id": delivery.id,
        "identifiers": identifiers_of(
            settings,
            person_id=person.id if person else delivery.customer_id,
            email=person.email if person else delivery.email,
            cio_id=delivery.cio_id,
        ),
        "recipient": delivery.recipient,
        "subject": delivery.subject,
        **extra,
    }
    if delivery.transactional_message_id is not None:
        data["transactional_message_id"] = delivery.transactional_message_id
    return data


def customer_data(person: Person, *, settings: CustomerIoSettings) -> dict[str, Any]:
    """Build `data` of an event about a person rather than a message."""
    return {
        "customer_id": person.id or "",
        "email_address": person.email,
        "identifiers": identifiers_of(
            settings, person_id=person.id, email=person.email, cio_id=person.cio_id
        ),
    }


class Dispatcher:
    """Hands events to the reporting webhooks that want them, each endpoint strictly in order."""

    def __init__(self, fake: Fake, state: State) -> None:
        self._fake = fake
        self._state = state
        self._sender = WebhookSender(fake)
        self._lanes: dict[int, Lane] = {}

    def draw_event_id(self) -> str:
        """Draw the ULID of an event; it is the same for all who are told."""
        surroundings = self._fake.surroundings
        return draw_ulid(surroundings.now(), surroundings.random)

    def dispatch(
        self,
        envelope: Mapping[str, Any],
        *,
        subscription: str,
        is_repeat: bool = False,
        content: Mapping[str, Any] | None = None,
    ) -> None:
        """Queue one event for everybody who subscribed to it.

        Args:
            envelope: The whole body, without content.
            subscription: Its name in the `events` of a reporting webhook.
            is_repeat: Not the first open or click of its delivery.
            content: What is added to `data` for webhooks with content on.
        """
        for webhook in self._state.webhooks.values():
            if not webhook.wants(subscription, is_repeat=is_repeat):
                continue
            said = dict(envelope)
            if content and webhook.with_content:
                said["data"] = {**envelope["data"], **content}
            self._queue(webhook, _contract_name(envelope), dump(said))

    def _queue(self, webhook: ReportingWebhook, name: str, body: bytes) -> None:
        lane = self._lanes.get(webhook.id)
        if lane is None:
            lane = self._lanes[webhook.id] = Lane(self._fake, f"reporting webhook {webhook.id}")

        async def send() -> None:
            await self._send(webhook.id, name, body)

        lane.put(send)

    async def _send(self, webhook_id: int, name: str, body: bytes) -> None:
        """Send until taken, given up, switched off, or pointed elsewhere: then begin anew there."""
        settings = self._state.settings
        while (webhook := self._current(webhook_id)) is not None:
            endpoint = webhook.endpoint

            def wait_s(failure: Failure, endpoint: str = endpoint) -> float | None:
                current = self._current(webhook_id)
                if current is None or current.endpoint != endpoint:
                    return None
                return retry_wait_s(failure, window_s=settings.webhook_window_s)

            request = WebhookRequest(
                webhook=name, url=endpoint, body=body, headers=lambda: self._headers(body)
            )
            policy = RetryPolicy(
                timeout_s=settings.webhook_timeout_s,
                is_success=lambda status: 200 <= status < 300,
                wait_s=wait_s,
            )
            outcome = await self._sender.send(request, policy)
            current = self._current(webhook_id)
            if outcome.is_delivered or current is None or current.endpoint == endpoint:
                return

    def _current(self, webhook_id: int) -> ReportingWebhook | None:
        webhook = self._state.webhooks.get(webhook_id)
        return webhook if webhook is not None and not webhook.disabled else None

    def _headers(self, body: bytes) -> dict[str, str]:
        timestamp = self._state.now_s
        return {
            "Content-Type": "application/json",
            "User-Agent": USER_AGENT,
            "X-CIO-Timestamp": str(timestamp),
            "X-CIO-Signature": sign(body, timestamp=timestamp, key=self._state.settings.webhook_signing_key),
        }


def _contract_name(envelope: Mapping[str, Any]) -> str:
    """Name the contract's webhook: events about a person are told by their missing `delivery_id`."""
    topic = "email" if "delivery_id" in envelope["data"] else "customer"
    return topic + str(envelope["metric"]).capitalize()
