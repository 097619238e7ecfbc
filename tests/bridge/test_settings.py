from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from bridge.configuration import file_schema, values_schema
from bridge.configuration.positions import find_places
from bridge.errors import SettingsInvalid
from bridge.settings import Settings, table

if TYPE_CHECKING:
    from pathlib import Path


def test_every_setting_has_help_and_a_variable_of_its_own():
    rows = table()

    assert all(row.help for row in rows)
    assert len({row.variable for row in rows}) == len(rows)


def test_a_file_gives_settings_and_tables_are_prefixes(tmp_path: Path):
    file = tmp_path / "bridge.toml"
    file.write_text(
        'port = 9000\n[mailmodo]\napi_key = "key"\nrate_per_s = 5\n[customerio]\nsigning_keys = ["a", "b"]\n'
    )

    settings = Settings.load(file, {})

    assert settings.port == 9000
    assert settings.mailmodo_api_key == "key"
    assert settings.mailmodo_rate_per_s == 5.0
    assert settings.customerio_signing_keys == ("a", "b")


def test_the_environment_wins_over_the_file(tmp_path: Path):
    file = tmp_path / "bridge.toml"
    file.write_text("port = 9000\n")

    settings = Settings.load(file, {"BRIDGE_PORT": "9001", "BRIDGE_CUSTOMERIO_SIGNING_KEYS": "a, b"})

    assert settings.port == 9001
    assert settings.customerio_signing_keys == ("a", "b")


def test_secrets_may_be_references(tmp_path: Path):
    (tmp_path / "key").write_text("from-file\n")
    file = tmp_path / "bridge.toml"
    file.write_text(f'mailmodo_api_key = "env:MM"\nsegment_destination_api_key = "file:{tmp_path}/key"\n')

    settings = Settings.load(file, {"MM": "from-variable"})

    assert settings.mailmodo_api_key == "from-variable"
    assert settings.segment_destination_api_key == "from-file"


def test_secrets_are_not_in_the_settings_text():
    settings = Settings.from_mapping(
        {"mailmodo_api_key": "hush", "mailjet_webhook_user": "u", "mailjet_webhook_password": "hush"}
    )

    assert "hush" not in repr(settings)


@pytest.mark.parametrize(
    ("text", "at", "key", "message"),
    [
        ("prot = 1", ":1:1", "prot", "found a name that is not a setting; did you mean port?"),
        ("zzz = 1", ":1:1", "zzz", "wanted one of the names that `python -m bridge settings` lists"),
        ('port = "x"', ":1:8", "port", "found 'x', wanted a whole number"),
        ("port = true", ":1:8", "port", "wanted a whole number"),
        ("port = 8080.5", ":1:8", "port", "wanted a whole number"),
        ("\n\nport = -1", ":3:8", "port", "at least 0"),
        ("port = 65536", ":1:8", "port", "found 65536, wanted at most 65535"),
        ('host = ""', ":1:8", "host", "found '', wanted a text that is not empty"),
        ('store_path = ""', ":1:14", "store_path", "wanted a text that is not empty"),
        ('mailjet_webhook_user = "a\\nb"', ":1:24", "mailjet_webhook_user", "wanted one line of text"),
        ('mailmodo_api_key = "a\\r\\nX: b"', ":1:20", "mailmodo_api_key", "a secret with a line break"),
        ('mailmodo_api_key = "env:LINES"', ":1:20", "mailmodo_api_key", "a secret with a line break"),
        # A signature under an empty key is one that anybody can make.
        ('customerio_signing_keys = [""]', ":1:27", "customerio_signing_keys", "none of them empty"),
        ('[segment]\nsigning_secrets = ["a", ""]', ":2:19", "segment_signing_secrets", "none of them empty"),
        *[
            (f'segment_url = "{url}"', ":1:15", "segment_url", "then a host, perhaps a port and a path")
            for url in (
                "https://",
                "https://:443",
                "https://exa mple",
                "https://[::1",
                "https://api.segment.io:x",
                "https://api.segment.io:65536",
                "https://user:password@api.segment.io",
                "https://api.segment.io/?a=b",
                "https://api.segment.io/#a",
            )
        ],
        ("age_limit_s = inf", ":1:15", "age_limit_s", "found inf, wanted a number"),
        ("age_limit_s = nan", ":1:15", "age_limit_s", "found nan, wanted a number"),
        ('customerio_signing_keys = "one"', ":1:27", "customerio_signing_keys", "wanted a list of texts"),
        ('[mailmodo]\nuncertain = "maybe"', ":2:13", "mailmodo_uncertain", "hold or reconcile or retry"),
        ('segment_url = "api.segment.io"', ":1:15", "segment_url", "a URL that starts with https://"),
        (
            'port = 1\nclevertap = {account_id = "ZWW"}',
            ":2:14",
            "clevertap_passcode",
            "because clevertap_account_id has one",
        ),
        ('mailmodo_api_key = "env:NOT_THERE"', ":1:20", "mailmodo_api_key", "which is not set"),
        ('mailmodo_api_key = "env:EMPTY"', ":1:20", "mailmodo_api_key", "which is empty"),
        ('mailmodo_api_key = "file:none"', ":1:20", "mailmodo_api_key", "No such file"),
        ('mailmodo_api_key = "k"\n[mailmodo]\napi_key = "k"', ":3:1", "mailmodo_api_key", "given before"),
        ("port = ", ":1:8", "file", "wanted well-formed TOML"),
        ("port = 1\nx = [1\n", ":2:7", "file", "found Unclosed array, wanted well-formed TOML"),
        pytest.param(f"port = {'[' * 20_000}", "", "file", "values too deep in each other", id="deep"),
    ],
)
def test_a_bad_file_is_refused_with_place_key_found_and_wanted(
    tmp_path: Path, text: str, at: str, key: str, message: str
):
    file = tmp_path / "bridge.toml"
    file.write_text(text)

    with pytest.raises(SettingsInvalid) as caught:
        Settings.load(file, {"EMPTY": "", "LINES": "a\nb"})

    (problem,) = caught.value.problems
    assert problem.key == key
    assert problem.where == f"{file}{at}"
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/base/", "https://[::1]:8080", "https://api.mailmodo.com"]
)
def test_a_base_url_may_have_a_port_and_a_path(url: str):
    assert Settings.from_mapping({"mailmodo_url": url}).mailmodo_url == url.rstrip("/")


