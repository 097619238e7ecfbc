"""Clients that others have written, as they are published, against `serve --proxy` in a process of its own.

CleverTap's own library for Node.js, Segment's CleverTap destination, a client made from a contract by
openapi-client-axios, and curl keep the vendors' real hosts, and are told of a proxy and a certificate; quickhouse is
given a base URL.
"""

from __future__ import annotations

import csv
import json
import subprocess
from datetime import UTC, date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from contracts import load_contract
from simulator.real_time import wall_clock
from tests.support.clients import curl, proxied, quickhouse, run_script
from tests.support.command import ROOT, running
from tests.support.http import call, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

pytestmark = pytest.mark.slow
REGION = "in1"
REFUSED = {"status": "fail", "error": "Invalid Credentials", "code": 401}
UNKNOWN = 400, {"success": False, "message": "Email address doesn't exist"}


@pytest.fixture(scope="module")
def served() -> Iterator[dict[str, Any]]:
    with running(str(ROOT / "run_sim.py"), "serve", "--json", "--proxy", "--port", "0") as process:
        found: dict[str, Any] = json.loads(process.line())
        yield found
        ended = process.stop()
        assert (ended.code, ended.err) == (0, "")


def profile(served: dict[str, Any], identity: str) -> dict[str, Any] | None:
    """Ask the fake CleverTap itself, without any proxy."""
    account = served["clevertap"]
    _status, found = call(
        "GET",
        f"{account['url']}/1/profile.json?identity={identity}",
        X_CleverTap_Account_Id=account["account_id"],
        X_CleverTap_Passcode=account["passcode"],
    )
    record: dict[str, Any] | None = found.get("record")
    return record


def contact(served: dict[str, Any], email: str) -> tuple[int, Any]:
    """Ask the fake Mailmodo itself, without any proxy."""
    account = served["mailmodo"]
    return call(
        "GET", f"{account['url']}/api/v1/getContactDetails?email={email}", mmApiKey=account["api_key"]
    )


def sent_of(served: dict[str, Any], campaign: str) -> int:
    """Ask the fake Mailmodo itself how many mails of a campaign were sent."""
    account = served["mailmodo"]
    url = f"{account['url']}/api/v1/campaignReports/{campaign}"
    sent: int = call("POST", url, {}, mmApiKey=account["api_key"])[1]["sent"]
    return sent


# CleverTap's own library


def library(
    served: dict[str, Any], *calls: Sequence[Any], region: str = REGION, passcode: str = ""
) -> list[Any]:
    account = served["clevertap"]
    given = [account["account_id"], passcode or account["passcode"], region]
    return run_script("clevertap_library.cjs", {"account": given, "calls": calls}, env=proxied(served))


def days() -> dict[str, int]:
    """A range of days around now, as the queries want it."""
    now = wall_clock().astimezone(UTC)
    first, last = now - timedelta(days=2), now + timedelta(days=2)
    return {"from": int(f"{first:%Y%m%d}"), "to": int(f"{last:%Y%m%d}")}


def test_clevertaps_library_uploads_and_reads_back(served: dict[str, Any]) -> None:
    records = [
        {"type": "profile", "identity": "lib-1", "profileData": {"Name": "Lia", "Email": "lia@example.com"}},
        {"type": "event", "identity": "lib-1", "evtName": "Tea Bought", "evtData": {"Cups": 2}},
        {"type": "event", "identity": "lib-1", "evtName": "Tea Bought", "evtData": {"Cups": 3}},
    ]
    query = {"event_name": "Tea Bought", **days()}

    uploaded, read, events, profiles, count, people = library(
        served,
        ["upload", records, {"batchSize": 2}],
        ["profile", {"identity": "lib-1"}],
        ["events", query, {"batchSize": 1}],
        ["profiles", query, {"batchSize": 1}],
        ["getEventsCount", query, {}],
        ["getProfilesCount", query, {}],
    )

    # In batches, as it was told; each has its answer.
    assert [answer["processed"] for answer in uploaded] == [2, 1]
    assert {answer["status"] for answer in uploaded} == {"success"}
    stored = profile(served, "lib-1")
    assert stored is not None
    assert stored["email"] == "lia@example.com"
    assert stored["events"]["Tea Bought"]["count"] == 2
    assert read["record"] == stored
    assert sorted(event["event_props"]["Cups"] for event in events) == [2, 3]
    assert [each["identity"] for each in profiles] == ["lib-1"]
    assert (count["status"], count["count"]) == ("success", 2)
    assert (people["status"], people["count"]) == ("success", 1)


