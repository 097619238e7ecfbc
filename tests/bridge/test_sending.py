"""How calls end on real sockets: what surely did not leave, and what may have arrived."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from aiohttp import ClientSession, TCPConnector

from bridge import Settings
from bridge.destinations import Answer, Call, Failed
from bridge.sending import Sender

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@pytest.fixture
def arm() -> str:
    return "loopback"


@asynccontextmanager
async def vendor(serve: Serve) -> AsyncIterator[str]:
    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(once, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def end_of(
    url: str, *, is_fresh: bool = False, calls: int = 1, timeout_s: float = 60.0
) -> list[Answer | Failed]:
    settings = Settings.from_mapping({"request_timeout_s": timeout_s, "connect_timeout_s": 30.0})
    call = Call(url, {"Content-Type": "application/json"}, b"{}", is_fresh=is_fresh)
    async with ClientSession() as session, ClientSession(connector=TCPConnector(force_close=True)) as fresh:
        sender = Sender(session, fresh, settings=settings, now=lambda: datetime(2026, 3, 2, tzinfo=UTC))
        return [await sender.send(call) for _ in range(calls)]


async def read_request(reader: asyncio.StreamReader) -> None:
    await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(2)


async def test_an_answer_is_an_answer():
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(OK)
        await writer.drain()

    async with vendor(serve) as address:
        (end,) = await end_of(f"http://{address}/")

    assert isinstance(end, Answer)
    assert (end.status, end.body) == (200, b"{}")


async def test_a_closed_port_is_before_sending():
    async with vendor(lambda _reader, _writer: asyncio.sleep(0)) as address:
        pass

    assert await end_of(f"http://{address}/") == [Failed.BEFORE_SENDING]


async def test_a_name_that_leads_nowhere_is_before_sending():
    assert await end_of("http://nowhere.invalid/") == [Failed.BEFORE_SENDING]


async def test_a_door_without_tls_is_before_sending():
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with vendor(serve) as address:
        assert await end_of(f"https://{address}/") == [Failed.BEFORE_SENDING]


async def test_a_connection_that_ends_without_an_answer_is_after_sending():
    async def serve(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await read_request(reader)

    async with vendor(serve) as address:
        assert await end_of(f"http://{address}/") == [Failed.AFTER_SENDING]


async def test_half_an_answer_is_after_sending():
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(OK[:-1])

    async with vendor(serve) as address:
        assert await end_of(f"http://{address}/") == [Failed.AFTER_SENDING]


@pytest.mark.slow
async def test_silence_is_after_sending():
    async def serve(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with vendor(serve) as address:
        assert await end_of(f"http://{address}/", timeout_s=0.2) == [Failed.AFTER_SENDING]


@pytest.mark.parametrize(("is_fresh", "connections"), [(False, 1), (True, 3)])
async def test_a_call_that_wants_it_has_a_connection_of_its_own(is_fresh: bool, connections: int):  # noqa: FBT001 - a table
    made = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal made
        made += 1
        while not reader.at_eof():
            try:
                await read_request(reader)
            except asyncio.IncompleteReadError:
                return
            writer.write(OK)
            await writer.drain()

    async with vendor(serve) as address:
        ends = await end_of(f"http://{address}/", is_fresh=is_fresh, calls=3)

    assert all(isinstance(end, Answer) for end in ends)
    assert made == connections


async def test_a_redirect_is_an_answer_and_nothing_more():
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    async with vendor(serve) as address:
        (end,) = await end_of(f"http://{address}/")

    assert isinstance(end, Answer)
    assert end.status == 307
