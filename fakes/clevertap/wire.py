"""JSON in and out of CleverTap's API, read strictly, and what stands in a URL's query."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from fakes.clevertap.errors import malformed_request
from fakes.clevertap.exports import MAX_BATCH

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fakes.kit import Call

__all__ = ["batch_size", "json_answer", "parse", "query_from_url", "raw_cursor"]


def json_answer(body: Mapping[str, Any], *, status: int = 200) -> web.Response:
    """Answer with compact JSON under the media type that was recorded."""
    data = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    return web.Response(status=status, body=data, headers={"Content-Type": "application/json;charset=utf-8"})


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(text)
    return number


def _no_constant(text: str) -> float:
    raise ValueError(text)


_DECODER: Final = json.JSONDecoder(parse_float=_finite, parse_constant=_no_constant)


def parse(data: bytes) -> Any:
    """Read a JSON body, strictly: no NaN, no number beyond a double, no half of a surrogate pair."""
    try:
        text = data.decode("utf-8-sig")
        value = _DECODER.decode(text)
        if "\\u" in text:
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
    return parse(call.query["query"].encode("utf-8", "replace"))


def batch_size(call: Call) -> int:
    """Read `batch_size`; the largest page when it is absent."""
    text = call.query.get("batch_size", str(MAX_BATCH))
    if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) < 1:
        raise malformed_request()
    return int(text)
