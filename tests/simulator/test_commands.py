from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from simulator import commands
from simulator.commands import RunCommand, find_scenarios, summarise_scenario, write_starter
from simulator.run import Options, play_scenario
from simulator.scenario_reader import load_scenario
from tests.support.stories import RECEIPT, scenario_of, text_of

if TYPE_CHECKING:
    from pathlib import Path


class Ended(Exception):
    """What `fail` ends the program with."""


def fail(message: object) -> None:
    raise Ended(str(message))


def command(**changes: object) -> RunCommand:
    settings = {"options": Options(), "report": None, "junit": None, "quiet": True}
    return RunCommand(**(settings | changes))  # type: ignore[arg-type]


def test_scenarios_are_found_in_a_folder_in_order(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yaml", "notes.txt"):
        (tmp_path / name).write_text("x", encoding="utf-8")

    assert [path.name for path in find_scenarios(str(tmp_path))] == ["a.yaml", "b.yaml"]
    assert find_scenarios(str(tmp_path / "nowhere")) == []


def test_without_a_folder_the_shipped_ones_are_found_wherever_one_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = [path.name for path in find_scenarios(None)]
    monkeypatch.chdir(tmp_path)

    assert [path.name for path in find_scenarios(None)] == here
    assert "survey_follow_up.yaml" in here


def test_own_scenarios_come_before_the_shipped_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "mine.yaml").write_text("x", encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    assert [path.name for path in find_scenarios(None)] == ["mine.yaml"]


def test_a_scenario_is_summarised_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "story.yaml"
    path.write_text(text_of(RECEIPT), encoding="utf-8")

    assert summarise_scenario(path) == f"{path}  A receipt (2 people, 1 d)"


def test_the_starter_is_kept_as_it_is(tmp_path: Path) -> None:
    write_starter(tmp_path / "starter.yaml")
    scenario = load_scenario(tmp_path / "starter.yaml")

    assert play_scenario(scenario, Options()).is_kept
    assert scenario.proves.startswith("Proves: ")


def test_a_schema_that_is_there_already_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "scenario.schema.json").write_text("{}", encoding="utf-8")

    assert write_starter(tmp_path / "story.yaml") == [tmp_path / "story.yaml"]
    assert (tmp_path / "scenario.schema.json").read_text(encoding="utf-8") == "{}"


@pytest.mark.parametrize(
    ("finished", "told"),
    [(0, "interrupted; nothing was finished\n"), (1, "interrupted; what was finished is told above\n")],
)
def test_an_interruption_tells_no_more_than_there_is(
    finished: int, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plays: list[int] = []

    def some(*arguments: object, **settings: object) -> object:
        plays.append(1)
        if len(plays) > finished:
            raise KeyboardInterrupt
        return play_scenario(*arguments, **settings)  # type: ignore[arg-type]  # handed on as they came

    monkeypatch.setattr(commands, "play_scenario", some)

    with pytest.raises(SystemExit):
        command().run([scenario_of(RECEIPT)] * 2, fail=fail)

    assert capsys.readouterr().err.endswith(told)


def test_an_interruption_writes_what_was_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    junit = tmp_path / "junit.xml"
    plays: list[int] = []

    def once(*arguments: object, **settings: object) -> object:
        plays.append(1)
        if len(plays) > 1:
            raise KeyboardInterrupt
        return play_scenario(*arguments, **settings)  # type: ignore[arg-type]

    monkeypatch.setattr(commands, "play_scenario", once)

    with pytest.raises(SystemExit) as end:
        command(junit=junit).run([scenario_of(RECEIPT)] * 2, fail=fail)

    assert end.value.code == 130
    assert "A receipt" in junit.read_text(encoding="utf-8")
    assert "interrupted" in capsys.readouterr().err


def test_an_error_of_the_system_is_not_mistaken_for_an_unwritable_report(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def play(*_arguments: object, **_settings: object) -> None:
        raise ConnectionResetError("by peer")

    monkeypatch.setattr(commands, "play_scenario", play)

    with pytest.raises(ConnectionResetError):
        command().run([scenario_of(RECEIPT)], fail=fail)


def test_a_junit_file_that_is_a_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(Ended, match="cannot be written"):
        command(junit=tmp_path).run([scenario_of(RECEIPT)], fail=fail)
