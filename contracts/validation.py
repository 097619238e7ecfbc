"""Judges what crosses a boundary against its contract, and explains what is wrong.

`jsonschema-rs` judges: it is fast enough to look at every payload of every run. Only when it says no does
`jsonschema` go over the same payload to say where, what was found and what was wanted.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

import jsonschema_rs
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import best_match
from referencing import Registry
from referencing.jsonschema import DRAFT202012

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jsonschema.exceptions import ValidationError

    from contracts.catalog import Contract, Operation

__all__ = ["NO_CONTRACT", "Judge", "Violation"]

_LONGEST_QUOTE: Final = 120
_MISSING: Final = object()


@dataclass(frozen=True, slots=True)
class Violation:
    """One way in which a message breaks its contract.

    Attributes:
        where: Part of the message: `request.body`, `request.query.email`, `response.status`, `response.body`.
        path: JSON path within that part, `$.d[0].ts`; `$` for the part itself.
        got: What was found, shortened.
        wanted: What the contract asks for.
        source: Where the contract has it from, when it says so, with what its short names stand for.
    """

    where: str
    path: str
    got: str
    wanted: str
    source: str = ""

    def __str__(self) -> str:
        origin = f" (source: {self.source})" if self.source else ""
        return f"{self.where} {self.path}: got {self.got}, wanted {self.wanted}{origin}"


def NO_CONTRACT(method: str, path: str) -> Violation:  # noqa: N802 - reads as the constant verdict it is
    """Build the verdict on a message that no contract knows."""
    return Violation("request", "$", f"{method} {path}", "an operation that the contract knows")


class Judge:
    """Judges requests and answers against one contract.

    Validators are compiled when first used and kept; a judge may serve a whole process.
    """

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self._registry_rs = jsonschema_rs.Registry([(contract.uri, dict(contract.document))])
        self._registry: Registry[Any] = Registry().with_resource(
            contract.uri, DRAFT202012.create_resource(contract.document)
        )
        self._validators: dict[str, jsonschema_rs.Draft202012Validator] = {}
        self._plans: dict[tuple[str, str], dict[str, Any]] = {}

    def request(
        self, operation: Operation, *, query: Mapping[str, str], content_type: str, body: bytes
    ) -> tuple[Violation, ...]:
        """Judge what was asked: query parameters and body.

        Args:
            operation: What was called; a webhook is judged as the request that it is.
            query: Query parameters by name.
            content_type: The `Content-Type` header as sent, parameters included; empty when absent.
            body: Raw bytes.
        """
        found = self._judge_query(operation, query)
        wanted = self._plan(operation, "/requestBody").get("content")
        if wanted is None:
            return found
        if not body:
            required = self._plan(operation, "/requestBody").get("required", False)
            return (*found, Violation("request.body", "$", "nothing", "a body")) if required else found
        return (*found, *self._judge_body(operation, "/requestBody", "request", content_type, body))

    def response(
        self, operation: Operation, *, status: int, content_type: str, body: bytes
    ) -> tuple[Violation, ...]:
        """Judge what was answered: status, then body."""
        responses = operation.spec.get("responses", {})
        key = next((key for key in (str(status), f"{status // 100}XX", "default") if key in responses), None)
        if key is None:
            return (Violation("response.status", "$", str(status), f"one of {', '.join(responses)}"),)
        section = f"/responses/{key}"
        wanted = self._plan(operation, section).get("content")
        if not wanted:
            return (Violation("response.body", "$", _quote(body), "no body"),) if body.strip() else ()
        if not body:
            return (Violation("response.body", "$", "nothing", f"a body as {', '.join(wanted)}"),)
        return tuple(self._judge_body(operation, section, "response", content_type, body))

    def value(self, pointer: str, value: object, *, where: str = "value") -> tuple[Violation, ...]:
        """Judge a JSON value against the schema at a JSON Pointer inside the document."""
        validator = self._validators.get(pointer)
        if validator is None:
            schema = {"$ref": f"{self.contract.uri}#{_uri_fragment(pointer)}"}
            validator = jsonschema_rs.Draft202012Validator(
                schema, registry=self._registry_rs, validate_formats=True
            )
            self._validators[pointer] = validator
        try:
            if validator.is_valid(value):
                return ()
        except UnicodeEncodeError:
            # Python reads `"\ud800"` from JSON into a text that no encoding, and so no other reader, can hold.
            return (Violation(where, "$", "half of a surrogate pair", "Unicode text"),)
        return self._explain(pointer, value, where)

    def _judge_query(self, operation: Operation, query: Mapping[str, str]) -> tuple[Violation, ...]:
        found: list[Violation] = []
        for index, parameter in enumerate(operation.spec.get("parameters", ())):
            pointer = f"{operation.pointer}/parameters/{index}"
            if "$ref" in parameter:
                pointer = parameter["$ref"].removeprefix("#")
                parameter = self._lookup(pointer)  # noqa: PLW2901 - the reference is replaced by what it means
            if parameter.get("in") != "query":
                continue
            name = parameter["name"]
            if name not in query:
                if parameter.get("required"):
                    found.append(Violation(f"request.query.{name}", "$", "nothing", "a value"))
                continue
            value = _coerce(query[name], parameter.get("schema", {}).get("type"))
            found += self.value(f"{pointer}/schema", value, where=f"request.query.{name}")
        return tuple(found)

    def _judge_body(
        self, operation: Operation, section: str, side: str, content_type: str, body: bytes
    ) -> tuple[Violation, ...]:
        plan = self._plan(operation, section)
        media_type = content_type.partition(";")[0].strip().lower()
        content = plan["content"]
        key = next(
            (key for key in (media_type, f"{media_type.partition('/')[0]}/*", "*/*") if key in content), None
        )
        if key is None:
            return (
                Violation(f"{side}.headers.content-type", "$", media_type or "nothing", " or ".join(content)),
            )
        if "schema" not in content[key]:
            return ()
        value = _parse(media_type, body)
        if value is _MISSING:
            return (Violation(f"{side}.body", "$", _quote(body), f"well-formed {media_type}"),)
        pointer = f"{plan['pointer']}/content/{_escape(key)}/schema"
        return self.value(pointer, value, where=f"{side}.body")

    def _plan(self, operation: Operation, section: str) -> dict[str, Any]:
        """Follow a section of an operation to where it stands, references included, once."""
        known = self._plans.get((operation.id, section))
        if known is not None:
            return known
        pointer = operation.pointer + section
        try:
            found = self._lookup(pointer)
        except KeyError:
            found = {}
        if "$ref" in found:
            pointer = found["$ref"].removeprefix("#")
            found = self._lookup(pointer)
        plan = {**found, "pointer": pointer}
        self._plans[operation.id, section] = plan
        return plan

    def _lookup(self, pointer: str) -> Any:
        value: Any = self.contract.document
        for part in pointer.strip("/").split("/"):
            value = value[part.replace("~1", "/").replace("~0", "~")]
        return value

    def _explain(self, pointer: str, value: object, where: str) -> tuple[Violation, ...]:
        schema = {"$ref": f"{self.contract.uri}#{_uri_fragment(pointer)}"}
        validator = Draft202012Validator(schema, registry=self._registry, format_checker=FormatChecker())
        try:
            found = tuple(_violation(error, where, self.contract) for error in _leaves(validator, value))
        except RecursionError:
            return (Violation(where, "$", "values nested too deep to explain", f"what #{pointer} asks for"),)
        # The two libraries may differ on a format; the judge's no stands even if it cannot be explained.
        return found or (Violation(where, "$", _quote(value), f"what #{pointer} asks for"),)


def _leaves(validator: Draft202012Validator, value: object) -> list[ValidationError]:
    """Give the errors that name the culprit: for a choice among schemas, the nearest one's."""
    errors = (best_match([error]) if error.context else error for error in validator.iter_errors(value))
    return [error for error in errors if error is not None]


