"""A forward proxy behind which the vendors' real host names are the fakes, and nothing else is reachable.

For clients whose hosts are fixed. They are told of a proxy in the way that they offer, mostly by the environment
variable `HTTPS_PROXY`, and to trust one more certificate; nothing else about them changes.
"""

from __future__ import annotations

import asyncio
import errno
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from fakes.kit.breaking import reset
from simulator.errors import PortTaken, ProxyUnavailable
from simulator.proxy_request import Aim, NotAsked, ProxyRequest, shown

if TYPE_CHECKING:
    import ssl
    from asyncio import StreamReader, StreamWriter
    from collections.abc import AsyncIterator, Mapping
    from datetime import datetime

    _Ends = tuple[StreamReader, StreamWriter]

__all__ = ["Proxy", "serve_proxy"]

_ADDRESS: Final = "127.0.0.1"
_HTTP_PORT: Final = 80
_HTTPS_PORT: Final = 443
_CHUNK: Final = 1 << 16
_HEAD_S: Final = 60.0
_TLS_HELLO: Final = b"\x16"
_CERTIFICATE_PATH: Final = "/ca.pem"
_LOCAL: Final = ("localhost", "127.", "[::1]")


@dataclass(frozen=True, slots=True)
class Proxy:
    """Where a proxy is, and what its clients must trust.

    Attributes:
        url: Its address, for `HTTPS_PROXY` and the like.
        ca_file: Path of a certificate in PEM, as long as the proxy is up.
    """

    url: str
    ca_file: str


@asynccontextmanager
async def serve_proxy(urls: Mapping[str, str], *, port: int, now: datetime) -> AsyncIterator[Proxy]:
    """Serve a proxy on loopback for as long as the block runs.

    Args:
        urls: Base URL of each host that can be reached through it, over https and over http.
        port: Where it listens; 0 takes any free one.
        now: The instant around which its certificates are valid.

    Raises:
        ProxyUnavailable: The package that makes certificates is not installed.
        PortTaken: The port is in use.
    """
    try:
        from simulator.certificates import Authority  # noqa: PLC0415 - needs an extra
    except ModuleNotFoundError as error:
        raise ProxyUnavailable(error.name or "") from error
    authority = Authority(list(urls), now)
    door = _Door(urls, authority.server_context(), authority.certificate_pem)
    try:
        server = await asyncio.start_server(door.open, _ADDRESS, port, limit=_CHUNK)
    except OSError as error:
        if error.errno not in {errno.EADDRINUSE, errno.EACCES}:
            raise
        raise PortTaken("the proxy", address=_ADDRESS, port=port) from error
    with TemporaryDirectory(prefix="journeylab-") as folder:
        ca_file = Path(folder) / _CERTIFICATE_PATH.removeprefix("/")
        ca_file.write_text(authority.certificate_pem, encoding="ascii")
        try:
            yield Proxy(f"http://{_ADDRESS}:{server.sockets[0].getsockname()[1]}", str(ca_file))
        finally:
            server.close()
            await door.close()


