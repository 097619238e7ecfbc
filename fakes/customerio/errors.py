"""How Customer.io refuses: three envelopes, its texts, and the limits behind them.

CustomerIoError          base; carries its envelope
├── TrackRefused         Track API, 400: `{"meta": {"errors": ["text", …]}}`, pretty-printed
├── Unauthorized         401 in the envelope of the API that was called
├── SendRefused          `/v1/send/email` and merging: `{"meta": {"error": "text"}}`
└── AppRefused           the rest of the App API: `{"errors": [{"detail": "text", "status": "404"}]}`

Source: vendor's OpenAPI files for Track (2026) and App (2022), customerio-node issue 29, HULL auth fixtures.
"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Final

from fakes.kit import VendorError

__all__ = [
    "LONGEST_ATTRIBUTE_NAME",
    "LONGEST_ATTRIBUTE_VALUE",
    "LONGEST_EVENT_DATA",
    "LONGEST_EVENT_NAME",
    "LONGEST_ID",
    "MOST_ATTRIBUTES",
    "MOST_RECIPIENTS",
    "AppRefused",
    "CustomerIoError",
    "Envelope",
    "SendRefused",
    "TrackRefused",
    "Unauthorized",
    "missing_field",
]

LONGEST_ID: Final = 150
"""Bytes."""
LONGEST_ATTRIBUTE_NAME: Final = 150
"""Bytes."""
LONGEST_ATTRIBUTE_VALUE: Final = 1000
"""Bytes; a value that is not text counts as JSON."""
MOST_ATTRIBUTES: Final = 300
LONGEST_EVENT_NAME: Final = 100
"""Bytes."""
LONGEST_EVENT_DATA: Final = 100_000
"""Bytes of JSON."""
MOST_RECIPIENTS: Final = 15
"""Addresses over `to`, `cc` and `bcc`."""


class Envelope(StrEnum):
    """Which shape an error body has."""

    META_ERROR = "meta.error"
    META_ERRORS = "meta.errors"
    JSON_API = "errors"


class CustomerIoError(VendorError):
    """Customer.io refuses a call.

    Attributes:
        envelope: The shape of the body.
        texts: What it says; more than one only in `META_ERRORS`.
    """

    def __init__(
        self, status: int, *texts: str, envelope: Envelope, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(status, "; ".join(texts), headers=headers)
        self.envelope = envelope
        self.texts = texts

    def body(self) -> bytes:
        """Render the body as the vendor does.

        Source: customerio-node issue 29 for the two-space indent of a Track 400.
        """
        if self.envelope is Envelope.META_ERRORS:
            text = json.dumps({"meta": {"errors": list(self.texts)}}, indent=2) + "\n"
        elif self.envelope is Envelope.META_ERROR:
            text = json.dumps({"meta": {"error": self.message}}, separators=(",", ":"))
        else:
            error = {"detail": self.message, "status": str(self.status)}
            text = json.dumps({"errors": [error]}, separators=(",", ":"))
        return text.encode()


class TrackRefused(CustomerIoError):
    """The Track API found something wrong with the body: 400, one text per problem."""

    def __init__(self, *texts: str) -> None:
        super().__init__(400, *texts, envelope=Envelope.META_ERRORS)


class SendRefused(CustomerIoError):
    """`/v1/send/…`, a merge or an unknown track path: one text."""

    def __init__(self, status: int, text: str, *, headers: dict[str, str] | None = None) -> None:
        super().__init__(status, text, envelope=Envelope.META_ERROR, headers=headers)


class AppRefused(CustomerIoError):
    """Any other part of the App API: one JSON:API-like error."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(status, text, envelope=Envelope.JSON_API)


class Unauthorized(CustomerIoError):
    """The credentials are missing or wrong.

    Source: HULL fixture for the Track text; the App body is a guess after the same service's 422.
    """

    def __init__(self, envelope: Envelope) -> None:
        text = "unauthorized" if envelope is Envelope.JSON_API else "Unauthorized request"
        super().__init__(401, text, envelope=envelope)


def missing_field(name: str) -> SendRefused:
    """Say that a required field of `/v1/send/email` is missing, in the vendor's words.

    Source: docs.customer.io, transactional errors.
    """
    return SendRefused(400, f'Missing required field: "{name}"')
