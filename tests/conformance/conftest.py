"""Every body here runs on both arms: what passes says that the network in memory does as real sockets do.

A module says `pytestmark = pytest.mark.usefixtures("arm")`; then each of its tests runs once on each.
"""

from __future__ import annotations

import pytest


@pytest.fixture(params=["virtual", "loopback"])
def arm(request: pytest.FixtureRequest) -> str:
    """Which network a test runs on."""
    return str(request.param)


@pytest.fixture(params=["aiohttp", "httpx"])
def library(request: pytest.FixtureRequest) -> str:
    """Which HTTP client a test uses."""
    return str(request.param)
