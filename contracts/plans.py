"""What judging an operation needs, looked up in its document once: query parameters, bodies, answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from contracts.catalog import Contract, Operation

__all__ = ["OperationPlan", "Parameter", "Section", "look_up", "make_plan"]

_MOST_HEADERS: Final = 64


@dataclass(frozen=True, slots=True)
class Parameter:
    """One query parameter.

    Attributes:
        name: As in the query.
        is_required: Whether the operation needs it.
        type: `integer`, `number`, `boolean`, …; None when its schema names none.
        pointer: JSON Pointer to its schema.
    """

    name: str
    is_required: bool
    type: object
    pointer: str


@dataclass(frozen=True, slots=True)
class Section:
    """One place for a body: what is asked, or what a status answers.

    Attributes:
        content: The media types it may have, with their schemas; empty when there is none.
        is_required: Whether a request must have one.
        pointer: JSON Pointer to the section, references followed.
    """

    content: Mapping[str, Any]
    is_required: bool
    pointer: str
    _by_header: dict[str, tuple[str, str | None]] = field(default_factory=dict, repr=False, compare=False)

    def find(self, content_type: str) -> tuple[str, str | None]:
        """Find how a body is judged by its `Content-Type` header.

        Returns:
            The media type without parameters in lower case, and the JSON Pointer to its schema: empty when any body
            of that type will do, None when the type is not wanted.
        """
        known = self._by_header.get(content_type)
        if known is None:
            known = self._find(content_type)
            if len(self._by_header) < _MOST_HEADERS:  # the boundary of a multipart body is new each time
                self._by_header[content_type] = known
        return known

    def _find(self, content_type: str) -> tuple[str, str | None]:
        media_type = content_type.partition(";")[0].strip().lower()
        for key in (media_type, f"{media_type.partition('/')[0]}/*", "*/*"):
            if key in self.content:
                has_schema = "schema" in self.content[key]
                return media_type, f"{self.pointer}/content/{_escape(key)}/schema" if has_schema else ""
        return media_type, None


@dataclass(frozen=True, slots=True)
class OperationPlan:
    """Everything about one operation.

    Attributes:
        query: Its query parameters.
        request: Its body; None when it has none.
        answers: By status, `4XX` or `default`, as the document has them.
    """

    query: tuple[Parameter, ...]
    request: Section | None
    answers: Mapping[str, Section]

    def answer(self, status: int) -> Section | None:
        """Find what a status may say; None when it is not documented."""
        answers = self.answers
        return answers.get(str(status)) or answers.get(f"{status // 100}XX") or answers.get("default")


def make_plan(contract: Contract, operation: Operation) -> OperationPlan:
    """Look everything up, references followed."""
    parameters = (
        _resolve(contract, f"{operation.pointer}/parameters/{index}")
        for index in range(len(operation.spec.get("parameters", ())))
    )
    query = tuple(
        Parameter(
            found["name"],
            bool(found.get("required")),
            found.get("schema", {}).get("type"),
            f"{pointer}/schema",
        )
        for pointer, found in parameters
        if found.get("in") == "query"
    )
    request = (
        _section(contract, f"{operation.pointer}/requestBody") if "requestBody" in operation.spec else None
    )
    answers = {
        str(key): _section(contract, f"{operation.pointer}/responses/{key}")
        for key in operation.spec.get("responses", {})
    }
    return OperationPlan(query, request if request and request.content else None, answers)


def look_up(contract: Contract, pointer: str) -> Any:
    """Give the value at a JSON Pointer inside a contract's document."""
    value: Any = contract.document
    for part in pointer.strip("/").split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        value = value[int(key)] if isinstance(value, list) else value[key]
    return value


def _section(contract: Contract, pointer: str) -> Section:
    pointer, found = _resolve(contract, pointer)
    return Section(found.get("content", {}), bool(found.get("required")), pointer)


def _resolve(contract: Contract, pointer: str) -> tuple[str, Mapping[str, Any]]:
    found = look_up(contract, pointer)
    if "$ref" in found:
        pointer = found["$ref"].removeprefix("#")
        found = look_up(contract, pointer)
    return pointer, found


def _escape(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
