from __future__ import annotations

import asyncio
import errno
import socket
from typing import TYPE_CHECKING

import pytest

from simulator.loop import VirtualLoop, run
from simulator.wire import Wire, acting_as

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def wire(loop: VirtualLoop) -> Wire:
    return loop.wire


async def listen(host: str = "127.0.0.1", port: int = 0) -> asyncio.Server:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1000):
                writer.write(data)
        finally:
            writer.close()

    return await asyncio.start_server(talk, host, port)


# Names.


def test_every_name_gets_an_address_of_its_own_and_keeps_it(wire: Wire) -> None:
    assert [wire.names.address_of(name) for name in ("a.test", "b.test", "A.Test.", "localhost")] == [
        "10.0.0.1",
        "10.0.0.2",
        "10.0.0.1",
        "127.0.0.1",
    ]


async def test_known_name_resolves_whatever_its_case(wire: Wire) -> None:
    wire.names.address_of("api.mailmodo.com")

    infos = await asyncio.get_running_loop().getaddrinfo(b"API.Mailmodo.com.", "https")

    assert infos == [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("10.0.0.1", 443))]


@pytest.mark.parametrize(
    ("host", "options"),
    [
        ("nowhere.test", {}),
        ("a.test", {"family": socket.AF_INET6}),
        ("a.test", {"flags": socket.AI_NUMERICHOST}),
    ],
)
async def test_name_that_does_not_resolve_fails_as_with_a_real_resolver(
    wire: Wire, host: str, options: dict[str, int]
) -> None:
    wire.names.address_of("a.test")

    with pytest.raises(socket.gaierror) as caught:
        await asyncio.get_running_loop().getaddrinfo(host, 80, **options)

    assert caught.value.errno == socket.EAI_NONAME
    assert caught.value.strerror == "Name or service not known"


async def test_unknown_service_is_refused() -> None:
    with pytest.raises(socket.gaierror) as caught:
        await asyncio.get_running_loop().getaddrinfo("localhost", "gopher")

    assert caught.value.errno == socket.EAI_SERVICE


@pytest.mark.parametrize(("flags", "address"), [(0, "127.0.0.1"), (socket.AI_PASSIVE, "0.0.0.0")])
async def test_no_name_means_this_host(flags: int, address: str) -> None:
    [info] = await asyncio.get_running_loop().getaddrinfo(None, 80, flags=flags)

    assert info[4] == (address, 80)


async def test_address_tells_its_name(wire: Wire) -> None:
    loop = asyncio.get_running_loop()
    address = wire.names.address_of("a.test")

    assert await loop.getnameinfo((address, 443)) == ("a.test", "443")
    assert await loop.getnameinfo((address, 443), socket.NI_NUMERICHOST) == (address, "443")
    assert await loop.getnameinfo(("192.0.2.1", 80)) == ("192.0.2.1", "80")
    with pytest.raises(socket.gaierror):
        await loop.getnameinfo(("192.0.2.1", 80), socket.NI_NAMEREQD)


# Servers.


async def test_address_is_listened_at_once_only(wire: Wire) -> None:
    address = wire.names.address_of("a.test")
    await listen("a.test", 80)

    with pytest.raises(
        OSError, match=r"bind on address \('10.0.0.1', 80\): address already in use"
    ) as caught:
        await listen(address, 80)

    assert caught.value.errno == errno.EADDRINUSE


async def test_server_that_is_started_later_refuses_until_then() -> None:
    server = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 5000, start_serving=False)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", 5000)

    await server.start_serving()
    _, writer = await asyncio.open_connection("127.0.0.1", 5000)
    writer.close()

    assert server.is_serving()


async def test_server_that_listens_everywhere_is_found_on_this_host() -> None:
    await asyncio.start_server(lambda _r, w: w.close(), None, 5000)

    for host in ("127.0.0.1", "localhost"):
        _, writer = await asyncio.open_connection(host, 5000)
        writer.close()


async def test_server_listens_at_several_addresses(wire: Wire) -> None:
    for name in ("a.test", "b.test"):
        wire.names.address_of(name)

    server = await asyncio.start_server(lambda _r, w: w.close(), ["a.test", "b.test"], 25)

    assert [sock.getsockname() for sock in server.sockets] == [("10.0.0.1", 25), ("10.0.0.2", 25)]


async def test_server_at_an_unknown_name_is_refused() -> None:
    with pytest.raises(socket.gaierror):
        await listen("nowhere.test", 80)


