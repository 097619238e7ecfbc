"""Templates with their forms and links: as a marketer describes them, and as the account keeps them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from fakes.kit import draw_uuid
from fakes.mailmodo.personalisation import Text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from random import Random

__all__ = [
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
    "StoredTemplate",
    "Template",
    "store_template",
]

EmailFormat = Literal["AMP", "HTML"]
EmailType = Literal["Promotional", "Transactional"]
QuestionKind = Literal["scale", "text", "choice", "choices", "rating", "date"]

_BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"


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
    """

    kind: QuestionKind = "text"
    low: int = 0
    high: int = 10
    choices: tuple[str, ...] = ()
    is_required: bool = False
    is_open: bool = False
    hint: str = ""

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
    """A form of one step: its questions by name, in order.

    Attributes:
        export_url: Where every submission is posted, the editor's "webhook integration"; empty for nowhere.
    """

    name: str
    questions: Mapping[str, Question]
    export_url: str = ""


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
        body: An HTML fragment with `${name}` variables; what fills them is escaped.
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
class StoredForm:
    """A form with its ids: `form`, `step` and `element`, each with a short base 36 tail. Source: OA-form.

    Attributes:
        total_steps: How many steps it has; they are shown at once.
        button: What the button says.
    """

    id: str
    step_id: str
    name: str
    elements: tuple[Element, ...]
    export_url: str = ""
    total_steps: int = 1
    button: str = "Submit"


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
        body: The body, split at its variables.
        form: The form with its ids.
        links: The links with their ids, by id.
        blocks: The repeatable blocks with their ids, by id.
        created_at: When it was added.
    """

    id: str
    template: Template
    body: Text
    form: StoredForm | None
    links: Mapping[str, StoredLink] = field(default_factory=dict)
    blocks: Mapping[str, StoredBlock] = field(default_factory=dict)
    created_at: datetime

    @property
    def name(self) -> str:
        """The template's name."""
        return self.template.name

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
    return StoredTemplate(
        id=draw_uuid(random),
        template=template,
        body=Text.of(template.body),
        form=_store_form(template.form, random) if template.form else None,
        links={link.id: link for link in links},
        blocks={block.id: block for block in blocks},
        created_at=created_at,
    )


def _store_form(form: Form, random: Random) -> StoredForm:
    form_id, step_id = _draw_id("form", random), _draw_id("step", random)
    elements = tuple(Element(_draw_id("element", random), name, q) for name, q in form.questions.items())
    return StoredForm(form_id, step_id, form.name, elements, export_url=form.export_url)


def _draw_id(prefix: str, random: Random) -> str:
    return prefix + "".join(random.choices(_BASE36, k=6))
