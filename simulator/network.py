"""Stand-in until the real networks land."""
from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from aiohttp import web

from simulator.loop import VirtualLoop

if TYPE_CHECKING:
    from collections.abc import Sequence


class Network(Protocol):
    async def serve(self, app: web.Application, hosts: Sequence[str]) -> None: ...
    def url(self, host: str) -> str: ...
    async def close(self) -> None: ...


class VirtualNetwork:
    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._runners: list[web.AppRunner] = []

    async def serve(self, app: web.Application, hosts: Sequence[str]) -> None:
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        self._runners.append(runner)
        for host in hosts:
            ip = self._loop.add_host(host)
            await web.TCPSite(runner, ip, 80).start()
            await web.TCPSite(runner, ip, 443).start()

    def url(self, host: str) -> str:
        return f"https://{host}"

    async def close(self) -> None:
        for runner in self._runners:
            await runner.cleanup()


class LoopbackNetwork:
    def __init__(self) -> None:
        self._urls: dict[str, str] = {}
        self._runners: list[web.AppRunner] = []

    async def serve(self, app: web.Application, hosts: Sequence[str]) -> None:
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        self._runners.append(runner)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = site._server.sockets[0].getsockname()[1]
        for host in hosts:
            self._urls[host] = f"http://127.0.0.1:{port}"

    def url(self, host: str) -> str:
        return self._urls[host]

    async def close(self) -> None:
        for runner in self._runners:
            await runner.cleanup()
