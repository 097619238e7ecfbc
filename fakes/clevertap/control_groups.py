"""Control groups: people who qualify and get nothing, so that those who get something can be compared with them.

Source: CleverTap user docs, `control-groups`: one system group of 2 to 5 % of everybody, by default in every campaign;
up to ten custom groups of the same size, once there is a system group; for a campaign or a journey a group of its own,
2 to 99 % of those who qualify. Who is in it is chance, and new people are drawn as they come.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from fakes.clevertap.errors import UnknownControlGroup

if TYPE_CHECKING:
    from random import Random

    from fakes.clevertap.profiles import Profile

__all__ = ["CAMPAIGN_GROUP", "JOURNEY_GROUP", "SYSTEM_GROUP", "Control", "ControlGroup", "ControlGroups"]

SYSTEM_GROUP: Final = "System Control Group"
CAMPAIGN_GROUP: Final = "Campaign Control Group"
JOURNEY_GROUP: Final = "Journey Control Group"
_OF_EVERYBODY: Final = (2.0, 5.0)
_OF_THE_QUALIFIED: Final = (2.0, 99.0)
_MOST_CUSTOM: Final = 10
_WHOLE: Final = 1 << 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """Which control groups a campaign or a journey is held against.

    Attributes:
        system: Whether the account's system group is kept out, if there is one.
        groups: Names of custom groups that are kept out, too.
        share: Percent of those who qualify that are kept out for this one alone, 2 to 99; None for nobody.
    """

    system: bool = True
    groups: tuple[str, ...] = ()
    share: float | None = None

    def __post_init__(self) -> None:
        if self.share is not None:
            _check(self.share, _OF_THE_QUALIFIED, "those who qualify")


def _check(share: float, ends: tuple[float, float], of: str) -> None:
    if not ends[0] <= share <= ends[1]:
        raise ValueError(f"control group of {share} % of {of}, wanted {ends[0]:g} to {ends[1]:g} %")


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlGroup:
    """A group of everybody, as the dashboard makes it.

    Attributes:
        share: Percent of everybody, 2 to 5.
        name: Of a custom one.
    """

    share: float
    name: str = SYSTEM_GROUP


class ControlGroups:
    """The control groups of an account.

    Args:
        random: Decides once for each group; who is in it follows from that and from the number of their profile, so
            that nobody has to be remembered and everybody stays where they are.
    """

    def __init__(self, random: Random) -> None:
        self._random = random
        self._groups: dict[str, tuple[float, int]] = {}
        self._salts: dict[str, int] = {}

    @property
    def all(self) -> tuple[ControlGroup, ...]:
        """The system group, then the custom ones."""
        return tuple(ControlGroup(share=share, name=name) for name, (share, _) in self._groups.items())

    def make(self, share: float, name: str = SYSTEM_GROUP) -> None:
        """Make the system group, or a custom one.

        Args:
            share: Percent of everybody, 2 to 5.
            name: Of a custom one.

        Raises:
            ValueError: There is one of that name, there are ten custom ones, there is no system group yet, or the share
                is not 2 to 5 %.
        """
        _check(share, _OF_EVERYBODY, "everybody")
        if name in self._groups:
            raise ValueError(f"there is a control group {name!r} already")
        if name != SYSTEM_GROUP and SYSTEM_GROUP not in self._groups:
            raise ValueError(
                f"control group {name!r} before there is a system control group, wanted that first"
            )
        if len(self._groups) > _MOST_CUSTOM:
            raise ValueError(f"control group {name!r} would be the 11th, wanted at most {_MOST_CUSTOM}")
        self._groups[name] = (share, self._random.getrandbits(64))

    def check(self, control: Control) -> None:
        """Make sure that there is every custom group that is named.

        Raises:
            UnknownControlGroup: There is not.
        """
        for name in control.groups:
            if name not in self._groups or name == SYSTEM_GROUP:
                known = ", ".join(group for group in self._groups if group != SYSTEM_GROUP) or "none"
                raise UnknownControlGroup(f"no custom control group {name!r}; there are {known}")

    def group_of(self, profile: Profile, control: Control, *, own: str, label: str) -> str:
        """Name the control group somebody is kept out by; empty when they are not.

        Args:
            profile: Who qualified.
            control: Of the campaign or journey.
            own: What tells its own group from those of others.
            label: What its own group is called.
        """
        names = (SYSTEM_GROUP, *control.groups) if control.system else control.groups
        for name in names:
            group = self._groups.get(name)
            if group is not None and _is_in(profile, *group):
                return name
        if control.share is None:
            return ""
        salt = self._salts.get(own)
        if salt is None:
            salt = self._salts[own] = self._random.getrandbits(64)
        return label if _is_in(profile, control.share, salt) else ""


def _is_in(profile: Profile, share: float, salt: int) -> bool:
    digest = blake2b(f"{salt} {profile.number}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) < share / 100 * _WHOLE
