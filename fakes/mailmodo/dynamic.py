"""What a trigger may bring along for one mail: a form in place of the template's, and rows for its repeatable blocks.

Shapes of both are documented; what is refused, and in which words, is a guess.

Source: OA-form (`forms`), OA-block (`blocks`).
"""

from __future__ import annotations

import re
from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING, Any, Final

from fakes.mailmodo.personalisation import Values
from fakes.mailmodo.templates import LAST_STEP, Element, Question, StoredStep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from fakes.mailmodo.reading import Body
    from fakes.mailmodo.templates import QuestionKind, StoredForm, StoredTemplate

__all__ = ["read_blocks", "read_form_variant"]

_MOST_STARS: Final = 10
_KINDS: Final[Mapping[str, QuestionKind]] = {
    "single-line": "text",
    "single-select": "choice",
    "multi-select": "choices",
    "rating": "rating",
    "nps": "scale",
    "date-picker": "date",
}
_STEP_ID: Final = re.compile(r"step[0-9a-z]{5,8}")
_ELEMENT_ID: Final = re.compile(r"element[A-Za-z0-9_-]{1,60}")
_NEEDS_CHOICES: Final = ("single-select", "multi-select")


def read_form_variant(body: Body, template: StoredTemplate) -> StoredForm | None:
    """Read `forms`: the template's form as this mail shall show it; the template's own when there is none.

    Raises:
        MailmodoError: A form that the template does not have, or one that cannot be shown.
    """
    own = template.form
    variants = _objects(body, body.fields, "forms")
    for number, form in enumerate(variants):
        where = f"forms[{number}]"
        if own is None or form.get("formId") != own.id:
            raise body.refuse(f'{where}.formId" is not a form of the template')
        steps = [
            (f"{where}.steps[{index}]", step)
            for index, step in enumerate(_objects(body, form, "steps", where))
        ]
        if not steps or steps[-1][1].get("stepId") != LAST_STEP:
            raise body.refuse(f'{where}.steps" must end with the step "{LAST_STEP}"')
        asked = steps[:-1]
        if not asked:
            raise body.refuse(f'{where}.steps" must contain a step before "{LAST_STEP}"')
        thanks = _thanks(body, *steps[-1])
        own = replace(own, steps=tuple(_step(body, step, place) for place, step in asked), thanks=thanks)
        ids = [element.id for element in own.elements]
        if len(set(ids)) != len(ids):
            raise body.refuse(f'{where}.steps" has an elementId twice')
        for (place, _), step in zip(asked[1:], own.steps[1:], strict=True):  # these ids are posted
            if not _STEP_ID.fullmatch(step.id):
                raise body.refuse(f'{place}.stepId" must look like step7tr7n2')
        step_ids = [step.id for step in own.steps]
        if len(set(step_ids)) != len(step_ids):
            raise body.refuse(f'{where}.steps" has a stepId twice')
    return own


def read_blocks(body: Body, template: StoredTemplate, *, values: Callable[[str], str]) -> str:
    """Read `blocks` and give them as HTML: each block once a row, in the template's order.

    Args:
        body: The trigger's.
        template: Whose blocks they are.
        values: What fills a variable that a row does not have.

    Raises:
        MailmodoError: A block that the template does not have, or rows that are not flat objects.
    """
    rows: dict[str, list[Mapping[str, Any]]] = {}
    for number, block in enumerate(_objects(body, body.fields, "blocks")):
        where = f"blocks[{number}]"
        name = _text(body, block, "blockId", where)
        if name not in template.blocks:
            raise body.refuse(f'{where}.blockId" is not a block of the template')
        rows.setdefault(name, []).extend(_objects(body, block, "data", where))
    return "".join(
        f"<div>{block.body.fill(_in_row(row, values))}</div>\n"
        for block in template.blocks.values()
        for row in rows.get(block.id, ())
    )


def _in_row(row: Mapping[str, Any], values: Callable[[str], str]) -> Callable[[str], str]:
    of_row = Values(row)

    def value_of(name: str) -> str:
        return escape(of_row(name) if name in row else values(name))

    return value_of


def _thanks(body: Body, where: str, step: Mapping[str, Any]) -> str:
    """Give the title of the last step's `success` element, which is what stands there to be shown (inferred)."""
    found = enumerate(_objects(body, step, "elements", where))
    titles = [_optional(body, each, "title", f"{where}.elements[{number}]") for number, each in found]
    return next((title for title in titles if title.strip()), "")


def _step(body: Body, step: Mapping[str, Any], where: str) -> StoredStep:
    step_id = _text(body, step, "stepId", where)
    elements = tuple(_elements(body, step, where))
    return StoredStep(step_id, elements, _optional(body, step, "buttonText", where) or "Submit")


def _elements(body: Body, step: Mapping[str, Any], where: str) -> Iterator[Element]:
    found = _objects(body, step, "elements", where)
    if not found:
        raise body.refuse(f'{where}.elements" must contain at least 1 items')
    for index, element in enumerate(found):
        place = f"{where}.elements[{index}]"
        kind = element.get("type")
        if not isinstance(kind, str) or kind not in _KINDS:
            raise body.refuse(f'{place}.type" must be one of [{", ".join(_KINDS)}]')
        title = _text(body, element, "title", place)
        choices = _choices(body, element, place) if kind in _NEEDS_CHOICES else ()
        question = Question(
            kind=_KINDS[kind],
            high=_stars(body, element, place) if kind == "rating" else 10,
            choices=choices,
            is_required=element.get("required") is True,
            is_open=element.get("otherOptionEnabled") is True,
            hint=_optional(body, element, "placeholder", place),
        )
        element_id = _text(body, element, "elementId", place)
        if not _ELEMENT_ID.fullmatch(element_id):
            raise body.refuse(f'{place}.elementId" must look like element6ehxt3')
        yield Element(element_id, title, question)


def _choices(body: Body, element: Mapping[str, Any], where: str) -> tuple[str, ...]:
    choices = element.get("choices")
    if not isinstance(choices, list) or not choices or not all(isinstance(one, str) for one in choices):
        raise body.refuse(f'{where}.choices" must be an array of strings')
    return tuple(choices)


def _stars(body: Body, element: Mapping[str, Any], where: str) -> int:
    stars = element.get("maxRating", 5)
    if isinstance(stars, bool) or not isinstance(stars, int) or not 1 <= stars <= _MOST_STARS:
        raise body.refuse(f'{where}.maxRating" must be a number from 1 to {_MOST_STARS}')
    return stars


def _objects(body: Body, fields: Mapping[str, Any], name: str, where: str = "") -> list[Mapping[str, Any]]:
    """Give an array of objects; an empty one when it is missing or null."""
    value = fields.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise body.refuse(f'{_join(where, name)}" must be an array of objects')
    return value


def _text(body: Body, fields: Mapping[str, Any], name: str, where: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value.strip():
        raise body.refuse(f'{_join(where, name)}" is required')
    return value


def _optional(body: Body, fields: Mapping[str, Any], name: str, where: str) -> str:
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise body.refuse(f'{_join(where, name)}" must be a string')
    return value


def _join(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name
