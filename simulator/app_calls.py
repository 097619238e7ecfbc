"""The calls that the customer's own application makes, and how it lives with vendors that are busy or down."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import aiohttp

from fakes.kit import ACTOR_HEADER, CAUSE_HEADER
from simulator.errors import SimulatorError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["APP", "AppCalls", "StepFailed"]

APP: Final = "app"
"""How the journal calls the customer's own application."""

_COME_AGAIN: Final = (429, 503)
"""Answers of a vendor that has not taken the call, so that a second one doubles nothing."""

_COME_AGAIN_S: Final = 60.0
_NOBODY_THERE: Final = 503
"""What a refused connection counts as: nothing was asked yet, so asking again is safe."""


class StepFailed(SimulatorError):
    """A vendor refused what a step asked for; the scenario and the account do not fit together."""


class AppCalls:
    """Makes the application's calls.

    Args:
        session: Its client.
        expects_faults: Whether the story has faults: then a vendor that is busy or down is called again, as apps do.
    """

    def __init__(self, session: aiohttp.ClientSession, *, expects_faults: bool) -> None:
        self._session = session
        self._expects_faults = expects_faults
        self._in_flight = 0

    @property
    def is_calling(self) -> bool:
        """Whether a call is under way."""
        return self._in_flight > 0

    async def send(
        self, method: str, url: str, body: Mapping[str, object], cause: str, headers: Mapping[str, str]
    ) -> str:
        """Call a vendor, and give the text of its answer.

        Raises:
            StepFailed: It refused, or there was no answer.
        """
        while True:
            status, text, wait_s = await self._send_once(method, url, body, cause, headers)
            if status not in _COME_AGAIN or not self._expects_faults:
                break
            await asyncio.sleep(wait_s)
        if status >= 300:
            raise StepFailed(f"{method} {url} was answered {status}: {text[:500]}")
        return text

    async def _send_once(
        self, method: str, url: str, body: Mapping[str, object], cause: str, headers: Mapping[str, str]
    ) -> tuple[int, str, float]:
        marked = {**headers, ACTOR_HEADER: APP, CAUSE_HEADER: cause}
        self._in_flight += 1
        try:
            async with self._session.request(method, url, json=body, headers=marked) as response:
                after = response.headers.get("Retry-After", "")
                wait_s = float(after) if after.isdigit() else _COME_AGAIN_S
                return response.status, await response.text(), wait_s
        except (aiohttp.ClientError, TimeoutError) as error:
            is_refused = isinstance(error, aiohttp.ClientConnectorError) and isinstance(
                error.os_error, ConnectionRefusedError
            )
            if is_refused and self._expects_faults:
                return _NOBODY_THERE, str(error), _COME_AGAIN_S
            raise StepFailed(f"{method} {url} got no answer: {type(error).__name__} {error}") from error
        finally:
            self._in_flight -= 1
