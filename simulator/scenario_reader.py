"""From a YAML file to a typed `Scenario`, or to everything that is wrong with it.

The JSON Schema that editors complete from (`contracts/scenario.schema.json`) judges the form; what it cannot
know (a campaign that does not exist, a person nobody named, a time after the end) is judged here.
"""

from __future__ import annotations

import json
import re
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jsonschema import Draft202012Validator

from simulator.documents import Document, DocumentUnreadable, Position, read_document
from simulator.problems import Problem, ScenarioInvalid, did_you_mean, spell_path
from simulator.scenario_builder import build_scenario

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from jsonschema.exceptions import ValidationError

    from simulator.scenario import Scenario

__all__ = ["load_scenario", "read_scenario", "scenario_schema", "schema_text"]

_ITEM: Final = re.compile(r"\[(\d+)\]")


@cache
def scenario_schema() -> Mapping[str, Any]:
    """Give the JSON Schema of the scenario format."""
    schema: Mapping[str, Any] = json.loads(schema_text())
    return schema


def schema_text() -> str:
    """Give the text of that schema, as editors want it."""
    return resources.files("contracts").joinpath("scenario.schema.json").read_text(encoding="utf-8")


def load_scenario(path: str | Path, *, overrides: Sequence[tuple[str, str]] = ()) -> Scenario:
    """Read a scenario file.

    Args:
        path: The file.
        overrides: Dotted paths and the YAML text to put there, `("people.count", "50")`; items of a list are
            counted from 0, `journey[0].at` or `journey.0.at`.

    Raises:
        ScenarioInvalid: The file cannot be read or played; every problem is named.
    """
    name = str(path)
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        what = "no such file" if isinstance(error, FileNotFoundError) else f"cannot be read: {error.strerror}"
        raise ScenarioInvalid([Problem(Position(name, 1, 1), "", what, _nearby(Path(path)))]) from None
    except UnicodeDecodeError as error:
        problem = f"found bytes that are not UTF-8 (byte {error.start}), wanted a YAML text"
        raise ScenarioInvalid([Problem(Position(name, 1, 1), "", problem)]) from None
    return read_scenario(text, name, overrides=overrides)


def read_scenario(text: str, file: str, *, overrides: Sequence[tuple[str, str]] = ()) -> Scenario:
    """Read a scenario from its text; `file` is what messages call it.

    Raises:
        ScenarioInvalid: It cannot be played; every problem is named.
    """
    try:
        document = read_document(text, file)
        for path, value in overrides:
            _override(document, path, value)
    except DocumentUnreadable as error:
        raise ScenarioInvalid([Problem(error.position, "", error.problem)]) from None
    if not isinstance(document.data, dict):
        found = "nothing" if document.data is None else f"a {_kind(document.data)}"
        wanted = f"found {found}, wanted a mapping that begins with `scenario: TITLE`"
        raise ScenarioInvalid([Problem(Position(file, 1, 1), "", wanted)])
    problems = list(_judge_form(document))
    if problems:
        raise ScenarioInvalid(problems)
    return build_scenario(document)


def _override(document: Document, path: str, value: str) -> None:
    """Put a value from the command line into the data; its position is the `--set` itself."""
    where = Position(f"--set {path}={value}", 1, 1)
    parsed = read_document(value, where.file).data
    keys = _ITEM.sub(r".\1", path).split(".")
    target = document.data
    steps: list[str | int] = []
    for index, key in enumerate(keys):
        step: str | int = int(key) if isinstance(target, list) and key.isdigit() else key
        steps.append(step)
        is_last = index == len(keys) - 1
        if isinstance(target, list):
            if not isinstance(step, int) or step >= len(target):
                problem = f"found `{key}`, wanted a number below {len(target)} for an item of a list"
                raise DocumentUnreadable(where, problem)
        elif not isinstance(target, dict):
            raise DocumentUnreadable(
                where, f"`{'.'.join(keys[:index])}` is a {_kind(target)}; nothing can be set inside it"
            )
        elif not is_last and step not in target:
            target[step] = {}
            document.values[tuple(steps)] = document.keys[tuple(steps)] = where
        if is_last:
            target[step] = parsed
            document.values[tuple(steps)] = document.keys[tuple(steps)] = where
        else:
            target = target[step]


