"""What is particular to the store in Postgres: versions of its schema, and commits that do not wait."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from bridge.errors import StoreUnavailable
from bridge.store import Settlement, State
from bridge.store.migration import migrations
from bridge.store.postgres import PostgresStore
from bridge.store.postgres_link import Link
from bridge.store.postgres_outbox import claim as claim_within
from tests.bridge.stores import LEASE_MS, NOW_MS, PostgresPlace, add, claim, end, opened, seqs

if TYPE_CHECKING:
    from bridge.store import Delivery
    from bridge.store.postgres_locks import Session

pytestmark = pytest.mark.slow
VERSIONS = len(migrations("postgres"))


@pytest.fixture
def arm() -> str:
    return "loopback"


async def make_old(url: str, version: int) -> None:
    """Make a database as a bridge of that version left it, with one delivery that waits."""
    connection = await asyncpg.connect(url, server_settings={"search_path": "bridge"})
    await connection.execute("CREATE SCHEMA bridge")
    await connection.execute("CREATE TABLE migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL)")
    for each in migrations("postgres")[:version]:
        await connection.execute(each.script)
        await connection.execute("INSERT INTO migrations VALUES ($1, $2)", each.number, each.name)
    await connection.execute(
        "INSERT INTO inbox VALUES (1, 'mailmodo', 'k', 'id', 'opened', '', 5, 1, 0, '');"
        "INSERT INTO deliveries (inbox_seq, destination, operation, path, lane, match_key, body, state, reason,"
        " is_open, is_head, created_ms, due_ms) VALUES (1, 'd', 'upload', '', '', '', '', 'pending', '', 1, 1, 5, 5)"
    )
    await connection.close()


@pytest.mark.parametrize("version", range(1, VERSIONS + 1))
async def test_a_database_of_every_version_is_brought_up_to_date_by_two_bridges_at_once(
    database_url: str, version: int
):
    await make_old(database_url, version)
    place = PostgresPlace(database_url)
    first: Any = place.store()
    second: Any = place.store()

    await asyncio.gather(first.open(), second.open())

    claimed = await first.claim("d", 2, now_ms=NOW_MS, lease_ms=LEASE_MS)
    admission = await second.admit_names("d", ["a", "b"], limit=1, now_ms=NOW_MS)
    turns = [await each.take_turns("d", 1, most=1, window_ms=60_000) for each in (first, second)]
    await asyncio.gather(first.close(), second.close())
    connection = await asyncpg.connect(database_url)
    numbers = [
        row["number"] for row in await connection.fetch("SELECT number FROM bridge.migrations ORDER BY 1")
    ]
    await connection.close()
    assert [each.operation for each in claimed] == ["upload"]
    assert (admission.names, admission.used) == ({"a"}, 1)
    assert [each.granted for each in turns] == [1, 0]
    assert numbers == list(range(1, VERSIONS + 1))


async def test_a_database_of_a_newer_version_is_refused_and_left_as_it_is(database_url: str):
    async with opened(PostgresPlace(database_url)):
        pass
    connection = await asyncpg.connect(database_url)
    await connection.execute("INSERT INTO bridge.migrations VALUES (99, 'of tomorrow')")
    await connection.close()

    with pytest.raises(StoreUnavailable, match=f"of a newer version: 99; this one knows {VERSIONS}"):
        await PostgresPlace(database_url).store().open()


async def test_only_the_commit_of_a_claim_does_not_wait_for_the_disk(database_url: str):
    async def claim_and_ask(session: Session) -> tuple[tuple[Delivery, ...], str]:
        found = await claim_within(session, "d", 10, claimer=1, now_ms=2**42, lease_ms=1000)
        return found or (), await session.fetchval("SHOW synchronous_commit")

    async def ask(session: Session) -> str:
        return str(await session.fetchval("SHOW synchronous_commit"))

    async with opened(PostgresPlace(database_url)) as store:
        assert isinstance(store, PostgresStore)
        await add(store, "k-1", "k-2")

        claimed, within = await store._write(claim_and_ask)

        assert (len(claimed), within) == (2, "off")
        assert await store._write(ask) == "on"


async def test_the_holder_of_a_claim_that_a_crash_took_back_can_neither_start_nor_settle(database_url: str):
    """Else a trigger that somebody else has started meanwhile would be sent twice, or handed out a third time."""
    async with opened(PostgresPlace(database_url)) as first, opened(PostgresPlace(database_url)) as second:
        await add(first, "k-1")
        connection = await asyncpg.connect(database_url, server_settings={"search_path": "bridge"})
        before: Any = await connection.fetchrow("SELECT state, fence, attempts, claimed_by FROM deliveries")
        (lost,) = await first.claim("d", 1, now_ms=NOW_MS, lease_ms=LEASE_MS)
        await connection.execute(
            "UPDATE deliveries SET state = $1, fence = $2, attempts = $3, claimed_by = $4, lease_ms = NULL",
            *before,
        )  # as it is after the crash
        await connection.close()
        (held,) = await second.claim("d", 1, now_ms=NOW_MS, lease_ms=LEASE_MS)

        assert await second.start([held], now_ms=NOW_MS, lease_ms=LEASE_MS)
        assert await first.start([lost], now_ms=NOW_MS, lease_ms=LEASE_MS) == ()
        back = Settlement(delivery=lost, state=State.PENDING, due_ms=NOW_MS)
        assert await first.settle([back], now_ms=NOW_MS) == 0
        assert await second.settle([Settlement(delivery=held, state=State.DELIVERED)], now_ms=NOW_MS) == 1


async def test_what_one_statement_does_needs_no_transaction_around_it(
    database_url: str, monkeypatch: pytest.MonkeyPatch
):
    """A bridge that is frozen in between can hold nothing up then, and the way to the database is gone once."""
    async with opened(PostgresPlace(database_url)) as store:
        await add(store, "k-1", "k-2")
        await add(store, "k-3", lane="l")
        await add(store, "k-4", match_key="m")
        with monkeypatch.context() as patch:
            patch.setattr(Link, "transaction", None)
            claimed = await claim(store)
            held = await store.start(claimed, now_ms=NOW_MS, lease_ms=LEASE_MS)
            assert await end(store, *held[:2]) == 2
            assert await end(store, held[2], state=State.PENDING) == 1
            assert await end(store, held[3], state=State.DEAD) == 1
            (again,) = await claim(store)
        assert await end(store, again) == 1  # it leaves its lane to the next: more than one statement

        assert await seqs(store, State.DELIVERED) == [1, 2, 3]
        assert await seqs(store, State.DEAD) == [4]


async def test_a_session_that_was_left_inside_a_transaction_is_lent_clean(database_url: str):
    async with opened(PostgresPlace(database_url)) as opened_store:
        store: Any = opened_store
        async with store._link.session() as session:
            await session.execute("BEGIN")
            await session.execute("SELECT pg_advisory_xact_lock(7)")
            left = await session.fetchval("SELECT pg_backend_pid()")
        async with store._link.session() as session:
            assert await session.fetchval("SELECT pg_backend_pid()") == left
            assert not session.is_in_transaction()
            assert (
                await session.fetchval(
                    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 7"
                )
                == 0
            )
