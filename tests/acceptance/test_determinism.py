"""Same scenario, same seed, same bytes: in fresh processes, whatever order their hashes have."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.command import ROOT, command

if TYPE_CHECKING:
    from pathlib import Path

SCENARIOS = sorted((ROOT / "scenarios").glob("*.yaml"))
FILES = tuple(str(path.relative_to(ROOT)) for path in SCENARIOS)
SURVEY = ("scenarios/survey_follow_up.yaml",)


def play(
    folder: Path, *arguments: str, hash_seed: str = "0", files: tuple[str, ...] = FILES
) -> dict[str, bytes]:
    """Run scenarios in a fresh process; give the journal of each."""
    ended = command("run", *files, "--report", str(folder), "--quiet", *arguments, PYTHONHASHSEED=hash_seed)
    assert ended.code == 0, ended.out + ended.err
    return {path.stem: path.read_bytes() for path in sorted(folder.glob("*.jsonl"))}


def first_difference(one: bytes, other: bytes) -> str:
    pairs = zip(one.splitlines(), other.splitlines(), strict=False)
    return next((f"{a!r}\n{b!r}" for a, b in pairs if a != b), "one is longer")


@pytest.mark.slow
def test_equal_seeds_give_equal_bytes_and_other_seeds_do_not(tmp_path: Path) -> None:
    few = ("--people", "30", "--seed", "7")
    first = play(tmp_path / "first", *few, hash_seed="1")
    second = play(tmp_path / "second", *few, hash_seed="4242")
    other = play(tmp_path / "other", "--people", "30", "--seed", "8", hash_seed="1")

    assert list(first) == sorted(path.stem for path in SCENARIOS)
    for name in first:
        assert first[name] == second[name], first_difference(first[name], second[name])
        assert first[name] != other[name]


def mails(journal: bytes) -> dict[str, dict[str, Any]]:
    """Give what each person did in the journal, by address."""
    found: dict[str, dict[str, Any]] = {}
    for line in journal.splitlines():
        entry = json.loads(line)
        if entry.get("kind") == "step" and "@" in entry.get("actor", ""):
            found.setdefault(entry["actor"], {}).setdefault(
                entry["verb"], entry.get("details", {}).get("answers")
            )
    return found


@pytest.mark.slow
def test_adding_people_leaves_the_others_as_they_were(tmp_path: Path) -> None:
    few = mails(play(tmp_path / "few", "--people", "12", files=SURVEY)["survey_follow_up"])
    more = mails(play(tmp_path / "more", "--people", "20", files=SURVEY)["survey_follow_up"])

    assert len(few) >= 11
    assert len(more) > len(few)
    assert {address: more[address] for address in few} == few
