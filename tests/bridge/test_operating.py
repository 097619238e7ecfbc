"""Operators' commands, as they are typed: beside a running bridge, and on the store itself when none runs."""

from __future__ import annotations

import json
import re
import signal
import sqlite3
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import click
import pytest
from click.testing import CliRunner, Result

from bridge.cli import main
from tests.bridge.test_cli import served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOKEN = "an-admin-token-of-a-test"


class Mailmodo(BaseHTTPRequestHandler):
    """Answers every trigger as its server says; a status of 0 is an answer that never comes."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        server: Any = self.server
        server.calls += 1
        server.is_called.set()
        if not server.status:
            server.is_released.wait(30)
        body = b'{"success": true, "message": "ok", "ref": "r-1"}'
        self.send_response(server.status or 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: Any) -> None:
        """Say nothing."""


@contextmanager
def vendor(status: int) -> Iterator[Any]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Mailmodo) as server:
        made: Any = server
        made.status, made.calls = status, 0
        made.is_called, made.is_released = threading.Event(), threading.Event()
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield made
        finally:
            made.is_released.set()
            server.shutdown()
            thread.join()


def settings_file(folder: Path, vendor_port: int = 9) -> Path:
    file = folder / "bridge.toml"
    file.write_text(
        f'port = 0\nstore_path = "{folder}/bridge.sqlite3"\nadmin_token = "{TOKEN}"\nlog_format = "json"\n'
        f'[mailmodo]\napi_key = "key-one"\nurl = "http://127.0.0.1:{vendor_port}"\n[clevertap]\nwebhook_secret = "c"\n'
    )
    return file


def run(file: Path, *arguments: str, url: str = "") -> Result:
    given = ["--url", url] if url else []
    return CliRunner().invoke(main, ["--settings", str(file), *arguments, *given], catch_exceptions=False)


def trigger(url: str, campaign: str = "c-1", body: bytes = b'{"email": "asha@example.com"}') -> None:
    with urlopen(Request(f"{url}/sources/clevertap/c/campaigns/{campaign}", data=body)) as answer:
        assert answer.status == 200


def wait_until(what: Any) -> None:
    deadline = time.monotonic() + 20
    while not what():
        assert time.monotonic() < deadline
        threading.Event().wait(0.02)


def counts(file: Path, url: str) -> dict[str, int]:
    found: dict[str, int] = json.loads(run(file, "counts", "--json", url=url).stdout)
    return found


@pytest.mark.slow
def test_dead_deliveries_are_seen_requeued_and_delivered_while_the_bridge_runs(tmp_path: Path):
    with vendor(404) as mailmodo:
        file = settings_file(tmp_path, mailmodo.server_port)
        with served(file) as (_process, url):
            for campaign in ("c-1", "c-2"):
                trigger(url, campaign)
            trigger(url, body=b"{")
            wait_until(lambda: counts(file, url)["dead"] == 2)

            status = run(file, "status", url=url)
            listed = run(file, "dead", "list", url=url)
            found = json.loads(run(file, "dead", "list", "--json", url=url).stdout)
            (first, second) = [each["id"] for each in found["deliveries"]]
            shown = run(file, "dead", "show", str(first), url=url)
            mailmodo.status = 200
            requeued = run(file, "requeue", str(first), url=url)
            wait_until(lambda: counts(file, url)["delivered"] == 1)
            again = run(file, "requeue", str(first), "999", url=url)
            discarded = run(file, "discard", "--destination", "mailmodo", url=url)
            replayed = run(file, "replay", "--all", url=url)
            conserved = run(file, "conserve", url=url)

    assert status.exit_code == 0
    assert re.search(r"^bridge  taking webhooks for \d+\.\d s$", status.stdout, re.MULTILINE)
    assert re.search(r"^  clevertap +on +3 +· +·$", status.stdout, re.MULTILINE)
    assert re.search(r"^  mailmodo +open +· +· +· +2 +· +·$", status.stdout, re.MULTILINE)
    assert "accepted 3 = dead 2 + quarantined 1\n! 2 dead: look with `dead list`" in status.stdout
    assert re.search(
        rf"^ *{first} .*campaign_triggered +mailmodo +triggerCampaign +1 +http_404",
        listed.stdout,
        re.MULTILINE,
    )
    assert "@" not in listed.stdout
    assert '"email": "asha@example.com"' in shown.stdout
    assert (requeued.exit_code, requeued.stdout) == (0, "requeued: 1 delivery\n")
    assert again.exit_code == 1
    assert again.stderr == f"left alone, being in another state or not there: {first} 999\n"
    assert (discarded.exit_code, discarded.stdout) == (0, "discarded: 1 delivery\n")
    assert (replayed.exit_code, replayed.stdout) == (
        1,
        "replayed 1 webhook: 1 outcome; 1 still quarantined\n",
    )
    assert (conserved.exit_code, conserved.stdout.splitlines()[-1]) == (
        0,
        "balanced: everything accepted is accounted for",
    )
    assert second


@pytest.mark.slow
def test_without_a_running_bridge_the_store_itself_is_asked_and_changed(tmp_path: Path):
    with vendor(404) as mailmodo:
        file = settings_file(tmp_path, mailmodo.server_port)
        with served(file) as (process, url):
            trigger(url)
            wait_until(lambda: counts(file, url)["dead"] == 1)
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0

    status = run(file, "status")
    requeued = run(file, "requeue", "--reason", "http_404")
    after = run(file, "counts", "--json")

    assert "not running; this is what stands in its store" in status.stdout
    assert requeued.stdout == "requeued: 1 delivery\n"
    assert json.loads(after.stdout)["pending"] == 1


@pytest.mark.slow
def test_what_changes_a_store_that_a_bridge_serves_is_refused_and_looking_is_not(tmp_path: Path):
    file = settings_file(tmp_path)
    with served(file) as (_process, url):
        trigger(url)
        looked = run(file, "counts", "--json")
        changed = run(file, "requeue", "--all")

    assert json.loads(looked.stdout)["accepted"] == 1
    assert changed.exit_code == 2
    assert "another bridge serves it" in changed.stderr
    assert "--url" in changed.stderr


@pytest.mark.slow
def test_sighup_takes_up_new_settings_and_keeps_the_old_when_the_new_are_wrong(tmp_path: Path):
    with vendor(401) as mailmodo:
        file = settings_file(tmp_path, mailmodo.server_port)
        with served(file) as (process, url):
            trigger(url)
            wait_until(lambda: "paused" in run(file, "status", url=url).stdout)
            paused = run(file, "status", url=url)
            good = file.read_text()
            file.with_name("good.toml").write_text(good)
            file.write_text(good + "prot = 1\n")
            process.send_signal(signal.SIGHUP)
            log = process.stderr
            assert log is not None
            lines = [json.loads(log.readline())]
            while "wrong" not in lines[-1]["event"]:
                lines.append(json.loads(log.readline()))
            refused = run(file.with_name("good.toml"), "status", url=url)
            mailmodo.status = 200
            file.write_text(good.replace("key-one", "key-two").replace("port = 0", "port = 1"))
            process.send_signal(signal.SIGHUP)
            wait_until(lambda: counts(file, url)["delivered"] == 1)
            while "again" not in lines[-1]["event"]:
                lines.append(json.loads(log.readline()))
            taken = run(file, "status", url=url)
            trigger(url, "c-2")

    at = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    assert "settings were read again" not in paused.stdout
    assert re.search(
        rf"^settings were read again at {at}: refused, and stay as they were$", refused.stdout, re.MULTILINE
    )
    assert f"! settings: {file}:10:1: clevertap_prot: found a name that is not a setting" in refused.stdout
    assert "! mend the settings and send SIGHUP again" in refused.stdout
    assert (refused.exit_code, taken.exit_code) == (1, 0)
    assert re.search(rf"^settings were read again at {at}: taken up$", taken.stdout, re.MULTILINE)
    assert "! port was changed and needs a restart" in taken.stdout
    assert "! settings" not in taken.stdout
    assert paused.exit_code == 1
    assert "! mailmodo is paused: http_401; check its credentials" in paused.stdout
    (wrong,) = [line for line in lines if "wrong" in line["event"]]
    assert wrong["problem"].startswith(f"{file}:10:1: clevertap_prot: found a name that is not a setting")
    assert {line["event"]: line.get("setting", line.get("changed")) for line in lines[-2:]} == {
        "a changed setting needs a restart": "port",
        "settings were read again": "mailmodo_api_key",
    }
    assert "key-" not in json.dumps(lines)


@pytest.mark.slow
def test_sighup_takes_up_a_changed_routing_file_and_a_wrong_one_changes_nothing(tmp_path: Path):
    routing = tmp_path / "routing.yaml"
    file = settings_file(tmp_path)
    file.write_text('routing_file = "routing.yaml"\n' + file.read_text())
    good = "extends: default\nrows:\n  - {source: clevertap, kind: campaign_triggered, destination: mailmodo, off: true}\n"
    routing.write_text(good)
    with served(file) as (process, url):
        log = process.stderr
        assert log is not None
        trigger(url)
        lines = []
        for text in (good.replace("off: true", "body: nothing"), "extends: default\nrows: []\n"):
            routing.write_text(text)
            process.send_signal(signal.SIGHUP)
            lines.append(json.loads(log.readline()))
            while lines[-1]["event"] == "the bridge takes webhooks":
                lines[-1] = json.loads(log.readline())
            trigger(url, f"c-{len(lines) + 1}")
        found = counts(file, url)

    wrong, again = lines
    assert wrong["event"] == "settings are wrong, and stay as they were"
    assert wrong["problem"] == (
        f"{routing}:3:74: rows.0.body: found the unknown template nothing, wanted the name of a template"
    )
    assert (again["event"], again["changed"]) == ("settings were read again", "the routing table")
    assert (found["filtered"], found["pending"]) == (2, 1)


@pytest.mark.slow
def test_a_stop_answers_503_with_retry_after_and_finishes_what_is_in_flight(tmp_path: Path):
    with vendor(0) as mailmodo:
        file = settings_file(tmp_path, mailmodo.server_port)
        with served(file) as (process, url):
            trigger(url)
            assert mailmodo.is_called.wait(20)
            process.send_signal(signal.SIGTERM)
            refused: dict[str, str] = {}

            def is_refused() -> bool:
                try:
                    trigger(url, "c-2")
                except HTTPError as error:
                    refused.update(status=str(error.code), after=error.headers["Retry-After"])
                    return True
                return False

            wait_until(is_refused)
            mailmodo.is_released.set()
            assert process.wait(20) == 0

    assert refused == {"status": "503", "after": "5"}
    found = json.loads(run(file, "counts", "--json").stdout)
    assert found["delivered"] == 1
    assert found["uncertain"] == 0
    assert mailmodo.calls == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("token", "message"), [("", "wanted a token"), ("x" * 16, "answered 401: wanted the admin token")]
)
def test_a_missing_or_wrong_token_exits_2(tmp_path: Path, token: str, message: str):
    file = settings_file(tmp_path)
    with served(file) as (_process, url):
        file.write_text(file.read_text().replace(TOKEN, token))
        result = run(file, "status", url=url)

    assert result.exit_code == 2
    assert message in result.stderr


def test_a_bridge_that_does_not_answer_exits_2(tmp_path: Path):
    result = run(settings_file(tmp_path), "status", url="http://127.0.0.1:9")

    assert result.exit_code == 2
    assert "http://127.0.0.1:9: no answer" in result.stderr
    assert "is a bridge running there?" in result.stderr


@pytest.mark.parametrize(
    "command", [["requeue"], ["discard"], ["replay"], ["uncertain", "resolve", "--as", "retry"]]
)
@pytest.mark.parametrize("chosen", [[], ["1", "--all"], ["0"], ["x"]])
def test_a_selection_of_nothing_or_of_two_kinds_exits_2_and_changes_nothing(
    tmp_path: Path, command: list[str], chosen: list[str]
):
    result = run(settings_file(tmp_path), *command, *chosen)

    assert result.exit_code == 2
    assert not (tmp_path / "bridge.sqlite3").exists()


def test_an_unknown_delivery_is_said_and_exits_1(tmp_path: Path):
    file = settings_file(tmp_path)
    with sqlite3.connect(
        tmp_path / "bridge.sqlite3"
    ) as connection:  # a store without a row: the migrations make it
        connection.execute("PRAGMA user_version")
    connection.close()

    result = run(file, "dead", "show", "7")

    assert (result.exit_code, result.stderr) == (1, "error: there is no delivery 7\n")


def _commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from _commands(below, f"{path} {name}")


def test_every_help_has_an_example_and_every_option_its_meaning():
    for path, command in _commands(main, "python -m bridge"):
        if not hasattr(command, "commands"):
            assert re.search(
                rf"Example: {path.split()[0]} -m bridge.* {path.split()[-1]}\b", command.help or ""
            ), path
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, (path, parameter.name)


# Several bridges on one Postgres


def shared_settings_file(folder: Path, vendor_port: int, database_url: str) -> Path:
    file = settings_file(folder, vendor_port)
    file.write_text(f'store_dsn = "{database_url}"\n' + file.read_text())
    return file


@pytest.mark.slow
def test_two_bridges_on_one_postgres_share_the_work_and_either_tells_of_all(
    tmp_path: Path, database_url: str
):
    with vendor(200) as mailmodo:
        file = shared_settings_file(tmp_path, mailmodo.server_port, database_url)
        with served(file) as (first, first_url), served(file) as (_second, second_url):
            for number in range(20):
                trigger((first_url, second_url)[number % 2], f"c-{number}")
            wait_until(lambda: counts(file, first_url)["delivered"] == 20)
            assert counts(file, second_url) == counts(file, first_url)
            first.send_signal(signal.SIGTERM)
            assert first.wait(20) == 0
            for number in range(20, 25):
                trigger(second_url, f"c-{number}")
            wait_until(lambda: counts(file, second_url)["delivered"] == 25)

            beside = run(file, "conserve")

    assert mailmodo.calls == 25
    assert (beside.exit_code, beside.stdout.splitlines()[0]) == (0, "accepted 25 = delivered 25")


@pytest.mark.slow
def test_postgres_takes_whatever_text_a_webhook_holds(tmp_path: Path, database_url: str):
    """It refuses NUL and long keys; answered 503, a vendor would send them, and nothing else, for days."""
    long, strange = "x" * 9000, "a\0\ud800"
    with vendor(200) as mailmodo:
        file = shared_settings_file(tmp_path, mailmodo.server_port, database_url)
        with served(file) as (_process, url):
            for number, body in enumerate(
                (
                    {"email": "asha@example.com", "trigger_id": long},
                    {"email": "asha@example.com", "trigger_id": strange, strange: strange},
                    {"email": f"{strange}@example.com", "clevertap_id": strange},
                )
            ):
                trigger(url, f"c-{number}%00", json.dumps(body).encode())
            wait_until(lambda: counts(file, url)["delivered"] == 2)
            conserved = run(file, "conserve", url=url)
            asked = Request(
                f"{url}/admin/deliveries?destination=%00", headers={"Authorization": f"Bearer {TOKEN}"}
            )
            with urlopen(asked) as answer:
                assert json.load(answer)["deliveries"] == []

    assert conserved.exit_code == 0
    assert conserved.stdout.splitlines()[0] == "accepted 3 = delivered 2 + filtered 1"


@pytest.mark.slow
def test_what_dies_with_one_bridge_is_done_by_the_other(tmp_path: Path, database_url: str):
    with vendor(0) as mailmodo:
        file = shared_settings_file(tmp_path, mailmodo.server_port, database_url)
        with served(file) as (first, first_url):
            trigger(first_url)
            assert mailmodo.is_called.wait(20)
            first.kill()
            first.wait(20)
        mailmodo.status = 200
        mailmodo.is_released.set()
        with served(file) as (_second, second_url):
            trigger(second_url, "c-2")
            wait_until(lambda: counts(file, second_url)["delivered"] == 1)
            (held,) = json.loads(run(file, "uncertain", "list", "--json", url=second_url).stdout)[
                "deliveries"
            ]
            resolved = run(file, "uncertain", "resolve", str(held["id"]), "--as", "retry", url=second_url)
            wait_until(lambda: counts(file, second_url)["delivered"] == 2)

    assert (resolved.exit_code, resolved.stdout) == (0, "decided: retry: 1 delivery\n")
    assert mailmodo.calls == 3  # the one whose end was unknown went out again only when a person said so


@pytest.mark.slow
def test_a_requeue_beside_running_bridges_on_postgres_wakes_one_of_them(tmp_path: Path, database_url: str):
    with vendor(404) as mailmodo:
        file = shared_settings_file(tmp_path, mailmodo.server_port, database_url)
        with served(file) as (_process, url):
            trigger(url)
            wait_until(lambda: counts(file, url)["dead"] == 1)
            mailmodo.status = 200
            requeued = run(file, "requeue", "--all")
            wait_until(lambda: counts(file, url)["delivered"] == 1)

    assert (requeued.exit_code, requeued.stdout) == (0, "requeued: 1 delivery\n")


def test_a_database_that_is_not_there_exits_2_without_its_password(tmp_path: Path):
    file = shared_settings_file(tmp_path, 9, "postgresql://bridge:hush-hush@127.0.0.1:9/bridge")

    result = run(file, "counts")

    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")
    assert "hush" not in result.output
