"""Whatever comes by a connection, a fake's own server and aiohttp's answer it alike."""

from __future__ import annotations

import asyncio
import contextlib
import re
from functools import partial
from typing import Any

import pytest
from aiohttp import web

from fakes.clevertap import CleverTapSettings, FakeCleverTap
from fakes.kit.http_server import Connection
from simulator.loop import LiveLoop, run
from simulator.network import LoopbackNetwork
from tests.support.fakes import Pulse, Recorder, stage

SETTINGS = CleverTapSettings(upload_takes_s=0, query_takes_s=0)
BODY = b'{"d":[{"identity":"u1","type":"event","evtName":"Ordered","ts":1770000000,"evtData":{"sku":"A"}}]}'
KEYS = (
    f"X-CleverTap-Account-Id: {SETTINGS.account_id}\r\nX-CleverTap-Passcode: {SETTINGS.passcode}\r\n".encode()
)
HEAD = b"Host: 127.0.0.1\r\nContent-Type: application/json\r\n" + KEYS
UPLOAD = b"POST /1/upload HTTP/1.1\r\n" + HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
READ = b"GET /1/profile.json?identity=u1 HTTP/1.1\r\n" + HEAD + b"\r\n"
CHUNKED = (
    b"POST /1/upload HTTP/1.1\r\n"
    + HEAD
    + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(BODY)
    + BODY
    + b"\r\n0\r\n\r\n"
)
LAST = b"GET /1/nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

