from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from fakes.kit.exchange import ACTOR_HEADER, CAUSE_HEADER, Exchange
from simulator.journal import Journal
from simulator.reports import UnreadableJournal, read_json_lines, write_json_lines
from tests.support.sample_run import API_KEY, PASSCODE, PATH_SECRET, START, sample_run

if TYPE_CHECKING:
    from pathlib import Path


def written(journal: Journal, path: Path) -> list[dict[str, Any]]:
    write_json_lines(journal, path)
    return list(read_json_lines(path))


def one_exchange(path: Path, **changes: Any) -> dict[str, Any]:
    journal = Journal(lambda: START, {"key": "s3cret"})
    settings: dict[str, Any] = {
        "sender": "bridge",
        "receiver": "mailmodo",
        "contract": "mailmodo",
        "operation": "triggerCampaign",
        "kind": "operation",
        "method": "POST",
        "url": "https://api.mailmodo.com/x",
        "request_headers": {},
        "request_body": b"",
        "status": 200,
        "response_headers": {},
        "response_body": b"",
        "started_at": START,
        "ended_at": START,
    }
    journal.exchange(Exchange(id=journal.open_entry(), **(settings | changes)))
    return written(journal, path)[0]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


def test_every_entry_is_a_line_lowest_id_first(path: Path) -> None:
    run = sample_run()

    count = write_json_lines(run.journal, path)

    lines = list(read_json_lines(path))
    assert count == len(lines) == len(run.journal)
    assert [line["id"] for line in lines] == sorted(line["id"] for line in lines)
    assert list(lines[0])[:5] == ["id", "t", "at", "kind", "causes"]
    assert {line["kind"] for line in lines} == {"exchange", "fact", "step"}


def test_equal_runs_give_equal_bytes_and_other_seeds_other_ones(tmp_path: Path) -> None:
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        write_json_lines(sample_run(seed=seed).journal, tmp_path / name)

    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a").read_bytes() != (tmp_path / "c").read_bytes()


def test_spooling_does_not_change_a_byte(tmp_path: Path) -> None:
    spooled = sample_run(memory_entries=7).journal
    write_json_lines(sample_run().journal, tmp_path / "a")
    write_json_lines(spooled, tmp_path / "b")
    spooled.close()

    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_no_secret_reaches_the_file(path: Path) -> None:
    write_json_lines(sample_run().journal, path)

    text = path.read_text()
    for secret in (API_KEY, PASSCODE, PATH_SECRET, base64.b64encode(f"acc:{PASSCODE}".encode()).decode()):
        assert secret not in text
    assert "[masked: mailmodo.api_key]" in text
    assert "/sources/clevertap/[masked: bridge.path_secret]/campaigns/" in text


def test_time_is_given_as_instant_and_as_seconds_since_the_start(path: Path) -> None:
    lines = written(sample_run().journal, path)

    activity = next(line for line in lines if line.get("operation") == "activity")
    assert activity["at"] == "2026-03-02T03:30:01.000Z"
    assert activity["t"] == 1.0


def test_headers_of_the_machine_and_of_the_testbed_are_left_out(path: Path) -> None:
    line = one_exchange(
        path,
        request_headers={
            "Host": "api.mailmodo.com",
            ACTOR_HEADER: "asha@example.com",
            CAUSE_HEADER: "e000001",
        },
        response_headers={"date": "today", "SERVER": "Python/3.11", "Content-Type": "text/plain"},
    )

    assert line["request"]["headers"] == {"Host": "api.mailmodo.com"}
    assert line["response"]["headers"] == {"Content-Type": "text/plain"}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", {}),
        (b'{"b": 1, "a": ["s3cret"]}', {"json": {"b": 1, "a": ["[masked: key]"]}}),
        (b"[1]", {"json": [1]}),
        (b"email=a%40b.test", {"text": "email=a%40b.test"}),
        (b'{"cut": ', {"text": '{"cut": '}),
        ("ü s3cret".encode(), {"text": "ü [masked: key]"}),
        (b"\xff\x00s3cret", {"base64": base64.b64encode(b"\xff\x00[masked: key]").decode()}),
        (b"[" * 100_000, {"text": "[" * 100_000}),
        (b'"\\ud800"', {"json": "\ud800"}),
        ("a\u2028b\n".encode(), {"text": "a\u2028b\n"}),
    ],
)
def test_body_is_json_else_text_else_base64(body: bytes, expected: dict[str, Any], path: Path) -> None:
    line = one_exchange(path, request_body=body)

    line["request"].pop("headers")
    assert line["request"] == expected


def test_details_that_are_no_json_are_written_as_text(path: Path) -> None:
    journal = Journal(lambda: START)
    journal.step("wait", "asha@example.com", details={"until": START})

    assert written(journal, path)[0]["details"] == {"until": "2026-03-02 03:30:00+00:00"}


def test_violations_and_causes_are_told(path: Path) -> None:
    lines = written(sample_run(broken=True).journal, path)

    broken = next(line for line in lines if line.get("violations"))
    assert broken["violations"][0]["path"] == "$.d[0].ts"
    assert broken["causes"]


@pytest.mark.parametrize("bad", ["{", "[1]", "{}", '{"id": "e000001"}'])
def test_file_that_is_no_journal_is_refused_with_its_line(bad: str, path: Path) -> None:
    good = json.dumps({"id": "e000001", "kind": "note", "at": "2026-03-02T03:30:00.000Z"})
    path.write_text(f"{good}\n\n{bad}\n")

    with pytest.raises(UnreadableJournal, match=r"journal\.jsonl:3: .*id, kind and at") as caught:
        list(read_json_lines(path))

    assert caught.value.line == 3
