"""Makes something true: notes it on the delivery, tells the observer, and queues the webhooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fakes.customerio.deliveries import Metric
from fakes.customerio.reading import instant
from fakes.customerio.webhooks import Dispatcher, customer_data, message_data

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fakes.customerio.deliveries import Delivery
    from fakes.customerio.people import Person
    from fakes.customerio.state import State
    from fakes.customerio.tracking import Visitor
    from fakes.kit import Fake

__all__ = ["Reporter"]


class Reporter:
    """Reports what happens to deliveries and people of one workspace.

    Each event is a fact (kind: the metric's word, `customer_subscribed` and `customer_unsubscribed` for people)
    whose details are the webhook's `data` with `event_id`, and `is_repeat` for opens and clicks.
    """

    def __init__(self, fake: Fake, state: State) -> None:
        self._fake = fake
        self._state = state
        self._dispatcher = Dispatcher(fake, state)

    def message(
        self,
        delivery: Delivery,
        metric: Metric,
        *,
        at: int | None = None,
        extra: Mapping[str, Any] | None = None,
        content: Mapping[str, Any] | None = None,
    ) -> None:
        """Report something about a delivery.

        Args:
            delivery: Which.
            metric: What.
            at: Unix seconds of the event; now when left out.
            extra: The metric's own keys of `data`.
            content: Body and headers, for webhooks with content on.
        """
        at = self._state.now_s if at is None else at
        is_repeat = not delivery.reach(metric, at) and metric in (Metric.OPENED, Metric.CLICKED)
        person = self._state.people.find_cio(delivery.cio_id)
        data = message_data(delivery, person, extra or {}, settings=self._state.settings)
        envelope = self._envelope("email", metric, at, data)
        details = {**data, "event_id": envelope["event_id"]}
        if metric in (Metric.OPENED, Metric.CLICKED):
            details["is_repeat"] = is_repeat
        self._fake.tell(metric.value, delivery.subject_address, at=instant(at), **details)
        self._dispatcher.dispatch(
            envelope, subscription=f"email_{metric}", is_repeat=is_repeat, content=content
        )

    def opened(
        self,
        delivery: Delivery,
        visitor: Visitor,
        *,
        at: int | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        """Report an open, flagged where a machine or proxy fetched the pixel."""
        delivery.count("prefetch_opened" if visitor.is_machine else "human_opened")
        flags = {"prefetched": visitor.is_machine, "proxied": visitor.is_proxied}
        said = {name: True for name, is_so in flags.items() if is_so}
        self.message(delivery, Metric.OPENED, at=at, extra={**(extra or {}), **said})

    def clicked(
        self,
        delivery: Delivery,
        visitor: Visitor,
        *,
        href: str,
        link_id: int,
        at: int | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        """Report a click; a message that nobody opened yet is opened by it."""
        extra = extra or {}
        delivery.count("prefetch_clicked" if visitor.is_machine else "human_clicked")
        if Metric.OPENED not in delivery.metrics:
            self.message(delivery, Metric.OPENED, at=at, extra={**extra, "synthetic": True})
        machine = {"machine": True} if visitor.is_machine else {}
        said = {**extra, "href": href, "link_id": link_id, **machine}
        self.message(delivery, Metric.CLICKED, at=at, extra=said)

    def unsubscribed(self, delivery: Delivery) -> None:
        """Report that a person left through a message, once a message; and that they are unsubscribed now."""
        if Metric.UNSUBSCRIBED not in delivery.metrics:
            self.message(delivery, Metric.UNSUBSCRIBED)
        person = self._state.people.find_cio(delivery.cio_id)
        if person is not None and not person.is_unsubscribed:
            self._state.people.set_attribute(person, "unsubscribed", value=True, now_s=self._state.now_s)
            self.customer(person, Metric.UNSUBSCRIBED, channel="email")

    def spammed(
        self, delivery: Delivery, *, at: int | None = None, extra: Mapping[str, Any] | None = None
    ) -> None:
        """Report a spam mark, once a message; the address gets no mail from then on."""
        if Metric.SPAMMED in delivery.metrics:
            return
        self._state.bad_addresses[delivery.recipient.partition(",")[0].lower()] = "marked a message as spam"
        self.message(delivery, Metric.SPAMMED, at=at, extra=extra)

    def customer(self, person: Person, metric: Metric, *, channel: str) -> None:
        """Report that a person subscribed or unsubscribed.

        Args:
            person: Who.
            metric: `subscribed` or `unsubscribed`.
            channel: What caused it, `email`; `customer` when unknown.
        """
        data = customer_data(person, settings=self._state.settings)
        envelope = self._envelope(channel, metric, self._state.now_s, data)
        self._fake.tell(f"customer_{metric}", person.subject, **data, event_id=envelope["event_id"])
        self._dispatcher.dispatch(envelope, subscription=f"customer_{metric}")

    def person_stored(self, person: Person, *, is_new: bool) -> None:
        """Tell the observer that a person was created or updated."""
        self._fake.tell(
            "person_stored",
            person.subject,
            id=person.id,
            email=person.email,
            cio_id=person.cio_id,
            attributes=dict(person.attributes),
            is_new=is_new,
        )

    def _envelope(self, object_type: str, metric: Metric, at: int, data: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "data": data,
            "event_id": self._dispatcher.draw_event_id(),
            "metric": metric.value,
            "object_type": object_type,
            "timestamp": at,
        }
