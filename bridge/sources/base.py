"""What every source does with a webhook: check who sends it, then read it piece by piece.

One webhook may carry several pieces (Mailjet's version 2, CleverTap's broadcast). Each is stored, deduplicated
and mapped alone, because retries may regroup them.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import json
import math
from base64 import b64decode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from bridge.errors import Unauthentic, Unreadable
from bridge.texts import storable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime, timedelta

    from bridge.engagement import Engagement, SourceName

__all__ = [
    "Incoming",
    "Reading",
    "Source",
    "canonical",
    "check_basic",
    "check_secret",
    "digest",
    "is_one_of",
    "leftovers",
    "live",
    "parse_json",
    "read_basic",
    "text_of",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A webhook as it arrived.

    Attributes:
        headers: Names compare without case.
        body: Raw bytes, which signatures cover.
        received_at: When it arrived.
        secret: The secret in its URL; empty where the URL has none.
        where: The campaign in its URL; empty where the URL has none.
    """

    headers: Mapping[str, str]
    body: bytes
    received_at: datetime
    secret: str = ""
    where: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One piece of a webhook.

    Attributes:
        dedup_key: The same for every repeat of this piece.
        raw: Its bytes, to be read again after a mapping was mended.
        engagement: What it says; None when it cannot be read.
        problem: Why it cannot be read.
    """

    dedup_key: str
    raw: bytes
    engagement: Engagement | None
    problem: str = ""


class Source(Protocol):
    """One vendor's way to call the bridge."""

    name: SourceName
    dedup_window: timedelta
    is_on: bool

    def authenticate(self, incoming: Incoming) -> None:
        """Check the proof on the raw bytes, in constant time.

        Raises:
            InletOff: This inlet of the source is not set up.
            Unauthentic: It is missing or wrong.
        """
        ...

    def read(self, incoming: Incoming) -> Sequence[Reading]:
        """Read an authentic webhook; none of the pieces may be lost.

        It looks at nothing but the body, the time of arrival and `where`, which is what a replay has of it.

        Raises:
            Unreadable: The whole cannot be read; the caller quarantines the raw bytes.
        """
        ...


def live(*secrets: str) -> tuple[bytes, ...]:
    """Give the secrets that are set: the one of now, and one more while it is rotated."""
    return tuple(secret.encode() for secret in secrets if secret)


def is_one_of(given: bytes, wanted: Iterable[bytes]) -> bool:
    """Compare a secret with every live one, each in constant time: how long it takes does not tell which fits."""
    fits = [hmac.compare_digest(given, each) for each in wanted]
    return any(fits)


def check_secret(given: str, wanted: Iterable[bytes]) -> None:
    """Compare a secret from a URL with the live ones in constant time.

    Raises:
        Unauthentic: It is none of those wanted.
    """
    if not is_one_of(given.encode("utf-8", "surrogateescape"), wanted):
        raise Unauthentic("the secret in the URL is wrong")


def check_basic(headers: Mapping[str, str], wanted: Iterable[bytes]) -> None:
    """Compare Basic credentials, `user:password`, with the live ones in constant time.

    Raises:
        Unauthentic: They are missing, malformed or not the ones wanted.
    """
    if not is_one_of(read_basic(headers), wanted):
        raise Unauthentic("the Basic credentials are wrong")


def read_basic(headers: Mapping[str, str]) -> bytes:
    """Read Basic credentials, `user:password`, from the headers.

    Raises:
        Unauthentic: They are missing or malformed.
    """
    scheme, _, encoded = headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        raise Unauthentic("wanted Basic credentials in the Authorization header")
    try:
        return b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Unauthentic("the Basic credentials are not base64") from error


def parse_json(body: bytes) -> Any:
    """Parse a body. A number that is none (`NaN`, `1e999`) is read as null: no wire would take it on.

    Raises:
        Unreadable: It is not JSON in UTF-8, or is nested too deeply.
    """
    try:
        return _DECODER.decode(body.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"not JSON: {error}") from error


def canonical(value: object) -> bytes:
    """Write JSON in the one way that depends on nothing but its content."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode(
        "utf-8", "surrogatepass"
    )


def digest(raw: bytes) -> str:
    """Give the SHA-256 of some bytes, in hex."""
    return hashlib.sha256(raw).hexdigest()


def _number(text: str) -> float | None:
    value = float(text)
    return value if math.isfinite(value) else None


_DECODER: Final = json.JSONDecoder(parse_float=_number, parse_constant=lambda _name: None)


def text_of(value: object) -> str | None:
    """Read an id or a name as text that can be stored; None for what is neither text nor number, or empty."""
    if isinstance(value, str):
        return storable(value) or None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    return None


def leftovers(data: Mapping[str, Any], known: Iterable[str]) -> dict[str, Any]:
    """Give the fields that no field of an engagement holds."""
    known = frozenset(known)
    return {key: value for key, value in data.items() if key not in known}
