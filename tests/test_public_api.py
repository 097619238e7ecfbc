"""What is public is said in one place, typed, documented, and cheap to import."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("bridge", "contracts", "fakes", "simulator")
_INSIDE = tuple(
    module.name
    for package in PACKAGES
    for module in pkgutil.walk_packages([str(ROOT / package)], f"{package}.")
    if module.ispkg
)
_FOR_USERS = tuple(name for name in _INSIDE if not name.startswith("bridge."))
"""Packages inside a package whose names users import; the bridge's own are behind `bridge`."""

MODULES = tuple(sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py")))
_PLUMBING = {"TYPE_CHECKING", "Any", "Final", "annotations", "import_module"}
_MOST_LINES = 400
_MOST_NAMES = 15
_LONGER = {
    "simulator/transport.py": "both directions of one connection in memory, whose states belong together"
}
"""Modules that may be longer, each with its reason."""


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("package", [*PACKAGES, *_FOR_USERS])
def test_a_package_exports_in_order_exactly_what_can_be_reached(package: str) -> None:
    module = importlib.import_module(package)

    reachable = {
        name
        for name in dir(module)
        if not name.startswith("_")
        and not isinstance(getattr(module, name), ModuleType)
        and name not in _PLUMBING
    }

    assert list(module.__all__) == sorted(module.__all__, key=_rank)
    assert reachable == set(module.__all__)


def _rank(name: str) -> tuple[bool, bool, str]:
    """Constants, then classes, then functions, as the linter sorts them."""
    return not name.isupper(), name[0].islower(), name


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_has_few_names_and_ships_its_types(package: str) -> None:
    module = importlib.import_module(package)

    assert len(module.__all__) <= _MOST_NAMES
    assert (ROOT / package / "py.typed").exists()


@pytest.mark.parametrize("package", [*PACKAGES, *_INSIDE])
def test_a_package_opens_with_a_docstring(package: str) -> None:
    assert (importlib.import_module(package).__doc__ or "").strip().endswith((".", ")", "`"))


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_a_module_says_what_it_is_and_what_is_public(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))

    exports = [
        node
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign) and "__all__" in ast.unparse(node).partition("=")[0]
    ]

    assert ast.get_docstring(tree)
    assert exports or path.name == "__main__.py", "has no __all__"


def test_modules_are_short_and_exceptions_are_needed() -> None:
    lines = {_name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}

    assert {name for name, count in lines.items() if count > _MOST_LINES} == set(_LONGER)


def test_an_unknown_name_is_an_attribute_error() -> None:
    simulator = importlib.import_module("simulator")

    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = simulator.nothing


@pytest.mark.slow
def test_help_does_not_pay_for_what_only_runs_need() -> None:
    script = (
        "import sys; sys.argv = ['journeylab', '--help']\n"
        "from simulator.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print('loaded', *sorted({'aiohttp', 'faker', 'jinja2', 'jsonschema', 'liquid', 'yaml'} & set(sys.modules)))"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert done.stdout.splitlines()[-1].strip() == "loaded"
