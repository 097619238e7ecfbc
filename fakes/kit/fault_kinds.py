"""What can go wrong on purpose, one class each: with a call that the vendor gets, or with a webhook that it sends.

`is_handled` says whether the vendor does the work before the fault comes: a call that times out or breaks off may
have been carried out or not, and a client cannot see which.
"""

from __future__ import annotations

import asyncio
import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, Literal, get_args

from aiohttp import web

from fakes.kit.befallen import Answer
from fakes.kit.errors import FaultInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fakes.kit.befallen import RuleAtWork, ServedCall, Tried, TriedWebhook

__all__ = [
    "FAULTS",
    "Connections",
    "Cut",
    "Delay",
    "Down",
    "Duplicate",
    "Fault",
    "RateLimit",
    "Reorder",
    "Reset",
    "Status",
    "WrongCredentials",
]

_LONGEST_S: Final = 366 * 86400.0

Connections = Literal["answered", "refused", "reset"]
"""What becomes of connections to a vendor that is down."""


class Fault(ABC):
    """One thing that goes wrong. Subclasses are values: equal when they do the same.

    Attributes:
        word: What scenarios, the control API and the journal call it.
        for_webhooks: Whether it can befall webhooks too.
        wants_credentials: Whether it can befall only calls that need credentials.
    """

    __slots__ = ()
    word: ClassVar[str]
    for_webhooks: ClassVar[bool] = True
    wants_credentials: ClassVar[bool] = False

    @property
    def refuses_connections(self) -> bool:
        """False, but for an outage that does."""
        return False

    def describe(self) -> str:
        """Say in a few words what it does; the journal shows it."""
        return self.word

    @abstractmethod
    async def serve(self, call: ServedCall) -> Answer:
        """Befall a call."""

    async def send(self, attempt: TriedWebhook) -> Tried:  # noqa: ARG002 - for those that can
        """Befall a try of a webhook."""
        raise FaultInvalid(f"fault `{self.word}` cannot befall a webhook")


@dataclass(frozen=True, slots=True)
class Delay(Fault):
    """The answer comes late, or the webhook leaves late; evenly spread from `low_s` to `high_s` (the same when None)."""

    word: ClassVar[str] = "delay"
    low_s: float
    high_s: float | None = None
    is_handled: bool = True

    def __post_init__(self) -> None:
        _check_seconds("delay", self.low_s)
        if self.high_s is not None and not self.low_s <= self.high_s <= _LONGEST_S:
            raise FaultInvalid(
                f"fault `delay`: found {self.low_s:g} to {self.high_s:g} s, wanted the shorter one first"
            )

    def describe(self) -> str:
        """`delay 2 s` or `delay 2 to 20 s`."""
        high = "" if self.high_s is None else f" to {self.high_s:g}"
        return f"{self.word} {self.low_s:g}{high} s"

    def _draw(self, installed: RuleAtWork) -> float:
        if self.high_s is None:
            return self.low_s
        return round(installed.random.uniform(self.low_s, self.high_s), 3)

    async def serve(self, call: ServedCall) -> Answer:
        """Handle before or after the wait."""
        wait_s = self._draw(call.installed)
        if self.is_handled:
            response = await call.handle()
            await asyncio.sleep(wait_s)
            return Answer(response)
        await asyncio.sleep(wait_s)
        return Answer(await call.handle())

    async def send(self, attempt: TriedWebhook) -> Tried:
        """Wait, then send; the wait is no part of the vendor's own time-out."""
        await asyncio.sleep(self._draw(attempt.installed))
        return await attempt.deliver()


@dataclass(frozen=True, slots=True)
class Status(Fault):
    """Something in front of the vendor (or of the receiver) answers instead of it."""

    word: ClassVar[str] = "status"
    status: int = 503
    retry_after_s: float | None = None
    is_handled: bool = False

    def __post_init__(self) -> None:
        if not 400 <= self.status <= 599:
            raise FaultInvalid(f"fault `status`: found {self.status}, wanted a status from 400 to 599")
        if self.retry_after_s is not None:
            _check_seconds("status", self.retry_after_s)

    def describe(self) -> str:
        """`status 503`."""
        return f"{self.word} {self.status}" + (" after the work" if self.is_handled else "")

    async def serve(self, call: ServedCall) -> Answer:
        """Answer with plain text that is not the vendor's."""
        if self.is_handled:
            await call.handle()
        headers = {} if self.retry_after_s is None else {"Retry-After": whole_seconds(self.retry_after_s)}
        response = web.Response(status=self.status, text=f"{self.status}: injected fault\n", headers=headers)
        return Answer(response, is_vendors=False)

    async def send(self, attempt: TriedWebhook) -> Tried:
        """Tell the vendor this status, whether or not the receiver got the webhook."""
        return await attempt.deliver(is_sent=self.is_handled, status=self.status)


@dataclass(frozen=True, slots=True)
class Reset(Fault):
    """The connection breaks without an answer."""

    word: ClassVar[str] = "reset"
    is_handled: bool = False

    def describe(self) -> str:
        """`reset`, or `reset after the work`."""
        return self.word + (" after the work" if self.is_handled else "")

    async def serve(self, call: ServedCall) -> Answer:
        """Break before or after the work."""
        if self.is_handled:
            await call.handle()
        return Answer(None)

    async def send(self, attempt: TriedWebhook) -> Tried:
        """Break before the receiver got it, or after."""
        return await attempt.deliver(is_sent=self.is_handled, error="reset")


