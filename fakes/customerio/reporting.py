"""`/v1/reporting_webhooks`: who gets which events. The signing key is neither shown nor taken here.

Source: vendor's Track OpenAPI (2026), docs.customer.io "createWebhook"; `null` for an empty list: n8n's trigger.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from fakes.customerio.answers import app_answer, empty_answer
from fakes.customerio.errors import AppRefused
from fakes.customerio.reading import read_json
from fakes.customerio.state import SUBSCRIPTIONS, ReportingWebhook

if TYPE_CHECKING:
    from aiohttp import web

    from fakes.customerio.state import State
    from fakes.kit import Call

__all__ = ["Reporting"]


class Reporting:
    """Handlers that keep the list of reporting webhooks."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def create(self, call: Call) -> web.Response:
        """Add a reporting webhook."""
        return app_answer(_shown(self._state.add_webhook(_read(call.body))))

    async def list_all(self, call: Call) -> web.Response:
        """List them; `null` when there are none."""
        del call
        found = [_shown(each) for each in self._state.webhooks.values()]
        is_null = not found and self._state.settings.empty_lists_are_null
        return app_answer({"reporting_webhooks": None if is_null else found})

    async def show(self, call: Call) -> web.Response:
        """Show one."""
        return app_answer(_shown(self._found(call)))

    async def update(self, call: Call) -> web.Response:
        """Replace one, whole."""
        known = self._found(call)
        made = replace(_read(call.body), id=known.id)
        self._state.webhooks[known.id] = made
        return app_answer(_shown(made))

    async def delete(self, call: Call) -> web.Response:
        """Remove one; what waits for it is dropped."""
        del self._state.webhooks[self._found(call).id]
        return empty_answer()

    def _found(self, call: Call) -> ReportingWebhook:
        text = call.path["webhookId"]
        known = (
            self._state.webhooks.get(int(text))
            if text.isascii() and text.isdigit() and len(text) < 12
            else None
        )
        if known is None:
            raise AppRefused(404, "not found")
        return known


def _read(body: bytes) -> ReportingWebhook:
    try:
        said = read_json(body)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise AppRefused(400, "request body must be a JSON object")
    for name in ("name", "endpoint"):
        if not isinstance(said.get(name), str) or not said[name]:
            raise AppRefused(400, f"{name} is required")
    if not _is_web_address(said["endpoint"]):
        raise AppRefused(400, "endpoint must be an http or https URL")
    events = said.get("events")
    if not isinstance(events, list) or not events:
        raise AppRefused(400, "events is required")
    for event in events:
        if event not in SUBSCRIPTIONS:
            raise AppRefused(400, f"events contains an unknown event: {event}")
    return ReportingWebhook(
        id=0,
        name=said["name"],
        endpoint=said["endpoint"],
        events=tuple(dict.fromkeys(events)),
        disabled=_flag(said, "disabled"),
        full_resolution=_flag(said, "full_resolution"),
        with_content=_flag(said, "with_content"),
    )


def _flag(said: dict[str, Any], name: str) -> bool:
    value = said.get(name)
    if value is not None and not isinstance(value, bool):
        raise AppRefused(400, f"{name} must be a boolean")
    return bool(value)


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _shown(webhook: ReportingWebhook) -> dict[str, Any]:
    return {
        "name": webhook.name,
        "id": webhook.id,
        "type": "webhook",
        "endpoint": webhook.endpoint,
        "disabled": webhook.disabled,
        "full_resolution": webhook.full_resolution,
        "with_content": webhook.with_content,
        "events": list(webhook.events),
    }
