"""Lists what the fake CleverTap and the fake Mailmodo are called on and send, each with the tests that prove it.

A contract says which section of the vendor notes each operation is from (`info.x-sections`), what those notes name
that is not served (`info.x-not-served`), and which questions they leave open (`info.x-questions`). A test says itself
what it proves, by the mark `@pytest.mark.proves("clevertap", "upload")`, and which question it holds the fake to, by
`@pytest.mark.answers("clevertap", 1)`; marks are read from the source, so that nothing is imported: those of a test, of
its class and of its module. The plugin of the tests fails a test that is marked to prove what it did not make its fake
do, or to hold to a question or a bound a fake that has said nothing meanwhile.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from contracts import load_contract

if TYPE_CHECKING:
    from collections.abc import Iterator

    from contracts import Contract, Operation

__all__ = ["PROVED", "Proof", "operation_of", "operation_table", "proofs", "questions", "sections"]

PROVED: Final = ("clevertap", "mailmodo")
"""The vendors whose operations are proved one by one."""

_ROOT: Final = Path(__file__).parents[1]
_NOT_ALWAYS_RUN: Final = frozenset({"long", "skip", "skipif", "xfail"})
"""Marks of tests that prove nothing in the usual run."""


@dataclass(frozen=True, slots=True)
class Proof:
    """One thing that a test proves.

    Attributes:
        vendor: Whose operation it is.
        what: The `operationId` or webhook, `segment:track` for what the vendor calls elsewhere, or the row of a question.
        test: `tests/fakes/clevertap/test_upload.py::test_name`.
    """

    vendor: str
    what: str
    test: str


def proofs(folder: Path, mark: str = "proves") -> tuple[Proof, ...]:
    """Read from the source of the tests what each says that it proves.

    Args:
        folder: Where the tests are; what is named is relative to the folder that it is in.
        mark: `proves` for operations, `answers` for questions.
    """
    found: list[Proof] = []
    for path in sorted(folder.rglob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        if f".{mark}(" in text:
            name = path.relative_to(folder.parent).as_posix()
            found += _marked(ast.parse(text), name, mark=mark)
    return tuple(found)


def questions(contract: Contract) -> dict[str, str]:
    """Give the questions that the notes leave open, by their row in the notes' table."""
    rows = contract.document["info"]["x-questions"]["rows"]
    return dict(rows)


def sections(contract: Contract) -> dict[str, str]:
    """Say for every operation, webhook and outgoing call of a contract in which section of the notes it is."""
    listed = contract.document["info"]["x-sections"]
    return {operation: section for section, operations in listed.items() for operation in operations}


def operation_of(contract: Contract, name: str) -> Operation:
    """Find what a name in `x-sections` or in a mark stands for.

    Args:
        contract: The vendor's.
        name: An `operationId`, a webhook, or `segment:track` for what the vendor calls elsewhere.

    Raises:
        UnknownContract: There is no vendor of that name.
        UnknownOperation: The contract has nothing of that name.
    """
    other, _, operation = name.rpartition(":")
    return (load_contract(other) if other else contract).operation(operation)


def operation_table(folder: Path = _ROOT / "tests") -> str:
    """Write the tables of the page: per vendor what is served and sent, and what is not."""
    found, answers = proofs(folder), proofs(folder, "answers")
    lines: list[str] = []
    for vendor in PROVED:
        contract = load_contract(vendor)
        lines += [f"## {contract.title}", ""]
        lines += ["| Section | Request or webhook | operationId | Does | Proved by |"]
        lines += ["| --- | --- | --- | --- | --- |"]
        lines += [_row(contract, name, section, found) for name, section in sections(contract).items()]
        lines += ["", "Named in the notes and not served:", ""]
        lines += ["| Section | What | Answered | Because |", "| --- | --- | --- | --- |"]
        lines += [
            f"| {each['section']} | {_code(each['call'])} | {each.get('answers', '')} | {_cell(each['because'])} |"
            for each in contract.document["info"]["x-not-served"]
        ]
        section = contract.document["info"]["x-questions"]["section"]
        lines += [
            "",
            f"Questions that nothing public answers, answered as the notes recommend (section {section}):",
            "",
        ]
        lines += ["| Row | Question | Proved by |", "| --- | --- | --- |"]
        lines += [
            f"| {row} | {_cell(text)} | {_tests_of(contract, row, answers)} |"
            for row, text in questions(contract).items()
        ]
        lines.append("")
    return "\n".join(lines).rstrip()


def _row(contract: Contract, name: str, section: str, found: tuple[Proof, ...]) -> str:
    operation = operation_of(contract, name)
    called = f"`{operation.method} {operation.path}`"
    if operation.kind == "webhook":
        called = f"sends `{operation.method}` to the customer's URL"
    elif ":" in name:
        called = f"calls {load_contract(name.partition(':')[0]).name}: {called}"
    does, tests = _cell(operation.summary), _tests_of(contract, name, found)
    return f"| {section} | {called} | `{operation.id}` | {does} | {tests} |"


def _tests_of(contract: Contract, what: str, found: tuple[Proof, ...]) -> str:
    tests = [f"`{each.test}`" for each in found if (each.vendor, each.what) == (contract.name, what)]
    return "<br>".join(tests) or "nothing"


def _marked(tree: ast.Module, path: str, *, mark: str) -> Iterator[Proof]:
    for name, marks in _tests(tree.body, "", ()):
        for each in marks:
            for call in ast.walk(each):
                if (
                    isinstance(call, ast.Call)
                    and isinstance(call.func, ast.Attribute)
                    and call.func.attr == mark
                ):
                    vendor, *whats = (ast.literal_eval(argument) for argument in call.args)
                    yield from (Proof(vendor, str(what), f"{path}::{name}") for what in whats)


def _tests(
    body: list[ast.stmt], prefix: str, above: tuple[ast.expr, ...]
) -> Iterator[tuple[str, tuple[ast.expr, ...]]]:
    """Give the tests that always run, each with its own marks and those of its classes and its module."""
    marks = (*above, *_marks_of_all(body))
    for node in body:
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            yield from _tests(node.body, f"{prefix}{node.name}::", (*marks, *node.decorator_list))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            own = (*marks, *node.decorator_list)
            if not any(_names(each) & _NOT_ALWAYS_RUN for each in own):
                yield f"{prefix}{node.name}", own


def _marks_of_all(body: list[ast.stmt]) -> Iterator[ast.expr]:
    """Find what `pytestmark` says of all the tests in a module or class; what was assigned last holds."""
    assigned: ast.expr | None = None
    for node in body:
        if not isinstance(node, ast.Assign | ast.AnnAssign):
            continue
        names: list[ast.expr] = node.targets if isinstance(node, ast.Assign) else [node.target]
        if any(isinstance(name, ast.Name) and name.id == "pytestmark" for name in names):
            assigned = node.value
    if assigned is not None:
        yield assigned


def _names(decorator: ast.expr) -> set[str]:
    return {node.attr for node in ast.walk(decorator) if isinstance(node, ast.Attribute)}


def _code(text: str) -> str:
    return f"`{text}`" if "/" in text else _cell(text)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
