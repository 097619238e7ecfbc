"""The texts of a scenario that vendors fill in: Liquid that cannot be read, and names of what there is not.

A text that a vendor cannot read is a message that nobody gets, and a misspelt name is an empty place in one.
Names are judged only where everything that can have a value is known: the properties that the scenario itself
puts on profiles, and the data that whoever triggers a mail gives along.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from liquid import Environment, Mode, Node, Tag
from liquid.exceptions import LiquidError
from liquid.token import TOKEN_EXPRESSION

from fakes.clevertap.liquid_text import KNOWN_TAGS
from simulator.problems import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import TextIO

    from liquid import BoundTemplate, RenderContext, TokenStream

    from simulator.clevertap_specs import CampaignSpec
    from simulator.problem_collector import Path, ProblemCollector
    from simulator.scenario import Accounts, PeopleSpec, Step

__all__ = ["check_texts"]

_ROOTS: Final = ("Profile", "Event", "ExternalTrigger", "ConstantEventProperty", "now", "profile", "event")
"""What CleverTap's Liquid knows, as its documentation and its templates spell it."""

_PROFILE: Final = ("Name", "Email", "Phone", "identity", "objectId", "clevertapId", "ct_objectId")
"""What a profile has besides the properties of people: uploaded at the start, or the system's own."""

_CONTACT: Final = ("email", "first_name", "last_name", "name")
"""What a Mailmodo contact can have whatever the scenario says."""

_DOLLAR: Final = re.compile(r"\$\{\s*([^{}$]+?)\s*\}")
_DEFAULT: Final = re.compile(r"\|\s*default\b")
_CLOSE: Final = 0.75


@dataclass(frozen=True, slots=True)
class _Known:
    """Names that can have a value.

    Attributes:
        names: As the user is told them.
        is_all: Whether there can be no others; if not, only what looks like a slip is told.
        of: What has them, for messages.
    """

    names: tuple[str, ...]
    is_all: bool
    of: str

    def hint_on(self, name: str, *, may_lack: bool = False) -> str | None:
        """Give the hint on a name that has no value; None for one that has, or may have."""
        folded = {_folded(known): known for known in self.names}
        if _folded(name) in folded:
            return None
        close = difflib.get_close_matches(_folded(name), folded, n=1, cutoff=_CLOSE)
        if close:
            return f"did you mean `{folded[close[0]]}`?"
        return None if may_lack or not self.is_all else did_you_mean(name, self.names)


def check_texts(
    accounts: Accounts, people: PeopleSpec, journey: Sequence[Step], collector: ProblemCollector
) -> None:
    """Judge every text of the accounts; the collector is told what is wrong."""
    _CleverTapTexts(accounts, people, collector).check()
    _check_mailmodo(accounts, people, journey, collector)
    names = _Known(("first_name", "name"), is_all=True, of="a message")
    for vendor, messages in (
        ("mailjet", accounts.mailjet_messages),
        ("customerio", accounts.customerio_messages),
    ):
        for index, message in enumerate(messages):
            path: Path = ("accounts", vendor, "messages", index)
            _check_dollars((*path, "subject"), message.subject, names, collector)
            _check_dollars((*path, "body"), message.body, names, collector)


class _CleverTapTexts:
    """Custom Bodies and texts of CleverTap campaigns: Liquid over `Profile` and `Event`."""

    def __init__(self, accounts: Accounts, people: PeopleSpec, collector: ProblemCollector) -> None:
        self._accounts = accounts
        self._collector = collector
        names = (*_PROFILE, *_properties(people))
        self._known = _Known(names, is_all=accounts.uploads_profiles, of="a profile")

    def check(self) -> None:
        for index, campaign in enumerate(self._accounts.campaigns):
            path: Path = ("accounts", "clevertap", "campaigns", index)
            self._check((*path, "text"), campaign.text)
            self._check((*path, "subject" if campaign.channel == "email" else "title"), campaign.title)
            self._check((*path, "link"), campaign.link)
            self._check_body((*path, "body"), campaign)

    def _check_body(self, path: Path, campaign: CampaignSpec) -> None:
        texts = dict(_texts(path, campaign.body))
        broken = {
            at: error for at, text in texts.items() if isinstance(error := _compiled(text), LiquidError)
        }
        if broken and not isinstance(_compiled("\n".join(texts.values())), LiquidError):
            return  # a tag opens in one value and closes in another: read only as a whole, and then well
        for at, text in texts.items():
            self._check(at, text)

    def _check(self, path: Path, text: str) -> None:
        compiled = _compiled(text)
        if isinstance(compiled, LiquidError):
            problem = f"found `{_shortened(text)}`, which is no Liquid that can be read: {_reason(compiled)}"
            self._collector.note(path, problem, "CleverTap would drop every message of the campaign")
            return
        analysis = compiled.analyze(include_partials=False)
        for name in analysis.filters:
            if name not in _LIQUID.filters:
                hint = did_you_mean(name, sorted(_LIQUID.filters))
                self._collector.note(path, f"found the filter `{name}`, which Liquid does not have", hint)
        for root, variables in analysis.globals.items():
            if root not in _ROOTS:
                problem = f"found `{root}`, which CleverTap's Liquid does not know"
                self._collector.note(path, problem, did_you_mean(root, _ROOTS[:5]))
            elif root.lower() == "profile":
                for variable in variables:
                    self._check_property(path, text, variable.segments, variable.span.index)
        _check_dollars(path, text, _with_notations(self._known), self._collector)

    def _check_property(self, path: Path, text: str, segments: Sequence[object], at: int) -> None:
        if len(segments) < 2 or not isinstance(segments[1], str):
            return
        tag = text[max(text.rfind("{{", 0, at), text.rfind("{%", 0, at)) :]
        # A condition asks whether it is there, and a default says what to do when it is not.
        may_lack = tag.startswith("{%") or _DEFAULT.search(tag.partition("}}")[0]) is not None
        hint = self._known.hint_on(segments[1], may_lack=may_lack)
        if hint is not None:
            self._collector.note(path, f"found `Profile.{segments[1]}`, which no profile has", hint)


