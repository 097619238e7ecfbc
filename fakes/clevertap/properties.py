"""Property names and values: what is cut, what is stripped, and what the operators of `profileData` do."""

from __future__ import annotations

from functools import lru_cache
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from fakes.clevertap.local_time import ZONE_KEYS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = [
    "OPERATORS",
    "apply",
    "clean_name",
    "cut",
    "cut_list",
    "is_predefined",
    "is_taken_away",
    "is_too_long",
]

MAX_KEY: Final = 120
MAX_VALUE: Final = 512
MAX_LIST: Final = 100

_FORBIDDEN: Final = str.maketrans("", "", "%><!|&.:;$'\"\\")
_FORBIDDEN_IN_PROFILES: Final = str.maketrans("", "", "%><!|&.:;$'\"\\#")

_PREDEFINED: Final = frozenset(
    (
        "Name",
        "Email",
        "Phone",
        "Gender",
        "Employed",
        "Education",
        "Married",
        "Age",
        "DOB",
        "Photo",
        *ZONE_KEYS,
    )
)
_TAKING: Final = frozenset({"$remove", "$delete"})

Properties = dict[str, Any]


def is_predefined(key: str) -> bool:
    """Say whether a key of a profile is CleverTap's own, so that it counts as none of the customer's."""
    return key in _PREDEFINED or key.startswith(("MSG-", "category-"))


def is_taken_away(value: Any) -> bool:
    """Say whether a value of `profileData` makes no property where there is none: a null, `$remove`, `$delete`."""
    return value is None or (isinstance(value, dict) and len(value) == 1 and value.keys() <= _TAKING)


def is_too_long(value: Any) -> bool:
    """Say whether a value of `profileData`, or one of a multi-value property, is longer than 512 characters."""
    if isinstance(value, dict):
        return len(value) == 1 and value.keys() <= OPERATORS.keys() and any(map(is_too_long, value.values()))
    if isinstance(value, list):
        return any(isinstance(each, str) and len(each) > MAX_VALUE for each in value)
    return isinstance(value, str) and len(value) > MAX_VALUE


@lru_cache(maxsize=4096)
def clean_name(name: str, *, is_profile: bool = False) -> str:
    """Strip from a name what CleverTap does not allow in it, and cut it to 120 characters.

    Source: CleverTap user docs, `platform-considerations`; that the server strips is a guess, the SDKs do.
    """
    name = name.translate(_FORBIDDEN_IN_PROFILES if is_profile else _FORBIDDEN).strip()
    return name if len(name) <= MAX_KEY else name[:MAX_KEY]


def cut(value: Any) -> Any:
    """Cut a text to 512 characters; anything else stays."""
    return value[:MAX_VALUE] if isinstance(value, str) and len(value) > MAX_VALUE else value


def cut_list(values: list[Any]) -> list[Any]:
    """Make a multi-value property: unique texts, at most 100, the oldest going first.

    A list that holds lists or objects is no multi-value property and stays as it is.
    """
    if any(isinstance(value, list | dict) for value in values):
        return values
    return list(dict.fromkeys(cut(_text(value)) for value in values if value is not None))[-MAX_LIST:]


def apply(properties: Properties, changes: Mapping[str, Any]) -> None:
    """Change properties in place as `profileData` asks; a null changes nothing.

    Source: CleverTap web SDK for the names, user docs `platform-considerations` for adding and removing.
    """
    for key, value in changes.items():
        if isinstance(value, dict):
            operator = OPERATORS.get(next(iter(value))) if len(value) == 1 else None
            if operator is not None:
                operator(properties, key, next(iter(value.values())))
            else:
                properties[key] = value
        elif isinstance(value, list):
            properties[key] = value if key.startswith("category-") else cut_list(value)
        elif value is not None:
            properties[key] = cut(value)


def _set(properties: Properties, key: str, value: Any) -> None:
    properties[key] = cut_list(_as_list(value))


def _add(properties: Properties, key: str, value: Any) -> None:
    properties[key] = cut_list(_as_list(properties.get(key)) + _as_list(value))


def _remove(properties: Properties, key: str, value: Any) -> None:
    dropped = {_text(item) for item in _as_list(value)}
    left = [item for item in _as_list(properties.get(key)) if _text(item) not in dropped]
    if left:
        properties[key] = cut_list(left)
    else:
        properties.pop(key, None)


def _delete(properties: Properties, key: str, value: Any) -> None:
    if value:
        properties.pop(key, None)


def _incr(properties: Properties, key: str, value: Any) -> None:
    if _is_number(value):
        _count(properties, key, value)


def _decr(properties: Properties, key: str, value: Any) -> None:
    if _is_number(value):
        _count(properties, key, -value)


def _count(properties: Properties, key: str, by: float) -> None:
    """Add to a number; a sum that no double can hold, and JSON cannot write, leaves it as it was."""
    before = properties.get(key)
    try:
        after = _number(before) + by
        if isfinite(after):
            properties[key] = after
    except OverflowError:
        return


OPERATORS: Final[Mapping[str, Callable[[Properties, str, Any], None]]] = {
    "$set": _set,
    "$add": _add,
    "$remove": _remove,
    "$delete": _delete,
    "$incr": _incr,
    "$decr": _decr,
}
"""By the name on the wire. Source: CleverTap web SDK, `constants.js`."""


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]


def _text(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _number(value: Any) -> int | float:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else 0


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
