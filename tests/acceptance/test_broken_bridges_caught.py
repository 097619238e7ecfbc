"""Every promise of the bridge, broken once by a patch from outside, is missed by a named test.

That the same tests pass on the whole bridge is what they say themselves.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.acceptance import test_broken_bridges
from tests.acceptance.breaks import BREAKS, SCENARIO_BREAKS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.acceptance.breaks import Break

TABLE = Path("docs/explanations/broken-bridges.md")
MISSED = (AssertionError, IndexError, KeyError, ValueError)
"""How a test fails that does not find what it wants."""


def named(test: Callable[..., Any]) -> str:
    return f"`{test.__module__.replace('.', '/')}.py` {test.__name__}"


@pytest.mark.parametrize("broken", BREAKS, ids=lambda broken: broken.name)
async def test_a_broken_bridge_is_caught(
    broken: Break, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wants_folder = "tmp_path" in inspect.signature(broken.catcher).parameters
    broken.apply(monkeypatch)

    with pytest.raises(MISSED):
        await broken.catcher(*broken.arguments, **({"tmp_path": tmp_path} if wants_folder else {}))


def test_the_table_says_for_each_break_what_catches_it() -> None:
    rows = re.findall(
        r"^\| \d+ \| ([^|]+) \| [^|]+ \| ([^|]+) \|$", TABLE.read_text(encoding="utf-8"), re.MULTILINE
    )

    scenario = "`scenarios/survey_follow_up.yaml`, shown by "
    by_scenario = [
        (name, scenario + named(getattr(test_broken_bridges, test))) for name, test in SCENARIO_BREAKS.items()
    ]
    assert rows == by_scenario + [(broken.name, named(broken.catcher)) for broken in BREAKS]
    assert len(rows) >= 20
