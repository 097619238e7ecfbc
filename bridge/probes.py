"""One call to each vendor that proves reachability and credentials, as its own set-up page would.

Mailmodo's "Test and Save" buttons send one sample event to CleverTap and to Segment. Left alone, the same calls are
made so that nothing is stored: CleverTap's `dryRun`, an empty batch for Segment; Mailmodo's lists are only read.
Source: vendor notes CleverTap 4 (dryRun), Mailmodo 2.6, 5.1 and 6, and choices 16 and 20; Segment choice 11.
"""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bridge.destinations import Call, make_destinations
from bridge.engagement import SourceName, iso

if TYPE_CHECKING:
    from datetime import datetime

    from bridge.settings import Settings

__all__ = ["Probe", "make_probes"]

_TEST_USER: Final = "hello@mailmodo.com"


@dataclass(frozen=True, slots=True)
class Probe:
    """A call to a destination, and what its success proves.

    Attributes:
        destination: The destination's name.
        url: The vendor's base URL.
        call: The call.
        proves: What a good answer means, to follow the URL.
    """

    destination: str
    url: str
    call: Call
    proves: str


def make_probes(settings: Settings, *, now: datetime, sends_events: bool) -> tuple[Probe, ...]:
    """Make a probe for each destination that is on.

    Args:
        settings: Where the vendors are, and the credentials.
        now: The time of a sample event.
        sends_events: Whether to send the vendors' documented sample events, which stay in the account.
    """
    every = (
        _clevertap(settings, now=now, sends_events=sends_events),
        _mailmodo(settings),
        *[_segment(settings, name, now=now, sends_events=sends_events) for name in _SEGMENT_SOURCES],
    )
    on = make_destinations(settings)
    return tuple(probe for probe in every if probe.destination in on)


_SEGMENT_SOURCES: Final = (SourceName.MAILMODO, SourceName.MAILJET, SourceName.CUSTOMERIO)


def _clevertap(settings: Settings, *, now: datetime, sends_events: bool) -> Probe:
    record = {
        "type": "event",
        "identity": _TEST_USER,
        "evtName": "MM Email Opened",
        "evtData": {},
        "ts": int(now.timestamp()),
    }
    headers = {
        "X-CleverTap-Account-Id": settings.clevertap_account_id,
        "X-CleverTap-Passcode": settings.clevertap_passcode,
        "Content-Type": "application/json; charset=utf-8",
    }
    url = f"{settings.clevertap_url}/1/upload" + ("" if sends_events else "?dryRun=1")
    proves = (
        f"took the sample event MM Email Opened of {_TEST_USER}" if sends_events else "takes the credentials"
    )
    return Probe("clevertap", settings.clevertap_url, Call(url, headers, _json({"d": [record]})), proves)


def _mailmodo(settings: Settings) -> Probe:
    url = f"{settings.mailmodo_url}/api/v1/getAllContactLists"
    call = Call(url, {"mmApiKey": settings.mailmodo_api_key}, b"", method="GET")
    return Probe("mailmodo", settings.mailmodo_url, call, "takes the API key")


def _segment(settings: Settings, source: SourceName, *, now: datetime, sends_events: bool) -> Probe:
    write_key = str(getattr(settings, f"segment_write_key_{source}"))
    event = {
        "type": "track",
        "event": "Email Opened",
        "userId": _TEST_USER,
        "messageId": f"bridge-doctor-{source}-{int(now.timestamp())}",
        "timestamp": iso(now),
        "properties": {},
        "context": {"integration": {"name": str(source), "version": "1.0.0"}},
    }
    headers = {
        "Authorization": "Basic " + b64encode(f"{write_key}:".encode()).decode(),
        "Content-Type": "application/json",
    }
    call = Call(
        f"{settings.segment_url}/v1/batch", headers, _json({"batch": [event] if sends_events else []})
    )
    # Segment takes any write key that looks like one: only the debugger shows whose it is.
    proves = (
        "took the sample event Email Opened; find it in the source's debugger"
        if sends_events
        else "answers; whether the write key is known only its debugger tells"
    )
    return Probe(f"segment/{source}", settings.segment_url, call, proves)


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
