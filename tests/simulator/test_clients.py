from __future__ import annotations

import asyncio
import os
import ssl
from typing import Any

import anyio
import httpx
import pytest
from aiohttp import TCPConnector, connector, web
from aiohttp.resolver import ThreadedResolver
from anyio.streams.stapled import StapledObjectStream
from anyio.streams.tls import TLSStream

from simulator.loop import VirtualLoop, run
from simulator.network import VirtualNetwork


async def connect_with_tls() -> str:
    server = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 443)
    stream = await anyio.connect_tcp("127.0.0.1", 443)
    wrapped = await TLSStream.wrap(stream, hostname="localhost")
    await wrapped.aclose()
    server.close()
    return type(wrapped).__name__


def test_connections_in_memory_are_not_wrapped_and_all_is_put_back() -> None:
    original = TLSStream.__dict__["wrap"]

    for _ in range(2):
        assert run(connect_with_tls()) == "SocketStream"
        assert TLSStream.__dict__["wrap"] is original


def test_last_of_several_loops_puts_back() -> None:
    original = TLSStream.__dict__["wrap"]
    other = VirtualLoop()

    run(connect_with_tls())
    assert TLSStream.__dict__["wrap"] is not original
    run(connect_with_tls())
    other.close()

    assert TLSStream.__dict__["wrap"] is original


async def test_streams_of_somebody_else_still_speak_tls() -> None:
    await connect_with_tls()
    send, receive = anyio.create_memory_object_stream[bytes](1)
    stream = StapledObjectStream(send, receive)

    async with anyio.create_task_group() as tasks, stream:
        with pytest.raises((ssl.SSLError, anyio.EndOfStream)):
            await TLSStream.wrap(stream, hostname="localhost", ssl_context=ssl.create_default_context())
        tasks.cancel_scope.cancel()


class ResolverOfRealNames:
    """Stands for the resolver that aiohttp takes where aiodns is installed."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self.options = args, options

    async def close(self) -> None: ...


def test_resolver_that_would_ask_real_name_servers_is_passed_by(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connector, "DefaultResolver", ResolverOfRealNames)

    async def resolver() -> object:
        made = TCPConnector()
        await made.close()
        return made._resolver

    bystander = VirtualLoop()
    assert isinstance(run(resolver()), ThreadedResolver)
    assert isinstance(asyncio.run(resolver()), ResolverOfRealNames)
    bystander.close()
    assert vars(connector)["DefaultResolver"] is ResolverOfRealNames


@pytest.mark.parametrize("before", [None, "example.com"])
def test_proxies_of_the_shell_are_passed_by(before: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy is a server of the real network, and in memory there is none."""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.delenv("no_proxy", raising=False)
    if before is not None:
        monkeypatch.setenv("no_proxy", before)

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text="straight")

    async def ask() -> str:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        app = web.Application()
        app.router.add_get("/", answer)
        network = VirtualNetwork(loop)
        await network.serve(app, ["api.test"])
        async with httpx.AsyncClient() as client:
            text = (await client.get("https://api.test/")).text
        await network.close()
        return text

    assert run(ask()) == "straight"
    assert os.environ.get("no_proxy") == before
