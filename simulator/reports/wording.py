"""How times and entries are put into words, alike in every report."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from fakes.kit.exchange import Exchange, Fact
from simulator.entry import Step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.entry import Entry
    from simulator.journal import Journal

__all__ = ["VENDOR_NAMES", "counted", "describe", "event_names", "span", "vendor_name"]

VENDOR_NAMES: Final = {
    "clevertap": "CleverTap",
    "mailmodo": "Mailmodo",
    "mailjet": "Mailjet",
    "customerio": "Customer.io",
    "segment": "Segment",
    "bridge": "bridge",
}
_EVENT_KEYS: Final = ("event", "evtName", "metric", "type", "Event")
_LISTS: Final = ("d", "batch", "events")
_LONGEST: Final = 160


def vendor_name(name: str) -> str:
    """Give a vendor's name as it spells it; any other name as it is."""
    return VENDOR_NAMES.get(name.removesuffix(".test"), name)


def counted(count: int, noun: str, plural: str = "") -> str:
    """Give `1 message`, `2 messages`, `1,200 people`."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def span(seconds: float) -> str:
    """Put a time span into words, in its two largest units: `2 d 3 h`, `5 min 20 s`, `0.25 s`."""
    if seconds < 0:
        return f"-{span(-seconds)}"
    if seconds < 60:
        return f"{seconds:.3f}".rstrip("0").rstrip(".") + " s"
    whole = round(seconds)
    parts = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        number, whole = divmod(whole, size)
        parts.append((number, unit))
    first = next(index for index, (number, _unit) in enumerate(parts) if number)
    return " ".join(f"{number} {unit}" for number, unit in parts[first : first + 2] if number)


def describe(journal: Journal, entry: Entry) -> str:
    """Put an entry on one line: id, time since the start, who, what, how it ended. Secrets are masked."""
    since = span((entry.at - journal.started_at).total_seconds())
    text = " ".join(_what(entry).split())
    return journal.masking.text(f"{entry.id} +{since} {text[:_LONGEST]}")


def event_names(body: bytes) -> tuple[str, ...]:
    """Give the names of the events that a JSON body carries, in order, without repeats; empty when it names none."""
    if body[:1] not in (b"{", b"["):
        return ()
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return ()
    return tuple(dict.fromkeys(_names(value)))


def _names(value: Any) -> Iterator[str]:
    items = value if isinstance(value, list) else None
    if isinstance(value, dict):
        items = next((value[key] for key in _LISTS if isinstance(value.get(key), list)), None)
    if items is not None:
        for item in items:
            yield from _own_name(item)
    else:
        yield from _own_name(value)


def _own_name(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        name = next(
            (value[key] for key in _EVENT_KEYS if isinstance(value.get(key), str) and value[key]), None
        )
        if name is not None:
            yield name


def _what(entry: Entry) -> str:
    payload = entry.payload
    if isinstance(payload, Exchange):
        return _exchange(payload)
    if isinstance(payload, Fact):
        return f"fact {payload.vendor} {payload.kind}: {payload.subject}{_some(payload.details)}"
    if isinstance(payload, Step):
        return f"{payload.actor}: {payload.verb}{_some(payload.details)}"
    return f"note: {payload.text}"


def _exchange(exchange: Exchange) -> str:
    names = event_names(exchange.request_body)
    events = f" ({', '.join(names)})" if names else ""
    name = exchange.operation or f"{exchange.method} {exchange.url}"
    answer = str(exchange.status) if exchange.status is not None else exchange.error or "no answer"
    again = f", attempt {exchange.attempt}" if exchange.attempt > 1 else ""
    broken = f", {counted(len(exchange.violations), 'violation')}" if exchange.violations else ""
    return f"{vendor_name(exchange.sender)} → {vendor_name(exchange.receiver)} {name}{events}: {answer}{again}{broken}"


def _some(details: Any) -> str:
    """Give the few short details that tell one entry from the next."""
    short = [
        f"{key}={value}"
        for key, value in details.items()
        if isinstance(value, str | int | float | bool) and len(str(value)) <= 40
    ]
    return f" ({', '.join(short[:3])})" if short else ""
