"""Inbox and outbox: the protocol, with SQLite or Postgres behind it."""

from bridge.store.base import SharedPauses, SharedTurns, Store
from bridge.store.factory import file_of, make_store
from bridge.store.records import (
    OPEN,
    Admission,
    Counts,
    Delivery,
    DeliveryFile,
    Evidence,
    Identities,
    Identity,
    Intake,
    Outcome,
    Pause,
    Plan,
    Planner,
    Settlement,
    Standing,
    State,
    StoredDelivery,
    Turns,
)
from bridge.store.sqlite import SqliteStore

__all__ = [
    "OPEN",
    "Admission",
    "Counts",
    "Delivery",
    "DeliveryFile",
    "Evidence",
    "Identities",
    "Identity",
    "Intake",
    "Outcome",
    "Pause",
    "Plan",
    "Planner",
    "Settlement",
    "SharedPauses",
    "SharedTurns",
    "SqliteStore",
    "Standing",
    "State",
    "Store",
    "StoredDelivery",
    "Turns",
    "file_of",
    "make_store",
]
