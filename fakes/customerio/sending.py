"""`POST /v1/send/email`, and what then happens to the message until it has arrived or has not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from fakes.customerio.answers import app_answer
from fakes.customerio.deliveries import Metric
from fakes.customerio.errors import SendRefused
from fakes.customerio.mail import Renderer, RenderingFailed, Urls
from fakes.customerio.reading import IdentifierKind
from fakes.customerio.send_request import read_identifiers, read_outgoing, read_request
from fakes.kit import COMPLAINT_HEADER, MailMessage, MailReply, current_cause

if TYPE_CHECKING:
    from aiohttp import web

    from fakes.customerio.deliveries import Delivery, Outgoing
    from fakes.customerio.mail import Rendered
    from fakes.customerio.people import Person
    from fakes.customerio.reading import Identifier
    from fakes.customerio.reporter import Reporter
    from fakes.customerio.state import State
    from fakes.kit import Call, Fake

__all__ = ["Sending"]


class Sending:
    """Takes transactional e-mail and carries it to the recipients' mail host."""

    def __init__(
        self, fake: Fake, state: State, reporter: Reporter, *, track_host: str, link_host: str
    ) -> None:
        self._fake = fake
        self._state = state
        self._reporter = reporter
        self._track_host = track_host
        self._link_host = link_host
        settings = state.settings
        self._renderer = Renderer(
            now=state.now,
            tracking_key=settings.tracking_key,
            adds_unsubscribe_footer=settings.adds_unsubscribe_footer,
        )

    async def send_email(self, call: Call) -> web.Response:
        """Take one message: check it, answer, and send it beside the answer."""
        if not self._state.settings.is_sending_allowed:
            raise SendRefused(403, "workspace is not allowed to send")
        fields = read_request(call.body)
        identifier = read_identifiers(fields)
        outgoing, template = read_outgoing(fields, self._state)
        person = self._person(identifier)
        delivery = self._state.add_delivery(
            person, recipient=",".join(outgoing.recipients), message_id=template.id if template else None
        )
        delivery.headers = outgoing.headers
        delivery.is_draft = outgoing.queue_draft
        self._fake.spawn(self._carry(delivery, outgoing, person), name=f"delivery {delivery.id}")
        return app_answer({"delivery_id": delivery.id, "queued_at": self._state.now_s})

    def _person(self, identifier: Identifier) -> Person:
        """Find whom a message is for; somebody unknown is created, somebody suppressed stays gone."""
        people = self._state.people
        person = people.find(identifier) or people.suppressed(identifier)
        if person is not None:
            return person
        if identifier.kind is IdentifierKind.CIO_ID:
            raise SendRefused(400, '"identifiers.cio_id" not found')
        if identifier.kind is IdentifierKind.EMAIL and not people.takes_email:
            raise SendRefused(400, '"identifiers" must contain "id" in this workspace')
        person = people.create(identifier, now_s=self._state.now_s)
        self._reporter.person_stored(person, is_new=True)
        return person

    async def _carry(self, delivery: Delivery, outgoing: Outgoing, person: Person) -> None:
        if outgoing.send_at is not None:
            await asyncio.sleep(outgoing.send_at - self._fake.surroundings.now().timestamp())
        urls = Urls(
            track=self._fake.surroundings.url_of(self._track_host),
            links=self._fake.surroundings.url_of(self._link_host),
        )
        try:
            rendered = self._renderer.render(delivery, outgoing, customer=person.said(), urls=urls)
        except RenderingFailed as failure:
            delivery.subject = outgoing.subject
            self._end(delivery, Metric.FAILED, str(failure))
            return
        delivery.subject, delivery.html = rendered.subject, rendered.html
        self._reporter.message(delivery, Metric.DRAFTED)
        if outgoing.queue_draft:
            return
        reason = self._reason_to_drop(outgoing, person)
        if reason is not None:
            self._end(delivery, *reason)
            return
        content: dict[str, Any] = {"content": rendered.html}
        if outgoing.headers:
            content["headers"] = {name: [value] for name, value in outgoing.headers.items()}
        self._reporter.message(delivery, Metric.SENT, content=content)
        await self._hand_over(delivery, outgoing, rendered, urls)

    def _reason_to_drop(self, outgoing: Outgoing, person: Person) -> tuple[Metric, str] | None:
        """Say why a message must not go out, if so."""
        if self._state.people.find_cio(person.cio_id) is None:
            return Metric.DROPPED, "the person is suppressed"
        bad = self._state.bad_addresses.get(outgoing.recipients[0].lower())
        if bad is not None:
            return Metric.DROPPED, f"{outgoing.recipients[0]} is on the suppression list: {bad}"
        if person.is_unsubscribed and not outgoing.send_to_unsubscribed:
            return Metric.UNDELIVERABLE, "the person is unsubscribed"
        return None

    async def _hand_over(
        self, delivery: Delivery, outgoing: Outgoing, rendered: Rendered, urls: Urls
    ) -> None:
        """Hand a message to every recipient's server; one that takes it is enough."""
        waits = iter(self._state.settings.deferral_waits_s)
        waiting = list(dict.fromkeys((*outgoing.recipients, *outgoing.copies)))
        is_delivered = False
        reply = MailReply()
        while waiting:
            put_off = []
            for address in waiting:
                mail = self._mail(delivery, outgoing, rendered, urls=urls, recipient=address)
                reply = await self._fake.surroundings.mail_host.deliver(mail)
                if reply.is_accepted:
                    is_delivered = True
                elif reply.is_permanent_failure:
                    self._state.bad_addresses[address.lower()] = f"{reply.code} {reply.text}"
                else:
                    put_off.append(address)
            if is_delivered and Metric.DELIVERED not in delivery.metrics:
                self._reporter.message(delivery, Metric.DELIVERED)
            waiting = put_off
            if waiting and not is_delivered:
                wait_s = next(waits, None)
                if wait_s is None:
                    break
                self._end(delivery, Metric.DEFERRED, f"{reply.code} {reply.text}")
                await asyncio.sleep(wait_s)
            elif waiting:
                break
        if not is_delivered:
            self._end(delivery, Metric.BOUNCED, f"{reply.code} {reply.text}")

    def _mail(
        self, delivery: Delivery, outgoing: Outgoing, rendered: Rendered, *, urls: Urls, recipient: str
    ) -> MailMessage:
        own = {
            "To": outgoing.to,
            "CIO-Delivery-ID": delivery.id,
            "List-Unsubscribe": f"<{urls.track}/unsubscribe/{delivery.id}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            COMPLAINT_HEADER: f"{urls.links}/e/s/{delivery.id}",
        }
        if outgoing.reply_to:
            own["Reply-To"] = outgoing.reply_to
        return MailMessage(
            id=delivery.id,
            vendor=self._fake.vendor,
            sender=outgoing.sender,
            recipient=recipient,
            subject=rendered.subject,
            html=rendered.html,
            amp=rendered.amp,
            text=rendered.text,
            headers={**outgoing.headers, **own},
            sent_at=self._fake.surroundings.now(),
            cause=current_cause.get(),
        )

    def _end(self, delivery: Delivery, metric: Metric, why: str) -> None:
        delivery.failure_message = why
        self._reporter.message(delivery, metric, extra={"failure_message": why})
