"""Destinations of a source, and which messages go to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from fakes.segment.errors import FilterCode
from fakes.segment.message import MessageType

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = ["Destination", "accepted_types", "find_filter", "find_unknown_integrations"]

_ACCEPTED: Final = {
    "Mailmodo": frozenset({MessageType.IDENTIFY, MessageType.TRACK}),
    "Mailjet": frozenset({MessageType.IDENTIFY}),
}
_OFF_BY_DEFAULT: Final = frozenset({"Salesforce"})
_CATALOGUE: Final = frozenset(
    {
        "Actions Customerio",
        "Amplitude",
        "Braze",
        "Customer.io",
        "Google Analytics",
        "HubSpot",
        "Intercom",
        "Iterable",
        "Mailjet",
        "Mailmodo",
        "Mixpanel",
        "Salesforce",
        "Segment.io",
        "Warehouses",
        "Webhook",
        "Webhooks",
        "Webhooks (Actions)",
        "Zapier",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """One destination connected to one source, called as a subscription webhook.

    Attributes:
        name: Its name in the catalogue and in the `integrations` object, case included.
        source: Name of the source it is connected to.
        url: Where the partner takes events.
        api_key: The customer's key, sent as the user name of Basic authentication.
        settings: Further settings, sent in `X-Segment-Settings`; `sharedSecret` is not sent but signs.
        accepts: Message types that the partner supports.
        is_enabled: A disabled destination receives nothing.
    """

    name: str
    source: str
    url: str
    api_key: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    accepts: frozenset[MessageType]
    is_enabled: bool = True


def accepted_types(name: str) -> frozenset[MessageType]:
    """Say which message types a destination of the catalogue accepts; all of them for an unknown one.

    Source: segment-docs, `destinations/catalog/{mailmodo,mailjet}`, "Supported methods".
    """
    return _ACCEPTED.get(name, frozenset(MessageType))


def find_filter(destination: Destination, event: Mapping[str, Any]) -> FilterCode | None:
    """Say why an event is not sent to a destination; None when it is.

    Source: segment-docs, `guides/filtering-data.md`, "Integrations object"; delivery-overview discards.
    """
    if event["type"] != MessageType.ALIAS and not _is_enabled(destination.name, event["integrations"]):
        return FilterCode.INTEGRATIONS_OBJECT
    metadata = event.get("_metadata")
    bundled = metadata.get("bundled") if isinstance(metadata, dict) else None
    if isinstance(bundled, list) and destination.name in bundled:
        return FilterCode.SENT_CLIENT_SIDE
    if event["type"] not in destination.accepts:
        return FilterCode.UNSUPPORTED_EVENT_TYPE
    return None


def find_unknown_integrations(event: Mapping[str, Any], known: Collection[str]) -> list[str]:
    """List the names in an event's `integrations` object that no destination has, case included."""
    return [
        name
        for name in event["integrations"]
        if name not in ("All", "all") and name not in _CATALOGUE and name not in known
    ]


def _is_enabled(name: str, integrations: Mapping[str, Any]) -> bool:
    own = integrations.get(name)
    if own is not None:
        return own is not False
    # The Python documentation writes `all`; segmentio/facade, `enabled`, reads the key without case.
    everything = next(
        (value for key in ("All", "all") if isinstance(value := integrations.get(key), bool)),
        True,
    )
    return everything and name not in _OFF_BY_DEFAULT
