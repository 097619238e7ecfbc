"""The workspace: sources and their keys, destinations, what was received, and what became of it."""

from __future__ import annotations

import re
import string
from collections import Counter, OrderedDict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fakes.segment.destinations import Destination, accepted_types
from fakes.segment.errors import DiscardCode, Stage, UnknownSource
from fakes.segment.message import Defect, Message, enrich, find_defect

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from random import Random

    from fakes.segment.edge import Arrival
    from fakes.segment.message import MessageType
    from fakes.segment.settings import SegmentSettings

__all__ = ["Duplicate", "SegmentState", "Source", "Tally"]

_ALPHANUMERIC: Final = string.ascii_letters + string.digits
_DEBUGGER_SIZE: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One source of the workspace.

    Attributes:
        id: 22 letters and digits; `projectId` in its events.
        name: As people call it.
        slug: Lower case with underscores; its address in the app and its schema in a warehouse.
        write_key: 32 letters and digits; whoever has it may send.
    """

    id: str
    name: str
    slug: str
    write_key: str


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A message whose `messageId` was received before; it goes nowhere."""

    source: str
    message_id: str


@dataclass(frozen=True, slots=True, order=True)
class Tally:
    """What Delivery Overview counts.

    Attributes:
        source: Name of the source; empty when no source has the write key.
        destination: Name of the destination; empty before fan-out.
        stage: Where in the pipeline.
        code: Why; empty where all went well.
    """

    source: str
    destination: str
    stage: Stage
    code: str = ""


