"""Handlers of a fake are bound to the operations of its contract, one to one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fakes.kit.errors import UnboundOperation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from contracts import Contract

__all__ = ["check_bindings"]


def check_bindings(contract: Contract, handlers: Mapping[str, object]) -> None:
    """See to it that every operation has a handler and every handler an operation.

    Args:
        contract: The vendor's.
        handlers: By `operationId`.

    Raises:
        UnboundOperation: Names those that have no other half.
    """
    wanted = {operation.id for operation in contract.of_kind("operation")}
    without_handler = sorted(wanted - handlers.keys())
    without_operation = sorted(handlers.keys() - wanted)
    if without_handler or without_operation:
        raise UnboundOperation(
            f"fake {contract.name}: operations without a handler: {', '.join(without_handler) or 'none'}; "
            f"handlers without an operation: {', '.join(without_operation) or 'none'}"
        )
