"""How an event reaches a partner: the subscription webhook, its signature, and its retries."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64encode
from typing import TYPE_CHECKING, Any, Final

from fakes.kit import Failure, RetryPolicy, WebhookRequest
from fakes.segment.errors import DeliveryCode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random

    from fakes.segment.destinations import Destination
    from fakes.segment.settings import SegmentSettings

__all__ = ["delivery_code", "encode", "make_policy", "make_request", "sign"]

_SHARED_SECRET: Final = "sharedSecret"  # noqa: S105 - the name of a setting
_LONGEST_WAIT_S: Final = 20 * 60.0
_FIRST_WAIT_S: Final = (60.0, 180.0)
_TRIED_AGAIN: Final = frozenset({408, 423, 429})
_NOT_IMPLEMENTED: Final = 501
_CODE_OF_STATUS: Final = {
    400: DeliveryCode.BAD_REQUEST,
    500: DeliveryCode.INTERNAL,
    _NOT_IMPLEMENTED: DeliveryCode.UNSUPPORTED_EVENT_TYPE,
}
_CODE_OF_ERROR: Final = {
    "timeout": DeliveryCode.TIMED_OUT,
    "refused": DeliveryCode.REFUSED,
    "dns": DeliveryCode.NOT_FOUND,
    "reset": DeliveryCode.RESET,
}


def encode(value: object) -> bytes:
    """Write JSON as Segment's Node services do: compact, UTF-8, nothing escaped that need not be."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def sign(secret: str, body: bytes) -> str:
    """Make the `X-Signature` of a body: hexadecimal HMAC-SHA1.

    Source: segment-docs, `destinations/catalog/webhooks`, "Authentication"; published code of the action.
    """
    return hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()


def make_request(destination: Destination, event: Mapping[str, Any]) -> WebhookRequest:
    """Make the call that hands one enriched event to a partner.

    Source: segment-docs, `partners/subscriptions/build-webhook.md`.
    """
    body = encode(event)
    others = {name: value for name, value in destination.settings.items() if name != _SHARED_SECRET}
    headers = {
        "Authorization": f"Basic {_base64(f'{destination.api_key}:'.encode())}",
        "User-Agent": "Segment.io/1.0",
        "Content-Type": "application/json",
        "Cache-Control": "no-cache",
        "Accept": "*/*",
        "X-Segment-Settings": _base64(encode(others)),
    }
    secret = destination.settings.get(_SHARED_SECRET)
    if isinstance(secret, str) and secret:
        headers["X-Signature"] = sign(secret, body)
    return WebhookRequest(
        webhook="subscriptionWebhook", url=destination.url, body=body, headers=lambda: headers
    )


def make_policy(settings: SegmentSettings, random: Random, *, note: Callable[[Failure], None]) -> RetryPolicy:
    """Say how deliveries are tried again: 1 to 3 minutes, doubled each time up to 20, at most 4 hours.

    Time-outs, broken connections, 408, 423, 429 and 5xx are tried again; other 4xx and 501 are final.

    Args:
        settings: Attempts, window and time-out.
        random: Draws the wait after each failure.
        note: Is told of each failure.

    Source: segment-docs, `destinations/index.md`, "Retries", and `partners/faqs.md`; the waits are a guess.
    """

    def wait_s(failure: Failure) -> float | None:
        note(failure)
        if failure.attempt >= settings.delivery_attempts or not _is_tried_again(failure):
            return None
        wait = min(_LONGEST_WAIT_S, random.uniform(*_FIRST_WAIT_S) * 2 ** (failure.attempt - 1))
        return wait if failure.since_first_s + wait <= settings.delivery_window.total_seconds() else None

    return RetryPolicy(
        timeout_s=settings.delivery_timeout_s, is_success=lambda status: 200 <= status < 300, wait_s=wait_s
    )


def delivery_code(failure: Failure) -> str:
    """Name the code under which Delivery Overview counts a failure."""
    if failure.status is None:
        return _CODE_OF_ERROR.get(failure.error, DeliveryCode.INTERNAL)
    return _CODE_OF_STATUS.get(failure.status, str(failure.status))


def _is_tried_again(failure: Failure) -> bool:
    status = failure.status
    if status is None or status in _TRIED_AGAIN:
        return True
    return status >= 500 and status != _NOT_IMPLEMENTED


def _base64(raw: bytes) -> str:
    return b64encode(raw).decode("ascii")
