"""The start page of a control API: where the vendor is, with which credentials, what is in it, and what it saw."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jinja2 import Template

__all__ = ["TEMPLATES", "TITLES", "page_template", "render_page"]

TEMPLATES: Final = Path(__file__).parent / "templates"
"""Where the pages' templates are."""

TITLES: Final = {
    "clevertap": "CleverTap",
    "customerio": "Customer.io",
    "mailjet": "Mailjet",
    "mailmodo": "Mailmodo",
    "segment": "Segment",
    "bridge": "Bridge",
    "start": "All servers",
}
"""What people call each server."""

_TELLING: Final = ("channel", "trigger_app", "template", "email_type", "url", "write_key")
"""Fields of an item that tell it from others, in the order in which they are shown."""

_SPACED: Final = re.compile(r"(?<=[a-z])([A-Z])")


def render_page(overview: Mapping[str, Any]) -> str:
    """Write the page.

    Args:
        overview: As `GET /index.json` gives it.
    """
    return page_template("control.html.j2").render(overview, titles=TITLES)


@cache
def page_template(name: str, *folders: Path) -> Template:
    """Find a template of a page, in the given folders or beside the kit's; it has the filters of the pages."""
    environment = Environment(
        loader=FileSystemLoader([*folders, TEMPLATES]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["pretty"] = _pretty
    environment.filters["compact"] = lambda value: json.dumps(value, ensure_ascii=False)
    environment.filters["lines"] = _lines
    environment.filters["in_short"] = _in_short
    return environment.get_template(name)


def _pretty(text: Any) -> str:
    """Write JSON over several lines; anything else as it is."""
    if not isinstance(text, str):
        return json.dumps(text, indent=2, ensure_ascii=False)
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


def _in_short(item: Mapping[str, Any]) -> str:
    """Say in a line what an item of a collection is."""
    parts = [str(item[name]) for name in _TELLING if item.get(name)]
    when = item.get("when")
    if when:
        words = [str(when[name]) for name in ("event", "segment", "property") if when.get(name)]
        parts.append(" ".join((_SPACED.sub(r" \1", when["type"]).lower().strip(), *words)))
    report = item.get("report") or item.get("statistics") or {}
    parts += [f"{count} {name}" for name, count in report.items() if isinstance(count, int) and count]
    return " · ".join(parts)


def _lines(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Write nested values as one line each: `write_keys.web`."""
    found: list[tuple[str, str]] = []
    for name, value in values.items():
        if isinstance(value, dict):
            found += [(f"{name}.{inside}", text) for inside, text in _lines(value)]
        else:
            found.append((name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)))
    return found
