"""`serve`: every fake and the bridge on loopback, among real clients, in real time."""

from __future__ import annotations

import asyncio
import gc
import json
import shlex
import signal
from contextlib import AsyncExitStack, suppress
from dataclasses import asdict, replace
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Final

import click

from simulator.controls import serve_controls, vendor_controls
from simulator.errors import SimulatorError
from simulator.loop import LiveLoop, run
from simulator.network import LoopbackNetwork
from simulator.ports import START_HOST, port_count, ports_from
from simulator.proxy import serve_proxy
from simulator.real_time import wall_clock
from simulator.scenario_reader import read_scenario
from simulator.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractAsyncContextManager

    from simulator.proxy import Proxy
    from simulator.scenario import Scenario

__all__ = ["ACCOUNTS", "Printing", "credentials", "ease_collection", "serve_forever"]

ACCOUNTS: Final = """
scenario: Served accounts
starts: 2026-01-01T00:00:00Z
lasts: 1 day
accounts:
  clevertap:
    campaigns:
      - name: ask
        channel: webhook
        calls: mailmodo/nps
        body: {email: "{{ Profile.Email }}", clevertap_id: "{{ Profile.objectId }}", data: {first_name: "{{ Profile.Name }}"}}
        when: {did: Survey Due}
      - {name: nudge, channel: sms, text: "One question is still waiting.", when: {did_not: MM Email Form Submitted, within: 2 min, after: ask}}
  mailmodo:
    templates:
      - {name: NPS Survey, email_type: AMP, form: {name: nps, questions: {score: 0..10, why: text}}, links: {Shop: "https://shop.example"}}
      - {name: Product News, email_type: HTML, links: {Shop: "https://shop.example"}}
    campaigns:
      - {name: nps, template: NPS Survey, subject: "How are we doing, ${first_name}?", trigger_app: CleverTap}
      - {name: news, template: Product News, subject: "News for you, ${first_name}", trigger_app: Rest API}
  mailjet: {}
  customerio: {}
  segment: {sources: [web, mailmodo, mailjet, customerio], destination: Mailmodo}
people: {count: 1}
journey:
  - {at: 0 h, segment: identify}
"""


class Printing(Enum):
    """How URLs and credentials are printed."""

    TEXT = auto()
    JSON = auto()
    ENV = auto()


def serve_forever(
    *,
    port: int,
    printing: Printing,
    bridge: str,
    scenario: Scenario | None,
    has_control: bool,
    has_proxy: bool,
    fail: Callable[[object], None],
) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Args:
        port: The bridge's port; the fakes take the five that follow. 0 picks free ones.
        printing: How to say where everything is.
        bridge: What stands in the middle, as for `run`.
        scenario: Whose accounts to set up; None for a set that shows everything.
        has_control: Whether every fake has its control API beside it, on the five ports after those, and all have a
            start page on the next.
        has_proxy: Whether a proxy leads from the vendors' real host names to the fakes, on the port after all others.
        fail: Ends the program with a message.
    """
    accounts = scenario or read_scenario(ACCOUNTS, "accounts of serve")
    served = replace(accounts, starts=wall_clock(), journey=(), expect=())
    try:
        serving = _serve(
            served, port=port, printing=printing, bridge=bridge, has_control=has_control, has_proxy=has_proxy
        )
        run(serving, loop_factory=LiveLoop)
    except SimulatorError as error:
        fail(error)
    except (KeyboardInterrupt, asyncio.CancelledError):
        pass  # a signal is how it ends; this one came while it was opening


async def _serve(
    scenario: Scenario, *, port: int, printing: Printing, bridge: str, has_control: bool, has_proxy: bool
) -> None:
    _end_on_signals()
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(
            World(
                scenario,
                seed=scenario.seed,
                network=LoopbackNetwork(ports=ports_from(port, has_control=has_control)),
                bridge=bridge,
                is_open_house=True,
            )
        )
        ease_collection()
        proxy: dict[str, str] | None = None
        if has_proxy:
            last = port and port + port_count(has_control=has_control)
            proxy = asdict(await stack.enter_async_context(_proxy(world, port=last)))
        control_urls, start_url = dict[str, str](), ""
        if has_control:
            links = {"bridge": f"{world.bridge_url}/healthz"}
            controls = await serve_controls(world.vendors, world.network, links=links, proxy=proxy)
            control_urls = {name: world.network.url(control.host) for name, control in controls.items()}
            start_url = world.network.url(START_HOST)
        found = credentials(world, control_urls, start_url=start_url)
        if proxy is not None:
            found["proxy"] = proxy
        _print(found, printing)
        if printing is Printing.ENV:
            _print_bridge_settings(world)
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        if printing is Printing.TEXT:
            click.echo("\nstopping")


def _proxy(world: World, *, port: int) -> AbstractAsyncContextManager[Proxy]:
    """Lead from every host of a vendor to its fake."""
    network = world.network
    urls = {host: network.url(host) for fake in world.vendors.all().values() for host in fake.hosts}
    return serve_proxy(urls, port=port, now=wall_clock())


def ease_collection() -> None:
    """Let the garbage collector of a process that serves look seldom, and never again at what is there to stay.

    A journal holds many objects and hardly a cycle; looking through them took a tenth of the time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)