@dataclass(frozen=True, slots=True)
class Cut(Fault):
    """The vendor does its work, and the connection breaks in the middle of the answer's body."""

    word: ClassVar[str] = "cut"
    for_webhooks: ClassVar[bool] = False
    arrives: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.arrives < 1:
            raise FaultInvalid(f"fault `cut`: found {self.arrives:g}, wanted a share from 0 to below 1")

    async def serve(self, call: ServedCall) -> Answer:
        """Send headers that promise the whole body, then a part of it."""
        return Answer(await call.handle(), arrives=self.arrives)


@dataclass(frozen=True, slots=True)
class Duplicate(Fault):
    """A call is carried out twice, or a webhook is sent twice, though it was taken the first time."""

    word: ClassVar[str] = "duplicate"
    after_s: float = 0.0

    def __post_init__(self) -> None:
        _check_seconds("duplicate", self.after_s)

    async def serve(self, call: ServedCall) -> Answer:
        """Answer the first; handle the second beside it."""
        response = await call.handle()
        call.repeat(self.after_s)
        return Answer(response)

    async def send(self, attempt: TriedWebhook) -> Tried:
        """Send it, and then again."""
        tried = await attempt.deliver()
        attempt.repeat(self.after_s)
        return tried


@dataclass(frozen=True, slots=True)
class Reorder(Fault):
    """Of every two, the second overtakes the first; one that nobody overtakes goes on after `at_most_s`."""

    word: ClassVar[str] = "reorder"
    at_most_s: float = 5.0

    def __post_init__(self) -> None:
        _check_seconds("reorder", self.at_most_s)

    async def serve(self, call: ServedCall) -> Answer:
        """Hold the first back until the second is handled."""
        is_overtaking = await call.installed.hold_or_overtake(self.at_most_s)
        try:
            return Answer(await call.handle())
        finally:
            if is_overtaking:
                call.installed.let_go()

    async def send(self, attempt: TriedWebhook) -> Tried:
        """Hold the first back until the second is sent."""
        is_overtaking = await attempt.installed.hold_or_overtake(self.at_most_s)
        try:
            return await attempt.deliver()
        finally:
            if is_overtaking:
                attempt.installed.let_go()


@dataclass(frozen=True, slots=True)
class RateLimit(Fault):
    """The vendor says in its own words that there are too many calls, with a `Retry-After`."""

    word: ClassVar[str] = "rate limit"
    for_webhooks: ClassVar[bool] = False
    retry_after_s: float = 1.0

    def __post_init__(self) -> None:
        _check_seconds("rate limit", self.retry_after_s)

    def describe(self) -> str:
        """`rate limit, retry after 30 s`."""
        return f"{self.word}, retry after {self.retry_after_s:g} s"

    async def serve(self, call: ServedCall) -> Answer:
        """Refuse without doing the work."""
        return Answer(call.refuse_for_rate(self.retry_after_s))


@dataclass(frozen=True, slots=True)
class WrongCredentials(Fault):
    """The vendor sees other credentials than were sent, as after a key was rotated; it refuses in its own words."""

    word: ClassVar[str] = "wrong credentials"
    for_webhooks: ClassVar[bool] = False
    wants_credentials: ClassVar[bool] = True

    async def serve(self, call: ServedCall) -> Answer:
        """Let the vendor's own check refuse."""
        return Answer(await call.handle_with_wrong_credentials())


@dataclass(frozen=True, slots=True)
class Down(Fault):
    """The vendor is out of order: calls get nowhere, webhooks leave when it is up again.

    Attributes:
        status: What stands before the vendor answers with, where connections are answered.
        connections: `answered` by what stands before the vendor; `refused`, as where nothing listens, those that are
            open being cut; or taken and `reset` once something was asked.
    """

    word: ClassVar[str] = "down"
    status: int = 503
    connections: Connections = "answered"

    def __post_init__(self) -> None:
        if not 500 <= self.status <= 599:
            raise FaultInvalid(f"fault `down`: found {self.status}, wanted a status from 500 to 599")
        if self.connections not in get_args(Connections):
            wanted = " or ".join(get_args(Connections))
            raise FaultInvalid(f"fault `down`: found connections {self.connections}, wanted {wanted}")
        if self.connections != "answered" and self.status != 503:
            raise FaultInvalid(
                f"fault `down`: found a status of {self.status} and connections that are {self.connections}, "
                "which get none; drop one of the two"
            )

    @property
    def refuses_connections(self) -> bool:
        """Whether nobody gets through to say what is asked."""
        return self.connections == "refused"

    def describe(self) -> str:
        """`down`, `down, connections refused` or `down, connections reset`."""
        return self.word if self.connections == "answered" else f"{self.word}, connections {self.connections}"

    async def serve(self, call: ServedCall) -> Answer:  # noqa: ARG002 - nothing reaches the vendor
        """Answer as a load balancer without a server behind it does, or break the connection."""
        if self.connections != "answered":
            return Answer(None)
        return Answer(web.Response(status=self.status, text="Service Unavailable\n"), is_vendors=False)

    async def send(self, attempt: TriedWebhook) -> Tried:
        """Wait until the vendor is up again."""
        await attempt.installed.over()
        return await attempt.deliver()


FAULTS: Final[Mapping[str, type[Fault]]] = {
    kind.word: kind
    for kind in (Delay, Status, Reset, Cut, Duplicate, Reorder, RateLimit, WrongCredentials, Down)
}
"""Every fault by its word."""


def whole_seconds(seconds: float) -> str:
    """Write seconds as `Retry-After` has them: whole, and never too few."""
    return str(math.ceil(seconds))


def _check_seconds(word: str, seconds: float) -> None:
    if not 0 <= seconds <= _LONGEST_S:
        raise FaultInvalid(f"fault `{word}`: found {seconds:g} s, wanted from 0 s to one year")
