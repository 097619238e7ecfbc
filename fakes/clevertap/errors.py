"""What CleverTap answers when it refuses: the envelope, the codes of records, and their exact texts.

FakeError
├── VendorError
│   └── CleverTapError   a call is refused; `{"status":"fail","error":…,"code":…}`
├── WebhookRefused       a webhook template is not kept, because its test call was not answered 200
├── InvalidTemplate      a campaign's text is not Liquid; the dashboard's editor refuses it
├── CampaignExists       a campaign of that name is there already
├── NotLaunchable        a campaign that only the API can trigger
├── UnknownCampaign      no campaign of that name
├── UnknownControlGroup  no custom control group of that name
├── UnknownSegment       no segment or custom list of that name
├── UnknownJourney       no journey of that name
├── InvalidJourney       a journey whose parts do not fit together
└── UnknownWebhook       no webhook template of that name
"""

from __future__ import annotations

import json
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from fakes.kit import FakeError, VendorError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "CampaignExists",
    "CleverTapError",
    "Code",
    "InvalidJourney",
    "InvalidTemplate",
    "NotLaunchable",
    "RecordFault",
    "UnknownCampaign",
    "UnknownControlGroup",
    "UnknownJourney",
    "UnknownSegment",
    "UnknownWebhook",
    "WebhookRefused",
    "bad_date_range",
    "incomplete_target",
    "incorrect_usage",
    "invalid_events",
    "invalid_group",
    "invalid_request_id",
    "malformed_request",
    "method_not_allowed",
    "refused",
    "still_in_progress",
    "too_many_requests",
    "unauthorised",
]


class Code(IntEnum):
    """Why one record of an upload was skipped. Source: CleverTap docs, `api-errors`, 2025-12-14."""

    EVENT_NAME = 509
    EVENT_STRUCTURE = 512
    EVENT_RESERVED = 513
    GENDER = 514
    EMAIL = 515
    PHONE = 516
    EMPLOYED = 517
    EDUCATION = 518
    MARRIED = 519
    AGE = 520
    TOO_MANY_PROPERTIES = 522
    IDENTIFIER = 523
    TYPE = 524
    TIMESTAMP = 525
    OBJECT_ID = 526
    EVENT_DISCARDED = 528
    TOKEN_OBJECT_ID = 530
    TOKEN_DATA = 531
    TOKEN_ID = 532
    TOKEN_TYPE = 533
    TOKEN_MISFIT = 534
    TOKEN_KEYS = 535
    OTHER = 555


_TEXTS: Final = {
    Code.EVENT_NAME: "Event Name is incorrect. ErrorCode: 509 - Event name is mandatory. Skipped record number : {n}",
    Code.EVENT_STRUCTURE: (
        "Event data is incorrect. 512 - Only Items can have a nested structure, "
        "incorrect nested structure for field : {what}.Skipped record number : {n}"
    ),
    Code.EVENT_RESERVED: "Event Name is incorrect. {what} is a restricted system event.Skipped record number : {n}",
    Code.GENDER: "Profile data is incorrect. Gender needs to be M/F.Skipped record number : {n}",
    Code.EMAIL: "Profile data is incorrect. Email is not valid.Skipped record number : {n}",
    Code.PHONE: "Profile data is incorrect. Phone number is not valid.Skipped record number : {n}",
    Code.EMPLOYED: "Profile data is incorrect. Employed needs to be Y/N.Skipped record number : {n}",
    Code.EDUCATION: (
        "Profile data is incorrect. Education needs to be School/College/Graduate..Skipped record number : {n}"
    ),
    Code.MARRIED: "Profile data is incorrect. Married needs to be Y/N.Skipped record number : {n}",
    Code.AGE: "Profile data is incorrect. Age is invalid.Skipped record number : {n}",
    Code.TOO_MANY_PROPERTIES: "Event data is incorrect. Too many event properties.Skipped record number : {n}",
    Code.IDENTIFIER: "Identity is incorrect. No identifier found.Skipped record number : {n}",
    Code.TYPE: "Type is incorrect. Type needs to be event/profile.Skipped record number : {n}",
    Code.TIMESTAMP: "Timestamp should be present in the Unix Epoch format. Skipped record number : {n}",
    Code.OBJECT_ID: "Identity is incorrect. objectId is not valid.Skipped record number : {n}",
    Code.EVENT_DISCARDED: "Event Name is incorrect. {what} was discarded.Skipped record number : {n}",
    Code.TOKEN_OBJECT_ID: "Token data is incorrect. objectId is not valid.Skipped record number : {n}",
    Code.TOKEN_DATA: "Token data is incorrect. {what} is not valid.Skipped record number : {n}",
    Code.TOKEN_ID: "Token data is incorrect. id is mandatory.Skipped record number : {n}",
    Code.TOKEN_TYPE: "Token data is incorrect. type is mandatory.Skipped record number : {n}",
    Code.TOKEN_MISFIT: "Token data is incorrect. type does not fit the objectId.Skipped record number : {n}",
    Code.TOKEN_KEYS: "Token data is incorrect. keys are not valid.Skipped record number : {n}",
    Code.OTHER: "{what}.Skipped record number : {n}",
}
"""509, 512, 515 to 520 and 525 are exact, odd spacing included: recorded exchanges (tradeo/clevertap-ruby) and
RudderStack's tests. The others follow the pattern; nobody published them, so assert on the code alone."""


