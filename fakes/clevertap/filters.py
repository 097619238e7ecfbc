"""Conditions on properties, as the segment editor knows them."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any

from fakes.clevertap.operators import OPERATORS
from fakes.clevertap.profiles import folded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Where", "all_hold", "number_of"]


@dataclass(frozen=True, slots=True)
class Where:
    """One condition on a property.

    Attributes:
        name: Of the property; compared without case and spaces.
        value: What it is compared with.
        operator: One of `fakes.clevertap.operators.OPERATORS`.
    """

    name: str
    value: Any = None
    operator: str = "equals"

    def __post_init__(self) -> None:
        if self.operator not in OPERATORS:
            known = ", ".join(OPERATORS)
            raise ValueError(f"condition on {self.name!r}: operator {self.operator!r}, wanted one of {known}")

    def holds(self, properties: Mapping[str, Any]) -> bool:
        """Say whether the condition holds for somebody's, or an event's, properties."""
        return OPERATORS[self.operator](_lookup(properties, self.name), self.value)


def all_hold(conditions: Iterable[Where], properties: Mapping[str, Any]) -> bool:
    """Say whether every condition holds."""
    return all(condition.holds(properties) for condition in conditions)


def number_of(value: Any) -> float:
    """Read a number; what is missing or none counts as 0. Source: user docs, `segment-rules`."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return number if isfinite(number) else 0.0  # "NaN" and "1e999" are none


def _lookup(properties: Mapping[str, Any], name: str) -> Any:
    if name in properties:
        return properties[name]
    wanted = folded(name)
    return next((value for key, value in properties.items() if folded(key) == wanted), None)
