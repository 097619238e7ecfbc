"""Bridges of other people's making, as `--bridge module:factory` takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web

from bridge import Bridge, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from random import Random


class OneAnswer:
    """A bridge that answers every request in one way and carries nothing."""

    def __init__(self, status: int, fails_with: str = "") -> None:
        self._status = status
        self._fails_with = fails_with
        self.app = web.Application()
        self.app.router.add_route("*", "/{path:.*}", self._answer)

    async def _answer(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "taken"}, status=self._status)

    async def start(self) -> None:
        if self._fails_with:
            raise RuntimeError(self._fails_with)

    async def stop(self) -> None:
        pass


def real(settings: Mapping[str, object], *, now: Callable[[], datetime], random: Random) -> Any:
    """Make the bridge that this project ships, as if it were somebody else's."""
    return Bridge(Settings.from_mapping(settings), now=now, random=random)


def swallows(settings: Mapping[str, object], *, now: Callable[[], datetime], random: Random) -> Any:
    """Make a bridge that takes everything and hands nothing over."""
    del settings, now, random
    return OneAnswer(200)


def deaf(settings: Mapping[str, object], *, now: Callable[[], datetime], random: Random) -> Any:
    """Make a bridge that answers in a way its contract does not know."""
    del settings, now, random
    return OneAnswer(418)


def fails_to_start(settings: Mapping[str, object], *, now: Callable[[], datetime], random: Random) -> Any:
    """Make a bridge that cannot be started."""
    del settings, now, random
    return OneAnswer(200, "out of order")


def wants_more(settings: Mapping[str, object], flavour: str) -> Any:
    """Take other arguments than a factory is given."""
    del settings
    return flavour


NO_FUNCTION = 7
NO_APP = dict
