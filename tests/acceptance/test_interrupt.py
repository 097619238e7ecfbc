"""Ctrl-C in the middle of a run."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from tests.support.command import ROOT, running
from tests.support.http import eventually
from tests.support.stories import RECEIPT, SURVEY, changed, text_of

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


def write(path: Path, story: dict[str, object], **changes: object) -> str:
    path.write_text(text_of(changed(story, **changes)), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("arm", ["virtual", "live"])
def test_an_interrupted_run_keeps_what_was_finished(arm: str, tmp_path: Path) -> None:
    """The first story is done in a moment; the second would take minutes."""
    short = write(tmp_path / "short.yaml", RECEIPT, lasts="3 min", people__named__0__opens="1 min")
    long = write(tmp_path / "long.yaml", SURVEY, people__count=20_000, expect=[])
    reports, junit = tmp_path / "reports", tmp_path / "junit.xml"
    speed = ["--arm", "live", "--speed", "1000"] if arm == "live" else []

    with running(
        str(ROOT / "run_sim.py"),
        "run",
        short,
        long,
        "--quiet",
        "--report",
        str(reports),
        "--junit",
        str(junit),
        *speed,
    ) as process:
        assert process.line().startswith(f"{short}: kept")
        ended = process.stop(signal.SIGINT)

    assert ended.code == 130
    assert ended.err == "interrupted; reports of what was finished are written\n"
    assert {path.name for path in reports.iterdir()} == {"short.html", "short.jsonl"}
    assert "A receipt" in junit.read_text(encoding="utf-8")


def test_a_bridge_that_was_started_is_stopped_with_the_run(tmp_path: Path) -> None:
    story = write(tmp_path / "story.yaml", RECEIPT)
    seen = tmp_path / "seen"
    script = tmp_path / "bridge.py"
    script.write_text(
        "import http.server, os, pathlib, signal, sys\n"
        f"seen = pathlib.Path({str(seen)!r})\n"
        "def end(*_):\n"
        "    seen.write_text('stopped')\n"
        "    sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "class Answer(http.server.BaseHTTPRequestHandler):\n"
        "    def do_GET(self):\n"
        "        self.send_response(200)\n"
        "        self.end_headers()\n"
        "        seen.write_text('up')\n"
        "    do_POST = do_GET\n"
        "    def log_message(self, *_): pass\n"
        "http.server.HTTPServer(('127.0.0.1', int(os.environ['BRIDGE_PORT'])), Answer).serve_forever()\n",
        encoding="utf-8",
    )

    with running(
        str(ROOT / "run_sim.py"),
        "run",
        story,
        "--no-report",
        "--arm",
        "live",
        "--bridge",
        f"python3 {script}",
    ) as process:
        assert eventually(lambda: seen.exists() and seen.read_text() == "up")
        ended = process.stop(signal.SIGINT)

    assert ended.code == 130
    assert "Traceback" not in ended.err
    assert seen.read_text() == "stopped"
