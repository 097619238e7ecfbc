"""A blocking HTTP call, as a script of the user's would make it; and waiting until something is so."""

from __future__ import annotations

import base64
import json
from threading import Event
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.error import HTTPError
from urllib.request import Request, urlopen

if TYPE_CHECKING:
    from collections.abc import Callable

Value = TypeVar("Value")
_PATIENCE_S = 15.0
_STEP_S = 0.05


def call(method: str, url: str, body: object = None, **headers: str) -> tuple[int, Any]:
    """Send one request; give status and JSON (or text) of the answer. `_` in a header's name stands for `-`."""
    data = None if body is None else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = Request(url, data, {"Content-Type": "application/json", **named}, method=method)
    try:
        with urlopen(request, timeout=_PATIENCE_S) as response:
            status, text = response.status, response.read().decode()
    except HTTPError as refusal:
        with refusal:
            status, text = refusal.code, refusal.read().decode()
    try:
        return status, json.loads(text)
    except ValueError:
        return status, text


def basic(user: str, password: str = "") -> str:
    """Give an Authorization header."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def eventually(look: Callable[[], Value]) -> Value:
    """Look until what is seen is true, and give it; what was seen last when patience ends.

    Another process gives no event to wait on, so this looks again and again.
    """
    pause = Event()
    seen = look()
    for _ in range(int(_PATIENCE_S / _STEP_S)):
        if seen:
            break
        pause.wait(_STEP_S)
        seen = look()
    return seen
