"""Expressions in scenarios: Jinja2 in a sandbox, over groups of people.

A `Group` is everybody to whom something happened, with when. Groups subtract, meet and join; `.count` is how
many people, `.total` how many times, `.within('2 days')` only what happened so early.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, meta
from jinja2.sandbox import SandboxedEnvironment

from simulator.errors import SimulatorError
from simulator.problems import did_you_mean
from simulator.quantities import parse_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["NAMES", "ExpressionInvalid", "Group", "compile_expression", "evaluate"]

NAMES: Final[Mapping[str, str]] = {
    "people": "everybody in the scenario",
    "sent": "people to whom a mail was sent and taken",
    "opened": "people who opened a mail",
    "clicked": "people who clicked a link",
    "submitted": "people who answered a form",
    "bounced": "people whose mail bounced",
    "unsubscribed": "people who unsubscribed",
    "marked_as_spam": "people who marked a mail as spam",
    "sms": "`sms('NAME')`: people who got an SMS of that campaign",
    "push": "`push('NAME')`: people who got a push of that campaign",
    "webpush": "`webpush('NAME')`: people who got a web push of that campaign",
    "email": "`email('NAME')`: people who got an e-mail of that CleverTap campaign",
    "viewed": "`viewed('NAME')`: people who looked at a message of that CleverTap campaign",
    "tapped": "`tapped('NAME')`: people who followed a link, or tapped, in a message of that CleverTap campaign",
    "kept": "`kept('NAME')`: people kept out of that CleverTap campaign or journey by a control group",
    "converted": "`converted('NAME')`: people who did in time what that CleverTap campaign is for, got or kept out",
    "entered": "`entered('JOURNEY')`: people who entered that CleverTap journey",
    "took": "`took('JOURNEY/NODE PATH')`: people who took that path",
    "clevertap": "`clevertap('EVENT')`: people whose CleverTap profile has the event",
    "segment": "`segment('EVENT')`: people for whom Segment accepted the event",
    "mailmodo": "`mailmodo('EVENT')`: people whose Mailmodo contact has the custom event",
    "contacts": "people who are contacts at Mailmodo",
}
"""What an expression may speak of."""


class ExpressionInvalid(SimulatorError):
    """An expression cannot be read, or speaks of what there is not.

    Attributes:
        hint: What was probably meant.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class Group:
    """People to whom something happened; immutable.

    Args:
        moments: For each address, when it happened, in seconds after the start.
    """

    __slots__ = ("_moments",)

    def __init__(self, moments: Mapping[str, tuple[float, ...]]) -> None:
        self._moments = dict(moments)

    @property
    def count(self) -> int:
        """How many people."""
        return len(self._moments)

    @property
    def total(self) -> int:
        """How many times it happened, to all of them."""
        return sum(len(moments) for moments in self._moments.values())

    def within(self, duration: str) -> Group:
        """Keep what happened no later than a duration after the start."""
        limit_s = parse_duration(duration)
        kept = {who: tuple(at for at in moments if at <= limit_s) for who, moments in self._moments.items()}
        return Group({who: moments for who, moments in kept.items() if moments})

    def __iter__(self) -> Iterator[str]:
        return iter(self._moments)

    def __len__(self) -> int:
        return len(self._moments)

    def __contains__(self, address: object) -> bool:
        return address in self._moments

    def __sub__(self, other: Group) -> Group:
        return Group({who: moments for who, moments in self._moments.items() if who not in other})

    def __and__(self, other: Group) -> Group:
        return Group({who: moments for who, moments in self._moments.items() if who in other})

    def __or__(self, other: Group) -> Group:
        joined = dict(self._moments)
        for who, moments in other._moments.items():
            joined[who] = tuple(sorted((*joined.get(who, ()), *moments)))
        return Group(joined)

    def __add__(self, other: Group) -> Group:
        return self | other  # `|` is a filter in an expression

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Group) and self._moments.keys() == other._moments.keys()

    def __hash__(self) -> int:
        return hash(frozenset(self._moments))

    def __str__(self) -> str:
        shown = ", ".join(list(self._moments)[:5])
        return f"{self.count} people ({shown}{', …' if self.count > 5 else ''})"


def compile_expression(text: str) -> Callable[[Mapping[str, Any]], Any]:
    """Compile an expression; give a function of the names it may use.

    Raises:
        ExpressionInvalid: It is not an expression, or uses an unknown name.
    """
    environment = _environment()
    try:
        used = meta.find_undeclared_variables(environment.parse("{{ " + text + " }}"))
        compiled = environment.compile_expression(text, undefined_to_none=False)
    except TemplateSyntaxError as error:
        raise ExpressionInvalid(f"found `{text}`, which is no expression: {error.message}") from None
    for name in sorted(used):
        if name not in NAMES:
            raise ExpressionInvalid(
                f"found `{name}` in an expression, which is not known", did_you_mean(name, NAMES)
            )
    return lambda names: compiled(**names)


def evaluate(text: str, names: Mapping[str, Any]) -> tuple[bool, str]:
    """Evaluate an expression; say whether it is true, and what its two sides came to.

    Raises:
        ExpressionInvalid: It cannot be read, or fails while it is computed.
    """
    try:
        value = compile_expression(text)(names)
        return bool(value), "" if value else _both_sides(text, names)
    except (TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise ExpressionInvalid(f"`{text}` cannot be computed: {error}") from None


def _both_sides(text: str, names: Mapping[str, Any]) -> str:
    """Show what stood on each side of a comparison that is false."""
    for operator in ("==", "!=", "<=", ">=", "<", ">"):
        left, found, right = text.partition(f" {operator} ")
        if not found:
            continue
        try:
            values = [compile_expression(side.strip())(names) for side in (left, right)]
        except ExpressionInvalid:
            continue  # the operator stands inside brackets or a text, not between two sides
        shown = [
            f"{side.strip()} is {value}"
            for side, value in zip((left, right), values, strict=True)
            if side.strip() != str(value)
        ]
        return ", ".join(shown)
    return f"it came to {compile_expression(text)(names)!s}"


def _environment() -> SandboxedEnvironment:
    return SandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
