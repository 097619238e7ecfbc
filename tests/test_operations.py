"""Every operation and webhook of the two notes is listed, with a test that proves it or with the reason why there is none."""

from __future__ import annotations

import re
import textwrap
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import pytest

from contracts import load_contract
from simulator.proofs import PROVED, Proof, operation_of, operation_table, proofs, questions, sections
from tests import conftest
from tests.fakes.clevertap.account import account
from tests.fakes.mailmodo.account import open_account
from tests.support.notes import needs_notes, parts
from tests.support.pages import ROOT
from tests.support.proving import unproved, watched

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FOUND: Final = proofs(ROOT / "tests")
ANSWERS: Final = proofs(ROOT / "tests", "answers")


def not_served(vendor: str) -> list[Mapping[str, Any]]:
    listed: list[Mapping[str, Any]] = load_contract(vendor).document["info"]["x-not-served"]
    return listed


# What the contracts have


@pytest.mark.parametrize("vendor", PROVED)
def test_every_operation_and_webhook_is_in_one_section(vendor: str) -> None:
    contract = load_contract(vendor)
    listed = [name for names in contract.document["info"]["x-sections"].values() for name in names]

    assert sorted(name for name in listed if ":" not in name) == sorted(contract.operations)
    assert all(operation_of(contract, name) for name in listed)


@pytest.mark.parametrize("vendor", PROVED)
def test_every_operation_webhook_and_call_has_a_test(vendor: str) -> None:
    proved = {each.what for each in FOUND if each.vendor == vendor}

    assert not set(sections(load_contract(vendor))) - proved


@pytest.mark.parametrize("proof", FOUND, ids=lambda proof: f"{proof.test}-{proof.what}")
def test_a_mark_names_what_there_is(proof: Proof) -> None:
    assert proof.vendor in PROVED
    assert proof.what in sections(load_contract(proof.vendor))


def test_marks_are_found_in_parameters_and_classes_and_not_where_tests_do_not_run(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_some.py").write_text(
        """
class TestMore:
    @pytest.mark.proves("mailmodo", "addEvent", "activity")
    async def test_inside(self): ...

class Helper:
    @pytest.mark.proves("mailmodo", "addEvent")
    def test_no_test(self): ...

@pytest.mark.parametrize("x", [1, pytest.param(2, marks=pytest.mark.proves("clevertap", "upload"))])
def test_one(x): ...

@pytest.mark.skip
@pytest.mark.proves("clevertap", "connect")
def test_skipped(): ...

@pytest.mark.long
@pytest.mark.proves("clevertap", "connect")
def test_long(): ...
""",
        encoding="utf-8",
    )

    assert proofs(tmp_path / "tests") == (
        Proof("mailmodo", "addEvent", "tests/test_some.py::TestMore::test_inside"),
        Proof("mailmodo", "activity", "tests/test_some.py::TestMore::test_inside"),
        Proof("clevertap", "upload", "tests/test_some.py::test_one"),
    )
    assert "| nothing |" in operation_table(tmp_path / "tests")


@pytest.mark.parametrize("vendor", PROVED)
def test_every_open_question_has_a_test(vendor: str) -> None:
    answered = {each.what for each in ANSWERS if each.vendor == vendor}

    assert answered == set(questions(load_contract(vendor)))


