"""All settings in one table: name, default, unit, help and environment variable.

Settings come from a TOML file and from the environment, which wins. A TOML table is a prefix: `[mailmodo]` with
`api_key` is the setting `mailmodo_api_key`. A secret may be a reference: `env:NAME` or `file:PATH`.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from bridge.errors import SettingsInvalid

if TYPE_CHECKING:
    from collections.abc import Iterator
    from dataclasses import Field

__all__ = ["Row", "Settings", "reference_page", "table"]

_PREFIX: Final = "BRIDGE_"
_TYPES: Final = {
    "int": "a whole number",
    "float": "a number",
    "str": "a text",
    "tuple[str, ...]": "a list of texts",
}


def _setting(
    default: Any,
    help: str,  # noqa: A002 - what it is
    *,
    unit: str = "",
    secret: bool = False,
    choices: tuple[str, ...] = (),
    least: float | None = None,
) -> Any:
    return field(
        default=default,
        repr=not secret,
        metadata={"help": help, "unit": unit, "secret": secret, "choices": choices, "least": least},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What one bridge is told; every field is a row of the table.

    A source whose proof is empty is off and answers 404; a destination whose credentials are empty is off, and
    what would go there is filtered.
    """

    host: str = _setting("127.0.0.1", "Address to listen on.")
    port: int = _setting(8080, "Port to listen on; 0 picks a free one and prints it.", least=0)
    store_path: str = _setting(
        "bridge.sqlite3", "SQLite file with inbox and outbox; `:memory:` keeps nothing over a restart."
    )
    max_body_bytes: int = _setting(
        4_194_304, "Largest webhook that is taken; a larger one is answered 413.", unit="bytes", least=1
    )
    request_timeout_s: float = _setting(
        30.0, "How long one call to a destination may take.", unit="s", least=0.001
    )
    connect_timeout_s: float = _setting(
        10.0, "How long connecting to a destination may take.", unit="s", least=0.001
    )
    age_limit_s: float = _setting(
        86_400.0, "A delivery that still fails at this age is dead, `expired`.", unit="s", least=0
    )
    longest_wait_s: float = _setting(900.0, "Cap of the back-off between two attempts.", unit="s", least=0)
    lease_s: float = _setting(300.0, "How long a claimed delivery belongs to its claimer.", unit="s", least=1)
    stop_grace_s: float = _setting(30.0, "How long a stop waits for calls in flight.", unit="s", least=0)
    batch_linger_s: float = _setting(
        0.02, "How long a batch waits for company, for destinations that take batches.", unit="s", least=0
    )

    clevertap_url: str = _setting("https://in1.api.clevertap.com", "CleverTap's API in the account's region.")
    clevertap_account_id: str = _setting("", "Project ID; empty turns the destination off.")
    clevertap_passcode: str = _setting("", "Passcode of the project.", secret=True)
    clevertap_webhook_secret: str = _setting(
        "", "The secret in the URL of webhook campaigns; empty turns the source off.", secret=True
    )
    clevertap_id_as: str = _setting(
        "shape",
        "How a `clevertap_id` names a profile; `shape` decides by what it looks like.",
        choices=("shape", "objectId", "identity"),
    )
    clevertap_concurrency: int = _setting(1, "Uploads in flight; the vendor allows 15.", least=1)
    clevertap_batch_records: int = _setting(
        1000, "Records per upload; the vendor allows 1000.", unit="records", least=1
    )

    mailmodo_url: str = _setting("https://api.mailmodo.com", "Mailmodo's API.")
    mailmodo_api_key: str = _setting("", "API key; empty turns the destination off.", secret=True)
    mailmodo_webhook_secret: str = _setting(
        "", "The secret in the URL of activity webhooks; empty turns the source off.", secret=True
    )
    mailmodo_list_name: str = _setting("Segment", "The list that identified people are added to.")
    mailmodo_concurrency: int = _setting(8, "Calls in flight.", least=1)
    mailmodo_rate_per_s: float = _setting(
        50.0, "Calls per second; plans allow 5, 10 or 50; 0 is no limit.", unit="1/s", least=0
    )
    mailmodo_uncertain: str = _setting(
        "hold",
        "What happens to a trigger whose end is unknown: `hold` keeps it for a person, `retry` risks a second e-mail.",
        choices=("hold", "retry"),
    )

    mailjet_webhook_user: str = _setting("", "User name in the webhook's URL; empty turns the source off.")
    mailjet_webhook_password: str = _setting("", "Password in the webhook's URL.", secret=True)

    customerio_signing_keys: tuple[str, ...] = _setting(
        (),
        "Signing keys that are live now; several while one is rotated; none turns the source off.",
        secret=True,
    )
    customerio_tolerance_s: float = _setting(
        600.0, "How far a signature's time may be off.", unit="s", least=0
    )
    customerio_property_names: str = _setting(
        "both",
        "Names of Segment properties: the webhook's own (`raw`), the Email spec's (`spec`), or `both`.",
        choices=("both", "raw", "spec"),
    )

    segment_url: str = _setting("https://api.segment.io", "Segment's tracking API in the workspace's region.")
    segment_destination_api_key: str = _setting(
        "", "The API key that Segment's Mailmodo destination sends; empty turns the source off.", secret=True
    )
    segment_write_key_mailmodo: str = _setting(
        "", "Write key of the Mailmodo source; empty turns that destination off.", secret=True
    )
    segment_write_key_mailjet: str = _setting(
        "", "Write key of the Mailjet source; empty turns that destination off.", secret=True
    )
    segment_write_key_customerio: str = _setting(
        "", "Write key of the Customer.io source; empty turns that destination off.", secret=True
    )
    segment_concurrency: int = _setting(4, "Batches in flight, for each source.", least=1)
    segment_batch_messages: int = _setting(
        500, "Messages per batch; the vendor allows 2500.", unit="messages", least=1
    )
    segment_batch_bytes: int = _setting(
        475_000, "Size of a batch; the vendor allows 512000.", unit="bytes", least=1
    )

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, object], *, origin: str = "settings") -> Self:
        """Read settings by name; a mapping inside the mapping is a prefix.

        Args:
            mapping: Names and values, as TOML gives them.
            origin: What messages call the place they come from.

        Raises:
            SettingsInvalid: A name is unknown, a value has the wrong type, or two contradict each other.
        """
        return cls._checked({key: (value, origin) for key, value in _flatten(mapping)})

    @classmethod
    def load(cls, path: str | Path | None = None, environment: Mapping[str, str] | None = None) -> Self:
        """Read settings from a TOML file and then from the environment.

        Raises:
            SettingsInvalid: The file cannot be read, or a setting is wrong.
        """
        found: dict[str, tuple[object, str]] = {}
        if path is not None:
            found |= {key: (value, str(path)) for key, value in _flatten(_read_toml(Path(path)))}
        environment = os.environ if environment is None else environment
        for row in table():
            if row.variable in environment:
                found[row.name] = (_from_text(row, environment[row.variable]), "environment")
        return cls._checked(found, environment=environment)

    @classmethod
    def _checked(
        cls, found: Mapping[str, tuple[object, str]], *, environment: Mapping[str, str] | None = None
    ) -> Self:
        rows = {row.name: row for row in table()}
        values: dict[str, Any] = {}
        for key, (value, origin) in found.items():
            if key not in rows:
                raise SettingsInvalid(
                    origin=origin, key=key, found="a name that is not a setting", wanted=_near(key)
                )
            values[key] = _read(rows[key], value, origin, environment or os.environ)
        settings = cls(**values)
        origin = next(iter(found.values()))[1] if found else "settings"
        for first, second in _PAIRS:
            if bool(getattr(settings, first)) != bool(getattr(settings, second)):
                given, missing = (first, second) if getattr(settings, first) else (second, first)
                raise SettingsInvalid(
                    origin=origin, key=missing, found="nothing", wanted=f"a value, because {given} has one"
                )
        return settings


