from __future__ import annotations

import asyncio
import socket

import aiohttp
import httpx
import pytest
from aiohttp import web

from simulator.errors import HostTaken, HostUnknown, PortTaken
from simulator.loop import LiveLoop, VirtualLoop, run
from simulator.network import LoopbackNetwork, VirtualNetwork, acting_as


def make_app() -> web.Application:
    async def tell(request: web.Request) -> web.Response:
        assert request.transport is not None
        return web.json_response(
            [request.scheme, request.host, request.url.path, request.transport.get_extra_info("peername")[0]]
        )

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", tell)
    return app


# Virtual.


@pytest.mark.parametrize("scheme", ["https", "http"])
async def test_plain_clients_reach_production_urls(loop: VirtualLoop, scheme: str) -> None:
    await VirtualNetwork(loop).serve(make_app(), ["api.mailmodo.com"])
    url = f"{scheme}://api.mailmodo.com/api/v1/x"

    async with aiohttp.ClientSession() as session, session.get(url) as response:
        through_aiohttp = await response.json()
    async with httpx.AsyncClient() as client:
        through_httpx = (await client.get(url)).json()

    assert through_aiohttp == through_httpx == [scheme, "api.mailmodo.com", "/api/v1/x", "127.0.0.1"]


async def test_every_name_of_an_app_has_its_url(loop: VirtualLoop) -> None:
    network = VirtualNetwork(loop)
    await network.serve(make_app(), ["in1.api.clevertap.com", "us1.api.clevertap.com"])

    async with aiohttp.ClientSession() as session:
        for host in ("in1.api.clevertap.com", "us1.api.clevertap.com"):
            async with session.get(network.url(host)) as response:
                assert (await response.json())[:2] == ["https", host]


async def test_name_is_served_once_even_by_another_network(loop: VirtualLoop) -> None:
    await VirtualNetwork(loop).serve(make_app(), ["api.segment.io"])

    with pytest.raises(HostTaken, match=r"api\.segment\.io"):
        await VirtualNetwork(loop).serve(make_app(), ["other.test", "api.segment.io"])


async def test_name_can_be_served_again_after_closing(loop: VirtualLoop) -> None:
    first = VirtualNetwork(loop)
    await first.serve(make_app(), ["bridge.test"])
    await first.close()
    second = VirtualNetwork(loop)
    await second.serve(make_app(), ["bridge.test"])

    async with aiohttp.ClientSession() as session, session.get("https://bridge.test/") as response:
        assert response.status == 200


async def test_app_calls_from_its_own_host(loop: VirtualLoop) -> None:
    network = VirtualNetwork(loop)
    await network.serve(make_app(), ["api.mailmodo.com"])

    async def pass_on(_request: web.Request) -> web.Response:
        async with aiohttp.ClientSession() as session, session.get("https://api.mailmodo.com/") as response:
            return web.json_response(await response.json())

    bridge = web.Application()
    bridge.router.add_get("/", pass_on)
    await network.serve(bridge, ["bridge.test"])

    with acting_as("asha@example.com"):
        async with aiohttp.ClientSession() as session, session.get("https://bridge.test/") as response:
            caller = (await response.json())[3]

    assert await loop.getnameinfo((caller, 0)) == ("bridge.test", "0")


async def test_latency_is_set_by_host_name(loop: VirtualLoop) -> None:
    network = VirtualNetwork(loop)
    await network.serve(make_app(), ["slow.test"])
    network.set_latency(2, receiver="slow.test")

    async with aiohttp.ClientSession() as session, session.get("https://slow.test/"):
        pass

    assert loop.time() == 4.0  # to connect and to ask; the ways back take no time


async def test_slow_network_meets_the_clients_own_time_limit(loop: VirtualLoop) -> None:
    network = VirtualNetwork(loop)
    await network.serve(make_app(), ["slow.test"])
    network.set_latency(4)

    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        with pytest.raises(TimeoutError):
            await session.get("https://slow.test/")

    assert loop.time() == 10.0


async def test_idle_connection_survives_until_client_or_server_gives_it_up(loop: VirtualLoop) -> None:
    await VirtualNetwork(loop).serve(make_app(), ["api.segment.io"])

    async with aiohttp.ClientSession() as session:
        for _ in range(3):
            async with session.get("https://api.segment.io/") as response:
                assert response.status == 200
            await asyncio.sleep(86_400)

    assert loop.time() == 3 * 86_400


async def test_a_host_that_is_shut_refuses_new_connections_only(loop: VirtualLoop) -> None:
    network = VirtualNetwork(loop)
    await network.serve(make_app(), ["a.test", "b.test"])
    async with aiohttp.ClientSession() as session:
        async with session.get("https://a.test/1") as response:
            assert response.status == 200
        network.shut("b.test")
        network.shut("a.test")
        async with session.get("https://a.test/2") as response:  # by the connection that is open
            assert response.status == 200
        for url in ("https://b.test", "http://a.test"):
            with pytest.raises(aiohttp.ClientConnectorError, match="Connect call failed"):
                await session.get(url)
        network.reopen("a.test")
        async with session.get("https://b.test") as response:
            assert response.status == 200
    with pytest.raises(HostUnknown):
        network.shut("c.test")
    network.shut("a.test")
    await network.close()


