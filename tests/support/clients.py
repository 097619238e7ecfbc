"""The clients of others that `make clients` installs, and Node.js for some of them, run as their own users would run them.

Where they are missing, tests are skipped with the reason; with `REQUIRE_CLIENTS` in the environment, as in CI, they
fail.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from tests.support.command import ROOT, environment

if TYPE_CHECKING:
    from collections.abc import Mapping

CLIENTS = ROOT / "tests" / "clients"
_PATIENCE_S = 60
_READS_PROXIES = "process.exit(process.allowedNodeEnvironmentFlags.has('--use-env-proxy') ? 0 : 1)"


def node() -> str:
    """Find a Node.js that can read the proxy from the environment, and the clients; skip or fail without them."""
    found = _find_node()
    missing = "Node.js from 22.21 or 24.5" if found is None else ""
    if not (CLIENTS / "node_modules" / "clevertap").is_dir():
        missing = " and ".join(filter(None, [missing, "tests/clients/node_modules"]))
    if missing:
        _give_up(f"{missing} not there; `make clients` installs it")
    assert found is not None
    return found


def curl() -> str:
    """Find curl; skip or fail without it."""
    found = shutil.which("curl")
    if found is None:
        _give_up("curl is not there; install it")
    return found


def quickhouse() -> Any:
    """Import the package of that name; skip or fail without it."""
    try:
        return importlib.import_module("quickhouse")
    except ModuleNotFoundError:
        _give_up("the package quickhouse is not there; `make clients` installs it")


def proxied(served: Mapping[str, Any]) -> dict[str, str]:
    """Give the environment in which a program of Node.js or curl goes through the proxy of `serve --proxy`."""
    proxy = served["proxy"]
    return environment(
        HTTPS_PROXY=proxy["url"],
        NODE_EXTRA_CA_CERTS=proxy["ca_file"],
        NODE_USE_ENV_PROXY="1",
        CURL_CA_BUNDLE=proxy["ca_file"],
    )


def run_script(script: str, given: object, *, env: Mapping[str, str], stdin: str = "") -> list[Any]:
    """Run a script of `tests/clients` and give what it printed, a JSON value a line."""
    ended = subprocess.run(
        [node(), script, json.dumps(given)],
        cwd=CLIENTS, env=env, input=stdin, capture_output=True, text=True, timeout=_PATIENCE_S, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-2000:]
    return [json.loads(line) for line in ended.stdout.splitlines()]


@cache
def _find_node() -> str | None:
    # `make clients` puts one beside the interpreter; the system's will do where it is new enough.
    for candidate in (str(Path(sys.executable).parent / "node"), shutil.which("node")):
        if candidate and Path(candidate).exists():
            asked = subprocess.run([candidate, "-e", _READS_PROXIES], check=False, timeout=_PATIENCE_S)
            if asked.returncode == 0:
                return candidate
    return None


def _give_up(reason: str) -> NoReturn:
    if os.environ.get("REQUIRE_CLIENTS"):
        pytest.fail(reason)
    pytest.skip(reason)
