"""Lists what a contract marks as guessed or inferred, for the page of the vendor's fake.

A marked part inside a part with the same mark says nothing new: the outer one stands for both. What several
places share in the file (a YAML alias) is listed where it comes first.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from contracts import VENDORS, load_contract
from fakes.kit.control_page import TITLES

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["LEVELS", "Marked", "confidence_levels", "levels_of", "marked", "vendor_guesses"]

LEVELS: Final[Mapping[str, str]] = {
    "doc": "The vendor documents it: its OpenAPI files, reference, guides or help pages.",
    "code": "Public code that talks to the real service relies on it: the vendor's own libraries, or others'.",
    "rec": "A real exchange with the service was recorded, in the tests of a client or by whoever measured it.",
    "issue": "Somebody reports in a public issue or pull request what the real service did.",
    "seed": "A page of Segment or CleverTap on the integration says so, from which this project began.",
    "inferred": "It follows from such sources, read together; none of them says it.",
    "guess": "Nothing public says; it is a choice of ours, and often a setting.",
}
"""What each level of `x-confidence` means, the surest first."""

_DATA: Final = frozenset({"const", "default", "enum", "example", "examples"})
"""Keywords whose values are data of the vendor, in which a mark would mean nothing."""
_SILENT: Final = frozenset({"content", "items", "schema"})
"""Keywords that a reader needs not to find a part."""
_NAMED: Final[Mapping[str, str]] = {
    "headers": "header",
    "parameters": "parameter",
    "properties": "field",
    "responses": "response",
}
_SPELT: Final[Mapping[str, str]] = {"requestBody": "request body"}


@dataclass(frozen=True, slots=True)
class Marked:
    """One marked part of a contract, in words that are Markdown."""

    where: str
    what: str
    source: str


def vendor_guesses(vendor: str) -> str:
    """Write the tables of what a vendor's contract marks as `guess` and as `inferred`."""
    document = load_contract(vendor).document
    lines: list[str] = []
    for level, title in (("guess", "Guessed"), ("inferred", "Inferred")):
        rows = [f"| {part.where} | {part.what} | {part.source} |" for part in marked(document, level)]
        if rows:
            lines += [f"{title}:", "", "| Where | What | Source |", "| --- | --- | --- |", *rows, ""]
    return "\n".join(lines).rstrip() or "Nothing."


def confidence_levels() -> str:
    """List the levels, and whose contracts have parts that carry each."""
    used = {vendor: levels_of(load_contract(vendor).document) for vendor in VENDORS}
    lines = ["| Level | Means | Used for |", "| --- | --- | --- |"]
    for level, meaning in LEVELS.items():
        users = ", ".join(TITLES[vendor] for vendor in VENDORS if used[vendor][level])
        lines.append(f"| `{level}` | {meaning} | {users or 'none yet'} |")
    return "\n".join(lines)


def levels_of(document: Mapping[str, Any]) -> Counter[str]:
    """Count the parts of a contract that carry each level; one that several places share counts once."""
    counts: Counter[str] = Counter()
    seen: set[int] = set()

    def look(value: object, *, names: bool) -> None:
        if not isinstance(value, Mapping | list) or id(value) in seen:
            return
        seen.add(id(value))
        if isinstance(value, list):
            for inner in value:
                look(inner, names=False)
            return
        level = value.get("x-confidence")
        if isinstance(level, str) and not names:
            counts[level] += 1
        for key, inner in value.items():
            if names or key not in _DATA:
                look(inner, names=key == "properties" and not names)

    look(document, names=False)
    return counts


def marked(document: Mapping[str, Any], level: str) -> Iterator[Marked]:
    """Give the outermost parts that carry a level of `x-confidence`, in the document's order."""
    for path, part in _find(document, level, (), set()):
        text = next((part[key] for key in ("summary", "description", "title") if part.get(key)), None)
        what = text if text is not None else " ".join(path[-2:])
        yield Marked(_where(document, path), _escape(str(what)), _escape(str(part.get("x-source", ""))))


def _find(
    value: object, level: str, path: tuple[str, ...], seen: set[int]
) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    if not isinstance(value, Mapping | list) or id(value) in seen:
        return
    seen.add(id(value))
    names = bool(path) and path[-1] == "properties"
    if isinstance(value, Mapping) and not names and value.get("x-confidence") == level:
        yield path, value
        return
    pairs = value.items() if isinstance(value, Mapping) else enumerate(value)
    for key, inner in pairs:
        if names or key not in _DATA:
            yield from _find(inner, level, (*path, str(key)), seen)


def _where(document: Mapping[str, Any], path: tuple[str, ...]) -> str:
    match path:
        case ("paths" | "webhooks" as kind, name, method, *rest):
            operation = document[kind][name][method]
            known = operation.get("operationId", name) if isinstance(operation, Mapping) else name
            first, inside = f"`{known}`", (document[kind][name][method], rest)
        case ("components", kind, name, *rest):
            first, inside = f"`{name}` ({kind})", (document["components"][kind][name], rest)
        case _:
            return _escape(" ".join(path)) or "the whole"
    return ", ".join([first, *_words(*inside)]).replace("|", "\\|")


def _words(value: Any, rest: list[str]) -> Iterator[str]:
    """Name the steps from an operation or component to a part of it."""
    before = ""
    for key in rest:
        value = value[int(key)] if isinstance(value, list) else value[key]
        if before in _NAMED:
            named = value.get("name", key) if before == "parameters" else key
            yield f"{_NAMED[before]} `{named}`"
            before = ""
        else:
            if key not in _NAMED and key not in _SILENT:
                yield _SPELT.get(key, f"`{key}`")
            before = key


def _escape(text: str) -> str:
    """Keep text to one cell of a table: only its code stays Markdown."""
    pieces = re.split(r"(`[^`]*`)", " ".join(text.split()))
    plain = [piece if at % 2 else re.sub(r"([\\*_\[\]`])", r"\\\1", piece) for at, piece in enumerate(pieces)]
    return "".join(piece if at % 2 else piece.replace("<", "&lt;") for at, piece in enumerate(plain)).replace(
        "|", "\\|"
    )
