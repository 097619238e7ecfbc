from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from simulator.problems import ScenarioInvalid
from simulator.scenario_reader import load_scenario, read_scenario, scenario_schema
from tests.support.stories import RECEIPT, SURVEY, changed, scenario_of, text_of


def problems_of(story: dict[str, Any], **changes: Any) -> list[str]:
    with pytest.raises(ScenarioInvalid) as refusal:
        scenario_of(story, **changes)
    return [str(problem) for problem in refusal.value.problems]


def overridden(*overrides: tuple[str, str]) -> Any:
    return read_scenario(text_of(SURVEY), "story.yaml", overrides=overrides)


def test_the_schema_is_a_json_schema() -> None:
    Draft202012Validator.check_schema(dict(scenario_schema()))


def test_every_word_of_the_schema_is_explained_to_editors() -> None:
    def undescribed(schema: Any, path: str = "") -> list[str]:
        found = []
        for name, below in schema.get("properties", {}).items():
            found += [] if {"description", "$ref"} & below.keys() else [f"{path}.{name}"]
            found += undescribed(below, f"{path}.{name}") + undescribed(
                below.get("items", {}), f"{path}.{name}"
            )
        return found

    schema = scenario_schema()

    assert undescribed(schema) == []
    assert [one for name, below in schema["$defs"].items() for one in undescribed(below, name)] == []


@pytest.mark.parametrize("path", sorted(Path("scenarios").glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_scenarios_name_the_schema_that_editors_complete_from(path: Path) -> None:
    first = path.read_text(encoding="utf-8").splitlines()[0]

    assert first == "# yaml-language-server: $schema=../contracts/scenario.schema.json"
    assert list(Draft202012Validator(dict(scenario_schema())).iter_errors(yaml.safe_load("a: 1"))) != []
    assert load_scenario(path).proves.startswith("Proves ")


def test_a_file_is_named_as_the_user_gave_it(tmp_path: Path) -> None:
    path = tmp_path / "story.yaml"
    path.write_text("scenario: x", encoding="utf-8")

    with pytest.raises(ScenarioInvalid) as refusal:
        load_scenario(path)

    assert str(refusal.value).startswith(f"{path}:1:1: ")


def test_a_folder_is_no_scenario(tmp_path: Path) -> None:
    with pytest.raises(ScenarioInvalid, match="cannot be read"):
        load_scenario(tmp_path)


def test_a_misspelt_file_is_guessed() -> None:
    with pytest.raises(
        ScenarioInvalid, match=r"no such file; did you mean `scenarios/survey_follow_up.yaml`\?"
    ):
        load_scenario("scenarios/survey_followup.yaml")


def test_a_file_unlike_any_other_is_answered_with_where_to_look(tmp_path: Path) -> None:
    with pytest.raises(ScenarioInvalid, match="no such file; `list` shows the scenarios there are"):
        load_scenario(tmp_path / "qqq")


@pytest.mark.parametrize(
    ("text", "found"),
    [("", "nothing"), ("- a", "a list"), ("hello", "a text"), ("7", "a number"), ("true", "a yes or no")],
)
def test_what_is_no_mapping_is_no_scenario(text: str, found: str) -> None:
    with pytest.raises(
        ScenarioInvalid, match=f"found {found}, wanted a mapping that begins with `scenario: TITLE`"
    ):
        read_scenario(text, "s")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lasts": None}, "`lasts` is missing; add `lasts: …`"),
        ({"journey": []}, "journey: found `[]`, wanted the steps, at least one"),
        ({"journey__0": {"at": "0 h"}}, "journey[0]: wanted `clevertap` or `mailmodo` or `mailjet`"),
        (
            {"journey__0": {"at": "0 h", "clevertap": "launch ask", "mailmodo": "trigger nps"}},
            "`clevertap` and `mailmodo` contradict each other; keep one of them",
        ),
        ({"journey__0": {"at": "0 h", "clevertap": "send ask"}}, "wanted `launch CAMPAIGN` or `event NAME`"),
        ({"people__count": 0}, "found `0`, wanted how many people, from 1 to 1,000,000"),
        ({"people__named__0__opens": "soon"}, "people.named[0].opens: found `soon`, wanted `never`, or a delay"),
        ({"people__named__0__email": "nobody"}, "found `nobody`, wanted an e-mail address"),
        ({"people__named__0__clikcs": "never"}, "is not a word of the format; did you mean `clicks`?"),
        ({"starts": "2026-03-02 09:00"}, "wanted an instant with its offset"),
        ({"starts": "2026-03-02T09:00:00"}, "wanted an instant with its offset"),
        ({"accounts__clevertap__region": "in2"}, "found `in2`, wanted a CleverTap region; did you mean `in1`?"),
        ({"accounts__clevertap__campaigns__0__calls": None}, "`calls` is missing; add `calls: …` (`mailmodo/NAME`)"),
        ({"accounts__clevertap__campaigns__1__text": None}, "`text` is missing; add `text: …` (what it says)"),
        ({"accounts__clevertap__campaigns__1__when": {"did_not": "x"}}, "wanted `did` or `did_not`, `within`, `after`"),
        ({"expect__0": {"clevertap.profile": "Asha"}}, "expect[0]: wanted `has` or `lacks`"),
        ({"expect__0": {"clevertap.profile": "Asha", "hsa": "x", "has": "x"}}, "did you mean `has`?"),
        ({"expect__0": 7}, "expect[0]: found `7`, wanted a mapping such as"),
        ({"seed": -1}, "found `-1`, wanted a whole number"),
        ({"accounts__mailmodo__templates__0__links": {"Shop": "shop.example"}}, "wanted an address that begins with https://"),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, str) else "",
)  # fmt: skip
def test_a_wrong_form_is_explained(changes: dict[str, Any], message: str) -> None:
    assert any(message in problem for problem in problems_of(SURVEY, **changes)), problems_of(
        SURVEY, **changes
    )


