"""How examples are compared with what the notes show: nothing is taken for said that is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support import notes
from tests.support.notes import compare, says, shown, unsaid

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (
            "Email is not valid.Skipped record number : N",
            {"error": "Email is not valid.Skipped record number : 12"},
        ),
        ('{"status":"success","count":n}', {"status": "success", "count": 5}),
        ('{"success": true, "ref": "<uuid>"}', {"success": True, "ref": "4d2c"}),
        ('{success: true, message: "journey Executed"}', {"success": True, "message": "journey Executed"}),
        ('["Invalid event : Uninstalled"]', {"error": '["Invalid event : Uninstalled"]'}),
        ('{"a":{…the record…},"b":n,…}', {"a": {"x": 1}, "b": 2}),
    ],
)
def test_what_is_shown_is_found(text: str, value: Any) -> None:
    assert says(text, value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Email is not valid. Skipped", {"error": "Email is no valid.Skipped"}),
        ("number : N", {"error": "number : none"}),
        ('{"status":"success"}', {"status": "success", "count": 5}),
        ('{"status":"success","count":n}', {"status": "success"}),
        ("status: fail", {"status": "failed"}),
        ("processed: 0", {"processed": 10}),
    ],
)
def test_what_is_not_shown_is_not_found(text: str, value: Any) -> None:
    assert not says(text, value)


def test_notes_and_examples_are_compared_both_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "vendor.md").write_text(
        "intro `not a section`\n\n## 1. One\n`one word` `word` `{x}` `POST /a b` `U:a page.md` `a \\| b`\n"
        "### 1.1 More\n`more\nwords`\n## 2. Sources\n`no fact`\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(notes, "NOTES", tmp_path)

    assert shown("vendor") == {("1", "one word"), ("1", "{x}"), ("1", "a | b"), ("1.1", "more words")}
    assert compare(
        "vendor", [("1", "one word"), ("1.1", "more words")], {("1", "{x}"): "", ("2", "gone"): ""}
    ) == [
        "shown in 1 and in no example: a | b",
        "no longer in 2: gone",
    ]


CONSTANT = "from afar"


@pytest.mark.shows("1", "said here", "from afar", "only marked")
def lacks_words() -> tuple[str, str]:
    return "said here", CONSTANT


def test_mark_whose_words_a_test_lacks_is_told() -> None:
    assert unsaid(globals()) == ["lacks_words: 1 only marked, lacks only marked"]
