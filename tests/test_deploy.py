"""The examples in `deploy` are what the bridge and its settings are today."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from bridge import Settings
from bridge.configuration import file_schema
from bridge.settings import table
from tests.bridge.test_cli import served

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
VARIABLES = {row.variable: row for row in table()}
CREDENTIALS = "file:/run/credentials/bridge.service/"
SECRETS = "file:/run/secrets/"


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def secret_folder(folder: Path, names: set[str]) -> Path:
    for name in names:
        (folder / name).write_text(f"the secret {name}\n")
    return folder


# bridge.toml and bridge.service


def unit() -> list[tuple[str, str]]:
    lines = (DEPLOY / "bridge.service").read_text(encoding="utf-8").splitlines()
    return [(name, value) for name, is_pair, value in (line.partition("=") for line in lines) if is_pair]


def test_the_settings_file_is_good_and_names_no_secret_itself(tmp_path: Path):
    text = (DEPLOY / "bridge.toml").read_text(encoding="utf-8")
    named = set(re.findall(rf"{CREDENTIALS}(\w+)", text))
    file = tmp_path / "bridge.toml"
    file.write_text(text.replace(CREDENTIALS, f"file:{secret_folder(tmp_path, named)}/"))

    settings = Settings.load(file, {})

    assert list(Draft202012Validator(file_schema(table())).iter_errors(tomllib.loads(text))) == []
    given = {row.name for row in table() if row.is_secret and getattr(settings, row.name)}
    assert given == named
    assert settings.mailmodo_api_key == "the secret mailmodo_api_key"


def test_the_unit_hands_over_exactly_the_secrets_that_the_settings_name():
    named = set(re.findall(rf"{CREDENTIALS}(\w+)", (DEPLOY / "bridge.toml").read_text(encoding="utf-8")))

    loaded = [value.partition(":") for name, value in unit() if name == "LoadCredential"]

    assert {name for name, _colon, _path in loaded} == named
    assert all(Path(path).name == name for name, _colon, path in loaded)


def test_the_unit_reloads_with_sighup_and_waits_longer_than_the_bridge_does():
    values = dict(unit())

    assert values["ExecReload"] == "/bin/kill -HUP $MAINPID"
    assert float(values["TimeoutStopSec"]) > Settings().stop_grace_s
    assert shlex.split(values["ExecStart"])[1:4] == ["-m", "bridge", "--settings"]
    assert values["DynamicUser"] == "yes"
    assert values["RestartPreventExitStatus"] == "2"


def test_systemd_takes_the_unit_where_it_is_there(tmp_path: Path):
    analyse = shutil.which("systemd-analyze")
    text = (DEPLOY / "bridge.service").read_text(encoding="utf-8")
    known = {"Unit", "Service", "Install"}
    assert set(re.findall(r"^\[(\w+)\]$", text, re.MULTILINE)) == known
    if analyse is None:
        return  # what can be told without it is told above
    copy = tmp_path / "bridge.service"
    copy.write_text(text.replace("/usr/local/lib/bridge/bin/python", sys.executable))

    done = subprocess.run([analyse, "verify", str(copy)], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


# compose.yaml


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    return found


def test_every_setting_of_the_compose_file_is_one_and_all_together_are_good(tmp_path: Path):
    bridge = compose()["services"]["bridge"]
    folder = secret_folder(tmp_path, set(bridge["secrets"]))
    (folder / "store_dsn").write_text("postgresql://bridge:x@postgres/bridge")
    environment = {
        name: re.sub(r"\$\{(\w+):\?[^}]*\}", r"\1", value).replace(SECRETS, f"file:{folder}/")
        for name, value in bridge["environment"].items()
    }

    settings = Settings.load(None, environment)

    assert set(environment) <= set(VARIABLES)
    assert settings.store_dsn == "postgresql://bridge:x@postgres/bridge"
    secrets = [name for name in environment if VARIABLES[name].is_secret]
    assert all(bridge["environment"][name].startswith(SECRETS) for name in secrets)


def test_every_secret_of_the_compose_file_is_declared_handed_over_and_used():
    found = compose()
    bridge, postgres = found["services"]["bridge"], found["services"]["postgres"]

    used = {
        value.removeprefix(SECRETS) for value in bridge["environment"].values() if value.startswith(SECRETS)
    }
    assert used == set(bridge["secrets"])
    assert set(bridge["secrets"]) | set(postgres["secrets"]) == set(found["secrets"])
    assert all(each["file"] == f"secrets/{name}" for name, each in found["secrets"].items())
    assert "secrets/" in (DEPLOY / ".gitignore").read_text(encoding="utf-8")


def test_the_compose_file_runs_several_bridges_and_waits_longer_than_they_do():
    found = compose()
    bridge = found["services"]["bridge"]

    assert bridge["deploy"]["replicas"] > 1
    assert bridge["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert "healthcheck" in found["services"]["postgres"]
    assert float(bridge["stop_grace_period"].removesuffix("s")) > Settings().stop_grace_s
    assert (DEPLOY / bridge["build"]["context"] / bridge["build"]["dockerfile"]).samefile(
        DEPLOY / "Dockerfile"
    )
    ports = re.fullmatch(r"127\.0\.0\.1:(\d+)-(\d+):8080", bridge["ports"][0])
    assert ports
    assert int(ports[2]) - int(ports[1]) + 1 == bridge["deploy"]["replicas"]


# Dockerfile


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"\\\n\s*", " ", (DEPLOY / "Dockerfile").read_text(encoding="utf-8"))
    lines = (line for line in text.splitlines() if line.strip() and not line.startswith("#"))
    return [(name, rest) for name, _space, rest in (line.partition(" ") for line in lines)]


def test_the_image_is_built_from_what_the_package_is_made_of():
    copied = [
        source
        for name, rest in instructions()
        if name == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    ]
    hatch = project()["tool"]["hatch"]["build"]["targets"]["wheel"]

    assert all((ROOT / source).exists() for source in copied)
    assert set(hatch["packages"]) | set(hatch["force-include"]) <= set(copied)
    assert {"pyproject.toml", project()["project"]["readme"], "LICENSE", "constraints.txt"} <= set(copied)


def test_the_image_installs_extras_that_there_are_under_the_constraints():
    (install,) = [rest for name, rest in instructions() if name == "RUN" and "pip install" in rest]

    extras = re.search(r'"\.\[([\w,]+)\]"', install)
    assert extras
    assert set(extras[1].split(",")) <= set(project()["project"]["optional-dependencies"])
    assert "--constraint constraints.txt" in install


def test_the_image_runs_as_nobody_special_and_ends_with_sigterm():
    names = [name for name, _rest in instructions()]
    values = dict(instructions())

    assert values["USER"] not in ("root", "0")
    assert names.index("USER") < names.index("ENTRYPOINT")
    assert any("useradd" in rest and values["USER"] in rest for name, rest in instructions() if name == "RUN")
    assert values["STOPSIGNAL"] == "SIGTERM"
    assert json.loads(values["ENTRYPOINT"]) == ["python", "-m", "bridge"]
    assert all(":" in rest for name, rest in instructions() if name == "FROM")


def test_the_images_environment_is_good():
    environment = dict(re.findall(r"(BRIDGE_\w+)=(\S+)", dict(instructions())["ENV"]))

    settings = Settings.load(None, environment)

    assert set(environment) <= set(VARIABLES)
    assert settings.host == "0.0.0.0"
    assert dict(instructions())["EXPOSE"] == str(settings.port)
    assert settings.store_path.startswith(dict(instructions())["VOLUME"])


@pytest.mark.slow
def test_the_images_health_check_passes_while_the_bridge_is_ready_and_fails_when_it_is_gone(tmp_path: Path):
    check = re.search(r"CMD (\[.*\])$", dict(instructions())["HEALTHCHECK"])
    assert check
    _python, *arguments = json.loads(check[1])
    file = tmp_path / "bridge.toml"
    file.write_text(f'port = 0\nstore_path = "{tmp_path}/bridge.sqlite3"\n')

    with served(file) as (_process, url):
        environment = {"BRIDGE_PORT": url.rpartition(":")[2]}
        ready = subprocess.run(
            [sys.executable, *arguments], env=environment, capture_output=True, check=False
        )
    gone = subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, check=False)

    assert ready.returncode == 0, ready.stderr
    assert gone.returncode == 1
