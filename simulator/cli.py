"""The command line: `journeylab` when installed, `python run_sim.py` from a checkout.

Exit codes: 0 everything kept; 1 an expectation, a contract or the ledger broken; 2 bad input; 130 Ctrl-C; 141
whoever read the output has stopped.
"""

# ruff: noqa: D301 - click's mark for "do not wrap this paragraph" is the character, not its spelling
from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import click
from click.core import ParameterSource

from simulator.output import PipeConsole, speaking

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulator.problems import Problem
    from simulator.run import Arm
    from simulator.scenario import Scenario

__all__ = ["main"]

_KEPT: Final = 0
_BROKEN: Final = 1
_BAD_INPUT: Final = 2
_INTERRUPTED: Final = 130
_LAST_PORT: Final = 65_535


class _ExampleGroup(click.Group):
    """Lists commands in the order of a first session, not of the alphabet."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return ["run", "check", "list", "new", "serve", "contracts"]

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Read the arguments; `--help` prints already here."""
        with speaking(_fail):
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; Ctrl-C and a closed pipe end it as shells expect, at whatever moment they come."""
        with speaking(_fail):
            try:
                return super().invoke(ctx)
            except KeyboardInterrupt:
                click.echo("interrupted", err=True)
                sys.exit(_INTERRUPTED)


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - only for --version

    try:
        return version("journeylab")
    except PackageNotFoundError:
        return "from a checkout"


@click.group(
    cls=_ExampleGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(_version(), prog_name="journeylab")
def main() -> None:
    """Fake Mailmodo, Mailjet, Customer.io, Segment and CleverTap beside a real bridge.

    Scenario files script what people do with their mail over days of virtual time; contracts judge every
    message, and a ledger checks that each engagement had exactly the effects that it should.

    \b
    First steps:
      journeylab run scenarios/survey_follow_up.yaml
      journeylab serve
    """


def _fail(message: object) -> None:
    """Say what is wrong and end with exit code 2."""
    click.echo(f"error: {message}", err=True)
    sys.exit(_BAD_INPUT)


def _load(files: Sequence[str], overrides: Sequence[str]) -> list[Scenario]:
    """Read every file; name everything that is wrong with any of them before anything runs."""
    from simulator.problems import ScenarioInvalid  # noqa: PLC0415 - `--help` must not pay for it
    from simulator.scenario_reader import load_scenario  # noqa: PLC0415 - `--help` must not pay for it

    pairs = []
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals or not key:
            _fail(f"--set {override}: wanted KEY=VALUE, such as --set people.count=50")
        pairs.append((key.strip(), value))
    scenarios: list[Scenario] = []
    problems: list[Problem] = []
    for file in files:
        try:
            scenarios.append(load_scenario(file, overrides=pairs))
        except ScenarioInvalid as error:
            problems += error.problems
    if problems:
        for problem in problems:
            click.echo(str(problem), err=True)
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        click.echo(f"error: {count}; nothing was run", err=True)
        sys.exit(_BAD_INPUT)
    return scenarios


@main.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--seed", type=click.IntRange(min=0), help="Seed of all chance.  [default: the scenario's]")
@click.option("--people", type=click.IntRange(min=1), help="How many people.  [default: the scenario's]")
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Put a value into the scenario, such as people.count=50 or journey[0].at=2h; repeatable.",
)
@click.option("--arm", type=click.Choice(["virtual", "paced", "live"]), default="virtual", show_default=True,
              help="virtual: in memory, no waiting. paced: real sockets, time jumps when nothing is under way. "
              "live: real sockets, real time.")  # fmt: skip
@click.option("--speed", type=click.FloatRange(min=0.001), default=1.0, show_default=True,
              help="With --arm live: virtual seconds per real second while nothing is under way; 1440 "
              "plays a day in a minute.")  # fmt: skip
@click.option("--bridge", default="builtin", show_default=True, metavar="WHAT",
              help="What is tested: builtin, MODULE:FACTORY, a command, or the URL of one that is up.")  # fmt: skip
@click.option("--port", type=click.IntRange(0, 65529), default=0, show_default=True,
              help="With --arm paced or live: first of six ports in a row, as for serve; 0 picks free ones.")  # fmt: skip
@click.option(
    "--ledger/--no-ledger",
    default=True,
    show_default=True,
    help="Check that every engagement had its effects.",
)
@click.option("--report", type=click.Path(file_okay=False), default="reports", show_default=True, metavar="DIR",
              help="Where the HTML report and the journal go.")  # fmt: skip
@click.option("--no-report", is_flag=True, help="Write neither HTML report nor journal.")
@click.option(
    "--junit", type=click.Path(dir_okay=False), metavar="FILE", help="Write a JUnit XML file for CI."
)
@click.option("--quiet", is_flag=True, help="Print one line per scenario.")
def run(  # noqa: PLR0913, PLR0917 - one parameter an option, as click passes them
    files: tuple[str, ...],
    seed: int | None,
    people: int | None,
    overrides: tuple[str, ...],
    arm: str,
    speed: float,
    bridge: str,
    port: int,
    ledger: bool,  # noqa: FBT001 - click passes flags by name
    report: str,
    no_report: bool,  # noqa: FBT001 - click passes flags by name
    junit: str | None,
    quiet: bool,  # noqa: FBT001 - click passes flags by name
) -> None:
    """Play scenarios and tell whether everything that should have happened did.

    \b
    Example:
      journeylab run scenarios/survey_follow_up.yaml --seed 7 --junit report.xml

    Exit code 0: all kept. 1: an expectation, a contract or the ledger is broken. 2: bad input.
    """
    from simulator.commands import RunCommand  # noqa: PLC0415 - `--help` must not pay for it
    from simulator.run import Options  # noqa: PLC0415 - `--help` must not pay for it

    _check_arm(arm)
    counted = [*overrides, *([f"people.count={people}"] if people else [])]
    options = Options(seed=seed, arm=cast("Arm", arm), speed=speed, bridge=bridge, ledger=ledger, port=port)
    command = RunCommand(
        options=options,
        report=None if no_report else Path(report),
        junit=Path(junit) if junit else None,
        quiet=quiet,
    )
    sys.exit(_KEPT if command.run(_load(files, counted), fail=_fail) else _BROKEN)


def _check_arm(arm: str) -> None:
    """Refuse options that would do nothing on the chosen arm, rather than ignore them."""
    context = click.get_current_context()
    for option, arms in (("speed", ("live",)), ("port", ("paced", "live"))):
        if context.get_parameter_source(option) is not ParameterSource.DEFAULT and arm not in arms:
            wanted = " or ".join(f"--arm {name}" for name in arms)
            _fail(f"--{option} means something only with {wanted}; this is --arm {arm}")


@main.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
def check(files: tuple[str, ...]) -> None:
    """Validate scenarios without playing them: file, line, column, what was meant.

    \b
    Example:
      journeylab check scenarios/*.yaml
    """
    from simulator.reports.wording import counted  # noqa: PLC0415 - `--help` must not pay for it

    for scenario in _load(files, ()):
        parts = ", ".join(
            counted(count, noun)
            for count, noun in (
                (len(scenario.journey), "step"),
                (len(scenario.expect), "expectation"),
            )
        )
        people = counted(scenario.people.count, "person", "people")
        click.echo(f"{scenario.file}: ok ({people}, {parts})")


@main.command("list")
@click.argument("folder", required=False, type=click.Path(file_okay=False))
def list_scenarios(folder: str | None) -> None:
    """Show the scenarios there are, one line each.

    \b
    Example:
      journeylab list scenarios
    """
    from simulator.commands import find_scenarios, summarise_scenario  # noqa: PLC0415 - `--help` must not pay for it

    found = find_scenarios(folder)
    if not found:
        _fail(
            f"{folder or 'scenarios'}: no scenarios (*.yaml) here; `journeylab new story.yaml` writes one to start from"
        )
    console = PipeConsole(soft_wrap=True, highlight=False)
    for path in found:
        console.print(summarise_scenario(path))


@main.command()
@click.argument("file", type=click.Path(dir_okay=False))
def new(file: str) -> None:
    """Write a small scenario to start from, and beside it the schema that editors complete it from.

    \b
    Example:
      journeylab new my_story.yaml && journeylab run my_story.yaml
    """
    from simulator.commands import write_starter  # noqa: PLC0415 - `--help` must not pay for it

    path = Path(file)
    if path.exists():
        _fail(f"{file}: there is such a file already; give another name")
    try:
        written = write_starter(path)
    except OSError as error:
        _fail(f"{error.filename or file}: cannot be written: {error.strerror}")
    click.echo(f"wrote {' and '.join(map(str, written))}; play it with: journeylab run {file}")


@main.command()
@click.option("--port", type=click.IntRange(0, 65529), default=8600, show_default=True,
              help="First of six ports in a row; 0 picks free ones.")  # fmt: skip
@click.option(
    "--json", "as_json", is_flag=True, help="Print URLs and credentials as one JSON line, then stay silent."
)
@click.option("--env", "as_env", is_flag=True, help="Print them as shell exports, then stay silent.")
@click.option("--bridge", default="builtin", show_default=True, metavar="WHAT",
              help="builtin, MODULE:FACTORY, a command, or the URL of one that is up.")  # fmt: skip
@click.option("--scenario", "file", metavar="FILE", help="Set the accounts up as this scenario says.")
@click.option("--control", "has_control", is_flag=True,
              help="Serve a control API with a page for each fake, on the five ports that follow, and a start page of all.")  # fmt: skip
@click.option("--proxy", "has_proxy", is_flag=True,
              help="Serve a proxy behind which the vendors' real host names are the fakes, with TLS, for clients whose "
                   "hosts are fixed; on the next port. Needs the extra `proxy`.")  # fmt: skip
def serve(
    port: int,
    as_json: bool,  # noqa: FBT001 - click passes flags by name
    as_env: bool,  # noqa: FBT001 - click passes flags by name
    bridge: str,
    file: str | None,
    has_control: bool,  # noqa: FBT001 - click passes flags by name
    has_proxy: bool,  # noqa: FBT001 - click passes flags by name
) -> None:
    """Serve all fakes and the bridge on loopback until Ctrl-C, and print URLs and credentials.

    \b
    Example:
      journeylab serve --control
      journeylab serve --env > served.env &   # then, in any shell: . ./served.env
    """
    from simulator.ports import port_count  # noqa: PLC0415 - `--help` must not pay for it
    from simulator.serve import Printing, serve_forever  # noqa: PLC0415 - `--help` must not pay for it

    if as_json and as_env:
        _fail("--json and --env contradict each other; give one of them")
    printing = Printing.JSON if as_json else Printing.ENV if as_env else Printing.TEXT
    count = port_count(has_control=has_control, has_proxy=has_proxy)
    if port > (last := _LAST_PORT + 1 - count):
        options = " and ".join(["--control"] * has_control + ["--proxy"] * has_proxy)
        _fail(f"--port {port}: with {options}, wanted at most {last}: {count} ports in a row")
    scenario = _load([file], ())[0] if file else None
    serve_forever(
        port=port,
        printing=printing,
        bridge=bridge,
        scenario=scenario,
        has_control=has_control,
        has_proxy=has_proxy,
        fail=_fail,
    )


@main.group(context_settings={"help_option_names": ["-h", "--help"]})
def contracts() -> None:
    """What may cross a boundary: list the contracts, show an operation, check a payload."""


@contracts.command("list")
@click.argument("vendor", required=False)
def contracts_list(vendor: str | None) -> None:
    """List the contracts, or the operations and webhooks of one.

    \b
    Example:
      journeylab contracts list mailmodo
    """
    from simulator import contract_commands  # noqa: PLC0415 - `--help` must not pay for it

    _or_fail(contract_commands.list_contracts, vendor)


@contracts.command("show")
@click.argument("vendor")
@click.argument("operation", required=False)
def contracts_show(vendor: str, operation: str | None) -> None:
    """Show a contract, or one operation of it, as YAML.

    \b
    Example:
      journeylab contracts show mailmodo triggerCampaign
    """
    from simulator import contract_commands  # noqa: PLC0415 - `--help` must not pay for it

    _or_fail(contract_commands.show_contract, vendor, operation)


@contracts.command("check")
@click.argument("vendor")
@click.argument("operation")
@click.argument("payload", type=click.File("rb"), default="-")
@click.option(
    "--status",
    type=click.IntRange(100, 599),
    help="Check it as the answer with this status, not as the request.",
)
@click.option(
    "--content-type", default="application/json", show_default=True, help="Media type of the payload."
)
def contracts_check(vendor: str, operation: str, payload: Any, status: int | None, content_type: str) -> None:
    """Check a captured payload (a file, or standard input) against an operation or webhook.

    \b
    Example:
      echo '{"d": []}' | journeylab contracts check clevertap upload
    """
    from simulator import contract_commands  # noqa: PLC0415 - `--help` must not pay for it

    body = payload.read()
    found = _or_fail(contract_commands.check_payload, vendor, operation, body, status, content_type)
    for violation in found:
        click.echo(str(violation))
    click.echo("kept" if not found else f"broken: {len(found)} violation{'s' if len(found) > 1 else ''}")
    sys.exit(_BROKEN if found else _KEPT)


def _or_fail(command: Any, *arguments: object) -> Any:
    from contracts import ContractError  # noqa: PLC0415 - `--help` must not pay for it

    try:
        return command(*arguments)
    except ContractError as error:
        _fail(error)
