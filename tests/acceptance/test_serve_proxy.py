"""`serve --proxy`: libraries keep the vendors' production URLs, and are told of nothing but a proxy and a certificate."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import requests
from customerio import APIClient, CustomerIO, SendEmailRequest
from mailjet_rest import Client as MailjetClient
from mailjet_rest.errors import MailjetAuthError
from segment.analytics.client import Client as SegmentClient

from tests.support.command import ROOT, command, environment, free_ports, running
from tests.support.http import call, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow
SERVE = str(ROOT / "run_sim.py"), "serve"


@pytest.fixture(scope="module")
def served() -> Iterator[dict[str, Any]]:
    with running(*SERVE, "--json", "--proxy", "--port", "0") as process:
        found: dict[str, Any] = json.loads(process.line())
        yield found
        ended = process.stop()
        assert (ended.code, ended.err) == (0, "")


@pytest.fixture
def proxied(served: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What is served, in an environment in which `requests` goes through the proxy."""
    monkeypatch.setenv("HTTPS_PROXY", served["proxy"]["url"])
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", served["proxy"]["ca_file"])
    return served


def tracked(served: dict[str, Any], source: str, who: str) -> set[str]:
    _status, page = call("GET", f"{served['segment']['url']}/journeylab/sources/{source}/debugger")
    return {event.get("event", event["type"]) for event in page["events"] if who in event.values()}


def test_mailjets_library_sends_to_its_own_host(proxied: dict[str, Any]) -> None:
    account = proxied["mailjet"]
    message = {
        "From": {"Email": "hello@example.com"},
        "To": [{"Email": "ben@example.com"}],
        "Subject": "Your receipt",
        "TextPart": "Thank you.",
    }

    with MailjetClient(auth=(account["api_key"], account["secret_key"]), version="v3.1") as client:
        answer = client.send.create(data={"Messages": [message]})
    wrong = MailjetClient(auth=(account["api_key"], "wrong"), version="v3.1")
    with wrong as client, pytest.raises(MailjetAuthError):
        client.send.create(data={"Messages": [message]})

    assert answer.status_code == 200
    assert eventually(lambda: tracked(proxied, "mailjet", "ben@example.com")) == {"Email Delivered"}


def test_customerios_libraries_need_no_base_url(proxied: dict[str, Any]) -> None:
    account = proxied["customerio"]
    request = SendEmailRequest(
        to="eve@example.com",
        _from="hello@example.com",
        subject="Welcome",
        body="<p>Welcome</p>",
        identifiers={"id": "u-eve"},
    )

    with CustomerIO(account["site_id"], account["track_api_key"], retries=0) as track:
        track.identify("u-eve", email="eve@example.com")
    with APIClient(account["app_api_key"], retries=0) as app:
        answer = app.send_email(request)

    assert answer["delivery_id"]
    assert eventually(lambda: tracked(proxied, "customerio", "u-eve")) == {"Email Delivered"}


def test_segments_library_makes_a_contact_at_mailmodo(proxied: dict[str, Any]) -> None:
    failures: list[Any] = []
    client = SegmentClient(
        proxied["segment"]["write_keys"]["web"],
        sync_mode=True,
        on_error=lambda *about: failures.append(about),
    )

    client.identify("u-lena", {"email": "lena@example.com", "firstName": "Lena"})

    assert failures == []
    headers = {"mmApiKey": proxied["mailmodo"]["api_key"]}
    contact = "https://api.mailmodo.com/api/v1/getContactDetails?email=lena%40example.com"
    assert eventually(lambda: requests.get(contact, headers=headers, timeout=10).status_code == 200)


def test_an_account_answers_on_its_regions_host_only(proxied: dict[str, Any]) -> None:
    account = proxied["clevertap"]
    headers = {
        "X-CleverTap-Account-Id": account["account_id"],
        "X-CleverTap-Passcode": account["passcode"],
    }
    record: dict[str, Any] = {"type": "profile", "identity": "u-ann", "profileData": {"Name": "Ann"}}

    answers = {
        region: requests.post(
            f"https://{region}.api.clevertap.com/1/upload", headers=headers, json={"d": [record]}, timeout=10
        ).json()
        for region in ("in1", "eu1")
    }

    assert answers["in1"] == {"status": "success", "processed": 1, "unprocessed": []}
    assert answers["eu1"] == {"status": "fail", "error": "Invalid Credentials", "code": 401}


def test_every_other_host_is_out_of_reach(proxied: dict[str, Any]) -> None:
    for url in ("https://example.com/", "https://bridge.test/"):
        with pytest.raises(requests.exceptions.ProxyError, match="journeylab serves no "):
            requests.get(url, timeout=10)


_URLLIB = "from urllib.request import urlopen\nprint(urlopen(url).status)"
_HTTPX = "import httpx\nprint(httpx.get(url).status_code)"
_AIOHTTP = """
import asyncio, aiohttp
async def ask():
    async with aiohttp.ClientSession(trust_env=True) as session, session.get(url) as answer:
        print(answer.status)
asyncio.run(ask())
"""


@pytest.mark.parametrize("program", [_URLLIB, _HTTPX, _AIOHTTP], ids=["urllib", "httpx", "aiohttp"])
def test_what_reads_the_environment_needs_no_more(served: dict[str, Any], program: str) -> None:
    proxy = served["proxy"]
    key = served["mailmodo"]["api_key"]
    url = f"https://api.mailmodo.com/api/v1/campaigns?mmApiKey={key}"

    ended = subprocess.run(
        [sys.executable, "-c", f"url = {url!r}\n{program}"],
        env=environment(HTTPS_PROXY=proxy["url"], SSL_CERT_FILE=proxy["ca_file"]),
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip

    assert (ended.stdout.strip(), ended.stderr) == ("200", "")


def test_the_proxy_is_on_the_port_after_all_others() -> None:
    port = free_ports(13)
    with running(*SERVE, "--env", "--control", "--proxy", "--port", str(port)) as process:
        while "PROXY_CA_FILE" not in process.line():
            pass
        assert process.stop().code == 0

    exports = dict(line.removeprefix("export ").split("=", 1) for line in process.lines)
    assert exports["PROXY_URL"] == f"http://127.0.0.1:{port + 12}"
    assert exports["SEGMENT_CONTROL_URL"] == f"http://127.0.0.1:{port + 10}"


def test_all_ports_must_fit() -> None:
    ended = command("serve", "--control", "--proxy", "--port", "65524")

    assert ended.code == 2
    assert "with --control and --proxy, wanted at most 65523: 13 ports in a row" in ended.err


def test_without_its_extra_it_says_what_to_install(tmp_path: Path) -> None:
    absent = 'raise ModuleNotFoundError("No module named \'cryptography\'", name="cryptography")\n'
    (tmp_path / "cryptography.py").write_text(absent, encoding="utf-8")

    ended = command("serve", "--proxy", "--port", "0", PYTHONPATH=f"{tmp_path}:{ROOT}")

    assert (ended.code, ended.out) == (2, "")
    assert "pip install -e '.[proxy]'" in ended.err
