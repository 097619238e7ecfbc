"""What the edge looks at before it answers: the body, its size, and the write key.

The edge is stateless: it refuses what it cannot read and what is too large, and answers 200 to all else.
"""

from __future__ import annotations

import json
import math
from base64 import b64decode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fakes.segment.errors import LARGEST_MESSAGE_BYTES, TrackingRefused

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "Arrival",
    "basic_write_key",
    "check_size",
    "check_write_key",
    "own_write_key",
    "read_batch",
    "read_object",
    "read_pixel",
]

_DEEPEST: Final = 200
_INVALID_JSON: Final = "Invalid JSON"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One message as the edge passed it on.

    Attributes:
        fields: The message, with what its envelope said merged in; any JSON value, because nothing has been
            checked yet.
        write_key: The key that counts for it; empty when it has none.
        is_too_large: Whether it alone has more than 32 KB.
    """

    fields: Any
    write_key: str
    is_too_large: bool = False


def check_size(body: bytes, limit: int) -> None:
    """Refuse a body with more bytes than a limit.

    Raises:
        TrackingRefused: 400 `Exceed payload limit`.
    """
    if len(body) > limit:
        raise TrackingRefused(400, "payload_too_large", "Exceed payload limit")


def read_object(body: bytes) -> dict[str, Any]:
    """Read a JSON object, strictly: UTF-8, finite numbers, at most 200 levels.

    Raises:
        TrackingRefused: 400 `Invalid JSON`.
    """
    try:
        value = _DECODER.decode(body.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise TrackingRefused(400, "invalid_json", _INVALID_JSON) from error
    if not isinstance(value, dict) or (body.count(b"{") + body.count(b"[") > _DEEPEST and _is_deep(value)):
        raise TrackingRefused(400, "invalid_json", _INVALID_JSON)
    if b"\\ud" in body or b"\\uD" in body:
        return _without_lone_surrogates(value)
    return value


def basic_write_key(header: str) -> str:
    """Take the write key from an `Authorization: Basic` header; empty when there is none.

    The key is the user name. The colon after it may be missing, "for backward compatibility".

    Source: segment-docs, `http-api`, "Basic authentication".
    """
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        text = b64decode(encoded.strip() + "=" * (-len(encoded.strip()) % 4)).decode("utf-8")
    except ValueError:
        return ""
    return text.partition(":")[0]


def check_write_key(key: str, *, shortest: int) -> None:
    """Refuse a key that is missing or too short to be one; whether it exists is not looked up here.

    Raises:
        TrackingRefused: 400 `Missing writeKey` or `Invalid writeKey`.

    Source: analytics-go issue 205 (400 for `abc123` and for an empty key, 200 for an unknown one).
    """
    if not key:
        raise TrackingRefused(400, "missing_write_key", "Missing writeKey")
    if len(key) < shortest:
        raise TrackingRefused(400, "invalid_write_key", "Invalid writeKey")


def own_write_key(fields: object) -> str:
    """Give the key that a message or an envelope carries itself; empty when it has none."""
    key = fields.get("writeKey") if isinstance(fields, dict) else None
    return key if isinstance(key, str) else ""


def read_batch(envelope: Mapping[str, Any], body: bytes, *, header_key: str) -> list[Arrival]:
    """Split a batch into its messages.

    A message's own `writeKey`, `sentAt`, `context` and `integrations` win over its envelope's, the latter two
    key by key.

    Args:
        envelope: The parsed body.
        body: Raw bytes, which say whether any message can be too large at all.
        header_key: Write key of the Authorization header.
    """
    shared_key = own_write_key(envelope) or header_key
    may_be_too_large = len(body) > LARGEST_MESSAGE_BYTES
    batch = envelope.get("batch")
    return [
        Arrival(
            fields=_with_envelope(item, envelope),
            write_key=own_write_key(item) or shared_key,
            is_too_large=may_be_too_large and _size(item) > LARGEST_MESSAGE_BYTES,
        )
        for item in (batch if isinstance(batch, list) else ())
    ]


def read_pixel(query: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Read the message of a tracking pixel: base64 JSON in `data`, or dotted query parameters.

    Raises:
        TrackingRefused: There is no message in it; the pixel is answered all the same.

    Source: segment-docs, `pixel-tracking-api`.
    """
    pairs = list(query)
    encoded = next((value for name, value in pairs if name == "data"), None)
    if encoded is None:
        return _from_dotted(pairs)
    plain = encoded.replace(" ", "+").replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return read_object(b64decode(plain + "=" * (-len(plain) % 4)))
    except ValueError as error:
        raise TrackingRefused(400, "invalid_json", _INVALID_JSON) from error


def _from_dotted(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    message: dict[str, Any] = {}
    for name, value in pairs:
        *parents, last = name.split(".", _DEEPEST)
        place: Any = message
        for parent in parents:
            place = place.setdefault(parent, {}) if isinstance(place, dict) else None
        if isinstance(place, dict):
            place.setdefault(last, value)
    return message


def _with_envelope(item: object, envelope: Mapping[str, Any]) -> object:
    if not isinstance(item, dict):
        return item
    merged = item
    for name in ("context", "integrations"):
        shared = envelope.get(name)
        own = item.get(name)
        if isinstance(shared, dict) and shared and (own is None or isinstance(own, dict)):
            merged = {**merged, name: {**shared, **(own or {})}}
    if "sentAt" in envelope and item.get("sentAt") is None:
        merged = {**merged, "sentAt": envelope["sentAt"]}
    return merged


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"number out of range: {text[:40]}")
    return number


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


_DECODER: Final = json.JSONDecoder(parse_float=_finite, parse_constant=_refuse_constant)


def _is_deep(value: object) -> bool:
    layer: list[Any] = [value]
    for _ in range(_DEEPEST):
        layer = [
            child
            for parent in layer
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, (dict, list))
        ]
        if not layer:
            return False
    return True


def _without_lone_surrogates(value: dict[str, Any]) -> dict[str, Any]:
    """Put U+FFFD where half a surrogate pair was escaped, as Go's decoder does; UTF-8 cannot carry the half."""
    text = json.dumps(value, ensure_ascii=False)
    clean: dict[str, Any] = json.loads(
        text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    )
    return clean


def _size(item: object) -> int:
    return len(json.dumps(item, ensure_ascii=False, separators=(",", ":")).encode())
