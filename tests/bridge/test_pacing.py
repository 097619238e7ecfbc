"""Calls per second, whatever second one looks at."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bridge.pacing import LocalPacer, Pace

waits = st.lists(st.floats(min_value=0, max_value=3, allow_nan=False), max_size=60)


@given(rate=st.floats(min_value=0.1, max_value=50), waits=waits)
def test_no_window_holds_more_calls_than_the_rate(rate: float, waits: list[float]):
    """Whoever calls whenever it is allowed to never makes more calls in a window than the rate says."""
    pace = Pace(rate)
    now_s = 0.0
    calls: list[float] = []
    for wait_s in waits:
        now_s += wait_s + pace.wait_s(now_s + wait_s)
        # What a timer gives may be a hair early: whoever finds nothing free waits again.
        while pace.free(now_s) == 0:
            now_s += max(pace.wait_s(now_s), 1e-6)
        pace.spend(1, now_s)
        calls.append(now_s)

    most = max(1, int(rate))
    window_s = most / rate
    assert all(later - first >= window_s - 1e-6 for first, later in zip(calls, calls[most:], strict=False))
    assert all(first <= later for first, later in pairwise(calls))


def test_no_rate_is_no_limit():
    pace = Pace(0)
    pace.spend(1000, 0.0)

    assert pace.free(0.0) is None
    assert pace.wait_s(0.0) == 0


@given(
    rate=st.integers(1, 20),
    calls=st.lists(st.integers(1, 5), min_size=1, max_size=10),
    back=st.integers(0, 9),
)
def test_what_is_given_back_is_free_again_and_other_calls_stay_counted(
    rate: int, calls: list[int], back: int
):
    pace, at = Pace(rate), [number / 1000 for number in range(len(calls))]
    for number, now_s in zip(calls, at, strict=True):
        pace.spend(number, now_s)
    index = back % len(calls)
    before = pace.free(0.5)

    pace.unspend(calls[index], at[index])

    assert before is not None
    assert pace.free(0.5) == before + calls[index]
    pace.unspend(3, 0.4)  # nobody called then
    assert pace.free(0.5) == before + calls[index]
    last = max((now_s for each, now_s in enumerate(at) if each != index), default=0.0)
    assert pace.free(last + 1.001) == rate


async def test_what_is_given_back_is_what_was_taken_though_others_took_turns_meanwhile():
    """A batch that turns out empty gives its turn back while halves of another take theirs."""
    pacer = LocalPacer(2)
    not_needed = await pacer.take(1)
    await asyncio.sleep(0.1)
    used = await pacer.take(1)
    await pacer.give_back(not_needed, 1)
    await asyncio.sleep(0.95)  # within a second of the used one

    later = await pacer.take(2)

    assert (not_needed.number, used.number, later.number) == (1, 1, 1)