def _with_notations(known: _Known) -> _Known:
    return _Known((*known.names, "user_email", "first_name"), is_all=known.is_all, of=known.of)


def _check_mailmodo(
    accounts: Accounts, people: PeopleSpec, journey: Sequence[Step], collector: ProblemCollector
) -> None:
    """Judge subjects and templates by the data that whoever triggers a campaign gives along."""
    given = {
        campaign.name: _given(campaign.name, accounts, journey) for campaign in accounts.triggered_campaigns
    }
    # What a contact is given once it keeps, so data of one trigger may fill the mail of the next.
    kept = [*_CONTACT, *(name for names in given.values() for name in names or ())]
    if accounts.has_mailmodo_destination:
        kept += [*_properties(people), *(name for step in journey for name in step.values)]
    for index, campaign in enumerate(accounts.triggered_campaigns):
        known = _Known(tuple(dict.fromkeys(kept)), is_all=bool(given[campaign.name]), of="its data")
        path: Path = ("accounts", "mailmodo", "campaigns", index, "subject")
        _check_dollars(path, campaign.subject, known, collector)
    for index, template in enumerate(accounts.templates):
        users = [one.name for one in accounts.triggered_campaigns if one.template == template.name]
        is_all = bool(users) and all(given[name] for name in users)
        known = _Known(tuple(dict.fromkeys(kept)), is_all=is_all, of="its data")
        _check_dollars(("accounts", "mailmodo", "templates", index, "body"), template.body, known, collector)


def _given(campaign: str, accounts: Accounts, journey: Sequence[Step]) -> list[str] | None:
    """Name the data that a campaign's triggers give; None when nothing here triggers it, or not all is known."""
    names: list[str] = []
    for caller in accounts.campaigns:
        if caller.calls == campaign:
            if isinstance(caller.body, str):
                return None
            data = caller.body.get("data")
            names += ["email", *(data if isinstance(data, dict) else ())]
    for step in journey:
        if (step.vendor, step.verb, step.noun) == ("mailmodo", "trigger", campaign):
            names += ["email", "first_name", *step.values]
    return names or None


def _check_dollars(path: Path, text: str, known: _Known, collector: ProblemCollector) -> None:
    for name in dict.fromkeys(_DOLLAR.findall(text)):
        hint = known.hint_on(name)
        if hint is not None:
            collector.note(path, f"found `${{{name}}}`, for which {known.of} has no value", hint)


def _properties(people: PeopleSpec) -> Iterator[str]:
    for person in people.named:
        yield from person.properties


def _texts(path: Path, value: Any) -> Iterator[tuple[Path, str]]:
    """Give every text of a body with its place."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, (dict, list)):
        items: Iterable[tuple[str | int, Any]] = (
            value.items() if isinstance(value, dict) else enumerate(value)
        )
        for key, item in items:
            yield from _texts((*path, key), item)


def _compiled(text: str) -> BoundTemplate | LiquidError:
    try:
        return _LIQUID.from_string(text)
    except LiquidError as error:
        return error


def _reason(error: LiquidError) -> str:
    return str(error.args[0]) if error.args else type(error).__name__


def _shortened(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 60 else text[:59] + "…"


def _folded(name: str) -> str:
    return "".join(name.lower().split())


class _AbortNode(Node):
    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:  # noqa: ARG002 - the library's shape
        return 0


class _AbortTag(Tag):
    """CleverTap's own tag: the person gets nothing."""

    name = "abort"
    block = False

    def parse(self, stream: TokenStream) -> Node:
        token = stream.current
        if stream.peek.kind == TOKEN_EXPRESSION:
            next(stream)  # why it is aborted
        return _AbortNode(token)


def _make_environment() -> Environment:
    environment = Environment(tolerance=Mode.STRICT)
    for name in environment.tags.keys() - KNOWN_TAGS:
        del environment.tags[name]
    environment.add_tag(_AbortTag)
    return environment


_LIQUID: Final = _make_environment()
