from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.bodies import Body, read_form, read_json

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda below: st.lists(below) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), below),
    max_leaves=8,
)


@given(value=JSON)
def test_all_json_reads_as_the_standard_library_reads_it(value: object) -> None:
    assert read_json(json.dumps(value).encode()) == value
    assert read_json(json.dumps(value, ensure_ascii=False).encode()) == value


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"NaN",
        b"[Infinity]",
        b"-Infinity",
        b"1e999",
        b"[-1e400]",
        b"\xff",
        b"[" * 100_000,
        "{}".encode("utf-16"),
    ],
    ids=lambda raw: repr(raw[:12]),
)
def test_what_other_readers_could_not_read_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        read_json(raw)


def test_a_byte_order_mark_is_passed_over() -> None:
    assert read_json(b"\xef\xbb\xbf{}") == {}


def test_a_body_is_parsed_once() -> None:
    body = Body(b'{"a": [1]}')

    assert body.json() is body.json()
    assert body.json() == {"a": [1]}


def test_a_body_that_is_no_json_says_so_each_time() -> None:
    body = Body(b"{")

    for _ in range(2):
        with pytest.raises(ValueError, match=r".*"):
            body.json()


def test_a_body_is_read_as_its_media_type_says() -> None:
    assert Body(b"a=1&b=2&a=3").read_as("application/x-www-form-urlencoded") == {"a": ["1", "3"], "b": "2"}
    assert Body(b"[1]").read_as("application/problem+json") == [1]
    assert Body(b"\xffa").read_as("text/plain") == "\ufffda"
    assert read_form(b"") == {}
