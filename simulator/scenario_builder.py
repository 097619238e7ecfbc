"""From plain data of the right form to a typed `Scenario`; finds what a schema cannot see.

Everything that is wrong is collected and raised at once, each with its place in the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.problem_collector import ProblemCollector
from simulator.problems import ScenarioInvalid
from simulator.scenario import Scenario
from simulator.scenario_accounts import build_accounts
from simulator.scenario_expectations import ExpectationBuilder
from simulator.scenario_journey import JourneyBuilder
from simulator.scenario_people import build_people

if TYPE_CHECKING:
    from simulator.documents import Document

__all__ = ["build_scenario"]


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
        expect=ExpectationBuilder(accounts, people, collector).build(data.get("expect") or ()),
    )
    if collector.problems:
        raise ScenarioInvalid(collector.problems)
    return scenario
