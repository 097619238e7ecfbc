"""Turns a journal entry into plain JSON: secrets masked, and the same for equal runs on any day.

Left out are headers that depend on the machine's own clock and software (`Date`, `Server`) and those by which
the testbed says who acts and why (they are the entry's `sender` and `causes`).
"""

from __future__ import annotations

import base64
import json
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

from fakes.kit.exchange import ACTOR_HEADER, CAUSE_HEADER, Exchange, Fact
from simulator.entry import Step

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from simulator.entry import Entry
    from simulator.journal import Journal
    from simulator.masking import Masking

__all__ = ["body_record", "instant", "record"]

_LEFT_OUT: Final = frozenset({"date", "server", ACTOR_HEADER.lower(), CAUSE_HEADER.lower()})


def record(journal: Journal, entry: Entry) -> dict[str, Any]:
    """Give an entry as a JSON object whose keys are always in the same order.

    Every record has `id`, `t` (seconds since the journal's start), `at`, `kind` and `causes`.
    """
    masking = journal.masking
    found: dict[str, Any] = {
        "id": entry.id,
        "t": round((entry.at - journal.started_at).total_seconds(), 6),
        "at": instant(entry.at),
        "kind": str(entry.kind),
        "causes": list(journal.causes(entry.id)),
    }
    payload = entry.payload
    if isinstance(payload, Exchange):
        found |= _exchange(payload, masking)
    elif isinstance(payload, Fact):
        found |= {
            "vendor": payload.vendor,
            "fact": payload.kind,
            "subject": masking.text(payload.subject),
            "happened_at": instant(payload.at),
            "details": _plain(payload.details, masking),
        }
    elif isinstance(payload, Step):
        found |= {
            "actor": masking.text(payload.actor),
            "verb": payload.verb,
            "details": _plain(payload.details, masking),
        }
    else:
        found |= {"text": masking.text(payload.text), "details": _plain(payload.details, masking)}
    return found


def instant(at: datetime) -> str:
    """Write an instant in UTC with milliseconds: `2026-03-02T03:30:00.000Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def body_record(body: bytes, masking: Masking) -> dict[str, Any]:
    """Give a body as `{"json": …}`, `{"text": …}` or, when it is not UTF-8, `{"base64": …}`; `{}` when empty."""
    if not body:
        return {}
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(masking.octets(body)).decode()}
    if text[:1] in '{["':
        try:
            return {"json": masking.value(json.loads(text))}
        except (ValueError, RecursionError):
            pass  # It only looks like JSON; as text it still says what was sent.
    return {"text": masking.text(text)}


def _exchange(exchange: Exchange, masking: Masking) -> dict[str, Any]:
    return {
        "sender": masking.text(exchange.sender),
        "receiver": exchange.receiver,
        "contract": exchange.contract,
        "operation": exchange.operation,
        "direction": exchange.kind,
        "method": exchange.method,
        "url": masking.text(exchange.url),
        "status": exchange.status,
        "took_s": round((exchange.ended_at - exchange.started_at).total_seconds(), 6),
        "attempt": exchange.attempt,
        "error": exchange.error,
        "fault": exchange.fault,
        "request": {
            "headers": _headers(exchange.request_headers, masking),
            **body_record(exchange.request_body, masking),
        },
        "response": {
            "headers": _headers(exchange.response_headers, masking),
            **body_record(exchange.response_body, masking),
        },
        "violations": [
            {
                "where": violation.where,
                "path": violation.path,
                "got": masking.text(violation.got),
                "wanted": masking.text(violation.wanted),
                "source": violation.source,
            }
            for violation in exchange.violations
        ],
    }


def _headers(headers: Mapping[str, str], masking: Masking) -> dict[str, str]:
    return {name: masking.text(value) for name, value in headers.items() if name.lower() not in _LEFT_OUT}


def _plain(details: Mapping[str, Any], masking: Masking) -> Any:
    """Make sure that details are JSON; what is not is written as text."""
    return masking.value(json.loads(json.dumps(dict(details), default=str, ensure_ascii=False)))
