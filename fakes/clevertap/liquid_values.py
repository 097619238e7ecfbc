"""What Liquid sees: one person's properties, the triggering event's, and the present."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

from fakes.clevertap.profiles import Profile, folded

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "DATE_IN_LIQUID",
    "DATE_IN_NOTATION",
    "Occasion",
    "ProfileDrop",
    "PropertiesDrop",
    "date_of",
    "local",
    "readable",
]

DATE_IN_LIQUID: Final = "%Y-%m-%d %H:%M:%S"
DATE_IN_NOTATION: Final = "%b %d, %Y"

_DATE: Final = re.compile(r"\$D_(\d{1,11})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Occasion:
    """What a text is rendered for.

    Attributes:
        profile: Whose properties it reads.
        at: The present, for `now`.
        utc_offset: The account's time zone.
        event_name: Name of the triggering event; empty for launched campaigns.
        event: Properties of the triggering event.
        external: Parameters of an API call that triggers the campaign.
        constant: Value of the constant event property.
        linked: What linked content says, by its name.
    """

    profile: Profile
    at: datetime
    utc_offset: timedelta = timedelta(0)
    event_name: str = ""
    event: Mapping[str, Any] = field(default_factory=dict)
    external: Mapping[str, Any] = field(default_factory=dict)
    constant: Any = None
    linked: Mapping[str, Any] = field(default_factory=dict)


class PropertiesDrop(Mapping[str, Any]):
    """Properties as Liquid sees them: names without case where the exact one is absent, dates readable."""

    def __init__(self, properties: Mapping[str, Any], occasion: Occasion) -> None:
        self._properties = properties
        self._occasion = occasion

    def __getitem__(self, key: str) -> Any:
        return readable(self.raw(key), self._occasion)

    def __contains__(self, key: object) -> bool:
        try:
            self.raw(str(key))
        except KeyError:
            return False
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(self._properties)

    def __len__(self) -> int:
        return len(self._properties)

    def raw(self, key: str) -> Any:
        """Give a value as it is stored.

        Raises:
            KeyError: There is no such property.
        """
        if key in self._properties:
            return self._properties[key]
        wanted = folded(str(key))
        for known, value in self._properties.items():
            if folded(known) == wanted:
                return value
        raise KeyError(key)


class ProfileDrop(PropertiesDrop):
    """A profile's properties, and the system's names for who it is."""

    def __init__(self, occasion: Occasion) -> None:
        super().__init__(occasion.profile.properties, occasion)

    def raw(self, key: str) -> Any:
        """Give a property as it is stored, or what the system knows under that name."""
        system = _SYSTEM_NAMES.get(folded(str(key)))
        if system is None:
            return super().raw(key)
        value = system(self._occasion.profile)
        if not value:
            raise KeyError(key)
        return value


_SYSTEM_NAMES: Final[Mapping[str, Callable[[Profile], str]]] = {
    "identity": lambda profile: profile.identity,
    "email": lambda profile: str(profile.properties.get("Email") or profile.email),
    "objectid": lambda profile: profile.object_id,
    "clevertapid": lambda profile: profile.object_id,
    "ct_objectid": lambda profile: profile.object_id,
}
"""What is not a property under that name. How the CleverTap ID is written is not documented."""


def date_of(value: Any) -> datetime | None:
    """Read a date property (`$D_<seconds>`); None for anything else."""
    found = _DATE.fullmatch(value) if isinstance(value, str) else None
    return datetime.fromtimestamp(int(found[1]), UTC) if found else None


def local(at: datetime, occasion: Occasion) -> datetime:
    """Move an instant into the account's time zone."""
    return at.astimezone(timezone(occasion.utc_offset))


def readable(value: Any, occasion: Occasion, *, layout: str = DATE_IN_LIQUID) -> Any:
    """Write a date property (`$D_<seconds>`) for people; anything else stays."""
    date = date_of(value)
    return value if date is None else local(date, occasion).strftime(layout)
