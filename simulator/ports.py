"""Which port each server takes on real sockets, when the user wants to know beforehand."""

from __future__ import annotations

from typing import Final

from contracts import load_contract
from fakes.kit import control_host
from simulator.system_under_test import BRIDGE_HOST

__all__ = ["ORDER", "START_HOST", "port_count", "ports_from"]

ORDER: Final = ("bridge", "clevertap", "customerio", "mailjet", "mailmodo", "segment")
"""The servers in the order of their ports."""

START_HOST: Final = "start.journeylab.test"
"""Under which name the start page of all servers is served."""


def port_count(*, has_control: bool = False, has_proxy: bool = False) -> int:
    """Say how many ports in a row it takes: for each server, each control API and their start page, the proxy."""
    return len(ORDER) + len(ORDER) * has_control + has_proxy


def ports_from(first: int, *, has_control: bool = False) -> dict[str, int]:
    """Give each server its port, under every host name that it has.

    Args:
        first: The bridge's port; the fakes take the five that follow. 0 leaves the choice to the machine.
        has_control: Whether the fakes' control APIs take the five after those, in the same order, and the start page
            of all the one after.
    """
    if first == 0:
        return {}
    hosts = {name: (BRIDGE_HOST,) if name == "bridge" else load_contract(name).hosts for name in ORDER}
    if has_control:
        names = (*(control_host(name) for name in ORDER[1:]), START_HOST)
        controls = {name: first + len(ORDER) + index for index, name in enumerate(names)}
    else:
        controls = {}
    return controls | {host: first + index for index, name in enumerate(ORDER) for host in hosts[name]}
