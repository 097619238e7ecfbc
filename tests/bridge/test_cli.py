"""`python -m bridge` as people start it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import Request, urlopen

import pytest
from click.testing import CliRunner

from bridge.cli import main
from bridge.settings import Settings, table
from tests.bridge.rig import activity, mailjet_event

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]


@contextmanager
def served(settings: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", "bridge", "--settings", str(settings)]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            found = re.search(r"http://\S+", process.stdout.readline())
            assert found, process.stderr.read() if process.stderr else ""
            yield process, found[0]
        finally:
            if process.poll() is None:
                process.kill()


def settings_file(folder: Path) -> Path:
    file = folder / "bridge.toml"
    file.write_text(
        f'port = 0\nstore_path = "{folder}/bridge.sqlite3"\n[mailmodo]\nwebhook_secret = "s"\napi_key = "k"\n'
        '# a closed port of this machine: nothing is reached\nurl = "http://127.0.0.1:9"\n[clevertap]\nwebhook_secret = "c"\n'
    )
    return file


@pytest.mark.slow
def test_the_bridge_starts_alone_answers_and_stops_at_sigterm(tmp_path: Path):
    file = settings_file(tmp_path)
    with served(file) as (process, url):
        body = json.dumps({"email": "asha@example.com"}).encode()
        with urlopen(Request(f"{url}/sources/clevertap/c/campaigns/c-1", data=body)) as answer:
            assert json.load(answer) == {"stored": 1, "known": 0}
        with urlopen(f"{url}/healthz") as answer:
            assert json.load(answer)["counts"]["accepted"] == 1
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0

    result = CliRunner().invoke(main, ["--settings", str(file), "counts"])
    assert result.exit_code == 0
    assert re.search(r"pending +1\n", result.output)


@pytest.mark.slow
def test_what_was_answered_200_survives_a_kill(tmp_path: Path):
    file = settings_file(tmp_path)
    with served(file) as (process, url):
        for number in range(20):
            body = json.dumps(activity(id_=f"a-{number}")).encode()
            with urlopen(Request(f"{url}/sources/mailmodo/s", data=body)) as answer:
                assert answer.status == 200
        process.kill()
        process.wait(timeout=20)

    result = CliRunner().invoke(main, ["--settings", str(file), "counts"])
    assert result.exit_code == 0
    assert re.search(
        r"accepted +40\n", result.output
    )  # each has an outcome for Segment and one for CleverTap


def test_help_lists_every_setting():
    output = CliRunner().invoke(main, ["--help"], terminal_width=300).output

    for row in table():
        assert row.name in output
        assert row.variable in output


def test_bad_settings_exit_2_with_file_key_found_and_wanted(tmp_path: Path):
    file = tmp_path / "bridge.toml"
    file.write_text("port = 'x'\n")

    result = CliRunner().invoke(main, ["--settings", str(file)])

    assert result.exit_code == 2
    assert result.stderr == f"error: {file}:1:8: port: found 'x', wanted a whole number\n"


def test_settings_are_shown_without_secrets(tmp_path: Path):
    file = tmp_path / "bridge.toml"
    file.write_text('[mailmodo]\napi_key = "hush"\n[customerio]\nsigning_keys = ["hush", "hush2"]\n')

    output = CliRunner().invoke(main, ["--settings", str(file), "settings"]).output

    assert {line.split()[0] for line in output.splitlines()} == {row.name for row in table()}
    assert re.search(r"^mailmodo_api_key +a secret$", output, re.MULTILINE)
    assert re.search(r"^customerio_signing_keys +2 secrets$", output, re.MULTILINE)
    assert re.search(r"^request_timeout_s +30.0 s$", output, re.MULTILINE)
    assert "hush" not in output


def test_a_store_that_cannot_be_opened_exits_2(tmp_path: Path):
    file = tmp_path / "bridge.toml"
    file.write_text(f'store_path = "{tmp_path}/none/bridge.sqlite3"\n')

    result = CliRunner().invoke(main, ["--settings", str(file), "counts"])

    assert result.exit_code == 2
    assert "there is no" in result.stderr


@pytest.mark.parametrize("path", ["bridge.sqlite3", ":memory:"])
@pytest.mark.parametrize("command", [["counts"], ["status"], ["requeue", "--all"]])
def test_a_question_about_a_store_that_is_not_there_is_no_zero(tmp_path: Path, path: str, command: list[str]):
    """It once made an empty store wherever the command ran, in which all is well."""
    file = tmp_path / "bridge.toml"
    file.write_text(f'store_path = "{path}"\nadmin_token = "no-bridge-has-this-token"\nport = 1\n')

    result = CliRunner().invoke(main, ["--settings", str(file), *command])

    assert result.exit_code == 2
    assert result.stderr.startswith("error: store: no bridge answers, and ")
    assert list(tmp_path.iterdir()) == [file]


def test_a_store_stands_beside_its_settings_wherever_the_command_runs(tmp_path: Path):
    file = tmp_path / "bridge.toml"
    file.write_text('port = 0\nstore_path = "data/bridge.sqlite3"\n')

    assert Settings.load(file, {}).store_path == str(tmp_path / "data" / "bridge.sqlite3")
    assert Settings.load(file, {"BRIDGE_STORE_PATH": "here.sqlite3"}).store_path == "here.sqlite3"
    assert Settings.load(file, {"BRIDGE_STORE_PATH": ":memory:"}).store_path == ":memory:"


@pytest.mark.parametrize("given", [[], ["--source", "mailmodo"]])
def test_explain_shows_the_rows_of_a_captured_webhook(tmp_path: Path, given: list[str]):
    file = tmp_path / "captured.json"
    file.write_text(json.dumps(activity("Email Form Submitted")))

    result = CliRunner().invoke(main, ["explain", str(file), *given, "--user", "u-1"])

    assert result.exit_code == 0
    assert "segment/mailmodo as 'Email Form Submitted'" in result.output
    assert '"userId":"u-1"' in result.output
    assert "clevertap as 'MM … Form Submitted'" in result.output
    assert '"evtName":"MM NPS Survey Form Submitted"' in result.output


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ([mailjet_event("click")], "segment/mailjet as 'Email Link Clicked'"),
        ({"email": "a@b.co"}, "triggerCampaign /api/v1/triggerCampaign/CAMPAIGN"),
        ({"metric": "opened", "timestamp": 1}, "customerio other"),
        ({"type": "page", "messageId": "m"}, "filtered, unsupported_type"),
        # Segment's webhook destination forwards these without a messageId. Source: vendor notes Segment 15.1.
        (
            {"type": "delete", "userId": "u-1", "timestamp": "2026-03-02T03:30:00Z"},
            "filtered, unsupported_type",
        ),
        (
            {"type": "identify", "messageId": "m", "traits": {"email": "a@b.co"}},
            "addToList /api/v1/addToList",
        ),
    ],
)
def test_explain_guesses_who_sent_it(tmp_path: Path, body: object, line: str):
    file = tmp_path / "captured.json"
    file.write_text(json.dumps(body))

    assert line in CliRunner().invoke(main, ["explain", str(file)]).output


def test_explain_of_nonsense_says_why(tmp_path: Path):
    file = tmp_path / "captured.json"
    for nonsense in ("{", "[" * 100_000):
        file.write_text(nonsense)

        assert "quarantined: not JSON" in CliRunner().invoke(main, ["explain", str(file)]).output
