from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from contracts import Judge, Violation, load_contract, names
from contracts.bodies import Body
from contracts.catalog import read_contract
from contracts.validation import NO_CONTRACT

LETTER = """
openapi: 3.1.0
info: {title: Post office, version: "1"}
paths:
  /letters/{letter}:
    post:
      operationId: sendLetter
      parameters:
        - {name: letter, in: path, required: true, schema: {type: string}}
        - {name: copies, in: query, required: true, schema: {type: integer, minimum: 1}}
        - {name: urgent, in: query, schema: {type: boolean}}
        - {name: weight, in: query, schema: {type: number}}
        - $ref: "#/components/parameters/Lang"
      requestBody:
        required: true
        content:
          application/json: {schema: {$ref: "#/components/schemas/Letter"}}
          application/x-www-form-urlencoded:
            schema: {type: object, required: [to], properties: {to: {type: string}, cc: {type: array, items: {type: string}}}}
          text/*: {schema: {type: string, maxLength: 5}}
          image/gif: {}
      responses:
        "200": {description: ok, content: {application/json: {schema: {$ref: "#/components/schemas/Letter"}}}}
        "204": {description: nothing}
        4XX: {$ref: "#/components/responses/Refused"}
        default: {description: else, content: {text/plain: {schema: {type: string}}}}
    get:
      operationId: getLetter
      responses: {"200": {description: ok}, "404": {description: none}}
  "/odd~paths/{id}":
    put:
      operationId: odd
      requestBody: {content: {"application/json; v=2": {}, application/json: {schema: {type: object, properties: {"a/b~c": {type: integer}}}}}}
      responses: {"200": {description: ok, content: {"*/*": {schema: {type: string}}}}}
webhooks:
  letterRead:
    post:
      requestBody: {required: true, content: {application/json: {schema: {type: object, required: [at], properties: {at: {type: string, format: date-time}}}}}}
      responses: {2XX: {description: taken}}
components:
  parameters:
    Lang: {name: lang, in: query, schema: {enum: [en, de]}}
  responses:
    Refused: {description: no, content: {application/json: {schema: {type: object, required: [error]}}}}
  schemas:
    Letter:
      type: object
      required: [to, pages]
      additionalProperties: false
      properties:
        to: {type: string, format: email, x-source: post manual}
        pages: {type: array, items: {$ref: "#/components/schemas/Page"}}
    Page: {oneOf: [{type: string}, {type: object, required: [text], properties: {text: {type: string, maxLength: 3}}}]}
"""
GOOD: dict[str, Any] = {"to": "asha@example.com", "pages": ["one", {"text": "two"}]}


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge(read_contract("post", LETTER))


def asked(
    judge: Judge,
    body: object,
    *,
    operation: str = "sendLetter",
    content_type: str = "application/json",
    **query: str,
) -> list[str]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    wanted = {"copies": "1", **query} if operation == "sendLetter" else query
    called = judge.contract.operation(operation)
    found = judge.request(called, query=wanted, content_type=content_type, body=raw)
    # What is looked up beforehand for many requests changes nothing.
    alike = judge.of_requests(called, query=wanted, content_type=content_type)
    assert alike(Body(raw)) == alike(Body(raw)) == found
    return [str(violation) for violation in found]


def answered(
    judge: Judge,
    status: int,
    body: object = b"",
    *,
    operation: str = "sendLetter",
    content_type: str = "application/json",
) -> list[str]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    found = judge.response(
        judge.contract.operation(operation), status=status, content_type=content_type, body=raw
    )
    return [str(violation) for violation in found]


