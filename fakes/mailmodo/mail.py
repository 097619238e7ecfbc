"""Mail as Mailmodo writes it: an HTML part, and for AMP templates an AMP4EMAIL part, both split once.

The open pixel, tracked links, form pages and the unsubscribe page have URLs of our own making: Mailmodo's are
not public. What must hold for an AMP part comes from amp.dev, "AMP for Email".
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from fakes.kit import COMPLAINT_HEADER, MailMessage
from fakes.mailmodo.personalisation import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from fakes.mailmodo.state import Send
    from fakes.mailmodo.templates import Element, StoredForm, StoredTemplate

__all__ = ["MailRoom", "form_page", "notice_page"]

_AMP_HEAD = """<!doctype html>
<html ⚡4email data-css-strict>
<head>
<meta charset="utf-8">
<script async src="https://cdn.ampproject.org/v0.js"></script>"""
_AMP_FORM_SCRIPTS = """
<script async custom-element="amp-form" src="https://cdn.ampproject.org/v0/amp-form-0.1.js"></script>
<script async custom-template="amp-mustache" src="https://cdn.ampproject.org/v0/amp-mustache-0.2.js"></script>"""
_AMP_STYLES = """
<style amp4email-boilerplate>body{visibility:hidden}</style>
<style amp-custom>body{font-family:sans-serif}fieldset{border:0;padding:0}</style>
</head>
"""
_UNSAFE_IN_HEADERS = str.maketrans({"\r": " ", "\n": " ", "\0": " "})


@dataclass(frozen=True, slots=True)
class _Layout:
    html: Text
    amp: Text | None


class MailRoom:
    """Writes the mail for a send; layouts are made once per template and kept."""

    def __init__(self) -> None:
        self._layouts: dict[str, _Layout] = {}

    def write(self, send: Send, *, base_url: str, sent_at: datetime, cause: str) -> MailMessage:
        """Write one mail.

        Args:
            send: What to write, to whom.
            base_url: Where pixel, links and form are reached, without a trailing slash.
            sent_at: When it is handed over.
            cause: Id of the journal entry that made the campaign send it.
        """
        layout = self._layout(send)
        value_of = _value_of(send, base_url)
        return MailMessage(
            id=send.ref,
            vendor="mailmodo",
            sender=send.campaign.sender_email,
            recipient=send.contact.email,
            subject=send.subject,
            html=layout.html.fill(value_of),
            amp=layout.amp.fill(value_of) if layout.amp else None,
            headers=_headers(send, base_url),
            sent_at=sent_at,
            cause=cause,
        )

    def _layout(self, send: Send) -> _Layout:
        template = send.campaign.template
        if send.form is not template.form:
            return _lay_out(template, send.form)  # a form that came with the trigger, for this mail alone
        layout = self._layouts.get(template.id)
        if layout is None:
            layout = self._layouts[template.id] = _lay_out(template, template.form)
        return layout


def form_page(send: Send, form: StoredForm, *, base_url: str, number: int = 0, problem: str = "") -> str:
    """Write the page on which a step of a form, from 0, is answered where mail clients show no AMP."""
    note = f"<p><strong>{escape(problem)}</strong></p>\n" if problem else ""
    fields = Text.of(_fields(form, number)).fill(_value_of(send, base_url))
    action = f"{base_url}/f/{send.ref}/{form.id}"
    return _page(form.name, f'{note}<form method="post" action="{action}">\n{fields}</form>\n')


def notice_page(title: str, text: str) -> str:
    """Write a page that only says something."""
    return _page(title, f"<p>{escape(text)}</p>\n")


def _value_of(send: Send, base_url: str) -> Callable[[str], str]:
    """Say what stands for a variable in HTML; names with a colon are the layout's own."""
    values = send.values
    own = {
        ":base": base_url,
        ":ref": send.ref,
        ":response": send.response_id,
        ":to": escape(send.contact.email),
        ":blocks": send.blocks,
        ":greeting": escape(f"Hello {values('first_name')}".rstrip()),
    }

    def value_of(name: str) -> str:
        found = own.get(name)
        return escape(values(name)) if found is None else found

    return value_of


def _page(title: str, content: str) -> str:
    return (
        f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{escape(title)}</title></head>\n'
        f"<body>\n<h1>{escape(title)}</h1>\n{content}</body>\n</html>\n"
    )


