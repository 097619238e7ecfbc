"""What a campaign is for, as its goal is set in the dashboard."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from fakes.clevertap.spans import check_span, check_word

if TYPE_CHECKING:
    from fakes.clevertap.filters import Where

__all__ = ["Conversion"]

_DEFAULT_TIME: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """What a campaign is for ("set a goal").

    Attributes:
        event: Name of the event that counts.
        within: How long after the message was sent; the conversion time.
        where: Conditions on the event's properties.
        revenue: The property that is summed up; empty for none.
    """

    event: str
    within: timedelta = _DEFAULT_TIME
    where: tuple[Where, ...] = ()
    revenue: str = ""

    def __post_init__(self) -> None:
        check_word("conversion event", self.event)
        check_span("conversion within", self.within)
