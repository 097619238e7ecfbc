"""A YAML file as plain data, with the line and column where each value stands.

Plain words follow JSON: `true`, `null` and numbers are what they look like, and everything else is a text, so that
`no` and `on` stay words.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import yaml

from bridge.errors import Problem, SettingsInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Document", "Path", "read_document"]

Path: TypeAlias = tuple[str | int, ...]
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEEPEST: Final = 40
_MOST: Final = 50_000
"""Values of a file: aliases of aliases make billions of a few lines."""
_STANDARD: Final = "tag:yaml.org,2002:"
_MERGE: Final = f"{_STANDARD}merge"
_PLAIN_TAGS: Final = frozenset(
    _STANDARD + name for name in ("bool", "float", "int", "map", "null", "seq", "str", "timestamp", "value")
)
"""What a value without a tag counts as; how it is read is decided here."""


@dataclass(frozen=True, slots=True)
class Document:
    """A file that was read.

    Attributes:
        name: As messages call it.
        data: Dictionaries, lists and scalars.
        places: Line and column of each value by its path, of a mapping's value that of its key.
    """

    name: str
    data: Any
    places: Mapping[Path, tuple[int, int]]

    def where(self, path: Path) -> str:
        """Say where something stands, or the nearest around it that stands in the file."""
        while path and path not in self.places:
            path = path[:-1]
        line, column = self.places.get(path, (1, 1))
        return f"{self.name}:{line}:{column}"

    def line(self, path: Path) -> str:
        """Say in which line something stands."""
        return self.where(path).rpartition(":")[0]


def read_document(text: str, name: str) -> Document:
    """Read YAML.

    Raises:
        SettingsInvalid: It is not well-formed, a key stands there twice, or it means more than plain data.
    """
    places: dict[Path, tuple[int, int]] = {}
    try:
        root = yaml.compose(text, Loader=_LOADER)
        data = _build(root, (), places) if root is not None else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        raise SettingsInvalid(Problem(where, "YAML", _found(error.problem), "it well-formed")) from None
    except (yaml.YAMLError, RecursionError) as error:
        found = "values too deep in each other" if isinstance(error, RecursionError) else str(error)
        raise SettingsInvalid(Problem(name, "YAML", found, "it well-formed")) from None
    except _Refused as refused:
        line, column = refused.place
        raise SettingsInvalid(
            Problem(f"{name}:{line}:{column}", refused.key, refused.found, refused.wanted)
        ) from None
    return Document(name, data, places)


def _found(problem: str | None) -> str:
    """Give what the library says as something that was found."""
    if not problem or problem.startswith("did not"):
        return f"it broken: {problem}" if problem else "what cannot be read"
    return problem.removeprefix("but ").removeprefix("found ")


class _Refused(Exception):
    """Well-formed YAML that is not taken all the same."""

    def __init__(self, node: yaml.Node, key: str, found: str, wanted: str) -> None:
        super().__init__(found)
        self.place = _place(node)
        self.key = key
        self.found = found
        self.wanted = wanted


def _build(node: yaml.Node, path: Path, places: dict[Path, tuple[int, int]]) -> Any:
    places.setdefault(path, _place(node))
    _demand_plain(node, path, len(places))
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return [_build(item, (*path, index), places) for index, item in enumerate(node.value)]
    found: dict[str, Any] = {}
    for key_node, value_node in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            raise _Refused(key_node, "a key", "a list or a mapping", "a text; an expression stands in quotes")
        key = str(key_node.value)
        _demand_plain(key_node, (*path, key), len(places))
        if key in found:
            raise _Refused(
                key_node, key, f"it again (first in line {places[*path, key][0]})", "each key once"
            )
        places[*path, key] = _place(key_node)
        found[key] = _build(value_node, (*path, key), places)
    return found


def _demand_plain(node: yaml.Node, path: Path, number: int) -> None:
    key = str(path[-1]) if path else "the file"
    if len(path) > _DEEPEST:
        raise _Refused(node, key, f"values more than {_DEEPEST} deep in each other", "fewer")
    if number > _MOST:
        raise _Refused(node, key, f"more than {_MOST:,} values, aliases followed", "fewer")
    if node.tag == _MERGE:
        wanted = "the entries themselves; an alias stands for a whole value"
        raise _Refused(node, key, "a merge of mappings", wanted)
    if node.tag not in _PLAIN_TAGS:
        tag = node.tag.replace(_STANDARD, "!!")
        raise _Refused(node, key, f"the tag {tag}", "none")


def _scalar(node: yaml.ScalarNode) -> object:
    text = str(node.value)
    if node.style in tuple("'\"|>"):  # quoted or a block: always a text
        return text
    if text in ("", "~"):
        return None
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return text if isinstance(value, float) and not math.isfinite(value) else value


def _place(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1
