"""Mailmodo's refusals, in its several envelopes and exact texts.

VendorError
└── MailmodoError    one refusal, with the body it is answered with

FakeError
├── CampaignNotSendable  a campaign was to be sent that is triggered, or has gone out
└── UnknownTemplate      a campaign was asked for on a template that is not there

The service has grown several envelopes; which one a call uses is part of what its clients depend on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fakes.kit import FakeError, VendorError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

    Refuse: TypeAlias = Callable[[str], "MailmodoError"]

__all__ = [
    "INVALID_EMAIL",
    "NOT_FOUND",
    "NO_CAMPAIGN",
    "STATIC_SEGMENT",
    "UNKNOWN_ADDRESS",
    "CampaignNotSendable",
    "MailmodoError",
    "UnknownTemplate",
    "bad_key",
    "failure",
    "reason",
    "too_many_requests",
    "trigger_failure",
    "validation",
]

INVALID_EMAIL: Final = "The provided email is not a valid email id"
"""Source: OA-form, OA-contact, OA-journey."""

NO_CAMPAIGN: Final = "No campaign Found for the campaignId in Trigger URL, Please check apiKey or campaignId"
"""Source: SUP-trig; help.mailmodo.com/en/articles/5113740."""

UNKNOWN_ADDRESS: Final = "Email address doesn't exist"
"""Source: OA-contact gives it as the description of the 400 of DELETE; as a body it is a guess."""

STATIC_SEGMENT: Final = "Cannot add users to static segmentation list"
"""Source: OA-contact, for a batch; that single adds and triggers say the same is a guess."""

NOT_FOUND: Final = {"error": "error", "message": "Some Internal Error Occurred: 404"}
"""The whole body for a path that is not routed. Source: AE-probe, seen live on 2026-08-13."""


class MailmodoError(VendorError):
    """A call is refused.

    Attributes:
        body: The JSON body of the answer.
    """

    def __init__(
        self, status: int, message: str, *, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(status, message, headers=headers)
        self.body = body


class CampaignNotSendable(FakeError):
    """A campaign cannot be sent to many by hand: it is triggered, or it has gone out."""


class UnknownTemplate(FakeError):
    """No template of that name was added before the campaign that wants it."""


def failure(message: str, *, status: int = 400) -> MailmodoError:
    """Refuse in the general envelope. Source: OA-*."""
    return MailmodoError(status, message, body={"success": False, "message": message})


def validation(message: str) -> MailmodoError:
    """Refuse in the envelope of validation errors. Source: OA-contact."""
    body = {"error": "ValidationError", "success": False, "status": "error", "message": message}
    return MailmodoError(400, message, body=body)


def reason(message: str) -> MailmodoError:
    """Refuse with a message alone, as addEvent, removeFromList and resubscribe do. Source: OA-event, OA-contact."""
    return MailmodoError(400, message, body={"message": message})


def trigger_failure(message: str) -> MailmodoError:
    """Refuse in the envelope that OA-send declares for triggers, with a capital S and no example."""
    body = {"Status": "400", "message": message, "errors": []}
    return MailmodoError(400, message, body=body)


def bad_key(message: str, *, status: int) -> MailmodoError:
    """Refuse a missing or wrong key.

    One body serves both kinds of client: those that read `Error` and those that read `message`.
    Source: Green Forms `mailmodo.php` for the key `Error`; the rest is a guess.
    """
    return MailmodoError(status, message, body={"Error": message, "success": False, "message": message})


def too_many_requests(retry_after_s: int | None) -> MailmodoError:
    """Refuse what is above the plan's rate; nothing is published but the rates, so this is a guess."""
    message = "Too many requests"
    body = {"success": False, "message": message}
    headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
    return MailmodoError(429, message, body=body, headers=headers)
