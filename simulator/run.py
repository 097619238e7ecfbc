"""Plays a scenario and judges what came of it."""

from __future__ import annotations

import asyncio
import math
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from simulator.expectations import Witness, judge_expectations
from simulator.ledger import balance
from simulator.ledger_rules import RULES, TOLERANCE_S, LedgerContext, dues, effects, engagement_webhooks
from simulator.loop import LiveLoop, VirtualLoop, run
from simulator.network import LoopbackNetwork, VirtualNetwork
from simulator.ports import ports_from
from simulator.result import LedgerResult, RunResult
from simulator.system_under_test import BridgeUnusable
from simulator.world import BRIDGE, World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from fakes.kit import Exchange
    from simulator.journal import Journal
    from simulator.ledger import Balance
    from simulator.network import Network
    from simulator.scenario import Scenario

__all__ = ["Arm", "Options", "play_scenario"]

Arm = Literal["virtual", "paced", "live"]

_RULE_VENDORS: Final[Mapping[str, tuple[str, ...]]] = {
    "trigger": ("clevertap", "mailmodo"),
    "activity": ("clevertap", "mailmodo"),
    "answers": ("clevertap", "mailmodo"),
    "mailmodo": ("mailmodo", "segment"),
    "mailjet": ("mailjet", "segment"),
    "customerio": ("customerio", "segment"),
    "identify": ("mailmodo", "segment"),
    "track": ("mailmodo", "segment"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a scenario is played.

    Attributes:
        seed: Overrides the scenario's own.
        arm: `virtual` (in memory, no waiting), `paced` (real sockets; time jumps while nothing is under way) or
            `live` (real sockets, real time).
        speed: Virtual seconds per real second on the live arm while nothing is under way; infinity jumps.
        bridge: What is tested: `builtin`, `module:factory`, a command, or a URL.
        ledger: Whether the ledger is checked.
        port: First of six ports in a row on the paced and the live arm; 0 picks free ones.
        latency_s: Seconds that a message takes on the virtual network, one way.
    """

    seed: int | None = None
    arm: Arm = "virtual"
    speed: float = 1.0
    bridge: str = ""
    ledger: bool = True
    port: int = 0
    latency_s: float = 0.01


def play_scenario(
    scenario: Scenario,
    options: Options,
    *,
    progress: Callable[[float], None] = lambda _s: None,
    then: Callable[[RunResult, Journal], None] = lambda _result, _journal: None,
) -> RunResult:
    """Play one scenario from beginning to end and judge it.

    Args:
        scenario: What to play.
        options: How.
        progress: Told now and then how many seconds of the scenario have passed.
        then: Given the result and the journal while the journal is still open: write reports here.

    Raises:
        BridgeUnusable: The bridge cannot be started, or does not fit the arm.
        SetupFailed: A vendor refuses what the scenario sets up.
        StepFailed: A vendor refuses a step.
    """
    began = time.perf_counter()

    async def main() -> RunResult:
        world = World(
            scenario,
            seed=scenario.seed if options.seed is None else options.seed,
            network=_network(options),
            bridge=options.bridge,
        )
        if world.bridge.needs_real_network and options.arm == "virtual":
            raise BridgeUnusable(
                f"--bridge {options.bridge}: a bridge outside this process cannot live in virtual time; "
                "add `--arm paced`, where time jumps only while nothing is under way"
            )
        with _pace(lambda: True):  # a bridge that is a process starts and stops in real time
            async with world:
                with _pace(lambda: world.is_busy):
                    await world.play(progress)
                result = _judge(world, options, real_s=time.perf_counter() - began)
                then(result, world.journal)
                return result

    return run(main(), loop_factory=lambda: _loop(options))


@contextmanager
def _pace(is_busy: Callable[[], bool]) -> Iterator[None]:
    """Tell a loop that can hurry when it must not; the others never do."""
    loop = asyncio.get_running_loop()
    if not isinstance(loop, LiveLoop):
        yield
        return
    before, loop.is_busy = loop.is_busy, is_busy
    try:
        yield
    finally:
        loop.is_busy = before


def _loop(options: Options) -> asyncio.AbstractEventLoop:
    if options.arm == "virtual":
        return VirtualLoop()
    return LiveLoop(speed=math.inf if options.arm == "paced" else options.speed)


def _network(options: Options) -> Network:
    if options.arm == "virtual":
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)  # noqa: S101 - `_loop` made it
        network = VirtualNetwork(loop)
        network.set_latency(options.latency_s)
        return network
    return LoopbackNetwork(ports=ports_from(options.port))


def _judge(world: World, options: Options, *, real_s: float) -> RunResult:
    journal = world.journal
    balanced = _balance(world) if options.ledger else None
    if balanced is not None:
        journal.cause_of = _causes(journal, balanced)
    witness = Witness(journal, world.people, world.scenario.starts)
    errors = [*journal.errors, *world.mailboxes.errors, *world.phones.errors]
    return RunResult(
        scenario_title=world.scenario.title,
        scenario_path=world.scenario.file,
        seed=world.seed,
        started_at=world.scenario.starts,
        ended_at=world.now(),
        virtual_s=world.elapsed_s,
        real_s=real_s,
        people=len(world.people),
        expectations=judge_expectations(world.scenario.expect, witness, is_complete=journal.is_complete),
        ledger=balanced.result if balanced else LedgerResult(is_on=False),
        violations=tuple(journal.violations()),
        errors=tuple(f"{type(error).__name__}: {error}" for error in errors),
        counts=journal.counts(),
        exchanges=len(journal.exchanges()),
        is_complete=journal.is_complete,
    )


def _balance(world: World) -> Balance:
    accounts = world.scenario.accounts
    context = LedgerContext(
        triggers={
            campaign.name: campaign.calls
            for campaign in accounts.campaigns
            if campaign.channel == "webhook" and campaign.via == "bridge"
        },
        bridge=BRIDGE,
        mailmodo_sources=("web",) if accounts.has_mailmodo_destination else (),
    )
    used = set(accounts.used)
    rules = [RULES[key] for key, vendors in _RULE_VENDORS.items() if used.issuperset(vendors)]
    return balance(
        dues(world.journal, context), effects(world.journal, context), tolerance_s=TOLERANCE_S, rules=rules
    )


def _causes(journal: Journal, balanced: Balance) -> Callable[[Exchange], tuple[str, ...]]:
    """Say why the bridge called: the webhooks whose engagements its call carried."""
    webhooks = engagement_webhooks(journal, BRIDGE)
    found: dict[str, dict[str, None]] = {}
    for due, effect in balanced.matches:
        carriers = [exchange.id for exchange in webhooks.get(due.cause, ())] or [due.cause]
        found.setdefault(effect.cause, {}).update(dict.fromkeys(carriers))
    causes = {exchange: tuple(carriers) for exchange, carriers in found.items()}
    return lambda exchange: causes.get(exchange.id, ())
