"""What is wrong with what the user wrote: where, what was found, what was wanted, what was probably meant."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.errors import SimulatorError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from simulator.documents import Position

__all__ = ["Problem", "ScenarioInvalid", "did_you_mean", "spell_path"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        position: Where it stands.
        path: Which part of the scenario it is, `journey[0].clevertap`; empty for the whole.
        message: What was found and what was wanted.
        hint: What to do about it; may be empty.
    """

    position: Position
    path: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        part = f"{self.path}: " if self.path else ""
        hint = f"; {self.hint}" if self.hint else ""
        return f"{self.position}: {part}{self.message}{hint}"


class ScenarioInvalid(SimulatorError):
    """A scenario file cannot be played.

    Attributes:
        problems: Everything that is wrong with it, in the order of the file.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(
            sorted(
                problems,
                key=lambda problem: (problem.position.file, problem.position.line, problem.position.column),
            )
        )
        super().__init__("\n".join(str(problem) for problem in self.problems))


def did_you_mean(found: object, known: Iterable[str]) -> str:
    """Say what was probably meant, or else what there is to choose from.

    Returns:
        ``did you mean `open`?``, or ``there are `open`, `click```, or an empty text when there is nothing.
    """
    choices = list(dict.fromkeys(known))
    lower = {choice.lower(): choice for choice in choices}
    close = difflib.get_close_matches(str(found).lower(), list(lower), n=1, cutoff=0.6)
    if close:
        return f"did you mean `{lower[close[0]]}`?"
    if not choices:
        return ""
    shown = ", ".join(f"`{choice}`" for choice in choices[:12])
    return f"there {'is' if len(choices) == 1 else 'are'} {shown}{', …' if len(choices) > 12 else ''}"


def spell_path(path: Sequence[str | int]) -> str:
    """Write a path as people do: `journey[0].clevertap`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