async def test_closed_server_lets_open_connections_go_on_and_waits_for_them() -> None:
    server = await listen()
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b"a")
    await reader.read(1)

    server.close()
    waiting = asyncio.create_task(server.wait_closed())
    writer.write(b"b")

    assert await reader.read(1) == b"b"
    assert not waiting.done()
    writer.close()
    await waiting


async def test_serving_forever_ends_when_cancelled() -> None:
    server = await listen(port=5000)
    serving = asyncio.create_task(server.serve_forever())
    await asyncio.sleep(1)

    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving

    assert not server.is_serving()


# Ports and actors.


async def test_ports_of_callers_count_up_per_host() -> None:
    server = await listen()
    address = server.sockets[0].getsockname()
    seen = []
    for name in ("asha", "ravi", "asha"):
        with acting_as(name):
            _, writer = await asyncio.open_connection(*address)
        seen.append(writer.get_extra_info("sockname"))
        writer.close()

    assert seen == [("10.0.0.1", 49152), ("10.0.0.2", 49152), ("10.0.0.1", 49153)]


async def test_caller_may_choose_where_it_comes_from() -> None:
    server = await listen()

    _, writer = await asyncio.open_connection(*server.sockets[0].getsockname(), local_addr=("10.9.9.9", 1234))

    assert writer.get_extra_info("sockname") == ("10.9.9.9", 1234)
    writer.close()


async def test_tasks_keep_the_name_under_which_they_were_begun(wire: Wire) -> None:
    server = await listen()

    async def call() -> str:
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.close()
        return str(writer.get_extra_info("sockname")[0])

    with acting_as("asha"):
        task = asyncio.create_task(call())

    assert await task == wire.names.address_of("asha")
    assert await call() == "127.0.0.1"


# Latency.


async def timed(ask: Callable[[], object], loop: VirtualLoop) -> float:
    before = loop.time()
    await ask()  # type: ignore[misc]
    return loop.time() - before


async def test_bytes_travel_for_the_latency_of_their_link(loop: VirtualLoop) -> None:
    loop.wire.names.address_of("near.test")
    loop.wire.names.address_of("far.test")
    loop.wire.links.set_latency(0.5, sender="asha")
    loop.wire.links.set_latency(0.25, receiver="asha")
    loop.wire.links.set_latency(2, sender="asha", receiver="far.test")
    loop.wire.links.set_latency(1)
    await listen("near.test", 80)
    await listen("far.test", 80)

    async def exchange(host: str) -> None:
        reader, writer = await asyncio.open_connection(host, 80)  # there and back
        writer.write(b"x")  # there
        await reader.readexactly(1)  # and back
        writer.close()

    with acting_as("asha"):
        assert await timed(lambda: exchange("near.test"), loop) == 2 * (0.5 + 0.25)
        assert await timed(lambda: exchange("far.test"), loop) == 2 * (2 + 0.25)
    assert await timed(lambda: exchange("far.test"), loop) == 4


async def test_refusal_takes_the_way_there_and_back(loop: VirtualLoop) -> None:
    loop.wire.links.set_latency(0.5)

    async def fail() -> None:
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", 1)

    assert await timed(fail, loop) == 1.0


async def test_bytes_do_not_overtake_each_other_when_a_link_gets_faster(loop: VirtualLoop) -> None:
    loop.wire.links.set_latency(1)
    server = await listen()
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())

    writer.write(b"slow ")
    loop.wire.links.set_latency(0)
    writer.write(b"fast")
    writer.write_eof()

    assert await reader.read() == b"slow fast"
    writer.close()


async def test_connecting_that_is_given_up_on_the_way_back_is_seen_by_the_server(loop: VirtualLoop) -> None:
    loop.wire.links.set_latency(1)
    ended: list[float] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        ended.append(loop.time())
        writer.close()

    await asyncio.start_server(talk, "127.0.0.1", 5000)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1.5):
            await asyncio.open_connection("127.0.0.1", 5000)
    await asyncio.sleep(5)

    assert ended == [2.5]


@pytest.mark.parametrize("latency_s", [-1, float("nan")])
def test_latency_below_zero_is_refused(latency_s: float) -> None:
    with pytest.raises(ValueError, match="0 s or more"):
        VirtualLoop(latency_s)


def test_worlds_do_not_share_a_network() -> None:
    async def ports() -> list[int]:
        server = await listen()
        seen = [server.sockets[0].getsockname()[1]]
        for _ in range(3):
            _, writer = await asyncio.open_connection("127.0.0.1", seen[0])
            seen.append(writer.get_extra_info("sockname")[1])
            writer.close()
        server.close()
        return seen

    assert run(ports()) == run(ports())
