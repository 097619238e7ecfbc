"""One record uploaded to the fake CleverTap, beside a bare aiohttp handler and beside Prism.

    python benchmarks/upload.py [--prism PRISM] [--seconds 5] [--rounds 3] [--memory REQUESTS]

`wrk` (the Debian package) posts to `/1/upload` over 32 kept connections of loopback. The fake is served as `journeylab
serve` serves it, in a world with all vendors, the bridge and the journal, and every exchange judged; only the 50 ms
that an upload takes at the vendor are switched off. The bare handler reads the body and answers as many bytes.
Prism serves and validates the same operation of `contracts/clevertap.yaml`, from an installation of
`@stoplight/prism-cli` that `--prism` names. Servers are measured in turn, round after round, so that a busy machine slows all of them; the table has medians.

`--memory` posts so many more requests to a fresh fake, and prints how its memory grows.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aiohttp import web
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent.parent))

from contracts import load_contract
from fakes.clevertap import CleverTapSettings, FakeCleverTap
from simulator.loop import LiveLoop, run
from simulator.network import LoopbackNetwork
from simulator.real_time import wall_clock
from simulator.scenario_reader import read_scenario
from simulator.serve import ACCOUNTS, ease_collection
from simulator.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parent.parent
CONNECTIONS: Final = 32
PEOPLE: Final = 1000
ANSWER: Final = b'{"status":"success","processed":1,"unprocessed":[]}'
WRK: Final = """
local count, headers = 0, nil
function init(args)
  headers = {["Content-Type"] = "application/json", ["X-CleverTap-Account-Id"] = args[1], ["X-CleverTap-Passcode"] = args[2]}
end
function request()
  count = count + 1
  local person = count % PEOPLE
  return wrk.format("POST", "/1/upload", headers, string.format(RECORD, person, count % 50))
end
"""
EVENT: Final = (
    '{"d":[{"identity":"person-%d","type":"event","evtName":"Product Viewed","ts":1770000000,'
    '"evtData":{"sku":"A-%d","price":9.5,"currency":"INR"}}]}'
)
PROFILE: Final = (
    '{"d":[{"identity":"person-%d","type":"profile","ts":1770000000,'
    '"profileData":{"Name":"Asha Rao","Plan":"plan-%d","Visits":7}}]}'
)


@dataclass
class Server:
    """A server in a process of its own, and what was measured of it.

    Attributes:
        name: Its row in the table.
        process: It.
        url: Its base URL.
        account: Account id and passcode.
        rates: Requests a second, by round.
        cpu_us: Microseconds of processor time for a request, by round.
    """

    name: str
    process: subprocess.Popen[str]
    url: str
    account: tuple[str, str] = ("TEST-123-ABC", "none")
    rates: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)

    @property
    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def memory_mb(self) -> float:
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def load(self, record: str, seconds: float) -> int:
        """Post for a while; give how many requests were answered."""
        with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
            script.write(f"local PEOPLE, RECORD = {PEOPLE}, [[{record}]]\n{WRK}")
            script.flush()
            began_s = self.cpu_s
            command = [
                "wrk",
                "-t1",
                f"-c{CONNECTIONS}",
                f"-d{seconds}s",
                "--timeout",
                "10s",
                "-s",
                script.name,
                self.url,
            ]
            printed = subprocess.run(
                [*command, "--", *self.account], check=True, capture_output=True, text=True
            ).stdout
        refused = "Non-2xx" in printed or "Socket errors" in printed
        assert not refused, f"{self.name}: {printed}"
        answered, rate = (
            re.search(r"(\d+) requests in", printed),
            re.search(r"Requests/sec:\s+([\d.]+)", printed),
        )
        assert answered
        assert rate
        self.rates.append(float(rate[1]))
        self.cpu_us.append((self.cpu_s - began_s) / max(1, int(answered[1])) * 1e6)
        return int(answered[1])


# What the processes serve.


async def serve_fake() -> None:
    scenario = replace(read_scenario(ACCOUNTS, "accounts"), starts=wall_clock(), journey=(), expect=())
    world = World(scenario, seed=7, network=LoopbackNetwork(), is_open_house=True)
    settings = CleverTapSettings(region="in1", upload_takes_s=0)
    fake = FakeCleverTap(world._surroundings("clevertap"), settings)  # noqa: SLF001 - a vendor without its latency
    world.vendors = replace(world.vendors, clevertap=fake)
    async with world:
        ease_collection()
        url = world.network.url(fake.host)
        print(json.dumps({"url": url, "account": [settings.account_id, settings.passcode]}), flush=True)
        await asyncio.Event().wait()


async def serve_bare() -> None:
    async def answer(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=ANSWER, content_type="application/json")

    app = web.Application()
    app.router.add_post("/1/upload", answer)
    network = LoopbackNetwork()
    await network.serve(app, ["bare.test"])
    print(json.dumps({"url": network.url("bare.test")}), flush=True)
    await asyncio.Event().wait()


# Measuring.


@contextmanager
def started(name: str, *command: str) -> Iterator[Server]:
    """Start a server that prints where it is."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        where = json.loads(process.stdout.readline())
        yield Server(name, process, where["url"], tuple(where.get("account", Server.account)))
    finally:
        process.terminate()
        process.wait()