class TestRequests:
    def test_what_keeps_the_contract_has_no_violation(self, judge: Judge) -> None:
        assert asked(judge, GOOD, urgent="true", weight="1.5", lang="de", other="anything") == []

    def test_a_violation_says_where_what_was_found_what_was_wanted_and_who_says_so(
        self, judge: Judge
    ) -> None:
        found = judge.request(
            judge.contract.operation("sendLetter"),
            query={"copies": "1"},
            content_type="application/json",
            body=json.dumps(GOOD | {"to": 7}).encode(),
        )

        assert found == (Violation("request.body", "$.to", "7", 'type "string"', "post manual"),)
        assert str(found[0]) == 'request.body $.to: got 7, wanted type "string" (source: post manual)'

    def test_a_missing_field_is_named_with_the_fields_there_are(self, judge: Judge) -> None:
        (violation,) = asked(judge, {"to": "asha@example.com"})

        assert violation == "request.body $: got an object with to, wanted also pages"

    def test_several_missing_fields_are_told_once(self, judge: Judge) -> None:
        assert asked(judge, {}) == ["request.body $: got an object with nothing, wanted also to, pages"]

    def test_fields_too_many_are_named_with_those_that_there_may_be(self, judge: Judge) -> None:
        (violation,) = asked(judge, GOOD | {"more": 1, "even": 2})

        assert violation.startswith("request.body $: got an object with even, more, wanted nothing but ")
        assert "to" in violation.rpartition("but ")[2].split(", ")

    def test_several_violations_are_all_told(self, judge: Judge) -> None:
        assert len(asked(judge, {"to": "nobody", "pages": "none", "more": 1})) == 3

    def test_a_choice_is_explained_by_the_nearest_branch(self, judge: Judge) -> None:
        (violation,) = asked(judge, GOOD | {"pages": ["one", {"text": "too long"}]})

        assert violation.startswith('request.body $.pages[1].text: got "too long"')

    def test_a_format_is_judged(self, judge: Judge) -> None:
        assert asked(judge, GOOD | {"to": "nobody"}) != []

    def test_a_missing_body_is_told_only_where_one_is_needed(self, judge: Judge) -> None:
        assert asked(judge, b"") == ["request.body $: got nothing, wanted a body"]
        assert asked(judge, b"", operation="odd") == []

    def test_a_body_where_none_is_asked_for_is_nobodys_business(self, judge: Judge) -> None:
        assert asked(judge, b"anything", operation="getLetter") == []

    @pytest.mark.parametrize(
        "body",
        [b"{", b"\xff\xfe", b"nothing", b'{"to": NaN}', b"[1,]", b"Infinity", b"[" * 100_000, b'{"a": 01}'],
        ids=lambda body: repr(body[:12]),
    )
    def test_what_is_no_json_is_said_to_be_none(self, judge: Judge, body: bytes) -> None:
        (violation,) = asked(judge, body)

        assert violation.endswith("wanted well-formed application/json")

    def test_half_of_a_surrogate_pair_is_no_text(self, judge: Judge) -> None:
        (violation,) = asked(judge, b'{"to": "\\ud800@example.com", "pages": []}')

        assert "half of a surrogate pair" in violation

    def test_values_nested_too_deep_are_judged_and_not_crashed_upon(self, judge: Judge) -> None:
        deep = b'{"a":' * 900 + b"1" + b"}" * 900

        assert asked(judge, deep) != []

    def test_long_values_are_shortened(self, judge: Judge) -> None:
        (violation,) = asked(judge, GOOD | {"to": ["x" * 1000]})

        assert len(violation) < 250
        assert "…" in violation

    @pytest.mark.parametrize("content_type", ["Application/JSON; charset=utf-8", "application/json;v=1"])
    def test_parameters_and_case_of_the_media_type_do_not_matter(
        self, judge: Judge, content_type: str
    ) -> None:
        assert asked(judge, GOOD, content_type=content_type) == []

    def test_a_missing_content_type_is_told(self, judge: Judge) -> None:
        (violation,) = asked(judge, GOOD, content_type="")

        assert violation == (
            "request.headers.content-type $: got nothing, wanted application/json or "
            "application/x-www-form-urlencoded or text/* or image/gif"
        )

    def test_another_media_type_is_told(self, judge: Judge) -> None:
        assert "got application/xml" in asked(judge, b"<a/>", content_type="application/xml")[0]

    def test_a_range_of_media_types_is_understood(self, judge: Judge) -> None:
        assert asked(judge, b"short", content_type="text/html") == []
        assert "wanted" in asked(judge, b"too long", content_type="text/html")[0]

    def test_a_media_type_without_schema_takes_any_body(self, judge: Judge) -> None:
        assert asked(judge, b"GIF89a", content_type="image/gif") == []


class TestForms:
    TYPE = "application/x-www-form-urlencoded"

    @pytest.mark.parametrize(
        "body", [b"to=asha%40example.com", b"to=", b"to=%C3%BC+x&other=1", b"to=a&cc=1&cc=2"]
    )
    def test_fields_are_decoded_and_repeated_ones_are_lists(self, judge: Judge, body: bytes) -> None:
        assert asked(judge, body, content_type=self.TYPE) == []

    def test_a_missing_field_is_told(self, judge: Judge) -> None:
        assert asked(judge, b"from=x", content_type=self.TYPE) == [
            "request.body $: got an object with from, wanted also to"
        ]

    def test_three_of_one_field_are_a_list_of_three(self, judge: Judge) -> None:
        (violation,) = asked(judge, b"to=a&to=b&to=c", content_type=self.TYPE)

        assert 'got ["a", "b", "c"]' in violation


