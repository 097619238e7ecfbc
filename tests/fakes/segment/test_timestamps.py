from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.segment.timestamps import correct_skew, iso, parse_instant, to_milliseconds

PUBLISHED = [
    (
        "2015-12-12T19:11:01.152Z",
        "2015-12-12T19:11:01.169Z",
        "2015-12-12T19:11:01.266Z",
        "2015-12-12T19:11:01.249Z",
    ),
    (
        "2019-06-21T16:33:26.060Z",
        "2019-06-21T16:33:26.060Z",
        "2019-06-21T16:33:26.158Z",
        "2019-06-21T16:33:26.158Z",
    ),
    (
        "2019-06-21T17:35:47.381Z",
        "2019-06-21T17:35:47.382Z",
        "2019-06-21T17:35:47.405Z",
        "2019-06-21T17:35:47.404Z",
    ),
    (
        "2019-06-21T17:39:56.999Z",
        "2019-06-21T17:39:57.000Z",
        "2019-06-21T17:39:57.032Z",
        "2019-06-21T17:39:57.031Z",
    ),
    (
        "2019-10-01T06:33:31.593Z",
        "2019-10-01T06:33:32.900Z",
        "2019-10-01T06:33:36.745Z",
        "2019-10-01T06:33:35.438Z",
    ),
    ("2016-12-08T16:39:58.000Z", None, "2016-12-08T16:40:05.490Z", "2016-12-08T16:39:58.000Z"),
]
INSTANTS = st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def at(text: str) -> datetime:
    found = parse_instant(text)
    assert found is not None
    return found


@pytest.mark.parametrize(("original", "sent", "received", "wanted"), PUBLISHED)
def test_published_payloads_keep_the_formula(original, sent, received, wanted):
    corrected = correct_skew(at(original), sent=at(sent) if sent else None, received=at(received))

    assert iso(corrected) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2026-03-02T03:30:00Z", "2026-03-02T03:30:00.000Z"),
        ("2026-03-02T03:30:00.1Z", "2026-03-02T03:30:00.100Z"),
        ("2026-03-02T03:30:00.123456+00:00", "2026-03-02T03:30:00.123Z"),
        ("2026-03-02T03:30:00.123456789Z", "2026-03-02T03:30:00.123Z"),
        ("2026-03-02T09:00:00.5+05:30", "2026-03-02T03:30:00.500Z"),
        ("2026-03-02T09:00:00+0530", "2026-03-02T03:30:00.000Z"),
        ("2026-03-01T20:30:00-07:00", "2026-03-02T03:30:00.000Z"),
        ("2026-03-02T03:30:00", "2026-03-02T03:30:00.000Z"),
        ("2026-03-02 03:30:00 UTC", "2026-03-02T03:30:00.000Z"),
        ("2026-03-02", "2026-03-02T00:00:00.000Z"),
        ("2015-2-02T00:30:08.276Z", "2015-02-02T00:30:08.276Z"),
        ("2015-2-2t3:4:5,6789 z", "2015-02-02T03:04:05.678Z"),
        ("2015-2-2 3:4-1:30", "2015-02-02T04:34:00.000Z"),
        ("2015-2-2", "2015-02-02T00:00:00.000Z"),
    ],
)
def test_every_form_that_senders_use_is_read(text, wanted):
    assert iso(at(text)) == wanted


@pytest.mark.parametrize(
    "value",
    [
        None,
        1772422200,
        "",
        "yesterday",
        "2026-13-01T00:00:00Z",
        "2015-2-30",
        "2015-2-2T25:00:00Z",
        "0001-01-01T00:00:00+05:00",
        [],
        {},
    ],
)
def test_whatever_is_no_instant_is_none(value):
    assert parse_instant(value) is None


def test_correction_beyond_the_calendar_leaves_the_original():
    original = datetime(9999, 12, 31, tzinfo=UTC)

    assert (
        correct_skew(
            original, sent=datetime(2026, 1, 1, tzinfo=UTC), received=datetime(2026, 1, 9, tzinfo=UTC)
        )
        == original
    )


@settings(deadline=None)
@given(original=INSTANTS, wait=st.timedeltas(timedelta(0), timedelta(days=30)), received=INSTANTS)
def test_the_corrected_time_keeps_the_distance_to_sending(original, wait, received):
    corrected = correct_skew(original, sent=original + wait, received=received)

    assert received - corrected == wait


@settings(deadline=None)
@given(instant=INSTANTS)
def test_what_is_written_reads_back(instant):
    assert parse_instant(iso(instant)) == to_milliseconds(instant)
