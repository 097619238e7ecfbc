"""What is shown where clients and servers look for a socket."""

from __future__ import annotations

import errno
import os
import socket
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SocketStandIn"]

_NO_LINGER = struct.pack("ii", 1, 0)


class SocketStandIn:
    """What a transport shows where a socket is expected: addresses and options, and nothing that moves bytes.

    Attributes:
        family: Always IPv4.
        type: Always a stream.
        proto: Always TCP.
    """

    __slots__ = ("_is_readable", "_options", "_own", "_peer", "_quiet_fd", "family", "proto", "type")

    def __init__(
        self,
        own: tuple[str, int],
        peer: tuple[str, int] | None,
        *,
        quiet_fd: Callable[[], int],
        is_readable: Callable[[], bool],
    ) -> None:
        self.family = socket.AF_INET
        self.type = socket.SOCK_STREAM
        self.proto = socket.IPPROTO_TCP
        self._own = own
        self._peer = peer
        self._quiet_fd = quiet_fd
        self._is_readable = is_readable
        self._options: dict[tuple[int, int], int | bytes] = {}

    def getsockname(self) -> tuple[str, int]:
        """Give the own address and port."""
        return self._own

    def getpeername(self) -> tuple[str, int]:
        """Give the other end's address and port.

        Raises:
            OSError: It is a listening socket.
        """
        if self._peer is None:
            raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))
        return self._peer

    def setsockopt(self, level: int, option: int, value: int | bytes) -> None:
        """Remember an option; only a linger of 0 s has an effect: the next abort resets the connection."""
        self._options[level, option] = value

    def getsockopt(self, level: int, option: int, _buffer_size: int = 0) -> int | bytes:
        """Give an option as it was set; 0 before."""
        return self._options.get((level, option), 0)

    def fileno(self) -> int:
        """Give a descriptor that is never readable, or -1 when a read would not block.

        Clients poll it to learn whether an idle connection is still good (httpcore does).
        """
        return -1 if self._is_readable() else self._quiet_fd()

    def gettimeout(self) -> float:
        """Give 0: transports never block."""
        return 0.0

    @property
    def resets_on_close(self) -> bool:
        """Whether a linger of 0 s was set."""
        return self._options.get((socket.SOL_SOCKET, socket.SO_LINGER)) == _NO_LINGER
