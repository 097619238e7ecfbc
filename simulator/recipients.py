"""People who got something, and act on it in their own time: what mailboxes and phones share."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import aiohttp

from fakes.kit import ACTOR_HEADER, CAUSE_HEADER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulator.journal import Journal
    from simulator.people import Person

__all__ = ["Recipients"]

_KEEPALIVE_S: Final = 1800.0
"""Shorter than the fakes' servers keep a connection, so that none is lost in the moment of its use."""


class Recipients:
    """Timers, tasks and connections of people who act.

    Args:
        journal: Where what they do is recorded.
        expects_faults: Whether connections may break: then a person sees nothing, and goes on.

    Attributes:
        errors: What went wrong while somebody acted.
    """

    def __init__(self, journal: Journal, *, expects_faults: bool = False) -> None:
        self._journal = journal
        self._expects_faults = expects_faults
        self._session: aiohttp.ClientSession | None = None
        self._timers: set[asyncio.TimerHandle] = set()
        self._acts: set[asyncio.Task[None]] = set()
        self._is_closed = False
        self.errors: list[BaseException] = []

    @property
    def is_acting(self) -> bool:
        """Whether somebody is at it right now."""
        return bool(self._acts)

    async def close(self) -> None:
        """Nobody acts any more; what is under way is finished. What arrives is still taken, and stays untouched."""
        self._is_closed = True
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        await asyncio.gather(*self._acts, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def fetch(
        self, method: str, url: str, *, person: Person, cause: str, agent: str, body: bytes | None = None
    ) -> str:
        """Send one request as a person's mail client or device; give the text of the answer."""
        if self._session is None:
            # aiohttp's cache wakes whoever waits for the same name in the order of a set, which differs from run to run.
            connector = aiohttp.TCPConnector(keepalive_timeout=_KEEPALIVE_S, use_dns_cache=False)
            self._session = aiohttp.ClientSession(connector=connector)
        headers = {ACTOR_HEADER: person.email, CAUSE_HEADER: cause, "User-Agent": agent}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            async with self._session.request(
                method, url, headers=headers, data=body, allow_redirects=False
            ) as response:
                return await response.text(errors="replace")
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError) as error:
            if not self._expects_faults:
                raise
            self.step("get no answer", person, details={"error": type(error).__name__}, cause=cause)
            return ""

    def step(self, verb: str, person: Person, *, details: Mapping[str, Any], cause: str) -> str:
        """Record what a person does."""
        return self._journal.step(verb, person.email, details=details, cause=cause)

    def _later(self, loop: asyncio.AbstractEventLoop, after_s: float, act: Any, *arguments: object) -> None:
        def start() -> None:
            self._timers.discard(timer)
            task = loop.create_task(act(*arguments))
            self._acts.add(task)
            task.add_done_callback(self._end)

        timer = loop.call_later(after_s, start)
        self._timers.add(timer)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._acts.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.errors.append(error)
