"""asyncio's own streams, protocols and servers."""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
from random import Random
from typing import Any

import pytest

from tests.support.arms import listening

pytestmark = pytest.mark.usefixtures("arm")

PIECE = b"x" * (64 * 1024)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(64 * 1024):
        writer.write(data)
        await writer.drain()
    writer.write_eof()
    writer.close()
    await writer.wait_closed()


async def test_echo_until_one_direction_is_closed() -> None:
    async with listening(echo) as (host, port):
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(b"hello ")
        writer.write(b"there")
        writer.write_eof()
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()

    assert answer == b"hello there"


async def test_client_may_go_on_writing_after_the_server_has_ended() -> None:
    heard: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"greeting")
        writer.write_eof()
        heard.set_result(await reader.read())
        writer.close()

    async with listening(talk) as (host, port):
        reader, writer = await asyncio.open_connection(host, port)
        greeting = await reader.read()
        writer.write(b"late, ")
        await asyncio.sleep(0.01)
        writer.write(b"but heard")
        writer.close()

        assert greeting == b"greeting"
        assert await heard == b"late, but heard"


async def test_bytes_keep_their_order() -> None:
    random = Random(7)
    sent = random.randbytes(3_000_000)

    async with listening(echo) as (host, port):
        reader, writer = await asyncio.open_connection(host, port)

        async def write() -> None:
            at = 0
            while at < len(sent):
                size = random.choice([1, 10, 1_000, 300_000])
                writer.write(sent[at : at + size])
                at += size
                await writer.drain()
            writer.write_eof()

        writing = asyncio.create_task(write())
        heard = await reader.read()
        await writing
        writer.close()

    assert heard == sent


async def test_what_was_written_before_closing_arrives() -> None:
    sent = b"y" * 5_000_000

    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(sent)
        writer.close()

    async with listening(talk) as (host, port):
        reader, writer = await asyncio.open_connection(host, port)
        heard = await reader.read()
        writer.close()

    assert len(heard) == len(sent)


async def test_buffer_may_be_used_again_after_writing() -> None:
    async with listening(echo) as (host, port):
        reader, writer = await asyncio.open_connection(host, port)
        buffer = bytearray(b"first ")
        writer.write(buffer)
        buffer[:] = b"second"
        writer.write(memoryview(buffer))
        writer.write_eof()
        heard = await reader.read()
        writer.close()

    assert heard == b"first second"


async def test_writer_waits_for_a_reader_that_does_not_read() -> None:
    go_on = asyncio.Event()
    written = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await go_on.wait()
        while await reader.read(1024 * 1024):
            pass
        writer.close()

    async with listening(talk) as (host, port):
        _, writer = await asyncio.open_connection(host, port)

        async def write_for_ever() -> None:
            nonlocal written
            while True:
                writer.write(PIECE)
                await writer.drain()
                written += len(PIECE)

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(write_for_ever(), 0.1)
        buffered = writer.transport.get_write_buffer_size()
        go_on.set()
        await asyncio.wait_for(writer.drain(), 5)
        drained = writer.transport.get_write_buffer_size()
        writer.close()
        await writer.wait_closed()

    assert 0 < written < 24 * 1024 * 1024
    assert buffered > 64 * 1024 > 16 * 1024 >= drained


async def test_reading_can_be_paused() -> None:
    loop = asyncio.get_running_loop()

    class Listener(asyncio.Protocol):
        def __init__(self) -> None:
            self.heard = b""
            self.ended = asyncio.Event()

        def data_received(self, data: bytes) -> None:
            self.heard += data

        def eof_received(self) -> None:
            self.ended.set()

    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.01)
        writer.write(b"hello")
        writer.close()

    async with listening(talk) as (host, port):
        transport, listener = await loop.create_connection(Listener, host, port)
        transport.pause_reading()
        await asyncio.sleep(0.05)
        heard_while_paused, was_reading = listener.heard, transport.is_reading()
        transport.resume_reading()
        await listener.ended.wait()
        transport.close()

    assert (heard_while_paused, was_reading, listener.heard) == (b"", False, b"hello")


async def test_abort_is_seen_as_the_end() -> None:
    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"so far")
        await writer.drain()
        writer.transport.abort()

    async with listening(talk) as (host, port):
        reader, writer = await asyncio.open_connection(host, port)
        heard = await reader.read()
        writer.close()

    assert heard == b"so far"


