from __future__ import annotations

import asyncio
import select
import socket
import ssl
from typing import TYPE_CHECKING, Any, cast

import pytest

from simulator.transport import WINDOW, MemoryTransport

if TYPE_CHECKING:
    from simulator.socket_stand_in import SocketStandIn

PIECE = b"x" * 10_000


class Recorder(asyncio.Protocol):
    """Keeps what a connection tells its protocol."""

    def __init__(self) -> None:
        self.heard = bytearray()
        self.told: list[object] = []
        self.transport: MemoryTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("MemoryTransport", transport)

    def data_received(self, data: bytes) -> None:
        assert type(data) is bytes
        self.heard += data

    def eof_received(self) -> bool:
        self.told.append("eof")
        return True

    def pause_writing(self) -> None:
        self.told.append("pause")

    def resume_writing(self) -> None:
        self.told.append("resume")

    def connection_lost(self, exc: Exception | None) -> None:
        self.told.append(("lost", type(exc).__name__ if exc else None))


async def connect(port: int = 5000, **options: Any) -> tuple[Recorder, Recorder]:
    """Connect two recorders; the first is the client's."""
    loop = asyncio.get_running_loop()
    servers: list[Recorder] = []

    def make() -> Recorder:
        servers.append(Recorder())
        return servers[-1]

    server = await loop.create_server(make, "127.0.0.1", port)
    _, client = await loop.create_connection(Recorder, "127.0.0.1", port, **options)
    await asyncio.sleep(0)
    server.close()
    return client, servers[0]


async def settle() -> None:
    await asyncio.sleep(1)


# Back-pressure.


async def test_unread_bytes_are_bounded_and_the_writer_is_paused() -> None:
    client, server = await connect()
    server.transport.pause_reading()

    while "pause" not in client.told:
        client.transport.write(PIECE)
    await settle()

    held = sum(map(len, server.transport._inbox))
    assert held == WINDOW
    assert 64 * 1024 < client.transport.get_write_buffer_size() <= 64 * 1024 + len(PIECE)
    assert client.told == ["pause"]


async def test_writer_is_resumed_once_the_reader_has_read() -> None:
    client, server = await connect()
    server.transport.pause_reading()
    sent = 2 * WINDOW
    client.transport.write(bytes(sent))
    assert client.told == ["pause"]

    server.transport.resume_reading()
    await settle()

    assert client.told == ["pause", "resume"]
    assert (len(server.heard), client.transport.get_write_buffer_size()) == (sent, 0)


async def test_limits_of_the_write_buffer_are_kept() -> None:
    client, server = await connect()
    server.transport.pause_reading()
    client.transport.set_write_buffer_limits(high=10, low=5)
    client.transport.write(bytes(WINDOW + 10))
    assert client.told == []
    client.transport.write(b"!")

    assert client.told == ["pause"]
    assert client.transport.get_write_buffer_limits() == (5, 10)


@pytest.mark.parametrize(
    ("asked", "limits"),
    [
        ({}, (16 * 1024, 64 * 1024)),
        ({"high": 0}, (0, 0)),
        ({"high": 400}, (100, 400)),
        ({"low": 100}, (100, 400)),
    ],
)
async def test_limits_not_given_follow_from_those_given(
    asked: dict[str, int], limits: tuple[int, int]
) -> None:
    client, _ = await connect()

    client.transport.set_write_buffer_limits(**asked)

    assert client.transport.get_write_buffer_limits() == limits


async def test_limits_in_the_wrong_order_are_refused() -> None:
    client, _ = await connect()

    with pytest.raises(ValueError, match="must be >="):
        client.transport.set_write_buffer_limits(high=1, low=2)


async def test_reader_may_pause_between_two_pieces() -> None:
    client, server = await connect()

    client.transport.write(b"first")
    await settle()
    server.transport.pause_reading()
    client.transport.write(b"second")
    client.transport.close()
    await settle()
    told_while_paused = list(server.told)
    server.transport.resume_reading()
    await settle()

    assert told_while_paused == []
    assert bytes(server.heard) == b"firstsecond"
    assert server.told == ["eof"]


# Ends.


async def test_end_of_one_direction_leaves_the_other() -> None:
    client, server = await connect()

    client.transport.write_eof()
    client.transport.write_eof()
    await settle()
    server.transport.write(b"still here")
    await settle()

    assert server.told == ["eof"]
    assert bytes(client.heard) == b"still here"
    assert not server.transport.is_closing()


async def test_end_comes_after_what_was_waiting() -> None:
    client, server = await connect()
    server.transport.pause_reading()
    client.transport.write(bytes(2 * WINDOW))
    client.transport.write_eof()
    await settle()
    assert server.told == []

    server.transport.resume_reading()
    await settle()

    assert len(server.heard) == 2 * WINDOW
    assert server.told == ["eof"]


