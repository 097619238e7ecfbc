"""Reads the routing table: the shipped one, or a file that takes its place or adds to it.

Everything that is wrong is said at once, with file, line and column, what was found and what was wanted.
"""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING, Any, Final

from jsonschema import Draft202012Validator

from bridge.configuration.document import Document, read_document
from bridge.destinations import CALLS
from bridge.engagement import Kind, SourceName
from bridge.errors import Problem, SettingsInvalid
from bridge.routing.bodies import WITH, Body, BodyInvalid
from bridge.routing.checks import (
    Piece,
    check_doubles,
    check_names,
    check_off,
    check_template,
    check_where,
    subject,
)
from bridge.routing.expressions import (
    ExpressionInvalid,
    compile_first_false,
    compile_text,
    is_expression,
    parse,
)
from bridge.routing.schema import table_schema
from bridge.routing.table import ANYWHERE, Check, Gate, Route, Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jsonschema import ValidationError


__all__ = ["DEFAULT_NAME", "default_text", "load_table", "read_table"]

DEFAULT_NAME: Final = "bridge/routing/default.yaml"
"""As messages and explanations call the shipped table."""
_LARGEST: Final = 1_048_576
"""Bytes of a file; the shipped table has less than 20,000."""


def load_table(path: str) -> Table:
    """Load the table that a setting names; the shipped one when it names none.

    Raises:
        SettingsInvalid: The file cannot be read, or something in it is wrong.
    """
    if not path:
        return read_table(default_text(), DEFAULT_NAME)
    try:
        status = Path(path).stat()
        if not S_ISREG(status.st_mode):
            raise SettingsInvalid(Problem(path, "routing_file", "what is not a plain file", "one"))
        if status.st_size > _LARGEST:
            found = f"a file of {status.st_size:,} bytes"
            raise SettingsInvalid(Problem(path, "routing_file", found, f"at most {_LARGEST:,}"))
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not text in UTF-8"
        raise SettingsInvalid(Problem(path, "routing_file", reason, "a readable file")) from None
    return read_table(text, path)


@cache
def default_text() -> str:
    """Give the text of the shipped table."""
    return files("bridge.routing").joinpath("default.yaml").read_text(encoding="utf-8")


@lru_cache(maxsize=16)
def read_table(text: str, name: str) -> Table:
    """Read a table from its text.

    Raises:
        SettingsInvalid: Something in it is wrong.
    """
    document = read_document(text, name)
    _judge(document)
    documents = [document]
    if (document.data or {}).get("extends"):
        documents.insert(0, read_document(default_text(), DEFAULT_NAME))
    return Table(_Reading(documents).rows(), text)


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(table_schema())


def _judge(document: Document) -> None:
    data = {} if document.data is None else document.data
    errors = sorted(_validator().iter_errors(data), key=lambda error: [str(each) for each in error.path])
    if errors:
        problems = [problem for error in errors for problem in _problems(document, error)]
        raise SettingsInvalid(*dict.fromkeys(problems))


def _problems(document: Document, error: ValidationError) -> list[Problem]:
    path = tuple(error.absolute_path)
    key = ".".join(str(each) for each in path) or "the file"
    instance: Any = error.instance
    if error.validator == "additionalProperties":
        schema: Any = error.schema
        known = schema["properties"]
        return [
            Problem(
                document.where((*path, each)),
                each,
                "a key that is not known here",
                _one_of(each, list(known)),
            )
            for each in instance
            if each not in known
        ]
    if error.validator == "required":
        required: Any = error.validator_value
        return [
            Problem(document.where(path), key, f"no {each}", "one")
            for each in required
            if each not in instance
        ]
    if "propertyNames" in error.absolute_schema_path:
        path = (*path, instance)
    if instance is None:
        found = "nothing"
    else:
        found = "another kind of value" if isinstance(instance, (dict, list)) else repr(instance)
    return [Problem(document.where(path), key, found, _wanted(error))]


def _one_of(found: object, known: Sequence[str]) -> str:
    close = get_close_matches(str(found), known, n=1)
    return f"did you mean {close[0]}?" if close else f"one of {', '.join(known)}"


def _wanted(error: ValidationError) -> str:
    value: Any = error.validator_value
    if error.validator == "enum":
        return _one_of(error.instance, value)
    if error.validator == "const":
        return str(value).lower() if isinstance(value, bool) else str(value)
    if error.validator == "type":
        return {"object": "a mapping", "array": "a list", "string": "a text", "boolean": "true or false"}[
            value
        ]
    if error.validator == "pattern":
        return "small letters, digits and _"
    return "at least one" if error.validator == "minItems" else "a text that is not empty"


