"""Judges what a scenario expects, from the journal alone.

A failure shows the nearest entries: the same person's other events, or the same event on other people.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fakes.kit import Fact
from simulator.expressions import ExpressionInvalid, Group, evaluate
from simulator.quantities import format_duration
from simulator.result import ExpectationResult

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from simulator.journal import Journal
    from simulator.people import Person
    from simulator.scenario import Expectation

__all__ = ["Witness", "judge_expectations"]

_ENGAGEMENTS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "sent": (("mailmodo", "email_sent"), ("mailjet", "sent"), ("customerio", "delivered")),
    "opened": (("mailmodo", "email_opened"), ("mailjet", "open"), ("customerio", "opened")),
    "clicked": (("mailmodo", "link_clicked"), ("mailjet", "click"), ("customerio", "clicked")),
    "submitted": (("mailmodo", "form_submitted"),),
    "bounced": (("mailmodo", "email_bounced"), ("mailjet", "bounce"), ("customerio", "bounced")),
    "unsubscribed": (("mailmodo", "unsubscribed"), ("mailjet", "unsub"), ("customerio", "unsubscribed")),
    "marked_as_spam": (("mailmodo", "marked_as_spam"), ("mailjet", "spam"), ("customerio", "spammed")),
    "contacts": (("mailmodo", "contact_stored"),),
}
_NEAREST = 4


@dataclass(frozen=True, slots=True)
class _Sighting:
    """One thing in the journal that an expectation may be about."""

    entry: str
    name: str
    who: str
    at_s: float
    values: Mapping[str, Any]
    source: str = ""


class Witness:
    """Answers questions about a finished run: who had which event when."""

    def __init__(self, journal: Journal, people: Sequence[Person], starts: datetime) -> None:
        self._journal = journal
        self._people = people
        self._starts = starts
        self._by_user_id = {person.user_id: person.email for person in people if person.user_id}
        self._cache: dict[str, list[_Sighting]] = {}

    def names(self) -> dict[str, Any]:
        """Give what expressions may speak of."""
        everybody = Group({person.email: (0.0,) for person in self._people})
        groups: dict[str, Any] = {name: self._engaged(kinds) for name, kinds in _ENGAGEMENTS.items()}
        return {
            "people": everybody,
            **groups,
            "sms": lambda name: _group(self._texts(), lambda one: one.name == f"sms {name}"),
            "push": lambda name: _group(self._texts(), lambda one: one.name == f"push {name}"),
            "webpush": lambda name: _group(self._texts(), lambda one: one.name == f"webpush {name}"),
            "email": lambda name: _group(self._texts(), lambda one: one.name == f"email {name}"),
            "viewed": lambda name: self._reacted("Notification Viewed", name),
            "tapped": lambda name: self._reacted("Notification Clicked", name),
            "kept": lambda name: _group(self._compared("kept_as_control"), lambda one: one.name == name),
            "converted": lambda name: _group(self._compared("converted"), lambda one: one.name == name),
            "entered": lambda name: _group(self._entered(), lambda one: one.name == name),
            "took": lambda path: _group(self._paths(), lambda one: one.name == f"path {path}"),
            "clevertap": lambda event: _group(
                self.sightings("clevertap.profile"), lambda one: one.name == event
            ),
            "segment": lambda event: _group(self.sightings("segment.user"), lambda one: one.name == event),
            "mailmodo": lambda event: _group(
                self.sightings("mailmodo.contact"), lambda one: one.name == event
            ),
        }

    def sightings(self, subject: str) -> list[_Sighting]:
        """Give everything of one kind of record, in the order in which it became known."""
        if subject not in self._cache:
            make = {
                "clevertap.profile": self._clevertap,
                "segment.user": self._segment,
                "mailmodo.contact": self._mailmodo,
                "person": self._person,
            }
            self._cache[subject] = list(make[subject]())
        return self._cache[subject]

    def since_start(self, at: datetime) -> float:
        """Seconds after the scenario's start."""
        return (at - self._starts).total_seconds()

    def _engaged(self, kinds: Iterable[tuple[str, str]]) -> Group:
        moments: dict[str, tuple[float, ...]] = {}
        for vendor, kind in kinds:
            for fact in self._journal.facts(vendor, kind):
                moments[fact.subject] = (*moments.get(fact.subject, ()), self.since_start(fact.at))
        return Group(moments)

    def _clevertap(self) -> Iterable[_Sighting]:
        for entry, fact in self._facts("clevertap", "event_stored"):
            yield self._sighting(
                entry, fact, str(fact.details.get("name")), fact.details.get("properties") or {}
            )

    def _segment(self) -> Iterable[_Sighting]:
        for entry, fact in self._facts("segment", "message_accepted"):
            details = fact.details
            who = self._by_user_id.get(str(details.get("user_id")), fact.subject)
            values = {
                **(details.get("properties") or details.get("traits") or {}),
                "userId": details.get("user_id"),
            }
            values["anonymousId"] = details.get("anonymous_id")
            name = str(details.get("event") or details.get("type"))
            yield _Sighting(
                entry, name, who, self.since_start(fact.at), values, str(details.get("source", ""))
            )

    def _mailmodo(self) -> Iterable[_Sighting]:
        for entry, fact in self._facts("mailmodo", "custom_event_stored"):
            yield self._sighting(
                entry, fact, str(fact.details.get("name")), fact.details.get("properties") or {}
            )
        for entry, fact in self._facts("mailmodo", "contact_stored"):
            yield self._sighting(entry, fact, "contact", fact.details.get("data") or {})

    def _person(self) -> Iterable[_Sighting]:
        yield from self._texts()
        yield from self._paths()
        for step in self._journal.steps("receive mail"):
            name = f"mail {step.details.get('subject', '')}"
            yield _Sighting(step.id, name, step.actor, self.since_start(step.at), step.details)

    def _texts(self) -> Iterable[_Sighting]:
        for channel in ("sms", "push", "webpush", "email"):
            for entry, fact in self._facts("clevertap", f"{channel}_sent"):
                yield self._sighting(entry, fact, f"{channel} {fact.details.get('campaign')}", fact.details)

    def _entered(self) -> Iterable[_Sighting]:
        for entry, fact in self._facts("clevertap", "journey_entered"):
            yield self._sighting(entry, fact, str(fact.details.get("journey")), fact.details)

    def _compared(self, kind: str) -> Iterable[_Sighting]:
        for entry, fact in self._facts("clevertap", kind):
            name = fact.details.get("campaign") or fact.details.get("journey")
            yield self._sighting(entry, fact, str(name), fact.details)

    def _paths(self) -> Iterable[_Sighting]:
        for entry, fact in self._facts("clevertap", "journey_path"):
            details = fact.details
            name = f"path {details.get('journey')}/{details.get('node')} {details.get('path')}"
            yield self._sighting(entry, fact, name, details)

    def _reacted(self, event: str, campaign: str) -> Group:
        """Find who did something with a campaign's message, by the events that CleverTap raised itself."""
        return _group(
            self.sightings("clevertap.profile"),
            lambda one: one.name == event and one.values.get("Campaign Name") == campaign,
        )

    def _facts(self, vendor: str, kind: str) -> Iterable[tuple[str, Fact]]:
        for entry in self._journal.fact_entries(vendor, kind):
            if isinstance(entry.payload, Fact):
                yield entry.id, entry.payload

    def _sighting(self, entry: str, fact: Fact, name: str, values: Mapping[str, Any]) -> _Sighting:
        return _Sighting(entry, name, fact.subject, self.since_start(fact.at), values)


