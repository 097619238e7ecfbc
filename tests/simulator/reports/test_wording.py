from __future__ import annotations

import json
from typing import Any

import pytest

from simulator.reports import describe, span
from simulator.reports.story import lane_of
from simulator.reports.wording import counted, event_names
from tests.support.sample_run import sample_run


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.25, "0.25 s"),
        (59.9999, "60 s"),
        (60, "1 min"),
        (61.4, "1 min 1 s"),
        (7200, "2 h"),
        (7260, "2 h 1 min"),
        (86_400 + 5, "1 d"),
        (2 * 86_400 + 3 * 3600 + 59, "2 d 3 h"),
        (-90, "-1 min 30 s"),
    ],
)
def test_span_has_its_two_largest_units(seconds: float, text: str) -> None:
    assert span(seconds) == text


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ({"event": "Email Opened"}, ("Email Opened",)),
        ({"d": [{"type": "event", "evtName": "A"}, {"type": "profile"}, {"evtName": "A"}]}, ("A", "profile")),
        ([{"event": "open"}, {"event": "click"}], ("open", "click")),
        ({"batch": [{"type": "track", "event": "X"}, {"type": "identify"}]}, ("X", "identify")),
        ({"metric": "opened", "data": {}}, ("opened",)),
        ({"event": 7, "d": "x"}, ()),
        ({"d": [1, None]}, ()),
        ("text", ()),
    ],
)
def test_events_are_named_from_every_vendors_envelope(body: Any, names: tuple[str, ...]) -> None:
    assert event_names(json.dumps(body).encode()) == names


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000, b"event=Email+Opened"])
def test_body_that_is_no_json_names_no_event(body: bytes) -> None:
    assert event_names(body) == ()


def test_counts_agree_in_number() -> None:
    assert [counted(1, "entry", "entries"), counted(1200, "entry", "entries"), counted(0, "finding")] == [
        "1 entry",
        "1,200 entries",
        "0 findings",
    ]


def test_entry_is_described_on_one_line_with_time_parties_and_ending() -> None:
    journal = sample_run(broken=True).journal
    broken = journal.by_id(journal.violations()[0].entry)
    assert broken is not None

    assert describe(journal, broken) == (
        f"{broken.id} +4.06 s bridge → CleverTap upload (MM Email Bounced): 200, 1 violation"
    )


@pytest.mark.parametrize(
    ("name", "lane"),
    [
        ("mailmodo", "mailmodo"),
        ("asha@example.com", "people"),
        ("client", "scenario"),
        ("bridge.test", "bridge"),
        ("127.0.0.1", "bridge"),
        ("in1.api.clevertap.com", "clevertap"),
        ("track.customer.io", "customerio"),
    ],
)
def test_every_party_has_a_lane(name: str, lane: str) -> None:
    assert lane_of(name) == lane
