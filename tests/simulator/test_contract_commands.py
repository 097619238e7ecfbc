from __future__ import annotations

import json

import pytest
import yaml

from contracts import UnknownContract, UnknownOperation, load_contract
from simulator.contract_commands import check_payload, list_contracts, show_contract


def test_an_operation_is_shown_as_yaml_that_reads_back(capsys: pytest.CaptureFixture[str]) -> None:
    show_contract("mailmodo", "addEvent")

    shown = yaml.safe_load(capsys.readouterr().out)
    operation = load_contract("mailmodo").operation("addEvent")
    assert shown["paths"] == {operation.path: {"post": operation.spec}}
    assert list(shown["info"]["x-sources"]) == ["OA-event"]
    assert shown["info"]["x-sources"]["OA-event"].startswith("Mailmodo's OpenAPI file on custom events")


def test_a_webhook_is_shown_among_webhooks(capsys: pytest.CaptureFixture[str]) -> None:
    show_contract("mailmodo", "activity")

    assert list(yaml.safe_load(capsys.readouterr().out)) == ["webhooks", "info"]


@pytest.mark.parametrize("vendor", ["bridge", "clevertap", "customerio", "mailjet", "mailmodo", "segment"])
def test_every_operation_of_a_vendor_is_listed_on_a_line(
    vendor: str, capsys: pytest.CaptureFixture[str]
) -> None:
    list_contracts(vendor)

    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(load_contract(vendor).operations)


def test_a_captured_body_is_not_blamed_for_its_query() -> None:
    contract = load_contract("mailmodo")
    with_query = [
        operation
        for operation in contract.of_kind("operation")
        if any(isinstance(one, dict) and one.get("in") == "query" and one.get("required")
               for one in operation.spec.get("parameters", ()))
    ]  # fmt: skip

    for operation in with_query:
        assert check_payload("mailmodo", operation.id, b"", None, "application/json") == ()


def test_an_answer_is_judged_with_its_status_and_media_type() -> None:
    body = json.dumps({"nothing": "documented"}).encode()

    assert check_payload("mailmodo", "addEvent", body, 200, "application/json") != ()
    (violation,) = check_payload("mailmodo", "addEvent", b"<html>", 200, "text/html")
    assert violation.where == "response.headers.content-type"


def test_unknown_names_are_told() -> None:
    with pytest.raises(UnknownContract):
        show_contract("mailmoda", None)
    with pytest.raises(UnknownOperation):
        check_payload("mailmodo", "nothing", b"", None, "application/json")
