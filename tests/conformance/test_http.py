"""HTTP through unmodified aiohttp and httpx clients against an unmodified aiohttp server."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import struct
from contextvars import ContextVar
from typing import TYPE_CHECKING

import aiohttp
import httpx
import pytest
from aiohttp import WSMsgType, web

from tests.support.arms import HOST, http_client, listening, open_network, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.usefixtures("arm")

MEGABYTE = 1024 * 1024
NOBODY = "http://127.0.0.1:1"
DISCONNECTED = (aiohttp.ServerDisconnectedError, httpx.RemoteProtocolError)
CUT_SHORT = (aiohttp.ClientPayloadError, httpx.RemoteProtocolError)
RESET = (aiohttp.ClientOSError, httpx.ReadError)
NOT_CONNECTED = (aiohttp.ClientConnectorError, httpx.ConnectError)
TOO_LATE = (TimeoutError, httpx.TimeoutException)

whose: ContextVar[str] = ContextVar("whose", default="nobody's")


def digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


async def echo(request: web.Request) -> web.Response:
    headers = {"X-Seen": f"{request.method} {request.path_qs} {request.headers.get('X-Sent')}"}
    return web.Response(body=await request.read(), headers=headers, status=207)


async def port_of_caller(request: web.Request) -> web.Response:
    assert request.transport is not None
    return web.json_response(request.transport.get_extra_info("peername")[1])


async def test_method_path_query_headers_body_and_status_arrive(library: str) -> None:
    async with serving(echo) as url, http_client(library) as client:
        status, headers, body = await client.fetch(
            "PUT", url + "/a/b?c=d", b"\x00\xffhi", **{"X-Sent": "yes"}
        )

    assert (status, headers["X-Seen" if library == "aiohttp" else "x-seen"], body) == (
        207,
        "PUT /a/b?c=d yes",
        b"\x00\xffhi",
    )


async def test_ten_megabytes_go_up_and_down(library: str) -> None:
    body = bytes(range(256)) * (10 * MEGABYTE // 256)

    async with serving(echo) as url, http_client(library) as client:
        _, _, answer = await client.fetch("POST", url, body)

    assert digest(answer) == digest(body)


async def test_upload_of_unknown_length_is_chunked(library: str) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for number in range(5):
            yield b"%d," % number
            await asyncio.sleep(0.001)

    async def measure(request: web.Request) -> web.Response:
        return web.json_response([request.headers.get("Transfer-Encoding"), (await request.read()).decode()])

    async with serving(measure) as url, http_client(library) as client:
        _, _, answer = await client.fetch("POST", url, pieces())

    assert answer == b'["chunked", "0,1,2,3,4,"]'


async def test_streamed_answer_arrives_piece_by_piece() -> None:
    go_on = asyncio.Event()

    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"first")
        await go_on.wait()
        await response.write(b"second")
        return response

    async with serving(stream) as url, aiohttp.ClientSession() as session, session.get(url) as response:
        first = await response.content.readany()
        go_on.set()
        rest = await response.content.read()

    assert (first, rest) == (b"first", b"second")


async def test_slow_reader_slows_the_server_down() -> None:
    total, piece = 32 * MEGABYTE, b"x" * (64 * 1024)
    written = 0

    async def stream(request: web.Request) -> web.StreamResponse:
        nonlocal written
        response = web.StreamResponse()
        response.content_length = total
        await response.prepare(request)
        while written < total:
            await response.write(piece)
            written += len(piece)
        return response

    async with serving(stream) as url, aiohttp.ClientSession() as session, session.get(url) as response:
        read = len(await response.content.readexactly(1024))
        await asyncio.sleep(0.1)
        written_while_nobody_read = written
        while data := await response.content.readany():
            read += len(data)

    assert written_while_nobody_read < total / 2
    assert read == total


async def test_slow_server_slows_the_upload_down() -> None:
    total, piece = 32 * MEGABYTE, b"x" * (64 * 1024)
    produced = 0
    go_on = asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal produced
        while produced < total:
            produced += len(piece)
            yield piece

    async def take(request: web.Request) -> web.Response:
        await go_on.wait()
        size = 0
        async for data in request.content.iter_any():
            size += len(data)
        return web.json_response(size)

    async with serving(take) as url, http_client("aiohttp") as client:
        uploading = asyncio.create_task(client.fetch("POST", url, pieces()))
        await asyncio.sleep(0.1)
        produced_while_nobody_read = produced
        go_on.set()
        _, _, answer = await uploading

    assert produced_while_nobody_read < total / 2
    assert int(answer) == total


async def test_connection_is_kept_for_the_next_request(library: str) -> None:
    async with serving(port_of_caller) as url, http_client(library) as client:
        ports = {(await client.fetch("GET", url))[2] for _ in range(3)}

    assert len(ports) == 1


async def test_connection_that_the_server_closed_meanwhile_is_replaced(library: str) -> None:
    async def answer_once(request: web.Request) -> web.Response:
        answer = await port_of_caller(request)
        assert request.transport is not None
        asyncio.get_running_loop().call_later(0.01, request.transport.close)
        return answer

    async with serving(answer_once) as url, http_client(library) as client:
        first = await client.fetch("GET", url)
        await asyncio.sleep(0.05)
        second = await client.fetch("GET", url)

    assert first[2] != second[2]


async def test_many_at_once_get_their_own_answers(library: str) -> None:
    async with serving(echo) as url, http_client(library) as client:
        answers = await asyncio.gather(*[client.fetch("POST", url, b"%d" % number) for number in range(80)])

    assert [body for _, _, body in answers] == [b"%d" % number for number in range(80)]


async def test_server_may_close_without_an_answer(library: str) -> None:
    async def close(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    async with serving(close) as url, http_client(library) as client:
        with pytest.raises(DISCONNECTED):
            await client.fetch("POST", url, b"")


async def test_server_may_close_in_the_middle_of_an_answer(library: str) -> None:
    async def begin(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = 100
        await response.prepare(request)
        await response.write(b"some")
        assert request.transport is not None
        request.transport.close()
        return response

    async with serving(begin) as url, http_client(library) as client:
        with pytest.raises(CUT_SHORT):
            await client.fetch("GET", url)


async def test_server_may_reset(library: str) -> None:
    async def reset(request: web.Request) -> web.Response:
        assert request.transport is not None
        sock = request.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()
        return web.Response()

    async with serving(reset) as url, http_client(library) as client:
        with pytest.raises(RESET):
            await client.fetch("GET", url)


async def test_server_may_answer_before_it_has_read_the_upload(library: str) -> None:
    async def refuse(_request: web.Request) -> web.Response:
        return web.Response(status=413)

    async with serving(refuse) as url, http_client(library) as client:
        status, _, _ = await client.fetch("POST", url, b"x" * MEGABYTE)

    assert status == 413


async def test_server_sees_that_a_client_has_gone(library: str) -> None:
    asked, gone = asyncio.Event(), asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        if await reader.read() == b"":
            gone.set()
        writer.close()

    async with listening(talk) as (host, port), http_client(library) as client:
        request = asyncio.create_task(client.fetch("GET", f"http://{host}:{port}/"))
        await asked.wait()
        request.cancel()
        await asyncio.wait_for(gone.wait(), 5)

    assert request.cancelled()


async def test_request_times_out(library: str) -> None:
    async def never(_request: web.Request) -> web.Response:
        await asyncio.sleep(0.1)
        return web.Response()

    async with serving(never) as url, http_client(library, timeout_s=0.02) as client:
        with pytest.raises(TOO_LATE):
            await client.fetch("GET", url)


async def test_nobody_listens(library: str) -> None:
    async with http_client(library) as client:
        with pytest.raises(NOT_CONNECTED) as caught:
            await client.fetch("GET", NOBODY)

    if isinstance(caught.value, aiohttp.ClientConnectorError):  # httpx does not tell
        assert isinstance(caught.value.os_error, ConnectionRefusedError)
        assert caught.value.os_error.strerror == "Connect call failed ('127.0.0.1', 1)"


async def test_host_is_unknown(library: str) -> None:
    async with http_client(library) as client:
        with pytest.raises((aiohttp.ClientConnectorDNSError, httpx.ConnectError)):
            await client.fetch("GET", "https://nowhere.invalid/")


async def test_expect_100_continue_is_answered() -> None:
    async with (
        serving(echo) as url,
        aiohttp.ClientSession() as session,
        session.post(url, data=b"x" * MEGABYTE, expect100=True) as response,
    ):
        assert len(await response.read()) == MEGABYTE


async def test_websocket_carries_both_ways_and_closes_with_a_code() -> None:
    async def talk(request: web.Request) -> web.WebSocketResponse:
        websocket = web.WebSocketResponse()
        await websocket.prepare(request)
        async for message in websocket:
            await websocket.send_str(message.data.upper())
            if message.data == "bye":
                await websocket.close(code=4001)
        return websocket

    async with serving(talk) as url, aiohttp.ClientSession() as session, session.ws_connect(url) as websocket:
        await websocket.send_str("hello")
        await websocket.send_str("bye")
        heard = [await websocket.receive_str(), await websocket.receive_str()]
        last = await websocket.receive()

    assert heard == ["HELLO", "BYE"]
    assert (last.type, websocket.close_code) == (WSMsgType.CLOSE, 4001)


async def test_variables_of_the_client_do_not_reach_the_server(library: str) -> None:
    async def tell(_request: web.Request) -> web.Response:
        return web.Response(text=whose.get())

    async with serving(tell) as url, http_client(library) as client:
        whose.set("the client's")
        _, _, answer = await client.fetch("GET", url)

    assert answer == b"nobody's"


async def test_app_is_served_under_several_names_and_beside_others() -> None:
    network = open_network()
    for names in ([HOST, "www.mailmodo.com"], ["api.segment.io"]):
        app = web.Application()

        async def tell(_request: web.Request, name: str = names[0]) -> web.Response:
            return web.Response(text=name)

        app.router.add_get("/", tell)
        await network.serve(app, names)

    async with aiohttp.ClientSession() as session:
        answers = []
        for host in (HOST, "www.mailmodo.com", "api.segment.io"):
            async with session.get(network.url(host) + "/") as response:
                answers.append(await response.text())
        await network.close()

    assert answers == [HOST, HOST, "api.segment.io"]


async def test_closed_network_refuses(library: str) -> None:
    network = open_network()
    app = web.Application()
    await network.serve(app, [HOST])
    url = network.url(HOST)

    await network.close()

    async with http_client(library) as client:
        with pytest.raises(NOT_CONNECTED):
            await client.fetch("GET", url)