def _headers(send: Send, base_url: str) -> Mapping[str, str]:
    name = send.from_name.translate(_UNSAFE_IN_HEADERS).replace("\\", "\\\\").replace('"', '\\"')
    headers = {
        "From": f'"{name}" <{send.campaign.sender_email}>',
        "List-Unsubscribe": f"<{base_url}/u/{send.ref}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        COMPLAINT_HEADER: f"{base_url}/c/{send.ref}",
    }
    if send.reply_to:
        headers["Reply-To"] = send.reply_to.translate(_UNSAFE_IN_HEADERS)
    return headers


def _lay_out(template: StoredTemplate, form: StoredForm | None) -> _Layout:
    amp = Text.of(_amp_source(template, form)) if template.template.email_type == "AMP" else None
    return _Layout(Text.of(_html_source(template, form)), amp)


def _html_source(template: StoredTemplate, form: StoredForm | None) -> str:
    answer = (
        f'<p><a class="form" href="${{:base}}/f/${{:ref}}/{form.id}">Answer in your browser</a></p>\n'
        if form
        else ""
    )
    return (
        f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{escape(template.name)}</title>'
        f"</head>\n<body>\n{_content(template, part='html')}{answer}{_UNSUBSCRIBE}"
        '<img src="${:base}/o/${:ref}.gif?part=html" width="1" height="1" alt="">\n</body>\n</html>\n'
    )


def _amp_source(template: StoredTemplate, form: StoredForm | None) -> str:
    scripts = _AMP_FORM_SCRIPTS if form else ""
    answer = f"{_amp_form(form)}" if form else ""
    return (
        f"{_AMP_HEAD}{scripts}{_AMP_STYLES}<body>\n{_content(template, part='amp')}{answer}{_UNSUBSCRIBE}"
        '<amp-img src="${:base}/o/${:ref}.gif?part=amp" width="1" height="1" alt=""></amp-img>\n</body>\n</html>\n'
    )


_UNSUBSCRIBE = '<p><a class="unsubscribe" href="${:base}/u/${:ref}">Unsubscribe</a></p>\n'


def _content(template: StoredTemplate, *, part: str) -> str:
    links = "".join(
        f'<p><a class="link" href="${{:base}}/l/${{:ref}}/{link.id}?part={part}">{escape(link.name)}</a></p>\n'
        for link in template.links.values()
    )
    blocks = "${:blocks}" if template.blocks else ""
    body = template.tracked_body.replace("${:part}", part)
    return f"<p>${{:greeting}},</p>\n{body}\n{blocks}{links}"


def _amp_form(form: StoredForm) -> str:
    return "".join(_amp_step(form, number) for number in range(len(form.steps)))


def _amp_step(form: StoredForm, number: int) -> str:
    return (
        f'<form method="post" action-xhr="${{:base}}/api/v1/f/{form.id}">\n{_fields(form, number)}'
        '<div submit-success><template type="amp-mustache"><p>{{message}}</p></template></div>\n'
        '<div submit-error><template type="amp-mustache"><p>{{message}}</p></template></div>\n'
        "</form>\n"
    )


def _fields(form: StoredForm, number: int) -> str:
    """Write a step's inputs: the hidden ones carry what the documented form export repeats. Source: RS-src tests."""
    step, total = form.steps[number], len(form.steps)
    hidden = {
        "ref": "${:ref}",
        "responseId": "${:response}",
        "recipientEmail": "${:to}",
        "formId": form.id,
        "next-step-id": form.step_after(number),
        "total-steps": str(total),
    }
    return (
        (f"<p>Step {number + 1} of {total}</p>\n" if total > 1 else "")
        + "".join(f'<input type="hidden" name="{name}" value="{value}">\n' for name, value in hidden.items())
        + "".join(_field(element) for element in step.elements)
        + f'<input type="submit" value="{escape(step.button)}">\n'
    )


def _field(element: Element) -> str:
    question = element.question
    title = escape(element.name)
    required = " required" if question.is_required else ""
    if question.kind in ("text", "date"):
        hint = f' placeholder="{escape(question.hint)}"' if question.hint else ""
        entry = f'<input type="{question.kind}" name="{element.id}"{hint}{required}>'
        return f"<p><label>{title} {entry}</label></p>\n"
    # A browser demands every box of a required group of checkboxes; the server asks for one.
    kind, required = ("checkbox", "") if question.kind == "choices" else ("radio", required)
    inputs = "".join(
        f'<label><input type="{kind}" name="{element.id}" value="{escape(option)}"{required}> '
        f"{escape(option)}</label>\n"
        for option in question.options
    )
    other = f'<label>Other <input type="text" name="{element.id}"></label>\n' if question.is_open else ""
    return f"<fieldset><legend>{title}</legend>\n{inputs}{other}</fieldset>\n"
