"""People who got something, and act on it in their own time: what mailboxes and phones share."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Final

import aiohttp

from fakes.kit import ACTOR_HEADER, CAUSE_HEADER, SnapshotInvalid
from simulator.entry import Step
from simulator.intentions import read_act, read_message, show_plans

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from simulator.intentions import Message, Visit
    from simulator.journal import Journal
    from simulator.people import Intent, Person

__all__ = ["Recipients"]

_KEEPALIVE_S: Final = 1800.0
"""Shorter than the fakes' servers keep a connection, so that none is lost in the moment of its use."""


class Recipients(ABC):
    """Timers, tasks and connections of people who act.

    Args:
        people: Who there is, by what messages are addressed to.
        journal: Where what they do is recorded.
        expects_faults: Whether connections may break: then a person sees nothing, and goes on.

    Attributes:
        errors: What went wrong while somebody acted.
    """

    kind: ClassVar[type[Message]]

    def __init__(
        self, people: Mapping[str, Person], journal: Journal, *, expects_faults: bool = False
    ) -> None:
        self._people = people
        self._journal = journal
        self._expects_faults = expects_faults
        self._session: aiohttp.ClientSession | None = None
        self._timers: dict[asyncio.TimerHandle, tuple[Visit, Intent]] = {}
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

    def intentions(self, vendor: str, now: datetime) -> list[dict[str, Any]]:
        """Write down what people still have in mind with a vendor's messages; what they are at right now is not.

        Args:
            vendor: Whose messages.
            now: The world's instant.
        """
        loop_s = asyncio.get_running_loop().time()
        return show_plans(
            [
                (visit, intent, timer.when() - loop_s)
                for timer, (visit, intent) in self._timers.items()
                if visit.message.vendor == vendor
            ],
            now,
        )

    def prepare(
        self, vendor: str, plans: Sequence[dict[str, Any]], now: datetime, path: str
    ) -> Callable[[], None]:
        """Read what people are to have in mind with a vendor's messages; calling what is given makes it so.

        Args:
            vendor: Whose messages.
            plans: What `intentions` gave.
            now: The world's instant.
            path: Where the plans stand.

        Raises:
            SnapshotInvalid: There is nobody of such an address; nothing is changed.
        """
        read: list[tuple[Visit, list[Intent]]] = []
        for index, plan in enumerate(plans):
            person = self._people.get(plan["person"])
            if person is None:
                wanted = "somebody of this world's people"
                raise SnapshotInvalid(f"{path}[{index}].person", found=plan["person"], wanted=wanted)
            try:
                message = read_message(self.kind, plan["message"])
                intents = [read_act(act, now) for act in plan["acts"]]
            except (TypeError, ValueError, OverflowError) as error:
                wanted = "instants with their offset from UTC"
                raise SnapshotInvalid(f"{path}[{index}]", found=str(error), wanted=wanted) from error
            if message.vendor != vendor:
                raise SnapshotInvalid(f"{path}[{index}].message.vendor", found=message.vendor, wanted=vendor)
            visit = self.visit(person, message, plan["cause"] if self._came_by(plan["cause"], person) else "")
            visit.is_seen = plan["is_seen"]
            read.append((visit, intents))

        def take_up() -> None:
            for timer, (visit, _) in tuple(self._timers.items()):
                if visit.message.vendor == vendor:
                    timer.cancel()
                    del self._timers[timer]
            for visit, intents in read:
                for intent in intents:
                    self._later(visit, intent)

        return take_up

    @abstractmethod
    def visit(self, person: Person, message: Any, cause: str) -> Visit:
        """Put a message before a person."""

    def _came_by(self, cause: str, person: Person) -> bool:
        """Whether a journal entry is the arrival of a message at a person; one of another run is none."""
        entry = self._journal.by_id(cause) if cause else None
        return entry is not None and isinstance(entry.payload, Step) and entry.payload.actor == person.email

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

    def _later(self, visit: Visit, intent: Intent) -> None:
        if self._is_closed:
            return
        loop = asyncio.get_running_loop()

        def start() -> None:
            self._timers.pop(timer, None)
            task = loop.create_task(visit.act(intent))
            self._acts.add(task)
            task.add_done_callback(self._end)

        timer = loop.call_later(intent.after_s, start)
        self._timers[timer] = (visit, intent)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._acts.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.errors.append(error)
