"""What `python -m bridge` does beside serving, one module for each kind of question."""

from bridge.commands.explain import explain_command
from bridge.commands.settings import settings_command

__all__ = ["explain_command", "settings_command"]