def test_clevertaps_library_asks_for_trends_tops_and_who_is_there(served: dict[str, Any]) -> None:
    event = {"type": "event", "identity": "lib-2", "evtName": "Cake Bought", "evtData": {"Kind": "Lemon"}}
    query = {"event_name": "Cake Bought", **days()}
    kinds = {"kinds": {"property_type": "event_properties", "name": "Kind"}}

    _, top, trends, now = library(
        served,
        ["upload", [event], {}],
        ["topPropertyCounts", {**query, "groups": kinds}, {}],
        ["trends", {**query, "groups": {"daily": {"trend_type": "daily"}}}, {}],
        ["realTimeCounts", {"user_type": True}, {}],
    )

    assert top["kinds"]["STR"] == {"Lemon": 1}
    assert sum(trends["daily"].values()) == 1
    assert now["status"] == "success"
    assert now["count"] >= 1


def test_clevertaps_library_changes_subscriptions_and_takes_people_away(served: dict[str, Any]) -> None:
    people = [
        {"type": "profile", "identity": f"lib-{name}", "profileData": {"Email": f"{name}@example.com"}}
        for name in ("stays", "goes")
    ]
    unsubscribed = {"d": [{"type": "email", "value": "stays@example.com", "status": "Unsubscribe"}]}

    _, subscribed, deleted, demerged, phone = library(
        served,
        ["upload", people, {}],
        ["subscribe", unsubscribed, {}],
        ["delete", {"identity": "lib-goes"}, {}],
        ["demerge", {"identities": ["lib-stays"]}, {}],
        ["disassociate", {"d": [{"type": "phone", "value": "+919999999999"}]}, {}],
    )

    assert [each["status"] for each in (subscribed, deleted, demerged)] == ["success"] * 3
    assert phone["unprocessed"]
    assert profile(served, "lib-stays") is not None


def test_clevertaps_library_registers_a_phone_and_pushes_to_it(served: dict[str, Any]) -> None:
    android = "__2ce3cca260664f70b82b1c6bb505f462"
    records = [
        {"type": "profile", "objectId": android, "profileData": {"Name": "Hal"}},
        {"type": "event", "objectId": android, "evtName": "Lantern Lit", "evtData": {}},
    ]
    phone = {"id": "frfsgvrwe:APfdsafsgdfsgghfgfgjkhfsfgdhjhbvcvnetry767456fxsasdf", "type": "fcm"}
    token = {"type": "token", "objectId": android, "tokenData": phone}
    # As the library's README has it: a push, without saying so.
    campaign = {
        "name": "green freedom",
        "when": "now",
        "where": {"event_name": "Lantern Lit", **days()},
        "content": {"title": "Hello!", "body": "Strictly Green Lantern fans only!"},
        "devices": ["android"],
    }

    _, registered, estimate, made, later, listed, reports = library(
        served,
        ["upload", records, {}],
        ["uploadDeviceTokens", [token], {}],
        ["targets", "estimate", dict(campaign), {}],
        ["targets", "create", dict(campaign), {}],
        ["targets", "create", {**campaign, "name": "later", "when": f"{days()['to']} 10:00"}, {}],
        ["targets", "list", days(), {}],
        ["getMessageReports", {name: str(day) for name, day in days().items()}, {}],
    )
    result, unfinished, stopped, too_late = library(
        served,
        ["targets", "result", {"id": made["id"]}, {}],
        ["targets", "result", {"id": later["id"]}, {}],
        ["targets", "stop", {"id": later["id"]}, {}],
        ["targets", "stop", {"id": made["id"]}, {}],
    )

    assert registered["status"] == "success"
    assert estimate == {"status": "success", "estimates": {"android": 1}}
    assert {made["id"], later["id"]} <= {each["id"] for each in listed["targets"]}
    assert reports["status"] == "success"
    assert result == {"status": "success", "result": {"sent": 1, "clicked": 0}}
    assert unfinished["error"] == "This target hasn't been completed"
    assert stopped == {"status": "success"}
    assert too_late["status"] == "fail"


def test_clevertaps_library_is_told_what_is_wrong_with_a_record(served: dict[str, Any]) -> None:
    records = [
        {"type": "profile", "identity": "lib-3", "profileData": {"Email": "not an address"}},
        {"type": "event", "identity": "lib-3", "evtName": "Fine", "evtData": {"Nested": {"a": 1}}},
    ]

    (answer,) = library(served, ["upload", records, {}])

    assert answer["status"] == "fail"
    assert [each["code"] for each in answer["unprocessed"]] == [515, 512]


