"""A real Chromium that opens a page and gives it back as it then is."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["browse"]

_CHROMIUM: Final = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
_FLAGS: Final = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage --enable-logging=stderr "
    "--virtual-time-budget=3000 --no-proxy-server"
)


def browse(url: str, profile: Path, *, size: str = "1400,1000") -> str:
    """Open a page in a browser and give it as its scripts left it; fail on any console message."""
    if _CHROMIUM is None:
        if os.environ.get("CI", "").lower() in ("true", "1"):
            pytest.fail("no Chromium: CI must install it to see that pages work in a browser")
        pytest.skip("no Chromium: the page was NOT opened in a browser")
    command = [
        _CHROMIUM,
        *_FLAGS.split(),
        f"--window-size={size}",
        f"--user-data-dir={profile}",
        "--dump-dom",
        url,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] == []
    return done.stdout
