"""The requests that a fake saw and the webhooks that it sent, for the control API: the latest, and their beginnings."""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from fakes.kit.exchange import Exchange

__all__ = ["RequestLog"]

_MOST: Final = 1000
_LONGEST_BODY: Final = 16_384
_USUAL_LIMIT: Final = 100

Entry = dict[str, Any]


class RequestLog:
    """Keeps the latest exchanges as JSON values, so that its memory is bounded whatever comes.

    Attributes:
        seen: How many there were since the start, or since they were forgotten.
    """

    def __init__(self) -> None:
        self.seen = 0
        self._kept: deque[Entry] = deque(maxlen=_MOST)

    def __len__(self) -> int:
        """How many are still kept."""
        return len(self._kept)

    def keep(self, exchange: Exchange) -> None:
        """Take one exchange; the oldest may have to go."""
        self.seen += 1
        self._kept.append(_entry(exchange))

    def forget(self) -> None:
        """Forget all."""
        self.seen = 0
        self._kept.clear()

    def find(self, filters: Mapping[str, str]) -> list[Entry]:
        """Give those that fit, the latest first.

        Args:
            filters: As the query of `GET /requests`, each of which must hold.
        """
        tests = [test(filters[name]) for name, test in _TESTS.items() if name in filters]
        limit = int(filters.get("limit", _USUAL_LIMIT))
        fitting = (entry for entry in self._since(filters.get("after")) if all(test(entry) for test in tests))
        return list(islice(fitting, limit))

    def _since(self, identity: str | None) -> Iterator[Entry]:
        for entry in reversed(self._kept):
            if entry["id"] == identity:
                return
            yield entry


def _entry(exchange: Exchange) -> Entry:
    return {
        "id": exchange.id,
        "at": exchange.started_at.isoformat(timespec="milliseconds"),
        "took_s": round((exchange.ended_at - exchange.started_at).total_seconds(), 6),
        "kind": exchange.kind,
        "operation": exchange.operation,
        "sender": exchange.sender,
        "receiver": exchange.receiver,
        "method": exchange.method,
        "url": exchange.url,
        "status": exchange.status,
        "error": exchange.error,
        "fault": exchange.fault,
        "attempt": exchange.attempt,
        "violations": [str(violation) for violation in exchange.violations],
        "request": _message(exchange.request_headers, exchange.request_body),
        "response": _message(exchange.response_headers, exchange.response_body),
    }


def _message(headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    return {
        "headers": dict(headers),
        "body": body[:_LONGEST_BODY].decode("utf-8", "replace"),
        "size": len(body),
    }


def _has_status(wanted: str) -> Callable[[Entry], bool]:
    if wanted == "none":
        return lambda entry: entry["status"] is None
    if wanted.endswith("xx"):
        return lambda entry: entry["status"] is not None and str(entry["status"])[0] == wanted[0]
    return lambda entry: str(entry["status"]) == wanted


def _contains(text: str) -> Callable[[Entry], bool]:
    return lambda entry: any(
        text in part for part in (entry["url"], entry["request"]["body"], entry["response"]["body"])
    )


def _is(name: str) -> Callable[[str], Callable[[Entry], bool]]:
    return lambda wanted: lambda entry: entry[name] == wanted


def _has(name: str) -> Callable[[str], Callable[[Entry], bool]]:
    return lambda wanted: lambda entry: bool(entry[name]) is (wanted == "true")


_TESTS: Final[Mapping[str, Callable[[str], Callable[[Entry], bool]]]] = {
    "operation": _is("operation"),
    "kind": _is("kind"),
    "sender": _is("sender"),
    "status": _has_status,
    "broken": _has("violations"),
    "faulted": _has("fault"),
    "contains": _contains,
}
