from __future__ import annotations

from itertools import pairwise

import pytest

from simulator.documents import DocumentUnreadable, Position, read_document

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in pairwise("abcdefgh")
)
"""Eight lines that stand for forty million values."""


def data(text: str) -> object:
    return read_document(text, "story.yaml").data


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("yes", "yes"),
        ("9:00", "9:00"),
        ("0:30", "0:30"),
        ("2026-03-02", "2026-03-02"),
        ("2026-03-02T09:00:00+05:30", "2026-03-02T09:00:00+05:30"),
        ("0o17", "0o17"),
        ("1_000", "1_000"),
        ("007", 7),
        ("-3", -3),
        ("2.50", 2.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("True", True),
        ("FALSE", False),
        ("null", None),
        ("~", None),
        ("''", ""),
        ("'7'", "7"),
        ('"true"', "true"),
        ("|\n  7", "7"),
    ],
)
def test_scalars_are_read_as_people_mean_them(text: str, value: object) -> None:
    found = data(f"key: {text}")

    assert found == {"key": value}
    assert isinstance(found, dict)
    assert type(found["key"]) is type(value)


def test_an_empty_value_is_nothing() -> None:
    assert data("key:") == {"key": None}
    assert data("") is None
    assert data("# only a comment\n") is None


def test_an_alias_stands_for_what_it_names() -> None:
    assert data("a: &a {x: 1}\nb: [*a, *a]") == {"a": {"x": 1}, "b": [{"x": 1}, {"x": 1}]}


def test_lists_and_mappings_nest() -> None:
    assert data("a: [1, {b: 2}]\nc:\n  - d\n") == {"a": [1, {"b": 2}], "c": ["d"]}


def test_keys_are_words_even_when_they_look_like_something_else() -> None:
    assert data("1: a\ntrue: b\n") == {"1": "a", "true": "b"}


def test_values_and_keys_know_where_they_stand() -> None:
    document = read_document("a: 1\nlist:\n  - x\n  - b: 2\n", "story.yaml")

    assert document.where(("list", 1, "b")) == Position("story.yaml", 4, 8)
    assert document.where(("list", 1, "b"), key=True) == Position("story.yaml", 4, 5)
    assert document.where(("list",)) == Position("story.yaml", 3, 3)
    assert str(document.where(("a",))) == "story.yaml:1:4"


def test_what_does_not_stand_in_the_file_is_where_its_parent_is() -> None:
    document = read_document("a:\n  b: 1\n", "story.yaml")

    assert document.where(("a", "missing", 3)) == Position("story.yaml", 2, 3)
    assert document.where(("nothing",)) == Position("story.yaml", 1, 1)
    assert read_document("", "story.yaml").where(("a",)) == Position("story.yaml", 1, 1)


def test_the_first_comment_is_kept_without_editor_lines() -> None:
    text = "# yaml-language-server: $schema=x\n# Proves: one thing,\n# and another.\nkey: 1\n# later\n"

    assert read_document(text, "s").first_comment == "Proves: one thing, and another."
    assert read_document("key: 1\n# late\n", "s").first_comment == ""


@pytest.mark.parametrize(
    ("text", "line", "column", "problem"),
    [
        ("a: 1\n\tb: 2", 2, 1, "found a tab; YAML is indented with spaces"),
        ("a: [1", 2, 1, "not well-formed YAML"),
        ("a: 1\nb: 2\na: 3", 3, 1, "`a` stands here for a second time (first in line 1)"),
        ("a:\n  b: 1\n  b: 2", 3, 3, "`b` stands here for a second time (first in line 2)"),
        ("a: {{ people.count }}", 1, 5, "an expression must stand in quotes"),
        ("[1, 2]: x", 1, 1, "a list as a key"),
        ("a: 'open", 1, 9, "not well-formed YAML"),
        ("a: *nobody", 1, 4, "not well-formed YAML"),
        ("a: b: c", 1, 5, "not well-formed YAML"),
        ("a: 1\n---\nb: 2", 2, 1, "not well-formed YAML"),
        ("a: \x00", 1, 1, "story.yaml"),
        ("a: &a [*a]", 1, 4, "an alias inside of what it stands for"),
        ("a: &a {b: {c: *a}}", 1, 4, "an alias inside of what it stands for"),
        ("a: " + "[" * 60 + "]" * 60, 1, 53, "more than 50 deep"),
        ("a: " + "[" * 100_000 + "]" * 100_000, 1, 53, "more than 50 deep"),
        (BOMB, 5, 4, "aliases of aliases"),
    ],
)
def test_what_cannot_be_read_is_pointed_at(text: str, line: int, column: int, problem: str) -> None:
    with pytest.raises(DocumentUnreadable) as refusal:
        read_document(text, "story.yaml")

    assert problem in str(refusal.value)
    assert (refusal.value.position.line, refusal.value.position.column) == (line, column)
