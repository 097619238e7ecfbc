"""The routing table: which engagement becomes which event where, in what shape, and why some do not.

The table is data: `default.yaml`, or a file of one's own. `reading` checks it and compiles its expressions once,
`table` selects rows, `Router` carries them out, and `explain` shows what it would do.
"""

from bridge.routing.explanation import describe, explain
from bridge.routing.reading import DEFAULT_NAME, default_text, load_table, read_table
from bridge.routing.router import Router
from bridge.routing.schema import table_schema
from bridge.routing.table import Check, Gate, Route, Table

__all__ = [
    "DEFAULT_NAME",
    "Check",
    "Gate",
    "Route",
    "Router",
    "Table",
    "default_text",
    "describe",
    "explain",
    "load_table",
    "read_table",
    "table_schema",
]
