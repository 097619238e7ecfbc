"""Reads settings from TOML, from the environment and from mappings, and says everything that is wrong with them.

What is read is judged by the JSON Schema of the table; every problem names its file, line and column, what was found
and what was wanted. A secret is never quoted.
"""

from __future__ import annotations

import math
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from jsonschema import Draft202012Validator

from bridge.configuration.positions import find_places
from bridge.configuration.row import PREFIX
from bridge.configuration.schema import values_schema
from bridge.errors import Problem, SettingsInvalid

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bridge.configuration.positions import Place
    from bridge.configuration.row import Row

__all__ = ["Reader"]

_AT: Final = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class _Found:
    """A value, and where it stands.

    Attributes:
        value: As the file or the environment has it.
        origin: The file, `environment`, or what a caller calls its mapping.
        key: The name as it is written there.
        place: Line and column, where the origin is a file.
        folder: Where a reference to a file counts from.
    """

    value: object
    origin: str
    key: str
    place: Place | None = None
    folder: Path | None = None

    def at_key(self) -> str:
        return self._at(self.place.key if self.place else None)

    def at_value(self) -> str:
        return self._at(self.place.value if self.place else None)

    def _at(self, position: tuple[int, int] | None) -> str:
        return f"{self.origin}:{position[0]}:{position[1]}" if position else self.origin


class Reader:
    """Reads the settings of one table."""

    def __init__(self, rows: Sequence[Row], pairs: Sequence[tuple[str, str]]) -> None:
        """Read by a table.

        Args:
            rows: The settings that there are.
            pairs: Settings of which neither or both have a value.
        """
        self._rows = {row.name: row for row in rows}
        self._pairs = pairs

    @cached_property
    def _validator(self) -> Draft202012Validator:
        return Draft202012Validator(values_schema(tuple(self._rows.values())))

    def read_mapping(self, mapping: Mapping[str, object], *, origin: str) -> dict[str, Any]:
        """Read settings by name; a mapping inside the mapping is a prefix.

        Raises:
            SettingsInvalid: With everything that is wrong.
        """
        problems: list[Problem] = []
        found: dict[str, _Found] = {}
        for key, value in _flatten(mapping):
            _put(found, _Found(value, origin, key), problems)
        return self._judge(found, problems, os.environ)

    def read_file(self, path: Path | None, environment: Mapping[str, str]) -> dict[str, Any]:
        """Read settings from a TOML file and then from the environment, which wins.

        Raises:
            SettingsInvalid: With everything that is wrong.
        """
        problems: list[Problem] = []
        found: dict[str, _Found] = {}
        if path is not None:
            text, data = _read_toml(path)
            places = find_places(text)
            for key, value in _flatten(data):
                _put(found, _Found(value, str(path), key, places.get(key), path.parent), problems)
        for row in self._rows.values():
            if row.variable in environment:
                value = _from_text(row, environment[row.variable])
                found[row.name] = _Found(value, "environment", row.variable)
        return self._judge(found, problems, environment)

    def misspelt_variables(self, environment: Mapping[str, str]) -> list[str]:
        """Say which variables look like settings that they are not; others may begin with the same letters."""
        known = {row.variable for row in self._rows.values()}
        return [
            f"environment: {name}: is no setting; {_did_you_mean(name, known)}"
            for name in sorted(environment)
            if name.startswith(PREFIX) and name not in known and get_close_matches(name, known, 1, 0.85)
        ]

    def _judge(
        self, found: Mapping[str, _Found], problems: list[Problem], environment: Mapping[str, str]
    ) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, each in found.items():
            row = self._rows.get(name)
            if row is None:
                wanted = _did_you_mean(name, self._rows)
                problems.append(Problem(each.at_key(), each.key, "a name that is not a setting", wanted))
                continue
            problem = self._check(row, each)
            if problem is None:
                values[name], problem = _settle(row, each, environment)
            if problem is not None:
                problems.append(problem)
        problems += self._check_pairs(found, values)
        if problems:
            raise SettingsInvalid(*problems)
        return values

    def _check(self, row: Row, each: _Found) -> Problem | None:
        """Judge one value by its schema; None when it is good."""
        value = list(each.value) if isinstance(each.value, tuple) else each.value
        # JSON has no infinity and nothing that is not a number, so that no schema speaks of them; TOML has both.
        is_finite = not isinstance(value, float) or math.isfinite(value)
        error = next(self._validator.iter_errors({row.name: value}), None)
        if error is None and is_finite and not (row.is_url and not _is_base_url(str(value))):
            return _check_line(row, each)
        found = "a secret" if row.is_secret and isinstance(value, (str, list)) else repr(value)
        if row.is_url and "@" in str(value):
            found = "a URL with a user in it"  # and perhaps a password
        wanted = row.wanted
        if error is not None and error.validator == "minimum":
            wanted = f"at least {row.least:g}"
        if error is not None and error.validator == "maximum":
            wanted = f"at most {row.most:.0f}"
        return Problem(each.at_value(), each.key, found, wanted)

    def _check_pairs(self, found: Mapping[str, _Found], values: Mapping[str, Any]) -> Iterator[Problem]:
        for pair in self._pairs:
            if any(name in found and name not in values for name in pair):
                continue  # one of them is wrong already
            first, second = pair
            if bool(values.get(first)) != bool(values.get(second)):
                given, missing = (first, second) if values.get(first) else (second, first)
                yield Problem(found[given].at_key(), missing, "nothing", f"a value, because {given} has one")


