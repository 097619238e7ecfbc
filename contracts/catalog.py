"""Finds a contract by vendor, and an operation by its id or by method and path.

A contract is one OpenAPI 3.1 document: `paths` for what the vendor is called on, `webhooks` for what
it sends. Only what judging needs is read here; everything else stays in the document for people.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote, urlsplit

import yaml

from contracts.errors import ContractFileInvalid, UnknownContract, UnknownOperation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["VENDORS", "Contract", "Match", "Operation", "load_contract", "names", "read_contract"]

VENDORS = ("clevertap", "customerio", "mailjet", "mailmodo", "segment")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_FOLDER = Path(__file__).parent
_METHODS = ("get", "put", "post", "delete", "patch", "options", "head")

Kind = Literal["operation", "webhook"]


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing a vendor is called on, or one webhook it sends.

    Attributes:
        id: The `operationId`; unique within the contract, webhooks included.
        kind: `operation` for `paths`, `webhook` for `webhooks`.
        method: Upper case.
        path: The path template, `/1/upload`; a webhook's name for webhooks.
        pointer: JSON Pointer to the operation inside the document.
        spec: The operation object itself.
    """

    id: str
    kind: Kind
    method: str
    path: str
    pointer: str
    spec: Mapping[str, Any]

    @property
    def summary(self) -> str:
        """The one line that says what it does."""
        return str(self.spec.get("summary", ""))


@dataclass(frozen=True, slots=True)
class Match:
    """An operation, and the values of its path parameters, decoded."""

    operation: Operation
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Contract:
    """One vendor's OpenAPI document, indexed.

    Attributes:
        name: `mailmodo`, `bridge`, …
        document: The parsed document.
        operations: By `operationId`, operations first, then webhooks, in the document's order.
        hosts: Host names under which the vendor is reached, the main one first.
    """

    name: str
    document: Mapping[str, Any]
    operations: Mapping[str, Operation]
    hosts: tuple[str, ...]
    _exact: Mapping[str, Mapping[str, Match]] = field(repr=False)
    _patterns: tuple[tuple[re.Pattern[str], Operation], ...] = field(repr=False)

    @property
    def uri(self) -> str:
        """The base URI under which schemas of this document refer to each other."""
        return f"urn:contract:{self.name}"

    @property
    def title(self) -> str:
        """The document's title."""
        return str(self.document["info"]["title"])

    @property
    def sources(self) -> Mapping[str, str]:
        """What the short names in `x-source` stand for: `info.x-sources` of the document."""
        legend: Mapping[str, str] = self.document["info"].get("x-sources", {})
        return legend

    def sources_in(self, text: str) -> dict[str, str]:
        """Give those of the short names that a text uses, in its order, with what they stand for."""
        found = [
            (at.start(), name)
            for name in self.sources
            if (at := re.search(rf"(?<![\w-]){re.escape(name)}(?![\w*-])", text)) is not None
        ]
        return {name: self.sources[name] for _, name in sorted(found)}

    def explain_source(self, text: str) -> str:
        """Give an `x-source` with what its short names stand for.

        Returns:
            ``SNIP:sample_token; SNIP is CleverTap's own sample payloads``.
        """
        return "; ".join((text, *(f"{name} is {title}" for name, title in self.sources_in(text).items())))

    def operation(self, operation_id: str) -> Operation:
        """Find an operation or webhook by id.

        Raises:
            UnknownOperation: The contract has none of that id.
        """
        try:
            return self.operations[operation_id]
        except KeyError:
            raise UnknownOperation(
                f"contract {self.name!r} has no operation or webhook {operation_id!r}; "
                f"it has {', '.join(self.operations)}"
            ) from None

    def match(self, method: str, path: str) -> Match | None:
        """Find the operation a request is for, and its path parameters.

        Args:
            method: Upper case.
            path: As on the wire, still percent-encoded, so that an encoded slash stays inside its parameter.
        """
        exact = self._exact.get(path)
        if exact is not None and method in exact:
            return exact[method]
        for pattern, operation in self._patterns:
            if operation.method == method and (found := pattern.fullmatch(path)):
                return Match(operation, {name: unquote(value) for name, value in found.groupdict().items()})
        return None

    def methods(self, path: str) -> tuple[str, ...]:
        """Say with which methods a path is known; none when it is not."""
        exact = tuple(self._exact.get(path, ()))
        return exact + tuple(
            operation.method for pattern, operation in self._patterns if pattern.fullmatch(path)
        )

    def of_kind(self, kind: Kind) -> Iterator[Operation]:
        """Go through the operations, or the webhooks, in the document's order."""
        return (operation for operation in self.operations.values() if operation.kind == kind)


