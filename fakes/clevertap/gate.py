"""Who is let in: credentials, the account's region, and how many calls may be in flight."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from fakes.clevertap.errors import malformed_request, too_many_requests, unauthorised
from fakes.clevertap.settings import MESSAGE_HOSTS, REGION_HOSTS, CleverTapSettings
from fakes.clevertap.wire import parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fakes.kit import Call

__all__ = ["Gate", "Group"]

_ACCOUNT_ID_LENGTH: Final = 12


class Group(StrEnum):
    """Calls that share a limit."""

    UPLOADS = "uploads"
    QUERIES = "queries"


class Gate:
    """Lets calls in, or refuses them before anything else is looked at.

    Args:
        settings: Credentials and limits.
    """

    def __init__(self, settings: CleverTapSettings) -> None:
        self._settings = settings
        others = (hosts for region, hosts in REGION_HOSTS.items() if region != settings.region)
        self._elsewhere = frozenset((*MESSAGE_HOSTS.values(), *(host for hosts in others for host in hosts)))
        self._in_flight = dict.fromkeys(Group, 0)

    @contextmanager
    def enter(self, call: Call, group: Group) -> Iterator[None]:
        """Let one call in for as long as it is handled.

        Raises:
            CleverTapError: 401 for wrong credentials or region; 429 at once, without a wait or a header, when too
                many calls of the group are in flight.
        """
        self.authorise(call)
        settings = self._settings
        most = settings.max_uploads if group is Group.UPLOADS else settings.max_queries
        if self._in_flight[group] >= most:
            raise too_many_requests()
        self._in_flight[group] += 1
        try:
            yield
        finally:
            self._in_flight[group] -= 1

    async def read(self, call: Call) -> dict[str, Any]:
        """Let a query in, take the time it takes, and give its body, an object.

        Raises:
            CleverTapError: As of `enter`; 400 for a body that is no object.
        """
        with self.enter(call, Group.QUERIES):
            await asyncio.sleep(self._settings.query_takes_s)
        body = parse(call.content)
        if not isinstance(body, dict):
            raise malformed_request()
        return body

    def authorise_head(self, call: Call) -> None:
        """Look at the credentials and the region, once for all calls with the same head.

        Heads are forgotten when settings change, and with them who was let in.

        Raises:
            CleverTapError: 401.
        """
        known = call.request.head.known
        if self not in known:
            self.authorise(call)
            known[self] = True

    def authorise(self, call: Call) -> None:
        """Look at the credentials and the region.

        Raises:
            CleverTapError: 401.
        """
        settings = self._settings
        account = call.headers.get("X-CleverTap-Account-Id", "")
        if len(account) != _ACCOUNT_ID_LENGTH:
            raise unauthorised("12 digit account ID mandatory")
        passcode = call.headers.get("X-CleverTap-Passcode", "")
        has_passcode = passcode == settings.passcode or passcode in settings.user_passcodes
        if settings.legacy_auth_errors and account != settings.account_id:
            raise unauthorised("Account ID is not valid")
        if settings.legacy_auth_errors and not has_passcode:
            raise unauthorised("Passcode Invalid")
        # On loopback the host is an address, which belongs to no region.
        host = (call.request.host or "").partition(":")[0].lower()
        if account != settings.account_id or not has_passcode or host in self._elsewhere:
            raise unauthorised()