@contextmanager
def started_prism(prism: str) -> Iterator[Server]:
    """Start Prism on what the contract says of uploads, and no more; it validates by default."""
    document = dict(load_contract("clevertap").document)
    document["paths"] = {"/1/upload": document["paths"]["/1/upload"]}
    del document["webhooks"]
    contract = Path(tempfile.mkdtemp()) / "upload.json"
    contract.write_text(json.dumps(document), encoding="utf-8")
    command = [prism, "mock", "--port", "4010", "--host", "127.0.0.1", "--errors", str(contract)]
    with tempfile.TemporaryFile("w+", errors="replace") as log:  # it may be read in the middle of a letter
        process = subprocess.Popen(command, stdout=log, stderr=log, text=True)
        try:
            while process.poll() is None:
                log.seek(0)
                if "listening" in log.read():
                    break
            yield Server("Prism, validating", process, "http://127.0.0.1:4010")
        finally:
            process.terminate()
            process.wait()


def measure(options: argparse.Namespace) -> None:
    """Measure all servers in turn and print the table."""
    me = str(Path(__file__))
    with ExitStack() as stack:
        bare = stack.enter_context(started("bare aiohttp handler", sys.executable, me, "--serve", "bare"))
        fake = stack.enter_context(
            started("fake CleverTap, everything on", sys.executable, me, "--serve", "fake")
        )
        servers = [bare, fake]
        if options.uvloop:
            for role, on_asyncio in (("bare", bare), ("fake", fake)):
                command = (sys.executable, me, "--uvloop", "--serve", role)
                servers.append(stack.enter_context(started(f"{on_asyncio.name}, on uvloop", *command)))
        if options.prism:
            servers.append(stack.enter_context(started_prism(options.prism)))
        for server in servers:
            while not server.load(EVENT, 2):  # Prism's first answer may take longer
                pass
            server.rates.clear()
            server.cpu_us.clear()
        for _ in range(options.rounds):
            for server in servers:
                server.load(EVENT, options.seconds)
        title = f"POST /1/upload, one event, {CONNECTIONS} connections, median of {options.rounds} rounds of {options.seconds} s"
        table = Table(title=title)
        for column in ("server", "requests/s", "processor µs a request", "of bare", "of Prism"):
            table.add_column(column, justify="left" if column == "server" else "right")
        for server in servers:
            rate = statistics.median(server.rates)
            prism_rate = statistics.median(servers[-1].rates) if options.prism else 0.0
            table.add_row(
                server.name,
                f"{rate:,.0f}",
                f"{statistics.median(server.cpu_us):.0f}",
                f"{rate / statistics.median(bare.rates):.2f}",
                f"{rate / prism_rate:.2f}" if prism_rate else "",
            )
        Console().print(table)


def measure_memory(requests: int) -> None:
    """Print the memory of the fake while it takes in profiles of the same people, then events."""
    table = Table(title=f"Memory of the whole process while {PEOPLE:,} people are uploaded again and again")
    for column in ("record", "requests so far", "MB"):
        table.add_column(column, justify="left" if column == "record" else "right")
    for name, record in (("profile", PROFILE), ("event", EVENT)):
        with started("fake", sys.executable, str(Path(__file__)), "--serve", "fake") as fake:
            done, due = 0, 0
            while done < requests:
                done += fake.load(record, 5)
                if done >= due:
                    table.add_row(name, f"{done:,}", f"{fake.memory_mb:.0f}")
                    due = done + requests // 10
            table.add_row(name, f"{done:,}", f"{fake.memory_mb:.0f}")
    Console().print(table)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--prism", help="the command of an installed @stoplight/prism-cli")
    parser.add_argument("--seconds", type=int, default=5, help="how long a round of one server lasts")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--uvloop", action="store_true", help="measure on uvloop as well")
    parser.add_argument("--memory", type=int, help="measure memory over so many requests instead")
    parser.add_argument("--serve", choices=["fake", "bare"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve = serve_fake if options.serve == "fake" else serve_bare
        if options.uvloop:
            import uvloop  # noqa: PLC0415 - an extra

            uvloop.run(serve())
        else:
            run(serve(), loop_factory=LiveLoop)
    elif options.memory:
        measure_memory(options.memory)
    else:
        measure(options)


if __name__ == "__main__":
    main()