@pytest.mark.parametrize(
    "pytestmark",
    ["pytest.mark.long", "[pytest.mark.slow, pytest.mark.skipif(True, reason='')]", "pytest.mark.xfail"],
)
def test_marks_of_modules_and_classes_hold_for_all_their_tests(tmp_path: Path, pytestmark: str) -> None:
    body = """
@pytest.mark.proves("clevertap", "connect")
def test_one(): ...
"""
    (tmp_path / "tests").mkdir()
    more = {
        "test_never.py": f"pytestmark = {pytestmark}\n{body}",
        "test_annotated.py": f"pytestmark: list = {pytestmark}\n{body}",
        "test_inside.py": f"class TestIt:\n    pytestmark = {pytestmark}\n{textwrap.indent(body, '    ')}",
        "test_outside.py": f"@{pytestmark.strip('[]').partition(', ')[0].replace('slow', 'skip')}\n"
        f"class TestIt:\n{textwrap.indent(body, '    ')}",
        "test_slow.py": f"pytestmark = pytest.mark.slow\n{body}",
        "test_again.py": f"pytestmark = {pytestmark}\npytestmark = []\n{body}",
        "test_whole.py": "pytestmark = [pytest.mark.proves('mailmodo', 'addEvent')]\n\ndef test_it(): ...\n",
    }
    for name, text in more.items():
        (tmp_path / "tests" / name).write_text(text, encoding="utf-8")

    assert proofs(tmp_path / "tests") == (
        Proof("clevertap", "connect", "tests/test_again.py::test_one"),
        Proof("clevertap", "connect", "tests/test_slow.py::test_one"),
        Proof("mailmodo", "addEvent", "tests/test_whole.py::test_it"),
    )


# What a marked test must do


async def test_what_is_done_well_is_proved_and_what_is_refused_is_not() -> None:
    with watched() as seen:
        async with account() as ct:
            await ct.call("GET", "/v1/connect?partner=Mailmodo")
            await ct.call("POST", "/1/upload", body={"d": [{"type": "event"}]})
            await ct.call("POST", "/1/targets/result.json", body={"id": 1})

    names = ["connect", "upload", "getTargetResult", "customBody"]
    assert unproved("clevertap", names, seen) == ["upload", "getTargetResult", "customBody"]
    assert unproved("mailmodo", ["addEvent", "clevertap:upload"], seen) == ["addEvent", "clevertap:upload"]


async def test_a_marked_test_that_does_something_else_fails() -> None:
    marks = [pytest.mark.proves("clevertap", "connect", "upload").mark]
    item = SimpleNamespace(iter_markers=lambda _: marks)
    hook = conftest.pytest_runtest_call(item)  # type: ignore[arg-type]  # what the hook looks at

    next(hook)
    async with account() as ct:
        await ct.call("GET", "/v1/connect?partner=Mailmodo")

    with pytest.raises(pytest.fail.Exception, match=r"what it did not do.*: clevertap upload$"):
        hook.send(None)


@pytest.mark.parametrize("mark", ["answers", "bounds"])
@pytest.mark.parametrize(
    ("vendor", "keywords", "told"),
    [
        ("clevertap", {}, ""),
        ("mailmodo", {}, "no exchange with mailmodo; if it tries plain values, say `without_wire=True`"),
        ("mailmodo", {"without_wire": True}, ""),
        ("clevertap", {"without_wire": True}, "`without_wire=True`, and there are exchanges with clevertap"),
    ],
)
async def test_a_fake_that_is_held_to_something_must_have_spoken(
    mark: str, vendor: str, keywords: dict[str, bool], told: str
) -> None:
    marks = {mark: [getattr(pytest.mark, mark)(vendor, 1, **keywords).mark]}
    item = SimpleNamespace(iter_markers=lambda name: marks.get(name, []))
    hook = conftest.pytest_runtest_call(item)  # type: ignore[arg-type]  # what the hook looks at

    next(hook)
    async with account() as ct:
        await ct.call("POST", "/1/upload", body={"d": [{"type": "event"}]})  # a refusal is an answer, too

    with pytest.raises(pytest.fail.Exception if told else StopIteration) as caught:
        hook.send(None)
    assert told in str(caught.value)


# What the notes have


REQUEST: Final = re.compile(r"\b(GET|POST|PUT|PATCH|DELETE)`? `?(?:https://[^/`\s]*)?(/[^`\n]*)`")
PATH: Final = re.compile(r"`(?:https?://)?(?:[a-z0-9.<>-]+\.(?:com|io|dev))?(/[a-z0-9_][^`]*)`")
FILE: Final = re.compile(r"`([a-z]+\.json)`")
OTHERS: Final = {
    "/v1/batch": "Segment's, among the wire rules for whoever writes to it",
    "/1": "a base, not a request",
    "/hooks": "a base, not a request",
    "/api/v1": "a base, not a request",
    "/docs/setup-webhooks": "a page of documentation",
}
"""What looks like a path of the vendor's in the notes and is none, with what it is."""


