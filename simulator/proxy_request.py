"""What a client asks of a proxy, or what is wrong with it.

Whoever comes may be a browser, a library in any language or somebody who types by hand: whatever is refused is told
what was found, what was wanted and what to do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

__all__ = ["Aim", "NotAsked", "ProxyRequest", "shown"]

_LINE: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([^ ]+) HTTP/1\.[01]")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_AUTHORITY: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:/?#]+):([0-9]{1,5})")
_PORTS: Final = {"http": 80, "https": 443}
_OF_THE_HOP: Final = ("connection", "host", "keep-alive", "proxy-authorization", "proxy-connection")
"""Headers that are meant for the proxy and go no further; `Host` is made from the target, as RFC 9112 (3.2.2) has it."""
_SHOWN: Final = 80


class NotAsked(Exception):
    """There is no request that a proxy could serve.

    Attributes:
        status: Status and reason of the answer; many clients show no more of it.
        hint: What was wanted.
    """

    def __init__(self, status: str, hint: str) -> None:
        super().__init__(f"{status}: {hint}")
        self.status = status
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Aim:
    """Where a request is to go.

    Attributes:
        host: Lower case; an IPv6 address in brackets.
        port: From 1 to 65535.
        path: With its query; empty for a tunnel.
    """

    host: str
    port: int
    path: str = ""

    @property
    def authority(self) -> str:
        """The host, and the port where it is not that of https."""
        return self.host if self.port == _PORTS["https"] else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class ProxyRequest:
    """The head of a request.

    Attributes:
        method: As sent.
        target: What stands between method and version.
        headers: The lines, without the empty one.
    """

    method: str
    target: str
    headers: tuple[str, ...]

    @classmethod
    def read(cls, head: bytes) -> ProxyRequest:
        """Read a head, up to its empty line and with it.

        Raises:
            NotAsked: It is no HTTP.
        """
        line, *headers = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
        found = _LINE.fullmatch(line)
        if found is None or any(_CONTROL.search(one) for one in (line, *headers)):
            raise NotAsked(
                "400 this is no HTTP request",
                f"got {shown(line)}, wanted a line such as `GET http://api.mailmodo.com/ HTTP/1.1` or "
                "`CONNECT api.mailmodo.com:443 HTTP/1.1`, and headers without control characters",
            )
        return cls(found[1], found[2], tuple(headers))

    @property
    def is_tunnel(self) -> bool:
        """Whether it asks for a tunnel."""
        return self.method == "CONNECT"

    @property
    def is_for_the_proxy(self) -> bool:
        """Whether it asks for a page of the proxy's own."""
        return not self.is_tunnel and self.target.startswith("/")

    def tunnel(self) -> Aim:
        """Say where a tunnel is to lead.

        Raises:
            NotAsked: Host or port are missing or are none.
        """
        found = _AUTHORITY.fullmatch(self.target)
        if found is None or not 0 < int(found[2]) < 1 << 16:
            raise NotAsked(
                "400 CONNECT wants host:port",
                f"got `CONNECT {shown(self.target)}`, wanted a host and a port from 1 to 65535, such as "
                "`CONNECT api.mailmodo.com:443`; an IPv6 address stands in brackets",
            )
        return Aim(found[1].lower(), int(found[2]))

    def forward(self) -> Aim:
        """Say where one request is to go.

        Raises:
            NotAsked: Its target is no absolute URL.
        """
        wanted = NotAsked(
            "400 a proxy wants an absolute URL",
            f"got `{self.method} {shown(self.target)}`, wanted one that begins with http:// or https:// and a host, "
            f"such as `{self.method} http://api.mailmodo.com/`",
        )
        try:
            parts = urlsplit(self.target)
            host, port = parts.hostname, parts.port
        except ValueError:  # brackets that make no address, a port that is no number
            raise wanted from None
        if parts.scheme not in _PORTS or not host or port == 0:
            raise wanted
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return Aim(f"[{host}]" if ":" in host else host, port or _PORTS[parts.scheme], path)

    def lines_for(self, aim: Aim) -> list[str]:
        """Give the lines that are passed on: the next request may be for another host, so that a connection carries one."""
        kept = [line for line in self.headers if line.partition(":")[0].strip().lower() not in _OF_THE_HOP]
        return [f"{self.method} {aim.path} HTTP/1.1", f"Host: {aim.host}", *kept, "Connection: close"]


def shown(text: str) -> str:
    """Give a text for a message, on one line and not too long."""
    part = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return part.encode("unicode_escape").decode("ascii") if _CONTROL.search(part) else part
