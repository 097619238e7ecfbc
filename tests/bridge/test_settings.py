from __future__ import annotations

from pathlib import Path

import pytest

from bridge.errors import SettingsInvalid
from bridge.settings import Settings, reference_page, table

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "bridge-settings.md"


def test_reference_page_is_what_the_table_says():
    assert PAGE.read_text(encoding="utf-8") == reference_page()


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
    ("text", "key", "message"),
    [
        ("prot = 1", "prot", "did you mean port?"),
        ('port = "x"', "port", "found 'x', wanted a whole number"),
        ("port = true", "port", "wanted a whole number"),
        ("port = -1", "port", "at least 0"),
        ('customerio_signing_keys = "one"', "customerio_signing_keys", "wanted a list of texts"),
        ('mailmodo_uncertain = "maybe"', "mailmodo_uncertain", "hold or retry"),
        ('segment_url = "api.segment.io"', "segment_url", "a URL that starts with https://"),
        ('clevertap_account_id = "ZWW"', "clevertap_passcode", "because clevertap_account_id has one"),
        ('mailmodo_api_key = "env:NOT_THERE"', "mailmodo_api_key", "which is not set"),
        ("port = ", "file", "wanted well-formed TOML"),
    ],
)
def test_a_bad_file_is_refused_with_file_key_found_and_wanted(
    tmp_path: Path, text: str, key: str, message: str
):
    file = tmp_path / "bridge.toml"
    file.write_text(text)

    with pytest.raises(SettingsInvalid) as caught:
        Settings.load(file, {})

    assert caught.value.key == key
    assert str(file) in str(caught.value)
    assert message in str(caught.value)


def test_a_secret_is_not_quoted_when_it_is_refused():
    with pytest.raises(SettingsInvalid) as caught:
        Settings.from_mapping({"customerio_signing_keys": "hush"})

    assert "hush" not in str(caught.value)


def test_a_bad_variable_is_named(tmp_path: Path):
    with pytest.raises(
        SettingsInvalid, match="environment: BRIDGE_PORT: found 'many', wanted a whole number"
    ):
        Settings.load(None, {"BRIDGE_PORT": "many"})


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(SettingsInvalid, match="No such file"):
        Settings.load(tmp_path / "none.toml", {})
