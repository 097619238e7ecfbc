from __future__ import annotations

import asyncio
import random
import re
import socket
import ssl
import sys
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiohttp
import httpx
import pytest
from aiohttp import web

from contracts.extras import install_command
from fakes.kit.breaking import reset
from simulator.errors import PortTaken, ProxyUnavailable
from simulator.network import LoopbackNetwork
from simulator.proxy import serve_proxy
from simulator.real_time import wall_clock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from simulator.proxy import Proxy

HOST, OTHER = "api.mailmodo.com", "in1.api.clevertap.com"


@pytest.fixture
def arm() -> str:
    return "loopback"


@dataclass
class Behind:
    """A proxy, and what reached the two apps behind it."""

    proxy: Proxy
    seen: list[tuple[str, str, str, dict[str, str]]] = field(default_factory=list)

    @property
    def trusting(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.proxy.ca_file)

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(proxy=self.proxy.url, verify=self.trusting)

    def certificate(self) -> str:
        return Path(self.proxy.ca_file).read_text(encoding="ascii")

    async def raw(self, sent: bytes) -> bytes:
        """Send bytes to the proxy, and give all that comes back until it hangs up."""
        reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(self.proxy.url).port)
        try:
            writer.write(sent)
            async with asyncio.timeout(5):
                return await reader.read()
        finally:
            writer.close()
            await writer.wait_closed()


@asynccontextmanager
async def behind(port: int = 0) -> AsyncIterator[Behind]:
    network = LoopbackNetwork()
    seen: list[tuple[str, str, str, dict[str, str]]] = []

    def app(name: str) -> web.Application:
        async def echo(request: web.Request) -> web.Response:
            seen.append((name, request.method, request.raw_path, dict(request.headers)))
            return web.Response(body=await request.read(), headers={"App": name})

        made = web.Application(client_max_size=1 << 24)
        made.router.add_route("*", "/{path:.*}", echo)
        return made

    for host in (HOST, OTHER):
        await network.serve(app(host), [host])
    urls = {host: network.url(host) for host in (HOST, OTHER)}
    try:
        async with serve_proxy(urls, port=port, now=wall_clock()) as proxy:
            yield Behind(proxy, seen)
    finally:
        await network.close()


@pytest.mark.parametrize("scheme", ["https", "http"])
@pytest.mark.parametrize("host", [HOST, OTHER])
async def test_a_production_url_leads_to_its_app(scheme: str, host: str) -> None:
    async with behind() as stage, stage.client() as client:
        answer = await client.post(f"{scheme}://{host}/a/b?c=%2F&d", content=b"hello")

    assert (answer.status_code, answer.content, answer.headers["App"]) == (200, b"hello", host)
    [(name, method, path, headers)] = stage.seen
    assert (name, method, path, headers["Host"]) == (host, "POST", "/a/b?c=%2F&d", host)


async def test_what_is_meant_for_the_proxy_stays_there() -> None:
    asked = (
        f"GET http://{HOST}?q=1 HTTP/1.1\r\nHost: {HOST}\r\nProxy-Connection: keep-alive\r\n"
        "Proxy-Authorization: Basic c2VjcmV0\r\nKeep-Alive: 5\r\nConnection: keep-alive\r\nX-Kept: yes\r\n\r\n"
    )
    async with behind() as stage:
        answer = await stage.raw(asked.encode())

    assert answer.startswith(b"HTTP/1.1 200")
    [(_, _, path, headers)] = stage.seen
    assert (path, headers) == ("/?q=1", {"Host": HOST, "X-Kept": "yes", "Connection": "close"})


