"""A Postgres server for a session, and a database of its own for every test."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.support.postgres_server import PostgresServer, find_postgres, serve_postgres

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    if find_postgres() is None:
        assert "REQUIRE_POSTGRES" not in os.environ, ".ci/run installs it: it must be here"
        pytest.skip("NO POSTGRES HERE: half of the store's promises are NOT tested; install `postgresql`")
    with serve_postgres() as server:
        yield server


@pytest.fixture
def database_url(postgres_server: PostgresServer) -> str:
    """Give an empty database: what an earlier test left is dropped."""

    async def work() -> None:
        connection = await asyncpg.connect(postgres_server.url())
        await connection.execute("DROP SCHEMA IF EXISTS bridge CASCADE")
        await connection.close()

    asyncio.run(work())
    return postgres_server.url()
