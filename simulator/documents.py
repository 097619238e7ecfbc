"""YAML with positions: plain data, and for every value the line and column where it stands.

Scalars follow YAML 1.2's core schema (`no`, `on` and `9:00` stay text; dates stay text), because a scenario is
read aloud by people who do not know YAML 1.1's surprises.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Document", "DocumentUnreadable", "Position", "read_document"]

Path = tuple[str | int, ...]
_INTEGER: Final = re.compile(r"[-+]?\d+")
_NUMBER: Final = re.compile(r"[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?")
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEEPEST: Final = 50
_MOST_COPIES: Final = 20_000
"""How many values aliases may add to a text."""

_TOO_DEEP: Final = f"found lists and mappings more than {_DEEPEST} deep in each other"
_WORDS: Final[Mapping[str, object]] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Position:
    """Where something stands in a file; lines and columns count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class DocumentUnreadable(Exception):
    """The text is not YAML that can be read.

    Attributes:
        position: Where.
        problem: What is wrong there.
    """

    def __init__(self, position: Position, problem: str) -> None:
        super().__init__(f"{position}: {problem}")
        self.position = position
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML file as plain data.

    Attributes:
        file: Its name, as the user gave it.
        data: Dictionaries, lists and scalars.
        values: Position of each value by its path.
        keys: Position of each mapping key by the path of its value.
        first_comment: The text of the comment lines that open the file, without `#`.
    """

    file: str
    data: Any
    values: dict[Path, Position] = field(repr=False)
    keys: dict[Path, Position] = field(repr=False)
    first_comment: str = ""

    def where(self, path: Path, *, key: bool = False) -> Position:
        """Find the position of a value, or of its key; of the nearest parent that stands in the file."""
        table = self.keys if key else self.values
        while path and path not in table:
            path = path[:-1]
        return table.get(path) or self.values.get((), Position(self.file, 1, 1))


def read_document(text: str, file: str) -> Document:
    """Read YAML text.

    Raises:
        DocumentUnreadable: It is not well-formed, a key is used twice, a key is not a word, lists and mappings
            stand in each other beyond reason, or aliases make endlessly or absurdly much of it.
    """
    try:
        _check_depth(text, file)
        root = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        position = Position(file, mark.line + 1, mark.column + 1) if mark else Position(file, 1, 1)
        raise DocumentUnreadable(position, _explain(error, text, position)) from None
    except yaml.YAMLError as error:
        raise DocumentUnreadable(Position(file, 1, 1), str(error)) from None
    document = Document(file, None, {}, {}, _first_comment(text))
    # Without aliases no text has more values than characters.
    builder = _Builder(document, most_values=len(text) + _MOST_COPIES)
    data = builder.build(root, ()) if root is not None else None
    return Document(file, data, document.values, document.keys, document.first_comment)


def _check_depth(text: str, file: str) -> None:
    """Refuse what lies too deep before it is composed: the loader calls itself, and may take the process along."""
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _DEEPEST:
                mark = event.start_mark
                position = Position(file, mark.line + 1, mark.column + 1) if mark else Position(file, 1, 1)
                raise DocumentUnreadable(position, _TOO_DEEP)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


class _Builder:
    def __init__(self, document: Document, *, most_values: int) -> None:
        self._document = document
        self._most_values = most_values
        self._around: set[int] = set()

    def build(self, node: yaml.Node, path: Path) -> Any:
        position = self._document.values[path] = self._position(node)
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node)
        if id(node) in self._around:
            raise DocumentUnreadable(
                position, "found an alias inside of what it stands for; it would never end"
            )
        if len(self._document.values) > self._most_values:
            position = self._document.values[path[:1]]
            raise DocumentUnreadable(
                position, "found aliases of aliases that make too much of so short a text"
            )
        self._around.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, path)
            return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
        finally:
            self._around.discard(id(node))

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise DocumentUnreadable(
                    self._position(key_node),
                    'found `{{ … }}` or a list as a key; an expression must stand in quotes: "{{ … }}"',
                )
            key = str(key_node.value)
            if key in found:
                first = self._document.keys[*path, key]
                raise DocumentUnreadable(
                    self._position(key_node),
                    f"`{key}` stands here for a second time (first in line {first.line})",
                )
            self._document.keys[*path, key] = self._position(key_node)
            found[key] = self.build(value_node, (*path, key))
        return found

    def _position(self, node: yaml.Node) -> Position:
        return Position(self._document.file, node.start_mark.line + 1, node.start_mark.column + 1)


def _scalar(node: yaml.Node) -> object:
    text = str(node.value)
    if getattr(node, "style", None) in tuple("'\"|>"):  # quoted or a block: always text
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _NUMBER.fullmatch(text):
        return float(text)
    return text


def _explain(error: yaml.MarkedYAMLError, text: str, position: Position) -> str:
    lines = text.splitlines()
    if position.line <= len(lines) and lines[position.line - 1][position.column - 1 :].startswith("\t"):
        return "found a tab; YAML is indented with spaces"
    context = f" {error.context}" if error.context else ""
    return f"not well-formed YAML: {error.problem or 'cannot be read'}{context}"


def _first_comment(text: str) -> str:
    lines = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        words = line.lstrip("# ").strip()
        if not words.startswith("yaml-language-server"):
            lines.append(words)
    return " ".join(lines).strip()
