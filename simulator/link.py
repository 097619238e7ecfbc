"""How long bytes travel between two hosts of the network in memory."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.names import plain

__all__ = ["Link", "Links"]


@dataclass(slots=True, eq=False)
class Link:
    """One direction between two hosts; connections look at it at every write, so that a change takes effect at once.

    Attributes:
        latency_s: Seconds that a byte travels.
    """

    latency_s: float = 0.0


class Links:
    """All links of a network; each pair of hosts has one per direction, made when first asked for."""

    def __init__(self) -> None:
        self._links: dict[tuple[str, str], Link] = {}
        self._latencies: dict[tuple[str | None, str | None], float] = {}

    def set_latency(
        self, latency_s: float, *, sender: str | None = None, receiver: str | None = None
    ) -> None:
        """Set how long bytes travel, for open connections too.

        Args:
            latency_s: Seconds, 0 or more.
            sender: Name of the host they leave; None for any.
            receiver: Name of the host they reach; None for any. A pair goes before a sender, a sender
                before a receiver, a receiver before the default.

        Raises:
            ValueError: It is negative or no number.
        """
        if not latency_s >= 0:
            raise ValueError(f"latency must be 0 s or more, got {latency_s!r}")
        self._latencies[sender and plain(sender), receiver and plain(receiver)] = latency_s
        for (one, other), link in self._links.items():
            link.latency_s = self._latency(one, other)

    def link(self, sender: str, receiver: str) -> Link:
        """Give the link from one host to another."""
        link = self._links.get((sender, receiver))
        if link is None:
            link = self._links[sender, receiver] = Link(self._latency(sender, receiver))
        return link

    def _latency(self, sender: str, receiver: str) -> float:
        for pair in ((sender, receiver), (sender, None), (None, receiver)):
            if pair in self._latencies:
                return self._latencies[pair]
        return self._latencies.get((None, None), 0.0)
