"""The start page of a control API: where the vendor is, with which credentials, what is in it, and what it saw."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jinja2 import Template

__all__ = ["render_page"]

_TITLES: Final = {
    "clevertap": "CleverTap",
    "customerio": "Customer.io",
    "mailjet": "Mailjet",
    "mailmodo": "Mailmodo",
    "segment": "Segment",
    "bridge": "Bridge",
}


def render_page(overview: Mapping[str, Any]) -> str:
    """Write the page.

    Args:
        overview: As `GET /index.json` gives it.
    """
    return _template().render(overview, titles=_TITLES)


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["pretty"] = _pretty
    environment.filters["lines"] = _lines
    return environment.get_template("control.html.j2")


def _pretty(text: Any) -> str:
    """Write JSON over several lines; anything else as it is."""
    if not isinstance(text, str):
        return json.dumps(text, indent=2, ensure_ascii=False)
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


def _lines(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Write nested values as one line each: `write_keys.web`."""
    found: list[tuple[str, str]] = []
    for name, value in values.items():
        if isinstance(value, dict):
            found += [(f"{name}.{inside}", text) for inside, text in _lines(value)]
        else:
            found.append((name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)))
    return found
