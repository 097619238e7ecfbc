"""Names and addresses of the network in memory: what a resolver knows."""

from __future__ import annotations

import ipaddress
import socket

__all__ = ["EVERYWHERE", "LOCALHOST", "LOOPBACK", "Address", "AddressInfo", "Names", "plain", "unknown_host"]

LOCALHOST = "localhost"
LOOPBACK = "127.0.0.1"
EVERYWHERE = "0.0.0.0"  # noqa: S104 - nothing is real here
_FIRST_ADDRESS = ipaddress.IPv4Address("10.0.0.1")
_SERVICES = {"http": 80, "https": 443, "smtp": 25, "submission": 587, "submissions": 465}

Address = tuple[str, int]
AddressInfo = tuple[socket.AddressFamily, socket.SocketKind, int, str, Address]


class Names:
    """Every name, whether it serves or only calls, gets the next address of 10.0.0.0/8 when first seen.

    `localhost` is 127.0.0.1, and there is only one: hosts of this network do not each have their own.
    """

    def __init__(self) -> None:
        self._addresses = {LOCALHOST: LOOPBACK}
        self._names = {LOOPBACK: LOCALHOST}

    def address_of(self, name: str) -> str:
        """Give a host's address, a new one for a new name; from then on the name resolves."""
        name = plain(name)
        address = self._addresses.get(name)
        if address is None:
            address = str(_FIRST_ADDRESS + len(self._addresses) - 1)
            self._addresses[name] = address
            self._names[address] = name
        return address

    def is_address(self, text: str) -> bool:
        """Say whether a text is an address that some name has."""
        return text in self._names

    def find_address(self, host: str) -> str | None:
        """Give the address of a known name or of an IPv4 literal, else None."""
        found = self._addresses.get(plain(host))
        return found if found is not None else _literal(host)

    def resolve(
        self, host: str | bytes | None, port: str | bytes | int | None, *, family: int, kind: int, flags: int
    ) -> list[AddressInfo]:
        """Answer `getaddrinfo` for a name of this network or an IPv4 literal; for streams where none is asked for.

        Raises:
            socket.gaierror: The name is unknown, or has no address of the family.
        """
        if isinstance(host, bytes):
            host = host.decode("ascii")
        if not host:
            address: str | None = EVERYWHERE if flags & socket.AI_PASSIVE else LOOPBACK
        elif flags & socket.AI_NUMERICHOST:
            address = _literal(host)
        else:
            address = self.find_address(host)
        if address is None or family not in {socket.AF_UNSPEC, socket.AF_INET}:
            raise unknown_host()
        is_datagram = kind == socket.SOCK_DGRAM
        proto = socket.IPPROTO_UDP if is_datagram else socket.IPPROTO_TCP
        canonical = host if host and flags & socket.AI_CANONNAME else ""
        answer = (address, _port(port))
        return [
            (
                socket.AF_INET,
                socket.SOCK_DGRAM if is_datagram else socket.SOCK_STREAM,
                proto,
                canonical,
                answer,
            )
        ]

    def describe(self, address: str, port: int, *, flags: int) -> tuple[str, str]:
        """Answer `getnameinfo`: name and port as text; the address itself where no name is known or wanted."""
        name = None if flags & socket.NI_NUMERICHOST else self._names.get(address)
        if name is None and flags & socket.NI_NAMEREQD:
            raise unknown_host()
        return name or address, str(port)

    def name_of(self, address: str) -> str:
        """Give the name of an address, or the address itself."""
        return self._names.get(address, address)


def unknown_host() -> socket.gaierror:
    """Make the error with which a real resolver answers for a name that does not exist."""
    return socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def plain(name: str) -> str:
    """Give a host name as it is compared: lower case, no final dot."""
    return name.rstrip(".").lower()


def _literal(host: str) -> str | None:
    try:
        return str(ipaddress.IPv4Address(host))
    except ValueError:
        return None


def _port(port: str | bytes | int | None) -> int:
    if isinstance(port, bytes):
        port = port.decode("ascii")
    if isinstance(port, str) and not port.isdigit():
        if port not in _SERVICES:
            raise socket.gaierror(socket.EAI_SERVICE, "Servname not supported for ai_socktype")
        return _SERVICES[port]
    return int(port or 0)