@pytest.mark.parametrize(("region", "passcode"), [(REGION, "AAA-BBB-CCCC"), ("eu1", "")])
def test_clevertaps_library_with_wrong_credentials_is_refused(
    served: dict[str, Any], region: str, passcode: str
) -> None:
    record = {"type": "profile", "identity": "lib-refused", "profileData": {"Name": "Nobody"}}

    answers = library(
        served, ["upload", [record], {}], ["profile", {"identity": "lib-refused"}],
        region=region, passcode=passcode,
    )  # fmt: skip

    assert answers == [REFUSED, REFUSED]
    assert profile(served, "lib-refused") is None


# Segment's destination


def destination(served: dict[str, Any], *events: dict[str, Any], passcode: str = "") -> list[Any]:
    account = served["clevertap"]
    settings = {
        "clevertapAccountId": account["account_id"],
        "clevertapPasscode": passcode or account["passcode"],
        "clevertapEndpoint": f"https://{REGION}.api.clevertap.com",
    }
    return run_script(
        "segment_destination.cjs", {"settings": settings, "events": events}, env=proxied(served)
    )


def identify(identity: str, timestamp: str) -> dict[str, Any]:
    properties = {"Name": "Sam", "Email": f"{identity}@example.com"}
    return {"type": "identify", "userId": identity, "timestamp": timestamp, "properties": properties}


def answers_of(results: list[dict[str, Any]]) -> list[Any]:
    return [result["data"] for result in results if "data" in result]


def test_segments_destination_makes_and_deletes_a_profile(served: dict[str, Any]) -> None:
    uploaded, deleted = destination(
        served,
        identify("seg-1", str(int(wall_clock().timestamp()))),
        {"type": "track", "event": "Delete User", "userId": "seg-1"},
    )

    assert answers_of(uploaded) == [{"status": "success", "processed": 1, "unprocessed": []}]
    assert answers_of(deleted) == [{"status": "success"}]
    # CleverTap deletes later, about two days after it was asked.
    stored = profile(served, "seg-1")
    assert stored is not None
    assert (stored["name"], stored["email"]) == ("Sam", "seg-1@example.com")


def test_segments_destination_sends_times_that_clevertaps_documentation_does_not_know(
    served: dict[str, Any],
) -> None:
    """By default it passes Segment's own ISO 8601 text on; `CleverTapSettings.accept_iso_ts` takes that."""
    (results,) = destination(served, identify("seg-2", "2026-03-02T09:00:00.000Z"))

    (answer,) = answers_of(results)
    assert [each["code"] for each in answer["unprocessed"]] == [525]
    assert profile(served, "seg-2") is None


def test_segments_destination_with_a_wrong_passcode_is_refused(served: dict[str, Any]) -> None:
    (refused,) = destination(served, identify("seg-3", "1795890619"), passcode="AAA-BBB-CCCC")

    assert (refused["status"], refused["data"]) == (401, REFUSED)
    assert profile(served, "seg-3") is None


# A client made from a contract


def generated(
    served: dict[str, Any], vendor: str, headers: dict[str, str], *calls: Sequence[Any], server: int = 0
) -> list[Any]:
    given = {"headers": headers, "calls": calls, "server": server}
    contract = json.dumps(load_contract(vendor).document, default=str)
    return run_script("openapi_client.cjs", given, env=proxied(served), stdin=contract)


def test_a_client_of_mailmodos_contract_manages_contacts_and_sends(served: dict[str, Any]) -> None:
    headers = {"mmApiKey": served["mailmodo"]["api_key"]}
    person = {"email": "gen@example.com", "listName": "Generated", "data": {"first_name": "Gen"}}

    added, lists, campaigns, templates = generated(
        served, "mailmodo", headers,
        ["addToList", None, person],
        ["getAllContactLists"],
        ["getCampaigns"],
        ["getAllTemplates"],
    )  # fmt: skip
    (news,) = [each["id"] for each in campaigns[1]["campaigns"] if each["campaignName"] == "news"]
    before = sent_of(served, news)  # other tests send it, too
    sent, event = generated(
        served, "mailmodo", headers,
        ["triggerCampaign", {"campaignId": news}, {"email": "gen@example.com"}],
        ["addEvent", None, {"email": "gen@example.com", "event_name": "Looked", "event_properties": {"a": 1}}],
    )  # fmt: skip
    # It is sent a moment later, and would not be to somebody who has unsubscribed by then.
    assert eventually(lambda: sent_of(served, news) > before)
    unsubscribed, removed = generated(
        served, "mailmodo", headers,
        ["unsubscribeContact", None, {"email": "gen@example.com"}],
        ["removeFromList", None, {"email": "gen@example.com", "listName": "Generated"}],
    )  # fmt: skip

    assert [status for status, _ in (added, lists, campaigns, templates)] == [200] * 4
    assert [status for status, _ in (sent, event, unsubscribed, removed)] == [200] * 4
    assert sent[1]["success"] is True
    status, stored = contact(served, "gen%40example.com")
    assert (status, stored["unsubscribed"], stored["data"]["first_name"]) == (200, True, "Gen")


