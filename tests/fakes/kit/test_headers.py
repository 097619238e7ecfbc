from __future__ import annotations

from multidict import CIMultiDict

from fakes.kit.headers import KeptHeaders


def test_equal_headers_are_kept_once_and_survive_a_change_of_the_original() -> None:
    kept, original = KeptHeaders(), CIMultiDict({"Content-Type": "text/plain", "X-Trace": "1"})

    first = kept.keep(original)
    original["X-Trace"] = "2"

    assert first == {"Content-Type": "text/plain", "X-Trace": "1"}
    assert kept.keep(CIMultiDict({"Content-Type": "text/plain", "X-Trace": "1"})) is first
    assert kept.keep(original) == {"Content-Type": "text/plain", "X-Trace": "2"}


def test_headers_that_are_new_each_time_do_not_pile_up() -> None:
    kept = KeptHeaders()

    for number in range(10_000):
        assert kept.keep({"X-Signature": str(number)}) == {"X-Signature": str(number)}

    assert len(kept) <= 256
