"""What a run came to: expectations, ledger, violations and counts, as reports and exit codes need them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from datetime import datetime

    from contracts import Violation
    from fakes.kit.exchange import Exchange

__all__ = [
    "BrokenMessage",
    "EventCount",
    "ExpectationResult",
    "Finding",
    "FindingKind",
    "LedgerResult",
    "LedgerRule",
    "RunResult",
]


class FindingKind(StrEnum):
    """How the effect of an engagement can differ from what it should be."""

    LOST = "lost"
    DOUBLED = "doubled"
    MISROUTED = "misrouted"
    MISNAMED = "misnamed"
    LATE = "late"
    EARLY = "early"
    INVENTED = "invented"
    PREMATURE = "premature"
    ALTERED = "altered"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectationResult:
    """One line of a scenario's `expect`, judged.

    Attributes:
        text: The expectation as the scenario has it, on one line.
        where: `file:line:column` of it.
        passed: Whether it held.
        message: What was found instead, when it did not hold.
        evidence: Ids of the journal entries that show it; for a failure the nearest ones.
    """

    text: str
    where: str
    passed: bool
    message: str = ""
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRule:
    """One rule of the ledger and how often it held.

    Attributes:
        name: The rule in one line, `Mailmodo form submitted → CleverTap MM … Form Submitted`.
        expected: How many effects there should have been.
        met: How many of them there were, on the right person and at the right time.
    """

    name: str
    expected: int
    met: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One engagement whose effect is not what it should be.

    Attributes:
        kind: What is wrong.
        subject: Whom it concerns: an e-mail address, else a vendor's id.
        text: What should have been and what was, in one sentence.
        at: When the engagement, or the effect without one, took place.
        evidence: Ids of the journal entries that show it.
    """

    kind: FindingKind
    subject: str
    text: str
    at: datetime
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerResult:
    """What the ledger found.

    Attributes:
        rules: Every rule that applied, in a fixed order.
        findings: Every difference, in order of time.
        is_on: False when the run was told not to check.
        note: Why the judgement is not whole, when it is not.
    """

    rules: tuple[LedgerRule, ...] = ()
    findings: tuple[Finding, ...] = ()
    is_on: bool = True
    note: str = ""

    @property
    def is_balanced(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenMessage:
    """One way in which one message broke its contract.

    Attributes:
        entry: Id of the exchange in the journal.
        contract: Whose contract.
        operation: `operationId` or webhook name; empty when the contract knows no such message.
        where: Part of the message, `request.body`.
        path: JSON path within that part.
        got: What was found, shortened.
        wanted: What the contract asks for.
        source: Where the contract has it from; may be empty.
        sender: Who sent the message.
        receiver: Who it was for.
        at: When it was sent.
    """

    entry: str
    contract: str
    operation: str
    where: str
    path: str
    got: str
    wanted: str
    source: str
    sender: str
    receiver: str
    at: datetime

    @classmethod
    def of(cls, exchange: Exchange, violation: Violation) -> Self:
        """Tell one of an exchange's violations with what is needed to find the message."""
        return cls(
            entry=exchange.id,
            contract=exchange.contract,
            operation=exchange.operation,
            where=violation.where,
            path=violation.path,
            got=violation.got,
            wanted=violation.wanted,
            source=violation.source,
            sender=exchange.sender,
            receiver=exchange.receiver,
            at=exchange.started_at,
        )

    def __str__(self) -> str:
        name = f"{self.contract} {self.operation or 'no such operation'}"
        return f"{name}, {self.where} {self.path}: got {self.got}, wanted {self.wanted}"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventCount:
    """How often something happened at a vendor.

    Attributes:
        vendor: Where.
        event: A fact's kind (`event_stored: MM Email Opened` where what is stored has a name), or the
            `operationId` or webhook name of an exchange.
        kind: `fact`, `operation` or `webhook`.
        count: How often.
    """

    vendor: str
    event: str
    kind: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """Everything that a run is judged by.

    Attributes:
        scenario_title: The scenario's own title.
        scenario_path: Its file, as the caller named it.
        seed: What the run was drawn from.
        started_at: Virtual start, an aware UTC instant.
        ended_at: Virtual end.
        virtual_s: Virtual seconds that were lived through.
        real_s: Real seconds that it took.
        people: How many people took part.
        expectations: In the scenario's order.
        ledger: What the ledger says.
        violations: Every broken contract, in the journal's order.
        errors: Failures inside the testbed or the bridge, one line each; any of them breaks the run.
        counts: What happened where and how often, in a fixed order.
        exchanges: How many messages crossed a boundary.
        is_complete: Whether the journal holds all that happened.
    """

    scenario_title: str
    scenario_path: str
    seed: int
    started_at: datetime
    ended_at: datetime
    virtual_s: float
    real_s: float
    people: int
    expectations: tuple[ExpectationResult, ...] = ()
    ledger: LedgerResult = LedgerResult()
    violations: tuple[BrokenMessage, ...] = ()
    errors: tuple[str, ...] = ()
    counts: tuple[EventCount, ...] = ()
    exchanges: int = 0
    is_complete: bool = True

    @property
    def is_kept(self) -> bool:
        """Whether every expectation and contract held, the ledger balances and nothing failed inside."""
        return (
            all(expectation.passed for expectation in self.expectations)
            and self.ledger.is_balanced
            and not self.violations
            and not self.errors
        )