async def test_closing_flushes_before_the_connection_is_lost() -> None:
    client, server = await connect()
    server.transport.pause_reading()
    client.transport.write(bytes(2 * WINDOW))

    client.transport.close()
    client.transport.write(b"too late")
    await settle()
    assert client.told == ["pause"]
    server.transport.resume_reading()
    await settle()

    assert len(server.heard) == 2 * WINDOW
    assert client.told == ["pause", "resume", ("lost", None)]


async def test_aborting_drops_what_was_not_sent() -> None:
    client, server = await connect()
    server.transport.pause_reading()
    client.transport.write(bytes(2 * WINDOW))

    client.transport.abort()
    server.transport.resume_reading()
    await settle()

    assert len(server.heard) == WINDOW
    assert (client.told, server.told) == (["pause", ("lost", None)], ["eof"])


async def test_aborting_with_unread_bytes_resets() -> None:
    client, server = await connect()
    server.transport.pause_reading()
    client.transport.write(b"never read")
    await settle()

    server.transport.abort()
    await settle()

    assert client.told == [("lost", "ConnectionResetError")]


async def test_flushing_ends_when_the_reader_goes() -> None:
    client, server = await connect()
    server.transport.pause_reading()
    client.transport.write(bytes(2 * WINDOW))
    client.transport.close()

    server.transport.abort()
    await settle()

    assert client.told == ["pause", ("lost", "ConnectionResetError")]


async def test_writer_that_does_not_read_learns_of_a_reset_when_it_writes() -> None:
    client, server = await connect()
    client.transport.pause_reading()
    server.transport.abort()
    await settle()
    assert client.told == []

    for _ in range(2):
        client.transport.write(b"anybody there?")
        await settle()

    assert client.told == [("lost", "ConnectionResetError")]


async def test_connection_is_lost_once() -> None:
    client, server = await connect()

    client.transport.close()
    server.transport.close()
    client.transport.abort()
    server.transport.abort()
    client.transport.write(b"into the void")
    await settle()

    assert (client.told, server.told) == ([("lost", None)], [("lost", None)])
    assert not client.transport.is_reading()


# What clients look at.


async def test_port_443_looks_like_tls_to_the_server_alone() -> None:
    client, server = await connect(443)

    assert server.transport.get_extra_info("sslcontext") is not None
    assert client.transport.get_extra_info("sslcontext") is None
    assert not server.transport.can_write_eof()
    with pytest.raises(NotImplementedError):
        server.transport.write_eof()


async def test_client_that_asks_for_tls_sees_its_context() -> None:
    context = object()
    client, _ = await connect(443, ssl=context, server_hostname="localhost")

    assert client.transport.get_extra_info("sslcontext") is context
    assert client.transport.get_extra_info("ssl_object") is None


async def test_streams_may_go_over_to_tls() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"STARTTLS\r\n")
        writer.write(b"220 go ahead\r\n")
        await writer.start_tls(ssl.create_default_context(ssl.Purpose.CLIENT_AUTH))
        writer.write((await reader.readline()).upper())
        writer.close()

    await asyncio.start_server(talk, "127.0.0.1", 587)
    reader, writer = await asyncio.open_connection("127.0.0.1", 587)
    writer.write(b"STARTTLS\r\n")
    await reader.readline()
    await writer.start_tls(ssl.create_default_context(), server_hostname="localhost")
    writer.write(b"secret\n")

    assert await reader.read() == b"SECRET\n"
    assert writer.get_extra_info("sslcontext") is not None
    writer.close()


async def test_socket_stand_in_is_readable_when_a_read_would_not_wait() -> None:
    client, server = await connect()
    stand_in: SocketStandIn = client.transport.get_extra_info("socket")
    poll = select.poll()
    poll.register(stand_in.fileno(), select.POLLIN)

    assert poll.poll(0) == []
    server.transport.close()
    client.transport.pause_reading()
    await settle()
    assert stand_in.fileno() == -1


async def test_socket_stand_in_keeps_options_and_knows_its_kind() -> None:
    client, _ = await connect()
    stand_in: SocketStandIn = client.transport.get_extra_info("socket")

    stand_in.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    assert stand_in.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
    assert stand_in.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 0
    assert (stand_in.family, stand_in.type, stand_in.gettimeout()) == (
        socket.AF_INET,
        socket.SOCK_STREAM,
        0.0,
    )


async def test_listening_socket_has_no_peer() -> None:
    server = await asyncio.get_running_loop().create_server(Recorder, "127.0.0.1", 5000)

    with pytest.raises(OSError, match="not connected"):
        server.sockets[0].getpeername()


async def test_failure_of_a_protocol_while_paused_is_reported() -> None:
    reports: list[str] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _loop, context: reports.append(context["message"])
    )
    client, server = await connect()
    server.transport.pause_reading()

    def fail() -> None:
        raise ValueError("no")

    client.pause_writing = fail  # type: ignore[method-assign]
    client.transport.write(bytes(2 * WINDOW))

    assert reports == ["protocol.pause_writing() failed"]
    assert not client.transport.is_closing()
