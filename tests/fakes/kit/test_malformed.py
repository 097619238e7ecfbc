"""What is no HTTP is refused over a real socket as the vendor would, and never in the name of the server inside."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts import load_contract
from fakes.clevertap import FakeCleverTap
from fakes.customerio import FakeCustomerIo
from fakes.mailjet import FakeMailjet
from fakes.mailmodo import FakeMailmodo
from fakes.segment import FakeSegment
from simulator.loop import LiveLoop, run
from tests.support.fakes import stage

if TYPE_CHECKING:
    from fakes.kit import Fake
    from tests.support.fakes import Stage

HOST: Final = b"Host: 127.0.0.1\r\nContent-Type: application/json\r\n"
CHUNKED: Final = b"POST /1/upload HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
MALFORMED: Final[dict[str, bytes]] = {
    "a word": b"garbage\r\n\r\n",
    "bytes": b"\x00\x01\x02\x03",
    "TLS": b"\x16\x03\x01\x02\x00\x01",
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no target": b"GET\r\n\r\n",
    "no such version": b"GET / HTTP/3.7\r\nHost: a\r\n\r\n",
    "a target that is no path": b"GET foo HTTP/1.1\r\nHost: a\r\n\r\n",
    "a URL with half an address": b"GET http://[ HTTP/1.1\r\nHost: a\r\n\r\n",
    "NUL in the target": b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n",
    "NUL in a header": b"GET / HTTP/1.1\r\nHost: a\x00b\r\n\r\n",
    "a blank before a colon": b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    "a header too long": b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 9000 + b"\r\n\r\n",
    "a target too long": b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    "too many headers": b"GET / HTTP/1.1\r\n" + b"".join(b"X%d: a\r\n" % n for n in range(200)) + b"\r\n",
    "a length that is no number": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: x\r\n\r\n",
    "a length below nothing": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: -5\r\n\r\n",
    "two kinds of length": CHUNKED.replace(b"Transfer", b"Content-Length: 4\r\nTransfer") + b"0\r\n\r\n",
    "a chunk without a size": CHUNKED + b"zz\r\nabc\r\n0\r\n\r\n",
    "a second chunk without a size": CHUNKED + b"3\r\nabc\r\nzz\r\n",
    "a tunnel": b"CONNECT api.example.com:443 HTTP/1.1\r\nHost: api.example.com:443\r\n\r\n",
}
NGINX: Final = (
    "<html>\r\n<head><title>400 Bad Request</title></head>\r\n<body>\r\n"
    "<center><h1>400 Bad Request</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)
REFUSALS: Final[dict[type[Fake], Any]] = {
    FakeCleverTap: {"status": "fail", "error": "Malformed request", "code": 400},
    FakeCustomerIo: {"meta": {"error": "Bad Request"}},
    FakeMailjet: NGINX,
    FakeMailmodo: {"success": False, "message": "Bad Request"},
    FakeSegment: {"success": False, "code": "bad_request", "message": "Bad Request", "error": "Bad Request"},
}


class Said:
    """An answer, taken apart."""

    def __init__(self, raw: bytes) -> None:
        head, _, self.body = raw.partition(b"\r\n\r\n")
        self.first, *lines = head.decode("ascii").split("\r\n")
        self.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}

    @property
    def content(self) -> Any:
        """The body, parsed if it is JSON."""
        is_json = self.headers["content-type"].startswith("application/json")
        return json.loads(self.body) if is_json else self.body.decode()


def url_of(made: Stage, kind: type[Fake] = FakeCleverTap) -> str:
    """Give where a fake is."""
    return made.url(load_contract(kind.vendor).hosts[0])


async def talk(url: str, *pieces: bytes, until: bytes = b"") -> bytes:
    """Send something, wait for a word where one is given, send the rest, and hear the server out."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        async with asyncio.timeout(10):
            for piece in pieces[:-1]:
                writer.write(piece)
                await reader.readuntil(until)
            writer.write(pieces[-1])
            return await reader.read()
    finally:
        writer.close()


