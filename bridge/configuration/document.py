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
        SettingsInvalid: It is not well-formed, or a key stands there twice.
    """
    places: dict[Path, tuple[int, int]] = {}
    try:
        root = yaml.compose(text, Loader=_LOADER)
        data = _build(root, (), places) if root is not None else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        raise SettingsInvalid(
            Problem(where, "YAML", error.problem or "what cannot be read", "it well-formed")
        ) from None
    except (yaml.YAMLError, RecursionError) as error:
        raise SettingsInvalid(Problem(name, "YAML", str(error), "it well-formed")) from None
    except _Refused as refused:
        line, column = refused.place
        raise SettingsInvalid(
            Problem(f"{name}:{line}:{column}", refused.key, refused.found, refused.wanted)
        ) from None
    return Document(name, data, places)


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
    if len(path) > _DEEPEST:
        raise _Refused(node, str(path[0]), f"values more than {_DEEPEST} deep in each other", "fewer")
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return [_build(item, (*path, index), places) for index, item in enumerate(node.value)]
    found: dict[str, Any] = {}
    for key_node, value_node in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            raise _Refused(key_node, "a key", "a list or a mapping", "a text; an expression stands in quotes")
        key = str(key_node.value)
        if key in found:
            raise _Refused(
                key_node, key, f"it again (first in line {places[*path, key][0]})", "each key once"
            )
        places[*path, key] = _place(key_node)
        found[key] = _build(value_node, (*path, key), places)
    return found


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
