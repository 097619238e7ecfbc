"""A connection in memory: two transports that hand bytes to each other through the loop.

What is kept of TCP: byte order, latency, a window of unread bytes and with it back-pressure, half-close,
end of file, reset. What is left out: segments, loss, congestion, the time acknowledgements travel, and TLS.
Where asyncio's own transports leave a choice, these do as the selector loop's do on Linux.
"""

# ruff: noqa: SLF001 - two ends of one connection, of one class

from __future__ import annotations

import asyncio
import enum
import errno
import os
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextvars import Context

    from simulator.link import Link

    Buffer = bytes | bytearray | memoryview

__all__ = ["WINDOW", "MemoryTransport"]

WINDOW = 256 * 1024
"""Bytes that may be under way or unread in one direction, as in a kernel's buffers; more waits with the writer."""

_HIGH_WATER = 64 * 1024  # asyncio's own default


class _End(enum.Enum):
    """How the bytes of one direction end."""

    OPEN = enum.auto()
    EOF = enum.auto()
    RESET = enum.auto()


class MemoryTransport(asyncio.Transport):
    """One end of a connection in memory.

    Args:
        loop: The loop whose time the bytes travel in.
        link: From this end's host to the other's.
        context: In which the protocol's methods run; the other end's variables never leak in.
        extra: What `get_extra_info` gives.
        on_lost: Is told once, when the connection is over for this end.
    """

    _extra: dict[str, Any]

    __slots__ = (
        "_context",
        "_due",
        "_end",
        "_high",
        "_in_flight",
        "_inbox",
        "_is_closing",
        "_is_end_sent",
        "_is_eof_written",
        "_is_lost",
        "_is_paused",
        "_is_woken",
        "_is_writer_paused",
        "_link",
        "_loop",
        "_low",
        "_on_lost",
        "_outbox",
        "_peer",
        "_protocol",
        "_unsent",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        link: Link,
        context: Context,
        *,
        extra: dict[str, Any],
        on_lost: Callable[[MemoryTransport], None] | None = None,
    ) -> None:
        super().__init__(extra)
        self._loop = loop
        self._link = link
        self._context = context
        self._on_lost = on_lost
        self._peer: MemoryTransport = self
        self._protocol: asyncio.BaseProtocol | None = None
        # Arrived and not yet read. All of it is handed over at once: the window keeps it small.
        self._inbox: list[bytes | memoryview] = []
        self._end = _End.OPEN
        # Written and not yet sent because the window is full; asyncio calls its size the write buffer.
        self._outbox: deque[memoryview] = deque()
        self._unsent = 0
        self._in_flight = 0
        self._due = 0.0
        self._high = _HIGH_WATER
        self._low = _HIGH_WATER // 4
        self._is_paused = False
        self._is_woken = False
        self._is_writer_paused = False
        self._is_eof_written = False
        self._is_end_sent = False
        self._is_closing = False
        self._is_lost = False

    @staticmethod
    def pair(one: MemoryTransport, other: MemoryTransport) -> None:
        """Make two transports the ends of one connection; both still lack a protocol."""
        one._peer, other._peer = other, one

    def start(self, protocol: asyncio.BaseProtocol) -> None:
        """Attach the protocol, tell it, and begin to hand over what has arrived meanwhile."""
        self._protocol = protocol
        protocol.connection_made(self)
        self._wake()

    # What protocols and streams ask for.

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Hand what arrives from now on to another protocol."""
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Give the protocol."""
        return self._protocol  # type: ignore[return-value]  # None before it is made and after it is lost

    def show_tls(self, context: object) -> None:
        """Let users see a TLS context from now on; no TLS is spoken."""
        self._extra["sslcontext"] = context

    def is_closing(self) -> bool:
        """Say whether the connection is closed or about to be."""
        return self._is_closing

    def is_reading(self) -> bool:
        """Say whether bytes are handed over as they arrive."""
        return not self._is_paused and not self._is_closing

    def pause_reading(self) -> None:
        """Leave what arrives in the window; the writer is slowed once it is full."""
        self._is_paused = True

    def resume_reading(self) -> None:
        """Undo `pause_reading`."""
        self._is_paused = False
        self._wake()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set at how many unsent bytes the protocol is told to pause and to resume writing."""
        if high is None:
            high = _HIGH_WATER if low is None else 4 * low
        if low is None:
            low = high // 4
        if not high >= low >= 0:
            raise ValueError(f"high ({high!r}) must be >= low ({low!r}) must be >= 0")
        self._high, self._low = high, low
        self._slow_writer()

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Give the low and the high limit, in this order."""
        return self._low, self._high

    def get_write_buffer_size(self) -> int:
        """Give the bytes written and not yet sent."""
        return self._unsent

    def can_write_eof(self) -> bool:
        """Say whether one direction can be closed alone; over TLS it cannot."""
        return self._extra.get("sslcontext") is None

    def write(self, data: Buffer) -> None:
        """Send bytes; what the window does not hold waits here."""
        if self._is_eof_written:
            raise RuntimeError("Cannot call write() after write_eof()")
        size = len(data)
        if self._is_closing or not size:  # asyncio drops what is written too late
            return
        if type(data) is not bytes:  # the caller may use its buffer again
            data = bytes(data)
        if not self._outbox and self._in_flight + size <= WINDOW:
            self._send(data, size)
            return
        self._outbox.append(memoryview(data))
        self._unsent += size
        self._pump()
        self._slow_writer()

    def writelines(self, list_of_data: Iterable[Buffer]) -> None:
        """Send several pieces as one."""
        self.write(b"".join(list_of_data))

    def write_eof(self) -> None:
        """Close the direction from here to there; the other stays open."""
        if not self.can_write_eof():
            raise NotImplementedError("TLS cannot close one direction alone")
        if self._is_closing or self._is_eof_written:
            return
        self._is_eof_written = True
        if not self._outbox:
            self._send_end(_End.EOF)

    def close(self) -> None:
        """Send what is still unsent, then close; nothing is read any more."""
        if self._is_closing:
            return
        self._is_closing = True
        if not self._outbox:
            self._finish(None)

    def abort(self) -> None:
        """Close at once; what is unsent is lost.

        The other end reads to the end of what was sent and then sees the end of file. It sees a reset instead
        where TCP sends one: there are unread bytes here, or the socket's linger is 0 s.
        """
        self._cut(None)

    def has_unread(self) -> bool:
        """Say whether a read would not have to wait: bytes, the end, or a closed connection."""
        return bool(self._inbox) or self._end is not _End.OPEN or self._is_closing

    # What travels.

    def _send(self, data: bytes | memoryview, size: int) -> None:
        self._in_flight += size
        loop = self._loop
        latency_s = self._link.latency_s
        if not latency_s and self._due <= loop.time():
            # No latency, and nothing earlier is still under way: it is there already. One call wakes the reader.
            peer = self._peer
            if peer._is_closing:
                peer._refuse(size)
            else:
                peer._inbox.append(data)
                if not (peer._is_woken or peer._is_paused or peer._protocol is None):
                    peer._is_woken = True
                    loop.call_soon(peer._deliver, context=peer._context)
            return
        # A link that got faster must not let bytes overtake earlier ones.
        self._due = due = max(loop.time() + latency_s, self._due)
        loop.call_at(due, self._peer._arrive, data, size, context=self._peer._context)

    def _arrive(self, data: bytes | memoryview, size: int) -> None:
        if self._is_closing:
            self._refuse(size)
            return
        self._inbox.append(data)
        if not (self._is_woken or self._is_paused or self._protocol is None):
            self._deliver()

    def _send_end(self, end: _End) -> None:
        self._is_end_sent = True
        loop = self._loop
        due = max(loop.time() + self._link.latency_s, self._due)
        if due > loop.time():
            self._due = due
            loop.call_at(due, self._peer._arrive_end, end, context=self._peer._context)
        else:
            self._peer._arrive_end(end)

    def _arrive_end(self, end: _End) -> None:
        if self._is_lost:
            return
        if end is _End.RESET and (self._is_closing or self._end is _End.RESET):
            # Either what is left to send has nobody to go to, or somebody wrote on after the first reset.
            self._cut(_reset_by_peer())
            return
        self._end = end
        self._wake()

    def _refuse(self, size: int) -> None:
        """Answer bytes that arrive at a closed end as TCP does, with a reset; while flushing just drop them."""
        self._peer._read(size)
        if self._is_lost:
            self._send_end(_End.RESET)

    # What the reader gets.

    def _wake(self) -> None:
        if self._is_woken or self._is_paused or self._is_closing or self._protocol is None:
            return
        if self._inbox or self._end is not _End.OPEN:
            self._is_woken = True
            self._loop.call_soon(self._deliver, context=self._context)

    def _deliver(self) -> None:
        self._is_woken = False
        if self._is_paused or self._is_closing:
            return
        inbox = self._inbox
        if not inbox:
            self._deliver_end()
            return
        data = inbox[0] if len(inbox) == 1 else b"".join(inbox)
        if type(data) is not bytes:
            data = bytes(data)
        inbox.clear()
        self._peer._read(len(data))
        protocol = self._protocol
        try:
            if isinstance(protocol, asyncio.BufferedProtocol):
                _fill(protocol, data)
            else:
                protocol.data_received(data)  # type: ignore[union-attr]  # a stream's, or nothing would arrive here
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:  # noqa: BLE001 - asyncio's rule: a protocol that fails loses its connection
            self._fail(error, "data_received")
            return
        if self._end is not _End.OPEN:
            self._wake()

    def _deliver_end(self) -> None:
        if self._end is _End.RESET:
            self._cut(_reset_by_peer())
            return
        if self._end is not _End.EOF:
            return
        self._end = _End.OPEN  # told once; a reset may still follow
        try:
            keeps_open = self._protocol.eof_received()  # type: ignore[union-attr]  # a stream's, as above
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:  # noqa: BLE001 - asyncio's rule: a protocol that fails loses its connection
            self._fail(error, "eof_received")
            return
        if not keeps_open or not self.can_write_eof():
            self.close()

    def _fail(self, error: BaseException, method: str) -> None:
        self._loop.call_exception_handler(
            {
                "message": f"Fatal error: protocol.{method}() call failed.",
                "exception": error,
                "transport": self,
                "protocol": self._protocol,
            }
        )
        self._cut(error)

    # What slows the writer.

    def _read(self, size: int) -> None:
        """Take note that the other end has read; there is room in the window again."""
        self._in_flight -= size
        if self._outbox:
            self._loop.call_soon(self._pump, context=self._context)

    def _pump(self) -> None:
        outbox = self._outbox
        if not outbox:  # an earlier call in the same iteration sent all
            return
        while outbox and (room := WINDOW - self._in_flight) > 0:
            piece = outbox.popleft()
            if len(piece) > room:
                outbox.appendleft(piece[room:])
                piece = piece[:room]
            self._unsent -= len(piece)
            self._send(piece, len(piece))
        if self._is_writer_paused and self._unsent <= self._low:
            self._is_writer_paused = False
            self._call_protocol("resume_writing")
        if not outbox and not self._is_lost:
            # What was written before `close` or `write_eof` is sent; now the end may follow.
            if self._is_closing:
                self._finish(None)
            elif self._is_eof_written:
                self._send_end(_End.EOF)

    def _slow_writer(self) -> None:
        if self._unsent > self._high and not self._is_writer_paused:
            self._is_writer_paused = True
            self._call_protocol("pause_writing")

    def _call_protocol(self, method: str) -> None:
        try:
            getattr(self._protocol, method)()
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:  # noqa: BLE001 - asyncio's rule: reported, and the connection goes on
            self._loop.call_exception_handler(
                {
                    "message": f"protocol.{method}() failed",
                    "exception": error,
                    "transport": self,
                    "protocol": self._protocol,
                }
            )

    # How it ends.

    def _cut(self, error: BaseException | None) -> None:
        if self._is_lost:
            return
        self._is_closing = True
        self._outbox.clear()
        self._unsent = 0
        self._finish(error)

    def _finish(self, error: BaseException | None) -> None:
        self._is_lost = True
        unread = sum(map(len, self._inbox))
        self._inbox.clear()
        if not isinstance(error, ConnectionResetError):
            if unread or self._extra["socket"].resets_on_close:
                self._send_end(_End.RESET)
            elif not self._is_end_sent:
                self._send_end(_End.EOF)
        if unread:  # makes room for what the other end has yet to send, so that it learns of the reset
            self._peer._read(unread)
        self._loop.call_soon(self._lose, error, context=self._context)

    def _lose(self, error: BaseException | None) -> None:
        protocol, self._protocol = self._protocol, None
        try:
            if protocol is not None:
                protocol.connection_lost(error if isinstance(error, Exception) else None)
        finally:
            if self._on_lost is not None:
                self._on_lost(self)


def _fill(protocol: asyncio.BufferedProtocol, data: bytes) -> None:
    """Hand bytes to a protocol that brings its own buffer, in as many pieces as that takes."""
    while data:
        buffer = memoryview(protocol.get_buffer(len(data))).cast("B")
        size = min(len(buffer), len(data))
        if not size:
            raise RuntimeError("get_buffer() returned an empty buffer")
        buffer[:size] = data[:size]
        data = data[size:]
        protocol.buffer_updated(size)


def _reset_by_peer() -> ConnectionResetError:
    return ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
