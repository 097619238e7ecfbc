"""Dataclasses from JSON values and back, by their annotations: how the control API creates what a dashboard would.

A field is read as its annotation says: text, numbers, lists, mappings; seconds for a time span, the value for one of
a closed set, an ISO text for an instant. Where an annotation allows several dataclasses, `type` names the one that is
meant. So a fake that learns a new kind of campaign or condition offers it at once.
"""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from datetime import date, datetime, time, timedelta
from enum import Enum
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from fakes.kit.errors import ControlRefused

__all__ = ["read_value", "show_value"]

_NAMES = {
    "Mapping": Mapping, "Sequence": Sequence, "datetime": datetime, "date": date, "time": time, "timedelta": timedelta,
    "Any": Any,
}  # fmt: skip
_WORDS = {
    str: "text", int: "a whole number", float: "a number", bool: "true or false", timedelta: "seconds",
    datetime: "an instant in ISO 8601", date: "a day in ISO 8601", time: "a time of day in ISO 8601",
    type(None): "null",
}  # fmt: skip


def read_value(kind: Any, value: Any, where: str) -> Any:
    """Read a value of an annotated type.

    Args:
        kind: A class, or what an annotation says.
        value: From JSON.
        where: What messages call it.

    Raises:
        ControlRefused: It is not of that type; the message says where, what was found and what was wanted.
    """
    origin = get_origin(kind)
    if kind is Any or kind is object:
        return value
    if origin in (Union, types.UnionType):
        return _read_one_of(get_args(kind), value, where)
    if origin is Literal:
        if value not in get_args(kind):
            raise _refused(where, value, " or ".join(map(json.dumps, get_args(kind))))
        return value
    if origin is not None:
        return _read_container(origin, get_args(kind), value, where=where)
    if is_dataclass(kind):
        return _read_dataclass(kind, value, where)
    return _read_scalar(kind, value, where)


def show_value(value: Any) -> Any:
    """Write a value as JSON has it; a dataclass with its `type`."""
    if is_dataclass(value) and not isinstance(value, type):
        shown = {each.name: show_value(getattr(value, each.name)) for each in fields(value) if each.init}
        return {"type": type(value).__name__, **shown}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(show_value(key)): show_value(inside) for key, inside in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [show_value(inside) for inside in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _read_one_of(kinds: tuple[Any, ...], value: Any, where: str) -> Any:
    if value is None and type(None) in kinds:
        return None
    ours = {str(kind.__name__): kind for kind in kinds if isinstance(kind, type) and is_dataclass(kind)}
    if ours and isinstance(value, dict):
        name = value.get("type", next(iter(ours)) if len(ours) == 1 else None)
        if name not in ours:
            raise _refused(f"{where}.type", name, " or ".join(ours))
        return _read_dataclass(ours[name], {key: value[key] for key in value if key != "type"}, where)
    refusals = []
    for kind in kinds:
        if kind is not type(None) and not is_dataclass(kind):
            try:
                return read_value(kind, value, where)
            except ControlRefused as error:
                refusals.append(error)
    if len(refusals) == 1:
        raise refusals[0]
    raise _refused(where, value, " or ".join(map(_in_words, kinds)))


def _read_container(origin: Any, inside: tuple[Any, ...], value: Any, *, where: str) -> Any:
    if isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(value, dict):
            raise _refused(where, value, "an object")
        return {
            read_value(inside[0], key, where): read_value(inside[1], item, f"{where}.{key}")
            for key, item in value.items()
        }
    if not isinstance(value, list):
        raise _refused(where, value, "an array")
    if origin is tuple and Ellipsis not in inside:
        if len(value) != len(inside):
            raise _refused(where, value, f"{len(inside)} items")
        each = inside
    else:
        each = (inside[0],) * len(value)
    items = [
        read_value(kind, item, f"{where}[{index}]")
        for index, (kind, item) in enumerate(zip(each, value, strict=True))
    ]
    return items if origin in (list, Sequence) else origin(items)


def _read_dataclass(kind: Any, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise _refused(where, value, f"an object, a {kind.__name__}")
    hints = _hints(kind)
    known = {each.name: each for each in fields(kind) if each.init}
    for name in value:
        if name not in known:
            raise _refused_for(
                f"{where}.{name}", "a word that it does not have", f"one of {', '.join(known)}"
            )
    for name, each in known.items():
        if name not in value and each.default is MISSING and each.default_factory is MISSING:
            raise _refused_for(f"{where}.{name}", "nothing", "a value")
    read = {name: read_value(hints[name], item, f"{where}.{name}") for name, item in value.items()}
    try:
        return kind(**read)
    except ValueError as error:
        raise ControlRefused(400, "bad_request", f"{where}: {error}") from error


def _read_scalar(kind: Any, value: Any, where: str) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if (
        isinstance(kind, type)
        and isinstance(value, kind)
        and not (isinstance(value, bool) and kind is not bool)
    ):
        return value
    if (
        kind is timedelta
        and isinstance(value, int | float)
        and not isinstance(value, bool)
        and abs(value) < 4e9
    ):
        return timedelta(seconds=value)
    try:
        if isinstance(kind, type) and issubclass(kind, Enum):
            return kind(value)
        if kind in (datetime, date, time) and isinstance(value, str):
            return kind.fromisoformat(value)
    except ValueError:
        pass
    raise _refused(where, value, _in_words(kind))


def _in_words(kind: Any) -> str:
    """Say what JSON has for a type."""
    if isinstance(kind, type) and issubclass(kind, Enum):
        return " or ".join(json.dumps(one.value) for one in kind)
    return _WORDS.get(kind) or str(getattr(kind, "__name__", kind))


@cache
def _hints(kind: Any) -> Mapping[str, Any]:
    """Give the annotations of a class; what its module imports for the type checker only is looked up by name."""
    return get_type_hints(kind, localns={**_names_of(kind.__module__.rpartition(".")[0]), **_NAMES})


@cache
def _names_of(package: str) -> Mapping[str, Any]:
    """Give what the modules of a vendor make public."""
    modules = [module for name, module in sys.modules.items() if name.startswith(f"{package}.")]
    return {name: getattr(module, name) for module in modules for name in getattr(module, "__all__", ())}


def _refused(where: str, value: Any, wanted: str) -> ControlRefused:
    return _refused_for(
        where, "nothing" if value is None else json.dumps(value, ensure_ascii=False)[:80], wanted
    )


def _refused_for(where: str, found: str, wanted: str) -> ControlRefused:
    return ControlRefused(400, "bad_request", f"{where}: found {found}, wanted {wanted}")
