"""`status`, `counts` and `conserve`: how a bridge does, and whether its books balance."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import click

from bridge.commands.asking import ask, bridge_options
from bridge.commands.printing import print_json, print_table, quantity, span
from bridge.event_types import NEARLY_FULL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.settings import Settings

__all__ = ["conserve_command", "counts_command", "status_command"]

_STATES: Final = {
    "taking": ("taking webhooks", "green"),
    "stopping": ("stopping", "yellow"),
    "not running": ("not running; this is what stands in its store", "yellow"),
}
_RELOADS: Final = {"taken": "taken up", "refused": "refused, and stay as they were"}
_STYLES: Final = {"open": "", "paused": "red", "off": "dim"}


@click.command("status")
@bridge_options
@click.pass_obj
def status_command(settings: Settings, /, *, url: str, as_json: bool) -> None:
    """Show how the bridge does; exit 1 when a destination is paused, settings were refused or the books do not balance.

    Example: python -m bridge status --url http://127.0.0.1:8080
    """
    found = ask(settings, url, lambda desk: desk.status()) or {}
    if as_json:
        print_json(found)
    else:
        _print(found)
    is_paused = any(each["state"] == "paused" for each in found["destinations"].values())
    sys.exit(1 if is_paused or _is_refused(found) or not found["balanced"] else 0)


@click.command("counts")
@bridge_options
@click.pass_obj
def counts_command(settings: Settings, /, *, url: str, as_json: bool) -> None:
    """Count what was accepted and what became of it; exit 1 when the two differ.

    Example: python -m bridge --settings bridge.toml counts
    """
    found = ask(settings, url, lambda desk: desk.status()) or {}
    if as_json:
        print_json(found["counts"])
    else:
        for name, number in found["counts"].items():
            click.echo(f"{name:12} {number:>10}")
    sys.exit(0 if found["balanced"] else 1)


@click.command("conserve")
@bridge_options
@click.pass_obj
def conserve_command(settings: Settings, /, *, url: str, as_json: bool) -> None:
    """Check that everything accepted is accounted for, and that the store is not damaged; exit 1 when it is not so.

    Example: python -m bridge --settings bridge.toml conserve
    """
    found = ask(settings, url, lambda desk: desk.conserve()) or {}
    is_well = found["balanced"] and not found["damage"]
    if as_json:
        print_json(found)
    else:
        click.echo(_equation(found["counts"]))
        for each in found["damage"]:
            click.secho(f"damaged: {each}", fg="red")
        verdict = "balanced: everything accepted is accounted for" if is_well else "broken"
        click.secho(verdict, fg="green" if is_well else "red")
    sys.exit(0 if is_well else 1)


def _print(found: Mapping[str, Any]) -> None:
    words, colour = _STATES[found["state"]]
    running = f" for {span(found['running_s'])}" if found.get("running_s") else ""
    click.echo("bridge  " + click.style(words + running, fg=colour))
    if reload := found.get("reload"):
        click.echo(f"settings were read again at {reload['at']}: {_RELOADS[reload['verdict']]}")
    if "sources" in found:
        click.echo()
        rows = [
            (
                (name, "on" if each["on"] else "off", each["stored"], each["known"], each["refused"]),
                "" if each["on"] else "dim",
            )
            for name, each in found["sources"].items()
        ]
        print_table(
            [("source", False), ("", False), ("stored", True), ("known", True), ("refused", True)], rows
        )
    click.echo()
    _print_destinations(found["destinations"])
    for name, each in found["event_types"].items():
        click.echo(f"  {name} has {each['used']:,} of {quantity(each['limit'], 'event type')}")
    click.echo()
    click.echo(_equation(found["counts"]))
    _print_advice(found)


def _print_destinations(destinations: Mapping[str, Mapping[str, Any]]) -> None:
    if not destinations:
        click.echo("  no destination is on, and nothing waits for one")
        return
    headings = ["pending", "oldest", "delivered", "dead", "uncertain", "quarantined"]
    rows = [
        (
            (
                name,
                each["state"],
                each["pending"],
                span(each["oldest_pending_s"]),
                each["delivered"],
                each["dead"],
                each["uncertain"],
                each["quarantined"],
            ),
            _STYLES[each["state"]],
        )
        for name, each in sorted(destinations.items())
    ]
    print_table([("destination", False), ("", False), *((heading, True) for heading in headings)], rows)


def _equation(counts: Mapping[str, int]) -> str:
    parts = [f"{name} {number:,}" for name, number in counts.items() if name != "accepted" and number]
    return f"accepted {counts['accepted']:,} = {' + '.join(parts) or '0'}"


def _is_refused(found: Mapping[str, Any]) -> bool:
    reload = found.get("reload")
    return bool(reload and reload["verdict"] == "refused")


def _print_reload(found: Mapping[str, Any]) -> None:
    """Say why settings that were read again do not hold, or not all of them."""
    reload = found.get("reload") or {"problems": [], "needs_restart": []}
    for problem in reload["problems"]:
        click.secho(f"! settings: {problem}", fg="red")
    if _is_refused(found):
        click.secho("! mend the settings and send SIGHUP again", fg="red")
    for name in reload["needs_restart"]:
        click.secho(f"! {name} was changed and needs a restart", fg="yellow")


def _print_advice(found: Mapping[str, Any]) -> None:
    """Say what asks for a person, and which command helps."""
    _print_reload(found)
    counts = found["counts"]
    for name, each in sorted(found["destinations"].items()):
        if each["state"] == "paused":
            hint = (
                "check its credentials"
                if each["reason"] in ("http_401", "http_403")
                else "it resumes by itself"
            )
            click.secho(f"! {name} is paused: {each['reason']}; {hint}", fg="red")
        elif each["state"] == "off" and each["pending"]:
            waiting = quantity(each["pending"], "delivery waits", "deliveries wait")
            click.secho(f"! {name} is off and {waiting}; give it credentials, or discard them", fg="yellow")
    advice = {
        "dead": "look with `dead list`, then `requeue` or `discard`",
        "uncertain": "look with `uncertain list`, then `uncertain resolve`",
        "quarantined": "look with `deliveries --state quarantined`; when mended, `replay`",
    }
    for name, help_ in advice.items():
        if counts[name]:
            click.secho(f"! {counts[name]:,} {name}: {help_}", fg="yellow")
    for name, each in found["event_types"].items():
        if each["used"] >= each["limit"] * NEARLY_FULL:
            click.secho(
                f"! {name} has little room for event types: a new one beyond {each['limit']:,} is dead",
                fg="yellow",
            )
    if not found["balanced"]:
        click.secho("! the books do not balance: look with `conserve`", fg="red")