class TestQueries:
    def test_a_required_one_that_is_missing_is_told(self, judge: Judge) -> None:
        found = judge.request(
            judge.contract.operation("sendLetter"),
            query={},
            content_type="application/json",
            body=json.dumps(GOOD).encode(),
        )

        assert [str(one) for one in found] == ["request.query.copies $: got nothing, wanted a value"]

    @pytest.mark.parametrize(
        ("query", "where"),
        [
            ({"copies": "0"}, "request.query.copies"),
            ({"copies": "many"}, "request.query.copies"),
            ({"copies": "1.0"}, "request.query.copies"),
            ({"urgent": "yes"}, "request.query.urgent"),
            ({"weight": "heavy"}, "request.query.weight"),
            ({"lang": "fr"}, "request.query.lang"),
        ],
    )
    def test_one_of_the_wrong_kind_is_told(self, judge: Judge, query: dict[str, str], where: str) -> None:
        (violation,) = asked(judge, GOOD, **query)

        assert violation.startswith(f"{where} $: got")


class TestAnswers:
    def test_a_status_is_judged_by_its_own_schema_first(self, judge: Judge) -> None:
        assert answered(judge, 200, GOOD) == []
        assert answered(judge, 200, {"error": "no"}) != []

    @pytest.mark.parametrize("status", [400, 404, 499])
    def test_a_range_of_statuses_is_understood_through_a_reference(self, judge: Judge, status: int) -> None:
        assert answered(judge, status, {"error": "no"}) == []
        assert answered(judge, status, {"fine": True}) == [
            "response.body $: got an object with fine, wanted also error"
        ]

    def test_any_other_status_is_the_default(self, judge: Judge) -> None:
        assert answered(judge, 503, b"down", content_type="text/plain") == []
        assert answered(judge, 302, {}) == [
            "response.headers.content-type $: got application/json, wanted text/plain"
        ]

    def test_an_undocumented_status_is_told_with_those_there_are(self, judge: Judge) -> None:
        assert answered(judge, 500, operation="getLetter") == [
            "response.status $: got 500, wanted one of 200, 404"
        ]

    def test_a_body_where_there_should_be_none_is_told(self, judge: Judge) -> None:
        assert answered(judge, 204) == []
        assert answered(judge, 204, b" \n") == []
        assert answered(judge, 204, b"x") == ["response.body $: got x, wanted no body"]

    def test_no_body_where_there_should_be_one_is_told(self, judge: Judge) -> None:
        assert answered(judge, 200) == ["response.body $: got nothing, wanted a body as application/json"]

    def test_any_media_type_may_be_documented(self, judge: Judge) -> None:
        assert answered(judge, 200, b"x", operation="odd", content_type="application/octet-stream") == []


class TestWebhooks:
    def test_a_webhook_is_judged_as_the_request_it_is(self, judge: Judge) -> None:
        assert asked(judge, {"at": "2026-03-02T09:00:00Z"}, operation="letterRead") == []
        assert asked(judge, {"at": "yesterday"}, operation="letterRead") != []
        assert asked(judge, b"", operation="letterRead") == ["request.body $: got nothing, wanted a body"]

    def test_the_receivers_answer_is_judged(self, judge: Judge) -> None:
        assert answered(judge, 202, operation="letterRead") == []
        assert answered(judge, 500, operation="letterRead") == [
            "response.status $: got 500, wanted one of 2XX"
        ]


def test_pointers_with_slashes_and_tildes_find_their_schema(judge: Judge) -> None:
    (violation,) = asked(judge, {"a/b~c": "text"}, operation="odd")

    assert "a/b~c" in violation
    assert violation.endswith('got "text", wanted type "integer"')


def test_a_value_is_judged_at_any_pointer(judge: Judge) -> None:
    assert judge.value("/components/schemas/Page", "text") == ()
    (violation,) = judge.value("/components/schemas/Page", 7, where="page")
    assert violation.where == "page"


def test_a_message_no_contract_knows_is_a_violation() -> None:
    assert str(NO_CONTRACT("GET", "/nowhere")) == (
        "request $: got GET /nowhere, wanted an operation that the contract knows"
    )


@pytest.mark.parametrize("name", names())
def test_every_schema_of_every_contract_compiles(name: str) -> None:
    contract = load_contract(name)
    judge = Judge(contract)

    for operation in contract.operations.values():
        judge.request(operation, query={}, content_type="application/json", body=b"{}")
        for key in operation.spec["responses"]:
            status = 499 if key == "default" else int(key.replace("X", "0"))
            judge.response(operation, status=status, content_type="application/json", body=b"{}")


@pytest.mark.parametrize("name", names())
def test_every_shipped_contract_is_an_openapi_document_that_reads_back(name: str) -> None:
    contract = load_contract(name)

    again = read_contract(name, yaml.safe_dump(dict(contract.document), sort_keys=False))

    assert again.operations == contract.operations
