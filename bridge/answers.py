"""The bridge's own answers over HTTP: JSON, and when to come back."""

from __future__ import annotations

import json
from typing import Any, Final

from aiohttp import web

__all__ = ["RETRY_AFTER_S", "answer", "unavailable"]

RETRY_AFTER_S: Final = 5
"""When to try again what cannot be taken now, in seconds."""


def answer(status: int, headers: dict[str, str] | None = None, /, **body: Any) -> web.Response:
    """Answer with an object of JSON."""
    return web.Response(
        body=json.dumps(body, separators=(",", ":")).encode(),
        status=status,
        headers=headers,
        content_type="application/json",
    )


def unavailable(message: str) -> web.Response:
    """Answer that nothing can be taken now, and when to come back."""
    return answer(503, {"Retry-After": str(RETRY_AFTER_S)}, message=message)
