"""Keeps headers for the record: a client sends the same ones again and again, and one copy of them is enough."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["KeptHeaders"]

_MOST: Final = 256


class KeptHeaders:
    """Copies of headers, shared between messages that have the same.

    A copy costs its memory, and its bytes in whatever file it ends up in, once. Headers that are new each time, such as
    signatures, push the others out.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[tuple[str, str], ...], dict[str, str]] = {}

    def __len__(self) -> int:
        """How many different ones are kept."""
        return len(self._kept)

    def keep(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Give a copy that nobody changes; the last of a repeated header."""
        items = tuple(headers.items())
        kept = self._kept.get(items)
        if kept is None:
            if len(self._kept) >= _MOST:
                self._kept.clear()
            kept = self._kept[items] = dict(items)
        return kept
