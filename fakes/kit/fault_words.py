"""Fault rules as JSON values: what the control API takes and shows."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from fakes.kit.errors import FaultInvalid
from fakes.kit.fault_kinds import (
    FAULTS,
    Cut,
    Delay,
    Down,
    Duplicate,
    Fault,
    RateLimit,
    Reorder,
    Reset,
    Status,
    WrongCredentials,
)
from fakes.kit.faults import FaultRule

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from fakes.kit.faults import InstalledFault

__all__ = ["FAULT_WORDS", "make_fault", "read_rule", "show_rule"]

FAULT_WORDS: Final[Mapping[type[Fault], Mapping[str, str]]] = {
    Delay: {"seconds": "low_s", "to_seconds": "high_s", "handled": "is_handled"},
    Status: {"status": "status", "retry_after_s": "retry_after_s", "handled": "is_handled"},
    Reset: {"handled": "is_handled"},
    Cut: {"arrives": "arrives"},
    Duplicate: {"seconds": "after_s"},
    Reorder: {"seconds": "at_most_s"},
    RateLimit: {"retry_after_s": "retry_after_s"},
    WrongCredentials: {},
    Down: {"status": "status", "connections": "connections"},
}
"""Which words say more about each fault, and the attribute that each sets."""

_OF_FAULTS: Final = frozenset(word for words in FAULT_WORDS.values() for word in words)


def make_fault(word: str, details: Mapping[str, Any]) -> Fault:
    """Make a fault from its word and the words that say more about it.

    Raises:
        FaultInvalid: A word means nothing for this fault, or is missing, or its value is out of bounds.
    """
    kind = FAULTS[word]
    words = FAULT_WORDS[kind]
    for name in details:
        if name not in words:
            allowed = ", ".join(f"`{each}`" for each in words) or "nothing more"
            raise FaultInvalid(f"fault `{word}`: found `{name}`, wanted {allowed}", found=name, known=words)
    if kind is Delay and "seconds" not in details:
        raise FaultInvalid("fault `delay`: `seconds` is missing; add how long it is")
    return kind(**{words[name]: value for name, value in details.items()})


def read_rule(body: Mapping[str, Any], *, now: datetime) -> FaultRule:
    """Read a rule as `POST /faults` takes it.

    Args:
        body: Of the form that the contract of the control API wants.
        now: From when `in_s` counts.

    Raises:
        FaultInvalid: It contradicts itself.
    """
    fault = make_fault(body["fault"], {name: body[name] for name in body if name in _OF_FAULTS})
    starts_at = now + timedelta(seconds=body["in_s"]) if "in_s" in body else None
    ends_at = (starts_at or now) + timedelta(seconds=body["for_s"]) if "for_s" in body else None
    return FaultRule(
        fault=fault,
        on=tuple(body.get("on", ())),
        caller=body.get("caller", ""),
        first=body.get("first", 1),
        last=body.get("last"),
        share=body.get("share", 1.0),
        starts_at=starts_at if ends_at is None else starts_at or now,
        ends_at=ends_at,
        name=body.get("name", ""),
    )


def show_rule(installed: InstalledFault) -> dict[str, Any]:
    """Show a rule at work."""
    rule = installed.rule
    details = {word: getattr(rule.fault, name) for word, name in FAULT_WORDS[type(rule.fault)].items()}
    shown = {
        "fault": rule.fault.word,
        "on": list(rule.on),
        "caller": rule.caller,
        "first": rule.first,
        "last": rule.last,
        "share": rule.share,
        **details,
    }
    return {
        "id": installed.id,
        "does": rule.describe(),
        "rule": {word: value for word, value in shown.items() if value not in (None, "", [])},
        "starts_at": rule.starts_at.isoformat() if rule.starts_at else None,
        "ends_at": rule.ends_at.isoformat() if rule.ends_at else None,
        "fitted": installed.fitted,
        "struck": installed.struck,
    }
