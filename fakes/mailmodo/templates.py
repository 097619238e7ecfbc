"""Templates with their forms and links: as a marketer describes them, and as the account keeps them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import unescape
from typing import TYPE_CHECKING, Final, Literal

from fakes.kit import draw_uuid
from fakes.mailmodo.personalisation import Text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from random import Random

__all__ = [
    "LAST_STEP",
    "Block",
    "Element",
    "EmailFormat",
    "EmailType",
    "Form",
    "Link",
    "Question",
    "QuestionKind",
    "StoredBlock",
    "StoredForm",
    "StoredLink",
    "StoredStep",
    "StoredTemplate",
    "Template",
    "store_template",
]

EmailFormat = Literal["AMP", "HTML"]
EmailType = Literal["Promotional", "Transactional"]
QuestionKind = Literal["scale", "text", "choice", "choices", "rating", "date"]

LAST_STEP: Final = "success"
"""What comes after the last step of a form. Source: OA-form."""

_BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"
_ANCHOR: Final = re.compile(
    r"""(<a\b[^>]*?\shref\s*=\s*)("[^"]*"|'[^']*')([^>]*>)(.*?)(?=</a\s*>)""", re.IGNORECASE | re.DOTALL
)
_TRACKED: Final = re.compile(r"https?://|\$\{", re.IGNORECASE)
_TAG: Final = re.compile(r"<[^>]*>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question of a form.

    Attributes:
        kind: `scale` is a row of numbers, `text` one line, `choice` one of several, `choices` any of
            several, `rating` stars, `date` a day as `YYYY-MM-DD`.
        low: Least number of a scale.
        high: Greatest number of a scale, or the number of stars.
        choices: What can be chosen.
        is_required: Whether a form without an answer to it is refused.
        is_open: Whether something else than the choices may be answered.
        hint: What stands in the empty field of a `text`.
        field: Under which name the form export has the answer; empty for the element's id. Source: RS-src tests.
    """

    kind: QuestionKind = "text"
    low: int = 0
    high: int = 10
    choices: tuple[str, ...] = ()
    is_required: bool = False
    is_open: bool = False
    hint: str = ""
    field: str = ""

    @property
    def options(self) -> tuple[str, ...]:
        """Every answer that can be given; empty for free text."""
        if self.kind == "scale":
            return tuple(str(number) for number in range(self.low, self.high + 1))
        if self.kind == "rating":
            return tuple(str(number) for number in range(1, self.high + 1))
        return self.choices


@dataclass(frozen=True, slots=True)
class Form:
    """A form: its questions by name, in order.

    Attributes:
        questions: Of the first step, which is the only one unless there are further ones.
        further: Those of the steps after it, each posted on its own.
        export_url: Where every submission is posted, the editor's "webhook integration"; empty for nowhere.
    """

    name: str
    questions: Mapping[str, Question]
    export_url: str = ""
    further: tuple[Mapping[str, Question], ...] = ()


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a mail that a trigger repeats with data of its own; its body has `${name}` variables."""

    name: str
    body: str


@dataclass(frozen=True, slots=True)
class Link:
    """A link in a mail: the text that is shown, and where it leads; the URL may have `${name}` variables."""

    name: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """What a mail looks like.

    Attributes:
        name: Shown in the dashboard and sent with every activity.
        email_type: `AMP` mails have an AMP part beside the HTML part.
        form: Its form; in the HTML part a link to the form's page stands for it.
        links: Links below the body, tracked.
        blocks: Repeatable blocks below the body; a trigger that gives one no data leaves it out.
        body: An HTML fragment with `${name}` variables; what fills them is escaped, and web links in it are tracked.
        type: What kind of mail it is, for people who unsubscribe from one kind only.
    """

    name: str
    email_type: EmailFormat = "HTML"
    form: Form | None = None
    links: tuple[Link, ...] = ()
    blocks: tuple[Block, ...] = ()
    body: str = "<p>We have news for you.</p>"
    type: EmailType = "Promotional"


@dataclass(frozen=True, slots=True)
class Element:
    """A question of a stored form; its answers are posted under `id`."""

    id: str
    name: str
    question: Question


@dataclass(frozen=True, slots=True)
class StoredStep:
    """A step of a form: what is posted together, and what its button says."""

    id: str
    elements: tuple[Element, ...]
    button: str = "Submit"


@dataclass(frozen=True, slots=True)
class StoredForm:
    """A form with its ids: `form`, `step` and `element`, each with a short base 36 tail. Source: OA-form.

    Attributes:
        steps: One or more; whoever posts one says which comes next.
        thanks: What is said after the last one; empty for the usual words.
    """

    id: str
    name: str
    steps: tuple[StoredStep, ...]
    export_url: str = ""
    thanks: str = ""

    @property
    def elements(self) -> tuple[Element, ...]:
        """The questions of all steps."""
        return tuple(element for step in self.steps for element in step.elements)

    def step_after(self, number: int) -> str:
        """Give the id of the step after one, from 0; `success` after the last. Source: RS-src tests."""
        return self.steps[number + 1].id if number + 1 < len(self.steps) else LAST_STEP

    def number_of(self, next_step_id: str) -> int:
        """Say which step is answered, from 0, by what shall come next; the last one where that means nothing."""
        numbers = {self.step_after(number): number for number in range(len(self.steps))}
        return numbers.get(next_step_id, len(self.steps) - 1)


@dataclass(frozen=True, slots=True)
class StoredBlock:
    """A repeatable block with its id."""

    id: str
    name: str
    body: Text


@dataclass(frozen=True, slots=True)
class StoredLink:
    """A link with its id."""

    id: str
    name: str
    url: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTemplate:
    """A template as the account keeps it.

    Attributes:
        id: UUID, version 4.
        template: As it was described.
        body: The body as it was described, split at its variables.
        tracked_body: The body with links that are tracked; `${:base}`, `${:ref}` and `${:part}` are the mail's.
        form: The form with its ids.
        links: The links below the body with their ids, by id.
        body_links: Those inside the body, likewise.
        blocks: The repeatable blocks with their ids, by id.
        created_at: When it was added.
    """

    id: str
    template: Template
    body: Text
    tracked_body: str
    form: StoredForm | None
    links: Mapping[str, StoredLink] = field(default_factory=dict)
    body_links: Mapping[str, StoredLink] = field(default_factory=dict)
    blocks: Mapping[str, StoredBlock] = field(default_factory=dict)
    created_at: datetime

    @property
    def name(self) -> str:
        """The template's name."""
        return self.template.name

    def link(self, link_id: str) -> StoredLink | None:
        """Find a tracked link, below the body or inside it."""
        return self.links.get(link_id) or self.body_links.get(link_id)

    @property
    def personalisation(self) -> tuple[str, ...]:
        """The variables that the mail uses; the greeting's `first_name` comes first."""
        names = (
            "first_name",
            *self.body.names,
            *(name for link in self.links.values() for name in link.url.names),
        )
        return tuple(dict.fromkeys(names))


def store_template(template: Template, *, created_at: datetime, random: Random) -> StoredTemplate:
    """Give a template, its form and its links their ids."""
    links = [StoredLink(_draw_id("link", random), link.name, Text.of(link.url)) for link in template.links]
    blocks = [StoredBlock(_draw_id("block", random), one.name, Text.of(one.body)) for one in template.blocks]
    identity = draw_uuid(random)
    form = _store_form(template.form, random) if template.form else None
    tracked_body, body_links = _track_links(template.body, random)
    return StoredTemplate(
        id=identity,
        template=template,
        body=Text.of(template.body),
        tracked_body=tracked_body,
        form=form,
        links={link.id: link for link in links},
        body_links={link.id: link for link in body_links},
        blocks={block.id: block for block in blocks},
        created_at=created_at,
    )


def _track_links(body: str, random: Random) -> tuple[str, list[StoredLink]]:
    """Lead every web link of a body through the tracker; anchors, `mailto:` and the like are left alone."""
    links: list[StoredLink] = []

    def track(found: re.Match[str]) -> str:
        url = unescape(found[2][1:-1]).strip()
        if not _TRACKED.match(url):
            return found[0]
        text = " ".join(unescape(_TAG.sub(" ", found[4])).split())
        link = StoredLink(_draw_id("link", random), text or url, Text.of(url))
        links.append(link)
        return f'{found[1]}"${{:base}}/l/${{:ref}}/{link.id}?part=${{:part}}"{found[3]}{found[4]}'

    return _ANCHOR.sub(track, body), links


def _store_form(form: Form, random: Random) -> StoredForm:
    form_id = _draw_id("form", random)
    steps: list[StoredStep] = []
    for questions in (form.questions, *form.further):
        step_id = _draw_id("step", random)
        elements = tuple(Element(_draw_id("element", random), name, q) for name, q in questions.items())
        button = "Submit" if len(steps) == len(form.further) else "Next"
        steps.append(StoredStep(step_id, elements, button))
    return StoredForm(form_id, form.name, tuple(steps), export_url=form.export_url)


def _draw_id(prefix: str, random: Random) -> str:
    return prefix + "".join(random.choices(_BASE36, k=6))
