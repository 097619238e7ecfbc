"""The quantities a scenario is written in: durations, distributions of delays, shares, tolerances, scales.

Each has one `parse_…` function that takes the text as written and raises `ValueError` with what was wanted.
Units: `s`, `min`, `h`, `d` and their English names; parts add up: `2 h 5 min`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

__all__ = [
    "Delay",
    "Moment",
    "Share",
    "format_duration",
    "parse_delay",
    "parse_duration",
    "parse_moment",
    "parse_scale",
    "parse_share",
]

_UNITS: Final[Mapping[str, float]] = {
    **dict.fromkeys(("ms", "millisecond", "milliseconds"), 0.001),
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1),
    **dict.fromkeys(("m", "min", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hour", "hours"), 3600),
    **dict.fromkeys(("d", "day", "days"), 86400),
    **dict.fromkeys(("w", "week", "weeks"), 604800),
}
_PART: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]+)\s*,?")
_SHARE: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*%\s*(?:of\s+(\w+)\s*)?")
_LONGEST_S: Final = 3653 * 86400
"""Ten years: a story is about days, and nothing in it may run for ever."""

_Z_95: Final = 1.6448536269514722
"""The 95th percentile of the standard normal distribution."""


@dataclass(frozen=True, slots=True)
class Delay:
    """How long something takes: fixed, evenly spread, or log-normal.

    Attributes:
        low_s: Shortest, or the median of a log-normal delay.
        high_s: Longest, or the 95th percentile of a log-normal delay.
        is_log_normal: Which of the two readings holds.
    """

    low_s: float
    high_s: float
    is_log_normal: bool = False

    def draw(self, random: Random) -> float:
        """Draw one delay in seconds, rounded to milliseconds."""
        if self.is_log_normal:
            sigma = math.log(self.high_s / self.low_s) / _Z_95
            return round(self.low_s * math.exp(sigma * random.gauss(0, 1)), 3)
        if self.low_s == self.high_s:
            return self.low_s
        return round(random.uniform(self.low_s, self.high_s), 3)


@dataclass(frozen=True, slots=True)
class Share:
    """A fraction of everyone, or of those who did something else first.

    Attributes:
        fraction: From 0 to 1.
        of: The habit it is a share of; empty for everyone.
    """

    fraction: float
    of: str = ""


@dataclass(frozen=True, slots=True)
class Moment:
    """A point after the start, and how far from it still counts. Both in seconds."""

    at_s: float
    tolerance_s: float


class _TooLong(ValueError):
    def __init__(self) -> None:
        super().__init__("a duration of at most ten years")


def parse_duration(text: str) -> float:
    """Read `2 days`, `2 h 5 min`, `90 s`; give seconds.

    Raises:
        ValueError: It is not a duration, or none that a scenario can wait for.
    """
    total, position = 0.0, 0
    while position < len(text.rstrip()):
        part = _PART.match(text, position)
        if part is None or part[2].lower() not in _UNITS:
            raise ValueError("a duration such as `2 days`, `2 h 5 min` or `90 s`")
        total += float(part[1]) * _UNITS[part[2].lower()]
        position = part.end()
    if position == 0:
        raise ValueError("a duration such as `2 days`, `2 h 5 min` or `90 s`")
    if total > _LONGEST_S:
        raise _TooLong
    return total


def parse_delay(value: str | Mapping[str, str]) -> Delay:
    """Read a delay: `2 h`, `after 2 h`, `2 to 20 min`, or `{median: 3 h, p95: 30 h}`.

    Raises:
        ValueError: It is none of these, or its ends are the wrong way round.
    """
    wanted = "a delay such as `2 h`, `2 to 20 min` or `{median: 3 h, p95: 30 h}`"
    if not isinstance(value, str):
        low_s, high_s = parse_duration(value["median"]), parse_duration(value["p95"])
        if not 0 < low_s < high_s:
            raise ValueError("a median above zero and a p95 above the median")
        return Delay(low_s, high_s, is_log_normal=True)
    first, separator, second = value.removeprefix("after ").partition(" to ")
    try:
        high_s = parse_duration(second if separator else first)
        if separator and re.fullmatch(r"\s*\d+(\.\d+)?\s*", first):
            # `2 to 20 min`: the unit stands once, behind the second number.
            first = f"{first} {second.split()[-1]}"
        low_s = parse_duration(first)
    except _TooLong:
        raise
    except ValueError:
        raise ValueError(wanted) from None
    if low_s > high_s:
        raise ValueError("a range that begins with its shorter end")
    return Delay(low_s, high_s)


def parse_share(text: str) -> Share:
    """Read `60 %` or `50 % of open`.

    Raises:
        ValueError: It is not a share, or it is over 100 %.
    """
    found = _SHARE.fullmatch(text)
    if found is None or float(found[1]) > 100:
        raise ValueError("a share from `0 %` to `100 %`, or `50 % of open`")
    return Share(float(found[1]) / 100, found[2] or "")


def parse_moment(text: str) -> Moment:
    """Read `2 days ± 1 min` (also `+-`); without a tolerance, one minute.

    Raises:
        ValueError: It is not a moment.
    """
    at, _, tolerance = text.replace("+-", "±").replace("+/-", "±").partition("±")
    try:
        return Moment(parse_duration(at), parse_duration(tolerance) if tolerance.strip() else 60.0)
    except _TooLong:
        raise
    except ValueError:
        raise ValueError("a moment such as `2 days ± 1 min`") from None


def parse_scale(text: str) -> tuple[int, int]:
    """Read the scale of a question, `0..10`.

    Raises:
        ValueError: It is not a scale.
    """
    found = re.fullmatch(r"\s*(\d+)\s*\.\.\s*(\d+)\s*", text)
    if found is None or int(found[1]) >= int(found[2]):
        raise ValueError("a scale such as `0..10`")
    return int(found[1]), int(found[2])


def format_duration(seconds: float) -> str:
    """Write seconds as people read them: `2 d 3 h`, `2 h 5 min`, `4.2 s`."""
    sign = "-" if seconds < 0 else ""
    seconds = abs(seconds)
    if seconds < 60:
        return f"{sign}{seconds:.3f}".rstrip("0").rstrip(".") + " s"
    parts = []
    rest = round(seconds)
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}")
    return sign + " ".join(parts[:3])
