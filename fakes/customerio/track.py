"""The Track API, version 1: people, events, devices, suppression, merging, metrics.

Source: vendor's Track OpenAPI (2026). Bad bodies answer 400 with a list of texts; the one text that was seen
in public is `value for attribute '…' cannot be longer than 1000 bytes`, the others follow it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from fakes.customerio import errors
from fakes.customerio.answers import track_answer
from fakes.customerio.deliveries import Metric
from fakes.customerio.errors import SendRefused, TrackRefused
from fakes.customerio.people import Device, StoredEvent
from fakes.customerio.reading import (
    Identifier,
    IdentifierKind,
    instant,
    read_identifier,
    read_json,
    seconds,
    size,
)
from fakes.customerio.settings import Region
from fakes.customerio.tracking import Visitor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

    from fakes.customerio.people import Person
    from fakes.customerio.reporter import Reporter
    from fakes.customerio.state import State
    from fakes.kit import Call, Fake

__all__ = ["Track"]

_ULID: Final = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", re.IGNORECASE)
_EVENT_TYPES: Final = ("event", "page", "screen")
_METRICS: Final = ("bounced", "clicked", "converted", "deferred", "delivered", "dropped", "opened", "spammed")
_WITH_REASON: Final = frozenset({Metric.BOUNCED, Metric.DEFERRED, Metric.DROPPED})
_PERSON: Final = Visitor(is_machine=False, is_proxied=False)


class Track:
    """Handlers of the Track API; who may call is checked before they are."""

    def __init__(self, fake: Fake, state: State, reporter: Reporter) -> None:
        self._fake = fake
        self._state = state
        self._reporter = reporter

    async def test_credentials(self, call: Call) -> web.Response:
        """Say that the credentials are good. Source: HULL auth fixture; undocumented."""
        del call
        return track_answer({"meta": {"message": "nice credentials."}})

    async def find_region(self, call: Call) -> web.Response:
        """Say where the account lives."""
        del call
        settings = self._state.settings
        host = "track" if settings.region is Region.US else "track-eu"
        return track_answer(
            {
                "url": f"https://{host}.customer.io",
                "region": settings.region.value,
                "environment_id": settings.workspace_id,
            }
        )

    async def identify(self, call: Call) -> web.Response:
        """Create or update a person."""
        identifier = self._identifier(call)
        said = _object(call.body)
        _check_attributes(said)
        self._store(identifier, said)
        return track_answer()

    async def delete_person(self, call: Call) -> web.Response:
        """Forget a person; an unknown one is no error."""
        person = self._state.people.find(self._identifier(call))
        if person is not None:
            self._state.people.delete(person)
        return track_answer()

    async def suppress(self, call: Call) -> web.Response:
        """Delete a person and block their identifiers."""
        self._state.people.suppress(self._identifier(call))
        return track_answer()

    async def unsuppress(self, call: Call) -> web.Response:
        """Free an identifier."""
        self._state.people.unsuppress(self._identifier(call))
        return track_answer()

    async def add_event(self, call: Call) -> web.Response:
        """Store an event of a person, who is created when unknown."""
        identifier = self._identifier(call)
        event = self._event(_object(call.body))
        if self._state.people.suppressed(identifier) is not None:
            return track_answer()
        person = self._known(identifier)
        if person is not None:
            self._keep(person, event)
        return track_answer()

    async def add_anonymous_event(self, call: Call) -> web.Response:
        """Keep an event of a visitor whom nobody knows yet."""
        said = _object(call.body)
        anonymous_id = said.get("anonymous_id")
        if anonymous_id is not None and not isinstance(anonymous_id, str):
            raise TrackRefused("anonymous_id must be a string")
        event = self._event(said, anonymous_id=anonymous_id or "")
        owner = next(
            (
                each
                for each in self._state.people
                if anonymous_id and each.attributes.get("anonymous_id") == anonymous_id
            ),
            None,
        )
        if owner is not None:
            self._keep(owner, event)
        elif self._state.people.add_anonymous_event(event):
            self._tell_event(event.anonymous_id or "", event, person=None)
        return track_answer()

    async def add_device(self, call: Call) -> web.Response:
        """Add or update a device of a person."""
        identifier = self._identifier(call)
        device = _object(call.body).get("device")
        if not isinstance(device, dict):
            raise TrackRefused("device is required")
        problems = [
            f"device {name} is required" for name in ("id", "platform") if not _is_text(device.get(name))
        ]
        if not problems and device["platform"] not in ("ios", "android"):
            problems = ["device platform must be ios or android"]
        attributes = device.get("attributes", {})
        if problems or not isinstance(attributes, dict):
            raise TrackRefused(*problems or ["device attributes must be an object"])
        last_used = seconds(device.get("last_used"))
        made = Device(
            device["id"],
            device["platform"],
            self._state.now_s if last_used is None else last_used,
            attributes,
        )
        if (
            self._state.people.suppressed(identifier) is None
            and (person := self._known(identifier)) is not None
        ):
            person.devices[made.id] = made
        return track_answer()

    async def delete_device(self, call: Call) -> web.Response:
        """Remove a device; an unknown one is no error."""
        person = self._state.people.find(self._identifier(call))
        if person is not None:
            person.devices.pop(call.path["deviceId"], None)
        return track_answer()

    async def merge(self, call: Call) -> web.Response:
        """Merge one person into another; a missing one makes it a no-op."""
        said = _object(call.body)
        primary, secondary = (self._side(said, name) for name in ("primary", "secondary"))
        people = self._state.people
        kept, gone = people.find(primary), people.find(secondary)
        if kept is not None and gone is not None and kept is not gone:
            people.merge(kept, gone, now_s=self._state.now_s)
            self._reporter.person_stored(kept, is_new=False)
        return track_answer()

    async def report_metric(self, call: Call) -> web.Response:
        """Take a metric of a delivery and report it as if it had been seen; no credentials are asked for."""
        said = _object(call.body)
        problems = [
            f"{name} is required" for name in ("delivery_id", "metric") if not _is_text(said.get(name))
        ]
        if not problems and said["metric"] not in _METRICS:
            problems = [f"metric must be one of {', '.join(_METRICS)}"]
        problems += [
            f"{name} must be a string"
            for name in ("recipient", "reason", "href")
            if said.get(name) is not None and not isinstance(said[name], str)
        ]
        if problems:
            raise TrackRefused(*problems)
        delivery = self._state.deliveries.get(said["delivery_id"])
        if delivery is None:
            return track_answer()
        metric, at = Metric(said["metric"]), seconds(said.get("timestamp"))
        extra: dict[str, Any] = {"recipient": said["recipient"]} if said.get("recipient") else {}
        if metric in _WITH_REASON:
            delivery.failure_message = said.get("reason") or "unknown"
            extra["failure_message"] = delivery.failure_message
        if metric is Metric.CLICKED:
            href = said.get("href") or ""
            link_id = delivery.links.setdefault(href, len(delivery.links) + 1)
            self._reporter.clicked(delivery, _PERSON, href=href, link_id=link_id, at=at, extra=extra)
        elif metric is Metric.OPENED:
            self._reporter.opened(delivery, _PERSON, at=at, extra=extra)
        elif metric is Metric.SPAMMED:
            self._reporter.spammed(delivery, at=at, extra=extra)
        else:
            self._reporter.message(delivery, metric, at=at, extra=extra)
        return track_answer()

    def _identifier(self, call: Call) -> Identifier:
        text = call.path["identifier"]
        if size(text) > errors.LONGEST_ID:
            raise TrackRefused(f"id cannot be longer than {errors.LONGEST_ID} bytes")
        return read_identifier(text, takes_email=self._state.people.takes_email)

    def _known(self, identifier: Identifier) -> Person | None:
        """Find a person, or create one unless only the vendor could have named them."""
        person = self._state.people.find(identifier)
        return person if person is not None else self._store(identifier, {})

    def _store(self, identifier: Identifier, said: Mapping[str, Any]) -> Person | None:
        done = self._state.people.identify(identifier, said, now_s=self._state.now_s)
        if done.person is None:
            return None
        self._reporter.person_stored(done.person, is_new=done.is_new)
        if done.subscribed is not None:
            metric = Metric.SUBSCRIBED if done.subscribed else Metric.UNSUBSCRIBED
            self._reporter.customer(done.person, metric, channel="customer")
        return done.person

    def _keep(self, person: Person, event: StoredEvent) -> None:
        if self._state.people.add_event(person, event):
            self._tell_event(person.subject, event, person=person)

    def _event(self, said: Mapping[str, Any], *, anonymous_id: str | None = None) -> StoredEvent:
        name, kind, event_id, data = (
            said.get("name"),
            said.get("type", "event"),
            said.get("id"),
            said.get("data"),
        )
        problems = []
        if not isinstance(name, str) or not name.strip():
            problems.append("name is required")
        elif size(name.strip()) > errors.LONGEST_EVENT_NAME:
            problems.append(f"event name cannot be longer than {errors.LONGEST_EVENT_NAME} bytes")
        if kind not in _EVENT_TYPES:
            problems.append(f"type must be one of {', '.join(_EVENT_TYPES)}")
        if event_id is not None and not (isinstance(event_id, str) and _ULID.fullmatch(event_id)):
            problems.append("id must be a ULID")
        if data is not None and not isinstance(data, dict):
            problems.append("data must be an object")
        elif data and size(data) > errors.LONGEST_EVENT_DATA:
            problems.append(f"event data cannot be longer than {errors.LONGEST_EVENT_DATA} bytes")
        if problems:
            raise TrackRefused(*problems)
        at = seconds(said.get("timestamp"))
        return StoredEvent(
            name=str(name).strip(),
            type=kind,
            timestamp=self._state.now_s if at is None else at,
            data=data or {},
            id=event_id,
            anonymous_id=anonymous_id,
        )

    def _side(self, said: Mapping[str, Any], name: str) -> Identifier:
        side = said.get(name)
        if not isinstance(side, dict) or len(side) != 1:
            raise SendRefused(400, f"{name} must contain exactly one of id, email or cio_id")
        (kind, value), *_ = side.items()
        if kind not in tuple(IdentifierKind) or not _is_text(value):
            raise SendRefused(400, f"{name} must contain exactly one of id, email or cio_id")
        return Identifier(IdentifierKind(kind), value)

    def _tell_event(self, subject: str, event: StoredEvent, *, person: Person | None) -> None:
        self._fake.tell(
            "event_stored",
            subject,
            at=instant(event.timestamp),
            name=event.name,
            type=event.type,
            ts=event.timestamp,
            data=dict(event.data),
            event_id=event.id,
            anonymous_id=event.anonymous_id,
            customer_id=person.id if person else None,
            cio_id=person.cio_id if person else None,
        )


def _object(body: bytes) -> dict[str, Any]:
    """Parse a body that must be a JSON object; no body at all counts as an empty one."""
    if not body.strip():
        return {}
    try:
        value = read_json(body)
    except ValueError:
        raise TrackRefused("invalid JSON") from None
    if not isinstance(value, dict):
        raise TrackRefused("request body must be a JSON object")
    return value


def _check_attributes(said: Mapping[str, Any]) -> None:
    problems = []
    if len(said) > errors.MOST_ATTRIBUTES:
        problems.append(f"cannot have more than {errors.MOST_ATTRIBUTES} attributes")
    for name, value in said.items():
        if size(name) > errors.LONGEST_ATTRIBUTE_NAME:
            problems.append(f"attribute name cannot be longer than {errors.LONGEST_ATTRIBUTE_NAME} bytes")
        elif name == "id" and size(value) > errors.LONGEST_ID:
            problems.append(f"id cannot be longer than {errors.LONGEST_ID} bytes")
        elif not name.startswith("cio_") and size(value) > errors.LONGEST_ATTRIBUTE_VALUE:
            problems.append(
                f"value for attribute '{name}' cannot be longer than {errors.LONGEST_ATTRIBUTE_VALUE} bytes"
            )
    if problems:
        raise TrackRefused(*problems)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""