def _violation(error: ValidationError, where: str, contract: Contract) -> Violation:
    schema = error.schema if isinstance(error.schema, dict) else {}
    source = contract.explain_source(str(schema.get("x-source", "")))
    return Violation(where, error.json_path, _got(error), _wanted(error), source)


def _got(error: ValidationError) -> str:
    if error.validator == "required" and isinstance(error.instance, dict):
        return f"an object with {', '.join(sorted(error.instance)) or 'nothing'}"
    return _quote(error.instance)


def _wanted(error: ValidationError) -> str:
    if error.validator == "required" and isinstance(error.instance, dict):
        required: list[str] = list(error.validator_value) if isinstance(error.validator_value, list) else []
        missing = [name for name in required if name not in error.instance]
        return f"also {', '.join(missing)}"
    if error.validator in ("type", "format", "const", "enum", "pattern", "minimum", "maximum"):
        return f"{error.validator} {_quote(error.validator_value)}"
    return error.message


def _parse(media_type: str, body: bytes) -> object:
    if media_type == "application/x-www-form-urlencoded":
        return _form(body)
    if not media_type.endswith("json"):
        return body.decode("utf-8", "replace")
    try:
        return json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return _MISSING


def _refuse_constant(name: str) -> None:
    """Refuse `NaN` and `Infinity`, which Python reads and JSON does not have."""
    raise ValueError(name)


def _form(body: bytes) -> dict[str, str | list[str]]:
    """Read a form post; a field that comes twice is a list."""
    fields: dict[str, str | list[str]] = {}
    for name, value in parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True):
        known = fields.get(name)
        if known is None:
            fields[name] = value
        else:
            fields[name] = [*known, value] if isinstance(known, list) else [known, value]
    return fields


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


def _quote(value: object) -> str:
    if isinstance(value, bytes):
        text = value.decode("utf-8", "replace")
    else:
        text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST_QUOTE else text[: _LONGEST_QUOTE - 1] + "…"


def _escape(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _uri_fragment(pointer: str) -> str:
    return pointer.replace("%", "%25").replace("{", "%7B").replace("}", "%7D").replace(" ", "%20")