async def test_abort_without_linger_is_seen_as_a_reset() -> None:
    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    async with listening(talk) as (host, port):
        reader, writer = await asyncio.open_connection(host, port)
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()


async def test_closing_over_unread_bytes_is_seen_as_a_reset() -> None:
    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(0.02)
        writer.transport.abort()

    async with listening(talk) as (host, port):
        reader, writer = await asyncio.open_connection(host, port)
        await asyncio.sleep(0.01)
        writer.write(b"never read")
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()


async def test_writing_to_somebody_who_has_gone_fails() -> None:
    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with listening(talk) as (host, port):
        _, writer = await asyncio.open_connection(host, port)

        async def write_on() -> None:
            for _ in range(20):
                writer.write(PIECE)
                await writer.drain()
                await asyncio.sleep(0.005)

        with pytest.raises(ConnectionError):
            await write_on()
        writer.close()


async def test_nothing_may_be_written_after_the_end() -> None:
    async with listening(echo) as (host, port):
        _, writer = await asyncio.open_connection(host, port)
        writer.write_eof()
        with pytest.raises(RuntimeError):
            writer.write(b"more")
        writer.close()


async def test_both_ends_know_each_other() -> None:
    seen: asyncio.Future[tuple[Any, Any]] = asyncio.get_running_loop().create_future()

    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.set_result((writer.get_extra_info("sockname"), writer.get_extra_info("peername")))
        writer.close()

    async with listening(talk) as (host, port):
        _, writer = await asyncio.open_connection(host, port)
        sock = writer.get_extra_info("socket")
        assert await seen == (sock.getpeername(), sock.getsockname())
        assert sock.getpeername() == (host, port)
        assert sock.family == socket.AF_INET
        writer.close()


async def test_refused_port() -> None:
    with pytest.raises(ConnectionRefusedError) as caught:
        await asyncio.open_connection("127.0.0.1", 1)

    assert caught.value.errno == errno.ECONNREFUSED


async def test_unknown_host() -> None:
    with pytest.raises(socket.gaierror):
        await asyncio.open_connection("nowhere.invalid", 80)


async def test_port_is_given_once() -> None:
    async with listening(echo) as (host, port):
        with pytest.raises(OSError, match="in use") as caught:
            await asyncio.start_server(echo, host, port)

    assert caught.value.errno == errno.EADDRINUSE


async def test_port_is_free_again_after_closing() -> None:
    async with listening(echo) as (host, port):
        pass

    server = await asyncio.start_server(echo, host, port)
    server.close()
    assert server.sockets == ()
    assert not server.is_serving()


async def test_address_literal_resolves_to_itself() -> None:
    [info] = await asyncio.get_running_loop().getaddrinfo("127.0.0.1", "80", type=socket.SOCK_STREAM)

    assert info == (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", 80))


async def test_protocol_that_fails_loses_its_connection() -> None:
    loop = asyncio.get_running_loop()
    reports: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _loop, context: reports.append(context))
    lost: asyncio.Future[Exception | None] = loop.create_future()

    class Failing(asyncio.Protocol):
        def data_received(self, data: bytes) -> None:
            raise ValueError(data)

        def connection_lost(self, exc: Exception | None) -> None:
            lost.set_result(exc)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"!")
        await reader.read()
        writer.close()

    async with listening(talk) as (host, port):
        await loop.create_connection(Failing, host, port)
        error = await lost

    assert isinstance(error, ValueError)
    assert [type(report["exception"]) for report in reports] == [ValueError]


async def test_buffered_protocol_gets_its_bytes() -> None:
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[bytes] = loop.create_future()

    class Buffered(asyncio.BufferedProtocol):
        def __init__(self) -> None:
            self.buffer = bytearray(1000)
            self.heard = b""

        def get_buffer(self, sizehint: int) -> bytearray:
            del sizehint
            return self.buffer

        def buffer_updated(self, nbytes: int) -> None:
            self.heard += self.buffer[:nbytes]

        def eof_received(self) -> None:
            ended.set_result(self.heard)

    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"a" * 2_500)
        writer.close()

    async with listening(talk) as (host, port):
        await loop.create_connection(Buffered, host, port)
        assert await ended == b"a" * 2_500


async def test_connecting_can_be_given_up() -> None:
    async with listening(echo) as (host, port):
        connecting = asyncio.create_task(asyncio.open_connection(host, port))
        await asyncio.sleep(0)
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting
        await asyncio.sleep(0.01)  # the server may have taken the connection; it sees the end
