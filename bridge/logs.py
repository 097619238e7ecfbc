"""One line a log record, for machines to read: `key=value` pairs or an object of JSON.

What happened is the message, and is always the same words; what it happened to are fields, given as `extra`. Nothing
personal and no secret belongs into either. Should one slip in all the same, as part of an exception's text or of a
library's own message, it is struck out here: exceptions are written as their type and where they were raised, without
their text, and anything that looks like an address or is one of the secrets becomes `…`.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from bridge.settings import table

if TYPE_CHECKING:
    from types import TracebackType

    from bridge.settings import Settings

__all__ = ["LineFormatter", "configure"]

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_ADDRESS: Final = re.compile(r"[^\s\"'<>(),;:=/]+(?:@|%40)[^\s\"'<>(),;:=/]+")
_FILLED_IN: Final = re.compile(r"%(?:\([^)]*\))?[-+ #0-9.*]*[a-zA-Z]")
_PLAIN: Final = re.compile(r"[\w.:/+-]+")
_SHORTEST_SECRET: Final = 6
"""A secret that is shorter would strike out innocent words."""
_MOST_FRAMES: Final = 6


class LineFormatter(logging.Formatter):
    """Writes a record as one line."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._is_json = settings.log_format == "json"
        self._secrets = _secrets(settings)

    def format(self, record: logging.LogRecord) -> str:
        """Write a record; see the module for what is left out."""
        fields: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": _event(record),
        }
        fields |= {key: value for key, value in vars(record).items() if key not in _STANDARD}
        if record.exc_info and record.exc_info[0] is not None:
            kind, _error, trace = record.exc_info
            fields |= {"error": kind.__name__, "raised_at": _frames(trace)}
        clean = {key: self._clean(value) for key, value in fields.items()}
        if self._is_json:
            return json.dumps(clean, ensure_ascii=False, separators=(",", ":"))
        return " ".join(f"{key}={_quoted(value)}" for key, value in clean.items())

    def _clean(self, value: Any) -> Any:
        if isinstance(value, (bool, int, float)) or value is None:
            return value
        text = _ADDRESS.sub("…", str(value))
        for secret in self._secrets:
            text = text.replace(secret, "…")
        return text


def _event(record: logging.LogRecord) -> str:
    """Give what happened; what a library puts into its own words, such as a caller's IP address, is left out."""
    if record.name.partition(".")[0] == "bridge" or not record.args:
        return record.getMessage()
    return _FILLED_IN.sub("…", str(record.msg))


def configure(settings: Settings) -> None:
    """Have everything that is logged written to standard error as settings say; may be called again."""
    root = logging.getLogger()
    handler = next((each for each in root.handlers if isinstance(each.formatter, LineFormatter)), None)
    if handler is None:
        handler = logging.StreamHandler(sys.stderr)
        root.addHandler(handler)
    handler.setFormatter(LineFormatter(settings))
    root.setLevel(settings.log_level.upper())
    # A library's own details are nobody's business here, and may hold what must not be logged.
    for name in ("asyncio", "aiohttp", "asyncpg"):
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def _secrets(settings: Settings) -> tuple[str, ...]:
    """Give the secrets, the longest first: one may be part of another."""
    found: set[str] = set()
    for row in table():
        if row.is_secret:
            value = getattr(settings, row.name)
            found |= {value} if isinstance(value, str) else set(value)
    with suppress(ValueError):  # a DSN that cannot be read has no password to be found
        found.add(urlsplit(settings.store_dsn).password or "")
    long = (secret for secret in found if len(secret) >= _SHORTEST_SECRET)
    return tuple(sorted(long, key=lambda secret: (-len(secret), secret)))


def _frames(trace: TracebackType | None) -> str:
    frames = traceback.extract_tb(trace)[-_MOST_FRAMES:]
    return " > ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames)


def _quoted(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)
