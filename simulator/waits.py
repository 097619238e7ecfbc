"""Who waits for what: the part of a standstill that a person can act on."""

from __future__ import annotations

import asyncio
import os
import re
import sysconfig
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["Wait", "find_waits", "in_order"]

_LIBRARY_FOLDERS = tuple(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
_SYNC_PRIMITIVES = (
    asyncio.Barrier, asyncio.Condition, asyncio.Event, asyncio.Lock, asyncio.Queue, asyncio.Semaphore, asyncio.StreamReader,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wait:
    """One unfinished task.

    Attributes:
        task: Its name.
        coroutine: Qualified name of the function that waits.
        place: `file:line`; relative to the working directory, or to the library folder.
        awaited: What it waits for, in words.
        is_own: Whether the place is outside the standard library and installed packages.
    """

    task: str
    coroutine: str
    place: str
    awaited: str
    is_own: bool

    def __str__(self) -> str:
        return f"{self.task} at {self.place} in {self.coroutine}, for {self.awaited}"


def find_waits(loop: asyncio.AbstractEventLoop) -> list[Wait]:
    """Describe every unfinished task of a loop; own code before library code, then by name."""
    waits = [_describe(task) for task in in_order(asyncio.all_tasks(loop))]
    return sorted(waits, key=lambda wait: not wait.is_own)


def in_order(tasks: set[asyncio.Task[Any]]) -> list[asyncio.Task[Any]]:
    """Sort tasks by name, numbers by value: asyncio keeps them in a set, whose order is chance."""
    return sorted(tasks, key=lambda task: [(p.zfill(12), p) for p in re.split(r"(\d+)", task.get_name())])


def _describe(task: asyncio.Task[Any]) -> Wait:
    frames = _frames(task.get_coro())
    own = [frame for frame in frames if not frame.f_code.co_filename.startswith(_LIBRARY_FOLDERS)]
    awaited = _describe_awaited(task, frames, is_at_own_line=bool(own) and own[-1] is frames[-1])
    if not frames:  # a coroutine in C, or one that has not begun
        return Wait(task.get_name(), repr(task.get_coro()), "?", awaited, is_own=False)
    at = (own or frames)[-1]
    place = f"{_shorten(at.f_code.co_filename)}:{at.f_lineno}"
    return Wait(task.get_name(), at.f_code.co_qualname, place, awaited, is_own=bool(own))


def _frames(awaitable: Any) -> list[FrameType]:
    """Follow a suspended coroutine inwards, through whatever it awaits; the innermost frame is last."""
    frames: list[FrameType] = []
    while awaitable is not None:
        # Coroutines, generators and asynchronous generators each have their own names for the same two things.
        for prefix in ("cr", "gi", "ag"):
            if hasattr(awaitable, f"{prefix}_frame"):
                frame = getattr(awaitable, f"{prefix}_frame")
                awaitable = getattr(awaitable, "gi_yieldfrom" if prefix == "gi" else f"{prefix}_await")
                if frame is not None:
                    frames.append(frame)
                break
        else:
            break
    return frames


def _describe_awaited(task: asyncio.Task[Any], frames: list[FrameType], *, is_at_own_line: bool) -> str:
    waiter = getattr(task, "_fut_waiter", None)
    if isinstance(waiter, asyncio.Task):
        return f"task {waiter.get_name()}"
    children = getattr(waiter, "_children", None)
    if children:  # asyncio.gather
        names = [
            child.get_name() for child in children if isinstance(child, asyncio.Task) and not child.done()
        ]
        return f"tasks {', '.join(names)}" if names else "futures gathered"
    for frame in reversed(frames):
        owner = frame.f_locals.get("self")
        if isinstance(owner, _SYNC_PRIMITIVES):
            return f"{frame.f_code.co_qualname} of {_without_address(repr(owner))}"
    if frames and not is_at_own_line:
        inner = frames[-1]
        return f"{inner.f_code.co_qualname} ({_shorten(inner.f_code.co_filename)}:{inner.f_lineno})"
    return "a future that nobody has set"


def _shorten(path: str) -> str:
    for folder in _LIBRARY_FOLDERS[::-1]:  # site-packages lies inside the standard library's folder
        if path.startswith(folder + os.sep):
            return path[len(folder) + 1 :]
    here = os.getcwd() + os.sep  # noqa: PTH109 - plain text is compared
    return path.removeprefix(here)


def _without_address(text: str) -> str:
    return re.sub(r" at 0x[0-9a-f]+", "", text)
