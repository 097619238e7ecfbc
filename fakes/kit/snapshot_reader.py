"""Makes a fake's memory from a JSON document; `fakes.kit.snapshots` says in which form."""

from __future__ import annotations

import asyncio
import dataclasses
import sys
from base64 import b64decode
from collections import Counter, OrderedDict, deque
from contextvars import copy_context
from dataclasses import fields, is_dataclass
from datetime import date, datetime, timedelta
from functools import partial
from types import CellType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from fakes.kit.errors import SnapshotInvalid
from fakes.kit.exchange import current_cause
from fakes.kit.snapshot_shape import code_named, is_ours, is_ours_module, kept_fields

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Reader"]


class Reader:
    """Reads one document; `index` comes first. Timers start as they are read."""

    def __init__(self, live: Mapping[str, object], *, now: Callable[[], datetime]) -> None:
        self._live = live
        self._now = now
        self._nodes: dict[int, Any] = {}
        self._made: dict[int, Any] = {}
        self._timers: list[asyncio.TimerHandle] = []

    def index(self, node: Any) -> None:
        """Find what is shared, wherever it stands: whoever stored the document may have sorted its keys."""
        if isinstance(node, dict):
            if "$id" in node:
                self._nodes[node["$id"]] = node
            for inside in node.values():
                self.index(inside)
        elif isinstance(node, list):
            for inside in node:
                self.index(inside)

    def read_mapping(self, node: Any, path: str) -> dict[Any, Any]:
        """Read a dictionary."""
        made = self.read(node, path)
        if type(made) is not dict:
            raise SnapshotInvalid(path, found=type(made).__name__, wanted="an object")
        return made

    def cancel_timers(self) -> None:
        """Cancel every timer that was read."""
        for timer in self._timers:
            timer.cancel()

    def read(self, node: Any, path: str) -> Any:
        """Read one value."""
        if isinstance(node, list):
            return [self.read(inside, f"{path}[{index}]") for index, inside in enumerate(node)]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            return self._shared(node["$ref"], path)
        if "$id" in node:
            return self._shared(node["$id"], path)
        return self._make(node, path, None)

    def _shared(self, identity: Any, path: str) -> Any:
        if identity in self._made:
            return self._made[identity]
        node = self._nodes.get(identity)
        if node is None:
            raise SnapshotInvalid(
                path, found=f"$ref {identity!r}", wanted="the $id of something in the document"
            )
        return self._make({key: value for key, value in node.items() if key != "$id"}, path, identity)

    def _make(self, node: dict[str, Any], path: str, identity: int | None) -> Any:
        def keep(made: Any) -> Any:
            if identity is not None:
                self._made[identity] = made
            return made

        word = next((key for key in node if key in _VALUES or key in _SELF_REFERRING), None)
        try:
            if word is not None and word in _SELF_REFERRING:
                return _SELF_REFERRING[word](self, node, path, keep)
            if word is not None:
                return keep(_VALUES[word](self, node, path))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise SnapshotInvalid(
                path, found=str(error) or "nothing", wanted="what GET /snapshot gives"
            ) from error
        mapping: dict[Any, Any] = keep({})
        self._fill(mapping, node, path)
        return mapping

    def _read_list(self, node: dict[str, Any], path: str, keep: Callable[[Any], Any]) -> list[Any]:
        made: list[Any] = keep([])
        made += self.read(node["$list"], path)
        return made

    def _read_set(self, node: dict[str, Any], path: str, keep: Callable[[Any], Any]) -> set[Any]:
        made: set[Any] = keep(set())
        made.update(self.read(node["$set"], path))
        return made

    def live(self, name: str) -> Any:
        """Give what belongs to the running fake."""
        return self._live[name]

    def _fill(self, made: dict[Any, Any], node: Any, path: str) -> None:
        pairs = node["$dict"] if "$dict" in node else [[key, value] for key, value in node.items()]
        for written, item in pairs:
            key = self.read(written, path)
            made[key] = self.read(item, f"{path}.{key}")

    def _read_timer(self, node: dict[str, Any], path: str, keep: Callable[[Any], Any]) -> asyncio.TimerHandle:
        """Start a timer. What it will call may refer to it, so that comes second."""
        context = copy_context()
        context.run(current_cause.set, node["cause"])
        loop = asyncio.get_running_loop()
        due_at = self._now() if node["$timer"] is None else datetime.fromisoformat(node["$timer"])
        wait_s = max(0.0, (due_at - self._now()).total_seconds())
        timer: asyncio.TimerHandle = keep(loop.call_later(wait_s, _nothing, context=context))
        self._timers.append(timer)
        if node["$timer"] is None:
            timer.cancel()
            return timer
        timer._callback = self.read(node["call"], path)  # type: ignore[attr-defined]  # noqa: SLF001 - asyncio has no timer without a callback
        timer._args = tuple(self.read(node["arguments"], path))  # noqa: SLF001 - as above
        return timer

    def _read_function(self, node: dict[str, Any], path: str, keep: Callable[[Any], Any]) -> FunctionType:
        """Make a function from the code of its module. Its variables may refer to it, so they come second."""
        module_name, _, qualname = str(node["$function"]).partition(":")
        module = sys.modules.get(module_name) if is_ours_module(module_name) else None
        code = code_named(module, qualname) if module is not None else None
        if module is None or code is None or len(code.co_freevars) != len(node["variables"]):
            raise SnapshotInvalid(path, found=str(node["$function"]), wanted="a function of this fake")
        cells = tuple(self.read(item, path) for item in node["variables"])
        if not all(isinstance(cell, CellType) for cell in cells):
            raise SnapshotInvalid(path, found=str(node["$function"]), wanted="a function with its variables")
        made = FunctionType(code, vars(module), code.co_name, None, cells)
        made.__qualname__ = code.co_qualname
        return keep(made)  # type: ignore[no-any-return]  # keep gives what it is given

    def _read_cell(self, node: dict[str, Any], path: str, keep: Callable[[Any], Any]) -> CellType:
        cell: CellType = keep(CellType())
        for item in node["$variable"]:
            cell.cell_contents = self.read(item, path)
        return cell

    def _read_object(self, node: dict[str, Any], path: str, keep: Callable[[Any], Any]) -> Any:
        kind = _type_of(node["$type"], path)
        if issubclass(kind, tuple):
            named = {
                name: self.read(item, f"{path}.{name}") for name, item in node.items() if name != "$type"
            }
            return keep(kind(**named))
        made = keep(kind.__new__(kind))
        wanted = None
        if is_dataclass(kind):
            wanted = {each.name for each in kept_fields(kind)}
        given = {name: value for name, value in node.items() if name != "$type"}
        if wanted is not None and given.keys() != wanted:
            raise SnapshotInvalid(path, found=", ".join(sorted(given)), wanted=", ".join(sorted(wanted)))
        if is_dataclass(kind):
            for each in fields(kind):
                if each.name not in given:
                    _set_default(made, each)
        for name, inside in given.items():
            object.__setattr__(made, name, self.read(inside, f"{path}.{name}"))
        after = getattr(made, "__post_init__", None)
        if is_dataclass(kind) and after is not None:
            after()
        return made