def test_everything_that_is_wrong_is_said_at_once(tmp_path: Path):
    file = tmp_path / "bridge.toml"
    file.write_text('port = "x"\nprot = 1\n[mailjet]\nwebhook_user = "u"\n')

    with pytest.raises(SettingsInvalid) as caught:
        Settings.load(file, {"BRIDGE_LEASE_S": "soon"})

    assert [problem.where for problem in caught.value.problems] == [
        f"{file}:1:8",
        f"{file}:2:1",
        "environment",
        f"{file}:4:1",
    ]


def test_a_reference_to_a_file_counts_from_the_folder_of_the_settings(tmp_path: Path):
    (tmp_path / "key").write_text("hush\n")
    file = tmp_path / "bridge.toml"
    file.write_text('[mailmodo]\napi_key = "file:key"\n')

    assert Settings.load(file, {}).mailmodo_api_key == "hush"


def test_a_variable_that_looks_like_a_setting_is_pointed_out_and_others_are_not():
    environment = {"BRIDGE_MAILMODO_APIKEY": "k", "BRIDGE_URL": "http://127.0.0.1:1", "BRIDGE_PORT": "1"}

    assert Settings.misspelt_variables(environment) == [
        "environment: BRIDGE_MAILMODO_APIKEY: is no setting; did you mean BRIDGE_MAILMODO_API_KEY?"
    ]


def test_a_secret_is_not_quoted_when_it_is_refused():
    with pytest.raises(SettingsInvalid) as caught:
        Settings.from_mapping({"customerio_signing_keys": "hush"})

    assert "hush" not in str(caught.value)


def test_a_password_in_a_url_is_not_quoted_when_it_is_refused():
    with pytest.raises(SettingsInvalid, match="found a URL with a user in it"):
        Settings.from_mapping({"mailmodo_url": "https://ada:hush@127.0.0.1"})


def test_a_bad_variable_is_named(tmp_path: Path):
    with pytest.raises(
        SettingsInvalid, match="environment: BRIDGE_PORT: found 'many', wanted a whole number"
    ):
        Settings.load(None, {"BRIDGE_PORT": "many"})


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(SettingsInvalid, match="No such file"):
        Settings.load(tmp_path / "none.toml", {})


# Schema and positions


def test_the_file_schema_takes_what_people_write_in_either_form():
    validator = Draft202012Validator(file_schema(table()))

    Draft202012Validator.check_schema(validator.schema)
    assert validator.is_valid({"port": 1, "mailmodo_api_key": "k"})
    assert validator.is_valid({"mailmodo": {"api_key": "k", "rate_per_s": 5}})
    assert not validator.is_valid({"mailmodo": {"apikey": "k"}})
    assert not validator.is_valid({"port": "x"})


def test_every_default_is_good_by_the_schema():
    defaults = {row.name: list(row.default) if row.default == () else row.default for row in table()}

    assert list(Draft202012Validator(values_schema(table())).iter_errors(defaults)) == []


_KEYS = st.text("abcdefgh_-1", min_size=1, max_size=6)


@st.composite
def _values(draw: st.DrawFn) -> str:
    basic = json.dumps(draw(st.text("a\"'\\\n#[]{}=,.é ", max_size=12)))
    kinds = [
        basic,
        f'"""{basic[1:-1]}\n]x = 1 # no comment"""',
        "'''[literal] = {\n'''",
        "'a = # b'",
        str(draw(st.integers(-99, 99))),
        "true",
        "1979-05-27T07:32:00Z",
        f"[ {basic}, # ] a comment\n  [1, 2],\n]",
        f"{{ b = {basic}, c.d = [1] }}",
        "{}",
    ]
    return draw(st.sampled_from(kinds))


_AFTER = st.sampled_from(["", " # [x]", "\n", "\n# y = 1"])


@given(st.dictionaries(_KEYS, st.tuples(_values(), _AFTER)), st.data())
def test_every_key_of_a_file_is_found_where_it_stands(pairs: dict[str, tuple[str, str]], data: st.DataObject):
    cut = data.draw(st.integers(0, len(pairs)))
    lines, expected = list[str](), dict[str, str]()
    for number, (key, (value, after)) in enumerate(pairs.items()):
        if number == cut:
            lines.append("[ 'table' . \"sub\" ]")
        lines.append(f'  "{key}"\t=  {value}{after}')
        expected[f"table_sub_{key}" if number >= cut else key] = f'"{key}"'
    text = "\n".join(lines)
    tomllib.loads(text)

    places = find_places(text)

    rows = text.split("\n")
    for name, written in expected.items():
        line, column = places[name].key
        assert rows[line - 1][column - 1 :].startswith(written)
        line, column = places[name].value
        assert rows[line - 1][: column - 1].endswith("=  ")
