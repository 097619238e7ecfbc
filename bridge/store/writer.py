"""Commits writes together: what waits while one transaction is on its way to the disk shares the next.

Each caller goes on after the COMMIT that holds its write. Fewer commits are what makes `synchronous = FULL` bearable.
The work is done in a thread of its own, so that a slow disk holds up nobody else; a loop whose `run_in_executor` calls
inline, as that of a virtual world does, does it inline.
"""

from __future__ import annotations

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from bridge.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Writer"]

_T = TypeVar("_T")
_LARGEST_DRAIN: Final = 256
_LONGEST_DRAIN_S: Final = 0.005


class _Write(NamedTuple):
    work: Callable[[sqlite3.Connection], Any]
    events: int
    future: asyncio.Future[Any]


class Writer:
    """Runs writes on one connection, in the order in which they were handed in."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._queue: list[_Write] = []
        self._is_scheduled = False
        self._is_idle = asyncio.Event()

    async def begin(self, connect: Callable[[], sqlite3.Connection]) -> sqlite3.Connection:
        """Make a connection and write to it; `end` is its pair."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="bridge-store")
        try:
            connection = await asyncio.get_running_loop().run_in_executor(self._thread, connect)
        except BaseException:
            self._thread.shutdown(wait=False)
            raise
        self._is_idle.set()
        self._connection = connection
        return connection

    async def end(self) -> None:
        """Commit what is queued, close the connection, and write no more."""
        connection, thread = self._connection, self._thread
        if connection is None or thread is None:
            return
        while self._is_scheduled or self._queue:
            await self._is_idle.wait()
        self._connection = None
        await asyncio.get_running_loop().run_in_executor(thread, connection.close)
        thread.shutdown(wait=False)

    def submit(self, work: Callable[[sqlite3.Connection], _T], *, events: int = 1) -> asyncio.Future[_T]:
        """Queue a write; the future is done after the COMMIT that holds it.

        The future fails with `StoreUnavailable` when the file cannot be written, and with whatever the write itself
        raised; either way nothing of this write is left.

        Args:
            work: The write; it is called again, in a transaction of its own, when another write breaks the first.
            events: How many webhooks or records it is about.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[_T] = loop.create_future()
        if self._connection is None:
            future.set_exception(StoreUnavailable(f"{self._path} is not open"))
            return future
        self._queue.append(_Write(work, events, future))
        if not self._is_scheduled:
            self._is_scheduled = True
            self._is_idle.clear()
            loop.call_soon(self._drain)
        return future

    def _drain(self) -> None:
        """Hand the next transaction to the thread."""
        size = taken = 0
        for write in self._queue:
            if taken and size + write.events > _LARGEST_DRAIN:
                break
            size += write.events
            taken += 1
        batch, self._queue = self._queue[:taken], self._queue[taken:]
        loop = asyncio.get_running_loop()
        done = loop.run_in_executor(self._thread, self._run, batch, loop.time)
        done.add_done_callback(lambda done: self._drained(batch, done.result()))

    def _drained(self, batch: list[_Write], ends: list[Any]) -> None:
        """Tell callers how their writes ended, and go on with what came meanwhile."""
        for write, end in zip(batch, ends, strict=False):
            if write.future.done():  # a caller that was cancelled no longer asks
                continue
            if isinstance(end, Exception):
                write.future.set_exception(end)
            else:
                write.future.set_result(end)
        self._queue[:0] = batch[len(ends) :]
        if self._queue:
            self._drain()
        else:
            self._is_scheduled = False
            self._is_idle.set()

    def _run(self, batch: list[_Write], time: Callable[[], float]) -> list[Any]:
        """Run writes in one transaction, as many as its time allows; give results, or for each why it failed."""
        until = time() + _LONGEST_DRAIN_S
        try:
            return self._commit(batch, lambda: time() > until)
        except sqlite3.OperationalError as error:
            # Locked, full, read-only: nobody's fault, and to try each alone would wait for the lock each time.
            return [_failure(error)] * len(batch)
        except Exception as error:  # noqa: BLE001 - the write that broke the transaction is found by running each alone
            if len(batch) == 1:
                return [_failure(error)]
        return [self._run_alone(write) for write in batch]

    def _run_alone(self, write: _Write) -> Any:
        try:
            return self._commit([write], lambda: False)[0]
        except Exception as error:  # noqa: BLE001 - handed to the caller
            return _failure(error)

    def _commit(self, batch: list[_Write], is_late: Callable[[], bool]) -> list[Any]:
        connection = self._connection
        if connection is None:
            raise StoreUnavailable(f"{self._path} is not open")
        connection.execute("BEGIN IMMEDIATE")
        try:
            results = []
            for write in batch:
                results.append(write.work(connection))
                if is_late():
                    break
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # a full disk has rolled back by itself
                connection.execute("ROLLBACK")
            raise
        return results


def _failure(error: Exception) -> Exception:
    return StoreUnavailable(str(error)) if isinstance(error, sqlite3.Error) else error
