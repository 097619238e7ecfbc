"""Two libraries look at every payload: one judges, one explains. They must say the same."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from contracts import Judge, load_contract, names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from contracts import Contract

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    lambda below: (
        st.lists(below, max_size=3) | st.dictionaries(st.text("abd", max_size=2), below, max_size=3)
    ),
    max_leaves=6,
)


@cache
def judge_of(name: str) -> Judge:
    return Judge(load_contract(name))


def bodies_of(contract: Contract) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give the pointer and the schema of every JSON request body that stands in its operation."""
    for operation in contract.operations.values():
        content = operation.spec.get("requestBody", {}).get("content", {})
        if "schema" in content.get("application/json", {}):
            pointer = f"{operation.pointer}/requestBody/content/application~1json/schema"
            yield pointer, content["application/json"]["schema"]


def properties_of(contract: Contract, schema: Any) -> list[str]:
    """Give the names that a schema speaks of, references followed, so that payloads come near it."""
    found: dict[str, None] = {}
    waiting, seen = [schema], set()
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            reference = one.get("$ref")
            if isinstance(reference, str) and reference not in seen:
                seen.add(reference)
                below: Any = contract.document
                for part in reference.removeprefix("#/").split("/"):
                    below = below[part.replace("~1", "/").replace("~0", "~")]
                waiting.append(below)
            if isinstance(one.get("properties"), dict):
                found |= dict.fromkeys(one["properties"])
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    return sorted(found)


def near(value: st.SearchStrategy[Any], keys: list[str]) -> st.SearchStrategy[Any]:
    objects = st.dictionaries(st.sampled_from(keys), value, max_size=4) if keys else st.just({})
    return st.one_of(objects, st.dictionaries(st.sampled_from(keys), st.lists(objects, max_size=2), max_size=3)
                     if keys else st.just({}), value)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", names())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_the_judge_agrees_with_the_explainer(name: str, data: st.DataObject) -> None:
    contract = load_contract(name)
    judge = judge_of(name)
    pointer, schema = data.draw(st.sampled_from(list(bodies_of(contract))))
    value = data.draw(near(JSON, properties_of(contract, schema)))

    violations = judge.value(pointer, value)

    registry: Registry[Any] = Registry().with_resource(
        contract.uri, DRAFT202012.create_resource(contract.document)
    )
    reference = {"$ref": f"{contract.uri}#{pointer.replace('{', '%7B').replace('}', '%7D')}"}
    explainer = Draft202012Validator(reference, registry=registry, format_checker=FormatChecker())
    assert (violations == ()) == explainer.is_valid(value)
    assert all(
        violation.got and violation.wanted and violation.path.startswith("$") for violation in violations
    )


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(body=st.binary(max_size=40) | JSON.map(lambda value: json.dumps(value).encode()))
def test_no_body_whatever_makes_the_judge_fail(body: bytes) -> None:
    judge = judge_of("mailmodo")

    for content_type in ("application/json", "application/x-www-form-urlencoded", "", "a/b"):
        judge.request(
            judge.contract.operation("triggerCampaign"), query={}, content_type=content_type, body=body
        )
