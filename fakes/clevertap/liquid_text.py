"""Texts with Liquid, `@Profile - X` and `${x}`: compiled once, rendered for each person.

All three notations become Liquid outputs. Where one stands inside a JSON string, what it renders is escaped,
because a template is not JSON until it is rendered.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from liquid import Mode, Node, Tag
from liquid.exceptions import LiquidError
from liquid.filter import with_context
from liquid.stringify import to_liquid_string
from liquid.token import TOKEN_EXPRESSION
from liquid.undefined import Undefined

from fakes.clevertap.liquid_bounds import BoundedEnvironment
from fakes.clevertap.liquid_values import (
    DATE_IN_LIQUID,
    DATE_IN_NOTATION,
    Occasion,
    ProfileDrop,
    PropertiesDrop,
    local,
    readable,
)
from fakes.clevertap.profiles import folded

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

    from liquid import BoundTemplate, RenderContext, Token, TokenStream

__all__ = ["KNOWN_TAGS", "LiquidText", "MessageAborted", "has_liquid", "json_text"]

_TAG: Final = re.compile(r"(\{\{.*?\}\}|\{%.*?%\})", re.DOTALL)
_LINKED: Final = re.compile(r"\bLinked\.([A-Za-z_]\w*)", re.ASCII)
_RAW: Final = re.compile(r"\{%-?\s*(end)?raw\s*-?%\}")
_COMMENT: Final = re.compile(r"\{%-?\s*(end)?comment\b.*%\}", re.DOTALL)
_NOTATION: Final = re.compile(
    r"(?<![\w.])@(?P<subject>\w+(?: \w+)*) - (?P<words>[\w$]+(?: [\w$]+)*)"
    r'(?P<fallback>\s*\|\s*default\s*:\s*"(?P<default>[^"]*)")?'
    r"|\$\{(?P<name>[A-Za-z_][\w .-]*)\}"
)


KNOWN_TAGS: Final = frozenset(
    {"if", "unless", "case", "for", "break", "continue", "tablerow", "assign", "comment"}
    # What stands between tags, and what is none, are tags to the library.
    | {"content", "output", "illegal"}
)
"""Tags that CleverTap lists, besides `raw`, which the library knows anyway, and its own `abort`; "only what is listed
is supported". Source: user docs, `liquid-tags`."""


class MessageAborted(Exception):
    """The template says that this person gets nothing."""


class LiquidText:
    """One compiled text.

    Args:
        text: With any of the three notations.
        is_json: Whether quotes in the text delimit JSON strings, inside which values are escaped.
        is_url: Whether values are percent-encoded.
        has_dollar_names: Whether `${x}` is a notation; if not, it stays as it is.

    Attributes:
        linked: Names of the linked content that it reads.

    Raises:
        LiquidError: It is not Liquid, or has a tag that CleverTap does not know.
    """

    def __init__(
        self, text: str, *, is_json: bool = False, is_url: bool = False, has_dollar_names: bool = True
    ) -> None:
        escape = "ct_url" if is_url else "ct_json" if is_json else ""
        source = _to_liquid(text, escape=escape, is_json=is_json, has_dollar_names=has_dollar_names)
        self._template = _compile(source) if "{{" in source or "{%" in source else None
        self._text = text
        self.linked = frozenset(_LINKED.findall(text))

    def render(self, occasion: Occasion) -> str:
        """Render for one person.

        Raises:
            MessageAborted: The text holds `{% abort %}` and it was reached, or cannot be rendered within bounds.
        """
        if self._template is None:
            return self._text
        profile = ProfileDrop(occasion)
        event = PropertiesDrop(occasion.event, occasion)
        try:
            return self._template.render(
                Profile=profile,
                profile=profile,
                Event=event,
                event=event,
                ExternalTrigger=PropertiesDrop(occasion.external, occasion),
                Linked=occasion.linked,
                ConstantEventProperty=occasion.constant,
                now=local(occasion.at, occasion).strftime(DATE_IN_LIQUID),
                ct_occasion=occasion,
            )
        except (LiquidError, ArithmeticError, RecursionError, ValueError) as error:
            raise MessageAborted from error


def has_liquid(text: str) -> bool:
    """Say whether a text holds a Liquid tag or output."""
    return _TAG.search(text) is not None


def json_text(body: Mapping[str, object]) -> str:
    """Dump a body to the text that a marketer would type: quotes inside Liquid tags stand unescaped."""
    dumped = json.dumps(body, ensure_ascii=False)
    return _TAG.sub(lambda tag: str(json.loads(f'"{tag.group()}"')), dumped)


def _to_liquid(text: str, *, escape: str, is_json: bool, has_dollar_names: bool) -> str:
    parts: list[str] = []
    is_quoted = not is_json
    is_raw = is_comment = False
    for part in _TAG.split(text):
        if part.startswith("{%"):
            if found := _RAW.fullmatch(part):
                is_raw = found.group(1) is None
            elif found := _COMMENT.fullmatch(part):
                is_comment = found.group(1) is None
            parts.append(part)
        elif is_comment:
            parts.append(part)  # nothing of it is rendered, its quotes neither
        elif part.startswith("{{") and part.endswith("}}") and not is_raw:
            parts.append(_with_filter(part, escape if is_quoted else ""))
        elif is_raw:
            parts.append(part)
        else:
            at = 0
            for found in _NOTATION.finditer(part):
                literal = part[at : found.start()]
                is_quoted = _ends_quoted(literal, is_quoted=is_quoted) if is_json else True
                output = _output(found, escape if is_quoted else "", has_dollar_names=has_dollar_names)
                parts += (literal, output)
                at = found.end()
            parts.append(part[at:])
            is_quoted = _ends_quoted(part[at:], is_quoted=is_quoted) if is_json else True
    return "".join(parts)


