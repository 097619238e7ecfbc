"""Take webhooks in, claim after a restart, hand over: what the bridge's store costs.

    python -m benchmarks.bridge

Every number is a ratio to something measured in the same run on the same cores, with the disk's own commits beside it:

- ingest: signed webhooks of about 540 bytes over 32 connections from a process of their own, answered after the
  commit, beside the same bridge with a store that keeps nothing;
- restart: 100,000 pending deliveries, from opening the store until the last is claimed;
- delivery: pending deliveries to a sink on loopback in batches, until the last is settled.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, Any, cast

from aiohttp import web

from bridge import Bridge, Settings, app
from bridge.real_environment import RANDOM, now
from bridge.sources.customerio import sign
from bridge.store import Counts, Outcome, SqliteStore, State
from bridge.store.postgres import PostgresStore
from tests.bridge.stores import always, piece
from tests.support.postgres_server import find_postgres, serve_postgres

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bridge.store import Intake, Planner, Store

CONNECTIONS = 32
WEBHOOKS = 20_000
PENDING = 100_000
HANDED_OVER = 50_000
KEY = "local-signing-key"


class NoStore:
    """Plans what comes in and keeps nothing: what a bridge costs without its store."""

    is_shared = False

    async def take_in(self, intakes: Sequence[Intake], planner: Planner) -> tuple[bool, ...]:
        for intake in intakes:
            planner(intake, cast("Any", self))
        return tuple(True for _ in intakes)

    def user_of(self, _email: str) -> None:
        return None

    def address_of(self, _user_id: str) -> None:
        return None

    async def counts(self) -> Counts:
        return Counts()

    def listen(self, _wake: object, _repaused: object) -> None: ...

    async def claim(self, *_what: object, **_how: object) -> tuple[()]:
        return ()

    async def pauses(self) -> dict[str, Any]:
        return {}

    async def nothing(self, *_what: object, **_how: object) -> Any:
        return None

    open = close = release = recover = next_due_ms = expire = set_pause = nothing


async def serve(settings: dict[str, Any]) -> None:
    """Serve a bridge until standard input ends; `store` of `none` keeps nothing."""
    if settings.pop("store") == "none":
        setattr(app, "make_store", lambda _settings: NoStore())  # noqa: B010 - it is not for others, and replaced here
    bridge = Bridge(Settings.from_mapping(settings), now=now, random=RANDOM)
    await bridge.start()
    runner = web.AppRunner(bridge.app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", settings["port"]).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await bridge.stop()
    await runner.cleanup()


@contextmanager
def served(**settings: Any) -> Iterator[int]:
    """Run a bridge in a process of its own; gives its port."""
    command = [sys.executable, "-m", "benchmarks.bridge", "serve", json.dumps({"port": 0, **settings})]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield int(process.stdout.readline())
        process.stdin.close()
        process.wait(timeout=60)


def requests(number: int, run: str) -> list[bytes]:
    """Make signed webhooks before the clock runs; each is a new event."""
    made = []
    for each in range(number):
        body = json.dumps(
            {
                "event_id": f"01HF7YAT{run}{each:014}",
                "object_type": "email",
                "metric": "opened",
                "timestamp": 1700000000 + each,
                "data": {
                    "campaign_id": 7,
                    "customer_id": f"u-{each}",
                    "delivery_id": f"RAECAAGLz-VoAAABAgMEBQ{each:08}",
                    "identifiers": {"cio_id": "a3000001", "email": f"p{each}@example.com", "id": f"u-{each}"},
                    "recipient": f"p{each}@example.com",
                    "subject": "How are we doing?" + "." * 160,
                },
            }
        ).encode()
        stamp = str(int(now().timestamp()))
        made.append(
            (
                "POST /sources/customerio HTTP/1.1\r\nHost: bridge\r\nContent-Type: application/json\r\n"
                f"X-CIO-Timestamp: {stamp}\r\nX-CIO-Signature: {sign(KEY, stamp, body)}\r\n"
                f"Content-Length: {len(body)}\r\n\r\n"
            ).encode()
            + body
        )
    return made


async def load(port: int, run: str) -> tuple[float, list[float]]:
    """Send all webhooks over 32 connections; give the seconds that it took, and those of each."""
    waiting = iter(requests(WEBHOOKS, run))
    each_s: list[float] = []

    async def connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for request in waiting:
            began = perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            each_s.append(perf_counter() - began)
        writer.close()

    began = perf_counter()
    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
    return perf_counter() - began, sorted(each_s)


def generate(port: int, run: str) -> tuple[float, float, float]:
    """Let a process of its own send the webhooks: webhooks per second, p50 and p99 in milliseconds."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    output = subprocess.run(
        [sys.executable, "-m", "benchmarks.bridge", "load", str(port), run],
        capture_output=True, text=True, check=True, env=environment,
    ).stdout  # fmt: skip
    took_s, p50, p99 = json.loads(output)
    return WEBHOOKS / took_s, p50 * 1000, p99 * 1000


def commits_per_s(folder: Path) -> float:
    """Append a page and synchronise it, for a second."""
    with (folder / "commits").open("wb", buffering=0) as file:
        number, began = 0, monotonic()
        while monotonic() - began < 1.0:
            file.write(b"x" * 4096)
            os.fdatasync(file.fileno())
            number += 1
    return number / (monotonic() - began)


