"""Collects what is wrong with a document while it is read, so that all of it can be told at once."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from simulator import quantities
from simulator.problems import Problem, did_you_mean, spell_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from simulator.documents import Document, Position

    Path = tuple[str | int, ...]

__all__ = ["ProblemCollector"]

Written = TypeVar("Written")
Value = TypeVar("Value")


class ProblemCollector:
    """Reads values out of a document; whatever is wrong with one is noted with its place, and reading goes on.

    Attributes:
        problems: What was wrong so far, in the order in which it was found.
    """

    def __init__(self, document: Document) -> None:
        self._document = document
        self.problems: list[Problem] = []

    def where(self, path: Path) -> Position:
        """Say where a part of the document stands."""
        return self._document.where(path)

    def note(self, path: Path, message: str, hint: str = "") -> None:
        """Note that something is wrong with a part of the document."""
        self.problems.append(Problem(self.where(path), spell_path(path), message, hint))

    def known(self, path: Path, found: str, *, among: Iterable[str], what: str, add_under: str) -> None:
        """Note a name that nothing has.

        Args:
            path: Where it stands.
            found: The name.
            among: The names there are.
            what: What it should be the name of, `a template`.
            add_under: Where one could be added when there is none at all, `accounts.mailmodo.templates`.
        """
        choices = list(among)
        if found not in choices:
            hint = did_you_mean(found, choices) or f"there is none; add it under `{add_under}`"
            self.note(path, f"found `{found}`, wanted {what}", hint)

    def unique(self, path: Path, names: Sequence[str | None], *, field: str = "name") -> None:
        """Note every name in a list that stands there already."""
        for index, name in enumerate(names):
            if name is not None and name in names[:index]:
                message = f"`{name}` stands here for a second time"
                self.note((*path, index, field), message, "give it another one")

    def quantity(
        self, path: Path, parse: Callable[[Written], Value], *, text: Written, default: Value
    ) -> Value:
        """Read a quantity; note what is wrong with it and go on with the default."""
        try:
            return parse(text)
        except ValueError as error:
            self.note(path, f"found `{text}`, wanted {error}")
            return default

    def duration(self, path: Path, text: str | None) -> float:
        """Read a duration in seconds; zero when there is none."""
        return self.quantity(path, quantities.parse_duration, text=text, default=0.0) if text else 0.0

    def share(self, path: Path, text: str, *, of: Sequence[str] = ()) -> quantities.Share:
        """Read a share of everyone, or of one of the named groups."""
        share = self.quantity(path, quantities.parse_share, text=text, default=quantities.Share(0))
        if share.of and share.of not in of:
            wanted = " or ".join(["of everyone", *(f"of `{group}`" for group in of)])
            hint = did_you_mean(share.of, of) if of else "drop what follows the `%`"
            self.note(path, f"found a share of `{share.of}`, wanted a share {wanted}", hint)
        return share

    def instant(self, path: Path, text: str) -> datetime:
        """Read an instant with its offset."""
        try:
            return datetime.fromisoformat(text)
        except ValueError as error:
            self.note(path, f"found `{text}`, wanted a real date and time ({error})")
            return datetime.fromisoformat("2026-01-01T00:00:00+00:00")