def plain(path: str) -> str:
    """Bring a path of the notes and of a contract into one form: no query, parameters without names."""
    path = path.partition("?")[0].rstrip(".,;/… ")
    return re.sub(r"\{[^}]*\}|<[^>]*>", "{}", path)


def known(vendor: str) -> dict[str, set[str]]:
    """Give the sections in which the contract has a path, or says that it is not served; with and without method."""
    contract = load_contract(vendor)
    found: dict[str, set[str]] = {}
    for name, section in sections(contract).items():
        operation = operation_of(contract, name)
        if operation.kind == "operation":
            for key in (plain(operation.path), f"{operation.method} {plain(operation.path)}"):
                found.setdefault(key, set()).add(section)
    for each in not_served(vendor):
        method, _, path = each["call"].partition(" ")
        path = path[path.find("/") :]
        for key in (plain(path), f"{method} {plain(path)}"):
            found.setdefault(key, set()).add(each["section"])
    return found


@needs_notes
@pytest.mark.parametrize("vendor", PROVED)
def test_every_request_of_the_notes_is_served_or_listed_with_its_section(vendor: str) -> None:
    served = known(vendor)

    named = [
        (section, f"{method} {plain(path)}")
        for section, text in parts(vendor)
        for method, path in REQUEST.findall(text)
    ]

    assert len(named) > 20
    assert not [(section, request) for section, request in named if section not in served.get(request, ())]


@needs_notes
@pytest.mark.parametrize("vendor", PROVED)
def test_every_path_of_the_notes_is_served_or_listed(vendor: str) -> None:
    served = known(vendor)
    files = {path.rpartition("/")[2] for path in served}
    text = "\n".join(text for _, text in parts(vendor))

    paths = {plain(path) for path in PATH.findall(text)} - set(OTHERS)

    assert len(paths) >= 8
    assert not sorted(paths - set(served))
    assert not set(FILE.findall(text)) - files


@needs_notes
@pytest.mark.parametrize("vendor", PROVED)
def test_sections_are_those_of_the_notes(vendor: str) -> None:
    listed = {*sections(load_contract(vendor)).values(), *(each["section"] for each in not_served(vendor))}

    assert listed <= {section for section, _ in parts(vendor)}


@needs_notes
@pytest.mark.parametrize("vendor", PROVED)
def test_questions_are_those_of_the_notes(vendor: str) -> None:
    contract = load_contract(vendor)
    text = dict(parts(vendor))[contract.document["info"]["x-questions"]["section"]]

    rows = dict(re.findall(r"^\| (\d+) \| (.*?) \| ", text, re.MULTILINE))

    assert len(rows) > 20
    assert questions(contract) == rows


# What is not served


def requests_not_served(vendor: str) -> list[Any]:
    return [
        pytest.param(*each["call"].split(" "), each["answers"], id=each["call"])
        for each in not_served(vendor)
        if "answers" in each
    ]


@pytest.mark.parametrize(("method", "path", "status"), requests_not_served("clevertap"))
async def test_clevertap_answers_what_it_does_not_serve_as_listed(
    method: str, path: str, status: int
) -> None:
    async with account() as ct:
        answered, answer = await ct.call(method, path, body={} if method == "POST" else None)

    refused = {"status": "fail", "error": "Method Not Allowed", "code": 405}
    assert (answered, answer) == (status, None if status == 200 else refused)


@pytest.mark.parametrize(("method", "path", "status"), requests_not_served("mailmodo"))
@pytest.mark.answers("mailmodo", 25, 26)
async def test_mailmodo_answers_what_it_does_not_serve_as_listed(method: str, path: str, status: int) -> None:
    async with open_account() as mailmodo:
        answered, answer = await mailmodo.call(method, re.sub(r"\{\w+\}", "x", path), {})

    assert (answered, answer) == (
        status,
        {"error": "error", "message": "Some Internal Error Occurred: 404"},
    )