def names() -> tuple[str, ...]:
    """Say which contracts there are, in alphabetical order."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))


@cache
def load_contract(name: str) -> Contract:
    """Load the contract of a vendor, or `bridge`.

    Raises:
        UnknownContract: There is no such contract.
        ContractFileInvalid: The document lacks what is needed.
    """
    if name not in names():
        raise UnknownContract(f"no contract named {name!r}; there are {', '.join(names())}")
    return read_contract(name, (_FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))


def read_contract(name: str, text: str) -> Contract:
    """Read a contract from the text of its document.

    Raises:
        ContractFileInvalid: It is not an OpenAPI 3.1 document, an `operationId` is missing or used twice, a path
            parameter cannot be named so, or a `$ref` leads nowhere.
    """
    try:
        document = yaml.load(text, Loader=_LOADER)  # noqa: S506 - both choices are safe loaders
    except yaml.YAMLError as error:
        raise ContractFileInvalid(f"contract {name!r}: not well-formed YAML: {error}") from error
    if not isinstance(document, dict) or not str(document.get("openapi", "")).startswith("3.1"):
        raise ContractFileInvalid(f"contract {name!r}: wanted an OpenAPI 3.1 document (`openapi: 3.1.x`)")
    if "title" not in (document.get("info") or {}):
        raise ContractFileInvalid(f"contract {name!r}: `info.title` is missing")
    _check_references(name, document)
    operations: dict[str, Operation] = {}
    for operation in (*_read_operations(document), *_read_webhooks(document)):
        if not operation.id or operation.id in operations:
            raise ContractFileInvalid(
                f"contract {name!r}: {operation.method} {operation.path} needs an operationId of its own, "
                f"found {operation.id!r}"
            )
        operations[operation.id] = operation
    exact: dict[str, dict[str, Match]] = {}
    patterns: list[tuple[re.Pattern[str], Operation]] = []
    for operation in operations.values():
        if operation.kind == "operation" and "{" in operation.path:
            patterns.append((_path_pattern(name, operation.path), operation))
        elif operation.kind == "operation":
            exact.setdefault(operation.path, {})[operation.method] = Match(operation, {})
    return Contract(name, document, operations, _read_hosts(document), exact, tuple(patterns))


def _read_operations(document: Mapping[str, Any]) -> Iterator[Operation]:
    for path, item in document.get("paths", {}).items():
        for method in _METHODS:
            if method in item:
                pointer = f"/paths/{_escape(path)}/{method}"
                yield Operation(
                    str(item[method].get("operationId", "")),
                    "operation",
                    method.upper(),
                    path,
                    pointer,
                    item[method],
                )


def _read_webhooks(document: Mapping[str, Any]) -> Iterator[Operation]:
    for name, item in document.get("webhooks", {}).items():
        for method in _METHODS:
            if method in item:
                pointer = f"/webhooks/{_escape(name)}/{method}"
                operation_id = str(item[method].get("operationId", name))
                yield Operation(operation_id, "webhook", method.upper(), name, pointer, item[method])


def _read_hosts(document: Mapping[str, Any]) -> tuple[str, ...]:
    servers = [*document.get("servers", [])]
    for item in document.get("paths", {}).values():
        servers += item.get("servers", [])
    hosts = (urlsplit(server["url"]).hostname for server in servers)
    return tuple(dict.fromkeys(host for host in hosts if host))


def _path_pattern(contract: str, template: str) -> re.Pattern[str]:
    parts = re.split(r"(\{[^}]+\})", template)
    for part in parts:
        if part.startswith("{") and not part[1:-1].isidentifier():
            raise ContractFileInvalid(
                f"contract {contract!r}: path {template!r}: wanted a parameter named like a variable, found {part!r}"
            )
    return re.compile(
        "".join(f"(?P<{part[1:-1]}>[^/]+)" if part.startswith("{") else re.escape(part) for part in parts)
    )


def _check_references(name: str, document: Mapping[str, Any]) -> None:
    """Refuse references to what is not in the document, now and not when the first message is judged."""
    for reference in _references(document):
        value: Any = document
        for part in reference.removeprefix("#/").split("/"):
            key = part.replace("~1", "/").replace("~0", "~")
            if not reference.startswith("#/") or not isinstance(value, dict) or key not in value:
                raise ContractFileInvalid(
                    f"contract {name!r}: `$ref: {reference}` leads nowhere in the document"
                )
            value = value[key]


def _references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for below in value.values():
            yield from _references(below)
    elif isinstance(value, list):
        for below in value:
            yield from _references(below)


def _escape(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
