"""Documentation pages as tests read them: fenced blocks, links, and console sessions that are played.

A block is played unless the HTML comment just above its fence says why not: `<!-- not run: reason -->`. A block
whose paragraph above says "Save this as `name`" becomes that file. In a console block `$ ` begins a command and
the lines below it are its output, in which `…` stands for what is left out and what differs from run to run.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PAGES = (
    *(ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
)
SESSIONS = (ROOT / "README.md", *sorted((ROOT / "docs" / "howto").glob("*.md")))
_FENCE = re.compile(
    r"^(?P<fence>`{3,})(?P<language>\w*)[^\n]*\n(?P<text>.*?)^(?P=fence)\s*$", re.DOTALL | re.MULTILINE
)
_NOT_RUN = re.compile(r"<!-- not run: (.+?) -->\s*\Z", re.DOTALL)
_SAVED = re.compile(r"Save (?:this|it) as `([\w./-]+)`")
_MEASURED = re.compile(
    r"\d[\d,.]*(?= s\b| times as fast| a second| exchanges| effects)|(?<=exchanges  )\d[\d,]*"
)
_MARK = "@@command@@"
_PATIENCE_S = 120


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, where to save it, and why it is not played."""

    page: Path
    line: int
    language: str
    text: str
    saved_as: str
    not_run: str

    @property
    def where(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


@dataclass(frozen=True)
class Command:
    """A command of a console block, and what the page says it prints; None when the page shows nothing."""

    line: str
    expected: str | None
    where: str


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        above = text[: found.start()]
        not_run = _NOT_RUN.search(above)
        saved = _SAVED.search(_NOT_RUN.sub("", above).rstrip().rpartition("\n\n")[2])
        yield Block(
            page=page,
            line=text[: found.start()].count("\n") + 1,
            language=found["language"],
            text=found["text"],
            saved_as=saved[1] if saved else "",
            not_run=not_run[1] if not_run else "",
        )


def prose(page: Path) -> str:
    """The page without its fenced blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def commands(block: Block) -> Iterator[Command]:
    """Split a console block (`$ ` before each command) or an sh block (a command a line)."""
    line, output = "", list[str]()
    shows_output = block.language == "console"
    for text in block.text.splitlines():
        if not shows_output:
            if text.strip() and not text.startswith("#"):
                yield Command(text, None, block.where)
        elif text.startswith("$ "):
            if line:
                yield Command(line, "\n".join(output) if output else None, block.where)
            line, output = text[2:], []
        elif line.endswith("\\") and not output:
            line += "\n" + text.removeprefix("> ")
        else:
            output.append(text)
    if line:
        yield Command(line, "\n".join(output) if output else None, block.where)


def agrees(printed: str, expected: str) -> bool:
    """Whether output is what a page shows.

    `…` stands for anything and a line of it for any lines; how long and how many a run measured may differ.
    """
    pattern = ""
    for line in expected.rstrip().splitlines():
        if line.strip() == "…":
            pattern += r"(?:[^\n]*\n)*?"
        else:
            pattern += "[^\n]*?".join(_loosely(part) for part in line.rstrip().split("…")) + "\n"
    tidy = "\n".join(line.rstrip() for line in printed.rstrip().splitlines()).lstrip("\n") + "\n"
    return re.fullmatch(pattern.lstrip("\n"), tidy) is not None


def _loosely(text: str) -> str:
    return r"\d[\d,.]*".join(re.escape(piece) for piece in _MEASURED.split(text))


def play(page: Path, folder: Path) -> Iterator[tuple[Command, int, str]]:
    """Play a page in a folder that looks like a checkout; give each command with its status and output."""
    script, played = ["exec 2>&1"], list[Command]()
    for number, block in enumerate(blocks(page)):
        if block.saved_as:
            file = folder / block.saved_as
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text, encoding="utf-8")
        elif block.not_run:
            continue
        elif block.language == "python":
            file = folder / f"block_{number}.py"
            file.write_text(block.text, encoding="utf-8")
            played.append(Command(f"{shlex.quote(sys.executable)} {file.name}", None, block.where))
        elif block.language in ("console", "sh"):
            played += commands(block)
    for command in played:
        script += [command.line, f"status=$?; echo; echo '{_MARK}' $status; (exit $status)"]
    output = _bash("\n".join(script), folder)
    pieces = re.split(rf"\n{_MARK} (\d+)\n", output)
    for index, command in enumerate(played):
        if 2 * index + 1 >= len(pieces):
            yield command, -1, f"the session ended before: {pieces[-1]}"
            return
        yield command, int(pieces[2 * index + 1]), pieces[2 * index]


def _bash(script: str, folder: Path) -> str:
    """Run a script; then end whatever it left running in the background."""
    log = folder / ".session.log"
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "PYTHONPATH")}
    environment |= {"PATH": f"{folder / '.bin'}:{environment['PATH']}"}
    with log.open("wb") as sink:
        bash = subprocess.Popen(
            ["bash", "-c", script],
            cwd=folder,
            stdout=sink,
            stderr=sink,
            env=environment,
            start_new_session=True,
        )
        try:
            bash.wait(_PATIENCE_S)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(bash.pid, signal.SIGTERM)
            bash.wait(10)
    return log.read_text(encoding="utf-8")


def lay_out(folder: Path) -> None:
    """Make a folder look like an installed checkout: its files as links, `journeylab` and `python` on the path."""
    for name in ("bridge", "contracts", "docs", "fakes", "run_sim.py", "scenarios", "simulator"):
        (folder / name).symlink_to(ROOT / name)
    programs = folder / ".bin"
    programs.mkdir()
    python = shlex.quote(sys.executable)
    start = "from simulator.cli import main; main(prog_name='journeylab')"
    for name, line in (
        ("journeylab", f'exec {python} -c "{start}" "$@"'),
        ("python", f'exec {python} "$@"'),
    ):
        program = programs / name
        program.write_text(
            f"#!/bin/sh\nPYTHONPATH={shlex.quote(str(ROOT))}${{PYTHONPATH:+:$PYTHONPATH}}\nexport PYTHONPATH\n{line}\n"
        )
        program.chmod(0o755)
