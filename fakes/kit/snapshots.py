"""A vendor's whole state as one JSON document, and back.

What a fake remembers is ordinary Python: values, dataclasses, small classes, lists and dictionaries of them. The
codec walks whatever hangs on the roots that a fake names, so that a new field is part of the document without a
word about it. Things that belong to the running fake and not to its memory (clock, chance, settings) are referred
to by name. Timers of the loop are kept with the instant at which they are due; tasks are not kept.

Document form: JSON values stand for themselves; `{"$type": …}` is an object, with its fields; other `$` words are
values that JSON has no form for. What several places share has a `$id` where it stands, and a `$ref` elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fakes.kit.errors import SnapshotInvalid
from fakes.kit.snapshot_reader import Reader
from fakes.kit.snapshot_shape import attributes
from fakes.kit.snapshot_writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

__all__ = ["Root", "check", "restore", "take"]


@dataclass(frozen=True, slots=True)
class Root:
    """Something of a fake that remembers; it is filled again in place, because others hold on to it.

    Attributes:
        owner: A dictionary, or an object.
        only: Names of its attributes that are kept; empty for all.
        without: Names of attributes that are not.
    """

    owner: Any
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()

    def memory(self) -> dict[Any, Any]:
        """Give what is kept of it, by name."""
        if isinstance(self.owner, dict):
            return dict(self.owner)
        return {
            name: value
            for name, value in attributes(self.owner)
            if (not self.only or name in self.only) and name not in self.without
        }


def take(
    roots: Mapping[str, Root], live: Mapping[str, object], *, now: Callable[[], datetime]
) -> dict[str, Any]:
    """Write what the roots remember.

    Args:
        roots: By name.
        live: What belongs to the running fake, by name.
        now: The world's time.

    Raises:
        SnapshotImpossible: Something in there has no form in a document, such as a task.
    """
    writer = Writer(_known(roots, live), now=now)
    for name, root in roots.items():
        writer.count(root.memory(), name)
    return {name: writer.write_mapping(root.memory(), name) for name, root in roots.items()}


def check(
    document: Mapping[str, Any],
    roots: Mapping[str, Root],
    live: Mapping[str, object],
    *,
    now: Callable[[], datetime],
) -> None:
    """Find out whether a document can be restored; nothing is changed.

    Raises:
        SnapshotInvalid: It is not of this fake, or does not hold together.
    """
    _read(document, roots, live, now=now)[0].cancel_timers()


def restore(
    document: Mapping[str, Any],
    roots: Mapping[str, Root],
    live: Mapping[str, object],
    *,
    now: Callable[[], datetime],
) -> None:
    """Make the roots remember what a document says, and nothing else.

    Everything is read before anything is changed. Timers that ran are cancelled, and those of the document started;
    one that is overdue goes off at once.

    Raises:
        SnapshotInvalid: The document is not of this fake, or does not hold together.
    """
    _, read = _read(document, roots, live, now=now)
    running = Writer(_known(roots, live), now=now)
    for name, root in roots.items():
        running.count(root.memory(), name)
    for timer in running.timers:
        timer.cancel()
    for name, root in roots.items():
        if isinstance(root.owner, dict):
            root.owner.clear()
            root.owner.update(read[name])
        else:
            for attribute, value in read[name].items():
                object.__setattr__(root.owner, attribute, value)


def _known(roots: Mapping[str, Root], live: Mapping[str, object]) -> dict[str, object]:
    return {**live, **{name: root.owner for name, root in roots.items()}}


def _read(
    document: Mapping[str, Any],
    roots: Mapping[str, Root],
    live: Mapping[str, object],
    *,
    now: Callable[[], datetime],
) -> tuple[Reader, dict[str, dict[Any, Any]]]:
    reader = Reader(_known(roots, live), now=now)
    if document.keys() != roots.keys():
        found = ", ".join(document) or "nothing"
        raise SnapshotInvalid("$.state", found=found, wanted=f"the parts {', '.join(roots)}")
    reader.index(document)
    try:
        read = {name: reader.read_mapping(document[name], f"$.state.{name}") for name in roots}
        for name, root in roots.items():
            if not isinstance(root.owner, dict):
                _check_memory(root.memory(), read[name], f"$.state.{name}")
    except SnapshotInvalid:
        reader.cancel_timers()
        raise
    return reader, read


def _check_memory(now: Mapping[str, Any], read: Mapping[str, Any], path: str) -> None:
    if now.keys() != read.keys():
        raise SnapshotInvalid(path, found=", ".join(read) or "nothing", wanted=", ".join(now))
    for name, value in now.items():
        other = read[name]
        if type(value) is not type(other) and value is not None and other is not None:
            raise SnapshotInvalid(f"{path}.{name}", found=type(other).__name__, wanted=type(value).__name__)
