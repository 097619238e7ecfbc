"""Reads mail as a mail client does: what can be fetched, followed, posted, and left."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

    from fakes.kit import MailMessage

__all__ = ["Field", "Form", "Link", "ReadMail", "answer", "read_html", "read_mail"]

_REMARKS = (
    "Quick and easy.",
    "Support answered within the hour.",
    "The delivery took too long.",
    "Good value, would buy again.",
    "Checkout was confusing on my phone.",
    "Nothing to complain about.",
)


@dataclass(frozen=True, slots=True)
class Link:
    """A link and the text it stands on."""

    url: str
    text: str


@dataclass(slots=True)
class Field:
    """A field of a form.

    Attributes:
        name: What it is posted under.
        question: What the reader is asked.
        choices: Values to choose from; empty for free text.
        value: What it holds already (a hidden field).
    """

    name: str
    question: str = ""
    choices: list[str] = field(default_factory=list)
    value: str | None = None


@dataclass(slots=True)
class Form:
    """A form: where it is posted, and its fields by name."""

    url: str
    fields: dict[str, Field] = field(default_factory=dict)


@dataclass(slots=True)
class ReadMail:
    """What a client finds in the part that it shows."""

    images: list[str] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    forms: list[Form] = field(default_factory=list)

    def unsubscribe_url(self) -> str | None:
        """The link that says so."""
        return next((link.url for link in self.links if "unsubscribe" in link.text.lower()), None)

    def content_links(self) -> list[Link]:
        """Links that lead somewhere: not the unsubscribe link."""
        return [link for link in self.links if "unsubscribe" not in link.text.lower()]


def read_mail(message: MailMessage, *, shows_amp: bool) -> ReadMail:
    """Read the part that a client shows: AMP where it can and there is one, else HTML."""
    return read_html(message.amp if shows_amp and message.amp else message.html)


def read_html(html: str) -> ReadMail:
    """Read a mail's part, or a page."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.found


def answer(form: Form, wanted: Mapping[str, object], random: Random) -> list[tuple[str, str]]:
    """Fill in a form; what is not wanted in particular is drawn.

    Args:
        form: The form.
        wanted: Answers by question (or by field name).
        random: The person's generator.
    """
    filled = []
    for entry in form.fields.values():
        given = wanted.get(entry.question, wanted.get(entry.name))
        if given is not None:
            values = given if isinstance(given, list) else [given]
            filled += [(entry.name, str(value)) for value in values]
        elif entry.value is not None:
            filled.append((entry.name, entry.value))
        elif entry.choices:
            filled.append((entry.name, random.choice(entry.choices)))
        else:
            filled.append((entry.name, random.choice(_REMARKS)))
    return filled


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found = ReadMail()
        self._link: str | None = None
        self._text: list[str] = []
        self._form: Form | None = None
        self._label: list[str] | None = None
        self._label_has_field = False
        self._question = ""
        self._select: Field | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        match tag:
            case "img" | "amp-img":
                self.found.images.append(values.get("src", ""))
            case "a" if "href" in values:
                self._link, self._text = values["href"], []
            case "form":
                self._form = Form(values.get("action-xhr") or values.get("action", ""))
                self.found.forms.append(self._form)
            case "label" | "legend":
                self._label, self._label_has_field = [], False
            case "input" | "textarea" | "select" if self._form is not None:
                self._read_field(tag, values)
            case "option" if self._select is not None and values.get("value"):
                self._select.choices.append(values["value"])

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._link is not None:
            self.found.links.append(Link(self._link, " ".join("".join(self._text).split())))
            self._link = None
        elif tag in ("label", "legend") and self._label is not None:
            # A label that holds its own field names that field only (a choice, say), not what comes after it.
            if not self._label_has_field:
                self._question = self._label_text()
            self._label = None
        elif tag == "form":
            self._form = None
        elif tag == "select":
            self._select = None

    def handle_data(self, data: str) -> None:
        if self._link is not None:
            self._text.append(data)
        if self._label is not None:
            self._label.append(data)

    def _label_text(self) -> str:
        return " ".join("".join(self._label or ()).split())

    def _read_field(self, tag: str, values: Mapping[str, str]) -> None:
        name, kind = values.get("name", ""), values.get("type", "text")
        if not name or self._form is None or kind == "submit":
            return
        self._label_has_field = True
        known = self._form.fields.get(name)
        if known is None:
            question = values.get("aria-label") or values.get("title") or self._label_text() or self._question
            known = self._form.fields[name] = Field(name, question)
        if kind == "hidden":
            known.value = values.get("value", "")
        elif kind in ("radio", "checkbox"):
            known.choices.append(values.get("value", "on"))
        elif tag == "select":
            self._select = known