@pytest.mark.parametrize(
    ("asked", "reached"),
    [("", "/"), ("/", "/"), ("//x", "//x"), ("?q=%2F", "/?q=%2F"), ("/a?b#c", "/a?b"), ("/a b", "")],
)
async def test_the_path_stays_as_it_is(asked: str, reached: str) -> None:
    async with behind() as stage:
        await stage.raw(f"GET http://{HOST}{asked} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())

    assert [path for _, _, path, _ in stage.seen] == ([reached] if reached else [])


async def test_https_asked_for_without_a_tunnel_is_served_too() -> None:
    """Some clients ask a proxy for an https URL as they would for an http one."""
    asked = f"POST https://{HOST}/x HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 2\r\n\r\nhi"
    async with behind() as stage:
        answer = await stage.raw(asked.encode())

    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"\r\n\r\nhi")
    assert [(name, path) for name, _, path, _ in stage.seen] == [(HOST, "/x")]


@pytest.mark.slow
async def test_a_tunnel_carries_many_requests_and_much() -> None:
    much = bytes(range(256)) * 8192
    async with behind() as stage, stage.client() as client:
        answers = [await client.post(f"https://{HOST}/{number}", content=much) for number in range(3)]

    assert [answer.content for answer in answers] == [much] * 3
    assert [path for _, _, path, _ in stage.seen] == ["/0", "/1", "/2"]


@pytest.mark.slow
async def test_many_clients_are_served_at_once() -> None:
    async with behind() as stage, stage.client() as client:
        urls = [f"https://{(HOST, OTHER)[number % 2]}/{number}" for number in range(40)]
        answers = await asyncio.gather(*(client.get(url) for url in urls))

    assert [answer.headers["App"] for answer in answers] == [HOST, OTHER] * 20
    assert len(stage.seen) == 40


@pytest.mark.parametrize(
    "target",
    [
        "example.com:443", f"{HOST}.example.com:443", f"example.com@{HOST}:443", f"{HOST}@example.com:443",
        f"{HOST}:22", f"{HOST}:8443", "127.0.0.1:443", "[::1]:443", "localhost:8600", f"{'a' * 9000}:443",
        f"x{HOST}:443", f"{HOST}.:443", "bridge.test:443",
    ],
)  # fmt: skip
async def test_a_tunnel_leads_nowhere_else(target: str) -> None:
    async with behind() as stage:
        answer = await stage.raw(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())

    assert answer.startswith(b"HTTP/1.1 403 journeylab serves no "), answer
    assert stage.seen == []


