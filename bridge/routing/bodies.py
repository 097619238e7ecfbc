"""Bodies of calls: values of the file, with expressions among them, compiled into one expression that gives the record.

An object drops its nulls. A key that begins with `...` puts the entries of an object in at its place; what stands
there already is `here` for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from jinja2 import nodes

from bridge.errors import BridgeError
from bridge.routing.expressions import (
    MERGED,
    OBJECT,
    Compiled,
    ExpressionInvalid,
    compile_steps,
    is_expression,
    parse,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jinja2.runtime import Context

    from bridge.configuration.document import Path

__all__ = ["WITH", "Body", "BodyInvalid", "Mistake"]

WITH: Final = "...with"
"""The key where what a row adds is put in."""
_SPREAD: Final = "..."
_HERE: Final = "here"


@dataclass(frozen=True, slots=True)
class Mistake:
    """An expression of a body that cannot be compiled.

    Attributes:
        path: Where it stands in the body.
        is_in_with: Whether it stands in what the row adds; the path is that of this, then.
        found: What is wrong in it.
        wanted: What could stand there.
    """

    path: Path
    is_in_with: bool
    found: str
    wanted: str


class BodyInvalid(BridgeError):
    """A body cannot be compiled.

    Attributes:
        mistakes: Everything that is wrong in it.
    """

    def __init__(self, *mistakes: Mistake) -> None:
        super().__init__("; ".join(f"{each.found}, wanted {each.wanted}" for each in mistakes))
        self.mistakes = mistakes


class Body:
    """Makes the record of an engagement."""

    __slots__ = ("_compiled",)

    def __init__(self, body: Mapping[str, Any], with_: Mapping[str, Any]) -> None:
        """Compile a body.

        Args:
            body: As it stands in the file.
            with_: What the row adds.

        Raises:
            BodyInvalid: Expressions cannot be compiled.
        """
        builder = _Builder(with_)
        made = builder.object(body, ())
        if builder.mistakes:
            raise BodyInvalid(*builder.mistakes)
        self._compiled: Compiled = compile_steps(builder.steps, made)

    def fill(self, context: Context) -> dict[str, Any]:
        """Make the record.

        Raises:
            Exception: An expression asks for what is not there, or does not fit its values.
        """
        made: dict[str, Any] = self._compiled(context)
        return made


class _Builder:
    """Turns values of the file into an expression, after steps that have to be worked out before it."""

    def __init__(self, with_: Mapping[str, Any]) -> None:
        self._with = with_
        self._is_in_with = False
        self.steps: list[tuple[str, nodes.Expr]] = []
        self.mistakes: list[Mistake] = []

    def object(self, values: Mapping[str, Any], path: Path) -> nodes.Expr:
        parts = self._parts(values, path, [])
        if len(parts) == 1 and isinstance(parts[0], nodes.Dict):
            return _apply(OBJECT, parts[0])
        return _merge(parts)

    def _parts(self, values: Mapping[str, Any], path: Path, parts: list[nodes.Expr]) -> list[nodes.Expr]:
        """Give what an object is merged of: runs of plain keys, and objects that are put in."""
        for key, value in values.items():
            if key == WITH and not self._is_in_with:
                self._is_in_with = True
                parts = self._parts(self._with, (), parts)
                self._is_in_with = False
            elif key.startswith(_SPREAD):
                parts = self._put_in(value, (*path, key), parts)
            else:
                if is_expression(key):
                    self._mistake(
                        (*path, key), "a key that is an expression", "a text; a key `...` puts in others"
                    )
                if not parts or not isinstance(parts[-1], nodes.Dict):
                    parts.append(nodes.Dict([], lineno=1))
                pair = nodes.Pair(nodes.Const(key, lineno=1), self.value(value, (*path, key)), lineno=1)
                parts[-1].items.append(pair)  # type: ignore[attr-defined] # a Dict, looked at above
        return parts or [nodes.Dict([], lineno=1)]

    def value(self, value: Any, path: Path) -> nodes.Expr:
        if isinstance(value, dict):
            return self.object(value, path)
        if isinstance(value, list):
            items = [self.value(item, (*path, index)) for index, item in enumerate(value)]
            return nodes.List(items, lineno=1)
        if is_expression(value):
            return self._parse(value, path, ("event",))
        if isinstance(value, str) and "}}" in value:
            self._mistake(path, repr(value), "{{ before }}, or {{ '}}' }} for the braces themselves")
        return nodes.Const(value, lineno=1)

    def _put_in(self, value: Any, path: Path, parts: list[nodes.Expr]) -> list[nodes.Expr]:
        if isinstance(value, dict):
            return [*parts, self.object(value, path)]
        if not is_expression(value):
            self._mistake(path, repr(value), "an object, or an expression that gives one")
            return parts
        parsed = self._parse(value, path, ("event", _HERE))
        if not any(name.name == _HERE for name in _names(parsed)):
            return [*parts, parsed]
        self.steps.append((_HERE, _merge(parts)))
        so_far = f"__{len(self.steps)}"
        self.steps.append((so_far, _merge([_load(_HERE), parsed])))
        return [_load(so_far)]

    def _parse(self, value: str, path: Path, more: Sequence[str]) -> nodes.Expr:
        try:
            return parse(value, more=more)
        except ExpressionInvalid as error:
            self._mistake(path, error.found, error.wanted)
            return nodes.Const(None, lineno=1)

    def _mistake(self, path: Path, found: str, wanted: str) -> None:
        self.mistakes.append(Mistake(path, self._is_in_with, found, wanted))


def _names(parsed: nodes.Expr) -> Sequence[nodes.Name]:
    return [parsed] if isinstance(parsed, nodes.Name) else list(parsed.find_all(nodes.Name))


def _load(name: str) -> nodes.Expr:
    return nodes.Name(name, "load", lineno=1)


def _merge(parts: Sequence[nodes.Expr]) -> nodes.Expr:
    return _apply(MERGED, nodes.List(list(parts), lineno=1))


def _apply(filter_: str, value: nodes.Expr) -> nodes.Expr:
    return nodes.Filter(value, filter_, [], [], None, None, lineno=1)
