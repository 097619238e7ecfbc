"""Expressions of the routing table: Jinja in a sandbox, compiled once, giving values and never text to be parsed.

A text of the file with `{{ … }}` is one expression. What it gives goes into the call as a value of JSON, so that
nothing that a webhook says can become a part of the call's structure. A name that is unknown is found when the file
is read; a field that is not there quarantines the webhook.
"""

from __future__ import annotations

from dataclasses import fields
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from jinja2 import StrictUndefined, TemplateSyntaxError, nodes
from jinja2.compiler import CodeGenerator
from jinja2.exceptions import SecurityError
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from bridge.errors import BridgeError
from bridge.routing.vocabulary import FILTERS, FUNCTIONS, NAMES, PARTS, TESTS
from bridge.settings import table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from jinja2.compiler import Frame
    from jinja2.runtime import Context

__all__ = [
    "MERGED",
    "OBJECT",
    "Compiled",
    "ExpressionInvalid",
    "compile_first_false",
    "compile_steps",
    "compile_text",
    "is_expression",
    "make_context",
    "parse",
]

_FIELDS: Final[Mapping[str, frozenset[str]]] = {
    name: frozenset(each.name for each in fields(part)) for name, part in PARTS.items()
}
_SETTINGS: Final = frozenset(row.name for row in table() if not row.is_secret)
_RESULT: Final = "result"
_SHORTER: Final = "a simpler one"
_TEXT: Final = "__text"
OBJECT: Final = "__object"
"""The filter that drops the nulls of an object."""
MERGED: Final = "__merged"
"""The filter that makes one object of several, and drops its nulls."""


class ExpressionInvalid(BridgeError):
    """An expression cannot be compiled.

    Attributes:
        found: What is wrong in it.
        wanted: What could stand there; a question when it is a guess.
    """

    def __init__(self, found: str, wanted: str) -> None:
        super().__init__(f"{found}, wanted {wanted}")
        self.found = found
        self.wanted = wanted


class _Generator(CodeGenerator):
    """Reads what is known to be plain data without a guard: fields of an engagement's parts, and settings."""

    def visit_Getattr(self, node: nodes.Getattr, frame: Frame) -> None:  # noqa: N802 - Jinja looks for this name
        owner = node.node.name if isinstance(node.node, nodes.Name) else ""
        if owner in PARTS and node.attr in _FIELDS[owner]:
            self.visit(node.node, frame)
            self.write(f".{node.attr}")
        elif owner == "settings" and node.attr in _SETTINGS:
            self.visit(node.node, frame)
            self.write(f"[{node.attr!r}]")
        else:
            super().visit_Getattr(node, frame)


