"""Does together what comes together: while one batch is under way, the next gathers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

__all__ = ["Batcher"]

_I = TypeVar("_I")
_O = TypeVar("_O")


class Batcher(Generic[_I, _O]):
    """Hands items to a function in batches, one batch at a time and in order."""

    def __init__(
        self,
        run: Callable[[Sequence[_I]], Awaitable[Sequence[_O | Exception]]],
        *,
        weight: Callable[[_I], int],
        largest: int,
    ) -> None:
        """Make a batcher.

        Args:
            run: Gives for each item what comes of it, or why it failed; never raises.
            weight: How much of a batch an item takes.
            largest: The weight of a full batch; a heavier item is a batch of its own.
        """
        self._run = run
        self._weight = weight
        self._largest = largest
        self._queue: list[tuple[_I, asyncio.Future[_O]]] = []
        self._task: asyncio.Task[None] | None = None

    def submit(self, item: _I) -> asyncio.Future[_O]:
        """Queue an item; the future holds what comes of it."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[_O] = loop.create_future()
        self._queue.append((item, future))
        if self._task is None:
            self._task = loop.create_task(self._drain(), name="bridge: store what came in")
        return future

    async def finish(self) -> None:
        """Wait until nothing is queued."""
        while self._task is not None:
            await asyncio.wait([self._task])

    async def _drain(self) -> None:
        try:
            while self._queue:
                batch = self._take()
                ends = await self._run([item for item, _future in batch])
                for (_item, future), end in zip(batch, ends, strict=True):
                    if future.done():  # a caller that was cancelled no longer asks
                        continue
                    if isinstance(end, Exception):
                        future.set_exception(end)
                    else:
                        future.set_result(end)
        finally:
            self._task = None

    def _take(self) -> list[tuple[_I, asyncio.Future[_O]]]:
        weight = taken = 0
        for item, _future in self._queue:
            weight += self._weight(item)
            if taken and weight > self._largest:
                break
            taken += 1
        batch, self._queue = self._queue[:taken], self._queue[taken:]
        return batch
