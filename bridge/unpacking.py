"""Bodies that were compressed on the way.

A signature covers the bytes that were sent, so that a body is unpacked after its proof was checked, and by nobody
before. One that cannot be unpacked is authentic all the same: it stays as it is, and is quarantined.
"""

from __future__ import annotations

import zlib
from typing import Final

from bridge.errors import BodyTooLarge

__all__ = ["unpack"]

_GZIP_OR_ZLIB: Final = zlib.MAX_WBITS | 32
_RAW: Final = -zlib.MAX_WBITS
"""What some senders mean by `deflate`."""
_WINDOWS: Final = {"gzip": (_GZIP_OR_ZLIB,), "x-gzip": (_GZIP_OR_ZLIB,), "deflate": (_GZIP_OR_ZLIB, _RAW)}


def unpack(body: bytes, encoding: str, *, largest: int) -> bytes:
    """Undo `gzip` or `deflate`; give a body in any other encoding, or a broken one, as it is.

    Args:
        body: As it was sent.
        encoding: Its `Content-Encoding`.
        largest: The most bytes that it may become.

    Raises:
        BodyTooLarge: It becomes more.
    """
    for window in _WINDOWS.get(encoding.strip().lower(), ()):
        unpacking = zlib.decompressobj(window)
        try:
            unpacked = unpacking.decompress(body, largest + 1)
        except zlib.error:
            continue
        if len(unpacked) > largest:
            raise BodyTooLarge(f"more than {largest} bytes")
        if unpacking.eof:
            return unpacked
    return body
