"""One world, and journeys through it.

    >>> from simulator import Options, load_scenario, play_scenario
    >>> result = play_scenario(load_scenario("scenarios/survey_follow_up.yaml"), Options(seed=7))
    >>> result.is_kept
    True

A `Scenario` is read from YAML by `load_scenario` (a file) or `read_scenario` (a text). `play_scenario` opens a
`World` for it on a `VirtualLoop` (nothing waits) or a `LiveLoop` (real sockets, real time), plays it, and judges
the `Journal`, the one record of what happened, into a `RunResult`. A `World` can be opened by hand as well, on a
`VirtualNetwork` or a `LoopbackNetwork`. Whatever goes wrong on purpose is a `SimulatorError`.

Names are loaded when they are first used, so that `--help` does not pay for them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulator.errors import SimulatorError
    from simulator.journal import Journal
    from simulator.loop import LiveLoop, VirtualLoop
    from simulator.network import LoopbackNetwork, VirtualNetwork
    from simulator.problems import ScenarioInvalid
    from simulator.result import RunResult
    from simulator.run import Options, play_scenario
    from simulator.scenario import Scenario
    from simulator.scenario_reader import load_scenario, read_scenario
    from simulator.world import World

__all__ = [
    "Journal",
    "LiveLoop",
    "LoopbackNetwork",
    "Options",
    "RunResult",
    "Scenario",
    "ScenarioInvalid",
    "SimulatorError",
    "VirtualLoop",
    "VirtualNetwork",
    "World",
    "load_scenario",
    "play_scenario",
    "read_scenario",
]

_HOMES: Final[Mapping[str, str]] = {
    "Journal": "journal",
    "LiveLoop": "loop",
    "LoopbackNetwork": "network",
    "Options": "run",
    "RunResult": "result",
    "Scenario": "scenario",
    "ScenarioInvalid": "problems",
    "SimulatorError": "errors",
    "VirtualLoop": "loop",
    "VirtualNetwork": "network",
    "World": "world",
    "load_scenario": "scenario_reader",
    "play_scenario": "run",
    "read_scenario": "scenario_reader",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
