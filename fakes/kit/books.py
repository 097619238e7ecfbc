"""What a fake hands to its observer of each call: who called, what was said, and what the contract says of that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contracts.validation import NO_CONTRACT
from fakes.kit.answers import NO_ANSWER, Answered, body_of
from fakes.kit.exchange import Exchange
from fakes.kit.headers import KeptHeaders

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from aiohttp import web

    from contracts import Judge, Operation, Violation
    from contracts.bodies import Body
    from fakes.kit.call import Call
    from fakes.kit.request import Request
    from fakes.kit.surroundings import Surroundings

__all__ = ["Books"]


class Books:
    """Keeps the books of one fake.

    Args:
        vendor: Whose they are.
        judge: Knows the vendor's contract.
        surroundings: The fake's.
    """

    def __init__(self, vendor: str, judge: Judge, surroundings: Surroundings) -> None:
        self._vendor = vendor
        self._judge = judge
        self._surroundings = surroundings
        self._kept_headers = KeptHeaders()

    def caller(self, call: Call) -> str:
        """Say who calls."""
        return call.request.head.actor or self._surroundings.caller

    def exchange(
        self,
        call: Call,
        operation: Operation | None,
        answered: Answered,
        *,
        asked: tuple[Violation, ...],
        started_at: datetime,
        ended_at: datetime | None = None,
        error: str = "",
        fault: str = "",
    ) -> Exchange:
        """Write a call and its answer down.

        Args:
            call: The call.
            operation: What it is for; None when no operation fits.
            answered: What came of it.
            asked: What is wrong with the call.
            started_at: When it came.
            ended_at: When the answer left; now, when not said.
            error: See `Exchange`.
            fault: See `Exchange`.
        """
        head = call.request.head
        fields = (
            call.exchange_id,
            head.actor or self._surroundings.caller,
            self._vendor,
            self._vendor,
            operation.id if operation else "",
            "operation",
            head.method,
            head.full_url,
            head.kept_headers,
            call.content.raw,
            answered.status,
            answered.headers,
            answered.body,
            started_at,
            ended_at or self._surroundings.now(),
            1,
            error,
            fault,
            head.cause,
            asked + answered.violations,
        )
        return tuple.__new__(Exchange, fields)  # in half the time that reading twenty arguments takes

    def answered(
        self, response: web.Response | None, operation: Operation | None, *, is_judged: bool = True
    ) -> Answered:
        """Write down what was answered, and judge it.

        Args:
            response: The answer; None is no answer at all.
            operation: What was asked for; nothing can be said of an answer to anything else.
            is_judged: Whether the contract has a say in it.
        """
        if response is None:
            return NO_ANSWER
        body = body_of(response)
        violations: tuple[Violation, ...] = ()
        if is_judged and operation is not None:
            content_type = response.headers.get("Content-Type", "")
            violations = self._judge.response(
                operation, status=response.status, content_type=content_type, body=body
            )
        return Answered(response.status, self._kept_headers.keep(response.headers), body, violations)

    def documents(self, operation: Operation | None, status: int) -> bool:
        """Say whether the contract knows a status of an operation's answers."""
        responses = operation.spec.get("responses", {}) if operation else {}
        return any(key in responses for key in (str(status), f"{status // 100}XX", "default"))

    def judge_of(self, request: Request, operation: Operation) -> Callable[[Body], tuple[Violation, ...]]:
        """Give what judges requests that share a head with this one, from their bodies."""
        content_type = request.headers.get("Content-Type", "")
        return self._judge.of_requests(operation, query=request.query, content_type=content_type)

    def judge_request(self, call: Call, operation: Operation | None) -> tuple[Violation, ...]:
        """Judge a request."""
        if operation is None:
            return (NO_CONTRACT(call.request.method, call.request.rel_url.raw_path),)
        content_type = call.headers.get("Content-Type", "")
        return self._judge.request(operation, query=call.query, content_type=content_type, body=call.content)
