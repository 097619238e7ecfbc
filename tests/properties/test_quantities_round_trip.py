from __future__ import annotations

from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from simulator.quantities import Delay, format_duration, parse_delay, parse_duration, parse_share

UNITS = {"s": 1, "min": 60, "h": 3600, "days": 86_400, "weeks": 604_800}
TEN_YEARS_S = 3653 * 86_400


@given(st.integers(0, 86_399))
def test_whole_seconds_below_a_day_survive_being_written(seconds: int) -> None:
    assert parse_duration(format_duration(seconds)) == seconds


@given(st.floats(0, 10**8))
def test_what_is_written_is_off_by_no_more_than_its_last_part(seconds: float) -> None:
    back = parse_duration(format_duration(seconds))

    assert back == pytest.approx(seconds, abs=0.0006 if seconds < 60 else 0.5 if seconds < 86_400 else 60)


@given(st.lists(st.tuples(st.integers(0, 999), st.sampled_from(sorted(UNITS))), min_size=1, max_size=4))
def test_parts_add_up_however_they_are_spaced(parts: list[tuple[int, str]]) -> None:
    total = sum(count * UNITS[unit] for count, unit in parts)
    assume(total <= TEN_YEARS_S)

    assert parse_duration(" ".join(f"{count} {unit}" for count, unit in parts)) == total
    assert parse_duration("".join(f"{count}{unit}" for count, unit in parts)) == total


@given(st.integers(523, 10**6))
def test_more_than_ten_years_are_refused(weeks: int) -> None:
    with pytest.raises(ValueError, match="at most ten years"):
        parse_duration(f"{weeks} weeks")


@given(st.text(max_size=20))
def test_any_text_is_read_or_refused(text: str) -> None:
    for parse in (parse_duration, parse_delay, parse_share):
        try:
            parse(text)
        except ValueError as error:
            assert str(error).startswith("a ")  # noqa: PT017 - both ends are right; this one must help


@given(st.integers(0, 1000), st.integers(0, 1000), st.integers())
def test_a_range_never_leaves_its_ends(one: int, other: int, seed: int) -> None:
    low, high = sorted((one, other))

    assert low <= Delay(low, high).draw(Random(seed)) <= high
