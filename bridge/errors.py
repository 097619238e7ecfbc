"""What can go wrong in the bridge itself.

BridgeError
├── SettingsInvalid    a settings file or variable does not say what is needed
├── Unauthentic        a webhook brings no proof, or a wrong one
├── UnsupportedCall    an authentic call of a kind that this destination does not take
├── Unreadable         an authentic webhook that cannot be read; it is stored and quarantined
└── StoreUnavailable   nothing can be stored at the moment
"""

from __future__ import annotations

__all__ = [
    "BridgeError",
    "SettingsInvalid",
    "StoreUnavailable",
    "Unauthentic",
    "Unreadable",
    "UnsupportedCall",
]


class BridgeError(Exception):
    """Base of everything that the bridge raises."""


class SettingsInvalid(BridgeError):
    """A setting is misspelt, of the wrong type, or contradicts another.

    Attributes:
        origin: The file, or `environment`.
        key: The setting as written there.
        found: What stands there.
        wanted: What could stand there.
    """

    def __init__(self, *, origin: str, key: str, found: str, wanted: str) -> None:
        super().__init__(f"{origin}: {key}: found {found}, wanted {wanted}")
        self.origin = origin
        self.key = key
        self.found = found
        self.wanted = wanted


class Unauthentic(BridgeError):
    """The sender could not prove who it is; the message says which proof is missing or wrong."""


class UnsupportedCall(BridgeError):
    """The call is authentic, and of a kind that is not taken; the message names the kind."""


class Unreadable(BridgeError):
    """The webhook is authentic and cannot be read as what its vendor sends; the message says why."""


class StoreUnavailable(BridgeError):
    """The store cannot take anything now: disk full, locked, closed."""
