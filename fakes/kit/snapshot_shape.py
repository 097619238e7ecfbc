"""What a snapshot keeps of a thing: which fields, and what it refers to."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache, partial
from types import CellType, CodeType, FunctionType, MappingProxyType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from dataclasses import Field

__all__ = ["attributes", "code_named", "is_ours", "is_ours_module", "kept_fields", "things_in", "type_name"]


def kept_fields(kind: Any) -> list[Field[Any]]:
    """Give the fields that a dataclass is made from; what `__post_init__` derives from them is derived again."""
    derives = hasattr(kind, "__post_init__")
    return [each for each in fields(kind) if each.init or not derives]


def attributes(value: Any) -> Iterator[tuple[str, Any]]:
    """Give the fields of an object that are kept."""
    if is_dataclass(value):
        for each in kept_fields(value):
            yield each.name, getattr(value, each.name)
        return
    if isinstance(value, tuple):  # one with named fields; a plain one has a form of its own
        named: Any = value
        yield from zip(named._fields, named, strict=True)
        return
    for kind in type(value).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in ("__dict__", "__weakref__") and hasattr(value, name):
                yield name, getattr(value, name)
    yield from getattr(value, "__dict__", {}).items()


def things_in(value: Any) -> Iterator[tuple[str, Any]]:
    """Give what a thing refers to, with where it stands."""
    if isinstance(value, dict | MappingProxyType):
        for key, inside in value.items():
            yield "key", key
            yield str(key), inside
    elif isinstance(value, list | tuple | set | frozenset | deque):
        for index, inside in enumerate(value):
            yield str(index), inside
    elif is_ours(type(value)) and not isinstance(value, Enum):
        yield from attributes(value)
    else:
        yield from _things_in_behaviour(value)


def _things_in_behaviour(value: Any) -> Iterator[tuple[str, Any]]:
    """Give what something refers to that is to be called later."""
    found: tuple[Any, ...] = ()
    if isinstance(value, MethodType):
        found = (value.__self__,)
    elif isinstance(value, FunctionType):
        found = value.__closure__ or ()
    elif isinstance(value, CellType):
        yield from _in_cell(value)
    elif isinstance(value, partial):
        found = (value.func, *value.args, *value.keywords.values())
    elif isinstance(value, asyncio.TimerHandle):
        # asyncio shows only when a timer is due.
        found = (value._callback, *(value._args or ()))  # type: ignore[attr-defined]  # noqa: SLF001 - as above
    for inside in found:
        yield "later", inside


def is_ours(kind: type) -> bool:
    """Say whether a type is a fake's own."""
    return is_ours_module(kind.__module__)


def is_ours_module(name: str) -> bool:
    """Say whether a module is a fake's own."""
    return name.partition(".")[0] == "fakes"


def type_name(kind: type) -> str:
    """Name a type so that it can be found again."""
    return f"{kind.__module__}:{kind.__qualname__}"


def code_named(module: ModuleType, qualname: str) -> CodeType | None:
    """Find the code of a function of a module, also of one inside another; None unless there is exactly one."""
    return _codes(module).get(qualname)


@cache
def _codes(module: ModuleType) -> dict[str, CodeType | None]:
    found: dict[str, CodeType | None] = {}

    def visit(code: CodeType) -> None:
        name = code.co_qualname
        found[name] = None if name in found else code  # two lambdas in one function have the same name
        found[f"{name}@{code.co_firstlineno}"] = code
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                visit(constant)

    for value in vars(module).values():
        members = vars(value).values() if isinstance(value, type) else (value,)
        for member in members:
            function = getattr(member, "__func__", member)
            if isinstance(function, FunctionType) and function.__module__ == module.__name__:
                visit(function.__code__)
    return found


def _in_cell(cell: CellType) -> Iterator[tuple[str, Any]]:
    try:
        yield "value", cell.cell_contents
    except ValueError:
        return  # a variable that was never set