def measure_ingest(folder: Path, postgres_url: str) -> None:
    with socket.create_server(
        ("127.0.0.1", 0)
    ) as silent:  # a vendor that is slow: nothing but intake is measured
        _measure_ingest(folder, postgres_url, f"http://127.0.0.1:{silent.getsockname()[1]}")


def _measure_ingest(folder: Path, postgres_url: str, vendor_url: str) -> None:
    base = {
        "customerio_signing_keys": [KEY],
        "segment_write_key_customerio": "w",
        "segment_url": vendor_url,
        "stop_grace_s": 0,
    }
    stores = {"none": {}, "sqlite": {"store_path": str(folder / "ingest.sqlite3")}}
    if postgres_url:
        stores["postgres"] = {"store_dsn": postgres_url}
    bare = 0.0
    for name, settings in stores.items():
        with served(store=name, **base, **settings) as port:
            rate, p50, p99 = generate(port, f"{len(name)}{random.Random(len(name)).randrange(10**6)}")
        bare = bare or rate
        print(
            f"ingest    {name:9} {rate:8,.0f} webhooks/s   p50 {p50:5.1f} ms   p99 {p99:5.1f} ms   {rate / bare:4.2f} x"
        )


async def fill(store: Store, number: int, outcome: Outcome) -> None:
    await store.open()
    for first in range(0, number, 5000):
        await store.take_in([piece(f"k-{first + each}") for each in range(5000)], always(outcome))
    await store.close()


async def measure_restart(name: str, make: Any) -> None:
    await fill(make(), PENDING, Outcome(state=State.PENDING, destination="d", body=b"x" * 500))
    store: Store = make()
    began = perf_counter()
    await store.open()
    await store.recover((), retry=False, now_ms=2**42)
    claimed = 0
    while more := len(await store.claim("d", 500, now_ms=2**42, lease_ms=60_000)):
        claimed += more
    took_s = perf_counter() - began
    assert claimed == PENDING
    await store.close()
    print(f"restart   {name:9} {PENDING:8,} claimed in {took_s:4.1f} s   {took_s / 5:4.2f} x of 5 s")


async def measure_delivery(name: str, make: Any, settings: dict[str, Any]) -> None:
    message = {
        "type": "track",
        "messageId": "m",
        "userId": "u-1",
        "event": "Email Opened",
        "properties": {"a": "x" * 300},
    }
    await fill(
        make(),
        HANDED_OVER,
        Outcome(
            state=State.PENDING,
            destination="segment/customerio",
            operation="track",
            body=json.dumps(message).encode(),
        ),
    )
    seen, first, last = 0, 0.0, 0.0
    is_all = asyncio.Event()

    async def sink(request: web.Request) -> web.Response:
        nonlocal seen, first, last
        first = first or perf_counter()
        seen += len(json.loads(await request.read())["batch"])
        last = perf_counter()
        if seen >= HANDED_OVER:
            is_all.set()
        return web.json_response({"success": True})

    application = web.Application(client_max_size=2**24)
    application.router.add_post("/v1/batch", sink)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    with served(
        store=name, customerio_signing_keys=[KEY], segment_write_key_customerio="w", segment_url=url,
        batch_linger_s=0.0, age_limit_s=1e9, **settings,
    ):  # fmt: skip
        async with asyncio.timeout(120):
            await is_all.wait()
    await runner.cleanup()
    store = make()
    await store.open()
    counts = await store.counts()
    await store.close()
    assert counts.delivered == HANDED_OVER, counts
    rate = HANDED_OVER / (last - first)
    print(f"delivery  {name:9} {rate:8,.0f} events/s   {rate / 5000:4.2f} x of 5,000")


def measure(folder: Path, postgres_url: str) -> None:
    print(f"disk      {commits_per_s(folder):18,.0f} commits/s of 4 KB")
    measure_ingest(folder, postgres_url)
    asyncio.run(measure_restart("sqlite", lambda: SqliteStore(str(folder / "restart.sqlite3"))))
    path = str(folder / "delivery.sqlite3")
    asyncio.run(measure_delivery("sqlite", lambda: SqliteStore(path), {"store_path": path}))
    if postgres_url:
        asyncio.run(_empty(postgres_url))
        asyncio.run(measure_restart("postgres", lambda: PostgresStore(postgres_url)))
        asyncio.run(_empty(postgres_url))
        asyncio.run(
            measure_delivery("postgres", lambda: PostgresStore(postgres_url), {"store_dsn": postgres_url})
        )


async def _empty(url: str) -> None:
    import asyncpg  # noqa: PLC0415 - an extra

    connection = await asyncpg.connect(url)
    await connection.execute("DROP SCHEMA IF EXISTS bridge CASCADE")
    await connection.close()


def main() -> None:
    if sys.argv[1:2] == ["serve"]:
        asyncio.run(serve(json.loads(sys.argv[2])))
    elif sys.argv[1:2] == ["load"]:
        took_s, each_s = asyncio.run(load(int(sys.argv[2]), sys.argv[3]))
        print(json.dumps([took_s, each_s[len(each_s) // 2], each_s[int(len(each_s) * 0.99)]]))
    else:
        with tempfile.TemporaryDirectory() as folder:
            if find_postgres() is None:
                measure(Path(folder), "")
                return
            with serve_postgres(is_safe=True) as server:
                measure(Path(folder), server.url())


if __name__ == "__main__":
    main()
