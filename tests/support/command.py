"""The real command line in processes of its own: `python run_sim.py …`, run to its end or until it is told to stop."""

from __future__ import annotations

import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 30.0


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


def environment(**more: str) -> dict[str, str]:
    """Give the environment of a user's shell without proxies, and with one second of real patience for nothing."""
    plain = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return {**plain, "PYTHONPATH": str(ROOT), "COLUMNS": "120", **more}


def command(*arguments: str, cwd: Path = ROOT, stdin: str = "", **more: str) -> Ended:
    """Run `python run_sim.py` with arguments to its end.

    Args:
        arguments: What follows the script.
        cwd: Where it runs.
        stdin: What it reads from standard input.
        more: Further environment variables.
    """
    ended = subprocess.run(
        [sys.executable, str(ROOT / "run_sim.py"), *arguments],
        cwd=cwd,
        env=environment(**more),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S * 2,
        check=False,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


class Running:
    """A process that is up; its lines can be waited for."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._arrived: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def line(self) -> str:
        """Wait for the next line of its output.

        Raises:
            EOFError: It closed its output.
            queue.Empty: Nothing came in time.
        """
        line = self._arrived.get(timeout=PATIENCE_S)
        if line is None:
            raise EOFError("\n".join(self.lines))
        return line

    def stop(self, number: signal.Signals = signal.SIGTERM) -> Ended:
        """Send it a signal and wait for its end."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> Ended:
        """Wait for its end."""
        code = self.process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        assert self.process.stderr is not None
        return Ended(code, "\n".join(self.lines), self.process.stderr.read())

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            self._arrived.put(line.rstrip("\n"))
        self._arrived.put(None)


LISTENING: Final = (
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); "
    "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
)
"""Becomes another Python that hears Ctrl-C, also where the shell has it ignored (`nohup`, many CI runners)."""


@contextmanager
def running(*arguments: str, cwd: Path = ROOT, **more: str) -> Iterator[Running]:
    """Start a Python process (`run_sim.py …` or `-m bridge …`) and end it with the block."""
    process = subprocess.Popen(
        [sys.executable, "-c", LISTENING, *arguments],
        cwd=cwd,
        env=environment(**more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield Running(process)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(PATIENCE_S)
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def free_port() -> int:
    """Find a port where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def free_ports(count: int) -> int:
    """Find so many free ports in a row; give the first.

    They are free until somebody else takes them, so processes with neighbouring ids look far from each other.
    """
    for first in range(20_000 + 37 * os.getpid() % 10_000, 60_000, count):
        with ExitStack() as probes:
            try:
                for port in range(first, first + count):
                    probes.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
            return first
    raise AssertionError("no free ports in a row")
