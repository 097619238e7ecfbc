"""The command in a message is one that installs the extra where the message is read."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING

import pytest

from contracts.extras import install_command
from tests.support.command import ROOT

if TYPE_CHECKING:
    from pathlib import Path

GIT = {"url": "https://git.example/journeylab.git", "vcs_info": {"vcs": "git", "commit_id": "abc123"}}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed packages that is looked at first."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return folder


def install(site: Path, *, installer: str = "pip", direct_url: object = None) -> None:
    """Write down what an installer leaves of the project."""
    info = site / "journeylab-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.4\nName: journeylab\nVersion: 0.1.0\n", "utf-8")
    (info / "INSTALLER").write_text(f"{installer}\n", "utf-8")
    if direct_url is not None:
        text = direct_url if isinstance(direct_url, str) else json.dumps(direct_url)
        (info / "direct_url.json").write_text(text, "utf-8")


def test_in_a_checkout_it_is_an_editable_install(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(site, direct_url={"url": ROOT.as_uri(), "dir_info": {"editable": True}})

    monkeypatch.chdir(ROOT)
    assert install_command("proxy") == "pip install -e '.[proxy]'"

    monkeypatch.chdir(site)
    assert install_command("proxy") == f"pip install -e '{ROOT}[proxy]'"


def test_who_installed_it_does_it_again(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    install(site, installer="uv")

    assert install_command("jwt") == "uv pip install -e '.[jwt]'"
    assert install_command("jwt", code=site) == "uv pip install 'journeylab[jwt]'"


@pytest.mark.parametrize(
    ("direct_url", "wanted"),
    [
        (None, "journeylab[metrics]"),
        ({"url": "file:///srv/journeylab", "dir_info": {}}, "journeylab[metrics] @ file:///srv/journeylab"),
        (
            {"url": "file:///tmp/journeylab-0.1.0-py3-none-any.whl", "archive_info": {}},
            "journeylab[metrics] @ file:///tmp/journeylab-0.1.0-py3-none-any.whl",
        ),
        (GIT, "journeylab[metrics] @ git+https://git.example/journeylab.git@abc123"),
        (
            {**GIT, "vcs_info": {**GIT["vcs_info"], "requested_revision": "v1"}},  # type: ignore[dict-item]  # a dict of one shape
            "journeylab[metrics] @ git+https://git.example/journeylab.git@v1",
        ),
        ("no JSON", "journeylab[metrics]"),
        ("[]", "journeylab[metrics]"),
    ],
)
def test_elsewhere_it_comes_from_where_the_project_came_from(
    site: Path, direct_url: object, wanted: str
) -> None:
    install(site, direct_url=direct_url)

    assert install_command("metrics", code=site) == f"pip install '{wanted}'"


def test_another_project_beside_the_packages_is_no_checkout(site: Path) -> None:
    install(site)
    (site / "pyproject.toml").write_text('[project]\nname = "shop"\n', encoding="utf-8")

    assert install_command("proxy", code=site) == "pip install 'journeylab[proxy]'"


@pytest.mark.slow
def test_a_checkout_that_is_not_installed_has_a_command_too() -> None:
    """Without site-packages nothing is installed, as in a checkout that runs by PYTHONPATH."""
    script = "import sys; sys.path.insert(0, '.'); import importlib.util as u\n"
    script += "spec = u.spec_from_file_location('extras', 'contracts/extras.py')\n"
    script += (
        "made = u.module_from_spec(spec); spec.loader.exec_module(made); print(made.install_command('proxy'))"
    )

    ended = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert ended.stdout == "pip install -e '.[proxy]'\n"


def test_every_extra_that_is_asked_for_exists() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    known = project["project"]["optional-dependencies"]
    named = {
        name
        for package in ("bridge", "contracts", "fakes", "simulator")
        for path in (ROOT / package).rglob("*.py")
        for name in re.findall(
            r"(?:install_command\(|extra=)[\"']([a-z]+)[\"']", path.read_text(encoding="utf-8")
        )
    }

    assert {"jwt", "metrics", "postgres", "proxy", "tracing"} <= named <= known.keys()