class _Door:
    """What a proxy does with each connection: join it to a fake, or say why not."""

    def __init__(self, urls: Mapping[str, str], tls: ssl.SSLContext, certificate: str) -> None:
        self._urls = urls
        self._tls = tls
        self._certificate = certificate
        self._connections: set[asyncio.Task[None]] = set()

    async def open(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Serve one connection to its end."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - called from a task
        self._connections.add(task)
        # Whoever breaks off, or does not trust the certificate, knows it; there is nobody to tell.
        with suppress(OSError, EOFError, asyncio.LimitOverrunError, asyncio.CancelledError):
            try:
                await self._serve(reader, writer)
            finally:
                self._connections.discard(task)
                writer.close()  # of the transport that is now beneath it, encrypted or not

    async def close(self) -> None:
        """End all connections."""
        tasks = list(self._connections)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        try:
            request = await self._ask(reader)
            if request.is_for_the_proxy:
                await self._answer_itself(request.target, writer)
            elif request.is_tunnel:
                await self._tunnel(request.tunnel(), reader, writer)
            else:
                await self._forward(request, request.forward(), reader=reader, writer=writer)
        except NotAsked as refused:
            await _answer(writer, refused.status, f"{refused.hint}\n")

    async def _ask(self, reader: StreamReader) -> ProxyRequest:
        """Read what is asked for.

        Raises:
            NotAsked: It is no request.
            asyncio.IncompleteReadError: The client hung up.
        """
        try:
            async with asyncio.timeout(_HEAD_S):
                first = await reader.readexactly(1)
                while first in b"\r\n":  # empty lines before a request mean nothing: RFC 9112, section 2.2
                    first = await reader.readexactly(1)
                if first == _TLS_HELLO:
                    raise NotAsked("400 Bad Request", "This proxy is spoken to by http://, not https://")
                return ProxyRequest.read(first + await reader.readuntil(b"\r\n\r\n"))
        except TimeoutError:
            raise NotAsked("408 Request Timeout", f"no whole head came within {_HEAD_S:.0f} s") from None
        except asyncio.LimitOverrunError:
            hint = f"wanted a head of at most {_CHUNK} bytes"
            raise NotAsked("431 Request Header Fields Too Large", hint) from None

    async def _tunnel(self, aim: Aim, reader: StreamReader, writer: StreamWriter) -> None:
        if not self._serves(aim):
            await self._refuse(aim.authority, writer)
            return
        async with self._joined(aim.host, writer) as (fake_reader, fake_writer):
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await writer.drain()
            if aim.port == _HTTPS_PORT:
                await writer.start_tls(self._tls)
            await _join((reader, writer), (fake_reader, fake_writer))

    async def _forward(
        self, request: ProxyRequest, aim: Aim, *, reader: StreamReader, writer: StreamWriter
    ) -> None:
        """Pass one request on. Some clients ask like this for https as well, unencrypted as far as the proxy."""
        if not self._serves(aim):
            await self._refuse(aim.authority.removesuffix(f":{_HTTP_PORT}"), writer)
            return
        async with self._joined(aim.host, writer) as (fake_reader, fake_writer):
            fake_writer.write("\r\n".join([*request.lines_for(aim), "", ""]).encode("latin-1"))
            await _join((reader, writer), (fake_reader, fake_writer))

    def _serves(self, aim: Aim) -> bool:
        return aim.host in self._urls and aim.port in (_HTTP_PORT, _HTTPS_PORT)

    @asynccontextmanager
    async def _joined(self, host: str, writer: StreamWriter) -> AsyncIterator[_Ends]:
        """Connect to a fake; tell who asks when it refuses, for nothing has been asked of it yet."""
        fake = urlsplit(self._urls[host])
        try:
            ends = await asyncio.open_connection(fake.hostname, fake.port, limit=_CHUNK)
        except ConnectionRefusedError:
            why = f"{host} refuses connections"
            await _answer(writer, f"502 {why}", f"{why}: it is down, as a fault says, or stopped\n")
            raise
        try:
            yield ends
        finally:
            ends[1].close()

    async def _refuse(self, host: str, writer: StreamWriter) -> None:
        # Many clients show no more of a refused tunnel than the status line.
        why = f"journeylab serves no {shown(host)}"
        hint = "nothing leaves this machine, and a vendor is served on ports 80 and 443"
        if host.startswith(_LOCAL):
            hint = "for what is on this machine, set NO_PROXY=127.0.0.1,localhost"
        hosts = "".join(f"  {name}\n" for name in self._urls)
        await _answer(writer, f"403 {why}", f"{why}; {hint}. It serves:\n{hosts}")

    async def _answer_itself(self, path: str, writer: StreamWriter) -> None:
        if path == _CERTIFICATE_PATH:
            await _answer(writer, "200 OK", self._certificate, content_type="application/x-pem-file")
            return
        hosts = "".join(f"  {name}\n" for name in self._urls)
        text = (
            "This is a proxy: set HTTPS_PROXY to its address, and let your client trust the certificate at "
            f"{_CERTIFICATE_PATH}. Behind it are:\n{hosts}"
        )
        await _answer(writer, "200 OK" if path == "/" else "404 Not Found", text)


async def _join(client: _Ends, fake: _Ends) -> None:
    """Carry bytes to and from a fake until either side has ended; the client gets a reset where the fake gives one."""
    (reader, writer), (fake_reader, fake_writer) = client, fake
    asking = asyncio.ensure_future(_carry(reader, fake_writer))
    answering = asyncio.ensure_future(_carry(fake_reader, writer))
    ways = (asking, answering)
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        _, answered = await asyncio.gather(*ways, return_exceptions=True)
    if isinstance(answered, ConnectionResetError):
        reset(writer.transport)


async def _carry(reader: StreamReader, writer: StreamWriter) -> None:
    while chunk := await reader.read(_CHUNK):
        writer.write(chunk)
        await writer.drain()


async def _answer(
    writer: StreamWriter, status: str, text: str, *, content_type: str = "text/plain; charset=utf-8"
) -> None:
    body = text.encode("utf-8")
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode("latin-1", "replace") + body)
    await writer.drain()
