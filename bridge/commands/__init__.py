"""What `python -m bridge` does beside serving, one module for each kind of question."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bridge.commands.deliveries import (
    dead_command,
    deliveries_command,
    discard_command,
    replay_command,
    requeue_command,
    uncertain_command,
)
from bridge.commands.doctor import doctor_command
from bridge.commands.explain import explain_command
from bridge.commands.routing import routing_command
from bridge.commands.settings import settings_command
from bridge.commands.status import conserve_command, counts_command, status_command

if TYPE_CHECKING:
    import click

__all__ = ["COMMANDS"]

COMMANDS: Final[tuple[click.Command, ...]] = (
    status_command,
    dead_command,
    uncertain_command,
    deliveries_command,
    requeue_command,
    discard_command,
    replay_command,
    conserve_command,
    counts_command,
    doctor_command,
    explain_command,
    routing_command,
    settings_command,
)
