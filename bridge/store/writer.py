"""Commits writes together: those of the same turn of the loop share a transaction.

Each caller goes on after the COMMIT that holds its write. Fewer commits are what makes `synchronous = FULL` bearable.
"""

from __future__ import annotations

import asyncio
import sqlite3
from typing import TYPE_CHECKING, Any, Final, TypeVar

from bridge.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    _Work = Callable[[sqlite3.Connection], Any]

__all__ = ["Writer"]

_T = TypeVar("_T")
_LARGEST_DRAIN: Final = 256


class Writer:
    """Runs writes on one connection, in the order in which they were handed in."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._queue: list[tuple[_Work, asyncio.Future[Any]]] = []
        self._is_scheduled = False

    def begin(self, connection: sqlite3.Connection) -> None:
        """Write to this connection; `end` is its pair."""
        self._connection = connection

    def end(self) -> None:
        """Commit what is queued, then write no more."""
        while self._queue:
            self._drain()
        self._connection = None

    def submit(self, work: Callable[[sqlite3.Connection], _T]) -> asyncio.Future[_T]:
        """Queue a write; the future is done after the COMMIT that holds it.

        The future fails with `StoreUnavailable` when the file cannot be written, and with whatever the write itself
        raised; either way nothing of this write is left.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[_T] = loop.create_future()
        self._queue.append((work, future))
        if not self._is_scheduled:
            self._is_scheduled = True
            loop.call_soon(self._drain)
        return future

    def _drain(self) -> None:
        self._is_scheduled = False
        batch, self._queue = self._queue[:_LARGEST_DRAIN], self._queue[_LARGEST_DRAIN:]
        if self._queue:
            self._is_scheduled = True
            asyncio.get_running_loop().call_soon(self._drain)
        if len(batch) == 1:
            self._run_alone(*batch[0])
            return
        try:
            results = self._commit([work for work, _future in batch])
        except Exception:  # noqa: BLE001 - the write that broke the transaction is found by running each alone
            for work, future in batch:
                self._run_alone(work, future)
            return
        for (_work, future), result in zip(batch, results, strict=True):
            if not future.done():  # a caller that was cancelled no longer asks
                future.set_result(result)

    def _run_alone(self, work: _Work, future: asyncio.Future[Any]) -> None:
        """Run a write in a transaction of its own: only its caller can fail."""
        try:
            (result,) = self._commit([work])
        except sqlite3.Error as error:
            failure: Exception = StoreUnavailable(str(error))
        except Exception as error:  # noqa: BLE001 - handed to the caller
            failure = error
        else:
            if not future.done():
                future.set_result(result)
            return
        if not future.done():
            future.set_exception(failure)

    def _commit(self, works: list[_Work]) -> list[Any]:
        connection = self._connection
        if connection is None:
            raise StoreUnavailable(f"{self._path} is not open")
        connection.execute("BEGIN IMMEDIATE")
        try:
            results = [work(connection) for work in works]
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # a full disk has rolled back by itself
                connection.execute("ROLLBACK")
            raise
        return results
