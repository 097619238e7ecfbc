"""Which store the settings ask for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from bridge.errors import ExtraMissing
from bridge.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from bridge.settings import Settings
    from bridge.store.base import Store

__all__ = ["file_of", "make_store"]

_IN_MEMORY: Final = ":memory:"


def file_of(settings: Settings) -> Path | None:
    """Give the file that keeps the store, whether it is there or not; None where no file keeps it."""
    is_file = not settings.store_dsn and settings.store_path != _IN_MEMORY
    return Path(settings.store_path) if is_file else None


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
