"""One way in which a message breaks its contract, in words: where, what was found, what was wanted, says who."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from jsonschema.exceptions import best_match

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError

    from contracts.catalog import Contract

__all__ = ["NO_CONTRACT", "Violation", "explain", "quote"]

_LONGEST_QUOTE: Final = 120
_TELLING: Final = frozenset(
    {
        "type", "format", "const", "enum", "pattern", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
        "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "multipleOf",
    }
)  # fmt: skip
"""Keywords that say what is wanted together with their value."""


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


def explain(
    validator: Draft202012Validator, value: object, *, where: str, contract: Contract
) -> tuple[Violation, ...]:
    """Say everything that is wrong with a value; for a choice among schemas, what the nearest one misses."""
    errors = (best_match([error]) if error.context else error for error in validator.iter_errors(value))
    found = (_violation(error, where, contract) for error in errors if error is not None)
    return tuple(dict.fromkeys(found))  # of several names that are missing, `jsonschema` speaks one by one


def quote(value: object) -> str:
    """Show what was found: JSON, or the text of bytes, shortened."""
    if isinstance(value, bytes):
        text = value.decode("utf-8", "replace")
    else:
        text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST_QUOTE else text[: _LONGEST_QUOTE - 1] + "…"


def _violation(error: ValidationError, where: str, contract: Contract) -> Violation:
    schema = error.schema if isinstance(error.schema, dict) else {}
    source = contract.explain_source(str(schema.get("x-source", "")))
    return Violation(where, error.json_path, _got(error), _wanted(error), source)


def _got(error: ValidationError) -> str:
    if error.validator == "required" and isinstance(error.instance, dict):
        return f"an object with {', '.join(sorted(error.instance)) or 'nothing'}"
    if extra := _extra(error):
        return f"an object with {', '.join(extra)}"
    return quote(error.instance)


def _wanted(error: ValidationError) -> str:
    if error.validator == "required" and isinstance(error.instance, dict):
        required: list[str] = list(error.validator_value) if isinstance(error.validator_value, list) else []
        missing = [name for name in required if name not in error.instance]
        return f"also {', '.join(missing)}"
    if _extra(error):
        known = ", ".join(sorted(error.schema["properties"]))  # type: ignore[index]  # seen by `_extra`
        return f"nothing but {known}"
    if error.validator in _TELLING:
        return f"{error.validator} {quote(error.validator_value)}"
    return error.message


def _extra(error: ValidationError) -> list[str]:
    """Name what an object has that a closed list of properties does not know."""
    schema, found = error.schema, error.instance
    if error.validator != "additionalProperties" or error.validator_value is not False:
        return []
    if not isinstance(schema, dict) or not isinstance(found, dict) or "patternProperties" in schema:
        return []
    return sorted(set(found) - set(schema.get("properties", found)))
