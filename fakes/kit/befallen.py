"""What a fault befalls: a call on its way to the vendor, or a try of a webhook; and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

    from aiohttp import web

__all__ = ["Answer", "RuleAtWork", "ServedCall", "Tried", "TriedWebhook"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the caller gets to see.

    Attributes:
        response: None when the connection breaks before anything was said.
        is_vendors: Whether the vendor itself says it, so that its contract must hold for it.
        arrives: Which share of the body gets through before the connection breaks; None for all, and no break.
    """

    response: web.Response | None
    is_vendors: bool = True
    arrives: float | None = None


@dataclass(frozen=True, slots=True)
class Tried:
    """What the vendor sees of one try of a webhook: a status, or why there is none."""

    status: int | None
    error: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    exchange_id: str = ""


class RuleAtWork(Protocol):
    """The rule that a fault belongs to."""

    random: Random

    async def over(self) -> None:
        """Wait until the rule's time is over, or it is uninstalled."""
        ...

    async def hold_or_overtake(self, at_most_s: float) -> bool:
        """Wait to be overtaken, or overtake the one that waits; say whether it was the latter."""
        ...

    def let_go(self) -> None:
        """Let the one that waits to be overtaken go on."""
        ...


class ServedCall(Protocol):
    """A call on its way to the vendor's handler."""

    @property
    def installed(self) -> RuleAtWork:
        """The rule."""
        ...

    async def handle(self) -> web.Response:
        """Let the vendor do its work, and give its answer."""
        ...

    async def handle_with_wrong_credentials(self) -> web.Response:
        """Let the vendor see the call as if its credentials were wrong."""
        ...

    def refuse_for_rate(self, retry_after_s: float) -> web.Response:
        """Refuse in the vendor's words for too many calls."""
        ...

    def repeat(self, after_s: float) -> None:
        """Have the same call handled once more, beside the answer."""
        ...


class TriedWebhook(Protocol):
    """A try of a webhook that is about to leave."""

    @property
    def installed(self) -> RuleAtWork:
        """The rule."""
        ...

    async def deliver(self, *, is_sent: bool = True, status: int | None = None, error: str = "") -> Tried:
        """Send it, record it, and say what came back.

        Args:
            is_sent: False when nothing leaves.
            status: What the vendor is told instead of the real answer.
            error: Why the vendor gets no answer although there may be one.
        """
        ...

    def repeat(self, after_s: float) -> None:
        """Have the same bytes sent once more, beside the first."""
        ...
