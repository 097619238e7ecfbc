"""What bodies of conformance tests need on either arm: an app that is served, two clients that look alike."""

from __future__ import annotations

import asyncio
import io
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol

import aiohttp
import httpx

from simulator.loop import VirtualLoop
from simulator.network import LoopbackNetwork, Network, VirtualNetwork

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable

HOST = "api.mailmodo.com"


def open_network() -> Network:
    """Make the network that belongs to the running loop."""
    loop = asyncio.get_running_loop()
    return VirtualNetwork(loop) if isinstance(loop, VirtualLoop) else LoopbackNetwork()


@asynccontextmanager
async def serving(
    handler: Callable[[aiohttp.web.Request], Awaitable[aiohttp.web.StreamResponse]],
) -> AsyncIterator[str]:
    """Serve one handler for every path; give the base URL."""
    app = aiohttp.web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_route("*", "/{path:.*}", handler)
    network = open_network()
    await network.serve(app, [HOST])
    try:
        yield network.url(HOST)
    finally:
        await network.close()


@asynccontextmanager
async def listening(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[tuple[str, int]]:
    """Listen with asyncio's streams; give address and port. Connections are closed in the end."""
    talks: list[asyncio.Task[None]] = []

    async def talk_and_close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks.append(task)
        try:
            await talk(reader, writer)
        except ConnectionError:
            pass  # the client was faster
        finally:
            writer.close()

    server = await asyncio.start_server(talk_and_close, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[:2]
    finally:
        server.close()
        await asyncio.gather(*talks)


class Client(Protocol):
    """The little that both HTTP clients are asked for."""

    async def fetch(
        self, method: str, url: str, body: bytes | AsyncIterable[bytes] = b"", **headers: str
    ) -> tuple[int, dict[str, str], bytes]: ...


class AiohttpClient:
    """aiohttp; its errors are left as they are."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def fetch(
        self, method: str, url: str, body: bytes | AsyncIterable[bytes] = b"", **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        data = io.BytesIO(body) if isinstance(body, bytes) else body  # aiohttp warns of large bytes
        async with self._session.request(method, url, data=data, headers=headers) as response:
            return response.status, dict(response.headers), await response.read()


class HttpxClient:
    """httpx; its errors are left as they are."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def fetch(
        self, method: str, url: str, body: bytes | AsyncIterable[bytes] = b"", **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        response = await self._client.request(method, url, content=body, headers=headers)
        return response.status_code, dict(response.headers), response.content


@asynccontextmanager
async def http_client(library: str, *, timeout_s: float = 30.0) -> AsyncIterator[Client]:
    """Open a client as anybody would: `aiohttp` or `httpx`."""
    if library == "aiohttp":
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=timeout_s)) as session:
            yield AiohttpClient(session)
    else:
        async with httpx.AsyncClient(timeout=timeout_s) as client:
            yield HttpxClient(client)
