"""`deliveries`, `dead`, `uncertain`, `requeue`, `discard`, `replay`: what asks for a person's decision."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Final

import click

from bridge.commands.asking import ask, bridge_options
from bridge.commands.printing import print_json, print_table, quantity
from bridge.desk import RESOLUTIONS, Selection
from bridge.store import State

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.settings import Settings

__all__ = [
    "dead_command",
    "deliveries_command",
    "discard_command",
    "replay_command",
    "requeue_command",
    "uncertain_command",
]

_STATES: Final = click.Choice([str(state) for state in State])
_COLUMNS: Final = (
    ("id", True),
    ("since", False),
    ("kind", False),
    ("destination", False),
    ("operation", False),
    ("tries", True),
    ("reason", False),
)


def _listing(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--after", default=0, show_default=True, help="Begin behind this number."),
        click.option(
            "--limit", default=50, show_default=True, type=click.IntRange(1, 1000), help="How many at most."
        ),
        click.option("--reason", default="", help="Only those whose reason begins so."),
        click.option("--destination", default="", help="Only those for this destination."),
    ):
        command = option(command)
    return command


def _selecting(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--all", "every", is_flag=True, help="All of them."),
        click.option("--reason", default="", help="All whose reason begins so."),
        click.option("--destination", default="", help="All for this destination."),
        click.argument("ids", nargs=-1, type=click.IntRange(1), metavar="[ID]..."),
    ):
        command = option(command)
    return command


@click.command("deliveries")
@click.option(
    "--state", "states", multiple=True, type=_STATES, help="Only those in this state; may be repeated."
)
@_listing
@bridge_options
@click.pass_obj
def deliveries_command(settings: Settings, /, *, states: tuple[str, ...], **options: Any) -> None:
    """List deliveries in any state, oldest first.

    Example: python -m bridge deliveries --state quarantined
    """
    _list(settings, states, **options)


@click.group("dead")
def dead_command() -> None:
    """Deliveries that no attempt can help: list them, or show one."""


@dead_command.command("list")
@_listing
@bridge_options
@click.pass_obj
def dead_list_command(settings: Settings, /, **options: Any) -> None:
    """List dead deliveries, oldest first.

    Example: python -m bridge dead list --destination mailmodo --reason http_404
    """
    _list(settings, (str(State.DEAD),), **options)


@dead_command.command("show")
@click.argument("delivery_id", metavar="ID", type=click.IntRange(1))
@bridge_options
@click.pass_obj
def dead_show_command(settings: Settings, /, *, delivery_id: int, url: str, as_json: bool) -> None:
    """Show one delivery whatever its state: what it sends, and the webhook that it comes from.

    The output holds what the webhook says about a person.

    Example: python -m bridge dead show 17
    """
    found = ask(settings, url, lambda desk: desk.show(delivery_id))
    if found is None:
        click.echo(f"error: there is no delivery {delivery_id}", err=True)
        sys.exit(1)
    if as_json:
        print_json(found)
        return
    for name, value in found.items():
        if name in ("body", "webhook"):
            text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
            click.echo(f"\n{name}\n{text}")
        else:
            click.echo(f"{name:14} {'-' if value in (None, '') else value}")


@click.group("uncertain")
def uncertain_command() -> None:
    """Deliveries that may have had their effect: list them, or decide."""


@uncertain_command.command("list")
@_listing
@bridge_options
@click.pass_obj
def uncertain_list_command(settings: Settings, /, **options: Any) -> None:
    """List uncertain deliveries, oldest first.

    Example: python -m bridge uncertain list
    """
    _list(settings, (str(State.UNCERTAIN),), **options)


@uncertain_command.command("resolve")
@_selecting
@click.option(
    "--as",
    "resolution",
    required=True,
    type=click.Choice(list(RESOLUTIONS)),
    help="It had its effect; it had none and is to be sent again; it is given up.",
)
@bridge_options
@click.pass_obj
def uncertain_resolve_command(
    settings: Settings, /, *, url: str, as_json: bool, resolution: str, **chosen: Any
) -> None:
    """Decide what became of uncertain deliveries, after looking at the vendor.

    Example: python -m bridge uncertain resolve 17 --as delivered
    """
    selection = _selection(**chosen)
    found = ask(settings, url, lambda desk: desk.resolve(selection, resolution), changes=True) or {}
    _end(found, f"decided: {resolution}", as_json=as_json)


@click.command("requeue")
@_selecting
@bridge_options
@click.pass_obj
def requeue_command(settings: Settings, /, *, url: str, as_json: bool, **chosen: Any) -> None:
    """Send dead deliveries again, with new attempts and a new age; exit 1 when some were not dead.

    Example: python -m bridge requeue --destination mailmodo --reason http_404
    """
    selection = _selection(**chosen)
    _end(
        ask(settings, url, lambda desk: desk.requeue(selection), changes=True) or {},
        "requeued",
        as_json=as_json,
    )


@click.command("discard")
@_selecting
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice(["pending", "dead", "uncertain", "quarantined"]),
    help="In this state; may be repeated; dead ones when not said.",
)
@bridge_options
@click.pass_obj
def discard_command(
    settings: Settings, /, *, url: str, as_json: bool, states: tuple[str, ...], **chosen: Any
) -> None:
    """Give deliveries up for good; they count as filtered from then on.

    Example: python -m bridge discard 17 18
    """
    selection = _selection(**chosen)
    wanted = tuple(State(name) for name in states)
    found = ask(settings, url, lambda desk: desk.discard(selection, wanted), changes=True) or {}
    _end(found, "discarded", as_json=as_json)


@click.command("replay")
@_selecting
@bridge_options
@click.pass_obj
def replay_command(settings: Settings, /, *, url: str, as_json: bool, **chosen: Any) -> None:
    """Read quarantined webhooks anew, as today's code and settings would; exit 1 when some stay quarantined.

    Example: python -m bridge replay --all
    """
    selection = _selection(**chosen)
    found = ask(settings, url, lambda desk: desk.replay(selection), changes=True) or {}
    if as_json:
        print_json(found)
    else:
        pieces, outcomes = quantity(found["replayed"], "webhook"), quantity(found["outcomes"], "outcome")
        click.echo(f"replayed {pieces}: {outcomes}; {found['still_quarantined']:,} still quarantined")
        _print_left(found["left"])
    sys.exit(1 if found["left"] or found["still_quarantined"] else 0)


def _selection(*, ids: tuple[int, ...], destination: str, reason: str, every: bool) -> Selection:
    if ids and (destination or reason or every):
        raise click.UsageError("wanted either numbers, or --all, --destination or --reason; found both")
    if not (ids or destination or reason or every):
        raise click.UsageError(
            "wanted numbers of deliveries, or --destination or --reason, or --all for every one"
        )
    return Selection(ids=ids or None, destination=destination, reason=reason)


def _list(
    settings: Settings,
    states: tuple[str, ...],
    *,
    destination: str,
    reason: str,
    limit: int,
    after: int,
    url: str,
    as_json: bool,
) -> None:
    wanted = tuple(State(name) for name in states)
    found = ask(
        settings,
        url,
        lambda desk: desk.find(wanted, destination=destination, reason=reason, after=after, limit=limit),
    )
    deliveries, next_after = (found or {})["deliveries"], (found or {})["next_after"]
    if as_json:
        print_json(found)
        return
    if not deliveries:
        click.echo("none")
        return
    print_table(_COLUMNS, [(_cells(each), "") for each in deliveries], indent=0)
    if next_after is not None:
        click.echo(f"… more with --after {next_after}")


def _cells(each: dict[str, Any]) -> tuple[object, ...]:
    since = (each["settled_at"] or each["created_at"])[:19].replace("T", " ")
    what = each["kind"] or f"{each['source']}, unreadable"
    return (
        str(each["id"]),
        since,
        what,
        each["destination"] or "-",
        each["operation"] or "-",
        each["attempts"],
        each["reason"],
    )


def _end(found: dict[str, Any], done: str, *, as_json: bool) -> None:
    if as_json:
        print_json(found)
    else:
        click.echo(f"{done}: {quantity(found['moved'], 'delivery', 'deliveries')}")
        _print_left(found["left"])
    sys.exit(1 if found["left"] else 0)


def _print_left(left: list[int]) -> None:
    if left:
        click.echo(f"left alone, being in another state or not there: {' '.join(map(str, left))}", err=True)