def _set_default(made: Any, each: dataclasses.Field[Any]) -> None:
    if each.default is not dataclasses.MISSING:
        object.__setattr__(made, each.name, each.default)
    elif each.default_factory is not dataclasses.MISSING:
        object.__setattr__(made, each.name, each.default_factory())


def _type_of(name: Any, path: str) -> Any:
    module, _, kind = str(name).partition(":")
    found = getattr(sys.modules.get(module), kind, None) if module.partition(".")[0] == "fakes" else None
    if not isinstance(found, type) or not is_ours(found):
        raise SnapshotInvalid(path, found=str(name), wanted="a type of this fake")
    return found


def _nothing() -> None:
    """Do nothing, until it is known what to do."""


def _method(reader: Reader, node: dict[str, Any], path: str) -> MethodType:
    found = getattr(reader.read(node["of"], path), node["$method"])
    if not isinstance(found, MethodType):
        raise SnapshotInvalid(path, found=str(node["$method"]), wanted="a method")
    return found


_VALUES: Final[Mapping[str, Callable[[Reader, dict[str, Any], str], Any]]] = {
    "$live": lambda reader, node, _: reader.live(node["$live"]),
    "$enum": lambda _, node, path: _type_of(node["$enum"][0], path)[node["$enum"][1]],
    "$float": lambda _reader, node, _path: float(node["$float"]),
    "$datetime": lambda _reader, node, _path: datetime.fromisoformat(node["$datetime"]),
    "$date": lambda _reader, node, _path: date.fromisoformat(node["$date"]),
    "$seconds": lambda _reader, node, _path: timedelta(seconds=node["$seconds"]),
    "$bytes": lambda _reader, node, _path: b64decode(node["$bytes"]),
    "$uuid": lambda _reader, node, _path: UUID(node["$uuid"]),
    "$method": _method,
    "$partial": lambda reader, node, path: partial(
        reader.read(node["$partial"], path),
        *reader.read(node["arguments"], path),
        **reader.read_mapping(node["named"], path),
    ),
    "$tuple": lambda reader, node, path: tuple(reader.read(node["$tuple"], path)),
    "$frozenset": lambda reader, node, path: frozenset(reader.read(node["$frozenset"], path)),
    "$counter": lambda reader, node, path: Counter(
        {reader.read(key, path): n for key, n in node["$counter"]}
    ),
    "$ordered": lambda reader, node, path: OrderedDict(
        (reader.read(key, path), reader.read(item, path)) for key, item in node["$ordered"]
    ),
    "$deque": lambda reader, node, path: deque(reader.read(node["$deque"], path), maxlen=node["most"]),
}
"""How each `$` word is read."""

_SELF_REFERRING: Final[Mapping[str, Callable[..., Any]]] = {
    "$list": Reader._read_list,  # noqa: SLF001 - the table of its own methods
    "$set": Reader._read_set,  # noqa: SLF001 - as above
    "$type": Reader._read_object,  # noqa: SLF001 - as above
    "$timer": Reader._read_timer,  # noqa: SLF001 - as above
    "$function": Reader._read_function,  # noqa: SLF001 - as above
    "$variable": Reader._read_cell,  # noqa: SLF001 - as above
}
"""How what may refer to itself is read: it is there before what is in it."""
