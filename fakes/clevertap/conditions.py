"""Conditions of the query language on properties and people: operators, and what each kind of field is read from."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from fakes.clevertap.errors import incorrect_usage
from fakes.clevertap.operators import OPERATORS, as_number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fakes.clevertap.profiles import Profile

__all__ = ["PROPERTY_KINDS", "age_of", "compare", "on_person", "on_properties", "person_values"]

_DEVICES: Final = {"Android": "Mobile", "iOS": "Mobile", "Windows": "Mobile", "Web": "Desktop"}
_PLATFORMS: Final = {"Android": "AndroidApp", "iOS": "iOSApp", "Windows": "WindowsApp", "Web": "Website"}
_GENDERS: Final = {"female": "F", "male": "M"}
_YEAR_DAYS: Final = 365.25
_DATE: Final = re.compile(r"\$D_-?[0-9]{1,10}", re.ASCII)


def on_properties(wanted: Any) -> tuple[Callable[[Mapping[str, Any]], bool], ...]:
    """Read a list of conditions, each `{name, operator, value}`; without an operator, `equals`.

    Raises:
        CleverTapError: It is no such list.
    """
    if not isinstance(wanted, list):
        raise incorrect_usage()
    return tuple(_condition(item) for item in wanted)


def _condition(item: Any) -> Callable[[Mapping[str, Any]], bool]:
    if not isinstance(item, dict):
        raise incorrect_usage()
    # One sample of the vendor says `Key` where the others say `name`.
    name = item.get("name", item.get("Key"))
    operator = item.get("operator", "equals")
    test = OPERATORS.get(operator) if isinstance(operator, str) else None
    if not isinstance(name, str) or test is None or item.keys() - {"name", "Key", "operator", "value"}:
        raise incorrect_usage()
    value = item.get("value")
    return lambda properties: test(properties.get(name), value)


def on_person(common: Any, now: datetime) -> tuple[Callable[[Profile], bool], ...]:
    """Read `common_profile_properties`: every part must hold.

    Source: CleverTap/clevertap-support-snippets, query language.

    Args:
        common: As in the query.
        now: For ages that follow from a date of birth.

    Raises:
        CleverTapError: It is none.
    """
    if not isinstance(common, dict) or common.keys() - {*PROPERTY_KINDS, "geo_radius"}:
        raise incorrect_usage()
    tests: list[Callable[[Profile], bool]] = []
    for kind, wanted in common.items():
        if kind in ("geo_fields", "geo_radius"):
            tests.append(_nobody if _places(kind, wanted) else _everybody)
        else:
            tests.append(_all_of(kind, on_properties(wanted), now))
    return tuple(tests)


def _all_of(
    kind: str, conditions: tuple[Callable[[Mapping[str, Any]], bool], ...], now: datetime
) -> Callable[[Profile], bool]:
    def holds(profile: Profile) -> bool:
        values = person_values(kind, profile, now)
        return all(condition(values) for condition in conditions)

    return holds


def _places(kind: str, wanted: Any) -> list[Any]:
    """Check places: nobody of the account was ever located, so that each matches nobody."""
    if not isinstance(wanted, list):
        raise incorrect_usage()
    for place in wanted:
        is_place = isinstance(place, list) and (
            1 <= len(place) <= 3 and all(isinstance(part, str) for part in place)
            if kind == "geo_fields"
            else len(place) == 3 and all(as_number(part) is not None for part in place)
        )
        if not is_place:
            raise incorrect_usage()
    return wanted


def _nobody(_profile: Profile) -> bool:
    return False


def _everybody(_profile: Profile) -> bool:
    return True


def person_values(kind: str, profile: Profile, now: datetime) -> Mapping[str, Any]:
    """Give what one kind of field is compared with; a device's fields have a list of values, any of which will do."""
    if kind == "profile_fields":
        return profile.properties
    return _READERS[kind](profile, now)


def age_of(profile: Profile, now: datetime) -> Any:
    """Give the property `Age`, or else what follows from the date of birth; None where neither is known."""
    age, born = profile.properties.get("Age"), profile.properties.get("DOB")
    if age is None and isinstance(born, str) and _DATE.fullmatch(born):
        return int((now - datetime.fromtimestamp(int(born[3:]), UTC)).days / _YEAR_DAYS)
    return age


def _demographics(profile: Profile, now: datetime) -> Mapping[str, Any]:
    found = dict(profile.properties)
    if (age := age_of(profile, now)) is not None:
        found["Age"] = age
    if (gender := found.get("Gender")) in ("M", "F"):
        found["Gender"] = [gender, next(word for word, letter in _GENDERS.items() if letter == gender)]
    return found


def _technographics(profile: Profile, _now: datetime) -> Mapping[str, Any]:
    platforms = [device.platform for device in profile.devices]
    return {
        "Device": [_DEVICES[platform] for platform in platforms],
        "Platform": [*platforms, *(_PLATFORMS[platform] for platform in platforms)],
        "OS": [platform for platform in platforms if platform != "Web"],
    }


def _reachability(profile: Profile, _now: datetime) -> Mapping[str, Any]:
    return {
        "has_token": any(device.push_token for device in profile.devices),
        "has_email": bool(profile.email),
        "has_phone": bool(profile.phone),
    }


def _unknown(_profile: Profile, _now: datetime) -> Mapping[str, Any]:
    """No app ever told: what is uploaded through the API has neither app fields nor places."""
    return {}


_READERS: Final[Mapping[str, Callable[[Profile, datetime], Mapping[str, Any]]]] = {
    "demographics": _demographics,
    "technographics": _technographics,
    "reachability": _reachability,
    "app_fields": _unknown,
    "geo_fields": _unknown,
}
PROPERTY_KINDS: Final = ("profile_fields", *_READERS)
"""Kinds of fields of a person, as queries and `top.json` name them."""


def compare(operator: Any, known: float, wanted: Any) -> bool:
    """Compare a count as a query asks.

    Raises:
        CleverTapError: No such operator.
    """
    test = OPERATORS.get(operator) if isinstance(operator, str) else None
    if test is None:
        raise incorrect_usage()
    return test(known, wanted)
