"""Bounds of a text's work: whoever may send by API may write a text that would never end, or fill the memory."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, Final

from liquid import Environment
from liquid.exceptions import FilterArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["BoundedEnvironment"]

_MOST_LENGTH: Final = 10_000
_MOST_BITS: Final = 5_000


class BoundedEnvironment(Environment):
    """Liquid with an end; an output or a loop that goes beyond it renders as nothing."""

    context_depth_limit = 30
    loop_iteration_limit = 20_000
    output_stream_limit = 200_000
    local_namespace_limit = 1_000_000

    def bound_filters(self) -> None:
        """Have every filter refuse values that it could grow beyond measure."""
        for name, function in list(self.filters.items()):
            self.filters[name] = _bounded(function)


def _bounded(function: Callable[..., Any]) -> Callable[..., Any]:
    # What the library knows of a filter stands in its attributes, which `wraps` keeps.
    @wraps(function)
    def bounded(*arguments: Any, **named: Any) -> Any:
        if any(map(_is_huge, arguments)):
            raise FilterArgumentError("value too long for a filter", token=None)
        return function(*arguments, **named)

    return bounded


def _is_huge(value: Any) -> bool:
    if isinstance(value, str | list | tuple | range):
        # `len` of a range fails where it is beyond what a machine word holds.
        return (
            value.stop - value.start > _MOST_LENGTH if isinstance(value, range) else len(value) > _MOST_LENGTH
        )
    return isinstance(value, int) and value.bit_length() > _MOST_BITS
