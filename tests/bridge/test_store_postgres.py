"""What is particular to the store in Postgres."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge.store.postgres import PostgresStore
from bridge.store.postgres_outbox import claim as claim_within
from tests.bridge.stores import PostgresPlace, add, opened

if TYPE_CHECKING:
    from bridge.store import Delivery
    from bridge.store.postgres_locks import Session


@pytest.fixture
def arm() -> str:
    return "loopback"


@pytest.mark.slow
async def test_only_the_commit_of_a_claim_does_not_wait_for_the_disk(database_url: str):
    async def claim_and_ask(session: Session) -> tuple[tuple[Delivery, ...], str]:
        found = await claim_within(session, "d", 10, claimer=1, now_ms=2**42, lease_ms=1000)
        return found, await session.fetchval("SHOW synchronous_commit")

    async def ask(session: Session) -> str:
        return str(await session.fetchval("SHOW synchronous_commit"))

    async with opened(PostgresPlace(database_url)) as store:
        assert isinstance(store, PostgresStore)
        await add(store, "k-1", "k-2")

        claimed, within = await store._write(claim_and_ask)

        assert (len(claimed), within) == (2, "off")
        assert await store._write(ask) == "on"
