"""The `journey` of a scenario: what is done at which vendor, when, and for whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator import quantities
from simulator.scenario import Step
from simulator.scenario_accounts import VENDORS, messages_of
from simulator.scenario_people import AUDIENCES, find_person

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from simulator.problem_collector import Path, ProblemCollector
    from simulator.scenario import Accounts, PeopleSpec

__all__ = ["JourneyBuilder"]


class JourneyBuilder:
    """Builds steps among the accounts and people of one scenario.

    Args:
        accounts: Whose campaigns and messages steps may name.
        people: Whom steps may be for.
        lasts_s: When the scenario ends.
        collector: Told what is wrong.
    """

    def __init__(
        self, accounts: Accounts, people: PeopleSpec, *, lasts_s: float, collector: ProblemCollector
    ) -> None:
        self._accounts = accounts
        self._people = people
        self._lasts_s = lasts_s
        self._collector = collector

    def build(self, items: Sequence[Mapping[str, Any]]) -> tuple[Step, ...]:
        """Build every step, in the order of the file."""
        return tuple(self._step(("journey", index), item) for index, item in enumerate(items))

    def _step(self, path: Path, data: Mapping[str, Any]) -> Step:
        vendor = next(vendor for vendor in VENDORS if vendor in data)
        verb, _, noun = data[vendor].partition(" ")
        noun = noun.strip().strip("\"'")
        at_s = self._collector.duration((*path, "at"), data["at"])
        over_s = self._collector.duration((*path, "over"), data.get("over"))
        self._check_time(path, data, at_s=at_s, over_s=over_s)
        self._check_noun((*path, vendor), vendor, verb, noun)
        return Step(
            at_s=at_s,
            vendor=vendor,
            verb=verb,
            noun=noun,
            audience=self._audience((*path, "for"), data.get("for", "everyone")),
            values=dict(data.get("with") or {}),
            without=tuple(data.get("without") or ()),
            over_s=over_s,
            where=self._collector.where(path),
        )

    def _check_time(self, path: Path, data: Mapping[str, Any], *, at_s: float, over_s: float) -> None:
        lasts = f"the scenario lasts {quantities.format_duration(self._lasts_s)}"
        if at_s > self._lasts_s:
            self._collector.note((*path, "at"), f"found `{data['at']}`, which is after the end", lasts)
        elif at_s + over_s > self._lasts_s:
            problem = f"found `{data['over']}`, which goes on beyond the end"
            self._collector.note((*path, "over"), problem, lasts)

    def _check_noun(self, path: Path, vendor: str, verb: str, noun: str) -> None:
        accounts = self._accounts
        journeys = [one.name for one in accounts.journeys if one.is_triggered]
        known = {
            "launch": (
                [*(one.name for one in accounts.campaigns), *journeys],
                "a CleverTap campaign"
                + (", or a journey that begins with `trigger: true`" if accounts.journeys else ""),
                "campaigns",
            ),
            "trigger": (
                [one.name for one in accounts.campaigns]
                if vendor == "clevertap"
                else [one.name for one in accounts.triggered_campaigns],
                "a CleverTap campaign" if vendor == "clevertap" else "a Mailmodo campaign",
                "campaigns",
            ),
            "send": ([one.name for one in messages_of(accounts, vendor)], "a message", "messages"),
        }
        if verb in known:
            names, what, section = known[verb]
            add_under = f"accounts.{vendor}.{section}"
            self._collector.known(path, noun, among=names, what=what, add_under=add_under)
        when = next((one.when for one in accounts.campaigns if one.name == noun), None)
        if verb == "launch" and when is not None and (not when.segment or when.at_s is not None):
            problem = f"campaign `{noun}` has a `when` and fires by itself"
            hint = f"say `trigger {noun}`" if when.is_external else "drop `when` or the step"
            self._collector.note(path, problem, hint)
        if vendor == "clevertap" and verb == "trigger" and when is not None and not when.is_external:
            problem = f"campaign `{noun}` has a `when` and fires by itself"
            self._collector.note(path, problem, "say `when: {external: true}`, or drop the step")

    def _audience(self, path: Path, audience: str | Sequence[str]) -> str | tuple[str, ...]:
        if not isinstance(audience, str):
            return tuple(self._person((*path, index), name) for index, name in enumerate(audience))
        if audience in AUDIENCES:
            return audience
        if "%" in audience:
            self._collector.share(path, audience, of=("others",))
            return audience
        return (self._person(path, audience),)

    def _person(self, path: Path, name: str) -> str:
        return find_person(path, name, self._people, self._collector)
