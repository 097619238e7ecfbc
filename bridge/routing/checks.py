"""What rows and templates must not say though their form is right: it would be lost, doubled or never happen.

Each check gives problems; the reader says them all at once.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from bridge.destinations import CALLS, clevertap, segment
from bridge.engagement import SourceName
from bridge.errors import Problem
from bridge.routing.expressions import is_expression
from bridge.routing.table import ANYWHERE
from bridge.sources.mailmodo import ACTIVITY
from bridge.sources.mailmodo_forms import FORM, JOURNEY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from bridge.configuration.document import Document
    from bridge.configuration.document import Path as Place

__all__ = ["Piece", "check_doubles", "check_names", "check_off", "check_template", "check_where", "subject"]

_INLETS: Final[Mapping[str, tuple[str, ...]]] = {
    SourceName.MAILMODO: (ACTIVITY, FORM, JOURNEY),
    SourceName.MAILJET: (),
    SourceName.CUSTOMERIO: (),
    SourceName.SEGMENT: (),
}
"""What `where` can be; CleverTap's is any campaign."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the table with the file that it stands in."""

    document: Document
    path: Place
    value: Any

    def problem(self, more: Iterable[str | int], found: str, wanted: str) -> Problem:
        """Say what is wrong with it, or with something in it."""
        path = (*self.path, *more)
        return Problem(self.document.where(path), ".".join(str(each) for each in path), found, wanted)


def subject(row: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """Say what a row is about: rows of a file take the place of shipped ones about the same."""
    return row["source"], row["kind"], row.get("where", ANYWHERE), row["destination"]


def check_where(row: Piece) -> Iterator[Problem]:
    """Demand an inlet that there is: no engagement would ever come by another."""
    where, inlets = row.value.get("where", ANYWHERE), _INLETS.get(row.value["source"])
    if inlets is None or where in (ANYWHERE, *inlets):
        return
    close = get_close_matches(where, inlets, n=1)
    wanted = f"one of {', '.join(inlets)}" if inlets else f"none, because {row.value['source']} has one inlet"
    yield row.problem(("where",), repr(where), f"did you mean {close[0]}?" if close else wanted)


def check_off(row: Piece, shipped: Sequence[Piece], *, extends: bool) -> Iterator[Problem]:
    """Demand that a row that takes others away finds some."""
    if not row.value.get("off"):
        return
    if not extends:
        yield row.problem(("off",), "a file that does not extend the shipped table", "extends: default")
        return
    if subject(row.value) in {subject(each.value) for each in shipped}:
        return
    source, kind, _, destination = subject(row.value)
    wheres = [
        where
        for each in shipped
        for of, what, where, to in (subject(each.value),)
        if (of, what, to) == (source, kind, destination)
    ]
    places = " or ".join(
        "no where" if each == ANYWHERE else f"where: {each}" for each in dict.fromkeys(wheres)
    )
    wanted = places or "the subject of a row that `python -m bridge routing --default` shows"
    yield row.problem((), "no shipped row for it to take away", wanted)


def check_doubles(rows: Sequence[Piece], templates: Mapping[str, Piece]) -> Iterator[Problem]:
    """Demand that no engagement is told twice by the same row, and that Segment keeps all that it is told."""
    by_effect: dict[tuple[str, ...], list[Piece]] = {}
    by_id: dict[tuple[str, ...], list[Piece]] = {}
    for row in rows:
        source, kind, _, destination = subject(row.value)
        if row.value["body"] not in templates:
            continue
        adds = json.dumps([row.value.get("event"), row.value["body"], row.value.get("with")])
        alike = by_effect.setdefault((source, kind, destination, row.value.get("gate", ""), adds), [])
        first = next((each for each in alike if _meet(each, row)), None)
        alike.append(row)
        if first is not None:
            yield row.problem((), f"what {_name(first)} says already", "each row once")
            continue
        template = templates[row.value["body"]].value
        if template["call"] != segment.TRACK:
            continue
        key = str(template["body"].get("messageId"))
        same = by_id.setdefault((source, kind, destination, key), [])
        first = next((each for each in same if _meet(each, row) and _may_both_pass(each, row)), None)
        same.append(row)
        if first is not None:
            found = f"a second track with the messageId of {_name(first)}, of which Segment keeps one"
            wanted = "another where, a gate that is shut when the other is open, or a messageId of its own"
            yield row.problem((), found, wanted)


def _meet(one: Piece, other: Piece) -> bool:
    """Say whether an engagement can be about both."""
    wheres = {each.value.get("where", ANYWHERE) for each in (one, other)}
    return len(wheres) == 1 or ANYWHERE in wheres


def _may_both_pass(one: Piece, other: Piece) -> bool:
    """Say whether both rows apply for certain to some; of two different gates only one may be open."""
    gates = {each.value.get("gate", "") for each in (one, other)}
    return len(gates) == 1 or "" in gates


def _name(row: Piece) -> str:
    return f"the row at {row.document.line(row.path)}"


def check_template(template: Piece) -> Iterator[Problem]:
    """Demand what the guarantee of the call rests on."""
    name, body = template.value["call"], template.value["body"]
    call = CALLS[name]
    for key in call.needs:
        value = body.get(key)
        if value is None:
            at = ("body", key) if key in body else ("body",)
            yield template.problem(at, f"no {key}", f"one, because {name} rests on it")
        elif key == "type":
            if value != call.type:
                yield template.problem(("body", key), repr(value), f"{call.type}, because the call is {name}")
        elif key in call.told_apart_by and not is_expression(value):
            wanted = "an expression, {{ … }}, because it tells one engagement from another"
            yield template.problem(("body", key), repr(value), wanted)
    if ("campaign" in template.value) != call.has_campaign:
        found, wanted = ("no campaign", "one") if call.has_campaign else ("a campaign", "none for this call")
        yield template.problem((), found, wanted)
    if name == clevertap.UPLOAD:
        yield from _check_keys(template, ("body", "evtData"), body.get("evtData"))


def check_names(row: Piece, template: Piece) -> Iterator[Problem]:
    """Demand names that the vendor takes as they are: it would tell of the event under another."""
    if template.value["call"] != clevertap.UPLOAD:
        return
    event = row.value.get("event", "")
    if event and not is_expression(event) and (clean := clevertap.clean_event(event)) != event:
        wanted = f"a name that CleverTap keeps as it is, like {clean!r}"
        yield row.problem(("event",), repr(event), wanted)
    yield from _check_keys(row, ("with",), row.value.get("with"))


def _check_keys(piece: Piece, path: Place, properties: Any) -> Iterator[Problem]:
    for key in properties if isinstance(properties, dict) else ():
        if not key.startswith("...") and (clean := clevertap.clean_key(key)) != key:
            wanted = f"a name that CleverTap keeps as it is, like {clean!r}"
            yield piece.problem((*path, key), repr(key), wanted)
