"""From plain data of the right form to a typed `Scenario`; finds what a schema cannot see.

Everything that is wrong is collected and raised at once, each with its place in the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from simulator.problem_collector import ProblemCollector
from simulator.problems import ScenarioInvalid
from simulator.scenario import Scenario
from simulator.scenario_accounts import build_accounts
from simulator.scenario_expectations import ExpectationBuilder
from simulator.scenario_faults import build_faults
from simulator.scenario_journey import JourneyBuilder
from simulator.scenario_people import build_people
from simulator.scenario_texts import check_texts

if TYPE_CHECKING:
    from simulator.documents import Document

__all__ = ["build_scenario"]

_FIRST_YEAR: Final = 1971
_LAST_YEAR: Final = 2199
"""Vendors count seconds from 1970 on, and ten years more than this still have four digits."""


def build_scenario(document: Document) -> Scenario:
    """Build the scenario of a document whose form is right.

    Raises:
        ScenarioInvalid: It contradicts itself, or names what does not exist; every problem is named.
    """
    data = document.data
    collector = ProblemCollector(document)
    accounts = build_accounts(data.get("accounts") or {}, data["journey"], collector)
    people = build_people(data["people"] or {}, collector)
    lasts_s = collector.duration(("lasts",), data["lasts"])
    journey = JourneyBuilder(accounts, people, lasts_s=lasts_s, collector=collector)
    scenario = Scenario(
        title=data["scenario"],
        file=document.file,
        proves=document.first_comment,
        starts=collector.instant(("starts",), data["starts"]),
        lasts_s=lasts_s,
        seed=data.get("seed", 1),
        accounts=accounts,
        people=people,
        journey=journey.build(data["journey"]),
        faults=build_faults(data.get("faults") or (), accounts, lasts_s=lasts_s, collector=collector),
        expect=ExpectationBuilder(accounts, people, collector).build(data.get("expect") or ()),
    )
    _check_length(scenario, collector)
    _check_reactions(scenario, collector)
    check_texts(accounts, people, scenario.journey, collector)
    if collector.problems:
        raise ScenarioInvalid(collector.problems)
    return scenario


def _check_reactions(scenario: Scenario, collector: ProblemCollector) -> None:
    """Find a reaction to a message that nobody sends."""
    campaigns = [one.name for one in scenario.accounts.campaigns if one.channel in ("sms", "push", "webpush")]
    for index, person in enumerate(scenario.people.named):
        for habit, word in (("view", "views"), ("tap", "taps")):
            deed = person.deeds.get(habit)
            if deed is not None and deed.on:
                collector.known(
                    ("people", "named", index, word, "on"),
                    deed.on,
                    among=campaigns,
                    what="a CleverTap campaign to phones or browsers",
                    add_under="accounts.clevertap.campaigns",
                )


def _check_length(scenario: Scenario, collector: ProblemCollector) -> None:
    """Find a story that has no time, or goes beyond what instants and vendors' timestamps can say."""
    if not scenario.lasts_s and not any(problem.path == "lasts" for problem in collector.problems):
        collector.note(("lasts",), "found no time at all, wanted a duration such as `2 days`")
    if not _FIRST_YEAR <= scenario.starts.year <= _LAST_YEAR:
        problem = f"found the year {scenario.starts.year}, wanted one from {_FIRST_YEAR} to {_LAST_YEAR}"
        collector.note(("starts",), problem)
