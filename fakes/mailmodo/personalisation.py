"""Texts with `${name}` variables, and where the values come from.

A text is split once, when its template or campaign is made; filling it in is a join.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Text", "Values", "as_text"]

_VARIABLE = re.compile(r"\$\{\s*([^{}$]+?)\s*\}")


@dataclass(frozen=True, slots=True)
class Text:
    """A text, split at its variables.

    Attributes:
        parts: Literal text and names of variables in turn, beginning and ending with literal text.
    """

    parts: tuple[str, ...]

    @classmethod
    def of(cls, source: str) -> Text:
        """Split a text at its `${name}` variables."""
        return cls(tuple(_VARIABLE.split(source)))

    @property
    def source(self) -> str:
        """The text as it was written, variables and all."""
        return self.fill(lambda name: f"${{{name}}}")

    @property
    def names(self) -> tuple[str, ...]:
        """The variables, each once, in the order in which they first come."""
        return tuple(dict.fromkeys(self.parts[1::2]))

    def fill(self, value_of: Callable[[str], str]) -> str:
        """Put values in place of the variables."""
        if len(self.parts) == 1:
            return self.parts[0]
        filled = list(self.parts)
        for index in range(1, len(filled), 2):
            filled[index] = value_of(filled[index])
        return "".join(filled)


class Values:
    """The values for one mail: the first layer that has one wins; none at all is the empty string.

    Layers are `campaign_data`, `data`, the contact's properties, in this order. Source: OA-send.
    """

    __slots__ = ("_layers",)

    def __init__(self, *layers: Mapping[str, Any]) -> None:
        self._layers = layers

    def __call__(self, name: str) -> str:
        """Give the value of a variable as text."""
        for layer in self._layers:
            value = layer.get(name)
            if value is not None:
                return as_text(value)
        return ""


def as_text(value: object) -> str:
    """Write a JSON value as people read it: a text as it is, anything else as JSON has it."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    return json.dumps(value, ensure_ascii=False)
