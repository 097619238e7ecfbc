"""A submitted form as Mailmodo's two webhooks tell it: flat, with the inputs of the form and what the server adds.

Source: RS-src tests (recorded bodies of the form export and of journeys that a form starts).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from fakes.mailmodo.templates import LAST_STEP

if TYPE_CHECKING:
    from datetime import datetime

    from fakes.mailmodo.state import Send
    from fakes.mailmodo.templates import Element, StoredForm, StoredStep

__all__ = ["Answers", "Submission", "SubmissionType", "missing", "read_answers"]

Answers = dict[str, str | list[str]]
"""By element id: a text, or a list of texts where several can be chosen."""

SubmissionType = Literal["AMP", "WEB"]
"""How activities call the way it came; the webhooks write it in lower case. `web` is a guess."""


_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """One set of answers to the form of one mail.

    Attributes:
        send: The mail.
        form: Its form.
        response_id: UUID; receivers recognise a repeat by it.
        fuuid: Five digits.
        at: When it came.
        answers: To its questions.
        next_step_id: The step that comes next; `success` after the last.
        type: Whether it was posted from inside the mail or from the page.
    """

    send: Send
    form: StoredForm
    response_id: str
    fuuid: str
    at: datetime
    answers: Answers
    type: SubmissionType
    next_step_id: str = LAST_STEP

    @property
    def is_whole(self) -> bool:
        """Whether no step is left."""
        return self.next_step_id == LAST_STEP

    @property
    def by_question(self) -> Answers:
        """The answers by the questions' names, as activities have them."""
        return {
            element.name: self.answers[element.id]
            for element in self.form.elements
            if element.id in self.answers
        }

    def data(self, *, utc_offset_minutes: int) -> dict[str, Any]:
        """Give what journeys carry: the answers by element id, and what stands beside them.

        Args:
            utc_offset_minutes: The account's; `date`, `hour` and `minute` are local to it (inferred).
        """
        return {**self._about(utc_offset_minutes), **self.answers}

    def export(self, *, utc_offset_minutes: int) -> dict[str, Any]:
        """Give the body of the form export: an answer stands under its field's name where it has one."""
        campaign = self.send.campaign
        fields = {element.id: element.question.field or element.id for element in self.form.elements}
        return {
            **{fields[name]: answer for name, answer in self.answers.items()},
            **self._about(utc_offset_minutes),  # a field that is called like one of these is not seen
            "recipientData": dict(self.send.contact.data),
            "campaignId": campaign.id,
            "campaignName": campaign.name,
        }

    def _about(self, utc_offset_minutes: int) -> dict[str, Any]:
        local = self.at + timedelta(minutes=utc_offset_minutes)
        return {
            "fuuid": self.fuuid,
            "next-step-id": self.next_step_id,
            "total-steps": str(len(self.form.steps)),
            "responseId": self.response_id,
            "recipientEmail": self.send.contact.email,
            "formId": self.form.id,
            "recordedAt": {
                "ts": int(self.at.timestamp()),
                "date": f"{local:%Y-%m-%d}",
                "hour": local.hour,
                "minute": local.minute,
            },
            "submissionSource": self.type.lower(),
        }


def read_answers(step: StoredStep, fields: list[tuple[str, str]]) -> Answers | str:
    """Read the answers to a step by element id, in its order; or say what is wrong with them."""
    answers: Answers = {}
    for element in step.elements:
        given = [value for name, value in fields if name == element.id and value.strip()]
        if not given and element.question.is_required:
            return f"Please answer: {element.name}"
        if not given:
            continue
        if not _is_allowed(element, given):
            return f"Please choose a valid answer: {element.name}"
        answers[element.id] = given if element.question.kind == "choices" else given[-1]
    return answers


def missing(form: StoredForm, answers: Answers) -> str:
    """Say what a whole form lacks: an answer to a required question of an earlier step, or any; empty for nothing."""
    if not answers:
        return "Please answer at least one question"
    names = (e.name for e in form.elements if e.question.is_required and e.id not in answers)
    return next((f"Please answer: {name}" for name in names), "")


def _is_allowed(element: Element, given: list[str]) -> bool:
    question = element.question
    if question.kind == "date":
        return all(_is_day(answer) for answer in given)
    options = question.options
    return question.kind == "text" or question.is_open or all(answer in options for answer in given)


def _is_day(text: str) -> bool:
    """Say whether it is a day as the field of a form writes it. Source: HTML, a valid date string."""
    try:
        return _DAY.fullmatch(text) is not None and bool(date.fromisoformat(text))
    except ValueError:
        return False
