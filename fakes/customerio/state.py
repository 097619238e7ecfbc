"""What a Customer.io workspace knows: people, templates, deliveries, reporting webhooks.

Pure: no HTTP here. Handlers ask and tell it; ids and "now" come from what it was given.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from fakes.customerio.deliveries import Delivery, TransactionalMessage, draw_delivery_id
from fakes.customerio.people import People

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from random import Random

    from fakes.customerio.people import Person
    from fakes.customerio.settings import CustomerIoSettings

__all__ = ["SUBSCRIPTIONS", "ReportingWebhook", "State"]

_CHANNELS: Final = {
    "customer": "subscribed unsubscribed subscription_preferences_changed",
    "email": "drafted attempted sent delivered opened clicked converted bounced dropped deferred spammed failed "
    "unsubscribed undeliverable",
    "in_app": "drafted attempted sent opened clicked converted failed undeliverable",
    "push": "drafted attempted sent delivered opened clicked converted bounced dropped failed undeliverable",
    "slack": "drafted attempted sent clicked converted failed",
    "sms": "drafted attempted sent delivered clicked converted bounced dropped failed undeliverable replied",
    "whatsapp": "drafted attempted sent delivered opened clicked converted bounced dropped failed undeliverable "
    "replied",
    "webhook": "drafted attempted sent clicked converted failed undeliverable",
}

SUBSCRIPTIONS: Final = tuple(
    f"{channel}_{metric}" for channel, metrics in _CHANNELS.items() for metric in metrics.split()
)
"""What a reporting webhook may ask for. Source: vendor's Track OpenAPI (2026)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportingWebhook:
    """One receiver of events.

    Attributes:
        id: Its number.
        name: As chosen.
        endpoint: URL, http or https.
        events: Which of `SUBSCRIPTIONS` it gets, in the order given.
        disabled: Whether it is switched off.
        full_resolution: Every open and click of a delivery, rather than the first of each.
        with_content: Whether `email_sent` carries body and headers.
    """

    id: int
    name: str
    endpoint: str
    events: tuple[str, ...]
    disabled: bool = False
    full_resolution: bool = False
    with_content: bool = False

    def wants(self, subscription: str, *, is_repeat: bool) -> bool:
        """Whether an event goes to it."""
        return not self.disabled and subscription in self.events and (self.full_resolution or not is_repeat)


class State:
    """All that one workspace knows."""

    def __init__(self, settings: CustomerIoSettings, *, now: Callable[[], datetime], random: Random) -> None:
        self.settings = settings
        self.people = People(settings)
        self.deliveries: dict[str, Delivery] = {}
        self.messages: dict[int, TransactionalMessage] = {}
        self.webhooks: dict[int, ReportingWebhook] = {}
        self.bad_addresses: dict[str, str] = {}
        self.now = now
        self._random = random
        self._last_webhook_id = 0

    @property
    def now_s(self) -> int:
        """The world's time in unix seconds, as the vendor counts."""
        return int(self.now().timestamp())

    def add_transactional_message(
        self, name: str, *, subject: str, body: str, sender: str = "hello@example.com", **options: str | bool
    ) -> TransactionalMessage:
        """Add a template.

        Args:
            name: Its name, by which `transactional_message_id` may call it.
            subject: Liquid.
            body: Liquid, HTML.
            sender: `from`; its domain must be verified in the settings.
            options: Further fields of `TransactionalMessage`.

        Raises:
            ValueError: There is one of that name.
        """
        if self.find_message(name) is not None:
            raise ValueError(f"there is a transactional message named {name!r}; choose another name")
        made = TransactionalMessage(
            id=len(self.messages) + 1,
            name=name,
            subject=subject,
            body=body,
            sender=sender,
            created_at=self.now_s,
        )
        made = replace(made, **options)  # type: ignore[arg-type] # a misspelt option is a TypeError that names it
        self.messages[made.id] = made
        return made

    def find_message(self, wanted: int | str) -> TransactionalMessage | None:
        """Find a template by number (digits count) or by name, without case."""
        if isinstance(wanted, int) or (wanted.isascii() and wanted.isdigit() and len(wanted) < 12):
            return self.messages.get(int(wanted))
        folded = wanted.strip().casefold()
        return next((each for each in self.messages.values() if each.name.casefold() == folded), None)

    def add_delivery(self, person: Person, *, recipient: str, message_id: int | None) -> Delivery:
        """Begin a delivery to a person."""
        delivery_id = draw_delivery_id(
            self.now().timestamp(), self._random, workspace_id=self.settings.workspace_id
        )
        self.deliveries[delivery_id] = Delivery(
            id=delivery_id,
            cio_id=person.cio_id,
            customer_id=person.id or "",
            email=person.email or "",
            recipient=recipient,
            transactional_message_id=message_id,
            created_at=self.now_s,
        )
        return self.deliveries[delivery_id]

    def deliveries_newest_first(self) -> Iterator[Delivery]:
        """Go through all deliveries, the latest first."""
        return reversed(self.deliveries.values())

    def add_webhook(self, webhook: ReportingWebhook) -> ReportingWebhook:
        """Add a reporting webhook and number it."""
        self._last_webhook_id += 1
        made = replace(webhook, id=self._last_webhook_id)
        self.webhooks[made.id] = made
        return made