class _Reading:
    """Makes rows of files that keep the schema; a later one goes before an earlier one."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self._documents = documents
        self._problems: list[Problem] = []
        self._templates = self._by_name("templates")
        self._gates: dict[str, Gate | None] = {}
        self._bodies: dict[tuple[str, str], Body | None] = {}

    def rows(self) -> list[Route]:
        """Make the rows.

        Raises:
            SettingsInvalid: An expression cannot be compiled, a name leads nowhere, or two things contradict.
        """
        self._gates = {name: self._gate(piece) for name, piece in self._by_name("gates").items()}
        for piece in self._templates.values():
            self._problems += check_template(piece)
        pieces = self._row_pieces()
        found = [route for piece in pieces if (route := self._row(piece)) is not None]
        self._problems += check_doubles(pieces, self._templates)
        if self._problems:
            # The same expression serves several rows; what is wrong with it is said once.
            raise SettingsInvalid(*dict.fromkeys(self._problems))
        return found

    def _by_name(self, section: str) -> dict[str, Piece]:
        return {
            name: Piece(document, (section, name), value)
            for document in self._documents
            for name, value in ((document.data or {}).get(section) or {}).items()
        }

    def _row_pieces(self) -> list[Piece]:
        """Give the rows; those of the last file take the place of what others say of the same thing."""
        files_ = [
            [
                Piece(each, ("rows", index), row)
                for index, row in enumerate((each.data or {}).get("rows") or ())
            ]
            for each in self._documents
        ]
        *before, own = files_
        shipped = [piece for pieces in before for piece in pieces]
        for piece in own:
            self._problems += [*check_where(piece), *check_off(piece, shipped, extends=bool(before))]
        told = {subject(piece.value) for piece in own}
        kept = [piece for piece in shipped if subject(piece.value) not in told]
        return [*kept, *[piece for piece in own if not piece.value.get("off")]]

    def _gate(self, piece: Piece) -> Gate | None:
        checks = piece.value["checks"]
        problems: list[Problem] = []
        for index, check in enumerate(checks):
            at, needs = ("checks", index, "needs"), check["needs"]
            if not is_expression(needs):
                problems.append(piece.problem(at, repr(needs), "an expression, {{ … }}"))
                continue
            try:
                parse(needs)
            except ExpressionInvalid as error:
                problems.append(piece.problem(at, error.found, error.wanted))
        self._problems += problems
        if problems:
            return None
        try:
            first_false = compile_first_false([each["needs"] for each in checks])
        except ExpressionInvalid as error:
            self._problems.append(piece.problem(("checks",), error.found, error.wanted))
            return None
        return Gate(
            name=str(piece.path[-1]),
            says=piece.value["says"],
            checks=tuple([Check(each["else"], each.get("quarantine", False)) for each in checks]),
            first_false=first_false,
        )

    def _row(self, piece: Piece) -> Route | None:
        row = piece.value
        template = self._look_up(piece, "body", self._templates)
        gate = self._look_up(piece, "gate", self._gates) if "gate" in row else None
        if template is None:
            return None
        self._problems += check_names(piece, template)
        destinations = CALLS[template.value["call"]].destinations
        if row["destination"] not in destinations:
            wanted = f"{' or '.join(destinations)}, where {template.value['call']} is called"
            self._problems.append(piece.problem(("destination",), row["destination"], wanted))
        event = row.get("event", "")
        if not event and "event" in _words(template.value["body"]):
            self._problems.append(
                piece.problem((), "no event", f"one, because the body {row['body']} asks for it")
            )
        if row.get("with") and WITH not in _keys(template.value["body"]):
            self._problems.append(
                piece.problem(("with",), f"a body, {row['body']}, without {WITH}", f"a place for it, {WITH}")
            )
        # Rows that add nothing of their own share a body.
        of = (row["body"], str(piece.path) if row.get("with") else "")
        body = self._bodies[of] = self._bodies[of] if of in self._bodies else self._body(piece, template)
        if body is None:
            return None
        return Route(
            source=SourceName(row["source"]),
            kind=Kind(row["kind"]),
            where=row.get("where", ANYWHERE),
            destination=row["destination"],
            call=template.value["call"],
            gate=gate,
            event=event,
            template=row["body"],
            at=piece.document.line(piece.path),
            event_name=self._text(piece, "event"),
            campaign=self._text(template, "campaign"),
            body=body,
        )

    def _look_up(self, piece: Piece, key: str, known: Mapping[str, Any]) -> Any:
        name = piece.value[key]
        if name not in known:
            close = get_close_matches(name, known, n=1)
            what = "template" if key == "body" else key
            wanted = f"did you mean {close[0]}?" if close else f"the name of a {what}"
            self._problems.append(piece.problem((key,), f"the unknown {what} {name}", wanted))
        return known.get(name)

    def _text(self, piece: Piece, key: str) -> Any:
        text = piece.value.get(key, "")
        # A campaign is always an expression: one that is a plain text is that text.
        if not is_expression(text) and key != "campaign":
            return None
        if not text:
            return None
        try:
            return compile_text(text)
        except ExpressionInvalid as error:
            self._problems.append(piece.problem((key,), error.found, error.wanted))
            return None

    def _body(self, piece: Piece, template: Piece) -> Body | None:
        try:
            return Body(template.value["body"], piece.value.get("with", {}))
        except BodyInvalid as error:
            for each in error.mistakes:
                owner, path = (piece, ("with",)) if each.is_in_with else (template, ("body",))
                self._problems.append(owner.problem((*path, *each.path), each.found, each.wanted))
        except ExpressionInvalid as error:
            self._problems.append(template.problem(("body",), error.found, error.wanted))
        return None


def _keys(body: Any) -> set[str]:
    """Give the keys of all objects of a body."""
    if isinstance(body, dict):
        return {*body, *(key for value in body.values() for key in _keys(value))}
    return {key for value in body for key in _keys(value)} if isinstance(body, list) else set()


def _words(body: Any) -> set[str]:
    """Give the texts of a body that are nothing but a name."""
    if isinstance(body, (dict, list)):
        return {
            word for value in (body.values() if isinstance(body, dict) else body) for word in _words(value)
        }
    return {body.strip("{} ")} if is_expression(body) else set()