PIECES: dict[str, list[bytes]] = {
    "one request": [UPLOAD],
    "one request that waits": [READ],
    "one after the other": [UPLOAD, READ, UPLOAD],
    "two in one piece": [UPLOAD + READ],
    "the next before the answer": [READ + UPLOAD[:40], UPLOAD[40:]],
    "head and body apart": [UPLOAD[: -len(BODY)], BODY],
    "cut within the head": [UPLOAD[:30], UPLOAD[30:]],
    "chunked": [CHUNKED, UPLOAD],
    "another version": [UPLOAD.replace(b"HTTP/1.1", b"HTTP/1.0", 1)],
    "head only": [b"HEAD /1/profile.json HTTP/1.1\r\n" + HEAD + b"\r\n"],
    "expecting": [UPLOAD.replace(b"Host:", b"Expect: 100-continue\r\nHost:", 1)],
    "folded header": [UPLOAD.replace(b"Host: 127.0.0.1", b"Host: 127.0.0.1\r\nX-A: 1\r\n b", 1)],
    "no host": [UPLOAD.replace(b"Host: 127.0.0.1\r\n", b"", 1)],
    "two lengths": [UPLOAD.replace(b"Host:", b"Content-Length: 1\r\nHost:", 1)],
    "no such path": [UPLOAD.replace(b"/1/upload", b"/2/upload", 1)],
    "wrong method": [UPLOAD.replace(b"POST", b"PUT", 1)],
    "no credentials": [UPLOAD.replace(KEYS, b"", 1)],
    "no JSON": [UPLOAD.replace(b'{"d"', b'{"d\\', 1)],
    "no HTTP": [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"],
    "nothing but line ends": [b"\r\n\r\n"],
    "bytes beyond ASCII": [UPLOAD.replace(b"/1/upload", b"/1/upl\xc3\xb6ad", 1)],
}

REFUSED = ("folded header", "no host", "two lengths", "no HTTP", "bytes beyond ASCII")
"""Aiohttp refuses them with a page of its own; `test_malformed.py` says what is to be there instead."""

WHOLE = (UPLOAD, READ, CHUNKED)


def has(things: list[Any], count: int) -> bool:
    return len(things) >= count


class Ears:
    """Counts what servers have read, so that whoever sends can wait for it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.size = 0
        self.pulse = Pulse()
        self._is_inside = False
        for kind in (Connection, web.RequestHandler):
            monkeypatch.setattr(kind, "data_received", self._hear(kind.data_received))

    def _hear(self, original: Any) -> Any:
        def data_received(protocol: object, data: bytes) -> None:
            if self._is_inside:  # handed over from one protocol to the other
                original(protocol, data)
                return
            self.size += len(data)
            self._is_inside = True
            try:
                original(protocol, data)
            finally:
                self._is_inside = False
            self.pulse.beat()

        return data_received

    async def heard(self, size: int, *, or_done: asyncio.Future[Any]) -> None:
        """Wait until servers have read so much in all, or the conversation is over."""
        or_done.add_done_callback(lambda _: self.pulse.beat())
        await self.pulse.until(lambda: self.size >= size or or_done.done())


@pytest.fixture
def ears(monkeypatch: pytest.MonkeyPatch) -> Ears:
    return Ears(monkeypatch)


async def talk(
    pieces: list[bytes], ears: Ears, *, is_own: bool
) -> tuple[list[tuple[bytes, bytes]], Recorder]:
    """Send pieces and a last request; give status and body of each answer, and what was recorded.

    A piece leaves once the server has read the one before, and has answered it where it is answered by itself.
    """
    async with stage() as made:
        fake = FakeCleverTap(made.surroundings(), SETTINGS)
        network = LoopbackNetwork()
        await network.serve(fake.make_server if is_own else fake.app, fake.hosts)
        await fake.start()
        host, _, port = network.url(fake.host).removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        listening = asyncio.create_task(read_all(reader))
        for piece in pieces:
            heard, answered = ears.size + len(piece), len(made.recorder.exchanges) + 1
            writer.write(piece)
            await ears.heard(heard, or_done=listening)
            if piece in WHOLE:
                await made.recorder.pulse.until(partial(has, made.recorder.exchanges, answered))
        writer.write(LAST)
        said = await asyncio.wait_for(listening, 5)
        writer.close()
        await network.close()
        await fake.stop()
        answers = re.findall(rb"HTTP/1\.[01] (\d+) [^\r]*\r\n(?:[^\r]+\r\n)*\r\n([^H]*)", said)
        return answers, made.recorder


async def read_all(reader: asyncio.StreamReader) -> bytes:
    """Read until the server closes, in whichever way: it may not want to hear the last request any more."""
    said = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := await reader.read(65536):
            said += piece
    return said


@pytest.mark.slow
@pytest.mark.parametrize("name", PIECES)
def test_own_server_and_aiohttp_answer_alike(name: str, ears: Ears) -> None:
    pieces = PIECES[name]
    own, ours = run(talk(pieces, ears, is_own=True), loop_factory=LiveLoop)
    usual, theirs = run(talk(pieces, ears, is_own=False), loop_factory=LiveLoop)

    if name in REFUSED:
        assert [status for status, _ in own] == [status for status, _ in usual] == [b"400"]
    else:
        assert own == usual
    assert len(own) >= 1

    def seen(recorder: Recorder) -> list[tuple[object, ...]]:
        return [
            (
                e.operation,
                e.method,
                e.url.partition("127.0.0.1")[2].partition("/")[2],
                e.request_body,
                e.status,
                e.response_body,
                e.violations,
                dict(e.request_headers),
            )
            for e in recorder.exchanges
        ]

    assert seen(ours) == seen(theirs)
    assert [fact.kind for fact in ours.facts] == [fact.kind for fact in theirs.facts]


@pytest.mark.slow
def test_closing_the_network_ends_idle_connections_and_lets_answers_go_out(ears: Ears) -> None:
    async def check() -> bytes:
        async with stage() as made:
            fake = FakeCleverTap(made.surroundings(), CleverTapSettings(query_takes_s=0.1))
            network = LoopbackNetwork()
            await network.serve(fake.make_server, fake.hosts)
            await fake.start()
            host, _, port = network.url(fake.host).removeprefix("http://").partition(":")
            idle, idle_writer = await asyncio.open_connection(host, int(port))
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(READ)
            await ears.pulse.until(lambda: ears.size >= len(READ))
            await network.close()
            assert await asyncio.wait_for(idle.read(), 5) == b""
            said = await asyncio.wait_for(reader.read(), 5)
            for each in (idle_writer, writer):
                each.close()
            await fake.stop()
            return said

    assert run(check(), loop_factory=LiveLoop).startswith(b"HTTP/1.1 200 OK\r\n")