_PAIRS: Final = (
    ("clevertap_account_id", "clevertap_passcode"),
    ("mailjet_webhook_user", "mailjet_webhook_password"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One setting as people see it.

    Attributes:
        name: As in the file.
        type: The type of its value, as Python writes it.
        default: The value when nobody says.
        unit: What it is counted in; empty for a bare value.
        help: What it does.
        variable: Its environment variable.
        is_secret: Never shown or logged; may be a reference.
        choices: The values it may have, when they are few.
        least: The smallest value, for numbers.
    """

    name: str
    type: str
    default: Any
    unit: str
    help: str
    variable: str
    is_secret: bool
    choices: tuple[str, ...]
    least: float | None


def table() -> tuple[Row, ...]:
    """Give the rows in the order in which they are declared."""
    return tuple(_row(each) for each in fields(Settings))


def _row(each: Field[Any]) -> Row:
    data = each.metadata
    return Row(
        name=each.name,
        type=str(each.type),
        default=each.default,
        unit=data["unit"],
        help=data["help"],
        variable=_PREFIX + each.name.upper(),
        is_secret=data["secret"],
        choices=data["choices"],
        least=data["least"],
    )


def reference_page() -> str:
    """Write the reference page of all settings, in Markdown."""
    lines = [
        "# Settings of the bridge",
        "",
        "`python -m bridge --settings FILE` reads a TOML file; the environment wins over it.",
        "A TOML table is a prefix: `[mailmodo]` with `api_key` is `mailmodo_api_key`.",
        "A secret may be a reference: `env:NAME` reads a variable, `file:PATH` a file.",
        "This page is written by `bridge.settings.reference_page`.",
        "",
        "| Setting | Default | Unit | Meaning | Environment variable |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| `{row.name}` | {_shown(row.default)} | {row.unit} | {_meaning(row)} | `{row.variable}` |"
        for row in table()
    ]
    return "\n".join(lines) + "\n"


def _meaning(row: Row) -> str:
    notes = [row.help]
    if row.choices:
        notes.append(f"One of {', '.join(f'`{choice}`' for choice in row.choices)}.")
    if row.is_secret:
        notes.append("Secret.")
    return " ".join(notes)


def _shown(default: object) -> str:
    if default in ("", ()):
        return "none"
    return f"`{default}`"


def _read_toml(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsInvalid(
            origin=str(path), key="file", found=error.strerror or "nothing", wanted="a readable TOML file"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsInvalid(
            origin=str(path), key="file", found=str(error), wanted="well-formed TOML"
        ) from error


def _flatten(mapping: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in mapping.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{key}_")
        else:
            yield prefix + str(key), value


def _from_text(row: Row, text: str) -> object:
    """Read a variable's text as the type that the setting has; what does not fit stays text and is refused."""
    try:
        if row.type == "int":
            return int(text)
        if row.type == "float":
            return float(text)
    except ValueError:
        return text
    if row.type.startswith("tuple"):
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


def _read(row: Row, value: object, origin: str, environment: Mapping[str, str]) -> object:
    key = row.variable if origin == "environment" else row.name
    shown = "a secret" if row.is_secret and isinstance(value, (str, list)) else repr(value)
    if row.type == "float" and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if row.type.startswith("tuple"):
        if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
            raise SettingsInvalid(origin=origin, key=key, found=shown, wanted=_TYPES[row.type])
        return tuple(_resolve(row, item, origin, environment) for item in value)
    if type(value).__name__ != row.type:
        raise SettingsInvalid(origin=origin, key=key, found=shown, wanted=_TYPES[row.type])
    if row.choices and value not in row.choices:
        raise SettingsInvalid(origin=origin, key=key, found=shown, wanted=" or ".join(row.choices))
    if row.least is not None and isinstance(value, (int, float)) and not value >= row.least:
        raise SettingsInvalid(origin=origin, key=key, found=shown, wanted=f"at least {row.least:g}")
    if row.name.endswith("_url") and not str(value).startswith(("http://", "https://")):
        raise SettingsInvalid(
            origin=origin, key=key, found=shown, wanted="a URL that starts with https:// or http://"
        )
    return _resolve(row, value, origin, environment) if isinstance(value, str) else value


def _resolve(row: Row, value: str, origin: str, environment: Mapping[str, str]) -> str:
    """Follow a reference to a secret; anything else is the value itself."""
    if not row.is_secret:
        return value.rstrip("/") if row.name.endswith("_url") else value
    kind, _, where = value.partition(":")
    if kind == "env":
        if where not in environment:
            raise SettingsInvalid(
                origin=origin, key=row.name, found=f"env:{where}, which is not set", wanted="a set variable"
            )
        return environment[where]
    if kind == "file":
        try:
            return Path(where).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingsInvalid(
                origin=origin, key=row.name, found=f"file:{where}, {error.strerror}", wanted="a readable file"
            ) from error
    return value


def _near(key: str) -> str:
    names = [row.name for row in table()]
    close = get_close_matches(key, names, n=1)
    return f"did you mean {close[0]}?" if close else "one of the names that --help lists"
