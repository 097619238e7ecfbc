"""What the fake refuses, in Mailjet's words.

VendorError
├── RestError         v3 REST: `{ErrorInfo, ErrorMessage, StatusCode}`, the text again as reason phrase
│   └── JsonRefused   a body that is not JSON
├── KeyRefused        v3 without a right key: 401 without a body
├── PhraseError       v3 send: no body at all, the text is only the reason phrase
├── SendRefused       v3.1: one error about the whole request
├── SendUnauthorised  v3.1 without an `Authorization` header: the JSON string `"Unauthorized"`
├── TooManyCalls      429 as plain text
├── NoRequest         400 of the web server in front
└── NoSuchPage        404 of the web server in front
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fakes.kit import VendorError

__all__ = [
    "MAX_ATTACHED_BYTES",
    "MAX_ITEMS",
    "MAX_RECIPIENTS",
    "MAX_V3_RECIPIENTS",
    "JsonRefused",
    "KeyRefused",
    "NoRequest",
    "NoSuchPage",
    "PhraseError",
    "RestError",
    "SendFault",
    "SendRefused",
    "SendUnauthorised",
    "TooManyCalls",
    "malformed_json",
    "too_many_recipients",
    "wrong_key",
]

MAX_RECIPIENTS: Final = 50
"""Recipients in one v3.1 request, To, Cc and Bcc of all its messages together."""
MAX_V3_RECIPIENTS: Final = 100
"""Recipients in one v3 message."""
MAX_ITEMS: Final = 50
"""Attachments, headers or variables of one message."""
MAX_ATTACHED_BYTES: Final = 15 * 1024 * 1024
"""Decoded size of all attachments of one request."""


@dataclass(frozen=True, slots=True)
class SendFault:
    """One error entry of the v3.1 answer; its `ErrorIdentifier` is drawn when it is rendered.

    Attributes:
        code: `mj-…` or `send-…`; empty where the vendor sends none.
        message: `ErrorMessage`.
        related_to: `ErrorRelatedTo`; left out when empty.
        status: `StatusCode`.
    """

    code: str
    message: str
    related_to: tuple[str, ...] = ()
    status: int = 400

    @classmethod
    def missing(cls, where: str) -> SendFault:
        """A mandatory property is absent or null."""
        return cls("mj-0003", "Missing mandatory property.", (where,))

    @classmethod
    def mismatch(cls, where: str, wanted: str) -> SendFault:
        """A property has another JSON type than wanted."""
        return cls("mj-0004", f'Type mismatch. Expected type "{wanted}".', (where,))

    @classmethod
    def not_allowed(cls, where: str, value: object, allowed: tuple[object, ...]) -> SendFault:
        """A value is none of those allowed."""
        choices = ", ".join(str(choice) for choice in allowed)
        return cls("mj-0005", f'Value "{value}" is invalid. Allowed values are: {choices}.', (where,))

    @classmethod
    def too_long(cls, where: str, limit: int) -> SendFault:
        """A string has too many characters."""
        message = f"Characters limit exceeded for the property. Max allowed - {limit}."
        return cls("mj-0006", message, (where,))

    @classmethod
    def empty_array(cls, where: str) -> SendFault:
        """An array that must hold something does not."""
        return cls("mj-0007", "The array must contain at least one element.", (where,))

    @classmethod
    def long_array(cls, where: str) -> SendFault:
        """An array holds more than it may."""
        message = f"Array elements limit exceeded for the property. Max allowed - {MAX_ITEMS}."
        return cls("mj-0008", message, (where,))

    @classmethod
    def empty_string(cls, where: str) -> SendFault:
        """A string that must hold something does not."""
        return cls("mj-0012", "The property value must not be empty.", (where,))

    @classmethod
    def bad_email(cls, where: str, value: str) -> SendFault:
        """An address is malformed."""
        return cls("mj-0013", f'"{value}" is an invalid email address.', (where,))


class RestError(VendorError):
    """A refusal of a v3 resource.

    Attributes:
        info: `ErrorInfo`; nearly always empty.
    """

    def __init__(self, status: int, message: str, *, info: str = "") -> None:
        super().__init__(status, message)
        self.info = info


class JsonRefused(RestError):
    """A body is not JSON."""

    def __init__(self, message: str) -> None:
        super().__init__(400, message)


class KeyRefused(VendorError):
    """v3 without a right key; the answer has no body, whatever the path."""

    def __init__(self) -> None:
        challenge = 'Basic realm="Provide an apiKey and secretKey"'
        super().__init__(401, "Unauthorized", headers={"WWW-Authenticate": challenge})


class PhraseError(VendorError):
    """An error of the old engine that is only to be read in the reason phrase."""


class SendRefused(VendorError):
    """v3.1 refuses a request as a whole.

    Attributes:
        fault: What the answer's body says.
    """

    def __init__(self, fault: SendFault) -> None:
        super().__init__(fault.status, fault.message)
        self.fault = fault


class SendUnauthorised(VendorError):
    """v3.1 was called without an `Authorization` header."""

    def __init__(self) -> None:
        super().__init__(401, "Unauthorized")


class TooManyCalls(VendorError):
    """A rate limit is reached; there is no `Retry-After`."""

    def __init__(self) -> None:
        super().__init__(429, "Rate limit exceeded")


class NoRequest(VendorError):
    """The web server in front cannot read it as HTTP. That it answers in nginx's manner is inferred from its 404."""

    def __init__(self) -> None:
        super().__init__(400, "Bad Request")


class NoSuchPage(VendorError):
    """The web server in front knows no such path."""

    def __init__(self) -> None:
        super().__init__(404, "Not Found")


def wrong_key() -> SendRefused:
    """v3.1 with a key that is not right; no `ErrorCode`, although the guide lists one."""
    return SendRefused(
        SendFault(
            "",
            "API key authentication/authorization failure. You may be unauthorized to access the API or your API key "
            "may be expired. Visit API keys management section to check your keys.",
            status=401,
        )
    )


def malformed_json() -> SendRefused:
    """v3.1 cannot read the body, or the body is not of the documented shape at all."""
    return SendRefused(SendFault("mj-0002", "Malformed JSON, please review the syntax and properties types."))


def too_many_recipients() -> SendRefused:
    """v3.1 counts more than 50 recipients over the whole request."""
    message = f"Total number of recipients exceeded. Max allowed - {MAX_RECIPIENTS}."
    return SendRefused(SendFault("send-0015", message, ("To", "Bcc", "Cc")))
