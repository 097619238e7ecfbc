"""Commits writes together: what waits while one transaction is on its way to the disk shares the next.

Each caller goes on after the COMMIT that holds its write. Fewer commits are what makes `synchronous = FULL` bearable.
The statements run on the loop, a few milliseconds at most, because a thread would fight with it for the interpreter
at each of them; COMMIT, which waits for the disk, has a thread of its own. A loop whose `run_in_executor` calls inline,
as that of a virtual world does, does all of it inline.
"""

from __future__ import annotations

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from bridge.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Writer"]

_T = TypeVar("_T")
_LARGEST_DRAIN: Final = 256
_LONGEST_DRAIN_S: Final = 0.005
_BUSY_MS: Final = 1000
"""How long a write waits for another process that holds the file's lock."""


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
        """Begin the next transaction: at once, or in the thread where the file is locked and one has to wait."""
        connection = self._connection
        if connection is None:
            self._finish(self._take(), StoreUnavailable(f"{self._path} is not open"))
            return
        try:
            connection.execute("PRAGMA busy_timeout = 0")
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            self._in_thread(self._begin_patiently, connection).add_done_callback(
                lambda done: self._begun(connection, done.exception())
            )
            return
        self._begun(connection, None)

    def _take(self) -> list[_Write]:
        size = taken = 0
        for write in self._queue:
            if taken and size + write.events > _LARGEST_DRAIN:
                break
            size += write.events
            taken += 1
        batch, self._queue = self._queue[:taken], self._queue[taken:]
        return batch

    def _begun(self, connection: sqlite3.Connection, error: BaseException | None) -> None:
        """Do the writes of a transaction, as many as its time allows, and let the thread commit them."""
        batch = self._take()
        if error is not None:
            self._finish(batch, error)
            return
        time = asyncio.get_running_loop().time
        until = time() + _LONGEST_DRAIN_S
        results: list[Any] = []
        try:
            for write in batch:
                results.append(write.work(connection))
                if time() > until:
                    break
        except Exception as failure:  # noqa: BLE001 - the write that broke the transaction is found by running each alone
            _roll_back(connection)
            if len(batch) == 1 or isinstance(failure, sqlite3.OperationalError):
                # Full, read-only: nobody's fault.
                self._finish(batch, failure)
                return
            self._in_thread(lambda: [_run_alone(connection, write) for write in batch]).add_done_callback(
                lambda done: self._finish(batch, done.exception(), done.result())
            )
            return
        self._queue[:0] = batch[len(results) :]
        done = batch[: len(results)]
        self._in_thread(_commit, connection).add_done_callback(
            lambda committed: self._finish(done, committed.exception(), results)
        )

    def _finish(self, batch: list[_Write], error: BaseException | None, results: Sequence[Any] = ()) -> None:
        """Tell callers how their writes ended, and go on with what came meanwhile."""
        ends = [_failure(error)] * len(batch) if error is not None else results
        for write, end in zip(batch, ends, strict=True):
            if write.future.done():  # a caller that was cancelled no longer asks
                continue
            if isinstance(end, Exception):
                write.future.set_exception(end)
            else:
                write.future.set_result(end)
        if self._queue:
            self._drain()
        else:
            self._is_scheduled = False
            self._is_idle.set()

    def _in_thread(self, work: Callable[..., _T], *arguments: Any) -> asyncio.Future[_T]:
        return asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    def _begin_patiently(self, connection: sqlite3.Connection) -> None:
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
        connection.execute("BEGIN IMMEDIATE")


def _commit(connection: sqlite3.Connection) -> None:
    try:
        connection.execute("COMMIT")
    except BaseException:
        _roll_back(connection)
        raise


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:  # a full disk has rolled back by itself
        connection.execute("ROLLBACK")


def _run_alone(connection: sqlite3.Connection, write: _Write) -> Any:
    """Run a write in a transaction of its own: only its caller can fail."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = write.work(connection)
        except BaseException:
            _roll_back(connection)
            raise
        _commit(connection)
    except Exception as error:  # noqa: BLE001 - handed to the caller
        return _failure(error)
    return result


def _failure(error: BaseException) -> BaseException:
    return StoreUnavailable(str(error)) if isinstance(error, sqlite3.Error) else error
