from __future__ import annotations

from random import Random
from statistics import median, quantiles

import pytest

from simulator.quantities import (
    Delay,
    Moment,
    Share,
    format_duration,
    parse_delay,
    parse_duration,
    parse_moment,
    parse_scale,
    parse_share,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0 h", 0),
        ("90 s", 90),
        ("2 h 5 min", 7500),
        ("2h5min", 7500),
        ("2 h, 5 min", 7500),
        ("1.5 days", 129_600),
        (" 1 week ", 604_800),
        ("250 ms", 0.25),
        ("1 Day 1 HOUR", 90_000),
        ("5 m", 300),
    ],
)
def test_durations_are_read_as_people_write_them(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "  ", "2", "h", "2 parsecs", "2 h 5", "-1 h", "2 h and 5 min", "1e3 s"])
def test_what_is_no_duration_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match="a duration such as `2 days`, `2 h 5 min` or `90 s`"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (4.2, "4.2 s"),
        (0.0004, "0 s"),
        (50, "50 s"),
        (60, "1 min"),
        (7500, "2 h 5 min"),
        (86_400 * 2, "2 d"),
        (90_061, "1 d 1 h 1 min"),
        (-90, "-1 min 30 s"),
        (3599.7, "1 h"),
    ],
)
def test_durations_are_written_as_people_read_them(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "delay"),
    [
        ("2 h", Delay(7200, 7200)),
        ("after 2 h", Delay(7200, 7200)),
        ("2 to 20 min", Delay(120, 1200)),
        ("30 s to 5 min", Delay(30, 300)),
        ("1.5 to 2 h", Delay(5400, 7200)),
        ("after 1 h 5 min to 2 h", Delay(3900, 7200)),
        ({"median": "3 h", "p95": "30 h"}, Delay(10_800, 108_000, is_log_normal=True)),
    ],
)
def test_delays_are_fixed_a_range_or_a_distribution(value: str | dict[str, str], delay: Delay) -> None:
    assert parse_delay(value) == delay


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("soon", "a delay such as"),
        ("2 to", "a delay such as"),
        ("to 2 h", "a delay such as"),
        ("20 to 2 min", "a range that begins with its shorter end"),
        ({"median": "3 h", "p95": "3 h"}, "a p95 above the median"),
        ({"median": "0 h", "p95": "3 h"}, "a median above zero"),
        ({"median": "soon", "p95": "3 h"}, "a duration such as"),
    ],
)
def test_what_is_no_delay_is_refused(value: str | dict[str, str], wanted: str) -> None:
    with pytest.raises(ValueError, match=wanted):
        parse_delay(value)


def test_a_fixed_delay_draws_no_chance() -> None:
    random = Random(1)
    before = random.getstate()

    assert Delay(5, 5).draw(random) == 5
    assert random.getstate() == before


def test_a_range_stays_within_its_ends() -> None:
    random = Random(1)

    drawn = [Delay(120, 1200).draw(random) for _ in range(500)]

    assert 120 <= min(drawn) < 200
    assert 1100 < max(drawn) <= 1200


def test_a_distribution_has_its_median_and_its_95th_percentile() -> None:
    random = Random(1)

    drawn = [Delay(10_800, 108_000, is_log_normal=True).draw(random) for _ in range(20_000)]

    assert median(drawn) == pytest.approx(10_800, rel=0.05)
    assert quantiles(drawn, n=20)[-1] == pytest.approx(108_000, rel=0.07)
    assert min(drawn) > 0


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("60 %", Share(0.6)),
        ("60%", Share(0.6)),
        ("0 %", Share(0)),
        ("100 %", Share(1)),
        (" 2.5 % of open ", Share(0.025, "open")),
    ],
)
def test_shares_are_of_everyone_or_of_a_group(text: str, share: Share) -> None:
    assert parse_share(text) == share


@pytest.mark.parametrize("text", ["", "60", "101 %", "-1 %", "% of open", "60 % of", "60 % of all people"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a share from `0 %` to `100 %`"):
        parse_share(text)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2 days", Moment(172_800, 60)),
        ("2 days ± 1 h", Moment(172_800, 3600)),
        ("2 days +- 30 s", Moment(172_800, 30)),
        ("2 days +/- 0 s", Moment(172_800, 0)),
        ("2 days ±", Moment(172_800, 60)),
    ],
)
def test_moments_have_a_tolerance(text: str, moment: Moment) -> None:
    assert parse_moment(text) == moment


@pytest.mark.parametrize("text", ["", "soon", "2 days ± a bit", "± 1 min"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a moment such as `2 days ± 1 min`"):
        parse_moment(text)


def test_a_scale_has_two_ends() -> None:
    assert parse_scale(" 0 .. 10 ") == (0, 10)


@pytest.mark.parametrize("text", ["", "0-10", "10..0", "5..5", "0..x"])
def test_what_is_no_scale_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"a scale such as `0\.\.10`"):
        parse_scale(text)
