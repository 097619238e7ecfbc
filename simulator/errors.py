"""What the simulator raises.

SimulatorError
├── ScenarioInvalid      a scenario file cannot be played (simulator.problems)
├── ExpressionInvalid    an expression in it cannot be read or computed (simulator.expressions)
├── SetupFailed          a vendor refuses what the scenario sets up there (simulator.vendors)
├── StepFailed           a vendor refuses what a step asks for (simulator.app_calls)
├── BridgeUnusable       what should be tested cannot be started or reached (simulator.system_under_test)
├── ReportUnwritable     a report cannot be written where it should go (simulator.commands)
├── MessagesDropped      a campaign's text makes no message once it is filled in (simulator.world)
├── Deadlock             nothing is left to do but waiting for each other
├── NotVirtual           something real was asked of a loop on which nothing is real
├── HostTaken            a host name is served already
├── HostUnknown          no app is served under a host name
├── PortTaken            a wanted port of this machine is in use
├── ProxyUnavailable     a proxy needs a package that is not installed
└── UnreadableJournal    a line of a journal file is not an entry (simulator.reports.json_lines)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulator.waits import Wait

__all__ = [
    "Deadlock",
    "HostTaken",
    "HostUnknown",
    "NotVirtual",
    "PortTaken",
    "ProxyUnavailable",
    "SimulatorError",
]

_MOST_WAITS_SHOWN = 20


class SimulatorError(Exception):
    """Base of everything the simulator raises on purpose."""


class Deadlock(SimulatorError):
    """Nothing is left to do: no callback, no timer, only tasks that wait for each other.

    Attributes:
        at_s: Loop time at which the world stood still, in seconds.
        waits: Every unfinished task, with where and for what it waits; own code before library code.
    """

    def __init__(self, at_s: float, waits: Sequence[Wait]) -> None:
        shown = [f"  {wait}" for wait in waits[:_MOST_WAITS_SHOWN]]
        if len(waits) > _MOST_WAITS_SHOWN:
            shown.append(f"  and {len(waits) - _MOST_WAITS_SHOWN} more")
        what = "these tasks wait for each other:" if waits else "there is no task, callback or timer"
        super().__init__("\n".join([f"nothing left to do at {at_s:.6f} s of virtual time: {what}", *shown]))
        self.at_s = at_s
        self.waits = tuple(waits)


class NotVirtual(SimulatorError, NotImplementedError):
    """Something real was asked of the virtual loop: a process, a pipe, a datagram, a raw socket.

    Attributes:
        what: The loop's method.
    """

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} is for real things, and the virtual loop has none; use another arm")
        self.what = what


class HostTaken(SimulatorError):
    """A host name is served already.

    Attributes:
        host: The name.
    """

    def __init__(self, host: str) -> None:
        super().__init__(f"host {host!r} is served already; close its network or serve under another name")
        self.host = host


class HostUnknown(SimulatorError, LookupError):
    """No app is served under a host name.

    Attributes:
        host: The name asked for.
        hosts: The names that are served.
    """

    def __init__(self, host: str, hosts: Sequence[str]) -> None:
        super().__init__(f"no app is served as {host!r}; served are: {', '.join(hosts) or 'none'}")
        self.host = host
        self.hosts = tuple(hosts)


class PortTaken(SimulatorError):
    """A wanted port of this machine is in use by something else.

    Attributes:
        host: The host name whose app should have got the port.
        port: The port.
    """

    def __init__(self, host: str, *, address: str, port: int) -> None:
        super().__init__(
            f"port {port} of {address}, wanted for {host!r}, is in use; stop what listens there, "
            "or choose another port (0 takes any free one)"
        )
        self.host = host
        self.port = port


class ProxyUnavailable(SimulatorError):
    """A proxy needs a package that is not installed.

    Attributes:
        package: Its name.
    """

    def __init__(self, package: str) -> None:
        from contracts.extras import install_command  # noqa: PLC0415 - only who misses an extra pays for it

        super().__init__(
            f"a proxy needs the package {package!r}, which is not installed; "
            f"install it with: {install_command('proxy')}"
        )
        self.package = package
