"""All settings in one table: name, default, unit, help and environment variable.

Settings come from a TOML file and from the environment, which wins. A TOML table is a prefix: `[mailmodo]` with
`api_key` is the setting `mailmodo_api_key`. A secret may be a reference: `env:NAME` or `file:PATH`. How they are
read and checked is in `bridge.configuration`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from bridge.configuration import Reader, Row, rows_of, setting

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Settings", "table"]


_OLD: Final = "The one before, which is still taken while it is rotated; empty takes none."


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What one bridge is told; every field is a row of the table.

    A source whose proof is empty is off and answers 404; a destination whose credentials are empty is off, and
    what would go there is filtered.
    """

    host: str = setting("127.0.0.1", "Address to listen on.", shortest=1, restart=True)
    port: int = setting(
        8080, "Port to listen on; 0 picks a free one and prints it.", least=0, most=65_535, restart=True
    )
    store_path: str = setting(
        "bridge.sqlite3",
        "SQLite file with inbox and outbox, counted from the folder of the settings file; `:memory:` keeps nothing"
        " over a restart.",
        shortest=1,
        restart=True,
    )
    store_dsn: str = setting(
        "",
        "A Postgres database that several bridges may share, as `postgresql://user:password@host/name`; takes the"
        " place of `store_path`.",
        secret=True,
        restart=True,
    )
    store_unsafe: bool = setting(
        False,
        "Answer webhooks before they are on the disk: faster, and a power cut loses what was accepted.",
        restart=True,
    )
    keep_days: float = setting(
        30.0,
        "How long settled deliveries and their webhooks are kept; 0 keeps them for ever.",
        unit="days",
        least=0,
    )
    keep_dead_days: float = setting(
        90.0,
        "How long dead deliveries are kept; uncertain and quarantined ones are never deleted.",
        unit="days",
        least=0,
    )
    routing_file: str = setting(
        "",
        "A routing table of one's own, in YAML: it takes the place of the shipped one, or extends it; read again at"
        " SIGHUP.",
    )
    max_body_bytes: int = setting(
        4_194_304,
        "Largest webhook that is taken; a larger one is answered 413.",
        unit="bytes",
        least=1,
        restart=True,
    )
    admin_token: str = setting(
        "",
        "Bearer token of the admin API; empty turns the admin API off.",
        secret=True,
        shortest=16,
    )
    log_level: str = setting(
        "info", "The least that is logged.", choices=("debug", "info", "warning", "error")
    )
    log_format: str = setting(
        "text", "Each line of the log: `key=value` pairs, or an object of JSON.", choices=("text", "json")
    )
    tracing: bool = setting(
        False,
        "Spans for each webhook and each call, through the OpenTelemetry API (extra `tracing`).",
        restart=True,
    )
    request_timeout_s: float = setting(
        30.0, "How long one call to a destination may take.", unit="s", least=0.001
    )
    connect_timeout_s: float = setting(
        10.0, "How long connecting to a destination may take.", unit="s", least=0.001
    )
    attempt_limit: int = setting(
        300, "A delivery that failed so often is dead, `expired`; 0 is no limit.", least=0
    )
    longest_pause_s: float = setting(
        3600.0,
        "How long a destination is left alone at most when its vendor asks for it; then it is asked again.",
        unit="s",
        least=0,
    )
    age_limit_s: float = setting(
        86_400.0, "A delivery that still fails at this age is dead, `expired`.", unit="s", least=0
    )
    longest_wait_s: float = setting(900.0, "Cap of the back-off between two attempts.", unit="s", least=0)
    lease_s: float = setting(300.0, "How long a claimed delivery belongs to its claimer.", unit="s", least=1)
    stop_grace_s: float = setting(30.0, "How long a stop waits for calls in flight.", unit="s", least=0)
    batch_linger_s: float = setting(
        0.02, "How long a batch waits for company, for destinations that take batches.", unit="s", least=0
    )

    clevertap_url: str = setting("https://in1.api.clevertap.com", "CleverTap's API in the account's region.")
    clevertap_account_id: str = setting("", "Project ID; empty turns the destination off.")
    clevertap_passcode: str = setting("", "Passcode of the project.", secret=True)
    clevertap_webhook_secret: str = setting(
        "", "The secret in the URL of webhook campaigns; empty turns the source off.", secret=True
    )
    clevertap_webhook_secret_old: str = setting("", _OLD, secret=True)
    clevertap_id_as: str = setting(
        "shape",
        "How a `clevertap_id` names a profile; `shape` decides by what it looks like.",
        choices=("shape", "objectId", "identity"),
    )
    clevertap_concurrency: int = setting(1, "Uploads in flight; the vendor allows 15.", least=1)
    clevertap_batch_records: int = setting(
        1000, "Records per upload; the vendor allows 1000.", unit="records", least=1
    )

    clevertap_event_types: int = setting(
        512,
        "Types of event that the bridge may make in the account, after which a new one is dead, `event_types_full`;"
        " the vendor allows 512, those of the system and of the customer's own apps included; 0 is no limit.",
        least=0,
    )

    mailmodo_url: str = setting("https://api.mailmodo.com", "Mailmodo's API.")
    mailmodo_api_key: str = setting("", "API key; empty turns the destination off.", secret=True)
    mailmodo_webhook_secret: str = setting(
        "", "The secret in the URL of activity webhooks; empty turns the source off.", secret=True
    )
    mailmodo_webhook_secret_old: str = setting("", _OLD, secret=True)
    mailmodo_list_name: str = setting("Segment", "The list that identified people are added to.")
    mailmodo_concurrency: int = setting(8, "Calls in flight.", least=1)
    mailmodo_rate_per_s: float = setting(
        50.0, "Calls per second; plans allow 5, 10 or 50; 0 is no limit.", unit="1/s", least=0
    )
    mailmodo_uncertain: str = setting(
        "hold",
        "What happens to a trigger whose end is unknown: `hold` keeps it for a person, `reconcile` does so until an"
        " activity webhook proves that its e-mail was sent, `retry` risks a second e-mail.",
        choices=("hold", "reconcile", "retry"),
    )

    mailjet_webhook_user: str = setting("", "User name in the webhook's URL; empty turns the source off.")
    mailjet_webhook_password: str = setting("", "Password in the webhook's URL.", secret=True)
    mailjet_webhook_password_old: str = setting("", _OLD, secret=True)

    customerio_signing_keys: tuple[str, ...] = setting(
        (),
        "Signing keys that are live now; several while one is rotated; none turns the source off.",
        secret=True,
    )
    customerio_tolerance_s: float = setting(
        600.0, "How far a signature's time may be off.", unit="s", least=0
    )
    customerio_property_names: str = setting(
        "both",
        "Names of Segment properties: the webhook's own (`raw`), the Email spec's (`spec`), or `both`.",
        choices=("both", "raw", "spec"),
    )

    segment_url: str = setting("https://api.segment.io", "Segment's tracking API in the workspace's region.")
    segment_destination_api_key: str = setting(
        "", "The API key that Segment's Mailmodo destination sends; empty turns that inlet off.", secret=True
    )
    segment_destination_api_key_old: str = setting("", _OLD, secret=True)
    segment_webhook_secret: str = setting(
        "",
        "The secret in the URL of Segment's webhook destinations, classic or Actions; empty turns that inlet off.",
        secret=True,
    )
    segment_webhook_secret_old: str = setting("", _OLD, secret=True)
    segment_signing_secrets: tuple[str, ...] = setting(
        (),
        "Shared secrets of webhook destinations that are live now; with one, every webhook must be signed as well.",
        secret=True,
    )
    segment_write_key_mailmodo: str = setting(
        "", "Write key of the Mailmodo source; empty turns that destination off.", secret=True
    )
    segment_write_key_mailjet: str = setting(
        "", "Write key of the Mailjet source; empty turns that destination off.", secret=True
    )
    segment_write_key_customerio: str = setting(
        "", "Write key of the Customer.io source; empty turns that destination off.", secret=True
    )
    segment_rate_per_s: float = setting(
        50.0,
        "Batches per second, for each source; the vendor asks partners to stay at 50; 0 is no limit.",
        unit="1/s",
        least=0,
    )
    segment_concurrency: int = setting(4, "Batches in flight, for each source.", least=1)
    segment_batch_messages: int = setting(
        500, "Messages per batch; the vendor allows 2500.", unit="messages", least=1
    )
    segment_batch_bytes: int = setting(
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
        return cls(**_READER.read_mapping(mapping, origin=origin))

    @classmethod
    def load(cls, path: str | Path | None = None, environment: Mapping[str, str] | None = None) -> Self:
        """Read settings from a TOML file and then from the environment.

        Raises:
            SettingsInvalid: The file cannot be read, or a setting is wrong.
        """
        environment = os.environ if environment is None else environment
        return cls(**_READER.read_file(None if path is None else Path(path), environment))

    @staticmethod
    def misspelt_variables(environment: Mapping[str, str] | None = None) -> list[str]:
        """Say which environment variables look like settings that they are not."""
        return _READER.misspelt_variables(os.environ if environment is None else environment)


def table() -> tuple[Row, ...]:
    """Give the rows in the order in which they are declared."""
    return rows_of(Settings)


_PAIRS: Final = (
    ("clevertap_account_id", "clevertap_passcode"),
    ("mailjet_webhook_user", "mailjet_webhook_password"),
)
_READER: Final = Reader(table(), _PAIRS)
