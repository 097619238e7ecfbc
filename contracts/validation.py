"""Judges what crosses a boundary against its contract, and explains what is wrong.

`jsonschema-rs` judges: it is fast enough to look at every payload of every run. Only when it says no does
`jsonschema` go over the same payload to say where, what was found and what was wanted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import jsonschema_rs
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from contracts.bodies import Body
from contracts.plans import OperationPlan, Section, make_plan
from contracts.violation import NO_CONTRACT, Violation, explain, quote

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from contracts.catalog import Contract, Operation

__all__ = ["NO_CONTRACT", "Judge", "Violation"]

_LONGEST_KNOWN_ANSWER: Final = 512
_MOST_KNOWN_ANSWERS: Final = 1024


class Judge:
    """Judges requests and answers against one contract.

    Validators are compiled when first used and kept; a judge may serve a whole process. Vendors say most things in
    the same few words, so the verdict on a short answer is kept as well, by its exact bytes.
    """

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self._registry_rs = jsonschema_rs.Registry([(contract.uri, dict(contract.document))])
        self._registry: Registry[Any] = Registry().with_resource(
            contract.uri, DRAFT202012.create_resource(contract.document)
        )
        self._validators: dict[str, jsonschema_rs.Draft202012Validator] = {}
        self._plans: dict[str, OperationPlan] = {}
        self._answers: dict[tuple[str, int, str, bytes], tuple[Violation, ...]] = {}

    def request(
        self, operation: Operation, *, query: Mapping[str, str], content_type: str, body: bytes | Body
    ) -> tuple[Violation, ...]:
        """Judge what was asked: query parameters and body.

        Args:
            operation: What was called; a webhook is judged as the request that it is.
            query: Query parameters by name.
            content_type: The `Content-Type` header as sent, parameters included; empty when absent.
            body: Raw bytes, or a `Body` whose parsing the caller has a use for too.
        """
        plan = self._plan(operation)
        found = self._judge_query(plan, query) if plan.query else ()
        if plan.request is None:
            return found
        body = body if isinstance(body, Body) else Body(body)
        if body.raw:
            return found + self._judge_body(plan.request, "request", content_type, body)
        if plan.request.is_required:
            return (*found, Violation("request.body", "$", "nothing", "a body"))
        return found

    def of_requests(
        self, operation: Operation, *, query: Mapping[str, str], content_type: str
    ) -> Callable[[Body], tuple[Violation, ...]]:
        """Give what judges requests that differ only in their bodies; the arguments are those of `request`.

        What can be known without a body is looked up here, once.
        """

        def judge(body: Body) -> tuple[Violation, ...]:
            return self.request(operation, query=query, content_type=content_type, body=body)

        plan = self._plan(operation)
        media_type, pointer = plan.request.find(content_type) if plan.request else ("", None)
        if not pointer or not media_type.endswith("json") or self._judge_query(plan, query):
            return judge
        is_valid = self._validator(pointer).is_valid

        def judge_json(body: Body) -> tuple[Violation, ...]:
            try:
                if is_valid(body.json()):
                    return ()
            except ValueError:  # no JSON, or half of a surrogate pair: below it is put into words
                pass
            return judge(body)

        return judge_json

    def response(
        self, operation: Operation, *, status: int, content_type: str, body: bytes
    ) -> tuple[Violation, ...]:
        """Judge what was answered: status, then body."""
        if len(body) > _LONGEST_KNOWN_ANSWER:
            return self._judge_answer(operation, status, content_type, body)
        answer = (operation.id, status, content_type, body)
        found = self._answers.get(answer)
        if found is None:
            found = self._judge_answer(operation, status, content_type, body)
            if len(self._answers) >= _MOST_KNOWN_ANSWERS:
                self._answers.clear()
            self._answers[answer] = found
        return found

    def value(self, pointer: str, value: object, *, where: str = "value") -> tuple[Violation, ...]:
        """Judge a JSON value against the schema at a JSON Pointer inside the document."""
        try:
            if self._validator(pointer).is_valid(value):
                return ()
        except UnicodeEncodeError:
            # Python reads `"\ud800"` from JSON into a text that no encoding, and so no other reader, can hold.
            return (Violation(where, "$", "half of a surrogate pair", "Unicode text"),)
        return self._explain(pointer, value, where)

    def _validator(self, pointer: str) -> jsonschema_rs.Draft202012Validator:
        validator = self._validators.get(pointer)
        if validator is None:
            schema = {"$ref": f"{self.contract.uri}#{_uri_fragment(pointer)}"}
            validator = jsonschema_rs.Draft202012Validator(
                schema, registry=self._registry_rs, validate_formats=True
            )
            self._validators[pointer] = validator
        return validator

    def _plan(self, operation: Operation) -> OperationPlan:
        plan = self._plans.get(operation.id)
        if plan is None:
            plan = self._plans[operation.id] = make_plan(self.contract, operation)
        return plan

    def _judge_query(self, plan: OperationPlan, query: Mapping[str, str]) -> tuple[Violation, ...]:
        found: tuple[Violation, ...] = ()
        for parameter in plan.query:
            text = query.get(parameter.name)
            where = f"request.query.{parameter.name}"
            if text is not None:
                found += self.value(parameter.pointer, _coerce(text, parameter.type), where=where)
            elif parameter.is_required:
                found += (Violation(where, "$", "nothing", "a value"),)
        return found

    def _judge_answer(
        self, operation: Operation, status: int, content_type: str, body: bytes
    ) -> tuple[Violation, ...]:
        plan = self._plan(operation)
        section = plan.answer(status)
        if section is None:
            return (Violation("response.status", "$", str(status), f"one of {', '.join(plan.answers)}"),)
        if not section.content:
            return (Violation("response.body", "$", quote(body), "no body"),) if body.strip() else ()
        if not body:
            return (Violation("response.body", "$", "nothing", f"a body as {', '.join(section.content)}"),)
        return self._judge_body(section, "response", content_type, Body(body))

    def _judge_body(
        self, section: Section, side: str, content_type: str, body: Body
    ) -> tuple[Violation, ...]:
        media_type, pointer = section.find(content_type)
        if pointer is None:
            wanted = " or ".join(section.content)
            return (Violation(f"{side}.headers.content-type", "$", media_type or "nothing", wanted),)
        if not pointer:
            return ()
        try:
            value = body.read_as(media_type)
        except ValueError:
            return (Violation(f"{side}.body", "$", quote(body.raw), f"well-formed {media_type}"),)
        return self.value(pointer, value, where=f"{side}.body")

    def _explain(self, pointer: str, value: object, where: str) -> tuple[Violation, ...]:
        schema = {"$ref": f"{self.contract.uri}#{_uri_fragment(pointer)}"}
        validator = Draft202012Validator(schema, registry=self._registry, format_checker=FormatChecker())
        try:
            found = explain(validator, value, where=where, contract=self.contract)
        except RecursionError:
            return (Violation(where, "$", "values nested too deep to explain", f"what #{pointer} asks for"),)
        # The two libraries may differ on a format; the judge's no stands even if it cannot be explained.
        return found or (Violation(where, "$", quote(value), f"what #{pointer} asks for"),)


def _coerce(text: str, wanted: object) -> object:
    """Read a query value as the type that its schema names; text stays text where it does not fit."""
    try:
        if wanted == "integer":
            return int(text)
        if wanted == "number":
            return float(text)
    except ValueError:
        return text
    if wanted == "boolean" and text in ("true", "false"):
        return text == "true"
    return text


def _uri_fragment(pointer: str) -> str:
    return pointer.replace("%", "%25").replace("{", "%7B").replace("}", "%7D").replace(" ", "%20")
