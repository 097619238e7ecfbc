"""`explain`: which rows of the routing table match a captured webhook, and the calls that they make."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from bridge.destinations import make_destinations
from bridge.engagement import SourceName
from bridge.ingest import make_intakes, read_pieces
from bridge.real_environment import now
from bridge.routing import Router, explain, load_table
from bridge.sources import Incoming, make_sources

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.settings import Settings

__all__ = ["explain_command"]


@click.command("explain")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--source", type=click.Choice([str(name) for name in SourceName]), help="Who sent it; else guessed."
)
@click.option(
    "--campaign", default="CAMPAIGN", show_default=True, help="The campaign in a CleverTap webhook's URL."
)
@click.option("--user", default="", help="Pretend that Segment identified every address as this user.")
@click.pass_obj
def explain_command(settings: Settings, file: Path, source: str | None, campaign: str, user: str) -> None:
    """Show which rows of the routing table match a captured webhook, and the calls that they make.

    Example: python -m bridge explain captured.json --source mailmodo --user u-1
    """
    body = file.read_bytes()
    name = SourceName(source) if source else _guess(body)
    reader = make_sources(settings)[name]
    incoming = Incoming(headers={}, body=body, received_at=now(), where=campaign)
    table = load_table(settings.routing_file)
    # Destinations without credentials are explained too: the question is what the table says.
    router = Router(settings, (*make_destinations(settings), "clevertap", "mailmodo", *_SEGMENT), table=table)
    for intake in make_intakes(reader, incoming, read_pieces(reader, incoming)):
        for line in explain(router, intake, _Pretended(user)):
            click.echo(line)


_SEGMENT: Final = tuple(f"segment/{name}" for name in SourceName)


class _Pretended:
    """Identities for an explanation: everybody is the same user, or nobody is known."""

    def __init__(self, user: str) -> None:
        self._user = user

    def user_of(self, email: str) -> str | None:
        return self._user if self._user and email else None

    def address_of(self, user_id: str) -> str | None:
        return f"{user_id}@example.com" if self._user else None


def _guess(body: bytes) -> SourceName:
    """Guess who sent a body from the fields that only one of them has."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return SourceName.CLEVERTAP
    first = data[0] if isinstance(data, list) and data else data
    fields = first if isinstance(first, dict) else {}
    marks: tuple[tuple[SourceName, Callable[[dict[str, Any]], bool]], ...] = (
        (
            SourceName.MAILMODO,
            lambda fields: bool(fields.keys() & {"occurred_at", "triggerData", "responseId"}),
        ),
        (SourceName.CUSTOMERIO, lambda fields: "metric" in fields or "event_type" in fields),
        (SourceName.MAILJET, lambda fields: "event" in fields and "time" in fields),
        (
            SourceName.SEGMENT,
            lambda fields: "type" in fields and bool(fields.keys() & {"messageId", "userId", "anonymousId"}),
        ),
    )
    return next((name for name, fits in marks if fits(fields)), SourceName.CLEVERTAP)