def _ends_quoted(literal: str, *, is_quoted: bool) -> bool:
    """Follow JSON's quotes through a piece of literal text."""
    quotes = len(re.findall(r'(?<!\\)(?:\\\\)*"', literal))
    return is_quoted ^ bool(quotes % 2)


def _with_filter(output: str, name: str) -> str:
    if not name:
        return output
    inner, end = (output[:-3], "-}}") if output.endswith("-}}") else (output[:-2], "}}")
    return f"{inner} | {name} {end}"


def _output(found: re.Match[str], escape: str, *, has_dollar_names: bool) -> str:
    name = found["name"]
    if name is not None:
        return _with_filter(f'{{{{ "{name}" | ct_name }}}}', escape) if has_dollar_names else found.group()
    default = found["default"] or ""
    arguments = f'"{found["words"]}", "{default}", {str(found["fallback"] is not None).lower()}'
    return _with_filter(f'{{{{ "{found["subject"]}" | ct_notation: {arguments} }}}}', escape)


def _ct_json(value: Any) -> str:
    return json.dumps(to_liquid_string(value, False), ensure_ascii=False)[1:-1]


def _ct_url(value: Any) -> str:
    return quote(to_liquid_string(value, False), safe="")


@with_context
def _ct_name(name: str, *, context: RenderContext) -> Any:
    """Resolve `${name}`: `user_email`, `first_name`, otherwise the profile property of that name."""
    occasion: Occasion = context.resolve("ct_occasion")
    drop = ProfileDrop(occasion)
    if name in drop:
        return drop[name]
    if name == "user_email":
        return drop.get("Email", "")
    if name == "first_name":
        return next(iter(str(drop.get("Name", "")).split()), "")
    return ""


@with_context
def _ct_notation(subject: str, words: str, default: str, has_default: bool, *, context: RenderContext) -> Any:  # noqa: FBT001 - Liquid passes positions
    """Resolve `@Profile - X` and `@Event Name - X`; without a default, text may follow X on the same line."""
    occasion: Occasion = context.resolve("ct_occasion")
    if subject == "Profile":
        drop: PropertiesDrop = ProfileDrop(occasion)
    elif occasion.event_name and folded(subject) in ("event", "eventname", folded(occasion.event_name)):
        drop = PropertiesDrop(occasion.event, occasion)
    else:
        return default if has_default else f"@{subject} - {words}"
    layout = DATE_IN_NOTATION
    if has_default:
        return readable(drop.raw(words), occasion, layout=layout) if words in drop else default
    pieces = words.split(" ")
    for size in range(len(pieces), 0, -1):
        name = " ".join(pieces[:size])
        if name in drop:
            value = readable(drop.raw(name), occasion, layout=layout)
            return " ".join((to_liquid_string(value, False), *pieces[size:]))
    return " ".join(("", *pieces[1:]))


@with_context
def _date(value: Any, layout: Any = "", *, context: RenderContext) -> str:
    """Format a date. The library's own filter asks the wall clock and the machine's time zone."""
    occasion: Occasion = context.resolve("ct_occasion")
    text = to_liquid_string(value, False)
    if isinstance(value, Undefined) or not text:
        return ""
    try:
        if text in ("now", "today"):
            at = local(occasion.at, occasion)
        elif text.isascii() and text.isdigit():
            at = local(datetime.fromtimestamp(int(text), UTC), occasion)
        else:
            at = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return text
    return at.strftime(str(layout)) if layout and not isinstance(layout, Undefined) else text


class _AbortNode(Node):
    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:  # noqa: ARG002 - the library's shape
        raise MessageAborted


class _AbortTag(Tag):
    name = "abort"
    block = False

    def parse(self, stream: TokenStream) -> Node:
        token: Token = stream.current
        if stream.peek.kind == TOKEN_EXPRESSION:
            next(stream)  # why it is aborted, which is shown nowhere
        return _AbortNode(token)


def _make_environment(tolerance: Mode) -> BoundedEnvironment:
    environment = BoundedEnvironment(tolerance=tolerance, strict_filters=False)
    for name in environment.tags.keys() - KNOWN_TAGS:
        del environment.tags[name]
    environment.add_tag(_AbortTag)
    for name, function in (
        ("ct_json", _ct_json),
        ("ct_url", _ct_url),
        ("ct_name", _ct_name),
        ("ct_notation", _ct_notation),
        ("date", _date),
    ):
        environment.add_filter(name, function)
    environment.bound_filters()
    return environment


_ENVIRONMENT: Final = _make_environment(Mode.LAX)
_EDITOR: Final = _make_environment(Mode.STRICT)


def _compile(source: str) -> BoundTemplate:
    """Compile a text that the editor accepts; what goes wrong in rendering is another matter, and gives nothing."""
    _EDITOR.from_string(source)
    return _ENVIRONMENT.from_string(source)
