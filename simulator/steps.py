"""What a scenario's steps do: the customer's own application, calling the vendors over HTTP.

One function per vendor and verb. Launching a campaign is the one thing that no API does: it is a click in the
vendor's dashboard.
"""

from __future__ import annotations

import asyncio
import json
from html import escape
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from simulator.app_calls import AppCalls, StepFailed
from simulator.clevertap_people import clevertap_headers, profile_records
from simulator.people import split_random
from simulator.quantities import parse_share
from simulator.vendors import SENDER_EMAIL, basic_auth, mailmodo_campaign

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    import aiohttp

    from simulator.journal import Journal
    from simulator.network import Network
    from simulator.people import Person
    from simulator.scenario import MailSpec, Scenario, Step
    from simulator.vendors import Vendors

    Doing = Callable[[Step, Sequence[Person], str], Awaitable[None]]

__all__ = ["App"]

_AT_ONCE: Final = 8


class App:
    """The customer's application: knows its people, and does what the steps say."""

    def __init__(
        self,
        *,
        scenario: Scenario,
        seed: int,
        people: Sequence[Person],
        vendors: Vendors,
        network: Network,
        session: aiohttp.ClientSession,
        journal: Journal,
        now: Callable[[], datetime],
    ) -> None:
        self._scenario = scenario
        self._seed = seed
        self._people = people
        self._by_email = {person.email: person for person in people}
        self._vendors = vendors
        self._network = network
        self._calls = AppCalls(session, expects_faults=bool(scenario.faults))
        self._journal = journal
        self._now = now
        self._doings: dict[tuple[str, str], Doing] = {
            ("clevertap", "launch"): self._launch,
            ("clevertap", "event"): self._clevertap_event,
            ("clevertap", "trigger"): self._clevertap_trigger,
            ("mailmodo", "trigger"): self._mailmodo_trigger,
            ("mailmodo", "event"): self._mailmodo_event,
            ("mailjet", "send"): self._mailjet_send,
            ("customerio", "send"): self._customerio_send,
            ("customerio", "event"): self._customerio_event,
            ("segment", "identify"): self._segment_identify,
            ("segment", "track"): self._segment_track,
        }

    @property
    def is_calling(self) -> bool:
        """Whether a call is under way."""
        return self._calls.is_calling

    async def prepare(self) -> None:
        """Make the people known where the accounts say so."""
        accounts = self._scenario.accounts
        if self._vendors.clevertap is not None and accounts.uploads_profiles:
            cause = self._journal.step(
                "upload profiles", details={"vendor": "clevertap", "people": len(self._people)}
            )
            await self._upload_profiles(cause)
        if self._vendors.customerio is not None and accounts.identifies_people:
            cause = self._journal.step(
                "identify people", details={"vendor": "customerio", "people": len(self._people)}
            )
            await self._for_each(self._people, lambda person: self._customerio_identify(person, cause))

    async def do(self, step: Step, index: int) -> None:
        """Do one step, for everybody it is for.

        Args:
            step: What to do.
            index: Its place in the journey; part of what is drawn for it.
        """
        people = self._audience(step, index)
        doing = self._doings[step.vendor, step.verb]
        verb = f"{step.vendor}: {step.verb} {step.noun}".strip()
        cause = self._journal.step(
            verb, details={"vendor": step.vendor, "name": step.noun, "people": len(people), **step.values}
        )
        if not step.over_s or len(people) < 2:
            await doing(step, people, cause)
            return
        began = asyncio.get_running_loop().time()
        for number, person in enumerate(people):
            due = began + step.over_s * number / len(people)
            await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
            await doing(step, [person], cause)

    def _audience(self, step: Step, index: int) -> list[Person]:
        everyone = {
            "everyone": list(self._people),
            "named": [person for person in self._people if person.is_named],
            "others": [person for person in self._people if not person.is_named],
        }
        if isinstance(step.audience, str) and step.audience in everyone:
            return everyone[step.audience]
        if isinstance(step.audience, str):
            share = parse_share(step.audience)
            return [
                person
                for person in everyone[share.of or "everyone"]
                if split_random(self._seed, f"audience/{index}/{person.email}").random() < share.fraction
            ]
        return [self._by_email[email] for email in step.audience]

    # CleverTap

    async def _upload_profiles(self, cause: str) -> None:
        for batch in _batches(self._people, 100):
            await self._clevertap_upload(
                [record for person in batch for record in profile_records(person)], cause
            )

    async def _clevertap_event(self, step: Step, people: Sequence[Person], cause: str) -> None:
        for batch in _batches(people, 100):
            records = [
                {
                    "type": "event",
                    "identity": person.user_id or person.email,
                    "evtName": step.noun,
                    "evtData": dict(step.values),
                    "ts": int(self._now().timestamp()),
                }
                for person in batch
            ]
            await self._clevertap_upload(records, cause)

    async def _clevertap_upload(self, records: list[dict[str, Any]], cause: str) -> None:
        fake = self._vendors.clevertap
        assert fake is not None  # noqa: S101 - the step could not be bound otherwise
        answer = await self._calls.send(
            "POST", f"{self._network.url(fake.host)}/1/upload", {"d": records}, cause, clevertap_headers(fake)
        )
        if json.loads(answer).get("status") != "success":
            raise StepFailed(f"CleverTap did not take every record: {answer}")

    async def _launch(self, step: Step, people: Sequence[Person], cause: str) -> None:
        fake = self._vendors.clevertap
        assert fake is not None  # noqa: S101 - the step could not be bound otherwise
        del cause  # a launch is no message; what follows from it names its own causes
        audience = None if step.audience == "everyone" else [person.email for person in people]
        if any(journey.name == step.noun for journey in self._scenario.accounts.journeys):
            fake.dashboard.trigger_journey(step.noun, audience)
        else:
            await fake.launch(step.noun, audience=audience)

    async def _clevertap_trigger(self, step: Step, people: Sequence[Person], cause: str) -> None:
        fake = self._vendors.clevertap
        assert fake is not None  # noqa: S101 - the step could not be bound otherwise
        url = f"{self._network.url(fake.host)}/1/send/externaltrigger.json"
        for batch in _batches(people, 1000):
            body = {
                "to": {"identity": [person.user_id or person.email for person in batch]},
                "campaign_id": fake.dashboard.running(step.noun).id,
                "ExternalTrigger": dict(step.values),
            }
            answer = await self._calls.send("POST", url, body, cause, clevertap_headers(fake))
            if json.loads(answer).get("status") != "success":
                raise StepFailed(f"CleverTap did not send campaign {step.noun!r}: {answer}")

    # Mailmodo

    async def _mailmodo_trigger(self, step: Step, people: Sequence[Person], cause: str) -> None:
        fake = self._vendors.mailmodo
        assert fake is not None  # noqa: S101 - the step could not be bound otherwise
        url = f"{self._network.url(fake.hosts[0])}/api/v1/triggerCampaign/{mailmodo_campaign(fake, step.noun).id}"
        headers = {"mmApiKey": fake.settings.api_key}

        async def trigger(person: Person) -> None:
            body = {"email": person.email, "data": {"first_name": person.first_name, **step.values}}
            await self._calls.send("POST", url, body, cause, headers)

        await self._for_each(people, trigger)

    async def _mailmodo_event(self, step: Step, people: Sequence[Person], cause: str) -> None:
        fake = self._vendors.mailmodo
        assert fake is not None  # noqa: S101 - the step could not be bound otherwise
        url = f"{self._network.url(fake.hosts[0])}/api/v1/addEvent"
        headers = {"mmApiKey": fake.settings.api_key}

        async def add(person: Person) -> None:
            body = {
                "email": person.email,
                "event_name": step.noun,
                "ts": int(self._now().timestamp()),
                "event_properties": dict(step.values),
            }
            await self._calls.send("POST", url, body, cause, headers)

        await self._for_each(people, add)

    # Mailjet

    async def _mailjet_send(self, step: Step, people: Sequence[Person], cause: str) -> None:
        fake = self._vendors.mailjet
        assert fake is not None  # noqa: S101 - the step could not be bound otherwise
        spec = next(spec for spec in self._scenario.accounts.mailjet_messages if spec.name == step.noun)
        url = f"{self._network.url(fake.hosts[0])}/v3.1/send"
        headers = {"Authorization": basic_auth(fake.settings.api_key, fake.settings.secret_key)}
        for batch in _batches(people, 50):
            messages = [
                {
                    "From": {"Email": SENDER_EMAIL, "Name": "Journeylab"},
                    "To": [{"Email": person.email, "Name": person.name}],
                    "Subject": _fill(spec.subject, person),
                    "TextPart": _fill(spec.body, person) or _fill(spec.subject, person),
                    "HTMLPart": _html(spec, person),
                    "CustomID": f"{spec.name}/{person.email}",
                    "CustomCampaign": spec.name,
                    **({"EventPayload": json.dumps({"user_id": person.user_id})} if person.user_id else {}),
                }
                for person in batch
            ]
            await self._calls.send("POST", url, {"Messages": messages}, cause, headers)

    # Customer.io

    async def _customerio_identify(self, person: Person, cause: str) -> None:
        body = {"email": person.email, "name": person.name, "first_name": person.first_name}
        await self._customerio_track("PUT", person, "", {**body, **person.properties}, cause)

    async def _customerio_event(self, step: Step, people: Sequence[Person], cause: str) -> None:
        body = {"name": step.noun, "data": dict(step.values)}
        await self._for_each(
            people, lambda person: self._customerio_track("POST", person, "/events", body, cause)
        )

    async def _customerio_track(
        self, method: str, person: Person, path: str, body: Mapping[str, object], cause: str
    ) -> None:
        fake = self._vendors.customerio
        assert fake is not None  # noqa: S101 - the step could not be bound otherwise
        who = quote(person.user_id or person.email, safe="")
        url = f"{self._network.url('track.customer.io')}/api/v1/customers/{who}{path}"
        headers = {"Authorization": basic_auth(fake.settings.site_id, fake.settings.track_api_key)}
        await self._calls.send(method, url, body, cause, headers)

    async def _customerio_send(self, step: Step, people: Sequence[Person], cause: str) -> None:
        fake = self._vendors.customerio
        assert fake is not None  # noqa: S101 - the step could not be bound otherwise
        spec = next(spec for spec in self._scenario.accounts.customerio_messages if spec.name == step.noun)
        url = f"{self._network.url('api.customer.io')}/v1/send/email"
        headers = {"Authorization": f"Bearer {fake.settings.app_api_key}"}

        async def send(person: Person) -> None:
            body = {
                "to": person.email,
                "from": SENDER_EMAIL,
                "subject": _fill(spec.subject, person),
                "body": _html(spec, person),
                "identifiers": {"id": person.user_id} if person.user_id else {"email": person.email},
                "message_data": dict(step.values),
            }
            await self._calls.send("POST", url, body, cause, headers)

        await self._for_each(people, send)

    # Segment

    async def _segment_identify(self, step: Step, people: Sequence[Person], cause: str) -> None:
        def message(person: Person) -> dict[str, Any]:
            first, _, last = person.name.partition(" ")
            traits = {
                "email": person.email,
                "firstName": first,
                "lastName": last,
                **person.properties,
                **step.values,
            }
            return {
                "type": "identify",
                "traits": {key: traits[key] for key in traits if key not in step.without},
            }

        await self._segment_batch(people, cause, message)

    async def _segment_track(self, step: Step, people: Sequence[Person], cause: str) -> None:
        await self._segment_batch(
            people,
            cause,
            lambda _: {"type": "track", "event": step.noun, "properties": dict(step.values)},
        )

    async def _segment_batch(
        self, people: Sequence[Person], cause: str, make: Callable[[Person], dict[str, Any]]
    ) -> None:
        fake = self._vendors.segment
        assert fake is not None  # noqa: S101 - the step could not be bound otherwise
        url = f"{self._network.url(fake.host)}/v1/batch"
        headers = {"Authorization": basic_auth(fake.state.source("web").write_key, "")}
        for batch in _batches(people, 100):
            at = self._now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
            messages = [
                {
                    **make(person),
                    **(
                        {"userId": person.user_id}
                        if person.user_id
                        else {"anonymousId": f"anon-{person.email}"}
                    ),
                    "messageId": f"app-{cause}-{person.email}"[:100],
                    "timestamp": at,
                }
                for person in batch
            ]
            await self._calls.send("POST", url, {"batch": messages, "sentAt": at}, cause, headers)

    # What all verbs share

    async def _for_each(self, people: Sequence[Person], act: Callable[[Person], Awaitable[None]]) -> None:
        """Do something for each of the people, a few at once, always in the same order."""
        waiting = iter(people)

        async def work() -> None:
            for person in waiting:
                await act(person)

        async with asyncio.TaskGroup() as group:
            for _ in range(min(_AT_ONCE, len(people))):
                group.create_task(work())


def _batches(people: Sequence[Person], size: int) -> Iterator[Sequence[Person]]:
    return (people[start : start + size] for start in range(0, len(people), size))


def _fill(text: str, person: Person) -> str:
    """Put the person's name where a text says `${first_name}` or `${name}`."""
    return text.replace("${first_name}", person.first_name).replace("${name}", person.name)


def _html(spec: MailSpec, person: Person) -> str:
    links = "".join(f'<p><a href="{escape(url)}">{escape(name)}</a></p>' for name, url in spec.links.items())
    body = escape(_fill(spec.body, person)) or escape(_fill(spec.subject, person))
    return f"<html><body><p>Hello {escape(person.first_name)},</p><p>{body}</p>{links}</body></html>"
