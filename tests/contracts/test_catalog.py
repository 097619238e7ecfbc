from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from contracts import ContractFileInvalid, UnknownContract, UnknownOperation, load_contract, names
from contracts.catalog import VENDORS, Contract, read_contract

if TYPE_CHECKING:
    from collections.abc import Mapping


def document(**changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "Post office", "version": "1"},
        "servers": [{"url": "https://post.example"}, {"url": "https://eu.post.example"}],
        "paths": {
            "/letters": {"post": {"operationId": "sendLetter"}, "get": {"operationId": "listLetters"}},
            "/letters/{letter}": {"get": {"operationId": "getLetter", "summary": "One letter."}},
            "/letters/{letter}/pages/{page}": {"get": {"operationId": "getPage"}},
            "/letters/latest": {"get": {"operationId": "getLatest"}},
        },
        "webhooks": {"letterRead": {"post": {"operationId": "letterRead"}}},
    }
    return base | changes


def contract(**changes: Any) -> Contract:
    return read_contract("post", yaml.safe_dump(document(**changes), sort_keys=False))


def matched(method: str, path: str, made: Contract | None = None) -> tuple[str, dict[str, str]] | None:
    match = (made or contract()).match(method, path)
    return (match.operation.id, dict(match.parameters)) if match else None


def test_operations_come_before_webhooks_in_the_order_of_the_document() -> None:
    assert list(contract().operations) == [
        # Methods of one path come in a fixed order.
        "listLetters",
        "sendLetter",
        "getLetter",
        "getPage",
        "getLatest",
        "letterRead",
    ]
    assert [operation.id for operation in contract().of_kind("webhook")] == ["letterRead"]


def test_hosts_are_read_from_the_servers_the_main_one_first() -> None:
    assert contract().hosts == ("post.example", "eu.post.example")


def test_servers_of_single_paths_add_their_hosts_once() -> None:
    paths = document()["paths"]
    paths["/letters"]["servers"] = [{"url": "https://in.post.example/v1"}, {"url": "https://post.example"}]

    assert contract(paths=paths).hosts == ("post.example", "eu.post.example", "in.post.example")


@pytest.mark.parametrize(
    ("method", "path", "wanted"),
    [
        ("POST", "/letters", ("sendLetter", {})),
        ("GET", "/letters/latest", ("getLatest", {})),
        ("GET", "/letters/7", ("getLetter", {"letter": "7"})),
        ("GET", "/letters/7/pages/2", ("getPage", {"letter": "7", "page": "2"})),
        ("GET", "/letters/a%2Fb", ("getLetter", {"letter": "a/b"})),
        ("GET", "/letters/a%2Fb/pages/%C3%BC", ("getPage", {"letter": "a/b", "page": "ü"})),
        ("GET", "/letters/%252F", ("getLetter", {"letter": "%2F"})),
        ("GET", "/letters/a+b", ("getLetter", {"letter": "a+b"})),
        ("DELETE", "/letters", None),
        ("GET", "/letters/", None),
        ("GET", "/letters/a/b", None),
        ("GET", "/LETTERS", None),
    ],
)
def test_a_request_finds_its_operation(
    method: str, path: str, wanted: tuple[str, dict[str, str]] | None
) -> None:
    assert matched(method, path) == wanted


def test_characters_with_a_meaning_in_patterns_are_taken_as_they_are() -> None:
    made = contract(paths={"/v1.0/(a)/{x}": {"get": {"operationId": "dotted"}}})

    assert matched("GET", "/v1.0/(a)/1", made) == ("dotted", {"x": "1"})
    assert matched("GET", "/v1x0/(a)/1", made) is None


def test_methods_of_a_path_are_known_for_the_allow_header() -> None:
    assert set(contract().methods("/letters")) == {"GET", "POST"}
    assert contract().methods("/letters/9") == ("GET",)
    assert contract().methods("/parcels") == ()


def test_a_webhook_is_not_matched_as_a_path() -> None:
    assert matched("POST", "letterRead") is None


def test_a_webhook_without_operation_id_is_called_by_its_name() -> None:
    made = contract(webhooks={"letterLost": {"post": {}}})

    assert made.operation("letterLost").kind == "webhook"


def test_pointers_escape_slashes_and_tildes() -> None:
    made = contract(paths={"/a~b/{x}": {"get": {"operationId": "odd"}}})

    assert made.operation("odd").pointer == "/paths/~1a~0b~1{x}/get"


