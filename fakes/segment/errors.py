"""What the edge refuses, what the pipeline drops, and the limits.

FakeError
├── VendorError
│   └── TrackingRefused   the edge answers 4xx, in its own envelope
└── UnknownSource         a caller in Python named a source that the workspace does not have
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypedDict

from fakes.kit import FakeError, VendorError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "LARGEST_BATCH_BYTES",
    "LARGEST_MESSAGE_BYTES",
    "LONGEST_BATCH",
    "DeliveryCode",
    "DiscardCode",
    "ErrorBody",
    "FilterCode",
    "Stage",
    "TrackingRefused",
    "UnknownSource",
]

LARGEST_MESSAGE_BYTES: Final = 32 * 1024
"""Bytes of UTF-8 JSON that one message may have. Source: `http-api`, "Max request size"; SDK constants."""

LARGEST_BATCH_BYTES: Final = 500 * 1024
"""Bytes of UTF-8 JSON that a batch may have, after gunzip. Source: `http-api`, "Batch"; SDK constants."""

LONGEST_BATCH: Final = 2500
"""Messages that a batch may have. Source: `http-api`, "Batch"."""


class ErrorBody(TypedDict):
    """Body of a refusal: what each official library looks for (Python `code` and `message`, Ruby `error`)."""

    success: bool
    code: str
    message: str
    error: str


class Stage(StrEnum):
    """Where Delivery Overview counts a message. Source: `connections/delivery-overview.md`."""

    SUCCESSFULLY_RECEIVED = "successfully_received"
    FAILED_ON_INGEST = "failed_on_ingest"
    FILTERED_AT_SOURCE = "filtered_at_source"
    FILTERED_AT_DESTINATION = "filtered_at_destination"
    FAILED_DELIVERY = "failed_delivery"
    SUCCESSFUL_DELIVERY = "successful_delivery"


class DiscardCode(StrEnum):
    """Why a message failed on ingest, after its call was answered 200.

    Source: segment-docs, `_includes/content/delivery-overview-discards.html`.
    """

    EMPTY_BATCH = "empty_batch"
    EMPTY_BATCH_RESULT = "empty_batch_result"
    MULTI_USER_ERROR = "multi_user_error"
    NO_USER_ANON_ID = "no_user_anon_id"
    ID_NOT_STRING = "id_not_string"
    EVENT_NOT_DEFINED = "event_not_defined"
    EVENT_NOT_STRING = "event_not_string"
    PROPERTIES_NOT_OBJECT = "properties_not_object"
    TRAITS_NOT_OBJECT = "traits_not_object"
    NAME_NOT_STRING = "name_not_string"
    CATEGORY_NOT_STRING = "category_not_string"
    SOURCE_DISABLED = "source_disabled"
    UNKNOWN_SOURCE = "unknown_source"
    LOCKED_WORKSPACE = "locked_workspace"
    BAD_REQUEST = "bad_request"
    CONSENT_MISSING = "consent_categorypreferences_should_exist"
    CONSENT_NOT_OBJECT = "consent_categorypreferences_fields_should_be_object"
    CONSENT_NOT_BOOL = "consent_categorypreferences_fields_should_be_bool"
    CONSENT_ADVERTISING_ID = "device_advertisingid_should_be_string"
    CONSENT_VERSION = "consent_version_should_be_number"


class FilterCode(StrEnum):
    """Why a message was not sent to a destination. Source: as `DiscardCode`."""

    INTEGRATIONS_OBJECT = "FILTERED_BY_INTEGRATIONS_OBJECT"
    UNKNOWN_INTEGRATION = "UNKNOWN_INTEGRATION"
    SENT_CLIENT_SIDE = "MESSAGE_SENT_CLIENT_SIDE"
    UNSUPPORTED_EVENT_TYPE = "UNSUPPORTED_EVENT_TYPE"


class DeliveryCode(StrEnum):
    """Why a destination did not get a message; other statuses stand for themselves. Source: as `DiscardCode`."""

    BAD_REQUEST = "BAD_REQUEST"
    UNSUPPORTED_EVENT_TYPE = "UNSUPPORTED_EVENT_TYPE"
    INTERNAL = "INTERNAL"
    REFUSED = "EREFUSED"
    TIMED_OUT = "ETIMEDOUT"
    NOT_FOUND = "ENOTFOUND"
    RESET = "ECONNRESET"


class TrackingRefused(VendorError):
    """The edge refuses a call.

    Attributes:
        code: Short code for the `code` field of the envelope.
    """

    def __init__(
        self, status: int, code: str, message: str, *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(status, message, headers=headers)
        self.code = code


class UnknownSource(FakeError):
    """The workspace has no source of that name or slug."""
