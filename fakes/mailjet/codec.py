"""The JSON of Mailjet's two servers: spaced and slash-escaped from the old engine, compact from the new one."""

from __future__ import annotations

import json
import re
from typing import Any

from fakes.mailjet.errors import JsonRefused

__all__ = ["compact", "parse", "spaced"]

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_QUOTED_BEFORE = 10
_QUOTED_AFTER = 10


def spaced(value: Any) -> str:
    r"""Write JSON as the old engine does: `{ "Count" : 1, "Data" : [{ "Url" : "https:\/\/…" }] }`.

    Properties keep the order they are given in.

    Source: mailjet-gem `spec/cassettes`, recorded 2020-2021.
    """
    if isinstance(value, dict):
        inner = ", ".join(f"{_text(str(key))} : {spaced(item)}" for key, item in value.items())
        return f"{{ {inner} }}" if inner else "{  }"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(spaced(item) for item in value)}]"
    if isinstance(value, str):
        return _text(value)
    return json.dumps(value)


def compact(value: Any) -> str:
    """Write JSON as the new engine does: no blanks at all."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def parse(body: bytes) -> Any:
    """Read a request's JSON; half a surrogate pair is read as U+FFFD.

    Raises:
        JsonRefused: It is not JSON, not UTF-8, or nested beyond all measure.
    """
    try:
        text = body.decode("utf-8")
        value = json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise JsonRefused(_complaint(error)) from error
    except UnicodeDecodeError as error:
        raise JsonRefused(f"Invalid json input: invalid UTF-8 at stream position {error.start}") from error
    except (ValueError, RecursionError) as error:
        raise JsonRefused("Invalid json input: value out of range") from error
    if _SURROGATE.search(text):
        whole = json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
        return json.loads(whole.decode("utf-8", "replace"))
    return value


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("/", "\\/")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _complaint(error: json.JSONDecodeError) -> str:
    """Word a syntax error as the old engine does, with the place marked by a bar."""
    at = error.pos
    before = error.doc[max(0, at - _QUOTED_BEFORE) : at]
    after = error.doc[at : at + _QUOTED_AFTER]
    problem = f'unexpected "{error.doc[at]}"' if at < len(error.doc) else "unexpected end of stream"
    return f"Invalid json input: {problem} at stream position {at} ...{before}|{after}..."
