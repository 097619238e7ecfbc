"""One HTTP call, and how it ended: with an answer, before the request left, or after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import aiohttp

from bridge.destinations import Answer, Failed

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from bridge.destinations import Call
    from bridge.settings import Settings

__all__ = ["USER_AGENT", "Sender"]

USER_AGENT: Final = "Journeylab-Bridge/1"
"""What the bridge says to vendors about itself."""


class Sender:
    """Makes calls, with connections that are kept alive or with fresh ones."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        fresh: aiohttp.ClientSession,
        *,
        settings: Settings,
        now: Callable[[], datetime],
    ) -> None:
        """Make a sender.

        Args:
            session: For most calls.
            fresh: For calls that want a connection of their own: it keeps none alive.
            settings: How long a call may take.
            now: The time.
        """
        self._session = session
        self._fresh = fresh
        self._now = now
        self._timeout = aiohttp.ClientTimeout(
            total=settings.request_timeout_s,
            connect=settings.connect_timeout_s,
            sock_connect=settings.connect_timeout_s,
        )

    async def send(self, call: Call) -> Answer | Failed:
        """Make one call. Redirects are not followed: a write must not end somewhere else."""
        session = self._fresh if call.is_fresh else self._session
        try:
            async with session.request(
                call.method,
                call.url,
                data=call.body,
                headers=call.headers,
                allow_redirects=False,
                timeout=self._timeout,
            ) as response:
                body = await response.read()
                return Answer(response.status, response.headers, body, self._now())
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL):
            # No name, no connection, no TLS: not a byte of the request has left.
            return Failed.BEFORE_SENDING
        except (aiohttp.ClientError, TimeoutError, OSError):
            # The connection was there: whether the request was read cannot be known.
            return Failed.AFTER_SENDING
