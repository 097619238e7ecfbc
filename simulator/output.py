"""Standard output as users have it: a pipe that closes, a disk that is full, an encoding of few characters."""

# ruff: noqa: RUF001 - characters that are replaced because they are easily taken for others
from __future__ import annotations

import codecs
import errno
import os
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from rich.console import Console

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["PIPE_CLOSED", "PipeConsole", "speaking"]

PIPE_CLOSED: Final = 141
"""Exit code when whoever reads the output stops: what shells make of SIGPIPE, as of any command in a pipe."""

_PLAIN: Final = {
    "→": "->", "←": "<-", "±": "+-", "…": "...", "–": "-", "—": "-", "·": "-", "×": "x", "≤": "<=", "≥": ">=",
    "✓": "ok", "✗": "no", "✔": "ok", "✘": "no", "•": "*", "“": '"', "”": '"', "‘": "'", "’": "'", "\u202f": " ",
    "\u00a0": " ", "━": "-", "─": "-", "│": "|", "╸": "-", "╺": "-",
}  # fmt: skip
_CANNOT_WRITE: Final = frozenset({errno.ENOSPC, errno.EIO, errno.EFBIG, errno.EDQUOT})


class PipeConsole(Console):
    """rich's console, without its own way out of a closed pipe."""

    def on_broken_pipe(self) -> None:
        """Let the error go on to `speaking`, which ends the process as shells expect."""
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


@contextmanager
def speaking(fail: Callable[[object], None]) -> Iterator[None]:
    """Make the standard streams safe to print to, and end well when that becomes impossible.

    A closed pipe ends the process with `PIPE_CLOSED` and without a word. Characters that the encoding lacks are
    spelt in ASCII.

    Args:
        fail: Ends the program with a message when standard output takes nothing more.
    """
    codecs.register_error("journeylab.plain", _plain)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="journeylab.plain")
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except OSError as error:
        if error.errno != errno.EPIPE and error.errno not in _CANNOT_WRITE:
            raise
        _silence()
        if error.errno == errno.EPIPE:
            sys.exit(PIPE_CLOSED)
        fail(f"output cannot be written: {error.strerror}")


def _silence() -> None:
    """Send what is still buffered nowhere, or Python complains about it while it ends."""
    with suppress(OSError, ValueError):  # a stream that is no file, as in tests
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(
        _PLAIN.get(character, "?") for character in error.object[error.start : error.end]
    ), error.end
