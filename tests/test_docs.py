"""What the documentation says is true: its commands, outputs, scenarios, links, words and versions."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from contracts import VENDORS
from simulator import vendors
from simulator.cli import main as journeylab
from simulator.expressions import NAMES
from simulator.ledger_rules import RULES
from simulator.reference import PAGES as WRITTEN
from simulator.reference import update
from simulator.result import FindingKind
from simulator.scenario_reader import read_scenario, scenario_schema
from tests.support.fakes import stage
from tests.support.pages import PAGES, ROOT, SESSIONS, agrees, blocks, lay_out, play, prose

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import click

DOCS = ROOT / "docs"


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def _reference(name: str) -> str:
    return (DOCS / "reference" / name).read_text(encoding="utf-8")


# Blocks


@pytest.mark.slow
@pytest.mark.parametrize("page", SESSIONS, ids=_name)
def test_what_a_page_runs_prints_what_the_page_shows(page: Path, tmp_path: Path) -> None:
    lay_out(tmp_path)

    played = list(play(page, tmp_path))

    asked_for_status = [command.line.strip() == "echo $?" for command, _, _ in played[1:]] + [False]
    for (command, status, printed), is_asked in zip(played, asked_for_status, strict=True):
        assert status == 0 or is_asked, f"{command.where}: `{command.line}` ended with {status}:\n{printed}"
        if command.expected is not None:
            assert agrees(printed, command.expected), f"{command.where}: `{command.line}` printed:\n{printed}"


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_scenarios_on_a_page_pass_check(page: Path) -> None:
    for block in blocks(page):
        if block.language == "yaml" and not block.not_run:
            data = yaml.safe_load(block.text)
            if isinstance(data, dict) and "scenario" in data:
                read_scenario(block.text, block.where)


@pytest.mark.parametrize("page", [page for page in PAGES if page not in SESSIONS], ids=_name)
def test_python_on_a_page_runs(page: Path) -> None:
    for block in blocks(page):
        if block.language == "python" and not block.not_run and page.parent.name != "fakes":
            exec(compile(block.text, block.where, "exec"), {"__name__": "__main__"})


@pytest.mark.parametrize("vendor", VENDORS)
async def test_python_on_the_page_of_a_fake_runs_where_a_world_gives_it_its_surroundings(vendor: str) -> None:
    async with stage() as on_stage:
        for block in blocks(DOCS / "fakes" / f"{vendor}.md"):
            if block.language == "python" and not block.not_run:
                exec(compile(block.text, block.where, "exec"), {"surroundings": on_stage.surroundings()})


def test_output_agrees_only_with_what_it_shows() -> None:
    assert agrees("\n  kept  \nin 0.3 s\n", "  kept\nin … s\n")
    assert agrees("one\ntwo\nthree\n", "one\n…\nthree\n")
    assert agrees("lived in 1.2 s, 3 times as fast\n", "lived in 0.95 s, 363,625 times as fast\n")
    assert not agrees("one\ntwo\n", "one\n")
    assert not agrees("200 people\n", "20 people\n")
    assert not agrees("broken\n", "kept\n")


# Links and form


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_between_pages_resolve(page: Path) -> None:
    for target, anchor in re.findall(r"\]\((?!https?://|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)", prose(page)):
        found = (page.parent / target).resolve() if target else page

        assert found.exists(), f"{_name(page)} links to {target}, which is not there"
        if anchor:
            assert anchor in _anchors(found), (
                f"{_name(page)} links to {target}#{anchor}, which has no heading"
            )


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_a_page_has_no_absolute_paths(page: Path) -> None:
    text = page.read_text(encoding="utf-8")

    assert not re.findall(r"(?<![\w.:/])/(?:home|root|Users|tmp|work|opt|mnt)/\S*", text)


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_a_page_opens_with_its_title(page: Path) -> None:
    assert page.read_text(encoding="utf-8").startswith("# ")


def test_every_page_is_in_the_index() -> None:
    index = (DOCS / "README.md").read_text(encoding="utf-8")

    missing = [
        _name(page)
        for page in sorted(DOCS.rglob("*.md"))
        if page.name != "README.md" and f"({page.relative_to(DOCS).as_posix()})" not in index
    ]

    assert not missing


def test_the_values_that_prove_webhooks_to_a_bridge_are_those_that_are_sent() -> None:
    page = (DOCS / "howto" / "test-your-own-bridge.md").read_text(encoding="utf-8")

    settings = {**vendors._SECRETS, "mailjet_webhook_user": vendors._MAILJET_USER}

    assert not [name for name, value in settings.items() if f"| `{name}` | `{value}` |" not in page]


# Reference


@pytest.mark.parametrize("page", WRITTEN)
def test_a_written_part_is_what_the_code_says(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")

    assert text == update(text, WRITTEN[page]()), (
        f"docs/{page} is behind; run: python -m simulator.reference docs"
    )


def test_every_command_and_option_is_in_the_reference() -> None:
    page = _reference("cli.md")

    for path, command in _commands(journeylab, "journeylab"):
        assert f"## `{path}`" in page
        for parameter in command.params:
            for option in [*parameter.opts, *parameter.secondary_opts]:
                assert not option.startswith("-") or option in page, f"{path} {option}"


def _commands(command: Any, path: str) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from _commands(below, f"{path} {name}")


def test_every_help_has_an_example() -> None:
    for path, command in _commands(journeylab, "journeylab"):
        if not hasattr(command, "commands"):
            assert re.search(r"Example:\n +.*\bjourneylab ", command.help or ""), path
            assert "\\b" not in (command.help or ""), path


def test_every_word_of_the_format_is_in_the_reference() -> None:
    page = _reference("scenario.md")

    missing = sorted({word for word in _words(scenario_schema()) if f"`{word}`" not in page})

    assert not missing


def _words(schema: Any) -> Iterator[str]:
    """Give every name that a mapping of the format may have."""
    if isinstance(schema, list):
        for value in schema:
            yield from _words(value)
    elif isinstance(schema, dict):
        for key, value in schema.items():
            if key in ("properties", "$defs"):
                yield from value if key == "properties" else ()
                yield from _words(list(value.values()))
            elif key in ("items", "anyOf", "oneOf", "allOf", "then", "else", "additionalProperties"):
                yield from _words(value)


def test_every_name_of_expressions_has_an_example() -> None:
    by_hand = re.sub(r"<!-- written.*?end -->", "", _reference("expressions.md"), flags=re.DOTALL)

    assert not [name for name in NAMES if not re.search(rf"\b{name}\b", by_hand)]


def test_every_rule_and_finding_of_the_ledger_is_explained() -> None:
    page = (DOCS / "explanations" / "ledger.md").read_text(encoding="utf-8")

    assert not [key for key in RULES if f"`{key}`" not in page]
    assert not [kind for kind in FindingKind if f"| {kind} |" not in page]


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_fake_has_a_page_that_opens_with_its_limitations(vendor: str) -> None:
    text = (DOCS / "fakes" / f"{vendor}.md").read_text(encoding="utf-8")

    first = re.search(r"^## (.+)$", text, re.MULTILINE)

    assert first is not None
    assert first[1].lower().startswith(("what is not faked", "limitations"))


def test_decisions_are_numbered_without_gaps_and_say_what_follows() -> None:
    decisions = sorted((DOCS / "adr").glob("*.md"))

    assert [page.name[:4] for page in decisions] == [
        f"{number:04}" for number in range(1, len(decisions) + 1)
    ]
    for page in decisions:
        text = page.read_text(encoding="utf-8")
        assert all(f"## {part}" in text for part in ("Context", "Decision", "Consequences")), page.name


# Version and dependencies


def _project() -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project


def test_the_changelog_opens_with_what_is_unreleased_or_with_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    versions = re.findall(r"^## \[?([\w.]+)\]?", text, re.MULTILINE)

    assert versions[0] in ("Unreleased", _project()["version"])
    assert _project()["version"] in text


def test_every_dependency_has_its_reason_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    names = [re.split(r"[<>=\[]", each)[0] for each in _project()["dependencies"]]

    assert not [name for name in names if f"| {name} |" not in readme]


def test_the_clients_that_tests_run_are_named_with_their_versions() -> None:
    page = (DOCS / "howto" / "use-independent-clients.md").read_text(encoding="utf-8")
    installed = json.loads((ROOT / "tests" / "clients" / "package.json").read_text(encoding="utf-8"))
    pinned = dict(
        line.split("==") for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    )

    named = re.findall(r"^\| `([\w@/-]+)` \((npm|PyPI)\) \| \S+ \| ([\d.]+) \|", page, re.MULTILINE)

    assert {name for name, where, _ in named if where == "npm"} >= {"clevertap", "openapi-client-axios"}
    for name, where, version in named:
        assert version == (installed["dependencies"] if where == "npm" else pinned)[name], name


def test_the_licence_is_the_text_that_the_project_names() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")

    assert _project()["license"] == "Apache-2.0"
    assert "Apache License\n                           Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_bash_is_there_to_play_the_pages() -> None:
    assert shutil.which("bash")
