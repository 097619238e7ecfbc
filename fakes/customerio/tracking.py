"""What tracked mail is made of: signed links, the open pixel, and which visitors are machines.

Source: public mails and tracker-blocker lists, as worked out in the vendor notes; inferred.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from dataclasses import dataclass
from typing import Any, Final

from fakes.customerio.gojson import dump

__all__ = ["PIXEL", "TrackedLink", "Visitor", "click_path", "open_path", "read_click", "read_open", "visitor"]

PIXEL: Final = base64.b64decode("R0lGODlhAQABAIAAAP///wAAACH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==")
"""A transparent GIF of one by one."""

_MACHINES: Final = re.compile(
    r"bot\b|crawler|spider|scanner|safelinks|barracuda|mimecast|proofpoint|headlesschrome|googleimageproxy",
    re.IGNORECASE,
)
_PRIVACY_PROXY: Final = "Mozilla/5.0"


@dataclass(frozen=True, slots=True)
class TrackedLink:
    """What a tracked link says: the delivery, where to, the person's cio_id, and the link's number."""

    delivery_id: str
    href: str
    cio_id: str
    link_id: int


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who fetched a pixel or a link, as far as the User-Agent tells.

    Attributes:
        is_machine: A privacy proxy or scanner, no person.
        is_proxied: Fetched through a mail provider's image proxy.
    """

    is_machine: bool
    is_proxied: bool


def visitor(user_agent: str) -> Visitor:
    """Tell machines from people.

    Apple's privacy proxy sends exactly `Mozilla/5.0`. Gmail's image proxy fetches when the person opens, so it
    hides who they are but is no machine open.
    """
    is_gmail = "GoogleImageProxy" in user_agent
    is_apple = user_agent == _PRIVACY_PROXY
    is_machine = is_apple or (not is_gmail and _MACHINES.search(user_agent) is not None)
    return Visitor(is_machine=is_machine, is_proxied=is_gmail or is_apple)


def click_path(link: TrackedLink, *, key: str) -> str:
    """Write the path of a tracked link: `/e/c/<base64url JSON>/<64 hex>`."""
    payload = _pack(
        {"email_id": link.delivery_id, "href": link.href, "internal": link.cio_id, "link_id": link.link_id}
    )
    return f"/e/c/{payload}/{_sign(payload, key)}"


def read_click(payload: str, signature: str, *, key: str) -> TrackedLink | None:
    """Read a tracked link; None when it was not made here."""
    if not signature.isascii() or not hmac.compare_digest(signature, _sign(payload, key)):
        return None
    said = _unpack(payload)
    return TrackedLink(said["email_id"], said["href"], said["internal"], said["link_id"])


def open_path(delivery_id: str) -> str:
    """Write the path of an open pixel: `/e/o/<base64url JSON>`."""
    return f"/e/o/{_pack({'email_id': delivery_id})}"


def read_open(payload: str) -> str | None:
    """Read a delivery id from a pixel's path; None when there is none."""
    found = _unpack(payload).get("email_id")
    return found if isinstance(found, str) else None


def _pack(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(dump(value)).decode().rstrip("=")


def _unpack(payload: str) -> dict[str, Any]:
    try:
        value = json.loads(
            base64.urlsafe_b64decode(payload.rstrip("=") + "=" * (-len(payload.rstrip("=")) % 4))
        )
    except (ValueError, binascii.Error, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _sign(payload: str, key: str) -> str:
    return hmac.new(key.encode(), payload.encode(), hashlib.sha256).hexdigest()