def _is_base_url(text: str) -> bool:
    """Say whether a call can be made with it; its shape has been looked at."""
    try:
        parts = urlsplit(text)
        return bool(parts.hostname) and parts.port != 0  # a port out of range raises
    except ValueError:
        return False


def _check_line(row: Row, each: _Found) -> Problem | None:
    """Refuse what no header, address or path can carry; a secret is looked at once its reference was followed."""
    if row.is_secret or not isinstance(each.value, str) or not _CONTROL.search(each.value):
        return None
    return Problem(each.at_value(), each.key, f"{each.value!r}, with a control character", "one line of text")


def _settle(row: Row, each: _Found, environment: Mapping[str, str]) -> tuple[Any, Problem | None]:
    """Give a good value the type of its field, and follow references; the problem says why one leads nowhere."""
    value = each.value
    if row.type == "float" and isinstance(value, int):
        return float(value), None
    if row.type == "int" and isinstance(value, float):
        return int(value), None
    if row.is_url:
        return str(value).rstrip("/"), None
    if row.is_path and value and not str(value).startswith(":"):  # `:memory:`
        return str((each.folder or Path()) / str(value)), None
    if not row.is_secret:
        return tuple(value) if isinstance(value, (list, tuple)) else value, None
    texts = list(value) if isinstance(value, (list, tuple)) else [str(value)]
    resolved = []
    for text in texts:
        secret, problem = _follow(text, each, environment)
        if problem is None and _CONTROL.search(secret):
            found = "a secret with a line break or another control character"
            problem = Problem(each.at_value(), each.key, found, "one line of text")
        if problem is None and secret and len(secret) < row.shortest:
            wanted = f"at least {row.shortest} characters"
            problem = Problem(each.at_value(), each.key, f"a secret of {len(secret)} characters", wanted)
        if problem is not None:
            return None, problem
        resolved.append(secret)
    return tuple(resolved) if row.type.startswith("tuple") else resolved[0], None


def _follow(text: str, each: _Found, environment: Mapping[str, str]) -> tuple[str, Problem | None]:
    """Follow a reference to a secret; anything else is the secret itself."""
    kind, _, where = text.partition(":")
    if kind == "env":
        if environment.get(where):
            return environment[where], None
        state = "empty" if where in environment else "not set"
        return "", Problem(each.at_value(), each.key, f"env:{where}, which is {state}", "a set variable")
    if kind == "file":
        try:
            secret = (each.folder or Path()).joinpath(where).read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "not text in UTF-8"
            return "", Problem(each.at_value(), each.key, f"file:{where}, {reason}", "a readable file")
        if secret:
            return secret, None
        return "", Problem(
            each.at_value(), each.key, f"file:{where}, which is empty", "a file with the secret"
        )
    return text, None


def _put(found: dict[str, _Found], each: _Found, problems: list[Problem]) -> None:
    if each.key in found:
        wanted = "it once, at the top or in its table"
        problems.append(Problem(each.at_key(), each.key, "a setting that was given before", wanted))
    found[each.key] = each


def _read_toml(path: Path) -> tuple[str, dict[str, object]]:
    try:
        text = path.read_text(encoding="utf-8")
        return text, tomllib.loads(text)
    except OSError as error:
        reason = error.strerror or "nothing"
        raise SettingsInvalid(Problem(str(path), "file", reason, "a readable TOML file")) from error
    except tomllib.TOMLDecodeError as error:
        at = _AT.search(str(error))
        line, column = (at[1], at[2]) if at and at[1] else _end_of(text)
        where = f"{path}:{line}:{column}"
        reason = _AT.sub("", str(error))
        raise SettingsInvalid(Problem(where, "file", reason, "well-formed TOML")) from error
    except UnicodeDecodeError as error:
        raise SettingsInvalid(Problem(str(path), "file", str(error), "TOML in UTF-8")) from error
    except RecursionError:
        raise SettingsInvalid(Problem(str(path), "file", "values too deep in each other", "TOML")) from None


def _end_of(text: str) -> tuple[int, int]:
    """Give line and column behind the last character that says something."""
    lines = text.rstrip("\n").split("\n")
    return len(lines), len(lines[-1]) + 1


def _flatten(mapping: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in mapping.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{key}_")
        else:
            yield prefix + str(key), value


def _from_text(row: Row, text: str) -> object:
    """Read a variable's text as the type that the setting has; what does not fit stays text and is refused."""
    try:
        if row.type == "int":
            return int(text)
        if row.type == "float":
            return float(text)
    except ValueError:
        return text
    if row.type == "bool":
        return {"true": True, "false": False}.get(text.strip().lower(), text)
    if row.type.startswith("tuple"):
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


def _did_you_mean(name: str, known: Mapping[str, object] | set[str]) -> str:
    close = get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}?" if close else "one of the names that `python -m bridge settings` lists"