class SegmentState:
    """Everything a workspace remembers. Nothing here knows of HTTP.

    Attributes:
        is_locked: A locked workspace drops everything with `locked_workspace`.
        overview: How many messages came to which end.
    """

    def __init__(self, settings: SegmentSettings, *, random: Random) -> None:
        self.is_locked = False
        self.overview: Counter[Tally] = Counter()
        self._random = random
        self._settings = settings
        self._sources: dict[str, Source] = {}
        self._by_key: dict[str, Source] = {}
        self._disabled: set[str] = set()
        self._destinations: dict[str, list[Destination]] = {}
        self._debuggers: dict[str, deque[Message]] = {}
        self._received: OrderedDict[str, datetime] = OrderedDict()

    @property
    def sources(self) -> Sequence[Source]:
        """All sources, in the order in which they were added."""
        return tuple(self._sources.values())

    def add_source(self, name: str, *, write_key: str = "") -> Source:
        """Add a source; its id and, unless given, its write key are drawn.

        Raises:
            ValueError: There is one of that name, or one with that write key.
        """
        key = write_key or self._draw(32)
        if name in self._sources or key in self._by_key:
            raise ValueError(
                f"source {name!r}: name or write key is taken; there are {', '.join(self._sources)}"
            )
        source = Source(id=self._draw(22), name=name, slug=self._make_slug(name), write_key=key)
        self._sources[name] = source
        self._by_key[key] = source
        self._destinations[name] = []
        self._debuggers[name] = deque(maxlen=_DEBUGGER_SIZE)
        return source

    def source(self, name: str) -> Source:
        """Find a source by its name or slug.

        Raises:
            UnknownSource: There is none.
        """
        found = self._sources.get(name) or next((each for each in self.sources if each.slug == name), None)
        if found is None:
            raise UnknownSource(f"no source {name!r}; there are {', '.join(self._sources) or 'none'}")
        return found

    def source_of_key(self, write_key: str) -> Source | None:
        """Find a source by its write key."""
        return self._by_key.get(write_key)

    def set_source_enabled(self, name: str, *, is_enabled: bool) -> None:
        """Switch a source on or off; one that is off drops everything with `source_disabled`."""
        known = self.source(name).name
        if is_enabled:
            self._disabled.discard(known)
        else:
            self._disabled.add(known)

    def add_destination(
        self,
        source: str,
        *,
        name: str = "Mailmodo",
        url: str,
        api_key: str,
        settings: Mapping[str, Any] | None = None,
        accepts: Iterable[MessageType] | None = None,
        is_enabled: bool = True,
    ) -> Destination:
        """Connect a destination to a source.

        Args:
            source: Name of the source.
            name: Name in the catalogue and in the `integrations` object.
            url: Where its subscription webhook goes.
            api_key: Sent as the user name of Basic authentication.
            settings: Its other settings; `sharedSecret` switches `X-Signature` on.
            accepts: Message types it supports; what the catalogue says when None.
            is_enabled: Whether it receives anything.

        Raises:
            UnknownSource: There is no such source.
        """
        destination = Destination(
            name=name,
            source=self.source(source).name,
            url=url,
            api_key=api_key,
            settings=dict(settings or {}),
            accepts=accepted_types(name) if accepts is None else frozenset(accepts),
            is_enabled=is_enabled,
        )
        self._destinations[destination.source].append(destination)
        return destination

    def destinations(self, source: str) -> Sequence[Destination]:
        """List the destinations of a source that are switched on."""
        return [each for each in self._destinations[source] if each.is_enabled]

    def debugger(self, source: str) -> list[Mapping[str, Any]]:
        """Give what a source's debugger shows: its latest enriched events, newest first, at most 500.

        Raises:
            UnknownSource: There is no such source.
        """
        return [message.event for message in self._debuggers[self.source(source).name]]

    def tallies(self, source: str) -> list[tuple[Tally, int]]:
        """Give Delivery Overview's counts of one source, in a fixed order."""
        name = self.source(source).name
        return sorted((tally, count) for tally, count in self.overview.items() if tally.source == name)

    def take(self, arrival: Arrival, *, received_at: datetime, ip: str = "") -> Message | Defect | Duplicate:
        """Run one message through ingest: its source, its defects, repetition, skew, debugger.

        Args:
            arrival: The message as the edge passed it on.
            received_at: The same for all messages of one call.
            ip: To be filled into its context; empty where it is not.
        """
        source = self._by_key.get(arrival.write_key)
        defect = self._find_obstacle(source, arrival)
        if source is None or defect is not None:
            defect = defect or Defect(DiscardCode.UNKNOWN_SOURCE, "Invalid writeKey")
            self.count(source.name if source else "", Stage.FAILED_ON_INGEST, defect.code)
            return defect
        own_id = arrival.fields.get("messageId")
        message_id = own_id if isinstance(own_id, str) and own_id else f"api-{self._draw(27)}"
        if self._is_repeated(message_id, received_at):
            return Duplicate(source.name, message_id)
        message = enrich(
            arrival.fields,
            source=source.name,
            project_id=source.id,
            write_key=arrival.write_key,
            received_at=received_at,
            message_id=message_id,
            ip=ip,
        )
        self._debuggers[source.name].appendleft(message)
        self.count(source.name, Stage.SUCCESSFULLY_RECEIVED)
        return message

    def count(self, source: str, stage: Stage, code: str = "", *, destination: str = "") -> None:
        """Count one message in Delivery Overview."""
        self.overview[Tally(source, destination, stage, code)] += 1

    def _find_obstacle(self, source: Source | None, arrival: Arrival) -> Defect | None:
        if source is None:
            return Defect(DiscardCode.UNKNOWN_SOURCE, "Invalid writeKey")
        if self.is_locked:
            return Defect(DiscardCode.LOCKED_WORKSPACE, "Workspace is locked")
        if source.name in self._disabled:
            return Defect(DiscardCode.SOURCE_DISABLED, "Source is disabled")
        if arrival.is_too_large:
            return Defect(DiscardCode.BAD_REQUEST, "Exceed payload limit")
        return find_defect(arrival.fields)

    def _is_repeated(self, message_id: str, received_at: datetime) -> bool:
        oldest_kept = received_at - self._settings.dedup_window
        while self._received and next(iter(self._received.values())) < oldest_kept:
            self._received.popitem(last=False)
        if message_id in self._received:
            return True
        self._received[message_id] = received_at
        return False

    def _make_slug(self, name: str) -> str:
        plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "source"
        taken = {source.slug for source in self.sources}
        slug, number = plain, 1
        while slug in taken:
            number += 1
            slug = f"{plain}_{number}"
        return slug

    def _draw(self, length: int) -> str:
        return "".join(self._random.choices(_ALPHANUMERIC, k=length))
