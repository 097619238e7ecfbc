"""The real service: vendors' webhooks in, other vendors' calls out, nothing lost and no e-mail sent twice.

    >>> from bridge import Bridge, Settings
    >>> settings = Settings.from_mapping({"store_path": ":memory:", "mailmodo_api_key": "…"})

`Bridge(settings, now=…, random=…)` has a web application to be served, `start` and `stop`; `python -m bridge` does
all three. A webhook is authenticated on its raw bytes by a module of `sources`, becomes an `Engagement`, is planned by
the table in `routing`, and is committed by a `store` before it is answered. `delivery` hands it to a module of
`destinations`.
"""

import logging

from bridge.app import Bridge
from bridge.engagement import Engagement, Kind, SourceName
from bridge.errors import (
    BridgeError,
    SettingsInvalid,
    StoreUnavailable,
    Unauthentic,
    Unreadable,
)
from bridge.settings import Settings
from bridge.store import Counts

# Whoever runs the bridge inside a program of their own decides what becomes of its log; `python -m bridge` does.
logging.getLogger("bridge").addHandler(logging.NullHandler())

__all__ = [
    "Bridge",
    "BridgeError",
    "Counts",
    "Engagement",
    "Kind",
    "Settings",
    "SettingsInvalid",
    "SourceName",
    "StoreUnavailable",
    "Unauthentic",
    "Unreadable",
]