# Loopback.


def test_loopback_serves_each_app_on_a_port_of_its_own() -> None:
    async def main() -> None:
        network = LoopbackNetwork()
        await network.serve(make_app(), ["a.test", "b.test"])
        await network.serve(make_app(), ["c.test"])
        urls = [network.url(host) for host in ("a.test", "b.test", "c.test")]
        async with aiohttp.ClientSession() as session, session.get(urls[0]) as response:
            assert (await response.json())[0] == "http"
        await network.close()
        assert urls[0] == urls[1] != urls[2]
        assert all(url.startswith("http://127.0.0.1:") for url in urls)

    run(main(), loop_factory=LiveLoop)


def test_loopback_serves_on_the_wanted_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]

    async def main() -> str:
        network = LoopbackNetwork(ports={"a.test": port})
        await network.serve(make_app(), ["a.test", "b.test"])
        url = network.url("b.test")
        await network.close()
        return url

    assert run(main(), loop_factory=LiveLoop) == f"http://127.0.0.1:{port}"


def test_wanted_port_in_use_is_told_with_a_next_move() -> None:
    async def main(port: int) -> None:
        network = LoopbackNetwork(ports={"a.test": port})
        try:
            await network.serve(make_app(), ["a.test"])
        finally:
            await network.close()

    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(
            PortTaken, match=rf"port {port} of 127.0.0.1, wanted for 'a.test'.*another port"
        ) as caught:
            run(main(port), loop_factory=LiveLoop)

    assert (caught.value.host, caught.value.port) == ("a.test", port)


def test_loopback_refuses_connections_while_shut_and_keeps_its_port() -> None:
    async def main() -> None:
        network = LoopbackNetwork()
        await network.serve(make_app(), ["a.test", "b.test"])
        url = network.url("a.test")
        host, _, port = url.removeprefix("http://").partition(":")
        async with aiohttp.ClientSession() as session:
            for _ in range(3):
                network.shut("b.test")
                network.shut("a.test")  # twice is once
                with pytest.raises(aiohttp.ClientConnectorError):
                    await session.get(url)
                with socket.socket() as other, pytest.raises(OSError, match="already in use"):
                    other.bind((host, int(port)))
                network.reopen("a.test")
                network.reopen("a.test")
                async with session.get(url, headers={"Connection": "close"}) as response:
                    assert response.status == 200
            network.reopen("a.test")
            network.shut("a.test")
            network.reopen("a.test")
            network.shut("a.test")  # before the one before is served
            with pytest.raises(aiohttp.ClientConnectorError):
                await session.get(url)
            with pytest.raises(HostUnknown):
                network.shut("c.test")
        await network.close()
        socket.create_server((host, int(port))).close()

    run(main(), loop_factory=LiveLoop)


def raw(url: str, sent: bytes) -> bytes:
    """Send bytes, and give all that comes back until the server hangs up."""
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=5) as client:
        client.sendall(sent)
        return b"".join(iter(lambda: client.recv(1 << 16), b""))


def test_whoever_speaks_no_http_is_told_and_only_own_errors_are_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail(_request: web.BaseRequest) -> web.Response:
        raise RuntimeError("a slip of ours")

    async def main() -> None:
        network = LoopbackNetwork()
        app = web.Application()
        app.router.add_route("GET", "/", fail)
        await network.serve(app, ["a.test"])
        await network.serve(lambda **options: web.Server(fail, **options), ["b.test"])
        for host in ("a.test", "b.test"):
            for sent in (
                b"GET / HTTP/1.1\r\n\r\n",
                b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n",
                b"\x16\x03\x01\r\n\r\n",
            ):
                answer = await asyncio.to_thread(raw, network.url(host), sent)
                assert answer.startswith(b"HTTP/1.0 400 "), sent
        assert [one for one in caplog.records if one.levelname == "ERROR"] == []
        for host in ("a.test", "b.test"):
            async with aiohttp.request("GET", network.url(host)) as response:
                assert response.status == 500
        await network.close()

    run(main(), loop_factory=LiveLoop)

    errors = [one.exc_info[1] for one in caplog.records if one.levelname == "ERROR" and one.exc_info]
    assert [str(error) for error in errors] == ["a slip of ours"] * 2


def test_loopback_knows_what_it_serves() -> None:
    async def main() -> None:
        network = LoopbackNetwork()
        await network.serve(make_app(), ["a.test"])
        with pytest.raises(HostUnknown, match=r"served are: a\.test"):
            network.url("b.test")
        with pytest.raises(HostTaken):
            await network.serve(make_app(), ["b.test", "a.test"])
        await network.close()

    run(main(), loop_factory=LiveLoop)