def _end_on_signals() -> None:
    """Let Ctrl-C and SIGTERM cancel the current task: from its first moment, for a script may be fast."""
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None  # noqa: S101 - called from a coroutine
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)


def credentials(
    world: World, control_urls: Mapping[str, str] | None = None, *, start_url: str = ""
) -> dict[str, dict[str, Any]]:
    """Give URL and credentials of every server, by vendor, as `serve --json` prints them.

    Args:
        world: Once it is open.
        control_urls: Where each vendor's control API is, where there are any.
        start_url: Where the start page of all servers is, if there is one.
    """
    found: dict[str, dict[str, Any]] = {
        vendor: {"url": part.url(), **part.credentials()}
        for vendor, part in vendor_controls(world.vendors).items()
    }
    for vendor, url in (control_urls or {}).items():
        found[vendor]["control_url"] = url
    found["bridge"] = {"url": world.bridge_url}
    if start_url:
        found["start"] = {"url": start_url}
    return found


def _print(found: Mapping[str, Mapping[str, Any]], printing: Printing) -> None:
    if printing is Printing.JSON:
        click.echo(json.dumps(found))
    elif printing is Printing.ENV:
        for vendor, values in found.items():
            for name, value in _flat(values):
                click.echo(f"export {vendor.upper()}_{name.upper()}={shlex.quote(str(value))}")
    else:
        _print_text(found)


def _print_bridge_settings(world: World) -> None:
    """Print what a bridge of the user's own must know, under the names that the built-in one reads."""
    for name, value in world.vendors.bridge_settings(world.network).items():
        if name != "store_path":  # where a bridge keeps its store is its own business
            text = ",".join(str(item) for item in value) if isinstance(value, list) else str(value)
            click.echo(f"export BRIDGE_{name.upper()}={shlex.quote(text)}")


def _print_text(found: Mapping[str, Mapping[str, Any]]) -> None:
    click.echo("Journeylab is serving on loopback. Ctrl-C stops it.\n")
    for vendor, values in found.items():
        if vendor == "start":
            continue
        url = values["url"]
        click.echo(f"{vendor:<11}{url}")
        for name, value in _flat({key: value for key, value in values.items() if key != "url"}):
            click.echo(f"{'':<11}  {name:<24}{value}")
    if "start" in found:
        click.echo(f"\nStart page: {found['start']['url']}/")
    click.echo("\nTry:")
    if "clevertap" in found:
        clevertap = found["clevertap"]
        click.echo(
            f"  curl {clevertap['url']}/1/upload -H 'X-CleverTap-Account-Id: {clevertap['account_id']}' "
            f"-H 'X-CleverTap-Passcode: {clevertap['passcode']}' -H 'Content-Type: application/json' \\\n"
            '    -d \'{"d": [{"type": "profile", "identity": "u1", "profileData": {"Name": "Ada", '
            '"Email": "ada@example.com"}}]}\''
        )
    click.echo(f"  curl {found['bridge']['url']}/healthz")


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    flat: list[tuple[str, Any]] = []
    for name, value in values.items():
        if isinstance(value, dict):
            flat += _flat(value, f"{prefix}{name.removesuffix('s')}_")
        else:
            flat.append((f"{prefix}{name}", value))
    return flat
