"""Which store the settings ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.errors import ExtraMissing
from bridge.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from bridge.settings import Settings
    from bridge.store.base import Store

__all__ = ["make_store"]


def make_store(settings: Settings) -> Store:
    """Make the store that the settings name; nothing is touched yet.

    Raises:
        ExtraMissing: What it needs is not installed.
    """
    is_synchronous = not settings.store_unsafe
    if not settings.store_dsn:
        return SqliteStore(settings.store_path, is_synchronous=is_synchronous)
    try:
        from bridge.store.postgres import PostgresStore  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ExtraMissing("store_dsn", extra="postgres") from error
    return PostgresStore(settings.store_dsn, is_synchronous=is_synchronous)
