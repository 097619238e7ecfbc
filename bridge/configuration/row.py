"""One row of the table of settings: everything that is known about a setting, declared where its field is."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from dataclasses import Field

__all__ = ["PREFIX", "Row", "rows_of", "setting"]

PREFIX: Final = "BRIDGE_"
"""What the name of every environment variable begins with."""

_TYPES: Final = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "str": "a text",
    "tuple[str, ...]": "a list of texts, none of them empty",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One setting as people see it.

    Attributes:
        name: As in the file.
        type: The type of its value, as Python writes it.
        default: The value when nobody says.
        unit: What it is counted in; empty for a bare value.
        help: What it does.
        variable: Its environment variable.
        is_secret: Never shown or logged; may be a reference.
        choices: The values it may have, when they are few.
        least: The smallest value, for numbers.
        most: The largest value, for numbers.
        shortest: The fewest characters of a text; a secret may be empty all the same, which turns something off.
        needs_restart: Whether a change is taken up by a restart only.
    """

    name: str
    type: str
    default: Any
    unit: str
    help: str
    variable: str
    is_secret: bool
    choices: tuple[str, ...]
    least: float | None
    most: float | None
    shortest: int
    needs_restart: bool

    @property
    def is_url(self) -> bool:
        """Whether its value is the base URL of a vendor."""
        return self.name.endswith("_url")

    @property
    def is_path(self) -> bool:
        """Whether it names a file; in a settings file its path counts from the folder of that file."""
        return self.name.endswith(("_file", "_path"))

    @property
    def wanted(self) -> str:
        """Say what value it wants, to follow "wanted"."""
        if self.choices:
            return " or ".join(self.choices)
        if self.is_url:
            return "a URL that starts with https:// or http://, then a host, perhaps a port and a path"
        if self.shortest and not self.is_secret:
            return "a text that is not empty"
        return _TYPES[self.type]


def setting(  # noqa: PLR0913 - a row has so many columns
    default: Any,
    help: str,  # noqa: A002 - what it is
    *,
    unit: str = "",
    secret: bool = False,
    choices: tuple[str, ...] = (),
    least: float | None = None,
    most: float | None = None,
    shortest: int = 0,
    restart: bool = False,
) -> Any:
    """Declare a setting as a field of a dataclass; the arguments are those of `Row`."""
    return field(
        default=default,
        repr=not secret,
        metadata={
            "help": help,
            "unit": unit,
            "is_secret": secret,
            "choices": choices,
            "least": least,
            "most": most,
            "shortest": shortest,
            "needs_restart": restart,
        },
    )


def rows_of(settings: type) -> tuple[Row, ...]:
    """Give the rows of a dataclass of settings in the order in which they are declared."""
    return tuple(_row(each) for each in fields(settings))


def _row(each: Field[Any]) -> Row:
    return Row(
        name=each.name,
        type=str(each.type),
        default=each.default,
        variable=PREFIX + each.name.upper(),
        **each.metadata,
    )
