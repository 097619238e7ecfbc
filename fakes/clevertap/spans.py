"""Lengths of time that a marketer types: what none may be."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

__all__ = ["LONGEST", "check_span", "check_word"]

LONGEST: Final = timedelta(days=3660)
"""Ten years; far longer ones lead beyond the calendar."""
_NOTHING: Final = timedelta(0)


def check_span(what: str, span: timedelta | None, *, may_be_none: bool = False) -> None:
    """Refuse a length of time that cannot be waited for.

    Args:
        what: Of what; the message begins with it.
        span: The time; None where none was said.
        may_be_none: Whether no time at all will do.

    Raises:
        ValueError: It is too short or too long.
    """
    if span is None:
        return
    if not _NOTHING <= span <= LONGEST or (span == _NOTHING and not may_be_none):
        least = "0 s" if may_be_none else "more than 0 s"
        raise ValueError(
            f"{what} of {span.total_seconds():g} s, wanted {least} and at most {LONGEST.days} days"
        )


def check_word(what: str, word: str) -> None:
    """Refuse a name that is empty.

    Raises:
        ValueError: There is nothing in it.
    """
    if not word:
        raise ValueError(f"{what} {word!r}, wanted a name")
