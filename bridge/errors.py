"""What can go wrong in the bridge itself.

BridgeError
├── SettingsInvalid    a settings file or variable does not say what is needed
├── ExtraMissing       something was asked for that needs a library which is not installed
├── InletOff           a webhook came by an inlet that is not set up
├── BodyTooLarge       a webhook, or what it unpacks to, is larger than is taken
├── Unauthentic        a webhook brings no proof, or a wrong one
├── Unreadable         an authentic webhook that cannot be read; it is stored and quarantined
└── StoreUnavailable   nothing can be stored at the moment
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "BodyTooLarge",
    "BridgeError",
    "ExtraMissing",
    "InletOff",
    "Problem",
    "SettingsInvalid",
    "StoreUnavailable",
    "Unauthentic",
    "Unreadable",
]


class BridgeError(Exception):
    """Base of everything that the bridge raises."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with the settings.

    Attributes:
        where: The file with line and column, or `environment`.
        key: The setting as written there.
        found: What stands there.
        wanted: What could stand there; a question when it is a guess.
    """

    where: str
    key: str
    found: str
    wanted: str

    def __str__(self) -> str:
        link = "; " if self.wanted.endswith("?") else ", wanted "
        return f"{self.where}: {self.key}: found {self.found}{link}{self.wanted}"


class SettingsInvalid(BridgeError):
    """A setting is misspelt, of the wrong type, or contradicts another.

    Attributes:
        problems: Everything that is wrong, in the order of the file.
    """

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class ExtraMissing(BridgeError):
    """A library is not installed that something needs.

    Attributes:
        extra: The extra of this project that brings it.
    """

    def __init__(self, what: str, *, extra: str) -> None:
        from contracts.extras import install_command  # noqa: PLC0415 - only who misses an extra pays for it

        super().__init__(
            f"{what} needs a library that is not installed; install it with: {install_command(extra)}"
        )
        self.extra = extra


class InletOff(BridgeError):
    """A source has several inlets, and the one that was used has no proof to compare with."""


class BodyTooLarge(BridgeError):
    """A webhook, or what it unpacks to, is larger than the settings allow."""


class Unauthentic(BridgeError):
    """The sender could not prove who it is; the message says which proof is missing or wrong."""


class Unreadable(BridgeError):
    """The webhook is authentic and cannot be read as what its vendor sends; the message says why."""


class StoreUnavailable(BridgeError):
    """The store cannot take anything now: disk full, locked, closed."""
