"""One HTTP call, and how it ended: with an answer, before the request left, or after."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp

from bridge.destinations import Answer, Failed

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from bridge.destinations import Call
    from bridge.settings import Settings

__all__ = ["Sender"]


class Sender:
    """Makes calls with one client session."""

    def __init__(
        self, session: aiohttp.ClientSession, settings: Settings, now: Callable[[], datetime]
    ) -> None:
        self._session = session
        self._now = now
        self._timeout = aiohttp.ClientTimeout(
            total=settings.request_timeout_s,
            connect=settings.connect_timeout_s,
            sock_connect=settings.connect_timeout_s,
        )

    async def send(self, call: Call) -> Answer | Failed:
        """Make one call. Redirects are not followed: a write must not end somewhere else."""
        try:
            async with self._session.request(
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
