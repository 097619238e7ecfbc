"""Settings of an account, changed while it runs, as its owner would on the vendor's settings pages.

A fake has a copy of its own and hands it to all its parts, which look at it whenever they need it. So the values
change in place, here and nowhere else: to everybody else the copy is frozen.
"""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import timedelta
from difflib import get_close_matches
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from fakes.kit.errors import ControlRefused
from fakes.kit.plain_values import read_value, show_value

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Bounds", "apply_settings", "read_settings", "show_settings"]

Bounds = tuple[float, float]
"""Least and greatest value; of a time span its seconds."""

_USUAL: Final[Bounds] = (0, 366 * 86400)
_LONGEST_TEXT: Final = 1000


def show_settings(settings: object) -> dict[str, Any]:
    """Show every setting as JSON has it."""
    return {name: value for name, value in show_value(settings).items() if name != "type"}


def read_settings(
    settings: Any, changes: Mapping[str, Any], *, fixed: Mapping[str, str], bounds: Mapping[str, Bounds]
) -> Any:
    """Read changes; nothing is changed yet.

    Args:
        settings: As they are.
        changes: New values by name; what is not named stays.
        fixed: Settings that cannot be changed, with the reason.
        bounds: For those whose numbers may be others than from 0 to a year of seconds.

    Returns:
        What the settings shall be.

    Raises:
        ControlRefused: A name or a value makes no sense, or the setting cannot be changed.
    """
    shown = show_settings(settings)
    for name, value in changes.items():
        if name not in shown:
            near = get_close_matches(name, shown, n=1)
            hint = f"did you mean {near[0]}? there are " if near else "one of "
            raise _refused(f"settings.{name}", "a setting that there is not", hint + ", ".join(shown))
        if name in fixed and value != shown[name]:
            found, wanted = _short(value), f"{_short(shown[name])}, as it is: {fixed[name]}"
            raise _refused(f"settings.{name}", found, wanted, status=409, code="fixed_setting")
    read = read_value(type(settings), {**shown, **changes}, "settings")
    usual = {each.name: each.default for each in fields(settings)}
    for name in changes:
        if name not in fixed:
            value = getattr(read, name)
            # A key or a sender that is empty would let nobody in, or anybody; what may be absent is empty by default.
            if value == "" and usual[name]:
                raise _refused(f"settings.{name}", '""', "text that is not empty")
            _check(value, f"settings.{name}", bounds.get(name, _USUAL))
    return read


def apply_settings(settings: object, read: object) -> None:
    """Give settings the values of others of their kind."""
    for each in fields(settings):  # type: ignore[arg-type]  # settings are dataclasses
        object.__setattr__(settings, each.name, getattr(read, each.name))


def _check(value: Any, where: str, bounds: Bounds) -> None:
    if isinstance(value, bool | Enum) or value is None:
        return
    if isinstance(value, str):
        if not value.isprintable() or len(value) > _LONGEST_TEXT:
            raise _refused(where, _short(value), f"up to {_LONGEST_TEXT} characters that can be printed")
    elif isinstance(value, int | float | timedelta):
        number = value.total_seconds() if isinstance(value, timedelta) else value
        if not bounds[0] <= number <= bounds[1]:
            least, most = map(_plainly, bounds)
            raise _refused(where, _plainly(number), f"a number from {least} to {most}")
    else:
        for index, item in enumerate(value):
            _check(item, f"{where}[{index}]", bounds)


def _short(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)[:80]


def _plainly(number: float) -> str:
    """Write a number without an exponent: 31622400, not 3.16224e+07."""
    return str(int(number)) if number == int(number) else str(number)


def _refused(
    where: str, found: str, wanted: str, *, status: int = 400, code: str = "bad_request"
) -> ControlRefused:
    return ControlRefused(
        status, code, f"{where}: found {found}, {wanted if '?' in wanted else f'wanted {wanted}'}"
    )
