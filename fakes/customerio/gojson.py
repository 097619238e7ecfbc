"""Writes JSON as Go's encoder does: compact, keys sorted, `&`, `<` and `>` escaped.

Source: fixtures of 2022 and 2023 and decoded tracking links, as worked out in the vendor notes; inferred.
"""

from __future__ import annotations

import json
from typing import Any, Final

__all__ = ["dump"]

# Go escapes these so that JSON may stand inside HTML and JavaScript.
_ESCAPES: Final = str.maketrans(
    {"&": "\\u0026", "<": "\\u003c", ">": "\\u003e", "\u2028": "\\u2028", "\u2029": "\\u2029"}
)


def dump(value: Any) -> bytes:
    """Write a JSON value in the vendor's bytes; they are what a signature covers."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    # None of the five stands for anything in JSON itself, so each is inside a string.
    return text.translate(_ESCAPES).encode()
