"""A disk that is full, a file that is locked or read-only: 503 with `Retry-After`, nothing half done, and then on."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import subprocess
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from bridge.errors import StoreUnavailable
from bridge.store import Outcome, SqliteStore, State
from tests.bridge.rig import activity, rig
from tests.bridge.stores import SqlitePlace, add, always, claim, end, opened, piece

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LARGE = Outcome(state=State.PENDING, destination="d", body=b"x" * 300_000)
INLET = "https://bridge.test/sources/mailmodo/mm-secret"


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[None]:
    """Mount a file system of 1 MB; only root can."""
    folder.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", ",".join(("size=1m", *options)), "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"a file system can be mounted by root only: {done.stderr}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(ballast: Path) -> None:
    """Write until there is no room."""
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(b"x" * 4096):
            pass
    assert os.statvfs(ballast).f_bavail == 0


@pytest.mark.slow
async def test_a_full_disk_takes_nothing_half_and_everything_once_there_is_room(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk"):
        ballast = tmp_path / "disk" / "ballast"
        async with opened(SqlitePlace(str(tmp_path / "disk" / "b.sqlite3"))) as store:
            await add(store, "a")
            before = await store.counts()
            fill(ballast)

            with pytest.raises(StoreUnavailable, match=r"full|I/O"):
                await store.take_in([piece("b")], always(LARGE))
            assert await store.counts() == before

            ballast.unlink()
            assert await store.take_in([piece("b")], always(LARGE)) == (True,)


@pytest.mark.slow
async def test_a_full_disk_is_503_with_retry_after(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk"):
        ballast = tmp_path / "disk" / "ballast"
        async with rig(store_path=str(tmp_path / "disk" / "b.sqlite3")) as made:
            fill(ballast)
            large = activity(properties={"campaign_name": "x" * 300_000})
            async with made.session.post(INLET, json=large) as response:
                assert (response.status, response.headers["Retry-After"]) == (503, "5")
            ballast.unlink()

            assert (await made.settle()).accepted == 0
            assert (await made.activity(activity()))[0] == 200


async def test_a_file_that_may_not_grow_takes_nothing_half(tmp_path: Path) -> None:
    async with opened(SqlitePlace(str(tmp_path / "b.sqlite3"))) as store:
        await add(store, "a")
        size = (tmp_path / "b.sqlite3-wal").stat().st_size
        with limited(size + 8192), pytest.raises(StoreUnavailable):
            await store.take_in([piece("b")], always(LARGE))

        assert (await store.counts()).accepted == 1
        assert await store.take_in([piece("b")], always(LARGE)) == (True,)
        await end(store, *await claim(store))


@contextmanager
def limited(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond a size."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # the write fails instead
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.slow
async def test_a_file_that_another_process_has_locked_is_503_and_taken_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "b.sqlite3"
    async with rig(store_path=str(path)) as made:
        thief = sqlite3.connect(path, isolation_level=None)
        thief.execute("BEGIN IMMEDIATE")
        async with made.session.post(INLET, json=activity()) as response:
            assert (response.status, response.headers["Retry-After"]) == (503, "5")
        status, health = await made.get("/healthz")
        assert (status, health["counts"]["accepted"]) == (200, 0)  # reading goes on
        thief.execute("ROLLBACK")
        thief.close()

        assert (await made.activity(activity()))[1] == {"stored": 1, "known": 0}
        assert (await made.settle(5)).pending == 0


@pytest.mark.slow
async def test_a_settlement_that_meets_a_locked_file_is_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "b.sqlite3"
    async with opened(SqlitePlace(str(path))) as store:
        await add(store, "a")
        claimed = await claim(store)
        thief = sqlite3.connect(path, isolation_level=None)
        thief.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked"):
            await end(store, *claimed)
        thief.execute("ROLLBACK")
        thief.close()

        assert await end(store, *claimed) == 1


@pytest.mark.slow
async def test_a_file_system_that_became_read_only_is_503_and_reading_goes_on(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    with mounted(disk):
        async with rig(store_path=str(disk / "b.sqlite3")) as made:
            assert (await made.activity(activity()))[0] == 200
            before = await made.settle()
            store = made.bridge._store
            assert isinstance(store, SqliteStore)
            assert store._open is not None
            # A mount with files open for writing cannot be made read-only by force; what SQLite sees is the same.
            store._open.execute("PRAGMA query_only = ON")
            async with made.session.post(INLET, json=activity(id_="a-2")) as response:
                assert (response.status, response.headers["Retry-After"]) == (503, "5")
            assert await made.bridge.counts() == before
            store._open.execute("PRAGMA query_only = OFF")
            assert (await made.activity(activity(id_="a-2")))[0] == 200


async def test_a_read_only_file_system_cannot_be_served_and_says_so(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    with mounted(disk, "ro"), pytest.raises(StoreUnavailable, match=r"cannot open .*(Read-only|read-only)"):
        await SqliteStore(str(disk / "b.sqlite3")).open()


async def test_a_store_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "b.sqlite3"
    async with opened(SqlitePlace(str(path))):
        pass
    with sqlite3.connect(path) as newer:
        newer.execute("PRAGMA user_version = 99")
    newer.close()

    with pytest.raises(StoreUnavailable, match="newer version: 99"):
        await SqliteStore(str(path)).open()
