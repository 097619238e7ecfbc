"""Watches a test that says what it proves, and tells what the fakes did not do meanwhile."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from simulator.journal import Journal
from tests.support.fakes import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from fakes.kit import Exchange


@contextmanager
def watched() -> Iterator[list[Exchange]]:
    """Give a list into which every exchange goes that a fake hands to its observer."""
    seen: list[Exchange] = []

    def noting(method: Callable[[Any, Exchange], None]) -> Callable[[Any, Exchange], None]:
        def exchange(self: Any, exchange: Exchange) -> None:
            seen.append(exchange)
            method(self, exchange)

        return exchange

    with pytest.MonkeyPatch.context() as patch:
        for observer in (Recorder, Journal):
            patch.setattr(observer, "exchange", noting(observer.exchange))
        yield seen


def unproved(vendor: str, names: Iterable[str], seen: Iterable[Exchange]) -> list[str]:
    """Give those of the names for which there is no exchange that went well and kept its contract.

    Args:
        vendor: Whose operations they are.
        names: As in a mark; `segment:track` wants the vendor itself as the caller.
        seen: What passed.
    """
    went_well = [each for each in seen if _went_well(each)]
    done = {(each.contract, each.operation) for each in went_well}
    called = {(each.contract, each.operation) for each in went_well if each.sender == vendor}
    missing = []
    for name in names:
        other, _, operation = name.rpartition(":")
        if (other or vendor, operation) not in (called if other else done):
            missing.append(name)
    return missing


def unheld(marks: Iterable[pytest.Mark], seen: Iterable[Exchange]) -> list[str]:
    """Give what is wrong with marks that hold a fake to a question or a bound.

    What a question or a bound is about cannot be read from a record; that the fake has said anything at all can. A test
    that tries rules as plain values says so, `without_wire=True`.

    Args:
        marks: `answers` and `bounds`.
        seen: What passed.
    """
    spoken = {name for each in seen for name in (each.contract, each.sender, each.receiver)}
    wrong = []
    for mark in marks:
        vendor, what = mark.args[0], f"{mark.name} {mark.args[0]} {mark.args[1]}"
        without_wire = bool(mark.kwargs.get("without_wire"))
        if not without_wire and vendor not in spoken:
            wrong.append(
                f"{what}: no exchange with {vendor}; if it tries plain values, say `without_wire=True`"
            )
        elif without_wire and vendor in spoken:
            wrong.append(f"{what}: `without_wire=True`, and there are exchanges with {vendor}")
    return wrong


def _went_well(exchange: Exchange) -> bool:
    """Say whether it was answered, not with a refusal, as the contract has it: CleverTap refuses with 200, too."""
    if exchange.violations or exchange.status is None or exchange.status >= 400:
        return False
    try:
        answer = json.loads(exchange.response_body)
    except ValueError:
        return True
    return not (
        isinstance(answer, dict) and (answer.get("status") == "fail" or answer.get("success") is False)
    )
