"""What a fake raises.

FakeError
├── VendorError       the caller did something the vendor refuses; rendered in the vendor's own words
├── UnboundOperation  contract and handlers do not fit together; raised at start
├── FaultInvalid      a fault rule contradicts itself, or names what the contract does not have
└── UnknownFault      no fault rule of that id is at work
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["FakeError", "FaultInvalid", "UnboundOperation", "UnknownFault", "VendorError"]


class FakeError(Exception):
    """Base of everything that fakes raise."""


class VendorError(FakeError):
    """The vendor refuses a call; each fake renders it in the vendor's envelope.

    Subclasses in `<vendor>/errors.py` carry what that vendor's envelope needs.

    Attributes:
        status: HTTP status of the answer.
        message: The vendor's text, exact.
        headers: Extra response headers.
    """

    def __init__(self, status: int, message: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status
        self.message = message
        self.headers = dict(headers or {})


class UnboundOperation(FakeError):
    """An operation of the contract has no handler, or a handler has no operation."""


class FaultInvalid(FakeError):
    """A fault rule cannot be installed.

    Attributes:
        found: The word that is wrong, where it is one; empty otherwise.
        known: What could have stood there instead.
    """

    def __init__(self, message: str, *, found: str = "", known: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.found = found
        self.known = tuple(known)


class UnknownFault(FakeError):
    """No fault rule of that id is at work."""
