"""The reading part of the App API: people, deliveries, templates.

Source: vendor's App OpenAPI (2022) and its shared schemas (2026).
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, Final

from fakes.customerio.answers import app_answer
from fakes.customerio.deliveries import Metric
from fakes.customerio.errors import AppRefused
from fakes.customerio.reading import Identifier, IdentifierKind, is_address, seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

    from fakes.customerio.deliveries import Delivery, TransactionalMessage
    from fakes.customerio.people import Person
    from fakes.customerio.state import State
    from fakes.kit import Call

__all__ = ["AppApi"]

_TYPES: Final = ("email", "webhook", "twilio", "push", "in_app", "slack", "whatsapp", "live_notification")
_PARENTS: Final = (
    "action_id",
    "broadcast_id",
    "campaign_id",
    "content_id",
    "newsletter_id",
    "parent_action_id",
    "trigger_event_id",
)
_METRICS: Final = (
    "created", "attempted", "sent", "delivered", "opened", "clicked", "converted", "bounced", "spammed",
    "unsubscribed", "dropped", "failed", "undeliverable",
)  # fmt: skip
_PAGE: Final = 50
_LARGEST_PAGE: Final = 1000


class AppApi:
    """Handlers of the App API that only look."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def find_people(self, call: Call) -> web.Response:
        """Find people by e-mail address."""
        email = call.query.get("email", "")
        if not is_address(email):
            raise AppRefused(400, "email must be an email address")
        return app_answer({"results": [_named(person) for person in self._state.people.with_email(email)]})

    async def show_attributes(self, call: Call) -> web.Response:
        """Show a person: identifiers, attributes as text, devices."""
        person = self._person(call)
        said = person.said()
        return app_answer(
            {
                "customer": {
                    "id": person.id or "",
                    "identifiers": _named(person),
                    "attributes": {name: _as_text(value) for name, value in said.items()},
                    "timestamps": dict(person.timestamps),
                    "unsubscribed": person.is_unsubscribed,
                    "devices": [
                        {
                            "id": device.id,
                            "platform": device.platform,
                            "last_used": device.last_used,
                            "attributes": dict(device.attributes),
                        }
                        for device in person.devices.values()
                    ],
                }
            }
        )

    async def list_person_messages(self, call: Call) -> web.Response:
        """List a person's deliveries, the latest first."""
        person = self._person(call)
        found = [each for each in self._state.deliveries_newest_first() if each.cio_id == person.cio_id]
        return self._page_of(found, call.query)

    async def list_messages(self, call: Call) -> web.Response:
        """List deliveries, the latest first."""
        query = call.query
        wanted_type, wanted_metric = query.get("type", "email"), query.get("metric", "created")
        if wanted_type not in _TYPES:
            raise AppRefused(400, f"type must be one of {', '.join(_TYPES)}")
        if wanted_metric not in _METRICS:
            raise AppRefused(400, f"metric must be one of {', '.join(_METRICS)}")
        begins, ends = (_seconds_in(query, name) for name in ("start_ts", "end_ts"))
        ends = self._state.now_s if ends is None else ends
        has_parent = any(query.get(name) for name in ("campaign_id", "newsletter_id", "action_id"))
        found = [
            each
            for each in self._state.deliveries_newest_first()
            if not has_parent
            and wanted_type == "email"
            and each.is_draft is (query.get("drafts") == "true")
            and (begins or 0) <= each.created_at <= ends
            and (wanted_metric == "created" or Metric(wanted_metric) in each.metrics)
        ]
        return self._page_of(found, query)

    async def show_message(self, call: Call) -> web.Response:
        """Show one delivery."""
        delivery = self._state.deliveries.get(call.path["messageId"])
        if delivery is None:
            raise AppRefused(404, "not found")
        return app_answer({"message": self._shown(delivery)})

    async def list_transactional(self, call: Call) -> web.Response:
        """List the templates."""
        del call
        return app_answer({"messages": [_template(each) for each in self._state.messages.values()]})

    async def show_transactional(self, call: Call) -> web.Response:
        """Show one template."""
        wanted = call.path["transactionalId"]
        message = self._state.find_message(wanted) if wanted.isdigit() else None
        if message is None:
            raise AppRefused(404, "not found")
        return app_answer({"message": _template(message)})

    def _person(self, call: Call) -> Person:
        kind = call.query.get("id_type", "id")
        if kind not in tuple(IdentifierKind):
            raise AppRefused(400, "id_type must be one of id, email, cio_id")
        value = call.path["customerId"]
        if kind == IdentifierKind.CIO_ID:
            value = value.removeprefix("cio_")
        person = self._state.people.find(Identifier(IdentifierKind(kind), value))
        if person is None:
            raise AppRefused(404, "not found")
        return person

    def _page_of(self, found: list[Delivery], query: Mapping[str, str]) -> web.Response:
        begins = _cursor(query.get("start", ""))
        limit = query.get("limit", str(_PAGE))
        if not (
            limit.isascii() and limit.isdigit() and 1 <= len(limit) <= 4 and 1 <= int(limit) <= _LARGEST_PAGE
        ):
            raise AppRefused(400, f"limit must be between 1 and {_LARGEST_PAGE}")
        ends = begins + int(limit)
        following = base64.urlsafe_b64encode(str(ends).encode()).decode() if ends < len(found) else ""
        return app_answer({"messages": [self._shown(each) for each in found[begins:ends]], "next": following})

    def _shown(self, delivery: Delivery) -> dict[str, Any]:
        person = self._state.people.find_cio(delivery.cio_id)
        metrics = {"created": delivery.created_at}
        metrics |= {metric.value: at for metric, at in delivery.metrics.items()}
        return {
            "id": delivery.id,
            "deduplicate_id": f"{delivery.id}:{max(metrics.values())}",
            "message_template_id": delivery.transactional_message_id,
            "customer_id": person.id or "" if person else "",
            "customer_identifiers": {
                "email": (person.email if person else delivery.email) or None,
                "id": (person.id if person else delivery.customer_id) or None,
                "cio_id": delivery.cio_id,
            },
            "recipient": delivery.recipient,
            "subject": delivery.subject,
            "type": "email",
            "created": delivery.created_at,
            "metrics": {**metrics, **delivery.counts},
            "failure_message": delivery.failure_message,
            "forgotten": False,
            **dict.fromkeys(_PARENTS),
        }


def _named(person: Person) -> dict[str, str | None]:
    return {"email": person.email, "id": person.id, "cio_id": person.cio_id}


def _as_text(value: object) -> str:
    """Write an attribute as the App API does: everything is text."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _seconds_in(query: Mapping[str, str], name: str) -> int | None:
    if name not in query:
        return None
    found = seconds(query[name])
    if found is None:
        raise AppRefused(400, f"{name} must be a unix timestamp")
    return found


def _cursor(text: str) -> int:
    """Read where a page begins; a cursor that was not made here begins at the start."""
    try:
        read = base64.urlsafe_b64decode(text.encode()).decode("ascii")
    except ValueError:
        return 0
    return int(read) if read.isdigit() and len(read) < 12 else 0


def _template(message: TransactionalMessage) -> dict[str, Any]:
    return {
        "id": message.id,
        "name": message.name,
        "description": message.description,
        "send_to_unsubscribed": message.send_to_unsubscribed,
        "link_tracking": message.tracked,
        "open_tracking": message.tracked,
        "hide_message_in_activity": False,
        "queue_drafts": message.queue_draft,
        "created_at": message.created_at,
        "updated_at": message.created_at,
    }
