"""What a contract marks as guessed is listed, and nothing else is."""

from __future__ import annotations

import re
from typing import Any

import pytest

from contracts import VENDORS, load_contract
from fakes.kit.control_page import TITLES
from simulator.guesses import LEVELS, Marked, confidence_levels, levels_of, marked


def _document() -> dict[str, Any]:
    inner = {"x-confidence": "guess", "description": "Inside a guess."}
    return {
        "paths": {
            "/track": {
                "post": {
                    "operationId": "track",
                    "x-confidence": "doc",
                    "parameters": [
                        {"name": "at", "x-confidence": "guess", "description": "A | b_c <d>\nor `e_f`."}
                    ],
                    "responses": {"400": {"x-confidence": "inferred", "description": "Refused."}},
                }
            }
        },
        "components": {
            "schemas": {
                "Reply": {
                    "x-confidence": "guess",
                    "x-source": "notes",
                    "title": "A reply",
                    "properties": {"code": inner},
                },
                "Known": {
                    "properties": {"x-confidence": {"const": "guess"}, "example": {"x-confidence": "guess"}},
                    "example": {"x-confidence": "guess"},
                },
            }
        },
    }


def test_guesses_are_listed_in_order_and_nothing_else_is() -> None:
    assert list(marked(_document(), "guess")) == [
        Marked("`track`, parameter `at`", "A \\| b\\_c &lt;d> or `e_f`.", ""),
        Marked("`Reply` (schemas)", "A reply", "notes"),
        Marked("`Known` (schemas), field `example`", "properties example", ""),
    ]


def test_what_is_inferred_is_listed_apart() -> None:
    assert list(marked(_document(), "inferred")) == [Marked("`track`, response `400`", "Refused.", "")]


def test_a_part_that_places_share_is_listed_once() -> None:
    shared = {"x-confidence": "guess", "title": "Shared"}

    found = list(marked({"components": {"schemas": {"One": shared, "Two": shared}}}, "guess"))

    assert found == [Marked("`One` (schemas)", "Shared", "")]


@pytest.mark.parametrize("vendor", [*VENDORS, "bridge"])
def test_every_level_that_a_contract_uses_or_names_is_explained(vendor: str) -> None:
    document = load_contract(vendor).document
    named = document["info"].get("description", "").partition("x-confidence")[2].partition("Sources:")[0]

    assert set(levels_of(document)) <= set(LEVELS)
    assert {word for word in re.findall("`([a-z]+)`", named) if not word.startswith("x-")} <= set(LEVELS)


def test_levels_are_counted_once_for_each_part_and_not_in_data() -> None:
    assert levels_of(_document()) == {"doc": 1, "guess": 4, "inferred": 1}


def test_the_page_shows_every_level_with_its_meaning() -> None:
    page = confidence_levels()

    assert all(f"| `{level}` | {meaning} |" in page for level, meaning in LEVELS.items())
    for level in LEVELS:
        [row] = [row for row in page.splitlines() if row.startswith(f"| `{level}` |")]
        users = [vendor for vendor in VENDORS if levels_of(load_contract(vendor).document)[level]]
        assert row.endswith(f"| {', '.join(TITLES[vendor] for vendor in users) or 'none yet'} |")
