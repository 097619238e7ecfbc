"""`contracts list|show|check`: what may cross a boundary, on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import yaml

from contracts import Judge, load_contract, names
from simulator.reports.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from contracts import Violation

__all__ = ["check_payload", "list_contracts", "show_contract"]


def list_contracts(vendor: str | None) -> None:
    """Print one line per contract, or per operation and webhook of one.

    Raises:
        UnknownContract: There is none of that name.
    """
    if vendor is None:
        for name in names():
            contract = load_contract(name)
            operations = sum(1 for _ in contract.of_kind("operation"))
            webhooks = sum(1 for _ in contract.of_kind("webhook"))
            counts = f"{counted(operations, 'operation'):<15}{counted(webhooks, 'webhook'):<13}"
            click.echo(f"{name:<12}{counts}{contract.title}")
        return
    contract = load_contract(vendor)
    width = max(len(operation.id) for operation in contract.operations.values())
    for operation in contract.operations.values():
        path = f"{operation.method} {operation.path}" if operation.kind == "operation" else "webhook"
        click.echo(f"{operation.id:<{width}}  {path:<48}  {operation.summary}".rstrip())


def show_contract(vendor: str, operation_id: str | None) -> None:
    """Print a contract, or one operation of it, as YAML.

    Raises:
        UnknownContract: There is none of that name.
        UnknownOperation: The contract has no such operation.
    """
    contract = load_contract(vendor)
    shown = dict(contract.document)
    if operation_id is not None:
        operation = contract.operation(operation_id)
        key = "paths" if operation.kind == "operation" else "webhooks"
        shown = {key: {operation.path: {operation.method.lower(): dict(operation.spec)}}}
        used = contract.sources_in(" ".join(_sources(operation.spec)))
        shown |= {"info": {"x-sources": used}} if used else {}
    click.echo(yaml.safe_dump(shown, sort_keys=False, allow_unicode=True, width=110), nl=False)


def _sources(value: object) -> Iterator[str]:
    """Give every `x-source` inside a part of a contract."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "x-source":
                yield str(item)
            yield from _sources(item)
    elif isinstance(value, list):
        for item in value:
            yield from _sources(item)


def check_payload(
    vendor: str, operation_id: str, body: bytes, status: int | None, content_type: str
) -> tuple[Violation, ...]:
    """Judge a payload as the request of an operation, or as its answer.

    Raises:
        UnknownContract: There is none of that name.
        UnknownOperation: The contract has no such operation.
    """
    contract = load_contract(vendor)
    operation = contract.operation(operation_id)
    judge = Judge(contract)
    if status is not None:
        return judge.response(operation, status=status, content_type=content_type, body=body)
    # A captured body says nothing of the query, which is judged when a whole exchange is.
    found = judge.request(operation, query={}, content_type=content_type, body=body)
    return tuple(violation for violation in found if not violation.where.startswith("request.query"))
