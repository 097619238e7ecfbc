"""The `expect` of a scenario: what must have happened, and to whom."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from simulator import quantities
from simulator.quantities import Moment
from simulator.scenario import Expectation
from simulator.scenario_accounts import VENDORS
from simulator.scenario_nodes import paths_of
from simulator.scenario_people import find_person

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from simulator.problem_collector import Path, ProblemCollector
    from simulator.scenario import Accounts, PeopleSpec

__all__ = ["ExpectationBuilder"]

_SUBJECTS: Final = ("clevertap.profile", "segment.user", "mailmodo.contact", "person")
_PREDICATES: Final = ("has", "lacks", "got", "got_no", "took")


class ExpectationBuilder:
    """Builds expectations about the accounts and people of one scenario; the collector is told what is wrong."""

    def __init__(self, accounts: Accounts, people: PeopleSpec, collector: ProblemCollector) -> None:
        self._accounts = accounts
        self._people = people
        self._collector = collector

    def build(self, items: Sequence[Mapping[str, Any] | str]) -> tuple[Expectation, ...]:
        """Build every expectation, in the order of the file."""
        return tuple(
            self._expression(("expect", index), item)
            if isinstance(item, str)
            else self._expectation(("expect", index), item)
            for index, item in enumerate(items)
        )

    def _expectation(self, path: Path, data: Mapping[str, Any]) -> Expectation:
        subject = next(key for key in _SUBJECTS if key in data)
        predicate = next(key for key in _PREDICATES if key in data)
        self._check_subject(path, data, subject, predicate)
        self._check_times(path, data, predicate)
        within, moment = data.get("within"), data.get("at")
        return Expectation(
            text=json.dumps(data, ensure_ascii=False).replace('"', ""),
            where=self._collector.where(path),
            subject=subject,
            person=find_person((*path, subject), data[subject], self._people, self._collector),
            predicate=predicate,
            what=f"path {data[predicate]}" if predicate == "took" else data[predicate],
            times=1 if data.get("once") else data.get("times"),
            within_s=self._collector.duration((*path, "within"), within) if within else None,
            moment=self._moment((*path, "at"), moment) if moment else None,
            values=dict(data.get("with") or {}),
            source=data.get("source", ""),
        )

    def _check_subject(self, path: Path, data: Mapping[str, Any], subject: str, predicate: str) -> None:
        vendor = subject.partition(".")[0]
        if vendor in VENDORS and vendor not in self._accounts.used:
            problem = f"{vendor} takes no part in this scenario"
            self._collector.note((*path, subject), problem, "add it under `accounts`")
        if predicate.startswith("got"):
            self._check_got((*path, predicate), data[predicate])
        elif predicate == "took":
            self._check_took((*path, predicate), data[predicate])
        elif subject == "person":
            problem = f"a person has no events of their own; `{predicate}` needs a vendor's record"
            hint = "use `clevertap.profile`, `segment.user` or `mailmodo.contact`, or `got: sms NAME`"
            self._collector.note((*path, predicate), problem, hint)

    def _check_times(self, path: Path, data: Mapping[str, Any], predicate: str) -> None:
        if "once" in data and "times" in data:
            problem = "`once` and `times` contradict each other"
            self._collector.note((*path, "times"), problem, "keep one of them")
        if predicate in ("lacks", "got_no") and ("once" in data or "times" in data):
            problem = f"`{predicate}` and a number of times contradict each other"
            self._collector.note((*path, predicate), problem, "keep one of them")

    def _check_got(self, path: Path, got: str) -> None:
        channel, _, name = got.partition(" ")
        if channel != "mail":
            known = [campaign.name for campaign in self._accounts.campaigns if campaign.channel == channel]
            self._collector.known(
                path,
                name.strip(),
                among=known,
                what=f"a CleverTap campaign on the channel {channel}",
                add_under="accounts.clevertap.campaigns",
            )

    def _check_took(self, path: Path, took: str) -> None:
        """Find a path in a journey that there is not."""
        place, _, way = took.rpartition(" ")
        name, _, node_name = place.partition("/")
        journeys = self._accounts.journeys
        self._collector.known(
            path, name, among=[one.name for one in journeys], what="a CleverTap journey",
            add_under="accounts.clevertap.journeys",
        )  # fmt: skip
        for journey in journeys:
            if journey.name != name:
                continue
            nodes = {node.name: node for node in journey.nodes}
            under = "accounts.clevertap.journeys[].nodes"
            self._collector.known(path, node_name, among=nodes, what=f"a node of `{name}`", add_under=under)
            if node_name in nodes:
                ways = paths_of(nodes[node_name])
                what = f"a path out of `{node_name}`"
                self._collector.known(path, way, among=ways, what=what, add_under=under)

    def _moment(self, path: Path, text: str) -> Moment:
        return self._collector.quantity(path, quantities.parse_moment, text=text, default=Moment(0, 0))

    def _expression(self, path: Path, text: str) -> Expectation:
        from simulator.expressions import ExpressionInvalid, compile_expression  # noqa: PLC0415 - Jinja is slow to import

        expression = text.strip().removeprefix("{{").removesuffix("}}").strip()
        try:
            compile_expression(expression)
        except ExpressionInvalid as error:
            self._collector.note(path, str(error), error.hint)
        return Expectation(text=expression, where=self._collector.where(path), expression=expression)
