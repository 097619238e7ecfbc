"""Every bound that the vendor notes set is tried by a test, or is said to be somebody else's."""

from __future__ import annotations

import re
from typing import Final

import pytest

from simulator.proofs import PROVED, Proof, proofs
from tests.support.notes import needs_notes, parts
from tests.support.pages import ROOT

FOUND: Final = proofs(ROOT / "tests", "bounds")
_WORDS: Final = re.compile(
    r"(?i)\b(at most|up to|max|minimum|at least|dies|older than|between \d|limit|limits|length|per call|per request"
    r"|per second|per batch|per account|a day|in flight|values each|hours|minutes|characters|tries)\b"
)
BESIDES: Final = {
    "clevertap": {
        "2: 12 characters with the dashes": "an example of section 2",
        "2: not 12 characters": "an example of section 2",
        "3: No `Retry-After`, no rate-limit headers": "an example of section 3",
        "3: Until about 2021 the upload limit was also 3": "history",
        "4: up to 100 per call according to one client": "one client's own; the documentation has no such bound",
        "4: must be cleaned of the forbidden characters above": "the bridge's: tests/bridge/test_routing.py",
        "4: each distinct template name uses one of the 512 event types": "the bridge's: tests/bridge/test_routing.py",
        "14.1: For an inaction longer than 24 hours the advice": "advice to a marketer",
        "14.3: within N hours": "how to build a rule",
    },
    "mailmodo": {
        "1: v4 up to early 2023": "a date",
        "1: free plan up to 1 000 emails a day": "quotas are not faked: docs/fakes/mailmodo.md",
        "5.1: at most about 50 requests per second": "Segment's: tests/fakes/segment",
        "5.1: `messageId` < 100 characters": "Segment's: tests/fakes/segment",
        "5.2: (150 characters)": "RudderStack's own mapping",
        "6: 1 000 records per call, 15 concurrent requests": "CleverTap's: above",
        "6: keys 120 characters, values 512 bytes": "CleverTap's: above",
    },
}
"""What a bound in the notes is not for the fake to keep, with the reason."""


def plain(text: str) -> str:
    """Bring words into the form that marks have: one blank, and a hyphen for the dash of a range."""
    return " ".join(text.split()).replace("\u2013", "-")


@needs_notes
@pytest.mark.parametrize("bound", FOUND, ids=lambda bound: f"{bound.vendor} {bound.what}")
def test_a_bound_stands_in_the_notes(bound: Proof) -> None:
    section, _, words = bound.what.partition(": ")

    assert words in plain(dict(parts(bound.vendor))[section])


@needs_notes
@pytest.mark.parametrize("vendor", PROVED)
def test_every_bound_of_the_notes_is_tried_or_somebody_elses(vendor: str) -> None:
    told = [each.what for each in FOUND if each.vendor == vendor] + list(BESIDES[vendor])
    text = dict(parts(vendor))
    # The open questions have tests of their own, by row.
    sections = [section for section in text if section not in ("15", "7" if vendor == "mailmodo" else "15")]

    open_lines = [
        f"{section}: {line}"
        for section in sections
        for line in text[section].splitlines()
        if not line.startswith("#") and re.search(r"\d", line) and _WORDS.search(line)
        if not any(
            part == section and words in plain(line)
            for part, _, words in (one.partition(": ") for one in told)
        )
    ]

    assert not open_lines
    assert not [
        one for one in BESIDES[vendor] if one.partition(": ")[2] not in plain(text[one.partition(": ")[0]])
    ]
