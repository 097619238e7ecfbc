"""Writes what hangs on a fake's memory into a JSON document; `fakes.kit.snapshots` says in which form."""

from __future__ import annotations

import asyncio
import math
import sys
from base64 import b64encode
from collections import Counter, OrderedDict, deque
from datetime import date, datetime, timedelta
from enum import Enum
from functools import partial
from types import CellType, FunctionType, MappingProxyType, MethodType
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from fakes.kit.errors import SnapshotImpossible
from fakes.kit.exchange import current_cause
from fakes.kit.snapshot_shape import attributes, code_named, is_ours, is_ours_module, things_in, type_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Writer"]

_PLAIN: Final = (str, int, bool, type(None))


class Writer:
    """Writes one document. First `count` everything that will be in it, then write.

    Attributes:
        timers: Those that were met while counting.
    """

    def __init__(self, live: Mapping[str, object], *, now: Callable[[], datetime]) -> None:
        self.timers: list[asyncio.TimerHandle] = []
        self._live = {id(value): name for name, value in live.items()}
        self._now = now
        self._uses: Counter[int] = Counter()
        self._ids: dict[int, int] = {}
        self._kept: list[object] = []

    def count(self, value: Any, path: str) -> None:
        """Count how often each thing is referred to, and find timers."""
        if isinstance(value, _PLAIN) or id(value) in self._live:
            return
        self._uses[id(value)] += 1
        if self._uses[id(value)] > 1:
            return
        self._kept.append(value)  # or its id could become another's
        if isinstance(value, asyncio.TimerHandle):
            self.timers.append(value)
        for name, inside in things_in(value):
            self.count(inside, f"{path}.{name}")

    def write_mapping(self, value: Mapping[Any, Any], path: str) -> dict[str, Any]:
        """Write a dictionary; as a plain JSON object where its keys allow."""
        if all(isinstance(key, str) and type(key) is str and not key.startswith("$") for key in value):
            return {key: self.write(inside, f"{path}.{key}") for key, inside in value.items()}
        return {
            "$dict": [
                [self.write(key, path), self.write(inside, f"{path}.{key}")] for key, inside in value.items()
            ]
        }

    def write(self, value: Any, path: str) -> Any:
        """Write one value."""
        name = self._live.get(id(value))
        if name is not None:
            return {"$live": name}
        if type(value) in _PLAIN:
            return value
        simple = self._write_simple(value)
        if simple is not None:
            return simple
        if id(value) in self._ids:
            return {"$ref": self._ids[id(value)]}
        mark = {}
        if self._uses[id(value)] > 1:
            mark = {"$id": len(self._ids) + 1}
            self._ids[id(value)] = mark["$id"]
        written = self._write_shared(value, path)
        if isinstance(written, list):
            return {**mark, "$list": written} if mark else written
        return {**mark, **written}

    def _write_simple(self, value: Any) -> Any:
        """Write what is equal to another of its kind; None when it is something else."""
        if isinstance(value, Enum):
            return {"$enum": [type_name(type(value)), value.name]}
        if type(value) is float:
            return value if math.isfinite(value) else {"$float": repr(value)}
        if isinstance(value, datetime):
            return {"$datetime": value.isoformat()}
        if isinstance(value, date):
            return {"$date": value.isoformat()}
        if isinstance(value, timedelta):
            return {"$seconds": value.total_seconds()}
        if isinstance(value, bytes):
            return {"$bytes": b64encode(value).decode()}
        return {"$uuid": str(value)} if isinstance(value, UUID) else None

    def _write_shared(self, value: Any, path: str) -> Any:
        if isinstance(value, Counter):
            return {"$counter": [[self.write(key, path), count] for key, count in value.items()]}
        if type(value) is OrderedDict:
            return {
                "$ordered": [[self.write(key, path), self.write(item, path)] for key, item in value.items()]
            }
        if type(value) in (dict, MappingProxyType):
            return self.write_mapping(value, path)
        if type(value) is list:
            return [self.write(inside, f"{path}[{index}]") for index, inside in enumerate(value)]
        if type(value) is tuple:
            return {"$tuple": [self.write(inside, f"{path}[{index}]") for index, inside in enumerate(value)]}
        if type(value) in (set, frozenset):
            word = "$set" if type(value) is set else "$frozenset"
            return {word: [self.write(item, path) for item in _in_order(value)]}
        if type(value) is deque:
            return {"$deque": [self.write(item, path) for item in value], "most": value.maxlen}
        behaviour = self._write_behaviour(value, path)
        if behaviour is not None:
            return behaviour
        if is_ours(type(value)):
            mine = {name: self.write(inside, f"{path}.{name}") for name, inside in attributes(value)}
            return {"$type": type_name(type(value)), **mine}
        raise SnapshotImpossible(path, type(value).__name__)

    def _write_behaviour(self, value: Any, path: str) -> dict[str, Any] | None:
        """Write something that is to be called later; None when it is something else."""
        if isinstance(value, MethodType):
            return {"$method": value.__name__, "of": self.write(value.__self__, path)}
        if isinstance(value, partial):
            return {
                "$partial": self.write(value.func, path),
                "arguments": [self.write(item, path) for item in value.args],
                "named": {name: self.write(item, path) for name, item in value.keywords.items()},
            }
        if isinstance(value, FunctionType):
            return self._write_function(value, path)
        if isinstance(value, CellType):
            return {"$variable": [self.write(item, path) for _, item in things_in(value)]}
        return self._write_timer(value, path) if isinstance(value, asyncio.TimerHandle) else None

    def _write_function(self, value: FunctionType, path: str) -> dict[str, Any]:
        """Write a function by where its code is, with the variables around it that it uses."""
        module = sys.modules[value.__module__]
        names = (value.__qualname__, f"{value.__qualname__}@{value.__code__.co_firstlineno}")
        name = next((each for each in names if code_named(module, each) is value.__code__), None)
        if not is_ours_module(value.__module__) or name is None or value.__defaults__ or value.__kwdefaults__:
            raise SnapshotImpossible(path, f"function {value.__qualname__}")
        cells = [self.write(cell, path) for cell in value.__closure__ or ()]
        return {"$function": f"{value.__module__}:{name}", "variables": cells}

    def _write_timer(self, timer: asyncio.TimerHandle, path: str) -> dict[str, Any]:
        # asyncio shows when a timer is due but not what it will do; its attributes are the same in every version.
        call, arguments, context = timer._callback, timer._args, timer._context  # type: ignore[attr-defined]  # noqa: SLF001 - as above
        due_at = self._now() + timedelta(seconds=timer.when() - asyncio.get_running_loop().time())
        return {
            "$timer": None if timer.cancelled() else due_at.isoformat(),
            "call": None if timer.cancelled() else self.write(call, path),
            "arguments": [] if timer.cancelled() else [self.write(item, path) for item in arguments],
            "cause": context.get(current_cause, ""),
        }


def _in_order(values: set[Any] | frozenset[Any]) -> list[Any]:
    """Give what is in a set in an order that does not depend on where it lies in memory, if it has one."""
    if all(isinstance(value, str | int) for value in values):
        return sorted(values, key=repr)
    if all(isinstance(value, asyncio.TimerHandle) for value in values):
        return sorted(values, key=lambda timer: timer.when())
    return list(values)
