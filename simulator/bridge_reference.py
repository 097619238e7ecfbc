"""Writes the parts of the bridge's reference pages that follow from its code and its contract."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from bridge.admin import ADMIN_ROUTES
from bridge.configuration import reference_table
from bridge.metrics import METRICS
from bridge.routing import table_schema
from bridge.routing.vocabulary import FILTERS, FUNCTIONS, NAMES, PARTS, TESTS
from bridge.settings import table
from contracts import load_contract

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["admin_api", "metrics", "routing", "settings"]


def settings() -> str:
    """List the bridge's settings."""
    return reference_table(table())


def metrics() -> str:
    """List the bridge's metrics."""
    lines = ["| Metric | Kind | Labels | Meaning |", "| --- | --- | --- | --- |"]
    for name, (kind, labels, text) in METRICS.items():
        named = ", ".join(f"`{label}`" for label in labels)
        lines.append(f"| `{name}` | {kind} | {named} | {text} |")
    return "\n".join(lines)


def routing() -> str:
    """List the keys of a row, and what expressions know."""
    row = table_schema()["properties"]["rows"]["items"]["properties"]
    lines = ["| Key of a row | Value |", "| --- | --- |"]
    for name, value in row.items():
        choices = ", ".join(f"`{choice}`" for choice in value.get("enum", ()))
        lines.append(f"| `{name}` | {value['description']}{f' One of {choices}.' if choices else ''} |")
    for heading, words in (
        ("Name", NAMES),
        ("Function", FUNCTIONS),
        ("Filter", FILTERS),
        ("Test", TESTS),
    ):
        lines += ["", f"| {heading} | What it is |", "| --- | --- |"]
        for name, word in words.items():
            inside = ", ".join(f"`{each.name}`" for each in fields(PARTS[name])) if name in PARTS else ""
            help_ = word.help.replace("|", "\\|")
            lines.append(f"| `{name}` | {help_}{f' Fields: {inside}.' if inside else ''} |")
    return "\n".join(lines)


def admin_api() -> str:
    """Describe every operation of the admin API from the contract."""
    document: Any = load_contract("bridge").document
    lines: list[str] = []
    for method, path in ADMIN_ROUTES.values():
        operation = document["paths"][path][method.lower()]
        lines += [f"### `{method} {path}`", "", operation["summary"], ""]
        rows = [*_parameters(operation), *_body(document, operation)]
        if rows:
            lines += ["| Given | Where | Value |", "| --- | --- | --- |", *rows, ""]
        answers = [f"{status} {_answer(document, each)}" for status, each in operation["responses"].items()]
        lines += ["Answers:", "", *(f"- {each}" for each in answers), ""]
    return "\n".join(lines).rstrip()


def _parameters(operation: Mapping[str, Any]) -> Iterator[str]:
    for each in operation.get("parameters", ()):
        yield f"| `{each['name']}` | {each['in']} | {each['description']} |"


def _body(document: Any, operation: Mapping[str, Any]) -> Iterator[str]:
    if "requestBody" not in operation:
        return
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    for part in schema.get("allOf", [schema]):
        for name, value in _resolve(document, part)["properties"].items():
            yield f"| `{name}` | body | {_value(value)} |"


def _value(value: Mapping[str, Any]) -> str:
    words = [str(value["description"])] if "description" in value else []
    choices = value.get("enum") or value.get("items", {}).get("enum")
    if choices:
        words.append("One of " + ", ".join(f"`{choice}`" for choice in choices) + ".")
    if "const" in value:
        words.append(f"`{str(value['const']).lower()}`: every one that fits.")
    return " ".join(words) or {"array": "a list of numbers", "string": "a text"}[value["type"]]


def _answer(document: Any, answer: Mapping[str, Any]) -> str:
    return str(_resolve(document, answer)["description"])


def _resolve(document: Any, value: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in value:
        found: Any = document
        for part in value["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        value = found
    return value
