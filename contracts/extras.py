"""How to install what is optional: in the way in which the project itself was installed.

It is here because bridge, fakes and simulator all need it, and have nothing else in common.
"""

from __future__ import annotations

import json
import shlex
import tomllib
from importlib.metadata import Distribution, PackageNotFoundError
from pathlib import Path
from typing import Final

__all__ = ["install_command"]

_PROJECT: Final = "journeylab"


def install_command(extra: str, *, code: Path | None = None) -> str:
    """Give the command that installs an extra.

    In a checkout that is an editable install of it; elsewhere whatever was installed is installed again, from the
    place it came from (PEP 610), with the extra. Who installed it last does it again: pip or uv.

    Args:
        extra: Its name in `pyproject.toml`.
        code: The folder that holds the packages; where this module is, when not said.
    """
    code = code or Path(__file__).parents[1]
    installed = _installed()
    installer = (installed.read_text("INSTALLER") or "").strip() if installed is not None else ""
    command = "uv pip install" if installer == "uv" else "pip install"
    if _is_checkout(code):
        where = "." if code == Path.cwd() else str(code)
        return f"{command} -e {_quoted(f'{where}[{extra}]')}"
    origin = _origin(installed)
    return f"{command} {_quoted(f'{_PROJECT}[{extra}]' + (f' @ {origin}' if origin else ''))}"


def _installed() -> Distribution | None:
    try:
        return Distribution.from_name(_PROJECT)
    except PackageNotFoundError:  # a checkout that runs by PYTHONPATH
        return None


def _is_checkout(code: Path) -> bool:
    try:
        project = tomllib.loads((code / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(project.get("project", {}).get("name") == _PROJECT)


def _origin(installed: Distribution | None) -> str:
    """Give the URL that it was installed from; empty for an index. Source: PEP 610, `direct_url.json`."""
    try:
        origin = json.loads((installed and installed.read_text("direct_url.json")) or "{}")
        url = str(origin.get("url", ""))
    except (ValueError, AttributeError):
        return ""
    repository = origin.get("vcs_info")
    if isinstance(repository, dict) and url:
        revision = repository.get("requested_revision") or repository.get("commit_id")
        return f"{repository.get('vcs', 'git')}+{url}" + (f"@{revision}" if revision else "")
    return url


def _quoted(text: str) -> str:
    quoted = shlex.quote(text)
    return quoted if quoted != text else f"'{text}'"
