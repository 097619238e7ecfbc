"""What a fake raises.

FakeError
├── VendorError       the caller did something the vendor refuses; rendered in the vendor's own words
├── UnboundOperation  contract and handlers do not fit together; raised at start
├── FaultInvalid      a fault rule contradicts itself, or names what the contract does not have
├── UnknownFault      no fault rule of that id is at work
├── SnapshotImpossible  something in a fake's memory has no form in a document
├── SnapshotInvalid   a document is no snapshot of this fake
└── ControlRefused    the control API is asked for what it does not offer, or wrongly
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "ControlRefused",
    "FakeError",
    "FaultInvalid",
    "SnapshotImpossible",
    "SnapshotInvalid",
    "UnboundOperation",
    "UnknownFault",
    "VendorError",
]


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


class SnapshotImpossible(FakeError):
    """Something in a fake's memory has no form in a document.

    Attributes:
        path: Where it is, `state.contacts.ada@example.com`.
    """

    def __init__(self, path: str, kind: str) -> None:
        super().__init__(f"{path}: a {kind} has no form in a snapshot")
        self.path = path


class SnapshotInvalid(FakeError):
    """A document is no snapshot of this fake.

    Attributes:
        path: JSON path of what is wrong.
    """

    def __init__(self, path: str, *, found: str, wanted: str) -> None:
        super().__init__(f"snapshot {path}: found {found[:120]}, wanted {wanted}")
        self.path = path


class ControlRefused(FakeError):
    """The control API does not do what was asked.

    Attributes:
        status: HTTP status of the answer.
        code: A short word for programs.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