@pytest.mark.parametrize(
    "target",
    [
        "http://example.com/", f"http://{HOST}.example.com/", f"https://{HOST}@example.com/", f"http://{HOST}:8080/",
        "http://127.0.0.1:8600/", "https://[::1]/", "http://[fe80::1]:80/", "http://localhost/", "http://a\u2100b/",
    ],
)  # fmt: skip
async def test_a_request_is_passed_on_to_nobody_else(target: str) -> None:
    async with behind() as stage:
        answer = await stage.raw(f"GET {target} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())

    assert answer.startswith(b"HTTP/1.1 403 journeylab serves no "), answer
    assert stage.seen == []


@pytest.mark.parametrize(
    "target",
    [
        HOST, f"{HOST}:", f"{HOST}:0", f"{HOST}:65536", f"{HOST}:443x", f"{HOST}:-1", f"{HOST}:٤٤٣", f"{HOST}:4 43",
        ":443", "", "::1:443", "[::1]", "[::1", "[x]:443", f"https://{HOST}:443", f"{HOST}:443/", "a" * 9000,
    ],
)  # fmt: skip
async def test_a_tunnel_to_no_host_and_port_is_told_what_was_wanted(target: str) -> None:
    async with behind() as stage:
        answer = (await stage.raw(f"CONNECT {target} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())).decode()

    assert answer.startswith("HTTP/1.1 400 "), answer
    assert f"`CONNECT {HOST}:443" in answer
    assert f"CONNECT {target[:40]}" in answer or not target.isascii()
    assert len(answer) < 700
    assert stage.seen == []


@pytest.mark.parametrize(
    "target",
    [
        "example", "*", f"ftp://{HOST}/", f"//{HOST}/", "http:", "http://", "http:///x", "http://[/", "http://[::1",
        "https://a]b/", f"http://{HOST}:x/", f"http://{HOST}:99999/", f"http://{HOST}:0/", "http://:80/", "http://@/",
    ],
)  # fmt: skip
async def test_a_request_without_an_absolute_url_is_told_what_was_wanted(target: str) -> None:
    async with behind() as stage:
        answer = (await stage.raw(f"PUT {target} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())).decode()

    status, wanted = "400 a proxy wants an absolute URL", f"such as `PUT http://{HOST}/`"
    if target.startswith("/"):  # the proxy's own pages
        status, wanted = "404 Not Found", "This is a proxy"
    assert answer.startswith(f"HTTP/1.1 {status}\r\n"), answer
    assert wanted in answer
    assert stage.seen == []


@pytest.mark.parametrize(
    "head",
    [
        "GET", f"GET http://{HOST}/", f"GET http://{HOST}/ HTTP/2", f"GET http://{HOST}/ FTP/1.1",
        f"GET  http://{HOST}/ HTTP/1.1", f"G(T http://{HOST}/ HTTP/1.1", f"CONNECT {HOST}:443\nX: y HTTP/1.1",
        f"CONNECT {HOST}\x00:443 HTTP/1.1", f"GET http://{HOST}/ HTTP/1.1\r\nX: a\x00b", f"GET http://{HOST}/\r HTTP/1.1",
        f"GET http://{HOST}/ HTTP/1.1\r\nX: a\nHost: b",
    ],
)  # fmt: skip
async def test_what_is_no_http_is_told_so_in_one_answer(head: str) -> None:
    async with behind() as stage:
        answer = (await stage.raw(f"{head}\r\n\r\n".encode())).decode()

    assert answer.startswith("HTTP/1.1 400 this is no HTTP request\r\nContent-Type: text/plain"), answer
    assert f"`CONNECT {HOST}:443 HTTP/1.1`" in answer
    assert "\x00" not in answer
    assert stage.seen == []


async def test_a_head_that_is_too_long_is_told_the_limit() -> None:
    async with behind() as stage:
        head = f"GET http://{HOST}/ HTTP/1.1\r\nX: ".encode()
        answer = await stage.raw(head + b"a" * ((1 << 16) - len(head) + 10))

    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b"at most 65536 bytes" in answer


async def test_a_head_that_does_not_come_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulator.proxy._HEAD_S", 0.02)
    async with behind() as stage:
        answer = await stage.raw(b"CONNECT example.com:443 HTTP/1.1\r\n")

    assert answer.startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize(
    ("url", "host_header"),
    [
        (f"http://{HOST}/x", ""),
        (f"http://{HOST}/x", "Host: example.com\r\n"),
        (f"HTTP://{HOST.upper()}:80/x", f"Host: {OTHER}\r\n"),
        (f"https://user:word@{HOST}:443/x", "Host: a\r\nHost: b\r\n"),
    ],
)
async def test_the_host_is_that_of_the_url_whatever_a_header_says(url: str, host_header: str) -> None:
    """RFC 9112, section 3.2.2: a proxy ignores the header where it gets an absolute URL."""
    async with behind() as stage:
        answer = await stage.raw(f"GET {url} HTTP/1.1\r\n{host_header}\r\n".encode())

    assert answer.startswith(b"HTTP/1.1 200 ")
    [(name, _, path, headers)] = stage.seen
    assert (name, path, headers["Host"]) == (HOST, "/x", HOST)


async def test_empty_lines_before_a_request_mean_nothing() -> None:
    async with behind() as stage:
        answer = await stage.raw(f"\r\n\r\nGET http://{HOST}/ HTTP/1.1\r\n\r\n".encode())

    assert answer.startswith(b"HTTP/1.1 200 ")


async def test_a_line_end_that_is_none_in_http_makes_no_header() -> None:
    asked = f"GET http://{HOST}/ HTTP/1.1\r\nHost: {HOST}\r\nX: a\x85Y: b\r\n\r\n"
    async with behind() as stage:
        await stage.raw(asked.encode("latin-1"))

    assert [set(headers) for _, _, _, headers in stage.seen] == [{"Host", "X", "Connection"}]


@pytest.mark.slow
@pytest.mark.parametrize(
    "sent",
    [
        b"", b"C", f"CONNECT {HOST}".encode(), f"CONNECT {HOST}:443 HTTP/1.1\r\n\r\n".encode(),
        f"CONNECT {HOST}:443 HTTP/1.1\r\n\r\n".encode() + b"\x16\x03\x01", f"CONNECT {HOST}:80 HTTP/1.1\r\n\r\nGET".encode(),
        f"POST http://{HOST}/ HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf".encode(), b"CONNECT example.com:443 HTTP/1.1\r\n\r\n",
    ],
)  # fmt: skip
@pytest.mark.parametrize("is_reset", [True, False])
async def test_a_client_may_hang_up_at_any_moment(sent: bytes, *, is_reset: bool) -> None:
    broken: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, about: broken.append(about))
    async with behind() as stage:
        for _ in range(5):
            _, writer = await asyncio.open_connection("127.0.0.1", urlsplit(stage.proxy.url).port)
            writer.write(sent)
            await writer.drain()
            if is_reset:
                reset(writer.transport)
            writer.close()
        async with stage.client() as client:
            assert (await client.get(f"https://{HOST}/")).status_code == 200

    assert broken == []
    assert [name for name, method, *_ in stage.seen if method == "GET"] == [HOST]


async def test_a_refusal_says_what_is_served_and_what_to_do() -> None:
    async with behind() as stage:
        away = (await stage.raw(b"CONNECT example.com:443 HTTP/1.1\r\n\r\n")).decode()
        here = (await stage.raw(b"CONNECT localhost:8600 HTTP/1.1\r\n\r\n")).decode()
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientHttpProxyError, match=r"journeylab serves no example\.com"):
                await session.get("https://example.com/", proxy=stage.proxy.url)

    assert "nothing leaves this machine" in away
    assert f"\n  {HOST}\n  {OTHER}\n" in away
    assert "NO_PROXY=127.0.0.1,localhost" in here


async def test_the_proxys_own_address_tells_what_it_is_and_gives_the_certificate() -> None:
    async with behind() as stage, httpx.AsyncClient() as client:
        page, pem, other = [await client.get(f"{stage.proxy.url}{path}") for path in ("/", "/ca.pem", "/x")]
        kept = stage.certificate()

    assert (page.status_code, other.status_code) == (200, 404)
    assert "HTTPS_PROXY" in page.text
    assert HOST in page.text
    assert pem.text == kept


@pytest.mark.slow
async def test_a_client_that_does_not_trust_the_certificate_says_so_and_others_are_served() -> None:
    async with behind() as stage:
        async with httpx.AsyncClient(proxy=stage.proxy.url) as client:
            with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                await client.get(f"https://{HOST}/")
        async with stage.client() as client:
            assert (await client.get(f"https://{HOST}/")).status_code == 200


@pytest.mark.parametrize("sent", [b"", b"\r\n\r\n", b"GET\r\n\r\n", b"\x00" * 8, b"G" * (1 << 17)])
async def test_what_is_no_request_ends_and_others_are_served(sent: bytes) -> None:
    async with behind() as stage:
        reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(stage.proxy.url).port)
        writer.write(sent)
        writer.write_eof()
        async with asyncio.timeout(5):
            try:
                answer = await reader.read()
            except ConnectionResetError:  # it hung up while there was more to read
                answer = b""
        writer.close()
        async with stage.client() as client:
            assert (await client.get(f"https://{HOST}/")).status_code == 200

    assert b" 200 " not in answer


@pytest.mark.slow
async def test_whatever_is_sent_nothing_but_an_answer_comes_of_it() -> None:
    """Requests with some of their bytes changed: each ends, none is let through to elsewhere, none breaks the proxy."""
    broken: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, about: broken.append(about))
    chance = random.Random(20260302)
    whole = [
        f"CONNECT {HOST}:80 HTTP/1.1\r\nHost: {HOST}\r\n\r\nGET / HTTP/1.1\r\nConnection: close\r\n\r\n",
        f"GET https://{HOST}/a?b HTTP/1.1\r\nHost: {HOST}\r\n\r\n",
        f"POST http://{HOST}/ HTTP/1.0\r\nContent-Length: 0\r\n\r\n",
    ]
    async with behind() as stage:
        for number in range(150):
            sent = bytearray(whole[number % 3].encode())
            for _ in range(chance.randint(1, 4)):
                sent[chance.randrange(len(sent))] = chance.choice(b"\0\r\n :/@[]?#%\x16\xff\xe2zZ0")
            del sent[chance.randint(len(sent) // 2, len(sent)) :]
            reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(stage.proxy.url).port)
            writer.write(sent)
            writer.write_eof()
            async with asyncio.timeout(5):
                with suppress(ConnectionResetError):
                    await reader.read()
            writer.close()
        async with stage.client() as client:
            assert (await client.get(f"https://{HOST}/")).status_code == 200

    assert broken == []
    assert {name for name, *_ in stage.seen} == {HOST}


async def test_tls_to_the_proxy_itself_is_answered_at_once() -> None:
    async with behind() as stage:
        answer = await stage.raw(b"\x16\x03\x01\x02\x00\x01")

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"http://" in answer


@pytest.mark.parametrize(
    "asked", [f"GET http://{HOST}/ HTTP/1.1", f"CONNECT {HOST}:80 HTTP/1.1", f"CONNECT {HOST}:443 HTTP/1.1"]
)
async def test_a_fake_that_refuses_connections_is_told_of_before_anything_is_sent(asked: str) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        async with serve_proxy({HOST: url}, port=0, now=wall_clock()) as proxy:
            answer = await Behind(proxy).raw(f"{asked}\r\n\r\n".encode())

    assert answer.startswith(f"HTTP/1.1 502 {HOST} refuses connections\r\n".encode())


@pytest.mark.parametrize("scheme", ["https", "http"])
@pytest.mark.parametrize("is_reset", [True, False])
async def test_a_connection_that_a_fake_breaks_is_broken_in_the_same_way(
    scheme: str, *, is_reset: bool
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if is_reset:
            reset(writer.transport)
        writer.close()

    fake = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with (
        fake,
        serve_proxy({HOST: _url_of(fake)}, port=0, now=wall_clock()) as proxy,
        Behind(proxy).client() as client,
    ):
        with pytest.raises(httpx.ReadError if is_reset else httpx.RemoteProtocolError):
            await client.get(f"{scheme}://{HOST}/")


def _url_of(server: asyncio.Server) -> str:
    address, port = server.sockets[0].getsockname()
    return f"http://{address}:{port}"


async def test_closing_ends_open_tunnels_and_takes_the_certificate_away() -> None:
    async with behind() as stage:
        reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(stage.proxy.url).port)
        writer.write(f"CONNECT {HOST}:80 HTTP/1.1\r\n\r\n".encode())
        assert b" 200 " in await reader.readuntil(b"\r\n\r\n")

    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()
    with pytest.raises(FileNotFoundError):
        stage.certificate()


async def test_a_taken_port_is_named() -> None:
    with socket.socket() as blocker:
        blocker.bind(("127.0.0.1", 0))
        blocker.listen()
        port = blocker.getsockname()[1]

        with pytest.raises(PortTaken, match=f"port {port} of 127"):
            async with behind(port):
                pass


async def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "simulator.certificates", raising=False)
    monkeypatch.setitem(sys.modules, "cryptography", None)

    with pytest.raises(ProxyUnavailable, match=re.escape(install_command("proxy"))):
        async with behind():
            pass
