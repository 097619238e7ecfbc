"""Runs journeys: lets contacts in, takes them past the cards, and throws them out when asked to."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from fakes.kit import WebhookSender, draw_uuid
from fakes.mailmodo.errors import INVALID_EMAIL, MailmodoError, failure
from fakes.mailmodo.journeys import (
    CallWebhook,
    Card,
    Entry,
    EntryKind,
    Instance,
    Journey,
    SendEmail,
    Wait,
    journey_payload,
)
from fakes.mailmodo.personalisation import Values
from fakes.mailmodo.reading import is_email, read_body
from fakes.mailmodo.webhooks import ActivityName, json_request, retry_policy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fakes.kit import Call, Fake
    from fakes.kit.server import Handler
    from fakes.mailmodo.activities import Activities
    from fakes.mailmodo.sending import Sending
    from fakes.mailmodo.settings import MailmodoSettings
    from fakes.mailmodo.state import Contact, State
    from fakes.mailmodo.submissions import Submission
    from fakes.mailmodo.webhooks import Activity

__all__ = ["Journeys"]

_NOT_STARTED: Final = "Tried executing journey and Failed"
"""Source: OA-journey."""


class Journeys:
    """The account's journeys and everybody who is on the way through one.

    Attributes:
        published: The journeys, by id.
    """

    def __init__(
        self,
        fake: Fake,
        *,
        state: State,
        settings: MailmodoSettings,
        sending: Sending,
        activities: Activities,
    ) -> None:
        self._fake = fake
        self._state = state
        self._settings = settings
        self._sending = sending
        self._webhooks = WebhookSender(fake)
        self.published: dict[str, Journey] = {}
        self._running: dict[str, tuple[Instance, asyncio.Task[None]]] = {}
        self._on: Counter[tuple[str, str]] = Counter()
        """How many instances of a journey are running for an address, by the journey's id and the address."""
        self._awaited: dict[tuple[str, ActivityName], asyncio.Future[Activity]] = {}
        activities.listeners.append(self._hear)
        activities.step_listeners.append(self._hear_step)

    def handlers(self) -> Mapping[str, Handler]:
        """Give the handlers; all want the key."""
        return {"startJourney": self.start, "abortJourney": self.abort}

    def add(self, name: str, *, entry: Entry, cards: Iterable[Card]) -> Journey:
        """Publish a journey."""
        journey = Journey(draw_uuid(self._fake.surroundings.random), name, entry, tuple(cards))
        self.published[journey.id] = journey
        return journey

    def forget_running(self) -> None:
        """Forget who is on the way, after their way was cut off."""
        self._running.clear()
        self._on.clear()

    def add_people(self, journey: Journey, emails: Iterable[str], *, file: str) -> None:
        """Let the contacts of an uploaded file in, as the dashboard does."""
        for email in emails:
            contact, _is_new = self._state.store_contact(email, {})
            self._enter(journey, contact, file=file)

    def entered(self, kind: EntryKind, name: str, contact: Contact, /, **given: Any) -> None:
        """Let a contact into every journey that begins with what just happened."""
        self._let_in(Entry(kind, name), contact, given)

    def _let_in(self, entry: Entry, contact: Contact, given: Mapping[str, Any]) -> None:
        for journey in self.published.values():
            if journey.entry == entry and not self._is_on(journey, contact.email):
                self._enter(journey, contact, **given)

    async def start(self, call: Call) -> web.Response:
        """Let a contact into a journey that is started over the API."""
        body = read_body(call, failure)
        journey = self.published.get(call.path["journeyId"])
        email = body.email()
        data = body.optional_object("data")
        is_twice_fine = body.flag("allowDuplicateEmail")
        if journey is None or journey.entry.kind is not EntryKind.API:
            raise failure(_NOT_STARTED)
        if self._is_on(journey, email) and not is_twice_fine:
            raise failure(_NOT_STARTED)
        contact, is_new = self._state.store_contact(email, data)
        if is_new or data:
            self._fake.tell("contact_stored", email, list_name=None, data=data, is_new=is_new, via="journey")
        instance = self._enter(journey, contact, data=data)
        return web.json_response({"success": True, "message": "journey Executed", "ref": instance.ref})

    async def abort(self, call: Call) -> web.Response:
        """Throw out one instance, or every one of a contact."""
        body = read_body(call, _abort_failure)
        reference, email = body.optional_text("instanceId"), body.fields.get("email")
        reason = body.optional_text("reason")
        if not reference and not is_email(email):
            raise _abort_failure(INVALID_EMAIL)
        found = [
            (instance, task)
            for instance, task in self._running.values()
            if instance.journey.id == call.path["journeyId"]
            and (
                instance.ref == reference
                if reference
                else instance.contact.email == str(email).strip().lower()
            )
        ]
        if not found:
            raise _abort_failure("No running journey found")
        for instance, task in found:
            task.cancel()
            self._leave(instance, "journey_aborted", reason=reason)
        return web.json_response({"success": True, "message": "journey Aborted"})

    def _is_on(self, journey: Journey, email: str) -> bool:
        return self._on[journey.id, email] > 0

    def _enter(self, journey: Journey, contact: Contact, **given: Any) -> Instance:
        instance = Instance(
            ref=draw_uuid(self._fake.surroundings.random), journey=journey, contact=contact, **given
        )
        self._fake.tell(
            "journey_started", contact.email, **_about(instance), source=journey.entry.trigger_source
        )
        task = self._fake.spawn(self._run(instance), name=f"journey {instance.ref}")
        self._running[instance.ref] = instance, task
        self._on[journey.id, contact.email] += 1
        return instance

    async def _run(self, instance: Instance) -> None:
        for card in instance.journey.cards:
            if not await self._pass(card, instance):
                break
        self._leave(instance, "journey_ended")

    async def _pass(self, card: Card, instance: Instance) -> bool:
        """Take a contact past a card; say whether it goes on."""
        match card:
            case Wait(seconds):
                await asyncio.sleep(seconds)
            case CallWebhook(url):
                self._fake.spawn(self._call(instance, url), name=f"journey webhook {instance.ref}")
            case SendEmail():
                return await self._send(card, instance)
        return True

    async def _send(self, card: SendEmail, instance: Instance) -> bool:
        contact = instance.contact
        values = Values(instance.data, contact.data)
        send = self._sending.write(card.campaign, contact, values)
        instance.last_send, instance.part = send, None
        if card.until is None:
            await self._sending.hand_over(send)
            return True
        done: asyncio.Future[Activity] = asyncio.get_running_loop().create_future()
        self._awaited[send.ref, card.until] = done
        try:
            await self._sending.hand_over(send)
            async with asyncio.timeout(card.within_s):
                activity = await done
        except TimeoutError:
            return False
        finally:
            del self._awaited[send.ref, card.until]
        instance.part = activity.part
        return True

    async def _call(self, instance: Instance, url: str) -> None:
        request = json_request("journeyWebhook", url, journey_payload(instance))
        outcome = await self._webhooks.send(request, retry_policy(self._settings))
        if not outcome.is_delivered:
            self._fake.tell(
                "journey_webhook_failed",
                instance.contact.email,
                **_about(instance),
                status=outcome.status,
                attempts=outcome.attempts,
            )

    def _hear(self, activity: Activity) -> None:
        """Let whoever waited for this go on, and let in whoever enters by it."""
        done = self._awaited.get((activity.send.ref, activity.name))
        if done is not None and not done.done():
            done.set_result(activity)
        if activity.submission is not None:
            self._hear_form(activity.submission, None)

    def _hear_step(self, submission: Submission, number: int) -> None:
        self._hear_form(submission, number + 1)

    def _hear_form(self, submission: Submission, step: int | None) -> None:
        data = submission.data(utc_offset_minutes=self._settings.utc_offset_minutes)
        entry = Entry(EntryKind.FORM, submission.form.name, step)
        self._let_in(entry, submission.send.contact, {"submission": data})

    def _leave(self, instance: Instance, fact: str, **more: Any) -> None:
        if self._running.pop(instance.ref, None) is not None:
            key = instance.journey.id, instance.contact.email
            self._on[key] -= 1
            if not self._on[key]:
                del self._on[key]
            self._fake.tell(fact, instance.contact.email, **_about(instance), **more)


def _about(instance: Instance) -> dict[str, Any]:
    journey = instance.journey
    return {"journey_id": journey.id, "journey_name": journey.name, "instance_id": instance.ref}


def _abort_failure(message: str) -> MailmodoError:
    """Refuse in the envelope that OA-journey shows for aborting."""
    return MailmodoError(400, message, body={"success": False, "status": "error", "message": message})