def test_every_problem_stands_where_it_is_in_the_file() -> None:
    text = "scenario: x\nstarts: 2026-03-02T09:00:00Z\nlasts: 1 day\npeople:\n  count: lots\njourney:\n  - {at: 0 h, mailmodo: launch x}\n"

    with pytest.raises(ScenarioInvalid) as refusal:
        read_scenario(text, "s")

    assert [(one.position.line, one.position.column) for one in refusal.value.problems] == [(5, 10), (7, 25)]


def test_long_values_are_shortened_in_messages() -> None:
    (problem,) = problems_of(SURVEY, lasts="x" * 500)

    assert len(problem) < 200


class TestOverrides:
    def test_values_are_put_where_the_path_leads(self) -> None:
        scenario = overridden(
            ("people.count", "9"), ("people.named.0.opens", "never"), ("people.habits.open.share", "10 %")
        )

        assert scenario.people.count == 9
        assert scenario.people.named[0].deeds["open"].after is None
        assert scenario.people.habits["open"].share.fraction == pytest.approx(0.1)

    def test_what_is_not_there_yet_is_made(self) -> None:
        scenario = overridden(
            ("people.habits.click", "{share: 5 % of open}"), ("accounts.segment.region", "eu")
        )

        assert scenario.people.habits["click"].share.of == "open"
        assert scenario.accounts.segment_region == "eu"
        assert "segment" in scenario.accounts.used

    def test_a_later_override_wins(self) -> None:
        assert overridden(("seed", "3"), ("seed", "4")).seed == 4

    def test_problems_name_the_override(self) -> None:
        with pytest.raises(ScenarioInvalid) as refusal:
            overridden(("people.count", "many"))

        assert str(refusal.value).startswith("--set people.count=many:1:1: people.count: found `many`")

    @pytest.mark.parametrize(
        ("path", "value", "message"),
        [
            ("journey.1.at", "3 h", "found `1`, wanted a number below 1 for an item of a list"),
            ("journey.first.at", "3 h", "found `first`, wanted a number below 1"),
            ("lasts.hours", "3", "`lasts` is a text; nothing can be set inside it"),
            ("people.count", "[1", "not well-formed YAML"),
            ("people.cuont", "3", "did you mean `count`?"),
        ],
    )
    def test_a_path_that_leads_nowhere_is_refused(self, path: str, value: str, message: str) -> None:
        with pytest.raises(ScenarioInvalid) as refusal:
            overridden((path, value))

        assert message in str(refusal.value)
        assert f"--set {path}={value}" in str(refusal.value)

    def test_a_file_that_is_no_mapping_takes_no_overrides(self) -> None:
        with pytest.raises(ScenarioInvalid):
            read_scenario("hello", "s", overrides=[("people.count", "3")])


def test_the_schema_judges_what_it_is_given_and_nothing_more() -> None:
    validator = Draft202012Validator(dict(scenario_schema()))

    assert list(validator.iter_errors(json.loads(text_of(SURVEY)))) == []
    assert list(validator.iter_errors(changed(RECEIPT, scenario=""))) != []
