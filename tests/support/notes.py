"""The vendor notes beside the project, where they are at hand: their sections, and what they show word for word."""

from __future__ import annotations

import ast
import inspect
import json
import re
import textwrap
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.support.pages import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from types import FunctionType

NOTES: Final = ROOT.parent / "shared" / "vendors"
needs_notes = pytest.mark.skipif(not NOTES.is_dir(), reason=f"the vendor notes are not at {NOTES}")

_HEAD: Final = re.compile(r"^###? (\d+(?:\.\d+)?)\.? (.*)$", re.MULTILINE)
_SOURCE: Final = re.compile(
    r"^(U|D|AE|MCP|RUD|SNIP|CASS|OA-\w+|SUP-\w+|SEG-\w+|AE-\w+|RS-\w+|PD):|^[\w.-]+/[\w.-]+(:|$)|\.(py|ts|rb|js|go|php|md|mjs|yml|yaml)\b"
)
_REQUEST: Final = re.compile(r"^((GET|POST|PUT|PATCH|DELETE) |/|https?://)")
_WORD: Final = re.compile(r"[\w-]*\w")
_NUMBER: Final = re.compile(r"(?<=[:(])[nNk](?=[,}]|$)")
_PERHAPS: Final = re.compile(r"[\w.-]+\?(\{[^}]*\}|\[\])?,? ?")
_FREE: Final = re.compile(r"<[^>]*>|,?…([^…{}]*…)?|\.\.\.|\[entries\]|\[\{\w+(,\w+)*\}\]")


class Like:
    """Equals every text that a pattern matches from end to end."""

    def __init__(self, pattern: str) -> None:
        self._pattern = re.compile(pattern)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and self._pattern.fullmatch(other) is not None

    __hash__ = None  # type: ignore[assignment]  # it stands for many values

    def __repr__(self) -> str:
        return f"<like {self._pattern.pattern}>"


class AnyNumber:
    """Equals every whole number."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, int) and not isinstance(other, bool)

    __hash__ = None  # type: ignore[assignment]  # it stands for many values

    def __repr__(self) -> str:
        return "<a number>"


def parts(vendor: str) -> Iterator[tuple[str, str]]:
    """Give number and text of every section of a vendor's notes; that of `2` ends where `2.1` begins."""
    text = (NOTES / f"{vendor}.md").read_text(encoding="utf-8")
    heads = [*_HEAD.finditer(text)]
    ends = [head.start() for head in heads[1:]] + [len(text)]
    for head, end in zip(heads, ends, strict=True):
        if "ources" not in head[2]:
            yield head[1], text[head.start() : end]


def shown(vendor: str) -> set[tuple[str, str]]:
    """Give all that a vendor's notes show as code and that is more than a word: texts, bodies, headers, notations.

    Paths are not among them, nor where a fact is from: `simulator.proofs` lists the ones, contracts have the others.
    """
    found = set()
    for section, text in parts(vendor):
        for span in " ".join(text.split()).split("`")[1::2]:
            plain = span.replace("\\|", "|").strip()
            is_more = " " in plain or "{" in plain
            if is_more and not _SOURCE.search(plain) and not _REQUEST.match(plain):
                found.add((section, plain))
    return found


def says(text: str, *values: Any) -> bool:
    """Look for a text of the notes, where `<…>` and the like stand for anything, in values shown as JSON."""
    pattern = _pattern(text)
    return any(pattern.search(_bare(json.dumps(value, ensure_ascii=False))) for value in values)


def has_keys(text: str, *values: Any) -> bool:
    """Look for every key of a body that the notes show without values, where `?` stands after what may be absent."""
    there = _PERHAPS.sub("", text)
    keys = set(
        re.findall(r"(?<![:<])\b[A-Za-z_][\w-]*\b(?!>)", re.sub(r":\s*(true|false)|<[^>]*>", "", there))
    )
    return any(keys <= set(_keys(value)) for value in values)


def _keys(value: Any) -> Iterator[str]:
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _keys(inner)
    if isinstance(value, dict):
        yield from value


def _pattern(text: str) -> re.Pattern[str]:
    bare = _NUMBER.sub("<n>", _bare(text))
    pieces = []
    at = 0
    for free in _FREE.finditer(bare):
        pieces += [re.escape(bare[at : free.start()]), r"-?\d+" if free[0] == "<n>" else ".*"]
        at = free.end()
    return re.compile(rf"(?<!\w){''.join(pieces)}{re.escape(bare[at:])}(?!\w)")


def _bare(text: str) -> str:
    """Take away in what a note and JSON may differ without saying anything else: blanks and quotes."""
    return re.sub(r"[\s\"\\]", "", text)


def marked(names: Mapping[str, Any]) -> Iterator[tuple[str, str, FunctionType]]:
    """Give (section, text, test) of every mark `shows` in a module."""
    for test in [each for each in names.values() if inspect.isfunction(each)]:
        for mark in getattr(test, "pytestmark", ()):
            if mark.name == "shows":
                section, *texts = mark.args
                yield from ((section, text, test) for text in texts)


def unsaid(names: Mapping[str, Any]) -> list[str]:
    """Give the marked texts of which a word stands neither in the marked test nor in a constant that it uses."""
    missing = []
    for section, text, test in marked(names):
        has = _words_of(test, names)
        words = _WORD.findall(re.sub(r"<[^>=]*>", "", text)) or [text.strip("{}[]… ")]
        lacks = [word for word in words if word.lower() not in has]
        missing += [f"{test.__name__}: {section} {text}, lacks {' '.join(lacks)}"] if lacks else []
    return missing


def _words_of(test: FunctionType, names: Mapping[str, Any]) -> str:
    """Give all texts in a test and its parameters, but not in its marks, and in the constants that it uses."""
    [function] = ast.parse(textwrap.dedent(inspect.getsource(test))).body
    assert isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
    function.decorator_list = [each for each in function.decorator_list if ".shows(" not in ast.unparse(each)]
    found = [name for node in ast.walk(function) for name in _named(node)]
    found += [str(names.get(node.id, "")) for node in ast.walk(function) if isinstance(node, ast.Name)]
    return "\n".join(found).lower()


def _named(node: ast.AST) -> Iterator[str]:
    for field in ("value", "id", "attr", "arg"):
        value = getattr(node, field, None)
        if value is not None and not isinstance(value, ast.AST):
            yield str(value)


def compare(
    vendor: str, told: Iterable[tuple[str, str]], besides: Mapping[tuple[str, str], str]
) -> list[str]:
    """Compare what examples tell with what the notes show.

    Args:
        vendor: Whose notes.
        told: Section and text of every example.
        besides: What has no example, with the reason.

    Returns:
        One line for each that is only on one side.
    """
    wanted, found = shown(vendor), {*told, *besides}
    lines = [f"shown in {section} and in no example: {text}" for section, text in sorted(wanted - found)]
    return lines + [f"no longer in {section}: {text}" for section, text in sorted(found - wanted)]
