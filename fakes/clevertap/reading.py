"""Handlers that read back: one profile, and exports of events and profiles."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from fakes.clevertap.errors import malformed_request
from fakes.clevertap.exports import (
    Exports,
    ProfileDetail,
    event_records,
    profile_record,
)
from fakes.clevertap.gate import Gate, Group
from fakes.clevertap.queries import Query, read_query
from fakes.clevertap.wire import batch_size, json_answer, parse, query_from_url, raw_cursor

if TYPE_CHECKING:
    from aiohttp import web

    from fakes.clevertap.settings import CleverTapSettings
    from fakes.clevertap.state import CleverTapState
    from fakes.kit import Call, Surroundings

__all__ = ["Reading"]

_YES: Final = ("1", "true")


class Reading:
    """Answers queries from the account's memory."""

    def __init__(
        self, state: CleverTapState, settings: CleverTapSettings, *, gate: Gate, surroundings: Surroundings
    ) -> None:
        self._state = state
        self._settings = settings
        self._gate = gate
        self._now = surroundings.now
        self._exports = Exports(settings, now=surroundings.now, random=surroundings.random)

    async def get_profile(self, call: Call) -> web.Response:
        """Give one profile, or `success` without a record when there is none."""
        with self._gate.enter(call, Group.QUERIES):
            await asyncio.sleep(self._settings.query_takes_s)
            query, state = call.query, self._state
            if "email" in query:
                profile = state.profile_by_email(query["email"])
            elif "identity" in query:
                profile = state.profile_by_identity(query["identity"])
            elif "objectId" in query:
                profile = state.profile_by_object_id(query["objectId"])
            else:
                raise malformed_request()
        if profile is None:
            return json_answer({"status": "success"})
        return json_answer({"status": "success", "record": profile_record(profile)})

    async def start_event_export(self, call: Call) -> web.Response:
        """Start an export of events."""
        with self._gate.enter(call, Group.QUERIES):
            await asyncio.sleep(self._settings.query_takes_s)
            return self._open_events(call, parse(call.content))

    async def get_events(self, call: Call) -> web.Response:
        """Give a page of events, or start an export with the query in the URL."""
        with self._gate.enter(call, Group.QUERIES):
            await asyncio.sleep(self._settings.query_takes_s)
            if "cursor" in call.query:
                return json_answer(self._exports.page(raw_cursor(call), is_events=True))
            return self._open_events(call, query_from_url(call))

    def _open_events(self, call: Call, query: Any) -> web.Response:
        offset = self._settings.utc_offset
        rows = self._read(query).events(self._state)
        cursor = self._exports.open(
            rows,
            lambda page: event_records(page, utc_offset=offset),
            batch_size=batch_size(call),
            is_events=True,
        )
        return json_answer({"status": "success", "cursor": cursor})

    def _read(self, query: Any) -> Query:
        return read_query(query, self._state, utc_offset=self._settings.utc_offset, now=self._now())

    async def start_profile_export(self, call: Call) -> web.Response:
        """Start an export of profiles."""
        with self._gate.enter(call, Group.QUERIES):
            await asyncio.sleep(self._settings.query_takes_s)
            return self._open_profiles(call, parse(call.content))

    async def get_profiles(self, call: Call) -> web.Response:
        """Give a page of profiles, or start an export with the query in the URL."""
        with self._gate.enter(call, Group.QUERIES):
            await asyncio.sleep(self._settings.query_takes_s)
            if "cursor" in call.query:
                return json_answer(self._exports.page(raw_cursor(call), is_events=False))
            return self._open_profiles(call, query_from_url(call))

    def _open_profiles(self, call: Call, query: Any) -> web.Response:
        rows = self._read(query).profiles(self._state)
        detail = ProfileDetail(
            **{part: call.query.get(part, "true").lower() in _YES for part in ("app", "events", "profile")}
        )
        cursor = self._exports.open(
            rows,
            lambda page: [profile_record(row.current, detail) for row in page],
            batch_size=batch_size(call),
            is_events=False,
        )
        return json_answer({"status": "success", "cursor": cursor})
