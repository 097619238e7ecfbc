"""What a fake is given: time, chance, somebody who watches, somewhere to deliver, and its own URL."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from fakes.kit.exchange import Observer
    from fakes.kit.mail import MailHost, PhoneNetwork

__all__ = ["Door", "Surroundings", "draw_ulid", "draw_uuid"]


_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:  # brackets that make no address: sending finds out
        return ""


class Door(Protocol):
    """Lets connections to a fake in, or has them refused as where nothing listens."""

    def shut(self, host: str) -> None:
        """Have connections to whoever is served under a name refused from now on; open ones go on."""

    def reopen(self, host: str) -> None:
        """Let them in again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """All that a fake may ask of the world.

    Attributes:
        now: The world's time, an aware UTC instant. Waiting is plain `asyncio.sleep`.
        random: A generator of the fake's own; ids and chance come from nowhere else.
        observer: Is told of every exchange and fact.
        mail_host: Takes outgoing mail.
        phone_network: Takes outgoing SMS and push.
        url_of: Base URL, without a trailing slash, under which a host of this fake is reached. Ask when
            rendering, not when constructing: real ports are known only once the network serves. Raises
            `LookupError` where the network knows that nobody is served under the name.
        caller: What to call the sender of a request that does not say who it is: in a scenario nobody but the bridge
            under test is so silent; where anybody may call, the built-in bridge is known by its `User-Agent`.
        receiver_of: What to call the receiver of a webhook, from its URL.
        door: Lets connections in; None where it cannot be shut.
        fault_random: Draws whom faults befall; apart, so that a fault changes no id.
    """

    now: Callable[[], datetime]
    random: Random
    observer: Observer
    mail_host: MailHost
    phone_network: PhoneNetwork
    url_of: Callable[[str], str]
    caller: str = "bridge"
    receiver_of: Callable[[str], str] = _host_of
    door: Door | None = None
    fault_random: Random = field(default_factory=lambda: Random(0))  # noqa: S311 - a simulation, not a secret


def draw_uuid(random: Random) -> str:
    """Draw a random (version 4) UUID."""
    return str(UUID(int=random.getrandbits(128), version=4))


def draw_ulid(now: datetime, random: Random) -> str:
    """Draw a ULID: 48 bits of milliseconds, 80 bits of chance, in Crockford's base 32.

    Source: github.com/ulid/spec.
    """
    value = (int(now.timestamp() * 1000) << 80) | random.getrandbits(80)
    return "".join(_CROCKFORD[(value >> shift) & 31] for shift in range(125, -1, -5))
