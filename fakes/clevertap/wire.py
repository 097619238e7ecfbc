"""JSON in and out of CleverTap's API, read strictly, and what stands in a URL's query."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from contracts.bodies import Body
from fakes.clevertap.errors import malformed_request
from fakes.clevertap.exports import MAX_BATCH

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fakes.kit import Call

__all__ = ["batch_size", "json_answer", "parse", "query_from_url", "raw_cursor"]

_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_JSON: Final = {"Content-Type": "application/json;charset=utf-8"}


def json_answer(body: Mapping[str, Any], *, status: int = 200) -> web.Response:
    """Answer with compact JSON under the media type that was recorded."""
    return web.Response(status=status, body=_ENCODER.encode(body).encode(), headers=_JSON)


def parse(body: Body) -> Any:
    """Read a JSON body, strictly: no NaN, no number beyond a double, no half of a surrogate pair."""
    try:
        value = body.json()
        if b"\\" in body.raw:
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise malformed_request() from None
    return value


def raw_cursor(call: Call) -> str:
    """Give the cursor as it stands in the query, because it must come back byte for byte."""
    raw = call.request.raw_path.partition("?")[2]
    pairs = (pair.partition("=") for pair in raw.split("&"))
    return next((value for name, _, value in pairs if name == "cursor"), "")


def query_from_url(call: Call) -> Any:
    """Read the query from `?query=`, as the official Node and Python clients send it."""
    if "query" not in call.query:
        raise malformed_request()
    return parse(Body(call.query["query"].encode("utf-8", "replace")))


def batch_size(call: Call) -> int:
    """Read `batch_size`; the largest page when it is absent."""
    text = call.query.get("batch_size", str(MAX_BATCH))
    if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) < 1:
        raise malformed_request()
    return int(text)
