"""What a fake hands to its observer of each call: who called, what was said, and what the contract says of that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contracts.validation import NO_CONTRACT
from fakes.kit.answers import body_of
from fakes.kit.exchange import ACTOR_HEADER, CAUSE_HEADER, Exchange
from fakes.kit.headers import KeptHeaders

if TYPE_CHECKING:
    from datetime import datetime

    from aiohttp import web

    from contracts import Judge, Operation, Violation
    from fakes.kit.call import Call
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
        return call.request.headers.get(ACTOR_HEADER) or self._surroundings.caller

    def exchange(
        self,
        call: Call,
        operation: Operation | None,
        response: web.Response | None,
        *,
        started_at: datetime,
        violations: tuple[Violation, ...],
        ended_at: datetime | None = None,
        error: str = "",
        fault: str = "",
    ) -> Exchange:
        """Write a call and its answer down; None is no answer at all."""
        request = call.request
        return Exchange(
            id=call.exchange_id,
            sender=self.caller(call),
            receiver=self._vendor,
            contract=self._vendor,
            operation=operation.id if operation else "",
            kind="operation",
            method=request.method,
            url=request.full_url,
            request_headers=request.head.kept_headers,
            request_body=call.body,
            status=None if response is None else response.status,
            response_headers={} if response is None else self._kept_headers.keep(response.headers),
            response_body=b"" if response is None else body_of(response),
            started_at=started_at,
            ended_at=ended_at or self._surroundings.now(),
            error=error,
            fault=fault,
            cause=request.headers.get(CAUSE_HEADER, ""),
            violations=violations,
        )

    def judge_request(self, call: Call, operation: Operation | None) -> tuple[Violation, ...]:
        """Judge a request."""
        if operation is None:
            return (NO_CONTRACT(call.request.method, call.request.rel_url.raw_path),)
        content_type = call.headers.get("Content-Type", "")
        return self._judge.request(operation, query=call.query, content_type=content_type, body=call.content)

    def judge_response(
        self, response: web.Response | None, operation: Operation | None
    ) -> tuple[Violation, ...]:
        """Judge an answer, unless there is none that the vendor gave."""
        if operation is None or response is None:
            return ()
        content_type = response.headers.get("Content-Type", "")
        return self._judge.response(
            operation, status=response.status, content_type=content_type, body=body_of(response)
        )