def test_every_call_of_mailmodos_mcp_server_is_served(served: dict[str, Any]) -> None:
    """What `src/apicalls` of its version 0.3.0 sends, by the library with which it does, axios."""
    headers = {"mmApiKey": served["mailmodo"]["api_key"]}
    email, now = "mcp@example.com", int(wall_clock().timestamp())
    first, last = ("-".join((day[:4], day[4:6], day[6:])) for day in map(str, days().values()))
    person = {
        "email": email,
        "data": {"first_name": "Mia", "age": 41, "anniversary_date": "2020-05-01", "vip": True},
        "created_at": "2024-09-05T17:00:00Z",
        "last_open": str(now),
        "timezone": "Asia/Kolkata",
    }
    event = {"email": email, "event_name": "Looked", "event_properties": {"page": "Home"}, "ts": now}

    campaigns, *reads = generated(
        served, "mailmodo", headers, ["getCampaigns"], ["getAllTemplates"], ["getAllContactLists"]
    )
    (news,) = [each["id"] for each in campaigns[1]["campaigns"] if each["campaignName"] == "news"]
    written = generated(
        served, "mailmodo", headers,
        ["addToList", None, {**person, "listName": "MCP"}],
        ["addToListBatch", None, {"listName": "MCP many", "values": [person, {"email": "mcp-2@example.com"}]}],
        ["getContactDetails", {"email": email}],
        ["addEvent", None, event],
        ["triggerCampaign", {"campaignId": news}, {
            "email": email, "subject": "Mia, look", "replyTo": "reply@example.com", "fromName": "Us",
            "campaign_data": {"offer": "tea"}, "data": {"first_name": "Mia"}, "addToList": "MCP",
        }],
        ["getCampaignReport", {"campaignId": news}, {"fromDate": first, "toDate": last}],
        ["unsubscribeContact", None, {"email": email}],
        ["resubscribeContact", None, {"email": email}],
        ["removeFromList", None, {"email": email, "listName": "MCP"}],
        ["archiveContact", None, {"email": email}],
    )  # fmt: skip
    many = written[1][1]["listId"]
    ((status, sent),) = generated(
        served, "mailmodo", headers,
        ["bulkTriggerCampaign", {"campaignId": news}, {
            "listId": many, "subject": "All", "idempotencyKey": "2024-09-05T17:00:00Z", "campaign_data": {"a": "b"},
        }],
    )  # fmt: skip

    assert [each[0] for each in (campaigns, *reads, *written)] == [200] * 13
    assert "errors" not in written[1][1]
    assert written[2][1]["data"]["age"] == 41
    assert written[4][1]["success"] is True
    assert contact(served, "mcp%40example.com") == UNKNOWN
    assert (status, sent["success"]) == (200, True)


def test_a_client_of_mailmodos_contract_archives_by_delete_with_a_body(served: dict[str, Any]) -> None:
    headers = {"mmApiKey": served["mailmodo"]["api_key"]}
    body = {"email": "old@example.com"}

    answers = generated(
        served, "mailmodo", headers,
        ["addToList", None, {**body, "listName": "Old"}],
        ["archiveContact", None, body],
        ["archiveContact", None, body],
    )  # fmt: skip

    assert [status for status, _ in answers] == [200, 200, 400]
    assert contact(served, "old%40example.com") == UNKNOWN


def test_a_client_of_mailmodos_contract_with_a_wrong_key_is_refused(served: dict[str, Any]) -> None:
    body = {"email": "nobody@example.com", "listName": "Nobody"}

    ((status, answer),) = generated(
        served, "mailmodo", {"mmApiKey": "WRONG00-WRONG00-WRONG00-WRONG00"}, ["addToList", None, body]
    )

    assert status in (401, 403)
    assert answer["success"] is False
    assert contact(served, "nobody%40example.com") == UNKNOWN