def judge_expectations(
    expect: Iterable[Expectation], witness: Witness, *, is_complete: bool
) -> tuple[ExpectationResult, ...]:
    """Judge every expectation, in order.

    Args:
        expect: What should hold.
        witness: The finished run.
        is_complete: Whether the record is whole; "never happened" fails when it is not.
    """
    return tuple(_judge(expectation, witness, is_complete=is_complete) for expectation in expect)


def _judge(expectation: Expectation, witness: Witness, *, is_complete: bool) -> ExpectationResult:
    if expectation.expression:
        return _judge_expression(expectation, witness)
    is_personal = expectation.predicate.startswith("got") or expectation.predicate == "took"
    subject = "person" if is_personal else expectation.subject
    everything = witness.sightings(subject)
    named = [
        one
        for one in everything
        if _is_named(one, expectation)
        and expectation.source in ("", one.source)
        and one.who == expectation.person
    ]
    found = [one for one in named if _has_values(one, expectation.values) and _is_in_time(one, expectation)]
    if expectation.predicate in ("lacks", "got_no"):
        if found:
            return _result(expectation, f"found {_count(found)}: {_list(found)}", found)
        if not is_complete:
            return _result(
                expectation, "the record is not complete, so nothing can be said to have never happened", ()
            )
        return _result(expectation, "", ())
    if expectation.times is None and found:
        return _result(expectation, "", found)
    if expectation.times is not None and len(found) == expectation.times == len(named):
        return _result(expectation, "", found)
    return _explain_absence(expectation, found, named, everything)


