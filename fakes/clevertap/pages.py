"""Pages that people look at: a browser with CleverTap's script says so, and live campaigns for the web are set off.

Source: CleverTap user docs, `types-of-segments`, for page visit, referrer and page count; clevertap-web-sdk for the
session of twenty minutes. How the script tells it is compressed and not documented, so that the address is a guess.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import parse_qsl, urlsplit

from aiohttp import web

from fakes.clevertap.rules import PageView
from fakes.clevertap.tracking import PIXEL

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime

    from fakes.clevertap.profiles import Profile
    from fakes.clevertap.state import CleverTapState
    from fakes.kit import Call, Surroundings

__all__ = ["Pages"]

_SESSION_LASTS: Final = timedelta(minutes=20)
_LONGEST: Final = 2000


class Visitors(Protocol):
    """The account whose people they are."""

    state: CleverTapState
    surroundings: Surroundings

    def raise_event(self, profile: Profile, name: str, properties: Mapping[str, Any]) -> None:
        """Store a system event on a profile, now, and let it trigger what it triggers."""
        ...

    def page_viewed(self, profile: Profile, view: PageView) -> None:
        """Set off what a page sets off."""
        ...


@dataclass(slots=True)
class _Session:
    last_at: datetime
    pages: int = 0


class Pages:
    """The sessions of an account's browsers, by CleverTap ID."""

    def __init__(self, visitors: Visitors) -> None:
        self._visitors = visitors
        self._sessions: dict[str, _Session] = {}

    def handlers(self) -> Mapping[str, Callable[[Call], Awaitable[web.Response]]]:
        """Bind the contract's operations."""
        return {"trackPage": self._view}

    async def _view(self, call: Call) -> web.Response:
        device, url = call.path["device"].lower(), call.query.get("u", "")
        profile = self._visitors.state.profile_by_object_id(device)
        if profile is not None and url:
            self._note(profile, device, url=url[:_LONGEST], referrer=call.query.get("r", "")[:_LONGEST])
        return web.Response(body=PIXEL, content_type="image/gif")

    def _note(self, profile: Profile, device: str, *, url: str, referrer: str) -> None:
        now = self._visitors.surroundings.now()
        session = self._sessions.get(device)
        is_new = session is None or now - session.last_at > _SESSION_LASTS
        if session is None or is_new:
            session = self._sessions[device] = _Session(now)
        session.last_at = now
        session.pages += 1
        next(each for each in profile.devices if each.object_id == device).last_seen_at = now
        if is_new:
            came_from = {"Referrer": referrer} if referrer else {}
            self._visitors.raise_event(profile, "Web Session Started", came_from)
        if campaign := _campaign_in(url):
            self._visitors.raise_event(profile, "UTM Visited", campaign)
        self._visitors.page_viewed(profile.current, PageView(url, referrer if is_new else "", session.pages))


def _campaign_in(url: str) -> dict[str, str]:
    """Read what an address says of the campaign that led to it; the script looks for the same three."""
    try:
        query = urlsplit(url).query
        pairs = dict(parse_qsl(query, max_num_fields=100))
    except ValueError:
        return {}
    return {key: pairs[key] for key in ("utm_source", "utm_medium", "utm_campaign") if pairs.get(key)}