def test_an_unknown_operation_is_named_with_those_there_are() -> None:
    with pytest.raises(UnknownOperation, match=r"no operation or webhook 'sendParcel'.*sendLetter"):
        contract().operation("sendParcel")


@pytest.mark.parametrize("name", ["fastmail", "", "../pyproject", "mailmodo.yaml", "MAILMODO"])
def test_an_unknown_contract_is_named_with_those_there_are(name: str) -> None:
    with pytest.raises(UnknownContract, match="there are bridge, clevertap"):
        load_contract(name)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("openapi: [", "not well-formed YAML"),
        ("", "wanted an OpenAPI 3.1 document"),
        ("- a\n- b", "wanted an OpenAPI 3.1 document"),
        ("openapi: 3.0.3\ninfo: {title: x}", "wanted an OpenAPI 3.1 document"),
        ("openapi: 3.1.0", "`info.title` is missing"),
        ("openapi: 3.1.0\ninfo:", "`info.title` is missing"),
        (
            "openapi: 3.1.0\ninfo: {title: x}\npaths: {/a: {get: {}}}",
            "GET /a needs an operationId of its own",
        ),
        (
            "openapi: 3.1.0\ninfo: {title: x}\npaths: {/a: {get: {operationId: a}, put: {operationId: a}}}",
            "found 'a'",
        ),
        (
            "openapi: 3.1.0\ninfo: {title: x}\npaths: {/a: {get: {operationId: a}}}\nwebhooks: {a: {post: {}}}",
            "POST a needs an operationId of its own, found 'a'",
        ),
        (
            "openapi: 3.1.0\ninfo: {title: x}\npaths: {'/a/{letter-id}': {get: {operationId: a}}}",
            "found '{letter-id}'",
        ),
        (
            "openapi: 3.1.0\ninfo: {title: x}\ncomponents: {schemas: {A: {$ref: '#/components/schemas/B'}}}",
            "`$ref: #/components/schemas/B` leads nowhere",
        ),
        (
            "openapi: 3.1.0\ninfo: {title: x}\ncomponents: {schemas: {A: {$ref: 'other.yaml#/A'}}}",
            "`$ref: other.yaml#/A` leads nowhere",
        ),
    ],
)
def test_a_file_that_is_no_contract_is_refused(text: str, message: str) -> None:
    with pytest.raises(ContractFileInvalid) as refusal:
        read_contract("post", text)

    assert message in str(refusal.value)
    assert "'post'" in str(refusal.value)


def test_there_is_a_contract_for_every_vendor_the_bridge_and_the_control_api() -> None:
    assert names() == tuple(sorted((*VENDORS, "bridge", "control")))


@pytest.mark.parametrize("name", names())
def test_every_shipped_operation_says_what_it_does(name: str) -> None:
    nameless = [
        operation.id for operation in load_contract(name).operations.values() if not operation.summary
    ]

    assert nameless == []


@pytest.mark.parametrize("name", names())
def test_a_contract_is_loaded_once(name: str) -> None:
    assert load_contract(name) is load_contract(name)


@pytest.mark.parametrize("name", names())
def test_references_are_such_that_simple_tools_can_follow_them(name: str) -> None:
    """Some makers of clients do not know how a pointer spells `/` and `~`."""
    text = yaml.safe_dump(load_contract(name).document)

    assert re.findall(r"\$ref: \S*#/", text)
    assert not re.findall(r"\$ref: \S*~[01]", text)


@pytest.mark.parametrize("name", names())
def test_every_part_of_a_path_that_varies_is_a_parameter(name: str) -> None:
    """OpenAPI wants it; makers of clients leave out what is not declared."""
    found = load_contract(name).document

    for path, item in found.get("paths", {}).items():
        for method in item.keys() & {"get", "put", "post", "delete", "patch"}:
            given = [*item.get("parameters", []), *item[method].get("parameters", [])]
            declared = {
                _resolved(found, each)["name"] for each in given if _resolved(found, each)["in"] == "path"
            }
            assert set(re.findall(r"{(\w+)}", path)) == declared, f"{method} {path}"


def _resolved(document: Mapping[str, Any], parameter: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in parameter:
        return parameter
    found: dict[str, Any] = document["components"]["parameters"][parameter["$ref"].rpartition("/")[2]]
    return found
