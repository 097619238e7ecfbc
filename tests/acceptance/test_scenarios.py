"""Every shipped scenario is kept, through the command that users type."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.support.command import ROOT, command

if TYPE_CHECKING:
    from pathlib import Path

SCENARIOS = sorted((ROOT / "scenarios").glob("*.yaml"))


def test_seven_scenarios_are_shipped() -> None:
    assert [path.stem for path in SCENARIOS] == [
        "customerio_to_segment",
        "mailjet_to_segment",
        "mailmodo_outage",
        "own_clock_and_control",
        "segment_to_mailmodo",
        "survey_follow_up",
        "survey_journey",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_every_shipped_scenario_is_kept(path: Path, tmp_path: Path) -> None:
    ended = command("run", str(path.relative_to(ROOT)), "--report", str(tmp_path))

    assert ended.code == 0, ended.out + ended.err
    assert "✓ kept: everything that should have happened did" in ended.out
    assert "Ledger  balanced" in ended.out
    assert "none broken" in ended.out
    assert "✗" not in ended.out
    assert (tmp_path / f"{path.stem}.html").stat().st_size > 10_000
    lines = (tmp_path / f"{path.stem}.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) > 100
    assert all(isinstance(json.loads(line), dict) for line in lines)


@pytest.mark.slow
@pytest.mark.parametrize("seed", ["1", "2", "3"])
def test_scenarios_hold_with_other_seeds_and_fewer_people(seed: str) -> None:
    files = [str(path.relative_to(ROOT)) for path in SCENARIOS]

    ended = command("run", *files, "--seed", seed, "--people", "12", "--no-report", "--quiet")

    assert ended.code == 0, ended.out + ended.err
    assert ended.out.count(": kept (") == len(SCENARIOS)


@pytest.mark.slow
def test_a_scenario_runs_from_anywhere(tmp_path: Path) -> None:
    shutil.copy(SCENARIOS[1], tmp_path / "story.yaml")

    ended = command("run", "story.yaml", "--people", "6", cwd=tmp_path)

    assert ended.code == 0, ended.out + ended.err
    assert {path.name for path in (tmp_path / "reports").iterdir()} == {"story.html", "story.jsonl"}
