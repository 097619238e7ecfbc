"""A module that cannot be imported."""

from __future__ import annotations

BROKEN = 1 / 0
