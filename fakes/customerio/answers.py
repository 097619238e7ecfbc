"""Builds answers with the headers that the vendor was seen to send.

Source: responses recorded live in customerio-node, `test/fixtures/responses`, May 2026.
"""

from __future__ import annotations

import json
from typing import Any, Final

from aiohttp import web

__all__ = ["app_answer", "empty_answer", "track_answer", "with_headers"]

_TRACK_HEADERS: Final = {
    "Access-Control-Allow-Origin": "*",
    "Cache-Control": "no-cache, no-store, must-revalidate, max-age=0",
    "Strict-Transport-Security": "max-age=31536000",
    "Via": "1.1 google",
}
_APP_HEADERS: Final = {
    "Access-Control-Allow-Origin": "https://fly.customer.io",
    "Cache-Control": "must-revalidate,no-cache,no-store",
    "Expires": "0",
    "Pragma": "no-cache",
    "X-Frame-Options": "SAMEORIGIN",
}
_JSON: Final = "application/json; charset=utf-8"


def track_answer(value: Any | None = None) -> web.Response:
    """Answer 200 as the Track API does: `{}` and a line break unless there is something to say."""
    body = json.dumps({} if value is None else value, separators=(",", ":")) + "\n"
    headers = {**_TRACK_HEADERS, "Status": "200 OK", "Content-Type": _JSON}
    return web.Response(body=body.encode(), headers=headers)


def app_answer(value: Any) -> web.Response:
    """Answer 200 as the App API does."""
    body = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return web.Response(body=body.encode(), headers={**_APP_HEADERS, "Content-Type": _JSON})


def empty_answer() -> web.Response:
    """Answer 200 without a body."""
    return web.Response(headers=_APP_HEADERS)


def with_headers(body: bytes, *, status: int, is_app: bool, headers: dict[str, str]) -> web.Response:
    """Answer an error with a ready body."""
    usual = _APP_HEADERS if is_app else _TRACK_HEADERS
    return web.Response(body=body, status=status, headers={**usual, **headers, "Content-Type": _JSON})
