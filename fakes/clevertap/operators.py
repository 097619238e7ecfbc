"""How a property is compared, in the query language and in the segment editor alike.

A property that holds several values equals what one of them equals; what is no number is neither greater nor less
than anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["OPERATORS", "as_number"]


def as_number(value: Any) -> float | None:
    """Read a number; None for what is none, such as true."""
    try:
        return None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _ordered(test: Callable[[float, float], bool]) -> Callable[[Any, Any], bool]:
    def holds(known: Any, wanted: Any) -> bool:
        one, other = as_number(known), as_number(wanted)
        return one is not None and other is not None and test(one, other)

    return holds


def _equals(known: Any, wanted: Any) -> bool:
    if isinstance(known, list):
        return any(_equals(item, wanted) for item in known)
    if isinstance(wanted, list | tuple):
        return any(_equals(known, item) for item in wanted)
    return known is not None and (known == wanted or str(known).lower() == str(wanted).lower())


def _contains(known: Any, wanted: Any) -> bool:
    return known is not None and str(wanted).lower() in str(known).lower()


def _between(known: Any, wanted: Any) -> bool:
    if not isinstance(wanted, list | tuple) or len(wanted) != 2:
        return False
    number, low, high = as_number(known), as_number(wanted[0]), as_number(wanted[1])
    return number is not None and low is not None and high is not None and low <= number <= high


OPERATORS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "equals": _equals,
    "not_equals": lambda known, wanted: not _equals(known, wanted),
    "contains": _contains,
    "does_not_contain": lambda known, wanted: not _contains(known, wanted),
    "exists": lambda known, _: known is not None,
    "does_not_exist": lambda known, _: known is None,
    "greater_than": _ordered(lambda one, other: one > other),
    "greater_than_equals": _ordered(lambda one, other: one >= other),
    "less_than": _ordered(lambda one, other: one < other),
    "less_than_equals": _ordered(lambda one, other: one <= other),
    "between": _between,
}
"""Source: CleverTap/clevertap-support-snippets, query language; dhruvil-93/clevertap-java-sdk for `between`."""
