"""The table of settings as JSON Schema: to check what was read, and for editors to complete from.

`values_schema` judges settings by their full names. `file_schema` describes the TOML file as people write it, where
a table may stand for a prefix.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.configuration.row import Row

__all__ = ["file_schema", "values_schema"]

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_TYPES: Final = {"bool": "boolean", "int": "integer", "float": "number", "str": "string"}


def values_schema(rows: Sequence[Row]) -> dict[str, Any]:
    """Describe a mapping of full names to values."""
    return {
        "$schema": _DIALECT,
        "title": "Settings of the bridge",
        "type": "object",
        "additionalProperties": False,
        "properties": {row.name: _value(row) for row in rows},
    }


def file_schema(rows: Sequence[Row]) -> dict[str, Any]:
    """Describe the settings file: full names at the top, or a table for each prefix that several settings share."""
    schema = values_schema(rows)
    prefixes = Counter(row.name.partition("_")[0] for row in rows if "_" in row.name)
    for prefix, count in prefixes.items():
        if count > 1:
            inside = {
                row.name.removeprefix(f"{prefix}_"): _value(row)
                for row in rows
                if row.name.startswith(f"{prefix}_")
            }
            schema["properties"][prefix] = {
                "type": "object",
                "additionalProperties": False,
                "properties": inside,
            }
    return schema


def _value(row: Row) -> dict[str, Any]:
    text = f"{row.help} Environment: {row.variable}."
    if row.type.startswith("tuple"):
        return {
            "description": text,
            "type": "array",
            "items": {"type": "string", "minLength": 1},
            "default": list(row.default),
        }
    value: dict[str, Any] = {"description": text, "type": _TYPES[row.type], "default": row.default}
    if row.choices:
        value["enum"] = list(row.choices)
    if row.least is not None:
        value["minimum"] = row.least
    if row.most is not None:
        value["maximum"] = row.most
    if row.shortest and not row.is_secret:
        value["minLength"] = row.shortest
    if row.is_url:
        value["pattern"] = r"^https?://[^\s/?#@]+(/[^\s?#]*)?$"
    return value
