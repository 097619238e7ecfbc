"""`serve` in a process of its own, driven over HTTP as a developer's own code would drive it."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.command import ROOT, command, environment, free_ports, running
from tests.support.http import basic, call, eventually
from tests.support.stories import RECEIPT, changed, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.command import Running

pytestmark = pytest.mark.slow
SERVE = str(ROOT / "run_sim.py"), "serve"
SHAPE = {
    "clevertap": {"url", "account_id", "passcode"},
    "mailmodo": {"url", "api_key"},
    "mailjet": {"url", "api_key", "secret_key"},
    "customerio": {"url", "site_id", "track_api_key", "app_api_key", "webhook_signing_key"},
    "segment": {"url", "write_keys"},
    "bridge": {"url"},
}


@pytest.fixture(scope="module")
def serving() -> Iterator[Running]:
    with running(*SERVE, "--json", "--port", "0") as process:
        yield process
        ended = process.stop()
        assert (ended.code, ended.err) == (0, "")
        assert len(process.lines) == 1  # one line, then silence


@pytest.fixture(scope="module")
def served(serving: Running) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(serving.line())
    return found


def upload(served: dict[str, Any], *records: dict[str, Any]) -> tuple[int, Any]:
    account = served["clevertap"]
    return call(
        "POST",
        f"{account['url']}/1/upload",
        {"d": list(records)},
        X_CleverTap_Account_Id=account["account_id"],
        X_CleverTap_Passcode=account["passcode"],
    )


def report(served: dict[str, Any], campaign: str) -> dict[str, Any]:
    account = served["mailmodo"]
    _status, found = call("GET", f"{account['url']}/api/v1/campaigns", mmApiKey=account["api_key"])
    (identity,) = [one["id"] for one in found["campaigns"] if one["campaignName"] == campaign]
    url = f"{account['url']}/api/v1/campaignReports/{identity}"
    counters: dict[str, Any] = call("POST", url, {}, mmApiKey=account["api_key"])[1]
    return counters


def debugger(served: dict[str, Any], source: str) -> list[dict[str, Any]]:
    _status, page = call("GET", f"{served['segment']['url']}/journeylab/sources/{source}/debugger")
    events: list[dict[str, Any]] = page["events"]
    return events


def events_of(served: dict[str, Any], source: str, who: str) -> dict[str, dict[str, Any]]:
    return {
        event["event"]: event
        for event in debugger(served, source)
        if who in (event.get("userId"), event.get("anonymousId"))
    }


def test_json_is_one_object_of_the_documented_shape(served: dict[str, Any]) -> None:
    assert {vendor: set(values) for vendor, values in served.items()} == SHAPE
    assert set(served["segment"]["write_keys"]) == {"web", "mailmodo", "mailjet", "customerio"}
    urls = [values["url"] for values in served.values()]
    assert all(url.startswith("http://127.0.0.1:") for url in urls)
    assert len(set(urls)) == len(urls)


def test_the_bridge_is_up(served: dict[str, Any]) -> None:
    status, health = call("GET", f"{served['bridge']['url']}/healthz")

    assert (status, health["status"]) == (200, "ok")


def test_an_event_at_clevertap_sends_a_mail_at_mailmodo(served: dict[str, Any]) -> None:
    profile = {
        "type": "profile",
        "identity": "u-ada",
        "profileData": {"Name": "Ada", "Email": "ada@example.com", "Phone": "+15555550100"},
    }
    before = report(served, "nps")["sent"]

    status, answer = upload(served, profile)
    assert (status, answer["status"], answer["processed"]) == (200, "success", 1)
    status, answer = upload(
        served, {"type": "event", "identity": "u-ada", "evtName": "Survey Due", "evtData": {}}
    )
    assert (status, answer["status"]) == (200, "success")

    assert eventually(lambda: report(served, "nps")["sent"] == before + 1)
    assert report(served, "news")["sent"] == 0


def test_credentials_are_checked(served: dict[str, Any]) -> None:
    status, _ = call("POST", f"{served['clevertap']['url']}/1/upload", {"d": []}, X_CleverTap_Account_Id="x")

    assert status == 401


def test_an_identify_at_segment_makes_a_contact_at_mailmodo(served: dict[str, Any]) -> None:
    body = {"userId": "u-max", "traits": {"email": "max@example.com", "firstName": "Max"}}
    key = served["segment"]["write_keys"]["web"]
    mailmodo = served["mailmodo"]

    status, _ = call("POST", f"{served['segment']['url']}/v1/identify", body, Authorization=basic(key))

    assert status == 200
    contact = f"{mailmodo['url']}/api/v1/getContactDetails?email=max%40example.com"
    assert eventually(lambda: call("GET", contact, mmApiKey=mailmodo["api_key"])[0] == 200)
    assert [event["type"] for event in debugger(served, "web") if event["userId"] == "u-max"] == ["identify"]


def test_a_mail_by_mailjet_is_told_to_segment(served: dict[str, Any]) -> None:
    account = served["mailjet"]
    message = {
        "From": {"Email": "hello@example.com"},
        "To": [{"Email": "mia@example.com"}],
        "Subject": "Hi",
        "TextPart": "Hi",
        "EventPayload": json.dumps({"user_id": "u-mia"}),
    }
    auth = basic(account["api_key"], account["secret_key"])

    status, _ = call("POST", f"{account['url']}/v3.1/send", {"Messages": [message]}, Authorization=auth)

    assert status == 200
    found = eventually(lambda: events_of(served, "mailjet", "u-mia"))
    assert list(found) == ["Email Delivered"]


def test_a_mail_by_customerio_is_told_to_segment(served: dict[str, Any]) -> None:
    account = served["customerio"]
    body = {
        "to": "eve@example.com", "from": "hello@example.com", "subject": "Hi", "body": "<p>Hi</p>",
        "identifiers": {"email": "eve@example.com"},
    }  # fmt: skip

    status, _ = call(
        "POST", f"{account['url']}/v1/send/email", body, Authorization=f"Bearer {account['app_api_key']}"
    )

    assert status == 200
    found = eventually(lambda: events_of(served, "customerio", "eve@example.com"))
    assert found["Email Delivered"]["anonymousId"] == "eve@example.com"


def test_env_is_what_a_shell_can_read(tmp_path: Path) -> None:
    """A real `sh` reads the file, as the help says it should, and calls CleverTap with what it has read."""
    served = tmp_path / "served.env"
    with served.open("w", encoding="utf-8") as out:
        process = subprocess.Popen(
            [sys.executable, *SERVE, "--env", "--port", "0"], stdout=out, env=environment(), cwd=tmp_path
        )
    try:
        assert eventually(lambda: "BRIDGE_SEGMENT_WRITE_KEY_CUSTOMERIO" in served.read_text(encoding="utf-8"))
        shell = subprocess.run(
            ["/bin/sh", "-euc", '. ./served.env; echo "$CLEVERTAP_URL $SEGMENT_WRITE_KEY_WEB $BRIDGE_URL"'],
            cwd=tmp_path, capture_output=True, text=True, check=True, timeout=10,
        )  # fmt: skip
        clevertap, key, bridge = shell.stdout.split()
        assert call("GET", f"{bridge}/healthz")[0] == 200
        assert call("POST", f"{clevertap}/1/upload", {"d": []})[0] == 401
        assert len(key) == 32
        lines = served.read_text(encoding="utf-8").splitlines()
        assert all(line.startswith("export ") for line in lines)
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_text_is_for_people_and_a_signal_ends_it(number: signal.Signals) -> None:
    with running(*SERVE, "--port", "0") as process:
        assert process.line() == "Journeylab is serving on loopback. Ctrl-C stops it."
        while "healthz" not in process.line():
            pass

        ended = process.stop(number)

    assert (ended.code, ended.err) == (0, "")
    assert ended.out.endswith("stopping")


def test_a_taken_port_is_exit_code_2() -> None:
    with socket.socket() as blocker:
        blocker.bind(("127.0.0.1", 0))
        blocker.listen()
        port = blocker.getsockname()[1]

        ended = command("serve", "--port", str(port))

    assert ended.code == 2
    told = re.match(
        r"error: port (\d+) of 127\.0\.0\.1, wanted for '[a-z0-9.]+', is in use; stop what", ended.err
    )
    assert told, ended.err
    assert port <= int(told[1]) < port + 6  # a neighbour may be taken as well
    assert "Traceback" not in ended.err


def test_ports_are_six_in_a_row() -> None:
    port = free_ports(6)
    with running(*SERVE, "--json", "--port", str(port)) as process:
        found = json.loads(process.line())
        assert process.stop().code == 0

    assert sorted(int(values["url"].rpartition(":")[2]) for values in found.values()) == list(
        range(port, port + 6)
    )
    assert found["bridge"]["url"] == f"http://127.0.0.1:{port}"


def test_the_accounts_may_be_a_scenarios(tmp_path: Path) -> None:
    path = tmp_path / "story.yaml"
    path.write_text(text_of(changed(RECEIPT)), encoding="utf-8")
    with running(*SERVE, "--json", "--port", "0", "--scenario", str(path)) as process:
        found = json.loads(process.line())
        assert process.stop().code == 0

    assert list(found) == ["mailjet", "segment", "bridge"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--json", "--env"), "--json and --env contradict each other"),
        (("--scenario", "no-such.yaml"), "no such file"),
        (("--bridge", "http://127.0.0.1:9"), "start it first"),
        (("--port", "70000"), "Invalid value for '--port'"),
    ],
)
def test_what_cannot_be_served_is_exit_code_2(arguments: tuple[str, ...], message: str) -> None:
    ended = command("serve", *arguments, *([] if "--port" in arguments else ["--port", "0"]))

    assert ended.code == 2
    assert message in ended.err
    assert "Traceback" not in ended.err


def test_control_apis_are_there_when_asked_for() -> None:
    port = free_ports(12)
    with running(*SERVE, "--json", "--control", "--port", str(port)) as process:
        found = json.loads(process.line())
        mailmodo = found["mailmodo"]
        control = mailmodo["control_url"]
        _, account = call("GET", f"{control}/account")
        _, steps = call("GET", f"{control}/campaigns/nps/setup-steps")
        _, overview = call("GET", f"{control}/index.json")
        _, fault = call("POST", f"{control}/faults", {"fault": "down", "on": ["getCampaigns"]})
        refused, _ = call("GET", f"{mailmodo['url']}/api/v1/campaigns", mmApiKey=mailmodo["api_key"])
        _, seen = call("GET", f"{control}/requests?sender=client")
        reset, _ = call("POST", f"{control}/reset", {})
        taken, _ = call("GET", f"{mailmodo['url']}/api/v1/campaigns", mmApiKey=mailmodo["api_key"])
        _, start = call("GET", f"{found['start']['url']}/index.json")
        status, page = call("GET", found["start"]["url"])
        assert process.stop().code == 0

    assert found.pop("start")["url"] == f"http://127.0.0.1:{port + 11}"
    assert {vendor: set(values) - {"control_url"} for vendor, values in found.items()} == SHAPE
    urls = [values["control_url"] for vendor, values in found.items() if vendor != "bridge"]
    assert status == 200
    assert all(f'href="{url}"' in page for url in urls)
    assert [one["vendor"] for one in start["vendors"]] == [vendor for vendor in found if vendor != "bridge"]
    assert start["links"] == overview["links"]
    assert sorted(int(url.rpartition(":")[2]) for url in urls) == list(range(port + 6, port + 11))
    assert account["credentials"] == {"api_key": mailmodo["api_key"]}
    assert steps["webhook_url"].startswith(f"{mailmodo['url']}/api/v1/at/c/")
    assert set(overview["links"]) == {*found, "start"}
    assert fault["does"] == "down"
    assert (refused, reset, taken) == (503, 204, 200)
    assert [(one["operation"], one["status"]) for one in seen["requests"]] == [("getCampaigns", 503)]


def test_without_being_asked_for_there_is_no_control_api(served: dict[str, Any]) -> None:
    assert not [vendor for vendor, values in served.items() if "control_url" in values]


def test_twelve_ports_must_fit() -> None:
    ended = command("serve", "--control", "--port", "65529")

    assert ended.code == 2
    assert "wanted at most 65524" in ended.err
