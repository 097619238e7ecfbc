"""Instants as they come in, and the correction of a sender's wrong clock."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

__all__ = ["correct_skew", "iso", "parse_instant", "to_milliseconds"]

_LAX: Final = re.compile(
    r"(?P<date>\d{4}-\d{1,2}-\d{1,2})"
    r"(?:[Tt ](?P<time>\d{1,2}:\d{1,2}(?::\d{1,2})?)(?:[.,](?P<fraction>\d+))?)?"
    r"\s*(?P<zone>[Zz]|UTC|GMT|[+-]\d{1,2}:?\d{2})?",
    re.ASCII,
)


def parse_instant(value: object) -> datetime | None:
    """Read an instant in any form that senders use; None for whatever is no instant.

    `Z`, offsets, no zone (UTC), fractions from none to nanoseconds, and single-digit months, days and hours
    as in the documentation's own batch sample (`2015-2-02T00:30:08.276Z`).

    Returns:
        An aware UTC instant with whole microseconds, cut off, not rounded.

    Source: captured traffic of the official libraries; segment-docs, `http-api`, "Batch" sample.
    """
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return _parse_lax(value.strip())
    return _to_utc(found)


def correct_skew(original: datetime, *, sent: datetime | None, received: datetime) -> datetime:
    """Say when something happened by the server's clock: `received - (sent - original)`.

    Without `sent` there is nothing to correct by, and `original` stands. A time in the future is not clamped.

    Source: segment-docs, `connections/spec/common.md`, "Timestamps".
    """
    if sent is None:
        return original
    try:
        return received - (sent - original)
    except OverflowError:
        return original


def to_milliseconds(instant: datetime) -> datetime:
    """Cut an instant off to whole milliseconds."""
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def iso(instant: datetime) -> str:
    """Write a UTC instant as Segment does: milliseconds and `Z`, cut off."""
    return instant.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def _parse_lax(text: str) -> datetime | None:
    match = _LAX.fullmatch(text)
    if match is None:
        return None
    year, month, day = (int(number) for number in match["date"].split("-"))
    hour, minute, second = (int(number) for number in f"{match['time'] or '0:0'}:0".split(":")[:3])
    microsecond = int((match["fraction"] or "0")[:6].ljust(6, "0"))
    try:
        found = datetime(year, month, day, hour, minute, second, microsecond, tzinfo=_zone(match["zone"]))
    except ValueError:
        return None
    return _to_utc(found)


def _zone(text: str | None) -> timezone:
    if text is None or text[0] not in "+-":
        return UTC
    offset = timedelta(hours=int(text[1:-2].rstrip(":")), minutes=int(text[-2:]))
    return timezone(offset if text[0] == "+" else -offset)


def _to_utc(found: datetime) -> datetime | None:
    if found.tzinfo is UTC:
        return found
    if found.tzinfo is None:
        return found.replace(tzinfo=UTC)
    try:
        return found.astimezone(UTC)
    except OverflowError:
        return None
