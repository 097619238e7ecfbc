"""Values as vendors take them: flat, scalar, and no longer than allowed."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["cut", "dump", "flatten", "scalar", "snake_case"]


def dump(value: object) -> bytes:
    """Write a record as it goes over the wire; half a surrogate pair becomes a question mark.

    Raises:
        ValueError: A number is infinite or none.
        TypeError: It has a value that JSON has not.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "replace")


def cut(text: str, limit: int) -> str:
    """Cut a text to so many bytes of UTF-8, never through a character."""
    raw = text.encode("utf-8", "replace")
    if len(raw) <= limit:
        return text
    return raw[:limit].decode("utf-8", "ignore")


def scalar(value: object) -> str | int | float | bool | None:
    """Give a value as a scalar: a list of scalars as text with commas, anything else nested as JSON text."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (list, tuple)) and all(isinstance(item, (str, int, float, bool)) for item in value):
        return ", ".join(str(item) for item in value)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, str | int | float | bool]:
    """Give nested values as flat scalars: keys joined by `_` as in Segment's warehouses, nothing for null."""
    flat: dict[str, str | int | float | bool] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            flat |= flatten(value, f"{name}_")
        elif (one := scalar(value)) is not None:
            flat[name] = one
    return flat


def snake_case(name: str) -> str:
    """Write a name in snake_case: `favouriteColour`, `Favourite Colour` and `favourite-colour` are one."""
    parts: list[str] = []
    for index, character in enumerate(name):
        if not character.isalnum():
            parts.append("_")
            continue
        before = name[index - 1] if index else ""
        after = name[index + 1] if index + 1 < len(name) else ""
        starts_word = character.isupper() and (before.islower() or (before.isupper() and after.islower()))
        parts.append(f"_{character.lower()}" if starts_word else character.lower())
    return "_".join(part for part in "".join(parts).split("_") if part) or name