def test_a_client_of_clevertaps_contract_uploads_and_reads(served: dict[str, Any]) -> None:
    account = served["clevertap"]
    document = load_contract("clevertap").document
    server = [each["url"] for each in document["servers"]].index(f"https://{REGION}.api.clevertap.com")
    right = {
        "X-CleverTap-Account-Id": account["account_id"],
        "X-CleverTap-Passcode": account["passcode"],
        "Content-Type": "application/json",
    }
    record = {"type": "profile", "identity": "gen-1", "profileData": {"Name": "Gen"}}
    calls: list[list[Any]] = [["upload", None, {"d": [record]}], ["getProfile", {"identity": "gen-1"}]]

    uploaded, read = generated(served, "clevertap", right, *calls, server=server)
    refused = generated(served, "clevertap", right, *calls)  # the first server is Europe's

    assert uploaded == [200, {"status": "success", "processed": 1, "unprocessed": []}]
    assert read[1]["record"] == profile(served, "gen-1")
    assert refused == [[401, REFUSED], [401, REFUSED]]


# quickhouse


def exported(served: dict[str, Any], folder: Path, *, passcode: str = "") -> list[dict[str, str]]:
    """Let quickhouse copy an event into a CSV file, page by page; give its rows."""
    qh = quickhouse()
    account, (first, last) = served["clevertap"], days().values()
    source = qh.CleverTap(
        account["account_id"],
        passcode or account["passcode"],
        "Juice Bought",
        [("who", "STRING", "profile.identity"), ("ts", "TIMESTAMP"), ("cups", "INTEGER", "event_props.Cups")],
        from_date=date.fromisoformat(str(first)).isoformat(),
        to_date=date.fromisoformat(str(last)).isoformat(),
        batch_size=23,
        base_url=account["url"],
    )
    qh.sync(source, qh.Csv(str(folder)), "juice", mode="full")
    return [
        row
        for part in sorted(folder.rglob("*.csv"))
        for row in csv.DictReader(part.read_text(encoding="utf-8").splitlines())
    ]


def test_quickhouse_exports_every_event_page_by_page(served: dict[str, Any], tmp_path: Path) -> None:
    now = int(wall_clock().timestamp())
    records = [
        {
            "type": "event",
            "identity": f"juice-{n}",
            "evtName": "Juice Bought",
            "evtData": {"Cups": n},
            "ts": now - n,
        }
        for n in range(100)
    ]
    account = served["clevertap"]
    status, _ = call(
        "POST", f"{account['url']}/1/upload", {"d": records},
        X_CleverTap_Account_Id=account["account_id"], X_CleverTap_Passcode=account["passcode"],
    )  # fmt: skip
    assert status == 200

    rows = exported(served, tmp_path)

    assert sorted(int(row["cups"]) for row in rows) == list(range(100))
    assert all(row["who"] == f"juice-{row['cups']}" for row in rows)


def test_quickhouse_with_a_wrong_passcode_is_refused(served: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"401 Unauthorized.*Invalid Credentials"):
        exported(served, tmp_path, passcode="AAA-BBB-CCCC")


# curl


def curled(served: dict[str, Any], *arguments: str) -> tuple[int, Any]:
    """Run curl through the proxy; give status and JSON."""
    ended = subprocess.run(
        [curl(), "-sS", "-w", "\n%{http_code}", *arguments],
        env=proxied(served), capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    body, _, status = ended.stdout.rpartition("\n")
    return int(status), json.loads(body)


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_curl_calls_both_vendors_by_their_real_names(served: dict[str, Any], version: str) -> None:
    account = served["clevertap"]
    identity = f"curl{version}"
    record = {"type": "profile", "identity": identity, "profileData": {"Name": "Cy"}}
    json_body = "-H", "Content-Type: application/json", "-d"
    upload = [
        version,
        f"https://{REGION}.api.clevertap.com/1/upload",
        "-H", f"X-CleverTap-Account-Id: {account['account_id']}",
        *json_body, json.dumps({"d": [record]}),
    ]  # fmt: skip
    email = f"{identity}@example.com"
    add = [
        "https://api.mailmodo.com/api/v1/addToList",
        *json_body,
        json.dumps({"email": email, "listName": "C"}),
    ]
    key = f"mmApiKey: {served['mailmodo']['api_key']}"

    assert curled(served, *upload, "-H", "X-CleverTap-Passcode: wrong") == (401, REFUSED)
    assert profile(served, identity) is None
    assert curled(served, *upload, "-H", f"X-CleverTap-Passcode: {account['passcode']}")[1]["processed"] == 1
    assert profile(served, identity) is not None
    assert curled(served, *add, "-H", "mmApiKey: wrong")[0] in (401, 403)
    assert curled(served, *add, "-H", key)[1]["success"] is True
    assert contact(served, email.replace("@", "%40"))[0] == 200