def _explain_absence(
    expectation: Expectation,
    found: Sequence[_Sighting],
    named: Sequence[_Sighting],
    everything: Sequence[_Sighting],
) -> ExpectationResult:
    if found and expectation.times is not None:
        message = f"found {_count(named)}, wanted exactly {expectation.times}: {_list(named)}"
        return _result(expectation, message, named)
    if named:
        wrong = [one for one in named if not _has_values(one, expectation.values)]
        if wrong:
            differs = "; ".join(
                f"{name} is {wrong[0].values.get(name)!r}, wanted {wanted!r}"
                for name, wanted in expectation.values.items()
                if not _equal(wrong[0].values.get(name), wanted)
            )
            return _result(expectation, f"found with other values: {differs}", wrong)
        return _result(expectation, f"found at another time: {_list(named)}", named)
    own = [one for one in everything if one.who == expectation.person][-_NEAREST:]
    others = [one for one in everything if _is_named(one, expectation)][:_NEAREST]
    if own:
        return _result(expectation, f"not found; {expectation.person} has {_list(own)}", own)
    if others:
        people = ", ".join(dict.fromkeys(one.who for one in others))
        return _result(expectation, f"not found on {expectation.person}; found on {people}", others)
    return _result(expectation, f"not found, on nobody; {expectation.person} has nothing at all", ())


def _judge_expression(expectation: Expectation, witness: Witness) -> ExpectationResult:
    try:
        holds, sides = evaluate(expectation.expression, witness.names())
    except ExpressionInvalid as error:
        return _result(expectation, str(error), ())
    return _result(expectation, "" if holds else sides, ())


def _result(expectation: Expectation, message: str, evidence: Iterable[_Sighting]) -> ExpectationResult:
    return ExpectationResult(
        text=expectation.text,
        where=str(expectation.where),
        passed=not message,
        message=message,
        evidence=tuple(one.entry for one in evidence),
    )


def _is_named(one: _Sighting, expectation: Expectation) -> bool:
    if expectation.what.startswith("mail "):
        return one.name.startswith(expectation.what)
    return one.name == expectation.what


def _is_in_time(one: _Sighting, expectation: Expectation) -> bool:
    if expectation.within_s is not None and one.at_s > expectation.within_s:
        return False
    moment = expectation.moment
    return moment is None or abs(one.at_s - moment.at_s) <= moment.tolerance_s


def _has_values(one: _Sighting, wanted: Mapping[str, Any]) -> bool:
    return all(_equal(one.values.get(name), value) for name, value in wanted.items())


def _equal(found: object, wanted: object) -> bool:
    """Compare as people write it: 9 in a scenario is "9" in a form."""
    return found == wanted or (
        found is not None and not isinstance(found, bool) and str(found) == str(wanted)
    )


def _group(sightings: Iterable[_Sighting], wanted: Callable[[_Sighting], bool]) -> Group:
    moments: dict[str, tuple[float, ...]] = {}
    for one in sightings:
        if wanted(one):
            moments[one.who] = (*moments.get(one.who, ()), one.at_s)
    return Group(moments)


def _count(found: Sequence[_Sighting]) -> str:
    return "it once" if len(found) == 1 else f"it {len(found)} times"


def _list(found: Sequence[_Sighting]) -> str:
    return ", ".join(f"{one.name} at {format_duration(one.at_s)}" for one in found[:_NEAREST])