def _judge_form(document: Document) -> Iterator[Problem]:
    for error in Draft202012Validator(scenario_schema()).iter_errors(document.data):
        yield from _explain(document, error)


def _explain(document: Document, error: ValidationError) -> Iterator[Problem]:
    path = tuple(error.absolute_path)
    schema = error.schema if isinstance(error.schema, dict) else {}
    choices: list[Any] = error.validator_value if isinstance(error.validator_value, list) else []
    match error.validator:
        case "additionalProperties":
            yield from _explain_unknown(document, error, path)
        case "required" if isinstance(error.instance, dict):
            for key in choices:
                if key not in error.instance and key in str(error.message).partition(" is ")[0]:
                    where, hint = document.where(path), _example(schema, key)
                    yield Problem(where, spell_path(path), f"`{key}` is missing", hint)
        case "enum":
            hint = did_you_mean(error.instance, [str(value) for value in choices])
            yield Problem(document.where(path), spell_path(path), _found_wanted(error, schema), hint)
        case "oneOf":
            yield _explain_choice(document, error, [choice["required"] for choice in choices])
        case _:
            hint = _verb_hint(error)
            yield Problem(document.where(path), spell_path(path), _found_wanted(error, schema), hint)


def _explain_unknown(
    document: Document, error: ValidationError, path: tuple[str | int, ...]
) -> Iterator[Problem]:
    known = error.schema.get("properties", {}) if isinstance(error.schema, dict) else {}
    for key in error.instance if isinstance(error.instance, dict) else ():
        if key not in known:
            where = document.where((*path, key), key=True)
            hint = did_you_mean(key, known)
            yield Problem(where, spell_path((*path, key)), "is not a word of the format", hint)


def _explain_choice(document: Document, error: ValidationError, choices: Sequence[Sequence[str]]) -> Problem:
    """Say which of several words is needed, or which of them contradict each other."""
    path = tuple(error.absolute_path)
    found = error.instance if isinstance(error.instance, dict) else {}
    present = [choice for choice in choices if all(key in found for key in choice)]
    if len(present) > 1:
        words = " and ".join(f"`{choice[0]}`" for choice in present)
        where = document.where((*path, present[1][0]), key=True)
        return Problem(where, spell_path(path), f"{words} contradict each other", "keep one of them")
    wanted = " or ".join("`" + "`, `".join(choice) + "`" for choice in choices)
    return Problem(document.where(path), spell_path(path), f"wanted {wanted}")


def _found_wanted(error: ValidationError, schema: Mapping[str, Any]) -> str:
    wanted = schema.get("description") or (f"a {schema['type']}" if "type" in schema else error.message)
    return f"found {_show(error.instance)}, wanted {wanted}"


def _verb_hint(error: ValidationError) -> str:
    """Guess a misspelt verb: the first word of a step or of `got`."""
    if error.validator != "pattern" or not isinstance(error.instance, str):
        return ""
    verbs = (
        "launch",
        "event",
        "trigger",
        "send",
        "identify",
        "track",
        "sms",
        "push",
        "webpush",
        "email",
        "mail",
    )
    allowed = [verb for verb in verbs if verb in str(error.validator_value)]
    first, _, rest = error.instance.partition(" ")
    if not allowed or first in allowed:
        return ""
    hint = did_you_mean(first, allowed)
    return hint.replace("`?", f" {rest}`?") if rest and hint.startswith("did") else hint


def _example(schema: Mapping[str, Any], key: str) -> str:
    wanted = schema.get("properties", {}).get(key, {})
    if "$ref" in wanted:
        wanted = scenario_schema()["$defs"][wanted["$ref"].rpartition("/")[2]]
    description = wanted.get("description", "")
    return f"add `{key}: …` ({description})" if description else f"add `{key}: …`"


def _show(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"`{text if len(text) <= 60 else text[:59] + '…'}`"


def _kind(value: object) -> str:
    return {
        list: "list",
        dict: "mapping",
        str: "text",
        bool: "yes or no",
        int: "number",
        float: "number",
    }.get(type(value), "value")


def _nearby(path: Path) -> str:
    folder = path.parent if path.parent.is_dir() else Path()
    known = [str(found) for found in sorted((*folder.glob("*.yaml"), *Path().glob("scenarios/*.yaml")))]
    hint = did_you_mean(path, known)
    return hint if hint.startswith("did") else "`list` shows the scenarios there are"
