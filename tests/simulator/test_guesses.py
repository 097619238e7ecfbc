"""What a contract marks as guessed is listed, and nothing else is."""

from __future__ import annotations

from typing import Any

from simulator.guesses import Marked, marked


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
