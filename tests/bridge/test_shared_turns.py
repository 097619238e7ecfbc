"""Bridges that share a database keep a vendor's rate together, however many they are."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from bridge.pacing import LocalPacer, SharedPacer, make_pacer
from bridge.store import SqliteStore
from bridge.store.postgres import PostgresStore
from tests.bridge.stores import PostgresPlace, opened
from tests.bridge.test_cli import served
from tests.bridge.test_operating import trigger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from bridge.store import Turns

RATE = 10
CALLS = 40


@pytest.fixture
def arm() -> str:
    return "loopback"


class Clock:
    """The clock that Postgres goes by when it gives turns: it stands still until the test moves it."""

    def __init__(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        self._connection = connection
        self._lock = asyncio.Lock()  # a connection does one thing at a time

    async def move(self, by_ms: int) -> None:
        async with self._lock:
            await self._connection.execute(
                "UPDATE bridge.test_clock SET at = at + $1::bigint * interval '1 ms'", by_ms
            )


@asynccontextmanager
async def standing_clock(url: str) -> AsyncIterator[Clock]:
    """Let `take_turns` find another `clock_timestamp` before Postgres's own; the schema is there already."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("""
            CREATE TABLE bridge.test_clock AS SELECT TIMESTAMPTZ '2026-03-02 03:30:00Z' AS at;
            CREATE FUNCTION bridge.clock_timestamp() RETURNS TIMESTAMPTZ VOLATILE LANGUAGE sql
                AS 'SELECT at FROM bridge.test_clock';
            ALTER FUNCTION bridge.take_turns SET search_path = bridge, pg_catalog;
        """)
        yield Clock(connection)
    finally:
        await connection.close()


@pytest.mark.slow
async def test_no_window_holds_more_turns_than_the_rate_whoever_takes_them(database_url: str):
    place, most, window_ms = PostgresPlace(database_url), 5, 150
    granted: list[int] = []
    random = Random(1)

    async def take(store: Any, clock: Clock) -> None:
        while len(granted) < 200:
            turns: Turns = await store.take_turns("d", 2, most=most, window_ms=window_ms)
            granted.extend([turns.at_ms] * turns.granted)
            assert turns.granted or turns.wait_ms > 0
            # It comes back too early more often than not.
            await clock.move(random.randint(0, turns.wait_ms // 2 + 1))

    async with opened(place) as one, opened(place) as two, standing_clock(database_url) as clock:
        await asyncio.gather(*(take(store, clock) for store in (one, two, one, two)))

    at_ms = sorted(granted)
    assert all(later - first >= window_ms for first, later in zip(at_ms, at_ms[most:], strict=False))
    # They were had as soon as there were any, not once in so many windows.
    assert (at_ms[-1] - at_ms[0]) / window_ms < 2 * len(at_ms) / most
    assert len(set(at_ms)) > len(at_ms) / most  # and one by one, not all at the turn of a window


@pytest.mark.slow
async def test_turns_that_were_not_needed_are_there_again_and_those_of_others_stay(database_url: str):
    async with opened(PostgresPlace(database_url)) as opened_store, standing_clock(database_url) as clock:
        store: Any = opened_store
        first = await store.take_turns("d", 3, most=4, window_ms=60_000)
        await clock.move(5)
        second = await store.take_turns("d", 3, most=4, window_ms=60_000)
        await clock.move(20)
        none = await store.take_turns("d", 1, most=4, window_ms=60_000)
        await store.give_turns_back("d", 2, at_ms=first.at_ms)
        again = await store.take_turns("d", 3, most=4, window_ms=60_000)
        other = await store.take_turns("e", 3, most=4, window_ms=60_000)
        lower = await store.take_turns("d", 1, most=2, window_ms=60_000)

        assert [each.granted for each in (first, second, none, again, other, lower)] == [3, 1, 0, 2, 3, 0]
        assert second.at_ms - first.at_ms == 5
        assert none.wait_ms == 60_000 - 25
        # There is room for one beside one other: of four calls the last two, of this very moment, are one too many.
        assert lower.wait_ms == 60_000

        await clock.move(lower.wait_ms - 1)
        early = await store.take_turns("d", 1, most=2, window_ms=60_000)
        await clock.move(early.wait_ms)
        due = await store.take_turns("d", 1, most=2, window_ms=60_000)

        assert (early.granted, early.wait_ms, due.granted) == (0, 1, 1)


@pytest.mark.slow
async def test_turns_of_a_clock_that_was_ahead_do_not_keep_anybody_waiting(database_url: str):
    async with opened(PostgresPlace(database_url)) as opened_store, standing_clock(database_url) as clock:
        store: Any = opened_store
        await store.take_turns("d", 1, most=1, window_ms=1000)
        await clock.move(-10_000_000)

        none = await store.take_turns("d", 1, most=1, window_ms=1000)
        await clock.move(none.wait_ms)
        turns = await store.take_turns("d", 1, most=1, window_ms=1000)

        assert (none.granted, none.wait_ms) == (0, 1000)
        assert turns.granted == 1


def test_a_pacer_is_shared_where_its_store_is_and_there_is_a_rate():
    postgres = PostgresStore("postgresql://nobody@localhost/none")

    assert isinstance(make_pacer(postgres, "d", 5), SharedPacer)
    assert isinstance(make_pacer(postgres, "d", 0), LocalPacer)
    assert isinstance(make_pacer(SqliteStore(":memory:"), "d", 5), LocalPacer)


class Mailmodo(BaseHTTPRequestHandler):
    """Remembers who called and when; refuses first calls with 429 where its server says so."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        server: Any = self.server
        with server.called:
            server.calls.append((time.monotonic(), self.headers["mmApiKey"]))
            refusal = server.refusals.pop(0) if server.refusals else None
            server.called.notify_all()
        body = b'{"success": true, "message": "ok", "ref": "r-1"}'
        self.send_response(200 if refusal is None else 429)
        for name, value in (refusal or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: Any) -> None:
        """Say nothing."""


@contextmanager
def mailmodo() -> Iterator[Any]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Mailmodo) as server:
        made: Any = server
        made.calls, made.refusals, made.called = [], [], threading.Condition()
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.slow
def test_two_bridges_on_one_postgres_keep_one_rate_together(tmp_path: Path, database_url: str):
    """Each alone would make ten calls a second; both together make no more, and both make some."""

    def settings_file(name: str, port: int) -> Path:
        file = tmp_path / f"{name}.toml"
        file.write_text(
            f'port = 0\nstore_dsn = "{database_url}"\nlog_format = "json"\n[clevertap]\nwebhook_secret = "c"\n'
            f'[mailmodo]\napi_key = "{name}"\nurl = "http://127.0.0.1:{port}"\nrate_per_s = {RATE}\nconcurrency = 4\n'
        )
        return file

    with mailmodo() as vendor:
        files = [settings_file(name, vendor.server_port) for name in ("key-a", "key-b")]
        with served(files[0]) as (_one, one), served(files[1]) as (_two, two):
            began_s = time.monotonic()
            for number in range(CALLS):
                body = b'{"email": "p%d@example.com"}' % number
                trigger((one, two)[number % 2], body=body)
            with vendor.called:
                assert vendor.called.wait_for(lambda: len(vendor.calls) == CALLS, timeout=60)

    at_s = sorted(each for each, _key in vendor.calls)
    # However late a call arrives, the next window begins no earlier: this holds on a machine that is busy, too.
    for index, each in enumerate(at_s):
        assert each - began_s >= (index // RATE) * 1.0
    assert {key for _each, key in vendor.calls} == {"key-a", "key-b"}
