"""What a scenario's campaigns and journeys are compared with and counted by: control groups and conversions.

Whether there may be such a group is judged by CleverTap's own rules, those of `fakes.clevertap`.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from fakes.clevertap import Control
from fakes.clevertap.control_groups import SYSTEM_GROUP, ControlGroups
from simulator.clevertap_specs import ControlGroupSpec, ControlSpec, ConversionSpec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from simulator.problem_collector import Path, ProblemCollector

__all__ = ["ComparisonBuilder"]


class ComparisonBuilder:
    """Builds the control groups of an account, and what its campaigns and journeys say of them.

    Args:
        at: Where the groups stand.
        groups: What stands there.
        collector: Told what is wrong.
    """

    def __init__(self, at: Path, groups: Sequence[Mapping[str, Any]], collector: ProblemCollector) -> None:
        self._at = at
        self._groups = groups
        self._collector = collector

    def groups(self) -> tuple[ControlGroupSpec, ...]:
        """Build the account's groups, in the order in which the dashboard makes them."""
        rules = ControlGroups(Random(0))  # noqa: S311 - nobody is drawn by it
        specs = []
        for index, item in enumerate(self._groups):
            spec = ControlGroupSpec(
                self._percent((*self._at, index, "share"), item["share"]), item.get("name", SYSTEM_GROUP)
            )
            try:
                rules.make(spec.percent, spec.name)
            except ValueError as error:
                self._collector.note((*self._at, index), _found(error))
            specs.append(spec)
        return tuple(specs)

    def control(self, path: Path, data: Mapping[str, Any] | None) -> ControlSpec:
        """Build who is kept out of a campaign or journey."""
        if data is None:
            return ControlSpec()
        names = [item["name"] for item in self._groups if "name" in item]
        for index, name in enumerate(data.get("groups") or ()):
            self._collector.known(
                (*path, "groups", index), name, among=names, what="a custom control group",
                add_under="accounts.clevertap.control_groups",
            )  # fmt: skip
        share = data.get("share")
        percent = None if share is None else self._percent((*path, "share"), share)
        if percent is not None:
            try:
                Control(share=percent)
            except ValueError as error:
                self._collector.note((*path, "share"), _found(error))
        return ControlSpec(data.get("system", True), tuple(data.get("groups") or ()), percent)

    def conversion(self, path: Path, data: Mapping[str, Any] | None) -> ConversionSpec | None:
        """Build what a campaign is for."""
        if data is None:
            return None
        return ConversionSpec(
            event=data["event"],
            within_s=self._collector.duration((*path, "within"), data.get("within")),
            where=dict(data.get("where") or {}),
            revenue=data.get("revenue", ""),
        )

    def _percent(self, path: Path, text: str) -> float:
        # Hundredths cannot all be written in base 2, and whoever says 7 % wants no trace of that.
        return round(self._collector.share(path, text).fraction * 100, 6)


def _found(error: ValueError) -> str:
    """Give a rule's words as a finding; they say 7.0 where a scenario says 7."""
    words = str(error).replace(".0 %", " %")
    return f"found a {words}" if words.startswith("control group") else words