class _Environment(ImmutableSandboxedEnvironment):
    """The sandbox of all expressions."""

    code_generator_class = _Generator
    # A text times a number of a few digits fills the memory, already while constants are folded.
    intercepted_binops = frozenset({"*"})

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Multiply numbers, and nothing else."""
        if not (isinstance(left, (int, float)) and isinstance(right, (int, float))):
            raise SecurityError(f"{operator} is for numbers only")
        return super().call_binop(context, operator, left, right)


def _object(values: dict[str, Any]) -> dict[str, Any]:
    # Comparing finds what is undefined, too: it raises.
    if None in values.values():
        return {name: value for name, value in values.items() if value is not None}
    return values


def _merged(parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for part in parts:
        made.update(part)
    return _object(made)


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _make_environment() -> _Environment:
    environment = _Environment(undefined=StrictUndefined, autoescape=False)
    environment.globals.clear()
    environment.filters.update({name: word.value for name, word in FILTERS.items() if word.value})
    environment.filters.update({_TEXT: _text, OBJECT: _object, MERGED: _merged})
    environment.tests.update({name: word.value for name, word in TESTS.items() if word.value})
    return environment


_ENVIRONMENT: Final = _make_environment()


class Compiled:
    """An expression, with what has to be worked out before it."""

    __slots__ = ("_run",)

    def __init__(self, steps: Sequence[tuple[str, nodes.Expr]], result: nodes.Expr) -> None:
        body: list[nodes.Node] = [
            nodes.Assign(nodes.Name(name, "store", lineno=1), value, lineno=1)
            for name, value in (*steps, (_RESULT, result))
        ]
        made = nodes.Template(body, lineno=1)
        made.set_environment(_ENVIRONMENT)
        self._run: Callable[[Context], Iterable[str]] = _ENVIRONMENT.from_string(made).root_render_func

    def __call__(self, context: Context) -> Any:
        """Give its value.

        Raises:
            UndefinedError: It asks for a field that is not there.
        """
        for _ in self._run(context):
            pass
        return context.vars[_RESULT]


def make_context(names: dict[str, Any]) -> Context:
    """Make what expressions are evaluated in; names that are added later are seen."""
    return _ENVIRONMENT.context_class(_ENVIRONMENT, names, None, {})


def is_expression(value: object) -> bool:
    """Say whether a value of the file is a text with an expression in it."""
    return isinstance(value, str) and ("{{" in value or "{%" in value or "{#" in value)


def parse(text: str, *, more: Iterable[str] = ()) -> nodes.Expr:
    """Parse a text with `{{ … }}`: alone it keeps its value's type, among other words it is a text, null an empty one.

    Args:
        text: As it stands in the file.
        more: Names that are known here beside those that are known everywhere.

    Raises:
        ExpressionInvalid: It is not well-formed, or uses a word that is unknown.
    """
    try:
        return _parse(text, {*NAMES, *FUNCTIONS} - {"event", "here"} | set(more))
    except TemplateSyntaxError as error:
        raise ExpressionInvalid(f"{_quoted(text)}: {error.message}", "an expression of Jinja") from None
    except RecursionError:
        raise ExpressionInvalid(f"{_quoted(text)}, which is too deep", _SHORTER) from None


def _parse(text: str, known: set[str]) -> nodes.Expr:
    parsed = Parser(_ENVIRONMENT, text.strip()).parse()
    if not all(isinstance(each, nodes.Output) for each in parsed.body):
        raise ExpressionInvalid(_quoted(text), "only {{ … }}, no statements")
    if not parsed.body:
        raise ExpressionInvalid(f"{_quoted(text)}, which says nothing", "an expression, {{ … }}")
    if next(_find(parsed, nodes.Pow), None):
        raise ExpressionInvalid(f"{_quoted(text)} with **, which may never end", "another way to reckon it")
    _check_words(parsed, known)
    parts = [part for output in parsed.body for part in output.nodes]  # type: ignore[attr-defined] # looked at above
    if len(parts) == 1 and not isinstance(parts[0], nodes.TemplateData):
        only: nodes.Expr = parts[0]
        return only
    return nodes.Concat([_word(part) for part in parts], lineno=1)


def compile_text(text: str) -> Compiled:
    """Compile one text, see `parse`."""
    return compile_steps((), parse(text))


def compile_first_false(texts: Sequence[str]) -> Compiled:
    """Compile conditions into one expression: the number of the first that does not hold, or how many there are.

    Those after it are not asked.
    """
    result: nodes.Expr = nodes.Const(len(texts), lineno=1)
    for index in reversed(range(len(texts))):
        result = nodes.CondExpr(parse(texts[index]), result, nodes.Const(index, lineno=1), lineno=1)
    return compile_steps((), result)


def compile_steps(steps: Sequence[tuple[str, nodes.Expr]], result: nodes.Expr) -> Compiled:
    """Compile what was parsed.

    Args:
        steps: Names, and what they stand for from there on.
        result: The value.

    Raises:
        ExpressionInvalid: It makes no sense.
    """
    try:
        return Compiled(steps, result)
    except TemplateSyntaxError as error:
        raise ExpressionInvalid(str(error.message), "an expression of Jinja") from None
    except (RecursionError, SyntaxError, MemoryError):  # Python's compiler has bounds of its own
        raise ExpressionInvalid("an expression too deep to be compiled", _SHORTER) from None


def _word(part: nodes.Expr) -> nodes.Expr:
    if isinstance(part, nodes.TemplateData):
        return nodes.Const(part.data, lineno=1)
    return nodes.Filter(part, _TEXT, [], [], None, None, lineno=1)


def _check_words(parsed: nodes.Template, known: set[str]) -> None:
    for name in _find(parsed, nodes.Name):  # an expression declares none
        _demand(name.name, known, "name")
    for filter_ in _find(parsed, nodes.Filter):
        _demand(filter_.name, _ENVIRONMENT.filters, "filter")
    for test in _find(parsed, nodes.Test):
        _demand(test.name, _ENVIRONMENT.tests, "test")
    for attribute in _find(parsed, nodes.Getattr):
        if isinstance(attribute.node, nodes.Name):
            owner = attribute.node.name
            if owner == "settings":
                _demand(attribute.attr, _SETTINGS, "setting")
            elif owner in PARTS:
                _demand(attribute.attr, _FIELDS[owner], f"field of {owner}")


def _find(parsed: nodes.Template, kind: type[Any]) -> Iterator[Any]:
    return parsed.find_all(kind)


def _demand(name: str, known: Iterable[str], what: str) -> None:
    if name in known:
        return
    known = sorted(each for each in known if not each.startswith("_"))
    close = get_close_matches(name, known, n=1)
    wanted = f"did you mean {close[0]}?" if close else f"a {what} that docs/reference/bridge-routing.md lists"
    raise ExpressionInvalid(f"the unknown {what} {name}", wanted)


def _quoted(text: str) -> str:
    text = " ".join(text.split())
    return f"`{text[:80]}…`" if len(text) > 80 else f"`{text}`"
