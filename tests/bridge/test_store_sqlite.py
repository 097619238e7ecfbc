"""What is particular to the store in one SQLite file."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from bridge.errors import StoreUnavailable
from bridge.store import Outcome, SqliteStore, State
from bridge.store.migration import migrations
from tests.bridge.stores import SqlitePlace, add, always, claim, end, opened, piece, record

if TYPE_CHECKING:
    from pathlib import Path

    from bridge.store import Store

MEMORY = SqlitePlace(":memory:")


def inside(store: Store) -> sqlite3.Connection:
    assert isinstance(store, SqliteStore)
    assert store._open is not None
    return store._open


async def test_writes_of_one_turn_share_a_transaction():
    commits: list[str] = []
    async with opened(MEMORY) as store:
        inside(store).set_trace_callback(lambda text: commits.append(text) if text == "COMMIT" else None)

        await asyncio.gather(*(add(store, f"k-{number}") for number in range(50)))

        assert len(commits) == 1
        assert (await store.counts()).pending == 50


async def test_a_transaction_holds_no_more_than_256_events():
    commits: list[str] = []
    async with opened(MEMORY) as store:
        inside(store).set_trace_callback(lambda text: commits.append(text) if text == "COMMIT" else None)

        await asyncio.gather(*(add(store, *(f"{n}-{k}" for k in range(100))) for n in range(6)))

        assert len(commits) == 3
        assert (await store.counts()).pending == 600


async def test_nothing_half_done_is_left_when_the_disk_is_full(tmp_path: Path):
    async with opened(SqlitePlace(str(tmp_path / "b.sqlite3"))) as store:
        await add(store, "a")
        ((pages,),) = inside(store).execute("PRAGMA page_count").fetchall()
        inside(store).execute(f"PRAGMA max_page_count = {pages}")
        large = Outcome(state=State.PENDING, destination="d", body=b"x" * 100_000)

        with pytest.raises(StoreUnavailable, match="full"):
            await store.take_in([piece("b")], always(record(), large))

        counts = await store.counts()
        assert (counts.accepted, counts.pending) == (1, 1)
        inside(store).execute(f"PRAGMA max_page_count = {pages + 1000}")
        assert await store.take_in([piece("b")], always(record(), large)) == (True,)


async def test_a_path_that_is_no_store_says_so(tmp_path: Path):
    (tmp_path / "text").write_text("this is no database, and long enough to be looked at as one" * 20)

    with pytest.raises(StoreUnavailable, match="cannot open"):
        await SqliteStore(str(tmp_path / "text")).open()
    with pytest.raises(StoreUnavailable, match="cannot open"):
        await SqliteStore(str(tmp_path / "none" / "b.sqlite3")).open()


async def test_a_second_bridge_is_refused_the_file(tmp_path: Path):
    place = SqlitePlace(str(tmp_path / "b.sqlite3"))
    async with opened(place) as store:
        with pytest.raises(StoreUnavailable, match="another bridge serves it"):
            await place.store().open()
        await add(store, "a")
    async with opened(place) as store:
        assert (await store.counts()).pending == 1


@pytest.mark.parametrize(("is_synchronous", "level"), [(True, 2), (False, 0)])
async def test_the_file_is_written_ahead_and_synchronised_fully_unless_told_otherwise(
    tmp_path: Path, *, is_synchronous: bool, level: int
):
    store = SqliteStore(str(tmp_path / "b.sqlite3"), is_synchronous=is_synchronous)
    await store.open()

    assert inside(store).execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert inside(store).execute("PRAGMA synchronous").fetchone() == (level,)
    await store.close()


async def test_a_file_of_the_first_version_is_brought_up_to_date_with_its_claims(tmp_path: Path):
    path = str(tmp_path / "b.sqlite3")
    with sqlite3.connect(path) as old:
        old.executescript(f"{migrations('sqlite')[0].script}; PRAGMA user_version = 1;")
        old.execute("INSERT INTO inbox VALUES (1, 'mailmodo', 'k', 'id', 'opened', '', 5, 1, 0, x'00')")
        old.execute(
            "INSERT INTO deliveries (inbox_seq, destination, operation, path, lane, body, state, reason, is_open,"
            " is_head, attempts, fence, created_ms, due_ms, started_ms, lease_ms)"
            " VALUES (1, 'd', 'once', '', '', x'', 'claimed', '', 1, 1, 1, 1, 5, 5, 5, 900)"
        )
    old.close()

    async with opened(SqlitePlace(path)) as store:
        assert await store.recover(["once"], retry=False, now_ms=10) == 1
        assert (await store.counts()).uncertain == 1


async def test_a_lost_delivery_unbalances_the_books_and_is_found(tmp_path: Path):
    path = str(tmp_path / "b.sqlite3")
    store = SqliteStore(path)
    await store.open()
    await add(store, "a")
    with sqlite3.connect(path) as thief:
        thief.execute("DELETE FROM deliveries")
    thief.close()

    assert not (await store.counts()).is_balanced
    assert (await store.check())[0] == "pieces whose outcomes are not all there: 1"
    await store.close()


async def test_a_damaged_file_is_found(tmp_path: Path):
    path = tmp_path / "b.sqlite3"
    async with opened(SqlitePlace(str(path))) as store:
        await add(store, *(f"k-{number}" for number in range(300)))
        await end(store, *await claim(store, 300))
    with closing(sqlite3.connect(path)) as connection:
        ((page, size),) = connection.execute(
            "SELECT rootpage, page_size FROM sqlite_schema, pragma_page_size WHERE name = 'deliveries'"
        )
    data = bytearray(path.read_bytes())
    data[(page - 1) * size : page * size] = b"\x55" * size
    path.write_bytes(data)

    store = SqliteStore(str(path))
    await store.open(is_serving=False)
    try:
        found = await store.check()
    except StoreUnavailable as error:
        found = (str(error),)
    await store.close()

    assert found
