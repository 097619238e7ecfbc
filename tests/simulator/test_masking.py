from __future__ import annotations

import base64
import json

import pytest

from simulator.masking import Masking

KEY = 'QW12/ER3+TY "45" ü'


@pytest.mark.parametrize(
    "text",
    [
        KEY,
        f"https://api.test/x?key={KEY}&a=1",
        "https://api.test/x?key=QW12%2FER3%2BTY%20%2245%22%20%C3%BC",
        "key=QW12%2FER3%2BTY+%2245%22+%C3%BC",
        json.dumps({"key": KEY}),
        json.dumps({"key": KEY}, ensure_ascii=False),
        base64.b64encode(KEY.encode()).decode(),
        base64.b64encode(f"{KEY}:".encode()).decode(),
        "Basic " + base64.b64encode(f"user:{KEY}".encode()).decode(),
        "basic " + base64.b64encode(f"{KEY}:password".encode()).decode(),
    ],
)
def test_secret_is_hidden_in_every_spelling(text: str) -> None:
    masked = Masking({"mailmodo.api_key": KEY}).text(text)

    assert "[masked: mailmodo.api_key]" in masked
    assert "QW12" not in masked
    assert base64.b64encode(KEY.encode()).decode().rstrip("=") not in masked


def test_pair_of_user_and_password_is_hidden_plain_and_in_base64() -> None:
    masking = Masking({"mailjet.credentials": "user-1:pass-2"})

    assert masking.text("user-1:pass-2") == "[masked: mailjet.credentials]"
    assert masking.text("Authorization: Basic dXNlci0xOnBhc3MtMg==") == (
        "Authorization: Basic [masked: mailjet.credentials]"
    )


def test_longer_secret_wins_over_one_that_it_contains() -> None:
    masking = Masking({"short": "abcd", "long": "abcdef"})

    assert masking.text("abcdef abcd") == "[masked: long] [masked: short]"


def test_values_are_masked_at_every_depth_and_in_keys() -> None:
    masking = Masking({"pin": "4711", "key": "s3cret"})
    value = {"a": ["x s3cret y", {"s3cret": 4711}], "n": 47110, "t": True, "none": None, "f": 1.5}

    assert masking.value(value) == {
        "a": ["x [masked: key] y", {"[masked: key]": "[masked: pin]"}],
        "n": 47110,
        "t": True,
        "none": None,
        "f": 1.5,
    }


def test_bytes_are_masked_and_the_rest_of_them_kept() -> None:
    masking = Masking({"key": "s3cret"})

    assert masking.octets(b"\xff\xfe s3cret \x00") == b"\xff\xfe [masked: key] \x00"
    assert masking.octets(b"\xff\xfe") == b"\xff\xfe"


@pytest.mark.parametrize("header", ["Basic !!!", "Basic a", "Basic ", "Basic dXNlcjpwYXNz"])
def test_credentials_without_a_secret_stay(header: str) -> None:
    assert Masking({"key": "s3cret"}).text(header) == header


def test_nothing_changes_without_secrets() -> None:
    value = {"a": [1, "x"]}

    assert Masking({"unset": ""}).value(value) is value
    assert Masking({}).text("Basic abc") == "Basic abc"