class CleverTapError(VendorError):
    """A whole call is refused.

    Attributes:
        code: The number in the envelope; mostly, but not always, the HTTP status, and 0 where the envelope has none.
    """

    def __init__(self, status: int, message: str, code: int | None = None) -> None:
        super().__init__(status, message)
        self.code = status if code is None else code


class RecordFault(Exception):
    """One record of an upload is skipped.

    Attributes:
        code: Why.
        what: The field or name that the text mentions; empty where it mentions none.
        echo: Fields which the answer shows otherwise than they were sent.
    """

    def __init__(self, code: Code, what: str = "", *, echo: Mapping[str, object] | None = None) -> None:
        super().__init__(f"{code}: {what}")
        self.code = code
        self.what = what
        self.echo = dict(echo or {})

    def text(self, number: int) -> str:
        """Say it in CleverTap's words; records count from 1 within the call."""
        return _TEXTS[self.code].format(n=number, what=self.what)

    def entry(self, record: object, number: int) -> dict[str, object]:
        """Make what stands under `unprocessed`."""
        code, text = int(self.code), self.text(number)
        return {"status": "fail", "code": code, "error": text, "record": self.echo or record}


class WebhookRefused(FakeError):
    """The test call of a new webhook template was not answered 200.

    Attributes:
        url: Where the test call went.
        status: What was answered; None when nothing was.
    """

    def __init__(self, url: str, status: int | None) -> None:
        super().__init__(
            f"webhook template not saved: test call to {url} got {status or 'no answer'}, wanted 200"
        )
        self.url = url
        self.status = status


class InvalidTemplate(FakeError):
    """A campaign's text is not Liquid."""


class CampaignExists(FakeError):
    """A campaign of that name is there already."""


class NotLaunchable(FakeError):
    """A campaign that only the external trigger API sends."""


class UnknownCampaign(FakeError):
    """No campaign of that name."""


class UnknownControlGroup(FakeError):
    """No custom control group of that name."""


class UnknownSegment(FakeError):
    """No segment or custom list of that name."""


class UnknownJourney(FakeError):
    """No journey of that name."""


class InvalidJourney(FakeError):
    """A journey whose parts do not fit together; the editor does not publish it."""


class UnknownWebhook(FakeError):
    """No webhook template of that name."""


def unauthorised(message: str = "Invalid Credentials") -> CleverTapError:
    """Refuse credentials. Source: RudderStack's tests; observations of 2026."""
    return CleverTapError(401, message)


def malformed_request() -> CleverTapError:
    """Refuse a body that is not what the call wants. Source: ankit-arora/clevertap-data-upload."""
    return CleverTapError(400, "Malformed request")


def method_not_allowed() -> CleverTapError:
    """Refuse a method on a known path. Source: leanderp/clevertap-mcp, tests."""
    return CleverTapError(405, "Method Not Allowed")


def too_many_requests() -> CleverTapError:
    """Refuse what exceeds the calls in flight. Source: leanderp/clevertap-mcp, tests."""
    return CleverTapError(429, "Too many concurrent requests")


def still_in_progress() -> CleverTapError:
    """Ask to come back for a page. Source: leanderp/clevertap-mcp, tests."""
    return CleverTapError(200, "Request still in progress, please retry later", 2)


def incorrect_usage() -> CleverTapError:
    """Refuse a cursor or a query. The text is observed; status and code beside it are a guess."""
    return CleverTapError(200, "Incorrect Usage", 400)


def bad_date_range() -> CleverTapError:
    """Refuse `from` and `to`. The code is observed, the text is a guess."""
    return CleverTapError(200, "Invalid date range", 4002)


def invalid_events(names: Sequence[str]) -> CleverTapError:
    """Refuse events nobody ever raised; the text holds a JSON list. Source: leanderp/clevertap-mcp, tests."""
    listed = json.dumps([f"Invalid event : {name}" for name in names], ensure_ascii=False)
    return CleverTapError(200, listed, 400)


def invalid_request_id() -> CleverTapError:
    """Refuse a wrong or an old `req_id`. Source for the text: leanderp/clevertap-mcp; the code is a guess."""
    return CleverTapError(200, "Invalid request id", 400)


def invalid_group() -> CleverTapError:
    """Refuse a group of `top.json` or `trends.json`. Source for the text: leanderp/clevertap-mcp."""
    return CleverTapError(200, "Invalid group", 400)


def refused(message: str) -> CleverTapError:
    """Refuse a send or a campaign as HTTP 200. Source for the envelope: clevertap-support-snippets; texts are guesses."""
    return CleverTapError(200, message, 400)


def incomplete_target() -> CleverTapError:
    """Refuse the result of a campaign that is not done; without a code. Source: CleverTap/clevertap-support-snippets."""
    return CleverTapError(200, "This target hasn't been completed", 0)