def check(raw: bytes, refusal: object) -> None:
    said = Said(raw)
    assert said.first == "HTTP/1.1 400 Bad Request"
    assert int(said.headers["content-length"]) == len(said.body)  # one answer, and nothing after it
    assert (said.headers["connection"], "date" in said.headers) == ("close", True)
    assert "server" not in said.headers
    assert b"aiohttp" not in raw
    assert said.content == refusal


@pytest.fixture
def arm() -> str:
    return "loopback"


@pytest.mark.slow
@pytest.mark.parametrize("kind", REFUSALS, ids=lambda kind: kind.vendor)
async def test_what_is_no_http_is_refused_as_the_vendor_would(
    kind: type[Fake], caplog: pytest.LogCaptureFixture
) -> None:
    async with stage(kind) as made:
        url = url_of(made, kind)
        for sent in MALFORMED.values():
            check(await talk(url, sent), REFUSALS[kind])

        assert made.recorder.exchanges == []
        assert made.recorder.errors == []
    assert caplog.records == []


@pytest.mark.parametrize("name", MALFORMED)
async def test_bad_http_behind_a_good_request_is_refused_after_its_answer(name: str) -> None:
    good = b"GET /1/nothing HTTP/1.1\r\nHost: a\r\n\r\n"
    async with stage(FakeMailmodo) as made:
        url = url_of(made, FakeMailmodo)

        raw = await talk(url, good, MALFORMED[name], until=b"}")

        check(raw, REFUSALS[FakeMailmodo])
        assert [exchange.status for exchange in made.recorder.exchanges] == [404]


async def test_a_body_that_turns_out_to_be_unreadable_is_refused_at_once() -> None:
    """The head has been read, and its request waits for the body, when the bad chunk comes."""
    head = CHUNKED.replace(b"Host:", b"Expect: 100-continue\r\nHost:")
    async with stage(FakeCleverTap) as made:
        url = url_of(made)

        raw = await talk(url, head, b"zz\r\nabc\r\n0\r\n\r\n", until=b"Continue\r\n\r\n")

        check(raw, REFUSALS[FakeCleverTap])
        assert made.recorder.exchanges == []


async def test_a_body_cut_off_leaves_no_trace() -> None:
    async with stage(FakeCleverTap) as made:
        parts = urlsplit(url_of(made))
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writer.write(b"POST /1/upload HTTP/1.1\r\n" + HOST + b"Content-Length: 30\r\n\r\nabc")
        writer.write_eof()
        async with asyncio.timeout(10):
            assert await reader.read() == b""
        writer.close()

        assert made.recorder.exchanges == []


async def test_a_body_that_is_not_the_gzip_it_says_is_the_vendors_to_refuse(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sent = b"POST /1/upload HTTP/1.1\r\n" + HOST + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"
    async with stage(FakeCleverTap) as made:
        said = Said(await talk(url_of(made), sent))

        assert said.content == {"status": "fail", "error": "12 digit account ID mandatory", "code": 401}
        assert [exchange.operation for exchange in made.recorder.exchanges] == ["upload"]
    assert caplog.records == []


async def test_an_answer_to_a_chunked_request_does_not_name_the_server_inside() -> None:
    sent = CHUNKED.replace(b"Host:", b"Connection: close\r\nHost:") + b"2\r\n{}\r\n0\r\n\r\n"
    async with stage(FakeCleverTap) as made:
        said = Said(await talk(url_of(made), sent))

    assert said.first == "HTTP/1.1 401 Unauthorized"
    assert "server" not in said.headers


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(sent=st.lists(st.binary(min_size=1, max_size=200), min_size=1, max_size=5))
def test_whatever_comes_the_fake_stays_up(sent: list[bytes]) -> None:
    async def play() -> None:
        async with stage(FakeCleverTap) as made:
            url = url_of(made)
            # An end of the head, or whoever sends and the server wait for each other.
            raw = await talk(url, b"\x00" + b"".join(sent) + b"\r\n\r\n")
            check(raw, REFUSALS[FakeCleverTap])
            good = b"GET /1/nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
            assert Said(await talk(url, good)).first == "HTTP/1.1 200 OK"
            assert made.recorder.errors == []

    run(play(), loop_factory=LiveLoop)
