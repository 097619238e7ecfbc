"""Writes the parts of `docs` that follow from the code: the scenario format, the commands, the names.

`python -m simulator.reference docs` brings the pages up to date; a test fails while one is behind. What
stands between the two marks of a page is written here, everything around them by hand.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from bridge.cli import main as bridge
from contracts import VENDORS, load_contract
from simulator import bridge_reference
from simulator.cli import main as journeylab
from simulator.expressions import NAMES, Group
from simulator.guesses import confidence_levels, vendor_guesses
from simulator.ledger_rules import RULES, TOLERANCE_S
from simulator.proofs import operation_table
from simulator.scenario_reader import scenario_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = [
    "PAGES",
    "command_line",
    "control_operations",
    "expression_names",
    "ledger_rules",
    "scenario_words",
    "update",
]

BEGIN: Final = "<!-- written by simulator.reference: begin -->"
END: Final = "<!-- written by simulator.reference: end -->"
_LOOKS: Final[Mapping[str, Any]] = {"terminal_width": 100, "help_option_names": ["-h", "--help"]}
_PARTS: Final[Mapping[str, str]] = {
    "": "",
    "mailmodo": "accounts.mailmodo",
    "clevertap": "accounts.clevertap",
    "when": "accounts.clevertap.campaigns[].when",
    "control": "accounts.clevertap.campaigns[].control and accounts.clevertap.journeys[].control",
    "conversion": "accounts.clevertap.campaigns[].conversion",
    "channel_limits": "accounts.clevertap.limits.*",
    "journey": "accounts.clevertap.journeys[]",
    "node": "accounts.clevertap.journeys[].nodes.*",
    "link": "accounts.clevertap.journeys[].nodes.*.then.*",
    "mailjet": "accounts.mailjet",
    "customerio": "accounts.customerio",
    "segment": "accounts.segment",
    "form": "accounts.mailmodo.templates[].form",
    "people": "people",
    "habit": "people.habits.*",
    "named": "people.named[]",
    "clicks": "people.named[].clicks",
    "submits": "people.named[].submits",
    "taps": "people.named[].views and people.named[].taps",
    "step": "journey[]",
    "fault": "faults[]",
    "expectation": "expect[]",
    "delay": "any delay",
}
"""The schema's definitions that have words of their own, in the order of a scenario file, and where they stand."""


def scenario_words() -> str:
    """Describe every word of the scenario format, part by part, from its JSON Schema."""
    schema = scenario_schema()
    lines: list[str] = []
    for name, path in _PARTS.items():
        part = schema["$defs"][name] if name else schema
        for heading, words in _tables(schema, part, path):
            lines += [f"### {heading}" if " " in heading else f"### `{heading}`", ""]
            lines += ["| Word | Must be there | Value | Default |", "| --- | --- | --- | --- |"]
            lines += [*words, ""]
    return "\n".join(lines).rstrip()


def command_line() -> str:
    """Give every command's `--help`, as it is printed at 100 columns."""
    return _helps(journeylab, "journeylab")


def bridge_command_line() -> str:
    """Give every `--help` of the bridge's commands, without the table of settings that ends the first."""
    return _helps(bridge, "python -m bridge")


def _helps(command: click.Command, name: str) -> str:
    lines: list[str] = []
    for context in _contexts(command, click.Context(command, info_name=name, **_LOOKS)):
        text = context.get_help().partition("\n\nSettings (file")[0]
        lines += [f"## `{context.command_path}`", "", "```text", text, "```", ""]
    return "\n".join(lines).rstrip()


def control_operations() -> str:
    """List the operations of the control API, and what each takes."""
    contract = load_contract("control")
    lines = ["| Request | Does | operationId |", "| --- | --- | --- |"]
    lines += [
        f"| `{operation.method} {operation.path}` | {_escape(operation.summary)} | `{operation.id}` |"
        for operation in contract.of_kind("operation")
    ]
    lines += ["", "| Filter of `GET /requests` | Means |", "| --- | --- |"]
    for parameter in contract.operation("listRequests").spec["parameters"]:
        choices = " or ".join(f"`{choice}`" for choice in parameter["schema"].get("enum", ()))
        lines.append(
            f"| `{parameter['name']}` | {_escape(parameter.get('description') or choices or 'equal')} |"
        )
    lines += ["", "| Word of a fault rule | Value |", "| --- | --- |"]
    rule = contract.document["components"]["schemas"]["FaultRule"]
    for name, value in rule["properties"].items():
        choices = ", ".join(f"`{choice}`" for choice in value.get("enum", ()))
        text = value.get("description") or choices or str(value.get("type", "a number of seconds"))
        lines.append(f"| `{name}` | {_escape(text)} |")
    return "\n".join(lines)


