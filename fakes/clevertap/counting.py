"""Handlers that count: events and profiles, top values, trends, and who is there now."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from fakes.clevertap.errors import incorrect_usage, invalid_request_id
from fakes.clevertap.figures import now_figures, top_figures, trend_figures
from fakes.clevertap.gate import Gate, Group
from fakes.clevertap.queries import Query, read_query
from fakes.clevertap.wire import json_answer, parse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime

    from aiohttp import web

    from fakes.clevertap.settings import CleverTapSettings
    from fakes.clevertap.state import CleverTapState
    from fakes.kit import Call, Surroundings

__all__ = ["Counting"]

_ANSWER_LIFE: Final = timedelta(hours=1)
_NO_KEYS: Final[frozenset[str]] = frozenset()
_FIRST_REQUEST_ID: Final = 384649162721759
"""The vendor's sample has this one; ours follow it at random distances."""


@dataclass(slots=True)
class _Pending:
    """An answer that is asked for again until it is there."""

    path: str
    answer: Mapping[str, Any]
    made_at: datetime
    polls: int = field(default=0)


class Counting:
    """Answers with figures, at once or behind a `req_id`."""

    def __init__(
        self, state: CleverTapState, settings: CleverTapSettings, *, gate: Gate, surroundings: Surroundings
    ) -> None:
        self._state = state
        self._settings = settings
        self._gate = gate
        self._now = surroundings.now
        self._random = surroundings.random
        self._pending: dict[int, _Pending] = {}

    def handlers(self) -> Mapping[str, Callable[[Call], Awaitable[web.Response]]]:
        """Bind the contract's operations."""
        return {
            "countEvents": self._count_events,
            "pollEventCount": self._poll,
            "countProfiles": self._count_profiles,
            "pollProfileCount": self._poll,
            "getTopValues": self._get_top,
            "pollTopValues": self._poll,
            "getTrends": self._get_trends,
            "pollTrends": self._poll,
            "countActive": self._count_active,
        }

    async def _count_events(self, call: Call) -> web.Response:
        body = await self._enter(call)
        return self._answer(call, {"count": len(self._read(body).events(self._state))})

    async def _count_profiles(self, call: Call) -> web.Response:
        body = await self._enter(call)
        return self._answer(call, {"count": len(self._read(body).profiles(self._state))})

    async def _get_top(self, call: Call) -> web.Response:
        body = await self._enter(call)
        pairs = self._read(body, {"groups"}).events(self._state)
        return self._answer(call, top_figures(body.get("groups"), pairs, self._now()))

    async def _get_trends(self, call: Call) -> web.Response:
        body = await self._enter(call)
        query = self._read(body, {"groups", "unique", "sum_event_prop"})
        pairs = query.events(self._state)
        return self._answer(call, trend_figures(body, query, pairs, utc_offset=self._settings.utc_offset))

    async def _count_active(self, call: Call) -> web.Response:
        body = await self._enter(call, default={})
        return json_answer({"status": "success", **now_figures(body, self._state.profiles, self._now())})

    async def _enter(self, call: Call, *, default: Any = None) -> Any:
        with self._gate.enter(call, Group.QUERIES):
            await asyncio.sleep(self._settings.query_takes_s)
        return default if default is not None and not call.body else parse(call.content)

    def _read(self, body: Any, besides: set[str] | frozenset[str] = _NO_KEYS) -> Query:
        if not isinstance(body, dict):
            raise incorrect_usage()
        return read_query(
            body,
            self._state,
            utc_offset=self._settings.utc_offset,
            now=self._now(),
            besides=frozenset(besides),
        )

    def _answer(self, call: Call, figures: Mapping[str, Any]) -> web.Response:
        if not self._settings.async_counts:
            return json_answer({"status": "success", **figures})
        now = self._now()
        self._forget_old(now)
        number = max(self._pending, default=_FIRST_REQUEST_ID) + self._random.randrange(1, 1_000_000)
        self._pending[number] = _Pending(call.request.path, figures, now)
        return json_answer({"status": "partial", "req_id": number})

    async def _poll(self, call: Call) -> web.Response:
        with self._gate.enter(call, Group.QUERIES):
            await asyncio.sleep(self._settings.query_takes_s)
        self._forget_old(self._now())
        text = call.query.get("req_id", "")
        number = int(text) if text.isascii() and text.isdigit() and len(text) <= 20 else 0
        pending = self._pending.get(number)
        if pending is None or pending.path != call.request.path:
            raise invalid_request_id()
        pending.polls += 1
        if pending.polls < self._settings.count_polls:
            return json_answer({"status": "partial", "req_id": number})
        return json_answer({"status": "success", **pending.answer})

    def _forget_old(self, now: datetime) -> None:
        old = [number for number, pending in self._pending.items() if now - pending.made_at > _ANSWER_LIFE]
        for number in old:
            del self._pending[number]
