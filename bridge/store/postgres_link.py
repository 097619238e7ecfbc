"""The connections of one process to its Postgres database.

A pool does the work. One more connection is kept: it holds the lock by which others see that this process lives, and
hears when another makes something due. When it breaks it is made anew.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

import asyncpg

from bridge.errors import StoreUnavailable
from bridge.store.migration import migrations
from bridge.store.postgres_locks import CLAIMERS, Duty

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from bridge.store.postgres_locks import Session

__all__ = ["Link"]

_log: Final = logging.getLogger("bridge.store")
_SCHEMA: Final = "bridge"
_CONNECTIONS: Final = 8
_CONNECT_S: Final = 10.0
_STATEMENT_S: Final = 30.0
_AGAIN_S: Final = 1.0
# An internal error is what a connection says that was cut in the middle of an answer.
_FAILURES: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)
_CONFLICTS: Final = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)


class Link:
    """Connections that are open or closed together."""

    def __init__(self, url: str, *, is_synchronous: bool) -> None:
        self._url = url
        self._settings = {
            "search_path": _SCHEMA,
            "synchronous_commit": "on" if is_synchronous else "off",
            "application_name": "journeylab bridge",
            # A process that is frozen inside a transaction must not hold its locks against the others, nor one
            # whose machine is gone the lock that says that it lives.
            "idle_in_transaction_session_timeout": "3s",
            "tcp_keepalives_idle": "10",
            "tcp_keepalives_interval": "5",
            "tcp_keepalives_count": "3",
        }
        self._pool: Any = None
        self._keeper: Any = None
        self._again: asyncio.Task[None] | None = None
        self._hears: dict[str, Callable[[str], None]] = {}
        self.claimer = 0

    async def open(self, *, is_serving: bool) -> None:
        """Connect, migrate, and, where it serves, say that this process lives."""
        try:
            self._pool = await asyncpg.create_pool(
                self._url,
                min_size=1,
                max_size=_CONNECTIONS,
                timeout=_CONNECT_S,
                command_timeout=_STATEMENT_S,
                server_settings=self._settings,
                reset=_reset,
            )
            await self._migrate()
            if is_serving:
                async with self.transaction() as session:
                    self.claimer = await session.fetchval("SELECT nextval('claimers')")
                await self._keep()
        except (*_FAILURES, ValueError, StoreUnavailable) as error:
            await self.close()
            raise StoreUnavailable(f"cannot open the database: {_text(error)}") from error

    async def close(self) -> None:
        """Disconnect; others see at once that this process claims nothing more."""
        pool, keeper, again = self._pool, self._keeper, self._again
        self._pool = self._keeper = self._again = None
        if again is not None:
            again.cancel()
            await asyncio.gather(again, return_exceptions=True)
        with suppress(*_FAILURES):
            if keeper is not None:
                await keeper.close(timeout=_CONNECT_S)
        if pool is not None:
            try:
                async with asyncio.timeout(_CONNECT_S):
                    await pool.close()
            except _FAILURES:
                pool.terminate()

    def listen(self, wake: Callable[[str], None], repaused: Callable[[str], None]) -> None:
        """Call these with a destination when another process changes something, see `Store.listen`."""
        self._hears = {"bridge_due": wake, "bridge_pause": repaused}

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """Lend a connection.

        Raises:
            StoreUnavailable: The database cannot be reached, or refuses.
        """
        if self._pool is None:
            raise StoreUnavailable("the database is not open")
        try:
            async with self._pool.acquire(timeout=_CONNECT_S) as session:
                yield session
        except _CONFLICTS:
            raise
        except _FAILURES as error:
            raise StoreUnavailable(_text(error)) from error

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        """Lend a connection with a transaction: committed at the end, rolled back on an error."""
        async with self.session() as session, session.transaction():
            yield session

    async def _keep(self) -> None:
        """Hold the lock that says that this process lives, and listen."""
        keeper = await asyncpg.connect(
            self._url, timeout=_CONNECT_S, command_timeout=_STATEMENT_S, server_settings=self._settings
        )
        await keeper.execute("SELECT pg_advisory_lock($1::int, $2::int)", CLAIMERS, self.claimer)
        for channel in self._hears:
            await keeper.add_listener(channel, self._hear)
        keeper.add_termination_listener(self._lost)
        self._keeper = keeper

    def _hear(self, _connection: Any, _process: int, channel: str, payload: object) -> None:
        claimer, _, destination = str(payload).partition(" ")
        if claimer != str(self.claimer):
            self._hears[channel](destination)

    def _lost(self, connection: object) -> None:
        if connection is self._keeper and self._again is None:
            _log.warning("the connection to the database was lost")
            self._again = asyncio.get_running_loop().create_task(
                self._keep_again(), name="bridge: connect to the database again"
            )

    async def _keep_again(self) -> None:
        while self._pool is not None:
            await asyncio.sleep(_AGAIN_S)
            with suppress(*_FAILURES):
                await self._keep()
                break
        self._again = None

    async def _migrate(self) -> None:
        """Run the scripts that the database has not seen; one process at a time, each script whole or not at all."""
        known = migrations("postgres")
        async with self.transaction() as session:
            await session.execute("SELECT pg_advisory_xact_lock($1)", int(Duty.MIGRATE))
            await session.execute(f"CREATE SCHEMA IF NOT EXISTS {_SCHEMA}")
            await session.execute(
                "CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL)"
            )
            newest = await session.fetchval("SELECT coalesce(max(number), 0) FROM migrations")
            if newest > known[-1].number:
                raise StoreUnavailable(
                    f"the database is of a newer version: {newest}; this one knows {known[-1].number}"
                )
            for each in known:
                if each.number > newest:
                    await session.execute(each.script)
                    await session.execute("INSERT INTO migrations VALUES ($1, $2)", each.number, each.name)


async def _reset(session: Session) -> None:
    """Take back what was lent: nobody changes a session beyond the transaction, so that there is nothing to undo.

    What the driver would do by itself is one more round trip for every loan.
    """
    if session.is_in_transaction():
        await session.reset()


def _text(error: BaseException) -> str:
    return str(error) or type(error).__name__
