"""A Postgres cluster of the tests' own: in a temporary folder, on a socket there, gone at the end."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_SETTINGS = {
    "listen_addresses": "''",
    "max_connections": "60",
    "shared_buffers": "32MB",
    "autovacuum": "off",
    "deadlock_timeout": "100ms",
}


@dataclass(frozen=True)
class PostgresServer:
    """A running cluster.

    Attributes:
        folder: Where its socket is.
    """

    folder: Path

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://bridge@/{database}?host={self.folder}"


@cache
def find_postgres() -> Path | None:
    """Find the folder with the server's commands: in the path, or where Debian puts them."""
    inside_path = (Path(each) for each in os.environ.get("PATH", "").split(os.pathsep) if each)
    for folder in (*inside_path, *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)):
        if all((folder / name).exists() for name in ("postgres", "initdb", "pg_ctl")):
            return folder
    return None


@contextmanager
def serve_postgres(*, is_safe: bool = False) -> Iterator[PostgresServer]:
    """Make a cluster and serve it. It refuses to run as root, so root hands it to `postgres` or `nobody`.

    Args:
        is_safe: Whether commits wait for the disk: for measuring. Tests kill processes, not machines.
    """
    commands = find_postgres()
    assert commands is not None
    # Short, because the path of a socket may have 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    account = _account()
    if account is not None:
        os.chown(folder, account.pw_uid, account.pw_gid)

    def become() -> None:
        if account is not None:
            os.setgid(account.pw_gid)
            os.setuid(account.pw_uid)

    def call(command: str, *arguments: str) -> None:
        with (folder / "commands.log").open("ab") as log:
            done = subprocess.run(
                [str(commands / command), "--pgdata", str(folder / "data"), *arguments],
                cwd=folder,
                preexec_fn=become,
                stdout=log,
                stderr=log,
                check=False,
            )
        assert done.returncode == 0, (folder / "commands.log").read_text()

    options = " ".join(
        f"-c {name}={value}" for name, value in {**_SETTINGS, "fsync": "on" if is_safe else "off"}.items()
    )
    try:
        call("initdb", "--username=bridge", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
        call("pg_ctl", "start", "--wait", f"--log={folder}/server.log", f"--options={options} -k {folder}")
        try:
            yield PostgresServer(folder)
        finally:
            call("pg_ctl", "stop", "--wait", "--mode=immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _account() -> pwd.struct_passwd | None:
    if os.getuid() != 0:
        return None
    accounts = {each.pw_name: each for each in pwd.getpwall()}
    return accounts.get("postgres") or accounts["nobody"]
