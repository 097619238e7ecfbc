"""Tells whom a journal entry concerns: by who acted, whose address it names, and what came of it."""

from __future__ import annotations

import re
from array import array
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from fakes.kit.exchange import Exchange, Fact
from simulator.entry import Step

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from simulator.entry import Entry

__all__ = ["Involvement"]

_ADDRESS: Final = re.compile(rb"""[^\s"'<>=&?/\\,;:()\[\]{}@]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+""")


class Involvement:
    """An index from people to entries and back, fed one entry at a time.

    An exchange concerns its sender, everybody whose e-mail address it carries, and everybody about whom it
    made a fact true. One that names nobody concerns whom its causes concern.
    """

    def __init__(self) -> None:
        self.seen = 0
        self._entries: dict[str, array[int]] = {}
        self._people: dict[int, tuple[str, ...]] = {}
        self._known: set[str] = set()

    def learn(self, number: int, entry: Entry, causes: Iterable[int]) -> None:
        """Take in one entry; its causes should have come before.

        Args:
            number: The entry's own.
            entry: The entry.
            causes: Numbers of its causes.
        """
        self.seen += 1
        causes = tuple(causes)
        payload = entry.payload
        people: set[str] = set()
        if isinstance(payload, Step):
            people = self._know(payload.actor)
        elif isinstance(payload, Fact):
            people = self._know(payload.subject)
            for cause in causes:
                self._add(cause, people)
        elif isinstance(payload, Exchange):
            people = self._know(payload.sender) | set(_addresses(payload))
        if not people & self._known:
            people = people.union(*(self._people.get(cause, ()) for cause in causes))
        self._add(number, people)

    def people(self) -> tuple[str, ...]:
        """Give everybody who acted or about whom there is a fact, sorted."""
        return tuple(sorted(self._known))

    def of(self, email: str) -> list[int]:
        """Give the numbers of the entries that concern a person, lowest first."""
        return sorted(self._entries.get(email.lower(), ()))

    def people_in(self, number: int) -> tuple[str, ...]:
        """Give the people whom an entry concerns, sorted."""
        return tuple(sorted(self._known.intersection(self._people.get(number, ()))))

    def _know(self, name: str) -> set[str]:
        """Give a person by that name; nobody when it is a vendor, a host or an id."""
        if "@" not in name:
            return set()
        self._known.add(name.lower())
        return {name.lower()}

    def _add(self, number: int, people: set[str]) -> None:
        known = self._people.get(number, ())
        added = sorted(people.difference(known))
        if not added:
            return
        self._people[number] = (*known, *added)
        for person in added:
            self._entries.setdefault(person, array("q")).append(number)


def _addresses(exchange: Exchange) -> Iterator[str]:
    content_type = next((v for k, v in exchange.request_headers.items() if k.lower() == "content-type"), "")
    body = exchange.request_body
    if content_type.startswith("application/x-www-form-urlencoded"):
        body = unquote_to_bytes(body)
    for text in (unquote_to_bytes(exchange.url), body, exchange.response_body):
        for address in _ADDRESS.findall(text) if b"@" in text else ():
            yield address.decode("utf-8", "replace").lower()
