"""Texts of vendors as every store takes them.

JSON can hold half a surrogate pair and NUL, and an id of any length. A store that refuses one of them would refuse the
webhook, and with it perhaps all that its vendor has to say after it.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

__all__ = ["LONGEST_KEY", "REPLACEMENT", "code_of", "key_of", "storable"]

REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"
_STRANGE: Final = re.compile("[\0\ud800-\udfff]")
_CODE: Final = re.compile(r"(?:expired, last )?(?:http_\d+|refused)\b")
LONGEST_KEY: Final = 512
"""Bytes of a key: what is indexed has a limit, 2704 bytes for a row of Postgres."""


def storable(text: str) -> str:
    """Give a text with `REPLACEMENT` for whatever no store and no wire takes."""
    if text.isascii() and "\0" not in text:  # nearly always, and soon found
        return text
    return _STRANGE.sub(REPLACEMENT, text)


def code_of(reason: str) -> str:
    """Give a reason for the log: without the words of a vendor, who may say something about a person in them."""
    code = _CODE.match(reason)
    return code[0] if code else reason


def key_of(text: str) -> str:
    """Give a text as a key, which is only ever compared: one that is long or strange as its hash."""
    raw = text.encode("utf-8", "surrogatepass")
    if len(raw) <= LONGEST_KEY and storable(text) == text:
        return text
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"
