"""The command line as a user meets it: exit codes, messages, files."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner, Result

from simulator.cli import main
from tests.support.command import ROOT, command, environment, free_port, free_ports, running
from tests.support.stories import RECEIPT, changed, text_of

SURVEY = "scenarios/survey_follow_up.yaml"
COMMANDS = [
    ("run",), ("check",), ("list",), ("new",), ("serve",),
    ("contracts", "list"), ("contracts", "show"), ("contracts", "check"),
]  # fmt: skip
OPENED = {"segment.user": "Ada", "has": "Email Opened", "once": True}


def invoke(*arguments: str, stdin: str | bytes = "") -> Result:
    return CliRunner().invoke(main, arguments, input=stdin)


@pytest.fixture
def story(tmp_path: Path) -> str:
    path = tmp_path / "story.yaml"
    path.write_text(text_of(changed(RECEIPT, expect=[OPENED])), encoding="utf-8")
    return str(path)


class TestHelp:
    @pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
    def test_every_command_shows_an_example(self, words: tuple[str, ...]) -> None:
        result = invoke(*words, "--help")

        assert result.exit_code == 0
        assert "Example:" in result.output
        assert f"journeylab {' '.join(words)}" in result.output

    def test_the_group_shows_first_steps_and_every_command(self) -> None:
        result = invoke("--help")

        assert result.exit_code == 0
        assert "journeylab run scenarios/survey_follow_up.yaml" in result.output
        assert [
            name
            for name in ("run", "check", "list", "new", "serve", "contracts")
            if f"  {name} " not in result.output
        ] == []

    def test_options_say_default_and_meaning(self) -> None:
        output = " ".join(invoke("run", "--help").output.split())

        for option in (
            "--seed",
            "--people",
            "--set",
            "--arm",
            "--speed",
            "--bridge",
            "--no-ledger",
            "--report",
            "--junit",
            "--quiet",
        ):
            assert option in output
        assert "[default: virtual]" in output
        assert "[default: reports]" in output

    def test_the_version_is_told(self) -> None:
        assert invoke("--version").output.startswith("journeylab, version ")

    @pytest.mark.parametrize(
        "arguments", [("rnu",), ("run",), ("run", "x.yaml", "--sed", "3"), ("run", "x", "--people", "0")]
    )
    def test_what_is_no_command_is_exit_code_2(self, arguments: tuple[str, ...]) -> None:
        assert invoke(*arguments).exit_code == 2


class TestRun:
    def test_a_kept_scenario_is_exit_code_0(self, story: str) -> None:
        result = invoke("run", story, "--no-report")

        assert result.exit_code == 0
        assert "kept: everything that should have happened did" in result.output

    def test_a_broken_expectation_is_exit_code_1_and_says_what_was_found(self, story: str) -> None:
        result = invoke("run", story, "--no-report", "--set", "expect.0.has=Email Read")

        assert result.exit_code == 1
        assert "not found; ada@example.com has" in " ".join(result.output.split())

    def test_a_broken_ledger_is_exit_code_1(self, story: str) -> None:
        swallows = ("--bridge", "tests.support.bridges:swallows", "--set", "expect=[]", "--no-report")

        result = invoke("run", story, *swallows)

        assert result.exit_code == 1
        assert "lost" in result.output
        assert "ada@example.com" in result.output

    def test_an_overridden_ledger_is_not_checked(self, story: str) -> None:
        swallows = ("--bridge", "tests.support.bridges:swallows", "--set", "expect=[]", "--no-report")

        assert invoke("run", story, *swallows, "--no-ledger").exit_code == 0

    @pytest.mark.slow
    def test_quiet_is_one_line_a_scenario(self, story: str) -> None:
        result = invoke("run", story, story, "--quiet", "--no-report")

        first, second = result.output.splitlines()
        assert first.startswith(f"{story}: kept (")
        assert second.startswith(f"{story}: kept (")

    def test_quiet_counts_what_is_broken(self, story: str) -> None:
        result = invoke("run", story, "--quiet", "--no-report", "--bridge", "tests.support.bridges:swallows")

        assert result.output.startswith(f"{story}: broken: 1 of 1 expectations broken, 3 ledger findings (")

    def test_people_and_seed_are_taken_and_shown_beside_a_path_that_is_not_broken(
        self, story: str, tmp_path: Path
    ) -> None:
        far = tmp_path / ("far" * 30) / "story.yaml"
        far.parent.mkdir()
        far.write_bytes(Path(story).read_bytes())

        result = invoke("run", str(far), "--people", "5", "--seed", "9", "--report", str(tmp_path / "r"))

        assert result.exit_code == 0
        assert "people     5 " in result.output
        assert f"{far}  seed 9\n" in result.output

    def test_reports_go_where_they_should(self, story: str, tmp_path: Path) -> None:
        folder, junit = tmp_path / "deep" / "reports", tmp_path / "ci" / "junit.xml"

        result = invoke("run", story, "--report", str(folder), "--junit", str(junit))

        assert {path.name for path in folder.iterdir()} == {"story.html", "story.jsonl"}
        assert "story.html" in result.output
        suite = ET.fromstring(junit.read_text(encoding="utf-8"))
        assert int(suite.get("failures", "0")) == 0
        assert any("Email Opened" in (case.get("name") or "") for case in suite.iter("testcase"))

    def test_junit_names_what_is_broken(self, story: str, tmp_path: Path) -> None:
        junit = tmp_path / "junit.xml"

        invoke("run", story, "--no-report", "--junit", str(junit), "--set", "expect.0.has=Email Read")

        assert "not found; ada@example.com has" in junit.read_text(encoding="utf-8")

    def test_no_report_writes_nothing(self, story: str, tmp_path: Path) -> None:
        invoke("run", story, "--no-report")

        assert [path.name for path in tmp_path.iterdir()] == ["story.yaml"]

    def test_two_files_of_one_name_keep_their_own_reports(self, story: str, tmp_path: Path) -> None:
        invoke("run", story, story, "--quiet", "--report", str(tmp_path / "r"))

        assert sorted(path.name for path in (tmp_path / "r").iterdir()) == [
            "story-2.html", "story-2.jsonl", "story.html", "story.jsonl",
        ]  # fmt: skip

    @pytest.mark.parametrize("option", ["--report", "--junit"])
    def test_a_report_that_cannot_be_written_is_exit_code_2_before_anything_is_played(
        self, story: str, option: str, tmp_path: Path
    ) -> None:
        blocker = tmp_path / "file"
        blocker.write_text("in the way", encoding="utf-8")

        result = invoke("run", story, option, str(blocker / "below"))

        assert result.exit_code == 2
        assert "cannot be written" in result.output
        assert "What happened" not in result.output

    def test_nothing_is_played_when_one_of_the_files_is_wrong(self, story: str, tmp_path: Path) -> None:
        wrong = tmp_path / "wrong.yaml"
        wrong.write_text("scenario: x", encoding="utf-8")

        result = invoke("run", story, str(wrong))

        assert result.exit_code == 2
        assert "nothing was run" in result.output

    def test_a_vendor_that_refuses_what_the_scenario_asks_is_exit_code_2(self, story: str) -> None:
        result = invoke(
            "run", story, "--no-report", "--set", f"accounts.mailjet.messages.0.subject={'x' * 300}"
        )

        assert result.exit_code == 2
        assert result.output.startswith("error: POST https://api.mailjet.com/v3.1/send was answered 400")


class TestBridges:
    def test_a_factory_of_ones_own_lives_in_virtual_time(self, story: str) -> None:
        assert invoke("run", story, "--no-report", "--bridge", "tests.support.bridges:real").exit_code == 0

    @pytest.mark.parametrize(
        ("bridge", "message"),
        [
            ("tests.support.bridges:nobody", "has no `nobody`; wanted a function"),
            ("no_such_module:make", "cannot import `no_such_module`"),
            ("tests.support.bridges:fails_to_start", "cannot be started: RuntimeError: out of order"),
            ("python -m bridge", "cannot live in virtual time; add `--arm"),
            ("http://127.0.0.1:9", "cannot live in virtual time; add `--arm"),
            ("http://127.0.0.1:port", "wanted an address such as"),
            ('python "-m', "cannot be read as a command"),
        ],
    )
    def test_one_that_cannot_be_used_is_exit_code_2(self, story: str, bridge: str, message: str) -> None:
        result = invoke("run", story, "--no-report", "--bridge", bridge)

        assert result.exit_code == 2
        assert result.output.startswith("error: --bridge ")
        assert message in result.output

    @pytest.mark.parametrize(
        ("bridge", "message"),
        [
            ("./no-such-program", "cannot be started"),
            ("false", "ended with exit code 1"),
            ("url", "start it first"),
        ],
    )
    def test_one_outside_that_is_not_there_is_exit_code_2(
        self, story: str, bridge: str, message: str
    ) -> None:
        what = f"http://127.0.0.1:{free_port()}" if bridge == "url" else bridge

        result = invoke("run", story, "--no-report", "--arm", "live", "--bridge", what)

        assert result.exit_code == 2
        assert f"error: --bridge {what}: " in result.output
        assert message in result.output

    @pytest.mark.slow
    def test_a_command_is_started_told_where_everything_is_and_stopped(self, tmp_path: Path) -> None:
        path = tmp_path / "story.yaml"
        path.write_text(text_of(changed(RECEIPT, expect=[OPENED], lasts="2 h")), encoding="utf-8")

        ended = command(
            "run", str(path), "--no-report", "--arm", "live", "--speed", "100000",
            "--bridge", "python -m bridge", PATH=f"{ROOT / '.venv' / 'bin'}:/usr/bin:/bin",
        )  # fmt: skip

        assert ended.code == 0, ended.out + ended.err
        assert "kept: everything that should have happened did" in ended.out

    @pytest.mark.slow
    def test_a_bridge_that_is_up_already_is_tested_and_left_running(self, tmp_path: Path) -> None:
        """Its operator gives it what `serve --env` prints; `run --port` then serves at the same addresses."""
        path, port = tmp_path / "story.yaml", str(free_ports(6))
        path.write_text(text_of(changed(RECEIPT, lasts="10 min")), encoding="utf-8")
        with running(
            str(ROOT / "run_sim.py"), "serve", "--env", "--port", port, "--scenario", str(path)
        ) as serving:
            while "BRIDGE_SEGMENT_WRITE_KEY_CUSTOMERIO" not in serving.line():
                pass
            exports = serving.stop().out
        settings: dict[str, Any] = dict(shlex.split(line)[1].split("=", 1) for line in exports.splitlines())
        settings |= {"BRIDGE_PORT": "0", "BRIDGE_STORE_PATH": ":memory:"}
        with running("-m", "bridge", **settings) as bridge:
            url = bridge.line().split()[-1]

            ended = command(
                "run", str(path), "--no-report", "--arm", "paced", "--port", port, "--bridge", url
            )

            assert ended.code == 0, ended.out + ended.err
            assert bridge.process.poll() is None
            assert bridge.stop().code == 0

    @pytest.mark.slow
    def test_a_bridge_that_knows_nothing_of_the_accounts_loses_everything(self, tmp_path: Path) -> None:
        path = tmp_path / "story.yaml"
        path.write_text(text_of(changed(RECEIPT, lasts="10 min")), encoding="utf-8")
        with running("-m", "bridge", BRIDGE_PORT="0", BRIDGE_STORE_PATH=":memory:") as bridge:
            url = bridge.line().split()[-1]

            ended = command("run", str(path), "--no-report", "--arm", "paced", "--bridge", url)

        assert ended.code == 1, ended.out + ended.err
        assert "lost" in ended.out


class TestOthers:
    def test_check_says_what_a_scenario_holds(self) -> None:
        result = invoke("check", SURVEY)

        assert result.exit_code == 0
        assert result.output == f"{SURVEY}: ok (200 people, 1 step, 17 expectations)\n"

    def test_list_shows_the_scenarios_there_are(self) -> None:
        result = invoke("list")

        assert result.exit_code == 0
        assert f"{SURVEY}  Survey with an SMS to non-respondents (200 people, 4 d)" in result.output
        assert len(result.output.splitlines()) == len(list((ROOT / "scenarios").glob("*.yaml")))

    def test_list_shows_those_of_a_folder_and_which_cannot_be_read(self, story: str, tmp_path: Path) -> None:
        (tmp_path / "wrong.yaml").write_text("scenario: [", encoding="utf-8")

        result = invoke("list", str(tmp_path))

        assert result.exit_code == 0
        assert f"{story}  A receipt (2 people, 1 d)" in result.output
        assert "wrong.yaml  cannot be read: " in result.output

    def test_list_of_an_empty_folder_is_exit_code_2(self, tmp_path: Path) -> None:
        result = invoke("list", str(tmp_path))

        assert result.exit_code == 2
        assert "no scenarios (*.yaml) here" in result.output

    @pytest.mark.slow
    def test_a_new_scenario_runs_as_it_is(self, tmp_path: Path) -> None:
        made = command("new", "story.yaml", cwd=tmp_path)
        ended = command("run", "story.yaml", "--no-report", cwd=tmp_path)

        assert made.code == 0
        assert made.out == (
            "wrote story.yaml and scenario.schema.json; play it with: journeylab run story.yaml\n"
        )
        assert ended.code == 0, ended.out + ended.err
        first = (tmp_path / "story.yaml").read_text(encoding="utf-8").splitlines()[0]
        assert first == "# yaml-language-server: $schema=./scenario.schema.json"
        schema = json.loads((tmp_path / "scenario.schema.json").read_text(encoding="utf-8"))
        assert schema["title"] == "Journeylab scenario"

    def test_new_never_overwrites(self, story: str) -> None:
        result = invoke("new", story)

        assert result.exit_code == 2
        assert "there is such a file already" in result.output

    def test_new_where_nothing_can_be_written_is_exit_code_2(self, tmp_path: Path) -> None:
        result = invoke("new", str(tmp_path / "nowhere" / "story.yaml"))

        assert result.exit_code == 2
        assert "cannot be written" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--speed", "10"), "--speed means something only with --arm live; this is --arm virtual"),
        (("--speed", "1", "--arm", "paced"), "--speed means something only with --arm live"),
        (("--port", "9000"), "--port means something only with --arm paced or --arm live"),
    ],
)
def test_an_option_that_would_do_nothing_is_exit_code_2(
    arguments: tuple[str, ...], message: str, story: str
) -> None:
    result = invoke("run", story, "--no-report", *arguments)

    assert result.exit_code == 2
    assert message in result.output


def test_an_item_of_a_list_is_set_in_brackets(story: str) -> None:
    result = invoke("run", story, "--no-report", "--set", "expect[0].has=Email Read")

    assert result.exit_code == 1
    assert "Email Read" in result.output


@pytest.mark.slow
class TestOutput:
    EACH = pytest.mark.parametrize(
        "words", [("--help",), ("list",), ("check", SURVEY), ("contracts", "show", "segment")], ids=" ".join
    )

    @staticmethod
    def run(words: tuple[str, ...], out: int, **more: str) -> tuple[int, str]:
        ended = subprocess.run(
            [sys.executable, str(ROOT / "run_sim.py"), *words],
            env=environment(**more), stdout=out, stderr=subprocess.PIPE, text=True, timeout=60, check=False, cwd=ROOT,
        )  # fmt: skip
        return ended.returncode, ended.stderr

    @EACH
    def test_a_full_disk_is_exit_code_2(self, words: tuple[str, ...]) -> None:
        with Path("/dev/full").open("w", encoding="utf-8") as full:
            code, told = self.run(words, full.fileno())

        assert (code, told) == (2, "error: output cannot be written: No space left on device\n")

    @EACH
    def test_a_reader_who_has_left_is_no_failure_of_the_story(self, words: tuple[str, ...]) -> None:
        reading, writing = os.pipe()
        os.close(reading)
        try:
            assert self.run(words, writing) == (141, "")
        finally:
            os.close(writing)

    def test_a_run_ends_like_any_command_when_its_reader_leaves(self, story: str) -> None:
        reading, writing = os.pipe()
        os.close(reading)
        try:
            assert self.run(("run", story, "--no-report"), writing) == (141, "")
        finally:
            os.close(writing)

    def test_an_encoding_of_few_characters_gets_ascii(self, story: str, tmp_path: Path) -> None:
        with (tmp_path / "out").open("w+", encoding="ascii") as out:
            code, told = self.run(("run", story, "--no-report"), out.fileno(), PYTHONIOENCODING="ascii")
            text = (tmp_path / "out").read_text(encoding="ascii")

        assert (code, told) == (0, "")
        assert "Mailjet event -> Segment event" in text


class TestContracts:
    def test_list_counts_operations_and_webhooks(self) -> None:
        result = invoke("contracts", "list")

        assert result.exit_code == 0
        assert [line.split()[0] for line in result.output.splitlines()] == [
            "bridge", "clevertap", "control", "customerio", "mailjet", "mailmodo", "segment",
        ]  # fmt: skip

    def test_list_of_a_vendor_shows_each_with_what_it_does(self) -> None:
        result = invoke("contracts", "list", "mailmodo")

        assert "triggerCampaign" in result.output
        assert "POST /api/v1/triggerCampaign/{" in result.output
        assert "webhook" in result.output

    def test_show_gives_one_operation_as_yaml(self) -> None:
        result = invoke("contracts", "show", "mailmodo", "triggerCampaign")

        assert result.exit_code == 0
        assert "operationId: triggerCampaign" in result.output
        assert "operationId: addEvent" not in result.output

    def test_show_gives_a_whole_contract(self) -> None:
        assert invoke("contracts", "show", "segment").output.startswith("openapi: 3.1")

    def test_a_payload_that_keeps_its_contract_is_exit_code_0(self) -> None:
        body = json.dumps({"email": "asha@example.com"})

        result = invoke("contracts", "check", "mailmodo", "triggerCampaign", stdin=body)

        assert (result.exit_code, result.output) == (0, "kept\n")

    def test_a_payload_that_breaks_it_is_exit_code_1_and_explained(self, tmp_path: Path) -> None:
        path = tmp_path / "captured.json"
        path.write_text(json.dumps({"email": 7}), encoding="utf-8")

        result = invoke("contracts", "check", "mailmodo", "triggerCampaign", str(path))

        assert result.exit_code == 1
        assert "request.body $.email: got 7" in result.output
        assert result.output.endswith("broken: 1 violation\n")

    def test_an_answer_is_checked_by_its_status(self) -> None:
        result = invoke("contracts", "check", "mailmodo", "triggerCampaign", "--status", "599", stdin="{}")

        assert result.exit_code == 1
        assert "response.status" in result.output

    def test_a_webhook_is_checked_too(self) -> None:
        result = invoke("contracts", "check", "mailmodo", "activity", stdin="{}")

        assert result.exit_code == 1
        assert "wanted also" in result.output

    @pytest.mark.parametrize("stdin", ["not json", b"\xff\xfe", "", "[1,"])
    def test_what_is_no_json_is_a_violation(self, stdin: str | bytes) -> None:
        result = invoke("contracts", "check", "mailmodo", "triggerCampaign", stdin=stdin)

        assert result.exit_code == 1
        assert "wanted well-formed application/json" in result.output or "got nothing" in result.output

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("list", "mailmoda"), "no contract named 'mailmoda'; there are bridge, clevertap"),
            (("show", "../pyproject"), "no contract named '../pyproject'"),
            (("show", "mailmodo", "triggerCampain"), "no operation or webhook 'triggerCampain'"),
            (("check", "mailmoda", "x"), "no contract named"),
            (("check", "mailmodo", "x"), "no operation or webhook 'x'"),
            (("check", "mailmodo", "triggerCampaign", "no-such-file.json"), "no-such-file.json"),
        ],
    )
    def test_an_unknown_name_is_exit_code_2(self, arguments: tuple[str, ...], message: str) -> None:
        result = invoke("contracts", *arguments)

        assert result.exit_code == 2
        assert message in result.output


@pytest.mark.slow
def test_the_script_of_a_checkout_is_the_same_command() -> None:
    ended = command("check", SURVEY)

    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(f"{SURVEY}: ok")