def expression_names() -> str:
    """List what an expression may speak of, and what may be asked of a group of people."""
    lines = ["| Name | Means |", "| --- | --- |"]
    lines += [f"| `{name}` | {text} |" for name, text in NAMES.items()]
    lines += ["", "| Asked of a group | Answer |", "| --- | --- |"]
    for name in ("count", "total", "within"):
        documented: Any = getattr(Group, name)
        call = f"{name}('2 days')" if name == "within" else name
        lines.append(f"| `.{call}` | {_first_line(documented.__doc__)} |")
    return "\n".join(lines)


def ledger_rules() -> str:
    """List the ledger's rules, and how far times may differ at each kind of account."""
    lines = ["| Rule | Key |", "| --- | --- |"]
    lines += [f"| {_escape(text)} | `{key}` |" for key, text in RULES.items()]
    lines += ["", "| Account | Its times may be earlier by less than |", "| --- | --- |"]
    for account, tolerance_s in TOLERANCE_S.items():
        allowed = "any time: no time is carried" if tolerance_s == float("inf") else f"{tolerance_s:g} s"
        lines.append(f"| {account} | {allowed} |")
    return "\n".join(lines)


PAGES: Final[Mapping[str, Callable[[], str]]] = {
    **{f"fakes/{vendor}.md": partial(vendor_guesses, vendor) for vendor in VENDORS},
    "reference/scenario.md": scenario_words,
    "reference/control-api.md": control_operations,
    "reference/cli.md": command_line,
    "reference/bridge-admin.md": bridge_reference.admin_api,
    "reference/bridge-cli.md": bridge_command_line,
    "reference/bridge-metrics.md": bridge_reference.metrics,
    "reference/bridge-routing.md": bridge_reference.routing,
    "reference/bridge-settings.md": bridge_reference.settings,
    "reference/expressions.md": expression_names,
    "reference/operations.md": operation_table,
    "explanations/confidence.md": confidence_levels,
    "explanations/ledger.md": ledger_rules,
}
"""Which function writes into which page, by the page's path below `docs`."""


def update(page: str, written: str) -> str:
    """Put what is written between a page's marks.

    Raises:
        ValueError: The page has no marks.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page lacks the mark {END if begin else BEGIN}")
    return f"{before}{BEGIN}\n\n{written}\n\n{END}{after}"


def _tables(schema: Mapping[str, Any], part: Mapping[str, Any], path: str) -> Iterator[tuple[str, list[str]]]:
    """Give one table of words for a mapping, and one for each list of mappings and each mapping inside it."""
    mapping = _mapping(part)
    required = set(mapping.get("required") or ())
    rows = []
    inside = []
    for word, value in mapping.get("properties", {}).items():
        found = _resolve(schema, value)
        needed = "yes" if word in required else ""
        rows.append(
            f"| `{word}` | {needed} | {_escape(_value(schema, value))} | {_default(found.get('default'))} |"
        )
        inside += [(deeper, f"{path}.{word}{mark}") for deeper, mark in _inline_mappings(value)]
    yield path or "The whole", rows
    for deeper, where in inside:
        yield from _tables(schema, deeper, where.removeprefix("."))


def _inline_mappings(value: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Give the mapping that a word's value is, or that its items are, where the schema has it on the spot."""
    if "properties" in value:
        yield value, ""
    elif "properties" in value.get("items", {}):
        yield value["items"], "[]"


def _mapping(part: Mapping[str, Any]) -> Mapping[str, Any]:
    """Find the branch of a definition that is a mapping with words."""
    if "properties" in part:
        return part
    if "then" in part:
        found: Mapping[str, Any] = part["then"]
        return found
    return next(branch for branch in part["anyOf"] if "properties" in branch)


def _resolve(schema: Mapping[str, Any], value: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in value:
        return value
    found: Mapping[str, Any] = schema["$defs"][value["$ref"].rpartition("/")[2]]
    return {**found, **{key: item for key, item in value.items() if key != "$ref"}}


def _value(schema: Mapping[str, Any], value: Mapping[str, Any]) -> str:
    found = _resolve(schema, value)
    if "description" in found:
        return str(found["description"])
    if "enum" in found:
        return ", ".join(f"`{choice}`" for choice in found["enum"])
    if "items" in found:
        return f"a list: {_value(schema, found['items'])}"
    return {"boolean": "`true` or `false`"}.get(str(found.get("type")), str(found.get("type", "anything")))


def _default(value: object) -> str:
    if value is None:
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _escape(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def _contexts(command: click.Command, context: click.Context) -> Iterator[click.Context]:
    yield context
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.commands[name]
            yield from _contexts(below, click.Context(below, parent=context, info_name=name, **_LOOKS))


def _first_line(text: str | None) -> str:
    return (text or "").strip().partition("\n")[0]


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "docs")
    for name, write in PAGES.items():
        file = folder / name
        file.write_text(update(file.read_text(encoding="utf-8"), write()), encoding="utf-8")
