"""Inbox and outbox: the protocol, and SQLite behind it."""

from bridge.store.base import (
    Counts,
    Delivery,
    Identities,
    Identity,
    Intake,
    Outcome,
    Plan,
    Planner,
    Settlement,
    State,
    Store,
    StoredDelivery,
)
from bridge.store.sqlite import SqliteStore

__all__ = [
    "Counts",
    "Delivery",
    "Identities",
    "Identity",
    "Intake",
    "Outcome",
    "Plan",
    "Planner",
    "Settlement",
    "SqliteStore",
    "State",
    "Store",
    "StoredDelivery",
]
